//! Neocrm 销售易 (data API 2.0). Everything is answered with 200 and a code within; ids are numbers of 64 bits and stay texts with us.
//!
//! The public pool 公海 is the CRM's own: a record without an owner is there. Taking one out is a transfer, putting one back a release
//! with its reason; what sales do there themselves (claim, release) shows in the fields of the record.
//!
//! `query` looks up and reads changes, `write` makes and changes records. Neocrm tells nobody of changes by itself: polls are the truth.

mod query;
mod write;

use leadloop_connector_api::answers::{Answers, at, odd, text_of};
use leadloop_connector_api::chain::{Next, chain};
use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::http::Request;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Connector, Link, Refusal, Registered, manifest};
use leadloop_mapping::schema::FieldKind;
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::describe::{MOST_CHOICES, MOST_FIELDS, RemoteField, RemoteObject};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

use crate::crm::unknown_object;

/// The connector of Neocrm.
struct Neocrm;

inventory::submit! { Registered(&Neocrm) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Neocrm {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let answers = Answers::of(description(), link, moment.now);
        let talk = Talk { answers, link: link.clone(), now: moment.now };
        let first = match operations.first() {
            Some(Operation::Check) => talk.check(),
            Some(Operation::Describe { object }) => talk.describe(object.clone()),
            Some(Operation::Find { .. }) => talk.find(operations),
            Some(Operation::Create { object, record, mark }) => talk.create(object, record, mark),
            Some(Operation::Update { remote, record }) => talk.update(remote.clone(), record.clone()),
            Some(Operation::Changes { object, cursor }) => talk.changes(object.clone(), cursor),
            other => return Err(Refusal::NotSpoken(other.map_or("nothing", Operation::kind))),
        };
        Ok(chain(first))
    }
}

/// What every conversation with one link needs.
#[derive(Clone)]
struct Talk {
    answers: Answers,
    link: Link,
    now: Timestamp,
}

impl Talk {
    /// Asks and goes on with the JSON of an answer that says it worked.
    fn ask(
        self,
        request: Request,
        object: &str,
        then: impl FnOnce(Talk, Result<Json, Outcome>) -> Next + Send + 'static,
    ) -> Next {
        let object = object.to_owned();
        Next::ask(request, move |answer| {
            let said = match self.answers.json(&object, answer) {
                // every path of ours is there: a 404 is somebody else's word
                Err(Outcome::Gone { detail }) => Err(odd(&detail)),
                said => said,
            };
            then(Talk { now: answer.date().unwrap_or(self.now), ..self }, said)
        })
    }

    /// The description of leads proves the login, and says whether the field of our mark is there.
    fn check(self) -> Next {
        self.ask(Request::get(describing("lead")), "user", |talk, said| {
            Next::end(said.map_or_else(
                |no| no,
                |json| {
                    let Some(fields) = at(&json, "data.fields").and_then(Json::as_array) else {
                        return odd("the answer does not say which fields there are");
                    };
                    let mark = talk.link.mark_field(description(), "lead").unwrap_or_default();
                    let there =
                        fields.iter().any(|field| field.get("apiKey").and_then(Json::as_str) == Some(mark));
                    let user = talk.link.text("username").unwrap_or_default();
                    let record =
                        Record::new().with("user", user).with("product", "Neocrm").with("mark", mark);
                    Outcome::Done(Reply::Checked(record.with("mark_is_there", there)))
                },
            ))
        })
    }

    fn describe(self, object: String) -> Next {
        let Some(name) = theirs(&object) else { return Next::end(unknown_object("Neocrm", &object)) };
        let asked = object.clone();
        self.ask(Request::get(describing(name)), &asked, move |_, said| {
            Next::end(said.map_or_else(
                |no| no,
                |json| {
                    described(&object, name, &json).map_or_else(
                        || odd("the description is not what a description looks like"),
                        |described| Outcome::Done(Reply::Described(Box::new(described))),
                    )
                },
            ))
        })
    }
}

fn describing(name: &str) -> String {
    format!("/rest/data/v2.0/xobjects/{name}/description")
}

fn described(object: &str, name: &str, json: &Json) -> Option<RemoteObject> {
    let data = json.get("data")?;
    let label = |json: &Json| json.get("label").and_then(text_of).unwrap_or_default();
    let mut described = RemoteObject::new(object, name).label(label(data));
    for entry in data.get("fields")?.as_array()?.iter().take(MOST_FIELDS) {
        let is = |name: &str| entry.get(name).and_then(Json::as_bool);
        let choices = |name: &str| entry.get(name).and_then(Json::as_array).filter(|list| !list.is_empty());
        let (kind, options) = match (
            choices("selectitem"),
            choices("checkitem"),
            entry.get("referToObjectApiKey").and_then(text_of),
        ) {
            (Some(options), ..) => (FieldKind::Picklist, Some(options)),
            (None, Some(options), _) => (FieldKind::Picklists, Some(options)),
            (None, None, Some(_)) => (FieldKind::Ref, None),
            // the words for other types are the tenant's version's own
            _ => (FieldKind::Any, None),
        };
        let mut field = RemoteField::of(kind)
            .label(label(entry))
            .required(is("required").unwrap_or(false))
            .writable(is("creatable").unwrap_or(true) || is("updatable").unwrap_or(true))
            .to(entry.get("referToObjectApiKey").and_then(Json::as_str));
        for option in options.into_iter().flatten().take(MOST_CHOICES) {
            field = field.choice(Value::from_json(option.get("value")?), label(option));
        }
        described = described.field(entry.get("apiKey")?.as_str()?, field);
    }
    if object == "activity" {
        described = described.field("lead_id", RemoteField::of(FieldKind::Ref));
    }
    Some(described)
}

/// Neocrm's name of one of our objects.
fn theirs(object: &str) -> Option<&'static str> {
    description().object(object).and_then(|object| object.remote.as_deref())
}
