//! Writing deliveries: moves first, then what is new, then who became the first of their stream.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_sync_core::ids::{DeliveryId, LinkName};
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Lane, Operation};

use crate::cell::{Rows, args};
use crate::doc::{name_of, text};
use crate::engine::Work;
use crate::error::StoreError;
use crate::outbox::lane_number;
use crate::statement::{
    DELIVERY_HEADS, DELIVERY_HURRY, DELIVERY_LOCK, DELIVERY_MOVE, DELIVERY_PROMOTE, DELIVERY_PUT,
    DELIVERY_TAKE,
};
use crate::text::Engine;
use crate::wake::Topic;

use super::check::Standing;
use super::gather::Changes;

type Result<T> = std::result::Result<T, StoreError>;

/// Writes deliveries; returns those that were made already claimed and got their claim.
pub(super) async fn put(
    work: &mut Work,
    changes: &Changes<'_>,
    standing: &BTreeMap<DeliveryId, Standing>,
    topics: &mut Vec<Topic>,
) -> Result<BTreeSet<DeliveryId>> {
    let mut streams: BTreeSet<(&LinkName, &str)> = BTreeSet::new();
    let mut links: BTreeSet<&LinkName> = BTreeSet::new();
    for (id, change) in &changes.moves {
        if let Some(delivery) = standing.get(id) {
            links.insert(&delivery.link);
            if matches!(change.to, DeliveryState::Settled) {
                streams.insert((&delivery.link, &delivery.stream));
            }
        }
    }
    links.extend(changes.enqueued.iter().map(|delivery| &delivery.link));
    hurry(work, changes, &mut links).await?;
    put_moves(work, changes).await?;
    let claimed = enqueue(work, changes, streams).await?;
    topics.extend(links.into_iter().map(|link| Topic::Outbox(link.clone())));
    Ok(claimed)
}

async fn hurry<'a>(work: &mut Work, changes: &Changes<'a>, links: &mut BTreeSet<&'a LinkName>) -> Result<()> {
    if changes.hurries.is_empty() {
        return Ok(());
    }
    let mut list = Rows::of(&DELIVERY_HURRY, 1);
    for ((link, object), due_at) in &changes.hurries {
        list.add(*link).add(*object).add(*due_at);
        links.insert(link);
    }
    work.run(&DELIVERY_HURRY, args![list]).await.map(drop)
}

/// Streams that something hot was put into; what stood before it in a later lane goes with it.
async fn promote(work: &mut Work, changes: &Changes<'_>) -> Result<()> {
    let hot = changes.enqueued.iter().filter(|delivery| delivery.lane == Lane::Hot);
    let streams: BTreeSet<(&LinkName, &str)> =
        hot.map(|delivery| (&delivery.link, delivery.stream.as_str())).collect();
    if streams.is_empty() {
        return Ok(());
    }
    let mut list = Rows::of(&DELIVERY_PROMOTE, 1);
    for (link, stream) in streams {
        list.add(link).add(stream).add(lane_number(Lane::Hot));
    }
    work.run(&DELIVERY_PROMOTE, args![list]).await.map(drop)
}

async fn put_moves(work: &mut Work, changes: &Changes<'_>) -> Result<()> {
    if changes.moves.is_empty() {
        return Ok(());
    }
    let mut moves = Rows::of(&DELIVERY_MOVE, 1);
    for (id, change) in &changes.moves {
        let state = state_of(change.to);
        moves.add(*id).add(change.attempt).add(state.name).add(change.due_at).add(change.reset);
        moves.add(state.until).add(change.probe).add(change.note.at).add(state.code).add(state.detail);
        moves.add(change.operation.map(Operation::kind));
        moves.add(change.operation.and_then(object_of)).add(change.operation.map(text).transpose()?);
    }
    let count = moves.len();
    let moved = work.run(&DELIVERY_MOVE, args![moves]).await?;
    super::queue::all_written(moved, count, "delivery")
}

/// Writes new deliveries and makes those due that became the first of their stream: `moved` are streams of which one was
/// settled.
async fn enqueue<'a>(
    work: &mut Work,
    changes: &Changes<'a>,
    moved: BTreeSet<(&'a LinkName, &'a str)>,
) -> Result<BTreeSet<DeliveryId>> {
    let mut streams = moved;
    let mut taken = Rows::of(&DELIVERY_TAKE, 1);
    if !changes.enqueued.is_empty() {
        let mut begun: BTreeSet<(&LinkName, &str)> = BTreeSet::new();
        let mut list = Rows::of(&DELIVERY_PUT, 1);
        for delivery in &changes.enqueued {
            // The first of its stream here is due at once where nothing stands before it; of the others, and of those
            // that may not be written at all, `delivery_heads` says afterwards who is.
            let first = begun.insert((&delivery.link, &delivery.stream));
            if !first || delivery.standing.is_some() {
                streams.insert((&delivery.link, &delivery.stream));
            }
            add_delivery(&mut list, delivery, first)?;
            if let DeliveryState::Claimed { until } = delivery.state {
                taken.add(delivery.id).add(until).add(delivery.attempt.max(1));
            }
        }
        if work.engine() == Engine::Postgres {
            let mut locked = Rows::of(&DELIVERY_LOCK, 1);
            for (link, stream) in begun.union(&streams) {
                locked.add(*link).add(*stream);
            }
            work.rows(&DELIVERY_LOCK, args![locked]).await?;
        }
        work.run(&DELIVERY_PUT, args![list]).await?;
        promote(work, changes).await?;
    }
    if !streams.is_empty() {
        let mut list = Rows::of(&DELIVERY_HEADS, 1);
        for (link, stream) in &streams {
            list.add(*link).add(*stream);
        }
        work.run(&DELIVERY_HEADS, args![list]).await?;
    }
    if taken.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows = work.rows(&DELIVERY_TAKE, args![taken]).await?;
    rows.iter().map(|row| row.get(0)).collect()
}

fn add_delivery(list: &mut Rows, delivery: &Delivery, first: bool) -> Result<()> {
    let state = state_of(&delivery.state);
    let to_send = if first { "first" } else { "waiting" };
    let (name, attempt) = match delivery.state {
        DeliveryState::Due => (to_send, delivery.attempt),
        DeliveryState::Claimed { .. } => (to_send, 0),
        DeliveryState::Settled | DeliveryState::Parked { .. } => (state.name, delivery.attempt),
    };
    list.add(delivery.id).add(&delivery.link).add(&delivery.stream).add(lane_number(delivery.lane));
    list.add(name_of(delivery.purpose)?).add(delivery.operation.kind()).add(object_of(&delivery.operation));
    list.add(delivery.lead).add(delivery.handoff).add(name).add(delivery.due_at).add(attempt);
    list.add(delivery.probe).add(delivery.created_at).add(delivery.standing.as_ref());
    list.add(state.code).add(state.detail).add(text(&delivery.operation)?).add(delivery.run.as_ref());
    Ok(())
}

/// A state as columns.
struct State<'a> {
    name: &'static str,
    until: Option<leadloop_sync_core::time::Timestamp>,
    code: Option<&'a String>,
    detail: Option<&'a String>,
}

fn state_of(state: &DeliveryState) -> State<'_> {
    let plain = |name| State { name, until: None, code: None, detail: None };
    match state {
        DeliveryState::Due => plain("due"),
        DeliveryState::Claimed { until } => State { until: Some(*until), ..plain("claimed") },
        DeliveryState::Settled => plain("settled"),
        DeliveryState::Parked { code, detail } => {
            State { code: Some(code), detail: Some(detail), ..plain("parked") }
        }
    }
}

fn object_of(operation: &Operation) -> Option<&str> {
    match operation {
        Operation::Find { object, .. }
        | Operation::Create { object, .. }
        | Operation::Describe { object }
        | Operation::Prepare { object, .. }
        | Operation::Changes { object, .. } => Some(object),
        Operation::Update { remote, .. } => Some(&remote.object),
        Operation::Check | Operation::Tell { .. } | Operation::Notify { .. } => None,
    }
}
