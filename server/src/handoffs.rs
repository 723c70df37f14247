//! What a command asks to be done with hand-overs: taking back, giving to somebody else, making again what was
//! deleted in the CRM, what the desk before sales decided, a new key for answer links.
//!
//! Part of [`crate::orders`]: plain data, carried out by the process that owns the store. A change of hands is a deadline that
//! is due now, so that the core decides it like everything else.

use std::collections::BTreeSet;

use leadloop_store::{KeptPush, PushState, Stamp, WriteLane};
use leadloop_sync_core::answer_page;
use leadloop_sync_core::book::Needs;
use leadloop_sync_core::deleted;
use leadloop_sync_core::desk::{self, Verdict};
use leadloop_sync_core::effect::{Deadline, Effect, Reaction};
use leadloop_sync_core::handoff::{Handoff, HandoffState};
use leadloop_sync_core::ids::{HandoffId, LeadId, PersonKey, PushId, SourceName};
use leadloop_sync_core::routing;
use leadloop_sync_core::tick::{AGAIN, REASSIGN, TAKE_BACK};
use serde::{Deserialize, Serialize};

use crate::answer;
use crate::node::Node;
use crate::orders::{Done, OrderError};

/// Something to be done with hand-overs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "handoffs", rename_all = "snake_case")]
pub enum Order {
    /// Take them back to the pool.
    TakeBack {
        /// Which.
        ids: Vec<HandoffId>,
    },
    /// Give them to somebody else.
    Reassign {
        /// Which.
        ids: Vec<HandoffId>,
        /// To whom.
        to: PersonKey,
    },
    /// Hand leads over again whose record was deleted in the CRM.
    Again {
        /// By their hand-overs.
        ids: Vec<HandoffId>,
    },
    /// What the desk before sales decided.
    Desk(Decided),
    /// Make a new key for answer links.
    NewKey,
}

/// What the desk before sales decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// On which hand-over.
    pub id: HandoffId,
    /// `confirm`, `nurture` or `drop`.
    pub verdict: String,
    /// Who says so.
    pub by: String,
    /// A remark, or the reason.
    pub remark: String,
    /// The track to go on with.
    pub track: String,
    /// Fields that were found out.
    pub fields: Vec<(String, String)>,
}

/// Carries an order out; durable when it returns.
///
/// # Errors
/// See [`OrderError`].
pub async fn carry_out(node: &Node, order: Order) -> Result<Done, OrderError> {
    match order {
        Order::TakeBack { ids } => by_hand(node, &ids, None).await,
        Order::Reassign { ids, to } => {
            let plan = node.plan();
            if !plan.policy.people.contains_key(&to) {
                let known: Vec<&str> = plan.policy.people.keys().map(|key| key.as_str()).take(50).collect();
                let detail = format!("there is no person `{to}`; there are: {}", known.join(", "));
                return Err(OrderError::input("LL4607", detail));
            }
            by_hand(node, &ids, Some(&to)).await
        }
        Order::Again { ids } => again(node, &ids).await,
        Order::Desk(decided) => desk_decided(node, decided).await,
        Order::NewKey => {
            answer::new_key(node).await?;
            Ok(Done { changed: 1, ..Done::default() })
        }
    }
}

/// The hand-overs, each still there and in a state that fits.
async fn found(
    node: &Node,
    ids: &[HandoffId],
    fits: impl Fn(HandoffState) -> bool,
) -> Result<Vec<Handoff>, OrderError> {
    let mut needs = Needs::default();
    needs.handoffs.extend(ids);
    let book = node.store.look(&needs).await?;
    let mut handoffs = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(handoff) = book.handoffs.get(id) else {
            return Err(OrderError::input("LL4606", format!("there is no hand-over {id}")));
        };
        if !fits(handoff.state) {
            let detail = format!("hand-over {id} is {}; nothing was changed", handoff.state.as_str());
            return Err(OrderError::input("LL4607", detail));
        }
        handoffs.push(handoff.clone());
    }
    Ok(handoffs)
}

async fn by_hand(node: &Node, ids: &[HandoffId], to: Option<&PersonKey>) -> Result<Done, OrderError> {
    let with_sales =
        |state| matches!(state, HandoffState::WithSales | HandoffState::Accepted | HandoffState::Parked);
    let handoffs = found(node, ids, with_sales).await?;
    at_once(node, &handoffs, |handoff| match to {
        Some(to) => (REASSIGN, format!("{REASSIGN}/{}/{to}", handoff.id)),
        None => (TAKE_BACK, format!("{TAKE_BACK}/{}", handoff.id)),
    })
    .await
}

/// A deadline for each hand-over that is there already, of that kind and key: whoever decides takes it next.
async fn at_once(
    node: &Node,
    handoffs: &[Handoff],
    of: impl Fn(&Handoff) -> (&'static str, String),
) -> Result<Done, OrderError> {
    let now = node.clock.now();
    let reactions: Vec<Reaction> = handoffs
        .iter()
        .map(|handoff| {
            let (kind, key) = of(handoff);
            let deadline = Deadline {
                key,
                at: now,
                kind: kind.to_owned(),
                step: 0,
                lead: handoff.lead,
                handoff: Some(handoff.id),
            };
            Reaction { effects: vec![Effect::SetDeadline(deadline)], ..Reaction::default() }
        })
        .collect();
    let tx = node.store.begin(WriteLane::Hot).await?;
    tx.commit(&Stamp { verb: "order", config: node.plan().hash.clone(), now }, &reactions).await?;
    Ok(Done { changed: u64::try_from(reactions.len()).unwrap_or(0), ..Done::default() })
}

/// Leads are handed over again: each hand-over is decided anew.
async fn again(node: &Node, ids: &[HandoffId]) -> Result<Done, OrderError> {
    let handoffs = found(node, ids, |_| true).await?;
    let leads: BTreeSet<LeadId> = handoffs.iter().map(|handoff| handoff.lead).collect();
    let mut needs =
        Needs { leads: leads.clone(), handoffs: ids.iter().copied().collect(), ..Needs::default() };
    let book = node.store.look(&needs).await?;
    let people = leads.iter().filter_map(|lead| book.resolve(*lead));
    needs.counters.extend(people.map(|lead| routing::dealings_key(lead.id)));
    let book = node.store.look(&needs).await?;
    if let Some(other) = handoffs.iter().find(|handoff| !deleted::may_be_made_again(&book, handoff)) {
        let detail = format!(
            "hand-over {} is {}, and its record was not deleted in the CRM; nothing was changed",
            other.id,
            other.state.as_str()
        );
        return Err(OrderError::input("LL4607", detail));
    }
    at_once(node, &handoffs, |handoff| (AGAIN, format!("{AGAIN}/{}", handoff.id))).await
}

async fn desk_decided(node: &Node, decided: Decided) -> Result<Done, OrderError> {
    if Verdict::parse(&decided.verdict).is_none() {
        return Err(OrderError::input("LL4607", format!("`{}` is no decision of the desk", decided.verdict)));
    }
    let plan = node.plan();
    if !decided.track.is_empty() && !plan.policy.tracks.contains_key(&decided.track) {
        let known: Vec<&str> = plan.policy.tracks.keys().map(String::as_str).collect();
        let detail = format!("there is no track `{}`; there are: {}", decided.track, known.join(", "));
        return Err(OrderError::input("LL4607", detail));
    }
    let fill = plan.policy.desk.as_ref().map(|desk| desk.fill.as_slice()).unwrap_or_default();
    if let Some((field, _)) = decided.fields.iter().find(|(field, _)| !fill.contains(field)) {
        let detail = format!("the desk does not fill in `{field}`; it fills in: {}", fill.join(", "));
        return Err(OrderError::input("LL4607", detail));
    }
    let at_desk = found(node, &[decided.id], |state| state == HandoffState::AtDesk).await?;
    let version = at_desk.first().map_or(0, |handoff| handoff.version);
    let mut record =
        desk::answer(&decided.verdict, &decided.by, &decided.remark, &decided.track, &decided.fields);
    record.set("answer.handoff", decided.id.to_string());
    let mut moment = node.clock.moment();
    let push: PushId = moment.id();
    let captured =
        answer_page::capture(record.clone(), format!("{}/{version}", decided.id), push, &mut moment);
    let kept = KeptPush {
        id: push,
        source: SourceName(leadloop_sync_core::feedback::ANSWER_PAGE.to_owned()),
        arrived: moment.now,
        method: "POST".to_owned(),
        path: "sdr".to_owned(),
        headers: Default::default(),
        body: serde_json::to_vec(&record).unwrap_or_default(),
        config: plan.hash.clone(),
        state: PushState::Read,
        duplicate_within: Default::default(),
        captures: vec![captured],
        countable: Default::default(),
        quarantined: Vec::new(),
        resolves: Vec::new(),
        counted: Default::default(),
    };
    let kept = node.keeper.keep(kept).await?;
    if kept.kept == 0 {
        let detail = format!("{} was decided already; `leadloop handoff show` tells how", decided.id);
        return Err(OrderError::input("LL4607", detail));
    }
    Ok(Done { changed: 1, ..Done::default() })
}
