//! Behaviour analytics: what the clients of all such systems have in common. How each writes an event is for its
//! connector, what an event is worth for the core.

use std::borrow::Cow;

use leadloop_connector_api::http::Answer;
use leadloop_connector_api::signature::digest_of;
use leadloop_mapping::Value;
use leadloop_sync_core::aliases;
use leadloop_sync_core::capture::RawLead;
use leadloop_sync_core::time::{Micros, Timestamp};
use serde_json::Number;

use super::{Bounded, lean};

/// Most events of one body.
pub(crate) const MOST_EVENTS: usize = 10_000;
/// A client's clock may be this far off before its times are moved.
const SKEW: Micros = Micros::seconds(60);
/// A time further ahead than this is no time.
const AHEAD: Micros = Micros::hours(1);
/// Events older than this come from a clock that was never set, unless the client says that it brings history.
const OLDEST: Micros = Micros::days(730);
/// Most bytes of an identifier; a longer one identifies nobody.
const LONGEST_ID: usize = 1_000;

/// Names of an event's own properties that say who somebody is: they go to the person, everything else describes the
/// event.
const OF_PERSON: [&str; 3] = ["phone", "email", "company"];

/// Names under which we say something about a touch ourselves.
const OURS: [&str; 6] = ["at", "kind", "event_id", "event", "notes", "source"];

/// When something happened: the client's time, moved by what its clock is off (known by `sent`, its own time of sending);
/// nothing where that is no time anybody could mean.
pub(crate) fn happened(
    at: Option<Timestamp>,
    sent: Option<Timestamp>,
    arrived: Timestamp,
    history: bool,
) -> Option<Timestamp> {
    let at = at?;
    let off = sent.map_or(Micros(0), |sent| Micros(arrived.0.saturating_sub(sent.0)));
    // What waited in the client was sent later, not with another clock.
    let moved = if off.0.abs() > SKEW.0 && !history { Timestamp(at.0.saturating_add(off.0)) } else { at };
    let fits = moved <= arrived + AHEAD && (history || moved >= arrived - OLDEST);
    (fits && moved.0 > 0).then_some(moved)
}

/// A value of JSON, whoever holds its texts.
pub(crate) trait Json: std::fmt::Display + Sized {
    /// What it is.
    fn part(&self) -> Part<'_, Self>;
    /// Names and values of an object, in order.
    fn entries(&self) -> impl Iterator<Item = (&str, &Self)>;
}

/// What a value is.
pub(crate) enum Part<'j, J> {
    Null,
    Bool(bool),
    Number(&'j Number),
    Text(&'j str),
    List(&'j [J]),
    /// See [`Json::entries`].
    Object,
}

impl Json for serde_json::Value {
    fn part(&self) -> Part<'_, Self> {
        match self {
            Self::Null => Part::Null,
            Self::Bool(yes) => Part::Bool(*yes),
            Self::Number(number) => Part::Number(number),
            Self::String(text) => Part::Text(text),
            Self::Array(list) => Part::List(list),
            Self::Object(_) => Part::Object,
        }
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }
}

impl Json for lean::Json<'_> {
    fn part(&self) -> Part<'_, Self> {
        match self {
            Self::Null => Part::Null,
            Self::Bool(yes) => Part::Bool(*yes),
            Self::Number(number) => Part::Number(number),
            Self::String(text) => Part::Text(text),
            Self::Array(list) => Part::List(list),
            Self::Object(_) => Part::Object,
        }
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.as_object().into_iter().flat_map(lean::Map::iter)
    }
}

/// A point in time as clients write it: milliseconds, seconds or ISO 8601.
pub(crate) fn time<J: Json>(json: &J) -> Option<Timestamp> {
    match json.part() {
        Part::Number(number) => {
            #[expect(clippy::cast_possible_truncation, reason = "a time beyond is refused by its bounds")]
            let number = number.as_i64().or_else(|| number.as_f64().map(|real| real as i64))?;
            epoch(number)
        }
        Part::Text(text) => {
            let text = text.trim();
            match text.parse() {
                Ok(number) => epoch(number),
                Err(_) => Timestamp::parse(text, &jiff::tz::TimeZone::UTC),
            }
        }
        _ => None,
    }
}

fn epoch(number: i64) -> Option<Timestamp> {
    let micros = if number.unsigned_abs() < 100_000_000_000 { 1_000_000 } else { 1_000 };
    number.checked_mul(micros).map(Timestamp)
}

/// The text of an id; numbers are taken, what is too long or empty is nothing.
pub(crate) fn id<J: Json>(json: Option<&J>) -> Option<String> {
    id_of(json).map(Cow::into_owned)
}

/// As [`id`], borrowed where it is a text.
pub(crate) fn id_of<J: Json>(json: Option<&J>) -> Option<Cow<'_, str>> {
    let fits = |text: &str| !text.is_empty() && text.len() <= LONGEST_ID;
    match json?.part() {
        Part::Text(text) => Some(text.trim()).filter(|text| fits(text)).map(Cow::Borrowed),
        Part::Number(number) => Some(number.to_string()).filter(|text| fits(text)).map(Cow::Owned),
        Part::Bool(yes) => Some(Cow::Borrowed(if yes { "true" } else { "false" })),
        Part::Null | Part::List(_) | Part::Object => None,
    }
}

/// The key of an event that has no id of its own: its content as it was written, so that the same telling is one event
/// whenever it comes again.
pub(crate) fn key_of<J: Json>(event: &J, without: &[&str]) -> String {
    let content = match event.part() {
        Part::Object => {
            let entries = event.entries().filter(|(name, _)| !without.contains(name));
            let written: Vec<String> =
                entries.map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name))).collect();
            format!("{{{}}}", written.join(","))
        }
        _ => event.to_string(),
    };
    format!("sha256:{}", digest_of(&[content.as_bytes()]))
}

/// Adds a property of an event: what says who somebody is under its own name, everything else as part of the event.
pub(crate) fn add_property<J: Json>(fields: &mut Bounded, name: &str, json: &J) {
    add_called(fields, name, of_event, json);
}

/// Adds a property of an event under the name that `called` gives it; one name must come to one call within a push.
pub(crate) fn add_called<J: Json>(fields: &mut Bounded, name: &str, called: fn(&str) -> String, json: &J) {
    let bytes = match json.part() {
        Part::Text(text) => Some(text.len()),
        Part::Bool(_) => Some(8),
        Part::Number(number) => number.as_i64().map(|_| 8),
        Part::Null | Part::List(_) | Part::Object => None,
    };
    if bytes.is_none_or(|bytes| !fields.passes_over(name, called, bytes)) {
        add(fields, &called(name), json, super::DEEPEST);
    }
}

/// The field of an event's property.
fn of_event(name: &str) -> String {
    let of_person = aliases::pool_field(name).is_some_and(|field| OF_PERSON.contains(&field));
    if of_person { name.to_owned() } else { of_touch(name) }
}

/// A property's name as part of the touch; what we say about a touch ourselves keeps its name.
pub(crate) fn of_touch(name: &str) -> String {
    if OURS.contains(&name) { format!("touch.property_{name}") } else { format!("touch.{name}") }
}

/// Adds a value, nested parts under dotted names.
pub(crate) fn add<J: Json>(fields: &mut Bounded, name: &str, json: &J, depth: usize) {
    let nested = |list: &[J]| list.iter().any(|item| matches!(item.part(), Part::Object | Part::List(_)));
    match json.part() {
        Part::Null => {}
        Part::Object if depth > 0 => {
            for (inner, value) in json.entries() {
                add(fields, &format!("{name}.{inner}"), value, depth - 1);
            }
        }
        Part::List(list) if nested(list) => fields.add(name, short_text(json)),
        Part::Object => fields.add(name, short_text(json)),
        Part::List(list) => fields.add(name, Value::List(list.iter().map(scalar).collect())),
        Part::Text(text) if !fields.wants(name, text.len()) => {}
        Part::Text(text) => fields.put(name, Value::text(text)),
        Part::Bool(_) | Part::Number(_) => fields.add(name, scalar(json)),
    }
}

fn short_text<J: Json>(json: &J) -> Value {
    Value::text(super::cut(&json.to_string(), 2_000))
}

/// A value without parts.
fn scalar<J: Json>(json: &J) -> Value {
    match json.part() {
        Part::Text(text) => Value::text(text),
        Part::Bool(yes) => Value::Bool(yes),
        Part::Number(number) => Value::from_json(&serde_json::Value::Number(number.clone())),
        Part::Null | Part::List(_) | Part::Object => Value::Null,
    }
}

/// A record cut down to what can be shown, for one that cannot be taken.
pub(crate) fn torso<J: Json>(event: &J, position: u32) -> RawLead {
    let text = event.to_string();
    let fields = leadloop_mapping::Record::new().with("event", super::cut(&text, 2_000));
    RawLead { fields, position, ..RawLead::default() }
}

/// Headers that let scripts of any page send events: what they send is no secret, and who may send is checked by project
/// and key.
pub(crate) fn open_to_pages(mut answer: Answer, origin: Option<&str>, allowed_headers: &str) -> Answer {
    let origin = origin.filter(|origin| origin.len() <= 300).unwrap_or("*");
    for (name, value) in [
        ("access-control-allow-origin", origin),
        ("access-control-allow-methods", "GET, POST, OPTIONS"),
        ("access-control-allow-headers", allowed_headers),
        ("access-control-max-age", "86400"),
        ("vary", "Origin"),
        ("cache-control", "no-store"),
    ] {
        answer.headers.push((name.to_owned(), value.to_owned()));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn clocks_that_are_off_are_set_right() {
        let at = |text: &str| time(&json!(text));
        // the vector of the Segment specification
        let arrived = at("2026-01-05T07:30:02.700Z").unwrap();
        let moved = happened(at("2026-01-05T08:00:00.000Z"), at("2026-01-05T08:00:02.500Z"), arrived, false);
        assert_eq!(moved, at("2026-01-05T07:30:00.200Z"));
        let days = happened(at("2026-01-01T08:00:00Z"), at("2026-01-01T08:00:10Z"), arrived, false);
        assert_eq!(days, at("2026-01-05T07:29:52.700Z"), "a clock that is days behind");
        let near = happened(at("2026-01-05T07:29:00Z"), at("2026-01-05T07:30:01Z"), arrived, false);
        assert_eq!(near, at("2026-01-05T07:29:00Z"), "a second on the way is no wrong clock");
        assert_eq!(happened(at("2027-01-01T00:00:00Z"), None, arrived, false), None);
        assert_eq!(happened(at("1971-01-01T00:00:00Z"), None, arrived, false), None);
        assert!(happened(at("2020-01-01T00:00:00Z"), None, arrived, true).is_some(), "history");
        assert_eq!(happened(Some(Timestamp(i64::MAX)), Some(Timestamp(i64::MIN)), arrived, false), None);
    }

    #[test]
    fn times_are_read_in_all_their_forms() {
        let wanted = Some(Timestamp(1_700_000_000_123_000));
        for given in [json!(1_700_000_000_123_i64), json!("1700000000123"), json!("2023-11-14T22:13:20.123Z")]
        {
            assert_eq!(time(&given), wanted, "{given}");
        }
        assert_eq!(time(&json!(1_700_000_000)), Some(Timestamp(1_700_000_000_000_000)));
        for given in [json!(null), json!("soon"), json!([1]), json!(i64::MAX)] {
            assert_eq!(time(&given), None, "{given}");
        }
    }
}
