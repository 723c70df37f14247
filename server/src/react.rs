//! Load what a batch touches → ask the core → commit, in one transaction; stale is tried anew, one bad apple is found by
//! halving and parked. The same for captures, outcomes and deadlines.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use leadloop_config::plan::Plan;
use leadloop_store::{Committed, Stamp, StoreError, Tx};

use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::effect::Reaction;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::routing;
use tokio::sync::mpsc;

use crate::bounds;
use crate::node::Node;

/// A batch whose memory takes longer to give back than it takes to ask another thread for it.
const LARGE: usize = 32;

/// One of the core's verbs, for a kind of input.
pub trait Verb: Sync {
    /// What it reacts to.
    type Input: Sync;
    /// What it is called where its reasons are kept.
    const NAME: &'static str;
    /// What must be known first.
    fn needs(inputs: &[Self::Input], policy: &Policy) -> Needs;
    /// What must be known then.
    fn more(book: &Book, inputs: &[Self::Input], policy: &Policy) -> Needs;
    /// The reaction.
    fn react(book: &Book, input: &Self::Input, policy: &Policy, moment: &mut Moment) -> Reaction;
    /// The reaction when the verb itself failed: the input is parked with the code, nothing else changes.
    fn park(input: &Self::Input, code: &str, detail: &str, moment: &mut Moment) -> Reaction;
}

/// Runs a verb over a batch in one transaction, which the caller opened and may have read in; commits it. What was stale
/// is named in the answer and is still due.
///
/// # Errors
/// As the store's; nothing was written then.
pub async fn react<V: Verb>(
    tx: Tx,
    inputs: &[V::Input],
    plan: &Plan,
    node: &Node,
) -> Result<Committed, StoreError> {
    let (tx, stamp, decided) = decide::<V>(tx, inputs, plan, node).await?;
    let committed = tx.commit(&stamp, &decided.reactions).await;
    decided.let_go();
    committed
}

/// The same, all but the end: what the verb wants done is written, and undone.
///
/// # Errors
/// As [`react`].
pub async fn rehearse<V: Verb>(
    tx: Tx,
    inputs: &[V::Input],
    plan: &Plan,
    node: &Node,
) -> Result<Vec<Reaction>, StoreError> {
    let (tx, stamp, decided) = decide::<V>(tx, inputs, plan, node).await?;
    tx.rehearse(&stamp, &decided.reactions).await?;
    Ok(decided.reactions)
}

/// Runs a verb over a large batch in one transaction: while a part of what it wants is written, the next is decided. Gives
/// the inputs back.
///
/// # Errors
/// As [`react`], and stale where anything of it is; nothing was written then.
pub async fn react_in_parts<V>(
    mut tx: Tx,
    inputs: Vec<V::Input>,
    plan: &Plan,
    node: &Node,
) -> Result<Vec<V::Input>, StoreError>
where
    V: Verb + 'static,
    V::Input: Send + 'static,
{
    let mut book = load::<V>(&mut tx, &inputs, &plan.policy).await?;
    let mut moment = node.clock.moment();
    let stamp = stamp::<V>(plan, &moment);
    let (give, mut given) = mpsc::channel(1);
    let policy = Arc::clone(&plan.policy);
    let deciding = tokio::task::spawn_blocking(move || {
        for part in inputs.chunks(bounds::ABSORB_BATCH as usize) {
            let reactions = decided::<V>(&mut book, part, &policy, &mut moment);
            // Nobody takes it where a part before could not be written.
            if give.blocking_send(reactions).is_err() {
                break;
            }
        }
        (book, inputs)
    });
    let mut reactions = Vec::new();
    while let Some(part) = given.recv().await {
        tx.write(&stamp, &part).await?;
        reactions.extend(part);
    }
    let (book, inputs) = match deciding.await {
        Ok(both) => both,
        Err(failed) => resume_unwind(failed.into_panic()),
    };
    tx.finish().await?;
    Decided { book, reactions }.let_go();
    Ok(inputs)
}

/// Reactions, and what they were decided by.
struct Decided {
    book: Book,
    reactions: Vec<Reaction>,
}

impl Decided {
    /// Gives the memory of a large batch back on another thread: the next batch need not wait for it.
    fn let_go(self) {
        let Self { book, reactions } = self;
        if reactions.len() >= LARGE {
            tokio::task::spawn_blocking(move || drop((book, reactions)));
        }
    }
}

/// What a verb wants done about a batch; the transaction holds all it was decided by.
async fn decide<V: Verb>(
    mut tx: Tx,
    inputs: &[V::Input],
    plan: &Plan,
    node: &Node,
) -> Result<(Tx, Stamp, Decided), StoreError> {
    let mut book = load::<V>(&mut tx, inputs, &plan.policy).await?;
    let mut moment = node.clock.moment();
    let reactions = decided::<V>(&mut book, inputs, &plan.policy, &mut moment);
    Ok((tx, stamp::<V>(plan, &moment), Decided { book, reactions }))
}

/// All that a batch is decided by.
async fn load<V: Verb>(tx: &mut Tx, inputs: &[V::Input], policy: &Policy) -> Result<Book, StoreError> {
    let needs = V::needs(inputs, policy);
    tx.hold_leads(&needs).await?;
    tx.take_turns(&turns(&needs)).await?;
    let mut book = tx.load(&needs).await?;
    let more = V::more(&book, inputs, policy);
    tx.take_turns(&turns(&more)).await?;
    tx.load_more(&mut book, &more).await?;
    Ok(book)
}

fn decided<V: Verb>(
    book: &mut Book,
    inputs: &[V::Input],
    policy: &Policy,
    moment: &mut Moment,
) -> Vec<Reaction> {
    let mut reactions = Vec::with_capacity(inputs.len());
    for input in inputs {
        let reaction = catch_unwind(AssertUnwindSafe(|| V::react(book, input, policy, moment)))
            .unwrap_or_else(|_| {
                tracing::error!(verb = V::NAME, "the core failed on one input; it is parked");
                V::park(
                    input,
                    "LL4000",
                    "processing it failed inside leadloop; retry it after an update",
                    moment,
                )
            });
        book.apply(&reaction);
        reactions.push(reaction);
    }
    reactions
}

/// Parks one input alone: it broke a rule of the database whenever it was tried.
///
/// # Errors
/// As the store's.
pub async fn park<V: Verb>(
    tx: Tx,
    input: &V::Input,
    detail: &str,
    plan: &Plan,
    node: &Node,
) -> Result<Committed, StoreError> {
    let mut moment = node.clock.moment();
    let reaction = V::park(input, "LL4000", detail, &mut moment);
    tx.commit(&stamp::<V>(plan, &moment), &[reaction]).await
}

fn stamp<V: Verb>(plan: &Plan, moment: &Moment) -> Stamp {
    Stamp { verb: V::NAME, config: plan.hash.clone(), now: moment.now }
}

/// The turns a batch must hold before it decides: identifiers that may be nobody's yet, companies, and what routes count
/// by. What belongs to one lead alone needs no turn: the lead is held.
pub(crate) fn turns(needs: &Needs) -> BTreeSet<String> {
    let people =
        needs.identifiers.iter().map(|identifier| format!("id/{}/{}", identifier.kind.0, identifier.value));
    let companies = needs.companies.iter().map(|company| format!("company/{company}"));
    let shared = needs.counters.iter().filter(|counter| !routing::is_dealings(counter));
    let counters = shared.map(|counter| format!("counter/{counter}"));
    people.chain(companies).chain(counters).collect()
}
