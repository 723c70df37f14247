//! The script for web pages without an analytics tool: we serve it, and take what it tells: page views, events, forms.
//!
//! `script.js` runs in the page; it stores and tells nothing before the visitor agrees, but for forms that people send.
//! `event` makes a record of each thing it tells. A page can keep no secret: origin and bounds guard this door, rates are
//! guarded by the shell.

mod event;

use leadloop_connector_api::canary::Canary;
use leadloop_connector_api::http::{Answer, Method};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, Settings};
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use serde_json::Value as Json;

use crate::reading::{self, MOST_BODY, NO_RECORD, TOO_LARGE, TOO_MANY, pages, uba, unreadable};

/// The connector of our own script.
struct SiteScript;

inventory::submit! { Registered(&SiteScript) }

/// What pages load.
const SCRIPT: &str = include_str!("script.js");
/// Most events of one body; the script sends 20.
const MOST_EVENTS: usize = 200;

impl Connector for SiteScript {
    fn manifest(&self) -> &'static Manifest {
        manifest!("manifest.toml")
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        pages::check_origins(settings, &["allowed_origins"])
    }

    fn preflight(&self, link: &Link, push: &Push) -> Answer {
        pages::open(link, push, Answer { status: 204, headers: vec![], body: vec![] })
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        if push.method == Method::Get {
            return Err(Refusal::Handshake(Box::new(match push.path.as_str() {
                "leadloop.js" => script(push),
                _ => Answer::with_body(404, "text/plain; charset=utf-8", "The script is at leadloop.js.\n"),
            })));
        }
        pages::check_origin(link, push)?;
        take(link, push).map_err(|refusal| {
            let body = serde_json::json!({ "ok": false, "detail": refusal.to_string() }).to_string();
            refusal.answered(pages::open(link, push, Answer::with_body(400, "application/json", body)))
        })
    }

    fn canary(&self, link: &Link, canary: &Canary) -> Option<Push> {
        let millis = canary.at.0.div_euclid(1_000);
        let event = serde_json::json!({ "kind": "form", "form": "leadloop canary", "id": canary.id, "visitor": canary.id,
            "at": millis, "fields": canary.json(), "consent": { "transfer": true } });
        let mut push = canary.post("", &serde_json::json!({ "sent": millis, "events": [event] }));
        pages::come_from(link, &mut push);
        Some(push)
    }
}

fn take(link: &Link, push: &Push) -> Result<Received, Refusal> {
    if push.body.len() > MOST_BODY {
        return Err(unreadable(TOO_LARGE, format!("the body has more than {} kB", MOST_BODY / 1024)));
    }
    let body = reading::json::parse(&push.body, None)?;
    let Some(events) = body.get("events").and_then(Json::as_array) else {
        return Err(unreadable(NO_RECORD, "the body has no list `events`, which the script sends"));
    };
    if events.len() > MOST_EVENTS {
        let detail = format!("{} events in one body; at most {MOST_EVENTS} are taken", events.len());
        return Err(unreadable(TOO_MANY, detail));
    }
    let sent = body.get("sent").and_then(uba::time);
    let mut received = Received::default();
    for (position, event) in (0..).zip(events) {
        match event::read(link, push, event, sent, position) {
            Ok(lead) => received.leads.push(lead),
            Err(record) => received.unreadable.push(*record),
        }
    }
    let answer = Answer::with_body(200, "application/json", r#"{"ok":true}"#);
    received.answer = Some(pages::open(link, push, answer));
    received.report = true;
    Ok(received)
}

/// The script itself, packed for whoever can unpack it.
fn script(push: &Push) -> Answer {
    let kind = "text/javascript; charset=utf-8";
    let packs = push.header("accept-encoding").is_some_and(|kinds| kinds.contains("gzip"));
    let mut answer = if packs {
        let mut answer = Answer { status: 200, headers: vec![], body: packed() };
        answer.headers.push(("content-type".to_owned(), kind.to_owned()));
        answer.headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
        answer
    } else {
        Answer::with_body(200, kind, SCRIPT)
    };
    for (name, value) in [
        ("cache-control", "public, max-age=3600"),
        ("vary", "accept-encoding"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "cross-origin"),
    ] {
        answer.headers.push((name.to_owned(), value.to_owned()));
    }
    answer
}

fn packed() -> Vec<u8> {
    use std::io::Read as _;
    let mut packed = Vec::new();
    let mut packer = flate2::read::GzEncoder::new(SCRIPT.as_bytes(), flate2::Compression::best());
    // Reading from memory into memory cannot fail.
    let _ = packer.read_to_end(&mut packed);
    packed
}

#[cfg(test)]
mod tests;
