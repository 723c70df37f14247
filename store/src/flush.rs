//! Making commits of an SQLite file durable without holding the writer meanwhile.
//!
//! The writer commits with `synchronous=NORMAL`: the commit stands in the write-ahead log, which the system still keeps
//! in memory. Whoever needs it on the disk waits here, after the turn at the writer was passed on; one flush of the log
//! covers every commit before it, so those who wait together wait once. Flushing ourselves what SQLite would have
//! flushed at `synchronous=FULL` gives the same promise; SQLite itself still flushes when the log starts anew and when it
//! is moved into the file. Commits that need not be waited for are flushed at the latest after [`SOON`].

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::error::{StoreError, code};

/// A commit that nobody waits for is on the disk after this time at the latest.
const SOON: Duration = Duration::from_millis(100);

type Flushed = Result<(), StoreError>;

enum Ask {
    Now(oneshot::Sender<Flushed>),
    Soon,
}

/// Where to ask for flushes. Ends with its last clone.
#[derive(Clone, Debug)]
pub(crate) struct Flush {
    asked: Sender<Ask>,
}

impl Flush {
    /// For the log of `database`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn of(database: &Path) -> io::Result<Self> {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let (asked, asks) = channel();
        std::thread::Builder::new()
            .name("flush".to_owned())
            .spawn(move || run(&PathBuf::from(log), &asks))?;
        Ok(Self { asked })
    }

    /// Returns when everything committed until now is on the disk.
    pub(crate) async fn now(&self) -> Flushed {
        let ended = || StoreError::unavailable(code::UNAVAILABLE, "the store is being closed");
        let (told, done) = oneshot::channel();
        self.asked.send(Ask::Now(told)).map_err(|_| ended())?;
        done.await.map_err(|_| ended())?
    }

    /// Everything committed until now will be on the disk soon.
    pub(crate) fn soon(&self) {
        let _ = self.asked.send(Ask::Soon); // it ends only with the store, which flushes when it closes
    }
}

fn run(log: &Path, asks: &Receiver<Ask>) {
    let mut known = None;
    let mut due: Option<Instant> = None;
    loop {
        let first = match due {
            None => asks.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => asks.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        let mut waiting = Vec::new();
        match first {
            Ok(Ask::Now(told)) => waiting.push(told),
            Ok(Ask::Soon) => {
                due.get_or_insert_with(|| Instant::now() + SOON);
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        // Whoever asked until now committed before this flush begins.
        while let Ok(ask) = asks.try_recv() {
            if let Ask::Now(told) = ask {
                waiting.push(told);
            }
        }
        due = None;
        let flushed = flush(log, &mut known);
        if let Err(error) = &flushed {
            tracing::error!(%error, "the write-ahead log cannot be flushed");
        }
        for told in waiting {
            let _ = told.send(flushed.clone()); // whoever gave up waiting does not need it
        }
    }
}

fn flush(log: &Path, known: &mut Option<u64>) -> Flushed {
    flush_file(log, known).map_err(|error| {
        let detail = format!("{} cannot be flushed to the disk: {error}", log.display());
        let code = if error.kind() == io::ErrorKind::StorageFull { code::NO_ROOM } else { code::UNAVAILABLE };
        StoreError::unavailable(code, detail)
    })
}

/// Flushes the log, and its name where the file is another than the last time. It is opened anew each time: SQLite makes
/// a new file when its last connection was gone, and flushing the old one would be an empty promise.
fn flush_file(log: &Path, known: &mut Option<u64>) -> io::Result<()> {
    let file = File::open(log)?;
    let number = number_of(&file)?;
    if number.is_none() || *known != number {
        let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty());
        sync_folder(folder.unwrap_or_else(|| Path::new(".")))?;
    }
    file.sync_data()?;
    *known = number;
    Ok(())
}

#[cfg(unix)]
fn number_of(file: &File) -> io::Result<Option<u64>> {
    use std::os::unix::fs::MetadataExt as _;
    file.metadata().map(|data| Some(data.ino()))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn number_of(_: &File) -> io::Result<Option<u64>> {
    Ok(None)
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(()) // names are kept with the file there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_told_and_what_nobody_waits_for_is_flushed_too() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("x.db");
        std::fs::write(folder.path().join("x.db-wal"), b"frames").unwrap();
        let flush = Flush::of(&database).unwrap();
        flush.soon();
        let all: Vec<_> = (0..20)
            .map(|_| {
                tokio::spawn({
                    let flush = flush.clone();
                    async move { flush.now().await }
                })
            })
            .collect();
        for one in all {
            one.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_flushed_is_an_error_of_those_who_wait() {
        let folder = tempfile::tempdir().unwrap();
        let flush = Flush::of(&folder.path().join("nothing.db")).unwrap();
        let error = flush.now().await.unwrap_err();
        assert!(error.to_string().contains("nothing.db-wal"), "{error}");
    }
}
