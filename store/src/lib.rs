//! What the product remembers: one store over SQLite or PostgreSQL, the same to its callers.
//!
//! State changes on three ways only: [`Store::keep`] (what was pushed to us), [`Tx::commit`] (what a verb wants done) and
//! the claims of deliveries. All writes are set-based; the number of statements of a batch does not depend on its size.
//! What an admin does by hand (quarantine, parked deliveries) stands in [`read`], beside its lists.

pub mod bare;
mod cell;
mod checkpoint;
mod commit;
pub mod companies;
mod doc;
mod engine;
#[cfg(test)]
mod engines_agree;
pub mod erase;
mod error;
mod event_keys;
mod filter;
mod flush;
pub mod foreign;
mod inbox;
mod keeper;
mod lanes;
mod load;
mod lock;
mod migrate;
mod outbox;
pub mod people;
pub mod read;
mod retain;
mod seal;
mod settings;
pub mod shadow;
mod statement;
mod steps;
mod store;
mod text;
mod tx;
mod upkeep;
mod version;
mod visits;
mod wake;

pub use error::StoreError;
pub use filter::{FoundLeads, Wanted};
pub use inbox::{Kept, KeptPush, PushState, SHARDS};
pub use keeper::{Keeper, KeeperSettings};
pub use lanes::WriteLane;
pub use outbox::{ClaimAsk, KINDS};
pub use retain::Retention;
pub use seal::{MasterKey, MasterKeys};
pub use settings::{Access, StoreSettings};
pub use steps::{Go, Steps};
pub use store::Store;
pub(crate) use text::Engine;
pub use tx::{Committed, Spoken, Stamp, Tx};
pub use upkeep::Lease;
pub use version::{ActiveVersion, LINK_GONE, Version};
pub use wake::{Topic, Wake, Wakes};
