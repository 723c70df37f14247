//! Beside the loops: sources with `canary = "1h"` are sent a made lead by themselves, as `leadloop source canary` sends one. One
//! that does not come through raises an alarm, which ends with the next that does.
//!
//! Of several nodes on one store one sends it: whoever has the source's lease, which lasts until the next is due.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use leadloop_config::plan::{Plan, SourcePlan};
use leadloop_store::StoreError;
use leadloop_sync_core::effect::Alarm;
use leadloop_sync_core::ids::{PushId, SourceName};
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::bounds;
use crate::canary::{self, Unheard};
use crate::node::Node;
use crate::reload::say;

/// A canary did not come through.
pub const LOST: &str = "LL4910";
/// One that is not answered within this time did not arrive.
const ANSWER: Duration = Duration::from_secs(10);

/// When each source is due, as this node knows it.
#[derive(Debug, Default)]
pub struct Due {
    next: BTreeMap<SourceName, Timestamp>,
    /// The config under which alarms of sources that are no longer tried were ended.
    ended: Option<String>,
}

/// Tries sources until the node stops. `address`: where it listens.
pub async fn run(node: Arc<Node>, address: SocketAddr) {
    let base = format!("http://{}", canary::local(address));
    let mut due = Due::default();
    while !node.stop.is_cancelled() {
        if node.may_decide()
            && let Err(error) = round(&node, &base, &mut due).await
        {
            tracing::warn!(%error, "canaries wait for the store");
        }
        tokio::select! {
            () = node.clock.sleep_until(node.clock.now() + bounds::CANARY_LOOK) => {}
            () = node.stop.cancelled() => {}
        }
    }
}

/// One look at every source: those that were sent a canary.
///
/// # Errors
/// Where the store does not answer.
pub async fn round(node: &Node, base: &str, due: &mut Due) -> Result<Vec<SourceName>, StoreError> {
    let plan = node.plan();
    let mut tried = Vec::new();
    for source in &plan.sources {
        let (Some(every), now) = (source.canary, node.clock.now()) else { continue };
        if due.next.get(&source.name).is_some_and(|at| now < *at) {
            continue;
        }
        if !is_ours(node, &source.name, every).await? {
            due.next.insert(source.name.clone(), now + every.min(bounds::CANARY_AGAIN));
            continue;
        }
        due.next.insert(source.name.clone(), now + every);
        let Some(lost) = attempt(node, &plan, source, base, now).await else { continue };
        tell(node, &plan, &source.name, lost).await?;
        tried.push(source.name.clone());
    }
    if due.ended.as_ref() != Some(&plan.hash) {
        end_others(node, &plan).await?;
        due.ended = Some(plan.hash.clone());
    }
    Ok(tried)
}

/// Whether this node is the one that tries the source now.
async fn is_ours(node: &Node, source: &SourceName, every: Micros) -> Result<bool, StoreError> {
    let leases = node.store.lease(&[format!("canary/{source}")], &node.id, every).await?;
    Ok(!leases.is_empty())
}

/// Sends one: why it did not come through, if so. Nothing where the source cannot be tried at present.
async fn attempt(
    node: &Node,
    plan: &Plan,
    source: &SourcePlan,
    base: &str,
    now: Timestamp,
) -> Option<Option<String>> {
    let id: PushId = node.clock.moment().id();
    let push = canary::push(plan, &node.registry, source, &id.to_string(), now)?;
    let token = node.keys().canary(source.name.as_str(), now + canary::HOLDS)?;
    let way = (&*node.wire, base, ANSWER);
    Some(match canary::send(way, &source.name, push, token).await {
        Ok(report) => report.fell.map(|fall| format!("it fell: {}: {}", fall.code, fall.detail)),
        Err(Unheard::Nobody(why)) => Some(format!("it did not arrive in time: {why}")),
        Err(Unheard::Stranger(status)) => Some(format!("{base} answered {status}, and not as leadloop does")),
        Err(Unheard::Refused { code, detail, .. }) => Some(format!("it was refused: {code}: {detail}")),
    })
}

fn key_of(source: &SourceName) -> String {
    format!("source/{source}/{LOST}")
}

/// Raises the alarm of a source, or ends it.
async fn tell(node: &Node, plan: &Plan, source: &SourceName, lost: Option<String>) -> Result<(), StoreError> {
    let now = node.clock.now();
    let key = key_of(source);
    let standing = node.store.status(now).await?.alarms;
    let stands = standing.iter().any(|raised| raised.alarm.key == key && raised.alarm.raised);
    if stands == lost.is_some() {
        return Ok(());
    }
    if let Some(why) = &lost {
        tracing::warn!(code = LOST, %source, why, "a canary on schedule did not come through");
    }
    let detail = lost.as_ref().map(|why| format!("source {source}: the canary did not come through: {why}"));
    let (raised, detail) = (lost.is_some(), detail.unwrap_or_default());
    say(node, plan.hash.clone(), Alarm { key, code: LOST.to_owned(), detail, raised, at: now }).await
}

/// Ends alarms of sources that are no longer tried.
async fn end_others(node: &Node, plan: &Plan) -> Result<(), StoreError> {
    let now = node.clock.now();
    let tried: Vec<String> = plan
        .sources
        .iter()
        .filter(|source| source.canary.is_some())
        .map(|source| key_of(&source.name))
        .collect();
    for raised in node.store.status(now).await?.alarms {
        let alarm = raised.alarm;
        if alarm.code == LOST && alarm.raised && !tried.contains(&alarm.key) {
            let ended = Alarm { raised: false, detail: String::new(), at: now, ..alarm };
            say(node, plan.hash.clone(), ended).await?;
        }
    }
    Ok(())
}
