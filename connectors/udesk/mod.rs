//! Udesk: calls, chats and customers of a call centre, pushed without a signature to an address that ends with a secret.
//!
//! A call is told at its start, answer, hang-up and end; only the end is a touch. Its messages hold a token of the vendor's
//! own interface, which is taken out before anything is kept of the record.

use leadloop_connector_api::answers::text_of;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, Settings};
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::Value;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Map, Value as Json};

use crate::reading::{self, DEEPEST, NO_RECORD, NOBODY, OUT_OF_BOUNDS, quarantined, uba, unreadable};

/// The connector of Udesk.
struct Udesk;

inventory::submit! { Registered(&Udesk) }

/// Fields of a call that describe the touch.
const OF_CALL: [&str; 19] = [
    "workflow",
    "call_result",
    "drop_side",
    "defeat_cause",
    "is_leave_message",
    "total_time",
    "queue_statue",
    "queue_time",
    "ivr_time",
    "category",
    "display_number",
    "mobile_area",
    "agent_email",
    "agent_nick_name",
    "survey",
    "record_url",
    "task_name",
    "ticket_numbers",
    "conversation_id",
];

impl Connector for Udesk {
    fn manifest(&self) -> &'static Manifest {
        manifest!("manifest.toml")
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        reading::check_zone(settings).into_iter().collect()
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        reading::path_secret(link, push)?;
        reading::only_post(push)?;
        let body = reading::object_of(push)?;
        let mut received = Received::default();
        let read = if body.contains_key("call_id") {
            Some(call(link, &body))
        } else if let (Some(action), Some(message)) =
            (body.get("action").and_then(Json::as_str), body.get("message").and_then(Json::as_object))
        {
            Some(event(link, push, action, message))
        } else {
            None
        };
        match read {
            Some(Ok(Some(lead))) => received.leads.push(lead),
            Some(Ok(None)) => received.ignore(NOBODY),
            Some(Err(record)) => received.unreadable.push(*record),
            None => {
                return Err(unreadable(
                    NO_RECORD,
                    "it is neither a call nor an event with `action` and `message`",
                ));
            }
        }
        Ok(received)
    }
}

fn time(link: &Link, json: Option<&Json>) -> Option<Timestamp> {
    let text = json.and_then(text_of)?;
    // `2026-11-23 11:33:20 +0800`, or without a zone
    match text.trim().rsplit_once(' ').and_then(|(local, zone)| Some((local, zone.split_at_checked(3)?))) {
        Some((local, (hours, minutes))) if hours.starts_with(['+', '-']) => {
            let text = format!("{}{hours}:{}", local.replacen(' ', "T", 1), minutes.trim_start_matches(':'));
            Timestamp::parse(&text, &reading::zone(link))
        }
        _ => Timestamp::parse(&text, &reading::zone(link)),
    }
}

/// A call that is over; before that nothing is known of it yet.
fn call(link: &Link, body: &Map<String, Json>) -> Result<Option<RawLead>, Box<Quarantined>> {
    let over = body.contains_key("total_time")
        && (body.contains_key("customer_hangup_at")
            || body.contains_key("agent_hangup_at")
            || body.contains_key("call_result"));
    let Some(id) = uba::id(body.get("call_id")).filter(|_| over) else { return Ok(None) };
    let mut fields = reading::Bounded::default();
    let mut take = |theirs: &str, ours: &str| {
        if let Some(value) = body.get(theirs).filter(|value| !value.is_null() && value.as_str() != Some("")) {
            uba::add(&mut fields, ours, value, DEEPEST);
        }
    };
    take("customer_phone", "phone");
    take("nick_name", "name");
    take("organization_name", "company");
    take("tags", "tags");
    for name in OF_CALL {
        take(name, &format!("touch.{name}"));
    }
    let incoming = body.get("workflow").and_then(Json::as_str) == Some("in");
    let seconds = body.get("total_time").and_then(|time| text_of(time)?.parse::<i64>().ok());
    if let Some(seconds) = seconds {
        fields.add("touch.minutes", Value::Int(seconds / 60));
    }
    let began = ["customer_answer_at", "agent_answer_at", "customer_ring_at", "agent_ring_at"];
    let at = began.iter().find_map(|name| time(link, body.get(*name)));
    finish(fields, format!("call/{id}"), at, if incoming { "call_in" } else { "call_out" })
}

fn event(
    link: &Link,
    push: &Push,
    action: &str,
    message: &Map<String, Json>,
) -> Result<Option<RawLead>, Box<Quarantined>> {
    let touch = match action {
        "Customer_create" => "customer_created",
        "Customer_update" => "profile_updated",
        "ImSubSession_close" => "chat_closed",
        "ImSubSession_create" => "chat_started",
        "AgentNote_update" => "agent_note",
        "ImSurveyVote_create" => "survey_answered",
        _ => return Ok(None), // organisations, groups, queues: about nobody
    };
    let mut fields = reading::Bounded::default();
    let customer = message.get("customer").and_then(Json::as_object).unwrap_or(message);
    for phone in customer.get("cellphones").and_then(Json::as_array).into_iter().flatten() {
        if let Some(number) = phone.get("content").or(Some(phone)).and_then(text_of) {
            fields.add("phone", Value::text(number));
        }
    }
    for (theirs, ours) in [
        ("cellphone", "phone"),
        ("email", "email"),
        ("nick_name", "name"),
        ("organization_name", "company"),
        ("tags", "tags"),
    ] {
        if let Some(value) =
            customer.get(theirs).filter(|value| !value.is_null() && value.as_str() != Some(""))
        {
            uba::add(&mut fields, ours, value, DEEPEST);
        }
    }
    for (name, value) in customer.get("custom_fields").and_then(Json::as_object).into_iter().flatten() {
        uba::add(&mut fields, name, value, DEEPEST);
    }
    for (name, value) in message {
        let told = matches!(
            name.as_str(),
            "open_api_token"
                | "cellphones"
                | "cellphone"
                | "email"
                | "other_emails"
                | "nick_name"
                | "organization_name"
                | "tags"
                | "custom_fields"
                | "customer"
        );
        if !told {
            uba::add(&mut fields, &uba::of_touch(name), value, 2);
        }
    }
    let id = uba::id(message.get("id")).unwrap_or_default();
    let changed = ["updated_at", "created_at"].iter().find_map(|name| time(link, message.get(*name)));
    let stamp = changed.map_or_else(
        || uba::key_of(&Json::Object(message.clone()), &["open_api_token"]),
        |at| at.0.to_string(),
    );
    let key =
        if action == "Customer_create" { format!("{action}/{id}") } else { format!("{action}/{id}/{stamp}") };
    finish(fields, key, changed.or(Some(push.at)), touch)
}

fn finish(
    fields: reading::Bounded<'_>,
    id: String,
    at: Option<Timestamp>,
    touch: &str,
) -> Result<Option<RawLead>, Box<Quarantined>> {
    let raw = RawLead {
        event_id: Some(id),
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
