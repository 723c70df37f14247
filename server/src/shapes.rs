//! Beside the loops: which fields the captures of each source have. Counted in memory as they are absorbed and stored with
//! the next look ([`crate::vigil`]); what a node that dies had not stored yet is missing from a statistic, and no more.
//! What is odd about the counts is decided by [`leadloop_sync_core::shape`].

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use leadloop_config::plan::Plan;
use leadloop_store::{Store, StoreError};
use leadloop_sync_core::capture::{CaptureKind, Captured};
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::shape::{self, Held, MOST_KINDS, Tally, USUAL};
use leadloop_sync_core::time::Timestamp;

use crate::node::Node;

/// Counts by source and kind of touch.
#[derive(Default)]
pub struct Shapes(Mutex<BTreeMap<SourceName, BTreeMap<String, Tally>>>);

impl Shapes {
    /// Counts captures of the plan's sources.
    pub(crate) fn see<'a>(&self, plan: &Plan, captures: impl Iterator<Item = &'a Captured>) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for captured in captures.filter(|captured| captured.kind == CaptureKind::Touch) {
            if !plan.policy.sources.contains_key(&captured.source) {
                continue;
            }
            let kinds = sources.entry(captured.source.clone()).or_default();
            if kinds.contains_key(&captured.touch) || kinds.len() < MOST_KINDS {
                kinds.entry(captured.touch.clone()).or_default().see(captured);
            }
        }
    }
}

/// Stores what was counted since the last time.
///
/// # Errors
/// Where the store does not answer; what was counted is lost then.
pub async fn keep(node: &Node) -> Result<(), StoreError> {
    let counts: Vec<_> = {
        let mut sources = node.shapes.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(source, kinds): (&SourceName, &mut BTreeMap<String, Tally>)| {
            let counts = kinds.iter_mut().flat_map(|(touch, tally)| tally.take(touch));
            counts.map(|count| (source.clone(), count)).collect::<Vec<_>>()
        };
        sources.iter_mut().flat_map(of).collect()
    };
    node.store.add_shapes(&counts, node.clock.now() - USUAL - shape::SPAN).await
}

/// The fields of a source: how usual each is, and how it was lately.
///
/// # Errors
/// Where the store does not answer.
pub async fn held(store: &Store, source: &SourceName, now: Timestamp) -> Result<Vec<Held>, StoreError> {
    Ok(shape::held(&store.shapes(source, now - USUAL).await?, now))
}
