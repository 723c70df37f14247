//! Rows of a file on their way into the inbox, in chunks: by `leadloop import` and from folders that are watched.
//!
//! Each chunk is durable before the next. Rows that were refused are written into a file of their own ([`rejected`]), to be
//! mended and imported again. Reading files is left to the connector, judging rows to the core.

pub mod rejected;

use std::collections::BTreeMap;
use std::path::PathBuf;

use leadloop_mapping::Record;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::ids::{PushId, SourceName};
use serde::Serialize;

use self::rejected::Rejected;
use crate::node::Node;
use crate::orders::{self, Done, HeldId, Mended, Order, OrderError, Refused, Rows};

/// Most rows of a chunk: one durable transaction.
const ROWS: usize = 1_000;
/// Most bytes of a chunk, roughly: what is kept of it stays below the size of a push.
const BYTES: usize = 4 << 20;
/// Most rows that are remembered one by one.
const KEPT: usize = 100_000;

/// One row as the reader of the file gave it.
pub type Row = Result<RawLead, Box<Quarantined>>;

/// What keeps a file from going on; what was taken until then is in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The inbox.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The file of rejects; the rows are in quarantine all the same.
    #[error("`{}` cannot be written", path.display())]
    Rejects {
        /// Where.
        path: PathBuf,
        /// Why.
        source: csv::Error,
    },
}

/// Who carries out what is asked of the store.
pub trait Hand {
    /// Carries an order out; durable when it returns.
    fn carry_out(&self, order: Order) -> impl Future<Output = Result<Done, OrderError>> + Send;
}

impl Hand for Node {
    async fn carry_out(&self, order: Order) -> Result<Done, OrderError> {
        orders::carry_out(self, order).await
    }
}

/// Rows in chunks, each of which is one transaction.
pub fn chunks(table: impl Iterator<Item = Row>) -> impl Iterator<Item = Vec<Row>> {
    let mut table = table.peekable();
    std::iter::from_fn(move || {
        table.peek()?;
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while chunk.len() < ROWS && bytes < BYTES {
            let Some(row) = table.next() else { break };
            bytes += size(&row);
            chunk.push(row);
        }
        Some(chunk)
    })
}

/// One file on its way: what its chunks became.
pub struct Intake {
    source: SourceName,
    file: String,
    rejected: Rejected,
    /// What became of its rows until now.
    pub tally: Tally,
}

impl Intake {
    /// Of a file with that name, for a source.
    #[must_use]
    pub fn new(source: SourceName, file: String, rejected: Rejected) -> Self {
        Self { source, file, rejected, tally: Tally::default() }
    }

    /// All its chunks are given.
    ///
    /// # Errors
    /// Where the file of rejects cannot be written.
    pub fn finish(self) -> Result<Tally, ImportError> {
        Ok(Tally { rejected: self.rejected.finish()?, ..self.tally })
    }

    /// Gives a chunk to the inbox and counts what became of its rows.
    ///
    /// # Errors
    /// See [`ImportError`].
    pub async fn give(&mut self, chunk: Vec<Row>, hand: &impl Hand) -> Result<(), ImportError> {
        self.tally.rows += chunk.len();
        let (mut rows, mut mended) = (Vec::new(), Vec::new());
        for mut row in chunk {
            let held = rejected::reference(&row);
            rejected::strip(&mut row);
            match held {
                Some((push, position)) => mended.push((push, position, row)),
                None => rows.push(row),
            }
        }
        self.mend(mended, hand).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let (leads, unreadable) = split(&rows);
        let order = Rows { source: self.source.clone(), file: self.file.clone(), rows: leads, unreadable };
        let done = hand.carry_out(Order::Rows(order)).await?;
        self.count(&rows, &done)
    }

    /// Rows of a file of rejects settle the records they came from. One that still cannot be read leaves its record as it
    /// is; one whose record was settled meanwhile was told before.
    async fn mend(&mut self, mended: Vec<(PushId, u32, Row)>, hand: &impl Hand) -> Result<(), ImportError> {
        let (tally, rejected) = (&mut self.tally, &mut self.rejected);
        let mut asked = Vec::new();
        let mut records = Vec::new();
        for (push, position, row) in mended {
            match row {
                Ok(raw) => {
                    records.push(Mended { push, position, fields: raw.fields.clone() });
                    asked.push((push, position, raw));
                }
                Err(still) => {
                    rejected.add(&still.raw.fields, Some((push, position)), &still.code, &still.detail)?;
                    tally.refuse(still.position, &still.code, &still.detail);
                }
            }
        }
        if records.is_empty() {
            return Ok(());
        }
        let done = hand.carry_out(Order::Mend { records }).await?;
        tally.accepted += done.changed;
        tally.unwanted += done.unwanted;
        for (push, position, raw) in asked {
            if done.gone.contains(&HeldId::Record(push, position)) {
                tally.duplicate(raw.position);
            } else if let Some(still) =
                done.refused.iter().find(|one| one.push == push && one.position == position)
            {
                rejected.add(&raw.fields, Some((push, position)), &still.code, &still.detail)?;
                tally.refuse(raw.position, &still.code, &still.detail);
            } else if done.duplicates.contains(&position) {
                tally.duplicate(raw.position);
            }
        }
        Ok(())
    }

    fn count(&mut self, rows: &[Row], done: &Done) -> Result<(), ImportError> {
        let (tally, rejected) = (&mut self.tally, &mut self.rejected);
        tally.accepted += done.changed;
        tally.unwanted += done.unwanted;
        tally.erased += done.erased;
        for row in &done.duplicates {
            tally.duplicate(*row);
        }
        for Refused { push, position, code, detail } in &done.refused {
            let fields = rows.iter().find_map(|row| match row {
                Ok(raw) if raw.position == *position => Some(&raw.fields),
                Err(refused) if refused.position == *position => Some(&refused.raw.fields),
                _ => None,
            });
            rejected.add(fields.unwrap_or(&Record::default()), Some((*push, *position)), code, detail)?;
            tally.refuse(*position, code, detail);
        }
        Ok(())
    }
}

fn split(rows: &[Row]) -> (Vec<RawLead>, Vec<Quarantined>) {
    let leads = rows.iter().filter_map(|row| row.as_ref().ok().cloned());
    let unreadable = rows.iter().filter_map(|row| row.as_ref().err().map(|refused| (**refused).clone()));
    (leads.collect(), unreadable.collect())
}

/// Roughly what a row weighs.
fn size(row: &Row) -> usize {
    let fields = match row {
        Ok(raw) => &raw.fields,
        Err(refused) => &refused.raw.fields,
    };
    fields.iter().map(|(name, value)| name.len() + value.as_text().map_or(8, str::len)).sum()
}

/// What became of a row that was not simply taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was told before.
    Duplicate,
    /// It cannot be taken as it is.
    Quarantined,
}

/// One row and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Data row (1 is the first below the column names).
    pub row: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// The error's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Counts of an import.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Rows read.
    pub rows: usize,
    /// Rows taken in.
    pub accepted: u64,
    /// Rows told before.
    pub duplicates: u64,
    /// Rows in quarantine.
    pub refused: u64,
    /// Rows that the source's `keep` does not want.
    pub unwanted: u64,
    /// Rows of people who were erased: they were not taken in.
    pub erased: u64,
    /// Refused rows by code.
    pub codes: BTreeMap<String, u64>,
    /// Rows that were not simply taken, up to a bound.
    pub lines: Vec<Line>,
    /// The file with the refused rows.
    pub rejected: Option<PathBuf>,
    /// Whether a running leadloop took them.
    pub running: bool,
}

impl Tally {
    /// Remembers a row, up to a bound.
    pub fn line(&mut self, line: Line) {
        if self.lines.len() < KEPT {
            self.lines.push(line);
        }
    }

    /// Rows that nobody has to look at.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.accepted + self.duplicates + self.unwanted + self.erased
    }
}

impl Tally {
    /// Counts a row that was refused.
    pub fn refuse(&mut self, row: u32, code: &str, detail: &str) {
        self.refused += 1;
        *self.codes.entry(code.to_owned()).or_default() += 1;
        self.line(Line {
            row,
            outcome: Outcome::Quarantined,
            code: Some(code.to_owned()),
            detail: Some(detail.to_owned()),
        });
    }

    /// Counts a row that was told before.
    pub fn duplicate(&mut self, row: u32) {
        self.duplicates += 1;
        self.line(Line { row, outcome: Outcome::Duplicate, code: None, detail: None });
    }
}
