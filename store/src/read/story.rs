//! The whole story of a lead, in a handful of queries.

use std::collections::BTreeMap;

use leadloop_sync_core::because::Reason;
use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::capture::{CaptureEnd, Captured, Identifier, IdentifierKind};
use leadloop_sync_core::effect::{AttemptNote, Deadline, Feedback, RemoteLink, Suspect};
use leadloop_sync_core::handoff::{DecisionRecord, Handoff};
use leadloop_sync_core::ids::{CaptureId, ConversationId, DeliveryId, HandoffId, LeadId};
use leadloop_sync_core::lead::{Binding, Lead, Touch};
use leadloop_sync_core::outbox::Delivery;
use leadloop_sync_core::time::Timestamp;

use crate::Store;
use crate::cell::{Row, Rows, args};
use crate::engine::Work;
use crate::error::StoreError;
use crate::load::load_into;
use crate::outbox::delivery_of;
use crate::statement::{
    STORY_ATTEMPTS, STORY_CAPTURES, STORY_DEADLINES, STORY_DECISIONS, STORY_DELIVERIES, STORY_FEEDBACK,
    STORY_HANDOFFS, STORY_LINKS, STORY_MILESTONES, STORY_REASONS, STORY_SUSPECTS, STORY_TOUCHES,
    STORY_TOUCHES_TOTAL, Statement,
};
use crate::tx::deadline_of;

type Result<T> = std::result::Result<T, StoreError>;

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
    /// What was said in each of them, where it was kept ([`Store::conversations`]).
    pub said: Vec<Option<ConversationId>>,
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
    /// Other leads that may be the same person.
    pub suspects: Vec<Suspect>,
    /// When each stage was reached first: (stage's stable name, time).
    pub milestones: Vec<(String, Timestamp)>,
}

/// Most rows of each kind in a story; of a longer one the oldest reasons and the newest of the rest are left out.
const ROWS: u32 = 2_000;

/// How much of a story is read.
#[derive(Clone, Copy, Debug)]
struct Most {
    touches: u32,
    rows: u32,
}

impl Store {
    /// The whole story of a lead (of its survivor, where it was merged): at most `touches` touches and captures.
    ///
    /// # Errors
    /// Where the database does not answer or a row cannot be read.
    pub async fn story(&self, lead: LeadId, touches: u32) -> Result<Option<Story>> {
        self.story_of(lead, Most { touches, rows: ROWS }).await
    }

    /// The whole story of a lead with nothing left out, however long: for a person's right of access.
    ///
    /// # Errors
    /// As [`Store::story`].
    pub async fn whole_story(&self, lead: LeadId) -> Result<Option<Story>> {
        self.story_of(lead, Most { touches: u32::MAX, rows: u32::MAX }).await
    }

    async fn story_of(&self, lead: LeadId, most: Most) -> Result<Option<Story>> {
        let mut work = self.pools().read().await?;
        let mut book = Book::default();
        let needs = Needs { leads: [lead].into(), ..Needs::default() };
        load_into(&mut work, &mut book, &needs).await?;
        let Some(survivor) = book.resolve(lead).cloned() else {
            work.undo().await?;
            return Ok(None);
        };
        let members: Vec<LeadId> = book.leads.keys().copied().collect();
        let story = tell(&mut work, survivor, book, &members, most).await;
        work.undo().await?;
        story.map(Some)
    }
}

async fn tell(work: &mut Work, lead: Lead, book: Book, members: &[LeadId], most: Most) -> Result<Story> {
    let of = |statement: &'static Statement| {
        let mut ids = Rows::of(statement, 1);
        for id in members {
            ids.add(*id);
        }
        ids
    };
    let touched = work.rows(&STORY_TOUCHES, args![of(&STORY_TOUCHES), most.touches]).await?;
    let total = work.rows(&STORY_TOUCHES_TOTAL, args![of(&STORY_TOUCHES_TOTAL)]).await?;
    let captures = work.rows(&STORY_CAPTURES, args![of(&STORY_CAPTURES), most.touches]).await?;
    let handoffs = work.rows(&STORY_HANDOFFS, args![of(&STORY_HANDOFFS), most.rows]).await?;
    let decisions = work.rows(&STORY_DECISIONS, args![of(&STORY_DECISIONS), most.rows]).await?;
    let feedback = work.rows(&STORY_FEEDBACK, args![of(&STORY_FEEDBACK), most.rows]).await?;
    let deadlines = work.rows(&STORY_DEADLINES, args![of(&STORY_DEADLINES), most.rows]).await?;
    let links = work.rows(&STORY_LINKS, args![of(&STORY_LINKS)]).await?;
    let suspects = work.rows(&STORY_SUSPECTS, args![of(&STORY_SUSPECTS), most.rows]).await?;
    let milestones = work.rows(&STORY_MILESTONES, args![of(&STORY_MILESTONES)]).await?;
    let deliveries = work.rows(&STORY_DELIVERIES, args![of(&STORY_DELIVERIES), most.rows]).await?;
    let deliveries = with_attempts(work, &deliveries).await?;
    let handoffs = handoffs.iter().map(|row| row.doc(0)).collect::<Result<Vec<Handoff>>>()?;
    let mut of_handoffs = Rows::of(&STORY_REASONS, 2);
    for handoff in &handoffs {
        of_handoffs.add(handoff.id);
    }
    let reasons = work.rows(&STORY_REASONS, args![of(&STORY_REASONS), of_handoffs, most.rows]).await?;
    let merged = book.leads.into_values().filter(|member| member.id != lead.id).collect();
    Ok(Story {
        merged,
        bindings: book.identifiers.into_values().collect(),
        touches: touched.iter().map(|row| row.doc(0)).collect::<Result<_>>()?,
        touches_total: total.first().map_or(Ok(0), |row| row.get(0))?,
        captures: captures.iter().map(capture_of).collect::<Result<_>>()?,
        handoffs,
        decisions: decisions.iter().map(|row| row.doc(0)).collect::<Result<_>>()?,
        deliveries,
        feedback: feedback.iter().map(feedback_of).collect::<Result<_>>()?,
        reasons: reasons.iter().rev().map(reason_of).collect::<Result<_>>()?,
        deadlines: deadlines.iter().map(deadline_of).collect::<Result<_>>()?,
        links: links.iter().map(|row| row.doc(0)).collect::<Result<_>>()?,
        suspects: suspects.iter().map(suspect_of).collect::<Result<_>>()?,
        milestones: milestones.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect::<Result<_>>()?,
        lead,
    })
}

/// Deliveries (columns as [`delivery_of`], then `settled_at`) with what each attempt brought.
pub(crate) async fn with_attempts(work: &mut Work, rows: &[Row]) -> Result<Vec<ToldDelivery>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut ids = Rows::of(&STORY_ATTEMPTS, 1);
    let mut told = Vec::with_capacity(rows.len());
    for row in rows {
        let delivery = delivery_of(row)?;
        ids.add(delivery.id);
        told.push(ToldDelivery {
            delivery,
            settled_at: row.get(19)?,
            attempts: Vec::new(),
            said: Vec::new(),
        });
    }
    let mut notes: BTreeMap<DeliveryId, Vec<(AttemptNote, Option<ConversationId>)>> = BTreeMap::new();
    for row in work.rows(&STORY_ATTEMPTS, args![ids, ROWS * 10]).await? {
        let note = AttemptNote { at: row.get(1)?, class: row.get(2)?, detail: row.opened(3)? };
        notes.entry(row.get(0)?).or_default().push((note, row.get(4)?));
    }
    for told in &mut told {
        (told.attempts, told.said) = notes.remove(&told.delivery.id).unwrap_or_default().into_iter().unzip();
    }
    Ok(told)
}

/// Columns: body, ending, lead, handoff, code, detail.
pub(crate) fn capture_of(row: &Row) -> Result<KeptCapture> {
    let ending: Option<String> = row.get(1)?;
    let missing = || StoreError::unreadable("a capture ended without saying where");
    let end = match ending.as_deref() {
        None => None,
        Some("touched") => Some(CaptureEnd::Touched(row.get::<Option<LeadId>>(2)?.ok_or_else(missing)?)),
        Some("answered") => {
            let lead = row.get::<Option<LeadId>>(2)?.ok_or_else(missing)?;
            Some(CaptureEnd::Answered { lead, handoff: row.get(3)? })
        }
        Some("nothing") => Some(CaptureEnd::Nothing),
        Some(_) => Some(CaptureEnd::Parked {
            code: row.get::<Option<String>>(4)?.unwrap_or_default(),
            detail: row.maybe_opened(5)?.unwrap_or_default(),
        }),
    };
    Ok(KeptCapture { capture: row.doc(0)?, end })
}

/// Columns: capture, handoff, lead, at, tag, remark, said_by, next_action, next_at.
fn feedback_of(row: &Row) -> Result<Feedback> {
    Ok(Feedback {
        capture: row.get(0)?,
        handoff: row.get(1)?,
        lead: row.get(2)?,
        at: row.get(3)?,
        tag: row.get(4)?,
        remark: row.maybe_opened(5)?,
        by: row.maybe_opened(6)?,
        next: row.get(7)?,
        next_at: row.get(8)?,
    })
}

/// Columns: lead, other, kind, value, reason, at.
pub(crate) fn suspect_of(row: &Row) -> Result<Suspect> {
    Ok(Suspect {
        lead: row.get(0)?,
        other: row.get(1)?,
        by: Identifier { kind: IdentifierKind(row.get(2)?), value: row.opened(3)? },
        reason: row.get(4)?,
        at: row.get(5)?,
    })
}

/// Columns: seq, verb, config, at, lead, handoff, capture, delivery, body.
fn reason_of(row: &Row) -> Result<KeptReason> {
    Ok(KeptReason {
        seq: row.get(0)?,
        verb: row.get(1)?,
        config: row.get(2)?,
        at: row.get(3)?,
        lead: row.get(4)?,
        handoff: row.get(5)?,
        capture: row.get(6)?,
        delivery: row.get(7)?,
        reasons: row.doc(8)?,
    })
}
