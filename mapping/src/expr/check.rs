//! The checker: walks ZEN's tree with the schema in hand and collects every problem, each where it stands.
//!
//! It is stricter than ZEN on purpose: whatever passes here cannot fail at run time for a value that keeps to its
//! declared type. Comparisons are in [`super::compare`], names in [`super::names`], calls in [`super::calls`], tests
//! for emptiness in [`super::narrow`].

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use zen_expression::lexer::{
    ArithmeticOperator as Arithmetic, ComparisonOperator, LogicalOperator as Logic, Operator,
};
use zen_expression::parser::Node;

use super::functions::Wants;
use super::lift::Lift;
use super::narrow;
use super::parse::Tree;
use super::problem::{ExprProblem, ExprProblemKind as Problem};
use super::types::{Kind, Schema, Type};

/// What the whole expression must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A condition: yes or no.
    Bool,
    /// A number (points).
    Number,
    /// A text.
    Text,
    /// Anything.
    Any,
}

/// What one walk over a tree finds out.
pub(super) struct Checker<'t, 'a> {
    pub(super) tree: &'t Tree<'a>,
    pub(super) schema: &'t Schema,
    pub(super) problems: Vec<ExprProblem>,
    pub(super) reads: BTreeSet<String>,
    /// Calls that the facade computes itself, by the address of their node.
    pub(super) lifts: BTreeMap<usize, Lift>,
    /// Names that are surely present at the place being checked.
    pub(super) present: Vec<BTreeSet<String>>,
    /// What `#` and `as` names stand for, innermost last.
    pub(super) items: Vec<(Option<&'a str>, Type)>,
}

impl<'t, 'a> Checker<'t, 'a> {
    pub(super) fn new(tree: &'t Tree<'a>, schema: &'t Schema) -> Self {
        Self {
            tree,
            schema,
            problems: Vec::new(),
            reads: BTreeSet::new(),
            lifts: BTreeMap::new(),
            present: Vec::new(),
            items: Vec::new(),
        }
    }

    /// Checks the whole tree; problems come out in the order of the text, each once.
    pub(super) fn run(&mut self, expected: Expected) {
        let root = self.tree.root;
        let ty = self.infer(root);
        self.result(root, &ty, expected);
        self.problems.sort_by_key(|problem| (problem.range.start, problem.range.end, problem.kind));
        self.problems.dedup_by(|a, b| a.kind == b.kind && a.range == b.range);
    }

    fn result(&mut self, root: &'a Node<'a>, ty: &Type, expected: Expected) {
        if !self.problems.is_empty() {
            return;
        }
        let fits = match expected {
            Expected::Bool => ty.kind == Kind::Bool,
            Expected::Number => ty.is_number(),
            Expected::Text => ty.is_text(),
            Expected::Any => return,
        };
        let (en, zh) = ty.words();
        let (wanted_en, wanted_zh) = match expected {
            Expected::Bool => ("a condition must be yes or no", "条件必须为是/否"),
            Expected::Number => ("a number is needed here", "此处需要数字"),
            Expected::Text | Expected::Any => ("text is needed here", "此处需要文本"),
        };
        if !fits {
            let problem = ExprProblem::new(
                Problem::WrongResult,
                self.tree.range(root),
                format!("{wanted_en}, this is {en}"),
                format!("{wanted_zh}，此处为{zh}"),
            );
            self.problems.push(if expected == Expected::Bool {
                problem.help(
                    "compare it with something: `… == …`, `… != null`",
                    "请与某个值比较：`… == …`、`… != null`",
                )
            } else {
                problem
            });
        } else if ty.nullable {
            self.may_be_empty(root, if expected == Expected::Bool { "false" } else { "0" });
        }
    }

    /// The type of `node`. A part with a problem counts as [`Kind::Any`], so that one slip is reported once.
    pub(super) fn infer(&mut self, node: &'a Node<'a>) -> Type {
        match node {
            Node::Null => Type::any().nullable(),
            Node::Bool(_) => Type::bool(),
            Node::Number(number) => exactly(*number),
            // A written text is the one value it has: so a slip in it is found behind `??` as well.
            Node::String(text) => Type::picklist([*text]),
            Node::TemplateString([]) => self.empty_template(node),
            Node::TemplateString(parts) => self.template(parts),
            Node::Parenthesized(inner) => self.infer(inner),
            Node::Array(items) => self.array(items),
            Node::Identifier(_) | Node::Member { .. } => self.name(node),
            Node::Pointer => self.items.last().map_or_else(Type::any, |(_, ty)| ty.clone()),
            Node::Unary { node: inner, operator } => self.unary(node, inner, operator),
            Node::Binary { left, operator, right } => self.binary(left, operator, right),
            Node::Conditional { condition, on_true, on_false } => {
                self.condition(condition);
                let a = self.under(condition, true, on_true);
                let b = self.under(condition, false, on_false);
                join(a, b)
            }
            Node::FunctionCall { kind, arguments } => self.call(node, kind, arguments),
            Node::Interval { left, right, .. } => {
                for end in [left, right] {
                    let ty = self.infer(end);
                    self.need(end, &ty, Kind::Number { min: None, max: None });
                }
                self.refuse(node, "a range stands only behind `in`", "区间只能写在 `in` 之后")
            }
            Node::Closure { body, .. } => self.infer(body),
            Node::Slice { .. } => self.refuse(
                node,
                "text is not cut by position: positions count bytes, not characters",
                "不能按位置截取文本：位置按字节计，不按字符计",
            ),
            Node::Root => self.refuse(node, "`$root` may not be used", "不能使用 `$root`"),
            Node::Object(_) => self.refuse(node, "a rule makes no objects", "规则中不能构造对象"),
            Node::Assignments { .. } => self.refuse(node, "a rule sets no values", "规则中不能赋值"),
            Node::MethodCall { .. } => self.refuse(
                node,
                "dates have no methods in a rule, which has no clock",
                "规则中没有时钟，也没有日期方法",
            ),
            Node::Error { .. } => Type::any(),
        }
    }

    pub(super) fn refuse(&mut self, node: &'a Node<'a>, en: &str, zh: &str) -> Type {
        let range = self.tree.range(node);
        self.problems.push(ExprProblem::new(Problem::Forbidden, range, en.to_owned(), zh.to_owned()));
        Type::any()
    }

    /// The evaluator fails on it: it counts the joints of the parts, and finds one less than none.
    fn empty_template(&mut self, node: &'a Node<'a>) -> Type {
        let mut range = self.tree.range(node);
        // The parser marks where it begins, and no more.
        if self.tree.text.get(range.start..).is_some_and(|rest| rest.starts_with("``")) {
            range.end = range.start + 2;
        }
        let (en, zh) = ("a template without content; write \"\"", "模板没有内容；请写 \"\"");
        self.problems.push(ExprProblem::new(Problem::Forbidden, range, en.to_owned(), zh.to_owned()));
        Type::any()
    }

    fn template(&mut self, parts: &'a [&'a Node<'a>]) -> Type {
        for part in parts {
            let ty = self.infer(part);
            self.want(part, &ty, Wants::Scalar);
        }
        Type::text()
    }

    fn array(&mut self, items: &'a [&'a Node<'a>]) -> Type {
        let mut whole: Option<Type> = None;
        for item in items {
            let ty = self.infer(item);
            whole = Some(match whole {
                Some(known) => join(known, ty),
                None => ty,
            });
        }
        Type::list(whole.unwrap_or_else(Type::any))
    }

    fn unary(&mut self, whole: &'a Node<'a>, inner: &'a Node<'a>, operator: &Operator) -> Type {
        let ty = self.infer(inner);
        if *operator != Operator::Logical(Logic::Not) {
            self.need(inner, &ty, Kind::Number { min: None, max: None });
            return Type::number();
        }
        let known = self.problems.len();
        self.need(inner, &ty, Kind::Bool);
        // `not a == b` is read as `(not a) == b`: say so, the message on `a` alone would puzzle.
        let Some(problem) = self.problems.get_mut(known) else { return Type::bool() };
        if !matches!(inner, Node::Parenthesized(_)) {
            problem.range = self.tree.range(whole);
            *problem = problem.clone().help(
                "`not` binds tighter than a comparison; put brackets: `not (… == …)`",
                "`not` 比比较运算先结合；请加括号：`not (… == …)`",
            );
        }
        Type::any()
    }

    fn binary(&mut self, left: &'a Node<'a>, operator: &Operator, right: &'a Node<'a>) -> Type {
        match operator {
            Operator::Logical(Logic::And | Logic::Or) => {
                self.condition(left);
                let known = narrow::present(left, *operator == Operator::Logical(Logic::And), self.schema);
                self.present.push(known);
                self.condition(right);
                self.present.pop();
                Type::bool()
            }
            Operator::Logical(Logic::NullishCoalescing) => {
                let (a, b) = (self.infer(left), self.infer(right));
                let nullable = b.nullable;
                let mut joined = join(a.present(), b);
                joined.nullable = nullable;
                joined
            }
            Operator::Comparison(comparison) => {
                if let (Node::Interval { .. }, true) = (right, is_membership(*comparison)) {
                    return self.in_range(left, right);
                }
                self.comparison(left, *comparison, right)
            }
            Operator::Arithmetic(arithmetic) => self.arithmetic(left, *arithmetic, right),
            _ => Type::any(),
        }
    }

    fn in_range(&mut self, left: &'a Node<'a>, range: &'a Node<'a>) -> Type {
        let ty = self.infer(left);
        let number = Kind::Number { min: None, max: None };
        self.need(left, &ty, number.clone());
        if let Node::Interval { left, right, .. } = range {
            for end in [left, right] {
                let ty = self.infer(end);
                self.need(end, &ty, number.clone());
            }
        }
        Type::bool()
    }

    fn arithmetic(&mut self, left: &'a Node<'a>, operator: Arithmetic, right: &'a Node<'a>) -> Type {
        let (a, b) = (self.infer(left), self.infer(right));
        if operator == Arithmetic::Power {
            let both = self.tree.range(left).start..self.tree.range(right).end;
            self.problems.push(ExprProblem::new(
                Problem::Forbidden,
                both,
                "powers may not be used in a rule: their last digit differs between machines".into(),
                "规则中不能使用乘方：不同机器的末位结果可能不同".into(),
            ));
            return Type::number();
        }
        if operator == Arithmetic::Add && (a.is_text() || b.is_text()) {
            for (node, ty) in [(left, &a), (right, &b)] {
                self.want(node, ty, Wants::Text);
            }
            return Type::text();
        }
        for (node, ty) in [(left, &a), (right, &b)] {
            self.need(node, ty, Kind::Number { min: None, max: None });
        }
        // ZEN gives null where it would divide by zero.
        let divides = matches!(operator, Arithmetic::Divide | Arithmetic::Modulus);
        let by_zero = divides && !matches!(right, Node::Number(number) if !number.is_zero());
        if by_zero { Type::number().nullable() } else { Type::number() }
    }

    pub(super) fn condition(&mut self, node: &'a Node<'a>) {
        let ty = self.infer(node);
        if ty.is_any() && !ty.nullable && narrow::path(node).is_none() {
            return; // has a problem of its own
        }
        if ty.is_any() {
            let range = self.tree.range(node);
            let text = self.tree.text.get(range.clone()).unwrap_or_default();
            if self
                .problems
                .iter()
                .any(|problem| problem.range.start >= range.start && problem.range.end <= range.end)
            {
                return;
            }
            self.problems.push(
                ExprProblem::new(
                    Problem::WrongResult,
                    range,
                    format!("it is not known whether `{text}` is yes or no"),
                    format!("无法确定 `{text}` 是否为是/否值"),
                )
                .help(format!("write `{text} == true`"), format!("请写 `{text} == true`")),
            );
            return;
        }
        self.need(node, &ty, Kind::Bool);
    }

    fn under(&mut self, condition: &'a Node<'a>, holds: bool, node: &'a Node<'a>) -> Type {
        self.present.push(narrow::present(condition, holds, self.schema));
        let ty = self.infer(node);
        self.present.pop();
        ty
    }
}

fn is_membership(comparison: ComparisonOperator) -> bool {
    matches!(comparison, ComparisonOperator::In | ComparisonOperator::NotIn)
}

/// The type of a number as written.
fn exactly(number: Decimal) -> Type {
    match (number.is_integer(), i64::try_from(number)) {
        (true, Ok(whole)) => Type::between(whole, whole),
        _ => Type::number(),
    }
}

/// The type of a value that is one of two.
pub(super) fn join(a: Type, b: Type) -> Type {
    let nullable = a.nullable || b.nullable;
    let null = |ty: &Type| ty.is_any() && ty.nullable;
    if null(&a) || null(&b) {
        return Type { kind: if null(&a) { b.kind } else { a.kind }, nullable };
    }
    let kind = match (a.kind, b.kind) {
        (a, b) if a == b => a,
        (Kind::Picklist(mut a), Kind::Picklist(b)) => {
            a.extend(b);
            a.sort();
            a.dedup();
            Kind::Picklist(a)
        }
        (Kind::Text | Kind::Picklist(_), Kind::Text | Kind::Picklist(_)) => Kind::Text,
        (Kind::Number { min: a_min, max: a_max }, Kind::Number { min: b_min, max: b_max }) => Kind::Number {
            min: a_min.zip(b_min).map(|(a, b)| a.min(b)),
            max: a_max.zip(b_max).map(|(a, b)| a.max(b)),
        },
        (Kind::List(a), Kind::List(b)) => Kind::List(Box::new(join(*a, *b))),
        _ => Kind::Any,
    };
    Type { kind, nullable }
}
