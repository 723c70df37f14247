//! What a verb wants done: changes of state and things to say. The store carries out every variant; there is no other
//! way to write.

use leadloop_mapping::Record;
use leadloop_mapping::merge::Agreed;

use crate::agree::InStep;
use serde::{Deserialize, Serialize};

use crate::because::Because;
use crate::capture::{CaptureEnd, Captured, Identifier, Quarantined};
use crate::companies::{CompanyPair, CompanyVerdict};
use crate::handoff::{DecisionRecord, Handoff};
use crate::ids::{CaptureId, DeliveryId, HandoffId, LeadId, LinkName, PushId, SourceName};
use crate::lead::{Binding, Lead, RemoteRef, Touch};
use crate::mirror::MirrorRow;
use crate::outbox::{Delivery, DeliveryState, Operation};
use crate::time::Timestamp;
use crate::undo::BeforeImage;

/// A record in another system that belongs to a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RemoteLink {
    /// Which record.
    pub remote: RemoteRef,
    /// Whose.
    pub lead: LeadId,
    /// Through which hand-over, where one made or took it.
    pub handoff: Option<HandoffId>,
    /// Status, owner and answers last agreed, in the system's words.
    pub agreed: Record,
    /// Since when.
    pub at: Timestamp,
    /// Mapped fields: what each side said when they last agreed.
    #[serde(default)]
    pub pairs: Agreed,
    /// How far the mapped fields are in step.
    #[serde(default)]
    pub in_step: InStep,
}

/// Something that shall happen at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deadline {
    /// Unique: setting it again moves it.
    pub key: String,
    /// When.
    pub at: Timestamp,
    /// What: `wake` (rest is over), `hold` (a hold ran out), `sla` (an answer is due), `chase` (feedback is missing),
    /// `again` (a person wants a parked hand-over decided anew), `track` (tracks are looked at again), `enrich` (a registry was waited for
    /// long enough), `erase` (a person is forgotten whose last record was deleted).
    pub kind: String,
    /// Which step of it.
    pub step: u32,
    /// Whose.
    pub lead: LeadId,
    /// On which hand-over.
    pub handoff: Option<HandoffId>,
}

/// An answer of sales, as it was understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// The capture that brought it.
    pub capture: CaptureId,
    /// On which hand-over.
    pub handoff: HandoffId,
    /// Of which lead.
    pub lead: LeadId,
    /// When sales said it.
    pub at: Timestamp,
    /// Its tag.
    pub tag: String,
    /// Their remark.
    pub remark: Option<String>,
    /// Who said it.
    pub by: Option<String>,
    /// The next action it prescribed, for people.
    pub next: String,
    /// When the next action is due.
    pub next_at: Option<Timestamp>,
}

/// Something an admin must hear once, and its all-clear.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Unique: raising it again changes nothing but the count.
    pub key: String,
    /// The error's code.
    pub code: String,
    /// What is wrong and what to do.
    pub detail: String,
    /// Raised, or cleared.
    pub raised: bool,
    /// When.
    pub at: Timestamp,
}

/// A record that was read from a source and cannot be taken as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The id under which it is held: the same whenever the same record is read.
    pub push: PushId,
    /// From which source.
    pub source: SourceName,
    /// When it was read first.
    pub at: Timestamp,
    /// From which of its lists.
    pub list: String,
    /// The record with what is wrong.
    pub record: Quarantined,
}

/// Two leads that may be one person: identity would not join them, somebody may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// The one.
    pub lead: LeadId,
    /// The other. The pair is unordered and stands once.
    pub other: LeadId,
    /// What they share.
    pub by: Identifier,
    /// Why they were not joined, as a stable code: `different_phone`, `shared_device`, `limit`, `both_with_sales`…
    pub reason: String,
    /// When it was noticed.
    pub at: Timestamp,
}

/// Somebody said whether two leads are one person: nobody is asked about the pair again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The one.
    pub lead: LeadId,
    /// The other. The pair is unordered and stands once.
    pub other: LeadId,
    /// One person, or two.
    pub same: bool,
    /// Who said so.
    pub who: String,
    /// When.
    pub at: Timestamp,
}

/// What one attempt of a delivery brought, for people: bounded and masked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptNote {
    /// When it ended.
    pub at: Timestamp,
    /// Class: `done`, `throttled`, `quota`, `unavailable`, `unknown`, `auth`, `conflict`, `gone`, `data`; `joined`
    /// where it was said together with the one that `detail` names.
    pub class: String,
    /// Short words.
    pub detail: String,
}

/// One change of state or one thing to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The lead's new state; `version` is one more than the one it was read at (1 for a new lead).
    PutLead(Box<Lead>),
    /// An identifier of a lead, new or seen again.
    Bind(Binding),
    /// An identifier that no longer points anywhere.
    Unbind(Identifier),
    /// A touch on the timeline.
    Touch(Box<Touch>),
    /// A touch that is there already gave other points than it was written with.
    Receipts(Box<Touch>),
    /// The hand-over's new state; versions as for a lead.
    PutHandoff(Box<Handoff>),
    /// A decision with its whole input.
    Decide(Box<DecisionRecord>),
    /// One more thing to say. A standing delivery that is there already is left alone.
    Enqueue(Box<Delivery>),
    /// A delivery moved: only if it is still at `attempt`.
    MoveDelivery {
        /// Which.
        id: DeliveryId,
        /// The fence.
        attempt: u32,
        /// Where to.
        to: DeliveryState,
        /// Not before.
        due_at: Timestamp,
        /// See [`Delivery::probe`].
        probe: Option<u32>,
        /// New content, where it changes (a poll's cursor).
        operation: Option<Box<Operation>>,
        /// Start counting attempts anew (a standing delivery after success).
        reset: bool,
        /// What the attempt brought.
        note: AttemptNote,
    },
    /// A standing delivery shall run now (a webhook hinted at a change).
    Hurry {
        /// Its link.
        link: LinkName,
        /// Its object; `describe/OBJECT` for the reading of a description.
        object: Option<String>,
        /// Not before.
        due_at: Timestamp,
    },
    /// A record of ours in another system.
    LinkRemote(Box<RemoteLink>),
    /// What a write changed, and what stood there before.
    KeepBefore(Box<BeforeImage>),
    /// A mirrored record, new or changed.
    PutMirror(Box<MirrorRow>),
    /// A poll of this object came to its end: the mirror is as fresh as this.
    MirrorSeen {
        /// Which CRM.
        link: LinkName,
        /// Which object.
        object: String,
        /// As of when.
        at: Timestamp,
    },
    /// A named number or small document that decisions read (turns of a route, caps per day).
    SetCounter {
        /// Its name.
        key: String,
        /// Its value.
        value: serde_json::Value,
    },
    /// What a poll or an answer brought: taken in like any source.
    Keep(Box<Captured>),
    /// A record that was read and waits for a person. Held once: read again it changes nothing.
    Hold(Box<Held>),
    /// A capture came to its end.
    FinishCapture {
        /// Which.
        id: CaptureId,
        /// How.
        end: CaptureEnd,
    },
    /// An answer of sales.
    KeepFeedback(Box<Feedback>),
    /// Something shall happen at a time.
    SetDeadline(Deadline),
    /// It need not any more.
    ClearDeadline(String),
    /// An alarm, raised or cleared.
    Alarm(Alarm),
    /// Two leads that may be one person. Said again it changes nothing.
    Suspect(Suspect),
    /// What was counted of a visitor was told, or is looked at again later.
    EndVisit {
        /// Which source counted it.
        source: SourceName,
        /// Of whom.
        who: Identifier,
        /// When it is looked at again; `None` where it is told or forgotten.
        until: Option<Timestamp>,
    },
    /// What somebody said about such a pair.
    Verdict(Verdict),
    /// Two names that may be one company. Said again it changes nothing.
    CompanySuspect(CompanyPair),
    /// What somebody said about two names of companies.
    CompanyVerdict(CompanyVerdict),
}

/// What shall be done, and why.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Reaction {
    /// In order.
    pub effects: Vec<Effect>,
    /// The reasons.
    pub because: Because,
}
