//! Pool and CRM compared: nothing differs when all is quiet; whatever is broken on purpose is found, named and put right.

use std::collections::BTreeMap;

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::handoff::HandoffState;
use leadloop_sync_core::mirror::MirrorRow;
use leadloop_sync_core::mirror_read::read_by;
use leadloop_sync_core::outbox::DeliveryState;
use leadloop_sync_core::reconcile::{self, Cause, Difference, Ground, Repair, Unsettled};
use leadloop_sync_core::time::Micros;

use super::support::policy::crm;
use super::support::rows::record;
use super::{Game, play};

/// The CRM's records as a list of it gives them now.
fn rows(game: &Game) -> Vec<MirrorRow> {
    let live = game.crm.live("lead");
    let told = live.map(|(id, stored)| record("lead", id, stored.fields.clone(), stored.modified_at));
    told.map(|record| read_by(&game.model.policy, &crm(), &record, game.model.now() + Micros::days(1)))
        .collect()
}

/// What a comparison finds, by what it asks for alone.
fn differences(game: &Game) -> Vec<Difference> {
    let (book, policy, link) = (&game.model.book, &game.model.policy, crm());
    let rows = rows(game);
    let known = book.view(&reconcile::needs(&link, &rows));
    let mut unsettled = Unsettled::new();
    for delivery in game.model.deliveries.iter().filter(|it| it.state != DeliveryState::Settled) {
        if let Some(lead) = delivery.lead {
            unsettled.entry(lead).or_default().push(delivery.clone());
        }
    }
    let of = |book| {
        let ground = Ground { book, unsettled: &unsettled, policy, link: &link };
        reconcile::compare(ground, &rows, &mut game.model.moment.clone())
    };
    let found = of(&known);
    assert_eq!(found, of(book), "it reads more than it asks for");
    let listed: Vec<_> = rows.iter().map(|row| row.remote.clone()).collect();
    let missing: Vec<_> =
        book.links.values().filter(|link| !listed.contains(&link.remote)).cloned().collect();
    let ground = Ground { book, unsettled: &unsettled, policy, link: &link };
    let open: Vec<_> = book.handoffs.values().filter(|handoff| handoff.state.is_open()).cloned().collect();
    let gone = reconcile::vanished(book, &missing);
    let lost = found.iter().any(|difference| difference.handoff.is_some());
    let unmade = if lost { Vec::new() } else { reconcile::unmade(ground, &open) };
    found.into_iter().chain(gone).chain(unmade).collect()
}

fn put_right(game: &mut Game, found: &[Difference]) {
    let repairs: std::collections::BTreeSet<Repair> =
        found.iter().filter_map(|difference| difference.repair.clone()).collect();
    assert!(!repairs.is_empty(), "{found:?}");
    let repairs: Vec<Repair> = repairs.into_iter().collect();
    let book = game.model.book.view(&reconcile::repair_needs(&repairs));
    game.model.react(&book, |book, policy, moment| reconcile::repair(book, &repairs, policy, moment));
    let until = game.model.now() + Micros::hours(2);
    game.run(until);
}

fn causes(found: &[Difference]) -> BTreeMap<Cause, usize> {
    let mut causes = BTreeMap::new();
    for difference in found {
        *causes.entry(difference.cause).or_default() += 1;
    }
    causes
}

/// A change that leaves no trace, as an admin makes it in the database.
fn silently(game: &mut Game, field: &str, value: &str) {
    let id = game.record().expect("the record").id;
    let stored = game.crm.records.get_mut(&("lead".to_owned(), id)).expect("it is there");
    stored.fields.set(field, value);
}

fn silent_game(seed: u64) -> Game {
    let mut game = play(seed);
    // Polls by themselves would hear of it before anybody compares.
    for poll in game.model.deliveries.iter_mut().filter(|it| it.standing.is_some()) {
        poll.due_at = poll.due_at + Micros::days(30);
    }
    game
}

#[test]
fn nothing_differs_when_all_is_quiet() {
    for seed in 0..25 {
        let game = play(seed);
        let found = differences(&game);
        let open: Vec<_> = found.iter().filter(|difference| difference.cause != Cause::Asked).collect();
        assert!(open.is_empty(), "seed {seed}: {open:#?}");
    }
}

#[test]
fn what_sales_changed_unseen_is_found_and_taken() {
    let mut game = silent_game(3);
    silently(&mut game, "c1", "by the database");
    silently(&mut game, "c12", "by the database too");
    let found = differences(&game);
    let fields: Vec<&str> = found.iter().filter_map(|it| it.field.as_deref()).collect();
    assert!(fields.contains(&"c1") && fields.contains(&"c12"), "{found:#?}");
    assert_eq!(causes(&found).get(&Cause::NotHeard), Some(&2), "{found:#?}");
    put_right(&mut game, &found);
    assert_eq!(game.values(1), ("by the database".to_owned(), "by the database".to_owned()));
    assert_eq!(game.values(12).0, "by the database too");
    let left: Vec<_> = differences(&game).into_iter().filter(|it| it.field.is_some()).collect();
    assert!(left.iter().all(|it| it.cause == Cause::Asked), "{left:#?}");
}

#[test]
fn what_was_never_sent_is_found_and_sent() {
    let mut game = silent_game(4);
    let mut lead = game.model.book.leads[&game.lead].clone();
    let known = lead.profile.values().next().expect("a fact").clone();
    let fact = leadloop_sync_core::lead::Fact { value: Value::from("lost on its way"), ..known };
    lead.profile.insert("field_8".to_owned(), fact);
    super::support::rows::keep_lead(&mut game.model.book, &lead);
    let found = differences(&game);
    let lost = found.iter().find(|it| it.field.as_deref() == Some("c8")).expect("it is found");
    assert_eq!((lost.cause, lost.pool.as_str()), (Cause::NotSent, "lost on its way"));
    put_right(&mut game, &found);
    assert_eq!(game.values(8).1, "lost on its way");
}

#[test]
fn a_record_that_is_gone_without_a_word_is_found_and_its_hand_over_asks() {
    let mut game = silent_game(5);
    let gone = game.record().expect("the record");
    game.crm.records.remove(&(gone.object.clone(), gone.id.clone()));
    let found = differences(&game);
    assert_eq!(causes(&found), BTreeMap::from([(Cause::Vanished, 1)]), "{found:#?}");
    put_right(&mut game, &found);
    let handoff = game.model.handoff(game.lead).expect("the hand-over");
    assert_eq!(handoff.state, HandoffState::Parked);
    assert_eq!(handoff.parked.as_ref().map(|(code, _)| code.as_str()), Some("LL4211"));
    assert!(game.model.book.mirror[&gone].deleted);
    let left = differences(&game);
    assert_eq!(causes(&left), BTreeMap::from([(Cause::Parked, 1)]), "{left:#?}");
}

#[test]
fn a_record_whose_hand_over_forgot_it_is_taken_over() {
    let mut game = silent_game(6);
    let remote = game.record().expect("the record");
    // As after a database that was restored from a backup of the minute before.
    game.model.book.links.remove(&remote);
    let mut handoff = game.model.handoff(game.lead).expect("the hand-over").clone();
    handoff.remote = None;
    handoff.state = HandoffState::Telling;
    game.model.book.handoffs.insert(handoff.id, handoff);
    let mut lead = game.model.book.leads[&game.lead].clone();
    lead.remotes.remove(&remote);
    super::support::rows::keep_lead(&mut game.model.book, &lead);
    let found = differences(&game);
    assert_eq!(causes(&found), BTreeMap::from([(Cause::LostHandover, 1)]), "{found:#?}");
    put_right(&mut game, &found);
    let handoff = game.model.handoff(game.lead).expect("the hand-over");
    assert_eq!((handoff.state, handoff.remote.as_ref()), (HandoffState::WithSales, Some(&remote)));
    assert!(game.model.book.links.contains_key(&remote));
}

#[test]
fn what_waits_in_the_outbox_is_no_surprise() {
    let mut game = silent_game(7);
    let before = game.count;
    while game.count == before {
        game.edit(super::Side::Pool);
    }
    let found = differences(&game);
    assert!(!found.is_empty());
    assert!(found.iter().all(|it| matches!(it.cause, Cause::Pending | Cause::Asked)), "{found:#?}");
    assert!(found.iter().all(|it| it.repair.is_none()));
    // Sales change it at the same time: that comes with the next poll.
    let id = game.record().expect("the record").id;
    let now = game.model.now() + Micros::days(1);
    game.crm.sales("lead", &id, Record::new().with("c9", "just now"), now);
    let found = differences(&game);
    let fresh = found.iter().find(|it| it.field.as_deref() == Some("c9")).expect("it is found");
    assert_eq!(fresh.cause, Cause::Coming);
}

#[test]
fn a_mark_that_nobody_knows_is_named() {
    let mut game = silent_game(8);
    let fields =
        Record::new().with("phone", "13900000077").with("leadloop_id", "H-0190abcd0190abcd0190abcd0190abcd");
    let now = game.model.now();
    game.crm.insert("lead", fields, now);
    let found = differences(&game);
    assert!(found.iter().any(|it| it.cause == Cause::UnknownMark && it.repair.is_none()), "{found:#?}");
    let effects =
        reconcile::repair(&game.model.book, &[], &game.model.policy, &mut game.model.moment.clone());
    assert!(!effects.effects.iter().any(|effect| matches!(effect, Effect::Enqueue(_))));
}
