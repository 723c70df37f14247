//! The CRM mirror: our local copy of people, accounts, opportunities and users of each CRM.
//!
//! A CRM's own fields are read into roles once ([`MirrorFacts`], by the manifest's [`Roles`]), so that matching and
//! rules speak one language whatever the CRM. Matching itself is [`crate::matching`].

use std::collections::BTreeMap;

use leadloop_mapping::Record;
use serde::{Deserialize, Serialize};

use crate::ids::LinkName;
use crate::lead::RemoteRef;
use crate::time::Timestamp;

/// A record as a CRM gave it, in the CRM's words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RemoteRecord {
    /// The object: `lead`, `contact`, `account`, `opportunity`, `activity`, `user`.
    pub object: String,
    /// Its id there.
    pub id: String,
    /// Its fields.
    pub fields: Record,
    /// When the CRM last changed it, by the CRM's clock.
    pub modified_at: Option<Timestamp>,
    /// Whether it was deleted there.
    pub deleted: bool,
}

/// Which field of a CRM object plays which role. Comes from the connector's manifest.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Roles {
    /// The name of the person, the account or the user.
    pub name: Option<String>,
    /// Phones.
    pub phones: Vec<String>,
    /// E-mail addresses.
    pub emails: Vec<String>,
    /// The company's name as text.
    pub company: Option<String>,
    /// The unified social credit code.
    pub credit_code: Option<String>,
    /// The web site or mail domain of an account.
    pub website: Option<String>,
    /// The account this record belongs to (its id).
    pub account: Option<String>,
    /// The person (lead or contact) this record is about: `(object, field)` pairs.
    pub people: BTreeMap<String, String>,
    /// The owner's user id; blank means public pool.
    pub owner: Option<String>,
    /// The status or stage.
    pub status: Option<String>,
    /// Status values in which the record still stands open; empty means: open unless deleted.
    pub open: Vec<String>,
    /// Status values that mean won.
    pub won: Vec<String>,
    /// Status values that mean lost.
    pub lost: Vec<String>,
    /// The amount.
    pub amount: Option<String>,
    /// The amount that was paid so far.
    #[serde(default)]
    pub received: Option<String>,
    /// The feedback tag's field.
    pub feedback: Option<String>,
    /// The remark that goes with the feedback.
    pub remark: Option<String>,
    /// Our mark.
    pub mark: Option<String>,
    /// The last activity of sales.
    pub last_activity: Option<String>,
    /// What the record was converted to: object → field that holds the id.
    pub converted: BTreeMap<String, String>,
    /// For deleted records: the id of the record of the same object that this one was merged into.
    pub merged_into: Option<String>,
    /// The user's state, and its values that mean active, on leave, left.
    pub user_state: Option<String>,
    /// Values of `user_state` → `active`, `on_leave`, `left`.
    pub user_states: BTreeMap<String, String>,
}

/// The state of an owner. Idle days are a separate fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerState {
    /// Works.
    Active,
    /// On leave: a deputy is told, nothing is taken away.
    OnLeave,
    /// Left the company, or is disabled in the CRM.
    Left,
    /// No owner: the record is in the public pool (公海).
    None,
}

impl OwnerState {
    /// The stable name used in expressions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            OwnerState::Active => "active",
            OwnerState::OnLeave => "on_leave",
            OwnerState::Left => "left",
            OwnerState::None => "none",
        }
    }
}

/// What a mirrored record says, in roles.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MirrorFacts {
    /// Name of the person, account or user.
    pub name: Option<String>,
    /// Normalised phones (E.164).
    pub phones: Vec<String>,
    /// Normalised e-mail addresses.
    pub emails: Vec<String>,
    /// Company name as written.
    pub company: Option<String>,
    /// Unified social credit code.
    pub credit_code: Option<String>,
    /// Registrable domain of the account.
    pub domain: Option<String>,
    /// Account id this belongs to.
    pub account: Option<String>,
    /// People this record is about.
    pub people: Vec<RemoteRef>,
    /// Owner's user id; `None` is the public pool.
    pub owner: Option<String>,
    /// Status or stage as the CRM has it.
    pub status: Option<String>,
    /// Whether it still stands open in the funnel of sales.
    pub open: bool,
    /// `Some(true)` won, `Some(false)` lost.
    pub won: Option<bool>,
    /// The amount.
    pub amount: Option<f64>,
    /// The amount that was paid so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<f64>,
    /// Feedback value as the CRM has it.
    pub feedback: Option<String>,
    /// Remark of sales.
    pub remark: Option<String>,
    /// Our mark, where the record came from us.
    pub mark: Option<String>,
    /// Last activity of sales on it.
    pub last_activity_at: Option<Timestamp>,
    /// What it was converted to.
    pub converted: Vec<RemoteRef>,
    /// What it was merged into, where it was deleted by a merge.
    pub merged_into: Option<RemoteRef>,
    /// For users: their state.
    pub user_state: Option<OwnerState>,
}

/// One row of the mirror.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MirrorRow {
    /// Which record of which CRM.
    pub remote: RemoteRef,
    /// What it says, in roles.
    pub facts: MirrorFacts,
    /// The record in the CRM's words.
    pub fields: Record,
    /// When the CRM changed it.
    pub modified_at: Option<Timestamp>,
    /// When we last saw it.
    pub seen_at: Timestamp,
    /// Whether it was deleted there.
    pub deleted: bool,
}

/// A look-up key into the mirror.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MirrorKey {
    /// Which CRM.
    pub link: LinkName,
    /// `phone`, `email`, `company`, `domain`, `credit_code`, `mark`, `account` (members of an account), `deal`
    /// (opportunities about a record: `contact/42`, `account/7`).
    pub kind: String,
    /// The normalised value.
    pub value: String,
}
