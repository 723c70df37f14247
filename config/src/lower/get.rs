//! Reading shape-checked tables: what is missing or wrong was said before, so these just leave it out.

use std::collections::BTreeMap;

use leadloop_mapping::Value;
use leadloop_sync_core::time::Micros;

use crate::text::{At, Table, Tree};
use crate::units;

/// Reads of a table's keys in the product's types.
pub trait Get {
    /// A text with its place.
    fn text_at(&self, key: &str) -> Option<At<&str>>;
    /// A text.
    fn text(&self, key: &str) -> Option<&str> {
        self.text_at(key).map(|at| at.value)
    }
    /// Texts; a single one is a list of one.
    fn texts_at(&self, key: &str) -> Vec<At<&str>>;
    /// Texts.
    fn texts(&self, key: &str) -> Vec<String> {
        self.texts_at(key).into_iter().map(|at| at.value.to_owned()).collect()
    }
    /// A whole number.
    fn int(&self, key: &str) -> Option<i64>;
    /// Yes or no.
    fn flag(&self, key: &str) -> Option<bool>;
    /// A length of time.
    fn duration(&self, key: &str) -> Option<Micros> {
        self.text(key).and_then(units::duration)
    }
    /// A table.
    fn table(&self, key: &str) -> Option<&Table>;
    /// Tables; a single one is a list of one.
    fn tables(&self, key: &str) -> Vec<At<&Table>>;
    /// A table of scalars.
    fn map(&self, key: &str) -> BTreeMap<String, Value>;
}

impl Get for Table {
    fn text_at(&self, key: &str) -> Option<At<&str>> {
        let at = self.get(key)?;
        match &at.value {
            Tree::Text(text) | Tree::Time(text) => Some(At { value: text, span: at.span.clone() }),
            _ => None,
        }
    }

    fn texts_at(&self, key: &str) -> Vec<At<&str>> {
        match self.get(key) {
            Some(At { value: Tree::List(list), .. }) => list
                .iter()
                .filter_map(|item| match &item.value {
                    Tree::Text(text) => Some(At { value: text.as_str(), span: item.span.clone() }),
                    _ => None,
                })
                .collect(),
            _ => self.text_at(key).into_iter().collect(),
        }
    }

    fn int(&self, key: &str) -> Option<i64> {
        match self.get(key)?.value {
            Tree::Int(number) => Some(number),
            _ => None,
        }
    }

    fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)?.value {
            Tree::Bool(yes) => Some(yes),
            _ => None,
        }
    }

    fn table(&self, key: &str) -> Option<&Table> {
        match &self.get(key)?.value {
            Tree::Table(table) => Some(table),
            _ => None,
        }
    }

    fn tables(&self, key: &str) -> Vec<At<&Table>> {
        match self.get(key) {
            Some(At { value: Tree::List(list), .. }) => list
                .iter()
                .filter_map(|item| match &item.value {
                    Tree::Table(table) => Some(At { value: table, span: item.span.clone() }),
                    _ => None,
                })
                .collect(),
            Some(At { value: Tree::Table(table), span }) => vec![At { value: table, span: span.clone() }],
            _ => vec![],
        }
    }

    fn map(&self, key: &str) -> BTreeMap<String, Value> {
        self.table(key)
            .map(|table| {
                table
                    .entries
                    .iter()
                    .filter_map(|(name, at)| at.value.to_value().map(|value| (name.value.clone(), value)))
                    .collect()
            })
            .unwrap_or_default()
    }
}
