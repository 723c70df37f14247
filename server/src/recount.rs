//! Counting the scores of everybody anew under the models as they are now, slice by slice.
//!
//! Reading and counting happen beside the writer; only what changed is committed, in the background lane, against the
//! versions that were read: a lead that lives meanwhile is counted again.

use std::collections::BTreeMap;

use leadloop_config::plan::Plan;
use leadloop_store::read::walk::{MOST_TOUCHES, Walked};
use leadloop_store::{Stamp, Store, StoreError, WriteLane};
use leadloop_sync_core::effect::Reaction;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::recompute::{Verdict, recompute};
use serde::{Deserialize, Serialize};

use crate::orders::OrderError;

/// People of one slice: a commit of so many holds the writer for a few milliseconds.
pub const SLICE: u32 = 100;
/// How often a slice is tried anew for leads that changed meanwhile.
const ROUNDS: u32 = 5;
/// Where the place that was reached is kept.
const REACHED: &str = "recompute";

/// A slice of everybody to be counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The last of the slice before.
    pub after: Option<LeadId>,
    /// Under this config, so that nothing is counted by rules nobody compared.
    pub config: String,
}

/// What a model gives, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shift {
    /// People who get other points.
    pub people: u64,
    /// Sum of points as they were.
    pub before: i64,
    /// Sum of points as they become.
    pub after: i64,
}

/// What became of a slice.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Slice {
    /// The last person looked at; `None`: there was nobody left.
    pub last: Option<LeadId>,
    /// People looked at.
    pub people: u64,
    /// Of these, whom something changes for.
    pub changed: u64,
    /// People whose history is too long to be counted: they stay as they are.
    pub too_long: u64,
    /// People who come into another part of the pool.
    pub moved: u64,
    /// Who becomes an MQL.
    pub new_mqls: Vec<LeadId>,
    /// Who stops being one.
    pub lost_mqls: Vec<LeadId>,
    /// By model.
    pub models: BTreeMap<String, Shift>,
}

impl Slice {
    /// Adds what another slice brought.
    pub fn add(&mut self, other: Slice) {
        self.last = other.last;
        self.people += other.people;
        self.changed += other.changed;
        self.too_long += other.too_long;
        self.moved += other.moved;
        self.new_mqls.extend(other.new_mqls);
        self.lost_mqls.extend(other.lost_mqls);
        for (model, shift) in other.models {
            let sum = self.models.entry(model).or_default();
            sum.people += shift.people;
            sum.before += shift.before;
            sum.after += shift.after;
        }
    }

    fn note(&mut self, verdict: &Verdict, changes: bool) {
        self.people += 1;
        self.changed += u64::from(changes);
        self.moved += u64::from(verdict.moves);
        match (verdict.was_mql, verdict.is_mql) {
            (false, true) => self.new_mqls.push(verdict.lead),
            (true, false) => self.lost_mqls.push(verdict.lead),
            _ => {}
        }
        for (model, after) in &verdict.after {
            let before = verdict.before.get(model).copied().unwrap_or(0);
            let shift = self.models.entry(model.clone()).or_default();
            shift.people += u64::from(before != *after);
            shift.before += before;
            shift.after += after;
        }
    }
}

/// Counts a slice without writing anything.
///
/// # Errors
/// Where the store cannot be read.
pub async fn compare(
    store: &Store,
    plan: &Plan,
    after: Option<LeadId>,
    moment: &mut Moment,
) -> Result<Slice, StoreError> {
    let walked = store.walk(after, SLICE).await?;
    let mut slice = Slice { last: walked.people.last().copied(), ..Slice::default() };
    count(&mut slice, &walked, plan, moment);
    Ok(slice)
}

/// Counts the people of a walk; what is to be done, each with whose it is.
fn count(slice: &mut Slice, walked: &Walked, plan: &Plan, moment: &mut Moment) -> Vec<(LeadId, Reaction)> {
    let mut reactions = Vec::new();
    for id in &walked.people {
        let touches = walked.book.touches.get(id).cloned().unwrap_or_default();
        if touches.len() > usize::try_from(MOST_TOUCHES).unwrap_or(usize::MAX) {
            slice.people += 1;
            slice.too_long += 1;
            continue;
        }
        let Some((verdict, reaction)) = recompute(&walked.book, *id, touches, &plan.policy, moment) else {
            continue;
        };
        slice.note(&verdict, reaction.is_some());
        reactions.extend(reaction.map(|reaction| (*id, reaction)));
    }
    reactions
}

/// Counts a slice and writes what it changes.
///
/// # Errors
/// Where the store fails, or the plan in force is not the one that was compared (`LL4521`). What was written stays.
pub async fn apply(
    store: &Store,
    plan: &Plan,
    order: &Order,
    mut moments: impl FnMut() -> Moment,
) -> Result<Slice, OrderError> {
    if order.config != plan.hash {
        return Err(other_config());
    }
    let mut walked = store.walk(order.after, SLICE).await?;
    let mut whole = Slice { last: walked.people.last().copied(), ..Slice::default() };
    for _ in 0..ROUNDS {
        if walked.people.is_empty() {
            break;
        }
        let mut moment = moments();
        let mut slice = Slice::default();
        let (people, reactions): (Vec<LeadId>, Vec<Reaction>) =
            count(&mut slice, &walked, plan, &mut moment).into_iter().unzip();
        let stale = if reactions.is_empty() {
            Vec::new()
        } else {
            let tx = store.begin(WriteLane::Background).await?;
            let stamp = Stamp { verb: "recompute", config: plan.hash.clone(), now: moment.now };
            match tx.commit(&stamp, &reactions).await {
                Ok(done) => done.stale.iter().filter_map(|place| people.get(*place).copied()).collect(),
                Err(StoreError::Stale { rows }) if rows.iter().any(|row| row.starts_with("config ")) => {
                    return Err(other_config());
                }
                Err(StoreError::Stale { .. }) => people,
                Err(error) => return Err(error.into()),
            }
        };
        slice.new_mqls.retain(|lead| !stale.contains(lead));
        slice.lost_mqls.retain(|lead| !stale.contains(lead));
        let late = u64::try_from(stale.len()).unwrap_or(0);
        (slice.people, slice.changed) =
            (slice.people - late.min(slice.people), slice.changed - late.min(slice.changed));
        whole.add(Slice { last: whole.last, ..slice });
        walked = store.histories(stale).await?;
    }
    let reached = whole.last.map(|last| format!("{} {last}", plan.hash));
    store.put_meta(REACHED, reached.as_deref().unwrap_or("")).await?;
    Ok(whole)
}

/// Where an earlier run under this config broke off.
///
/// # Errors
/// Where the store cannot be read.
pub async fn reached(store: &Store, plan: &Plan) -> Result<Option<LeadId>, StoreError> {
    let kept = store.meta(REACHED).await?.unwrap_or_default();
    let place = kept.split_once(' ').filter(|(config, _)| *config == plan.hash);
    Ok(place.and_then(|(_, last)| last.parse().ok()))
}

fn other_config() -> OrderError {
    OrderError {
        code: Some("LL4521".to_owned()),
        detail: "another config is in force than the one that was read: start `leadloop run` with it first"
            .to_owned(),
        outside: false,
    }
}
