//! All records of the sandbox and the few ways to change them.
//!
//! This file keeps tables, stamps, indexes and the journal in step. Rules are in `rules`, conversion and merging in
//! `convert`, reading in `find`; who may call, and how often, is decided before (`gate`).

mod convert;
mod find;
mod index;
mod rules;

use crate::clock::Clock;
use crate::journal::Journal;
use crate::options::{MarkMode, Precision, Tuning};
use crate::record::{Author, Cell, Record, comparable, to_value};
use crate::refusal::Refusal;
use crate::schema::{Kind, Likeness, pos};
use index::Index;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use convert::Opportunity;
pub(crate) use find::Page;
pub(crate) use rules::Written;

/// All tables and what governs them.
#[derive(Debug)]
pub(crate) struct World {
    tables: [Table; Kind::ALL.len()],
    last_stamp: i64,
    precision: Precision,
    pub(crate) clock: Clock,
    pub(crate) tuning: Tuning,
    /// Where changes are kept over a restart.
    pub(crate) journal: Option<Journal>,
    /// Changes not yet told to webhooks.
    pub(crate) news: Vec<News>,
    pub(crate) listening: Listening,
    /// Writes made since the start.
    pub(crate) writes: u64,
    /// How often salespeople have given a lead back: a lead handed over again gets a new answer.
    pub(crate) rounds: BTreeMap<u32, u64>,
    /// While a seed is loaded: how many rows each table will have.
    pub(crate) planned: [usize; Kind::ALL.len()],
}

/// One object's records.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<Record>,
    /// (modified_at, row) of every record.
    changed: BTreeSet<(i64, u32)>,
    index: Index,
    deleted: usize,
}

/// What webhooks want to hear.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Listening {
    pub(crate) any: bool,
    pub(crate) with_record: bool,
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Created,
    Updated,
    Deleted,
    Merged,
    Converted,
}

impl Event {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Merged => "merged",
            Self::Converted => "converted",
        }
    }
}

/// One change, to be told to webhooks.
#[derive(Clone, Debug)]
pub(crate) struct News {
    pub(crate) kind: Kind,
    pub(crate) row: u32,
    pub(crate) event: Event,
    pub(crate) version: u32,
    pub(crate) modified_at: i64,
    pub(crate) by: Author,
    pub(crate) deleted: bool,
    pub(crate) record: Option<Value>,
}

impl World {
    pub(crate) fn new(clock: Clock, precision: Precision, tuning: Tuning) -> Self {
        Self {
            tables: Default::default(),
            last_stamp: 0,
            precision,
            clock,
            tuning,
            journal: None,
            news: Vec::new(),
            listening: Listening::default(),
            writes: 0,
            rounds: BTreeMap::new(),
            planned: [0; Kind::ALL.len()],
        }
    }

    fn table(&self, kind: Kind) -> &Table {
        &self.tables[kind as usize]
    }

    fn table_mut(&mut self, kind: Kind) -> &mut Table {
        &mut self.tables[kind as usize]
    }

    /// Any record, tombstones too.
    pub(crate) fn record(&self, kind: Kind, row: u32) -> Option<&Record> {
        self.table(kind).rows.get(usize::try_from(row).ok()?)
    }

    /// A record that is not deleted.
    pub(crate) fn alive(&self, kind: Kind, row: u32) -> Option<&Record> {
        self.record(kind, row).filter(|record| !record.deleted)
    }

    /// Whether answers show the mark field.
    pub(crate) fn shows_mark(&self) -> bool {
        self.tuning.mark != MarkMode::Absent
    }

    /// Live and deleted records of an object.
    pub(crate) fn counts(&self, kind: Kind) -> (usize, usize) {
        let table = self.table(kind);
        (table.rows.len() - table.deleted, table.deleted)
    }

    /// Forget all records, in the file too.
    pub(crate) fn forget_all(&mut self) -> Result<(), Refusal> {
        self.tables = Default::default();
        self.news.clear();
        self.rounds.clear();
        self.writes = 0;
        match &mut self.journal {
            Some(journal) => {
                journal.empty().map_err(|error| Refusal::new(500, "internal", error.to_string()))
            }
            None => Ok(()),
        }
    }

    /// How many rows every table has, to go back to.
    pub(crate) fn mark_place(&self) -> [usize; Kind::ALL.len()] {
        Kind::ALL.map(|kind| self.table(kind).rows.len())
    }

    /// Take out the rows added since, before anything of them is in the journal or told.
    pub(crate) fn back_to(&mut self, place: &[usize; Kind::ALL.len()]) {
        for (table, kept) in self.tables.iter_mut().zip(place) {
            for (row, record) in (0_u32..).zip(&table.rows).skip(*kept) {
                table.changed.remove(&(record.modified_at, row));
            }
            table.rows.truncate(*kept);
            // Index entries of rows that are gone are harmless: lookups compare values of rows that exist.
        }
        self.news.clear();
        if let Some(journal) = &mut self.journal {
            journal.forget_step();
        }
    }

    /// The stamp of the next write: later than every other, then rounded down to the precision.
    fn stamp(&mut self) -> i64 {
        self.last_stamp = self.clock.now().max(self.last_stamp + 1);
        self.last_stamp - self.last_stamp.rem_euclid(self.precision.micros())
    }

    /// Add a record. Nothing is checked here.
    pub(crate) fn insert(
        &mut self,
        kind: Kind,
        cells: Box<[Cell]>,
        by: Author,
        created_at: Option<i64>,
    ) -> Option<u32> {
        let at = self.stamp();
        let row = u32::try_from(self.table(kind).rows.len()).ok()?;
        let record = Record {
            created_at: created_at.unwrap_or(at),
            modified_at: at,
            version: 1,
            by,
            deleted: false,
            merged_into: None,
            cells,
        };
        self.place(kind, row, record);
        self.note(kind, row, Event::Created);
        Some(row)
    }

    /// Put a record with all its indexes at the end of its table.
    fn place(&mut self, kind: Kind, row: u32, record: Record) {
        let from = self.clock.now().saturating_add(i64::from(self.tuning.search_lag_ms) * 1_000);
        let table = self.table_mut(kind);
        table.changed.insert((record.modified_at, row));
        if record.deleted {
            table.deleted += 1;
        } else {
            for (position, likeness) in searchable(kind) {
                if let Cell::Text(text) = record.cell(position) {
                    table.index.add(position, &comparable(likeness, text), row, from);
                }
            }
        }
        table.rows.push(record);
    }

    /// A record read back from the journal; rows arrive in order.
    pub(crate) fn restore(&mut self, kind: Kind, record: Record) {
        self.last_stamp = self.last_stamp.max(record.modified_at);
        if let Ok(row) = u32::try_from(self.table(kind).rows.len()) {
            let lag = std::mem::take(&mut self.tuning.search_lag_ms);
            self.place(kind, row, record);
            self.tuning.search_lag_ms = lag;
        }
    }

    /// Change cells of a live record. Nothing is checked here.
    pub(crate) fn modify(
        &mut self,
        kind: Kind,
        row: u32,
        cells: Vec<(usize, Cell)>,
        by: Author,
        event: Event,
    ) {
        let at = self.stamp();
        let from = self.clock.now().saturating_add(i64::from(self.tuning.search_lag_ms) * 1_000);
        let table = self.table_mut(kind);
        let Some(record) = table.rows.get_mut(row as usize) else { return };
        for (position, cell) in cells {
            if let Some(likeness) = kind.schema().fields[position].search {
                if let Cell::Text(old) = &record.cells[position] {
                    table.index.remove(position, &comparable(likeness, old), row);
                }
                if let Cell::Text(new) = &cell {
                    table.index.add(position, &comparable(likeness, new), row, from);
                }
            }
            record.cells[position] = cell;
        }
        table.changed.remove(&(record.modified_at, row));
        table.changed.insert((at, row));
        record.modified_at = at;
        record.version = record.version.saturating_add(1);
        record.by = by;
        self.note(kind, row, event);
    }

    /// Turn a live record into a tombstone; its values and its mark are forgotten.
    pub(crate) fn bury(&mut self, kind: Kind, row: u32, winner: Option<u32>, by: Author) {
        let table = self.table_mut(kind);
        let Some(record) = table.rows.get_mut(row as usize).filter(|record| !record.deleted) else { return };
        for (position, likeness) in searchable(kind) {
            if let Cell::Text(old) = &record.cells[position] {
                table.index.remove(position, &comparable(likeness, old), row);
            }
        }
        record.cells.fill(Cell::Empty);
        record.deleted = true;
        record.merged_into = winner;
        table.deleted += 1;
        let event = if winner.is_some() { Event::Merged } else { Event::Deleted };
        self.modify(kind, row, Vec::new(), by, event);
    }

    /// Write the record to the journal and tell the webhooks.
    fn note(&mut self, kind: Kind, row: u32, event: Event) {
        self.writes += 1;
        let Some(record) = self.tables[kind as usize].rows.get(row as usize) else { return };
        if let Some(journal) = &mut self.journal {
            journal.put(kind, row, record);
        }
        if self.listening.any && self.is_told(record.by) {
            let record_json = (self.listening.with_record && !record.deleted)
                .then(|| to_value(record, kind, row, self.tuning.mark != MarkMode::Absent));
            self.news.push(News {
                kind,
                row,
                event,
                version: record.version,
                modified_at: record.modified_at,
                by: record.by,
                deleted: record.deleted,
                record: record_json,
            });
        }
    }

    fn is_told(&self, by: Author) -> bool {
        let wanted = &self.tuning.webhook_modified_by;
        wanted.is_empty() || wanted.iter().any(|name| name == by.name())
    }

    /// Count mail clicks of an MA contact.
    pub(crate) fn add_clicks(&mut self, row: u32, clicks: i64) {
        let Some(contact) = self.alive(Kind::MaContacts, row).filter(|_| clicks > 0) else { return };
        let total = contact.cell(pos::ma::CLICKS).as_int().unwrap_or(0).saturating_add(clicks);
        let cells = vec![(pos::ma::CLICKS, Cell::Int(total))];
        self.modify(Kind::MaContacts, row, cells, Author::Admin, Event::Updated);
    }

    /// Live rows whose field compares equal to a text, in row order. With `visible_at`, only what the slow index knew then.
    pub(crate) fn matching(
        &self,
        kind: Kind,
        position: usize,
        text: &str,
        visible_at: Option<i64>,
    ) -> Vec<u32> {
        let Some(likeness) = kind.schema().fields[position].search else { return Vec::new() };
        let wanted = comparable(likeness, text);
        if wanted.is_empty() {
            return Vec::new();
        }
        let table = self.table(kind);
        let mut rows = table.index.rows(position, &wanted, visible_at);
        // Entries are kept by hash: look at the value itself.
        rows.retain(|row| {
            table
                .rows
                .get(*row as usize)
                .is_some_and(|record| comparable(likeness, record.text(position)) == wanted)
        });
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// Live rows in row order.
    pub(crate) fn live_rows(&self, kind: Kind) -> impl Iterator<Item = (u32, &Record)> {
        (0_u32..).zip(&self.table(kind).rows).filter(|(_, record)| !record.deleted)
    }

    /// Whether a user exists and is active.
    pub(crate) fn is_active(&self, user: u32) -> bool {
        self.alive(Kind::Users, user).is_some_and(|record| record.text(pos::user::STATE) == "active")
    }
}

fn searchable(kind: Kind) -> impl Iterator<Item = (usize, Likeness)> {
    kind.schema().fields.iter().enumerate().filter_map(|(position, field)| Some((position, field.search?)))
}
