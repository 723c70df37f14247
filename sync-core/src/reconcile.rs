//! Pool against CRM, record by record and field by field: what differs, why, and what puts it right.
//!
//! The shell reads the CRM and loads what the pool knows; here the two are held against each other and nothing is changed. A
//! repair is a delivery like any other ([`repair`]): the record is read once more, and the road decides on what it says
//! then, so that a repair overwrites nothing newer either. Counting records and paging are the shell's business.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::merge::Verdict;
use leadloop_mapping::{Record, Value};
use serde::{Deserialize, Serialize};

use crate::agree;
use crate::book::{Book, Needs};
use crate::case::{Case, short};
use crate::effect::{Effect, Reaction, RemoteLink};
use crate::feedback;
use crate::handoff::{Handoff, HandoffState};
use crate::ids::{HandoffId, LeadId, LinkName};
use crate::lead::RemoteRef;
use crate::mirror::MirrorRow;
use crate::mirror_read::PEOPLE;
use crate::moment::Moment;
use crate::outbox::{Delivery, DeliveryState, FindBy, Lane, Operation, Purpose};
use crate::policy::{CrmPolicy, Policy};
use crate::time::Micros;

/// Most characters of a value that are kept with a difference.
const MOST_SHOWN: usize = 200;
/// A change is noticed with the next poll; later than that it was missed.
const POLLS: i64 = 2;

/// Why pool and CRM differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It is on its way: a delivery waits in the outbox.
    Pending,
    /// The CRM changed it since it was last polled.
    Coming,
    /// Both changed it, and a person is asked.
    Asked,
    /// The value does not get across; the rule says why.
    Refused,
    /// Sales wrote it by hand, and the rule lets it stand.
    ByHand,
    /// The delivery, or the hand-over, needs a person.
    Parked,
    /// The pool says something else, and nothing is on its way.
    NotSent,
    /// The CRM says something else, and it was never heard.
    NotHeard,
    /// The mirror holds something else than the CRM.
    MirrorStale,
    /// The record is gone, and nobody said so.
    Vanished,
    /// The CRM has the record of a hand-over that does not know of it.
    LostHandover,
    /// A hand-over has no record in the CRM, and none is being made.
    NeverHandedOver,
    /// The record carries a mark of ours that the pool does not know.
    UnknownMark,
    /// Several records carry one mark.
    Doubled,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 14] = [
        Cause::Pending,
        Cause::Coming,
        Cause::Asked,
        Cause::Refused,
        Cause::ByHand,
        Cause::Parked,
        Cause::NotSent,
        Cause::NotHeard,
        Cause::MirrorStale,
        Cause::Vanished,
        Cause::LostHandover,
        Cause::NeverHandedOver,
        Cause::UnknownMark,
        Cause::Doubled,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::Pending => "pending",
            Cause::Coming => "coming",
            Cause::Asked => "asked",
            Cause::Refused => "refused",
            Cause::ByHand => "by_hand",
            Cause::Parked => "parked",
            Cause::NotSent => "not_sent",
            Cause::NotHeard => "not_heard",
            Cause::MirrorStale => "mirror_stale",
            Cause::Vanished => "vanished",
            Cause::LostHandover => "lost_handover",
            Cause::NeverHandedOver => "never_handed_over",
            Cause::UnknownMark => "unknown_mark",
            Cause::Doubled => "doubled",
        }
    }

    /// Whether the road, or a person, deals with it anyway.
    #[must_use]
    pub const fn is_known(self) -> bool {
        matches!(
            self,
            Cause::Pending | Cause::Coming | Cause::Asked | Cause::Refused | Cause::ByHand | Cause::Parked
        )
    }
}

/// What puts a difference right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// The record is read once more as if a poll had brought it.
    Read(RemoteRef),
    /// The record is read once more, and what the pool has to say is sent.
    Send(RemoteRef),
    /// The record becomes the hand-over's.
    Adopt(RemoteRef, HandoffId),
    /// The hand-over is decided anew.
    Decide(HandoffId),
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Which record of the CRM.
    pub remote: Option<RemoteRef>,
    /// Whose.
    pub lead: Option<LeadId>,
    /// On which hand-over.
    pub handoff: Option<HandoffId>,
    /// The CRM's field; `None`: the whole record.
    pub field: Option<String>,
    /// What the pool says, in the CRM's words.
    pub pool: String,
    /// What the CRM says.
    pub crm: String,
    /// What the CRM said when both last agreed.
    pub agreed: Option<String>,
    /// Why.
    pub cause: Cause,
    /// More about it: an error's code, a rule's reason.
    pub detail: String,
    /// What puts it right; `None` where nothing is to be done, or only by hand.
    pub repair: Option<Repair>,
}

/// What must be known to compare these records.
#[must_use]
pub fn needs(link: &LinkName, rows: &[MirrorRow]) -> Needs {
    let mut needs = Needs::default();
    needs.remotes.extend(rows.iter().map(|row| row.remote.clone()));
    needs.handoffs.extend(rows.iter().filter_map(marked));
    needs.fresh.insert(link.clone());
    needs
}

/// The hand-over whose mark a record carries.
fn marked(row: &MirrorRow) -> Option<HandoffId> {
    row.facts.mark.as_deref().filter(|mark| mark.starts_with("H-"))?.parse().ok()
}

/// What is still to be said about leads, by lead.
pub type Unsettled = BTreeMap<LeadId, Vec<Delivery>>;

/// What a comparison is made with.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// What the pool knows.
    pub book: &'a Book,
    /// What is still to be said.
    pub unsettled: &'a Unsettled,
    /// The rules.
    pub policy: &'a Policy,
    /// The CRM.
    pub link: &'a LinkName,
}

/// Holds records as the CRM has them now against what the pool knows of them.
#[must_use]
pub fn compare(ground: Ground<'_>, rows: &[MirrorRow], moment: &mut Moment) -> Vec<Difference> {
    let Some(crm) = ground.policy.crms.get(ground.link) else { return Vec::new() };
    let mut found = Vec::new();
    let mut marks: BTreeMap<HandoffId, &RemoteRef> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.deleted) {
        let twin = marked(row).and_then(|mark| marks.insert(mark, &row.remote));
        if let Some(first) = twin.filter(|first| **first != row.remote) {
            let detail = feedback::crm_id(first);
            found.push(Difference { detail, handoff: marked(row), ..about(row, Cause::Doubled) });
        }
        match ground.book.links.get(&row.remote) {
            Some(link) => linked(ground, crm, link, row, moment, &mut found),
            None => foreign(ground, row, &mut found),
        }
    }
    found
}

fn about(row: &MirrorRow, cause: Cause) -> Difference {
    Difference {
        remote: Some(row.remote.clone()),
        lead: None,
        handoff: None,
        field: None,
        pool: String::new(),
        crm: String::new(),
        agreed: None,
        cause,
        detail: String::new(),
        repair: None,
    }
}

/// A record that is nobody's here: it may be the lost one of a hand-over, and the mirror should know it.
fn foreign(ground: Ground<'_>, row: &MirrorRow, found: &mut Vec<Difference>) {
    if let Some(id) = marked(row).filter(|_| PEOPLE.contains(&row.remote.object.as_str())) {
        let difference = match ground.book.handoffs.get(&id) {
            None => about(row, Cause::UnknownMark),
            Some(handoff) if handoff.remote.as_ref().is_some_and(|known| *known != row.remote) => {
                let detail = handoff.remote.as_ref().map(feedback::crm_id).unwrap_or_default();
                Difference {
                    detail,
                    lead: Some(handoff.lead),
                    handoff: Some(id),
                    ..about(row, Cause::Doubled)
                }
            }
            Some(handoff) => {
                let pending = unsettled(ground, handoff.lead, |delivery| delivery.handoff == Some(id));
                let (cause, detail) = pending.unwrap_or((Cause::LostHandover, String::new()));
                let lost = cause == Cause::LostHandover || cause == Cause::Parked;
                let repair = lost.then(|| Repair::Adopt(row.remote.clone(), id));
                let cause = if lost { Cause::LostHandover } else { cause };
                Difference {
                    lead: Some(handoff.lead),
                    handoff: Some(id),
                    detail,
                    repair,
                    ..about(row, cause)
                }
            }
        };
        found.push(difference);
        return;
    }
    mirrored(ground, row, None, found);
}

/// Whether the mirror says what the CRM says.
fn mirrored(ground: Ground<'_>, row: &MirrorRow, lead: Option<LeadId>, found: &mut Vec<Difference>) {
    let known = ground.book.mirror.get(&row.remote);
    let says =
        |held: &MirrorRow, field: &str| held.fields.get(field).map(Value::to_display).unwrap_or_default();
    // What we wrote ourselves may be spelled otherwise there; what only one side names is no difference.
    let other: Vec<&String> = match known {
        Some(known) if !known.deleted => {
            let both = row.fields.0.keys().filter(|field| known.fields.0.contains_key(*field));
            both.filter(|field| says(known, field).trim() != says(row, field).trim()).collect()
        }
        _ => Vec::new(),
    };
    if known.is_some_and(|known| !known.deleted) && other.is_empty() {
        return;
    }
    let cause = if is_coming(ground, row) { Cause::Coming } else { Cause::MirrorStale };
    let detail = other.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(", ");
    let repair = (cause == Cause::MirrorStale).then(|| Repair::Read(row.remote.clone()));
    found.push(Difference { lead, detail: short(&detail, MOST_SHOWN), repair, ..about(row, cause) });
}

/// Whether the CRM changed a record so late that the next polls bring it.
fn is_coming(ground: Ground<'_>, row: &MirrorRow) -> bool {
    let key = (ground.link.clone(), row.remote.object.clone());
    let crm = ground.policy.crms.get(ground.link);
    let wait = crm.map_or(Micros(0), |crm| Micros(crm.every_idle.0.max(crm.every_busy.0) * POLLS));
    let polled = ground.book.fresh.get(&key);
    polled.is_none() || row.modified_at.is_some_and(|at| row.seen_at - at < wait)
}

/// What is still to be said about a lead, where it fits: it waits, or it needs a person.
fn unsettled(ground: Ground<'_>, lead: LeadId, fits: impl Fn(&Delivery) -> bool) -> Option<(Cause, String)> {
    let of_lead = ground.unsettled.get(&lead).into_iter().flatten();
    let mut fitting = of_lead.filter(|delivery| delivery.link == *ground.link && fits(delivery));
    let first = fitting.next()?;
    let parked = std::iter::once(first).chain(fitting).find_map(|delivery| match &delivery.state {
        DeliveryState::Parked { code, .. } => Some(code.clone()),
        _ => None,
    });
    Some(parked.map_or((Cause::Pending, String::new()), |code| (Cause::Parked, code)))
}

/// A record of ours.
fn linked(
    ground: Ground<'_>,
    crm: &CrmPolicy,
    link: &RemoteLink,
    row: &MirrorRow,
    moment: &mut Moment,
    found: &mut Vec<Difference>,
) {
    let Some(mut lead) = ground.book.resolve(link.lead).cloned() else { return };
    let id = lead.id;
    let from = found.len();
    let start = |cause| Difference { lead: Some(id), handoff: link.handoff, ..about(row, cause) };
    if !agree::moved_on(row) {
        let case = Case::new(ground.book, ground.policy, moment, &mut lead);
        fields(ground, &case, link, row, &start, found);
    }
    answers(ground, crm, link, row, &start, found);
    // A field that was told of already says it better.
    if found.len() == from {
        mirrored(ground, row, Some(id), found);
    }
}

/// What sales answer by: status, owner, feedback.
fn answers(
    ground: Ground<'_>,
    crm: &CrmPolicy,
    link: &RemoteLink,
    row: &MirrorRow,
    start: &dyn Fn(Cause) -> Difference,
    found: &mut Vec<Difference>,
) {
    for (_, field, value) in feedback::told(crm, row) {
        let agreed = link.agreed.get(&field).map(Value::to_display).unwrap_or_default();
        let says = value.unwrap_or_default();
        if agreed.trim() == says {
            continue;
        }
        let writes = |delivery: &Delivery| match &delivery.operation {
            Operation::Update { record, .. } => record.get(&field).is_some(),
            _ => false,
        };
        let (cause, detail) = match unsettled(ground, link.lead, writes) {
            Some(pending) => pending,
            None if is_coming(ground, row) => (Cause::Coming, String::new()),
            None => (Cause::NotHeard, String::new()),
        };
        let repair = (cause == Cause::NotHeard).then(|| Repair::Read(row.remote.clone()));
        let (pool, crm) = (short(&agreed, MOST_SHOWN), short(&says, MOST_SHOWN));
        found.push(Difference { field: Some(field), pool, crm, detail, repair, ..start(cause) });
    }
}

/// Mapped fields.
fn fields(
    ground: Ground<'_>,
    case: &Case<'_>,
    link: &RemoteLink,
    row: &MirrorRow,
    start: &dyn Fn(Cause) -> Difference,
    found: &mut Vec<Difference>,
) {
    let Some(crm) = ground.policy.crms.get(ground.link) else { return };
    let Some(mapping) = crm.mapping.get(&row.remote.object).filter(|mapping| mapping.stands()) else {
        return;
    };
    let Some(merged) = agree::merge(case, link, row) else { return };
    let pool = crate::tell::pool_record(case, "");
    let brief: BTreeSet<&str> = mapping.fed_by("brief").into_iter().collect();
    let held = agree::told(mapping, row);
    let says = |record: &Record, field: &str| {
        short(&record.get(field).map(Value::to_display).unwrap_or_default(), MOST_SHOWN)
    };
    for line in mapping.lines(&pool).into_iter().filter(|line| !line.once) {
        if line.fields.iter().any(|field| brief.contains(field.as_str())) {
            continue;
        }
        let ours: Record = line.to.iter().cloned().collect();
        for field in &line.fields {
            let (mine, theirs) = (says(&ours, field), says(&held, field));
            let conflict = merged.conflicts.iter().any(|it| it.rule == line.rule && it.winner.is_none());
            // First contact with what sales filled is agreed to differ, too.
            let pair = merged.settled.0.get(field).or_else(|| link.pairs.0.get(field));
            let agreed = pair.map(|pair| short(&pair.theirs.to_display(), MOST_SHOWN));
            let verdict = merged.verdicts.get(line.rule).copied().unwrap_or(Verdict::InStep);
            let to_send = merged.to_crm.get(field).is_some();
            let cause = if conflict {
                Some((Cause::Asked, String::new()))
            } else if to_send {
                Some(sending(ground, link, field))
            } else if verdict == Verdict::Taken {
                Some((if is_coming(ground, row) { Cause::Coming } else { Cause::NotHeard }, String::new()))
            } else if let Some(why) =
                line.refused.as_ref().filter(|_| !theirs.is_empty() || !blank(&line.from))
            {
                Some((Cause::Refused, why.words().en))
            } else if mine != theirs && !line.to.is_empty() && agreed.as_deref() != Some(theirs.as_str()) {
                Some((Cause::ByHand, String::new()))
            } else {
                None
            };
            let Some((cause, detail)) = cause else { continue };
            let repair = (!cause.is_known()).then(|| Repair::Send(row.remote.clone()));
            let told =
                Difference { field: Some(field.clone()), pool: mine, crm: theirs, agreed, ..start(cause) };
            found.push(Difference { detail, repair, ..told });
        }
    }
}

fn blank(from: &[(String, Value)]) -> bool {
    from.iter().all(|(_, value)| value.is_blank())
}

/// Why something is still to be sent.
fn sending(ground: Ground<'_>, link: &RemoteLink, field: &str) -> (Cause, String) {
    let about = |delivery: &Delivery| match &delivery.operation {
        Operation::Update { remote, record } => *remote == link.remote && record.get(field).is_some(),
        Operation::Find { object, by: FindBy::Id(id) } => {
            delivery.purpose == Purpose::Fields && *object == link.remote.object && *id == link.remote.id
        }
        _ => false,
    };
    unsettled(ground, link.lead, about).unwrap_or((Cause::NotSent, String::new()))
}

/// Records of ours that a whole list of the CRM did not hold.
#[must_use]
pub fn vanished(book: &Book, links: &[RemoteLink]) -> Vec<Difference> {
    let there = |remote: &RemoteRef| book.mirror.get(remote).is_none_or(|row| !row.deleted);
    let gone = links.iter().filter(|link| there(&link.remote));
    let told = gone.map(|link| Difference {
        remote: Some(link.remote.clone()),
        lead: Some(link.lead),
        handoff: link.handoff,
        field: None,
        pool: String::new(),
        crm: String::new(),
        agreed: None,
        cause: Cause::Vanished,
        detail: String::new(),
        repair: Some(Repair::Read(link.remote.clone())),
    });
    told.collect()
}

/// Open hand-overs that have no record in the CRM.
#[must_use]
pub fn unmade(ground: Ground<'_>, handoffs: &[Handoff]) -> Vec<Difference> {
    let without = handoffs.iter().filter(|handoff| handoff.state.is_open() && handoff.remote.is_none());
    let told = without.filter_map(|handoff| {
        let pending = unsettled(ground, handoff.lead, |delivery| delivery.handoff == Some(handoff.id));
        let parked = handoff.parked.as_ref().map(|(code, _)| (Cause::Parked, code.clone()));
        // One that is being decided, or held for a person, is no difference.
        if handoff.state == HandoffState::Asking && pending.is_none() && handoff.due.is_some() {
            return None;
        }
        let (cause, detail) = parked.or(pending).unwrap_or((Cause::NeverHandedOver, String::new()));
        let again = cause == Cause::NeverHandedOver && handoff.state == HandoffState::Asking;
        Some(Difference {
            remote: None,
            lead: Some(handoff.lead),
            handoff: Some(handoff.id),
            field: None,
            pool: handoff.state.as_str().to_owned(),
            crm: String::new(),
            agreed: None,
            cause,
            detail,
            repair: again.then_some(Repair::Decide(handoff.id)),
        })
    });
    told.collect()
}

/// What must be known to repair.
#[must_use]
pub fn repair_needs(repairs: &[Repair]) -> Needs {
    let mut needs = Needs::default();
    for repair in repairs {
        match repair {
            Repair::Read(remote) | Repair::Send(remote) => needs.remotes.extend([remote.clone()]),
            Repair::Adopt(_, handoff) | Repair::Decide(handoff) => needs.handoffs.extend([*handoff]),
        }
    }
    needs
}

/// The deliveries that put things right: all of them read first, in the lane of what nobody waits for.
#[must_use]
pub fn repair(book: &Book, repairs: &[Repair], policy: &Policy, moment: &mut Moment) -> Reaction {
    let mut reaction = Reaction::default();
    for repair in repairs {
        let effects = match repair {
            Repair::Read(remote) => {
                let lead = book.links.get(remote).map(|link| link.lead);
                read_again(remote, lead, policy, moment)
            }
            Repair::Send(remote) => send_again(book, remote, policy, moment),
            Repair::Adopt(remote, handoff) => adopt(book, remote, *handoff, policy, moment),
            Repair::Decide(handoff) => decide(book, *handoff, policy, moment),
        };
        reaction.effects.extend(effects);
    }
    reaction
}

/// A record is read once more, as if a poll had brought it; where it is not there any more, that is noticed.
pub(crate) fn read_again(
    remote: &RemoteRef,
    lead: Option<LeadId>,
    policy: &Policy,
    moment: &mut Moment,
) -> Vec<Effect> {
    if !policy.crms.contains_key(&remote.link) {
        return Vec::new();
    }
    vec![Effect::Enqueue(Box::new(Delivery {
        id: moment.id(),
        seq: 0,
        link: remote.link.clone(),
        stream: format!("read/{}/{}", remote.object, remote.id),
        lane: Lane::Backfill,
        purpose: Purpose::Poll,
        operation: Operation::Find { object: remote.object.clone(), by: FindBy::Id(remote.id.clone()) },
        lead,
        handoff: None,
        state: DeliveryState::Due,
        due_at: moment.now,
        attempt: 0,
        probe: None,
        created_at: moment.now,
        joined: None,
        standing: None,
        run: None,
    }))]
}

fn send_again(book: &Book, remote: &RemoteRef, policy: &Policy, moment: &mut Moment) -> Vec<Effect> {
    let Some(link) = book.links.get(remote).cloned() else { return Vec::new() };
    let Some(mut lead) = book.resolve(link.lead).cloned() else { return Vec::new() };
    let mut case = Case::new(book, policy, moment, &mut lead);
    agree::read_and_send(&mut case, link, Lane::Backfill);
    case.into_parts().0
}

fn adopt(
    book: &Book,
    remote: &RemoteRef,
    handoff: HandoffId,
    policy: &Policy,
    moment: &mut Moment,
) -> Vec<Effect> {
    let whose = book.handoffs.get(&handoff).and_then(|handoff| book.resolve(handoff.lead));
    let Some(mut lead) = whose.cloned() else { return Vec::new() };
    let mut case = Case::new(book, policy, moment, &mut lead);
    let operation = Operation::Find { object: remote.object.clone(), by: FindBy::Id(remote.id.clone()) };
    let mut delivery = case.delivery(&remote.link, Purpose::Handover, operation);
    // What was to make the record waits in the lead's own stream, maybe for a person.
    delivery.stream.push_str("/adopt");
    delivery.handoff = Some(handoff);
    case.push(Effect::Enqueue(Box::new(delivery)));
    case.into_parts().0
}

fn decide(book: &Book, handoff: HandoffId, policy: &Policy, moment: &mut Moment) -> Vec<Effect> {
    let whose = book.handoffs.get(&handoff).and_then(|handoff| book.resolve(handoff.lead));
    let Some(mut lead) = whose.cloned() else { return Vec::new() };
    let mut case = Case::new(book, policy, moment, &mut lead);
    let now = case.now();
    case.deadline("again", format!("again/{handoff}"), 0, now, Some(handoff));
    case.into_parts().0
}
