//! A PostgreSQL for tests, and one empty database for each test that asks.
//!
//! `scripts/postgres` is the only place that knows how a cluster is made; this module calls it. Databases are made
//! with `psql`, because only the store may use the driver. One takes about 40 ms, so no template is kept.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::folders::root;

/// The cluster of this process. `holder` keeps the script's standard input open: the system closes it when this
/// process ends, in whichever way, and the script then stops the cluster and deletes its files.
struct Cluster {
    url: String,
    _holder: Option<Child>,
}

/// The URL of a PostgreSQL whose account may create databases: the one of `LEADLOOP_TEST_POSTGRES`, else that of a
/// private cluster started for this process at the first call and stopped when the process ends.
///
/// # Panics
/// Where no PostgreSQL programs are installed or the cluster does not start; the reason is on standard error.
pub fn postgres_url() -> &'static str {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    let cluster = CLUSTER.get_or_init(|| match std::env::var("LEADLOOP_TEST_POSTGRES") {
        Ok(url) if !url.is_empty() => Cluster { url, _holder: None },
        _ => start(),
    });
    &cluster.url
}

fn start() -> Cluster {
    let mut holder = Command::new(script())
        .arg("hold")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0) // Ctrl-C is meant for the tests; the script ends after them, not with them
        .spawn()
        .expect("scripts/postgres can be run");
    let stdout = holder.stdout.take().expect("standard output was piped");
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).expect("the script's words are UTF-8");
    let url = line.trim().to_owned();
    if url.is_empty() {
        panic!("no PostgreSQL for this test: set LEADLOOP_TEST_POSTGRES or install the programs (see above)");
    }
    Cluster { url, _holder: Some(holder) }
}

fn script() -> PathBuf {
    root().join("scripts/postgres")
}

/// An empty database of one test alone, deleted when the value is dropped.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
}

impl Database {
    /// Where to connect: `postgres://…/name`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database's name, which no other test has.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements in this database with `psql` and returns what it prints: rows of values separated by `|`.
    ///
    /// # Panics
    /// Where a statement fails.
    pub fn psql(&self, statements: &str) -> String {
        psql(&self.url, statements).unwrap_or_else(|reason| panic!("psql: {reason}"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Open connections of the test do not keep it alive. A failure costs nothing: the cluster ends anyway.
        let _ = psql(postgres_url(), &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// Makes an empty database; `hint` becomes part of its name, so that a log or `pg_stat_activity` tells whose it is.
///
/// # Panics
/// Where PostgreSQL cannot be had ([`postgres_url`]) or refuses.
pub fn fresh_database(hint: &str) -> Database {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let hint: String = hint.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(24).collect();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // A server that lives longer than this process may hold a database of an earlier process with the same id.
    let born =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() % 1_000_000_000_000);
    let name = format!("ll_{}_{}_{born}_{count}", hint.to_ascii_lowercase(), std::process::id());
    let url = with_database(postgres_url(), &name);
    if let Err(reason) = psql(postgres_url(), &format!("CREATE DATABASE {name}")) {
        panic!("database {name} cannot be made: {reason}");
    }
    Database { name, url }
}

/// `url` with another database; what follows a `?` stays.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let authority = base.find("://").map_or(0, |at| at + 3);
    let path = base.get(authority..).and_then(|rest| rest.find('/')).map_or(base.len(), |at| authority + at);
    let base = base.get(..path).unwrap_or(base);
    query.map_or_else(|| format!("{base}/{name}"), |query| format!("{base}/{name}?{query}"))
}

fn psql(url: &str, statements: &str) -> Result<String, String> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let found = Command::new(script()).arg("bin").stderr(Stdio::null()).output();
        let folder = found.ok().filter(|output| output.status.success());
        let folder = folder.and_then(|output| String::from_utf8(output.stdout).ok());
        folder.map_or_else(|| PathBuf::from("psql"), |folder| PathBuf::from(folder.trim()).join("psql"))
    });
    let output = Command::new(program)
        .args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            "--dbname",
            url,
        ])
        .args(["--command", statements])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_test_has_its_own_empty_database_until_it_ends() {
        let one = fresh_database("Support-One");
        let two = fresh_database("support-one");
        one.psql("CREATE TABLE lead (phone text); INSERT INTO lead VALUES ('+8613900000000')");
        assert_eq!(one.psql("SELECT phone FROM lead"), "+8613900000000");
        assert_eq!(two.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");

        let name = one.name().to_owned();
        drop(one);
        let left = two.psql(&format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'"));
        assert_eq!(left, "0", "{name} outlived its test");
    }

    #[test]
    fn a_database_takes_the_place_of_another_in_the_url() {
        let cases = [
            ("postgres://a:b@127.0.0.1:1/postgres", "postgres://a:b@127.0.0.1:1/x"),
            ("postgres://a@host", "postgres://a@host/x"),
            ("postgres://a@host/y?sslmode=disable", "postgres://a@host/x?sslmode=disable"),
        ];
        for (url, expected) in cases {
            assert_eq!(with_database(url, "x"), expected);
        }
    }
}
