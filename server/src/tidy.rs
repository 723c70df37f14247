//! Old rows go, in slices, so that nobody waits for it: what is kept how long is a table ([`KEPT`]), and
//! `docs/reference/retention.md` says the same.

use std::sync::Arc;

use leadloop_store::Retention;
use leadloop_store::StoreError;
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::bounds;
use crate::node::Node;

/// Rows of a kind that go in one transaction.
const SLICE: u32 = 500;
/// How often is looked for what is old.
const EVERY: Micros = Micros::hours(1);

/// Days that rows are kept, by table. What is due, open or parked stays whatever its age.
pub const KEPT: [(&str, i64); 10] = [
    ("push", 30),
    ("quarantine", 30),
    ("capture", 90),
    ("attempt", 90),
    ("conversation", 30),
    ("delivery", 180),
    ("before_image", 180),
    ("decision", 400),
    ("shadow", 400),
    ("reason", 400),
];

/// What is old at a time; the config says how long conversations are kept.
#[must_use]
pub fn old(now: Timestamp, conversations: Micros) -> Retention {
    let before = |table: &str| {
        let days = KEPT.iter().find(|(name, _)| *name == table).map(|(_, days)| *days);
        days.map(|days| now - Micros::days(days))
    };
    Retention {
        pushes: before("push"),
        captures: before("capture"),
        deliveries: before("delivery"),
        attempts: before("attempt"),
        conversations: Some(now - conversations),
        decisions: before("decision"),
        reasons: before("reason"),
        keys: Some(now),
    }
}

/// Tidies until the node stops.
pub async fn run(node: Arc<Node>) {
    while !node.stop.is_cancelled() {
        let next = match round(&node).await {
            Ok(0) => node.clock.now() + EVERY,
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!(%error, "tidying waits for the store");
                node.clock.now() + bounds::AFTER_FAILURE
            }
        };
        tokio::select! {
            () = node.clock.sleep_until(next) => {}
            () = node.stop.cancelled() => {}
        }
    }
}

/// One slice: how many rows went.
///
/// # Errors
/// When the store cannot be reached; what went until then is gone.
pub async fn round(node: &Node) -> Result<u64, StoreError> {
    node.store.retain(&old(node.clock.now(), node.plan().conversations.time), SLICE).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_the_table_does() {
        let page = include_str!("../../docs/reference/retention.md");
        for (table, days) in KEPT {
            let row = format!("| `{table}` | {days} |");
            assert!(page.contains(&row), "docs/reference/retention.md has no row `{row}`");
        }
        let rows = page.lines().filter(|line| line.starts_with("| `") && line.contains(" | ")).count();
        assert!(rows >= KEPT.len());
        let raw = KEPT.iter().find(|(table, _)| *table == "push").expect("pushes are kept for a time");
        assert!(raw.1 <= 30, "raw pushes are kept thirty days at most");
    }
}
