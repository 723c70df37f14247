//! A pool into a CRM: the real binary beside the sandbox, on both databases. Looked at first, then done, killed on both sides
//! and gone on with: each person stands in the CRM once, whoever was there is linked, and who asks for sales meanwhile gets there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use leadloop_sandbox::{FaultKind, FaultSpec, Options, Sandbox};
use leadloop_testing::http;
use serde_json::{Value, json};

use crate::command::{command, run};
use crate::kill::{PATIENCE, SECRET, count, crm_leads, status};
use crate::node::{Node, config, folder};

const POOL: usize = 1_400;
const THERE: usize = 60;
const WITHOUT_CONSENT: usize = 5;

fn phone(person: usize) -> String {
    format!("138{:08}", 30_000_000 + person)
}

/// A CRM where some of the pool stand already, and that takes its time with new records.
fn crm_of(at: &Path) -> Options {
    let lead = |n: usize| json!({ "name": format!("老客户{n}"), "phone": phone(n) });
    let file = at.join("seed.json");
    let leads: Vec<Value> = (0..THERE).map(lead).collect();
    std::fs::write(&file, json!({ "leads": leads }).to_string()).expect("the folder can be written");
    let fault = |kind, probability, ms| FaultSpec {
        kind,
        method: Some("POST".to_owned()),
        path: Some("/api/v1/leads".to_owned()),
        probability,
        skip: 0,
        next: None,
        ms,
        retry_after: None,
    };
    let mut options = Options {
        client_id: "leadloop".to_owned(),
        client_secret: SECRET.to_owned(),
        seed_file: Some(file),
        ..Options::default()
    };
    options.faults = vec![fault(FaultKind::LostAnswer, 0.1, None), fault(FaultKind::Slow, 1.0, Some(200))];
    options
}

/// One touch makes nobody an MQL here, two do; a fair asks for no consent.
fn quiet_config(store_url: &str, crm: SocketAddr) -> String {
    let fair = "[[source]]\nname = \"fair\"\nconnector = \"web_form\"\ntouch = \"form_submitted\"\nrequire = [\"phone or email\"]\n";
    let config =
        config(store_url, crm, "127.0.0.1:0").replace("score.interest >= 30", "score.interest >= 60");
    config.replace("[[score]]", &format!("{fair}\n[[score]]"))
}

fn asked(folder: &Path, args: &[&str]) -> Value {
    let mut asked = command(folder, args);
    asked.args(["--output", "json"]).env("SANDBOX_SECRET", SECRET);
    run(asked).json()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what} never came");
        std::thread::sleep(Duration::from_millis(30));
    }
}

fn submit(node: SocketAddr, source: &str, person: usize) {
    let body = json!({
        "name": format!("测试{person}"), "phone": phone(person), "company": format!("示例公司{person}"),
        "_submission_id": format!("{source}-{person}"),
    });
    let answer = http::post_json(node, &format!("/in/{source}"), &body.to_string()).expect("it listens");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn fate(told: &Value, name: &str) -> u64 {
    told["fates"][name].as_u64().unwrap_or_else(|| panic!("no {name} in {told:#}"))
}

fn pool_into_crm(store_url: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let place = leadloop_testing::temp_dir();
    let sandbox = runtime.block_on(Sandbox::start(crm_of(place.path()))).expect("the sandbox starts");
    let crm = sandbox.addr();
    let (_guard, path) = folder(&quiet_config(store_url, crm), &[("li.na", "U1001"), ("wang.wei", "U1002")]);
    let node = Node::start(&path, SECRET);
    for person in 0..POOL {
        submit(node.address, "website", person);
    }
    for person in POOL..POOL + WITHOUT_CONSENT {
        submit(node.address, "fair", person);
    }
    until("the pool", || status(node.address)["captures_due"] == 0);
    until("the mirror", || asked(&path, &["crm", "load"])["done"] == true);

    let (pool, there) = (POOL as u64, THERE as u64);
    let would = asked(&path, &["backfill", "sales"])["would"].clone();
    let looked = ["make", "link", "no_consent"].map(|name| fate(&would, name));
    assert_eq!(looked, [pool - there, there, WITHOUT_CONSENT as u64], "{would:#}");
    assert_eq!(crm_leads(crm).len(), THERE, "looking changes nothing");

    // Both sides die in the middle.
    let mut first = command(&path, &["backfill", "sales", "--apply", "--yes"]);
    let first = first.env("SANDBOX_SECRET", SECRET).stdout(Stdio::null()).stderr(Stdio::null());
    let mut first = first.spawn().expect("the binary of this workspace starts");
    let progress = || asked(&path, &["backfill", "sales", "--progress"])["run"].clone();
    until("the first slices", || progress()["tally"]["leads"].as_u64() >= Some(200));
    first.kill().expect("it can be killed");
    first.wait().expect("it ends");
    node.kill();
    let broken_off = progress();
    assert_eq!(broken_off["decided"], false, "it was broken off: {broken_off:#}");

    // The one whose turn comes last asks for sales meanwhile, and so does one whose record is on its way.
    let node = Node::start(&path, SECRET);
    submit(node.address, "booth", THERE);
    submit(node.address, "booth", POOL - 1);
    let done = asked(&path, &["backfill", "sales", "--apply", "--yes"])["run"].clone();
    assert_eq!(done["name"], broken_off["name"], "the same run went on");
    until("the hand-overs", || count(&status(node.address), "handoffs", "with_sales") == 2);
    let decided = ["make", "link", "with_sales", "there"].map(|name| fate(&done["tally"], name));
    assert_eq!(decided.iter().sum::<u64>(), pool, "each was decided about once: {done:#}");
    assert!(decided[0] + 2 >= pool - there, "what was shown was done: {done:#}");
    assert_eq!(decided[1], there, "whoever was there was linked: {done:#}");
    let through = done["written"].as_u64().unwrap_or(0) + done["met"].as_u64().unwrap_or(0);
    assert_eq!((through, &done["refused"]), (decided[0], &json!(0)), "{done:#}");

    let mut by_phone: BTreeMap<String, u32> = BTreeMap::new();
    for lead in crm_leads(crm) {
        *by_phone.entry(lead["phone"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    let doubled: Vec<_> = by_phone.iter().filter(|(_, times)| **times != 1).collect();
    assert!(doubled.is_empty(), "once each, but: {doubled:?}");
    assert_eq!(by_phone.len(), POOL, "all with consent stand in the CRM, and nobody else");

    let again = asked(&path, &["backfill", "sales"])["would"].clone();
    assert_eq!([fate(&again, "make"), fate(&again, "link")], [0, 0], "nothing is left: {again:#}");
    let name = done["name"].as_str().expect("a name");
    let back = asked(&path, &["undo", name, "--limit", "0"]);
    let made = back["made"].as_array().map_or(0, Vec::len) as u64;
    assert_eq!(made, done["written"].as_u64().unwrap_or(0), "the run names what it made");
    let listed = asked(&path, &["outbox", "list", "--run", name, "--limit", "10000"]);
    let listed = listed["deliveries"].as_array().expect("a list");
    let of_run = |one: &&Value| one["run"] == *name && one["state"] == "settled" && one["purpose"] == "fill";
    assert_eq!(listed.iter().filter(of_run).count() as u64, decided[0], "each delivery of it");
    assert!(listed.iter().all(|one| one["run"] == *name), "and nothing of another");
    node.kill();
    runtime.block_on(sandbox.shutdown());
}

#[test]
fn a_pool_goes_into_the_crm_once_each_through_kills_on_sqlite() {
    pool_into_crm("sqlite:data/leadloop.db");
}

#[test]
fn a_pool_goes_into_the_crm_once_each_through_kills_on_postgres() {
    let database = leadloop_testing::fresh_database("backfill");
    let file = leadloop_testing::temp_dir();
    let path = file.path().join("store-url");
    std::fs::write(&path, database.url()).expect("the folder can be written");
    pool_into_crm(&format!("file:{}", path.display()));
}
