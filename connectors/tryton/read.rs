//! Records as Tryton keeps them in several tables, put together as one.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::Outcome;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::call::Talk;
use super::values::{date, time, value};
use super::{is_opportunity, theirs};

const OPPORTUNITY: [&str; 18] = [
    "number",
    "reference",
    "description",
    "comment",
    "state",
    "party",
    "party.name",
    "party.write_date",
    "employee",
    "employee.rec_name",
    "amount",
    "conversion_probability",
    "lost_reason",
    "start_date",
    "end_date",
    "write_uid",
    "write_date",
    "create_date",
];
const PARTY: [&str; 6] = ["name", "code", "active", "write_uid", "write_date", "create_date"];
const EMPLOYEE: [&str; 4] = ["rec_name", "end_date", "write_date", "create_date"];
const NOTE: [&str; 4] = ["resource", "message", "write_date", "create_date"];
/// Contact mechanisms that are read of one page.
const MOST_MECHANISMS: u32 = 5_000;

/// Fields of a lead that stand at its party.
pub(super) const OF_PARTY: [&str; 4] = ["party_name", "contact_name", "phone", "email"];

/// Ways to reach the parties of a page: (kind, value, whose).
type Reach = BTreeMap<i64, Vec<(String, String, String)>>;

impl Talk {
    /// The records of a search, whole.
    pub(super) fn records(
        self,
        object: String,
        domain: Json,
        limit: u32,
        then: impl FnOnce(Talk, Result<Vec<RemoteRecord>, Outcome>) -> Next + Send + 'static,
    ) -> Next {
        let model = theirs(&object).unwrap_or_default();
        let arguments =
            vec![domain, json!(0), json!(limit), json!([["id", "ASC"]]), json!(self.fields(&object))];
        let asked = object.clone();
        self.ask((model, "search_read"), arguments, &asked, move |talk, said| {
            let list = said.and_then(|json| {
                json.as_array().cloned().ok_or_else(|| odd("the answer is no list of records"))
            });
            match list {
                Err(outcome) => then(talk, Err(outcome)),
                Ok(list) => talk.reach(object, list, then),
            }
        })
    }

    /// Reads how the parties of these records are reached, where there are any.
    fn reach(
        self,
        object: String,
        list: Vec<Json>,
        then: impl FnOnce(Talk, Result<Vec<RemoteRecord>, Outcome>) -> Next + Send + 'static,
    ) -> Next {
        let parties: BTreeSet<i64> = list.iter().filter_map(|json| party_of(&object, json)).collect();
        if parties.is_empty() {
            let read = put_together(&object, &list, &Reach::new());
            return then(self, read);
        }
        let parties: Vec<i64> = parties.into_iter().collect();
        let arguments = vec![
            json!([["party", "in", parties]]),
            json!(0),
            json!(MOST_MECHANISMS),
            json!([["id", "ASC"]]),
            json!(["party", "type", "value", "name"]),
        ];
        let asked = object.clone();
        self.ask(("party.contact_mechanism", "search_read"), arguments, &asked, move |talk, said| {
            let read = said
                .and_then(|json| reached(&json).ok_or_else(|| odd("the ways to reach a party are no list")))
                .and_then(|reach| put_together(&object, &list, &reach));
            then(talk, read)
        })
    }

    fn fields(&self, object: &str) -> Vec<String> {
        let base: &[&str] = match object {
            "lead" | "opportunity" => &OPPORTUNITY,
            "account" => &PARTY,
            "user" => &EMPLOYEE,
            _ => &NOTE,
        };
        let mut fields: BTreeSet<String> = base.iter().map(|name| (*name).to_owned()).collect();
        fields.insert("id".to_owned());
        let described = super::description().object(object);
        let wanted = self.link.wants.fields.get(object).into_iter().flatten();
        // what the manifest names and is not read anyway is made here of other fields
        let own = |name: &&String| {
            described.is_some_and(|object| {
                object.may_have(name) && !object.fields.iter().any(|f| f.name == **name)
            })
        };
        fields.extend(wanted.filter(own).cloned());
        fields.into_iter().collect()
    }
}

fn party_of(object: &str, json: &Json) -> Option<i64> {
    match object {
        "account" => json.get("id")?.as_i64(),
        object if is_opportunity(object) => json.get("party")?.as_i64(),
        _ => None,
    }
}

fn reached(json: &Json) -> Option<Reach> {
    let mut reach = Reach::new();
    for mechanism in json.as_array()? {
        let text = |name: &str| mechanism.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let party = mechanism.get("party")?.as_i64()?;
        reach.entry(party).or_default().push((text("type"), text("value"), text("name")));
    }
    Some(reach)
}

fn put_together(object: &str, list: &[Json], reach: &Reach) -> Result<Vec<RemoteRecord>, Outcome> {
    let read: Option<Vec<RemoteRecord>> = list.iter().map(|json| record(object, json, reach)).collect();
    read.ok_or_else(|| odd("the answer holds something that is no record"))
}

fn record(object: &str, json: &Json, reach: &Reach) -> Option<RemoteRecord> {
    let id = json.get("id")?.as_i64()?;
    let mut fields = Record::new();
    for (name, given) in json.as_object()? {
        match (name.strip_suffix('.'), given) {
            // fields of a record pointed to come under its name with a dot behind
            (Some(about), Json::Object(parts)) => {
                for (part, given) in
                    parts.iter().filter(|(part, _)| !part.ends_with("_date") && *part != "id")
                {
                    fields.set(format!("{about}.{part}"), value(given));
                }
            }
            (_, given) if !name.ends_with("write_date") && name != "create_date" => {
                fields.set(name.as_str(), value(given))
            }
            _ => {}
        }
    }
    let mut modified_at = latest(json);
    let mut deleted = false;
    match object {
        "lead" | "opportunity" => {
            modified_at = modified_at.max(json.get("party.").and_then(latest));
            opportunity(
                object,
                id,
                &mut fields,
                json.get("party").and_then(Json::as_i64).and_then(|id| reach.get(&id)),
            );
        }
        "account" => {
            reach_fields(&mut fields, reach.get(&id));
            // SQLite gives 0 and 1
            deleted = fields.get("active").and_then(Value::as_bool) == Some(false);
        }
        "user" => {
            let left = json.get("end_date").and_then(date).is_some();
            fields.set("state", if left { "left" } else { "active" });
        }
        _ => note(&mut fields),
    }
    Some(RemoteRecord { object: object.to_owned(), id: id.to_string(), fields, modified_at, deleted })
}

/// A record that was never written has no time of writing.
fn latest(json: &Json) -> Option<Timestamp> {
    let of = |name: &str| json.get(name).and_then(time);
    of("write_date").max(of("create_date"))
}

fn opportunity(object: &str, id: i64, fields: &mut Record, reach: Option<&Vec<(String, String, String)>>) {
    reach_fields(fields, reach);
    if let Some(name) = fields.get("party.name").cloned() {
        fields.set("party_name", name);
    }
    if object == "opportunity" {
        fields.set("lead_id", id);
    } else if matches!(fields.text("state"), Some("opportunity" | "converted" | "won")) {
        // a lead that sales took on is its own opportunity
        fields.set("opportunity_id", id);
    }
}

fn reach_fields(fields: &mut Record, reach: Option<&Vec<(String, String, String)>>) {
    let reach = reach.map(Vec::as_slice).unwrap_or_default();
    let first = |kinds: &[&str]| {
        reach.iter().find(|(kind, value, _)| kinds.contains(&kind.as_str()) && !value.is_empty())
    };
    for (field, kinds) in
        [("phone", &["phone", "mobile"][..]), ("email", &["email"]), ("website", &["website"])]
    {
        let value = first(kinds).map_or(Value::Null, |(_, value, _)| Value::text(value.as_str()));
        fields.set(field, value);
    }
    let named = reach.iter().find(|(_, _, whose)| !whose.is_empty());
    fields.set("contact_name", named.map_or(Value::Null, |(_, _, whose)| Value::text(whose.as_str())));
}

/// A note is about what its resource names; one of ours ends with its mark.
fn note(fields: &mut Record) {
    let resource = fields.text("resource").unwrap_or_default().to_owned();
    let about = [("sale.opportunity,", "lead_id"), ("party.party,", "account_id")];
    for (prefix, field) in about {
        if let Some(id) = resource.strip_prefix(prefix) {
            fields.set(field, id);
        }
    }
    let message = fields.text("message").unwrap_or_default().trim_end().to_owned();
    if let Some((_, mark)) = message.rsplit_once('[')
        && let Some(mark) = mark.strip_suffix(']').filter(|mark| mark.starts_with("D-"))
    {
        fields.set("mark", mark);
    }
}
