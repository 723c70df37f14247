//! What the engines say differently: quotes, places for values, who we are, a cell as text, a text as a value of a column.

use leadloop_connector_api::Link;
use secrecy::ExposeSecret;
use serde_json::Value as Json;

use super::catalogue::{Column, Kind};
use crate::reading::LONGEST_VALUE;

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    /// MySQL and MariaDB.
    MySql,
    Sqlite,
}

impl Dialect {
    /// The engine of a link: by its file, else by the first word of its address. The shell refuses what is neither.
    pub(super) fn of(link: &Link) -> Self {
        let scheme = |url: &str| url.split_once(':').map_or(String::new(), |(scheme, _)| scheme.to_owned());
        let scheme = link.secret("url").map(|url| scheme(url.expose_secret())).unwrap_or_default();
        match scheme.as_str() {
            _ if link.text("file").is_some() => Dialect::Sqlite,
            "sqlite" => Dialect::Sqlite,
            "mysql" | "mariadb" => Dialect::MySql,
            _ => Dialect::Postgres,
        }
    }

    /// An identifier in its quotes.
    pub(super) fn quoted(self, name: &str) -> String {
        match self {
            Dialect::MySql => format!("`{}`", name.replace('`', "``")),
            Dialect::Postgres | Dialect::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    /// A table as the settings name it: its schema, where it names one, and its name.
    pub(super) fn parts(self, table: &str) -> (Option<&str>, &str) {
        match table.split_once('.') {
            Some((schema, name)) if self != Dialect::Sqlite => (Some(schema), name),
            _ => (None, table),
        }
    }

    /// The same in its quotes.
    pub(super) fn table(self, table: &str) -> String {
        match self.parts(table) {
            (Some(schema), name) => format!("{}.{}", self.quoted(schema), self.quoted(name)),
            (None, name) => self.quoted(name),
        }
    }

    /// Asks who we are and which version it is.
    pub(super) fn who(self) -> &'static str {
        match self {
            Dialect::Postgres => "SELECT current_user::text, version()::text",
            Dialect::MySql => "SELECT CURRENT_USER(), VERSION()",
            Dialect::Sqlite => "SELECT 'file', sqlite_version()",
        }
    }

    pub(super) fn product(self, version: &str) -> &'static str {
        match self {
            Dialect::Postgres => "PostgreSQL",
            Dialect::MySql if version.contains("MariaDB") => "MariaDB",
            Dialect::MySql => "MySQL",
            Dialect::Sqlite => "SQLite",
        }
    }

    /// A column of a type that was not asked for, as text.
    pub(super) fn as_text(self, name: &str) -> String {
        let name = self.quoted(name);
        match self {
            Dialect::Postgres => format!("CAST({name} AS text)"),
            Dialect::MySql => format!("CAST({name} AS CHAR)"),
            Dialect::Sqlite => name,
        }
    }

    /// A column as it is read: as text, one character longer at most than what is taken. SQLite's own types are few enough to
    /// come as they are.
    pub(super) fn cell(self, column: &Column) -> String {
        let (name, most) = (self.quoted(&column.name), LONGEST_VALUE + 1);
        match (self, column.kind) {
            (Dialect::Postgres, Kind::List) => format!("LEFT(CAST(to_jsonb({name}) AS text), {most})"),
            (Dialect::Postgres, _) => format!("LEFT(CAST({name} AS text), {most})"),
            (Dialect::MySql, Kind::Bit) => format!("CAST({name} + 0 AS CHAR)"),
            (Dialect::MySql, _) => format!("LEFT(CAST({name} AS CHAR), {most})"),
            (Dialect::Sqlite, _) => format!(
                "CASE typeof({name}) WHEN 'text' THEN substr({name}, 1, {most}) WHEN 'blob' THEN x'' ELSE {name} END"
            ),
        }
    }
}

/// A statement while it is written, with its values.
pub(super) struct Words {
    pub(super) text: String,
    pub(super) values: Vec<Json>,
    pub(super) writes: bool,
    dialect: Dialect,
}

impl Words {
    pub(super) fn new(dialect: Dialect, writes: bool) -> Self {
        Self { text: String::new(), values: vec![], writes, dialect }
    }

    pub(super) fn add(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// A value that is text to the engine whatever else it could be.
    pub(super) fn text(mut self, value: &str) -> Self {
        self.values.push(Json::from(value));
        let place = match self.dialect {
            Dialect::Postgres => format!("CAST(${} AS text)", self.values.len()),
            Dialect::MySql => "?".to_owned(),
            Dialect::Sqlite => format!("?{}", self.values.len()),
        };
        self.add(&place)
    }

    /// A value that a column is compared with. MySQL would compare a number with a text as if both were real numbers.
    pub(super) fn value(self, column: &Column, value: Json) -> Self {
        let cast = match (self.dialect, column.kind) {
            (Dialect::MySql, Kind::Int) if column.declared.contains("unsigned") => {
                Some("CAST(? AS UNSIGNED)")
            }
            (Dialect::MySql, Kind::Int) => Some("CAST(? AS SIGNED)"),
            (Dialect::MySql, Kind::Decimal) => Some("CAST(? AS DECIMAL(65, 20))"),
            (Dialect::MySql, Kind::Stamp | Kind::ZonedStamp) => Some("CAST(? AS DATETIME(6))"),
            _ => None,
        };
        self.bound(column, value, cast)
    }

    /// A value that is written to a column.
    pub(super) fn cell(self, column: &Column, value: Json) -> Self {
        self.bound(column, value, None)
    }

    fn bound(mut self, column: &Column, value: Json, cast: Option<&str>) -> Self {
        // all but SQLite get every value as the text of it
        let value = match value {
            Json::Number(number) if self.dialect != Dialect::Sqlite => Json::from(number.to_string()),
            other => other,
        };
        self.values.push(value);
        let at = self.values.len();
        let place = match (self.dialect, column.kind) {
            (Dialect::Sqlite, _) => format!("?{at}"),
            // a cast to the type with its length would cut without a word; to assign a text does not
            (Dialect::Postgres, Kind::Text) if column.is_plain_text() => format!("CAST(${at} AS text)"),
            (Dialect::Postgres, _) => format!("CAST(CAST(${at} AS text) AS {})", column.declared),
            (Dialect::MySql, _) => cast.unwrap_or("?").to_owned(),
        };
        self.add(&place)
    }

    /// An identifier.
    pub(super) fn name(self, name: &str) -> Self {
        let quoted = self.dialect.quoted(name);
        self.add(&quoted)
    }

    /// The table of the settings.
    pub(super) fn table(self, table: &str) -> Self {
        let quoted = self.dialect.table(table);
        self.add(&quoted)
    }

    /// Columns as they are read, separated by commas.
    pub(super) fn cells(self, columns: &[Column]) -> Self {
        let cells: Vec<String> = columns.iter().map(|column| self.dialect.cell(column)).collect();
        self.add(&cells.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_quotes() {
        let name = "a\"; DROP TABLE x; --`";
        assert_eq!(Dialect::Postgres.quoted(name), "\"a\"\"; DROP TABLE x; --`\"");
        assert_eq!(Dialect::MySql.quoted(name), "`a\"; DROP TABLE x; --```");
        assert_eq!(Dialect::Sqlite.table("shop.leads"), "\"shop.leads\"");
        assert_eq!(Dialect::MySql.table("shop.leads"), "`shop`.`leads`");
        assert_eq!(Dialect::Postgres.table("leads"), "\"leads\"");
    }
}
