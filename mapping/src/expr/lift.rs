//! Calls the facade computes itself instead of ZEN: `matches` and `extract`, whose patterns ZEN would compile anew
//! each time, and `len` of a text, which ZEN counts in bytes (three to a Chinese character).
//!
//! Such a call is cut out of the tree: its subject becomes a small program of its own, its result a local name that
//! the rest reads. Expressions have no effects, so computing a call early changes nothing but the time it takes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bumpalo::Bump;
use regex::{Regex, RegexBuilder};
use rust_decimal::Decimal;
use zen_expression::compiler::{Compiler, CompilerError, Opcode};
use zen_expression::lexer::{LogicalOperator, Operator};
use zen_expression::parser::Node;
use zen_expression::variable::{Symbol, Variable};

use super::problem::{ExprProblem, ExprProblemKind as Kind};

/// How many such calls one expression may have.
pub(super) const MAX_LIFTS: usize = 32;
/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 512;
/// The memory a compiled pattern may take, in bytes; matching is linear in the text whatever the pattern.
const MAX_PATTERN_MEMORY: usize = 1 << 20;

/// What to do with the subject.
#[derive(Clone, Debug)]
pub(super) enum Lift {
    Matches(Regex),
    Extract(Regex),
    Length,
}

/// One call, ready to run.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) local: String,
    pub(super) subject: Arc<[Opcode]>,
    lift: Lift,
}

impl Step {
    /// The result for `subject`; null where the subject is nothing the call can take, so that the rest fails (or
    /// copes) just as if the call stood there.
    pub(super) fn apply(&self, subject: &Variable) -> Variable {
        match (&self.lift, subject) {
            (Lift::Matches(regex), Variable::String(text)) => Variable::Bool(regex.is_match(text.as_str())),
            (Lift::Extract(regex), Variable::String(text)) => {
                let groups = regex.captures(text.as_str()).map(|captures| {
                    let found = captures.iter().flatten();
                    found.map(|group| Variable::String(Symbol::from(group.as_str()))).collect()
                });
                Variable::from_array(groups.unwrap_or_default())
            }
            (Lift::Length, Variable::String(text)) => Variable::Number(Decimal::from(text.chars().count())),
            (Lift::Length, Variable::Array(list)) => Variable::Number(Decimal::from(list.borrow().len())),
            _ => Variable::Null,
        }
    }
}

/// The program of a tree, and the steps that come before it.
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) code: Arc<[Opcode]>,
}

/// Compiles `root` with the calls in `lifts` (by address of their node) cut out.
pub(super) fn compile<'a>(
    bump: &'a Bump,
    root: &'a Node<'a>,
    lifts: &BTreeMap<usize, Lift>,
) -> Result<Program, CompilerError> {
    let mut cutter = Cutter { bump, lifts, steps: Vec::new(), compiler: Compiler::new() };
    let rest = cutter.cut(root)?;
    let code = cutter.compiler.compile(rest)?.to_vec().into();
    Ok(Program { steps: cutter.steps, code })
}

/// The conditions that `and` joins at the top of the tree, in the order written.
pub(super) fn joined<'a>(root: &'a Node<'a>) -> Vec<&'a Node<'a>> {
    match root {
        Node::Binary { left, operator: Operator::Logical(LogicalOperator::And), right } => {
            let mut both = joined(left);
            both.extend(joined(right));
            both
        }
        Node::Parenthesized(inner) => joined(inner),
        other => vec![other],
    }
}

struct Cutter<'l, 'a> {
    bump: &'a Bump,
    lifts: &'l BTreeMap<usize, Lift>,
    steps: Vec<Step>,
    compiler: Compiler,
}

impl<'a> Cutter<'_, 'a> {
    fn cut(&mut self, node: &'a Node<'a>) -> Result<&'a Node<'a>, CompilerError> {
        if self.lifts.is_empty() {
            return Ok(node);
        }
        if let (Some(lift), Node::FunctionCall { arguments: [subject, ..], .. }) =
            (self.lifts.get(&(std::ptr::from_ref(node) as usize)), node)
        {
            let subject = self.cut(subject)?;
            let subject = self.compiler.compile(subject)?.to_vec().into();
            let local = format!("${}", self.steps.len());
            let name = self.bump.alloc_str(&local);
            self.steps.push(Step { local, subject, lift: lift.clone() });
            return Ok(self.bump.alloc(Node::Identifier(name)));
        }
        let rebuilt = match node.clone() {
            Node::TemplateString(parts) => Node::TemplateString(self.cut_all(parts)?),
            Node::Array(items) => Node::Array(self.cut_all(items)?),
            Node::Closure { body, alias } => Node::Closure { body: self.cut(body)?, alias },
            Node::Parenthesized(inner) => Node::Parenthesized(self.cut(inner)?),
            Node::Member { node, property } => {
                Node::Member { node: self.cut(node)?, property: self.cut(property)? }
            }
            Node::Interval { left, right, left_bracket, right_bracket } => {
                Node::Interval { left: self.cut(left)?, right: self.cut(right)?, left_bracket, right_bracket }
            }
            Node::Conditional { condition, on_true, on_false } => Node::Conditional {
                condition: self.cut(condition)?,
                on_true: self.cut(on_true)?,
                on_false: self.cut(on_false)?,
            },
            Node::Unary { node, operator } => Node::Unary { node: self.cut(node)?, operator },
            Node::Binary { left, operator, right } => {
                Node::Binary { left: self.cut(left)?, operator, right: self.cut(right)? }
            }
            Node::FunctionCall { kind, arguments } => {
                Node::FunctionCall { kind, arguments: self.cut_all(arguments)? }
            }
            // The rest has no parts, or was refused by the checker.
            _ => return Ok(node),
        };
        Ok(self.bump.alloc(rebuilt))
    }

    fn cut_all(&mut self, nodes: &'a [&'a Node<'a>]) -> Result<&'a [&'a Node<'a>], CompilerError> {
        let cut = nodes.iter().map(|node| self.cut(node)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.bump.alloc_slice_copy(&cut))
    }
}

/// The compiled pattern `text`, which stands at `range`.
pub(super) fn pattern(text: &str, range: Range<usize>) -> Result<Regex, Box<ExprProblem>> {
    let bad = |en: String, zh: String| Box::new(ExprProblem::new(Kind::BadPattern, range.clone(), en, zh));
    if text.len() > MAX_PATTERN {
        return Err(bad(
            format!("the pattern has {} bytes, {MAX_PATTERN} are allowed", text.len()),
            format!("正则表达式有 {} 字节，上限为 {MAX_PATTERN}", text.len()),
        ));
    }
    let built = RegexBuilder::new(text).size_limit(MAX_PATTERN_MEMORY).nest_limit(32).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            bad("the pattern grows too large".into(), "正则表达式展开后过大".into())
        }
        other => {
            // The library draws a picture over several lines; its last line says what is wrong.
            let reason = other.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            bad(format!("the pattern cannot be read: {reason}"), format!("正则表达式无法解析：{reason}"))
        }
    })
}

/// A pattern that is computed instead of written.
pub(super) fn not_literal(range: Range<usize>) -> ExprProblem {
    let (en, zh) = ("the pattern must be written here as text", "正则表达式必须直接写成文本");
    ExprProblem::new(Kind::PatternNotLiteral, range, en.into(), zh.into()).help(
        "to look for a value of a field use `contains`, `startsWith` or `endsWith`",
        "查找字段的取值请用 `contains`、`startsWith` 或 `endsWith`",
    )
}

/// A call that would have to run once for each item of a list.
pub(super) fn inside_list(function: &str, range: Range<usize>) -> ExprProblem {
    ExprProblem::new(
        Kind::Forbidden,
        range,
        format!("`{function}` cannot look at the items of a list one by one"),
        format!("`{function}` 不能逐项用于列表"),
    )
    .help(
        "use `contains`, `startsWith`, `endsWith` or `==` on the items",
        "列表各项请用 `contains`、`startsWith`、`endsWith` 或 `==`",
    )
}

/// Too many such calls.
pub(super) fn too_many(range: Range<usize>) -> ExprProblem {
    ExprProblem::new(
        Kind::TooDeep,
        range,
        format!("more than {MAX_LIFTS} patterns and lengths in one expression"),
        format!("一个表达式中的正则与长度计算超过 {MAX_LIFTS} 个"),
    )
}
