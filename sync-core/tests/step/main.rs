//! Fields kept in step both ways, as a game of two systems: random edits on both sides, lost answers, nodes that die, pages
//! that are late, clocks that differ by minutes. When all is quiet both sides agree by policy, no field holds a value nobody
//! wrote or one that its own side had replaced, and traffic has stopped.
//!
//! `LEADLOOP_SEEDS=10000` plays so many games; `LEADLOOP_SEED=17` plays that one and tells it.
#![expect(clippy::expect_used, clippy::panic, reason = "tests fail by it")]
#![expect(clippy::disallowed_methods, reason = "how many games are played is said from outside")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the road's tests use the rest")]
mod support;

mod asks;
mod drift;
mod preview;
mod sweep;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use leadloop_mapping::compile::Ground;
use leadloop_mapping::rule::{Rule, Way, Wins};
use leadloop_mapping::schema::FieldKind;
use leadloop_mapping::{FieldSchema, Mapping, ObjectSchema, Record, Value};
use leadloop_sync_core::capture::{CaptureKind, Captured, DedupKey, Identifier, Ties};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::ids::{LeadId, SourceName};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Lane, Operation, Purpose};
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_sync_core::{absorb, settle};

use support::crm::{Crm, Faults, Seen};
use support::model::Model;
use support::policy::{crm, standard};
use support::rows;

/// 2026-11-23 10:00 in Shanghai.
const START: Timestamp = Timestamp(1_795_399_200_000_000);
const FIELDS: usize = 20;
const EDITS: u64 = 60;
/// People edit for so long.
const BUSY: Micros = Micros::hours(6);

fn wins(field: usize) -> Wins {
    match field {
        0..8 => Wins::Newest,
        8..12 => Wins::Crm,
        12..15 => Wins::Pool,
        15..18 => Wins::CrmUnlessBlank,
        _ => Wins::Ask,
    }
}

/// Who edits a field: both, or one side alone (then nothing of it may ever be lost).
fn edits(field: usize, side: Side) -> bool {
    match field % 4 {
        0 => side == Side::Pool,
        1 => side == Side::Crm,
        _ => true,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Pool,
    Crm,
}

fn pool_name(field: usize) -> String {
    format!("field_{field}")
}

fn crm_name(field: usize) -> String {
    format!("c{field}")
}

fn mapping() -> Mapping {
    mapping_of("lead", 0..FIELDS)
}

fn mapping_of(object: &str, fields: std::ops::Range<usize>) -> Mapping {
    let mut pool = ObjectSchema::new("pool").field("phone", FieldSchema::of(FieldKind::Phone));
    let mut remote = ObjectSchema::new(object).field("phone", FieldSchema::of(FieldKind::Phone));
    let mut rules = vec![Rule { pool: "phone".into(), crm: "phone".into(), ..Rule::default() }];
    for field in fields {
        pool = pool.field(pool_name(field), FieldSchema::of(FieldKind::Text));
        remote = remote.field(crm_name(field), FieldSchema::of(FieldKind::Text));
        rules.push(Rule {
            pool: pool_name(field).as_str().into(),
            crm: crm_name(field).as_str().into(),
            way: Way::Both,
            wins: Some(wins(field)),
            ..Rule::default()
        });
    }
    let filled = BTreeSet::new();
    let ground = Ground { pool: &pool, crm: &remote, zone: "Asia/Shanghai", filled: &filled };
    leadloop_mapping::compile(&rules, ground).expect("the rules are right")
}

/// One game.
struct Game {
    model: Model,
    crm: Crm,
    dice: Moment,
    lead: LeadId,
    /// The CRM's clock is so much ahead.
    skew: Micros,
    edits: Vec<(Timestamp, Side)>,
    /// What each side wrote into a field, in order.
    written: BTreeMap<(usize, Side), Vec<String>>,
    seed: u64,
    count: u64,
    /// How often something else was told of the record.
    told: i64,
    /// The product writes what is old already.
    overwrites: bool,
}

impl Game {
    fn new(seed: u64) -> Self {
        let mut dice = Moment::new(START, seed.wrapping_mul(2_654_435_761).wrapping_add(1));
        let mut policy = standard();
        let settings = policy.crms.get_mut(&crm()).expect("the CRM");
        // Nothing else happens here, and polls of empty lists are most of what a game would cost.
        settings.mirrored = vec!["lead".to_owned()];
        settings.mapping.insert("lead".to_owned(), mapping());
        settings.every_busy = Micros::minutes(1 + i64::try_from(dice.throw() % 4).expect("small"));
        let mut played = Crm::new(dice.throw());
        played.unique_marks = true;
        played.faults = Faults {
            lost_answer: dice.throw() % 20,
            throttle: dice.throw() % 15,
            down: dice.throw() % 15,
            expired: 0,
            node_dies: dice.throw() % 10,
        };
        let mut model = Model::new(policy, START, dice.throw());
        let polls = settle::standing(&model.policy, &mut model.moment);
        let effects = polls.into_iter().map(|poll| Effect::Enqueue(Box::new(poll))).collect();
        model.commit(Reaction { effects, ..Reaction::default() });
        let fields = [("name", "测试"), ("phone", "13900000001"), ("province", "上海")];
        let lead = rows::lead(rows::lead_id(1, START), &fields, START);
        rows::keep_lead(&mut model.book, &lead);
        rows::fresh(&mut model.book, &model.policy.clone(), START);
        model.qualified(&lead, None);
        let skew = Micros::seconds(i64::try_from(dice.throw() % 600).expect("small") - 300);
        let mut edits: Vec<(Timestamp, Side)> = Vec::new();
        for _ in 0..EDITS {
            let at = START
                + Micros::minutes(30)
                + Micros(i64::try_from(dice.throw() % BUSY.0.unsigned_abs()).expect("small"));
            edits.push((at, if dice.throw().is_multiple_of(2) { Side::Pool } else { Side::Crm }));
        }
        edits.sort();
        let lead = lead.id;
        Self {
            model,
            crm: played,
            dice,
            lead,
            skew,
            edits,
            written: BTreeMap::new(),
            seed,
            count: 0,
            told: 0,
            overwrites: false,
        }
    }

    fn record(&self) -> Option<RemoteRef> {
        let live: Vec<String> = self.crm.live("lead").map(|(id, _)| id.to_owned()).collect();
        assert!(live.len() <= 1, "seed {}: {live:?}", self.seed);
        live.first().map(|id| rows::remote("lead", id))
    }

    fn run(&mut self, until: Timestamp) {
        for _ in 0..20_000 {
            self.exchange();
            self.model.reclaim();
            self.model.tick();
            let next = self
                .model
                .next()
                .into_iter()
                .chain(self.edits.first().map(|(at, _)| *at))
                .min()
                .unwrap_or(until);
            let now = self.model.now();
            if next >= until {
                self.model.moment.now = until;
                return;
            }
            self.model.moment.now = next.max(now + Micros(1));
            while self.edits.first().is_some_and(|(at, _)| *at <= self.model.now()) {
                let (_, side) = self.edits.remove(0);
                self.edit(side);
            }
        }
        let open: Vec<_> =
            self.model.deliveries.iter().filter(|it| it.state != DeliveryState::Settled).collect();
        panic!("seed {}: it does not come to rest: {open:#?}", self.seed);
    }

    fn exchange(&mut self) {
        loop {
            let claimed = self.model.claim();
            if claimed.is_empty() {
                return;
            }
            for (delivery, mut operation) in claimed {
                if let (true, Operation::Update { record, .. }) = (self.overwrites, &mut operation) {
                    let fields: Vec<String> =
                        record.0.keys().filter(|name| name.starts_with('c')).cloned().collect();
                    for field in fields {
                        record.set(field, "what was there long ago");
                    }
                }
                let there = self.model.now() + self.skew;
                match self.crm.call(&operation, there) {
                    Seen::Outcome(outcome) => self.model.settle(&delivery, &outcome),
                    Seen::Died => {}
                }
            }
        }
    }

    /// Somebody writes a new value, or empties a field, on one side.
    fn edit(&mut self, side: Side) {
        let Some(remote) = self.record() else { return };
        if self.model.handoff(self.lead).and_then(|handoff| handoff.remote.clone()).is_none() {
            return;
        }
        self.write(side, &remote);
        if side == Side::Pool && self.dice.throw().is_multiple_of(2) {
            self.tell(remote);
        }
    }

    /// Something else is told of the record, up to four times in a row: a status, an owner, an answer.
    fn tell(&mut self, remote: RemoteRef) {
        for _ in 0..=(self.dice.throw() % 4) {
            self.told += 1;
            let field = format!("told_{}", self.told % 3);
            let record = Record::new().with("told", self.told).with(field, self.told);
            let now = self.model.now();
            let delivery = Delivery {
                id: self.model.moment.id(),
                seq: 0,
                link: crm(),
                stream: format!("lead/{}", self.lead.uuid().simple()),
                lane: Lane::Hot,
                purpose: Purpose::Status,
                operation: Operation::Update { remote: remote.clone(), record },
                lead: Some(self.lead),
                handoff: None,
                state: DeliveryState::Due,
                due_at: now,
                attempt: 0,
                probe: None,
                created_at: now,
                joined: None,
                standing: None,
                run: None,
            };
            let effects = vec![Effect::Enqueue(Box::new(delivery))];
            self.model.commit(Reaction { effects, ..Reaction::default() });
        }
    }

    fn write(&mut self, side: Side, remote: &RemoteRef) {
        let mut fields = Record::new();
        for _ in 0..=(self.dice.throw() % 3) {
            let field = usize::try_from(self.dice.throw() % FIELDS as u64).expect("small");
            if !edits(field, side) {
                continue;
            }
            self.count += 1;
            let value = format!("{side:?}-{}", self.count);
            self.written.entry((field, side)).or_default().push(value.clone());
            let name = if side == Side::Pool { pool_name(field) } else { crm_name(field) };
            fields.set(name, value);
        }
        if fields.is_empty() {
            return;
        }
        match side {
            Side::Crm => {
                let now = self.model.now();
                self.crm.sales("lead", &remote.id, fields, now + self.skew);
            }
            Side::Pool => self.pool_says(fields),
        }
    }

    /// A source brings new values.
    fn pool_says(&mut self, fields: Record) {
        self.take_in(CaptureKind::Touch, fields);
    }

    fn take_in(&mut self, kind: CaptureKind, fields: Record) {
        let now = self.model.now();
        self.count += 1;
        let captured = Captured {
            id: self.model.moment.id(),
            push: None,
            position: 0,
            source: SourceName::from("website"),
            key: DedupKey::Event(format!("edit-{}", self.count)),
            at: now,
            arrived: now,
            kind,
            touch: "form_submitted".to_owned(),
            who: vec![Identifier::new("phone", "+8613900000001")],
            ties: Ties::default(),
            fields,
        };
        let told = std::slice::from_ref(&captured);
        let book = self.model.asked(told, absorb::needs, absorb::needs_more);
        self.model.react(&book, |book, policy, moment| absorb::absorb(book, &captured, policy, moment));
    }

    fn values(&self, field: usize) -> (String, String) {
        let lead = self.model.book.leads.get(&self.lead).expect("the lead");
        let pool =
            lead.profile.get(&pool_name(field)).map(|fact| fact.value.to_display()).unwrap_or_default();
        let remote = self.record().expect("the record");
        let stored = &self.crm.records[&(remote.object, remote.id)];
        let crm = stored.fields.get(&crm_name(field)).map(Value::to_display).unwrap_or_default();
        (pool, crm)
    }

    fn check(&self) {
        let seed = self.seed;
        let remote = self.record().expect("the hand-over arrived");
        let link = self.model.book.links.get(&remote).expect("it is ours");
        for field in 0..FIELDS {
            let (pool, crm) = self.values(field);
            let last = |side| self.written.get(&(field, side)).and_then(|values| values.last()).cloned();
            let lasts: Vec<String> = [last(Side::Pool), last(Side::Crm)].into_iter().flatten().collect();
            let about = format!(
                "seed {seed}: field {field} ({:?}): pool {pool:?}, CRM {crm:?}, last {lasts:?}",
                wins(field)
            );
            if link.in_step.asks.contains_key(&crm_name(field)) {
                assert_eq!(wins(field), Wins::Ask, "{about}: only these ask");
                assert!(edits(field, Side::Pool) && edits(field, Side::Crm), "{about}: nobody to ask about");
                continue;
            }
            assert_eq!(pool, crm, "{about}");
            if lasts.is_empty() {
                assert_eq!(pool, "", "{about}: nobody wrote that");
            } else {
                assert!(lasts.contains(&pool), "{about}: replaced by its own side, or written by nobody");
            }
        }
        let stored = &self.crm.records[&(remote.object.clone(), remote.id.clone())];
        let last = |rest: i64| (1..=self.told).rev().find(|told| told % 3 == rest);
        for (field, value) in [
            ("told", Some(self.told).filter(|told| *told > 0)),
            ("told_0", last(0)),
            ("told_1", last(1)),
            ("told_2", last(2)),
        ] {
            let expected = value.map(|told| Value::from(told).to_display());
            let (there, agreed) = (stored.fields.get(field), link.agreed.get(field));
            assert_eq!(there.map(Value::to_display), expected, "seed {seed}: {field} in the CRM");
            assert_eq!(agreed.map(Value::to_display), expected, "seed {seed}: {field} as agreed");
        }
        for delivery in &self.model.deliveries {
            let ended = delivery.state == DeliveryState::Settled || delivery.purpose == Purpose::Poll;
            assert!(ended, "seed {seed}: {delivery:?}");
        }
        assert!(
            link.in_step.looking.is_none() && link.in_step.under_way.is_empty(),
            "seed {seed}: {:?}",
            link.in_step
        );
    }

    /// With nobody editing, nothing is said any more but polls.
    fn quiet(&mut self) {
        let sent = self.model.deliveries.len();
        let ends = self.model.ends.len();
        let until = self.model.now() + Micros::hours(3);
        self.run(until);
        let said: Vec<_> =
            self.model.deliveries.iter().skip(sent).map(|it| (&it.purpose, &it.operation)).collect();
        assert!(said.is_empty(), "seed {}: {said:?}", self.seed);
        assert_eq!(self.model.ends.len(), ends, "seed {}: an echo came back", self.seed);
    }
}

fn play(seed: u64) -> Game {
    let mut game = Game::new(seed);
    game.run(START + BUSY + Micros::hours(2));
    game.crm.faults = Faults::default();
    game.run(START + BUSY + Micros::hours(8));
    game.check();
    game.quiet();
    game.check();
    game
}

#[test]
fn both_sides_agree_when_all_is_quiet() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("LEADLOOP_SEED") {
        let game = play(seed);
        for reason in &game.model.reasons {
            println!("{} {:?}", reason.code, reason.args);
        }
        return;
    }
    let seeds = number("LEADLOOP_SEEDS").unwrap_or(60);
    let at_once = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let joins = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let joins = &joins;
        for first in 0..at_once {
            // A game that fails names its seed; the others go on, and the test fails when all are through.
            scope.spawn(move || {
                (first..seeds).step_by(usize::try_from(at_once).expect("few")).for_each(|seed| {
                    joins.fetch_add(play(seed).model.joins, Ordering::Relaxed);
                });
            });
        }
    });
    assert!(joins.into_inner() > 0, "updates that wait behind one another are said as one");
}

#[test]
fn what_the_pool_learns_while_the_hand_over_is_told_arrives_too() {
    for seed in 0..20 {
        let mut game = Game::new(seed);
        // The record is on its way with what was known before.
        game.write(Side::Pool, &rows::remote("lead", "none yet"));
        game.write(Side::Pool, &rows::remote("lead", "none yet"));
        game.crm.faults = Faults::default();
        game.edits.clear();
        game.run(START + Micros::hours(2));
        game.check();
        game.quiet();
    }
}

/// That somebody would notice: a product that writes over what is not its own is found out by the check of every game.
#[test]
fn a_side_that_is_written_over_is_found_out() {
    let found = (0..6).any(|seed| {
        std::panic::catch_unwind(|| {
            let mut game = Game::new(seed);
            game.overwrites = true;
            game.run(START + BUSY + Micros::hours(2));
            game.crm.faults = Faults::default();
            game.run(START + BUSY + Micros::hours(8));
            game.check();
        })
        .is_err_and(|said| {
            let said = said.downcast_ref::<String>().map(String::as_str).unwrap_or_default();
            said.contains("replaced by its own side, or written by nobody")
        })
    });
    assert!(found);
}

#[test]
fn the_same_seed_plays_the_same_game() {
    for seed in [2, 11] {
        let (one, other) = (play(seed), play(seed));
        assert_eq!(one.model.reasons, other.model.reasons, "seed {seed}");
        assert_eq!(one.model.book, other.model.book, "seed {seed}");
    }
}
