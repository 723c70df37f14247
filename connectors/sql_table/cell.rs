//! Cells as values, and values as cells. Whatever an engine holds comes as text, but SQLite's numbers; a cell that cannot be
//! read says why.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use leadloop_connector_api::answers::text_of;
use leadloop_mapping::Value;
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

use super::catalogue::{Column, Kind};
use super::dialect::Dialect;
use crate::reading;

/// A cell as a value; JSON is left as text ([`super::leads`] takes it apart).
///
/// # Errors
/// Why it cannot be read.
pub(super) fn value(column: &Column, cell: &Json, zone: &TimeZone) -> Result<Value, String> {
    let text = match cell {
        Json::Null => return Ok(Value::Null),
        Json::Bool(yes) => return Ok(Value::Bool(*yes)),
        Json::String(text) => text.as_str(),
        Json::Number(number) => return Ok(number_of(column, number)),
        Json::Object(map) => {
            let what = map.get("unreadable").and_then(Json::as_str).unwrap_or("something unknown");
            return Err(format!("the column `{}` holds {what}", column.name));
        }
        Json::Array(_) => return Err(format!("the column `{}` holds a list", column.name)),
    };
    let wrong = |what: &str| {
        Err(format!("the column `{}` holds {:?}, which is {what}", column.name, reading::cut(text, 40)))
    };
    match column.kind {
        Kind::Text | Kind::Json | Kind::Bytes => Ok(Value::text(text)),
        Kind::Int => Ok(text.parse().map_or_else(|_| Value::text(text), Value::Int)),
        Kind::Decimal => Ok(decimal(text)),
        Kind::Real => match text.parse::<f64>() {
            Ok(real) if real.is_finite() => Ok(Value::Real(real)),
            Ok(_) => wrong("no number"),
            Err(_) => Ok(Value::text(text)),
        },
        Kind::Bool | Kind::Bit => {
            Ok(Value::text(text).as_bool().map_or_else(|| Value::text(text), Value::Bool))
        }
        Kind::Date | Kind::Stamp | Kind::ZonedStamp if text.trim().is_empty() => Ok(Value::Null),
        Kind::Date => match wall(text) {
            Some(wall) => Ok(Value::text(wall.date().to_string())),
            None => wrong("no day"),
        },
        Kind::Stamp | Kind::ZonedStamp => match time(column.kind, text, zone) {
            Some(at) => Ok(Value::text(at.to_string())),
            None => wrong("no time"),
        },
        Kind::List => match serde_json::from_str(text) {
            Ok(Json::Array(list)) => Ok(Value::List(list.iter().map(Value::from_json).collect())),
            _ => wrong("longer than what is taken"),
        },
    }
}

/// A number of SQLite: what its column was declared for says whether it is a yes or no.
fn number_of(column: &Column, number: &serde_json::Number) -> Value {
    match (column.kind, number.as_i64(), number.as_f64()) {
        (Kind::Bool | Kind::Bit, Some(whole @ (0 | 1)), _) => Value::Bool(whole == 1),
        (_, Some(whole), _) => Value::Int(whole),
        (_, None, Some(real)) => Value::Real(real),
        (_, None, None) => Value::text(number.to_string()),
    }
}

/// A decimal as a number where that says the same, else as its text: money does not lose its last digits.
fn decimal(text: &str) -> Value {
    if let Ok(whole) = text.parse() {
        return Value::Int(whole);
    }
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    match (short.parse::<i64>(), short.parse::<f64>()) {
        (Ok(whole), _) => Value::Int(whole),
        (_, Ok(real)) if real.to_string() == short => Value::Real(real),
        _ => Value::text(text),
    }
}

/// The point in time that a cell names.
pub(super) fn time(kind: Kind, text: &str, zone: &TimeZone) -> Option<Timestamp> {
    // a time that says its offset means that one, whatever the column
    if let Ok(said) = text.trim().parse::<jiff::Timestamp>() {
        return Some(said.into());
    }
    // sessions run in UTC: a time with a zone comes as UTC, even where it does not say so
    let zone = if kind == Kind::ZonedStamp { &TimeZone::UTC } else { zone };
    wall(text).map_or_else(|| Timestamp::parse(text, zone), |wall| at(wall, zone))
}

fn at(wall: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    wall.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp().into())
}

/// Day and time as they stand there, without what is said of a zone; a day alone begins at midnight.
pub(super) fn wall(text: &str) -> Option<DateTime> {
    let text = text.trim().trim_end_matches("+00").trim_end_matches(['Z', 'z']);
    let text = text.trim_end_matches("+00:00");
    text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from)).ok()
}

/// A value as it is bound to a column that is written.
///
/// # Errors
/// Why it does not fit.
pub(super) fn bound(
    dialect: Dialect,
    column: &Column,
    value: &Value,
    zone: &TimeZone,
) -> Result<Json, String> {
    let wrong = || {
        Err(format!("{:?} does not fit the column `{}`", reading::cut(&value.to_display(), 40), column.name))
    };
    Ok(match (column.kind, value) {
        (_, Value::Null) => Json::Null,
        (Kind::Bool | Kind::Bit, value) => match (value.as_bool(), dialect) {
            (Some(yes), Dialect::Postgres) => Json::from(if yes { "true" } else { "false" }),
            (Some(yes), _) => Json::from(i64::from(yes)),
            (None, _) => return wrong(),
        },
        (Kind::Date | Kind::Stamp | Kind::ZonedStamp, value) => {
            let text = value.to_display();
            if column.kind == Kind::Date && text.parse::<Date>().is_ok() {
                return Ok(Json::from(text));
            }
            let Some(at) = Timestamp::parse(&text, zone) else { return wrong() };
            Json::from(stamp(dialect, column.kind, at, zone))
        }
        (Kind::Json, value) => Json::from(value.to_json().to_string()),
        (Kind::List, Value::List(list)) if dialect == Dialect::Postgres => {
            let quoted =
                |one: &Value| format!("\"{}\"", one.to_display().replace('\\', "\\\\").replace('"', "\\\""));
            Json::from(format!("{{{}}}", list.iter().map(quoted).collect::<Vec<_>>().join(",")))
        }
        (_, Value::Int(whole)) => Json::from(*whole),
        (_, Value::Real(real)) => Json::from(*real),
        (_, value) => Json::from(value.to_display()),
    })
}

/// A point in time as an engine takes it for a column of that kind.
pub(super) fn stamp(dialect: Dialect, kind: Kind, at: Timestamp, zone: &TimeZone) -> String {
    let zone = if kind == Kind::ZonedStamp { &TimeZone::UTC } else { zone };
    let wall = at.in_zone(zone);
    match (kind, dialect) {
        (Kind::Date, _) => wall.date().to_string(),
        (Kind::ZonedStamp, Dialect::Postgres) => wall.strftime("%Y-%m-%d %H:%M:%S%.6f+00").to_string(),
        (_, Dialect::Sqlite) => wall.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        _ => wall.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string(),
    }
}

/// The text of a key's cell.
pub(super) fn key(cell: &Json) -> Option<String> {
    text_of(cell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn column(kind: Kind) -> Column {
        Column {
            name: "c".into(),
            kind,
            declared: String::new(),
            needed: false,
            unique: false,
            indexed: false,
            computed: false,
        }
    }

    #[test]
    fn cells_become_values_of_their_kind() {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("Asia/Shanghai").unwrap();
        let utc = |text: &str| Value::text(text);
        for (kind, cell, meant) in [
            (Kind::Int, json!("42"), Value::Int(42)),
            (Kind::Int, json!("18446744073709551615"), utc("18446744073709551615")),
            (Kind::Decimal, json!("10.50"), Value::Real(10.5)),
            (Kind::Decimal, json!("10.00"), Value::Int(10)),
            (Kind::Decimal, json!("12345678901234567.89"), utc("12345678901234567.89")),
            (Kind::Real, json!("0.1"), Value::Real(0.1)),
            (Kind::Bool, json!("true"), Value::Bool(true)),
            (Kind::Bool, json!("0"), Value::Bool(false)),
            (Kind::Bool, json!(1), Value::Bool(true)),
            (Kind::Date, json!("2026-11-23"), utc("2026-11-23")),
            (Kind::Stamp, json!("2026-11-23 13:00:00"), utc("2026-11-23T05:00:00Z")),
            (Kind::Stamp, json!("2026-11-23T05:00:00Z"), utc("2026-11-23T05:00:00Z")),
            (Kind::Stamp, json!("2026-11-23T05:00:00+02:00"), utc("2026-11-23T03:00:00Z")),
            (Kind::ZonedStamp, json!("2026-11-23 05:00:00.25+00"), utc("2026-11-23T05:00:00.25Z")),
            (Kind::ZonedStamp, json!("2026-11-23 05:00:00"), utc("2026-11-23T05:00:00Z")),
            (Kind::List, json!("[\"a\", \"b\"]"), Value::List(vec!["a".into(), "b".into()])),
            (Kind::Text, json!("测试甲"), utc("测试甲")),
            (Kind::Text, json!(5), Value::Int(5)),
            (Kind::Text, Json::Null, Value::Null),
        ] {
            assert_eq!(value(&column(kind), &cell, &zone), Ok(meant), "{kind:?} {cell}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (kind, cell, why) in [
            (Kind::Stamp, json!("0000-00-00 00:00:00"), "no time"),
            (Kind::ZonedStamp, json!("infinity"), "no time"),
            (Kind::Date, json!("0000-00-00"), "no day"),
            (Kind::Real, json!("NaN"), "no number"),
            (Kind::Text, json!({"unreadable": "bytes"}), "holds bytes"),
        ] {
            let said = value(&column(kind), &cell, &TimeZone::UTC).unwrap_err();
            assert!(said.contains(why) && said.contains("`c`"), "{said}");
        }
    }

    #[test]
    fn values_fit_the_columns_they_are_written_to() {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("Asia/Shanghai").unwrap();
        for (dialect, kind, given, cell) in [
            (Dialect::Postgres, Kind::Bool, Value::Bool(true), json!("true")),
            (Dialect::MySql, Kind::Bool, "是".into(), json!(1)),
            (Dialect::MySql, Kind::Stamp, "2026-11-23T05:00:00Z".into(), json!("2026-11-23 13:00:00.000000")),
            (
                Dialect::Postgres,
                Kind::ZonedStamp,
                "2026-11-23T05:00:00Z".into(),
                json!("2026-11-23 05:00:00.000000+00"),
            ),
            (Dialect::Sqlite, Kind::Stamp, "2026-11-23T05:00:00Z".into(), json!("2026-11-23 13:00:00")),
            (Dialect::MySql, Kind::Date, "2026-11-22T20:00:00Z".into(), json!("2026-11-23")),
            (Dialect::Postgres, Kind::List, Value::List(vec!["a\"b".into()]), json!("{\"a\\\"b\"}")),
            (Dialect::Postgres, Kind::Text, Value::List(vec!["a".into(), "b".into()]), json!("a; b")),
            (Dialect::Sqlite, Kind::Int, Value::Int(3), json!(3)),
            (Dialect::MySql, Kind::Int, Value::Null, Json::Null),
        ] {
            assert_eq!(bound(dialect, &column(kind), &given, &zone), Ok(cell), "{dialect:?} {kind:?}");
        }
        assert!(bound(Dialect::MySql, &column(Kind::Stamp), &"soon".into(), &zone).is_err());
    }
}
