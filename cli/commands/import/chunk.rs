//! Rows on their way from the file to the store, in chunks.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use leadloop_config::plan::{Plan, SourcePlan};
use leadloop_connectors::table_file::Table;
use leadloop_server::import::rejected::{self, Rejected};
use leadloop_server::import::{ImportError, Intake, Tally, chunks};
use leadloop_sync_core::intake::intake;
use leadloop_sync_core::moment::Moment;
use tokio::sync::mpsc;

use super::Counted;
use crate::failure::Failure;
use crate::orders::{Desk, refused};
use crate::screen::Screen;
use crate::when;

/// Chunks that are read ahead.
const AHEAD: usize = 2;

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
        table: Table<'static>,
        progress: &Counted,
        desk: &Desk,
        rejected: Rejected,
    ) -> Result<Tally, Failure> {
        let bar = bar(screen);
        let mut intake = Intake::new(self.source.name.clone(), self.file.clone(), rejected);
        let (give, mut take) = mpsc::channel(AHEAD);
        let reading = tokio::task::spawn_blocking(move || {
            for chunk in chunks(table) {
                if give.blocking_send(chunk).is_err() {
                    return; // nobody takes them any more: something else failed and is said
                }
            }
        });
        let meanwhile = desk.meanwhile();
        let mut given = Ok(());
        while let Some(chunk) = take.recv().await {
            given = intake.give(chunk, desk).await;
            if given.is_err() {
                break;
            }
            step(&bar, progress, &intake.tally);
        }
        drop(take);
        meanwhile.end().await;
        given.map_err(failed)?;
        reading.await.map_err(|error| {
            Failure::outside(format!("reading the file failed: {error}"), format!("读取文件失败：{error}"))
        })?;
        let tally = intake.finish().map_err(failed)?;
        bar.finish_and_clear();
        Ok(tally)
    }
}

/// What kept a file from going on.
fn failed(error: ImportError) -> Failure {
    match error {
        ImportError::Order(error) => refused(error),
        ImportError::Rejects { path, source } => {
            let name = path.display();
            Failure::outside(
                format!("`{name}` cannot be written: {source}; the rows are in quarantine all the same"),
                format!("无法写入 `{name}`：{source}；这些行已在隔离区"),
            )
        }
    }
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
