//! One running node: what its loops share, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use leadloop_config::plan::Plan;
use leadloop_connector_api::Registry;
use leadloop_store::{Keeper, Store};
use leadloop_sync_core::ids::LinkName;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::converse::Line;
use crate::rates::Rates;
use crate::wire::Wire;

/// Hints that wait to be looked at; more are dropped, since the poll behind them runs anyway.
const HINTS: usize = 1_024;

/// What the loops of a node share.
pub struct Node {
    /// Time and dice.
    pub clock: Arc<dyn Clock>,
    /// The way out.
    pub wire: Arc<dyn Wire>,
    /// The database.
    pub store: Store,
    /// The durable inbox.
    pub keeper: Keeper,
    /// All connectors.
    pub registry: Registry,
    /// Rates of senders.
    pub rates: Rates,
    /// Systems we speak to.
    pub lines: BTreeMap<LinkName, Arc<Line>>,
    /// Goes down.
    pub stop: CancellationToken,
    plan: ArcSwap<Plan>,
    hints: mpsc::Sender<(LinkName, String)>,
}

impl Node {
    /// A node and the end of its hints that [`crate::tick`] listens to.
    pub fn new(
        parts: (Arc<dyn Clock>, Arc<dyn Wire>, Store, Keeper, Registry),
        plan: Arc<Plan>,
        lines: BTreeMap<LinkName, Arc<Line>>,
    ) -> (Arc<Self>, mpsc::Receiver<(LinkName, String)>) {
        let (clock, wire, store, keeper, registry) = parts;
        let (hints, heard) = mpsc::channel(HINTS);
        let node = Self {
            clock,
            wire,
            store,
            keeper,
            registry,
            rates: Rates::default(),
            lines,
            stop: CancellationToken::new(),
            plan: ArcSwap::new(plan),
            hints,
        };
        (Arc::new(node), heard)
    }

    /// The plan in force.
    #[must_use]
    pub fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// A system says that something changed there: its poll shall run now.
    pub fn hint(&self, link: &str, object: &str) {
        // A full queue means that polls are already hurried.
        let _ = self.hints.try_send((LinkName::from(link), object.to_owned()));
    }
}
