//! Versions of the config: the one in force, what each said, and the one row that makes another one active.

use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

use crate::Store;
use crate::cell::{Rows, args};
use crate::engine::Work;
use crate::error::StoreError;
use crate::lanes::WriteLane;
use crate::statement::{
    CONFIG_ACTIVATE, CONFIG_ACTIVE, CONFIG_VERSION_ACTIVE, CONFIG_VERSION_PUT, CONFIG_VERSION_TRIM,
    DELIVERY_LINK_BACK, DELIVERY_LINK_GONE, DELIVERY_POLLS_BACK,
};
use crate::tx::Tx;

type Result<T> = std::result::Result<T, StoreError>;

/// Versions that are kept to be compared with.
const KEPT: i64 = 200;
/// The code under which deliveries wait whose system is not in the config any more.
pub const LINK_GONE: &str = "LL3010";
const GONE_WHY: &str =
    "its system is not in the config any more; it goes on by itself when it is there again";

/// A version of the config.
#[derive(Clone, Debug)]
pub struct Version<'a> {
    /// Its name: the hash of its files.
    pub hash: &'a str,
    /// What it says, without secrets.
    pub outline: &'a Json,
    /// The systems it speaks to.
    pub links: Vec<&'a LinkName>,
}

/// The version in force.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveVersion {
    /// Its name.
    pub hash: String,
    /// How many versions were made active before, and this one.
    pub epoch: i64,
    /// Since when.
    pub at: Timestamp,
    /// What it says; none where it was made active by a program that did not keep it.
    pub outline: Option<Json>,
}

impl Store {
    /// Makes a version active; returns its epoch. Nothing changes where it is active already. What is due at systems
    /// that are not in it waits ([`LINK_GONE`]), and goes on by itself under a version that has them again.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn activate(&self, version: &Version<'_>, now: Timestamp) -> Result<i64> {
        let mut work = self.pools().write(WriteLane::Hot).await?;
        let epoch = activate(&mut work, version, now).await?;
        work.commit().await?;
        Ok(epoch)
    }

    /// Hash and epoch of the active config.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn active_config(&self) -> Result<Option<(String, i64)>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&CONFIG_ACTIVE, args![]).await?;
        work.undo().await?;
        rows.first().map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
    }

    /// The version in force, with what it says.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn active_version(&self) -> Result<Option<ActiveVersion>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&CONFIG_VERSION_ACTIVE, args![]).await?;
        work.undo().await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let outline: Option<String> = row.get(3)?;
        Ok(Some(ActiveVersion {
            hash: row.get(0)?,
            epoch: row.get(1)?,
            at: row.get(2)?,
            outline: outline.and_then(|text| serde_json::from_str(&text).ok()),
        }))
    }
}

impl Tx {
    /// Makes a version active within this transaction: what is committed with it is decided under it.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn activate(&mut self, version: &Version<'_>, now: Timestamp) -> Result<i64> {
        activate(&mut self.work, version, now).await
    }
}

async fn activate(work: &mut Work, version: &Version<'_>, now: Timestamp) -> Result<i64> {
    if work.run(&CONFIG_ACTIVATE, args![version.hash, now]).await? > 0 {
        work.run(&CONFIG_VERSION_PUT, args![version.hash, now, version.outline.to_string()]).await?;
        work.run(&CONFIG_VERSION_TRIM, args![KEPT]).await?;
        let links = |statement| {
            let mut list = Rows::of(statement, 1);
            for link in &version.links {
                list.add(*link);
            }
            list
        };
        let gone = links(&DELIVERY_LINK_GONE);
        work.run(&DELIVERY_LINK_GONE, args![gone, LINK_GONE, GONE_WHY]).await?;
        let back = links(&DELIVERY_LINK_BACK);
        work.run(&DELIVERY_LINK_BACK, args![back, LINK_GONE, now]).await?;
        let polls = links(&DELIVERY_POLLS_BACK);
        work.run(&DELIVERY_POLLS_BACK, args![polls]).await?;
    }
    let rows = work.rows(&CONFIG_ACTIVE, args![]).await?;
    rows.first().map_or_else(|| Err(StoreError::unreadable("the active config")), |row| row.get(1))
}
