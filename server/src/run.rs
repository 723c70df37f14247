//! Starting, serving, stopping. Opens what is needed, runs the loops, and at the end lets what is under way come home.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{any, get};
use leadloop_config::plan::{LinkPlan, Plan};
use leadloop_connector_api::Registry;
use leadloop_store::{KeeperSettings, Stamp, Store, StoreError, Topic, Version, WriteLane};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::settle;
use leadloop_sync_core::time::Timestamp;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::auth::{AuthError, Login, base_url};
use crate::clock::{Clock, SystemClock};
use crate::converse::Line;
use crate::leases::{self, Beats};
use crate::limits::Limits;
#[cfg(unix)]
use crate::local;
use crate::node::{Driven, Lines, Node};
use crate::wire::{HttpWire, Wire, WireError};
use crate::{
    absorb, answer, bounds, deliver, folder, health, ingress, metrics, probe, serve, shadow, stepped, tick,
    tidy, vigil, visits, watch,
};

/// What keeps a node from starting.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error("opening the store")]
    Store(#[from] StoreError),
    /// The port.
    #[error("listening on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The wire.
    #[error("preparing the way out")]
    Wire(#[from] WireError),
    /// A link's base URL.
    #[error("preparing link `{link}`")]
    Link {
        /// Which.
        link: LinkName,
        /// Why.
        source: AuthError,
    },
}

impl StartError {
    /// The code of its page.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            StartError::Store(error) => error.code().unwrap_or("LL1010"),
            StartError::Listen { .. } => "LL1020",
            StartError::Wire(_) => "LL1021",
            StartError::Link { .. } => "LL1022",
        }
    }
}

/// A node that runs.
pub struct Running {
    /// What its loops share.
    pub node: Arc<Node>,
    /// Where it listens.
    pub address: SocketAddr,
    loops: Loops,
}

impl Running {
    /// Takes nothing more in, lets what is under way come home, and ends.
    pub async fn stop(self) {
        self.loops.stop(&self.node).await;
        self.node.store.close().await;
    }
}

/// The loops of a node.
pub struct Loops {
    tasks: Vec<JoinHandle<()>>,
    /// Outlives the others: while they finish what is under way, the links are still ours.
    leases: (CancellationToken, JoinHandle<()>),
}

impl Loops {
    /// Lets what is under way come home, and ends.
    pub async fn stop(self, node: &Node) {
        node.stop.cancel();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a loop ended badly");
            }
        }
        for task in node.all_drivers() {
            if let Err(error) = task.await {
                tracing::error!(%error, "the loop of a link ended badly");
            }
        }
        let (stop, task) = self.leases;
        stop.cancel();
        if let Err(error) = task.await {
            tracing::error!(%error, "the loop of the leases ended badly");
        }
    }

    /// Ends at once, wherever it is: what a process that is killed leaves behind.
    pub fn die(self, node: &Node) {
        for task in self.tasks.into_iter().chain(node.all_drivers()).chain([self.leases.1]) {
            task.abort();
        }
    }
}

/// Starts a node on a store that is already open, with the world's clock and wire.
///
/// # Errors
/// See [`StartError`]; nothing keeps running then.
pub async fn start(plan: Arc<Plan>, store: Store) -> Result<Running, StartError> {
    start_with(plan, store, Arc::new(SystemClock), Arc::new(HttpWire::new()?)).await
}

/// Starts a node with a clock and a wire of the caller's.
///
/// # Errors
/// See [`StartError`].
pub async fn start_with(
    plan: Arc<Plan>,
    store: Store,
    clock: Arc<dyn Clock>,
    wire: Arc<dyn Wire>,
) -> Result<Running, StartError> {
    let listener = TcpListener::bind(plan.listen)
        .await
        .map_err(|source| StartError::Listen { address: plan.listen, source })?;
    let address =
        listener.local_addr().map_err(|source| StartError::Listen { address: plan.listen, source })?;
    let (node, mut loops) = begin(Arc::clone(&plan), store, clock, wire).await?;
    loops.tasks.push(tokio::spawn(serve::run(Arc::clone(&node), listener, router(&node))));
    loops.tasks.push(tokio::spawn(probe::run(Arc::clone(&node), address)));
    open_door(&node, &plan, &mut loops.tasks);
    tracing::info!(%address, sources = plan.sources.len(), links = plan.links.len(), "leadloop runs");
    Ok(Running { node, address, loops })
}

/// A node whose loops run, and that listens nowhere yet.
///
/// # Errors
/// See [`StartError`]; no loop runs then.
pub async fn begin(
    plan: Arc<Plan>,
    store: Store,
    clock: Arc<dyn Clock>,
    wire: Arc<dyn Wire>,
) -> Result<(Arc<Node>, Loops), StartError> {
    let registry = Registry::all();
    let lines = lines(&plan, &registry)?;
    let keeper = store.keeper(KeeperSettings::default());
    let (node, heard) = Node::new((clock, wire, store, keeper, registry), Arc::clone(&plan), lines);
    metrics::begin();
    prepare(&node, &plan).await?;
    watch::pause_if_restored(&node).await?;
    answer::load_keys(&node).await?;
    let mut beats = Beats::default();
    leases::beat(&node, &mut beats).await?;
    // From here on nothing is waited for: whoever gives up before has started no loop.
    let tasks = vec![
        tokio::spawn(absorb::run(Arc::clone(&node))),
        tokio::spawn(tick::run(Arc::clone(&node), heard)),
        tokio::spawn(tidy::run(Arc::clone(&node))),
        tokio::spawn(vigil::run(Arc::clone(&node))),
        tokio::spawn(visits::run(Arc::clone(&node))),
        tokio::spawn(shadow::run(Arc::clone(&node))),
        tokio::spawn(watch::run(Arc::clone(&node))),
        tokio::spawn(folder::run(Arc::clone(&node))),
    ];
    let stop = CancellationToken::new();
    let held = tokio::spawn(leases::run(Arc::clone(&node), beats, stop.clone()));
    for name in node.lines().keys() {
        drive(&node, name);
    }
    Ok((node, Loops { tasks, leases: (stop, held) }))
}

/// What a node answers, by path.
pub fn router(node: &Arc<Node>) -> Router {
    Router::new()
        .route("/in/{source}", any(ingress::receive))
        .route("/in/{source}/{*rest}", any(ingress::receive))
        .route("/a/style.css", get(answer::style))
        .route("/a/{token}", get(answer::show).post(answer::take))
        .route("/healthz", get(health::healthz))
        .route("/status", get(health::status))
        .route("/metrics", get(metrics::metrics))
        .fallback(ingress::receive_elsewhere)
        .with_state(Arc::clone(node))
}

/// Starts the loop of a link.
pub(crate) fn drive(node: &Arc<Node>, name: &LinkName) {
    node.drive(name, tokio::spawn(deliver::run(Arc::clone(node), name.clone())));
}

/// Makes a node's config the one in force, if it is not.
///
/// # Errors
/// Where the store does not answer.
pub async fn put_in_force(node: &Node) -> Result<i64, StoreError> {
    node.store.activate(&version(&node.plan()), node.clock.now()).await
}

/// The version of the config that a plan is.
pub(crate) fn version(plan: &Plan) -> Version<'_> {
    Version {
        hash: &plan.hash,
        outline: &plan.outline,
        links: plan.links.iter().map(|link| &link.name).collect(),
    }
}

/// The door for commands beside an SQLite file. Without it all but they goes on.
#[cfg(unix)]
fn open_door(node: &Arc<Node>, plan: &Plan, loops: &mut Vec<JoinHandle<()>>) {
    let Some(database) = database(plan) else { return };
    match local::open(Arc::clone(node), &database) {
        Ok(door) => loops.push(door),
        Err(error) => {
            tracing::warn!(code = "LL1023", %error, "commands that change something work only while this node is stopped")
        }
    }
}

#[cfg(not(unix))]
fn open_door(_: &Arc<Node>, _: &Plan, _: &mut Vec<JoinHandle<()>>) {}

/// The file of an SQLite store that lasts.
#[must_use]
pub fn database(plan: &Plan) -> Option<PathBuf> {
    let path = plan.store_url.expose_secret().strip_prefix("sqlite:")?;
    (!path.starts_with(':')).then(|| PathBuf::from(path))
}

/// A node for a command that owns the store for a moment: it carries out orders and absorbs what they bring, but opens
/// no port and speaks to nobody.
///
/// # Errors
/// See [`StartError`].
pub fn quiet(plan: Arc<Plan>, store: Store) -> Result<Arc<Node>, StartError> {
    let keeper = store.keeper(KeeperSettings::default());
    let parts = (
        Arc::new(SystemClock) as Arc<dyn Clock>,
        Arc::new(HttpWire::new()?) as Arc<dyn Wire>,
        store,
        keeper,
        Registry::all(),
    );
    let (node, _) = Node::new(parts, Arc::clone(&plan), Lines::new());
    Ok(node)
}

/// Absorbs until nothing waits; returns how many captures. On a database that nodes with another config work on,
/// nothing is absorbed here: they do it.
///
/// # Errors
/// When the store fails; what was absorbed stays.
pub async fn absorb_all(node: &Node) -> Result<usize, StoreError> {
    if node.store.restored().await? {
        return Ok(0); // it waits for `leadloop resume`
    }
    let plan = node.plan();
    let active = node.store.active_config().await?;
    if node.store.engine() == "sqlite" || active.is_none() {
        put_in_force(node).await?;
    } else if active.is_some_and(|(hash, _)| hash != plan.hash) {
        return Ok(0);
    }
    if let Err(error) = shadow::begin(node).await {
        tracing::warn!(%error, "the shadow waits for the store");
    }
    let limit = if node.store.is_shared() { bounds::ABSORB_BATCH } else { bounds::ABSORB_ALONE };
    let mut all = 0;
    loop {
        match absorb::round(node, limit).await? {
            0 => break,
            some => all += some,
        }
    }
    shadow::catch_up(node).await;
    Ok(all)
}

/// Absorbs what is kept until `done`, beside whoever fills the inbox. What is left then is for [`absorb_all`].
pub async fn absorb_beside(node: Arc<Node>, done: CancellationToken) {
    let mut wake = node.store.wakes().on(Topic::Inbox);
    while !done.is_cancelled() {
        if let Err(error) = absorb_all(&node).await {
            tracing::warn!(%error, "absorbing waits for the store");
            tokio::time::sleep(bounds::AFTER_FAILURE.to_std()).await;
        }
        tokio::select! {
            () = wake.wait() => {}
            () = done.cancelled() => {}
        }
    }
}

/// Standing polls are there, and what the last process left under way is asked about.
async fn prepare(node: &Node, plan: &Plan) -> Result<(), StoreError> {
    let now = node.clock.now();
    node.store.activate(&version(plan), now).await?;
    if !node.store.is_shared() {
        // Nobody else can hold a claim on this file: whatever is claimed died with the last process.
        tick::reclaim(node, Timestamp(i64::MAX)).await?;
    }
    stepped::since_last_time(node, plan, now).await?;
    let mut moment = node.clock.moment();
    // Whatever the clock was when they were put off, polls begin at once.
    let hurry = |link: &LinkPlan| Effect::Hurry { link: link.name.clone(), object: None, due_at: now };
    let effects = settle::standing(&plan.policy, &mut moment)
        .into_iter()
        .map(|delivery| Effect::Enqueue(Box::new(delivery)))
        .chain(plan.links.iter().map(hurry))
        .collect();
    let tx = node.store.begin(WriteLane::Hot).await?;
    let stamp = Stamp { verb: "start", config: plan.hash.clone(), now };
    tx.commit(&stamp, &[Reaction { effects, ..Reaction::default() }]).await.map(|_| ())
}

/// The lines to all systems of a plan.
///
/// # Errors
/// When a base URL needs a setting that is not there.
pub fn lines(plan: &Plan, registry: &Registry) -> Result<Lines, StartError> {
    plan.links.iter().filter_map(|link| line(link, registry).transpose()).collect()
}

pub(crate) fn line(
    link: &LinkPlan,
    registry: &Registry,
) -> Result<Option<(LinkName, Arc<Driven>)>, StartError> {
    let Some(named) = registry.get(&link.connector) else { return Ok(None) };
    let connector = link.link.speaker(named);
    let manifest = connector.manifest();
    let Some(http) = &manifest.http else { return Ok(None) };
    let base = base_url(&http.base, &link.link)
        .map_err(|source| StartError::Link { link: link.name.clone(), source })?;
    let line = Line {
        connector,
        link: link.link.clone(),
        base: base.clone(),
        timeout: Duration::from_secs(u64::from(http.timeout_secs)),
        login: Login::new(manifest.auth.clone(), manifest.answer.clone(), base),
        limits: Limits::new(&link.limits, link.reserve),
        slots: Semaphore::new(usize::try_from(link.concurrent.max(1)).unwrap_or(1)),
    };
    let driven = Driven { line: Arc::new(line), limits: link.limits.clone(), concurrent: link.concurrent };
    Ok(Some((link.name.clone(), Arc::new(driven))))
}
