//! The processes that are measured: the node as users run it, and the reference. Their CPU time and memory are read from
//! the system, so what the sender and the sink use does not count.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use leadloop_testing::Database;

use crate::load;

/// Ticks of CPU time a second, on every Linux.
const TICKS: u64 = 100;

/// A measured process.
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start until it said so.
    pub started_in: Duration,
}

impl Process {
    /// The node: `leadloop run` in `folder`; `LEADLOOP_BENCH_NODE` names another program to measure, such as an older one.
    pub fn node(folder: &Path) -> Self {
        let own = std::ffi::OsString::from(env!("CARGO_BIN_EXE_leadloop"));
        let mut command = Command::new(std::env::var_os("LEADLOOP_BENCH_NODE").unwrap_or(own));
        command.args(["run", "--config", "leadloop.toml"]).current_dir(folder);
        Self::start(command)
    }

    /// This program in another part: `--reference URL [SINK]` or `--ingest-only FOLDER`.
    pub fn part(words: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program has a file"));
        command.args(words);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let begun = Instant::now();
        let mut child = command
            .env("SANDBOX_SECRET", "sandbox-secret")
            .env("WEBHOOK_SECRET", load::SECRET)
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stderr = child.stderr.take().expect("it is piped");
        let (said, heard) = mpsc::channel();
        std::thread::spawn(move || {
            let mut log = Vec::new();
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let address =
                    line.split_once("address=").and_then(|(_, rest)| rest.split_whitespace().next());
                if let Some(address) = address.and_then(|text| text.parse::<SocketAddr>().ok()) {
                    let _ = said.send(Ok((address, begun.elapsed())));
                }
                if log.len() < 100 {
                    log.push(line);
                }
            }
            let _ = said.send(Err(log.join("\n")));
        });
        match heard.recv_timeout(Duration::from_secs(120)) {
            Ok(Ok((address, started_in))) => Self { child, address, started_in },
            Ok(Err(log)) => panic!("it ended before it listened:\n{log}"),
            Err(_) => panic!("it did not say where it listens"),
        }
    }

    /// CPU time it used so far.
    pub fn cpu(&self) -> Duration {
        cpu_of(self.child.id())
    }

    /// Memory it holds now, and the most it ever held; in MiB.
    pub fn memory(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default()
                / 1_024.0
        };
        (of("VmRSS:"), of("VmHWM:"))
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// CPU time of a process, with that of its threads that ended.
pub fn cpu_of(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the program may hold blanks; it ends with the last bracket.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 1_000 / TICKS)
}

/// CPU time of this thread.
pub fn thread_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// CPU time of all sessions of a PostgreSQL database that are open now; none where the server runs elsewhere.
pub fn sessions_cpu(database: Option<&Database>) -> Duration {
    let Some(database) = database else { return Duration::ZERO };
    let pids = database.psql(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    pids.lines().filter_map(|line| line.trim().parse().ok()).map(cpu_of).sum()
}
