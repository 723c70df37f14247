//! Notes, calls and tasks of sales in whatever order a CRM tells them: when a person was last worked on never goes back.

use leadloop_mapping::Record;
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Cursor, Delivery, Outcome, Reply};
use leadloop_sync_core::settle;
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::persons::START;
use crate::support::model::Model;
use crate::support::policy::{crm, standard};
use crate::support::rows::{record, remote};

/// Games with other orders, pages and records between them.
const GAMES: u64 = 300;
/// Activities of one game.
const ACTIVITIES: u64 = 8;

/// A node whose polls and daily reading stand.
fn node(seed: u64) -> Model {
    let mut policy = standard();
    policy.crms.get_mut(&crm()).expect("the CRM").full_check = Some(180);
    let mut model = Model::new(policy, START, seed);
    let standing = settle::standing(&model.policy, &mut model.moment);
    let effects = standing.into_iter().map(|delivery| Effect::Enqueue(Box::new(delivery))).collect();
    model.commit(Reaction { effects, ..Reaction::default() });
    model
}

/// A page of `standing` is taken in.
fn page(model: &mut Model, standing: &str, records: Vec<RemoteRecord>) {
    model.moment.now = model.now() + Micros::seconds(10);
    let of = |delivery: &&Delivery| delivery.standing.as_deref() == Some(standing);
    let mut delivery = model.deliveries.iter().find(of).expect("it stands").clone();
    delivery.due_at = model.now();
    let next = Cursor { since: Some(model.now()), ..Cursor::default() };
    let ended = [(delivery, Outcome::Done(Reply::Page { records, next, more: false, of: None }))];
    let book = model.asked(&ended, settle::needs, settle::needs_more);
    let [(delivery, outcome)] = &ended;
    model.react(&book, |book, policy, moment| settle::settle(book, delivery, outcome, policy, moment));
}

/// The lead as its own record tells it, changed `minutes` after the start.
fn lead(minutes: i64, last: Option<Timestamp>) -> RemoteRecord {
    let mut fields = Record::new().with("name", "测试甲").with("phone", "+8613900000001");
    fields.set("title", format!("{minutes}"));
    if let Some(last) = last {
        fields.set("last_activity_at", last.0);
    }
    record("lead", "L1", fields, START + Micros::minutes(minutes))
}

/// A note about it, that many minutes after the start.
fn note(number: u64, minutes: i64, mark: Option<&str>) -> RemoteRecord {
    let mut fields = Record::new().with("subject", "电话").with("lead_id", "L1");
    if let Some(mark) = mark {
        fields.set("leadloop_id", mark);
    }
    record("activity", &format!("N{number}"), fields, START + Micros::minutes(minutes))
}

fn last(model: &Model) -> Option<Timestamp> {
    model.book.mirror.get(&remote("lead", "L1")).and_then(|row| row.facts.last_activity_at)
}

fn below(dice: &mut Moment, most: u64) -> usize {
    usize::try_from(dice.throw() % most).expect("a small number")
}

/// Eight notes in any order, on pages of one to three, some of them twice, and the lead's own record between them: silent about
/// activities, or with an older one, in the poll or in the daily reading.
fn game(seed: u64) {
    let (mut model, mut dice) = (node(seed), Moment::new(START, seed));
    page(&mut model, "poll/sales/lead", vec![lead(0, None)]);
    let times: Vec<i64> =
        (0..ACTIVITIES).map(|_| i64::try_from(dice.throw() % 600).expect("a small number")).collect();
    let mut left: Vec<RemoteRecord> =
        times.iter().zip(0..).map(|(minutes, number)| note(number, *minutes, None)).collect();
    // What we wrote ourselves, and what was deleted, is no work of sales.
    left.push(note(90, 900, Some("D-0190")));
    let mut deleted = note(91, 901, None);
    deleted.deleted = true;
    left.push(deleted);
    let (mut known, mut changed) = (None, 1);
    while !left.is_empty() {
        let mut records = Vec::new();
        for _ in 0..=below(&mut dice, 3) {
            if left.is_empty() {
                break;
            }
            let at = below(&mut dice, left.len() as u64);
            records.push(if dice.throw().is_multiple_of(4) {
                left[at].clone()
            } else {
                left.swap_remove(at)
            });
        }
        page(&mut model, "poll/sales/activity", records);
        assert!(last(&model) >= known, "seed {seed}: {:?} after {known:?}", last(&model));
        known = last(&model);
        let older = known.map(|known| known - Micros::minutes(7)).filter(|_| dice.throw().is_multiple_of(2));
        let standing = ["poll/sales/lead", "sweep/sales/lead"][below(&mut dice, 2)];
        page(&mut model, standing, vec![lead(changed, older)]);
        changed += 1;
        assert_eq!(last(&model), known, "seed {seed}: by {standing} with {older:?}");
    }
    let newest = times.iter().max().map(|minutes| START + Micros::minutes(*minutes));
    assert_eq!(last(&model), newest, "seed {seed}");
}

#[test]
fn the_last_activity_never_goes_back_whatever_order_a_crm_tells_in() {
    (0..GAMES).for_each(game);
}

#[test]
fn an_older_activity_behind_a_newer_one_on_one_page_changes_nothing() {
    let mut model = node(1);
    page(&mut model, "poll/sales/lead", vec![lead(0, None)]);
    page(&mut model, "poll/sales/activity", vec![note(1, 300, None), note(2, 20, None), note(3, 100, None)]);
    assert_eq!(last(&model), Some(START + Micros::minutes(300)));
    page(&mut model, "poll/sales/activity", vec![note(4, 299, None)]);
    assert_eq!(last(&model), Some(START + Micros::minutes(300)));
    page(&mut model, "poll/sales/lead", vec![lead(5, Some(START + Micros::minutes(400)))]);
    assert_eq!(last(&model), Some(START + Micros::minutes(400)), "the record itself may know of a newer one");
}
