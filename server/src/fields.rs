//! What a person says of conflicts between pool and CRM, and that a CRM shall describe its fields anew. Part of
//! [`crate::orders`].
//!
//! An answer takes the road of all that sales answer: a capture about the record, which the core takes in.

use leadloop_mapping::Record;
use leadloop_store::{Stamp, WriteLane};
use leadloop_sync_core::agree::{self, RESOLVE};
use leadloop_sync_core::capture::{CaptureKind, Captured, DedupKey, Identifier, Ties};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::feedback::crm_id;
use leadloop_sync_core::ids::{LinkName, SourceName};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::settle;
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::orders::{Done, OrderError};

/// The side that is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// The CRM's value.
    Crm,
    /// The pool's value.
    Pool,
}

/// A conflict, settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Of which record.
    pub remote: RemoteRef,
    /// The CRM's field.
    pub field: String,
    /// Who is right.
    pub right: Right,
}

/// Keeps the answers; durable when it returns.
///
/// # Errors
/// See [`OrderError`].
pub async fn settle(node: &Node, answers: Vec<Settled>) -> Result<Done, OrderError> {
    let changed = u64::try_from(answers.len()).unwrap_or(u64::MAX);
    let mut moment = node.clock.moment();
    let mut reaction = Reaction::default();
    for answer in answers {
        let right = match answer.right {
            Right::Crm => "crm",
            Right::Pool => "pool",
        };
        let fields = Record::new()
            .with("answer.link", answer.remote.link.as_str())
            .with("answer.object", answer.remote.object.as_str())
            .with("answer.id", answer.remote.id.as_str())
            .with(format!("{RESOLVE}{}", answer.field), right);
        let id = moment.id();
        reaction.effects.push(Effect::Keep(Box::new(Captured {
            id,
            push: None,
            position: 0,
            source: SourceName(format!("crm:{}", answer.remote.link)),
            key: DedupKey::Event(format!("settled/{id}")),
            at: moment.now,
            arrived: moment.now,
            kind: CaptureKind::Feedback,
            touch: "answer".to_owned(),
            who: vec![Identifier::new("crm_id", crm_id(&answer.remote))],
            ties: Ties::default(),
            fields,
        })));
    }
    let stamp = Stamp { verb: "settle_conflicts", config: node.plan().hash.clone(), now: moment.now };
    let tx = node.store.begin(WriteLane::Hot).await?;
    tx.commit(&stamp, &[reaction]).await?;
    Ok(Done { changed, ..Done::default() })
}

/// Conflicts released in one transaction.
const SLICE: u32 = 500;

/// Releases conflicts that the fuse keeps from the review list; durable when it returns. Says how many records it is.
///
/// # Errors
/// See [`OrderError`].
pub async fn release(node: &Node, link: Option<LinkName>) -> Result<Done, OrderError> {
    let mut changed = 0;
    loop {
        let held = node.store.withheld(link.as_ref(), SLICE).await?;
        if held.is_empty() {
            return Ok(Done { changed, ..Done::default() });
        }
        let moment = node.clock.moment();
        let needs = agree::release_needs(&held);
        let mut tx = node.store.begin(WriteLane::Hot).await?;
        tx.hold_leads(&needs).await?;
        let book = tx.load(&needs).await?;
        let remotes = held.into_iter().map(|link| link.remote).collect();
        let reactions = agree::release(&book, &remotes, &moment);
        let stamp = Stamp { verb: "settle_conflicts", config: node.plan().hash.clone(), now: moment.now };
        tx.commit(&stamp, &reactions).await?;
        changed += u64::try_from(reactions.len()).unwrap_or(0);
    }
}

/// Has the descriptions of a CRM read now; durable when it returns. Says how many they are.
///
/// # Errors
/// See [`OrderError`].
pub async fn describe(node: &Node, link: &LinkName) -> Result<Done, OrderError> {
    let (plan, now) = (node.plan(), node.clock.now());
    let effects = settle::describe_now(&plan.policy, link, now);
    let changed = u64::try_from(effects.len()).unwrap_or(0);
    let tx = node.store.begin(WriteLane::Hot).await?;
    let stamp = Stamp { verb: "hint", config: plan.hash.clone(), now };
    tx.commit(&stamp, &[Reaction { effects, ..Reaction::default() }]).await?;
    Ok(Done { changed, ..Done::default() })
}
