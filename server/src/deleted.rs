//! Carries out that a person is forgotten whose last record was deleted in a CRM: when, and whether, is decided in
//! `sync_core::deleted`. Part of [`crate::tick`].

use leadloop_store::{Stamp, StoreError, WriteLane};
use leadloop_sync_core::deleted::{self, ERASE};
use leadloop_sync_core::effect::{Deadline, Effect, Reaction};
use leadloop_sync_core::time::Micros;

use crate::node::Node;
use crate::people;

/// It is tried again so much later where something of the person is being sent just now.
const AGAIN: Micros = Micros::minutes(1);
/// Why, where erasures are listed.
const REASON: &str = "the person's last record was deleted in the CRM";

/// A deadline of kind [`ERASE`] came. Whatever becomes of it, it does not stand any more, or comes again later.
///
/// # Errors
/// When the store cannot be reached.
pub(crate) async fn forget(node: &Node, deadline: &Deadline) -> Result<(), StoreError> {
    let plan = node.plan();
    let mut tx = node.store.begin(WriteLane::Hot).await?;
    let book = tx.load(&deleted::needs(deadline, &plan.policy)).await?;
    let mut moment = node.clock.moment();
    let stamp = Stamp { verb: "tick", config: plan.hash.clone(), now: moment.now };
    if let Some(instead) = deleted::due(&book, deadline, &plan.policy, &mut moment) {
        return tx.commit(&stamp, &[instead]).await.map(drop);
    }
    tx.undo().await?;
    let who = deadline.key.split('/').nth(1).map_or_else(|| ERASE.to_owned(), |link| format!("crm:{link}"));
    let ends = deleted::forgotten(deadline, &moment);
    let mut effects = Vec::new();
    match people::forget(node, deadline.lead, (&who, Some(REASON)), ends).await {
        Ok(_) => effects.push(Effect::ClearDeadline(deadline.key.clone())),
        Err(error) => {
            tracing::warn!(%error, lead = %deadline.lead, "a person is not forgotten yet");
            effects.push(Effect::SetDeadline(Deadline { at: moment.now + AGAIN, ..deadline.clone() }));
        }
    }
    let tx = node.store.begin(WriteLane::Hot).await?;
    tx.commit(&stamp, &[Reaction { effects, ..Reaction::default() }]).await.map(drop)
}
