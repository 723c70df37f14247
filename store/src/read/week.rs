//! Counting what happened in a span of time, and marketing's share of what was won.

use leadloop_sync_core::time::Timestamp;

use crate::Store;
use crate::cell::args;
use crate::error::StoreError;
use crate::statement::{FUNNEL_SHARE, FUNNEL_WEEK};

type Result<T> = std::result::Result<T, StoreError>;

/// What happened in a span. Steps are counted when somebody reaches them for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HappenedRow {
    /// People who touched us for the first time.
    pub people: i64,
    /// People who became an MQL for the first time.
    pub mql_new: i64,
    /// People who became one again.
    pub mql_reactivated: i64,
    /// SQL: handed over.
    pub handed_over: i64,
    /// Accepted by sales.
    pub accepted: i64,
    /// Opportunities.
    pub opportunity: i64,
    /// Won.
    pub won: i64,
    /// Lost.
    pub lost: i64,
    /// What was won, in whole cents.
    pub cents: i64,
}

/// Opportunities of the CRMs that were won or paid for, in a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ShareRow {
    /// All that are won.
    pub deals: i64,
    /// Their amounts, in whole cents.
    pub cents: i64,
    /// Those that belong to a lead of the pool.
    pub deals_of_leads: i64,
    /// Their amounts.
    pub cents_of_leads: i64,
    /// What was paid so far for opportunities, in whole cents; 0 where no CRM tells it (`received` of `[[status]]`).
    pub received: i64,
    /// What was paid so far for those that belong to a lead of the pool.
    pub received_of_leads: i64,
}

impl Store {
    /// What happened in `[from, to)`.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn happened(&self, from: Timestamp, to: Timestamp) -> Result<HappenedRow> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&FUNNEL_WEEK, args![from, to]).await?;
        work.undo().await?;
        let Some(row) = rows.first() else { return Ok(HappenedRow::default()) };
        Ok(HappenedRow {
            people: row.get(0)?,
            mql_new: row.get(1)?,
            mql_reactivated: row.get(2)?,
            handed_over: row.get(3)?,
            accepted: row.get(4)?,
            opportunity: row.get(5)?,
            won: row.get(6)?,
            lost: row.get(7)?,
            cents: row.get(8)?,
        })
    }

    /// Won opportunities that were changed last in `[from, to)`, in all CRMs.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn won_share(&self, from: Timestamp, to: Timestamp) -> Result<ShareRow> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&FUNNEL_SHARE, args![from, to]).await?;
        work.undo().await?;
        let Some(row) = rows.first() else { return Ok(ShareRow::default()) };
        Ok(ShareRow {
            deals: row.get(0)?,
            cents: row.get(1)?,
            deals_of_leads: row.get(2)?,
            cents_of_leads: row.get(3)?,
            received: row.get(4)?,
            received_of_leads: row.get(5)?,
        })
    }
}
