//! Between pool and CRM: the fields of a lead and of its CRM record are kept in step, both ways.
//!
//! Each field is merged three ways against what both sides last agreed on ([`leadloop_mapping::merge`]); here stands when that
//! happens and what follows. A change of the pool is sent as the least update, after the record was read once more, so that
//! nothing newer is overwritten; a change of the CRM becomes part of the profile at once. Conflicts that a person has to
//! settle wait with the link, and nothing else waits for them. How often a delivery is tried is for [`crate::settle`].

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::apply::Purpose as Writing;
use leadloop_mapping::merge::{Agreed, Evidence, Merged, Pair, Side, Sides};
use leadloop_mapping::{Mapping, Record, Value};
use serde::{Deserialize, Serialize};

use crate::because::Reason;
use crate::book::{Book, Needs};
use crate::capture::{Captured, Identifier};
use crate::case::{Case, short};
use crate::effect::{Effect, Reaction, RemoteLink, Suspect};
use crate::facts;
use crate::fuse::{self, Kind};
use crate::identity;
use crate::ids::SourceName;
use crate::lead::{Consent, Fact, RemoteRef};
use crate::mirror::MirrorRow;
use crate::mirror_read::roles_in;
use crate::moment::Moment;
use crate::outbox::{FindBy, Lane, Operation, Purpose};
use crate::pool::{self, MOST_FIELDS, MOST_TAGS};
use crate::tell;
use crate::time::{Micros, Timestamp};
use crate::undo::{self, Back};

/// What is under way to the CRM is forgotten after so long: whatever became of it is looked at anew.
const UNDER_WAY: Micros = Micros::hours(24);
/// Most values of a field that were sent and may have arrived.
const MOST_MAYBE: usize = 8;
/// Most characters of a value that are kept with a conflict.
const MOST_SHOWN: usize = 200;
/// The answer of a person to a conflict: this, a dot and the CRM's field; `crm` or `pool`.
pub const RESOLVE: &str = "answer.resolve.";

/// How far a link's fields are agreed on, beside the values themselves.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InStep {
    /// Conflicts that wait for a person, by the CRM's field.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub asks: BTreeMap<String, Ask>,
    /// Conflicts that the fuse keeps from the review list until a person releases them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub withheld: BTreeMap<String, Ask>,
    /// What people decided, until it is carried out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub resolved: BTreeMap<String, Side>,
    /// Values that were sent and may have arrived: where the CRM holds one, it is ours and no change of theirs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub maybe: BTreeMap<String, Vec<Value>>,
    /// Values on their way to the CRM.
    #[serde(skip_serializing_if = "Record::is_empty")]
    pub under_way: Record,
    /// What stood in the CRM's fields when they were last read before they were written.
    #[serde(skip_serializing_if = "Record::is_empty")]
    pub held: Record,
    /// Fields that are being put back to what stood there before we wrote them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub undo: BTreeMap<String, Back>,
    /// Since when they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// The CRM's record was last merged as it stood then, by its own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// The record is being read once more before something is sent, since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looking: Option<Timestamp>,
}

/// A conflict that waits for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// What the pool says, in the CRM's words.
    pub ours: String,
    /// What the CRM says.
    pub theirs: String,
    /// Since when.
    pub at: Timestamp,
}

/// Keeps all records of a lead in step with it.
pub(crate) fn all(case: &mut Case<'_>) {
    for remote in case.lead.remotes.clone() {
        one(case, &remote, None);
    }
}

/// Whether an answer is about fields.
pub(crate) fn concerns(captured: &Captured) -> bool {
    let names = ["answer.fields"].into_iter().chain([RESOLVE]);
    names.into_iter().any(|name| captured.fields.iter().any(|(field, _)| field.starts_with(name)))
}

/// The identifiers an answer brings from changed fields: they are looked up before it is taken in.
pub(crate) fn identifiers(captured: &Captured) -> BTreeSet<Identifier> {
    let listed = |field: &str, kind: &'static str| {
        let values = match captured.fields.get(field) {
            Some(Value::List(values)) => values.clone(),
            _ => vec![],
        };
        values.into_iter().filter_map(move |value| Some(Identifier::new(kind, value.as_text()?)))
    };
    listed("answer.phones", "phone").chain(listed("answer.emails", "email")).collect()
}

/// The CRM said that fields of a record changed, or a person settled a conflict. `true` where anything follows.
pub(crate) fn listen(case: &mut Case<'_>, remote: &RemoteRef, captured: &Captured) -> bool {
    let before = case.effects.len();
    let answers: BTreeMap<String, Side> = captured
        .fields
        .iter()
        .filter_map(|(name, value)| {
            let side = match value.as_text()? {
                "pool" => Side::Pool,
                "crm" => Side::Crm,
                _ => return None,
            };
            Some((name.strip_prefix(RESOLVE)?.to_owned(), side))
        })
        .collect();
    one(case, remote, Some((captured, answers)));
    for other in case.lead.remotes.clone().iter().filter(|other| *other != remote) {
        one(case, other, None);
    }
    case.effects.len() > before
}

/// The record was read once more: what is still to be sent is sent.
pub(crate) fn looked(case: &mut Case<'_>, row: &MirrorRow) {
    let Some(mut link) = case.book.links.get(&row.remote).cloned() else { return };
    link.in_step.looking = None;
    let merged = merge(case, &link, row);
    take_over(case, &mut link, row, &merged, &BTreeSet::new());
    let to_crm = merged.map(|merged| merged.to_crm).unwrap_or_default();
    let sent: BTreeSet<String> = to_crm.0.keys().cloned().collect();
    send(case, &mut link, row, to_crm);
    undo::carry_out(case, &mut link, row, &sent);
    case.push(Effect::LinkRemote(Box::new(link)));
}

/// An update was written: from now on both sides say so.
pub(crate) fn written(link: &mut RemoteLink, record: &Record) {
    for (field, value) in &record.0 {
        link.pairs.0.insert(field.clone(), Pair { ours: value.clone(), theirs: value.clone() });
        link.in_step.under_way.0.remove(field);
        link.in_step.maybe.remove(field);
        link.in_step.held.0.remove(field);
    }
}

/// A hand-over was written: what the pool learned while it was on its way is told too. The link is kept in any case.
pub(crate) fn catch_up(case: &mut Case<'_>, mut link: RemoteLink, row: &MirrorRow) {
    if let Some(mapping) = mapping_of(case, &link.remote) {
        stood_in(case, mapping, &mut link);
        // What we did not write into a record of our own making is blank there.
        let made = MirrorRow { modified_at: row.modified_at.or(Some(case.now())), ..row.clone() };
        let merged = merge(case, &link, &made);
        let fresh = not_under_way(case, &link, merged.map(|merged| merged.to_crm).unwrap_or_default());
        if !fresh.is_empty() && link.in_step.looking.is_none_or(|since| case.now() - since > UNDER_WAY) {
            look(case, &mut link);
        }
    }
    case.push(Effect::LinkRemote(Box::new(link)));
}

/// A name that was made up because there was none is not what the pool said: else its absence would count as a change.
fn stood_in(case: &Case<'_>, mapping: &Mapping, link: &mut RemoteLink) {
    let crm = case.policy.crms.get(&link.remote.link);
    let Some(field) = crm.and_then(|crm| roles_in(crm, &link.remote.object).name) else { return };
    let said = mapping.outward(&tell::pool_record(case, ""), Writing::Update).record;
    if let (Some(value), Some(pair)) = (said.get(&field), link.pairs.0.get_mut(&field))
        && value.is_blank()
    {
        pair.ours = value.clone();
    }
}

/// What is tried instead of an update that did not get through: it may be old by then, so the record is read first.
pub(crate) fn look_first(case: &mut Case<'_>, operation: &Operation) -> Option<Operation> {
    let Operation::Update { remote, record } = operation else { return None };
    let mut link = case.book.links.get(remote)?.clone();
    for (field, value) in &record.0 {
        link.in_step.under_way.0.remove(field);
        // What is put back is not what the pool says, wherever it stands.
        if link.in_step.undo.get(field).is_some_and(|back| Some(back.by) == case.because.delivery) {
            continue;
        }
        let sent = link.in_step.maybe.entry(field.clone()).or_default();
        if !sent.contains(value) && sent.len() < MOST_MAYBE {
            sent.push(value.clone());
        }
    }
    link.in_step.looking = Some(case.now());
    case.push(Effect::LinkRemote(Box::new(link)));
    Some(look_up(remote))
}

fn look_up(remote: &RemoteRef) -> Operation {
    Operation::Find { object: remote.object.clone(), by: FindBy::Id(remote.id.clone()) }
}

/// One record. `told` is what the CRM, or a person, said of it.
fn one(case: &mut Case<'_>, remote: &RemoteRef, told: Option<(&Captured, BTreeMap<String, Side>)>) {
    let book = case.book;
    let (Some(known), Some(row)) = (book.links.get(remote), book.mirror.get(remote)) else { return };
    if row.deleted || moved_on(row) {
        return;
    }
    let mut link = known.clone();
    let mut looked_up = BTreeSet::new();
    let mut words = BTreeMap::new();
    if let Some((captured, mut answers)) = told {
        looked_up = identifiers(captured);
        answers.retain(|field, _| known.in_step.asks.contains_key(field));
        link.in_step.resolved.extend(answers.clone());
        words = answers;
    }
    let Some(merged) = merge(case, &link, row) else { return };
    let to_crm = take_over(case, &mut link, row, &Some(merged), &looked_up);
    let fresh = not_under_way(case, &link, to_crm);
    if !fresh.is_empty() {
        // The copy may be older than the conflict: a person's word holds until the record was read.
        link.in_step.resolved.extend(words);
        if link.in_step.looking.is_none_or(|since| case.now() - since > UNDER_WAY) {
            look(case, &mut link);
        }
    }
    if link != *known {
        case.push(Effect::LinkRemote(Box::new(link)));
    }
}

/// A record that was converted to another stands still; that other one is kept in step.
pub(crate) fn moved_on(row: &MirrorRow) -> bool {
    let others = row.facts.converted.iter().chain(row.facts.merged_into.as_ref());
    others.into_iter().any(|other| other.id != row.remote.id)
}

fn mapping_of<'a>(case: &Case<'a>, remote: &RemoteRef) -> Option<&'a Mapping> {
    case.policy.crms.get(&remote.link)?.mapping.get(&remote.object).filter(|mapping| mapping.stands())
}

/// Both sides of a record, merged; `None` where nothing keeps them in step.
pub(crate) fn merge(case: &Case<'_>, link: &RemoteLink, row: &MirrorRow) -> Option<Merged> {
    let mapping = mapping_of(case, &link.remote)?;
    let pool = tell::pool_record(case, "");
    let mut agreed = link.pairs.clone();
    let crm = as_known(mapping, link, row);
    let mut met = arrived(link, &crm);
    met.update(undo::arrived(case, link, row));
    agreed.update(met.clone());
    met.update(mapping.meet(&pool, &crm, &agreed));
    agreed.update(met.clone());
    let times = pool_times(case);
    let mut merged = mapping.merge(&Sides {
        pool: &pool,
        pool_times: &times,
        crm: &crm,
        crm_times: &BTreeMap::new(),
        crm_modified: row.modified_at.map(|at| at.0),
        agreed: &agreed,
        resolved: &link.in_step.resolved,
    });
    // The brief is written with a hand-over and with notes; it is no field that is kept.
    for field in mapping.fed_by("brief") {
        merged.to_crm.0.remove(field);
        merged.pending.0.remove(field);
        merged.settled.0.remove(field);
    }
    let mut settled = met;
    settled.update(std::mem::take(&mut merged.settled));
    merged.settled = settled;
    Some(merged)
}

/// Values of ours that are there before their answer is, or without one: both sides said so then.
fn arrived(link: &RemoteLink, crm: &Record) -> Agreed {
    let mut arrived = Agreed::default();
    let under_way = link.in_step.under_way.0.iter();
    let maybe =
        link.in_step.maybe.iter().flat_map(|(field, sent)| sent.iter().map(move |value| (field, value)));
    for (field, value) in under_way.chain(maybe) {
        if crm.get(field).is_some_and(|held| held.to_display() == value.to_display()) {
            arrived.0.insert(field.clone(), Pair { ours: value.clone(), theirs: value.clone() });
        }
    }
    arrived
}

/// What the CRM holds: the row, or what was last agreed where the record was read since that row was.
fn as_known(mapping: &Mapping, link: &RemoteLink, row: &MirrorRow) -> Record {
    let mut fields = told(mapping, row);
    if row.modified_at.zip(link.in_step.as_of).is_some_and(|(row, merged)| row < merged) {
        for (field, pair) in &link.pairs.0 {
            fields.set(field.as_str(), pair.theirs.clone());
        }
    }
    fields
}

/// What a row says of mapped fields. One that the CRM told is whole; one that we made of our own write knows that only.
pub(crate) fn told(mapping: &Mapping, row: &MirrorRow) -> Record {
    if row.modified_at.is_some() { mapping.whole(&row.fields) } else { row.fields.clone() }
}

/// When the pool's fields were last changed.
fn pool_times(case: &Case<'_>) -> BTreeMap<String, i64> {
    let mut times = BTreeMap::new();
    for (name, fact) in &case.lead.profile {
        times.insert(name.clone(), fact.at.0);
        if let Some(short) = name.strip_prefix("company.") {
            times.entry(short.to_owned()).or_insert(fact.at.0);
        }
    }
    for (purpose, consent) in &case.lead.consent {
        times.insert(format!("consent.{purpose}"), consent.at.0);
    }
    times
}

/// Takes over what the CRM changed and what both agree on now. What is left to send comes back.
fn take_over(
    case: &mut Case<'_>,
    link: &mut RemoteLink,
    row: &MirrorRow,
    merged: &Option<Merged>,
    looked_up: &BTreeSet<Identifier>,
) -> Record {
    let Some(merged) = merged else { return Record::new() };
    link.in_step.as_of = link.in_step.as_of.max(row.modified_at);
    link.pairs.update(merged.settled.clone());
    // What the CRM holds already needs no sending.
    for (field, pair) in merged.pending.0.iter().filter(|(field, _)| merged.to_crm.get(field).is_none()) {
        link.pairs.0.insert(field.clone(), pair.clone());
    }
    if !merged.to_pool.is_empty() {
        learn(case, row, &merged.to_pool, looked_up);
    }
    conflicts(case, link, merged);
    merged.to_crm.clone()
}

fn conflicts(case: &mut Case<'_>, link: &mut RemoteLink, merged: &Merged) {
    let now = case.now();
    let shown = |values: &[Value]| {
        let values: Vec<String> = values.iter().map(Value::to_display).collect();
        short(&values.join(" "), MOST_SHOWN)
    };
    let waiting: BTreeSet<&String> =
        merged.conflicts.iter().filter(|it| it.winner.is_none()).map(|it| &it.field).collect();
    link.in_step.asks.retain(|field, _| waiting.contains(field));
    link.in_step.withheld.retain(|field, _| waiting.contains(field));
    for conflict in &merged.conflicts {
        if conflict.winner.is_none() {
            let ask = Ask { ours: shown(&conflict.ours), theirs: shown(&conflict.theirs), at: now };
            let known = link.in_step.asks.get(&conflict.field).cloned();
            if let Some(held) = link.in_step.withheld.get_mut(&conflict.field) {
                let at = held.at;
                *held = Ask { at, ..ask };
            } else if known.is_none() && fuse::count(case, &link.remote.link, Kind::Conflicts).is_err() {
                let reason = Reason::new("field_conflict_held").with("field", &conflict.name);
                case.say(reason.with("crm", &link.remote.link));
                link.in_step.withheld.insert(conflict.field.clone(), ask);
            } else if known
                .as_ref()
                .is_none_or(|known| (&known.ours, &known.theirs) != (&ask.ours, &ask.theirs))
            {
                case.say(
                    Reason::new("field_conflict_waits")
                        .with("field", &conflict.name)
                        .with("crm", &link.remote.link),
                );
                let at = known.map_or(now, |known| known.at);
                link.in_step.asks.insert(conflict.field.clone(), Ask { at, ..ask });
            }
            continue;
        }
        let winner = if conflict.winner == Some(Side::Pool) { "pool" } else { link.remote.link.as_str() };
        let reason = Reason::new("field_conflict").with("field", &conflict.name).with("winner", winner);
        case.say(reason.with("evidence", evidence(conflict.evidence)));
    }
    // A person's word holds until it is carried out.
    let open: BTreeSet<&String> = merged.conflicts.iter().map(|it| &it.field).collect();
    link.in_step.resolved.retain(|field, _| open.contains(field));
}

/// What must be known before conflicts are released that the fuse holds.
#[must_use]
pub fn release_needs(links: &[RemoteLink]) -> Needs {
    Needs {
        leads: links.iter().map(|link| link.lead).collect(),
        rows: links.iter().map(|link| link.remote.clone()).collect(),
        ..Needs::default()
    }
}

/// A person releases conflicts that the fuse holds: they stand in the review list from now on.
#[must_use]
pub fn release(book: &Book, remotes: &BTreeSet<RemoteRef>, moment: &Moment) -> Vec<Reaction> {
    let held = remotes.iter().filter_map(|remote| book.links.get(remote));
    let held = held.filter(|link| !link.in_step.withheld.is_empty());
    held.map(|link| {
        let mut link = link.clone();
        link.in_step.asks.extend(std::mem::take(&mut link.in_step.withheld));
        let mut effects = Vec::from(fuse::released(&link.remote.link, Kind::Conflicts, moment.now));
        effects.push(Effect::LinkRemote(Box::new(link)));
        Reaction { effects, ..Reaction::default() }
    })
    .collect()
}

fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Policy => "policy",
        Evidence::FieldTime => "field_time",
        Evidence::RecordTime => "record_time",
        Evidence::Person => "person",
        Evidence::None => "none",
    }
}

/// The CRM's values become part of the profile, with the CRM as their source.
fn learn(case: &mut Case<'_>, row: &MirrorRow, news: &Record, looked_up: &BTreeSet<Identifier>) {
    let source = SourceName(format!("crm:{}", row.remote.link));
    let at = row.modified_at.unwrap_or(case.moment.now).min(case.moment.now);
    let mut names = Vec::new();
    for (name, value) in &news.0 {
        names.push(name.as_str());
        if let Some(purpose) = name.strip_prefix("consent.") {
            if let (Value::Bool(given), true) = (value, facts::PURPOSES.contains(&purpose)) {
                let said =
                    Consent { given: *given, at, source: source.clone(), text_version: None, assumed: false };
                let known = case.lead.consent.get(purpose);
                // A no said anywhere stands: a box ticked in the CRM later is no proof of a yes.
                let stands = known.map_or(&said, |known| pool::stronger(known, &said)).clone();
                case.lead.consent.insert(purpose.to_owned(), stands);
            }
            continue;
        }
        if name == "tags" {
            let tags = match value {
                Value::List(tags) => {
                    tags.iter().filter_map(Value::as_text).take(MOST_TAGS).map(str::to_owned).collect()
                }
                _ => BTreeSet::new(),
            };
            case.lead.tags = tags;
            continue;
        }
        let key = stands_at(case, name);
        if value.is_blank() {
            case.lead.profile.remove(&key);
        } else if case.lead.profile.contains_key(&key) || case.lead.profile.len() < MOST_FIELDS {
            case.lead.profile.insert(key, Fact { value: value.clone(), source: source.clone(), at });
        }
    }
    case.say(Reason::new("fields_taken").with("crm", &row.remote.link).with("fields", names.join(", ")));
    bind(case, row, &source, at, looked_up);
}

/// Company fields also go by their short name.
fn stands_at(case: &Case<'_>, name: &str) -> String {
    let company = facts::COMPANY_TEXTS.contains(&name) || facts::COMPANY_NUMBERS.contains(&name);
    if company && !facts::LEAD_TEXTS.contains(&name) && !case.lead.profile.contains_key(name) {
        return format!("company.{name}");
    }
    name.to_owned()
}

/// A phone or an address that sales wrote down says who it is, unless it says that of somebody else.
fn bind(
    case: &mut Case<'_>,
    row: &MirrorRow,
    source: &SourceName,
    at: Timestamp,
    looked_up: &BTreeSet<Identifier>,
) {
    let phones = row.facts.phones.iter().map(|phone| Identifier::new("phone", phone.as_str()));
    let emails = row.facts.emails.iter().map(|email| Identifier::new("email", email.as_str()));
    for identifier in phones.chain(emails).collect::<Vec<_>>() {
        if case.lead.identifiers.contains(&identifier) || !looked_up.contains(&identifier) {
            continue;
        }
        if let Some(other) = case.book.lead_of(&identifier).filter(|other| other.id != case.lead.id) {
            let (lead, at) = (case.lead.id, case.now());
            let reason = "the CRM's record of one has the other's phone or mail".to_owned();
            case.push(Effect::Suspect(Suspect { lead, other: other.id, by: identifier, reason, at }));
            continue;
        }
        let binding = identity::binding(case.book, (&identifier, false), case.lead.id, source, at);
        case.lead.identifiers.insert(identifier);
        case.push(Effect::Bind(binding));
    }
}

/// Of what is to be sent, that which is not on its way yet.
fn not_under_way(case: &Case<'_>, link: &RemoteLink, to_crm: Record) -> Record {
    let sent = link.in_step.sent_at.is_some_and(|at| case.now() - at <= UNDER_WAY);
    let on_its_way = |field: &String, value: &Value| sent && link.in_step.under_way.get(field) == Some(value);
    Record(to_crm.0.into_iter().filter(|(field, value)| !on_its_way(field, value)).collect())
}

/// Reads the record once more: what is sent goes by what stands there then.
fn look(case: &mut Case<'_>, link: &mut RemoteLink) {
    let remote = &link.remote;
    let mut delivery = case.delivery(&remote.link, Purpose::Fields, look_up(remote));
    delivery.handoff = link.handoff;
    link.in_step.looking = Some(case.now());
    case.push(Effect::Enqueue(Box::new(delivery)));
}

/// Reads a record once more and sends what the pool has to say then, whatever was thought to be on its way: somebody found
/// that it never arrived.
pub(crate) fn read_and_send(case: &mut Case<'_>, mut link: RemoteLink, lane: Lane) {
    for (field, value) in std::mem::take(&mut link.in_step.under_way).0 {
        let sent = link.in_step.maybe.entry(field).or_default();
        if !sent.contains(&value) && sent.len() < MOST_MAYBE {
            sent.push(value);
        }
    }
    let mut delivery = case.delivery(&link.remote.link, Purpose::Fields, look_up(&link.remote));
    delivery.handoff = link.handoff;
    delivery.lane = lane;
    link.in_step.looking = Some(case.now());
    case.push(Effect::LinkRemote(Box::new(link)));
    case.push(Effect::Enqueue(Box::new(delivery)));
}

fn send(case: &mut Case<'_>, link: &mut RemoteLink, row: &MirrorRow, to_crm: Record) {
    let record = not_under_way(case, link, to_crm);
    if record.is_empty() {
        return;
    }
    if let Some(mapping) = mapping_of(case, &link.remote) {
        let found = told(mapping, row);
        link.in_step.held.0.extend(found.0.into_iter().filter(|(field, _)| record.0.contains_key(field)));
    }
    let fields: Vec<&str> = record.0.keys().map(String::as_str).collect();
    case.say(Reason::new("fields_sent").with("crm", &link.remote.link).with("fields", fields.join(", ")));
    link.in_step.under_way.0.extend(record.0.clone());
    link.in_step.sent_at = Some(case.now());
    let operation = Operation::Update { remote: link.remote.clone(), record };
    let mut delivery = case.delivery(&link.remote.link, Purpose::Fields, operation);
    delivery.handoff = link.handoff;
    case.push(Effect::Enqueue(Box::new(delivery)));
}
