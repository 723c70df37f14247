//! One process owns an SQLite file: a lock file beside it, held as long as the store is open.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{StoreError, code};

/// The lock; given back when it is dropped, also by a process that dies.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

/// The lock file of a database file.
fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

impl FileLock {
    /// Takes the lock of `database` or says who has it.
    pub(crate) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = beside(database);
        let failed = |error: &std::io::Error| {
            StoreError::unavailable(
                code::UNAVAILABLE,
                format!("the lock file {} cannot be used: {error}", path.display()),
            )
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| failed(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim();
                let who =
                    if holder.is_empty() { "another process".into() } else { format!("process {holder}") };
                return Err(StoreError::unavailable(
                    code::HELD,
                    format!(
                        "{} is in use by {who}; stop it, or use a command that talks to the running leadloop",
                        database.display()
                    ),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        // Whom to name to the next who comes. The lock itself does not depend on it.
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .and_then(|()| file.flush());
        written.map_err(|error| failed(&error))?;
        Ok(Self { _file: file })
    }
}
