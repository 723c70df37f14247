//! Stage 3, pool: where a lead stands, and whether it is an MQL.
//!
//! The definition is what marketing and sales signed (`[mql]`, or one `[[mql]]` for each product line). It has hysteresis: a
//! lead that became an MQL stays one until `leave` holds, and then is none again by that definition while it cools down,
//! unless it asks for sales. Resting and lost leads are left in peace until they ask for sales, or until new behaviour lifts them
//! over the definition again; what was there before does not count anew. Stages that sales decide are set by
//! [`crate::settle`] and [`crate::feedback`]; whether a hand-over follows is for [`crate::transfer`].

use leadloop_mapping::expr::{Expr, Facts};

use crate::because::Reason;
use crate::facts::{self, Scene};
use crate::lead::{Lead, Stage, Touch};
use crate::policy::{MqlPolicy, Policy};
use crate::time::Timestamp;

/// Whether one of the definitions holds for a lead now. A condition that cannot be decided does not hold.
#[must_use]
pub fn holds(lead: &Lead, policy: &Policy, now: Timestamp) -> bool {
    let facts = facts::judged(&Scene { lead, touch: None, policy, now });
    policy.mql.iter().any(|mql| mql.when.eval_bool(&facts).unwrap_or(false))
}

/// Makes a lead an MQL where a definition holds for it as it is, without anything having happened; whether one does.
pub fn qualify(lead: &mut Lead, policy: &Policy, now: Timestamp, reasons: &mut Vec<Reason>) -> bool {
    let facts = facts::judged(&Scene { lead, touch: None, policy, now });
    let holds = policy.mql.iter().find(|mql| mql.when.eval_bool(&facts).unwrap_or(false));
    if let Some(mql) = holds {
        become_mql(lead, (mql, &mql.when), now, reasons);
    }
    holds.is_some()
}

/// Moves a lead to a stage, with the reason.
pub fn enter(lead: &mut Lead, stage: Stage, now: Timestamp, reasons: &mut Vec<Reason>) {
    if lead.stage != stage {
        let reason = Reason::new("stage").with("from", lead.stage.as_str());
        reasons.push(reason.with("to", stage.as_str()));
        lead.stage = stage;
        lead.stage_since = now;
        if stage != Stage::Resting {
            lead.rest_until = None;
        }
    }
}

/// What a touch changed about the lead's place.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Recognised {
    /// Whether the lead, or this touch of it, is one for sales: [`crate::transfer::open`] is to be asked.
    pub calls: bool,
    /// The reasons.
    pub reasons: Vec<Reason>,
}

/// Judges a lead after a touch. `held` says whether a definition held before it.
pub fn judge(
    lead: &mut Lead,
    touch: &Touch,
    held: impl FnOnce() -> bool,
    policy: &Policy,
    now: Timestamp,
) -> Recognised {
    let mut found = Recognised::default();
    if policy.mql.is_empty() {
        return found;
    }
    let facts = facts::judged(&Scene { lead, touch: Some(touch), policy, now });
    let yes = |condition: &Expr| condition.eval_bool(&facts).unwrap_or(false);
    let asks =
        policy.mql.iter().find_map(|mql| mql.also.iter().find(|also| yes(also)).map(|also| (mql, also)));
    let when = policy.mql.iter().find(|mql| yes(&mql.when)).map(|mql| (mql, &mql.when));
    match lead.stage {
        Stage::Closed => {}
        Stage::Resting | Stage::Lost => {
            // What happened before the rest is no new behaviour, however late we hear of it.
            let fresh = touch.at >= lead.stage_since;
            let by = asks.or_else(|| when.filter(|_| fresh && !held()));
            if let (true, Some(by)) = (fresh, by) {
                found.reasons.push(Reason::new("woken").with("touch", &touch.kind));
                become_mql(lead, by, now, &mut found.reasons);
                enter(lead, Stage::Marketing, now, &mut found.reasons);
                found.calls = true;
            }
        }
        Stage::Won => found.calls = asks.is_some(),
        Stage::WithSales | Stage::Accepted | Stage::Opportunity => found.calls = asks.is_some(),
        Stage::Raw | Stage::Marketing => {
            let warm = policy.mql.iter().find(|mql| yes(&mql.when) && !cools(lead, mql, now));
            let by = asks.or_else(|| warm.map(|mql| (mql, &mql.when)));
            match (lead.mql, by) {
                (false, Some(by)) => become_mql(lead, by, now, &mut found.reasons),
                (false, None) => found.reasons.extend(when.map(|(mql, when)| cooling(lead, mql, when))),
                (true, by) => leave(lead, by, policy, &facts, now, &mut found.reasons),
            }
            let stage = if lead.mql { Stage::Marketing } else { Stage::Raw };
            enter(lead, stage, now, &mut found.reasons);
            found.calls = lead.mql;
        }
    }
    found
}

/// Judges a lead that stands before sales although nothing happened: the rules or its points changed.
pub fn again(lead: &mut Lead, policy: &Policy, now: Timestamp, reasons: &mut Vec<Reason>) {
    if policy.mql.is_empty() {
        return;
    }
    let facts = facts::judged(&Scene { lead, touch: None, policy, now });
    let warm = policy
        .mql
        .iter()
        .find(|mql| mql.when.eval_bool(&facts).unwrap_or(false) && !cools(lead, mql, now))
        .map(|mql| (mql, &mql.when));
    match (lead.mql, warm) {
        (false, Some(by)) => become_mql(lead, by, now, reasons),
        (false, None) => {}
        (true, by) => leave(lead, by, policy, &facts, now, reasons),
    }
    enter(lead, if lead.mql { Stage::Marketing } else { Stage::Raw }, now, reasons);
}

/// The definition by which a lead is or was an MQL.
fn own<'p>(lead: &Lead, policy: &'p Policy) -> Option<&'p MqlPolicy> {
    policy.mql.iter().find(|mql| mql.name == lead.mql_of).or(policy.mql.first())
}

/// Whether a lead left this definition too short a time ago to meet it again.
fn cools(lead: &Lead, mql: &MqlPolicy, now: Timestamp) -> bool {
    let left = lead.mql_left.filter(|_| mql.name == lead.mql_of);
    left.zip(mql.cool_down).is_some_and(|(left, length)| now < left + length)
}

fn cooling(lead: &Lead, mql: &MqlPolicy, when: &Expr) -> Reason {
    let until = lead.mql_left.zip(mql.cool_down).map(|(left, length)| (left + length).to_string());
    Reason::new("mql_cooling").with("by", when.text()).with("until", until.unwrap_or_default())
}

/// Hysteresis: an MQL stays one until `leave` of its definition holds; then another definition may still hold.
fn leave(
    lead: &mut Lead,
    by: Option<(&MqlPolicy, &Expr)>,
    policy: &Policy,
    facts: &Facts,
    now: Timestamp,
    reasons: &mut Vec<Reason>,
) {
    let Some(own) = own(lead, policy) else { return };
    let leaves = || own.leave.as_ref().is_some_and(|leave| leave.eval_bool(facts).unwrap_or(false));
    match by {
        Some((mql, _)) if mql.name == own.name => {}
        _ if own.when.eval_bool(facts).unwrap_or(false) || !leaves() => {}
        Some(by) => become_mql(lead, by, now, reasons),
        None => {
            lead.mql = false;
            lead.mql_left = Some(now);
            reasons.push(Reason::new("mql_left"));
        }
    }
}

fn become_mql(lead: &mut Lead, (mql, by): (&MqlPolicy, &Expr), now: Timestamp, reasons: &mut Vec<Reason>) {
    lead.mql = true;
    lead.mql_at = Some(now);
    lead.mql_of.clone_from(&mql.name);
    lead.mql_left = None;
    let reason = Reason::new("mql").with("by", by.text());
    reasons.push(match &mql.name {
        Some(name) => reason.with("of", name),
        None => reason,
    });
}
