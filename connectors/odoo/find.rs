//! Looking records up: by our mark, by id, by phone and e-mail; many of one object in one search.

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_mapping::Value;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{FindBy, Operation};
use serde_json::{Value as Json, json};

use super::call::Talk;
use super::read::{message_id, record};
use super::words::domain;
use super::{description, theirs};
use crate::crm::{Lookups, digits, tail};

/// Most records of one search.
const MOST: u32 = 500;

impl Talk {
    pub(super) fn find(self, operations: &[Operation]) -> Next {
        let has = |object: &str, by: &FindBy| !self.conditions(object, by).is_empty();
        let lookups = Lookups::of(description(), operations, has);
        self.find_next(lookups)
    }

    fn find_next(self, mut lookups: Lookups) -> Next {
        let Some((object, wanted)) = lookups.next() else { return lookups.done() };
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
            lookups.settle(wanted, &found, |record, by| talk.answers_to(record, by));
            talk.find_next(lookups)
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
