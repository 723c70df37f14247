//! Counting the funnel: how many of a cohort ever reached each step.

use jiff::tz::TimeZone;
use leadloop_sync_core::time::Timestamp;

/// What one line of the funnel stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum FunnelBy {
    /// First channel.
    Channel,
    /// First source.
    Source,
    /// First campaign.
    Campaign,
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

/// Which people are counted: those whose first touch lies in `[from, to)`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FunnelSpan {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}
