//! One event of Segment's specification as a record.

use leadloop_connector_api::{Judge, Push, Received};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::capture::{Identifier, Quarantined, RawLead, Ties};
use leadloop_sync_core::time::Timestamp;

use super::door::Sent;
use crate::reading::lean::{Json, Map};
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
pub(super) fn read_all(
    push: &Push,
    body: Json<'_>,
    sent: &Sent,
    keyed: bool,
    mut judge: Option<&mut dyn Judge>,
) -> Received {
    let mut whole = Envelope { sent_at: body.get("sentAt").and_then(uba::time), ..Envelope::default() };
    let list = match body {
        Json::Array(list) => list,
        Json::Object(mut map)
            if keyed && map.get("batch").is_some_and(|batch| batch.as_array().is_some()) =>
        {
            whole.context = map.take("context");
            match map.take("batch") {
                Some(Json::Array(list)) => list,
                _ => vec![],
            }
        }
        one => vec![one],
    };
    let mut received = Received::default();
    for (place, event) in list.iter().enumerate() {
        let position = u32::try_from(place).unwrap_or(u32::MAX);
        let event = Event { push, whole: &whole, event, sent, position };
        if let Some(judge) = judge.as_deref_mut()
            && event.is_counted(judge)
        {
            continue;
        }
        match event.read() {
            Ok(lead) => received.leads.push(lead),
            Err(record) => received.unreadable.push(*record),
        }
    }
    received
}

/// What holds for all events of a batch.
#[derive(Default)]
struct Envelope<'b> {
    sent_at: Option<Timestamp>,
    context: Option<Json<'b>>,
}

/// Circumstances of an event: its own before those of its batch.
#[derive(Clone, Copy)]
struct Context<'e>(Option<&'e Map<'e>>, Option<&'e Map<'e>>);

impl<'e> Context<'e> {
    fn map(self, name: &str) -> Option<&'e Map<'e>> {
        let own = self.0.and_then(|map| map.get(name));
        own.or_else(|| self.1.and_then(|map| map.get(name))).and_then(Json::as_object)
    }
}

/// One event, and what it came with.
struct Event<'e> {
    push: &'e Push,
    whole: &'e Envelope<'e>,
    event: &'e Json<'e>,
    sent: &'e Sent,
    position: u32,
}

impl<'e> Event<'e> {
    fn kind(&self) -> Option<&'e str> {
        match (self.event.get("type").and_then(Json::as_str), self.sent) {
            (Some(kind), _) => Some(kind),
            (None, Sent::One(kind)) => Some(*kind),
            (None, _) => None,
        }
    }

    /// Whether it is one of the many that are only counted; no more of it is read then than says so.
    fn is_counted(&self, judge: &mut dyn Judge) -> bool {
        let (Some(object), Some(kind)) = (self.event.as_object(), self.kind()) else { return false };
        if !matches!(kind, "track" | "page" | "screen") {
            return false;
        }
        let mut fields = Bounded::thin(judge);
        let Ok(touch) = self.fill(&mut fields, object, kind) else { return false };
        match fields.judged() {
            Some((record, judge)) => judge.counts(&self.raw(object, touch, record)),
            None => false,
        }
    }

    fn read(&self) -> Result<RawLead, Box<Quarantined>> {
        let no = |detail: String| quarantined(NO_OBJECT, detail, uba::torso(self.event, self.position));
        let Some(object) = self.event.as_object() else {
            return Err(no(format!("event {} is no object", self.position)));
        };
        let Some(kind) = self.kind() else {
            return Err(no(format!("event {} has no `type`", self.position)));
        };
        let mut fields = Bounded::default();
        let touch = self
            .fill(&mut fields, object, kind)
            .map_err(|what| no(format!("event {} {what}", self.position)))?;
        let raw = self.raw(object, touch, fields.record);
        match fields.beyond {
            Some(beyond) => Err(quarantined(OUT_OF_BOUNDS, beyond, raw)),
            None => Ok(raw),
        }
    }

    /// Fills in what the event says; gives its touch kind where it is no plain event, or what is wrong with it.
    fn fill(
        &self,
        fields: &mut Bounded,
        object: &'e Map<'e>,
        kind: &str,
    ) -> Result<Option<&'static str>, String> {
        let own = object.get("context").and_then(Json::as_object);
        let context = Context(own, self.whole.context.as_ref().and_then(Json::as_object));
        let touch = told_of(fields, kind, object, context)?;
        who(fields, object, context);
        of_context(fields, context);
        Ok(touch)
    }

    fn raw(&self, object: &Map<'_>, touch: Option<&str>, fields: Record) -> RawLead {
        let time = |name: &str| object.get(name).and_then(uba::time);
        let told = time("originalTimestamp").or_else(|| time("timestamp"));
        let event_id = uba::id(object.get("messageId"))
            .unwrap_or_else(|| uba::key_of(self.event, &["sentAt", "receivedAt", "writeKey"]));
        RawLead {
            event_id: Some(event_id),
            at: uba::happened(told, time("sentAt").or(self.whole.sent_at), self.push.at, false),
            told,
            touch: touch.map(str::to_owned),
            fields,
            position: self.position,
            ties: ties(object),
        }
    }
}

/// What an event of that type says; gives its touch kind where it is no plain event, or what is wrong with it.
fn told_of(
    fields: &mut Bounded,
    kind: &str,
    object: &Map<'_>,
    context: Context<'_>,
) -> Result<Option<&'static str>, String> {
    let empty = Map::default();
    let map = |name: &str| object.get(name).and_then(Json::as_object).unwrap_or(&empty);
    match kind {
        "identify" => {
            for traits in [map("traits"), context.map("traits").unwrap_or(&empty)] {
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
fn ties(event: &Map<'_>) -> Ties {
    let link = uba::id(event.get("previousId")).zip(uba::id(event.get("userId")));
    let link =
        link.map(|(before, now)| (Identifier::new("uba_id", before), Identifier::new("login_id", now)));
    Ties { link: link.into_iter().collect(), unlink: vec![] }
}

/// Who it was: the company's own id, the browser's, and what traits the SDK sends along with every event.
fn who(fields: &mut Bounded, event: &Map<'_>, context: Context<'_>) {
    for (name, kind) in [("userId", "login_id"), ("anonymousId", "uba_id")] {
        if let Some(value) = uba::id(event.get(name)) {
            fields.add(kind, Value::text(value));
        }
    }
    for (name, value) in context.map("traits").into_iter().flat_map(Map::iter) {
        let known = fields.record.get(name).is_some();
        if matches!(name, "email" | "phone") && !known {
            uba::add(fields, name, value, 0);
        }
    }
}

/// Traits under the pool's names; what the pool has no name for describes the touch.
fn of_person(fields: &mut Bounded, traits: &Map<'_>, names: &[(&str, &str)]) {
    let mut flat = Bounded::default();
    for (name, value) in traits.iter().filter(|(name, _)| !NOT_KEPT.contains(name)) {
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

fn of_event(fields: &mut Bounded, properties: &Map<'_>) {
    for (name, value) in properties.iter() {
        uba::add_property(fields, name, value);
    }
}

/// Where the person was and what brought him there.
fn of_context(fields: &mut Bounded, context: Context<'_>) {
    for (name, value) in context.map("campaign").into_iter().flat_map(Map::iter) {
        let name = if name == "name" { "campaign" } else { name };
        uba::add(fields, &format!("touch.utm_{name}"), value, 0);
    }
    for (name, value) in context.map("page").into_iter().flat_map(Map::iter) {
        let ours = match name {
            "url" => "touch.url",
            "referrer" => "touch.referrer",
            "title" => "touch.page_title",
            _ => continue,
        };
        if fields.record.get(ours).is_none() {
            uba::add(fields, ours, value, 0);
        }
    }
    let referrer = context.map("referrer");
    if let Some(id) = referrer.and_then(|referrer| uba::id(referrer.get("id"))) {
        let kind = referrer.and_then(|referrer| uba::id(referrer.get("type"))).unwrap_or_default();
        fields.add("touch.click_id", Value::text(format!("{kind}:{id}").trim_start_matches(':')));
    }
}
