//! Our values in Odoo's words: `false` is its null, references are numbers, times have no zone, sets are commands.

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::html::html;
use super::{description, theirs};

/// Where a lead stands, as one value: the number of its stage, `won`, `lost` or `archived`. Made of several of Odoo's
/// fields, and written by its own methods.
pub(super) const STATE: &str = "state";

/// The fields of a record as Odoo takes them; what only we make (`state`, shown names) is left out.
pub(super) fn values(object: &str, record: &Record) -> Map<String, Json> {
    let described = description().object(object);
    let made = |name: &str| name == STATE || name.contains('.') || made_by_us(object, name);
    record
        .0
        .iter()
        .filter(|(name, _)| !made(name))
        .map(|(name, value)| {
            let field = described.and_then(|object| object.fields.iter().find(|field| field.name == *name));
            (
                name.clone(),
                one(field.map_or("any", |field| field.kind.as_str()), is_html(object, name), value),
            )
        })
        .collect()
}

/// Fields that stand for something else in Odoo.
fn made_by_us(object: &str, name: &str) -> bool {
    match object {
        "lead" => matches!(name, "opportunity_id" | "contact_id"),
        "opportunity" => name == "lead_id",
        "user" => name == "state",
        _ => false,
    }
}

/// Fields that hold HTML.
pub(super) fn is_html(object: &str, name: &str) -> bool {
    matches!(
        (object, name),
        ("lead" | "opportunity", "description") | ("activity", "body") | ("contact" | "account", "comment")
    )
}

fn one(kind: &str, html_there: bool, value: &Value) -> Json {
    match (kind, value) {
        (_, Value::Null) => Json::Bool(false),
        (_, value) if value.is_blank() => Json::Bool(false),
        ("ref", value) => value.as_int().map_or_else(|| value.to_json(), Json::from),
        ("list", Value::List(list)) => {
            let ids: Vec<Json> =
                list.iter().map(|item| item.as_int().map_or_else(|| item.to_json(), Json::from)).collect();
            json!([[6, 0, ids]])
        }
        ("time", Value::Text(text)) => {
            text.parse::<jiff::Timestamp>().map_or_else(|_| value.to_json(), |time| when_jiff(time).into())
        }
        (_, Value::Text(text)) if html_there => html(text).into(),
        _ => value.to_json(),
    }
}

fn when_jiff(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A time as Odoo's domains take it, to the second.
pub(super) fn when(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.0).map_or_else(|_| "1970-01-01 00:00:00".to_owned(), when_jiff)
}

/// The records of a table that are one of our objects.
pub(super) fn domain(object: &str) -> Vec<Json> {
    match object {
        "opportunity" => vec![json!(["type", "=", "opportunity"])],
        "contact" => vec![json!(["is_company", "=", false])],
        "account" => vec![json!(["is_company", "=", true])],
        "user" => vec![json!(["share", "=", false])],
        "activity" => vec![
            json!(["model", "in", [theirs("lead"), theirs("contact")]]),
            json!("|"),
            json!(["message_type", "in", ["comment", "email", "email_outgoing"]]),
            json!(["mail_activity_type_id", "!=", false]),
        ],
        _ => vec![],
    }
}
