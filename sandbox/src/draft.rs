//! From the JSON of a write to checked cells: names, types, lengths, picklists, references.
//!
//! All faults of a record are collected before it is refused. Rules over several records (duplicates, the mark) are left
//! to `world::rules`.

use crate::options::MarkMode;
use crate::record::{Cell, phone_digits};
use crate::refusal::{FieldFault, Refusal};
use crate::schema::{Field, Kind, Likeness, Schema, Sort, is_named, pos};
use crate::world::World;
use serde_json::{Map, Value};

/// What a write is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Create,
    Update,
    /// Loaded by the admin: read-only fields may be set, owners may have left.
    Seed,
    /// Read back from the journal: it was accepted once.
    Restore,
}

/// A checked write.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) cells: Vec<(usize, Cell)>,
    pub(crate) if_version: Option<u32>,
    /// Seed only.
    pub(crate) created_at: Option<i64>,
}

impl Draft {
    /// The value this draft gives to a field, if it names the field at all.
    pub(crate) fn cell(&self, position: usize) -> Option<&Cell> {
        self.cells.iter().find(|(at, _)| *at == position).map(|(_, cell)| cell)
    }
}

/// Most items in a list field.
const MAX_ITEMS: usize = 50;

/// Check one record's JSON against its schema.
pub(crate) fn read(
    world: &World,
    kind: Kind,
    map: &Map<String, Value>,
    purpose: Purpose,
) -> Result<Draft, Refusal> {
    let schema = kind.schema();
    let mut draft = Draft { cells: Vec::with_capacity(map.len()), ..Draft::default() };
    let mut faults = Vec::new();
    let restoring = purpose == Purpose::Restore;
    for (name, value) in map {
        if let Some(position) = schema.position(name).filter(|at| restoring || world.field_exists(kind, *at))
        {
            let field = &schema.fields[position];
            if !field.writable && purpose != Purpose::Seed && !restoring {
                faults.push(FieldFault::new(name, "read_only", format!("{name} is given by the system")));
                continue;
            }
            match cell(world, kind, field, value, purpose) {
                Ok(cell) => draft.cells.push((position, cell)),
                Err(fault) => faults.push(fault),
            }
        } else if let Err(fault) = system_field(&mut draft, schema, name, value, purpose) {
            faults.push(fault);
        }
    }
    if !restoring {
        check_required(world, kind, &draft, purpose, &mut faults);
    }
    if faults.is_empty() { Ok(draft) } else { Err(Refusal::fields(faults)) }
}

fn system_field(
    draft: &mut Draft,
    schema: &Schema,
    name: &str,
    value: &Value,
    purpose: Purpose,
) -> Result<(), FieldFault> {
    match name {
        "if_version" if purpose == Purpose::Update => {
            let version = value.as_u64().and_then(|v| u32::try_from(v).ok());
            draft.if_version = Some(
                version
                    .ok_or_else(|| FieldFault::new(name, "wrong_type", "if_version must be an integer"))?,
            );
            Ok(())
        }
        "id" if purpose == Purpose::Seed => Ok(()),
        "created_at" if purpose == Purpose::Seed => {
            draft.created_at = value.as_i64();
            Ok(())
        }
        "id" | "version" | "created_at" | "modified_at" | "modified_by" | "deleted" | "merged_into" => {
            Err(FieldFault::new(name, "read_only", format!("{name} is given by the system")))
        }
        _ => Err(FieldFault::new(name, "unknown_field", format!("{} have no such field", schema.name))),
    }
}

fn check_required(world: &World, kind: Kind, draft: &Draft, purpose: Purpose, faults: &mut Vec<FieldFault>) {
    let schema = kind.schema();
    for (position, field) in schema.fields.iter().enumerate() {
        let by_option = || world.tuning.required.iter().any(|name| is_named(name, schema.name, field.name));
        if !field.required && !by_option() {
            continue;
        }
        let missing = match draft.cell(position) {
            Some(cell) => cell.is_empty(),
            // A field that was refused for another reason is not reported twice.
            None => purpose != Purpose::Update && !faults.iter().any(|fault| fault.names(field.name)),
        };
        if missing {
            faults.push(FieldFault::new(field.name, "required", format!("{} is required", field.name)));
        }
    }
    if kind == Kind::Activities && purpose == Purpose::Create {
        let parents =
            [pos::activity::LEAD, pos::activity::CONTACT, pos::activity::ACCOUNT, pos::activity::OPPORTUNITY];
        let named = |at: &usize| draft.cell(*at).is_some_and(|cell| !cell.is_empty());
        let refused = |at: &usize| faults.iter().any(|fault| fault.names(schema.fields[*at].name));
        if !parents.iter().any(named) && !parents.iter().any(refused) {
            faults.push(FieldFault::new("lead_id", "required", "an activity belongs to at least one record"));
        }
    }
}

/// Check one value.
fn cell(
    world: &World,
    kind: Kind,
    field: &Field,
    value: &Value,
    purpose: Purpose,
) -> Result<Cell, FieldFault> {
    if value.is_null() {
        return Ok(Cell::Empty);
    }
    let wrong = |what: &str| {
        Err(FieldFault::new(field.name, "wrong_type", format!("{} must be {what} or null", field.name)))
    };
    match (field.sort, value) {
        (Sort::Text(max), Value::String(text)) => text_cell(kind, field, text.trim(), max),
        (Sort::Text(_), _) => wrong("a text"),
        (Sort::Int(min, max), _) => match value.as_i64() {
            Some(int) if (min..=max).contains(&int) => Ok(Cell::Int(int)),
            Some(_) => Err(out_of_range(field, min, max)),
            None => wrong("an integer"),
        },
        (Sort::Money, _) => match value.as_i64() {
            Some(int) => Ok(Cell::Int(int)),
            None => wrong("an integer in the smallest unit"),
        },
        (Sort::Time, _) => match value.as_i64() {
            Some(int) if int >= 0 => Ok(Cell::Int(int)),
            Some(_) => Err(out_of_range(field, 0, i64::MAX)),
            None => wrong("an integer of microseconds"),
        },
        (Sort::Bool, Value::Bool(yes)) => Ok(Cell::Bool(*yes)),
        (Sort::Bool, _) => wrong("true or false"),
        (Sort::Choice(values), _) => match value.as_i64() {
            Some(int) if values.iter().any(|(known, _)| *known == int) => Ok(Cell::Int(int)),
            Some(_) => Err(not_in_list(field, values.iter().map(|(known, _)| Value::from(*known)).collect())),
            None => wrong("an integer of its list"),
        },
        (Sort::Word(values), Value::String(word)) => {
            if values.iter().any(|(known, _)| *known == word.as_str()) {
                Ok(Cell::text(word))
            } else {
                Err(not_in_list(field, values.iter().map(|(known, _)| Value::from(*known)).collect()))
            }
        }
        (Sort::Word(_), _) => wrong("a word of its list"),
        (Sort::Ref(of), Value::String(id)) => reference(world, field, of, id, purpose),
        (Sort::Ref(_), _) => wrong("an id"),
        (Sort::List(max), Value::Array(items)) => list(field, items, max),
        (Sort::List(_), _) => wrong("a list of texts"),
    }
}

fn text_cell(kind: Kind, field: &Field, text: &str, max: usize) -> Result<Cell, FieldFault> {
    if text.is_empty() {
        return Ok(Cell::Empty);
    }
    // Bytes bound characters from above, so most texts need no counting.
    if text.len() > max {
        let long = text.chars().count();
        if long > max {
            return Err(too_long(field, long, max));
        }
    }
    // An MA takes what people typed.
    if kind == Kind::MaContacts {
        return Ok(Cell::text(text));
    }
    let bad = |why: &str| Err(FieldFault::new(field.name, "bad_format", format!("{} {why}", field.name)));
    if field.search == Some(Likeness::Phone) && phone_digits(text).is_empty() {
        return bad("holds no digit");
    }
    if field.name == "email" {
        let parts = text.split_once('@');
        if parts.is_none_or(|(local, domain)| local.is_empty() || domain.is_empty())
            || text.chars().any(char::is_whitespace)
        {
            return bad("is no e-mail address");
        }
    }
    Ok(Cell::text(text))
}

fn reference(world: &World, field: &Field, of: Kind, id: &str, purpose: Purpose) -> Result<Cell, FieldFault> {
    if id.is_empty() {
        return Ok(Cell::Empty);
    }
    // Records of one seed may refer to ones that come later in it.
    let planned = |row: &u32| purpose == Purpose::Seed && (*row as usize) < world.planned[of as usize];
    let Some(row) = of.row(id).filter(|row| world.alive(of, *row).is_some() || planned(row)) else {
        let message = format!("there is no {} with this id", of.schema().singular);
        return Err(FieldFault::new(field.name, "unknown_reference", message));
    };
    // An update that repeats an owner who has left changes nothing; `rules` looks at real changes.
    if purpose == Purpose::Create && world.has_left(of, row) {
        return Err(inactive_owner(field.name));
    }
    Ok(Cell::Ref(row))
}

/// The owner has left the company.
pub(crate) fn inactive_owner(field: &str) -> FieldFault {
    FieldFault::new(field, "inactive_owner", "this user has left and can own nothing")
}

fn list(field: &Field, items: &[Value], max: usize) -> Result<Cell, FieldFault> {
    if items.is_empty() {
        return Ok(Cell::Empty);
    }
    if items.len() > MAX_ITEMS {
        let message = format!("{} has {} items, at most {MAX_ITEMS} are allowed", field.name, items.len());
        return Err(FieldFault::new(field.name, "too_long", message).with("max", MAX_ITEMS));
    }
    let mut texts: Vec<Box<str>> = Vec::with_capacity(items.len());
    for item in items {
        let Some(text) = item.as_str() else {
            return Err(FieldFault::new(field.name, "wrong_type", "every item must be a text"));
        };
        let long = text.chars().count();
        if long > max {
            return Err(too_long(field, long, max));
        }
        texts.push(text.into());
    }
    Ok(Cell::List(texts.into()))
}

fn too_long(field: &Field, long: usize, max: usize) -> FieldFault {
    let message = format!("{} has {long} characters, at most {max} are allowed", field.name);
    FieldFault::new(field.name, "too_long", message).with("max", max)
}

fn out_of_range(field: &Field, min: i64, max: i64) -> FieldFault {
    FieldFault::new(field.name, "out_of_range", format!("{} must be from {min} to {max}", field.name))
        .with("min", min)
        .with("max", max)
}

fn not_in_list(field: &Field, allowed: Vec<Value>) -> FieldFault {
    FieldFault::new(field.name, "not_in_list", format!("{} has no such value", field.name))
        .with("allowed", allowed)
}

impl World {
    /// Whether a field exists now: the mark may not have been made yet.
    pub(crate) fn field_exists(&self, kind: Kind, position: usize) -> bool {
        let schema = kind.schema();
        let hidden = |name: &String| is_named(name, schema.name, schema.fields[position].name);
        if self.tuning.hidden.iter().any(hidden) {
            return false;
        }

        !schema.is_mark(position) || schema.mark_always_unique || self.tuning.mark != MarkMode::Absent
    }

    /// Whether a row is a user who has left.
    pub(crate) fn has_left(&self, kind: Kind, row: u32) -> bool {
        kind == Kind::Users && self.alive(kind, row).is_some_and(|user| user.text(pos::user::STATE) == "left")
    }
}
