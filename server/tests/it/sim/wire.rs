//! Time, dice and the way out as one node has them: a clock that may be set, and a wire on which requests and answers take
//! their time and get lost. At its other end is the sandbox itself, with its gate, its rules and its faults.

use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body as HttpBody;
use axum::http;
use http_body_util::BodyExt as _;
use leadloop_connector_api::{Answer, Body, Method, Request};
use leadloop_sandbox::Inside;
use leadloop_server::clock::Clock;
use leadloop_server::wire::{BoxFuture, Wire, WireError};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::{Micros, Timestamp};
use tokio::time::{sleep, timeout};

use super::broken::Broken;
use super::stage::{Life, Stage};

/// So many records come on a page, whatever was asked for: polls take several pages.
const PAGE: &str = "3";

/// The clock of a node, which somebody may set.
pub(super) struct NodeClock {
    pub(super) stage: Arc<Stage>,
    /// How far it is ahead, in microseconds.
    pub(super) ahead: Arc<AtomicI64>,
    pub(super) dice: Mutex<Moment>,
}

impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        self.stage.now() + Micros(self.ahead.load(Ordering::SeqCst))
    }

    fn moment(&self) -> Moment {
        Moment::new(self.now(), self.dice.lock().unwrap_or_else(PoisonError::into_inner).throw())
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(sleep((at - self.now()).max(Micros(0)).to_std()))
    }
}

/// What the wire lets happen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    /// Requests of a hundred that never arrive.
    pub(super) refused: u64,
    /// Most milliseconds that a request or an answer is under way.
    pub(super) slow: u64,
}

/// The CRM's end, for all nodes.
pub(super) struct Crm {
    pub(super) inside: Inside,
    pub(super) weather: Mutex<Weather>,
    /// When requests went out, in microseconds.
    pub(super) sent: Mutex<Vec<i64>>,
    /// What was written to records that were there, by the API: method, path and body.
    pub(super) written: Mutex<Vec<(String, serde_json::Value)>>,
    pub(super) broken: Option<Broken>,
}

impl Crm {
    /// Past the gate, as the CRM's own people act and look.
    pub(super) async fn by_hand(
        &self,
        method: &str,
        path: &str,
        body: &serde_json::Value,
    ) -> serde_json::Value {
        let body = if body.is_null() { HttpBody::empty() } else { HttpBody::from(body.to_string()) };
        let request = http::Request::builder().method(method).uri(path).body(body).expect("a request");
        let (_, body) = taken(self.inside.past_the_gate(request).await).await.expect("a whole answer");
        serde_json::from_slice(&body).unwrap_or_default()
    }

    /// All records of an object that are not deleted.
    pub(super) async fn records(&self, object: &str) -> Vec<serde_json::Value> {
        let page =
            self.by_hand("GET", &format!("/api/v1/{object}?limit=500"), &serde_json::Value::Null).await;
        let records = page["records"].as_array().cloned().unwrap_or_default();
        records.into_iter().filter(|record| record["deleted"] != true).collect()
    }

    /// Carries out one request as it arrives.
    async fn hear(&self, request: &Request) -> Result<Answer, String> {
        let path = path_of(&request.url);
        if let Body::Json(body) = &request.body
            && request.method != Method::Get
        {
            self.written.lock().unwrap_or_else(PoisonError::into_inner).push((path, body.clone()));
        }
        let answered = self.inside.ask(as_http(request)).await.ok_or("the connection was closed")?;
        let (parts, body) = taken(answered).await?;
        let headers = parts.headers.iter();
        let headers = headers.map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        Ok(Answer { status: parts.status.as_u16(), headers: headers.collect(), body })
    }

    /// The same, and what a broken product would have sent besides.
    async fn hear_all(&self, request: &Request) -> Result<Answer, String> {
        let Some(broken) = self.broken else { return self.hear(request).await };
        let mut request = request.clone();
        let also = broken.meddle(&mut request);
        let answer = self.hear(&request).await;
        for more in also {
            let _ = self.hear(&more).await;
        }
        answer
    }
}

pub(super) fn path_of(url: &str) -> String {
    url.split_once("//")
        .and_then(|(_, rest)| rest.find('/').map(|at| rest.split_at(at).1.to_owned()))
        .unwrap_or_default()
}

fn as_http(request: &Request) -> http::Request<HttpBody> {
    let mut url = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in &request.query {
        url.append_pair(name, if name == "limit" { PAGE } else { value });
    }
    let method = format!("{:?}", request.method).to_uppercase();
    let uri = format!("{}?{}", path_of(&request.url), url.finish());
    let mut builder = http::Request::builder().method(method.as_str()).uri(uri);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let body = match &request.body {
        Body::Json(json) => HttpBody::from(json.to_string()),
        Body::Form(pairs) => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            HttpBody::from(form.extend_pairs(pairs).finish())
        }
        _ => HttpBody::empty(),
    };
    builder.body(body).expect("it was a request before")
}

async fn taken(response: http::Response<HttpBody>) -> Result<(http::response::Parts, Vec<u8>), String> {
    let (parts, body) = response.into_parts();
    let whole = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    let announced = parts.headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    match announced {
        Some(length) if whole.len() < length => Err("the body broke off".to_owned()),
        _ => Ok((parts, whole.to_vec())),
    }
}

/// The wire of one node.
pub(super) struct Way {
    pub(super) stage: Arc<Stage>,
    pub(super) crm: Arc<Crm>,
    pub(super) life: Life,
}

impl Way {
    async fn carry(&self, request: &Request) -> Result<Answer, WireError> {
        let weather = *self.crm.weather.lock().unwrap_or_else(PoisonError::into_inner);
        let said = format!("{:?} {}", request.method, path_of(&request.url));
        self.turn(format!("sends {said}")).await;
        if self.stage.comes(weather.refused) {
            return Err(WireError { sent: false, detail: "connection refused".to_owned() });
        }
        let (there, back) = (self.throw(weather.slow), self.throw(weather.slow));
        let (crm, request) = (Arc::clone(&self.crm), request.clone());
        // What is on its way arrives, whatever becomes of the node that sent it.
        let heard = tokio::spawn(async move {
            sleep(there).await;
            crm.hear_all(&request).await
        });
        let heard = heard.await.expect("the CRM does not panic");
        sleep(back).await;
        let status = heard.as_ref().map_or(0, |answer| answer.status);
        self.turn(format!("hears {status} of {said}")).await;
        heard.map_err(|detail| WireError { sent: true, detail })
    }

    /// Holds nothing of the turn: what is on the wire is nobody's.
    async fn turn(&self, what: String) {
        if self.stage.turn(self.life, what).await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    fn throw(&self, most: u64) -> Duration {
        Duration::from_micros(self.stage.throw(most.max(1) * 1_000))
    }
}

impl Wire for Way {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        within: Duration,
    ) -> BoxFuture<'a, Result<Answer, WireError>> {
        // The CRM counts no logins.
        if !request.url.ends_with("/oauth/token") {
            self.crm.sent.lock().unwrap_or_else(PoisonError::into_inner).push(self.stage.now().0);
        }
        Box::pin(async move {
            let late = || WireError { sent: true, detail: "no answer in time".to_owned() };
            timeout(within, self.carry(request)).await.unwrap_or_else(|_| Err(late()))
        })
    }
}
