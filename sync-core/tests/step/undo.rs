//! Writes taken back: what still holds our value becomes what it was, the rest stays, and nothing is sent again by itself.

use std::collections::BTreeSet;

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::absorb;
use leadloop_sync_core::capture::{CaptureKind, Captured, DedupKey, Identifier, Ties};
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_sync_core::undo::{self, BeforeImage, Fate};

use super::support::crm::Faults;
use super::support::policy::crm;
use super::support::rows;
use super::{Game, play};

/// The pool learns values of fields; two hours later the CRM has them. What was written meanwhile.
fn pool_says(game: &mut Game, values: &[(usize, &str)]) -> Vec<BeforeImage> {
    let since = game.model.now();
    let mut fields = Record::new();
    for (field, value) in values {
        fields.set(super::pool_name(*field), *value);
    }
    game.count += 1;
    let captured = Captured {
        id: game.model.moment.id(),
        push: None,
        position: 0,
        source: SourceName::from("website"),
        key: DedupKey::Event(format!("undo-{}", game.count)),
        at: since,
        arrived: since,
        kind: CaptureKind::Touch,
        touch: "form_submitted".to_owned(),
        who: vec![Identifier::new("phone", "+8613900000001")],
        ties: Ties::default(),
        fields,
    };
    let book = game.model.asked(std::slice::from_ref(&captured), absorb::needs, absorb::needs_more);
    game.model.react(&book, |book, policy, moment| absorb::absorb(book, &captured, policy, moment));
    later(game);
    written(game, since)
}

fn written(game: &Game, since: Timestamp) -> Vec<BeforeImage> {
    game.model.befores.iter().filter(|image| image.made_at >= since).cloned().collect()
}

fn later(game: &mut Game) {
    let until = game.model.now() + Micros::hours(2);
    game.run(until);
}

fn take_back(game: &mut Game, images: &[BeforeImage]) {
    let mut book = game.model.book.view(&undo::needs(images, &game.model.policy));
    let more = undo::needs_more(&book, images);
    game.model.book.view_into(&mut book, &more);
    let whole = undo::plan(&game.model.book, images, &game.model.policy);
    assert_eq!(undo::plan(&book, images, &game.model.policy), whole, "it reads more than it asks for");
    let mut moment = game.model.moment.clone();
    let reactions = undo::begin(&book, images, "undo-1", &game.model.policy, &mut moment);
    game.model.moment = moment;
    for reaction in reactions {
        game.model.commit(reaction);
    }
    later(game);
}

fn fates(game: &Game, images: &[BeforeImage]) -> Vec<(String, Fate)> {
    let plan = undo::plan(&game.model.book, images, &game.model.policy);
    plan.items.into_iter().map(|item| (item.field, item.fate)).collect()
}

#[test]
fn what_still_holds_our_value_becomes_what_it_was() {
    for seed in 0..12 {
        let mut game = play(seed);
        let before = [game.values(0).1, game.values(4).1];
        let first = pool_says(&mut game, &[(0, "wrong"), (4, "wrong too")]);
        let second = pool_says(&mut game, &[(0, "wrong again")]);
        assert_eq!([game.values(0).1, game.values(4).1], ["wrong again", "wrong too"], "seed {seed}");
        // Two writes to a field: what stood before the first of them.
        let images = [first, second].concat();
        let asked = |field: &str| (field.to_owned(), Fate::Back);
        assert_eq!(fates(&game, &images), [asked("c0"), asked("c4")], "seed {seed}");
        take_back(&mut game, &images);
        assert_eq!([game.values(0).1, game.values(4).1], before, "seed {seed}");
        assert_eq!(game.values(0).0, "wrong again", "seed {seed}: the pool keeps its own");
        let after = fates(&game, &images);
        assert!(after.iter().all(|(_, fate)| *fate == Fate::There), "seed {seed}: {after:?}");
        game.quiet();
        assert_eq!([game.values(0).1, game.values(4).1], before, "seed {seed}: nothing is sent by itself");
        // A new word of the pool is told as ever.
        pool_says(&mut game, &[(0, "right")]);
        assert_eq!(game.values(0).1, "right", "seed {seed}");
    }
}

#[test]
fn what_sales_changed_since_is_left_alone() {
    let mut game = play(3);
    let before = game.values(4).1;
    let images = pool_says(&mut game, &[(2, "wrong"), (4, "wrong too")]);
    let remote = game.record().expect("the record");
    let now = game.model.now();
    // Nobody has polled it yet: it is found when the record is read.
    for poll in game.model.deliveries.iter_mut().filter(|it| it.standing.is_some()) {
        poll.due_at = poll.due_at + Micros::days(30);
    }
    game.crm.sales("lead", &remote.id, Record::new().with("c2", "by sales"), now);
    assert!(fates(&game, &images).iter().all(|(_, fate)| *fate == Fate::Back));
    take_back(&mut game, &images);
    assert_eq!(game.values(2).1, "by sales");
    assert_eq!(game.values(4).1, before);
    let told = game.model.reasons.iter().find(|reason| reason.code == "undo_left").expect("it is said");
    assert!(format!("{:?}", told.args).contains("c2"), "{told:?}");
}

#[test]
fn taking_back_can_be_taken_back_and_survives_lost_answers() {
    for seed in 0..12 {
        let mut game = play(seed);
        let before = game.values(0).1;
        let images = pool_says(&mut game, &[(0, "wrong")]);
        game.crm.faults = Faults { lost_answer: 60, ..Faults::default() };
        let since = game.model.now();
        take_back(&mut game, &images);
        game.crm.faults = Faults::default();
        later(&mut game);
        assert_eq!(game.values(0).1, before, "seed {seed}");
        game.quiet();
        assert_eq!(game.values(0), ("wrong".to_owned(), before.clone()), "seed {seed}");
        let undone = written(&game, since);
        assert!(undone.iter().all(|image| image.run.as_deref() == Some("undo-1")), "seed {seed}: {undone:?}");
        take_back(&mut game, &undone);
        assert_eq!(game.values(0).1, "wrong", "seed {seed}");
        game.quiet();
    }
}

/// Sales convert the lead: what it holds goes to a contact, which has its first two fields only.
fn convert(game: &mut Game) -> String {
    let settings = game.model.policy.crms.get_mut(&crm()).expect("the CRM");
    settings.mapping.insert("contact".to_owned(), super::mapping_of("contact", 0..2));
    let remote = game.record().expect("the record");
    let now = game.model.now();
    let of_lead = &game.crm.records[&("lead".to_owned(), remote.id.clone())].fields;
    let kept = of_lead.0.iter().filter(|(name, _)| ["phone", "c0", "c1"].contains(&name.as_str()));
    let fields: Record = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    let contact = game.crm.insert("contact", fields.clone(), now);
    let policy = game.model.policy.clone();
    let record = rows::record("contact", &contact, fields, now);
    rows::mirror(&mut game.model.book, &policy, &record, now);
    game.crm.sales("lead", &remote.id, Record::new().with("contact_id", contact.as_str()), now);
    later(game);
    contact
}

#[test]
fn a_record_that_was_converted_is_followed() {
    let mut game = play(3);
    let before = game.values(0).1;
    let images = pool_says(&mut game, &[(0, "wrong"), (4, "wrong too")]);
    let contact = convert(&mut game);
    let fate = |field: &str, fate| (field.to_owned(), fate);
    let found: BTreeSet<_> = fates(&game, &images).into_iter().collect();
    assert_eq!(found, [fate("c0", Fate::Back), fate("c4", Fate::Converted)].into());
    let in_lead = game.values(0).1;
    take_back(&mut game, &images);
    let of_contact = |game: &Game| {
        let stored = &game.crm.records[&("contact".to_owned(), contact.clone())];
        stored.fields.get("c0").map(Value::to_display).unwrap_or_default()
    };
    assert_eq!((of_contact(&game), game.values(0).1), (before.clone(), in_lead), "the lead stands still");
    assert_eq!(fates(&game, &images)[0], fate("c0", Fate::There));
    game.quiet();
    assert_eq!(of_contact(&game), before, "nothing is sent by itself");
}

#[test]
fn what_sales_changed_on_what_it_became_is_left_alone() {
    let mut game = play(3);
    let images = pool_says(&mut game, &[(0, "wrong")]);
    let contact = convert(&mut game);
    let now = game.model.now();
    game.crm.sales("contact", &contact, Record::new().with("c0", "by sales"), now);
    take_back(&mut game, &images);
    let stored = &game.crm.records[&("contact".to_owned(), contact)];
    assert_eq!(stored.fields.text("c0"), Some("by sales"));
}

#[test]
fn a_record_that_was_made_is_named_and_stays() {
    let game = play(5);
    let images: Vec<BeforeImage> = game.model.befores.clone();
    let plan = undo::plan(&game.model.book, &images, &game.model.policy);
    let remote = game.record().expect("the record");
    assert!(plan.made.iter().any(|made| made.remote == remote), "{:?}", plan.made);
    // The mark says whose it is and came with the record: nothing takes it back.
    assert!(images.iter().filter(|image| image.created).all(|image| image.fields.is_empty()));
    let values: Vec<&Value> =
        images.iter().flat_map(|image| image.fields.values().map(|it| &it.ours)).collect();
    assert!(!values.is_empty());
}
