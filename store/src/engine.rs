//! The two engines behind one store: how they are opened, and a transaction over either.
//!
//! SQLite: WAL, one writer connection behind [`Lanes`] whose commits [`Flush`] brings to the disk, several readers,
//! checkpoints on a connection of their own. PostgreSQL: one pool, READ COMMITTED.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr as _, SqlStr, Sqlite, Transaction};

use crate::cell::{Arg, Cell, RawRow, Row, cells_for_postgres, cells_for_sqlite, for_postgres, for_sqlite};
use crate::error::{StoreError, code, of_driver};
use crate::flush::Flush;
use crate::lanes::{Lanes, Turn, WriteLane};
use crate::seal::Vault;
use crate::statement::Statement;
use crate::steps::{Go, Steps, turn};
use crate::text::{Engine, SQLITE_CLOCK};

type Result<T> = std::result::Result<T, StoreError>;

/// All statements of the product fit, so that each is prepared once per connection.
const STATEMENTS_CACHED: usize = 256;
/// Rows that the thread of a connection reads ahead: those of a batch, so that it does not stop for whoever takes them.
const ROWS_BUFFERED: usize = 1_024;
/// The oldest SQLite whose WAL is known to be sound.
const SQLITE_AT_LEAST: (u32, u32, u32) = (3, 51, 3);
/// The oldest PostgreSQL that is tested.
const POSTGRES_AT_LEAST: i64 = 140_000;

/// The open engine.
#[derive(Clone, Debug)]
pub(crate) struct Pools {
    pub(crate) lines: Lines,
    /// Absent where personal data stands in clear.
    pub(crate) vault: Option<Arc<Vault>>,
    /// Absent where nobody simulates.
    pub(crate) steps: Option<Arc<dyn Steps>>,
}

/// The connections to an engine.
#[derive(Clone, Debug)]
pub(crate) enum Lines {
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
        lanes: Lanes,
        options: Box<SqliteConnectOptions>,
        /// Absent where nothing has to last.
        flush: Option<Flush>,
    },
    /// Short statements by key go over `work`, whose plans are fixed; what people ask over `reads`.
    Postgres { work: PgPool, reads: PgPool },
}

/// What every connection to an SQLite file has.
fn sqlite_connection(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .foreign_keys(false)
        .busy_timeout(Duration::from_secs(5))
        .statement_cache_capacity(STATEMENTS_CACHED)
        .row_buffer_size(ROWS_BUFFERED)
        .pragma("temp_store", "MEMORY")
        .thread_name(|number| format!("store-{number}"))
}

/// The options of a connection that may write.
pub(crate) fn sqlite_writer(file: &Path, durable: bool) -> SqliteConnectOptions {
    sqlite_connection(file)
        .create_if_missing(true)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(if durable { SqliteSynchronous::Full } else { SqliteSynchronous::Off })
        .pragma("wal_autocheckpoint", "0") // checkpoints run on their own connection
        .pragma("cache_size", "-24576") // 24 MiB; the system keeps more of the file
}

/// Opens an SQLite file: `durable` writes survive a power cut; `own` may create and change it.
pub(crate) async fn open_sqlite(file: PathBuf, durable: bool, own: bool, readers: u32) -> Result<Pools> {
    let options = sqlite_writer(&file, durable);
    let reader = sqlite_connection(&file).read_only(true);
    let failed = |error: &sqlx::Error| match of_driver("open", error) {
        StoreError::Unavailable { code, detail } => {
            StoreError::Unavailable { code, detail: format!("{}: {detail}", file.display()) }
        }
        other => other,
    };
    // Where the disk refuses, SQLite undoes a transaction by itself, and the driver still counts it: such a connection
    // begins no other one, so it is replaced.
    let pool = SqlitePoolOptions::new()
        .test_before_acquire(false)
        .before_acquire(|line, _| Box::pin(async move { Ok(!line.is_in_transaction()) }))
        .idle_timeout(None)
        .max_lifetime(None);
    let one = pool.clone().max_connections(1);
    let many = pool.max_connections(readers.max(1));
    // Who only reads gets a writer that cannot write; who owns the file opens readers when there is something to read.
    let (writer, readers) = if own {
        // What has to last is flushed by `Flush`, after the writer was passed on.
        let when = if durable { SqliteSynchronous::Normal } else { SqliteSynchronous::Off };
        let writer =
            one.connect_with(options.clone().synchronous(when)).await.map_err(|error| failed(&error))?;
        (writer, many.connect_lazy_with(reader))
    } else {
        let readers = many.connect_with(reader.clone()).await.map_err(|error| failed(&error))?;
        (one.connect_lazy_with(reader), readers)
    };
    let flush = match durable && own {
        true => Some(Flush::of(&file).map_err(|error| {
            StoreError::unavailable(code::UNAVAILABLE, format!("no thread can be started: {error}"))
        })?),
        false => None,
    };
    let lines = Lines::Sqlite { writer, readers, lanes: Lanes::default(), options: Box::new(options), flush };
    Ok(Pools { lines, vault: None, steps: None })
}

/// Settings of every connection to PostgreSQL: a lock that long is a fault, not a wait; plans are not worth compiling.
const POSTGRES_ALWAYS: [(&str, &str); 3] =
    [("jit", "off"), ("lock_timeout", "20s"), ("idle_in_transaction_session_timeout", "60s")];
/// Settings for statements that go by keys. Going by the index is right for all of them, however small a table looks
/// that has no statistics yet; and a plan made while it was small must not live on when it has grown, so each run is
/// planned anew (some 0.1 ms).
const POSTGRES_BY_KEY: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_custom_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// Connects to PostgreSQL.
pub(crate) async fn open_postgres(url: &str, own: bool, connections: u32) -> Result<Pools> {
    let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| {
        StoreError::unavailable(code::URL, format!("store.url is not a PostgreSQL URL: {error}"))
    })?;
    let options = options
        .application_name("leadloop")
        .statement_cache_capacity(STATEMENTS_CACHED)
        .options(POSTGRES_ALWAYS);
    let options = if own { options } else { options.options([("default_transaction_read_only", "on")]) };
    let pool = PgPoolOptions::new().acquire_timeout(Duration::from_secs(10)).test_before_acquire(false);
    let half = connections.div_ceil(2).max(2);
    let work = pool
        .clone()
        .max_connections(half)
        .connect_with(options.clone().options(POSTGRES_BY_KEY))
        .await
        .map_err(|error| of_driver("connect", &error))?;
    let reads = pool.max_connections(half).connect_lazy_with(options);
    Ok(Pools { lines: Lines::Postgres { work, reads }, vault: None, steps: None })
}

/// Refuses an engine that is too old.
pub(crate) async fn check_version(pools: &Pools) -> Result<()> {
    let too_old = |have: String, need: String| {
        Err(StoreError::unavailable(
            code::TOO_OLD,
            format!("the engine is {have}; leadloop needs {need} or newer"),
        ))
    };
    match &pools.lines {
        Lines::Sqlite { writer, .. } => {
            let (version,): (String,) = sqlx::query_as("SELECT sqlite_version()")
                .fetch_one(writer)
                .await
                .map_err(|error| of_driver("version", &error))?;
            let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
            let mut next = || parts.next().unwrap_or(0);
            let have = (next(), next(), next());
            if have < SQLITE_AT_LEAST {
                let (major, minor, patch) = SQLITE_AT_LEAST;
                return too_old(format!("SQLite {version}"), format!("{major}.{minor}.{patch}"));
            }
        }
        Lines::Postgres { work, .. } => {
            let (number, version): (i64, String) = sqlx::query_as(
                "SELECT current_setting('server_version_num')::bigint, current_setting('server_version')",
            )
            .fetch_one(work)
            .await
            .map_err(|error| of_driver("version", &error))?;
            if number < POSTGRES_AT_LEAST {
                return too_old(format!("PostgreSQL {version}"), "14".into());
            }
        }
    }
    Ok(())
}

impl Pools {
    pub(crate) const fn engine(&self) -> Engine {
        match &self.lines {
            Lines::Sqlite { .. } => Engine::Sqlite,
            Lines::Postgres { .. } => Engine::Postgres,
        }
    }

    /// Begins a write transaction; SQLite waits for its turn at the writer.
    pub(crate) async fn write(&self, lane: WriteLane) -> Result<Work> {
        match &self.lines {
            Lines::Sqlite { writer, lanes, flush, .. } => {
                drop(self.turn("write").await?); // whoever waits for the writer keeps nobody else from anything
                let turn = lanes.enter(lane).await;
                let _go = self.turn("begin").await?;
                let tx =
                    writer.begin_with("BEGIN IMMEDIATE").await.map_err(|error| of_driver("begin", &error))?;
                Ok(self.work(Line::Sqlite { tx, turn: Some(turn), flush: flush.clone() }))
            }
            Lines::Postgres { work, .. } => {
                let tx = work.begin().await.map_err(|error| of_driver("begin", &error))?;
                Ok(self.work(Line::Postgres(tx)))
            }
        }
    }

    /// Begins a read: all its statements see the same state.
    pub(crate) async fn read(&self) -> Result<Work> {
        match &self.lines {
            Lines::Sqlite { readers, .. } => {
                let _go = self.turn("look").await?;
                let tx = readers.begin().await.map_err(|error| of_driver("begin", &error))?;
                Ok(self.work(Line::Sqlite { tx, turn: None, flush: None }))
            }
            Lines::Postgres { reads, .. } => {
                let tx = reads
                    .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await
                    .map_err(|error| of_driver("begin", &error))?;
                Ok(self.work(Line::Postgres(tx)))
            }
        }
    }

    fn work(&self, line: Line) -> Work {
        Work { line, vault: self.vault.clone(), steps: self.steps.clone() }
    }

    async fn turn(&self, statement: &'static str) -> Result<Go> {
        turn(self.steps.as_ref(), statement).await
    }

    pub(crate) async fn close(&self) {
        match &self.lines {
            Lines::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await; // last: it leaves no WAL behind
            }
            Lines::Postgres { work, reads } => {
                reads.close().await;
                work.close().await;
            }
        }
    }
}

/// A transaction over either engine. Dropping it undoes it.
#[derive(Debug)]
pub(crate) struct Work {
    line: Line,
    vault: Option<Arc<Vault>>,
    steps: Option<Arc<dyn Steps>>,
}

#[derive(Debug)]
enum Line {
    Sqlite { tx: Transaction<'static, Sqlite>, turn: Option<Turn>, flush: Option<Flush> },
    Postgres(Transaction<'static, Postgres>),
}

/// What is committed, and perhaps not on the disk yet (PostgreSQL brings it there before it says so).
#[derive(Debug)]
#[must_use]
pub(crate) struct Unflushed {
    flush: Option<Flush>,
    /// The turn of the commit lasts until it is on the disk.
    _go: Go,
}

impl Unflushed {
    /// Returns when it is on the disk.
    pub(crate) async fn on_disk(self) -> Result<()> {
        match self.flush {
            Some(flush) => flush.now().await,
            None => Ok(()),
        }
    }
}

/// See [`Work::part`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Begin,
    Undo,
    End,
}

impl Work {
    /// A transaction without a vault, for what holds no personal data.
    pub(crate) const fn bare(tx: Transaction<'static, Postgres>) -> Self {
        Self { line: Line::Postgres(tx), vault: None, steps: None }
    }

    /// What seals and opens, where something does.
    pub(crate) fn vault(&self) -> Option<&Vault> {
        self.vault.as_deref()
    }

    pub(crate) const fn engine(&self) -> Engine {
        match &self.line {
            Line::Sqlite { .. } => Engine::Sqlite,
            Line::Postgres(_) => Engine::Postgres,
        }
    }

    /// The words of a statement; where somebody simulates, with the time of the simulation.
    fn words(&self, statement: &'static Statement) -> SqlStr {
        let sql = statement.text(self.engine()).sql.as_str();
        match &self.steps {
            Some(steps) if sql.contains(SQLITE_CLOCK) => {
                AssertSqlSafe(sql.replace(SQLITE_CLOCK, &steps.clock().0.to_string())).into_sql_str()
            }
            _ => sql.into_sql_str(),
        }
    }

    /// Runs a statement; returns how many rows it changed.
    pub(crate) async fn run(&mut self, statement: &'static Statement, args: Vec<Arg>) -> Result<u64> {
        let _go = turn(self.steps.as_ref(), statement.name).await?;
        let sql = self.words(statement);
        let vault = self.vault.as_ref();
        let done = match &mut self.line {
            Line::Sqlite { tx, .. } => {
                let bound = for_sqlite(statement, args, vault.map(Arc::as_ref))?;
                sqlx::query_with(sql, bound).execute(&mut **tx).await.map(|done| done.rows_affected())
            }
            Line::Postgres(tx) => {
                let bound = for_postgres(statement, args, vault.map(Arc::as_ref))?;
                sqlx::query_with(sql, bound).execute(&mut **tx).await.map(|done| done.rows_affected())
            }
        };
        done.map_err(|error| of_driver(statement.name, &error))
    }

    /// Runs a statement; returns its rows.
    pub(crate) async fn rows(&mut self, statement: &'static Statement, args: Vec<Arg>) -> Result<Vec<Row>> {
        let _go = turn(self.steps.as_ref(), statement.name).await?;
        let sql = self.words(statement);
        let vault = self.vault.as_ref();
        let rows = match &mut self.line {
            Line::Sqlite { tx, .. } => {
                let bound = for_sqlite(statement, args, vault.map(Arc::as_ref))?;
                let rows = sqlx::query_with(sql, bound).fetch_all(&mut **tx).await;
                rows.map(|rows| rows.into_iter().map(|row| Row::new(RawRow::Sqlite(row), vault)).collect())
            }
            Line::Postgres(tx) => {
                let bound = for_postgres(statement, args, vault.map(Arc::as_ref))?;
                let rows = sqlx::query_with(sql, bound).fetch_all(&mut **tx).await;
                rows.map(|rows| rows.into_iter().map(|row| Row::new(RawRow::Postgres(row), vault)).collect())
            }
        };
        rows.map_err(|error| of_driver(statement.name, &error))
    }

    /// Runs a query that [`crate::filter`] put together; returns its rows.
    pub(crate) async fn found(&mut self, sql: String, cells: Vec<Cell>) -> Result<Vec<Row>> {
        let _go = turn(self.steps.as_ref(), "filter").await?;
        // Every text is made of the program's own words; what a person wrote is bound.
        let sql = AssertSqlSafe(sql);
        let vault = self.vault.as_ref();
        let rows = match &mut self.line {
            Line::Sqlite { tx, .. } => {
                let bound = cells_for_sqlite(cells)?;
                let rows = sqlx::query_with(sql, bound).persistent(false).fetch_all(&mut **tx).await;
                rows.map(|rows| rows.into_iter().map(|row| Row::new(RawRow::Sqlite(row), vault)).collect())
            }
            Line::Postgres(tx) => {
                let bound = cells_for_postgres(cells)?;
                let rows = sqlx::query_with(sql, bound).persistent(false).fetch_all(&mut **tx).await;
                rows.map(|rows| rows.into_iter().map(|row| Row::new(RawRow::Postgres(row), vault)).collect())
            }
        };
        rows.map_err(|error| of_driver("filter", &error))
    }

    /// Begins, undoes or ends a part that can be undone alone; there is one at a time.
    pub(crate) async fn part(&mut self, step: Part) -> Result<()> {
        let _go = turn(self.steps.as_ref(), "part").await?;
        let sql = match step {
            Part::Begin => "SAVEPOINT part",
            Part::Undo => "ROLLBACK TO SAVEPOINT part",
            Part::End => "RELEASE SAVEPOINT part",
        };
        let done = match &mut self.line {
            Line::Sqlite { tx, .. } => sqlx::query(sql).execute(&mut **tx).await.map(drop),
            Line::Postgres(tx) => sqlx::query(sql).execute(&mut **tx).await.map(drop),
        };
        done.map_err(|error| of_driver("part", &error))
    }

    /// Makes everything durable: it is on the disk when this returns.
    pub(crate) async fn commit(self) -> Result<()> {
        self.commit_first().await?.on_disk().await
    }

    /// Commits: others see it when this returns, and may build on it, since what they commit reaches the disk after it.
    /// Whoever speaks of it to the outside waits for [`Unflushed::on_disk`] before.
    pub(crate) async fn commit_first(self) -> Result<Unflushed> {
        let go = turn(self.steps.as_ref(), "commit").await?;
        let (done, flush) = match self.line {
            // The turn ends with the commit: the next may write while this one is flushed.
            Line::Sqlite { tx, turn: _turn, flush } => (tx.commit().await, flush),
            Line::Postgres(tx) => (tx.commit().await, None),
        };
        done.map_err(|error| of_driver("commit", &error))?;
        Ok(Unflushed { flush, _go: go })
    }

    /// Commits without waiting for the disk: lost in a power cut within the next moments, and only together with what
    /// was committed after it. For what is done again then, and is not spoken of before something durable followed it.
    pub(crate) async fn commit_soon(mut self) -> Result<()> {
        if let Line::Postgres(tx) = &mut self.line {
            let lazily = sqlx::query("SET LOCAL synchronous_commit = off").execute(&mut **tx).await;
            lazily.map_err(|error| of_driver("commit", &error))?;
        }
        if let Some(flush) = self.commit_first().await?.flush {
            flush.soon();
        }
        Ok(())
    }

    /// Undoes everything.
    pub(crate) async fn undo(self) -> Result<()> {
        let _go = turn(self.steps.as_ref(), "undo").await?;
        let done = match self.line {
            Line::Sqlite { tx, turn: _turn, .. } => tx.rollback().await,
            Line::Postgres(tx) => tx.rollback().await,
        };
        done.map_err(|error| of_driver("rollback", &error))
    }
}
