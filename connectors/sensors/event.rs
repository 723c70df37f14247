//! One event of Sensors as a record: when, what, whose; its properties as part of the touch, those of a profile as fields
//! of the person.

use leadloop_connector_api::signature::secret_fits;
use leadloop_connector_api::{Judge, Link, Push, Received};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::aliases;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::time::Timestamp;

use super::people::{self, People};
use super::{project_of, wire};
use crate::reading::lean::{Json, Map};
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
pub(super) fn read_all(
    link: &Link,
    push: &Push,
    events: &[Json<'_>],
    mut judge: Option<&mut dyn Judge>,
) -> Received {
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
        let event = Event { link, push, event, position };
        if let Some(judge) = judge.as_deref_mut()
            && event.is_counted(judge)
        {
            continue;
        }
        match event.read() {
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
    fn allows(&self, link: &Link, event: &Json<'_>) -> bool {
        let own = |name: &str| event.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        let project = own("project").unwrap_or(&self.project);
        let token = own("token").unwrap_or(&self.token);
        project == project_of(link) && link.secret("token").is_none_or(|secret| secret_fits(token, secret))
    }
}

/// One event, and what it came with.
struct Event<'e> {
    link: &'e Link,
    push: &'e Push,
    event: &'e Json<'e>,
    position: u32,
}

impl Event<'_> {
    /// Whether it is one of the many that are only counted; no more of it is read then than says so.
    fn is_counted(&self, judge: &mut dyn Judge) -> bool {
        if self.event.get("type").and_then(Json::as_str) != Some("track") {
            return false;
        }
        let mut fields = Bounded::thin(judge);
        of_event(&mut fields, self.name(), self.properties());
        self.who(&mut fields);
        match fields.judged() {
            Some((record, judge)) => judge.counts(&self.raw(None, record)),
            None => false,
        }
    }

    /// The event as a record; nothing where it is about nobody.
    fn read(&self) -> Result<Option<RawLead>, Box<Quarantined>> {
        let no = |detail: String| quarantined(NO_OBJECT, detail, uba::torso(self.event, self.position));
        let Some(kind) = self.event.get("type").and_then(Json::as_str) else {
            return Err(no(format!("event {} has no `type`", self.position)));
        };
        let mut fields = Bounded::default();
        let touch = match kind {
            "item_set" | "item_delete" => return Ok(None),
            _ => self.told(&mut fields, kind).map_err(no)?,
        };
        // What is unbound is no longer his who is named by it.
        if kind != "track_id_unbind" {
            self.who(&mut fields);
        }
        let raw = self.raw(touch, fields.record);
        match fields.beyond {
            Some(beyond) => Err(quarantined(OUT_OF_BOUNDS, beyond, raw)),
            None => Ok(Some(raw)),
        }
    }

    fn name(&self) -> &str {
        self.event.get("event").and_then(Json::as_str).unwrap_or_default()
    }

    fn properties(&self) -> impl Iterator<Item = (&str, &Json<'_>)> {
        let properties = self.event.get("properties").and_then(Json::as_object);
        properties.into_iter().flat_map(Map::iter)
    }

    /// Fills in what the event says; gives its touch kind where it is no plain event, or what is wrong with it.
    fn told(&self, fields: &mut Bounded, kind: &str) -> Result<Option<&'static str>, String> {
        Ok(match kind {
            "track" => {
                of_event(fields, self.name(), self.properties());
                None
            }
            "track_signup" => {
                of_event(fields, self.name(), self.properties());
                Some("signed_up")
            }
            "track_id_bind" => Some("identified"),
            "track_id_unbind" => Some("identity_removed"),
            "profile_set" => {
                of_profile(fields, self.properties());
                Some("profile_updated")
            }
            "profile_set_once" | "profile_increment" | "profile_append" => {
                // What stands there already is not replaced; who it is counts all the same.
                for (name, value) in self.properties().filter(|(name, _)| !is_noise(name)) {
                    let name = name.trim_start_matches('$');
                    let who = matches!(aliases::pool_field(name), Some("phone" | "email"));
                    let name = if who { name.to_owned() } else { uba::of_touch(name) };
                    uba::add(fields, &name, value, DEEPEST);
                }
                Some("profile_updated")
            }
            "profile_unset" => {
                let names = self.properties().map(|(name, _)| name).filter(|name| !is_noise(name));
                fields.add("touch.unset", Value::List(names.map(Value::text).collect()));
                Some("profile_updated")
            }
            "profile_delete" => Some("profile_deleted"),
            other => {
                let name = crate::reading::cut(other, 40);
                return Err(format!("event {} is of a type that nobody knows: {name:?}", self.position));
            }
        })
    }

    fn who(&self, fields: &mut Bounded) {
        for (kind, values) in People::of(self.link, self.event).0 {
            for value in values {
                fields.add(kind, Value::text(value));
            }
        }
    }

    fn raw(&self, touch: Option<&str>, fields: Record) -> RawLead {
        let told = self.event.get("time").and_then(uba::time);
        RawLead {
            event_id: Some(event_id(self.event)),
            at: self.happened(told),
            told,
            touch: touch.map(str::to_owned),
            fields,
            position: self.position,
            ties: people::ties(self.link, self.event),
        }
    }

    fn happened(&self, told: Option<Timestamp>) -> Option<Timestamp> {
        let history = self.event.get("time_free").and_then(Json::as_bool) == Some(true);
        let sent = self.event.get("_flush_time").and_then(uba::time);
        uba::happened(told, sent, self.push.at, history)
    }
}

/// The same event told twice (retries, two servers) has the same key: person, time, name and the client's own number;
/// without a number the whole content.
fn event_id(event: &Json<'_>) -> String {
    let text = |name: &str| uba::id_of(event.get(name)).unwrap_or_default();
    match uba::id_of(event.get("_track_id")) {
        Some(number) => {
            let id = format!("{}/{}/{}/{number}", text("distinct_id"), text("time"), text("event"));
            if id.len() <= 200 { id } else { uba::key_of(&Json::String(id.into()), &[]) }
        }
        None => uba::key_of(event, &["_flush_time"]),
    }
}

fn is_noise(name: &str) -> bool {
    name.starts_with('$') && NOISE.iter().any(|noise| name.starts_with(noise))
}

/// A value that says something.
fn says(value: &Json<'_>) -> bool {
    value
        .as_str()
        .is_none_or(|text| !text.is_empty() && !NOTHING.contains(&text) && !text.starts_with("未取到值"))
}

fn of_event<'e>(
    fields: &mut Bounded,
    event: &str,
    properties: impl Iterator<Item = (&'e str, &'e Json<'e>)>,
) {
    fields.add("touch.event", Value::text(event));
    for (name, value) in properties.filter(|(name, value)| !is_noise(name) && says(value)) {
        match name.strip_prefix('$') {
            Some(_) => uba::add_called(fields, name, of_preset, value),
            None => uba::add_property(fields, name, value),
        }
    }
}

/// The field of a preset property.
fn of_preset(name: &str) -> String {
    uba::of_touch(name.strip_prefix('$').unwrap_or(name))
}

/// Fields of a person under their own names; the pool knows the usual ones.
fn of_profile<'e>(fields: &mut Bounded, properties: impl Iterator<Item = (&'e str, &'e Json<'e>)>) {
    for (name, value) in properties.filter(|(name, value)| !is_noise(name) && says(value)) {
        let name = name.trim_start_matches('$');
        let name = if name.starts_with("first_") && name != "first_name" {
            format!("touch.{name}")
        } else {
            name.to_owned()
        };
        uba::add(fields, &name, value, DEEPEST);
    }
}
