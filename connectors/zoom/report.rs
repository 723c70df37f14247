//! The attendance report of one webinar: all its pages, one row a join, summed up by person.

use std::collections::BTreeMap;

use leadloop_connector_api::answers::{Answers, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, MOST_REQUESTS, Step};
use leadloop_connector_api::http::Request;
use leadloop_connector_api::signature::digest_of;
use leadloop_connector_api::{Answer, Link};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::capture::RawLead;
use leadloop_sync_core::outbox::{Cursor, Fetched, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

use super::{description, time_of};
use crate::reading::{in_path, uba};

/// Participants of a page; the most there is.
const PAGE: &str = "300";

/// The code of a webinar that is not over, or not there.
const NO_REPORT: &str = "3001";

fn code_of(answer: &Answer) -> Option<String> {
    answer.json()?.get("code").and_then(text_of)
}

/// One person at a webinar.
#[derive(Clone, Debug, Default)]
struct Watched {
    name: Option<String>,
    email: Option<String>,
    seconds: i64,
    joined: Option<Timestamp>,
    left: Option<Timestamp>,
}

/// A reading of a report.
struct Report {
    answers: Answers,
    webinar: String,
    list: String,
    /// What the last reading saw; told already where it begins with `told:`.
    before: Option<String>,
    page: Option<String>,
    asked: usize,
    people: BTreeMap<String, Watched>,
}

/// Reads the report of `list` (`report/ID`).
pub(super) fn read(link: &Link, list: &str, cursor: &Cursor, now: Timestamp) -> Box<dyn Exchange> {
    Box::new(Report {
        answers: Answers::of(description(), link, now),
        webinar: list.strip_prefix("report/").unwrap_or(list).to_owned(),
        list: list.to_owned(),
        before: cursor.token.clone(),
        page: None,
        asked: 0,
        people: BTreeMap::new(),
    })
}

impl Exchange for Report {
    fn advance(&mut self, answer: Option<&Answer>) -> Step {
        if let Some(answer) = answer {
            match self.hear(answer) {
                Ok(true) => {}
                Ok(false) => return Step::Done(vec![self.told()]),
                Err(outcome) => return Step::Done(vec![outcome]),
            }
        }
        if self.asked >= MOST_REQUESTS {
            // A page of such a report costs a heavy request; what fits is told, the rest is too large for anybody's leads.
            return Step::Done(vec![self.told()]);
        }
        self.asked += 1;
        let mut request = Request::get(format!("/report/webinars/{}/participants", in_path(&self.webinar)))
            .with_query("page_size", PAGE)
            .with_query("include_fields", "registrant_id");
        if let Some(page) = &self.page {
            request = request.with_query("next_page_token", page.as_str());
        }
        Step::Send(Box::new(request))
    }
}

impl Report {
    /// Takes a page in; whether there is another.
    fn hear(&mut self, answer: &Answer) -> Result<bool, Outcome> {
        let json = match self.answers.json(&self.list, answer) {
            Ok(json) => json,
            // Before its end a webinar has no report, and says so.
            Err(Outcome::Gone { .. }) if self.asked == 1 && code_of(answer).as_deref() == Some(NO_REPORT) => {
                return Ok(false);
            }
            Err(outcome) => return Err(outcome),
        };
        let list = json.get("participants").and_then(Json::as_array);
        let list = list.ok_or_else(|| odd("the report has no `participants`"))?;
        for row in list {
            let text = |name: &str| row.get(name).and_then(text_of).filter(|text| !text.trim().is_empty());
            let email = text("user_email").map(|email| email.trim().to_lowercase());
            // A name alone is nobody.
            let Some(key) = text("registrant_id").or_else(|| email.clone()) else { continue };
            let person = self.people.entry(key).or_default();
            person.seconds += row.get("duration").and_then(Json::as_i64).unwrap_or_default().max(0);
            person.email = person.email.take().or(email);
            person.name = person.name.take().or_else(|| text("name"));
            let (joined, left) = (time_of(row.get("join_time")), time_of(row.get("leave_time")));
            person.joined = person.joined.into_iter().chain(joined).min();
            person.left = person.left.max(left);
        }
        self.page = json
            .get("next_page_token")
            .and_then(Json::as_str)
            .filter(|token| !token.is_empty())
            .map(str::to_owned);
        Ok(self.page.is_some())
    }

    /// Two readings that agree are the whole; then everybody is told once.
    fn told(&mut self) -> Outcome {
        let mut fetched = Fetched::default();
        let seen = digest_of(&[format!("{:?}", self.people).as_bytes()]);
        let told = format!("told:{seen}");
        let token = if self.people.is_empty() {
            None
        } else if self.before.as_deref() == Some(told.as_str()) {
            Some(told)
        } else if self.before.as_deref() == Some(seen.as_str()) {
            let people = std::mem::take(&mut self.people);
            fetched.leads =
                people.into_iter().zip(0..).map(|((key, person), at)| self.lead(&key, person, at)).collect();
            Some(told)
        } else {
            Some(seen)
        };
        fetched.next = Cursor { since: None, after_id: None, token };
        Outcome::Done(Reply::Leads(Box::new(fetched)))
    }

    fn lead(&self, key: &str, person: Watched, position: u32) -> RawLead {
        let mut fields = Record::new()
            .with("touch.webinar", self.webinar.as_str())
            .with("touch.minutes", Value::Int((person.seconds + 30) / 60));
        for (name, value) in [("email", person.email), ("name", person.name)] {
            if let Some(value) = value {
                fields.set(name, value);
            }
        }
        let at = person.left.or(person.joined);
        let event_id = uba::key_of(
            &Json::String(format!(
                "{}/{}/{key}",
                self.webinar,
                person.joined.map_or(0, |at| at.0 / 86_400_000_000)
            )),
            &[],
        );
        RawLead {
            event_id: Some(event_id),
            at,
            touch: Some("live_attended".to_owned()),
            fields,
            position,
            ..RawLead::default()
        }
    }
}
