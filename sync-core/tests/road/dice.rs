//! Whatever the dice bring (lost answers, throttling, expired tokens, nodes that die, sales that act meanwhile), a
//! hand-over mark stands on one record, every hand-over comes to an end, and in the end all is quiet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::handoff::HandoffState;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{DeliveryState, Operation, Outcome, Purpose};
use leadloop_sync_core::settle;
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::said;
use crate::support::crm::{Crm, Faults, Seen};
use crate::support::model::{Broken, Model};
use crate::support::policy::{crm, standard};
use crate::support::rows;

/// 2026-11-23 10:00 in Shanghai.
pub(crate) const START: Timestamp = Timestamp(1_795_399_200_000_000);
const LEADS: u64 = 8;

/// Whether one of so many throws comes.
fn one_in(dice: &mut Moment, sides: u64) -> bool {
    dice.throw().is_multiple_of(sides)
}

/// One world: the product, the CRM, and sales.
pub(crate) struct World {
    pub(crate) model: Model,
    pub(crate) crm: Crm,
    dice: Moment,
    pub(crate) sales: Vec<(Timestamp, u64)>,
    seed: u64,
    /// What people say of who is one person.
    pub(crate) said: Vec<(Timestamp, u64)>,
    /// Leads that were merged or parted by hand.
    pub(crate) merged: BTreeSet<LeadId>,
    /// Of these, both of whom had a record at the time, or may have had.
    pub(crate) doubled: BTreeSet<LeadId>,
    /// Records that sales made or changed themselves.
    pub(crate) human: BTreeSet<String>,
    /// What was applied: the stream, and the delivery's place in the order of making.
    pub(crate) applied: Vec<(String, usize)>,
    /// The node stops right after so many more calls.
    pub(crate) stops_at: Option<usize>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Moment::new(START, seed);
        let mut policy = standard();
        let unique = one_in(&mut dice, 3);
        if let Some(crm) = policy.crms.get_mut(&crm()) {
            crm.mark_unique = unique;
        }
        let mut played = Crm::new(dice.throw());
        played.unique_marks = unique || one_in(&mut dice, 2);
        played.duplicate_rule = !one_in(&mut dice, 4);
        played.faults = Faults {
            lost_answer: dice.throw() % 25,
            throttle: dice.throw() % 15,
            down: dice.throw() % 15,
            expired: dice.throw() % 5,
            node_dies: dice.throw() % 10,
        };
        let mut model = Model::new(policy, START, dice.throw());
        if one_in(&mut dice, 2) {
            // The mirror is too old at first: everything is asked for.
            rows::fresh(&mut model.book, &model.policy.clone(), START - Micros::hours(2));
        }
        let polls = settle::standing(&model.policy, &mut model.moment);
        let effects = polls.into_iter().map(|poll| Effect::Enqueue(Box::new(poll))).collect();
        model.commit(Reaction { effects, ..Reaction::default() });
        let sales = (0..24).map(|_| (START + Micros::minutes((dice.throw() % 1_200) as i64), dice.throw()));
        let sales = sales.collect();
        let (human, applied) = (BTreeSet::new(), Vec::new());
        let (said, merged, doubled) = (said::some(seed), BTreeSet::new(), BTreeSet::new());
        Self { model, crm: played, dice, sales, seed, said, merged, doubled, human, applied, stops_at: None }
    }

    /// A world in which something is wrong.
    pub(crate) fn broken(seed: u64, broken: Option<Broken>) -> Self {
        let mut world = Self::new(seed);
        world.model.broken = broken;
        if broken == Some(Broken::LooksAtTheWorld) {
            static THROWN: AtomicU64 = AtomicU64::new(1);
            let world_dice = THROWN.fetch_add(1, Ordering::SeqCst);
            world.dice = Moment::new(START, seed ^ (world_dice << 32));
            world.crm.dice = Moment::new(START, seed ^ (world_dice << 32));
        }
        world
    }

    /// Some people are in the CRM before we hear of them, and are not mirrored yet.
    pub(crate) fn known_to_sales(&mut self) {
        for number in 0..LEADS {
            if one_in(&mut self.dice, 3) {
                let owner = ["U1", "U2", "U6", ""][(self.dice.throw() % 4) as usize];
                let fields = Record::new()
                    .with("name", "测试")
                    .with("phone", phone(number))
                    .with("owner_id", owner)
                    .with("status", 2_i64);
                let id = self.crm.insert("lead", fields, START - Micros::days(3));
                self.human.insert(id);
            }
        }
    }

    pub(crate) fn leads(&mut self) -> Vec<LeadId> {
        let mut ids = Vec::new();
        for number in 0..LEADS {
            let phone = phone(number);
            let company =
                ["上海示例机器人有限公司", "示例光电有限公司", ""][(self.dice.throw() % 3) as usize];
            let fields =
                [("name", "测试"), ("phone", phone.as_str()), ("company", company), ("province", "上海")];
            let lead = rows::lead(rows::lead_id(number + 1, START), &fields, START);
            rows::keep_lead(&mut self.model.book, &lead);
            self.model.qualified(&lead, None);
            ids.push(lead.id);
        }
        ids
    }

    pub(crate) fn run(&mut self, until: Timestamp) {
        for _ in 0..20_000 {
            self.exchange();
            self.model.reclaim();
            self.model.tick();
            let sales = self.sales.iter().map(|(at, _)| *at).min();
            let said = self.said.iter().map(|(at, _)| *at).min();
            let next = self.model.next().into_iter().chain(sales).chain(said).min().unwrap_or(until);
            let now = self.model.now();
            if next >= until {
                self.model.moment.now = until;
                return;
            }
            self.model.moment.now = next.max(now + Micros(1));
            self.say();
            self.sell();
        }
        panic!("seed {}: it does not come to rest", self.seed);
    }

    /// Everything due is sent, and what came of it is settled.
    fn exchange(&mut self) {
        loop {
            let claimed = self.model.claim();
            if claimed.is_empty() {
                return;
            }
            for (delivery, operation) in claimed {
                let stops = match &mut self.stops_at {
                    Some(0) => true,
                    Some(more) => {
                        *more -= 1;
                        false
                    }
                    None => false,
                };
                let seen = self.crm.call(&operation, self.model.now());
                self.meddle(&operation);
                match seen {
                    Seen::Outcome(_) if stops => {
                        self.stops_at = None;
                        return;
                    }
                    Seen::Outcome(outcome) => {
                        if matches!(outcome, Outcome::Done(_)) {
                            let place =
                                self.model.deliveries.iter().position(|known| known.id == delivery.id);
                            self.applied.push((delivery.stream.clone(), place.expect("it is there")));
                        }
                        self.model.settle(&delivery, &outcome);
                    }
                    Seen::Died => {}
                }
            }
        }
    }

    /// What a broken product would have sent besides.
    fn meddle(&mut self, operation: &Operation) {
        let Operation::Create { object, record, mark } = operation else { return };
        let now = self.model.now();
        match self.model.broken {
            Some(Broken::SendsTwice) => {
                let record = record.clone().with("leadloop_id", mark.as_str());
                self.crm.insert(object, record, now);
            }
            Some(Broken::GivesToTwo) if object == "lead" => {
                let other = format!("{mark}-2");
                let record = record.clone().with("leadloop_id", other).with("owner_id", "U9");
                self.crm.insert(object, record, now);
            }
            _ => {}
        }
    }

    /// Sales act on some record.
    fn sell(&mut self) {
        let now = self.model.now();
        let (due, rest) = self.sales.iter().partition(|(at, _)| *at <= now);
        self.sales = rest;
        let due: Vec<(Timestamp, u64)> = due;
        for (_, throw) in due {
            let ids: Vec<String> = self.crm.live("lead").map(|(id, _)| id.to_owned()).collect();
            let Some(id) = ids.get((throw % ids.len().max(1) as u64) as usize) else { continue };
            self.human.insert(id.clone());
            let converted =
                self.crm.records[&("lead".to_owned(), id.clone())].fields.get("contact_id").is_some();
            match (throw / 64) % 6 {
                _ if converted => {}
                0 | 1 => self.crm.sales("lead", id, accepted(), now),
                2 | 3 => self.crm.sales("lead", id, returned(2 + (throw / 1_024) % 4), now),
                4 => self.convert(id, (throw / 4_096).is_multiple_of(2)),
                _ => self.crm.sales("lead", id, Record::new().with("owner_id", "U2"), now),
            }
        }
    }

    fn convert(&mut self, id: &str, won: bool) {
        let now = self.model.now();
        let phone = self.crm.records[&("lead".to_owned(), id.to_owned())].fields.get("phone").cloned();
        let fields = Record::new()
            .with("name", "测试")
            .with("phone", phone.unwrap_or_default())
            .with("owner_id", "U2");
        let contact = self.crm.insert("contact", fields, now);
        let deal = Record::new()
            .with("name", "询价")
            .with("contact_id", contact.as_str())
            .with("owner_id", "U2")
            .with("stage", if won { 4_i64 } else { 1 })
            .with("amount", 1_200_i64);
        let deal = self.crm.insert("opportunity", deal, now);
        let set =
            Record::new().with("status", 4_i64).with("contact_id", contact).with("opportunity_id", deal);
        self.crm.sales("lead", id, set, now);
    }

    fn check(&self, leads: &[LeadId]) {
        let seed = self.seed;
        let mut marks: BTreeMap<(String, String), u32> = BTreeMap::new();
        for ((object, _), stored) in self.crm.records.iter().filter(|(_, stored)| !stored.deleted) {
            if let Some(mark) = stored.fields.text("leadloop_id") {
                *marks.entry((object.clone(), mark.to_owned())).or_default() += 1;
            }
        }
        let doubles: Vec<_> = marks.iter().filter(|(_, count)| **count > 1).collect();
        assert!(doubles.is_empty(), "seed {seed}: {doubles:?}");
        for handoff in self.model.book.handoffs.values() {
            let settled = !matches!(handoff.state, HandoffState::Asking | HandoffState::Telling);
            assert!(settled, "seed {seed}: {} is still {}", handoff.id, handoff.state.as_str());
            if handoff.state == HandoffState::WithSales {
                assert!(handoff.due.is_some(), "seed {seed}: {} has no clock", handoff.id);
            }
            assert!(handoff.state != HandoffState::Parked, "seed {seed}: {:?}", handoff.parked);
        }
        for lead in leads {
            assert!(self.model.handoff(*lead).is_some(), "seed {seed}: every lead has its hand-over");
        }
        let open = self.open_handoffs();
        assert!(open.values().all(|count| *count == 1), "seed {seed}: a person is with sales once: {open:?}");
        for delivery in &self.model.deliveries {
            let ended = delivery.state == DeliveryState::Settled;
            assert!(ended || delivery.purpose == Purpose::Poll, "seed {seed}: {delivery:?}");
        }
    }

    /// No echo: with nobody acting, polling on brings nothing.
    fn quiet(&mut self) {
        self.sales.clear();
        let (ends, sent) = (self.model.ends.len(), self.model.deliveries.len());
        let until = self.model.now() + Micros::hours(3);
        self.run(until);
        let told: Vec<_> =
            self.model.deliveries.iter().skip(sent).map(|d| (&d.purpose, &d.operation)).collect();
        assert_eq!(self.model.ends.len(), ends, "seed {}: an echo came back", self.seed);
        assert!(told.is_empty(), "seed {}: {told:?}", self.seed);
    }
}

fn phone(number: u64) -> String {
    format!("+861390000{:04}", 1_000 + number)
}

fn accepted() -> Record {
    Record::new().with("status", 3_i64).with("feedback", 1_i64)
}

fn returned(feedback: u64) -> Record {
    Record::new()
        .with("status", 5_i64)
        .with("feedback", Value::Int(feedback as i64))
        .with("feedback_remark", "测试备注")
        .with("owner_id", Value::Null)
}

/// A game of leads that nobody of sales knew, in which only people and the dice act.
pub(crate) fn merged(seed: u64) -> World {
    let mut world = World::new(seed);
    world.sales.clear();
    world.leads();
    world.run(START + Micros::hours(21));
    world.crm.faults = Faults::default();
    world.run(START + Micros::hours(26));
    world
}

fn live(seed: u64) -> World {
    let mut world = World::new(seed);
    world.known_to_sales();
    let leads = world.leads();
    world.run(START + Micros::hours(21));
    world.crm.faults = Faults::default();
    world.run(START + Micros::hours(26));
    world.check(&leads);
    world.quiet();
    world
}

#[test]
fn one_record_for_each_mark_and_an_end_for_each_hand_over() {
    for seed in 0..120 {
        live(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [3, 17, 40] {
        let (one, other) = (live(seed), live(seed));
        assert_eq!(one.model.reasons, other.model.reasons, "seed {seed}");
        assert_eq!(one.model.book, other.model.book, "seed {seed}");
        assert_eq!(one.model.decisions, other.model.decisions, "seed {seed}");
    }
}

#[test]
fn a_dead_line_is_no_answer() {
    // A delivery whose every answer is lost is sent again only where its mark was not found twice.
    let mut world = World::new(5);
    world.crm.faults = Faults::default();
    world.crm.unique_marks = false;
    if let Some(crm) = world.model.policy.crms.get_mut(&crm()) {
        crm.mark_unique = false;
    }
    let lead = rows::lead(rows::lead_id(1, START), &[("phone", "13900000001"), ("province", "上海")], START);
    rows::keep_lead(&mut world.model.book, &lead);
    rows::fresh(&mut world.model.book, &world.model.policy.clone(), START);
    world.model.qualified(&lead, None);
    let claimed = world.model.claim();
    let (delivery, operation) =
        claimed.into_iter().find(|(delivery, _)| delivery.purpose == Purpose::Handover).expect("it is told");
    // The CRM writes it, nobody hears of it.
    world.crm.answer(&operation, START);
    let lost = Outcome::Unavailable { sent: true, detail: "closed".to_owned() };
    world.model.settle(&delivery, &lost);
    world.run(START + Micros::hours(1));
    assert_eq!(world.crm.live("lead").count(), 1);
    let handoff = world.model.handoff(lead.id).expect("a hand-over");
    assert_eq!(handoff.state, HandoffState::WithSales);
    assert_eq!(handoff.remote.as_ref().map(|remote| remote.object.as_str()), Some("lead"));
}
