//! Looking records up: by our mark, by id, by phone and e-mail; many at once in one search for each object and field.

use std::collections::BTreeMap;

use leadloop_connector_api::Answer;
use leadloop_connector_api::answers::{at, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, Group, grouped, single};
use leadloop_connector_api::http::{Method, Request};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{FindBy, Operation, Outcome, Reply};
use serde_json::{Value as Json, json};

use super::{MARK, Talk, description, record, theirs, unknown_object};
use crate::crm::escaped;

/// Most values of one search, and ids of one get.
const MOST_VALUES: usize = 200;
/// The name under which ids are grouped; no field of the sandbox is called so.
const BY_ID: &str = "";

impl Talk {
    pub(super) fn find(self, operations: &[Operation]) -> Box<dyn Exchange> {
        if let [Operation::Find { object, by: FindBy::Mark(mark) }] = operations
            && self.link.text("mark_mode") == Some("unique")
            && let Some(path) = theirs(object)
        {
            return self.find_marked(object.clone(), path, mark);
        }
        let mut preset: Vec<Option<Outcome>> = vec![None; operations.len()];
        let mut searches: BTreeMap<(&str, &str), Vec<(usize, String)>> = BTreeMap::new();
        for (place, operation) in operations.iter().enumerate() {
            let Operation::Find { object, by } = operation else {
                continue;
            };
            let keys = if theirs(object).is_some() { keys(object, by) } else { vec![] };
            if let Some(slot) = preset.get_mut(place).filter(|_| keys.is_empty()) {
                // nothing to look for that this object has: nothing found
                let nothing = Outcome::Done(Reply::Found(vec![]));
                *slot = Some(if theirs(object).is_some() { nothing } else { unknown_object(object) });
            }
            for (field, value) in keys {
                searches.entry((object, field)).or_default().push((place, value));
            }
        }
        let mut groups = Vec::new();
        for ((object, field), wanted) in searches {
            for chunk in wanted.chunks(MOST_VALUES) {
                groups.extend(self.search(object, field, chunk));
            }
        }
        grouped(preset, groups)
    }

    /// By mark where it is unique: this call is never behind, as the search index can be.
    fn find_marked(self, object: String, path: &str, mark: &str) -> Box<dyn Exchange> {
        let request = Request::get(format!("/api/v1/{path}/by-mark/{}", escaped(mark)));
        single(request, move |answer| {
            vec![match self.answers.json(&object, answer) {
                Ok(json) => record(&object, &json).map_or_else(
                    || odd("what was found is no record"),
                    |record| Outcome::Done(Reply::Found(vec![record])),
                ),
                // only the system's own word counts as "there is none", not a 404 of whatever stands in between
                Err(Outcome::Gone { .. }) if says_none(answer) => Outcome::Done(Reply::Found(vec![])),
                Err(Outcome::Gone { detail }) => odd(&detail),
                Err(outcome) => outcome,
            }]
        })
    }

    fn search(&self, object: &str, field: &str, wanted: &[(usize, String)]) -> Option<Group> {
        let path = theirs(object)?;
        let values: Vec<&str> = wanted.iter().map(|(_, value)| value.as_str()).collect();
        let request = if field == BY_ID {
            Request::json(Method::Post, format!("/api/v1/{path}/get"), json!({ "ids": values }))
        } else {
            let body = json!({ "field": field, "values": values });
            Request::json(Method::Post, format!("/api/v1/{path}/search"), body)
        };
        let (talk, object, field) = (self.clone(), object.to_owned(), field.to_owned());
        let asked: Vec<String> = wanted.iter().map(|(_, value)| value.clone()).collect();
        let read = move |answer: &Answer| talk.searched(&object, &field, &asked, answer);
        Some(Group {
            request: request.repeatable(),
            members: wanted.iter().map(|(place, _)| *place).collect(),
            read: Box::new(read),
        })
    }

    /// One outcome for each value that was asked for.
    fn searched(&self, object: &str, field: &str, asked: &[String], answer: &Answer) -> Vec<Outcome> {
        let json = match self.answers.json(object, answer) {
            Ok(json) => json,
            // the path itself is not there: no record was looked for
            Err(Outcome::Gone { detail }) => return vec![odd(&detail); asked.len()],
            Err(outcome) => return vec![outcome; asked.len()],
        };
        let results = json.get("results").and_then(Json::as_array);
        let Some(results) = results.filter(|results| results.len() == asked.len()) else {
            return vec![odd("the answer does not have one result for each value"); asked.len()];
        };
        let one = |(result, value): (&Json, &String)| {
            let found = if field == BY_ID { got(object, result, value) } else { hits(object, result, value) };
            found.map_or_else(
                || odd("a result of a search is not what was asked for"),
                |found| Outcome::Done(Reply::Found(found)),
            )
        };
        results.iter().zip(asked).map(one).collect()
    }
}

/// Whether a 404 is the sandbox's own.
fn says_none(answer: &Answer) -> bool {
    let json = answer.json();
    json.as_ref().and_then(|json| at(json, "error.code")).and_then(Json::as_str) == Some("not_found")
}

/// The (field, value) pairs a look-up goes by, in the sandbox's words.
fn keys(object: &str, by: &FindBy) -> Vec<(&'static str, String)> {
    let Some(roles) = description().object(object).map(|object| &object.roles) else {
        return vec![];
    };
    match by {
        FindBy::Mark(mark) if roles.mark.is_some() => vec![(MARK, mark.clone())],
        FindBy::Mark(_) => vec![],
        FindBy::Id(id) => vec![(BY_ID, id.clone())],
        FindBy::Keys(keys) => keys
            .iter()
            .flat_map(|(kind, value)| {
                let fields: Vec<&'static str> = match kind.as_str() {
                    "phone" => roles.phones.iter().map(String::as_str).collect(),
                    "email" => roles.emails.iter().map(String::as_str).collect(),
                    "credit_code" => roles.credit_code.iter().map(String::as_str).collect(),
                    _ => vec![],
                };
                fields.into_iter().map(|field| (field, value.clone()))
            })
            .collect(),
    }
}

/// The records of one value of a search.
fn hits(object: &str, result: &Json, value: &str) -> Option<Vec<RemoteRecord>> {
    if result.get("value").and_then(Json::as_str) != Some(value) {
        return None;
    }
    result.get("records")?.as_array()?.iter().map(|json| record(object, json)).collect()
}

/// The record of one id; one that was deleted or merged is there as its tombstone.
fn got(object: &str, result: &Json, id: &str) -> Option<Vec<RemoteRecord>> {
    if result.get("id").and_then(text_of).as_deref() != Some(id) {
        return None;
    }
    if let Some(json) = result.get("record") {
        return record(object, json).map(|record| vec![record]);
    }
    match at(result, "error.code").and_then(Json::as_str)? {
        "not_found" => Some(vec![]),
        "deleted" | "merged" => {
            let mut fields = Record::new().with("id", id).with("deleted", Value::Bool(true));
            if let Some(winner) = at(result, "error.merged_into").and_then(text_of) {
                fields.set("merged_into", winner);
            }
            let tombstone = RemoteRecord {
                object: object.to_owned(),
                id: id.to_owned(),
                fields,
                modified_at: None,
                deleted: true,
            };
            Some(vec![tombstone])
        }
        _ => None,
    }
}
