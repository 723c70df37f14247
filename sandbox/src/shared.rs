//! What all requests share: the world, the gate, the webhooks. Locks are held for single steps only, never over an await.

use crate::clock::Clock;
use crate::gate::Gate;
use crate::options::Options;
use crate::refusal::Refusal;
use crate::world::World;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// The running sandbox.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    world: Mutex<World>,
    gate: Mutex<Gate>,
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(options: Options, world: World, gate: Gate) -> Self {
        let clock = world.clock;
        Self {
            options,
            clock,
            world: Mutex::new(world),
            gate: Mutex::new(gate),
            stop: CancellationToken::new(),
        }
    }

    /// Look at the records.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&lock(&self.world))
    }

    /// Change records; what changed is in the journal before this returns, and on its way to the webhooks.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut World) -> T) -> Result<T, Refusal> {
        let mut world = lock(&self.world);
        let outcome = change(&mut world);
        if let Some(journal) = &mut world.journal
            && let Err(error) = journal.flush()
        {
            tracing::error!(%error, "the sandbox cannot write its file");
            return Err(Refusal::new(500, "internal", "the sandbox cannot write its file"));
        }
        Ok(outcome)
    }

    pub(crate) fn gate(&self) -> MutexGuard<'_, Gate> {
        lock(&self.gate)
    }
}

/// A panic while a lock is held leaves plain data; go on with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
