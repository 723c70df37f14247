//! Stage 5, transfer: the hand-over, what sales receive and where it stands.
//!
//! Data of the state machine. What shall happen is decided by [`crate::transfer`], how far it got by [`crate::settle`],
//! and what sales answered by [`crate::feedback`].

use leadloop_mapping::Record;
use serde::{Deserialize, Serialize};

use crate::capture::Identifier;
use crate::ids::{DecisionId, HandoffId, LeadId, LinkName, PersonKey};
use crate::lead::{Owner, RemoteRef};
use crate::time::{Micros, Timestamp};

/// How far a hand-over got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandoffState {
    /// The mirror was too old or a rule holds it: facts are asked for, or a person decides.
    Asking,
    /// The desk before sales looks at it first.
    AtDesk,
    /// Decided; the outbox is telling the CRM.
    Telling,
    /// The CRM has it; the clock runs.
    WithSales,
    /// Sales accepted.
    Accepted,
    /// Sales gave it back, with a tag.
    Returned,
    /// Sales gave the final result: won, or lost.
    Answered,
    /// A rule decided that sales do not get it.
    Declined,
    /// Taken back: no answer in time.
    TakenBack,
    /// Another hand-over took its place.
    Superseded,
    /// It needs a person.
    Parked,
}

impl HandoffState {
    /// The stable name, as in columns and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            HandoffState::Asking => "asking",
            HandoffState::AtDesk => "at_desk",
            HandoffState::Telling => "telling",
            HandoffState::WithSales => "with_sales",
            HandoffState::Accepted => "accepted",
            HandoffState::Returned => "returned",
            HandoffState::Answered => "answered",
            HandoffState::Declined => "declined",
            HandoffState::TakenBack => "taken_back",
            HandoffState::Superseded => "superseded",
            HandoffState::Parked => "parked",
        }
    }

    /// The state of that stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [
            HandoffState::Asking,
            HandoffState::AtDesk,
            HandoffState::Telling,
            HandoffState::WithSales,
            HandoffState::Accepted,
            HandoffState::Returned,
            HandoffState::Answered,
            HandoffState::Declined,
            HandoffState::TakenBack,
            HandoffState::Superseded,
            HandoffState::Parked,
        ]
        .into_iter()
        .find(|state| state.as_str() == name)
    }

    /// Whether it still runs: at most one such hand-over per person.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            HandoffState::Asking
                | HandoffState::AtDesk
                | HandoffState::Telling
                | HandoffState::WithSales
                | HandoffState::Accepted
                | HandoffState::Parked
        )
    }
}

/// What shall happen, as the winning rule says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// A new record of `object` for this owner, under the company's account where one matched.
    Create {
        /// `lead` or `contact`.
        object: String,
        /// Who gets it; `None` is the public pool.
        owner: Option<Owner>,
        /// The account to hang it under.
        account: Option<RemoteRef>,
    },
    /// The person's own record is updated; with an owner it changes hands.
    Update {
        /// The record.
        remote: RemoteRef,
        /// The new owner, where it changes.
        owner: Option<Owner>,
        /// Whether it goes to the public pool instead.
        #[serde(default)]
        release: bool,
    },
    /// It waits for a person or until a time, then the next rules are tried.
    Hold {
        /// The team that decides.
        team: Option<String>,
        /// When the wait ends.
        until: Timestamp,
    },
    /// No hand-over.
    Decline {
        /// Why, for people.
        reason: String,
    },
}

/// When the four clocks of a hand-over stopped.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Clocks {
    /// The event that made the MQL happened.
    pub happened: Option<Timestamp>,
    /// It reached us.
    pub noticed: Option<Timestamp>,
    /// The rules decided.
    pub decided: Option<Timestamp>,
    /// The CRM acknowledged.
    pub delivered: Option<Timestamp>,
    /// Sales answered first.
    pub answered: Option<Timestamp>,
}

impl Clocks {
    /// Each clock with when it stopped and how long it took since the one before it that is known.
    #[must_use]
    pub fn steps(&self) -> [(&'static str, Option<Timestamp>, Option<Micros>); 5] {
        let mut before = None;
        [
            ("happened", self.happened),
            ("noticed", self.noticed),
            ("decided", self.decided),
            ("delivered", self.delivered),
            ("answered", self.answered),
        ]
        .map(|(name, at)| {
            let took =
                at.zip(before).map(|(at, before): (Timestamp, Timestamp)| Micros((at - before).0.max(0)));
            before = at.or(before);
            (name, at, took)
        })
    }

    /// The clock that took longest.
    #[must_use]
    pub fn slowest(&self) -> Option<(&'static str, Micros)> {
        let took = self.steps().into_iter().filter_map(|(name, _, took)| Some((name, took?)));
        // Of equals the first.
        took.fold(None, |best, step| match best {
            Some((_, longest)) if longest >= step.1 => best,
            _ => Some(step),
        })
    }
}

/// A hand-over: the passing of one MQL to sales.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handoff {
    /// Its id. The mark written into the CRM is its text form.
    pub id: HandoffId,
    /// Counts changes.
    pub version: i64,
    /// Whose.
    pub lead: LeadId,
    /// Which CRM.
    pub link: LinkName,
    /// How far it got.
    pub state: HandoffState,
    /// Since when.
    pub state_since: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The decision in force.
    pub decision: Option<DecisionId>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// What it decided.
    pub action: Option<Action>,
    /// Who is responsible.
    pub owner: Option<Owner>,
    /// The record in the CRM.
    pub remote: Option<RemoteRef>,
    /// The normalised company key: hand-overs in flight are found by it.
    pub company_key: Option<String>,
    /// Fields last agreed with the CRM, in the CRM's words (base of the three-way merge).
    pub agreed: Record,
    /// Answer of sales: tag.
    pub feedback: Option<String>,
    /// Answer of sales: remark.
    pub remark: Option<String>,
    /// When its answer is due.
    pub due: Option<Timestamp>,
    /// The clocks.
    pub clocks: Clocks,
    /// Why it is parked, where it is: code and detail.
    pub parked: Option<(String, String)>,
    /// The identifier that it carries: whose it is, should the person turn out to be two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Identifier>,
    /// Rules up to this index were tried already (a hold that ran out goes on with the next).
    pub rules_tried: u32,
    /// Who has it at the desk before sales, or had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk: Option<PersonKey>,
}

impl Handoff {
    /// The mark: what the CRM record carries as the proof of exactly once.
    #[must_use]
    pub fn mark(&self) -> String {
        mark_of(self.id)
    }
}

/// The mark of a hand-over: `H-` and 32 hex digits.
#[must_use]
pub fn mark_of(handoff: HandoffId) -> String {
    handoff.to_string()
}

/// One rule that was tried, and what it saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The rule's name.
    pub rule: String,
    /// Whether its condition held.
    pub held: bool,
    /// The values it read.
    pub saw: Vec<(String, leadloop_mapping::Value)>,
    /// A near miss: the one condition that kept it from holding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<String>,
}

/// Somebody who was considered as owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Considered {
    /// Who.
    pub person: String,
    /// Why they were taken (`taken`: it was their turn; `same_company`, `same_owner`, `named`, `owner_of_person`,
    /// `owner_of_company`), or why not: `on_leave`, `left`, `no_user`, `cap_per_day`, `open_at_most`, `cool_down`,
    /// `excepted`, `not_their_turn`.
    pub outcome: String,
}

/// The whole of one decision: kept, so that `why` and rehearsal need no guess.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// Its id.
    pub id: DecisionId,
    /// On which hand-over.
    pub handoff: HandoffId,
    /// Of which lead.
    pub lead: LeadId,
    /// When.
    pub at: Timestamp,
    /// Under which config (its hash).
    pub config: String,
    /// All facts the rules could see, as the expressions saw them.
    pub facts: serde_json::Value,
    /// Age of the mirror in seconds when it decided, by object.
    pub mirror_age: std::collections::BTreeMap<String, i64>,
    /// Rules tried, in order.
    pub tried: Vec<Tried>,
    /// The rule that decided; none where every rule failed.
    pub rule: Option<String>,
    /// What it decided.
    pub action: Action,
    /// Who was considered as owner.
    pub considered: Vec<Considered>,
}
