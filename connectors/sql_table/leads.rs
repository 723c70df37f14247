//! A row as a record of a source.

use leadloop_mapping::Value;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

use super::catalogue::{Column, Kind};
use super::{Talk, cell};
use crate::reading::{Bounded, DEEPEST, OUT_OF_BOUNDS, quarantined, uba};

/// A row with a cell that cannot be read.
const UNREADABLE: &str = "LL4860";

impl Talk {
    /// A row as a record, or what is wrong with it. Its event id is its id and, where rows change, the time of its change: what
    /// is read twice counts once, what changed counts again.
    pub(super) fn lead(
        &self,
        columns: &[Column],
        (id, changed): (Json, Json),
        row: &[Json],
        position: usize,
    ) -> Result<RawLead, Box<Quarantined>> {
        let mut fields = Bounded::default();
        let mut wrong: Option<String> = None;
        let (mut at, mut touch) = (None, None);
        let at_column = self.link.text("at").or_else(|| self.link.text("changed"));
        for (column, cell) in columns.iter().zip(row) {
            let value = match cell::value(column, cell, &self.zone) {
                Ok(value) => value,
                Err(why) => {
                    wrong.get_or_insert(why);
                    continue;
                }
            };
            if value.is_blank() {
                continue;
            }
            if at_column == Some(&column.name) {
                at = Timestamp::parse(&value.to_display(), &self.zone);
            }
            if self.link.text("kind") == Some(&column.name) {
                touch = Some(value.to_display());
            }
            match (&value, column.kind) {
                (Value::Text(text), Kind::Json) => match serde_json::from_str::<Json>(text) {
                    Ok(json) => uba::add(&mut fields, &column.name, &json, DEEPEST),
                    Err(_) => fields.add(&column.name, value),
                },
                _ => fields.add(&column.name, value),
            }
        }
        let event_id = match (cell::key(&id), cell::key(&changed)) {
            (Some(id), Some(changed)) => Some(format!("{id}@{changed}")),
            (id, _) => id,
        };
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        let raw = RawLead { event_id, at, touch, fields: fields.record, position, ..RawLead::default() };
        match (wrong, fields.beyond) {
            (Some(wrong), _) => Err(quarantined(UNREADABLE, wrong, raw)),
            (None, Some(beyond)) => Err(quarantined(OUT_OF_BOUNDS, beyond, raw)),
            (None, None) => Ok(raw),
        }
    }
}
