//! A pool into a CRM, slice by slice (`leadloop backfill`): leads that fit a filter, newest first, are decided about in one
//! transaction with how far it got. What a lead comes to is for [`leadloop_sync_core::fill`]; records go out in the last lane.

use leadloop_config::plan::Plan;
use leadloop_mapping::expr::Expr;
use leadloop_store::Wanted;
use leadloop_store::read::pages::LeadAsk;
use leadloop_store::{Stamp, Store, StoreError, WriteLane};
use leadloop_sync_core::book::Needs;
use leadloop_sync_core::effect::Reaction;
use leadloop_sync_core::facts;
use leadloop_sync_core::fill::{self, Run, Tally};
use leadloop_sync_core::ids::{LeadId, LinkName};
use leadloop_sync_core::matching;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::orders::{Done, OrderError};
use crate::people::bounded;
use crate::react;

/// Leads of one slice: a commit of so many holds the writer for some milliseconds.
pub const SLICE: u32 = 100;
/// Records on their way at once where a node sends them: what is live finds a short outbox.
const UNDER_WAY: u64 = 1_000;

/// A slice of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Into which CRM.
    pub link: LinkName,
    /// Only leads for which this holds.
    pub filter: Option<String>,
    /// The name under which it can be taken back.
    pub run: String,
    /// Under this config, so that nothing is done by rules nobody looked at.
    pub config: String,
    /// Nobody sends meanwhile: all is ordered at once.
    pub at_once: bool,
}

/// What became of a slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// How far the run is.
    pub run: Run,
    /// Nothing was done: enough is on its way.
    pub waits: bool,
}

/// The run of a CRM that was ordered last: its name, and the filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// Its name.
    pub run: String,
    /// Its filter.
    pub filter: Option<String>,
}

fn last_key(link: &LinkName) -> String {
    format!("fill/{link}")
}

/// The run that was ordered last, and how far it is.
///
/// # Errors
/// Where the store cannot be read.
pub async fn last(store: &Store, link: &LinkName) -> Result<Option<(Last, Run)>, StoreError> {
    let kept = store.meta(&last_key(link)).await?;
    let Some(last) = kept.and_then(|kept| serde_json::from_str::<Last>(&kept).ok()) else { return Ok(None) };
    Ok(run(store, &last.run).await?.map(|run| (last, run)))
}

/// How far a run is.
///
/// # Errors
/// Where the store cannot be read.
pub async fn run(store: &Store, name: &str) -> Result<Option<Run>, StoreError> {
    let key = Run::key(name);
    Ok(Run::read(store.counters(std::slice::from_ref(&key)).await?.get(&key)))
}

/// Whether records can be told from those that are there: the CRM is the one that leads are handed over to, and its mirror
/// is whole and fresh.
///
/// # Errors
/// `LL4890`, `LL4891`.
pub async fn ready(store: &Store, plan: &Plan, link: &LinkName, now: Timestamp) -> Result<(), OrderError> {
    if plan.policy.handoff.link.as_ref() != Some(link) {
        let detail = format!("leads are not handed over to `{link}`: who stands there already is not known");
        return Err(OrderError::input("LL4891", detail));
    }
    let book = store.look(&Needs { fresh: [link.clone()].into(), ..Needs::default() }).await?;
    if matching::is_fresh(&book, &plan.policy, link, now) {
        return Ok(());
    }
    Err(OrderError::input(
        "LL4890",
        format!("the mirror of `{link}` is not whole, or not fresh: who stands there already is not known"),
    ))
}

/// The next leads behind `after` that fit.
async fn page(
    store: &Store,
    plan: &Plan,
    filter: Option<&Expr>,
    after: Option<LeadId>,
    now: Timestamp,
) -> Result<Vec<LeadId>, StoreError> {
    let ask = LeadAsk { after, limit: SLICE, ..LeadAsk::default() };
    let leads = match filter {
        None => store.leads(&ask).await?,
        Some(filter) => {
            store.leads_where(Wanted { ask: &ask, filter, policy: &plan.policy, now }).await?.leads
        }
    };
    Ok(leads.into_iter().map(|lead| lead.id).collect())
}

/// What would become of the next leads behind `after`, and the last of them; `None`: there are no more.
///
/// # Errors
/// Where the store cannot be read.
pub async fn look(
    store: &Store,
    plan: &Plan,
    (link, filter): (&LinkName, Option<&Expr>),
    after: Option<LeadId>,
    moment: &mut Moment,
) -> Result<Option<(Tally, LeadId)>, StoreError> {
    let leads = page(store, plan, filter, after, moment.now).await?;
    let Some(last) = leads.last().copied() else { return Ok(None) };
    let policy = &plan.policy;
    let mut book = store.look(&fill::needs(&leads, link, None)).await?;
    let more = fill::needs_more(&book, &leads, policy);
    store.look_more(&mut book, &more).await?;
    let owners = fill::needs_owners(&book, &leads, link, policy, moment.now);
    store.look_more(&mut book, &owners).await?;
    Ok(Some((fill::look(&book, &leads, link, policy, moment), last)))
}

/// Decides about the next slice; durable when it returns.
///
/// # Errors
/// See [`OrderError`].
pub async fn carry_out(node: &Node, order: Order) -> Result<Done, OrderError> {
    let plan = node.plan();
    if order.config != plan.hash {
        let detail =
            "another config is in force than the one that was read: start `leadloop run` with it first";
        return Err(OrderError::input("LL4521", detail));
    }
    let name = bounded(order.run, 80);
    let now = node.clock.now();
    let filter = order.filter.as_deref().map(|text| read(&plan, text)).transpose()?;
    let known = match run(&node.store, &name).await? {
        Some(known) => known,
        None => {
            let last = Last { run: name.clone(), filter: order.filter.clone() };
            let kept = serde_json::to_string(&last).unwrap_or_default();
            node.store.put_meta(&last_key(&order.link), &kept).await?;
            Run::begin(now)
        }
    };
    if known.decided || (!order.at_once && known.under_way() >= UNDER_WAY) {
        let waits = !known.decided;
        return Ok(Done { fill: Some(Slice { run: known, waits }), ..Done::default() });
    }
    ready(&node.store, &plan, &order.link, now).await?;
    let leads = page(&node.store, &plan, filter.as_ref(), known.after, now).await?;
    decide(node, &plan, (&order.link, &name), &leads).await?;
    let run = run(&node.store, &name).await?.unwrap_or(known);
    Ok(Done { changed: leads.len() as u64, fill: Some(Slice { run, waits: false }), ..Done::default() })
}

fn read(plan: &Plan, text: &str) -> Result<Expr, OrderError> {
    let unread = |_| OrderError::input("LL4401", format!("the condition `{text}` cannot be used"));
    Expr::filter(text, &facts::filter_schema(&plan.policy)).map_err(unread)
}

/// One transaction: the leads are held, their rows loaded, and what each comes to is written with the run's count.
async fn decide(
    node: &Node,
    plan: &Plan,
    (link, name): (&LinkName, &str),
    leads: &[LeadId],
) -> Result<(), StoreError> {
    let policy = &plan.policy;
    let mut tx = node.store.begin(WriteLane::Background).await?;
    let needs = fill::needs(leads, link, Some(name));
    tx.hold_leads(&needs).await?;
    tx.take_turns(&react::turns(&needs)).await?;
    let mut book = tx.load(&needs).await?;
    let more = fill::needs_more(&book, leads, policy);
    tx.take_turns(&react::turns(&more)).await?;
    tx.load_more(&mut book, &more).await?;
    let mut moment = node.clock.moment();
    let owners = fill::needs_owners(&book, leads, link, policy, moment.now);
    tx.load_more(&mut book, &owners).await?;
    let mut reactions = Vec::with_capacity(leads.len());
    for id in leads {
        let reaction = fill::react(&book, *id, (link, name), policy, &mut moment);
        book.apply(&reaction);
        reactions.push(reaction);
    }
    if leads.len() < usize::try_from(SLICE).unwrap_or(usize::MAX) {
        let mut run = Run::read(book.counters.get(&Run::key(name))).unwrap_or_else(|| Run::begin(moment.now));
        run.decided = true;
        reactions.push(Reaction { effects: vec![run.effect(name)], ..Reaction::default() });
    }
    let stamp = Stamp { verb: "fill", config: plan.hash.clone(), now: moment.now };
    tx.commit(&stamp, &reactions).await.map(drop)
}
