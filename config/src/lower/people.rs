//! Salespeople, absences, teams and routes.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use leadloop_sync_core::ids::{LinkName, PersonKey};
use leadloop_sync_core::policy::{Leave, Member, Person, Route, Team};
use leadloop_sync_core::time::Timestamp;

use super::Context;
use super::get::Get;
use crate::problem::{Problem, Span, Words};
use crate::text::{At, Table, Tree};

/// Most rows of a CSV table.
const MOST_ROWS: usize = 200_000;

impl Context<'_> {
    /// The rows of a CSV table by column name, each with its line; columns in `needed` must be there.
    pub fn csv(&mut self, at: &At<&str>, needed: &[&str]) -> Vec<(usize, BTreeMap<String, String>)> {
        let Some(text) = self.text_of(at.value, Some(&at.span)) else { return vec![] };
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
        let columns: Vec<String> = match reader.headers() {
            Ok(headers) => {
                headers.iter().map(|name| name.trim_start_matches('\u{feff}').to_lowercase()).collect()
            }
            Err(error) => {
                self.bad_table(at, &error.to_string());
                return vec![];
            }
        };
        let missing: Vec<&str> =
            needed.iter().copied().filter(|name| !columns.iter().any(|column| column == name)).collect();
        if !missing.is_empty() {
            self.bad_table(
                at,
                &format!("the first line must name the columns; missing: {}", missing.join(", ")),
            );
            return vec![];
        }
        let mut rows = Vec::new();
        for (number, record) in reader.records().enumerate().take(MOST_ROWS) {
            match record {
                Ok(record) => {
                    let cells = columns
                        .iter()
                        .cloned()
                        .zip(record.iter().map(str::to_owned))
                        .filter(|(_, cell)| !cell.is_empty());
                    rows.push((number + 2, cells.collect()));
                }
                Err(error) => self.bad_table(at, &error.to_string()),
            }
        }
        rows
    }

    /// Says what is wrong with a CSV table.
    pub fn bad_table(&mut self, at: &At<&str>, why: &str) {
        self.problems.push(Problem::error(
            "LL2016",
            &at.span,
            Words::new(format!("`{}`: {why}", at.value), format!("`{}`：{why}", at.value)),
            Words::new("this table", "此表"),
        ));
    }
}

/// Salespeople by key.
pub fn people(ctx: &mut Context<'_>, crms: &[String]) -> BTreeMap<PersonKey, Person> {
    let mut people = BTreeMap::new();
    let Some(section) = ctx.one("people") else { return people };
    let Some(table) = section.value.text_at("table") else { return people };
    for (line, row) in ctx.csv(&table, &["key", "name"]) {
        let Some(key) = row.get("key") else {
            ctx.bad_table(&table, &format!("line {line} has no key"));
            continue;
        };
        let mut crm_user = BTreeMap::new();
        for crm in crms {
            if let Some(user) = row.get(&format!("crm_user.{crm}")).or_else(|| row.get("crm_user")) {
                crm_user.insert(LinkName(crm.clone()), user.clone());
            }
        }
        let addresses = ["mail", "mobile", "wecom_id", "dingtalk_id", "feishu_id", "openid"]
            .iter()
            .filter_map(|name| row.get(*name).map(|value| ((*name).to_owned(), value.clone())))
            .collect();
        let person = Person {
            key: PersonKey(key.clone()),
            name: row.get("name").cloned().unwrap_or_else(|| key.clone()),
            crm_user,
            manager: row.get("manager").map(|key| PersonKey(key.clone())),
            deputy: row.get("deputy").map(|key| PersonKey(key.clone())),
            addresses,
        };
        if people.insert(person.key.clone(), person).is_some() {
            ctx.bad_table(&table, &format!("line {line}: the key `{key}` stands twice"));
        }
    }
    let keys: Vec<PersonKey> = people.keys().cloned().collect();
    for person in people.values() {
        for other in person.manager.iter().chain(&person.deputy) {
            if !keys.contains(other) {
                ctx.bad_table(&table, &format!("`{}` names `{other}`, who is not in the table", person.key));
            }
        }
    }
    people
}

/// Absences, from `[[leave]]` and the table.
pub fn leave(ctx: &mut Context<'_>, people: &BTreeMap<PersonKey, Person>, zone: &TimeZone) -> Vec<Leave> {
    let mut leaves = Vec::new();
    for at in ctx.many("leave") {
        let Some(person) = at.value.text_at("person") else { continue };
        ctx.defined(
            ("person", "人员"),
            &person,
            people.keys().map(PersonKey::as_str),
            "a row in the table of [people]",
        );
        if let Some(deputy) = at.value.text_at("deputy") {
            ctx.defined(
                ("person", "人员"),
                &deputy,
                people.keys().map(PersonKey::as_str),
                "a row in the table of [people]",
            );
        }
        let (Some(from), Some(to)) = (at.value.text_at("from"), at.value.text_at("to")) else { continue };
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
                .also(&from.span, "it begins here", "开始日期"),
            ),
        }
    }
    let Some(table) = ctx.sections.get("people").and_then(|tables| tables.first()).cloned() else {
        return leaves;
    };
    let Some(file) = table.value.text_at("leave") else { return leaves };
    for (line, row) in ctx.csv(&file, &["key", "from", "to"]) {
        let (Some(key), Some(from), Some(to)) = (row.get("key"), row.get("from"), row.get("to")) else {
            ctx.bad_table(&file, &format!("line {line} needs key, from and to"));
            continue;
        };
        if !people.contains_key(key.as_str()) {
            ctx.bad_table(&file, &format!("line {line}: `{key}` is not in the table of [people]"));
        }
        match days(from, to, zone) {
            Some((first, end)) => leaves.push(Leave {
                person: PersonKey::from(key.as_str()),
                from: first,
                to: end,
                deputy: row.get("deputy").map(|key| PersonKey::from(key.as_str())),
            }),
            None => {
                ctx.bad_table(&file, &format!("line {line}: `{from}` to `{to}` are no two dates in order"))
            }
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
pub fn teams(ctx: &mut Context<'_>, people: &BTreeMap<PersonKey, Person>) -> BTreeMap<String, Team> {
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
            ctx.defined(
                ("person", "人员"),
                &person,
                people.keys().map(PersonKey::as_str),
                "a row in the table of [people]",
            );
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
pub fn routes(ctx: &mut Context<'_>, teams: &BTreeMap<String, Team>) -> BTreeMap<String, Route> {
    ctx.unique("route", "name");
    let mut routes = BTreeMap::new();
    for at in ctx.many("route") {
        let Some(name) = at.value.text("name") else { continue };
        let known = || teams.keys().map(String::as_str);
        let mut table = BTreeMap::new();
        match at.value.get("table").map(|value| &value.value) {
            Some(Tree::Table(inline)) => {
                for (value, team) in &inline.entries {
                    if let Tree::Text(team_name) = &team.value {
                        ctx.defined(
                            ("team", "团队"),
                            &At { value: team_name, span: team.span.clone() },
                            known(),
                            "[[team]]",
                        );
                        table.insert(value.value.clone(), team_name.clone());
                    }
                }
            }
            Some(Tree::Text(_)) => {
                if let Some(file) = at.value.text_at("table") {
                    table = route_table(ctx, &file, &at.value, teams);
                }
            }
            _ => {}
        }
        let fallback = at.value.text_at("fallback");
        if let Some(fallback) = &fallback {
            ctx.defined(("team", "团队"), fallback, known(), "[[team]]");
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

/// The table of a route from its CSV: the first column is the value, `team` the team.
fn route_table(
    ctx: &mut Context<'_>,
    file: &At<&str>,
    route: &Table,
    teams: &BTreeMap<String, Team>,
) -> BTreeMap<String, String> {
    let column =
        route.text("by").unwrap_or("lead.province").rsplit('.').next().unwrap_or("province").to_lowercase();
    let mut table = BTreeMap::new();
    for (line, row) in ctx.csv(file, &[&column, "team"]) {
        let (Some(value), Some(team)) = (row.get(&column), row.get("team")) else {
            ctx.bad_table(file, &format!("line {line} needs {column} and team"));
            continue;
        };
        if !teams.contains_key(team) {
            ctx.bad_table(file, &format!("line {line}: there is no [[team]] `{team}`"));
        }
        if let Some(former) = table.insert(value.clone(), team.clone())
            && former != *team
        {
            ctx.bad_table(file, &format!("line {line}: `{value}` goes to `{former}` already"));
        }
    }
    table
}
