//! Joining by hand: somebody says that two leads are one person, or that they are not.
//!
//! By rule, joining is part of taking in a capture ([`crate::absorb`]). What is said by hand holds against any rule, and is
//! remembered: the pair is never asked about again.

use super::{MOST_REMEMBERED, Refusal, age, dealings, members, merged, own_mut, recount};
use crate::because::Reason;
use crate::book::{Book, Needs};
use crate::case::Case;
use crate::effect::{AttemptNote, Effect, Reaction, Verdict};
use crate::funnel;
use crate::handoff::{Handoff, HandoffState};
use crate::ids::LeadId;
use crate::inform;
use crate::lead::{Edge, Lead, Stage, Standing};
use crate::matching::{self, Subject};
use crate::moment::Moment;
use crate::outbox::{Delivery, DeliveryState};
use crate::policy::Policy;
use crate::tell::{self, News};
use crate::transfer::{self, Occasion};

/// What must be known first: the leads, with all they were merged with.
#[must_use]
pub fn needs(leads: &[LeadId]) -> Needs {
    Needs { leads: leads.iter().copied().collect(), ..Needs::default() }
}

/// What must be known then: the records of their hand-overs, and all that a decision about them reads.
#[must_use]
pub fn needs_more(book: &Book, policy: &Policy) -> Needs {
    let roots = book.leads.values().filter(|lead| lead.merged_into.is_none());
    let subjects: Vec<Subject> = roots.map(Subject::of).collect();
    let mut needs = matching::needs(&subjects, policy);
    needs.history_of = book.leads.keys().copied().collect();
    needs.counters.extend(dealings::keys(book));
    needs.rows.extend(book.leads.values().flat_map(|lead| lead.remotes.iter().cloned()));
    needs.rows.extend(book.handoffs.values().filter_map(|handoff| handoff.remote.clone()));
    needs
}

/// The person that an id stands for.
pub(super) fn person(book: &Book, id: LeadId) -> Result<&Lead, Refusal> {
    book.resolve(id).ok_or_else(|| Refusal {
        code: "LL4500",
        en: format!("there is no lead {id}; `leadloop lead search` finds leads by phone, address or name"),
        zh: format!("没有线索 {id}；可用 `leadloop lead search` 按手机、邮箱或姓名查找"),
    })
}

/// Makes two leads one person: the older survives, sales keep one hand-over. `unsettled` is what is still to be said about
/// them; none of it may be on its way.
///
/// # Errors
/// Where one is not there, or both are the same already.
pub fn merge(
    book: &Book,
    (one, other): (LeadId, LeadId),
    unsettled: &[Delivery],
    who: &str,
    policy: &Policy,
    moment: &mut Moment,
) -> Result<Reaction, Refusal> {
    let (one, other) = (person(book, one)?, person(book, other)?);
    if one.id == other.id {
        return Err(Refusal {
            code: "LL4502",
            en: format!("both are {} already", one.id),
            zh: format!("两者已经是同一条线索 {}", one.id),
        });
    }
    let (survivor, absorbed) = if age(one) <= age(other) { (one, other) } else { (other, one) };
    let (book, mut effects) = dealings::joined(book, Some(survivor.id), &[absorbed.id]);
    let book = &*book;
    let mut lead = merged(book, survivor, &[absorbed], policy, moment.now);
    let mut edge = absorbed.clone();
    edge.merged_into = Some(lead.id);
    edge.bonds.merged = Some(Edge {
        at: moment.now,
        by: None,
        who: Some(who.to_owned()),
        stood: Box::new(Standing::of(survivor)),
    });
    let mut case = Case::new(book, policy, moment, &mut lead);
    case.say(Reason::new("merged_by_hand").with("lead", edge.id).with("into", survivor.id).with("who", who));
    one_handoff(&mut case, (survivor, absorbed), unsettled);
    let (said, because) = case.into_parts();
    effects.extend(said);
    let mut ids = members(book, survivor.id);
    ids.extend(members(book, absorbed.id));
    recount(book, &mut lead, &ids, policy, &mut effects);
    together(book, (&mut lead, &mut edge), &mut effects);
    effects.push(Effect::Verdict(Verdict {
        lead: survivor.id,
        other: absorbed.id,
        same: true,
        who: who.to_owned(),
        at: moment.now,
    }));
    effects.extend(inform::changes(Some(survivor), &lead, policy, moment));
    (lead.version, edge.version) = (survivor.version + 1, absorbed.version + 1);
    effects.push(Effect::PutLead(Box::new(lead)));
    effects.push(Effect::PutLead(Box::new(edge)));
    Ok(Reaction { effects, because })
}

/// Takes back that members of the two are different people, wherever it was noted.
fn together(book: &Book, (lead, edge): (&mut Lead, &mut Lead), effects: &mut Vec<Effect>) {
    let mut all = members(book, lead.id);
    all.extend(members(book, edge.id));
    let clean = |row: &mut Lead| {
        let before = row.bonds.clone();
        row.bonds.apart.retain(|id| !all.contains(id));
        if let Some(own) = &mut row.bonds.own {
            own.bonds.apart.retain(|id| !all.contains(id));
        }
        row.bonds != before
    };
    clean(lead);
    clean(edge);
    for row in all.iter().filter(|id| **id != lead.id && **id != edge.id).filter_map(|id| book.leads.get(id))
    {
        let mut row = row.clone();
        if clean(&mut row) {
            row.version += 1;
            effects.push(Effect::PutLead(Box::new(row)));
        }
    }
}

/// Of two running hand-overs the one that sales are further with goes on; the other ends, and its record says where to
/// look.
fn one_handoff(case: &mut Case<'_>, (survivor, absorbed): (&Lead, &Lead), unsettled: &[Delivery]) {
    let (Some(ours), Some(theirs)) =
        (case.book.open_handoff(survivor.id).cloned(), case.book.open_handoff(absorbed.id).cloned())
    else {
        return;
    };
    let (kept, mut ended) = if place(&theirs) > place(&ours) { (theirs, ours) } else { (ours, theirs) };
    case.say(Reason::new("one_handoff").with("kept", kept.id).with("ended", ended.id));
    case.state(&mut ended, HandoffState::Superseded);
    ended.due = None;
    case.push(Effect::ClearDeadline(transfer::hold_key(ended.id)));
    // What was tried may have arrived: its end is awaited, and then told that it is over.
    for delivery in unsettled.iter().filter(|told| told.handoff == Some(ended.id) && told.attempt == 0) {
        let (id, now) = (delivery.id, case.now());
        let detail = "the hand-over ended: the person is handed over already".to_owned();
        case.push(Effect::MoveDelivery {
            id,
            attempt: delivery.attempt,
            to: DeliveryState::Settled,
            due_at: now,
            probe: delivery.probe,
            operation: None,
            reset: false,
            note: AttemptNote { at: now, class: "withdrawn".to_owned(), detail },
        });
    }
    if let Some(remote) = ended.remote.clone() {
        tell::brief(case, &ended, &remote, News::SameAs(kept.remote.as_ref()));
    }
    case.put_handoff(ended);
    case.because.handoff = Some(kept.id);
    case.lead.owner.clone_from(&kept.owner);
}

/// How far sales are with a hand-over; of two that are equally far the earlier counts.
fn place(handoff: &Handoff) -> (u8, std::cmp::Reverse<crate::time::Timestamp>) {
    let far = match handoff.state {
        HandoffState::Accepted => 4,
        HandoffState::WithSales => 3,
        HandoffState::Telling => 2,
        HandoffState::Asking => 1,
        _ => 0,
    };
    (far, std::cmp::Reverse(handoff.opened_at))
}

/// Says that two leads are different people: no rule joins them any more.
///
/// # Errors
/// Where one is not there, or both are one person: they must be parted first.
pub fn apart(
    book: &Book,
    (one, other): (LeadId, LeadId),
    who: &str,
    moment: &Moment,
) -> Result<Reaction, Refusal> {
    let (one, other) = (person(book, one)?, person(book, other)?);
    if one.id == other.id {
        return Err(Refusal {
            code: "LL4502",
            en: format!("both are {}; take the merge back with `leadloop lead unmerge`", one.id),
            zh: format!("两者是同一条线索 {}；请用 `leadloop lead unmerge` 撤销合并", one.id),
        });
    }
    let mut reaction = Reaction::default();
    reaction.because.lead = Some(one.id);
    reaction
        .because
        .push(Reason::new("apart_by_hand").with("lead", one.id).with("other", other.id).with("who", who));
    for (lead, from) in [(one, other), (other, one)] {
        let mut lead = lead.clone();
        keep_apart(&mut lead, from.id);
        lead.version += 1;
        reaction.effects.push(Effect::PutLead(Box::new(lead)));
    }
    reaction.effects.push(Effect::Verdict(Verdict {
        lead: one.id,
        other: other.id,
        same: false,
        who: who.to_owned(),
        at: moment.now,
    }));
    Ok(reaction)
}

/// Notes on a lead that another is somebody else.
pub(super) fn keep_apart(lead: &mut Lead, other: LeadId) {
    lead.bonds.apart.insert(other);
    own_mut(lead).bonds.apart.insert(other);
    while lead.bonds.apart.len() > MOST_REMEMBERED {
        lead.bonds.apart.pop_first();
    }
}

/// Judges a lead that was put together anew: it may be an MQL by what it is now, and then goes to sales. The book knows
/// the lead as it became.
#[must_use]
pub fn reconsider(book: &Book, id: LeadId, policy: &Policy, moment: &mut Moment) -> Reaction {
    let mut reaction = Reaction::default();
    let Some(before) = book.resolve(id) else { return reaction };
    reaction.because.lead = Some(before.id);
    let mut lead = before.clone();
    let pool = matches!(lead.stage, Stage::Raw | Stage::Marketing);
    if !pool || lead.mql || !funnel::qualify(&mut lead, policy, moment.now, &mut reaction.because.reasons) {
        return reaction;
    }
    let occasion = Occasion { happened: lead.last_touch_at, noticed: moment.now, touch: None };
    reaction.effects = transfer::open(book, &mut lead, &occasion, policy, moment, &mut reaction.because);
    reaction.effects.extend(inform::changes(Some(before), &lead, policy, moment));
    lead.version += 1;
    reaction.effects.push(Effect::PutLead(Box::new(lead)));
    reaction
}
