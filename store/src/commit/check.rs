//! Finding what is stale before anything is written.
//!
//! The rows that carry a version (leads, hand-overs), a fence (deliveries) or an owner (identifiers) are locked, sorted,
//! and compared in one statement each. A reaction that shares a row with a stale one is left out too, and so on: what it
//! decided may rest on what the other did.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::effect::{Deadline, Effect, Reaction};
use leadloop_sync_core::ids::{DeliveryId, HandoffId, LeadId, LinkName};
use leadloop_sync_core::lead::RemoteRef;

use crate::cell::{Rows, args};
use crate::engine::Work;
use crate::error::StoreError;
use crate::statement::{DELIVERY_CHECK, HANDOFF_CHECK, IDENTIFIER_CHECK, LEAD_CHECK};

type Result<T> = std::result::Result<T, StoreError>;

/// A delivery that a batch moves, as it stands.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) link: LinkName,
    pub(super) stream: String,
    /// Whether it is a standing delivery.
    pub(super) standing: bool,
}

/// What the indexes of a lead hold.
#[derive(Debug, PartialEq)]
pub(super) struct Indexed {
    pub(super) stage: String,
    pub(super) merged_into: Option<LeadId>,
    pub(super) name: Option<String>,
    pub(super) company: Option<String>,
}

/// What the check found.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) stale: BTreeSet<usize>,
    pub(super) rows: Vec<String>,
    pub(super) deliveries: BTreeMap<DeliveryId, Standing>,
    /// Leads of the batch that are there; their rows are locked.
    pub(super) leads: BTreeMap<LeadId, Indexed>,
    /// Identifiers of the batch that are somebody's, and whose; their rows are locked.
    pub(super) taken: BTreeMap<Identifier, LeadId>,
}

/// A row (or a decision's common ground) that several reactions may share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shared<'a> {
    Lead(LeadId),
    Handoff(HandoffId),
    Delivery(DeliveryId),
    Identifier(&'a Identifier),
    Remote(&'a RemoteRef),
    Counter(&'a str),
    Company(&'a str),
    Deadline(&'a str),
}

/// What the first effect of the batch on a row takes for granted.
#[derive(Debug, Default)]
struct Expected<'a> {
    leads: BTreeMap<LeadId, i64>,
    handoffs: BTreeMap<HandoffId, i64>,
    deliveries: BTreeMap<DeliveryId, u32>,
    identifiers: BTreeMap<&'a Identifier, BTreeSet<LeadId>>,
}

pub(super) async fn check(
    work: &mut Work,
    seen: &BTreeMap<Identifier, Option<LeadId>>,
    reactions: &[Reaction],
) -> Result<Checked> {
    let expected = Expected::of(reactions, seen);
    let mut wrong = BTreeSet::new();
    let mut checked = Checked::default();
    check_versions(work, &expected, &mut wrong, &mut checked).await?;
    check_identifiers(work, &expected, &mut wrong, &mut checked).await?;
    check_deliveries(work, &expected, &mut wrong, &mut checked).await?;
    if !wrong.is_empty() {
        checked.rows = wrong.iter().map(Shared::to_string).collect();
        checked.stale = drop_shared(reactions, wrong);
    }
    Ok(checked)
}

impl<'a> Expected<'a> {
    fn of(reactions: &'a [Reaction], seen: &BTreeMap<Identifier, Option<LeadId>>) -> Self {
        let mut expected = Self::default();
        for effect in reactions.iter().flat_map(|reaction| &reaction.effects) {
            match effect {
                Effect::PutLead(lead) => {
                    expected.leads.entry(lead.id).or_insert(lead.version - 1);
                }
                Effect::PutHandoff(handoff) => {
                    expected.handoffs.entry(handoff.id).or_insert(handoff.version - 1);
                }
                Effect::MoveDelivery { id, attempt, .. } => {
                    expected.deliveries.entry(*id).or_insert(*attempt);
                }
                Effect::Bind(binding) => {
                    // Whose it may be: the lead it was read with, else nobody's or already the new lead's.
                    let allowed = expected.identifiers.entry(&binding.identifier).or_default();
                    match seen.get(&binding.identifier) {
                        Some(lead) => allowed.extend(lead),
                        None => {
                            allowed.insert(binding.lead);
                        }
                    }
                }
                _ => {}
            }
        }
        expected
    }
}

async fn check_versions<'a>(
    work: &mut Work,
    expected: &Expected<'a>,
    wrong: &mut BTreeSet<Shared<'a>>,
    checked: &mut Checked,
) -> Result<()> {
    if !expected.leads.is_empty() {
        let mut ids = Rows::of(&LEAD_CHECK, 1);
        for id in expected.leads.keys() {
            ids.add(*id);
        }
        let mut found = BTreeMap::new();
        for row in work.rows(&LEAD_CHECK, args![ids]).await? {
            let id: LeadId = row.get(0)?;
            found.insert(id, row.get::<i64>(1)?);
            let indexed = Indexed {
                stage: row.get(2)?,
                merged_into: row.get(3)?,
                name: row.maybe_opened(4)?,
                company: row.get(5)?,
            };
            checked.leads.insert(id, indexed);
        }
        let differs = |(id, version): &(&LeadId, &i64)| found.get(id).copied().unwrap_or(0) != **version;
        wrong.extend(expected.leads.iter().filter(differs).map(|(id, _)| Shared::Lead(*id)));
    }
    if !expected.handoffs.is_empty() {
        let mut ids = Rows::of(&HANDOFF_CHECK, 1);
        for id in expected.handoffs.keys() {
            ids.add(*id);
        }
        let mut found = BTreeMap::new();
        for row in work.rows(&HANDOFF_CHECK, args![ids]).await? {
            found.insert(row.get::<HandoffId>(0)?, row.get::<i64>(1)?);
        }
        let differs = |(id, version): &(&HandoffId, &i64)| found.get(id).copied().unwrap_or(0) != **version;
        wrong.extend(expected.handoffs.iter().filter(differs).map(|(id, _)| Shared::Handoff(*id)));
    }
    Ok(())
}

async fn check_identifiers<'a>(
    work: &mut Work,
    expected: &Expected<'a>,
    wrong: &mut BTreeSet<Shared<'a>>,
    checked: &mut Checked,
) -> Result<()> {
    if expected.identifiers.is_empty() {
        return Ok(());
    }
    let mut list = Rows::of(&IDENTIFIER_CHECK, 1);
    for identifier in expected.identifiers.keys() {
        list.add(&identifier.kind.0).add(&identifier.value);
    }
    for row in work.rows(&IDENTIFIER_CHECK, args![list]).await? {
        let kind: String = row.get(0)?;
        let stored = Identifier::new(&kind, row.opened(1)?);
        let lead: LeadId = row.get(2)?;
        if let Some((identifier, allowed)) = expected.identifiers.get_key_value(&stored)
            && !allowed.contains(&lead)
        {
            wrong.insert(Shared::Identifier(identifier));
        }
        checked.taken.insert(stored, lead);
    }
    Ok(())
}

async fn check_deliveries<'a>(
    work: &mut Work,
    expected: &Expected<'a>,
    wrong: &mut BTreeSet<Shared<'a>>,
    checked: &mut Checked,
) -> Result<()> {
    if expected.deliveries.is_empty() {
        return Ok(());
    }
    let mut ids = Rows::of(&DELIVERY_CHECK, 1);
    for id in expected.deliveries.keys() {
        ids.add(*id);
    }
    let mut found = BTreeMap::new();
    for row in work.rows(&DELIVERY_CHECK, args![ids]).await? {
        let id: DeliveryId = row.get(0)?;
        let state: String = row.get(2)?;
        found.insert(id, (row.get::<u32>(1)?, state));
        let standing: Option<String> = row.get(5)?;
        checked
            .deliveries
            .insert(id, Standing { link: row.get(3)?, stream: row.get(4)?, standing: standing.is_some() });
    }
    for (id, attempt) in &expected.deliveries {
        // What is settled is settled: a second settlement under the same number came too late.
        let fits = found.get(id).is_some_and(|(stored, state)| stored == attempt && state != "settled");
        if !fits {
            wrong.insert(Shared::Delivery(*id));
        }
    }
    Ok(())
}

/// The reactions that touch a wrong row, and those that share any row with them.
fn drop_shared<'a>(reactions: &'a [Reaction], wrong: BTreeSet<Shared<'a>>) -> BTreeSet<usize> {
    let of_each: Vec<BTreeSet<Shared<'a>>> = reactions.iter().map(shared_by).collect();
    let mut touching: BTreeMap<&Shared<'a>, Vec<usize>> = BTreeMap::new();
    for (at, rows) in of_each.iter().enumerate() {
        for row in rows {
            touching.entry(row).or_default().push(at);
        }
    }
    let mut dropped = BTreeSet::new();
    let mut open: Vec<&Shared<'a>> = wrong.iter().collect();
    let mut done: BTreeSet<&Shared<'a>> = open.iter().copied().collect();
    while let Some(row) = open.pop() {
        for at in touching.get(row).into_iter().flatten() {
            if dropped.insert(*at) {
                for next in of_each.get(*at).into_iter().flatten() {
                    if done.insert(next) {
                        open.push(next);
                    }
                }
            }
        }
    }
    dropped
}

fn shared_by(reaction: &Reaction) -> BTreeSet<Shared<'_>> {
    let mut rows = BTreeSet::new();
    rows.extend(reaction.because.lead.map(Shared::Lead));
    rows.extend(reaction.because.handoff.map(Shared::Handoff));
    for effect in &reaction.effects {
        match effect {
            Effect::PutLead(lead) => {
                rows.insert(Shared::Lead(lead.id));
                rows.extend(lead.merged_into.map(Shared::Lead));
            }
            Effect::Bind(binding) => {
                rows.insert(Shared::Identifier(&binding.identifier));
                rows.insert(Shared::Lead(binding.lead));
            }
            Effect::Unbind(identifier) => {
                rows.insert(Shared::Identifier(identifier));
            }
            Effect::Touch(touch) | Effect::Receipts(touch) => {
                rows.insert(Shared::Lead(touch.lead));
            }
            Effect::Suspect(suspect) => {
                rows.extend([Shared::Lead(suspect.lead), Shared::Lead(suspect.other)]);
            }
            Effect::Verdict(verdict) => {
                rows.extend([Shared::Lead(verdict.lead), Shared::Lead(verdict.other)]);
            }
            Effect::PutHandoff(handoff) => {
                rows.insert(Shared::Handoff(handoff.id));
                rows.insert(Shared::Lead(handoff.lead));
                rows.extend(handoff.company_key.as_deref().map(Shared::Company));
            }
            Effect::Decide(decision) => {
                rows.insert(Shared::Handoff(decision.handoff));
            }
            Effect::Enqueue(delivery) => {
                rows.extend(delivery.lead.map(Shared::Lead));
                rows.extend(delivery.handoff.map(Shared::Handoff));
            }
            Effect::MoveDelivery { id, .. } => {
                rows.insert(Shared::Delivery(*id));
            }
            Effect::LinkRemote(link) => {
                rows.insert(Shared::Remote(&link.remote));
                rows.insert(Shared::Lead(link.lead));
            }
            Effect::PutMirror(row) => {
                rows.insert(Shared::Remote(&row.remote));
            }
            Effect::SetCounter { key, .. } => {
                rows.insert(Shared::Counter(key));
            }
            Effect::KeepFeedback(feedback) => {
                rows.insert(Shared::Handoff(feedback.handoff));
            }
            Effect::SetDeadline(Deadline { key, .. }) | Effect::ClearDeadline(key) => {
                rows.insert(Shared::Deadline(key));
            }
            Effect::Hurry { .. }
            | Effect::MirrorSeen { .. }
            | Effect::Keep(_)
            | Effect::KeepBefore(_)
            | Effect::Hold(_)
            | Effect::FinishCapture { .. }
            | Effect::EndVisit { .. }
            | Effect::CompanySuspect(_)
            | Effect::CompanyVerdict(_)
            | Effect::Alarm(_) => {}
        }
    }
    rows
}

impl std::fmt::Display for Shared<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shared::Lead(id) => write!(f, "lead {id}"),
            Shared::Handoff(id) => write!(f, "hand-over {id}"),
            Shared::Delivery(id) => write!(f, "delivery {id}"),
            Shared::Identifier(identifier) => write!(f, "an identifier of kind {}", identifier.kind.0),
            Shared::Remote(remote) => write!(f, "{}/{}/{}", remote.link, remote.object, remote.id),
            Shared::Counter(key) => write!(f, "counter {key}"),
            Shared::Company(_) => write!(f, "a company"),
            Shared::Deadline(key) => write!(f, "deadline {key}"),
        }
    }
}
