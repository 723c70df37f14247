//! `leadloop import`: a CSV or Excel file into the inbox, row by row, with a preview, progress and what became of each row.
//!
//! Rows go in chunks, each durable before the next; a file that broke off can be imported again, since what is in
//! already is a duplicate. Rows that were refused are written beside the file, to be mended and imported again.

mod chunk;
mod preview;
mod report;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use leadloop_config::plan::{Plan, SourcePlan};
use leadloop_connectors::table_file::{self, Bounds, Options, Table};
use leadloop_server::import::Tally;
use leadloop_server::import::rejected::Rejected;
use leadloop_sync_core::policy::SourcePolicy;

use self::chunk::Judge;
use crate::args::{General, Import};
use crate::failure::{Exit, Failure};
use crate::orders::Desk;
use crate::screen::Screen;
use crate::{plan, question};

/// Rows of a preview.
const SHOWN: usize = 5;

/// Imports a file, or shows what an import would do.
///
/// # Errors
/// Where config, file or store cannot be used; with exit code 1 where no row could be taken.
pub async fn run(screen: &mut Screen, general: &General, args: &Import) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let (source, policy) = source_of(&plan, &args.source)?;
    let progress = Counted::default();
    let mut table = open(&args.file, source, &progress)?;
    let asks = !args.yes && !args.dry_run && screen.is_attended();
    if args.preview || asks {
        let preview = table.preview(SHOWN);
        preview::show(screen, &args.file, (policy, &plan.policy), &preview)?;
        if args.preview {
            return Ok(());
        }
        if !question::confirmed(screen, screen.words("import this file?", "导入此文件？"))? {
            return Ok(());
        }
        table = open(&args.file, source, &progress)?;
    }
    let judge = Judge::new(&plan, source, &args.file);
    let tally = if args.dry_run {
        judge.dry(screen, table, &progress)?
    } else {
        let desk = Desk::open(&plan).await?;
        let rejected = Rejected::beside(&args.file, &names(&table));
        let imported = judge.take(screen, table, &progress, &desk, rejected).await;
        let running = desk.is_running();
        desk.close().await?;
        Tally { running, ..imported? }
    };
    report::print(screen, &args.file, args.dry_run, &tally)?;
    if tally.rows > 0 && tally.taken() == 0 { Err(Failure::said(Exit::Input)) } else { Ok(()) }
}

/// Imports a file without a word, for the demo.
///
/// # Errors
/// As [`run`].
pub async fn quietly(
    screen: &Screen,
    plan: &Plan,
    source: &str,
    file: &Path,
    desk: &Desk,
) -> Result<Tally, Failure> {
    let (source, _) = source_of(plan, source)?;
    let progress = Counted::default();
    let table = open(file, source, &progress)?;
    let rejected = Rejected::beside(file, &names(&table));
    Judge::new(plan, source, file).take(screen, table, &progress, desk, rejected).await
}

/// A source that files belong to.
fn source_of<'p>(plan: &'p Plan, name: &str) -> Result<(&'p SourcePlan, &'p SourcePolicy), Failure> {
    let files: Vec<&str> = plan
        .sources
        .iter()
        .filter(|source| source.connector == "table_file")
        .map(|source| source.name.as_str())
        .collect();
    let found = plan.source(name).filter(|source| source.connector == "table_file");
    match found.and_then(|source| Some((source, plan.policy.sources.get(&source.name)?))) {
        Some(found) => Ok(found),
        None => Err(Failure::unknown(
            format!("there is no source of files `{name}`"),
            format!("没有名为 `{name}` 的文件来源"),
        )
        .help(
            format!("sources with connector = \"table_file\": {}", files.join(", ")),
            format!("connector = \"table_file\" 的来源：{}", files.join("、")),
        )),
    }
}

/// The columns of a table.
fn names(table: &Table<'_>) -> Vec<String> {
    table.columns().iter().map(|column| column.name.clone()).collect()
}

fn open(file: &Path, source: &SourcePlan, progress: &Counted) -> Result<Table<'static>, Failure> {
    let name = file.display();
    let opened = File::open(file).map_err(|error| {
        Failure::input(format!("`{name}` cannot be read: {error}"), format!("无法读取 `{name}`：{error}"))
    })?;
    progress.begin(opened.metadata().map_or(0, |about| about.len()));
    let reader = Counting { file: opened, counted: progress.clone() };
    table_file::open(reader, Options::of(&source.link, Bounds::IMPORTED)).map_err(|refused| {
        let detail = refused.detail;
        Failure::input(format!("`{name}`: {detail}"), format!("`{name}`：{detail}")).code(refused.code)
    })
}

/// How far a file was read.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    read: Arc<AtomicU64>,
    total: Arc<AtomicU64>,
}

impl Counted {
    fn begin(&self, total: u64) {
        self.read.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Bytes read, and bytes there are.
    pub fn state(&self) -> (u64, u64) {
        (self.read.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }
}

struct Counting {
    file: File,
    counted: Counted,
}

impl Read for Counting {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(into)?;
        self.counted.read.fetch_add(u64::try_from(read).unwrap_or(0), Ordering::Relaxed);
        Ok(read)
    }
}
