//! People say that two leads are one person, and that they are not after all, in the middle of a game ([`crate::dice`]): as the
//! shell carries it out, which waits while something of theirs is on its way.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Purpose};
use leadloop_sync_core::person::{merge, part};
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::dice::{START, World};

/// What is said in a game and when; dice of its own, so that the rest of a seed stays as it is.
pub(crate) fn some(seed: u64) -> Vec<(Timestamp, u64)> {
    let mut dice = Moment::new(START, seed ^ 0x6d65_7267);
    let mut when = move |within: u64| {
        let at = START + Micros::seconds(i64::try_from(dice.throw() % within).expect("small"));
        (at, dice.throw())
    };
    // Most while hand-overs are on their way, some while sales work with them.
    [[180; 6], [70_000; 6]].concat().into_iter().map(&mut when).collect()
}

impl World {
    /// Says what is due.
    pub(crate) fn say(&mut self) {
        let now = self.model.now();
        let (due, rest): (Vec<_>, Vec<_>) = self.said.iter().partition(|(at, _)| *at <= now);
        self.said = rest;
        for (at, throw) in due {
            if !self.carry_out(throw) {
                self.said.push((at.max(now) + Micros::seconds(20), throw));
            }
        }
    }

    /// Whether it was done, or refused for good; not while something is on its way.
    fn carry_out(&mut self, throw: u64) -> bool {
        let ids: Vec<LeadId> = self.model.book.leads.keys().copied().collect();
        let pick = |throw: u64| ids[usize::try_from(throw % ids.len() as u64).expect("few")];
        let (one, other) = (pick(throw), pick(throw / 64));
        let root = |id: LeadId| self.model.book.resolve(id).expect("it is there").id;
        let roots = [root(one), root(other)];
        let of = |told: &Delivery| told.lead.is_some_and(|lead| roots.contains(&root(lead)));
        let open = |told: &&Delivery| told.state != DeliveryState::Settled && of(told);
        let unsettled: Vec<Delivery> = self.model.deliveries.iter().filter(open).cloned().collect();
        if unsettled.iter().any(|told| matches!(told.state, DeliveryState::Claimed { .. })) {
            return false;
        }
        let (book, policy) = (self.model.book.clone(), self.model.policy.clone());
        let moment = &mut self.model.moment;
        let done = if (throw / 4_096).is_multiple_of(3) {
            part::part(&book, one, "tester", &policy, moment)
        } else {
            merge::merge(&book, (one, other), &unsettled, "tester", &policy, moment).map(|done| vec![done])
        };
        let Ok(done) = done else { return true };
        let has_record = |id: &LeadId| {
            self.model.book.links.values().any(|link| link.remote.object == "lead" && root(link.lead) == *id)
        };
        let told = |id: &LeadId| {
            let of = |told: &&Delivery| told.lead.is_some_and(|lead| root(lead) == *id) && told.attempt > 0;
            has_record(id)
                || unsettled.iter().filter(|told| told.purpose == Purpose::Handover).any(|told| of(&told))
        };
        if roots.iter().all(told) {
            self.doubled.extend(roots);
        }
        self.merged.extend(roots);
        done.into_iter().for_each(|reaction| self.model.commit(reaction));
        for id in ids {
            if self.model.book.leads[&id].merged_into.is_none() {
                let book = self.model.book.clone();
                let again = merge::reconsider(&book, id, &policy, &mut self.model.moment);
                self.model.commit(again);
            }
        }
        true
    }

    /// People, whoever they were merged with, and how many hand-overs of theirs are open.
    pub(crate) fn open_handoffs(&self) -> BTreeMap<LeadId, u32> {
        let mut open = BTreeMap::new();
        for handoff in self.model.book.handoffs.values().filter(|handoff| handoff.state.is_open()) {
            let person = self.model.book.resolve(handoff.lead).expect("it is there").id;
            *open.entry(person).or_default() += 1;
        }
        open
    }
}

/// Merged while at most one of them had, or may have had, a record: one record, whoever is in the person in the end.
fn records(world: &World) -> BTreeMap<LeadId, u32> {
    let root = |id: LeadId| world.model.book.resolve(id).expect("it is there").id;
    let doubled: BTreeSet<LeadId> = world.doubled.iter().map(|id| root(*id)).collect();
    let mut records = BTreeMap::new();
    for link in world.model.book.links.values().filter(|link| link.remote.object == "lead") {
        *records.entry(root(link.lead)).or_default() += 1;
    }
    records.retain(|id, _| !doubled.contains(id));
    records
}

#[test]
fn who_is_merged_before_a_record_is_there_gets_one() {
    let (mut merges, mut parted, mut ended) = (0, 0, 0);
    let mut wrong = Vec::new();
    for seed in 0..40 {
        let world = crate::dice::merged(seed);
        let count = |code: &str| world.model.reasons.iter().filter(|reason| reason.code == code).count();
        merges += count("merged_by_hand");
        parted += count("parted");
        ended += count("one_handoff");
        let records = records(&world);
        if records.values().any(|count| *count > 1) {
            wrong.push((seed, records));
        }
    }
    assert!(merges > 100 && parted > 10 && ended > 20, "{merges} merges, {parted} parted, {ended} ended");
    assert!(wrong.is_empty(), "{} {wrong:?}", wrong.len());
}
