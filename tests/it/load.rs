//! The first reading of a CRM that holds much already: the real binary beside the sandbox, on both databases. Killed half-way
//! it goes on where it was; who comes live meanwhile does not wait for it, and nobody who stands in the CRM is made twice.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use leadloop_sandbox::{FaultKind, FaultSpec, Options, Sandbox};
use leadloop_testing::http;
use serde_json::{Value, json};

use crate::command::{command, run};
use crate::kill::{PATIENCE, SECRET, count, crm_leads, status};
use crate::node::{Node, config, folder};

const RECORDS: usize = 8_000;
const PAGE: u64 = 500;

/// A CRM with many leads whose lists take their time.
fn full_crm(at: &Path) -> Options {
    let leads: Vec<Value> = (0..RECORDS)
        .map(|n| json!({ "name": format!("老客户{n}"), "phone": format!("138{:08}", 20_000_000 + n) }))
        .collect();
    let file = at.join("seed.json");
    std::fs::write(&file, json!({ "leads": leads }).to_string()).expect("the folder can be written");
    let mut options = Options {
        client_id: "leadloop".to_owned(),
        client_secret: SECRET.to_owned(),
        seed_file: Some(file),
        ..Options::default()
    };
    options.faults = vec![FaultSpec {
        kind: FaultKind::Slow,
        method: Some("GET".to_owned()),
        path: Some("/api/v1/leads".to_owned()),
        probability: 1.0,
        skip: 0,
        next: None,
        ms: Some(250),
        retry_after: None,
    }];
    options
}

/// The reading of leads, as the command tells it.
fn reading(folder: &Path) -> Value {
    let mut asked = command(folder, &["crm", "load", "--output", "json"]);
    asked.env("SANDBOX_SECRET", SECRET);
    let told = run(asked).json();
    let leads = told["objects"].as_array().into_iter().flatten().find(|object| object["object"] == "lead");
    leads.cloned().unwrap_or_else(|| panic!("no leads in {told:#}"))
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what} never came");
        std::thread::sleep(Duration::from_millis(30));
    }
}

fn submit(node: SocketAddr, name: &str, phone: &str) {
    let body = json!({ "name": name, "phone": phone, "company": "示例公司", "_submission_id": phone });
    let answer = http::post_json(node, "/in/website", &body.to_string()).expect("it listens");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn first_reading(store_url: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let place = leadloop_testing::temp_dir();
    let sandbox = runtime.block_on(Sandbox::start(full_crm(place.path()))).expect("the sandbox starts");
    let crm = sandbox.addr();
    let (_guard, path) =
        folder(&config(store_url, crm, "127.0.0.1:0"), &[("li.na", "U1001"), ("wang.wei", "U1002")]);

    let node = Node::start(&path, SECRET);
    until("the third page", || reading(&path)["pages"].as_u64() >= Some(3));
    node.kill();
    let before = reading(&path);
    assert_eq!(before["done"], false, "it is under way: {before:#}");
    assert_eq!(before["of"], RECORDS, "the CRM tells its count: {before:#}");

    let node = Node::start(&path, SECRET);
    // One who stands in the CRM on a page that was not read yet, and one who is nowhere.
    submit(node.address, "王五", &format!("138{:08}", 20_000_000 + RECORDS - 1));
    submit(node.address, "赵六", "13912345678");
    until("both hand-overs", || count(&status(node.address), "handoffs", "with_sales") == 2);
    let meanwhile = reading(&path);
    assert_eq!(meanwhile["done"], false, "they did not wait for it: {meanwhile:#}");

    until("the end of the reading", || reading(&path)["done"] == true);
    let after = reading(&path);
    assert_eq!(after["begun_at"], before["begun_at"], "it was not begun anew");
    let least = u64::try_from(RECORDS).expect("a small number");
    let read = after["records"].as_u64().expect("a number");
    // What was handed over changed meanwhile, and comes again at the end of the list; a page that was under way when the
    // process was killed counts once.
    assert!((least..=least + 2).contains(&read), "each once: {after:#}");
    assert!(after["pages"].as_u64() <= Some(least / PAGE + 1), "no page twice: {after:#}");

    let mut phones: Vec<String> =
        crm_leads(crm).iter().filter_map(|lead| lead["phone"].as_str().map(str::to_owned)).collect();
    let all = phones.len();
    phones.sort();
    phones.dedup();
    assert_eq!((all, phones.len()), (RECORDS + 1, RECORDS + 1), "nobody was made twice");
    node.kill();
    runtime.block_on(sandbox.shutdown());
}

#[test]
fn a_first_reading_goes_on_where_it_was_and_holds_nobody_up_on_sqlite() {
    first_reading("sqlite:data/leadloop.db");
}

#[test]
fn a_first_reading_goes_on_where_it_was_and_holds_nobody_up_on_postgres() {
    let database = leadloop_testing::fresh_database("load");
    let file = leadloop_testing::temp_dir();
    let path = file.path().join("store-url");
    std::fs::write(&path, database.url()).expect("the folder can be written");
    first_reading(&format!("file:{}", path.display()));
}
