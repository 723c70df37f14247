//! A system that counts: several windows at once, each as strict as can be, and not one request too many, though the link passes
//! to another node in the middle and another program uses the same account. Hours pass in a second here: the clock, the wire
//! and every wait are tokio's paused time, so that the same seed gives the same requests at the same microseconds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use leadloop_connector_api::exchange::single;
use leadloop_connector_api::manifest::{Limit, Manifest, parse};
use leadloop_connector_api::{Answer, Connector, Exchange, Link, Refusal, Request, Wants};
use leadloop_server::auth::Login;
use leadloop_server::clock::Clock;
use leadloop_server::converse::Line;
use leadloop_server::limits::Limits;
use leadloop_server::wire::{BoxFuture, Wire, WireError};
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use leadloop_sync_core::time::{Micros, Timestamp};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// 2026-11-27 00:00 UTC.
const START: Timestamp = Timestamp(1_795_737_600_000_000);
const CONCURRENT: u32 = 4;

static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| {
    parse(
        "name = \"strict\"\ntitle = { en = \"Strict\", zh = \"严格\" }\nkinds = [\"crm\"]\n\
         [[limit]]\nrequests = 100000\nper_secs = 86400\n\
         [[quota]]\nper_secs = 86400\nheader = \"x-left\"\nsays = \"left\"\nmost = \"x-most\"\n",
    )
    .expect("the manifest of this test is valid")
});

/// A connector of one request.
struct Asks;

impl Connector for Asks {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn exchange(
        &self,
        _: &Link,
        operations: &[Operation],
        _: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let count = operations.len();
        Ok(single(Request::get("/check"), move |answer| {
            let retry_after = Some(Micros::seconds(1));
            let outcome = match answer.status {
                429 => Outcome::Throttled { retry_after, quota: false },
                _ => Outcome::Done(Reply::Told),
            };
            vec![outcome; count]
        }))
    }
}

/// The clock of a paused runtime.
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        START + Micros(i64::try_from(self.0.elapsed().as_micros()).unwrap_or(0))
    }

    fn moment(&self) -> Moment {
        Moment::new(self.now(), 1)
    }

    fn sleep_until(&self, at: Timestamp) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(sleep((at - self.now()).max(Micros(0)).to_std()))
    }
}

/// A system with sliding windows, a day and a number of requests at once.
struct Strict {
    windows: Mutex<Vec<(Limit, VecDeque<Instant>)>>,
    per_day: u32,
    used: AtomicU32,
    in_flight: AtomicU32,
    dice: Mutex<Moment>,
    /// What was refused, by the window that was full.
    refused: Mutex<BTreeMap<&'static str, u32>>,
    taken: AtomicU32,
    /// It says nothing of what is left of the day.
    silent: AtomicBool,
}

impl Strict {
    fn new(windows: &[Limit], per_day: u32) -> Arc<Self> {
        Arc::new(Self {
            windows: Mutex::new(windows.iter().map(|window| (*window, VecDeque::new())).collect()),
            per_day,
            used: AtomicU32::new(0),
            in_flight: AtomicU32::new(0),
            dice: Mutex::new(Moment::new(START, 7)),
            refused: Mutex::default(),
            taken: AtomicU32::new(0),
            silent: AtomicBool::new(false),
        })
    }

    fn throw(&self, most: u64) -> Duration {
        let mut dice = self.dice.lock().expect("nobody panics with it");
        Duration::from_micros(dice.throw() % (most * 1_000))
    }

    fn refused(&self) -> BTreeMap<&'static str, u32> {
        self.refused.lock().expect("nobody panics with it").clone()
    }

    fn taken(&self) -> u32 {
        self.taken.load(Ordering::SeqCst)
    }

    fn full(&self) -> Option<&'static str> {
        let now = Instant::now();
        let mut windows = self.windows.lock().expect("nobody panics with it");
        for (window, stamps) in windows.iter_mut() {
            let span = Duration::from_secs(u64::from(window.per_secs));
            while stamps.front().is_some_and(|first| now.duration_since(*first) >= span) {
                stamps.pop_front();
            }
        }
        let full = windows.iter().find(|(window, stamps)| stamps.len() >= window.requests as usize);
        let full = match full {
            Some((Limit { per_secs: 1, .. }, _)) => Some("second"),
            Some(_) => Some("minute"),
            None if self.used.load(Ordering::SeqCst) >= self.per_day => Some("day"),
            None if self.in_flight.load(Ordering::SeqCst) >= CONCURRENT => Some("concurrent"),
            None => None,
        };
        if full.is_none() {
            windows.iter_mut().for_each(|(_, stamps)| stamps.push_back(now));
        }
        full
    }

    /// One request, of whomever.
    async fn hear(&self) -> Result<(), &'static str> {
        if let Some(full) = self.full() {
            *self.refused.lock().expect("nobody panics with it").entry(full).or_default() += 1;
            return Err(full);
        }
        self.used.fetch_add(1, Ordering::SeqCst);
        self.taken.fetch_add(1, Ordering::SeqCst);
        let _inside = Inside::of(&self.in_flight);
        sleep(Duration::from_millis(20) + self.throw(60)).await;
        Ok(())
    }
}

/// A request that is being answered, though nobody may wait for it any more.
struct Inside<'a>(&'a AtomicU32);

impl<'a> Inside<'a> {
    fn of(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Wire for Strict {
    fn send<'a>(&'a self, _: &'a Request, _: Duration) -> BoxFuture<'a, Result<Answer, WireError>> {
        Box::pin(async move {
            sleep(self.throw(15)).await; // on its way
            let status = if self.hear().await.is_ok() { 200 } else { 429 };
            let mut answer = Answer::with_body(status, "application/json", "{}");
            let left = self.per_day.saturating_sub(self.used.load(Ordering::SeqCst));
            if self.silent.load(Ordering::SeqCst) {
                return Ok(answer);
            }
            answer.headers.push(("x-left".into(), left.to_string()));
            answer.headers.push(("x-most".into(), self.per_day.to_string()));
            Ok(answer)
        })
    }
}

/// A node that drives the link: as many tasks as it may send at once, and more.
struct Drives {
    line: Arc<Line>,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    /// What it noted with its last claim.
    note: Arc<Mutex<Value>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drives {
    fn begin(crm: &Arc<Strict>, clock: &Arc<Paused>, windows: &[Limit], note: &Value) -> Self {
        let limits = Limits::new(windows, 0);
        limits.take_over(note, clock.now());
        let line = Arc::new(Line {
            connector: &Asks,
            link: Link {
                name: LinkName::from("strict"),
                settings: BTreeMap::new(),
                secrets: BTreeMap::new(),
                wants: Wants::default(),
                told: None,
            },
            base: "http://crm.example".to_owned(),
            timeout: Duration::from_secs(20),
            login: Login::new(None, vec![], String::new()),
            limits,
            // One less than the system allows: an answer of ours is over there before we know of it, never after.
            slots: Semaphore::new(CONCURRENT as usize - 1),
        });
        let (stop, sent, noted) = (Arc::default(), Arc::default(), Arc::default());
        let tasks = (0..8).map(|_| {
            let (line, crm, clock) = (Arc::clone(&line), Arc::clone(crm), Arc::clone(clock));
            let (stop, sent, noted): (Arc<AtomicBool>, Arc<AtomicU64>, Arc<Mutex<Value>>) =
                (Arc::clone(&stop), Arc::clone(&sent), Arc::clone(&noted));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    *noted.lock().expect("nobody panics with it") = line.limits.note(clock.now(), 8);
                    let until = clock.now() + Micros::minutes(2);
                    let outcomes =
                        line.carry_out(&[Operation::Check], until, crm.as_ref(), clock.as_ref()).await;
                    match outcomes.first() {
                        Some(Outcome::Throttled { retry_after, .. }) => {
                            let second = Micros::seconds(1);
                            sleep(retry_after.unwrap_or(second).min(second).to_std()).await;
                        }
                        Some(Outcome::Done(_)) => drop(sent.fetch_add(1, Ordering::SeqCst)),
                        // No time left in its claim: it is claimed anew.
                        _ => sleep(Duration::from_millis(10)).await,
                    }
                }
            })
        });
        let tasks = tasks.collect();
        Self { line, stop, sent, note: noted, tasks }
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// It dies: what it noted last is all that is known of it.
    fn die(self) -> Value {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        self.note.lock().expect("nobody panics with it").clone()
    }

    /// It gives the link back when what is under way has come home.
    async fn end(self, clock: &Paused) -> Value {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.expect("it does not panic");
        }
        self.line.limits.note(clock.now(), 0)
    }
}

/// Another program with the same account: a request every so often.
fn other(crm: &Arc<Strict>, every: Duration) -> tokio::task::JoinHandle<()> {
    let crm = Arc::clone(crm);
    tokio::spawn(async move {
        loop {
            sleep(every).await;
            let _ = crm.hear().await;
        }
    })
}

fn window(requests: u32, per_secs: u32) -> Limit {
    Limit { requests, per_secs }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_refused_in_any_window_whoever_sends() {
    let crm = Strict::new(&[window(20, 1), window(600, 60)], 12_000);
    let clock = Arc::new(Paused(Instant::now()));
    // Of a second and a minute a part is left to the other program; of the day all is ours that it leaves.
    let ours = [window(18, 1), window(540, 60), window(12_000, 86_400)];
    let first = Drives::begin(&crm, &clock, &ours, &Value::Null);
    let someone = other(&crm, Duration::from_secs(2));
    sleep(Duration::from_secs(300)).await;
    // 95 % of 540 a minute; the first minute begins with nothing at once.
    assert!(first.sent() >= 2_490, "97 % of the allowance are used: {}", first.sent());
    let note = first.end(&clock).await;
    let second = Drives::begin(&crm, &clock, &ours, &note);
    sleep(Duration::from_secs(300)).await;
    assert!(second.sent() >= 2_450, "{}", second.sent());
    let note = second.die();
    // Nobody may send before the lease of the dead one is over.
    sleep(Duration::from_secs(6)).await;
    let third = Drives::begin(&crm, &clock, &ours, &note);
    assert_eq!(crm.refused(), BTreeMap::new());

    // The day ends for us at 95 % of what there is, the other's part counted.
    sleep(Duration::from_secs(900)).await;
    assert_eq!(crm.refused(), BTreeMap::new());
    let used = crm.used.load(Ordering::SeqCst);
    assert!((11_400..12_000).contains(&used), "{used} of 12000");
    let sent = third.sent();
    sleep(Duration::from_secs(600)).await;
    assert!(third.sent() <= sent + 8, "only what finds out anew: {} after {sent}", third.sent());
    someone.abort();
    assert_eq!(crm.refused(), BTreeMap::new(), "not one");
    third.end_now();
}

#[tokio::test(start_paused = true)]
async fn a_successor_begins_where_the_one_before_it_ended_again_and_again() {
    let windows = [window(18, 1), window(540, 60)];
    let crm = Strict::new(&windows, 3_000);
    crm.silent.store(true, Ordering::SeqCst);
    let clock = Arc::new(Paused(Instant::now()));
    let ours = [windows[0], windows[1], window(3_000, 86_400)];
    let mut note = Value::Null;
    for turn in 0..60 {
        let node = Drives::begin(&crm, &clock, &ours, &note);
        sleep(Duration::from_secs(10)).await;
        note = if turn % 3 == 0 { node.die() } else { node.end(&clock).await };
        if turn % 3 == 0 {
            sleep(Duration::from_secs(6)).await; // the lease of the dead one
        }
        assert_eq!(crm.refused(), BTreeMap::new(), "turn {turn}");
    }
    // Of each that died it is not known whether the eight it had claimed were sent: they count.
    assert!((2_600..=2_850).contains(&crm.taken()), "{} of 2850", crm.taken());
}

/// That somebody would notice: a link that believes in windows wider than the system's is found out in each of them.
#[tokio::test(start_paused = true)]
async fn a_link_that_exceeds_a_window_is_found_out() {
    for (full, ours) in [
        ("second", [window(40, 1), window(600, 60), window(12_000, 86_400)]),
        ("minute", [window(20, 1), window(1_200, 60), window(12_000, 86_400)]),
        ("day", [window(20, 1), window(600, 60), window(90_000, 86_400)]),
    ] {
        let crm = Strict::new(&[window(20, 1), window(600, 60)], 1_000);
        crm.silent.store(true, Ordering::SeqCst);
        let node = Drives::begin(&crm, &Arc::new(Paused(Instant::now())), &ours, &Value::Null);
        sleep(Duration::from_secs(if full == "day" { 180 } else { 90 })).await;
        assert!(crm.refused().contains_key(full), "{full}: {:?}", crm.refused());
        node.end_now();
    }
}

impl Drives {
    fn end_now(self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_gives_way_when_another_program_suddenly_uses_more() {
    let crm = Strict::new(&[window(20, 1), window(1_200, 60)], u32::MAX);
    let clock = Arc::new(Paused(Instant::now()));
    let ours = [window(20, 1), window(1_200, 60)];
    let node = Drives::begin(&crm, &clock, &ours, &Value::Null);
    sleep(Duration::from_secs(120)).await;
    assert_eq!(crm.refused(), BTreeMap::new(), "alone nothing is refused");
    let alone = node.sent();
    assert!(alone >= 2_200, "{alone} of 2280");

    // Half of everything is used by somebody else from now on, and nobody says so.
    let someone = other(&crm, Duration::from_millis(100));
    sleep(Duration::from_secs(1_800)).await;
    let (taken, refused) = (crm.taken(), crm.refused().values().sum::<u32>());
    assert!(refused > 0, "else this shows nothing");
    assert!(refused * 500 <= taken, "{refused} of {taken} were refused: more than two in a thousand");
    assert!(node.sent() - alone >= 1_800 * 7, "what is left is used: {}", node.sent() - alone);

    // It goes away: the full rate comes back by itself.
    someone.abort();
    sleep(Duration::from_secs(900)).await;
    let (before, none) = (node.sent(), crm.refused());
    sleep(Duration::from_secs(120)).await;
    assert!(node.sent() - before >= 2_200, "{}", node.sent() - before);
    assert_eq!(crm.refused(), none);
    node.end_now();
}
