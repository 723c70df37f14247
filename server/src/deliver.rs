//! Outbox → systems: claim → converse → settle, one loop per link. Order within a stream is the claim's business; what an
//! outcome leads to is the core's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadloop_connector_api::manifest::{Limit, SystemKind};
use leadloop_store::{ClaimAsk, Spoken, StoreError, Topic, Wake, WriteLane};
use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::effect::{AttemptNote, Effect, Reaction};
use leadloop_sync_core::ids::{DeliveryId, LinkName};
use leadloop_sync_core::join;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Lane, Operation, Outcome, to_send};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::settle;
use leadloop_sync_core::time::Timestamp;
use tokio::task::JoinSet;

use crate::bundle::{Bundle, bundled};
use crate::converse::{Line, Talked};
use crate::gates::LinkGates;
use crate::leases::{self, Fenced};
use crate::node::{Driven, Node};
use crate::react::{self, Verb};
use crate::{bounds, metrics, spared, transcript};

/// A delivery and how it came out.
pub type Ended = (Delivery, Outcome);

/// What came home from the systems together.
#[derive(Default)]
pub struct Flight {
    /// Deliveries and how they came out.
    pub ended: Vec<Ended>,
    /// What was said meanwhile, as far as it is kept.
    pub spoken: Vec<Arc<Spoken>>,
}

impl Flight {
    fn extend(&mut self, other: Self) {
        self.ended.extend(other.ended);
        self.spoken.extend(other.spoken);
    }
}

impl From<Vec<Ended>> for Flight {
    fn from(ended: Vec<Ended>) -> Self {
        Self { ended, spoken: Vec::new() }
    }
}

/// Deliveries that came to an end lead to what follows.
pub struct Settle;

impl Verb for Settle {
    type Input = Ended;
    const NAME: &'static str = "settle";

    fn needs(inputs: &[Ended], policy: &Policy) -> Needs {
        settle::needs(inputs, policy)
    }
    fn more(book: &Book, inputs: &[Ended], policy: &Policy) -> Needs {
        settle::needs_more(book, inputs, policy)
    }
    fn react(book: &Book, (delivery, outcome): &Ended, policy: &Policy, moment: &mut Moment) -> Reaction {
        settle::settle(book, delivery, outcome, policy, moment)
    }
    fn park((delivery, _): &Ended, code: &str, detail: &str, moment: &mut Moment) -> Reaction {
        let park = Effect::MoveDelivery {
            id: delivery.id,
            attempt: delivery.attempt,
            to: DeliveryState::Parked { code: code.to_owned(), detail: detail.to_owned() },
            due_at: moment.now,
            probe: delivery.probe,
            operation: None,
            reset: false,
            note: AttemptNote { at: moment.now, class: "failed".to_owned(), detail: detail.to_owned() },
        };
        let mut reaction = Reaction { effects: vec![park], ..Reaction::default() };
        reaction.because.delivery = Some(delivery.id);
        reaction
    }
}

/// What may be said while a restored store waits: nothing that changes anything.
const READS: [&str; 4] = ["check", "describe", "find", "changes"];

/// Drives one link until the node stops or the config has it no more; what is under way is awaited.
pub async fn run(node: Arc<Node>, name: LinkName) {
    let mut wake = node.store.wakes().on(Topic::Outbox(name.clone()));
    let mut flights: JoinSet<Flight> = JoinSet::new();
    let mut gates = LinkGates::new(name.clone());
    let mut former: Option<Arc<Driven>> = None;
    loop {
        let mut home = Flight::default();
        while home.ended.len() < bounds::SETTLE_BATCH
            && let Some(flight) = flights.try_join_next()
        {
            let flight = flight.unwrap_or_default();
            gates.hear(&node, &flight.ended).await;
            home.extend(flight);
        }
        settle_all(&node, home).await;
        gates.look(&node).await;
        // Asked for anew each time: a reload may have brought other limits or credentials, or taken the link out.
        let driven = node.line(&name).filter(|_| !node.stop.is_cancelled());
        let Some(driven) = driven else {
            if flights.is_empty() {
                return;
            }
            rest(&node, &name, &mut gates, &mut wake, &mut flights, true).await;
            continue;
        };
        if former.as_ref().is_some_and(|former| !Arc::ptr_eq(former, &driven)) {
            // What shut it may be what was mended.
            gates.open_all(&node).await;
        }
        gates.mind_the_clock(&node).await;
        former = Some(Arc::clone(&driven));
        if !node.leases.holds(&name, node.clock.now()) {
            // Whoever drives it now keeps its gates too: they are read anew when it comes back.
            gates = LinkGates::new(name.clone());
            rest(&node, &name, &mut gates, &mut wake, &mut flights, false).await;
            continue;
        }
        let mut launched = 0;
        let concurrent = usize::try_from(driven.concurrent.max(1)).unwrap_or(1);
        if node.is_current() && flights.len() < concurrent {
            launched = launch(&node, &gates, &driven, &mut flights).await;
        }
        if launched == 0 {
            rest(&node, &name, &mut gates, &mut wake, &mut flights, false).await;
        }
    }
}

/// Waits for an answer, new work, the next due time, a gate that may be tried, or the end.
async fn rest(
    node: &Arc<Node>,
    name: &LinkName,
    gates: &mut LinkGates,
    wake: &mut Wake,
    flights: &mut JoinSet<Flight>,
    stopping: bool,
) {
    let now = node.clock.now();
    let look = now + bounds::LOOK_EVERY;
    // What is due behind a shut gate is looked for in vain: then not at once again.
    let soonest = if gates.any_shut() { now + bounds::LOOK_AGAIN } else { now };
    let due = match node.store.next_due(std::slice::from_ref(name)).await {
        // What is due and may not be sent now must not be looked at again and again.
        Ok(due) if flights.is_empty() && node.may_decide() && node.leases.holds(name, now) => {
            let next = due.get(name).copied().into_iter().chain(gates.next(now)).min();
            next.map_or(look, |at| at.clamp(soonest, look))
        }
        _ => look,
    };
    // The clock may have been set back since: it must not sleep for as long.
    let due = due.min(node.clock.now() + bounds::LOOK_EVERY);
    let mut home = Flight::default();
    tokio::select! {
        biased; // the same work in the same order whenever it is played again
        Some(flight) = flights.join_next(), if !flights.is_empty() => home = flight.unwrap_or_default(),
        () = wake.wait(), if !stopping => {}
        () = node.clock.sleep_until(due), if !stopping => {}
        () = node.stop.cancelled(), if !stopping => {}
        else => {} // stopping, and nothing is under way any more
    }
    gates.hear(node, &home.ended).await;
    settle_all(node, home).await;
}

/// Claims what is due and may be sent, and sends it off: how many exchanges were begun.
async fn launch(
    node: &Arc<Node>,
    gates: &LinkGates,
    driven: &Driven,
    flights: &mut JoinSet<Flight>,
) -> usize {
    let now = node.clock.now();
    let until = now + bounds::CLAIM_FOR;
    let mut claimed = Vec::new();
    let limits = &driven.line.limits;
    let mut asks = gates.asks(claim_size(&driven.limits), now, until, flights.is_empty());
    for ask in &mut asks {
        ask.holder = node.leases.claims_as(&node.id);
        if limits.only_hot(now) {
            ask.lanes = vec![Lane::Hot];
        }
    }
    let upto = asks.iter().map(|ask| ask.upto).min().unwrap_or(i64::MAX);
    let concurrent = usize::try_from(driven.concurrent.max(1)).unwrap_or(1);
    let asks = if node.is_paused() { while_paused(node, &driven.line.link.name, asks) } else { asks };
    for ask in asks {
        match claim(node, driven, ask, concurrent.saturating_sub(flights.len())).await {
            Ok(some) => claimed.extend(some),
            Err(error) => {
                tracing::warn!(link = %driven.line.link.name, %error, "claiming waits for the store");
                node.trouble.note(&error, 0, node.clock.now());
                tokio::time::sleep(bounds::AFTER_FAILURE.to_std()).await;
                break;
            }
        }
    }
    let line = &driven.line;
    if limits.counts()
        && !claimed.is_empty()
        && let Err(error) = leases::note(node, &line.link.name, claimed.len()).await
    {
        // The claims stand: sent they must be, or be asked about later for nothing.
        node.trouble.note(&error, 0, node.clock.now());
        tracing::warn!(link = %line.link.name, %error, "a successor will not know of these requests");
    }
    let (claimed, spared) = spared::part(node, claimed).await;
    settle_all(node, Flight::from(spared)).await;
    let mut behind = waiting_behind(node, &claimed, upto).await;
    let manifest = line.connector.manifest();
    let mut groups: BTreeMap<(&'static str, String), Vec<(Delivery, Operation)>> = BTreeMap::new();
    for delivery in claimed {
        let operation = to_send(&delivery);
        groups
            .entry((operation.kind(), operation.object().to_owned()))
            .or_default()
            .push((delivery, operation));
    }
    let mut launched = 0;
    for ((kind, _), group) in groups {
        let size = usize::try_from(manifest.batch_of(kind)).unwrap_or(1);
        let mut group = bundled(group, &mut behind).into_iter().peekable();
        while group.peek().is_some() {
            let batch: Vec<_> = group.by_ref().take(size).collect();
            let (node, line) = (Arc::clone(node), Arc::clone(line));
            flights.spawn(async move { fly(&node, &line, kind, batch, until).await });
            launched += 1;
        }
    }
    launched
}

/// What is live first. What can wait is claimed in the measure of what can be said at once, and leaves one exchange free: so
/// whoever comes live waits for one answer, and not for all that was claimed before.
async fn claim(
    node: &Node,
    driven: &Driven,
    ask: ClaimAsk,
    free: usize,
) -> Result<Vec<Delivery>, StoreError> {
    if !ask.lanes.is_empty() {
        return node.store.claim(&ask).await;
    }
    let live = ClaimAsk { lanes: vec![Lane::Hot, Lane::Normal], ..ask.clone() };
    let mut claimed = node.store.claim(&live).await?;
    let kept = usize::from(driven.concurrent > 1);
    let free = u32::try_from(free.saturating_sub(kept)).unwrap_or(u32::MAX);
    let room = ask.limit.saturating_sub(u32::try_from(claimed.len()).unwrap_or(u32::MAX)).min(free);
    if room == 0 || (ask.limit > 1 && claimed.len() >= driven.concurrent as usize) {
        return Ok(claimed);
    }
    let rest = ClaimAsk { lanes: vec![Lane::Backfill], limit: room, ..ask.clone() };
    let first = what_waits(node, &rest).await;
    // What goes in batches fills them.
    let manifest = driven.line.connector.manifest();
    let kinds: BTreeSet<&'static str> = first.iter().map(|delivery| to_send(delivery).kind()).collect();
    let full = first.len() == usize::try_from(room).unwrap_or(usize::MAX);
    claimed.extend(first);
    for kind in kinds.into_iter().filter(|kind| full && manifest.batch_of(kind) > 1) {
        let limit = manifest.batch_of(kind).saturating_mul(free).min(ask.limit).saturating_sub(room);
        let more = ClaimAsk { kinds: vec![kind.to_owned()], limit, ..rest.clone() };
        if limit > 0 {
            claimed.extend(what_waits(node, &more).await);
        }
    }
    Ok(claimed)
}

/// Nothing where the store does not answer: what was claimed before must be sent all the same.
async fn what_waits(node: &Node, ask: &ClaimAsk) -> Vec<Delivery> {
    node.store.claim(ask).await.unwrap_or_else(|error| {
        node.trouble.note(&error, 0, node.clock.now());
        tracing::warn!(link = %ask.link, %error, "what can wait is claimed later");
        Vec::new()
    })
}

/// What waits behind those that may be said together with others. Where that cannot be read, each is said by itself.
async fn waiting_behind(node: &Node, claimed: &[Delivery], upto: i64) -> BTreeMap<DeliveryId, Vec<Delivery>> {
    let open: Vec<&Delivery> = claimed.iter().filter(|delivery| join::is_open(delivery)).collect();
    node.store.behind(&open, upto, bounds::BEHIND).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "updates are said one by one");
        BTreeMap::new()
    })
}

/// The same claims without anything that changes something, or that is paid for: what a registry was asked since the backup
/// is not known.
fn while_paused(node: &Node, link: &LinkName, asks: Vec<ClaimAsk>) -> Vec<ClaimAsk> {
    let plan = node.plan();
    let paid = plan.links.iter().any(|one| one.name == *link && one.kind == SystemKind::Enrich);
    if paid { vec![] } else { reads_only(asks) }
}

/// The same claims without anything that changes something.
fn reads_only(asks: Vec<ClaimAsk>) -> Vec<ClaimAsk> {
    let reads = |ask: ClaimAsk| {
        let wanted = |kind: &&str| ask.kinds.is_empty() || ask.kinds.iter().any(|asked| asked == kind);
        let kinds: Vec<String> = READS.iter().copied().filter(wanted).map(str::to_owned).collect();
        (!kinds.is_empty()).then(|| ClaimAsk { kinds, ..ask.clone() })
    };
    asks.into_iter().filter_map(reads).collect()
}

/// One exchange, and where the system refuses a whole batch for the sake of one record, further ones with ever smaller
/// parts of it: what is good goes through, what is refused is refused alone.
async fn fly(node: &Node, line: &Line, kind: &'static str, batch: Vec<Bundle>, until: Timestamp) -> Flight {
    let mut parts = vec![batch];
    let mut flight = Flight::default();
    let keep = node.plan().conversations.keep;
    while let Some(mut batch) = parts.pop() {
        let operations: Vec<Operation> = batch.iter().map(|bundle| bundle.operation(node)).collect();
        let begun = node.clock.now();
        let wire = Fenced::new(node, &line.link.name);
        let Talked { outcomes, whole, exchanged } =
            line.converse(&operations, until, &wire, node.clock.as_ref()).await;
        metrics::exchanged(line.link.name.as_str(), kind, (node.clock.now() - begun).to_std(), &outcomes);
        if whole && refused_as_one(&outcomes) {
            let second = batch.split_off(batch.len() / 2);
            parts.extend([second, batch]);
            continue;
        }
        if !exchanged.is_empty() && transcript::is_kept(keep, kind, &outcomes) {
            let all = || batch.iter().flat_map(Bundle::deliveries);
            let of = all().map(|delivery| (delivery.id, delivery.attempt)).collect();
            let loose = all().any(|delivery| delivery.lead.is_none());
            let id = node.clock.moment().id();
            let conversation = transcript::write_down(&line.link, &exchanged, id, of, loose);
            flight.spoken.push(Arc::new(Spoken::new(conversation)));
        }
        let mut again = Vec::new();
        for (mut bundle, outcome) in batch.into_iter().zip(outcomes) {
            if bundle.parted(&outcome) {
                again.push(bundle);
            } else {
                flight.ended.extend(bundle.ended(outcome));
            }
        }
        parts.extend((!again.is_empty()).then_some(again));
    }
    flight
}

/// Whether one refusal stands for several records: nobody knows yet which of them it is about.
fn refused_as_one(outcomes: &[Outcome]) -> bool {
    let whole = |outcome: &Outcome| matches!(outcome, Outcome::Rejected { .. } | Outcome::Gone { .. });
    match outcomes {
        [first, rest @ ..] if !rest.is_empty() && whole(first) => rest.iter().all(|other| other == first),
        _ => false,
    }
}

/// As many as the tightest window lets through in two seconds, so that what is hot can still overtake.
fn claim_size(limits: &[Limit]) -> u32 {
    limits
        .iter()
        .map(|window| (u64::from(window.requests) * 2 / u64::from(window.per_secs.max(1))).max(1))
        .min()
        .and_then(|most| u32::try_from(most).ok())
        .unwrap_or(bounds::CLAIM_BATCH)
        .min(bounds::CLAIM_BATCH)
}

/// Settles until the store took it: an outcome must not be forgotten while this node lives.
pub async fn settle_all(node: &Node, Flight { ended, spoken }: Flight) {
    let mut queue: Vec<Vec<Ended>> = vec![ended];
    let mut stale = 0;
    while let Some(batch) = queue.pop() {
        if batch.is_empty() {
            continue;
        }
        match settle_once(node, &batch, &spoken).await {
            Ok(left_out) if left_out.is_empty() => stale = 0,
            // What shares a row with somebody else's change is settled anew; a settlement that stays stale belongs to
            // a delivery that another node took over after its claim had run out.
            Ok(left_out) if stale < bounds::STALE_ROUNDS => {
                stale += 1;
                queue.push(only(batch, &left_out));
            }
            Ok(left_out) => {
                stale = 0;
                for (delivery, _) in only(batch, &left_out) {
                    tracing::warn!(delivery = %delivery.id, "its claim was taken over; the new claim settles it");
                }
            }
            // Another config is in force and this node does not have it: whoever has it asks what became of these.
            Err(StoreError::Stale { .. }) if !node.is_current() => {
                tracing::warn!(count = batch.len(), "settled by nobody here: another config is in force");
            }
            Err(StoreError::Stale { .. }) => {
                stale += 1;
                tokio::time::sleep(bounds::AFTER_STALE.to_std()).await;
                queue.push(batch);
            }
            Err(error) if error.blames_a_reaction() && batch.len() > 1 => {
                let mut first = batch;
                let second = first.split_off(first.len() / 2);
                queue.push(second);
                queue.push(first);
            }
            Err(error) if error.blames_a_reaction() => {
                park_one(node, &batch, &spoken, &error.to_string()).await
            }
            Err(error) => {
                tracing::warn!(%error, "settling waits for the store");
                node.trouble.note(&error, 0, node.clock.now());
                tokio::time::sleep(bounds::AFTER_FAILURE.to_std()).await;
                queue.push(batch);
            }
        }
    }
}

/// Places of those that were stale.
async fn settle_once(
    node: &Node,
    batch: &[Ended],
    spoken: &[Arc<Spoken>],
) -> Result<BTreeSet<usize>, StoreError> {
    // Taken back by a power cut, the claim is still there: what became of the delivery is asked, as after any other crash
    // between an answer and its settlement.
    let lane = lane_of(batch);
    let tx = node.store.begin(lane).await?.soon().spoken(spoken.to_vec());
    react::react::<Settle>(tx, batch, &node.plan(), node).await.map(|committed| committed.stale)
}

/// Pages of a first reading and the like leave the writer to what is live.
fn lane_of(batch: &[Ended]) -> WriteLane {
    let waits = batch.iter().all(|(delivery, _)| delivery.lane == Lane::Backfill);
    if waits { WriteLane::Background } else { WriteLane::Hot }
}

fn only(batch: Vec<Ended>, places: &BTreeSet<usize>) -> Vec<Ended> {
    batch
        .into_iter()
        .enumerate()
        .filter(|(place, _)| places.contains(place))
        .map(|(_, ended)| ended)
        .collect()
}

async fn park_one(node: &Node, batch: &[Ended], spoken: &[Arc<Spoken>], detail: &str) {
    let Some(input) = batch.first() else { return };
    let parked = async {
        let tx = node.store.begin(WriteLane::Hot).await?.spoken(spoken.to_vec());
        react::park::<Settle>(tx, input, detail, &node.plan(), node).await
    };
    if let Err(error) = parked.await {
        // The claim runs out by itself and the delivery is probed: nothing is lost.
        tracing::error!(delivery = ?input.0.id, %error, "a delivery could not be parked");
    }
}
