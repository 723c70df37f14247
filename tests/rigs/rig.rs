//! A CRM that runs for real: started by its script, ended with the test. One test process at a time has it.

use std::fs::File;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use leadloop_testing::http;
use serde_json::Value as Json;

/// A running CRM.
pub(crate) struct Rig {
    name: &'static str,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// The key or password of its administrator.
    pub(crate) key: String,
    /// Its database.
    pub(crate) database: String,
    _turn: File,
}

impl Rig {
    /// Starts it. `None` where it cannot be had here and nothing demands it.
    pub(crate) fn start(name: &'static str) -> Option<Rig> {
        let lock = std::env::temp_dir().join(format!("leadloop-rig-{name}.lock"));
        let turn = File::create(&lock).expect("the folder for temporary files can be written");
        turn.lock().expect("a turn at the rig");
        match script(name, "start") {
            Ok(said) => {
                let part = |key: &str| {
                    let found =
                        said.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
                    found.unwrap_or_else(|| panic!("the rig does not say its {key}: {said}")).to_owned()
                };
                let address = part("url").trim_start_matches("http://").parse().expect("an address");
                Some(Rig { name, address, key: part("key"), database: part("db"), _turn: turn })
            }
            Err(why) if std::env::var("CI").as_deref() == Ok("true") => panic!("{name} does not run: {why}"),
            Err(why) => {
                println!("not run, since {name} cannot be had here: {why}");
                None
            }
        }
    }

    /// Ends the server as a crash would.
    pub(crate) fn halt(&self) {
        script(self.name, "halt").expect("the rig can be halted");
    }

    /// Starts the server again, where it was.
    pub(crate) fn again(&self) {
        script(self.name, "start").expect("the rig starts again");
    }

    /// Posts JSON to it as its people do.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &Json) -> Json {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        let answer = http::send(self.address, "POST", path, &all, body.to_string().as_bytes())
            .expect("the rig answers");
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.body))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = script(self.name, "stop");
    }
}

fn script(name: &str, what: &str) -> Result<String, String> {
    let path = leadloop_testing::root().join("scripts/rigs").join(name);
    let output = Command::new(path)
        .arg(what)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("scripts/rigs/{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(words.lines().rev().take(5).collect::<Vec<_>>().join(" / "))
}
