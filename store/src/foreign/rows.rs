//! Rows of databases of others as JSON: texts, whole numbers, other numbers, yes and no. Whatever else a column holds its
//! connector asks for as text; what is none of these says so in its cell.

use futures_util::TryStreamExt as _;
use serde_json::{Value as Json, json};
use sqlx::mysql::MySqlRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{
    AssertSqlSafe, Column as _, MySqlConnection, PgConnection, Row, SqliteConnection, TypeInfo as _,
    ValueRef as _,
};

use super::Ask;
use super::refusal::{Refusal, of_driver};

/// What the cells and names of a row weigh beside their texts.
const CELL_BYTES: usize = 4;

/// What a statement brought.
#[derive(Debug, Default)]
pub(super) struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Json>>,
    changed: u64,
    bytes: usize,
    /// Whether reading stopped before the end.
    pub(super) cut: bool,
}

/// Binds the values, then writes or takes row by row, as each of the three drivers has it in its own types.
macro_rules! carried_out {
    ($line:expr, $ask:expr, $cell:ident) => {{
        let mut query = sqlx::query(AssertSqlSafe($ask.text.to_owned())).persistent(false);
        for value in $ask.values {
            query = match value {
                Json::Null => query.bind(None::<String>),
                Json::Bool(yes) => query.bind(*yes),
                Json::String(text) => query.bind(text.clone()),
                Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                    (Some(whole), _) => query.bind(whole),
                    (None, Some(real)) => query.bind(real),
                    (None, None) => return Err(Refusal::odd("a value is no number")),
                },
                Json::Array(_) | Json::Object(_) => {
                    return Err(Refusal::odd("a value is a list or an object"));
                }
            };
        }
        let mut all = Rows::default();
        if $ask.writes {
            let done = query.execute($line).await.map_err(|error| of_driver(&error, true))?;
            all.changed = done.rows_affected();
            return Ok(all);
        }
        let mut stream = query.fetch($line);
        while let Some(row) = stream.try_next().await.map_err(|error| of_driver(&error, true))? {
            if all.columns.is_empty() {
                all.columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
            }
            all.push((0..row.len()).map(|at| $cell(&row, at)).collect());
            if all.bytes > $ask.most_bytes {
                all.cut = true;
                break;
            }
        }
        drop(stream);
        Ok(all)
    }};
}

impl Rows {
    pub(super) async fn of_postgres(line: &mut PgConnection, ask: &Ask<'_>) -> Result<Self, Refusal> {
        carried_out!(line, ask, postgres_cell)
    }

    pub(super) async fn of_mysql(line: &mut MySqlConnection, ask: &Ask<'_>) -> Result<Self, Refusal> {
        carried_out!(line, ask, mysql_cell)
    }

    pub(super) async fn of_sqlite(line: &mut SqliteConnection, ask: &Ask<'_>) -> Result<Self, Refusal> {
        carried_out!(line, ask, sqlite_cell)
    }

    fn push(&mut self, row: Vec<Json>) {
        let text = |cell: &Json| cell.as_str().map_or(CELL_BYTES, |text| text.len() + CELL_BYTES);
        self.bytes += row.iter().map(text).sum::<usize>();
        self.rows.push(row);
    }

    pub(super) fn into_json(self) -> Json {
        json!({ "columns": self.columns, "rows": self.rows, "cut": self.cut, "changed": self.changed })
    }
}

/// A cell that is none of what can be told.
fn untold(what: &str) -> Json {
    json!({ "unreadable": what })
}

fn text(bytes: &[u8]) -> Json {
    std::str::from_utf8(bytes).map_or_else(|_| untold("bytes"), Json::from)
}

fn real(number: f64) -> Json {
    serde_json::Number::from_f64(number).map_or_else(|| untold("not a number"), Json::Number)
}

fn postgres_cell(row: &PgRow, at: usize) -> Json {
    let Ok(value) = row.try_get_raw(at) else { return untold("nothing") };
    if value.is_null() {
        return Json::Null;
    }
    let kind = value.type_info().name().to_owned();
    let cell = match kind.as_str() {
        "TEXT" | "VARCHAR" | "NAME" | "CHAR" => row.try_get::<String, _>(at).map(Json::from),
        "BOOL" => row.try_get::<bool, _>(at).map(Json::from),
        "INT2" => row.try_get::<i16, _>(at).map(Json::from),
        "INT4" => row.try_get::<i32, _>(at).map(Json::from),
        "INT8" => row.try_get::<i64, _>(at).map(Json::from),
        "FLOAT8" => row.try_get::<f64, _>(at).map(real),
        _ => return untold(&kind),
    };
    cell.unwrap_or_else(|_| untold(&kind))
}

fn mysql_cell(row: &MySqlRow, at: usize) -> Json {
    let Ok(value) = row.try_get_raw(at) else { return untold("nothing") };
    if value.is_null() {
        return Json::Null;
    }
    let kind = value.type_info().name().to_owned();
    let cell = match kind.as_str() {
        "TINYINT" | "SMALLINT" | "INT" | "MEDIUMINT" | "BIGINT" => row.try_get::<i64, _>(at).map(Json::from),
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "INT UNSIGNED" | "MEDIUMINT UNSIGNED"
        | "BIGINT UNSIGNED" => row.try_get::<u64, _>(at).map(Json::from),
        "BOOLEAN" => row.try_get::<bool, _>(at).map(Json::from),
        "DOUBLE" => row.try_get::<f64, _>(at).map(real),
        // texts, and what the catalogue and JSON functions call bytes; decimals are told as text
        _ => row.try_get_unchecked::<Vec<u8>, _>(at).map(|bytes| text(&bytes)),
    };
    cell.unwrap_or_else(|_| untold(&kind))
}

fn sqlite_cell(row: &SqliteRow, at: usize) -> Json {
    let Ok(value) = row.try_get_raw(at) else { return untold("nothing") };
    if value.is_null() {
        return Json::Null;
    }
    // what the value is: a column of SQLite holds any
    let kind = value.type_info().name().to_owned();
    let cell = match kind.as_str() {
        "INTEGER" => row.try_get_unchecked::<i64, _>(at).map(Json::from),
        "REAL" => row.try_get_unchecked::<f64, _>(at).map(real),
        "TEXT" => row.try_get_unchecked::<String, _>(at).map(Json::from),
        _ => return untold("bytes"),
    };
    cell.unwrap_or_else(|_| untold(&kind))
}
