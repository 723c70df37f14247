//! People that were merged by mistake while sales held them: who keeps the hand-over, what the CRM is told.

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::absorb;
use leadloop_sync_core::because::Because;
use leadloop_sync_core::capture::{CaptureKind, Captured, DedupKey, Identifier, Ties};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::handoff::HandoffState;
use leadloop_sync_core::ids::{CaptureId, LeadId, SourceName};
use leadloop_sync_core::lead::{Lead, Stage};
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Operation, Outcome, Purpose};
use leadloop_sync_core::person::{merge, part, phone};
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_sync_core::transfer::{self, Occasion};

use crate::support::crm::Crm;
use crate::support::model::Model;
use crate::support::policy::standard;
use crate::support::rows::{keep_lead, lead, lead_id};

pub(crate) const START: Timestamp = Timestamp(1_795_399_200_000_000);
const COMPANY: &str = "示例机器人有限公司";

/// Two people with a phone each: the first has a company, the second a newer name.
pub(crate) fn two() -> (Model, Crm, LeadId, LeadId) {
    let mut model = Model::new(standard(), START, 5);
    let (one, other) = (lead_id(1, START), lead_id(2, START));
    let fields = [("name", "测试甲"), ("phone", "13900001111"), ("company", COMPANY)];
    let later = START + Micros::minutes(1);
    let second = lead(other, &[("name", "样例乙"), ("phone", "13900002222")], later);
    for known in [lead(one, &fields, START), second] {
        keep_lead(&mut model.book, &Lead { stage: Stage::Marketing, ..known });
    }
    model.moment.now = START + Micros::minutes(2);
    (model, Crm::new(3), one, other)
}

pub(crate) fn person(model: &Model, id: LeadId) -> &Lead {
    model.book.resolve(id).expect("there")
}

pub(crate) fn hand_over(model: &mut Model, crm: &mut Crm, id: LeadId) {
    let mut lead = person(model, id).clone();
    let mut because = Because::default();
    let occasion = Occasion { happened: model.now(), noticed: model.now(), touch: None };
    let book = model.book.clone();
    let policy = model.policy.clone();
    let mut effects = transfer::open(&book, &mut lead, &occasion, &policy, &mut model.moment, &mut because);
    lead.version += 1;
    effects.push(Effect::PutLead(Box::new(lead)));
    model.commit(Reaction { effects, because });
    told(model, crm);
}

/// The CRM hears all that is to be said.
pub(crate) fn told(model: &mut Model, crm: &mut Crm) {
    loop {
        model.moment.now = model.now() + Micros::seconds(1);
        let claimed = model.claim();
        if claimed.is_empty() {
            return;
        }
        for (delivery, operation) in claimed {
            let outcome = crm.answer(&operation, model.now());
            model.settle(&delivery, &outcome);
        }
    }
}

pub(crate) fn join(model: &mut Model, one: LeadId, other: LeadId) {
    let (book, policy) = (model.book.clone(), model.policy.clone());
    let unsettled: Vec<_> =
        model.deliveries.iter().filter(|told| told.state != DeliveryState::Settled).cloned().collect();
    let made = merge::merge(&book, (one, other), &unsettled, "tester", &policy, &mut model.moment);
    model.commit(made.expect("two people"));
}

pub(crate) fn unjoin(model: &mut Model, gone: LeadId) {
    let (book, policy) = (model.book.clone(), model.policy.clone());
    let made = part::part(&book, gone, "tester", &policy, &mut model.moment).expect("merged");
    made.into_iter().for_each(|reaction| model.commit(reaction));
}

/// The records of people in the CRM, as (name, company, phone).
pub(crate) fn records(crm: &Crm) -> Vec<(String, String, String)> {
    let shown = |value: Option<&Value>| value.map(Value::to_display).unwrap_or_default();
    let of = |fields: &leadloop_mapping::Record| {
        (shown(fields.get("name")), shown(fields.get("company")), shown(fields.get("phone")))
    };
    crm.live("lead").map(|(_, stored)| of(&stored.fields)).collect()
}

#[test]
fn a_hand_over_goes_to_whom_it_was_about_and_the_record_is_put_right() {
    let (mut model, mut crm, one, other) = two();
    join(&mut model, one, other);
    assert_eq!(person(&model, other).id, one, "the older survives");
    hand_over(&mut model, &mut crm, one);
    let mixed = ("样例乙".to_owned(), COMPANY.to_owned(), "+8613900002222".to_owned());
    assert_eq!(records(&crm), vec![mixed], "what both said, the newer first");

    unjoin(&mut model, other);
    let (kept, gone) = (person(&model, one).clone(), person(&model, other).clone());
    assert_eq!((kept.id, gone.id), (one, other));
    // The phone that was handed over is the second's: so is the hand-over with its record.
    assert_eq!(gone.stage, Stage::WithSales);
    assert_eq!(model.book.open_handoff(other).map(|handoff| handoff.state), Some(HandoffState::WithSales));
    assert_eq!(gone.remotes.len(), 1);
    assert!(kept.remotes.is_empty() && kept.owner.is_none());
    assert_eq!(kept.stage, Stage::Marketing, "the other is marketing's again");
    assert!(model.book.open_handoff(one).is_none());
    let of_record = model.book.links.values().map(|link| link.lead).collect::<Vec<_>>();
    assert_eq!(of_record, vec![other]);
    let crm_id = kept.identifiers.iter().chain(&gone.identifiers).filter(|known| known.kind.0 == "crm_id");
    for known in crm_id {
        assert_eq!(model.book.lead_of(known).map(|lead| lead.id), Some(other));
    }

    let notes = crm.live("activity").count();
    told(&mut model, &mut crm);
    let right = ("样例乙".to_owned(), String::new(), "+8613900002222".to_owned());
    assert_eq!(records(&crm), vec![right], "the company was the other's");
    assert_eq!(crm.live("activity").count(), notes + 1, "and who follows the record hears of it");
    assert!(model.reasons.iter().any(|reason| reason.code == "record_corrected"));
}

#[test]
fn what_somebody_changed_in_the_crm_since_is_not_touched() {
    let (mut model, mut crm, one, other) = two();
    join(&mut model, one, other);
    hand_over(&mut model, &mut crm, one);
    let remote = person(&model, one).remotes.first().expect("a record").clone();
    let mut row = model.book.mirror.get(&remote).expect("mirrored").clone();
    row.fields.set("company", "另一家示例公司");
    model.book.put_mirror(&row);
    unjoin(&mut model, other);
    let updates = model.deliveries.iter().filter(|told| told.state != DeliveryState::Settled);
    for told in updates {
        if let Operation::Update { record, .. } = &told.operation {
            assert!(record.get("company").is_none(), "{record:?}");
        }
    }
}

#[test]
fn of_two_running_hand_overs_one_goes_on_and_the_other_says_where() {
    let (mut model, mut crm, one, other) = two();
    hand_over(&mut model, &mut crm, one);
    hand_over(&mut model, &mut crm, other);
    assert_eq!(records(&crm).len(), 2);
    let notes = crm.live("activity").count();
    join(&mut model, one, other);
    let open = model.book.handoffs.values().filter(|handoff| handoff.state.is_open()).count();
    assert_eq!(open, 1);
    let ended = model.handoff(other).or_else(|| model.handoff(one)).expect("there").state;
    assert!([HandoffState::Superseded, HandoffState::WithSales].contains(&ended));
    told(&mut model, &mut crm);
    assert_eq!(crm.live("activity").count(), notes + 1, "the record that ended names the other");
    // Parted again, each has its own record.
    unjoin(&mut model, other);
    let (kept, gone) = (person(&model, one), person(&model, other));
    assert_eq!((kept.remotes.len(), gone.remotes.len()), (1, 1));
    assert!(kept.remotes.is_disjoint(&gone.remotes));
}

#[test]
fn a_hand_over_that_was_not_told_yet_is_withdrawn() {
    let (mut model, mut crm, one, other) = two();
    hand_over(&mut model, &mut crm, one);
    let (book, policy) = (model.book.clone(), model.policy.clone());
    let mut lead = person(&model, other).clone();
    let mut because = Because::default();
    let occasion = Occasion { happened: model.now(), noticed: model.now(), touch: None };
    let mut effects = transfer::open(&book, &mut lead, &occasion, &policy, &mut model.moment, &mut because);
    lead.version += 1;
    effects.push(Effect::PutLead(Box::new(lead)));
    model.commit(Reaction { effects, because });
    join(&mut model, one, other);
    told(&mut model, &mut crm);
    assert_eq!(records(&crm).len(), 1, "the second was never sent");
}

#[test]
fn sales_hear_a_new_phone() {
    let (mut model, mut crm, one, _) = two();
    hand_over(&mut model, &mut crm, one);
    let before = person(&model, one).remotes.clone();
    let (book, policy) = (model.book.clone(), model.policy.clone());
    let made = phone::change(&book, (one, "139 0000 3333"), "tester", &policy, &mut model.moment);
    model.commit(made.expect("a free number"));
    told(&mut model, &mut crm);
    assert_eq!(records(&crm), vec![("测试甲".to_owned(), COMPANY.to_owned(), "+8613900003333".to_owned())]);
    let lead = person(&model, one);
    assert_eq!(lead.remotes, before, "the pair stays together");
    let old = Identifier::new("phone", "+8613900001111");
    assert_eq!(model.book.lead_of(&old).map(|lead| lead.id), Some(one), "the old number still leads there");
    assert_eq!(lead.bonds.former.iter().map(|former| &former.identifier).collect::<Vec<_>>(), vec![&old]);
}

/// Somebody tells phone and address in one form.
fn both_at_once(model: &Model) -> Captured {
    Captured {
        id: CaptureId::new(uuid::Uuid::from_u128(0x77)),
        push: None,
        position: 0,
        source: SourceName::from("website"),
        key: DedupKey::Event("both".to_owned()),
        at: model.now(),
        arrived: model.now(),
        kind: CaptureKind::Touch,
        touch: "form_submitted".to_owned(),
        who: vec![Identifier::new("phone", "+8613900002222"), Identifier::new("email", "jia@shili.example")],
        fields: Record::new(),
        ties: Ties::default(),
    }
}

/// A person known by an address, and a younger one known by a phone who is being handed over: the claim of the delivery
/// that creates the record, with what was sent.
fn being_told() -> (Model, Crm, LeadId, LeadId, (Delivery, Operation)) {
    let mut model = Model::new(standard(), START, 5);
    let (one, other) = (lead_id(1, START), lead_id(2, START));
    let later = START + Micros::minutes(1);
    let first = lead(one, &[("name", "测试甲"), ("email", "jia@shili.example")], START);
    let second = lead(other, &[("name", "测试甲"), ("phone", "13900002222"), ("company", COMPANY)], later);
    for known in [first, second] {
        keep_lead(&mut model.book, &Lead { stage: Stage::Marketing, mql: false, mql_at: None, ..known });
    }
    model.moment.now = START + Micros::minutes(2);
    let second = model.book.leads[&other].clone();
    model.qualified(&second, None);
    let create = loop {
        model.moment.now = model.now() + Micros::seconds(1);
        let claimed = model.claim();
        assert!(!claimed.is_empty(), "the record is to be made");
        if let Some(create) = claimed.into_iter().find(|(told, _)| told.purpose == Purpose::Handover) {
            break create;
        }
    };
    (model, Crm::new(3), one, other, create)
}

pub(crate) fn join_by_rule(model: &mut Model) {
    let captured = both_at_once(model);
    let book = model.asked(std::slice::from_ref(&captured), absorb::needs, absorb::needs_more);
    model.react(&book, |book, policy, moment| absorb::absorb(book, &captured, policy, moment));
}

#[test]
fn a_merge_by_rule_follows_what_is_on_its_way_to_sales() {
    let outcomes: [fn(&mut Crm, &Operation, Timestamp) -> Outcome; 2] = [
        |crm, operation, now| crm.answer(operation, now),
        |crm, operation, now| {
            // The record was made, the answer was lost.
            let _ = crm.answer(operation, now);
            Outcome::Unavailable { sent: true, detail: "the line broke".to_owned() }
        },
    ];
    for answer in outcomes {
        let (mut model, mut crm, one, other, (delivery, operation)) = being_told();
        join_by_rule(&mut model);
        assert_eq!(person(&model, other).id, one, "the older survives");
        assert!(model.book.open_handoff(one).is_some(), "its hand-over came with it");
        let outcome = answer(&mut crm, &operation, model.now());
        model.settle(&delivery, &outcome);
        for _ in 0..200 {
            told(&mut model, &mut crm);
            let Some(next) = model.next() else { break };
            model.moment.now = next.max(model.now());
            if model.book.open_handoff(one).is_some_and(|handoff| handoff.state == HandoffState::WithSales) {
                break;
            }
        }
        assert_eq!(records(&crm).len(), 1, "one record, however often it was asked about");
        let survivor = person(&model, one);
        assert_eq!(survivor.stage, Stage::WithSales);
        assert_eq!(survivor.remotes.len(), 1, "the record is the person's");
        assert_eq!(model.book.handoffs.values().filter(|handoff| handoff.state.is_open()).count(), 1);
        // Taken back, each has what is theirs: the record is of whom it was made for.
        unjoin(&mut model, other);
        assert_eq!((person(&model, one).remotes.len(), person(&model, other).remotes.len()), (0, 1));
        assert_eq!(person(&model, other).stage, Stage::WithSales);
    }
}
