//! What a command asks of the process that owns the store: rows of a file, records that were mended, what a person takes
//! up again or gives up.
//!
//! An order is plain data and is carried out by one function, whether the command opened the store itself or sent the
//! order to the running node ([`crate::local`]). Captures it brings take the same road as all others.

use std::collections::BTreeMap;

use leadloop_config::plan::{Plan, SourcePlan};
use leadloop_connector_api::{Method, Push, Received, Refusal};
use leadloop_mapping::Record;
use leadloop_store::read::parked::ParkedAsk;
use leadloop_store::read::quarantine::{QuarantineAsk, QuarantinedRecord, StoredPush};
use leadloop_store::read::story::KeptCapture;
use leadloop_store::{KeptPush, PushState, StoreError};
use leadloop_sync_core::capture::{CaptureEnd, Quarantined, ROWS, RawLead};
use leadloop_sync_core::ids::{CaptureId, DeliveryId, LeadId, LinkName, PushId, SourceName};
use leadloop_sync_core::intake::{Taken, intake, is_countable};
use leadloop_sync_core::outbox::Operation;
use leadloop_sync_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::gates;
use crate::handoffs;
use crate::ingress;
use crate::node::Node;
use crate::{companies, fields, fill, people, reconcile, recount, undo};

/// Rows taken up again in one transaction.
const SLICE: u32 = 200;

/// Something a command wants done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Take these rows of a file in.
    Rows(Rows),
    /// Change fields of records in quarantine and take them up again.
    Mend {
        /// The records with their new values.
        records: Vec<Mended>,
    },
    /// Read pushes and records in quarantine again under today's config; make parked captures due again.
    Retry(Held),
    /// Give pushes and records in quarantine up.
    Drop {
        /// Which.
        ids: Vec<HeldId>,
    },
    /// Make parked deliveries due again.
    RetryDeliveries(Parked),
    /// Give parked deliveries up.
    DropDeliveries(Parked),
    /// Change the content of a parked delivery and make it due again.
    FixDelivery {
        /// Which.
        id: DeliveryId,
        /// New values, in the system's own words.
        fields: Record,
        /// Who changes it.
        by: String,
    },
    /// Stop or start sending to a link.
    Link {
        /// Which.
        link: LinkName,
        /// What is wanted.
        wish: gates::Wish,
        /// Who wants it.
        by: String,
    },
    /// A store made from a backup may go on.
    Resume,
    /// Something to be done with people.
    People(people::Order),
    /// Say whether two names are one company.
    Company(companies::Order),
    /// Say which side of conflicts between pool and CRM is right.
    Settle {
        /// Which, and how.
        answers: Vec<fields::Settled>,
    },
    /// Put conflicts into the review list that the fuse keeps from it.
    Release {
        /// Of one CRM; none: of all.
        link: Option<LinkName>,
    },
    /// Have the descriptions of a CRM read now.
    Describe {
        /// Which CRM.
        link: LinkName,
    },
    /// Count the scores of a slice of everybody anew.
    Recount(recount::Order),
    /// Put differences between pool and CRM right.
    Repair(reconcile::Order),
    /// Decide about a slice of the pool that goes into a CRM.
    Fill(fill::Order),
    /// Put back what stood in a CRM before it was written.
    Undo(undo::Order),
    /// Something to be done with hand-overs.
    Handoffs(handoffs::Order),
}

/// Rows of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// The source they belong to.
    pub source: SourceName,
    /// The file's name, for people.
    pub file: String,
    /// Rows as the reader of the file gave them.
    pub rows: Vec<RawLead>,
    /// Rows that it could not read.
    pub unreadable: Vec<Quarantined>,
}

/// A record in quarantine with new values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mended {
    /// Its push.
    pub push: PushId,
    /// Its place there.
    pub position: u32,
    /// New values, in the source's own words.
    pub fields: Record,
}

/// Something that is held for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldId {
    /// A push that could not be read, or all records of a push.
    Push(PushId),
    /// One record.
    Record(PushId, u32),
    /// A parked capture.
    Capture(CaptureId),
}

/// What is meant of all that is held for a person.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Held {
    /// Only these; none: all that fit.
    pub ids: Vec<HeldId>,
    /// Only of this source.
    pub source: Option<SourceName>,
    /// Only with this code.
    pub code: Option<String>,
}

/// Which parked deliveries are meant.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Parked {
    /// Only these; none: all that fit.
    pub ids: Vec<DeliveryId>,
    /// Only of this link.
    pub link: Option<LinkName>,
    /// Only with this code.
    pub code: Option<String>,
    /// Only what was parked at or after this time.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// At most so many; 0 means all.
    #[serde(default)]
    pub limit: u32,
    /// The command that wants it: what is written then bears its name.
    #[serde(default)]
    pub run: Option<String>,
}

impl Parked {
    fn ask(self) -> ParkedAsk {
        ParkedAsk {
            ids: self.ids,
            link: self.link,
            code: self.code,
            since: self.since,
            after: None,
            limit: self.limit,
        }
    }
}

/// A record that still cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its push.
    pub push: PushId,
    /// Its place there.
    pub position: u32,
    /// The error's code.
    pub code: String,
    /// What is wrong and what to do.
    pub detail: String,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Done {
    /// How many things were changed: captures taken in, deliveries released, records given up.
    pub changed: u64,
    /// Places of rows that were told before.
    pub duplicates: Vec<u32>,
    /// Records that are in quarantine now.
    pub refused: Vec<Refused>,
    /// Rows that the source's `keep` does not want.
    pub unwanted: u64,
    /// What was named and is not held for a person (any more): `LL4110`.
    pub gone: Vec<HeldId>,
    /// Rows of people who were erased: they were not taken in (`LL4522`).
    pub erased: u64,
    /// The receipt of an erasure.
    pub erasure: Option<leadloop_store::erase::Erasure>,
    /// What a slice of counting anew brought.
    pub recount: Option<recount::Slice>,
    /// How far a pool is on its way into a CRM.
    #[serde(default)]
    pub fill: Option<fill::Slice>,
    /// The leads that it was about, as they stand for their people now.
    #[serde(default)]
    pub leads: Vec<LeadId>,
}

impl Done {
    fn add(&mut self, other: Self) {
        self.changed += other.changed;
        self.duplicates.extend(other.duplicates);
        self.refused.extend(other.refused);
        self.unwanted += other.unwanted;
        self.erased += other.erased;
        self.gone.extend(other.gone);
        self.leads.extend(other.leads);
    }
}

/// Why an order was not carried out. What was done before stays done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct OrderError {
    /// The code of its page.
    pub code: Option<String>,
    /// What is wrong and what to do.
    pub detail: String,
    /// Whether the world failed, not the order.
    pub outside: bool,
}

impl OrderError {
    pub(crate) fn input(code: &str, detail: impl Into<String>) -> Self {
        Self { code: Some(code.to_owned()), detail: detail.into(), outside: false }
    }

    /// The world failed.
    pub(crate) fn outside(code: &str, detail: impl Into<String>) -> Self {
        Self { code: Some(code.to_owned()), detail: detail.into(), outside: true }
    }
}

impl From<StoreError> for OrderError {
    fn from(error: StoreError) -> Self {
        Self { code: error.code().map(str::to_owned), detail: error.to_string(), outside: true }
    }
}

/// Carries an order out; durable when it returns.
///
/// # Errors
/// See [`OrderError`].
pub async fn carry_out(node: &Node, order: Order) -> Result<Done, OrderError> {
    let now = node.clock.now();
    match order {
        Order::Rows(rows) => take_rows(node, rows).await,
        Order::Mend { records } => mend(node, records).await,
        Order::Retry(held) => retry(node, held).await,
        Order::Drop { ids } => drop_held(node, &ids).await,
        Order::RetryDeliveries(parked) => {
            let run = parked.run.clone().map(|run| people::bounded(run, 80));
            let changed = node.store.retry_deliveries(&parked.ask(), run.as_deref(), now).await?;
            Ok(Done { changed, ..Done::default() })
        }
        Order::DropDeliveries(parked) => {
            Ok(Done { changed: node.store.drop_deliveries(&parked.ask(), now).await?, ..Done::default() })
        }
        Order::FixDelivery { id, fields, by } => fix(node, id, fields, by).await,
        Order::Link { link, wish, by } => {
            let plan = node.plan();
            if !plan.links.iter().any(|known| known.name == link) {
                let known: Vec<&str> = plan.links.iter().map(|known| known.name.as_str()).collect();
                let detail = format!("there is no link `{link}`; there are: {}", known.join(", "));
                return Err(OrderError::input("LL3001", detail));
            }
            gates::by_hand(node, &link, wish, people::bounded(by, 200)).await?;
            Ok(Done { changed: 1, ..Done::default() })
        }
        Order::Resume => {
            node.store.set_live().await?;
            Ok(Done { changed: 1, ..Done::default() })
        }
        Order::People(order) => people::carry_out(node, order).await,
        Order::Company(order) => companies::carry_out(node, order).await,
        Order::Repair(order) => reconcile::repair(node, order).await,
        Order::Undo(order) => undo::carry_out(node, order).await,
        Order::Fill(order) => fill::carry_out(node, order).await,
        Order::Settle { answers } => fields::settle(node, answers).await,
        Order::Release { link } => fields::release(node, link).await,
        Order::Describe { link } => fields::describe(node, &link).await,
        Order::Recount(order) => {
            let slice = recount::apply(&node.store, &node.plan(), &order, || node.clock.moment()).await?;
            Ok(Done { changed: slice.changed, recount: Some(slice), ..Done::default() })
        }
        Order::Handoffs(order) => handoffs::carry_out(node, order).await,
    }
}

/// A parked delivery with other values.
async fn fix(node: &Node, id: DeliveryId, fields: Record, by: String) -> Result<Done, OrderError> {
    let ask = ParkedAsk { ids: vec![id], limit: 1, ..ParkedAsk::default() };
    let found = node.store.parked_deliveries(&ask).await?.pop();
    let Some(mut operation) = found.map(|told| told.delivery.operation) else {
        return Err(OrderError::input(
            "LL4110",
            format!("the delivery `{id}` does not need a person (any more)"),
        ));
    };
    match &mut operation {
        Operation::Create { record, .. }
        | Operation::Update { record, .. }
        | Operation::Tell { record, .. } => {
            record.0.extend(fields.0);
        }
        other => {
            let detail = format!("a delivery that says `{}` has no fields to change", other.kind());
            return Err(OrderError::input("LL4110", detail));
        }
    }
    let by = people::bounded(by, 200);
    let changed = node.store.fix_delivery(id, &operation, &by, node.clock.now()).await?;
    Ok(Done { changed: u64::from(changed), ..Done::default() })
}

fn source_of<'p>(plan: &'p Plan, name: &SourceName) -> Result<&'p SourcePlan, OrderError> {
    plan.source(name.as_str()).ok_or_else(|| {
        let known: Vec<&str> = plan.sources.iter().map(|source| source.name.as_str()).collect();
        OrderError::input("LL3001", format!("there is no source `{name}`; there are: {}", known.join(", ")))
    })
}

/// The rows as the body of a push: what is read again when the config was mended.
fn body_of(rows: &Rows) -> Result<Vec<u8>, OrderError> {
    serde_json::to_vec(&rows.rows).map_err(|error| OrderError::outside("LL1010", error.to_string()))
}

async fn take_rows(node: &Node, rows: Rows) -> Result<Done, OrderError> {
    let plan = node.plan();
    let source = source_of(&plan, &rows.source)?;
    let push = Push {
        method: Method::Post,
        path: rows.file.clone(),
        query: String::new(),
        headers: vec![("content-type".to_owned(), ROWS.to_owned())],
        body: body_of(&rows)?,
        at: node.clock.now(),
        peer: None,
    };
    let asked = rows.rows.len() + rows.unreadable.len();
    let received = Received { leads: rows.rows, unreadable: rows.unreadable, ..Received::default() };
    let (mut kept, quarantined) = ingress::prepare(node, &plan, source, push, received);
    kept.method = "FILE".to_owned();
    let (id, wanted) = (kept.id, kept.captures.len() + quarantined.len());
    let answer = node.keeper.keep(kept).await?;
    Ok(Done {
        changed: u64::from(answer.kept),
        duplicates: answer.duplicates,
        erased: u64::from(answer.erased),
        refused: quarantined.into_iter().map(|record| refused(id, record)).collect(),
        unwanted: u64::try_from(asked - wanted.min(asked)).unwrap_or(0),
        gone: Vec::new(),
        ..Done::default()
    })
}

fn refused(push: PushId, record: Quarantined) -> Refused {
    Refused { push, position: record.position, code: record.code, detail: record.detail }
}

async fn mend(node: &Node, records: Vec<Mended>) -> Result<Done, OrderError> {
    let mut done = Done::default();
    let mut by_push: BTreeMap<PushId, Vec<QuarantinedRecord>> = BTreeMap::new();
    for mended in records {
        let (push, position) = (mended.push, mended.position);
        let there = node.store.fix_record(push, position, &mended.fields).await?;
        match node.store.quarantined(push, position).await?.filter(|_| there) {
            Some(record) => by_push.entry(push).or_default().push(record),
            None => done.gone.push(HeldId::Record(push, position)),
        }
    }
    for (push, records) in by_push {
        done.add(again(node, push, records).await?);
    }
    Ok(done)
}

fn gone(id: HeldId) -> Done {
    Done { gone: vec![id], ..Done::default() }
}

/// Reads records of one push again under today's config.
async fn again(node: &Node, push: PushId, records: Vec<QuarantinedRecord>) -> Result<Done, OrderError> {
    let Some(stored) = node.store.push(push).await? else { return Ok(gone(HeldId::Push(push))) };
    let plan = node.plan();
    source_of(&plan, &stored.source)?;
    let Some(policy) = plan.policy.sources.get(&stored.source) else { return Ok(gone(HeldId::Push(push))) };
    let mut moment = node.clock.moment();
    let mut kept = KeptPush { state: PushState::Read, ..again_form(&stored, &plan) };
    kept.duplicate_within = policy.duplicate_within;
    let mut done = Done::default();
    for record in records {
        let raw = &record.record.raw;
        match intake(raw, policy, &plan.policy, stored.arrived, Some(push), &mut moment) {
            Ok(taken) => {
                match taken {
                    Taken::Captured(captured) => {
                        if is_countable(raw, policy) {
                            kept.countable.insert(kept.captures.len(), raw.told);
                        }
                        kept.captures.push(*captured);
                    }
                    Taken::Counted(event) => kept.counted.push(*event),
                    Taken::Unwanted => done.unwanted += 1,
                }
                kept.resolves.push(record.record.position);
            }
            Err(still) => {
                done.refused.push(refused(push, (*still).clone()));
                kept.quarantined.push(*still);
            }
        }
    }
    let answer = node.keeper.keep(kept).await?;
    done.changed = u64::from(answer.kept);
    done.duplicates = answer.duplicates;
    done.erased = u64::from(answer.erased);
    Ok(done)
}

fn again_form(stored: &StoredPush, plan: &Plan) -> KeptPush {
    KeptPush {
        id: stored.id,
        source: stored.source.clone(),
        arrived: stored.arrived,
        method: stored.method.clone(),
        path: stored.path.clone(),
        headers: stored.headers.clone(),
        body: stored.body.clone(),
        config: plan.hash.clone(),
        state: stored.state.clone(),
        duplicate_within: Default::default(),
        captures: Vec::new(),
        countable: Default::default(),
        counted: Vec::new(),
        quarantined: Vec::new(),
        resolves: Vec::new(),
    }
}

async fn retry(node: &Node, held: Held) -> Result<Done, OrderError> {
    if held.ids.is_empty() {
        return retry_all(node, &held).await;
    }
    let mut done = Done::default();
    let mut captures = Vec::new();
    for id in held.ids {
        match id {
            HeldId::Capture(id) => captures.push(id),
            HeldId::Record(push, position) => match node.store.quarantined(push, position).await? {
                Some(record) => done.add(again(node, push, vec![record]).await?),
                None => done.gone.push(id),
            },
            HeldId::Push(push) => done.add(retry_push(node, push).await?),
        }
    }
    if !captures.is_empty() {
        done.changed += node.store.retry_captures(&captures).await?;
    }
    Ok(done)
}

/// Everything that fits, page by page: what is refused again goes behind the page's key and is not seen twice.
async fn retry_all(node: &Node, held: &Held) -> Result<Done, OrderError> {
    let ask =
        |after| QuarantineAsk { source: held.source.clone(), code: held.code.clone(), after, limit: SLICE };
    let mut done = Done::default();
    let mut after = None;
    loop {
        let records = node.store.quarantine(&ask(after)).await?;
        let Some(last) = records.last() else { break };
        after = Some((last.push, last.record.position));
        let mut by_push: BTreeMap<PushId, Vec<QuarantinedRecord>> = BTreeMap::new();
        for record in records {
            by_push.entry(record.push).or_default().push(record);
        }
        for (push, records) in by_push {
            done.add(again(node, push, records).await?);
        }
    }
    let mut after = None;
    loop {
        let pushes = node.store.parked_pushes(&ask(after)).await?;
        let Some(last) = pushes.last() else { break };
        after = Some((last.id, 0));
        for push in pushes {
            done.add(read_again(node, push).await?);
        }
    }
    done.changed += retry_parked(node, held).await?;
    Ok(done)
}

/// Parked captures that fit, all listed before the first is taken up: one that is parked again is not seen twice.
async fn retry_parked(node: &Node, held: &Held) -> Result<u64, OrderError> {
    if held.source.is_none() && held.code.is_none() {
        return Ok(node.store.retry_captures(&[]).await?);
    }
    let mut fitting = Vec::new();
    let mut after = None;
    loop {
        let page = node.store.parked_captures(after, SLICE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.capture.id);
        let fits = |kept: &&KeptCapture| {
            let code = match &kept.end {
                Some(CaptureEnd::Parked { code, .. }) => Some(code),
                _ => None,
            };
            held.source.as_ref().is_none_or(|source| kept.capture.source == *source)
                && held.code.as_ref().is_none_or(|wanted| code == Some(wanted))
        };
        fitting.extend(page.iter().filter(fits).map(|kept| kept.capture.id));
    }
    let mut changed = 0;
    for slice in fitting.chunks(SLICE as usize) {
        changed += node.store.retry_captures(slice).await?;
    }
    Ok(changed)
}

/// A push that could not be read, or all that is held of one that could.
async fn retry_push(node: &Node, id: PushId) -> Result<Done, OrderError> {
    let Some(stored) = node.store.push(id).await? else { return Ok(gone(HeldId::Push(id))) };
    if matches!(stored.state, PushState::Parked { .. }) {
        return read_again(node, stored).await;
    }
    let mut held = Vec::new();
    // Records of one push stand together in the order of the list.
    let mut after =
        Some((PushId::new(uuid::Uuid::from_u128(id.uuid().as_u128().saturating_sub(1))), u32::MAX));
    loop {
        let ask = QuarantineAsk { source: Some(stored.source.clone()), code: None, after, limit: SLICE };
        let page = node.store.quarantine(&ask).await?;
        let all = page.iter().all(|record| record.push == id);
        let Some(last) = page.last() else { break };
        after = Some((last.push, last.record.position));
        held.extend(page.into_iter().filter(|record| record.push == id));
        if !all {
            break;
        }
    }
    if held.is_empty() {
        return Ok(gone(HeldId::Push(id)));
    }
    again(node, id, held).await
}

/// Reads a parked push anew: the body is the same, config and program may be better by now.
async fn read_again(node: &Node, stored: StoredPush) -> Result<Done, OrderError> {
    let plan = node.plan();
    let source = source_of(&plan, &stored.source)?;
    let (path, query) = stored.path.split_once('?').unwrap_or((&stored.path, ""));
    let push = Push {
        method: if stored.method == "GET" { Method::Get } else { Method::Post },
        path: path.to_owned(),
        query: query.to_owned(),
        headers: stored.headers.clone().into_iter().collect(),
        body: stored.body.clone(),
        at: stored.arrived,
        peer: None,
    };
    let received = match read(node, source, &push) {
        Ok(received) => received,
        Err(refusal) => {
            let (code, detail) = match refusal {
                Refusal::Unreadable { code, detail } => (code.to_owned(), detail),
                Refusal::Answered { refusal, .. } => match *refusal {
                    Refusal::Unreadable { code, detail } => (code.to_owned(), detail),
                    other => ("LL3003".to_owned(), other.to_string()),
                },
                other => ("LL3003".to_owned(), other.to_string()),
            };
            let state = PushState::Parked { code: code.clone(), detail: detail.clone() };
            node.keeper.keep(KeptPush { state, ..again_form(&stored, &plan) }).await?;
            let refused = Refused { push: stored.id, position: 0, code, detail };
            return Ok(Done { refused: vec![refused], ..Done::default() });
        }
    };
    let asked = received.leads.len() + received.unreadable.len();
    let (fresh, quarantined) = ingress::prepare(node, &plan, source, push, received);
    let wanted = fresh.captures.len() + fresh.counted.len() + quarantined.len();
    let captures = fresh.captures.into_iter().map(|mut captured| {
        captured.push = Some(stored.id);
        captured
    });
    let kept = KeptPush {
        state: PushState::Read,
        duplicate_within: fresh.duplicate_within,
        captures: captures.collect(),
        countable: fresh.countable,
        counted: fresh.counted,
        quarantined: quarantined.clone(),
        ..again_form(&stored, &plan)
    };
    let answer = node.keeper.keep(kept).await?;
    Ok(Done {
        changed: u64::from(answer.kept),
        duplicates: answer.duplicates,
        erased: u64::from(answer.erased),
        refused: quarantined.into_iter().map(|record| refused(stored.id, record)).collect(),
        unwanted: u64::try_from(asked - wanted.min(asked)).unwrap_or(0),
        gone: Vec::new(),
        ..Done::default()
    })
}

fn read(node: &Node, source: &SourcePlan, push: &Push) -> Result<Received, Refusal> {
    if push.header("content-type") == Some(ROWS) {
        let leads = serde_json::from_slice(&push.body).map_err(|error| Refusal::Unreadable {
            code: "LL3107",
            detail: format!("the rows that were kept cannot be read: {error}"),
        })?;
        return Ok(Received { leads, ..Received::default() });
    }
    match node.registry.get(&source.connector) {
        Some(connector) => ingress::read(connector, source, push),
        None => Err(Refusal::NotAListener),
    }
}

async fn drop_held(node: &Node, ids: &[HeldId]) -> Result<Done, OrderError> {
    let mut done = Done::default();
    for id in ids {
        let dropped = match id {
            HeldId::Push(push) => node.store.drop_push(*push).await?,
            HeldId::Record(push, position) => node.store.drop_record(*push, *position).await?,
            HeldId::Capture(_) => false, // it was taken in: it can be retried, not dropped
        };
        if dropped {
            done.changed += 1;
        } else {
            done.gone.push(*id);
        }
    }
    Ok(done)
}
