//! Numbers for Prometheus (`GET /metrics`): what this process did since it started, and what waits in the store.
//!
//! No personal data and no names of people: labels are sources, links, operations and codes of the config.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use leadloop_store::read::status::Status;
use leadloop_sync_core::outbox::Outcome;
use leadloop_sync_core::time::Timestamp;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::node::Node;

/// Seconds an exchange takes: from a CRM next door to one that nearly timed out.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Begins to count. A process counts once, however many nodes run in it.
pub fn begin() {
    HANDLE.get_or_init(|| {
        PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .and_then(PrometheusBuilder::install_recorder)
            .inspect_err(|error| tracing::warn!(%error, "nothing is counted for /metrics"))
            .ok()
    });
}

/// A push came to its answer.
pub fn pushed(source: &str, status: u16) {
    metrics::counter!("leadloop_pushes_total", "source" => source.to_owned(), "status" => status.to_string())
        .increment(1);
}

/// Records of a push were left, for these reasons: meant for somebody else, or about nobody.
pub fn ignored(source: &str, reasons: &std::collections::BTreeMap<&'static str, u32>) {
    for (code, count) in reasons {
        metrics::counter!("leadloop_records_ignored_total", "source" => source.to_owned(), "code" => *code)
            .increment(u64::from(*count));
    }
}

/// Captures were absorbed, deadlines worked off.
pub fn decided(verb: &'static str, count: usize) {
    metrics::counter!("leadloop_decided_total", "verb" => verb).increment(u64::try_from(count).unwrap_or(0));
}

/// An exchange with a system ended.
pub fn exchanged(link: &str, kind: &'static str, took: Duration, outcomes: &[Outcome]) {
    let link = link.to_owned();
    metrics::histogram!("leadloop_exchange_seconds", "link" => link.clone(), "operation" => kind)
        .record(took.as_secs_f64());
    for outcome in outcomes {
        let class = match outcome {
            Outcome::Done(_) => "done",
            Outcome::Throttled { .. } => "throttled",
            Outcome::Unavailable { sent: true, .. } => "unknown",
            Outcome::Unavailable { .. } => "unavailable",
            Outcome::Unauthorized { .. } => "unauthorized",
            Outcome::Conflict { .. } => "conflict",
            Outcome::Gone { .. } => "gone",
            Outcome::Rejected { .. } => "rejected",
        };
        metrics::counter!("leadloop_deliveries_total", "link" => link.clone(), "operation" => kind, "outcome" => class)
            .increment(1);
    }
}

/// `GET /metrics`.
pub async fn metrics(State(node): State<Arc<Node>>) -> Response {
    let now = node.clock.now();
    match node.store.status(now).await {
        Ok(status) => {
            let mut text =
                HANDLE.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default();
            waiting(&mut text, &status, now);
            flags(&mut text, &node);
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "the metrics wait for the store");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// What waits, as the store has it: the same for every node on it.
fn waiting(text: &mut String, status: &Status, now: Timestamp) {
    let age = |at: Option<Timestamp>| at.map_or(0, |at| (now - at).0.max(0) / 1_000_000);
    gauge(text, "leadloop_captures_due", "Captures that wait to be absorbed.");
    line(text, "leadloop_captures_due", &[], status.captures_due);
    gauge(text, "leadloop_captures_oldest_seconds", "Age of the oldest of them.");
    line(text, "leadloop_captures_oldest_seconds", &[], age(status.oldest_capture));
    gauge(text, "leadloop_outbox", "Deliveries by link and state.");
    for link in &status.links {
        for (state, count) in
            [("due", link.due), ("waiting", link.waiting), ("claimed", link.claimed), ("parked", link.parked)]
        {
            line(text, "leadloop_outbox", &[("link", link.link.as_str()), ("state", state)], count);
        }
    }
    gauge(text, "leadloop_outbox_oldest_seconds", "How long the oldest delivery has been due.");
    for link in &status.links {
        line(text, "leadloop_outbox_oldest_seconds", &[("link", link.link.as_str())], age(link.oldest_due));
    }
    gauge(text, "leadloop_parked", "What needs a person, by kind and code.");
    for parked in &status.parked {
        let labels = [
            ("what", parked.what.as_str()),
            ("whose", parked.whose.as_str()),
            ("code", parked.code.as_str()),
        ];
        line(text, "leadloop_parked", &labels, parked.count);
    }
    gauge(text, "leadloop_mirror_age_seconds", "Time since the mirror of an object was complete.");
    for mirror in &status.mirrors {
        let labels = [("link", mirror.link.as_str()), ("object", mirror.object.as_str())];
        line(text, "leadloop_mirror_age_seconds", &labels, age(Some(mirror.at)));
    }
    gauge(text, "leadloop_leads", "People of the pool by stage.");
    for (stage, count) in &status.stages {
        line(text, "leadloop_leads", &[("stage", stage)], *count);
    }
    gauge(text, "leadloop_handoffs", "Hand-overs by state.");
    for (state, count) in &status.handoffs {
        line(text, "leadloop_handoffs", &[("state", state)], *count);
    }
    gauge(text, "leadloop_deadlines_late", "Deadlines that passed and were not handled yet.");
    line(text, "leadloop_deadlines_late", &[], status.deadlines_late);
    gauge(text, "leadloop_alarms", "Alarms that stand, by code.");
    let mut codes: Vec<(&str, i64)> = Vec::new();
    for raised in &status.alarms {
        match codes.iter_mut().find(|(code, _)| *code == raised.alarm.code) {
            Some((_, count)) => *count += 1,
            None => codes.push((&raised.alarm.code, 1)),
        }
    }
    for (code, count) in codes {
        line(text, "leadloop_alarms", &[("code", code)], count);
    }
}

/// How this node is.
fn flags(text: &mut String, node: &Node) {
    gauge(text, "leadloop_config_current", "1 where this node has the config in force.");
    line(text, "leadloop_config_current", &[], i64::from(node.is_current()));
    gauge(text, "leadloop_paused", "1 where a restored store waits for `leadloop resume`.");
    line(text, "leadloop_paused", &[], i64::from(node.is_paused()));
    gauge(text, "leadloop_build_info", "The version of this program.");
    line(text, "leadloop_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
}

fn gauge(text: &mut String, name: &str, help: &str) {
    // Writing into a text cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

fn line(text: &mut String, name: &str, labels: &[(&str, &str)], value: i64) {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    let _ = match labels.is_empty() {
        true => writeln!(text, "{name} {value}"),
        false => writeln!(text, "{name}{{{}}} {value}", labels.join(",")),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_the_line() {
        let mut text = String::new();
        line(&mut text, "x", &[("a", "q\"\\\n")], 3);
        assert_eq!(text, "x{a=\"q\\\"\\\\\\n\"} 3\n");
    }
}
