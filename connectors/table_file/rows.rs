//! A row on its way from a file: its cells, or why it cannot be read.

use leadloop_mapping::Value;

/// A row with more or fewer cells than the header has.
pub(super) const BAD_WIDTH: &str = "LL4103";
/// A row whose bytes are not in the file's encoding.
pub(super) const BAD_BYTES: &str = "LL4104";
/// A row with a quote that is never closed.
pub(super) const OPEN_QUOTE: &str = "LL4106";
/// The rest of a file that is too long or broken.
pub(super) const REST_UNREAD: &str = "LL4107";
/// A file that cannot be opened as a table.
pub(super) const NO_TABLE: &str = "LL3107";
/// A file beyond the bounds.
pub(super) const TOO_BIG: &str = "LL3108";
/// A file without column names.
pub(super) const NO_HEADER: &str = "LL3109";

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// Its line in the file or its number in the sheet, from 1.
    pub(super) line: u32,
    /// Its cells as far as they were read.
    pub(super) cells: Vec<Value>,
    /// Why it cannot be read: code and detail.
    pub(super) wrong: Option<(&'static str, String)>,
    /// Whether a missing cell at its end is as good as a blank one (sheets leave them out).
    pub(super) may_be_short: bool,
}

impl Row {
    pub(super) fn is_blank(&self) -> bool {
        self.wrong.is_none() && self.cells.iter().all(Value::is_blank)
    }
}
