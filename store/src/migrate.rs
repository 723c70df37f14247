//! The schema: embedded migrations, the same numbers and names for both engines.

use std::path::PathBuf;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection as _, PgConnection, SqlSafeStr as _};

use crate::engine::{Lines, Pools};
use crate::error::{StoreError, of_driver};

type Result<T> = std::result::Result<T, StoreError>;

macro_rules! migrations {
    ($($number:literal $name:literal $words:literal;)*) => {
        const SQLITE: &[(i64, &str, &str)] = &[$(
            ($number, $words, include_str!(concat!("../../migrations/sqlite/", $name, ".sql"))),
        )*];
        const POSTGRES: &[(i64, &str, &str)] = &[$(
            ($number, $words, include_str!(concat!("../../migrations/postgres/", $name, ".sql"))),
        )*];
    };
}

// Append-only.
migrations! {
    1 "0001_inbox" "inbox";
    2 "0002_leads" "leads";
    3 "0003_timeline" "timeline";
    4 "0004_handoffs" "handoffs";
    5 "0005_outbox" "outbox";
    6 "0006_mirror" "mirror";
    7 "0007_upkeep" "upkeep";
    8 "0008_views" "views";
    9 "0009_people" "people";
    10 "0010_config_version" "config version";
    13 "0013_verdicts" "verdicts";
    16 "0016_pool" "pool";
    17 "0017_erased" "erased";
    23 "0023_notices" "notices";
    28 "0028_conflicts" "conflicts";
    32 "0032_visits" "visits";
    40 "0040_companies" "companies";
    45 "0045_mirror_key_row" "keys of a mirror row";
    55 "0055_source_health" "source health";
    62 "0062_shadow" "shadow";
    68 "0068_activities" "activities";
    69 "0069_won" "won";
    70 "0070_before_image" "before images";
    72 "0072_received" "received amounts";
    75 "0075_withheld" "withheld conflicts";
    78 "0078_conversation" "conversations";
    80 "0080_shape" "fields of what sources bring";
    81 "0081_delivery_run" "deliveries by their run";
    84 "0084_event_key" "keys of counted events";
    85 "0085_push_lz4" "bodies packed faster";
    90 "0090_event_key_short" "shorter keys of counted events";
    91 "0091_by_touch" "captures and reasons by their touch";
}

fn migrator(list: &'static [(i64, &'static str, &'static str)]) -> Migrator {
    let migrations = list.iter().map(|(number, words, text)| {
        Migration::new(*number, (*words).into(), MigrationType::Simple, text.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// How far a store's schema is: the number of its last migration, 0 for an empty one.
pub(crate) async fn reached(pools: &Pools) -> Result<i64> {
    let failed = |error: &sqlx::Error| of_driver("schema", error);
    match &pools.lines {
        Lines::Sqlite { writer, .. } => {
            let (tables,): (i64,) =
                sqlx::query_as("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'")
                    .fetch_one(writer)
                    .await
                    .map_err(|error| failed(&error))?;
            if tables == 0 {
                return Ok(0);
            }
            let (last,): (Option<i64>,) = sqlx::query_as("SELECT max(version) FROM _sqlx_migrations")
                .fetch_one(writer)
                .await
                .map_err(|error| failed(&error))?;
            Ok(last.unwrap_or(0))
        }
        Lines::Postgres { work, .. } => {
            let (there,): (bool,) = sqlx::query_as("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
                .fetch_one(work)
                .await
                .map_err(|error| failed(&error))?;
            if !there {
                return Ok(0);
            }
            let (last,): (Option<i64>,) = sqlx::query_as("SELECT max(version) FROM _sqlx_migrations")
                .fetch_one(work)
                .await
                .map_err(|error| failed(&error))?;
            Ok(last.unwrap_or(0))
        }
    }
}

/// Brings the schema up to date, or says that it is not. An SQLite file with data in it is copied first.
pub(crate) async fn migrate(pools: &Pools, allowed: bool, copy: Option<PathBuf>) -> Result<()> {
    let newest = SQLITE.last().map_or(0, |(number, _, _)| *number);
    let reached = reached(pools).await?;
    if reached > newest {
        return Err(StoreError::migration(format!(
            "the store was last used by a newer leadloop (its schema is {reached}, this program knows {newest}); \
             run that version or restore a backup"
        )));
    }
    if reached < newest && !allowed {
        return Err(StoreError::migration(format!(
            "the store's schema is {reached}, this program needs {newest}; start `leadloop run` once, which brings it up to date"
        )));
    }
    if !allowed {
        return Ok(());
    }
    if let (1.., true, Some(copy)) = (reached, reached < newest, copy) {
        crate::upkeep::copy_to(pools, &copy).await?;
        tracing::info!(copy = %copy.display(), "copied the store before its schema changes");
    }
    run(pools).await
}

async fn run(pools: &Pools) -> Result<()> {
    let done = match &pools.lines {
        Lines::Sqlite { writer, .. } => migrator(SQLITE).run(writer).await,
        Lines::Postgres { work, .. } => {
            // On a connection of its own: where it fails, the lock that keeps other nodes out ends with it.
            let options = work.connect_options();
            let mut connection =
                PgConnection::connect_with(&options).await.map_err(|error| of_driver("connect", &error))?;
            let done = migrator(POSTGRES).run(&mut connection).await;
            let _ = connection.close().await;
            done
        }
    };
    done.map_err(|error| match error {
        MigrateError::VersionMissing(number) => StoreError::migration(format!(
            "the store has migration {number}, which this program does not know; run the newer version"
        )),
        MigrateError::VersionMismatch(number) => StoreError::migration(format!(
            "migration {number} of the store is not the one of this program; restore a backup made by a released version"
        )),
        MigrateError::Dirty(number) => StoreError::migration(format!(
            "migration {number} was broken off half-way; restore the copy that was made before it"
        )),
        MigrateError::Execute(error) => of_driver("migrate", &error),
        MigrateError::ExecuteMigration(error, number) => {
            StoreError::migration(format!("migration {number} failed: {error}"))
        }
        other => StoreError::migration(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_have_the_same_migrations_in_order() {
        let numbers = |list: &[(i64, &str, &str)]| {
            list.iter().map(|(n, w, _)| (*n, (*w).to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(numbers(SQLITE), numbers(POSTGRES));
        assert!(SQLITE.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
