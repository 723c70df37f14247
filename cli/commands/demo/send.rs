//! The samples on their way in: web forms and a signed webhook over HTTP, files as `leadloop import` takes them, and the
//! MA's contacts, which the sandbox pushes itself.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use indicatif::{ProgressBar, ProgressStyle};
use leadloop_config::plan::Plan;
use leadloop_connector_api::signature::{Algorithm, Encoding, encode, hmac, webhook_key};
use leadloop_connector_api::{Body, Method, Request};
use leadloop_server::Running;
use leadloop_server::local::Door;
use leadloop_server::wire::{HttpWire, Wire};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::commands::import;
use crate::failure::Failure;
use crate::orders::Desk;
use crate::screen::Screen;
use crate::{plan, when};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// What a source sent, by its own count and by the answers it got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests or files.
    pub requests: u64,
    /// Records taken.
    pub accepted: u64,
    /// Records told before.
    pub duplicates: u64,
    /// Records in quarantine.
    pub quarantined: u64,
    /// Bodies without any record, answered with 400.
    pub unreadable: u64,
}

/// What all sources sent.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// By source.
    pub sources: BTreeMap<String, Counts>,
}

impl Sent {
    /// Records that reached us.
    pub fn records(&self) -> u64 {
        self.sources.values().map(|one| one.accepted + one.duplicates + one.quarantined).sum()
    }
}

fn failed(what: &str, why: impl std::fmt::Display) -> Failure {
    Failure::outside(format!("{what}: {why}"), format!("{what}：{why}"))
}

/// Sends everything.
///
/// # Errors
/// Where a source gets no answer, or one it should not get.
pub async fn all(screen: &Screen, stage: &Stage, running: &Running, plan: &Plan) -> Result<Sent, Failure> {
    let base = format!("http://{}/in", running.address);
    let wire = HttpWire::new().map_err(|error| failed("HTTP", error))?;
    let bar = bar(screen);
    let (to_website, to_live) = (format!("{base}/website"), format!("{base}/live"));
    let (website, live) =
        tokio::join!(posts(&wire, &to_website, forms()?, &bar), posts(&wire, &to_live, events()?, &bar));
    let mut sent = Sent::default();
    sent.sources.insert("website".to_owned(), website?);
    sent.sources.insert("live".to_owned(), live?);
    let desk = match plan::database(plan).map(|database| Door::to(&database)) {
        Some(Ok(door)) => Desk::There(door),
        _ => Desk::Here(std::sync::Arc::clone(&running.node)),
    };
    for (source, file) in [("fair-2026", "fair-2026.csv"), ("webinar", "webinar.xlsx")] {
        bar.set_message(file);
        let tally = import::quietly(screen, plan, source, &stage.sample(file), &desk).await?;
        let counts = Counts {
            requests: 1,
            accepted: tally.accepted,
            duplicates: tally.duplicates,
            quarantined: tally.refused,
            unreadable: 0,
        };
        sent.sources.insert(source.to_owned(), counts);
    }
    bar.set_message("nurturing");
    sent.sources.insert("nurturing".to_owned(), pushed(stage, &base).await?);
    bar.finish_and_clear();
    Ok(sent)
}

fn bar(screen: &Screen) -> ProgressBar {
    if !screen.draws() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("         {bar:30} {pos}/{len}  {msg}") {
        bar.set_style(style);
    }
    bar
}

async fn posts(
    wire: &HttpWire,
    url: &str,
    posts: Vec<Request>,
    bar: &ProgressBar,
) -> Result<Counts, Failure> {
    bar.inc_length(u64::try_from(posts.len()).unwrap_or(0));
    let mut counts = Counts::default();
    for mut request in posts {
        request.url = url.to_owned();
        let answer = wire.send(&request, ANSWER).await.map_err(|error| failed(url, error))?;
        bar.inc(1);
        counts.requests += 1;
        let said = answer.json().unwrap_or_default();
        let count = |name: &str| said.get(name).and_then(Value::as_u64).unwrap_or(0);
        match answer.status {
            200 => {
                counts.accepted += count("accepted");
                counts.duplicates += count("duplicates");
                counts.quarantined += count("quarantined");
            }
            400 => counts.unreadable += 1,
            status => return Err(failed(url, format!("{status} {said}"))),
        }
    }
    Ok(counts)
}

fn post(kind: &str, body: Vec<u8>) -> Request {
    Request {
        method: Method::Post,
        url: String::new(),
        query: vec![],
        headers: vec![("accept".to_owned(), "application/json".to_owned())],
        body: Body::Bytes(kind.to_owned(), body),
        repeatable: false,
    }
}

/// The posts of the web site, as browsers and programs make them.
fn forms() -> Result<Vec<Request>, Failure> {
    let form = |line: &str| {
        let saved: Value = serde_json::from_str(line).map_err(|error| failed("web_forms.jsonl", error))?;
        let text = |name: &str| saved.get(name).and_then(Value::as_str);
        let body = match (text("body"), text("body_base64")) {
            (Some(body), _) => body.as_bytes().to_vec(),
            (None, Some(encoded)) => base64::engine::general_purpose::STANDARD
                .decode(encoded)
                .map_err(|error| failed("web_forms.jsonl", error))?,
            (None, None) => Vec::new(),
        };
        Ok(post(text("content_type").unwrap_or("application/octet-stream"), body))
    };
    Stage::text("web_forms.jsonl").lines().map(form).collect()
}

/// The events of the live-stream platform, signed as Standard Webhooks say.
fn events() -> Result<Vec<Request>, Failure> {
    let key = Stage::secret("live").and_then(webhook_key).ok_or_else(|| failed("live", "no secret"))?;
    let seconds = (when::now().0 / 1_000_000).to_string();
    let event = |(at, line): (usize, &str)| {
        let id = format!("msg_{at}");
        let parts = [id.as_bytes(), b".", seconds.as_bytes(), b".", line.as_bytes()];
        let signature = encode(Encoding::Base64, &hmac(Algorithm::Sha256, &key, &parts));
        let mut request = post("application/json", line.as_bytes().to_vec());
        request.headers.extend([
            ("webhook-id".to_owned(), id),
            ("webhook-timestamp".to_owned(), seconds.clone()),
            ("webhook-signature".to_owned(), format!("v1,{signature}")),
        ]);
        request
    };
    Ok(Stage::text("webhook.jsonl").lines().enumerate().map(event).collect())
}

/// The MA pushes its contacts.
async fn pushed(stage: &Stage, base: &str) -> Result<Counts, Failure> {
    let crm = super::crm::Crm::log_in(&stage.sandbox.url()).await?;
    let secret = Stage::secret("nurturing").unwrap_or_default();
    crm.admin("/admin/ma/target", json!({ "url": format!("{base}/nurturing"), "secret": secret })).await?;
    let contacts: Vec<Value> = Stage::text("ma_contacts.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|error| failed("ma_contacts.jsonl", error)))
        .collect::<Result<_, _>>()?;
    let order = json!({ "contacts": contacts, "wait": true, "per_second": 1000 });
    let answer = crm.admin("/admin/ma/push", order).await?;
    let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
    if count("failed") > 0 {
        return Err(failed("nurturing", answer));
    }
    Ok(Counts { requests: count("events"), accepted: count("delivered"), ..Counts::default() })
}
