//! Where the store is and how it is opened.

use std::path::PathBuf;

/// Who may write through this store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Access {
    /// This process owns the store: it migrates it, and holds the lock of an SQLite file.
    #[default]
    Own,
    /// Reads only: takes no lock and changes nothing, so it works beside the process that owns the store.
    Read,
}

/// How a store is opened.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSettings {
    /// `sqlite:path/to/file.db`, `sqlite::temporary:` (a file of its own that is deleted with the store) or
    /// `postgres://user:password@host/database`.
    pub url: String,
    /// Who may write.
    pub access: Access,
    /// Most connections: readers for SQLite (the writer is one more), all connections for PostgreSQL.
    pub connections: u32,
    /// Brings the schema up to date at opening. Without it an old schema is an error.
    pub migrate: bool,
}

impl StoreSettings {
    /// Settings for a store that this process owns.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), access: Access::Own, connections: 8, migrate: true }
    }

    /// The same store, for reading only.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.access = Access::Read;
        self
    }
}

/// A URL that was understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// An SQLite file.
    File(PathBuf),
    /// An SQLite file of its own, deleted with the store.
    Temporary,
    /// A PostgreSQL database.
    Postgres(String),
}
