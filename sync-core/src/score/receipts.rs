//! What a score is made of, line by line: so that anybody can argue with it.

use leadloop_mapping::expr::Facts;
use serde::{Deserialize, Serialize};

use super::{MICRO, decayed};
use crate::ids::SourceName;
use crate::lead::{Lead, ScoreState, Touch};
use crate::policy::ScoreModel;
use crate::time::Timestamp;

/// What one part of a score comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Something the profile says: the rule's condition.
    Attribute(String),
    /// A touch.
    Touch {
        /// What happened.
        kind: String,
        /// When.
        at: Timestamp,
        /// Through which source.
        source: SourceName,
    },
    /// Touches that were not listed to us, and rounding.
    Others,
    /// Sent by this MA or source.
    Sent(String),
    /// Beyond the least or most points of the model.
    Range,
}

/// One line of an explanation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// What it comes from.
    pub part: Part,
    /// Micro-points given.
    pub given: i64,
    /// Micro-points that are left of them now.
    pub left: i64,
}

/// What a score is made of now: attributes, then touches, newest first. The lines sum up to the points shown, to half a
/// point. `touches` may be some of the lead's; the rest is one line.
#[must_use]
pub fn explain(
    model: &ScoreModel,
    lead: &Lead,
    touches: &[Touch],
    facts: &Facts,
    now: Timestamp,
) -> Vec<Receipt> {
    let none = ScoreState::default();
    let state = lead.scores.get(&model.name).unwrap_or(&none);
    let mut receipts: Vec<Receipt> = Vec::new();
    for rule in model.add.iter().filter(|rule| rule.when.eval_bool(facts).unwrap_or(false)) {
        let micro = rule.points.saturating_mul(MICRO);
        receipts.push(Receipt {
            part: Part::Attribute(rule.when.text().to_owned()),
            given: micro,
            left: micro,
        });
    }
    let attributes: i64 = receipts.iter().map(|receipt| receipt.left).sum();
    let total = decayed(state.micro, now - state.as_of, model.half_life);
    if let Some(from) = &model.from {
        receipts.push(Receipt { part: Part::Sent(from.clone()), given: state.micro, left: total });
    } else {
        let mut told: Vec<&Touch> =
            touches.iter().filter(|touch| touch.points.contains_key(&model.name)).collect();
        told.sort_by_key(|touch| std::cmp::Reverse(touch.at));
        let mut rest = total;
        for touch in told {
            let given = touch.points.get(&model.name).copied().unwrap_or(0);
            let left = decayed(given, now - touch.at, model.half_life);
            rest = rest.saturating_sub(left);
            let part = Part::Touch { kind: touch.kind.clone(), at: touch.at, source: touch.source.clone() };
            receipts.push(Receipt { part, given, left });
        }
        // Below a thousandth of a point it is rounding.
        if rest.abs() > MICRO / 1_000 {
            receipts.push(Receipt { part: Part::Others, given: rest, left: rest });
        }
    }
    let sum = attributes.saturating_add(total);
    let bounded = sum.clamp(model.range.0.saturating_mul(MICRO), model.range.1.saturating_mul(MICRO));
    if bounded != sum {
        let beyond = bounded.saturating_sub(sum);
        receipts.push(Receipt { part: Part::Range, given: beyond, left: beyond });
    }
    receipts
}
