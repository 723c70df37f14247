//! Names in an expression: what they stand for, whether they are surely present, and what was meant instead.

use zen_expression::parser::Node;

use super::check::Checker;
use super::narrow;
use super::problem::{ExprProblem, ExprProblemKind as Problem, nearest};
use super::types::{Kind, Type, Unresolved};

impl<'a> Checker<'_, 'a> {
    /// The type of a name or of a part of something.
    pub(super) fn name(&mut self, node: &'a Node<'a>) -> Type {
        let path = narrow::path(node);
        let item = path.as_ref().and_then(|path| {
            self.items
                .iter()
                .rev()
                .find(|(alias, _)| *alias == path.first().copied())
                .map(|(_, ty)| ty.clone())
        });
        match (path, item) {
            (Some(path), None) => self.schema_name(node, &path),
            (Some(path), Some(ty)) => self.parts_of(node, ty, path.get(1..).unwrap_or_default()),
            (None, _) => self.part(node),
        }
    }

    /// A name of the schema.
    fn schema_name(&mut self, node: &'a Node<'a>, path: &[&'a str]) -> Type {
        let name = path.join(".");
        if let Some(dotted) = path.iter().find(|segment| segment.contains('.') || segment.is_empty()) {
            let range = self.tree.range(node);
            self.problems.push(ExprProblem::new(
                Problem::UnknownName,
                range,
                format!("`{dotted}` is no single name; write the parts one by one, joined by dots"),
                format!("`{dotted}` 不是单个名称；请用点号逐级书写"),
            ));
            return Type::any();
        }
        match self.schema.resolve(path) {
            Ok(mut ty) => {
                let sure = self.present.iter().flatten().any(|known| covers(known, &name));
                ty.nullable &= !sure;
                self.reads.insert(name);
                ty
            }
            Err(unresolved) => {
                let problem = self.unresolved(node, path, unresolved);
                self.problems.push(problem);
                Type::any()
            }
        }
    }

    fn unresolved(&self, node: &'a Node<'a>, path: &[&str], unresolved: Unresolved) -> ExprProblem {
        let whole = self.tree.range(node);
        let (at, parted) = match unresolved {
            Unresolved::NoSuchName(at) => (at, false),
            Unresolved::HasNoParts(at) => (at, true),
        };
        let (parents, name) = (path.get(..at).unwrap_or_default(), path.get(at).copied().unwrap_or_default());
        let group = parents.join(".");
        if parted {
            let full = path.get(..=at).unwrap_or_default().join(".");
            let (en, zh) = (format!("`{full}` has no parts"), format!("`{full}` 没有下级字段"));
            return ExprProblem::new(Problem::UnknownName, whole, en, zh);
        }
        let (en, zh) = if parents.is_empty() {
            (format!("there is nothing called `{name}` here"), format!("此处没有 `{name}`"))
        } else {
            (format!("`{group}` has no field `{name}`"), format!("`{group}` 没有字段 `{name}`"))
        };
        let problem = ExprProblem::new(Problem::UnknownName, whole, en, zh);
        let candidates = self.schema.parts(parents);
        if parents.is_empty() && path.len() == 1 {
            match name.to_ascii_lowercase().as_str() {
                "true" | "yes" => return problem.suggest("true"),
                "false" | "no" => return problem.suggest("false"),
                "null" | "none" | "nil" | "empty" => return problem.suggest("null"),
                _ => {}
            }
        }
        if let Some(near) = nearest(name, candidates.iter().copied()) {
            let mut fixed: Vec<&str> = path.to_vec();
            if let Some(slot) = fixed.get_mut(at) {
                *slot = near;
            }
            return problem.suggest(written(&fixed));
        }
        // The right field in the wrong group, or without its group.
        let last = path.last().copied().unwrap_or_default();
        let elsewhere = self
            .schema
            .names()
            .into_iter()
            .map(|(full, _)| full)
            .find(|full| full.rsplit_once('.').is_some_and(|(_, field)| field == last));
        match elsewhere {
            Some(full) => problem.suggest(full),
            None if candidates.is_empty() => problem,
            None => {
                let listed = candidates.into_iter().take(12).collect::<Vec<_>>().join(", ");
                problem.help(format!("there is: {listed}"), format!("可用：{listed}"))
            }
        }
    }

    /// A part of something that is no plain name: of `#`, of an item of a list.
    fn part(&mut self, node: &'a Node<'a>) -> Type {
        let Node::Member { node: base, property } = node else { return Type::any() };
        let ty = self.infer(base);
        match property {
            Node::String(name) => self.parts_of(node, ty, &[name]),
            _ => {
                let index = self.infer(property);
                self.need(property, &index, Kind::Number { min: None, max: None });
                match ty.kind {
                    Kind::List(item) => item.nullable(),
                    Kind::Any => Type::any(),
                    _ => self.refuse(
                        node,
                        "only a list has items; text is not cut by position",
                        "只有列表可以取第几项；文本不能按位置截取",
                    ),
                }
            }
        }
    }

    fn parts_of(&mut self, node: &'a Node<'a>, mut ty: Type, parts: &[&str]) -> Type {
        for part in parts {
            let next = match &ty.kind {
                Kind::Any => return Type::any(),
                Kind::Object(object) => object.fields.get(*part).or(object.open.as_deref()).cloned(),
                _ => None,
            };
            let Some(next) = next else {
                let range = self.tree.range(node);
                let problem = ExprProblem::new(
                    Problem::UnknownName,
                    range,
                    format!("there is no field `{part}` here"),
                    format!("此处没有字段 `{part}`"),
                );
                self.problems.push(problem);
                return Type::any();
            };
            let nullable = ty.nullable;
            ty = next;
            ty.nullable |= nullable;
        }
        ty
    }
}

/// Whether knowing `known` to be present says that `name` is: the same name, or a group declared so.
fn covers(known: &str, name: &str) -> bool {
    name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A path as it is written: names ZEN cannot read bare stand in brackets.
fn written(path: &[&str]) -> String {
    let mut text = String::new();
    for (at, name) in path.iter().enumerate() {
        let bare = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
            && name.chars().next().is_some_and(|c| !c.is_ascii_digit());
        if bare || at == 0 {
            text.push_str(if at == 0 { "" } else { "." });
            text.push_str(name);
        } else {
            text.push_str(&format!("[\"{name}\"]"));
        }
    }
    text
}
