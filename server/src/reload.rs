//! Another config while the node runs: all of it or nothing.
//!
//! What goes is drained under the old rules, then the new version becomes active in one transaction (with the standing
//! polls of new links and what waits for links that are gone), then the loops see plan and lines of the new one. A link
//! whose settings, secrets and limits are the same keeps its line: its token and what it used of its limits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadloop_config::plan::{LinkPlan, Plan, StoreKeys};
use leadloop_connector_api::Link;
use leadloop_store::{Stamp, StoreError, Topic, WriteLane};
use leadloop_sync_core::effect::{Alarm, Effect, Reaction};
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::settle;
use secrecy::ExposeSecret;

use crate::answer;
use crate::bounds;
use crate::node::{Lines, Node};
use crate::run::{StartError, drive, version};

/// The alarm of a config that was not taken.
const ALARM: &str = "config/reload";
/// The code of its page.
const NOT_TAKEN: &str = "LL1137";
/// Most characters of an alarm.
const LONGEST: usize = 2_000;

/// What a reload changed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Reloaded {
    /// Whether another version is active now; else at most secrets are other.
    pub version: bool,
    /// Links that are new.
    pub started: BTreeSet<LinkName>,
    /// Links with other settings, secrets or limits.
    pub changed: BTreeSet<LinkName>,
    /// Links that are gone.
    pub stopped: BTreeSet<LinkName>,
}

/// Why a config was not taken. What ran before goes on.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It changes what only a start can change.
    #[error("{0} cannot be changed while leadloop runs; restart it")]
    NeedsRestart(&'static str),
    /// A link cannot be prepared.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The store.
    #[error("it could not be made active: {0}")]
    Store(#[from] StoreError),
}

/// Takes `plan`: all or nothing.
///
/// # Errors
/// See [`ReloadError`].
pub async fn reload(node: &Arc<Node>, plan: Arc<Plan>) -> Result<Reloaded, ReloadError> {
    let _alone = node.reloading.lock().await;
    let old = node.plan();
    if plan.listen != old.listen {
        return Err(ReloadError::NeedsRestart("the address in [server] listen"));
    }
    if without_password(plan.store_url.expose_secret()) != without_password(old.store_url.expose_secret()) {
        return Err(ReloadError::NeedsRestart("the database in [store]"));
    }
    if !StoreKeys::same(plan.store_keys.as_ref(), old.store_keys.as_ref()) {
        return Err(ReloadError::NeedsRestart("`encryption` in [store]"));
    }
    let before = node.lines();
    let (lines, mut done) = lines(node, &before, &old, &plan)?;
    done.version = plan.hash != old.hash;
    drain(node, &done.stopped).await;
    if let Err(error) = make_active(node, &plan).await {
        // Nothing is new: what was being drained is driven again.
        node.put_lines(before);
        for name in &done.stopped {
            drive(node, name);
        }
        return Err(error.into());
    }
    node.take(plan, lines);
    if let Err(error) = answer::load_keys(node).await {
        tracing::warn!(%error, "the keys of answer links are read again within a minute");
    }
    for name in &done.started {
        drive(node, name);
    }
    let topics = done.changed.iter().map(|name| Topic::Outbox(name.clone()));
    for topic in topics.chain([Topic::Inbox, Topic::Deadlines]) {
        node.store.wakes().ring(&topic);
    }
    alarm(node, None).await;
    Ok(done)
}

/// Says that a config was not taken: in the log, and as an alarm until a good one is.
pub async fn refuse(node: &Node, detail: &str) {
    tracing::error!(code = NOT_TAKEN, "the new config was not taken; the one in force goes on: {detail}");
    alarm(node, Some(detail)).await;
}

async fn alarm(node: &Node, detail: Option<&str>) {
    let now = node.clock.now();
    let alarm = Alarm {
        key: ALARM.to_owned(),
        code: NOT_TAKEN.to_owned(),
        detail: detail.unwrap_or_default().chars().take(LONGEST).collect(),
        raised: detail.is_some(),
        at: now,
    };
    if let Err(error) = say(node, node.plan().hash.clone(), alarm).await {
        tracing::warn!(%error, "the alarm about the config could not be kept");
    }
}

/// Keeps an alarm, under the config that is in force.
pub(crate) async fn say(node: &Node, config: String, alarm: Alarm) -> Result<(), StoreError> {
    let tx = node.store.begin(WriteLane::Hot).await?;
    let stamp = Stamp { verb: "node", config, now: alarm.at };
    let reaction = Reaction { effects: vec![Effect::Alarm(alarm)], ..Reaction::default() };
    tx.commit(&stamp, &[reaction]).await.map(drop)
}

/// The URL of a store without its password: another password is no other database.
fn without_password(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.has_host() => {
            // Refused for URLs without a host only.
            let _ = parsed.set_password(None);
            parsed.into()
        }
        _ => url.to_owned(),
    }
}

/// The lines of the new plan, those that stay the same among them.
fn lines(node: &Node, known: &Lines, old: &Plan, new: &Plan) -> Result<(Lines, Reloaded), StartError> {
    let mut fresh = crate::run::lines(new, &node.registry)?;
    let mut done = Reloaded::default();
    for link in new.links.iter().filter(|link| fresh.contains_key(&link.name)).collect::<Vec<_>>() {
        let Some(before) = known.get(&link.name) else {
            done.started.insert(link.name.clone());
            continue;
        };
        if old.link(link.name.as_str()).is_some_and(|old| is_same(old, link)) {
            fresh.insert(link.name.clone(), Arc::clone(before));
        } else {
            // What was sent under the old settings was sent to the same system.
            if let Some(new) = fresh.get(&link.name) {
                let now = node.clock.now();
                new.line.limits.take_over(&before.line.limits.note(now, 0), now);
            }
            done.changed.insert(link.name.clone());
        }
    }
    done.stopped = known.keys().filter(|name| !fresh.contains_key(*name)).cloned().collect();
    Ok((fresh, done))
}

fn is_same(old: &LinkPlan, new: &LinkPlan) -> bool {
    let secrets = |link: &Link| -> BTreeMap<String, String> {
        link.secrets.iter().map(|(name, secret)| (name.clone(), secret.expose_secret().to_owned())).collect()
    };
    old.connector == new.connector
        && old.limits == new.limits
        && old.concurrent == new.concurrent
        && old.reserve == new.reserve
        && old.link.settings == new.link.settings
        && old.link.wants == new.link.wants
        && old.link.told == new.link.told
        && secrets(&old.link) == secrets(&new.link)
}

/// Lets what is under way on links that go come home, under the rules it was sent by. One that hangs is left behind: its
/// claims run out and are asked about should the link come back.
async fn drain(node: &Node, stopped: &BTreeSet<LinkName>) {
    let mut tasks = Vec::new();
    for name in stopped {
        node.drop_line(name);
        node.store.wakes().ring(&Topic::Outbox(name.clone()));
        tasks.extend(node.driver(name));
    }
    for task in tasks {
        if tokio::time::timeout(bounds::DRAIN_LINK.to_std(), task).await.is_err() {
            tracing::warn!("a link that was taken out did not come to rest in time");
        }
    }
}

/// One transaction: the version, and polls of new links.
async fn make_active(node: &Node, plan: &Plan) -> Result<(), StoreError> {
    let now = node.clock.now();
    let mut moment = node.clock.moment();
    let standing = settle::standing(&plan.policy, &mut moment);
    let effects = standing.into_iter().map(|delivery| Effect::Enqueue(Box::new(delivery))).collect();
    let mut tx = node.store.begin(WriteLane::Hot).await?;
    tx.activate(&version(plan), now).await?;
    let stamp = Stamp { verb: "reload", config: plan.hash.clone(), now };
    tx.commit(&stamp, &[Reaction { effects, ..Reaction::default() }]).await.map(drop)
}
