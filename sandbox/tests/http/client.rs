//! A client for the tests: real HTTP against a sandbox in this process.

use leadloop_sandbox::{Handle, Options, Sandbox};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A running sandbox and a client with a token.
pub(crate) struct Crm {
    pub(crate) handle: Handle,
    pub(crate) client: Client,
    pub(crate) token: String,
}

/// An answer read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id in {self:?}")).to_owned()
    }

    /// `field:code` of every field that was refused.
    pub(crate) fn fields(&self) -> Vec<String> {
        let list = self.body["error"]["fields"].as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|f| format!("{}:{}", f["field"].as_str().unwrap(), f["code"].as_str().unwrap()))
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<u64> {
        self.headers.get(name)?.to_str().ok()?.parse().ok()
    }

    #[track_caller]
    pub(crate) fn must(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code()), (status, code), "{self:?}");
        assert!(!self.body["error"]["message"].as_str().unwrap_or_default().is_empty(), "{self:?}");
        self
    }
}

impl Crm {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let handle = Sandbox::start(options).await.unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let mut crm = Self { handle, client, token: String::new() };
        crm.token = crm.fetch_token().await;
        crm
    }

    pub(crate) async fn fetch_token(&self) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "sandbox"),
            ("client_secret", "sandbox-secret"),
        ];
        let answer = self.client.post(self.url("/oauth/token")).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let body: Value = answer.json().await.unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.handle.url())
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path)).bearer_auth(&self.token)
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await?;
        Ok(Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await.unwrap()
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        self.send(self.request(method, path).json(&body)).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await.unwrap()
    }

    /// Create a lead; its id.
    pub(crate) async fn lead(&self, body: Value) -> String {
        self.post("/api/v1/leads", body).await.must(201).id()
    }

    pub(crate) async fn tune(&self, change: Value) {
        self.patch("/admin/tuning", change).await.must(200);
    }

    pub(crate) async fn fault(&self, fault: Value) -> String {
        self.post("/admin/faults", fault).await.must(201).id()
    }

    /// All records of an object, page by page.
    pub(crate) async fn all(&self, object: &str, limit: usize) -> Vec<Value> {
        let mut records = Vec::new();
        let mut path = format!("/api/v1/{object}?limit={limit}");
        loop {
            let page = self.get(&path).await.must(200).body;
            records.extend(page["records"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { return records };
            path = format!("/api/v1/{object}?limit={limit}&cursor={cursor}");
        }
    }
}

/// A lead that every rule accepts; `n` makes it another person.
pub(crate) fn person(n: u32) -> Value {
    json!({"name": format!("测试{n}"), "phone": format!("139{n:08}"), "email": format!("p{n}@shili.example"),
           "company": format!("示例{n}有限公司")})
}

/// A receiver of webhooks: keeps what came and answers as told.
#[derive(Clone)]
pub(crate) struct Inbox {
    pub(crate) url: String,
    state: Arc<Mutex<InboxState>>,
}

#[derive(Default)]
struct InboxState {
    got: Vec<Got>,
    /// Statuses of the next answers; then 200.
    answers: VecDeque<u16>,
}

/// One post that came in.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) signature: String,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Inbox {
    pub(crate) async fn open(answers: &[u16]) -> Self {
        let state = InboxState { answers: answers.iter().copied().collect(), ..InboxState::default() };
        let state = Arc::new(Mutex::new(state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in/test", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(receive).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state }
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.state.lock().unwrap().got.clone()
    }

    /// Wait until so many posts came.
    pub(crate) async fn wait_for(&self, many: usize) -> Vec<Got> {
        for _ in 0..200 {
            let got = self.got();
            if got.len() >= many {
                return got;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("only {} of {many} posts came", self.got().len());
    }
}

async fn receive(
    axum::extract::State(state): axum::extract::State<Arc<Mutex<InboxState>>>,
    headers: axum::http::HeaderMap,
    text: String,
) -> axum::http::StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let mut state = state.lock().unwrap();
    state.got.push(Got {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body: serde_json::from_str(&text).unwrap(),
        text,
    });
    let status = state.answers.pop_front().unwrap_or(200);
    axum::http::StatusCode::from_u16(status).unwrap()
}

/// The signature that a message must carry, computed from its parts.
pub(crate) fn signature(secret: &str, got: &Got) -> String {
    use aws_lc_rs::hmac;
    use base64::Engine;
    let coded = base64::engine::general_purpose::STANDARD;
    let key = coded.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let signed = format!("{}.{}.{}", got.id, got.timestamp, got.text);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    format!("v1,{}", coded.encode(tag))
}
