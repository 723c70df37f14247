//! The inbox: what was pushed to us, durable before it is answered.

use std::collections::BTreeMap;

use leadloop_sync_core::capture::{Captured, Quarantined};
use leadloop_sync_core::ids::{PushId, SourceName};
use leadloop_sync_core::time::{Micros, Timestamp};

/// How far the reading of a push got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushState {
    /// It was read; its records are captures or in quarantine.
    Read,
    /// It could not be read at all and waits for a person.
    Parked {
        /// The error's code.
        code: String,
        /// What is wrong and what to do.
        detail: String,
    },
}

/// One request or file that was pushed to us, with what was read from it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptPush {
    /// Its id. Keeping a push again under the same id adds what was read this time (re-injection); its body stays.
    pub id: PushId,
    /// Which source pushed it.
    pub source: SourceName,
    /// When it arrived.
    pub arrived: Timestamp,
    /// `POST`, `GET` or `FILE`.
    pub method: String,
    /// Path and query as they came, or the name of the file; secrets taken out by the caller.
    pub path: String,
    /// Headers worth keeping, bounded and without secrets by the caller.
    pub headers: BTreeMap<String, String>,
    /// The body as it came.
    pub body: Vec<u8>,
    /// Hash of the config it was read under.
    pub config: String,
    /// How far reading got.
    pub state: PushState,
    /// How long a content key ([`leadloop_sync_core::capture::DedupKey::Content`]) stays taken.
    pub duplicate_within: Micros,
    /// What was read.
    pub captures: Vec<Captured>,
    /// What was read and cannot be processed.
    pub quarantined: Vec<Quarantined>,
    /// Records (by their place in the push) in quarantine that this keeping settles.
    pub resolves: Vec<u32>,
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Kept {
    /// Captures that are new.
    pub kept: u32,
    /// Places in the push of captures that were told before.
    pub duplicates: Vec<u32>,
    /// Records put into quarantine.
    pub quarantined: u32,
}
