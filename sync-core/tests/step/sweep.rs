//! Everything is read once a day: what vanished without a word is noticed, and a lost right deletes nothing.

use leadloop_sync_core::book::MOST_UNSEEN;
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::handoff::HandoffState;
use leadloop_sync_core::settle;
use leadloop_sync_core::time::Micros;

use super::support::policy::crm;
use super::support::rows;
use super::{Game, play};

/// A game that is over, whose CRM is read whole at three in the morning.
fn swept(seed: u64) -> Game {
    let mut game = play(seed);
    let settings = game.model.policy.crms.get_mut(&crm()).expect("the CRM");
    settings.full_check = Some(180);
    let standing = settle::standing(&game.model.policy, &mut game.model.moment);
    let effects = standing.into_iter().map(|delivery| Effect::Enqueue(Box::new(delivery))).collect();
    game.model.commit(Reaction { effects, ..Reaction::default() });
    game
}

fn a_day(game: &mut Game) {
    let until = game.model.now() + Micros::hours(26);
    game.run(until);
}

#[test]
fn a_hard_delete_is_noticed_within_a_day() {
    let mut game = swept(2);
    let gone = game.record().expect("the record");
    game.crm.records.remove(&(gone.object.clone(), gone.id.clone()));
    a_day(&mut game);
    assert!(game.model.book.mirror[&gone].deleted);
    let handoff = game.model.handoff(game.lead).expect("the hand-over");
    assert_eq!(handoff.state, HandoffState::Parked);
    assert_eq!(handoff.parked.as_ref().map(|(code, _)| code.as_str()), Some("LL4211"));
    assert!(!game.model.book.leads[&game.lead].remotes.contains(&gone));
}

#[test]
fn a_day_on_which_nothing_vanished_deletes_nothing() {
    let mut game = swept(3);
    let quiet = game.model.ends.len();
    a_day(&mut game);
    game.check();
    assert_eq!(game.model.ends.len(), quiet);
    assert!(game.model.book.mirror.values().all(|row| !row.deleted));
    let asked = game.model.reasons.iter().filter(|reason| reason.code == "read_again").count();
    assert_eq!(asked, 0, "nothing had to be asked for by itself");
}

#[test]
fn what_a_poll_lost_comes_with_the_daily_reading() {
    let mut game = swept(4);
    let id = game.record().expect("the record").id;
    let stored = game.crm.records.get_mut(&("lead".to_owned(), id)).expect("it is there");
    stored.fields.set("c1", "written behind the CRM's back");
    a_day(&mut game);
    assert_eq!(game.values(1).0, "written behind the CRM's back");
}

#[test]
fn too_many_at_once_are_asked_about() {
    let mut game = swept(5);
    let known =
        game.model.book.mirror.values().find(|row| row.remote.object == "lead").expect("a row").clone();
    for n in 0..=MOST_UNSEEN {
        let mut row = known.clone();
        row.remote = rows::remote("lead", &format!("X{n}"));
        game.model.book.put_mirror(&row);
    }
    a_day(&mut game);
    assert!(game.model.book.mirror.values().all(|row| !row.deleted));
    let alarm = game.model.alarms.values().find(|alarm| alarm.code == "LL4752").expect("somebody is asked");
    assert!(alarm.detail.contains("500 lead"), "{}", alarm.detail);
}
