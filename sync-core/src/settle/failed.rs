//! What did not work: later, asked about by mark, adopted, or parked for a person.
//!
//! A passing failure costs time only; a refusal of the content costs no retry at all. An unknown outcome of a write that
//! must not be doubled is asked about by our mark, twice, before it is sent again.

use super::{Ending, asked, auth_key, described, doubles, retry_of, told};
use crate::because::Reason;
use crate::case::Case;
use crate::effect::Effect;
use crate::handoff::{Handoff, HandoffState};
use crate::lead::RemoteRef;
use crate::mirror::MirrorRow;
use crate::mirror_read::PEOPLE;
use crate::outbox::{Delivery, DeliveryState, Operation, Outcome, PROBES, Purpose, Reply, delay};
use crate::time::Micros;
use crate::{agree, deleted, fill, tell, transfer};

/// The least wait when a day's quota is used up and the system says nothing of when it is filled.
const QUOTA_WAIT: Micros = Micros::minutes(15);

/// It is tried again later, unless it is too old for that.
pub(super) fn later(case: &mut Case<'_>, end: &Ending<'_>) {
    let policy = retry_of(case.policy, &end.delivery.link);
    let now = case.now();
    if now - end.delivery.created_at > policy.give_up {
        return give_up(case, end);
    }
    let hint = match end.outcome {
        Outcome::Throttled { retry_after, quota } => {
            retry_after.or(quota.then_some(QUOTA_WAIT)).map(|hint| Micros(hint.0.max(0)))
        }
        _ => None,
    };
    let due = now + delay(&policy, end.delivery.id, end.delivery.attempt, hint);
    case.say(Reason::new("tried_again").with("at", due));
    let mut moved = end.moved(DeliveryState::Due, due, end.delivery.probe, now);
    if end.delivery.purpose == Purpose::Fields
        && let Effect::MoveDelivery { operation, .. } = &mut moved
    {
        *operation = agree::look_first(case, &end.delivery.operation).map(Box::new);
    }
    if let Some(look) = tell::release::once_more(case.policy, end.delivery)
        && let Effect::MoveDelivery { operation, .. } = &mut moved
    {
        *operation = Some(Box::new(look));
    }
    case.push(moved);
}

/// It was tried for too long.
fn give_up(case: &mut Case<'_>, end: &Ending<'_>) {
    if end.delivery.purpose == Purpose::Ask {
        return asked::in_vain(case, end);
    }
    let last = super::note(end.outcome, case.now());
    let detail =
        format!("`{}` did not take it for too long; last: {} {}", end.delivery.link, last.class, last.detail);
    park_both(case, end, "LL4204", &detail);
}

/// The delivery waits for a person, and with it the hand-over it was to make.
fn park_both(case: &mut Case<'_>, end: &Ending<'_>, code: &str, detail: &str) {
    if end.delivery.purpose == Purpose::Fill {
        return refused(case, end, detail);
    }
    end.parked(case, code, detail);
    if end.delivery.purpose == Purpose::Handover
        && let Some(mut handoff) = end.handoff(case).filter(|handoff| handoff.state.is_open())
    {
        case.park(&mut handoff, code, detail);
        case.put_handoff(handoff);
    }
}

/// A record that nobody waits for does not stand in the way of what comes behind it: it ends, and is told of with its run.
fn refused(case: &mut Case<'_>, end: &Ending<'_>, detail: &str) {
    end.settled(case);
    let detail = crate::case::short(detail, 200);
    case.say(Reason::new("fill_refused").with("detail", &detail));
    fill::ended(case, end.delivery, |run| {
        run.refused += 1;
        run.last_refusal = Some(detail.clone());
    });
    let link = &end.delivery.link;
    let run = end.delivery.run.as_deref().unwrap_or_default();
    let words = format!("`{link}` did not take every record of `{run}`; the last refusal: {detail}");
    case.alarm(fill::alarm_key(link), "LL4892", words, true);
}

/// The link does not let us in: an alarm, and everything waits.
pub(super) fn unauthorized(case: &mut Case<'_>, end: &Ending<'_>, detail: &str) {
    let words =
        format!("`{}` refuses our credentials: {}", end.delivery.link, crate::case::short(detail, 200));
    case.alarm(auth_key(&end.delivery.link), "LL3201", words, true);
    later(case, end);
}

/// Whether sending it once more could make a second record: a create whose mark the system does not hold unique.
pub(super) fn may_be_doubled(case: &Case<'_>, delivery: &Delivery) -> bool {
    let Operation::Create { object, .. } = &delivery.operation else { return false };
    case.policy.crms.get(&delivery.link).is_some_and(|crm| {
        // A note without a mark cannot be asked about; twice is better than not at all.
        let marked = PEOPLE.contains(&object.as_str())
            || crm.roles.get(object).is_some_and(|roles| roles.mark.is_some());
        marked && !crm.mark_unique
    })
}

/// It may have been written: the next thing sent is a look-up by mark, once the system can find it.
pub(super) fn ask_by_mark(case: &mut Case<'_>, end: &Ending<'_>) {
    let lag = case.policy.crms.get(&end.delivery.link).map_or(Micros(0), |crm| crm.find_lag);
    let now = case.now();
    case.say(Reason::new("outcome_unknown"));
    case.push(end.moved(DeliveryState::Due, now + lag, Some(0), now));
}

/// A look-up by mark came to an end.
pub(super) fn probed(case: &mut Case<'_>, end: &Ending<'_>) {
    let found_nothing = end.delivery.probe.unwrap_or(0);
    match end.outcome {
        Outcome::Done(Reply::Found(records)) if !records.is_empty() => {
            let mut remotes: Vec<RemoteRef> =
                records.iter().map(|record| super::poll::remote_of(&end.delivery.link, record)).collect();
            remotes.sort();
            case.say(Reason::new("found_by_mark").with("records", remotes.len()));
            doubles::found(case, end, &remotes);
            if let Some(first) = remotes.first() {
                taken(case, end, first);
            }
        }
        Outcome::Done(_) => {
            let crm = case.policy.crms.get(&end.delivery.link);
            let wait = crm.map_or(Micros(0), |crm| Micros((crm.find_late.0 - crm.find_lag.0).max(0)));
            let (probes, now) = (found_nothing + 1, case.now());
            let due = if probes < PROBES { now + wait } else { now };
            case.say(Reason::new("not_found_by_mark").with("times", probes));
            case.push(end.moved(DeliveryState::Due, due, Some(probes), now));
        }
        Outcome::Rejected { detail, .. } | Outcome::Gone { detail } => {
            let detail = format!(
                "whether it was written is not known, and `{}` cannot be asked: {detail}",
                end.delivery.link
            );
            park_both(case, end, "LL4205", &detail);
        }
        Outcome::Unauthorized { detail } => unauthorized(case, end, detail),
        _ => later(case, end),
    }
}

/// A record that carries the delivery's mark is there.
fn taken(case: &mut Case<'_>, end: &Ending<'_>, remote: &RemoteRef) {
    match end.delivery.purpose {
        Purpose::Handover => told::written(case, end, remote),
        Purpose::Fill => told::filled(case, end, remote),
        _ => end.settled(case),
    }
}

/// A record stands in the way: ours, then it is done; another's, then the person has one already, and the rules are
/// asked again with that known.
pub(super) fn conflict(case: &mut Case<'_>, end: &Ending<'_>, remote: &RemoteRef, same_mark: bool) {
    if same_mark {
        case.say(Reason::new("written_before"));
        return taken(case, end, remote);
    }
    if end.delivery.purpose == Purpose::Fill && PEOPLE.contains(&remote.object.as_str()) {
        end.settled(case);
        return fill::met_there(case, end.delivery, remote);
    }
    if end.delivery.purpose == Purpose::Fill {
        let detail = format!("the record {}/{} stands in the way", remote.object, remote.id);
        return refused(case, end, &detail);
    }
    if end.delivery.purpose != Purpose::Handover {
        case.say(Reason::new("superseded_by_record").with("record", &remote.id));
        return end.settled(case);
    }
    let same = matches!(&end.delivery.operation, Operation::Update { remote: ours, .. } if ours == remote);
    if same || !PEOPLE.contains(&remote.object.as_str()) {
        let detail = format!("the record {}/{} stands in the way", remote.object, remote.id);
        return park_both(case, end, "LL4208", &detail);
    }
    let Some(mut handoff) = end.handoff(case).filter(|handoff| handoff.state.is_open()) else {
        return end.settled(case);
    };
    end.settled(case);
    case.say(Reason::new("duplicate_in_crm").with("record", format!("{}/{}", remote.object, remote.id)));
    let mut read = Vec::new();
    if let Operation::Update { remote: ours, .. } = &end.delivery.operation
        && let Some(row) = case.book.mirror.get(ours)
    {
        let mut converted = row.clone();
        converted.facts.converted.push(remote.clone());
        case.push(Effect::PutMirror(Box::new(converted.clone())));
        read.push(converted);
    }
    handoff.remote = Some(remote.clone());
    let known = case.book.mirror.get(remote).is_some_and(|row| !row.deleted);
    decide_again(case, handoff, &read, known, remote);
}

/// Decides anew from the first rule; where the record is not in the mirror, it is read first.
fn decide_again(
    case: &mut Case<'_>,
    mut handoff: Handoff,
    read: &[MirrorRow],
    known: bool,
    remote: &RemoteRef,
) {
    handoff.rules_tried = 0;
    case.state(&mut handoff, HandoffState::Asking);
    if known {
        transfer::settle_decision(case, handoff, read, None);
    } else {
        transfer::ask_for(case, &handoff, &remote.object, &remote.id);
        case.put_handoff(handoff);
    }
}

/// The record we wanted to change is not there any more.
pub(super) fn gone(case: &mut Case<'_>, end: &Ending<'_>, detail: &str) {
    match (&end.delivery.operation, end.delivery.purpose) {
        (Operation::Update { remote, .. }, Purpose::Handover) => {
            let handoff = end.handoff(case).filter(|handoff| handoff.state.is_open());
            end.settled(case);
            let Some(mut handoff) = handoff else { return };
            // Its deletion was heard of while this was on its way: it waits for a person.
            if deleted::waits(&handoff) {
                return;
            }
            case.say(Reason::new("record_gone").with("record", format!("{}/{}", remote.object, remote.id)));
            let mut read = Vec::new();
            if let Some(row) = case.book.mirror.get(remote) {
                let deleted = MirrorRow { deleted: true, ..row.clone() };
                case.push(Effect::PutMirror(Box::new(deleted.clone())));
                read.push(deleted);
            }
            handoff.remote = None;
            case.lead.remotes.remove(remote);
            decide_again(case, handoff, &read, true, remote);
        }
        (_, Purpose::Handover | Purpose::Fill) => rejected(case, end, None, "gone", detail),
        (_, Purpose::Ask) => asked::in_vain(case, end),
        // What was to be said about it needs no saying any more.
        _ => end.settled(case),
    }
}

/// The system refuses the content: no retry helps, a person must look.
pub(super) fn rejected(case: &mut Case<'_>, end: &Ending<'_>, field: Option<&str>, code: &str, detail: &str) {
    if end.delivery.purpose == Purpose::Ask {
        return asked::in_vain(case, end);
    }
    described::ask_anew(case, end.delivery);
    let field = field.map_or(String::new(), |field| format!(" (field {field})"));
    park_both(case, end, "LL4203", &format!("`{}` says {code}{field}: {detail}", end.delivery.link));
}
