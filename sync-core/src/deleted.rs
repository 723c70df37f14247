//! Stage 7, feedback: a record of ours was deleted in the CRM, or is there again; what follows by `deleted` of its [[crm]].
//!
//! Nothing that was deleted is made again by itself: a hand-over waits for a person, or ends and its lead is passed to that
//! CRM by hand only. Forgetting a person waits an hour, so that a mass deletion is noticed first and a mistake can be taken
//! back; it is carried out by the shell ([`due`] says whether). How many deletions an hour are heard is for [`crate::fuse`].

use crate::because::{Because, Reason};
use crate::book::{Book, Needs};
use crate::case::Case;
use crate::effect::{Alarm, Deadline, Effect, Reaction};
use crate::feedback::crm_id;
use crate::fuse::{self, Kind};
use crate::handoff::{Handoff, HandoffState};
use crate::lead::{Lead, RemoteRef, Stage};
use crate::mirror_read::PEOPLE;
use crate::moment::Moment;
use crate::policy::{Deleted, Policy};
use crate::routing::Dealings;
use crate::sla;
use crate::time::Micros;
use crate::transfer::{self, Occasion};

/// The code of a hand-over whose record was deleted.
pub const GONE: &str = "LL4211";
/// The deadline at which a person is forgotten whose last record was deleted.
pub const ERASE: &str = "erase";
/// How long that waits.
pub const WAIT: Micros = Micros::hours(1);

/// Whether the CRM holds a record (again), as far as is known.
pub(crate) fn is_there(case: &Case<'_>, remote: &RemoteRef) -> bool {
    case.book.mirror.get(remote).is_some_and(|row| !row.deleted)
}

/// A record was deleted.
pub(crate) fn take(case: &mut Case<'_>, remote: &RemoteRef, handoff: Option<&mut Handoff>) {
    if is_there(case, remote) {
        case.say(Reason::new("record_is_there").with("record", crm_id(remote)));
        return;
    }
    let known = case.lead.remotes.remove(remote);
    let policy = case.policy.crms.get(&remote.link).map(|crm| crm.deleted).unwrap_or_default();
    let stood = handoff.filter(|handoff| handoff.state.is_open() && handoff.remote.as_ref() == Some(remote));
    if known || stood.is_some() {
        case.say(Reason::new("record_deleted").with("record", crm_id(remote)));
    }
    let another = others(case.lead, remote).next().is_some();
    let last = known && PEOPLE.contains(&remote.object.as_str()) && !another;
    if let Some(handoff) = stood {
        handoff.remote = None;
        if policy == Deleted::Detach {
            detach(case, handoff);
        } else {
            let detail =
                format!("{} was deleted in the CRM; hand the lead over again, or close it", crm_id(remote));
            case.park(handoff, GONE, &detail);
        }
    }
    match policy {
        Deleted::Detach if last => {
            case.dealings().detached.insert(remote.link.clone());
        }
        Deleted::Erase if last => {
            let at = case.now() + WAIT;
            case.say(Reason::new("erase_due").with("at", at));
            case.deadline(ERASE, key(remote), 0, at, None);
        }
        _ => {}
    }
}

/// Other records of the person.
fn others<'l>(lead: &'l Lead, remote: &'l RemoteRef) -> impl Iterator<Item = &'l RemoteRef> {
    lead.remotes.iter().filter(move |other| *other != remote && PEOPLE.contains(&other.object.as_str()))
}

fn key(remote: &RemoteRef) -> String {
    format!("{ERASE}/{}", crm_id(remote))
}

/// The hand-over ends without a loop: the lead stands in the pool again.
fn detach(case: &mut Case<'_>, handoff: &mut Handoff) {
    case.state(handoff, HandoffState::TakenBack);
    handoff.due = None;
    case.lead.owner = None;
    case.lead.mql = false;
    case.stage(Stage::Raw);
}

/// A record is there again that was deleted, and the lead knows it: its hand-over goes on where it waited.
pub(crate) fn restored(case: &mut Case<'_>, remote: &RemoteRef, handoff: Option<&mut Handoff>) {
    case.say(Reason::new("record_restored").with("record", crm_id(remote)));
    case.push(Effect::ClearDeadline(key(remote)));
    case.dealings().detached.remove(&remote.link);
    let Some(handoff) = handoff.filter(|handoff| waits(handoff)) else { return };
    handoff.remote = Some(remote.clone());
    let accepted = matches!(case.lead.stage, Stage::Accepted | Stage::Opportunity);
    let state = if accepted { HandoffState::Accepted } else { HandoffState::WithSales };
    case.state(handoff, state);
    sla::start(case, handoff);
    if accepted {
        sla::accepted(case, handoff);
    }
}

/// Whether a hand-over waits for a person because its record was deleted.
#[must_use]
pub fn waits(handoff: &Handoff) -> bool {
    handoff.state == HandoffState::Parked
        && handoff.remote.is_none()
        && handoff.parked.as_ref().is_some_and(|(code, _)| code == GONE)
}

/// Whether a person may have a hand-over made again. Needs its lead, and the lead's [`Dealings`].
#[must_use]
pub fn may_be_made_again(book: &Book, handoff: &Handoff) -> bool {
    let ended = || {
        let lead = book.resolve(handoff.lead).map_or(handoff.lead, |lead| lead.id);
        handoff.state == HandoffState::TakenBack
            && handoff.remote.is_none()
            && book.open_handoff(lead).is_none()
            && Dealings::of(book, lead).detached.contains(&handoff.link)
    };
    waits(handoff) || ended()
}

/// Whether a hand-over ended because its record was deleted, and its lead is passed there by hand only.
pub(crate) fn is_detached(case: &mut Case<'_>, handoff: &Handoff) -> bool {
    handoff.state == HandoffState::TakenBack
        && case.dealings().detached.contains(&handoff.link)
        && case.book.open_handoff(case.lead.id).is_none()
}

/// A person wants a lead handed over again whose record was deleted.
pub(crate) fn again(case: &mut Case<'_>, handoff: &Handoff) {
    case.dealings().detached.remove(&handoff.link);
    case.say(Reason::new("decided_again"));
    if matches!(case.lead.stage, Stage::Raw | Stage::Resting) {
        case.stage(Stage::Marketing);
    }
    let Some(link) = transfer::allowed(case) else { return };
    let (noticed, happened) = (case.now(), handoff.clocks.happened.unwrap_or(handoff.opened_at));
    transfer::begin(case, link, &Occasion { happened, noticed, touch: None }, None);
}

/// The record whose deletion set a deadline of kind [`ERASE`].
fn remote_of(deadline: &Deadline) -> Option<RemoteRef> {
    let mut parts = deadline.key.splitn(4, '/').skip(1);
    let (link, object, id) = (parts.next()?, parts.next()?, parts.next()?);
    Some(RemoteRef { link: link.into(), object: object.to_owned(), id: id.to_owned() })
}

/// What must be known before somebody is forgotten.
#[must_use]
pub fn needs(deadline: &Deadline, policy: &Policy) -> Needs {
    let remote = remote_of(deadline);
    let link = remote.as_ref().map(|remote| &remote.link);
    Needs {
        leads: [deadline.lead].into(),
        counters: link.into_iter().flat_map(|link| fuse::counters(policy, link)).collect(),
        rows: remote.clone().into_iter().collect(),
        ..Needs::default()
    }
}

/// An hour after the last record of a person was deleted: what is done instead of forgetting them; `None`: they are to be
/// forgotten. Never where the fuse blew meanwhile or somebody handed the lead over again.
#[must_use]
pub fn due(book: &Book, deadline: &Deadline, policy: &Policy, moment: &mut Moment) -> Option<Reaction> {
    let mut because = Because { lead: Some(deadline.lead), ..Because::default() };
    let mut effects = vec![Effect::ClearDeadline(deadline.key.clone())];
    let (Some(remote), Some(lead)) = (remote_of(deadline), book.resolve(deadline.lead)) else {
        because.push(Reason::new("lead_gone"));
        return Some(Reaction { effects, because });
    };
    let there = book.mirror.get(&remote).is_none_or(|row| !row.deleted);
    let asked = policy.crms.get(&remote.link).is_some_and(|crm| crm.deleted == Deleted::Erase);
    let goes_on = book.open_handoff(lead.id).is_some_and(|handoff| !waits(handoff));
    let why = if there {
        "record_is_there"
    } else if !asked {
        "policy"
    } else if goes_on || others(lead, &remote).next().is_some() {
        "with_sales"
    } else if fuse::blew_since(book, &remote.link, Kind::Deletions, deadline.at - WAIT - WAIT) {
        let detail = format!(
            "too many records were deleted in `{}`: people are not forgotten by themselves; look at {}",
            remote.link, deadline.lead
        );
        let (key, code, at) = (held_key(&remote), "LL4821".to_owned(), moment.now);
        effects.push(Effect::Alarm(Alarm { key, code, detail, raised: true, at }));
        "fuse"
    } else {
        return None;
    };
    because.push(Reason::new("erase_held").with("why", why));
    Some(Reaction { effects, because })
}

fn held_key(remote: &RemoteRef) -> String {
    format!("erase_held/{}", remote.link)
}

/// What ends with a person who is forgotten: an alarm that others were not.
#[must_use]
pub fn forgotten(deadline: &Deadline, moment: &Moment) -> Vec<Effect> {
    let alarm = remote_of(deadline).map(|remote| Alarm {
        key: held_key(&remote),
        code: "LL4821".to_owned(),
        detail: String::new(),
        raised: false,
        at: moment.now,
    });
    alarm.map(Effect::Alarm).into_iter().collect()
}
