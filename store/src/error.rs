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
    /// The schema could not be brought to the version of this program.
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
