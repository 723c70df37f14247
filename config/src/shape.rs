//! Phase 2, shape: every key is known, every value has the kind it should have. All problems at once; what is wrong is
//! left out, so that the next phases can still look at the rest.

use crate::problem::{Problem, Span, Words};
use crate::spec::{Key, Section, Shape};
use crate::suggest::nearest;
use crate::text::{At, Table, Tree};
use crate::units;

/// Checks the whole tree of one file against the sections.
pub fn check(root: &Table, problems: &mut Vec<Problem>) {
    for (key, value) in &root.entries {
        if key.value == "include" {
            shape(&Shape::List(&Shape::Text), value, problems);
            continue;
        }
        let Some(section) = crate::spec::section(&key.value) else {
            let names = crate::spec::sections::all().map(|section| section.name);
            unknown("LL2003", "section", "部分", key, names, problems);
            continue;
        };
        check_section(section, key, value, problems);
    }
}

fn check_section(section: &Section, key: &At<String>, value: &At<Tree>, problems: &mut Vec<Problem>) {
    if let Some(Key { name: "", shape: Shape::Later(en, zh), .. }) = section.keys.first() {
        problems.push(later(&key.span, section.name, en, zh));
        return;
    }
    match (&value.value, section.many) {
        (Tree::Table(table), false) => keys(section.keys, table, &key.span, problems),
        (Tree::List(list), true) => {
            for item in list {
                match &item.value {
                    Tree::Table(table) => keys(section.keys, table, &item.span, problems),
                    other => problems.push(wrong(&item.span, &Words::new("a table", "表"), other)),
                }
            }
        }
        (_, many) => {
            let (now, should) = if many {
                (format!("[{}]", section.name), format!("[[{}]]", section.name))
            } else {
                (format!("[[{}]]", section.name), format!("[{}]", section.name))
            };
            problems.push(
                Problem::error(
                    "LL2004",
                    &key.span,
                    Words::new(
                        format!("`{}` is written {should}", section.name),
                        format!("`{}` 应写成 {should}", section.name),
                    ),
                    Words::new(format!("written as {now}"), format!("写成了 {now}")),
                )
                .help(format!("write `{should}`"), format!("请写 `{should}`")),
            );
        }
    }
}

/// Checks a table against its keys.
pub fn keys(known: &[Key], table: &Table, owner: &Span, problems: &mut Vec<Problem>) {
    for (key, value) in &table.entries {
        match known.iter().find(|known| known.name == key.value) {
            Some(found) => match found.shape {
                Shape::Later(en, zh) => problems.push(later(&key.span, found.name, en, zh)),
                _ => shape(&found.shape, value, problems),
            },
            None => unknown("LL2002", "key", "键", key, known.iter().map(|known| known.name), problems),
        }
    }
    for missing in known.iter().filter(|known| known.required && table.get(known.name).is_none()) {
        problems.push(
            Problem::error(
                "LL2005",
                owner,
                Words::new(format!("`{}` is missing", missing.name), format!("缺少 `{}`", missing.name)),
                Words::new("in this table", "此表中"),
            )
            .help(
                format!("add `{} = {}`: {}", missing.name, missing.example, missing.doc.0),
                format!("请添加 `{} = {}`：{}", missing.name, missing.example, missing.doc.1),
            ),
        );
    }
}

/// Checks one value against its shape.
fn shape(shape_of: &Shape, at: &At<Tree>, problems: &mut Vec<Problem>) {
    match (shape_of, &at.value) {
        (Shape::List(inner), Tree::List(list)) => list.iter().for_each(|item| shape(inner, item, problems)),
        (Shape::List(inner), _) => shape(inner, at, problems),
        (Shape::Table(known), Tree::Table(table)) => keys(known, table, &at.span, problems),
        (Shape::Map(inner), Tree::Table(table)) => {
            table.entries.iter().for_each(|(_, value)| shape(inner, value, problems));
        }
        (Shape::OneOf(shapes), _) => one_of(shapes, at, problems),
        (Shape::Secret, _) | (Shape::TextOrSecret, Tree::Table(_)) => secret(at, problems),
        (Shape::Settings, Tree::Table(_)) => {} // checked against the connector's manifest, in `lower::links`
        (shape_of, _) => {
            if let Err(problem) = scalar(shape_of, at) {
                problems.push(*problem);
            }
        }
    }
}

/// The first shape that fits; where none does, the problems of the first.
fn one_of(shapes: &[Shape], at: &At<Tree>, problems: &mut Vec<Problem>) {
    let mut first = Vec::new();
    for (number, inner) in shapes.iter().enumerate() {
        if let Shape::Later(en, zh) = inner {
            first = vec![later(&at.span, "this value", en, zh)];
            continue;
        }
        let mut found = Vec::new();
        shape(inner, at, &mut found);
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
    match &at.value {
        Tree::Table(table) => {
            for (key, value) in &table.entries {
                if !KEYS.contains(&key.value.as_str()) {
                    unknown("LL2002", "key", "键", key, KEYS.into_iter(), problems);
                } else if !matches!(value.value, Tree::Text(_)) {
                    problems.push(wrong(&value.span, &Words::new("text", "文本"), &value.value));
                }
            }
            if table.entries.is_empty() {
                problems.push(wrong(
                    &at.span,
                    &Words::new("`{ env = \"NAME\" }`", "`{ env = \"名称\" }`"),
                    &at.value,
                ));
            }
        }
        _ => problems.push(literal_secret(&at.span)),
    }
}

/// A secret that stands in the file as text.
#[must_use]
pub fn literal_secret(span: &Span) -> Problem {
    Problem::error(
        "LL2008",
        span,
        Words::new("a secret must not stand in the config", "密钥不能直接写在配置中"),
        Words::new("a literal secret", "明文密钥"),
    )
    .help(
        "write `{ env = \"NAME\" }` and set the variable, or `{ file = \"PATH\" }`",
        "请写 `{ env = \"变量名\" }` 并设置环境变量，或 `{ file = \"路径\" }`",
    )
}

fn scalar(shape_of: &Shape, at: &At<Tree>) -> Result<(), Box<Problem>> {
    let text = match &at.value {
        Tree::Text(text) | Tree::Time(text) => Some(text.as_str()),
        _ => None,
    };
    let fits = match shape_of {
        Shape::Text | Shape::Expr | Shape::TextOrSecret => matches!(at.value, Tree::Text(_)),
        Shape::Name => text.is_some_and(|text| !text.trim().is_empty() && text.len() <= 128),
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
        Shape::Choice(words) => return choice(words, text, at),
        Shape::Scalar => !matches!(at.value, Tree::List(_) | Tree::Table(_)),
        _ => false,
    };
    if fits { Ok(()) } else { Err(Box::new(wrong(&at.span, &wanted(shape_of), &at.value))) }
}

fn choice(words: &[&str], text: Option<&str>, at: &At<Tree>) -> Result<(), Box<Problem>> {
    if text.is_some_and(|text| words.contains(&text)) {
        return Ok(());
    }
    let list = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let written = text.map_or_else(|| at.value.kind().en, |text| format!("`{text}`"));
    let problem = Problem::error(
        "LL2006",
        &at.span,
        Words::new(format!("{written} is not one of {list}"), format!("{written} 不在可选值 {list} 之中")),
        Words::new("not a known value", "未知的值"),
    );
    Err(Box::new(match text.and_then(|text| nearest(text, words.iter().copied())) {
        Some(near) => problem.help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？")),
        None => problem,
    }))
}

fn wanted(shape_of: &Shape) -> Words {
    match shape_of {
        Shape::Int(least, most) => {
            Words::new(format!("a whole number from {least} to {most}"), format!("{least} 到 {most} 的整数"))
        }
        Shape::Bool => Words::new("true or false", "true 或 false"),
        Shape::Duration => Words::new(
            "a length of time such as `30s`, `5m`, `2h` or `14d`",
            "时长，如 `30s`、`5m`、`2h`、`14d`",
        ),
        Shape::Length => Words::new(
            "a length such as `4 working hours`, `1 working day` or `30m`",
            "时长，如 `4 working hours`、`1 working day`、`30m`",
        ),
        Shape::Percent => Words::new("a share such as `\"20%\"`", "百分比，如 `\"20%\"`"),
        Shape::Rate => {
            Words::new("a rate such as `20 per minute per address`", "频率，如 `20 per minute per address`")
        }
        Shape::LimitIn => Words::new("a limit such as `3` or `5 in 7d`", "上限，如 `3` 或 `5 in 7d`"),
        Shape::Date => Words::new("a date such as `2026-12-01`", "日期，如 `2026-12-01`"),
        Shape::Table(_) | Shape::Map(_) | Shape::Settings => Words::new("a table `{ … }`", "表 `{ … }`"),
        Shape::Scalar => Words::new("a text, a number or true/false", "文本、数字或布尔值"),
        Shape::Expr => Words::new("a condition as text", "文本形式的表达式"),
        _ => Words::new("text", "文本"),
    }
}

/// A value of the wrong kind.
#[must_use]
pub fn wrong(span: &Span, wanted: &Words, found: &Tree) -> Problem {
    let kind = found.kind();
    let written = match found {
        Tree::Text(text) if text.chars().count() <= 40 => {
            Words::new(format!("`{text}`"), format!("`{text}`"))
        }
        Tree::Int(number) => Words::new(format!("`{number}`"), format!("`{number}`")),
        _ => kind.clone(),
    };
    Problem::error(
        "LL2004",
        span,
        Words::new(
            format!("expected {}, found {}", wanted.en, written.en),
            format!("应为{}，实为{}", wanted.zh, written.zh),
        ),
        Words::new(format!("this is {}", kind.en), format!("这是{}", kind.zh)),
    )
    .help(format!("write {}", wanted.en), format!("请写{}", wanted.zh))
}

fn later(span: &Span, what: &str, en: &str, zh: &str) -> Problem {
    Problem::error(
        "LL2009",
        span,
        Words::new(
            format!("`{what}` is not available in this version: {en}"),
            format!("`{what}` 当前版本不可用：{zh}"),
        ),
        Words::new("not available yet", "尚不可用"),
    )
    .help(
        "take it out for now; nothing in the config is ever ignored in silence",
        "请先删除；配置中的任何内容都不会被静默忽略",
    )
}

/// A name nobody knows, with the nearest one that exists.
pub fn unknown<'a>(
    code: &'static str,
    en: &str,
    zh: &str,
    key: &At<String>,
    names: impl Iterator<Item = &'a str>,
    problems: &mut Vec<Problem>,
) {
    let names: Vec<&str> = names.collect();
    let problem = Problem::error(
        code,
        &key.span,
        Words::new(format!("unknown {en} `{}`", key.value), format!("未知的{zh} `{}`", key.value)),
        Words::new(format!("no such {en}"), format!("没有这个{zh}")),
    );
    problems.push(match nearest(&key.value, names.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？")),
        None => {
            let list = names.iter().take(40).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            problem.help(format!("known here: {list}"), format!("此处可用：{list}"))
        }
    });
}
