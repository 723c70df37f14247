//! Segment's tracking API, spoken by the SDKs of Segment and RudderStack: they send to leadloop as they send to their own
//! server.
//!
//! `door` tells by the path what was sent and checks the write key, `event` makes records of it. One call brings one
//! event or a batch; a batch with some events that cannot be read is taken, since its client would send all of it again.

mod door;
mod event;

use std::borrow::Cow;

use leadloop_connector_api::canary::Canary;
use leadloop_connector_api::http::Answer;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Claim, Connector, Judge, Link, Push, Received, Refusal, Registered, manifest};
use serde_json::{Value, json};

use crate::reading::json::text_of;
use crate::reading::lean::Json;
use crate::reading::uba::{MOST_EVENTS, open_to_pages};
use crate::reading::{NO_RECORD, TOO_LARGE, TOO_MANY, gzip, lean, unreadable};

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
                    let text = body.as_deref().and_then(|body| std::str::from_utf8(body).ok());
                    let json = text.and_then(|text| lean::parse(text).ok());
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
        receive(link, push, None)
    }

    fn receive_judged(&self, link: &Link, push: &Push, judge: &mut dyn Judge) -> Result<Received, Refusal> {
        receive(link, push, Some(judge))
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

fn receive(link: &Link, push: &Push, judge: Option<&mut dyn Judge>) -> Result<Received, Refusal> {
    match take(link, push, judge) {
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

fn take(link: &Link, push: &Push, judge: Option<&mut dyn Judge>) -> Result<Received, Refusal> {
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
        let text = text_of(Cow::Borrowed(&push.body))?;
        return Ok(event::read_all(push, parse(&text)?, &door::Sent::Batch, false, judge));
    }
    let key = door::key_beside(push);
    if let Some(key) = &key
        && !door::is_key(link, key)
    {
        return Err(door::wrong_key());
    }
    let text = text_of(gzip::unpacked(&push.body)?)?;
    let body = parse(&text)?;
    if key.is_none() && !door::key_within(&body).is_some_and(|key| door::is_key(link, key)) {
        return Err(door::wrong_key());
    }
    Ok(event::read_all(push, body, &sent, true, judge))
}

/// JSON, whatever the content type says.
fn parse(text: &str) -> Result<Json<'_>, Refusal> {
    let json = lean::parse(text)?;
    let count = match &json {
        Json::Object(map) => map.get("batch").and_then(Json::as_array).map_or(1, <[_]>::len),
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

fn said(status: u16, body: &Value) -> Answer {
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
