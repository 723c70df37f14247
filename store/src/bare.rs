//! The bare limit of a database: durable, batched, set-based inserts of the same bytes, with nothing of ours around
//! them. Benches print every rate beside it.

use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};

/// Inserts `bodies` in transactions of `batch` rows, each durable before the next begins, into a table of its own that is
/// dropped again: how long that took. `url` is `sqlite:PATH` (a file beside it is used) or `postgres://…`.
///
/// # Errors
/// What the database says.
pub async fn inserts(url: &str, bodies: &[Vec<u8>], batch: usize) -> Result<Duration, sqlx::Error> {
    match url.strip_prefix("sqlite:") {
        Some(path) => sqlite(&format!("{path}.bare"), bodies, batch).await,
        None => postgres(url, bodies, batch).await,
    }
}

async fn sqlite(path: &str, bodies: &[Vec<u8>], batch: usize) -> Result<Duration, sqlx::Error> {
    let options = SqliteConnectOptions::from_str(path)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS bare (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        .execute(&mut connection)
        .await?;
    let begun = Instant::now();
    for rows in bodies.chunks(batch.max(1)) {
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO bare (body) SELECT value FROM json_each($1)")
            .bind(as_json(rows))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
    }
    let took = begun.elapsed();
    sqlx::query("DROP TABLE bare").execute(&mut connection).await?;
    connection.close().await?;
    Ok(took)
}

async fn postgres(url: &str, bodies: &[Vec<u8>], batch: usize) -> Result<Duration, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS bare (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body TEXT NOT NULL)")
        .execute(&mut connection)
        .await?;
    let begun = Instant::now();
    for rows in bodies.chunks(batch.max(1)) {
        let texts: Vec<String> = rows.iter().map(|row| String::from_utf8_lossy(row).into_owned()).collect();
        let mut tx = connection.begin().await?;
        sqlx::query("INSERT INTO bare (body) SELECT body FROM UNNEST($1::text[]) AS t(body)")
            .bind(texts)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
    }
    let took = begun.elapsed();
    sqlx::query("DROP TABLE bare").execute(&mut connection).await?;
    connection.close().await?;
    Ok(took)
}

fn as_json(rows: &[Vec<u8>]) -> String {
    let texts: Vec<String> = rows.iter().map(|row| String::from_utf8_lossy(row).into_owned()).collect();
    serde_json::to_string(&texts).unwrap_or_default()
}
