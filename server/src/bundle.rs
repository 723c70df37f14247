//! Deliveries that are said as one: messages of a digest, and updates of one record that wait behind one another
//! ([`leadloop_sync_core::join`]). And the address of the answer page, which is made just before a message is sent.

use std::collections::BTreeMap;

use leadloop_sync_core::because::Language;
use leadloop_sync_core::ids::DeliveryId;
use leadloop_sync_core::join;
use leadloop_sync_core::notice::{self, Notice};
use leadloop_sync_core::outbox::{Delivery, Operation, Outcome};

use crate::answer;
use crate::bounds;
use crate::node::Node;

/// Deliveries that are said as one.
pub(crate) struct Bundle {
    deliveries: Vec<Delivery>,
    operations: Vec<Operation>,
    /// They are not claimed: should it not arrive, nothing happened to them.
    behind: Vec<Delivery>,
}

impl Bundle {
    /// What is said.
    pub(crate) fn operation(&self, node: &Node) -> Operation {
        let mut parts = self.operations.clone();
        for part in &mut parts {
            answer::address(node, part);
        }
        join::together(&together(parts, node.plan().policy.language), &self.behind)
    }

    /// The first alone, where the system refused what it was said together with: those behind it go on waiting.
    pub(crate) fn parted(&mut self, outcome: &Outcome) -> bool {
        !self.behind.is_empty() && join::parts(outcome) && {
            self.behind.clear();
            true
        }
    }

    /// Those that are said.
    pub(crate) fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries.iter().chain(&self.behind)
    }

    /// What came of it, for each of them that it ends.
    pub(crate) fn ended(self, outcome: Outcome) -> impl Iterator<Item = (Delivery, Outcome)> {
        let behind = if join::ends_all(&outcome) { self.behind } else { Vec::new() };
        self.deliveries.into_iter().chain(behind).map(move |delivery| (delivery, outcome.clone()))
    }
}

/// Messages of a digest to one receiver are said together, and each delivery with those `behind` it that go along.
pub(crate) fn bundled(
    group: Vec<(Delivery, Operation)>,
    behind: &mut BTreeMap<DeliveryId, Vec<Delivery>>,
) -> Vec<Bundle> {
    let mut bundles: Vec<Bundle> = Vec::with_capacity(group.len());
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    for (delivery, operation) in group {
        let key = match &operation {
            Operation::Notify { to, .. } if delivery.stream.ends_with(&delivery.id.to_string()) => {
                Some(to.clone())
            }
            _ => None,
        };
        let place = key.as_ref().and_then(|key| open.get(key)).copied();
        match place.and_then(|place| bundles.get_mut(place)) {
            Some(bundle) if bundle.deliveries.len() < bounds::BUNDLE => {
                bundle.deliveries.push(delivery);
                bundle.operations.push(operation);
            }
            _ => {
                if let Some(key) = key {
                    open.insert(key, bundles.len());
                }
                let waiting = behind.remove(&delivery.id).unwrap_or_default();
                let behind = join::with(&delivery, waiting);
                bundles.push(Bundle { deliveries: vec![delivery], operations: vec![operation], behind });
            }
        }
    }
    bundles
}

/// Several messages as one.
fn together(mut parts: Vec<Operation>, language: Language) -> Operation {
    let notices: Vec<&Notice> = parts
        .iter()
        .filter_map(|part| match part {
            Operation::Notify { notice, .. } => Some(&**notice),
            _ => None,
        })
        .collect();
    match parts.first() {
        Some(Operation::Notify { to, .. }) if notices.len() > 1 => {
            Operation::Notify { to: to.clone(), notice: Box::new(notice::together(&notices, language)) }
        }
        _ => parts.swap_remove(0),
    }
}
