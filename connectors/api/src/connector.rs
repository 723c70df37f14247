//! The [`Connector`] trait, a link's checked settings, and the registry that connectors enter by themselves.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::Value;
use leadloop_sync_core::capture::RawLead;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::intake::Counting;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::Operation;
use leadloop_sync_core::time::Micros;
use secrecy::SecretString;

use crate::canary::Canary;
use crate::exchange::Exchange;
use crate::http::{Answer, Push};
use crate::manifest::Manifest;
use crate::origins::cors_headers;
use crate::settings::{Problem, Settings};

/// One configured connection (or source), its settings checked against the manifest.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its name in the config.
    pub name: LinkName,
    /// Settings that are no secret, in the manifest's types.
    pub settings: BTreeMap<String, Value>,
    /// Secrets, already resolved; readable only for signatures and logins.
    pub secrets: BTreeMap<String, SecretString>,
    /// What the config wants of a CRM's records beyond what the manifest names.
    pub wants: Wants,
    /// The connector that a description made, where the link's own is one that is told what its system is like.
    pub told: Option<Told>,
}

/// A connector made by a description ([`Connector::told`]).
#[derive(Clone, Copy)]
pub struct Told(pub &'static dyn Connector);

/// The same text makes the same connector, so that another one is another description.
impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::addr_eq(self.0, other.0)
    }
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Told").field(&self.0.manifest().title.en).finish()
    }
}

/// A mistake in a description: the bytes it stands at, where they are known, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Bytes of the description.
    pub range: Option<std::ops::Range<usize>>,
    /// What is wrong, one clause or two.
    pub detail: String,
}

/// Fields that the config reads or writes: a CRM that has to be asked field by field is asked for these too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// The field of our mark, where the config names one.
    pub mark: Option<String>,
    /// Fields by object, in the product's names of objects.
    pub fields: BTreeMap<String, BTreeSet<String>>,
}

impl Link {
    /// The text of a setting.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(Value::as_text)
    }

    /// The texts of a list setting.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let entries = match self.settings.get(name) {
            Some(Value::List(entries)) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().filter_map(Value::as_text)
    }

    /// The entries of a table setting, by key.
    pub fn table(&self, name: &str) -> impl Iterator<Item = (&str, &Value)> {
        let prefix = format!("{name}.");
        self.settings
            .range(prefix.clone()..)
            .map_while(move |(key, value)| key.strip_prefix(&prefix).map(|key| (key, value)))
    }

    /// The number of an `int` setting.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        self.settings.get(name).and_then(Value::as_int)
    }

    /// Whether a `bool` setting is on; off where it is not set.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        self.settings.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The length of a `duration` setting.
    #[must_use]
    pub fn seconds(&self, name: &str) -> Option<Micros> {
        self.int(name).map(Micros::seconds)
    }

    /// Who speaks for this link: what a description made, else the connector it names.
    #[must_use]
    pub fn speaker(&self, named: &'static dyn Connector) -> &'static dyn Connector {
        self.told.map_or(named, |told| told.0)
    }

    /// The field of our mark on an object: the config's on people, else the one the manifest names.
    #[must_use]
    pub fn mark_field<'a>(&'a self, manifest: &'a Manifest, object: &str) -> Option<&'a str> {
        let configured = self.wants.mark.as_deref().filter(|_| matches!(object, "lead" | "contact"));
        configured.or_else(|| manifest.object(object)?.roles.mark.as_deref())
    }

    /// A secret.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<&SecretString> {
        self.secrets.get(name)
    }
}

/// What was read from a push.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Received {
    /// Records, in order.
    pub leads: Vec<RawLead>,
    /// Records that could not be read: (position, code, what is wrong, the record as far as it was read).
    pub unreadable: Vec<leadloop_sync_core::capture::Quarantined>,
    /// Objects of a CRM that changed: their polls run now.
    pub hints: Vec<String>,
    /// The answer the vendor expects, once all is durable; `None` means 200 with a small body.
    pub answer: Option<Answer>,
    /// Whether the JSON object of that answer may carry what became of the records (accepted, duplicates, quarantined).
    pub report: bool,
    /// Records that are about nobody or meant for somebody else, by code: counted, and no more.
    pub ignored: BTreeMap<&'static str, u32>,
}

impl Received {
    /// Counts a record that is passed over.
    pub fn ignore(&mut self, code: &'static str) {
        let count = self.ignored.entry(code).or_default();
        *count = count.saturating_add(1);
    }
}

/// Why a push was not taken, or an operation not spoken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Nobody listens here.
    #[error("this connector accepts no pushes")]
    NotAListener,
    /// It does not speak this operation.
    #[error("this connector does not speak `{0}`")]
    NotSpoken(&'static str),
    /// The signature or secret is wrong: 401, nothing is kept.
    #[error("{0}")]
    Unsigned(String),
    /// It comes from where it may not (origin not allowed): 403, nothing is kept.
    #[error("{0}")]
    Forbidden(String),
    /// No record can be read from it: kept raw and parked, 400.
    #[error("{detail}")]
    Unreadable {
        /// The error's code.
        code: &'static str,
        /// What is wrong and what to do.
        detail: String,
    },
    /// The vendor's handshake (echo of a challenge): answered, nothing is kept.
    #[error("handshake")]
    Handshake(Box<Answer>),
    /// Any other refusal, said in the vendor's own way.
    #[error("{refusal}")]
    Answered {
        /// What is refused, and why.
        refusal: Box<Refusal>,
        /// What the sender is answered.
        answer: Box<Answer>,
    },
}

impl Refusal {
    /// This refusal, said as the vendor needs it.
    #[must_use]
    pub fn answered(self, answer: Answer) -> Self {
        Refusal::Answered { refusal: Box::new(self), answer: Box::new(answer) }
    }
}

/// Who is asked about events before they are read in full, where a source counts what it does not keep: of a million page
/// views nothing is needed but whose they are.
pub trait Judge: std::fmt::Debug {
    /// Whether anything may depend on the field of this name before an event is known to be kept.
    fn reads(&mut self, name: &str) -> bool;

    /// Of a property that becomes a field by `called`, the same way in each event of a push: the length of the field's name,
    /// where nothing depends on it; none where it has to be looked at.
    fn unread(&mut self, property: &str, called: fn(&str) -> String) -> Option<usize>;

    /// Takes an event that is only counted, of which the fields were read that [`Judge::reads`] wants. `false`: it is kept, or
    /// only all of it can tell; it is a record like any other then.
    fn counts(&mut self, event: &RawLead) -> bool;
}

impl Judge for Counting<'_> {
    fn reads(&mut self, name: &str) -> bool {
        Counting::reads(self, name)
    }

    fn unread(&mut self, property: &str, called: fn(&str) -> String) -> Option<usize> {
        Counting::unread(self, property, called)
    }

    fn counts(&mut self, event: &RawLead) -> bool {
        self.count(event)
    }
}

/// Whether a push that came to no source by name is one of a connector's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// This source is meant.
    Mine,
    /// It speaks that way, but another one may be meant.
    Maybe,
}

/// A system leadloop can listen to or speak to.
pub trait Connector: Send + Sync {
    /// What the system is, as data.
    fn manifest(&self) -> &'static Manifest;

    /// The setting that names the file in which the system is described, for connectors that are told what it is like.
    fn told_by(&self) -> Option<&'static str> {
        None
    }

    /// A description to begin with, for connectors that are told: what `init` writes beside the config.
    fn starter(&self) -> Option<&'static str> {
        None
    }

    /// The connector that a description makes. The same text gives the same connector; it lasts as long as the process.
    ///
    /// # Errors
    /// Everything that is wrong with the description.
    fn told(&self, text: &str) -> Result<Told, Vec<Flaw>> {
        let _ = text;
        Err(vec![Flaw { range: None, detail: format!("`{}` takes no description", self.manifest().name) }])
    }

    /// What the manifest's list cannot say about settings: which contradict each other, which need another one.
    /// Called only where each setting is right by itself.
    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        let _ = settings;
        vec![]
    }

    /// Whether a push whose whole path is `push.path` is meant for this source: for systems whose clients choose the path
    /// themselves.
    fn claims(&self, link: &Link, push: &Push) -> Option<Claim> {
        let _ = (link, push);
        None
    }

    /// What a browser is answered that asks whether it may post here.
    fn preflight(&self, link: &Link, push: &Push) -> Answer {
        let origin = push.header("origin").unwrap_or_default();
        Answer { status: 204, headers: cors_headers(origin, link.list("allowed_origins")), body: vec![] }
    }

    /// The lists that are read of a source with these settings.
    fn lists(&self, link: &Link) -> Vec<String> {
        let _ = link;
        self.manifest().lists.clone()
    }

    /// Reads what the system pushed: signature over the raw bytes first, then records, in the source's own words.
    ///
    /// # Errors
    /// A [`Refusal`] says why nothing could be taken.
    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        let _ = (link, push);
        Err(Refusal::NotAListener)
    }

    /// As [`Connector::receive`], for connectors that bring events: those that `judge` counts are no records any more.
    ///
    /// # Errors
    /// As [`Connector::receive`]; what was counted is worth nothing then.
    fn receive_judged(&self, link: &Link, push: &Push, judge: &mut dyn Judge) -> Result<Received, Refusal> {
        let _ = judge;
        self.receive(link, push)
    }

    /// A push of a made lead, as the vendor would send it to this source: signed, in the vendor's form. Nothing where a
    /// source cannot be tried that way. What [`Connector::receive`] refuses of it, it would refuse of the vendor.
    fn canary(&self, link: &Link, canary: &Canary) -> Option<Push> {
        let _ = (link, canary);
        None
    }

    /// Starts a conversation that carries out `operations`, all of one kind ([`Operation::kind`]) and at most the
    /// manifest's batch size. `moment` serves signatures that need a time and a nonce.
    ///
    /// # Errors
    /// A [`Refusal`] says what is not spoken.
    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let _ = (link, moment);
        Err(Refusal::NotSpoken(operations.first().map_or("nothing", Operation::kind)))
    }
}

/// A connector that entered itself: `inventory::submit! { Registered(&Acme) }`.
pub struct Registered(pub &'static dyn Connector);
inventory::collect!(Registered);

/// Connectors that entered themselves together: profiles, which no type stands for.
pub struct Many(pub fn() -> Vec<&'static dyn Connector>);
inventory::collect!(Many);

/// All connectors by name.
#[derive(Clone)]
pub struct Registry(BTreeMap<&'static str, &'static dyn Connector>);

impl Registry {
    /// Every connector that entered itself.
    #[must_use]
    pub fn all() -> Self {
        let single = inventory::iter::<Registered>().map(|entry| entry.0);
        Self::of(single.chain(inventory::iter::<Many>().flat_map(|many| (many.0)())))
    }

    /// These connectors and no others.
    pub fn of(connectors: impl IntoIterator<Item = &'static dyn Connector>) -> Self {
        let named = |connector: &'static dyn Connector| (connector.manifest().name.as_str(), connector);
        Self(connectors.into_iter().map(named).collect())
    }

    /// The connector of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'static dyn Connector> {
        self.0.get(name).copied()
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied()
    }
}
