//! Pool against CRM: reads the CRM's lists whole, page by page, holds each page against what the store knows, and names
//! every difference with its cause. What a cause means is for [`leadloop_sync_core::reconcile`].
//!
//! Pages are read straight over the link's line, within its limits, beside a running node: nothing is written, and nothing
//! waits for it. What looks wrong is read once more by itself at the end, so that a change that came between counts for
//! nothing. Repairs are orders ([`Order`]): deliveries in the outbox's last lane.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leadloop_config::plan::Plan;
use leadloop_store::{Stamp, Store, StoreError, WriteLane};
use leadloop_sync_core::ids::{LeadId, LinkName};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::mirror::{MirrorRow, RemoteRecord};
use leadloop_sync_core::mirror_read::{ACTIVITY, USER, read_by};
use leadloop_sync_core::outbox::{Cursor, FindBy, Operation, Outcome, Reply};
use leadloop_sync_core::reconcile::{self, Difference, Ground, Repair};
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_sync_core::undo;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::converse::Line;
use crate::node::Node;
use crate::orders::{Done, OrderError};
use crate::people::bounded;
use crate::wire::Wire;

/// Records that are held against the store at once.
const PAGE: usize = 200;
/// Records that are read by themselves in one exchange.
const CHECKED: usize = 50;
/// Differences that are kept; there may be more.
pub const MOST: usize = 100_000;
/// So often a page is asked for where the system is busy.
const ROUNDS: u32 = 6;
/// The wait before that where it does not say how long, doubled each time.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a page may take.
const WITHIN: Micros = Micros::minutes(5);
/// Repairs of one order.
pub const SLICE: usize = 200;

/// What is compared.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The CRM.
    pub link: LinkName,
    /// Only records the CRM changed since then; what is gone is not noticed so.
    pub since: Option<Timestamp>,
}

/// What a comparison brought.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Records read, by object.
    pub records: BTreeMap<String, u64>,
    /// Of these, ours.
    pub linked: u64,
    /// Open hand-overs looked at.
    pub handoffs: u64,
    /// What differs.
    pub differences: Vec<Difference>,
    /// Whether there are more than are kept.
    pub more: bool,
}

impl Report {
    /// Differences that nobody deals with by itself.
    #[must_use]
    pub fn open(&self) -> usize {
        self.differences.iter().filter(|difference| !difference.cause.is_known()).count()
    }

    fn add(&mut self, found: Vec<Difference>) {
        let room = MOST.saturating_sub(self.differences.len());
        self.more |= found.len() > room;
        self.differences.extend(found.into_iter().take(room));
    }
}

/// Why nothing can be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The CRM did not give its records.
    #[error("`{link}` does not give its {object} records: {detail}")]
    Unread {
        /// Which CRM.
        link: LinkName,
        /// Which object.
        object: String,
        /// Its words.
        detail: String,
    },
}

/// A comparison under way.
pub struct Comparison<'a> {
    /// The store.
    pub store: &'a Store,
    /// The config.
    pub plan: &'a Plan,
    /// The way to the CRM.
    pub line: &'a Line,
    /// The wire.
    pub wire: &'a dyn Wire,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// What is compared.
    pub scope: Scope,
}

impl Comparison<'_> {
    /// Compares; `told` hears how far it is.
    ///
    /// # Errors
    /// See [`ReconcileError`].
    pub async fn run(&self, told: &mut (dyn FnMut(&Report) + Send)) -> Result<Report, ReconcileError> {
        let mut report = Report::default();
        let mut seen = BTreeSet::new();
        let mirrored = self.plan.policy.crms.get(&self.scope.link).map(|crm| crm.mirrored.clone());
        let objects: Vec<String> = mirrored.unwrap_or_default();
        let compared = |object: &&String| !matches!(object.as_str(), ACTIVITY | USER);
        for object in objects.iter().filter(compared) {
            self.object(object, &mut report, &mut seen, told).await?;
        }
        if self.scope.since.is_none() {
            let listed: BTreeSet<&str> = objects.iter().filter(compared).map(String::as_str).collect();
            self.missing(&listed, &seen, &mut report).await?;
        }
        self.handoffs(&mut report).await?;
        self.check(&mut report).await?;
        Ok(report)
    }

    async fn object(
        &self,
        object: &str,
        report: &mut Report,
        seen: &mut BTreeSet<RemoteRef>,
        told: &mut (dyn FnMut(&Report) + Send),
    ) -> Result<(), ReconcileError> {
        let mut cursor = Cursor { since: self.scope.since, ..Cursor::default() };
        loop {
            let operation = Operation::Changes { object: object.to_owned(), cursor: cursor.clone() };
            let (records, next, more) = match self.say(object, &[operation]).await?.pop() {
                Some(Outcome::Done(Reply::Page { records, next, more, .. })) => (records, next, more),
                other => return Err(self.unread(object, other)),
            };
            // A record that changed while the list was read comes again: it counts once, and is checked at the end.
            let rows: Vec<MirrorRow> = records.iter().map(|record| self.row(record)).collect();
            let new: Vec<MirrorRow> =
                rows.into_iter().filter(|row| seen.insert(row.remote.clone())).collect();
            *report.records.entry(object.to_owned()).or_default() += new.len() as u64;
            for some in new.chunks(PAGE) {
                let found = self.compare(some, Some(&mut *report)).await?;
                report.add(found);
            }
            told(report);
            if !more || next == cursor {
                return Ok(());
            }
            cursor = next;
        }
    }

    fn row(&self, record: &RemoteRecord) -> MirrorRow {
        read_by(&self.plan.policy, &self.scope.link, record, self.clock.now())
    }

    async fn compare(
        &self,
        rows: &[MirrorRow],
        report: Option<&mut Report>,
    ) -> Result<Vec<Difference>, ReconcileError> {
        let needs = reconcile::needs(&self.scope.link, rows);
        let (book, unsettled) = self.store.look_unsettled(&needs, &[]).await?;
        if let Some(report) = report {
            report.linked += rows.iter().filter(|row| book.links.contains_key(&row.remote)).count() as u64;
        }
        let (policy, link) = (&*self.plan.policy, &self.scope.link);
        let ground = Ground { book: &book, unsettled: &unsettled, policy, link };
        Ok(reconcile::compare(ground, rows, &mut self.clock.moment()))
    }

    /// Records of ours that the lists did not hold.
    async fn missing(
        &self,
        listed: &BTreeSet<&str>,
        seen: &BTreeSet<RemoteRef>,
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        let mut after: Option<RemoteRef> = None;
        loop {
            let limit = u32::try_from(PAGE).unwrap_or(u32::MAX);
            let mut links = self.store.links_of(&self.scope.link, after.as_ref(), limit).await?;
            let Some(last) = links.last() else { return Ok(()) };
            after = Some(last.remote.clone());
            links.retain(|link| listed.contains(link.remote.object.as_str()) && !seen.contains(&link.remote));
            let remotes = links.iter().map(|link| link.remote.clone()).collect();
            let needs = leadloop_sync_core::book::Needs { rows: remotes, ..Default::default() };
            let book = self.store.look(&needs).await?;
            report.add(reconcile::vanished(&book, &links));
        }
    }

    async fn handoffs(&self, report: &mut Report) -> Result<(), ReconcileError> {
        let mut after = None;
        loop {
            let limit = u32::try_from(PAGE).unwrap_or(u32::MAX);
            let handoffs = self.store.open_handoffs(&self.scope.link, after, limit).await?;
            let Some(last) = handoffs.last() else { return Ok(()) };
            after = Some(last.id);
            report.handoffs += handoffs.len() as u64;
            let leads: Vec<LeadId> = handoffs.iter().map(|handoff| handoff.lead).collect();
            let needs = leadloop_sync_core::book::Needs::default();
            let (book, unsettled) = self.store.look_unsettled(&needs, &leads).await?;
            let (policy, link) = (&*self.plan.policy, &self.scope.link);
            let ground = Ground { book: &book, unsettled: &unsettled, policy, link };
            let lost: BTreeSet<_> = report
                .differences
                .iter()
                .filter(|known| known.remote.is_some())
                .filter_map(|known| known.handoff)
                .collect();
            let mut found = reconcile::unmade(ground, &handoffs);
            // Its record was found by the mark already.
            found.retain(|difference| difference.handoff.is_none_or(|handoff| !lost.contains(&handoff)));
            report.add(found);
        }
    }

    /// Reads once more what looks wrong: pool and CRM went on meanwhile.
    async fn check(&self, report: &mut Report) -> Result<(), ReconcileError> {
        let doubtful =
            |difference: &Difference| difference.remote.clone().filter(|_| !difference.cause.is_known());
        let doubted: BTreeSet<RemoteRef> = report.differences.iter().filter_map(doubtful).collect();
        report
            .differences
            .retain(|difference| difference.remote.as_ref().is_none_or(|remote| !doubted.contains(remote)));
        let mut by_object: BTreeMap<&str, Vec<&RemoteRef>> = BTreeMap::new();
        for remote in &doubted {
            by_object.entry(&remote.object).or_default().push(remote);
        }
        for (object, remotes) in by_object {
            for some in remotes.chunks(CHECKED) {
                self.check_some(object, some, report).await?;
            }
        }
        Ok(())
    }

    async fn check_some(
        &self,
        object: &str,
        remotes: &[&RemoteRef],
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        let asked: Vec<Operation> = remotes
            .iter()
            .map(|remote| Operation::Find { object: object.to_owned(), by: FindBy::Id(remote.id.clone()) })
            .collect();
        let (mut rows, mut gone) = (Vec::new(), BTreeSet::new());
        for (remote, outcome) in remotes.iter().zip(self.say(object, &asked).await?) {
            match outcome {
                Outcome::Done(Reply::Found(records)) => match records.iter().find(|it| it.id == remote.id) {
                    Some(record) if !record.deleted => rows.push(self.row(record)),
                    _ => _ = gone.insert((*remote).clone()),
                },
                Outcome::Gone { .. } => _ = gone.insert((*remote).clone()),
                other => return Err(self.unread(object, Some(other))),
            }
        }
        report.add(self.compare(&rows, None).await?);
        let needs = leadloop_sync_core::book::Needs { rows: gone.clone(), ..Default::default() };
        let book = self.store.look(&needs).await?;
        let links: Vec<_> = gone.iter().filter_map(|remote| book.links.get(remote).cloned()).collect();
        report.add(reconcile::vanished(&book, &links));
        Ok(())
    }

    /// One exchange, repeated where the system is busy.
    async fn say(&self, object: &str, operations: &[Operation]) -> Result<Vec<Outcome>, ReconcileError> {
        let mut pause = PAUSE;
        for round in 1.. {
            let until = self.clock.now() + WITHIN;
            let outcomes = self.line.carry_out(operations, until, self.wire, self.clock).await;
            let wait = outcomes.iter().find_map(|outcome| match outcome {
                Outcome::Throttled { retry_after, .. } => Some(retry_after.map(Micros::to_std)),
                Outcome::Unavailable { .. } => Some(None),
                _ => None,
            });
            let Some(wait) = wait else { return Ok(outcomes) };
            if round == ROUNDS {
                let ill = outcomes.into_iter().find(|outcome| !matches!(outcome, Outcome::Done(_)));
                return Err(self.unread(object, ill));
            }
            self.clock.sleep_until(self.clock.now() + micros(wait.unwrap_or(pause).max(pause))).await;
            pause *= 2;
        }
        Ok(Vec::new())
    }

    fn unread(&self, object: &str, outcome: Option<Outcome>) -> ReconcileError {
        let detail = match outcome {
            Some(Outcome::Unavailable { detail, .. } | Outcome::Unauthorized { detail }) => detail,
            Some(Outcome::Rejected { detail, code, .. }) => format!("{code}: {detail}"),
            Some(Outcome::Throttled { quota: true, .. }) => "its quota of the day is used up".to_owned(),
            Some(Outcome::Throttled { .. }) => "it is too busy".to_owned(),
            Some(Outcome::Gone { detail }) => detail,
            _ => "an answer to another question".to_owned(),
        };
        ReconcileError::Unread { link: self.scope.link.clone(), object: object.to_owned(), detail }
    }
}

fn micros(wait: Duration) -> Micros {
    Micros(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX))
}

/// What shall be put right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What.
    pub repairs: Vec<Repair>,
    /// The command that wants it: what is written then bears its name.
    #[serde(default)]
    pub run: Option<String>,
}

/// Puts the deliveries of repairs into the outbox; durable when it returns.
///
/// # Errors
/// See [`OrderError`].
pub async fn repair(node: &Node, order: Order) -> Result<Done, OrderError> {
    let (plan, mut moment) = (node.plan(), node.clock.moment());
    let repairs: Vec<Repair> = order.repairs.into_iter().take(SLICE).collect();
    let mut tx = node.store.begin(WriteLane::Background).await?;
    let book = tx.load(&reconcile::repair_needs(&repairs)).await?;
    let mut reaction = reconcile::repair(&book, &repairs, &plan.policy, &mut moment);
    undo::name(&mut reaction, order.run.map(|run| bounded(run, 80)).as_deref());
    let stamp = Stamp { verb: "repair", config: plan.hash.clone(), now: moment.now };
    tx.commit(&stamp, &[reaction]).await?;
    Ok(Done { changed: repairs.len() as u64, ..Done::default() })
}
