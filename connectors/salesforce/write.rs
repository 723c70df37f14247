//! Making and changing records, up to 200 of one object in one call of the sObject collections. New ones are upserted by our mark,
//! so that doing it twice makes no second one. Each record has a result of its own; an error in one holds up no other.

use std::collections::BTreeMap;

use leadloop_connector_api::Answer;
use leadloop_connector_api::answers::{at, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, Group, grouped};
use leadloop_connector_api::http::{Method, Request};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use serde_json::{Value as Json, json};

use super::{Talk, description, theirs};
use crate::crm::unknown_object;

/// One call for records of one object.
#[derive(Default)]
struct Batch {
    places: Vec<usize>,
    records: Vec<Json>,
    /// Ids, where they are known.
    ids: Vec<Option<String>>,
}

impl Talk {
    pub(super) fn write(self, operations: &[Operation]) -> Box<dyn Exchange> {
        let mut preset = vec![None; operations.len()];
        let mut batches: BTreeMap<(&str, bool), Batch> = BTreeMap::new();
        for ((place, operation), slot) in operations.iter().enumerate().zip(&mut preset) {
            let object = operation.object();
            let Some(name) = theirs(object).filter(|_| object != "user") else {
                *slot = Some(unknown_object("Salesforce", object));
                continue;
            };
            let (record, mark, id) = match operation {
                Operation::Create { record, mark, .. } => (record, Some(mark), None),
                Operation::Update { remote, record } => (record, None, Some(remote.id.clone())),
                _ => continue,
            };
            let mut fields = match self.fields_out(object, record) {
                Ok(fields) => fields,
                Err(outcome) => {
                    *slot = Some(outcome);
                    continue;
                }
            };
            fields.insert("attributes".to_owned(), json!({ "type": name }));
            if let Some(id) = &id {
                fields.insert("id".to_owned(), id.as_str().into());
            }
            if let (Some(mark), Some(field)) = (mark, self.link.mark_field(description(), object)) {
                fields.insert(field.to_owned(), mark.as_str().into());
                if object == "activity" {
                    fields.entry("Status").or_insert_with(|| "Completed".into());
                }
            }
            let batch = batches.entry((object, id.is_none())).or_default();
            batch.places.push(place);
            batch.records.push(Json::Object(fields));
            batch.ids.push(id);
        }
        let groups =
            batches.into_iter().map(|((object, new), batch)| self.group(object, new, batch)).collect();
        grouped(preset, groups)
    }

    fn group(&self, object: &str, new: bool, batch: Batch) -> Group {
        let mark = self.link.mark_field(description(), object).filter(|_| new);
        let path = match mark {
            Some(mark) => format!("/composite/sobjects/{}/{mark}", theirs(object).unwrap_or_default()),
            None => "/composite/sobjects".to_owned(),
        };
        let method = if new && mark.is_none() { Method::Post } else { Method::Patch };
        let body = json!({ "allOrNone": false, "records": batch.records });
        let mut request = self.named(Request::json(method, path, body));
        let mut header = |name: &str, value: String| request.headers.push((name.to_owned(), value));
        header(
            "sforce-auto-assign",
            if self.link.is_on("assignment_rules") { "TRUE" } else { "FALSE" }.to_owned(),
        );
        let allow = self.link.text("duplicates") == Some("allow");
        header(
            "sforce-duplicate-rule-header",
            format!("allowSave={allow}; includeRecordDetails=false; runAsCurrentUser=true"),
        );
        let safe = method == Method::Patch;
        let (talk, object, ids) = (self.clone(), object.to_owned(), batch.ids);
        let read = move |answer: &Answer| talk.written(&object, &ids, answer);
        Group {
            request: if safe { request.repeatable() } else { request },
            members: batch.places,
            read: Box::new(read),
        }
    }

    /// One outcome for each record, in their order.
    fn written(&self, object: &str, ids: &[Option<String>], answer: &Answer) -> Vec<Outcome> {
        let json = match self.answers.json(object, answer) {
            Ok(json) => json,
            // the address itself is not there: the object, or the field of our mark
            Err(Outcome::Gone { detail }) => {
                let detail =
                    format!("{detail}: is the mark an external id of {object}, and may our user see it?");
                let refused = Outcome::Rejected { field: None, code: "NOT_FOUND".to_owned(), detail };
                return vec![
                    if answer.json().is_some() { refused } else { odd("a 404 of somebody else") };
                    ids.len()
                ];
            }
            Err(outcome) => return vec![outcome; ids.len()],
        };
        let Some(results) = json.as_array().filter(|results| results.len() == ids.len()) else {
            return vec![odd("the answer does not have one result for each record"); ids.len()];
        };
        results.iter().zip(ids).map(|(result, id)| self.result(object, id.as_deref(), result)).collect()
    }

    fn result(&self, object: &str, known: Option<&str>, result: &Json) -> Outcome {
        let named = result.get("id").and_then(text_of);
        match (result.get("success").and_then(Json::as_bool), named) {
            (Some(true), Some(id)) if known.is_none_or(|known| known.get(..15) == id.get(..15)) => {
                Outcome::Done(Reply::Written(RemoteRef {
                    link: self.link.name.clone(),
                    object: object.to_owned(),
                    id,
                }))
            }
            (Some(false), _) => self.refused(object, result),
            _ => odd("the result of a write is not the record that was written"),
        }
    }

    /// The error of one result, in the form of an error of a whole answer: there the code has another name.
    fn refused(&self, object: &str, result: &Json) -> Outcome {
        let Some(Json::Object(error)) = at(result, "errors.0").cloned() else {
            return odd("a result without success says no error");
        };
        let mut error = error;
        if let Some(code) = error.remove("statusCode") {
            error.insert("errorCode".to_owned(), code);
        }
        // so spelled by some versions
        if let Some(found) = error.remove("duplicateResut") {
            error.insert("duplicateResult".to_owned(), found);
        }
        let message = error.get("message").and_then(Json::as_str).unwrap_or_default().to_owned();
        let body = json!([error]);
        // a lock that customer code ran into
        if message.contains("UNABLE_TO_LOCK_ROW") {
            return Outcome::Unavailable { sent: false, detail: message };
        }
        match self.answers.part(object, 400, Some(&body), None) {
            Ok(()) => odd("an error that says it worked"),
            Err(Outcome::Conflict { remote, same_mark }) => {
                let mark = self.link.mark_field(description(), object).unwrap_or_default();
                Outcome::Conflict { remote, same_mark: same_mark && message.contains(mark) }
            }
            Err(outcome) => outcome,
        }
    }
}
