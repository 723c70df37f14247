//! Beside the loops: is this node's config the one in force, and may a restored store go on?
//!
//! Several nodes on one PostgreSQL decide under one config. A node that has another one decides and sends nothing, says so
//! and waits until it loads it. A store made from a backup waits for a person's word ([`leadloop_store::Store::restored`]):
//! until then the node takes pushes in and reads what the systems have, so that what was done since the backup is seen.

use std::sync::Arc;

use leadloop_store::{StoreError, Topic};
use leadloop_sync_core::effect::Alarm;

use crate::bounds;
use crate::node::Node;
use crate::reload::say;
use crate::trouble;

/// The code of a node that has another config than the one in force.
const OTHER_CONFIG: &str = "LL1138";
/// The code of a store that was made from a backup.
const RESTORED: &str = "LL1139";

/// Looks until the node stops.
pub async fn run(node: Arc<Node>) {
    while !node.stop.is_cancelled() {
        trouble::look(&node).await;
        if let Err(error) = look(&node).await {
            tracing::warn!(%error, "the config in force is not known: the store does not answer");
        }
        tokio::select! {
            () = tokio::time::sleep(bounds::WATCH_EVERY.to_std()) => {}
            () = node.stop.cancelled() => {}
        }
    }
}

/// One look.
///
/// # Errors
/// Where the store does not answer; nothing changes then.
pub async fn look(node: &Node) -> Result<(), StoreError> {
    if node.is_paused() && !node.store.restored().await? {
        go_on(node).await;
    }
    if !node.store.is_shared() {
        return Ok(()); // one process owns it: nobody else could have made another config active
    }
    let Some((active, _)) = node.store.active_config().await? else { return Ok(()) };
    // A reload under way makes its version active a moment before it takes it.
    let Ok(_still) = node.reloading.try_lock() else { return Ok(()) };
    let own = node.plan().hash.clone();
    let same = active == own;
    if same == node.is_current() {
        return Ok(());
    }
    node.set_current(same);
    if same {
        tracing::info!(%own, "this node has the config in force again");
        ring_all(node);
    } else {
        tracing::error!(code = OTHER_CONFIG, %active, %own, "another config is in force; this node waits until it loads it");
    }
    let alarm = Alarm {
        key: format!("config/node/{}", node.id),
        code: OTHER_CONFIG.to_owned(),
        detail: format!("node {} has config {own}; in force is {active}", node.id),
        raised: !same,
        at: node.clock.now(),
    };
    say(node, active, alarm).await
}

/// A store made from a backup: nothing is decided or written until a person says so, and what was under way is looked
/// for by its mark before it is sent again.
///
/// # Errors
/// Where the store does not answer.
pub async fn pause_if_restored(node: &Node) -> Result<(), StoreError> {
    if !node.store.restored().await? {
        return Ok(());
    }
    node.set_paused(true);
    let asked = node.store.ask_before_creating().await?;
    tracing::error!(
        code = RESTORED,
        asked,
        "this database was made from a backup: it reads what the systems have and writes nothing until `leadloop resume`"
    );
    let alarm = Alarm {
        key: "store/restored".to_owned(),
        code: RESTORED.to_owned(),
        detail: "this database was made from a backup and waits for `leadloop resume`".to_owned(),
        raised: true,
        at: node.clock.now(),
    };
    say(node, node.plan().hash.clone(), alarm).await
}

async fn go_on(node: &Node) {
    node.set_paused(false);
    tracing::info!("the restored database goes on");
    ring_all(node);
    let alarm = Alarm {
        key: "store/restored".to_owned(),
        code: RESTORED.to_owned(),
        detail: String::new(),
        raised: false,
        at: node.clock.now(),
    };
    if let Err(error) = say(node, node.plan().hash.clone(), alarm).await {
        tracing::warn!(%error, "the all-clear about the restored database could not be kept");
    }
}

fn ring_all(node: &Node) {
    let lines = node.lines();
    let links = lines.keys().map(|name| Topic::Outbox(name.clone()));
    for topic in links.chain([Topic::Inbox, Topic::Deadlines]) {
        node.store.wakes().ring(&topic);
    }
}
