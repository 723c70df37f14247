//! One event of Sensors as a record: when, what, whose; its properties as part of the touch, those of a profile as fields
//! of the person.

use leadloop_connector_api::signature::secret_fits;
use leadloop_connector_api::{Link, Push, Received};
use leadloop_mapping::Value;
use leadloop_sync_core::aliases;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Map, Value as Json};

use super::people::{self, People};
use super::{project_of, wire};
use crate::reading::{Bounded, DEEPEST, FOREIGN, NO_OBJECT, NOBODY, OUT_OF_BOUNDS, quarantined, uba};

/// Presets that say nothing about a person or what he did.
const NOISE: [&str; 9] = [
    "$lib",
    "$screen_",
    "$viewport_",
    "$timezone_offset",
    "$is_first_",
    "$is_login_id",
    "$ip",
    "$latest_referrer_host",
    "$url_path",
];
/// What the browser SDK writes where it knows nothing.
const NOTHING: [&str; 3] = ["取值异常", "url解析失败", "url的domain解析失败"];

/// The records of a push.
pub(super) fn read_all(link: &Link, push: &Push, events: &[Json]) -> Received {
    let mut received = Received::default();
    let asked = Asked {
        project: wire::in_query(push, "project").unwrap_or_else(|| "default".to_owned()),
        token: wire::in_query(push, "token").unwrap_or_default(),
    };
    for (place, event) in events.iter().enumerate() {
        let position = u32::try_from(place).unwrap_or(u32::MAX);
        if !asked.allows(link, event) {
            received.ignore(FOREIGN);
            continue;
        }
        match one(link, push, event, position) {
            Ok(Some(lead)) => received.leads.push(lead),
            Ok(None) => received.ignore(NOBODY),
            Err(record) => received.unreadable.push(*record),
        }
    }
    received
}

/// What the address of a push names; an event may say otherwise for itself.
struct Asked {
    project: String,
    token: String,
}

impl Asked {
    fn allows(&self, link: &Link, event: &Json) -> bool {
        let own = |name: &str| event.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        let project = own("project").unwrap_or(&self.project);
        let token = own("token").unwrap_or(&self.token);
        project == project_of(link) && link.secret("token").is_none_or(|secret| secret_fits(token, secret))
    }
}

fn one(link: &Link, push: &Push, event: &Json, position: u32) -> Result<Option<RawLead>, Box<Quarantined>> {
    let (Some(object), Some(kind)) = (event.as_object(), event.get("type").and_then(Json::as_str)) else {
        let detail = format!("event {position} has no `type`");
        return Err(quarantined(NO_OBJECT, detail, uba::torso(event, position)));
    };
    let empty = Map::new();
    let properties = object.get("properties").and_then(Json::as_object).unwrap_or(&empty);
    let mut fields = Bounded::default();
    let name = object.get("event").and_then(Json::as_str).unwrap_or_default();
    let touch = match kind {
        "track" => {
            of_event(&mut fields, name, properties);
            None
        }
        "track_signup" => {
            of_event(&mut fields, name, properties);
            Some("signed_up")
        }
        "track_id_bind" => Some("identified"),
        "track_id_unbind" => Some("identity_removed"),
        "profile_set" => {
            of_profile(&mut fields, properties);
            Some("profile_updated")
        }
        "profile_set_once" | "profile_increment" | "profile_append" => {
            // What stands there already is not replaced; who it is counts all the same.
            for (name, value) in properties.iter().filter(|(name, _)| !is_noise(name)) {
                let name = name.trim_start_matches('$');
                let who = matches!(aliases::pool_field(name), Some("phone" | "email"));
                let name = if who { name.to_owned() } else { uba::of_touch(name) };
                uba::add(&mut fields, &name, value, DEEPEST);
            }
            Some("profile_updated")
        }
        "profile_unset" => {
            let names: Vec<Value> = properties
                .keys()
                .filter(|name| !is_noise(name))
                .map(|name| Value::text(name.as_str()))
                .collect();
            fields.add("touch.unset", Value::List(names));
            Some("profile_updated")
        }
        "profile_delete" => Some("profile_deleted"),
        "item_set" | "item_delete" => return Ok(None),
        other => {
            let detail = format!(
                "event {position} is of a type that nobody knows: {:?}",
                crate::reading::cut(other, 40)
            );
            return Err(quarantined(NO_OBJECT, detail, uba::torso(event, position)));
        }
    };
    // What is unbound is no longer his who is named by it.
    let people = if kind == "track_id_unbind" { People::default() } else { People::of(link, event) };
    for (kind, values) in people.0 {
        for value in values {
            fields.add(kind, Value::text(value));
        }
    }
    let at = happened(push, event);
    let raw = RawLead {
        event_id: Some(event_id(event)),
        at,
        touch: touch.map(str::to_owned),
        fields: fields.record,
        position,
        ties: people::ties(link, event),
    };
    match fields.beyond {
        Some(beyond) => Err(quarantined(OUT_OF_BOUNDS, beyond, raw)),
        None => Ok(Some(raw)),
    }
}

fn happened(push: &Push, event: &Json) -> Option<Timestamp> {
    let history = event.get("time_free").and_then(Json::as_bool) == Some(true);
    let sent = event.get("_flush_time").and_then(uba::time);
    uba::happened(event.get("time").and_then(uba::time), sent, push.at, history)
}

/// The same event told twice (retries, two servers) has the same key: person, time, name and the client's own number;
/// without a number the whole content.
fn event_id(event: &Json) -> String {
    let text = |name: &str| uba::id(event.get(name)).unwrap_or_default();
    match uba::id(event.get("_track_id")) {
        Some(number) => {
            let id = format!("{}/{}/{}/{number}", text("distinct_id"), text("time"), text("event"));
            if id.len() <= 200 { id } else { uba::key_of(&Json::String(id), &[]) }
        }
        None => uba::key_of(event, &["_flush_time"]),
    }
}

fn is_noise(name: &str) -> bool {
    NOISE.iter().any(|noise| name.starts_with(noise))
}

/// A value that says something.
fn says(value: &Json) -> bool {
    value
        .as_str()
        .is_none_or(|text| !text.is_empty() && !NOTHING.contains(&text) && !text.starts_with("未取到值"))
}

fn of_event(fields: &mut Bounded, event: &str, properties: &Map<String, Json>) {
    fields.add("touch.event", Value::text(event));
    for (name, value) in properties.iter().filter(|(name, value)| !is_noise(name) && says(value)) {
        match name.strip_prefix('$') {
            Some(preset) => uba::add(fields, &uba::of_touch(preset), value, DEEPEST),
            None => uba::add_property(fields, name, value),
        }
    }
}

/// Fields of a person under their own names; the pool knows the usual ones.
fn of_profile(fields: &mut Bounded, properties: &Map<String, Json>) {
    for (name, value) in properties.iter().filter(|(name, value)| !is_noise(name) && says(value)) {
        let name = name.trim_start_matches('$');
        let name = if name.starts_with("first_") && name != "first_name" {
            format!("touch.{name}")
        } else {
            name.to_owned()
        };
        uba::add(fields, &name, value, DEEPEST);
    }
}
