//! Is this person in the funnel of sales, in any object and at any stage?

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::rows::last_activity;
use super::{Follower, Match, Question};
use crate::identity;
use crate::lead::RemoteRef;
use crate::mirror::MirrorRow;
use crate::mirror_read::{self, PEOPLE};
use crate::normal::person;
use crate::normal::phone::{self, Country, PhoneKind};
use crate::policy::StatusMeaning;

/// A person as found, with the rows behind it (companies are found through them).
pub(super) struct Found<'a> {
    pub(super) found: Match,
    pub(super) rows: Vec<&'a MirrorRow>,
}

/// Why a row counts as this person's, the surer first.
const CODES: [&str; 6] = ["our_record", "conflict", "converted", "phone", "email", "landline_and_name"];

/// Finds the person.
pub(super) fn find<'a>(question: &Question<'a>) -> Found<'a> {
    let candidates = candidates(question);
    let rows: Vec<&MirrorRow> = candidates.values().map(|(row, _)| *row).collect();
    let mut deals: Vec<&MirrorRow> = rows.iter().flat_map(|row| question.deals(&row.remote)).collect();
    deals.extend(
        rows.iter()
            .flat_map(|row| &row.facts.converted)
            .filter_map(|remote| question.row(remote))
            .filter(|row| row.remote.object == mirror_read::OPPORTUNITY && !row.deleted),
    );
    let best = candidates.values().min_by_key(|(row, by)| rank(question, row, by, &deals));
    let Some((best, by)) = best else { return Found { found: Match::default(), rows } };
    let owner = owner_of(question, best, &deals);
    let latest = rows.iter().chain(&deals).max_by_key(|row| last_activity(row));
    let found = Match {
        found: true,
        maybe: false,
        by: by.iter().map(|code| (*code).to_owned()).collect(),
        remote: Some(best.remote.clone()),
        name: best.facts.name.clone(),
        owner,
        idle_days: latest.map(|row| question.idle_days(row)),
        open_opportunity: deals.iter().any(|deal| deal.facts.open),
        customer: rows.iter().chain(&deals).any(|row| row.facts.won == Some(true)),
        status: best.facts.status.clone(),
        stage: stage_of(question, best),
        records: u32::try_from(candidates.len()).unwrap_or(u32::MAX),
        similar: Vec::new(),
    };
    Found { found, rows }
}

type Candidates<'a> = BTreeMap<&'a RemoteRef, (&'a MirrorRow, BTreeSet<&'static str>)>;

/// The rows that are this person, each with why.
fn candidates<'a>(question: &Question<'a>) -> Candidates<'a> {
    let mut found = Candidates::new();
    for identifier in &question.lead.identifiers {
        for value in identity::phone_keys(&identifier.value) {
            let rows = question.rows(&mirror_read::key(question.link, &identifier.kind.0, value));
            // Most values stand at nobody: what kind of number they are need not be found out then.
            let Some(code) = (!rows.is_empty()).then(|| code_of(&identifier.kind.0, value)).flatten() else {
                continue;
            };
            for row in rows {
                if PEOPLE.contains(&row.remote.object.as_str())
                    && (code != "landline_and_name" || same_name(question, row))
                {
                    add(question, &mut found, row, code);
                }
            }
        }
    }
    let ours = question.lead.remotes.iter().map(|remote| (remote, "our_record"));
    let met = question.handoff.and_then(|handoff| handoff.remote.as_ref()).map(|remote| (remote, "conflict"));
    for (remote, code) in ours.chain(met) {
        if remote.link == *question.link
            && PEOPLE.contains(&remote.object.as_str())
            && let Some(row) = question.row(remote)
        {
            add(question, &mut found, row, code);
        }
    }
    found
}

/// Why a row found by such a value would be the person; `None` where the value proves nothing.
fn code_of(kind: &str, value: &str) -> Option<&'static str> {
    match kind {
        "email" => Some("email"),
        "phone" => match kind_of_line(identity::number(value)) {
            // A company's number says nothing about a person, its extension does.
            PhoneKind::TollFree if identity::number(value) == value => None,
            PhoneKind::TollFree | PhoneKind::Landline => Some("landline_and_name"),
            PhoneKind::Mobile | PhoneKind::Unknown => Some("phone"),
        },
        _ => None,
    }
}

/// Adds a row, through merges and conversions to what lives today.
fn add<'a>(question: &Question<'a>, found: &mut Candidates<'a>, row: &'a MirrorRow, code: &'static str) {
    let next = if row.deleted {
        row.facts.merged_into.as_ref()
    } else {
        row.facts.converted.iter().find(|remote| PEOPLE.contains(&remote.object.as_str()))
    };
    if let Some(next) = next.and_then(|remote| question.row(remote)).filter(|next| !next.deleted) {
        let code = if row.deleted { code } else { "converted" };
        found.entry(&next.remote).or_insert_with(|| (next, BTreeSet::new())).1.insert(code);
        return;
    }
    if !row.deleted {
        found.entry(&row.remote).or_insert_with(|| (row, BTreeSet::new())).1.insert(code);
    }
}

fn kind_of_line(e164: &str) -> PhoneKind {
    phone::parse(e164, Country::CN).map_or(PhoneKind::Unknown, |phone| phone.kind)
}

fn same_name(question: &Question<'_>, row: &MirrorRow) -> bool {
    let key = |name: &str| person::parse(name).ok().map(|name| name.key).filter(|key| !key.is_empty());
    let ours = question.lead.text("name").and_then(key);
    ours.is_some() && ours == row.facts.name.as_deref().and_then(key)
}

/// Smaller is better.
type Rank = (u8, bool, usize, bool, usize, Reverse<crate::time::Timestamp>, RemoteRef);

fn rank(question: &Question<'_>, row: &MirrorRow, by: &BTreeSet<&'static str>, deals: &[&MirrorRow]) -> Rank {
    let open_deal = deals.iter().any(|deal| deal.facts.open && deal.facts.people.contains(&row.remote));
    let sureness = CODES.iter().position(|code| by.contains(code)).unwrap_or(CODES.len());
    let object = PEOPLE.iter().position(|object| *object == row.remote.object).unwrap_or(PEOPLE.len());
    (
        question.follower_of(row).rank(),
        !open_deal,
        sureness,
        !row.facts.open,
        object,
        Reverse(last_activity(row)),
        row.remote.clone(),
    )
}

/// The follower of the record; where nobody is there, whoever works on an open opportunity about the person.
fn owner_of(question: &Question<'_>, best: &MirrorRow, deals: &[&MirrorRow]) -> Follower {
    let own = question.follower_of(best);
    if own.is_there() {
        return own;
    }
    let of_deal = deals
        .iter()
        .filter(|deal| deal.facts.open)
        .map(|deal| (question.follower_of(deal), Reverse(last_activity(deal)), &deal.remote))
        .filter(|(follower, ..)| follower.is_there())
        .min_by_key(|(follower, activity, remote)| (follower.rank(), *activity, (*remote).clone()));
    of_deal.map_or(own, |(follower, ..)| follower)
}

/// What the status of a row means to us.
fn stage_of(question: &Question<'_>, row: &MirrorRow) -> Option<crate::lead::Stage> {
    let crm = question.policy.crms.get(question.link)?;
    let status = row.facts.status.as_deref()?;
    match crate::feedback::meaning_of(crm, &row.remote.object, status)? {
        StatusMeaning::Stage(stage) => Some(stage),
        StatusMeaning::Returned => Some(crate::lead::Stage::Resting),
    }
}
