//! Making and changing records, up to a hundred of one object in one call. A new record is written by our mark (batch upsert), so
//! that doing it twice makes no second one; a note carries its associations, which an upsert cannot.

use std::collections::BTreeMap;

use leadloop_connector_api::Answer;
use leadloop_connector_api::answers::{at, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, Group, grouped};
use leadloop_connector_api::http::{Method, Request};
use leadloop_mapping::Record;
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use serde_json::{Value as Json, json};

use super::words::properties;
use super::{Talk, description, is_own_word, theirs};
use crate::crm::{iso, unknown_object};

/// Associations of a note by the field that names the other record: HubSpot's own numbers.
const NOTE_TO: [(&str, u32); 2] = [("contact_id", 202), ("company_id", 190)];

/// One call for the records of one object.
#[derive(Default)]
struct Batch {
    places: Vec<usize>,
    inputs: Vec<Json>,
    /// What a result is known by, and the id where it is known.
    traces: Vec<(String, Option<String>)>,
}

impl Talk {
    pub(super) fn write(self, operations: &[Operation]) -> Box<dyn Exchange> {
        let mut preset = vec![None; operations.len()];
        let mut batches: BTreeMap<(&str, &'static str), Batch> = BTreeMap::new();
        for (place, operation) in operations.iter().enumerate() {
            let object = operation.object();
            if theirs(object).is_none() || object == "user" {
                if let Some(slot) = preset.get_mut(place) {
                    *slot = Some(unknown_object("HubSpot", object));
                }
                continue;
            }
            let (call, input, trace, id) = match operation {
                Operation::Create { object, record, mark } => {
                    let (call, input) = self.created(object, record, mark);
                    (call, input, mark.clone(), None)
                }
                Operation::Update { remote, record } => {
                    let trace = format!("{place}-{}", remote.id);
                    let properties = properties(&remote.object, record);
                    let input =
                        json!({ "id": remote.id, "objectWriteTraceId": trace, "properties": properties });
                    ("update", input, trace, Some(remote.id.clone()))
                }
                _ => continue,
            };
            let batch = batches.entry((object, call)).or_default();
            batch.places.push(place);
            batch.inputs.push(input);
            batch.traces.push((trace, id));
        }
        let groups =
            batches.into_iter().map(|((object, call), batch)| self.group(object, call, batch)).collect();
        grouped(preset, groups)
    }

    /// The call and the input that make a record.
    fn created(&self, object: &str, record: &Record, mark: &str) -> (&'static str, Json) {
        let mut properties = properties(object, record);
        let field = self.link.mark_field(description(), object).unwrap_or_default();
        properties.insert(field.to_owned(), mark.into());
        if object != "activity" {
            let input = json!({ "idProperty": field, "id": mark, "objectWriteTraceId": mark, "properties": properties });
            return ("upsert", input);
        }
        properties.entry("hs_timestamp").or_insert_with(|| iso(self.now).into());
        let associations: Vec<Json> = NOTE_TO
            .iter()
            .filter_map(|(field, kind)| {
                let kind = json!({ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind });
                Some(json!({ "to": { "id": record.get(field)?.to_display() }, "types": [kind] }))
            })
            .collect();
        (
            "create",
            json!({ "objectWriteTraceId": mark, "properties": properties, "associations": associations }),
        )
    }

    fn group(&self, object: &str, call: &str, batch: Batch) -> Group {
        let path = format!("/crm/v3/objects/{}/batch/{call}", theirs(object).unwrap_or_default());
        let request = Request::json(Method::Post, path, json!({ "inputs": batch.inputs }));
        let request = if call == "create" { request } else { request.repeatable() };
        let (talk, object, traces) = (self.clone(), object.to_owned(), batch.traces);
        let read = move |answer: &Answer| talk.written(&object, &traces, answer);
        Group { request, members: batch.places, read: Box::new(read) }
    }

    /// One outcome for each record; results come in no order and are known by their trace.
    fn written(&self, object: &str, traces: &[(String, Option<String>)], answer: &Answer) -> Vec<Outcome> {
        let json = match self.answers.json(object, answer) {
            Ok(json) => json,
            // a record of a batch is gone: which one is told only in a partial answer
            Err(Outcome::Gone { detail }) if traces.len() > 1 || !is_own_word(answer) => {
                return vec![odd(&detail); traces.len()];
            }
            Err(outcome) => return vec![outcome; traces.len()],
        };
        let list = |name: &str| json.get(name).and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let (results, errors) = (list("results"), list("errors"));
        let one = |(trace, id): &(String, Option<String>)| {
            let traced = |it: &&Json| it.get("objectWriteTraceId").and_then(text_of).as_ref() == Some(trace);
            let named = |it: &&Json| id.is_some() && it.get("id").and_then(text_of) == *id;
            // HubSpot leaves the trace out of some answers; one result for one record is its own
            let only = || {
                results.first().filter(|it| {
                    traces.len() == 1
                        && results.len() == 1
                        && errors.is_empty()
                        && it.get("objectWriteTraceId").is_none()
                })
            };
            if let Some(result) =
                results.iter().find(traced).or_else(|| results.iter().find(named)).or_else(only)
            {
                return self.reference(object, id.as_deref(), result);
            }
            match errors.iter().find(|error| is_about(error, trace, id.as_deref()) || traces.len() == 1) {
                Some(error) => match self.answers.part(object, 400, Some(error), None) {
                    Err(outcome) => outcome,
                    Ok(()) => odd("an error that says it worked"),
                },
                None => odd("the answer has no result for this record"),
            }
        };
        traces.iter().map(one).collect()
    }

    fn reference(&self, object: &str, known: Option<&str>, result: &Json) -> Outcome {
        match result.get("id").and_then(text_of) {
            Some(id) if result.get("properties").is_some() && known.is_none_or(|known| known == id) => {
                Outcome::Done(Reply::Written(RemoteRef {
                    link: self.link.name.clone(),
                    object: object.to_owned(),
                    id,
                }))
            }
            _ => odd("the result of a write is not the record that was written"),
        }
    }
}

/// Whether an error of a partial answer is about one record.
fn is_about(error: &Json, trace: &str, id: Option<&str>) -> bool {
    let names = |path: &str, wanted: &str| {
        let list = at(error, path).and_then(Json::as_array);
        list.is_some_and(|list| list.iter().any(|it| it.as_str() == Some(wanted)))
    };
    names("context.objectWriteTraceId", trace)
        || id.is_some_and(|id| names("context.ids", id) || names("context.id", id))
}
