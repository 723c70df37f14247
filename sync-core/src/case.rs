//! One reaction in the making: the lead as it becomes, effects and reasons as they come.
//!
//! Shared by the verbs behind the pool ([`crate::transfer`], [`crate::settle`], [`crate::feedback`], [`crate::tick`]).
//! Decides nothing.

use serde_json::Value as Json;

use crate::because::{Because, Reason};
use crate::book::Book;
use crate::effect::{Alarm, Deadline, Effect, Reaction};
use crate::handoff::{Handoff, HandoffState};
use crate::ids::{DeliveryId, HandoffId, LeadId, LinkName};
use crate::inform;
use crate::lead::{Lead, Stage};
use crate::moment::Moment;
use crate::outbox::{Delivery, DeliveryState, Lane, Operation, Purpose};
use crate::person;
use crate::policy::Policy;
use crate::routing::{self, Dealings};
use crate::time::Timestamp;

/// One reaction in the making.
pub(crate) struct Case<'a> {
    pub(crate) book: &'a Book,
    pub(crate) policy: &'a Policy,
    pub(crate) moment: &'a mut Moment,
    pub(crate) lead: &'a mut Lead,
    pub(crate) effects: Vec<Effect>,
    pub(crate) because: Because,
    /// The command that is behind it: deliveries bear its name.
    pub(crate) run: Option<String>,
    dealings: Option<Dealings>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(
        book: &'a Book,
        policy: &'a Policy,
        moment: &'a mut Moment,
        lead: &'a mut Lead,
    ) -> Self {
        let because = Because { lead: Some(lead.id), ..Because::default() };
        Self { book, policy, moment, lead, effects: Vec::new(), because, run: None, dealings: None }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.moment.now
    }

    pub(crate) fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(crate) fn say(&mut self, reason: Reason) {
        self.because.push(reason);
    }

    /// What is remembered of the lead's dealings with sales, as it becomes.
    pub(crate) fn dealings(&mut self) -> &mut Dealings {
        let (book, lead) = (self.book, self.lead.id);
        self.dealings.get_or_insert_with(|| Dealings::of(book, lead))
    }

    /// Moves the lead to a stage.
    pub(crate) fn stage(&mut self, stage: Stage) {
        if self.lead.stage != stage {
            self.say(Reason::new("stage").with("from", self.lead.stage.as_str()).with("to", stage.as_str()));
            self.lead.stage = stage;
            self.lead.stage_since = self.moment.now;
        }
    }

    /// Moves a hand-over to a state.
    pub(crate) fn state(&mut self, handoff: &mut Handoff, state: HandoffState) {
        if handoff.state != state {
            self.say(Reason::new("handoff").with("from", handoff.state.as_str()).with("to", state.as_str()));
            handoff.state = state;
            handoff.state_since = self.moment.now;
        }
        if state != HandoffState::Parked {
            handoff.parked = None;
        }
    }

    /// Parks a hand-over: it needs a person.
    pub(crate) fn park(&mut self, handoff: &mut Handoff, code: &str, detail: &str) {
        self.state(handoff, HandoffState::Parked);
        self.say(Reason::new("parked").with("code", code));
        handoff.parked = Some((code.to_owned(), detail.to_owned()));
    }

    /// Writes a hand-over; once in a reaction.
    pub(crate) fn put_handoff(&mut self, mut handoff: Handoff) {
        self.because.handoff = Some(handoff.id);
        handoff.version = self.book.handoffs.get(&handoff.id).map_or(0, |known| known.version) + 1;
        self.push(Effect::PutHandoff(Box::new(handoff)));
    }

    /// A delivery to say something, due now.
    pub(crate) fn delivery(&mut self, link: &LinkName, purpose: Purpose, operation: Operation) -> Delivery {
        let id: DeliveryId = self.moment.id();
        Delivery {
            id,
            seq: 0,
            link: link.clone(),
            stream: stream_of(self.lead.id),
            lane: Lane::Hot,
            purpose,
            operation,
            lead: Some(self.lead.id),
            handoff: None,
            state: DeliveryState::Due,
            due_at: self.moment.now,
            attempt: 0,
            probe: None,
            created_at: self.moment.now,
            joined: None,
            standing: None,
            run: self.run.clone(),
        }
    }

    /// Sets a deadline.
    pub(crate) fn deadline(
        &mut self,
        kind: &str,
        key: String,
        step: u32,
        at: Timestamp,
        of: Option<HandoffId>,
    ) {
        let lead = self.lead.id;
        self.push(Effect::SetDeadline(Deadline { key, at, kind: kind.to_owned(), step, lead, handoff: of }));
    }

    /// Raises or clears an alarm.
    pub(crate) fn alarm(&mut self, key: String, code: &str, detail: String, raised: bool) {
        let at = self.now();
        self.push(Effect::Alarm(Alarm { key, code: code.to_owned(), detail, raised, at }));
    }

    /// Writes counters back.
    pub(crate) fn counters(&mut self, counters: impl IntoIterator<Item = (String, Json)>) {
        self.effects.extend(counters.into_iter().map(|(key, value)| Effect::SetCounter { key, value }));
    }

    /// What was done and why, without the lead itself: its writer puts it.
    pub(crate) fn into_parts(mut self) -> (Vec<Effect>, Because) {
        if let Some(dealings) = self.dealings.take()
            && dealings != Dealings::of(self.book, self.lead.id)
        {
            let key = routing::dealings_key(self.lead.id);
            self.push(Effect::SetCounter { key, value: dealings.to_json() });
        }
        (self.effects, self.because)
    }

    /// What was done and why, with the lead where it changed.
    pub(crate) fn finish(self, before: &Lead) -> Reaction {
        let (mut lead, book) = (self.lead.clone(), self.book);
        person::learn(&mut lead, before);
        let told = inform::changes(Some(before), &lead, self.policy, self.moment);
        let (mut effects, because) = self.into_parts();
        effects.extend(told);
        if lead != *before {
            lead.version = book.leads.get(&lead.id).map_or(0, |known| known.version) + 1;
            effects.insert(0, Effect::PutLead(Box::new(lead)));
        }
        Reaction { effects, because }
    }
}

/// Deliveries about a lead are said one after the other.
pub(crate) fn stream_of(lead: LeadId) -> String {
    format!("lead/{}", lead.uuid().simple())
}

/// The text of a value for a person, cut to so many characters.
pub(crate) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}
