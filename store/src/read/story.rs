//! The whole story of a lead, in a handful of queries.

use leadloop_sync_core::because::Reason;
use leadloop_sync_core::capture::{CaptureEnd, Captured};
use leadloop_sync_core::effect::{AttemptNote, Deadline, Feedback, RemoteLink};
use leadloop_sync_core::handoff::{DecisionRecord, Handoff};
use leadloop_sync_core::ids::{CaptureId, DeliveryId, HandoffId, LeadId};
use leadloop_sync_core::lead::{Binding, Lead, Touch};
use leadloop_sync_core::outbox::Delivery;
use leadloop_sync_core::time::Timestamp;

/// Reasons of one reaction, as they were stored.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptReason {
    /// Order of storing.
    pub seq: i64,
    /// Which verb gave them: `absorb`, `settle`, `listen`, `tick`, or what the caller named.
    pub verb: String,
    /// Under which config (its hash).
    pub config: String,
    /// When.
    pub at: Timestamp,
    /// About which lead.
    pub lead: Option<LeadId>,
    /// About which hand-over.
    pub handoff: Option<HandoffId>,
    /// Which capture asked for it.
    pub capture: Option<CaptureId>,
    /// Which delivery's end asked for it.
    pub delivery: Option<DeliveryId>,
    /// The reasons, in the order they were found.
    pub reasons: Vec<Reason>,
}

/// A capture and how it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptCapture {
    /// What was told.
    pub capture: Captured,
    /// How it ended; `None` while it is due.
    pub end: Option<CaptureEnd>,
}

/// A delivery and what each attempt brought.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldDelivery {
    /// What was to be said.
    pub delivery: Delivery,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
    /// What each attempt brought, oldest first.
    pub attempts: Vec<AttemptNote>,
}

/// Everything kept about a lead and the leads merged into it.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    /// The lead (the survivor).
    pub lead: Lead,
    /// Leads merged into it, and those merged into them.
    pub merged: Vec<Lead>,
    /// Identifiers with their evidence.
    pub bindings: Vec<Binding>,
    /// Touches, newest first: at most as many as were asked for.
    pub touches: Vec<Touch>,
    /// How many touches there are in all.
    pub touches_total: i64,
    /// Captures, newest first: at most as many as touches were asked for.
    pub captures: Vec<KeptCapture>,
    /// Hand-overs, oldest first.
    pub handoffs: Vec<Handoff>,
    /// Decisions, oldest first.
    pub decisions: Vec<DecisionRecord>,
    /// Deliveries, oldest first.
    pub deliveries: Vec<ToldDelivery>,
    /// Answers of sales, oldest first.
    pub feedback: Vec<Feedback>,
    /// Reasons, oldest first.
    pub reasons: Vec<KeptReason>,
    /// What is still to happen at a time.
    pub deadlines: Vec<Deadline>,
    /// Records in other systems.
    pub links: Vec<RemoteLink>,
    /// When each stage was reached first: (stage's stable name, time).
    pub milestones: Vec<(String, Timestamp)>,
}
