//! Zoom webinars: registrations and who joins, pushed with a signature; who watched how long, read from the report.
//!
//! The minutes count from the report alone: events of leaving get lost when the host ends. A report grows for a while after
//! the end, so it is told when two readings in a row agree.

mod report;

use leadloop_connector_api::answers::text_of;
use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::http::Answer;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::signature::{
    Algorithm, Encoding, TOLERANCE, digest_of, encode, hmac, hmac_fits, is_recent, rotated,
};
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::Value;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::Operation;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::reading::{self, DEEPEST, NO_OBJECT, NOBODY, OUT_OF_BOUNDS, json as bodies, quarantined, uba};

/// The connector of Zoom webinars.
struct Zoom;

inventory::submit! { Registered(&Zoom) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Zoom {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn lists(&self, link: &Link) -> Vec<String> {
        link.list("webinars").map(|id| format!("report/{id}")).collect()
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        reading::only_post(push)?;
        let key = check(link, push)?;
        let body = bodies::parse(&push.body, None)?;
        let event = body.get("event").and_then(Json::as_str).unwrap_or_default();
        if event == "endpoint.url_validation" {
            return Err(challenge(&key, &body));
        }
        let mut received = Received::default();
        if event == "webinar.ended"
            && let Some(id) = body.pointer("/payload/object/id").and_then(text_of)
        {
            received.hints.push(format!("report/{id}"));
        }
        match lead(event, &body, &push.body) {
            Ok(Some(lead)) => received.leads.push(lead),
            Ok(None) => received.ignore(NOBODY),
            Err(record) => received.unreadable.push(*record),
        }
        Ok(received)
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        match operations.first() {
            Some(Operation::Changes { object, cursor }) => Ok(report::read(link, object, cursor, moment.now)),
            other => Err(Refusal::NotSpoken(other.map_or("nothing", Operation::kind))),
        }
    }
}

/// Checks the signature; gives the key that fits.
fn check(link: &Link, push: &Push) -> Result<String, Refusal> {
    let unsigned = |why: String| Refusal::Unsigned(why);
    let secret = link
        .secret("webhook_secret")
        .ok_or_else(|| unsigned("this source has no `webhook_secret`".to_owned()))?;
    let missing = |name: &str| unsigned(format!("the header `{name}` is missing"));
    let time = push.header("x-zm-request-timestamp").ok_or_else(|| missing("x-zm-request-timestamp"))?;
    let given = push.header("x-zm-signature").ok_or_else(|| missing("x-zm-signature"))?;
    is_recent(time, push.at, TOLERANCE).map_err(|forged| unsigned(forged.to_string()))?;
    let given = given.trim().strip_prefix("v0=").unwrap_or_default();
    let parts = [b"v0:".as_slice(), time.as_bytes(), b":", &push.body];
    rotated(secret)
        .find(|key| hmac_fits(Algorithm::Sha256, Encoding::Hex, key.as_bytes(), &parts, given))
        .map(str::to_owned)
        .ok_or_else(|| unsigned("the signature does not fit the body: the secret token differs".to_owned()))
}

/// The address is asked to prove that it knows the secret, when it is entered and every three days.
fn challenge(key: &str, body: &Json) -> Refusal {
    let token = body.pointer("/payload/plainToken").and_then(Json::as_str).unwrap_or_default();
    let token = reading::cut(token, 200);
    let signed = hmac(Algorithm::Sha256, key.as_bytes(), &[token.as_bytes()]);
    let said = json!({ "plainToken": token, "encryptedToken": encode(Encoding::Hex, &signed) });
    Refusal::Handshake(Box::new(Answer::with_body(200, "application/json", said.to_string())))
}

/// Names of a registrant and what each is here.
const REGISTRANT: [(&str, &str); 11] = [
    ("first_name", "first_name"),
    ("last_name", "last_name"),
    ("email", "email"),
    ("phone", "phone"),
    ("org", "company"),
    ("job_title", "title"),
    ("industry", "company.industry"),
    ("city", "city"),
    ("state", "province"),
    ("country", "country"),
    ("comments", "requirement"),
];

fn lead(event: &str, body: &Json, bytes: &[u8]) -> Result<Option<RawLead>, Box<Quarantined>> {
    let Some(object) = body.pointer("/payload/object").and_then(Json::as_object) else {
        return Err(quarantined(NO_OBJECT, "the event has no `payload.object`", uba::torso(body, 0)));
    };
    let (touch, person) = match event {
        "webinar.registration_created" => ("live_registered", "registrant"),
        "webinar.registration_approved" => ("live_registration_approved", "registrant"),
        "webinar.registration_denied" => ("live_registration_denied", "registrant"),
        "webinar.registration_cancelled" => ("live_registration_cancelled", "registrant"),
        "webinar.participant_joined" => ("live_joined", "participant"),
        "webinar.participant_left" => ("live_left", "participant"),
        _ => return Ok(None),
    };
    let Some(person) = object.get(person).and_then(Json::as_object) else {
        return Err(quarantined(NO_OBJECT, format!("the event has no `{person}`"), uba::torso(body, 0)));
    };
    let mut fields = reading::Bounded::default();
    of_webinar(&mut fields, object);
    for (theirs, ours) in REGISTRANT {
        if let Some(value) = person.get(theirs).filter(|value| value.as_str() != Some("")) {
            uba::add(&mut fields, ours, value, 0);
        }
    }
    if let Some(phone) = person.get("phone_number").filter(|phone| phone.as_str() != Some("")) {
        uba::add(&mut fields, "phone", phone, 0);
    }
    for question in person.get("custom_questions").and_then(Json::as_array).into_iter().flatten() {
        if let (Some(title), Some(value)) = (uba::id(question.get("title")), question.get("value")) {
            uba::add(&mut fields, &title, value, DEEPEST);
        }
    }
    if let Some(source) = person.get("tracking_source").and_then(|source| uba::id(source.get("source_name")))
    {
        fields.add("touch.tracking_source", Value::text(source));
    }
    for (theirs, ours) in [
        ("purchasing_time_frame", "touch.purchasing_time_frame"),
        ("no_of_employees", "company.size"),
        ("leave_reason", "touch.leave_reason"),
    ] {
        if let Some(value) = person.get(theirs).filter(|value| value.as_str() != Some("")) {
            uba::add(&mut fields, ours, value, 0);
        }
    }
    let at = ["join_time", "leave_time"].iter().find_map(|name| person.get(*name).and_then(uba::time));
    let at = at.or_else(|| body.get("event_ts").and_then(uba::time));
    let raw = RawLead {
        event_id: Some(digest_of(&[bytes])),
        at,
        touch: Some(touch.to_owned()),
        fields: fields.record,
        position: 0,
        ..RawLead::default()
    };
    match fields.beyond {
        Some(beyond) => Err(quarantined(OUT_OF_BOUNDS, beyond, raw)),
        None => Ok(Some(raw)),
    }
}

/// Which webinar it was about.
fn of_webinar(fields: &mut reading::Bounded, object: &Map<String, Json>) {
    for (theirs, ours) in
        [("id", "touch.webinar"), ("topic", "touch.topic"), ("start_time", "touch.start_time")]
    {
        if let Some(value) = object.get(theirs).and_then(text_of) {
            fields.add(ours, Value::text(value));
        }
    }
}

/// A point in time as their API writes it.
fn time_of(json: Option<&Json>) -> Option<Timestamp> {
    json.and_then(uba::time)
}

#[cfg(test)]
mod tests;
