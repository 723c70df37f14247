//! A leadloop beside a rig: its config, what marketing does to it, what it knows.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use leadloop_testing::http;
use serde_json::Value as Json;

use crate::running::{Node, folder};

/// Nothing here takes longer unless it hangs, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(240);

/// A running leadloop.
pub(crate) struct World {
    node: Option<Node>,
    address: SocketAddr,
    folder: PathBuf,
    _guard: tempfile::TempDir,
}

impl World {
    /// Starts it with this `[[crm]]` and what goes with it. `users` are salespeople with their numbers there.
    pub(crate) fn start(crm: &str, key: &str, users: &[(&str, &str)]) -> World {
        let (guard, folder) = folder(&config(crm), users);
        std::fs::write(folder.join("key"), key).expect("the folder can be written");
        let node = Node::start(&folder, "");
        World { address: node.address, node: Some(node), folder, _guard: guard }
    }

    /// Somebody fills in the form; answered once it is durable.
    pub(crate) fn form(&self, body: &str) {
        let answer = http::post_json(self.address, "/in/website", body).expect("leadloop answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// What leadloop says of itself.
    pub(crate) fn status(&self) -> Json {
        let answer = http::get(self.address, "/status").expect("leadloop answers");
        serde_json::from_str(&answer.body).expect("the status is JSON")
    }

    /// A command beside the running node, with JSON as its answer.
    pub(crate) fn command(&self, arguments: &[&str]) -> Json {
        run(&self.folder, arguments)
    }

    /// What the pool says of somebody, by phone.
    pub(crate) fn lead(&self, phone: &str) -> Json {
        self.command(&["lead", "show", phone, "--reveal"])
    }

    /// Waits until the pool says this of somebody.
    pub(crate) fn until_lead(&self, phone: &str, what: &str, holds: impl Fn(&Json) -> bool) -> Json {
        until(
            &format!("{phone}: {what}"),
            || Some(self.lead(phone)).filter(|lead| holds(lead)),
            || self.lead(phone),
        )
    }

    /// Waits until the story of somebody tells this.
    pub(crate) fn until_why(&self, phone: &str, word: &str) -> Json {
        let why = || self.command(&["why", phone, "--reveal"]);
        until(
            &format!("{phone}: the story tells {word}"),
            || Some(why()).filter(|told| told.to_string().contains(word)),
            why,
        )
    }

    /// Waits until leadloop says this of itself.
    pub(crate) fn until_status(&self, what: &str, holds: impl Fn(&Json) -> bool) {
        until(what, || Some(self.status()).filter(|status| holds(status)), || self.status());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            node.kill();
        }
    }
}

/// Waits until something is there; fails with what is there instead.
pub(crate) fn until<T>(what: &str, look: impl Fn() -> Option<T>, instead: impl Fn() -> Json) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not come about; instead: {:#}", instead());
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Json {
    let output = Command::new(env!("CARGO_BIN_EXE_leadloop"))
        .args(arguments)
        .args(["--output", "json", "--config", "leadloop.toml"])
        .current_dir(folder)
        .output()
        .expect("the binary of this workspace starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&said).unwrap_or(Json::Null)
}

fn config(crm: &str) -> String {
    format!(
        r#"
[leadloop]
timezone = "Asia/Shanghai"
language = "en"

[store]
url = "sqlite:data/leadloop.db"

[server]
listen = "127.0.0.1:0"

[[source]]
name = "website"
connector = "web_form"
rate_limit = "60000 per minute per address"
touch = "form_submitted"
require = ["phone or email"]
consent = "given"

[[score]]
name = "interest"
range = [0, 100]
touches = [{{ touch = "form_submitted", points = 30 }}]

[mql]
when = 'score.interest >= 30'

{crm}

[[transfer]]
name = "someone follows this person"
when = 'crm.person.found and crm.person.owner.state == "active"'
do = {{ update = "person" }}

[[transfer]]
name = "everyone else"
when = 'true'
do = {{ create = "lead", assign = {{ team = "east" }} }}

[people]
table = "people.csv"

[[team]]
name = "east"
members = [{{ person = "li.na" }}]
"#
    )
}

/// How many leads the mirror holds.
pub(crate) fn mirrored(status: &Json) -> i64 {
    let rows = status["mirrors"].as_array().cloned().unwrap_or_default();
    rows.iter().filter(|row| row["object"] == "lead").filter_map(|row| row["rows"].as_i64()).sum()
}

/// A number of this test run, so that people of an earlier one are not found.
pub(crate) fn fresh() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
    now.as_secs() % 1_000_000
}
