//! The bare limit of a database: durable, batched, set-based statements over the same bytes, with nothing of ours around
//! them. Benches print every rate beside it.

mod rows;

use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

pub use rows::{Tables, analyze, clone_leads, number};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Inserts `bodies` in transactions of `batch` rows, each durable before the next begins, into a table of its own that is
/// emptied again: how long that took. `url` is `sqlite:PATH` (a file beside it is used) or `postgres://…`.
///
/// # Errors
/// What the database says.
pub async fn inserts(url: &str, bodies: &[Vec<u8>], batch: usize) -> Result<Duration> {
    let table = Queue::open(url).await?;
    let texts: Vec<String> = bodies.iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect();
    let begun = Instant::now();
    for rows in texts.chunks(batch.max(1)) {
        table.keep(rows).await?;
    }
    let took = begun.elapsed();
    table.close().await?;
    Ok(took)
}

/// The least queue in a database that loses nothing: a table of texts that are kept, handed out in order and done with.
#[derive(Clone, Debug)]
pub enum Queue {
    /// One writer; a second connection reads.
    Sqlite {
        /// The one that writes.
        writer: SqlitePool,
        /// The one that reads.
        reader: SqlitePool,
    },
    /// A few connections.
    Postgres(PgPool),
}

impl Queue {
    /// Opens it; the table is there and empty afterwards. `url` as for [`inserts`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn open(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let options = SqliteConnectOptions::from_str(&format!("{path}.bare"))?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full);
            let pool = || SqlitePoolOptions::new().max_connections(1).test_before_acquire(false);
            let writer = pool().connect_with(options.clone()).await?;
            let schema = "CREATE TABLE IF NOT EXISTS bare (id INTEGER PRIMARY KEY, body TEXT NOT NULL, done INTEGER NOT NULL);
                CREATE INDEX IF NOT EXISTS bare_due ON bare (id) WHERE done = 0; DELETE FROM bare";
            sqlx::raw_sql(schema).execute(&writer).await?;
            return Ok(Queue::Sqlite { writer, reader: pool().connect_with(options).await? });
        }
        let pool = PgPoolOptions::new().max_connections(3).test_before_acquire(false).connect(url).await?;
        let schema = "CREATE TABLE IF NOT EXISTS bare (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body TEXT NOT NULL, done BOOL NOT NULL);
            CREATE INDEX IF NOT EXISTS bare_due ON bare (id) WHERE NOT done; TRUNCATE bare";
        sqlx::raw_sql(schema).execute(&pool).await?;
        Ok(Queue::Postgres(pool))
    }

    /// Keeps texts in one transaction; durable when it returns.
    ///
    /// # Errors
    /// What the database says.
    pub async fn keep(&self, bodies: &[String]) -> Result<()> {
        match self {
            Queue::Sqlite { writer, .. } => {
                let list = serde_json::to_string(bodies).unwrap_or_default();
                let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
                sqlx::query("INSERT INTO bare (body, done) SELECT value, 0 FROM json_each($1)")
                    .bind(list)
                    .execute(&mut *tx)
                    .await?;
                tx.commit().await
            }
            Queue::Postgres(pool) => {
                let mut tx = pool.begin().await?;
                sqlx::query(
                    "INSERT INTO bare (body, done) SELECT body, false FROM UNNEST($1::text[]) AS t(body)",
                )
                .bind(bodies)
                .execute(&mut *tx)
                .await?;
                tx.commit().await
            }
        }
    }

    /// The next texts that are not done with, after `after`, with their numbers.
    ///
    /// # Errors
    /// What the database says.
    pub async fn next(&self, after: i64, most: i64) -> Result<Vec<(i64, String)>> {
        match self {
            Queue::Sqlite { reader, .. } => {
                let query = "SELECT id, body FROM bare WHERE done = 0 AND id > $1 ORDER BY id LIMIT $2";
                sqlx::query_as(query).bind(after).bind(most).fetch_all(reader).await
            }
            Queue::Postgres(pool) => {
                let query = "SELECT id, body FROM bare WHERE NOT done AND id > $1 ORDER BY id LIMIT $2";
                sqlx::query_as(query).bind(after).bind(most).fetch_all(pool).await
            }
        }
    }

    /// These are done with; durable when it returns.
    ///
    /// # Errors
    /// What the database says.
    pub async fn done(&self, ids: &[i64]) -> Result<()> {
        match self {
            Queue::Sqlite { writer, .. } => {
                let list = serde_json::to_string(ids).unwrap_or_default();
                let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
                sqlx::query("UPDATE bare SET done = 1 WHERE id IN (SELECT value FROM json_each($1))")
                    .bind(list)
                    .execute(&mut *tx)
                    .await?;
                tx.commit().await
            }
            Queue::Postgres(pool) => {
                let mut tx = pool.begin().await?;
                sqlx::query("UPDATE bare SET done = true WHERE id = ANY($1)")
                    .bind(ids)
                    .execute(&mut *tx)
                    .await?;
                tx.commit().await
            }
        }
    }

    /// Empties it and lets go.
    ///
    /// # Errors
    /// What the database says.
    pub async fn close(self) -> Result<()> {
        match self {
            Queue::Sqlite { writer, reader } => {
                reader.close().await;
                sqlx::query("DELETE FROM bare").execute(&writer).await?;
                writer.close().await;
            }
            Queue::Postgres(pool) => {
                sqlx::query("TRUNCATE bare").execute(&pool).await?;
                pool.close().await;
            }
        }
        Ok(())
    }
}
