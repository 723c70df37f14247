//! Forgetting a person: what is held of them, taking it away, and the list of those who are not taken in again.
//!
//! The list holds no identifiers, only their HMAC under a key of this store. Nothing is asked of it before somebody was
//! erased: then the key is there.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_sync_core::capture::{Captured, Identifier};
use leadloop_sync_core::effect::Reaction;
use leadloop_sync_core::identity;
use leadloop_sync_core::ids::{HandoffId, LeadId, PushId};
use leadloop_sync_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Store;
use crate::cell::{Rows, args};
use crate::doc::text;
use crate::engine::Work;
use crate::error::StoreError;
use crate::people::{Audited, note};
use crate::seal::Form;
use crate::statement::{
    CAPTURE_GONE, CAPTURE_OPEN, CONVERSATION_GONE, CONVERSATION_LOOSE, ERASE_ATTEMPT, ERASE_BEFORE,
    ERASE_CAPTURE, ERASE_CAPTURE_DUE, ERASE_CLAIMED, ERASE_COMPANY_PAIR, ERASE_CONVERSATION, ERASE_COUNT,
    ERASE_DEADLINE, ERASE_DECISION, ERASE_DELIVERY, ERASE_FEEDBACK, ERASE_LINK, ERASE_MIRROR,
    ERASE_MIRROR_KEY, ERASE_PUSHES, ERASE_QUARANTINE, ERASE_REASON, ERASE_SHADOW, ERASE_SUSPECT, ERASE_TOUCH,
    ERASE_VISIT, ERASED_DROP, ERASED_HIT, ERASED_PUT, ERASURE_LIST, ERASURE_PUT, HANDOFFS_OF, LEAD_CHECK,
    META_GET, META_PUT, PUSH_SCRUB, QUARANTINE_GONE, QUARANTINE_WALK, Statement,
};
use crate::tx::{Stamp, Tx};

type Result<T> = std::result::Result<T, StoreError>;

/// The headers of a push that was emptied.
const NO_HEADERS: &str = "{}";
/// Where the key of the list stands.
const KEY: &str = "erased_key";
/// Values shorter than this are not looked for in records that were never matched to anybody.
const SHORTEST: usize = 6;
/// Sealed records that are opened at once.
const PAGE: u32 = 500;
/// Conversations that are opened at once: they are long.
const LONG_PAGE: u32 = 50;

/// What was done, for ever: no personal data in it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Erasure {
    /// Its id.
    pub id: String,
    /// The lead that stands for the person, and those that were merged into it.
    pub leads: Vec<LeadId>,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub who: String,
    /// Why, in words of who did it.
    pub reason: Option<String>,
    /// How many rows of each kind went.
    pub gone: BTreeMap<String, u64>,
    /// Deliveries that tell other systems, with the system they go to.
    pub told: Vec<(String, String)>,
    /// Raw pushes that hold other people too: they go with their retention.
    pub shared_pushes: Vec<PushId>,
    /// Identifiers that are not taken in again, by kind.
    pub marks: BTreeMap<String, u64>,
}

/// A person to be forgotten, in the transaction that forgets them.
#[derive(Clone, Debug)]
pub struct Forget<'a> {
    /// All leads that stand for them.
    pub leads: &'a BTreeSet<LeadId>,
    /// All their identifiers.
    pub identifiers: &'a BTreeSet<Identifier>,
    /// Their records in CRMs: (link, object, id).
    pub records: &'a BTreeSet<leadloop_sync_core::lead::RemoteRef>,
    /// Who does it.
    pub who: &'a str,
    /// Why.
    pub reason: Option<&'a str>,
}

impl Store {
    /// How much is held of these leads, by kind; nothing is changed.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn held(&self, leads: &BTreeSet<LeadId>) -> Result<BTreeMap<String, i64>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&ERASE_COUNT, args![list(&ERASE_COUNT, leads)]).await?;
        work.undo().await?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
    }

    /// Raw pushes that hold these leads, and whether they hold others too.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn pushes_of(&self, leads: &BTreeSet<LeadId>) -> Result<Vec<(PushId, bool)>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&ERASE_PUSHES, args![list(&ERASE_PUSHES, leads)]).await?;
        work.undo().await?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get::<i64>(1)? > 0))).collect()
    }

    /// Erasures, the latest first: of this lead, or of all.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn erasures(&self, lead: Option<LeadId>, limit: u32) -> Result<Vec<Erasure>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&ERASURE_LIST, args![lead.is_none(), lead, limit]).await?;
        work.undo().await?;
        rows.iter().map(|row| row.doc(0)).collect()
    }

    /// Takes identifiers from the list again: the person came back and wants to be known. How many were on it.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn readmit(&self, identifiers: &BTreeSet<Identifier>, noted: &Audited) -> Result<u64> {
        let mut work = self.pools().write(crate::lanes::WriteLane::Background).await?;
        let Some(key) = key(&mut work).await? else {
            work.undo().await?;
            return Ok(0);
        };
        let mut marks = Rows::of(&ERASED_DROP, 1);
        for identifier in identifiers {
            marks.add(mark(&key, identifier));
        }
        let gone = work.run(&ERASED_DROP, args![marks]).await?;
        note(&mut work, noted, &[]).await?;
        work.commit().await?;
        Ok(gone)
    }
}

impl Tx {
    /// The hand-overs of these leads, closed ones too.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn handoffs_of(&mut self, leads: &BTreeSet<LeadId>) -> Result<BTreeSet<HandoffId>> {
        let rows = self.work.rows(&HANDOFFS_OF, args![list(&HANDOFFS_OF, leads)]).await?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Forgets a person: takes away what is held of them, keeps the receipt, puts them on the list, and carries out what
    /// the core decided, in this transaction. `None`: something about them is being sent right now; nothing was done.
    ///
    /// # Errors
    /// As [`Tx::commit`].
    pub async fn forget(
        mut self,
        forget: &Forget<'_>,
        stamp: &Stamp,
        reaction: &Reaction,
    ) -> Result<Option<Erasure>> {
        let work = &mut self.work;
        // Whoever writes one of these leads waits here, or we wait for them.
        work.rows(&LEAD_CHECK, args![list(&LEAD_CHECK, forget.leads)]).await?;
        let claimed = work.rows(&ERASE_CLAIMED, args![list(&ERASE_CLAIMED, forget.leads)]).await?;
        if !claimed.is_empty() {
            self.work.undo().await?;
            return Ok(None);
        }
        let mut erasure = Erasure {
            id: Uuid::new_v4().to_string(),
            leads: forget.leads.iter().copied().collect(),
            at: stamp.now,
            who: forget.who.to_owned(),
            reason: forget.reason.map(str::to_owned),
            ..Erasure::default()
        };
        scrub_pushes(work, forget, &mut erasure).await?;
        take_away(work, forget, &mut erasure).await?;
        put_marks(work, forget, &mut erasure).await?;
        for effect in &reaction.effects {
            if let leadloop_sync_core::effect::Effect::Enqueue(delivery) = effect {
                erasure.told.push((delivery.link.0.clone(), delivery.id.to_string()));
            }
        }
        let whose = erasure.leads.first().copied();
        work.run(
            &ERASURE_PUT,
            args![
                erasure.id.parse::<Uuid>().unwrap_or_default(),
                whose,
                erasure.at,
                forget.who,
                text(&erasure)?
            ],
        )
        .await?;
        let noted = Audited {
            seq: 0,
            at: stamp.now,
            who: forget.who.to_owned(),
            what: "erase".to_owned(),
            lead: None,
            count: 1,
            detail: forget.reason.unwrap_or_default().to_owned(),
        };
        note(work, &noted, &erasure.leads).await?;
        let done = self.commit(stamp, std::slice::from_ref(reaction)).await?;
        if done.stale.is_empty() { Ok(Some(erasure)) } else { Err(StoreError::Stale { rows: done.rows }) }
    }
}

fn list(statement: &'static Statement, leads: &BTreeSet<LeadId>) -> Rows {
    let mut rows = Rows::of(statement, 1);
    for lead in leads {
        rows.add(*lead);
    }
    rows
}

/// Empties the raw pushes that hold nobody else.
async fn scrub_pushes(work: &mut Work, forget: &Forget<'_>, erasure: &mut Erasure) -> Result<()> {
    let mut own = Rows::of(&PUSH_SCRUB, 1);
    for row in work.rows(&ERASE_PUSHES, args![list(&ERASE_PUSHES, forget.leads)]).await? {
        let id: PushId = row.get(0)?;
        if row.get::<i64>(1)? > 0 {
            erasure.shared_pushes.push(id);
        } else {
            own.add(id);
        }
    }
    let scrubbed = if own.is_empty() { 0 } else { work.run(&PUSH_SCRUB, args![own, NO_HEADERS]).await? };
    erasure.gone.insert("push".to_owned(), scrubbed);
    Ok(())
}

async fn take_away(work: &mut Work, forget: &Forget<'_>, erasure: &mut Erasure) -> Result<()> {
    let mut values = BTreeSet::new();
    for identifier in forget.identifiers.iter().filter(|one| !identity::is_device(&one.kind)) {
        let value = identity::number(&identifier.value);
        values.insert(value.to_owned());
        // As people write it: without the country code.
        values.extend(value.strip_prefix("+86").map(str::to_owned));
    }
    values.retain(|value| value.chars().count() >= SHORTEST);
    take_records(work, &values, erasure).await?;
    let loose = loose_conversations(work, &values).await?;
    for (name, statement) in [
        ("conversation", &ERASE_CONVERSATION),
        ("attempt", &ERASE_ATTEMPT),
        ("delivery", &ERASE_DELIVERY),
        ("before_image", &ERASE_BEFORE),
        ("reason", &ERASE_REASON),
        ("decision", &ERASE_DECISION),
        ("shadow", &ERASE_SHADOW),
        ("feedback", &ERASE_FEEDBACK),
        ("deadline", &ERASE_DEADLINE),
        ("suspect", &ERASE_SUSPECT),
        ("company_pair", &ERASE_COMPANY_PAIR),
        // Captures and reasons are found by their touches, which go after them.
        ("capture", &ERASE_CAPTURE),
        ("touch", &ERASE_TOUCH),
        ("link", &ERASE_LINK),
    ] {
        let gone = work.run(statement, args![list(statement, forget.leads)]).await?;
        erasure.gone.insert(name.to_owned(), gone);
    }
    *erasure.gone.entry("conversation".to_owned()).or_default() += loose;
    if !forget.identifiers.is_empty() {
        let mut rows = Rows::of(&ERASE_VISIT, 1);
        for identifier in forget.identifiers {
            rows.add(&identifier.kind.0).add(&identifier.value);
        }
        let gone = work.run(&ERASE_VISIT, args![rows]).await?;
        erasure.gone.insert("visit".to_owned(), gone);
    }
    let mut mirrored = 0;
    if !forget.records.is_empty() {
        for statement in [&ERASE_MIRROR_KEY, &ERASE_MIRROR] {
            let mut rows = Rows::of(statement, 1);
            for record in forget.records {
                rows.add(&record.link).add(&record.object).add(&record.id);
            }
            mirrored = work.run(statement, args![rows]).await?;
        }
    }
    erasure.gone.insert("mirror".to_owned(), mirrored);
    erasure.gone.insert("identifier".to_owned(), u64::try_from(forget.identifiers.len()).unwrap_or(0));
    Ok(())
}

/// Takes away the records that were never matched to anybody and hold one of these values.
async fn take_records(work: &mut Work, values: &BTreeSet<String>, erasure: &mut Erasure) -> Result<()> {
    if work.vault().is_some() {
        let (waiting, held) = sealed_records(work, values).await?;
        erasure.gone.insert("waiting".to_owned(), waiting);
        erasure.gone.insert("quarantine".to_owned(), held);
        return Ok(());
    }
    for (name, statement) in [("waiting", &ERASE_CAPTURE_DUE), ("quarantine", &ERASE_QUARANTINE)] {
        let mut rows = Rows::of(statement, 1);
        values.iter().for_each(|value| {
            rows.add(value);
        });
        let gone = if rows.is_empty() { 0 } else { work.run(statement, args![rows]).await? };
        erasure.gone.insert(name.to_owned(), gone);
    }
    Ok(())
}

/// As [`take_records`], where they are sealed: opened page by page. How many captures and records of quarantine went.
async fn sealed_records(work: &mut Work, values: &BTreeSet<String>) -> Result<(u64, u64)> {
    let whole = |count: usize| u32::try_from(count).unwrap_or(u32::MAX) < PAGE;
    let holds = |body: &str| values.iter().any(|value| body.contains(value.as_str()));
    let (mut captures, mut records) = (Rows::of(&CAPTURE_GONE, 1), Rows::of(&QUARANTINE_GONE, 1));
    let mut after = -1_i64;
    loop {
        let rows = work.rows(&CAPTURE_OPEN, args![after, PAGE]).await?;
        for row in &rows {
            after = row.get(0)?;
            if holds(&row.opened(2)?) {
                captures.add(row.get::<Uuid>(1)?);
            }
        }
        if whole(rows.len()) {
            break;
        }
    }
    let mut after = (Uuid::nil(), -1_i64);
    loop {
        let rows = work.rows(&QUARANTINE_WALK, args![after.0, after.1, PAGE]).await?;
        for row in &rows {
            after = (row.get(0)?, row.get(1)?);
            if holds(&row.opened(2)?) {
                records.add(after.0).add(after.1);
            }
        }
        if whole(rows.len()) {
            break;
        }
    }
    let waiting = if captures.is_empty() { 0 } else { work.run(&CAPTURE_GONE, args![captures]).await? };
    let held = if records.is_empty() { 0 } else { work.run(&QUARANTINE_GONE, args![records]).await? };
    Ok((waiting, held))
}

/// Takes away what was said to systems about nobody in particular, where one of these values is in it: how many went.
async fn loose_conversations(work: &mut Work, values: &BTreeSet<String>) -> Result<u64> {
    let mut found = Rows::of(&CONVERSATION_GONE, 1);
    let mut after = Uuid::nil();
    loop {
        let rows = work.rows(&CONVERSATION_LOOSE, args![after, LONG_PAGE]).await?;
        for row in &rows {
            after = row.get(0)?;
            let body = row.opened(1)?;
            if values.iter().any(|value| body.contains(value.as_str())) {
                found.add(after);
            }
        }
        if u32::try_from(rows.len()).unwrap_or(u32::MAX) < LONG_PAGE {
            break;
        }
    }
    if found.is_empty() { Ok(0) } else { work.run(&CONVERSATION_GONE, args![found]).await }
}

/// Puts the person on the list.
async fn put_marks(work: &mut Work, forget: &Forget<'_>, erasure: &mut Erasure) -> Result<()> {
    let key = match key(work).await? {
        Some(key) => key,
        None => {
            let mut key = [0_u8; 32];
            aws_lc_rs::rand::fill(&mut key)
                .map_err(|_| StoreError::fault("the system gives no random numbers".to_owned()))?;
            let key = hex(&key);
            // Beside the list a key in clear would let its holder try numbers.
            let kept = match work.vault() {
                Some(vault) => vault.seal(Form::Random, &key)?,
                None => key.clone(),
            };
            work.run(&META_PUT, args![KEY, kept]).await?;
            key
        }
    };
    let mut rows = Rows::of(&ERASED_PUT, 1);
    let records = forget.records.iter().map(|record| {
        // A record of the CRM comes back as an identifier of its own.
        Identifier::new("crm_id", format!("{}/{}/{}", record.link, record.object, record.id))
    });
    let all: BTreeSet<Identifier> = forget.identifiers.iter().cloned().chain(records).collect();
    let erasure_id = erasure.id.parse::<Uuid>().unwrap_or_default();
    for identifier in all.iter().filter(|one| !identity::is_device(&one.kind)) {
        rows.add(mark(&key, identifier)).add(&identifier.kind.0).add(erasure_id).add(erasure.at);
        *erasure.marks.entry(identifier.kind.0.clone()).or_default() += 1;
    }
    if !rows.is_empty() {
        work.run(&ERASED_PUT, args![rows]).await?;
    }
    Ok(())
}

async fn key(work: &mut Work) -> Result<Option<String>> {
    work.rows(&META_GET, args![KEY]).await?.first().map(|row| row.opened(0)).transpose()
}

/// The mark of an identifier: nobody can read it back without the key.
fn mark(key: &str, identifier: &Identifier) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.as_bytes());
    let mut of = aws_lc_rs::hmac::Context::with_key(&key);
    of.update(identifier.kind.0.as_bytes());
    of.update(&[0]);
    of.update(identifier.value.as_bytes());
    hex(of.sign().as_ref())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Which of these captures are of people who were erased; each is counted. One look where nobody ever was.
pub(crate) async fn refused(work: &mut Work, captures: &[&Captured]) -> Result<Vec<bool>> {
    let none = vec![false; captures.len()];
    if captures.iter().all(|capture| capture.who.is_empty()) {
        return Ok(none);
    }
    let Some(key) = key(work).await? else { return Ok(none) };
    let marks: Vec<Vec<String>> = captures
        .iter()
        .map(|capture| {
            let known = capture.who.iter().filter(|one| !identity::is_device(&one.kind));
            known.map(|identifier| mark(&key, identifier)).collect()
        })
        .collect();
    let mut rows = Rows::of(&ERASED_HIT, 1);
    for mark in marks.iter().flatten().collect::<BTreeSet<_>>() {
        rows.add(mark);
    }
    if rows.is_empty() {
        return Ok(none);
    }
    let mut hit = BTreeSet::new();
    for row in work.rows(&ERASED_HIT, args![rows]).await? {
        hit.insert(row.get::<String>(0)?);
    }
    Ok(marks.iter().map(|marks| marks.iter().any(|mark| hit.contains(mark))).collect())
}

/// Empties pushes whose every record was of somebody who was erased.
pub(crate) async fn scrub(work: &mut Work, pushes: &[PushId]) -> Result<()> {
    let mut rows = Rows::of(&PUSH_SCRUB, 1);
    for push in pushes {
        rows.add(*push);
    }
    if rows.is_empty() { Ok(()) } else { work.run(&PUSH_SCRUB, args![rows, NO_HEADERS]).await.map(drop) }
}
