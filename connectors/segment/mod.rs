//! Segment's tracking API, spoken by the SDKs of Segment and RudderStack: they send to leadloop as they send to their own
//! server.
//!
//! `door` tells by the path what was sent and checks the write key, `event` makes records of it. One call brings one
//! event or a batch; a batch with some events that cannot be read is taken, since its client would send all of it again.

mod door;
mod event;

use leadloop_connector_api::canary::Canary;
use leadloop_connector_api::http::Answer;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Claim, Connector, Link, Push, Received, Refusal, Registered, manifest};
use serde_json::{Value as Json, json};

use crate::reading::uba::{MOST_EVENTS, open_to_pages};
use crate::reading::{NO_RECORD, TOO_LARGE, TOO_MANY, gzip, unreadable};

/// The connector of Segment and RudderStack.
struct Segment;

inventory::submit! { Registered(&Segment) }

/// Headers that its clients send from a page.
const HEADERS: &str = "content-type, authorization, anonymousid, x-retry-count";

impl Connector for Segment {
    fn manifest(&self) -> &'static Manifest {
        manifest!("manifest.toml")
    }

    fn claims(&self, link: &Link, push: &Push) -> Option<Claim> {
        let sent = door::sent(push)?;
        let mine = match sent {
            door::Sent::Settings(key) => door::is_key(link, &key),
            _ => match door::key_beside(push) {
                Some(key) => door::is_key(link, &key),
                // The path alone is asked about first, without a body.
                None => {
                    let body = gzip::unpacked(&push.body).ok();
                    let json = body.and_then(|body| serde_json::from_slice::<Json>(&body).ok());
                    json.is_some_and(|json| {
                        door::key_within(&json).is_some_and(|key| door::is_key(link, key))
                    })
                }
            },
        };
        Some(if mine { Claim::Mine } else { Claim::Maybe })
    }

    fn preflight(&self, _: &Link, push: &Push) -> Answer {
        open(push, Answer { status: 204, headers: vec![], body: vec![] })
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        match take(link, push) {
            Ok(mut received) => {
                received.answer = Some(open(push, said(200, &json!({ "success": true }))));
                Ok(received)
            }
            Err(Refusal::Handshake(answer)) => Err(Refusal::Handshake(Box::new(open(push, *answer)))),
            Err(refusal) => {
                let answer = open(push, refused(&refusal));
                Err(refusal.answered(answer))
            }
        }
    }

    fn canary(&self, link: &Link, canary: &Canary) -> Option<Push> {
        let time = canary.time();
        let body = json!({
            "batch": [{ "type": "identify", "messageId": canary.id, "anonymousId": canary.id, "timestamp": time,
                        "traits": canary.json() }],
            "sentAt": time, "writeKey": door::a_key(link)?,
        });
        Some(canary.post("v1/batch", &body))
    }
}

fn take(link: &Link, push: &Push) -> Result<Received, Refusal> {
    let sent = door::sent(push);
    if let Some(door::Sent::Settings(key)) = &sent {
        return Err(door::settings(link, push, key));
    }
    let Some(sent) = sent else {
        let body =
            json!({ "code": "not_found", "message": "events are posted to v1/batch, v1/track and so on" });
        return Err(Refusal::Handshake(Box::new(said(404, &body))));
    };
    if let Some(signed) = push.header("x-signature") {
        door::check_signature(link, push, signed)?;
        return event::read_all(push, parse(&push.body)?, &door::Sent::Batch, false);
    }
    let key = door::key_beside(push);
    if let Some(key) = &key
        && !door::is_key(link, key)
    {
        return Err(door::wrong_key());
    }
    let body = gzip::unpacked(&push.body)?;
    let body = parse(&body)?;
    if key.is_none() && !door::key_within(&body).is_some_and(|key| door::is_key(link, key)) {
        return Err(door::wrong_key());
    }
    event::read_all(push, body, &sent, true)
}

/// JSON, whatever the content type says.
fn parse(body: &[u8]) -> Result<Json, Refusal> {
    let json = crate::reading::json::parse(body, None)?;
    let count = match &json {
        Json::Object(map) => map.get("batch").and_then(Json::as_array).map_or(1, Vec::len),
        Json::Array(list) => list.len(),
        _ => return Err(unreadable(NO_RECORD, "the body is neither an event nor a batch of events")),
    };
    if count > MOST_EVENTS {
        return Err(unreadable(
            TOO_MANY,
            format!("{count} events in one body; at most {MOST_EVENTS} are taken"),
        ));
    }
    Ok(json)
}

fn said(status: u16, body: &Json) -> Answer {
    Answer::with_body(status, "application/json", body.to_string())
}

fn open(push: &Push, answer: Answer) -> Answer {
    open_to_pages(answer, push.header("origin"), HEADERS)
}

/// What an SDK is told: these statuses it does not send again.
fn refused(refusal: &Refusal) -> Answer {
    let (status, code) = match refusal {
        Refusal::Unsigned(_) => (401, "invalid_write_key"),
        Refusal::Unreadable { code: TOO_LARGE | TOO_MANY, .. } => (413, "too_large"),
        _ => (400, "invalid_request"),
    };
    said(status, &json!({ "code": code, "message": refusal.to_string() }))
}

#[cfg(test)]
mod tests;
