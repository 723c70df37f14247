//! What all requests share: the world, the gate, the webhooks. Locks are held for single steps only, never over an await.

use crate::clock::Clock;
use crate::gate::Gate;
use crate::hooks::Hooks;
use crate::options::Options;
use crate::post::Sender;
use crate::push::MaTarget;
use crate::refusal::Refusal;
use crate::world::World;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// The running sandbox.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    world: Mutex<World>,
    gate: Mutex<Gate>,
    pub(crate) sender: Arc<Sender>,
    pub(crate) hooks: Hooks,
    pub(crate) ma_target: MaTarget,
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(options: Options, world: World, gate: Gate) -> Self {
        let clock = world.clock;
        let sender = Arc::new(Sender::new(clock));
        Self {
            options,
            clock,
            world: Mutex::new(world),
            gate: Mutex::new(gate),
            hooks: Hooks::new(Arc::clone(&sender)),
            sender,
            ma_target: MaTarget::default(),
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
        let news = std::mem::take(&mut world.news);
        drop(world);
        if !news.is_empty() {
            self.hooks.tell(news);
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
