//! Telling the MA: fields of contacts in one batch, then who enters or leaves which segment.

use std::collections::BTreeMap;

use leadloop_connector_api::Answer;
use leadloop_connector_api::answers::{Answers, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, Group, MOST_REQUESTS, grouped};
use leadloop_connector_api::http::{Method, Request};
use leadloop_mapping::Value;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use serde_json::{Value as Json, json};

/// Fields that say which segment the person enters or leaves; a text or a list.
const ENTER: &str = "segment";
const LEAVE: &str = "leave_segment";

/// Who enters and who leaves one segment: (place of the operation, the MA's id).
#[derive(Default)]
struct Moves {
    add: Vec<(usize, String)>,
    remove: Vec<(usize, String)>,
}

pub(super) fn tell(answers: Answers, operations: &[Operation]) -> Box<dyn Exchange> {
    let mut preset: Vec<Option<Outcome>> = vec![None; operations.len()];
    let (mut members, mut records) = (Vec::new(), Vec::new());
    let mut segments: BTreeMap<String, Moves> = BTreeMap::new();
    for (place, operation) in operations.iter().enumerate() {
        let Operation::Tell { id, record } = operation else {
            continue;
        };
        let enters = names(record.get(ENTER));
        let leaves: Vec<String> =
            names(record.get(LEAVE)).into_iter().filter(|name| !enters.contains(name)).collect();
        let new = enters.iter().chain(&leaves).filter(|name| !segments.contains_key(*name)).count();
        if segments.len() + new >= MOST_REQUESTS {
            // one request for the contacts, one for each segment: the rest goes with the next call
            let detail = "not sent yet: left for the next call".to_owned();
            preset.splice(place..=place, [Some(Outcome::Unavailable { sent: false, detail })]);
            continue;
        }
        let mut body = record.to_json();
        if let Some(body) = body.as_object_mut() {
            body.remove(ENTER);
            body.remove(LEAVE);
            body.insert("ma_id".to_owned(), id.as_str().into());
        }
        members.push(place);
        records.push(body);
        for name in enters {
            segments.entry(name).or_default().add.push((place, id.clone()));
        }
        for name in leaves {
            segments.entry(name).or_default().remove.push((place, id.clone()));
        }
    }
    let mut groups = Vec::new();
    if !members.is_empty() {
        groups.push(contacts(answers.clone(), members, records));
    }
    groups.extend(segments.into_iter().map(|(name, moves)| segment(answers.clone(), &name, moves)));
    grouped(preset, groups)
}

/// The names of segments in a field.
fn names(value: Option<&Value>) -> Vec<String> {
    let list = match value {
        Some(Value::List(list)) => list.iter().map(Value::to_display).collect(),
        Some(value) => vec![value.to_display()],
        None => vec![],
    };
    list.into_iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn contacts(answers: Answers, members: Vec<usize>, records: Vec<Json>) -> Group {
    let request =
        Request::json(Method::Post, "/ma/api/v1/contacts/batch", json!({ "records": records })).repeatable();
    let asked: Vec<String> =
        records.iter().filter_map(|record| record.get("ma_id").and_then(text_of)).collect();
    let read = move |answer: &Answer| {
        let json = match answers.json("contact", answer) {
            Ok(json) => json,
            Err(outcome) => return vec![outcome; asked.len()],
        };
        let results =
            json.get("results").and_then(Json::as_array).filter(|results| results.len() == asked.len());
        let Some(results) = results else {
            return vec![odd("the answer does not have one result for each contact"); asked.len()];
        };
        results.iter().zip(&asked).map(|(result, id)| told(&answers, result, id)).collect()
    };
    Group { request, members, read: Box::new(read) }
}

fn told(answers: &Answers, result: &Json, id: &str) -> Outcome {
    let status = result.get("status").and_then(Json::as_u64).and_then(|status| u16::try_from(status).ok());
    let Some(status) = status else {
        return odd("a result has no status");
    };
    match answers.part("contact", status, Some(result), None) {
        Err(outcome) => outcome,
        Ok(()) if result.get("ma_id").and_then(Json::as_str) == Some(id) => Outcome::Done(Reply::Told),
        Ok(()) => odd("a result is not about the contact it stands for"),
    }
}

fn segment(answers: Answers, name: &str, moves: Moves) -> Group {
    let ids = |moved: &[(usize, String)]| moved.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>();
    let body = json!({ "add": ids(&moves.add), "remove": ids(&moves.remove) });
    let path: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let url = format!("/ma/api/v1/segments/{}/members", path.replace('+', "%20"));
    let moved: Vec<(usize, String)> = moves.add.into_iter().chain(moves.remove).collect();
    let members = moved.iter().map(|(place, _)| *place).collect();
    let read = move |answer: &Answer| {
        let json = match answers.json("contact", answer) {
            Ok(json) => json,
            Err(outcome) => return vec![outcome; moved.len()],
        };
        let Some(unknown) =
            json.get("unknown").and_then(Json::as_array).filter(|_| json.get("added").is_some())
        else {
            return vec![odd("the answer does not say who entered the segment"); moved.len()];
        };
        moved
            .iter()
            .map(|(_, id)| match unknown.iter().any(|other| other.as_str() == Some(id)) {
                true => Outcome::Gone { detail: format!("the MA does not know {id}") },
                false => Outcome::Done(Reply::Told),
            })
            .collect()
    };
    Group { request: Request::json(Method::Post, url, body).repeatable(), members, read: Box::new(read) }
}
