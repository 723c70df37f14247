//! Behaviour analytics: what the clients of all such systems have in common. How each writes an event is for its
//! connector, what an event is worth for the core.

use leadloop_connector_api::http::Answer;
use leadloop_connector_api::signature::digest_of;
use leadloop_mapping::Value;
use leadloop_sync_core::aliases;
use leadloop_sync_core::capture::RawLead;
use leadloop_sync_core::time::{Micros, Timestamp};
use serde_json::Value as Json;

use super::Bounded;

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

/// A point in time as clients write it: milliseconds, seconds or ISO 8601.
pub(crate) fn time(json: &Json) -> Option<Timestamp> {
    match json {
        Json::Number(number) => {
            #[expect(clippy::cast_possible_truncation, reason = "a time beyond is refused by its bounds")]
            let number = number.as_i64().or_else(|| number.as_f64().map(|real| real as i64))?;
            epoch(number)
        }
        Json::String(text) => {
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
pub(crate) fn id(json: Option<&Json>) -> Option<String> {
    let text = leadloop_connector_api::answers::text_of(json?)?;
    let text = text.trim();
    (!text.is_empty() && text.len() <= LONGEST_ID).then(|| text.to_owned())
}

/// The key of an event that has no id of its own: its content as it was written, so that the same telling is one event
/// whenever it comes again.
pub(crate) fn key_of(event: &Json, without: &[&str]) -> String {
    let content = match event {
        Json::Object(map) => {
            let mut kept = map.clone();
            for name in without {
                kept.shift_remove(*name);
            }
            Json::Object(kept).to_string()
        }
        other => other.to_string(),
    };
    format!("sha256:{}", digest_of(&[content.as_bytes()]))
}

/// Adds a property of an event: what says who somebody is under its own name, everything else as part of the event.
pub(crate) fn add_property(fields: &mut Bounded, name: &str, json: &Json) {
    let of_person = aliases::pool_field(name).is_some_and(|field| OF_PERSON.contains(&field));
    let name = if of_person { name.to_owned() } else { of_touch(name) };
    add(fields, &name, json, super::DEEPEST);
}

/// A property's name as part of the touch; what we say about a touch ourselves keeps its name.
pub(crate) fn of_touch(name: &str) -> String {
    if OURS.contains(&name) { format!("touch.property_{name}") } else { format!("touch.{name}") }
}

/// Adds a value, nested parts under dotted names.
pub(crate) fn add(fields: &mut Bounded, name: &str, json: &Json, depth: usize) {
    match json {
        Json::Null => {}
        Json::Object(map) if depth > 0 => {
            for (inner, value) in map {
                add(fields, &format!("{name}.{inner}"), value, depth - 1);
            }
        }
        Json::Array(list) if list.iter().any(|item| item.is_object() || item.is_array()) => {
            fields.add(name, Value::text(super::cut(&json.to_string(), 2_000)));
        }
        Json::Object(_) => fields.add(name, Value::text(super::cut(&json.to_string(), 2_000))),
        scalar => fields.add(name, Value::from_json(scalar)),
    }
}

/// A record cut down to what can be shown, for one that cannot be taken.
pub(crate) fn torso(event: &Json, position: u32) -> RawLead {
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
