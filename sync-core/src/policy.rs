//! All rules, compiled: what the verbs decide by. Built and checked by `leadloop-config`, trusted here.
//!
//! One value, immutable, shared by all loops; a changed config is a new [`Policy`] with another hash.

mod enrich;
mod pool;
mod reads;
mod score;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;
use leadloop_mapping::expr::Expr;
use leadloop_mapping::{Mapping, Value};

use crate::because::Language;
use crate::calendar::Calendar;
use crate::capture::IdentifierKind;
use crate::companies::Companies;
use crate::desk::DeskPolicy;
use crate::ids::{LinkName, PersonKey, SourceName};
use crate::lead::Stage;
use crate::mirror::Roles;
use crate::notice::NoticePolicy;
use crate::outbox::RetryPolicy;
use crate::time::{Micros, Timestamp};

pub use enrich::EnrichPolicy;
pub use pool::{AREA_CODE, ConsentPolicy, Filler, Holds, MOBILE_PREFIX, OwnField, PoolPart, PoolRules};
pub use reads::Reads;
pub(crate) use reads::Wanted;
pub use score::{AttributeRule, ScoreModel, TouchRule};

/// All rules of one config.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Hash of the config this came from; stored with every decision.
    pub config: String,
    /// The business time zone.
    pub zone: TimeZone,
    /// Language of notices and stored texts.
    pub language: Language,
    /// Region that phones without a country code belong to (`CN`).
    pub region: String,
    /// Working time.
    pub calendar: Calendar,
    /// Sources by name.
    pub sources: BTreeMap<SourceName, SourcePolicy>,
    /// Who is who.
    pub identity: IdentityPolicy,
    /// What must be allowed.
    pub consent: ConsentPolicy,
    /// Fields, fillers and parts of the pool.
    pub pool: PoolRules,
    /// What the admin's table says of companies.
    pub companies: Arc<Companies>,
    /// Channels and campaigns.
    pub campaign: CampaignPolicy,
    /// Registries that are asked for companies, in order.
    pub enrich: Vec<EnrichPolicy>,
    /// Score models, in order.
    pub scores: Vec<ScoreModel>,
    /// When a lead is an MQL: any of these; none means: never.
    pub mql: Vec<MqlPolicy>,
    /// What the scores and these definitions read of a lead (`facts::judging`); by default everything.
    pub judging: Reads,
    /// CRMs by name.
    pub crms: BTreeMap<LinkName, CrmPolicy>,
    /// Marketing automations by name.
    pub mas: BTreeMap<LinkName, MaPolicy>,
    /// Transfer rules, in order; the last always holds.
    pub transfer: Vec<TransferRule>,
    /// Salespeople.
    pub people: BTreeMap<PersonKey, Person>,
    /// Absences.
    pub leave: Vec<Leave>,
    /// Teams by name.
    pub teams: BTreeMap<String, Team>,
    /// Routes by name.
    pub routes: BTreeMap<String, Route>,
    /// How hand-overs are made.
    pub handoff: HandoffPolicy,
    /// Response times; the first that holds.
    pub sla: Vec<SlaRule>,
    /// What each answer of sales leads to, by tag.
    pub feedback: BTreeMap<String, FeedbackRule>,
    /// Loops back into the pool.
    pub recycle: RecyclePolicy,
    /// Nurture tracks by name.
    pub tracks: BTreeMap<String, Track>,
    /// The desk before sales, where there is one.
    pub desk: Option<DeskPolicy>,
    /// Whom we tell what, and how.
    pub notices: NoticePolicy,
}

/// What a source brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brings {
    /// Touches of people.
    Touches,
    /// Answers of sales (closed deals from a file, an outside tool): fields `answer.stage`, `answer.tag`,
    /// `answer.owner`, `answer.amount`, `answer.remark`.
    Answers,
}

/// How a source's records are read.
#[derive(Clone, Debug)]
pub struct SourcePolicy {
    /// Its name.
    pub name: SourceName,
    /// What it brings.
    pub brings: Brings,
    /// Touch kind where the record does not say.
    pub touch: String,
    /// Channel where no campaign rule says otherwise; the source's name by default.
    pub channel: Option<String>,
    /// Each must hold: at least one of these pool fields is there.
    pub require: Vec<Vec<String>>,
    /// Incoming name → pool field. Well-known names map by themselves (`crate::aliases`).
    pub fields: Vec<(String, String)>,
    /// Fixed pool fields for every record of this source.
    pub fixed: Vec<(String, Value)>,
    /// Pool field → identifier kind, beyond the well-known ones.
    pub identifiers: BTreeMap<String, IdentifierKind>,
    /// Window in which the same content is one event.
    pub duplicate_within: Micros,
    /// Cookies of this source never bind people.
    pub shared_device: bool,
    /// Only records for which this holds are taken (`touch.*`, `lead.*` of the record).
    pub keep: Option<Expr>,
    /// How it is read, where it does not push.
    pub polls: Option<Polling>,
    /// Events that `keep` does not want are counted and told by visit, instead of being passed over.
    pub counts: bool,
    /// Consent that counts as given or refused with every record, where the record itself says nothing.
    pub consent: Option<bool>,
}

/// How a source is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polling {
    /// Its lists, each read by itself.
    pub lists: Vec<String>,
    /// How often.
    pub every: Micros,
}

/// Who is who.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentityPolicy {
    /// Kinds, stronger first. Kinds not named are weakest.
    pub order: Vec<IdentifierKind>,
    /// Most identifiers of a kind on one person, within a window where one is given: more is a suspect, not a merge.
    pub limits: BTreeMap<IdentifierKind, (u32, Option<Micros>)>,
    /// Values that identify nobody, normalised.
    pub blocked: BTreeSet<String>,
    /// A phone number that was silent for so long may be somebody else's: under another name it is. `None`: never.
    pub recycled_after: Option<Micros>,
}

/// Channels and campaigns.
#[derive(Clone, Debug, Default)]
pub struct CampaignPolicy {
    /// Fields a campaign code is found in, in order.
    pub code: Vec<String>,
    /// Incoming attribution fields that are kept on the touch.
    pub keep: Vec<String>,
    /// First rule that holds names the channel.
    pub channels: Vec<(String, Expr)>,
    /// Known campaigns by code.
    pub table: BTreeMap<String, Campaign>,
    /// Webinars, live streams, fairs: which touches belong to them.
    pub activity: crate::activity::ActivityPolicy,
}

/// A campaign of marketing.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// Its name.
    pub name: String,
    /// Its channel.
    pub channel: Option<String>,
    /// Its product.
    pub product: Option<String>,
    /// What it cost.
    pub cost: Option<f64>,
}

/// When a lead is an MQL.
#[derive(Clone, Debug)]
pub struct MqlPolicy {
    /// Its name, where there are several: the product line.
    pub name: Option<String>,
    /// After it stopped being one, it is none again by this definition for so long.
    pub cool_down: Option<Micros>,
    /// The definition.
    pub when: Expr,
    /// Or one of these, looking at the touch at hand too.
    pub also: Vec<Expr>,
    /// When it stops being one (hysteresis).
    pub leave: Option<Expr>,
}

/// One CRM.
#[derive(Clone, Debug)]
pub struct CrmPolicy {
    /// Its name.
    pub link: LinkName,
    /// Field mappings by object; an object without one is written by the roles of its fields.
    pub mapping: BTreeMap<String, Mapping>,
    /// Status by object.
    pub status: Vec<StatusPolicy>,
    /// The CRM field that holds our mark, by object (`lead` at least).
    pub mark: String,
    /// Where sales' answers stand.
    pub feedback: Option<FeedbackFields>,
    /// Which field plays which role, by object.
    pub roles: BTreeMap<String, Roles>,
    /// Objects that are mirrored, in the order they are polled.
    pub mirrored: Vec<String>,
    /// Objects whose description is watched; none where the CRM does not describe itself.
    pub described: Vec<String>,
    /// Wait between polls while something moves.
    pub every_busy: Micros,
    /// Wait between polls while nothing moves.
    pub every_idle: Micros,
    /// How far a poll looks back behind its cursor.
    pub look_back: Micros,
    /// Facts older than this are asked for.
    pub decide_within: Micros,
    /// When everything is read whole, in minutes of the day in the business time zone; `None`: never.
    pub full_check: Option<u16>,
    /// How failed deliveries are retried.
    pub retry: RetryPolicy,
    /// Seconds until a record is found by its mark, and until "not found" counts.
    pub find_lag: Micros,
    /// See [`CrmPolicy::find_lag`].
    pub find_late: Micros,
    /// Whether the mark is unique there: a create with an unknown outcome is simply repeated.
    pub mark_unique: bool,
    /// Most creates an hour; more stops the link and asks.
    pub creates_per_hour: Option<u32>,
    /// Most changes of owners an hour, theirs and ours each; further ones wait for a person.
    pub owner_changes_per_hour: Option<u32>,
    /// Most records of ours an hour that are heard to be deleted there; further ones wait for a person.
    pub deletes_per_hour: Option<u32>,
    /// Most conflicts of fields an hour that ask a person; further ones wait behind them, unsent.
    pub asks_per_hour: Option<u32>,
    /// What follows where a record of ours was deleted there.
    pub deleted: Deleted,
}

/// What follows where a record of ours was deleted in the CRM. It is never made again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Deleted {
    /// Its hand-over waits for a person.
    #[default]
    Hold,
    /// Its hand-over ends; the lead goes on in the pool and is not passed to that CRM again.
    Detach,
    /// As [`Deleted::Hold`]; the person is forgotten an hour later, where it was their last record.
    Erase,
}

/// What the values of a CRM's status field mean.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusPolicy {
    /// The object.
    pub object: String,
    /// The field.
    pub field: String,
    /// What we write when a lead reaches a stage.
    pub write: BTreeMap<Stage, Value>,
    /// What the CRM's values mean (as text); `*` stands for all others.
    pub read: BTreeMap<String, StatusMeaning>,
    /// The field that holds the amount.
    pub amount: Option<String>,
    /// The field that holds the amount that was paid so far.
    pub received: Option<String>,
}

/// What a status value of the CRM means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusMeaning {
    /// The lead stands at this stage.
    Stage(Stage),
    /// Sales gave it back; the tag says why.
    Returned,
}

/// Where sales' answers stand in the CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedbackFields {
    /// The object.
    pub object: String,
    /// The field with the tag's value.
    pub field: String,
    /// The field with the remark.
    pub remark: Option<String>,
    /// The field with the reason of a release to the public pool.
    pub released: Option<String>,
}

/// One marketing automation.
#[derive(Clone, Debug)]
pub struct MaPolicy {
    /// Its name.
    pub link: LinkName,
    /// The source under which its pushes come, same name.
    pub source: SourceName,
    /// What it is told: `stage`, `owner`, `feedback`, `tags`, `track`.
    pub gives: BTreeSet<String>,
    /// Stages in which it shall be quiet.
    pub quiet_while: BTreeSet<Stage>,
    /// How failed deliveries are retried.
    pub retry: RetryPolicy,
}

/// One transfer rule.
#[derive(Clone, Debug)]
pub struct TransferRule {
    /// Its name.
    pub name: String,
    /// When it holds.
    pub when: Expr,
    /// What follows.
    pub does: RuleAction,
}

/// Which match a rule speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The person.
    Person,
    /// The company.
    Company,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleAction {
    /// The deed.
    pub deed: Deed,
    /// Who gets it.
    pub assign: Option<Assign>,
    /// Hang the record under the matched company.
    pub link_company: bool,
    /// Whom to tell beside the owner.
    pub notify: Option<Who>,
    /// A reason for people.
    pub reason: Option<String>,
}

/// The deed of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Make a record of this object; where the person has one already, that is updated.
    Create(String),
    /// Update the person's record (or the company's).
    Update(Who),
    /// Wait for a person of this team, at most so long (working time).
    Hold {
        /// The team.
        team: Option<String>,
        /// How long.
        at_most: Length,
    },
    /// No hand-over.
    Decline,
}

/// A length in working time or on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// On the clock.
    Clock(Micros),
    /// Working time (hours of the calendar).
    Working(Micros),
    /// Whole working days: until the same time of that working day.
    WorkingDays(u32),
}

impl Length {
    /// The time at which it has passed since `from`. A calendar without working days ahead must stop nothing: then
    /// working time counts as time on the clock, working days as days.
    #[must_use]
    pub fn after(self, calendar: &Calendar, from: Timestamp) -> Timestamp {
        match self {
            Length::Clock(length) => from + length,
            Length::Working(length) => calendar.after_working(from, length).unwrap_or(from + length),
            Length::WorkingDays(days) => {
                calendar.after_working_days(from, days).unwrap_or(from + Micros::days(i64::from(days)))
            }
        }
    }
}

/// Who gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assign {
    /// Whom the route names.
    Route(String),
    /// Somebody of a team, in turn.
    Team(String),
    /// The owner of the match.
    OwnerOf(Who),
    /// This person.
    Person(PersonKey),
    /// Whose poster the lead came through (`lead.poster`); where they cannot take it, the rule is passed over.
    Poster,
    /// The public pool.
    PublicPool,
}

/// A salesperson.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Their key.
    pub key: PersonKey,
    /// Their name.
    pub name: String,
    /// User id by CRM.
    pub crm_user: BTreeMap<LinkName, String>,
    /// Their manager.
    pub manager: Option<PersonKey>,
    /// Their deputy.
    pub deputy: Option<PersonKey>,
    /// Addresses by channel: `mail`, `mobile`, `wecom_id`.
    pub addresses: BTreeMap<String, String>,
}

/// An absence.
#[derive(Clone, Debug, PartialEq)]
pub struct Leave {
    /// Who.
    pub person: PersonKey,
    /// From (inclusive).
    pub from: Timestamp,
    /// To (exclusive).
    pub to: Timestamp,
    /// Who stands in.
    pub deputy: Option<PersonKey>,
}

/// A team.
#[derive(Clone, Debug, PartialEq)]
pub struct Team {
    /// Its members, in order.
    pub members: Vec<Member>,
}

/// A member of a team.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Who.
    pub person: PersonKey,
    /// Share of the turns.
    pub weight: u32,
    /// Most hand-overs a day.
    pub cap_per_day: Option<u32>,
    /// Most open hand-overs at once.
    pub open_at_most: Option<u32>,
}

/// A route: a table from a field's value to a team.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The expression path the table goes by, such as `lead.province`.
    pub by: String,
    /// Value → team.
    pub table: BTreeMap<String, String>,
    /// The team when nothing fits or nobody of the team can take it.
    pub fallback: Option<String>,
    /// Leads of one company stay with one owner.
    pub sticky: bool,
}

/// The link of hand-overs that go to no CRM: they live on the answer page.
pub const ANSWERS: &str = "answers";

/// How hand-overs are made.
#[derive(Clone, Debug, PartialEq)]
pub struct HandoffPolicy {
    /// The CRM they go to (the first one); [`ANSWERS`] where there is none and hand-overs live on the answer page.
    pub link: Option<LinkName>,
    /// Whether the CRM's record is made only when sales accept the message.
    pub when_accepted: bool,
    /// How long the link of an answer page lives, and an answer may be changed.
    pub link_for: Micros,
    /// What sales see.
    pub brief: Vec<String>,
    /// Owner of a returned record: the public pool, else nobody touches it.
    pub returned_to_public_pool: bool,
    /// Stage whose status is written on a return.
    pub returned_status: Option<Stage>,
}

impl HandoffPolicy {
    /// Whether sales hear of it by a message first, and a record of a CRM is made later or never.
    #[must_use]
    pub fn by_message(&self, link: &LinkName) -> bool {
        self.when_accepted || link.as_str() == ANSWERS
    }
}

/// A response time.
#[derive(Clone, Debug)]
pub struct SlaRule {
    /// Its name.
    pub name: String,
    /// For which hand-overs.
    pub when: Expr,
    /// How long until sales accept.
    pub accept_within: Option<Length>,
    /// How long until a first result.
    pub result_within: Option<Length>,
    /// What happens when.
    pub steps: Vec<SlaStep>,
}

/// A step of a response time.
#[derive(Clone, Debug, PartialEq)]
pub struct SlaStep {
    /// `accept` or `result`.
    pub clock: String,
    /// After how long.
    pub after: Length,
    /// `remind`, `tell` or `take_back`.
    pub does: String,
    /// Whom to tell: `owner`, `manager`.
    pub whom: Option<String>,
    /// For a take-back: the new owner.
    pub assign: Option<Assign>,
    /// Not to the same owner.
    pub except_owner: bool,
}

/// What an answer of sales leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedbackRule {
    /// Its stable tag.
    pub tag: String,
    /// Chinese and English label.
    pub label: (String, String),
    /// Its value in each CRM's feedback field, as text.
    pub crm: BTreeMap<LinkName, Value>,
    /// What follows.
    pub next: NextAction,
    /// Extra questions: fields of the profile.
    pub ask: Vec<String>,
}

/// The next action an answer prescribes.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct NextAction {
    /// Move to this stage.
    pub stage: Option<Stage>,
    /// Rest so long.
    pub rest: Option<Micros>,
    /// Enter this track.
    pub track: Option<String>,
    /// Close with this reason.
    pub close: Option<String>,
    /// After the rest: qualify again by the definition (`mql_again`).
    pub mql_again: bool,
    /// After the rest: to the same owner.
    pub same_owner: bool,
    /// The owner does not get it again within the cool-down.
    pub cool_down_owner: bool,
    /// Count it against the source's quality.
    pub lower_source: bool,
}

/// Loops back into the pool.
#[derive(Clone, Debug, PartialEq)]
pub struct RecyclePolicy {
    /// Most returns per person and year.
    pub at_most: u32,
    /// Time before the same owner gets a lead again.
    pub cool_down: Micros,
}

/// A nurture track.
#[derive(Clone, Debug)]
pub struct Track {
    /// Its name.
    pub name: String,
    /// The MA that runs it.
    pub ma: LinkName,
    /// The segment there.
    pub segment: String,
    /// Leads that enter it by rule; none: by feedback only.
    pub when: Option<Expr>,
}
