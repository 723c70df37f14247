//! Odoo CRM: JSON-2 where there is it (19 and later), JSON-RPC before. Leads and opportunities are one table there
//! (`crm.lead`), people and companies another (`res.partner`), notes are messages of the chatter.
//!
//! `call` speaks either protocol, `read` turns Odoo's records into ours and `words` our values into Odoo's; `find`,
//! `changes` and `write` hold the operations. Odoo's own webhooks carry no signature, so none are heard: polls are the truth.

mod call;
mod changes;
mod describe;
mod find;
mod html;
mod read;
mod words;
mod write;

use leadloop_connector_api::answers::{Answers, odd};
use leadloop_connector_api::chain::{Next, chain};
use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Connector, Link, Refusal, Registered, manifest};
use leadloop_mapping::Record;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use serde_json::{Value as Json, json};

use call::{Call, Talk};

/// The connector of Odoo.
struct Odoo;

inventory::submit! { Registered(&Odoo) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Odoo {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let talk = Talk::new(Answers::of(description(), link, moment.now), link.clone());
        let count = operations.len();
        let owned = operations.to_vec();
        match operations.first() {
            Some(Operation::Check) => Ok(chain(talk.login(count, check))),
            Some(Operation::Describe { object }) => {
                let object = object.clone();
                Ok(chain(talk.login(count, move |talk| talk.describe(object))))
            }
            Some(Operation::Prepare { object, field }) => {
                let (object, field) = (object.clone(), field.clone());
                Ok(chain(talk.login(count, move |talk| talk.prepare(object, field))))
            }
            Some(Operation::Find { .. }) => Ok(chain(talk.login(count, move |talk| talk.find(&owned)))),
            Some(Operation::Changes { object, cursor }) => {
                let (object, cursor) = (object.clone(), cursor.clone());
                Ok(chain(talk.login(count, move |talk| talk.changes(object, cursor))))
            }
            Some(Operation::Create { object, record, mark }) => {
                let (object, record, mark) = (object.clone(), record.clone(), mark.clone());
                Ok(chain(talk.login(count, move |talk| talk.create(object, record, mark))))
            }
            Some(Operation::Update { remote, record }) => {
                let (remote, record) = (remote.clone(), record.clone());
                Ok(chain(talk.login(count, move |talk| talk.update(remote, record))))
            }
            other => Err(Refusal::NotSpoken(other.map_or("nothing", Operation::kind))),
        }
    }
}

/// Who are we there, and is the field of our mark there.
fn check(talk: Talk) -> Next {
    let whoami = Call::of("res.users", "context_get");
    let next = move |talk: Talk, uid: i64| {
        let mark = talk.link.mark_field(description(), "lead").unwrap_or_default().to_owned();
        let fields = Call::of("crm.lead", "fields_get")
            .with("allfields", json!(["id", mark]))
            .with("attributes", json!(["type"]));
        talk.ask(fields, "lead", move |_, said| {
            Next::end(said.map_or_else(|no| no, |it| checked(&it, uid, &mark)))
        })
    };
    match talk.uid {
        Some(uid) => next(talk, uid),
        None => talk.ask(whoami, "user", move |talk, said| match said {
            Err(outcome) => Next::end(outcome),
            Ok(json) => match json.get("uid").and_then(Json::as_i64) {
                Some(uid) => next(talk, uid),
                None => Next::end(odd("the answer does not say who we are")),
            },
        }),
    }
}

fn checked(fields: &Json, uid: i64, mark: &str) -> Outcome {
    if fields.get("id").is_none() {
        return odd("the answer does not say which fields there are");
    }
    let record = Record::new()
        .with("user", uid)
        .with("product", "Odoo")
        .with("mark", mark)
        .with("mark_is_there", fields.get(mark).is_some());
    Outcome::Done(Reply::Checked(record))
}

/// Odoo's name of one of our objects.
fn theirs(object: &str) -> Option<&'static str> {
    description().object(object).and_then(|object| object.remote.as_deref())
}

/// An object that our manifest does not have.
fn unknown_object(object: &str) -> Outcome {
    crate::crm::unknown_object("Odoo", object)
}
