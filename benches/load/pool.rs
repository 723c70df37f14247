//! A pool into a CRM.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::bare::{Bare, until};
use crate::live::Live;
use crate::place::{Course, Place, quantiles, told};
use crate::process::Process;
use crate::{Asked, load, say};

/// Numbers of live leads: before, and while it runs.
const BEFORE: usize = 50_000_000;
const DURING: usize = 60_000_000;
/// Most leads of the scene in which the node is killed.
const KILLED: usize = 20_000;
const LOOK: Duration = Duration::from_millis(250);
const ORDER: [&str; 6] = ["backfill", "sales", "--apply", "--yes", "--output", "json"];

/// All of it on one engine.
pub fn run(postgres: bool, asked: &Asked) {
    let crm = Process::part(&["--sandbox"]);
    let limit = Bare::new(crm.address).create_all(asked.pool);
    say("a bare client makes", &format!("{limit:.0} records/s"));
    say("the sandbox holds", &format!("{:.0} MiB", crm.memory().0));
    crm.kill();
    beside_live(postgres, asked, limit);
    killed(postgres, asked.pool.min(KILLED));
}

/// A node with that pool beside an empty CRM.
fn filled(postgres: bool, leads: usize) -> (Process, Bare, Place, Process) {
    let crm = Process::part(&["--sandbox"]);
    let place = Place::fresh(postgres, crm.address);
    write(&place.path().join("pool.csv"), leads).expect("the folder can be written");
    place.told(&["import", "pool.csv", "--source", "list", "--yes", "--output", "json"]);
    let node = place.node();
    place.all_read();
    let bare = Bare::new(crm.address);
    (crm, bare, place, node)
}

fn write(file: &Path, leads: usize) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    writeln!(out, "name,phone,email,company,title")?;
    for n in 0..leads {
        let firm = n % 500;
        writeln!(
            out,
            "线索{n:08},137{n:08},pool{n:08}@firm{firm}.example,示例{:06}有限公司,采购经理",
            n / 3
        )?;
    }
    out.flush()
}

fn beside_live(postgres: bool, asked: &Asked, limit: f64) {
    let (crm, mut bare, place, node) = filled(postgres, asked.pool);
    let live = Live::begin(node.address, BEFORE);
    std::thread::sleep(Duration::from_secs(asked.alone));
    let before = live.end(crm.address);
    let begun = Instant::now();
    place.told(&["backfill", "sales", "--output", "json"]);
    let looked = begun.elapsed().as_secs_f64();
    say("looked at first (dry run)", &format!("{:.0} leads/s in {looked:.1} s", asked.pool as f64 / looked));

    let (there, _) = bare.counts();
    let order = place.command(&ORDER);
    until("the first record", Duration::from_millis(20), || bare.counts().0 > there);
    let mut course = Course::begin(&place, &node);
    let live = Live::begin(node.address, DURING);
    until("all records", LOOK, || {
        course.look(&node);
        bare.counts().0 >= there + asked.pool
    });
    course.end(&place, &node, asked.pool, limit);
    let during = live.end(crm.address);
    let run = told(order)["run"].clone();
    assert_eq!(run["written"], asked.pool, "each was made once: {run:#}");
    assert_eq!(bare.counts().0, there + asked.pool + during.len(), "and nobody else");
    say("event to CRM while it runs", &quantiles(&during));
    say("event to CRM before", &quantiles(&before));
    let p99 = |waits: &[Duration]| load::quantile(waits, 990).as_secs_f64();
    say("p99 while it runs, of that before", &format!("{:.2} x (goal <= 3)", p99(&during) / p99(&before)));
    say("memory at the end, most ever", &format!("{:.0}, {:.0} MiB", node.memory().0, node.memory().1));
}

fn killed(postgres: bool, leads: usize) {
    let (_crm, mut bare, place, node) = filled(postgres, leads);
    let mut order = place.command(&ORDER);
    until("half of the records", LOOK, || bare.counts().0 >= leads / 2);
    node.kill();
    let _ = order.kill();
    let _ = order.wait();
    let (at_kill, begun) = (bare.counts().0, Instant::now());
    let node = place.node();
    let order = place.command(&ORDER);
    until("the next record", Duration::from_millis(5), || bare.counts().0 > at_kill);
    say("killed: next record after", &format!("{:.2} s", begun.elapsed().as_secs_f64()));
    let run = told(order)["run"].clone();
    let number = |name: &str| run[name].as_u64().unwrap_or(0);
    assert_eq!(number("written") + number("met"), leads as u64, "each came through: {run:#}");
    assert_eq!(bare.counts().0, leads, "each was made once: {run:#}");
    say("killed: records of a pool made, in all", &format!("{leads} of {leads}, none twice"));
    node.kill();
}
