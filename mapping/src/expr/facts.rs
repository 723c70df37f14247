//! What is known when an expression is evaluated: a tree of values, converted once and read by many expressions.

use std::cell::RefCell;
use std::fmt;

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use zen_expression::Scope;
use zen_expression::variable::{Symbol, Variable};
use zen_expression::vm::VM;

use crate::value::{Record, Value};

/// The values an expression reads, by dotted name. Names that are not set are null.
///
/// Not `Send`: build it, evaluate, drop it, all in one synchronous stretch. Building copies each text once; evaluating
/// copies nothing. One `Facts` serves any number of expressions, and parts of it may be set anew in between (the same
/// lead with its next touch).
pub struct Facts {
    pub(super) scope: RefCell<Scope>,
    pub(super) vm: RefCell<VM>,
}

impl Default for Facts {
    fn default() -> Self {
        Self { scope: RefCell::new(Scope::new(Variable::empty_object())), vm: RefCell::new(VM::new()) }
    }
}

impl Facts {
    /// No facts: every name is null.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The facts in a nested JSON object (`{"lead": {"phone": …}}`). Names with a dot in them are followed as paths.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Self {
        let mut facts = Self::new();
        if let Some(object) = json.as_object() {
            for (name, value) in object {
                facts.insert(name, from_json(value));
            }
        }
        facts
    }

    /// Facts by dotted name.
    #[must_use]
    pub fn from_pairs<'v>(pairs: impl IntoIterator<Item = (&'v str, &'v Value)>) -> Self {
        let mut facts = Self::new();
        for (path, value) in pairs {
            facts.set(path, value);
        }
        facts
    }

    /// Sets the dotted name `path`. A group that stood there is replaced.
    pub fn set(&mut self, path: &str, value: &Value) {
        self.insert(path, variable(value));
    }

    /// Sets the dotted name `path` to any JSON; objects become groups, lists of objects can be walked by
    /// `some(crm.person.opportunities, #.open)`.
    pub fn set_json(&mut self, path: &str, json: &serde_json::Value) {
        self.insert(path, from_json(json));
    }

    /// Sets the group `path` to the fields of `record` and to nothing else: what the group held before is forgotten.
    pub fn set_record(&mut self, path: &str, record: &Record) {
        let group = Variable::empty_object();
        for (name, value) in record.iter() {
            insert(&group, name, variable(value));
        }
        self.insert(path, group);
    }

    /// The value at the dotted name `path`; null where there is none. A group gives its JSON as text.
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        self.scope.borrow().base().dot(path).map_or(Value::Null, |found| value(&found))
    }

    fn insert(&mut self, path: &str, value: Variable) {
        insert(self.scope.get_mut().base(), path, value);
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Facts hold personal data: names may be shown, values not.
        match self.scope.borrow().base() {
            Variable::Object(groups) => {
                let groups = groups.borrow();
                let mut names: Vec<&str> = groups.keys().map(Symbol::as_str).collect();
                names.sort_unstable();
                f.debug_struct("Facts").field("groups", &names).finish_non_exhaustive()
            }
            _ => f.write_str("Facts"),
        }
    }
}

/// Sets `path` below `group`, making groups on the way (in place of values that stand there).
fn insert(group: &Variable, path: &str, value: Variable) {
    let Variable::Object(fields) = group else { return };
    match path.split_once('.') {
        None => {
            fields.borrow_mut().insert(Symbol::from(path), value);
        }
        Some((head, rest)) => {
            let inner = match fields.borrow().get_str(head) {
                Some(inner @ Variable::Object(_)) => inner.clone(),
                _ => Variable::empty_object(),
            };
            insert(&inner, rest, value);
            fields.borrow_mut().insert(Symbol::from(head), inner);
        }
    }
}

fn variable(value: &Value) -> Variable {
    match value {
        Value::Null => Variable::Null,
        Value::Bool(yes) => Variable::Bool(*yes),
        Value::Int(number) => Variable::Number(Decimal::from(*number)),
        // Beyond what a decimal holds (7.9e28) a number is no fact anyone compares with.
        Value::Real(number) => Decimal::from_f64(*number).map_or(Variable::Null, Variable::Number),
        Value::Text(text) => Variable::String(Symbol::from(text.as_str())),
        Value::List(list) => Variable::from_array(list.iter().map(variable).collect()),
    }
}

fn from_json(json: &serde_json::Value) -> Variable {
    match json {
        serde_json::Value::Object(object) => {
            let group = Variable::empty_object();
            for (name, value) in object {
                insert(&group, name, from_json(value));
            }
            group
        }
        serde_json::Value::Array(list) => Variable::from_array(list.iter().map(from_json).collect()),
        scalar => variable(&Value::from_json(scalar)),
    }
}

/// A result in the product's own words.
pub(super) fn value(variable: &Variable) -> Value {
    match variable {
        Variable::Null => Value::Null,
        Variable::Bool(yes) => Value::Bool(*yes),
        Variable::Number(number) => number_value(*number),
        Variable::String(text) => Value::text(text.as_str()),
        Variable::Array(list) => Value::List(list.borrow().iter().map(value).collect()),
        Variable::Object(_) | Variable::Dynamic(_) => Value::text(variable.to_value().to_string()),
    }
}

fn number_value(number: Decimal) -> Value {
    match (number.is_integer(), number.to_i64(), number.to_f64()) {
        (true, Some(whole), _) => Value::Int(whole),
        (_, _, Some(real)) if real.is_finite() => Value::Real(real),
        _ => Value::text(number.to_string()),
    }
}
