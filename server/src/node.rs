//! One running node: what its loops share, and nothing else.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use leadloop_config::plan::Plan;
use leadloop_connector_api::Registry;
use leadloop_connector_api::manifest::Limit;
use leadloop_store::{Keeper, Store};
use leadloop_sync_core::ids::LinkName;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::answer::token::Keys;
use crate::clock::Clock;
use crate::converse::Line;
use crate::leases::Leases;
use crate::rates::Rates;
use crate::shapes::Shapes;
use crate::trouble::Trouble;
use crate::wire::Wire;

/// Hints that wait to be looked at; more are dropped, since the poll behind them runs anyway.
const HINTS: usize = 1_024;

/// A system as one version of the config drives it.
pub struct Driven {
    /// How it is spoken to.
    pub line: Arc<Line>,
    /// Its windows.
    pub limits: Vec<Limit>,
    /// Exchanges under way at once.
    pub concurrent: u32,
}

/// Systems by name.
pub type Lines = BTreeMap<LinkName, Arc<Driven>>;

/// What the loops of a node share.
pub struct Node {
    /// Its name among other nodes.
    pub id: String,
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
    /// Which fields sources tell.
    pub shapes: Shapes,
    /// Whether the database takes writes.
    pub trouble: Trouble,
    /// How often the clock was set back while it ran.
    pub set_back: AtomicU32,
    /// The links it drives.
    pub leases: Leases,
    /// Goes down.
    pub stop: CancellationToken,
    /// One reload at a time.
    pub(crate) reloading: tokio::sync::Mutex<()>,
    plan: ArcSwap<Plan>,
    lines: ArcSwap<Lines>,
    drivers: Mutex<BTreeMap<LinkName, JoinHandle<()>>>,
    current: AtomicBool,
    paused: AtomicBool,
    keys: ArcSwap<Keys>,
    hints: mpsc::Sender<(LinkName, String)>,
}

impl Node {
    /// A node and the end of its hints that [`crate::tick`] listens to.
    pub fn new(
        parts: (Arc<dyn Clock>, Arc<dyn Wire>, Store, Keeper, Registry),
        plan: Arc<Plan>,
        lines: Lines,
    ) -> (Arc<Self>, mpsc::Receiver<(LinkName, String)>) {
        let (clock, wire, store, keeper, registry) = parts;
        let (hints, heard) = mpsc::channel(HINTS);
        let id = clock.moment().id::<()>().uuid().simple().to_string();
        let leases = Leases::new(store.is_shared());
        let node = Self {
            id,
            clock,
            wire,
            store,
            keeper,
            registry,
            rates: Rates::default(),
            shapes: Shapes::default(),
            trouble: Trouble::default(),
            set_back: AtomicU32::new(0),
            leases,
            stop: CancellationToken::new(),
            reloading: tokio::sync::Mutex::new(()),
            plan: ArcSwap::new(plan),
            lines: ArcSwap::from_pointee(lines),
            drivers: Mutex::default(),
            current: AtomicBool::new(true),
            paused: AtomicBool::new(false),
            keys: ArcSwap::default(),
            hints,
        };
        (Arc::new(node), heard)
    }

    /// The plan in force.
    #[must_use]
    pub fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// The systems it speaks to.
    #[must_use]
    pub fn lines(&self) -> Arc<Lines> {
        self.lines.load_full()
    }

    /// One of them; none where the config does not have it any more.
    #[must_use]
    pub fn line(&self, name: &LinkName) -> Option<Arc<Driven>> {
        self.lines.load().get(name).cloned()
    }

    /// Another plan with its lines.
    pub(crate) fn take(&self, plan: Arc<Plan>, lines: Lines) {
        self.plan.store(plan);
        self.lines.store(Arc::new(lines));
        self.set_current(true);
    }

    /// Takes a line out: its loop comes to rest.
    pub(crate) fn drop_line(&self, name: &LinkName) {
        let mut lines = Lines::clone(&self.lines());
        lines.remove(name);
        self.lines.store(Arc::new(lines));
    }

    /// Puts lines back that were taken out.
    pub(crate) fn put_lines(&self, lines: Arc<Lines>) {
        self.lines.store(lines);
    }

    /// The loop of a link.
    pub(crate) fn drive(&self, name: &LinkName, task: JoinHandle<()>) {
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), task);
    }

    /// The loop of a link, to wait for its end.
    pub(crate) fn driver(&self, name: &LinkName) -> Option<JoinHandle<()>> {
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner).remove(name)
    }

    /// The loops of all links, to wait for their ends.
    pub(crate) fn all_drivers(&self) -> Vec<JoinHandle<()>> {
        let mut drivers = self.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *drivers).into_values().collect()
    }

    /// Whether its config is the one in force; else it decides and sends nothing.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.current.load(Ordering::Acquire)
    }

    pub(crate) fn set_current(&self, current: bool) {
        self.current.store(current, Ordering::Release);
    }

    /// Whether the store was restored from a backup and nobody said yet that it may go on: it reads what the systems
    /// have, and decides and writes nothing.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Release);
    }

    /// Whether it may decide.
    #[must_use]
    pub fn may_decide(&self) -> bool {
        self.is_current() && !self.is_paused()
    }

    /// The keys of answer links.
    #[must_use]
    pub fn keys(&self) -> Arc<Keys> {
        self.keys.load_full()
    }

    /// Makes the keys of answer links known.
    pub fn set_keys(&self, keys: Keys) {
        self.keys.store(Arc::new(keys));
    }

    /// A system says that something changed there: its poll shall run now.
    pub fn hint(&self, link: &str, object: &str) {
        // A full queue means that polls are already hurried.
        let _ = self.hints.try_send((LinkName::from(link), object.to_owned()));
    }
}
