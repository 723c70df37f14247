//! Rows that were refused, in a file of their own: the columns of the file, and in front the record they are in
//! quarantine and why. Mended there, that file is imported like any other and settles those records.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use leadloop_mapping::Record;
use leadloop_sync_core::ids::PushId;

use super::{ImportError, Row};

/// Names of our own columns begin so.
const OURS: &str = "leadloop_";
/// The column that names the record in quarantine.
const REFERENCE: &str = "leadloop_ref";

/// The file of rejects; made with its first row.
pub struct Rejected {
    path: PathBuf,
    columns: Vec<String>,
    writer: Option<csv::Writer<File>>,
}

impl Rejected {
    /// `FILE.rejected.csv` beside a file.
    #[must_use]
    pub fn beside(file: &Path, columns: &[String]) -> Self {
        let mut path = file.as_os_str().to_owned();
        // Rejects of rejects go to the same file again, not to a longer and longer name.
        if !file.to_string_lossy().ends_with(".rejected.csv") {
            path.push(".rejected.csv");
        } else {
            path = file.with_extension("2.csv").into_os_string();
        }
        let columns = columns.iter().filter(|name| !name.starts_with(OURS)).cloned();
        Self { path: path.into(), columns: columns.collect(), writer: None }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn add(
        &mut self,
        fields: &Record,
        held: Option<(PushId, u32)>,
        code: &str,
        detail: &str,
    ) -> Result<(), ImportError> {
        let written = self.write(fields, held, code, detail);
        written.map_err(|error| self.failed(error))
    }

    fn write(
        &mut self,
        fields: &Record,
        held: Option<(PushId, u32)>,
        code: &str,
        detail: &str,
    ) -> Result<(), csv::Error> {
        if self.writer.is_none() {
            let mut file = File::create(&self.path)?;
            // The mark tells spreadsheets that it is UTF-8.
            file.write_all("\u{feff}".as_bytes())?;
            let mut writer = csv::Writer::from_writer(file);
            let ours = [REFERENCE, "leadloop_code", "leadloop_reason"].map(str::to_owned);
            writer.write_record(ours.iter().chain(&self.columns))?;
            self.writer = Some(writer);
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let reference = held.map(|(push, position)| format!("{push}/{position}")).unwrap_or_default();
        let ours = [reference, code.to_owned(), detail.to_owned()];
        let cells = self
            .columns
            .iter()
            .map(|name| fields.get(name).map(|value| value.to_display()).unwrap_or_default());
        writer.write_record(ours.into_iter().chain(cells))
    }

    fn failed(&self, source: csv::Error) -> ImportError {
        ImportError::Rejects { path: self.path.clone(), source }
    }

    /// Closes the file; its path where there was a row.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn finish(mut self) -> Result<Option<PathBuf>, ImportError> {
        let Some(mut writer) = self.writer.take() else { return Ok(None) };
        writer.flush().map_err(|error| self.failed(error.into()))?;
        Ok(Some(self.path))
    }
}

/// The record in quarantine that a row was written from. Our own columns are taken out of the row.
#[must_use]
pub fn reference(row: &Row) -> Option<(PushId, u32)> {
    let fields = match row {
        Ok(raw) => &raw.fields,
        Err(refused) => &refused.raw.fields,
    };
    let (push, position) = fields.text(REFERENCE)?.split_once('/')?;
    Some((push.trim().parse().ok()?, position.trim().parse().ok()?))
}

/// Takes our own columns out of a row.
pub fn strip(row: &mut Row) {
    let fields = match row {
        Ok(raw) => &mut raw.fields,
        Err(refused) => &mut refused.raw.fields,
    };
    fields.0.retain(|name, _| !name.starts_with(OURS));
}
