//! Keys of events that are counted only: each is counted once within [`KEY_FOR`], however often it is told and whatever
//! comes with it.
//!
//! There are hundreds of them to each capture, so they lie close: a digest of 128 bits, by the minute that the event's
//! teller wrote to it. Ids are random, but what is told together happened together, so a batch is written to a few pages
//! of the index and not to one for each event. A telling has the same minute each time, for its teller wrote it down; what
//! has none, or is told more than [`IN_TIME`] after it, lies apart, by its digest, and is found by both ways.

use std::collections::HashMap;

use aws_lc_rs::digest;
use leadloop_sync_core::capture::DedupKey;
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_sync_core::visit::{Counted, KEY_FOR};

use crate::cell::{Rows, args};
use crate::engine::Work;
use crate::error::StoreError;
use crate::seal::Vault;
use crate::statement::{EVENT_KEY_KNOWN, EVENT_KEY_TAKE};

type Result<T> = std::result::Result<T, StoreError>;

/// What is told within this time of its minute lies by it.
const IN_TIME: Micros = Micros::days(1);

/// A key as it lies in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    late: bool,
    minute: i64,
    digest: (i64, i64),
}

impl Key {
    fn of(event: &Counted, vault: Option<&Vault>) -> Self {
        let minute = event.told.map_or(0, minute_of);
        let late = event.told.is_none_or(|told| (event.arrived - told).0.abs() > IN_TIME.0);
        Self { late, minute, digest: digest_of(event, vault) }
    }
}

fn minute_of(time: Timestamp) -> i64 {
    time.0.div_euclid(Micros::minutes(1).0)
}

/// The minute and the time before which keys are forgotten: of what was told in time, and of the rest.
pub(crate) fn forgotten_before(now: Timestamp) -> (i64, Timestamp) {
    (minute_of(now - KEY_FOR - IN_TIME), now - KEY_FOR)
}

/// 128 bits of source and key; where the store is encrypted nobody can try ids without its secret.
fn digest_of(event: &Counted, vault: Option<&Vault>) -> (i64, i64) {
    let (letter, key) = match &event.key {
        DedupKey::Event(key) => (b'e', key),
        DedupKey::Content(key) => (b'c', key),
    };
    let mut text = Vec::with_capacity(event.source.0.len() + key.len() + 2);
    text.extend_from_slice(event.source.0.as_bytes());
    text.extend_from_slice(&[0, letter]);
    text.extend_from_slice(key.as_bytes());
    let whole = match vault {
        Some(vault) => vault.digest(&text),
        None => first_32(digest::digest(&digest::SHA256, &text).as_ref()),
    };
    let half = |from: usize| {
        whole.get(from..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| i64::from_be_bytes(*bytes))
    };
    (half(0), half(8))
}

fn first_32(bytes: &[u8]) -> [u8; 32] {
    bytes.first_chunk().copied().unwrap_or_default()
}

/// Takes the keys of events; says of each whether it was free. Of several with one key the first has it.
pub(crate) async fn take(work: &mut Work, events: &[&Counted]) -> Result<Vec<bool>> {
    let mut new = vec![false; events.len()];
    let mut first: HashMap<Key, usize> = HashMap::with_capacity(events.len());
    for (at, event) in events.iter().enumerate() {
        first.entry(Key::of(event, work.vault())).or_insert(at);
    }
    // In one order everywhere: two nodes with the same events must not wait for each other.
    let mut keys: Vec<(Key, usize)> = first.into_iter().collect();
    keys.sort_unstable();
    leave_known(work, &mut keys).await?;
    if keys.is_empty() {
        return Ok(new);
    }
    let mut list = Rows::of(&EVENT_KEY_TAKE, 1);
    for (key, at) in &keys {
        let seen = events.get(*at).map(|event| event.arrived);
        list.add(i64::from(key.late)).add(key.minute).add(key.digest.0).add(key.digest.1).add(seen);
    }
    let places: HashMap<i64, usize> = keys.iter().map(|(key, at)| (key.digest.0, *at)).collect();
    for row in work.rows(&EVENT_KEY_TAKE, args![list]).await? {
        if let Some(new) = places.get(&row.get::<i64>(0)?).and_then(|at| new.get_mut(*at)) {
            *new = true;
        }
    }
    Ok(new)
}

/// Leaves out what is told late and was told in time before.
async fn leave_known(work: &mut Work, keys: &mut Vec<(Key, usize)>) -> Result<()> {
    let mut list = Rows::of(&EVENT_KEY_KNOWN, 1);
    for (key, _) in keys.iter().filter(|(key, _)| key.late && key.minute != 0) {
        list.add(key.minute).add(key.digest.0).add(key.digest.1);
    }
    if list.is_empty() {
        return Ok(());
    }
    for row in work.rows(&EVENT_KEY_KNOWN, args![list]).await? {
        let known: i64 = row.get(0)?;
        keys.retain(|(key, _)| !(key.late && key.digest.0 == known));
    }
    Ok(())
}
