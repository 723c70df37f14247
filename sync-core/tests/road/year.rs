//! A year of a company: leads come by day and night, sales accept, return, forget, win and lose, go on leave. Every decision
//! has an owner or a reason and keeps caps and leave, every hand-over comes to an end, and two runs are the same. Every month
//! all that one person has is given to somebody else or taken back at once, and every quarter the process ends and begins again.
//!
//! `LEADLOOP_YEAR=100000` plays so many leads; without it as many as a test run can bear. `LEADLOOP_SEED` plays another year.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::Record;
use leadloop_sync_core::answer_page;
use leadloop_sync_core::book::Book;
use leadloop_sync_core::effect::{Deadline, Effect, Reaction};
use leadloop_sync_core::handoff::{Action, DecisionRecord, Handoff, HandoffState};
use leadloop_sync_core::ids::{HandoffId, LeadId, LinkName, PersonKey, PushId};
use leadloop_sync_core::lead::{Lead, RemoteRef, Stage};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Delivery, FindBy, Operation, Outcome, Purpose, Reply};
use leadloop_sync_core::policy::{Leave, Policy};
use leadloop_sync_core::tick::{REASSIGN, TAKE_BACK};
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_sync_core::transfer::{self, Occasion};
use leadloop_sync_core::{because::Because, feedback, settle, tick};
use sha2::{Digest, Sha256};

use crate::support::policy::{crm, standard};
use crate::support::rows;

/// Leads of a run where nobody says how many.
const LEADS: u64 = 1_500;
const PROVINCES: [&str; 8] = ["上海", "江苏", "浙江", "广东", "西藏", "四川", "北京", ""];
const PEOPLE: [&str; 6] = ["li.na", "wang.wei", "chen.jie", "zhao.min", "sun.hao", "zhou.ting"];

/// What sales will do with a hand-over.
#[derive(Clone, Copy)]
enum Will {
    Accept,
    Win,
    Return,
    Forget,
}

/// Everything that is not at work lies here; the book holds one lead at a time, and what all share.
struct Year {
    policy: Policy,
    book: Book,
    dice: Moment,
    now: Timestamp,
    leads: BTreeMap<LeadId, Lead>,
    handoffs: BTreeMap<HandoffId, Handoff>,
    of_lead: BTreeMap<LeadId, Vec<HandoffId>>,
    of_company: BTreeMap<String, BTreeSet<HandoffId>>,
    /// Deadlines and answers by time; the key tells them apart.
    due: BTreeMap<(Timestamp, String), Due>,
    times: BTreeMap<String, Timestamp>,
    /// Keys of the deadlines of each hand-over: its clocks.
    clocks: BTreeMap<HandoffId, BTreeSet<String>>,
    /// Who has which open hand-overs, counted here and by nobody else.
    open: BTreeMap<PersonKey, BTreeSet<HandoffId>>,
    given: BTreeMap<(String, String), u32>,
    decisions: u64,
    /// Decisions without an owner, each with its reason.
    ownerless: u64,
    reasons: BTreeSet<String>,
    companies: u64,
    digest: Sha256,
    records: u64,
    /// Hand-overs that were given to somebody else or taken back by hand.
    by_hand: u64,
}

enum Due {
    Deadline(Deadline),
    Answer(HandoffId, &'static str),
    Arrival(u64),
    /// All that one person has, to somebody else or back to the pool.
    Bulk(u64),
    /// The process ends and begins again: only what can be written down goes on.
    Restart,
}

impl Year {
    fn new(seed: u64, leads: u64) -> Self {
        let mut policy = standard();
        // So that a cap of a day is met however many leads there are.
        let cap = u32::try_from(1 + leads / 8_000).expect("a small cap");
        for member in policy.teams.values_mut().flat_map(|team| &mut team.members) {
            member.cap_per_day = member.cap_per_day.map(|_| cap);
        }
        let start = Timestamp::parse("2026-01-01 00:00", &policy.zone).expect("a time");
        let mut dice = Moment::new(start, seed);
        for person in PEOPLE {
            for _ in 0..3 {
                let from = start + Micros::days(i64::try_from(dice.throw() % 350).expect("a day"));
                let to = from + Micros::days(i64::try_from(3 + dice.throw() % 12).expect("a day"));
                policy.leave.push(Leave { person: person.into(), from, to, deputy: None });
            }
        }
        let mut book = Book::default();
        rows::mirror_users(&mut book, &policy, start);
        rows::fresh(&mut book, &policy, Timestamp(i64::MAX / 2));
        Self {
            policy,
            book,
            dice,
            now: start,
            leads: BTreeMap::new(),
            handoffs: BTreeMap::new(),
            of_lead: BTreeMap::new(),
            of_company: BTreeMap::new(),
            due: BTreeMap::new(),
            times: BTreeMap::new(),
            clocks: BTreeMap::new(),
            open: BTreeMap::new(),
            given: BTreeMap::new(),
            decisions: 0,
            ownerless: 0,
            reasons: BTreeSet::new(),
            companies: 1 + leads * 2,
            digest: Sha256::new(),
            records: 0,
            by_hand: 0,
        }
    }

    fn throw(&mut self, below: u64) -> u64 {
        self.dice.throw() % below
    }

    fn plan(&mut self, at: Timestamp, key: String, due: Due) {
        self.clear(&key);
        if let Due::Deadline(Deadline { handoff: Some(handoff), .. }) = &due {
            self.clocks.entry(*handoff).or_default().insert(key.clone());
        }
        self.times.insert(key.clone(), at);
        self.due.insert((at, key), due);
    }

    fn clear(&mut self, key: &str) {
        let Some(at) = self.times.remove(key) else { return };
        let due = self.due.remove(&(at, key.to_owned()));
        self.stopped(key, due.as_ref());
    }

    /// A clock that ran out or was stopped.
    fn stopped(&mut self, key: &str, due: Option<&Due>) {
        if let Some(Due::Deadline(Deadline { handoff: Some(handoff), .. })) = due
            && let Some(keys) = self.clocks.get_mut(handoff)
        {
            keys.remove(key);
        }
    }

    /// Takes a lead, its hand-overs and those of its company into the book.
    fn take(&mut self, lead: LeadId) {
        let lead = self.leads[&lead].clone();
        for id in self.of_lead.get(&lead.id).into_iter().flatten() {
            self.book.handoffs.insert(*id, self.handoffs[id].clone());
        }
        let company = lead.text("company").and_then(leadloop_sync_core::matching::company_key);
        for id in company.and_then(|key| self.of_company.get(&key)).into_iter().flatten() {
            let other = &self.handoffs[id];
            self.book.handoffs.insert(*id, other.clone());
            self.book.leads.insert(other.lead, self.leads[&other.lead].clone());
        }
        rows::keep_lead(&mut self.book, &lead);
    }

    /// Carries a reaction out and puts the lead back.
    fn put(&mut self, reaction: Reaction) {
        self.reasons.extend(reaction.because.reasons.iter().map(|reason| reason.code.clone()));
        let said: Vec<String> = reaction.because.reasons.iter().map(|reason| reason.code.clone()).collect();
        self.book.apply(&reaction);
        let mut told = Vec::new();
        for effect in reaction.effects {
            match effect {
                Effect::Decide(decision) => self.decided(&decision, &said),
                Effect::PutHandoff(handoff) => self.keep(*handoff),
                Effect::SetDeadline(deadline) => {
                    self.plan(deadline.at, deadline.key.clone(), Due::Deadline(deadline));
                }
                Effect::ClearDeadline(key) => self.clear(&key),
                Effect::Enqueue(delivery) => told.push(*delivery),
                _ => {}
            }
        }
        for delivery in told {
            self.written(&delivery);
        }
    }

    fn keep(&mut self, handoff: Handoff) {
        self.digest.update(handoff.id.uuid().as_bytes());
        self.digest.update(handoff.state.as_str().as_bytes());
        self.digest.update(handoff.state_since.0.to_le_bytes());
        let of_lead = self.of_lead.entry(handoff.lead).or_default();
        if !of_lead.contains(&handoff.id) {
            of_lead.push(handoff.id);
        }
        if let Some(key) = &handoff.company_key {
            let open = self.of_company.entry(key.clone()).or_default();
            if handoff.state.is_open() {
                open.insert(handoff.id);
            } else {
                open.remove(&handoff.id);
            }
        }
        let person = |handoff: &Handoff| handoff.owner.as_ref().and_then(|owner| owner.person.clone());
        if let Some(before) = self.handoffs.get(&handoff.id).and_then(person) {
            self.open.entry(before).or_default().remove(&handoff.id);
        }
        if let Some(now) = person(&handoff).filter(|_| handoff.state.is_open()) {
            self.open.entry(now).or_default().insert(handoff.id);
        }
        self.handoffs.insert(handoff.id, handoff);
    }

    /// The CRM takes everything at once.
    fn written(&mut self, delivery: &Delivery) {
        let remote = match &delivery.operation {
            Operation::Create { object, .. } => {
                self.records += 1;
                RemoteRef { link: crm(), object: object.clone(), id: format!("N{}", self.records) }
            }
            Operation::Update { remote, .. } => remote.clone(),
            // Before it goes back to the public pool: nobody else was chosen there meanwhile.
            Operation::Find { object, by: FindBy::Id(id) } => {
                return self
                    .read(delivery, &RemoteRef { link: crm(), object: object.clone(), id: id.clone() });
            }
            other => panic!("nothing asks for {}", other.kind()),
        };
        let outcome = Outcome::Done(Reply::Written(remote));
        let mut moment = Moment::new(self.now, self.dice.throw());
        let reaction = settle::settle(&self.book, delivery, &outcome, &self.policy, &mut moment);
        let handed_over = delivery.purpose == Purpose::Handover;
        self.put(reaction);
        if let Some(id) = delivery.handoff.filter(|_| handed_over) {
            self.sales(id);
        }
    }

    fn read(&mut self, delivery: &Delivery, remote: &RemoteRef) {
        let handoff = delivery.handoff.and_then(|id| self.handoffs.get(&id));
        let owner = handoff.and_then(|handoff| handoff.owner.as_ref());
        let record = RemoteRecord {
            object: remote.object.clone(),
            id: remote.id.clone(),
            fields: Record::new().with("owner_id", owner.map_or("", |owner| owner.crm_user.as_str())),
            modified_at: Some(self.now),
            deleted: false,
        };
        let mut moment = Moment::new(self.now, self.dice.throw());
        let outcome = Outcome::Done(Reply::Found(vec![record]));
        self.put(settle::settle(&self.book, delivery, &outcome, &self.policy, &mut moment));
    }

    /// What sales will do with it.
    fn sales(&mut self, id: HandoffId) {
        let will = match self.throw(10) {
            0..=2 => Will::Win,
            3..=4 => Will::Accept,
            5..=7 => Will::Return,
            _ => Will::Forget,
        };
        let hours =
            |year: &mut Self, most: u64| Micros::hours(i64::try_from(1 + year.throw(most)).expect("hours"));
        let soon = self.now + hours(self, 30);
        match will {
            Will::Forget => {}
            Will::Return => {
                let tags =
                    ["buys_in_a_year", "need_unclear", "lost_to_competitor", "wrong_person", "no_budget"];
                let tag = tags[usize::try_from(self.throw(5)).expect("a tag")];
                self.plan(soon, format!("say/{id}/1"), Due::Answer(id, tag));
            }
            Will::Accept | Will::Win => {
                self.plan(soon, format!("say/{id}/1"), Due::Answer(id, "accepted"));
                if matches!(will, Will::Win) {
                    let later = soon + hours(self, 90);
                    let end = if self.throw(3) == 0 { "won" } else { "lost" };
                    self.plan(later, format!("say/{id}/2"), Due::Answer(id, end));
                }
            }
        }
    }

    fn decided(&mut self, decision: &DecisionRecord, said: &[String]) {
        self.decisions += 1;
        self.digest.update(decision.lead.uuid().as_bytes());
        self.digest.update(serde_json::to_vec(&decision.action).expect("an action"));
        let day = decision.at.in_zone(&self.policy.zone).date().to_string();
        let chosen = decision.considered.iter().find(|person| {
            ["taken", "same_company", "same_owner", "named", "owner_of_person", "owner_of_company"]
                .contains(&person.outcome.as_str())
        });
        let Some(chosen) = chosen else {
            let reason = [
                "nobody_can_take_it",
                "kept_owner_nobody_else",
                "public_pool",
                "held",
                "kept_owner_on_leave",
                "kept_open_opportunity",
                "rule_not_possible",
                "decided",
            ];
            assert!(
                said.iter().any(|code| reason.contains(&code.as_str())),
                "no owner and no reason: {said:?}"
            );
            self.ownerless += 1;
            return;
        };
        let given = self.given.entry((day, chosen.person.clone())).or_default();
        *given += 1;
        let (given, person) = (*given, PersonKey::from(chosen.person.as_str()));
        if matches!(chosen.outcome.as_str(), "taken" | "same_company") {
            let away =
                self.policy.leave.iter().any(|leave| {
                    leave.person == person && leave.from <= decision.at && decision.at < leave.to
                });
            assert!(!away, "{} got a lead while on leave", chosen.person);
            let members = self.policy.teams.values().flat_map(|team| &team.members);
            let caps: Vec<u32> = members
                .filter(|member| member.person == person)
                .filter_map(|member| member.cap_per_day)
                .collect();
            assert!(caps.iter().all(|cap| given <= *cap), "{} got {given} leads in a day", chosen.person);
            let has = self.open.get(&person).into_iter().flatten();
            let open = has.filter(|id| **id != decision.handoff).count();
            let members = self.policy.teams.values().flat_map(|team| &team.members);
            let most = members
                .filter(|member| member.person == person)
                .filter_map(|member| member.open_at_most)
                .min();
            if let Some(most) = most {
                assert!(open < usize::try_from(most).expect("small"), "{} had {open} open", chosen.person);
            }
        }
    }

    fn arrive(&mut self, number: u64) {
        let province = PROVINCES[usize::try_from(self.throw(8)).expect("a province")];
        // About every fifth lead is of a company that somebody came from before.
        let company = format!("示例{}机器人有限公司", spelled(self.throw(self.companies)));
        let phone = format!("1390{number:07}");
        let fields = [("phone", phone.as_str()), ("province", province), ("company", company.as_str())];
        let lead = rows::lead(rows::lead_id(number + 1, self.now), &fields, self.now);
        self.leads.insert(lead.id, lead.clone());
        self.take(lead.id);
        let mut lead = lead;
        let mut because = Because::default();
        let mut moment = Moment::new(self.now, self.dice.throw());
        let occasion = Occasion { happened: self.now, noticed: self.now, touch: None };
        let effects =
            transfer::open(&self.book, &mut lead, &occasion, &self.policy, &mut moment, &mut because);
        lead.version += 1;
        let mut all = vec![Effect::PutLead(Box::new(lead.clone()))];
        all.extend(effects);
        self.put(Reaction { effects: all, because });
        self.give_back(lead.id);
    }

    fn answer(&mut self, id: HandoffId, tag: &'static str) {
        let lead = self.handoffs[&id].lead;
        self.take(lead);
        let mut moment = Moment::new(self.now, self.dice.throw());
        let push: PushId = moment.id();
        let mut record = Record::new().with("answer.handoff", id.to_string());
        if Stage::parse(tag).is_some_and(|stage| matches!(stage, Stage::Won | Stage::Lost)) {
            record.set("answer.stage", tag);
        } else {
            record.set("answer.tag", tag);
        }
        let captured = answer_page::capture(record, format!("{id}/{tag}"), push, &mut moment);
        let reaction = feedback::listen(&self.book, &captured, &self.policy, &mut moment);
        self.put(reaction);
        self.give_back(lead);
    }

    fn pass(&mut self, deadline: &Deadline) {
        self.take(deadline.lead);
        let mut moment = Moment::new(self.now, self.dice.throw());
        let reaction = tick::tick(&self.book, deadline, &self.policy, &mut moment);
        self.put(reaction);
        self.give_back(deadline.lead);
    }

    /// What a manager does before somebody leaves: all that they have, at once.
    fn bulk(&mut self, month: u64) {
        let from = PEOPLE[usize::try_from(self.throw(6)).expect("a person")];
        let to = PEOPLE[usize::try_from(self.throw(6)).expect("a person")];
        let has: Vec<HandoffId> =
            self.open.get(&PersonKey::from(from)).into_iter().flatten().copied().collect();
        for id in has {
            let (kind, key) = if month.is_multiple_of(2) && from != to {
                (REASSIGN, format!("{REASSIGN}/{id}/{to}"))
            } else {
                (TAKE_BACK, format!("{TAKE_BACK}/{id}"))
            };
            let (lead, kind) = (self.handoffs[&id].lead, kind.to_owned());
            self.by_hand += 1;
            let deadline =
                Deadline { key: key.clone(), at: self.now, kind, step: 0, lead, handoff: Some(id) };
            self.plan(self.now, key, Due::Deadline(deadline));
        }
    }

    /// Everything is written down and read again.
    fn restart(&mut self) {
        fn again<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
            serde_json::from_str(&serde_json::to_string(value).expect("it can be written")).expect("and read")
        }
        for lead in self.leads.values_mut() {
            *lead = again(lead);
        }
        for handoff in self.handoffs.values_mut() {
            *handoff = again(handoff);
        }
        for due in self.due.values_mut() {
            if let Due::Deadline(deadline) = due {
                *deadline = again(deadline);
            }
        }
    }

    /// Whoever shall answer by some time is reminded of it: no hand-over waits without a clock.
    fn no_clock_is_lost(&self, lead: LeadId) {
        for id in self.of_lead.get(&lead).into_iter().flatten() {
            let handoff = &self.handoffs[id];
            let waits =
                handoff.due.is_some() && handoff.state.is_open() && handoff.state != HandoffState::Parked;
            let runs = self.clocks.get(id).is_some_and(|keys| !keys.is_empty());
            assert!(!waits || runs, "{id} is {} and has lost its clock", handoff.state.as_str());
        }
    }

    /// The lead goes back to where it lies; mirror rows and links of its records go with it, so that the book stays small.
    fn give_back(&mut self, lead: LeadId) {
        let leads = std::mem::take(&mut self.book.leads);
        if let Some(lead) = leads.get(&lead) {
            self.leads.insert(lead.id, lead.clone());
        }
        self.no_clock_is_lost(lead);
        self.book.handoffs.clear();
        self.book.identifiers.clear();
        self.book.touches.clear();
        self.book.links.clear();
        self.book.mirror.retain(|remote, _| remote.object == "user");
        self.book.keys.clear();
    }

    fn run(mut self, leads: u64) -> (Self, String) {
        let year = Micros::days(365).0;
        for number in 0..leads {
            let at =
                self.now + Micros(i64::try_from(self.dice.throw() % year.unsigned_abs()).expect("a time"));
            self.plan(at, format!("arrival/{number}"), Due::Arrival(number));
        }
        for month in 0..12 {
            let at =
                self.now + Micros::days(i64::try_from(15 + month * 30).expect("a day")) + Micros::hours(3);
            self.plan(at, format!("bulk/{month}"), Due::Bulk(month));
        }
        for quarter in 0..4 {
            self.plan(
                self.now + Micros::days(45 + 90 * quarter) + Micros::hours(17),
                format!("restart/{quarter}"),
                Due::Restart,
            );
        }
        let mut steps = 0_u64;
        while let Some(((at, key), due)) = self.due.pop_first() {
            self.times.remove(&key);
            self.stopped(&key, Some(&due));
            self.now = self.now.max(at);
            match due {
                Due::Arrival(number) => self.arrive(number),
                Due::Answer(id, tag) => self.answer(id, tag),
                Due::Deadline(deadline) => self.pass(&deadline),
                Due::Bulk(month) => self.bulk(month),
                Due::Restart => self.restart(),
            }
            steps += 1;
            assert!(steps < leads * 60 + 1_000, "the year does not end");
        }
        let digest = hex(&self.digest.clone().finalize());
        (self, digest)
    }
}

/// A number in characters of which every row is another name; digits could be taken for the number of a branch.
fn spelled(mut number: u64) -> String {
    const SIGNS: [char; 10] = ['甲', '乙', '丙', '丁', '戊', '己', '庚', '辛', '壬', '癸'];
    let mut name = String::new();
    loop {
        name.push(SIGNS[usize::try_from(number % 10).expect("a sign")]);
        number /= 10;
        if number == 0 {
            return name;
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_year_of_leads_comes_to_its_end_twice_the_same() {
    let leads = std::env::var("LEADLOOP_YEAR").ok().and_then(|text| text.parse().ok()).unwrap_or(LEADS);
    let seed = std::env::var("LEADLOOP_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(2026);
    println!("LEADLOOP_SEED={seed} LEADLOOP_YEAR={leads}");
    let play = || Year::new(seed, leads).run(leads);
    let ((year, first), second) = std::thread::scope(|scope| {
        let second = scope.spawn(|| play().1);
        (play(), second.join().expect("the second year is played"))
    });
    assert_eq!(first, second, "two runs differ");
    assert!(year.decisions >= leads * 9 / 10, "{} decisions", year.decisions);
    let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
    for handoff in year.handoffs.values() {
        *ends.entry(handoff.state.as_str()).or_default() += 1;
        let ended = matches!(
            handoff.state,
            HandoffState::Returned
                | HandoffState::Answered
                | HandoffState::TakenBack
                | HandoffState::Declined
                | HandoffState::Superseded
                | HandoffState::Parked
        );
        assert!(ended, "{} is {} for ever", handoff.id, handoff.state.as_str());
        assert!(
            handoff.due.is_none() || handoff.state == HandoffState::Parked,
            "{} is due for ever",
            handoff.id
        );
        assert!(!matches!(handoff.action, Some(Action::Decline { .. })), "no rule declines");
    }
    let (decisions, ownerless, by_hand) = (year.decisions, year.ownerless, year.by_hand);
    println!("{decisions} decisions, {ownerless} without an owner, {by_hand} moved by hand, ends: {ends:?}");
    assert!(by_hand > 0, "nobody's leads were ever moved by hand");
    for needed in ["decided", "reminded", "handoff", "response_time", "loop_limit", "next_action", "route"] {
        assert!(year.reasons.contains(needed), "nothing like `{needed}` happened in a year");
    }
    let load =
        |user: &str| year.book.load.get(&(LinkName::from("sales"), user.to_owned())).copied().unwrap_or(0);
    assert!(
        ["U1", "U2", "U3", "U4", "U5", "U6"].iter().all(|user| load(user) == 0),
        "somebody still has leads open"
    );
}
