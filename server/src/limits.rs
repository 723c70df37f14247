//! Rates: no window of a system is exceeded, whatever waits.
//!
//! A window of R requests in W seconds becomes a governor bucket with burst b and refill r such that b + r·W ≤ R: no
//! window of that length, wherever it begins, can hold more than R. Only requests that were let through count.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::DefaultClock;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use leadloop_connector_api::manifest::Limit;

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock>;

/// All windows of one link.
pub struct Limits {
    buckets: Vec<Bucket>,
}

impl Limits {
    /// Buckets for these windows; a window of zero requests is refused by the config check.
    #[must_use]
    pub fn new(windows: &[Limit]) -> Self {
        Self {
            buckets: windows.iter().filter_map(|window| quota(*window)).map(RateLimiter::direct).collect(),
        }
    }

    /// Waits until one more request fits into every window.
    pub async fn pass(&self) {
        for bucket in &self.buckets {
            bucket.until_ready().await;
        }
    }
}

/// The bucket of a window: a tenth of it at once, the rest evenly.
fn quota(window: Limit) -> Option<Quota> {
    let burst = (window.requests / 10).max(1);
    let refill = window.requests.saturating_sub(burst).max(1);
    let period = Duration::from_secs(u64::from(window.per_secs.max(1))) / refill;
    Some(Quota::with_period(period)?.allow_burst(NonZeroU32::new(burst)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    #[test]
    fn no_window_of_any_start_holds_more_than_the_limit() {
        for (requests, per_secs) in [(5, 1), (10, 1), (100, 60), (1_000, 86_400), (2, 1), (97, 7)] {
            let clock = FakeRelativeClock::default();
            let window = Limit { requests, per_secs };
            let bucket = RateLimiter::direct_with_clock(
                quota(window).expect("a window above zero has a bucket"),
                clock.clone(),
            );
            let mut passed: Vec<u64> = Vec::new();
            let step = Duration::from_micros(u64::from(per_secs) * 1_000_000 / 400);
            for tick in 0..2_000_u64 {
                while bucket.check().is_ok() {
                    passed.push(tick);
                }
                clock.advance(step);
            }
            let most = (0..1_600)
                .map(|start| passed.iter().filter(|t| (start..start + 400).contains(*t)).count())
                .max();
            assert!(
                most.expect("windows were looked at") <= requests as usize,
                "{requests} in {per_secs} s: {most:?}"
            );
            let steady = f64::from(requests - (requests / 10).max(1)) * 5.0;
            assert!(
                passed.len() as f64 >= 0.95 * steady,
                "{requests} in {per_secs} s: too slow: {}",
                passed.len()
            );
        }
    }
}
