//! Records and pushes that need a person: to list, to show, to fix, to take up again.

use std::collections::BTreeMap;

use leadloop_sync_core::capture::Quarantined;
use leadloop_sync_core::ids::{PushId, SourceName};
use leadloop_sync_core::time::Timestamp;

use crate::inbox::PushState;

/// A record in quarantine.
#[derive(Clone, Debug, PartialEq)]
pub struct QuarantinedRecord {
    /// With which push it came.
    pub push: PushId,
    /// Of which source.
    pub source: SourceName,
    /// When it was put there.
    pub at: Timestamp,
    /// The record and what is wrong with it.
    pub record: Quarantined,
    /// Whether somebody changed its fields since.
    pub fixed: bool,
}

/// A push as it was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPush {
    /// Its id.
    pub id: PushId,
    /// Which source pushed it.
    pub source: SourceName,
    /// When it arrived.
    pub arrived: Timestamp,
    /// `POST`, `GET` or `FILE`.
    pub method: String,
    /// Path and query, or the name of the file.
    pub path: String,
    /// Headers that were kept.
    pub headers: BTreeMap<String, String>,
    /// The body as it came; empty once retention took it.
    pub body: Vec<u8>,
    /// Hash of the config it was last read under.
    pub config: String,
    /// How far reading got.
    pub state: PushState,
}

/// Which rows to list. Pages go by key: give the last one's `(at, push, position)` to go on.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct QuarantineAsk {
    /// Only of this source.
    pub source: Option<SourceName>,
    /// Only with this code.
    pub code: Option<String>,
    /// After this one.
    pub after: Option<(PushId, u32)>,
    /// At most so many.
    pub limit: u32,
}
