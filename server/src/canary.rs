//! Beside the road: a made lead goes the whole way of a source, from its own address to the decision, and nothing of it stays.
//!
//! It is recognised by a token that only whoever may read the store can make ([`crate::answer::token::Keys`]), read by
//! the source's own connector, signature and all, and absorbed in a transaction that really writes and is then
//! undone. So no death of the node can leave it behind, no other transaction ever sees it, and neither sales nor
//! the numbers hear of it. What is told is how far it came, how long each stage took, and what would have been done.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use leadloop_config::plan::{Plan, SourcePlan};
use leadloop_connector_api::canary::Canary;
use leadloop_connector_api::{Body, Push, Refusal, Registry, Request};
use leadloop_mapping::{Record, Value};
use leadloop_store::{KeptPush, StoreError, WriteLane};
use leadloop_sync_core::because::Reason;
use leadloop_sync_core::capture::Captured;
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::lead::Stage as LeadStage;
use leadloop_sync_core::score;
use leadloop_sync_core::time::{Micros, Timestamp};
use serde::{Deserialize, Serialize};

use crate::absorb::Absorb;
use crate::node::Node;
use crate::wire::Wire;
use crate::{bounds, ingress, react};

/// The header that says that a push is a canary.
pub const HEADER: &str = "x-leadloop-canary";
/// How long a token holds: clocks of two machines are never quite the same.
pub const HOLDS: Micros = Micros::minutes(5);
/// The code of a canary that did not come through.
pub const FELL: &str = "LL4882";
/// The code of a token that is not ours.
pub const FORGED: &str = "LL4883";

/// How far a canary came, and what it met.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which source.
    pub source: String,
    /// What was gone through, in order, with the microseconds of each.
    pub stages: Vec<(Stage, u64)>,
    /// Where it ended before its time.
    pub fell: Option<Fall>,
    /// What its events are not worth: a place on a timeline. They are counted, or passed over.
    pub counted: bool,
    /// What would have been.
    pub seen: Option<Seen>,
    /// Captures that wait to be absorbed: where they do not become fewer, real leads wait as well.
    pub waiting: i64,
}

/// A part of the road.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Signature, and the vendor's form.
    Read,
    /// The source's own rules: mapping, `keep`, `require`.
    Taken,
    /// Written to the inbox.
    Kept,
    /// Whose it is, profile, scores, stage, decision; written as well.
    Decided,
}

/// Why a canary came no further.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fall {
    /// In which part of the road.
    pub at: Stage,
    /// The code of what stopped it.
    pub code: String,
    /// What is wrong.
    pub detail: String,
}

/// What would have become of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The kind of touch.
    pub touch: String,
    /// The fields of the pool it filled.
    pub fields: Vec<String>,
    /// Kinds of identifiers it is known by.
    pub who: Vec<String>,
    /// Points by score.
    pub scores: BTreeMap<String, i64>,
    /// Where it would stand.
    pub stage: Option<LeadStage>,
    /// Whether it would be an MQL.
    pub mql: bool,
    /// The rule that would have decided, and what.
    pub decided: Option<(Option<String>, serde_json::Value)>,
    /// What would have been said, by system and kind.
    pub told: Vec<(String, String)>,
    /// Why, in the order it was found.
    pub reasons: Vec<Reason>,
}

/// A push of a made lead for a source, as its vendor would send it; nothing where the source cannot be tried so.
#[must_use]
pub fn push(plan: &Plan, registry: &Registry, source: &SourcePlan, id: &str, at: Timestamp) -> Option<Push> {
    let connector = registry.get(&source.connector)?;
    let canary = Canary { id: format!("canary-{id}"), at, fields: fields(plan, source, id) };
    connector.canary(&source.link, &canary)
}

/// Why nothing is known of a canary that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// Nobody answered: why.
    Nobody(String),
    /// Somebody answered with this status, and not as leadloop does.
    Stranger(u16),
    /// The node takes no canary.
    Refused {
        /// What it answered.
        status: u16,
        /// The code of its reason.
        code: String,
        /// Its reason.
        detail: String,
    },
}

/// Sends a canary to the node at `base`, and says what became of it there.
///
/// # Errors
/// Where nothing is known of it.
pub async fn send(
    (wire, base, within): (&dyn Wire, &str, Duration),
    source: &SourceName,
    push: Push,
    token: String,
) -> Result<Report, Unheard> {
    let mut url = format!("{base}/in/{source}");
    if !push.path.is_empty() {
        url = format!("{url}/{}", push.path);
    }
    if !push.query.is_empty() {
        url = format!("{url}?{}", push.query);
    }
    let kind = push.header("content-type").unwrap_or("application/octet-stream").to_owned();
    let mut headers: Vec<(String, String)> =
        push.headers.into_iter().filter(|(name, _)| name != "content-type").collect();
    headers.push((HEADER.to_owned(), token));
    let body = Body::Bytes(kind, push.body);
    let request = Request { method: push.method, url, query: vec![], headers, body, repeatable: true };
    let answer =
        wire.send(&request, within).await.map_err(|error| Unheard::Nobody(format!("{base}: {error}")))?;
    let said = answer.json().unwrap_or_default();
    if let Ok(report) = serde_json::from_value(said.clone()) {
        return Ok(report);
    }
    let text = |path: &str| said.pointer(path).and_then(serde_json::Value::as_str).map(str::to_owned);
    let status = answer.status;
    Err(match text("/error/code") {
        Some(code) => Unheard::Refused { status, code, detail: text("/error/detail").unwrap_or_default() },
        None => Unheard::Stranger(status),
    })
}

/// Where a node is reached from its own machine.
#[must_use]
pub fn local(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// What the made lead says, under the names that the source's mapping expects.
fn fields(plan: &Plan, source: &SourcePlan, id: &str) -> Record {
    let digits = id.bytes().fold(0_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 10_000);
    let mut wanted = vec![
        ("name".to_owned(), "leadloop canary".to_owned()),
        ("phone".to_owned(), format!("1990000{digits:04}")),
        ("email".to_owned(), format!("canary-{id}@canary.example")),
        ("company".to_owned(), "leadloop canary (made up)".to_owned()),
    ];
    let policy = plan.policy.sources.get(&source.name);
    for demand in policy.iter().flat_map(|policy| &policy.require) {
        let met = demand.iter().any(|field| wanted.iter().any(|(name, _)| name == field));
        if let Some(field) = demand.first().filter(|_| !met) {
            wanted.push((field.clone(), "leadloop canary".to_owned()));
        }
    }
    let theirs = |field: &str| {
        let mapped = policy.and_then(|policy| policy.fields.iter().find(|(_, ours)| ours == field));
        mapped.map_or_else(|| field.to_owned(), |(theirs, _)| theirs.clone())
    };
    let mut record = Record::new();
    for (field, value) in wanted {
        record.set(theirs(&field), Value::text(value));
    }
    record
}

/// Answers a push that says that it is a canary. It is never taken for a lead, whatever its token is worth.
pub(crate) async fn answer(node: &Node, plan: &Plan, source: &SourcePlan, mut push: Push) -> Response {
    let token = push.header(HEADER).unwrap_or_default().to_owned();
    push.headers.retain(|(name, _)| name != HEADER);
    if !node.keys().is_canary(source.name.as_str(), node.clock.now(), &token) {
        let detail = "the canary's token is not of this installation, or too old: its command uses another config or store \
                      than the node, or their clocks differ by minutes";
        return ingress::refuse(StatusCode::FORBIDDEN, FORGED, detail);
    }
    let mut report = Report { source: source.name.to_string(), ..Report::default() };
    report.waiting = node.store.status(node.clock.now()).await.map_or(-1, |status| status.captures_due);
    let at = if let Err(fall) = Box::pin(go(node, plan, source, push, &mut report)).await {
        tracing::warn!(code = FELL, source = %source.name, because = fall.code, detail = fall.detail, "a canary fell");
        report.fell = Some(fall);
        "fell"
    } else {
        "came through"
    };
    tracing::info!(source = %source.name, at, "a canary was sent");
    axum::Json(report).into_response()
}

/// Goes the road.
async fn go(
    node: &Node,
    plan: &Plan,
    source: &SourcePlan,
    push: Push,
    report: &mut Report,
) -> Result<(), Fall> {
    let begun = Instant::now();
    let kept = read(node, plan, source, push, report, begun)?;
    let captures = kept.captures.clone();
    let (Some(first), true) = (captures.first(), kept.counted.is_empty()) else {
        report.counted = true;
        return Ok(());
    };
    if !node.may_decide() {
        let detail = "this node decides nothing at present: it was restored from a backup and waits for `leadloop resume`, or \
                      another config is in force";
        return Err(Fall { at: Stage::Decided, code: FELL.to_owned(), detail: detail.to_owned() });
    }
    let mut stale = 0;
    let reactions = loop {
        match write(node, plan, &kept, &captures, report).await {
            Ok(reactions) => break reactions,
            Err((_, StoreError::Stale { .. })) if stale < bounds::STALE_ROUNDS => stale += 1,
            Err((at, error)) => {
                let code = error.code().unwrap_or("LL1010").to_owned();
                return Err(Fall { at, code, detail: error.to_string() });
            }
        }
    };
    report.seen = Some(seen(first, &reactions, plan, node.clock.now()));
    let parked = reactions.iter().flat_map(|reaction| &reaction.effects).find_map(|effect| match effect {
        Effect::FinishCapture {
            end: leadloop_sync_core::capture::CaptureEnd::Parked { code, detail },
            ..
        } => Some(Fall { at: Stage::Decided, code: code.clone(), detail: detail.clone() }),
        _ => None,
    });
    parked.map_or(Ok(()), Err)
}

/// Signature, form, and the rules of the source.
fn read(
    node: &Node,
    plan: &Plan,
    source: &SourcePlan,
    push: Push,
    report: &mut Report,
    begun: Instant,
) -> Result<KeptPush, Fall> {
    let fall = |at: Stage, code: &str, detail: String| Fall { at, code: code.to_owned(), detail };
    let Some(connector) = node.registry.get(&source.connector) else {
        let detail = format!("the connector `{}` is not built in", source.connector);
        return Err(fall(Stage::Read, "LL3001", detail));
    };
    let mut received = ingress::read(connector, source, &push).map_err(|refusal| {
        let (code, detail) = told(refusal);
        fall(Stage::Read, code, detail)
    })?;
    report.stages.push((Stage::Read, micros(begun)));
    let begun = Instant::now();
    // It is no record that anybody passed over: nothing is counted.
    if let Some((code, _)) = std::mem::take(&mut received.ignored).pop_first() {
        let detail = "the source passes it over as meant for somebody else".to_owned();
        return Err(fall(Stage::Taken, code, detail));
    }
    let (kept, quarantined) = ingress::prepare(node, plan, source, push, received);
    if let Some(record) = quarantined.into_iter().next() {
        return Err(fall(Stage::Taken, &record.code, record.detail));
    }
    report.stages.push((Stage::Taken, micros(begun)));
    Ok(kept)
}

/// The code and the words of a refusal.
fn told(refusal: Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::Answered { refusal, .. } => told(*refusal),
        Refusal::Unsigned(detail) => ("LL3003", detail),
        Refusal::Forbidden(detail) => ("LL3004", detail),
        Refusal::Unreadable { code, detail } => (code, detail),
        Refusal::Handshake(_) => (FELL, "the source took it for a test of the address".to_owned()),
        refusal @ (Refusal::NotAListener | Refusal::NotSpoken(_)) => ("LL3001", refusal.to_string()),
    }
}

/// Writes what a real one would leave, in one transaction, and undoes it.
async fn write(
    node: &Node,
    plan: &Plan,
    kept: &KeptPush,
    captures: &[Captured],
    report: &mut Report,
) -> Result<Vec<Reaction>, (Stage, StoreError)> {
    report.stages.retain(|(stage, _)| !matches!(stage, Stage::Kept | Stage::Decided));
    let begun = Instant::now();
    let of = |at: Stage| move |error: StoreError| (at, error);
    let mut tx = node.store.begin(WriteLane::Hot).await.map_err(of(Stage::Kept))?;
    tx.keep(std::slice::from_ref(kept)).await.map_err(of(Stage::Kept))?;
    report.stages.push((Stage::Kept, micros(begun)));
    let begun = Instant::now();
    let reactions = react::rehearse::<Absorb>(tx, captures, plan, node).await.map_err(of(Stage::Decided))?;
    report.stages.push((Stage::Decided, micros(begun)));
    Ok(reactions)
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// What these reactions would have done.
fn seen(captured: &Captured, reactions: &[Reaction], plan: &Plan, now: Timestamp) -> Seen {
    let mut seen = Seen {
        touch: captured.touch.clone(),
        fields: captured.fields.iter().map(|(name, _)| name.to_owned()).collect(),
        who: captured.who.iter().map(|one| one.kind.0.clone()).collect(),
        ..Seen::default()
    };
    for reaction in reactions {
        seen.reasons.extend(reaction.because.reasons.iter().cloned());
        for effect in &reaction.effects {
            match effect {
                Effect::PutLead(lead) => {
                    seen.scores = score::all(lead, &plan.policy, now);
                    (seen.stage, seen.mql) = (Some(lead.stage), lead.mql);
                }
                Effect::Decide(decision) => {
                    let action = serde_json::to_value(&decision.action).unwrap_or_default();
                    seen.decided = Some((decision.rule.clone(), action));
                }
                Effect::Enqueue(delivery) => {
                    let told = (delivery.link.to_string(), delivery.operation.kind().to_owned());
                    seen.told.push(told);
                }
                _ => {}
            }
        }
    }
    seen
}
