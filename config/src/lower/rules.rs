//! Rules: scores, MQL, transfer, response times, feedback, recycling, tracks.

use std::collections::BTreeMap;

use leadloop_mapping::Value;
use leadloop_mapping::expr::{Expected, Schema};
use leadloop_sync_core::ids::{LinkName, PersonKey};
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::policy::{
    Assign, AttributeRule, CrmPolicy, Deed, FeedbackRule, Length, MaPolicy, MqlPolicy, NextAction, Person,
    RecyclePolicy, Route, RuleAction, ScoreModel, SlaRule, SlaStep, Team, TouchRule, Track, TransferRule,
    Who,
};
use leadloop_sync_core::time::Micros;

use super::Context;
use super::get::Get;
use crate::problem::{Problem, Words};
use crate::text::{At, Table, Tree};
use crate::units;

/// What rules refer to.
pub struct Names<'n> {
    /// Salespeople.
    pub people: &'n BTreeMap<PersonKey, Person>,
    /// Teams.
    pub teams: &'n BTreeMap<String, Team>,
    /// Routes.
    pub routes: &'n BTreeMap<String, Route>,
    /// CRMs.
    pub crms: &'n BTreeMap<LinkName, CrmPolicy>,
    /// Marketing automations.
    pub mas: &'n BTreeMap<LinkName, MaPolicy>,
}

/// Score models, in order.
pub fn scores(ctx: &mut Context<'_>, schema: &Schema) -> Vec<ScoreModel> {
    ctx.unique("score", "name");
    let mut models = Vec::new();
    for at in ctx.many("score") {
        let Some(name) = at.value.text("name") else { continue };
        let attributes = at.value.tables("add");
        let add = attributes.iter().filter_map(|rule| {
            let when = rule.value.text_at("when").and_then(|when| ctx.expr(&when, schema, Expected::Bool))?;
            Some(AttributeRule { points: rule.value.int("points")?, when })
        });
        let add = add.collect();
        let touches = at
            .value
            .tables("touches")
            .iter()
            .filter_map(|rule| touch_rule(ctx, rule.value, schema))
            .collect();
        models.push(ScoreModel {
            name: name.to_owned(),
            range: range(ctx, &at.value),
            half_life: at.value.duration("half_life").filter(|length| length.0 > 0),
            cap_per_day: at.value.int("cap_per_day"),
            add,
            touches,
            from: at.value.text("from").map(str::to_owned),
        });
    }
    models
}

fn touch_rule(ctx: &mut Context<'_>, rule: &Table, schema: &Schema) -> Option<TouchRule> {
    let when = rule.text_at("when").map(|when| ctx.expr(&when, schema, Expected::Bool));
    let plus = rule.text_at("plus").map(|plus| ctx.expr(&plus, schema, Expected::Number));
    Some(TouchRule {
        touch: rule.text("touch")?.to_owned(),
        points: rule.int("points")?,
        at_most: rule.int("at_most"),
        when: when.unwrap_or_default(),
        plus: plus.unwrap_or_default(),
    })
}

fn range(ctx: &mut Context<'_>, table: &Table) -> (i64, i64) {
    let Some(at) = table.get("range") else { return (i64::MIN / 4_000_000, i64::MAX / 4_000_000) };
    match &at.value {
        Tree::List(list) => {
            if let [At { value: Tree::Int(least), .. }, At { value: Tree::Int(most), .. }] = list.as_slice()
                && least <= most
            {
                return (*least, *most);
            }
        }
        _ => return (0, 100),
    }
    ctx.problems.push(
        Problem::error(
            "LL2022",
            &at.span,
            Words::new("a range is the least and the most, in this order", "range 依次为下限与上限"),
            Words::new("not a range", "不是范围"),
        )
        .help("for example `[0, 100]`", "例如 `[0, 100]`"),
    );
    (0, 100)
}

/// The MQL definition.
pub fn mql(ctx: &mut Context<'_>, schema: &Schema) -> Option<MqlPolicy> {
    let at = ctx.one("mql")?;
    let when = at.value.text_at("when").and_then(|when| ctx.expr(&when, schema, Expected::Bool));
    let also =
        at.value.texts_at("also").iter().filter_map(|also| ctx.expr(also, schema, Expected::Bool)).collect();
    let leave = at.value.text_at("leave").and_then(|leave| ctx.expr(&leave, schema, Expected::Bool));
    Some(MqlPolicy { when: when?, also, leave })
}

/// Transfer rules, in order; the last must always hold.
pub fn transfer(ctx: &mut Context<'_>, schema: &Schema, names: &Names<'_>) -> Vec<TransferRule> {
    ctx.unique("transfer", "name");
    let tables = ctx.many("transfer");
    let mut rules = Vec::new();
    let mut always: Option<At<String>> = None;
    for at in &tables {
        let (Some(name), Some(when)) = (at.value.text_at("name"), at.value.text_at("when")) else { continue };
        if let Some(first) = &always {
            let problem = Problem::error(
                "LL2023",
                &name.span,
                Words::new(
                    format!("the rule `{}` can never fire", name.value),
                    format!("规则 `{}` 永远不会生效", name.value),
                ),
                Words::new("stands behind a rule that always holds", "位于恒成立的规则之后"),
            )
            .also(&first.span, format!("`{}` always holds", first.value), format!("`{}` 恒成立", first.value))
            .help("move it above that rule", "请移到该规则之前");
            ctx.problems.push(problem);
        }
        let when_span = when.span.clone();
        let Some(when) = ctx.expr(&when, schema, Expected::Bool) else { continue };
        match when.constant() {
            Some(Value::Bool(true)) if always.is_none() => {
                always = Some(At { value: name.value.to_owned(), span: name.span.clone() });
            }
            Some(Value::Bool(false)) => ctx.problems.push(Problem::warning(
                "LL2024",
                &when_span,
                Words::new("this condition never holds", "该条件永不成立"),
                Words::new("always false", "恒为假"),
            )),
            _ => {}
        }
        let Some(does) = at.value.table("do").and_then(|does| action(ctx, at, does, names)) else { continue };
        rules.push(TransferRule { name: name.value.to_owned(), when, does });
    }
    if let Some(last) = tables.last()
        && always.is_none()
    {
        ctx.problems.push(
            Problem::error(
                "LL2025",
                &last.span,
                Words::new("no transfer rule always holds", "没有恒成立的转出规则"),
                Words::new("a lead that fits no rule would be stuck", "不符合任何规则的线索会滞留"),
            )
            .help("add a last rule with `when = 'true'`", "请在最后添加 `when = 'true'` 的规则"),
        );
    }
    rules
}

fn action(ctx: &mut Context<'_>, at: &At<Table>, does: &Table, names: &Names<'_>) -> Option<RuleAction> {
    let mut deeds = Vec::new();
    if let Some(object) = does.text("create") {
        deeds.push(Deed::Create(object.to_owned()));
    }
    if let Some(who) = does.text("update").and_then(who) {
        deeds.push(Deed::Update(who));
    }
    if let Some(hold) = does.table("hold") {
        if let Some(team) = hold.text_at("team") {
            ctx.defined(("team", "团队"), &team, names.teams.keys().map(String::as_str), "[[team]]");
        }
        let at_most = hold.text("at_most").and_then(units::length).unwrap_or(Length::WorkingDays(1));
        deeds.push(Deed::Hold { team: hold.text("team").map(str::to_owned), at_most });
    }
    if does.get("decline").is_some() {
        deeds.push(Deed::Decline);
    }
    let span = at.value.get("do").map_or(&at.span, |at| &at.span).clone();
    let assign = does.table("assign").and_then(|table| assign(ctx, table, &span, names));
    if deeds.len() != 1 {
        ctx.problems.push(
            Problem::error(
                "LL2026",
                &span,
                Words::new("a rule does one thing", "一条规则只做一件事"),
                Words::new(
                    format!("{} of create, update, hold, decline", deeds.len()),
                    format!("create、update、hold、decline 中有 {} 个", deeds.len()),
                ),
            )
            .help(
                "write exactly one of `create`, `update`, `hold`, `decline`",
                "请在 `create`、`update`、`hold`、`decline` 中恰好写一个",
            ),
        );
        return None;
    }
    let deed = deeds.pop()?;
    if matches!(deed, Deed::Create(_)) && assign.is_none() && does.get("assign").is_none() {
        ctx.problems.push(
            Problem::error(
                "LL2027",
                &span,
                Words::new("this rule makes a record without an owner", "该规则新建的记录没有负责人"),
                Words::new("no `assign`", "缺少 `assign`"),
            )
            .help(
                "add `assign = { route = \"…\" }`, or `{ public_pool = true }`",
                "请添加 `assign = { route = \"…\" }` 或 `{ public_pool = true }`",
            ),
        );
    }
    Some(RuleAction {
        deed,
        assign,
        link_company: does.text("link") == Some("company"),
        notify: does.table("notify").and_then(|table| table.text("owner_of")).and_then(who),
        reason: does.text("reason").or_else(|| does.text("decline")).map(str::to_owned),
    })
}

fn who(word: &str) -> Option<Who> {
    match word {
        "person" => Some(Who::Person),
        "company" => Some(Who::Company),
        _ => None,
    }
}

fn assign(
    ctx: &mut Context<'_>,
    table: &Table,
    span: &crate::problem::Span,
    names: &Names<'_>,
) -> Option<Assign> {
    let mut targets = Vec::new();
    if let Some(route) = table.text_at("route") {
        ctx.defined(("route", "路由"), &route, names.routes.keys().map(String::as_str), "[[route]]");
        targets.push(Assign::Route(route.value.to_owned()));
    }
    if let Some(team) = table.text_at("team") {
        ctx.defined(("team", "团队"), &team, names.teams.keys().map(String::as_str), "[[team]]");
        targets.push(Assign::Team(team.value.to_owned()));
    }
    if let Some(person) = table.text_at("person") {
        ctx.defined(
            ("person", "人员"),
            &person,
            names.people.keys().map(PersonKey::as_str),
            "a row in the table of [people]",
        );
        targets.push(Assign::Person(PersonKey::from(person.value)));
    }
    if let Some(who) = table.text("owner_of").and_then(who) {
        targets.push(Assign::OwnerOf(who));
    }
    if table.flag("public_pool") == Some(true) {
        targets.push(Assign::PublicPool);
    }
    if targets.len() != 1 {
        ctx.problems.push(
            Problem::error(
                "LL2026",
                span,
                Words::new("`assign` names one target", "`assign` 只能有一个去向"),
                Words::new(format!("{} targets", targets.len()), format!("{} 个去向", targets.len())),
            )
            .help(
                "write exactly one of `route`, `team`, `person`, `owner_of`, `public_pool`",
                "请在 `route`、`team`、`person`、`owner_of`、`public_pool` 中恰好写一个",
            ),
        );
        return None;
    }
    targets.pop()
}

/// Response times, in order.
pub fn slas(ctx: &mut Context<'_>, schema: &Schema, names: &Names<'_>) -> Vec<SlaRule> {
    let mut rules = Vec::new();
    for at in ctx.many("sla") {
        let Some(name) = at.value.text("name") else { continue };
        let Some(when) = at.value.text_at("when").and_then(|when| ctx.expr(&when, schema, Expected::Bool))
        else {
            continue;
        };
        let length = |table: &Table, key: &str| table.text(key).and_then(units::length);
        let mut steps = Vec::new();
        for step in at.value.tables("steps") {
            let Some(does) = step.value.table("do") else { continue };
            let (word, whom) = if let Some(whom) = does.text("remind") {
                ("remind", Some(whom))
            } else if let Some(whom) = does.text("tell") {
                ("tell", Some(whom))
            } else {
                ("take_back", None)
            };
            let assign_table = does.table("assign");
            steps.push(SlaStep {
                clock: step.value.text("clock").unwrap_or("accept").to_owned(),
                after: length(step.value, "after").unwrap_or(Length::WorkingDays(1)),
                does: word.to_owned(),
                whom: whom.map(str::to_owned),
                assign: assign_table.and_then(|table| assign(ctx, table, &step.span, names)),
                except_owner: assign_table.is_some_and(|table| table.text("except") == Some("owner")),
            });
        }
        rules.push(SlaRule {
            name: name.to_owned(),
            when,
            accept_within: length(&at.value, "accept_within"),
            result_within: length(&at.value, "result_within"),
            steps,
        });
    }
    rules
}

/// What each answer of sales leads to.
pub fn feedback(
    ctx: &mut Context<'_>,
    names: &Names<'_>,
    tracks: &BTreeMap<String, Track>,
) -> BTreeMap<String, FeedbackRule> {
    ctx.unique("feedback", "tag");
    let mut rules = BTreeMap::new();
    for at in ctx.many("feedback") {
        let Some(tag) = at.value.text("tag") else { continue };
        let Some(does) = at.value.table("do") else { continue };
        if let Some(track) = does.text_at("track") {
            ctx.defined(("track", "培育路径"), &track, tracks.keys().map(String::as_str), "[[track]]");
        }
        if does.entries.is_empty() {
            ctx.problems.push(
                Problem::error(
                    "LL2028",
                    &at.span,
                    Words::new(
                        format!("the answer `{tag}` has no next action"),
                        format!("反馈 `{tag}` 没有下一步动作"),
                    ),
                    Words::new("`do` is empty", "`do` 为空"),
                )
                .help("for example `do = { rest = \"30d\" }`", "例如 `do = { rest = \"30d\" }`"),
            );
        }
        let mut values = BTreeMap::new();
        for (crm, value) in at.value.table("crm").map(|table| table.entries.as_slice()).unwrap_or_default() {
            let name = At { value: crm.value.as_str(), span: crm.span.clone() };
            if ctx.defined(("CRM", "CRM"), &name, names.crms.keys().map(LinkName::as_str), "[[crm]]")
                && let Some(value) = value.value.to_value()
            {
                values.insert(LinkName(crm.value.clone()), value);
            }
        }
        let word = |language: &str| {
            at.value.table("label").and_then(|label| label.text(language)).unwrap_or(tag).to_owned()
        };
        let next = NextAction {
            stage: does.text("stage").and_then(Stage::parse),
            rest: does.duration("rest"),
            track: does.text("track").map(str::to_owned),
            close: does.text("close").map(str::to_owned),
            mql_again: does.text("then") == Some("mql_again"),
            same_owner: does.text("to") == Some("same_owner"),
            cool_down_owner: does.flag("cool_down_owner").unwrap_or(false),
            lower_source: does.flag("lower_source").unwrap_or(false),
        };
        rules.insert(
            tag.to_owned(),
            FeedbackRule { tag: tag.to_owned(), label: (word("zh"), word("en")), crm: values, next },
        );
    }
    rules
}

/// Loops back into the pool.
pub fn recycle(ctx: &mut Context<'_>) -> RecyclePolicy {
    let at = ctx.one("recycle");
    let table = at.as_ref().map(|at| &at.value);
    RecyclePolicy {
        at_most: table
            .and_then(|table| table.int("at_most"))
            .and_then(|most| u32::try_from(most).ok())
            .unwrap_or(3),
        cool_down: table.and_then(|table| table.duration("cool_down")).unwrap_or(Micros::days(90)),
    }
}

/// Nurture tracks.
pub fn tracks(
    ctx: &mut Context<'_>,
    schema: &Schema,
    mas: &BTreeMap<LinkName, MaPolicy>,
) -> BTreeMap<String, Track> {
    ctx.unique("track", "name");
    let mut tracks = BTreeMap::new();
    for at in ctx.many("track") {
        let (Some(name), Some(ma)) = (at.value.text("name"), at.value.text_at("ma")) else { continue };
        ctx.defined(("MA", "MA"), &ma, mas.keys().map(LinkName::as_str), "[[ma]]");
        let when = at.value.text_at("when").map(|when| ctx.expr(&when, schema, Expected::Bool));
        tracks.insert(
            name.to_owned(),
            Track {
                name: name.to_owned(),
                ma: LinkName::from(ma.value),
                segment: at.value.text("segment").unwrap_or(name).to_owned(),
                when: when.unwrap_or_default(),
            },
        );
    }
    tracks
}
