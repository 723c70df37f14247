//! Salesforce (REST). New records are upserted by our mark, an external id, up to 200 in one call of the sObject collections; look-ups and
//! changes are SOQL, with deleted and merged records among them.
//!
//! `soql` writes queries, `words` turns records into either side's words, `write` and `describe` hold the rest. Polls are the truth; its
//! push interfaces are not HTTP calls to us.

mod describe;
mod soql;
mod words;
mod write;

use leadloop_connector_api::answers::{Answers, at, odd};
use leadloop_connector_api::chain::{Next, chain};
use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::http::Request;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Answer, Connector, Link, Refusal, Registered, manifest};
use leadloop_mapping::Record;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use serde_json::Value as Json;

/// The connector of Salesforce.
struct Salesforce;

inventory::submit! { Registered(&Salesforce) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Salesforce {
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
        let first = match operations.first() {
            Some(Operation::Check) => talk.check(),
            Some(Operation::Describe { object }) => talk.describe(object.clone()),
            Some(Operation::Find { .. }) => talk.find(operations),
            Some(Operation::Create { .. } | Operation::Update { .. }) => return Ok(talk.write(operations)),
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
}

impl Talk {
    /// How much of the day's requests is left: the org's own numbers, and what every answer says in `Sforce-Limit-Info`.
    fn check(self) -> Next {
        Next::ask(self.named(Request::get("/limits")), move |answer| {
            Next::end(match self.answers.json("user", answer) {
                Err(outcome) => outcome,
                Ok(json) => checked(&json, answer),
            })
        })
    }

    /// The request with our name, by which the org's logs and change events know us.
    fn named(&self, mut request: Request) -> Request {
        request.headers.push(("sforce-call-options".to_owned(), "client=leadloop".to_owned()));
        request
    }
}

fn checked(json: &Json, answer: &Answer) -> Outcome {
    let number = |path: &str| at(json, path).and_then(Json::as_i64);
    let (Some(most), Some(left)) = (number("DailyApiRequests.Max"), number("DailyApiRequests.Remaining"))
    else {
        return odd("the answer does not say how many requests are left");
    };
    let mut record = Record::new().with("user", "integration user").with("product", "Salesforce");
    let (mut quota, mut quota_left) = (most, left);
    // the header counts what `limits` has not heard of yet
    if let Some((used, of)) = answer.header("sforce-limit-info").and_then(usage) {
        quota = of;
        quota_left = left.min(of.saturating_sub(used));
    }
    record.set("quota", quota);
    record.set("quota_left", quota_left);
    if let Some(time) = answer.date() {
        record.set("time", time.0);
    }
    Outcome::Done(Reply::Checked(record))
}

/// `api-usage=18/5000, per-app-api-usage=17/250(appName=leadloop)`: used, and of how many.
fn usage(header: &str) -> Option<(i64, i64)> {
    let part = header.split(',').find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, of) = part.split_once('/')?;
    Some((used.trim().parse().ok()?, of.trim().parse().ok()?))
}

/// Salesforce's name of one of our objects.
fn theirs(object: &str) -> Option<&'static str> {
    description().object(object).and_then(|object| object.remote.as_deref())
}

#[cfg(test)]
mod tests {
    use super::usage;

    #[test]
    fn the_limit_header_is_read() {
        for (header, read) in [
            ("api-usage=10018/100000", Some((10_018, 100_000))),
            ("api-usage=18/5000, per-app-api-usage=17/250(appName=leadloop)", Some((18, 5_000))),
            ("per-app-api-usage=17/250(appName=leadloop)", None),
            ("api-usage=many", None),
            ("", None),
        ] {
            assert_eq!(usage(header), read, "{header}");
        }
    }
}
