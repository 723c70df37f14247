//! Who gets it: route tables, teams, turns by weight, caps, leave, sticky companies, cool-downs, fallback.
//!
//! Deterministic: turns are counters that the decision reads and writes back, so the same book gives the same owner and
//! `why` can show who was considered and why they were passed over. Whether an owner may be replaced at all is for
//! [`crate::transfer`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::because::Reason;
use crate::book::Book;
use crate::fuse;
use crate::handoff::Considered;
use crate::ids::{LeadId, LinkName, PersonKey};
use crate::lead::Owner;
use crate::matching::follower;
use crate::mirror::OwnerState;
use crate::policy::{Member, Policy, Route, Team};
use crate::time::{Micros, Timestamp};

/// The most returns of one lead that are remembered, latest last.
const MOST_RETURNS: usize = 24;
/// The most messages about new behaviour of one lead a day.
const TOLD_PER_DAY: u32 = 5;
/// A year of 365 days, for the loop limit.
const YEAR: Micros = Micros::days(365);
/// The route table's entry for values it does not list.
const OTHERS: &str = "*";

/// What is remembered of a lead's dealings with sales, as a small counter document.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Dealings {
    /// When it came back.
    pub at: Vec<Timestamp>,
    /// Who does not get it again before when.
    pub cool: BTreeMap<PersonKey, Timestamp>,
    /// Who gets it next, whatever the routes say.
    pub prefer: Option<PersonKey>,
    /// How many messages about new behaviour its owner got on which day (days since 1970 UTC).
    pub told: Option<(i64, u32)>,
    /// CRMs in which its record was deleted: it is passed there again by hand only.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub detached: BTreeSet<LinkName>,
    /// CRMs where its record is being made without a hand-over.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub filling: BTreeMap<LinkName, Filling>,
    /// Of those in `detached`, the ones that the lead it was merged into knows of through it alone.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub brought: BTreeSet<LinkName>,
}

/// A record that is being made without a hand-over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filling {
    /// The run that ordered it.
    pub run: String,
    /// Of which lead: it may have been merged since. What makes it stands in that lead's stream.
    pub lead: LeadId,
}

impl Dealings {
    /// What the book remembers of a lead.
    #[must_use]
    pub fn of(book: &Book, lead: LeadId) -> Self {
        let known = book.counters.get(&dealings_key(lead));
        known.and_then(|json| serde_json::from_value(json.clone()).ok()).unwrap_or_default()
    }

    /// Its lead becomes one person with another, which is remembered by `theirs`: that keeps what can be told apart again.
    pub fn join(&mut self, theirs: &mut Self) {
        theirs.brought = theirs.detached.difference(&self.detached).cloned().collect();
        self.detached.extend(theirs.brought.iter().cloned());
        for (link, filling) in std::mem::take(&mut theirs.filling) {
            self.filling.entry(link).or_insert(filling);
        }
        self.at.extend(&theirs.at);
        self.at.sort_unstable();
        self.at.dedup();
        let surplus = self.at.len().saturating_sub(MOST_RETURNS);
        self.at.drain(..surplus);
        for (person, until) in &theirs.cool {
            let known = self.cool.entry(person.clone()).or_insert(*until);
            *known = (*known).max(*until);
        }
        self.prefer = self.prefer.take().or_else(|| theirs.prefer.clone());
        self.told = self.told.max(theirs.told);
    }

    /// What was joined is two again: `theirs` is what is remembered of the one that goes, `ids` all leads that go with it.
    pub fn part(&mut self, theirs: &mut Self, ids: &BTreeSet<LeadId>) {
        for link in std::mem::take(&mut theirs.brought) {
            self.detached.remove(&link);
        }
        self.at.retain(|at| !theirs.at.contains(at));
        let (gone, kept): (BTreeMap<_, _>, _) = std::mem::take(&mut self.filling)
            .into_iter()
            .partition(|(_, filling)| ids.contains(&filling.lead));
        self.filling = kept;
        theirs.filling.extend(gone);
    }

    /// Remembers that it came back now; `cool`: whom it came back from, and until when they do not get it again.
    pub fn came_back(&mut self, now: Timestamp, cool: Option<(PersonKey, Timestamp)>) {
        self.at.push(now);
        let surplus = self.at.len().saturating_sub(MOST_RETURNS);
        self.at.drain(..surplus);
        self.cool.retain(|_, until| *until > now);
        self.cool.extend(cool);
        self.prefer = None;
    }

    /// How often it came back within a year.
    #[must_use]
    pub fn within_a_year(&self, now: Timestamp) -> u32 {
        let count = self.at.iter().filter(|at| now - **at < YEAR).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Counts one message about new behaviour. `false`: the owner got enough of them today.
    pub fn tell(&mut self, now: Timestamp) -> bool {
        let day = now.0.div_euclid(Micros::days(1).0);
        let count = self.told.filter(|(of, _)| *of == day).map_or(0, |(_, count)| count);
        if count >= TOLD_PER_DAY {
            return false;
        }
        self.told = Some((day, count + 1));
        true
    }

    /// The document as it is kept.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!(self)
    }
}

/// The counter that holds a lead's [`Dealings`].
#[must_use]
pub fn dealings_key(lead: LeadId) -> String {
    format!("dealings/{}", lead.uuid().simple())
}

/// Whether a counter holds the [`Dealings`] of one lead: who holds the lead holds it too.
#[must_use]
pub fn is_dealings(counter: &str) -> bool {
    counter.starts_with("dealings/")
}

fn turns_key(team: &str) -> String {
    format!("turns/{team}")
}

fn given_key(link: &LinkName) -> String {
    format!("given/{link}")
}

/// The counter of creates within the hour.
#[must_use]
pub fn fuse_key(link: &LinkName) -> String {
    format!("fuse/{link}")
}

/// The counters that any decision of a CRM may read.
#[must_use]
pub fn counters(policy: &Policy, link: &LinkName) -> BTreeSet<String> {
    let turns = policy.teams.keys().map(|team| turns_key(team));
    turns.chain([given_key(link), fuse_key(link)]).chain(fuse::counters(policy, link)).collect()
}

/// What a search for an owner goes by.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// What the batch knows.
    pub book: &'a Book,
    /// The rules.
    pub policy: &'a Policy,
    /// In which CRM.
    pub link: &'a LinkName,
    /// The time it is.
    pub now: Timestamp,
    /// What is remembered of the lead.
    pub dealings: &'a Dealings,
    /// Who may not get it.
    pub except: Option<&'a PersonKey>,
    /// Who follows the same company.
    pub company_owner: Option<&'a PersonKey>,
    /// The facts as the rules see them: a route's table goes by one of them.
    pub facts: &'a Json,
}

/// Who was found, and how.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Routed {
    /// The owner; none where nobody can take it.
    pub owner: Option<Owner>,
    /// The team they were found in.
    pub team: Option<String>,
    /// Who was considered, in order.
    pub considered: Vec<Considered>,
    /// Why it went this way.
    pub reasons: Vec<Reason>,
    /// Counters to write back.
    pub counters: BTreeMap<String, Json>,
}

/// Whom a route names: the same owner as before where sales asked for it, the owner of the same company, else whose
/// turn it is in the team of the table, else in the fallback team.
#[must_use]
pub fn route(search: &Search<'_>, name: &str) -> Routed {
    let mut routed = Routed::default();
    let Some(route) = search.policy.routes.get(name) else {
        routed.reasons.push(Reason::new("route_unknown").with("route", name));
        return routed;
    };
    let value = value_at(search.facts, &route.by);
    let team = value.as_deref().and_then(|value| table(route, value)).or_else(|| route.table.get(OTHERS));
    routed.reasons.push(
        Reason::new("route")
            .with("route", name)
            .with("by", &route.by)
            .with("value", value.as_deref().unwrap_or_default())
            .with("team", team.map_or("", String::as_str)),
    );
    if prefer(search, &mut routed) {
        return routed;
    }
    let fallback = route.fallback.as_ref();
    if route.sticky && stick(search, team.into_iter().chain(fallback), &mut routed) {
        return routed;
    }
    for team in team.into_iter().chain(fallback.filter(|fallback| Some(*fallback) != team)) {
        if take_turn(search, team, &mut routed) {
            return routed;
        }
        routed.reasons.push(Reason::new("nobody_in_team").with("team", team));
    }
    routed
}

/// Whose turn it is in a team.
#[must_use]
pub fn team(search: &Search<'_>, name: &str) -> Routed {
    let mut routed = Routed::default();
    if !prefer(search, &mut routed) && !take_turn(search, name, &mut routed) {
        routed.reasons.push(Reason::new("nobody_in_team").with("team", name));
    }
    routed
}

/// A person the rule names: caps do not hold them, absence does.
#[must_use]
pub fn named(search: &Search<'_>, person: &PersonKey, why: &str) -> Routed {
    let mut routed = Routed::default();
    match available(search, person, None) {
        Ok(owner) => take(search, &mut routed, owner, why),
        Err(code) => pass(&mut routed, person, code),
    }
    routed
}

/// Counts a hand-over that goes to its owner without a choice (the owner of a match) among those given today.
pub fn count_given(search: &Search<'_>, owner: &Owner, counters: &mut BTreeMap<String, Json>) {
    let Some(person) = &owner.person else { return };
    let mut given = Given::of(search, counters);
    given.short = false;
    *given.by.entry(person.clone()).or_default() += 1;
    counters.insert(given_key(search.link), json!(given));
}

/// Notes that nobody could take it, for the alarm and its all-clear ([`shortage`]).
pub(crate) fn note_shortage(search: &Search<'_>, counters: &mut BTreeMap<String, Json>) {
    let mut given = Given::of(search, counters);
    given.short = true;
    counters.insert(given_key(search.link), json!(given));
}

/// Whether these counters begin (`true`) or end (`false`) a time in which nobody can take leads.
pub(crate) fn shortage(book: &Book, link: &LinkName, counters: &BTreeMap<String, Json>) -> Option<bool> {
    let key = given_key(link);
    let short = |json: Option<&Json>| json.and_then(|json| json.get("short")?.as_bool()).unwrap_or(false);
    let (before, after) = (short(book.counters.get(&key)), short(Some(counters.get(&key)?)));
    (before != after).then_some(after)
}

/// Counts a create against the fuse. `false`: the fuse has blown for this hour, which is noted.
#[must_use]
pub fn count_create(
    book: &Book,
    link: &LinkName,
    most: u32,
    now: Timestamp,
    counters: &mut BTreeMap<String, Json>,
) -> bool {
    let hour = now.0.div_euclid(Micros::hours(1).0);
    let key = fuse_key(link);
    let known = counters.get(&key).or_else(|| book.counters.get(&key));
    let count = known
        .filter(|json| json.get("hour").and_then(Json::as_i64) == Some(hour))
        .and_then(|json| json.get("count").and_then(Json::as_u64))
        .unwrap_or(0);
    let passes = count < u64::from(most);
    let before = known.and_then(|json| json.get("blown")?.as_i64());
    let blown = if passes { before } else { Some(hour) };
    let mut counted = json!({ "hour": hour, "count": count + u64::from(passes) });
    if let Some(blown) = blown {
        counted["blown"] = blown.into();
    }
    counters.insert(key, counted);
    passes
}

/// Hand-overs given today, by person.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Given {
    day: String,
    by: BTreeMap<PersonKey, u32>,
    /// Nobody could take the last one.
    #[serde(default)]
    short: bool,
}

impl Given {
    fn of(search: &Search<'_>, written: &BTreeMap<String, Json>) -> Self {
        let day = search.now.in_zone(&search.policy.zone).date().to_string();
        let key = given_key(search.link);
        let known = written.get(&key).or_else(|| search.book.counters.get(&key));
        let known: Self =
            known.and_then(|json| serde_json::from_value(json.clone()).ok()).unwrap_or_default();
        if known.day == day { known } else { Self { day, by: BTreeMap::new(), short: known.short } }
    }
}

/// The value a route's table goes by.
fn value_at(facts: &Json, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(facts, |at, name| at.get(name))?;
    let text = match found {
        Json::String(text) => text.trim().to_owned(),
        Json::Null | Json::Object(_) | Json::Array(_) => return None,
        other => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

/// The table's entry: as written, else by the short name of a Chinese region (`上海市` is `上海`).
fn table<'r>(route: &'r Route, value: &str) -> Option<&'r String> {
    let short = short_region(value);
    route.table.get(value).or_else(|| {
        route
            .table
            .iter()
            .find(|(entry, _)| short_region(entry).eq_ignore_ascii_case(short))
            .map(|(_, team)| team)
    })
}

fn short_region(name: &str) -> &str {
    const ENDINGS: [&str; 7] =
        ["特别行政区", "维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "省", "市"];
    let name = name.trim();
    ENDINGS
        .iter()
        .find_map(|ending| name.strip_suffix(ending).filter(|rest| rest.chars().count() >= 2))
        .unwrap_or(name)
}

/// Whether the person sales asked for could take it.
fn prefer(search: &Search<'_>, routed: &mut Routed) -> bool {
    let Some(person) = &search.dealings.prefer else { return false };
    match available(search, person, None) {
        Ok(owner) => take(search, routed, owner, "same_owner"),
        Err(code) => pass(routed, person, code),
    }
    routed.owner.is_some()
}

/// Whether the owner of the same company could take it, being a member of one of these teams.
fn stick<'t>(search: &Search<'_>, teams: impl Iterator<Item = &'t String>, routed: &mut Routed) -> bool {
    let Some(person) = search.company_owner else { return false };
    let member = teams
        .filter_map(|team| Some((team, search.policy.teams.get(team)?)))
        .find_map(|(name, team)| Some((name, team.members.iter().find(|member| member.person == *person)?)));
    let Some((team, member)) = member else { return false };
    match available(search, person, Some((member, &Given::of(search, &routed.counters)))) {
        Ok(owner) => {
            routed.team = Some(team.clone());
            take(search, routed, owner, "same_company");
        }
        Err(code) => pass(routed, person, code),
    }
    routed.owner.is_some()
}

/// Whether somebody of the team could take it: smooth weighted round robin over those who can.
fn take_turn(search: &Search<'_>, name: &str, routed: &mut Routed) -> bool {
    let Some(team) = search.policy.teams.get(name) else { return false };
    let candidates = candidates(search, team, routed);
    let total: i64 = candidates.iter().map(|(member, _)| weight(member)).sum();
    let key = turns_key(name);
    let known = search.book.counters.get(&key).and_then(|json| serde_json::from_value(json.clone()).ok());
    let mut turns: BTreeMap<PersonKey, i64> = known.unwrap_or_default();
    turns.retain(|person, _| team.members.iter().any(|member| member.person == *person));
    for (member, _) in &candidates {
        *turns.entry(member.person.clone()).or_default() += weight(member);
    }
    // Of equals the first member in the team's order.
    let turn = |member: &Member| turns.get(&member.person).copied().unwrap_or(0);
    let best = candidates.iter().map(|(member, _)| turn(member)).max();
    let Some((chosen, owner)) = candidates.iter().find(|(member, _)| Some(turn(member)) == best) else {
        return false;
    };
    for (member, _) in candidates.iter().filter(|(member, _)| member.person != chosen.person) {
        pass(routed, &member.person, "not_their_turn");
    }
    let chosen_key = chosen.person.clone();
    *turns.entry(chosen_key).or_default() -= total;
    routed.counters.insert(key, json!(turns));
    routed.team = Some(name.to_owned());
    take(search, routed, owner.clone(), "taken");
    true
}

fn weight(member: &Member) -> i64 {
    i64::from(member.weight.max(1))
}

/// The members who could take it; the others are noted with why not.
fn candidates<'t>(search: &Search<'_>, team: &'t Team, routed: &mut Routed) -> Vec<(&'t Member, Owner)> {
    let mut found = Vec::with_capacity(team.members.len());
    let given = Given::of(search, &routed.counters);
    for member in &team.members {
        match available(search, &member.person, Some((member, &given))) {
            Ok(owner) => found.push((member, owner)),
            Err(code) => pass(routed, &member.person, code),
        }
    }
    found
}

/// The owner a person would be, or the stable code of why they cannot take it. Caps are a member's.
fn available(
    search: &Search<'_>,
    person: &PersonKey,
    member: Option<(&Member, &Given)>,
) -> Result<Owner, &'static str> {
    if search.except == Some(person) {
        return Err("excepted");
    }
    let user = search.policy.people.get(person).and_then(|known| known.crm_user.get(search.link));
    let user = user.ok_or("no_user")?;
    match follower(search.book, search.policy, search.link, Some(user), search.now).state {
        OwnerState::OnLeave => return Err("on_leave"),
        OwnerState::Left => return Err("left"),
        OwnerState::Active | OwnerState::None => {}
    }
    if search.dealings.cool.get(person).is_some_and(|until| *until > search.now)
        && search.dealings.prefer.as_ref() != Some(person)
    {
        return Err("cool_down");
    }
    if let Some((member, given)) = member {
        let given = given.by.get(person).copied().unwrap_or(0);
        if member.cap_per_day.is_some_and(|cap| given >= cap) {
            return Err("cap_per_day");
        }
        let open = search.book.load.get(&(search.link.clone(), user.clone())).copied().unwrap_or(0);
        if member.open_at_most.is_some_and(|most| open >= i64::from(most)) {
            return Err("open_at_most");
        }
    }
    Ok(Owner { person: Some(person.clone()), crm_user: user.clone() })
}

fn take(search: &Search<'_>, routed: &mut Routed, owner: Owner, outcome: &str) {
    if let Some(person) = &owner.person {
        routed.considered.push(Considered { person: person.0.clone(), outcome: outcome.to_owned() });
    }
    count_given(search, &owner, &mut routed.counters);
    routed.owner = Some(owner);
}

fn pass(routed: &mut Routed, person: &PersonKey, code: &str) {
    routed.considered.push(Considered { person: person.0.clone(), outcome: code.to_owned() });
}
