//! What a condition asks of which names, in words that another evaluator (a database) can be asked in.
//!
//! An [`Outline`] says at least as much as is sure: what it has no word for is [`Outline::Other`], and the reader decides
//! what that means. The expression itself stays the truth; an outline only narrows down where to look.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use zen_expression::functions::{FunctionKind, InternalFunction};
use zen_expression::lexer::{
    ArithmeticOperator, ComparisonOperator as Cmp, LogicalOperator as Logic, Operator,
};
use zen_expression::parser::Node;

use super::narrow;
use crate::value::Value;

/// The shape of a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Outline {
    /// All of them hold; read from left to right, the first that fails ends it.
    All(Vec<Outline>),
    /// One of them holds; read from left to right, the first that holds ends it.
    Any(Vec<Outline>),
    /// It does not hold.
    Not(Box<Outline>),
    /// A name is put to a test.
    Asks(Asks),
    /// Holds always, or never.
    Always(bool),
    /// Only the evaluator knows.
    Other,
}

/// A name put to a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Asks {
    /// The dotted name.
    pub name: String,
    /// What counts where the name is empty (`lead.title ?? ""`).
    pub instead: Option<Value>,
    /// The test.
    pub test: Test,
}

/// A test of one value. A value of another kind is never equal; numbers are equal whatever their spelling.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It is this; null: it is empty.
    Is(Value),
    /// It is one of these.
    Among(Vec<Value>),
    /// It is a number below this.
    Below(f64),
    /// It is a number not above this.
    AtMost(f64),
    /// It is a number above this.
    Above(f64),
    /// It is a number not below this.
    AtLeast(f64),
    /// It is a text that contains this, or a list that has it.
    Contains(Value),
    /// It is a text that starts so.
    StartsWith(String),
    /// It is a text that ends so.
    EndsWith(String),
}

/// The outline of a tree.
pub(super) fn of(node: &Node) -> Outline {
    match node {
        Node::Parenthesized(inner) => of(inner),
        Node::Bool(always) => Outline::Always(*always),
        Node::Unary { node, operator: Operator::Logical(Logic::Not) } => Outline::Not(Box::new(of(node))),
        Node::Binary { left, operator: Operator::Logical(Logic::And), right } => {
            Outline::All(vec![of(left), of(right)])
        }
        Node::Binary { left, operator: Operator::Logical(Logic::Or), right } => {
            Outline::Any(vec![of(left), of(right)])
        }
        Node::Binary { left, operator: Operator::Comparison(comparison), right } => {
            compared(left, *comparison, right)
        }
        Node::FunctionCall { kind: FunctionKind::Internal(function), arguments: [subject, sought] } => {
            called(*function, subject, sought)
        }
        Node::Identifier(_) | Node::Member { .. } => asks(node, Test::Is(Value::Bool(true))),
        _ => Outline::Other,
    }
}

/// Puts the name that a node stands for to a test.
fn asks(node: &Node, test: Test) -> Outline {
    let (subject, instead) = match bare(node) {
        Node::Binary { left, operator: Operator::Logical(Logic::NullishCoalescing), right } => {
            match literal(right) {
                Some(value) => (bare(left), Some(value)),
                None => return Outline::Other,
            }
        }
        other => (other, None),
    };
    match narrow::path(subject) {
        Some(path) if path.iter().all(|part| !part.contains('.')) => {
            Outline::Asks(Asks { name: path.join("."), instead, test })
        }
        _ => Outline::Other,
    }
}

fn compared(left: &Node, comparison: Cmp, right: &Node) -> Outline {
    let not = |outline| Outline::Not(Box::new(outline));
    match comparison {
        Cmp::Equal => equal(left, right),
        Cmp::NotEqual => not(equal(left, right)),
        Cmp::In => among(left, right),
        Cmp::NotIn => not(among(left, right)),
        Cmp::LessThan => ordered(left, right, Test::Below, Test::Above),
        Cmp::LessThanOrEqual => ordered(left, right, Test::AtMost, Test::AtLeast),
        Cmp::GreaterThan => ordered(left, right, Test::Above, Test::Below),
        Cmp::GreaterThanOrEqual => ordered(left, right, Test::AtLeast, Test::AtMost),
    }
}

fn equal(left: &Node, right: &Node) -> Outline {
    match (literal(left), literal(right)) {
        (None, Some(value)) => asks(left, Test::Is(value)),
        (Some(value), None) => asks(right, Test::Is(value)),
        _ => Outline::Other,
    }
}

fn among(left: &Node, right: &Node) -> Outline {
    let Node::Array(items) = bare(right) else { return Outline::Other };
    match items.iter().map(|item| literal(item)).collect::<Option<Vec<_>>>() {
        Some(values) => asks(left, Test::Among(values)),
        None => Outline::Other,
    }
}

fn ordered(left: &Node, right: &Node, test: fn(f64) -> Test, turned: fn(f64) -> Test) -> Outline {
    let number = |node: &Node| match literal(node) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a limit of a filter beyond 2^53 is nothing anyone means"
        )]
        Some(Value::Int(number)) => Some(number as f64),
        Some(Value::Real(number)) => Some(number),
        _ => None,
    };
    match (number(left), number(right)) {
        (None, Some(limit)) => asks(left, test(limit)),
        (Some(limit), None) => asks(right, turned(limit)),
        _ => Outline::Other,
    }
}

fn called(function: InternalFunction, subject: &Node, sought: &Node) -> Outline {
    match (function, literal(sought)) {
        (InternalFunction::Contains, Some(value)) => asks(subject, Test::Contains(value)),
        (InternalFunction::StartsWith, Some(Value::Text(start))) => asks(subject, Test::StartsWith(start)),
        (InternalFunction::EndsWith, Some(Value::Text(end))) => asks(subject, Test::EndsWith(end)),
        _ => Outline::Other,
    }
}

fn bare<'a>(node: &'a Node<'a>) -> &'a Node<'a> {
    match node {
        Node::Parenthesized(inner) => bare(inner),
        _ => node,
    }
}

/// The value that a node writes down; null is one.
fn literal(node: &Node) -> Option<Value> {
    match bare(node) {
        Node::Null => Some(Value::Null),
        Node::Bool(yes) => Some(Value::Bool(*yes)),
        Node::String(text) => Some(Value::text(*text)),
        Node::Number(number) => value(*number),
        Node::Unary {
            node: Node::Number(number),
            operator: Operator::Arithmetic(ArithmeticOperator::Subtract),
        } => value(-*number),
        _ => None,
    }
}

fn value(number: Decimal) -> Option<Value> {
    if number.is_integer() { number.to_i64().map(Value::Int) } else { number.to_f64().map(Value::Real) }
}
