//! Rehearsal: past leads decided once more by other rules, with the facts as they were known then.
//!
//! Goes by what each decision kept ([`crate::handoff::DecisionRecord`]), reads nothing else and changes nothing. Whose turn it is
//! and who got how many today are counted from the first decision on, for every set of rules by itself; how many hand-overs
//! somebody had open is as it was then.

use std::collections::BTreeMap;

use leadloop_mapping::expr::Facts;
use serde_json::Value as Json;

use crate::book::Book;
use crate::handoff::DecisionRecord;
use crate::ids::LinkName;
use crate::matching;
use crate::policy::Policy;
use crate::routing::Dealings;
use crate::transfer::{Again, Ground, again};

/// What stands for the rule where a lead would not be an MQL at all.
pub const NOT_QUALIFIED: &str = "[mql]";

/// Whose turn it is and who got how many today, as one set of rules counted it.
pub type Turns = BTreeMap<String, Json>;

/// One set of rules on its way through the past.
#[derive(Debug)]
pub struct Rehearsal<'p> {
    policy: &'p Policy,
    link: LinkName,
    book: Book,
}

impl<'p> Rehearsal<'p> {
    /// Rules before their first lead; none where they hand nothing over.
    #[must_use]
    pub fn of(policy: &'p Policy) -> Option<Self> {
        let link = policy.handoff.link.clone()?;
        Some(Self { policy, link, book: Book::default() })
    }

    /// Whether the lead of a decision would be an MQL at all by the definition of these rules; where it was one by what it did
    /// last (`also`), nobody can tell any more.
    #[must_use]
    pub fn qualifies(&self, record: &DecisionRecord) -> Option<bool> {
        let definitions = &self.policy.mql;
        if definitions.is_empty() {
            return None;
        }
        let facts = Facts::from_json(&record.facts);
        if definitions.iter().any(|mql| mql.when.eval_bool(&facts).unwrap_or(false)) {
            return Some(true);
        }
        definitions.iter().all(|mql| mql.also.is_empty()).then_some(false)
    }

    /// Decides a past lead by these rules.
    pub fn decide(&mut self, record: &DecisionRecord) -> Again {
        let matches = matching::from_json(&self.link, &record.facts["crm"]);
        let read = &record.facts["read"];
        let dealings: Dealings = serde_json::from_value(read["dealings"].clone()).unwrap_or_default();
        self.loads(&read["open_handoffs"]);
        let ground = Ground {
            book: &self.book,
            policy: self.policy,
            link: &self.link,
            dealings: &dealings,
            now: record.at,
            rules_tried: 0,
        };
        let decided = again(&ground, &matches, &record.facts);
        self.book.counters.extend(decided.counters.clone());
        decided
    }

    /// Decides a lead as if these rules had been asked beside the live ones: turns and counts are the live ones of that
    /// moment, where the live decision read them.
    pub fn beside(&mut self, record: &DecisionRecord) -> Again {
        let live = record.facts["read"]["counters"].as_object();
        let live = live.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()));
        self.book.counters.extend(live);
        self.decide(record)
    }

    /// Goes on from turns that were kept.
    pub fn resume(&mut self, turns: Turns) {
        self.book.counters = turns;
    }

    /// The turns as they stand.
    #[must_use]
    pub fn turns(&self) -> Turns {
        self.book.counters.clone()
    }

    /// Where the hand-overs of these rules go.
    #[must_use]
    pub const fn link(&self) -> &LinkName {
        &self.link
    }

    /// How many hand-overs each had open then.
    fn loads(&mut self, open: &Json) {
        for (person, count) in open.as_object().into_iter().flatten() {
            let known = self.policy.people.get(person.as_str());
            if let (Some(user), Some(count)) =
                (known.and_then(|known| known.crm_user.get(&self.link)), count.as_i64())
            {
                self.book.load.insert((self.link.clone(), user.clone()), count);
            }
        }
    }
}
