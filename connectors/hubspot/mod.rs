//! HubSpot CRM (objects v3, associations v4, webhooks v3). A contact there is our lead, owners are the users; everything goes by
//! batch calls whose partial answers (207) are told apart record by record.
//!
//! `words` turns records into either side's words; `find`, `write`, `changes` and `describe` hold the operations. Its webhooks are hints
//! only: the searches are the truth.

mod changes;
mod describe;
mod find;
mod words;
mod write;

use leadloop_connector_api::answers::{Answers, at, odd, text_of};
use leadloop_connector_api::chain::{Next, chain};
use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::http::{Method, Request};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::signature::{Algorithm, Encoding, TOLERANCE, hmac_fits, rotated};
use leadloop_connector_api::{Answer, Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::Record;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use leadloop_sync_core::time::{Micros, Timestamp};
use secrecy::SecretString;
use serde_json::Value as Json;

use crate::reading::{self, NO_RECORD, unreadable};

/// The connector of HubSpot.
struct HubSpot;

inventory::submit! { Registered(&HubSpot) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for HubSpot {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        prove(link, push)?;
        let body = reading::json::parse(&push.body, None)?;
        let events = body.as_array().ok_or_else(|| unreadable(NO_RECORD, "the push is no list of events"))?;
        let mut received = Received::default();
        let ours = link.int("app_id").map(|id| id.to_string());
        for event in events.iter().take(1_000) {
            let kind = event.get("subscriptionType").and_then(Json::as_str);
            let kind = kind.ok_or_else(|| unreadable(NO_RECORD, "an event does not say what it is about"))?;
            let by_us = event.get("changeSource").and_then(Json::as_str) == Some("INTEGRATION")
                && event.get("sourceId").and_then(text_of).is_some_and(|id| Some(id) == ours);
            let object = match (kind.split('.').next(), event.get("objectTypeId").and_then(Json::as_str)) {
                (Some("contact"), _) | (Some("object"), Some("0-1")) => "lead",
                (Some("company"), _) | (Some("object"), Some("0-2")) => "account",
                (Some("deal"), _) | (Some("object"), Some("0-3")) => "opportunity",
                _ => continue,
            };
            if !by_us {
                received.hints.push(object.to_owned());
            }
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
        let answers = Answers::of(description(), link, moment.now);
        let talk = Talk { answers, link: link.clone(), now: moment.now };
        let first = match operations.first() {
            Some(Operation::Check) => talk.check(),
            Some(Operation::Describe { object }) => talk.describe(object.clone()),
            Some(Operation::Prepare { object, field }) => talk.prepare(object, field),
            Some(Operation::Find { .. }) => talk.find(operations),
            Some(Operation::Create { .. } | Operation::Update { .. }) => return Ok(talk.write(operations)),
            Some(Operation::Changes { object, cursor }) => talk.changes(object.clone(), cursor),
            other => return Err(Refusal::NotSpoken(other.map_or("nothing", Operation::kind))),
        };
        Ok(chain(first))
    }
}

/// Whether HubSpot signed it (v3): HMAC-SHA256 over method, address, body and time; the time in milliseconds and not old.
fn prove(link: &Link, push: &Push) -> Result<(), Refusal> {
    let unsigned = |detail: &str| Refusal::Unsigned(detail.to_owned());
    let secret: &SecretString = link.secret("webhook_secret").ok_or_else(|| {
        unsigned("this link has no `webhook_secret`, so nobody can prove to be its HubSpot")
    })?;
    let address = link
        .text("webhook_url")
        .ok_or_else(|| unsigned("this link has no `webhook_url`: HubSpot signs the address it calls"))?;
    let given = push
        .header("x-hubspot-signature-v3")
        .ok_or_else(|| unsigned("the header `X-HubSpot-Signature-v3` is missing"))?;
    let time = push.header("x-hubspot-request-timestamp").unwrap_or_default();
    let sent = time.parse::<i64>().ok().and_then(|ms| ms.checked_mul(1_000)).map(Timestamp);
    let sent = sent.ok_or_else(|| unsigned("`X-HubSpot-Request-Timestamp` is no number of milliseconds"))?;
    if Micros((push.at - sent).0.saturating_abs()) > TOLERANCE {
        return Err(unsigned(
            "the signed time is too far from ours: replayed, or one of the two clocks is wrong",
        ));
    }
    let method = if push.method == Method::Get { "GET" } else { "POST" };
    let query = if push.query.is_empty() { String::new() } else { format!("?{}", push.query) };
    let address = format!("{address}{query}");
    let parts: [&[u8]; 4] = [method.as_bytes(), address.as_bytes(), &push.body, time.as_bytes()];
    let fits = |key: &str| hmac_fits(Algorithm::Sha256, Encoding::Base64, key.as_bytes(), &parts, given);
    if rotated(secret).any(fits) {
        Ok(())
    } else {
        Err(unsigned(
            "the signature does not fit: another secret, or `webhook_url` is not the address set in HubSpot",
        ))
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
    /// How much of the day's quota is left; apps that are not private have no such page, their owners prove the token.
    fn check(self) -> Next {
        let usage = Request::get("/account-info/v3/api-usage/daily/private-apps");
        Next::ask(usage, move |answer| match self.answers.json("user", answer) {
            Ok(json) => match at(&json, "results.0") {
                Some(usage) => Next::end(self.checked(usage)),
                None => Next::end(odd("the answer does not say how much was used")),
            },
            Err(Outcome::Gone { .. }) if is_own_word(answer) => {
                let owners = Request::get("/crm/v3/owners").with_query("limit", "1");
                Next::ask(owners, move |answer| {
                    Next::end(match self.answers.json("user", answer) {
                        Ok(json) if json.get("results").is_some_and(Json::is_array) => {
                            self.checked(&Json::Null)
                        }
                        Ok(_) => odd("the answer does not say which owners there are"),
                        Err(outcome) => outcome,
                    })
                })
            }
            Err(outcome) => Next::end(outcome),
        })
    }

    fn checked(&self, usage: &Json) -> Outcome {
        let number = |name: &str| usage.get(name).and_then(Json::as_i64);
        let mark = self.link.mark_field(description(), "lead").unwrap_or_default();
        let mut record =
            Record::new().with("user", "private app").with("product", "HubSpot").with("mark", mark);
        if let Some(limit) = number("usageLimit") {
            record.set("quota", limit);
            record.set("quota_left", limit.saturating_sub(number("currentUsage").unwrap_or(0)));
        }
        Outcome::Done(Reply::Checked(record))
    }
}

/// Whether an error is HubSpot's own word, and not one of whatever stands in between.
fn is_own_word(answer: &Answer) -> bool {
    answer.json().is_some_and(|json| json.get("message").is_some_and(Json::is_string))
}

/// HubSpot's name of one of our objects.
fn theirs(object: &str) -> Option<&'static str> {
    description().object(object).and_then(|object| object.remote.as_deref())
}
