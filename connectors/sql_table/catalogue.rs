//! Which columns a table has and what they hold, by the engine's own catalogue.

use leadloop_connector_api::answers::text_of;
use leadloop_mapping::schema::{FieldKind, Length, Unit};
use leadloop_sync_core::describe::{RemoteField, RemoteObject};
use leadloop_sync_core::outbox::Outcome;
use serde_json::Value as Json;

use super::dialect::{Dialect, Words};
use super::refused;

/// What a column holds, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Int,
    Decimal,
    Real,
    Bool,
    /// A yes or no in one bit.
    Bit,
    Date,
    /// A time without a zone.
    Stamp,
    /// A time with one: a point in time.
    ZonedStamp,
    Json,
    /// An array.
    List,
    Bytes,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Its type as the engine writes it.
    pub(super) declared: String,
    /// A new row needs it.
    pub(super) needed: bool,
    /// No two rows have the same value in it.
    pub(super) unique: bool,
    /// An index begins with it.
    pub(super) indexed: bool,
    /// The database computes it.
    pub(super) computed: bool,
}

impl Column {
    pub(super) fn holds_bytes(&self) -> bool {
        self.kind == Kind::Bytes
    }

    /// Whether any text can be assigned to it.
    pub(super) fn is_plain_text(&self) -> bool {
        self.declared == "text" || self.declared.starts_with("character")
    }
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) is_view: bool,
}

/// Asks for name, type, whether a new row needs it, whether it is unique, whether an index begins with it, whether it is
/// computed, and whether it is one of a view.
pub(super) fn question(dialect: Dialect, table: &str) -> Words {
    let words = Words::new(dialect, false);
    match dialect {
        // format_type gives the type's name in its quotes; what a domain stands for is asked instead of the domain
        Dialect::Postgres => words
            .add(
                "SELECT a.attname::text, format_type(CASE t.typbasetype WHEN 0 THEN a.atttypid ELSE t.typbasetype END, \
                 CASE t.typbasetype WHEN 0 THEN a.atttypmod ELSE t.typtypmod END)::text, \
                 a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', \
                 EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indpred IS NULL \
                 AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum), \
                 EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum), \
                 a.attgenerated <> '' OR a.attidentity = 'a', c.relkind IN ('v', 'm') \
                 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid \
                 WHERE a.attrelid = to_regclass(",
            )
            .text(&dialect.table(table))
            .add(") AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"),
        Dialect::MySql => {
            let (schema, name) = dialect.parts(table);
            let words = words.add(
                "SELECT CAST(c.column_name AS CHAR), CAST(c.column_type AS CHAR), \
                 c.is_nullable = 'NO' AND c.column_default IS NULL AND c.extra NOT LIKE '%auto_increment%', \
                 EXISTS (SELECT 1 FROM information_schema.statistics s WHERE s.table_schema = c.table_schema \
                 AND s.table_name = c.table_name AND s.column_name = c.column_name AND s.seq_in_index = 1 \
                 AND s.non_unique = 0 AND s.sub_part IS NULL AND NOT EXISTS (SELECT 1 FROM information_schema.statistics m \
                 WHERE m.table_schema = s.table_schema AND m.table_name = s.table_name AND m.index_name = s.index_name \
                 AND m.seq_in_index = 2)), \
                 EXISTS (SELECT 1 FROM information_schema.statistics s WHERE s.table_schema = c.table_schema \
                 AND s.table_name = c.table_name AND s.column_name = c.column_name AND s.seq_in_index = 1), \
                 c.extra LIKE '%GENERATED%' AND c.extra NOT LIKE '%DEFAULT_GENERATED%', \
                 EXISTS (SELECT 1 FROM information_schema.views v WHERE v.table_schema = c.table_schema \
                 AND v.table_name = c.table_name) \
                 FROM information_schema.columns c WHERE c.table_schema = ",
            );
            let words = match schema {
                Some(schema) => words.text(schema),
                None => words.add("DATABASE()"),
            };
            words.add(" AND c.table_name = ").text(name).add(" ORDER BY c.ordinal_position")
        }
        Dialect::Sqlite => words
            .add("WITH the(name) AS (SELECT ")
            .text(table)
            .add(
                ") SELECT p.name, p.type, p.\"notnull\" = 1 AND p.dflt_value IS NULL AND p.pk = 0, \
                 EXISTS (SELECT 1 FROM pragma_index_list(the.name) l JOIN pragma_index_info(l.name) i \
                 WHERE l.\"unique\" = 1 AND l.partial = 0 AND i.seqno = 0 AND i.name = p.name \
                 AND NOT EXISTS (SELECT 1 FROM pragma_index_info(l.name) m WHERE m.seqno = 1)) \
                 OR p.pk = 1 AND NOT EXISTS (SELECT 1 FROM pragma_table_info(the.name) k WHERE k.pk = 2), \
                 p.pk = 1 OR EXISTS (SELECT 1 FROM pragma_index_list(the.name) l JOIN pragma_index_info(l.name) i \
                 WHERE i.seqno = 0 AND i.name = p.name), p.hidden IN (2, 3), \
                 EXISTS (SELECT 1 FROM sqlite_master s WHERE s.name = the.name AND s.type = 'view') \
                 FROM the, pragma_table_xinfo(the.name) p WHERE p.hidden <> 1 ORDER BY p.cid",
            ),
    }
}

impl Table {
    /// The answer to [`question`]; without columns there is no such table.
    pub(super) fn read(dialect: Dialect, rows: &[Vec<Json>]) -> Option<Self> {
        let mut table = Table { columns: vec![], is_view: false };
        for row in rows {
            let [name, declared, needed, unique, indexed, computed, view] = row.as_slice() else {
                return None;
            };
            let declared = declared.as_str()?.to_owned();
            table.is_view |= is_yes(view)?;
            table.columns.push(Column {
                name: name.as_str().filter(|name| !name.is_empty())?.to_owned(),
                kind: dialect.kind(&declared.to_lowercase()),
                declared,
                needed: is_yes(needed)?,
                unique: is_yes(unique)?,
                indexed: is_yes(indexed)?,
                computed: is_yes(computed)?,
            });
        }
        Some(table)
    }

    /// The column of that name.
    pub(super) fn column(&self, name: &str) -> Result<&Column, Outcome> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).take(30).collect();
            refused("no_column", format!("there is no column `{name}`; columns: {}", names.join(", ")))
        })
    }

    /// The table as an object of a CRM.
    pub(super) fn described(&self, name: &str, remote: &str) -> RemoteObject {
        self.columns.iter().fold(RemoteObject::new(name, remote), |object, column| {
            let field = RemoteField::of(column.field_kind())
                .max(column.longest())
                .required(column.needed)
                .writable(!column.computed && !column.holds_bytes())
                .unique(column.unique);
            object.field(column.name.as_str(), field)
        })
    }
}

impl Column {
    fn field_kind(&self) -> FieldKind {
        match self.kind {
            Kind::Text | Kind::Json => FieldKind::Text,
            Kind::Int => FieldKind::Int,
            Kind::Decimal | Kind::Real => FieldKind::Real,
            Kind::Bool | Kind::Bit => FieldKind::Bool,
            Kind::Date => FieldKind::Date,
            Kind::Stamp | Kind::ZonedStamp => FieldKind::Time,
            Kind::List | Kind::Bytes => FieldKind::Any,
        }
    }

    /// Most characters, where its type says so.
    fn longest(&self) -> Option<Length> {
        let declared = self.declared.to_lowercase();
        let (_, length) = declared.split_once("char(").or_else(|| declared.split_once("varying("))?;
        Some(Length { most: length.split_once(')')?.0.parse().ok()?, unit: Unit::Chars })
    }
}

fn is_yes(cell: &Json) -> Option<bool> {
    match text_of(cell)?.as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// `timestamp(3) without time zone` as `timestamp without time zone`.
fn without_length(declared: &str) -> String {
    match (declared.split_once('('), declared.split_once(')')) {
        (Some((before, _)), Some((_, after))) => format!("{before}{after}"),
        _ => declared.to_owned(),
    }
}

impl Dialect {
    /// What a type holds.
    fn kind(self, declared: &str) -> Kind {
        let is = |names: &[&str]| names.iter().any(|name| declared.starts_with(name));
        match self {
            Dialect::Postgres => match without_length(declared).as_str() {
                "smallint" | "integer" | "bigint" => Kind::Int,
                "numeric" => Kind::Decimal,
                "real" | "double precision" => Kind::Real,
                "boolean" => Kind::Bool,
                "date" => Kind::Date,
                "timestamp without time zone" => Kind::Stamp,
                "timestamp with time zone" => Kind::ZonedStamp,
                "json" | "jsonb" => Kind::Json,
                "bytea" => Kind::Bytes,
                _ if declared.ends_with("[]") => Kind::List,
                _ => Kind::Text,
            },
            Dialect::MySql => match declared {
                "tinyint(1)" => Kind::Bool,
                "bit(1)" => Kind::Bit,
                _ if is(&["tinyint", "smallint", "mediumint", "int", "bigint"]) => Kind::Int,
                _ if is(&["decimal", "numeric"]) => Kind::Decimal,
                _ if is(&["float", "double"]) => Kind::Real,
                _ if is(&["datetime"]) => Kind::Stamp,
                _ if is(&["timestamp"]) => Kind::ZonedStamp,
                "date" => Kind::Date,
                "json" => Kind::Json,
                _ if is(&["tinyblob", "blob", "mediumblob", "longblob", "binary", "varbinary", "bit"])
                    || is(&[
                        "geometry",
                        "point",
                        "linestring",
                        "polygon",
                        "multi",
                        "geomcollection",
                        "vector",
                    ]) =>
                {
                    Kind::Bytes
                }
                _ => Kind::Text,
            },
            Dialect::Sqlite => {
                let has = |names: &[&str]| names.iter().any(|name| declared.contains(name));
                match declared {
                    _ if has(&["bool"]) => Kind::Bool,
                    _ if has(&["int"]) => Kind::Int,
                    _ if has(&["datetime", "timestamp"]) => Kind::Stamp,
                    _ if has(&["date"]) => Kind::Date,
                    _ if has(&["json"]) => Kind::Json,
                    _ if has(&["blob"]) => Kind::Bytes,
                    _ if has(&["dec", "numeric"]) => Kind::Decimal,
                    _ if has(&["real", "floa", "doub"]) => Kind::Real,
                    _ => Kind::Text,
                }
            }
        }
    }
}
