//! How well company names tell companies apart, and how long it takes: precision and recall over the labelled pairs, tuned and
//! held-out half apart; reading and comparing a pair, beside comparing the same names letter by letter in the same run.
//!
//! `cargo bench -p leadloop-sync-core --bench companies`

#![expect(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench times and prints, and stops where it cannot go on"
)]

#[path = "../tests/data/pairs.rs"]
mod pairs;

use std::hint::black_box;
use std::time::{Duration, Instant};

use leadloop_sync_core::normal::company::parse;
use leadloop_sync_core::normal::matching::match_names;

use pairs::{Pair, pairs, tally};

/// Runs; the middle one counts.
const RUNS: usize = 11;

fn main() {
    let all = pairs();
    let equal = all.iter().filter(|pair| pair.equal).count();
    println!("{} labelled pairs: {equal} equal, {} different", all.len(), all.len() - equal);
    let half = |skip| all.iter().skip(skip).step_by(2);
    print("tuned half", half(0));
    print("held-out half", half(1));
    print("all", all.iter());
    let ours = middle(|| {
        for pair in &all {
            let (a, b) = (parse(&pair.a.display).expect("a name"), parse(&pair.b.display).expect("a name"));
            black_box(match_names(&a, &b));
        }
    });
    let bare = middle(|| {
        for pair in &all {
            black_box(strsim::jaro_winkler(&pair.a.display, &pair.b.display));
        }
    });
    println!(
        "reading and comparing a pair: {:.1} µs, {:.1} times Jaro-Winkler over the raw names",
        ours.as_secs_f64() * 1e6 / all.len() as f64,
        ours.as_secs_f64() / bare.as_secs_f64()
    );
}

fn print<'a>(name: &str, pairs: impl Iterator<Item = &'a Pair>) {
    let (tally, _) = tally(pairs);
    println!(
        "{name}: precision {:.3}, recall {:.3} ({} right, {} wrong, {} missed of which {} are offered to a person, {} rightly refused)",
        tally.precision(),
        tally.recall(),
        tally.found,
        tally.wrong,
        tally.missed,
        tally.offered - tally.found,
        tally.refused
    );
}

fn middle(work: impl Fn()) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times.get(RUNS / 2).copied().unwrap_or_default()
}
