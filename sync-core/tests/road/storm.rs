//! A workflow of the CRM that touches every record: no traffic, and an alarm.

use leadloop_mapping::Record;
use leadloop_sync_core::book::Book;
use leadloop_sync_core::effect::{Alarm, Effect, Reaction};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Cursor, Delivery, Operation, Outcome, Reply};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::settle;
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::support::policy::standard;
use crate::support::rows;

struct Ground {
    policy: Policy,
    book: Book,
    poll: Delivery,
    now: Timestamp,
}

fn fields(n: usize, name: &str) -> Record {
    Record::new().with("name", name).with("phone", format!("139{n:08}")).with("owner_id", "U1")
}

impl Ground {
    /// A mirror of so many leads.
    fn of(many: usize) -> Self {
        let policy = standard();
        let now = Timestamp::parse("2026-11-23 10:00", &policy.zone).expect("a time");
        let mut book = Book::default();
        for n in 0..many {
            let record = rows::record("lead", &format!("L{n}"), fields(n, "测试"), now - Micros::days(2));
            rows::mirror(&mut book, &policy, &record, now - Micros::days(1));
        }
        let mut moment = Moment::new(now, 3);
        let poll = settle::standing(&policy, &mut moment)
            .into_iter()
            .find(|poll| {
                poll.standing.as_deref().is_some_and(|name| name.starts_with("poll/"))
                    && poll.operation.object() == "lead"
            })
            .expect("leads are polled");
        Self { policy, book, poll, now }
    }

    /// A page of changes, taken in.
    fn page(&mut self, many: usize, name: &str) -> Reaction {
        let records =
            (0..many).map(|n| rows::record("lead", &format!("L{n}"), fields(n, name), self.now)).collect();
        let Operation::Changes { .. } = &self.poll.operation else { panic!("a poll") };
        let next = Cursor { since: Some(self.now), after_id: None, token: None };
        let outcome = Outcome::Done(Reply::Page { records, next, more: false, of: None });
        let mut moment = Moment::new(self.now, 4);
        let input = [(self.poll.clone(), outcome.clone())];
        let needs = settle::needs(&input, &self.policy);
        assert!(needs.counters.iter().any(|key| key.starts_with("touched/")), "{:?}", needs.counters);
        let reaction = settle::settle(&self.book, &self.poll, &outcome, &self.policy, &mut moment);
        for effect in &reaction.effects {
            match effect {
                Effect::PutMirror(row) => {
                    self.book.mirror.insert(row.remote.clone(), (**row).clone());
                }
                Effect::SetCounter { key, value } => {
                    self.book.counters.insert(key.clone(), value.clone());
                }
                _ => {}
            }
        }
        self.now = self.now + Micros::minutes(10);
        reaction
    }
}

fn alarms(reaction: &Reaction) -> Vec<&Alarm> {
    let alarms = reaction.effects.iter().filter_map(|effect| match effect {
        Effect::Alarm(alarm) => Some(alarm),
        _ => None,
    });
    alarms.collect()
}

fn says_something(reaction: &Reaction) -> bool {
    reaction.effects.iter().any(|effect| matches!(effect, Effect::Enqueue(_) | Effect::Keep(_)))
}

/// When the next poll comes.
fn next(reaction: &Reaction) -> Timestamp {
    let due = reaction.effects.iter().find_map(|effect| match effect {
        Effect::MoveDelivery { due_at, .. } => Some(*due_at),
        _ => None,
    });
    due.expect("the poll stands")
}

#[test]
fn a_touch_of_every_record_makes_no_traffic_and_is_told() {
    let mut ground = Ground::of(300);
    let (idle, begun) = (ground.policy.crms.values().next().expect("a CRM").every_idle, ground.now);
    let first = ground.page(300, "测试");
    assert!(!says_something(&first));
    assert_eq!(next(&first), begun + idle, "nothing to hurry for");
    let [alarm] = alarms(&first)[..] else { panic!("{:?}", first.effects) };
    assert!(alarm.raised && alarm.code == "LL4755" && alarm.detail.contains("300 lead"), "{alarm:?}");

    // it goes on: counted together; over an hour later it is over, and said once
    let second = ground.page(300, "测试");
    assert!(alarms(&second)[0].detail.contains("600 lead"), "{:?}", alarms(&second));
    assert!(alarms(&ground.page(3, "测试")).is_empty());
    ground.now = ground.now + Micros::hours(1);
    let over = ground.page(3, "测试");
    assert!(alarms(&over).iter().all(|alarm| !alarm.raised) && alarms(&over).len() == 1, "{over:?}");
    assert!(alarms(&ground.page(3, "测试")).is_empty());
}

#[test]
fn real_changes_are_no_storm() {
    let mut ground = Ground::of(300);
    assert!(alarms(&ground.page(300, "测试甲")).is_empty(), "all names changed");
    assert!(alarms(&ground.page(30, "测试甲")).is_empty(), "few were touched");
}
