//! Events that are only counted, told by the few of their fields that say so: for sources that bring a thousand page views
//! to each event that is worth a place on a timeline.
//!
//! What is counted here would be counted by [`super::intake`] of the whole event too, under the same key and for the same
//! visitor: the same steps are gone, over the fields that any of them looks at; for the most of them, which are a name and
//! whose it is, what these steps come to. Whatever cannot be told so is left to it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use leadloop_mapping::expr::Expr;
use leadloop_mapping::{Record, Value};

use super::names::{self, MACHINE_IDS};
use super::{MOST_TEXT, Notes, bounded, clean, happened, key, take_event, who};
use crate::aliases;
use crate::capture::{Identifier, RawLead, Ties};
use crate::facts;
use crate::identity;
use crate::policy::{Policy, SourcePolicy};
use crate::time::Timestamp;
use crate::visit::Counted;

/// Fields that counting looks at, beside those of machines and what `keep` reads.
const ALWAYS: [&str; 7] =
    ["phone", "phone_ext", "email", "touch.event", "touch.at", "touch.kind", "touch.event_id"];
/// Most names and most verdicts that are remembered.
const MOST_KNOWN: usize = 2_000;
/// Most bytes of what a verdict is remembered by.
const LONGEST_KNOWN: usize = 500;

/// Counts the events of one push.
#[derive(Debug)]
pub struct Counting<'p> {
    source: &'p SourcePolicy,
    policy: &'p Policy,
    keep: &'p Expr,
    arrived: Timestamp,
    needed: BTreeMap<String, bool>,
    unread: BTreeMap<String, Option<usize>>,
    by_name: BTreeMap<String, bool>,
    /// Whether a name and ids of machines are what they are called.
    plain: bool,
    wanted: BTreeMap<String, bool>,
    whole: bool,
    counted: Vec<Counted>,
}

impl<'p> Counting<'p> {
    /// For a push of this source that arrived then; nothing where its events cannot be told by a part of them.
    #[must_use]
    pub fn of(source: &'p SourcePolicy, policy: &'p Policy, arrived: Timestamp) -> Option<Self> {
        let keep = source.keep.as_ref().filter(|_| source.counts)?;
        // Fields of the touch are what they are; those of person and company may be made of others, and the pool's own
        // fields become fields of the touch where they cannot be read.
        let plain = |path: &String| {
            let name = path.strip_prefix("touch.").filter(|name| !name.is_empty());
            name.is_some_and(|name| !policy.pool.fields.contains_key(name))
        };
        keep.reads().iter().all(plain).then(|| Self {
            source,
            policy,
            keep,
            arrived,
            needed: BTreeMap::new(),
            unread: BTreeMap::new(),
            by_name: BTreeMap::new(),
            plain: source.fields.is_empty() && source.fixed.is_empty() && source.identifiers.is_empty(),
            wanted: BTreeMap::new(),
            whole: false,
            counted: Vec::new(),
        })
    }

    /// Whether anything depends on an incoming field of this name.
    pub fn reads(&mut self, name: &str) -> bool {
        if let Some(needed) = self.needed.get(name) {
            return *needed;
        }
        let needed = self.looks_at(name);
        if self.needed.len() < MOST_KNOWN {
            self.needed.insert(name.to_owned(), needed);
        }
        needed
    }

    /// Of a property that becomes a field by `called`, the same way in each event: the length of the field's name, where
    /// nothing depends on it; none where it has to be looked at.
    pub fn unread(&mut self, property: &str, called: fn(&str) -> String) -> Option<usize> {
        if let Some(unread) = self.unread.get(property) {
            return *unread;
        }
        let name = called(property);
        let looked_at = self.reads(&name) || name.contains('\0');
        let unread = (!looked_at).then_some(name.len());
        if self.unread.len() < MOST_KNOWN {
            self.unread.insert(property.to_owned(), unread);
        }
        unread
    }

    fn looks_at(&mut self, name: &str) -> bool {
        let (source, policy) = (self.source, self.policy);
        if let Some(to) = names::configured(name, source) {
            return self.needs(to);
        }
        if names::is_pool_name(name, source, policy) {
            return self.needs(name);
        }
        let of_touch = self.needs(&names::touch_name(name, &mut Notes::default()));
        match aliases::pool_field(name) {
            Some(field) => {
                // Under which of the two names it goes depends on the other fields.
                self.whole |= of_touch;
                self.needs(field)
            }
            None => of_touch,
        }
    }

    fn needs(&self, field: &str) -> bool {
        let within =
            |one: &str, group: &str| one.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'));
        let read = |path: &String| path == field || within(field, path) || within(path, field);
        ALWAYS.contains(&field)
            || MACHINE_IDS.contains(&field)
            || self.source.identifiers.contains_key(field)
            || self.keep.reads().iter().any(read)
    }

    /// Counts an event of which at least the fields that [`Counting::reads`] names were read. `false`: it is kept, or only
    /// all of it can tell.
    pub fn count(&mut self, raw: &RawLead) -> bool {
        let plain = raw.touch.is_none() && raw.ties.is_empty();
        if self.whole || !plain || bounded(raw, self.policy).is_err() {
            return false;
        }
        if let Some(counted) = self.count_by_name(raw) {
            return counted;
        }
        let (source, policy, mut notes) = (self.source, self.policy, Notes::default());
        let named = names::sort(raw, source, policy, &mut notes);
        let mut record = clean::clean(named, source, policy, &mut notes);
        let (at, touch, id) = take_event(raw, source, policy, self.arrived, &mut record.fields, &mut notes);
        let none = Ties::default();
        let first = who::identifiers(&mut record, &none, source, policy, &mut notes).into_iter().next();
        let event = record.fields.get("touch.event").map(Value::to_display);
        let (Some(id), Some(who), Some(event)) = (id, first, event) else { return false };
        if self.wants(&touch, &record.fields) {
            return false;
        }
        let key = key(source, Some(id), None, &touch, (&[], &none), &record.fields);
        let (source, told, arrived) = (source.name.clone(), raw.told, self.arrived);
        self.counted.push(Counted { source, who, event, at, told, arrived, key });
        true
    }

    /// What [`Counting::count`] comes to where an event is no more than a name and ids of machines; `None`: it is more.
    fn count_by_name(&mut self, raw: &RawLead) -> Option<bool> {
        let (source, policy, mut notes) = (self.source, self.policy, Notes::default());
        let (mut event, mut first) = (None, None);
        for (name, value) in raw.fields.iter().filter(|(_, value)| !value.is_blank()) {
            let Value::Text(text) = value else { return None };
            if !self.plain || text.len() > MOST_TEXT {
                return None;
            }
            if name == "touch.event" {
                event = Some(text.trim());
                continue;
            }
            let place = MACHINE_IDS.iter().position(|kind| *kind == name)?;
            if source.shared_device && identity::DEVICES.contains(&name) {
                continue;
            }
            let Some(id) = who::of_machine(name, value, source, policy, &mut notes) else { continue };
            let id = Identifier::new(name, id);
            let order = (identity::rank(&policy.identity, &id.kind), place);
            let stronger = first.as_ref().is_none_or(|(known, _)| order < *known);
            if stronger && !identity::is_blocked(&id, &policy.identity) {
                first = Some((order, id));
            }
        }
        let id = raw.event_id.as_deref().map(str::trim).filter(|id| !id.is_empty());
        let (Some(id), Some((_, who)), Some(event)) = (id, first, event) else { return Some(false) };
        if self.wants_name(event) {
            return Some(false);
        }
        let at = happened(raw.at, self.arrived, &mut notes);
        let key = key(source, Some(id.to_owned()), None, "", (&[], &Ties::default()), &Record::new());
        let (source, told, arrived) = (source.name.clone(), raw.told, self.arrived);
        self.counted.push(Counted { source, who, event: event.to_owned(), at, told, arrived, key });
        Some(true)
    }

    /// As [`Counting::wants`], of an event that has nothing but its name.
    fn wants_name(&mut self, event: &str) -> bool {
        if let Some(wanted) = self.by_name.get(event) {
            return *wanted;
        }
        let wanted = self.wants(&self.source.touch, &Record::new().with("touch.event", event));
        if event.len() <= LONGEST_KNOWN && self.by_name.len() < MOST_KNOWN {
            self.by_name.insert(event.to_owned(), wanted);
        }
        wanted
    }

    /// As [`super::wanted`]; the same fields have the same answer.
    fn wants(&mut self, touch: &str, fields: &Record) -> bool {
        let mut known = touch.to_owned();
        for (name, value) in fields.iter().filter(|(name, _)| name.starts_with("touch.")) {
            let _ = match value {
                Value::Text(text) => write!(known, "\0{name}={text}"),
                other => write!(known, "\0{name}:{other:?}"),
            };
        }
        if let Some(wanted) = self.wanted.get(&known) {
            return *wanted;
        }
        let facts = facts::of_record(fields, touch, &self.source.name);
        let wanted = self.keep.eval_bool(&facts).unwrap_or(true);
        if known.len() <= LONGEST_KNOWN && self.wanted.len() < MOST_KNOWN {
            self.wanted.insert(known, wanted);
        }
        wanted
    }

    /// What was counted.
    #[must_use]
    pub fn counted(self) -> Vec<Counted> {
        self.counted
    }
}
