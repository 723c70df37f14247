//! Rates: no window of a system is exceeded, whatever waits.
//!
//! Two kinds of window. A short one (seconds, minutes) is spread out: of R requests in W seconds a governor bucket with
//! burst b and refill r lets through, such that no span of W holds more than R. A long one (hours, a day) is counted: a
//! morning may use what the night left, and what others with the same account used counts, where the system says so in its
//! headers ([`leadloop_connector_api::manifest::Quota`]). Both keep to [`SHARE`] of what the system allows, so that clocks
//! and networks that are a little off do no harm. Only requests that were let through count.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use leadloop_connector_api::manifest::{Limit, Usage};
use leadloop_sync_core::time::{Micros, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

type Bucket = RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>;

/// Time since a bucket was made, by the runtime's clock, so that a test in which hours pass at once has them pass here too.
#[derive(Clone, Copy, Debug)]
struct Ticks(Instant);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The part of a window that is used: a whole and a hundred of it.
const SHARE: (u64, f64) = (95, 0.95);
/// A window at least as long as this is counted, a shorter one spread out.
const LONG: u32 = 600;
/// A counted window is forgotten in so many steps.
const STEPS: i64 = 96;
/// A system's own count is believed for so long; then one request finds out anew.
const BELIEVED: Micros = Micros::minutes(15);
/// An answer takes no longer than this…
const IN_FLIGHT: Micros = Micros::minutes(1);
/// …and no link has more requests on their way at once.
const MOST_FLYING: u64 = 32;
/// The slowest a link is made after it was throttled: this part of its rate.
const SLOWEST: u32 = 8;
/// A link that is not throttled for so long may go twice as fast again.
const RECOVER: Duration = Duration::from_secs(20);
/// Where it was too fast again at once, the next try waits twice as long as the last one, and at most this.
const PATIENCE: Duration = Duration::from_secs(600);
/// Answers that throttle within this time are about the same rate.
const SAME: Duration = Duration::from_secs(1);

/// Why nothing may be sent just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedUp {
    /// How long until something may.
    pub wait: Micros,
}

/// All windows of one link.
pub struct Limits {
    spread: Vec<Spread>,
    counted: Mutex<Vec<Counted>>,
    reserve: u64,
    pace: Mutex<Pace>,
}

struct Spread {
    window: Limit,
    bucket: ArcSwap<Bucket>,
}

/// How much slower than its limit a link is, because the system throttled it.
struct Pace {
    slower: u32,
    changed: Instant,
    /// Whether the last change made it faster.
    grew: bool,
    /// How long it stays as it is before it may be faster.
    patience: Duration,
}

/// A window that is counted, in steps of a part of its length.
#[derive(Clone, Debug)]
struct Counted {
    window: Limit,
    steps: BTreeMap<i64, u64>,
    /// What the system itself counted, and what we sent since.
    told: Option<(Timestamp, u64, u64)>,
    /// The most it allows, where it says so.
    most: Option<u64>,
}

impl Limits {
    /// For these windows; a window of zero requests is refused by the config check. `reserve`: percent of each counted
    /// window that is kept for what is hot.
    #[must_use]
    pub fn new(windows: &[Limit], reserve: u32) -> Self {
        let long = |window: &&Limit| window.per_secs >= LONG;
        let spread = windows.iter().filter(|window| !long(window)).filter_map(|window| {
            Some(Spread { window: *window, bucket: ArcSwap::from_pointee(bucket(*window, 1)?) })
        });
        Self {
            spread: spread.collect(),
            counted: Mutex::new(windows.iter().filter(long).map(|window| Counted::new(*window)).collect()),
            reserve: u64::from(reserve.min(100)),
            pace: Mutex::new(Pace { slower: 1, changed: Instant::now(), grew: false, patience: RECOVER }),
        }
    }

    /// Waits until one more request fits into every window, and counts it.
    ///
    /// # Errors
    /// [`UsedUp`] where a long window is: nobody should wait for that.
    pub async fn pass(&self, now: Timestamp) -> Result<(), UsedUp> {
        self.recover();
        for spread in &self.spread {
            let bucket = spread.bucket.load_full();
            while let Err(full) = bucket.check() {
                tokio::time::sleep(full.wait_time_from(bucket.clock().now())).await;
            }
        }
        let mut counted = self.counted();
        counted.iter_mut().for_each(|window| window.forget(now));
        if let Some(wait) = counted.iter().filter_map(|window| window.wait(now, 0)).max() {
            return Err(UsedUp { wait });
        }
        for window in counted.iter_mut() {
            window.count(now, 1);
        }
        Ok(())
    }

    /// Whether only what is hot may still be sent: the rest of a long window is kept for it.
    #[must_use]
    pub fn only_hot(&self, now: Timestamp) -> bool {
        self.reserve > 0 && self.counted().iter().any(|window| window.wait(now, self.reserve).is_some())
    }

    /// Whether there is anything a successor has to know with every claim.
    #[must_use]
    pub fn counts(&self) -> bool {
        !self.counted().is_empty()
    }

    /// What the system said about its quota. A long window that nobody wrote down is kept to as well from then on.
    pub fn told(&self, usage: &Usage, now: Timestamp) {
        let mut counted = self.counted();
        if usage.most.is_some() {
            Counted::known(&mut counted, usage.per_secs);
        }
        for window in counted.iter_mut().filter(|window| window.window.per_secs == usage.per_secs) {
            window.most = usage.most.or(window.most);
            let used = usage.used.or_else(|| Some(window.most?.saturating_sub(usage.left?)));
            window.told = used.map(|used| (now, used, window.flying(used, now))).or(window.told);
        }
    }

    /// The system throttled a request that our count let through: others use the same account, or it allows less than it
    /// says. Half as fast from now on, and back to the full rate step by step.
    pub fn throttled(&self) {
        let mut pace = self.pace();
        let since = pace.changed.elapsed();
        if since < SAME && pace.slower > 1 {
            return;
        }
        // Too fast as soon as it was faster: whoever uses the rest still does.
        if pace.grew && since < RECOVER {
            pace.patience = (pace.patience * 2).min(PATIENCE);
        } else if pace.slower == 1 {
            pace.patience = RECOVER;
        }
        pace.grew = false;
        pace.slower = (pace.slower * 2).min(SLOWEST);
        pace.changed = Instant::now();
        self.set_pace(pace.slower);
    }

    fn recover(&self) {
        let mut pace = self.pace();
        if pace.slower > 1 && pace.changed.elapsed() >= pace.patience {
            pace.slower /= 2;
            pace.grew = true;
            pace.changed = Instant::now();
            self.set_pace(pace.slower);
        }
    }

    /// New buckets begin empty: what the old ones let through still counts.
    fn set_pace(&self, slower: u32) {
        for spread in &self.spread {
            if let Some(bucket) = bucket(spread.window, slower) {
                empty(&bucket, spread.window);
                spread.bucket.store(Arc::new(bucket));
            }
        }
    }

    /// What a successor has to know, with `coming` requests more than were sent so far.
    #[must_use]
    pub fn note(&self, now: Timestamp, coming: usize) -> Value {
        let coming = u64::try_from(coming).unwrap_or(0);
        let windows: Vec<Value> = self
            .counted()
            .iter()
            .map(|window| {
                let mut window = window.clone();
                window.count(now, coming);
                json!({ "per_secs": window.window.per_secs, "steps": window.steps, "told": window.told, "most": window.most })
            })
            .collect();
        json!({ "windows": windows })
    }

    /// Goes on from what a former holder of the link noted; from nothing where there was none.
    pub fn take_over(&self, note: &Value, now: Timestamp) {
        let Some(windows) = note.get("windows").and_then(Value::as_array) else { return };
        for spread in &self.spread {
            empty(&spread.bucket.load(), spread.window);
        }
        let mut counted = self.counted();
        for noted in windows {
            let per_secs = noted["per_secs"].as_u64().and_then(|secs| u32::try_from(secs).ok());
            if let Some(per_secs) = per_secs.filter(|_| noted["most"].is_u64()) {
                Counted::known(&mut counted, per_secs);
            }
            for window in counted.iter_mut().filter(|own| noted["per_secs"] == own.window.per_secs) {
                window.merge(noted);
                window.forget(now);
            }
        }
    }

    fn counted(&self) -> MutexGuard<'_, Vec<Counted>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn new(window: Limit) -> Self {
        Self { window, steps: BTreeMap::new(), told: None, most: None }
    }

    /// What the system did not count yet when it said `used`: requests that are on their way, or whose answers came before
    /// this one.
    fn flying(&self, used: u64, now: Timestamp) -> u64 {
        let Some((_, was, since)) = self.told.filter(|(at, _, _)| (now - *at).0.abs() < IN_FLIGHT.0) else {
            return 0;
        };
        let missing = (was + since).saturating_sub(used);
        if missing <= MOST_FLYING { missing } else { 0 } // more are not on their way: its window began anew
    }

    /// A window that the system told of is there, for as much as it allows.
    fn known(counted: &mut Vec<Self>, per_secs: u32) {
        if per_secs >= LONG && counted.iter().all(|window| window.window.per_secs != per_secs) {
            counted.push(Self::new(Limit { requests: u32::MAX, per_secs }));
        }
    }

    fn step(&self) -> i64 {
        (i64::from(self.window.per_secs) * 1_000_000 / STEPS).max(1)
    }

    fn forget(&mut self, now: Timestamp) {
        let this = now.0.div_euclid(self.step());
        self.steps = self.steps.split_off(&(this - STEPS));
        // The clock was set back: what was sent later than now was sent by now.
        let later: u64 = self.steps.split_off(&(this + 1)).values().sum();
        if later > 0 {
            *self.steps.entry(this).or_default() += later;
        }
    }

    fn count(&mut self, now: Timestamp, requests: u64) {
        self.forget(now);
        if requests > 0 {
            *self.steps.entry(now.0.div_euclid(self.step())).or_default() += requests;
            if let Some((_, _, since)) = &mut self.told {
                *since += requests;
            }
        }
    }

    /// How long nothing more fits, with `reserve` percent held back; `None` where one more does.
    fn wait(&self, now: Timestamp, reserve: u64) -> Option<Micros> {
        let most = self.most.unwrap_or(u64::MAX).min(u64::from(self.window.requests));
        let allowed = (most * SHARE.0 / 100).max(1) * (100 - reserve) / 100;
        if let Some((at, used, since)) = self.told
            && (now - at).0.abs() < BELIEVED.0
            && used + since >= allowed
        {
            return Some(at + BELIEVED - now);
        }
        let first = now.0.div_euclid(self.step()) - STEPS;
        let mut used: u64 = self.steps.range(first..).map(|(_, count)| count).sum();
        if used < allowed {
            return None;
        }
        for (step, count) in self.steps.range(first..) {
            used -= count;
            if used < allowed {
                return Some(Micros(((step + STEPS + 1) * self.step() - now.0).max(1)));
            }
        }
        Some(Micros(self.step()))
    }

    /// The greater of both counts, step by step: a note may be older than what was heard here.
    fn merge(&mut self, noted: &Value) {
        for (step, count) in noted["steps"].as_object().into_iter().flatten() {
            let (Ok(step), Some(count)) = (step.parse::<i64>(), count.as_u64()) else { continue };
            let own = self.steps.entry(step).or_default();
            *own = count.max(*own);
        }
        let told: Option<(Timestamp, u64, u64)> =
            serde_json::from_value(noted["told"].clone()).ok().flatten();
        self.told = self.told.max(told);
        self.most = noted["most"].as_u64().or(self.most);
    }
}

fn bucket(window: Limit, slower: u32) -> Option<Bucket> {
    quota(window, slower).map(|quota| RateLimiter::direct_with_clock(quota, Ticks(Instant::now())))
}

/// The rate of a window, `slower` times slower than it may be: a twentieth of the window at once, the rest evenly. A
/// span of W seconds holds at most b − 1 + ⌈r·W⌉ requests, which R has to be.
fn quota(window: Limit, slower: u32) -> Option<Quota> {
    let requests = f64::from(window.requests);
    let burst = (window.requests / 20 / slower).max(1);
    let refill = (requests * SHARE.1).min(requests - f64::from(burst) + 1.0) / f64::from(slower);
    let period = Duration::from_secs_f64(f64::from(window.per_secs.max(1)) / refill.max(0.1));
    Some(Quota::with_period(period)?.allow_burst(NonZeroU32::new(burst)?))
}

/// Takes everything out of a bucket that may be let through at once.
fn empty(bucket: &Bucket, window: Limit) {
    for _ in 0..=window.requests {
        if bucket.check().is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    #[test]
    fn no_window_of_any_start_holds_more_than_the_limit() {
        let windows =
            [(5, 1), (10, 1), (50, 1), (100, 1), (500, 1), (100, 60), (100, 10), (2, 1), (1, 1), (97, 7)];
        for (requests, per_secs) in windows {
            let clock = FakeRelativeClock::default();
            let window = Limit { requests, per_secs };
            let quota = quota(window, 1).expect("a window above zero has a rate");
            let bucket = RateLimiter::direct_with_clock(quota, clock.clone());
            let mut passed: Vec<u64> = Vec::new();
            let step = Duration::from_micros(u64::from(per_secs) * 1_000_000 / 2_000);
            for tick in 0..20_000_u64 {
                while bucket.check().is_ok() {
                    passed.push(tick);
                }
                clock.advance(step);
            }
            let within = |start: u64| {
                passed.partition_point(|at| *at < start + 2_000) - passed.partition_point(|at| *at < start)
            };
            let most = (0..18_000).map(within).max().expect("windows were looked at");
            assert!(most <= requests as usize, "{requests} in {per_secs} s: {most}");
            let allowance = f64::from(requests) * 0.95 * 10.0;
            let used = passed.len() as f64;
            assert!(used >= 0.97 * allowance, "{requests} in {per_secs} s: {used} of {allowance}");
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1_000_000)
    }

    async fn as_many_as_fit(limits: &Limits, now: Timestamp) -> usize {
        let mut sent = 0;
        while limits.pass(now).await.is_ok() {
            sent += 1;
        }
        sent
    }

    #[tokio::test]
    async fn a_day_may_be_used_in_one_morning_and_no_day_holds_more() {
        let limits = Limits::new(&[Limit { requests: 1_000, per_secs: 86_400 }], 0);
        assert_eq!(as_many_as_fit(&limits, at(100_000)).await, 950);
        let wait = limits.pass(at(100_000)).await.expect_err("it is used up").wait;
        assert!(wait.0 > 86_400_000_000 && wait.0 <= 2 * 900_000_000 + 86_400_000_000, "{wait:?}");
        assert!(limits.pass(at(100_000 + 86_399)).await.is_err(), "still the same day");
        assert_eq!(as_many_as_fit(&limits, Timestamp(at(100_000).0 + wait.0)).await, 950);
    }

    #[tokio::test]
    async fn a_successor_goes_on_from_what_was_used() {
        let windows = [Limit { requests: 1_000, per_secs: 86_400 }, Limit { requests: 100, per_secs: 60 }];
        let (first, second) = (Limits::new(&windows, 0), Limits::new(&windows, 0));
        for _ in 0..5 {
            first.pass(at(50)).await.expect("there is room");
        }
        second.take_over(&first.note(at(50), 900), at(60));
        assert!(second.spread[0].bucket.load().check().is_err(), "nothing at once: the first sent just now");
        let counted = || second.counted()[0].clone();
        assert!(counted().wait(at(60), 0).is_none());
        for _ in 0..45 {
            assert!(counted().wait(at(60), 0).is_none());
            second.counted()[0].count(at(60), 1);
        }
        assert!(counted().wait(at(60), 0).is_some(), "905 + 45 are 95 % of the day");
        let fresh = Limits::new(&windows, 0);
        fresh.take_over(&Value::Null, at(60));
        assert!(fresh.spread[0].bucket.load().check().is_ok(), "nobody sent before it");
    }

    #[tokio::test]
    async fn what_others_used_counts_and_a_part_is_kept_for_what_is_hot() {
        let limits = Limits::new(&[Limit { requests: 1_000, per_secs: 86_400 }], 20);
        let usage = |used| Usage { per_secs: 86_400, used, left: Some(900), most: Some(1_000) };
        limits.told(&usage(None), at(10));
        assert!(!limits.only_hot(at(10)), "100 of 1000 are used");
        limits.told(&usage(Some(770)), at(20));
        assert!(limits.only_hot(at(20)), "760 of 950 were for everybody");
        assert_eq!(as_many_as_fit(&limits, at(20)).await, 180);
        let wait = limits.pass(at(20)).await.expect_err("it is used up").wait;
        assert_eq!(wait, BELIEVED, "then one request finds out anew");
        assert!(limits.pass(Timestamp(at(20).0 + wait.0)).await.is_ok());
    }

    #[tokio::test]
    async fn a_window_that_only_the_system_tells_of_is_kept_to() {
        let (limits, successor) = (Limits::new(&[], 0), Limits::new(&[], 0));
        assert!(!limits.counts());
        limits.told(&Usage { per_secs: 86_400, used: None, left: Some(30), most: Some(100) }, at(10));
        assert!(limits.counts(), "a successor has to know");
        assert_eq!(as_many_as_fit(&limits, at(10)).await, 25, "95 less the 70 that are used");
        successor.take_over(&limits.note(at(10), 0), at(12));
        assert!(successor.pass(at(12)).await.is_err());
        limits.told(&Usage { per_secs: 86_400, used: Some(0), left: None, most: Some(200) }, at(20));
        assert_eq!(as_many_as_fit(&limits, at(20)).await, 165, "190 less our own 25 of this day");
    }

    #[tokio::test]
    async fn requests_on_their_way_are_not_forgotten_by_the_answers_of_others() {
        let limits = Limits::new(&[], 0);
        let says = |used, second| {
            limits
                .told(&Usage { per_secs: 86_400, used: Some(used), left: None, most: Some(60) }, at(second));
        };
        says(54, 10);
        limits.pass(at(10)).await.expect("54 are used");
        limits.pass(at(10)).await.expect("and one is on its way");
        says(55, 11);
        limits.pass(at(11)).await.expect("the other one was not counted yet");
        assert!(limits.pass(at(11)).await.is_err(), "57 of 60 are all");
        says(50, 12);
        assert!(limits.pass(at(12)).await.is_err(), "an answer that was late");
        says(0, 20);
        assert_eq!(as_many_as_fit(&limits, at(20)).await, 54, "a new day there, less our own 3");
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_by_hours_leaves_what_was_left() {
        let limits = Limits::new(&[Limit { requests: 1_000, per_secs: 86_400 }], 0);
        let (hour, noon) = (3_600, 1_000 * 3_600);
        for _ in 0..100 {
            limits.pass(at(noon)).await.expect("there is room");
        }
        limits.told(&Usage { per_secs: 86_400, used: Some(990), left: None, most: None }, at(noon));
        assert!(limits.pass(at(noon)).await.is_err());
        let back = noon - 5 * hour;
        assert_eq!(
            as_many_as_fit(&limits, at(back)).await,
            850,
            "its word is of another time, our count holds"
        );
        let wait = limits.pass(at(back)).await.expect_err("it is used up").wait;
        assert!(wait.0 <= 86_400_000_000 + 2 * 900_000_000, "no longer than a day: {wait:?}");
    }

    #[tokio::test]
    async fn a_link_that_is_throttled_slows_down() {
        let limits = Limits::new(&[Limit { requests: 100, per_secs: 1 }], 0);
        let at_once = |limits: &Limits| {
            let bucket = limits.spread[0].bucket.load_full();
            std::iter::repeat_with(|| bucket.check()).take_while(Result::is_ok).count()
        };
        assert_eq!(at_once(&limits), 5);
        limits.throttled();
        limits.throttled(); // of the same second: the same news
        assert_eq!((limits.pace().slower, at_once(&limits)), (2, 0));
    }
}
