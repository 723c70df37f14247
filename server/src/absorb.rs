//! Inbox → pool: captures in the order they came, in batches. What sales answered takes the same road.

use std::collections::BTreeSet;
use std::sync::Arc;

use leadloop_config::plan::Plan;
use leadloop_store::{StoreError, Topic, Tx, Wake, WriteLane};
use leadloop_sync_core::absorb;
use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::capture::{CaptureEnd, Captured};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::policy::Policy;

use crate::node::Node;
use crate::react::{self, Verb};
use crate::{bounds, metrics};

/// Captures go to the pool; answers of sales to their hand-over.
pub struct Absorb;

impl Verb for Absorb {
    type Input = Captured;
    const NAME: &'static str = "absorb";

    fn needs(inputs: &[Captured], policy: &Policy) -> Needs {
        absorb::needs(inputs, policy)
    }
    fn more(book: &Book, inputs: &[Captured], policy: &Policy) -> Needs {
        absorb::needs_more(book, inputs, policy)
    }
    fn react(book: &Book, input: &Captured, policy: &Policy, moment: &mut Moment) -> Reaction {
        absorb::absorb(book, input, policy, moment)
    }
    fn park(input: &Captured, code: &str, detail: &str, _: &mut Moment) -> Reaction {
        let end = CaptureEnd::Parked { code: code.to_owned(), detail: detail.to_owned() };
        let mut reaction =
            Reaction { effects: vec![Effect::FinishCapture { id: input.id, end }], ..Reaction::default() };
        reaction.because.capture = Some(input.id);
        reaction
    }
}

/// Works until the node stops.
pub async fn run(node: Arc<Node>) {
    let mut wake = node.store.wakes().on(Topic::Inbox);
    while !node.stop.is_cancelled() {
        if !node.may_decide() {
            rest(&node, &mut wake).await;
            continue;
        }
        match round(&node, bounds::ABSORB_BATCH).await {
            Ok(0) => rest(&node, &mut wake).await,
            Ok(count) => metrics::decided(Absorb::NAME, count),
            Err(error) => {
                tracing::warn!(%error, "absorbing waits for the store");
                node.trouble.note(&error, 0, node.clock.now());
                tokio::time::sleep(bounds::AFTER_FAILURE.to_std()).await;
            }
        }
    }
}

async fn rest(node: &Node, wake: &mut Wake) {
    tokio::select! {
        () = wake.wait() => {}
        () = tokio::time::sleep(bounds::LOOK_EVERY.to_std()) => {}
        () = node.stop.cancelled() => {}
    }
}

/// One batch of at most `limit`: how many captures came to their end.
///
/// # Errors
/// When the store cannot be reached; nothing was lost.
pub async fn round(node: &Node, mut limit: u32) -> Result<usize, StoreError> {
    let mut stale = 0;
    loop {
        // Read anew each time: what is stale may be so because another config is in force.
        let plan = node.plan();
        // Taken back by a power cut, it is absorbed again: the captures are durable, and so is every claim that follows.
        let mut tx = node.store.begin(WriteLane::Hot).await?.soon();
        let captures = tx.claim_captures(limit, &BTreeSet::new()).await?;
        if captures.is_empty() {
            return Ok(0);
        }
        if captures.len() > bounds::ABSORB_BATCH as usize {
            match in_parts(tx, captures, &plan, node).await {
                Ok(count) => return Ok(count),
                // What is wrong is found in a batch of one part.
                Err(error) if matches!(error, StoreError::Stale { .. }) || error.blames_a_reaction() => {
                    limit = bounds::ABSORB_BATCH;
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        match react::react::<Absorb>(tx, &captures, &plan, node).await {
            Ok(committed) => {
                // What was stale is still due: the next round takes it.
                let done = captures.iter().enumerate().filter(|(at, _)| !committed.stale.contains(at));
                node.shapes.see(&plan, done.map(|(_, captured)| captured));
                return Ok(captures.len());
            }
            Err(StoreError::Stale { .. }) if stale < bounds::STALE_ROUNDS => stale += 1,
            Err(StoreError::Stale { .. }) if captures.len() > 1 => limit = 1,
            Err(error) if error.blames_a_reaction() && captures.len() > 1 => {
                limit = u32::try_from(captures.len() / 2).unwrap_or(1);
            }
            Err(error) if error.blames_a_reaction() => {
                let tx = node.store.begin(WriteLane::Hot).await?;
                if let Some(capture) = captures.first() {
                    react::park::<Absorb>(tx, capture, &error.to_string(), &plan, node).await?;
                }
                return Ok(1);
            }
            Err(error) => return Err(error),
        }
    }
}

/// A batch of more than one part, where nobody else decides.
async fn in_parts(tx: Tx, captures: Vec<Captured>, plan: &Plan, node: &Node) -> Result<usize, StoreError> {
    let captures = react::react_in_parts::<Absorb>(tx, captures, plan, node).await?;
    node.shapes.see(plan, captures.iter());
    Ok(captures.len())
}
