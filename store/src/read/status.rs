//! How the product is doing: queue lengths, what is parked, what is late.

use leadloop_sync_core::effect::Alarm;
use leadloop_sync_core::ids::{LinkName, SourceName};
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::Store;
use crate::cell::{Row, args};
use crate::engine::Work;
use crate::error::StoreError;
use crate::statement::{
    CONFIG_ACTIVE, STATUS_ALARMS, STATUS_DEADLINES, STATUS_HANDOFFS, STATUS_INBOX, STATUS_LINKS,
    STATUS_MIRRORS, STATUS_PARKED, STATUS_SOURCES, STATUS_STAGES,
};

type Result<T> = std::result::Result<T, StoreError>;

/// How many rows need a person, for one code.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ParkedCount {
    /// What is parked: `push`, `capture`, `record` (in quarantine), `delivery`, `handoff`.
    pub what: String,
    /// Of which source or link.
    pub whose: String,
    /// The error's code.
    pub code: String,
    /// How many.
    pub count: i64,
}

/// The queue of one link.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LinkQueue {
    /// Which link.
    pub link: LinkName,
    /// Due now or later, first of their streams; without the standing polls, which are always there.
    pub due: i64,
    /// Waiting for an earlier one of their stream.
    pub waiting: i64,
    /// Under way, without the polls.
    pub claimed: i64,
    /// Needing a person.
    pub parked: i64,
    /// When the oldest that is due became due.
    pub oldest_due: Option<Timestamp>,
}

/// How fresh the mirror of one object is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MirrorAge {
    /// Which CRM.
    pub link: LinkName,
    /// Which object.
    pub object: String,
    /// As of when.
    pub at: Timestamp,
    /// How many rows.
    pub rows: i64,
}

/// What one source did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SourceActivity {
    /// Which source.
    pub source: SourceName,
    /// When its last push arrived.
    pub last_push: Option<Timestamp>,
    /// When its last capture arrived.
    pub last_capture: Option<Timestamp>,
    /// Captures of the last hour.
    pub captures_hour: i64,
    /// Captures of the last day.
    pub captures_day: i64,
}

/// An alarm and how often it was raised.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct RaisedAlarm {
    /// The alarm as last raised or cleared.
    pub alarm: Alarm,
    /// When it was raised first since its last all-clear.
    pub since: Timestamp,
    /// How often since then.
    pub count: i64,
}

/// How the product is doing.
#[derive(Clone, Debug, PartialEq, Default, serde::Serialize)]
pub struct Status {
    /// Captures not yet absorbed.
    pub captures_due: i64,
    /// Arrival of the oldest of them.
    pub oldest_capture: Option<Timestamp>,
    /// What each source did.
    pub sources: Vec<SourceActivity>,
    /// The queues of the outbox.
    pub links: Vec<LinkQueue>,
    /// What needs a person.
    pub parked: Vec<ParkedCount>,
    /// Alarms that stand.
    pub alarms: Vec<RaisedAlarm>,
    /// The mirrors.
    pub mirrors: Vec<MirrorAge>,
    /// People by stage: (stage's stable name, number).
    pub stages: Vec<(String, i64)>,
    /// Hand-overs by state: (state's stable name, number).
    pub handoffs: Vec<(String, i64)>,
    /// Deadlines that have passed and were not handled yet.
    pub deadlines_late: i64,
    /// Hash and number of the active config.
    pub config: Option<(String, i64)>,
}

impl Store {
    /// How the product is doing.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn status(&self, now: Timestamp) -> Result<Status> {
        let mut work = self.pools().read().await?;
        let status = gather(&mut work, now).await;
        work.undo().await?;
        status
    }
}

async fn gather(work: &mut Work, now: Timestamp) -> Result<Status> {
    let (hour, day) = (now - Micros::hours(1), now - Micros::days(1));
    let inbox = work.rows(&STATUS_INBOX, args![]).await?;
    let sources = work.rows(&STATUS_SOURCES, args![hour, day]).await?;
    let links = work.rows(&STATUS_LINKS, args![now]).await?;
    let parked = work.rows(&STATUS_PARKED, args![]).await?;
    let alarms = work.rows(&STATUS_ALARMS, args![]).await?;
    let mirrors = work.rows(&STATUS_MIRRORS, args![]).await?;
    let stages = work.rows(&STATUS_STAGES, args![]).await?;
    let handoffs = work.rows(&STATUS_HANDOFFS, args![]).await?;
    let late = work.rows(&STATUS_DEADLINES, args![now]).await?;
    let config = work.rows(&CONFIG_ACTIVE, args![]).await?;
    let counts = |rows: &[Row]| -> Result<Vec<(String, i64)>> {
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
    };
    Ok(Status {
        captures_due: inbox.first().map_or(Ok(0), |row| row.get(0))?,
        oldest_capture: inbox.first().map_or(Ok(None), |row| row.get(1))?,
        sources: sources.iter().map(source_of).collect::<Result<_>>()?,
        links: links.iter().map(queue_of).collect::<Result<_>>()?,
        parked: parked
            .iter()
            .map(|row| {
                Ok(ParkedCount {
                    what: row.get(0)?,
                    whose: row.get(1)?,
                    code: row.get(2)?,
                    count: row.get(3)?,
                })
            })
            .collect::<Result<_>>()?,
        alarms: alarms.iter().map(alarm_of).collect::<Result<_>>()?,
        mirrors: mirrors
            .iter()
            .map(|row| {
                Ok(MirrorAge { link: row.get(0)?, object: row.get(1)?, at: row.get(2)?, rows: row.get(3)? })
            })
            .collect::<Result<_>>()?,
        stages: counts(&stages)?,
        handoffs: counts(&handoffs)?,
        deadlines_late: late.first().map_or(Ok(0), |row| row.get(0))?,
        config: config.first().map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()?,
    })
}

fn source_of(row: &Row) -> Result<SourceActivity> {
    Ok(SourceActivity {
        source: row.get(0)?,
        last_push: row.get(1)?,
        last_capture: row.get(2)?,
        captures_hour: row.get(3)?,
        captures_day: row.get(4)?,
    })
}

fn queue_of(row: &Row) -> Result<LinkQueue> {
    Ok(LinkQueue {
        link: row.get(0)?,
        due: row.get(1)?,
        waiting: row.get(2)?,
        claimed: row.get(3)?,
        parked: row.get(4)?,
        oldest_due: row.get(5)?,
    })
}

fn alarm_of(row: &Row) -> Result<RaisedAlarm> {
    let alarm = Alarm {
        key: row.get(0)?,
        code: row.get(1)?,
        detail: row.opened(2)?,
        raised: row.get(3)?,
        at: row.get(4)?,
    };
    Ok(RaisedAlarm { alarm, since: row.get(5)?, count: row.get(6)? })
}
