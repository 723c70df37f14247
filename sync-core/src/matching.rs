//! Stage 5, transfer: is this person, is this company already with sales?
//!
//! Answers from the mirror and from the hand-overs in flight, never from the CRM itself; how old the mirror is, is told
//! along ([`Matches::mirror_age`]). Which rows are the person's is found by [`person`], which are the company's by
//! [`company`]; where several fit, the same tie-breakers hold everywhere: a record whose owner works there comes first,
//! then one with an open opportunity, then the surer match, then the later activity, then the smaller id.
//! What follows from a match is for [`crate::transfer`].

mod company;
mod facts;
mod names;
mod person;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::book::{Book, Needs};
use crate::capture::Identifier;
use crate::handoff::Handoff;
use crate::identity;
use crate::ids::{LeadId, LinkName, PersonKey};
use crate::lead::{Lead, RemoteRef, Stage};
use crate::mirror::{MirrorRow, OwnerState};
use crate::mirror_read::{self, ACCOUNT, OPPORTUNITY, PEOPLE, USER};
use crate::policy::Policy;
use crate::time::{Micros, Timestamp};

pub use company::{Account, accounts, unsure, with_similar};
pub use facts::{crm_schema, from_json, to_json};
pub use names::{company_key, company_keys, similar_company_keys};
pub use rows::follower;
pub(crate) use rows::on_leave;

/// Who follows a record in sales.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follower {
    /// Whether they work there.
    pub state: OwnerState,
    /// Who they are in our table of people.
    pub person: Option<PersonKey>,
    /// Their user id in the CRM.
    pub crm_user: Option<String>,
}

impl Default for Follower {
    fn default() -> Self {
        Self { state: OwnerState::None, person: None, crm_user: None }
    }
}

impl Follower {
    /// Whether somebody is there: works, or will be back from leave.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        matches!(self.state, OwnerState::Active | OwnerState::OnLeave)
    }

    /// Smaller is better: active, on leave, left, nobody.
    const fn rank(&self) -> u8 {
        match self.state {
            OwnerState::Active => 0,
            OwnerState::OnLeave => 1,
            OwnerState::Left => 2,
            OwnerState::None => 3,
        }
    }
}

/// A person or a company as sales know it.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Match {
    /// Whether it is there for sure.
    pub found: bool,
    /// Whether something only similar is there (companies).
    pub maybe: bool,
    /// Why it counts as found, or as similar: stable codes.
    pub by: BTreeSet<String>,
    /// The record it is; of several the one the tie-breakers name.
    pub remote: Option<RemoteRef>,
    /// Its name there.
    pub name: Option<String>,
    /// Who follows it.
    pub owner: Follower,
    /// Whole days since sales last did something about it.
    pub idle_days: Option<i64>,
    /// Whether an opportunity about it stands open.
    pub open_opportunity: bool,
    /// Whether an opportunity about it was won.
    pub customer: bool,
    /// Its status as the CRM has it.
    pub status: Option<String>,
    /// What that status means to us.
    pub stage: Option<Stage>,
    /// How many records fit.
    pub records: u32,
    /// Records that are only similar (companies), the likeliest first: for a person to judge.
    pub similar: Vec<Similar>,
}

/// A record that may be the lead's company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Similar {
    /// What the lead names, or `@` and its mail domain.
    pub ours: String,
    /// The record.
    pub remote: RemoteRef,
    /// Its name there.
    pub name: String,
    /// Why it is in doubt: a stable code.
    pub by: String,
}

/// Hand-overs under way to other people of the same company.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct InFlight {
    /// How many.
    pub count: u32,
    /// Who got the latest one that has an owner who works there.
    pub owner: Follower,
}

/// Everything the mirror and the hand-overs in flight know about a lead.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Matches {
    /// The person.
    pub person: Match,
    /// The company.
    pub company: Match,
    /// Hand-overs in flight of the same company.
    pub in_flight: InFlight,
    /// Age of the mirror in seconds by object; objects never mirrored are missing.
    pub mirror_age: BTreeMap<String, i64>,
}

/// What is asked: about whom, and from what is known.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What the batch knows.
    pub book: &'a Book,
    /// The rules.
    pub policy: &'a Policy,
    /// In which CRM.
    pub link: &'a LinkName,
    /// The lead.
    pub lead: &'a Lead,
    /// Its hand-over, where one runs: it is not in flight to itself, and a record it ran into is the person's.
    pub handoff: Option<&'a Handoff>,
    /// Rows the CRM gave just now: they win over the book's.
    pub read: &'a [MirrorRow],
    /// The time it is.
    pub now: Timestamp,
}

/// The company keys of somebody whose company is known by its mail domain only.
#[must_use]
pub fn domain_keys(identifiers: &BTreeSet<Identifier>, policy: &Policy) -> BTreeSet<String> {
    names::domains(identifiers, &policy.companies).iter().map(|domain| names::domain_key(domain)).collect()
}

/// Finds the person and the company.
#[must_use]
pub fn find(question: &Question<'_>) -> Matches {
    let person = person::find(question);
    let ours = company::Ours::of(question);
    let in_flight = company::in_flight(question, &ours);
    let company = company::find(question, &ours, &person, &in_flight);
    Matches { person: person.found, company, in_flight, mirror_age: mirror_age(question) }
}

/// Age of the mirror in seconds, by object.
fn mirror_age(question: &Question<'_>) -> BTreeMap<String, i64> {
    let Some(crm) = question.policy.crms.get(question.link) else { return BTreeMap::new() };
    crm.mirrored
        .iter()
        .filter_map(|object| {
            let at = question.book.fresh.get(&(question.link.clone(), object.clone()))?;
            Some((object.clone(), (question.now - *at).as_secs().max(0)))
        })
        .collect()
}

/// Whether the mirror is as fresh as the policy demands for a decision: people, companies, opportunities and users,
/// as far as they are mirrored at all.
#[must_use]
pub fn is_fresh(book: &Book, policy: &Policy, link: &LinkName, now: Timestamp) -> bool {
    let Some(crm) = policy.crms.get(link) else { return true };
    crm.mirrored.iter().filter(|object| decides(object)).all(|object| {
        book.fresh
            .get(&(link.clone(), object.clone()))
            .is_some_and(|at| (now - *at) <= crm.decide_within.max(Micros(0)))
    })
}

/// Whether decisions look at this object.
fn decides(object: &str) -> bool {
    PEOPLE.contains(&object) || matches!(object, ACCOUNT | OPPORTUNITY | USER)
}

/// About whom something is asked before it is known whether they are a lead already.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Subject {
    /// The lead, where there is one.
    pub lead: Option<LeadId>,
    /// Identifiers, known and new ones.
    pub identifiers: BTreeSet<Identifier>,
    /// Names of the company, known and new ones.
    pub companies: BTreeSet<String>,
    /// Unified social credit codes.
    pub credit_codes: BTreeSet<String>,
}

impl Subject {
    /// A lead as it stands.
    #[must_use]
    pub fn of(lead: &Lead) -> Self {
        Self {
            lead: Some(lead.id),
            identifiers: lead.identifiers.clone(),
            companies: lead.text("company").map(str::to_owned).into_iter().collect(),
            credit_codes: lead.text("company.credit_code").map(str::to_owned).into_iter().collect(),
        }
    }
}

/// What must be loaded before a hand-over of these subjects can be decided: mirror rows under their keys, hand-overs in
/// flight of their companies, users, freshness, load and the counters of routing. Nothing where no CRM is configured.
#[must_use]
pub fn needs(subjects: &[Subject], policy: &Policy) -> Needs {
    let mut needs = Needs::default();
    let Some(link) = policy.handoff.link.as_ref().filter(|_| !subjects.is_empty()) else { return needs };
    for subject in subjects {
        for identifier in &subject.identifiers {
            let kind = identifier.kind.0.as_str();
            if matches!(kind, "phone" | "email") {
                let values = identity::phone_keys(&identifier.value);
                needs.keys.extend(values.map(|value| mirror_read::key(link, kind, value)));
            }
        }
        company::needs(&mut needs, subject, policy, link);
        if let Some(lead) = subject.lead {
            needs.touches_of.insert(lead);
            needs.counters.insert(crate::routing::dealings_key(lead));
        }
    }
    needs.counters.extend(crate::routing::counters(policy, link));
    needs.counters.extend(policy.crms.keys().flat_map(|crm| crate::fuse::counters(policy, crm)));
    if policy.desk.is_some() {
        needs.counters.insert(crate::desk::TURN.to_owned());
    }
    needs.users_of.insert(link.clone());
    needs.fresh.insert(link.clone());
    needs.load_of.insert(link.clone());
    needs
}
