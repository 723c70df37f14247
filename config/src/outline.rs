//! A config as data: what two versions of it are compared by. Sections with their tables, and the rows of its CSV files.
//!
//! Kept in the database beside the version's hash, so no secret is in it (references stay references) and no address of a
//! person: of those only a short check remains that tells "changed", not what stood there.

use serde_json::{Map, Value as Json};

use crate::lower::Context;
use crate::lower::files::Form;
use crate::text::{Table, Tree};

/// Columns of tables that hold addresses of people.
const ADDRESSES: [&str; 7] = ["mail", "email", "mobile", "phone", "wecom_id", "dingtalk_id", "feishu_id"];
/// Columns a row is known by, the first that a table has.
const KEYS: [&str; 4] = ["key", "code", "province", "name"];
/// Where the rows of CSV files stand.
pub(crate) const TABLES: &str = "tables";

/// The config read so far as data.
#[must_use]
pub(crate) fn outline(ctx: &Context<'_>) -> Json {
    let mut outline = Map::new();
    for (section, tables) in &ctx.sections {
        let tables = tables.iter().map(|at| json_of(&at.value)).collect();
        outline.insert(section.clone(), Json::Array(tables));
    }
    if let Some(url) = outline.get_mut("store").and_then(|tables| tables.pointer_mut("/0/url")) {
        // What stands behind a question mark may be a password.
        if let Some(text) = url.as_str() {
            *url = Json::from(text.split('?').next().unwrap_or_default());
        }
    }
    let mut tables = Map::new();
    for ((name, text), form) in ctx.texts.files.iter().zip(&ctx.forms) {
        if *form == Form::Table {
            tables.insert(name.clone(), Json::Object(rows(text)));
        }
    }
    outline.insert(TABLES.to_owned(), Json::Object(tables));
    Json::Object(outline)
}

/// A table as JSON, without its places.
fn json_of(table: &Table) -> Json {
    Json::Object(table.entries.iter().map(|(key, at)| (key.value.clone(), tree(&at.value))).collect())
}

fn tree(value: &Tree) -> Json {
    match value {
        Tree::Text(text) | Tree::Time(text) => Json::from(text.as_str()),
        Tree::Int(number) => Json::from(*number),
        Tree::Real(number) => Json::from(*number),
        Tree::Bool(yes) => Json::from(*yes),
        Tree::List(list) => list.iter().map(|item| tree(&item.value)).collect(),
        Tree::Table(table) => json_of(table),
    }
}

/// The rows of a table by their key; rows with the same key are told apart by their number.
fn rows(text: &str) -> Map<String, Json> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(crate::lower::rows::delimiter(text))
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let Ok(columns) = reader.headers().cloned() else { return Map::new() };
    let columns: Vec<String> = columns.iter().map(str::to_lowercase).collect();
    let key = KEYS.iter().find_map(|key| columns.iter().position(|column| column == key)).unwrap_or(0);
    let mut rows = Map::new();
    for record in reader.records().filter_map(Result::ok) {
        let cells = columns.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
        let row = cells.map(|(column, cell)| (column.clone(), shown(column, cell))).collect();
        let name = record.get(key).unwrap_or_default().to_owned();
        let mut unique = name.clone();
        let mut again = 1;
        while rows.contains_key(&unique) {
            again += 1;
            unique = format!("{name} ({again})");
        }
        rows.insert(unique, Json::Object(row));
    }
    rows
}

/// A cell as it is kept: of an address only sixteen bits, which a hundred thousand others share.
fn shown(column: &str, cell: &str) -> Json {
    if ADDRESSES.contains(&column) {
        let mixed = crate::fingerprint::of([cell.as_bytes()]);
        return Json::from(format!("#{}", mixed.get(..4).unwrap_or_default()));
    }
    Json::from(cell)
}
