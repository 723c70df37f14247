//! Folding a batch: of each row only its last state is written.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_sync_core::because::Because;
use leadloop_sync_core::capture::{CaptureEnd, Captured, Identifier};
use leadloop_sync_core::companies::{self, CompanyPair, CompanyVerdict};
use leadloop_sync_core::effect::{
    Alarm, AttemptNote, Deadline, Effect, Feedback, Held, Reaction, RemoteLink, Suspect, Verdict,
};
use leadloop_sync_core::handoff::{DecisionRecord, Handoff};
use leadloop_sync_core::ids::{
    CaptureId, DeliveryId, HandoffId, LeadId, LinkName, PushId, SourceName, TouchId,
};
use leadloop_sync_core::lead::{Binding, Lead, RemoteRef, Stage, Touch};
use leadloop_sync_core::mirror::MirrorRow;
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Operation};
use leadloop_sync_core::time::Timestamp;
use leadloop_sync_core::undo::BeforeImage;

/// A delivery that moved.
#[derive(Debug)]
pub(super) struct Move<'a> {
    pub(super) attempt: u32,
    pub(super) to: &'a DeliveryState,
    pub(super) due_at: Timestamp,
    pub(super) probe: Option<u32>,
    pub(super) operation: Option<&'a Operation>,
    pub(super) reset: bool,
    pub(super) note: &'a AttemptNote,
}

/// What a batch changes, row by row.
#[derive(Debug, Default)]
pub(super) struct Changes<'a> {
    pub(super) leads: BTreeMap<LeadId, &'a Lead>,
    /// When a stage was reached: the first time counts.
    pub(super) milestones: BTreeMap<(LeadId, &'static str), Timestamp>,
    /// `None`: no longer anybody's.
    pub(super) identifiers: BTreeMap<&'a Identifier, Option<&'a Binding>>,
    /// By pair, the smaller id first.
    pub(super) suspects: BTreeMap<(LeadId, LeadId), &'a Suspect>,
    /// By pair, the smaller id first.
    pub(super) verdicts: BTreeMap<(LeadId, LeadId), &'a Verdict>,
    /// By the keys of the names, the smaller first.
    pub(super) company_suspects: BTreeMap<(String, String), &'a CompanyPair>,
    /// By the keys of the names, the smaller first.
    pub(super) company_verdicts: BTreeMap<(String, String), CompanyVerdict>,
    pub(super) touches: Vec<&'a Touch>,
    /// Which captures a new touch tells of, and of which lead.
    pub(super) told: BTreeSet<(CaptureId, LeadId)>,
    /// Touches that are there and gave other points.
    pub(super) receipts: BTreeMap<TouchId, &'a Touch>,
    pub(super) handoffs: BTreeMap<HandoffId, &'a Handoff>,
    pub(super) decisions: Vec<&'a DecisionRecord>,
    pub(super) feedback: Vec<&'a Feedback>,
    pub(super) links: BTreeMap<&'a RemoteRef, &'a RemoteLink>,
    pub(super) befores: Vec<&'a BeforeImage>,
    pub(super) mirror: BTreeMap<&'a RemoteRef, &'a MirrorRow>,
    pub(super) mirror_seen: BTreeMap<(&'a LinkName, &'a str), Timestamp>,
    pub(super) counters: BTreeMap<&'a str, &'a serde_json::Value>,
    /// `None`: cleared.
    pub(super) deadlines: BTreeMap<&'a str, Option<&'a Deadline>>,
    pub(super) keeps: Vec<&'a Captured>,
    pub(super) held: BTreeMap<PushId, &'a Held>,
    pub(super) ends: BTreeMap<CaptureId, &'a CaptureEnd>,
    pub(super) alarms: BTreeMap<&'a str, Vec<&'a Alarm>>,
    pub(super) reasons: Vec<&'a Because>,
    pub(super) hurries: BTreeMap<(&'a LinkName, Option<&'a str>), Timestamp>,
    pub(super) moves: BTreeMap<DeliveryId, Move<'a>>,
    pub(super) enqueued: Vec<&'a Delivery>,
    /// `None`: told or forgotten.
    pub(super) visits: BTreeMap<(&'a SourceName, &'a Identifier), Option<Timestamp>>,
}

/// What two names of companies stand under; nothing where they are one, or one is none.
fn company_keys(one: &str, other: &str) -> Option<(String, String)> {
    companies::pair(&companies::key(one)?, &companies::key(other)?)
}

impl<'a> Changes<'a> {
    pub(super) fn gather(reactions: impl Iterator<Item = &'a Reaction>) -> Self {
        let mut changes = Self::default();
        for reaction in reactions {
            for effect in &reaction.effects {
                changes.add(effect);
            }
            if !reaction.because.reasons.is_empty() {
                changes.reasons.push(&reaction.because);
            }
        }
        changes
    }

    fn add(&mut self, effect: &'a Effect) {
        match effect {
            Effect::PutLead(lead) => {
                self.reached(lead);
                self.leads.insert(lead.id, lead);
            }
            Effect::Bind(binding) => {
                self.identifiers.insert(&binding.identifier, Some(binding));
            }
            Effect::Unbind(identifier) => {
                self.identifiers.insert(identifier, None);
            }
            Effect::Suspect(suspect) => {
                let pair = (suspect.lead.min(suspect.other), suspect.lead.max(suspect.other));
                self.suspects.entry(pair).or_insert(suspect);
            }
            Effect::Verdict(verdict) => {
                let pair = (verdict.lead.min(verdict.other), verdict.lead.max(verdict.other));
                self.verdicts.insert(pair, verdict);
            }
            Effect::CompanySuspect(_) | Effect::CompanyVerdict(_) => self.add_company(effect),
            Effect::Touch(touch) => {
                self.told.insert((touch.capture, touch.lead));
                self.touches.push(touch);
            }
            Effect::Receipts(touch) => {
                self.receipts.insert(touch.id, touch);
            }
            Effect::PutHandoff(handoff) => {
                if let Some(at) = handoff.clocks.delivered {
                    self.milestone(handoff.lead, Stage::WithSales, at);
                }
                self.handoffs.insert(handoff.id, handoff);
            }
            Effect::Decide(decision) => self.decisions.push(decision),
            Effect::KeepFeedback(feedback) => self.feedback.push(feedback),
            Effect::LinkRemote(link) => {
                self.links.insert(&link.remote, link);
            }
            Effect::KeepBefore(image) => self.befores.push(image),
            Effect::PutMirror(row) => {
                self.mirror.insert(&row.remote, row);
            }
            Effect::MirrorSeen { link, object, at } => {
                self.mirror_seen.insert((link, object), *at);
            }
            Effect::SetCounter { key, value } => {
                self.counters.insert(key, value);
            }
            Effect::SetDeadline(deadline) => {
                self.deadlines.insert(&deadline.key, Some(deadline));
            }
            Effect::ClearDeadline(key) => {
                self.deadlines.insert(key, None);
            }
            Effect::Keep(capture) => self.keeps.push(capture),
            Effect::Hold(held) => {
                self.held.entry(held.push).or_insert(held);
            }
            Effect::EndVisit { source, who, until } => {
                self.visits.insert((source, who), *until);
            }
            Effect::FinishCapture { id, end } => {
                self.ends.insert(*id, end);
            }
            Effect::Alarm(alarm) => self.alarms.entry(&alarm.key).or_default().push(alarm),
            Effect::Enqueue(_) | Effect::MoveDelivery { .. } | Effect::Hurry { .. } => {
                self.add_delivery(effect)
            }
        }
    }

    /// Whether a touch that is written with it leads to what is kept of this capture and this lead.
    pub(super) fn by_touch(&self, capture: Option<CaptureId>, lead: Option<LeadId>) -> bool {
        capture.zip(lead).is_some_and(|both| self.told.contains(&both))
    }

    fn add_company(&mut self, effect: &'a Effect) {
        match effect {
            Effect::CompanySuspect(pair) => {
                if let Some(keys) = company_keys(&pair.one, &pair.other) {
                    self.company_suspects.entry(keys).or_insert(pair);
                }
            }
            Effect::CompanyVerdict(verdict) => self.company_verdicts.extend(companies::keyed(verdict)),
            _ => {}
        }
    }

    fn add_delivery(&mut self, effect: &'a Effect) {
        match effect {
            Effect::Enqueue(delivery) => self.enqueued.push(delivery),
            Effect::Hurry { link, object, due_at } => {
                let at = self.hurries.entry((link, object.as_deref())).or_insert(*due_at);
                *at = (*at).min(*due_at);
            }
            Effect::MoveDelivery { id, attempt, to, due_at, probe, operation, reset, note } => {
                let change = Move {
                    attempt: *attempt,
                    to,
                    due_at: *due_at,
                    probe: *probe,
                    operation: operation.as_deref(),
                    reset: *reset,
                    note,
                };
                self.moves.insert(*id, change);
            }
            _ => {}
        }
    }

    /// Which stages this state of a lead shows as reached. Who won was an opportunity, who was an opportunity was
    /// accepted, who was accepted was with sales, whether or not the CRM told each step.
    fn reached(&mut self, lead: &Lead) {
        if let Some(at) = lead.mql_at {
            self.milestone(lead.id, Stage::Marketing, at);
        }
        let steps: &[Stage] = match lead.stage {
            Stage::Won => &[Stage::Won, Stage::Opportunity, Stage::Accepted, Stage::WithSales],
            Stage::Opportunity => &[Stage::Opportunity, Stage::Accepted, Stage::WithSales],
            Stage::Accepted => &[Stage::Accepted, Stage::WithSales],
            Stage::WithSales => &[Stage::WithSales],
            Stage::Marketing => &[Stage::Marketing],
            Stage::Lost => &[Stage::Lost],
            Stage::Resting => &[Stage::Resting],
            Stage::Closed => &[Stage::Closed],
            Stage::Raw => &[Stage::Raw],
        };
        for stage in steps {
            self.milestone(lead.id, *stage, lead.stage_since);
        }
    }

    fn milestone(&mut self, lead: LeadId, stage: Stage, at: Timestamp) {
        let first = self.milestones.entry((lead, stage.as_str())).or_insert(at);
        *first = (*first).min(at);
    }
}
