//! Clocks are set: by hand, by a time server after a wrong start, by a machine that woke. This keeps the wall clock beside one
//! that nobody sets, and puts right what would go by the clock that was.
//!
//! Set back: polls, retries and gates would stand still for as long; they keep their distance to now. Put forward: claims of
//! this very process would seem to have run out; none is taken back before it could really have. Deadlines are times of
//! day that people know, and stay. What was sent stays known by its mark either way.

use std::sync::atomic::Ordering;
use std::time::Duration;

use leadloop_config::plan::Plan;
use leadloop_store::{StoreError, Topic};
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::time::{Micros, Timestamp};
use tokio::time::Instant;

use crate::bounds;
use crate::node::Node;

/// The clock as it was seen, and how far it went beside the one that nobody sets.
pub struct Stepped {
    seen: (Timestamp, Instant),
    /// No claim ran out before this.
    hold: Option<Instant>,
    /// By how much it was set back, and when what was written meanwhile is looked for.
    again: Option<(Micros, Instant)>,
}

/// A transaction that began under the former clock has ended by then, and what it put off stands in the database.
const ENDED: Duration = Duration::from_secs(10);

impl Stepped {
    /// From here on.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { seen: (now, Instant::now()), hold: None, again: None }
    }

    /// How far the clock was set since it was last seen; nothing where it only went on, a little faster or slower.
    fn step(&self, now: Timestamp) -> Option<Micros> {
        let gone = Micros(i64::try_from(self.seen.1.elapsed().as_micros()).unwrap_or(i64::MAX / 4));
        let step = Micros(now.0.saturating_sub(self.seen.0.0).saturating_sub(gone.0));
        (step.0.saturating_abs() > bounds::CLOCK_SKEW.0).then_some(step)
    }

    /// How far it was set back, from the latest time that anything was done by: between two looks it may have been put
    /// forward before.
    fn back(&self, now: Timestamp, latest: Timestamp) -> Option<Micros> {
        let step = self.step(now).map_or(Micros(0), |step| Micros(-step.0));
        let by = Micros(latest.0.saturating_sub(now.0)).max(step);
        (by > bounds::CLOCK_SKEW).then_some(by)
    }

    /// Looks whether the clock was set, and puts right what goes by it.
    pub async fn look(&mut self, node: &Node) {
        let (now, at) = (node.clock.now(), Instant::now());
        if let Some(by) = self.back(now, node.clock.latest()) {
            if !set_back(node, by, now).await {
                return; // the same is seen again
            }
            node.clock.forget_latest();
            self.again = Some((by, Instant::now() + ENDED));
        } else if let Some(step) = self.step(now) {
            tracing::warn!(seconds = step.0 / 1_000_000, "the clock was put forward");
            self.hold_claims();
        } else if let Some((by, _)) = self.again.take_if(|(_, at)| *at <= Instant::now()) {
            // By the former clock it was about to be due at the earliest when that was set back.
            let former = now + by + Micros::minutes(-1);
            if !set_back_after(node, by, former.max(now)).await {
                self.again = Some((by, Instant::now()));
            }
        }
        self.seen = (now, at);
    }

    fn hold_claims(&mut self) {
        self.hold = Some(Instant::now() + bounds::CLAIM_FOR.to_std() + Duration::from_secs(1));
    }

    /// Whether claims that seem to have run out have.
    pub fn may_reclaim(&mut self, now: Timestamp) -> bool {
        if self.step(now).is_some() {
            return false; // set this very moment
        }
        self.hold = self.hold.filter(|until| Instant::now() < *until);
        self.hold.is_none()
    }
}

/// The clock may have been set back while no node ran.
///
/// # Errors
/// Where the store does not answer.
pub async fn since_last_time(node: &Node, plan: &Plan, now: Timestamp) -> Result<(), StoreError> {
    let ahead = node.store.clock_seen().await?.map_or(Micros(0), |seen| seen - now);
    if ahead > bounds::CLOCK_SKEW {
        tracing::warn!(
            seconds = ahead.0 / 1_000_000,
            "the clock was set back since this database was last used"
        );
        let links: Vec<LinkName> = plan.links.iter().map(|link| link.name.clone()).collect();
        node.store.set_back(&links, ahead, now).await?;
        node.set_back.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

/// Whether it was done.
async fn set_back(node: &Node, by: Micros, now: Timestamp) -> bool {
    tracing::warn!(seconds = by.0 / 1_000_000, "the clock was set back");
    set_back_after(node, by, now).await
}

/// The same of what is due after a time.
async fn set_back_after(node: &Node, by: Micros, after: Timestamp) -> bool {
    // Those too that another node drives by now: what this one wrote to them stands where it put it. What the other wrote may
    // be tried a little early.
    let links: Vec<LinkName> = node.plan().links.iter().map(|link| link.name.clone()).collect();
    match node.store.set_back(&links, by, after).await {
        Ok(moved) => tracing::info!(moved, "polls and retries keep their distance to now"),
        Err(error) => {
            tracing::warn!(%error, "polls and retries wait for the store");
            return false;
        }
    }
    node.set_back.fetch_add(1, Ordering::SeqCst);
    for link in links {
        node.store.wakes().ring(&Topic::Outbox(link));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_goes_on_was_not_set() {
        let at = |second: i64| Timestamp(second * 1_000_000);
        let mut stepped = Stepped::new(at(1_000));
        tokio::time::advance(Duration::from_secs(100)).await;
        assert!(stepped.step(at(1_100)).is_none() && stepped.step(at(1_110)).is_none());
        assert_eq!(stepped.step(at(5_100)), Some(Micros::seconds(4_000)));
        assert_eq!(stepped.step(at(100)), Some(Micros::seconds(-1_000)));
        assert_eq!(stepped.back(at(100), at(1_099)), Some(Micros::seconds(1_000)));
        assert_eq!(
            stepped.back(at(100), at(20_000)),
            Some(Micros::seconds(19_900)),
            "forward and back unseen"
        );
        assert_eq!(stepped.back(at(1_100), at(20_000)), Some(Micros::seconds(18_900)), "to where it was");
        assert_eq!(stepped.back(at(1_100), at(1_110)), None, "a little, by a time server");
        assert_eq!(stepped.back(at(5_100), at(5_100)), None);
        assert!(stepped.may_reclaim(at(1_100)) && !stepped.may_reclaim(at(5_100)));
        stepped.hold_claims();
        stepped.seen = (at(5_100), Instant::now());
        assert!(!stepped.may_reclaim(at(5_100)), "claims of before the step may be under way");
        tokio::time::advance(Duration::from_secs(122)).await;
        assert!(stepped.may_reclaim(at(5_222)));
    }
}
