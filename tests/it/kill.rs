//! Acknowledged means durable, and one hand-over is one CRM record: the process is killed (SIGKILL) at random moments
//! under load, again and again, while the CRM loses answers after its writes. At the end each acknowledged person stands
//! once in the pool and once in the CRM. On both databases; the seed is printed and `LEADLOOP_SEED` replays it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use leadloop_sandbox::{FaultKind, FaultSpec, MarkMode, Options, Sandbox};
use leadloop_testing::http;

use crate::node::{Node, config, folder};

const PEOPLE: usize = 240;
const WRITERS: usize = 6;
const KILLS: usize = 8;
pub(crate) const SECRET: &str = "sandbox-secret-of-the-test";
/// Nothing here takes longer unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// Small even dice of its own, so that a seed means the same for ever.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

pub(crate) fn seed() -> u64 {
    let seed = std::env::var("LEADLOOP_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
        u64::from(now.subsec_nanos())
    });
    println!("LEADLOOP_SEED={seed}");
    seed
}

/// Person `n` as one of two sources tells it: another spelling of the same phone, an event id of its own.
pub(crate) fn body(person: usize, source: usize) -> String {
    let digits = format!("139{:08}", 10_000_000 + person);
    let phone = if source == 0 { format!("+86 {digits}") } else { digits };
    format!(
        r#"{{"name":"测试{person}","phone":"{phone}","company":"示例公司{person}","_submission_id":"{source}-{person}"}}"#
    )
}

/// Posts until it is acknowledged, whatever happens to the process meanwhile.
pub(crate) fn until_acknowledged(address: &Mutex<SocketAddr>, path: &str, body: &str) {
    let begun = Instant::now();
    loop {
        let to = *address.lock().expect("no writer panics while it holds the address");
        match http::post_json(to, path, body) {
            Ok(answer) if answer.status == 200 => return,
            Ok(answer) if answer.status != 503 => panic!("{path}: {} {}", answer.status, answer.body),
            _ => {}
        }
        assert!(begun.elapsed() < PATIENCE, "{path} was never acknowledged");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the sandbox answers, asked until it answers well: its faults strike whoever asks.
fn crm_answer(
    crm: SocketAddr,
    method: &str,
    path: &str,
    header: (&str, &str),
    body: &[u8],
) -> serde_json::Value {
    let begun = Instant::now();
    loop {
        let answer =
            http::send(crm, method, path, &[header], body).ok().filter(|answer| answer.status == 200);
        if let Some(answer) = answer.and_then(|answer| serde_json::from_str(&answer.body).ok()) {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{path} of the sandbox was never answered well");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// All leads of the CRM. A record that is changed while the list is read comes on two pages, and counts once.
pub(crate) fn crm_leads(crm: SocketAddr) -> Vec<serde_json::Value> {
    let form = format!("grant_type=client_credentials&client_id=leadloop&client_secret={SECRET}");
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    let token = crm_answer(crm, "POST", "/oauth/token", form_type, form.as_bytes());
    let bearer = format!("Bearer {}", token["access_token"].as_str().expect("a token is text"));
    let (mut leads, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let path = format!("/api/v1/leads?limit=200{cursor}");
        let page = crm_answer(crm, "GET", &path, ("authorization", &bearer), b"");
        let records = page["records"].as_array().unwrap_or_else(|| panic!("no records in {page}"));
        leads.extend(records.iter().map(|lead| (lead["id"].to_string(), lead.clone())));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return leads.into_values().collect(),
        }
    }
}

pub(crate) fn status(node: SocketAddr) -> serde_json::Value {
    http::get(node, "/status")
        .ok()
        .and_then(|answer| serde_json::from_str(&answer.body).ok())
        .unwrap_or_default()
}

pub(crate) fn count(status: &serde_json::Value, list: &str, name: &str) -> u64 {
    let rows = status[list].as_array().cloned().unwrap_or_default();
    rows.iter().filter(|row| row[0] == name).filter_map(|row| row[1].as_u64()).sum()
}

/// A CRM that loses answers after its writes, and connections before them.
fn leaky_crm(seed: u64, mark: MarkMode) -> Options {
    let fault = |kind, probability| FaultSpec {
        kind,
        method: Some("POST".to_owned()),
        path: Some("/api/v1/leads".to_owned()),
        probability,
        skip: 0,
        next: None,
        ms: None,
        retry_after: None,
    };
    let mut options = Options {
        client_id: "leadloop".to_owned(),
        client_secret: SECRET.to_owned(),
        seed,
        ..Options::default()
    };
    options.tuning.mark = mark;
    options.faults = vec![fault(FaultKind::LostAnswer, 0.05), fault(FaultKind::Reset, 0.03)];
    options
}

/// Everybody is told by two sources, and every request is sent twice.
fn write_all(address: &Arc<Mutex<SocketAddr>>, acknowledged: &Arc<AtomicUsize>) -> Vec<JoinHandle<()>> {
    let writer = |writer: usize| {
        let (address, acknowledged) = (Arc::clone(address), Arc::clone(acknowledged));
        std::thread::spawn(move || {
            for person in (writer..PEOPLE).step_by(WRITERS) {
                for (source, path) in ["/in/website", "/in/booth"].iter().enumerate() {
                    let body = body(person, source);
                    until_acknowledged(&address, path, &body);
                    until_acknowledged(&address, path, &body);
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    };
    (0..WRITERS).map(writer).collect()
}

/// Waits until everybody is with sales, and finds each once in the pool and once in the CRM.
fn at_rest(node: SocketAddr, crm: SocketAddr) {
    let begun = Instant::now();
    let people = u64::try_from(PEOPLE).expect("a small number");
    loop {
        let now = status(node);
        if now["captures_due"] == 0 && count(&now, "handoffs", "with_sales") == people {
            let in_pool: u64 =
                now["stages"].as_array().into_iter().flatten().filter_map(|row| row[1].as_u64()).sum();
            assert_eq!(in_pool, people, "one lead a person: {now:#}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "it did not come to rest: {now:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut by_phone: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for lead in crm_leads(crm) {
        let text = |field: &str| lead[field].as_str().unwrap_or_default().to_owned();
        by_phone.entry(text("phone")).or_default().push(text("leadloop_id"));
    }
    let doubled: Vec<_> = by_phone.iter().filter(|(_, marks)| marks.len() != 1).collect();
    assert!(doubled.is_empty(), "once in the CRM each, but: {doubled:?}");
    assert_eq!(by_phone.len(), PEOPLE, "nobody is missing in the CRM");
}

fn torture(store_url: &str, mark: MarkMode) {
    let seed = seed();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let sandbox = runtime.block_on(Sandbox::start(leaky_crm(seed, mark))).expect("the sandbox starts");
    let crm = sandbox.addr();
    let (_guard, path) =
        folder(&config(store_url, crm, "127.0.0.1:0"), &[("li.na", "U1001"), ("wang.wei", "U1002")]);

    let mut node = Node::start(&path, SECRET);
    let address = Arc::new(Mutex::new(node.address));
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let writers = write_all(&address, &acknowledged);
    let mut dice = Dice(seed);
    for _ in 0..KILLS {
        std::thread::sleep(Duration::from_millis(50 + dice.below(600)));
        node.kill();
        node = Node::start(&path, SECRET);
        *address.lock().expect("no writer panics while it holds the address") = node.address;
    }
    for writer in writers {
        writer.join().expect("every lead is acknowledged in the end");
    }
    assert_eq!(acknowledged.load(Ordering::SeqCst), 2 * PEOPLE);
    at_rest(node.address, crm);
    node.kill();
    runtime.block_on(sandbox.shutdown());
}

#[test]
fn a_killed_process_loses_and_doubles_nothing_on_sqlite() {
    torture("sqlite:data/leadloop.db", MarkMode::Unique);
}

#[test]
fn a_killed_process_loses_and_doubles_nothing_on_postgres() {
    let database = leadloop_testing::fresh_database("kill");
    torture_at(&database, MarkMode::Unique);
}

#[test]
fn a_crm_whose_mark_is_not_unique_gets_no_double_either() {
    torture("sqlite:data/leadloop.db", MarkMode::Plain);
}

/// The URL of the test database holds a password, so it reaches the config by reference.
fn torture_at(database: &leadloop_testing::Database, mark: MarkMode) {
    let file = leadloop_testing::temp_dir();
    let path = file.path().join("store-url");
    std::fs::write(&path, database.url()).expect("the folder can be written");
    torture(&format!("file:{}", path.display()), mark);
}
