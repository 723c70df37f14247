//! The checked config: what the shell runs. Nothing in it is checked again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use leadloop_connector_api::Link;
use leadloop_connector_api::manifest::{Limit, SystemKind};
use leadloop_sync_core::ids::{LinkName, SourceName};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::time::Micros;
use secrecy::{ExposeSecret as _, SecretString};

/// A whole config, checked and compiled.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rules.
    pub policy: Arc<Policy>,
    /// Where the data lies: `sqlite:PATH` or `postgres://…`; secret, since it may hold a password.
    pub store_url: SecretString,
    /// The master keys under which personal data is sealed; none: it is stored in clear.
    pub store_keys: Option<StoreKeys>,
    /// Where we listen.
    pub listen: SocketAddr,
    /// How others reach us.
    pub public_url: Option<String>,
    /// The secret of answer links, several during a change, newest first; the store makes its own where none is set.
    pub answer_key: Option<SecretString>,
    /// Sources, MAs and CRM webhooks that push to `/in/NAME`, and files that are imported.
    pub sources: Vec<SourcePlan>,
    /// Systems we speak to.
    pub links: Vec<LinkPlan>,
    /// A second rule set that decides beside these rules.
    pub shadow: Option<ShadowPlan>,
    /// What is kept of what was said to systems.
    pub conversations: Conversations,
    /// The hash of all files of the config: names this version of it. The file of a shadow is none of them: it changes
    /// nothing.
    pub hash: String,
    /// What it says as data, without secrets: what versions are compared by ([`crate::compare`]).
    pub outline: Arc<serde_json::Value>,
}

/// Which conversations with systems are kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversations {
    /// Which.
    pub keep: Keep,
    /// How long.
    pub time: Micros,
}

/// Which conversations are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Of every write, and of every read that failed.
    All,
    /// Of what failed.
    Failed,
    /// None.
    Off,
}

/// Master keys of the store, each of 64 hexadecimal digits.
#[derive(Clone, Debug)]
pub struct StoreKeys {
    /// The one in force.
    pub key: SecretString,
    /// Those before it.
    pub old: Vec<SecretString>,
}

impl StoreKeys {
    /// Whether both name the same keys.
    #[must_use]
    pub fn same(one: Option<&Self>, other: Option<&Self>) -> bool {
        let shown = |keys: Option<&Self>| {
            keys.map(|keys| {
                let old = keys.old.iter().map(|key| key.expose_secret().to_owned()).collect::<Vec<_>>();
                (keys.key.expose_secret().to_owned(), old)
            })
        };
        shown(one) == shown(other)
    }
}

/// A second rule set beside the live one.
#[derive(Clone, Debug)]
pub struct ShadowPlan {
    /// The file it stands in.
    pub file: String,
    /// Its rules; their `config` names this version of them.
    pub policy: Arc<Policy>,
}

/// One source.
#[derive(Clone, Debug)]
pub struct SourcePlan {
    /// Its name: the last part of `/in/NAME`.
    pub name: SourceName,
    /// Its connector.
    pub connector: String,
    /// Its checked settings.
    pub link: Link,
    /// Most requests of one address in a length of time.
    pub rate_limit: Option<(u32, Micros)>,
    /// The folder that is watched, where there is one.
    pub folder: Option<PathBuf>,
    /// How often a made lead is sent through it by itself.
    pub canary: Option<Micros>,
}

/// One system we speak to.
#[derive(Clone, Debug)]
pub struct LinkPlan {
    /// Its name.
    pub name: LinkName,
    /// Its connector.
    pub connector: String,
    /// What it is to us.
    pub kind: SystemKind,
    /// Its checked settings.
    pub link: Link,
    /// Windows that hold: the vendor's, and the config's where it goes below.
    pub limits: Vec<Limit>,
    /// Requests under way at once.
    pub concurrent: u32,
    /// Percent of each long window that is kept for what is hot.
    pub reserve: u32,
}

impl Plan {
    /// The source of that name.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&SourcePlan> {
        self.sources.iter().find(|source| source.name.as_str() == name)
    }

    /// The link of that name.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<&LinkPlan> {
        self.links.iter().find(|link| link.name.as_str() == name)
    }
}
