//! Which facts some expressions read: where every capture is judged, only those are gathered.

use std::collections::BTreeSet;

use leadloop_mapping::Value;
use leadloop_mapping::expr::{Expr, Facts};

use super::{NAMES, Scene, path_of, points_of, typed};
use crate::policy::{Policy, Reads, Wanted};

/// What scores and the definitions of the MQL read.
#[must_use]
pub fn judging(policy: &Policy) -> Reads {
    let models = policy.scores.iter().flat_map(|model| {
        let touches = model.touches.iter().flat_map(|rule| rule.when.iter().chain(&rule.plus));
        model.add.iter().map(|rule| &rule.when).chain(touches)
    });
    let mql = policy.mql.iter().flat_map(|mql| [&mql.when].into_iter().chain(&mql.also).chain(&mql.leave));
    read_by(models.chain(mql))
}

fn read_by<'e>(expressions: impl Iterator<Item = &'e Expr>) -> Reads {
    let paths: BTreeSet<String> = expressions.flat_map(Expr::reads).cloned().collect();
    let of = |group: &str| paths.iter().any(|path| meet(path, group));
    let wanted = |path: &str| paths.iter().any(|read| meet(read, path));
    let names = NAMES.iter().enumerate().filter(|(_, name)| wanted(name.path)).map(|(at, _)| at).collect();
    Reads(Some(Wanted { names, touch: of("touch"), scores: of("score"), paths }))
}

/// The facts that scores and the definitions of the MQL read. To those they are the same as [`super::of`].
#[must_use]
pub fn judged(scene: &Scene<'_>) -> Facts {
    let Some(wanted) = &scene.policy.judging.0 else { return super::of(scene) };
    let reads = |path: &str| wanted.paths.iter().any(|read| meet(read, path));
    let mut facts = Facts::new();
    if let Some(touch) = scene.touch.filter(|_| wanted.touch) {
        for (name, value) in touch.fields.iter() {
            let path = format!("touch.{name}");
            if reads(&path) {
                facts.set(&path, value);
            }
        }
    }
    for (field, fact) in &scene.lead.profile {
        let read = field != "company" && wanted.paths.iter().any(|read| meets_field(read, field));
        if read && !fact.value.is_blank() {
            facts.set(&path_of(field), &typed(field, &fact.value));
        }
    }
    for model in scene.policy.scores.iter().filter(|_| wanted.scores) {
        let path = format!("score.{}", model.name);
        if reads(&path) {
            facts.set(&path, &points_of(scene, model));
        }
    }
    for name in wanted.names.iter().filter_map(|at| NAMES.get(*at)) {
        let value = (name.value)(scene);
        if value != Value::Null || name.path.starts_with("touch.") {
            facts.set(name.path, &value);
        }
    }
    facts
}

/// Whether one is the other, or a part of it.
fn meet(one: &str, other: &str) -> bool {
    let within = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    within(one, other) || within(other, one)
}

/// The same of a field of the profile, without making a text of its path.
fn meets_field(read: &str, field: &str) -> bool {
    if field.starts_with("company.") {
        return meet(read, field);
    }
    read == "lead" || read.strip_prefix("lead.").is_some_and(|read| meet(read, field))
}
