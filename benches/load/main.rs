//! Large loads beside live leads: the first reading of a CRM that holds much already into the mirror, and a pool into a
//! CRM, on the node as users run it and the sandbox, each a process of its own, on SQLite and PostgreSQL. Beside it what a
//! bare client gets through the same sandbox in the same run, which is the limit of both; the time from an event to its record
//! in the CRM while it runs and without it; memory over the course; and how it goes on when the node is killed half-way. It
//! fails only when something is lost or doubled.
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

mod bare;
mod live;
#[path = "../road/load.rs"]
#[expect(dead_code, reason = "of the sender only bodies and signatures are used here")]
mod load;
mod mirror;
mod place;
mod pool;
#[path = "../road/process.rs"]
#[expect(dead_code, reason = "threads are not measured here")]
mod process;

use leadloop_sandbox::{Options, Sandbox};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is asked of a run.
pub struct Asked {
    /// Records in the CRM before.
    records: usize,
    /// Leads in the pool.
    pool: usize,
    /// Seconds of live leads with nothing beside them.
    alone: u64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "--sandbox") {
        return sandbox();
    }
    let has = |word: &str| words.iter().any(|given| given == word);
    let after = |word: &str| words.iter().position(|given| given == word).and_then(|at| words.get(at + 1));
    let number = |word: &str, usual: usize| after(word).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let only = after("--only").map(String::as_str);
    let full = has("--full");
    let asked = Asked {
        records: number("--records", if full { 1_000_000 } else { 20_000 }),
        pool: number("--pool", if full { 100_000 } else { 5_000 }),
        alone: if full { 60 } else { 10 },
    };
    let engines: &[bool] = match (has("--sqlite"), has("--postgres")) {
        (true, false) => &[false],
        (false, true) => &[true],
        _ => &[false, true],
    };
    for postgres in engines.iter().copied() {
        let engine = if postgres { "postgres" } else { "sqlite" };
        if only.is_none_or(|only| only == "load" || only == "mirror") {
            println!("\n{engine}: {} records of a CRM into the mirror", asked.records);
            mirror::run(postgres, &asked);
        }
        if only.is_none_or(|only| only == "load" || only == "fill") {
            println!("\n{engine}: a pool of {} leads into a CRM", asked.pool);
            pool::run(postgres, &asked);
        }
    }
}

/// The sandbox as a process of its own.
fn sandbox() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let sandbox = Sandbox::start(Options::default()).await.expect("the sandbox starts");
        eprintln!("sandbox address={}", sandbox.addr());
        std::future::pending::<()>().await;
    });
}

/// Prints a figure.
pub fn say(name: &str, value: &str) {
    println!("  {name:<52} {value}");
}
