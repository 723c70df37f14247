//! Two nodes on one PostgreSQL and a CRM with faults, while processes are killed, frozen, stopped and started again and
//! the way to the database is cut: at the end everything that was acknowledged stands once in the pool and once in the
//! CRM. Where the CRM's mark is not unique, a request that froze half-written may make a second record: then an alarm names
//! both. `scripts/torture --minutes 10 --seed N [--plain]` runs it for longer; the seed is printed.
//!
//! Reads: `LEADLOOP_SEED`, `LEADLOOP_TORTURE_SECS` (20 where not set).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leadloop_sandbox::{FaultKind, FaultSpec, MarkMode, Options, Sandbox};
use leadloop_testing::http;

use crate::kill::{Dice, PATIENCE, SECRET, body, count, crm_leads, seed, status};
use crate::node::{Node, config, folder};

const WRITERS: usize = 4;

/// The way to the database, which can be cut: all connections end, and new ones are refused until it is mended.
struct Way {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Way {
    fn to(database: SocketAddr) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (cut, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (is_cut, kept) = (Arc::clone(&cut), Arc::clone(&open));
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Some(far) =
                    (!is_cut.load(Ordering::SeqCst)).then(|| TcpStream::connect(database).ok()).flatten()
                else {
                    continue;
                };
                let both = [near.try_clone().expect("a socket"), far.try_clone().expect("a socket")];
                kept.lock().expect("nobody panics with it").extend(both);
                let (near_too, far_too) =
                    (near.try_clone().expect("a socket"), far.try_clone().expect("a socket"));
                std::thread::spawn(move || carry(near, far));
                std::thread::spawn(move || carry(far_too, near_too));
            }
        });
        Way { address, cut, open }
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().expect("nobody panics with it").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

/// A CRM that throttles, fails, and loses answers before and after its writes.
fn bad_crm(seed: u64, mark: MarkMode) -> Options {
    let fault = |kind, probability| FaultSpec {
        kind,
        method: None,
        path: None,
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
        faults: vec![
            fault(FaultKind::LostAnswer, 0.02),
            fault(FaultKind::Reset, 0.02),
            fault(FaultKind::Error500, 0.03),
            fault(FaultKind::ErrorAfter, 0.01),
            fault(FaultKind::Throttle, 0.01),
            fault(FaultKind::Truncated, 0.01),
        ],
        ..Options::default()
    };
    options.tuning.mark = mark;
    options
}

/// Sends a process a signal, such as `STOP`.
fn signal(node: &Node, signal: &str) {
    let sent = Command::new("kill").args([&format!("-{signal}"), &node.child.id().to_string()]).status();
    assert!(sent.expect("kill can be run").success(), "the process is there");
}

/// Asks it to end, and waits until what is under way came home.
fn stop(mut node: Node) {
    signal(&node, "TERM");
    node.child.wait().expect("it ends");
}

/// Two nodes, of which one may be down.
struct Pair {
    folder: std::path::PathBuf,
    nodes: [Option<Node>; 2],
    addresses: Arc<Mutex<[SocketAddr; 2]>>,
}

impl Pair {
    fn start(folder: std::path::PathBuf) -> Pair {
        let nodes = [Node::start(&folder, SECRET), Node::start(&folder, SECRET)];
        let addresses = Arc::new(Mutex::new([nodes[0].address, nodes[1].address]));
        Pair { folder, nodes: nodes.map(Some), addresses }
    }

    fn up(&mut self, which: usize) {
        let node = Node::start(&self.folder, SECRET);
        self.addresses.lock().expect("nobody panics with it")[which] = node.address;
        self.nodes[which] = Some(node);
    }

    fn down(&mut self, which: usize, kindly: bool) {
        if let Some(node) = self.nodes[which].take() {
            if kindly { stop(node) } else { node.kill() }
        }
    }

    fn signal(&self, which: usize, signal: &str) {
        if let Some(node) = &self.nodes[which] {
            self::signal(node, signal);
        }
    }
}

/// Writes people until it is told to stop: each by two sources and twice; how many were acknowledged.
fn write(
    writer: usize,
    addresses: &Mutex<[SocketAddr; 2]>,
    over: &AtomicBool,
    acknowledged: &AtomicUsize,
) -> Vec<usize> {
    let mut people = Vec::new();
    let mut person = writer;
    while !over.load(Ordering::SeqCst) {
        for (source, path) in ["/in/website", "/in/booth"].iter().enumerate() {
            let body = body(person, source);
            for again in 0..2 {
                until_acknowledged(addresses, person + source + again, path, &body);
            }
        }
        acknowledged.fetch_add(1, Ordering::SeqCst);
        people.push(person);
        person += WRITERS;
        std::thread::sleep(Duration::from_millis(25)); // a rate, not a wait: two cores carry all of this
    }
    people
}

/// Posts to either node until one acknowledges it.
fn until_acknowledged(addresses: &Mutex<[SocketAddr; 2]>, first: usize, path: &str, body: &str) {
    let begun = Instant::now();
    for turn in first.. {
        let to = addresses.lock().expect("nobody panics with it")[turn % 2];
        match http::post_json(to, path, body) {
            Ok(answer) if answer.status == 200 => return,
            Ok(answer) if answer.status != 503 => panic!("{path}: {} {}", answer.status, answer.body),
            _ => {}
        }
        assert!(begun.elapsed() < PATIENCE, "{path} was never acknowledged");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One thing after the other goes wrong; returns what did, and how often.
fn go_wrong(pair: &mut Pair, way: &Way, dice: &mut Dice, until: Instant) -> BTreeMap<&'static str, u32> {
    let mut done: BTreeMap<&'static str, u32> = BTreeMap::new();
    let pause = |dice: &mut Dice, least: u64, most: u64| {
        std::thread::sleep(Duration::from_millis(least + dice.below(most - least)));
    };
    while Instant::now() < until {
        let which = usize::try_from(dice.below(2)).expect("0 or 1");
        let what = match dice.below(6) {
            0 | 1 => {
                pair.down(which, false);
                pause(dice, 0, 3_000);
                pair.up(which);
                "killed"
            }
            2 => {
                pair.down(which, true);
                pair.up(which);
                "stopped"
            }
            // Beyond its lease, so that the other node takes over before it wakes.
            3 | 4 => {
                pair.signal(which, "STOP");
                pause(dice, 500, 11_000);
                pair.signal(which, "CONT");
                "frozen"
            }
            _ => {
                way.cut();
                pause(dice, 100, 4_000);
                way.mend();
                "cut off"
            }
        };
        *done.entry(what).or_default() += 1;
        pause(dice, 100, 2_000);
    }
    done
}

/// Waits until all of them are with sales, and finds each once in the pool and in the CRM.
pub(crate) fn at_rest(node: SocketAddr, crm: SocketAddr, people: usize, mark: MarkMode) {
    let begun = Instant::now();
    let all = u64::try_from(people).expect("a small number");
    loop {
        let now = status(node);
        if now["captures_due"] == 0 && count(&now, "handoffs", "with_sales") == all {
            let stages = now["stages"].as_array().cloned().unwrap_or_default();
            let in_pool: u64 = stages.iter().filter_map(|row| row[1].as_u64()).sum();
            assert_eq!(in_pool, all, "one lead a person: {now:#}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{people} people did not come to rest: {now:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut by_phone: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for lead in crm_leads(crm) {
        let text = |field: &str| lead[field].as_str().unwrap_or_default().to_owned();
        let record = Record { id: text("id"), mark: text("leadloop_id") };
        by_phone.entry(text("phone")).or_default().push(record);
    }
    assert_eq!(by_phone.len(), people, "nobody is missing in the CRM");
    by_phone.retain(|_, records| records.len() != 1);
    assert!(mark == MarkMode::Plain || by_phone.is_empty(), "once in the CRM each, but: {by_phone:?}");
    by_phone.values().for_each(|records| alarmed(node, records, begun));
    println!("{} people were doubled in the CRM, each with an alarm", by_phone.len());
}

/// A record of a person in the CRM.
#[derive(Debug)]
struct Record {
    id: String,
    mark: String,
}

/// Records that carry one mark are named by an alarm, as soon as the CRM was asked once more.
fn alarmed(node: SocketAddr, records: &[Record], begun: Instant) {
    assert!(records.iter().all(|record| record.mark == records[0].mark), "marks differ: {records:?}");
    loop {
        let now = status(node);
        let told = now["alarms"].as_array().into_iter().flatten().any(|raised| {
            let detail = raised["alarm"]["detail"].as_str().unwrap_or_default();
            raised["alarm"]["code"] == "LL4206" && records.iter().all(|record| detail.contains(&record.id))
        });
        if told {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "no alarm names {records:?}: {now:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn two_nodes_lose_and_double_nothing_whatever_happens_to_them() {
    torture(MarkMode::Unique);
}

#[test]
fn two_nodes_and_a_crm_without_a_unique_mark_lose_nothing_and_tell_each_double() {
    torture(MarkMode::Plain);
}

fn torture(mark: MarkMode) {
    let seed = seed();
    let seconds =
        std::env::var("LEADLOOP_TORTURE_SECS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let database = leadloop_testing::fresh_database("torture");
    let mut url = url::Url::parse(database.url()).expect("it is a URL");
    let own = SocketAddr::new(
        url.host_str().and_then(|host| host.parse().ok()).expect("a loopback address"),
        url.port().unwrap_or(5_432),
    );
    let way = Way::to(own);
    url.set_port(Some(way.address.port())).expect("it has a host");

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let sandbox = runtime.block_on(Sandbox::start(bad_crm(seed, mark))).expect("the sandbox starts");
    let secret = leadloop_testing::temp_dir();
    let file = secret.path().join("store-url");
    std::fs::write(&file, url.as_str()).expect("the folder can be written");
    let text = config(&format!("file:{}", file.display()), sandbox.addr(), "127.0.0.1:0");
    let (_guard, path) = folder(&text, &[("li.na", "U1001"), ("wang.wei", "U1002")]);

    let mut pair = Pair::start(path);
    let (over, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (addresses, over) = (Arc::clone(&pair.addresses), Arc::clone(&over));
            let acknowledged = Arc::clone(&acknowledged);
            std::thread::spawn(move || write(writer, &addresses, &over, &acknowledged))
        })
        .collect();
    let until = Instant::now() + Duration::from_secs(seconds);
    let done = go_wrong(&mut pair, &way, &mut Dice(seed), until);
    over.store(true, Ordering::SeqCst);
    let people: usize =
        writers.into_iter().map(|writer| writer.join().expect("all are acknowledged in the end").len()).sum();
    println!("{people} people acknowledged; nodes were {done:?}");
    assert_eq!(people, acknowledged.load(Ordering::SeqCst));
    assert!(people > 0 && !done.is_empty());
    let node = pair.nodes[0].as_ref().expect("both are up at the end").address;
    at_rest(node, sandbox.addr(), people, mark);
    drop(pair);
    runtime.block_on(sandbox.shutdown());
}
