//! Tryton's typed values: days, times and decimals are objects with a class.

use leadloop_connector_api::manifest::Field;
use leadloop_mapping::Value;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::description;

/// Fields that hold decimals; other numbers are plain.
const DECIMALS: [&str; 1] = ["amount"];

fn field(object: &str, name: &str) -> Option<&'static Field> {
    description().object(object)?.fields.iter().find(|field| field.name == name)
}

/// Our value as Tryton takes it for a field.
pub(super) fn out(object: &str, name: &str, value: &Value) -> Json {
    let kind = field(object, name).map_or("any", |field| field.kind.as_str());
    match (kind, value) {
        (_, value) if value.is_blank() => Json::Null,
        ("ref", value) => value.as_int().map_or_else(|| value.to_json(), Json::from),
        ("date", Value::Text(text)) => text.get(..10).and_then(day).unwrap_or_else(|| value.to_json()),
        ("time", Value::Text(text)) => match text.parse::<jiff::Timestamp>() {
            Ok(time) => moment(Timestamp(time.as_microsecond())),
            Err(_) => value.to_json(),
        },
        (_, value) if DECIMALS.contains(&name) => {
            json!({ "__class__": "Decimal", "decimal": value.to_display().trim() })
        }
        _ => value.to_json(),
    }
}

fn day(text: &str) -> Option<Json> {
    let date: jiff::civil::Date = text.parse().ok()?;
    Some(json!({ "__class__": "date", "year": date.year(), "month": date.month(), "day": date.day() }))
}

/// The day of a time, in UTC.
pub(super) fn day_of(time: Timestamp) -> Json {
    let date = civil(time).date();
    json!({ "__class__": "date", "year": date.year(), "month": date.month(), "day": date.day() })
}

fn civil(time: Timestamp) -> jiff::civil::DateTime {
    let time = jiff::Timestamp::from_microsecond(time.0).unwrap_or_default();
    time.to_zoned(jiff::tz::TimeZone::UTC).datetime()
}

/// A time as Tryton's domains take it.
pub(super) fn moment(time: Timestamp) -> Json {
    let at = civil(time);
    json!({
        "__class__": "datetime", "year": at.year(), "month": at.month(), "day": at.day(), "hour": at.hour(),
        "minute": at.minute(), "second": at.second(), "microsecond": at.subsec_nanosecond() / 1_000,
    })
}

/// Tryton's value as ours.
pub(super) fn value(json: &Json) -> Value {
    match json.get("__class__").and_then(Json::as_str) {
        Some("datetime") => {
            let at = time(json).and_then(|at| jiff::Timestamp::from_microsecond(at.0).ok());
            at.map_or(Value::Null, |at| Value::text(at.to_string()))
        }
        Some("date") => date(json).map_or(Value::Null, |date| Value::text(date.to_string())),
        Some("Decimal") => {
            let text = json.get("decimal").and_then(Json::as_str).unwrap_or_default();
            match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(whole), _) => Value::Int(whole),
                (_, Ok(real)) if real.is_finite() => Value::Real(real),
                _ => Value::text(text),
            }
        }
        _ => Value::from_json(json),
    }
}

/// A point in time; it comes in UTC without saying so.
pub(super) fn time(json: &Json) -> Option<Timestamp> {
    let part = |name: &str| json.get(name).and_then(Json::as_i64);
    let date = date(json)?;
    let small = |name: &str| part(name).and_then(|n| i8::try_from(n).ok());
    let nanos = i32::try_from(part("microsecond").unwrap_or(0)).ok()?.checked_mul(1_000)?;
    let time = jiff::civil::Time::new(small("hour")?, small("minute")?, small("second")?, nanos).ok()?;
    let zoned = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(zoned.timestamp().as_microsecond()))
}

/// A day.
pub(super) fn date(json: &Json) -> Option<jiff::civil::Date> {
    let part = |name: &str| json.get(name).and_then(Json::as_i64);
    jiff::civil::Date::new(
        i16::try_from(part("year")?).ok()?,
        i8::try_from(part("month")?).ok()?,
        i8::try_from(part("day")?).ok()?,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_it_went() {
        for (name, given) in [
            ("amount", Value::Int(120_000)),
            ("amount", Value::Real(0.5)),
            ("start_date", Value::text("2026-11-26")),
            ("description", Value::text("伺服")),
            ("employee", Value::Int(7)),
        ] {
            assert_eq!(value(&out("lead", name, &given)), given, "{name}");
        }
        let at = Timestamp(1_795_410_000_123_456);
        assert_eq!(time(&moment(at)), Some(at));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for json in
            [json!({"year": 2026, "month": 13, "day": 1}), json!({"year": 2026}), json!(null), json!("x")]
        {
            assert_eq!(date(&json), None, "{json}");
        }
    }
}
