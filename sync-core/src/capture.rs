//! Stage 1, capture: one thing a source told us, once.
//!
//! A connector gives [`RawLead`]s in the source's own words; [`crate::intake`] turns each into a [`Captured`] in the
//! pool's words, or into a quarantined record with its reason. Nothing here touches a lead yet: that is [`crate::absorb`].

use leadloop_mapping::Record;
use serde::{Deserialize, Serialize};

use crate::ids::{CaptureId, PushId, SourceName};
use crate::time::Timestamp;

/// The kind of an identifier: `phone`, `email`, `unionid`, `openid`, `cookie`, `ma_id`, `crm_id`, or one the admin declared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdentifierKind(pub String);

impl From<&str> for IdentifierKind {
    fn from(kind: &str) -> Self {
        Self(kind.to_owned())
    }
}

/// Something that says who a person is: (kind, normalised value), such as (phone, +8613800001111).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    /// What it is.
    pub kind: IdentifierKind,
    /// Its normalised value. CRM and MA ids are prefixed by their link: `sales/lead/42`.
    pub value: String,
}

impl Identifier {
    /// An identifier from its two parts.
    #[must_use]
    pub fn new(kind: &str, value: impl Into<String>) -> Self {
        Self { kind: IdentifierKind::from(kind), value: value.into() }
    }
}

/// What a source says about identifiers as such, beside what its record tells of the person.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ties {
    /// Pairs of identifiers that are one person's: an account that takes over what a device did before the login, an
    /// alias of a login id, a new phone number in place of an old one (the older first).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub link: Vec<(Identifier, Identifier)>,
    /// Identifiers that are no longer the person's (unbound). What came through them stays where it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlink: Vec<Identifier>,
}

impl Ties {
    /// Whether nothing is said.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.link.is_empty() && self.unlink.is_empty()
    }

    /// All identifiers that are named.
    pub fn named(&self) -> impl Iterator<Item = &Identifier> {
        self.link.iter().flat_map(|(one, other)| [one, other]).chain(&self.unlink)
    }
}

/// One record as a connector read it, in the source's own words and unchecked.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct RawLead {
    /// The source's own id of this event, where it has one: the best key against duplicates.
    pub event_id: Option<String>,
    /// When it happened by the source's account; `None` means at arrival.
    pub at: Option<Timestamp>,
    /// When it happened by the clock of whoever told it, as it was written down: the same in each telling, whatever `at` was
    /// set right by. Only beside it, so never kept.
    #[serde(skip)]
    pub told: Option<Timestamp>,
    /// What happened, where the record says so; else the source's configured touch kind.
    pub touch: Option<String>,
    /// Fields in the source's words.
    pub fields: Record,
    /// Place in the push: row of a file (1 is the first data row), index in a body.
    pub position: u32,
    /// Identifiers that the source links or unlinks, by the pool's kinds (`phone`, `email`, `login_id`, `cookie`…), values
    /// in the source's words. They need not stand in the fields too. What says nothing else is a record all the same.
    #[serde(default, skip_serializing_if = "Ties::is_empty")]
    pub ties: Ties,
}

/// Content type of kept bodies that hold records as they were read, and not as a vendor wrote them.
pub const ROWS: &str = "application/vnd.leadloop.rows+json";

/// What a capture asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureKind {
    /// A touch of a person: goes to the pool.
    Touch,
    /// An answer of sales about a hand-over: goes to feedback.
    Feedback,
}

/// One thing a source told us, in the pool's words, normalised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Captured {
    /// Our id of it.
    pub id: CaptureId,
    /// The push it came with; none for what a poll or a settled delivery brought.
    pub push: Option<PushId>,
    /// Place in the push.
    pub position: u32,
    /// Which source told it; `crm:NAME` for what a CRM's mirror brought.
    pub source: SourceName,
    /// The same event told twice has the same key.
    pub key: DedupKey,
    /// When it happened.
    pub at: Timestamp,
    /// When it reached us.
    pub arrived: Timestamp,
    /// What road it takes.
    pub kind: CaptureKind,
    /// Kind of touch: `form_submitted`, `content_downloaded`, `event_signed_in`, `live_attended`, `mail_clicked`…
    pub touch: String,
    /// Who it was, strongest first, normalised, blocked values left out.
    pub who: Vec<Identifier>,
    /// Fields in the pool's words; `touch.*` fields describe the touch, `consent.*` the consent given with it,
    /// `score.NAME` a score an outside MA sent.
    pub fields: Record,
    /// Identifiers that the source links or unlinks, normalised. The linked ones stand in `who` too.
    #[serde(default, skip_serializing_if = "Ties::is_empty")]
    pub ties: Ties,
}

/// How a duplicate is recognised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DedupKey {
    /// By the source's own event id: for ever.
    Event(String),
    /// By a hash of the content: within the source's window.
    Content(String),
}

/// A record that cannot be processed as it is. It is kept with its reason and can be fixed and injected again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Place in the push.
    pub position: u32,
    /// The error's code, such as `LL4001`.
    pub code: String,
    /// What is wrong, naming the field and what to do, for people.
    pub detail: String,
    /// The record as it was read.
    pub raw: RawLead,
}

/// How the processing of a capture ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureEnd {
    /// It became a touch of this lead.
    Touched(crate::ids::LeadId),
    /// It was an answer of sales about this lead.
    Answered {
        /// Whose.
        lead: crate::ids::LeadId,
        /// On which hand-over; none where sales worked the lead before we handed it over.
        handoff: Option<crate::ids::HandoffId>,
    },
    /// It says nothing new (a CRM row as we left it).
    Nothing,
    /// It needs a person: code and detail.
    Parked {
        /// The error's code.
        code: String,
        /// What is wrong and what to do.
        detail: String,
    },
}
