//! Time and dice: all that a decision needs and its inputs do not hold. Made by the shell (or by a simulator from a
//! seed) and handed in, so that the core never looks at the world.

use uuid::Uuid;

use crate::ids::Id;
use crate::time::Timestamp;

/// The moment of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// The time it is.
    pub now: Timestamp,
    dice: u64,
}

impl Moment {
    /// A moment at `now` whose dice start from `seed`.
    #[must_use]
    pub fn new(now: Timestamp, seed: u64) -> Self {
        Self { now, dice: seed }
    }

    /// The next throw: 64 even bits (SplitMix64).
    pub fn throw(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A fresh id that sorts by `now` (UUID v7).
    pub fn id<K>(&mut self) -> Id<K> {
        let millis = u64::try_from(self.now.0 / 1_000).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
        let sub = u64::try_from(self.now.0.rem_euclid(1_000)).unwrap_or(0) << 2; // microseconds order ids within a millisecond
        let high = (millis << 16) | 0x7000 | sub;
        let low = (self.throw() & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000;
        Id::new(Uuid::from_u64_pair(high, low))
    }
}
