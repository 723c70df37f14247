//! How a table is read: what an admin set, and the bounds.

use encoding_rs::Encoding;
use jiff::tz::TimeZone;
use leadloop_connector_api::Link;
use leadloop_mapping::Value;

use crate::reading::{self, encoding};

/// How much of a file is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most bytes of a text file.
    pub text_bytes: u64,
    /// Most bytes of a workbook.
    pub book_bytes: u64,
    /// Most bytes of a workbook unpacked: a small file can hide a huge one.
    pub unpacked_bytes: u64,
    /// Most data rows.
    pub rows: u32,
    /// Whether the old `.xls` form is read; it claims memory before it can be checked, so only for files that one of
    /// us chose.
    pub old_books: bool,
}

impl Bounds {
    /// For a file that an operator imports.
    pub const IMPORTED: Self = Self {
        text_bytes: 2 << 30,
        book_bytes: 100 << 20,
        unpacked_bytes: 1 << 30,
        rows: 2_000_000,
        old_books: true,
    };
    /// For a file that is posted to us.
    pub const PUSHED: Self = Self {
        text_bytes: 20 << 20,
        book_bytes: 20 << 20,
        unpacked_bytes: 200 << 20,
        rows: 100_000,
        old_books: false,
    };
    /// For a file that comes with a web form, from anybody.
    pub const UPLOADED: Self = Self {
        text_bytes: 5 << 20,
        book_bytes: 5 << 20,
        unpacked_bytes: 60 << 20,
        rows: 10_000,
        old_books: false,
    };
}

/// Where the column names stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Header {
    /// The first line that looks like names.
    #[default]
    Found,
    /// That line; the first is 1.
    Line(u32),
    /// There are none: columns are `column_1`, `column_2`…
    None,
}

/// How a table is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The sheet of a workbook: number (the first is 1) or name; `None` is the first visible one.
    pub sheet: Option<Value>,
    /// Where the column names stand.
    pub header: Header,
    /// What separates the columns of a text file; found by itself when `None`.
    pub delimiter: Option<u8>,
    /// The encoding of a text file; found by itself when `None`.
    pub encoding: Option<&'static Encoding>,
    /// The column with the event id.
    pub event_id: Option<String>,
    /// The column with the time.
    pub at: Option<String>,
    /// The column with the touch kind.
    pub kind: Option<String>,
    /// The zone of times without one.
    pub zone: TimeZone,
    /// How much is taken.
    pub bounds: Bounds,
}

impl Options {
    /// The options of a link's settings.
    #[must_use]
    pub fn of(link: &Link, bounds: Bounds) -> Self {
        let delimiter = match link.text("delimiter") {
            Some("comma") => Some(b','),
            Some("semicolon") => Some(b';'),
            Some("tab") => Some(b'\t'),
            Some("pipe") => Some(b'|'),
            _ => None,
        };
        let header = match link.int("header_row") {
            None => Header::Found,
            Some(0) => Header::None,
            Some(line) => Header::Line(u32::try_from(line).unwrap_or(1)),
        };
        let column = |name: &str| link.text(name).map(str::to_owned);
        Self {
            sheet: link.settings.get("sheet").cloned(),
            header,
            delimiter,
            encoding: link.text("encoding").and_then(encoding::labelled),
            event_id: column("event_id"),
            at: column("at"),
            kind: column("kind"),
            zone: reading::zone(link),
            bounds,
        }
    }
}
