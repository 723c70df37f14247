//! Rows on their way from the file to the store, in chunks.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use leadloop_config::plan::{Plan, SourcePlan};
use leadloop_connectors::table_file::Table;
use leadloop_mapping::Record;
use leadloop_server::orders::{Done, HeldId, Mended, Order, Refused, Rows};
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::intake::intake;
use leadloop_sync_core::moment::Moment;

use super::Counted;
use super::rejected::{self, Rejected};
use super::report::{Line, Outcome, Tally};
use crate::failure::Failure;
use crate::orders::Desk;
use crate::screen::Screen;
use crate::when;

/// Most rows of a chunk: one durable transaction.
const ROWS: usize = 1_000;
/// Most bytes of a chunk, roughly: what is kept of it stays below the size of a push.
const BYTES: usize = 4 << 20;

/// One row as the reader of the file gave it.
pub type Row = Result<RawLead, Box<Quarantined>>;

/// Gives rows to the store and hears what became of each.
pub struct Judge<'p> {
    plan: &'p Plan,
    source: &'p SourcePlan,
    file: String,
}

impl<'p> Judge<'p> {
    /// For the rows of one file.
    pub fn new(plan: &'p Plan, source: &'p SourcePlan, file: &Path) -> Self {
        let file = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        Self { plan, source, file }
    }

    /// Judges every row as the inbox would, and keeps nothing.
    ///
    /// # Errors
    /// Where the progress cannot be drawn.
    pub fn dry(&self, screen: &Screen, table: Table<'_>, progress: &Counted) -> Result<Tally, Failure> {
        let bar = bar(screen);
        let mut tally = Tally::default();
        let mut seen = std::collections::BTreeSet::new();
        let policy = self.plan.policy.sources.get(&self.source.name);
        let now = when::now();
        let mut moment = Moment::new(now, 0);
        for mut row in table {
            tally.rows += 1;
            rejected::strip(&mut row);
            let judged = match row {
                Err(refused) => Err(refused),
                Ok(raw) => match policy {
                    Some(policy) => intake(&raw, policy, &self.plan.policy, now, None, &mut moment)
                        .map(|taken| (raw.position, taken.captured())),
                    None => continue,
                },
            };
            match judged {
                Err(refused) => tally.refuse(refused.position, &refused.code, &refused.detail),
                Ok((_, None)) => tally.unwanted += 1,
                Ok((_, Some(captured))) if seen.insert(captured.key.clone()) => tally.accepted += 1,
                Ok((row, Some(_))) => tally.duplicate(row),
            }
            if tally.rows.is_multiple_of(500) {
                step(&bar, progress, &tally);
            }
        }
        bar.finish_and_clear();
        Ok(tally)
    }

    /// Gives every row to the store.
    ///
    /// # Errors
    /// Where the store fails: what was taken until then is in.
    pub async fn take(
        &self,
        screen: &Screen,
        table: Table<'_>,
        progress: &Counted,
        desk: &Desk,
        mut rejected: Rejected,
    ) -> Result<Tally, Failure> {
        let bar = bar(screen);
        let mut tally = Tally::default();
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        for row in table {
            bytes += size(&row);
            chunk.push(row);
            if chunk.len() >= ROWS || bytes >= BYTES {
                self.give(std::mem::take(&mut chunk), desk, &mut tally, &mut rejected).await?;
                bytes = 0;
                step(&bar, progress, &tally);
            }
        }
        if !chunk.is_empty() {
            self.give(chunk, desk, &mut tally, &mut rejected).await?;
        }
        tally.rejected = rejected.finish()?;
        bar.finish_and_clear();
        Ok(tally)
    }

    async fn give(
        &self,
        chunk: Vec<Row>,
        desk: &Desk,
        tally: &mut Tally,
        rejected: &mut Rejected,
    ) -> Result<(), Failure> {
        tally.rows += chunk.len();
        let (mut rows, mut mended) = (Vec::new(), Vec::new());
        for mut row in chunk {
            let held = rejected::reference(&row);
            rejected::strip(&mut row);
            match held {
                Some((push, position)) => mended.push((push, position, row)),
                None => rows.push(row),
            }
        }
        self.mend(mended, desk, tally, rejected).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let (leads, unreadable) = split(&rows);
        let order =
            Rows { source: self.source.name.clone(), file: self.file.clone(), rows: leads, unreadable };
        let done = desk.carry_out(Order::Rows(order)).await?;
        self.count(&rows, &done, tally, rejected)
    }

    /// Rows of a file of rejects settle the records they came from. One that still cannot be read leaves its record as it
    /// is; one whose record was settled meanwhile was told before.
    async fn mend(
        &self,
        mended: Vec<(leadloop_sync_core::ids::PushId, u32, Row)>,
        desk: &Desk,
        tally: &mut Tally,
        rejected: &mut Rejected,
    ) -> Result<(), Failure> {
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
        let done = desk.carry_out(Order::Mend { records }).await?;
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

    fn count(
        &self,
        rows: &[Row],
        done: &Done,
        tally: &mut Tally,
        rejected: &mut Rejected,
    ) -> Result<(), Failure> {
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

fn bar(screen: &Screen) -> ProgressBar {
    if !screen.draws() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let form = "{bar:30} {percent:>3} %  {msg}";
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style);
    }
    bar
}

fn step(bar: &ProgressBar, progress: &Counted, tally: &Tally) {
    let (read, total) = progress.state();
    bar.set_length(total.max(1));
    bar.set_position(read.min(total));
    bar.set_message(format!("{} ✓  {} =  {} ✗", tally.accepted, tally.duplicates, tally.refused));
}

impl Tally {
    fn refuse(&mut self, row: u32, code: &str, detail: &str) {
        self.refused += 1;
        *self.codes.entry(code.to_owned()).or_default() += 1;
        self.line(Line {
            row,
            outcome: Outcome::Quarantined,
            code: Some(code.to_owned()),
            detail: Some(detail.to_owned()),
        });
    }

    fn duplicate(&mut self, row: u32) {
        self.duplicates += 1;
        self.line(Line { row, outcome: Outcome::Duplicate, code: None, detail: None });
    }
}
