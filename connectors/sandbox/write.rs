//! Making and changing records: one by its own call, several of one object by the batch call.

use std::collections::BTreeMap;

use leadloop_connector_api::Answer;
use leadloop_connector_api::answers::{odd, text_of};
use leadloop_connector_api::exchange::{Exchange, Group, grouped};
use leadloop_connector_api::http::{Method, Request};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use serde_json::{Value as Json, json};

use super::{MARK, Talk, description, theirs, unknown_object};
use crate::crm::escaped;

/// Notes are longer than any CRM takes; what is cut stands in leadloop.
const CUT_IN: &str = "activity";

/// Places and bodies by object, in the order of the operations.
type ByObject<'a> = BTreeMap<&'a str, (Vec<usize>, Vec<Json>)>;

impl Talk {
    pub(super) fn create(self, operations: &[Operation]) -> Box<dyn Exchange> {
        let mut by_object = ByObject::new();
        for (at, operation) in operations.iter().enumerate() {
            if let Operation::Create { object, record, mark } = operation {
                let (places, bodies) = by_object.entry(object).or_default();
                places.push(at);
                bodies.push(new_record(object, record, mark));
            }
        }
        self.write(operations.len(), by_object, "create")
    }

    pub(super) fn update(self, operations: &[Operation]) -> Box<dyn Exchange> {
        let mut by_object = ByObject::new();
        for (at, operation) in operations.iter().enumerate() {
            if let Operation::Update { remote, record } = operation {
                let (places, bodies) = by_object.entry(&remote.object).or_default();
                places.push(at);
                let mut body = record.to_json();
                body["id"] = remote.id.as_str().into();
                bodies.push(body);
            }
        }
        self.write(operations.len(), by_object, "update")
    }

    fn write(self, count: usize, by_object: ByObject<'_>, operation: &'static str) -> Box<dyn Exchange> {
        let mut preset = vec![None; count];
        let mut groups = Vec::new();
        for (object, (members, mut bodies)) in by_object {
            let Some(path) = theirs(object) else {
                for at in members {
                    if let Some(slot) = preset.get_mut(at) {
                        *slot = Some(unknown_object(object));
                    }
                }
                continue;
            };
            let (talk, owned) = (self.clone(), object.to_owned());
            if let [body] = bodies.as_mut_slice() {
                let request = single_request(path, operation, body);
                let read = move |answer: &Answer| vec![talk.written(&owned, answer)];
                groups.push(Group { request, members, read: Box::new(read) });
            } else {
                let body = json!({ "operation": operation, "records": bodies });
                let request = Request::json(Method::Post, format!("/api/v1/{path}/batch"), body);
                let request = if operation == "update" { request.repeatable() } else { request };
                let count = members.len();
                let read = move |answer: &Answer| talk.batch_written(&owned, answer, count);
                groups.push(Group { request, members, read: Box::new(read) });
            }
        }
        grouped(preset, groups)
    }

    /// The outcome of a single write.
    fn written(&self, object: &str, answer: &Answer) -> Outcome {
        match self.answers.json(object, answer) {
            Ok(json) => self.reference(object, &json),
            Err(outcome) => outcome,
        }
    }

    /// One outcome for each record of a batch; a result speaks for its own record only.
    fn batch_written(&self, object: &str, answer: &Answer, count: usize) -> Vec<Outcome> {
        let json = match self.answers.json(object, answer) {
            Ok(json) => json,
            Err(outcome) => return vec![outcome; count],
        };
        let results = json.get("results").and_then(Json::as_array);
        let Some(results) = results.filter(|results| results.len() == count) else {
            return vec![odd("the answer does not have one result for each record"); count];
        };
        let one = |result: &Json| {
            let status =
                result.get("status").and_then(Json::as_u64).and_then(|status| u16::try_from(status).ok());
            let Some(status) = status else {
                return odd("a result has no status");
            };
            match self.answers.part(object, status, Some(result), None) {
                Ok(()) => self.reference(object, result),
                Err(outcome) => outcome,
            }
        };
        results.iter().map(one).collect()
    }

    fn reference(&self, object: &str, json: &Json) -> Outcome {
        // the version shows that it is the answer to a write
        match (json.get("id").and_then(text_of), json.get("version").and_then(Json::as_i64)) {
            (Some(id), Some(_)) => Outcome::Done(Reply::Written(RemoteRef {
                link: self.link.name.clone(),
                object: object.to_owned(),
                id,
            })),
            _ => odd("the answer to a write names no record"),
        }
    }
}

fn single_request(path: &str, operation: &str, body: &mut Json) -> Request {
    if operation == "create" {
        return Request::json(Method::Post, format!("/api/v1/{path}"), body.take());
    }
    let id = body
        .as_object_mut()
        .and_then(|body| body.remove("id"))
        .as_ref()
        .and_then(text_of)
        .unwrap_or_default();
    Request::json(Method::Patch, format!("/api/v1/{path}/{}", escaped(&id)), body.take()).repeatable()
}

/// The body of a new record: with our mark, and with what the sandbox wants of a note.
fn new_record(object: &str, record: &Record, mark: &str) -> Json {
    let mut record = record.clone();
    record.set(MARK, mark);
    if object == CUT_IN {
        if record.get("kind").is_none() {
            record.set("kind", "note");
        }
        let fields = description().object(object).map_or(&[][..], |object| &object.fields);
        for (name, most) in fields.iter().filter_map(|field| Some((field.name.as_str(), field.max?))) {
            if let Some(Value::Text(text)) = record.0.get_mut(name)
                && let Some((end, _)) = text.char_indices().nth(most as usize)
            {
                text.truncate(end);
            }
        }
    }
    record.to_json()
}
