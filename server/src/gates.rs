//! Whether a link may be spoken to just now: the gates of the core ([`leadloop_sync_core::gate`]) as the delivering loop keeps
//! them, and what a person decided about the link.
//!
//! Both last over a restart and a change of nodes. The loop that drives the link is the only one that writes its gates; what
//! a person decides may be written by any process, so it is looked up again every few seconds.

use std::sync::atomic::Ordering;

use leadloop_store::{ClaimAsk, KINDS, Stamp, StoreError, WriteLane};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::gate::{Gates, Hand, Passage, gates_key, hand_key};
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::outbox::{Outcome, to_send};
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::bounds;
use crate::deliver::Ended;
use crate::node::Node;

/// What a person decided is looked up this often.
const LOOK: Micros = Micros::seconds(2);

/// The gates of one link, as its loop knows them.
pub struct LinkGates {
    link: LinkName,
    gates: Gates,
    hand: Option<Hand>,
    looked: Option<Timestamp>,
    set_back: u32,
}

impl LinkGates {
    /// Those of `link`; nothing is known before [`LinkGates::look`].
    #[must_use]
    pub fn new(link: LinkName) -> Self {
        Self { link, gates: Gates::default(), hand: None, looked: None, set_back: 0 }
    }

    /// Looks up what a person decided, and once how the gates stood. Where the store does not answer, nothing new is
    /// known; before the first answer nothing may be sent.
    pub async fn look(&mut self, node: &Node) {
        let now = node.clock.now();
        if self.looked.is_some_and(|at| now - at < LOOK && now >= at) {
            return;
        }
        let (gates, hand) = (gates_key(&self.link), hand_key(&self.link));
        match node.store.counters(&[gates.clone(), hand.clone()]).await {
            Ok(mut known) => {
                if self.looked.is_none() {
                    self.gates = read(&mut known, &gates).unwrap_or_default();
                }
                self.hand = read(&mut known, &hand).flatten();
                self.looked = Some(now);
            }
            Err(error) => tracing::warn!(link = %self.link, %error, "the link's gates wait for the store"),
        }
    }

    /// What may be claimed now, in order: `None` instead of a claim means nothing. `idle`: nothing is under way, so a
    /// try may be made.
    #[must_use]
    pub fn asks(&self, size: u32, now: Timestamp, until: Timestamp, idle: bool) -> Vec<ClaimAsk> {
        let upto = match self.hand {
            Some(Hand::Paused { .. }) => return Vec::new(),
            Some(Hand::Draining { upto, .. }) => upto,
            None => i64::MAX,
        };
        if self.looked.is_none() {
            return Vec::new();
        }
        let all = ClaimAsk { upto, ..ClaimAsk::new(self.link.clone(), size, now, until) };
        if self.gates.all_open() {
            return vec![all];
        }
        let of = |wanted: Passage| -> Vec<String> {
            let kinds = KINDS.iter().filter(|kind| self.gates.passage(kind, now) == wanted);
            kinds.map(|kind| (*kind).to_owned()).collect()
        };
        let (open, tried) = (of(Passage::Open), of(Passage::Try));
        let mut asks = Vec::new();
        if !tried.is_empty() && idle {
            asks.push(ClaimAsk { kinds: tried, limit: 1, ..all.clone() });
        }
        if !open.is_empty() {
            asks.push(ClaimAsk { kinds: open, ..all });
        }
        asks
    }

    /// When the next gate may be tried.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.gates.shut().map(|(_, shut)| shut.until).filter(|until| *until > now).min()
    }

    /// Whether something keeps due deliveries from being claimed.
    #[must_use]
    pub fn any_shut(&self) -> bool {
        self.hand.is_some() || !self.gates.all_open()
    }

    /// Takes in what an exchange brought, and keeps what changed.
    pub async fn hear(&mut self, node: &Node, ended: &[Ended]) {
        let Some((first, _)) = ended.first() else { return };
        if !node.leases.holds(&self.link, node.clock.now()) {
            return; // what was not sent for want of a lease says nothing about the system
        }
        let outcomes: Vec<Outcome> = ended.iter().map(|(_, outcome)| outcome.clone()).collect();
        let (before, now) = (self.gates.clone(), node.clock.now());
        if !self.gates.hear(to_send(first).kind(), &outcomes, now) {
            return;
        }
        if let Err(error) = self.keep(node, &before, now).await {
            // The loop goes on by what it knows; after a restart the first deliveries find out anew.
            tracing::warn!(link = %self.link, %error, "the link's gates could not be kept");
        }
    }

    /// Opens every gate: the link has other settings or credentials now.
    pub async fn open_all(&mut self, node: &Node) {
        if self.gates.all_open() {
            return;
        }
        let before = std::mem::take(&mut self.gates);
        if let Err(error) = self.keep(node, &before, node.clock.now()).await {
            tracing::warn!(link = %self.link, %error, "the link's gates could not be kept");
        }
    }

    /// What is shut until a time that is hours away since the clock was set back is tried at once.
    pub async fn mind_the_clock(&mut self, node: &Node) {
        let set_back = node.set_back.load(Ordering::SeqCst);
        if self.looked.is_none() {
            return;
        }
        // Shut at a time that has not come yet: by a node whose clock was ahead.
        let now = node.clock.now();
        let ahead = self.gates.shut().any(|(_, shut)| shut.since > now + bounds::CLOCK_SKEW);
        if ahead || set_back != self.set_back {
            self.open_all(node).await;
        }
        self.set_back = set_back;
    }

    async fn keep(&self, node: &Node, before: &Gates, now: Timestamp) -> Result<(), StoreError> {
        let value = serde_json::to_value(&self.gates).unwrap_or_default();
        let mut effects = vec![Effect::SetCounter { key: gates_key(&self.link), value }];
        effects.extend(self.gates.alarms(before, &self.link, now).into_iter().map(Effect::Alarm));
        commit(node, "gate", effects, now).await
    }
}

fn read<T: serde::de::DeserializeOwned>(
    known: &mut std::collections::BTreeMap<String, serde_json::Value>,
    key: &str,
) -> Option<T> {
    serde_json::from_value(known.remove(key)?).ok()
}

async fn commit(
    node: &Node,
    verb: &'static str,
    effects: Vec<Effect>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tx = node.store.begin(WriteLane::Hot).await?;
    let stamp = Stamp { verb, config: node.plan().hash.clone(), now };
    tx.commit(&stamp, &[Reaction { effects, ..Reaction::default() }]).await.map(|_| ())
}

/// What a person wants of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Send nothing.
    Pause,
    /// Send what is in the outbox, nothing that is made later.
    Drain,
    /// Send again; gates are opened too, so that what waits is tried at once.
    Resume,
}

/// Carries out what a person wants of a link; seen by the loop that drives it within seconds, on whichever node.
///
/// # Errors
/// As the store's.
pub async fn by_hand(node: &Node, link: &LinkName, wish: Wish, by: String) -> Result<(), StoreError> {
    let now = node.clock.now();
    let hand = match wish {
        Wish::Pause => Some(Hand::Paused { at: now, by }),
        Wish::Drain => Some(Hand::Draining { at: now, by, upto: node.store.last_delivery().await? }),
        Wish::Resume => None,
    };
    let value = serde_json::to_value(hand).unwrap_or_default();
    commit(node, "hand", vec![Effect::SetCounter { key: hand_key(link), value }], now).await
}
