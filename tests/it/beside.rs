//! Commands beside a running leadloop: what reads reads along, what changes something goes through the socket; and how a
//! running one is stopped.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{command, leadloop, on_both};
use crate::node::{Node, config, folder};

/// Asks until the answer is the one that is waited for.
fn until(what: &str, ask: impl Fn() -> bool) {
    let begun = Instant::now();
    while !ask() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

const FAIR: &str = r#"
[leadloop]
language = "en"

[store]
url = {store}

[server]
listen = "127.0.0.1:0"

[[source]]
name = "fair"
connector = "table_file"
require = ["phone or email"]
"#;

#[test]
fn files_and_mended_records_reach_a_running_leadloop() {
    on_both("beside", FAIR, |folder| {
        let node = Node::start(folder, "unused");
        std::fs::write(folder.join("fair.csv"), "姓名,手机\n测试甲,13900000001\n测试乙,1390000\n").unwrap();
        let args = ["import", "fair.csv", "--source", "fair", "--output", "json"];
        let taken = leadloop(folder, &args).json();
        assert_eq!((&taken["accepted"], &taken["quarantined"]), (&1.into(), &1.into()), "{taken}");
        let people = || {
            let list = leadloop(folder, &["lead", "list", "--output", "json"]).json();
            list["leads"].as_array().unwrap().len()
        };
        until("the row never became a lead", || people() == 1);
        let held = leadloop(folder, &["quarantine", "list", "--output", "json"]).json();
        let code = held["records"][0]["code"].as_str().unwrap();
        let sources = leadloop(folder, &["source", "list", "--output", "json"]).json();
        let day = &sources["sources"][0]["day"];
        assert_eq!((&day["taken"], &day["refused"]), (&1.into(), &1.into()), "{sources}");
        let shown = leadloop(folder, &["source", "show", "fair"]).ok().out;
        assert!(shown.contains("records in quarantine") && shown.contains(code), "{shown}");
        assert_eq!(leadloop(folder, &["source", "show", "nobody"]).code, 1);
        let id = held["records"][0]["id"].as_str().unwrap().to_owned();
        leadloop(folder, &["quarantine", "fix", &id, "手机=13900000002"]).ok();
        until("the mended record never became a lead", || people() == 2);
        node.kill();
    });
}

#[cfg(unix)]
#[test]
fn the_socket_is_for_the_owner_alone_and_its_absence_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let folder = leadloop_testing::temp_dir();
    let config = FAIR.replace("{store}", "\"sqlite:data/leadloop.db\"");
    std::fs::write(folder.path().join("leadloop.toml"), config).unwrap();
    std::fs::write(folder.path().join("fair.csv"), "姓名,手机\n测试甲,13900000001\n").unwrap();
    let node = Node::start(folder.path(), "unused");
    let socket = folder.path().join("data/leadloop.db.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(&socket).unwrap();
    let refused = leadloop(folder.path(), &["import", "fair.csv", "--source", "fair"]);
    assert_eq!(refused.code, 2, "{}", refused.out);
    assert!(refused.err.contains("error[LL1023]"), "{}", refused.err);
    node.kill();
    // A process that died leaves no lock behind: the command opens the store itself.
    leadloop(folder.path(), &["import", "fair.csv", "--source", "fair"]).ok();
}

#[test]
fn a_signal_lets_it_end_in_order() {
    let folder = leadloop_testing::temp_dir();
    let config = FAIR.replace("{store}", "\"sqlite:data/leadloop.db\"");
    std::fs::write(folder.path().join("leadloop.toml"), config).unwrap();
    let mut child = command(folder.path(), &["run"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    let socket = folder.path().join("data/leadloop.db.sock");
    until("it never started", || socket.exists());
    let killed = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!socket.exists(), "nothing is left behind");
}

/// A sandbox as a process of its own; it dies with the value.
struct Crm {
    child: std::process::Child,
    address: SocketAddr,
}

impl Crm {
    fn start(folder: &Path) -> Self {
        use std::io::{BufRead, BufReader};
        let args = ["sandbox", "--port", "0", "--output", "json"];
        let mut child = command(folder, &args).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut text = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            text.push_str(&line.unwrap());
            if text.ends_with('}') {
                break;
            }
        }
        let said: Value = serde_json::from_str(&text).unwrap();
        let address = said["url"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        Self { child, address }
    }

    /// An admin call, over a bare connection.
    fn admin(&self, method: &str, path: &str, body: &str) {
        use std::io::Read;
        let mut stream = std::net::TcpStream::connect(self.address).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n",
            self.address
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    }
}

impl Drop for Crm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_the_crm_refuses_waits_for_a_person_and_is_taken_up_again() {
    let here = leadloop_testing::temp_dir();
    let crm = Crm::start(here.path());
    // The CRM demands a title that nobody gives.
    crm.admin("PATCH", "/admin/tuning", r#"{"required": ["leads.title"]}"#);
    let text = config("sqlite:data/leadloop.db", crm.address, "127.0.0.1:0")
        .replace("client_id = \"leadloop\"", "client_id = \"sandbox\"");
    let (_guard, folder) = folder(&text, &[("li.na", "U1002"), ("wang.wei", "U1003")]);
    let node = Node::start(&folder, "sandbox-secret");
    let run = |args: &[&str]| {
        let mut command = command(&folder, args);
        command.env("SANDBOX_SECRET", "sandbox-secret");
        crate::command::run(command)
    };
    let parked =
        || run(&["outbox", "list", "--output", "json"]).json()["deliveries"].as_array().unwrap().clone();
    // One after the other: in one batch the CRM answers 200 with a refusal for each.
    post(node.address, "name=测试甲&phone=13900000001&company=示例机器人");
    until("the first refused hand-over was not parked", || parked().len() == 1);
    post(node.address, "name=测试乙&phone=13900000002&company=示例软件");
    until("the refused hand-overs were not parked", || parked().len() == 2);
    let first = parked()[0].clone();
    let (id, code) = (first["id"].as_str().unwrap(), first["code"].as_str().unwrap());
    assert!(code.starts_with("LL"), "{first}");
    assert_eq!(run(&["explain", code]).code, 0);
    let shown = run(&["outbox", "show", id]).ok();
    assert!(shown.out.contains("title") && !shown.out.contains("测试甲"), "{}", shown.out);
    // What was asked and what the CRM said to it, its people masked, the token and the secret left out.
    for said in ["→ POST http://", "authorization: •••", "← 422", "\"name\": \"测**\""] {
        assert!(shown.out.contains(said), "{said}: {}", shown.out);
    }
    let revealed = run(&["outbox", "show", id, "--reveal", "--output", "json"]).json();
    let turns = revealed["attempts"][0]["conversation"]["turns"].as_array().unwrap();
    assert!(turns.last().unwrap()["body"]["text"].as_str().unwrap().contains("测试甲"), "{revealed}");
    assert!(!revealed.to_string().contains("sandbox-secret") && !revealed.to_string().contains("sbx_"));
    run(&["lead", "export", "--all", "13900000001", "--out", "person.json"]).ok();
    let held = std::fs::read_to_string(folder.join("person.json")).unwrap();
    assert!(held.contains(&format!("outbox show {id}")), "who looked at it is noted: {held}");
    let status = run(&["status"]).ok();
    assert!(status.out.contains("leadloop outbox list"), "{}", status.out);
    run(&["outbox", "drop", id, "--yes"]).ok();
    crm.admin("PATCH", "/admin/tuning", r#"{"required": []}"#);
    let changed = run(&["outbox", "retry", "--link", "sales", "--output", "json"]).json();
    assert_eq!(changed["changed"], 1, "{changed}");
    until("the retried hand-over never reached the CRM", || {
        let list = run(&["lead", "list", "--stage", "with_sales", "--output", "json"]).json();
        list["leads"].as_array().unwrap().len() == 1
    });
    assert!(parked().is_empty());
    node.kill();
}

fn post(to: SocketAddr, form: &str) {
    use std::io::Read;
    let mut stream = std::net::TcpStream::connect(to).unwrap();
    let head = format!(
        "POST /in/website HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\naccept: application/json\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
        form.len()
    );
    stream.write_all(format!("{head}{form}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
