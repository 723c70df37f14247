//! A running sandbox and the smallest HTTP client that can talk to it: requests of a connector go out as the shell would
//! send them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use leadloop_connector_api::http::{Body, Method, Push};
use leadloop_connector_api::testkit::fixture::method_name;
use leadloop_connector_api::{Answer, Connector, Link, Request, Step};
use leadloop_mapping::Value;
use leadloop_sandbox::{Handle, Options, Sandbox};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome};
use leadloop_sync_core::time::Timestamp;
use secrecy::SecretString;
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;

pub(crate) const SECRET: &str = "whsec_Zml4dHVyZS1zZWNyZXQtMDAwMS0wMDAwMDAwMA==";
/// A moment for conversations; none of the sandbox's answers depends on it.
pub(crate) const NOW: Timestamp = Timestamp(1_795_410_000_000_000);

/// A sandbox of this test alone.
pub(crate) struct Live {
    runtime: Runtime,
    handle: Option<Handle>,
    token: String,
}

/// One request and what came of it.
pub(crate) struct Exchanged {
    pub(crate) request: Request,
    pub(crate) answer: Answer,
}

impl Live {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.block_on(Sandbox::start(Options::default())).unwrap();
        let mut live = Self { runtime, handle: Some(handle), token: String::new() };
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "sandbox"),
            ("client_secret", "sandbox-secret"),
        ];
        let form = form.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let request =
            Request { body: Body::Form(form), ..Request::json(Method::Post, "/oauth/token", Json::Null) };
        let answer = live.send(&request).unwrap().json().unwrap();
        live.token = answer["access_token"].as_str().unwrap().to_owned();
        live
    }

    pub(crate) fn forget_token(&mut self) {
        self.token = "sbx_none".to_owned();
    }

    /// Sends a request; `None` where the connection ended without a whole answer.
    pub(crate) fn send(&self, request: &Request) -> Option<Answer> {
        let address = self.handle.as_ref().unwrap().addr();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut target = request.url.clone();
        if !request.query.is_empty() {
            let query =
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
            target = format!("{target}?{query}");
        }
        let (kind, body) = match &request.body {
            Body::Empty => ("", vec![]),
            Body::Json(json) => ("application/json", json.to_string().into_bytes()),
            Body::Form(pairs) => {
                let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                ("application/x-www-form-urlencoded", form.into_bytes())
            }
            Body::Bytes(kind, bytes) => (kind.as_str(), bytes.clone()),
            Body::Mail(_) | Body::Sql(_) => unreachable!("the sandbox gets no mail and no statements"),
        };
        let head = format!(
            "{} {target} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            method_name(request.method),
            self.token,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        read_answer(BufReader::new(stream))
    }

    /// A call of the sandbox's own: admin, seeds, faults.
    #[track_caller]
    pub(crate) fn admin(&self, method: Method, path: &str, body: Json) -> Json {
        let answer = self.send(&Request::json(method, path, body)).unwrap();
        assert!(
            (200..300).contains(&answer.status),
            "{path}: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        answer.json().unwrap_or_default()
    }

    pub(crate) fn fault(&self, kind: &str) {
        self.admin(Method::Post, "/admin/faults", json!({"kind": kind, "next": 1}));
    }

    pub(crate) fn seed(&self, records: Json) -> Json {
        self.admin(Method::Post, "/admin/seed", records)
    }

    /// Carries out operations. `Err` holds what was exchanged before the connection broke.
    pub(crate) fn run(
        &self,
        connector: &dyn Connector,
        link: &Link,
        operations: &[Operation],
    ) -> Result<(Vec<Exchanged>, Vec<Outcome>), Vec<Exchanged>> {
        let mut exchanged = Vec::new();
        let mut exchange = connector.exchange(link, operations, &mut Moment::new(NOW, 1)).unwrap();
        let mut step = exchange.advance(None);
        loop {
            match step {
                Step::Done(outcomes) => return Ok((exchanged, outcomes)),
                Step::Send(request) => {
                    let Some(answer) = self.send(&request) else { return Err(exchanged) };
                    step = exchange.advance(Some(&answer));
                    exchanged.push(Exchanged { request: *request, answer });
                }
            }
        }
    }

    /// The outcomes of operations that got an answer.
    #[track_caller]
    pub(crate) fn outcomes(
        &self,
        connector: &dyn Connector,
        link: &Link,
        operations: &[Operation],
    ) -> Vec<Outcome> {
        self.run(connector, link, operations).map_err(|_| "the connection broke").unwrap().1
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            self.runtime.block_on(handle.shutdown());
        }
    }
}

fn read_answer(mut stream: BufReader<TcpStream>) -> Option<Answer> {
    let (status, headers) = read_head(&mut stream)?;
    let status = status.split(' ').nth(1)?.parse().ok()?;
    let mut body = Vec::new();
    stream.read_to_end(&mut body).ok()?;
    let find =
        |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let whole = match (find("content-length"), find("transfer-encoding")) {
        (Some(length), _) => length.parse() == Ok(body.len()),
        (None, Some(_)) => unchunk(&mut body).is_some(),
        (None, None) => status == 204,
    };
    whole.then_some(Answer { status, headers, body })
}

/// Puts the chunks of a body together.
fn unchunk(body: &mut Vec<u8>) -> Option<()> {
    let (mut whole, mut at) = (Vec::new(), 0);
    loop {
        let rest = body.get(at..)?;
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        if size == 0 {
            *body = whole;
            return Some(());
        }
        whole.extend_from_slice(rest.get(end + 2..end + 2 + size)?);
        at += end + 4 + size;
    }
}

fn read_head(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<(String, String)>)> {
    let mut lines = stream.by_ref().lines();
    let first = lines.next()?.ok()?;
    let mut headers = Vec::new();
    loop {
        let line = lines.next()?.ok()?;
        let Some((name, value)) = line.split_once(':') else { return Some((first, headers)) };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// Takes `count` pushes at `listener`, answers each 200, and gives them as the shell would.
pub(crate) fn listen(listener: &TcpListener, count: usize) -> Vec<Push> {
    let mut pushes = Vec::new();
    while pushes.len() < count {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut stream = BufReader::new(stream);
        // a connection is kept open and used again
        while let Some((_, headers)) = (pushes.len() < count).then(|| read_head(&mut stream)).flatten() {
            let find = |wanted: &str| {
                headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
            };
            let mut body = vec![0; find("content-length").unwrap().parse().unwrap()];
            stream.read_exact(&mut body).unwrap();
            stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
            let sent: i64 = find("webhook-timestamp").unwrap().parse().unwrap();
            pushes.push(Push {
                method: Method::Post,
                path: String::new(),
                query: String::new(),
                headers: headers
                    .into_iter()
                    .filter(|(name, _)| name.starts_with("webhook-") || name == "content-type")
                    .collect(),
                body,
                at: Timestamp(sent * 1_000_000),
                peer: None,
            });
        }
    }
    pushes
}

/// A link with the settings of these tests.
pub(crate) fn link(name: &str, more: &[(&str, &str)]) -> Link {
    let mut settings = BTreeMap::from([("url".to_owned(), Value::from("http://127.0.0.1:8090"))]);
    settings.insert("mark_mode".to_owned(), "unique".into());
    settings.extend(more.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
    let secrets = BTreeMap::from([("webhook_secret".to_owned(), SecretString::from(SECRET))]);
    Link { name: name.into(), settings, secrets, wants: leadloop_connector_api::Wants::default(), told: None }
}
