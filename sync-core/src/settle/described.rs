//! An object was described by its CRM, or not: what is kept of it, and the alarms of what breaks and heals.
//!
//! What differs and what that breaks is found in [`crate::schema`].

use std::collections::BTreeMap;

use super::{auth_key, moved, note, poll};
use crate::because::{Because, Reason};
use crate::book::Book;
use crate::case::Case;
use crate::effect::{Alarm, Effect, Reaction};
use crate::ids::LinkName;
use crate::moment::Moment;
use crate::outbox::{Delivery, DeliveryState, Lane, Operation, Outcome, Purpose, Reply};
use crate::policy::Policy;
use crate::schema::{self, Broken, FRESH, Known};
use crate::time::{Micros, Timestamp};

/// How often a description is read.
const EVERY: Micros = Micros::days(1);
/// How long after the first start it is read first: what is live goes before.
const FIRST: Micros = Micros::minutes(5);
/// What a hint to a description begins with; the object follows.
const HINT: &str = "describe/";

/// Readings of the descriptions of all CRMs that describe themselves.
pub(super) fn standing(policy: &Policy, moment: &mut Moment, polls: &mut Vec<Delivery>) {
    for crm in policy.crms.values() {
        for object in &crm.described {
            polls.push(Delivery {
                id: moment.id(),
                seq: 0,
                link: crm.link.clone(),
                stream: format!("describe/{object}"),
                lane: Lane::Backfill,
                purpose: Purpose::Poll,
                operation: Operation::Describe { object: object.clone() },
                lead: None,
                handoff: None,
                state: DeliveryState::Due,
                due_at: moment.now + FIRST,
                attempt: 0,
                probe: None,
                created_at: moment.now,
                standing: Some(format!("describe/{}/{object}", crm.link)),
                run: None,
                joined: None,
            });
        }
    }
}

/// The counter that must be known: of the description itself, or of the object of a write that was refused.
pub(super) fn key(policy: &Policy, delivery: &Delivery, outcome: &Outcome) -> Option<String> {
    let object = match &delivery.operation {
        Operation::Describe { object } => object,
        Operation::Create { .. } | Operation::Update { .. }
            if matches!(outcome, Outcome::Rejected { .. }) =>
        {
            delivery.operation.object()
        }
        _ => return None,
    };
    let described = policy.crms.get(&delivery.link).is_some_and(|crm| described(&crm.described, object));
    let own = matches!(delivery.operation, Operation::Describe { .. });
    (described || own).then(|| schema::key(&delivery.link, object))
}

fn described(objects: &[String], object: &str) -> bool {
    objects.iter().any(|known| known == object)
}

/// A reading came to its end.
pub(super) fn settle(
    book: &Book,
    delivery: &Delivery,
    outcome: &Outcome,
    policy: &Policy,
    moment: &mut Moment,
) -> Reaction {
    let (link, object, now) = (&delivery.link, delivery.operation.object(), moment.now);
    let mut known = Known::of(book, link, object);
    let mut because = Because { delivery: Some(delivery.id), ..Because::default() };
    let before = known.broken.clone();
    let unseen = (format!("{HINT}{link}/{object}"), "LL4834");
    let Some(crm) = policy.crms.get(link).filter(|crm| described(&crm.described, object)) else {
        let mut effects = told(link, object, &before, &[], now);
        effects.push(alarm(unseen.0, unseen.1, String::new(), false, now));
        effects.push(moved(delivery, outcome, DeliveryState::Settled, now, now));
        return Reaction { effects, because };
    };
    let mut effects = Vec::new();
    let due = match outcome {
        Outcome::Done(Reply::Described(described)) => {
            if known.unseen.is_some() {
                effects.push(alarm(unseen.0, unseen.1, String::new(), false, now));
            }
            let changed = known.take(crm, described, now);
            effects.extend(told(link, object, &before, &known.broken, now));
            if changed > 0 || known.broken != before {
                let reason = Reason::new("described").with("object", object).with("changed", changed);
                because.push(reason.with("broken", known.broken.len()));
            }
            now + EVERY
        }
        Outcome::Rejected { .. } | Outcome::Gone { .. } | Outcome::Conflict { .. } | Outcome::Done(_) => {
            let words = note(outcome, now).detail;
            known.refused(&words);
            let detail = format!("`{link}` does not describe its `{object}`: {words}");
            effects.push(alarm(unseen.0, unseen.1, detail, true, now));
            now + EVERY
        }
        other => {
            let (due, said) = poll::after_failure(policy, delivery, other, now);
            effects.extend(said.map(|(key, code, detail)| alarm(key, code, detail, true, now)));
            effects.push(moved(delivery, outcome, DeliveryState::Due, due, now));
            return Reaction { effects, because };
        }
    };
    if delivery.attempt > 1 {
        effects.push(alarm(auth_key(link), "LL3201", String::new(), false, now));
    }
    let value = serde_json::to_value(&known).unwrap_or_default();
    effects.push(Effect::SetCounter { key: schema::key(link, object), value });
    effects.push(Effect::MoveDelivery {
        id: delivery.id,
        attempt: delivery.attempt,
        to: DeliveryState::Due,
        due_at: due,
        probe: None,
        operation: None,
        reset: true,
        note: note(outcome, now),
    });
    Reaction { effects, because }
}

/// Alarms of what broke and what healed.
fn told(link: &LinkName, object: &str, before: &[Broken], now: &[Broken], at: Timestamp) -> Vec<Effect> {
    let by_key = |list: &[Broken]| -> BTreeMap<String, Broken> {
        list.iter().map(|broken| (broken.alarm_key(link, object), broken.clone())).collect()
    };
    let (before, now) = (by_key(before), by_key(now));
    let healed = before.iter().filter(|(key, _)| !now.contains_key(*key));
    let healed = healed.map(|(key, broken)| alarm(key.clone(), broken.what.code(), String::new(), false, at));
    let broke = now
        .iter()
        .filter(|(key, _)| !before.contains_key(*key))
        .map(|(key, broken)| alarm(key.clone(), broken.what.code(), broken.detail(link, object), true, at));
    healed.chain(broke).collect()
}

fn alarm(key: String, code: &str, detail: String, raised: bool, at: Timestamp) -> Effect {
    Effect::Alarm(Alarm { key, code: code.to_owned(), detail, raised, at })
}

/// A write was refused: the description is read soon, where it is not fresh.
pub(super) fn ask_anew(case: &mut Case<'_>, delivery: &Delivery) {
    let (link, object, now) = (&delivery.link, delivery.operation.object(), case.now());
    let known = case.policy.crms.get(link).is_some_and(|crm| described(&crm.described, object));
    if known && Known::of(case.book, link, object).at.is_none_or(|at| now - at > FRESH) {
        let (link, object) = (link.clone(), Some(format!("{HINT}{object}")));
        case.push(Effect::Hurry { link, object, due_at: now });
    }
}

/// Somebody wants the descriptions of a CRM read now.
pub(super) fn now(policy: &Policy, link: &LinkName, at: Timestamp) -> Vec<Effect> {
    let described = policy.crms.get(link).map(|crm| crm.described.as_slice()).unwrap_or_default();
    let hint = |object: &String| Effect::Hurry {
        link: link.clone(),
        object: Some(format!("{HINT}{object}")),
        due_at: at,
    };
    described.iter().map(hint).collect()
}
