//! Deliveries and captures that need a person: to list, to take up again, to drop.

use leadloop_sync_core::ids::{DeliveryId, LinkName};

/// Which parked deliveries are meant.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ParkedAsk {
    /// Only these.
    pub ids: Vec<DeliveryId>,
    /// Only of this link.
    pub link: Option<LinkName>,
    /// Only with this code.
    pub code: Option<String>,
    /// After this one (`seq` of the last of the page before).
    pub after: Option<i64>,
    /// At most so many.
    pub limit: u32,
}
