//! Where moments come from. The only place of the product that looks at the world's clock and dice; a simulator has its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::{Micros, Timestamp};

/// Where moments come from.
pub trait Clock: Send + Sync {
    /// The time it is.
    fn now(&self) -> Timestamp;
    /// The latest time that [`Clock::now`] ever told, or has told since [`Clock::forget_latest`]: the clock may have been put
    /// forward and back between two looks at it.
    fn latest(&self) -> Timestamp {
        self.now()
    }
    /// What was told before does not matter any more.
    fn forget_latest(&self) {}
    /// A moment with fresh dice.
    fn moment(&self) -> Moment;
    /// Waits until a time.
    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The world's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The world has one clock, whoever asks.
static LATEST: AtomicI64 = AtomicI64::new(i64::MIN);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        LATEST.fetch_max(now, Ordering::Relaxed);
        Timestamp(now)
    }

    fn latest(&self) -> Timestamp {
        Timestamp(LATEST.load(Ordering::Relaxed))
    }

    fn forget_latest(&self) {
        LATEST.store(i64::MIN, Ordering::Relaxed);
    }

    fn moment(&self) -> Moment {
        let mut seed = [0_u8; 8];
        // Dice only tell ids apart; when the system has no randomness left, the time's own bits must do.
        let seed = match aws_lc_rs::rand::fill(&mut seed) {
            Ok(()) => u64::from_le_bytes(seed),
            Err(_) => self.now().0.unsigned_abs().rotate_left(32),
        };
        Moment::new(self.now(), seed)
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let wait = (at - self.now()).max(Micros(0)).to_std();
        Box::pin(tokio::time::sleep(wait))
    }
}
