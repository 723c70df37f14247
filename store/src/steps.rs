//! A seam for a simulation: who decides when each statement of a store runs, and what time its database has.
//!
//! A store as it is opened has none of this. A simulation makes one handle for each node it plays ([`Store::stepped`]) on
//! one open file; then nothing is read or written before it says so, a node can die or freeze between any two statements,
//! and two nodes may share what would be one process's own.

use std::any::Any;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use leadloop_sync_core::time::Timestamp;

use crate::Store;
use crate::error::{StoreError, code};

/// Held while a statement runs; none: the node that asked is no more.
pub type Go = Option<Box<dyn Any + Send>>;

/// Who decides when statements run.
pub trait Steps: Debug + Send + Sync {
    /// Waits until the statement of this name may run. What comes back is dropped when it has run.
    fn before(&self, statement: &'static str) -> Pin<Box<dyn Future<Output = Go> + Send + '_>>;
    /// The database's clock.
    fn clock(&self) -> Timestamp;
    /// Whether other nodes work on the same database.
    fn shared(&self) -> bool;
}

impl Store {
    /// The same store as a node sees it whose statements wait for `steps`. It rings for itself alone, as the store of a
    /// process does, and ends with the store it was made from.
    #[must_use]
    pub fn stepped(&self, steps: Arc<dyn Steps>) -> Self {
        self.handle(steps)
    }
}

/// Waits for the turn of a statement; nothing to wait for where nobody simulates.
pub(crate) async fn turn(steps: Option<&Arc<dyn Steps>>, statement: &'static str) -> Result<Go, StoreError> {
    let Some(steps) = steps else { return Ok(None) };
    let go = steps.before(statement).await;
    go.map(Some).ok_or_else(|| StoreError::unavailable(code::UNAVAILABLE, "this node is no more"))
}
