//! One event of Segment's specification as a record.

use leadloop_connector_api::{Push, Received, Refusal};
use leadloop_mapping::Value;
use leadloop_sync_core::capture::{Identifier, Quarantined, RawLead, Ties};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Map, Value as Json};

use super::door::Sent;
use crate::reading::{Bounded, DEEPEST, NO_OBJECT, OUT_OF_BOUNDS, quarantined, uba};

/// Traits of a person and the pool's field for each.
const TRAITS: [(&str, &str); 16] = [
    ("email", "email"),
    ("phone", "phone"),
    ("name", "name"),
    ("firstName", "first_name"),
    ("first_name", "first_name"),
    ("lastName", "last_name"),
    ("last_name", "last_name"),
    ("title", "title"),
    ("department", "department"),
    ("company", "company"),
    ("company.name", "company"),
    ("company.industry", "company.industry"),
    ("company.employee_count", "company.employees"),
    ("address.city", "city"),
    ("address.state", "province"),
    ("address.country", "country"),
];
/// Traits of a group and the pool's field for each.
const GROUP: [(&str, &str); 7] = [
    ("name", "company"),
    ("industry", "company.industry"),
    ("employees", "company.employees"),
    ("website", "company.website"),
    ("address.city", "company.city"),
    ("address.state", "company.province"),
    ("address.country", "company.country"),
];
/// Traits that say nothing about a lead.
const NOT_KEPT: [&str; 4] = ["avatar", "id", "username", "birthday"];

/// The records of a body. `keyed`: its events may lie under `batch`.
pub(super) fn read_all(push: &Push, body: Json, sent: &Sent, keyed: bool) -> Result<Received, Refusal> {
    let mut whole = Envelope { sent_at: body.get("sentAt").and_then(uba::time), ..Envelope::default() };
    let list = match body {
        Json::Array(list) => list,
        Json::Object(mut map) if keyed && map.get("batch").is_some_and(Json::is_array) => {
            whole.context = map.get("context").and_then(Json::as_object).cloned().unwrap_or_default();
            match map.remove("batch") {
                Some(Json::Array(list)) => list,
                _ => vec![],
            }
        }
        one => vec![one],
    };
    let mut received = Received::default();
    for (place, event) in list.iter().enumerate() {
        let position = u32::try_from(place).unwrap_or(u32::MAX);
        match one(push, &whole, event, sent, position) {
            Ok(lead) => received.leads.push(lead),
            Err(record) => received.unreadable.push(*record),
        }
    }
    Ok(received)
}

/// What holds for all events of a batch.
#[derive(Default)]
struct Envelope {
    sent_at: Option<Timestamp>,
    context: Map<String, Json>,
}

fn one(
    push: &Push,
    whole: &Envelope,
    event: &Json,
    sent: &Sent,
    position: u32,
) -> Result<RawLead, Box<Quarantined>> {
    let no = |detail: String| quarantined(NO_OBJECT, detail, uba::torso(event, position));
    let Some(object) = event.as_object() else {
        return Err(no(format!("event {position} is no object")));
    };
    let told = object.get("type").and_then(Json::as_str);
    let kind = match (told, sent) {
        (Some(kind), _) => kind,
        (None, Sent::One(kind)) => kind,
        (None, _) => return Err(no(format!("event {position} has no `type`"))),
    };
    let mut context = whole.context.clone();
    context.extend(object.get("context").and_then(Json::as_object).cloned().into_iter().flatten());
    let mut fields = Bounded::default();
    let touch = told_of(&mut fields, kind, object, &context)
        .map_err(|what| no(format!("event {position} {what}")))?;
    who(&mut fields, object, &context);
    of_context(&mut fields, &context);
    let time = |name: &str| object.get(name).and_then(uba::time);
    let at = uba::happened(
        time("originalTimestamp").or_else(|| time("timestamp")),
        time("sentAt").or(whole.sent_at),
        push.at,
        false,
    );
    let event_id = uba::id(object.get("messageId"))
        .unwrap_or_else(|| uba::key_of(event, &["sentAt", "receivedAt", "writeKey"]));
    let raw = RawLead {
        event_id: Some(event_id),
        at,
        touch: touch.map(str::to_owned),
        fields: fields.record,
        position,
        ties: ties(object),
    };
    match fields.beyond {
        Some(beyond) => Err(quarantined(OUT_OF_BOUNDS, beyond, raw)),
        None => Ok(raw),
    }
}

/// What an event of that type says; gives its touch kind where it is no plain event, or what is wrong with it.
fn told_of(
    fields: &mut Bounded,
    kind: &str,
    object: &Map<String, Json>,
    context: &Map<String, Json>,
) -> Result<Option<&'static str>, String> {
    let empty = Map::new();
    let map = |name: &str| object.get(name).and_then(Json::as_object).unwrap_or(&empty);
    match kind {
        "identify" => {
            for traits in [map("traits"), context.get("traits").and_then(Json::as_object).unwrap_or(&empty)] {
                of_person(fields, traits, &TRAITS);
            }
            Ok(Some("profile_updated"))
        }
        "group" => {
            of_person(fields, map("traits"), &GROUP);
            if let Some(group) = uba::id(object.get("groupId")) {
                fields.add("touch.group_id", Value::text(group));
            }
            Ok(Some("profile_updated"))
        }
        "alias" => Ok(Some("identified")),
        "track" => {
            let Some(name) =
                object.get("event").and_then(Json::as_str).filter(|name| !name.trim().is_empty())
            else {
                return Err("is a `track` without `event`".to_owned());
            };
            fields.add("touch.event", Value::text(name));
            of_event(fields, map("properties"));
            Ok(None)
        }
        "page" | "screen" => {
            fields.add("touch.event", Value::text(kind));
            for name in ["name", "category"] {
                if let Some(text) = object.get(name).and_then(Json::as_str) {
                    fields.add(&format!("touch.page_{name}"), Value::text(text));
                }
            }
            of_event(fields, map("properties"));
            Ok(None)
        }
        other => {
            let name = crate::reading::cut(other, 40);
            Err(format!("is of a type that nobody knows: {name:?}"))
        }
    }
}

/// An alias: what somebody did under the id before is his who has the id now.
fn ties(event: &Map<String, Json>) -> Ties {
    let link = uba::id(event.get("previousId")).zip(uba::id(event.get("userId")));
    let link =
        link.map(|(before, now)| (Identifier::new("uba_id", before), Identifier::new("login_id", now)));
    Ties { link: link.into_iter().collect(), unlink: vec![] }
}

/// Who it was: the company's own id, the browser's, and what traits the SDK sends along with every event.
fn who(fields: &mut Bounded, event: &Map<String, Json>, context: &Map<String, Json>) {
    for (name, kind) in [("userId", "login_id"), ("anonymousId", "uba_id")] {
        if let Some(value) = uba::id(event.get(name)) {
            fields.add(kind, Value::text(value));
        }
    }
    let traits = context.get("traits").and_then(Json::as_object);
    for (name, value) in traits.into_iter().flatten() {
        let known = fields.record.get(name).is_some();
        if matches!(name.as_str(), "email" | "phone") && !known {
            uba::add(fields, name, value, 0);
        }
    }
}

/// Traits under the pool's names; what the pool has no name for describes the touch.
fn of_person(fields: &mut Bounded, traits: &Map<String, Json>, names: &[(&str, &str)]) {
    let mut flat = Bounded::default();
    for (name, value) in traits.iter().filter(|(name, _)| !NOT_KEPT.contains(&name.as_str())) {
        uba::add(&mut flat, name, value, DEEPEST);
    }
    for (name, value) in flat.record.0 {
        match names.iter().find(|(theirs, _)| *theirs == name) {
            Some((_, ours)) if fields.record.get(ours).is_none() => fields.add(ours, value),
            Some(_) => {}
            None => fields.add(&format!("touch.{name}"), value),
        }
    }
    if let Some(beyond) = flat.beyond {
        fields.beyond.get_or_insert(beyond);
    }
}

fn of_event(fields: &mut Bounded, properties: &Map<String, Json>) {
    for (name, value) in properties {
        uba::add_property(fields, name, value);
    }
}

/// Where the person was and what brought him there.
fn of_context(fields: &mut Bounded, context: &Map<String, Json>) {
    let part = |group: &str| context.get(group).and_then(Json::as_object);
    for (name, value) in part("campaign").into_iter().flatten() {
        let name = if name == "name" { "campaign" } else { name };
        uba::add(fields, &format!("touch.utm_{name}"), value, 0);
    }
    for (name, value) in part("page").into_iter().flatten() {
        let ours = match name.as_str() {
            "url" => "touch.url",
            "referrer" => "touch.referrer",
            "title" => "touch.page_title",
            _ => continue,
        };
        if fields.record.get(ours).is_none() {
            uba::add(fields, ours, value, 0);
        }
    }
    let referrer = part("referrer");
    if let Some(id) = referrer.and_then(|referrer| uba::id(referrer.get("id"))) {
        let kind = referrer.and_then(|referrer| uba::id(referrer.get("type"))).unwrap_or_default();
        fields.add("touch.click_id", Value::text(format!("{kind}:{id}").trim_start_matches(':')));
    }
}
