//! What is asked right before records of people are made: whether each person still has none. A lead may have been merged
//! since its record was ordered, or its hand-over decided. Needs [`needs`], and all that is still to be said about those
//! leads.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::{Book, Needs};
use crate::ids::{DeliveryId, LeadId, LinkName};
use crate::lead::{Lead, RemoteRef};
use crate::mirror_read::PEOPLE;
use crate::outbox::{Delivery, DeliveryState, Operation, Outcome, PROBES, Purpose, to_send};
use crate::person::members;
use crate::reconcile::Unsettled;
use crate::transfer::record_in;

/// Whether a delivery makes the record of a person as soon as it is sent.
#[must_use]
pub fn makes(delivery: &Delivery) -> bool {
    of_a_person(delivery) && matches!(to_send(delivery), Operation::Create { .. })
}

fn of_a_person(delivery: &Delivery) -> bool {
    match (&delivery.operation, delivery.purpose) {
        (Operation::Create { .. }, Purpose::Fill) => true,
        (Operation::Create { object, .. }, Purpose::Handover) => PEOPLE.contains(&object.as_str()),
        _ => false,
    }
}

/// What must be known: the leads, with all they were merged with, and the hand-overs.
#[must_use]
pub fn needs(claimed: &[Delivery]) -> Needs {
    let mut needs = Needs::default();
    for delivery in claimed.iter().filter(|delivery| makes(delivery)) {
        needs.leads.extend(delivery.lead);
        needs.handoffs.extend(delivery.handoff);
    }
    needs
}

/// Whether nothing can be held: only hand-overs of people who are one lead each, whose own order keeps them apart.
#[must_use]
pub fn is_plain(book: &Book, claimed: &[Delivery]) -> bool {
    book.leads.values().all(|lead| lead.merged_into.is_none())
        && claimed.iter().all(|delivery| delivery.purpose != Purpose::Fill)
}

/// Those of what was claimed together that are not sent, each with what becomes of it: the person has a record already, or
/// waits until another that is on its way is there or is not. Of several that wait, one goes: a hand-over first.
#[must_use]
pub fn held(book: &Book, unsettled: &Unsettled, claimed: &[Delivery]) -> BTreeMap<DeliveryId, Outcome> {
    let batch: BTreeSet<DeliveryId> = claimed.iter().map(|delivery| delivery.id).collect();
    let mut wanted: Vec<&Delivery> = claimed.iter().filter(|delivery| makes(delivery)).collect();
    wanted.sort_by_key(|delivery| (delivery.purpose == Purpose::Fill, delivery.seq));
    let mut under_way: BTreeSet<(LeadId, &LinkName)> = BTreeSet::new();
    for delivery in unsettled.values().flatten() {
        if is_unknown(delivery) || (!batch.contains(&delivery.id) && is_sent(delivery)) {
            under_way.extend(whose(book, delivery).map(|person| (person.id, &delivery.link)));
        }
    }
    let mut held = BTreeMap::new();
    for delivery in wanted {
        let Some(person) = whose(book, delivery) else { continue };
        if let Some(remote) = met(book, person, delivery) {
            held.insert(delivery.id, Outcome::Conflict { remote: remote.clone(), same_mark: false });
        } else if under_way.contains(&(person.id, &delivery.link))
            || (delivery.purpose == Purpose::Fill && is_handed_over(book, unsettled, person.id, delivery))
        {
            let detail = "another record of this person is on its way".to_owned();
            held.insert(delivery.id, Outcome::Unavailable { sent: false, detail });
        } else {
            under_way.insert((person.id, &delivery.link));
        }
    }
    held
}

/// The person a delivery is about today.
fn whose<'b>(book: &'b Book, delivery: &Delivery) -> Option<&'b Lead> {
    let handoff = delivery.handoff.and_then(|id| book.handoffs.get(&id));
    book.resolve(handoff.map_or(delivery.lead?, |handoff| handoff.lead))
}

/// The record that the person has instead. A rule may want a second one on purpose: a hand-over is decided again only
/// where the record came by a merge after its decision.
fn met<'b>(book: &'b Book, person: &'b Lead, delivery: &Delivery) -> Option<&'b RemoteRef> {
    let remote = record_in(person, &delivery.link)?;
    let decided = delivery.handoff.and_then(|id| book.handoffs.get(&id)?.clocks.decided);
    let merged_since = |decided| {
        let merged = |id| book.leads.get(id).and_then(|lead| lead.bonds.merged.as_ref());
        members(book, person.id).iter().filter_map(merged).any(|edge| edge.at >= decided)
    };
    (delivery.purpose == Purpose::Fill || decided.is_some_and(merged_since)).then_some(remote)
}

/// A record that may be there already, and is looked for.
fn is_unknown(delivery: &Delivery) -> bool {
    of_a_person(delivery) && delivery.probe.is_some_and(|found_nothing| found_nothing < PROBES)
}

fn is_sent(delivery: &Delivery) -> bool {
    of_a_person(delivery) && matches!(delivery.state, DeliveryState::Claimed { .. })
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
