//! The nine properties that a simulation checks, and that each check bites: the test world (never the product) is broken on
//! purpose in the way a property forbids, and the check of that property must say so, while an unbroken world passes all.
//!
//! | # | property | checked | also in |
//! |---|---|---|---|
//! | 1 | every kept capture ends in exactly one place | here, shell | `year`, tests/it/kill.rs, torture.rs |
//! | 2 | no two active owners for one person, unless a human did it | here, shell | `model` at each commit, `year` |
//! | 3 | at most one record for each mark | here, `dice`, shell | tests/it/kill.rs, torture.rs |
//! | 4 | deliveries of a stream are applied in order | here, shell | store/tests/it/outbox.rs |
//! | 5 | no link exceeds its limit in any window | shell, server/tests/it/windows.rs | server/src/limits.rs |
//! | 6 | every hand-over comes to an end or has a clock | here, `dice`, shell | `year` |
//! | 7 | neither side overwrites what is the other's | ../step, shell | ../step/drift.rs |
//! | 8 | stopping anywhere reaches the same rest | here, shell | `year`, tests/it/kill.rs |
//! | 9 | the same seed gives the same trace | here, `dice`, ../step, shell | `year` |
//!
//! *Shell* is the second tier, server/tests/it/sim: whole nodes, real SQLite. Both tiers share the checks
//! ([`leadloop_testing::nine`]); each breaks what it plays in its own way. The third tier is tests/it/torture.rs.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::Record;
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::handoff::HandoffState;
use leadloop_sync_core::ids::{DeliveryId, LeadId};
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Lane, Operation, Purpose};
use leadloop_sync_core::time::Micros;
use leadloop_testing::nine;

use crate::dice::{START, World};
use crate::support::crm::Faults;
use crate::support::model::Broken;
use crate::support::policy::crm;

const SEEDS: u64 = 24;

/// A world that lived a day, with everything that may go wrong, and came to rest.
fn lived(seed: u64, broken: Option<Broken>) -> World {
    let mut world = World::broken(seed, broken);
    world.known_to_sales();
    let leads = world.leads();
    notes(&mut world, &leads);
    world.run(START + Micros::hours(21));
    world.crm.faults = Faults::default();
    world.run(START + Micros::hours(26));
    world
}

/// Three notes on each lead wait behind one another.
fn notes(world: &mut World, leads: &[LeadId]) {
    for (number, lead) in leads.iter().enumerate() {
        for _ in 0..3 {
            let now = world.model.now();
            let id: DeliveryId = world.model.moment.id();
            let mark = id.to_string();
            let record = Record::new().with("subject", "测试").with("leadloop_id", mark.as_str());
            let note = Delivery {
                id,
                seq: 0,
                link: crm(),
                stream: format!("notes/{number}"),
                lane: Lane::Normal,
                purpose: Purpose::Brief,
                operation: Operation::Create { object: "activity".to_owned(), record, mark },
                lead: Some(*lead),
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
            let effects = vec![Effect::Enqueue(Box::new(note))];
            world.model.commit(Reaction { effects, ..Reaction::default() });
        }
    }
}

/// Numbers of the properties that do not hold.
fn found(world: &World) -> BTreeSet<u8> {
    let checks: [(u8, bool); 5] = [
        (1, captures_end_once(world)),
        (2, one_owner(world)),
        (3, one_record_for_each_mark(world)),
        (4, in_order(world)),
        (6, comes_to_an_end(world)),
    ];
    checks.into_iter().filter(|(_, holds)| !holds).map(|(number, _)| number).collect()
}

fn captures_end_once(world: &World) -> bool {
    nine::ends_once(&world.model.captured, &world.model.ended)
}

/// Records that no human touched: one owner for a person.
fn one_owner(world: &World) -> bool {
    let ours = world.crm.live("lead").filter(|(id, _)| !world.human.contains(*id));
    let owned =
        ours.filter_map(|(_, stored)| Some((stored.fields.text("phone")?, stored.fields.text("owner_id")?)));
    nine::owned_twice(owned).is_empty() && world.open_handoffs().values().all(|count| *count == 1)
}

fn one_record_for_each_mark(world: &World) -> bool {
    let live = world.crm.records.iter().filter(|(_, stored)| !stored.deleted);
    let marked =
        live.filter_map(|((object, _), stored)| Some((object.as_str(), stored.fields.text("leadloop_id")?)));
    nine::marked_twice(marked).is_empty()
}

fn in_order(world: &World) -> bool {
    nine::in_order(world.applied.iter().map(|(stream, place)| (stream.as_str(), *place)))
}

fn comes_to_an_end(world: &World) -> bool {
    let model = &world.model;
    model.book.handoffs.values().all(|handoff| match handoff.state {
        HandoffState::Asking | HandoffState::Telling => false,
        HandoffState::WithSales => {
            let waits = model.deadlines.values().any(|deadline| deadline.handoff == Some(handoff.id));
            handoff.due.is_some() && waits
        }
        _ => true,
    })
}

#[test]
fn an_unbroken_world_keeps_them_all() {
    for seed in 0..SEEDS {
        assert_eq!(found(&lived(seed, None)), BTreeSet::new(), "seed {seed}");
    }
}

#[test]
fn each_is_found_when_it_is_broken() {
    for (number, broken) in [
        (1, Broken::LosesCaptures),
        (2, Broken::GivesToTwo),
        (3, Broken::SendsTwice),
        (4, Broken::AnyOrder),
        (6, Broken::ForgetsClocks),
    ] {
        let by = (0..SEEDS).find(|seed| found(&lived(*seed, Some(broken))).contains(&number));
        assert!(by.is_some(), "{broken:?}: property {number} was broken and nobody noticed");
    }
}

/// What is left in the end, without ids, times and whose turn it was: how many records each person has, how many of them
/// have an owner, and how the hand-overs ended.
fn rest(world: &World) -> Vec<String> {
    let mut people: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for (_, stored) in world.crm.live("lead") {
        let of = people.entry(stored.fields.text("phone").unwrap_or_default()).or_default();
        of.0 += 1;
        of.1 += u32::from(stored.fields.text("owner_id").is_some());
    }
    let notes = world.crm.live("activity").count();
    let handoffs = world.model.book.handoffs.values();
    let mut rest: Vec<String> =
        handoffs.map(|handoff| format!("{:?}, owner {}", handoff.state, handoff.owner.is_some())).collect();
    rest.sort();
    rest.push(format!("{people:?}, {notes} notes"));
    rest
}

/// A world without faults in which the node stops right after its `stop`th call, whose answer it never hears.
fn stopped(stop: Option<usize>, broken: Option<Broken>) -> Vec<String> {
    let mut world = World::broken(4, broken);
    world.crm.faults = Faults::default();
    world.sales.clear();
    world.said.clear();
    world.stops_at = stop;
    world.leads();
    world.run(START + Micros::hours(3));
    rest(&world)
}

#[test]
fn stopping_anywhere_reaches_the_same_rest() {
    let undisturbed = stopped(None, None);
    for stop in 0..40 {
        assert_eq!(stopped(Some(stop), None), undisturbed, "stopped after call {stop}");
    }
    let broken = (0..40).find(|stop| stopped(Some(*stop), Some(Broken::ForgetsClaims)) != undisturbed);
    assert!(broken.is_some(), "a node that forgets what it had under way is found out");
}

#[test]
fn the_same_seed_gives_the_same_trace_or_is_found_out() {
    let same = |broken| {
        let (one, other) = (lived(3, broken), lived(3, broken));
        one.model.reasons == other.model.reasons && one.applied == other.applied
    };
    assert!(same(None));
    assert!(!same(Some(Broken::LooksAtTheWorld)), "dice from elsewhere are found out");
}
