//! Is this company with sales already: as an account, through a colleague, or in a hand-over under way?

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::names;
use super::person;
use super::rows::{follower, last_activity};
use super::{Follower, InFlight, Match, Question};
use crate::handoff::Handoff;
use crate::lead::RemoteRef;
use crate::mirror::MirrorRow;
use crate::mirror_read::{self, ACCOUNT, PEOPLE};
use crate::normal::company;
use crate::normal::matching::{self as normal, CompanyMatch, Strength};
use crate::time::Timestamp;

/// Why a row counts as this company's, the surer first. Any other reason is a name that is only similar.
const SURE: [&str; 6] =
    ["credit_code", "account_of_person", "exact_name", "same_core_and_region", "same_core", "domain"];

/// The rows that may be this company, each with why.
type Candidates<'a> = BTreeMap<&'a RemoteRef, (&'a MirrorRow, BTreeSet<&'static str>)>;

/// Open hand-overs to other people of the same company.
fn running<'a>(question: &Question<'a>) -> Vec<&'a Handoff> {
    let mine = own_keys(question);
    question
        .book
        .handoffs
        .values()
        .filter(|handoff| {
            handoff.state.is_open()
                && handoff.link == *question.link
                && handoff.lead != question.lead.id
                && handoff.company_key.as_ref().is_some_and(|key| mine.contains(key))
        })
        .collect()
}

/// The keys under which hand-overs in flight of this company stand.
fn own_keys(question: &Question<'_>) -> BTreeSet<String> {
    let domains = names::domains(&question.lead.identifiers).into_iter().map(|d| names::domain_key(&d));
    question.lead.text("company").and_then(names::company_key).into_iter().chain(domains).collect()
}

/// Counts hand-overs in flight of the same company.
pub(super) fn in_flight(question: &Question<'_>) -> InFlight {
    let running = running(question);
    let owner = running
        .iter()
        .filter_map(|handoff| {
            let user = handoff.owner.as_ref()?.crm_user.as_str();
            let found = follower(question.book, question.policy, question.link, Some(user), question.now);
            found.is_there().then_some((found, handoff.opened_at, handoff.id))
        })
        .min_by_key(|(found, at, id)| (found.rank(), Reverse(*at), *id))
        .map(|(found, ..)| found);
    InFlight { count: u32::try_from(running.len()).unwrap_or(u32::MAX), owner: owner.unwrap_or_default() }
}

/// Finds the company.
pub(super) fn find(question: &Question<'_>, person: &person::Found<'_>, in_flight: &InFlight) -> Match {
    let (accounts, others) = by_name(question);
    let candidates = candidates(question, &person.rows, accounts);
    let sure = |by: &BTreeSet<&'static str>| by.iter().any(|code| SURE.contains(code));
    let strong: Vec<&MirrorRow> =
        candidates.values().filter(|(_, by)| sure(by)).map(|(row, _)| *row).collect();
    let similar = candidates.values().any(|(_, by)| !sure(by));
    let colleagues = colleagues(&others, &person.rows);
    let found = !strong.is_empty() || !colleagues.is_empty() || in_flight.count > 0;
    let mut by: BTreeSet<String> = candidates
        .values()
        .filter(|(_, by)| sure(by) == found)
        .flat_map(|(_, by)| by.iter().map(|code| (*code).to_owned()))
        .collect();
    if !colleagues.is_empty() {
        by.insert("colleague".to_owned());
    }
    if in_flight.count > 0 {
        by.insert("in_flight".to_owned());
    }
    let deals: Vec<&MirrorRow> = strong.iter().flat_map(|row| question.deals(&row.remote)).collect();
    let best = candidates
        .values()
        .filter(|(_, by)| sure(by) || !found)
        .min_by_key(|(row, by)| rank(question, row, by, &deals))
        .map(|(row, _)| *row);
    let owner = if found { owner(question, best, &colleagues, in_flight) } else { Follower::default() };
    let latest = strong.iter().chain(&colleagues).chain(&deals).max_by_key(|row| last_activity(row));
    Match {
        found,
        maybe: !found && similar,
        by,
        remote: best.map(|row| row.remote.clone()),
        name: best.and_then(|row| row.facts.name.clone()),
        owner,
        // Known only from a hand-over under way: something is being done about it now.
        idle_days: latest.map(|row| question.idle_days(row)).or(found.then_some(0)),
        open_opportunity: deals.iter().any(|deal| deal.facts.open),
        customer: deals.iter().any(|deal| deal.facts.won == Some(true)),
        status: best.and_then(|row| row.facts.status.clone()),
        stage: None,
        records: u32::try_from(candidates.len() + colleagues.len()).unwrap_or(u32::MAX),
    }
}

/// The accounts that may be this company.
fn candidates<'a>(
    question: &Question<'a>,
    people: &[&'a MirrorRow],
    named: Vec<Named<'a>>,
) -> Candidates<'a> {
    let mut found = Candidates::new();
    let mut add = |row: &'a MirrorRow, code: &'static str| {
        if row.remote.object == ACCOUNT && !row.deleted {
            found.entry(&row.remote).or_insert_with(|| (row, BTreeSet::new())).1.insert(code);
        }
    };
    for id in people.iter().filter_map(|row| row.facts.account.as_ref()) {
        let remote = RemoteRef { link: question.link.clone(), object: ACCOUNT.to_owned(), id: id.clone() };
        if let Some(row) = question.row(&remote) {
            add(row, "account_of_person");
        }
    }
    if let Some(code) = question.lead.text("company.credit_code") {
        for row in question.rows(&mirror_read::key(question.link, "credit_code", code)) {
            add(row, "credit_code");
        }
    }
    for domain in names::domains(&question.lead.identifiers) {
        for row in question.rows(&mirror_read::key(question.link, "domain", &domain)) {
            add(row, "domain");
        }
    }
    for (row, matched) in named {
        add(row, matched.reason.code());
    }
    found
}

/// A row whose name may be this company's, and how far that carries.
type Named<'a> = (&'a MirrorRow, CompanyMatch);

/// Accounts and people under the keys of the company's name, each compared once.
fn by_name<'a>(question: &Question<'a>) -> (Vec<Named<'a>>, Vec<Named<'a>>) {
    let Some(ours) = question.lead.text("company").and_then(|name| company::parse(name).ok()) else {
        return (Vec::new(), Vec::new());
    };
    let keys = normal::lookup_keys(&ours).into_iter().chain(normal::similar_keys(&ours));
    let rows: BTreeMap<&RemoteRef, &MirrorRow> = keys
        .flat_map(|value| question.rows(&mirror_read::key(question.link, "company", &value)))
        .map(|row| (&row.remote, row))
        .collect();
    let named = rows.into_values().filter_map(|row| {
        let theirs = if row.remote.object == ACCOUNT { &row.facts.name } else { &row.facts.company };
        let theirs = company::parse(theirs.as_deref()?).ok()?;
        Some((row, normal::match_names(&ours, &theirs)?))
    });
    named.partition(|(row, _)| row.remote.object == ACCOUNT)
}

/// Other people whose record names the same company.
fn colleagues<'a>(named: &[Named<'a>], people: &[&'a MirrorRow]) -> Vec<&'a MirrorRow> {
    named
        .iter()
        .filter(|(row, matched)| {
            matched.strength == Strength::Strong
                && PEOPLE.contains(&row.remote.object.as_str())
                && !people.iter().any(|own| own.remote == row.remote)
        })
        .map(|(row, _)| *row)
        .collect()
}

/// Smaller is better.
type Rank = (bool, u8, bool, usize, Reverse<Timestamp>, RemoteRef);

fn rank(question: &Question<'_>, row: &MirrorRow, by: &BTreeSet<&'static str>, deals: &[&MirrorRow]) -> Rank {
    let open_deal =
        deals.iter().any(|deal| deal.facts.open && deal.facts.account.as_ref() == Some(&row.remote.id));
    let sureness = SURE.iter().position(|code| by.contains(code)).unwrap_or(SURE.len());
    (
        !by.contains("credit_code"),
        question.follower_of(row).rank(),
        !open_deal,
        sureness,
        Reverse(last_activity(row)),
        row.remote.clone(),
    )
}

/// The account's owner; where nobody is there, who got a hand-over of the company, then who follows a colleague.
fn owner(
    question: &Question<'_>,
    account: Option<&MirrorRow>,
    colleagues: &[&MirrorRow],
    in_flight: &InFlight,
) -> Follower {
    let of_account = account.map(|row| question.follower_of(row)).unwrap_or_default();
    if of_account.is_there() {
        return of_account;
    }
    if in_flight.owner.is_there() {
        return in_flight.owner.clone();
    }
    let of_colleague = colleagues
        .iter()
        .map(|row| (question.follower_of(row), row))
        .filter(|(follower, _)| follower.is_there())
        .min_by_key(|(follower, row)| (follower.rank(), Reverse(last_activity(row)), row.remote.clone()));
    of_colleague.map_or(of_account, |(follower, _)| follower)
}
