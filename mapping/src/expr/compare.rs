//! Comparisons: which can be computed, and which can never hold.

use rust_decimal::Decimal;
use zen_expression::lexer::ComparisonOperator as Cmp;
use zen_expression::parser::Node;

use super::check::Checker;
use super::problem::{ExprProblem, ExprProblemKind as Problem, nearest};
use super::types::{Kind, Type};

impl<'a> Checker<'_, 'a> {
    /// `==`, `!=`, `<` and the like.
    pub(super) fn comparison(&mut self, left: &'a Node<'a>, comparison: Cmp, right: &'a Node<'a>) -> Type {
        let (a, b) = (self.infer(left), self.infer(right));
        match comparison {
            Cmp::Equal | Cmp::NotEqual => {
                self.equality((left, &a), (right, &b), comparison == Cmp::Equal);
            }
            Cmp::In | Cmp::NotIn => self.membership((left, &a), (right, &b)),
            Cmp::LessThan | Cmp::GreaterThan | Cmp::LessThanOrEqual | Cmp::GreaterThanOrEqual => {
                self.order((left, &a), comparison, (right, &b));
            }
        }
        Type::bool()
    }

    fn equality(&mut self, left: (&'a Node<'a>, &Type), right: (&'a Node<'a>, &Type), equal: bool) {
        let ((a_node, a), (b_node, b)) = (left, right);
        let both = self.tree.range(a_node).start..self.tree.range(b_node).end;
        for (null, other) in [(a_node, b), (b_node, a)] {
            if matches!(null, Node::Null) {
                if equal && !other.nullable && !other.is_any() {
                    self.problems.push(ExprProblem::new(
                        Problem::NeverTrue,
                        both,
                        "this value is never empty, so the comparison never holds".into(),
                        "该值不会为空，此比较永不成立".into(),
                    ));
                }
                return;
            }
        }
        if a.is_any() || b.is_any() {
            return;
        }
        if let Kind::List(_) | Kind::Object(_) = &a.kind {
            self.no_whole(a_node, a);
        } else if let Kind::List(_) | Kind::Object(_) = &b.kind {
            self.no_whole(b_node, b);
        } else if !alike(a, b) {
            let ((a_en, a_zh), (b_en, b_zh)) = (a.words(), b.words());
            let problem = ExprProblem::new(
                Problem::WrongType,
                both,
                format!("{a_en} is compared with {b_en}; they are never equal"),
                format!("{a_zh}与{b_zh}比较，永远不会相等"),
            );
            self.problems.push(quoted_number(problem, (a_node, a), (b_node, b)));
        } else {
            self.possible((a_node, a), (b_node, b));
            self.possible((b_node, b), (a_node, a));
        }
    }

    fn no_whole(&mut self, node: &'a Node<'a>, ty: &Type) {
        let (en, zh) = ty.words();
        self.problems.push(
            ExprProblem::new(
                Problem::WrongType,
                self.tree.range(node),
                format!("{en} cannot be compared as a whole"),
                format!("不能整体比较{zh}"),
            )
            .help(
                "for a list write `contains(lead.tags, \"…\")` or `some(lead.tags, # == \"…\")`; of a group name one field",
                "列表请写 `contains(lead.tags, \"…\")` 或 `some(lead.tags, # == \"…\")`；一组字段请写出其中一个",
            ),
        );
    }

    /// Reports where the literal `node` can never equal a value of type `other`.
    fn possible(&mut self, literal: (&'a Node<'a>, &Type), other: (&'a Node<'a>, &Type)) {
        let node = strip(literal.0);
        match (node, &other.1.kind) {
            (Node::String(text), Kind::Picklist(options)) if !options.iter().any(|option| option == text) => {
                let listed = options.iter().take(12).map(String::as_str).collect::<Vec<_>>().join(", ");
                let problem = ExprProblem::new(
                    Problem::NeverTrue,
                    self.tree.range(node),
                    format!("`{text}` is not among the values this field can have"),
                    format!("该字段没有 `{text}` 这个取值"),
                )
                .help(format!("possible: {listed}"), format!("可用的值：{listed}"));
                self.problems.push(match nearest(text, options.iter().map(String::as_str)) {
                    Some(near) => problem.suggest(format!("\"{near}\"")),
                    None => problem,
                });
            }
            (_, Kind::Number { min, max }) => {
                let Some(number) = number(node) else { return };
                let outside = min.is_some_and(|min| number < Decimal::from(min))
                    || max.is_some_and(|max| number > Decimal::from(max));
                if outside {
                    self.out_of_range(node, *min, *max);
                }
            }
            (_, Kind::Picklist(options)) if !matches!(strip(other.0), Node::String(_)) => {
                if let Kind::Picklist(others) = &literal.1.kind
                    && !options.iter().any(|option| others.contains(option))
                    && self.tree.range(node).start < self.tree.range(other.0).start
                {
                    self.problems.push(ExprProblem::new(
                        Problem::NeverTrue,
                        self.tree.range(node),
                        "the two fields have no value in common".into(),
                        "两个字段没有相同的取值".into(),
                    ));
                }
            }
            _ => {}
        }
    }

    fn out_of_range(&mut self, node: &'a Node<'a>, min: Option<i64>, max: Option<i64>) {
        let (en, zh) = match (min, max) {
            (Some(min), Some(max)) => (format!("from {min} to {max}"), format!("{min} 到 {max}")),
            (Some(min), None) => (format!("{min} or more"), format!("不小于 {min}")),
            (None, Some(max)) => (format!("{max} or less"), format!("不大于 {max}")),
            (None, None) => return,
        };
        self.problems.push(
            ExprProblem::new(
                Problem::NeverTrue,
                self.tree.range(node),
                "the comparison never holds: the value cannot get there".into(),
                "此比较永不成立：该值达不到这里".into(),
            )
            .help(format!("the value is {en}"), format!("该值的范围：{zh}")),
        );
    }

    fn order(&mut self, left: (&'a Node<'a>, &Type), comparison: Cmp, right: (&'a Node<'a>, &Type)) {
        if left.1.is_text() || right.1.is_text() {
            let number = [left, right].into_iter().find(|(_, ty)| ty.is_number());
            let both = self.tree.range(left.0).start..self.tree.range(right.0).end;
            let problem = ExprProblem::new(
                Problem::WrongType,
                both,
                "text has no order; only numbers can be smaller or greater".into(),
                "文本没有大小之分，只有数字可以比较大小".into(),
            );
            let problem = match number {
                Some(_) => quoted_number(problem, left, right),
                None => problem,
            };
            self.problems.push(match problem.help {
                Some(_) => problem,
                None => {
                    problem.help("compare text with `==` or `in [...]`", "文本请用 `==` 或 `in [...]` 比较")
                }
            });
            return;
        }
        for (node, ty) in [left, right] {
            self.need(node, ty, Kind::Number { min: None, max: None });
        }
        let swapped = match comparison {
            Cmp::LessThan => Cmp::GreaterThan,
            Cmp::GreaterThan => Cmp::LessThan,
            Cmp::LessThanOrEqual => Cmp::GreaterThanOrEqual,
            _ => Cmp::LessThanOrEqual,
        };
        for ((_, ty), (node, _), comparison) in [(left, right, comparison), (right, left, swapped)] {
            let (Kind::Number { min, max }, Some(limit)) = (&ty.kind, number(strip(node))) else { continue };
            if number(strip(if std::ptr::eq(node, left.0) { right.0 } else { left.0 })).is_some() {
                continue;
            }
            let bound = |bound: Option<i64>| bound.map(Decimal::from);
            let never = match comparison {
                Cmp::LessThan => bound(*min).is_some_and(|min| min >= limit),
                Cmp::LessThanOrEqual => bound(*min).is_some_and(|min| min > limit),
                Cmp::GreaterThan => bound(*max).is_some_and(|max| max <= limit),
                _ => bound(*max).is_some_and(|max| max < limit),
            };
            if never {
                self.out_of_range(node, *min, *max);
            }
        }
    }

    fn membership(&mut self, left: (&'a Node<'a>, &Type), right: (&'a Node<'a>, &Type)) {
        let (node, list) = (strip(right.0), right.1);
        match (node, &list.kind) {
            (Node::Array([]), _) => self.problems.push(ExprProblem::new(
                Problem::NeverTrue,
                self.tree.range(node),
                "nothing is in an empty list".into(),
                "空列表中没有任何值".into(),
            )),
            (Node::Array(items), _) => {
                for item in *items {
                    // Each item was inferred with the list; a second look gives its own type without new problems.
                    let known = self.problems.len();
                    let ty = self.infer(item);
                    self.problems.truncate(known);
                    self.equality(left, (item, &ty), false);
                }
            }
            (Node::Interval { .. }, _) => self.need(left.0, left.1, Kind::Number { min: None, max: None }),
            (_, Kind::List(item)) => {
                let item = item.as_ref().clone().present();
                self.equality(left, (right.0, &item), false);
            }
            (_, Kind::Any) => {}
            _ => {
                let (en, zh) = list.words();
                let problem = ExprProblem::new(
                    Problem::WrongType,
                    self.tree.range(right.0),
                    format!("`in` needs a list, this is {en}"),
                    format!("`in` 需要列表，此处为{zh}"),
                );
                self.problems.push(if list.is_text() {
                    problem.help(
                        "to look for a part of a text write `contains(lead.title, \"…\")`",
                        "查找部分文本请写 `contains(lead.title, \"…\")`",
                    )
                } else {
                    problem.help(
                        "write the values in brackets: `in [\"a\", \"b\"]`",
                        "请把取值写在方括号内：`in [\"a\", \"b\"]`",
                    )
                });
            }
        }
        if list.nullable && !list.is_any() {
            self.may_be_empty(right.0, "[]");
        }
    }
}

fn strip<'a>(node: &'a Node<'a>) -> &'a Node<'a> {
    match node {
        Node::Parenthesized(inner) => strip(inner),
        _ => node,
    }
}

/// The number a node writes down, with its sign.
fn number(node: &Node) -> Option<Decimal> {
    use zen_expression::lexer::{ArithmeticOperator::Subtract, Operator::Arithmetic};
    match node {
        Node::Number(number) => Some(*number),
        Node::Unary { node: Node::Number(number), operator: Arithmetic(Subtract) } => Some(-*number),
        _ => None,
    }
}

fn alike(a: &Type, b: &Type) -> bool {
    matches!(
        (&a.kind, &b.kind),
        (Kind::Bool, Kind::Bool)
            | (Kind::Number { .. }, Kind::Number { .. })
            | (Kind::Text | Kind::Picklist(_), Kind::Text | Kind::Picklist(_))
    )
}

/// The commonest slip: a number in quotes, or a text without.
fn quoted_number<'a>(problem: ExprProblem, a: (&Node<'a>, &Type), b: (&Node<'a>, &Type)) -> ExprProblem {
    let (Some(text), true) = (text_of(a.0).or(text_of(b.0)), a.1.is_number() || b.1.is_number()) else {
        return problem;
    };
    if text.parse::<f64>().is_err() {
        return problem;
    }
    problem.help(format!("write the number without quotes: `{text}`"), format!("数字请不要加引号：`{text}`"))
}

fn text_of<'a>(node: &Node<'a>) -> Option<&'a str> {
    match node {
        Node::String(text) => Some(text),
        _ => None,
    }
}
