//! A table that was opened: its columns, and its rows as records.

use std::collections::VecDeque;
use std::io::Read;

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::aliases;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::time::Timestamp;

use super::cell;
use super::csv::Csv;
use super::header::{self, LOOKED_AT};
use super::options::{Header, Options};
use super::rows::{BAD_WIDTH, NO_HEADER, NO_TABLE, REST_UNREAD, Row, TOO_BIG};
use super::sheet;
use crate::reading::{self, BAD_TIME, LONGEST_VALUE, MOST_FIELDS, OUT_OF_BOUNDS, encoding};

/// Why a file cannot be opened as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The error's code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub detail: String,
}

impl Refused {
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in the file; records carry their values under it.
    pub name: String,
    /// The pool field that this name means to everybody; the config's own mapping goes before it.
    pub pool_field: Option<&'static str>,
}

/// What a file is and how it begins, for people to look at before it is imported.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// `CSV`, `XLSX` or `XLS`.
    pub form: &'static str,
    /// The encoding of a text file.
    pub encoding: Option<&'static str>,
    /// The separator of a text file.
    pub delimiter: Option<char>,
    /// The sheet that is read, and all sheets of the workbook.
    pub sheet: Option<(String, Vec<String>)>,
    /// The line with the column names; 0 where there are none.
    pub header_line: u32,
    /// Its columns.
    pub columns: Vec<Column>,
    /// The first rows.
    pub rows: Vec<Result<RawLead, Box<Quarantined>>>,
}

enum Source<'a> {
    Text(Box<Csv<'a>>),
    Book { rows: std::vec::IntoIter<Row>, name: String, names: Vec<String>, old: bool },
}

impl Source<'_> {
    fn next(&mut self) -> Option<Row> {
        match self {
            Source::Text(csv) => csv.next().map(|mut row| {
                for value in &mut row.cells {
                    if let Value::Text(text) = value {
                        *value = cell::of_text(text);
                    }
                }
                row
            }),
            Source::Book { rows, .. } => rows.next(),
        }
    }
}

/// A table: an iterator of its rows, each a record or what is wrong with it. Blank rows are passed over.
pub struct Table<'a> {
    source: Source<'a>,
    /// Rows read while looking for the header.
    waiting: VecDeque<Row>,
    columns: Vec<Column>,
    header_line: u32,
    options: Options,
    /// The line that is data row 1, less one.
    above: u32,
    rows: u32,
    position: u32,
    ended: bool,
}

/// Opens a table; text is streamed, a workbook is read at once. Nothing but the start of a text file is read here.
///
/// # Errors
/// Why it is no table that can be read.
pub fn open<'a>(mut input: impl Read + Send + 'a, options: Options) -> Result<Table<'a>, Refused> {
    let failed = |error: std::io::Error| Refused::new(NO_TABLE, format!("reading the file failed: {error}"));
    let mut start = Vec::new();
    input.by_ref().take(encoding::SAMPLE as u64).read_to_end(&mut start).map_err(failed)?;
    let source = if sheet::is_book(&start) {
        let most = options.bounds.book_bytes;
        input.take(most.saturating_sub(start.len() as u64) + 1).read_to_end(&mut start).map_err(failed)?;
        if start.len() as u64 > most {
            let most = most >> 20;
            return Err(Refused::new(
                TOO_BIG,
                format!("the workbook has more than {most} MB: split it, or save it as CSV"),
            ));
        }
        let old = sheet::is_old(&start);
        let sheet = sheet::read(start, options.sheet.as_ref(), &options.bounds)?;
        Source::Book { rows: sheet.rows.into_iter(), name: sheet.name, names: sheet.names, old }
    } else {
        is_text(&start)?;
        let csv =
            Csv::new(start, Box::new(input), options.delimiter, options.encoding, options.bounds.text_bytes);
        Source::Text(Box::new(csv))
    };
    let mut table = Table {
        source,
        waiting: VecDeque::new(),
        columns: vec![],
        header_line: 0,
        options,
        above: 0,
        rows: 0,
        position: 0,
        ended: false,
    };
    table.find_header()?;
    table.check_columns()?;
    Ok(table)
}

/// Refuses what is no text table, by its first bytes.
fn is_text(start: &[u8]) -> Result<(), Refused> {
    let no_table =
        |what: &str| Err(Refused::new(NO_TABLE, format!("{what}: save the list as .xlsx or as CSV")));
    let head = String::from_utf8_lossy(start.get(..512).unwrap_or(start)).trim_start().to_ascii_lowercase();
    if start.iter().all(u8::is_ascii_whitespace) {
        return no_table("the file is empty");
    }
    if head.starts_with("<html")
        || head.starts_with("<!doctype")
        || head.starts_with("<table")
        || head.starts_with("<?xml")
    {
        return no_table("it is a web page, even if its name ends in .xls");
    }
    if head.starts_with("%pdf") {
        return no_table("it is a PDF");
    }
    if head.starts_with(['{', '[']) {
        return no_table("it is JSON");
    }
    let (encoding, _) = encoding::detect(start);
    let wide = encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE;
    if !wide && start.contains(&0) {
        return no_table("it is no text");
    }
    Ok(())
}

impl Table<'_> {
    /// Its columns, in their order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// What it is and its first `rows` rows, which are used up by this.
    pub fn preview(&mut self, rows: usize) -> Preview {
        let first = self.by_ref().take(rows).collect();
        let (form, encoding, delimiter, sheet) = match &self.source {
            Source::Text(csv) => ("CSV", Some(csv.encoding_name()), Some(char::from(csv.delimiter)), None),
            Source::Book { name, names, old, .. } => {
                (if *old { "XLS" } else { "XLSX" }, None, None, Some((name.clone(), names.clone())))
            }
        };
        Preview {
            form,
            encoding,
            delimiter,
            sheet,
            header_line: self.header_line,
            columns: self.columns.clone(),
            rows: first,
        }
    }

    fn find_header(&mut self) -> Result<(), Refused> {
        let looked = match self.options.header {
            Header::Line(line) => line as usize,
            _ => LOOKED_AT,
        };
        while self.waiting.len() < looked.max(1)
            && let Some(row) = self.source.next()
        {
            let enough = matches!(self.options.header, Header::Line(line) if row.line >= line);
            self.waiting.push_back(row);
            if enough {
                break;
            }
        }
        self.waiting.make_contiguous();
        let (rows, _) = self.waiting.as_slices();
        let no_header = |detail: &str| Err(Refused::new(NO_HEADER, detail));
        let names = match self.options.header {
            Header::None => {
                let width = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
                self.above = rows.first().map_or(0, |row| row.line.saturating_sub(1));
                header::numbered(width)
            }
            Header::Line(line) => {
                let Some(at) = rows.iter().position(|row| row.line == line && row.wrong.is_none()) else {
                    return no_header(&format!(
                        "line {line} does not hold the column names: set `header_row`"
                    ));
                };
                self.take_header(at)
            }
            Header::Found => match header::find(rows) {
                Some(at) => self.take_header(at),
                None => {
                    return no_header(
                        "no line with column names was found: put them above the data, or set `header_row` (0: there are none)",
                    );
                }
            },
        };
        self.columns =
            names.into_iter().map(|name| Column { pool_field: aliases::pool_field(&name), name }).collect();
        if let Source::Text(csv) = &mut self.source {
            csv.width = Some(self.columns.len());
        }
        Ok(())
    }

    /// The names in the waiting row at `at`; it and what stands above it are used up.
    fn take_header(&mut self, at: usize) -> Vec<String> {
        let Some(row) = self.waiting.drain(..=at).next_back() else {
            return vec![];
        };
        self.header_line = row.line;
        let next = self.waiting.front().map_or(row.line + 1, |next| next.line);
        // the header itself may go over several lines
        self.above = if row.may_be_short { row.line } else { next.saturating_sub(1) };
        header::names(&row)
    }

    fn check_columns(&self) -> Result<(), Refused> {
        if self.columns.is_empty() {
            return Err(Refused::new(NO_TABLE, "the file holds no row"));
        }
        if self.columns.len() > MOST_FIELDS {
            let found = self.columns.len();
            return Err(Refused::new(
                TOO_BIG,
                format!("it has {found} columns; at most {MOST_FIELDS} are taken"),
            ));
        }
        let names = || self.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        let set =
            [("event_id", &self.options.event_id), ("at", &self.options.at), ("kind", &self.options.kind)];
        for (setting, wanted) in set {
            if let Some(wanted) = wanted
                && self.place_of(wanted).is_none()
            {
                let detail = format!(
                    "`{setting}` names the column {wanted:?}, which is not there; columns: {}",
                    names()
                );
                return Err(Refused::new(NO_HEADER, reading::cut(&detail, 600)));
            }
        }
        Ok(())
    }

    fn place_of(&self, wanted: &str) -> Option<usize> {
        let key = aliases::key(wanted);
        self.columns
            .iter()
            .position(|column| column.name == wanted)
            .or_else(|| self.columns.iter().position(|column| aliases::key(&column.name) == key))
    }

    /// A row as a record, or what is wrong with it.
    fn record(&self, row: Row, position: u32) -> Result<RawLead, Box<Quarantined>> {
        let line = row.line;
        let mut wrong = row.wrong;
        let over: usize = row.cells.iter().skip(self.columns.len()).filter(|cell| !cell.is_blank()).count();
        let (found, due) = (row.cells.len(), self.columns.len());
        if wrong.is_none() && (over > 0 || (found < due && !row.may_be_short)) {
            wrong = Some((BAD_WIDTH, format!("the row has {found} columns, the header has {due}")));
        }
        let mut lead = RawLead { position, ..RawLead::default() };
        for (at, value) in row.cells.into_iter().enumerate().filter(|(_, value)| !value.is_blank()) {
            let numbered;
            let name = match self.columns.get(at) {
                Some(column) => column.name.as_str(),
                None if at < MOST_FIELDS => {
                    numbered = format!("column_{}", at + 1);
                    numbered.as_str()
                }
                None => break,
            };
            let value = match value {
                Value::Text(text) if text.len() > LONGEST_VALUE => {
                    let detail =
                        format!("{name:?} has {} bytes; at most {LONGEST_VALUE} are taken", text.len());
                    wrong.get_or_insert((OUT_OF_BOUNDS, detail));
                    Value::text(reading::cut(&text, LONGEST_VALUE))
                }
                value => value,
            };
            lead.fields.0.insert(name.to_owned(), value);
        }
        self.add_settings(&mut lead, &mut wrong);
        match wrong {
            None => Ok(lead),
            Some((code, detail)) => Err(reading::quarantined(code, format!("line {line}: {detail}"), lead)),
        }
    }

    /// Event id, time and touch kind from the columns that are set for them.
    fn add_settings(&self, lead: &mut RawLead, wrong: &mut Option<(&'static str, String)>) {
        let text = |fields: &Record, column: &Option<String>| {
            let at = column.as_deref().and_then(|column| self.place_of(column))?;
            let value = fields.get(&self.columns.get(at)?.name)?.to_display();
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        lead.event_id = text(&lead.fields, &self.options.event_id);
        lead.touch = text(&lead.fields, &self.options.kind);
        if let Some(time) = text(&lead.fields, &self.options.at) {
            lead.at = Timestamp::parse(&time, &self.options.zone);
            if lead.at.is_none() {
                wrong.get_or_insert((BAD_TIME, format!("{:?} is no time", reading::cut(&time, 60))));
            }
        }
    }

    /// The last word of a table that is not read to its end.
    fn rest_unread(&mut self, detail: String) -> Box<Quarantined> {
        self.ended = true;
        let position = self.position.saturating_add(1);
        reading::quarantined(REST_UNREAD, detail, RawLead { position, ..RawLead::default() })
    }
}

impl Iterator for Table<'_> {
    /// A record whose position is its data row (1 is the first below the header), or what is wrong with the row.
    type Item = Result<RawLead, Box<Quarantined>>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let row = self.waiting.pop_front().or_else(|| self.source.next())?;
            if row.is_blank() {
                continue;
            }
            if self.rows == self.options.bounds.rows {
                let most = self.options.bounds.rows;
                return Some(Err(self.rest_unread(format!(
                    "line {}: more than {most} rows; the rest was not read: split the file",
                    row.line
                ))));
            }
            if let Some((REST_UNREAD, detail)) = &row.wrong {
                let detail = format!("line {}: {detail}", row.line);
                return Some(Err(self.rest_unread(detail)));
            }
            self.rows += 1;
            // lines of one cell can span several, so that two rows never share a position
            self.position = row.line.saturating_sub(self.above).max(self.position + 1);
            return Some(self.record(row, self.position));
        }
        None
    }
}
