//! Records in Salesforce's words and in ours. A queue as owner means the public pool; whom a task is about stands in one field for
//! all objects, told apart by how its id begins.

use leadloop_connector_api::answers::text_of;
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::Outcome;
use serde_json::{Map, Value as Json};

use super::{Talk, description};
use crate::crm::time_of;

/// How ids of queues, leads and contacts begin.
const QUEUE: &str = "00G";
const LEAD: &str = "00Q";
const CONTACT: &str = "003";

/// The fields an object is always read with.
pub(super) fn fields_of(object: &str) -> Vec<String> {
    let described = description().object(object).map_or(&[][..], |object| &object.fields);
    let mut fields: Vec<String> = described.iter().map(|field| field.name.clone()).collect();
    fields.extend(["Id", "SystemModstamp"].map(str::to_owned));
    if object != "user" {
        fields.push("IsDeleted".to_owned());
    }
    if object == "activity" {
        fields.push("WhoId".to_owned());
    }
    fields
}

/// A record as a query gives it.
pub(super) fn record(object: &str, json: &Json) -> Option<RemoteRecord> {
    let id = json.get("Id").and_then(text_of)?;
    let mut fields = Record::flatten(json, 1_000, 3)?;
    fields.0.retain(|name, value| *value != Value::Null && !name.starts_with("attributes."));
    if let Some(owner) = fields.text("OwnerId").filter(|owner| owner.starts_with(QUEUE)).map(str::to_owned) {
        // nobody's: a queue is a pool that people take from
        fields.0.remove("OwnerId");
        fields.set("QueueId", owner);
    }
    if let Some(who) = fields.text("WhoId").map(str::to_owned) {
        let field = if who.starts_with(LEAD) { "lead_id" } else { "contact_id" };
        fields.set(field, who);
    }
    let modified_at = json.get("SystemModstamp").and_then(text_of).and_then(|text| time_of(&text));
    let deleted = json.get("IsDeleted").and_then(Json::as_bool).unwrap_or(false);
    Some(RemoteRecord { object: object.to_owned(), id, fields, modified_at, deleted })
}

impl Talk {
    /// The fields of a record.
    ///
    /// # Errors
    /// Where the public pool is meant and no queue stands for it.
    pub(super) fn fields_out(&self, object: &str, record: &Record) -> Result<Map<String, Json>, Outcome> {
        let mut fields = Map::new();
        for (name, value) in &record.0 {
            match name.as_str() {
                "OwnerId" if value.is_blank() => {
                    let queue = self.link.text("pool_queue").ok_or_else(|| Outcome::Rejected {
                        field: Some(name.clone()),
                        code: "no_pool_queue".to_owned(),
                        detail: "Salesforce has no record without an owner: set `pool_queue` to the queue that is the public pool".to_owned(),
                    })?;
                    fields.insert(name.clone(), queue.into());
                }
                "lead_id" | "contact_id" if value.is_blank() => {}
                "lead_id" | "contact_id" => {
                    fields.insert("WhoId".to_owned(), value.to_display().into());
                }
                // a person's name is made of its parts there
                "Name" if matches!(object, "lead" | "contact") => {
                    let whole = value.to_display();
                    let (first, last) = whole.trim().rsplit_once(' ').unwrap_or(("", whole.trim()));
                    if !first.is_empty() {
                        fields.entry("FirstName").or_insert_with(|| first.into());
                    }
                    fields.entry("LastName").or_insert_with(|| last.into());
                }
                _ => {
                    fields.insert(name.clone(), shown(value));
                }
            }
        }
        if let Some(who) = fields.get("WhoId").and_then(Json::as_str)
            && !(who.starts_with(LEAD) || who.starts_with(CONTACT))
        {
            fields.remove("WhoId");
        }
        Ok(fields)
    }
}

fn shown(value: &Value) -> Json {
    match value {
        value if value.is_blank() => Json::Null,
        Value::List(list) => list.iter().map(Value::to_display).collect::<Vec<_>>().join(";").into(),
        value => value.to_json(),
    }
}
