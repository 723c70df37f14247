//! Decisions a second: who is this person and this company to sales, and which of a hundred written rules holds, in front
//! of mirrors of ten thousand, a hundred thousand and a million people and accounts; and how long a company takes to be
//! found by its exact name, by another writing of it, and by a name with a slip. On SQLite and PostgreSQL. It prints, and
//! fails only when a decision is missing or a company that is there is not found.
//!
//! `scripts/bench --only decide` runs it; `scripts/bench --help` says how.

#![expect(unreachable_pub, reason = "a bench has no outside; `pub` says what a module offers to the others")]
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a bench prints, ends when its surroundings fail, and counts far below 2^52"
)]

#[path = "../road/load.rs"]
#[expect(dead_code, reason = "of the sender only the secret is used here")]
mod load;
#[path = "../road/process.rs"]
#[expect(dead_code, reason = "of the processes only their clocks are used here")]
mod process;
mod world;

use std::time::{Duration, Instant};

use leadloop_connectors as _; // the registry finds what is linked in
use leadloop_store::bare;
use leadloop_sync_core::because::Because;
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::matching::{self, Question, Subject};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::transfer::{self, Occasion};
use world::{Place, World, Writing};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Decisions that are measured at each size: sixteen batches.
const DECISIONS: usize = 4_096;
/// As many as one round of the node takes.
const BATCH: usize = 256;
/// Look-ups of one company by itself.
const ALONE: usize = 1_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    let only = words.iter().position(|word| word == "--only").and_then(|at| words.get(at + 1));
    if only.is_some_and(|only| only != "decide") {
        return;
    }
    let sizes: &[usize] = if has("--full") { &[10_000, 100_000, 1_000_000] } else { &[10_000, 50_000] };
    let engines: &[bool] = match (has("--sqlite"), has("--postgres")) {
        (true, false) => &[false],
        (false, true) => &[true],
        _ => &[false, true],
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    for postgres in engines.iter().copied() {
        println!("\n{}", if postgres { "postgres" } else { "sqlite" });
        let place = Place::fresh(postgres);
        let (mut have, mut first) = (0, None);
        for size in sizes.iter().copied() {
            let filled = Instant::now();
            runtime.block_on(async { World::open(&place).await.fill(have, size).await });
            runtime.block_on(bare::analyze(&place.url())).expect("the store answers");
            println!(
                "  mirror of {size} people and {size} accounts (filled in {:.1} s)",
                filled.elapsed().as_secs_f64()
            );
            have = size;
            let world = runtime.block_on(World::open(&place));
            runtime.block_on(decide(&world, size, &place, &mut first));
            for writing in [Writing::Exact, Writing::Other, Writing::Slip] {
                runtime.block_on(companies(&world, size, writing));
            }
            runtime.block_on(world.close());
        }
    }
}

/// Half are people sales know, a quarter new people of companies they know, a quarter unknown altogether.
fn leads(world: &World, size: usize, from: usize, many: usize) -> Vec<Lead> {
    (from..from + many)
        .map(|n| {
            let known = (n * 7_919) % size;
            match n % 4 {
                0 | 1 => world.lead(n, known, Some(known), Writing::Exact),
                2 => world.lead(n, size * 3 + n, Some(known), Writing::Other),
                _ => world.lead(n, size * 3 + n, None, Writing::Exact),
            }
        })
        .collect()
}

async fn decide(world: &World, size: usize, place: &Place, first: &mut Option<(f64, f64)>) {
    let policy = &world.plan.policy;
    let mut spent = [Duration::ZERO; 2];
    let (mut decided, mut known) = (0, 0);
    let mut cpu = Duration::ZERO;
    // One batch to warm up; it is not counted.
    for round in 0..=DECISIONS / BATCH {
        let leads = leads(world, size, round * BATCH, BATCH);
        let (used, begun) = (place.cpu(), Instant::now());
        let subjects: Vec<Subject> = leads.iter().map(Subject::of).collect();
        let book = world.load(&matching::needs(&subjects, policy)).await;
        let looked = begun.elapsed();
        for mut lead in leads {
            let mut moment = Moment::new(world.now, lead.id.uuid().as_u64_pair().1);
            let mut because = Because::default();
            let occasion = Occasion { happened: world.now, noticed: world.now, touch: None };
            let effects = transfer::open(&book, &mut lead, &occasion, policy, &mut moment, &mut because);
            let decision = effects.iter().find_map(|effect| match effect {
                Effect::Decide(decision) => Some(decision),
                _ => None,
            });
            let decision = decision.unwrap_or_else(|| panic!("no decision: {because:?}"));
            if round > 0 {
                decided += 1;
                known += usize::from(decision.rule.as_deref() != Some("everyone"));
            }
        }
        if round > 0 {
            spent[0] += looked;
            spent[1] += begun.elapsed() - looked;
            cpu += place.cpu() - used;
        }
    }
    assert_eq!(decided, DECISIONS, "none is missing");
    assert!(known * 10 > decided * 6, "{known} of {decided} known to sales: the mirror is not found");
    let each = |time: Duration| time.as_secs_f64() * 1e6 / decided as f64;
    let (all, used) = (each(spent[0] + spent[1]), each(cpu));
    let (first_all, first_used) = *first.get_or_insert((all, used));
    println!(
        "    decided, {} rules              {:>8.0} decisions/s   {all:>6.1} µs each (look up {:.1}, match and decide {:.1})   {used:.1} µs CPU   {:.2}x the time, {:.2}x the CPU of the smallest (goal < 1.5x)",
        policy.transfer.len(),
        1e6 / all,
        each(spent[0]),
        each(spent[1]),
        all / first_all,
        used / first_used,
    );
}

/// One company after the other by itself, and many at once as a batch does it.
async fn companies(world: &World, size: usize, writing: Writing) {
    let policy = &world.plan.policy;
    let link = LinkName::from("sales");
    let mut times = Vec::with_capacity(ALONE);
    let mut found = 0;
    let lead = |n: usize| world.lead(n, size * 3 + n, Some((n * 104_729) % size), writing);
    let needs = |leads: &[Lead]| {
        let subject =
            |lead: &Lead| Subject { lead: None, identifiers: Default::default(), ..Subject::of(lead) };
        let mut needs = matching::needs(&leads.iter().map(subject).collect::<Vec<_>>(), policy);
        // Users, loads and counters are read once for a batch, whoever is in it.
        needs.users_of.clear();
        needs.load_of.clear();
        needs.counters.clear();
        needs
    };
    let is_found = |book: &_, lead: &Lead| {
        let question = Question { book, policy, link: &link, lead, handoff: None, read: &[], now: world.now };
        let company = matching::find(&question).company;
        company.found || company.maybe
    };
    for n in 0..ALONE + 50 {
        let one = [lead(n)];
        let begun = Instant::now();
        let book = world.load(&needs(&one)).await;
        let there = is_found(&book, &one[0]);
        if n >= 50 {
            times.push(begun.elapsed());
            found += usize::from(there);
        }
    }
    let mut batched = Duration::ZERO;
    for round in 0..DECISIONS / BATCH {
        let leads: Vec<Lead> = (0..BATCH).map(|n| lead(round * BATCH + n)).collect();
        let begun = Instant::now();
        let book = world.load(&needs(&leads)).await;
        assert!(leads.iter().filter(|lead| is_found(&book, lead)).count() * 10 >= BATCH * 9, "not found");
        batched += begun.elapsed();
    }
    times.sort();
    let micros = |at: usize| times[(at * (ALONE - 1)) / 1_000].as_secs_f64() * 1e6;
    println!(
        "    company by {:<20}      {:>6.1} µs each in batches of {BATCH}   alone p50 {:>6.0} µs, p99 {:>6.0} µs   found {found} of {ALONE}   (goal {})",
        writing.words(),
        batched.as_secs_f64() * 1e6 / DECISIONS as f64,
        micros(500),
        micros(990),
        if writing == Writing::Slip { "p99 <= 5000 µs" } else { "<= 50 µs" },
    );
}
