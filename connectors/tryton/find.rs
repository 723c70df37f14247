//! Looking records up: by our mark, by id, by phone and e-mail; many of one object in one search.

use leadloop_connector_api::chain::Next;
use leadloop_mapping::Value;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{FindBy, Operation};
use serde_json::{Value as Json, json};

use super::call::Talk;
use super::{description, is_opportunity, number};
use crate::crm::{Lookups, digits, tail};

/// Most records of one search.
const MOST: u32 = 500;

impl Talk {
    pub(super) fn find(self, operations: &[Operation]) -> Next {
        let has = |object: &str, by: &FindBy| !conditions(object, by).is_empty();
        self.find_next(Lookups::of(description(), operations, has))
    }

    fn find_next(self, mut lookups: Lookups) -> Next {
        let Some((object, wanted)) = lookups.next() else { return lookups.done() };
        let mut domain = vec![json!("OR")];
        domain.extend(wanted.iter().flat_map(|(_, by)| conditions(&object, by)));
        self.records(object, Json::Array(domain), MOST, move |talk, found| {
            lookups.settle(wanted, &found, answers_to);
            talk.find_next(lookups)
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
