//! Beside the door: folders that are watched. A file that was put there and does not grow any more is taken in as `leadloop
//! import` takes it in; then it lies in `done`, or in `failed` where it cannot be read as a table at all.
//!
//! One node at a time works on a folder. How far it came is noted with its lease after each chunk, so that a file that broke
//! off goes on where it stood. Reading and judging rows is left to [`crate::import`] and the connector.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use leadloop_config::plan::SourcePlan;
use leadloop_connectors::table_file::{self, Bounds, Options};
use leadloop_store::StoreError;
use leadloop_sync_core::effect::Alarm;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::bounds;
use crate::import::rejected::Rejected;
use crate::import::{ImportError, Intake, Row, chunks};
use crate::leases::holder;
use crate::node::Node;
use crate::reload::say;

/// A file that cannot be read as a table.
const UNREADABLE: &str = "LL4782";
/// A folder that cannot be used.
const UNUSABLE: &str = "LL4783";
/// Where files lie that were taken in.
const DONE: &str = "done";
/// Where files lie that could not be read.
const FAILED: &str = "failed";
/// Endings of files that somebody still writes.
const UNFINISHED: [&str; 6] = ["part", "partial", "tmp", "crdownload", "download", "filepart"];
/// Chunks that are read ahead.
const AHEAD: usize = 2;

/// What tells a file that grows from one that does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Shape {
    bytes: u64,
    changed: SystemTime,
}

/// What the last look saw.
#[derive(Debug, Default)]
pub struct Seen {
    files: BTreeMap<PathBuf, Shape>,
    /// What was said about a folder, by the alarm's key; nothing is known of it before the first look.
    said: BTreeMap<String, Option<String>>,
}

/// How far a file came.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    file: String,
    shape: Option<Shape>,
    rows: usize,
}

/// What keeps a folder from being used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The disk.
    #[error("`{}`: {source}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The store; the file waits.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The inbox, or the file of rejects; the file waits.
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// Looks until the node stops.
pub async fn run(node: Arc<Node>) {
    let mut seen = Seen::default();
    while !node.stop.is_cancelled() {
        look(&node, &mut seen).await;
        tokio::select! {
            () = tokio::time::sleep(bounds::FOLDERS_EVERY.to_std()) => {}
            () = node.stop.cancelled() => {}
        }
    }
}

/// One look at every folder; what a look before saw unchanged is taken in.
pub async fn look(node: &Node, seen: &mut Seen) {
    let plan = node.plan();
    for source in &plan.sources {
        let Some(folder) = &source.folder else { continue };
        let unusable = match one(node, source, folder, seen).await {
            Ok(()) => None,
            Err(FolderError::Disk { path, source }) => Some(format!("`{}`: {source}", path.display())),
            Err(error) => {
                tracing::warn!(source = %source.name, %error, "a file waits: the store does not take its rows");
                continue;
            }
        };
        let failed = first_failed(folder).await.map(|file| {
            format!(
                "`{file}` in {FAILED} of source {} is no table that can be read; why stands beside it",
                source.name
            )
        });
        for (code, detail) in [(UNUSABLE, unusable), (UNREADABLE, failed)] {
            if let Err(error) = alarm(node, seen, source, code, detail).await {
                tracing::warn!(%error, "the alarm about a folder could not be kept");
            }
        }
    }
}

/// One look at one folder.
async fn one(node: &Node, source: &SourcePlan, folder: &Path, seen: &mut Seen) -> Result<(), FolderError> {
    let found = list(folder.to_owned()).await?;
    seen.files
        .retain(|path, _| path.parent() != Some(folder) || found.iter().any(|(other, _)| other == path));
    let mut ripe = Vec::new();
    for (path, shape) in found {
        if seen.files.insert(path.clone(), shape.clone()).as_ref() == Some(&shape) {
            ripe.push((path, shape));
        }
    }
    if ripe.is_empty() {
        return Ok(());
    }
    let Some(mut progress) = hold(node, source).await? else { return Ok(()) };
    for (path, shape) in ripe {
        if node.stop.is_cancelled() {
            break;
        }
        if progress.file != name_of(&path) || progress.shape.as_ref() != Some(&shape) {
            progress = Progress { file: name_of(&path), shape: Some(shape), rows: 0 };
        }
        if !take(node, source, folder, &path, &mut progress).await? {
            return Ok(()); // stopped, or another node has the folder: the note says how far it came
        }
        seen.files.remove(&path);
    }
    note(node, source, &Progress::default(), true).await?;
    Ok(())
}

/// The files of a folder, the oldest first. The folder is made where it is not there.
async fn list(folder: PathBuf) -> Result<Vec<(PathBuf, Shape)>, FolderError> {
    blocking(&folder.clone(), move || {
        for path in [folder.clone(), folder.join(DONE), folder.join(FAILED)] {
            std::fs::create_dir_all(path)?;
        }
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            // It may be gone by now: somebody took it back.
            let Ok(about) = std::fs::metadata(&path) else { continue };
            if about.is_file() && is_whole(&path) {
                found.push((path, Shape { bytes: about.len(), changed: about.modified()? }));
            }
        }
        found.sort_by(|(one, a), (other, b)| (a.changed, one).cmp(&(b.changed, other)));
        Ok(found)
    })
    .await
}

/// Whether its name says that nobody writes it any more.
fn is_whole(path: &Path) -> bool {
    let name = name_of(path);
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    !name.starts_with('.')
        && !name.starts_with("~$")
        && !ending.is_some_and(|ending| UNFINISHED.contains(&ending.as_str()))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// A file that lies in `failed`: the admin takes it away when it was seen to.
async fn first_failed(folder: &Path) -> Option<String> {
    let failed = folder.join(FAILED);
    let found = blocking(folder, move || {
        let mut names: Vec<String> =
            std::fs::read_dir(failed)?.filter_map(|entry| Some(name_of(&entry.ok()?.path()))).collect();
        names.retain(|name| !name.starts_with('.') && !name.ends_with(".why.txt"));
        names.sort();
        Ok(names.into_iter().next())
    });
    found.await.ok().flatten()
}

/// One file, from where it stood; false where it was broken off.
async fn take(
    node: &Node,
    source: &SourcePlan,
    folder: &Path,
    path: &Path,
    progress: &mut Progress,
) -> Result<bool, FolderError> {
    let target = free(&folder.join(DONE), &name_of(path));
    let (columns, mut rows) = match read(path.to_owned(), Options::of(&source.link, Bounds::IMPORTED)).await?
    {
        Ok(table) => table,
        Err(refused) => {
            tracing::warn!(code = UNREADABLE, source = %source.name, file = name_of(path), why = refused.code, "a file is no table that can be read");
            let target = free(&folder.join(FAILED), &name_of(path));
            let mut why = target.clone().into_os_string();
            why.push(".why.txt");
            let text = format!("{}: {}\n", refused.code, refused.detail);
            let from = path.to_owned();
            blocking(path, move || std::fs::write(why, text).and_then(|()| std::fs::rename(from, target)))
                .await?;
            return Ok(true);
        }
    };
    let mut intake = Intake::new(source.name.clone(), name_of(path), Rejected::beside(&target, &columns));
    let mut passed = 0;
    while let Some(chunk) = rows.recv().await {
        let length = chunk.len();
        passed += length;
        if passed <= progress.rows {
            continue; // in before it broke off
        }
        if node.stop.is_cancelled() || hold(node, source).await?.is_none() {
            intake.finish()?;
            return Ok(false);
        }
        intake.give(chunk, node).await?;
        progress.rows = passed;
        note(node, source, progress, false).await?;
    }
    let tally = intake.finish()?;
    tracing::info!(
        source = %source.name, file = name_of(path), rows = tally.rows, accepted = tally.accepted,
        duplicates = tally.duplicates, quarantined = tally.refused, "a file was taken in"
    );
    let from = path.to_owned();
    blocking(path, move || std::fs::rename(from, target)).await?;
    Ok(true)
}

type Reading = Result<(Vec<String>, mpsc::Receiver<Vec<Row>>), table_file::Refused>;

/// A file as its columns and chunks of its rows, read by a thread that waits for whoever takes them.
async fn read(path: PathBuf, options: Options) -> Result<Reading, FolderError> {
    let (begun, columns) = tokio::sync::oneshot::channel();
    let (give, rows) = mpsc::channel(AHEAD);
    let place = path.clone();
    tokio::task::spawn_blocking(move || {
        let table = match std::fs::File::open(&path) {
            Ok(file) => table_file::open(file, options),
            Err(error) => return drop(begun.send(Err(error))),
        };
        let table = match table {
            Ok(table) => table,
            Err(refused) => return drop(begun.send(Ok(Err(refused)))),
        };
        let names = table.columns().iter().map(|column| column.name.clone()).collect();
        let _ = begun.send(Ok(Ok(names)));
        for chunk in chunks(table) {
            if give.blocking_send(chunk).is_err() {
                return; // nobody wants the rest
            }
        }
    });
    let began =
        columns.await.unwrap_or_else(|_| Err(std::io::Error::other("the reader of the file ended badly")));
    let began = began.map_err(|source| FolderError::Disk { path: place, source })?;
    Ok(began.map(|names| (names, rows)))
}

/// A name in that folder that is free, also for the rejects beside it.
fn free(folder: &Path, name: &str) -> PathBuf {
    let (stem, ending) =
        name.rsplit_once('.').map_or((name, String::new()), |(stem, ending)| (stem, format!(".{ending}")));
    let names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{stem}-{n}{ending}")));
    let taken = |path: &Path| {
        path.exists()
            || [".rejected.csv", ".why.txt"].iter().any(|more| {
                let mut beside = path.as_os_str().to_owned();
                beside.push(more);
                Path::new(&beside).exists()
            })
    };
    names.map(|name| folder.join(name)).find(|path| !taken(path)).unwrap_or_else(|| folder.join(name))
}

fn lease_name(source: &SourcePlan) -> String {
    format!("folder/{}", source.name)
}

/// Takes or extends the hold on a folder; what was noted of it, where it is ours.
async fn hold(node: &Node, source: &SourcePlan) -> Result<Option<Progress>, StoreError> {
    let (holder, length) = holder(node);
    let lease = node.store.lease(&[lease_name(source)], holder, length).await?.pop();
    Ok(lease.map(|lease| serde_json::from_value(lease.note).unwrap_or_default()))
}

async fn note(
    node: &Node,
    source: &SourcePlan,
    progress: &Progress,
    release: bool,
) -> Result<(), StoreError> {
    let note = serde_json::to_value(progress).unwrap_or_default();
    node.store.note_leases(holder(node).0, &BTreeMap::from([(lease_name(source), note)]), release).await
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, FolderError> {
    let done =
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    done.map_err(|source| FolderError::Disk { path: path.to_owned(), source })
}

/// Says what is wrong with a folder, or that it is not any more; once.
async fn alarm(
    node: &Node,
    seen: &mut Seen,
    source: &SourcePlan,
    code: &str,
    detail: Option<String>,
) -> Result<(), StoreError> {
    let (key, now) = (format!("folder/{}/{code}", source.name), node.clock.now());
    if seen.said.get(&key) == Some(&detail) {
        return Ok(());
    }
    let standing = node.store.status(now).await?.alarms;
    let stands = standing.iter().any(|raised| raised.alarm.key == key && raised.alarm.raised);
    if stands || detail.is_some() {
        if let Some(detail) = &detail {
            tracing::warn!(code, source = %source.name, detail, "a folder needs a look");
        }
        let alarm = Alarm {
            key: key.clone(),
            code: code.to_owned(),
            raised: detail.is_some(),
            detail: detail.clone().unwrap_or_default(),
            at: now,
        };
        say(node, node.plan().hash.clone(), alarm).await?;
    }
    seen.said.insert(key, detail);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_still_written() {
        for name in ["list.csv", "名单.xlsx", "no ending", "list.rejected.csv"] {
            assert!(is_whole(Path::new(name)), "{name}");
        }
        for name in [".hidden.csv", "~$list.xlsx", "list.csv.part", "list.CRDOWNLOAD", "list.tmp"] {
            assert!(!is_whole(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        assert_eq!(free(folder.path(), "list.csv"), at("list.csv"));
        std::fs::write(at("list.csv.rejected.csv"), "").expect("it can be written");
        assert_eq!(free(folder.path(), "list.csv"), at("list-2.csv"));
        std::fs::write(at("list-2.csv"), "").expect("it can be written");
        assert_eq!(free(folder.path(), "list.csv"), at("list-3.csv"));
    }
}
