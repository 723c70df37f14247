//! Two sides, one field: three-way merge against what both last agreed on.
//!
//! For each field of a link two values are kept ([`Pair`]): what the pool said when they agreed, and what the CRM held
//! then. They may differ (the CRM writes numbers its own way, cuts texts, lists other words), and that difference is
//! no change. A side has changed where it says something else than its own half of the pair; only where both have is there a
//! conflict, and only then does `wins` count.
//!
//! Everything is compared in the CRM's words, so a pool text that differs beyond what the CRM can hold is no change
//! either. The caller writes `to_pool` and [`Merged::settled`] at once, sends `to_crm`, and adds [`Merged::pending`] when the
//! CRM has taken it; merging again then gives nothing to do.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::agreed::{Agreed, Pair};
use crate::apply::Carried;
use crate::compile::{Compiled, Field, Mapping};
use crate::refusal::{Note, Refusal};
use crate::rule::{Blank, Way, Wins};
use crate::value::{Record, Value};

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The pool.
    Pool,
    /// The CRM.
    Crm,
}

/// What is known of both sides. Times are microseconds since 1970 UTC.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// The pool's fields.
    pub pool: &'a Record,
    /// When the pool's fields were last changed, where that is known.
    pub pool_times: &'a BTreeMap<String, i64>,
    /// The CRM's fields, as far as it told them.
    pub crm: &'a Record,
    /// When the CRM's fields were last changed, where it says so.
    pub crm_times: &'a BTreeMap<String, i64>,
    /// When the CRM's record was last changed.
    pub crm_modified: Option<i64>,
    /// What they last agreed on.
    pub agreed: &'a Agreed,
    /// What people decided on conflicts, by the rule's first CRM field.
    pub resolved: &'a BTreeMap<String, Side>,
}

/// What a conflict was decided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The rule's policy alone.
    Policy,
    /// The time the CRM gives for the field.
    FieldTime,
    /// The time of the CRM's record: the field itself may be older.
    RecordTime,
    /// A person said so.
    Person,
    /// Nothing: a person has to say.
    None,
}

/// Both sides changed a field to different values.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The rule's place.
    pub rule: usize,
    /// The rule as it is called.
    pub name: String,
    /// The rule's first CRM field, by which a person's answer is kept.
    pub field: String,
    /// What the pool says, in the CRM's words.
    pub ours: Vec<Value>,
    /// What the CRM says.
    pub theirs: Vec<Value>,
    /// Who won; `None` where a person has to say, and both sides keep what they have.
    pub winner: Option<Side>,
    /// By what.
    pub evidence: Evidence,
}

/// What became of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to do.
    InStep,
    /// The CRM's value goes to the pool.
    Taken,
    /// The pool's value goes to the CRM.
    Sent,
    /// Nothing can be done now: a conflict waits, a value cannot be carried over, or the CRM told nothing.
    Left,
}

/// What a merge says shall be done.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Merged {
    /// Fields to write in the CRM: only those that change.
    pub to_crm: Record,
    /// Fields to write in the pool: only those that change.
    pub to_pool: Record,
    /// Agreed from now on; only pairs that are new.
    pub settled: Agreed,
    /// Agreed when the CRM has taken `to_crm`.
    pub pending: Agreed,
    /// Fields both sides changed, decided or not.
    pub conflicts: Vec<Conflict>,
    /// Values that did not get across.
    pub refusals: Vec<Refusal>,
    /// What was done to values on the way.
    pub notes: Vec<(usize, Note)>,
    /// What became of each rule.
    pub verdicts: Vec<Verdict>,
}

impl Merged {
    /// Whether nothing is to be written anywhere.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.to_crm.is_empty() && self.to_pool.is_empty() && self.settled.0.is_empty()
    }
}

impl Mapping {
    /// Whether any rule counts after a record was made, so that there is something to keep in step.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.rules.iter().any(|rule| !rule.once)
    }

    /// A record that the CRM told whole: mapped fields it does not have are blank.
    #[must_use]
    pub fn whole(&self, crm: &Record) -> Record {
        let mut whole = crm.clone();
        for field in self.rules.iter().flat_map(|rule| &rule.crm) {
            whole.0.entry(field.name.clone()).or_default();
        }
        whole
    }

    /// Whether two readings of a record hold the same in every field that a rule names.
    #[must_use]
    pub fn same(&self, one: &Record, other: &Record) -> bool {
        let held = |record: &Record, name: &str| record.0.get(name).cloned().unwrap_or_default();
        let mut fields = self.rules.iter().flat_map(|rule| &rule.crm);
        fields.all(|field| field.compares.same(&held(one, &field.name), &held(other, &field.name)))
    }

    /// Whether a rule names this field of the CRM.
    #[must_use]
    pub fn names(&self, field: &str) -> bool {
        self.rules.iter().flat_map(|rule| &rule.crm).any(|known| known.name == field)
    }

    /// Whether two values of a field of the CRM say the same.
    #[must_use]
    pub fn alike(&self, field: &str, one: &Value, other: &Value) -> bool {
        match self.rules.iter().flat_map(|rule| &rule.crm).find(|known| known.name == field) {
            Some(known) => known.compares.same(one, other),
            None => one.to_display() == other.to_display(),
        }
    }

    /// The CRM's fields that rules fill from this field of the pool.
    #[must_use]
    pub fn fed_by(&self, pool: &str) -> Vec<&str> {
        let fed = self.rules.iter().filter(|rule| rule.pool.iter().any(|field| field.name == pool));
        fed.flat_map(|rule| rule.crm.iter().map(|field| field.name.as_str())).collect()
    }

    /// The CRM's fields that the pool takes over and that do not hold what was last agreed.
    #[must_use]
    pub fn heard(&self, crm: &Record, agreed: &Agreed) -> Vec<&str> {
        let inward = self.rules.iter().filter(|rule| rule.way != Way::ToCrm).flat_map(|rule| &rule.crm);
        let news = inward.filter(|field| match (crm.0.get(&field.name), agreed.0.get(&field.name)) {
            (None, _) => false,
            (Some(held), Some(pair)) => !field.compares.same(&pair.theirs, held),
            (Some(held), None) => !held.is_blank(),
        });
        news.map(|field| field.name.as_str()).collect()
    }

    /// First contact with a record that people filled: what a rule to the CRM finds there stays until the pool has something
    /// new to say. The pairs that say so; only those that are new.
    #[must_use]
    pub fn meet(&self, pool: &Record, crm: &Record, agreed: &Agreed) -> Agreed {
        let mut met = Agreed::default();
        for rule in self.rules.iter().filter(|rule| rule.way == Way::ToCrm && !rule.once) {
            if rule.crm.iter().any(|field| agreed.0.contains_key(&field.name)) {
                continue;
            }
            let held: Option<Vec<Value>> =
                rule.crm.iter().map(|field| crm.0.get(&field.name).cloned()).collect();
            let (Some(held), Carried::Values(ours)) = (held, rule.out(pool, &mut Vec::new())) else {
                continue;
            };
            if blank(&held) || same(rule, &ours, &held) {
                continue;
            }
            for ((field, ours), theirs) in rule.crm.iter().zip(ours).zip(held) {
                met.0.insert(field.name.clone(), Pair { ours, theirs });
            }
        }
        met
    }

    /// Merges both sides, field by field.
    #[must_use]
    pub fn merge(&self, sides: &Sides) -> Merged {
        let mut work = Work { sides, pool: Cow::Borrowed(sides.pool), merged: Merged::default() };
        work.merged.verdicts = vec![Verdict::InStep; self.rules.len()];
        // What the pool takes over comes first: it may change what other rules have to say.
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.way != Way::ToCrm) {
            let verdict = match rule.way {
                Way::Both => work.both(at, rule),
                _ => work.inward_only(at, rule),
            };
            work.verdict(at, verdict);
        }
        for (at, rule) in self.rules.iter().enumerate() {
            if rule.way == Way::ToCrm && !rule.once {
                let verdict = work.outward_only(at, rule);
                work.verdict(at, verdict);
            }
        }
        work.merged
    }
}

/// What a side says about the fields of a rule.
struct Said {
    values: Vec<Value>,
    /// Whether the values can be carried over; else they stand as null.
    sayable: bool,
    notes: Vec<Note>,
}

struct Work<'s, 'a> {
    sides: &'s Sides<'a>,
    /// The pool as it will be.
    pool: Cow<'a, Record>,
    merged: Merged,
}

impl Work<'_, '_> {
    fn verdict(&mut self, at: usize, verdict: Verdict) {
        if let Some(slot) = self.merged.verdicts.get_mut(at) {
            *slot = verdict;
        }
    }

    fn both(&mut self, at: usize, rule: &Compiled) -> Verdict {
        let ours = self.ours(at, rule);
        if ours.sayable && self.is_as_agreed(rule, &ours.values) {
            return Verdict::InStep;
        }
        let pairs = self.pairs(rule);
        // What the CRM does not tell (a page with few fields) is as it was; without a base nothing can be said.
        let Some(theirs) = self.theirs(rule).or_else(|| pairs.as_ref().map(|pairs| half(pairs, Side::Crm)))
        else {
            return Verdict::Left;
        };
        if ours.sayable && same(rule, &ours.values, &theirs) {
            return self.settle(rule, ours.values, theirs);
        }
        let pool_blank = self.pool_is_blank(rule);
        let (pool_changed, crm_changed) = match &pairs {
            Some(pairs) => (
                !same(rule, &ours.values, &half(pairs, Side::Pool)),
                !same(rule, &theirs, &half(pairs, Side::Crm)),
            ),
            // First contact: a value counts more than none, and two values are a conflict.
            None => (!pool_blank, !blank(&theirs)),
        };
        match self.blanks(rule, pool_blank, &theirs, pool_changed || crm_changed) {
            Some(Side::Pool) => return self.send(at, rule, &ours),
            Some(Side::Crm) => return self.take(at, rule, &theirs),
            None => {}
        }
        match (pool_changed, crm_changed) {
            (false, false) => Verdict::InStep,
            (true, false) => self.send(at, rule, &ours),
            (false, true) => self.take(at, rule, &theirs),
            (true, true) => self.conflict(at, rule, &ours, theirs),
        }
    }

    /// Whose value counts because the other side has none, by the rule's word on blanks.
    fn blanks(&self, rule: &Compiled, pool_blank: bool, theirs: &[Value], changed: bool) -> Option<Side> {
        let restores = rule.blank == Blank::Ignored || rule.wins == Wins::CrmUnlessBlank;
        match (changed, pool_blank, blank(theirs)) {
            (true, false, true) if restores => Some(Side::Pool),
            (true, true, false) if rule.blank == Blank::Ignored => Some(Side::Crm),
            _ => None,
        }
    }

    fn conflict(&mut self, at: usize, rule: &Compiled, ours: &Said, theirs: Vec<Value>) -> Verdict {
        let field = rule.crm.first().map(|field| field.name.clone()).unwrap_or_default();
        let (winner, evidence) = match self.sides.resolved.get(&field) {
            Some(side) => (Some(*side), Evidence::Person),
            None => self.judge(rule, &theirs),
        };
        self.merged.conflicts.push(Conflict {
            rule: at,
            name: rule.name.clone(),
            field,
            ours: ours.values.clone(),
            theirs: theirs.clone(),
            winner,
            evidence,
        });
        match winner {
            Some(Side::Pool) => self.send(at, rule, ours),
            Some(Side::Crm) => self.take(at, rule, &theirs),
            None => Verdict::Left,
        }
    }

    fn judge(&self, rule: &Compiled, theirs: &[Value]) -> (Option<Side>, Evidence) {
        match rule.wins {
            Wins::Crm => (Some(Side::Crm), Evidence::Policy),
            Wins::Pool => (Some(Side::Pool), Evidence::Policy),
            Wins::CrmUnlessBlank => {
                let side = if blank(theirs) { Side::Pool } else { Side::Crm };
                (Some(side), Evidence::Policy)
            }
            Wins::Newest => self.newest(rule),
            Wins::No => self.says_no(rule, theirs),
            Wins::Ask => (None, Evidence::None),
        }
    }

    fn newest(&self, rule: &Compiled) -> (Option<Side>, Evidence) {
        let latest = |fields: &[Field], times: &BTreeMap<String, i64>| {
            fields.iter().filter_map(|field| times.get(&field.name)).max().copied()
        };
        let pool = latest(&rule.pool, self.sides.pool_times);
        let (crm, evidence) = match latest(&rule.crm, self.sides.crm_times) {
            Some(time) => (Some(time), Evidence::FieldTime),
            None => (self.sides.crm_modified, Evidence::RecordTime),
        };
        match (pool, crm) {
            // In the same microsecond: the CRM, where people look.
            (Some(pool), Some(crm)) => (Some(if pool > crm { Side::Pool } else { Side::Crm }), evidence),
            _ => (None, Evidence::None),
        }
    }

    fn says_no(&self, rule: &Compiled, theirs: &[Value]) -> (Option<Side>, Evidence) {
        let pool = rule.pool.iter().any(|field| self.sides.pool.get(&field.name).is_some_and(is_no));
        let crm = match self.back(rule, theirs, &mut Vec::new()) {
            Carried::Values(values) => values.iter().any(is_no),
            _ => false,
        };
        match (pool, crm) {
            (true, false) => (Some(Side::Pool), Evidence::Policy),
            (false, true) => (Some(Side::Crm), Evidence::Policy),
            _ => (None, Evidence::None),
        }
    }

    fn inward_only(&mut self, at: usize, rule: &Compiled) -> Verdict {
        let Some(theirs) = self.theirs(rule) else { return Verdict::InStep };
        let changed = match self.pairs(rule) {
            Some(pairs) => !same(rule, &theirs, &half(&pairs, Side::Crm)),
            None => !blank(&theirs),
        };
        if !changed {
            return Verdict::InStep;
        }
        if blank(&theirs) && rule.blank == Blank::Ignored {
            return self.settle(rule, vec![Value::Null; rule.crm.len()], theirs);
        }
        self.take(at, rule, &theirs)
    }

    fn outward_only(&mut self, at: usize, rule: &Compiled) -> Verdict {
        let ours = self.ours(at, rule);
        if !ours.sayable {
            return Verdict::Left;
        }
        if self.is_as_agreed(rule, &ours.values) {
            return Verdict::InStep;
        }
        let (pairs, theirs) = (self.pairs(rule), self.theirs(rule));
        if let Some(theirs) = &theirs
            && same(rule, &ours.values, theirs)
        {
            return self.settle(rule, ours.values, theirs.clone());
        }
        let changed = match &pairs {
            Some(pairs) => !same(rule, &ours.values, &half(pairs, Side::Pool)),
            None => !blank(&ours.values),
        };
        if changed && !(blank(&ours.values) && rule.blank == Blank::Ignored) {
            return self.send(at, rule, &ours);
        }
        // The CRM's people changed it: not ours to take back, and no reason to write.
        let theirs = theirs.or_else(|| pairs.as_ref().map(|pairs| half(pairs, Side::Crm)));
        match theirs {
            Some(theirs) => self.settle(rule, ours.values, theirs),
            None => Verdict::InStep,
        }
    }

    /// What the pool has to say now.
    fn ours(&mut self, at: usize, rule: &Compiled) -> Said {
        let mut notes = Vec::new();
        let carried = rule.out(&self.pool, &mut notes);
        let unsayable =
            || Said { values: vec![Value::Null; rule.crm.len()], sayable: false, notes: Vec::new() };
        match carried {
            Carried::Values(values) => Said { values, sayable: true, notes },
            Carried::Keep => unsayable(),
            Carried::Refused(why) => {
                self.merged.refusals.push(Refusal { rule: Some(at), name: rule.name.clone(), why });
                unsayable()
            }
        }
    }

    /// What the CRM says, in the pool's words. `theirs` stands in where the CRM did not tell all fields of the rule.
    fn back(&self, rule: &Compiled, theirs: &[Value], notes: &mut Vec<Note>) -> Carried {
        if rule.is_told(self.sides.crm) {
            return rule.back(self.sides.crm, notes);
        }
        let fields = rule.crm.iter().map(|field| field.name.clone());
        rule.back(&Record(fields.zip(theirs.iter().cloned()).collect()), notes)
    }

    /// Whether both sides say just what they said when they agreed: so with nearly every field of nearly every merge.
    fn is_as_agreed(&self, rule: &Compiled, ours: &[Value]) -> bool {
        rule.crm.iter().zip(ours).all(|(field, ours)| {
            let (pair, held) = (self.sides.agreed.0.get(&field.name), self.sides.crm.0.get(&field.name));
            pair.zip(held).is_some_and(|(pair, held)| {
                field.compares.same(&pair.ours, ours) && field.compares.same(&pair.theirs, held)
            })
        })
    }

    /// What the CRM holds, where it told all fields of the rule.
    fn theirs(&self, rule: &Compiled) -> Option<Vec<Value>> {
        rule.crm.iter().map(|field| self.sides.crm.0.get(&field.name).cloned()).collect()
    }

    fn pairs(&self, rule: &Compiled) -> Option<Vec<Pair>> {
        rule.crm.iter().map(|field| self.sides.agreed.0.get(&field.name).cloned()).collect()
    }

    fn pool_is_blank(&self, rule: &Compiled) -> bool {
        rule.pool.iter().all(|field| self.pool.get(&field.name).is_none_or(Value::is_blank))
    }

    /// The pool's values go to the CRM, where they can be said.
    fn send(&mut self, at: usize, rule: &Compiled, ours: &Said) -> Verdict {
        if !ours.sayable {
            return Verdict::Left;
        }
        self.merged.notes.extend(ours.notes.iter().cloned().map(|note| (at, note)));
        for (field, value) in rule.crm.iter().zip(&ours.values) {
            // Of several fields only those that differ: the others hold it already.
            let held = self.sides.crm.0.get(&field.name).is_some_and(|held| field.compares.same(held, value));
            if !held {
                self.merged.to_crm.set(field.name.as_str(), value.clone());
            }
            let pair = Pair { ours: value.clone(), theirs: value.clone() };
            self.merged.pending.0.insert(field.name.clone(), pair);
        }
        Verdict::Sent
    }

    /// The CRM's values go to the pool, where they can be understood.
    fn take(&mut self, at: usize, rule: &Compiled, theirs: &[Value]) -> Verdict {
        let mut notes = Vec::new();
        let values = match self.back(rule, theirs, &mut notes) {
            Carried::Values(values) => values,
            // The value says nothing to the pool, and is seen for that.
            Carried::Keep => {
                let ours = self.ours(at, rule).values;
                return self.settle(rule, ours, theirs.to_vec());
            }
            Carried::Refused(why) => {
                self.merged.refusals.push(Refusal { rule: Some(at), name: rule.name.clone(), why });
                return Verdict::Left;
            }
        };
        self.merged.notes.extend(notes.into_iter().map(|note| (at, note)));
        let mut taken = false;
        for (field, value) in rule.pool.iter().zip(values) {
            let held = self.pool.get(&field.name).cloned().unwrap_or_default();
            if !field.compares.same(&held, &value) {
                taken = true;
                self.pool.to_mut().set(field.name.as_str(), value.clone());
                self.merged.to_pool.set(field.name.as_str(), value);
            }
        }
        let ours = match rule.way {
            Way::Both => match rule.out(&self.pool, &mut Vec::new()) {
                Carried::Values(values) => values,
                _ => vec![Value::Null; rule.crm.len()],
            },
            _ => vec![Value::Null; rule.crm.len()],
        };
        self.settle(rule, ours, theirs.to_vec());
        if taken { Verdict::Taken } else { Verdict::InStep }
    }

    /// Both sides are in step: notes what each says, where that is new.
    fn settle(&mut self, rule: &Compiled, ours: Vec<Value>, theirs: Vec<Value>) -> Verdict {
        for ((field, ours), theirs) in rule.crm.iter().zip(ours).zip(theirs) {
            let known = self.sides.agreed.0.get(&field.name).is_some_and(|pair| {
                field.compares.same(&pair.ours, &ours) && field.compares.same(&pair.theirs, &theirs)
            });
            if !known {
                self.merged.settled.0.insert(field.name.clone(), Pair { ours, theirs });
            }
        }
        Verdict::InStep
    }
}

fn half(pairs: &[Pair], side: Side) -> Vec<Value> {
    let half = |pair: &Pair| match side {
        Side::Pool => pair.ours.clone(),
        Side::Crm => pair.theirs.clone(),
    };
    pairs.iter().map(half).collect()
}

fn same(rule: &Compiled, a: &[Value], b: &[Value]) -> bool {
    rule.crm.iter().zip(a).zip(b).all(|((field, a), b)| field.compares.same(a, b))
}

fn blank(values: &[Value]) -> bool {
    values.iter().all(Value::is_blank)
}

/// Whether a value of the pool says no.
fn is_no(value: &Value) -> bool {
    let refused = |text: &str| {
        matches!(
            text.trim(),
            "refused" | "withdrawn" | "opted_out" | "unsubscribed" | "拒绝" | "撤回" | "退订"
        )
    };
    value.as_bool() == Some(false) || value.as_text().is_some_and(refused)
}
