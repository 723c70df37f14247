//! A write transaction: what is due, whose turn it is, what is known, and the one way to change it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::capture::{Captured, Identifier};
use leadloop_sync_core::conversation::Conversation;
use leadloop_sync_core::effect::{Deadline, Effect, Reaction};
use leadloop_sync_core::ids::{DeliveryId, LeadId};
use leadloop_sync_core::outbox::Delivery;
use leadloop_sync_core::time::Timestamp;

use crate::cell::{Row, Rows, args};
use crate::commit;
use crate::engine::Work;
use crate::error::StoreError;
use crate::inbox::{Kept, KeptPush, keep_pushes};
use crate::load::{hold_leads, load_into};
use crate::outbox::delivery_of;
use crate::statement::{CAPTURE_CLAIM, DEADLINE_DUE, DELIVERY_UNSETTLED, Statement, TURN_TAKE};
use crate::text::Engine;
use crate::wake::{Bell, Topic};

type Result<T> = std::result::Result<T, StoreError>;

/// Keys of turns fall on so many rows. More rows mean fewer nodes that wait for each other without need.
const TURNS: u64 = 4096;

/// What is stored beside the reasons of a commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamp {
    /// The verb that decided: `absorb`, `settle`, `listen`, `tick`.
    pub verb: &'static str,
    /// Hash of the config it decided under. Where another config is active by now, the commit is stale.
    pub config: String,
    /// The time it is.
    pub now: Timestamp,
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Committed {
    /// Places (in the slice given) of the reactions that were left out, because a row they share was changed
    /// meanwhile; what they were about is still due. All others were written.
    pub stale: BTreeSet<usize>,
    /// The rows that made them stale, for people.
    pub rows: Vec<String>,
    /// Deliveries that were made already claimed and got their claim; the others of that kind are due.
    pub claimed: BTreeSet<DeliveryId>,
}

/// A write transaction. Dropping it undoes it.
#[derive(Debug)]
pub struct Tx {
    pub(crate) work: Work,
    pub(crate) bell: Bell,
    /// Whose the identifiers were that were asked for: a commit that binds one of them is stale if that changed.
    pub(crate) seen: BTreeMap<Identifier, Option<LeadId>>,
    /// Its commit does not wait for the disk.
    pub(crate) soon: bool,
    /// What was said in the attempts that are settled.
    pub(crate) spoken: Vec<Arc<Spoken>>,
    /// What the parts that are written already wake.
    pub(crate) topics: Vec<Topic>,
}

/// A conversation on its way into the store, where it is written once: deliveries that went together may be settled in
/// several transactions, and somebody of it may be erased in between.
#[derive(Debug)]
pub struct Spoken {
    pub(crate) conversation: Conversation,
    pub(crate) written: AtomicBool,
}

impl Spoken {
    /// A conversation that is in no store yet.
    #[must_use]
    pub const fn new(conversation: Conversation) -> Self {
        Self { conversation, written: AtomicBool::new(false) }
    }
}

impl Tx {
    pub(crate) const fn new(work: Work, bell: Bell) -> Self {
        Self { work, bell, seen: BTreeMap::new(), soon: false, spoken: Vec::new(), topics: Vec::new() }
    }

    /// Lets the commit return before it is on the disk, which it reaches some 100 ms later at the latest. A power cut
    /// (no kill) may take it back, and only together with everything committed after it: so it is for what is then done
    /// again by itself. Claims are always durable before anything is sent, so nothing that was told to anybody rests
    /// on a commit that can be taken back.
    #[must_use]
    pub const fn soon(mut self) -> Self {
        self.soon = true;
        self
    }

    /// What was said in the attempts that the reactions of this transaction settle: it is kept with them.
    #[must_use]
    pub fn spoken(mut self, spoken: Vec<Arc<Spoken>>) -> Self {
        self.spoken = spoken;
        self
    }

    /// Due captures, oldest first. PostgreSQL locks them until the end of the transaction and passes over those that
    /// others hold. `shards` empty means all.
    ///
    /// # Errors
    /// Where the database does not answer or a capture cannot be read.
    pub async fn claim_captures(&mut self, limit: u32, shards: &BTreeSet<u8>) -> Result<Vec<Captured>> {
        let mut list = Rows::of(&CAPTURE_CLAIM, 3);
        for shard in shards {
            list.add(*shard);
        }
        let rows = self.work.rows(&CAPTURE_CLAIM, args![limit, shards.is_empty(), list]).await?;
        rows.iter().map(|row| row.doc(0)).collect()
    }

    /// Deadlines that have come, oldest first; locked as captures are.
    ///
    /// # Errors
    /// Where the database does not answer or a deadline cannot be read.
    pub async fn due_deadlines(&mut self, now: Timestamp, limit: u32) -> Result<Vec<Deadline>> {
        let rows = self.work.rows(&DEADLINE_DUE, args![now, limit]).await?;
        rows.iter().map(deadline_of).collect()
    }

    /// Holds the leads that `needs` names, with all they were merged with, until the end of the transaction: whoever else
    /// holds one of them is waited for. Call it before anything is loaded, and before turns are taken, so that two
    /// transactions do not wait for each other in a ring. SQLite has one writer, so nothing happens there.
    ///
    /// # Errors
    /// Stale where two nodes got in each other's way.
    pub async fn hold_leads(&mut self, needs: &Needs) -> Result<()> {
        hold_leads(&mut self.work, needs).await
    }

    /// Takes turns on identifiers, company keys, routes and fuses; held until the end of the transaction. Nothing may
    /// be sent while a turn is held. All keys at once: taking more later can collide with another node. SQLite has
    /// turns by its one writer, so nothing happens there.
    ///
    /// # Errors
    /// Stale where two nodes took turns in each other's way.
    pub async fn take_turns(&mut self, keys: &BTreeSet<String>) -> Result<()> {
        if self.work.engine() == Engine::Sqlite || keys.is_empty() {
            return Ok(());
        }
        let buckets: BTreeSet<u64> = keys.iter().map(|key| crate::doc::hash(&[key]) % TURNS).collect();
        let mut list = Rows::of(&TURN_TAKE, 1);
        for bucket in buckets {
            list.add(i64::try_from(bucket).unwrap_or(0));
        }
        self.work.rows(&TURN_TAKE, args![list]).await.map(drop)
    }

    /// Loads what is needed, in a number of queries that does not depend on how much it is.
    ///
    /// # Errors
    /// Where the database does not answer or a row cannot be read.
    pub async fn load(&mut self, needs: &Needs) -> Result<Book> {
        let mut book = Book::default();
        self.load_more(&mut book, needs).await?;
        Ok(book)
    }

    /// Loads more into a book. What the book has already is left as it is: it may be a working copy.
    ///
    /// # Errors
    /// As [`Tx::load`].
    pub async fn load_more(&mut self, book: &mut Book, needs: &Needs) -> Result<()> {
        load_into(&mut self.work, book, needs).await?;
        for identifier in &needs.identifiers {
            let lead = book.identifiers.get(identifier).map(|binding| binding.lead);
            self.seen.entry(identifier.clone()).or_insert(lead);
        }
        for (identifier, binding) in &book.identifiers {
            self.seen.entry(identifier.clone()).or_insert(Some(binding.lead));
        }
        Ok(())
    }

    /// What is still to be said about these leads, oldest first.
    ///
    /// # Errors
    /// Where the database does not answer or a row cannot be read.
    pub async fn unsettled(&mut self, leads: &[LeadId]) -> Result<Vec<Delivery>> {
        let rows = self.work.rows(&DELIVERY_UNSETTLED, args![ids(&DELIVERY_UNSETTLED, leads)]).await?;
        rows.iter().map(delivery_of).collect()
    }

    /// Carries out reactions, all but those that share a row with one that is stale, and ends the transaction.
    /// Several states of one lead or hand-over in the batch count as the last of them.
    ///
    /// # Errors
    /// Stale where the whole batch has to be decided anew (another config is active, or two transactions collided);
    /// an error that [`StoreError::blames_a_reaction`] where the database refused a row. Nothing is written then.
    pub async fn commit(self, stamp: &Stamp, reactions: &[Reaction]) -> Result<Committed> {
        commit::commit(self, stamp, reactions).await
    }

    /// Writes what [`Tx::commit`] would, and undoes it with everything else of the transaction: nobody else ever sees it.
    ///
    /// # Errors
    /// As [`Tx::commit`], and stale where any of the reactions is.
    pub async fn rehearse(self, stamp: &Stamp, reactions: &[Reaction]) -> Result<()> {
        commit::rehearse(self, stamp, reactions).await
    }

    /// Writes a part of what is committed together, to be followed by others and by [`Tx::finish`].
    ///
    /// # Errors
    /// As [`Tx::commit`], and stale where any of the reactions is: then nothing of the transaction may be kept.
    pub async fn write(&mut self, stamp: &Stamp, reactions: &[Reaction]) -> Result<()> {
        commit::write_part(self, stamp, reactions).await?;
        // What comes behind binds what this part bound.
        for effect in reactions.iter().flat_map(|reaction| &reaction.effects) {
            match effect {
                Effect::Bind(binding) => {
                    self.seen.insert(binding.identifier.clone(), Some(binding.lead));
                }
                Effect::Unbind(identifier) => {
                    self.seen.insert(identifier.clone(), None);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Commits all parts.
    ///
    /// # Errors
    /// Where the database does not answer; nothing was written then.
    pub async fn finish(self) -> Result<()> {
        commit::finish(self).await
    }

    /// Keeps pushes in this transaction, as [`crate::Store::keep`] does in one of their own.
    ///
    /// # Errors
    /// As there.
    pub async fn keep(&mut self, pushes: &[KeptPush]) -> Result<Vec<Kept>> {
        keep_pushes(&mut self.work, pushes).await
    }

    /// Undoes everything.
    ///
    /// # Errors
    /// Where the database does not answer; nothing was written all the same.
    pub async fn undo(self) -> Result<()> {
        self.work.undo().await
    }
}

fn ids(statement: &'static Statement, leads: &[LeadId]) -> Rows {
    let mut ids = Rows::of(statement, 1);
    for lead in leads {
        ids.add(*lead);
    }
    ids
}

/// Columns: key, at, kind, step, lead, handoff.
pub(crate) fn deadline_of(row: &Row) -> Result<Deadline> {
    Ok(Deadline {
        key: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        step: row.get(3)?,
        lead: row.get(4)?,
        handoff: row.get(5)?,
    })
}
