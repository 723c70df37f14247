//! Records in HubSpot's words and in ours. Every property is text there; a blank text empties it.

use std::collections::BTreeSet;

use leadloop_connector_api::answers::text_of;
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::mirror::RemoteRecord;
use serde_json::{Map, Value as Json};

use super::{Talk, description};
use crate::crm::time_of;

/// Fields that only we make: a whole name, and what is an association there.
const MADE: [&str; 3] = ["name", "contact_id", "company_id"];

impl Talk {
    /// The properties that are asked for.
    pub(super) fn properties(&self, object: &str) -> Vec<String> {
        let described = description().object(object).map_or(&[][..], |object| &object.fields);
        let mut all: BTreeSet<String> = described.iter().map(|field| field.name.clone()).collect();
        all.extend(self.link.wants.fields.get(object).into_iter().flatten().cloned());
        all.extend(self.link.mark_field(description(), object).map(str::to_owned));
        all.insert(modified_field(object).to_owned());
        all.retain(|name| !made(object, name));
        all.into_iter().collect()
    }
}

/// The property that holds the time of the last change.
pub(super) fn modified_field(object: &str) -> &'static str {
    if object == "lead" { "lastmodifieddate" } else { "hs_lastmodifieddate" }
}

fn made(object: &str, name: &str) -> bool {
    // an account has a name of its own
    MADE.contains(&name) && !(object == "account" && name == "name")
}

/// The properties of a record.
pub(super) fn properties(object: &str, record: &Record) -> Map<String, Json> {
    let mut properties = Map::new();
    for (name, value) in record.iter().filter(|(name, _)| !made(object, name)) {
        properties.insert(name.to_owned(), shown(value).into());
    }
    if object == "lead"
        && let Some(whole) = record.text("name")
    {
        // a name in one piece stands where a name must stand
        let (first, last) = whole.rsplit_once(' ').unwrap_or(("", whole));
        properties.entry("firstname").or_insert_with(|| first.into());
        properties.entry("lastname").or_insert_with(|| last.into());
    }
    properties
}

fn shown(value: &Value) -> String {
    match value {
        Value::List(list) => list.iter().map(Value::to_display).collect::<Vec<_>>().join(";"),
        value => value.to_display(),
    }
}

/// A record as HubSpot gives it.
pub(super) fn record(object: &str, json: &Json) -> Option<RemoteRecord> {
    let id = json.get("id").and_then(text_of)?;
    let mut fields = match json.get("properties") {
        Some(properties) => Record::flatten(properties, 2_000, 1)?,
        None if object == "user" => Record::flatten(json, 200, 4)?,
        None => return None,
    };
    fields.0.retain(|_, value| !value.is_blank());
    if object == "user" || object == "lead" {
        let part = |names: [&str; 2]| names.iter().find_map(|name| fields.text(name)).map(str::to_owned);
        let whole = [part(["firstname", "firstName"]), part(["lastname", "lastName"])];
        let whole = whole.into_iter().flatten().collect::<Vec<_>>();
        // Chinese names stand together
        let between = if whole.iter().all(|part| part.is_ascii()) { " " } else { "" };
        if !whole.is_empty() {
            fields.set("name", whole.join(between));
        }
    }
    let modified = fields.text(modified_field(object)).map(str::to_owned);
    let modified = modified.or_else(|| json.get("updatedAt").and_then(text_of));
    let deleted = json.get("archived").and_then(Json::as_bool).unwrap_or(false) && object != "user";
    Some(RemoteRecord {
        object: object.to_owned(),
        id,
        fields,
        modified_at: modified.and_then(|text| time_of(&text)),
        deleted,
    })
}
