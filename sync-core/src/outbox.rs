//! Stage 6, outbox: everything we say to another system, reads and polls too, and what its answers mean.
//!
//! Data and the pure retry schedule. What an outcome leads to is decided by [`crate::settle`]; who carries a delivery
//! out is the shell's business.

use leadloop_mapping::Record;
use serde::{Deserialize, Serialize};

use crate::capture::{Quarantined, RawLead};
use crate::describe::RemoteObject;
use crate::ids::{DeliveryId, HandoffId, LeadId, LinkName};
use crate::lead::RemoteRef;
use crate::mirror::RemoteRecord;
use crate::notice::Notice;
use crate::time::{Micros, Timestamp};

/// Where a page of changes starts: a keyset (time, id) or the system's own cursor.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// Records changed at or after this time (the system's clock).
    pub since: Option<Timestamp>,
    /// The last id read at exactly `since`.
    pub after_id: Option<String>,
    /// The system's own cursor within a run of pages.
    pub token: Option<String>,
}

/// What a look-up goes by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindBy {
    /// By our mark.
    Mark(String),
    /// By the system's id.
    Id(String),
    /// By any of these identifiers: (`phone` | `email`, normalised value).
    Keys(Vec<(String, String)>),
}

/// One thing to say to one system. Records are in the system's own words, mapped when the delivery was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    /// Who are we there, what may we do, what time is it, how much quota is left.
    Check,
    /// Which fields an object has and what they take. Answered by [`Reply::Described`].
    Describe {
        /// The object, by its name in the product.
        object: String,
    },
    /// Make the field that carries our mark, where the system lets an API client do so. Repeating it does no harm.
    /// Answered by [`Reply::Told`].
    Prepare {
        /// The object.
        object: String,
        /// The field.
        field: String,
    },
    /// Look something up.
    Find {
        /// The object.
        object: String,
        /// By what.
        by: FindBy,
    },
    /// Make a record that carries our mark.
    Create {
        /// The object.
        object: String,
        /// Its fields.
        record: Record,
        /// The mark.
        mark: String,
    },
    /// Change fields of a record; repeating it does no harm.
    Update {
        /// The record.
        remote: RemoteRef,
        /// Fields to change.
        record: Record,
    },
    /// Read what changed.
    Changes {
        /// The object.
        object: String,
        /// From where.
        cursor: Cursor,
    },
    /// Tell an MA about a lead: stage, owner, feedback, track.
    Tell {
        /// The MA's id of the person.
        id: String,
        /// What to tell.
        record: Record,
    },
    /// Tell one of our own people, or a group of them.
    Notify {
        /// Their address there; empty for a group.
        to: String,
        /// What to say.
        notice: Box<Notice>,
    },
}

impl Operation {
    /// The stable name of its kind: exchanges carry operations of one kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Operation::Check => "check",
            Operation::Describe { .. } => "describe",
            Operation::Prepare { .. } => "prepare",
            Operation::Find { .. } => "find",
            Operation::Create { .. } => "create",
            Operation::Update { .. } => "update",
            Operation::Changes { .. } => "changes",
            Operation::Tell { .. } => "tell",
            Operation::Notify { .. } => "notify",
        }
    }
}

impl Operation {
    /// The object it is about; empty where it is about none.
    #[must_use]
    pub fn object(&self) -> &str {
        match self {
            Operation::Find { object, .. }
            | Operation::Create { object, .. }
            | Operation::Describe { object }
            | Operation::Prepare { object, .. }
            | Operation::Changes { object, .. } => object,
            Operation::Update { remote, .. } => &remote.object,
            Operation::Check | Operation::Tell { .. } | Operation::Notify { .. } => "",
        }
    }
}

/// How often a record is looked for by its mark before "not found" counts.
pub const PROBES: u32 = 2;

/// What is sent for a delivery: a look-up by mark while its outcome is unknown, else the operation itself.
#[must_use]
pub fn to_send(delivery: &Delivery) -> Operation {
    match (&delivery.operation, delivery.probe) {
        (Operation::Create { object, mark, .. }, Some(found_nothing)) if found_nothing < PROBES => {
            Operation::Find { object: object.clone(), by: FindBy::Mark(mark.clone()) }
        }
        (operation, _) => operation.clone(),
    }
}

/// Who goes first at a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// A lead that sales wait for.
    Hot,
    /// Everything else that is live.
    Normal,
    /// Initial loads and repairs.
    Backfill,
}

/// What a delivery is for: decides what its end leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Makes or updates the record of a hand-over.
    Handover,
    /// Makes the record of a lead that is not handed over ([`crate::fill`]).
    Fill,
    /// Puts the brief (note or activity) beside it.
    Brief,
    /// Asks the CRM for facts before a decision.
    Ask,
    /// Writes a status or owner after a return, a take-back or an answer.
    Status,
    /// A standing poll of changes.
    Poll,
    /// Tells an MA.
    Inform,
    /// Keeps fields in step: reads a record once more, and writes what the pool changed.
    Fields,
    /// Tells our own people.
    Notice,
    /// Looks a company up in a registry.
    Enrich,
}

/// How far a delivery got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be sent at `due_at`.
    Due,
    /// Under way by a node until `until`.
    Claimed {
        /// The claim runs out then.
        until: Timestamp,
    },
    /// Done.
    Settled,
    /// Needs a person.
    Parked {
        /// The error's code.
        code: String,
        /// The system's own words, and what to do.
        detail: String,
    },
}

/// One thing to say to one system, and how far that got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Order of making, given by the store; 0 before.
    pub seq: i64,
    /// To which system.
    pub link: LinkName,
    /// Deliveries of a stream are said in order, one after the other.
    pub stream: String,
    /// Its lane.
    pub lane: Lane,
    /// What it is for.
    pub purpose: Purpose,
    /// What to say.
    pub operation: Operation,
    /// About which lead.
    pub lead: Option<LeadId>,
    /// About which hand-over.
    pub handoff: Option<HandoffId>,
    /// How far it got.
    pub state: DeliveryState,
    /// Not before.
    pub due_at: Timestamp,
    /// How often it was claimed. Also the fence: a settlement under an older number is stale.
    pub attempt: u32,
    /// `Some(n)`: its outcome is unknown; look by mark before anything is sent again (n probes found nothing so far).
    /// From [`PROBES`] on "not found" counts and it is sent once more.
    pub probe: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// A standing delivery (a poll) has a name of its own and is made once.
    pub standing: Option<String>,
    /// It was said together with this one, which stood before it ([`crate::join`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<DeliveryId>,
    /// The command a person ordered it with, and what followed from it; `None` for the daily work.
    #[serde(default)]
    pub run: Option<String>,
}

/// What reading one list of a source brought.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Fetched {
    /// Records, in order.
    pub leads: Vec<RawLead>,
    /// Records that could not be read.
    pub unreadable: Vec<Quarantined>,
    /// Where to go on.
    pub next: Cursor,
    /// Whether there is more right now.
    pub more: bool,
}

/// What a system answered when all went well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Written: the record, as the system names it.
    Written(RemoteRef),
    /// Found these.
    Found(Vec<RemoteRecord>),
    /// A page of changes.
    Page {
        /// The records, oldest change first.
        records: Vec<RemoteRecord>,
        /// Where to go on.
        next: Cursor,
        /// Whether there is more right now.
        more: bool,
        /// How many records there are from this page on, where the system says so without being asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<u64>,
    },
    /// What a source told when it was asked.
    Leads(Box<Fetched>),
    /// We are who we say; what the system said of itself: `user` (as whom we act there), `time` (its clock, microseconds
    /// UTC), `quota` and `quota_left` (requests of the day), `version`, and whatever else helps a person. None is a must.
    Checked(Record),
    /// An object as the system describes it.
    Described(Box<RemoteObject>),
    /// Heard.
    Told,
}

/// What an answer (or the lack of one) meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It worked.
    Done(Reply),
    /// Too fast, or the quota is used up.
    Throttled {
        /// The system's own hint.
        retry_after: Option<Micros>,
        /// Whether a daily quota is used up, not just a short window.
        quota: bool,
    },
    /// No answer, or one that says the system is ill. `sent`: it may have been applied all the same.
    Unavailable {
        /// Whether any byte of the request may have reached the system.
        sent: bool,
        /// What was seen.
        detail: String,
    },
    /// Credentials or permissions.
    Unauthorized {
        /// The system's words.
        detail: String,
    },
    /// The record is there already.
    Conflict {
        /// The record that stands in the way.
        remote: RemoteRef,
        /// Whether it carries this very mark.
        same_mark: bool,
    },
    /// The record we want to change is not there (deleted or merged).
    Gone {
        /// The system's words.
        detail: String,
    },
    /// The system refuses the content.
    Rejected {
        /// Which field.
        field: Option<String>,
        /// The system's code.
        code: String,
        /// The system's words.
        detail: String,
    },
}

/// How a link's deliveries are retried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Wait before the second attempt.
    pub first: Micros,
    /// Longest wait.
    pub at_most: Micros,
    /// After this age a delivery is parked.
    pub give_up: Micros,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { first: Micros::seconds(2), at_most: Micros::minutes(15), give_up: Micros::hours(72) }
    }
}

/// The wait before the next attempt: doubled each time from `first`, ±20 % by the delivery's own id, the cap applied
/// last; a hint of the system wins when it is longer. Pure: the same inputs give the same wait.
#[must_use]
pub fn delay(policy: &RetryPolicy, delivery: DeliveryId, attempt: u32, hint: Option<Micros>) -> Micros {
    let doubled = policy.first.0.saturating_mul(1_i64 << attempt.saturating_sub(1).min(30));
    let (high, low) = delivery.uuid().as_u64_pair();
    let mut mixed =
        (high ^ low.rotate_left(17)).wrapping_add(u64::from(attempt).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let permille = i64::try_from((mixed >> 32) % 401).unwrap_or(200) + 800; // 800…1200 ‰
    let capped =
        (doubled.min(policy.at_most.0) / 1_000).saturating_mul(permille).min(policy.at_most.0).max(0);
    Micros(hint.map_or(capped, |hint| capped.max(hint.0)))
}
