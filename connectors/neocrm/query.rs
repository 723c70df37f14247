//! Look-ups and changes: both are queries, a hundred records at most, in statements of a thousand characters. A run of changes goes by id
//! since a fixed time, so that pages cannot shift; what changes meanwhile is read by the next run.

use std::collections::BTreeSet;

use leadloop_connector_api::answers::{at, odd, text_of};
use leadloop_connector_api::chain::Next;
use leadloop_connector_api::http::Request;
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{Cursor, FindBy, Operation, Outcome};
use serde_json::Value as Json;

use super::{Talk, description, theirs};
use crate::crm::{Keyset, Lookups, answers_to, spellings, time_of, unknown_object};

/// Records of a page: what every tenant gives.
const PAGE: usize = 100;
/// Most conditions of one look-up: a statement has about a thousand characters.
const MOST_CONDITIONS: usize = 8;
/// An activity record is about a lead.
const ABOUT_LEAD: &str = "11";

impl Talk {
    pub(super) fn find(self, operations: &[Operation]) -> Next {
        let has = |object: &str, by: &FindBy| !self.conditions(object, by).is_empty();
        let lookups = Lookups::of(description(), operations, has);
        self.find_next(lookups)
    }

    fn find_next(self, mut lookups: Lookups) -> Next {
        let Some((object, wanted)) = lookups.next() else { return lookups.done() };
        let any: Vec<String> = wanted.iter().flat_map(|(_, by)| self.conditions(&object, by)).collect();
        let condition = any.join(" or ");
        self.query(object, condition, move |talk, found| {
            let mark = |record: &RemoteRecord| {
                talk.link.mark_field(description(), &record.object).map(str::to_owned)
            };
            let fits = |record: &RemoteRecord, by: &FindBy| {
                answers_to(description(), record, by, mark(record).as_deref())
            };
            lookups.settle(wanted, &found, fits);
            talk.find_next(lookups)
        })
    }

    /// The conditions of a look-up, any of which may hold.
    pub(super) fn conditions(&self, object: &str, by: &FindBy) -> Vec<String> {
        let Some(roles) = description().object(object).map(|object| &object.roles) else { return vec![] };
        let is = |field: &str, value: &str| format!("{field}={}", literal(value));
        match by {
            FindBy::Id(id) => id.parse::<u64>().map(|id| format!("id={id}")).into_iter().collect(),
            FindBy::Mark(mark) => {
                self.link.mark_field(description(), object).map(|field| is(field, mark)).into_iter().collect()
            }
            FindBy::Keys(keys) => {
                let mut conditions = Vec::new();
                for (kind, value) in keys {
                    let (fields, values) = match kind.as_str() {
                        "phone" => (&roles.phones, spellings(value)),
                        "email" => (&roles.emails, vec![value.clone()]),
                        _ => continue,
                    };
                    // the spelling people type comes first
                    conditions.extend(
                        values.iter().rev().flat_map(|value| fields.iter().map(|field| is(field, value))),
                    );
                }
                conditions.truncate(MOST_CONDITIONS);
                conditions
            }
        }
    }

    pub(super) fn changes(self, object: String, cursor: &Cursor) -> Next {
        if theirs(&object).is_none() {
            return Next::end(unknown_object("Neocrm", &object));
        }
        let place = Keyset::of(cursor);
        let since = place.since.map_or(0, |since| since.0.div_euclid(1_000));
        let mut condition = format!("updatedAt>={since}");
        if let Some(last) = place.after.as_deref().and_then(|id| id.parse::<u64>().ok()) {
            condition = format!("{condition} and id>{last}");
        }
        self.query(object, condition, move |talk, found| {
            Next::end(match found {
                Err(outcome) => outcome,
                Ok(records) => {
                    let full = records.len() >= PAGE;
                    place.turn_by_id(records, full, Some(talk.now))
                }
            })
        })
    }

    pub(super) fn query(
        self,
        object: String,
        condition: String,
        then: impl FnOnce(Talk, Result<Vec<RemoteRecord>, Outcome>) -> Next + Send + 'static,
    ) -> Next {
        let fields = self.fields(&object).join(",");
        let name = theirs(&object).unwrap_or_default();
        let query = format!("select {fields} from {name} where {condition} order by id limit 0,{PAGE}");
        let request = Request::get("/rest/data/v2/query").with_query("q", query);
        let asked = object.clone();
        self.ask(request, &asked, move |talk, said| {
            let read = said.and_then(|json| {
                let list = at(&json, "result.records").and_then(Json::as_array);
                let list = list.ok_or_else(|| odd("the answer is no list of records"))?;
                let records: Option<Vec<RemoteRecord>> =
                    list.iter().map(|json| talk.record(&object, json)).collect();
                records.ok_or_else(|| odd("what was found is no record"))
            });
            then(talk, read)
        })
    }

    /// The fields that are asked for: roles and what the config reads or writes, for a statement is short.
    fn fields(&self, object: &str) -> Vec<String> {
        let roles = description().object(object).map(|object| object.roles.clone()).unwrap_or_default();
        let single = [
            roles.name,
            roles.company,
            roles.website,
            roles.account,
            roles.owner,
            roles.status,
            roles.amount,
            roles.received,
            roles.remark,
            roles.last_activity,
            roles.user_state,
        ];
        let mut fields: BTreeSet<String> = single.into_iter().flatten().collect();
        fields.extend(roles.phones.into_iter().chain(roles.emails).chain(roles.converted.into_values()));
        fields.extend(
            self.link.wants.fields.get(object).into_iter().flatten().filter(|field| is_name(field)).cloned(),
        );
        fields.extend(self.link.mark_field(description(), object).map(str::to_owned));
        fields.extend(["id", "updatedAt"].map(str::to_owned));
        match object {
            "lead" => fields
                .extend(["highSeaId", "highSeaStatus", "releaseReason", "returnTimes"].map(str::to_owned)),
            "account" => fields.extend(["highSeaId", "highSeaStatus"].map(str::to_owned)),
            "activity" => fields.extend(["activityRecordFrom", "activityRecordFrom_data"].map(str::to_owned)),
            _ => {}
        }
        fields.remove("lead_id");
        fields.into_iter().collect()
    }

    /// A record of a query.
    fn record(&self, object: &str, json: &Json) -> Option<RemoteRecord> {
        let id = json.get("id").and_then(text_of)?;
        let mut fields = Record::flatten(json, 1_000, 3)?;
        fields.0.retain(|_, value| *value != Value::Null);
        let state = fields.get("highSeaStatus").map(Value::to_display);
        if state.is_some_and(|state| self.link.list("unclaimed").any(|known| known == state)) {
            // it is in the public pool; who had it last stays in `lastOwnerId`
            fields.0.remove("ownerId");
        }
        if fields.get("activityRecordFrom").map(Value::to_display).as_deref() == Some(ABOUT_LEAD)
            && let Some(about) = fields.get("activityRecordFrom_data").map(Value::to_display)
        {
            fields.set("lead_id", about);
        }
        let modified_at = json.get("updatedAt").and_then(text_of).and_then(|text| time_of(&text));
        Some(RemoteRecord { object: object.to_owned(), id, fields, modified_at, deleted: false })
    }
}

/// Names come from the config into a query: nothing else may.
fn is_name(field: &str) -> bool {
    !field.is_empty() && field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A text as a literal.
fn literal(text: &str) -> String {
    let kept: String = text.chars().filter(|c| !c.is_control() && *c != '\\').collect();
    format!("'{}'", kept.replace('\'', "''"))
}
