//! The server: connections, the way of a request through the gate, and faults carried out.
//!
//! hyper is driven directly because faults need the connection: closing it without an answer, resetting it, cutting a body.

use crate::counts::Logged;
use crate::faults::{FaultKind, Hit};
use crate::gate::{Admission, Visitor, token_expired};
use crate::refusal::{AnsweredCode, Refusal};
use crate::shared::Shared;
use crate::token::may_administer;
use crate::windows::State;
use crate::wire::{HalfBody, Wire};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, Response, header};
use axum::response::IntoResponse;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use tower::Service;

/// Connections at the same time.
const CONNECTIONS: usize = 4_096;
/// How long a client may take to send its headers.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// Bodies up to this size are cut in half by `truncated`.
const CUTTABLE: usize = 64 << 20;

/// The connection ends without (the rest of) an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection cut by a fault")]
pub(crate) struct Cut;

/// A record lock struck this request; the batch handler looks for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Locked;

/// Accept connections until stopped.
pub(crate) async fn serve(listener: TcpListener, router: Router, shared: Arc<Shared>, tracker: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, mostly: give others time to close theirs.
                tracing::warn!(%error, "the sandbox cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if tracker.len() >= CONNECTIONS {
            continue;
        }
        // Small answers must not wait for more data.
        let _ = stream.set_nodelay(true);
        let (router, shared) = (router.clone(), Arc::clone(&shared));
        tracker.spawn(connection(stream, router, shared));
    }
}

async fn connection(stream: tokio::net::TcpStream, router: Router, shared: Arc<Shared>) {
    let reset = Arc::new(AtomicBool::new(false));
    let io = TokioIo::new(Wire::new(stream, Arc::clone(&reset)));
    let stop = shared.stop.clone();
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let (router, shared, reset) = (router.clone(), Arc::clone(&shared), Arc::clone(&reset));
        answer(shared, router, reset, request.map(Body::new))
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .serve_connection(io, service);
    tokio::select! {
        () = stop.cancelled() => {}
        // Errors here are cut connections: wanted, or the client's affair.
        _ = serving => {}
    }
}

/// One request from arrival to answer.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    mut router: Router,
    reset: Arc<AtomicBool>,
    mut request: Request<Body>,
) -> Result<Response<Body>, Cut> {
    if !is_guarded(request.uri().path()) {
        return Ok(match may_administer(&shared, request.uri().path(), request.headers()) {
            Ok(()) => infallible(router.call(request).await),
            Err(response) => *response,
        });
    }
    let mut visit = Visit::begin(Arc::clone(&shared), &request);
    let admission = visit.admit(&request);
    let hit = match admission.verdict {
        Err(refusal) => return Ok(visit.end(refusal.into_response(), admission.windows)),
        Ok(hit) => hit,
    };
    visit.fault = hit.map(|hit| hit.kind.name());
    if let Some(hit) = hit {
        match before(hit, is_single_write(&request), &shared).await {
            Before::Answer(response) => return Ok(visit.end(response, admission.windows)),
            Before::Cut => return Err(Cut),
            Before::Reset => {
                reset.store(true, Ordering::Release);
                return Err(Cut);
            }
            Before::GoOn => {
                if hit.kind == FaultKind::RecordLocked {
                    request.extensions_mut().insert(Locked);
                }
            }
        }
    }
    let response = infallible(router.call(request).await);
    match hit {
        Some(hit) => match after(hit, response, &shared).await {
            Some(response) => Ok(visit.end(response, admission.windows)),
            None => Err(Cut),
        },
        None => Ok(visit.end(response, admission.windows)),
    }
}

fn infallible(result: Result<Response<Body>, std::convert::Infallible>) -> Response<Body> {
    match result {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn is_guarded(path: &str) -> bool {
    path.starts_with("/api/") || path.starts_with("/ma/api/") || path.starts_with("/oauth/")
}

/// What a fault does before the request is carried out.
enum Before {
    GoOn,
    Answer(Response<Body>),
    Cut,
    Reset,
}

fn is_single_write(request: &Request<Body>) -> bool {
    request.method() != "GET" && !request.uri().path().ends_with("/batch")
}

async fn before(hit: Hit, single_write: bool, shared: &Shared) -> Before {
    let refuse = |refusal: Refusal| Before::Answer(refusal.into_response());
    match hit.kind {
        FaultKind::Error500 => refuse(Refusal::new(500, "internal", "something went wrong")),
        FaultKind::Unavailable503 => {
            let refusal = Refusal::new(503, "unavailable", "out of service");
            refuse(match hit.retry_after {
                Some(secs) => refusal.with("retry_after", secs),
                None => refusal,
            })
        }
        FaultKind::Throttle => refuse(
            Refusal::new(429, "rate_limited", "too many requests")
                .with("window", "second")
                .with("retry_after", hit.retry_after.unwrap_or(1)),
        ),
        FaultKind::Reset => Before::Reset,
        FaultKind::Hang => {
            pause(hit.ms.unwrap_or(60_000), shared).await;
            Before::Cut
        }
        FaultKind::Html => Before::Answer(html(200, LOGIN_PAGE)),
        FaultKind::BadGateway => Before::Answer(html(502, GATEWAY_PAGE)),
        FaultKind::Empty => Before::Answer(Response::new(Body::empty())),
        FaultKind::ExpireToken => refuse(token_expired()),
        FaultKind::RecordLocked if single_write => refuse(locked()),
        _ => Before::GoOn,
    }
}

/// The answer for a record that somebody else holds.
pub(crate) fn locked() -> Refusal {
    Refusal::new(423, "record_locked", "another transaction holds this record; try again")
}

/// What a fault does to the answer; none: it is never sent.
async fn after(hit: Hit, response: Response<Body>, shared: &Shared) -> Option<Response<Body>> {
    match hit.kind {
        FaultKind::Slow => {
            pause(hit.ms.unwrap_or(1_000), shared).await;
            Some(response)
        }
        FaultKind::LostAnswer => None,
        FaultKind::HangAfter => {
            pause(hit.ms.unwrap_or(60_000), shared).await;
            None
        }
        FaultKind::Truncated => Some(cut_in_half(response).await),
        FaultKind::ErrorAfter => Some(Refusal::new(500, "internal", "something went wrong").into_response()),
        _ => Some(response),
    }
}

async fn pause(ms: u64, shared: &Shared) {
    tokio::select! {
        () = shared.stop.cancelled() => {}
        () = tokio::time::sleep(Duration::from_millis(ms)) => {}
    }
}

async fn cut_in_half(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, CUTTABLE).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let half = whole.slice(..whole.len() / 2);
    Response::from_parts(parts, Body::new(HalfBody::new(half)))
}

const LOGIN_PAGE: &str = "<!doctype html><html><head><title>Sign in</title></head>\
    <body><form action=\"/login\"><input name=\"user\"></form></body></html>\n";
const GATEWAY_PAGE: &str = "<html><head><title>502 Bad Gateway</title></head>\
    <body><h1>502 Bad Gateway</h1></body></html>\n";

fn html(status: u16, page: &'static str) -> Response<Body> {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    let mut response = (headers, page).into_response();
    *response.status_mut() = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    response
}

/// One request behind the gate; when it is dropped before its end (the client left, the answer was lost) that is counted.
struct Visit {
    shared: Arc<Shared>,
    began: i64,
    method: String,
    path: String,
    entered: bool,
    fault: Option<&'static str>,
    answered: Option<(u16, Option<&'static str>)>,
}

impl Visit {
    fn begin(shared: Arc<Shared>, request: &Request<Body>) -> Self {
        Self {
            began: shared.clock.now(),
            shared,
            method: request.method().as_str().to_owned(),
            path: request.uri().path().to_owned(),
            entered: false,
            fault: None,
            answered: None,
        }
    }

    fn admit(&mut self, request: &Request<Body>) -> Admission {
        let authorization =
            request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let visitor =
            Visitor { method: &self.method, path: &self.path, query: request.uri().query(), authorization };
        let admission = self.shared.gate().admit(&visitor, self.began);
        self.entered = admission.entered;
        admission
    }

    fn end(mut self, mut response: Response<Body>, windows: State) -> Response<Body> {
        let code = response.extensions().get::<AnsweredCode>().map(|code| code.0);
        self.answered = Some((response.status().as_u16(), code));
        say_windows(&mut response, windows);
        response
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut logged = Logged::now(self.shared.clock, self.began, &self.method, &self.path);
        if let Some((status, code)) = self.answered {
            logged.status = Some(status);
            logged.code = code;
        }
        logged.fault = self.fault;
        self.shared.gate().finish(self.entered, logged);
    }
}

fn say_windows(response: &mut Response<Body>, windows: State) {
    let mut say = |name: &'static str, value: u64| {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(value));
    };
    if let Some((limit, left, secs)) = windows.tightest {
        say("x-ratelimit-limit", u64::from(limit));
        say("x-ratelimit-remaining", u64::from(left));
        say("x-ratelimit-reset", secs);
    }
    if let Some((limit, left)) = windows.quota {
        say("x-quota-limit", u64::from(limit));
        say("x-quota-remaining", u64::from(left));
    }
}
