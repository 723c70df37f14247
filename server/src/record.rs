//! Beside the road: speaks with one system for a fixture, or hears one push, and hands over what was said, as it was. Making
//! a fixture of it is for the connectors' test kit; nothing of it reaches the store.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request as Asked, State};
use axum::http::Method as Asking;
use axum::response::{IntoResponse, Response};
use leadloop_config::plan::LinkPlan;
use leadloop_connector_api::{Answer, Connector, Link, Push, Refusal, Registry, Request, Wants};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome};
use leadloop_sync_core::time::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use crate::clock::{Clock, SystemClock};
use crate::ingress;
use crate::run::{StartError, line};
use crate::wire::{BoxFuture, Wire, WireError};

/// What carrying out operations brought.
#[derive(Debug)]
pub struct Spoken {
    /// The link as it spoke: without what a config wants of a CRM beyond the manifest.
    pub link: Link,
    /// When it began.
    pub now: Timestamp,
    /// The answers that the connector read, in their order; logins are not among them.
    pub answers: Vec<Answer>,
    /// How it ended.
    pub outcomes: Vec<Outcome>,
}

/// Carries out operations of one kind over a line of its own; `None` where its connector speaks nothing.
///
/// # Errors
/// Where the address cannot be put together.
pub async fn speak(
    link: &LinkPlan,
    registry: &Registry,
    operations: &[Operation],
    wire: &dyn Wire,
) -> Result<Option<Spoken>, StartError> {
    let mut link = link.clone();
    link.link.wants = Wants::default();
    let Some((_, driven)) = line(&link, registry)? else { return Ok(None) };
    let (tape, clock) = (Tape { inner: wire, said: Mutex::default() }, Noted(OnceLock::new()));
    let talked = driven.line.converse(operations, Timestamp(i64::MAX), &tape, &clock).await;
    let mut said = tape.said.into_inner().into_iter();
    let mut answers: Vec<(Request, Answer)> = Vec::new();
    for one in &talked.exchanged {
        let Some((request, answer)) = said.find(|(request, _)| *request == one.signed) else { continue };
        // Refused for a token that was over, then sent again: the connector saw only what came then.
        let again = answers.last().is_some_and(|(before, answer)| {
            (&before.url, &before.body) == (&request.url, &request.body) && driven.line.login.is_over(answer)
        });
        if again {
            answers.pop();
        }
        answers.push((request, answer));
    }
    let now = clock.0.get().copied().unwrap_or_else(|| SystemClock.now());
    let answers = answers.into_iter().map(|(_, answer)| answer).collect();
    Ok(Some(Spoken { link: link.link, now, answers, outcomes: talked.outcomes }))
}

/// A wire that keeps what came back.
struct Tape<'a> {
    inner: &'a dyn Wire,
    said: Mutex<Vec<(Request, Answer)>>,
}

impl Wire for Tape<'_> {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, WireError>> {
        Box::pin(async move {
            let answer = self.inner.send(request, timeout).await?;
            self.said.lock().await.push((request.clone(), answer.clone()));
            Ok(answer)
        })
    }
}

/// The world's clock, and when the conversation began.
struct Noted(OnceLock<Timestamp>);

impl Clock for Noted {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn moment(&self) -> Moment {
        let moment = SystemClock.moment();
        let _ = self.0.set(moment.now); // the first one counts
        moment
    }

    fn sleep_until(&self, at: Timestamp) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        SystemClock.sleep_until(at)
    }
}

/// A door for one push.
pub struct Ear {
    listener: TcpListener,
    address: SocketAddr,
}

/// What came to the door.
#[derive(Debug)]
pub enum Heard {
    /// A push that the connector takes.
    Push(Box<Push>),
    /// Something else, which was answered; why it is no push.
    Else(String),
}

impl Ear {
    /// Opens it.
    ///
    /// # Errors
    /// Where the address is taken.
    pub async fn open(at: SocketAddr) -> Result<Self, StartError> {
        let failed = |source| StartError::Listen { address: at, source };
        let listener = TcpListener::bind(at).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers whatever comes as the vendor needs it, and tells `heard` each time, until that says that it has enough.
    pub async fn listen(
        self,
        connector: &'static dyn Connector,
        source: &str,
        link: Link,
        mut heard: impl FnMut(Heard) -> bool,
    ) {
        let (tell, mut told) = mpsc::channel(16);
        let door = Arc::new(Door { connector, link, prefix: format!("/in/{source}"), tell });
        let router = Router::new().fallback(answer).with_state(door);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(async move { axum::serve(self.listener, service).await });
        while let Some(one) = told.recv().await {
            if heard(one) {
                break;
            }
        }
        // The answer to the last push is on its way: whoever sent it should not come again.
        tokio::time::sleep(Duration::from_millis(200)).await;
        serving.abort();
    }
}

struct Door {
    connector: &'static dyn Connector,
    link: Link,
    prefix: String,
    tell: mpsc::Sender<Heard>,
}

async fn answer(
    State(door): State<Arc<Door>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    asked: Asked,
) -> Response {
    let path = asked.uri().path();
    let path = path.strip_prefix(&door.prefix).unwrap_or(path).trim_start_matches('/').to_owned();
    let (push, method) = match ingress::push_of(SystemClock.now(), peer, &path, asked).await {
        Ok(read) => read,
        Err(response) => return *response,
    };
    if method == Asking::OPTIONS {
        return ingress::as_response(&door.connector.preflight(&door.link, &push));
    }
    let (told, response) = match door.connector.receive(&door.link, &push) {
        Ok(received) => {
            let response = match &received.answer {
                Some(answer) => ingress::as_response(answer),
                None => axum::Json(serde_json::json!({ "ok": true })).into_response(),
            };
            (Heard::Push(Box::new(push)), response)
        }
        Err(refusal) => (Heard::Else(refusal.to_string()), refused(&refusal)),
    };
    // Nobody who stopped listening needs to be told.
    let _ = door.tell.send(told).await;
    response
}

fn refused(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::Handshake(answer) | Refusal::Answered { answer, .. } => return ingress::as_response(answer),
        Refusal::Unsigned(_) => 401,
        Refusal::Forbidden(_) => 403,
        Refusal::Unreadable { .. } => 400,
        Refusal::NotAListener | Refusal::NotSpoken(_) => 404,
    };
    ingress::as_response(&Answer::with_body(status, "text/plain; charset=utf-8", refusal.to_string()))
}
