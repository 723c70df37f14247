//! The outbox: claiming what is to be said, in order, and finding what was left behind.

use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::outbox::Lane;
use leadloop_sync_core::time::Timestamp;

/// Which deliveries a loop wants to carry out.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimAsk {
    /// Of which link.
    pub link: LinkName,
    /// At most so many.
    pub limit: u32,
    /// The time it is.
    pub now: Timestamp,
    /// Until when they are claimed.
    pub until: Timestamp,
    /// Only these lanes; empty means all.
    pub lanes: Vec<Lane>,
    /// Only operations of these kinds ([`leadloop_sync_core::outbox::Operation::kind`]); empty means all.
    pub kinds: Vec<String>,
}

impl ClaimAsk {
    /// Anything due at `link`.
    #[must_use]
    pub fn new(link: LinkName, limit: u32, now: Timestamp, until: Timestamp) -> Self {
        Self { link, limit, now, until, lanes: Vec::new(), kinds: Vec::new() }
    }
}
