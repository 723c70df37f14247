//! Carries one request to its system and the answer back. The only place of the product that opens a connection out.
//!
//! Mail goes by [`post`], statements to databases of others by [`database`]. Redirects are not followed, answers are bounded,
//! secrets never reach a log. What failed is told apart by whether the system may have seen the request.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use leadloop_connector_api::{Answer, Body, Method, Request};

use crate::{bounds, database, post};

/// What went wrong under way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct WireError {
    /// Whether the system may have seen the request, and so may have applied it.
    pub sent: bool,
    /// What was seen, without secrets.
    pub detail: String,
}

/// A future as trait objects need it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries a request to its system and the answer back.
pub trait Wire: Send + Sync {
    /// Sends `request`, whose URL is whole, and waits at most `timeout` for the answer.
    fn send<'a>(
        &'a self,
        request: &'a Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, WireError>>;
}

/// The wire over HTTP, and over SMTP for mail.
pub struct HttpWire {
    client: reqwest::Client,
}

impl HttpWire {
    /// A client with our bounds.
    ///
    /// # Errors
    /// When the TLS roots cannot be read.
    pub fn new() -> Result<Self, WireError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(bounds::CONNECT_WITHIN.to_std())
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("leadloop/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| WireError { sent: false, detail: chain(&error) })?;
        Ok(Self { client })
    }

    async fn carry(&self, request: &Request, timeout: Duration) -> Result<Answer, WireError> {
        if let Body::Mail(mail) = &request.body {
            return post::send(request, mail, timeout).await;
        }
        if let Body::Sql(sql) = &request.body {
            return database::carry_out(request, sql, timeout).await;
        }
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = self.client.request(method, &request.url).timeout(timeout);
        if !request.query.is_empty() {
            builder = builder.query(&request.query);
        }
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        builder = match &request.body {
            Body::Empty | Body::Mail(_) | Body::Sql(_) => builder,
            Body::Json(json) => builder.json(json),
            Body::Form(pairs) => builder.form(pairs),
            Body::Bytes(kind, bytes) => builder.header("content-type", kind).body(bytes.clone()),
        };
        let mut response = builder.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let mut body = Vec::new();
        // The head came, so the system has acted: whatever breaks from here on was "sent".
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| WireError { sent: true, detail: chain(&error.without_url()) })?
        {
            if body.len() + chunk.len() > bounds::ANSWER_BYTES {
                return Err(WireError {
                    sent: true,
                    detail: format!("answer larger than {} bytes", bounds::ANSWER_BYTES),
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }
}

impl Wire for HttpWire {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, WireError>> {
        Box::pin(self.carry(request, timeout))
    }
}

/// A request that never connected (or could not even be built) was not sent; of any other we cannot know.
fn failed(error: reqwest::Error) -> WireError {
    let sent = !(error.is_connect() || error.is_builder());
    WireError { sent, detail: chain(&error.without_url()) }
}

/// The whole chain of causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}
