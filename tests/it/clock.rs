//! A node whose clock is set by hours, forward and back, while leads come in and the CRM loses answers: nothing is lost or
//! doubled, what waits goes on at once, polls too, and no window of the CRM is exceeded. The process is the real one; its wall
//! clock is libfaketime's, while the clock that nobody can set goes on, as on a machine whose time is set. On both databases.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leadloop_sandbox::{FaultKind, FaultSpec, Limits, MarkMode, Options, Sandbox};
use leadloop_testing::http;
use serde_json::{Value, json};

use crate::kill::{SECRET, body, count, status, until_acknowledged};
use crate::node::{Node, config, folder};
use crate::torture::at_rest;

/// Nothing that waits may wait for as long as the clock was set by.
const SOON: Duration = Duration::from_secs(90);

/// Where libfaketime lies; `scripts/test` installs it.
fn library() -> PathBuf {
    let name = "faketime/libfaketimeMT.so.1";
    let folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    let below = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let found = folders.into_iter().chain(below).map(|folder| folder.join(name)).find(|path| path.exists());
    found.expect("this test needs libfaketime; Debian, Ubuntu: apt-get install libfaketime")
}

/// A clock that can be set.
struct Clock(PathBuf);

impl Clock {
    fn new(folder: &Path) -> Self {
        let clock = Self(folder.join("clock"));
        clock.set("+0");
        clock
    }

    /// Whole at every moment: it is read all the time.
    fn set(&self, ahead: &str) {
        let new = self.0.with_extension("new");
        std::fs::write(&new, ahead).expect("the folder can be written");
        std::fs::rename(new, &self.0).expect("it is renamed");
    }

    fn node(&self, folder: &Path) -> Node {
        let mut program = Command::new(env!("CARGO_BIN_EXE_leadloop"));
        program
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", &self.0)
            .env("FAKETIME_CACHE_DURATION", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
        Node::start_by(program, folder, SECRET)
    }
}

/// A CRM that loses answers, counts its windows and can be ill.
fn crm() -> Options {
    let mut options = Options {
        client_id: "leadloop".to_owned(),
        client_secret: SECRET.to_owned(),
        faults: vec![FaultSpec {
            method: Some("POST".to_owned()),
            path: Some("/api/v1/leads".to_owned()),
            probability: 0.05,
            ..FaultSpec::every(FaultKind::LostAnswer)
        }],
        ..Options::default()
    };
    options.tuning.mark = MarkMode::Unique;
    options.tuning.limits = Limits { per_second: Some(60), ..Limits::default() };
    options
}

fn ask(crm: SocketAddr, method: &str, path: &str, body: &Value) -> Value {
    let header = [("content-type", "application/json")];
    let answer = http::send(crm, method, path, &header, body.to_string().as_bytes()).expect("it answers");
    serde_json::from_str(&answer.body).unwrap_or_default()
}

/// Everything that is created is refused with a 500, until [`well`].
fn ill(crm: SocketAddr) -> String {
    let fault = json!({ "kind": "error500", "method": "POST", "path": "/api/v1/leads" });
    ask(crm, "POST", "/admin/faults", &fault)["id"].as_str().expect("it has an id").to_owned()
}

fn well(crm: SocketAddr, fault: &str) {
    ask(crm, "DELETE", &format!("/admin/faults/{fault}"), &Value::Null);
}

fn polls(crm: SocketAddr) -> u64 {
    ask(crm, "GET", "/admin/stats", &Value::Null)["by_route"]["GET /api/v1/leads"].as_u64().unwrap_or(0)
}

fn soon(what: &str, seen: impl Fn() -> String, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < SOON, "{what}: {}", seen());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Who is acknowledged by now is with sales soon, and the CRM is asked for news.
fn goes_on(node: &Mutex<SocketAddr>, crm: SocketAddr, acknowledged: &AtomicUsize, when: &str) {
    let (people, before) = (acknowledged.load(Ordering::SeqCst) as u64, polls(crm));
    let to = *node.lock().expect("nobody panics with it");
    let seen = || format!("{people} people; {:#}", status(to));
    soon(&format!("{when}: hand-overs"), seen, || count(&status(to), "handoffs", "with_sales") >= people);
    soon(&format!("{when}: polls"), seen, || polls(crm) >= before + 2);
}

/// The node's clock is set again and again; `shared`: its database is PostgreSQL, which has a clock of its own.
fn set_by_hours(store_url: &str, shared: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let sandbox = runtime.block_on(Sandbox::start(crm())).expect("the sandbox starts");
    let crm = sandbox.addr();
    let limits =
        "limits = { per_second = 50 }\nretry = { first = \"100ms\", at_most = \"1s\", give_up = \"90h\" }";
    let usual = "retry = { first = \"100ms\", at_most = \"1s\", give_up = \"1h\" }";
    let text = config(store_url, crm, "127.0.0.1:0").replace(usual, limits);
    assert!(text.contains(limits));
    let (_guard, path) = folder(&text, &[("li.na", "U1001"), ("wang.wei", "U1002")]);
    let clock = Clock::new(&path);
    let mut node = clock.node(&path);
    let address = Arc::new(Mutex::new(node.address));
    let (over, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writer = std::thread::spawn({
        let (address, over, acknowledged) =
            (Arc::clone(&address), Arc::clone(&over), Arc::clone(&acknowledged));
        move || {
            for person in 0.. {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                for (source, path) in ["/in/website", "/in/booth"].iter().enumerate() {
                    until_acknowledged(&address, path, &body(person, source));
                    until_acknowledged(&address, path, &body(person, source));
                }
                acknowledged.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(60)); // a rate, not a wait
            }
        }
    });
    let pause = || std::thread::sleep(Duration::from_millis(1_500));
    goes_on(&address, crm, &acknowledged, "at first");

    for ahead in ["+5h", "-3h", "+26h", "+30m", "-2d", "+0"] {
        // What waits for a retry, and gates that are shut, wait by the clock that was.
        let fault = ill(crm);
        pause();
        clock.set(ahead);
        pause();
        well(crm, &fault);
        goes_on(&address, crm, &acknowledged, ahead);
        let skewed = status(node.address)["alarms"].to_string().contains("LL1140");
        assert_eq!(skewed, shared && ahead != "+0", "{ahead}: whether the alarm about clocks stands");
    }

    // It dies while its clock is ahead, with work left, and starts with the right one.
    clock.set("+7h");
    pause();
    let fault = ill(crm);
    pause();
    node.kill();
    clock.set("+0");
    node = clock.node(&path);
    *address.lock().expect("nobody panics with it") = node.address;
    well(crm, &fault);
    goes_on(&address, crm, &acknowledged, "after a death");

    over.store(true, Ordering::SeqCst);
    writer.join().expect("all are acknowledged in the end");
    let people = acknowledged.load(Ordering::SeqCst);
    println!("{people} people acknowledged");
    at_rest(node.address, crm, people, MarkMode::Unique);
    let stats = ask(crm, "GET", "/admin/stats", &Value::Null);
    assert_eq!(stats["window_refusals"]["second"], 0, "no window was exceeded: {stats:#}");
    assert_eq!(status(node.address)["parked"], json!([]), "nothing was given up");
    node.kill();
    runtime.block_on(sandbox.shutdown());
}

#[test]
fn a_clock_that_is_set_by_hours_loses_doubles_and_stops_nothing_on_sqlite() {
    set_by_hours("sqlite:data/leadloop.db", false);
}

#[test]
fn a_clock_that_is_set_by_hours_loses_doubles_and_stops_nothing_on_postgres() {
    let database = leadloop_testing::fresh_database("clock");
    let file = leadloop_testing::temp_dir();
    let path = file.path().join("store-url");
    std::fs::write(&path, database.url()).expect("the folder can be written");
    set_by_hours(&format!("file:{}", path.display()), true);
}
