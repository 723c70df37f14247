//! The pool: captures absorbed a second (identity, profile, timeline, scores, MQL) in batches, in a pool of ten thousand,
//! a hundred thousand and a million leads, beside bare set-based inserts of the same rows in the same run; and a large
//! CSV imported, beside bare inserts of its rows. On SQLite and PostgreSQL. It prints, and fails only when something
//! is lost.
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
#[expect(dead_code, reason = "of the sender only the bodies are used here")]
mod load;
#[path = "../road/process.rs"]
#[expect(dead_code, reason = "of the processes only their clocks are used here")]
mod process;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadloop_config::lower::Secrets;
use leadloop_config::plan::Plan;
use leadloop_config::text::Files;
use leadloop_connector_api::{Method, Push, Registry};
use leadloop_connectors as _; // the registry finds what is linked in
use leadloop_server::node::Node;
use leadloop_store::{Store, StoreSettings, bare};
use leadloop_testing::Database;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Captures that are measured at each size: twenty batches.
const CAPTURES: usize = 5_120;
/// Those before, that warm up.
const WARM: usize = 512;
/// Numbers of people that nobody cloned.
const NEW_FROM: usize = 50_000_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    let only = words.iter().position(|word| word == "--only").and_then(|at| words.get(at + 1)).cloned();
    let wants = |scene: &str| only.as_deref().is_none_or(|only| only == scene);
    let full = has("--full");
    let sizes: &[usize] = if full { &[10_000, 100_000, 1_000_000] } else { &[10_000, 50_000] };
    let engines: &[bool] = match (has("--sqlite"), has("--postgres")) {
        (true, false) => &[false],
        (false, true) => &[true],
        _ => &[false, true],
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    for postgres in engines.iter().copied() {
        println!("\n{}", if postgres { "postgres" } else { "sqlite" });
        if wants("pool") {
            beside_bare(&runtime, postgres);
            sizes_of_pool(&runtime, postgres, sizes);
        }
        if wants("import") {
            import(&runtime, postgres, if full { 100_000 } else { 20_000 });
        }
    }
}

/// A database, and the folder of the config.
struct Place {
    folder: tempfile::TempDir,
    database: Option<Database>,
}

impl Place {
    fn fresh(postgres: bool) -> Self {
        let database = postgres.then(|| leadloop_testing::fresh_database("pool"));
        let place = Self { folder: leadloop_testing::temp_dir(), database };
        let url = place.folder.path().join("store-url");
        let text = include_str!("pool.toml").replace("{store}", &url.display().to_string());
        std::fs::write(&url, place.url()).expect("the folder can be written");
        std::fs::write(place.folder.path().join("leadloop.toml"), text).expect("the folder can be written");
        place
    }

    fn url(&self) -> String {
        match &self.database {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite:{}", self.folder.path().join("pool.db").display()),
        }
    }

    fn node(&self, runtime: &Runtime) -> Arc<Node> {
        let store = runtime.block_on(Store::open(&StoreSettings::new(self.url()))).expect("the store opens");
        let _inside = runtime.enter();
        leadloop_server::run::quiet(plan(self.folder.path()), store).expect("the node stands")
    }
}

/// Keeps captures of these people as the inbox would; nothing is absorbed yet.
fn keep(runtime: &Runtime, node: &Node, people: &[usize], event: &str) {
    let plan = node.plan();
    let source = plan.source("website").expect("the config has it");
    let connector = node.registry.get(&source.connector).expect("it is linked in");
    let key = load::key();
    for people in people.chunks(256) {
        let mut pushes = Vec::new();
        for person in people {
            let body =
                load::body(*person).replacen(r#""id":""#, &format!(r#""id":"{event}-"#), 1).into_bytes();
            let headers = vec![(load::SIGNATURE.to_owned(), load::signature(&key, &body))];
            let push = Push {
                method: Method::Post,
                path: String::new(),
                query: String::new(),
                headers,
                body,
                at: node.clock.now(),
                peer: None,
            };
            let received = connector.receive(&source.link, &push).expect("it can be read");
            let (kept, refused) = leadloop_server::ingress::prepare(node, &plan, source, push, received);
            assert!(refused.is_empty(), "{refused:?}");
            pushes.push(kept);
        }
        runtime.block_on(node.store.keep(&pushes)).expect("the store keeps");
    }
}

/// CPU of this process and of the server's sessions.
fn cpu(place: &Place) -> Duration {
    process::cpu_of(std::process::id()) + process::sessions_cpu(place.database.as_ref())
}

/// Absorbs what waits: how long it took, and the CPU time of that.
fn absorb(runtime: &Runtime, node: &Node, place: &Place, captures: usize) -> (Duration, Duration) {
    let (before, begun) = (cpu(place), Instant::now());
    let absorbed = runtime.block_on(leadloop_server::run::absorb_all(node)).expect("the store takes it");
    let took = begun.elapsed();
    assert_eq!(absorbed, captures, "none is lost");
    (took, cpu(place) - before)
}

fn micros(time: Duration, captures: usize) -> f64 {
    time.as_secs_f64() * 1e6 / captures as f64
}

/// New people only: the rate, beside bare inserts of exactly the rows they leave.
fn beside_bare(runtime: &Runtime, postgres: bool) {
    let mut rounds: Vec<(f64, f64, usize)> = (0..3).map(|_| one_beside_bare(runtime, postgres)).collect();
    rounds.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    let (ours, bare, rows) = rounds[1];
    println!(
        "  new people absorbed                  {ours:>8.0} captures/s   bare inserts of their {rows} rows: {bare:>8.0} captures/s   ratio {:.2} (goal >= 0.35)",
        ours / bare
    );
}

fn one_beside_bare(runtime: &Runtime, postgres: bool) -> (f64, f64, usize) {
    let place = Place::fresh(postgres);
    let node = place.node(runtime);
    let people: Vec<usize> = (NEW_FROM..NEW_FROM + CAPTURES).collect();
    keep(runtime, &node, &people, "new");
    let (took, _) = absorb(runtime, &node, &place, CAPTURES);
    runtime.block_on(node.store.close());
    let other = Place::fresh(postgres);
    let node = other.node(runtime);
    runtime.block_on(node.store.close());
    let (rows, bare) = runtime.block_on(async {
        let tables = bare::Tables::read(&place.url()).await.expect("the pool can be read");
        let took = tables.insert(&other.url(), CAPTURES.div_ceil(256)).await.expect("bare inserts work");
        (tables.rows(), took)
    });
    (CAPTURES as f64 / took.as_secs_f64(), CAPTURES as f64 / bare.as_secs_f64(), rows)
}

/// Half new people, half known ones, in pools of several sizes.
fn sizes_of_pool(runtime: &Runtime, postgres: bool, sizes: &[usize]) {
    let place = Place::fresh(postgres);
    let node = place.node(runtime);
    keep(runtime, &node, &[0], "first");
    absorb(runtime, &node, &place, 1);
    runtime.block_on(node.store.close());
    let (mut have, mut new, mut smallest) = (1, NEW_FROM, None);
    for size in sizes {
        let begun = Instant::now();
        let marks = ["13900000000", "user00000000@", "测试00000000", "示例00000000"];
        runtime
            .block_on(bare::clone_leads(&place.url(), &marks, have, *size))
            .expect("the pool can be filled");
        let filled = begun.elapsed();
        have = *size;
        let node = place.node(runtime);
        let mut run = |captures: usize| {
            // Known ones from all over the pool, none twice.
            let known = (0..captures / 2).map(|at| (at * 2 + 1) * (size / captures));
            let people: Vec<usize> = known.zip(new..).flat_map(|(known, new)| [known, new]).collect();
            new += captures / 2;
            keep(runtime, &node, &people, &format!("{size}-{captures}"));
            absorb(runtime, &node, &place, captures)
        };
        run(WARM);
        let (took, used) = run(CAPTURES);
        runtime.block_on(node.store.close());
        let (wall, used) = (micros(took, CAPTURES), micros(used, CAPTURES));
        let (first_wall, first_used) = *smallest.get_or_insert((wall, used));
        let memory = resident();
        println!(
            "  pool of {size:>9} leads              {:>8.0} captures/s   {used:>6.1} µs CPU each   {:.2}x the time, {:.2}x the CPU of the smallest (goal < 1.5x)   {memory:.0} MiB resident   (filled in {:.1} s)",
            1e6 / wall,
            wall / first_wall,
            used / first_used,
            filled.as_secs_f64(),
        );
    }
}

/// MiB this process holds.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1_024.0
}

/// A CSV by `leadloop import`, beside bare inserts of its rows, a thousand at a time.
fn import(runtime: &Runtime, postgres: bool, rows: usize) {
    let place = Place::fresh(postgres);
    let file = place.folder.path().join("leads.csv");
    let lines: Vec<String> = (0..rows)
        .map(|n| {
            format!("测试{n:08},139{n:08},user{n:08}@firm{}.example,示例{n:08}有限公司,采购经理,MES", n % 500)
        })
        .collect();
    let mut out = std::io::BufWriter::new(std::fs::File::create(&file).expect("the folder can be written"));
    writeln!(out, "name,phone,email,company,title,requirement").expect("the file can be written");
    for line in &lines {
        writeln!(out, "{line}").expect("the file can be written");
    }
    out.flush().expect("the file can be written");
    let begun = Instant::now();
    let done = Command::new(env!("CARGO_BIN_EXE_leadloop"))
        .args(["import", "leads.csv", "--source", "list", "--yes", "--output", "json"])
        .current_dir(place.folder.path())
        .env("WEBHOOK_SECRET", load::SECRET)
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    let took = begun.elapsed();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let bodies: Vec<Vec<u8>> = lines.into_iter().map(String::into_bytes).collect();
    let other = Place::fresh(postgres);
    let bare = runtime.block_on(bare::inserts(&other.url(), &bodies, 1_000)).expect("bare inserts work");
    // The same once more with all that an imported row leaves behind: capture, lead, identifiers, touch, scores, reasons.
    let same = Place::fresh(postgres);
    runtime.block_on(same.node(runtime).store.close());
    let (left, all) = runtime.block_on(async {
        let tables = bare::Tables::read(&place.url()).await.expect("the pool can be read");
        let took = tables.insert(&same.url(), rows.div_ceil(1_000)).await.expect("bare inserts work");
        (tables.rows(), took)
    });
    let rate = |time: Duration| rows as f64 / time.as_secs_f64();
    println!(
        "  import of {rows} CSV rows            {:>8.0} rows/s       bare inserts of 1,000 of their texts: {:>8.0} rows/s   ratio {:.3} (goal >= 0.35)   of the {left} rows they leave: {:>8.0} rows/s   ratio {:.2}",
        rate(took),
        rate(bare),
        rate(took) / rate(bare),
        rate(all),
        rate(took) / rate(all),
    );
}

/// The files of the bench's config.
struct Folder<'a>(&'a Path);

impl Files for Folder<'_> {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.0.join(name)).map_err(|error| error.to_string())
    }
    fn list(&self, _: &str) -> Vec<String> {
        vec![]
    }
}

/// Its secrets.
struct Known;

impl Secrets for Known {
    fn resolve(&self, kind: &str, name: &str) -> Result<secrecy::SecretString, String> {
        let found = match kind {
            "file" => std::fs::read_to_string(name).map_err(|error| error.to_string())?,
            _ => load::SECRET.to_owned(),
        };
        Ok(secrecy::SecretString::from(found))
    }
}

fn plan(folder: &Path) -> Arc<Plan> {
    let loaded = leadloop_config::load("leadloop.toml", &Folder(folder), &Known, &Registry::all());
    loaded.plan.map(Arc::new).unwrap_or_else(|| panic!("the bench's config is right: {:?}", loaded.problems))
}
