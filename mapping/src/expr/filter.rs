//! Conditions that a person types to find something: a comparison with an empty value does not hold, instead of having to
//! be tested for emptiness first as in a rule.

use bumpalo::Bump;
use zen_expression::functions::{ClosureFunction, FunctionKind, InternalFunction};
use zen_expression::lexer::Operator;
use zen_expression::parser::Node;

use super::check::Expected;
use super::narrow;
use super::parse::{self, Tree};
use super::problem::{ExprProblem, ExprProblemKind as Problem};
use super::run::Expr;
use super::types::Schema;

/// Most values of one filter that are tested for emptiness.
const MOST: usize = 64;

/// Compiles a filter: `company.employees >= 200` becomes `(company.employees != null and company.employees >= 200)`.
pub(super) fn compile(text: &str, schema: &Schema) -> Result<Expr, Vec<ExprProblem>> {
    let mut guarded = text.to_owned();
    let mut first: Option<Vec<ExprProblem>> = None;
    for _ in 0..=MOST {
        let problems = match Expr::compile(&guarded, schema, Expected::Bool) {
            Ok(expr) => return Ok(expr),
            Err(problems) => problems,
        };
        let next = problems
            .iter()
            .all(|problem| problem.kind == Problem::MayBeEmpty)
            .then(|| problems.iter().find_map(|problem| guard(&guarded, problem)))
            .flatten();
        // Ranges fit the text that was typed only as long as it was not changed.
        let told = first.get_or_insert(problems);
        match next {
            Some(next) => guarded = next,
            None => {
                let other = told.iter().any(|problem| problem.kind != Problem::MayBeEmpty);
                told.retain(|problem| !other || problem.kind != Problem::MayBeEmpty);
                break;
            }
        }
    }
    Err(first.unwrap_or_default())
}

/// The text with the smallest condition around a value that may be empty tested for it; `None` where the value is no name.
fn guard(text: &str, problem: &ExprProblem) -> Option<String> {
    let bump = Bump::new();
    let tree = parse::parse(&bump, text).ok()?;
    let mut nodes = vec![tree.root];
    let mut condition: Option<(usize, usize)> = None;
    let mut name = None;
    while let Some(node) = nodes.pop() {
        nodes.extend(parse::children(node));
        let range = tree.range(node);
        if range == problem.range && narrow::path(node).is_some() {
            name = text.get(range.clone());
        }
        let around = range.start <= problem.range.start && range.end >= problem.range.end;
        let smaller = condition.is_none_or(|(start, end)| range.end - range.start < end - start);
        if around && smaller && is_condition(&tree, node) {
            condition = Some((range.start, range.end));
        }
    }
    let (name, (start, end)) = (name?, condition?);
    let (before, inside, behind) = (text.get(..start)?, text.get(start..end)?, text.get(end..)?);
    Some(format!("{before}({name} != null and {inside}){behind}"))
}

/// Whether a node says yes or no of values, as opposed to joining such answers.
fn is_condition(tree: &Tree<'_>, node: &Node) -> bool {
    match node {
        Node::Binary { operator: Operator::Comparison(_), .. } => true,
        Node::FunctionCall { kind: FunctionKind::Internal(function), .. } => matches!(
            function,
            InternalFunction::Contains
                | InternalFunction::StartsWith
                | InternalFunction::EndsWith
                | InternalFunction::Matches
        ),
        Node::FunctionCall { kind: FunctionKind::Closure(function), .. } => matches!(
            function,
            ClosureFunction::All | ClosureFunction::None | ClosureFunction::Some | ClosureFunction::One
        ),
        // A whole condition that is one name.
        _ => std::ptr::eq(node, tree.root) && narrow::path(node).is_some(),
    }
}
