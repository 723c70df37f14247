//! A MariaDB for tests of what speaks to databases of others, and one empty database for each test that asks.
//!
//! `scripts/mariadb` is the only place that knows how such a server is made and how statements get there; this module calls
//! it.

use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::folders::root;

/// The server of this process. `holder` keeps the script's standard input open: the system closes it when this process
/// ends, in whichever way, and the script then stops the server and deletes its files.
struct Server {
    url: String,
    _holder: Option<Child>,
}

/// The URL of a MariaDB whose account may do everything: the one of `LEADLOOP_TEST_MARIADB`, else that of a private server
/// started for this process at the first call and stopped when the process ends.
///
/// # Panics
/// Where no MariaDB programs are installed or the server does not start; the reason is on standard error.
fn mariadb_url() -> &'static str {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = SERVER.get_or_init(|| match std::env::var("LEADLOOP_TEST_MARIADB") {
        Ok(url) if !url.is_empty() => Server { url, _holder: None },
        _ => start(),
    });
    &server.url
}

fn start() -> Server {
    let mut holder = Command::new(script())
        .arg("hold")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0) // Ctrl-C is meant for the tests; the script ends after them, not with them
        .spawn()
        .expect("scripts/mariadb can be run");
    let stdout = holder.stdout.take().expect("standard output was piped");
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).expect("the script's words are UTF-8");
    let url = line.trim().to_owned();
    if url.is_empty() {
        panic!("no MariaDB for this test: set LEADLOOP_TEST_MARIADB or install the programs (see above)");
    }
    Server { url, _holder: Some(holder) }
}

fn script() -> PathBuf {
    root().join("scripts/mariadb")
}

/// An empty database of one test alone, deleted when the value is dropped.
#[derive(Debug)]
pub struct MariaDb {
    name: String,
    url: String,
}

impl MariaDb {
    /// Where to connect: `mysql://…/name`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements in this database and returns what they print: rows of values separated by tabs.
    ///
    /// # Panics
    /// Where a statement fails.
    pub fn sql(&self, statements: &str) -> String {
        sql(&self.url, statements).unwrap_or_else(|reason| panic!("mariadb: {reason}"))
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        // A failure costs nothing: the server ends anyway.
        let _ = sql(mariadb_url(), &format!("DROP DATABASE IF EXISTS {}", self.name));
    }
}

/// Makes an empty database; `hint` becomes part of its name.
///
/// # Panics
/// Where MariaDB cannot be had or refuses.
pub fn fresh_mariadb(hint: &str) -> MariaDb {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let born =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() % 1_000_000_000_000);
    let name = format!("ll_{hint}_{}_{born}_{count}", std::process::id());
    if let Err(reason) = sql(mariadb_url(), &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")) {
        panic!("database {name} cannot be made: {reason}");
    }
    let (server, _) = mariadb_url().rsplit_once('/').expect("the URL names a database");
    MariaDb { url: format!("{server}/{name}"), name }
}

fn sql(url: &str, statements: &str) -> Result<String, String> {
    let mut child = Command::new(script())
        .args(["sql", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().ok_or("standard input was piped")?;
    stdin.write_all(statements.as_bytes()).map_err(|error| error.to_string())?;
    drop(stdin);
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
