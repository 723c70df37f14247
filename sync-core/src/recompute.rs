//! A lead under changed rules: its whole history counted by the models as they are now, its place in the funnel and in the
//! pool found again. Used to compare before a new version is applied, and to apply it.
//!
//! Nobody is handed over by it: that waits for the next thing that happens, so that a changed model does not flood sales.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::because::{Because, Reason};
use crate::book::Book;
use crate::effect::{Effect, Reaction};
use crate::facts::{self, Scene};
use crate::ids::LeadId;
use crate::lead::{Lead, Stage, Touch};
use crate::moment::Moment;
use crate::outbox::Lane;
use crate::policy::Policy;
use crate::score::{self, replay};
use crate::{funnel, inform, pool};

/// What changed rules make of a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whose.
    pub lead: LeadId,
    /// Points by model as they are.
    pub before: BTreeMap<String, i64>,
    /// Points by model as they become.
    pub after: BTreeMap<String, i64>,
    /// Whether it is an MQL now.
    pub was_mql: bool,
    /// Whether it is one then.
    pub is_mql: bool,
    /// Whether it comes into another part of the pool.
    pub moves: bool,
}

/// Counts a lead anew, and what is to be done where that changes something. `touches` are all of the person's.
#[must_use]
pub fn recompute(
    book: &Book,
    id: LeadId,
    touches: Vec<Touch>,
    policy: &Policy,
    moment: &mut Moment,
) -> Option<(Verdict, Option<Reaction>)> {
    // What stays of a person who was forgotten is told by its numbers alone.
    let forgotten =
        |lead: &Lead| lead.stage == Stage::Closed && lead.identifiers.is_empty() && lead.profile.is_empty();
    let before = book.leads.get(&id).filter(|lead| lead.merged_into.is_none() && !forgotten(lead))?;
    let now = moment.now;
    let mut lead = before.clone();
    let replayed = replay::replay(&lead, touches, policy);
    lead.scores = replayed.scores;
    let facts = facts::of(&Scene { lead: &lead, touch: None, policy, now });
    score::attributes(&mut lead, &facts, policy);
    let part = pool::part(&lead, policy);
    let moves = part != lead.pool;
    lead.pool = part;
    let mut because = Because { lead: Some(id), ..Because::default() };
    if matches!(lead.stage, Stage::Raw | Stage::Marketing) {
        funnel::again(&mut lead, policy, now, &mut because.reasons);
    }
    let verdict = Verdict {
        lead: id,
        before: score::all(before, policy, now),
        after: score::all(&lead, policy, now),
        was_mql: before.mql,
        is_mql: lead.mql,
        moves,
    };
    if lead == *before && replayed.changed.is_empty() {
        return Some((verdict, None));
    }
    let changed = differences(&verdict);
    if !changed.is_empty() {
        because.reasons.insert(0, Reason::new("recomputed").with("scores", changed.join(", ")));
    }
    let mut effects: Vec<Effect> =
        replayed.changed.into_iter().map(|touch| Effect::Receipts(Box::new(touch))).collect();
    effects.extend(quietly(inform::changes(Some(before), &lead, policy, moment)));
    lead.version = before.version + 1;
    effects.push(Effect::PutLead(Box::new(lead)));
    Some((verdict, Some(Reaction { effects, because })))
}

/// `interest 40 → 25`, of models that give other points.
fn differences(verdict: &Verdict) -> Vec<String> {
    let differ = verdict.after.iter().filter(|(model, after)| verdict.before.get(*model) != Some(after));
    let before = |model: &String| verdict.before.get(model).copied().unwrap_or(0);
    differ.map(|(model, after)| format!("{model} {} → {after}", before(model))).collect()
}

/// What MAs are told of it stands behind everything that just happened.
fn quietly(mut effects: Vec<Effect>) -> Vec<Effect> {
    for effect in &mut effects {
        if let Effect::Enqueue(delivery) = effect {
            delivery.lane = Lane::Backfill;
        }
    }
    effects
}
