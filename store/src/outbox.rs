//! The outbox: claiming what is to be said, in order, and finding what was left behind.

use std::collections::BTreeMap;

use leadloop_sync_core::ids::{DeliveryId, LinkName};
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Lane};
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::Store;
use crate::cell::{Row, Rows, args};
use crate::doc::named;
use crate::error::StoreError;
use crate::lanes::WriteLane;
use crate::statement::{
    CLOCK_SEEN, DEADLINE_NEXT, DELIVERY_AHEAD, DELIVERY_BEHIND, DELIVERY_CLAIM, DELIVERY_EXPIRED,
    DELIVERY_LAST, DELIVERY_NEXT, DELIVERY_SET_BACK, LOAD_COUNTERS,
};

type Result<T> = std::result::Result<T, StoreError>;

/// Every kind of operation ([`leadloop_sync_core::outbox::Operation::kind`]).
pub const KINDS: [&str; 9] =
    ["check", "describe", "prepare", "find", "create", "update", "changes", "tell", "notify"];
const LANES: [Lane; 3] = [Lane::Hot, Lane::Normal, Lane::Backfill];

/// A lane as its column has it: smaller goes first.
pub(crate) const fn lane_number(lane: Lane) -> i64 {
    match lane {
        Lane::Hot => 0,
        Lane::Normal => 1,
        Lane::Backfill => 2,
    }
}

fn lane_of(number: i64) -> Result<Lane> {
    LANES
        .into_iter()
        .find(|lane| lane_number(*lane) == number)
        .ok_or_else(|| StoreError::unreadable(&format!("lane {number}")))
}

/// Which deliveries a loop wants to carry out.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimAsk {
    /// Of which link.
    pub link: LinkName,
    /// At most so many.
    pub limit: u32,
    /// The time it is.
    pub now: Timestamp,
    /// Until when they are claimed.
    pub until: Timestamp,
    /// Only these lanes; empty means all.
    pub lanes: Vec<Lane>,
    /// Only operations of these kinds ([`leadloop_sync_core::outbox::Operation::kind`]); empty means all.
    pub kinds: Vec<String>,
    /// Only those made up to this one, by order of making.
    pub upto: i64,
    /// Only while this node holds the lease of the link; none where nobody else could.
    pub holder: Option<String>,
}

impl ClaimAsk {
    /// Anything due at `link`.
    #[must_use]
    pub fn new(link: LinkName, limit: u32, now: Timestamp, until: Timestamp) -> Self {
        Self { link, limit, now, until, lanes: Vec::new(), kinds: Vec::new(), upto: i64::MAX, holder: None }
    }
}

impl Store {
    /// Claims due deliveries: of each stream only the first unsettled one, hot before normal before backfill. Durable
    /// when it returns, so that a crash after sending is noticed ([`Store::expired_claims`]).
    ///
    /// # Errors
    /// Where the database does not answer or a delivery cannot be read.
    pub async fn claim(&self, ask: &ClaimAsk) -> Result<Vec<Delivery>> {
        let lanes: &[Lane] = if ask.lanes.is_empty() { &LANES } else { &ask.lanes };
        let kinds: Vec<&str> = if ask.kinds.is_empty() {
            KINDS.to_vec()
        } else {
            ask.kinds.iter().map(String::as_str).collect()
        };
        let list = lanes_and_kinds(Rows::of(&DELIVERY_CLAIM, 5), lanes, &kinds);
        let mut work = self.pools().write(WriteLane::Hot).await?;
        let rows = work
            .rows(
                &DELIVERY_CLAIM,
                args![&ask.link, ask.now, ask.limit, ask.until, list, ask.upto, ask.holder.as_deref()],
            )
            .await?;
        if rows.is_empty() {
            work.undo().await?; // nothing to make durable
            return Ok(Vec::new());
        }
        work.commit().await?;
        let mut claimed = rows.iter().map(delivery_of).collect::<Result<Vec<_>>>()?;
        claimed.sort_by_key(|delivery| (delivery.lane, delivery.due_at, delivery.seq));
        Ok(claimed)
    }

    /// What waits behind claimed deliveries in their streams, in order, made up to `upto`: at most `limit` in all.
    ///
    /// # Errors
    /// Where the database does not answer or a delivery cannot be read.
    pub async fn behind(
        &self,
        claimed: &[&Delivery],
        upto: i64,
        limit: u32,
    ) -> Result<BTreeMap<DeliveryId, Vec<Delivery>>> {
        let mut list = Rows::of(&DELIVERY_BEHIND, 1);
        let mut first: BTreeMap<(&LinkName, &str), DeliveryId> = BTreeMap::new();
        for delivery in claimed {
            list.add(&delivery.link).add(&delivery.stream).add(delivery.seq);
            first.insert((&delivery.link, &delivery.stream), delivery.id);
        }
        let mut behind: BTreeMap<DeliveryId, Vec<Delivery>> = BTreeMap::new();
        if list.is_empty() {
            return Ok(behind);
        }
        let mut work = self.pools().read().await?;
        let rows = work.rows(&DELIVERY_BEHIND, args![list, upto, limit]).await?;
        work.undo().await?;
        for row in &rows {
            let delivery = delivery_of(row)?;
            if let Some(id) = first.get(&(&delivery.link, delivery.stream.as_str())) {
                behind.entry(*id).or_default().push(delivery);
            }
        }
        Ok(behind)
    }

    /// Deliveries, of one link or of all, whose claim ran out before `now`: whoever had them died or hangs. They are claimed anew until `until`
    /// under their old attempt number, to be settled by the caller as having an unknown outcome.
    ///
    /// # Errors
    /// As [`Store::claim`].
    pub async fn expired_claims(
        &self,
        link: Option<&LinkName>,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        let mut work = self.pools().write(WriteLane::Hot).await?;
        let rows = work.rows(&DELIVERY_EXPIRED, args![now, until, limit, link.map(LinkName::as_str)]).await?;
        if rows.is_empty() {
            work.undo().await?;
            return Ok(Vec::new());
        }
        work.commit().await?;
        let mut expired = rows.iter().map(delivery_of).collect::<Result<Vec<_>>>()?;
        expired.sort_by_key(|delivery| delivery.seq);
        Ok(expired)
    }

    /// Claims of a link that last beyond a time to which nobody can have made one end at `until`: their node's clock was ahead.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn end_claims_beyond(
        &self,
        link: &LinkName,
        beyond: Timestamp,
        until: Timestamp,
    ) -> Result<u64> {
        let mut work = self.pools().write(WriteLane::Hot).await?;
        let ended = work.run(&DELIVERY_AHEAD, args![link, beyond, until]).await?;
        work.commit().await?;
        Ok(ended)
    }

    /// When the next delivery of each of these links is due; links without any are left out.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn next_due(&self, links: &[LinkName]) -> Result<BTreeMap<LinkName, Timestamp>> {
        let mut list = Rows::of(&DELIVERY_NEXT, 1);
        for link in links {
            list.add(link);
        }
        let kinds = lanes_and_kinds(Rows::of(&DELIVERY_NEXT, 2), &LANES, &KINDS);
        let mut work = self.pools().read().await?;
        let rows = work.rows(&DELIVERY_NEXT, args![list, kinds]).await?;
        work.undo().await?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
    }

    /// The clock was set back by `by`: what is due on these links after a time, and would be due late by as much, is due as soon
    /// as it was to be before. Returns how many.
    ///
    /// # Errors
    /// Where the database does not answer; nothing changed then.
    pub async fn set_back(&self, links: &[LinkName], by: Micros, after: Timestamp) -> Result<u64> {
        let mut list = Rows::of(&DELIVERY_SET_BACK, 1);
        for link in links {
            list.add(link);
        }
        let mut work = self.pools().write(WriteLane::Hot).await?;
        let moved = work.run(&DELIVERY_SET_BACK, args![list, by.0, after]).await?;
        work.commit().await?;
        Ok(moved)
    }

    /// The latest time that something was said or is to be said, as the node saw it that wrote it down; `None` where nothing was.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn clock_seen(&self) -> Result<Option<Timestamp>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&CLOCK_SEEN, args![]).await?;
        work.undo().await?;
        rows.first().map_or(Ok(None), |row| row.get(0))
    }

    /// The last delivery that was made, by its order of making; 0 where there is none.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn last_delivery(&self) -> Result<i64> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&DELIVERY_LAST, args![]).await?;
        work.undo().await?;
        rows.first().map_or(Ok(0), |row| row.get(0))
    }

    /// Named numbers and small documents ([`leadloop_sync_core::effect::Effect::SetCounter`]) outside of a batch.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn counters(&self, keys: &[String]) -> Result<BTreeMap<String, serde_json::Value>> {
        let mut list = Rows::of(&LOAD_COUNTERS, 1);
        for key in keys {
            list.add(key);
        }
        let mut work = self.pools().read().await?;
        let rows = work.rows(&LOAD_COUNTERS, args![list]).await?;
        work.undo().await?;
        rows.iter().map(|row| Ok((row.get(0)?, row.doc(1)?))).collect()
    }

    /// When the next deadline comes.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn next_deadline(&self) -> Result<Option<Timestamp>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&DEADLINE_NEXT, args![]).await?;
        work.undo().await?;
        rows.first().map_or(Ok(None), |row| row.get(0))
    }
}

fn lanes_and_kinds(mut list: Rows, lanes: &[Lane], kinds: &[&str]) -> Rows {
    for lane in lanes {
        for kind in kinds {
            list.add(*kind).add(lane_number(*lane));
        }
    }
    list
}

/// Columns: seq, id, link, stream, lane, purpose, lead, handoff, state, due_at, claimed_until, attempt, probe,
/// created_at, standing, code, detail, body, run.
pub(crate) fn delivery_of(row: &Row) -> Result<Delivery> {
    let state: String = row.get(8)?;
    let state = match state.as_str() {
        "waiting" | "due" => DeliveryState::Due,
        "claimed" => DeliveryState::Claimed { until: row.get(10)? },
        "settled" => DeliveryState::Settled,
        "parked" => DeliveryState::Parked {
            code: row.get::<Option<String>>(15)?.unwrap_or_default(),
            detail: row.maybe_opened(16)?.unwrap_or_default(),
        },
        other => return Err(StoreError::unreadable(&format!("delivery state {other}"))),
    };
    let probe: Option<i64> = row.get(12)?;
    Ok(Delivery {
        id: row.get(1)?,
        seq: row.get(0)?,
        link: row.get(2)?,
        stream: row.get(3)?,
        lane: lane_of(row.get(4)?)?,
        purpose: named(row.get(5)?)?,
        operation: row.doc(17)?,
        lead: row.get(6)?,
        handoff: row.get(7)?,
        state,
        due_at: row.get(9)?,
        attempt: row.get(11)?,
        probe: probe.and_then(|probe| u32::try_from(probe).ok()),
        created_at: row.get(13)?,
        joined: None,
        standing: row.get(14)?,
        run: row.get(18)?,
    })
}
