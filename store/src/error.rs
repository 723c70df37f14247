//! What can go wrong with the store, in four kinds, because callers do four different things about it: load anew,
//! wait, park, or stop.

use std::fmt;

/// Why the store did not do what it was asked. Every kind has a code with a page in `docs/errors`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed a row since it was read: nothing was written. Load anew and decide again.
    #[error("changed meanwhile: {}", Listed(.rows))]
    Stale {
        /// Which rows, as `lead L-0190…`; empty where the database only said that two transactions collided.
        rows: Vec<String>,
    },
    /// The database cannot be reached, is full, or is held by somebody else. Nothing was written; try again later.
    #[error("{code}: {detail}")]
    Unavailable {
        /// The error's code.
        code: &'static str,
        /// What was seen and what to do.
        detail: String,
    },
    /// A row cannot be read, or the database refused what it was given. Trying again does not help.
    #[error("{code}: {detail}")]
    Corrupt {
        /// The error's code.
        code: &'static str,
        /// What was seen and what to do.
        detail: String,
        /// The constraint or table that refused a row. Then one reaction of the batch is to blame: see
        /// [`StoreError::blames_a_reaction`].
        constraint: Option<String>,
    },
    /// The store as it is does not fit this program or its config: the schema could not be brought to the version of the
    /// program, or it is encrypted otherwise.
    #[error("{code}: {detail}")]
    Migration {
        /// The error's code.
        code: &'static str,
        /// What was seen and what to do.
        detail: String,
    },
}

struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("another transaction was in the way");
        }
        for (at, row) in self.0.iter().take(8).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{row}")?;
        }
        match self.0.len().checked_sub(8) {
            Some(more) if more > 0 => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}

/// Codes of the store's errors.
pub(crate) mod code {
    /// The database cannot be reached or does not answer.
    pub(crate) const UNAVAILABLE: &str = "LL1101";
    /// The file is held by another process.
    pub(crate) const HELD: &str = "LL1102";
    /// The disk is full, or may not be written.
    pub(crate) const NO_ROOM: &str = "LL1103";
    /// What is stored cannot be read.
    pub(crate) const UNREADABLE: &str = "LL1104";
    /// The database refused a row.
    pub(crate) const REFUSED: &str = "LL1105";
    /// The schema is not the one of this program.
    pub(crate) const SCHEMA: &str = "LL1106";
    /// The URL cannot be used.
    pub(crate) const URL: &str = "LL1107";
    /// The engine is too old.
    pub(crate) const TOO_OLD: &str = "LL1108";
    /// The backup could not be written.
    pub(crate) const BACKUP: &str = "LL1109";
    /// The master key is not the one of this store.
    pub(crate) const WRONG_KEY: &str = "LL4645";
    /// The store is encrypted and there is no master key.
    pub(crate) const NO_KEY: &str = "LL4646";
    /// There is a master key, and the store holds data in clear.
    pub(crate) const IN_CLEAR: &str = "LL4647";
}

impl StoreError {
    /// The error's code, `None` for a stale commit: that is no error of anybody.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self {
            StoreError::Stale { .. } => None,
            StoreError::Unavailable { code, .. }
            | StoreError::Corrupt { code, .. }
            | StoreError::Migration { code, .. } => Some(code),
        }
    }

    /// Whether a row of the batch was refused: then one reaction (or push) is to blame, and the caller finds it by
    /// halving the batch; the others are fine.
    #[must_use]
    pub fn blames_a_reaction(&self) -> bool {
        matches!(self, StoreError::Corrupt { constraint: Some(_), .. })
    }

    /// Whether trying the same again later can help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, StoreError::Stale { .. } | StoreError::Unavailable { .. })
    }

    pub(crate) fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        StoreError::Unavailable { code, detail: detail.into() }
    }

    pub(crate) fn migration(detail: impl Into<String>) -> Self {
        StoreError::Migration { code: code::SCHEMA, detail: detail.into() }
    }

    /// The store may not be opened with what the config says of its encryption.
    pub(crate) fn closed(code: &'static str, detail: impl Into<String>) -> Self {
        StoreError::Migration { code, detail: detail.into() }
    }

    /// What is stored does not have the form that this program writes.
    pub(crate) fn unreadable(what: &str) -> Self {
        StoreError::Corrupt {
            code: code::UNREADABLE,
            detail: format!("a stored row cannot be read ({what}); was the database changed by hand?"),
            constraint: None,
        }
    }

    /// A mistake of this program, not of the data.
    pub(crate) fn fault(what: impl Into<String>) -> Self {
        StoreError::Corrupt { code: code::UNREADABLE, detail: what.into(), constraint: None }
    }
}

/// What a driver's error means to callers. `name` is the statement's.
pub(crate) fn of_driver(name: &str, error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(refused) => of_database(name, refused.as_ref()),
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::RowNotFound => StoreError::unreadable(&format!("{name}: {error}")),
        sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => {
            StoreError::fault(format!("{name}: {error}"))
        }
        sqlx::Error::Configuration(_) => StoreError::unavailable(code::URL, format!("{error}")),
        sqlx::Error::PoolTimedOut => StoreError::unavailable(
            code::UNAVAILABLE,
            "no connection to the database was free in time; raise store.connections if this goes on",
        ),
        _ => StoreError::unavailable(code::UNAVAILABLE, format!("the database does not answer: {error}")),
    }
}

fn of_database(name: &str, refused: &dyn sqlx::error::DatabaseError) -> StoreError {
    let words = refused.message();
    let number = refused.code().unwrap_or_default();
    if refused.is_unique_violation()
        || refused.is_check_violation()
        || refused.is_foreign_key_violation()
        || matches!(refused.kind(), sqlx::error::ErrorKind::NotNullViolation)
        || number.starts_with("23")
        || number.starts_with("22")
    {
        let what = refused.constraint().or_else(|| refused.table()).unwrap_or(name);
        return StoreError::Corrupt {
            code: code::REFUSED,
            detail: format!("the database refused a row ({name}): {words}"),
            constraint: Some(what.to_owned()),
        };
    }
    // SQLSTATE classes have five characters; SQLite's (extended) result codes are plain numbers.
    if number.len() == 5 {
        return match number.as_ref() {
            "40001" | "40P01" | "55P03" => StoreError::Stale { rows: Vec::new() },
            "53100" => {
                StoreError::unavailable(code::NO_ROOM, format!("the database's disk is full: {words}"))
            }
            "25006" => StoreError::unavailable(code::NO_ROOM, format!("the database is read-only: {words}")),
            _ if ["08", "53", "57", "28", "3D"].iter().any(|class| number.starts_with(class)) => {
                StoreError::unavailable(code::UNAVAILABLE, format!("the database refuses: {words}"))
            }
            _ => StoreError::fault(format!("{name}: {words}")),
        };
    }
    match number.parse::<u32>().map(|number| number & 0xFF) {
        Ok(5 | 6) => StoreError::unavailable(
            code::HELD,
            format!("another process writes to the database file: {words}"),
        ),
        Ok(8) => {
            StoreError::unavailable(code::NO_ROOM, format!("the database file may not be written: {words}"))
        }
        Ok(13) => StoreError::unavailable(
            code::NO_ROOM,
            format!(
                "the disk of the database file is full: {words}; make room, nothing acknowledged is lost"
            ),
        ),
        Ok(10 | 14) => StoreError::unavailable(code::UNAVAILABLE, format!("the database file: {words}")),
        Ok(19) => StoreError::Corrupt {
            code: code::REFUSED,
            detail: format!("the database refused a row ({name}): {words}"),
            constraint: Some(name.to_owned()),
        },
        Ok(11 | 26) => StoreError::Corrupt {
            code: code::UNREADABLE,
            detail: format!("the database file is damaged: {words}; restore the latest backup"),
            constraint: None,
        },
        _ => StoreError::fault(format!("{name}: {words}")),
    }
}
