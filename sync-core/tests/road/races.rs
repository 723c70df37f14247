//! Two things at once: a poll that was under way while we wrote the record it read.

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::book::Book;
use leadloop_sync_core::effect::{Effect, RemoteLink};
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Cursor, Delivery, DeliveryState, Operation, Outcome, Reply};
use leadloop_sync_core::settle;
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::support::policy::{crm, standard};

const START: Timestamp = Timestamp(1_795_399_200_000_000);

fn second(count: i64) -> Timestamp {
    START + Micros::seconds(count)
}

/// We wrote status 2 at second 2; a page that was due at `due` says status 6, as before our write.
fn page(due: Timestamp) -> Vec<Effect> {
    page_at(due, second(3))
}

/// The same, taken in at `now`.
fn page_at(due: Timestamp, now: Timestamp) -> Vec<Effect> {
    let policy = standard();
    let mut moment = Moment::new(now, 1);
    let lead: LeadId = moment.id();
    let remote = RemoteRef { link: crm(), object: "lead".to_owned(), id: "L1".to_owned() };
    let mut book = Book::default();
    let agreed = Record::new().with("status", Value::Int(2));
    let link = RemoteLink {
        remote: remote.clone(),
        lead,
        handoff: None,
        agreed,
        at: second(2),
        pairs: Default::default(),
        in_step: Default::default(),
    };
    book.links.insert(remote, link);
    let mut polls = settle::standing(&policy, &mut moment);
    let of_leads =
        polls.iter().position(|poll| poll.operation.object() == "lead").expect("leads are mirrored");
    let poll: Delivery = Delivery {
        due_at: due,
        attempt: 1,
        state: DeliveryState::Claimed { until: second(120) },
        ..polls.swap_remove(of_leads)
    };
    let fields = Record::new().with("name", "测试甲").with("status", Value::Int(6));
    let record = RemoteRecord {
        object: "lead".to_owned(),
        id: "L1".to_owned(),
        fields,
        modified_at: Some(second(-3_600)),
        deleted: false,
    };
    let outcome =
        Outcome::Done(Reply::Page { records: vec![record], next: Cursor::default(), more: false, of: None });
    settle::settle(&book, &poll, &outcome, &policy, &mut moment).effects
}

fn answers(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Keep(_))).count()
}

#[test]
fn what_stood_there_before_we_wrote_is_no_answer_of_sales() {
    let effects = page(second(1));
    assert_eq!(answers(&effects), 0, "{effects:?}");
    let again = effects.iter().any(|effect| {
        matches!(effect, Effect::MoveDelivery { to: DeliveryState::Due, due_at, operation: None, .. } if *due_at == second(3))
    });
    assert!(again, "the page is asked for again: {effects:?}");
    let told = |effect: &Effect| matches!(effect, Effect::PutMirror(_) | Effect::MirrorSeen { .. });
    assert!(!effects.iter().any(told), "the mirror waits for it: {effects:?}");
}

#[test]
fn what_was_read_after_we_wrote_is() {
    let effects = page(second(2));
    assert_eq!(answers(&effects), 1, "{effects:?}");
    let on = |effect: &Effect| matches!(effect, Effect::MoveDelivery { operation: Some(operation), .. } if matches!(**operation, Operation::Changes { .. }));
    assert!(effects.iter().any(on), "the poll goes on: {effects:?}");
}

#[test]
fn a_clock_that_was_set_back_makes_no_page_older() {
    let back = |count: i64| second(count - 3_600);
    let effects = page_at(back(3), back(4));
    assert_eq!(answers(&effects), 1, "we wrote an hour from now, before the clock was set back: {effects:?}");
    let effects = page_at(second(1), back(4));
    assert_eq!(answers(&effects), 0, "asked for before our write, by the clock of then: {effects:?}");
    let effects = page_at(second(1), second(0));
    assert_eq!(answers(&effects), 0, "the clock of another node may be a little ahead: {effects:?}");
}
