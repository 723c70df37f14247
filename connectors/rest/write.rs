//! Making and changing records: one by its own call, several of one object by the batch call where the description has one.

use std::collections::BTreeMap;

use leadloop_connector_api::Answer;
use leadloop_connector_api::answers::{at, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, Group, grouped};
use leadloop_mapping::Record;
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use serde_json::Value as Json;

use super::Talk;
use super::call::Scope;
use super::description::{Call, ObjectCalls};
use super::values::holds;
use crate::crm::unknown_object;

/// Where the id of a new record stands: the header that names its address.
const LOCATION: &str = "@location";

/// One record to be written.
struct Wanted {
    place: usize,
    record: Record,
    mark: Option<String>,
    id: Option<String>,
}

impl Talk {
    pub(super) fn write(&self, operations: &[Operation]) -> Box<dyn Exchange> {
        let mut preset = vec![None; operations.len()];
        let mut by_object: BTreeMap<&str, Vec<Wanted>> = BTreeMap::new();
        for (place, operation) in operations.iter().enumerate() {
            let (object, wanted) = match operation {
                Operation::Create { object, record, mark } => {
                    let mut record = record.clone();
                    if let Some(field) = self.link.mark_field(self.api.manifest, object) {
                        record.set(field, mark.as_str());
                    }
                    (object, Wanted { place, record, mark: Some(mark.clone()), id: None })
                }
                Operation::Update { remote, record } => {
                    let wanted =
                        Wanted { place, record: record.clone(), mark: None, id: Some(remote.id.clone()) };
                    (&remote.object, wanted)
                }
                _ => continue,
            };
            by_object.entry(object).or_default().push(wanted);
        }
        let mut groups = Vec::new();
        for (object, all) in by_object {
            let Some(calls) = self.api.objects.get(object) else {
                let none = unknown_object(&self.api.manifest.title.en, object);
                all.iter().for_each(|wanted| set(&mut preset, wanted.place, none.clone()));
                continue;
            };
            let new = all.iter().any(|wanted| wanted.id.is_none());
            let batch = if new { &calls.create_batch } else { &calls.update_batch };
            match batch {
                Some(batch) if all.len() > 1 => groups.push(self.many(object, calls, batch, all)),
                _ => {
                    for wanted in all {
                        let place = wanted.place;
                        match self.one(object, calls, wanted) {
                            Some(group) => groups.push(group),
                            None => set(&mut preset, place, no_call(object, new)),
                        }
                    }
                }
            }
        }
        grouped(preset, groups)
    }

    fn filled(&self, object: &str, wanted: &Wanted) -> Scope {
        let mut scope = self.scope(object);
        scope.set("record", self.api.values.record(self.api.manifest, object, &wanted.record));
        if let Some(mark) = &wanted.mark {
            scope.set("mark", mark.as_str());
            scope.set("mark_field", self.link.mark_field(self.api.manifest, object).unwrap_or_default());
        }
        if let Some(id) = &wanted.id {
            scope.set("id", self.api.values.id(id));
        }
        scope
    }

    fn one(&self, object: &str, calls: &ObjectCalls, wanted: Wanted) -> Option<Group> {
        let upsert = calls.upsert.as_ref().filter(|_| wanted.id.is_none());
        let alone = if wanted.id.is_some() { calls.update.as_ref() } else { calls.create.as_ref() };
        let call = upsert.or(alone)?;
        let request = self.filled(object, &wanted).request(call, &self.api.headers);
        let safe = upsert.is_some() || wanted.id.is_some();
        let (talk, object, call) = (self.clone(), object.to_owned(), call.clone());
        let (id, shape) = (wanted.id, calls.record.clone());
        let read = move |answer: &Answer| {
            let json = match talk.answers.json(&object, answer) {
                Ok(json) => json,
                // somebody else's 404 is no word about a record
                Err(Outcome::Gone { detail }) if id.is_none() || !talk.is_own_word(answer) => {
                    return vec![odd(&detail)];
                }
                Err(outcome) => return vec![outcome],
            };
            let named = match call.id.as_deref() {
                Some(LOCATION) => answer.header("location").and_then(last_of),
                path => at(&json, path.unwrap_or_else(|| shape.id())).and_then(text_of),
            };
            let shown = call.done.as_ref().is_some_and(|done| holds(&json, done));
            let silent = answer.status == 204 && answer.body.is_empty();
            vec![talk.reference(&object, id.as_deref(), named, shown || silent)]
        };
        let request = if safe { request.repeatable() } else { request };
        Some(Group { request, members: vec![wanted.place], read: Box::new(read) })
    }

    fn many(&self, object: &str, calls: &ObjectCalls, batch: &Call, all: Vec<Wanted>) -> Group {
        let element = Json::from("{record}");
        let item = batch.item.as_ref().unwrap_or(&element);
        let records: Vec<Json> =
            all.iter().map(|wanted| self.filled(object, wanted).json(item).unwrap_or_default()).collect();
        let request = self.scope(object).with("records", records).request(batch, &self.api.headers);
        let update = all.iter().all(|wanted| wanted.id.is_some());
        let members = all.iter().map(|wanted| wanted.place).collect();
        let (talk, object, batch, shape) =
            (self.clone(), object.to_owned(), batch.clone(), calls.record.clone());
        let read = move |answer: &Answer| {
            let json = match talk.answers.json(&object, answer) {
                Ok(json) => json,
                Err(Outcome::Gone { detail }) => return vec![odd(&detail); all.len()],
                Err(outcome) => return vec![outcome; all.len()],
            };
            let path = batch.list.as_deref().unwrap_or_default();
            let Some(results) = at(&json, path).and_then(Json::as_array) else {
                return vec![odd("the answer has no list of results where the description says"); all.len()];
            };
            if batch.mark.is_none() && results.len() != all.len() {
                return vec![odd("the answer does not have one result for each record"); all.len()];
            }
            let outcome = |(place, wanted): (usize, &Wanted)| {
                let result = match batch.mark.as_deref() {
                    None => results.get(place),
                    Some(path) => results.iter().find(|it| {
                        let named = at(it, path).and_then(text_of);
                        named.is_some() && (named == wanted.mark || named == wanted.id)
                    }),
                };
                match result {
                    Some(result) => talk.result(&object, &batch, shape.id(), wanted, result),
                    None => odd("the answer has no result for this record"),
                }
            };
            all.iter().enumerate().map(outcome).collect()
        };
        Group { request: if update { request.repeatable() } else { request }, members, read: Box::new(read) }
    }

    /// The outcome of one result of a batch; it speaks for its own record only.
    fn result(&self, object: &str, batch: &Call, id: &str, wanted: &Wanted, result: &Json) -> Outcome {
        let status = batch.status.as_deref().and_then(|path| at(result, path)).and_then(text_of);
        let status = status.and_then(|status| status.parse::<u16>().ok());
        let shown = batch.done.as_ref().map(|done| holds(result, done));
        let status = match (status, shown, batch.status.is_some()) {
            (Some(status), ..) => status,
            (None, _, true) => return odd("a result has no status"),
            (None, Some(false), false) => 422,
            (None, ..) => 200,
        };
        match self.answers.part(object, status, Some(result), None) {
            Err(outcome) => outcome,
            Ok(()) => {
                let named = at(result, batch.id.as_deref().unwrap_or(id)).and_then(text_of);
                self.reference(object, wanted.id.as_deref(), named, shown == Some(true))
            }
        }
    }

    /// What a write ended as: the id that was named, or the one we know where the system says that it worked.
    fn reference(&self, object: &str, known: Option<&str>, named: Option<String>, shown: bool) -> Outcome {
        let id = match (known, named) {
            (None, Some(id)) => id,
            (Some(known), Some(named)) if named == known => named,
            (Some(known), None) if shown => known.to_owned(),
            (Some(_), Some(_)) => return odd("the answer to a write names another record"),
            _ => return odd("the answer to a write names no record"),
        };
        Outcome::Done(Reply::Written(RemoteRef {
            link: self.link.name.clone(),
            object: object.to_owned(),
            id,
        }))
    }
}

fn set(outcomes: &mut [Option<Outcome>], place: usize, outcome: Outcome) {
    if let Some(slot) = outcomes.get_mut(place) {
        *slot = Some(outcome);
    }
}

fn no_call(object: &str, new: bool) -> Outcome {
    let what = if new { "create" } else { "update" };
    Outcome::Rejected {
        field: None,
        code: "not_described".to_owned(),
        detail: format!("the description has no [{what}] for {object}"),
    }
}

/// The last part of an address.
fn last_of(address: &str) -> Option<String> {
    let path = address.split(['?', '#']).next()?.trim_end_matches('/');
    path.rsplit('/').next().filter(|part| !part.is_empty()).map(str::to_owned)
}
