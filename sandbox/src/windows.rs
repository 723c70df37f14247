//! Request windows and the daily quota: how many requests were let in, and when the next may come.

use crate::options::{Limits, WindowKind};
use std::collections::VecDeque;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 86_400 * SECOND;

/// Which window is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Second,
    Minute,
    Concurrent,
    Day,
}

impl Full {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Concurrent => "concurrent",
            Self::Day => "day",
        }
    }
}

/// What the windows say to one request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    /// Limit, remaining and seconds to reset of the tightest window.
    pub(crate) tightest: Option<(u32, u32, u64)>,
    /// Limit and remaining of the day.
    pub(crate) quota: Option<(u32, u32)>,
}

/// All windows of the sandbox.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    second: Window,
    minute: Window,
    day: (i64, u32),
    in_flight: u32,
}

/// One window: the moments of requests let in, or a count since a full unit.
#[derive(Debug, Default)]
struct Window {
    stamps: VecDeque<i64>,
    unit: i64,
    count: u32,
}

impl Window {
    /// Requests inside, and microseconds until one more fits when it is full.
    fn used(&mut self, kind: WindowKind, span: i64, now: i64) -> (u32, i64) {
        match kind {
            WindowKind::Sliding => {
                while self.stamps.front().is_some_and(|first| *first <= now - span) {
                    self.stamps.pop_front();
                }
                let wait = self.stamps.front().map_or(0, |first| first + span - now);
                (u32::try_from(self.stamps.len()).unwrap_or(u32::MAX), wait)
            }
            WindowKind::Fixed => {
                let unit = now.div_euclid(span);
                if unit != self.unit {
                    self.unit = unit;
                    self.count = 0;
                }
                (self.count, (unit + 1) * span - now)
            }
        }
    }

    fn enter(&mut self, kind: WindowKind, now: i64) {
        match kind {
            WindowKind::Sliding => self.stamps.push_back(now),
            WindowKind::Fixed => self.count += 1,
        }
    }
}

impl Windows {
    /// Let a request in, or say which window is full and for how many seconds.
    pub(crate) fn enter(
        &mut self,
        limits: Limits,
        kind: WindowKind,
        now: i64,
    ) -> Result<State, (Full, u64, State)> {
        let mut state = State::default();
        let mut refusal = None;
        if let Some(limit) = limits.concurrent.filter(|limit| self.in_flight >= *limit) {
            refusal = Some((Full::Concurrent, 1));
            state.tightest = Some((limit, 0, 1));
        }
        let spans = [
            (limits.per_second, SECOND, Full::Second, &mut self.second),
            (limits.per_minute, MINUTE, Full::Minute, &mut self.minute),
        ];
        for (limit, span, full, window) in spans {
            let Some(limit) = limit else { continue };
            let (used, wait) = window.used(kind, span, now);
            let wait_secs = ceil_secs(wait);
            if used >= limit {
                refusal = Some((full, wait_secs));
            }
            let left = limit.saturating_sub(used);
            if state.tightest.is_none_or(|(_, tightest, _)| left < tightest) {
                state.tightest = Some((limit, left, wait_secs));
            }
        }
        if let Some(limit) = limits.per_day {
            let today = now.div_euclid(DAY);
            if self.day.0 != today {
                self.day = (today, 0);
            }
            state.quota = Some((limit, limit.saturating_sub(self.day.1)));
            if self.day.1 >= limit {
                refusal = Some((Full::Day, ceil_secs((today + 1) * DAY - now)));
            }
        }
        if let Some((full, secs)) = refusal {
            return Err((full, secs, state));
        }
        self.admit(limits, kind, now);
        state.tightest = state.tightest.map(|(limit, left, secs)| (limit, left.saturating_sub(1), secs));
        state.quota = state.quota.map(|(limit, left)| (limit, left.saturating_sub(1)));
        Ok(state)
    }

    fn admit(&mut self, limits: Limits, kind: WindowKind, now: i64) {
        if limits.per_second.is_some() {
            self.second.enter(kind, now);
        }
        if limits.per_minute.is_some() {
            self.minute.enter(kind, now);
        }
        let today = now.div_euclid(DAY);
        self.day = if self.day.0 == today { (today, self.day.1 + 1) } else { (today, 1) };
        self.in_flight += 1;
    }

    /// A request that was let in is over.
    pub(crate) fn leave(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Requests let in today (UTC).
    pub(crate) fn used_today(&self, now: i64) -> u32 {
        if self.day.0 == now.div_euclid(DAY) { self.day.1 } else { 0 }
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Forget what was used; what is in flight stays.
    pub(crate) fn forget(&mut self) {
        *self = Self { in_flight: self.in_flight, ..Self::default() };
    }
}

fn ceil_secs(micros: i64) -> u64 {
    u64::try_from(micros.max(0)).unwrap_or(0).div_ceil(1_000_000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_second: u32) -> Limits {
        Limits { per_second: Some(per_second), ..Limits::default() }
    }

    #[test]
    fn a_sliding_second_never_holds_more_than_its_limit() {
        let mut windows = Windows::default();
        let mut admitted = Vec::new();
        // Every 70 ms for five seconds, at most three in a second.
        for tick in 0..72 {
            let now = 1_000_000_000 + tick * 70_000;
            if windows.enter(limits(3), WindowKind::Sliding, now).is_ok() {
                admitted.push(now);
            }
        }
        for (i, start) in admitted.iter().enumerate() {
            let inside = admitted[i..].iter().filter(|at| **at < start + SECOND).count();
            assert!(inside <= 3, "{inside} requests from {start}");
        }
        assert_eq!(admitted.len(), 15);
    }

    #[test]
    fn a_fixed_second_starts_anew_on_the_full_second() {
        let mut windows = Windows::default();
        let at = |windows: &mut Windows, now| windows.enter(limits(1), WindowKind::Fixed, now).is_ok();
        assert!(at(&mut windows, 1_900_000));
        assert!(!at(&mut windows, 1_999_999));
        assert!(at(&mut windows, 2_000_000));
    }

    #[test]
    fn refused_requests_take_nothing_and_the_day_ends_at_midnight() {
        let mut windows = Windows::default();
        let per_day = Limits { per_day: Some(2), ..Limits::default() };
        let noon = 20_000 * DAY + DAY / 2;
        for left in [1, 0] {
            let state = windows.enter(per_day, WindowKind::Sliding, noon).expect("within the quota");
            assert_eq!(state.quota, Some((2, left)));
        }
        for _ in 0..3 {
            let (full, secs, _) = windows.enter(per_day, WindowKind::Sliding, noon).expect_err("used up");
            assert_eq!((full, secs), (Full::Day, 43_200));
        }
        assert_eq!(windows.used_today(noon), 2);
        assert!(windows.enter(per_day, WindowKind::Sliding, noon + DAY / 2).is_ok());
    }

    #[test]
    fn concurrency_is_given_back() {
        let mut windows = Windows::default();
        let one = Limits { concurrent: Some(1), ..Limits::default() };
        assert!(windows.enter(one, WindowKind::Sliding, 0).is_ok());
        assert!(windows.enter(one, WindowKind::Sliding, 0).is_err());
        windows.leave();
        assert!(windows.enter(one, WindowKind::Sliding, 0).is_ok());
    }
}
