//! The reference page of the config, made from [`crate::spec`]: what can be written and what is refused can never differ.

use std::fmt::Write as _;

use crate::spec::{Key, Section, Shape, sections};

/// The page `docs/reference/config.md`, English and Chinese side by side.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(
        "# Reference of leadloop.toml\n\nMade from the same table that the check uses; do not edit by hand \
         (`UPDATE=1 cargo test -p leadloop-config` writes it). A star marks keys that must be there. Lengths of time are \
         written `30s`, `5m`, `2h`, `14d`, in working time `4 working hours`, `1 working day`.\n\n\
         本页由检查所用的同一张表生成，请勿手工修改。带星号的键为必填。时长写作 `30s`、`5m`、`2h`、`14d`，工作时间写作 \
         `4 working hours`、`1 working day`。\n",
    );
    for section in sections::all() {
        write_section(&mut page, section);
    }
    page
}

fn write_section(page: &mut String, section: &Section) {
    let title = section.title();
    // Writing into a text cannot fail.
    let _ = write!(page, "\n## {title}\n\n{} {}\n", section.doc.0, section.doc.1);
    if let Some((en, zh)) = section.later() {
        let _ = write!(page, "\nNot in this version: {en}. 当前版本不可用：{zh}。\n");
        return;
    }
    page.push_str("\n| key | value | meaning | 含义 | example |\n|---|---|---|---|---|\n");
    for key in section.keys {
        write_key(page, key, "");
    }
}

fn write_key(page: &mut String, key: &Key, prefix: &str) {
    let star = if key.required { "\\*" } else { "" };
    let name = format!("{prefix}{}", key.name);
    let (en, zh) = match key.shape {
        Shape::Later(en, zh) => {
            (format!("{} *Not in this version: {en}.*", key.doc.0), format!("{} *{zh}。*", key.doc.1))
        }
        _ => (key.doc.0.to_owned(), key.doc.1.to_owned()),
    };
    let cells = [format!("`{name}`{star}"), shape(&key.shape), en, zh, format!("`{}`", key.example)];
    let _ = writeln!(page, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    let (inner, step) = match &key.shape {
        Shape::Table(keys) | Shape::Open(keys, _) => (Some(*keys), "."),
        Shape::List(Shape::Table(keys) | Shape::Open(keys, _)) => (Some(*keys), "[]."),
        Shape::Map(Shape::Table(keys)) => (Some(*keys), ".NAME."),
        _ => (None, ""),
    };
    for below in inner.unwrap_or_default() {
        write_key(page, below, &format!("{name}{step}"));
    }
}

fn shape(of: &Shape) -> String {
    match of {
        Shape::Text => "text".to_owned(),
        Shape::Name => "name".to_owned(),
        Shape::Int(least, most) => format!("whole number, {least} to {most}"),
        Shape::Bool => "`true` or `false`".to_owned(),
        Shape::Duration => "length of time".to_owned(),
        Shape::Length => "length of time or working time".to_owned(),
        Shape::Percent => "share".to_owned(),
        Shape::Date => "date".to_owned(),
        Shape::Time => "date, or date and time".to_owned(),
        Shape::Expr => "expression".to_owned(),
        Shape::Secret => "secret reference".to_owned(),
        Shape::TextOrSecret => "text or secret reference".to_owned(),
        Shape::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Shape::List(inner) => format!("list of {}", shape(inner)),
        Shape::Table(_) => "table".to_owned(),
        Shape::Map(inner) => format!("table of {}", shape(inner)),
        Shape::Open(_, inner) => format!("table; further keys: {}", shape(inner)),
        Shape::Scalar => "text, number or yes/no".to_owned(),
        Shape::OneOf(shapes) => shapes.iter().map(shape).collect::<Vec<_>>().join(" or "),
        Shape::Step => "step".to_owned(),
        Shape::Settings => "the connector's settings".to_owned(),
        Shape::LimitIn => "`3` or `5 in 7d`".to_owned(),
        Shape::Rate => "rate".to_owned(),
        Shape::Later(_, _) => "not in this version".to_owned(),
    }
}
