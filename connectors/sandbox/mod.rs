//! The sandbox CRM of `leadloop sandbox`, spoken to over HTTP like any other (`docs/reference/sandbox-api.md`).
//!
//! `describe` reads which fields there are, `write` makes and changes records, `find` looks them up, `changes` reads what
//! moved; its webhooks are hints only: the lists are the truth.

mod changes;
mod describe;
mod find;
mod write;

use leadloop_connector_api::answers::{Answers, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_connector_api::http::Request;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::signature::{TOLERANCE, standard_webhooks};
use leadloop_connector_api::{Answer, Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

use crate::reading::{self, NO_RECORD, unreadable};

/// The connector of the sandbox CRM.
struct Sandbox;

inventory::submit! { Registered(&Sandbox) }

/// The field of our mark, on every object.
const MARK: &str = "leadloop_id";
/// Most fields of a record we read; the sandbox has some thirty.
const MOST_FIELDS: usize = 200;

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Sandbox {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        let secret = link.secret("webhook_secret").ok_or_else(|| {
            Refusal::Unsigned(
                "this link has no `webhook_secret`, so nobody can prove to be its CRM".to_owned(),
            )
        })?;
        standard_webhooks(push, secret, TOLERANCE).map_err(|forged| Refusal::Unsigned(forged.to_string()))?;
        let body = reading::json::parse(&push.body, None)?;
        let object = body
            .pointer("/data/object")
            .and_then(Json::as_str)
            .ok_or_else(|| unreadable(NO_RECORD, "the event does not say which object it is about"))?;
        // an object that is not mirrored is nobody's business
        Ok(Received { hints: ours(object).into_iter().map(str::to_owned).collect(), ..Received::default() })
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
            Some(Operation::Describe { object }) => Ok(talk.describe(object)),
            Some(Operation::Prepare { object, field }) => Ok(talk.prepare(object, field)),
            Some(Operation::Find { .. }) => Ok(talk.find(operations)),
            Some(Operation::Create { .. }) => Ok(talk.create(operations)),
            Some(Operation::Update { .. }) => Ok(talk.update(operations)),
            Some(Operation::Changes { object, cursor }) => Ok(talk.changes(object, cursor)),
            other => Err(Refusal::NotSpoken(other.map_or("nothing", Operation::kind))),
        }
    }
}

/// What every conversation with one link needs.
#[derive(Clone)]
struct Talk {
    answers: Answers,
    link: Link,
}

impl Talk {
    /// Who are we there, what time is it, how much of the day's quota is left.
    fn check(self) -> Box<dyn Exchange> {
        single(Request::get("/api/v1/whoami"), move |answer| {
            vec![match self.answers.json("user", answer) {
                Err(outcome) => outcome,
                Ok(json) => checked(&json, answer),
            }]
        })
    }
}

fn checked(json: &Json, answer: &Answer) -> Outcome {
    let (Some(user), Some(time)) =
        (json.get("client_id").and_then(Json::as_str), json.get("server_time").and_then(Json::as_i64))
    else {
        return odd("the answer does not say who we are");
    };
    let mut record = Record::new().with("user", user).with("time", time);
    for name in ["product", "version", "mark", "duplicate_rule"] {
        if let Some(value) = json.get(name) {
            record.set(name, Value::from_json(value));
        }
    }
    for (header, name) in [("x-quota-limit", "quota"), ("x-quota-remaining", "quota_left")] {
        if let Some(number) = answer.header(header).and_then(|value| value.trim().parse::<i64>().ok()) {
            record.set(name, number);
        }
    }
    Outcome::Done(Reply::Checked(record))
}

/// The sandbox's name of one of our objects.
fn theirs(object: &str) -> Option<&'static str> {
    description().object(object).and_then(|object| object.remote.as_deref())
}

/// Our name of one of the sandbox's objects.
fn ours(remote: &str) -> Option<&'static str> {
    description()
        .object
        .iter()
        .find(|object| object.remote.as_deref() == Some(remote))
        .map(|object| object.name.as_str())
}

/// A record as the sandbox gives it, whole or as a tombstone.
fn record(object: &str, json: &Json) -> Option<RemoteRecord> {
    let id = json.get("id").and_then(text_of)?;
    let deleted = json.get("deleted").and_then(Json::as_bool)?;
    let modified_at = json.get("modified_at").and_then(Json::as_i64).map(Timestamp)?;
    let mut fields = Record::flatten(json, MOST_FIELDS, 3)?;
    fields.0.retain(|_, value| *value != Value::Null); // a field that is not set says nothing
    Some(RemoteRecord { object: object.to_owned(), id, fields, modified_at: Some(modified_at), deleted })
}

/// An object that our manifest does not have.
fn unknown_object(object: &str) -> Outcome {
    crate::crm::unknown_object("the sandbox", object)
}
