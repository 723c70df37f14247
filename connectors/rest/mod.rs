//! Any CRM with a JSON API, described in one TOML file (`docs/guide/rest.md`).
//!
//! `description` is the file, `check` says what is wrong with it and makes an API of it. `call` turns a described call into a
//! request, `values` values and records into either side's words; `find`, `write` and `changes` hold the operations. Its webhooks are
//! hints only: polls are the truth.

mod call;
mod changes;
mod check;
mod description;
mod find;
mod values;
mod write;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use leadloop_connector_api::answers::{Answers, at, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, grouped, single};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::signature::{Algorithm, Encoding, hmac_fits, rotated, secret_fits};
use leadloop_connector_api::{
    Answer, Connector, Flaw, Link, Push, Received, Refusal, Registered, Told, manifest,
};
use leadloop_mapping::Record;
use leadloop_sync_core::mirror::Roles;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use serde_json::Value as Json;

use call::Scope;
use description::{Api, Hash, Hook, Written64};

use crate::crm::unknown_object;
use crate::reading::{self, NO_RECORD, unreadable};

/// Most events of one push.
const MOST_EVENTS: usize = 1_000;

/// The connector before it is told of an API.
struct Rest;

inventory::submit! { Registered(&Rest) }

/// The APIs that were described, by the text: a config that is read again leads to the same one.
static DESCRIBED: Mutex<BTreeMap<String, Told>> = Mutex::new(BTreeMap::new());

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Rest {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn told_by(&self) -> Option<&'static str> {
        Some("api")
    }

    fn starter(&self) -> Option<&'static str> {
        Some(concat!(
            "# Describe the API of your CRM here; docs/guide/rest.md explains each part and has another example.\n",
            "# 请在此描述您的 CRM 接口；各部分说明与另一示例见 docs/guide/rest.zh-CN.md。\n\n",
            include_str!("fixtures/sandbox.crm.toml")
        ))
    }

    fn told(&self, text: &str) -> Result<Told, Vec<Flaw>> {
        let mut known = DESCRIBED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = known.get(text) {
            return Ok(*told);
        }
        let api: &'static Api = Box::leak(Box::new(check::make(description(), text)?));
        let told = Told(Box::leak(Box::new(Described(api))));
        known.insert(text.to_owned(), told);
        Ok(told)
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        link.told.map_or(Err(Refusal::NotAListener), |told| told.0.receive(link, push))
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        link.told.map_or(Err(Refusal::NotSpoken("anything before it is described")), |told| {
            told.0.exchange(link, operations, moment)
        })
    }
}

/// The connector to one API.
struct Described(&'static Api);

impl Connector for Described {
    fn manifest(&self) -> &'static Manifest {
        self.0.manifest
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        let Some(hook) = &self.0.hook else { return Err(Refusal::NotAListener) };
        hook.prove(link, push)?;
        let body = reading::json::parse(&push.body, None)?;
        let stands = at(&body, hook.list.as_deref().unwrap_or_default());
        let events = stands.map(|it| it.as_array().map_or(std::slice::from_ref(it), Vec::as_slice));
        let mut received = Received::default();
        for event in events.unwrap_or_default().iter().take(MOST_EVENTS) {
            let named = at(event, &hook.object).and_then(text_of).ok_or_else(|| {
                unreadable(
                    NO_RECORD,
                    "an event does not say which object it is about, where the description says",
                )
            })?;
            // an object that is not described is nobody's business
            let ours = hook.names.get(&named).cloned().or_else(|| self.ours(&named));
            received.hints.extend(ours.filter(|ours| self.0.objects.contains_key(ours)));
        }
        received.hints.sort();
        received.hints.dedup();
        Ok(received)
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let answers = Answers::of(self.0.manifest, link, moment.now);
        let talk = Talk { api: self.0, answers, link: link.clone() };
        match operations.first() {
            Some(Operation::Check) => Ok(talk.check()),
            Some(operation @ Operation::Find { .. }) => Ok(talk.find(operation)),
            Some(Operation::Create { .. } | Operation::Update { .. }) => Ok(talk.write(operations)),
            Some(Operation::Changes { object, cursor }) => Ok(talk.changes(object, cursor)),
            other => Err(Refusal::NotSpoken(other.map_or("nothing", Operation::kind))),
        }
    }
}

impl Described {
    fn ours(&self, remote: &str) -> Option<String> {
        self.0.objects.iter().find(|(_, calls)| calls.remote == remote).map(|(name, _)| name.clone())
    }
}

impl Hook {
    fn prove(&self, link: &Link, push: &Push) -> Result<(), Refusal> {
        let unsigned = |detail: &str| Refusal::Unsigned(detail.to_owned());
        let secret = link.secret("webhook_secret").ok_or_else(|| {
            unsigned("this link has no `webhook_secret`, so nobody can prove to be its CRM")
        })?;
        let header = self.header.to_ascii_lowercase();
        let given =
            push.header(&header).ok_or_else(|| unsigned("the header that proves the sender is missing"))?;
        let given = given.strip_prefix(self.prefix.as_str()).ok_or_else(|| {
            unsigned("the header that proves the sender does not begin as the description says")
        })?;
        let fits = match self.hmac {
            None => secret_fits(given, secret),
            Some(hash) => {
                let algorithm = match hash {
                    Hash::Sha256 => Algorithm::Sha256,
                    Hash::Sha1 => Algorithm::Sha1,
                };
                let encoding = match self.encoding {
                    Written64::Hex => Encoding::Hex,
                    Written64::Base64 => Encoding::Base64,
                };
                rotated(secret)
                    .any(|key| hmac_fits(algorithm, encoding, key.as_bytes(), &[&push.body], given))
            }
        };
        if fits {
            Ok(())
        } else {
            Err(unsigned("the proof in the header does not fit the body and `webhook_secret`"))
        }
    }
}

/// What every conversation with one link needs.
#[derive(Clone)]
struct Talk {
    api: &'static Api,
    answers: Answers,
    link: Link,
}

impl Talk {
    /// Who are we there.
    fn check(self) -> Box<dyn Exchange> {
        let request = Scope::of(&self.link).request(&self.api.check, &self.api.headers).repeatable();
        single(request, move |answer| {
            vec![match self.answers.json("user", answer) {
                Err(outcome) => outcome,
                Ok(json) => self.checked(&json, answer),
            }]
        })
    }

    fn checked(&self, json: &Json, answer: &Answer) -> Outcome {
        let check = &self.api.check;
        let Some(user) = check.user.as_deref().and_then(|path| at(json, path)).and_then(text_of) else {
            return odd("the answer does not say who we are, where the description says");
        };
        let mut record =
            Record::new().with("user", user).with("product", self.api.manifest.title.en.as_str());
        let clock = check.clock.as_deref().and_then(|path| at(json, path)).and_then(text_of);
        let clock = clock
            .and_then(|text| leadloop_sync_core::time::Timestamp::parse(&text, &jiff::tz::TimeZone::UTC));
        if let Some(time) = clock.or_else(|| answer.date()) {
            record.set("time", time.0);
        }
        Outcome::Done(Reply::Checked(record))
    }

    /// What can be filled into a call about an object.
    fn scope(&self, object: &str) -> Scope {
        let remote = self.api.objects.get(object).map_or(object, |calls| calls.remote.as_str());
        Scope::of(&self.link).with("object", remote).with("fields", self.fields(object))
    }

    /// The fields that are asked for by name: described ones, and those the config reads or writes.
    fn fields(&self, object: &str) -> Vec<String> {
        let described = self.api.manifest.object(object).map_or(&[][..], |object| &object.fields);
        let mut fields: Vec<String> = described.iter().map(|field| field.name.clone()).collect();
        fields.extend(self.link.wants.fields.get(object).into_iter().flatten().cloned());
        fields.extend(self.link.mark_field(self.api.manifest, object).map(str::to_owned));
        let shape = self.api.objects.get(object).map(|calls| calls.record.clone()).unwrap_or_default();
        fields.push(shape.id().to_owned());
        fields.extend(shape.modified);
        fields.extend(shape.deleted.map(|deleted| deleted.path));
        fields.sort();
        fields.dedup();
        fields
    }

    fn roles(&self, object: &str) -> Roles {
        self.api.manifest.object(object).map(|object| object.roles.clone()).unwrap_or_default()
    }

    fn unknown(&self, object: &str) -> Box<dyn Exchange> {
        grouped(vec![Some(unknown_object(&self.api.manifest.title.en, object))], vec![])
    }

    /// Whether an answer that says "there is none" is the system's own: JSON, with its code or words where they are described.
    fn is_own_word(&self, answer: &Answer) -> bool {
        let Some(json) = answer.json() else { return false };
        let errors = self.api.manifest.errors.as_ref();
        let paths = errors.into_iter().flat_map(|errors| [&errors.code, &errors.message]).flatten();
        let mut paths = paths.peekable();
        json.is_object()
            && (paths.peek().is_none() || paths.into_iter().any(|path| at(&json, path).is_some()))
    }
}
