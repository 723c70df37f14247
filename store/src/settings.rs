//! Where the store is and how it is opened.

use std::path::PathBuf;

use crate::error::{StoreError, code};
use crate::seal::MasterKeys;

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
    /// `sqlite:path/to/file.db`, `sqlite::temporary:` (a file of its own that is deleted with the store and does not
    /// survive a power cut) or `postgres://user:password@host/database`.
    pub url: String,
    /// Who may write.
    pub access: Access,
    /// Most connections: readers for SQLite (the writer is one more), all connections for PostgreSQL.
    pub connections: u32,
    /// Brings the schema up to date at opening. Without it an old schema is an error.
    pub migrate: bool,
    /// Seals personal data under these keys; `None`: it stands in clear.
    pub encryption: Option<MasterKeys>,
}

impl StoreSettings {
    /// Settings for a store that this process owns.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), access: Access::Own, connections: 8, migrate: true, encryption: None }
    }

    /// The same store, for reading only.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.access = Access::Read;
        self
    }

    /// The same store, its personal data sealed under these keys.
    #[must_use]
    pub fn encrypted(mut self, keys: Option<MasterKeys>) -> Self {
        self.encryption = keys;
        self
    }

    pub(crate) fn place(&self) -> Result<Place, StoreError> {
        if self.url.starts_with("postgres://") || self.url.starts_with("postgresql://") {
            return Ok(Place::Postgres(self.url.clone()));
        }
        let unusable = |why: &str| {
            StoreError::unavailable(
                code::URL,
                format!(
                    "store.url {why}; write `sqlite:leadloop.db` or `postgres://user:password@host/database`"
                ),
            )
        };
        let Some(path) = self.url.strip_prefix("sqlite:") else {
            return Err(unusable("names neither SQLite nor PostgreSQL"));
        };
        match path.strip_prefix("//").unwrap_or(path) {
            ":temporary:" => Ok(Place::Temporary),
            ":memory:" => {
                Err(unusable("asks for a database in memory, which cannot be shared by several connections"))
            }
            "" => Err(unusable("names no file")),
            path if path.contains('?') => Err(unusable("has options after `?`, which are not known here")),
            path => Ok(Place::File(PathBuf::from(path))),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where() {
        let place = |url: &str| StoreSettings::new(url).place();
        assert_eq!(place("sqlite:a/b.db").unwrap(), Place::File("a/b.db".into()));
        assert_eq!(place("sqlite:///a/b.db").unwrap(), Place::File("/a/b.db".into()));
        assert_eq!(place("sqlite::temporary:").unwrap(), Place::Temporary);
        assert!(matches!(place("postgresql://a@b/c").unwrap(), Place::Postgres(_)));
        for url in ["", "mysql://a", "sqlite:", "sqlite::memory:", "sqlite:a.db?mode=ro"] {
            assert_eq!(place(url).unwrap_err().code(), Some("LL1107"), "{url}");
        }
    }
}
