//! The lock file (`leadloop.lock`): what each CRM looked like when the config was last held against it.
//!
//! `doctor` writes it; `check`, which speaks to nobody, warns by it where a mapping was never checked or was changed since;
//! and the next `doctor` says what changed in the CRM. It holds names and kinds of fields, no data and no secret.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::Value;
use leadloop_mapping::schema::Length;
use leadloop_sync_core::describe::{RemoteField, RemoteObject};
use leadloop_sync_core::policy::CrmPolicy;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{LiveLink, place};
use crate::fingerprint;
use crate::lower::Context;
use crate::lower::get::Get;
use crate::problem::{Problem, Words};
use crate::text::{At, Table};

/// The form of the file.
const VERSION: u32 = 1;
/// Most options of a picklist that are kept one by one.
const MOST_OPTIONS: usize = 200;
/// Most changes said of one CRM.
const MOST_CHANGES: usize = 40;
const HEAD: &str = "# Written by `leadloop doctor`: what each CRM looked like when this config was last checked against it.\n\
                    # Keep it beside the config, in version control too. 由 `leadloop doctor` 生成，请与配置一起保存。\n\n";

/// What is known of the lock file.
#[derive(Clone, Copy, Debug, Default)]
pub enum LockFile<'a> {
    /// Nobody looked; nothing is said about it.
    #[default]
    Unknown,
    /// There is none.
    Missing,
    /// Its text.
    Text(&'a str),
}

/// A lock file.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    /// By name of the CRM.
    #[serde(default)]
    pub crm: BTreeMap<String, LockedCrm>,
}

/// One CRM as it was checked.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedCrm {
    /// Its connector.
    pub connector: String,
    /// When, UTC.
    pub checked: String,
    /// The fingerprint of what the config says about it.
    pub config: String,
    /// The fingerprint of what it looked like.
    pub schema: String,
    /// Fields the config or the mirror has to do with, by object.
    #[serde(default)]
    object: BTreeMap<String, BTreeMap<String, LockedField>>,
}

/// One field as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockedField {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<Length>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    options: Vec<String>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    unique: bool,
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(text: &str) -> Result<Self, String> {
        let lock: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        match lock.version {
            VERSION => Ok(lock),
            other => Err(format!("its version is {other}, this program knows {VERSION}")),
        }
    }

    /// The text of the file.
    ///
    /// # Errors
    /// Where it cannot be written as TOML.
    pub fn write(&self) -> Result<String, String> {
        let lock = Self { version: VERSION, ..self.clone() };
        toml::to_string(&lock).map(|text| format!("{HEAD}{text}")).map_err(|error| error.to_string())
    }
}

impl LockedCrm {
    /// A CRM as it is now, under the config whose outline this is.
    #[must_use]
    pub fn now(connector: &str, outline: &Json, crm: &CrmPolicy, link: &LiveLink, checked: String) -> Self {
        let mut object = BTreeMap::new();
        for (name, described) in &link.objects {
            if let Ok(described) = described {
                object.insert(name.clone(), kept(crm, described));
            }
        }
        let text = serde_json::to_string(&object).unwrap_or_default();
        Self {
            connector: connector.to_owned(),
            checked,
            config: about(outline, crm.link.as_str()),
            schema: fingerprint::of([text.as_bytes()]),
            object,
        }
    }

    /// What is other in `now`, for people.
    #[must_use]
    pub fn changes(&self, now: &Self) -> Vec<Words> {
        let mut said = Vec::new();
        for (object, fields) in &self.object {
            // An object that did not answer this time says so elsewhere.
            let Some(fields_now) = now.object.get(object) else { continue };
            for (name, field) in fields {
                let name_there = format!("`{object}.{name}`");
                match fields_now.get(name) {
                    None => said
                        .push(Words::new(format!("{name_there} is gone"), format!("{name_there} 已不存在"))),
                    Some(field_now) => field.changes(&name_there, field_now, &mut said),
                }
            }
            let new = fields_now.iter().filter(|(name, field)| field.required && !fields.contains_key(*name));
            said.extend(new.map(|(name, _)| {
                Words::new(
                    format!("`{object}.{name}` is required now"),
                    format!("`{object}.{name}` 现为必填"),
                )
            }));
        }
        said
    }
}

impl LockedField {
    fn of(field: &RemoteField) -> Self {
        let options = field.schema.options.iter().take(MOST_OPTIONS).map(Value::to_display);
        Self {
            kind: field.schema.kind.as_str().to_owned(),
            max: field.schema.max,
            options: options.collect(),
            required: field.schema.required,
            read_only: !field.schema.writable,
            unique: field.unique || field.external_id,
        }
    }

    fn changes(&self, name: &str, now: &Self, said: &mut Vec<Words>) {
        let mut say =
            |en: String, zh: String| said.push(Words::new(format!("{name} {en}"), format!("{name} {zh}")));
        if self.kind != now.kind {
            say(
                format!("is {} now, was {}", now.kind, self.kind),
                format!("类型由 {} 变为 {}", self.kind, now.kind),
            );
        }
        if self.max != now.max {
            let most = |max: Option<Length>, none: &str| {
                max.map_or_else(|| none.to_owned(), |max| max.most.to_string())
            };
            say(
                format!("takes {} characters now, took {}", most(now.max, "any"), most(self.max, "any")),
                format!("长度上限由 {} 变为 {}", most(self.max, "不限"), most(now.max, "不限")),
            );
        }
        let set = |field: &Self| field.options.iter().cloned().collect::<BTreeSet<_>>();
        let (before, after) = (set(self), set(now));
        let listed = |from: &BTreeSet<String>, to: &BTreeSet<String>| {
            from.difference(to).take(20).cloned().collect::<Vec<_>>().join(", ")
        };
        let (gone, new) = (listed(&before, &after), listed(&after, &before));
        if !gone.is_empty() {
            say(format!("has these values no more: {gone}"), format!("取值已删除：{gone}"));
        }
        if !new.is_empty() {
            say(format!("has new values: {new}"), format!("新增取值：{new}"));
        }
        for (before, after, yes, no) in [
            (
                self.required,
                now.required,
                ("is required now", "现为必填"),
                ("is not required any more", "不再必填"),
            ),
            (
                self.read_only,
                now.read_only,
                ("cannot be written any more", "不再可写"),
                ("can be written now", "现在可写"),
            ),
            (self.unique, now.unique, ("is unique now", "现为唯一"), ("is not unique any more", "不再唯一")),
        ] {
            if before != after {
                let (en, zh) = if after { yes } else { no };
                say(en.to_owned(), zh.to_owned());
            }
        }
    }
}

/// Fields that the config or the mirror has to do with, and those a record cannot be made without.
fn kept(crm: &CrmPolicy, described: &RemoteObject) -> BTreeMap<String, LockedField> {
    let object = described.name.as_str();
    let mut names: BTreeSet<&str> = BTreeSet::from([crm.mark.as_str()]);
    if let Some(mapping) = crm.mapping.get(object) {
        names.extend(mapping.crm_fields());
    }
    for status in crm.status.iter().filter(|status| status.object == object) {
        names.insert(&status.field);
        names.extend(status.amount.as_deref().into_iter().chain(status.received.as_deref()));
    }
    if let Some(feedback) = crm.feedback.as_ref().filter(|feedback| feedback.object == object) {
        names.insert(&feedback.field);
        names.extend(feedback.remark.as_deref().into_iter().chain(feedback.released.as_deref()));
    }
    if let Some(roles) = crm.roles.get(object) {
        let one = [&roles.name, &roles.company, &roles.credit_code, &roles.account, &roles.owner];
        let more = [&roles.status, &roles.amount, &roles.received, &roles.mark, &roles.last_activity];
        names.extend(one.into_iter().chain(more).chain([&roles.user_state]).flatten().map(String::as_str));
        names.extend(roles.phones.iter().chain(&roles.emails).map(String::as_str));
    }
    let needed = |(name, field): &(&String, &RemoteField)| {
        (field.schema.required && field.schema.writable) || names.contains(name.as_str())
    };
    described
        .fields
        .iter()
        .filter(needed)
        .map(|(name, field)| (name.clone(), LockedField::of(field)))
        .collect()
}

/// The fingerprint of what a config says about a CRM: its connection, mappings, status and answers.
fn about(outline: &Json, crm: &str) -> String {
    let all = |section: &str| outline.get(section).and_then(Json::as_array).cloned().unwrap_or_default();
    let is = |table: &Json, key: &str| table.get(key).and_then(Json::as_str) == Some(crm);
    let own: Vec<Json> = all("crm").into_iter().filter(|table| is(table, "name")).collect();
    let keys = ["connector", "settings", "mark", "feedback"];
    let own: Vec<Json> = own
        .iter()
        .flat_map(|table| keys.iter().map(|key| table.get(*key).cloned().unwrap_or_default()))
        .collect();
    let tables =
        |section: &str| all(section).into_iter().filter(|table| is(table, "crm")).collect::<Vec<_>>();
    let tags: Vec<Json> =
        all("feedback").iter().filter_map(|tag| tag.get("crm")?.get(crm).cloned()).collect();
    let text = json!([own, tables("mapping"), tables("status"), tags]).to_string();
    fingerprint::of([text.as_bytes()])
}

/// What `check` says about the lock file.
pub(crate) fn check(ctx: &mut Context<'_>, outline: &Json, file: LockFile<'_>) {
    let lock = match file {
        LockFile::Unknown => return,
        LockFile::Missing => Ok(Lock::default()),
        LockFile::Text(text) => Lock::read(text),
    };
    for at in ctx.many("crm") {
        let Some(name) = at.value.text("name") else { continue };
        let manifest = super::manifest_of(ctx, &at.value);
        if !manifest.is_some_and(|manifest| manifest.speaks.iter().any(|op| op == "describe")) {
            continue;
        }
        let problem = match &lock {
            Err(why) => unreadable(&at, why),
            Ok(lock) => match lock.crm.get(name) {
                None => never(&at, name),
                Some(locked) if locked.config != about(outline, name) => since(&at, name, locked),
                Some(_) => continue,
            },
        };
        ctx.problems.push(problem);
    }
}

fn never(at: &At<Table>, name: &str) -> Problem {
    Problem::warning(
        "LL2090",
        &place(at, "name"),
        Words::new(
            format!("the mappings of `{name}` were never checked against the CRM itself"),
            format!("`{name}` 的映射从未与 CRM 实际核对"),
        ),
        Words::new("fields, lengths and values are taken on trust", "字段、长度与取值尚未核实"),
    )
    .help("run `leadloop doctor`", "请运行 `leadloop doctor`")
}

fn since(at: &At<Table>, name: &str, locked: &LockedCrm) -> Problem {
    Problem::warning(
        "LL2091",
        &place(at, "name"),
        Words::new(
            format!("what is said about `{name}` was changed after it was checked ({})", locked.checked),
            format!("`{name}` 的相关配置在核对（{}）之后有改动", locked.checked),
        ),
        Words::new("not checked like this", "改动尚未核实"),
    )
    .help("run `leadloop doctor`", "请运行 `leadloop doctor`")
}

fn unreadable(at: &At<Table>, why: &str) -> Problem {
    Problem::warning(
        "LL2093",
        &place(at, "name"),
        super::quoted("the lock file cannot be read", "无法读取锁文件", why),
        Words::new("what was checked is not known", "无法得知核对记录"),
    )
    .help("`leadloop doctor` writes it anew", "运行 `leadloop doctor` 会重新生成")
}

/// What changed in the CRM since it was locked.
pub(crate) fn drift(ctx: &mut Context<'_>, policy: &CrmPolicy, link: &LiveLink, lock: &Lock) {
    let Some(locked) = lock.crm.get(policy.link.as_str()) else { return };
    let now = LockedCrm::now("", &Json::Null, policy, link, String::new());
    let tables = ctx.many("crm");
    let own = tables.iter().find(|at| at.value.text("name") == Some(policy.link.as_str()));
    let Some(at) = own else { return };
    for change in locked.changes(&now).into_iter().take(MOST_CHANGES) {
        ctx.problems.push(
            Problem::warning(
                "LL2092",
                &place(at, "name"),
                Words::new(
                    format!("`{}` changed: {}", policy.link, change.en),
                    format!("`{}` 有变化：{}", policy.link, change.zh),
                ),
                Words::new(format!("since {}", locked.checked), format!("自 {} 以来", locked.checked)),
            )
            .help(
                "adapt the config where it matters; what breaks it is said by itself",
                "如有影响请调整配置；会导致出错的变化另有提示",
            ),
        );
    }
}
