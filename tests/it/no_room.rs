//! A database that takes no writes for a while: a disk that is full (SQLite), a server that has no connection left
//! (PostgreSQL). Sources are answered 503 and come again, `/healthz` says so, and afterwards an alarm tells of it and
//! everybody is in the CRM once.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leadloop_sandbox::{Options, Sandbox};
use leadloop_testing::http::{self, Answer};

use crate::command::{command, run};
use crate::kill::{SECRET, crm_leads};
use crate::node::{Node, config, folder};

fn until(what: &str, ask: impl Fn() -> bool) {
    let begun = Instant::now();
    while !ask() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn post(to: SocketAddr, person: usize) -> Answer {
    let body = format!(
        r#"{{"name":"测试{person}","phone":"1390000{person:04}","company":"示例{person}有限公司","_submission_id":"{person}"}}"#
    );
    http::post_json(to, "/in/website", &body).expect("it is answered")
}

/// People come before, while the database takes no writes, and after.
fn no_room(store: &str, program: Command, shut: impl Fn(&Node), open: impl Fn(&Node)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let options =
        Options { client_id: "leadloop".to_owned(), client_secret: SECRET.to_owned(), ..Options::default() };
    let runtime = runtime.expect("a runtime");
    let sandbox = runtime.block_on(Sandbox::start(options)).expect("the sandbox starts");
    let crm = sandbox.addr();
    let (_guard, path) =
        folder(&config(store, crm, "127.0.0.1:0"), &[("li.na", "U1001"), ("wang.wei", "U1002")]);
    let node = Node::start_by(program, &path, SECRET);
    let healthy = || http::get(node.address, "/healthz").is_ok_and(|answer| answer.status == 200);
    assert_eq!(post(node.address, 1).status, 200);
    until("the first is not in the CRM", || crm_leads(crm).len() == 1);
    assert!(healthy());

    shut(&node);
    for person in 2..6 {
        let answer = post(node.address, person);
        assert!(answer.status == 503 && answer.body.contains("LL1010"), "{} {}", answer.status, answer.body);
    }
    assert!(!healthy(), "/healthz says that nothing can be stored");

    open(&node);
    until("it does not recover", healthy);
    for person in 2..6 {
        assert_eq!(post(node.address, person).status, 200);
    }
    until("not everybody is in the CRM", || crm_leads(crm).len() >= 5);
    let mut names: Vec<String> = crm_leads(crm).iter().map(|lead| lead["name"].to_string()).collect();
    names.sort();
    names.dedup();
    assert_eq!((names.len(), crm_leads(crm).len()), (5, 5), "everybody once");
    let mut status = command(&path, &["status", "--output", "json"]);
    status.env("SANDBOX_SECRET", SECRET);
    let status = run(status).json();
    let alarms = status["alarms"].as_array().expect("a list");
    let told = alarms.iter().find(|alarm| alarm["code"] == "LL1010").unwrap_or_else(|| panic!("{status:#}"));
    assert!(told["detail"].as_str().is_some_and(|detail| detail.contains("4 pushes")), "{told}");
}

/// The files of a process may grow no further than to that many bytes.
fn file_size(node: &Node, most: &str) {
    let limit = format!("--fsize={most}:");
    let pid = node.child.id().to_string();
    let done = Command::new("prlimit").args(["--pid", &pid, &limit]).status().expect("util-linux is there");
    assert!(done.success());
}

#[test]
fn a_full_disk_is_survived_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    let url = format!("sqlite:{}", folder.path().join("room.db").display());
    // The signal about a file that may not grow would end the program; a full disk sends none.
    let mut program = Command::new("env");
    program.args(["--ignore-signal=XFSZ", env!("CARGO_BIN_EXE_leadloop")]);
    no_room(&url, program, |node| file_size(node, "4096"), |node| file_size(node, "unlimited"));
}

/// Between a node and PostgreSQL: passes everything on, or answers as a server whose connections are used up.
struct Gate {
    address: SocketAddr,
    full: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Gate {
    fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let (full, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let gate = Self { address, full: Arc::clone(&full), open: Arc::clone(&open) };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if full.load(Ordering::SeqCst) {
                    std::thread::spawn(move || too_many(client));
                    continue;
                }
                let Ok(server) = TcpStream::connect(server) else { continue };
                let both = [(&client, &server), (&server, &client)];
                for (from, to) in both.map(|(from, to)| (from.try_clone(), to.try_clone())) {
                    let (Ok(mut from), Ok(mut to)) = (from, to) else { continue };
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                open.lock().expect("no thread panics with it").push(client);
            }
        });
        gate
    }

    /// All connections end, and no new one is let in.
    fn shut(&self) {
        self.full.store(true, Ordering::SeqCst);
        for client in self.open.lock().expect("no thread panics with it").drain(..) {
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}

/// What PostgreSQL says to a client when its connections are used up: SQLSTATE 53300.
fn too_many(mut client: TcpStream) -> std::io::Result<()> {
    let mut head = [0_u8; 8];
    client.read_exact(&mut head)?;
    // A request for TLS comes first where the client would like it: it is declined.
    if head[4..] == [4, 210, 22, 47] {
        client.write_all(b"N")?;
        client.read_exact(&mut head)?;
    }
    let rest = u32::from_be_bytes([head[0], head[1], head[2], head[3]]).saturating_sub(8);
    std::io::copy(&mut (&mut client).take(u64::from(rest)), &mut std::io::sink())?;
    let fields = b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0";
    let length = u32::try_from(fields.len() + 4).unwrap_or_default();
    client.write_all(&[b"E", &length.to_be_bytes()[..], fields].concat())
}

#[test]
fn used_up_connections_are_survived_on_postgres() {
    let database = leadloop_testing::fresh_database("no_room");
    let mut url = url::Url::parse(database.url()).expect("a URL");
    let server = format!("{}:{}", url.host_str().unwrap_or("127.0.0.1"), url.port().unwrap_or(5432));
    let gate = Gate::before(server.parse().expect("an address"));
    url.set_host(Some("127.0.0.1")).expect("it has a host");
    url.set_port(Some(gate.address.port())).expect("it has a port");
    let folder = leadloop_testing::temp_dir();
    let file = folder.path().join("store_url");
    std::fs::write(&file, url.as_str()).expect("it is written");
    let program = Command::new(env!("CARGO_BIN_EXE_leadloop"));
    let open = |_: &Node| gate.full.store(false, Ordering::SeqCst);
    let shut = |node: &Node| {
        gate.shut();
        // Nobody pushes yet: who absorbs meets it all the same.
        let told = || http::get(node.address, "/healthz").is_ok_and(|answer| answer.body.contains("LL1010"));
        until("/healthz does not say that nothing can be stored", told);
    };
    no_room(&format!("file:{}", file.display()), program, shut, open);
}
