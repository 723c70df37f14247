//! The checks that both tiers of the simulation make (sync-core/tests/road/nine.rs, server/tests/it/sim), over plain data: what
//! a tier knows of its world it hands in, and gets back what does not hold.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// 1: what was kept ended exactly once, and nothing else ended. `ended`: how often each came to an end.
#[must_use]
pub fn ends_once<K: Ord>(kept: &BTreeSet<K>, ended: &BTreeMap<K, u32>) -> bool {
    ended.len() == kept.len() && kept.iter().all(|id| ended.get(id) == Some(&1))
}

/// 2: people with more than one owner. `owned`: a person, and who owns a record of theirs that no human touched.
#[must_use]
pub fn owned_twice<'a>(owned: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<&'a str> {
    let mut owners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (person, owner) in owned {
        owners.entry(person).or_default().insert(owner);
    }
    owners.into_iter().filter(|(_, owners)| owners.len() > 1).map(|(person, _)| person).collect()
}

/// 3: marks that stand on more than one record of an object. `marked`: the object, and the mark on one of its records.
#[must_use]
pub fn marked_twice<'a>(marked: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
    let mut seen = BTreeSet::new();
    marked.into_iter().filter(|mark| !seen.insert(*mark)).collect()
}

/// 4: whether what was applied of each stream was applied in the order of making. `applied`: the stream and the place.
#[must_use]
pub fn in_order<'a, P: Ord + Copy>(applied: impl IntoIterator<Item = (&'a str, P)>) -> bool {
    let mut last: BTreeMap<&str, P> = BTreeMap::new();
    applied.into_iter().all(|(stream, place)| last.insert(stream, place).is_none_or(|before| before <= place))
}

/// 5: the most of `moments` that lie within any `span`; moments in order.
#[must_use]
pub fn most_within(moments: &[i64], span: i64) -> usize {
    let mut window = VecDeque::new();
    let counts = moments.iter().map(|at| {
        window.push_back(*at);
        while window.front().is_some_and(|first| at - first >= span) {
            window.pop_front();
        }
        window.len()
    });
    counts.max().unwrap_or(0)
}
