//! Carrying a record over: outward from the pool's words to the CRM's, inward back. Each value that does not get across
//! is named with its rule and the reason; the others go on.

use crate::compile::{Compiled, Field, Mapping};
use crate::refusal::{Note, Refusal, Why};
use crate::rule::Way;
use crate::step::Step;
use crate::transform::{self, Flow, Op};
use crate::value::{Record, Value};

/// What an outward record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A record is made: fixed values and `once` rules count, blanks are left out, required fields are demanded.
    Create,
    /// A record is changed: blanks come as null.
    Update,
}

/// A record carried over.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Applied {
    /// The fields in the words of the other side.
    pub record: Record,
    /// What did not get across.
    pub refusals: Vec<Refusal>,
    /// What was done to values on the way: the rule's place, and what.
    pub notes: Vec<(usize, Note)>,
}

impl Applied {
    /// Whether a required field has no value, so that nothing can be made of this.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.refusals.iter().any(|refusal| refusal.why == Why::Missing)
    }
}

/// One rule applied, for people: what went in, what came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The rule's place.
    pub rule: usize,
    /// The rule as it is called.
    pub name: String,
    /// The source's fields and values.
    pub from: Vec<(String, Value)>,
    /// What each step made of them, in order, as far as they got: the step as written, and its result (`None`: from here
    /// on the target keeps what it has).
    pub steps: Vec<(String, Option<Value>)>,
    /// The target's fields, whether or not anything arrives.
    pub fields: Vec<String>,
    /// The target's fields and values; empty where nothing arrives.
    pub to: Vec<(String, Value)>,
    /// Why nothing arrives, where that is so.
    pub refused: Option<Why>,
    /// What was done on the way.
    pub notes: Vec<Note>,
    /// Whether the rule counts only when a record is made.
    pub once: bool,
}

/// What became of one rule's values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Carried {
    /// These arrive, one for each field of the target.
    Values(Vec<Value>),
    /// The target keeps what it has.
    Keep,
    /// They do not arrive.
    Refused(Why),
}

impl Mapping {
    /// The pool's record in the CRM's words.
    #[must_use]
    pub fn outward(&self, pool: &Record, purpose: Purpose) -> Applied {
        let mut applied = Applied::default();
        for (at, rule) in self.rules.iter().enumerate() {
            if rule.way == Way::ToPool || (rule.once && purpose == Purpose::Update) {
                continue;
            }
            let mut notes = Vec::new();
            let carried = rule.out(pool, &mut notes);
            applied.notes.extend(notes.into_iter().map(|note| (at, note)));
            match carried {
                Carried::Values(values) => {
                    for (field, value) in rule.crm.iter().zip(values) {
                        if purpose == Purpose::Update || !value.is_blank() {
                            applied.record.set(field.name.as_str(), value);
                        }
                    }
                }
                Carried::Keep => {}
                Carried::Refused(why) => {
                    applied.refusals.push(Refusal { rule: Some(at), name: rule.name.clone(), why });
                }
            }
        }
        if purpose == Purpose::Create {
            self.demand(&mut applied);
        }
        applied
    }

    /// Names the required fields that rules should fill and did not.
    fn demand(&self, applied: &mut Applied) {
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.way != Way::ToPool) {
            for field in rule.crm.iter().filter(|field| field.compares.required) {
                if applied.record.get(&field.name).is_none() {
                    let name = rule.name.clone();
                    applied.refusals.push(Refusal { rule: Some(at), name, why: Why::Missing });
                }
            }
        }
    }

    /// The CRM's record in the pool's words; fields the record does not have are left out.
    #[must_use]
    pub fn inward(&self, crm: &Record) -> Applied {
        let mut applied = Applied::default();
        for (at, rule) in self.rules.iter().enumerate() {
            if rule.way == Way::ToCrm || !rule.is_told(crm) {
                continue;
            }
            let mut notes = Vec::new();
            let carried = rule.back(crm, &mut notes);
            applied.notes.extend(notes.into_iter().map(|note| (at, note)));
            match carried {
                Carried::Values(values) => {
                    for (field, value) in rule.pool.iter().zip(values) {
                        applied.record.set(field.name.as_str(), value);
                    }
                }
                Carried::Keep => {}
                Carried::Refused(why) => {
                    applied.refusals.push(Refusal { rule: Some(at), name: rule.name.clone(), why });
                }
            }
        }
        applied
    }

    /// What each rule makes of the pool's record, without anything being sent.
    #[must_use]
    pub fn lines(&self, pool: &Record) -> Vec<Line> {
        let outward = self.rules.iter().enumerate().filter(|(_, rule)| rule.way != Way::ToPool);
        outward.map(|(at, rule)| rule.line(at, &self.step_names(at), pool)).collect()
    }

    /// The steps of a rule as they are written, with its `choose` and `max` behind them.
    fn step_names(&self, at: usize) -> Vec<String> {
        let Some(rule) = self.source().get(at) else { return Vec::new() };
        let choose = (!rule.choose.is_empty()).then(|| "choose".to_owned());
        let max = rule.max.map(|max| format!("max {} {}", max.most, max.unit.as_str()));
        rule.steps.iter().map(Step::to_string).chain(choose).chain(max).collect()
    }
}

impl Compiled {
    /// The rule's values in the CRM's words.
    pub(crate) fn out(&self, pool: &Record, notes: &mut Vec<Note>) -> Carried {
        match &self.fixed {
            Some(fixed) => Carried::Values(vec![fixed.clone()]),
            None => carry(&self.pool, &self.outward, &self.crm, pool, notes),
        }
    }

    /// The rule's values in the pool's words.
    pub(crate) fn back(&self, crm: &Record, notes: &mut Vec<Note>) -> Carried {
        carry(&self.crm, &self.inward, &self.pool, crm, notes)
    }

    /// Whether `crm` says anything about all fields of the rule: a field that is missing is not a blank one.
    pub(crate) fn is_told(&self, crm: &Record) -> bool {
        self.crm.iter().all(|field| crm.0.contains_key(&field.name))
    }

    fn line(&self, at: usize, names: &[String], pool: &Record) -> Line {
        let mut notes = Vec::new();
        let carried = self.out(pool, &mut notes);
        let value = |field: &Field| pool.get(&field.name).cloned().unwrap_or_default();
        let from = self.pool.iter().map(|field| (field.name.clone(), value(field))).collect();
        let (to, refused) = match carried {
            Carried::Values(values) => {
                (self.crm.iter().map(|field| field.name.clone()).zip(values).collect(), None)
            }
            Carried::Keep => (Vec::new(), None),
            Carried::Refused(why) => (Vec::new(), Some(why)),
        };
        let fields = self.crm.iter().map(|field| field.name.clone()).collect();
        let steps = self.trace(names, pool);
        Line { rule: at, name: self.name.clone(), from, steps, fields, to, refused, notes, once: self.once }
    }

    /// What each step makes of the pool's values; ends before the step that refuses them.
    fn trace(&self, names: &[String], pool: &Record) -> Vec<(String, Option<Value>)> {
        let mut steps = Vec::new();
        let mut value = begin(&self.pool, pool);
        for (op, name) in self.outward.iter().zip(names) {
            match transform::run(std::slice::from_ref(op), value, pool, &mut Vec::new()) {
                Ok(Flow::Value(next)) => {
                    steps.push((name.clone(), Some(next.clone())));
                    value = next;
                }
                Ok(Flow::Keep) => {
                    steps.push((name.clone(), None));
                    break;
                }
                Err(_) => break,
            }
        }
        steps
    }
}

/// What a rule begins with: the value of its field, or a list where it has several.
fn begin(from: &[Field], record: &Record) -> Value {
    let value = |field: &Field| record.get(&field.name).cloned().unwrap_or_default();
    match from {
        [only] => value(only),
        several => Value::List(several.iter().map(value).collect()),
    }
}

fn carry(from: &[Field], ops: &[Op], to: &[Field], record: &Record, notes: &mut Vec<Note>) -> Carried {
    match transform::run(ops, begin(from, record), record, notes) {
        Ok(Flow::Value(arrived)) => land(to, arrived, notes),
        Ok(Flow::Keep) => Carried::Keep,
        Err(why) => Carried::Refused(why),
    }
}

/// Fits what arrives to the fields it is for.
fn land(to: &[Field], arrived: Value, notes: &mut Vec<Note>) -> Carried {
    let values = match (to, arrived) {
        ([_], only) => vec![only],
        (_, Value::List(several)) => several,
        (_, Value::Null) => Vec::new(),
        (_, only) => vec![only],
    };
    if values.len() > to.len() {
        return Carried::Refused(Why::WrongCount(to.len(), values.len()));
    }
    let mut values = values.into_iter();
    let mut landed = Vec::with_capacity(to.len());
    for field in to {
        match field.accepts.accept(values.next().unwrap_or_default()) {
            Ok((value, cut)) => {
                notes.extend(cut.map(|(from, to)| Note::Cut { from, to }));
                landed.push(value);
            }
            Err(misfit) => return Carried::Refused(misfit.into()),
        }
    }
    Carried::Values(landed)
}
