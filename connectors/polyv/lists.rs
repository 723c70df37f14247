//! What is read of a channel: registrations page by page, view logs day by day.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use leadloop_connector_api::Link;
use leadloop_connector_api::answers::{Answers, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, MOST_REQUESTS, Step, grouped, single};
use leadloop_connector_api::http::{Answer, Request};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::capture::RawLead;
use leadloop_sync_core::outbox::{Cursor, Fetched, Outcome, Reply};
use leadloop_sync_core::time::{Micros, Timestamp};
use secrecy::ExposeSecret;
use serde_json::Value as Json;

use super::{description, md5_of};
use crate::reading::{self, Bounded, DEEPEST, in_path, uba};

/// Rows of a page of view logs; the most there is.
const PAGE: usize = 1_000;
/// Registrations of a page.
const REGISTRATIONS: usize = 100;
/// Data arrives some minutes late: a day is closed this long after midnight.
const LATE: Micros = Micros::hours(2);
/// Who was not seen for so long has left.
const GONE: Micros = Micros::minutes(30);
/// How many days back the first reading goes.
const FIRST_DAYS: i64 = 7;

/// Reads `list`: `viewlog/CHANNEL` or `enroll/CHANNEL`.
pub(super) fn read(link: &Link, list: &str, cursor: &Cursor, now: Timestamp) -> Box<dyn Exchange> {
    let answers = Answers::of(description(), link, now);
    match list.split_once('/') {
        Some(("viewlog", channel)) => Box::new(ViewLog::new(answers, link, channel, cursor, now)),
        Some(("enroll", channel)) => enrolled(answers, link, channel, cursor, now),
        _ => grouped(vec![Some(Outcome::Gone { detail: format!("there is no list `{list}`") })], vec![]),
    }
}

/// A request with the account's signature over its sorted parameters.
fn signed(link: &Link, path: String, mut parameters: BTreeMap<&str, String>, now: Timestamp) -> Request {
    parameters.insert("appId", link.text("app_id").unwrap_or_default().to_owned());
    parameters.insert("timestamp", now.0.div_euclid(1_000).to_string());
    let secret =
        link.secret("app_secret").map(|secret| secret.expose_secret().to_owned()).unwrap_or_default();
    let text: String = parameters.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let sign = md5_of(&[&secret, &text, &secret]).to_ascii_uppercase();
    let mut request = Request::get(path);
    for (name, value) in parameters {
        request = request.with_query(name, value);
    }
    request.with_query("sign", sign)
}

/// The data of an answer that says success in its body.
fn data_of(answers: &Answers, list: &str, answer: &Answer) -> Result<Json, Outcome> {
    let mut json = answers.json(list, answer)?;
    let good = json.get("code").and_then(text_of).is_some_and(|code| code == "200");
    match json.get_mut("data") {
        Some(data) if good && data.is_object() => Ok(data.take()),
        _ => Err(odd("the answer has no `data`")),
    }
}

fn zone() -> TimeZone {
    TimeZoneDatabase::bundled().get("Asia/Shanghai").unwrap_or(TimeZone::UTC)
}

/// One viewer's time in one session.
#[derive(Clone, Debug, Default)]
struct Watched {
    name: Option<String>,
    seconds: i64,
    last: Option<Timestamp>,
    first: Option<Timestamp>,
    passed: Vec<(String, String)>,
    replay: bool,
}

/// The view logs of one day of a channel, summed up by viewer and session.
struct ViewLog {
    answers: Answers,
    link: Link,
    channel: String,
    day: Date,
    now: Timestamp,
    page: usize,
    people: BTreeMap<(String, String), Watched>,
}

impl ViewLog {
    fn new(answers: Answers, link: &Link, channel: &str, cursor: &Cursor, now: Timestamp) -> Self {
        let today = now.in_zone(&zone()).date();
        let first = today.checked_sub(FIRST_DAYS.days()).unwrap_or(today);
        let day = cursor.token.as_deref().and_then(|day| day.parse().ok()).unwrap_or(first).min(today);
        Self {
            answers,
            link: link.clone(),
            channel: channel.to_owned(),
            day,
            now,
            page: 1,
            people: BTreeMap::new(),
        }
    }

    fn take(&mut self, data: &Json) -> Option<usize> {
        for row in data.get("contents")?.as_array()? {
            let text = |name: &str| row.get(name).and_then(text_of).filter(|text| !text.trim().is_empty());
            let Some(viewer) = text("param1") else { continue };
            let session = text("sessionId").unwrap_or_else(|| self.day.to_string());
            let person = self.people.entry((viewer, session)).or_default();
            person.seconds += row.get("playDuration").and_then(Json::as_i64).unwrap_or_default().max(0);
            person.name = person.name.take().or_else(|| text("param2"));
            person.replay = text("param3").is_some_and(|mode| mode == "vod");
            let time = |name: &str| row.get(name).and_then(uba::time);
            person.last = person.last.max(time("lastActiveTime").or_else(|| time("lastModified")));
            let began = time("firstActiveTime").or_else(|| time("createdTime"));
            person.first = person.first.into_iter().chain(began).min();
            for name in ["param4", "param5"] {
                if let Some(value) = text(name)
                    && !person.passed.iter().any(|(known, _)| known == name)
                {
                    person.passed.push((name.to_owned(), value));
                }
            }
        }
        data.get("totalPages").and_then(Json::as_u64).and_then(|pages| usize::try_from(pages).ok())
    }

    /// Who has left is told; a day that is over long enough is closed, and the next one read at once.
    fn told(&mut self) -> Outcome {
        let end = self.day.tomorrow().ok().and_then(|next| next.to_zoned(zone()).ok());
        let end = end.map_or(self.now, |end| Timestamp(end.timestamp().as_microsecond()));
        let closed = self.now >= end + LATE;
        let mut fetched = Fetched::default();
        for (position, ((viewer, session), person)) in (0..).zip(std::mem::take(&mut self.people)) {
            let left = person.last.is_none_or(|last| self.now - last >= GONE);
            if (left || closed) && person.seconds > 0 {
                fetched.leads.push(self.lead(&viewer, &session, person, position));
            }
        }
        let day = if closed { self.day.tomorrow().unwrap_or(self.day) } else { self.day };
        fetched.next = Cursor { since: None, after_id: None, token: Some(day.to_string()) };
        fetched.more = closed;
        Outcome::Done(Reply::Leads(Box::new(fetched)))
    }

    fn lead(&self, viewer: &str, session: &str, person: Watched, position: u32) -> RawLead {
        let mut fields = Record::new()
            .with("uba_id", format!("polyv/{viewer}"))
            .with("touch.channel_id", self.channel.as_str())
            .with("touch.session", session)
            .with("touch.minutes", Value::Int((person.seconds + 30) / 60));
        if let Some(name) = person.name {
            fields.set("name", name);
        }
        for (name, value) in person.passed {
            // what was passed along with the link to the stream: `utm=wecom`, or a bare text
            match value.split_once('=') {
                Some((known, value)) if known.len() <= 40 => fields.set(format!("touch.{known}"), value),
                _ => fields.set(format!("touch.{name}"), value),
            }
        }
        RawLead {
            event_id: Some(uba::key_of(
                &Json::String(format!("{}/{session}/{}/{viewer}", self.channel, self.day)),
                &[],
            )),
            at: person.last.or(person.first),
            touch: Some(if person.replay { "replay_watched" } else { "live_attended" }.to_owned()),
            fields,
            position,
            ..RawLead::default()
        }
    }
}

impl Exchange for ViewLog {
    fn advance(&mut self, answer: Option<&Answer>) -> Step {
        if let Some(answer) = answer {
            let data = match data_of(&self.answers, "viewlog", answer) {
                Ok(data) => data,
                Err(outcome) => return Step::Done(vec![outcome]),
            };
            match self.take(&data) {
                None => return Step::Done(vec![odd("the page is not what a page looks like")]),
                Some(pages) if self.page < pages && self.page < MOST_REQUESTS => self.page += 1,
                Some(_) => return Step::Done(vec![self.told()]),
            }
        }
        let parameters = BTreeMap::from([
            ("currentDay", self.day.to_string()),
            ("page", self.page.to_string()),
            ("pageSize", PAGE.to_string()),
        ]);
        let path = format!("/live/v2/statistics/{}/viewlog", in_path(&self.channel));
        Step::Send(Box::new(signed(&self.link, path, parameters, self.now)))
    }
}

/// One page of registrations; the list is read through each time, what is known of it is known by its key.
fn enrolled(
    answers: Answers,
    link: &Link,
    channel: &str,
    cursor: &Cursor,
    now: Timestamp,
) -> Box<dyn Exchange> {
    let page: usize = cursor.token.as_deref().and_then(|page| page.parse().ok()).unwrap_or(1);
    let parameters = BTreeMap::from([
        ("channelId", channel.to_owned()),
        ("page", page.to_string()),
        ("pageSize", REGISTRATIONS.to_string()),
    ]);
    let request = signed(link, "/live/v3/channel/enroll/list".to_owned(), parameters, now);
    let channel = channel.to_owned();
    single(request, move |answer| {
        let data = match data_of(&answers, "enroll", answer) {
            Ok(data) => data,
            Err(outcome) => return vec![outcome],
        };
        let Some(list) = data.get("list").and_then(Json::as_array) else {
            return vec![odd("the answer has no `list`")];
        };
        let mut fetched = Fetched::default();
        for (position, row) in (0..).zip(list) {
            match registration(&channel, row, position) {
                Some(lead) => fetched.leads.push(lead),
                None => fetched.unreadable.push(*reading::quarantined(
                    reading::NO_OBJECT,
                    "a registration has neither viewer nor phone",
                    uba::torso(row, position),
                )),
            }
        }
        let more = list.len() >= REGISTRATIONS;
        fetched.next = Cursor { since: None, after_id: None, token: more.then(|| (page + 1).to_string()) };
        fetched.more = more;
        vec![Outcome::Done(Reply::Leads(Box::new(fetched)))]
    })
}

fn registration(channel: &str, row: &Json, position: u32) -> Option<RawLead> {
    let text = |name: &str| row.get(name).and_then(text_of).filter(|text| !text.trim().is_empty());
    let (viewer, phone) = (text("viewerId"), text("mobile"));
    let mut fields = Bounded::default();
    if let Some(viewer) = &viewer {
        fields.add("uba_id", Value::text(format!("polyv/{viewer}")));
    }
    if let Some(phone) = &phone {
        fields.add("phone", Value::text(phone.as_str()));
    }
    for (theirs, ours) in
        [("promoteName", "touch.poster"), ("promoteId", "touch.poster_id"), ("auditStatus", "touch.audit")]
    {
        if let Some(value) = text(theirs) {
            fields.add(ours, Value::text(value));
        }
    }
    for field in row.get("fields").and_then(Json::as_array).into_iter().flatten() {
        if let (Some(name), Some(value)) = (uba::id(field.get("name")), field.get("value")) {
            uba::add(&mut fields, &name, value, DEEPEST);
        }
    }
    fields.add("touch.channel_id", Value::text(channel));
    let who = viewer.or(phone)?;
    Some(RawLead {
        event_id: Some(format!("enroll/{channel}/{who}")),
        at: row.get("createTime").and_then(uba::time),
        touch: Some("live_registered".to_owned()),
        fields: fields.record,
        position,
        ..RawLead::default()
    })
}
