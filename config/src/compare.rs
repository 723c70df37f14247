//! Two versions of a config, compared: what is new, gone, other, and what stands at another place in a list of which the
//! first that holds decides.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::outline::TABLES;

/// Sections of which the order counts.
const ORDERED: [&str; 4] = ["transfer", "sla", "mql", "crm"];
/// What a table within a list is known by: the first of these that it has.
const NAMES: [&str; 8] = ["name", "tag", "crm", "from", "person", "touch", "to", "fixed"];
/// Most values shown of one change.
const MOST_VALUES: usize = 100;

/// What happened to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is other.
    Changed,
    /// It stands at another place among the others.
    Moved,
}

/// One value that is other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueChange {
    /// Where: `limits.per_second`, `fields[phone].max`.
    pub key: String,
    /// What it was; none where it is new.
    pub before: Option<Json>,
    /// What it is; none where it is gone.
    pub after: Option<Json>,
}

/// One thing that is other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Its section, or its table: `transfer`, `people.csv`.
    pub section: String,
    /// Its name; none for sections that are written once.
    pub name: Option<String>,
    /// What happened.
    pub kind: ChangeKind,
    /// Its place in the list before and after, from 1, where places count.
    pub place: (Option<usize>, Option<usize>),
    /// What is other in it.
    pub values: Vec<ValueChange>,
}

/// Tables with a name for each, in their order.
type Named = Vec<(String, Json)>;

/// Everything that is other in `new` than in `old` (outlines of plans), in the order of the sections.
#[must_use]
pub fn compare(old: &Json, new: &Json) -> Vec<Change> {
    let of = |json: &Json| json.as_object().cloned().unwrap_or_default();
    let (old, new) = (of(old), of(new));
    let mut changes = Vec::new();
    for section in keys(&old, &new).into_iter().filter(|section| section != TABLES) {
        let list = |all: &Map<String, Json>| {
            named(&section, all.get(&section).and_then(Json::as_array).map_or(&[][..], Vec::as_slice))
        };
        tables(&section, &list(&old), &list(&new), &mut changes);
    }
    let files =
        |all: &Map<String, Json>| all.get(TABLES).and_then(Json::as_object).cloned().unwrap_or_default();
    let (old, new) = (files(&old), files(&new));
    for file in keys(&old, &new) {
        let rows = |all: &Map<String, Json>| -> Named {
            let rows = all.get(&file).and_then(Json::as_object);
            rows.into_iter().flatten().map(|(key, row)| (key.clone(), row.clone())).collect()
        };
        tables(&file, &rows(&old), &rows(&new), &mut changes);
    }
    changes
}

fn keys(old: &Map<String, Json>, new: &Map<String, Json>) -> Vec<String> {
    let mut names: Vec<String> = old.keys().chain(new.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names
}

/// Tables of a section with a name for each: its own, what it is about, or its number.
fn named(section: &str, tables: &[Json]) -> Named {
    let text = |table: &Json, key: &str| table.get(key).and_then(Json::as_str).map(str::to_owned);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let pair = |one: &str, other: &str| Some(format!("{}/{}", text(table, one)?, text(table, other)?));
        let name = match section {
            "mapping" | "status" => pair("crm", "object"),
            "leave" => pair("person", "from"),
            _ => text(table, "name").or_else(|| text(table, "tag")),
        };
        let number = || if tables.len() == 1 { String::new() } else { format!("#{}", at + 1) };
        all.push((again(&mut seen, name.unwrap_or_else(number)), table.clone()));
    }
    all
}

/// A name that was given before gets a number.
fn again(seen: &mut BTreeMap<String, usize>, name: String) -> String {
    let times = seen.entry(name.clone()).or_default();
    *times += 1;
    if *times > 1 { format!("{name} ({times})") } else { name }
}

fn tables(section: &str, old: &[(String, Json)], new: &[(String, Json)], changes: &mut Vec<Change>) {
    let before: BTreeMap<&str, (usize, &Json)> =
        old.iter().enumerate().map(|(at, (name, table))| (name.as_str(), (at, table))).collect();
    let after: BTreeMap<&str, usize> =
        new.iter().enumerate().map(|(at, (name, _))| (name.as_str(), at)).collect();
    let ordered = ORDERED.contains(&section);
    let moved = if ordered { moved(&before, new) } else { Vec::new() };
    let change = |name: &str, kind: ChangeKind, values: Vec<ValueChange>| {
        let place = |at: Option<usize>| at.filter(|_| ordered).map(|at| at + 1);
        Change {
            section: section.to_owned(),
            name: Some(name.to_owned()).filter(|name| !name.is_empty()),
            kind,
            place: (place(before.get(name).map(|(at, _)| *at)), place(after.get(name).copied())),
            values,
        }
    };
    for (name, table) in old.iter().filter(|(name, _)| !after.contains_key(name.as_str())) {
        changes.push(change(name, ChangeKind::Removed, whole(table, false)));
    }
    for (name, table) in new {
        let Some((_, known)) = before.get(name.as_str()) else {
            changes.push(change(name, ChangeKind::Added, whole(table, true)));
            continue;
        };
        let mut values = Vec::new();
        differences(known, table, "", &mut values);
        values.truncate(MOST_VALUES);
        if !values.is_empty() {
            changes.push(change(name, ChangeKind::Changed, values));
        }
        if moved.contains(&name.as_str()) {
            changes.push(change(name, ChangeKind::Moved, Vec::new()));
        }
    }
}

/// What a new (or former) table says.
fn whole(table: &Json, new: bool) -> Vec<ValueChange> {
    let entries = table.as_object().into_iter().flatten().take(MOST_VALUES);
    let side = |value: &Json, wanted: bool| (new == wanted).then(|| value.clone());
    entries
        .map(|(key, value)| ValueChange {
            key: key.clone(),
            before: side(value, false),
            after: side(value, true),
        })
        .collect()
}

/// Names in both lists that stand in another order: those outside a longest run that kept its order.
fn moved<'n>(before: &BTreeMap<&str, (usize, &Json)>, new: &'n [(String, Json)]) -> Vec<&'n str> {
    let common: Vec<(&'n str, usize)> =
        new.iter().filter_map(|(name, _)| Some((name.as_str(), before.get(name.as_str())?.0))).collect();
    // For each: the length of the longest run that ends there, and the one before it in that run.
    let mut runs: Vec<(usize, Option<usize>)> = Vec::new();
    for (_, own) in &common {
        let earlier = runs.iter().enumerate().zip(&common).filter(|(_, (_, rank))| rank < own);
        let longest = earlier.max_by_key(|((_, (length, _)), _)| *length);
        runs.push(longest.map_or((1, None), |((at, (length, _)), _)| (length + 1, Some(at))));
    }
    let mut kept = Vec::new();
    let mut at = runs.iter().enumerate().max_by_key(|(_, (length, _))| *length).map(|(at, _)| at);
    while let Some(place) = at {
        kept.push(place);
        at = runs.get(place).and_then(|(_, before)| *before);
    }
    common.iter().enumerate().filter(|(at, _)| !kept.contains(at)).map(|(_, (name, _))| *name).collect()
}

fn differences(old: &Json, new: &Json, path: &str, found: &mut Vec<ValueChange>) {
    if old == new || found.len() > MOST_VALUES {
        return;
    }
    let mut say = |key: String, before: Option<&Json>, after: Option<&Json>| {
        found.push(ValueChange { key, before: before.cloned(), after: after.cloned() });
    };
    match (old, new) {
        (Json::Object(before), Json::Object(after)) => {
            for key in keys(before, after) {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match (before.get(&key), after.get(&key)) {
                    (Some(before), Some(after)) => differences(before, after, &below, found),
                    (before, after) => {
                        found.push(ValueChange { key: below, before: before.cloned(), after: after.cloned() })
                    }
                }
            }
        }
        (Json::Array(before), Json::Array(after)) if before.iter().chain(after).all(Json::is_object) => {
            let (before, after) = (listed(before), listed(after));
            for (name, table) in
                before.iter().filter(|(name, _)| !after.iter().any(|(other, _)| other == name))
            {
                say(format!("{path}[{name}]"), Some(table), None);
            }
            for (name, table) in &after {
                let below = format!("{path}[{name}]");
                match before.iter().find(|(other, _)| other == name) {
                    Some((_, known)) => differences(known, table, &below, found),
                    None => {
                        found.push(ValueChange { key: below, before: None, after: Some((*table).clone()) })
                    }
                }
            }
        }
        _ => say(path.to_owned(), Some(old), Some(new)),
    }
}

/// Tables within a list, each with what it is known by.
fn listed(list: &[Json]) -> Vec<(String, &Json)> {
    let mut seen = BTreeMap::new();
    let name_of = |table: &Json| {
        let named = NAMES.iter().find_map(|key| table.get(*key));
        match named {
            Some(Json::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => table.to_string(),
        }
    };
    list.iter().map(|table| (again(&mut seen, name_of(table)), table)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(old: &Json, new: &Json) -> Vec<String> {
        let text = |value: Option<&Json>| value.map_or_else(|| "-".to_owned(), Json::to_string);
        let line = |change: Change| {
            let values: Vec<String> = change
                .values
                .iter()
                .map(|v| format!("{}:{}>{}", v.key, text(v.before.as_ref()), text(v.after.as_ref())))
                .collect();
            let name = change.name.unwrap_or_default();
            format!("{} {name} {:?} {:?} {}", change.section, change.kind, change.place, values.join(" "))
        };
        compare(old, new).into_iter().map(line).collect()
    }

    #[test]
    fn what_is_new_gone_other_or_elsewhere_is_said_and_nothing_else() {
        let old = json!({
            "crm": [{"name": "sales", "limits": {"per_second": 5}}],
            "leadloop": [{"language": "zh"}],
            "mapping": [{"crm": "sales", "object": "lead", "fields": [{"pool": "name", "crm": "name"}, {"crm": "x", "pool": "x"}]}],
            "transfer": [{"name": "a", "when": "1"}, {"name": "b", "when": "2"}, {"name": "c", "when": "3"}],
            "tables": {"people.csv": {"li": {"key": "li", "mobile": "#aaaa"}, "wang": {"key": "wang"}}},
        });
        assert!(said(&old, &old).is_empty());
        let new = json!({
            "crm": [{"name": "sales", "limits": {"per_second": 9}}],
            "leadloop": [{"language": "en"}],
            "mapping": [{"crm": "sales", "object": "lead", "fields": [{"pool": "name", "crm": "name", "max": 9}, {"crm": "y", "pool": "y"}]}],
            "transfer": [{"name": "c", "when": "3"}, {"name": "a", "when": "1"}, {"name": "d", "when": "4"}],
            "tables": {"people.csv": {"li": {"key": "li", "mobile": "#bbbb"}}},
        });
        assert_eq!(
            said(&old, &new),
            [
                "crm sales Changed (Some(1), Some(1)) limits.per_second:5>9",
                "leadloop  Changed (None, None) language:\"zh\">\"en\"",
                "mapping sales/lead Changed (None, None) fields[x]:{\"crm\":\"x\",\"pool\":\"x\"}>- fields[name].max:->9 fields[y]:->{\"crm\":\"y\",\"pool\":\"y\"}",
                "transfer b Removed (Some(2), None) name:\"b\">- when:\"2\">-",
                "transfer c Moved (Some(3), Some(1)) ",
                "transfer d Added (None, Some(3)) name:->\"d\" when:->\"4\"",
                "people.csv wang Removed (None, None) key:\"wang\">-",
                "people.csv li Changed (None, None) mobile:\"#aaaa\">\"#bbbb\"",
            ]
        );
    }

    #[test]
    fn rules_without_names_and_names_twice_are_told_apart() {
        let old = json!({"sla": [{"first": "1h"}, {"first": "2h"}], "team": [{"name": "x"}, {"name": "x", "a": 1}]});
        let new = json!({"sla": [{"first": "1h"}, {"first": "3h"}], "team": [{"name": "x"}, {"name": "x", "a": 2}]});
        assert_eq!(
            said(&old, &new),
            [
                "sla #2 Changed (Some(2), Some(2)) first:\"2h\">\"3h\"",
                "team x (2) Changed (None, None) a:1>2",
            ]
        );
    }
}
