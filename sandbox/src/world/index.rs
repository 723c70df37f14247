//! The search index of one object: value → rows, each entry with the moment from which search may see it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Entries by a hash of field and value. A lookup may return a row of another value with the same hash; the caller compares.
#[derive(Debug, Default)]
pub(super) struct Index {
    hasher: RandomState,
    slots: HashMap<u64, Slot>,
}

/// Most values belong to one record: no list for those.
#[derive(Debug)]
enum Slot {
    One(Entry),
    Many(Vec<Entry>),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    row: u32,
    visible_from: i64,
}

impl Index {
    fn key(&self, position: usize, value: &str) -> u64 {
        self.hasher.hash_one((position, value))
    }

    pub(super) fn add(&mut self, position: usize, value: &str, row: u32, visible_from: i64) {
        if value.is_empty() {
            return;
        }
        let entry = Entry { row, visible_from };
        let key = self.key(position, value);
        self.slots
            .entry(key)
            .and_modify(|slot| match slot {
                Slot::One(first) => *slot = Slot::Many(vec![*first, entry]),
                Slot::Many(entries) => entries.push(entry),
            })
            .or_insert(Slot::One(entry));
    }

    pub(super) fn remove(&mut self, position: usize, value: &str, row: u32) {
        let key = self.key(position, value);
        let empty = match self.slots.get_mut(&key) {
            Some(Slot::One(entry)) => entry.row == row,
            Some(Slot::Many(entries)) => {
                entries.retain(|entry| entry.row != row);
                entries.is_empty()
            }
            None => false,
        };
        if empty {
            self.slots.remove(&key);
        }
    }

    pub(super) fn rows(&self, position: usize, value: &str, visible_at: Option<i64>) -> Vec<u32> {
        let seen = |entry: &&Entry| visible_at.is_none_or(|at| entry.visible_from <= at);
        let entries: &[Entry] = match self.slots.get(&self.key(position, value)) {
            Some(Slot::One(entry)) => std::slice::from_ref(entry),
            Some(Slot::Many(entries)) => entries,
            None => &[],
        };
        entries.iter().filter(seen).map(|entry| entry.row).collect()
    }
}
