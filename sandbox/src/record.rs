//! One stored record and its JSON. What may be written into it is decided in `draft` and `world`.

use crate::schema::{Kind, Likeness, Schema, Sort};
use serde_json::Value;

/// The value of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Empty,
    Text(Box<str>),
    /// Integers, money, times and choices.
    Int(i64),
    Bool(bool),
    /// Row of the referred object.
    Ref(u32),
    List(Box<[Box<str>]>),
}

impl Cell {
    pub(crate) fn text(value: &str) -> Self {
        if value.is_empty() { Self::Empty } else { Self::Text(value.into()) }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        if let Self::Int(int) = self { Some(*int) } else { None }
    }

    pub(crate) fn as_row(&self) -> Option<u32> {
        if let Self::Ref(row) = self { Some(*row) } else { None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

/// Who wrote a record last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    Api,
    Sales,
    Admin,
}

impl Author {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Sales => "sales",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        match name {
            "sales" => Self::Sales,
            "admin" => Self::Admin,
            _ => Self::Api,
        }
    }
}

/// One record. Its id is its place in the table.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Microseconds UTC.
    pub(crate) created_at: i64,
    /// Microseconds UTC, never falling over the whole store.
    pub(crate) modified_at: i64,
    pub(crate) version: u32,
    pub(crate) by: Author,
    pub(crate) deleted: bool,
    pub(crate) merged_into: Option<u32>,
    pub(crate) cells: Box<[Cell]>,
}

impl Record {
    pub(crate) fn cell(&self, position: usize) -> &Cell {
        &self.cells[position]
    }

    pub(crate) fn text(&self, position: usize) -> &str {
        self.cells[position].as_text().unwrap_or_default()
    }

    /// Append the record as the API shows it; a deleted one as a tombstone. The mark is left out while it does not exist.
    pub(crate) fn write_json(&self, out: &mut Vec<u8>, kind: Kind, row: u32, with_mark: bool) {
        let schema = kind.schema();
        self.write_head(out, kind, row);
        if !self.deleted {
            for (position, (field, cell)) in schema.fields.iter().zip(&self.cells).enumerate() {
                if !with_mark && schema.is_mark(position) && !schema.mark_always_unique {
                    continue;
                }
                out.extend_from_slice(b",\"");
                out.extend_from_slice(field.name.as_bytes());
                out.extend_from_slice(b"\":");
                write_cell(out, cell, field.sort);
            }
        }
        out.push(b'}');
    }

    fn write_head(&self, out: &mut Vec<u8>, kind: Kind, row: u32) {
        out.extend_from_slice(b"{\"id\":\"");
        out.extend_from_slice(kind.id(row).as_bytes());
        out.push(b'"');
        write_named_int(out, "version", i64::from(self.version));
        write_named_int(out, "created_at", self.created_at);
        write_named_int(out, "modified_at", self.modified_at);
        out.extend_from_slice(b",\"modified_by\":\"");
        out.extend_from_slice(self.by.name().as_bytes());
        out.extend_from_slice(if self.deleted { b"\",\"deleted\":true" } else { b"\",\"deleted\":false" });
        out.extend_from_slice(b",\"merged_into\":");
        match self.merged_into {
            Some(winner) => write_text(out, &kind.id(winner)),
            None => out.extend_from_slice(b"null"),
        }
    }

    /// The short answer to a write.
    pub(crate) fn write_receipt(&self, out: &mut Vec<u8>, kind: Kind, row: u32, created: bool) {
        out.extend_from_slice(b"\"id\":\"");
        out.extend_from_slice(kind.id(row).as_bytes());
        out.push(b'"');
        if kind.schema().mark_always_unique
            && let Some(mark) = kind.schema().mark
        {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(kind.schema().fields[mark].name.as_bytes());
            out.extend_from_slice(b"\":");
            write_text(out, self.text(mark));
        }
        write_named_int(out, "version", i64::from(self.version));
        write_named_int(out, "created_at", self.created_at);
        write_named_int(out, "modified_at", self.modified_at);
        out.extend_from_slice(if created { b",\"created\":true" } else { b",\"created\":false" });
    }
}

fn write_named_int(out: &mut Vec<u8>, name: &str, value: i64) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    write_int(out, value);
}

fn write_int(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(value.to_string().as_bytes());
}

/// Append a JSON string.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    // Writing a str into a Vec cannot fail; the result carries only the writer's errors.
    let _ = serde_json::to_writer(out, text);
}

fn write_cell(out: &mut Vec<u8>, cell: &Cell, sort: Sort) {
    match cell {
        Cell::Empty if matches!(sort, Sort::List(_)) => out.extend_from_slice(b"[]"),
        Cell::Empty if matches!(sort, Sort::Bool) => out.extend_from_slice(b"false"),
        Cell::Empty => out.extend_from_slice(b"null"),
        Cell::Text(text) => write_text(out, text),
        Cell::Int(int) => write_int(out, *int),
        Cell::Bool(yes) => out.extend_from_slice(if *yes { b"true" } else { b"false" }),
        Cell::Ref(row) => match sort {
            Sort::Ref(of) => write_text(out, &of.id(*row)),
            _ => out.extend_from_slice(b"null"),
        },
        Cell::List(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_text(out, item);
            }
            out.push(b']');
        }
    }
}

/// The form in which two values of a searchable field are compared.
pub(crate) fn comparable(likeness: Likeness, text: &str) -> String {
    match likeness {
        Likeness::Exact => text.to_owned(),
        Likeness::Loose => text.trim().to_lowercase(),
        Likeness::Phone => phone_digits(text),
    }
}

/// The digits of a phone number (wide ones too), without `00`, and without `86` before an 11-digit mobile.
pub(crate) fn phone_digits(text: &str) -> String {
    let narrow = |c: char| match c {
        '０'..='９' => char::from_u32(u32::from(c) - u32::from('０') + u32::from('0')).unwrap_or(c),
        _ => c,
    };
    let digits: String = text.chars().map(narrow).filter(char::is_ascii_digit).collect();
    let bare = digits.strip_prefix("00").unwrap_or(&digits);
    match bare.strip_prefix("86") {
        Some(mobile) if mobile.len() == 11 && mobile.starts_with('1') => mobile.to_owned(),
        _ => bare.to_owned(),
    }
}

/// The record as a JSON value, for webhooks and pages.
pub(crate) fn to_value(record: &Record, kind: Kind, row: u32, with_mark: bool) -> Value {
    let mut out = Vec::with_capacity(768);
    record.write_json(&mut out, kind, row, with_mark);
    serde_json::from_slice(&out).unwrap_or_default()
}

/// Empty cells for a new record.
pub(crate) fn blank(schema: &Schema) -> Box<[Cell]> {
    vec![Cell::Empty; schema.fields.len()].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_compare_by_their_digits() {
        for same in [
            "13900000001",
            "+86 139 0000 0001",
            "0086-13900000001",
            "8613900000001",
            "１３９０００００００１",
        ] {
            assert_eq!(phone_digits(same), "13900000001", "{same}");
        }
        assert_eq!(phone_digits("+8621 5555 0001"), "862155550001");
    }
}
