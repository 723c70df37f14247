//! Stage 3, pool: one person of several leads. A merge moves nothing: each lead goes on as what it is by itself, and the
//! one that survives shows what all of them are together.
//!
//! What came through a lead (profile, consent, tags, points, touches, identifiers) is its own and can be composed anew at
//! any time, in an order that does not depend on who was merged first. Where the person stands with sales is one thing,
//! kept on the survivor. Who is one person is decided by [`crate::identity`]; what people order is in [`mark`],
//! [`merge`], [`part`] and [`phone`].

pub(crate) mod dealings;
pub mod mark;
pub mod merge;
pub mod part;
pub mod phone;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::book::Book;
use crate::capture::Identifier;
use crate::effect::Effect;
use crate::facts::{self, Scene};
use crate::identity;
use crate::ids::LeadId;
use crate::lead::{Former, Lead, Stage, Standing, Touch};
use crate::policy::Policy;
use crate::pool::{self, MOST_FIELDS, MOST_TAGS};
use crate::score::{self, replay};
use crate::time::Timestamp;

/// Most former identifiers that are remembered of a lead, and most leads that it is known not to be.
pub const MOST_REMEMBERED: usize = 100;

/// Why something cannot be done with people, with the code of its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error's code.
    pub code: &'static str,
    /// What is wrong and what to do, in English.
    pub en: String,
    /// The same in Chinese.
    pub zh: String,
}

/// What a lead is by itself, whoever was merged into it.
#[must_use]
pub fn own(lead: &Lead) -> &Lead {
    lead.bonds.own.as_deref().unwrap_or(lead)
}

/// What a lead is by itself, to be changed.
pub(crate) fn own_mut(lead: &mut Lead) -> &mut Lead {
    match lead.bonds.own {
        Some(ref mut own) => own,
        None => lead,
    }
}

/// What a lead came to be known by, or is known by no more, it is by itself: sales told it of the lead that survived.
pub(crate) fn learn(lead: &mut Lead, before: &Lead) {
    let Some(own) = &mut lead.bonds.own else { return };
    let news = lead.profile.iter().filter(|(name, fact)| before.profile.get(*name) != Some(*fact));
    own.profile.extend(news.map(|(name, fact)| (name.clone(), fact.clone())));
    let news = lead.consent.iter().filter(|(name, said)| before.consent.get(*name) != Some(*said));
    own.consent.extend(news.map(|(name, said)| (name.clone(), said.clone())));
    own.tags.extend(lead.tags.difference(&before.tags).cloned());
    own.identifiers.extend(lead.identifiers.difference(&before.identifiers).cloned());
    own.remotes.extend(lead.remotes.difference(&before.remotes).cloned());
    own.remotes.retain(|remote| lead.remotes.contains(remote));
}

/// Changes a lead as what it stands for and, where that is kept apart, as what it is by itself.
pub(crate) fn each(lead: &mut Lead, change: impl Fn(&mut Lead)) {
    change(lead);
    if let Some(own) = &mut lead.bonds.own {
        change(own);
    }
}

/// The leads that a lead stands for: itself and all that were merged into it, by way of others too.
#[must_use]
pub fn members(book: &Book, root: LeadId) -> BTreeSet<LeadId> {
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if book.leads.contains_key(&id) && found.insert(id) {
            open.extend(book.leads.values().filter(|lead| lead.merged_into == Some(id)).map(|lead| lead.id));
        }
    }
    found
}

/// What makes one lead survive another: known before anonymous, then the older; ids only to have an order at all. It goes
/// by what each is by itself, so that it does not matter who was merged first.
#[must_use]
pub fn age(lead: &Lead) -> (bool, Timestamp, Timestamp, LeadId) {
    let lead = own(lead);
    (!identity::is_known(lead), lead.origin.at, lead.created_at, lead.id)
}

/// What leads are together under one of them, as far as it came through them; where they stand with sales is the root's.
/// `rows` are all that make up the person, the root's too.
#[must_use]
pub fn compose(root: &Lead, rows: &[&Lead], policy: &Policy, now: Timestamp) -> Lead {
    let mut all: Vec<&Lead> = rows.iter().map(|row| own(row)).collect();
    all.sort_by_key(|lead| (lead.origin.at, lead.created_at, lead.id));
    let Some((first, others)) = all.split_first() else { return root.clone() };
    let mut joined = (*first).clone();
    for other in others {
        join(&mut joined, other, policy);
    }
    Standing::of(root).put(&mut joined);
    (joined.id, joined.version) = (root.id, root.version);
    (joined.merged_into, joined.bonds.merged) = (root.merged_into, root.bonds.merged.clone());
    joined.identifiers = all.iter().flat_map(|own| own.identifiers.iter().cloned()).collect();
    joined.remotes = all.iter().flat_map(|own| own.remotes.iter().cloned()).collect();
    if rows.len() > 1 {
        joined.bonds.own = Some(Box::new(by_itself(root)));
        let facts = facts::of(&Scene { lead: &joined, touch: None, policy, now });
        score::attributes(&mut joined, &facts, policy);
        joined.pool = pool::part(&joined, policy);
    }
    joined
}

/// A lead as what it is by itself, to be kept beside what it stands for.
fn by_itself(lead: &Lead) -> Lead {
    let mut own = own(lead).clone();
    (own.version, own.merged_into, own.bonds.merged) = (0, None, None);
    own
}

/// Joins what came through one lead into what came through another that is not younger: the newer fact of each field,
/// consent as [`pool::stronger`] says, sums of what was counted.
fn join(older: &mut Lead, younger: &Lead, policy: &Policy) {
    for (name, fact) in &younger.profile {
        let known = older.profile.get(name);
        let newer = known.is_none_or(|known| policy.pool.outranks(name, fact, known, true));
        if newer && (older.profile.contains_key(name) || older.profile.len() < MOST_FIELDS) {
            older.profile.insert(name.clone(), fact.clone());
        }
    }
    for (purpose, consent) in &younger.consent {
        let known = older.consent.get(purpose);
        let stands = known.map_or(consent, |known| pool::stronger(known, consent)).clone();
        older.consent.insert(purpose.clone(), stands);
    }
    for model in &policy.scores {
        let Some(theirs) = younger.scores.get(&model.name) else { continue };
        let ours = older.scores.get(&model.name);
        let joined =
            ours.map_or_else(|| theirs.clone(), |ours| score::joined(model, ours, theirs, &policy.zone));
        older.scores.insert(model.name.clone(), joined);
    }
    let room = MOST_TAGS.saturating_sub(older.tags.len());
    let new: Vec<String> = younger.tags.difference(&older.tags).take(room).cloned().collect();
    older.tags.extend(new);
    mark::join(older, younger);
    older.last_touch_at = older.last_touch_at.max(younger.last_touch_at);
    older.touches = older.touches.saturating_add(younger.touches);
    older.created_at = older.created_at.min(younger.created_at);
    older.bonds.apart.extend(younger.bonds.apart.iter().copied());
    older.bonds.former.extend(younger.bonds.former.iter().cloned());
    older
        .bonds
        .former
        .sort_by(|one, other| (one.until, &one.identifier).cmp(&(other.until, &other.identifier)));
    older.bonds.former.dedup();
}

/// Counts the points of a lead anew from its touches, where the book has them all: those of the leads that make it up. The
/// touches that came out otherwise get new receipts.
pub(crate) fn recount(
    book: &Book,
    lead: &mut Lead,
    ids: &BTreeSet<LeadId>,
    policy: &Policy,
    effects: &mut Vec<Effect>,
) {
    let of = || book.touches.values().flatten().filter(|touch| ids.contains(&touch.lead));
    if u32::try_from(of().count()) != Ok(lead.touches) {
        return;
    }
    let own: Vec<Touch> = of().cloned().collect();
    let replayed = replay::replay(lead, own, policy);
    lead.scores = replayed.scores;
    effects.extend(replayed.changed.into_iter().map(|touch| Effect::Receipts(Box::new(touch))));
}

/// Where two leads that are one person stand with sales together: at the further stage, with the sums of what was
/// counted.
pub(crate) fn stand_together(ours: &mut Standing, theirs: &Standing) {
    ours.recycled = ours.recycled.saturating_add(theirs.recycled);
    ours.won_amount = match (ours.won_amount, theirs.won_amount) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    };
    if theirs.mql && !ours.mql {
        ours.mql_of.clone_from(&theirs.mql_of);
    }
    ours.mql |= theirs.mql;
    ours.mql_left = ours.mql_left.max(theirs.mql_left);
    ours.mql_at = ours.mql_at.max(theirs.mql_at);
    let key = |standing: &Standing| (further(standing.stage), Reverse(standing.stage_since));
    let ahead = key(theirs) > key(ours);
    if ahead {
        (ours.stage, ours.stage_since) = (theirs.stage, theirs.stage_since);
        ours.rest_until = theirs.rest_until;
    }
    let pick = |known: &mut Option<String>, other: &Option<String>| {
        if other.is_some() && (ahead || known.is_none()) {
            known.clone_from(other);
        }
    };
    pick(&mut ours.track, &theirs.track);
    pick(&mut ours.feedback, &theirs.feedback);
    if theirs.owner.is_some() && (ahead || ours.owner.is_none()) {
        ours.owner.clone_from(&theirs.owner);
    }
}

/// How far a stage is from the start, for the one that two leads of one person stand at together.
const fn further(stage: Stage) -> u8 {
    match stage {
        Stage::Closed => 0,
        Stage::Raw => 1,
        Stage::Lost => 2,
        Stage::Resting => 3,
        Stage::Marketing => 4,
        Stage::WithSales => 5,
        Stage::Accepted => 6,
        Stage::Opportunity => 7,
        Stage::Won => 8,
    }
}

/// The person that a lead and others become by being merged into it, as far as they are known to the book.
#[must_use]
pub fn merged(book: &Book, survivor: &Lead, absorbed: &[&Lead], policy: &Policy, now: Timestamp) -> Lead {
    let mut ids = members(book, survivor.id);
    ids.extend(absorbed.iter().flat_map(|lead| members(book, lead.id)));
    let rows: Vec<&Lead> = ids.iter().filter_map(|id| book.leads.get(id)).collect();
    let mut joined = compose(survivor, &rows, policy, now);
    let mut standing = Standing::of(survivor);
    for lead in absorbed {
        stand_together(&mut standing, &Standing::of(lead));
    }
    standing.put(&mut joined);
    joined
}

/// Notes that an identifier was somebody's once.
pub(crate) fn forget(lead: &mut Lead, identifier: &Identifier, until: Timestamp, why: &str) {
    let former = Former { identifier: identifier.clone(), until, why: why.to_owned() };
    lead.bonds.former.retain(|known| known.identifier != *identifier);
    lead.bonds.former.push(former);
    let surplus = lead.bonds.former.len().saturating_sub(MOST_REMEMBERED);
    lead.bonds.former.drain(..surplus);
}

/// Whether somebody said that the two are different people.
#[must_use]
pub fn are_apart(book: &Book, one: &Lead, other: &Lead) -> bool {
    let marked = |lead: &Lead, as_other: &Lead| {
        lead.bonds
            .apart
            .iter()
            .any(|id| *id == as_other.id || book.resolve(*id).is_some_and(|l| l.id == as_other.id))
    };
    marked(one, other) || marked(other, one)
}
