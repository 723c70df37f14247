//! Pages by keyset: behind the last row by (changed, id), or by id alone. A row whose transaction ends late gets an older time
//! than rows that were read already, so a run begins a little before the last row of the run before, until as much time has
//! passed since that row was first seen; what is read twice is known by its key.

use jiff::{Span, ToSpan as _};
use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_mapping::Record;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{Cursor, Fetched, Outcome, Reply};
use leadloop_sync_core::time::{Micros, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::catalogue::{Column, Kind, Table};
use super::dialect::{Dialect, Words};
use super::{Answered, LEAD, ROWS, Talk, cell};

/// Ids are handed out in order and become visible out of it: without a time of change so many are looked back.
const IDS_BACK: i64 = 100;
/// A row from further ahead than this was written by a clock that is wrong; it must not hide the rows of today.
const AHEAD: Micros = Micros::hours(26);

/// Where reading stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Place {
    /// The last time of change that was read, as the engine wrote it.
    #[serde(skip_serializing_if = "Json::is_null")]
    changed: Json,
    /// The last id.
    #[serde(skip_serializing_if = "Json::is_null")]
    id: Json,
    /// Whether the run goes on behind it; else the next one begins before it.
    within: bool,
    /// Since when it is the last row of all, by our clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// Whether the next run begins right behind it: whatever could become visible late has been looked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    settled: bool,
    /// The run that goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Run>,
}

/// A run of several pages: when it began, and what the last row was by then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Run {
    begun: Timestamp,
    #[serde(default, skip_serializing_if = "Json::is_null")]
    changed: Json,
    #[serde(default, skip_serializing_if = "Json::is_null")]
    id: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
}

/// The columns by which rows are sorted.
struct Keys {
    id: Column,
    changed: Option<Column>,
}

impl Talk {
    /// The rows behind a cursor: as records of a source, or of a CRM.
    pub(super) fn changes(self, object: &str, cursor: &Cursor) -> Next {
        let (object, cursor) = (object.to_owned(), cursor.clone());
        self.with_table(move |talk, table| {
            let (columns, keys) = match talk.columns_and_keys(&table) {
                Ok(both) => both,
                Err(outcome) => return Next::end(outcome),
            };
            let place = talk.place(&keys, &cursor);
            let words = talk.page_words(&columns, &keys, &place);
            talk.ask(words, move |talk, answered| {
                Next::end(talk.page(&object, &columns, &keys, place, answered).unwrap_or_else(|no| no))
            })
        })
    }

    fn columns_and_keys(&self, table: &Table) -> Result<(Vec<Column>, Keys), Outcome> {
        let id = table.column(self.setting("id"))?.clone();
        let changed = self.link.text("changed").map(|name| table.column(name).cloned()).transpose()?;
        Ok((self.read_columns(table)?, Keys { id, changed }))
    }

    /// The place that a cursor means: its own, or, where there is none yet, the time it names.
    fn place(&self, keys: &Keys, cursor: &Cursor) -> Place {
        if let Some(token) = &cursor.token {
            return serde_json::from_str(token).unwrap_or_default();
        }
        let changed = keys.changed.as_ref().zip(cursor.since).map(|(changed, since)| {
            let since = since.max(self.first().unwrap_or(since));
            Json::from(cell::stamp(self.dialect, changed.kind, since, &self.zone))
        });
        Place { changed: changed.unwrap_or_default(), ..Place::default() }
    }

    /// Rows that were last changed before that are not wanted.
    fn first(&self) -> Option<Timestamp> {
        self.link.text("since").and_then(|since| Timestamp::parse(since, &self.zone))
    }

    fn size(&self) -> usize {
        self.link.int("page").and_then(|size| usize::try_from(size).ok()).unwrap_or(500).max(1)
    }

    fn page_words(&self, columns: &[Column], keys: &Keys, place: &Place) -> Words {
        let words = Words::new(self.dialect, false).add("SELECT ").cells(columns).add(" FROM ");
        let words =
            self.behind(words.table(self.setting("table")).add(" WHERE "), keys, place).add(" ORDER BY ");
        let words = match &keys.changed {
            Some(changed) => words.name(&changed.name).add(", "),
            None => words,
        };
        words.name(&keys.id.name).add(&format!(" LIMIT {}", self.size()))
    }

    /// Which rows stand behind a place.
    fn behind(&self, words: Words, keys: &Keys, place: &Place) -> Words {
        let Some(changed) = &keys.changed else {
            let words = words.name(&keys.id.name);
            return match (&place.id, place.within || place.settled) {
                (Json::Null, _) => words.add(" IS NOT NULL"),
                (id, true) => words.add(" > ").value(&keys.id, id.clone()),
                (id, false) => words.add(" >= ").value(&keys.id, before(id)),
            };
        };
        match (&place.changed, self.first()) {
            (Json::Null, None) => words.name(&changed.name).add(" IS NOT NULL"),
            (Json::Null, Some(first)) => {
                let first = cell::stamp(self.dialect, changed.kind, first, &self.zone);
                words.name(&changed.name).add(" >= ").value(changed, Json::from(first))
            }
            (last, _) if place.within || place.settled => {
                self.behind_row(words, (changed, last), (&keys.id, &place.id))
            }
            (last, _) => words.name(&changed.name).add(" >= ").value(changed, self.earlier(changed, last)),
        }
    }

    /// Behind one row by both keys, in the words by which each engine goes straight to it in an index of both: however many rows
    /// were changed at one and the same time, as by an import, none is passed twice.
    fn behind_row(
        &self,
        words: Words,
        (changed, last): (&Column, &Json),
        (id, last_id): (&Column, &Json),
    ) -> Words {
        if self.dialect == Dialect::MySql {
            return words
                .add("(")
                .name(&changed.name)
                .add(" > ")
                .value(changed, last.clone())
                .add(" OR (")
                .name(&changed.name)
                .add(" = ")
                .value(changed, last.clone())
                .add(" AND ")
                .name(&id.name)
                .add(" > ")
                .value(id, last_id.clone())
                .add("))");
        }
        let words = words.add("(").name(&changed.name).add(", ").name(&id.name).add(") > (");
        words.value(changed, last.clone()).add(", ").value(id, last_id.clone()).add(")")
    }

    /// Where the next run begins: so much before the last row. What is no time and no number stays as it is.
    fn earlier(&self, changed: &Column, last: &Json) -> Json {
        let back = self.look_back().0;
        if let Some(number) = last.as_i64().or_else(|| last.as_str()?.parse().ok()) {
            // seconds, milliseconds or microseconds since 1970 by their length; any other number counts changes
            let unit = match number {
                1_000_000_000..=99_999_999_999 => 1_000_000,
                100_000_000_000..=99_999_999_999_999 => 1_000,
                100_000_000_000_000.. => 1,
                _ => return last.clone(),
            };
            return Json::from(number.saturating_sub(back / unit));
        }
        let text = last.as_str().unwrap_or_default();
        let Some(wall) = cell::wall(text) else { return last.clone() };
        let back: Span = back.microseconds();
        let Ok(wall) = wall.checked_sub(back) else { return last.clone() };
        // SQLite compares texts: what is cut off sorts before what it begins
        let joint = if text.as_bytes().get(10) == Some(&b'T') { 'T' } else { ' ' };
        let (day, time) = (wall.date(), wall.time());
        Json::from(match (changed.kind, self.dialect) {
            (Kind::Date, _) => day.to_string(),
            (Kind::ZonedStamp, Dialect::Postgres) => format!("{day} {time}+00"),
            (_, Dialect::Sqlite) => format!("{day}{joint}{}", time.strftime("%H:%M:%S")),
            _ => format!("{day} {time}"),
        })
    }

    /// A last row from a future nobody has seen yet leaves the place at today.
    fn not_ahead(&self, changed: &Column, last: Json) -> Json {
        let seen = last.as_str().and_then(|text| cell::time(changed.kind, text, &self.zone));
        match seen {
            Some(at) if at > self.now + AHEAD => {
                Json::from(cell::stamp(self.dialect, changed.kind, self.now, &self.zone))
            }
            _ => last,
        }
    }

    /// Where reading stands behind a page whose last row has these keys. A row that was the last one already when a run began, as
    /// long after it was first seen as a transaction may take, has nothing before it that is still to come: the next run
    /// begins behind it. So a table at rest costs nothing, also where all of it was changed at one time.
    fn behind_page(&self, place: &Place, last: Option<(Json, Json)>, more: bool) -> Place {
        let run = place.run.clone().unwrap_or_else(|| Run {
            begun: self.now,
            changed: place.changed.clone(),
            id: place.id.clone(),
            since: place.since,
        });
        let (changed, id) = last.unwrap_or_else(|| (place.changed.clone(), place.id.clone()));
        if more {
            return Place { changed, id, within: true, run: Some(run), ..Place::default() };
        }
        let since = run.since.filter(|_| (&changed, &id) == (&run.changed, &run.id)).unwrap_or(self.now);
        let settled = cell::key(&id).is_some() && run.begun - since >= self.look_back();
        let since = cell::key(&id).map(|_| since);
        Place { changed, id, within: false, since, settled, run: None }
    }

    fn look_back(&self) -> Micros {
        self.link.seconds("look_back").unwrap_or_default()
    }

    /// The time of the last row on the very first page, where its column tells times: from a time on the table can be asked
    /// for changes, so that the rest of it need not be read first.
    fn began(&self, keys: &Keys, place: &Place, next: &Place) -> Option<Timestamp> {
        let changed = keys.changed.as_ref().filter(|_| *place == Place::default())?;
        let timely = matches!(changed.kind, Kind::Date | Kind::Stamp | Kind::ZonedStamp);
        let text = next.changed.as_str().filter(|_| timely)?;
        cell::wall(text).and_then(|_| cell::time(changed.kind, text, &self.zone))
    }

    fn page(
        &self,
        object: &str,
        columns: &[Column],
        keys: &Keys,
        place: Place,
        answered: Answered,
    ) -> Result<Outcome, Outcome> {
        let more = answered.cut || answered.rows.len() >= self.size();
        let at = |wanted: &Column| columns.iter().position(|column| column.name == wanted.name);
        let (id_at, changed_at) = (at(&keys.id), keys.changed.as_ref().and_then(at));
        let cell_of =
            |row: &[Json], at: Option<usize>| at.and_then(|at| row.get(at)).cloned().unwrap_or_default();
        if answered.rows.iter().any(|row| row.len() != columns.len()) {
            return Err(odd("a row has another number of cells than was asked for"));
        }
        let last = answered.rows.last().map(|row| (cell_of(row, changed_at), cell_of(row, id_at)));
        if last.as_ref().is_some_and(|(changed, id)| {
            cell::key(id).is_none() || (changed_at.is_some() && cell::key(changed).is_none())
        }) {
            return Err(odd("the last row of a page has no key to go on behind"));
        }
        let mut next = self.behind_page(&place, last, more);
        if let Some(changed) = keys.changed.as_ref().filter(|_| !more) {
            next.changed = self.not_ahead(changed, next.changed);
        }
        // a CRM whose rows say no time of change is read from the start each time
        let anew = !more && object == LEAD && keys.changed.is_none();
        let since = self.began(keys, &place, &next).filter(|_| object == LEAD && more);
        let token = (!anew && next != Place::default()).then(|| serde_json::to_string(&next).ok()).flatten();
        let next = Cursor { since, after_id: None, token };
        if object == ROWS {
            let mut fetched = Fetched { next, more, ..Fetched::default() };
            for (position, row) in answered.rows.iter().enumerate() {
                match self.lead(columns, (cell_of(row, id_at), cell_of(row, changed_at)), row, position) {
                    Ok(lead) => fetched.leads.push(lead),
                    Err(record) => fetched.unreadable.push(*record),
                }
            }
            return Ok(Outcome::Done(Reply::Leads(Box::new(fetched))));
        }
        let records: Result<Vec<RemoteRecord>, Outcome> =
            answered.rows.iter().map(|row| self.record(columns, row)).collect();
        Ok(Outcome::Done(Reply::Page { records: records?, next, more, of: None }))
    }

    /// A row as a record of a CRM. A cell that cannot be read says nothing.
    pub(super) fn record(&self, columns: &[Column], row: &[Json]) -> Result<RemoteRecord, Outcome> {
        let mut record = RemoteRecord {
            object: LEAD.to_owned(),
            id: String::new(),
            fields: Record::new(),
            modified_at: None,
            deleted: false,
        };
        for (column, cell) in columns.iter().zip(row) {
            let value = cell::value(column, cell, &self.zone).unwrap_or_default();
            if column.name == self.setting("id") {
                record.id = cell::key(cell).unwrap_or_default();
            }
            if self.link.text("changed") == Some(&column.name) {
                record.modified_at = Timestamp::parse(&value.to_display(), &self.zone);
            }
            record.fields.set(column.name.as_str(), value);
        }
        if record.id.is_empty() { Err(odd("a row has no id")) } else { Ok(record) }
    }
}

/// So many ids before the last one; what is no number stays as it is.
fn before(id: &Json) -> Json {
    let number = id.as_i64().or_else(|| id.as_str()?.parse().ok());
    number.map_or_else(|| id.clone(), |number| Json::from(number.saturating_sub(IDS_BACK)))
}
