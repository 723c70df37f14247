//! Taking writes back: what a CRM record held before we changed it is kept with the write, and put back by hand.
//!
//! [`keep`] notes it when a write ends ([`crate::settle`]); [`plan()`] says what taking a choice of writes back would do, and
//! changes nothing; [`begin`] makes the deliveries. A record is read once more first, and only fields that still hold our
//! value are written: what sales changed since is theirs. The pool keeps its own value; both count as agreed until one of
//! them says something new, so that nothing is sent again by itself. Which writes are chosen is for the shell.

mod plan;

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::apply::Purpose as Writing;
use leadloop_mapping::merge::{Agreed, Pair};
use leadloop_mapping::{Mapping, Record, Value};
use serde::{Deserialize, Serialize};

use crate::because::Reason;
use crate::book::Book;
use crate::case::Case;
use crate::effect::{Effect, Reaction, RemoteLink};
use crate::ids::{DeliveryId, HandoffId, LeadId};
use crate::lead::RemoteRef;
use crate::mirror::MirrorRow;
use crate::moment::Moment;
use crate::outbox::{Delivery, FindBy, Lane, Operation, Outcome, PROBES, Purpose, Reply};
use crate::policy::Policy;
use crate::time::Timestamp;
use crate::{agree, fuse, tell};

pub use plan::{needs, needs_more, plan};

/// Most fields of a write that are kept.
const MOST_FIELDS: usize = 200;
/// Most bytes of a value that is kept; a longer one cannot be put back.
const MOST_BYTES: usize = 16 * 1024;

/// What a write changed, and what stood there before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BeforeImage {
    /// The delivery that wrote.
    pub delivery: DeliveryId,
    /// Where to.
    pub remote: RemoteRef,
    /// Whose record it is.
    pub lead: LeadId,
    /// For which hand-over.
    pub handoff: Option<HandoffId>,
    /// The command it belongs to, where a person ordered it.
    pub run: Option<String>,
    /// When it ended.
    pub at: Timestamp,
    /// When the delivery was made.
    pub made_at: Timestamp,
    /// It made the record.
    pub created: bool,
    /// What it changed, by the CRM's field.
    pub fields: BTreeMap<String, Change>,
}

/// One field of a write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What stood there; `None`: that was not known, or is too long to be kept.
    pub before: Option<Value>,
    /// What we wrote.
    pub ours: Value,
}

/// A field that is being put back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Back {
    /// It is put back where this stands there.
    pub ours: Value,
    /// What is put back.
    pub before: Value,
    /// The delivery that reads or writes it.
    pub by: DeliveryId,
}

/// Why a field is put back or left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is put back.
    Back,
    /// It does not hold our value any more.
    Changed,
    /// It holds what stood there before.
    There,
    /// What stood there before is not known.
    Unknown,
    /// The record was converted or merged, and what it became has no such field.
    Converted,
    /// The record was deleted, or is not ours any more.
    Gone,
}

impl Fate {
    /// All of them.
    pub const ALL: [Fate; 6] =
        [Fate::Back, Fate::Changed, Fate::There, Fate::Unknown, Fate::Converted, Fate::Gone];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Fate::Back => "back",
            Fate::Changed => "changed",
            Fate::There => "there",
            Fate::Unknown => "unknown",
            Fate::Converted => "converted",
            Fate::Gone => "gone",
        }
    }
}

/// What becomes of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Of which record: what we wrote to may have been converted to it since.
    pub remote: RemoteRef,
    /// The records that we wrote to.
    pub wrote_to: BTreeSet<RemoteRef>,
    /// Whose.
    pub lead: LeadId,
    /// Which field.
    pub field: String,
    /// What we wrote.
    pub ours: Value,
    /// What would be put back.
    pub before: Option<Value>,
    /// What stands there, as far as is known.
    pub now: Option<Value>,
    /// What becomes of it.
    pub fate: Fate,
}

/// A record that we made: it stays.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Which.
    pub remote: RemoteRef,
    /// Whose.
    pub lead: LeadId,
    /// When.
    pub at: Timestamp,
}

/// What taking writes back would do.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Plan {
    /// Field by field.
    pub items: Vec<Item>,
    /// Records that were made.
    pub made: Vec<Made>,
}

/// Keeps what a write changed, where it arrived or may have.
pub(crate) fn keep(case: &mut Case<'_>, delivery: &Delivery, outcome: &Outcome) {
    if !case.policy.crms.contains_key(&delivery.link)
        || !matches!(
            delivery.purpose,
            Purpose::Handover | Purpose::Fill | Purpose::Status | Purpose::Fields | Purpose::Brief
        )
    {
        return;
    }
    let image = match (&delivery.operation, outcome) {
        (
            Operation::Update { remote, record },
            Outcome::Done(_) | Outcome::Unavailable { sent: true, .. },
        ) => {
            let fields = changes(case, delivery.purpose, remote, record);
            if fields.is_empty() {
                return;
            }
            image(case, delivery, remote, fields)
        }
        (Operation::Create { .. }, outcome) => match made(delivery, outcome) {
            Some(remote) => BeforeImage { created: true, ..image(case, delivery, &remote, BTreeMap::new()) },
            None => return,
        },
        _ => return,
    };
    case.push(Effect::KeepBefore(Box::new(image)));
}

/// The record that a create made.
fn made(delivery: &Delivery, outcome: &Outcome) -> Option<RemoteRef> {
    let probing = delivery.probe.is_some_and(|found_nothing| found_nothing < PROBES);
    match outcome {
        Outcome::Done(Reply::Written(remote)) | Outcome::Conflict { remote, same_mark: true } => {
            Some(remote.clone())
        }
        Outcome::Done(Reply::Found(records)) if probing => {
            let found = records.iter().map(|record| RemoteRef {
                link: delivery.link.clone(),
                object: record.object.clone(),
                id: record.id.clone(),
            });
            found.min()
        }
        _ => None,
    }
}

fn image(
    case: &Case<'_>,
    delivery: &Delivery,
    remote: &RemoteRef,
    fields: BTreeMap<String, Change>,
) -> BeforeImage {
    BeforeImage {
        delivery: delivery.id,
        remote: remote.clone(),
        lead: case.lead.id,
        handoff: delivery.handoff,
        run: delivery.run.clone(),
        at: case.now(),
        made_at: delivery.created_at,
        created: false,
        fields,
    }
}

fn changes(
    case: &Case<'_>,
    purpose: Purpose,
    remote: &RemoteRef,
    record: &Record,
) -> BTreeMap<String, Change> {
    let mapping = mapping_of(case.policy, remote);
    let changed = record.0.iter().filter_map(|(field, ours)| {
        let before = before(case, purpose, remote, (field, ours));
        if before.as_ref().is_some_and(|before| alike(mapping, field, before, ours)) {
            return None;
        }
        // Without its own value nothing can be told of the field later on.
        let short = |value: &Value| value.to_display().len() <= MOST_BYTES;
        short(ours)
            .then(|| (field.clone(), Change { before: before.filter(|it| short(it)), ours: ours.clone() }))
    });
    changed.take(MOST_FIELDS).collect()
}

/// What a field held before it was written: as it was read just before, else as the mirror has it, else as it was agreed.
fn before(
    case: &Case<'_>,
    purpose: Purpose,
    remote: &RemoteRef,
    (field, ours): (&str, &Value),
) -> Option<Value> {
    let (row, link) = (case.book.mirror.get(remote), case.book.links.get(remote));
    let read = link.and_then(|link| link.in_step.held.0.get(field)).filter(|_| purpose == Purpose::Fields);
    if let Some(read) = read {
        return Some(read.clone());
    }
    let mapping = mapping_of(case.policy, remote);
    let mirrored = row.and_then(|row| held(mapping, row, field));
    let agreed = || {
        let pair = link?.pairs.0.get(field).map(|pair| pair.theirs.clone());
        pair.or_else(|| link?.agreed.0.get(field).cloned())
    };
    match mirrored {
        // A poll brought our own value before its answer came: what was agreed until then tells.
        Some(value) if alike(mapping, field, &value, ours) => Some(agreed().unwrap_or(value)),
        Some(value) => Some(value),
        None => agreed(),
    }
}

/// What a row says of a field. One that the CRM told is whole in what a mapping names.
fn held(mapping: Option<&Mapping>, row: &MirrorRow, field: &str) -> Option<Value> {
    let blank = || {
        let whole = row.modified_at.is_some() && mapping.is_some_and(|mapping| mapping.names(field));
        whole.then_some(Value::Null)
    };
    row.fields.0.get(field).cloned().or_else(blank)
}

fn mapping_of<'p>(policy: &'p Policy, remote: &RemoteRef) -> Option<&'p Mapping> {
    policy.crms.get(&remote.link)?.mapping.get(&remote.object)
}

fn alike(mapping: Option<&Mapping>, field: &str, one: &Value, other: &Value) -> bool {
    match mapping {
        Some(mapping) => mapping.alike(field, one, other),
        None => one.to_display() == other.to_display(),
    }
}

/// The deliveries that take these writes back, under the name of a run: each record is read first.
#[must_use]
pub fn begin(
    book: &Book,
    images: &[BeforeImage],
    run: &str,
    policy: &Policy,
    moment: &mut Moment,
) -> Vec<Reaction> {
    let mut by_record: BTreeMap<RemoteRef, Vec<Item>> = BTreeMap::new();
    for item in plan(book, images, policy).items.into_iter().filter(|item| item.fate == Fate::Back) {
        by_record.entry(item.remote.clone()).or_default().push(item);
    }
    let mut reactions = Vec::new();
    for (remote, items) in by_record {
        let Some(mut link) = book.links.get(&remote).cloned() else { continue };
        let Some(mut lead) = book.resolve(link.lead).cloned() else { continue };
        let mut case = Case::new(book, policy, moment, &mut lead);
        case.run = Some(run.to_owned());
        let operation = Operation::Find { object: remote.object.clone(), by: FindBy::Id(remote.id.clone()) };
        let mut delivery = case.delivery(&remote.link, Purpose::Fields, operation);
        delivery.handoff = link.handoff;
        delivery.lane = Lane::Backfill;
        let fields: Vec<&str> = items.iter().map(|item| item.field.as_str()).collect();
        case.say(Reason::new("undo_ordered").with("crm", &remote.link).with("fields", fields.join(", ")));
        let back =
            |item: Item| Some((item.field, Back { ours: item.ours, before: item.before?, by: delivery.id }));
        link.in_step.undo.extend(items.into_iter().filter_map(back));
        case.push(Effect::LinkRemote(Box::new(link)));
        case.push(Effect::Enqueue(Box::new(delivery)));
        let (effects, because) = case.into_parts();
        reactions.push(Reaction { effects, because });
    }
    reactions
}

/// The record was read: what still holds our value is put back. `sent` goes to the CRM anyway: the pool has something
/// newer to say of it.
pub(crate) fn carry_out(
    case: &mut Case<'_>,
    link: &mut RemoteLink,
    row: &MirrorRow,
    sent: &BTreeSet<String>,
) {
    let Some(by) = case.because.delivery else { return };
    if link.in_step.undo.values().all(|back| back.by != by) {
        return;
    }
    let mapping = mapping_of(case.policy, &link.remote);
    link.pairs.update(arrived(case, link, row));
    let mut record = Record::new();
    let mut left = Vec::new();
    let moved = agree::moved_on(row);
    link.in_step.undo.retain(|field, back| {
        if back.by != by {
            return true;
        }
        let now = held(mapping, row, field).unwrap_or_default();
        if alike(mapping, field, &now, &back.before) {
            return false;
        }
        if moved || sent.contains(field) || !alike(mapping, field, &now, &back.ours) {
            left.push(field.clone());
            return false;
        }
        link.in_step.held.0.insert(field.clone(), now);
        record.0.insert(field.clone(), back.before.clone());
        true
    });
    if !left.is_empty() {
        let fields = left.join(", ");
        case.say(Reason::new("undo_left").with("crm", &link.remote.link).with("fields", fields));
    }
    if record.is_empty() {
        return;
    }
    let fields: Vec<&str> = record.0.keys().map(String::as_str).collect();
    case.say(Reason::new("undo_sent").with("crm", &link.remote.link).with("fields", fields.join(", ")));
    let operation = Operation::Update { remote: link.remote.clone(), record };
    let mut delivery = case.delivery(&link.remote.link, Purpose::Fields, operation);
    delivery.handoff = link.handoff;
    delivery.lane = Lane::Backfill;
    for back in link.in_step.undo.values_mut().filter(|back| back.by == by) {
        back.by = delivery.id;
    }
    fuse::guard(case, &mut delivery);
    case.push(Effect::Enqueue(Box::new(delivery)));
}

/// It was written: what pool and CRM say now is agreed to differ.
pub(crate) fn written(case: &Case<'_>, link: &mut RemoteLink, record: &Record, by: DeliveryId) {
    let own: Vec<String> =
        link.in_step.undo.iter().filter(|(_, back)| back.by == by).map(|(field, _)| field.clone()).collect();
    if own.is_empty() {
        return;
    }
    let pool = said(case, &link.remote);
    for field in own {
        link.in_step.undo.remove(&field);
        if let (Some(pool), Some(theirs)) = (&pool, record.0.get(&field)) {
            let ours = pool.get(&field).cloned().unwrap_or_default();
            link.pairs.0.insert(field, Pair { ours, theirs: theirs.clone() });
        }
    }
}

/// Fields that were put back before the answer came, or without one.
pub(crate) fn arrived(case: &Case<'_>, link: &RemoteLink, row: &MirrorRow) -> Agreed {
    let mut arrived = Agreed::default();
    if link.in_step.undo.is_empty() {
        return arrived;
    }
    let Some(mapping) = mapping_of(case.policy, &link.remote) else { return arrived };
    let Some(pool) = said(case, &link.remote) else { return arrived };
    for (field, back) in link.in_step.undo.iter().filter(|(field, _)| mapping.names(field)) {
        let there = held(Some(mapping), row, field);
        if let Some(theirs) = there.filter(|held| alike(Some(mapping), field, held, &back.before)) {
            let ours = pool.get(field).cloned().unwrap_or_default();
            arrived.0.insert(field.clone(), Pair { ours, theirs });
        }
    }
    arrived
}

/// What the pool says of a record, in the CRM's words.
fn said(case: &Case<'_>, remote: &RemoteRef) -> Option<Record> {
    let mapping = mapping_of(case.policy, remote)?;
    Some(mapping.outward(&tell::pool_record(case, ""), Writing::Update).record)
}

/// Gives all deliveries of a reaction the name of the command that ordered them.
pub fn name(reaction: &mut Reaction, run: Option<&str>) {
    for effect in &mut reaction.effects {
        if let Effect::Enqueue(delivery) = effect {
            delivery.run = run.map(str::to_owned);
        }
    }
}
