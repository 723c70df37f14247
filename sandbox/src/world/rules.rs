//! Creating, updating, upserting and deleting under the rules of a strict CRM.

use super::{Event, World};
use crate::draft::{Draft, Purpose, inactive_owner, read};
use crate::options::{DuplicateRule, MarkMode};
use crate::record::{Author, Cell, Record, blank};
use crate::refusal::{FieldFault, Refusal};
use crate::schema::{Kind, Schema, Sort, pos};
use serde_json::{Map, Value};

/// A record that was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) kind: Kind,
    pub(crate) row: u32,
    pub(crate) created: bool,
}

impl World {
    /// Create a record under all rules.
    pub(crate) fn create(
        &mut self,
        kind: Kind,
        map: &Map<String, Value>,
        by: Author,
    ) -> Result<Written, Refusal> {
        let draft = read(self, kind, map, Purpose::Create)?;
        if kind == Kind::Leads {
            let empty = |at| draft.cell(at).is_none_or(Cell::is_empty);
            self.check_reachable(empty(pos::lead::PHONE) && empty(pos::lead::EMAIL))?;
        }
        self.check_mark(kind, &draft, None)?;
        self.check_duplicate(kind, &draft, None)?;
        let row = self.add(kind, draft, by)?;
        Ok(Written { kind, row, created: true })
    }

    /// Add a checked draft with the defaults of its object.
    pub(crate) fn add(&mut self, kind: Kind, draft: Draft, by: Author) -> Result<u32, Refusal> {
        let mut cells = blank(kind.schema());
        for (position, cell) in draft.cells {
            cells[position] = cell;
        }
        let mut default = |position: usize, value: Cell| {
            if cells[position].is_empty() {
                cells[position] = value;
            }
        };
        match kind {
            Kind::Users => default(pos::user::STATE, Cell::text("active")),
            Kind::Leads => default(pos::lead::STATUS, Cell::Int(1)),
            Kind::Opportunities => {
                default(pos::opportunity::STAGE, Cell::Int(1));
                default(pos::opportunity::CURRENCY, Cell::text("CNY"));
            }
            _ => {}
        }
        if kind == Kind::Opportunities && closed(&cells[pos::opportunity::STAGE]) {
            let now = self.clock.now();
            cells[pos::opportunity::CLOSED_AT] = Cell::Int(now);
        }
        // What the admin loads brings its own last activity.
        let lively = kind == Kind::Activities && by != Author::Admin;
        let parents = if lively { parents(&cells) } else { Vec::new() };
        let row = self
            .insert(kind, cells, by, draft.created_at)
            .ok_or_else(|| Refusal::new(500, "internal", "the sandbox holds no more records"))?;
        self.touch_parents(parents, by);
        Ok(row)
    }

    /// An activity is a sign of life on the records it belongs to.
    fn touch_parents(&mut self, parents: Vec<(Kind, u32, usize)>, by: Author) {
        for (kind, row, position) in parents {
            let now = self.clock.now();
            self.modify(kind, row, vec![(position, Cell::Int(now))], by, Event::Updated);
        }
    }

    /// Change a record under all rules.
    pub(crate) fn update(
        &mut self,
        kind: Kind,
        id: &str,
        map: &Map<String, Value>,
        by: Author,
    ) -> Result<Written, Refusal> {
        let row = self.writable_row(kind, id)?;
        self.update_row(kind, row, map, by)
    }

    fn update_row(
        &mut self,
        kind: Kind,
        row: u32,
        map: &Map<String, Value>,
        by: Author,
    ) -> Result<Written, Refusal> {
        let mut draft = read(self, kind, map, Purpose::Update)?;
        let written = Written { kind, row, created: false };
        let record = self.alive(kind, row).ok_or_else(|| missing(kind, row))?;
        if let Some(version) = draft.if_version.filter(|version| *version != record.version) {
            let message = format!("version is {}, not {version}", record.version);
            return Err(Refusal::new(409, "version_mismatch", message).with("version", record.version));
        }
        draft.cells.retain(|(position, cell)| record.cells[*position] != *cell);
        if draft.cells.is_empty() {
            return Ok(written);
        }
        self.check_changed_owner(kind.schema(), &draft)?;
        if kind == Kind::Leads {
            let empty = |at| draft.cell(at).unwrap_or(record.cell(at)).is_empty();
            self.check_reachable(empty(pos::lead::PHONE) && empty(pos::lead::EMAIL))?;
        }
        self.check_mark(kind, &draft, Some(row))?;
        self.check_duplicate(kind, &draft, Some(row))?;
        if kind == Kind::Opportunities
            && let Some(stage) = draft.cell(pos::opportunity::STAGE)
        {
            let at = if closed(stage) { Cell::Int(self.clock.now()) } else { Cell::Empty };
            draft.cells.push((pos::opportunity::CLOSED_AT, at));
        }
        self.modify(kind, row, draft.cells, by, Event::Updated);
        Ok(written)
    }

    /// Create or update by the mark.
    pub(crate) fn upsert(
        &mut self,
        kind: Kind,
        mark: &str,
        map: &Map<String, Value>,
        by: Author,
    ) -> Result<Written, Refusal> {
        let position = self.unique_mark(kind)?;
        let field = kind.schema().fields[position].name;
        let mut map = map.clone();
        map.insert(field.to_owned(), Value::from(mark));
        match self.matching(kind, position, mark, None).first() {
            Some(row) => {
                self.writable_row(kind, &kind.id(*row))?;
                self.update_row(kind, *row, &map, by)
            }
            None => self.create(kind, &map, by),
        }
    }

    /// The live record with a mark, past the slow index.
    pub(crate) fn by_mark(&self, kind: Kind, mark: &str) -> Result<u32, Refusal> {
        let position = self.unique_mark(kind)?;
        let row = self.matching(kind, position, mark, None).first().copied();
        row.ok_or_else(|| Refusal::not_found(format!("no {} has this mark", kind.schema().singular)))
    }

    /// Delete a record; children stay and keep pointing at the tombstone.
    pub(crate) fn delete(&mut self, kind: Kind, id: &str, by: Author) -> Result<(), Refusal> {
        let row = self.existing_row(kind, id)?;
        self.bury(kind, row, None, by);
        Ok(())
    }

    /// The row of a live record, or why there is none.
    pub(crate) fn existing_row(&self, kind: Kind, id: &str) -> Result<u32, Refusal> {
        let found = kind.row(id).and_then(|row| Some((row, self.record(kind, row)?)));
        let Some((row, record)) = found else {
            return Err(Refusal::not_found(format!("there is no {} with this id", kind.schema().singular)));
        };
        match (record.deleted, record.merged_into) {
            (false, _) => Ok(row),
            (true, None) => Err(missing(kind, row)),
            (true, Some(winner)) => {
                let message = format!("{} was merged into {}", kind.id(row), kind.id(winner));
                Err(Refusal::new(410, "merged", message).with("merged_into", kind.id(winner)))
            }
        }
    }

    /// The row of a live record that may still be written.
    pub(crate) fn writable_row(&self, kind: Kind, id: &str) -> Result<u32, Refusal> {
        let row = self.existing_row(kind, id)?;
        match self.alive(kind, row) {
            Some(record) if kind == Kind::Leads => refuse_converted(record, row).map(|()| row),
            _ => Ok(row),
        }
    }

    /// Position of the mark where it is unique.
    pub(crate) fn unique_mark(&self, kind: Kind) -> Result<usize, Refusal> {
        let schema = kind.schema();
        match schema.mark {
            Some(position) if schema.mark_always_unique || self.tuning.mark == MarkMode::Unique => {
                Ok(position)
            }
            _ => {
                let message = format!("{} have no unique mark field", schema.name);
                Err(Refusal::new(400, "mark_not_unique", message))
            }
        }
    }

    /// Refuse when two live records share a mark.
    pub(crate) fn check_marks_differ(&self) -> Result<(), Refusal> {
        for kind in Kind::ALL {
            let Some(position) = kind.schema().mark.filter(|_| !kind.schema().mark_always_unique) else {
                continue;
            };
            let mut seen = std::collections::BTreeMap::new();
            for (row, record) in self.live_rows(kind) {
                let mark = record.text(position);
                if let Some(first) = seen.insert(mark, row).filter(|_| !mark.is_empty()) {
                    let message = format!("{} and {} have the same mark", kind.id(first), kind.id(row));
                    return Err(Refusal::new(409, "duplicate_mark", message)
                        .with("existing_id", kind.id(first))
                        .with("field", kind.schema().fields[position].name));
                }
            }
        }
        Ok(())
    }

    /// Append the receipt of a write.
    pub(crate) fn write_receipt(&self, out: &mut Vec<u8>, written: Written) {
        if let Some(record) = self.record(written.kind, written.row) {
            record.write_receipt(out, written.kind, written.row, written.created);
        }
    }

    fn check_reachable(&self, nothing: bool) -> Result<(), Refusal> {
        if nothing && self.tuning.lead_needs_phone_or_email {
            let fault = FieldFault::new("phone", "required", "a lead needs a phone or an e-mail");
            return Err(Refusal::fields(vec![fault]));
        }
        Ok(())
    }

    fn check_changed_owner(&self, schema: &Schema, draft: &Draft) -> Result<(), Refusal> {
        for (position, cell) in &draft.cells {
            let field = &schema.fields[*position];
            if let (Sort::Ref(Kind::Users), Cell::Ref(user)) = (field.sort, cell)
                && self.has_left(Kind::Users, *user)
            {
                return Err(Refusal::fields(vec![inactive_owner(field.name)]));
            }
        }
        Ok(())
    }

    fn check_mark(&self, kind: Kind, draft: &Draft, own: Option<u32>) -> Result<(), Refusal> {
        let Ok(position) = self.unique_mark(kind) else { return Ok(()) };
        let Some(Cell::Text(mark)) = draft.cell(position) else { return Ok(()) };
        self.refuse_same(kind, position, mark, own, None, "duplicate_mark")
    }

    fn check_duplicate(&self, kind: Kind, draft: &Draft, own: Option<u32>) -> Result<(), Refusal> {
        let visible_at = match self.tuning.duplicate_rule {
            DuplicateRule::Off => return Ok(()),
            DuplicateRule::On => None,
            DuplicateRule::Lagging => Some(self.clock.now()),
        };
        if kind != Kind::Leads {
            return Ok(());
        }
        for position in [pos::lead::PHONE, pos::lead::EMAIL] {
            if let Some(Cell::Text(value)) = draft.cell(position) {
                self.refuse_same(kind, position, value, own, visible_at, "duplicate")?;
            }
        }
        Ok(())
    }

    /// 409 when another live record has the same value; converted leads do not count as duplicates.
    fn refuse_same(
        &self,
        kind: Kind,
        position: usize,
        value: &str,
        own: Option<u32>,
        visible_at: Option<i64>,
        code: &'static str,
    ) -> Result<(), Refusal> {
        let counts = |row: &u32| {
            own != Some(*row)
                && (code == "duplicate_mark"
                    || self.alive(kind, *row).is_some_and(|record| !is_converted(record)))
        };
        let Some(other) = self.matching(kind, position, value, visible_at).into_iter().find(counts) else {
            return Ok(());
        };
        let (schema, field) = (kind.schema(), kind.schema().fields[position].name);
        let message = format!("{} {} has the same {field}", schema.singular, kind.id(other));
        Err(Refusal::new(409, code, message).with("existing_id", kind.id(other)).with("field", field))
    }
}

fn missing(kind: Kind, row: u32) -> Refusal {
    Refusal::new(410, "deleted", format!("{} was deleted", kind.id(row)))
}

fn closed(stage: &Cell) -> bool {
    matches!(stage, Cell::Int(4 | 5))
}

/// Whether a lead was converted.
pub(crate) fn is_converted(lead: &Record) -> bool {
    lead.cell(pos::lead::CONVERTED) == &Cell::Bool(true)
}

fn refuse_converted(lead: &Record, row: u32) -> Result<(), Refusal> {
    if !is_converted(lead) {
        return Ok(());
    }
    let id = |position: usize, kind: Kind| lead.cell(position).as_row().map(|row| kind.id(row));
    Err(Refusal::new(409, "converted", format!("{} was converted", Kind::Leads.id(row)))
        .with("contact_id", id(pos::lead::CONTACT, Kind::Contacts))
        .with("account_id", id(pos::lead::ACCOUNT, Kind::Accounts))
        .with("opportunity_id", id(pos::lead::OPPORTUNITY, Kind::Opportunities)))
}

/// The records an activity belongs to, with the position of their last activity.
fn parents(cells: &[Cell]) -> Vec<(Kind, u32, usize)> {
    [
        (pos::activity::LEAD, Kind::Leads, pos::lead::LAST_ACTIVITY),
        (pos::activity::CONTACT, Kind::Contacts, pos::contact::LAST_ACTIVITY),
        (pos::activity::ACCOUNT, Kind::Accounts, pos::account::LAST_ACTIVITY),
        (pos::activity::OPPORTUNITY, Kind::Opportunities, pos::opportunity::LAST_ACTIVITY),
    ]
    .into_iter()
    .filter_map(|(position, kind, last)| Some((kind, cells[position].as_row()?, last)))
    .collect()
}
