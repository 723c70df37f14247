//! Rule tests, tried: the road's own verbs over a made-up book. What comes in goes through intake, identity, scores, the
//! MQL definition and the transfer rules exactly as in production; nothing here decides anything.
//!
//! [`ground`] makes the book, [`act`] walks the road, [`compare`] holds what came out against what was expected, [`said`]
//! makes a [`crate::problem::Problem`] of what did not fit,
//! [`mod@record`] writes a test from a past decision. Tests are read by [`crate::lower::tests`].

mod act;
mod compare;
mod ground;
mod record;
mod said;

use std::collections::{BTreeMap, BTreeSet};

use leadloop_sync_core::because::Reason;
use leadloop_sync_core::capture::RawLead;
use leadloop_sync_core::handoff::DecisionRecord;
use leadloop_sync_core::ids::{PersonKey, SourceName};
use leadloop_sync_core::lead::{Lead, Stage};
use leadloop_sync_core::mirror::OwnerState;
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::time::Timestamp;

use crate::load::Rules;
use crate::problem::{Span, Words};

pub use record::{Wish, record};
pub use said::problems;

/// A test of the rules, checked.
#[derive(Clone, Debug)]
pub struct RuleTest {
    /// Its name.
    pub name: String,
    /// Where that stands.
    pub span: Span,
    /// The time it is.
    pub now: Timestamp,
    /// What comes in, in order.
    pub steps: Vec<Step>,
    /// The lead was there already.
    pub before: Option<Before>,
    /// Points that stand whatever the model says.
    pub scores: BTreeMap<String, i64>,
    /// The person as the CRM knows them.
    pub person: Option<Known>,
    /// The company as the CRM knows it.
    pub company: Option<Known>,
    /// Hand-overs of colleagues under way.
    pub in_flight: Option<InFlight>,
    /// How salespeople stand.
    pub staff: Vec<Staff>,
    /// Counters as a decision keeps them.
    pub counters: BTreeMap<String, serde_json::Value>,
    /// What must come out.
    pub expect: Vec<Expectation>,
}

/// One thing that comes in.
#[derive(Clone, Debug)]
pub struct Step {
    /// From which source.
    pub source: SourceName,
    /// When.
    pub at: Timestamp,
    /// The record, in the pool's words.
    pub raw: RawLead,
}

/// How a lead stood before.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// Its stage.
    pub stage: Option<Stage>,
    /// Whether it was an MQL.
    pub mql: Option<bool>,
    /// Days in that stage.
    pub days_in_stage: Option<i64>,
    /// Days since its first touch.
    pub days_since_first_touch: Option<i64>,
    /// Days since its last touch.
    pub days_since_last_touch: Option<i64>,
    /// How many touches it had.
    pub touches: Option<u32>,
    /// Its first channel.
    pub channel: Option<String>,
    /// Its first campaign.
    pub campaign: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its track.
    pub track: Option<String>,
    /// What sales answered last.
    pub feedback: Option<String>,
    /// How often it came back.
    pub recycled: Option<u32>,
    /// How often of these within a year.
    pub returned: u32,
    /// Who does not get it again yet.
    pub cooling: Vec<PersonKey>,
    /// Who gets it next.
    pub next_owner: Option<PersonKey>,
}

/// Who follows a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// One of our people.
    Person(PersonKey),
    /// A user of the CRM.
    User(String),
}

/// A person or a company as the CRM knows it; what is not said is as the lead has it.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The name there.
    pub name: Option<String>,
    /// The phone there.
    pub phone: Option<String>,
    /// The address there.
    pub email: Option<String>,
    /// The credit code there.
    pub credit_code: Option<String>,
    /// The web site there.
    pub website: Option<String>,
    /// `lead` or `contact`.
    pub object: Option<String>,
    /// Who follows it.
    pub owner: Option<Who>,
    /// Whether they are there.
    pub owner_state: Option<OwnerState>,
    /// Days since sales did something.
    pub idle_days: i64,
    /// Whether an opportunity is open.
    pub open_opportunity: bool,
    /// Whether one was won.
    pub customer: bool,
    /// The status.
    pub status: Option<String>,
}

/// Hand-overs of colleagues under way.
#[derive(Clone, Debug)]
pub struct InFlight {
    /// How many.
    pub count: u32,
    /// Who got the latest.
    pub owner: Option<Who>,
}

/// How a salesperson stands.
#[derive(Clone, Debug)]
pub struct Staff {
    /// Who.
    pub person: PersonKey,
    /// Their state in the CRM.
    pub state: Option<OwnerState>,
    /// Open hand-overs.
    pub open: Option<i64>,
    /// Hand-overs they got today.
    pub today: u32,
}

/// One thing that must come out, and where that is written.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// What.
    pub what: Expect,
    /// Where.
    pub span: Span,
}

/// What must come out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// This rule decides.
    Rule(String),
    /// There is a hand-over, or none.
    HandedOver(bool),
    /// `create`, `update`, `hold`, `decline`.
    Action(String),
    /// The record that is made or updated.
    Object(String),
    /// This person gets it.
    Owner(PersonKey),
    /// This user of the CRM gets it.
    User(String),
    /// Nobody gets it, or somebody.
    PublicPool(bool),
    /// It waits, or not.
    Held(bool),
    /// It waits for this team.
    HeldFor(String),
    /// A rule says no, or not.
    Declined(bool),
    /// A rule says no for this reason.
    DeclinedFor(String),
    /// It is an MQL in the end, or not.
    Mql(bool),
    /// Its stage in the end.
    Stage(Stage),
    /// Its track in the end.
    Track(String),
    /// Points in the end.
    Score(String, i64),
    /// A reason that is given.
    Because(String),
    /// The record is refused with this code.
    Quarantined(String),
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The lead in the end; none where no record was taken in.
    pub lead: Option<Lead>,
    /// Its points.
    pub scores: BTreeMap<String, i64>,
    /// The last decision.
    pub decision: Option<DecisionRecord>,
    /// Who is responsible after it: our person, the CRM's user.
    pub owner: Option<(Option<PersonKey>, String)>,
    /// Every reason given, in order.
    pub reasons: Vec<Reason>,
    /// The last record that was refused: code and detail.
    pub quarantined: Option<(String, String)>,
    /// What stands in the way of what the test says, for people.
    pub notes: Vec<Words>,
    /// Every rule that decided or held on the way, for coverage.
    pub fired: BTreeSet<String>,
    /// The condition that keeps the lead from being an MQL, where it is only one.
    pub mql_lacks: Option<String>,
}

/// An expectation that was not met.
#[derive(Clone, Debug)]
pub struct Miss {
    /// The key of `expect`.
    pub key: &'static str,
    /// Where it is written.
    pub span: Span,
    /// What was expected.
    pub wanted: Words,
    /// What came out.
    pub found: Words,
    /// Why, as far as it can be told.
    pub why: Vec<Words>,
}

/// A test that was run.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its name.
    pub name: String,
    /// Where that stands.
    pub span: Span,
    /// What came out.
    pub seen: Seen,
    /// What did not fit; empty: it passed.
    pub misses: Vec<Miss>,
}

impl Trial {
    /// Whether everything came out as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.misses.is_empty()
    }
}

/// Runs one test.
#[must_use]
pub fn run(policy: &Policy, test: &RuleTest) -> Trial {
    let seen = act::walk(policy, test);
    let misses = compare::misses(policy, test, &seen);
    Trial { name: test.name.clone(), span: test.span.clone(), seen, misses }
}

/// Runs all tests of a config.
#[must_use]
pub fn run_all(rules: &Rules) -> Vec<Trial> {
    rules.tests.iter().map(|test| run(&rules.policy, test)).collect()
}

/// Transfer rules that decide in no test, in their order.
#[must_use]
pub fn untried<'r>(rules: &'r Rules, trials: &[Trial]) -> Vec<&'r str> {
    let fired = |rule: &str| trials.iter().any(|trial| trial.seen.fired.contains(rule));
    rules.policy.transfer.iter().map(|rule| rule.name.as_str()).filter(|rule| !fired(rule)).collect()
}
