//! The check that stands in for the compiler: every statement is prepared on both engines, the columns must be the
//! same, the schemas must be the same, and nothing on the road may look at a whole table.

use std::collections::BTreeMap;

use sqlx::{Executor as _, Row as _, Statement as _};

use crate::engine::Pools;
use crate::statement::ALL;
use crate::{Engine, Store, StoreSettings};

async fn both() -> (Store, Store, leadloop_testing::Database) {
    let database = leadloop_testing::fresh_database("agree");
    let sqlite = Store::open(&StoreSettings::new("sqlite::temporary:")).await.unwrap();
    let postgres = Store::open(&StoreSettings::new(database.url())).await.unwrap();
    (sqlite, postgres, database)
}

#[tokio::test]
async fn every_statement_has_the_same_columns_on_both_engines() {
    let (sqlite, postgres, _database) = both().await;
    let Pools::Sqlite { writer, .. } = sqlite.pools() else { panic!("not SQLite") };
    let Pools::Postgres { work, .. } = postgres.pools() else { panic!("not PostgreSQL") };
    let mut wrong = Vec::new();
    for statement in ALL {
        let one =
            writer.prepare(sqlx::SqlSafeStr::into_sql_str(statement.text(Engine::Sqlite).sql.as_str())).await;
        let two =
            work.prepare(sqlx::SqlSafeStr::into_sql_str(statement.text(Engine::Postgres).sql.as_str())).await;
        match (one, two) {
            (Ok(one), Ok(two)) => {
                // Columns without a name of their own are called differently; the place is what counts there.
                let named = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                let one: Vec<&str> = one.columns().iter().map(sqlx::Column::name).collect();
                let two: Vec<&str> = two.columns().iter().map(sqlx::Column::name).collect();
                let same = one.len() == two.len()
                    && one.iter().zip(&two).all(|(one, two)| one == two || !named(one) || !named(two));
                if !same {
                    wrong.push(format!("{}: {one:?} {two:?}", statement.name));
                }
            }
            (one, two) => {
                wrong.push(format!("{}: SQLite {:?}, PostgreSQL {:?}", statement.name, one.err(), two.err()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Statements that count or list for people may look at whole tables; the others may not.
fn for_people(name: &str) -> bool {
    let counting = ["funnel", "status_", "lead_page", "find_parts"];
    let small = ["config_active", "meta_", "turn_take"];
    counting.iter().chain(&small).any(|start| name.starts_with(start))
}

#[tokio::test]
async fn nothing_on_the_road_scans_a_table() {
    let (sqlite, postgres, _database) = both().await;
    let Pools::Sqlite { writer, .. } = sqlite.pools() else { panic!("not SQLite") };
    let Pools::Postgres { work, .. } = postgres.pools() else { panic!("not PostgreSQL") };
    let mut wrong = Vec::new();
    for statement in ALL.iter().filter(|statement| !for_people(statement.name)) {
        let explain = format!("EXPLAIN QUERY PLAN {}", statement.text(Engine::Sqlite).sql);
        let plan = sqlx::query(sqlx::AssertSqlSafe(explain)).fetch_all(writer).await.unwrap();
        for row in plan {
            let line: String = row.get("detail");
            // Lists are scanned, and so are the results of inner queries; tables are searched by an index.
            let scanned = line.strip_prefix("SCAN ").and_then(|rest| rest.split_whitespace().next());
            let harmless = ["e", "g", "k", "w", "f", "found", "p", "picked", "u", "given"];
            let by_index = line.contains("USING INDEX") || line.contains("USING COVERING INDEX");
            if scanned.is_some_and(|table| !harmless.contains(&table) && !line.contains("CONSTANT ROW"))
                && !by_index
            {
                wrong.push(format!("SQLite {}: {line}", statement.name));
            }
        }
        wrong.extend(scans_of_postgres(work, statement).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Plans made once for any parameters, as the pool for statements by key has them.
async fn scans_of_postgres(
    work: &sqlx::PgPool,
    statement: &'static crate::statement::Statement,
) -> Vec<String> {
    let text = statement.text(Engine::Postgres);
    if text.sql.contains("pg_database") {
        return Vec::new();
    }
    let count: usize = text.params.iter().map(|param| param.width(Engine::Postgres)).sum();
    let nothing = vec!["NULL"; count].join(", ");
    let execute = if count == 0 { "EXECUTE looked".into() } else { format!("EXECUTE looked ({nothing})") };
    let mut connection = work.acquire().await.unwrap();
    let prepare = format!("PREPARE looked AS {}", text.sql);
    let failed =
        |error: sqlx::Error| -> sqlx::postgres::PgQueryResult { panic!("{}: {error}", statement.name) };
    sqlx::raw_sql(sqlx::AssertSqlSafe(prepare)).execute(&mut *connection).await.unwrap_or_else(failed);
    let explain = format!("EXPLAIN {execute}");
    let plan = sqlx::raw_sql(sqlx::AssertSqlSafe(explain)).fetch_all(&mut *connection).await.unwrap();
    sqlx::raw_sql("DEALLOCATE looked").execute(&mut *connection).await.unwrap();
    let lines = plan.iter().map(|row| row.get::<String, _>(0));
    lines
        .filter(|line| line.contains("Seq Scan"))
        .map(|line| format!("PostgreSQL {}: {line}", statement.name))
        .collect()
}

/// Table → column → (kind, nothing allowed), in words of both engines.
type Tables = BTreeMap<String, BTreeMap<String, (&'static str, bool)>>;

fn kind_of(engine_type: &str) -> &'static str {
    match engine_type.to_ascii_lowercase().as_str() {
        // SQLite keeps ids as text and truths as numbers.
        "text" | "uuid" => "text",
        "integer" | "bigint" | "smallint" | "boolean" => "integer",
        "real" | "double precision" => "real",
        "blob" | "bytea" => "bytes",
        other => panic!("unknown type {other}"),
    }
}

#[tokio::test]
async fn both_schemas_have_the_same_tables_columns_and_unique_indexes() {
    let (sqlite, postgres, _database) = both().await;
    let Pools::Sqlite { writer, .. } = sqlite.pools() else { panic!("not SQLite") };
    let Pools::Postgres { work, .. } = postgres.pools() else { panic!("not PostgreSQL") };

    let mut one: Tables = BTreeMap::new();
    let rows: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT t.name, c.name, c.type, c.\"notnull\" FROM sqlite_schema t, pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND t.name NOT LIKE 'sqlite%'",
    )
    .fetch_all(writer)
    .await
    .unwrap();
    for (table, column, kind, fixed) in rows {
        one.entry(table).or_default().insert(column, (kind_of(&kind), fixed));
    }
    let mut two: Tables = BTreeMap::new();
    let rows: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT c.table_name::text, c.column_name::text, c.data_type::text, c.is_nullable = 'NO' \
         FROM information_schema.columns c JOIN pg_tables t ON t.tablename = c.table_name \
         WHERE c.table_schema = 'public' AND t.schemaname = 'public' AND c.table_name NOT LIKE '\\_sqlx%'",
    )
    .fetch_all(work)
    .await
    .unwrap();
    for (table, column, kind, fixed) in rows {
        two.entry(table).or_default().insert(column, (kind_of(&kind), fixed));
    }
    assert_eq!(one, two);
    assert!(one.len() > 20, "{:?}", one.keys());

    let names = |rows: Vec<(String,)>| rows.into_iter().map(|(name,)| name).collect::<Vec<_>>();
    let one = sqlx::query_as(
        "SELECT name FROM sqlite_schema WHERE type IN ('index', 'view') AND sql IS NOT NULL ORDER BY name",
    );
    let two = sqlx::query_as(
        "SELECT x.name FROM (SELECT indexname::text AS name FROM pg_indexes WHERE schemaname = 'public' \
         AND indexname NOT LIKE '%\\_pkey' AND indexname NOT LIKE '%\\_id\\_key' \
         UNION SELECT viewname::text FROM pg_views WHERE schemaname = 'public') x ORDER BY x.name COLLATE \"C\"",
    );
    assert_eq!(names(one.fetch_all(writer).await.unwrap()), names(two.fetch_all(work).await.unwrap()));
}
