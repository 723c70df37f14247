//! Least change: what has to be written so that a record holds what it should, and how to take a write back.

use crate::compile::Mapping;
use crate::schema::{FieldKind, FieldSchema, ObjectSchema};
use crate::value::{Record, Value};

/// The fields of `wanted` that `held` does not hold yet, compared as `schema` says.
#[must_use]
pub fn patch(schema: &ObjectSchema, held: &Record, wanted: &Record) -> Record {
    let changes = wanted.0.iter().filter(|(name, value)| {
        let held = held.0.get(*name).unwrap_or(&Value::Null);
        !field(schema, name).same(held, value)
    });
    Record(changes.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// What takes back a write: the values before it, for those fields that still hold what we wrote. What others changed
/// since stays.
#[must_use]
pub fn undo(schema: &ObjectSchema, before: &Record, written: &Record, now: &Record) -> Record {
    let ours = written.0.iter().filter(|(name, value)| {
        let (field, held) = (field(schema, name), now.0.get(*name));
        held.is_some_and(|held| field.same(held, value))
            && !field.same(before.0.get(*name).unwrap_or(&Value::Null), value)
    });
    Record(ours.map(|(name, _)| (name.clone(), before.0.get(name).cloned().unwrap_or_default())).collect())
}

fn field(schema: &ObjectSchema, name: &str) -> FieldSchema {
    schema.get(name).unwrap_or_else(|| FieldSchema::of(FieldKind::Any))
}

impl Mapping {
    /// The least change to the CRM's record `held` so that it says what the pool says in `wanted` (CRM words).
    #[must_use]
    pub fn patch(&self, held: &Record, wanted: &Record) -> Record {
        patch(&self.crm, held, wanted)
    }

    /// What takes back a write of ours; see [`undo`].
    #[must_use]
    pub fn undo(&self, before: &Record, written: &Record, now: &Record) -> Record {
        undo(&self.crm, before, written, now)
    }
}
