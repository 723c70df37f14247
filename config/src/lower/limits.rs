//! How fast a link may speak and how it tries again.

use leadloop_connector_api::manifest::{Limit, Manifest};
use leadloop_sync_core::outbox::RetryPolicy;

use super::Context;
use super::get::Get;
use crate::problem::{Problem, Words};
use crate::text::{At, Table};
use crate::units::percent;

/// Requests under way at once, where the config does not say.
const CONCURRENT: u32 = 8;

/// Windows of a link: the vendor's, and the config's, which may only be tighter.
pub fn limits(ctx: &mut Context<'_>, at: &At<Table>, manifest: &Manifest) -> (Vec<Limit>, u32) {
    let mut windows = manifest.limit.clone();
    let Some(table) = at.value.table("limits") else { return (windows, CONCURRENT) };
    for (key, per_secs) in [("per_second", 1), ("per_minute", 60), ("per_day", 86_400)] {
        let Some(requests) = table.int(key).and_then(|number| u32::try_from(number).ok()) else { continue };
        let vendor = windows.iter().find(|window| window.per_secs == per_secs).map(|window| window.requests);
        if let Some(most) = vendor.filter(|most| requests > *most)
            && let Some(value) = table.get(key)
        {
            ctx.problems.push(
                Problem::error(
                    "LL2020",
                    &value.span,
                    Words::new(
                        format!("`{key} = {requests}` is above what {} allows: {most}", manifest.title.en),
                        format!("`{key} = {requests}` 高于{}允许的 {most}", manifest.title.zh),
                    ),
                    Words::new("too high", "过高"),
                )
                .help(format!("write at most {most}"), format!("最多写 {most}")),
            );
        }
        windows.retain(|window| window.per_secs != per_secs);
        windows.push(Limit { requests: vendor.map_or(requests, |most| most.min(requests)), per_secs });
    }
    let concurrent =
        table.int("concurrent").and_then(|number| u32::try_from(number).ok()).unwrap_or(CONCURRENT);
    (windows, concurrent)
}

/// Percent of a day's requests that is kept for what is hot.
pub fn reserve(at: &At<Table>) -> u32 {
    let limits = at.value.table("limits");
    limits.and_then(|limits| percent(limits.text("reserve_for_hot")?)).unwrap_or(0)
}

/// How failed deliveries of a link are retried.
pub fn retry(ctx: &mut Context<'_>, table: &Table) -> RetryPolicy {
    let default = RetryPolicy::default();
    let Some(at) = table.get("retry") else { return default };
    let Some(table) = table.table("retry") else { return default };
    let policy = RetryPolicy {
        first: table.duration("first").unwrap_or(default.first),
        at_most: table.duration("at_most").unwrap_or(default.at_most),
        give_up: table.duration("give_up").unwrap_or(default.give_up),
    };
    if policy.first > policy.at_most || policy.at_most > policy.give_up {
        ctx.problems.push(
            Problem::error(
                "LL2021",
                &at.span,
                Words::new("the waits of `retry` contradict each other", "`retry` 的等待时间自相矛盾"),
                Words::new("first ≤ at_most ≤ give_up must hold", "须满足 first ≤ at_most ≤ give_up"),
            )
            .help(
                "for example `{ first = \"2s\", at_most = \"15m\", give_up = \"72h\" }`",
                "例如 `{ first = \"2s\", at_most = \"15m\", give_up = \"72h\" }`",
            ),
        );
    }
    policy
}
