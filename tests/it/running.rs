//! A running `leadloop run` and the folder it runs in.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

/// A running `leadloop run`.
pub(crate) struct Node {
    /// The process.
    pub(crate) child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it wrote to its log.
    log: Arc<Mutex<Vec<String>>>,
}

/// The last lines of a log that a failed test shows.
const SHOWN: usize = 200;

impl Node {
    /// Starts it in `folder` (which holds `leadloop.toml`) and waits until it says where it listens.
    pub(crate) fn start(folder: &Path, crm_secret: &str) -> Node {
        Node::start_by(Command::new(env!("CARGO_BIN_EXE_leadloop")), folder, crm_secret)
    }

    /// The same, started by a command that ends with the program.
    pub(crate) fn start_by(mut command: Command, folder: &Path, crm_secret: &str) -> Node {
        let mut child = command
            .args(["run", "--config", "leadloop.toml"])
            .current_dir(folder)
            .env("SANDBOX_SECRET", crm_secret)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary of this workspace starts");
        let (said, heard) = mpsc::channel();
        let stderr = child.stderr.take().expect("it is piped");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            let lines = || lines.lock().unwrap_or_else(PoisonError::into_inner);
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some(address) = line.split_once("address=").and_then(|(_, rest)| {
                    rest.split_whitespace().next().and_then(|address| address.parse::<SocketAddr>().ok())
                }) {
                    let _ = said.send(Ok(address));
                }
                lines().push(line);
            }
            let _ = said.send(Err(lines().join("\n")));
        });
        match heard.recv_timeout(Duration::from_secs(60)) {
            Ok(Ok(address)) => Node { child, address, log },
            Ok(Err(log)) => panic!("leadloop ended before it listened:\n{log}"),
            Err(_) => panic!("leadloop did not say where it listens"),
        }
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A test that failed half-way must not leave it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            for line in log.iter().skip(log.len().saturating_sub(SHOWN)) {
                println!("{line}");
            }
        }
    }
}

/// A folder with the config and its tables.
pub(crate) fn folder(config: &str, users: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let dir = leadloop_testing::temp_dir();
    let mut people = "key,name,crm_user\n".to_owned();
    for (key, user) in users {
        people.push_str(&format!("{key},{key},{user}\n"));
    }
    std::fs::write(dir.path().join("people.csv"), people).expect("the folder can be written");
    std::fs::write(dir.path().join("leadloop.toml"), config).expect("the folder can be written");
    let path = dir.path().to_owned();
    (dir, path)
}
