//! Making and changing rows. A create looks for our mark first and changes what it finds: the column of the mark is unique, so
//! whatever became of an attempt, there is one row.

use leadloop_connector_api::Request;
use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_mapping::Record;
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::outbox::{Outcome, Reply};
use serde_json::Value as Json;

use super::catalogue::{Column, Table};
use super::dialect::Words;
use super::{Answered, LEAD, Talk, cell, description, refused};

/// What the shell says of a value that another row has in a unique column.
const UNIQUE: &str = "unique";

/// Cells to be written.
type Cells = Vec<(Column, Json)>;

impl Talk {
    /// The column of our mark.
    pub(super) fn mark(&self) -> &str {
        self.link.mark_field(description(), LEAD).unwrap_or("leadloop_id")
    }

    pub(super) fn create(self, mut record: Record, mark: String) -> Next {
        record.set(self.mark(), mark.as_str());
        let words = self.by_mark(&mark);
        self.ask(words, move |talk, found| {
            let is_new = found.rows.is_empty();
            talk.with_table(move |talk, table| {
                let ready = talk.marked(&table).and_then(|column| Ok((column, talk.cells(&table, &record)?)));
                match ready {
                    Err(outcome) => Next::end(outcome),
                    Ok((_, cells)) if is_new => talk.insert(cells, mark),
                    Ok((column, cells)) => talk.change_marked(&column, &cells, mark),
                }
            })
        })
    }

    /// The column of our mark, where it is one by which a create can be repeated.
    fn marked(&self, table: &Table) -> Result<Column, Outcome> {
        let column = table.column(self.mark())?;
        if column.unique {
            return Ok(column.clone());
        }
        let said = format!(
            "no unique index is on `{name}` alone, so a row could be doubled: CREATE UNIQUE INDEX … ON {} ({})",
            self.dialect.table(self.setting("table")),
            self.dialect.quoted(&column.name),
            name = column.name,
        );
        Err(refused("mark_not_unique", said))
    }

    /// The cells of a record.
    fn cells(&self, table: &Table, record: &Record) -> Result<Cells, Outcome> {
        let mut cells = Vec::new();
        for (name, value) in record.iter() {
            let no = |code: &str, detail: String| Outcome::Rejected {
                field: Some(name.to_owned()),
                code: code.to_owned(),
                detail,
            };
            let column = table.column(name)?;
            if column.computed || column.holds_bytes() {
                return Err(no("not_writable", format!("the column `{name}` is computed or holds bytes")));
            }
            let cell =
                cell::bound(self.dialect, column, value, &self.zone).map_err(|why| no("refused", why))?;
            cells.push((column.clone(), cell));
        }
        Ok(cells)
    }

    /// The id of the row that carries a mark.
    fn by_mark(&self, mark: &str) -> Words {
        let words =
            Words::new(self.dialect, false).add("SELECT ").add(&self.dialect.as_text(self.setting("id")));
        let words =
            words.add(" FROM ").table(self.setting("table")).add(" WHERE ").name(self.mark()).add(" = ");
        words.text(mark).add(" LIMIT 1")
    }

    /// The row is there: an attempt before this one made it.
    fn change_marked(self, column: &Column, cells: &Cells, mark: String) -> Next {
        let words = self.set(cells).name(&column.name).add(" = ").text(&mark);
        self.ask(words, move |talk, _| talk.written(&mark, None))
    }

    fn insert(self, cells: Cells, mark: String) -> Next {
        let names: Vec<String> = cells.iter().map(|(column, _)| self.dialect.quoted(&column.name)).collect();
        let words = Words::new(self.dialect, true).add("INSERT INTO ").table(self.setting("table"));
        let mut words = words.add(&format!(" ({}) VALUES (", names.join(", ")));
        for (at, (column, cell)) in cells.into_iter().enumerate() {
            words = if at == 0 { words } else { words.add(", ") };
            words = words.cell(&column, cell);
        }
        let words = words.add(")");
        let request = Request::sql(words.text, words.values, true).repeatable();
        Next::ask(request, move |answer| match self.answered(answer) {
            Ok(_) => self.written(&mark, None),
            // Taken meanwhile: by an attempt of ours that ended later than we thought, or by another row.
            Err(Outcome::Rejected { field, code, detail }) if code == UNIQUE => {
                self.written(&mark, Some(Outcome::Rejected { field, code, detail }))
            }
            Err(no) => Next::end(no),
        })
    }

    /// Asks for the row that carries the mark now; `otherwise`: what it means that there is none.
    fn written(self, mark: &str, otherwise: Option<Outcome>) -> Next {
        let words = self.by_mark(mark);
        self.ask(words, move |talk, found| {
            let id = found.rows.first().and_then(|row| row.first()).and_then(cell::key);
            Next::end(match (id, otherwise) {
                (Some(id), _) => talk.reference(id),
                (None, Some(no)) if found.rows.is_empty() => no,
                (None, _) => odd("the row that was written has no id"),
            })
        })
    }

    fn reference(&self, id: String) -> Outcome {
        Outcome::Done(Reply::Written(RemoteRef { link: self.link.name.clone(), object: LEAD.to_owned(), id }))
    }

    /// `UPDATE … SET … WHERE `.
    fn set(&self, cells: &Cells) -> Words {
        let mut words =
            Words::new(self.dialect, true).add("UPDATE ").table(self.setting("table")).add(" SET ");
        for (at, (column, cell)) in cells.iter().enumerate() {
            words = if at == 0 { words } else { words.add(", ") };
            words = words.name(&column.name).add(" = ").cell(column, cell.clone());
        }
        words.add(" WHERE ")
    }

    pub(super) fn update(self, remote: RemoteRef, record: Record) -> Next {
        self.with_table(move |talk, table| {
            let ready = table.column(talk.setting("id")).cloned();
            let ready = ready.and_then(|id| Ok((id, talk.cells(&table, &record)?)));
            let (id, cells) = match ready {
                Ok(ready) => ready,
                Err(outcome) => return Next::end(outcome),
            };
            if cells.is_empty() {
                return Next::end(talk.reference(remote.id));
            }
            let words = talk.set(&cells).name(&id.name).add(" = ").value(&id, Json::from(remote.id.as_str()));
            talk.ask(words, move |talk, Answered { changed, .. }| {
                Next::end(match changed {
                    0 => Outcome::Gone { detail: "no row has this id any more".to_owned() },
                    _ => talk.reference(remote.id),
                })
            })
        })
    }
}
