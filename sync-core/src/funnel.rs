//! Stage 3, pool: where a lead stands, and whether it is an MQL.
//!
//! The definition is what marketing and sales signed (`[mql]`). It has hysteresis: a lead that became an MQL stays one until
//! `leave` holds. Resting and lost leads are left in peace until they ask for sales, or until new behaviour lifts them
//! over the definition again; what was there before does not count anew. Stages that sales decide are set by
//! [`crate::settle`] and [`crate::feedback`]; whether a hand-over follows is for [`crate::transfer`].

use leadloop_mapping::expr::Facts;

use crate::because::Reason;
use crate::facts::{self, Scene};
use crate::lead::{Lead, Stage, Touch};
use crate::policy::{MqlPolicy, Policy};
use crate::time::Timestamp;

/// Whether the definition holds for a lead now. A condition that cannot be decided does not hold.
#[must_use]
pub fn holds(lead: &Lead, policy: &Policy, now: Timestamp) -> bool {
    let facts = facts::of(&Scene { lead, touch: None, policy, now });
    policy.mql.as_ref().is_some_and(|mql| mql.when.eval_bool(&facts).unwrap_or(false))
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

/// Judges a lead after a touch. `held` says whether the definition held before it.
pub fn judge(
    lead: &mut Lead,
    touch: &Touch,
    held: impl FnOnce() -> bool,
    policy: &Policy,
    now: Timestamp,
) -> Recognised {
    let mut found = Recognised::default();
    let Some(mql) = &policy.mql else { return found };
    let facts = facts::of(&Scene { lead, touch: Some(touch), policy, now });
    let yes = |condition: &leadloop_mapping::expr::Expr| condition.eval_bool(&facts).unwrap_or(false);
    let when = yes(&mql.when);
    let asks = mql.also.iter().find(|also| yes(also));
    match lead.stage {
        Stage::Closed => {}
        Stage::Resting | Stage::Lost => {
            // What happened before the rest is no new behaviour, however late we hear of it.
            let new = touch.at >= lead.stage_since && (asks.is_some() || when && !held());
            if new {
                found.reasons.push(Reason::new("woken").with("touch", &touch.kind));
                become_mql(lead, mql, asks, now, &mut found.reasons);
                enter(lead, Stage::Marketing, now, &mut found.reasons);
                found.calls = true;
            }
        }
        Stage::Won => found.calls = asks.is_some(),
        Stage::WithSales | Stage::Accepted | Stage::Opportunity => found.calls = asks.is_some(),
        Stage::Raw | Stage::Marketing => {
            if !lead.mql && (when || asks.is_some()) {
                become_mql(lead, mql, asks, now, &mut found.reasons);
            } else if lead.mql && !when && asks.is_none() && left(mql, &facts) {
                lead.mql = false;
                found.reasons.push(Reason::new("mql_left"));
            }
            let stage = if lead.mql { Stage::Marketing } else { Stage::Raw };
            enter(lead, stage, now, &mut found.reasons);
            found.calls = lead.mql;
        }
    }
    found
}

fn left(mql: &MqlPolicy, facts: &Facts) -> bool {
    mql.leave.as_ref().is_some_and(|leave| leave.eval_bool(facts).unwrap_or(false))
}

fn become_mql(
    lead: &mut Lead,
    mql: &MqlPolicy,
    asks: Option<&leadloop_mapping::expr::Expr>,
    now: Timestamp,
    reasons: &mut Vec<Reason>,
) {
    lead.mql = true;
    lead.mql_at = Some(now);
    let text = asks.map_or_else(|| mql.when.text(), leadloop_mapping::expr::Expr::text);
    reasons.push(Reason::new("mql").with("by", text));
}
