//! Names: what the config declares, and what refers to it. A name counts as declared even where the rest of its table is
//! wrong, so that one mistake does not make others of everything that refers to it.

use std::collections::BTreeSet;

use leadloop_connector_api::manifest::Object;

use super::Context;
use super::get::Get;
use crate::problem::{Problem, Words};
use crate::suggest::nearest;
use crate::text::At;

/// Most known names listed where nothing is near.
const MOST_LISTED: usize = 30;

/// What kind of thing a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thing {
    /// In English.
    pub en: &'static str,
    /// In Chinese.
    pub zh: &'static str,
    /// Where it is defined.
    pub home: &'static str,
}

/// A salesperson.
pub const PERSON: Thing = Thing { en: "person", zh: "人员", home: "a row in the table of [people]" };
/// A team.
pub const TEAM: Thing = Thing { en: "team", zh: "团队", home: "[[team]]" };
/// A route.
pub const ROUTE: Thing = Thing { en: "route", zh: "路由", home: "[[route]]" };
/// A nurture track.
pub const TRACK: Thing = Thing { en: "track", zh: "培育路径", home: "[[track]]" };
/// A CRM.
pub const CRM: Thing = Thing { en: "CRM", zh: "CRM", home: "[[crm]]" };
/// A marketing automation.
pub const MA: Thing = Thing { en: "MA", zh: "MA", home: "[[ma]]" };
/// A source or an MA.
pub const SOURCE: Thing = Thing { en: "source or MA", zh: "来源或 MA", home: "[[source]] or [[ma]]" };
/// A kind of identifier.
pub const KIND: Thing =
    Thing {
        en: "kind of identifier", zh: "标识类型", home: "`identifiers` of a [[source]] declares one"
    };
/// A notice channel.
pub const NOTIFY: Thing = Thing { en: "notice channel", zh: "通知渠道", home: "[[notify]]" };
/// A stage of a lead.
pub const STAGE: Thing = Thing { en: "stage", zh: "阶段", home: "" };

/// What rules refer to.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Salespeople; none where their table cannot be read, so that nothing can be said about them.
    pub people: Option<BTreeSet<String>>,
    /// Teams.
    pub teams: BTreeSet<String>,
    /// Routes.
    pub routes: BTreeSet<String>,
    /// Tracks.
    pub tracks: BTreeSet<String>,
    /// CRMs.
    pub crms: BTreeSet<String>,
    /// Marketing automations.
    pub mas: BTreeSet<String>,
    /// Sources, CRMs and MAs that push included.
    pub sources: BTreeSet<String>,
    /// Feedback tags.
    pub tags: BTreeSet<String>,
    /// Parts of the pool.
    pub pools: BTreeSet<String>,
}

impl Names {
    /// All names a config declares, but for people: those come from a table.
    #[must_use]
    pub fn declared(ctx: &Context<'_>) -> Self {
        let all = |section: &str, key: &str| -> BTreeSet<String> {
            let tables = ctx.sections.get(section).map(Vec::as_slice).unwrap_or_default();
            tables.iter().filter_map(|table| table.value.text(key).map(str::to_owned)).collect()
        };
        let (crms, mas) = (all("crm", "name"), all("ma", "name"));
        let sources = all("source", "name").into_iter().chain(mas.iter().cloned()).collect();
        Self {
            people: None,
            teams: all("team", "name"),
            routes: all("route", "name"),
            tracks: all("track", "name"),
            crms,
            mas,
            sources,
            tags: all("feedback", "tag"),
            pools: all("pool", "name"),
        }
    }
}

impl Context<'_> {
    /// A name that must be defined somewhere.
    pub fn defined(&mut self, thing: Thing, at: &At<&str>, names: &BTreeSet<String>) -> bool {
        if names.contains(at.value) {
            return true;
        }
        let said = Problem::error(
            "LL2013",
            &at.span,
            Words::new(
                format!("there is no {} `{}`", thing.en, at.value),
                format!("没有名为 `{}` 的{}", at.value, thing.zh),
            ),
            Words::new("not defined", "未定义"),
        );
        self.problems.push(
            if thing.home.is_empty() || nearest(at.value, names.iter().map(String::as_str)).is_some() {
                with_names(said, at.value, names.iter().map(String::as_str))
            } else {
                said.help(format!("define it: {}", thing.home), format!("请先定义：{}", thing.home))
            },
        );
        false
    }

    /// A salesperson; nothing is said where their table cannot be read.
    pub fn person(&mut self, at: &At<&str>, names: &Names) -> bool {
        names.people.as_ref().is_none_or(|people| self.defined(PERSON, at, people))
    }

    /// An object of a CRM.
    pub fn object<'m>(
        &mut self,
        at: &At<&str>,
        connector: &str,
        objects: &'m [Object],
    ) -> Option<&'m Object> {
        let found = objects.iter().find(|object| object.name == at.value);
        if found.is_none() {
            let said = Problem::error(
                "LL2013",
                &at.span,
                Words::new(
                    format!("`{connector}` has no object `{}`", at.value),
                    format!("`{connector}` 没有对象 `{}`", at.value),
                ),
                Words::new("no such object", "没有这个对象"),
            );
            self.problems.push(with_names(said, at.value, objects.iter().map(|object| object.name.as_str())));
        }
        found
    }

    /// A field of an object, where its fields are known.
    pub fn field(&mut self, at: &At<&str>, object: &Object) -> bool {
        if object.may_have(at.value) {
            return true;
        }
        let said = Problem::error(
            "LL2007",
            &at.span,
            Words::new(
                format!("`{}` is not a field of `{}`", at.value, object.name),
                format!("`{}` 没有字段 `{}`", object.name, at.value),
            ),
            Words::new("no such field", "没有这个字段"),
        );
        self.problems.push(with_names(said, at.value, object.fields.iter().map(|field| field.name.as_str())));
        false
    }
}

/// Adds the nearest of the names, or all of them.
pub(crate) fn with_names<'a>(
    problem: Problem,
    written: &str,
    names: impl Iterator<Item = &'a str>,
) -> Problem {
    let names: Vec<&str> = names.collect();
    if let Some(near) = nearest(written, names.iter().copied()) {
        return problem.help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？"));
    }
    if names.is_empty() {
        return problem.help("there are none", "目前一个也没有");
    }
    let more = if names.len() > MOST_LISTED { ", …" } else { "" };
    let listed: Vec<String> = names.iter().take(MOST_LISTED).map(|name| format!("`{name}`")).collect();
    let list = format!("{}{more}", listed.join(", "));
    problem.help(format!("known here: {list}"), format!("此处可用：{list}"))
}
