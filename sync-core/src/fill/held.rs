//! What is asked right before records are made: whether each person still has none. A lead may have been merged since its
//! record was ordered, or handed over. Needs [`needs`], and all that is still to be said about those leads.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::{Book, Needs};
use crate::ids::{DeliveryId, LeadId, LinkName};
use crate::outbox::{Delivery, DeliveryState, Operation, Outcome, PROBES, Purpose, to_send};
use crate::reconcile::Unsettled;
use crate::transfer::record_in;

/// Whether a delivery makes a record of a lead that is not handed over as soon as it is sent.
#[must_use]
pub fn makes(delivery: &Delivery) -> bool {
    delivery.purpose == Purpose::Fill && matches!(to_send(delivery), Operation::Create { .. })
}

/// What must be known: the leads, with all they were merged with.
#[must_use]
pub fn needs(claimed: &[Delivery]) -> Needs {
    let leads = claimed.iter().filter(|delivery| makes(delivery)).filter_map(|delivery| delivery.lead);
    Needs { leads: leads.collect(), ..Needs::default() }
}

/// Those of what was claimed together that are not sent, each with what becomes of it: the person has a record already, or
/// waits until another that is on its way is there or is not. Of several that wait, one goes.
#[must_use]
pub fn held(book: &Book, unsettled: &Unsettled, claimed: &[Delivery]) -> BTreeMap<DeliveryId, Outcome> {
    let batch: BTreeSet<DeliveryId> = claimed.iter().map(|delivery| delivery.id).collect();
    let mut wanted: Vec<&Delivery> = claimed.iter().filter(|delivery| makes(delivery)).collect();
    wanted.sort_by_key(|delivery| delivery.seq);
    let mut under_way: BTreeSet<(LeadId, &LinkName)> = BTreeSet::new();
    for (lead, delivery) in unsettled.iter().flat_map(|(lead, all)| all.iter().map(move |one| (lead, one))) {
        if is_unknown(delivery) || (!batch.contains(&delivery.id) && is_sent(delivery)) {
            under_way.extend(book.resolve(*lead).map(|person| (person.id, &delivery.link)));
        }
    }
    let mut held = BTreeMap::new();
    for delivery in wanted {
        let Some(person) = delivery.lead.and_then(|lead| book.resolve(lead)) else { continue };
        if let Some(remote) = record_in(person, &delivery.link) {
            held.insert(delivery.id, Outcome::Conflict { remote: remote.clone(), same_mark: false });
        } else if under_way.contains(&(person.id, &delivery.link))
            || is_handed_over(book, unsettled, person.id, delivery)
        {
            let detail = "another record of this person is on its way".to_owned();
            held.insert(delivery.id, Outcome::Unavailable { sent: false, detail });
        } else {
            under_way.insert((person.id, &delivery.link));
        }
    }
    held
}

/// A record that may be there already, and is looked for.
fn is_unknown(delivery: &Delivery) -> bool {
    delivery.purpose == Purpose::Fill && delivery.probe.is_some_and(|found_nothing| found_nothing < PROBES)
}

fn is_sent(delivery: &Delivery) -> bool {
    delivery.purpose == Purpose::Fill && matches!(delivery.state, DeliveryState::Claimed { .. })
}

/// Whether the person is being asked about or handed over in another stream. What stands behind in its own waits for it.
fn is_handed_over(book: &Book, unsettled: &Unsettled, person: LeadId, delivery: &Delivery) -> bool {
    let of_person = unsettled
        .iter()
        .filter(|(lead, _)| book.resolve(**lead).is_some_and(|resolved| resolved.id == person));
    of_person.flat_map(|(_, all)| all).any(|other| {
        matches!(other.purpose, Purpose::Ask | Purpose::Handover)
            && other.link == delivery.link
            && other.stream != delivery.stream
    })
}
