//! Sending signed posts: one attempt, and how often to try again. Who is told what is in `hooks` and `push`.

use crate::clock::Clock;
use crate::options::Target;
use crate::refusal::Refusal;
use crate::sign::Signer;
use reqwest::{Client, redirect};
use std::sync::OnceLock;
use std::time::Duration;

/// Pauses before the second, third and fourth attempt.
pub(crate) const RETRIES: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5)];
/// Longest `Retry-After` that is honoured.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A signed message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
}

/// Where messages go.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) url: reqwest::Url,
    pub(crate) signer: Signer,
}

impl Receiver {
    pub(crate) fn new(target: &Target) -> Result<Self, Refusal> {
        let url = reqwest::Url::parse(&target.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| Refusal::bad_request("url must be an http or https address"))?;
        let signer = Signer::from_secret(&target.secret)
            .ok_or_else(|| Refusal::bad_request("secret must be whsec_ and base64"))?;
        Ok(Self { url, signer })
    }
}

/// How one attempt ended.
#[derive(Clone, Debug)]
pub(crate) enum Attempt {
    Done,
    /// Worth another try, after this pause if the receiver named one.
    Again(String, Option<Duration>),
    /// Not worth another try.
    Refused(String),
    /// 410: never send anything again.
    Gone,
}

/// The sender: one client for all, made when it is first needed.
#[derive(Debug)]
pub(crate) struct Sender {
    clock: Clock,
    client: OnceLock<Result<Client, String>>,
}

impl Sender {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client, &String> {
        let make = || {
            Client::builder()
                .no_proxy()
                .redirect(redirect::Policy::none())
                .timeout(PATIENCE)
                .build()
                .map_err(|error| format!("no HTTP client: {error}"))
        };
        self.client.get_or_init(make).as_ref()
    }

    /// Send once.
    pub(crate) async fn send(&self, receiver: &Receiver, message: &Message) -> Attempt {
        let client = match self.client() {
            Ok(client) => client,
            Err(error) => return Attempt::Refused(error.clone()),
        };
        let timestamp = self.clock.now().div_euclid(1_000_000);
        let signature = receiver.signer.sign(&message.id, timestamp, &message.body);
        let sent = client
            .post(receiver.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(message.body.clone())
            .send()
            .await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => return Attempt::Again(error.without_url().to_string(), None),
        };
        let status = response.status();
        let wait = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(|secs| Duration::from_secs(secs).min(LONGEST_WAIT));
        // Reading the rest keeps the connection for the next message.
        let _ = response.bytes().await;
        let said = format!("answered {status}");
        match status.as_u16() {
            200..=299 => Attempt::Done,
            410 => Attempt::Gone,
            408 | 425 | 429 | 500.. => Attempt::Again(said, wait),
            _ => Attempt::Refused(said),
        }
    }

    /// Send, and try again after the given pauses.
    pub(crate) async fn insist(
        &self,
        receiver: &Receiver,
        message: &Message,
        pauses: &[Duration],
    ) -> Result<(), String> {
        let mut pauses = pauses.iter();
        loop {
            let (said, wait) = match self.send(receiver, message).await {
                Attempt::Done => return Ok(()),
                Attempt::Gone => return Err("answered 410 Gone".to_owned()),
                Attempt::Refused(said) => return Err(said),
                Attempt::Again(said, wait) => (said, wait),
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(wait.unwrap_or(*pause).max(*pause)).await,
                None => return Err(said),
            }
        }
    }
}
