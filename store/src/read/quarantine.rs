//! Records and pushes that need a person: to list, to show, to fix, to take up again.

use std::collections::BTreeMap;

use leadloop_mapping::Record;
use leadloop_sync_core::capture::Quarantined;
use leadloop_sync_core::ids::{PushId, SourceName};
use leadloop_sync_core::time::Timestamp;
use uuid::Uuid;

use crate::Store;
use crate::cell::{Row, args};
use crate::doc::text;
use crate::error::StoreError;
use crate::inbox::PushState;
use crate::lanes::WriteLane;
use crate::statement::{
    PUSH_DROP, PUSH_GET, PUSH_PARKED, QUARANTINE_FIX, QUARANTINE_GET, QUARANTINE_LIST, QUARANTINE_RESOLVE,
};

type Result<T> = std::result::Result<T, StoreError>;

/// A record in quarantine.
#[derive(Clone, Debug, PartialEq)]
pub struct QuarantinedRecord {
    /// With which push it came.
    pub push: PushId,
    /// Of which source.
    pub source: SourceName,
    /// When it was put there.
    pub at: Timestamp,
    /// The record and what is wrong with it.
    pub record: Quarantined,
    /// Whether somebody changed its fields since.
    pub fixed: bool,
}

/// A push as it was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPush {
    /// Its id.
    pub id: PushId,
    /// Which source pushed it.
    pub source: SourceName,
    /// When it arrived.
    pub arrived: Timestamp,
    /// `POST`, `GET` or `FILE`.
    pub method: String,
    /// Path and query, or the name of the file.
    pub path: String,
    /// Headers that were kept.
    pub headers: BTreeMap<String, String>,
    /// The body as it came; empty once retention took it.
    pub body: Vec<u8>,
    /// Hash of the config it was last read under.
    pub config: String,
    /// How far reading got.
    pub state: PushState,
}

/// Which rows to list. Pages go by key: give the last one's push and place to go on.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct QuarantineAsk {
    /// Only of this source.
    pub source: Option<SourceName>,
    /// Only with this code.
    pub code: Option<String>,
    /// After this one.
    pub after: Option<(PushId, u32)>,
    /// At most so many.
    pub limit: u32,
}

impl Store {
    /// Records in quarantine, oldest push first.
    ///
    /// # Errors
    /// Where the database does not answer or a record cannot be read.
    pub async fn quarantine(&self, ask: &QuarantineAsk) -> Result<Vec<QuarantinedRecord>> {
        let (push, place) =
            ask.after.map_or((Uuid::nil(), -1), |(push, place)| (push.uuid(), i64::from(place)));
        let source = ask.source.as_ref();
        let args = args![push, place, source, ask.code.as_ref(), ask.limit];
        let mut work = self.pools().read().await?;
        let rows = work.rows(&QUARANTINE_LIST, args).await?;
        work.undo().await?;
        rows.iter().map(record_of).collect()
    }

    /// One record in quarantine.
    ///
    /// # Errors
    /// As [`Store::quarantine`].
    pub async fn quarantined(&self, push: PushId, position: u32) -> Result<Option<QuarantinedRecord>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&QUARANTINE_GET, args![push, position]).await?;
        work.undo().await?;
        rows.first().map(record_of).transpose()
    }

    /// Changes fields of a record in quarantine, in the source's words. To take it up again, read it under today's
    /// config and [`Store::keep`] its push with `resolves`. `false` where there is no such record.
    ///
    /// # Errors
    /// As [`Store::quarantine`].
    pub async fn fix_record(&self, push: PushId, position: u32, fields: &Record) -> Result<bool> {
        let mut work = self.pools().write(WriteLane::Hot).await?;
        let rows = work.rows(&QUARANTINE_GET, args![push, position]).await?;
        let Some(mut found) = rows.first().map(record_of).transpose()? else {
            work.undo().await?;
            return Ok(false);
        };
        found.record.raw.fields.0.extend(fields.0.clone());
        let fixed = work.run(&QUARANTINE_FIX, args![push, position, text(&found.record.raw)?]).await?;
        work.commit().await?;
        Ok(fixed > 0)
    }

    /// Gives a record in quarantine up: it stays in its push, but nobody is asked about it any more.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn drop_record(&self, push: PushId, position: u32) -> Result<bool> {
        let mut list = crate::cell::Rows::of(&QUARANTINE_RESOLVE, 1);
        list.add(push).add(position);
        let mut work = self.pools().write(WriteLane::Hot).await?;
        let dropped = work.run(&QUARANTINE_RESOLVE, args![list]).await?;
        work.commit().await?;
        Ok(dropped > 0)
    }

    /// A push as it was kept.
    ///
    /// # Errors
    /// Where the database does not answer or the push cannot be read.
    pub async fn push(&self, id: PushId) -> Result<Option<StoredPush>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&PUSH_GET, args![id]).await?;
        work.undo().await?;
        rows.first().map(push_of).transpose()
    }

    /// Pushes that could not be read at all, oldest first (`after` goes by the push alone).
    ///
    /// # Errors
    /// As [`Store::push`].
    pub async fn parked_pushes(&self, ask: &QuarantineAsk) -> Result<Vec<StoredPush>> {
        let after = ask.after.map_or_else(Uuid::nil, |(push, _)| push.uuid());
        let mut work = self.pools().read().await?;
        let args = args![after, ask.source.as_ref(), ask.code.as_ref(), ask.limit];
        let rows = work.rows(&PUSH_PARKED, args).await?;
        work.undo().await?;
        rows.iter().map(push_of).collect()
    }

    /// Gives a parked push up: it stays kept, but nobody is asked about it any more.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn drop_push(&self, id: PushId) -> Result<bool> {
        let mut work = self.pools().write(WriteLane::Hot).await?;
        let dropped = work.run(&PUSH_DROP, args![id]).await?;
        work.commit().await?;
        Ok(dropped > 0)
    }
}

/// Columns: push, place, source, at, code, detail, fixed, body.
fn record_of(row: &Row) -> Result<QuarantinedRecord> {
    let record =
        Quarantined { position: row.get(1)?, code: row.get(4)?, detail: row.opened(5)?, raw: row.doc(7)? };
    Ok(QuarantinedRecord {
        push: row.get(0)?,
        source: row.get(2)?,
        at: row.get(3)?,
        record,
        fixed: row.get(6)?,
    })
}

/// Columns: id, source, arrived, method, path, headers, body, config, state, code, detail.
fn push_of(row: &Row) -> Result<StoredPush> {
    let state: String = row.get(8)?;
    let state = if state == "parked" {
        PushState::Parked {
            code: row.get::<Option<String>>(9)?.unwrap_or_default(),
            detail: row.maybe_opened(10)?.unwrap_or_default(),
        }
    } else {
        PushState::Read
    };
    Ok(StoredPush {
        id: row.get(0)?,
        source: row.get(1)?,
        arrived: row.get(2)?,
        method: row.get(3)?,
        path: row.opened(4)?,
        headers: row.doc(5)?,
        body: row.opened_bytes(6)?,
        config: row.get(7)?,
        state,
    })
}
