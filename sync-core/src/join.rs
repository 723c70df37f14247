//! Stage 6, beside the outbox: several updates of one record that wait behind one another are said as one, with the latest
//! value of each field. A system that was down hears where things stand, not how they came to.
//!
//! What is said together is decided when the first of them is sent. When it arrived each of them has: they are settled in
//! their order, so that what was agreed, what stood there before and whose value it is come out as if each had been said by
//! itself. When it did not arrive nothing happened to those behind the first: they still wait.

use leadloop_mapping::Record;

use crate::outbox::{Delivery, DeliveryState, Operation, Outcome, Purpose};

/// Most deliveries that are said as one.
pub const MOST: usize = 100;

/// Whether others may be said together with a delivery. One that makes the record of a hand-over is said as it was
/// decided.
#[must_use]
pub fn is_open(first: &Delivery) -> bool {
    match first.operation {
        Operation::Update { .. } => matches!(first.purpose, Purpose::Status | Purpose::Fields),
        Operation::Tell { .. } => first.purpose == Purpose::Inform,
        _ => false,
    }
}

/// Those of `behind`, which wait behind `first` in its stream and in this order, that are said together with it.
#[must_use]
pub fn with(first: &Delivery, behind: Vec<Delivery>) -> Vec<Delivery> {
    let joins = |next: &Delivery| {
        let same = match (&first.operation, &next.operation) {
            (Operation::Update { remote, .. }, Operation::Update { remote: other, .. }) => remote == other,
            (Operation::Tell { id, .. }, Operation::Tell { id: other, .. }) => id == other,
            _ => false,
        };
        same && is_open(next)
            && (&next.link, &next.stream) == (&first.link, &first.stream)
            && next.state == DeliveryState::Due
    };
    if !is_open(first) {
        return Vec::new();
    }
    let some = behind.into_iter().take_while(joins).take(MOST - 1);
    some.map(|next| Delivery { joined: Some(first.id), ..next }).collect()
}

/// What is said for a delivery and those that are said together with it.
#[must_use]
pub fn together(first: &Operation, behind: &[Delivery]) -> Operation {
    let mut all = first.clone();
    let Some(record) = record_of(&mut all) else { return all };
    for next in behind {
        if let Operation::Update { record: later, .. } | Operation::Tell { record: later, .. } =
            &next.operation
        {
            record.0.extend(later.0.clone());
        }
    }
    all
}

fn record_of(operation: &mut Operation) -> Option<&mut Record> {
    match operation {
        Operation::Update { record, .. } | Operation::Tell { record, .. } => Some(record),
        _ => None,
    }
}

/// Whether an outcome ends all of them. Else it is about the first alone.
#[must_use]
pub const fn ends_all(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done(_))
}

/// Whether the first has to be said again by itself, since nobody knows whose content was refused.
#[must_use]
pub const fn parts(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Rejected { .. } | Outcome::Gone { .. } | Outcome::Conflict { .. })
}
