//! Odoo's records in our words.
//!
//! A reference comes as its number, with the name it is shown under beside it (`user_id`, `user_id.name`). What is not set
//! comes as null, so that a field emptied there is told from one that was not asked for.

use std::collections::BTreeSet;

use leadloop_connector_api::answers::text_of;
use leadloop_connector_api::manifest::Field;
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

use super::call::Talk;
use super::html::plain;
use super::words::{STATE, is_html};
use super::{description, theirs};

/// What is read of each object in any case; all of it is there from 14 on.
const LEAD: [&str; 27] = [
    "name",
    "type",
    "contact_name",
    "partner_name",
    "email_from",
    "phone",
    "phone_sanitized",
    "function",
    "website",
    "city",
    "state_id",
    "country_id",
    "description",
    "user_id",
    "team_id",
    "stage_id",
    "active",
    "probability",
    "expected_revenue",
    "priority",
    "tag_ids",
    "partner_id",
    "lost_reason_id",
    "source_id",
    "campaign_id",
    "date_conversion",
    "write_uid",
];
const PARTNER: [&str; 13] = [
    "name",
    "phone",
    "phone_sanitized",
    "email",
    "function",
    "website",
    "city",
    "vat",
    "parent_id",
    "user_id",
    "active",
    "comment",
    "write_uid",
];
const USER: [&str; 5] = ["name", "login", "email", "active", "write_uid"];
const MESSAGE: [&str; 7] = ["model", "res_id", "subject", "body", "message_type", "message_id", "author_id"];

/// The ending of the message id of a note of ours.
const NOTE: &str = "@leadloop>";

/// The id of the message that a note with this mark becomes.
pub(super) fn message_id(mark: &str) -> String {
    format!("<{mark}{NOTE}")
}

fn field(object: &str, name: &str) -> Option<&'static Field> {
    description().object(object)?.fields.iter().find(|field| field.name == name)
}

/// Whether a field points to one other record, as far as the manifest knows.
pub(super) fn is_reference(object: &str, name: &str) -> bool {
    field(object, name).is_some_and(|field| field.kind == "ref")
}

impl Talk {
    /// The fields that are read of an object.
    pub(super) fn fields(&self, object: &str) -> Vec<String> {
        let base: &[&str] = match object {
            "lead" | "opportunity" => &LEAD,
            "contact" | "account" => &PARTNER,
            "user" => &USER,
            _ => &MESSAGE,
        };
        let mut fields: BTreeSet<String> = base.iter().map(|name| (*name).to_owned()).collect();
        fields.extend(["id", "write_date"].map(str::to_owned));
        if object != "activity" {
            fields.extend(self.link.mark_field(description(), object).map(str::to_owned));
        }
        let wanted = self.link.wants.fields.get(object).into_iter().flatten();
        fields.extend(wanted.filter(|name| is_theirs(object, name)).cloned());
        fields.into_iter().collect()
    }
}

/// Whether a field that the config names is Odoo's own, not one we make of others.
pub(super) fn is_theirs(object: &str, name: &str) -> bool {
    let made = match object {
        "lead" => [STATE, "opportunity_id", "contact_id"].contains(&name),
        "opportunity" => [STATE, "lead_id"].contains(&name),
        "user" => name == STATE,
        "activity" => !MESSAGE.contains(&name),
        _ => false,
    };
    !made && !name.contains('.')
}

/// A record, or nothing where it is none.
pub(super) fn record(talk: &Talk, object: &str, json: &Json) -> Option<RemoteRecord> {
    let id = json.get("id").filter(|id| id.is_i64()).and_then(text_of)?;
    let mut fields = Record::new();
    for (name, value) in json.as_object()?.iter().filter(|(name, _)| *name != "write_date") {
        put(&mut fields, object, name, value);
    }
    let active = json.get("active").and_then(Json::as_bool).unwrap_or(true);
    let deleted = match object {
        "lead" | "opportunity" => state(&mut fields, active),
        "contact" | "account" => !active,
        "user" => {
            fields.set(STATE, if active { "active" } else { "left" });
            false
        }
        _ => false,
    };
    relate(talk, object, &id, &mut fields);
    let modified_at = json.get("write_date").and_then(Json::as_str).and_then(time);
    Some(RemoteRecord { object: object.to_owned(), id, fields, modified_at, deleted })
}

fn put(fields: &mut Record, object: &str, name: &str, value: &Json) {
    let kind = field(object, name).map_or("any", |field| field.kind.as_str());
    match value {
        // the null of every type but its own
        Json::Bool(false) if kind != "bool" && name != "active" => fields.set(name, Value::Null),
        Json::Array(pair)
            if kind != "list" && pair.len() == 2 && pair.get(1).is_some_and(Json::is_string) =>
        {
            refer(fields, name, pair.first(), pair.get(1));
        }
        Json::Object(shown) => refer(fields, name, shown.get("id"), shown.get("display_name")),
        Json::String(text) if is_html(object, name) => fields.set(name, plain(text)),
        Json::String(text) if kind == "time" => {
            let written = time(text).and_then(|at| jiff::Timestamp::from_microsecond(at.0).ok());
            fields.set(
                name,
                written.map_or_else(|| Value::text(text.as_str()), |at| Value::text(at.to_string())),
            );
        }
        value => fields.set(name, Value::from_json(value)),
    }
}

fn refer(fields: &mut Record, name: &str, id: Option<&Json>, shown: Option<&Json>) {
    fields.set(name, id.map_or(Value::Null, Value::from_json));
    if let Some(shown) = shown.and_then(Json::as_str) {
        fields.set(format!("{name}.name"), shown);
    }
}

/// Puts where the lead stands into one field. `true` where it was put away without a word why.
fn state(fields: &mut Record, active: bool) -> bool {
    let probability = match fields.get("probability") {
        Some(Value::Int(whole)) => *whole > 0,
        Some(Value::Real(real)) => *real > 0.0,
        _ => false,
    };
    let sure = fields.get("probability").is_some_and(|value| value.as_int() == Some(100));
    let state = match (active, probability) {
        (false, false) => "lost".to_owned(),
        (false, true) => "archived".to_owned(),
        (true, _) if sure => "won".to_owned(),
        (true, _) => fields.get("stage_id").map(Value::to_display).unwrap_or_default(),
    };
    let archived = state == "archived";
    fields.set(STATE, state);
    archived
}

/// Fields that say how records hang together, in our words.
fn relate(talk: &Talk, object: &str, id: &str, fields: &mut Record) {
    match object {
        // a lead that was converted is its own opportunity
        "lead"
            if talk.link.text("create_as") != Some("opportunity")
                && fields.text("type") == Some("opportunity") =>
        {
            fields.set("opportunity_id", id);
            if let Some(partner) = fields.get("partner_id").filter(|partner| !partner.is_blank()).cloned() {
                fields.set("contact_id", partner);
            }
        }
        "opportunity" => fields.set("lead_id", id),
        "activity" => {
            let about = fields.get("res_id").cloned().unwrap_or_default();
            match fields.text("model") {
                model if model == theirs("lead") => fields.set("lead_id", about),
                model if model == theirs("contact") => fields.set("contact_id", about),
                _ => {}
            }
            let ours = fields.text("message_id").and_then(|id| id.strip_prefix('<')?.strip_suffix(NOTE));
            if let Some(mark) = ours.map(str::to_owned) {
                fields.set("mark", mark);
            }
        }
        _ => {}
    }
}

/// A time of Odoo: UTC without saying so, to the second.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let civil: jiff::civil::DateTime = text.replacen(' ', "T", 1).parse().ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(zoned.timestamp().as_microsecond()))
}
