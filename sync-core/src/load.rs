//! How far the first reading of a CRM is: what every object of it held before leadloop came.
//!
//! Kept as a counter for each object, written with every page in the same commit as its rows, so that what it says is what
//! the mirror holds. Who reads, and in which lane, is for [`crate::settle`].

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::ids::LinkName;
use crate::policy::{CrmPolicy, Policy};
use crate::time::{Micros, Timestamp};

/// The pace is that of the last minute or two.
const PACE: Micros = Micros::minutes(1);
/// A reading that rested longer than this was interrupted: the rest does not count as slowness.
const RESTED: Micros = Micros::minutes(5);

/// How far the first reading of an object is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// When it began.
    pub begun: Timestamp,
    /// When the last page was taken in.
    pub at: Timestamp,
    /// When the last of all was.
    pub done: Option<Timestamp>,
    /// Pages so far.
    pub pages: u64,
    /// Records so far.
    pub records: u64,
    /// Of how many, where the CRM tells.
    pub of: Option<u64>,
    /// Whether a delivery of its own reads, behind everything live; else the poll does.
    pub beside: bool,
    /// Two places on the way, the older first: when, and how many records there were by then.
    pub paces: [(Timestamp, u64); 2],
}

impl Load {
    /// The counter of an object.
    #[must_use]
    pub fn key(link: &LinkName, object: &str) -> String {
        format!("load/{link}/{object}")
    }

    /// The counters of everything that is mirrored of a CRM, each with its object.
    #[must_use]
    pub fn keys(crm: &CrmPolicy) -> Vec<(String, String)> {
        crm.mirrored.iter().map(|object| (object.clone(), Self::key(&crm.link, object))).collect()
    }

    /// One that begins now.
    #[must_use]
    pub fn begin(now: Timestamp) -> Self {
        Self {
            begun: now,
            at: now,
            done: None,
            pages: 0,
            records: 0,
            of: None,
            beside: false,
            paces: [(now, 0); 2],
        }
    }

    /// As its counter says; `None` where it was never begun under this version.
    #[must_use]
    pub fn read(counter: Option<&Json>) -> Option<Self> {
        counter.and_then(|json| serde_json::from_value(json.clone()).ok())
    }

    /// For its counter.
    #[must_use]
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// A page was taken in. `left`: how many records there were from this page on, by the CRM's own count.
    pub fn page(&mut self, records: u64, left: Option<u64>, now: Timestamp) {
        self.of = left.map(|left| self.records.saturating_add(left)).or(self.of);
        if now - self.at > RESTED {
            self.paces = [(now, self.records); 2];
        }
        self.pages += 1;
        self.records = self.records.saturating_add(records);
        self.of = self.of.map(|of| of.max(self.records));
        self.at = now;
        if now - self.paces[1].0 >= PACE {
            self.paces = [self.paces[1], (now, self.records)];
        }
    }

    /// Records in a minute, lately; of one that is done, over all of it.
    #[must_use]
    pub fn per_minute(&self) -> Option<u64> {
        let (records, took) = self.pace()?;
        u64::try_from(u128::from(records) * 60_000_000 / u128::from(took)).ok()
    }

    /// How long it takes from the last page on, as far as that can be said.
    #[must_use]
    pub fn left(&self) -> Option<Micros> {
        let left = self.of.filter(|_| self.done.is_none())?.saturating_sub(self.records);
        let (records, took) = self.pace()?;
        i64::try_from(u128::from(left) * u128::from(took) / u128::from(records)).ok().map(Micros)
    }

    /// So many records in so many microseconds.
    fn pace(&self) -> Option<(u64, u64)> {
        let (from, before) = if self.done.is_some() { (self.begun, 0) } else { self.paces[0] };
        let took = u64::try_from((self.at - from).0).ok().filter(|took| *took > 0)?;
        Some((self.records.saturating_sub(before), took)).filter(|(records, _)| *records > 0)
    }
}

/// The counters of all CRMs.
#[must_use]
pub fn keys(policy: &Policy) -> Vec<String> {
    policy.crms.values().flat_map(Load::keys).map(|(_, key)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    #[test]
    fn the_rest_is_reckoned_by_the_last_minutes_and_a_pause_is_no_slowness() {
        let mut load = Load::begin(at(0));
        for second in 1..=100 {
            load.page(500, (second == 1).then_some(100_000), at(second));
        }
        assert_eq!((load.pages, load.records, load.of), (100, 50_000, Some(100_000)));
        assert_eq!(load.per_minute(), Some(30_000));
        assert_eq!(load.left(), Some(Micros::seconds(100)));
        // stopped for an hour
        load.page(500, None, at(3_700));
        load.page(500, None, at(3_701));
        assert_eq!(load.per_minute(), Some(60_000));
        assert!(load.left().is_some_and(|left| left < Micros::seconds(60)));
        assert_eq!(Load::read(Some(&load.to_json())), Some(load));
    }

    #[test]
    fn a_count_of_what_is_left_adds_to_what_was_read_and_more_than_counted_is_believed() {
        let mut load = Load::begin(at(0));
        load.page(10, Some(30), at(1));
        load.page(10, Some(25), at(2));
        assert_eq!(load.of, Some(35));
        load.page(40, None, at(3));
        assert_eq!((load.of, load.left()), (Some(60), Some(Micros(0))));
    }
}
