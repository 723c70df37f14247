//! A client for the tests: real HTTP against a sandbox in this process.

// Each test file uses a part of this.
#![expect(dead_code, reason = "every test binary compiles this module and uses a part of it")]

use leadloop_sandbox::{Handle, Options, Sandbox};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// A running sandbox and a client with a token.
pub struct Crm {
    pub handle: Handle,
    pub client: Client,
    pub token: String,
}

/// An answer read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id in {self:?}")).to_owned()
    }

    /// `field:code` of every field that was refused.
    pub fn fields(&self) -> Vec<String> {
        let list = self.body["error"]["fields"].as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|f| format!("{}:{}", f["field"].as_str().unwrap(), f["code"].as_str().unwrap()))
            .collect()
    }

    pub fn header(&self, name: &str) -> Option<u64> {
        self.headers.get(name)?.to_str().ok()?.parse().ok()
    }

    #[track_caller]
    pub fn must(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code()), (status, code), "{self:?}");
        assert!(!self.body["error"]["message"].as_str().unwrap_or_default().is_empty(), "{self:?}");
        self
    }
}

impl Crm {
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let handle = Sandbox::start(options).await.unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let mut crm = Self { handle, client, token: String::new() };
        crm.token = crm.fetch_token().await;
        crm
    }

    pub async fn fetch_token(&self) -> String {
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

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.handle.url())
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path)).bearer_auth(&self.token)
    }

    pub async fn send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await?;
        Ok(Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await.unwrap()
    }

    pub async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        self.send(self.request(method, path).json(&body)).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, body).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await.unwrap()
    }

    /// Create a lead; its id.
    pub async fn lead(&self, body: Value) -> String {
        self.post("/api/v1/leads", body).await.must(201).id()
    }

    pub async fn tune(&self, change: Value) {
        self.patch("/admin/tuning", change).await.must(200);
    }

    pub async fn fault(&self, fault: Value) -> String {
        self.post("/admin/faults", fault).await.must(201).id()
    }

    /// All records of an object, page by page.
    pub async fn all(&self, object: &str, limit: usize) -> Vec<Value> {
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
pub fn person(n: u32) -> Value {
    json!({"name": format!("测试{n}"), "phone": format!("139{n:08}"), "email": format!("p{n}@shili.example"),
           "company": format!("示例{n}有限公司")})
}
