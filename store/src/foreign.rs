//! Databases of others: carries out one statement of a connector over a connection of its own. Beside the road: what is
//! asked there and what an answer means is the connector's to say; when and how often, the server's.
//!
//! PostgreSQL, MySQL and MariaDB, SQLite. A statement that only reads runs in a transaction that cannot write; every one has an
//! end by time, and its answer one by size. What the database says against it comes back under a status as HTTP would have
//! it, so that connectors read it like any other answer.

mod refusal;
mod rows;

use std::time::Duration;

use serde_json::{Value as Json, json};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection, MySqlConnection, PgConnection, SqliteConnection, raw_sql,
};

use refusal::{Refusal, of_driver};
use rows::Rows;

/// Waiting for a lock of others takes at most this long.
const LOCKED_FOR: Duration = Duration::from_secs(5);
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;
/// What the statement's own end leaves to getting there and back.
const ON_THE_WAY: Duration = Duration::from_secs(1);

/// A statement for a database of others.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Where it is: `postgres://`, `mysql://`, `sqlite:`. Holds a password: it is never repeated.
    pub url: &'a str,
    /// The statement.
    pub text: &'a str,
    /// Values for its places: texts, whole numbers, yes or no, nothing.
    pub values: &'a [Json],
    /// Whether it writes; then it brings no rows.
    pub writes: bool,
    /// About so many bytes of rows are read; one row is read however long it is.
    pub most_bytes: usize,
}

/// What the database said.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// 200, else what HTTP would answer to the like of it: 401 and 403 credentials and rights, 404 no such database or table, 408
    /// too slow, 409 a unique value is taken, 422 the statement or its content, 423 locked, 429 and 503 no room for us.
    pub status: u16,
    /// `{"columns": […], "rows": [[…]], "cut": …, "changed": …}`, else `{"error": {"code": …, "message": …}}`. A cell is a text, a
    /// number, a yes or no, `null`, or an object that says why it is none of these.
    pub body: Json,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct NoAnswer {
    /// Whether the statement may have been carried out.
    pub sent: bool,
    /// What was seen, without secrets.
    pub detail: String,
}

/// Carries out a statement within `timeout`.
///
/// # Errors
/// Where nobody answers, or the connection breaks.
pub async fn carry_out(ask: &Ask<'_>, timeout: Duration) -> Result<Said, NoAnswer> {
    let talk = async {
        let scheme = ask.url.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            "postgres" | "postgresql" => postgres(ask, timeout).await,
            "mysql" | "mariadb" => mysql(ask, timeout).await,
            "sqlite" => sqlite(ask, timeout).await,
            _ => Err(Refusal::url()),
        }
    };
    // Dropping the connection ends whatever still runs there.
    let done = tokio::time::timeout(timeout, talk).await;
    let late = || NoAnswer { sent: ask.writes, detail: "the database did not answer in time".to_owned() };
    match done.map_err(|_| late())? {
        Ok(body) => Ok(Said { status: 200, body }),
        Err(Refusal::Said { status, code, message }) => {
            let error = json!({ "code": code, "message": message });
            Ok(Said { status, body: json!({ "error": error }) })
        }
        Err(Refusal::Broken { begun, detail }) => Err(NoAnswer { sent: begun && ask.writes, detail }),
    }
}

/// The statement's own end: before ours, so that the database says itself that it was too slow.
fn within(timeout: Duration) -> Duration {
    timeout.saturating_sub(ON_THE_WAY).max(Duration::from_millis(100))
}

async fn postgres(ask: &Ask<'_>, timeout: Duration) -> Result<Json, Refusal> {
    let options: PgConnectOptions = ask.url.parse().map_err(|_| Refusal::url())?;
    let options = options.application_name("leadloop").disable_statement_logging();
    let mut line = PgConnection::connect_with(&options).await.map_err(|error| of_driver(&error, false))?;
    let begin = format!(
        "BEGIN {}; SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}",
        if ask.writes { "READ WRITE" } else { "READ ONLY" },
        within(timeout).as_millis(),
        LOCKED_FOR.as_millis(),
    );
    command(&mut line, begin).await?;
    let rows = Rows::of_postgres(&mut line, ask).await?;
    end(line, rows).await
}

async fn mysql(ask: &Ask<'_>, timeout: Duration) -> Result<Json, Refusal> {
    let options: MySqlConnectOptions = ask.url.parse().map_err(|_| Refusal::url())?;
    let options = options.disable_statement_logging();
    let mut line = MySqlConnection::connect_with(&options).await.map_err(|error| of_driver(&error, false))?;
    // MariaDB and MySQL have the statement's end under different names; each leaves the other's out. Without the strict mode
    // a text that is too long would be cut without a word.
    let longest = within(timeout);
    let set = format!(
        "SET SESSION innodb_lock_wait_timeout = {}, SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES') \
         /*M!100100 , SESSION max_statement_time = {} */ /*!50708 , SESSION max_execution_time = {} */",
        LOCKED_FOR.as_secs(),
        longest.as_secs_f64(),
        longest.as_millis(),
    );
    command(&mut line, set).await?;
    let begin = if ask.writes { "START TRANSACTION READ WRITE" } else { "START TRANSACTION READ ONLY" };
    command(&mut line, begin.to_owned()).await?;
    let rows = Rows::of_mysql(&mut line, ask).await?;
    end(line, rows).await
}

async fn sqlite(ask: &Ask<'_>, timeout: Duration) -> Result<Json, Refusal> {
    let options: SqliteConnectOptions = ask.url.parse().map_err(|_| Refusal::url())?;
    let options = options
        .read_only(!ask.writes)
        .create_if_missing(false)
        .busy_timeout(LOCKED_FOR)
        .thread_name(|number| format!("foreign-{number}"))
        .disable_statement_logging();
    let mut line =
        SqliteConnection::connect_with(&options).await.map_err(|error| of_driver(&error, false))?;
    let until = std::time::Instant::now() + within(timeout);
    let mut handle = line.lock_handle().await.map_err(|error| of_driver(&error, false))?;
    handle.set_progress_handler(STEPS, move || std::time::Instant::now() < until);
    drop(handle);
    let begin = if ask.writes { "BEGIN IMMEDIATE" } else { "BEGIN" };
    command(&mut line, begin.to_owned()).await?;
    let rows = Rows::of_sqlite(&mut line, ask).await?;
    end(line, rows).await
}

/// The end of a transaction. One whose rows were not read to the end only read, and its connection goes as it is: to commit
/// would bring the rest of the rows first.
async fn end<C>(mut line: C, rows: Rows) -> Result<Json, Refusal>
where
    C: Connection,
    for<'c> &'c mut C: sqlx::Executor<'c, Database = C::Database>,
{
    if rows.cut {
        let _ = line.close_hard().await;
    } else {
        raw_sql("COMMIT").execute(&mut line).await.map_err(|error| of_driver(&error, true))?;
        let _ = line.close().await; // all is said
    }
    Ok(rows.into_json())
}

/// A command without values and rows: nothing of the statement itself is under way yet.
async fn command<'c, C>(line: &'c mut C, text: String) -> Result<(), Refusal>
where
    C: Connection,
    &'c mut C: sqlx::Executor<'c, Database = C::Database>,
{
    let done = raw_sql(AssertSqlSafe(text)).execute(line).await;
    done.map(drop).map_err(|error| of_driver(&error, false))
}
