//! What the product remembers: one store over SQLite or PostgreSQL, the same to its callers.
//!
//! State changes on three ways only: [`Store::keep`] (what was pushed to us), [`Tx::commit`] (what a verb wants done) and
//! the claims of deliveries. All writes are set-based; the number of statements of a batch does not depend on its size.

mod face;

pub mod error;
pub mod inbox;
pub mod outbox;
pub mod read;
pub mod settings;
pub mod wake;

pub use error::StoreError;
pub use face::{Committed, Keeper, KeeperSettings, Lease, Stamp, Store, Tx, WriteLane};
pub use inbox::{Kept, KeptPush, PushState};
pub use outbox::ClaimAsk;
pub use settings::{Access, StoreSettings};
pub use wake::{Topic, Wake, Wakes};
