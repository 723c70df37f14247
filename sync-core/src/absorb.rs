//! The verb of stages 2 and 3: a capture becomes a touch of one person; profile, scores, stage and, where the lead is one
//! for sales, the hand-over follow in the same reaction.
//!
//! Only the order of the road stands here. Whose it is, is decided by [`crate::identity`]; what the pool makes of it by
//! [`crate::pool`], [`crate::score`], [`crate::funnel`], [`crate::track`]; whether sales get it by [`crate::transfer`].
//! Answers of sales go to [`crate::feedback`]. The verb does not fail: what cannot be processed is parked with a code.

use std::collections::{BTreeMap, BTreeSet};

use crate::because::{Because, Reason};
use crate::book::{Book, Needs};
use crate::capture::{CaptureEnd, CaptureKind, Captured, Identifier};
use crate::case::Case;
use crate::effect::{Effect, Reaction, Suspect};
use crate::facts::{self, Scene};
use crate::identity::{self, Resolution};
use crate::ids::{LeadId, PersonKey};
use crate::lead::{Lead, Touch};
use crate::matching::{self, Subject};
use crate::moment::Moment;
use crate::notice::{self, Event, Happened};
use crate::policy::Policy;
use crate::score::replay;
use crate::time::Timestamp;
use crate::transfer::{self, Occasion};
use crate::{agree, feedback, funnel, inform, pool, score, tell, track};

/// What must be known first: whose identifiers these are.
#[must_use]
pub fn needs(captures: &[Captured], _policy: &Policy) -> Needs {
    let mut needs = feedback::needs(&answers(captures));
    for captured in captures {
        needs.identifiers.extend(captured.who.iter().chain(&captured.ties.unlink).cloned());
    }
    needs
}

/// What must be known then: what the mirror holds under the keys of those leads and of what the captures add to them.
#[must_use]
pub fn needs_more(book: &Book, captures: &[Captured], policy: &Policy) -> Needs {
    let (mut subjects, mut records) = (Vec::new(), BTreeSet::new());
    let mut order = Order::default();
    for captured in captures.iter().filter(|captured| captured.kind == CaptureKind::Touch) {
        order.see(book, captured);
        let mut known: BTreeSet<LeadId> = BTreeSet::new();
        for lead in captured.who.iter().filter_map(|identifier| book.lead_of(identifier)) {
            if known.insert(lead.id) {
                subjects.push(Subject::of(lead));
                records.extend(lead.remotes.iter().cloned());
            }
        }
        let said = |field: &str| captured.fields.text(field).map(str::to_owned).into_iter().collect();
        subjects.push(Subject {
            lead: None,
            identifiers: captured.who.iter().cloned().collect(),
            companies: said("company"),
            credit_codes: said("company.credit_code"),
        });
    }
    let mut needs = matching::needs(&subjects, policy);
    if replay::matters(policy) {
        needs.history_of = order.at_stake;
    }
    needs.rows.extend(records);
    needs.extend(feedback::needs_more(book, &answers(captures), policy));
    needs
}

/// Whose order of touches is at stake in a batch: who is told of late, and who turns out to be one with somebody.
#[derive(Default)]
struct Order<'a> {
    latest: BTreeMap<LeadId, Timestamp>,
    fresh: BTreeSet<&'a Identifier>,
    at_stake: BTreeSet<LeadId>,
}

impl<'a> Order<'a> {
    fn see(&mut self, book: &Book, captured: &'a Captured) {
        let leads: BTreeMap<LeadId, &Lead> = captured
            .who
            .iter()
            .filter_map(|identifier| book.lead_of(identifier))
            .map(|lead| (lead.id, lead))
            .collect();
        // Somebody new of this batch may be joined with a lead that is known.
        let joined = leads.len() > 1 || captured.who.iter().any(|identifier| self.fresh.contains(identifier));
        for (id, lead) in leads {
            let latest = self.latest.entry(id).or_insert(lead.last_touch_at);
            if joined || captured.at <= *latest {
                self.at_stake.insert(id);
            }
            *latest = (*latest).max(captured.at);
        }
        let fresh = captured.who.iter().filter(|identifier| book.lead_of(identifier).is_none());
        self.fresh.extend(fresh);
    }
}

fn answers(captures: &[Captured]) -> Vec<Captured> {
    captures.iter().filter(|captured| captured.kind == CaptureKind::Feedback).cloned().collect()
}

/// Takes in one capture.
#[must_use]
pub fn absorb(book: &Book, captured: &Captured, policy: &Policy, moment: &mut Moment) -> Reaction {
    if captured.kind == CaptureKind::Feedback {
        return feedback::listen(book, captured, policy, moment);
    }
    let mut reaction = Reaction::default();
    reaction.because.capture = Some(captured.id);
    if captured.who.is_empty() {
        let detail = "nothing in it says who it is; inject its push again after mapping the field that does";
        let end = CaptureEnd::Parked { code: "LL4003".to_owned(), detail: detail.to_owned() };
        reaction.because.push(Reason::new("identifies_nobody"));
        reaction.effects.push(Effect::FinishCapture { id: captured.id, end });
        return reaction;
    }
    let found = identity::resolve(book, captured, policy);
    reaction.because.reasons.extend(found.reasons.iter().cloned());
    let mut person = Person::of(book, &found, captured, policy, moment, &mut reaction);
    reaction.because.lead = Some(person.lead.id);
    bind(book, &found, captured, &mut person.lead, &mut reaction);
    unbind(book, captured, &mut person.lead, &mut reaction);

    let mut touch = pool::touch(captured, person.lead.id, found.by.clone(), policy, moment);
    reaction.because.reasons.extend(pool::tell(&mut person.lead, captured, &mut touch, policy));
    let counted = count(&mut person, &found.absorbed, &mut touch, captured, policy, moment);
    reaction.because.reasons.extend(counted.0);
    reaction.effects.extend(counted.1);
    for effect in judge(&mut person, &touch, captured, policy, moment, &mut reaction.because) {
        reaction.effects.push(effect);
    }
    reaction.effects.extend(poster(&mut person, &touch, policy, moment, &mut reaction.because));
    let (reasons, effects) = track::choose(&mut person.lead, policy, moment.now);
    reaction.because.reasons.extend(reasons);
    reaction.effects.extend(effects);
    reaction.effects.extend(inform::changes(person.before, &person.lead, policy, moment));
    let mut case = Case::new(book, policy, moment, &mut person.lead);
    agree::all(&mut case);
    let (effects, because) = case.into_parts();
    reaction.effects.extend(effects);
    reaction.because.reasons.extend(because.reasons);

    let end = CaptureEnd::Touched(person.lead.id);
    person.lead.version += 1;
    reaction.effects.push(Effect::PutLead(Box::new(person.lead)));
    reaction.effects.push(Effect::Touch(Box::new(touch)));
    reaction.effects.push(Effect::FinishCapture { id: captured.id, end });
    reaction
}

/// The lead at work, and how it was.
struct Person<'a> {
    book: &'a Book,
    lead: Lead,
    before: Option<&'a Lead>,
    /// When the last of its touches was before this one.
    latest: Timestamp,
    /// A lead that was just merged into it is with sales: nothing is opened in the same step.
    came_with_handoff: bool,
}

impl<'a> Person<'a> {
    /// The lead a capture belongs to: found, joined with others, or new. Writes the edges of merges and the suspects.
    fn of(
        book: &'a Book,
        found: &Resolution,
        captured: &Captured,
        policy: &Policy,
        moment: &mut Moment,
        reaction: &mut Reaction,
    ) -> Self {
        let before = found.survivor.and_then(|id| book.leads.get(&id));
        let mut lead = before.cloned().unwrap_or_else(|| pool::new_lead(captured, moment));
        let mut came_with_handoff = false;
        let of = found.survivor.iter().chain(&found.absorbed).filter_map(|id| book.leads.get(id));
        let latest = of.map(|lead| lead.last_touch_at).max().unwrap_or(Timestamp(i64::MIN));
        for absorbed in found.absorbed.iter().filter_map(|id| book.leads.get(id)) {
            came_with_handoff |= book.open_handoff(absorbed.id).is_some();
            pool::join(&mut lead, absorbed, policy);
            let mut edge = absorbed.clone();
            edge.merged_into = Some(lead.id);
            edge.version += 1;
            reaction.because.push(Reason::new("merged").with("lead", edge.id).with("into", lead.id));
            reaction.effects.push(Effect::PutLead(Box::new(edge)));
        }
        for doubt in &found.suspects {
            reaction.effects.push(Effect::Suspect(Suspect {
                lead: lead.id,
                other: doubt.other,
                by: doubt.by.clone(),
                reason: doubt.why.to_owned(),
                at: moment.now,
            }));
        }
        Self { book, lead, before, latest, came_with_handoff }
    }
}

fn bind(book: &Book, found: &Resolution, captured: &Captured, lead: &mut Lead, reaction: &mut Reaction) {
    for identifier in &found.bind {
        lead.identifiers.insert(identifier.clone());
        let binding = identity::binding(book, identifier, lead.id, &captured.source, captured.at);
        reaction.effects.push(Effect::Bind(binding));
    }
}

/// Takes the identifiers from the person that the source says are no longer theirs. The last one stays: nobody could be
/// found again without.
fn unbind(book: &Book, captured: &Captured, lead: &mut Lead, reaction: &mut Reaction) {
    for identifier in &captured.ties.unlink {
        if !lead.identifiers.contains(identifier) {
            continue;
        }
        let by = identity::masked(identifier);
        if lead.identifiers.len() == 1 {
            reaction.because.push(Reason::new("unlink_last").with("by", by));
            continue;
        }
        if book.identifiers.get(identifier).is_some_and(|known| known.last_at > captured.at) {
            reaction.because.push(Reason::new("unlink_late").with("by", by));
            continue;
        }
        lead.identifiers.remove(identifier);
        reaction.because.push(Reason::new("unlinked").with("by", by));
        reaction.effects.push(Effect::Unbind(identifier.clone()));
    }
}

/// Scores: points that were sent, points for what the profile says now, points for the touch. Where it came late, or two
/// leads became one, the whole history is counted in its order.
fn count(
    person: &mut Person<'_>,
    absorbed: &[LeadId],
    touch: &mut Touch,
    captured: &Captured,
    policy: &Policy,
    moment: &Moment,
) -> (Vec<Reason>, Vec<Effect>) {
    let lead = &mut person.lead;
    let mut reasons = score::take(lead, &captured.source, &captured.fields, captured.at, policy);
    let facts = facts::of(&Scene { lead, touch: Some(touch), policy, now: moment.now });
    score::attributes(lead, &facts, policy);
    let said = score::count(lead, touch, &facts, policy);
    let before = lead.touches.saturating_sub(1);
    // A touch of the same instant counts as late: which was first is then decided by what both say.
    let late = before > 0 && captured.at <= person.latest;
    if !replay::matters(policy) || (!late && absorbed.is_empty()) {
        reasons.extend(said);
        return (reasons, Vec::new());
    }
    let Some(mut history) = replay::history(person.book, lead, absorbed, before) else {
        reasons.extend(said);
        return (reasons, Vec::new());
    };
    history.push(touch.clone());
    let replayed = replay::replay(lead, history, policy);
    lead.scores = replayed.scores;
    let (own, others): (Vec<Touch>, Vec<Touch>) =
        replayed.changed.into_iter().partition(|changed| changed.id == touch.id);
    if own.is_empty() {
        reasons.extend(said);
    }
    for own in own {
        for (score, points) in &own.points {
            let reason = Reason::new("points").with("score", score).with("touch", &own.kind);
            reasons.push(reason.with("points", score::shown(*points)));
        }
        *touch = own;
    }
    if !others.is_empty() {
        reasons.push(Reason::new("recounted").with("touches", others.len()));
    }
    (reasons, others.into_iter().map(|touch| Effect::Receipts(Box::new(touch))).collect())
}

/// Somebody came through a salesperson's own poster (`touch.poster` holds their key): they hear of it at once.
fn poster(
    person: &mut Person<'_>,
    touch: &Touch,
    policy: &Policy,
    moment: &mut Moment,
    because: &mut Because,
) -> Vec<Effect> {
    let key = touch.fields.text("poster").map(|key| PersonKey::from(key.trim()));
    let Some(key) = key.filter(|key| policy.people.contains_key(key)) else { return Vec::new() };
    let mut case = Case::new(person.book, policy, moment, &mut person.lead);
    let happened = Happened {
        event: Event::PosterRegistration,
        thing: touch.id.uuid().simple().to_string(),
        handoff: None,
        owner: Some(key),
        only: None,
        facts: vec![("touch", tell::touch_line(&case, touch).into())],
    };
    notice::raise(&mut case, &happened);
    let (effects, mut said) = case.into_parts();
    because.reasons.append(&mut said.reasons);
    effects
}

/// The lead's place in the funnel, and the hand-over that follows from it.
fn judge(
    person: &mut Person<'_>,
    touch: &Touch,
    captured: &Captured,
    policy: &Policy,
    moment: &mut Moment,
    because: &mut Because,
) -> Vec<Effect> {
    let (before, now) = (person.before, moment.now);
    let held = || before.is_some_and(|before| funnel::holds(before, policy, now));
    let judged = funnel::judge(&mut person.lead, touch, held, policy, now);
    because.reasons.extend(judged.reasons);
    if !judged.calls || person.came_with_handoff {
        return Vec::new();
    }
    let occasion = Occasion { happened: captured.at, noticed: captured.arrived, touch: Some(touch) };
    transfer::open(person.book, &mut person.lead, &occasion, policy, moment, because)
}
