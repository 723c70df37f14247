//! Rows of the store's own tables, past everything that is ours: read out and inserted again as fast as the database
//! takes them, and multiplied to a pool of any size. For benches; a database that is used so holds nothing of worth.

use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::Result;

/// What an absorbed capture of a new person leaves, in the order it is written.
const TABLES: [&str; 5] = ["lead", "milestone", "identifier", "touch", "reason"];
/// Columns that PostgreSQL holds as UUIDs.
const UUIDS: [&str; 7] = ["id", "lead", "capture", "merged_into", "push", "handoff", "delivery"];

/// Either engine, on one connection.
enum Line {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Line {
    async fn open(url: &str) -> Result<Self> {
        match url.strip_prefix("sqlite:") {
            Some(path) => {
                let options = SqliteConnectOptions::from_str(path)?.pragma("synchronous", "FULL");
                Ok(Line::Sqlite(SqliteConnection::connect_with(&options).await?))
            }
            None => PgConnection::connect(url).await.map(Line::Postgres),
        }
    }

    async fn texts(&mut self, sql: String) -> Result<Vec<String>> {
        match self {
            Line::Sqlite(line) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(line).await,
            Line::Postgres(line) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(line).await,
        }
    }

    async fn run(&mut self, sql: String) -> Result<()> {
        match self {
            Line::Sqlite(line) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(line).await.map(drop),
            Line::Postgres(line) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(line).await.map(drop),
        }
    }

    /// Names of the columns of a table that an insert gives, and of those the texts.
    async fn columns(&mut self, table: &str) -> Result<(Vec<String>, Vec<String>)> {
        let (all, texts) = match self {
            Line::Sqlite(_) => {
                let of = format!("SELECT name FROM pragma_table_info('{table}') WHERE name <> 'seq'");
                (of.clone(), format!("{of} AND type = 'TEXT'"))
            }
            Line::Postgres(_) => {
                let of = format!(
                    "SELECT column_name::text FROM information_schema.columns
                     WHERE table_schema = current_schema() AND table_name = '{table}' AND column_name <> 'seq'"
                );
                (of.clone(), format!("{of} AND data_type IN ('text', 'uuid', 'jsonb', 'json')"))
            }
        };
        Ok((self.texts(all).await?, self.texts(texts).await?))
    }
}

/// The rows of the pool, table by table.
pub struct Tables {
    tables: Vec<(&'static str, Vec<String>, Vec<String>)>,
}

impl Tables {
    /// Reads the pool of a database that nobody holds.
    ///
    /// # Errors
    /// What the database says.
    pub async fn read(url: &str) -> Result<Self> {
        let mut line = Line::open(url).await?;
        let mut tables = Vec::new();
        for table in TABLES {
            let (columns, _) = line.columns(table).await?;
            let row = match &line {
                Line::Sqlite(_) => format!("SELECT json_array({}) FROM {table}", columns.join(", ")),
                Line::Postgres(_) => format!("SELECT to_jsonb(t)::text FROM {table} t"),
            };
            let rows = line.texts(row).await?;
            tables.push((table, columns, rows));
        }
        Ok(Self { tables })
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.tables.iter().map(|(_, _, rows)| rows.len()).sum()
    }

    /// Inserts them into another database with the same tables, which are emptied first, in so many durable transactions
    /// with one statement a table: how long that took.
    ///
    /// # Errors
    /// What the database says.
    pub async fn insert(&self, url: &str, transactions: usize) -> Result<Duration> {
        let mut line = Line::open(url).await?;
        for (table, ..) in &self.tables {
            line.run(format!("DELETE FROM {table}")).await?;
        }
        let begun = Instant::now();
        for at in 0..transactions.max(1) {
            line.run("BEGIN".to_owned()).await?;
            for (table, columns, rows) in &self.tables {
                let share = rows.len().div_ceil(transactions.max(1)).max(1);
                let Some(rows) = rows.chunks(share).nth(at) else { continue };
                put(&mut line, table, columns, rows).await?;
            }
            line.run("COMMIT".to_owned()).await?;
        }
        Ok(begun.elapsed())
    }
}

async fn put(line: &mut Line, table: &str, columns: &[String], rows: &[String]) -> Result<()> {
    let names = columns.join(", ");
    match line {
        Line::Sqlite(line) => {
            let cells: Vec<String> = (0..columns.len()).map(|at| format!("value->>{at}")).collect();
            let cells = cells.join(", ");
            let sql = format!("INSERT INTO {table} ({names}) SELECT {cells} FROM jsonb_each($1)");
            let list = format!("[{}]", rows.join(","));
            sqlx::query(AssertSqlSafe(sql)).bind(list).execute(line).await.map(drop)
        }
        Line::Postgres(line) => {
            let cells: Vec<String> = columns.iter().map(|name| format!("r.{name}")).collect();
            let cells = cells.join(", ");
            let sql = format!(
                "INSERT INTO {table} ({names}) SELECT {cells} FROM UNNEST($1::text[]) j,
                 LATERAL jsonb_populate_record(NULL::{table}, j::jsonb) r"
            );
            sqlx::query(AssertSqlSafe(sql)).bind(rows).execute(line).await.map(drop)
        }
    }
}

/// The number that a query gives.
///
/// # Errors
/// What the database says.
pub async fn number(url: &str, sql: &str) -> Result<i64> {
    let sql = AssertSqlSafe(sql.to_owned());
    match &mut Line::open(url).await? {
        Line::Sqlite(line) => sqlx::query_scalar(sql).fetch_one(line).await,
        Line::Postgres(line) => sqlx::query_scalar(sql).fetch_one(line).await,
    }
}

/// Lets PostgreSQL count what is in its tables, as its own upkeep does some minutes after many rows came; SQLite plans
/// without.
///
/// # Errors
/// What the database says.
pub async fn analyze(url: &str) -> Result<()> {
    let line = Line::open(url).await?;
    match line {
        Line::Sqlite(line) => line.close().await,
        Line::Postgres(mut line) => {
            sqlx::raw_sql("ANALYZE").execute(&mut line).await?;
            line.close().await
        }
    }
}

/// Multiplies the one lead of a database that nobody holds: copies `from..to`, each a person of its own. In every text
/// the lead's id and each of `marks` become the copy's own: `marks` are texts with the eight digits `00000000` in them,
/// where a copy has its number. The lead has one touch, and its capture and reasons are copied with it.
///
/// # Errors
/// What the database says.
pub async fn clone_leads(url: &str, marks: &[&str], from: usize, to: usize) -> Result<()> {
    let mut line = Line::open(url).await?;
    // Copies have ids of long ago: the first one that is none of them is the one to copy.
    let first = "SELECT CAST(id AS TEXT) FROM lead WHERE id > '01900002-0000-7000-8000-000000000000' ORDER BY id LIMIT 1";
    let id = line.texts(first.to_owned()).await?;
    let id = id.first().cloned().unwrap_or_default();
    let sqlite = matches!(line, Line::Sqlite(_));
    // An id of long ago, so that copies do not stand among what comes next.
    let (numbers, number, own) = if sqlite {
        (
            format!(
                "WITH RECURSIVE n (i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {to})"
            ),
            "printf('%08d', i)",
            "printf('01900000-%04x-7000-8000-%012x', i % 65536, i)",
        )
    } else {
        (
            format!("WITH n AS (SELECT i FROM generate_series({from}::bigint, {to}::bigint - 1) i)"),
            "lpad(i::text, 8, '0')",
            "format('01900000-%s-7000-8000-%s', lpad(to_hex(i % 65536), 4, '0'), lpad(to_hex(i), 12, '0'))",
        )
    };
    let of_capture =
        format!("SELECT CAST(capture AS TEXT) FROM touch WHERE lead = '{id}' ORDER BY at LIMIT 1");
    let capture = line.texts(of_capture).await?;
    let capture = capture.first().cloned().unwrap_or_default();
    let own_capture = own.replace("01900000-", "01900002-");
    for table in ["lead", "milestone", "identifier", "touch", "capture", "reason"] {
        let (columns, texts) = line.columns(table).await?;
        let cell = |name: &String| {
            if !texts.contains(name) {
                return format!("t.{name}");
            }
            if table == "touch" && name == "id" {
                let own = own.replace("01900000-", "01900001-");
                return if sqlite { own } else { format!("({own})::uuid") };
            }
            let text = if sqlite { format!("t.{name}") } else { format!("t.{name}::text") };
            let own_ids = format!("replace(replace({text}, '{id}', {own}), '{capture}', {own_capture})");
            let changed = marks.iter().fold(own_ids, |text, mark| {
                let (before, after) = mark.split_once("00000000").unwrap_or((mark, ""));
                format!("replace({text}, '{mark}', '{before}' || {number} || '{after}')")
            });
            let uuid = !sqlite && UUIDS.contains(&name.as_str());
            if uuid { format!("({changed})::uuid") } else { changed }
        };
        let cells: Vec<String> = columns.iter().map(cell).collect();
        let whose = if table == "lead" { "id" } else { "lead" };
        let sql = format!(
            "INSERT INTO {table} ({}) {numbers} SELECT {} FROM n, {table} t WHERE t.{whose} = '{id}'",
            columns.join(", "),
            cells.join(", ")
        );
        line.run(sql).await?;
    }
    match line {
        Line::Sqlite(line) => line.close().await,
        Line::Postgres(mut line) => {
            sqlx::raw_sql("ANALYZE").execute(&mut line).await?;
            line.close().await
        }
    }
}
