//! What a batch knows: the rows that its captures, outcomes or deadlines touch, as a working copy.
//!
//! The store fills a [`Book`] from [`Needs`] in a constant number of queries; the verbs read it; [`Book::apply`] lets the
//! second capture of a batch see what the first did. The reference model of the tests is a `Book` that holds everything.

mod view;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::capture::Identifier;
use crate::companies::{self, Judged};
use crate::effect::{Effect, Reaction, RemoteLink};
use crate::handoff::Handoff;
use crate::ids::{HandoffId, LeadId, LinkName};
use crate::lead::{Binding, Lead, RemoteRef, Touch};
use crate::mirror::{MirrorKey, MirrorRow};
use crate::normal::company::CompanyName;
use crate::time::Timestamp;

/// The most touches of a person that are loaded for a brief, latest first.
pub const TOUCHES_LOADED: u32 = 20;
/// The most touches of a person that are loaded where their order is at stake. Of a longer history a late event counts
/// under the caps as they stand.
pub const HISTORY_LOADED: u32 = 200;
/// The most mirror rows that are loaded under one key, latest change first.
pub const ROWS_PER_KEY: u32 = 100;

/// The most records that are taken for gone at once; more than that is asked about.
pub const MOST_UNSEEN: u32 = 500;
/// So many are loaded, since those of the last page are among them.
pub const UNSEEN_LOADED: u32 = 4 * MOST_UNSEEN;

/// What must be loaded before verbs can run. The store adds what hangs on it: an identifier brings its lead (with all it
/// was merged with), a lead its identifiers, its open hand-over and its last closed one, a remote reference its link, its
/// mirror row and that link's lead and hand-over; a mirror row that was asked for (by key or reference) brings its
/// companions ([`crate::mirror_read::companions`]), one step and no further. At most [`ROWS_PER_KEY`] rows are loaded for a
/// key. [`Book::view`] says the same exactly.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Needs {
    /// Leads of these identifiers.
    pub identifiers: BTreeSet<Identifier>,
    /// These leads.
    pub leads: BTreeSet<LeadId>,
    /// These hand-overs (and their leads).
    pub handoffs: BTreeSet<HandoffId>,
    /// These records of other systems.
    pub remotes: BTreeSet<RemoteRef>,
    /// Mirror rows and links of these records, and nothing that hangs on them.
    pub rows: BTreeSet<RemoteRef>,
    /// Mirror rows under these keys.
    pub keys: BTreeSet<MirrorKey>,
    /// Names of companies in these CRMs, as written and taken apart: where no account has the name for sure
    /// ([`crate::matching::unsure`]), the rows under names that differ by a slip of the hand are loaded too.
    pub similar: BTreeMap<(LinkName, String), CompanyName>,
    /// Open hand-overs of these company keys.
    pub companies: BTreeSet<String>,
    /// What somebody said of the companies with these keys ([`companies::key`]). Mirror rows and hand-overs of the names
    /// that were said to be the same are loaded with them.
    pub judged: BTreeSet<String>,
    /// The latest touches of these people, at most [`TOUCHES_LOADED`] each, under the lead that stands for them today.
    pub touches_of: BTreeSet<LeadId>,
    /// The same, at most [`HISTORY_LOADED`] each: because their order is at stake.
    pub history_of: BTreeSet<LeadId>,
    /// These counters.
    pub counters: BTreeSet<String>,
    /// User rows of these CRMs, all of them.
    pub users_of: BTreeSet<LinkName>,
    /// Mirror rows of an object that were not seen since a time, at most [`UNSEEN_LOADED`].
    pub unseen: BTreeSet<(LinkName, String, Timestamp)>,
    /// Freshness of the mirrors of these CRMs.
    pub fresh: BTreeSet<LinkName>,
    /// Numbers of open hand-overs by owner in these CRMs.
    pub load_of: BTreeSet<LinkName>,
}

impl Needs {
    /// Adds what other needs ask for.
    pub fn extend(&mut self, other: Needs) {
        self.identifiers.extend(other.identifiers);
        self.leads.extend(other.leads);
        self.handoffs.extend(other.handoffs);
        self.remotes.extend(other.remotes);
        self.rows.extend(other.rows);
        self.keys.extend(other.keys);
        self.similar.extend(other.similar);
        self.companies.extend(other.companies);
        self.judged.extend(other.judged);
        self.touches_of.extend(other.touches_of);
        self.history_of.extend(other.history_of);
        self.counters.extend(other.counters);
        self.users_of.extend(other.users_of);
        self.unseen.extend(other.unseen);
        self.fresh.extend(other.fresh);
        self.load_of.extend(other.load_of);
    }
}

/// What a batch knows.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Book {
    /// Leads.
    pub leads: BTreeMap<LeadId, Lead>,
    /// Identifiers and whose they are.
    pub identifiers: BTreeMap<Identifier, Binding>,
    /// Latest touches of leads, in the order they happened.
    pub touches: BTreeMap<LeadId, Vec<Touch>>,
    /// Hand-overs.
    pub handoffs: BTreeMap<HandoffId, Handoff>,
    /// Records of ours in other systems.
    pub links: BTreeMap<RemoteRef, RemoteLink>,
    /// Mirror rows.
    pub mirror: BTreeMap<RemoteRef, MirrorRow>,
    /// Which rows stand under which key.
    pub keys: BTreeMap<MirrorKey, BTreeSet<RemoteRef>>,
    /// Counters.
    pub counters: BTreeMap<String, serde_json::Value>,
    /// As of when each (CRM, object) is mirrored.
    pub fresh: BTreeMap<(LinkName, String), Timestamp>,
    /// What somebody said of pairs of companies.
    pub judged: Judged,
    /// Open hand-overs by (CRM, owner's user id).
    pub load: BTreeMap<(LinkName, String), i64>,
}

impl Book {
    /// The lead of an identifier, through merges.
    #[must_use]
    pub fn lead_of(&self, identifier: &Identifier) -> Option<&Lead> {
        self.identifiers.get(identifier).and_then(|binding| self.resolve(binding.lead))
    }

    /// The lead an id stands for, through merges (at most 64 steps: chains are short, a cycle cannot be written).
    #[must_use]
    pub fn resolve(&self, id: LeadId) -> Option<&Lead> {
        let mut lead = self.leads.get(&id)?;
        for _ in 0..64 {
            match lead.merged_into {
                Some(next) => lead = self.leads.get(&next)?,
                None => return Some(lead),
            }
        }
        None
    }

    /// The open hand-over of a person: of the lead or of one that was merged into it, since a hand-over stays with the
    /// lead it was opened for.
    #[must_use]
    pub fn open_handoff(&self, lead: LeadId) -> Option<&Handoff> {
        let person = |id: LeadId| self.resolve(id).map_or(id, |lead| lead.id);
        let whose = person(lead);
        self.handoffs.values().find(|handoff| handoff.state.is_open() && person(handoff.lead) == whose)
    }

    /// Lets later steps of the batch see a reaction.
    pub fn apply(&mut self, reaction: &Reaction) {
        for effect in &reaction.effects {
            self.apply_one(effect);
        }
    }

    fn apply_one(&mut self, effect: &Effect) {
        match effect {
            Effect::PutLead(lead) => {
                self.leads.insert(lead.id, (**lead).clone());
            }
            Effect::Bind(binding) => {
                self.identifiers.insert(binding.identifier.clone(), binding.clone());
            }
            Effect::Unbind(identifier) => {
                self.identifiers.remove(identifier);
            }
            Effect::PutHandoff(handoff) => self.put_handoff(handoff),
            Effect::LinkRemote(link) => {
                self.links.insert(link.remote.clone(), (**link).clone());
            }
            Effect::PutMirror(row) => self.put_mirror(row),
            Effect::MirrorSeen { link, object, at } => {
                self.fresh.insert((link.clone(), object.clone()), *at);
            }
            Effect::SetCounter { key, value } => {
                self.counters.insert(key.clone(), value.clone());
            }
            Effect::Touch(touch) => {
                self.touches.entry(touch.lead).or_default().push((**touch).clone());
            }
            Effect::Receipts(touch) => {
                let known = self.touches.values_mut().flatten().filter(|known| known.id == touch.id);
                known.for_each(|known| known.clone_from(touch));
            }
            Effect::CompanyVerdict(verdict) => {
                self.judged.extend(companies::keyed(verdict));
            }
            // Nothing a later step of the same batch would read.
            Effect::Decide(_)
            | Effect::Enqueue(_)
            | Effect::MoveDelivery { .. }
            | Effect::Hurry { .. }
            | Effect::Keep(_)
            | Effect::KeepBefore(_)
            | Effect::Hold(_)
            | Effect::FinishCapture { .. }
            | Effect::KeepFeedback(_)
            | Effect::SetDeadline(_)
            | Effect::ClearDeadline(_)
            | Effect::Alarm(_)
            | Effect::Suspect(_)
            | Effect::Verdict(_)
            | Effect::CompanySuspect(_)
            | Effect::EndVisit { .. } => {}
        }
    }

    /// Puts a mirror row under its keys, and takes it from those it no longer has.
    pub fn put_mirror(&mut self, row: &MirrorRow) {
        if let Some(before) = self.mirror.get(&row.remote) {
            for key in crate::mirror_read::keys_of(before) {
                if let Some(rows) = self.keys.get_mut(&key) {
                    rows.remove(&row.remote);
                }
            }
        }
        for key in crate::mirror_read::keys_of(row) {
            self.keys.entry(key).or_default().insert(row.remote.clone());
        }
        self.mirror.insert(row.remote.clone(), row.clone());
    }

    fn put_handoff(&mut self, handoff: &Handoff) {
        let load_key = |h: &Handoff| {
            h.owner
                .as_ref()
                .filter(|_| h.state.is_open())
                .map(|owner| (h.link.clone(), owner.crm_user.clone()))
        };
        let before = self.handoffs.get(&handoff.id).and_then(load_key);
        let after = load_key(handoff);
        if before != after {
            if let Some(key) = before {
                *self.load.entry(key).or_default() -= 1;
            }
            if let Some(key) = after {
                *self.load.entry(key).or_default() += 1;
            }
        }
        self.handoffs.insert(handoff.id, handoff.clone());
    }
}
