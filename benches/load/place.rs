//! Where a node of this bench stands: its database, its config, its commands, and what it used over time.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use leadloop_testing::Database;
use serde_json::Value;

use crate::bare::until;
use crate::load;
use crate::process::{Process, sessions_cpu};
use crate::say;

/// The database of one scene.
pub struct Place {
    folder: tempfile::TempDir,
    database: Option<Database>,
}

impl Place {
    /// A fresh one, with the config of a node on it.
    pub fn fresh(postgres: bool, crm: SocketAddr) -> Self {
        let database = postgres.then(|| leadloop_testing::fresh_database("load"));
        let place = Self { folder: leadloop_testing::temp_dir(), database };
        let store = place.path().join("store-url");
        let url = match &place.database {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite:{}", place.path().join("load.db").display()),
        };
        let text = include_str!("load.toml")
            .replace("{crm}", &crm.to_string())
            .replace("{store}", &store.display().to_string());
        let write = |name: &str, text: &str| {
            std::fs::write(place.path().join(name), text).expect("the folder can be written");
        };
        write("store-url", &url); // it may hold a password, so it comes by reference
        write("leadloop.toml", &text);
        write("people.csv", "key,name,crm_user\nli.na,li.na,U1001\nwang.wei,wang.wei,U1002\n");
        place
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the node.
    pub fn node(&self) -> Process {
        Process::node(self.path())
    }

    /// CPU of the node and of its sessions at the database server.
    pub fn cpu(&self, node: &Process) -> (Duration, Duration) {
        (node.cpu(), sessions_cpu(self.database.as_ref()))
    }

    /// A command of users on it, not yet ended.
    pub fn command(&self, words: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_leadloop"))
            .args(words)
            .current_dir(self.path())
            .env("WEBHOOK_SECRET", load::SECRET)
            .env("SANDBOX_SECRET", "sandbox-secret")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts")
    }

    /// A command to its end: what it said.
    pub fn told(&self, words: &[&str]) -> Value {
        told(self.command(words))
    }

    /// The reading of an object, as the command tells it.
    fn reading(&self, object: &str) -> Value {
        let told = self.told(&["crm", "load", "--output", "json"]);
        let found = told["objects"].as_array().into_iter().flatten().find(|one| one["object"] == object);
        found.cloned().unwrap_or_default()
    }

    /// Waits until all of the CRM was read; what the command tells of its leads then.
    pub fn all_read(&self) -> Value {
        until("the end of the reading", Duration::from_millis(300), || {
            self.told(&["crm", "load", "--output", "json"])["done"] == true
        });
        self.reading("lead")
    }
}

/// What a command said when it ended.
pub fn told(command: Child) -> Value {
    let done = command.wait_with_output().expect("it can be waited for");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("it says JSON")
}

/// Time, CPU and memory while something runs.
pub struct Course {
    begun: Instant,
    cpu: (Duration, Duration),
    memory: Vec<f64>,
}

impl Course {
    /// Begins now.
    pub fn begin(place: &Place, node: &Process) -> Self {
        Self { begun: Instant::now(), cpu: place.cpu(node), memory: vec![node.memory().0] }
    }

    /// One look more.
    pub fn look(&mut self, node: &Process) {
        self.memory.push(node.memory().0);
    }

    /// Prints what `records` took until now.
    pub fn end(self, place: &Place, node: &Process, records: usize, limit: f64) -> f64 {
        let took = self.begun.elapsed();
        let (own, server) = place.cpu(node);
        let each = |before: Duration, after: Duration| {
            after.saturating_sub(before).as_secs_f64() * 1e6 / records.max(1) as f64
        };
        let rate = records as f64 / took.as_secs_f64();
        say(
            "records a second",
            &format!("{rate:.0} in {:.1} s; {:.2} of the bare client", took.as_secs_f64(), rate / limit),
        );
        let database = if server.is_zero() {
            String::new()
        } else {
            format!(" + {:.0} µs in the server", each(self.cpu.1, server))
        };
        say("CPU of one", &format!("{:.0} µs{database}", each(self.cpu.0, own)));
        let at = |tenth: usize| {
            let place = (self.memory.len().saturating_sub(1)) * tenth / 10;
            self.memory.get(place).copied().unwrap_or_default()
        };
        let course: Vec<String> = (0..=10).map(|tenth| format!("{:.0}", at(tenth))).collect();
        let most = self.memory.iter().copied().fold(0.0, f64::max);
        say("memory by tenths of it", &format!("{} MiB; most {most:.0}", course.join(" ")));
        rate
    }
}

/// Half and 99 of 100 of these are shorter.
pub fn quantiles(waits: &[Duration]) -> String {
    let at = |permille| load::quantile(waits, permille).as_secs_f64() * 1e3;
    format!("p50 {:.0} ms, p99 {:.0} ms of {}", at(500), at(990), waits.len())
}
