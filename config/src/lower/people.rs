//! Salespeople, absences, teams and routes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use leadloop_mapping::expr::Schema;
use leadloop_sync_core::ids::{LinkName, PersonKey};
use leadloop_sync_core::policy::{ANSWERS, Leave, Member, Person, Route, Team};
use leadloop_sync_core::time::Timestamp;

use super::Context;
use super::files::Form;
use super::get::Get;
use super::names::{Names, PERSON, TEAM, with_names};
use super::rows::{Row, bad_row};
use crate::problem::{Problem, Span, Words};
use crate::text::{At, Table, Tree};

/// Columns that say how a salesperson is reached.
const ADDRESSES: [&str; 6] = ["mail", "mobile", "wecom_id", "dingtalk_id", "feishu_id", "openid"];

/// Salespeople by key; none where their table cannot be read.
pub fn people(ctx: &mut Context<'_>, crms: &BTreeSet<String>) -> Option<BTreeMap<PersonKey, Person>> {
    let mut people = BTreeMap::new();
    let Some(section) = ctx.one("people") else { return Some(people) };
    let table = section.value.text_at("table")?;
    ctx.file(table.value, Some(&table.span), Form::Table)?;
    let rows = ctx.rows(&table, &["key", "name"]);
    for row in &rows {
        let (Some(key), Some(name)) = (row.get("key"), row.get("name")) else { continue };
        let person = Person {
            key: PersonKey::from(key),
            name: name.to_owned(),
            crm_user: users(row, crms),
            manager: row.get("manager").map(PersonKey::from),
            deputy: row.get("deputy").map(PersonKey::from),
            addresses: ADDRESSES
                .iter()
                .filter_map(|name| row.get(name).map(|value| ((*name).to_owned(), value.to_owned())))
                .collect(),
        };
        if people.insert(person.key.clone(), person).is_some() {
            let (en, zh) = (format!("the key `{key}` stands twice"), format!("键 `{key}` 重复出现"));
            ctx.problems.push(bad_row(row.at("key"), en, zh));
        }
    }
    let keys: BTreeSet<String> = people.keys().map(|key| key.0.clone()).collect();
    for row in &rows {
        for other in ["manager", "deputy"].iter().filter_map(|column| row.cell(column)) {
            ctx.defined(PERSON, &other, &keys);
        }
    }
    // A table whose columns are wrong has no row we could trust.
    (!rows.is_empty()).then_some(people)
}

/// The ids of a salesperson in each CRM: `crm_user.NAME`, else `crm_user`.
fn users(row: &Row, crms: &BTreeSet<String>) -> BTreeMap<LinkName, String> {
    crms.iter()
        .filter_map(|crm| {
            if crm == ANSWERS {
                // Hand-overs that go to no CRM know people by our own key.
                return Some((LinkName(crm.clone()), row.get("key")?.to_owned()));
            }
            let user = row.get(&format!("crm_user.{crm}")).or_else(|| row.get("crm_user"))?;
            Some((LinkName(crm.clone()), user.to_owned()))
        })
        .collect()
}

/// Absences, from `[[leave]]` and the table.
pub fn leave(ctx: &mut Context<'_>, names: &Names, zone: &TimeZone) -> Vec<Leave> {
    let mut leaves = Vec::new();
    for at in ctx.many("leave") {
        let Some(person) = at.value.text_at("person") else { continue };
        ctx.person(&person, names);
        if let Some(deputy) = at.value.text_at("deputy") {
            ctx.person(&deputy, names);
        }
        let (Some(from), Some(to)) = (at.value.text_at("from"), at.value.text_at("to")) else { continue };
        if [&from, &to].iter().any(|at| at.value.parse::<Date>().is_err()) {
            continue; // no date at all: said before
        }
        match days(from.value, to.value, zone) {
            Some((first, end)) => leaves.push(Leave {
                person: PersonKey::from(person.value),
                from: first,
                to: end,
                deputy: at.value.text("deputy").map(PersonKey::from),
            }),
            None => ctx.problems.push(
                Problem::error(
                    "LL2017",
                    &to.span,
                    Words::new("the absence ends before it begins", "休假结束早于开始"),
                    Words::new("earlier than `from`", "早于 `from`"),
                )
                .also(&from.span, "it begins here", "开始日期")
                .help("`from` is the first day, `to` the last", "`from` 为首日，`to` 为末日"),
            ),
        }
    }
    let Some(table) = ctx.sections.get("people").and_then(|tables| tables.first()).cloned() else {
        return leaves;
    };
    let Some(file) = table.value.text_at("leave") else { return leaves };
    for row in ctx.rows(&file, &["key", "from", "to"]) {
        let (Some(key), Some(from), Some(to)) = (row.cell("key"), row.get("from"), row.get("to")) else {
            continue;
        };
        ctx.person(&key, names);
        if let Some(deputy) = row.cell("deputy") {
            ctx.person(&deputy, names);
        }
        match days(from, to, zone) {
            Some((first, end)) => leaves.push(Leave {
                person: PersonKey::from(key.value),
                from: first,
                to: end,
                deputy: row.get("deputy").map(PersonKey::from),
            }),
            None => ctx.problems.push(
                bad_row(
                    row.at("from"),
                    format!("`{from}` to `{to}` are no two dates in order"),
                    format!("`{from}` 至 `{to}` 不是先后两个日期"),
                )
                .help("write them like 2026-12-01,2026-12-05", "请写成 2026-12-01,2026-12-05"),
            ),
        }
    }
    leaves
}

/// From the first day's beginning to the end of the last.
fn days(from: &str, to: &str, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let (from, to) = (from.parse::<Date>().ok()?, to.parse::<Date>().ok()?);
    if to < from {
        return None;
    }
    let start = from.to_zoned(zone.clone()).ok()?;
    let end = to.tomorrow().ok()?.to_zoned(zone.clone()).ok()?;
    Some((start.timestamp().into(), end.timestamp().into()))
}

/// Teams by name.
pub fn teams(ctx: &mut Context<'_>, names: &Names) -> BTreeMap<String, Team> {
    ctx.unique("team", "name");
    let mut teams = BTreeMap::new();
    for at in ctx.many("team") {
        let Some(name) = at.value.text("name") else { continue };
        let tables = at.value.tables("members");
        if tables.is_empty() {
            ctx.problems.push(empty_team(&at.span, name));
        }
        let mut members = Vec::new();
        for member in tables {
            let Some(person) = member.value.text_at("person") else { continue };
            ctx.person(&person, names);
            let number = |key: &str| member.value.int(key).and_then(|number| u32::try_from(number).ok());
            members.push(Member {
                person: PersonKey::from(person.value),
                weight: number("weight").unwrap_or(1),
                cap_per_day: number("cap_per_day"),
                open_at_most: number("open_at_most"),
            });
        }
        teams.insert(name.to_owned(), Team { members });
    }
    teams
}

fn empty_team(span: &Span, name: &str) -> Problem {
    Problem::error(
        "LL2018",
        span,
        Words::new(format!("the team `{name}` has no members"), format!("团队 `{name}` 没有成员")),
        Words::new("nobody could get a lead", "没有人能接收线索"),
    )
    .help("add `members = [{ person = \"…\" }]`", "请添加 `members = [{ person = \"…\" }]`")
}

/// Routes by name.
pub fn routes(ctx: &mut Context<'_>, names: &Names, schema: &Schema) -> BTreeMap<String, Route> {
    ctx.unique("route", "name");
    let mut routes = BTreeMap::new();
    for at in ctx.many("route") {
        let Some(name) = at.value.text("name") else { continue };
        if let Some(by) = at.value.text_at("by") {
            route_by(ctx, &by, schema);
        }
        let mut table = BTreeMap::new();
        match at.value.get("table").map(|value| &value.value) {
            Some(Tree::Table(inline)) => {
                for (value, team) in &inline.entries {
                    if let Tree::Text(team_name) = &team.value {
                        let at = At { value: team_name.as_str(), span: team.span.clone() };
                        ctx.defined(TEAM, &at, &names.teams);
                        table.insert(value.value.clone(), team_name.clone());
                    }
                }
            }
            Some(Tree::Text(_)) => {
                if let Some(file) = at.value.text_at("table") {
                    table = route_table(ctx, &file, &at.value, names);
                }
            }
            _ => {}
        }
        let fallback = at.value.text_at("fallback");
        if let Some(fallback) = &fallback {
            ctx.defined(TEAM, fallback, &names.teams);
        } else if table.is_empty() {
            ctx.problems.push(
                Problem::error(
                    "LL2018",
                    &at.span,
                    Words::new(
                        format!("the route `{name}` leads nowhere"),
                        format!("路由 `{name}` 没有去向"),
                    ),
                    Words::new("neither table nor fallback", "既无表也无兜底"),
                )
                .help("add a `table` or a `fallback` team", "请添加 `table` 或 `fallback` 团队"),
            );
        }
        routes.insert(
            name.to_owned(),
            Route {
                by: at.value.text("by").unwrap_or("lead.province").to_owned(),
                table,
                fallback: fallback.map(|at| at.value.to_owned()),
                sticky: at.value.flag("sticky").unwrap_or(true),
            },
        );
    }
    routes
}

/// The field a route goes by: a name that transfer rules know.
fn route_by(ctx: &mut Context<'_>, by: &At<&str>, schema: &Schema) {
    if schema.get(by.value).is_some() {
        return;
    }
    let said = Problem::error(
        "LL2012",
        &by.span,
        Words::new(
            format!("there is nothing called `{}`", by.value),
            format!("没有名为 `{}` 的字段", by.value),
        ),
        Words::new("no such name", "没有这个名称"),
    );
    let names = schema.names();
    ctx.problems.push(with_names(said, by.value, names.iter().map(|(name, _)| name.as_str())));
}

/// The table of a route from its CSV: the first column is the value, `team` the team.
fn route_table(
    ctx: &mut Context<'_>,
    file: &At<&str>,
    route: &Table,
    names: &Names,
) -> BTreeMap<String, String> {
    let column =
        route.text("by").unwrap_or("lead.province").rsplit('.').next().unwrap_or("province").to_lowercase();
    let mut table = BTreeMap::new();
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    for row in ctx.rows(file, &[&column, "team"]) {
        let (Some(value), Some(team)) = (row.cell(&column), row.cell("team")) else { continue };
        ctx.defined(TEAM, &team, &names.teams);
        let former = table.insert(value.value.to_owned(), team.value.to_owned());
        if let (Some(former), Some(first)) =
            (former.filter(|former| former != team.value), seen.get(value.value))
        {
            let (en, zh) = (
                format!("`{}` goes to `{former}` already", value.value),
                format!("`{}` 已分配给 `{former}`", value.value),
            );
            ctx.problems.push(bad_row(&value.span, en, zh).also(first, "the first one", "第一处"));
        }
        seen.entry(value.value.to_owned()).or_insert(value.span);
    }
    table
}
