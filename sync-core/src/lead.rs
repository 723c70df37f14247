//! The lead: one person (with a company) we may sell to, as the pool keeps it.
//!
//! Plain data. How it changes is decided by [`crate::pool`] (profile, consent), [`crate::score`] and [`crate::funnel`].

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::Value;
use serde::{Deserialize, Serialize};

use crate::capture::Identifier;
use crate::ids::{CaptureId, LeadId, LinkName, PersonKey, SourceName, TouchId};
use crate::time::Timestamp;

/// Where a lead stands. Stages may go backwards: recycling is normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// In the pool, not qualified.
    Raw,
    /// Marketing-qualified (MQL).
    Marketing,
    /// Handed over to sales (shown to users as SQL).
    WithSales,
    /// Sales took it.
    Accepted,
    /// An opportunity stands in the CRM.
    Opportunity,
    /// Won.
    Won,
    /// Lost, with a reason.
    Lost,
    /// Resting in the pool until a date or new behaviour.
    Resting,
    /// Closed: invalid, erased or refused.
    Closed,
}

impl Stage {
    /// All stages in the order of the funnel.
    pub const ALL: [Stage; 9] = [
        Stage::Raw,
        Stage::Marketing,
        Stage::WithSales,
        Stage::Accepted,
        Stage::Opportunity,
        Stage::Won,
        Stage::Lost,
        Stage::Resting,
        Stage::Closed,
    ];

    /// The stable name, as in config, columns and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Raw => "raw",
            Stage::Marketing => "marketing",
            Stage::WithSales => "with_sales",
            Stage::Accepted => "accepted",
            Stage::Opportunity => "opportunity",
            Stage::Won => "won",
            Stage::Lost => "lost",
            Stage::Resting => "resting",
            Stage::Closed => "closed",
        }
    }

    /// The stage of that stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }

    /// Whether sales hold the lead.
    #[must_use]
    pub const fn with_sales(self) -> bool {
        matches!(self, Stage::WithSales | Stage::Accepted | Stage::Opportunity)
    }
}

/// One field of a profile, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// The value.
    #[serde(rename = "v")]
    pub value: Value,
    /// Who said so.
    #[serde(rename = "s")]
    pub source: SourceName,
    /// When it was said (event time).
    #[serde(rename = "t")]
    pub at: Timestamp,
}

/// Fields of the person (`name`, `phone`, `email`, `title`, `province`, `requirement`…) and of the company
/// (`company` is its name, `company.industry`, `company.employees`…).
pub type Profile = BTreeMap<String, Fact>;

/// What a person allowed for one purpose, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Consent {
    /// Given or refused.
    pub given: bool,
    /// When.
    pub at: Timestamp,
    /// Through which source.
    pub source: SourceName,
    /// Which text was shown, where known.
    pub text_version: Option<String>,
    /// The record itself did not say it: its source counts it so by configuration.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
}

/// How one score model stands for a lead. Decay is computed at reading, so no nightly job is needed.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct ScoreState {
    /// Micro-points of touches (1 point = 1,000,000), as of `as_of`.
    pub micro: i64,
    /// The time `micro` stands for.
    pub as_of: Timestamp,
    /// Under which version of the model the whole history was counted; 0: not under one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: u32,
    /// Micro-points given so far by each touch rule with `at_most` (by its key).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_rule: BTreeMap<u32, i64>,
    /// Micro-points given per day (days since 1970 in the configured zone), for `cap_per_day`; a bounded number of days.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_day: BTreeMap<i32, i64>,
    /// Whole points from attributes, as last computed.
    pub attributes: i64,
}

fn is_zero(version: &u32) -> bool {
    *version == 0
}

/// What the rules of a model made of a touch when it came, where they look at more than the touch: the lead may have
/// changed since.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Counted {
    /// Under which version of the model.
    #[serde(rename = "v")]
    pub version: u32,
    /// Micro-points before any cap, by the rule's key.
    #[serde(rename = "w")]
    pub worths: Vec<(u32, i64)>,
}

/// A person's record in another system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RemoteRef {
    /// Which system.
    pub link: LinkName,
    /// Its object: `lead`, `contact`, `account`, `opportunity`, `activity`, `user`.
    pub object: String,
    /// Its id there.
    pub id: String,
}

/// A salesperson responsible, in our words and the CRM's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    /// Our key of the person, where the people table has one.
    pub person: Option<PersonKey>,
    /// Their user id in the CRM of the hand-over.
    pub crm_user: String,
}

/// Where a lead first came from: kept for ever.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The first source.
    pub source: SourceName,
    /// The first channel (from the campaign rules, else the source's name).
    pub channel: String,
    /// The first campaign code, where one was sent.
    pub campaign: Option<String>,
    /// The time of the first touch.
    pub at: Timestamp,
}

/// Where a lead stands in the funnel and with sales.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Its stage.
    pub stage: Stage,
    /// Since when.
    pub stage_since: Timestamp,
    /// Resting until then.
    pub rest_until: Option<Timestamp>,
    /// Whether the MQL definition holds.
    pub mql: bool,
    /// Since when.
    pub mql_at: Option<Timestamp>,
    /// By which definition.
    pub mql_of: Option<String>,
    /// When it last stopped being one.
    pub mql_left: Option<Timestamp>,
    /// Who follows it.
    pub owner: Option<Owner>,
    /// Nurture track.
    pub track: Option<String>,
    /// Last answer of sales.
    pub feedback: Option<String>,
    /// How often it returned.
    pub recycled: u32,
    /// Amount won.
    pub won_amount: Option<f64>,
}

impl Standing {
    /// Where a lead stands.
    #[must_use]
    pub fn of(lead: &Lead) -> Self {
        Self {
            stage: lead.stage,
            stage_since: lead.stage_since,
            rest_until: lead.rest_until,
            mql: lead.mql,
            mql_at: lead.mql_at,
            mql_of: lead.mql_of.clone(),
            mql_left: lead.mql_left,
            owner: lead.owner.clone(),
            track: lead.track.clone(),
            feedback: lead.feedback.clone(),
            recycled: lead.recycled,
            won_amount: lead.won_amount,
        }
    }

    /// Puts a lead there.
    pub fn put(self, lead: &mut Lead) {
        (lead.stage, lead.stage_since, lead.rest_until) = (self.stage, self.stage_since, self.rest_until);
        (lead.mql, lead.mql_at, lead.owner) = (self.mql, self.mql_at, self.owner);
        (lead.mql_of, lead.mql_left) = (self.mql_of, self.mql_left);
        (lead.track, lead.feedback) = (self.track, self.feedback);
        (lead.recycled, lead.won_amount) = (self.recycled, self.won_amount);
    }
}

/// How a lead hangs together with others: what makes a merge that can be taken back.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Bonds {
    /// What the lead is by itself, where others were merged into it: it shows what all of them are together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Box<Lead>>,
    /// The evidence of its own merge into another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<Edge>,
    /// Leads of which somebody said that they are other people.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub apart: BTreeSet<LeadId>,
    /// Identifiers that were its own once, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<Former>,
}

impl Bonds {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why one lead was merged into another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// When.
    pub at: Timestamp,
    /// By which identifier; none by hand.
    pub by: Option<Identifier>,
    /// Who said so, by hand.
    pub who: Option<String>,
    /// Where the survivor stood before.
    pub stood: Box<Standing>,
}

/// An identifier that was somebody's once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Former {
    /// Which. After a change of phone it still leads to the person.
    pub identifier: Identifier,
    /// Since when it is not.
    pub until: Timestamp,
    /// Why: `changed` (there is a new one), `unlinked` (the source says so), `passed_on` (somebody else has it now).
    pub why: String,
}

/// What people of the house wrote on a lead, with who did and when.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Marks {
    /// Remarks, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
    /// Who gave it which of its tags; a tag that a source brought has no entry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tagged: BTreeMap<String, Tagged>,
}

impl Marks {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Remark {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// The words.
    pub text: String,
}

/// Who gave a tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tagged {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
}

/// A lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    /// Its id; it never changes.
    pub id: LeadId,
    /// Counts changes; a commit against an old version is stale.
    pub version: i64,
    /// Where it stands.
    pub stage: Stage,
    /// Since when.
    pub stage_since: Timestamp,
    /// What we know of person and company.
    pub profile: Profile,
    /// Who it is.
    pub identifiers: BTreeSet<Identifier>,
    /// Consent by purpose: `transfer`, `mail`, `sms`, `phone`.
    pub consent: BTreeMap<String, Consent>,
    /// Score state by model.
    pub scores: BTreeMap<String, ScoreState>,
    /// First source and channel.
    pub origin: Origin,
    /// Time of the latest touch.
    pub last_touch_at: Timestamp,
    /// How many touches.
    pub touches: u32,
    /// When it last became an MQL, and whether it still holds (hysteresis).
    pub mql_at: Option<Timestamp>,
    /// Whether the MQL definition holds now.
    pub mql: bool,
    /// By which definition it is or was one, where they have names: the product line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mql_of: Option<String>,
    /// When it last stopped being one, for the cool-down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mql_left: Option<Timestamp>,
    /// The part of the pool it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Who follows it in sales.
    pub owner: Option<Owner>,
    /// Records of this person in other systems.
    pub remotes: BTreeSet<RemoteRef>,
    /// Nurture track, where one was prescribed.
    pub track: Option<String>,
    /// Resting until then.
    pub rest_until: Option<Timestamp>,
    /// Last answer of sales: its tag.
    pub feedback: Option<String>,
    /// Tags of marketing.
    pub tags: BTreeSet<String>,
    /// How often it returned from sales.
    pub recycled: u32,
    /// Amount won, in the CRM's currency.
    pub won_amount: Option<f64>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// The lead it was merged into.
    pub merged_into: Option<LeadId>,
    /// How it hangs together with others.
    #[serde(default, skip_serializing_if = "Bonds::is_empty")]
    pub bonds: Bonds,
    /// What people of the house wrote on it.
    #[serde(default, skip_serializing_if = "Marks::is_empty")]
    pub marks: Marks,
}

impl Lead {
    /// The value of a profile field, where known and not blank.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.profile.get(name).map(|fact| &fact.value).filter(|value| !value.is_blank())
    }

    /// The trimmed text of a profile field.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.field(name).and_then(Value::as_text).map(str::trim)
    }
}

/// An identifier bound to a lead, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// Which identifier.
    pub identifier: Identifier,
    /// Whose it is. After a merge the lead resolves through `merged_into`.
    pub lead: LeadId,
    /// Who said so.
    pub source: SourceName,
    /// When it was first said.
    pub at: Timestamp,
    /// When it was last seen.
    pub last_at: Timestamp,
}

/// One thing that happened to a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Touch {
    /// Its id.
    pub id: TouchId,
    /// The lead it was born to (merges move nothing).
    pub lead: LeadId,
    /// The capture it came from.
    pub capture: CaptureId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// Which source told it.
    pub source: SourceName,
    /// Its channel.
    pub channel: String,
    /// The identifier that brought it.
    pub by: Option<Identifier>,
    /// What else was said (`touch.*` fields without the prefix, changed profile fields under their names).
    pub fields: leadloop_mapping::Record,
    /// Receipts: micro-points each model gave for it.
    pub points: BTreeMap<String, i64>,
    /// What it was worth to models that look at more than the touch.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counted: BTreeMap<String, Counted>,
}
