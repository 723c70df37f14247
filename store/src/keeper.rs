//! Group commit for ingress: keepings that arrive while a transaction is under way go into the next one together.
//!
//! Nobody lingers: a keeping that comes alone is committed at once, and under load the batch gathers by itself behind the
//! commits before it. A batch may be written while the one before it is brought to the disk, and gathers until the writer
//! of an SQLite file is free. The queue, the batches and their number are bounded; who finds the queue full waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::error::StoreError;
use crate::inbox::{Kept, KeptPush};
use crate::{Engine, Store};

type Result<T> = std::result::Result<T, StoreError>;

/// Batches under way at once: one is written while the other is on its way to the disk.
const UNDER_WAY: usize = 2;

/// How keepings are gathered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeeperSettings {
    /// Most keepings that wait; further callers wait for room.
    pub queue: usize,
    /// Most bytes of bodies that wait; a larger push waits until nobody else does.
    pub queue_bytes: usize,
    /// Most bytes of bodies in one transaction (a single larger push goes alone).
    pub batch_bytes: usize,
    /// Most pushes and captures in one transaction; events that are counted weigh a quarter.
    pub batch_rows: usize,
    /// How long the first of a batch waits for company while others are known to be on their way.
    pub linger: Duration,
}

impl Default for KeeperSettings {
    fn default() -> Self {
        Self {
            queue: 1024,
            queue_bytes: 64 << 20,
            batch_bytes: 8 << 20,
            batch_rows: 2_000,
            linger: Duration::from_millis(1),
        }
    }
}

struct Asked {
    push: KeptPush,
    answer: oneshot::Sender<Result<Kept>>,
    room: OwnedSemaphorePermit,
}

impl Asked {
    fn rows(&self) -> usize {
        1 + self.push.captures.len() + self.push.counted.len() / 4 + self.push.quarantined.len()
    }
}

/// Gathers concurrent keepings into common transactions. Cheap to clone; ends with its last clone.
#[derive(Clone, Debug)]
pub struct Keeper {
    queue: mpsc::Sender<Asked>,
    /// In KiB.
    room: Arc<Semaphore>,
    whole_room: u32,
}

impl Store {
    /// Starts gathering keepings. Call it within a tokio runtime.
    #[must_use]
    pub fn keeper(&self, settings: KeeperSettings) -> Keeper {
        let (queue, asked) = mpsc::channel(settings.queue.max(1));
        let whole_room = u32::try_from(settings.queue_bytes / 1024).unwrap_or(u32::MAX / 8).max(1);
        let room = Arc::new(Semaphore::new(usize::try_from(whole_room).unwrap_or(1)));
        tokio::spawn(gather(self.clone(), settings, asked));
        Keeper { queue, room, whole_room }
    }
}

impl Keeper {
    /// Keeps a push; returns when it is durable.
    ///
    /// # Errors
    /// As [`Store::keep`]. Where the common transaction fails because the database does not answer, everybody in it
    /// gets the error; where one push is to blame, only that one does.
    pub async fn keep(&self, push: KeptPush) -> Result<Kept> {
        let (answer, answered) = oneshot::channel();
        let ended = || StoreError::unavailable(crate::error::code::UNAVAILABLE, "the store is being closed");
        let needs = u32::try_from(push.body.len() / 1024).unwrap_or(u32::MAX).clamp(1, self.whole_room);
        let room = Arc::clone(&self.room).acquire_many_owned(needs).await.map_err(|_| ended())?;
        self.queue.send(Asked { push, answer, room }).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

async fn gather(store: Store, settings: KeeperSettings, mut queue: mpsc::Receiver<Asked>) {
    let mut held: Option<Asked> = None;
    let mut busy = false; // the batch before had company, so more is likely on its way
    let mut under_way = JoinSet::new();
    let mut writing: Option<oneshot::Receiver<()>> = None;
    loop {
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= UNDER_WAY {
            under_way.join_next().await;
        }
        let Some(first) = (match held.take() {
            Some(asked) => Some(asked),
            None => queue.recv().await,
        }) else {
            under_way.join_all().await;
            return;
        };
        if let Some(written) = writing.take() {
            let _ = written.await; // it only ends; until then nothing is won by being closed
        }
        if busy && queue.is_empty() && !settings.linger.is_zero() && store.engine_kind() == Engine::Sqlite {
            tokio::time::sleep(settings.linger).await;
        }
        let (mut rows, mut bytes) = (first.rows(), first.push.body.len());
        let mut batch = vec![first];
        while let Ok(next) = queue.try_recv() {
            rows += next.rows();
            bytes += next.push.body.len();
            if rows > settings.batch_rows || bytes > settings.batch_bytes {
                held = Some(next);
                break;
            }
            batch.push(next);
        }
        busy = batch.len() > 1;
        let (done, written) = oneshot::channel();
        if store.engine_kind() == Engine::Sqlite {
            writing = Some(written);
        }
        let store = store.clone();
        under_way.spawn(async move { keep_batch(&store, batch, done).await });
    }
}

async fn keep_batch(store: &Store, batch: Vec<Asked>, written: oneshot::Sender<()>) {
    let (pushes, answers): (Vec<KeptPush>, Vec<_>) =
        batch.into_iter().map(|asked| (asked.push, (asked.answer, asked.room))).unzip();
    match store.keep_saying(&pushes, || drop(written)).await {
        Ok(kept) => {
            for ((answer, _room), kept) in answers.into_iter().zip(kept) {
                let _ = answer.send(Ok(kept)); // whoever gave up waiting does not need it
            }
        }
        Err(error) if error.is_passing() || answers.len() == 1 => {
            for (answer, _room) in answers {
                let _ = answer.send(Err(error.clone()));
            }
        }
        // One push is to blame; the others must not suffer for it.
        Err(_) => {
            for (push, (answer, _room)) in pushes.into_iter().zip(answers) {
                let kept = store.keep(std::slice::from_ref(&push)).await;
                let _ = answer.send(kept.map(|mut kept| kept.pop().unwrap_or_default()));
            }
        }
    }
}
