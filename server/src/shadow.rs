//! Beside the loops: a second rule set decides what the live one decided, and what it says is kept for a report.
//!
//! Looks at decisions that are made and durable, in the background: no live decision waits for it, none fails by it. What goes
//! wrong here is counted, and said by an alarm.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use leadloop_config::plan::ShadowPlan;
use leadloop_store::StoreError;
use leadloop_sync_core::effect::Alarm;
use leadloop_sync_core::handoff::DecisionRecord;
use leadloop_sync_core::shadow::{Compared, Shadow, Verdict, before};

use crate::bounds;
use crate::node::Node;
use crate::reload::say;

/// The alarm of a shadow that could not decide leads.
const ALARM: &str = "shadow/failed";
/// The code of its page.
const FAILED: &str = "LL4640";

/// Works until the node stops.
pub async fn run(node: Arc<Node>) {
    while !node.stop.is_cancelled() {
        let looked = if node.may_decide() { round(&node).await } else { Ok(0) };
        let wait = match looked {
            Ok(0) => bounds::SHADOW_EVERY,
            Ok(_) => bounds::SHADOW_PAUSE,
            Err(error) => {
                tracing::warn!(%error, "the shadow waits for the store");
                bounds::SHADOW_EVERY
            }
        };
        tokio::select! {
            () = node.clock.sleep_until(node.clock.now() + wait) => {}
            () = node.stop.cancelled() => {}
        }
    }
}

/// The shadow of the plan in force stands beside it from now on.
///
/// # Errors
/// Where the store does not answer.
pub async fn begin(node: &Node) -> Result<(), StoreError> {
    let plan = node.plan();
    match &plan.shadow {
        Some(shadow) => node.store.shadow_begin(&shadow.policy.config, node.clock.now()).await,
        None => Ok(()),
    }
}

/// All that waits: after a command that absorbed by itself. What goes wrong is said, the command goes on.
pub async fn catch_up(node: &Node) {
    loop {
        match round(node).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the shadow waits for the store");
                return;
            }
        }
    }
}

/// A page of decisions: how many were looked at.
///
/// # Errors
/// When the store cannot be reached; nothing is lost, the next round looks again.
pub async fn round(node: &Node) -> Result<usize, StoreError> {
    let plan = node.plan();
    let Some(shadow) = &plan.shadow else { return Ok(0) };
    let rules = &shadow.policy.config;
    begin(node).await?;
    let Some(run) = node.store.shadow_run(rules).await? else { return Ok(0) };
    let due = node.store.shadow_due(rules, &run, bounds::SHADOW_BATCH).await?;
    let Some(mut second) = Shadow::of(&shadow.policy, run.turns.clone()).filter(|_| !due.is_empty()) else {
        return Ok(0);
    };
    let compared: Vec<Compared> = due.iter().map(|record| compare(&mut second, record, shadow)).collect();
    if node.store.shadow_keep(rules, &run, &second.turns(), &compared).await? {
        tell(node, shadow, &compared).await?;
    }
    Ok(due.len())
}

fn compare(second: &mut Shadow<'_>, record: &DecisionRecord, shadow: &ShadowPlan) -> Compared {
    catch_unwind(AssertUnwindSafe(|| second.compare(record))).unwrap_or_else(|_| {
        tracing::error!(decision = %record.id, "the shadow failed on one lead");
        let link = shadow.policy.handoff.link.clone().unwrap_or_else(|| "-".into());
        Compared {
            verdict: Verdict::Failed,
            failed: Some("deciding failed inside leadloop".to_owned()),
            ..before(record, &link)
        }
    })
}

/// Says that leads could not be decided, and when they can be again.
async fn tell(node: &Node, shadow: &ShadowPlan, compared: &[Compared]) -> Result<(), StoreError> {
    let why: Vec<&String> = compared.iter().filter_map(|one| one.failed.as_ref()).collect();
    let raised = !why.is_empty();
    let now = node.clock.now();
    let standing = node.store.status(now).await?.alarms;
    if standing.iter().any(|known| known.alarm.key == ALARM && known.alarm.raised) == raised {
        return Ok(());
    }
    let detail = why.first().map(|why| {
        format!(
            "the shadow `{}` cannot decide leads: {why}; the live rules are not touched by it",
            shadow.file
        )
    });
    let alarm = Alarm {
        key: ALARM.to_owned(),
        code: FAILED.to_owned(),
        detail: detail.unwrap_or_default(),
        raised,
        at: now,
    };
    say(node, node.plan().hash.clone(), alarm).await
}
