//! The scenes: each starts what it needs, measures, checks that nothing was lost or doubled, and cleans up.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use leadloop_testing::{Database, http};

use crate::load::{self, Job, Load};
use crate::process::{Process, sessions_cpu};
use crate::sink::{Seen, Sink};

/// Connections of the sender: enough to keep a group commit full.
pub const CONNECTIONS: usize = 64;
/// Leads that warm up what is measured.
const WARM: usize = 300;
/// Nothing takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// `leadloop run`.
    Node,
    /// The reference road.
    Reference,
}

/// The database of one scene.
pub struct Place {
    folder: tempfile::TempDir,
    database: Option<Database>,
}

impl Place {
    /// A fresh one: an SQLite file, or a database of the PostgreSQL server of the tests.
    pub fn fresh(postgres: bool) -> Self {
        let database = postgres.then(|| leadloop_testing::fresh_database("road"));
        Self { folder: leadloop_testing::temp_dir(), database }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        match &self.database {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite:{}", self.path().join("road.db").display()),
        }
    }

    /// Writes the config of a node on it.
    fn config(&self, crm: SocketAddr) -> PathBuf {
        let url = self.path().join("store-url");
        let text = include_str!("road.toml")
            .replace("{crm}", &crm.to_string())
            .replace("{store}", &url.display().to_string());
        let write = |name: &str, text: &str| {
            std::fs::write(self.path().join(name), text).expect("the folder can be written");
        };
        write("store-url", &self.url()); // it may hold a password, so it comes by reference
        write("leadloop.toml", &text);
        write("people.csv", "key,name,crm_user\nli.na,li.na,U1001\nwang.wei,wang.wei,U1002\n");
        self.path().to_owned()
    }

    /// Starts `who` on it.
    pub fn start(&self, who: Who, sink: SocketAddr) -> Process {
        match who {
            Who::Node => Process::node(&self.config(sink)),
            Who::Reference => Process::part(&["--reference", &self.url(), &sink.to_string()]),
        }
    }

    /// Starts only the way in.
    fn start_ingest(&self, who: Who) -> Process {
        match who {
            Who::Node => {
                let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
                Process::part(&["--ingest-only", &self.config(nowhere).display().to_string()])
            }
            Who::Reference => Process::part(&["--reference", &self.url()]),
        }
    }
}

/// Clock and times of sending of one scene.
struct Times {
    epoch: Instant,
    sent: load::Sent,
}

impl Times {
    fn of(leads: usize) -> Self {
        Self { epoch: Instant::now(), sent: Arc::new((0..leads).map(|_| AtomicU64::new(0)).collect()) }
    }

    fn send(&self, to: SocketAddr, leads: std::ops::Range<usize>, per_second: Option<f64>) -> Load {
        let (epoch, sent) = (self.epoch, Arc::clone(&self.sent));
        load::run(Job { to, leads, connections: CONNECTIONS, per_second, epoch, sent })
    }
}

/// What ingest alone does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ingest {
    /// Captures acknowledged a second.
    pub rate: f64,
    /// CPU of the process for one, in µs.
    pub cpu: f64,
    /// CPU of the database's own processes for one, in µs.
    pub database_cpu: f64,
    /// CPU of the sender for one, in µs.
    pub sender_cpu: f64,
    /// 50 and 99 of 100 are acknowledged within so many ms.
    pub p50: f64,
    /// See `p50`.
    pub p99: f64,
}

/// Only the way in: signature checked, read, kept durably, acknowledged. Nothing is absorbed or delivered meanwhile.
pub fn ingest(who: Who, postgres: bool, leads: usize) -> Ingest {
    let place = Place::fresh(postgres);
    let process = place.start_ingest(who);
    let times = Times::of(leads + WARM);
    times.send(process.address, 0..WARM, None);
    let (cpu, database) = (process.cpu(), sessions_cpu(place.database.as_ref()));
    let load = times.send(process.address, WARM..WARM + leads, None);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / leads as f64;
    Ingest {
        rate: load.rate(),
        cpu: each(process.cpu() - cpu),
        database_cpu: each(sessions_cpu(place.database.as_ref()).saturating_sub(database)),
        sender_cpu: each(load.cpu),
        p50: millis(load::quantile(&load.waits, 500)),
        p99: millis(load::quantile(&load.waits, 990)),
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What the whole road does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Road {
    /// Captures acknowledged a second, while the rest of the road runs too.
    pub captures: f64,
    /// Leads a second from the first request to the last arrival.
    pub deliveries: f64,
    /// CPU of the process for one lead, in µs.
    pub cpu: f64,
    /// CPU of the database's own processes for one, in µs.
    pub database_cpu: f64,
    /// 50 and 99 of 100 are acknowledged within so many ms.
    pub ack_p50: f64,
    /// See `ack_p50`.
    pub ack_p99: f64,
    /// 50 and 99 of 100 arrive at the CRM within so many ms.
    pub p50: f64,
    /// See `p50`.
    pub p99: f64,
    /// MiB of memory before the first lead.
    pub idle: f64,
    /// Most MiB of memory.
    pub peak: f64,
    /// ms from the start of the process until it listened, on an empty database.
    pub start: f64,
    /// Leads in one request to the CRM.
    pub batch: f64,
}

/// The whole road, `per_second` leads a second or as many as it takes.
pub fn road(who: Who, postgres: bool, leads: usize, per_second: Option<f64>) -> Road {
    let place = Place::fresh(postgres);
    let times = Times::of(leads + WARM);
    let sink = Sink::start(times.epoch, leads + WARM);
    let process = place.start(who, sink.address);
    let settled = |count: usize| {
        wait_for(|| sink.seen.distinct() >= count, || format!("{} of {count} leads", sink.seen.distinct()));
        if who == Who::Node {
            wait_for(|| with_sales(process.address) >= count, || "hand-overs are not settled".to_owned());
        }
    };
    std::thread::sleep(Duration::from_millis(300)); // the first polls of the mirror
    let idle = process.memory().0;
    times.send(process.address, 0..WARM, None);
    settled(WARM);
    let requests = sink.seen.requests();
    let (cpu, database) = (process.cpu(), sessions_cpu(place.database.as_ref()));
    let begun = times.epoch.elapsed();
    let load = times.send(process.address, WARM..WARM + leads, per_second);
    settled(WARM + leads);
    let last = last_arrival(&sink.seen, leads + WARM);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / leads as f64;
    let arrivals = sink.seen.latencies(&times.sent, WARM..WARM + leads);
    assert_eq!((arrivals.len(), sink.seen.doubled()), (leads, 0), "once each");
    Road {
        captures: load.rate(),
        deliveries: leads as f64 / (last - begun).as_secs_f64(),
        cpu: each(process.cpu() - cpu),
        database_cpu: each(sessions_cpu(place.database.as_ref()).saturating_sub(database)),
        ack_p50: millis(load::quantile(&load.waits, 500)),
        ack_p99: millis(load::quantile(&load.waits, 990)),
        p50: millis(load::quantile(&arrivals, 500)),
        p99: millis(load::quantile(&arrivals, 990)),
        idle,
        peak: process.memory().1,
        start: millis(process.started_in),
        batch: leads as f64 / (sink.seen.requests() - requests).max(1) as f64,
    }
}

fn last_arrival(seen: &Seen, leads: usize) -> Duration {
    let zero: Vec<AtomicU64> = (0..leads).map(|_| AtomicU64::new(1)).collect();
    seen.latencies(&zero, 0..leads).last().copied().unwrap_or_default()
}

fn wait_for(done: impl Fn() -> bool, what: impl Fn() -> String) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "it hangs: {}", what());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The status page of a node.
fn status(node: SocketAddr) -> serde_json::Value {
    let answer = http::get(node, "/status").expect("the node answers");
    serde_json::from_str(&answer.body).unwrap_or_default()
}

fn with_sales(node: SocketAddr) -> usize {
    let rows = status(node)["handoffs"].as_array().cloned().unwrap_or_default();
    let count =
        rows.iter().filter(|row| row[0] == "with_sales").filter_map(|row| row[1].as_u64()).sum::<u64>();
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What a CRM that is down costs, and how it is made up for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outage {
    /// Captures acknowledged a second with an empty outbox, the CRM down.
    pub empty: f64,
    /// The same with the outbox full.
    pub full: f64,
    /// MiB of memory with the outbox empty.
    pub memory_empty: f64,
    /// The same with the outbox full.
    pub memory_full: f64,
    /// Seconds from the CRM's return to the first lead there.
    pub first: f64,
    /// Leads a second until all were there.
    pub drain: f64,
}

/// The CRM is down while `leads` come in; then it is back.
pub fn outage(postgres: bool, leads: usize) -> Outage {
    let (probe, place) = (leads.div_ceil(10).max(500), Place::fresh(postgres));
    let times = Times::of(WARM + leads + probe);
    let sink = Sink::start(times.epoch, WARM + leads + probe);
    let process = place.start(Who::Node, sink.address);
    times.send(process.address, 0..WARM, None);
    wait_for(|| with_sales(process.address) >= WARM, || "the warm-up does not arrive".to_owned());
    sink.seen.set_down(true);
    let empty = times.send(process.address, WARM..WARM + probe, None).rate();
    absorbed(&process);
    let memory_empty = process.memory().0;
    let mut sent = WARM + probe;
    while sent < WARM + leads {
        let next = (sent + 50_000).min(WARM + leads);
        times.send(process.address, sent..next, None);
        sent = next;
    }
    absorbed(&process);
    let memory_full = process.memory().0;
    let full = times.send(process.address, sent..sent + probe, None).rate();
    absorbed(&process);
    sink.seen.set_down(false);
    let back = times.epoch.elapsed();
    wait_for(|| sink.seen.first_after().is_some(), || "nothing comes after the outage".to_owned());
    let first = sink.seen.first_after().unwrap_or_default();
    let all = sent + probe;
    wait_for(|| sink.seen.distinct() >= all, || format!("{} of {all} leads", sink.seen.distinct()));
    let last = last_arrival(&sink.seen, all);
    assert_eq!(sink.seen.doubled(), 0, "once each");
    Outage {
        empty,
        full,
        memory_empty,
        memory_full,
        first: first.saturating_sub(back).as_secs_f64(),
        drain: (all - WARM) as f64 / last.saturating_sub(first).as_secs_f64(),
    }
}

fn absorbed(process: &Process) {
    wait_for(|| status(process.address)["captures_due"] == 0, || "captures are not absorbed".to_owned());
}

/// ms from a new start after SIGKILL, with `leads` in the pool, until the first push is acknowledged.
pub fn restart(postgres: bool, leads: usize) -> f64 {
    let place = Place::fresh(postgres);
    let times = Times::of(leads + 1);
    let sink = Sink::start(times.epoch, leads + 1);
    let process = place.start(Who::Node, sink.address);
    times.send(process.address, 0..leads, None);
    absorbed(&process);
    process.kill();
    let begun = Instant::now();
    let process = place.start(Who::Node, sink.address);
    times.send(process.address, leads..leads + 1, None);
    millis(begun.elapsed())
}
