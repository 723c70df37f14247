//! The inbox: what was pushed to us, durable before it is answered.
//!
//! One transaction holds a push, its captures and its quarantined records, for as many pushes as there are
//! ([`crate::Keeper`] gathers them). Duplicates are known by the `dedup` table: a key that is taken stays taken for ever
//! (an event id) or for a while (a hash of the content).

use std::collections::{BTreeMap, VecDeque};

use leadloop_sync_core::capture::{CaptureKind, Captured, DedupKey, Quarantined, ROWS};
use leadloop_sync_core::effect::Held;
use leadloop_sync_core::ids::{PushId, SourceName};
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_sync_core::visit::Counted;

use crate::Store;
use crate::cell::{Rows, args};
use crate::commit::Queue;
use crate::doc::{hash, text};
use crate::engine::Work;
use crate::erase;
use crate::error::StoreError;
use crate::event_keys::{self, Telling};
use crate::lanes::WriteLane;
use crate::statement::{
    CAPTURE_KEEP, DEDUP_TAKE, PUSH_HOLD, PUSH_KEEP, QUARANTINE_HOLD, QUARANTINE_KEEP, QUARANTINE_RESOLVE,
};
use crate::wake::Topic;

type Result<T> = std::result::Result<T, StoreError>;

/// So many shards keep work of different people apart.
pub const SHARDS: u8 = 64;
/// How long a content key of something that no push brought stays taken.
const WITHIN: Micros = Micros::minutes(10);
/// Keys up to this length are stored as they are, longer ones as a digest: an index entry must stay small.
const KEY_BYTES: usize = 80;

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
    /// Of captures that another `keep` would only count, by their place in `captures`: when each happened by its teller's
    /// own clock. One that was counted before is not kept as well, and the other way round.
    pub countable: BTreeMap<usize, Option<Timestamp>>,
    /// What was read and is counted only.
    pub counted: Vec<Counted>,
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
    /// Events that were counted.
    pub counted: u32,
    /// Records put into quarantine.
    pub quarantined: u32,
    /// Captures of people who were erased: they were not taken in.
    pub erased: u32,
}

/// A capture that is to be kept, and how long its content key stays taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting<'a> {
    pub(crate) capture: &'a Captured,
    pub(crate) within: Option<Micros>,
}

impl Store {
    /// Keeps pushes with what was read from them, in one transaction; durable when it returns. One answer per push, in
    /// their order.
    ///
    /// # Errors
    /// Where the database does not answer, has no room, or refuses a row: nothing of any of the pushes was kept then.
    pub async fn keep(&self, pushes: &[KeptPush]) -> Result<Vec<Kept>> {
        self.keep_saying(pushes, || ()).await
    }

    /// As [`Store::keep`]; calls `written` when the next may write, before all of it is on the disk.
    pub(crate) async fn keep_saying(
        &self,
        pushes: &[KeptPush],
        written: impl FnOnce() + Send,
    ) -> Result<Vec<Kept>> {
        let mut work = self.pools().write(WriteLane::Ingress).await?;
        let kept = keep_pushes(&mut work, pushes).await?;
        let unflushed = work.commit_first().await?;
        written();
        // Absorbing need not wait for the disk: what it commits gets there after this.
        if kept.iter().any(|kept| kept.kept > 0) {
            self.bell().ring(vec![Topic::Inbox]);
        }
        unflushed.on_disk().await?;
        Ok(kept)
    }
}

pub(crate) async fn keep_pushes(work: &mut Work, pushes: &[KeptPush]) -> Result<Vec<Kept>> {
    if pushes.is_empty() {
        return Ok(Vec::new());
    }
    put_pushes(work, pushes).await?;
    let waiting: Vec<Waiting<'_>> = pushes
        .iter()
        .flat_map(|push| {
            let within = Some(push.duplicate_within);
            push.captures.iter().map(move |capture| Waiting { capture, within })
        })
        .collect();
    let captures: Vec<&Captured> = waiting.iter().map(|waiting| waiting.capture).collect();
    let erased = erase::refused(work, &captures).await?;
    let (mut counted, known) = count_events(work, pushes, &erased).await?;
    let mut fates = keep_but(work, &waiting, erased, &known).await?.into_iter();
    put_quarantined(work, pushes).await?;
    let answers = pushes.iter().map(|push| {
        let mut answer = Kept { quarantined: count(push.quarantined.len()), ..Kept::default() };
        for (capture, fate) in push.captures.iter().zip(fates.by_ref()) {
            match fate {
                Fate::New => answer.kept += 1,
                Fate::Known => answer.duplicates.push(capture.position),
                Fate::Erased => answer.erased += 1,
            }
        }
        answer.counted = counted.pop_front().unwrap_or_default();
        answer
    });
    let answers: Vec<Kept> = answers.collect();
    let whole = |(push, answer): &(&KeptPush, &Kept)| {
        answer.erased > 0 && count(push.captures.len()) == answer.erased && push.quarantined.is_empty()
    };
    let bare: Vec<PushId> = pushes.iter().zip(&answers).filter(whole).map(|(push, _)| push.id).collect();
    erase::scrub(work, &bare).await?;
    Ok(answers)
}

/// Counts events that were not told before: how many of each push. And says of each capture, of all pushes, whether it is an
/// event that was counted or kept before; those of people who were `erased` are nobody's.
async fn count_events(
    work: &mut Work,
    pushes: &[KeptPush],
    erased: &[bool],
) -> Result<(VecDeque<u32>, Vec<bool>)> {
    let mut known = vec![false; erased.len()];
    let events: Vec<&Counted> = pushes.iter().flat_map(|push| &push.counted).collect();
    let mut tellings: Vec<Telling<'_>> = events.iter().map(|event| Telling::from(*event)).collect();
    let mut places = Vec::new();
    let mut begins = 0;
    for push in pushes {
        for (place, told) in &push.countable {
            let (at, Some(capture)) = (begins + place, push.captures.get(*place)) else { continue };
            if erased.get(at) == Some(&false) && matches!(capture.key, DedupKey::Event(_)) {
                let (source, key, arrived) = (&capture.source, &capture.key, capture.arrived);
                tellings.push(Telling { source, key, told: *told, arrived });
                places.push(at);
            }
        }
        begins += push.captures.len();
    }
    let new = event_keys::take(work, &tellings).await?;
    let (new, of_captures) = new.split_at(events.len().min(new.len()));
    for (at, _) in places.iter().zip(of_captures).filter(|(_, new)| !**new) {
        if let Some(known) = known.get_mut(*at) {
            *known = true;
        }
    }
    let fresh: Vec<&Counted> =
        events.iter().zip(new).filter(|(_, new)| **new).map(|(event, _)| *event).collect();
    crate::visits::count(work, &fresh).await?;
    let mut new = new.iter();
    let of = |push: &KeptPush| count(new.by_ref().take(push.counted.len()).filter(|new| **new).count());
    Ok((pushes.iter().map(of).collect(), known))
}

/// Holds records that were read from a source and cannot be taken as they are; one that is held already stays.
pub(crate) async fn hold<'a>(
    queue: &Queue,
    config: &str,
    held: impl Iterator<Item = &'a Held>,
) -> Result<()> {
    let (mut pushes, mut records) = (Rows::of(&PUSH_HOLD, 1), Rows::of(&QUARANTINE_HOLD, 1));
    let headers = text(&BTreeMap::from([("content-type", ROWS)]))?;
    for held in held {
        let record = &held.record;
        pushes.add(held.push).add(&held.source).add(held.at).add(&held.list).add(headers.as_str());
        pushes.add(text(&[&record.raw])?.into_bytes()).add(config);
        records.add(held.push).add(record.position).add(&held.source).add(held.at);
        records.add(&record.code).add(&record.detail).add(text(&record.raw)?);
    }
    if !pushes.is_empty() {
        queue.run(&PUSH_HOLD, args![pushes]).await?;
        queue.run(&QUARANTINE_HOLD, args![records]).await?;
    }
    Ok(())
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

async fn put_pushes(work: &mut Work, pushes: &[KeptPush]) -> Result<()> {
    // Under one id the last one counts: PostgreSQL refuses to write a row twice in one statement.
    let last: BTreeMap<PushId, &KeptPush> = pushes.iter().map(|push| (push.id, push)).collect();
    let mut list = Rows::of(&PUSH_KEEP, 1);
    for push in last.values() {
        let (state, code, detail) = match &push.state {
            PushState::Read => ("read", None, None),
            PushState::Parked { code, detail } => ("parked", Some(code), Some(detail)),
        };
        list.add(push.id).add(&push.source).add(push.arrived).add(&push.method).add(&push.path);
        list.add(text(&push.headers)?).add(push.body.clone()).add(&push.config);
        list.add(state).add(code).add(detail);
    }
    work.run(&PUSH_KEEP, args![list]).await.map(drop)
}

async fn put_quarantined(work: &mut Work, pushes: &[KeptPush]) -> Result<()> {
    let mut resolved = Rows::of(&QUARANTINE_RESOLVE, 1);
    let mut records: BTreeMap<(PushId, u32), (&KeptPush, &Quarantined)> = BTreeMap::new();
    for push in pushes {
        for place in &push.resolves {
            resolved.add(push.id).add(*place);
        }
        records.extend(push.quarantined.iter().map(|record| ((push.id, record.position), (push, record))));
    }
    if !resolved.is_empty() {
        work.run(&QUARANTINE_RESOLVE, args![resolved]).await?;
    }
    if records.is_empty() {
        return Ok(());
    }
    let mut list = Rows::of(&QUARANTINE_KEEP, 1);
    for ((id, place), (push, record)) in records {
        list.add(id).add(place).add(&push.source).add(push.arrived);
        list.add(&record.code).add(&record.detail).add(text(&record.raw)?);
    }
    work.run(&QUARANTINE_KEEP, args![list]).await.map(drop)
}

/// What becomes of a capture that is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is new.
    New,
    /// It was told before.
    Known,
    /// It is of somebody who was erased.
    Erased,
}

/// Keeps captures that were not told before, but of nobody who was erased; says what became of each.
pub(crate) async fn keep_captures(work: &mut Work, waiting: &[Waiting<'_>]) -> Result<Vec<Fate>> {
    let captures: Vec<&Captured> = waiting.iter().map(|waiting| waiting.capture).collect();
    let erased = erase::refused(work, &captures).await?;
    keep_but(work, waiting, erased, &[]).await
}

/// Keeps captures that are neither of somebody erased nor known already; says what became of each.
async fn keep_but(
    work: &mut Work,
    waiting: &[Waiting<'_>],
    erased: Vec<bool>,
    known: &[bool],
) -> Result<Vec<Fate>> {
    let known = known.iter().copied().chain(std::iter::repeat(false));
    let fates = erased.into_iter().zip(known).map(|(erased, known)| match (erased, known) {
        (true, _) => Fate::Erased,
        (false, true) => Fate::Known,
        (false, false) => Fate::New,
    });
    let mut fates: Vec<Fate> = fates.collect();
    let wanted = waiting.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::New);
    let wanted: Vec<Waiting<'_>> = wanted.map(|(waiting, _)| *waiting).collect();
    let kept = keep_wanted(work, &wanted).await?;
    let asked = fates.iter_mut().filter(|fate| **fate == Fate::New);
    for (fate, _) in asked.zip(kept).filter(|(_, kept)| !kept) {
        *fate = Fate::Known;
    }
    Ok(fates)
}

/// Keeps captures that were not told before; says of each whether it is new.
async fn keep_wanted(work: &mut Work, waiting: &[Waiting<'_>]) -> Result<Vec<bool>> {
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let keys = waiting
        .iter()
        .map(|waiting| (waiting.capture.source.as_str(), waiting.capture.arrived, Key::of(waiting)));
    let new = take_keys(work, keys.collect()).await?;
    let mut list = Rows::of(&CAPTURE_KEEP, 1);
    for (Waiting { capture, .. }, new) in waiting.iter().zip(&new) {
        if !*new {
            continue;
        }
        let kind = match capture.kind {
            CaptureKind::Touch => "touch",
            CaptureKind::Feedback => "feedback",
        };
        list.add(capture.id).add(capture.push).add(capture.position).add(&capture.source);
        list.add(shard_of(capture)).add(kind).add(capture.at).add(capture.arrived).add(text(capture)?);
    }
    if !list.is_empty() {
        work.run(&CAPTURE_KEEP, args![list]).await?;
    }
    Ok(new)
}

/// A key as it stands in the table, and until when it is taken (`None`: for ever).
struct Key {
    key: String,
    expires: Option<Timestamp>,
}

impl Key {
    /// `None` where duplicates are not looked for: a window of no length.
    fn of(waiting: &Waiting<'_>) -> Option<Self> {
        let expires = match &waiting.capture.key {
            DedupKey::Event(_) => None,
            DedupKey::Content(_) => {
                let within = waiting.within.unwrap_or(WITHIN);
                if within.0 <= 0 {
                    return None;
                }
                Some(waiting.capture.arrived + within)
            }
        };
        let (letter, key) = match &waiting.capture.key {
            DedupKey::Event(key) => ('e', key),
            DedupKey::Content(key) => ('c', key),
        };
        let key = if key.len() <= KEY_BYTES {
            format!("{letter}:{key}")
        } else {
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes());
            digest.as_ref().iter().fold(format!("{letter}#"), |mut text, byte| {
                use std::fmt::Write as _;
                let _ = write!(text, "{byte:02x}");
                text
            })
        };
        Some(Self { key, expires })
    }
}

/// Takes keys of (source, arrival); says of each whether it was free. Within the batch the first one has it.
async fn take_keys(work: &mut Work, keys: Vec<(&str, Timestamp, Option<Key>)>) -> Result<Vec<bool>> {
    let mut first: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (at, (source, _, key)) in keys.iter().enumerate() {
        if let Some(key) = key {
            first.entry((source, &key.key)).or_insert(at);
        }
    }
    let mut new: Vec<bool> = keys.iter().map(|(_, _, key)| key.is_none()).collect();
    if first.is_empty() {
        return Ok(new);
    }
    let mut list = Rows::of(&DEDUP_TAKE, 1);
    for ((source, text), at) in &first {
        let Some((_, arrived, Some(key))) = keys.get(*at) else { continue };
        list.add(*source).add(*text).add(*arrived).add(key.expires);
    }
    for row in work.rows(&DEDUP_TAKE, args![list]).await? {
        let (source, key): (String, String) = (row.get(0)?, row.opened(1)?);
        if let Some(new) = first.get(&(source.as_str(), key.as_str())).and_then(|at| new.get_mut(*at)) {
            *new = true;
        }
    }
    Ok(new)
}

/// The shard of a capture: by its strongest identifier, so that what belongs to one person mostly meets.
pub(crate) fn shard_of(capture: &Captured) -> u8 {
    let hash = match capture.who.first() {
        Some(identifier) => hash(&[&identifier.kind.0, &identifier.value]),
        None => hash(&[&capture.id.to_string()]),
    };
    u8::try_from(hash % u64::from(SHARDS)).unwrap_or(0)
}
