//! Conditions and points as the admin writes them: the one place that knows the expression language (ZEN).
//!
//! An expression is checked against a [`Schema`] when the config is read and compiled once ([`Expr::compile`]); rules
//! then evaluate it over [`Facts`]. Nothing else of the product sees ZEN, so it can be replaced here.
//!
//! What differs from ZEN as published, all of it refused or made stricter by the checker:
//! - no clock, no dice, no order of keys: `date`, `time`, `d` and their kin, `rand`, `keys`, `values` are refused, and so
//!   are powers, objects, assignments and cutting text by position;
//! - patterns of `matches` and `extract` are written as text and compiled once; matching takes time linear in the text;
//! - `len` of a text counts characters, not bytes.
//!
//! **Null.** A name that is not set is null. `==` and `!=` take null like any value (`lead.phone != null`);
//! `null in [...]` is false unless null is listed; `??` gives the right side where the left is null. Everything else
//! (`<`, `+`, `and`, `startsWith`, …) fails on null, so the checker demands `?? …`, or a test before it, wherever a
//! declared name may be empty. Only names of unknown type (custom properties) can still fail at run time:
//! [`EvalErrorKind::Empty`] says which were empty, and the caller decides what an undecidable condition means.

mod calls;
mod check;
mod compare;
mod facts;
mod filter;
mod form;
mod functions;
mod lift;
mod names;
mod narrow;
mod outline;
mod parse;
mod problem;
mod run;
mod types;

pub use check::Expected;
pub use facts::Facts;
pub use form::Form;
pub use functions::FUNCTIONS;
pub use outline::{Asks, Outline, Test};
pub(crate) use problem::nearest;
pub use problem::{ExprProblem, ExprProblemKind, Words};
pub use run::{EvalError, EvalErrorKind, Expr, explain};
pub use types::{Kind, Object, Schema, SchemaBuilder, Type};

/// The longest expression, in bytes.
pub const MAX_BYTES: usize = 4096;
/// The most words and signs an expression may be made of.
pub const MAX_TOKENS: usize = 1024;
/// How deep an expression may be nested; a chain of `or` counts one for each.
pub const MAX_DEPTH: usize = 128;
/// How many lists may be walked within each other (`some(a, some(b, …))`).
pub const MAX_LOOPS: usize = 2;

/// All problems of `text`, in the order they stand; none where it can be compiled.
#[must_use]
pub fn check(text: &str, schema: &Schema, expected: Expected) -> Vec<ExprProblem> {
    Expr::compile(text, schema, expected).err().unwrap_or_default()
}
