//! Who goes next: every statement of every node and every request on its way waits here until the dice name it. One thing
//! runs at a time, and time passes only while nothing does, so the same seed plays the same play to the letter.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leadloop_store::{Go, Steps};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::{Micros, Timestamp};
use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

/// 2026-11-23 10:00 in Shanghai.
pub(super) const START: Timestamp = Timestamp(1_795_399_200_000_000);
/// In so many of a hundred turns nobody goes, and time passes in the middle of whatever is under way.
const DAWDLES: u64 = 1;

/// How long the thread of a statement is left alone before it is looked at again: no time of the play.
const GLANCE: Duration = Duration::from_micros(20);

/// No play takes nearly as many.
const MOST_TURNS: u64 = 60_000;

/// A node from one start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Life {
    pub(super) node: usize,
    pub(super) number: u32,
}

struct Waiting {
    /// Tasks are made in the order of the play; which of two is woken first may be up to a thread of the database.
    task: Option<tokio::task::Id>,
    life: Life,
    what: String,
    go: oneshot::Sender<Going>,
}

struct Inner {
    waiting: Vec<Waiting>,
    going: u32,
    dice: Moment,
    frozen: BTreeSet<usize>,
    dead: BTreeSet<Life>,
    turns: u64,
    trace: String,
}

/// The stage.
pub(super) struct Stage {
    inner: Mutex<Inner>,
    changed: Notify,
    begun: Instant,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stage")
    }
}

/// Held by whoever has the turn.
pub(super) struct Going(Arc<Stage>);

impl Drop for Going {
    fn drop(&mut self) {
        self.0.lock().going -= 1;
    }
}

impl Stage {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        let inner = Inner {
            waiting: Vec::new(),
            going: 0,
            dice: Moment::new(START, seed),
            frozen: BTreeSet::new(),
            dead: BTreeSet::new(),
            turns: 0,
            trace: String::new(),
        };
        Arc::new(Self { inner: Mutex::new(inner), changed: Notify::new(), begun: Instant::now() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time that nobody set.
    pub(super) fn now(&self) -> Timestamp {
        START + Micros(i64::try_from(self.begun.elapsed().as_micros()).unwrap_or(0))
    }

    pub(super) fn at(&self, time: Timestamp) -> Instant {
        self.begun + (time - START).to_std()
    }

    pub(super) fn throw(&self, sides: u64) -> u64 {
        self.lock().dice.throw() % sides
    }

    /// Whether one of a hundred throws, `percent` of them, comes.
    pub(super) fn comes(&self, percent: u64) -> bool {
        self.throw(100) < percent
    }

    pub(super) fn turns(&self) -> u64 {
        self.lock().turns
    }

    pub(super) fn write(&self, line: &str) {
        let at = (self.now() - START).0;
        let _ = writeln!(self.lock().trace, "{at:>10} {line}");
    }

    pub(super) fn trace(&self) -> String {
        self.lock().trace.clone()
    }

    /// The last that was played.
    fn tail(&self) -> String {
        let trace = self.trace();
        let lines: Vec<&str> = trace.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    pub(super) fn freeze(&self, node: usize) {
        self.lock().frozen.insert(node);
    }

    pub(super) fn thaw(&self, node: usize) {
        self.lock().frozen.remove(&node);
    }

    /// Nothing of this life goes on from here.
    pub(super) fn end(&self, life: Life) {
        let mut inner = self.lock();
        inner.dead.insert(life);
        let waiting = std::mem::take(&mut inner.waiting);
        let (ended, others) = waiting.into_iter().partition::<Vec<_>, _>(|one| one.life == life);
        inner.waiting = others;
        drop(inner);
        drop(ended); // what waited is told, and drops its transactions
    }

    /// Waits for a turn; none: this life is over.
    pub(super) async fn turn(&self, life: Life, what: String) -> Option<Going> {
        let (go, gone) = oneshot::channel();
        {
            let mut inner = self.lock();
            if inner.dead.contains(&life) {
                return None;
            }
            inner.waiting.push(Waiting { task: tokio::task::try_id(), life, what, go });
            inner.waiting.sort_by_key(|one| one.task);
        }
        self.changed.notify_one();
        gone.await.ok()
    }

    /// Lets everybody play until a time, or until so many turns were taken in all.
    pub(super) async fn play(self: &Arc<Self>, until: Timestamp, turns: u64) {
        loop {
            self.settle().await;
            if self.turns() >= turns {
                return;
            }
            assert!(self.turns() < MOST_TURNS, "it goes round and round:\n{}", self.tail());
            if self.lock().dice.throw() % 100 < DAWDLES {
                let pause = Duration::from_micros(self.throw(300_000));
                sleep(pause.min(self.at(until).duration_since(Instant::now()))).await;
            }
            if self.next() {
                continue;
            }
            if self.now() >= until {
                return;
            }
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = sleep_until(self.at(until)) => {}
            }
        }
    }

    /// Until whoever has the turn gave it back and everybody waits for something. It never waits itself, so no time passes.
    pub(super) async fn settle(&self) {
        loop {
            while self.lock().going > 0 {
                std::thread::sleep(GLANCE); // the thread of the database works meanwhile
                yield_now().await;
            }
            for _ in 0..3 {
                yield_now().await;
            }
            if self.lock().going == 0 {
                return;
            }
        }
    }

    /// Gives one of those who wait the turn.
    fn next(self: &Arc<Self>) -> bool {
        let mut inner = self.lock();
        inner.waiting.retain(|waiting| !waiting.go.is_closed());
        let Inner { waiting, frozen, .. } = &*inner;
        let goes = |one: &Waiting| !frozen.contains(&one.life.node) || !begins(&one.what);
        let able: Vec<usize> = (0..waiting.len()).filter(|at| goes(&waiting[*at])).collect();
        if able.is_empty() {
            return false;
        }
        let throw = usize::try_from(inner.dice.throw() % able.len() as u64).expect("few wait");
        let chosen = inner.waiting.remove(able[throw]);
        inner.going += 1;
        inner.turns += 1;
        let (at, turns, Life { node, number }) = ((self.now() - START).0, inner.turns, chosen.life);
        let _ = writeln!(inner.trace, "{at:>10} {turns:>6} node {node}.{number} {}", chosen.what);
        drop(inner);
        drop(chosen.go.send(Going(Arc::clone(self)))); // given up meanwhile: it comes back at once
        true
    }
}

/// Whether something new begins. A node that freezes does so between transactions: with the one writer of SQLite in its
/// hands it would hold up all others, which two nodes on PostgreSQL cannot.
fn begins(what: &str) -> bool {
    ["write", "look"].contains(&what) || what.starts_with("sends") || what.starts_with("hears")
}

/// Runs something to its end that is not of the play (opening a file, looking into it): no time passes meanwhile.
pub(super) async fn aside<T>(doing: impl Future<Output = T>) -> T {
    let mut doing = pin!(doing);
    loop {
        tokio::select! {
            biased;
            done = &mut doing => return done,
            () = yield_now() => std::thread::sleep(GLANCE),
        }
    }
}

/// The statements of one life.
#[derive(Debug)]
pub(super) struct Turns {
    pub(super) stage: Arc<Stage>,
    pub(super) life: Life,
    pub(super) shared: bool,
}

impl Steps for Turns {
    fn before(&self, statement: &'static str) -> Pin<Box<dyn Future<Output = Go> + Send + '_>> {
        Box::pin(async move {
            let going = self.stage.turn(self.life, statement.to_owned()).await?;
            Some(Box::new(going) as Box<dyn std::any::Any + Send>)
        })
    }

    fn clock(&self) -> Timestamp {
        self.stage.now()
    }

    fn shared(&self) -> bool {
        self.shared
    }
}
