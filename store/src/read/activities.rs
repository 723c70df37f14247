//! Counting activities: who looked, registered, was there, and what became of them.

use leadloop_sync_core::activity::ActivityPolicy;
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::time::Timestamp;

use crate::Store;
use crate::cell::{Row, Rows, args};
use crate::error::StoreError;
use crate::read::funnel::FunnelSpan;
use crate::statement::{FUNNEL_EVENT_LEADS, FUNNEL_EVENTS, Statement};

type Result<T> = std::result::Result<T, StoreError>;

/// One activity (webinar, live stream, fair). What came after counts from a person's first touch of it on.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ActivityRow {
    /// Its name, or the code of its campaign.
    pub name: String,
    /// Its first touch.
    pub first: Option<Timestamp>,
    /// Views.
    pub views: i64,
    /// People who registered.
    pub registered: i64,
    /// People who were there.
    pub attended: i64,
    /// People who registered and were there.
    pub came: i64,
    /// People with any touch of it.
    pub people: i64,
    /// Of them, people who were not known before.
    pub fresh: i64,
    /// People who became an MQL.
    pub mql: i64,
    /// People who were handed over.
    pub handed_over: i64,
    /// People who were won.
    pub won: i64,
    /// What they brought, in whole cents.
    pub cents: i64,
}

impl Store {
    /// Activities with a touch in the span, the latest first. `span` is about touches here, not about first touches.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn activities(&self, policy: &ActivityPolicy, span: &FunnelSpan) -> Result<Vec<ActivityRow>> {
        let (from, to) = span.ends();
        let kinds = kinds(policy, &FUNNEL_EVENTS);
        let args = args![from, to, kinds, span.pools.is_none(), span.pools(&FUNNEL_EVENTS, 5)];
        let mut work = self.pools().read().await?;
        let rows = work.rows(&FUNNEL_EVENTS, args).await?;
        work.undo().await?;
        rows.iter().map(activity).collect()
    }

    /// The people behind one number of an activity, the newest first: those who reached `step` (`people`, `viewed`,
    /// `registered`, `attended`, `new`, `amount`, or a stage).
    ///
    /// # Errors
    /// Where the database does not answer or a lead cannot be read.
    pub async fn activity_leads(
        &self,
        policy: &ActivityPolicy,
        span: &FunnelSpan,
        name: &str,
        step: &str,
        limit: u32,
    ) -> Result<Vec<Lead>> {
        let (from, to) = span.ends();
        let kinds = kinds(policy, &FUNNEL_EVENT_LEADS);
        let pools = span.pools(&FUNNEL_EVENT_LEADS, 5);
        let args = args![from, to, kinds, span.pools.is_none(), pools, name, step, limit];
        let mut work = self.pools().read().await?;
        let rows = work.rows(&FUNNEL_EVENT_LEADS, args).await?;
        work.undo().await?;
        rows.iter().map(|row| row.doc(0)).collect()
    }
}

fn kinds(policy: &ActivityPolicy, statement: &'static Statement) -> Rows {
    let mut kinds = Rows::of(statement, 3);
    for (kind, step) in &policy.kinds {
        kinds.add(kind).add(*step as i64);
    }
    kinds
}

fn activity(row: &Row) -> Result<ActivityRow> {
    Ok(ActivityRow {
        name: row.get(0)?,
        first: row.get(1)?,
        views: row.get(2)?,
        registered: row.get(3)?,
        attended: row.get(4)?,
        came: row.get(5)?,
        people: row.get(6)?,
        fresh: row.get(7)?,
        mql: row.get(8)?,
        handed_over: row.get(9)?,
        won: row.get(10)?,
        cents: row.get(11)?,
    })
}
