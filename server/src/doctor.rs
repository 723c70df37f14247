//! Beside the road: asks the systems of a plan what they are, over the same lines (login, limits, bounds) as everything
//! else. What the answers mean for the config is for `leadloop_config::live`.
//!
//! All systems are asked at once, each within its own time: one that hangs holds nobody up and hides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use leadloop_config::live::{Live, LiveLink, LiveUser, Reach, Trouble, Unsaid, Wanted, wanted};
use leadloop_config::plan::Plan;
use leadloop_connector_api::{Answer, Registry, Request};
use leadloop_mapping::Value;
use leadloop_sync_core::describe::RemoteObject;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::mirror::{OwnerState, RemoteRecord};
use leadloop_sync_core::mirror_read;
use leadloop_sync_core::outbox::{FindBy, Operation, Outcome, Reply};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::time::{Micros, Timestamp};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::converse::Line;
use crate::run::{StartError, lines};
use crate::wire::{BoxFuture, Wire, WireError};

/// So often a question is asked where the system says "too fast".
const ROUNDS: u32 = 3;
/// Wait before that where it does not say how long.
const PAUSE: Duration = Duration::from_secs(1);

/// What connectors say where something that the settings name is not there.
const MISSING: [&str; 4] = ["no_database", "no_table", "no_column", "bytes"];

/// What asking one system brought.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Where it is.
    pub base: String,
    /// How long the first answer took; none where there was none.
    pub took: Option<Duration>,
    /// Mark fields that were made, or could not be: (object, field, why not).
    pub prepared: Vec<(String, String, Option<String>)>,
    /// What it said.
    pub said: LiveLink,
}

/// What all systems said, for the config.
#[must_use]
pub fn live(asked: &BTreeMap<LinkName, Asked>) -> Live {
    Live { links: asked.iter().map(|(name, asked)| (name.clone(), asked.said.clone())).collect() }
}

/// Asks every system of the plan, each for at most `within`. With `prepare`, mark fields that are missing are made
/// where the system lets us.
///
/// # Errors
/// Where an address cannot even be put together.
pub async fn ask(
    plan: &Plan,
    registry: &Registry,
    wire: Arc<dyn Wire>,
    clock: Arc<dyn Clock>,
    within: Duration,
    prepare: bool,
) -> Result<BTreeMap<LinkName, Asked>, StartError> {
    let mut wanted = wanted(plan, registry);
    let mut all = JoinSet::new();
    for (name, driven) in lines(plan, registry)? {
        let wanted = wanted.remove(&name).unwrap_or_default();
        let round = Round {
            line: Arc::clone(&driven.line),
            watch: Watch { inner: Arc::clone(&wire), clock: Arc::clone(&clock), seen: Mutex::default() },
            clock: Arc::clone(&clock),
            end: Instant::now() + within,
            unique: plan.policy.crms.get(&name).is_some_and(|crm| crm.mark_unique),
            policy: Arc::clone(&plan.policy),
        };
        all.spawn(async move { (name, round.go(&wanted, prepare).await) });
    }
    Ok(all.join_all().await.into_iter().collect())
}

/// One system while it is asked.
struct Round {
    line: Arc<Line>,
    watch: Watch,
    clock: Arc<dyn Clock>,
    end: Instant,
    unique: bool,
    policy: Arc<Policy>,
}

impl Round {
    async fn go(&self, wanted: &Wanted, prepare: bool) -> Asked {
        let mut asked = Asked { base: self.line.base.clone(), ..Asked::default() };
        asked.said.reach = self.check(&mut asked.took).await;
        asked.said.ahead = self.ahead(&asked.said.reach).await;
        if matches!(asked.said.reach, Reach::Failed(..)) {
            let unsaid = wanted.objects.iter().map(|object| (object.clone(), Err(Unsaid::NoAnswer)));
            asked.said.objects = unsaid.collect();
            return asked;
        }
        if self.speaks("describe") {
            for object in &wanted.objects {
                asked.said.objects.insert(object.clone(), self.describe(object).await);
            }
            if prepare && self.speaks("prepare") {
                self.prepare(wanted, &mut asked).await;
            }
        }
        asked.said.users = self.users(wanted).await;
        asked
    }

    fn speaks(&self, operation: &str) -> bool {
        self.line.connector.manifest().speaks.iter().any(|spoken| spoken == operation)
    }

    async fn check(&self, took: &mut Option<Duration>) -> Reach {
        if !self.speaks("check") {
            return Reach::NotAsked;
        }
        let begun = Instant::now();
        match self.say(&[Operation::Check]).await.pop() {
            Some(Outcome::Done(Reply::Checked(record))) => {
                *took = Some(begun.elapsed());
                Reach::Answered(record)
            }
            Some(outcome) => {
                let (trouble, detail) = self.trouble(outcome).await;
                Reach::Failed(trouble, detail)
            }
            None => Reach::Failed(Trouble::Ill, String::new()),
        }
    }

    /// What an outcome that is no answer means for the connection.
    async fn trouble(&self, outcome: Outcome) -> (Trouble, String) {
        match outcome {
            Outcome::Unauthorized { detail } => (Trouble::Login, detail),
            Outcome::Throttled { .. } => (Trouble::Quota, String::new()),
            Outcome::Unavailable { detail, .. } => {
                (self.watch.seen.lock().await.fault.unwrap_or(Trouble::Ill), detail)
            }
            Outcome::Rejected { code, detail, .. } if MISSING.contains(&code.as_str()) => {
                (Trouble::Missing, detail)
            }
            Outcome::Rejected { detail, .. } | Outcome::Gone { detail } => (Trouble::Ill, detail),
            Outcome::Conflict { .. } | Outcome::Done(_) => {
                (Trouble::Ill, "an answer to another question".to_owned())
            }
        }
    }

    /// How far its clock is ahead: by its own word, else by the date of its last answer.
    async fn ahead(&self, reach: &Reach) -> Option<Micros> {
        let seen = self.watch.seen.lock().await;
        let told = match reach {
            Reach::Answered(record) => record.get("time").and_then(Value::as_int),
            _ => None,
        };
        match told {
            Some(time) => seen.answered_at.map(|at| Micros(time - at.0)),
            None => seen.ahead,
        }
    }

    async fn describe(&self, object: &str) -> Result<RemoteObject, Unsaid> {
        match self.say(&[Operation::Describe { object: object.to_owned() }]).await.pop() {
            Some(Outcome::Done(Reply::Described(described))) => Ok(*described),
            Some(
                Outcome::Unauthorized { detail }
                | Outcome::Rejected { detail, .. }
                | Outcome::Gone { detail },
            ) => Err(Unsaid::Refused(detail)),
            _ => Err(Unsaid::NoAnswer),
        }
    }

    /// Makes mark fields that are missing, or not unique where the config counts on it.
    async fn prepare(&self, wanted: &Wanted, asked: &mut Asked) {
        for (object, field) in &wanted.marked {
            let Some(Ok(described)) = asked.said.objects.get(object) else { continue };
            let found = described.fields.get(field);
            if found.is_some_and(|found| found.unique || !self.unique || object != "lead") {
                continue;
            }
            let operation = Operation::Prepare { object: object.clone(), field: field.clone() };
            let why_not = match self.say(&[operation]).await.pop() {
                Some(Outcome::Done(_)) => None,
                Some(Outcome::Rejected { detail, .. }) => Some(detail),
                Some(outcome) => Some(self.trouble(outcome).await.1),
                None => Some(String::new()),
            };
            if why_not.is_none() {
                asked.said.objects.insert(object.clone(), self.describe(object).await);
            }
            asked.prepared.push((object.clone(), field.clone(), why_not));
        }
    }

    async fn users(&self, wanted: &Wanted) -> BTreeMap<String, Option<LiveUser>> {
        let mut users = BTreeMap::new();
        let most = usize::try_from(self.line.connector.manifest().batch_of("find")).unwrap_or(1).max(1);
        let ids: Vec<&String> = wanted.users.iter().collect();
        for batch in ids.chunks(most) {
            let find =
                |id: &&String| Operation::Find { object: "user".to_owned(), by: FindBy::Id((*id).clone()) };
            let operations: Vec<Operation> = batch.iter().map(find).collect();
            for (id, outcome) in batch.iter().zip(self.say(&operations).await) {
                match outcome {
                    Outcome::Done(Reply::Found(records)) => {
                        users.insert((*id).clone(), records.first().map(|record| self.user(record)));
                    }
                    // Not every CRM takes just anything for an id.
                    Outcome::Gone { .. } | Outcome::Rejected { .. } => {
                        users.insert((*id).clone(), None);
                    }
                    _ => {}
                }
            }
        }
        users
    }

    fn user(&self, record: &RemoteRecord) -> LiveUser {
        let link = &self.line.link.name;
        let facts = mirror_read::read_by(&self.policy, link, record, self.clock.now()).facts;
        LiveUser { name: facts.name, state: facts.user_state.unwrap_or(OwnerState::Active) }
    }

    /// Carries out operations; again where the system says "too fast" and there is time.
    async fn say(&self, operations: &[Operation]) -> Vec<Outcome> {
        let mut round = 0;
        loop {
            let left = self.end.saturating_duration_since(Instant::now());
            // The end is kept by the time-out here; a claim, which could run out, there is none.
            let until = Timestamp(i64::MAX);
            let talk = self.line.carry_out(operations, until, &self.watch, self.clock.as_ref());
            let Ok(outcomes) = tokio::time::timeout(left, talk).await else {
                self.watch.seen.lock().await.fault = Some(Trouble::Silent);
                let silent = Outcome::Unavailable { sent: false, detail: "no answer in time".to_owned() };
                return vec![silent; operations.len()];
            };
            let pause = outcomes.iter().find_map(|outcome| match outcome {
                Outcome::Throttled { retry_after, quota: false } => {
                    Some(retry_after.map_or(PAUSE, Micros::to_std))
                }
                _ => None,
            });
            round += 1;
            match pause {
                Some(pause) if round < ROUNDS && Instant::now() + pause < self.end => {
                    tokio::time::sleep(pause).await;
                }
                _ => return outcomes,
            }
        }
    }
}

/// A wire that remembers what it saw.
struct Watch {
    inner: Arc<dyn Wire>,
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// What broke last; none after an answer.
    fault: Option<Trouble>,
    /// When the last answer was made, as far as we can tell: half-way between question and answer.
    answered_at: Option<Timestamp>,
    /// How far the date of the last answer was ahead of that.
    ahead: Option<Micros>,
}

impl Wire for Watch {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, WireError>> {
        Box::pin(async move {
            let before = self.clock.now();
            let came = self.inner.send(request, timeout).await;
            let half = Timestamp(before.0.midpoint(self.clock.now().0));
            let mut seen = self.seen.lock().await;
            match &came {
                Ok(answer) => {
                    seen.fault = None;
                    seen.answered_at = Some(half);
                    let date = answer.header("date").and_then(|date| httpdate::parse_http_date(date).ok());
                    let date = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
                    let date = date.and_then(|date| i64::try_from(date.as_micros()).ok());
                    seen.ahead = date.map(|date| Micros(date - half.0));
                }
                Err(error) => seen.fault = Some(fault(error)),
            }
            came
        })
    }
}

/// What kind of break it was, by the words of the libraries below.
fn fault(error: &WireError) -> Trouble {
    const TLS: [&str; 7] = [
        "certificate",
        "corrupt message",
        "fatal alert",
        "peer is incompatible",
        "tls",
        "InvalidContentType",
        "handshake",
    ];
    let says = |words: &[&str]| words.iter().any(|word| error.detail.contains(word));
    if says(&["dns error", "failed to lookup address"]) {
        Trouble::Name
    } else if says(&TLS) {
        Trouble::Tls
    } else if !error.sent {
        Trouble::Connect
    } else if says(&["timed out", "deadline has elapsed"]) {
        Trouble::Silent
    } else {
        Trouble::Ill
    }
}
