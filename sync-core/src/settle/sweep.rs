//! Everything is read once a day: some systems do not tell what was deleted, and a change can be lost by any of them.
//!
//! A sweep is a standing delivery that reads an object from its beginning, page by page, behind everything live. Its pages
//! go to the mirror as a poll's do; a row that none of them brought is read by itself ([`crate::reconcile`]), and only then
//! counts as deleted. Where too many are missing at once, nothing is done and a person is asked: rather a right was taken
//! from our user than that half the CRM was deleted.

use std::collections::BTreeMap;

use super::load;
use crate::book::{Book, MOST_UNSEEN};
use crate::effect::{Alarm, Effect};
use crate::ids::LinkName;
use crate::lead::RemoteRef;
use crate::mirror::MirrorRow;
use crate::mirror_read::ACTIVITY;
use crate::moment::Moment;
use crate::outbox::{Cursor, Delivery, DeliveryState, Lane, Operation, Outcome, Purpose, Reply};
use crate::policy::Policy;
use crate::reconcile;
use crate::time::{Micros, Timestamp};

/// The counter that holds when the reading of an object began; `None` for any other delivery.
pub(super) fn key(delivery: &Delivery) -> Option<String> {
    delivery.standing.clone().filter(|standing| standing.starts_with("sweep/"))
}

/// Whole readings of all CRMs that have them.
pub(super) fn standing(policy: &Policy, moment: &mut Moment, polls: &mut Vec<Delivery>) {
    for crm in policy.crms.values() {
        let Some(minute) = crm.full_check else { continue };
        for object in crm.mirrored.iter().filter(|object| *object != ACTIVITY) {
            polls.push(Delivery {
                id: moment.id(),
                seq: 0,
                link: crm.link.clone(),
                stream: format!("sweep/{object}"),
                lane: Lane::Backfill,
                purpose: Purpose::Poll,
                operation: Operation::Changes { object: object.clone(), cursor: Cursor::default() },
                lead: None,
                handoff: None,
                state: DeliveryState::Due,
                due_at: next(policy, minute, moment.now),
                attempt: 0,
                probe: None,
                created_at: moment.now,
                joined: None,
                standing: Some(format!("sweep/{}/{object}", crm.link)),
                run: None,
            });
        }
    }
}

/// The next time the clock on the wall shows that minute of the day.
fn next(policy: &Policy, minute: u16, now: Timestamp) -> Timestamp {
    let time = |day: jiff::civil::Date| {
        let (hour, minute) = (i8::try_from(minute / 60).unwrap_or(0), i8::try_from(minute % 60).unwrap_or(0));
        let at = day.at(hour, minute, 0, 0).to_zoned(policy.zone.clone()).ok()?;
        Some(Timestamp(at.timestamp().as_microsecond()))
    };
    let today = now.in_zone(&policy.zone).date();
    let days = [Some(today), today.tomorrow().ok()];
    let times = days.into_iter().flatten().filter_map(time);
    times.filter(|at| *at > now).min().unwrap_or(now + Micros::days(1))
}

/// When the reading that this page belongs to began.
fn begun(book: &Book, delivery: &Delivery) -> Option<Timestamp> {
    let key = key(delivery)?;
    match &delivery.operation {
        Operation::Changes { cursor, .. } if *cursor == Cursor::default() => Some(delivery.due_at),
        _ => book.counters.get(&key).and_then(serde_json::Value::as_i64).map(Timestamp),
    }
}

/// Which rows are missing when this page was the last.
pub(super) fn unseen(
    book: &Book,
    delivery: &Delivery,
    outcome: &Outcome,
) -> Option<(LinkName, String, Timestamp)> {
    let Outcome::Done(Reply::Page { more: false, .. }) = outcome else { return None };
    Some((delivery.link.clone(), delivery.operation.object().to_owned(), begun(book, delivery)?))
}

/// What follows from a page.
pub(super) struct Page {
    pub(super) effects: Vec<Effect>,
    pub(super) missing: usize,
}

pub(super) fn page(
    book: &Book,
    policy: &Policy,
    delivery: &Delivery,
    (next_page, more): (&Cursor, bool),
    brought: &BTreeMap<RemoteRef, MirrorRow>,
    moment: &mut Moment,
) -> Page {
    let mut page = Page { effects: Vec::new(), missing: 0 };
    let (Some(key), Some(begun)) = (key(delivery), begun(book, delivery)) else { return page };
    let now = moment.now;
    let object = delivery.operation.object().to_owned();
    let first =
        matches!(&delivery.operation, Operation::Changes { cursor, .. } if *cursor == Cursor::default());
    if first {
        page.effects.push(Effect::SetCounter { key: key.clone(), value: begun.0.into() });
    }
    let (cursor, due_at) = if first && load::runs(book, delivery) {
        // All of it is being read anyway.
        (Cursor::default(), next_due(policy, delivery, now))
    } else if more {
        (next_page.clone(), now)
    } else {
        let gone = missing(book, delivery, begun, brought);
        act(policy, delivery, &gone, moment, &mut page);
        (Cursor::default(), next_due(policy, delivery, now))
    };
    page.effects.push(Effect::MoveDelivery {
        id: delivery.id,
        attempt: delivery.attempt,
        to: DeliveryState::Due,
        due_at,
        probe: None,
        operation: Some(Box::new(Operation::Changes { object, cursor })),
        reset: true,
        note: super::note(&Outcome::Done(Reply::Told), now),
    });
    page
}

fn next_due(policy: &Policy, delivery: &Delivery, now: Timestamp) -> Timestamp {
    let minute = policy.crms.get(&delivery.link).and_then(|crm| crm.full_check);
    minute.map_or(now + Micros::days(1), |minute| next(policy, minute, now))
}

/// Rows that no page brought.
fn missing(
    book: &Book,
    delivery: &Delivery,
    begun: Timestamp,
    brought: &BTreeMap<RemoteRef, MirrorRow>,
) -> Vec<RemoteRef> {
    let object = delivery.operation.object();
    let of = |remote: &RemoteRef| remote.link == delivery.link && remote.object == object;
    let gone = book.mirror.values().filter(|row| {
        of(&row.remote) && !row.deleted && row.seen_at < begun && !brought.contains_key(&row.remote)
    });
    gone.map(|row| row.remote.clone()).collect()
}

/// Each of them is read by itself, unless there are too many.
fn act(policy: &Policy, delivery: &Delivery, gone: &[RemoteRef], moment: &mut Moment, page: &mut Page) {
    let most = usize::try_from(MOST_UNSEEN).unwrap_or(usize::MAX);
    page.missing = gone.len().min(most.saturating_add(1));
    let (link, object) = (&delivery.link, delivery.operation.object());
    let too_many = gone.len() > most;
    let detail = format!(
        "more than {MOST_UNSEEN} {object} records of `{link}` are missing at once; nothing was done about it"
    );
    let at = moment.now;
    let (key, code) = (format!("missing/{link}/{object}"), "LL4752".to_owned());
    page.effects.push(Effect::Alarm(Alarm { key, code, detail, raised: too_many, at }));
    if !too_many {
        page.effects
            .extend(gone.iter().flat_map(|remote| reconcile::read_again(remote, None, policy, moment)));
    }
}
