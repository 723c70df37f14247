//! Phases 3 to 5: names and types → cross references → plan. Reads only what [`crate::shape`] let through, so every
//! problem is said once.

pub mod get;

pub mod links;
pub mod people;
pub mod rules;
pub mod schema;
pub mod sources;

use std::collections::BTreeMap;

use leadloop_connector_api::Registry;
use leadloop_mapping::expr::{Expected, Expr, Schema};
use leadloop_sync_core::normal::phone;
use secrecy::SecretString;

use crate::problem::{Problem, Span, Words};
use crate::shape;
use crate::suggest::nearest;
use crate::text::{At, Files, Table, Texts, Tree};
use get::Get;

/// Most files one config may be spread over.
const MOST_FILES: usize = 200;
/// Most bytes of one file.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Where secrets come from: the environment and files, handed in by the caller.
pub trait Secrets {
    /// The secret of a reference (`env`, `file` or `credential`, and its name).
    ///
    /// # Errors
    /// Why it cannot be had, without the secret.
    fn resolve(&self, kind: &str, name: &str) -> Result<SecretString, String>;
}

/// What every part of the lowering shares.
pub struct Context<'a> {
    /// Files named in the config.
    pub files: &'a dyn Files,
    /// Secrets.
    pub secrets: &'a dyn Secrets,
    /// All connectors.
    pub registry: &'a Registry,
    /// The texts read so far.
    pub texts: Texts,
    /// Problems found so far.
    pub problems: Vec<Problem>,
    /// All sections: name → tables, each with its place.
    pub sections: BTreeMap<String, Vec<At<Table>>>,
    /// Where each missing secret is needed.
    missing: BTreeMap<(String, String), (String, Vec<Span>)>,
}

impl<'a> Context<'a> {
    /// An empty context.
    #[must_use]
    pub fn new(files: &'a dyn Files, secrets: &'a dyn Secrets, registry: &'a Registry) -> Self {
        Self {
            files,
            secrets,
            registry,
            texts: Texts::default(),
            problems: Vec::new(),
            sections: BTreeMap::new(),
            missing: BTreeMap::new(),
        }
    }

    /// Reads a file of the config and those it includes.
    pub fn read(&mut self, name: &str, asked_at: Option<&Span>) {
        let Some(text) = self.text_of(name, asked_at) else { return };
        let file = self.texts.files.len();
        let (table, mut problems) = crate::text::parse(file, &text);
        self.texts.files.push((name.to_owned(), text));
        self.problems.append(&mut problems);
        shape::check(&table, &mut self.problems);
        for pattern in table.texts_at("include") {
            let names = self.files.list(pattern.value);
            if names.is_empty() {
                self.problems.push(
                    Problem::error(
                        "LL2010",
                        &pattern.span,
                        Words::new(
                            format!("no file fits `{}`", pattern.value),
                            format!("没有文件匹配 `{}`", pattern.value),
                        ),
                        Words::new("nothing is included", "没有可包含的文件"),
                    )
                    .help("paths start at the folder of the main file", "路径以主配置文件所在目录为起点"),
                );
            }
            for name in names {
                if !self.texts.files.iter().any(|(read, _)| *read == name) {
                    self.read(&name, Some(&pattern.span));
                }
            }
        }
        for (key, at) in table.entries {
            let tables = match at.value {
                Tree::Table(table) => vec![At { value: table, span: key.span.clone() }],
                Tree::List(list) => list
                    .into_iter()
                    .filter_map(|item| match item.value {
                        Tree::Table(table) => Some(At { value: table, span: item.span }),
                        _ => None,
                    })
                    .collect(),
                _ => continue,
            };
            self.sections.entry(key.value).or_default().extend(tables);
        }
    }

    /// The text of a file; `None` after saying why not.
    pub fn text_of(&mut self, name: &str, asked_at: Option<&Span>) -> Option<String> {
        let here = asked_at.cloned().unwrap_or(Span { file: 0, range: 0..0 });
        let refuse = |en: String, zh: String| {
            Problem::error("LL2010", &here, Words::new(en, zh), Words::new("here", "此处"))
        };
        if self.texts.files.len() >= MOST_FILES {
            self.problems
                .push(refuse(format!("more than {MOST_FILES} files"), format!("文件超过 {MOST_FILES} 个")));
            return None;
        }
        let bytes = match self.files.read(name) {
            Ok(bytes) => bytes,
            Err(why) => {
                self.problems.push(
                    refuse(format!("`{name}` cannot be read: {why}"), format!("无法读取 `{name}`：{why}"))
                        .help("paths start at the folder of the main file", "路径以主配置文件所在目录为起点"),
                );
                return None;
            }
        };
        if bytes.len() > MOST_BYTES {
            self.problems
                .push(refuse(format!("`{name}` is larger than 4 MiB"), format!("`{name}` 超过 4 MiB")));
            return None;
        }
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(text.to_owned()),
            Err(error) => {
                let line =
                    bytes.get(..error.valid_up_to()).unwrap_or(&[]).iter().filter(|b| **b == b'\n').count()
                        + 1;
                self.problems.push(
                    refuse(
                        format!("`{name}` is not UTF-8 (line {line})"),
                        format!("`{name}` 不是 UTF-8 编码（第 {line} 行）"),
                    )
                    .help("save it as UTF-8", "请另存为 UTF-8"),
                );
                None
            }
        }
    }

    /// The tables of a section that is written once for each thing.
    #[must_use]
    pub fn many(&self, section: &str) -> Vec<At<Table>> {
        self.sections.get(section).cloned().unwrap_or_default()
    }

    /// The table of a section that is written once; a second one is a problem.
    pub fn one(&mut self, section: &str) -> Option<At<Table>> {
        let mut tables = self.many(section).into_iter();
        let first = tables.next()?;
        for second in tables {
            self.problems.push(
                Problem::error(
                    "LL2011",
                    &second.span,
                    Words::new(format!("[{section}] is written twice"), format!("[{section}] 重复出现")),
                    Words::new("the second one", "第二处"),
                )
                .also(&first.span, "the first one", "第一处"),
            );
        }
        Some(first)
    }

    /// Compiles a condition or points; problems are said where they stand.
    pub fn expr(&mut self, at: &At<&str>, schema: &Schema, expected: Expected) -> Option<Expr> {
        match Expr::compile(at.value, schema, expected) {
            Ok(expr) => Some(expr),
            Err(found) => {
                for problem in found {
                    let span = self.inside(at, problem.range.clone());
                    let mut said = Problem::error(
                        "LL2012",
                        &span,
                        Words::new(problem.message.en.clone(), problem.message.zh.clone()),
                        Words::new("in this expression", "表达式此处"),
                    );
                    if let Some(near) = &problem.suggestion {
                        said = said.help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？"));
                    } else if let Some(help) = &problem.help {
                        said = said.help(help.en.clone(), help.zh.clone());
                    }
                    self.problems.push(said);
                }
                None
            }
        }
    }

    /// The place of a part of a text, where the text stands in the file as it is (literal strings, basic strings
    /// without escapes); else the place of the whole value.
    fn inside(&self, at: &At<&str>, range: std::ops::Range<usize>) -> Span {
        let written =
            self.texts.files.get(at.span.file).and_then(|(_, text)| text.get(at.span.range.clone()));
        match written.and_then(|written| written.find(at.value)) {
            Some(offset) => {
                let start = at.span.range.start + offset;
                let end = (start + range.end).max(start + range.start + 1).min(at.span.range.end);
                Span { file: at.span.file, range: start + range.start..end }
            }
            None => at.span.clone(),
        }
    }

    /// A name that must be defined somewhere.
    pub fn defined<'n>(
        &mut self,
        what: (&str, &str),
        at: &At<&str>,
        names: impl Iterator<Item = &'n str>,
        define: &str,
    ) -> bool {
        let names: Vec<&str> = names.collect();
        if names.contains(&at.value) {
            return true;
        }
        let problem = Problem::error(
            "LL2013",
            &at.span,
            Words::new(
                format!("there is no {} `{}`", what.0, at.value),
                format!("没有名为 `{}` 的{}", at.value, what.1),
            ),
            Words::new("not defined", "未定义"),
        );
        self.problems.push(match nearest(at.value, names.into_iter()) {
            Some(near) => problem.help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？")),
            None => problem.help(format!("define it: {define}"), format!("请先定义：{define}")),
        });
        false
    }

    /// A secret, or a text that may stand as it is; a missing one is remembered with its place.
    pub fn secret(&mut self, at: &At<Tree>) -> Option<SecretString> {
        match &at.value {
            Tree::Text(text) => Some(SecretString::from(text.as_str())),
            Tree::Table(table) => {
                let (key, value) = table.entries.first()?;
                let Tree::Text(name) = &value.value else { return None };
                self.resolve(&key.value, name, &value.span)
            }
            _ => None,
        }
    }

    /// Resolves a reference; a missing one is remembered with its place.
    pub fn resolve(&mut self, kind: &str, name: &str, span: &Span) -> Option<SecretString> {
        match self.secrets.resolve(kind, name) {
            Ok(secret) => Some(secret),
            Err(why) => {
                let missing = self
                    .missing
                    .entry((kind.to_owned(), name.to_owned()))
                    .or_insert_with(|| (why, Vec::new()));
                missing.1.push(span.clone());
                None
            }
        }
    }

    /// Says each missing secret once, with every place that needs it.
    pub fn say_missing_secrets(&mut self) {
        for ((kind, name), (why, spans)) in std::mem::take(&mut self.missing) {
            let Some(first) = spans.first() else { continue };
            let mut problem = Problem::error(
                "LL2014",
                first,
                Words::new(
                    format!("the secret `{name}` ({kind}) is missing: {why}"),
                    format!("缺少密钥 `{name}`（{kind}）：{why}"),
                ),
                Words::new(
                    format!("needed in {} place(s)", spans.len()),
                    format!("有 {} 处需要", spans.len()),
                ),
            );
            problem = match kind.as_str() {
                "env" => problem.help(format!("set it: export {name}=…"), format!("请设置：export {name}=…")),
                _ => problem.help(
                    format!("make `{name}` readable for leadloop only (mode 0600)"),
                    format!("请提供 `{name}`，权限 0600"),
                ),
            };
            for other in spans.iter().skip(1) {
                problem = problem.also(other, "needed here too", "此处也需要");
            }
            self.problems.push(problem);
        }
    }

    /// Says names that are used twice.
    pub fn unique(&mut self, section: &str, key: &str) {
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for table in self.many(section) {
            let Some(name) = table.value.text_at(key) else { continue };
            if let Some(first) = seen.get(name.value) {
                let problem = Problem::error(
                    "LL2015",
                    &name.span,
                    Words::new(
                        format!("two [[{section}]] are called `{}`", name.value),
                        format!("两个 [[{section}]] 都叫 `{}`", name.value),
                    ),
                    Words::new("the second one", "第二处"),
                )
                .also(first, "the first one", "第一处")
                .help("give each its own name", "请使用不同的名称");
                self.problems.push(problem);
            } else {
                seen.insert(name.value.to_owned(), name.span.clone());
            }
        }
    }
}

/// One spelling of a blocked identifier value: phones and addresses as the core normalises them.
#[must_use]
pub fn normal_identifier(value: &str, region: &str) -> String {
    let country = region.parse().unwrap_or(phone::Country::CN);
    phone::parse(value, country).map_or_else(|_| value.trim().to_lowercase(), |phone| phone.e164)
}
