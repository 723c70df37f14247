//! The verb of stages 2 and 3: a capture becomes a touch of one person; profile, scores, stage and, where the lead is one
//! for sales, the hand-over follow in the same reaction.
//!
//! Only the order of the road stands here. Whose it is, is decided by [`crate::identity`]; what the pool makes of it by
//! [`crate::pool`], [`crate::score`], [`crate::funnel`], [`crate::track`]; whether sales get it by [`crate::transfer`].
//! Answers of sales go to [`crate::feedback`]. The verb does not fail: what cannot be processed is parked with a code.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::because::{Because, Reason};
use crate::book::{Book, HISTORY_LOADED, Needs};
use crate::capture::{CaptureEnd, CaptureKind, Captured, Identifier};
use crate::case::Case;
use crate::effect::{Effect, Reaction, Suspect};
use crate::facts::{self, Scene};
use crate::identity::{self, Resolution};
use crate::ids::LeadId;
use crate::lead::{Edge, Lead, Standing, Touch};
use crate::matching::{self, Subject};
use crate::moment::Moment;
use crate::notice::{self, Event, Happened};
use crate::policy::Policy;
use crate::score::replay;
use crate::time::Timestamp;
use crate::transfer::{self, Occasion};
use crate::{agree, enrich, feedback, funnel, inform, origin, person, pool, score, tell, track};

/// What must be known first: whose identifiers these are.
#[must_use]
pub fn needs(captures: &[Captured], policy: &Policy) -> Needs {
    let mut needs = feedback::needs(&answers(captures));
    for captured in captures {
        needs.identifiers.extend(captured.who.iter().chain(&captured.ties.unlink).cloned());
        origin::needs(captured, policy, &mut needs);
    }
    needs
}

/// What must be known then: what the mirror holds under the keys of those leads and of what the captures add to them.
#[must_use]
pub fn needs_more(book: &Book, captures: &[Captured], policy: &Policy) -> Needs {
    let (mut subjects, mut records, mut registry) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let mut order = Order::default();
    for captured in captures.iter().filter(|captured| captured.kind == CaptureKind::Touch) {
        order.see(book, captured);
        let text = |field: &str| captured.fields.text(field);
        registry.extend(enrich::keys(policy, text("company"), text("company.credit_code")));
        let said = |field: &str| captured.fields.text(field).map(str::to_owned).into_iter().collect();
        // What is said anew and what is known may belong together: a name is judged beside both.
        let mut said = Subject {
            lead: None,
            identifiers: captured.who.iter().cloned().collect(),
            companies: said("company"),
            credit_codes: said("company.credit_code"),
        };
        let mut known: BTreeMap<LeadId, Subject> = BTreeMap::new();
        for lead in captured.who.iter().filter_map(|identifier| book.lead_of(identifier)) {
            if let Entry::Vacant(place) = known.entry(lead.id) {
                registry.extend(enrich::keys_of(policy, lead));
                records.extend(lead.remotes.iter().cloned());
                let mut subject = Subject::of(lead);
                said.credit_codes.extend(subject.credit_codes.iter().cloned());
                said.identifiers.extend(subject.identifiers.iter().cloned());
                subject.companies.extend(said.companies.iter().cloned());
                place.insert(subject);
            }
        }
        for mut subject in known.into_values() {
            subject.credit_codes.extend(said.credit_codes.iter().cloned());
            subjects.push(subject);
        }
        subjects.push(said);
    }
    let mut needs = matching::needs(&subjects, policy);
    needs.counters.extend(registry);
    if replay::matters(policy) {
        needs.history_of = order.at_stake;
    }
    needs.rows.extend(records);
    // What sales hold of a person hears of a new number: its record, as it is.
    let touched = captures.iter().filter(|captured| captured.kind == CaptureKind::Touch);
    for lead in touched.flat_map(|captured| &captured.who).filter_map(|identifier| book.lead_of(identifier)) {
        needs.rows.extend(book.open_handoff(lead.id).and_then(|handoff| handoff.remote.clone()));
    }
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
            // What is longer than what is loaded is never counted anew: its history is left where it is.
            if (joined || captured.at <= *latest) && lead.touches <= HISTORY_LOADED {
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
    let (book, remembered) = person::dealings::joined(book, found.survivor, &found.absorbed);
    let book = &*book;
    reaction.effects.extend(remembered);
    let mut person = Person::of(book, &found, captured, policy, moment, &mut reaction);
    reaction.because.lead = Some(person.lead.id);
    person.bind(&found, captured, &mut reaction);
    person.unbind(captured, &mut reaction);

    let mut touch = pool::touch(captured, person.born, found.by.clone(), policy, moment);
    let untold = touch.clone();
    reaction.because.reasons.extend(pool::tell(&mut person.lead, captured, &mut touch, policy));
    if person.before.is_none() {
        reaction.because.reasons.extend(origin::referred(book, &mut person.lead, captured, policy));
    }
    let counted = count(&mut person, &found.absorbed, &mut touch, captured, policy, moment);
    reaction.because.reasons.extend(counted.0);
    reaction.effects.extend(counted.1);
    person.tell_own(captured, untold, policy, moment);
    reaction.effects.extend(person.change_phone(&found, captured, policy, moment, &mut reaction.because));
    if !waits(&mut person, &touch, policy, moment, &mut reaction) {
        for effect in judge(&mut person, &touch, captured, policy, moment, &mut reaction.because) {
            reaction.effects.push(effect);
        }
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

    // Like its touch it stays with the lead it was born to: parted again, each is exported and erased with what is its own.
    let end = CaptureEnd::Touched(person.born);
    person.lead.version += 1;
    reaction.effects.extend(person.rows.into_values().map(|row| Effect::PutLead(Box::new(row))));
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
    /// The lead that the capture is born to: whose identifier brought it. It may have been merged into `lead`.
    born: LeadId,
    /// Other leads that change: those that are merged now, one that the capture is born to, one that loses an identifier.
    rows: BTreeMap<LeadId, Lead>,
    /// A lead that was just merged into it is with sales: nothing is opened in the same step.
    came_with_handoff: bool,
}

impl<'a> Person<'a> {
    /// The lead a capture belongs to: found, joined with others, or new. Finds the edges of merges and tells the suspects.
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
        let absorbed: Vec<&Lead> = found.absorbed.iter().filter_map(|id| book.leads.get(id)).collect();
        let of = found.survivor.iter().chain(&found.absorbed).filter_map(|id| book.leads.get(id));
        let latest = of.map(|lead| lead.last_touch_at).max().unwrap_or(Timestamp(i64::MIN));
        let mut rows = BTreeMap::new();
        if let Some(survivor) = before.filter(|_| !absorbed.is_empty()) {
            lead = person::merged(book, survivor, &absorbed, policy, moment.now);
            for absorbed in &absorbed {
                let mut edge = (*absorbed).clone();
                edge.merged_into = Some(lead.id);
                edge.version += 1;
                edge.bonds.merged = Some(Edge {
                    at: moment.now,
                    by: found.joined.get(&absorbed.id).cloned(),
                    who: None,
                    stood: Box::new(Standing::of(survivor)),
                });
                reaction.because.push(Reason::new("merged").with("lead", edge.id).with("into", lead.id));
                rows.insert(edge.id, edge);
            }
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
        let of_identifier =
            found.by.as_ref().and_then(|by| book.identifiers.get(by)).map(|binding| binding.lead);
        let known = of_identifier.filter(|_| before.is_some());
        let born = known.filter(|id| book.leads.contains_key(id)).unwrap_or(lead.id);
        let came_with_handoff = absorbed.iter().any(|lead| book.open_handoff(lead.id).is_some());
        Self { book, lead, before, latest, born, rows, came_with_handoff }
    }

    /// A row beside the lead itself, to be changed.
    fn row(&mut self, id: LeadId) -> Option<&mut Lead> {
        if id == self.lead.id {
            return Some(&mut self.lead);
        }
        match self.rows.entry(id) {
            Entry::Occupied(row) => Some(row.into_mut()),
            Entry::Vacant(place) => {
                let mut row = self.book.leads.get(&id)?.clone();
                row.version += 1;
                Some(place.insert(row))
            }
        }
    }

    fn bind(&mut self, found: &Resolution, captured: &Captured, reaction: &mut Reaction) {
        let born = self.born;
        for identifier in &found.bind {
            let taken = found.taken.contains(identifier);
            let new = !self.book.identifiers.contains_key(identifier);
            self.lead.identifiers.insert(identifier.clone());
            if (new || taken)
                && let Some(row) = self.row(born)
            {
                person::own_mut(row).identifiers.insert(identifier.clone());
                row.identifiers.insert(identifier.clone());
            }
            if taken {
                self.take(identifier, captured, reaction);
            }
            let binding =
                identity::binding(self.book, (identifier, taken), born, &captured.source, captured.at);
            reaction.effects.push(Effect::Bind(binding));
        }
    }

    /// Takes an identifier from whoever had it until now: a phone that was given to somebody else.
    fn take(&mut self, identifier: &Identifier, captured: &Captured, reaction: &mut Reaction) {
        let Some(known) = self.book.identifiers.get(identifier) else { return };
        let root = self.book.resolve(known.lead).map(|lead| lead.id);
        let until = captured.at;
        for id in [Some(known.lead), root.filter(|root| *root != known.lead)].into_iter().flatten() {
            if let Some(row) = self.row(id) {
                person::each(row, |lead| {
                    lead.identifiers.remove(identifier);
                    person::forget(lead, identifier, until, "passed_on");
                });
            }
        }
        reaction.because.push(Reason::new("passed_on").with("by", identity::masked(identifier)));
    }

    /// Takes the identifiers from the person that the source says are no longer theirs. The last one stays: nobody could
    /// be found again without.
    fn unbind(&mut self, captured: &Captured, reaction: &mut Reaction) {
        for identifier in &captured.ties.unlink {
            if !self.lead.identifiers.contains(identifier) {
                continue;
            }
            let by = identity::masked(identifier);
            let known = self.book.identifiers.get(identifier);
            if self.lead.identifiers.len() == 1 {
                reaction.because.push(Reason::new("unlink_last").with("by", by));
                continue;
            }
            if known.is_some_and(|known| known.last_at > captured.at) {
                reaction.because.push(Reason::new("unlink_late").with("by", by));
                continue;
            }
            let (of, root) = (known.map_or(self.born, |known| known.lead), self.lead.id);
            for id in [Some(of), Some(root).filter(|root| *root != of)].into_iter().flatten() {
                if let Some(row) = self.row(id) {
                    person::each(row, |lead| {
                        lead.identifiers.remove(identifier);
                        person::forget(lead, identifier, captured.at, "unlinked");
                    });
                }
            }
            reaction.because.push(Reason::new("unlinked").with("by", by));
            reaction.effects.push(Effect::Unbind(identifier.clone()));
        }
    }

    /// The lead that the capture is born to keeps what it says as its own, where it is one of several that make up the
    /// person: should they be parted again, nothing of it is lost.
    fn tell_own(&mut self, captured: &Captured, mut touch: Touch, policy: &Policy, moment: &Moment) {
        if self.born == self.lead.id && self.lead.bonds.own.is_none() {
            return;
        }
        let born = self.born;
        let Some(row) = self.row(born) else { return };
        let own = person::own_mut(row);
        pool::tell(own, captured, &mut touch, policy);
        score::take(own, &captured.source, &captured.fields, captured.at, policy);
        let facts = facts::judged(&Scene { lead: own, touch: Some(&touch), policy, now: moment.now });
        score::attributes(own, &facts, policy);
        score::count(own, &mut touch, &facts, policy);
        // The person is what its leads are together: reckoned from them, it does not depend on who was merged when.
        let mut ids = person::members(self.book, self.lead.id);
        for merged in self.rows.values().filter(|row| row.merged_into == Some(self.lead.id)) {
            ids.extend(person::members(self.book, merged.id));
        }
        ids.remove(&self.lead.id);
        let others = ids.iter().filter_map(|id| self.rows.get(id).or_else(|| self.book.leads.get(id)));
        let rows: Vec<&Lead> = others.chain([&self.lead]).collect();
        let composed = person::compose(&self.lead, &rows, policy, moment.now);
        // What a history of all of them gave is more than what each of them has.
        let scores = std::mem::replace(&mut self.lead, composed).scores;
        self.lead.scores = scores;
    }

    /// A new phone in place of the old one, where the capture proves whose it is: sales hear of it.
    fn change_phone(
        &mut self,
        found: &Resolution,
        captured: &Captured,
        policy: &Policy,
        moment: &mut Moment,
        because: &mut Because,
    ) -> Vec<Effect> {
        let Some(before) = self.before else { return Vec::new() };
        let Some((old, new)) = person::phone::changed_by(before, captured, found, policy) else {
            return Vec::new();
        };
        if self.lead.text("phone") != captured.fields.text("phone") {
            return Vec::new(); // an older event: the person has a newer number by now
        }
        person::phone::give_up(&mut self.lead, &old, &new, captured.at);
        because.push(
            Reason::new("phone_changed").with("to", identity::masked(&new)).with("who", &captured.source),
        );
        let mut case = Case::new(self.book, policy, moment, &mut self.lead);
        person::phone::tell_unmapped(&mut case, before);
        let (effects, mut said) = case.into_parts();
        because.reasons.append(&mut said.reasons);
        effects
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
    let facts = facts::judged(&Scene { lead, touch: Some(touch), policy, now: moment.now });
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

/// Somebody came through a salesperson's own poster: they hear of it at once.
fn poster(
    person: &mut Person<'_>,
    touch: &Touch,
    policy: &Policy,
    moment: &mut Moment,
    because: &mut Because,
) -> Vec<Effect> {
    let Some(key) = pool::poster(touch, policy) else { return Vec::new() };
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

/// Whether the decision waits for what a registry says of the company.
fn waits(
    person: &mut Person<'_>,
    touch: &Touch,
    policy: &Policy,
    moment: &mut Moment,
    reaction: &mut Reaction,
) -> bool {
    if policy.enrich.is_empty() || person.came_with_handoff {
        return false;
    }
    let mut case = Case::new(person.book, policy, moment, &mut person.lead);
    let waits = enrich::look(&mut case, touch.id);
    let (effects, mut said) = case.into_parts();
    reaction.effects.extend(effects);
    reaction.because.reasons.append(&mut said.reasons);
    waits
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
