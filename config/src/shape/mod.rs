//! Phase 2, shape: every key is known, every value has the kind it should have. All problems at once; what is wrong is
//! left out, so that the next phases can still look at the rest.

mod refusal;

use std::fmt;

use crate::lower::files::Sections;
use crate::problem::{Problem, Span, Words};
use crate::spec::{Key, Section, Shape};
use crate::text::{At, Table, Tree};
use crate::units;
use refusal::{Unknown, choice, later, name, wanted, wrong};
pub use refusal::{literal_secret, unknown};

/// Where a table stands, for messages: `[[crm]] mirror`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within<'a> {
    above: Option<&'a Within<'a>>,
    name: &'a str,
}

impl<'a> Within<'a> {
    pub(crate) const fn section(name: &'a str) -> Self {
        Self { above: None, name }
    }

    const fn inner(&'a self, name: &'a str) -> Self {
        Self { above: Some(self), name }
    }
}

impl fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.above {
            None => match crate::spec::section(self.name) {
                Some(section) => f.write_str(&section.title()),
                None => f.write_str(self.name),
            },
            Some(above) => write!(f, "{above} {}", self.name),
        }
    }
}

/// Checks the whole tree of one file against the sections.
pub fn check(root: &Table, problems: &mut Vec<Problem>) {
    for (key, value) in &root.entries {
        if key.value == "include" {
            shape(&Shape::List(&Shape::Text), value, &Within::section("include"), problems);
            continue;
        }
        match crate::spec::section(&key.value) {
            Some(section) => check_section(section, key, value, problems),
            None => problems.push(refusal::unknown_section(key, value)),
        }
    }
}

fn check_section(section: &Section, key: &At<String>, value: &At<Tree>, problems: &mut Vec<Problem>) {
    if let Some((en, zh)) = section.later() {
        problems.push(later(&key.span, &section.title(), en, zh));
        return;
    }
    let within = Within::section(section.name);
    match (&value.value, section.many) {
        (Tree::Table(table), false) => keys(section.keys, table, &within, problems),
        (Tree::List(list), _) if section.may_repeat() => {
            for item in list {
                match &item.value {
                    Tree::Table(table) => keys(section.keys, table, &within, problems),
                    other => problems.push(wrong(&item.span, &Shape::Table(&[]), other)),
                }
            }
        }
        (_, many) => problems.push(refusal::wrong_brackets(section, key, many)),
    }
}

/// Checks a table against its keys.
fn keys(known: &[Key], table: &Table, within: &Within<'_>, problems: &mut Vec<Problem>) {
    for (key, value) in &table.entries {
        // A key called `*` stands for all names.
        match known.iter().find(|known| known.name == key.value || known.name == "*") {
            Some(found) => match found.shape {
                Shape::Later(en, zh) => problems.push(later(&key.span, found.name, en, zh)),
                _ => shape(&found.shape, value, &within.inner(&key.value), problems),
            },
            None => {
                let names = known.iter().map(|known| known.name);
                problems.push(refusal::unknown_key(key, within, names));
            }
        }
    }
}

/// Says which keys are missing, once all files are read and laid over each other.
pub fn missing(sections: &Sections, problems: &mut Vec<Problem>) {
    for (name, tables) in sections {
        let Some(section) = crate::spec::section(name) else { continue };
        for table in tables {
            missing_keys(section.keys, &table.value, &table.span, problems);
        }
    }
}

fn missing_keys(known: &[Key], table: &Table, owner: &Span, problems: &mut Vec<Problem>) {
    for key in known {
        match table.get(key.name) {
            Some(at) => missing_within(&key.shape, at, problems),
            None if key.required => problems.push(refusal::missing(key, owner)),
            None => {}
        }
    }
}

fn missing_within(shape_of: &Shape, at: &At<Tree>, problems: &mut Vec<Problem>) {
    match (shape_of, &at.value) {
        (Shape::Table(known) | Shape::Open(known, _), Tree::Table(table)) => {
            missing_keys(known, table, &at.span, problems);
        }
        (Shape::List(inner), Tree::List(list)) => {
            list.iter().for_each(|item| missing_within(inner, item, problems));
        }
        (Shape::List(inner), Tree::Table(_)) => missing_within(inner, at, problems),
        (Shape::Map(inner), Tree::Table(table)) => {
            table.entries.iter().for_each(|(_, value)| missing_within(inner, value, problems));
        }
        (Shape::OneOf(shapes), _) => {
            let tables = |shape: &&Shape| matches!(shape, Shape::Table(_) | Shape::List(_));
            if let Some(inner) = shapes.iter().find(tables) {
                missing_within(inner, at, problems);
            }
        }
        _ => {}
    }
}

/// Checks one value against its shape.
fn shape(shape_of: &Shape, at: &At<Tree>, within: &Within<'_>, problems: &mut Vec<Problem>) {
    match (shape_of, &at.value) {
        (Shape::List(inner), Tree::List(list)) => {
            list.iter().for_each(|item| shape(inner, item, within, problems));
        }
        (Shape::List(inner), _) => shape(inner, at, within, problems),
        (Shape::Table(known), Tree::Table(table)) => keys(known, table, within, problems),
        (Shape::Map(inner), Tree::Table(table)) => {
            for (key, value) in &table.entries {
                shape(inner, value, &within.inner(&key.value), problems);
            }
        }
        (Shape::Open(known, inner), Tree::Table(table)) => open(known, inner, table, within, problems),
        (Shape::OneOf(shapes), _) => one_of(shapes, at, within, problems),
        (Shape::Secret, _) | (Shape::TextOrSecret, Tree::Table(_)) => secret(at, problems),
        // Checked where more is known: `lower::sources` (the connector's manifest), `lower::mapping`.
        (Shape::Settings, Tree::Table(_)) | (Shape::Step, _) => {}
        (shape_of, _) => {
            if let Err(problem) = scalar(shape_of, at) {
                problems.push(*problem);
            }
        }
    }
}

/// A table with keys of its own and free ones.
fn open(known: &[Key], inner: &Shape, table: &Table, within: &Within<'_>, problems: &mut Vec<Problem>) {
    for (key, value) in &table.entries {
        let own = known.iter().find(|own| own.name == key.value);
        shape(own.map_or(inner, |own| &own.shape), value, &within.inner(&key.value), problems);
    }
}

/// The first shape that fits; where none does, the problems of the first.
fn one_of(shapes: &[Shape], at: &At<Tree>, within: &Within<'_>, problems: &mut Vec<Problem>) {
    let mut first = Vec::new();
    for (number, inner) in shapes.iter().enumerate() {
        if let Shape::Later(en, zh) = inner {
            let written = at.value.to_value().map(|value| value.to_display()).unwrap_or_default();
            first = vec![later(&at.span, &written, en, zh)];
            continue;
        }
        let mut found = Vec::new();
        shape(inner, at, within, &mut found);
        if found.is_empty() {
            return;
        }
        if number == 0 {
            first = found;
        }
    }
    problems.append(&mut first);
}

/// `{ env = "NAME" }`, `{ file = "PATH" }` or `{ credential = "NAME" }` (systemd).
fn secret(at: &At<Tree>, problems: &mut Vec<Problem>) {
    const KEYS: [&str; 3] = ["env", "file", "credential"];
    let Tree::Table(table) = &at.value else {
        problems.push(literal_secret(&at.span));
        return;
    };
    for (key, value) in &table.entries {
        if !KEYS.contains(&key.value.as_str()) {
            problems.push(unknown(Unknown::key("a secret reference", "密钥引用"), key, KEYS.into_iter()));
        } else if !matches!(value.value, Tree::Text(_)) {
            problems.push(wrong(&value.span, &Shape::Text, &value.value));
        }
    }
    if table.entries.len() != 1 {
        problems.push(wrong(&at.span, &Shape::Secret, &at.value));
    }
}

fn scalar(shape_of: &Shape, at: &At<Tree>) -> Result<(), Box<Problem>> {
    let text = match &at.value {
        Tree::Text(text) | Tree::Time(text) => Some(text.as_str()),
        _ => None,
    };
    let fits = match shape_of {
        Shape::Text | Shape::Expr | Shape::TextOrSecret => matches!(at.value, Tree::Text(_)),
        Shape::Name => return name(at),
        Shape::Int(least, most) => matches!(&at.value, Tree::Int(number) if (least..=most).contains(&number)),
        Shape::Bool => matches!(at.value, Tree::Bool(_)),
        Shape::Duration => text.and_then(units::duration).is_some(),
        Shape::Length => text.and_then(units::length).is_some(),
        Shape::Percent => text.and_then(units::percent).is_some(),
        Shape::Rate => text.and_then(units::rate).is_some(),
        Shape::LimitIn => match &at.value {
            Tree::Int(count) => (1..=1_000_000).contains(count),
            _ => text.and_then(units::limit_in).is_some(),
        },
        Shape::Date => text.is_some_and(|text| text.parse::<jiff::civil::Date>().is_ok()),
        Shape::Time => text.and_then(units::wall).is_some(),
        Shape::Choice(words) => return choice(words, text, at),
        Shape::Scalar => !matches!(at.value, Tree::List(_) | Tree::Table(_)),
        _ => false,
    };
    if fits { Ok(()) } else { Err(Box::new(wrong(&at.span, shape_of, &at.value))) }
}

/// What a shape is called in messages.
#[must_use]
pub fn words_of(shape_of: &Shape) -> Words {
    wanted(shape_of)
}
