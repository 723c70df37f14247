//! Counting a whole history anew: when an event comes late or two leads turn out to be one person and caps are at stake,
//! and when a model was changed.
//!
//! Touches count in the order in which they happened, so a score does not depend on the order in which they became known.
//! A rule that looks at the lead too keeps what it made of a touch when that came, as long as the model is the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::Book;
use crate::facts::{self, Scene};
use crate::ids::LeadId;
use crate::lead::{Counted, Lead, ScoreState, Touch};
use crate::policy::{Policy, ScoreModel};

use super::{give, worths};

/// A history, counted anew.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Replayed {
    /// The states of all models.
    pub scores: BTreeMap<String, ScoreState>,
    /// The touches that came out otherwise than they were, in the order they happened.
    pub changed: Vec<Touch>,
}

/// Whether the order of touches matters to some model.
#[must_use]
pub fn matters(policy: &Policy) -> bool {
    policy.scores.iter().any(ScoreModel::is_capped)
}

/// All touches of a person, where the book has them all; `members` are the leads it is made of beside itself.
#[must_use]
pub fn history(book: &Book, lead: &Lead, members: &[LeadId], touches: u32) -> Option<Vec<Touch>> {
    let is_own = |id: LeadId| {
        let whose = book.resolve(id).map_or(id, |found| found.id);
        whose == lead.id || members.contains(&whose)
    };
    let own: Vec<&Vec<Touch>> =
        book.touches.iter().filter(|(id, _)| is_own(**id)).map(|(_, touches)| touches).collect();
    // Counted before anything is copied: of a long life the book has only the end, at every one of its touches.
    let known: usize = own.iter().map(|touches| touches.len()).sum();
    (u32::try_from(known) == Ok(touches)).then(|| own.into_iter().flatten().cloned().collect())
}

/// Counts all touches of a lead, in the order they happened. Points that were sent and attributes stay as they are.
#[must_use]
pub fn replay(lead: &Lead, mut touches: Vec<Touch>, policy: &Policy) -> Replayed {
    touches.sort_by_key(|touch| (touch.at, touch.id));
    let models: Vec<&ScoreModel> = policy.scores.iter().filter(|model| model.from.is_none()).collect();
    let names: BTreeSet<&str> = policy.scores.iter().map(|model| model.name.as_str()).collect();
    let kept = lead.scores.iter().filter(|(name, _)| names.contains(name.as_str()));
    let mut scores: BTreeMap<String, ScoreState> =
        kept.map(|(name, state)| (name.clone(), state.clone())).collect();
    for model in &models {
        if let Some(state) = scores.get_mut(&model.name) {
            let attributes = state.attributes;
            *state = ScoreState { attributes, version: model.version, ..ScoreState::default() };
        }
    }
    let mut changed = Vec::new();
    for mut touch in touches {
        let before = (std::mem::take(&mut touch.points), std::mem::take(&mut touch.counted));
        for model in &models {
            let known = before.1.get(&model.name).filter(|counted| counted.version == model.version);
            let worths =
                known.map_or_else(|| anew(model, lead, &touch, policy), |known| known.worths.clone());
            if worths.is_empty() && !scores.contains_key(&model.name) && !model.looks_beyond() {
                continue;
            }
            let state = scores
                .entry(model.name.clone())
                .or_insert_with(|| ScoreState { version: model.version, ..ScoreState::default() });
            for worth in &worths {
                give(model, state, *worth, &mut touch, &policy.zone);
            }
            if model.looks_beyond() {
                touch.counted.insert(model.name.clone(), Counted { version: model.version, worths });
            }
        }
        if (&touch.points, &touch.counted) != (&before.0, &before.1) {
            changed.push(touch);
        }
    }
    Replayed { scores, changed }
}

/// What the rules of a model make of a touch today.
fn anew(model: &ScoreModel, lead: &Lead, touch: &Touch, policy: &Policy) -> Vec<(u32, i64)> {
    if !model.touches.iter().any(|rule| rule.touch == touch.kind) {
        return Vec::new();
    }
    let facts = if model.looks_beyond() {
        facts::judged(&Scene { lead, touch: Some(touch), policy, now: touch.at })
    } else {
        facts::of_touch(touch)
    };
    worths(model, touch, &facts)
}
