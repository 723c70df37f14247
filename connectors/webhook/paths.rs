//! Where in a body the records are, and where in a record its id, its time and what happened.

use leadloop_connector_api::answers::{at, text_of};
use leadloop_connector_api::canary::{Canary, put};
use leadloop_connector_api::{Link, Received, Refusal};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

use crate::reading::{
    self, BAD_TIME, MOST_RECORDS, NO_OBJECT, NO_RECORD, OUT_OF_BOUNDS, TOO_MANY, cut, json, quarantined,
    unreadable,
};

/// Most characters of an event id or a touch kind.
const LONGEST_WORD: usize = 200;

/// The records of a body.
pub(super) fn records(link: &Link, body: &Json, signed_id: Option<&str>) -> Result<Received, Refusal> {
    let path = link.text("records").unwrap_or_default();
    let Some(found) = at(body, path) else {
        return Err(unreadable(
            NO_RECORD,
            format!("there is nothing at `records = \"{path}\"`; the body holds {}", names(body)),
        ));
    };
    let list = match found {
        Json::Array(list) => list.as_slice(),
        one @ Json::Object(_) => std::slice::from_ref(one),
        _ => {
            return Err(unreadable(
                NO_RECORD,
                format!("what stands at `records = \"{path}\"` is no object and no list of objects"),
            ));
        }
    };
    if list.len() > MOST_RECORDS {
        let found = list.len();
        return Err(unreadable(
            TOO_MANY,
            format!("{found} records in one body; at most {MOST_RECORDS} are taken"),
        ));
    }
    let mut received = Received::default();
    for (place, record) in list.iter().enumerate() {
        let position = u32::try_from(place).unwrap_or(u32::MAX);
        let signed_id =
            signed_id.map(|id| if list.len() == 1 { id.to_owned() } else { format!("{id}#{position}") });
        match one(link, body, record, position, signed_id) {
            Ok(lead) => received.leads.push(lead),
            Err(record) => received.unreadable.push(*record),
        }
    }
    Ok(received)
}

/// A body with one record, as the settings say that the system sends them.
pub(super) fn body_of(link: &Link, canary: &Canary) -> Json {
    let mut record = canary.json();
    let their_kind = link.table("kinds").next().map(|(theirs, _)| theirs.to_owned());
    let told = [("event_id", Some(canary.id.clone())), ("at", Some(canary.time())), ("kind", their_kind)];
    for (setting, value) in told {
        if let Some((path, value)) = link.text(setting).zip(value) {
            put(&mut record, path, Json::String(value));
        }
    }
    let mut body = Json::Object(serde_json::Map::new());
    match link.text("records") {
        Some(path) if !path.is_empty() => put(&mut body, path, Json::Array(vec![record])),
        _ => body = record,
    }
    body
}

/// The names a body holds at the top, for an admin who looks for the right path.
fn names(body: &Json) -> String {
    match body {
        Json::Object(map) => {
            let names: Vec<&str> = map.keys().take(20).map(|name| cut(name, 40)).collect();
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
        }
        Json::Array(list) => format!("a list of {}", list.len()),
        _ => "a single value".to_owned(),
    }
}

fn one(
    link: &Link,
    body: &Json,
    record: &Json,
    position: u32,
    signed_id: Option<String>,
) -> Result<RawLead, Box<Quarantined>> {
    let Json::Object(object) = record else {
        let fields = Record::new().with("value", cut(&record.to_string(), LONGEST_WORD));
        let raw = RawLead { fields, position, ..RawLead::default() };
        return Err(quarantined(NO_OBJECT, format!("record {position} of the list is no object"), raw));
    };
    let mut fields = json::fields(object);
    for path in link.list("also") {
        if let Some(value) = at(body, path)
            && !fields.record.0.contains_key(path)
        {
            fields.add(path, Value::from_json(value));
        }
    }
    if link.text("signature") == Some("none") {
        reading::reserve(&mut fields.record);
    }
    // in the record first, then in the body
    let find = |setting: &str| {
        let path = link.text(setting)?;
        at(record, path).or_else(|| at(body, path)).and_then(text_of)
    };
    let word = |text: String| {
        Some(cut(text.trim(), LONGEST_WORD * 4).to_owned())
            .filter(|text| !text.is_empty() && text.chars().count() <= LONGEST_WORD)
    };
    let touch = find("kind").and_then(word).map(|kind| {
        let ours =
            link.table("kinds").find(|(theirs, _)| *theirs == kind).and_then(|(_, ours)| ours.as_text());
        ours.map_or(kind.clone(), str::to_owned)
    });
    let time = find("at");
    let happened = time.as_deref().and_then(|time| Timestamp::parse(time, &reading::zone(link)));
    let event_id = find("event_id").and_then(word).or(signed_id);
    let raw =
        RawLead { event_id, at: happened, touch, fields: fields.record, position, ..RawLead::default() };
    if let Some(beyond) = fields.beyond {
        return Err(quarantined(OUT_OF_BOUNDS, beyond, raw));
    }
    if let Some(time) = time.filter(|time| happened.is_none() && !time.trim().is_empty()) {
        return Err(quarantined(BAD_TIME, format!("{:?} is no time", cut(&time, 60)), raw));
    }
    if raw.fields.0.values().all(Value::is_blank) {
        return Err(quarantined(NO_OBJECT, "no field is filled", raw));
    }
    Ok(raw)
}
