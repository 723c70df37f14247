//! The first reading: a CRM that already holds much is read whole behind everything live, while its changes are polled as
//! ever.
//!
//! A poll that starts from nothing brings the first page. Where there is more, the rest becomes a delivery of its own in the
//! last lane, which goes on from page to page, and the poll goes on with what changes from now: so an answer of sales waits
//! for no million of records, and neither does a hand-over. The mirror counts as fresh only when all was read; until then
//! a hand-over asks the CRM first ([`crate::transfer`]).

use super::note;
use super::poll::look_back;
use crate::book::Book;
use crate::effect::Effect;
use crate::ids::LinkName;
use crate::load::Load;
use crate::mirror_read::{ACTIVITY, PEOPLE};
use crate::moment::Moment;
use crate::outbox::{Cursor, Delivery, DeliveryState, Lane, Operation, Outcome, Purpose, Reply};
use crate::policy::{CrmPolicy, Policy};
use crate::time::{Micros, Timestamp};

/// Where a system tells no time of its own, its clock is at most so far from ours.
const CLOCKS_APART: Micros = Micros::days(1);
/// Activities are looked at again after so long while the people they are about are not read yet.
const AFTER_PEOPLE: Micros = Micros::minutes(2);

/// The counter of the object that a page belongs to; `None` for what is no page of a CRM's changes.
pub(super) fn key(policy: &Policy, delivery: &Delivery) -> Option<String> {
    let Operation::Changes { object, .. } = &delivery.operation else { return None };
    policy.crms.contains_key(&delivery.link).then(|| Load::key(&delivery.link, object))
}

/// Whether a delivery is a first reading.
fn is_load(delivery: &Delivery) -> bool {
    delivery.standing.as_deref().is_some_and(|standing| standing.starts_with("load/"))
}

/// Whether the object that a delivery reads is being read for the first time, by a delivery of its own.
pub(super) fn runs(book: &Book, delivery: &Delivery) -> bool {
    let key = Load::key(&delivery.link, delivery.operation.object());
    Load::read(book.counters.get(&key)).is_some_and(|load| load.beside && load.done.is_none())
}

/// What a page of changes holds besides its records themselves.
pub(super) struct Turned<'a> {
    pub(super) records: usize,
    pub(super) of: Option<u64>,
    pub(super) next: &'a Cursor,
    pub(super) more: bool,
}

/// What the first reading makes of a page: what follows, and whether the poll goes on with it as ever.
pub(super) fn turn(
    book: &Book,
    crm: &CrmPolicy,
    delivery: &Delivery,
    page: &Turned<'_>,
    moment: &mut Moment,
) -> (Vec<Effect>, bool) {
    let Operation::Changes { object, cursor } = &delivery.operation else { return (Vec::new(), true) };
    let (key, now) = (Load::key(&delivery.link, object), moment.now);
    let known = Load::read(book.counters.get(&key));
    let waits = object == ACTIVITY && page.records > 0 && !people_are_read(book, crm);
    if is_load(delivery) {
        if waits {
            return (vec![moved(delivery, None, now + AFTER_PEOPLE, now)], false);
        }
        let load = known.unwrap_or_else(|| Load { beside: true, ..Load::begin(delivery.created_at) });
        return (went_on(load, key, delivery, page, now), false);
    }
    let mut load = match known {
        Some(load) if load.done.is_some() || load.beside => return (Vec::new(), true),
        Some(load) => load,
        None if *cursor == Cursor::default() => Load::begin(delivery.due_at.min(now)),
        None => return (Vec::new(), true),
    };
    let first = load.pages == 0;
    // Where a system cannot be asked for what changed since a time, the poll reads all of it by itself.
    let rest = match page.next.since {
        _ if !first => None,
        Some(_) if waits => Some(Cursor::default()),
        Some(_) if page.more => Some(page.next.clone()),
        _ => None,
    };
    if !(waits && rest.is_some()) {
        load.page(page.records as u64, page.of, now);
    }
    let Some(rest) = rest else {
        load.done = (!page.more).then_some(now);
        return (vec![Effect::SetCounter { key, value: load.to_json() }], true);
    };
    load.beside = true;
    let due_at = if waits { now + AFTER_PEOPLE } else { now };
    let from = Operation::Changes { object: object.clone(), cursor: from_now(page.next, crm, now) };
    let effects = vec![
        Effect::SetCounter { key, value: load.to_json() },
        Effect::Enqueue(Box::new(reading(&delivery.link, object, rest, due_at, moment))),
        moved(delivery, Some(from), now + crm.every_busy, now),
    ];
    (effects, false)
}

/// One more page of a first reading, or its last: then a poll says how fresh the mirror is.
fn went_on(
    mut load: Load,
    key: String,
    delivery: &Delivery,
    page: &Turned<'_>,
    now: Timestamp,
) -> Vec<Effect> {
    load.page(page.records as u64, page.of, now);
    load.done = (!page.more).then_some(now);
    let (link, object) = (delivery.link.clone(), delivery.operation.object().to_owned());
    let mut effects = vec![Effect::SetCounter { key, value: load.to_json() }];
    if page.more {
        let next = Operation::Changes { object, cursor: page.next.clone() };
        effects.push(moved(delivery, Some(next), now, now));
        return effects;
    }
    let mut end = moved(delivery, None, now, now);
    if let Effect::MoveDelivery { to, reset, .. } = &mut end {
        (*to, *reset) = (DeliveryState::Settled, false);
    }
    effects.extend([end, Effect::Hurry { link, object: Some(object), due_at: now }]);
    effects
}

fn moved(delivery: &Delivery, operation: Option<Operation>, due_at: Timestamp, now: Timestamp) -> Effect {
    Effect::MoveDelivery {
        id: delivery.id,
        attempt: delivery.attempt,
        to: DeliveryState::Due,
        due_at,
        probe: None,
        operation: operation.map(Box::new),
        reset: true,
        note: note(&Outcome::Done(Reply::Told), now),
    }
}

/// The rest of an object, behind everything live.
fn reading(
    link: &LinkName,
    object: &str,
    cursor: Cursor,
    due_at: Timestamp,
    moment: &mut Moment,
) -> Delivery {
    Delivery {
        id: moment.id(),
        seq: 0,
        link: link.clone(),
        stream: format!("load/{object}"),
        lane: Lane::Backfill,
        purpose: Purpose::Poll,
        operation: Operation::Changes { object: object.to_owned(), cursor },
        lead: None,
        handoff: None,
        state: DeliveryState::Due,
        due_at,
        attempt: 0,
        probe: None,
        created_at: moment.now,
        joined: None,
        standing: Some(format!("load/{link}/{object}")),
        run: None,
    }
}

/// Where the poll goes on: at the system's own time when the reading began. Where that is told by the records only, they
/// may be old; what changed before that is for the reading to bring.
fn from_now(next: &Cursor, crm: &CrmPolicy, now: Timestamp) -> Cursor {
    let since = next.since.map_or(now - CLOCKS_APART, |since| since.max(now - CLOCKS_APART));
    look_back(&Cursor { since: Some(since), ..Cursor::default() }, crm.look_back)
}

/// An activity moves the people it is about: read before them it would move nobody.
fn people_are_read(book: &Book, crm: &CrmPolicy) -> bool {
    let mut people = crm.mirrored.iter().filter(|object| PEOPLE.contains(&object.as_str()));
    people.all(|object| book.fresh.contains_key(&(crm.link.clone(), object.clone())))
}
