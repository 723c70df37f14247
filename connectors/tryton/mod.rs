//! Tryton with the module sale_opportunity, over JSON-RPC (series 6 to 8). A lead is a sale opportunity and the party behind
//! it: the opportunity carries state, employee and our mark, the party the name, its contact mechanisms phones and mail.
//!
//! `call` speaks the protocol, `values` knows its typed values, `read` puts records together; `find`, `changes`,
//! `write` and `describe` hold the operations. Tryton tells nobody of changes: polls are the truth.

mod call;
mod changes;
mod describe;
mod find;
mod read;
mod values;
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

use call::Talk;

/// The connector of Tryton.
struct Tryton;

inventory::submit! { Registered(&Tryton) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Tryton {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let talk = Talk::new(Answers::of(description(), link, moment.now), link.clone(), moment.now);
        let first = match operations.first() {
            Some(Operation::Check) => check(talk),
            Some(Operation::Find { .. }) => talk.find(operations),
            Some(Operation::Describe { object }) => talk.describe(object.clone()),
            Some(Operation::Changes { object, cursor }) => talk.changes(object.clone(), cursor.clone()),
            Some(Operation::Create { object, record, mark }) => {
                talk.create(object, record.clone(), mark.clone())
            }
            Some(Operation::Update { remote, record }) => talk.update(remote.clone(), record.clone()),
            other => return Err(Refusal::NotSpoken(other.map_or("nothing", Operation::kind))),
        };
        Ok(chain(first))
    }
}

/// Who are we there, and for which company.
fn check(talk: Talk) -> Next {
    let login = talk.link.text("login").unwrap_or_default().to_owned();
    talk.ask(("res.user", "get_preferences"), vec![json!(true)], "user", move |_, said| {
        Next::end(said.map_or_else(
            |no| no,
            |preferences| {
                let Some(company) = preferences.get("company") else {
                    return odd("the answer does not say for which company we work");
                };
                let mut record = Record::new().with("user", login).with("product", "Tryton");
                if let Some(company) = company.as_i64() {
                    record.set("company", company);
                }
                Outcome::Done(Reply::Checked(record))
            },
        ))
    })
}

/// Tryton's name of one of our objects.
fn theirs(object: &str) -> Option<&'static str> {
    description().object(object).and_then(|object| object.remote.as_deref())
}

/// Whether an object lives in the table of opportunities.
fn is_opportunity(object: &str) -> bool {
    matches!(object, "lead" | "opportunity")
}

/// An object that our manifest does not have.
fn unknown_object(object: &str) -> Outcome {
    crate::crm::unknown_object("Tryton", object)
}

/// The number an id is.
fn number(id: &str) -> Option<i64> {
    id.parse().ok().filter(|id| *id > 0)
}

/// The ids in an answer that is a list of ids.
fn ids(json: &Json) -> Option<Vec<i64>> {
    json.as_array()?.iter().map(Json::as_i64).collect()
}
