//! Conditions and points of the config, compiled; their problems stand where the words stand that are wrong.

use std::ops::Range;

use leadloop_mapping::expr::{Expected, Expr, ExprProblem, ExprProblemKind, Form, Schema};

use super::{Context, schema};
use crate::problem::{Problem, Span, Words};
use crate::text::At;

impl Context<'_> {
    /// Compiles a condition or points; problems are said where they stand.
    pub fn expr(&mut self, at: &At<&str>, schema: &Schema, expected: Expected) -> Option<Expr> {
        match Expr::compile(at.value, schema, expected) {
            Ok(expr) => {
                if expected == Expected::Bool && Form::of(&expr).is_never() {
                    self.problems.push(never(&at.span));
                }
                Some(expr)
            }
            Err(found) => {
                for problem in found {
                    let span = self.inside(at, problem.range.clone());
                    self.problems.push(said(&problem, &span, at.value, schema));
                }
                None
            }
        }
    }

    /// The place of a part of a text, where the text stands in the file as it is (literal strings, basic strings
    /// without escapes); else the place of the whole value.
    fn inside(&self, at: &At<&str>, range: Range<usize>) -> Span {
        let written =
            self.texts.files.get(at.span.file).and_then(|(_, text)| text.get(at.span.range.clone()));
        match written.and_then(|written| written.find(at.value)) {
            Some(offset) => {
                let start = at.span.range.start + offset;
                let end = (start + range.end).max(start + range.start + 1).min(at.span.range.end);
                Span { file: at.span.file, range: start + range.start..end }
            }
            None => at.span.clone(),
        }
    }
}

/// A condition that is written rightly and contradicts itself.
fn never(span: &Span) -> Problem {
    Problem::warning(
        "LL2024",
        span,
        Words::new("this condition never holds", "该条件永不成立"),
        Words::new("contradicts itself", "自相矛盾"),
    )
    .help("mend it, or take it out", "请修正，或删除")
}

fn said(problem: &ExprProblem, span: &Span, text: &str, schema: &Schema) -> Problem {
    let never = problem.kind == ExprProblemKind::NeverTrue;
    let said = Problem::error(
        if never { "LL2024" } else { "LL2012" },
        span,
        Words::new(problem.message.en.clone(), problem.message.zh.clone()),
        if never {
            Words::new("never holds", "永不成立")
        } else {
            Words::new("in this expression", "表达式此处")
        },
    );
    let written = text.get(problem.range.clone()).unwrap_or_default();
    let group = written.split('.').next().unwrap_or_default();
    let elsewhere = (problem.kind == ExprProblemKind::UnknownName && !has_group(schema, group))
        .then(|| schema::home_of(group))
        .flatten();
    match (elsewhere, &problem.help, &problem.suggestion) {
        (Some((en, zh)), _, _) => said.help(en, zh),
        (None, Some(help), Some(near)) if never => said.help(
            format!("did you mean `{near}`? {}", capital(&help.en)),
            format!("是否想写 `{near}`？{}", help.zh),
        ),
        (None, Some(help), _) => said.help(help.en.clone(), help.zh.clone()),
        (None, None, Some(near)) => {
            said.help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？"))
        }
        (None, None, None) => said.help(
            "how conditions are written: docs/guide/config.md",
            "表达式写法见 docs/guide/config.zh-CN.md",
        ),
    }
}

/// A clause as a sentence of its own.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Whether any name of a group is known.
fn has_group(schema: &Schema, group: &str) -> bool {
    let prefix = format!("{group}.");
    schema.names().iter().any(|(name, _)| name.starts_with(&prefix))
}
