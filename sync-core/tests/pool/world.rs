//! A pool in memory: records go through intake and absorb as the shell would send them, and the book keeps it all.

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::absorb;
use leadloop_sync_core::because::Reason;
use leadloop_sync_core::book::Book;
use leadloop_sync_core::capture::{CaptureEnd, Captured, Identifier, Quarantined, RawLead};
use leadloop_sync_core::effect::{Deadline, Effect, Reaction, Suspect};
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::intake::{self, intake};
use leadloop_sync_core::lead::{Lead, Touch};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Delivery, Outcome};
use leadloop_sync_core::person::Refusal;
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::time::Timestamp;
use leadloop_sync_core::{enrich, tick, track};

pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) book: Book,
    pub(crate) now: Timestamp,
    pub(crate) touches: Vec<Touch>,
    pub(crate) suspects: Vec<Suspect>,
    pub(crate) told: Vec<Delivery>,
    pub(crate) ends: Vec<CaptureEnd>,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) deadlines: Vec<Deadline>,
    seed: u64,
}

pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp::parse(text, &jiff::tz::TimeZone::UTC).unwrap_or_else(|| panic!("{text} is no time"))
}

pub(crate) fn record(fields: &[(&str, &str)]) -> Record {
    fields.iter().map(|(name, value)| (*name, Value::text(*value))).collect()
}

impl World {
    pub(crate) fn new(policy: Policy) -> Self {
        World {
            policy,
            book: Book::default(),
            now: time("2026-03-02T01:00:00Z"),
            touches: vec![],
            suspects: vec![],
            told: vec![],
            ends: vec![],
            reasons: vec![],
            deadlines: vec![],
            seed: 7,
        }
    }

    fn moment(&mut self) -> Moment {
        self.seed += 1;
        Moment::new(self.now, self.seed)
    }

    pub(crate) fn read(&mut self, source: &str, raw: &RawLead) -> Result<Option<Captured>, Box<Quarantined>> {
        let mut moment = self.moment();
        let of = self.policy.sources.get(&SourceName::from(source)).expect("a source of the rules");
        intake(raw, of, &self.policy, self.now, None, &mut moment).map(intake::Taken::captured)
    }

    /// A record through intake and absorb.
    pub(crate) fn tell(&mut self, source: &str, fields: &[(&str, &str)]) -> Reaction {
        let raw = RawLead { fields: record(fields), ..RawLead::default() };
        let captured = self.read(source, &raw).expect("not in quarantine").expect("kept");
        self.take(&captured)
    }

    pub(crate) fn take(&mut self, captured: &Captured) -> Reaction {
        let mut moment = self.moment();
        let reaction = absorb::absorb(&self.book, captured, &self.policy, &mut moment);
        self.apply(&reaction);
        reaction
    }

    /// What somebody orders by hand.
    pub(crate) fn order(
        &mut self,
        made: impl Fn(&Book, &Policy, &mut Moment) -> Result<Vec<Reaction>, Refusal>,
    ) -> Result<(), Refusal> {
        let mut moment = self.moment();
        for reaction in made(&self.book, &self.policy, &mut moment)? {
            self.apply(&reaction);
        }
        Ok(())
    }

    /// Time passes: deadlines of tracks come.
    pub(crate) fn pass(&mut self, until: Timestamp) {
        while let Some(next) =
            self.deadlines.iter().map(|deadline| deadline.at).min().filter(|at| *at <= until)
        {
            let at = self.deadlines.iter().position(|deadline| deadline.at == next).expect("just found");
            let deadline = self.deadlines.remove(at);
            self.now = next;
            let mut moment = self.moment();
            let reaction = track::look(&self.book, &deadline, &self.policy, &mut moment);
            self.apply(&reaction);
        }
        self.now = until;
    }

    /// A look-up of a company came to an end.
    pub(crate) fn settle(&mut self, delivery: &Delivery, outcome: &Outcome) -> Reaction {
        let moment = self.moment();
        let reaction = enrich::settle(&self.book, delivery, outcome, &self.policy, &moment);
        self.apply(&reaction);
        reaction
    }

    /// The deadlines of look-ups that are due come.
    pub(crate) fn come(&mut self) -> Vec<Reaction> {
        let due = |deadline: &Deadline| deadline.kind == enrich::DEADLINE && deadline.at <= self.now;
        let due: Vec<Deadline> = self.deadlines.iter().filter(|one| due(one)).cloned().collect();
        let come = due.into_iter().map(|deadline| {
            let mut moment = self.moment();
            let reaction = tick::tick(&self.book, &deadline, &self.policy, &mut moment);
            self.apply(&reaction);
            reaction
        });
        come.collect()
    }

    fn apply(&mut self, reaction: &Reaction) {
        self.check_versions(reaction);
        self.reasons.extend(reaction.because.reasons.iter().cloned());
        for effect in &reaction.effects {
            match effect {
                Effect::Touch(touch) => self.touches.push((**touch).clone()),
                Effect::Receipts(touch) => {
                    let known = self.touches.iter_mut().find(|known| known.id == touch.id);
                    known.expect("a touch that is there").clone_from(touch);
                }
                Effect::Suspect(suspect) => self.suspects.push(suspect.clone()),
                Effect::Enqueue(delivery) => self.told.push((**delivery).clone()),
                Effect::FinishCapture { end, .. } => self.ends.push(end.clone()),
                Effect::SetDeadline(deadline) => {
                    self.deadlines.retain(|known| known.key != deadline.key);
                    self.deadlines.push(deadline.clone());
                }
                Effect::ClearDeadline(key) => self.deadlines.retain(|known| known.key != *key),
                _ => {}
            }
        }
        self.book.apply(reaction);
    }

    /// Each lead is written at most once in a reaction, one version further.
    fn check_versions(&self, reaction: &Reaction) {
        let mut seen = std::collections::BTreeSet::new();
        for effect in &reaction.effects {
            if let Effect::PutLead(lead) = effect {
                assert!(seen.insert(lead.id), "{} is written twice", lead.id);
                let known = self.book.leads.get(&lead.id).map_or(0, |known| known.version);
                assert_eq!(lead.version, known + 1, "version of {}", lead.id);
            }
        }
    }

    pub(crate) fn lead(&self, kind: &str, value: &str) -> &Lead {
        let identifier = Identifier::new(kind, value);
        self.book.lead_of(&identifier).unwrap_or_else(|| panic!("nobody has {kind} {value}"))
    }

    /// Leads that were not merged into another.
    pub(crate) fn people(&self) -> Vec<&Lead> {
        self.book.leads.values().filter(|lead| lead.merged_into.is_none()).collect()
    }

    /// The touches of a person, through merges.
    pub(crate) fn timeline(&self, lead: &Lead) -> Vec<&Touch> {
        let own = |touch: &&Touch| self.book.resolve(touch.lead).is_some_and(|found| found.id == lead.id);
        self.touches.iter().filter(own).collect()
    }
}
