//! Looking records up: by our mark, by id, by phone and e-mail; many of one object in one search.

use std::collections::BTreeMap;

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_mapping::Value;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{FindBy, Operation, Outcome, Reply};
use serde_json::{Value as Json, json};

use super::call::Talk;
use super::{description, is_opportunity, number, theirs, unknown_object};

/// Most records of one search.
const MOST: u32 = 500;
/// Digits of a phone that are compared: its country code may be missing there.
const DIGITS: usize = 9;

/// Look-ups of one object, with their places.
type Wanted = Vec<(usize, FindBy)>;

impl Talk {
    pub(super) fn find(self, operations: &[Operation]) -> Next {
        let mut outcomes: Vec<Option<Outcome>> = vec![None; operations.len()];
        let mut groups: BTreeMap<String, Wanted> = BTreeMap::new();
        for (place, operation) in operations.iter().enumerate() {
            let Operation::Find { object, by } = operation else { continue };
            let outcome = if theirs(object).is_none() {
                Some(unknown_object(object))
            } else if conditions(object, by).is_empty() {
                Some(Outcome::Done(Reply::Found(vec![])))
            } else {
                groups.entry(object.clone()).or_default().push((place, by.clone()));
                None
            };
            if let Some(slot) = outcomes.get_mut(place) {
                *slot = outcome;
            }
        }
        self.find_next(groups.into_iter().collect(), outcomes)
    }

    fn find_next(self, mut groups: Vec<(String, Wanted)>, mut outcomes: Vec<Option<Outcome>>) -> Next {
        let Some((object, wanted)) = groups.pop() else {
            return Next::Done(
                outcomes.into_iter().map(|it| it.unwrap_or_else(|| odd("nothing was asked"))).collect(),
            );
        };
        let mut domain = vec![json!("OR")];
        domain.extend(wanted.iter().flat_map(|(_, by)| conditions(&object, by)));
        self.records(object, Json::Array(domain), MOST, move |talk, found| {
            for (place, by) in wanted {
                let outcome = match &found {
                    Ok(records) => {
                        let hits = records.iter().filter(|record| answers_to(record, &by)).cloned().collect();
                        Outcome::Done(Reply::Found(hits))
                    }
                    Err(outcome) => outcome.clone(),
                };
                if let Some(slot) = outcomes.get_mut(place) {
                    *slot = Some(outcome);
                }
            }
            talk.find_next(groups, outcomes)
        })
    }
}

/// The conditions of a look-up, any of which may hold; none where the object has no such field.
fn conditions(object: &str, by: &FindBy) -> Vec<Json> {
    let reached = if is_opportunity(object) { "party.contact_mechanisms" } else { "contact_mechanisms" };
    match by {
        FindBy::Mark(mark) if is_opportunity(object) => vec![json!(["reference", "=", mark])],
        FindBy::Mark(mark) if object == "activity" => vec![json!(["message", "ilike", format!("%[{mark}]")])],
        FindBy::Mark(_) => vec![],
        FindBy::Id(id) => number(id).map(|id| json!(["id", "=", id])).into_iter().collect(),
        FindBy::Keys(keys) if is_opportunity(object) || object == "account" => {
            let conditions = keys.iter().filter_map(|(kind, value)| match kind.as_str() {
                "phone" => Some(json!([
                    reached,
                    "where",
                    [["type", "in", ["phone", "mobile"]], ["value", "ilike", spaced(value)]]
                ])),
                "email" => {
                    Some(json!([reached, "where", [["type", "=", "email"], ["value", "ilike", value]]]))
                }
                _ => None,
            });
            conditions.collect()
        }
        FindBy::Keys(_) => vec![],
    }
}

/// A pattern for a phone however it is spaced: `%9%0%0%…%`.
fn spaced(phone: &str) -> String {
    let tail = tail(phone);
    let mut pattern = String::from("%");
    for digit in tail.chars() {
        pattern.push(digit);
        pattern.push('%');
    }
    pattern
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn tail(phone: &str) -> String {
    let all = digits(phone.split(';').next().unwrap_or(phone));
    all.get(all.len().saturating_sub(DIGITS)..).unwrap_or_default().to_owned()
}

fn answers_to(record: &RemoteRecord, by: &FindBy) -> bool {
    let text = |field: &str| record.fields.get(field).map(Value::to_display).unwrap_or_default();
    match by {
        FindBy::Id(id) => record.id == *id,
        FindBy::Mark(mark) => {
            let field = description().object(&record.object).and_then(|object| object.roles.mark.as_deref());
            field.is_some_and(|field| text(field) == *mark)
        }
        FindBy::Keys(keys) => keys.iter().any(|(kind, value)| match kind.as_str() {
            "phone" => digits(&text("phone")).ends_with(&tail(value)),
            "email" => text("email").eq_ignore_ascii_case(value),
            _ => false,
        }),
    }
}
