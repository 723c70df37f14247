//! What a CRM held before leadloop came, into the mirror.

use std::time::{Duration, Instant};

use crate::bare::{Bare, until};
use crate::live::Live;
use crate::place::{Course, Place, quantiles};
use crate::process::Process;
use crate::{Asked, load, say};

/// Numbers of live leads: while it runs, and after.
const DURING: usize = 50_000_000;
const AFTER: usize = 60_000_000;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// Most pages that are read twice: one that was under way when the node was killed, and what changed meanwhile.
const TWICE: u64 = 3;

/// All of it on one engine.
pub fn run(postgres: bool, asked: &Asked) {
    let crm = Process::part(&["--sandbox"]);
    let mut bare = Bare::new(crm.address);
    bare.seed(asked.records);
    let limit = bare.read_all(asked.records);
    say("a bare client fetches", &format!("{limit:.0} records/s"));
    say("the sandbox holds", &format!("{:.0} MiB", crm.memory().0));
    killed(postgres, asked, &crm, &mut bare, limit);
    beside_live(postgres, asked, &crm, &mut bare, limit);
}

/// Nothing beside it, killed half-way.
fn killed(postgres: bool, asked: &Asked, crm: &Process, bare: &mut Bare, limit: f64) {
    let place = Place::fresh(postgres, crm.address);
    let node = place.node();
    let (_, before) = bare.counts();
    let half = asked.records / 500 / 2;
    let mut course = Course::begin(&place, &node);
    let mut pages = || bare.counts().1.saturating_sub(before);
    until("half of the pages", LOOK, || {
        course.look(&node);
        pages() >= half
    });
    say("nothing beside it, the first half", "");
    course.end(&place, &node, pages() * 500, limit);
    node.kill();
    let (at_kill, begun) = (pages(), Instant::now());
    let node = place.node();
    until("the next page", Duration::from_millis(5), || pages() > at_kill);
    say("killed: next page after", &format!("{:.2} s", begun.elapsed().as_secs_f64()));
    let told = place.all_read();
    let (read, pages) = (told["records"].as_u64().unwrap_or(0), told["pages"].as_u64().unwrap_or(0));
    let (least, most) = (asked.records as u64, asked.records.div_ceil(500) as u64 + TWICE);
    assert!((least..least + 500 * TWICE).contains(&read) && pages <= most, "each once: {told:#}");
    say("killed: records and pages taken in all", &format!("{read} in {pages}"));
    node.kill();
}

/// With live leads beside it, then live leads alone.
fn beside_live(postgres: bool, asked: &Asked, crm: &Process, bare: &mut Bare, limit: f64) {
    let place = Place::fresh(postgres, crm.address);
    let node = place.node();
    let (there, before) = bare.counts();
    let mut course = Course::begin(&place, &node);
    let live = Live::begin(node.address, DURING);
    let pages = asked.records.div_ceil(500);
    until("the pages", LOOK, || {
        course.look(&node);
        bare.counts().1.saturating_sub(before) >= pages
    });
    say("beside live leads", "");
    course.end(&place, &node, asked.records, limit);
    let during = live.end(crm.address);
    place.all_read();
    let live = Live::begin(node.address, AFTER);
    std::thread::sleep(Duration::from_secs(asked.alone));
    let after = live.end(crm.address);
    say("event to CRM while it runs", &quantiles(&during));
    say("event to CRM when it is done", &quantiles(&after));
    let p99 = |waits: &[Duration]| load::quantile(waits, 990).as_secs_f64();
    say(
        "p99 while it runs, of that when it is done",
        &format!("{:.2} x (goal <= 3)", p99(&during) / p99(&after)),
    );
    let (now, _) = bare.counts();
    assert_eq!(now, there + during.len() + after.len(), "each live lead has one record");
    say("memory at the end, most ever", &format!("{:.0}, {:.0} MiB", node.memory().0, node.memory().1));
    node.kill();
}
