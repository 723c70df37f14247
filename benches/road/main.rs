//! The whole road as users run it, beside the least that any middleware must do: captures acknowledged a second, leads
//! delivered a second, CPU for one, memory, and the time from an event to its record in the CRM, on SQLite and
//! PostgreSQL. The node and the reference run as processes of their own, one after the other in the same run, so that
//! the figures compare; sender and CRM are light and run in this process. It fails only when something is lost or
//! doubled.
//!
//! `scripts/bench` runs it; `scripts/bench --help` says how.

#![expect(unreachable_pub, reason = "a bench has no outside; `pub` says what a module offers to the others")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a bench prints, ends when its surroundings fail, and counts far below 2^52"
)]

mod load;
mod process;
mod reference;
mod report;
mod scenes;
mod sink;

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use leadloop_config::lower::Secrets;
use leadloop_config::text::Files;
use leadloop_connector_api::Registry;
use leadloop_connectors as _; // the registry finds what is linked in
use leadloop_store::{Store, StoreSettings};

use report::{Figures, median};
use scenes::{Place, Who};

// The node uses it; the reference must not be slower for want of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is asked of a run.
struct Asked {
    leads: usize,
    rounds: usize,
    outage: usize,
    pool: usize,
    only: Option<String>,
    engines: Vec<bool>,
    save: bool,
}

impl Asked {
    fn of(words: &[String]) -> Self {
        let has = |word: &str| words.iter().any(|given| given == word);
        let after = |word: &str| {
            let at = words.iter().position(|given| given == word)?;
            words.get(at + 1).cloned()
        };
        let number =
            |word: &str, usual: usize| after(word).and_then(|text| text.parse().ok()).unwrap_or(usual);
        let full = has("--full");
        let engines = match (has("--sqlite"), has("--postgres")) {
            (true, false) => vec![false],
            (false, true) => vec![true],
            _ => vec![false, true],
        };
        Self {
            leads: number("--leads", if full { 50_000 } else { 5_000 }),
            rounds: number("--rounds", if full { 5 } else { 3 }),
            outage: number("--outage", if full { 1_000_000 } else { 10_000 }),
            pool: number("--pool", if full { 1_000_000 } else { 10_000 }),
            only: after("--only"),
            engines,
            save: has("--save"),
        }
    }

    fn wants(&self, scene: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == scene)
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    match words.first().map(String::as_str) {
        Some("--reference") => {
            let sink = words.get(2).map(|address| address.parse().expect("an address"));
            return runtime().block_on(reference::run(words.get(1).expect("a URL"), sink));
        }
        Some("--ingest-only") => return runtime().block_on(ingest_only(words.get(1).expect("a folder"))),
        _ => {}
    }
    let asked = Asked::of(&words);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "road: {} leads a round, {} rounds, medians; {} connections; {cores} cores; sender, sink and database on the same machine",
        asked.leads,
        asked.rounds,
        scenes::CONNECTIONS
    );
    let mut figures = Figures::default();
    for postgres in asked.engines.iter().copied() {
        let engine = if postgres { "postgres" } else { "sqlite" };
        println!("\n{engine}");
        if asked.wants("bare") {
            bare(&runtime(), &asked, postgres, engine, &mut figures);
        }
        if asked.wants("ingest") {
            ingest(&asked, postgres, engine, &mut figures);
        }
        if asked.wants("road") {
            road(&asked, postgres, engine, &mut figures);
        }
        if asked.wants("latency") {
            latency(&asked, postgres, engine, &mut figures);
        }
        if asked.wants("outage") {
            outage(&asked, postgres, engine, &mut figures);
        }
        if asked.wants("restart") {
            let took = scenes::restart(postgres, asked.pool);
            figures.alone(engine, &format!("restart with {} leads", asked.pool), "ms", took, "<= 300");
        }
    }
    if asked.wants("footprint") {
        println!("\nprogram");
        let bytes = std::fs::metadata(env!("CARGO_BIN_EXE_leadloop")).map_or(0, |file| file.len());
        figures.alone("program", "size of the binary", "MB", bytes as f64 / 1e6, "<= 25");
    }
    figures.finish(asked.save);
}

fn bare(
    runtime: &tokio::runtime::Runtime,
    asked: &Asked,
    postgres: bool,
    engine: &str,
    figures: &mut Figures,
) {
    let bodies: Vec<Vec<u8>> = (0..asked.leads).map(|number| load::body(number).into_bytes()).collect();
    let rate = |_| {
        let place = Place::fresh(postgres);
        let took = runtime
            .block_on(leadloop_store::bare::inserts(&place.url(), &bodies, scenes::CONNECTIONS))
            .expect("bare inserts work");
        asked.leads as f64 / took.as_secs_f64()
    };
    let rates: Vec<f64> = (0..asked.rounds).map(rate).collect();
    let name = format!("bare inserts of {} rows", scenes::CONNECTIONS);
    figures.alone(engine, &name, "rows/s", median(rates), "");
}

fn ingest(asked: &Asked, postgres: bool, engine: &str, figures: &mut Figures) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..asked.rounds {
        theirs.push(scenes::ingest(Who::Reference, postgres, asked.leads));
        ours.push(scenes::ingest(Who::Node, postgres, asked.leads));
    }
    let mut both = |name: &str, unit: &str, of: fn(&scenes::Ingest) -> f64, goal: &str| {
        figures.beside(
            engine,
            name,
            unit,
            ours.iter().map(of).collect(),
            theirs.iter().map(of).collect(),
            goal,
        );
    };
    both("ingest: captures acknowledged", "1/s", |one| one.rate, "ratio >= 0.60");
    both("ingest: CPU of one capture", "µs", |one| one.cpu, if postgres { "" } else { "<= 45 µs" });
    if postgres {
        both("ingest: CPU of the server for one", "µs", |one| one.database_cpu, "");
    }
    both("ingest: acknowledged within, p50", "ms", |one| one.p50, "");
    both("ingest: acknowledged within, p99", "ms", |one| one.p99, "");
    both("ingest: CPU of the sender for one", "µs", |one| one.sender_cpu, "");
}

fn road(asked: &Asked, postgres: bool, engine: &str, figures: &mut Figures) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..asked.rounds {
        theirs.push(scenes::road(Who::Reference, postgres, asked.leads, None));
        ours.push(scenes::road(Who::Node, postgres, asked.leads, None));
    }
    let mut both = |name: &str, unit: &str, of: fn(&scenes::Road) -> f64, goal: &str| {
        figures.beside(
            engine,
            name,
            unit,
            ours.iter().map(of).collect(),
            theirs.iter().map(of).collect(),
            goal,
        );
    };
    both(
        "road: leads delivered",
        "1/s",
        |one| one.deliveries,
        if postgres { "ratio >= 0.20" } else { "ratio >= 0.40" },
    );
    both("road: captures acknowledged meanwhile", "1/s", |one| one.captures, "");
    both("road: CPU of one lead", "µs", |one| one.cpu, if postgres { "" } else { "<= 130 µs" });
    if postgres {
        both("road: CPU of the server for one", "µs", |one| one.database_cpu, "");
    }
    both("road: acknowledged within, p50", "ms", |one| one.ack_p50, "");
    both("road: acknowledged within, p99", "ms", |one| one.ack_p99, "");
    both("road: leads in a request to the CRM", "", |one| one.batch, "");
    both("memory when idle", "MiB", |one| one.idle, "<= 30 MiB");
    both("memory flat out, most", "MiB", |one| one.peak, "<= 96 MiB");
    both("start on an empty database", "ms", |one| one.start, "<= 100 ms");
}

fn latency(asked: &Asked, postgres: bool, engine: &str, figures: &mut Figures) {
    for (rate, goal_p50, goal_p99) in
        [(500_u32, "<= 5 ms or 3x", "<= 20 ms or 3x"), (2_000, "", "<= 40 ms or 3x")]
    {
        let leads = usize::try_from(rate).unwrap_or(500) * asked.leads.div_ceil(2_500).min(20);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..asked.rounds {
            theirs.push(scenes::road(Who::Reference, postgres, leads, Some(f64::from(rate))));
            ours.push(scenes::road(Who::Node, postgres, leads, Some(f64::from(rate))));
        }
        let mut both = |name: &str, of: fn(&scenes::Road) -> f64, goal: &str| {
            let name = format!("event to CRM at {rate}/s, {name}");
            figures.beside(
                engine,
                &name,
                "ms",
                ours.iter().map(of).collect(),
                theirs.iter().map(of).collect(),
                goal,
            );
        };
        both("p50", |one| one.p50, goal_p50);
        both("p99", |one| one.p99, goal_p99);
    }
}

fn outage(asked: &Asked, postgres: bool, engine: &str, figures: &mut Figures) {
    let one = scenes::outage(postgres, asked.outage);
    let mut alone = |name: &str, unit: &str, value: f64, goal: &str| {
        figures.alone(engine, &format!("CRM down, {} waiting: {name}", asked.outage), unit, value, goal);
    };
    alone("captures acknowledged, of the empty rate", "", one.full / one.empty, ">= 0.85");
    alone("memory more than empty", "MiB", one.memory_full - one.memory_empty, "<= 16");
    alone("first lead after its return", "s", one.first, "<= 2");
    alone("leads delivered", "1/s", one.drain, ">= 0.8 of the road's");
}

/// The way in of a node and nothing else: what ingest costs by itself.
async fn ingest_only(folder: &str) {
    let loaded = leadloop_config::load("leadloop.toml", &Folder(folder), &Environment, &Registry::all());
    let plan =
        loaded.plan.map(Arc::new).unwrap_or_else(|| panic!("the bench's config: {:?}", loaded.problems));
    let url = secrecy::ExposeSecret::expose_secret(&plan.store_url).to_owned();
    let store = Store::open(&StoreSettings::new(url)).await.expect("the store opens");
    let node = leadloop_server::run::quiet(plan, store).expect("the node stands");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    eprintln!("ingest address={}", listener.local_addr().expect("it is bound"));
    let router = Router::new()
        .route("/in/{source}", any(leadloop_server::ingress::receive))
        .with_state(Arc::clone(&node));
    leadloop_server::serve::run(node, listener, router).await;
}

/// The files of the bench's config.
struct Folder<'a>(&'a str);

impl Files for Folder<'_> {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(std::path::Path::new(self.0).join(name)).map_err(|error| error.to_string())
    }
    fn list(&self, _: &str) -> Vec<String> {
        vec![]
    }
}

/// Its secrets.
struct Environment;

impl Secrets for Environment {
    fn resolve(&self, kind: &str, name: &str) -> Result<secrecy::SecretString, String> {
        let found = match kind {
            "file" => std::fs::read_to_string(name).map_err(|error| error.to_string()),
            _ => std::env::var(name).map_err(|error| error.to_string()),
        };
        found.map(secrecy::SecretString::from)
    }
}
