//! What is pushed to us: verify, read, keep, and only then answer as the sender expects; never more.
//!
//! Reading is pure and runs before the transaction. Whatever is genuine is kept, readable or not; what was not kept is
//! answered 503, so that the sender comes again. Absorbing what was kept is for [`crate::absorb`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use leadloop_config::plan::{Plan, SourcePlan};
use leadloop_connector_api::{Answer, Connector, Method as PushMethod, Push, Received, Refusal};
use leadloop_store::{Kept, KeptPush, PushState};
use leadloop_sync_core::capture::Quarantined;
use leadloop_sync_core::ids::PushId;
use leadloop_sync_core::intake::{Counting, Taken, intake, is_countable};
use leadloop_sync_core::time::Timestamp;
use leadloop_sync_core::visit::Counted;
use serde_json::json;

use crate::node::Node;
use crate::{bounds, canary, metrics};

/// `POST /in/NAME` (and `GET`, for pixels and handshakes), with anything behind the name.
pub async fn receive(
    State(node): State<Arc<Node>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    path: Path<Vec<(String, String)>>,
    request: Request,
) -> Response {
    let named =
        |name: &str| path.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or("");
    let plan = node.plan();
    let Some(source) = plan.source(named("source")) else {
        return refuse(
            StatusCode::NOT_FOUND,
            "LL3001",
            format!("there is no source `{}`; see [[source]] in leadloop.toml", named("source")),
        );
    };
    if !node.rates.passes(source, peer.ip()) {
        return too_many();
    }
    match push_of(node.clock.now(), peer, named("rest"), request).await {
        Ok((push, asked)) => take(&node, &plan, source, push, &asked).await,
        Err(response) => *response,
    }
}

/// What comes to no source by name: systems whose clients choose the path themselves are known by what they send.
pub async fn receive_elsewhere(
    State(node): State<Arc<Node>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let nowhere = || refuse(StatusCode::NOT_FOUND, "LL3001", "nobody listens here; sources are at /in/NAME");
    let plan = node.plan();
    let path = request.uri().path().trim_start_matches('/').to_owned();
    // By the path alone first: a body is read only where somebody may want it.
    let mut maybe =
        Push { path, query: request.uri().query().unwrap_or("").to_owned(), ..no_push(node.clock.now()) };
    if request.method() == Method::GET || request.method() == Method::HEAD {
        maybe.method = PushMethod::Get;
    }
    if claimed(&node, &plan, &maybe).is_none() {
        return nowhere();
    }
    let (push, asked) = match push_of(node.clock.now(), peer, &maybe.path, request).await {
        Ok(read) => read,
        Err(response) => return *response,
    };
    let Some(source) = claimed(&node, &plan, &push) else { return nowhere() };
    if !node.rates.passes(source, peer.ip()) {
        return too_many();
    }
    take(&node, &plan, source, push, &asked).await
}

/// The source that a push without a name is meant for.
fn claimed<'p>(node: &Node, plan: &'p Plan, push: &Push) -> Option<&'p SourcePlan> {
    let claims = plan.sources.iter().filter_map(|source| {
        let connector = node.registry.get(&source.connector)?;
        let claim = catch_unwind(AssertUnwindSafe(|| connector.claims(&source.link, push))).ok()??;
        Some((claim, source))
    });
    claims.min_by_key(|(claim, _)| *claim).map(|(_, source)| source)
}

fn no_push(at: Timestamp) -> Push {
    Push {
        method: PushMethod::Post,
        path: String::new(),
        query: String::new(),
        headers: vec![],
        body: vec![],
        at,
        peer: None,
    }
}

fn too_many() -> Response {
    let mut response = refuse(
        StatusCode::TOO_MANY_REQUESTS,
        "LL3002",
        "too many requests from this address; come again in a minute",
    );
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("60"));
    response
}

/// A request as a connector reads it, and the method it came by.
pub(crate) async fn push_of(
    at: Timestamp,
    peer: SocketAddr,
    path: &str,
    request: Request,
) -> Result<(Push, Method), Box<Response>> {
    let (parts, body) = request.into_parts();
    if !matches!(parts.method, Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::OPTIONS) {
        return Err(Box::new(StatusCode::METHOD_NOT_ALLOWED.into_response()));
    }
    let looks = matches!(parts.method, Method::GET | Method::HEAD);
    let push = Push {
        method: if looks { PushMethod::Get } else { PushMethod::Post },
        path: path.to_owned(),
        query: parts.uri.query().unwrap_or("").to_owned(),
        headers: kept_headers(&parts.headers),
        body: read_body(body).await?,
        peer: Some(peer.ip().to_string()),
        ..no_push(at)
    };
    Ok((push, parts.method))
}

/// Takes one push in, and counts it.
async fn take(node: &Node, plan: &Plan, source: &SourcePlan, push: Push, asked: &Method) -> Response {
    if push.header(canary::HEADER).is_some() {
        // Rare, and large: real pushes need not carry room for it.
        return Box::pin(canary::answer(node, plan, source, push)).await;
    }
    let response = answer(node, plan, source, push, asked).await;
    metrics::pushed(source.name.as_str(), response.status().as_u16());
    response
}

/// Reads, keeps and answers one push.
async fn answer(node: &Node, plan: &Plan, source: &SourcePlan, push: Push, asked: &Method) -> Response {
    let Some(connector) = node.registry.get(&source.connector) else {
        return refuse(
            StatusCode::NOT_FOUND,
            "LL3001",
            format!("the connector `{}` is not built in", source.connector),
        );
    };
    if *asked == Method::OPTIONS {
        return as_response(&connector.preflight(&source.link, &push));
    }
    let (counted, received) = read_judged(connector, plan, source, &push);
    let mut received = match received {
        Ok(received) => received,
        Err(refusal) => return refused(node, plan, source, push, refusal).await,
    };
    let hints = std::mem::take(&mut received.hints);
    let (answer, report) = (received.answer.take(), received.report);
    let (mut kept, quarantined) = prepare(node, plan, source, push, received);
    kept.counted.extend(counted);
    match node.keeper.keep(kept).await {
        Ok(kept) => {
            for object in &hints {
                node.hint(source.name.as_str(), object);
            }
            let outcome = outcome(&kept, &quarantined);
            match answer {
                None => axum::Json(outcome).into_response(),
                Some(answer) if report => as_response(&with_outcome(answer, outcome)),
                Some(answer) => as_response(&answer),
            }
        }
        Err(error) => {
            tracing::error!(source = %source.name, %error, "a push could not be kept");
            node.trouble.note(&error, 1, node.clock.now());
            refuse(StatusCode::SERVICE_UNAVAILABLE, "LL1010", "nothing was stored; send it again")
        }
    }
}

/// What a refused push is answered: in the vendor's words where the connector has them.
async fn refused(node: &Node, plan: &Plan, source: &SourcePlan, push: Push, refusal: Refusal) -> Response {
    let (refusal, own) = match refusal {
        Refusal::Answered { refusal, answer } => (*refusal, Some(answer)),
        refusal => (refusal, None),
    };
    let usual = match refusal {
        Refusal::Unsigned(detail) => refuse(StatusCode::UNAUTHORIZED, "LL3003", detail),
        Refusal::Forbidden(detail) => refuse(StatusCode::FORBIDDEN, "LL3004", detail),
        Refusal::Handshake(answer) => as_response(&answer),
        refusal @ (Refusal::NotAListener | Refusal::NotSpoken(_) | Refusal::Answered { .. }) => {
            refuse(StatusCode::NOT_FOUND, "LL3001", format!("source `{}`: {refusal}", source.name))
        }
        Refusal::Unreadable { code, detail } => match park(node, plan, source, push, code, &detail).await {
            Ok(()) => refuse(StatusCode::BAD_REQUEST, code, detail),
            Err(response) => return *response,
        },
    };
    own.map_or(usual, |answer| as_response(&answer))
}

/// A connector that panics on strange input must not take the push with it.
pub(crate) fn read(connector: &dyn Connector, source: &SourcePlan, push: &Push) -> Result<Received, Refusal> {
    caught(|| connector.receive(&source.link, push))
}

fn caught(read: impl FnOnce() -> Result<Received, Refusal>) -> Result<Received, Refusal> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Refusal::Unreadable {
            code: "LL3009",
            detail: "reading it failed inside leadloop; it is kept and can be injected again after an update"
                .to_owned(),
        })
    })
}

/// As [`read`]; events that are only counted are no records any more.
fn read_judged(
    connector: &dyn Connector,
    plan: &Plan,
    source: &SourcePlan,
    push: &Push,
) -> (Vec<Counted>, Result<Received, Refusal>) {
    let policy = plan.policy.sources.get(&source.name);
    let Some(mut counting) = policy.and_then(|policy| Counting::of(policy, &plan.policy, push.at)) else {
        return (vec![], read(connector, source, push));
    };
    let received = caught(|| connector.receive_judged(&source.link, push, &mut counting));
    (counting.counted(), received)
}

/// Turns what was read into what is kept: captures, and records that wait for a fix.
pub fn prepare(
    node: &Node,
    plan: &Plan,
    source: &SourcePlan,
    push: Push,
    received: Received,
) -> (KeptPush, Vec<Quarantined>) {
    metrics::ignored(source.name.as_str(), &received.ignored);
    let mut moment = node.clock.moment();
    let id: PushId = moment.id();
    let mut quarantined = received.unreadable;
    let mut captures = Vec::with_capacity(received.leads.len());
    let policy = plan.policy.sources.get(&source.name);
    let (mut counted, mut countable) = (Vec::new(), BTreeMap::new());
    for raw in &received.leads {
        let Some(policy_of_source) = policy else { continue };
        match intake(raw, policy_of_source, &plan.policy, push.at, Some(id), &mut moment) {
            Ok(Taken::Captured(captured)) => {
                if is_countable(raw, policy_of_source) {
                    countable.insert(captures.len(), raw.told);
                }
                captures.push(*captured);
            }
            Ok(Taken::Counted(event)) => counted.push(*event),
            Ok(Taken::Unwanted) => {}
            Err(refused) => quarantined.push(*refused),
        }
    }
    let kept = KeptPush {
        captures,
        countable,
        counted,
        quarantined: quarantined.clone(),
        duplicate_within: policy.map_or_else(Default::default, |policy| policy.duplicate_within),
        ..kept_form(id, plan, source, push, PushState::Read)
    };
    (kept, quarantined)
}

/// Keeps what nobody could read, for a person.
async fn park(
    node: &Node,
    plan: &Plan,
    source: &SourcePlan,
    push: Push,
    code: &str,
    detail: &str,
) -> Result<(), Box<Response>> {
    let state = PushState::Parked { code: code.to_owned(), detail: detail.to_owned() };
    let kept = kept_form(node.clock.moment().id(), plan, source, push, state);
    match node.keeper.keep(kept).await {
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::error!(source = %source.name, %error, "an unreadable push could not be kept");
            node.trouble.note(&error, 1, node.clock.now());
            let text = "nothing was stored; send it again";
            Err(Box::new(refuse(StatusCode::SERVICE_UNAVAILABLE, "LL1010", text)))
        }
    }
}

async fn read_body(body: Body) -> Result<Vec<u8>, Box<Response>> {
    let read = Limited::new(body, bounds::BODY_BYTES).collect();
    match tokio::time::timeout(bounds::BODY_READ.to_std(), read).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes().to_vec()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => Err(Box::new(refuse(
            StatusCode::PAYLOAD_TOO_LARGE,
            "LL3005",
            format!(
                "the body is larger than {} MiB; send fewer records at once, files by `leadloop import`",
                bounds::BODY_BYTES >> 20
            ),
        ))),
        Ok(Err(_)) => {
            Err(Box::new(refuse(StatusCode::BAD_REQUEST, "LL3006", "the body broke off; send it again")))
        }
        Err(_) => Err(Box::new(refuse(
            StatusCode::REQUEST_TIMEOUT,
            "LL3007",
            "the body came too slowly; send it again",
        ))),
    }
}

/// Header values that prove who the sender is are checked and forgotten.
const NOT_KEPT: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut room = bounds::HEADER_BYTES;
    let mut kept = Vec::new();
    for (name, value) in headers.iter().take(bounds::HEADERS) {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let size = name.as_str().len() + value.len();
        if size > room {
            break;
        }
        room -= size;
        kept.push((name.as_str().to_owned(), value));
    }
    kept
}

fn kept_form(id: PushId, plan: &Plan, source: &SourcePlan, push: Push, state: PushState) -> KeptPush {
    let path = if push.query.is_empty() { push.path } else { format!("{}?{}", push.path, push.query) };
    KeptPush {
        id,
        source: source.name.clone(),
        arrived: push.at,
        method: if push.method == PushMethod::Get { "GET".to_owned() } else { "POST".to_owned() },
        path,
        headers: push.headers.into_iter().filter(|(name, _)| !NOT_KEPT.contains(&name.as_str())).collect(),
        body: push.body,
        config: plan.hash.clone(),
        state,
        duplicate_within: Default::default(),
        captures: vec![],
        countable: BTreeMap::new(),
        counted: vec![],
        quarantined: vec![],
        resolves: vec![],
    }
}

/// A refusal with its code; the page of the code says what to do.
pub(crate) fn refuse(status: StatusCode, code: &str, detail: impl Into<String>) -> Response {
    (status, axum::Json(json!({ "error": { "code": code, "detail": detail.into() } }))).into_response()
}

/// What became of the records of a push: counts, and the first problems.
fn outcome(kept: &Kept, quarantined: &[Quarantined]) -> serde_json::Value {
    let list: Vec<_> = quarantined
        .iter()
        .take(20)
        .map(|record| json!({ "position": record.position, "code": record.code, "detail": record.detail }))
        .collect();
    let mut body = json!({ "accepted": kept.kept, "duplicates": kept.duplicates.len(), "quarantined": quarantined.len() });
    if kept.counted > 0 {
        body["counted"] = kept.counted.into();
    }
    if !list.is_empty() {
        body["problems"] = list.into();
    }
    body
}

/// The connector's own JSON object with what became of the records.
fn with_outcome(mut answer: Answer, outcome: serde_json::Value) -> Answer {
    if let (Some(serde_json::Value::Object(mut own)), serde_json::Value::Object(more)) =
        (answer.json(), outcome)
    {
        own.extend(more);
        answer.body = serde_json::Value::Object(own).to_string().into_bytes();
    }
    answer
}

pub(crate) fn as_response(answer: &Answer) -> Response {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body.clone())).unwrap_or_else(|_| StatusCode::OK.into_response())
}
