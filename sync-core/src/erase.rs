//! Forgetting a person: what stays of their leads and hand-overs, and what other systems are told.
//!
//! A skeleton stays, so that the numbers of the past stay true: where it came from, how far it got, who had it, what was
//! won. Nothing that says who it was. What else is held (touches, captures, decisions, deliveries …) the store takes away
//! in the same transaction; that the person is not taken in again is its business too.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::apply::Purpose as Writing;
use leadloop_mapping::{Record, Value};

use crate::because::Reason;
use crate::book::Book;
use crate::effect::{Effect, Reaction};
use crate::facts;
use crate::handoff::HandoffState;
use crate::ids::{LeadId, LinkName};
use crate::inform;
use crate::lead::{Bonds, Lead, Marks, RemoteRef, Stage};
use crate::mirror_read::roles_in;
use crate::moment::Moment;
use crate::outbox::{Delivery, DeliveryState, Lane, Operation, Purpose};
use crate::policy::{CrmPolicy, Policy};

/// What stands in a name that must not be empty.
pub const ERASED: &str = "[erased]";
/// Objects of a CRM that are persons; accounts and opportunities are not.
const PERSONS: [&str; 2] = ["lead", "contact"];
/// Fields of a person that say where, not who.
const PLACES: [&str; 3] = ["country", "province", "city"];

/// The records of a person in other systems that are the person.
#[must_use]
pub fn records(book: &Book, members: &BTreeSet<LeadId>) -> BTreeSet<RemoteRef> {
    let of_leads = book.leads.values().filter(|lead| members.contains(&lead.id));
    let of_handoffs = book.handoffs.values().filter(|handoff| members.contains(&handoff.lead));
    of_leads
        .flat_map(|lead| lead.remotes.iter())
        .chain(of_handoffs.filter_map(|handoff| handoff.remote.as_ref()))
        .filter(|remote| PERSONS.contains(&remote.object.as_str()))
        .cloned()
        .collect()
}

/// Forgets a person: all leads that stand for them and their hand-overs become skeletons, open ones are closed, CRM and
/// MA are told. `None`: there is no such person.
#[must_use]
pub fn erase(book: &Book, id: LeadId, policy: &Policy, moment: &mut Moment) -> Option<Reaction> {
    let person = book.resolve(id)?.id;
    let members = members(book, person);
    let mut reaction = Reaction::default();
    reaction.because.lead = Some(person);
    reaction.because.push(Reason::new("erased"));
    for remote in records(book, &members) {
        if let Some(crm) = policy.crms.get(&remote.link) {
            let operation = Operation::Update { record: blanks(crm, &remote.object), remote: remote.clone() };
            reaction.effects.push(say(person, &remote.link, operation, moment));
        }
    }
    let leads: Vec<&Lead> = members.iter().filter_map(|id| book.leads.get(id)).collect();
    for ma in policy.mas.values() {
        let known = leads.iter().flat_map(|lead| inform::ids(lead, &ma.link)).collect::<BTreeSet<_>>();
        for id in known {
            let purposes = facts::PURPOSES.iter().filter(|purpose| **purpose != "transfer");
            let record: Record =
                purposes.map(|purpose| (format!("may_{purpose}"), Value::Bool(false))).collect();
            reaction.effects.push(say(person, &ma.link, Operation::Tell { id, record }, moment));
        }
    }
    for handoff in book.handoffs.values().filter(|handoff| members.contains(&handoff.lead)) {
        let mut left = handoff.clone();
        left.by = None;
        left.version += 1;
        if left.state.is_open() {
            left.state = HandoffState::Superseded;
            left.state_since = moment.now;
        }
        (left.agreed, left.remark, left.company_key) = (Record::new(), None, None);
        (left.remote, left.action, left.decision, left.due) = (None, None, None, None);
        left.parked = None;
        reaction.effects.push(Effect::PutHandoff(Box::new(left)));
    }
    for lead in leads {
        let gone = lead.identifiers.iter().cloned().map(Effect::Unbind);
        reaction.effects.extend(gone);
        reaction.effects.push(Effect::PutLead(Box::new(skeleton(lead, moment))));
    }
    Some(reaction)
}

/// The leads that stand for a person.
#[must_use]
pub fn members(book: &Book, person: LeadId) -> BTreeSet<LeadId> {
    let own = |id: &&LeadId| book.resolve(**id).is_some_and(|lead| lead.id == person);
    book.leads.keys().filter(own).copied().collect()
}

fn skeleton(lead: &Lead, moment: &Moment) -> Lead {
    Lead {
        version: lead.version + 1,
        stage: Stage::Closed,
        stage_since: moment.now,
        profile: BTreeMap::new(),
        identifiers: BTreeSet::new(),
        consent: BTreeMap::new(),
        scores: BTreeMap::new(),
        tags: BTreeSet::new(),
        remotes: BTreeSet::new(),
        mql: false,
        track: None,
        rest_until: None,
        // What it was by itself, and what identified it once.
        bonds: Bonds::default(),
        marks: Marks::default(),
        ..lead.clone()
    }
}

/// What is written into a CRM record of a person who is to be forgotten: what we write there, emptied.
fn blanks(crm: &CrmPolicy, object: &str) -> Record {
    let personal = facts::LEAD_TEXTS.iter().filter(|field| !PLACES.contains(*field));
    let pool: Record = personal.map(|field| ((*field).to_owned(), Value::Null)).collect();
    let mut record = match crm.mapping.get(object) {
        Some(mapping) => mapping.outward(&pool, Writing::Update).record,
        None => Record::new(),
    };
    record.0.retain(|_, value| value.is_blank());
    let roles = roles_in(crm, object);
    for field in roles.phones.iter().chain(&roles.emails).chain(roles.remark.as_ref()) {
        record.set(field.as_str(), Value::Null);
    }
    if let Some(name) = &roles.name {
        record.set(name.as_str(), ERASED);
    }
    record
}

fn say(lead: LeadId, link: &LinkName, operation: Operation, moment: &mut Moment) -> Effect {
    Effect::Enqueue(Box::new(Delivery {
        id: moment.id(),
        seq: 0,
        link: link.clone(),
        stream: inform::stream(lead, link),
        lane: Lane::Hot,
        purpose: Purpose::Inform,
        operation,
        lead: Some(lead),
        handoff: None,
        state: DeliveryState::Due,
        due_at: moment.now,
        attempt: 0,
        probe: None,
        created_at: moment.now,
        joined: None,
        standing: None,
        run: None,
    }))
}
