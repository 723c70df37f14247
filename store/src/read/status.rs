//! How the product is doing: queue lengths, what is parked, what is late.

use leadloop_sync_core::effect::Alarm;
use leadloop_sync_core::ids::{LinkName, SourceName};
use leadloop_sync_core::time::Timestamp;

/// How many rows need a person, for one code.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkQueue {
    /// Which link.
    pub link: LinkName,
    /// Due now or later, first of their streams.
    pub due: i64,
    /// Waiting for an earlier one of their stream.
    pub waiting: i64,
    /// Under way.
    pub claimed: i64,
    /// Needing a person.
    pub parked: i64,
    /// When the oldest that is due became due.
    pub oldest_due: Option<Timestamp>,
}

/// How fresh the mirror of one object is.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq)]
pub struct RaisedAlarm {
    /// The alarm as last raised or cleared.
    pub alarm: Alarm,
    /// When it was raised first since its last all-clear.
    pub since: Timestamp,
    /// How often since then.
    pub count: i64,
}

/// How the product is doing.
#[derive(Clone, Debug, PartialEq, Default)]
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
