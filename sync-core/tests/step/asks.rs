//! An edit storm on both sides: of the fields that ask a person as many as allowed do; the others wait unsent, are counted with
//! one alarm, and ask when a person releases them.

use std::collections::BTreeSet;

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::agree::{self, InStep};
use leadloop_sync_core::capture::CaptureKind;
use leadloop_sync_core::time::Micros;

use super::support::crm::Faults;
use super::support::policy::crm;
use super::{Game, crm_name, pool_name};

/// A game whose record is there, without edits; so many conflicts an hour may ask.
fn begun(most: Option<u32>) -> Game {
    let mut game = Game::new(7);
    game.edits.clear();
    game.crm.faults = Faults::default();
    game.model.policy.crms.get_mut(&crm()).expect("the CRM").asks_per_hour = most;
    an_hour(&mut game);
    game
}

fn an_hour(game: &mut Game) {
    let until = game.model.now() + Micros::hours(1);
    game.run(until);
}

/// Both sides write another value into the two fields that ask.
fn storm(game: &mut Game) {
    let record = game.record().expect("the record");
    let said = |name: fn(usize) -> String, side: &str| -> Record {
        [18, 19].into_iter().map(|field| (name(field), Value::text(format!("{side} says {field}")))).collect()
    };
    let now = game.model.now();
    game.crm.sales("lead", &record.id, said(crm_name, "CRM"), now);
    game.pool_says(said(pool_name, "pool"));
    an_hour(game);
}

fn state(game: &Game) -> InStep {
    let record = game.record().expect("the record");
    game.model.book.links.get(&record).expect("it is ours").in_step.clone()
}

fn alarms(game: &Game) -> usize {
    game.model.alarms.values().filter(|alarm| alarm.code == "LL4822").count()
}

#[test]
fn beyond_the_limit_fields_wait_behind_the_list() {
    let mut game = begun(Some(1));
    storm(&mut game);
    let (asks, withheld) = (state(&game).asks, state(&game).withheld);
    assert_eq!((asks.len(), withheld.len(), alarms(&game)), (1, 1, 1), "{asks:?} {withheld:?}");
    for field in [18, 19] {
        assert_eq!(game.values(field), (format!("pool says {field}"), format!("CRM says {field}")));
    }
    // Nothing of it changes by itself, whatever else is written.
    game.pool_says(Record::new().with(pool_name(0), "something else"));
    an_hour(&mut game);
    assert_eq!((state(&game).asks, state(&game).withheld), (asks, withheld));
    assert_eq!(game.values(0).1, "something else", "and nothing else waits for it");

    let links: Vec<_> = game.model.book.links.values().cloned().collect();
    let remotes: BTreeSet<_> = links.iter().map(|link| link.remote.clone()).collect();
    let known = game.model.book.view(&agree::release_needs(&links));
    let released = agree::release(&known, &remotes, &game.model.moment);
    assert_eq!(released, agree::release(&game.model.book, &remotes, &game.model.moment));
    for reaction in released {
        game.model.commit(reaction);
    }
    assert_eq!((state(&game).asks.len(), state(&game).withheld.len(), alarms(&game)), (2, 0, 0));
    an_hour(&mut game);
    assert_eq!((state(&game).asks.len(), state(&game).withheld.len(), alarms(&game)), (2, 0, 0));
}

#[test]
fn what_agrees_again_waits_no_more() {
    let mut game = begun(Some(1));
    storm(&mut game);
    let record = game.record().expect("the record");
    let same = [18, 19].into_iter().map(|field| (crm_name(field), Value::text(format!("pool says {field}"))));
    let (same, now): (Record, _) = (same.collect(), game.model.now());
    game.crm.sales("lead", &record.id, same, now);
    an_hour(&mut game);
    assert_eq!((state(&game).asks.len(), state(&game).withheld.len()), (0, 0));
}

#[test]
fn without_a_limit_all_of_them_ask() {
    let mut game = begun(None);
    storm(&mut game);
    assert_eq!((state(&game).asks.len(), state(&game).withheld.len(), alarms(&game)), (2, 0, 0));
}

#[test]
fn a_word_that_comes_before_the_next_poll_holds() {
    for (side, wanted) in [("pool", "pool says 18"), ("crm", "CRM says 18")] {
        let mut game = begun(None);
        let record = game.record().expect("the record");
        let now = game.model.now();
        game.crm.sales("lead", &record.id, Record::new().with(crm_name(18), "CRM says 18"), now);
        game.pool_says(Record::new().with(pool_name(18), "pool says 18"));
        // Only the record itself was read, not the list of what changed.
        game.exchange();
        assert_eq!(state(&game).asks.len(), 1);
        let answer = Record::new()
            .with("answer.link", record.link.as_str())
            .with("answer.object", record.object.as_str())
            .with("answer.id", record.id.as_str())
            .with(format!("{}{}", agree::RESOLVE, crm_name(18)), side);
        game.take_in(CaptureKind::Feedback, answer);
        an_hour(&mut game);
        assert_eq!(state(&game).asks.len(), 0, "nobody is asked again");
        assert_eq!(game.values(18), (wanted.to_owned(), wanted.to_owned()));
        game.quiet();
    }
}
