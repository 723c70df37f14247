//! A model of the store and its loops: everything in one book, effects carried out one by one, time in hand.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_sync_core::because::{Because, Reason};
use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::capture::{CaptureEnd, CaptureKind, Captured, DedupKey};
use leadloop_sync_core::companies::CompanyPair;
use leadloop_sync_core::deleted;
use leadloop_sync_core::effect::{Alarm, Deadline, Effect, Feedback, Reaction};
use leadloop_sync_core::fill::held;
use leadloop_sync_core::handoff::{DecisionRecord, Handoff};
use leadloop_sync_core::ids::{CaptureId, DeliveryId, LeadId};
use leadloop_sync_core::lead::{Lead, Touch};
use leadloop_sync_core::matching::{self, Subject};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Operation, Outcome, to_send};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::reconcile::Unsettled;
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_sync_core::transfer::{self, Occasion};
use leadloop_sync_core::undo::BeforeImage;
use leadloop_sync_core::{feedback, join, settle, tick};

/// How long a claim holds.
const CLAIM: Micros = Micros::minutes(2);

/// How a test world is broken on purpose, to see that somebody notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// What a poll brought is not taken in.
    LosesCaptures,
    /// A second record of the person goes to somebody else.
    GivesToTwo,
    /// What was sent is sent again without asking.
    SendsTwice,
    /// What waits behind others is sent before them.
    AnyOrder,
    /// Deadlines are not kept.
    ForgetsClocks,
    /// What was under way when a node died counts as done.
    ForgetsClaims,
    /// Dice that do not come from the seed.
    LooksAtTheWorld,
}

/// The whole product without its shell.
pub(crate) struct Model {
    pub(crate) policy: Policy,
    pub(crate) book: Book,
    pub(crate) moment: Moment,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) deadlines: BTreeMap<String, Deadline>,
    pub(crate) inbox: Vec<Captured>,
    pub(crate) ends: Vec<CaptureEnd>,
    /// Answers that wait for a person.
    held: Vec<Captured>,
    pub(crate) feedback: Vec<Feedback>,
    /// What stood in the CRM before each write: the first word of a delivery counts.
    pub(crate) befores: Vec<BeforeImage>,
    pub(crate) decisions: Vec<DecisionRecord>,
    pub(crate) alarms: BTreeMap<String, Alarm>,
    /// Companies in doubt.
    pub(crate) company_suspects: Vec<CompanyPair>,
    /// Reasons of all commits so far, in order.
    pub(crate) reasons: Vec<Reason>,
    /// People whom the shell would have forgotten, because their last record was deleted.
    pub(crate) forgotten: Vec<LeadId>,
    kept: BTreeSet<DedupKey>,
    /// Captures that were kept, and how often each ended.
    pub(crate) captured: BTreeSet<CaptureId>,
    pub(crate) ended: BTreeMap<CaptureId, u32>,
    pub(crate) broken: Option<Broken>,
    /// What is said together with a claimed delivery.
    joined: BTreeMap<DeliveryId, Vec<Delivery>>,
    /// Deliveries whose content was refused together with others': they are said by themselves.
    alone: BTreeSet<DeliveryId>,
    /// How many were said together with another.
    pub(crate) joins: usize,
}

impl Model {
    pub(crate) fn new(policy: Policy, now: Timestamp, seed: u64) -> Self {
        let mut book = Book::default();
        super::rows::mirror_users(&mut book, &policy, now);
        Self {
            policy,
            book,
            moment: Moment::new(now, seed),
            deliveries: vec![],
            deadlines: BTreeMap::new(),
            inbox: vec![],
            ends: vec![],
            held: vec![],
            feedback: vec![],
            befores: vec![],
            decisions: vec![],
            alarms: BTreeMap::new(),
            company_suspects: vec![],
            reasons: vec![],
            forgotten: vec![],
            kept: BTreeSet::new(),
            captured: BTreeSet::new(),
            ended: BTreeMap::new(),
            broken: None,
            joined: BTreeMap::new(),
            alone: BTreeSet::new(),
            joins: 0,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.moment.now
    }

    /// What a verb asks for, in two steps, and nothing more: it must react as if it knew everything.
    pub(crate) fn asked<I>(
        &self,
        input: &[I],
        needs: impl Fn(&[I], &Policy) -> Needs,
        more: impl Fn(&Book, &[I], &Policy) -> Needs,
    ) -> Book {
        let mut book = self.book.view(&needs(input, &self.policy));
        let more = more(&book, input, &self.policy);
        self.book.view_into(&mut book, &more);
        book
    }

    /// The reaction to what a verb asked for; with all that is known it must be the same.
    pub(crate) fn react(&mut self, book: &Book, verb: impl Fn(&Book, &Policy, &mut Moment) -> Reaction) {
        let mut moment = self.moment.clone();
        let all = verb(&self.book, &self.policy, &mut moment);
        let reaction = verb(book, &self.policy, &mut self.moment);
        assert_eq!(reaction, all, "the verb reads more than it asks for");
        self.commit(reaction);
    }

    /// A lead is found to be an MQL, as absorbing would do it.
    pub(crate) fn qualified(&mut self, lead: &Lead, touch: Option<&Touch>) {
        let mut lead = self.book.leads.get(&lead.id).unwrap_or(lead).clone();
        let mut because = Because::default();
        let occasion = Occasion { happened: self.now(), noticed: self.now(), touch };
        let asked = Needs { leads: [lead.id].into(), ..Needs::default() };
        let mut book = self.book.view(&asked);
        self.book.view_into(&mut book, &matching::needs(&[Subject::of(&lead)], &self.policy));
        let effects =
            transfer::open(&book, &mut lead, &occasion, &self.policy, &mut self.moment, &mut because);
        lead.version = self.book.leads.get(&lead.id).map_or(0, |known| known.version) + 1;
        super::rows::keep_lead(&mut self.book, &lead);
        self.commit(Reaction { effects, because });
    }

    /// Carries out what a verb wants, as the store must.
    pub(crate) fn commit(&mut self, reaction: Reaction) {
        for effect in &reaction.effects {
            match effect {
                Effect::PutHandoff(handoff) => {
                    let known = self.book.handoffs.get(&handoff.id).map_or(0, |known| known.version);
                    assert_eq!(handoff.version, known + 1, "versions count by one");
                }
                Effect::PutLead(lead) => {
                    let known = self.book.leads.get(&lead.id).map_or(0, |known| known.version);
                    assert_eq!(lead.version, known + 1, "versions count by one");
                }
                _ => {}
            }
        }
        self.book.apply(&reaction);
        for effect in reaction.effects {
            self.carry_out(effect);
        }
        self.reasons.extend(reaction.because.reasons);
        self.one_open_handoff_each();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Enqueue(delivery) => {
                let there = delivery.standing.is_some()
                    && self.deliveries.iter().any(|known| known.standing == delivery.standing);
                if !there {
                    let seq = i64::try_from(self.deliveries.len()).expect("few") + 1;
                    self.deliveries.push(Delivery { seq, ..*delivery });
                }
            }
            Effect::MoveDelivery { id, attempt, to, due_at, probe, operation, reset, .. } => {
                let known = self.deliveries.iter_mut().find(|known| known.id == id).expect("it is there");
                assert_eq!(known.attempt, attempt, "the fence holds");
                known.state = to;
                known.due_at = due_at;
                known.probe = probe;
                if let Some(operation) = operation {
                    known.operation = *operation;
                }
                if reset {
                    known.attempt = 0;
                }
            }
            Effect::Keep(captured) if self.kept.insert(captured.key.clone()) => {
                self.captured.insert(captured.id);
                self.inbox.push(*captured);
            }
            Effect::FinishCapture { id, end } => {
                *self.ended.entry(id).or_default() += 1;
                self.ends.push(end);
            }
            Effect::KeepBefore(image)
                if self.befores.iter().all(|known| known.delivery != image.delivery) =>
            {
                self.befores.push(*image);
            }
            Effect::KeepFeedback(feedback) => self.feedback.push(*feedback),
            Effect::SetDeadline(_) if self.broken == Some(Broken::ForgetsClocks) => {}
            Effect::SetDeadline(deadline) => {
                self.deadlines.insert(deadline.key.clone(), deadline);
            }
            Effect::ClearDeadline(key) => {
                self.deadlines.remove(&key);
            }
            Effect::Alarm(alarm) => {
                if alarm.raised {
                    self.alarms.insert(alarm.key.clone(), alarm);
                } else {
                    self.alarms.remove(&alarm.key);
                }
            }
            Effect::CompanySuspect(pair) => self.company_suspects.push(pair),
            Effect::Decide(decision) => self.decisions.push(*decision),
            _ => {}
        }
    }

    fn one_open_handoff_each(&self) {
        let mut open: BTreeMap<LeadId, u32> = BTreeMap::new();
        for handoff in self.book.handoffs.values().filter(|handoff| handoff.state.is_open()) {
            *open.entry(handoff.lead).or_default() += 1;
        }
        assert!(open.values().all(|count| *count <= 1), "at most one open hand-over per person");
    }

    /// Takes in what polls brought.
    pub(crate) fn listen(&mut self) {
        while !self.inbox.is_empty() {
            let captured = self.inbox.remove(0);
            assert_eq!(captured.kind, CaptureKind::Feedback);
            if self.broken == Some(Broken::LosesCaptures) {
                continue;
            }
            let needs = |captured: &[Captured], _: &Policy| feedback::needs(captured);
            let more = |book: &Book, captured: &[Captured], policy: &Policy| {
                feedback::needs_more(book, captured, policy)
            };
            let book = self.asked(std::slice::from_ref(&captured), needs, more);
            self.react(&book, |book, policy, moment| feedback::listen(book, &captured, policy, moment));
            if let Some(CaptureEnd::Parked { .. }) = self.ends.last() {
                self.held.push(captured);
            }
        }
    }

    /// A person releases all answers and deliveries that wait for one.
    pub(crate) fn release(&mut self) {
        self.inbox.append(&mut self.held);
        for delivery in &mut self.deliveries {
            if matches!(delivery.state, DeliveryState::Parked { .. }) {
                delivery.state = DeliveryState::Due;
            }
        }
        self.listen();
    }

    /// Claims what is due: of each stream only the first unsettled delivery.
    pub(crate) fn claim(&mut self) -> Vec<(Delivery, Operation)> {
        let now = self.now();
        let mut streams = BTreeSet::new();
        let mut claimed = Vec::new();
        for delivery in &mut self.deliveries {
            if delivery.state == DeliveryState::Settled {
                continue;
            }
            if !streams.insert(delivery.stream.clone()) && self.broken != Some(Broken::AnyOrder) {
                continue;
            }
            if delivery.state == DeliveryState::Due && delivery.due_at <= now {
                delivery.attempt += 1;
                delivery.state = DeliveryState::Claimed { until: now + CLAIM };
                claimed.push((delivery.clone(), to_send(delivery)));
            }
        }
        self.spare(&mut claimed);
        if self.broken == Some(Broken::AnyOrder) {
            claimed.reverse();
            return claimed;
        }
        for (first, operation) in &mut claimed {
            let behind = self.deliveries.iter().filter(|next| {
                next.stream == first.stream && next.id != first.id && next.state != DeliveryState::Settled
            });
            let behind = if self.alone.remove(&first.id) {
                Vec::new()
            } else {
                join::with(first, behind.cloned().collect())
            };
            *operation = join::together(operation, &behind);
            self.joined.insert(first.id, behind);
        }
        claimed
    }

    /// Records that are not made after all.
    fn spare(&mut self, claimed: &mut Vec<(Delivery, Operation)>) {
        let all: Vec<Delivery> = claimed.iter().map(|(delivery, _)| delivery.clone()).collect();
        if !all.iter().any(held::makes) {
            return;
        }
        let mut unsettled = Unsettled::new();
        for delivery in self.deliveries.iter().filter(|known| known.state != DeliveryState::Settled) {
            let of = delivery.lead.map(|lead| unsettled.entry(lead).or_default());
            of.into_iter().for_each(|of| of.push(delivery.clone()));
        }
        let known = self.book.view(&held::needs(&all));
        let mut held = held::held(&known, &unsettled, &all);
        assert_eq!(held, held::held(&self.book, &unsettled, &all), "it reads more than it asks for");
        assert!(held.is_empty() || !held::is_plain(&known, &all), "what is held would not be looked at");
        claimed.retain(|(delivery, _)| !held.contains_key(&delivery.id));
        for delivery in &all {
            if let Some(outcome) = held.remove(&delivery.id) {
                self.settle(delivery, &outcome);
            }
        }
    }

    pub(crate) fn settle(&mut self, delivery: &Delivery, outcome: &Outcome) {
        let behind = self.joined.remove(&delivery.id).unwrap_or_default();
        if !behind.is_empty() && join::parts(outcome) {
            let known =
                self.deliveries.iter_mut().find(|known| known.id == delivery.id).expect("it is there");
            known.state = DeliveryState::Due;
            self.alone.insert(delivery.id);
            return;
        }
        self.settle_one(delivery, outcome);
        if join::ends_all(outcome) {
            self.joins += behind.len();
            behind.iter().for_each(|next| self.settle_one(next, outcome));
        }
    }

    fn settle_one(&mut self, delivery: &Delivery, outcome: &Outcome) {
        let input = [(delivery.clone(), outcome.clone())];
        let book = self.asked(&input, settle::needs, settle::needs_more);
        self.react(&book, |book, policy, moment| settle::settle(book, delivery, outcome, policy, moment));
        self.listen();
    }

    /// Claims that ran out: nobody knows what became of them.
    pub(crate) fn reclaim(&mut self) {
        let now = self.now();
        let lost: Vec<Delivery> = self
            .deliveries
            .iter()
            .filter(|delivery| matches!(delivery.state, DeliveryState::Claimed { until } if until <= now))
            .cloned()
            .collect();
        for delivery in lost {
            if self.broken == Some(Broken::ForgetsClaims) {
                let known = self.deliveries.iter_mut().find(|known| known.id == delivery.id);
                known.expect("it is there").state = DeliveryState::Settled;
                continue;
            }
            let outcome = Outcome::Unavailable { sent: true, detail: "the claim ran out".to_owned() };
            self.settle(&delivery, &outcome);
        }
    }

    /// Works off deadlines that have come.
    pub(crate) fn tick(&mut self) {
        let now = self.now();
        let due: Vec<Deadline> =
            self.deadlines.values().filter(|deadline| deadline.at <= now).cloned().collect();
        for deadline in due {
            if deadline.kind == deleted::ERASE {
                self.forget(&deadline);
            } else if self.deadlines.get(&deadline.key) == Some(&deadline) {
                let book = self.asked(std::slice::from_ref(&deadline), tick::needs, tick::needs_more);
                self.react(&book, |book, policy, moment| tick::tick(book, &deadline, policy, moment));
            }
        }
    }

    /// Somebody is to be forgotten: the shell does it where the core does not say otherwise.
    fn forget(&mut self, deadline: &Deadline) {
        let book = self.book.view(&deleted::needs(deadline, &self.policy));
        let mut moment = self.moment.clone();
        let all = deleted::due(&self.book, deadline, &self.policy, &mut moment);
        let instead = deleted::due(&book, deadline, &self.policy, &mut self.moment);
        assert_eq!(instead, all, "it reads more than it asks for");
        let effects = || {
            self.forgotten.push(deadline.lead);
            let mut effects = vec![Effect::ClearDeadline(deadline.key.clone())];
            effects.extend(deleted::forgotten(deadline, &self.moment));
            Reaction { effects, ..Reaction::default() }
        };
        let reaction = instead.unwrap_or_else(effects);
        self.commit(reaction);
    }

    /// When something is due next.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        // What waits for an earlier one of its stream is due when that one has ended.
        let mut streams = BTreeSet::new();
        let open = self.deliveries.iter().filter(|delivery| delivery.state != DeliveryState::Settled);
        let first = open.filter(|delivery| streams.insert(delivery.stream.as_str()));
        let deliveries = first.filter_map(|delivery| match delivery.state {
            DeliveryState::Due => Some(delivery.due_at),
            DeliveryState::Claimed { until } => Some(until),
            _ => None,
        });
        deliveries.chain(self.deadlines.values().map(|deadline| deadline.at)).min()
    }

    /// The latest hand-over of a lead.
    pub(crate) fn handoff(&self, lead: LeadId) -> Option<&Handoff> {
        let of_lead = self.book.handoffs.values().filter(|handoff| handoff.lead == lead);
        of_lead.max_by_key(|handoff| (handoff.opened_at, handoff.id))
    }
}
