//! The store's face: signatures first, so that the server can be written against them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leadloop_mapping::Record;
use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::capture::Captured;
use leadloop_sync_core::effect::{Deadline, Reaction};
use leadloop_sync_core::ids::{CaptureId, LeadId, LinkName, PushId};
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::outbox::Delivery;
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::read::find::{Found, Question};
use crate::read::funnel::{FunnelBy, FunnelRow, FunnelSpan};
use crate::read::pages::{LeadAsk, LinkedLead};
use crate::read::parked::ParkedAsk;
use crate::read::quarantine::{QuarantineAsk, QuarantinedRecord, StoredPush};
use crate::read::status::Status;
use crate::read::story::{KeptCapture, Story, ToldDelivery};
use crate::{ClaimAsk, Kept, KeptPush, StoreError, StoreSettings, Wakes};

type Result<T> = std::result::Result<T, StoreError>;

fn unbuilt<T>() -> Result<T> {
    Err(StoreError::Unavailable { code: "LL1101", detail: "this part of the store is not built yet".into() })
}

/// Who goes first at the writer of an SQLite file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WriteLane {
    /// What somebody outside waits for.
    Ingress,
    /// Absorbing and settling.
    Hot,
    /// Everything that can wait: retention, backfills.
    Background,
}

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
}

/// A lease that a node holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    /// What is leased: `link/NAME`, `shard/7`.
    pub name: String,
    /// Who holds it.
    pub holder: String,
    /// Until when, by the database's clock.
    pub until: Timestamp,
    /// What the former holder left for its successor (used parts of rate windows).
    pub note: serde_json::Value,
}

/// How keepings are gathered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeeperSettings {
    /// Most keepings that wait; further callers wait for room.
    pub queue: usize,
    /// Most bytes of bodies in one transaction.
    pub batch_bytes: usize,
    /// Most pushes and captures in one transaction.
    pub batch_rows: usize,
}

/// Gathers concurrent keepings into common transactions. Cheap to clone; ends with its last clone.
#[derive(Clone, Debug)]
pub struct Keeper {}

impl Keeper {
    /// Keeps a push; returns when it is durable.
    ///
    /// # Errors
    /// As [`Store::keep`]. An error of the common transaction reaches every caller in it.
    pub async fn keep(&self, push: KeptPush) -> Result<Kept> {
        let _ = push;
        unbuilt()
    }
}

/// A write transaction. Dropping it undoes it.
#[derive(Debug)]
pub struct Tx {}

impl Tx {
    /// Due captures, oldest first. PostgreSQL locks them until the end of the transaction and passes over those that
    /// others hold. `shards` empty means all.
    pub async fn claim_captures(
        &mut self,
        limit: u32,
        shards: &BTreeSet<u8>,
        now: Timestamp,
    ) -> Result<Vec<Captured>> {
        let _ = (limit, shards, now);
        unbuilt()
    }
    /// Deadlines that have come, oldest first; locked as captures are.
    pub async fn due_deadlines(&mut self, now: Timestamp, limit: u32) -> Result<Vec<Deadline>> {
        let _ = (now, limit);
        unbuilt()
    }
    /// Takes turns on person keys, company keys, routes and fuses; held until the end of the transaction. Nothing may
    /// be sent while a turn is held. All keys at once: taking more later can collide with another node.
    pub async fn take_turns(&mut self, keys: &BTreeSet<String>) -> Result<()> {
        let _ = keys;
        unbuilt()
    }
    /// Loads what is needed, in a number of queries that does not depend on how much it is.
    pub async fn load(&mut self, needs: &Needs) -> Result<Book> {
        let _ = needs;
        unbuilt()
    }
    /// Loads more into a book. What the book already has is left as it is: it may be a working copy.
    pub async fn load_more(&mut self, book: &mut Book, needs: &Needs) -> Result<()> {
        let _ = (book, needs);
        unbuilt()
    }
    /// Carries out reactions, all but those that share a row with one that is stale, and ends the transaction.
    pub async fn commit(self, stamp: &Stamp, reactions: &[Reaction]) -> Result<Committed> {
        let _ = (stamp, reactions);
        unbuilt()
    }
    /// Undoes everything.
    pub async fn undo(self) -> Result<()> {
        unbuilt()
    }
}

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {}

impl Store {
    // ── opening ──
    /// Opens a store, brings its schema up to date.
    pub async fn open(settings: &StoreSettings) -> Result<Self> {
        let _ = settings;
        unbuilt()
    }
    /// Waits for what is under way and closes.
    pub async fn close(&self) {}
    /// `sqlite` or `postgres`.
    pub fn engine(&self) -> &'static str {
        "sqlite"
    }
    /// Wake-ups of this store.
    pub fn wakes(&self) -> Wakes {
        Wakes::default()
    }
    /// The time by the database's clock: leases and claims of several nodes go by it.
    pub async fn clock(&self) -> Result<Timestamp> {
        unbuilt()
    }
    /// A copy of an SQLite store in a new file, consistent, while work goes on.
    pub async fn backup(&self, file: &Path) -> Result<()> {
        let _ = file;
        unbuilt()
    }
    /// Whether this store was made from a backup and nobody said yet that it may send ([`Store::set_live`]).
    pub async fn restored(&self) -> Result<bool> {
        unbuilt()
    }
    /// Says that a restored store may send again.
    pub async fn set_live(&self) -> Result<()> {
        unbuilt()
    }

    // ── inbox ──
    /// Keeps pushes with what was read from them, in one transaction; durable when it returns. One answer per push.
    pub async fn keep(&self, pushes: &[KeptPush]) -> Result<Vec<Kept>> {
        let _ = pushes;
        unbuilt()
    }
    /// Starts gathering keepings.
    pub fn keeper(&self, settings: KeeperSettings) -> Keeper {
        let _ = settings;
        Keeper {}
    }

    // ── the write path ──
    /// Begins a write transaction.
    pub async fn begin(&self, lane: WriteLane) -> Result<Tx> {
        let _ = lane;
        unbuilt()
    }
    /// Reads what is needed, outside of any write.
    pub async fn look(&self, needs: &Needs) -> Result<Book> {
        let _ = needs;
        unbuilt()
    }

    // ── outbox ──
    /// Claims due deliveries: of each stream only the first unsettled one, hot before normal before backfill.
    pub async fn claim(&self, ask: &ClaimAsk) -> Result<Vec<Delivery>> {
        let _ = ask;
        unbuilt()
    }
    /// Deliveries whose claim ran out before `now`; they are claimed anew until `until` under their old attempt
    /// number, to be settled as unknown by the caller.
    pub async fn expired_claims(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        let _ = (now, until, limit);
        unbuilt()
    }
    /// When the next delivery of each of these links is due; links without any are left out.
    pub async fn next_due(&self, links: &[LinkName]) -> Result<BTreeMap<LinkName, Timestamp>> {
        let _ = links;
        unbuilt()
    }
    /// When the next deadline comes.
    pub async fn next_deadline(&self) -> Result<Option<Timestamp>> {
        unbuilt()
    }

    // ── config, leases, upkeep ──
    /// Makes a config active; returns its epoch. Nothing changes where it is active already.
    pub async fn activate_config(&self, hash: &str, now: Timestamp) -> Result<i64> {
        let _ = (hash, now);
        unbuilt()
    }
    /// Hash and epoch of the active config.
    pub async fn active_config(&self) -> Result<Option<(String, i64)>> {
        unbuilt()
    }
    /// Takes or extends leases; returns those that `holder` has now.
    pub async fn lease(&self, names: &[String], holder: &str, length: Micros) -> Result<Vec<Lease>> {
        let _ = (names, holder, length);
        unbuilt()
    }
    /// Gives leases back, with a note for the successor.
    pub async fn release(&self, holder: &str, notes: &BTreeMap<String, serde_json::Value>) -> Result<()> {
        let _ = (holder, notes);
        unbuilt()
    }

    // ── reads ──
    /// Finds leads.
    pub async fn find(&self, question: &Question, limit: u32) -> Result<Vec<Found>> {
        let _ = (question, limit);
        unbuilt()
    }
    /// The whole story of a lead.
    pub async fn story(&self, lead: LeadId, touches: u32) -> Result<Option<Story>> {
        let _ = (lead, touches);
        unbuilt()
    }
    /// Counts of the funnel.
    pub async fn funnel(&self, by: &FunnelBy, span: FunnelSpan) -> Result<Vec<FunnelRow>> {
        let _ = (by, span);
        unbuilt()
    }
    /// How the product is doing.
    pub async fn status(&self, now: Timestamp) -> Result<Status> {
        let _ = now;
        unbuilt()
    }
    /// A page of leads, newest touch first.
    pub async fn leads(&self, ask: &LeadAsk) -> Result<Vec<Lead>> {
        let _ = ask;
        unbuilt()
    }
    /// A page of leads with their records in other systems, by id: for comparing the pool with a CRM.
    pub async fn linked_leads(&self, after: Option<LeadId>, limit: u32) -> Result<Vec<LinkedLead>> {
        let _ = (after, limit);
        unbuilt()
    }

    // ── what needs a person ──
    /// Records in quarantine.
    pub async fn quarantine(&self, ask: &QuarantineAsk) -> Result<Vec<QuarantinedRecord>> {
        let _ = ask;
        unbuilt()
    }
    /// One record in quarantine.
    pub async fn quarantined(&self, push: PushId, position: u32) -> Result<Option<QuarantinedRecord>> {
        let _ = (push, position);
        unbuilt()
    }
    /// Changes fields of a record in quarantine (in the source's words). `false` where there is none.
    pub async fn fix_record(&self, push: PushId, position: u32, fields: &Record) -> Result<bool> {
        let _ = (push, position, fields);
        unbuilt()
    }
    /// A push as it was kept.
    pub async fn push(&self, id: PushId) -> Result<Option<StoredPush>> {
        let _ = id;
        unbuilt()
    }
    /// Pushes that could not be read at all.
    pub async fn parked_pushes(&self, ask: &QuarantineAsk) -> Result<Vec<StoredPush>> {
        let _ = ask;
        unbuilt()
    }
    /// Captures that need a person.
    pub async fn parked_captures(&self, after: Option<CaptureId>, limit: u32) -> Result<Vec<KeptCapture>> {
        let _ = (after, limit);
        unbuilt()
    }
    /// Makes parked captures due again (all, where `ids` is empty); returns how many.
    pub async fn retry_captures(&self, ids: &[CaptureId], now: Timestamp) -> Result<u64> {
        let _ = (ids, now);
        unbuilt()
    }
    /// Deliveries that need a person.
    pub async fn parked_deliveries(&self, ask: &ParkedAsk) -> Result<Vec<ToldDelivery>> {
        let _ = ask;
        unbuilt()
    }
    /// Makes parked deliveries due again, however many; returns how many.
    pub async fn retry_deliveries(&self, ask: &ParkedAsk, now: Timestamp) -> Result<u64> {
        let _ = (ask, now);
        unbuilt()
    }
    /// Gives parked deliveries up: they count as settled, with the note that a person dropped them.
    pub async fn drop_deliveries(&self, ask: &ParkedAsk, now: Timestamp) -> Result<u64> {
        let _ = (ask, now);
        unbuilt()
    }
}
