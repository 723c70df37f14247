//! Right before records of people are made ([`fill::held`]): what is not sent after all ends here.

use std::collections::BTreeMap;

use leadloop_store::StoreError;
use leadloop_sync_core::fill::held;
use leadloop_sync_core::ids::DeliveryId;
use leadloop_sync_core::outbox::{Delivery, Outcome, Purpose};

use crate::deliver::Ended;
use crate::node::Node;

/// What is sent of what was claimed together, and what is not, with what becomes of it. Where the store does not answer, no
/// record is made: it waits like one that the CRM did not take.
pub(crate) async fn part(node: &Node, claimed: Vec<Delivery>) -> (Vec<Delivery>, Vec<Ended>) {
    if !claimed.iter().any(held::makes) {
        return (claimed, Vec::new());
    }
    let mut held = match look(node, &claimed).await {
        Ok(held) => held,
        Err(error) => {
            tracing::warn!(%error, "records are made later");
            let outcome = Outcome::Unavailable { sent: false, detail: "the store did not answer".to_owned() };
            let made = claimed.iter().filter(|delivery| held::makes(delivery));
            made.map(|delivery| (delivery.id, outcome.clone())).collect()
        }
    };
    let (mut sent, mut ended) = (Vec::with_capacity(claimed.len()), Vec::new());
    for delivery in claimed {
        match held.remove(&delivery.id) {
            Some(outcome) => ended.push((delivery, outcome)),
            None => sent.push(delivery),
        }
    }
    (sent, ended)
}

async fn look(node: &Node, claimed: &[Delivery]) -> Result<BTreeMap<DeliveryId, Outcome>, StoreError> {
    let needs = held::needs(claimed);
    // Most are plain hand-overs: what else is to be said of the people is not read for them.
    if !claimed.iter().any(|delivery| delivery.purpose == Purpose::Fill)
        && held::is_plain(&node.store.look(&needs).await?, claimed)
    {
        return Ok(BTreeMap::new());
    }
    let (book, unsettled) = node.store.look_unsettled(&needs, &[]).await?;
    Ok(held::held(&book, &unsettled, claimed))
}
