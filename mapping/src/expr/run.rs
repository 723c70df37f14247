//! Compiled expressions and their evaluation.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bumpalo::Bump;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use zen_expression::compiler::{CompilerError, Opcode};
use zen_expression::variable::{Symbol, Variable};
use zen_expression::vm::VMError;

use super::check::{Checker, Expected};
use super::facts::{self, Facts};
use super::filter;
use super::lift::{self, Step};
use super::outline::{self, Outline};
use super::parse;
use super::problem::{ExprProblem, ExprProblemKind};
use super::types::Schema;
use crate::value::Value;

/// A checked, compiled expression. Cheap to clone; two are equal where their texts are.
#[derive(Clone)]
pub struct Expr {
    inner: Arc<Inner>,
}

struct Inner {
    text: String,
    reads: BTreeSet<String>,
    steps: Vec<Step>,
    code: Arc<[Opcode]>,
    /// The conditions that `and` joins at the top, where there are several.
    parts: Vec<Part>,
}

/// One of the conditions that must hold together.
struct Part {
    text: String,
    steps: Vec<Step>,
    code: Arc<[Opcode]>,
}

impl Expr {
    /// Checks and compiles `text`.
    ///
    /// # Errors
    /// Every problem found, in the order of the text. A text that cannot be read has only its first.
    pub fn compile(text: &str, schema: &Schema, expected: Expected) -> Result<Self, Vec<ExprProblem>> {
        let bump = Bump::new();
        let tree = parse::parse(&bump, text).map_err(|problem| vec![*problem])?;
        let mut checker = Checker::new(&tree, schema);
        checker.run(expected);
        let (problems, reads, lifts) = (checker.problems, checker.reads, checker.lifts);
        if !problems.is_empty() {
            return Err(problems);
        }
        let refused = |error: CompilerError| {
            vec![ExprProblem::new(
                ExprProblemKind::Syntax,
                0..text.len(),
                format!("the expression cannot be compiled: {error}"),
                format!("表达式无法编译：{error}"),
            )]
        };
        let program = lift::compile(&bump, tree.root, &lifts).map_err(refused)?;
        let joined = lift::joined(tree.root);
        let parts = if joined.len() > 1 { joined } else { Vec::new() };
        let parts = parts.into_iter().map(|node| {
            let program = lift::compile(&bump, node, &lifts)?;
            let text = text.get(tree.range(node)).unwrap_or_default().trim().to_owned();
            Ok(Part { text, steps: program.steps, code: program.code })
        });
        let parts = parts.collect::<Result<_, _>>().map_err(refused)?;
        let inner = Inner { text: text.to_owned(), reads, steps: program.steps, code: program.code, parts };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Checks and compiles a condition that finds things: unlike in a rule, a name that may be empty can be compared
    /// right away, and the comparison does not hold where it is empty.
    ///
    /// # Errors
    /// As [`Expr::compile`].
    pub fn filter(text: &str, schema: &Schema) -> Result<Self, Vec<ExprProblem>> {
        filter::compile(text, schema)
    }

    /// What it asks of which names.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let bump = Bump::new();
        parse::parse(&bump, self.text()).map_or(Outline::Other, |tree| outline::of(tree.root))
    }

    /// The text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// The names it reads (`score.fit`), whether or not an evaluation gets to them.
    #[must_use]
    pub fn reads(&self) -> &BTreeSet<String> {
        &self.inner.reads
    }

    /// The value of an expression that reads nothing (`true`, `1 + 1`); `None` where it reads something.
    #[must_use]
    pub fn constant(&self) -> Option<Value> {
        self.inner.reads.is_empty().then(|| self.eval_value(&Facts::new()).ok()).flatten()
    }

    /// Whether the condition holds.
    ///
    /// # Errors
    /// Where a value of unknown type turns out unfit, or the result is neither yes nor no.
    pub fn eval_bool(&self, facts: &Facts) -> Result<bool, EvalError> {
        match self.eval(facts)? {
            Variable::Bool(holds) => Ok(holds),
            other => Err(self.failed(facts, &format!("the result is {}, not yes or no", other.type_name()))),
        }
    }

    /// Of the conditions that `and` joins at the top the one that keeps it from holding, where it is only one: how near
    /// it came. `None` where several fail, or where nothing is joined.
    #[must_use]
    pub fn only_failing(&self, facts: &Facts) -> Option<&str> {
        let mut failing =
            self.inner.parts.iter().filter(|part| {
                !matches!(Self::run(&part.steps, &part.code, facts), Ok(Variable::Bool(true)))
            });
        match (failing.next(), failing.next()) {
            (Some(only), None) => Some(&only.text),
            _ => None,
        }
    }

    /// The number it gives, as near as a float comes.
    ///
    /// # Errors
    /// Like [`Expr::eval_bool`], for numbers.
    pub fn eval_number(&self, facts: &Facts) -> Result<f64, EvalError> {
        let number = self.decimal(facts)?;
        number.to_f64().ok_or_else(|| self.failed(facts, "the number is out of range"))
    }

    /// The number it gives, rounded half away from zero to a whole one.
    ///
    /// # Errors
    /// Like [`Expr::eval_bool`], for numbers; also beyond 64 bits.
    pub fn eval_int(&self, facts: &Facts) -> Result<i64, EvalError> {
        self.eval_scaled(facts, 1)
    }

    /// The number it gives times `scale`, rounded half away from zero: `eval_scaled(facts, 1_000_000)` gives exact
    /// micro-points, the same to the bit on every machine.
    ///
    /// # Errors
    /// Like [`Expr::eval_int`].
    pub fn eval_scaled(&self, facts: &Facts, scale: u32) -> Result<i64, EvalError> {
        let number = self.decimal(facts)?;
        number
            .checked_mul(Decimal::from(scale))
            .map(|scaled| scaled.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero))
            .and_then(|scaled| scaled.to_i64())
            .ok_or_else(|| self.failed(facts, "the number is out of range"))
    }

    /// Whatever it gives.
    ///
    /// # Errors
    /// Where a value of unknown type turns out unfit.
    pub fn eval_value(&self, facts: &Facts) -> Result<Value, EvalError> {
        self.eval(facts).map(|found| facts::value(&found))
    }

    fn decimal(&self, facts: &Facts) -> Result<Decimal, EvalError> {
        match self.eval(facts)? {
            Variable::Number(number) => Ok(number),
            other => Err(self.failed(facts, &format!("the result is {}, not a number", other.type_name()))),
        }
    }

    fn eval(&self, facts: &Facts) -> Result<Variable, EvalError> {
        Self::run(&self.inner.steps, &self.inner.code, facts)
            .map_err(|error| self.failed(facts, &error.to_string()))
    }

    fn run(steps: &[Step], code: &[Opcode], facts: &Facts) -> Result<Variable, VMError> {
        let (mut scope, mut vm) = (facts.scope.borrow_mut(), facts.vm.borrow_mut());
        for step in steps {
            // A subject that fails gives null: should the call matter, the rest fails on it.
            let subject = vm.run(&step.subject, &scope).unwrap_or(Variable::Null);
            scope.set_local(Symbol::from(step.local.as_str()), step.apply(&subject));
        }
        let result = vm.run(code, &scope);
        if !steps.is_empty() {
            scope.clear_locals();
        }
        result
    }

    fn failed(&self, facts: &Facts, detail: &str) -> EvalError {
        let empty: Vec<String> =
            self.inner.reads.iter().filter(|name| facts.get(name) == Value::Null).cloned().collect();
        let kind = if empty.is_empty() { EvalErrorKind::Unfit } else { EvalErrorKind::Empty };
        EvalError { kind, text: self.inner.text.clone(), empty, detail: detail.to_owned() }
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.inner.text == other.inner.text
    }
}

impl Eq for Expr {}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expr").field(&self.inner.text).finish()
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.text)
    }
}

/// Why an expression could not be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvalErrorKind {
    /// Some of the values it reads are empty, and it computes with one of them.
    Empty,
    /// A value has another type than the expression needs, or a number went out of range.
    Unfit,
}

/// An evaluation that failed. Carries names, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("evaluating `{text}`: {detail}{}", if empty.is_empty() { String::new() } else { format!("; empty: {}", empty.join(", ")) })]
pub struct EvalError {
    /// What kind of failure.
    pub kind: EvalErrorKind,
    /// The expression.
    pub text: String,
    /// The names it reads that were empty.
    pub empty: Vec<String>,
    /// The evaluator's own words.
    pub detail: String,
}

/// What `expr` saw: each name it reads with its value, in name order. For the reasons of a decision.
#[must_use]
pub fn explain(expr: &Expr, facts: &Facts) -> Vec<(String, Value)> {
    expr.reads().iter().map(|name| (name.clone(), facts.get(name))).collect()
}
