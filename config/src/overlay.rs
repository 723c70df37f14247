//! Environments: a second file (`leadloop.prod.toml`) laid over the main one. Tables go into tables, everything else is
//! replaced; a `[[section]]` of the overlay changes the one of the same name, and a new one has to be complete.

use std::collections::BTreeMap;

use crate::lower::files::Sections;
use crate::problem::{Problem, Words};
use crate::spec;
use crate::suggest::nearest;
use crate::text::{At, Table, Tree};

/// The overlay of an environment: `leadloop.toml` and `prod` make `leadloop.prod.toml`.
#[must_use]
pub fn file_name(main: &str, environment: &str) -> String {
    let (folder, name) = main.rsplit_once('/').map_or(("", main), |(folder, name)| (folder, name));
    let name = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => format!("{stem}.{environment}.{ending}"),
        _ => format!("{name}.{environment}"),
    };
    if folder.is_empty() { name } else { format!("{folder}/{name}") }
}

/// Whether a file is the overlay of some environment for the main file.
#[must_use]
pub fn is_of(main: &str, name: &str) -> bool {
    let ending = main.rsplit_once('.').filter(|(stem, _)| !stem.is_empty());
    let Some((stem, ending)) = ending else { return false };
    name.strip_prefix(stem)
        .and_then(|rest| rest.strip_prefix('.'))
        .and_then(|rest| rest.strip_suffix(ending))
        .and_then(|rest| rest.strip_suffix('.'))
        .is_some_and(|environment| !environment.is_empty() && !environment.contains(['.', '/']))
}

/// The keys that tell the tables of a section apart.
#[must_use]
pub fn identity(section: &str) -> &'static [&'static str] {
    match section {
        "feedback" => &["tag"],
        "mapping" => &["crm", "object"],
        "status" => &["crm", "object", "field"],
        "leave" => &["person", "from"],
        _ => &["name"],
    }
}

/// What a table of a section is called.
#[must_use]
pub fn name_of(section: &str, table: &Table) -> Option<String> {
    let parts: Option<Vec<&str>> = identity(section)
        .iter()
        .map(|key| match &table.get(key)?.value {
            Tree::Text(text) | Tree::Time(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    Some(parts?.join(" / "))
}

/// Lays `over` over `base`.
pub fn merge(base: &mut Sections, over: Sections, problems: &mut Vec<Problem>) {
    for (name, tables) in over {
        let Some(section) = spec::section(&name) else { continue };
        let below = base.entry(name.clone()).or_default();
        for table in tables {
            let named = section.many || section.may_repeat() && table.value.get("name").is_some();
            let found = if named {
                let wanted = name_of(&name, &table.value);
                below.iter_mut().find(|known| wanted.is_some() && name_of(&name, &known.value) == wanted)
            } else {
                below.first_mut()
            };
            if let Some(known) = found {
                lay(&mut known.value, table.value);
                continue;
            }
            match incomplete(section, &table, below).filter(|_| named) {
                Some(problem) => problems.push(problem),
                None => below.push(table),
            }
        }
    }
}

/// A table of the overlay that changes nothing there is and is not complete by itself: most likely a misspelt name.
fn incomplete(section: &spec::Section, table: &At<Table>, below: &[At<Table>]) -> Option<Problem> {
    let complete = section.keys.iter().all(|key| !key.required || table.value.get(key.name).is_some());
    if complete {
        return None;
    }
    let written = name_of(section.name, &table.value).unwrap_or_default();
    let known: Vec<String> = below.iter().filter_map(|table| name_of(section.name, &table.value)).collect();
    let span = identity(section.name)
        .first()
        .and_then(|key| table.value.get(key))
        .map_or_else(|| table.span.clone(), |at| at.span.clone());
    let problem = Problem::error(
        "LL2039",
        &span,
        Words::new(
            format!("there is no [[{}]] `{written}` to lay this over", section.name),
            format!("没有可覆盖的 [[{}]] `{written}`", section.name),
        ),
        Words::new("nothing of that name below", "下层没有同名项"),
    );
    Some(match nearest(&written, known.iter().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？")),
        None => problem.help(
            "use the name it has in the main file, or write it whole",
            "请使用主配置文件中的名称，或写出完整内容",
        ),
    })
}

fn lay(below: &mut Table, over: Table) {
    let mut at: BTreeMap<String, usize> =
        below.entries.iter().enumerate().map(|(at, (key, _))| (key.value.clone(), at)).collect();
    for (key, value) in over.entries {
        match at.get(&key.value).and_then(|at| below.entries.get_mut(*at)) {
            Some((_, known)) => match (&mut known.value, value.value) {
                (Tree::Table(inner), Tree::Table(new)) if !is_reference(inner) && !is_reference(&new) => {
                    lay(inner, new);
                }
                (_, new) => *known = At { value: new, span: value.span },
            },
            None => {
                at.insert(key.value.clone(), below.entries.len());
                below.entries.push((key, value));
            }
        }
    }
}

/// `{ env = "…" }` and its kin are replaced whole: half of one and half of another would be no reference.
fn is_reference(table: &Table) -> bool {
    let references = ["env", "file", "credential"];
    table.entries.len() == 1 && table.entries.iter().all(|(key, _)| references.contains(&key.value.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlay_lies_beside_its_main_file() {
        assert_eq!(file_name("leadloop.toml", "prod"), "leadloop.prod.toml");
        assert_eq!(file_name("conf.d/main.toml", "test"), "conf.d/main.test.toml");
        assert_eq!(file_name("config", "prod"), "config.prod");
        assert_eq!(file_name(".leadloop", "prod"), ".leadloop.prod");
        assert!(is_of("leadloop.toml", "leadloop.prod.toml") && is_of("a/b.toml", "a/b.x.toml"));
        for other in
            ["leadloop.toml", "leadloop..toml", "rules.toml", "leadloop.prod.csv", "leadloop.a.b.toml"]
        {
            assert!(!is_of("leadloop.toml", other), "{other}");
        }
    }
}
