//! What the two sides of a link last agreed on: the base of every merge. Kept by the store, one per link and record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::value::{Record, Value};

/// What both sides said when they last agreed, in the CRM's words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// What the pool had to say.
    pub ours: Value,
    /// What the CRM held.
    pub theirs: Value,
}

/// The last agreed values of one link, by CRM field.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Agreed(pub BTreeMap<String, Pair>);

impl Agreed {
    /// Takes over the pairs of `newer`.
    pub fn update(&mut self, newer: Agreed) {
        self.0.extend(newer.0);
    }

    /// Notes what the CRM made of values we wrote (it cut them, or wrote them its own way), so that it does not count
    /// as a change of theirs. Only for records whose last change is known to be ours.
    pub fn acknowledge(&mut self, seen: &Record) {
        for (field, pair) in &mut self.0 {
            if let Some(value) = seen.0.get(field) {
                pair.theirs = value.clone();
            }
        }
    }
}
