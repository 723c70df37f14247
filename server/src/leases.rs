//! Which node drives which link. Beside the delivering loops ([`crate::deliver`]), which send only for links held here.
//!
//! On a store that several nodes share (PostgreSQL) each link has one holder: the lease is taken and extended by the
//! database's clock, and watched here by two clocks of the node's own. A node that was frozen, or cut off from the
//! database, finds its lease over before it sends anything more ([`Fenced`]), and a claim is made only while the lease
//! stands ([`leadloop_store::ClaimAsk::holder`]). What a window of a system used goes along as the lease's note, so a
//! successor keeps to the limits from its first request on. An SQLite file has one process and so one holder; its leases
//! only carry the notes over a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leadloop_connector_api::{Answer, Request};
use leadloop_store::{Lease, StoreError, Topic};
use leadloop_sync_core::effect::Alarm;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::time::{Micros, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::bounds;
use crate::node::Node;
use crate::reload::say;
use crate::tick;
use crate::wire::{BoxFuture, Wire, WireError};

/// The code of a node whose clock and the database's differ.
const SKEWED: &str = "LL1140";
/// The holder of all leases of an SQLite file: whichever process owns it.
const OWNER: &str = "the owner of the file";
/// No process that owns an SQLite file outlives this.
const FOR_GOOD: Micros = Micros::hours(24 * 365 * 100);

/// A lease as this node sees it.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// It was asked for at this time of the wall clock…
    from: Timestamp,
    /// …and lasts until this one, unless the clock was set back…
    to: Timestamp,
    /// …and at most until this moment of a clock that nobody sets. A clock that stands still while a virtual machine
    /// sleeps does not matter, since the wall clock goes on.
    until: Instant,
}

/// The links that this node drives.
pub struct Leases {
    shared: bool,
    held: Mutex<BTreeMap<LinkName, Held>>,
}

impl Leases {
    /// None yet. `shared`: other nodes may work on the same store.
    #[must_use]
    pub fn new(shared: bool) -> Self {
        Self { shared, held: Mutex::default() }
    }

    /// Whether something may be sent to `link` at this moment.
    #[must_use]
    pub fn holds(&self, link: &LinkName, now: Timestamp) -> bool {
        !self.shared
            || self
                .lock()
                .get(link)
                .is_some_and(|held| now >= held.from && now < held.to && Instant::now() < held.until)
    }

    /// Under which name claims are made: where nobody else could hold the link, nobody asks.
    #[must_use]
    pub fn claims_as(&self, node: &str) -> Option<String> {
        self.shared.then(|| node.to_owned())
    }

    /// Links it believes to drive.
    #[must_use]
    pub fn all(&self) -> BTreeSet<LinkName> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LinkName, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of a link's lease.
#[must_use]
pub fn lease_name(link: &LinkName) -> String {
    format!("link/{link}")
}

/// Claims of a former holder that are over sooner than they say: what it sent ended, at the latest, when its lease and
/// then the time for an answer had passed.
struct Inherited {
    link: LinkName,
    /// Claims up to this time are the former holder's.
    upto: Timestamp,
    /// Then they are asked about.
    at: Timestamp,
}

/// What the loop of leases knows between two beats.
#[derive(Default)]
pub struct Beats {
    inherited: Vec<Inherited>,
    skewed: bool,
}

/// Extends leases until `stop`, then gives them back: it has to outlive the loops that send.
pub async fn run(node: Arc<Node>, mut beats: Beats, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(bounds::BEAT_EVERY.to_std()) => {}
            () = stop.cancelled() => break,
        }
        if let Err(error) = beat(&node, &mut beats).await {
            tracing::warn!(%error, "the leases of this node could not be extended");
        }
    }
    let all = node.leases.all();
    if let Err(error) = give_back(&node, &all).await {
        tracing::warn!(%error, "the leases of this node end by themselves within seconds");
    }
}

/// One beat: takes what is free, extends what is held, gives back what it may not drive any more.
///
/// # Errors
/// Where the store does not answer; leases that are held run out then.
pub async fn beat(node: &Arc<Node>, beats: &mut Beats) -> Result<(), StoreError> {
    let lines = node.lines();
    let wanted: BTreeSet<LinkName> =
        if node.is_current() { lines.keys().cloned().collect() } else { BTreeSet::new() };
    let gone: BTreeSet<LinkName> = node.leases.all().difference(&wanted).cloned().collect();
    give_back(node, &gone).await?;
    // A lease on a file of one's own lasts: an idle node writes nothing.
    if wanted.is_empty() || (!node.leases.shared && wanted.is_subset(&node.leases.all())) {
        return Ok(());
    }
    let names: Vec<String> = wanted.iter().map(lease_name).collect();
    let (from, begun) = (node.clock.now(), Instant::now());
    let (holder, length) = holder(node);
    let leases = node.store.lease(&names, holder, length).await?;
    if let Some(lease) = leases.first().filter(|_| node.leases.shared) {
        mind_the_clock(node, beats, from, lease.until - length, begun.elapsed()).await;
    }
    let held = Held { from, to: from + length, until: begun + length.to_std() };
    let mut by_link: BTreeMap<String, Lease> =
        leases.into_iter().map(|lease| (lease.name.clone(), lease)).collect();
    let mut news = BTreeMap::new();
    for link in wanted {
        let lease = by_link.remove(&lease_name(&link));
        let was = node.leases.holds(&link, from) && node.leases.lock().contains_key(&link);
        match lease {
            Some(_) if was => drop(node.leases.lock().insert(link, held)),
            Some(lease) => {
                let Some(driven) = lines.get(&link) else { continue };
                driven.line.limits.take_over(&lease.note, from);
                beats.inherited.push(Inherited {
                    link: link.clone(),
                    upto: from + bounds::CLAIM_FOR,
                    at: from + micros(driven.line.timeout) + bounds::BEAT_EVERY,
                });
                news.insert(lease.name, driven.line.limits.note(from, 0));
                node.leases.lock().insert(link.clone(), held);
                tracing::info!(%link, node = %node.id, "this node drives the link");
                node.store.wakes().ring(&Topic::Outbox(link));
            }
            None => {
                if node.leases.lock().remove(&link).is_some() {
                    tracing::warn!(%link, node = %node.id, "another node drives the link now");
                }
            }
        }
    }
    if !news.is_empty() {
        // Never empty from now on: a successor sees that somebody sent before it.
        node.store.note_leases(holder, &news, false).await?;
    }
    inherit(node, beats).await
}

/// Who holds the leases of this node, and for how long at a time.
pub(crate) fn holder(node: &Node) -> (&str, Micros) {
    if node.leases.shared { (&node.id, bounds::LEASE_FOR) } else { (OWNER, FOR_GOOD) }
}

/// Asks about what former holders had under way, once it cannot be under way any more.
async fn inherit(node: &Node, beats: &mut Beats) -> Result<(), StoreError> {
    if !node.leases.shared {
        return Ok(());
    }
    let now = node.clock.now();
    while let Some(place) = beats.inherited.iter().position(|inherited| inherited.at <= now) {
        let inherited = beats.inherited.swap_remove(place);
        if node.leases.holds(&inherited.link, now) {
            tick::reclaim_link(node, &inherited.link, inherited.upto).await?;
        }
    }
    Ok(())
}

/// Notes for a successor what the windows used by now and will have used with `coming` more requests.
///
/// # Errors
/// Where the store does not answer.
pub async fn note(node: &Node, link: &LinkName, coming: usize) -> Result<(), StoreError> {
    let Some(driven) = node.line(link) else { return Ok(()) };
    let note = driven.line.limits.note(node.clock.now(), coming);
    node.store.note_leases(holder(node).0, &BTreeMap::from([(lease_name(link), note)]), false).await
}

async fn give_back(node: &Node, links: &BTreeSet<LinkName>) -> Result<(), StoreError> {
    if links.is_empty() {
        return Ok(());
    }
    let (now, lines) = (node.clock.now(), node.lines());
    let notes = links
        .iter()
        .map(|link| {
            let note = lines.get(link).map(|driven| driven.line.limits.note(now, 0));
            (lease_name(link), note.unwrap_or_else(|| serde_json::json!({})))
        })
        .collect();
    // Forgotten first: what cannot be told to the store runs out there.
    node.leases.lock().retain(|link, _| !links.contains(link));
    node.store.note_leases(holder(node).0, &notes, true).await?;
    // Whoever waits for one of them need not wait for its next beat.
    for link in links {
        node.store.wakes().ring(&Topic::Outbox(link.clone()));
    }
    Ok(())
}

/// Claims last by the nodes' own clocks: far apart, one takes the other's work for lost.
async fn mind_the_clock(node: &Node, beats: &mut Beats, own: Timestamp, theirs: Timestamp, took: Duration) {
    let apart = Micros((own - theirs).0.abs());
    let skewed = apart.0 > bounds::CLOCK_SKEW.0 + micros(took).0;
    if skewed == beats.skewed {
        return;
    }
    beats.skewed = skewed;
    let detail = format!("node {}: {} s apart from the database's clock", node.id, apart.0 / 1_000_000);
    if skewed {
        tracing::error!(code = SKEWED, "the clocks differ: {detail}; let both follow a time server");
    }
    let alarm = Alarm {
        key: format!("clock/node/{}", node.id),
        code: SKEWED.to_owned(),
        detail,
        raised: skewed,
        at: own,
    };
    if let Err(error) = say(node, node.plan().hash.clone(), alarm).await {
        beats.skewed = !skewed; // said at the next beat
        tracing::warn!(%error, "the alarm about the clocks could not be kept");
    }
}

fn micros(length: Duration) -> Micros {
    Micros(i64::try_from(length.as_micros()).unwrap_or(i64::MAX / 4))
}

/// The wire for one link: nothing goes out when the link is not held here at that very moment.
pub struct Fenced<'a> {
    node: &'a Node,
    link: &'a LinkName,
}

impl<'a> Fenced<'a> {
    /// The node's wire, for `link` only.
    #[must_use]
    pub fn new(node: &'a Node, link: &'a LinkName) -> Self {
        Self { node, link }
    }
}

impl Wire for Fenced<'_> {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, WireError>> {
        if self.node.leases.holds(self.link, self.node.clock.now()) {
            return self.node.wire.send(request, timeout);
        }
        let lost = WireError { sent: false, detail: "another node drives the link now".to_owned() };
        Box::pin(std::future::ready(Err(lost)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_ends_by_either_clock() {
        let leases = Leases::new(true);
        let link = LinkName::from("sales");
        let at = |second: i64| Timestamp(second * 1_000_000);
        let far = Instant::now() + Duration::from_secs(3_600);
        assert!(!leases.holds(&link, at(0)), "not taken");
        leases.lock().insert(link.clone(), Held { from: at(10), to: at(16), until: far });
        assert!(leases.holds(&link, at(10)) && leases.holds(&link, at(15)));
        assert!(!leases.holds(&link, at(16)), "slept beyond it");
        assert!(!leases.holds(&link, at(9)), "the clock was set back: nobody knows how long it was");
        leases.lock().insert(link.clone(), Held { from: at(10), to: at(16), until: Instant::now() });
        assert!(!leases.holds(&link, at(12)), "over by the clock that nobody sets");
        assert!(Leases::new(false).holds(&link, at(0)), "one process owns an SQLite file");
    }
}
