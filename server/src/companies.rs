//! Which names are one company, said by hand.
//!
//! Part of [`crate::orders`]. What follows is decided in `sync_core::companies`; this module loads, commits and notes who
//! said so. A verdict is a row of the store, so it holds for later matches on every node.

use leadloop_store::people::Audited;
use leadloop_store::{Stamp, StoreError, WriteLane};
use leadloop_sync_core::because::Language;
use leadloop_sync_core::companies;
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::orders::{Done, OrderError};
use crate::people::bounded;
use crate::react::turns;

/// How often it is tried anew where somebody else changed the same rows.
const ROUNDS: u32 = 5;
/// Most characters of a name.
const MOST: usize = 300;

/// Somebody says whether two names are one company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The one name, or `@` and a mail domain.
    pub one: String,
    /// The other.
    pub other: String,
    /// One company, or two.
    pub same: bool,
    /// Who says it.
    pub who: String,
}

/// Carries an order out; durable when it returns.
///
/// # Errors
/// See [`OrderError`].
pub async fn carry_out(node: &Node, order: Order) -> Result<Done, OrderError> {
    let order = Order {
        one: bounded(order.one, MOST),
        other: bounded(order.other, MOST),
        who: bounded(order.who, 200),
        ..order
    };
    for left in (0..ROUNDS).rev() {
        match attempt(node, &order).await? {
            Some(changed) => {
                note(node, &order).await?;
                return Ok(Done { changed, ..Done::default() });
            }
            None if left > 0 => {}
            None => break,
        }
    }
    Err(OrderError::outside(
        "LL1010",
        "somebody else changes the same companies all the time: try again in a moment",
    ))
}

/// One try: how many pairs were judged. `None`: somebody was faster.
async fn attempt(node: &Node, order: &Order) -> Result<Option<u64>, OrderError> {
    let plan = node.plan();
    let names = [order.one.as_str(), order.other.as_str()];
    let mut tx = node.store.begin(WriteLane::Background).await?;
    let needs = companies::needs(&names);
    tx.take_turns(&turns(&needs)).await?;
    let mut book = tx.load(&needs).await?;
    let groups: Vec<String> = names.iter().flat_map(|name| companies::group(&book.judged, name)).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    tx.load_more(&mut book, &companies::needs(&groups)).await?;
    let moment = node.clock.moment();
    let reaction = match companies::judge(&book, (names[0], names[1]), order.same, &order.who, moment.now) {
        Ok(reaction) => reaction,
        Err(refusal) => {
            tx.undo().await?;
            let detail = match plan.policy.language {
                Language::En => refusal.en,
                Language::Zh => refusal.zh,
            };
            return Err(OrderError::input(refusal.code, detail));
        }
    };
    let judged = reaction
        .effects
        .iter()
        .filter(|effect| matches!(effect, leadloop_sync_core::effect::Effect::CompanyVerdict(_)));
    let judged = u64::try_from(judged.count()).unwrap_or(u64::MAX);
    let stamp = Stamp { verb: "people", config: plan.hash.clone(), now: moment.now };
    match tx.commit(&stamp, &[reaction]).await {
        Ok(committed) if committed.stale.is_empty() => Ok(Some(judged)),
        Ok(_) | Err(StoreError::Stale { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn note(node: &Node, order: &Order) -> Result<(), OrderError> {
    let noted = Audited {
        seq: 0,
        at: node.clock.now(),
        who: order.who.clone(),
        what: if order.same { "company_same" } else { "company_apart" }.to_owned(),
        lead: None,
        count: 0,
        detail: format!("{} | {}", order.one, order.other),
    };
    Ok(node.store.audit(&noted, &[]).await?)
}
