//! Phase 1, text: the files of a config, read into one tree whose every key and value knows its place.
//!
//! All syntax errors of all files are found in one go; what stands behind them is still read.

mod scan;
mod syntax;

use std::ops::Range;

use leadloop_mapping::Value;
use syntax::Repaired;

use crate::problem::{Problem, Span, Words};

/// Where files come from: the file system for the command line, a map for tests. The config crate opens nothing itself.
pub trait Files {
    /// The text of a file, named as written in the config, relative to the config's own folder.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn read(&self, name: &str) -> Result<Vec<u8>, String>;

    /// The names that fit a pattern with `*` in its last part, in order.
    fn list(&self, pattern: &str) -> Vec<String>;
}

/// The texts of a config, in the order they were read; the first is the main file.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// Name and text of each.
    pub files: Vec<(String, String)>,
}

impl Texts {
    /// Line and column (in characters, both from 1) of a byte of a file.
    #[must_use]
    pub fn place(&self, file: usize, byte: usize) -> (usize, usize) {
        let Some((_, text)) = self.files.get(file) else { return (1, 1) };
        let before = text.get(..byte.min(text.len())).unwrap_or(text);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

/// A TOML value with places.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Real(f64),
    /// Yes or no.
    Bool(bool),
    /// A date, a time or both, as written.
    Time(String),
    /// A list.
    List(Vec<At<Tree>>),
    /// A table.
    Table(Table),
}

/// A table: its entries in the order of their names.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Table {
    /// Key and value, each with its place.
    pub entries: Vec<(At<String>, At<Tree>)>,
}

impl Table {
    /// The value under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&At<Tree>> {
        self.entries.iter().find(|(name, _)| name.value == key).map(|(_, value)| value)
    }
}

impl Tree {
    /// What kind of value it is, for messages.
    #[must_use]
    pub fn kind(&self) -> Words {
        match self {
            Tree::Text(_) => Words::new("text", "文本"),
            Tree::Int(_) => Words::new("a whole number", "整数"),
            Tree::Real(_) => Words::new("a number", "数字"),
            Tree::Bool(_) => Words::new("true or false", "布尔值"),
            Tree::Time(_) => Words::new("a date or time", "日期或时间"),
            Tree::List(_) => Words::new("a list", "列表"),
            Tree::Table(_) => Words::new("a table", "表"),
        }
    }

    /// The scalar as a value of the product; `None` for lists with tables in them and tables.
    #[must_use]
    pub fn to_value(&self) -> Option<Value> {
        Some(match self {
            Tree::Text(text) | Tree::Time(text) => Value::text(text.as_str()),
            Tree::Int(number) => Value::Int(*number),
            Tree::Real(number) => Value::Real(*number),
            Tree::Bool(yes) => Value::Bool(*yes),
            Tree::List(list) => {
                Value::List(list.iter().map(|item| item.value.to_value()).collect::<Option<Vec<_>>>()?)
            }
            Tree::Table(_) => return None,
        })
    }
}

/// What was read from one text.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Parsed {
    /// What can be read.
    pub table: Table,
    /// Every syntax error.
    pub problems: Vec<Problem>,
    /// The parts that cannot be read: what seems to be missing may stand there.
    pub damaged: Vec<Range<usize>>,
}

/// Reads one text into a tree, and every syntax error in it.
#[must_use]
pub fn parse(file: usize, text: &str) -> Parsed {
    let (tree, errors) = toml::de::DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Parsed { table: table(file, tree.get_ref()), ..Parsed::default() };
    }
    let Repaired { text, problems, damaged } = syntax::repair(file, text);
    let (tree, _) = toml::de::DeTable::parse_recoverable(&text);
    Parsed { table: table(file, tree.get_ref()), problems, damaged }
}

fn table(file: usize, from: &toml::de::DeTable<'_>) -> Table {
    let mut entries: Vec<_> = from
        .iter()
        .map(|(key, value)| {
            let key_at = At { value: key.get_ref().to_string(), span: Span { file, range: key.span() } };
            (key_at, At { value: tree(file, value.get_ref()), span: Span { file, range: value.span() } })
        })
        .collect();
    entries.sort_by_key(|(key, _)| key.span.range.start);
    Table { entries }
}

fn tree(file: usize, from: &toml::de::DeValue<'_>) -> Tree {
    use toml::de::DeValue;
    match from {
        DeValue::String(text) => Tree::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            // Too large for a whole number of ours: no key takes it, but it is a number all the same.
            .map_or_else(|_| Tree::Real(number.as_str().parse().unwrap_or(f64::MAX)), Tree::Int),
        DeValue::Float(number) => number
            .as_str()
            .replace('_', "")
            .parse()
            .map_or_else(|_| Tree::Text(number.to_string()), Tree::Real),
        DeValue::Boolean(yes) => Tree::Bool(*yes),
        DeValue::Datetime(time) => Tree::Time(time.to_string()),
        DeValue::Array(list) => Tree::List(
            list.iter()
                .map(|item| At { value: tree(file, item.get_ref()), span: Span { file, range: item.span() } })
                .collect(),
        ),
        DeValue::Table(inner) => Tree::Table(table(file, inner)),
    }
}
