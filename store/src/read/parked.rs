//! Deliveries and captures that need a person: to list, to take up again, to drop.

use std::collections::BTreeSet;

use leadloop_sync_core::ids::{CaptureId, DeliveryId, LinkName};
use leadloop_sync_core::outbox::Operation;
use leadloop_sync_core::time::Timestamp;
use uuid::Uuid;

use crate::Store;
use crate::cell::{Arg, Row, Rows, args};
use crate::error::StoreError;
use crate::lanes::WriteLane;
use crate::read::story::{KeptCapture, ToldDelivery, capture_of, with_attempts};
use crate::statement::{
    ATTEMPT_PUT, CAPTURE_HELD, CAPTURE_PARKED, CAPTURE_RETRY, DELIVERY_CAUSES, DELIVERY_DROP, DELIVERY_FIX,
    DELIVERY_GET, DELIVERY_HEADS, DELIVERY_PARKED, DELIVERY_RETRY, DELIVERY_RUN, Statement,
};
use crate::wake::Topic;

type Result<T> = std::result::Result<T, StoreError>;

/// Rows of one transaction: so many are changed in a few milliseconds, and others get their turn in between.
const SLICE: u32 = 1_000;

/// Which parked deliveries are meant.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ParkedAsk {
    /// Only these.
    pub ids: Vec<DeliveryId>,
    /// Only of this link.
    pub link: Option<LinkName>,
    /// Only with this code.
    pub code: Option<String>,
    /// Only what was parked (of a run: is due) at or after this time.
    pub since: Option<Timestamp>,
    /// After this one (`seq` of the last of the page before).
    pub after: Option<i64>,
    /// At most so many. What releases takes 0 as all.
    pub limit: u32,
}

/// Parked deliveries with the same cause.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Cause {
    /// Which link.
    pub link: LinkName,
    /// The kind of operation.
    pub kind: String,
    /// The object it is about; may be empty.
    pub object: String,
    /// The error's code.
    pub code: String,
    /// What is wrong, in the system's words where it has some.
    pub detail: String,
    /// How many.
    pub count: i64,
    /// When the first of them was parked.
    pub first: Timestamp,
    /// When the last one was.
    pub last: Timestamp,
}

impl ParkedAsk {
    /// The first seven parameters of the statements about parked deliveries.
    fn args(&self, statement: &'static Statement, after: i64, limit: u32) -> Vec<Arg> {
        let mut ids = Rows::of(statement, 5);
        for id in &self.ids {
            ids.add(*id);
        }
        args![
            after,
            self.link.as_ref(),
            self.code.as_ref(),
            self.ids.is_empty(),
            ids,
            limit,
            self.since.unwrap_or(Timestamp(i64::MIN))
        ]
    }
}

impl Store {
    /// Deliveries that need a person, oldest first, with what their attempts brought.
    ///
    /// # Errors
    /// Where the database does not answer or a delivery cannot be read.
    pub async fn parked_deliveries(&self, ask: &ParkedAsk) -> Result<Vec<ToldDelivery>> {
        let mut work = self.pools().read().await?;
        let args = ask.args(&DELIVERY_PARKED, ask.after.unwrap_or(-1), ask.limit);
        let rows = work.rows(&DELIVERY_PARKED, args).await?;
        let told = with_attempts(&mut work, &rows).await;
        work.undo().await?;
        told
    }

    /// Deliveries that a command ordered, however far they got, in the order they were made.
    ///
    /// # Errors
    /// As [`Store::parked_deliveries`].
    pub async fn run_deliveries(&self, run: &str, ask: &ParkedAsk) -> Result<Vec<ToldDelivery>> {
        let mut ids = Rows::of(&DELIVERY_RUN, 5);
        for id in &ask.ids {
            ids.add(*id);
        }
        let since = ask.since.unwrap_or(Timestamp(i64::MIN));
        let (link, code) = (ask.link.as_ref(), ask.code.as_ref());
        let args = args![ask.after.unwrap_or(-1), link, code, ask.ids.is_empty(), ids, ask.limit, run, since];
        let mut work = self.pools().read().await?;
        let rows = work.rows(&DELIVERY_RUN, args).await?;
        let told = with_attempts(&mut work, &rows).await;
        work.undo().await?;
        told
    }

    /// One delivery, however far it got, with what its attempts brought.
    ///
    /// # Errors
    /// Where the database does not answer or the delivery cannot be read.
    pub async fn told_delivery(&self, id: DeliveryId) -> Result<Option<ToldDelivery>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&DELIVERY_GET, args![id]).await?;
        let told = with_attempts(&mut work, &rows).await;
        work.undo().await?;
        Ok(told?.pop())
    }

    /// What needs a person, by cause, most frequent first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn parked_causes(&self, ask: &ParkedAsk) -> Result<Vec<Cause>> {
        let mut work = self.pools().read().await?;
        let since = ask.since.unwrap_or(Timestamp(i64::MIN));
        let args = args![ask.link.as_ref(), ask.code.as_ref(), since, ask.limit];
        let rows = work.rows(&DELIVERY_CAUSES, args).await?;
        work.undo().await?;
        let cause = |row: &Row| {
            Ok(Cause {
                link: row.get(0)?,
                kind: row.get(1)?,
                object: row.get(2)?,
                code: row.get(3)?,
                detail: row.opened(4)?,
                count: row.get(5)?,
                first: row.get(6)?,
                last: row.get(7)?,
            })
        };
        rows.iter().map(cause).collect()
    }

    /// Gives a parked delivery new content and makes it due again; `false` where it is not parked (any more).
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn fix_delivery(
        &self,
        id: DeliveryId,
        operation: &Operation,
        by: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let mut work = self.pools().write(WriteLane::Background).await?;
        let rows = work.rows(&DELIVERY_FIX, args![id, crate::doc::text(operation)?, now]).await?;
        let Some(row) = rows.first() else {
            work.undo().await?;
            return Ok(false);
        };
        let link: LinkName = row.get(0)?;
        let mut notes = Rows::of(&ATTEMPT_PUT, 1);
        notes.add(id).add(row.get::<i64>(1)?).add(now).add("fixed").add(format!("changed by {by}"));
        notes.add(None::<Uuid>);
        work.run(&ATTEMPT_PUT, args![notes]).await?;
        work.commit().await?;
        self.bell().ring(vec![Topic::Outbox(link)]);
        Ok(true)
    }

    /// Makes parked deliveries due again (`after` does not count); returns how many. What their
    /// last attempt left unknown stays unknown: they are asked about before they are sent again. `run`: the command that wants it.
    ///
    /// # Errors
    /// Where the database does not answer; what was done until then stays done.
    pub async fn retry_deliveries(&self, ask: &ParkedAsk, run: Option<&str>, now: Timestamp) -> Result<u64> {
        self.release_parked(ask, now, (&DELIVERY_RETRY, Some(run)), None).await
    }

    /// Gives parked deliveries up: they count as settled, with a note that a person dropped them, and what waits behind
    /// them in their stream goes on. Returns how many.
    ///
    /// # Errors
    /// As [`Store::retry_deliveries`].
    pub async fn drop_deliveries(&self, ask: &ParkedAsk, now: Timestamp) -> Result<u64> {
        self.release_parked(ask, now, (&DELIVERY_DROP, None), Some("dropped")).await
    }

    async fn release_parked(
        &self,
        ask: &ParkedAsk,
        now: Timestamp,
        (statement, run): (&'static Statement, Option<Option<&str>>),
        class: Option<&str>,
    ) -> Result<u64> {
        let mut released = 0;
        let mut after = -1;
        let most = if ask.limit == 0 { u64::MAX } else { u64::from(ask.limit) };
        loop {
            let slice = u32::try_from((most - released).min(u64::from(SLICE))).unwrap_or(SLICE);
            if slice == 0 {
                return Ok(released);
            }
            let mut work = self.pools().write(WriteLane::Background).await?;
            let mut args = ask.args(statement, after, slice);
            args.push(Arg::from(now));
            args.extend(run.map(Arg::from));
            let rows = work.rows(statement, args).await?;
            if rows.is_empty() {
                work.undo().await?;
                return Ok(released);
            }
            let mut streams: BTreeSet<(LinkName, String)> = BTreeSet::new();
            let mut notes = Rows::of(&ATTEMPT_PUT, 1);
            for row in &rows {
                after = after.max(row.get(0)?);
                streams.insert((row.get(2)?, row.get(3)?));
                if let Some(class) = class {
                    notes.add(row.get::<DeliveryId>(1)?).add(row.get::<i64>(4)?).add(now);
                    notes.add(class).add("given up by a person").add(None::<Uuid>);
                }
            }
            if class.is_some() {
                let mut list = Rows::of(&DELIVERY_HEADS, 1);
                for (link, stream) in &streams {
                    list.add(link).add(stream);
                }
                work.run(&DELIVERY_HEADS, args![list]).await?;
                work.run(&ATTEMPT_PUT, args![notes]).await?;
            }
            work.commit().await?;
            released += u64::try_from(rows.len()).unwrap_or(0);
            let links: BTreeSet<LinkName> = streams.into_iter().map(|(link, _)| link).collect();
            self.bell().ring(links.into_iter().map(Topic::Outbox).collect());
        }
    }

    /// Captures that need a person, oldest first.
    ///
    /// # Errors
    /// Where the database does not answer or a capture cannot be read.
    pub async fn parked_captures(&self, after: Option<CaptureId>, limit: u32) -> Result<Vec<KeptCapture>> {
        let after = after.map_or_else(Uuid::nil, |after| after.uuid());
        let mut work = self.pools().read().await?;
        let rows = work.rows(&CAPTURE_PARKED, args![after, limit]).await?;
        work.undo().await?;
        rows.iter().map(capture_of).collect()
    }

    /// A capture that needs a person; none where it is not there, or needs nobody.
    ///
    /// # Errors
    /// Where the database does not answer or the capture cannot be read.
    pub async fn parked_capture(&self, id: CaptureId) -> Result<Option<KeptCapture>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&CAPTURE_HELD, args![id]).await?;
        work.undo().await?;
        rows.first().map(capture_of).transpose()
    }

    /// Makes parked captures due again (all, where `ids` is empty); returns how many.
    ///
    /// # Errors
    /// Where the database does not answer; what was done until then stays done.
    pub async fn retry_captures(&self, ids: &[CaptureId]) -> Result<u64> {
        let mut retried = 0;
        loop {
            let mut list = Rows::of(&CAPTURE_RETRY, 1);
            for id in ids {
                list.add(*id);
            }
            let mut work = self.pools().write(WriteLane::Background).await?;
            let changed = work.run(&CAPTURE_RETRY, args![list, ids.is_empty(), SLICE]).await?;
            if changed == 0 {
                work.undo().await?;
                return Ok(retried);
            }
            work.commit().await?;
            retried += changed;
            self.bell().ring(vec![Topic::Inbox]);
        }
    }
}
