//! The part of `leadloop status` about links that are not sent to just now, and why.

use leadloop_config::plan::Plan;
use leadloop_store::{Store, StoreError};
use leadloop_sync_core::gate::{Gates, Hand, gates_key, hand_key};
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::screen::{Rows, Screen};
use crate::when;

/// The gates of a link and what a person decided.
pub(super) type OfLink = (LinkName, Gates, Option<Hand>);

/// Those of all links of the plan at which something is held back.
pub(super) async fn of(store: &Store, plan: &Plan) -> Result<Vec<OfLink>, StoreError> {
    let names = plan.links.iter().map(|link| &link.name);
    let keys: Vec<String> = names.flat_map(|link| [gates_key(link), hand_key(link)]).collect();
    let mut known = store.counters(&keys).await?;
    let mut all = Vec::new();
    for link in &plan.links {
        let gates = known.remove(&gates_key(&link.name)).and_then(|kept| serde_json::from_value(kept).ok());
        let hand = known.remove(&hand_key(&link.name)).and_then(|kept| serde_json::from_value(kept).ok());
        let gates: Gates = gates.unwrap_or_default();
        let hand: Option<Hand> = hand.flatten();
        if hand.is_some() || !gates.all_open() {
            all.push((link.name.clone(), gates, hand));
        }
    }
    Ok(all)
}

/// Prints them.
pub(super) fn print(screen: &Screen, all: &[OfLink], now: Timestamp) -> Result<(), Failure> {
    if all.is_empty() {
        return Ok(());
    }
    screen.head(screen.words("Not sent to just now", "当前暂停投递"))?;
    let mut table = Rows::new(&["", "", "", ""]).indent(2);
    for (link, gates, hand) in all {
        if let Some(hand) = hand {
            let (what, at, by) = match hand {
                Hand::Paused { at, by } => (screen.words("paused by", "已暂停："), at, by),
                Hand::Draining { at, by, .. } => (screen.words("draining, by", "仅发完存量："), at, by),
            };
            table.push(vec![
                link.to_string(),
                format!("{what} {by}"),
                when::ago(*at, now, screen.language()),
                format!("leadloop outbox resume {link}"),
            ]);
        }
        for (kind, shut) in gates.shut() {
            let what = match shut.class.as_str() {
                "unavailable" => screen.words("does not answer", "无应答"),
                "throttled" => screen.words("asks us to slow down", "要求限流"),
                "quota" => screen.words("its quota is used up", "配额用尽"),
                "auth" => screen.words("refuses our credentials", "拒绝凭据"),
                other => other,
            };
            let next = if shut.until <= now {
                screen.words("tried now", "即将尝试").to_owned()
            } else {
                let at = when::ago(shut.until, now, screen.language());
                format!("{} {at}", screen.words("tried", "尝试时间"))
            };
            table.push(vec![
                kind.map_or_else(|| link.to_string(), |kind| format!("{link} {kind}")),
                what.to_owned(),
                when::ago(shut.since, now, screen.language()),
                format!("{next}  {}", shut.detail),
            ]);
        }
    }
    Ok(screen.table(&table)?)
}

/// The same as JSON.
pub(super) fn to_json(all: &[OfLink]) -> Value {
    all.iter()
        .map(|(link, gates, hand)| {
            let shut = gates.shut().map(|(kind, shut)| {
                json!({
                    "kind": kind, "class": shut.class, "detail": shut.detail,
                    "since": shut.since.to_string(), "until": shut.until.to_string(),
                })
            });
            json!({ "link": link, "by_hand": hand, "shut": shut.collect::<Vec<_>>() })
        })
        .collect()
}
