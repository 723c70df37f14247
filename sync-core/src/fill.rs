//! Stage 5, beside transfer: leads of the pool become records of the CRM without being handed over (`leadloop backfill`).
//!
//! Nobody in sales is asked to act: the record has no owner and no clock, nobody is told, the lead keeps its stage. Whoever stands
//! in the CRM already is linked and not made again. When such a lead becomes an MQL later, the rules find its record and hand
//! that over; should the record still be on its way, the hand-over asks the CRM behind it ([`crate::transfer`]). Where it was
//! merged meanwhile, [`held`] sees that the person gets one record.
//! Which leads are meant, how many at once and how far it got is the shell's business.

pub mod held;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::because::Reason;
use crate::book::{Book, Needs};
use crate::case::{Case, short};
use crate::effect::{Effect, Reaction};
use crate::feedback;
use crate::ids::{LeadId, LinkName};
use crate::lead::{Lead, RemoteRef};
use crate::matching::{self, Question, Subject};
use crate::moment::Moment;
use crate::outbox::{Delivery, Lane, Operation, Purpose};
use crate::policy::Policy;
use crate::routing::{self, Dealings, Filling};
use crate::settle::told;
use crate::time::Timestamp;
use crate::{tell, transfer};

/// The object that is made.
const OBJECT: &str = "lead";
/// Different refusals of a mapping that are counted apart.
const MOST_REASONS: usize = 20;
/// Most characters of such a refusal.
const MOST_WORDS: usize = 200;

/// What becomes of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// A record is made.
    Make,
    /// The person has a record there, which becomes the lead's.
    Link,
    /// The lead has a record there.
    There,
    /// A record is being made.
    UnderWay,
    /// A hand-over runs.
    WithSales,
    /// The record that fits is another lead's.
    OfAnother,
    /// Its record was deleted there: that is for a person to undo.
    DeletedThere,
    /// No phone and no mail: nobody could tell whether the person is there already.
    Unreachable,
    /// No consent to be passed on.
    NoConsent,
    /// The lead is closed.
    Closed,
    /// What the CRM needs is missing.
    Incomplete,
}

impl Fate {
    /// All of them.
    pub const ALL: [Fate; 11] = [
        Fate::Make,
        Fate::Link,
        Fate::There,
        Fate::UnderWay,
        Fate::WithSales,
        Fate::OfAnother,
        Fate::DeletedThere,
        Fate::Unreachable,
        Fate::NoConsent,
        Fate::Closed,
        Fate::Incomplete,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Fate::Make => "make",
            Fate::Link => "link",
            Fate::There => "there",
            Fate::UnderWay => "under_way",
            Fate::WithSales => "with_sales",
            Fate::OfAnother => "of_another",
            Fate::DeletedThere => "deleted_there",
            Fate::Unreachable => "unreachable",
            Fate::NoConsent => "no_consent",
            Fate::Closed => "closed",
            Fate::Incomplete => "incomplete",
        }
    }
}

/// How many leads came to what.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Leads by fate.
    pub fates: BTreeMap<Fate, u64>,
    /// Why records cannot be made, each with how many leads.
    pub incomplete: BTreeMap<String, u64>,
}

impl Tally {
    /// How many came to this.
    #[must_use]
    pub fn of(&self, fate: Fate) -> u64 {
        self.fates.get(&fate).copied().unwrap_or(0)
    }

    /// How many were looked at.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.fates.values().sum()
    }

    /// Adds what others came to.
    pub fn add(&mut self, other: Tally) {
        for (fate, count) in other.fates {
            *self.fates.entry(fate).or_default() += count;
        }
        for (why, count) in other.incomplete {
            if self.incomplete.len() < MOST_REASONS || self.incomplete.contains_key(&why) {
                *self.incomplete.entry(why).or_default() += count;
            }
        }
    }

    fn count(&mut self, fate: Fate, why: &str) {
        *self.fates.entry(fate).or_default() += 1;
        if fate == Fate::Incomplete
            && (self.incomplete.len() < MOST_REASONS || self.incomplete.contains_key(why))
        {
            *self.incomplete.entry(short(why, MOST_WORDS)).or_default() += 1;
        }
    }
}

/// How far a run is: kept as a counter, written with what it counts in one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it was ordered.
    pub begun: Timestamp,
    /// What was decided.
    pub tally: Tally,
    /// The last lead that was decided about: they go by falling id.
    pub after: Option<LeadId>,
    /// Whether all were decided about.
    pub decided: bool,
    /// Records that were made.
    pub written: u64,
    /// Records that the CRM knew better: linked, not made.
    pub met: u64,
    /// Records that the CRM refused, or did not take for too long.
    pub refused: u64,
    /// The last refusal.
    pub last_refusal: Option<String>,
    /// When the last record came through.
    pub at: Timestamp,
}

impl Run {
    /// The counter of a run.
    #[must_use]
    pub fn key(name: &str) -> String {
        format!("fill/{name}")
    }

    /// One that begins now.
    #[must_use]
    pub fn begin(now: Timestamp) -> Self {
        Self {
            begun: now,
            tally: Tally::default(),
            after: None,
            decided: false,
            written: 0,
            met: 0,
            refused: 0,
            last_refusal: None,
            at: now,
        }
    }

    /// As its counter says.
    #[must_use]
    pub fn read(counter: Option<&Json>) -> Option<Self> {
        counter.and_then(|json| serde_json::from_value(json.clone()).ok())
    }

    /// Records on their way.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.tally.of(Fate::Make).saturating_sub(self.written + self.met + self.refused)
    }

    /// For its counter.
    #[must_use]
    pub fn effect(&self, name: &str) -> Effect {
        Effect::SetCounter { key: Self::key(name), value: serde_json::to_value(self).unwrap_or_default() }
    }
}

/// What must be known first.
#[must_use]
pub fn needs(leads: &[LeadId], link: &LinkName, run: Option<&str>) -> Needs {
    let mut needs = Needs::default();
    needs.leads.extend(leads);
    needs.fresh.insert(link.clone());
    needs.counters.extend(run.map(Run::key));
    needs
}

/// What must be known then: rows that may be these people, and records they have.
#[must_use]
pub fn needs_more(book: &Book, leads: &[LeadId], policy: &Policy) -> Needs {
    let known: Vec<&Lead> = leads.iter().filter_map(|id| book.resolve(*id)).collect();
    let subjects: Vec<Subject> = known.iter().map(|lead| Subject::of(lead)).collect();
    let mut needs = matching::needs(&subjects, policy);
    // What routes and fuses count by is not asked here.
    needs.counters.retain(|counter| routing::is_dealings(counter));
    needs.load_of.clear();
    needs.rows.extend(known.iter().flat_map(|lead| lead.remotes.iter().cloned()));
    needs
}

/// What must be known at last: whose the rows are that fit.
#[must_use]
pub fn needs_owners(
    book: &Book,
    leads: &[LeadId],
    link: &LinkName,
    policy: &Policy,
    now: Timestamp,
) -> Needs {
    let known = leads.iter().filter_map(|id| book.resolve(*id));
    let found = known.filter_map(|lead| met(book, lead, link, policy, now));
    Needs { rows: found.collect(), ..Needs::default() }
}

/// The record that the mirror has of this person.
fn met(book: &Book, lead: &Lead, link: &LinkName, policy: &Policy, now: Timestamp) -> Option<RemoteRef> {
    let question = Question { book, policy, link, lead, handoff: None, read: &[], now };
    matching::find(&question).person.remote
}

/// A decision about one lead.
enum Plan {
    Left(Fate, String),
    Link(RemoteRef),
    Make(Operation),
}

fn plan(case: &Case<'_>, link: &LinkName) -> Plan {
    let (book, lead, now) = (case.book, &*case.lead, case.moment.now);
    let left = |fate| Plan::Left(fate, String::new());
    if let Some(reason) = transfer::barred(case) {
        return left(if reason.code == "no_consent" { Fate::NoConsent } else { Fate::Closed });
    }
    let dealings = Dealings::of(book, lead.id);
    if book.open_handoff(lead.id).is_some() {
        return left(Fate::WithSales);
    }
    if transfer::record_in(lead, link).is_some() {
        return left(Fate::There);
    }
    if dealings.filling.contains_key(link) {
        return left(Fate::UnderWay);
    }
    if dealings.detached.contains(link) {
        return left(Fate::DeletedThere);
    }
    if !lead.identifiers.iter().any(|known| matches!(known.kind.0.as_str(), "phone" | "email")) {
        return left(Fate::Unreachable);
    }
    match met(book, lead, link, case.policy, now) {
        Some(remote) if book.links.contains_key(&remote) => left(Fate::OfAnother),
        Some(remote) => Plan::Link(remote),
        None => match tell::filling(case, link, OBJECT, &mark_of(lead.id)) {
            Ok(operation) => Plan::Make(operation),
            Err(why) => Plan::Left(Fate::Incomplete, why),
        },
    }
}

/// The mark of a record that no hand-over made.
fn mark_of(lead: LeadId) -> String {
    format!("L-{}", lead.uuid().simple())
}

/// Only looks: what would become of these leads.
pub fn look(book: &Book, leads: &[LeadId], link: &LinkName, policy: &Policy, moment: &mut Moment) -> Tally {
    let mut tally = Tally::default();
    for id in leads {
        let Some(mut lead) = book.resolve(*id).cloned() else { continue };
        let case = Case::new(book, policy, moment, &mut lead);
        let (fate, why) = match plan(&case, link) {
            Plan::Left(fate, why) => (fate, why),
            Plan::Link(_) => (Fate::Link, String::new()),
            Plan::Make(_) => (Fate::Make, String::new()),
        };
        tally.count(fate, &why);
    }
    tally
}

/// Decides about one lead, and counts it in the run that the book holds.
#[must_use]
pub fn react(
    book: &Book,
    id: LeadId,
    (link, run): (&LinkName, &str),
    policy: &Policy,
    moment: &mut Moment,
) -> Reaction {
    let now = moment.now;
    let known = Run::read(book.counters.get(&Run::key(run)));
    let mut count = known.unwrap_or_else(|| Run::begin(now));
    count.after = Some(id);
    let Some(mut lead) = book.resolve(id).cloned() else {
        return Reaction { effects: vec![count.effect(run)], ..Reaction::default() };
    };
    let before = lead.clone();
    let mut case = Case::new(book, policy, moment, &mut lead);
    case.run = Some(run.to_owned());
    if count.tally.all() == 0 {
        case.alarm(alarm_key(link), "LL4892", String::new(), false);
    }
    match plan(&case, link) {
        Plan::Left(fate, why) => count.tally.count(fate, &why),
        Plan::Link(remote) => {
            count.tally.count(Fate::Link, "");
            adopt(&mut case, &remote);
        }
        Plan::Make(operation) => {
            count.tally.count(Fate::Make, "");
            case.say(Reason::new("fill_ordered").with("crm", link).with("run", run));
            let mut delivery = case.delivery(link, Purpose::Fill, operation);
            delivery.lane = Lane::Backfill;
            let filling = Filling { run: run.to_owned(), lead: case.lead.id };
            case.dealings().filling.insert(link.clone(), filling);
            case.push(Effect::Enqueue(Box::new(delivery)));
        }
    }
    case.push(count.effect(run));
    case.finish(&before)
}

/// A record that was there becomes the lead's. Nothing is written to it; what it says now is no news.
fn adopt(case: &mut Case<'_>, remote: &RemoteRef) {
    case.say(Reason::new("fill_linked").with("record", feedback::crm_id(remote)));
    let mut link = told::link(case, None, remote, &leadloop_mapping::Record::new());
    if let (Some(crm), Some(row)) = (case.policy.crms.get(&remote.link), case.book.mirror.get(remote)) {
        for (_, field, _) in feedback::told(crm, row) {
            let value = row.fields.get(&field).cloned().unwrap_or_default();
            link.agreed.0.insert(field, value);
        }
    }
    case.push(Effect::LinkRemote(Box::new(link)));
}

/// The person has this record: the lead's, unless it is another's.
pub(crate) fn met_there(case: &mut Case<'_>, delivery: &Delivery, remote: &RemoteRef) {
    if case.lead.remotes.contains(remote) {
        case.say(Reason::new("fill_met").with("record", feedback::crm_id(remote)));
    } else if case.book.links.get(remote).is_none_or(|link| link.lead == case.lead.id) {
        adopt(case, remote);
    }
    ended(case, delivery, |run| run.met += 1);
}

/// The alarm that tells of refused records; it ends when the next run begins.
pub(crate) fn alarm_key(link: &LinkName) -> String {
    format!("fill/{link}")
}

/// A record came through, or did not.
pub(crate) fn ended(case: &mut Case<'_>, delivery: &Delivery, count: impl FnOnce(&mut Run)) {
    let filling = &mut case.dealings().filling;
    if filling.get(&delivery.link).is_some_and(|filling| Some(filling.lead) == delivery.lead) {
        filling.remove(&delivery.link);
    }
    if let Some(effect) = counted(case.book, delivery, case.now(), count) {
        case.push(effect);
    }
}

/// The run with what a delivery of it came to.
pub(crate) fn counted(
    book: &Book,
    delivery: &Delivery,
    now: Timestamp,
    count: impl FnOnce(&mut Run),
) -> Option<Effect> {
    let name = delivery.run.as_deref()?;
    let mut run = Run::read(book.counters.get(&Run::key(name)))?;
    run.at = now;
    count(&mut run);
    Some(run.effect(name))
}
