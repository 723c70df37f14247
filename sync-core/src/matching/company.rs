//! Is this company with sales already: as an account, through a colleague, or in a hand-over under way?
//!
//! What people said of companies comes first ([`crate::companies`]), then what [`crate::normal::evidence`] makes of code,
//! name and domains.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::names;
use super::person;
use super::rows::{follower, last_activity};
use super::{Follower, InFlight, Match, Question, Similar, Subject};
use crate::book::{Book, Needs};
use crate::companies::{self, Companies, Judged, Relation};
use crate::handoff::Handoff;
use crate::ids::LinkName;
use crate::lead::RemoteRef;
use crate::mirror::{MirrorKey, MirrorRow};
use crate::mirror_read::{self, ACCOUNT, PEOPLE};
use crate::normal::company::{self, CompanyName};
use crate::normal::evidence::{CompanyEvidence, match_companies};
use crate::normal::matching::{self as normal, Strength};
use crate::policy::Policy;
use crate::time::Timestamp;

/// Why a row counts as this company's, the surer first. Any other reason leaves it in doubt.
const SURE: [&str; 8] = [
    "exact_code",
    "judged_same",
    "company_table",
    "account_of_person",
    "exact_name",
    "same_core_and_region",
    "same_core",
    "name_and_domain",
];
/// Reasons that leave no doubt for a person: it is known how the two stand to each other.
const KNOWN_OTHERS: [&str; 2] = ["parent_company", "subsidiary"];
/// Most similar records that are put before a person.
const MOST_SIMILAR: usize = 5;

/// Why a row may be this company's, and how likely: 0 to 1000.
type Why = (&'static str, u16);

/// The rows that may be this company, each with why.
type Candidates<'a> = BTreeMap<&'a RemoteRef, (&'a MirrorRow, BTreeMap<&'static str, u16>)>;

/// All that is known of the lead's company.
pub(super) struct Ours {
    /// The name that the lead gives.
    name: Option<CompanyName>,
    code: Option<String>,
    domains: Vec<String>,
    /// Its row in the admin's table.
    row: Option<usize>,
    /// What it is judged under.
    key: Option<String>,
}

impl Ours {
    pub(super) fn of(question: &Question<'_>) -> Self {
        let table = &question.policy.companies;
        let name = question.lead.text("company").and_then(|name| company::parse(name).ok());
        let code = question.lead.text("company.credit_code").map(str::to_owned);
        let domains: Vec<String> = names::domains(&question.lead.identifiers, table).into_iter().collect();
        let row = table.row_of(code.as_deref(), name.as_ref(), &domains);
        let key = match &name {
            Some(name) => Some(companies::key_of(name)),
            None => domains.first().map(|domain| names::domain_key(domain)),
        };
        Self { name, code, domains, row, key }
    }

    /// What it is called where a person judges it.
    fn shown(&self) -> Option<String> {
        let domain = || self.domains.first().map(|domain| names::domain_key(domain));
        self.name.as_ref().map(|name| name.display.clone()).or_else(domain)
    }
}

/// What a row of the mirror says of its company.
struct Theirs<'a> {
    name: Option<Cow<'a, CompanyName>>,
    code: Option<&'a str>,
    domains: Vec<String>,
}

impl<'a> Theirs<'a> {
    /// What the row says, beside the name it is compared with.
    fn of(row: &'a MirrorRow, ours: Option<&'a CompanyName>) -> Self {
        let account = row.remote.object == ACCOUNT;
        let name = if account { &row.facts.name } else { &row.facts.company };
        Self {
            name: name.as_deref().and_then(|name| parsed(name, ours)),
            code: row.facts.credit_code.as_deref().filter(|_| account),
            domains: row.facts.domain.iter().filter(|_| account).cloned().collect(),
        }
    }
}

/// A name, taken apart. One that is written as ours is says what ours says.
fn parsed<'a>(name: &str, ours: Option<&'a CompanyName>) -> Option<Cow<'a, CompanyName>> {
    match ours.filter(|ours| ours.display == name) {
        Some(ours) => Some(Cow::Borrowed(ours)),
        None => company::parse(name).ok().map(Cow::Owned),
    }
}

/// Whether a row is the lead's company, and why: what somebody said of the two names, then the table, then the evidence.
fn compare(ours: &Ours, theirs: &Theirs<'_>, table: &Companies, judged: &Judged) -> Option<Why> {
    let key = || theirs.name.as_deref().map(companies::key_of);
    let said = || companies::said(judged, ours.key.as_ref()?, &key()?);
    if let Some(same) = (!judged.is_empty()).then(said).flatten() {
        return same.then_some(("judged_same", 1000));
    }
    let row = table.row_of(theirs.code, theirs.name.as_deref(), &theirs.domains);
    match ours.row.zip(row).map(|(ours, theirs)| table.relation(ours, theirs)) {
        Some(Relation::Same) => return Some(("company_table", 995)),
        Some(Relation::Parent) => return Some(("parent_company", 300)),
        Some(Relation::Subsidiary) => return Some(("subsidiary", 290)),
        Some(Relation::Other) => return None,
        None => {}
    }
    let domains_of = |row: Option<usize>, own: &[String]| -> Vec<String> {
        let listed = row.and_then(|row| table.get(row)).map(|row| row.domains.as_slice()).unwrap_or_default();
        own.iter().chain(listed).filter(|domain| !table.is_free_mail(domain)).cloned().collect()
    };
    let code_of = |row: Option<usize>| row.and_then(|row| table.get(row)?.credit_code.as_deref());
    let (left, right) = (domains_of(ours.row, &ours.domains), domains_of(row, &theirs.domains));
    let found = match_companies(
        &CompanyEvidence {
            name: ours.name.as_ref(),
            credit_code: ours.code.as_deref().or_else(|| code_of(ours.row)),
            domains: &left,
        },
        &CompanyEvidence {
            name: theirs.name.as_deref(),
            credit_code: theirs.code.or_else(|| code_of(row)),
            domains: &right,
        },
    )?;
    Some((found.reason.code(), found.score))
}

/// What must be loaded to find a subject's company: rows under its names, code and domains and those that the table adds,
/// hand-overs under way, and what somebody said of it.
pub(super) fn needs(needs: &mut Needs, subject: &Subject, policy: &Policy, link: &LinkName) {
    let table = &policy.companies;
    let domains: Vec<String> = names::domains(&subject.identifiers, table).into_iter().collect();
    let parsed: Vec<CompanyName> =
        subject.companies.iter().filter_map(|name| company::parse(name).ok()).collect();
    let mut rows = table.by_domains(&domains);
    rows.extend(parsed.iter().filter_map(|name| table.by_name(name)));
    rows.extend(subject.credit_codes.iter().filter_map(|code| table.row_of(Some(code), None, &[])));
    let own = |row: &usize| table.get(*row);
    let near: BTreeSet<usize> =
        rows.iter().flat_map(|row| table.above(*row).into_iter().chain(table.below(*row))).collect();
    for domain in domains.iter().chain(rows.iter().filter_map(own).flat_map(|row| &row.domains)) {
        needs.companies.insert(names::domain_key(domain));
        needs.judged.insert(names::domain_key(domain));
        needs.keys.insert(mirror_read::key(link, "domain", domain));
    }
    let listed = rows.iter().filter_map(own).filter_map(|row| row.credit_code.as_ref());
    for code in subject.credit_codes.iter().chain(listed) {
        needs.keys.insert(mirror_read::key(link, "credit_code", code));
    }
    // With a code or a row in the table a name that is the same may still be another company: nothing is put off then.
    let name_decides = rows.is_empty() && subject.credit_codes.is_empty();
    for name in &parsed {
        if name_decides {
            needs.similar.insert((link.clone(), name.display.clone()), name.clone());
        } else {
            needs.keys.extend(slip_keys(link, name));
        }
    }
    for name in parsed.iter().chain(rows.iter().flat_map(|row| table.names_of(*row))) {
        needs.judged.insert(companies::key_of(name));
        needs.companies.insert(normal::first_key(name));
    }
    let near = near.iter().flat_map(|row| table.names_of(*row));
    for name in parsed.iter().chain(rows.iter().flat_map(|row| table.names_of(*row))).chain(near) {
        let keys = normal::lookup_keys(name);
        needs.keys.extend(keys.iter().map(|value| mirror_read::key(link, "company", value)));
    }
}

/// The keys under which accounts stand whose names differ by a slip of the hand.
fn slip_keys(link: &LinkName, name: &CompanyName) -> impl Iterator<Item = MirrorKey> {
    normal::similar_keys(name).into_iter().map(move |value| mirror_read::key(link, "company", &value))
}

/// The keys of names that differ by a slip of the hand, for those companies of which no account that the book knows has
/// the name for sure: the others are found by their name, and nothing further is looked up for them.
#[must_use]
pub fn unsure(book: &Book, needs: &Needs) -> BTreeSet<MirrorKey> {
    let known = |link: &LinkName, name: &CompanyName| {
        normal::lookup_keys(name).iter().any(|value| {
            let rows = book.keys.get(&mirror_read::key(link, "company", value)).into_iter().flatten();
            rows.filter_map(|remote| book.mirror.get(remote))
                .filter(|row| row.remote.object == ACCOUNT && !row.deleted)
                .filter_map(|row| parsed(row.facts.name.as_deref()?, Some(name)))
                .filter(|theirs| {
                    normal::match_names(name, theirs).is_some_and(|by| by.strength == Strength::Strong)
                })
                .any(|theirs| {
                    let said = || {
                        companies::said(&book.judged, &companies::key_of(name), &companies::key_of(&theirs))
                    };
                    book.judged.is_empty() || said().is_none()
                })
        })
    };
    let unsure = needs.similar.iter().filter(|((link, _), name)| !known(link, name));
    unsure.flat_map(|((link, _), name)| slip_keys(link, name)).collect()
}

/// The same needs with nothing put off until it is known who is unsure: where rows that are read meanwhile may say
/// otherwise, and where everything similar is shown.
#[must_use]
pub fn with_similar(mut needs: Needs) -> Needs {
    for ((link, _), name) in std::mem::take(&mut needs.similar) {
        needs.keys.extend(slip_keys(&link, &name));
    }
    needs
}

/// Open hand-overs to other people of the same company.
fn running<'a>(question: &Question<'a>, ours: &Ours) -> Vec<&'a Handoff> {
    let mine = own_keys(question, ours);
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
fn own_keys(question: &Question<'_>, ours: &Ours) -> BTreeSet<String> {
    let table = &question.policy.companies;
    let listed = ours.row.into_iter().flat_map(|row| table.names_of(row));
    let named = ours.name.iter().chain(listed).map(normal::first_key);
    let said = ours.key.iter().flat_map(|key| companies::same_as(&question.book.judged, key));
    let said = said.filter_map(companies::running_under);
    let domains = ours.domains.iter().map(|domain| names::domain_key(domain));
    named.chain(said).chain(domains).collect()
}

/// Counts hand-overs in flight of the same company.
pub(super) fn in_flight(question: &Question<'_>, ours: &Ours) -> InFlight {
    let running = running(question, ours);
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
pub(super) fn find(
    question: &Question<'_>,
    ours: &Ours,
    person: &person::Found<'_>,
    in_flight: &InFlight,
) -> Match {
    let (candidates, colleagues) = candidates(question, ours, &person.rows);
    let sure = |by: &BTreeMap<&'static str, u16>| by.keys().any(|code| SURE.contains(code));
    let strong: Vec<&MirrorRow> =
        candidates.values().filter(|(_, by)| sure(by)).map(|(row, _)| *row).collect();
    let found = !strong.is_empty() || !colleagues.is_empty() || in_flight.count > 0;
    let mut by: BTreeSet<String> = candidates
        .values()
        .filter(|(_, by)| sure(by) == found)
        .flat_map(|(_, by)| by.keys().map(|code| (*code).to_owned()))
        .collect();
    if !colleagues.is_empty() {
        by.insert("colleague".to_owned());
    }
    if in_flight.count > 0 {
        by.insert("in_flight".to_owned());
    }
    let deals: Vec<&MirrorRow> = strong.iter().flat_map(|row| question.deals(&row.remote)).collect();
    let mut ranked: Vec<_> = candidates.values().filter(|(_, by)| sure(by) || !found).collect();
    ranked.sort_by_cached_key(|(row, by)| rank(question, row, by, &deals));
    let best = ranked.first().map(|(row, _)| *row);
    let owner = if found { owner(question, best, &colleagues, in_flight) } else { Follower::default() };
    let latest = strong.iter().chain(&colleagues).chain(&deals).max_by_key(|row| last_activity(row));
    Match {
        found,
        maybe: !found && !ranked.is_empty(),
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
        similar: if found { Vec::new() } else { similar(ours, &ranked) },
    }
}

/// What is put before a person: each name once.
fn similar(ours: &Ours, ranked: &[&(&MirrorRow, BTreeMap<&'static str, u16>)]) -> Vec<Similar> {
    let Some(shown) = ours.shown() else { return Vec::new() };
    let mut seen = BTreeSet::new();
    let doubtful = ranked.iter().filter_map(|(row, by)| {
        let (by, _) = by.iter().find(|(code, _)| !KNOWN_OTHERS.contains(code))?;
        let name = row.facts.name.clone()?;
        let (ours, remote, by) = (shown.clone(), row.remote.clone(), (*by).to_owned());
        seen.insert(companies::key(&name)?).then_some(Similar { ours, remote, name, by })
    });
    doubtful.take(MOST_SIMILAR).collect()
}

/// The accounts that may be this company, and other people whose record names it for sure.
fn candidates<'a>(
    question: &Question<'a>,
    ours: &Ours,
    people: &[&'a MirrorRow],
) -> (Candidates<'a>, Vec<&'a MirrorRow>) {
    let (table, judged) = (&question.policy.companies, &question.book.judged);
    let mut found = Candidates::new();
    let mut colleagues = Vec::new();
    let take = |found: &mut Candidates<'a>, colleagues: &mut Vec<&'a MirrorRow>, keys| {
        for row in standing_under(&keys, |key| question.rows(key)) {
            let Some((code, score)) = compare(ours, &Theirs::of(row, ours.name.as_ref()), table, judged)
            else {
                continue;
            };
            if row.remote.object == ACCOUNT {
                found.entry(&row.remote).or_insert_with(|| (row, BTreeMap::new())).1.insert(code, score);
            } else if SURE.contains(&code)
                && PEOPLE.contains(&row.remote.object.as_str())
                && !people.iter().any(|own| own.remote == row.remote)
            {
                colleagues.push(row);
            }
        }
    };
    take(&mut found, &mut colleagues, near(ours, question.policy, question.link, judged));
    for id in people.iter().filter_map(|row| row.facts.account.as_ref()) {
        let remote = RemoteRef { link: question.link.clone(), object: ACCOUNT.to_owned(), id: id.clone() };
        if let Some(row) = question.row(&remote).filter(|row| !row.deleted) {
            let by = &mut found.entry(&row.remote).or_insert_with(|| (row, BTreeMap::new())).1;
            by.insert("account_of_person", 1000);
        }
    }
    // Who has the name for sure leaves nothing to those who have nearly the same.
    let sure = found.values().any(|(_, by)| by.keys().any(|code| SURE.contains(code)));
    if let Some(name) = ours.name.as_ref().filter(|_| !sure && colleagues.is_empty()) {
        take(&mut found, &mut colleagues, slip_keys(question.link, name).collect());
    }
    (found, colleagues)
}

/// Every key of the company: its code, its domains, its names and what people said of them.
fn near(ours: &Ours, policy: &Policy, link: &LinkName, judged: &Judged) -> BTreeSet<MirrorKey> {
    let table = &policy.companies;
    let listed = || ours.row.and_then(|row| table.get(row));
    let key = |kind: &str, value: &str| mirror_read::key(link, kind, value);
    let codes = ours.code.iter().chain(listed().and_then(|row| row.credit_code.as_ref()));
    let mut keys: BTreeSet<_> = codes.map(|code| key("credit_code", code)).collect();
    let domains = ours.domains.iter().chain(listed().map(|row| &row.domains).into_iter().flatten());
    keys.extend(domains.map(|domain| key("domain", domain)));
    let related = ours.row.iter().flat_map(|row| table.above(*row).into_iter().chain(table.below(*row)));
    let known: BTreeSet<usize> =
        ours.row.into_iter().chain(table.by_domains(&ours.domains)).chain(related).collect();
    for name in ours.name.iter().chain(known.iter().flat_map(|row| table.names_of(*row))) {
        keys.extend(normal::lookup_keys(name).iter().map(|value| key("company", value)));
    }
    for name in ours.key.iter().flat_map(|of| companies::same_as(judged, of)) {
        keys.extend(names::company_keys(name).iter().map(|value| key("company", value)));
    }
    keys
}

/// The live rows under keys, each once.
fn standing_under<'a>(
    keys: &BTreeSet<MirrorKey>,
    rows: impl Fn(&MirrorKey) -> Vec<&'a MirrorRow>,
) -> Vec<&'a MirrorRow> {
    let found: BTreeMap<&RemoteRef, &MirrorRow> =
        keys.iter().flat_map(rows).map(|row| (&row.remote, row)).collect();
    found.into_values().filter(|row| !row.deleted).collect()
}

/// An account that may be a company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The record.
    pub remote: RemoteRef,
    /// Its name there.
    pub name: String,
    /// Why: a stable code.
    pub by: &'static str,
    /// Whether that is enough on its own.
    pub sure: bool,
    /// The user id of its owner.
    pub owner: Option<String>,
}

/// The accounts in a CRM's mirror that may be a company of this name, the surest first. The book holds what
/// [`super::needs`] ask for, [`with_similar`].
#[must_use]
pub fn accounts(book: &Book, policy: &Policy, link: &LinkName, name: &str) -> Vec<Account> {
    let Ok(parsed) = company::parse(name) else { return Vec::new() };
    let table = &policy.companies;
    let row = table.by_name(&parsed);
    let key = Some(companies::key_of(&parsed));
    let ours = Ours { name: Some(parsed), code: None, domains: Vec::new(), row, key };
    let rows = |key: &MirrorKey| -> Vec<&MirrorRow> {
        book.keys.get(key).into_iter().flatten().filter_map(|remote| book.mirror.get(remote)).collect()
    };
    let mut keys = near(&ours, policy, link, &book.judged);
    keys.extend(ours.name.iter().flat_map(|name| slip_keys(link, name)));
    let mut found: Vec<(usize, u16, Account)> = standing_under(&keys, rows)
        .into_iter()
        .filter(|row| row.remote.object == ACCOUNT)
        .filter_map(|row| {
            let (by, score) = compare(&ours, &Theirs::of(row, ours.name.as_ref()), table, &book.judged)?;
            let place = SURE.iter().position(|code| *code == by).unwrap_or(SURE.len());
            let (name, owner) = (row.facts.name.clone().unwrap_or_default(), row.facts.owner.clone());
            let sure = place < SURE.len();
            Some((place, score, Account { remote: row.remote.clone(), name, by, sure, owner }))
        })
        .collect();
    found.sort_by(|a, b| (a.0, Reverse(a.1), &a.2.remote).cmp(&(b.0, Reverse(b.1), &b.2.remote)));
    found.into_iter().map(|(.., account)| account).collect()
}

/// Smaller is better.
type Rank = (bool, u8, bool, usize, Reverse<u16>, Reverse<Timestamp>, RemoteRef);

fn rank(
    question: &Question<'_>,
    row: &MirrorRow,
    by: &BTreeMap<&'static str, u16>,
    deals: &[&MirrorRow],
) -> Rank {
    let open_deal =
        deals.iter().any(|deal| deal.facts.open && deal.facts.account.as_ref() == Some(&row.remote.id));
    let sureness = SURE.iter().position(|code| by.contains_key(code)).unwrap_or(SURE.len());
    // What is only similar goes by how likely it is.
    let likely = by.values().max().filter(|_| sureness == SURE.len()).copied().unwrap_or_default();
    (
        !by.contains_key("exact_code"),
        question.follower_of(row).rank(),
        !open_deal,
        sureness,
        Reverse(likely),
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
