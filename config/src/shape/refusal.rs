//! What the shape check says, and what to write instead.

use super::Within;
use crate::problem::{Problem, Span, Words};
use crate::spec::{self, Key, Section, Shape};
use crate::suggest::{self, nearest};
use crate::text::{At, Tree};

/// Most known names listed where nothing is near.
const MOST_LISTED: usize = 40;

/// Brackets of the other kind.
pub(super) fn wrong_brackets(section: &Section, key: &At<String>, many: bool) -> Problem {
    let should = section.title();
    let now = if many { format!("[{}]", section.name) } else { format!("[[{}]]", section.name) };
    Problem::error(
        "LL2004",
        &key.span,
        Words::new(
            format!("`{}` is written {should}", section.name),
            format!("`{}` 应写成 {should}", section.name),
        ),
        Words::new(format!("written as {now}"), format!("写成了 {now}")),
    )
    .help(format!("write `{should}`"), format!("请写 `{should}`"))
}

/// A key that must be there.
pub(super) fn missing(key: &Key, owner: &Span) -> Problem {
    Problem::error(
        "LL2005",
        owner,
        Words::new(format!("`{}` is missing", key.name), format!("缺少 `{}`", key.name)),
        Words::new("in this table", "此表中"),
    )
    .help(
        format!("add `{} = {}` ({})", key.name, key.example, key.doc.0.trim_end_matches('.')),
        format!("请添加 `{} = {}`（{}）", key.name, key.example, key.doc.1.trim_end_matches('。')),
    )
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
        "write `{ env = \"NAME\" }` and set the variable, or `{ file = \"PATH\" }`, or `{ credential = \"NAME\" }`",
        "请写 `{ env = \"变量名\" }` 并设置环境变量，或 `{ file = \"路径\" }`、`{ credential = \"名称\" }`",
    )
}

/// A name as others write it again: no blanks around it and no signs in it that nobody sees.
pub(super) fn name(at: &At<Tree>) -> Result<(), Box<Problem>> {
    let Tree::Text(text) = &at.value else {
        return Err(Box::new(wrong(&at.span, &Shape::Name, &at.value)));
    };
    let said = if text.trim().is_empty() {
        ("a name is blank", "名称为空", "write a name", "请填写名称")
    } else if text.len() > 128 {
        ("a name is longer than 128 bytes", "名称超过 128 字节", "shorten it", "请缩短")
    } else if text.chars().any(char::is_control) {
        (
            "a name has a tab or another sign in it that nobody sees",
            "名称中有制表符或其他不可见字符",
            "take it out: others could not write the name again",
            "请删除：别处无法写出同样的名称",
        )
    } else if text.trim() != text {
        ("a name begins or ends with a blank", "名称首尾有空格", "take it out", "请删除")
    } else {
        return Ok(());
    };
    let label = Words::new("this name", "此名称");
    let problem = Problem::error("LL2004", &at.span, Words::new(said.0, said.1), label);
    Err(Box::new(problem.help(said.2, said.3)))
}

/// One of several words.
pub(super) fn choice(words: &[&str], text: Option<&str>, at: &At<Tree>) -> Result<(), Box<Problem>> {
    if text.is_some_and(|text| words.contains(&text)) {
        return Ok(());
    }
    let written = text.map_or_else(|| at.value.kind().en, |text| format!("`{text}`"));
    let problem = Problem::error(
        "LL2006",
        &at.span,
        Words::new(format!("{written} is not known here"), format!("此处不认识 {written}")),
        Words::new("not a known value", "未知的值"),
    );
    let (en, zh) = (list(words, " or "), list(words, "、"));
    Err(Box::new(match text.and_then(|text| nearest(text, words.iter().copied())) {
        Some(near) => problem.help(
            format!("did you mean `{near}`? Known here: {en}"),
            format!("是否想写 `{near}`？此处可用：{zh}"),
        ),
        None => problem.help(format!("write {en}"), format!("请写 {zh}")),
    }))
}

fn list(words: &[&str], last: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((end, rest)) if !rest.is_empty() && last != "、" => format!("{}{last}{end}", rest.join(", ")),
        _ => quoted.join(last),
    }
}

/// What a shape is called.
pub(super) fn wanted(shape_of: &Shape) -> Words {
    match shape_of {
        Shape::Int(least, _) if *least <= -1_000_000_000 => Words::new("a whole number", "整数"),
        Shape::Int(least, most) if *most >= 1_000_000_000 => {
            Words::new(format!("a whole number from {least} on"), format!("不小于 {least} 的整数"))
        }
        Shape::Int(least, most) => {
            Words::new(format!("a whole number from {least} to {most}"), format!("{least} 到 {most} 的整数"))
        }
        Shape::Bool => Words::new("true or false", "true 或 false"),
        Shape::Duration => Words::new(
            "a length of time such as \"30s\", \"5m\", \"2h\" or \"14d\"",
            "时长，如 \"30s\"、\"5m\"、\"2h\"、\"14d\"",
        ),
        Shape::Length => Words::new(
            "a length such as \"4 working hours\", \"1 working day\" or \"30m\"",
            "时长，如 \"4 working hours\"、\"1 working day\"、\"30m\"",
        ),
        Shape::Percent => Words::new("a share such as \"20%\"", "百分比，如 \"20%\""),
        Shape::Rate => Words::new(
            "a rate such as \"20 per minute per address\"",
            "频率，如 \"20 per minute per address\"",
        ),
        Shape::LimitIn => Words::new("a limit such as 3 or \"5 in 7d\"", "上限，如 3 或 \"5 in 7d\""),
        Shape::Date => Words::new("a date such as 2026-12-01", "日期，如 2026-12-01"),
        Shape::Time => Words::new(
            "a date or a date with a time, such as 2026-12-01T10:00:00",
            "日期或带时间的日期，如 2026-12-01T10:00:00",
        ),
        Shape::Table(_) | Shape::Open(..) | Shape::Map(_) | Shape::Settings => {
            Words::new("a table { … }", "表 { … }")
        }
        Shape::Scalar => Words::new("a text, a number or true/false", "文本、数字或布尔值"),
        Shape::Expr => Words::new("a condition as text", "文本形式的表达式"),
        Shape::Name => Words::new("a name as text", "文本形式的名称"),
        Shape::Secret => Words::new(
            "one of { env = \"NAME\" }, { file = \"PATH\" }, { credential = \"NAME\" }",
            "{ env = \"变量名\" }、{ file = \"路径\" }、{ credential = \"名称\" } 之一",
        ),
        _ => Words::new("a text in quotes", "带引号的文本"),
    }
}

/// A value of the wrong kind.
#[must_use]
pub(super) fn wrong(span: &Span, shape_of: &Shape, found: &Tree) -> Problem {
    let (wanted, kind) = (wanted(shape_of), found.kind());
    let right_kind = matches!((shape_of, found), (Shape::Int(..), Tree::Int(_)));
    let label = if right_kind {
        Words::new("out of range", "超出范围")
    } else {
        Words::new(format!("this is {}", kind.en), format!("这是{}", kind.zh))
    };
    let message = Words::new(format!("this must be {}", wanted.en), format!("此处应为{}", wanted.zh));
    let problem = Problem::error("LL2004", span, message, label);
    match mended(shape_of, found) {
        Some(mended) => problem.help(format!("write `{mended}`"), format!("请写 `{mended}`")),
        None => problem.help(format!("write {}", wanted.en), format!("请写{}", wanted.zh)),
    }
}

/// What was meant, where that can be told.
fn mended(shape_of: &Shape, found: &Tree) -> Option<String> {
    match (shape_of, found) {
        (Shape::Int(least, most), Tree::Text(text)) => {
            let number: i64 = text.trim().parse().ok()?;
            (*least..=*most).contains(&number).then(|| number.to_string())
        }
        (Shape::Int(least, most), Tree::Real(number)) => {
            let whole = number.round();
            #[expect(clippy::cast_precision_loss, reason = "only compared")]
            let fits = (*least as f64..=*most as f64).contains(&whole);
            fits.then(|| format!("{whole}"))
        }
        (Shape::Bool, Tree::Text(text)) => match text.trim().to_lowercase().as_str() {
            "yes" | "true" | "on" | "1" | "是" => Some("true".to_owned()),
            "no" | "false" | "off" | "0" | "否" => Some("false".to_owned()),
            _ => None,
        },
        (Shape::Duration | Shape::Length, Tree::Int(number)) => {
            Some(format!("\"{number}d\"` or `\"{number}h\""))
        }
        (Shape::Duration, Tree::Text(text)) => length(text, false),
        (Shape::Length, Tree::Text(text)) => length(text, true),
        (Shape::Percent, Tree::Int(number)) if (0..=100).contains(number) => Some(format!("\"{number}%\"")),
        (Shape::Rate, Tree::Text(text)) => {
            let (count, unit) = text.split_once('/')?;
            let unit = match unit.trim() {
                "s" | "sec" | "second" => "second",
                "m" | "min" | "minute" => "minute",
                "h" | "hour" => "hour",
                "d" | "day" => "day",
                _ => return None,
            };
            Some(format!("\"{} per {unit} per address\"", count.trim().parse::<u32>().ok()?))
        }
        (Shape::Text | Shape::Name, Tree::Int(number)) => Some(format!("\"{number}\"")),
        (Shape::Text | Shape::Name, Tree::Bool(yes)) => Some(format!("\"{yes}\"")),
        _ => None,
    }
}

/// `10 minuten`, `2 weeks`, `1 work day` as we write it.
fn length(text: &str, working: bool) -> Option<String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = text.split_at_checked(end)?;
    let number: u32 = number.parse().ok()?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let at_work = words.len() > 1 && words.first().is_some_and(|word| word.starts_with("work"));
    let unit = words.last()?.to_lowercase();
    let (number, unit, long) = match unit.chars().next()? {
        's' | '秒' => (number, "s", "seconds"),
        'm' if unit.starts_with("mo") || unit == "月" => (number.checked_mul(30)?, "d", "days"),
        'm' | '分' => (number, "m", "minutes"),
        'h' | '小' | '时' => (number, "h", "hours"),
        'd' | '天' | '日' => (number, "d", "days"),
        'w' | '周' => (number.checked_mul(7)?, "d", "days"),
        _ => return None,
    };
    let written = if working && at_work {
        let plural = if number == 1 { long.trim_end_matches('s') } else { long };
        format!("\"{number} working {plural}\"")
    } else {
        format!("\"{number}{unit}\"")
    };
    Some(written)
}

/// A thing that is meant to come.
pub(super) fn later(span: &Span, what: &str, en: &str, zh: &str) -> Problem {
    Problem::error(
        "LL2009",
        span,
        Words::new(
            format!("`{what}` is not in this version: {en}"),
            format!("`{what}` 当前版本不可用：{zh}"),
        ),
        Words::new("not available yet", "尚不可用"),
    )
    .help(
        "take it out for now; nothing in the config is ever ignored in silence",
        "请先删除；配置中的任何内容都不会被静默忽略",
    )
}

/// What kind of name is not known, and where.
#[derive(Clone, Debug)]
pub struct Unknown {
    code: &'static str,
    message: Words,
    label: Words,
}

impl Unknown {
    /// A key of something.
    #[must_use]
    pub fn key(en: &str, zh: &str) -> Self {
        Self {
            code: "LL2002",
            message: Words::new(format!("`{{}}` is not a key of {en}"), format!("{zh} 没有键 `{{}}`")),
            label: Words::new("no such key", "没有这个键"),
        }
    }
}

pub(super) fn unknown_key<'a>(
    key: &At<String>,
    within: &Within<'_>,
    names: impl Iterator<Item = &'a str>,
) -> Problem {
    let title = within.to_string();
    let problem = unknown(Unknown::key(&title, &title), key, names);
    let elsewhere: Vec<String> = spec::sections::all()
        .filter(|s| s.keys.iter().any(|k| k.name == key.value))
        .map(Section::title)
        .collect();
    let is_guess = problem.help.as_ref().is_some_and(|help| help.en.starts_with("did you mean"));
    if is_guess || elsewhere.is_empty() || elsewhere.len() > 4 {
        return problem;
    }
    let places = elsewhere.join(", ");
    problem.help(format!("it is a key of {places}"), format!("它是 {places} 的键"))
}

pub(super) fn unknown_section(key: &At<String>, value: &At<Tree>) -> Problem {
    // A key that stands before any header.
    let owners: Vec<String> = spec::sections::all()
        .filter(|s| s.keys.iter().any(|k| k.name == key.value))
        .map(Section::title)
        .collect();
    let is_key = !matches!(value.value, Tree::Table(_) | Tree::List(_));
    if is_key {
        let problem = Problem::error(
            "LL2003",
            &key.span,
            Words::new(
                format!("`{}` stands in no section", key.value),
                format!("`{}` 不属于任何部分", key.value),
            ),
            Words::new("before the first header", "位于第一个部分标题之前"),
        );
        return match owners.first() {
            Some(owner) => problem.help(format!("put it under {owner}"), format!("请放到 {owner} 之下")),
            None => problem.help("put it under a section such as [leadloop]", "请放到 [leadloop] 等部分之下"),
        };
    }
    let what = Unknown {
        code: "LL2003",
        message: Words::new("there is no section `{}`", "没有名为 `{}` 的部分"),
        label: Words::new("no such section", "没有这个部分"),
    };
    let problem = unknown(what, key, spec::sections::all().map(|section| section.name));
    match suggest::section(&key.value).and_then(spec::section) {
        Some(meant) => {
            let title = meant.title();
            problem.help(format!("did you mean `{title}`?"), format!("是否想写 `{title}`？"))
        }
        None => problem,
    }
}

/// A name nobody knows, with the nearest one that exists.
#[must_use]
pub fn unknown<'a>(what: Unknown, key: &At<String>, names: impl Iterator<Item = &'a str>) -> Problem {
    let names: Vec<&str> = names.collect();
    let message =
        Words::new(what.message.en.replace("{}", &key.value), what.message.zh.replace("{}", &key.value));
    let problem = Problem::error(what.code, &key.span, message, what.label);
    match nearest(&key.value, names.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？")),
        None => {
            let list =
                names.iter().take(MOST_LISTED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            problem.help(format!("known here: {list}"), format!("此处可用：{list}"))
        }
    }
}
