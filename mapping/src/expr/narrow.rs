//! What a condition that holds (or fails) says about names that may be empty: `lead.phone != null and …`.

use std::collections::BTreeSet;

use zen_expression::lexer::{ComparisonOperator as Cmp, LogicalOperator as Logic, Operator};
use zen_expression::parser::Node;

use super::types::Schema;

/// The dotted name a node stands for, where it is a plain chain of names (`crm.person.owner`, `lead["客户类型"]`).
pub(super) fn path<'a>(node: &Node<'a>) -> Option<Vec<&'a str>> {
    match node {
        Node::Identifier(name) => Some(vec![name]),
        Node::Parenthesized(inner) => path(inner),
        Node::Member { node, property: Node::String(name) } => {
            let mut path = path(node)?;
            path.push(name);
            Some(path)
        }
        _ => None,
    }
}

/// The names that are surely present where `node` is `holds`.
pub(super) fn present(node: &Node, holds: bool, schema: &Schema) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(node, holds, schema, &mut names);
    names
}

fn collect(node: &Node, holds: bool, schema: &Schema, names: &mut BTreeSet<String>) {
    match node {
        Node::Parenthesized(inner) => collect(inner, holds, schema, names),
        Node::Unary { node, operator: Operator::Logical(Logic::Not) } => collect(node, !holds, schema, names),
        Node::Binary { left, operator, right } => match operator {
            Operator::Logical(Logic::And) if holds => both(left, right, holds, schema, names),
            Operator::Logical(Logic::Or) if !holds => both(left, right, holds, schema, names),
            Operator::Comparison(comparison) => compared(left, *comparison, right, holds, names),
            _ => {}
        },
        _ if holds => {
            if let Some(path) = path(node) {
                let name = path.join(".");
                names.extend(
                    schema.guards.iter().filter(|(_, guard)| **guard == name).map(|(part, _)| part.clone()),
                );
                names.insert(name);
            }
        }
        _ => {}
    }
}

fn both(left: &Node, right: &Node, holds: bool, schema: &Schema, names: &mut BTreeSet<String>) {
    collect(left, holds, schema, names);
    collect(right, holds, schema, names);
}

fn compared(left: &Node, comparison: Cmp, right: &Node, holds: bool, names: &mut BTreeSet<String>) {
    let mut note = |node: &Node| names.extend(path(node).map(|path| path.join(".")));
    let null = |node: &Node| matches!(node, Node::Null);
    match (comparison, holds) {
        (Cmp::NotEqual, true) | (Cmp::Equal, false) if null(right) => note(left),
        (Cmp::NotEqual, true) | (Cmp::Equal, false) if null(left) => note(right),
        (Cmp::Equal, true) | (Cmp::NotEqual, false) if literal(right) => note(left),
        (Cmp::Equal, true) | (Cmp::NotEqual, false) if literal(left) => note(right),
        (Cmp::In, true) | (Cmp::NotIn, false) => match right {
            Node::Array(items) if items.iter().all(|item| literal(item)) => note(left),
            Node::Interval { .. } => note(left),
            _ => {}
        },
        _ => {}
    }
}

/// A value written in the expression itself that is not `null`.
fn literal(node: &Node) -> bool {
    matches!(node, Node::String(_) | Node::Number(_) | Node::Bool(_))
}
