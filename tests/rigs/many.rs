//! Hundreds of leads handed over, as many edits that come back, and a comparison that finds nothing but what was broken on
//! purpose. `LEADLOOP_MANY` says how many (500, say, by hand: Odoo takes some minutes for them).

use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::world::{World, until};

/// Longest time in which nothing comes nearer.
const PATIENCE: Duration = Duration::from_secs(240);

/// How many: what was asked for, else `usual`, by how fast the CRM is.
pub(crate) fn many(usual: usize) -> usize {
    std::env::var("LEADLOOP_MANY").ok().and_then(|many| many.parse().ok()).unwrap_or(usual)
}

/// Waits until nothing is left; fails only where it stops becoming less.
fn until_none<T>(what: &str, look: impl Fn() -> (usize, T)) -> T {
    let (mut least, mut since) = (usize::MAX, Instant::now());
    loop {
        let (left, found) = look();
        if left == 0 {
            return found;
        }
        if left < least {
            (least, since) = (left, Instant::now());
        }
        assert!(since.elapsed() < PATIENCE, "{what}: {left} are left");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// What people do in a CRM to many records.
pub(crate) trait Desk {
    /// The records with one of these marks in a text that was written with them: their numbers there, in the order of `texts`.
    fn made(&self, texts: &[String]) -> Vec<i64>;
    /// Sales write this into the field that goes both ways.
    fn edit(&self, record: i64, value: &str);
    /// Deletes a record so that nothing of it is left.
    fn destroy(&self, record: i64);
}

/// The comparison as programs read it.
fn compared(world: &World, more: &[&str]) -> Json {
    let mut arguments = vec!["reconcile", "--crm", "sales", "--limit", "0"];
    arguments.extend(more);
    let said = world.command(&arguments);
    assert!(said["linked"].is_number(), "nothing was compared: {said}");
    said
}

fn cause(said: &Json, cause: &str) -> u64 {
    said["causes"][cause].as_u64().unwrap_or(0)
}

/// Records with the mark of another leadloop: tests share these servers, and what they leave behind is not ours.
fn foreign(said: &Json) -> u64 {
    cause(said, "unknown_mark")
}

/// Differences that are ours, in the field of the report that counts or lists them.
fn ours(said: &Json, field: &str) -> u64 {
    let all =
        said[field].as_u64().or_else(|| said[field].as_array().and_then(|all| u64::try_from(all.len()).ok()));
    all.map_or(u64::MAX, |all| all - foreign(said))
}

/// Waits until pool and CRM are the same.
fn until_the_same(world: &World, what: &str) {
    until_none(what, || {
        let left = ours(&compared(world, &[]), "differences");
        (usize::try_from(left).unwrap_or(usize::MAX), ())
    });
}

/// Nothing more is sent to the CRM, and what was under way has come to its end.
fn pause(world: &World) {
    world.command(&["outbox", "pause", "sales"]);
    // the node hears of it within seconds; a poll that is under way is answered after that
    std::thread::sleep(Duration::from_secs(4));
    let claimed = || world.command(&["status"])["links"][0]["claimed"].clone();
    until("what was under way, ended", || Some(()).filter(|()| claimed() == 0), claimed);
}

fn short(said: &Json) -> Json {
    let mut short = said.clone();
    if let Some(all) = short["differences"].as_array_mut() {
        all.truncate(5);
    }
    short
}

/// Plays it. Records are found by the company or by the requirement of their number: whichever nobody edits. Where an edit
/// changes a record `beside` the lead too, that one's mirror is put right with it.
pub(crate) fn play(world: &World, desk: &dyn Desk, run: u64, many: usize, by_company: bool, beside: bool) {
    let company = |n: usize| format!("示例机器人 {run} {n}");
    let requirement = |n: usize| format!("想看演示 {run} {n}");
    for n in 0..many {
        world.form(&format!(
            r#"{{"name":"测试{n}","phone":"137{n:03}{:05}","company":"{}","requirement":"{}","_submission_id":"{run}-m{n}"}}"#,
            run % 100_000,
            company(n),
            requirement(n),
        ));
    }
    let texts: Vec<String> =
        (0..many).map(|n| if by_company { company(n) } else { requirement(n) }).collect();
    let records = until_none("records in the CRM", || {
        let made = desk.made(&texts);
        (many - made.len(), made)
    });
    until_the_same(world, "all handed over");

    for (n, record) in records.iter().enumerate() {
        desk.edit(*record, &format!("示例集团 {run} {n}"));
    }
    until_the_same(world, "all edits came back");
    for n in [0, many / 2, many - 1] {
        let phone = format!("137{n:03}{:05}", run % 100_000);
        let told = world.lead(&phone).to_string();
        assert!(told.contains(&format!("示例集团 {run} {n}")), "{told}");
    }

    // Nobody listens while three are changed and two vanish.
    let (edited, vanished, stale) = (3, 2, if beside { 3 } else { 0 });
    pause(world);
    for record in &records[..3] {
        desk.edit(*record, &format!("示例集团 {run} 改"));
    }
    for record in &records[3..5] {
        desk.destroy(*record);
    }
    let found = until(
        "what was broken, named",
        || {
            Some(compared(world, &[])).filter(|said| {
                cause(said, "not_heard") == edited
                    && cause(said, "vanished") == vanished
                    && cause(said, "mirror_stale") == stale
            })
        },
        || short(&compared(world, &[])),
    );
    let all = edited + vanished + stale;
    assert_eq!(ours(&found, "open"), all, "{:#}", short(&found));
    assert_eq!(compared(world, &["--repair", "--dry-run"])["ordered"], Json::Null);
    let ordered = compared(world, &["--repair", "--yes"]);
    assert_eq!(ordered["ordered"], all, "{:#}", short(&ordered));
    world.command(&["outbox", "resume", "sales"]);
    let said = until(
        "what was broken, put right",
        || {
            Some(compared(world, &[])).filter(|said| {
                // Their hand-overs ask a person what shall become of them, a moment after the record is known to be gone.
                ours(said, "open") == 0
                    && cause(said, "coming") == 0
                    && cause(said, "pending") == 0
                    && cause(said, "parked") == vanished
            })
        },
        || short(&compared(world, &[])),
    );
    assert_eq!(ours(&said, "differences"), vanished, "{:#}", short(&said));
}
