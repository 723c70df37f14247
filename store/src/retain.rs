//! Taking away what is old, in slices, so that nobody waits for it.

use leadloop_sync_core::time::Timestamp;
use uuid::Uuid;

use crate::Store;
use crate::cell::{Cell, args};
use crate::engine::Lines;
use crate::error::{StoreError, of_driver};
use crate::event_keys;
use crate::lanes::WriteLane;
use crate::statement::{
    RETAIN_ATTEMPT, RETAIN_BEFORE, RETAIN_CAPTURE, RETAIN_CONVERSATION, RETAIN_DECISION, RETAIN_DEDUP,
    RETAIN_DELIVERY, RETAIN_EVENT_KEY, RETAIN_EVENT_KEY_LATE, RETAIN_PUSH, RETAIN_QUARANTINE, RETAIN_REASON,
    RETAIN_SHADOW, Statement,
};

type Result<T> = std::result::Result<T, StoreError>;

/// Pages that SQLite gives back to the file system after a slice.
const PAGES: &str = "PRAGMA incremental_vacuum(256)";

/// What is older than these times goes; `None` keeps it. What is due, open or parked stays whatever its age.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Retention {
    /// Raw pushes, and records in quarantine that are resolved.
    pub pushes: Option<Timestamp>,
    /// Captures that were absorbed.
    pub captures: Option<Timestamp>,
    /// Settled deliveries, and what stood in the CRMs before them.
    pub deliveries: Option<Timestamp>,
    /// What attempts brought.
    pub attempts: Option<Timestamp>,
    /// What was said to systems.
    pub conversations: Option<Timestamp>,
    /// Decisions with their inputs.
    pub decisions: Option<Timestamp>,
    /// Reasons.
    pub reasons: Option<Timestamp>,
    /// Content keys whose window passed before this time, and keys of counted events that are too old then.
    pub keys: Option<Timestamp>,
}

impl Store {
    /// Takes away at most `slice` rows of each kind; returns how many went. Call again until it is 0. A slice of 500
    /// holds the writer for a few milliseconds.
    ///
    /// # Errors
    /// Where the database does not answer; what went until then is gone.
    pub async fn retain(&self, retention: &Retention, slice: u32) -> Result<u64> {
        let by_id: [(&'static Statement, Option<Timestamp>); 5] = [
            (&RETAIN_PUSH, retention.pushes),
            (&RETAIN_QUARANTINE, retention.pushes),
            (&RETAIN_CAPTURE, retention.captures),
            (&RETAIN_CONVERSATION, retention.conversations),
            (&RETAIN_DELIVERY, retention.deliveries),
        ];
        let by_time: [(&'static Statement, Option<Timestamp>); 6] = [
            (&RETAIN_ATTEMPT, retention.attempts),
            (&RETAIN_BEFORE, retention.deliveries),
            (&RETAIN_DECISION, retention.decisions),
            (&RETAIN_SHADOW, retention.decisions),
            (&RETAIN_REASON, retention.reasons),
            (&RETAIN_DEDUP, retention.keys),
        ];
        let mut gone = 0;
        for (statement, before) in by_id {
            if let Some(before) = before {
                gone += self.take_away(statement, Cell::from(first_id_at(before)), slice).await?;
            }
        }
        for (statement, before) in by_time {
            if let Some(before) = before {
                gone += self.take_away(statement, Cell::from(before), slice).await?;
            }
        }
        if let Some(now) = retention.keys {
            let (minute, late) = event_keys::forgotten_before(now);
            gone += self.take_away(&RETAIN_EVENT_KEY, Cell::from(minute), slice).await?;
            gone += self.take_away(&RETAIN_EVENT_KEY_LATE, Cell::from(late), slice).await?;
        }
        if gone > 0 {
            self.give_back().await?;
        }
        Ok(gone)
    }

    async fn take_away(&self, statement: &'static Statement, before: Cell, slice: u32) -> Result<u64> {
        let mut work = self.pools().write(WriteLane::Background).await?;
        let gone = work.run(statement, args![before, slice]).await?;
        if gone == 0 {
            work.undo().await?;
        } else {
            work.commit().await?;
        }
        Ok(gone)
    }

    /// Gives free pages of an SQLite file back to the file system.
    async fn give_back(&self) -> Result<()> {
        let Lines::Sqlite { writer, lanes, .. } = &self.pools().lines else { return Ok(()) };
        let _turn = lanes.enter(WriteLane::Background).await;
        let done = sqlx::query(PAGES).fetch_all(writer).await;
        done.map(drop).map_err(|error| of_driver("incremental_vacuum", &error))
    }
}

/// The smallest id ([`leadloop_sync_core::moment::Moment::id`]) of a time.
fn first_id_at(time: Timestamp) -> Uuid {
    let millis = u64::try_from(time.0 / 1_000).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
    Uuid::from_u64_pair((millis << 16) | 0x7000, 0x8000_0000_0000_0000)
}

#[cfg(test)]
mod tests {
    use leadloop_sync_core::ids::PushId;
    use leadloop_sync_core::moment::Moment;

    use super::*;

    #[test]
    fn ids_of_a_time_begin_there() {
        let id = |micros: i64| -> PushId { Moment::new(Timestamp(micros), 1).id() };
        let first = first_id_at(Timestamp(1_795_392_000_123_456));
        assert!(id(1_795_392_000_122_999).uuid() < first);
        assert!(id(1_795_392_000_123_456).uuid() > first);
    }
}
