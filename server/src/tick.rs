//! Time passes: deadlines, claims that ran out, hints that hurry a poll.

use std::collections::BTreeSet;
use std::sync::Arc;

use leadloop_store::{Stamp, StoreError, Topic, WriteLane};
use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::deleted::ERASE;
use leadloop_sync_core::effect::{Deadline, Effect, Reaction};
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::Outcome;
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::tick;
use leadloop_sync_core::time::{Micros, Timestamp};
use tokio::sync::mpsc;

use crate::deliver::settle_all;
use crate::node::Node;
use crate::notices;
use crate::react::{self, Verb};
use crate::stepped::Stepped;
use crate::{bounds, deleted, metrics};

/// Deadlines lead to what follows.
pub struct Tick;

impl Verb for Tick {
    type Input = Deadline;
    const NAME: &'static str = "tick";

    fn needs(inputs: &[Deadline], policy: &Policy) -> Needs {
        tick::needs(inputs, policy)
    }
    fn more(book: &Book, inputs: &[Deadline], policy: &Policy) -> Needs {
        tick::needs_more(book, inputs, policy)
    }
    fn react(book: &Book, input: &Deadline, policy: &Policy, moment: &mut Moment) -> Reaction {
        tick::tick(book, input, policy, moment)
    }
    fn park(input: &Deadline, code: &str, detail: &str, moment: &mut Moment) -> Reaction {
        let alarm = leadloop_sync_core::effect::Alarm {
            key: format!("deadline/{}", input.key),
            code: code.to_owned(),
            detail: format!("deadline `{}` of {}: {detail}", input.kind, input.lead),
            raised: true,
            at: moment.now,
        };
        let mut reaction = Reaction {
            effects: vec![Effect::ClearDeadline(input.key.clone()), Effect::Alarm(alarm)],
            ..Reaction::default()
        };
        reaction.because.lead = Some(input.lead);
        reaction
    }
}

/// Works until the node stops.
pub async fn run(node: Arc<Node>, mut heard: mpsc::Receiver<(LinkName, String)>) {
    let mut wake = node.store.wakes().on(Topic::Deadlines);
    let mut reclaimed = None;
    let mut told = notices::Told::default();
    let mut look_at = node.clock.now();
    let mut stepped = Stepped::new(node.clock.now());
    while !node.stop.is_cancelled() {
        stepped.look(&node).await;
        let now = node.clock.now();
        // A clock that was set back must not keep it from being done.
        if (look_at <= now || look_at > now + bounds::NOTICES_EVERY) && node.may_decide() {
            look_at = now + bounds::NOTICES_EVERY;
            if let Err(error) = notices::look(&node, &mut told).await {
                tracing::warn!(%error, "notices wait for the store");
            }
        }
        let round = async {
            if node.may_decide() {
                round(&node, &mut heard, &mut reclaimed, &mut stepped).await
            } else {
                Ok(node.clock.now() + bounds::LOOK_EVERY)
            }
        };
        let next = match round.await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "deadlines wait for the store");
                node.clock.now() + bounds::AFTER_FAILURE
            }
        };
        // The clock may have been set back since these were reckoned: it must not sleep for as long.
        let at = next.min(look_at).min(node.clock.now() + bounds::NOTICES_EVERY);
        tokio::select! {
            biased;
            () = node.clock.sleep_until(at) => {}
            () = wake.wait() => {}
            hint = heard.recv() => if let Some(hint) = hint { hurry(&node, BTreeSet::from([hint])).await },
            () = node.stop.cancelled() => {}
        }
    }
}

/// Works off what is due and says when to look again. Claims that ran out are looked for once in a while, not whenever a
/// deadline was set: `reclaimed` is when that was last done.
///
/// # Errors
/// When the store cannot be reached.
async fn round(
    node: &Node,
    heard: &mut mpsc::Receiver<(LinkName, String)>,
    reclaimed: &mut Option<Timestamp>,
    stepped: &mut Stepped,
) -> Result<Timestamp, StoreError> {
    let mut hints = BTreeSet::new();
    while let Ok(hint) = heard.try_recv() {
        hints.insert(hint);
    }
    hurry(node, hints).await;
    let begun = node.clock.now();
    // A clock that was set back must not keep it from being done, and one that was put forward ends no claim.
    if stepped.may_reclaim(begun)
        && reclaimed.is_none_or(|at| begun < at || begun >= at + bounds::RECLAIM_EVERY)
    {
        reclaim(node, begun).await?;
        *reclaimed = Some(begun);
    }
    due(node).await
}

/// Works off the deadlines that are due and says when to look again.
///
/// # Errors
/// When the store cannot be reached.
pub async fn due(node: &Node) -> Result<Timestamp, StoreError> {
    let mut stale = 0;
    let mut limit = bounds::TICK_BATCH;
    loop {
        let now = node.clock.now();
        // Asked without the writer: most wake-ups are for deadlines that come much later.
        let next = node.store.next_deadline().await?;
        if next.is_none_or(|at| at > now) {
            return Ok(next.map_or(now + bounds::LOOK_EVERY, |at| at.clamp(now, now + bounds::LOOK_EVERY)));
        }
        let plan = node.plan();
        let mut tx = node.store.begin(WriteLane::Hot).await?;
        let due = tx.due_deadlines(now, limit).await?;
        if due.is_empty() {
            return Ok(now + bounds::RECLAIM_EVERY); // another node has what is due
        }
        if let Some(one) = due.iter().find(|deadline| deadline.kind == ERASE) {
            tx.undo().await?;
            deleted::forget(node, one).await?;
            continue;
        }
        match react::react::<Tick>(tx, &due, &plan, node).await {
            Ok(_) => {
                stale = 0;
                metrics::decided(Tick::NAME, due.len());
            }
            Err(StoreError::Stale { .. }) if stale < bounds::STALE_ROUNDS => stale += 1,
            // Under another config than the one in force nothing is decided here.
            Err(StoreError::Stale { .. }) if !node.may_decide() => return Ok(now + bounds::LOOK_EVERY),
            Err(StoreError::Stale { .. }) if limit > 1 => limit = 1,
            Err(error) if error.blames_a_reaction() && due.len() > 1 => limit = 1,
            Err(error) if error.blames_a_reaction() => {
                let tx = node.store.begin(WriteLane::Hot).await?;
                if let Some(deadline) = due.first() {
                    react::park::<Tick>(tx, deadline, &error.to_string(), &plan, node).await?;
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Deliveries whose node died under way: what became of them is unknown.
///
/// # Errors
/// When the store cannot be reached.
pub async fn reclaim(node: &Node, before: Timestamp) -> Result<(), StoreError> {
    reclaim_of(node, None, before).await
}

/// The same for one link, whose claims up to `before` are a former holder's.
///
/// # Errors
/// When the store cannot be reached.
pub async fn reclaim_link(node: &Node, link: &LinkName, before: Timestamp) -> Result<(), StoreError> {
    // Nobody claims for longer than twice as long; it was a clock that was ahead, and was set back since.
    let beyond = node.clock.now() + Micros(3 * bounds::CLAIM_FOR.0);
    node.store.end_claims_beyond(link, beyond, before + Micros(-1)).await?;
    reclaim_of(node, Some(link), before).await
}

async fn reclaim_of(node: &Node, link: Option<&LinkName>, before: Timestamp) -> Result<(), StoreError> {
    loop {
        // Later than `before`, or what is being settled here would be found again.
        let until =
            node.clock.now().max(before.min(node.clock.now() + bounds::CLAIM_FOR)) + bounds::CLAIM_FOR;
        let expired = node.store.expired_claims(link, before, until, bounds::CLAIM_BATCH).await?;
        if expired.is_empty() {
            return Ok(());
        }
        let lost = Outcome::Unavailable {
            sent: true,
            detail: "the node that sent it stopped before the answer".to_owned(),
        };
        let ended: Vec<_> = expired.into_iter().map(|delivery| (delivery, lost.clone())).collect();
        settle_all(node, ended.into()).await;
    }
}

async fn hurry(node: &Node, hints: BTreeSet<(LinkName, String)>) {
    if hints.is_empty() {
        return;
    }
    let now = node.clock.now();
    let effects = hints
        .into_iter()
        .map(|(link, object)| Effect::Hurry { link, object: Some(object), due_at: now })
        .collect();
    let hurried = async {
        let tx = node.store.begin(WriteLane::Hot).await?;
        let stamp = Stamp { verb: "hint", config: node.plan().hash.clone(), now };
        tx.commit(&stamp, &[Reaction { effects, ..Reaction::default() }]).await
    };
    if let Err(error) = hurried.await {
        tracing::debug!(%error, "a hint was lost; the poll runs by itself");
    }
}
