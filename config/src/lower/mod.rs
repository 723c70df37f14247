//! Phases 3 to 5: names and types → cross references → plan. Reads only what [`crate::shape`] let through, so every
//! problem is said once.

pub mod expr;
pub mod files;
pub mod get;
pub mod names;
pub mod rows;

pub mod base;
pub mod companies;
pub mod crm;
pub mod desk;
pub mod enrich;
pub mod feedback;
pub mod fields;
pub mod general;
pub mod limits;
pub mod ma;
pub mod mapping;
pub mod notify;
pub mod people;
pub mod pool;
pub mod rules;
pub mod schema;
pub mod shadow;
pub mod sources;
pub mod tests;

use std::collections::BTreeMap;

use leadloop_connector_api::{Registry, Told};
use leadloop_sync_core::normal::phone;
use secrecy::SecretString;

use crate::problem::{Problem, Span, Words};
use crate::text::{At, Files, Table, Texts, Tree};
use files::{Form, Sections};
use get::Get;

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
    /// What files of the config told connectors, by link.
    pub told: BTreeMap<String, Told>,
    /// The texts read so far.
    pub texts: Texts,
    /// What each of them is.
    pub forms: Vec<Form>,
    /// Parts of files that could not be read.
    pub damaged: Vec<Span>,
    /// Problems found so far.
    pub problems: Vec<Problem>,
    /// All sections: name → tables, each with its place.
    pub sections: Sections,
    /// Whether this is the second rule set of another config.
    pub is_shadow: bool,
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
            told: BTreeMap::new(),
            texts: Texts::default(),
            forms: Vec::new(),
            damaged: Vec::new(),
            problems: Vec::new(),
            sections: BTreeMap::new(),
            is_shadow: false,
            missing: BTreeMap::new(),
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
                .also(&first.span, "the first one", "第一处")
                .help("put its keys together", "请合并为一处"),
            );
        }
        Some(first)
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
                    format!("缺少密钥 `{name}`（{kind}）：{}", chinese(&why)),
                ),
                if spans.len() == 1 {
                    Words::new("needed here", "此处需要")
                } else {
                    Words::new(
                        format!("needed in {} places", spans.len()),
                        format!("共 {} 处需要", spans.len()),
                    )
                },
            );
            problem = match kind.as_str() {
                "env" => problem.help(format!("set it: export {name}=…"), format!("请设置：export {name}=…")),
                "credential" => problem.help(
                    format!("give it to the unit: LoadCredential={name}:/path"),
                    format!("请在服务单元中提供：LoadCredential={name}:/路径"),
                ),
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

/// Why something cannot be read, in Chinese: the caller's usual words; others stand as they are.
#[must_use]
pub fn chinese(why: &str) -> String {
    match why {
        "it is not set" => "未设置",
        "it is empty" => "内容为空",
        "there is no such file" => "没有该文件",
        "it may not be read" => "没有读取权限",
        "it is a folder" => "这是文件夹",
        "it is larger than 64 KiB" => "超过 64 KiB",
        "it is not UTF-8" => "不是 UTF-8 编码",
        "there is no CREDENTIALS_DIRECTORY" => "没有 CREDENTIALS_DIRECTORY 环境变量",
        other => other,
    }
    .to_owned()
}

/// One spelling of a blocked identifier value: phones and addresses as the core normalises them.
#[must_use]
pub fn normal_identifier(value: &str, region: &str) -> String {
    let country = region.parse().unwrap_or(phone::Country::CN);
    phone::parse(value, country).map_or_else(|_| value.trim().to_lowercase(), |phone| phone.e164)
}
