//! Moving the write-ahead log of an SQLite file into the file, on a connection of its own, so that no commit waits for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{Connection as _, SqliteConnection};

use crate::engine::{Lines, Pools};
use crate::error::{StoreError, of_driver};
use crate::lanes::WriteLane;

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// From this size on the log is moved.
const MOVE_FROM: u64 = 4 << 20;
/// From this size on the writer is held back for a moment, so that the log can start anew: readers and writers that
/// never pause would let it grow for ever. It keeps its size: writing over a file costs less than making one anew.
const RESTART_FROM: u64 = 64 << 20;
/// After so many looks at which nothing was new its room is given back.
const AT_REST: u32 = 60;

/// How long a checkpoint waits for a reader.
const PATIENCE: Duration = Duration::from_millis(50);

/// Looks after the log until the task is ended.
pub(crate) async fn run(pools: Pools, file: PathBuf) {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let log = PathBuf::from(log);
    loop {
        if let Err(error) = look_after(&pools, &log).await {
            tracing::warn!(%error, "the write-ahead log is not moved; trying again");
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

async fn look_after(pools: &Pools, log: &Path) -> Result<(), StoreError> {
    let Lines::Sqlite { lanes, options, .. } = &pools.lines else { return Ok(()) };
    let lost = |error: sqlx::Error| of_driver("checkpoint", &error);
    // While the writer is held back nobody waits long for a reader: then the log starts anew the next time.
    let options = options.as_ref().clone().busy_timeout(PATIENCE).pragma("cache_size", "-1024");
    let mut own = SqliteConnection::connect_with(&options).await.map_err(lost)?;
    let (mut moved, mut at_rest) = (0, 0);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let size = tokio::fs::metadata(log).await.map_or(0, |log| log.len());
        if size < MOVE_FROM {
            continue;
        }
        let (_, frames, _): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut own).await.map_err(lost)?;
        // The file keeps its size when the log starts anew inside it, so the number of frames tells, not the size.
        let grown = frames > moved;
        at_rest = if frames == moved { at_rest + 1 } else { 0 };
        moved = frames;
        let full = grown && u64::try_from(frames).unwrap_or(0) * 4096 >= RESTART_FROM;
        let how = match (full, at_rest >= AT_REST && size >= RESTART_FROM) {
            (true, _) => "PRAGMA wal_checkpoint(RESTART)",
            (false, true) => "PRAGMA wal_checkpoint(TRUNCATE)",
            (false, false) => continue,
        };
        at_rest = 0;
        let _turn = lanes.enter(WriteLane::Background).await;
        sqlx::query(how).execute(&mut own).await.map_err(lost)?;
    }
}
