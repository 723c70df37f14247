//! Taking writes back: the order that a command gives. What it does to a record is for [`leadloop_sync_core::undo`].

use leadloop_store::people::Audited;
use leadloop_store::read::before::BeforeAsk;
use leadloop_store::{Stamp, WriteLane};
use leadloop_sync_core::ids::DeliveryId;
use leadloop_sync_core::undo;
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::orders::{Done, OrderError};
use crate::people::bounded;

/// Writes of one order, where they are of several records.
pub const SLICE: usize = 500;
/// Writes of one order at most, all of one record then.
pub const MOST: usize = 10_000;

/// Which writes are taken back: at most [`SLICE`], but all writes of a record that are meant stand in one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The deliveries that wrote.
    pub deliveries: Vec<DeliveryId>,
    /// The name under which what is written now can be taken back in turn.
    pub run: String,
    /// Who wants it.
    pub who: String,
}

/// Puts the deliveries that take writes back into the outbox; durable when it returns. Says how many records it is.
///
/// # Errors
/// See [`OrderError`].
pub async fn carry_out(node: &Node, order: Order) -> Result<Done, OrderError> {
    let (plan, mut moment) = (node.plan(), node.clock.moment());
    let run = bounded(order.run, 80);
    let count = order.deliveries.len();
    if count == 0 {
        return Ok(Done::default());
    }
    if count > MOST {
        return Err(too_many(count));
    }
    let limit = u32::try_from(count).unwrap_or(u32::MAX);
    let ask = BeforeAsk { deliveries: order.deliveries, limit, ..BeforeAsk::default() };
    let images = node.store.before_images(&ask).await?;
    if images.len() > SLICE && images.iter().any(|image| image.remote != images[0].remote) {
        return Err(too_many(images.len()));
    }
    let mut tx = node.store.begin(WriteLane::Background).await?;
    let mut book = tx.load(&undo::needs(&images, &plan.policy)).await?;
    let more = undo::needs_more(&book, &images);
    tx.load_more(&mut book, &more).await?;
    let reactions = undo::begin(&book, &images, &run, &plan.policy, &mut moment);
    let stamp = Stamp { verb: "undo", config: plan.hash.clone(), now: moment.now };
    let committed = tx.commit(&stamp, &reactions).await?;
    // What was changed by somebody else meanwhile was left out, and counts for nothing.
    let written: Vec<_> = (0..).zip(&reactions).filter(|(at, _)| !committed.stale.contains(at)).collect();
    let leads = written.iter().filter(|(_, reaction)| reaction.because.lead.is_some()).count();
    let noted = Audited {
        seq: 0,
        at: moment.now,
        who: bounded(order.who, 200),
        what: "undo".to_owned(),
        lead: None,
        count: i64::try_from(leads).unwrap_or(i64::MAX),
        detail: run,
    };
    node.store.audit(&noted, &[]).await?;
    Ok(Done { changed: written.len() as u64, ..Done::default() })
}

/// What is done in one transaction has an end, whoever sends the order.
fn too_many(count: usize) -> OrderError {
    let detail = format!(
        "{count} writes are too many for one order: at most {SLICE}, or {MOST} of one record; nothing was put back"
    );
    OrderError::input("LL4801", detail)
}
