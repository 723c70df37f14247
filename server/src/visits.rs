//! Visits that are over: what was counted of a visitor becomes one touch. What becomes of each is decided by
//! [`leadloop_sync_core::visit`].

use std::sync::Arc;

use leadloop_store::{Stamp, StoreError, WriteLane};
use leadloop_sync_core::visit;

use crate::bounds;
use crate::node::Node;

/// Works until the node stops.
pub async fn run(node: Arc<Node>) {
    while !node.stop.is_cancelled() {
        let counted = if node.may_decide() { round(&node).await } else { Ok(0) };
        let wait = match counted {
            Ok(0) => bounds::VISITS_EVERY,
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!(%error, "visits wait for the store");
                bounds::VISITS_EVERY
            }
        };
        tokio::select! {
            () = node.clock.sleep_until(node.clock.now() + wait) => {}
            () = node.stop.cancelled() => {}
        }
    }
}

/// One batch: how many visits were looked at.
///
/// # Errors
/// When the store cannot be reached.
pub async fn round(node: &Node) -> Result<usize, StoreError> {
    let mut moment = node.clock.moment();
    let mut tx = node.store.begin(WriteLane::Background).await?;
    let visits = tx.due_visits(moment.now, bounds::VISITS_BATCH).await?;
    if visits.is_empty() {
        return Ok(0);
    }
    let reactions: Vec<_> = visits.iter().map(|visit| visit::look(visit, &mut moment)).collect();
    let stamp = Stamp { verb: "visit", config: node.plan().hash.clone(), now: moment.now };
    tx.commit(&stamp, &reactions).await?;
    Ok(visits.len())
}
