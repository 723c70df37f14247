//! Events of analytics SDKs: how many a second are acknowledged by a node as users run it, beside bare durable batched
//! inserts of the same bytes in the same run (a row for each event; and, the least there is, a row for each body), what one
//! costs, what memory does over many of them, and what is left to be absorbed. On SQLite and PostgreSQL. At the end
//! the node is killed, and every acknowledged event must be in the database, once.
//!
//! The node is compared with bare inserts twice. By rate: acknowledged events a second of the clock, while the sender, on the
//! same machine, takes its part of the cores; bare inserts have the machine to themselves. By CPU time: events a second of
//! processor time of the node and its database, without the sender's, which is printed beside.
//!
//! `scripts/bench` runs it; `scripts/bench --help` says how.

#![expect(unreachable_pub, reason = "a bench has no outside; `pub` says what a module offers to the others")]
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a bench prints, ends when its surroundings fail, and counts far below 2^52"
)]

#[path = "../road/load.rs"]
#[expect(dead_code, reason = "of the sender the bodies of leads are not used here")]
mod load;
mod made;
#[path = "../road/process.rs"]
#[expect(dead_code, reason = "only the node is measured here")]
mod process;
#[path = "../road/report.rs"]
mod report;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadloop_store::bare;
use leadloop_testing::{Database, http};

use load::{Job, Load};
use made::{KEPT, TOLD, Vendor};
use process::{Process, sessions_cpu};
use report::Figures;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events that are made, sent and waited for together.
const ROUND: usize = 50_000;
/// So many of the first rounds stand beside bare inserts.
const PAIRS: usize = 3;
/// Connections of the sender: enough to keep a group commit full.
const CONNECTIONS: usize = 64;
/// Rows of a bare transaction: as many as a node puts into one.
const ROWS: usize = 2_000;
/// Nothing takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(1_800);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    let after = |word: &str| words.iter().position(|given| given == word).and_then(|at| words.get(at + 1));
    if after("--only").is_some_and(|only| only != "events") {
        return;
    }
    let usual = if has("--full") { 10_000_000 } else { 2 * PAIRS * ROUND };
    let events = after("--events").and_then(|text| text.parse().ok()).unwrap_or(usual);
    let engines: &[bool] = match (has("--sqlite"), has("--postgres")) {
        (true, false) => &[false],
        (false, true) => &[true],
        _ => &[false, true],
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    println!(
        "events: {events}, half of each vendor, in rounds of {ROUND}; {CONNECTIONS} connections; one in {KEPT} is kept, one in {TOLD} says who somebody is, the rest is counted"
    );
    let mut figures = Figures::default();
    for postgres in engines.iter().copied() {
        let engine = if postgres { "postgres" } else { "sqlite" };
        println!("\n{engine}");
        let place = Place::fresh(postgres);
        Run { runtime: &runtime, place: &place, node: place.start(), sent: 0, memory: vec![] }.all(
            events,
            engine,
            &mut figures,
        );
    }
    figures.finish(has("--save"));
}

/// A database, and the folder of the config.
struct Place {
    folder: tempfile::TempDir,
    database: Option<Database>,
}

impl Place {
    fn fresh(postgres: bool) -> Self {
        let database = postgres.then(|| leadloop_testing::fresh_database("events"));
        Self { folder: leadloop_testing::temp_dir(), database }
    }

    fn url(&self) -> String {
        match &self.database {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite:{}", self.folder.path().join("events.db").display()),
        }
    }

    fn start(&self) -> Process {
        let url = self.folder.path().join("store-url");
        let text = include_str!("events.toml").replace("{store}", &url.display().to_string());
        std::fs::write(&url, self.url()).expect("the folder can be written");
        std::fs::write(self.folder.path().join("leadloop.toml"), text).expect("the folder can be written");
        Process::node(self.folder.path())
    }

    /// MB of the database.
    fn size(&self) -> f64 {
        let bytes: f64 = match &self.database {
            Some(database) => database
                .psql("SELECT pg_database_size(current_database())")
                .trim()
                .parse()
                .unwrap_or_default(),
            None => {
                let files = std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten();
                let ours = files.filter(|file| !file.file_name().to_string_lossy().contains(".bare"));
                ours.filter_map(|file| file.metadata().ok()).map(|data| data.len() as f64).sum()
            }
        };
        bytes / 1e6
    }
}

/// What one round brought.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    rate: f64,
    cpu: f64,
    database_cpu: f64,
    sender_cpu: f64,
    p99: f64,
    rows: Bare,
    bodies: Bare,
}

/// What bare inserts brought: events a second, and the CPU time of one with what it takes in the database.
#[derive(Clone, Copy, Debug, Default)]
struct Bare {
    rate: f64,
    cpu: f64,
}

/// A node under load.
struct Run<'a> {
    runtime: &'a tokio::runtime::Runtime,
    place: &'a Place,
    node: Process,
    sent: usize,
    memory: Vec<f64>,
}

impl Run<'_> {
    fn all(mut self, events: usize, engine: &str, figures: &mut Figures) {
        let rounds = (events / ROUND).max(2);
        let mut found: [Vec<Round>; 2] = Default::default();
        self.look();
        for at in 0..rounds {
            let (vendor, of) = if at % 2 == 0 { (Vendor::Sensors, 0) } else { (Vendor::Segment, 1) };
            let beside = at / 2 < PAIRS;
            let round = self.round(vendor, beside);
            if beside {
                found[of].push(round);
            }
            if (at + 1) % (rounds / 10).max(1) == 0 {
                self.look();
            }
        }
        let waits = self.drained();
        self.look();
        for (vendor, rounds) in [(Vendor::Sensors, &found[0]), (Vendor::Segment, &found[1])] {
            report(engine, vendor, rounds, self.place.database.is_some(), figures);
        }
        let most = self.node.memory().1;
        figures.alone(engine, "events: memory, most", "MiB", most, "flat");
        // The first looks still see what is only allocated once.
        let (early, late) =
            (self.memory[self.memory.len() / 4], self.memory.last().copied().unwrap_or_default());
        figures.alone(engine, "events: memory at the end of that at a quarter", "x", late / early, "<= 1.2");
        figures.alone(engine, "events: absorbed after the last answer", "s", waits.as_secs_f64(), "");
        self.nothing_lost();
    }

    /// Makes, sends and waits for a round of events.
    fn round(&mut self, vendor: Vendor, beside: bool) -> Round {
        let now = jiff::Timestamp::now();
        let events: Vec<String> =
            (self.sent..self.sent + ROUND).map(|number| vendor.event(number, now)).collect();
        let bodies: Vec<Vec<u8>> = events.chunks(vendor.batch()).map(|batch| vendor.body(batch)).collect();
        let requests = bodies.iter().map(|body| vendor.request(self.node.address, body)).collect();
        let (cpu, database) = (self.node.cpu(), sessions_cpu(self.place.database.as_ref()));
        let load = send(self.node.address, requests);
        let database = sessions_cpu(self.place.database.as_ref()).saturating_sub(database);
        let mut round = Round {
            rate: ROUND as f64 / load.took.as_secs_f64(),
            cpu: each(self.node.cpu() - cpu),
            database_cpu: each(database),
            sender_cpu: each(load.cpu),
            p99: load::quantile(&load.waits, 990).as_secs_f64() * 1e3,
            ..Round::default()
        };
        self.sent += ROUND;
        if beside {
            let rows: Vec<Vec<u8>> = events.into_iter().map(String::into_bytes).collect();
            round.rows = self.bare(&rows, ROWS);
            round.bodies = self.bare(&bodies, CONNECTIONS);
        }
        round
    }

    /// Bare inserts of these rows, each transaction durable before the next begins.
    fn bare(&self, rows: &[Vec<u8>], batch: usize) -> Bare {
        let texts: Vec<String> = rows.iter().map(|row| String::from_utf8_lossy(row).into_owned()).collect();
        let queue =
            self.runtime.block_on(bare::Queue::open(&self.place.url())).expect("a database can be opened");
        let cpu = || process::cpu_of(std::process::id()) + sessions_cpu(self.place.database.as_ref());
        let before = cpu();
        let begun = Instant::now();
        for rows in texts.chunks(batch) {
            self.runtime.block_on(queue.keep(rows)).expect("bare inserts work");
        }
        let took = begun.elapsed();
        let cpu = cpu().saturating_sub(before);
        self.runtime.block_on(queue.close()).expect("the table is emptied");
        Bare { rate: ROUND as f64 / took.as_secs_f64(), cpu: each(cpu) }
    }

    /// Looks at memory, what waits, and the disk.
    fn look(&mut self) {
        let memory = self.node.memory().0;
        self.memory.push(memory);
        println!(
            "  after {:>10} events {memory:>6.1} MiB   {:>7} captures wait   database {:>7.1} MB",
            self.sent,
            waiting(self.node.address),
            self.place.size()
        );
    }

    /// How long it takes until everything is absorbed.
    fn drained(&self) -> Duration {
        let begun = Instant::now();
        while waiting(self.node.address) > 0 {
            assert!(begun.elapsed() < PATIENCE, "captures are not absorbed");
            std::thread::sleep(Duration::from_millis(20));
        }
        begun.elapsed()
    }

    /// Every acknowledged event is there once: counted, or kept as a capture.
    fn nothing_lost(self) {
        self.node.kill();
        let number = |sql: &str| {
            let url = self.place.url();
            self.runtime.block_on(bare::number(&url, sql)).expect("the database can be read")
        };
        let counted = number("SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM visit");
        let captures = number("SELECT COUNT(*) FROM capture");
        let sent = i64::try_from(self.sent).unwrap_or(i64::MAX);
        assert_eq!(counted + captures, sent, "{counted} are counted and {captures} are captures");
        let kept = sent / i64::try_from(KEPT).unwrap_or(1) + sent / i64::try_from(TOLD).unwrap_or(1);
        assert_eq!(captures, kept, "these are worth keeping");
    }
}

/// µs of one event.
fn each(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6 / ROUND as f64
}

fn report(engine: &str, vendor: Vendor, rounds: &[Round], postgres: bool, figures: &mut Figures) {
    let name = |what: &str| format!("events of {}: {what}", vendor.name());
    let all = |of: fn(&Round) -> f64| rounds.iter().map(of).collect::<Vec<f64>>();
    let median = |of: fn(&Round) -> f64| report::median(all(of));
    let ours = || all(|round| round.rate);
    let goal = "ratio >= 0.50";
    figures.beside(engine, &name("a row each"), "1/s", ours(), all(|round| round.rows.rate), goal);
    figures.beside(engine, &name("a row a body"), "1/s", ours(), all(|round| round.bodies.rate), "");
    // Of one second of processor time, so that what the sender takes of the machine is on neither side.
    let of_cpu = all(|round| 1e6 / (round.cpu + round.database_cpu));
    figures.beside(engine, &name("a row each, by CPU"), "1/s", of_cpu, all(|round| 1e6 / round.rows.cpu), "");
    figures.alone(engine, &name("CPU of one"), "µs", median(|round| round.cpu), "");
    if postgres {
        figures.alone(
            engine,
            &name("CPU of the server for one"),
            "µs",
            median(|round| round.database_cpu),
            "",
        );
    }
    figures.alone(engine, &name("CPU of the sender for one"), "µs", median(|round| round.sender_cpu), "");
    figures.alone(engine, &name("a batch is acknowledged within, p99"), "ms", median(|round| round.p99), "");
}

/// Captures that wait to be absorbed.
fn waiting(node: SocketAddr) -> u64 {
    let answer = http::get(node, "/status").expect("the node answers");
    let status: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    status["captures_due"].as_u64().unwrap_or_else(|| panic!("no status: {}", answer.body))
}

fn send(to: SocketAddr, requests: Vec<Vec<u8>>) -> Load {
    let job = Job {
        to,
        leads: 0..requests.len(),
        connections: CONNECTIONS,
        per_second: None,
        epoch: Instant::now(),
        sent: Arc::new(vec![]),
    };
    load::run_requests(job, requests)
}
