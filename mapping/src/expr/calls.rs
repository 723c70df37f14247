//! Calls of functions, and what each place of the language accepts.

use zen_expression::functions::{ClosureFunction, FunctionKind, InternalFunction};
use zen_expression::parser::Node;

use super::check::Checker;
use super::functions::{self, Signature, Wants};
use super::lift::{self, Lift};
use super::problem::{ExprProblem, ExprProblemKind as Problem};
use super::types::{Kind, Type};

impl<'a> Checker<'_, 'a> {
    /// The type a call gives.
    pub(super) fn call(
        &mut self,
        node: &'a Node<'a>,
        kind: &FunctionKind,
        arguments: &'a [&'a Node<'a>],
    ) -> Type {
        if let Some(function) = functions::closure(kind) {
            return self.repeated(node, function, arguments);
        }
        let Some(signature) = functions::signature(kind) else {
            let range = self.tree.range(node);
            self.problems.push(functions::refused(kind, range));
            return Type::any();
        };
        let types: Vec<Type> = arguments.iter().map(|argument| self.infer(argument)).collect();
        if !self.counted(node, kind, &signature, arguments.len()) {
            return signature.gives.ty();
        }
        for ((argument, ty), wants) in arguments.iter().zip(&types).zip(signature.wants) {
            self.want(argument, ty, *wants);
        }
        self.lift(node, kind, arguments, types.first());
        signature.gives.ty()
    }

    fn counted(
        &mut self,
        node: &'a Node<'a>,
        kind: &FunctionKind,
        signature: &Signature,
        count: usize,
    ) -> bool {
        let (least, most) = (signature.least, signature.wants.len());
        let fits = (least..=most).contains(&count);
        if !fits {
            let wanted = if least == most { least.to_string() } else { format!("{least}-{most}") };
            self.problems.push(ExprProblem::new(
                Problem::WrongType,
                self.tree.range(node),
                format!("`{kind}` takes {wanted} values, {count} are given"),
                format!("`{kind}` 需要 {wanted} 个参数，此处有 {count} 个"),
            ));
        }
        fits
    }

    /// Notes a call that the facade computes itself: patterns compiled once, text counted in characters.
    fn lift(
        &mut self,
        node: &'a Node<'a>,
        kind: &FunctionKind,
        arguments: &'a [&'a Node<'a>],
        first: Option<&Type>,
    ) {
        let FunctionKind::Internal(function) = kind else { return };
        let lift = match function {
            InternalFunction::Len if first.is_some_and(|ty| matches!(ty.kind, Kind::List(_))) => return,
            InternalFunction::Len => Lift::Length,
            InternalFunction::Matches | InternalFunction::Extract => {
                let Some(pattern) = arguments.get(1) else { return };
                let Node::String(text) = pattern else {
                    let problem = lift::not_literal(self.tree.range(pattern));
                    self.problems.push(problem);
                    return;
                };
                match lift::pattern(text, self.tree.range(pattern)) {
                    Ok(regex) if *function == InternalFunction::Matches => Lift::Matches(regex),
                    Ok(regex) => Lift::Extract(regex),
                    Err(problem) => return self.problems.push(*problem),
                }
            }
            _ => return,
        };
        if !self.items.is_empty() && arguments.first().is_some_and(|subject| self.repeats(subject)) {
            let problem = lift::inside_list(&kind.to_string(), self.tree.range(node));
            return self.problems.push(problem);
        }
        self.lifts.insert(std::ptr::from_ref(node) as usize, lift);
        if self.lifts.len() > lift::MAX_LIFTS {
            self.problems.push(lift::too_many(self.tree.range(node)));
        }
    }

    /// Whether `node` depends on the item of a list that is being walked.
    fn repeats(&self, node: &'a Node<'a>) -> bool {
        match node {
            Node::Pointer => true,
            Node::Identifier(name) => self.items.iter().any(|(alias, _)| *alias == Some(*name)),
            _ => super::parse::children(node).into_iter().any(|child| self.repeats(child)),
        }
    }

    fn repeated(
        &mut self,
        node: &'a Node<'a>,
        function: ClosureFunction,
        arguments: &'a [&'a Node<'a>],
    ) -> Type {
        let [list, body] = arguments else { return Type::any() };
        let ty = self.infer(list);
        self.want(list, &ty, Wants::List);
        let item = match ty.kind {
            Kind::List(item) => *item,
            _ => Type::any(),
        };
        if self.items.len() >= super::MAX_LOOPS {
            return self.refuse(
                node,
                "lists are walked at most two within each other",
                "列表遍历最多嵌套两层",
            );
        }
        let alias = match body {
            Node::Closure { alias, .. } => *alias,
            _ => None,
        };
        self.items.push((alias, item.clone()));
        let given = match (function, body) {
            (ClosureFunction::Map | ClosureFunction::FlatMap, _) => self.infer(body),
            (_, Node::Closure { body, .. }) => {
                self.condition(body);
                Type::bool()
            }
            _ => Type::any(),
        };
        self.items.pop();
        match function {
            ClosureFunction::All | ClosureFunction::None | ClosureFunction::Some | ClosureFunction::One => {
                Type::bool()
            }
            ClosureFunction::Count => Type::at_least(0),
            ClosureFunction::Filter => Type::list(item),
            ClosureFunction::Map => Type::list(given),
            ClosureFunction::FlatMap => match given.kind {
                Kind::List(inner) => Type::list(*inner),
                _ => Type::list(given),
            },
        }
    }

    /// Reports where `ty` is not of `kind` (bounds aside) or may be empty.
    pub(super) fn need(&mut self, node: &'a Node<'a>, ty: &Type, kind: Kind) {
        let wants = match kind {
            Kind::Bool => Wants::Bool,
            Kind::Number { .. } => Wants::Number,
            _ => Wants::Anything,
        };
        self.want(node, ty, wants);
    }

    /// Reports where a value of type `ty` does not suit `wants`, or may be empty.
    pub(super) fn want(&mut self, node: &'a Node<'a>, ty: &Type, wants: Wants) {
        if wants == Wants::Anything || (ty.is_any() && !ty.nullable) {
            return;
        }
        let list_of_numbers = matches!(&ty.kind, Kind::List(item) if item.is_number() || item.is_any());
        let list = matches!(ty.kind, Kind::List(_));
        let (fits, (en, zh)) = match wants {
            Wants::Bool => (ty.kind == Kind::Bool, ("yes or no is needed", "需要是/否值")),
            Wants::Text | Wants::Pattern => (ty.is_text(), ("text is needed", "需要文本")),
            Wants::Number => (ty.is_number(), ("a number is needed", "需要数字")),
            Wants::TextOrList => (ty.is_text() || list, ("text or a list is needed", "需要文本或列表")),
            Wants::List => (list, ("a list is needed", "需要列表")),
            Wants::Numbers => (list_of_numbers, ("a list of numbers is needed", "需要数字列表")),
            Wants::Scalar | Wants::Anything => (
                ty.is_text() || ty.is_number() || ty.kind == Kind::Bool,
                ("text, a number, or yes or no is needed", "需要文本、数字或是/否值"),
            ),
        };
        if !fits {
            let (is_en, is_zh) = if ty.is_any() { ("empty", "空值") } else { ty.words() };
            self.problems.push(ExprProblem::new(
                Problem::WrongType,
                self.tree.range(node),
                format!("{en} here, this is {is_en}"),
                format!("此处{zh}，实际为{is_zh}"),
            ));
        } else if ty.nullable {
            self.may_be_empty(
                node,
                match wants {
                    Wants::Bool => "false",
                    Wants::Number => "0",
                    Wants::List | Wants::Numbers => "[]",
                    _ if list => "[]",
                    _ => "\"\"",
                },
            );
        }
    }

    /// Reports that `node` may be empty, and proposes a value to take then.
    pub(super) fn may_be_empty(&mut self, node: &'a Node<'a>, instead: &str) {
        let range = self.tree.range(node);
        let text = self.tree.text.get(range.clone()).unwrap_or_default();
        let fixed = format!("({text} ?? {instead})");
        let problem = ExprProblem::new(
            Problem::MayBeEmpty,
            range,
            format!("`{text}` may be empty"),
            format!("`{text}` 可能为空"),
        );
        self.problems.push(
            problem
                .help(
                    format!("say what counts then: `{fixed}`, or test it first: `{text} != null and …`"),
                    format!("请写明为空时的取值：`{fixed}`，或先判断：`{text} != null and …`"),
                )
                .suggest(fixed),
        );
    }
}
