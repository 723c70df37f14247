//! The check that stands in for the compiler: every statement is prepared on both engines, the columns must be the
//! same, the schemas must be the same, and nothing on the road may look at a whole table.

use std::collections::BTreeMap;

use sqlx::{Column as _, Executor as _, Row as _, Statement as _, TypeInfo as _};

use crate::engine::Lines;
use crate::statement::ALL;
use crate::text::{Kind, Param};
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
    let Lines::Sqlite { writer, .. } = &sqlite.pools().lines else { panic!("not SQLite") };
    let Lines::Postgres { work, .. } = &postgres.pools().lines else { panic!("not PostgreSQL") };
    let mut wrong = Vec::new();
    for statement in ALL {
        let one =
            writer.prepare(sqlx::SqlSafeStr::into_sql_str(statement.text(Engine::Sqlite).sql.as_str())).await;
        let two =
            work.prepare(sqlx::SqlSafeStr::into_sql_str(statement.text(Engine::Postgres).sql.as_str())).await;
        match (one, two) {
            (Ok(one), Ok(two)) => {
                // The types that `cell` reads; PostgreSQL does not widen a number by itself.
                let known = ["INT8", "TEXT", "BOOL", "UUID", "FLOAT8", "BYTEA"];
                let narrow = two.columns().iter().find(|column| !known.contains(&column.type_info().name()));
                if let Some(column) = narrow {
                    wrong.push(format!(
                        "{}: {} is {}",
                        statement.name,
                        column.name(),
                        column.type_info().name()
                    ));
                }
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

/// Statements that count or list for people, or run only when another config becomes active or a backup was restored, may
/// look at whole tables; the others may not.
fn for_people(name: &str) -> bool {
    let counting = [
        "funnel",
        "won_touches",
        "status_",
        "lead_page",
        "find_parts",
        "audit_list",
        "handoff_list",
        "alarm_untold",
        "store_used",
    ];
    let small = ["config_active", "meta_", "turn_take"];
    let seldom = [
        "config_version_",
        "delivery_link_",
        "delivery_polls_back",
        "delivery_ask_first",
        "conflicts_waiting",
        "conflicts_withheld",
        "delivery_sent",
        "erase_",
        "erasure_list",
    ];
    counting.iter().chain(&small).chain(&seldom).any(|start| name.starts_with(start))
}

/// Statements that read an index in its order and stop at their limit.
fn in_order(name: &str) -> bool {
    let limited = [
        "capture_claim",
        "capture_retry",
        "deadline_",
        "retain_",
        "lead_walk",
        "quarantine_list",
        "decision_page",
    ];
    let parked = ["delivery_parked", "delivery_retry", "delivery_drop", "capture_parked", "push_parked"];
    limited.iter().chain(&parked).any(|start| name.starts_with(start))
}

#[tokio::test]
async fn nothing_on_the_road_scans_a_table_of_sqlite() {
    let sqlite = Store::open(&StoreSettings::new("sqlite::temporary:")).await.unwrap();
    let Lines::Sqlite { writer, .. } = &sqlite.pools().lines else { panic!("not SQLite") };
    let tables: Vec<(String,)> = sqlx::query_as("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .fetch_all(writer)
        .await
        .unwrap();
    let mut wrong = Vec::new();
    for statement in ALL.iter().filter(|statement| !for_people(statement.name)) {
        let sql = &statement.text(Engine::Sqlite).sql;
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let plan = sqlx::query(sqlx::AssertSqlSafe(explain)).fetch_all(writer).await.unwrap();
        for row in plan {
            let line: String = row.get("detail");
            let Some(alias) = line.strip_prefix("SCAN ").and_then(|rest| rest.split_whitespace().next())
            else {
                continue;
            };
            // Lists and the results of inner queries are scanned; tables are searched by an index.
            let of_table = |(table,): &(String,)| {
                let named = |end| sql.contains(&format!(" {table} {alias}{end}"));
                table == alias || named(' ') || named(')')
            };
            if tables.iter().any(of_table) && !in_order(statement.name) {
                wrong.push(format!("{}: {line}", statement.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Fills every table with rows, and leaves the planner without statistics, as an import does.
async fn fill(work: &sqlx::PgPool) {
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT c.table_name::text, string_agg(quote_ident(c.column_name), ', ' ORDER BY c.ordinal_position), \
         string_agg(CASE WHEN c.column_name = 'state' THEN '''due''' WHEN c.column_name = 'standing' THEN 'NULL' \
         WHEN c.column_name = 'merged_into' THEN 'NULL' WHEN c.data_type = 'uuid' THEN 'gen_random_uuid()' \
         WHEN c.data_type = 'boolean' THEN 'true' WHEN c.data_type = 'bytea' THEN '''x''' \
         WHEN c.data_type = 'text' THEN '''x'' || g' ELSE 'g' END, ', ' ORDER BY c.ordinal_position) \
         FROM information_schema.columns c JOIN pg_tables t ON t.tablename = c.table_name \
         WHERE t.schemaname = 'public' AND c.table_name NOT IN ('_sqlx_migrations', 'config', 'turn') \
         AND c.column_name <> 'seq' GROUP BY c.table_name",
    )
    .fetch_all(work)
    .await
    .unwrap();
    for (table, names, values) in columns {
        let fill = format!("INSERT INTO {table} ({names}) SELECT {values} FROM generate_series(1, 20000) g");
        sqlx::raw_sql(sqlx::AssertSqlSafe(fill)).execute(work).await.unwrap();
    }
}

/// Queries for some value of each part of a parameter.
fn sample(param: &Param) -> Vec<String> {
    let Param::List(columns) = param else { return vec!["NULL".into()] };
    let of = |kind: &Kind| match kind {
        Kind::Id => "array_agg(gen_random_uuid())",
        Kind::Int => "array_agg(g::bigint)",
        Kind::Bool => "array_agg(true)",
        Kind::Real => "array_agg(g::float8)",
        Kind::Text | Kind::Secret | Kind::Stable | Kind::Doc => "array_agg('x' || g)",
        Kind::Bytes => "array_agg('x'::bytea)",
    };
    columns.iter().map(|(_, kind)| format!("SELECT {} FROM generate_series(1, 200) g", of(kind))).collect()
}

/// The plan of a statement for a batch of 200.
async fn plan_of(work: &sqlx::PgPool, statement: &'static crate::statement::Statement) -> Vec<String> {
    let text = statement.text(Engine::Postgres);
    let mut connection = work.acquire().await.unwrap();
    let mut values = Vec::new();
    for query in text.params.iter().flat_map(sample) {
        let query = format!("SELECT ({query})::text");
        let written: (Option<String>,) =
            sqlx::query_as(sqlx::AssertSqlSafe(query)).fetch_one(&mut *connection).await.unwrap();
        values.push(written.0.map_or("NULL".to_owned(), |written| format!("'{written}'")));
    }
    let with = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
    let script = format!("PREPARE looked AS {}; EXPLAIN (COSTS OFF) EXECUTE looked {with}", text.sql);
    let plan = sqlx::raw_sql(sqlx::AssertSqlSafe(script)).fetch_all(&mut *connection).await;
    let plan = plan.unwrap_or_else(|error| panic!("{}: {error}", statement.name));
    sqlx::raw_sql("DEALLOCATE looked").execute(&mut *connection).await.unwrap();
    plan.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn nothing_on_the_road_scans_a_table_of_postgres() {
    let database = leadloop_testing::fresh_database("plans");
    let postgres = Store::open(&StoreSettings::new(database.url())).await.unwrap();
    let Lines::Postgres { work, .. } = &postgres.pools().lines else { panic!("not PostgreSQL") };
    fill(work).await;
    let mut wrong = Vec::new();
    for statement in ALL.iter().filter(|statement| !for_people(statement.name)) {
        let lines = plan_of(work, statement).await;
        for (line, next) in lines.iter().zip(lines.iter().skip(1).chain([&String::new()])) {
            let by_index = line.contains("Index Scan") || line.contains("Index Only Scan");
            let whole = by_index && !next.contains("Index Cond") && !in_order(statement.name);
            if line.contains("Seq Scan") || whole {
                wrong.push(format!("{}: {line}", statement.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
    let Lines::Sqlite { writer, .. } = &sqlite.pools().lines else { panic!("not SQLite") };
    let Lines::Postgres { work, .. } = &postgres.pools().lines else { panic!("not PostgreSQL") };

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
