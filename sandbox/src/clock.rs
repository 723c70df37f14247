//! The only place where the sandbox looks at the clock of the machine.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The sandbox's own time: the machine's, shifted by the option `clock_skew_secs`, or that of a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    skew: i64,
    /// In a simulation: the time it was at a moment of the runtime's clock.
    played: Option<(i64, Instant)>,
}

impl Clock {
    pub(crate) fn skewed_by(secs: i64) -> Self {
        Self { skew: secs.saturating_mul(1_000_000), played: None }
    }

    /// It is `now`, and time passes as it does for the runtime.
    pub(crate) fn played_from(now: i64) -> Self {
        Self { skew: 0, played: Some((now, Instant::now())) }
    }

    /// Microseconds since 1970-01-01 UTC.
    pub(crate) fn now(self) -> i64 {
        if let Some((from, begun)) = self.played {
            return from.saturating_add(i64::try_from(begun.elapsed().as_micros()).unwrap_or(i64::MAX));
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX).saturating_add(self.skew)
    }
}

/// Microseconds as `2026-11-23T13:20:00.123456Z`.
pub(crate) fn rfc3339(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map(|stamp| stamp.to_string()).unwrap_or_default()
}
