//! Counting the funnel: how many of a cohort ever reached each step.

use jiff::tz::TimeZone;
use leadloop_sync_core::time::Timestamp;

use crate::Store;
use crate::cell::{Row, Rows, args};
use crate::error::StoreError;
use crate::statement::{FUNNEL, FUNNEL_SPAN};

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
    /// Amount won.
    pub amount: f64,
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
        let (from, to) = (span.from.unwrap_or(Timestamp(i64::MIN)), span.to.unwrap_or(Timestamp(i64::MAX)));
        let mut work = self.pools().read().await?;
        let mut months = Rows::of(&FUNNEL, 4);
        if let FunnelBy::Month(zone) = by {
            let ends = work.rows(&FUNNEL_SPAN, args![from, to]).await?;
            if let Some(row) = ends.first()
                && let (Some(first), Some(last)) = (row.get(0)?, row.get(1)?)
            {
                add_months(&mut months, first, last, zone);
            }
        }
        let mut pools = Rows::of(&FUNNEL, 6);
        for pool in span.pools.iter().flatten() {
            pools.add(pool);
        }
        let args = args![by.name(), from, to, months, span.pools.is_none(), pools];
        let rows = work.rows(&FUNNEL, args).await?;
        work.undo().await?;
        let mut counted = rows.iter().map(funnel_row).collect::<Result<Vec<_>>>()?;
        if matches!(by, FunnelBy::Month(_)) {
            counted.sort_by(|one, other| one.name.cmp(&other.name));
        }
        Ok(counted)
    }
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
        amount: row.get(10)?,
    })
}
