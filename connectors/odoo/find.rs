//! Looking records up: by our mark, by id, by phone and e-mail; many of one object in one search.

use std::collections::BTreeMap;

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_mapping::Value;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{FindBy, Operation, Outcome, Reply};
use serde_json::{Value as Json, json};

use super::call::Talk;
use super::read::{message_id, record};
use super::words::domain;
use super::{description, theirs, unknown_object};

/// Most records of one search.
const MOST: u32 = 500;
/// Fewest digits of a phone that are compared where its country code may be missing there.
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
            } else if self.conditions(object, by).is_empty() {
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
        let conditions: Vec<Json> = wanted.iter().flat_map(|(_, by)| self.conditions(&object, by)).collect();
        let mut filter = domain(&object);
        filter.extend(std::iter::repeat_n(json!("|"), conditions.len().saturating_sub(1)));
        filter.extend(conditions);
        let fields = self.fields(&object);
        let model = theirs(&object).unwrap_or_default();
        let asked = object.clone();
        self.search(model, (Json::Array(filter), "id asc", MOST), (&asked, &fields), move |talk, said| {
            let found = said.and_then(|list| {
                let read: Option<Vec<RemoteRecord>> =
                    list.iter().map(|json| record(&talk, &object, json)).collect();
                read.ok_or_else(|| odd("what was found is no record"))
            });
            for (place, by) in wanted {
                let outcome = match &found {
                    Ok(records) => {
                        let hits =
                            records.iter().filter(|record| talk.answers_to(record, &by)).cloned().collect();
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

    /// The conditions of a look-up, any of which may hold; none where the object has no such field.
    fn conditions(&self, object: &str, by: &FindBy) -> Vec<Json> {
        let Some(roles) = description().object(object).map(|object| &object.roles) else { return vec![] };
        match by {
            FindBy::Mark(mark) if object == "activity" => vec![json!(["message_id", "=", message_id(mark)])],
            FindBy::Mark(mark) => {
                let field = self.link.mark_field(description(), object);
                field.map(|field| json!([field, "=", mark])).into_iter().collect()
            }
            FindBy::Id(id) => id.parse::<i64>().map(|id| json!(["id", "=", id])).into_iter().collect(),
            FindBy::Keys(keys) => {
                let conditions = keys.iter().flat_map(|(kind, value)| match kind.as_str() {
                    "phone" if !roles.phones.is_empty() => vec![
                        json!(["phone_sanitized", "=", value]),
                        json!(["phone_mobile_search", "ilike", tail(value)]),
                    ],
                    "email" if !roles.emails.is_empty() => {
                        vec![json!(["email_normalized", "=", value.to_lowercase()])]
                    }
                    "credit_code" if roles.credit_code.is_some() => vec![json!(["vat", "=ilike", value])],
                    _ => vec![],
                });
                conditions.collect()
            }
        }
    }

    /// Whether a record of a search about many is one that this look-up asked for.
    fn answers_to(&self, record: &RemoteRecord, by: &FindBy) -> bool {
        let text = |field: &str| record.fields.get(field).map(Value::to_display).unwrap_or_default();
        match by {
            FindBy::Id(id) => record.id == *id,
            FindBy::Mark(mark) if record.object == "activity" => text("mark") == *mark,
            FindBy::Mark(mark) => {
                self.link.mark_field(description(), &record.object).is_some_and(|field| text(field) == *mark)
            }
            FindBy::Keys(keys) => {
                let Some(roles) = description().object(&record.object).map(|object| &object.roles) else {
                    return false;
                };
                keys.iter().any(|(kind, value)| match kind.as_str() {
                    "phone" => {
                        let fields = roles.phones.iter().map(String::as_str).chain(["phone_sanitized"]);
                        fields.map(text).any(|phone| digits(&phone).ends_with(&tail(value)))
                    }
                    "email" => roles
                        .emails
                        .iter()
                        .any(|field| text(field).to_lowercase().contains(&value.to_lowercase())),
                    "credit_code" => {
                        roles.credit_code.iter().any(|field| text(field).eq_ignore_ascii_case(value))
                    }
                    _ => false,
                })
            }
        }
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The last digits of a phone. Not with two zeros in front: Odoo takes those for the start of an international number.
fn tail(phone: &str) -> String {
    let all = digits(phone.split(';').next().unwrap_or(phone));
    (DIGITS..)
        .map_while(|most| all.get(all.len().checked_sub(most)?..))
        .find(|tail| !tail.starts_with("00"))
        .map_or_else(|| all.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn phones_are_compared_by_their_last_digits() {
        for (phone, last) in [
            ("+8613900000001", "900000001"),
            ("+861390000001", "390000001"),
            ("+861380013800", "380013800"),
            ("+8613000000123", "3000000123"),
            ("+4912", "4912"),
            ("+8610000000001", "10000000001"),
            ("", ""),
        ] {
            assert_eq!(tail(phone), last, "{phone}");
        }
    }
}
