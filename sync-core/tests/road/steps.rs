//! Runs `cases/loop/*.toml`: a hand-over step by step, with what the CRM answers, what sales do, and how time passes. The
//! format is explained in `cases/loop/README.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::capture::{CaptureEnd, CaptureKind, Captured, DedupKey, Identifier};
use leadloop_sync_core::effect::{Deadline, Effect, Reaction};
use leadloop_sync_core::ids::{LeadId, SourceName};
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Delivery, Operation, Outcome, Purpose};
use leadloop_sync_core::policy::{Assign, Deleted, Leave};
use leadloop_sync_core::settle;
use leadloop_sync_core::time::{Micros, Timestamp};
use serde::Deserialize;

use crate::support::crm::{Crm, Seen, Stored};
use crate::support::model::Model;
use crate::support::policy::{crm, standard};
use crate::support::rows;

#[path = "channels.rs"]
mod channels;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    lead: BTreeMap<String, String>,
    /// Leads and contacts that sales have already, mirrored.
    #[serde(default)]
    crm: Vec<BTreeMap<String, toml::Value>>,
    /// The same, but our copy does not have them yet.
    #[serde(default)]
    unseen: Vec<BTreeMap<String, toml::Value>>,
    #[serde(default)]
    settings: Settings,
    step: Vec<Step>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    unique_mark: bool,
    stale_mirror: bool,
    no_hand_over: bool,
    take_back_to_pool: bool,
    owner_changes_per_hour: Option<u32>,
    deletes_per_hour: Option<u32>,
    /// What follows where a record of ours is deleted: `detach` or `erase`.
    deleted: Option<String>,
    /// `none`: there is no CRM; `when_accepted`: its record is made when sales accept.
    crm: Option<String>,
    /// A desk before sales sees leads first: those for which this holds.
    desk: Option<String>,
    /// Channels, as `NAME: on EVENT, EVENT to AUDIENCE`.
    channels: Vec<String>,
    /// People without an address.
    unreachable: Vec<String>,
    quiet: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(rename = "do")]
    does: Option<String>,
    at: Option<String>,
    sales: Option<BTreeMap<String, toml::Value>>,
    says: Option<BTreeMap<String, toml::Value>>,
    /// Answered on the answer page, by this person.
    page: Option<BTreeMap<String, String>>,
    #[serde(default)]
    expect: BTreeMap<String, toml::Value>,
}

#[test]
fn the_loop_goes_as_the_tables_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/loop");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder of the cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    let mut complaints = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in &file.case {
            let mut play = Play::of(case);
            for (number, step) in case.step.iter().enumerate() {
                play.step(step);
                let wrong = play.complaints(step);
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let place = format!("{name}: {}, step {}", case.name, number + 1);
                complaints.extend(wrong.iter().map(|wrong| format!("{place}\n    {wrong}")));
            }
        }
    }
    assert!(complaints.is_empty(), "{}:\n{}", complaints.len(), complaints.join("\n"));
}

/// One case being played.
struct Play {
    model: Model,
    crm: Crm,
    lead: LeadId,
    /// Reasons said before the step at hand.
    said: usize,
    ended: usize,
    /// What the answer page said last.
    page_standing: String,
}

impl Play {
    fn of(case: &Case) -> Self {
        let mut policy = standard();
        let now = Timestamp::parse("2026-11-23 10:00", &policy.zone).expect("a time");
        if let Some(crm) = policy.crms.get_mut(&crm()) {
            crm.mark_unique = case.settings.unique_mark;
            crm.owner_changes_per_hour = case.settings.owner_changes_per_hour;
            crm.deletes_per_hour = case.settings.deletes_per_hour;
            crm.deleted = match case.settings.deleted.as_deref() {
                None => Deleted::Hold,
                Some("detach") => Deleted::Detach,
                Some("erase") => Deleted::Erase,
                Some(other) => panic!("`{other}` is no policy"),
            };
        }
        if case.settings.take_back_to_pool {
            policy.sla[0].steps[2].assign = None;
        }
        channels::set_up(&mut policy, &case.settings);
        let mut played = Crm::new(1);
        played.unique_marks = case.settings.unique_mark;
        let mut model = Model::new(policy, now, 11);
        let policy = model.policy.clone();
        for (row, seen) in
            case.crm.iter().map(|row| (row, true)).chain(case.unseen.iter().map(|row| (row, false)))
        {
            let (object, fields) = crm_row(row);
            let id = played.insert(&object, fields.clone(), now - Micros::days(2));
            if seen {
                let record = rows::record(&object, &id, fields, now - Micros::days(2));
                rows::mirror(&mut model.book, &policy, &record, now);
            }
        }
        let polls = settle::standing(&policy, &mut model.moment);
        let effects = polls
            .into_iter()
            .map(|poll| Effect::Enqueue(Box::new(Delivery { due_at: now + Micros::minutes(1), ..poll })))
            .collect();
        model.commit(Reaction { effects, ..Reaction::default() });
        if case.settings.stale_mirror {
            rows::fresh(&mut model.book, &policy, now - Micros::hours(1));
        }
        let told: Vec<(&str, &str)> =
            case.lead.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let lead = rows::lead(rows::lead_id(1, now), &told, now);
        rows::keep_lead(&mut model.book, &lead);
        if !case.settings.no_hand_over {
            model.qualified(&lead, None);
        }
        Self { model, crm: played, lead: lead.id, said: 0, ended: 0, page_standing: String::new() }
    }

    fn lead(&self) -> &Lead {
        &self.model.book.leads[&self.lead]
    }

    fn step(&mut self, step: &Step) {
        self.said = self.model.reasons.len();
        self.ended = self.model.ends.len();
        if let Some(set) = &step.sales {
            self.sales(set);
        }
        if let Some(told) = &step.says {
            self.says(told);
        }
        if let Some(page) = &step.page {
            self.page(page);
        }
        if let Some(does) = &step.does {
            self.act(does);
        }
        if let Some(at) = &step.at {
            let until = Timestamp::parse(at, &self.model.policy.zone).expect("a time");
            self.run(until);
        }
    }

    /// Everything that comes due until then.
    fn run(&mut self, until: Timestamp) {
        for _ in 0..10_000 {
            self.exchange();
            self.model.reclaim();
            self.model.tick();
            let next = self.model.next().unwrap_or(until);
            if next >= until {
                break;
            }
            self.model.moment.now = next.max(self.model.now() + Micros(1));
        }
        self.model.moment.now = until;
        self.exchange();
        self.model.tick();
        self.exchange();
    }

    fn exchange(&mut self) {
        loop {
            let claimed = self.model.claim();
            if claimed.is_empty() {
                return;
            }
            for (delivery, operation) in claimed {
                match self.crm.call(&operation, self.model.now()) {
                    Seen::Outcome(outcome) => self.model.settle(&delivery, &outcome),
                    Seen::Died => {}
                }
            }
        }
    }

    /// The next thing that is due to be said, polls aside.
    fn next_due(&mut self) -> (Delivery, Operation) {
        let now = self.model.now();
        let due = self.model.deliveries.iter().filter(|d| d.purpose != Purpose::Poll).filter_map(|d| match d
            .state
        {
            leadloop_sync_core::outbox::DeliveryState::Due => Some(d.due_at),
            _ => None,
        });
        self.model.moment.now = due.min().unwrap_or(now).max(now);
        let claimed = self.model.claim();
        claimed.into_iter().find(|(d, _)| d.purpose != Purpose::Poll).expect("something is due")
    }

    /// A person releases what waits for one.
    fn release(&mut self) {
        self.model.release();
        self.exchange();
    }

    fn act(&mut self, does: &str) {
        let words: Vec<&str> = does.split(' ').collect();
        match words.as_slice() {
            ["deliver"] => self.exchange(),
            ["release"] => self.release(),
            ["poll"] => {
                let until = self.model.now() + Micros::minutes(21);
                self.run(until);
            }
            ["behaves", kind] => {
                let lead = self.lead().clone();
                let touch = rows::touch(&mut self.model.moment, lead.id, kind);
                self.model.qualified(&lead, Some(&touch));
            }
            ["qualifies"] => {
                let lead = self.lead().clone();
                self.model.qualified(&lead, None);
            }
            ["leave", person] => {
                let now = self.model.now();
                let leave =
                    Leave { person: (*person).into(), from: now, to: now + Micros::days(365), deputy: None };
                self.model.policy.leave.push(leave);
            }
            ["decide", "again"] => {
                let (at, lead) = (self.model.now(), self.lead);
                let handoff = self.model.handoff(self.lead).map(|handoff| handoff.id);
                let key = "again/1".to_owned();
                let deadline = Deadline { key, at, kind: "again".to_owned(), step: 0, lead, handoff };
                let effects = vec![Effect::SetDeadline(deadline)];
                self.model.commit(Reaction { effects, ..Reaction::default() });
                self.model.tick();
            }
            ["channel", answer @ ..] => self.channel(answer),
            ["take", "back"] => self.by_hand("take_back", None),
            ["reassign", person] => self.by_hand("reassign", Some(person)),
            ["rename", "mail", "of", person] => {
                let known = self.model.policy.people.get_mut(*person).expect("a person");
                known.addresses.clear();
            }
            ["refuses", "consent"] => {
                let lead = self.model.book.leads.get_mut(&self.lead).expect("the lead");
                lead.consent.values_mut().for_each(|consent| consent.given = false);
            }
            ["forget", "the", "tag", tag] => {
                self.model.policy.feedback.remove(*tag);
            }
            ["restore", "the", "tags"] => {
                self.model.policy.feedback = standard().feedback;
            }
            ["drop", "the", "response", "times"] => {
                self.model.policy.sla.clear();
            }
            ["CRM", answer @ ..] => self.answer(answer),
            ["delete", id] => self.record_of(id, Record::new()).deleted = true,
            ["undelete", id] => self.record_of(id, Record::new()).deleted = false,
            ["merge", id, "into", other] => {
                self.record_of(id, Record::new().with("merged_into", *other)).deleted = true;
            }
            ["copy", id] => {
                let (fields, now) = (self.record_of(id, Record::new()).fields.clone(), self.model.now());
                self.crm.insert("lead", fields, now);
            }
            ["convert", id] => self.convert(id),
            other => self.goes_wrong(other),
        }
    }

    /// A record of the CRM that sales just wrote.
    fn record_of(&mut self, id: &str, set: Record) -> &mut Stored {
        let object = if id.starts_with('C') { "contact" } else { "lead" };
        self.crm.sales(object, id, set, self.model.now());
        self.crm.records.get_mut(&(object.to_owned(), id.to_owned())).expect("a record")
    }

    /// What happens behind everybody's back.
    fn goes_wrong(&mut self, words: &[&str]) {
        match words {
            ["user", id, "left"] => {
                let (now, policy) = (self.model.now(), self.model.policy.clone());
                let fields = Record::new().with("name", *id).with("state", "left");
                rows::mirror(&mut self.model.book, &policy, &rows::record("user", id, fields, now), now);
            }
            ["allow", "deletions"] => {
                self.model.policy.crms.get_mut(&crm()).expect("the CRM").deletes_per_hour = Some(1);
            }
            ["another", "is", "deleted"] => {
                let now = self.model.now();
                let other = rows::lead(rows::lead_id(9, now), &[("phone", "13900000009")], now);
                rows::keep_lead(&mut self.model.book, &other);
                self.model.qualified(&other, None);
                self.exchange();
                let remote = self.model.handoff(other.id).and_then(|handoff| handoff.remote.clone());
                self.act(&format!("delete {}", remote.expect("a record").id));
                self.act("poll");
            }
            ["calendar", "loses", "its", "days"] => self.model.policy.calendar.days.clear(),
            other => panic!("`{other:?}` cannot be played"),
        }
    }

    /// What comes of the next thing said.
    fn answer(&mut self, words: &[&str]) {
        if words == ["answers"] {
            let (delivery, operation) = self.next_due();
            let outcome = self.crm.answer(&operation, self.model.now());
            return self.model.settle(&delivery, &outcome);
        }
        let answer = |outcome: Outcome| (outcome, false);
        let (outcome, applied) = match words {
            ["throttles"] => {
                answer(Outcome::Throttled { retry_after: Some(Micros::seconds(30)), quota: false })
            }
            ["quota"] => answer(Outcome::Throttled { retry_after: None, quota: true }),
            ["down"] => answer(Outcome::Unavailable { sent: false, detail: "503".to_owned() }),
            ["locked", "out"] => answer(Outcome::Unauthorized { detail: "invalid client".to_owned() }),
            ["loses", "answer"] => (Outcome::Unavailable { sent: true, detail: "closed".to_owned() }, true),
            ["loses", "request"] => answer(Outcome::Unavailable { sent: true, detail: "timeout".to_owned() }),
            ["rejects"] => answer(Outcome::Rejected {
                field: Some("phone".to_owned()),
                code: "too_long".to_owned(),
                detail: "phone has 44 characters".to_owned(),
            }),
            ["gone"] => answer(Outcome::Gone { detail: "deleted".to_owned() }),
            ["names", object, id] => {
                answer(Outcome::Conflict { remote: rows::remote(object, id), same_mark: false })
            }
            other => panic!("the CRM cannot answer `{other:?}`"),
        };
        let (delivery, operation) = self.next_due();
        if applied {
            self.crm.answer(&operation, self.model.now());
        }
        self.model.settle(&delivery, &outcome);
    }

    /// A person changes hands, as the command does it.
    fn by_hand(&mut self, kind: &str, person: Option<&&str>) {
        let (at, lead) = (self.model.now(), self.lead);
        let handoff = self.model.handoff(self.lead).map(|handoff| handoff.id).expect("a hand-over");
        let key = match person {
            Some(person) => format!("{kind}/{handoff}/{person}"),
            None => format!("{kind}/{handoff}"),
        };
        let deadline = Deadline { key, at, kind: kind.to_owned(), step: 0, lead, handoff: Some(handoff) };
        self.model.commit(Reaction { effects: vec![Effect::SetDeadline(deadline)], ..Reaction::default() });
        self.model.tick();
    }

    fn convert(&mut self, id: &str) {
        let now = self.model.now();
        let contact =
            Record::new().with("name", "测试甲").with("phone", "+8613900000001").with("owner_id", "U2");
        let contact = self.crm.insert("contact", contact, now);
        let deal =
            Record::new().with("name", "询价").with("contact_id", contact.as_str()).with("stage", 1_i64);
        let deal = self.crm.insert("opportunity", deal.with("owner_id", "U2"), now);
        let set =
            Record::new().with("status", 4_i64).with("contact_id", contact).with("opportunity_id", deal);
        self.crm.sales("lead", id, set, now);
    }

    /// Sales write something; where they name no record, it is the lead's own.
    fn sales(&mut self, set: &BTreeMap<String, toml::Value>) {
        let now = self.model.now();
        let mut set = set.clone();
        let own = self.model.handoff(self.lead).and_then(|handoff| handoff.remote.clone());
        let id = set.remove("id").and_then(|id| id.as_str().map(str::to_owned));
        let object = set.remove("object").and_then(|object| object.as_str().map(str::to_owned));
        let id = id.or_else(|| own.as_ref().map(|own| own.id.clone())).expect("a record");
        let object = object.or_else(|| own.map(|own| own.object)).expect("an object");
        let fields = set.iter().map(|(name, value)| (name.clone(), value_of(value))).collect();
        self.crm.sales(&object, &id, fields, now);
    }

    /// An answer that comes from elsewhere: a file, a page.
    fn says(&mut self, told: &BTreeMap<String, toml::Value>) {
        let (now, phone) = (self.model.now(), self.lead().text("phone").map(str::to_owned));
        let mut moment = Moment::new(now, self.model.ends.len() as u64 + 77);
        let fields: Record =
            told.iter().map(|(name, value)| (format!("answer.{name}"), value_of(value))).collect();
        let who = told.get("phone").and_then(toml::Value::as_str).map(str::to_owned).or(phone);
        self.model.inbox.push(Captured {
            id: moment.id(),
            push: None,
            position: 1,
            source: SourceName::from("deals"),
            key: DedupKey::Event(format!("deal-{}", self.model.ends.len())),
            at: now,
            arrived: now,
            kind: CaptureKind::Feedback,
            touch: "answer".to_owned(),
            who: who.into_iter().map(|phone| Identifier::new("phone", phone)).collect(),
            fields,
            ties: Default::default(),
        });
        self.model.listen();
    }

    fn complaints(&self, step: &Step) -> Vec<String> {
        let mut wrong = Vec::new();
        for (what, expected) in &step.expect {
            if let Some(list) = expected.as_array().filter(|_| what == "reasons") {
                let said: Vec<&str> =
                    self.model.reasons.iter().skip(self.said).map(|reason| reason.code.as_str()).collect();
                let said: BTreeSet<&str> = said.into_iter().collect();
                for code in list.iter().filter_map(toml::Value::as_str) {
                    let (code, wanted) = code.strip_prefix('!').map_or((code, true), |code| (code, false));
                    if said.contains(&code) != wanted {
                        wrong.push(format!("reason {code} (wanted: {wanted}) among {said:?}"));
                    }
                }
                continue;
            }
            let expected = expected.as_str().map_or_else(|| expected.to_string(), str::to_owned);
            let found = self.found(what);
            if found != expected {
                wrong.push(format!("{what}: `{found}` instead of `{expected}`"));
            }
        }
        wrong
    }

    /// What is the case now, by name.
    fn found(&self, what: &str) -> String {
        let lead = self.lead();
        let handoff = self.model.handoff(self.lead);
        let wall = |at: Option<Timestamp>| {
            at.map_or("none".to_owned(), |at| {
                at.in_zone(&self.model.policy.zone).strftime("%Y-%m-%d %H:%M").to_string()
            })
        };
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
        let count = |purpose: Purpose| {
            self.model.deliveries.iter().filter(|delivery| delivery.purpose == purpose).count().to_string()
        };
        match what {
            "state" => or_none(handoff.map(|handoff| handoff.state.as_str().to_owned())),
            "stage" => lead.stage.as_str().to_owned(),
            "owner" => or_none(
                handoff
                    .and_then(|handoff| handoff.owner.clone())
                    .map(|owner| owner.person.map_or(owner.crm_user, |person| person.0)),
            ),
            "lead_owner" => or_none(
                lead.owner.clone().map(|owner| owner.person.map_or(owner.crm_user, |person| person.0)),
            ),
            "rule" => or_none(handoff.and_then(|handoff| handoff.rule.clone())),
            "record" => or_none(handoff.and_then(|handoff| handoff.remote.clone()).map(|remote| remote.id)),
            "due" => wall(handoff.and_then(|handoff| handoff.due)),
            "rests_until" => wall(lead.rest_until).get(..10).unwrap_or("none").to_owned(),
            "track" => or_none(lead.track.clone()),
            "feedback" => or_none(handoff.and_then(|handoff| handoff.feedback.clone())),
            "remark" => or_none(handoff.and_then(|handoff| handoff.remark.clone())),
            "parked" => or_none(handoff.and_then(|handoff| handoff.parked.clone()).map(|(code, _)| code)),
            "amount" => or_none(lead.won_amount.map(|amount| amount.to_string())),
            "recycled" => lead.recycled.to_string(),
            "leads_in_crm" => self.crm.live("lead").count().to_string(),
            "creates" => self.crm.creates.to_string(),
            "notes" => self.crm.live("activity").count().to_string(),
            "asked" => count(Purpose::Ask),
            "status_writes" => {
                let written = |delivery: &&Delivery| {
                    delivery.purpose == Purpose::Status
                        && matches!(delivery.operation, Operation::Update { .. })
                };
                self.model.deliveries.iter().filter(written).count().to_string()
            }
            "hand_overs" => self.model.book.handoffs.len().to_string(),
            "answers" => self.model.feedback.len().to_string(),
            "next" => or_none(self.model.feedback.last().map(|feedback| feedback.next.clone())),
            "crm_status" => self.crm_field("status"),
            "crm_owner" => self.crm_field("owner_id"),
            "crm_name" => self.crm_field("name"),
            "crm_company" => self.crm_field("company"),
            "alarms" => {
                let mut codes: Vec<&str> =
                    self.model.alarms.values().map(|alarm| alarm.code.as_str()).collect();
                codes.sort_unstable();
                codes.join(" ")
            }
            "end" => match self.model.ends.get(self.ended..).and_then(<[CaptureEnd]>::last) {
                None => "none".to_owned(),
                Some(CaptureEnd::Nothing) => "nothing".to_owned(),
                Some(CaptureEnd::Answered { .. }) => "answered".to_owned(),
                Some(CaptureEnd::Parked { code, .. }) => code.clone(),
                Some(CaptureEnd::Touched(_)) => "touched".to_owned(),
            },
            "probes" => {
                let told =
                    self.model.deliveries.iter().find(|delivery| delivery.purpose == Purpose::Handover);
                or_none(told.and_then(|delivery| delivery.probe).map(|probe| probe.to_string()))
            }
            other => self.found_of_people(other),
        }
    }

    /// The same about messages, the desk and the answer page.
    fn found_of_people(&self, what: &str) -> String {
        let lead = self.lead();
        let handoff = self.model.handoff(self.lead);
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
        match what {
            "told" => channels::told(&self.model),
            "telling" => channels::telling(&self.model),
            "desk" => or_none(handoff.and_then(|handoff| handoff.desk.clone()).map(|person| person.0)),
            "forgotten" => self.model.forgotten.len().to_string(),
            "delivered" => handoff.is_some_and(|handoff| handoff.clocks.delivered.is_some()).to_string(),
            "crm_feedback" => self.crm_field("feedback"),
            "crm_remark" => self.crm_field("feedback_remark"),
            "page" => self.page_standing.clone(),
            field if field.starts_with("lead.") => {
                let name = field.strip_prefix("lead.").unwrap_or_default();
                or_none(lead.field(name).map(|value| {
                    let source = lead.profile.get(name).map_or("", |fact| fact.source.as_str());
                    format!("{} by {source}", value.to_display())
                }))
            }
            other => panic!("`{other}` cannot be expected"),
        }
    }

    fn crm_field(&self, field: &str) -> String {
        let remote = self.model.handoff(self.lead).and_then(|handoff| handoff.remote.clone());
        let stored = remote.and_then(|remote| self.crm.records.get(&(remote.object, remote.id)));
        let value = stored.and_then(|stored| stored.fields.get(field)).map(Value::to_display);
        value.filter(|text| !text.is_empty()).unwrap_or_else(|| "none".to_owned())
    }
}

fn value_of(value: &toml::Value) -> Value {
    match value {
        toml::Value::Integer(number) => Value::Int(*number),
        toml::Value::Boolean(yes) => Value::Bool(*yes),
        toml::Value::String(text) if text.is_empty() => Value::Null,
        other => Value::text(other.as_str().expect("a text")),
    }
}

fn crm_row(row: &BTreeMap<String, toml::Value>) -> (String, Record) {
    let object = row.get("object").and_then(toml::Value::as_str).expect("an object").to_owned();
    let fields = row.iter().filter(|(name, _)| *name != "object");
    (object, fields.map(|(name, value)| (name.clone(), value_of(value))).collect())
}

#[test]
fn a_take_back_names_its_route() {
    let policy = standard();
    let step = &policy.sla[0].steps[2];
    assert_eq!(step.assign, Some(Assign::Route("by_region".to_owned())), "the cases rely on it");
}
