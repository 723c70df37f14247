//! Another config while a real node runs under load: rules change, a bad config changes nothing, a secret is rotated, a link
//! goes and comes back; what `leadloop plan` says before; and a restored backup.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use leadloop_sandbox::{Handle, Options, Sandbox};
use leadloop_testing::http;
use serde_json::Value;

use crate::command::{Said, command, run};
use crate::node::{Node, config, folder};

const SECRET: &str = "sandbox-secret-before";
const OTHER: &str = "sandbox-secret-after";
/// Nothing here takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(90);

struct Crm {
    runtime: tokio::runtime::Runtime,
    handle: Option<Handle>,
}

impl Crm {
    fn start(listen: SocketAddr, secret: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options {
            listen,
            client_id: "leadloop".to_owned(),
            client_secret: secret.to_owned(),
            ..Options::default()
        };
        let handle = runtime.block_on(Sandbox::start(options)).unwrap();
        Self { runtime, handle: Some(handle) }
    }

    fn address(&self) -> SocketAddr {
        self.handle.as_ref().unwrap().addr()
    }
}

impl Drop for Crm {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            self.runtime.block_on(handle.shutdown());
        }
    }
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn tell(folder: &Path, args: &[&str]) -> Said {
    let mut command = command(folder, args);
    command.env("SANDBOX_SECRET", SECRET);
    run(command)
}

/// Waits until something holds of the node's status.
#[track_caller]
fn until(node: SocketAddr, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let status =
            http::get(node, "/status").ok().and_then(|answer| serde_json::from_str(&answer.body).ok());
        let status: Value = status.unwrap_or_default();
        if holds(&status) {
            return status;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: {status:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn with_sales(status: &Value) -> u64 {
    let rows = status["handoffs"].as_array().cloned().unwrap_or_default();
    rows.iter().filter(|row| row[0] == "with_sales").filter_map(|row| row[1].as_u64()).sum()
}

fn alarms(status: &Value) -> Vec<String> {
    let alarms = status["alarms"].as_array().cloned().unwrap_or_default();
    alarms.iter().map(|raised| raised["alarm"]["code"].as_str().unwrap_or_default().to_owned()).collect()
}

fn lead(number: usize) -> String {
    format!(
        r#"{{"name":"测试{number}","phone":"139{:08}","company":"示例公司{number}"}}"#,
        20_000_000 + number
    )
}

fn post(node: SocketAddr, number: usize) {
    let answer = http::post_json(node, "/in/website", &lead(number)).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn rules_change_under_load_and_a_bad_config_changes_nothing() {
    let crm = Crm::start(anywhere(), SECRET);
    let text = config("sqlite:data/x.db", crm.address(), "127.0.0.1:0");
    let (_guard, path) = folder(&text, &[("li.na", "U1001"), ("wang.wei", "U1002")]);
    let fresh = tell(&path, &["plan"]);
    assert!(fresh.out.contains("No config was ever in force"), "{}", fresh.out);
    let node = Node::start(&path, SECRET);
    let address = node.address;
    let first =
        until(address, "a config is in force", |status| status["config"].is_array())["config"].clone();
    let same = tell(&path, &["plan", "--output", "json"]).json();
    assert_eq!(
        (same["changes"].as_array().unwrap().len(), same["compared"].as_bool()),
        (0, Some(true)),
        "{same}"
    );

    // Somebody sends all the while; not one request may be refused.
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let sender = std::thread::spawn({
        let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
        move || {
            while !stop.load(Ordering::SeqCst) {
                post(address, sent.fetch_add(1, Ordering::SeqCst));
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
    until(address, "the first are handed over", |status| with_sales(status) > 5);

    let next = text
        .replace("name = \"everyone\"", "name = \"whoever asks\"")
        .replace("every_busy = \"1s\"", "every_busy = \"2s\"");
    std::fs::write(path.join("next.toml"), &next).unwrap();
    let plan = tell(&path, &["plan", "next.toml"]).ok();
    for line in ["- everyone", "+ whoever asks", "mirror.every_busy: \"1s\" → \"2s\""] {
        assert!(plan.out.contains(line), "{line}: {}", plan.out);
    }
    std::fs::rename(path.join("next.toml"), path.join("leadloop.toml")).unwrap();
    let second =
        until(address, "the new rules are in force", |status| status["config"] != first)["config"].clone();
    assert_eq!(second[1].as_i64().unwrap(), first[1].as_i64().unwrap() + 1);

    // A bad one: an alarm, and everything goes on.
    std::fs::write(path.join("leadloop.toml"), next.replace("when = 'true'", "when = 'trve'")).unwrap();
    let status =
        until(address, "the bad config is said", |status| alarms(status).contains(&"LL1137".to_owned()));
    assert_eq!(status["config"], second);
    let before = with_sales(&status);
    until(address, "leads flow all the same", |status| with_sales(status) > before + 5);
    std::fs::write(path.join("leadloop.toml"), &next).unwrap();
    until(address, "the all-clear comes", |status| !alarms(status).contains(&"LL1137".to_owned()));
    stop.store(true, Ordering::SeqCst);
    sender.join().expect("no push was refused");

    let all = u64::try_from(sent.load(Ordering::SeqCst)).unwrap();
    until(address, "everybody is with sales", |status| with_sales(status) == all);
    let decided = tell(&path, &["why", "13920000000", "--output", "json"]).json().to_string();
    assert!(decided.contains("everyone"), "the first decision was made under the first rules: {decided}");
    let last = tell(&path, &["why", &format!("139{:08}", 20_000_000 + all - 1), "--output", "json"])
        .json()
        .to_string();
    assert!(last.contains("whoever asks"), "the last under the new ones: {last}");
    let metrics = http::get(address, "/metrics").unwrap();
    for line in [
        "leadloop_pushes_total{",
        "leadloop_leads{stage=",
        "leadloop_exchange_seconds_bucket{",
        "leadloop_config_current 1",
    ] {
        assert!(metrics.body.contains(line), "{line} in\n{}", metrics.body);
    }
    node.kill();
}

#[test]
fn a_rotated_secret_is_taken_and_a_link_goes_and_comes_back() {
    let crm = Crm::start(anywhere(), SECRET);
    let at = crm.address();
    let by_file = |text: &str| text.replace("{ env = \"SANDBOX_SECRET\" }", "{ file = \"secret\" }");
    let text = by_file(&config("sqlite:data/x.db", at, "127.0.0.1:0"));
    let (_guard, path) = folder(&text, &[("li.na", "U1001"), ("wang.wei", "U1002")]);
    std::fs::write(path.join("secret"), SECRET).unwrap();
    let node = Node::start(&path, "unused");
    post(node.address, 1);
    let config = until(node.address, "one is with sales", |status| with_sales(status) == 1)["config"].clone();

    // The CRM comes back with another secret: nothing gets through until the file says so too.
    drop(crm);
    let crm = Crm::start(at, OTHER);
    post(node.address, 2);
    std::fs::write(path.join("secret"), OTHER).unwrap();
    let status = until(node.address, "the new secret is used", |status| with_sales(status) == 2);
    assert_eq!(status["config"], config, "a secret is no part of the version");

    // Without the CRM the pool goes on; with it again, what waited is sent.
    let (pool_only, _) = text.split_once("[[crm]]").unwrap();
    std::fs::write(
        path.join("leadloop.toml"),
        format!(
            "{}\n[[transfer]]\nname = \"nobody\"\nwhen = 'true'\ndo = {{ decline = \"no sales\" }}\n",
            pool_only
        ),
    )
    .unwrap();
    until(node.address, "the version without the CRM is in force", |status| status["config"] != config);
    post(node.address, 3);
    until(node.address, "it is pooled", |status| status["captures_due"] == 0);
    std::fs::write(path.join("leadloop.toml"), &text).unwrap();
    until(node.address, "the CRM is back", |status| status["config"][0] == config[0]);
    post(node.address, 4);
    until(node.address, "it is handed over again", |status| with_sales(status) >= 3);
    drop(crm);
    node.kill();
}

#[test]
fn secrets_are_in_no_log_at_any_level_nor_in_the_database_nor_in_what_is_printed() {
    const SECRET: &str = "squeamish-ossifrage-in-nobodys-log";
    let crm = Crm::start(anywhere(), SECRET);
    let text = config("sqlite:data/x.db", crm.address(), "127.0.0.1:0");
    let (_guard, path) = folder(&text, &[("li.na", "U1001"), ("wang.wei", "U1002")]);
    let log = std::fs::File::create(path.join("log")).unwrap();
    let mut child = command(&path, &["run"])
        .env("SANDBOX_SECRET", SECRET)
        .env("RUST_LOG", "trace")
        .stdout(std::process::Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let logged = || std::fs::read_to_string(path.join("log")).unwrap();
    let begun = Instant::now();
    let address: SocketAddr = loop {
        let said = logged();
        if let Some(rest) = said.split("address=").nth(1).filter(|rest| rest.contains(' ')) {
            break rest.split_whitespace().next().unwrap().parse().unwrap();
        }
        assert!(begun.elapsed() < PATIENCE, "{said}");
        std::thread::sleep(Duration::from_millis(50));
    };
    post(address, 1);
    until(address, "one is with sales", |status| with_sales(status) == 1);
    // A login that is refused is where credentials slip out.
    drop(crm);
    let crm = Crm::start(anywhere(), OTHER);
    std::fs::write(path.join("leadloop.toml"), config("sqlite:data/x.db", crm.address(), "127.0.0.1:0"))
        .unwrap();
    post(address, 2);
    let refused = |status: &Value| {
        let parked = status["parked"].as_array().cloned().unwrap_or_default();
        !parked.is_empty() || status["links"][0]["due"].as_i64() > Some(0)
    };
    until(address, "the login is refused", refused);
    let printed = ["status", "plan", "check"].map(|name| {
        let mut command = command(&path, &[name, "--output", "json"]);
        command.env("SANDBOX_SECRET", SECRET);
        let said = run(command);
        format!("{}{}", said.out, said.err)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let log = logged();
    assert!(log.contains("TRACE"), "the log says everything");
    for word in [SECRET, "Bearer ", "client_secret="] {
        assert!(!log.contains(word), "{word} in the log");
        assert!(printed.iter().all(|said| !said.contains(word)), "{word} is printed");
    }
    for name in ["x.db", "x.db-wal"] {
        let bytes = std::fs::read(path.join("data").join(name)).unwrap_or_default();
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "the secret stands in {name}");
    }
}

#[test]
fn a_restored_backup_waits_and_asks_before_it_sends() {
    let crm = Crm::start(anywhere(), SECRET);
    let text = config("sqlite:data/x.db", crm.address(), "127.0.0.1:0");
    let (_guard, path) = folder(&text, &[("li.na", "U1001"), ("wang.wei", "U1002")]);
    let node = Node::start(&path, SECRET);
    post(node.address, 1);
    until(node.address, "one is with sales", |status| with_sales(status) == 1);
    tell(&path, &["backup", "copy.db"]).ok();
    assert_eq!(tell(&path, &["backup", "copy.db"]).code, 2, "a backup overwrites nothing");
    // What happens after the backup is not in it.
    post(node.address, 2);
    until(node.address, "two are with sales", |status| with_sales(status) == 2);
    node.kill();
    for name in ["x.db", "x.db-wal", "x.db-shm"] {
        let _ = std::fs::remove_file(path.join("data").join(name));
    }
    std::fs::rename(path.join("copy.db"), path.join("data/x.db")).unwrap();
    let node = Node::start(&path, SECRET);
    until(node.address, "it says that it waits", |status| alarms(status).contains(&"LL1139".to_owned()));
    // The same person comes again, as a source would send again what it has no answer for.
    post(node.address, 2);
    let read = |status: &Value| {
        let mirrors = status["mirrors"].as_array().cloned().unwrap_or_default();
        mirrors.iter().any(|mirror| mirror["object"] == "lead" && mirror["rows"] == 2)
    };
    let status = until(node.address, "what was made since the backup is read", read);
    assert_eq!((with_sales(&status), status["captures_due"].as_i64()), (1, Some(1)), "{status:#}");
    tell(&path, &["resume"]).ok();
    until(node.address, "it goes on", |status| {
        status["captures_due"] == 0 && !alarms(status).contains(&"LL1139".to_owned())
    });
    until(node.address, "the second is handed over", |status| with_sales(status) == 2);
    let token = http::send(
        crm.address(),
        "POST",
        "/oauth/token",
        &[("content-type", "application/x-www-form-urlencoded")],
        format!("grant_type=client_credentials&client_id=leadloop&client_secret={SECRET}").as_bytes(),
    )
    .unwrap();
    let token: Value = serde_json::from_str(&token.body).unwrap();
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let leads =
        http::send(crm.address(), "GET", "/api/v1/leads?limit=100", &[("authorization", &bearer)], b"")
            .unwrap();
    let leads: Value = serde_json::from_str(&leads.body).unwrap();
    assert_eq!(leads["records"].as_array().unwrap().len(), 2, "nobody is doubled: {leads:#}");
    node.kill();
}
