//! How tests of the shell come by a node: a folder of config out of texts, a clock that they move.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use leadloop_config::lower::Secrets;
use leadloop_config::plan::Plan;
use leadloop_config::text::Files;
use leadloop_connector_api::Registry;
use leadloop_server::clock::{Clock, SystemClock};
use leadloop_server::node::Node;
use leadloop_server::run::{quiet, start_with};
use leadloop_server::wire::{HttpWire, Wire};
use leadloop_server::{Running, run};
use leadloop_store::{Store, StoreSettings};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::{Micros, Timestamp};

/// A folder of config: its files by name, and the one secret that all names stand for.
pub(crate) struct Folder {
    files: BTreeMap<&'static str, String>,
    secret: Option<String>,
}

impl Folder {
    /// A folder with this config in it.
    pub(crate) fn new(config: impl Into<String>) -> Self {
        Self { files: [("leadloop.toml", config.into())].into(), secret: None }
    }

    /// With a table beside the config.
    pub(crate) fn with(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.files.insert(name, text.into());
        self
    }

    /// With a secret, whatever name the config has for it.
    pub(crate) fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// What the config means, with all connectors there are.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        self.plan_with(&Registry::all())
    }

    /// As [`Self::plan`], with these connectors.
    pub(crate) fn plan_with(&self, registry: &Registry) -> Arc<Plan> {
        let loaded = leadloop_config::load("leadloop.toml", self, self, registry);
        Arc::new(loaded.plan.unwrap_or_else(|| panic!("{:#?}", loaded.problems)))
    }

    /// A node that listens and works, and its store.
    pub(crate) async fn start(&self, url: &str) -> (Running, Store) {
        let store = store(url).await;
        let running = run::start(self.plan(), store.clone()).await.expect("the node starts");
        (running, store)
    }

    /// As [`Self::start`], with another clock and another way to the systems.
    pub(crate) async fn start_with(
        &self,
        url: &str,
        clock: Arc<dyn Clock>,
        wire: Arc<dyn Wire>,
    ) -> (Running, Store) {
        let store = store(url).await;
        let running = start_with(self.plan(), store.clone(), clock, wire).await.expect("the node starts");
        (running, store)
    }

    /// A node that does nothing by itself.
    pub(crate) async fn quiet(&self, url: &str) -> Arc<Node> {
        quiet(self.plan(), store(url).await).expect("a node")
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.files.get(name).map(|text| text.clone().into_bytes()).ok_or_else(|| "it is not there".to_owned())
    }
    fn list(&self, _: &str) -> Vec<String> {
        vec![]
    }
}

impl Secrets for Folder {
    fn resolve(&self, _: &str, _: &str) -> Result<secrecy::SecretString, String> {
        self.secret.clone().map(Into::into).ok_or_else(|| "it is not set".to_owned())
    }
}

/// The store at this address.
pub(crate) async fn store(url: &str) -> Store {
    Store::open(&StoreSettings::new(url)).await.expect("the store opens")
}

/// The way to systems that really listen.
pub(crate) fn by_wire() -> Arc<dyn Wire> {
    Arc::new(HttpWire::new().expect("a client"))
}

/// The world's clock, moved by as much as a test wants.
#[derive(Clone, Default)]
pub(crate) struct Ahead(Arc<AtomicI64>);

impl Ahead {
    /// Moves the clock to so far ahead of the world's.
    pub(crate) fn set(&self, ahead: Micros) {
        self.0.store(ahead.0, Ordering::SeqCst);
    }

    /// Moves it on by so much.
    pub(crate) fn add(&self, more: Micros) {
        self.0.fetch_add(more.0, Ordering::SeqCst);
    }

    fn ahead(&self) -> Micros {
        Micros(self.0.load(Ordering::SeqCst))
    }
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.ahead()
    }
    fn moment(&self) -> Moment {
        Moment::new(self.now(), SystemClock.moment().throw())
    }
    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        SystemClock.sleep_until(at - self.ahead())
    }
}
