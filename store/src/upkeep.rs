//! Upkeep: leases between nodes, backups, and taking away what is old.

use std::collections::BTreeMap;
use std::path::Path;

use leadloop_sync_core::time::{Micros, Timestamp};
use sqlx::{Connection as _, SqliteConnection};

use crate::Store;
use crate::cell::{Rows, args};
use crate::engine::{Lines, Pools, Work, sqlite_writer};
use crate::error::{StoreError, code, of_driver};
use crate::lanes::WriteLane;
use crate::statement::{
    CLOCK, DATABASE_IDENTITY, DELIVERY_ASK_FIRST, LEASE_NOTE, LEASE_TAKE, META_FIRST, META_GET, META_PUT,
};

type Result<T> = std::result::Result<T, StoreError>;

/// Says that the store was made from a backup and may not send yet.
const RESTORED: &str = "restored";
/// Which PostgreSQL database this is: another number than the stored one means that it was made from a dump.
const DATABASE: &str = "database";

/// A lease that a node holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    /// What is leased: `link/NAME`, `shard/7`.
    pub name: String,
    /// Who holds it.
    pub holder: String,
    /// Until when, by the database's clock.
    pub until: Timestamp,
    /// What was noted with it: used parts of rate windows, for a successor.
    pub note: serde_json::Value,
}

impl Store {
    /// The time by the database's clock: leases and claims of several nodes go by it.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn clock(&self) -> Result<Timestamp> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&CLOCK, args![]).await?;
        work.undo().await?;
        rows.first().map_or_else(|| Err(StoreError::unreadable("the clock")), |row| row.get(0))
    }

    /// Takes or extends leases for `length` from now by the database's clock; returns those that `holder` has now.
    /// What the former holder noted comes with them.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn lease(&self, names: &[String], holder: &str, length: Micros) -> Result<Vec<Lease>> {
        let mut list = Rows::of(&LEASE_TAKE, 1);
        for name in names.iter().collect::<std::collections::BTreeSet<_>>() {
            list.add(name);
        }
        let mut work = self.pools().write(WriteLane::Hot).await?;
        let rows = work.rows(&LEASE_TAKE, args![list, holder, length.0]).await?;
        work.commit().await?;
        let mut leases = rows
            .iter()
            .map(|row| {
                Ok(Lease {
                    name: row.get(0)?,
                    holder: row.get(1)?,
                    until: row.get(2)?,
                    note: row.plain_doc(3)?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        leases.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(leases)
    }

    /// Notes something with leases that `holder` has; with `release` they are free at once.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn note_leases(
        &self,
        holder: &str,
        notes: &BTreeMap<String, serde_json::Value>,
        release: bool,
    ) -> Result<()> {
        let mut list = Rows::of(&LEASE_NOTE, 1);
        for (name, note) in notes {
            list.add(name).add(note.to_string());
        }
        let mut work = self.pools().write(WriteLane::Hot).await?;
        work.run(&LEASE_NOTE, args![list, holder, release]).await?;
        work.commit().await
    }

    /// A copy of an SQLite store in a new file, consistent, while work goes on. A store opened from the copy says
    /// that it was [`Store::restored`].
    ///
    /// # Errors
    /// Where the file cannot be written, is there already, or the store is on PostgreSQL (use `pg_dump`).
    pub async fn backup(&self, file: &Path) -> Result<()> {
        copy_to(self.pools(), file).await?;
        let failed = |error: sqlx::Error| {
            StoreError::unavailable(code::BACKUP, format!("the backup {}: {error}", file.display()))
        };
        let options = sqlite_writer(file, true).create_if_missing(false);
        let mut copy = SqliteConnection::connect_with(&options).await.map_err(failed)?;
        sqlx::query("INSERT INTO meta (key, value) VALUES ('restored', 'yes') ON CONFLICT (key) DO NOTHING")
            .execute(&mut copy)
            .await
            .map_err(failed)?;
        copy.close().await.map_err(failed)
    }

    /// Whether this store was made from a backup and nobody said yet that it may send ([`Store::set_live`]): what was
    /// sent since the backup is not known to it.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn restored(&self) -> Result<bool> {
        let mut work = self.pools().read().await?;
        let restored = meta(&mut work, RESTORED).await?.is_some_and(|value| value == "yes");
        work.undo().await?;
        Ok(restored)
    }

    /// Marks every create that is not settled as one of unknown outcome: it is looked for by its mark before it is sent.
    /// Returns how many.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn ask_before_creating(&self) -> Result<u64> {
        let mut work = self.pools().write(WriteLane::Hot).await?;
        let asked = work.run(&DELIVERY_ASK_FIRST, args![]).await?;
        work.commit().await?;
        Ok(asked)
    }

    /// Says that a restored store may send again.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn set_live(&self) -> Result<()> {
        let mut work = self.pools().write(WriteLane::Hot).await?;
        work.run(&META_PUT, args![RESTORED, "no"]).await?;
        work.commit().await
    }

    /// What is kept under a name of the store's own; `first` is kept where nothing is.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn keep_meta(&self, key: &str, first: &str) -> Result<String> {
        let mut work = self.pools().write(WriteLane::Hot).await?;
        if let Some(kept) = meta(&mut work, key).await? {
            work.undo().await?;
            return Ok(kept);
        }
        work.run(&META_FIRST, args![key, first]).await?;
        let kept = meta(&mut work, key).await?;
        work.commit().await?;
        kept.ok_or_else(|| StoreError::unreadable("what was kept just now"))
    }

    /// Keeps something under a name of the store's own.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn set_meta(&self, key: &str, value: &str) -> Result<()> {
        let mut work = self.pools().write(WriteLane::Hot).await?;
        work.run(&META_PUT, args![key, value]).await?;
        work.commit().await
    }

    /// PostgreSQL cannot mark a dump. But what is made from one is another database, and its number tells.
    pub(crate) async fn notice_restore(&self) -> Result<()> {
        let mut work = self.pools().write(WriteLane::Hot).await?;
        let rows = work.rows(&DATABASE_IDENTITY, args![]).await?;
        let Some(now) = rows.first().map(|row| row.get::<String>(0)).transpose()? else {
            return work.undo().await;
        };
        match meta(&mut work, DATABASE).await? {
            Some(before) if before == now => return work.undo().await,
            Some(_) => {
                work.run(&META_PUT, args![RESTORED, "yes"]).await?;
            }
            None => {}
        }
        work.run(&META_PUT, args![DATABASE, now]).await?;
        work.commit().await
    }
}

impl Store {
    /// A small text that is kept beside the data, by its name.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn meta(&self, key: &str) -> Result<Option<String>> {
        let mut work = self.pools().read().await?;
        let found = meta(&mut work, key).await;
        work.undo().await?;
        found
    }

    /// Keeps a small text beside the data.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn put_meta(&self, key: &str, value: &str) -> Result<()> {
        let mut work = self.pools().write(WriteLane::Background).await?;
        work.run(&META_PUT, args![key, value]).await?;
        work.commit().await
    }
}

async fn meta(work: &mut Work, key: &str) -> Result<Option<String>> {
    let rows = work.rows(&META_GET, args![key]).await?;
    rows.first().map(|row| row.get(0)).transpose()
}

/// Copies an SQLite store into a new file.
pub(crate) async fn copy_to(pools: &Pools, file: &Path) -> Result<()> {
    let Lines::Sqlite { options, .. } = &pools.lines else {
        let detail = "leadloop copies SQLite stores only; back a PostgreSQL store up with pg_dump";
        return Err(StoreError::unavailable(code::BACKUP, detail));
    };
    let failed =
        |why: String| StoreError::unavailable(code::BACKUP, format!("the copy {}: {why}", file.display()));
    if file.exists() {
        return Err(failed("there is such a file already; name another or take it away".into()));
    }
    let Some(path) = file.to_str() else { return Err(failed("its name is not UTF-8".into())) };
    // A connection of its own: the copy may take long, and a reader of the pool would be missed.
    let mut own = SqliteConnection::connect_with(options).await.map_err(|error| of_driver("copy", &error))?;
    let done = sqlx::query("VACUUM INTO $1").bind(path).execute(&mut own).await;
    done.map_err(|error| failed(error.to_string()))?;
    own.close().await.map_err(|error| failed(error.to_string()))
}
