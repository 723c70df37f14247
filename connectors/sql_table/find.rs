//! Looking rows up: by id, by our mark, by phone and e-mail where the table has columns of those names.

use leadloop_connector_api::chain::Next;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{FindBy, Outcome, Reply};
use serde_json::Value as Json;

use super::catalogue::{Column, Table};
use super::dialect::Words;
use super::{LEAD, Talk, description};
use crate::crm::spellings;

/// Most rows of one look-up: whoever has more of one phone has another problem.
const MOST_FOUND: usize = 50;
/// Most values that one look-up goes by.
const MOST_KEYS: usize = 20;

impl Talk {
    pub(super) fn find(self, by: FindBy) -> Next {
        self.with_table(move |talk, table| {
            let columns = match talk.read_columns(&table) {
                Ok(columns) => columns,
                Err(outcome) => return Next::end(outcome),
            };
            let pairs = match talk.wanted(&table, &by) {
                Ok(pairs) => pairs,
                Err(outcome) => return Next::end(outcome),
            };
            if pairs.is_empty() {
                // nothing to look for that this table has
                return Next::end(Outcome::Done(Reply::Found(vec![])));
            }
            let words = talk.find_words(&columns, &pairs);
            talk.ask(words, move |talk, answered| {
                let found: Result<Vec<RemoteRecord>, Outcome> =
                    answered.rows.iter().map(|row| talk.record(&columns, row)).collect();
                Next::end(found.map_or_else(|no| no, |records| Outcome::Done(Reply::Found(records))))
            })
        })
    }

    /// Columns, and the values of which one must stand there.
    fn wanted(&self, table: &Table, by: &FindBy) -> Result<Vec<(Column, String)>, Outcome> {
        let keys = match by {
            FindBy::Id(id) => return Ok(vec![(table.column(self.setting("id"))?.clone(), id.clone())]),
            FindBy::Mark(mark) => return Ok(vec![(table.column(self.mark())?.clone(), mark.clone())]),
            FindBy::Keys(keys) => keys,
        };
        let Some(roles) = description().object(LEAD).map(|object| &object.roles) else { return Ok(vec![]) };
        let mut pairs = Vec::new();
        for (kind, value) in keys {
            let (names, values) = match kind.as_str() {
                "phone" => (&roles.phones, spellings(value)),
                "email" => (&roles.emails, vec![value.to_lowercase()]),
                _ => continue,
            };
            for column in names.iter().filter_map(|name| table.column(name).ok()) {
                pairs.extend(values.iter().map(|value| (column.clone(), value.clone())));
            }
        }
        pairs.truncate(MOST_KEYS);
        Ok(pairs)
    }

    fn find_words(&self, columns: &[Column], pairs: &[(Column, String)]) -> Words {
        let words = Words::new(self.dialect, false).add("SELECT ").cells(columns).add(" FROM ");
        let mut words = words.table(self.setting("table")).add(" WHERE ");
        for (at, (column, value)) in pairs.iter().enumerate() {
            words = if at == 0 { words } else { words.add(" OR ") };
            words = if column.name == "email" {
                words.add("LOWER(").name(&column.name).add(") = ").text(value)
            } else {
                words.name(&column.name).add(" = ").value(column, Json::from(value.as_str()))
            };
        }
        words.add(&format!(" LIMIT {MOST_FOUND}"))
    }
}
