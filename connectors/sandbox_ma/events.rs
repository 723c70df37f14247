//! What the MA pushes: leads, mail clicks, points; one event or a list of them.

use leadloop_connector_api::answers::text_of;
use leadloop_connector_api::{Link, Received, Refusal};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Map, Value as Json};

use crate::reading::{
    self, MOST_RECORDS, NO_OBJECT, NO_RECORD, OUT_OF_BOUNDS, TOO_MANY, quarantined, unreadable,
};

/// The events of a body; `push_id` is the push's own id.
pub(super) fn read(link: &Link, body: &Json, push_id: &str) -> Result<Received, Refusal> {
    let list = match body {
        Json::Array(list) => list.as_slice(),
        one @ Json::Object(_) => std::slice::from_ref(one),
        _ => return Err(unreadable(NO_RECORD, "the body is neither an event nor a list of events")),
    };
    if list.len() > MOST_RECORDS {
        let found = list.len();
        return Err(unreadable(
            TOO_MANY,
            format!("{found} events in one body; at most {MOST_RECORDS} are taken"),
        ));
    }
    let mut received = Received::default();
    for (place, event) in list.iter().enumerate() {
        let position = u32::try_from(place).unwrap_or(u32::MAX);
        match one(link, event, position, push_id) {
            Ok(lead) => received.leads.push(lead),
            Err(record) => received.unreadable.push(*record),
        }
    }
    Ok(received)
}

fn one(link: &Link, event: &Json, position: u32, push_id: &str) -> Result<RawLead, Box<Quarantined>> {
    let parts = (event.get("type").and_then(Json::as_str), event.get("data").and_then(Json::as_object));
    let (Some(kind), Some(data)) = parts else {
        let fields = Record::new().with("event", reading::cut(&event.to_string(), 2_000));
        let raw = RawLead { fields, position, ..RawLead::default() };
        return Err(quarantined(NO_OBJECT, format!("event {position} has no `type` and `data`"), raw));
    };
    let (fields, beyond) = fields(link, kind, data);
    let at = data.get("at").and_then(Json::as_i64).map(Timestamp);
    let event_id = data.get("event_id").and_then(text_of).unwrap_or_else(|| format!("{push_id}#{position}"));
    let touch = match kind {
        "lead.created" => "ma_lead",
        "mail.clicked" => "mail_clicked",
        "points.changed" => "points_changed",
        _ => "ma_event",
    };
    let raw = RawLead {
        event_id: Some(event_id),
        at,
        touch: Some(touch.to_owned()),
        fields,
        position,
        ..RawLead::default()
    };
    match beyond {
        Some(beyond) => Err(quarantined(OUT_OF_BOUNDS, beyond, raw)),
        None if raw.fields.text("ma_id").is_none() => {
            Err(quarantined(NO_OBJECT, format!("event {position} names no `ma_id`"), raw))
        }
        None => Ok(raw),
    }
}

/// Fields of a person stay as they are; points become our score; the rest describes the touch.
fn fields(link: &Link, kind: &str, data: &Map<String, Json>) -> (Record, Option<String>) {
    let bounded = reading::json::fields(data);
    let mut fields = Record::new();
    for (name, value) in bounded.record.0 {
        match name.as_str() {
            "event_id" | "at" => {}
            "ma_id" | "name" | "phone" | "email" | "company" | "title" | "tags" => {
                fields.0.insert(name, value);
            }
            "points" => {
                let score = link.text("score").unwrap_or(link.name.as_str());
                fields.0.insert(format!("score.{score}"), value);
            }
            _ => {
                fields.0.insert(format!("touch.{name}"), value);
            }
        }
    }
    fields.set("touch.event", Value::text(kind));
    (fields, bounded.beyond)
}
