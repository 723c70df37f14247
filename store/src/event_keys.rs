//! Keys of events that are counted, or could be: each is taken once within [`KEY_FOR`], however often it is told, whatever
//! comes with it and whatever the source keeps by then.
//!
//! There are hundreds of them to each capture, so they are short and lie close: 64 bits of a digest, by the minute that
//! the event's teller wrote to it (two of a million events of one minute have the same with a chance of one to forty
//! million). Ids are random, but what is told together happened together, so a batch is written to a few pages of the
//! index and not to one for each event. A telling has the same minute each time, for its teller wrote it down; what has
//! none, or is told more than [`IN_TIME`] after it, lies apart, below zero, and is found by both ways.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aws_lc_rs::digest;
use leadloop_sync_core::capture::DedupKey;
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_sync_core::visit::{Counted, KEY_FOR};

use crate::Engine;
use crate::cell::{Rows, args};
use crate::engine::{Part, Work};
use crate::error::StoreError;
use crate::seal::Vault;
use crate::statement::{EVENT_KEY_KNOWN, EVENT_KEY_PUT, EVENT_KEY_TAKE};

type Result<T> = std::result::Result<T, StoreError>;

/// What is told within this time of its minute lies by it.
const IN_TIME: Micros = Micros::days(1);
/// The minute of what has no time.
const TIMELESS: i64 = -1;

/// An event as one of its tellings knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling<'a> {
    pub(crate) source: &'a SourceName,
    pub(crate) key: &'a DedupKey,
    pub(crate) told: Option<Timestamp>,
    pub(crate) arrived: Timestamp,
}

impl<'a> From<&'a Counted> for Telling<'a> {
    fn from(event: &'a Counted) -> Self {
        Self { source: &event.source, key: &event.key, told: event.told, arrived: event.arrived }
    }
}

/// A key as it lies in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    minute: i64,
    digest: i64,
}

impl Key {
    fn of(event: Telling<'_>, vault: Option<&Vault>, text: &mut Vec<u8>) -> Self {
        let minute = match event.told {
            None => TIMELESS,
            Some(told) if (event.arrived - told).0.abs() > IN_TIME.0 || minute_of(told) < 0 => {
                TIMELESS - minute_of(told).max(0)
            }
            Some(told) => minute_of(told),
        };
        Self { minute, digest: digest_of(event, vault, text) }
    }

    /// Where the same telling would lie, had it come in time.
    fn in_time(self) -> Option<i64> {
        (self.minute < TIMELESS).then_some(TIMELESS - self.minute)
    }
}

fn minute_of(time: Timestamp) -> i64 {
    time.0.div_euclid(Micros::minutes(1).0)
}

/// The minute and the time before which keys are forgotten: of what was told in time, and of the rest.
pub(crate) fn forgotten_before(now: Timestamp) -> (i64, Timestamp) {
    (minute_of(now - KEY_FOR - IN_TIME), now - KEY_FOR)
}

/// 64 bits of source and key; where the store is encrypted nobody can try ids without its secret.
fn digest_of(event: Telling<'_>, vault: Option<&Vault>, text: &mut Vec<u8>) -> i64 {
    let (letter, key) = match event.key {
        DedupKey::Event(key) => (b'e', key),
        DedupKey::Content(key) => (b'c', key),
    };
    text.clear();
    text.extend_from_slice(event.source.0.as_bytes());
    text.extend_from_slice(&[0, letter]);
    text.extend_from_slice(key.as_bytes());
    let start = match vault {
        Some(vault) => vault.digest(text).first_chunk().copied(),
        None => digest::digest(&digest::SHA256, text).as_ref().first_chunk().copied(),
    };
    start.map_or(0, i64::from_be_bytes)
}

/// Takes the keys of events; says of each whether it was free. Of several with one key the first has it.
pub(crate) async fn take(work: &mut Work, events: &[Telling<'_>]) -> Result<Vec<bool>> {
    let mut new = vec![false; events.len()];
    let mut text = Vec::new();
    // In one order everywhere: two nodes with the same events must not wait for each other.
    let mut keys: Vec<(Key, usize)> =
        events.iter().enumerate().map(|(at, event)| (Key::of(*event, work.vault(), &mut text), at)).collect();
    keys.sort_unstable();
    keys.dedup_by_key(|(key, _)| *key);
    leave_known(work, &mut keys).await?;
    if keys.is_empty() {
        return Ok(new);
    }
    if all_free(work, &keys, events).await? {
        for (_, at) in &keys {
            if let Some(new) = new.get_mut(*at) {
                *new = true;
            }
        }
        return Ok(new);
    }
    let mut list = Rows::of(&EVENT_KEY_TAKE, 1);
    for (key, at) in &keys {
        let seen = events.get(*at).filter(|_| key.minute < 0).map(|event| event.arrived);
        list.add(key.minute).add(key.digest).add(seen);
    }
    for row in work.rows(&EVENT_KEY_TAKE, args![list]).await? {
        let key = Key { minute: row.get(0)?, digest: row.get(1)? };
        if let Some(new) = place_of(&keys, key).and_then(|at| new.get_mut(at)) {
            *new = true;
        }
    }
    Ok(new)
}

/// Which event has this key.
fn place_of(keys: &[(Key, usize)], key: Key) -> Option<usize> {
    let found = keys.binary_search_by_key(&key, |(known, _)| *known).ok()?;
    keys.get(found).map(|(_, at)| *at)
}

/// Takes the keys where all of them are free, as they mostly are, and none else. SQLite gives back a row for each free key
/// at a higher price than it takes one in, PostgreSQL does not.
async fn all_free(work: &mut Work, keys: &[(Key, usize)], events: &[Telling<'_>]) -> Result<bool> {
    if work.engine() != Engine::Sqlite {
        return Ok(false);
    }
    let mut list = Rows::of(&EVENT_KEY_PUT, 1);
    for group in keys.chunk_by(|(one, _), (other, _)| one.minute == other.minute) {
        let Some((first, _)) = group.first() else { continue };
        let mut digests = String::with_capacity(group.len() * 21 + 2);
        for (key, _) in group {
            digests.push(if digests.is_empty() { '[' } else { ',' });
            let _ = write!(digests, "{}", key.digest); // a text takes it
        }
        digests.push(']');
        let seen = group.iter().filter_map(|(_, at)| events.get(*at)).map(|event| event.arrived).max();
        list.add(first.minute).add(seen.filter(|_| first.minute < 0)).add(digests);
    }
    work.part(Part::Begin).await?;
    let taken = work.run(&EVENT_KEY_PUT, args![list]).await?;
    let all = usize::try_from(taken).is_ok_and(|taken| taken == keys.len());
    if !all {
        work.part(Part::Undo).await?;
    }
    work.part(Part::End).await?;
    Ok(all)
}

/// Leaves out what is told late and was told in time before.
async fn leave_known(work: &mut Work, keys: &mut Vec<(Key, usize)>) -> Result<()> {
    let mut list = Rows::of(&EVENT_KEY_KNOWN, 1);
    for (minute, digest) in keys.iter().filter_map(|(key, _)| Some((key.in_time()?, key.digest))) {
        list.add(minute).add(digest);
    }
    if list.is_empty() {
        return Ok(());
    }
    let mut known = BTreeSet::new();
    for row in work.rows(&EVENT_KEY_KNOWN, args![list]).await? {
        let (minute, digest): (i64, i64) = (row.get(0)?, row.get(1)?);
        known.insert(Key { minute: TIMELESS - minute, digest });
    }
    keys.retain(|(key, _)| !known.contains(key));
    Ok(())
}
