//! Making and changing records. The owner is not a field like others: it is given by a transfer and taken by a release to the public
//! pool. What Neocrm refuses is looked at once more: a record that is not there any more is gone, and a duplicate has an id.

use leadloop_connector_api::answers::{at, odd, text_of};
use leadloop_connector_api::chain::Next;
use leadloop_connector_api::http::{Method, Request};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::outbox::{FindBy, Outcome, Reply};
use serde_json::{Map, Value as Json, json};

use super::{Talk, description, theirs};
use crate::crm::{escaped, unknown_object};

/// The field of the owner.
const OWNER: &str = "ownerId";

impl Talk {
    pub(super) fn create(self, object: &str, record: &Record, mark: &str) -> Next {
        let Some(name) = theirs(object).filter(|_| object != "user") else {
            return Next::end(unknown_object("Neocrm", object));
        };
        let mut data = fields(record);
        if let Some(field) = self.link.mark_field(description(), object) {
            data.insert(field.to_owned(), mark.into());
        }
        match object {
            "lead" => {
                if let Some(kind) = self.link.text("entity_type") {
                    data.entry("entityType").or_insert_with(|| number(kind));
                }
                let nobody = data.get(OWNER).is_none_or(Json::is_null);
                if let Some(pool) = self.link.text("pool").filter(|_| nobody) {
                    data.insert("highSeaId".to_owned(), number(pool));
                }
            }
            "activity" => {
                if let Some(lead) = data.remove("lead_id") {
                    data.insert("activityRecordFrom".to_owned(), 11.into());
                    data.insert("activityRecordFrom_data".to_owned(), lead);
                }
                data.entry("startTime").or_insert_with(|| self.now.0.div_euclid(1_000).into());
            }
            _ => {}
        }
        data.retain(|field, value| field != OWNER || !value.is_null());
        let request =
            Request::json(Method::Post, format!("/rest/data/v2.0/xobjects/{name}"), json!({ "data": data }));
        let (object, record) = (object.to_owned(), record.clone());
        self.ask(request, &object.clone(), move |talk, said| match said {
            Ok(json) => match at(&json, "data.id").and_then(text_of) {
                Some(id) => Next::end(talk.written(&object, id)),
                None => Next::end(odd("the answer to a create names no record")),
            },
            Err(Outcome::Rejected { field, code, detail }) if is_duplicate(&detail) => {
                talk.in_the_way(object, &record, Outcome::Rejected { field, code, detail })
            }
            Err(outcome) => Next::end(outcome),
        })
    }

    /// The record that a duplicate rule means: Neocrm does not name it.
    fn in_the_way(self, object: String, record: &Record, refused: Outcome) -> Next {
        let roles = description().object(&object).map(|object| object.roles.clone()).unwrap_or_default();
        let named = |kind: &str, fields: &[String]| -> Vec<(String, String)> {
            fields
                .iter()
                .filter_map(|field| Some((kind.to_owned(), record.text(field)?.to_owned())))
                .collect()
        };
        let keys = [named("phone", &roles.phones), named("email", &roles.emails)].concat();
        let any = self.conditions(&object, &FindBy::Keys(keys));
        if any.is_empty() {
            return Next::end(refused);
        }
        self.query(object, any.join(" or "), move |talk, found| {
            Next::end(match found.ok().and_then(|found| found.into_iter().next()) {
                Some(record) => Outcome::Conflict {
                    remote: RemoteRef { link: talk.link.name.clone(), object: record.object, id: record.id },
                    same_mark: false,
                },
                None => refused,
            })
        })
    }

    pub(super) fn update(self, remote: RemoteRef, mut record: Record) -> Next {
        let known = theirs(&remote.object).filter(|_| remote.object != "user");
        let (Some(name), true) = (known, remote.id.parse::<u64>().is_ok()) else {
            return Next::end(unknown_object("Neocrm", &remote.object));
        };
        let owner =
            record.0.remove(OWNER).filter(|_| matches!(name, "lead" | "account" | "contact" | "opportunity"));
        let path = format!("/rest/data/v2.0/xobjects/{name}");
        let moved = match owner {
            None => None,
            Some(owner) if owner.is_blank() => {
                let reason = record.0.remove("releaseReason").map_or_else(
                    || number(self.link.text("release_reason").unwrap_or("1")),
                    |reason| reason.to_json(),
                );
                let body = json!({ "reasonType": reason, format!("{name}Ids"): remote.id });
                Some(Request::json(Method::Post, format!("{path}/actions/release"), body))
            }
            Some(owner) => {
                let mut request = Request::json(Method::Post, format!("{path}/actions/transfers"), json!({}));
                request = request
                    .with_query("recordId", remote.id.as_str())
                    .with_query("targetUserId", owner.to_display());
                Some(request)
            }
        };
        let rest = (!record.is_empty()).then(|| {
            let body = json!({ "data": fields(&record) });
            Request::json(Method::Patch, format!("{path}/{}", escaped(&remote.id)), body)
        });
        let requests: Vec<Request> = moved.into_iter().chain(rest).map(Request::repeatable).collect();
        self.one_by_one(requests, remote)
    }

    fn one_by_one(self, mut requests: Vec<Request>, remote: RemoteRef) -> Next {
        if requests.is_empty() {
            return Next::end(Outcome::Done(Reply::Written(remote)));
        }
        let object = remote.object.clone();
        let request = requests.remove(0);
        self.ask(request, &object, move |talk, said| match said {
            Ok(json) if !json.is_object() => Next::end(odd("the answer to a write is not what it should be")),
            Ok(json) if at(&json, "data.id").is_some_and(|id| text_of(id).as_ref() != Some(&remote.id)) => {
                Next::end(odd("the answer to a write names another record"))
            }
            Ok(_) => talk.one_by_one(requests, remote),
            Err(refused @ Outcome::Rejected { .. }) => talk.ask_whether_there(remote, refused),
            Err(outcome) => Next::end(outcome),
        })
    }

    /// A refused write: is the record still there?
    fn ask_whether_there(self, remote: RemoteRef, refused: Outcome) -> Next {
        let condition = format!("id={}", remote.id);
        self.query(remote.object, condition, move |_, found| {
            Next::end(match found {
                Ok(found) if found.is_empty() => {
                    Outcome::Gone { detail: format!("there is no record {} any more", remote.id) }
                }
                _ => refused,
            })
        })
    }

    fn written(&self, object: &str, id: String) -> Outcome {
        Outcome::Done(Reply::Written(RemoteRef {
            link: self.link.name.clone(),
            object: object.to_owned(),
            id,
        }))
    }
}

fn is_duplicate(detail: &str) -> bool {
    detail.contains("重复") || detail.to_lowercase().contains("duplicate")
}

/// The fields of a record: ids and references are numbers there, a null empties a field.
fn fields(record: &Record) -> Map<String, Json> {
    let out = |name: &str, value: &Value| match value {
        value if value.is_blank() => Json::Null,
        value if name == "lead_id" || name.ends_with("Id") || name == "entityType" => {
            number(&value.to_display())
        }
        value => value.to_json(),
    };
    record.iter().map(|(name, value)| (name.to_owned(), out(name, value))).collect()
}

/// A number where it is one: 16 digits are exact.
fn number(text: &str) -> Json {
    text.parse::<i64>().map_or_else(|_| text.into(), Json::from)
}
