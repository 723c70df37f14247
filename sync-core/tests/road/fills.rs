//! Records that are made without a hand-over, of leads that turn out to be one person before they are: one record.

use std::collections::BTreeMap;

use leadloop_sync_core::fill::{self, Run};
use leadloop_sync_core::handoff::HandoffState;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::{Lead, Stage};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Operation, Outcome, Purpose};
use leadloop_sync_core::routing::{Dealings, dealings_key};
use leadloop_sync_core::time::Micros;

use crate::persons::{START, hand_over, join, join_by_rule, person, records, told, two, unjoin};
use crate::support::crm::{Crm, Faults, Seen};
use crate::support::model::Model;
use crate::support::policy::{crm as sales, standard};
use crate::support::rows::{keep_lead, lead, lead_id};

const RUN: &str = "backfill-1";

/// The records of these leads are ordered.
fn order(model: &mut Model, leads: &[LeadId]) {
    for lead in leads {
        let leads = std::slice::from_ref(lead);
        let mut book = model.book.view(&fill::needs(leads, &sales(), Some(RUN)));
        let more = fill::needs_more(&book, leads, &model.policy);
        model.book.view_into(&mut book, &more);
        let owners = fill::needs_owners(&book, leads, &sales(), &model.policy, model.now());
        model.book.view_into(&mut book, &owners);
        let order = (&sales(), RUN);
        model.react(&book, |book, policy, moment| fill::react(book, *lead, order, policy, moment));
    }
}

fn run(model: &Model) -> Run {
    Run::read(model.book.counters.get(&Run::key(RUN))).expect("a run")
}

/// Until nothing is left to be sent.
fn all_told(model: &mut Model, crm: &mut Crm) {
    for _ in 0..50 {
        told(model, crm);
        let due = model.deliveries.iter().filter(|told| told.state == DeliveryState::Due);
        let Some(next) = due.map(|told| told.due_at).min() else { return };
        model.moment.now = next.max(model.now());
    }
    panic!("it goes round and round");
}

fn dealings(model: &Model, lead: LeadId) -> Dealings {
    let known = model.book.counters.get(&dealings_key(lead));
    known.map(|json| serde_json::from_value(json.clone()).expect("a document")).unwrap_or_default()
}

#[test]
fn two_that_wait_and_become_one_person_get_one_record() {
    let (mut model, mut crm, one, other) = two();
    order(&mut model, &[other, one]);
    assert_eq!(run(&model).under_way(), 2);
    join(&mut model, one, other);
    all_told(&mut model, &mut crm);
    assert_eq!(records(&crm).len(), 1);
    let run = run(&model);
    assert_eq!((run.written, run.met, run.refused, run.under_way()), (1, 1, 0, 0));
    assert_eq!(person(&model, one).remotes.len(), 1);
    assert!(dealings(&model, one).filling.is_empty() && dealings(&model, other).filling.is_empty());
}

#[test]
fn one_that_waits_makes_no_second_record_of_a_person_who_has_one() {
    let (mut model, mut crm, one, other) = two();
    order(&mut model, &[one]);
    all_told(&mut model, &mut crm);
    order(&mut model, &[other]);
    join(&mut model, one, other);
    all_told(&mut model, &mut crm);
    assert_eq!(records(&crm).len(), 1);
    let run = run(&model);
    assert_eq!((run.written, run.met), (1, 1));
    assert!(model.reasons.iter().any(|reason| reason.code == "fill_met"));
}

#[test]
fn one_that_waits_becomes_the_record_of_the_person_it_is_now() {
    let (mut model, mut crm, one, other) = two();
    order(&mut model, &[other]);
    join(&mut model, one, other);
    assert_eq!(dealings(&model, one).filling[&sales()].lead, other);
    all_told(&mut model, &mut crm);
    assert_eq!(records(&crm).len(), 1);
    assert_eq!(person(&model, one).remotes.len(), 1);
    assert!(dealings(&model, one).filling.is_empty(), "nothing is under way any more");
}

#[test]
fn a_hand_over_of_the_person_stands_behind_it() {
    let (mut model, mut crm, one, other) = two();
    order(&mut model, &[other]);
    join(&mut model, one, other);
    // Its record is sent at this moment, and the answer is lost.
    model.moment.now = model.now() + Micros::seconds(1);
    let claimed = model.claim();
    assert_eq!(claimed.len(), 1);
    hand_over(&mut model, &mut crm, one);
    assert_eq!(records(&crm).len(), 0, "nobody asks before the record is there");
    for (delivery, operation) in claimed {
        let outcome = crm.answer(&operation, model.now());
        model.settle(&delivery, &outcome);
    }
    all_told(&mut model, &mut crm);
    assert_eq!(records(&crm).len(), 1, "the record that was on its way is handed over");
    assert_eq!(person(&model, one).stage, Stage::WithSales);
}

#[test]
fn it_waits_for_a_hand_over_that_is_being_told() {
    let (mut model, mut crm, one, other) = two();
    order(&mut model, &[other]);
    // The record of the hand-over is on its way when both turn out to be one person.
    let lead = person(&model, one).clone();
    model.qualified(&lead, None);
    let create = loop {
        model.moment.now = model.now() + Micros::seconds(1);
        let claimed = model.claim();
        let (mut fills, mut others): (Vec<_>, Vec<_>) =
            claimed.into_iter().partition(|(delivery, _)| delivery.purpose == Purpose::Fill);
        if let Some((fill, _)) = fills.pop() {
            let known = model.deliveries.iter_mut().find(|known| known.id == fill.id).expect("there");
            known.state = DeliveryState::Due;
        }
        if let Some(create) = others.pop().filter(|(delivery, _)| delivery.purpose == Purpose::Handover) {
            break create;
        }
    };
    join(&mut model, one, other);
    told(&mut model, &mut crm);
    assert_eq!(records(&crm).len(), 0, "it waits");
    let outcome = crm.answer(&create.1, model.now());
    model.settle(&create.0, &outcome);
    all_told(&mut model, &mut crm);
    assert_eq!(records(&crm).len(), 1);
    assert_eq!(run(&model).met, 1);
}

/// A hand-over is decided for somebody new; its record waits.
fn waits_to_be_told(model: &mut Model, crm: &mut Crm, lead: LeadId) {
    let known = person(model, lead).clone();
    model.qualified(&known, None);
    while model.book.open_handoff(lead).is_none_or(|handoff| handoff.state != HandoffState::Telling) {
        model.moment.now = model.now() + Micros::seconds(1);
        for (delivery, operation) in model.claim() {
            let outcome = crm.answer(&operation, model.now());
            model.settle(&delivery, &outcome);
        }
    }
}

#[test]
fn a_hand_over_that_waits_goes_with_the_record_of_the_person_it_is_now() {
    let (mut model, mut crm, one, other) = two();
    order(&mut model, &[one]);
    all_told(&mut model, &mut crm);
    waits_to_be_told(&mut model, &mut crm, other);
    join(&mut model, one, other);
    all_told(&mut model, &mut crm);
    assert_eq!((records(&crm).len(), open(&model)), (1, vec![HandoffState::WithSales]));
    let told = model.book.open_handoff(one).expect("with sales");
    assert_eq!(told.remote.as_ref(), person(&model, one).remotes.first());
    assert!(model.reasons.iter().any(|reason| reason.code == "duplicate_in_crm"));
}

#[test]
fn what_was_tried_before_is_looked_for_before_another_is_made() {
    let (mut model, mut crm, one, other) = two();
    for lead in [one, other] {
        waits_to_be_told(&mut model, &mut crm, lead);
    }
    // The second's record is made, and the answer lost; the first's was not sent yet.
    model.moment.now = model.now() + Micros::seconds(1);
    for (delivery, operation) in model.claim() {
        let sent = delivery.lead == Some(other);
        if sent {
            crm.answer(&operation, model.now());
        }
        model.settle(&delivery, &Outcome::Unavailable { sent, detail: "no answer".to_owned() });
    }
    join(&mut model, one, other);
    all_told(&mut model, &mut crm);
    assert_eq!((records(&crm).len(), open(&model)), (1, vec![HandoffState::WithSales]));
}

#[test]
fn parted_again_each_gets_its_own() {
    let (mut model, mut crm, one, other) = two();
    order(&mut model, &[one, other]);
    join(&mut model, one, other);
    unjoin(&mut model, other);
    all_told(&mut model, &mut crm);
    assert_eq!(records(&crm).len(), 2);
    assert_eq!((person(&model, one).remotes.len(), person(&model, other).remotes.len()), (1, 1));
    assert!(dealings(&model, one).filling.is_empty() && dealings(&model, other).filling.is_empty());
}

/// The record of a lead was deleted in a CRM whose rule is that it is handed over again by hand only.
fn detach(model: &mut Model, lead: LeadId) {
    let mut known = dealings(model, lead);
    known.detached.insert(sales());
    model.book.counters.insert(dealings_key(lead), known.to_json());
}

fn open(model: &Model) -> Vec<HandoffState> {
    let open = model.book.handoffs.values().filter(|handoff| handoff.state.is_open());
    open.map(|handoff| handoff.state).collect()
}

#[test]
fn whose_record_was_deleted_is_not_handed_over_through_a_merge() {
    let (mut model, mut crm, one, other) = two();
    detach(&mut model, other);
    join(&mut model, one, other);
    hand_over(&mut model, &mut crm, one);
    assert_eq!((records(&crm).len(), open(&model)), (0, vec![]));
    assert!(model.reasons.iter().any(|reason| reason.code == "deleted_there"));
    order(&mut model, &[one]);
    assert_eq!(run(&model).tally.of(fill::Fate::DeletedThere), 1);

    // Two again: only the one whose record it was is passed on by hand.
    unjoin(&mut model, other);
    hand_over(&mut model, &mut crm, one);
    assert_eq!(open(&model), vec![HandoffState::WithSales]);
    hand_over(&mut model, &mut crm, other);
    assert_eq!(open(&model), vec![HandoffState::WithSales], "the other is not");
}

#[test]
fn whose_other_half_has_a_record_is_handed_over_with_that() {
    let (mut model, mut crm, one, other) = two();
    order(&mut model, &[one]);
    all_told(&mut model, &mut crm);
    detach(&mut model, other);
    join(&mut model, one, other);
    hand_over(&mut model, &mut crm, one);
    assert_eq!((records(&crm).len(), open(&model)), (1, vec![HandoffState::WithSales]));
}

#[test]
fn a_merge_by_rule_takes_over_what_is_remembered() {
    let (mut model, mut crm) = (Model::new(standard(), START, 5), Crm::new(3));
    let (one, other) = (lead_id(1, START), lead_id(2, START));
    let later = START + Micros::minutes(1);
    let first = lead(one, &[("name", "测试甲"), ("email", "jia@shili.example")], START);
    let second = lead(other, &[("name", "测试甲"), ("phone", "13900002222")], later);
    for known in [first, second] {
        keep_lead(&mut model.book, &Lead { stage: Stage::Marketing, mql: false, mql_at: None, ..known });
    }
    model.moment.now = START + Micros::minutes(2);
    order(&mut model, &[one]);
    detach(&mut model, other);
    join_by_rule(&mut model);
    assert_eq!(person(&model, other).id, one, "the older survives");
    let known = dealings(&model, one);
    assert!(known.detached.contains(&sales()));
    assert!(known.filling.contains_key(&sales()));
    all_told(&mut model, &mut crm);
    let made = model.deliveries.iter().filter(|told| matches!(told.operation, Operation::Create { .. }));
    assert_eq!((made.count(), records(&crm).len()), (1, 1));
}

/// Whether a record of somebody among these may be under way: then two can be there before anybody knows they are one.
fn under_way(model: &Model, people: &[LeadId]) -> bool {
    let of = |told: &Delivery| told.lead.and_then(|lead| model.book.resolve(lead)).map(|lead| lead.id);
    let maybe = |told: &Delivery| {
        matches!(told.operation, Operation::Create { .. } | Operation::Find { .. })
            && (matches!(told.state, DeliveryState::Claimed { .. })
                || (told.state == DeliveryState::Due && told.probe.is_some()))
    };
    model.deliveries.iter().any(|told| of(told).is_some_and(|lead| people.contains(&lead)) && maybe(told))
}

/// Leads are ordered, handed over, joined and parted as the dice say, while answers get lost, come late or not at all. Who
/// was not two with a record each is one with one.
fn lived(seed: u64) {
    let mut dice = Moment::new(START, seed.wrapping_add(77));
    let mut throw = move |sides: u64| usize::try_from(dice.throw() % sides).expect("small");
    let (mut model, mut crm) = (Model::new(standard(), START, seed), Crm::new(seed));
    crm.duplicate_rule = false; // nothing but ourselves keeps a second one out
    crm.faults = Faults { lost_answer: 15, throttle: 10, down: 10, ..Faults::default() };
    let ids: Vec<LeadId> = (1..=4).map(|n| lead_id(n, START)).collect();
    for (n, id) in ids.iter().enumerate() {
        let phone = format!("1390000{n:04}");
        let fields = [("name", "测试甲"), ("phone", phone.as_str()), ("province", "上海")];
        let known = lead(*id, &fields, START + Micros::seconds(i64::try_from(n).expect("small")));
        keep_lead(&mut model.book, &Lead { stage: Stage::Marketing, ..known });
    }
    let mut late: Vec<(Delivery, Operation)> = Vec::new();
    for _ in 0..60 {
        model.moment.now = model.now() + Micros::seconds(i64::try_from(1 + throw(20)).expect("small"));
        let (one, other) = (ids[throw(4)], ids[throw(4)]);
        let (first, second) = (person(&model, one).id, person(&model, other).id);
        match throw(8) {
            0 | 1 => order(&mut model, &[first]),
            2 => {
                let lead = person(&model, first).clone();
                model.qualified(&lead, None);
            }
            3 | 4 => {
                let has_record = |id: &LeadId| !person(&model, *id).remotes.is_empty();
                let both = has_record(&first) && has_record(&second);
                let claimed = late.iter().any(|(told, _)| told.lead.is_some());
                if first != second && !both && !claimed && !under_way(&model, &[first, second]) {
                    join(&mut model, first, second);
                }
            }
            5 => late.extend(model.claim()),
            _ => {
                late.extend(model.claim());
                for (delivery, operation) in std::mem::take(&mut late) {
                    let now = model.now();
                    if let Seen::Outcome(outcome) = crm.call(&operation, now) {
                        model.settle(&delivery, &outcome);
                    }
                }
            }
        }
    }
    for (delivery, operation) in late {
        let outcome = crm.answer(&operation, model.now());
        model.settle(&delivery, &outcome);
    }
    crm.faults = Faults::default();
    all_told(&mut model, &mut crm);
    let mut records: BTreeMap<LeadId, u32> = BTreeMap::new();
    for link in model.book.links.values().filter(|link| link.remote.object == "lead") {
        *records.entry(person(&model, link.lead).id).or_default() += 1;
    }
    assert!(records.values().all(|count| *count == 1), "seed {seed}: {records:?}");
    assert_eq!(crm.live("lead").count(), records.len(), "seed {seed}: none is there that nobody knows of");
    for id in &ids {
        assert!(dealings(&model, *id).filling.is_empty(), "seed {seed}: nothing is under way any more");
    }
}

#[test]
fn whatever_the_dice_bring_a_person_gets_one_record() {
    (0..300).for_each(lived);
}
