//! Counting the funnel: how many of a cohort ever reached each step.

use jiff::tz::TimeZone;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::time::Timestamp;

use crate::Store;
use crate::cell::{Row, Rows, args};
use crate::engine::Work;
use crate::error::StoreError;
use crate::statement::{FUNNEL, FUNNEL_DAYS, FUNNEL_LEADS, FUNNEL_SPAN, FUNNEL_TAGS, Statement, WON_TOUCHES};

type Result<T> = std::result::Result<T, StoreError>;

/// Most months of a funnel: more than a hundred years are a mistake in somebody's clock.
const MONTHS: usize = 1_200;

/// What one line of the funnel stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum FunnelBy {
    /// First channel.
    Channel,
    /// First source.
    Source,
    /// First campaign.
    Campaign,
    /// Part of the pool.
    Pool,
    /// How they came to be: by referral, a customer that asks again; else empty.
    Origin,
    /// Owner in the CRM (our key of the person where there is one, else the user id).
    Owner,
    /// Month of the first touch, in this zone.
    Month(TimeZone),
}

/// One line: a cohort of people and how far they ever got. Leads that were merged into others are not counted.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FunnelRow {
    /// The channel, source, campaign, owner or month; empty where there is none.
    pub name: String,
    /// Touches.
    pub captured: i64,
    /// People.
    pub people: i64,
    /// Ever MQL.
    pub mql: i64,
    /// Ever handed over.
    pub handed_over: i64,
    /// Ever accepted by sales, or further.
    pub accepted: i64,
    /// Ever an opportunity, or won.
    pub opportunity: i64,
    /// Ever won.
    pub won: i64,
    /// Ever lost.
    pub lost: i64,
    /// Resting now.
    pub resting: i64,
    /// Amount won, in whole cents.
    pub cents: i64,
    /// Of the MQLs, those that became one again after they had been one before.
    pub reactivated: i64,
}

/// Which people are counted: those whose first touch lies in `[from, to)`, in some parts of the pool.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FunnelSpan {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// Only in these parts of the pool; `None`: in all, and in none.
    pub pools: Option<Vec<String>>,
}

impl FunnelBy {
    const fn name(&self) -> &'static str {
        match self {
            FunnelBy::Channel => "channel",
            FunnelBy::Source => "source",
            FunnelBy::Campaign => "campaign",
            FunnelBy::Pool => "pool",
            FunnelBy::Origin => "origin",
            FunnelBy::Owner => "owner",
            FunnelBy::Month(_) => "month",
        }
    }
}

impl Store {
    /// Counts of the funnel, largest cohort first; months in their order.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn funnel(&self, by: &FunnelBy, span: FunnelSpan) -> Result<Vec<FunnelRow>> {
        let (from, to) = span.ends();
        let mut work = self.pools().read().await?;
        let months = months(&mut work, &FUNNEL, by, from, to).await?;
        let pools = span.pools(&FUNNEL, 6);
        let args = args![by.name(), from, to, months, span.pools.is_none(), pools];
        let rows = work.rows(&FUNNEL, args).await?;
        work.undo().await?;
        let mut counted = rows.iter().map(funnel_row).collect::<Result<Vec<_>>>()?;
        if matches!(by, FunnelBy::Month(_)) {
            counted.sort_by(|one, other| one.name.cmp(&other.name));
        }
        Ok(counted)
    }

    /// How long each step took on average, by what a line stands for.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn funnel_days(&self, by: &FunnelBy, span: FunnelSpan) -> Result<Vec<DaysRow>> {
        let (from, to) = span.ends();
        let mut work = self.pools().read().await?;
        let months = months(&mut work, &FUNNEL_DAYS, by, from, to).await?;
        let args = args![by.name(), from, to, months, span.pools.is_none(), span.pools(&FUNNEL_DAYS, 6)];
        let rows = work.rows(&FUNNEL_DAYS, args).await?;
        work.undo().await?;
        rows.iter()
            .map(|row| {
                let day = |place| row.get::<Option<f64>>(place).map(days);
                Ok(DaysRow { name: row.get(0)?, days: [day(1)?, day(2)?, day(3)?, day(4)?, day(5)?] })
            })
            .collect()
    }

    /// What sales answered how often: (what a line stands for; tag; count).
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn funnel_tags(&self, by: &FunnelBy, span: FunnelSpan) -> Result<Vec<(String, String, i64)>> {
        let (from, to) = span.ends();
        let mut work = self.pools().read().await?;
        let months = months(&mut work, &FUNNEL_TAGS, by, from, to).await?;
        let args = args![by.name(), from, to, months, span.pools.is_none(), span.pools(&FUNNEL_TAGS, 6)];
        let rows = work.rows(&FUNNEL_TAGS, args).await?;
        work.undo().await?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect()
    }

    /// The people behind one number of the funnel, the newest first: those of the line `name` that reached `step` (`people`,
    /// `resting`, `reactivated`, `amount`, or a stage).
    ///
    /// # Errors
    /// Where the database does not answer or a lead cannot be read.
    pub async fn funnel_leads(
        &self,
        by: &FunnelBy,
        span: FunnelSpan,
        name: &str,
        step: &str,
        limit: u32,
    ) -> Result<Vec<Lead>> {
        let (from, to) = span.ends();
        let mut work = self.pools().read().await?;
        let months = months(&mut work, &FUNNEL_LEADS, by, from, to).await?;
        let pools = span.pools(&FUNNEL_LEADS, 6);
        let args = args![by.name(), from, to, months, span.pools.is_none(), pools, name, step, limit];
        let rows = work.rows(&FUNNEL_LEADS, args).await?;
        work.undo().await?;
        rows.iter().map(|row| row.doc(0)).collect()
    }

    /// A page of won people with their touches until then, by their ids (`after`: the last of the page before).
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn won_touches(
        &self,
        by: &FunnelBy,
        span: &FunnelSpan,
        after: Option<LeadId>,
        limit: u32,
    ) -> Result<Vec<WonLead>> {
        let (from, to) = span.ends();
        let after = after.map_or_else(uuid::Uuid::nil, |after| after.uuid());
        let mut work = self.pools().read().await?;
        let pools = span.pools(&WON_TOUCHES, 7);
        let args = args![by.name(), from, to, after, limit, span.pools.is_none(), pools];
        let rows = work.rows(&WON_TOUCHES, args).await?;
        work.undo().await?;
        let mut won: Vec<WonLead> = Vec::new();
        for row in &rows {
            let lead: LeadId = row.get(0)?;
            if won.last().is_none_or(|last| last.lead != lead) {
                let (cents, won_at) = (row.get(1)?, row.get(2)?);
                won.push(WonLead { lead, cents, won_at, first: (row.get(4)?, row.get(3)?), touches: vec![] });
            }
            let (at, name): (Option<Timestamp>, Option<String>) = (row.get(5)?, row.get(6)?);
            if let (Some(at), Some(name), Some(last)) = (at, name, won.last_mut())
                && at <= last.won_at
            {
                last.touches.push((at, name));
            }
        }
        Ok(won)
    }
}

/// How long each step took on average, in days: to MQL, to sales, to the acceptance, to the opportunity, to the win.
#[derive(Clone, Debug, PartialEq)]
pub struct DaysRow {
    /// The channel, source, campaign, owner or month; empty where there is none.
    pub name: String,
    /// Days of each step; none where nobody took it.
    pub days: [Option<f64>; 5],
}

/// A person who was won, and what came before.
#[derive(Clone, Debug, PartialEq)]
pub struct WonLead {
    /// Who.
    pub lead: LeadId,
    /// The amount, in whole cents.
    pub cents: i64,
    /// When.
    pub won_at: Timestamp,
    /// The first touch that is known: when, and its channel, source or campaign.
    pub first: (Timestamp, String),
    /// Touches until then, oldest first: when, and their channel, source or campaign.
    pub touches: Vec<(Timestamp, String)>,
}

impl FunnelSpan {
    /// The parts of the pool as a parameter.
    pub(super) fn pools(&self, statement: &'static Statement, number: usize) -> Rows {
        let mut pools = Rows::of(statement, number);
        for pool in self.pools.iter().flatten() {
            pools.add(pool);
        }
        pools
    }

    pub(super) fn ends(&self) -> (Timestamp, Timestamp) {
        (self.from.unwrap_or(Timestamp(i64::MIN)), self.to.unwrap_or(Timestamp(i64::MAX)))
    }
}

fn days(micros: Option<f64>) -> Option<f64> {
    micros.map(|micros| micros / 86_400_000_000.0)
}

/// The months that lines stand for, where they do.
async fn months(
    work: &mut Work,
    statement: &'static Statement,
    by: &FunnelBy,
    from: Timestamp,
    to: Timestamp,
) -> Result<Rows> {
    let mut months = Rows::of(statement, 4);
    if let FunnelBy::Month(zone) = by {
        let span = work.rows(&FUNNEL_SPAN, args![from, to]).await?;
        if let Some(row) = span.first()
            && let (Some(first), Some(last)) = (row.get(0)?, row.get(1)?)
        {
            add_months(&mut months, first, last, zone);
        }
    }
    Ok(months)
}

/// The months from `first` to `last` in `zone`, as `2026-11` with their borders.
fn add_months(months: &mut Rows, first: Timestamp, last: Timestamp, zone: &TimeZone) {
    let mut month = first.in_zone(zone).date().first_of_month();
    for _ in 0..MONTHS {
        let Ok(next) = month.checked_add(jiff::Span::new().months(1)) else { return };
        let border = |day: jiff::civil::Date| {
            day.to_zoned(zone.clone()).map(|start| Timestamp::from(start.timestamp()))
        };
        let (Ok(from), Ok(to)) = (border(month), border(next)) else { return };
        if from > last {
            return;
        }
        months.add(month.strftime("%Y-%m").to_string()).add(from).add(to);
        month = next;
    }
}

fn funnel_row(row: &Row) -> Result<FunnelRow> {
    Ok(FunnelRow {
        name: row.get(0)?,
        captured: row.get(1)?,
        people: row.get(2)?,
        mql: row.get(3)?,
        handed_over: row.get(4)?,
        accepted: row.get(5)?,
        opportunity: row.get(6)?,
        won: row.get(7)?,
        lost: row.get(8)?,
        resting: row.get(9)?,
        cents: row.get(10)?,
        reactivated: row.get(11)?,
    })
}
