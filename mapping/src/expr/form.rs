//! What a condition claims, taken apart far enough to see that one claim follows from another: rules that can never fire
//! because an earlier one always does, conditions that contradict themselves.
//!
//! Only what can be told from the form alone is told; a "no" means "not known to follow".

use std::collections::BTreeSet;

use bumpalo::Bump;
use rust_decimal::Decimal;
use zen_expression::lexer::{ComparisonOperator as Cmp, LogicalOperator as Logic, Operator};
use zen_expression::parser::Node;

use super::parse;
use super::run::Expr;
use crate::value::Value;

/// Most steps one comparison of two forms takes.
const FUEL: u32 = 20_000;

/// The form of a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Form(Claim);

#[derive(Clone, Debug, PartialEq)]
enum Claim {
    Always,
    Never,
    All(Vec<Claim>),
    Any(Vec<Claim>),
    /// The subject is a number above (or at) `low` and below (or at) `high`.
    Within {
        subject: String,
        low: Option<Edge>,
        high: Option<Edge>,
    },
    /// The subject is one of these, or none of them.
    Among {
        subject: String,
        values: BTreeSet<String>,
        is: bool,
    },
    /// The subject is there, or is not.
    Present {
        subject: String,
        is: bool,
    },
    /// Anything else holds, or does not.
    Holds {
        text: String,
        is: bool,
    },
}

/// An edge of a range, and whether it belongs to it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Edge {
    at: Decimal,
    within: bool,
}

impl Form {
    /// The form of a compiled condition.
    #[must_use]
    pub fn of(expr: &Expr) -> Self {
        match expr.constant() {
            Some(Value::Bool(true)) => return Self(Claim::Always),
            Some(Value::Bool(false)) => return Self(Claim::Never),
            _ => {}
        }
        let bump = Bump::new();
        Self(match parse::parse(&bump, expr.text()) {
            Ok(tree) => claim(tree.root, true),
            // It was compiled, so it can be read; if not, nothing is known of it.
            Err(_) => Claim::Holds { text: expr.text().to_owned(), is: true },
        })
    }

    /// Whether `wide` surely holds whenever this does.
    #[must_use]
    pub fn implies(&self, wide: &Form) -> bool {
        implies(&self.0, &wide.0, &mut { FUEL })
    }

    /// Whether it surely does not hold where the yes-or-no name `name` is not true.
    #[must_use]
    pub fn demands(&self, name: &str) -> bool {
        implies(&self.0, &Claim::Holds { text: name.to_owned(), is: true }, &mut { FUEL })
    }

    /// Whether it always holds.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.0 == Claim::Always
    }

    /// Whether it contradicts itself and so never holds.
    #[must_use]
    pub fn is_never(&self) -> bool {
        never(&self.0)
    }
}

/// The claim of a node, or of its contrary.
fn claim(node: &Node, is: bool) -> Claim {
    match node {
        Node::Parenthesized(inner) => claim(inner, is),
        Node::Bool(yes) if *yes == is => Claim::Always,
        Node::Bool(_) => Claim::Never,
        Node::Unary { node, operator: Operator::Logical(Logic::Not) } => claim(node, !is),
        Node::Binary { left, operator: Operator::Logical(logic @ (Logic::And | Logic::Or)), right } => {
            let parts = vec![claim(left, is), claim(right, is)];
            let all = matches!(logic, Logic::And) == is;
            flat(parts, all)
        }
        Node::Binary { left, operator: Operator::Comparison(comparison), right } => {
            compared(left, *comparison, right, is).unwrap_or_else(|| Claim::Holds { text: text_of(node), is })
        }
        _ => Claim::Holds { text: text_of(node), is },
    }
}

/// Claims joined by `and` or `or`, without claims of the same kind within.
fn flat(parts: Vec<Claim>, all: bool) -> Claim {
    let (neutral, decisive) = if all { (Claim::Always, Claim::Never) } else { (Claim::Never, Claim::Always) };
    let mut joined = Vec::new();
    for part in parts {
        match part {
            part if part == neutral => {}
            part if part == decisive => return decisive,
            Claim::All(inner) if all => joined.extend(inner),
            Claim::Any(inner) if !all => joined.extend(inner),
            part => joined.push(part),
        }
    }
    match joined.len() {
        0 => neutral,
        1 => joined.remove(0),
        _ if all => Claim::All(joined),
        _ => Claim::Any(joined),
    }
}

fn compared(left: &Node, comparison: Cmp, right: &Node, is: bool) -> Option<Claim> {
    let (left, right) = (bare(left), bare(right));
    if let (Some(value), None) = (literal(left), literal(right)) {
        return compared_with(right, turned(comparison)?, &value, is);
    }
    if let Node::Array(items) = right {
        let values: Option<BTreeSet<String>> = items.iter().map(|item| literal(bare(item))).collect();
        let is = match comparison {
            Cmp::In => is,
            Cmp::NotIn => !is,
            _ => return None,
        };
        return Some(Claim::Among { subject: text_of(left), values: values?, is });
    }
    compared_with(left, comparison, &literal(right)?, is)
}

/// A subject compared with a value that is written there.
fn compared_with(subject: &Node, comparison: Cmp, value: &str, is: bool) -> Option<Claim> {
    let subject = text_of(subject);
    let equal = match comparison {
        Cmp::Equal => Some(is),
        Cmp::NotEqual => Some(!is),
        _ => None,
    };
    if let Some(is) = equal {
        return Some(match value {
            "null" => Claim::Present { subject, is: !is },
            "true" | "false" => Claim::Holds { text: subject, is: (value == "true") == is },
            _ => Claim::Among { subject, values: BTreeSet::from([value.to_owned()]), is },
        });
    }
    let at: Decimal = value.parse().ok()?;
    let edge = |within: bool| Some(Edge { at, within });
    let (low, high) = match (comparison, is) {
        (Cmp::GreaterThan, true) | (Cmp::LessThanOrEqual, false) => (edge(false), None),
        (Cmp::GreaterThanOrEqual, true) | (Cmp::LessThan, false) => (edge(true), None),
        (Cmp::LessThan, true) | (Cmp::GreaterThanOrEqual, false) => (None, edge(false)),
        (Cmp::LessThanOrEqual, true) | (Cmp::GreaterThan, false) => (None, edge(true)),
        _ => return None,
    };
    Some(Claim::Within { subject, low, high })
}

fn turned(comparison: Cmp) -> Option<Cmp> {
    Some(match comparison {
        Cmp::Equal => Cmp::Equal,
        Cmp::NotEqual => Cmp::NotEqual,
        Cmp::LessThan => Cmp::GreaterThan,
        Cmp::LessThanOrEqual => Cmp::GreaterThanOrEqual,
        Cmp::GreaterThan => Cmp::LessThan,
        Cmp::GreaterThanOrEqual => Cmp::LessThanOrEqual,
        _ => return None,
    })
}

fn bare<'a, 'n>(node: &'n Node<'a>) -> &'n Node<'a> {
    match node {
        Node::Parenthesized(inner) => bare(inner),
        other => other,
    }
}

/// A value written in the expression, in one spelling.
fn literal(node: &Node) -> Option<String> {
    match node {
        Node::Null => Some("null".to_owned()),
        Node::Bool(yes) => Some(yes.to_string()),
        Node::Number(number) => Some(number.normalize().to_string()),
        Node::String(text) => Some(format!("{text:?}")),
        Node::Unary { node, operator: Operator::Arithmetic(_) } => match bare(node) {
            Node::Number(number) => Some((-*number).normalize().to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// A node in one spelling, whatever blanks and brackets it was written with.
fn text_of(node: &Node) -> String {
    match node {
        Node::Parenthesized(inner) => text_of(inner),
        Node::Identifier(name) => (*name).to_owned(),
        Node::Member { node, property: Node::String(name) } => format!("{}.{name}", text_of(node)),
        Node::Binary { left, operator, right } => {
            format!("({} {operator} {})", text_of(left), text_of(right))
        }
        Node::Unary { node, operator } => format!("{operator}({})", text_of(node)),
        Node::FunctionCall { kind, arguments } => {
            let arguments: Vec<String> = arguments.iter().map(|node| text_of(node)).collect();
            format!("{kind:?}({})", arguments.join(", "))
        }
        Node::Array(items) => {
            let items: Vec<String> = items.iter().map(|node| text_of(node)).collect();
            format!("[{}]", items.join(", "))
        }
        // Whatever else there is stands for itself: equal trees have equal words.
        other => literal(other).unwrap_or_else(|| format!("{other:?}")),
    }
}

/// `fuel` bounds the ways through nested claims that are tried; when it is used up, nothing is known to follow.
fn implies(narrow: &Claim, wide: &Claim, fuel: &mut u32) -> bool {
    if *fuel == 0 {
        return false;
    }
    *fuel -= 1;
    match (narrow, wide) {
        (_, Claim::Always) | (Claim::Never, _) => true,
        (Claim::Any(parts), wide) => parts.iter().all(|part| implies(part, wide, fuel)),
        (narrow, Claim::All(parts)) => parts.iter().all(|part| implies(narrow, part, fuel)),
        (narrow, Claim::Any(parts)) if parts.iter().any(|part| implies(narrow, part, fuel)) => true,
        (Claim::All(parts), wide) => parts.iter().any(|part| implies(part, wide, fuel)) || never(narrow),
        (narrow, wide) => follows(narrow, wide),
    }
}

/// Whether one simple claim follows from another.
fn follows(narrow: &Claim, wide: &Claim) -> bool {
    match (narrow, wide) {
        (
            Claim::Within { subject: a, low: la, high: ha },
            Claim::Within { subject: b, low: lb, high: hb },
        ) => {
            a == b
                && lb.is_none_or(|wide| {
                    la.is_some_and(|narrow| {
                        narrow.at > wide.at || (narrow.at == wide.at && (wide.within || !narrow.within))
                    })
                })
                && hb.is_none_or(|wide| {
                    ha.is_some_and(|narrow| {
                        narrow.at < wide.at || (narrow.at == wide.at && (wide.within || !narrow.within))
                    })
                })
        }
        (
            Claim::Among { subject: a, values: va, is: true },
            Claim::Among { subject: b, values: vb, is: true },
        ) => a == b && va.is_subset(vb),
        (
            Claim::Among { subject: a, values: va, is: true },
            Claim::Among { subject: b, values: vb, is: false },
        ) => a == b && va.is_disjoint(vb),
        (
            Claim::Among { subject: a, values: va, is: false },
            Claim::Among { subject: b, values: vb, is: false },
        ) => a == b && vb.is_subset(va),
        // Numbers that are named lie within a range, or do not.
        (Claim::Among { subject: a, values, is: true }, Claim::Within { subject: b, low, high }) => {
            a == b && values.iter().all(|value| value.parse().is_ok_and(|at| lies(at, *low, *high)))
        }
        // What was compared was there.
        (Claim::Within { subject: a, .. }, Claim::Present { subject: b, is: true }) => a == b,
        (Claim::Among { subject: a, values, is: true }, Claim::Present { subject: b, is: true }) => {
            a == b && !values.contains("null")
        }
        (narrow, wide) => narrow == wide,
    }
}

fn lies(at: Decimal, low: Option<Edge>, high: Option<Edge>) -> bool {
    low.is_none_or(|low| at > low.at || (low.within && at == low.at))
        && high.is_none_or(|high| at < high.at || (high.within && at == high.at))
}

/// Whether a claim contradicts itself.
fn never(claim: &Claim) -> bool {
    match claim {
        Claim::Never => true,
        Claim::Any(parts) => parts.iter().all(never),
        Claim::All(parts) => {
            parts.iter().any(never)
                || parts.iter().enumerate().any(|(at, part)| {
                    parts.iter().skip(at + 1).any(|other| clash(part, other) || clash(other, part))
                })
        }
        Claim::Among { values, is: true, .. } => values.is_empty(),
        _ => false,
    }
}

/// Whether two simple claims cannot hold together.
fn clash(one: &Claim, other: &Claim) -> bool {
    match (one, other) {
        (
            Claim::Within { subject: a, low: Some(low), .. },
            Claim::Within { subject: b, high: Some(high), .. },
        ) => a == b && (low.at > high.at || (low.at == high.at && !(low.within && high.within))),
        (
            Claim::Among { subject: a, values: va, is: true },
            Claim::Among { subject: b, values: vb, is: true },
        ) => a == b && va.is_disjoint(vb),
        (
            Claim::Among { subject: a, values: va, is: true },
            Claim::Among { subject: b, values: vb, is: false },
        ) => a == b && va.is_subset(vb),
        (Claim::Among { subject: a, values, is: true }, Claim::Within { subject: b, low, high }) => {
            a == b && values.iter().all(|value| value.parse().is_ok_and(|at| !lies(at, *low, *high)))
        }
        (Claim::Present { subject: a, is: false }, Claim::Present { subject: b, is: true }) => a == b,
        (Claim::Present { subject: a, is: false }, Claim::Within { subject: b, .. }) => a == b,
        (Claim::Present { subject: a, is: false }, Claim::Among { subject: b, values, is: true }) => {
            a == b && !values.contains("null")
        }
        (Claim::Holds { text: a, is: yes }, Claim::Holds { text: b, is: no }) => a == b && yes != no,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Expected, Schema};
    use super::*;

    fn form(text: &str) -> Form {
        use super::super::Type;
        let mut schema = Schema::builder();
        for group in ["a", "b"] {
            for name in ["x", "y", "z"] {
                schema = schema.field(&format!("{group}.{name}"), Type::bool());
            }
            schema = schema.field(&format!("{group}.n"), Type::number());
            schema = schema.field(&format!("{group}.s"), Type::text().nullable());
        }
        let schema = schema.build();
        Form::of(
            &Expr::compile(text, &schema, Expected::Bool)
                .unwrap_or_else(|problems| panic!("{text}: {problems:?}")),
        )
    }

    #[test]
    fn narrower_conditions_imply_wider_ones() {
        for (narrow, wide) in [
            ("a.x", "true"),
            ("a.x and a.y", "a.x"),
            ("a.x and a.y and a.z", "a.z and a.x"),
            ("a.x", "a.x or a.y"),
            ("a.x and a.z or a.y", "a.x or a.y"),
            ("a.n >= 40", "a.n >= 30"),
            ("a.n > 30", "a.n >= 30"),
            ("40 <= a.n", "a.n > 30"),
            ("a.n == 5", "a.n < 6"),
            ("(a.n * 2) >= 1000", "( a.n*2 ) >= 200"),
            ("a.s == \"x\"", "a.s in [\"x\", \"y\"]"),
            ("a.s in ['x', 'y']", "a.s != \"z\""),
            ("a.s == \"x\"", "a.s != null"),
            ("a.x == true and a.y", "a.x"),
            ("a.x == false", "not a.x"),
            ("a.s not in [\"x\", \"y\"]", "a.s != \"x\""),
            ("not (a.x or a.y)", "not a.x"),
            ("not (a.n < 40)", "a.n >= 30"),
            ("startsWith(a.s ?? \"\", \"x\") and a.y", "startsWith(a.s ?? '', \"x\")"),
            ("a.n > 5 and a.n < 3", "b.y"),
        ] {
            assert!(form(narrow).implies(&form(wide)), "{narrow} ⇒ {wide}");
        }
    }

    #[test]
    fn what_does_not_follow_is_not_said_to() {
        for (narrow, wide) in [
            ("a.x", "a.x and a.y"),
            ("a.x or a.y", "a.x"),
            ("a.n >= 30", "a.n > 30"),
            ("a.n >= 30", "a.n >= 40"),
            ("a.n >= 40", "b.n >= 30"),
            ("a.n < 3", "a.n > 1"),
            ("a.s != \"x\"", "a.s == \"y\""),
            ("a.s != \"x\"", "a.s != null"),
            ("a.s in [\"x\", \"z\"]", "a.s in [\"x\", \"y\"]"),
            ("not a.x", "a.x"),
            ("true", "a.x"),
            ("startsWith(a.s ?? \"\", \"x\")", "startsWith(a.s ?? \"\", \"y\")"),
        ] {
            assert!(!form(narrow).implies(&form(wide)), "{narrow} ⇒ {wide}");
        }
    }

    #[test]
    fn contradictions_never_hold() {
        for text in [
            "false",
            "1 > 2",
            "a.n > 5 and a.n < 5",
            "a.n >= 6 and a.x and a.n <= 5",
            "a.s == \"x\" and a.s == \"y\"",
            "a.s in [\"x\"] and a.s != \"x\"",
            "a.x and not a.x",
            "a.s == null and a.s == \"x\"",
            "a.n == 7 and a.n < 3",
        ] {
            assert!(form(text).is_never(), "{text}");
        }
        for text in [
            "true",
            "a.n >= 5 and a.n <= 5",
            "a.s == \"x\" or a.s == \"y\"",
            "a.x and not a.y",
            "a.n == 2 and a.n < 3",
        ] {
            assert!(!form(text).is_never(), "{text}");
        }
        assert!(form("true or a.x").is_always() && !form("a.x").is_always());
    }
}
