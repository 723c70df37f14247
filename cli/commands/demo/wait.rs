//! Waiting until nothing is under way any more.

use std::time::{Duration, Instant};

use leadloop_config::plan::Plan;
use leadloop_store::Store;
use leadloop_store::read::status::Status;

use crate::failure::Failure;
use crate::when;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(150);
/// How long one wait may take.
const MOST: Duration = Duration::from_secs(60);

fn too_long(what_en: &str, what_zh: &str) -> Failure {
    Failure::outside(
        format!("{what_en} took more than {} seconds", MOST.as_secs()),
        format!("{what_zh}超过 {} 秒", MOST.as_secs()),
    )
    .help("`leadloop status` shows what is stuck", "用 `leadloop status` 查看卡在哪里")
}

/// Waits until every mirrored object was read once.
///
/// # Errors
/// Where the store fails, or it takes too long.
pub async fn mirrored(store: &Store, plan: &Plan) -> Result<(), Failure> {
    let wanted: usize = plan.policy.crms.values().map(|crm| crm.mirrored.len()).sum();
    let until = Instant::now() + MOST;
    while Instant::now() < until {
        if store.status(when::now()).await?.mirrors.len() >= wanted {
            return Ok(());
        }
        tokio::time::sleep(EVERY).await;
    }
    Err(too_long("mirroring the CRM", "镜像 CRM "))
}

/// Waits until every mirrored object was read again.
///
/// # Errors
/// Where the store fails, or it takes too long.
pub async fn polled(store: &Store, plan: &Plan) -> Result<(), Failure> {
    let wanted: usize = plan.policy.crms.values().map(|crm| crm.mirrored.len()).sum();
    let from = when::now();
    let until = Instant::now() + MOST;
    while Instant::now() < until {
        let status = store.status(when::now()).await?;
        if status.mirrors.iter().filter(|mirror| mirror.at >= from).count() >= wanted {
            return Ok(());
        }
        tokio::time::sleep(EVERY).await;
    }
    Err(too_long("reading the CRM again", "重新读取 CRM "))
}

/// Waits until inbox and outbox are empty; looked at twice, since one leads to the other.
///
/// # Errors
/// Where the store fails, or it takes too long.
pub async fn quiet(store: &Store) -> Result<(), Failure> {
    let until = Instant::now() + MOST;
    let mut calm = 0;
    while Instant::now() < until {
        let status = store.status(when::now()).await?;
        calm = if is_quiet(&status) { calm + 1 } else { 0 };
        if calm == 2 {
            return Ok(());
        }
        tokio::time::sleep(EVERY).await;
    }
    Err(too_long("the outbox", "发件箱清空"))
}

fn is_quiet(status: &Status) -> bool {
    status.captures_due == 0 && status.links.iter().all(|link| link.waiting + link.due + link.claimed == 0)
}
