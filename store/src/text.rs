//! From a statement's text to the words of one engine.
//!
//! A text is SQL in the portable subset plus five things in braces:
//! - `{rows $1: id uuid, at bigint}`: a list parameter as a table. SQLite reads it from one JSON array, PostgreSQL from
//!   one array per column. Types: `uuid`, `bigint`, `bool`, `real`, `text`, and `doc` and `bytes`, which SQLite gets
//!   beside the JSON in one blob, so that long texts are neither escaped nor parsed;
//! - what is personal: the types `doc` and `bytes`, `secret` (a short text) and `stable` (a text that is looked for or
//!   grouped by). Where the store is encrypted they are sealed before they leave the program ([`crate::seal`]), else they
//!   are like any other. A single value is declared so by `{doc $2}`, `{secret $2}`, `{stable $2}`;
//! - `{sqlite: …}` and `{postgres: …}`: words for one engine only;
//! - `{clock}`: the database's clock, in microseconds;
//! - `{part above}`: words that several texts share ([`PARTS`]).
//!
//! A list takes several of an engine's parameters, so numbers are dealt anew here. The result is made once per process.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::seal::Form;

pub(crate) const SQLITE_CLOCK: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
const POSTGRES_CLOCK: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";

/// Words that several texts share, by their name.
const PARTS: [(&str, &str); 4] = [
    ("above", include_str!("../sql/part/above.sql")),
    ("captures_of", include_str!("../sql/part/captures_of.sql")),
    ("line", include_str!("../sql/part/line.sql")),
    ("reasons_of", include_str!("../sql/part/reasons_of.sql")),
];

/// The engine a text is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// The type of a column of a list parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Id,
    Int,
    Bool,
    Real,
    Text,
    Secret,
    Stable,
    Doc,
    Bytes,
}

impl Kind {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "uuid" => Kind::Id,
            "bigint" => Kind::Int,
            "bool" => Kind::Bool,
            "real" => Kind::Real,
            "text" => Kind::Text,
            "secret" => Kind::Secret,
            "stable" => Kind::Stable,
            "doc" => Kind::Doc,
            "bytes" => Kind::Bytes,
            _ => return None,
        })
    }

    const fn postgres(self) -> &'static str {
        match self {
            Kind::Id => "uuid[]",
            Kind::Int => "bigint[]",
            Kind::Bool => "boolean[]",
            Kind::Real => "double precision[]",
            Kind::Text | Kind::Secret | Kind::Stable | Kind::Doc => "text[]",
            Kind::Bytes => "bytea[]",
        }
    }

    /// How it is sealed where the store is encrypted; `None`: it is not personal.
    pub(crate) const fn form(self) -> Option<Form> {
        match self {
            Kind::Secret | Kind::Doc | Kind::Bytes => Some(Form::Random),
            Kind::Stable => Some(Form::Stable),
            Kind::Id | Kind::Int | Kind::Bool | Kind::Real | Kind::Text => None,
        }
    }

    /// Whether SQLite gets it in the blob beside the JSON.
    pub(crate) const fn beside(self) -> bool {
        matches!(self, Kind::Doc | Kind::Bytes)
    }
}

/// A parameter as the text declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Param {
    /// One value.
    One,
    /// One text that is personal.
    Sealed(Kind),
    /// A list of rows with these columns.
    List(Vec<(String, Kind)>),
}

impl Param {
    /// How many of the engine's parameters it takes.
    fn width(&self, engine: Engine) -> usize {
        match (self, engine) {
            (Param::One | Param::Sealed(_), _) => 1,
            (Param::List(columns), Engine::Postgres) => columns.len(),
            (Param::List(columns), Engine::Sqlite) => {
                1 + usize::from(columns.iter().any(|(_, kind)| kind.beside()))
            }
        }
    }
}

/// A statement in the words of one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) sql: String,
    pub(crate) params: Vec<Param>,
}

/// Makes the engine's words; an error names what is wrong with the text.
pub(crate) fn expand(source: &str, engine: Engine) -> Result<Text, String> {
    let bare = with_parts(&without_comments(source))?;
    let chosen = choose(&bare, engine)?;
    let params = params_of(&chosen)?;
    let mut first = Vec::with_capacity(params.len());
    let mut next = 1;
    for param in &params {
        first.push(next);
        next += param.width(engine);
    }
    let mut sql = String::with_capacity(chosen.len() * 2);
    let mut rest = chosen.as_str();
    while let Some(at) = rest.find(['{', '$']) {
        let (before, from) = rest.split_at(at);
        sql.push_str(before);
        if from.starts_with('{') {
            let (content, after) = inside(from)?;
            let (number, param) = declared(content)?;
            let position = first.get(number - 1).copied().unwrap_or(0);
            match param {
                Param::List(columns) => write_list(&mut sql, engine, position, &columns),
                Param::One | Param::Sealed(_) => {
                    let _ = write!(sql, "${position}");
                }
            }
            rest = after;
        } else {
            let (number, after) = number_of(from)?;
            let position = first.get(number - 1).copied().unwrap_or(0);
            let _ = write!(sql, "${position}");
            rest = after;
        }
    }
    sql.push_str(rest);
    Ok(Text { sql: sql.split_whitespace().collect::<Vec<_>>().join(" "), params })
}

fn without_comments(source: &str) -> String {
    source
        .lines()
        .map(|line| line.split_once("--").map_or(line, |(code, _)| code))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Puts in what texts share; a part has no parts.
fn with_parts(source: &str) -> Result<String, String> {
    let mut whole = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, from)) = rest.split_once("{part ") {
        whole.push_str(before);
        let (name, after) = from.split_once('}').ok_or_else(|| format!("a brace is not closed: {from}"))?;
        let part = PARTS.iter().find(|(known, _)| *known == name.trim());
        let (_, text) = part.ok_or_else(|| format!("there is no part `{name}`"))?;
        whole.push_str(without_comments(text).trim());
        rest = after;
    }
    whole.push_str(rest);
    Ok(whole)
}

/// Takes the words of one engine and leaves out the other's.
fn choose(source: &str, engine: Engine) -> Result<String, String> {
    let mut chosen = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        chosen.push_str(before);
        let (content, after) = inside(from)?;
        match (content.strip_prefix("sqlite:"), content.strip_prefix("postgres:"), engine) {
            (Some(words), _, Engine::Sqlite) | (_, Some(words), Engine::Postgres) => chosen.push_str(words),
            (None, None, Engine::Sqlite) if content == "clock" => chosen.push_str(SQLITE_CLOCK),
            (None, None, Engine::Postgres) if content == "clock" => chosen.push_str(POSTGRES_CLOCK),
            (None, None, _) => {
                let _ = write!(chosen, "{{{content}}}");
            }
            _ => {}
        }
        rest = after;
    }
    chosen.push_str(rest);
    Ok(chosen)
}

/// What stands between the brace that `text` starts with and its partner, and what follows.
fn inside(text: &str) -> Result<(&str, &str), String> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (head, tail) = text.split_at(at);
            return Ok((head.strip_prefix('{').unwrap_or(head), tail.strip_prefix('}').unwrap_or(tail)));
        }
    }
    Err(format!("a brace is not closed: {text}"))
}

/// The number after the `$` that `text` starts with, and what follows.
fn number_of(text: &str) -> Result<(usize, &str), String> {
    let digits = text.strip_prefix('$').unwrap_or(text);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let (number, after) = digits.split_at(end);
    match number.parse::<usize>() {
        Ok(number) if (1..=64).contains(&number) => Ok((number, after)),
        _ => Err(format!("no parameter number at {text}")),
    }
}

/// What stands in braces declares a list, or one personal text.
fn declared(content: &str) -> Result<(usize, Param), String> {
    for (word, kind) in [("doc", Kind::Doc), ("secret", Kind::Secret), ("stable", Kind::Stable)] {
        if let Some(number) = content.strip_prefix(word).filter(|rest| rest.trim_start().starts_with('$')) {
            return Ok((number_of(number.trim())?.0, Param::Sealed(kind)));
        }
    }
    list_of(content).map(|(number, columns)| (number, Param::List(columns)))
}

fn list_of(content: &str) -> Result<(usize, Vec<(String, Kind)>), String> {
    let list = content.strip_prefix("rows").ok_or_else(|| format!("unknown words in braces: {content}"))?;
    let (number, columns) = number_of(list.trim_start())?;
    let columns = columns.trim_start().strip_prefix(':').ok_or_else(|| format!("no columns: {content}"))?;
    let columns = columns
        .split(',')
        .map(|column| {
            let mut words = column.split_whitespace();
            match (words.next(), words.next().and_then(Kind::parse), words.next()) {
                (Some(name), Some(kind), None) => Ok((name.to_owned(), kind)),
                _ => Err(format!("not `name type`: {column}")),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok((number, columns))
}

/// What the text says of each parameter; numbers must run from 1 without a gap.
fn params_of(source: &str) -> Result<Vec<Param>, String> {
    let mut params: BTreeMap<usize, Param> = BTreeMap::new();
    let mut rest = source;
    while let Some(at) = rest.find(['{', '$']) {
        let (_, from) = rest.split_at(at);
        let (number, param, after) = if from.starts_with('{') {
            let (content, after) = inside(from)?;
            let (number, param) = declared(content)?;
            (number, param, after)
        } else {
            let (number, after) = number_of(from)?;
            (number, Param::One, after)
        };
        if params.insert(number, param.clone()).is_some_and(|before| before != param) {
            return Err(format!("parameter {number} is declared in two ways"));
        }
        rest = after;
    }
    let count = params.len();
    if params.keys().copied().ne(1..=count) {
        return Err(format!("parameter numbers have a gap: {:?}", params.keys()));
    }
    Ok(params.into_values().collect())
}

fn write_list(sql: &mut String, engine: Engine, position: usize, columns: &[(String, Kind)]) {
    match engine {
        Engine::Postgres => {
            sql.push_str("(SELECT * FROM UNNEST(");
            for (at, (_, kind)) in columns.iter().enumerate() {
                let comma = if at == 0 { "" } else { ", " };
                let _ = write!(sql, "{comma}${}::{}", position + at, kind.postgres());
            }
            let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            let _ = write!(sql, ") AS u({}))", names.join(", "));
        }
        Engine::Sqlite => {
            sql.push_str("(SELECT ");
            let mut cell = 0; // place in the JSON row: a column beside it takes two, offset and length
            for (at, (name, kind)) in columns.iter().enumerate() {
                let comma = if at == 0 { "" } else { ", " };
                if kind.beside() {
                    let piece =
                        format!("substr(${}, e.value->>{cell}, e.value->>{})", position + 1, cell + 1);
                    let piece = if *kind == Kind::Doc { format!("CAST({piece} AS TEXT)") } else { piece };
                    let _ = write!(sql, "{comma}{piece} AS {name}");
                    cell += 2;
                } else {
                    let _ = write!(sql, "{comma}e.value->>{cell} AS {name}");
                    cell += 1;
                }
            }
            let _ = write!(sql, " FROM jsonb_each(${position}) e)");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_takes_as_many_parameters_as_its_engine_needs() {
        let source = "-- words for people: $9 {\nSELECT g.id, $2 FROM {rows $1: id uuid, at bigint, body doc} g WHERE g.at < $3";
        let sqlite = expand(source, Engine::Sqlite).unwrap();
        assert_eq!(
            sqlite.sql,
            "SELECT g.id, $3 FROM (SELECT e.value->>0 AS id, e.value->>1 AS at, \
             CAST(substr($2, e.value->>2, e.value->>3) AS TEXT) AS body FROM jsonb_each($1) e) g WHERE g.at < $4"
        );
        let postgres = expand(source, Engine::Postgres).unwrap();
        assert_eq!(
            postgres.sql,
            "SELECT g.id, $4 FROM (SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::text[]) AS u(id, at, body)) g \
             WHERE g.at < $5"
        );
        assert_eq!(sqlite.params, postgres.params);
    }

    #[test]
    fn what_is_personal_is_declared() {
        let source = "UPDATE t SET body = {doc $2} FROM {rows $1: id uuid, value stable, note secret} g";
        let text = expand(source, Engine::Postgres).unwrap();
        assert_eq!(
            text.sql,
            "UPDATE t SET body = $4 FROM (SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[]) AS u(id, value, note)) g"
        );
        let list = |name: &str, kind| (name.to_owned(), kind);
        let columns = vec![list("id", Kind::Id), list("value", Kind::Stable), list("note", Kind::Secret)];
        assert_eq!(text.params, vec![Param::List(columns), Param::Sealed(Kind::Doc)]);
    }

    #[test]
    fn each_engine_gets_its_own_words() {
        let source =
            "SELECT 1 {postgres: FROM {rows $1: id uuid} g FOR UPDATE}{sqlite: FROM {rows $1: id uuid} g}";
        assert!(expand(source, Engine::Postgres).unwrap().sql.ends_with("g FOR UPDATE"));
        assert!(expand(source, Engine::Sqlite).unwrap().sql.ends_with("e) g"));
    }

    #[test]
    fn texts_share_parts() {
        let text = expand("SELECT {part line} FROM lead l WHERE l.at < $2", Engine::Sqlite).unwrap();
        assert!(text.sql.starts_with("SELECT CASE $1 WHEN 'channel' THEN"), "{}", text.sql);
        assert!(text.sql.ends_with("END FROM lead l WHERE l.at < $2"), "{}", text.sql);
        assert_eq!(text.params, vec![Param::One, Param::One]);
    }

    #[test]
    fn mistakes_in_a_text_are_named() {
        for (source, words) in [
            ("SELECT $2", "gap"),
            ("SELECT {rows $1: id uuid", "not closed"),
            ("SELECT {rows $1: id number} g", "name type"),
            ("SELECT $1 FROM {rows $1: id uuid} g", "two ways"),
            ("SELECT {columns $1}", "unknown words"),
            ("SELECT {part other}", "no part"),
            ("SELECT $x", "no parameter number"),
        ] {
            let error = expand(source, Engine::Sqlite).unwrap_err();
            assert!(error.contains(words), "{source}: {error}");
        }
    }
}
