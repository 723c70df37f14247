//! Kit System: records looked up by phone, e-mail and our mark, written one by one, and read as they change.

use leadloop_connector_api::answers::{Answers, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_connector_api::http::{Method, Request};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Connector, Link, Refusal, Registered, manifest};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Cursor, FindBy, Operation, Outcome, Reply};
use serde_json::{Map, Value as Json, json};

use crate::crm::{Keyset, answers_to, escaped, iso, spellings, time_of, unknown_object};

/// The connector of Kit System.
struct KitName;

inventory::submit! { Registered(&KitName) }

// FACT? How many records a page has at most: write the number here.
const PAGE: usize = 100;
// FACT? The field that says when a record was changed last: write its name here.
const CHANGED: &str = "updated_at";

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for KitName {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let talk = Talk { answers: Answers::of(description(), link, moment.now), link: link.clone() };
        match operations.first() {
            Some(Operation::Check) => Ok(talk.check()),
            Some(Operation::Find { object, by }) => Ok(talk.find(object.clone(), by.clone())),
            Some(Operation::Create { object, record, mark }) => Ok(talk.create(object, record, mark)),
            Some(Operation::Update { remote, record }) => Ok(talk.update(remote.clone(), record)),
            Some(Operation::Changes { object, cursor }) => Ok(talk.changes(object.clone(), cursor)),
            other => Err(Refusal::NotSpoken(other.map_or("nothing", Operation::kind))),
        }
    }
}

/// What every conversation with one link needs.
struct Talk {
    answers: Answers,
    link: Link,
}

/// The vendor's name of one of our objects, as a part of a path.
fn theirs(object: &str) -> Option<&'static str> {
    description().object(object).and_then(|object| object.remote.as_deref())
}

/// A conversation that needs no request.
fn at_once(outcome: Outcome) -> Box<dyn Exchange> {
    leadloop_connector_api::exchange::grouped(vec![Some(outcome)], vec![])
}

impl Talk {
    /// Asks, and reads the JSON of an answer that says it worked.
    fn ask(
        self,
        request: Request,
        object: &str,
        read: impl FnOnce(Talk, &Json) -> Option<Outcome> + Send + 'static,
    ) -> Box<dyn Exchange> {
        let object = object.to_owned();
        single(request, move |answer| {
            vec![match self.answers.json(&object, answer) {
                Ok(json) => read(self, &json).unwrap_or_else(|| odd("the answer is not what it should be")),
                Err(outcome) => outcome,
            }]
        })
    }

    fn check(self) -> Box<dyn Exchange> {
        // FACT? A cheap question that proves the login and says who we are there: write path and field here.
        self.ask(Request::get("/me"), "user", |_, json| {
            let user = json.get("login").and_then(Json::as_str)?;
            Some(Outcome::Done(Reply::Checked(Record::new().with("user", user))))
        })
    }

    fn find(self, object: String, by: FindBy) -> Box<dyn Exchange> {
        let Some(path) = theirs(&object) else { return at_once(unknown_object("Kit System", &object)) };
        let any = self.conditions(&object, &by);
        if any.is_empty() {
            return at_once(Outcome::Done(Reply::Found(vec![])));
        }
        // FACT? How records are searched by one of several fields, and how soon a new one is found: write path and body here.
        let request =
            Request::json(Method::Post, format!("/{path}/search"), json!({ "any": any })).repeatable();
        let asked = object.clone();
        self.ask(request, &asked, move |talk, json| {
            let mut found = records(&object, json)?;
            let mark = talk.link.mark_field(description(), &object);
            found.retain(|record| answers_to(description(), record, &by, mark));
            Some(Outcome::Done(Reply::Found(found)))
        })
    }

    /// The fields of a look-up and what they may be.
    fn conditions(&self, object: &str, by: &FindBy) -> Vec<Json> {
        let is = |field: &str, value: &str| json!({ "field": field, "is": value });
        let Some(roles) = description().object(object).map(|object| &object.roles) else { return vec![] };
        match by {
            FindBy::Id(id) => vec![is("id", id)],
            FindBy::Mark(mark) => {
                let field = self.link.mark_field(description(), object);
                field.map(|field| is(field, mark)).into_iter().collect()
            }
            FindBy::Keys(keys) => {
                let mut any = Vec::new();
                for (kind, value) in keys {
                    let (fields, values) = match kind.as_str() {
                        "phone" => (&roles.phones, spellings(value)),
                        "email" => (&roles.emails, vec![value.clone()]),
                        _ => continue,
                    };
                    any.extend(fields.iter().flat_map(|field| values.iter().map(|value| is(field, value))));
                }
                any
            }
        }
    }

    fn create(self, object: &str, record: &Record, mark: &str) -> Box<dyn Exchange> {
        let Some(path) = theirs(object) else { return at_once(unknown_object("Kit System", object)) };
        let mut fields = fields(record);
        if let Some(field) = self.link.mark_field(description(), object) {
            fields.insert(field.to_owned(), mark.into());
        }
        // FACT? Path and body of a new record, and where the answer has its id: write them here.
        let request = Request::json(Method::Post, format!("/{path}"), Json::Object(fields));
        let made = object.to_owned();
        self.ask(request, object, move |talk, json| {
            let id = json.get("id").and_then(text_of)?;
            let remote = RemoteRef { link: talk.link.name, object: made, id };
            Some(Outcome::Done(Reply::Written(remote)))
        })
    }

    fn update(self, remote: RemoteRef, record: &Record) -> Box<dyn Exchange> {
        let Some(path) = theirs(&remote.object) else {
            return at_once(unknown_object("Kit System", &remote.object));
        };
        // FACT? Method, path and body of a change, and whether null empties a field: write them here.
        let path = format!("/{path}/{}", escaped(&remote.id));
        let request = Request::json(Method::Patch, path, Json::Object(fields(record))).repeatable();
        let object = remote.object.clone();
        self.ask(request, &object, move |_, json| {
            let same = json.get("id").and_then(text_of).is_some_and(|id| id == remote.id);
            same.then_some(Outcome::Done(Reply::Written(remote)))
        })
    }

    fn changes(self, object: String, cursor: &Cursor) -> Box<dyn Exchange> {
        let Some(path) = theirs(&object) else { return at_once(unknown_object("Kit System", &object)) };
        let place = Keyset::of(cursor);
        // FACT? How records are listed by (time of change, id), and whether deleted ones come too: write path and parameters here.
        let mut request = Request::get(format!("/{path}")).with_query("limit", PAGE.to_string());
        if let Some(since) = place.since {
            request = request.with_query("changed_since", iso(since));
        }
        if let Some(after) = place.after.as_deref() {
            request = request.with_query("after_id", after);
        }
        let asked = object.clone();
        self.ask(request, &asked, move |_, json| {
            let records = records(&object, json)?;
            let full = records.len() >= PAGE;
            Some(place.turn(records, full, None))
        })
    }
}

/// The records of a list.
fn records(object: &str, json: &Json) -> Option<Vec<RemoteRecord>> {
    // FACT? Where an answer has its list of records: write it here.
    json.get("records")?.as_array()?.iter().map(|json| record(object, json)).collect()
}

fn record(object: &str, json: &Json) -> Option<RemoteRecord> {
    let id = json.get("id").and_then(text_of)?;
    let mut fields = Record::flatten(json, 1_000, 3)?;
    fields.0.retain(|_, value| *value != Value::Null);
    let modified_at = json.get(CHANGED).and_then(text_of).and_then(|text| time_of(&text));
    Some(RemoteRecord { object: object.to_owned(), id, fields, modified_at, deleted: false })
}

/// Fields as they are sent: what is blank empties.
fn fields(record: &Record) -> Map<String, Json> {
    let sent = |value: &Value| if value.is_blank() { Json::Null } else { value.to_json() };
    record.iter().map(|(name, value)| (name.to_owned(), sent(value))).collect()
}
