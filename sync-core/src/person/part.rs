//! Taking a merge back: what was one person are two again, each with what came through it.
//!
//! Touches, identifiers, profile and points never left the lead they were born to. What the person got since with sales goes
//! by its evidence: a hand-over and its CRM record belong to the lead whose identifier the hand-over carried. Records in
//! the CRM that hold what is the other's are corrected, with a note, where nobody has changed them since.

use std::collections::{BTreeMap, BTreeSet};

use super::merge::{keep_apart, person};
use super::{Refusal, compose, dealings, members, own, recount, stand_together};
use crate::because::{Because, Reason};
use crate::book::Book;
use crate::capture::Identifier;
use crate::case::Case;
use crate::effect::{Effect, Reaction, Verdict};
use crate::feedback;
use crate::handoff::Handoff;
use crate::ids::LeadId;
use crate::inform;
use crate::lead::{Lead, RemoteRef, Stage, Standing};
use crate::moment::Moment;
use crate::policy::Policy;
use crate::tell::{self, News};
use crate::time::Timestamp;

/// Takes the merge of `id` back, with what was merged into it before. The pair is kept apart from then on. Needs what
/// [`super::merge::needs_more`] says, and all hand-overs of the person.
///
/// # Errors
/// Where there is no such lead or it was not merged into another.
pub fn part(
    book: &Book,
    id: LeadId,
    who: &str,
    policy: &Policy,
    moment: &mut Moment,
) -> Result<Vec<Reaction>, Refusal> {
    let root = person(book, id)?;
    let Some(gone) = book.leads.get(&id).filter(|lead| lead.merged_into.is_some()) else {
        let all = members(book, root.id);
        let others: Vec<String> = all.iter().filter(|other| **other != id).map(LeadId::to_string).collect();
        let (en, zh) = if others.is_empty() {
            (
                format!("nothing was merged into {id}, and it was not merged into another"),
                format!("{id} 没有合并记录"),
            )
        } else {
            let list = others.join(", ");
            (
                format!("{id} is the one that survived; name one of those that were merged into it: {list}"),
                format!("{id} 是合并后保留的线索；请指定被合并的线索：{list}"),
            )
        };
        return Err(Refusal { code: "LL4503", en, zh });
    };
    let mut sides = Sides::of(book, root, gone, policy, moment.now);
    let mut effects = Vec::new();
    let mut reasons = Vec::new();
    effects.extend(dealings::parted(book, root.id, gone.id, &sides.goes.ids));
    sides.hand_over(&mut effects);
    sides.records(&mut effects);
    for side in [&mut sides.stays, &mut sides.goes] {
        recount(book, &mut side.lead, &side.ids, policy, &mut effects);
        let mut case = Case::new(book, policy, moment, &mut side.lead);
        case.say(Reason::new("parted").with("lead", gone.id).with("from", root.id).with("who", who));
        for handoff in &side.handoffs {
            correct(&mut case, handoff, root);
        }
        let (said, because) = case.into_parts();
        effects.extend(said);
        reasons.push(because);
    }
    for (lead, before) in [(&sides.stays.lead, root), (&sides.goes.lead, gone)] {
        let mut lead = lead.clone();
        lead.version = before.version + 1;
        effects.extend(inform::changes(Some(root), &lead, policy, moment));
        effects.extend(deadlines(root, &lead));
        effects.push(Effect::PutLead(Box::new(lead)));
    }
    effects.push(Effect::Verdict(Verdict {
        lead: root.id,
        other: gone.id,
        same: false,
        who: who.to_owned(),
        at: moment.now,
    }));
    // One reaction changes both, so that both or neither is written; the other only tells its reasons.
    let mut reactions: Vec<Reaction> =
        reasons.into_iter().map(|because| Reaction { effects: vec![], because: plain(because) }).collect();
    if let Some(first) = reactions.first_mut() {
        first.effects = effects;
    }
    Ok(reactions)
}

fn plain(because: Because) -> Because {
    Because { handoff: None, ..because }
}

/// One of the two that a person becomes.
struct Side {
    lead: Lead,
    ids: BTreeSet<LeadId>,
    handoffs: Vec<Handoff>,
}

struct Sides<'a> {
    book: &'a Book,
    root: &'a Lead,
    stays: Side,
    goes: Side,
}

impl<'a> Sides<'a> {
    fn of(book: &'a Book, root: &'a Lead, gone: &'a Lead, policy: &Policy, now: Timestamp) -> Self {
        let goes = members(book, gone.id);
        let stays: BTreeSet<LeadId> = members(book, root.id).difference(&goes).copied().collect();
        let side = |ids: BTreeSet<LeadId>, head: &Lead| {
            let rows: Vec<&Lead> = ids.iter().filter_map(|id| book.leads.get(id)).collect();
            Side { lead: compose(head, &rows, policy, now), ids, handoffs: vec![] }
        };
        let (stays, mut goes) = (side(stays, root), side(goes, gone));
        goes.lead.merged_into = None;
        goes.lead.bonds.merged = None;
        let mut sides = Self { book, root, stays, goes };
        for handoff in book.handoffs.values() {
            if let Some(side) = sides.whose(handoff) {
                side.handoffs.push(handoff.clone());
            }
        }
        sides.standing(gone);
        let (one, other) = (sides.stays.lead.id, sides.goes.lead.id);
        keep_apart(&mut sides.stays.lead, other);
        keep_apart(&mut sides.goes.lead, one);
        sides
    }

    fn side(&mut self, goes: bool) -> &mut Side {
        if goes { &mut self.goes } else { &mut self.stays }
    }

    /// Whose a hand-over is: who has the identifier that it carried, else whom it was opened for.
    fn whose(&mut self, handoff: &Handoff) -> Option<&mut Side> {
        let carried = handoff.by.as_ref().and_then(|by| self.book.identifiers.get(by));
        let lead = carried.map(|binding| binding.lead).filter(|lead| self.is_member(*lead));
        let lead = lead.unwrap_or(handoff.lead);
        self.is_member(lead).then(|| self.goes.ids.contains(&lead)).map(|goes| self.side(goes))
    }

    fn is_member(&self, lead: LeadId) -> bool {
        self.stays.ids.contains(&lead) || self.goes.ids.contains(&lead)
    }

    /// Where each stands with sales: as before the merge; what sales did since belongs to the side it was about.
    fn standing(&mut self, gone: &Lead) {
        let edge = gone.bonds.merged.as_ref();
        let since = edge.map_or(gone.created_at, |edge| edge.at);
        let mut before = edge.map_or_else(|| Standing::of(self.root), |edge| (*edge.stood).clone());
        let later = self.stays.ids.iter().filter_map(|id| self.book.leads.get(id));
        let mut later: Vec<(&Lead, _)> = later
            .filter_map(|lead| Some((lead, lead.bonds.merged.as_ref()?.at)))
            .filter(|(_, at)| *at > since)
            .collect();
        later.sort_by_key(|(lead, at)| (*at, lead.id));
        for (lead, _) in later {
            stand_together(&mut before, &Standing::of(lead));
        }
        let latest = |side: &Side| {
            side.handoffs
                .iter()
                .map(|handoff| (handoff.state.is_open(), handoff.state_since, handoff.id))
                .max()
        };
        let (ours, theirs) = (latest(&self.stays), latest(&self.goes));
        // Without any hand-over sales can only have worked on a record.
        let about_gone = if (&ours, &theirs) == (&None, &None) {
            self.stays.lead.remotes.is_empty() && !self.goes.lead.remotes.is_empty()
        } else {
            theirs > ours
        };
        let pool = matches!(self.root.stage, Stage::Raw | Stage::Marketing);
        let moved = match ours.max(theirs) {
            Some((_, at, _)) => at >= since,
            None => self.root.stage_since >= since && !pool,
        };
        let now = Standing::of(self.root);
        let of_gone = if moved && about_gone { now.clone() } else { Standing::of(gone) };
        let of_root = if moved && !about_gone { now } else { before };
        of_root.put(&mut self.stays.lead);
        of_gone.put(&mut self.goes.lead);
        for side in [&mut self.stays, &mut self.goes] {
            let open = side.handoffs.iter().any(|handoff| handoff.state.is_open());
            if side.lead.stage.with_sales() && !open {
                // What sales hold is the other: this one is marketing's again.
                side.lead.stage = if side.lead.mql { Stage::Marketing } else { Stage::Raw };
                (side.lead.stage_since, side.lead.owner) = (self.root.stage_since, None);
            }
        }
    }

    /// Hand-overs go to the lead whose identifier they carried.
    fn hand_over(&mut self, effects: &mut Vec<Effect>) {
        for side in [&mut self.stays, &mut self.goes] {
            for handoff in side.handoffs.iter_mut().filter(|handoff| !side.ids.contains(&handoff.lead)) {
                handoff.lead = side.lead.id;
                handoff.version += 1;
                effects.push(Effect::PutHandoff(Box::new(handoff.clone())));
            }
        }
    }

    /// Records go with their hand-over, identifiers with the lead that they were bound to.
    fn records(&mut self, effects: &mut Vec<Effect>) {
        let rows = self.stays.ids.union(&self.goes.ids).filter_map(|id| self.book.leads.get(id));
        let remotes: BTreeSet<RemoteRef> = rows.flat_map(|row| row.remotes.iter().cloned()).collect();
        self.stays.lead.remotes.clear();
        self.goes.lead.remotes.clear();
        let mut moved: Vec<(Identifier, bool)> = Vec::new();
        for remote in remotes {
            let goes = self.has(&remote);
            if let Some(link) =
                self.book.links.get(&remote).filter(|link| !self.side_ids(goes).contains(&link.lead))
            {
                let mut link = link.clone();
                link.lead = self.side(goes).lead.id;
                effects.push(Effect::LinkRemote(Box::new(link)));
            }
            moved.push((Identifier::new("crm_id", feedback::crm_id(&remote)), goes));
            self.side(goes).lead.remotes.insert(remote);
        }
        let mut rebound = BTreeMap::new();
        self.stays.lead.identifiers.clear();
        self.goes.lead.identifiers.clear();
        for (identifier, binding) in &self.book.identifiers {
            if !self.is_member(binding.lead) {
                continue;
            }
            let of_record = moved.iter().find(|(known, _)| known == identifier).map(|(_, goes)| *goes);
            let goes = of_record.unwrap_or_else(|| self.goes.ids.contains(&binding.lead));
            if !self.side_ids(goes).contains(&binding.lead) {
                let lead = self.side(goes).lead.id;
                rebound.insert(identifier.clone(), lead);
                effects.push(Effect::Bind(crate::lead::Binding { lead, ..binding.clone() }));
            }
            self.side(goes).lead.identifiers.insert(identifier.clone());
        }
        self.heads(&rebound);
    }

    /// What the head of each side is known by, by itself.
    fn heads(&mut self, moved: &BTreeMap<Identifier, LeadId>) {
        let book = self.book;
        for side in [&mut self.stays, &mut self.goes] {
            let head = side.lead.id;
            let others = side.ids.iter().filter(|id| **id != head).filter_map(|id| book.leads.get(id));
            let theirs: BTreeSet<&RemoteRef> = others.flat_map(|row| &own(row).remotes).collect();
            let remotes =
                side.lead.remotes.iter().filter(|remote| !theirs.contains(remote)).cloned().collect();
            let Some(by_itself) = &mut side.lead.bonds.own else { continue };
            let of = |identifier: &Identifier| {
                moved.get(identifier).copied().or_else(|| book.identifiers.get(identifier).map(|of| of.lead))
            };
            by_itself.identifiers =
                side.lead.identifiers.iter().filter(|one| of(one) == Some(head)).cloned().collect();
            by_itself.remotes = remotes;
        }
    }

    fn side_ids(&self, goes: bool) -> &BTreeSet<LeadId> {
        if goes { &self.goes.ids } else { &self.stays.ids }
    }

    /// Whether a record is of the lead that goes.
    fn has(&self, remote: &RemoteRef) -> bool {
        let by_handoff =
            |side: &Side| side.handoffs.iter().any(|handoff| handoff.remote.as_ref() == Some(remote));
        let link = self.book.links.get(remote);
        let linked = |side: &Side| {
            link.and_then(|link| link.handoff)
                .is_some_and(|id| side.handoffs.iter().any(|handoff| handoff.id == id))
        };
        match (by_handoff(&self.stays) || linked(&self.stays), by_handoff(&self.goes) || linked(&self.goes)) {
            (true, false) => false,
            (false, true) => true,
            _ => match link {
                Some(link) if self.is_member(link.lead) => self.goes.ids.contains(&link.lead),
                _ => self
                    .goes
                    .ids
                    .iter()
                    .filter_map(|id| self.book.leads.get(id))
                    .any(|row| row.remotes.contains(remote)),
            },
        }
    }
}

/// Puts right what a record holds of the other, and says so to who works on it.
fn correct(case: &mut Case<'_>, handoff: &Handoff, before: &Lead) {
    let Some(remote) = handoff.remote.clone() else { return };
    let corrected = tell::correct(case, handoff, &remote, before);
    if handoff.state.is_open() {
        tell::brief(case, handoff, &remote, News::Parted(&corrected));
    }
}

/// A rest goes with the lead that rests.
fn deadlines(root: &Lead, lead: &Lead) -> Option<Effect> {
    match lead.rest_until.filter(|_| lead.stage == Stage::Resting) {
        Some(at) if lead.id != root.id => Some(Effect::SetDeadline(feedback::wake(lead.id, at))),
        None if lead.id == root.id && root.stage == Stage::Resting => {
            Some(Effect::ClearDeadline(feedback::wake(lead.id, root.stage_since).key))
        }
        _ => None,
    }
}
