//! What a database of others says against a statement, in the words of all of them: by its own codes.
//! (PostgreSQL: Appendix A of its manual; MySQL and MariaDB: their lists of error codes; SQLite: its result codes.)

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

/// Most characters of a database's words.
const MOST_WORDS: usize = 300;

/// Why there are no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The database said so.
    Said {
        /// As HTTP would have it.
        status: u16,
        /// Our word for it.
        code: &'static str,
        /// Its words.
        message: String,
    },
    /// The connection is not there, or not any more.
    Broken {
        /// Whether the statement was begun.
        begun: bool,
        /// What was seen.
        detail: String,
    },
}

impl Refusal {
    /// An address that is none; it is not repeated, since it may hold a password.
    pub(super) fn url() -> Self {
        let message = "the address is none of a database: postgres://, mysql:// or sqlite:".to_owned();
        Refusal::Said { status: 400, code: "bad_url", message }
    }

    /// A value that cannot be bound, or an answer that nobody can read.
    pub(super) fn odd(message: &str) -> Self {
        Refusal::Said { status: 422, code: "refused", message: message.to_owned() }
    }
}

/// What an error of the driver means; `begun`: the statement itself was sent.
pub(super) fn of_driver(error: &sqlx::Error, begun: bool) -> Refusal {
    match error {
        sqlx::Error::Database(said) => of_database(said.as_ref(), begun),
        sqlx::Error::Configuration(_) => Refusal::url(),
        sqlx::Error::Tls(cause) => Refusal::Broken { begun, detail: cut(&format!("tls: {cause}")) },
        other => Refusal::Broken { begun, detail: cut(&other.to_string()) },
    }
}

fn of_database(said: &dyn DatabaseError, begun: bool) -> Refusal {
    let (kind, message) = if let Some(postgres) = said.try_downcast_ref::<PgDatabaseError>() {
        (of_postgres(postgres.code()), postgres.message().to_owned())
    } else if let Some(mysql) = said.try_downcast_ref::<MySqlDatabaseError>() {
        (of_mysql(mysql.number()), mysql.message().to_owned())
    } else if let Some(sqlite) = said.try_downcast_ref::<SqliteError>() {
        let code = sqlite.code().and_then(|code| code.parse().ok()).unwrap_or(1);
        (of_sqlite(code, sqlite.message()), sqlite.message().to_owned())
    } else {
        (Some((422, "refused")), said.message().to_owned())
    };
    match kind {
        Some((status, code)) => {
            let message =
                if matches!(code, "unique" | "refused") { without_values(&message) } else { message };
            Refusal::Said { status, code, message: cut(&message) }
        }
        None => Refusal::Broken { begun, detail: cut(&message) },
    }
}

type Kind = Option<(u16, &'static str)>;

const DENIED: Kind = Some((401, "denied"));
const NO_RIGHT: Kind = Some((403, "no_right"));
const NO_DATABASE: Kind = Some((404, "no_database"));
const NO_TABLE: Kind = Some((404, "no_table"));
const NO_COLUMN: Kind = Some((422, "no_column"));
const SLOW: Kind = Some((408, "too_slow"));
const UNIQUE: Kind = Some((409, "unique"));
const REFUSED: Kind = Some((422, "refused"));
const LOCKED: Kind = Some((423, "locked"));
const FULL: Kind = Some((429, "too_many"));
const ILL: Kind = Some((503, "ill"));

fn of_postgres(code: &str) -> Kind {
    match code {
        "42501" | "25006" => NO_RIGHT,
        "3D000" => NO_DATABASE,
        "42P01" | "3F000" => NO_TABLE,
        "42703" => NO_COLUMN,
        "57014" => SLOW,
        "23505" => UNIQUE,
        "40001" | "40P01" | "55P03" => LOCKED,
        "53300" => FULL,
        _ => match code.get(..2) {
            Some("28") => DENIED,
            Some("08") => None,
            Some("53" | "57" | "58" | "XX") => ILL,
            _ => REFUSED,
        },
    }
}

fn of_mysql(number: u16) -> Kind {
    match number {
        1045 | 1698 | 3118 | 4151 => DENIED,
        1044 | 1142 | 1143 | 1227 | 1290 | 1370 | 1792 => NO_RIGHT,
        1049 => NO_DATABASE,
        1146 => NO_TABLE,
        1054 => NO_COLUMN,
        1317 | 1969 | 3024 => SLOW,
        1062 | 1586 => UNIQUE,
        1205 | 1213 => LOCKED,
        1040 | 1203 | 1226 => FULL,
        1021 | 1037 | 1041 | 1053 | 1114 | 1194 => ILL,
        _ => REFUSED,
    }
}

/// The first eight bits of a result code are its kind; the rest says more.
fn of_sqlite(code: u32, message: &str) -> Kind {
    match (code & 0xff, code) {
        (1, _) if message.starts_with("no such table") => NO_TABLE,
        (1, _) if message.starts_with("no such column") || message.contains("has no column named") => {
            NO_COLUMN
        }
        (3 | 8 | 23, _) => NO_RIGHT,
        (5 | 6, _) => LOCKED,
        (9, _) => SLOW,
        (14 | 26, _) => NO_DATABASE,
        (_, 1555 | 2067) => UNIQUE,
        (10 | 11 | 13, _) => ILL,
        _ => REFUSED,
    }
}

/// The words without what they quote of rows: values are people's. Names stand in double quotes or backticks.
fn without_values(message: &str) -> String {
    let mut told = String::new();
    // PostgreSQL puts a value in double quotes too, behind a colon.
    let (words, quoted) = message.split_once(": \"").map_or((message, false), |(words, _)| (words, true));
    for (at, part) in words.split('\'').enumerate() {
        // the name of an index, at the end of MySQL's words, is quoted like a value
        let name = words.contains("for key '") && told.ends_with("for key ");
        told.push_str(if at % 2 == 0 || name { part } else { "…" });
    }
    if quoted {
        told.push_str(": …");
    }
    told
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MOST_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_database_quotes_of_rows_is_not_told() {
        for (said, told) in [
            (
                "Duplicate entry 'jia@shili.example' for key 'leads.email'",
                "Duplicate entry … for key leads.email",
            ),
            (
                "Incorrect integer value: '139' for column `shop`.`leads`.`size` at row 1",
                "Incorrect integer value: … for column `shop`.`leads`.`size` at row 1",
            ),
            (
                "invalid input syntax for type integer: \"139 0000\"",
                "invalid input syntax for type integer: …",
            ),
            (
                "duplicate key value violates unique constraint \"leads_mark\"",
                "duplicate key value violates unique constraint \"leads_mark\"",
            ),
            ("UNIQUE constraint failed: leads.mark", "UNIQUE constraint failed: leads.mark"),
        ] {
            assert_eq!(without_values(said), told);
        }
    }

    #[test]
    fn codes_mean_the_same_on_all_engines() {
        for (kinds, meant) in [
            ([of_postgres("28P01"), of_mysql(1045), DENIED], DENIED),
            ([of_postgres("42P01"), of_mysql(1146), of_sqlite(1, "no such table: x")], NO_TABLE),
            ([of_postgres("42703"), of_mysql(1054), of_sqlite(1, "no such column: x")], NO_COLUMN),
            ([of_postgres("23505"), of_mysql(1062), of_sqlite(2067, "")], UNIQUE),
            ([of_postgres("57014"), of_mysql(1969), of_sqlite(9, "interrupted")], SLOW),
            ([of_postgres("40P01"), of_mysql(1213), of_sqlite(5, "database is locked")], LOCKED),
            ([of_postgres("22001"), of_mysql(1406), of_sqlite(19, "")], REFUSED),
        ] {
            assert_eq!(kinds, [meant; 3]);
        }
    }
}
