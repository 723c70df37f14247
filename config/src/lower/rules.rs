//! Rules: scores, MQL, transfer, response times, feedback, recycling, tracks.

use std::collections::BTreeMap;

use leadloop_mapping::expr::{Expected, Schema};
use leadloop_sync_core::ids::{LinkName, PersonKey};
use leadloop_sync_core::policy::{
    Assign, AttributeRule, Deed, Length, MqlPolicy, RecyclePolicy, RuleAction, ScoreModel, SlaRule, SlaStep,
    TouchRule, Track, TransferRule, Who,
};
use leadloop_sync_core::time::Micros;

use super::Context;
use super::get::Get;
use super::names::{MA, Names, ROUTE, SOURCE, TEAM};
use super::schema::Schemas;
use crate::problem::{Problem, Words};
use crate::text::{At, Table, Tree};
use crate::units;

/// Score models, in order.
pub fn scores(ctx: &mut Context<'_>, schemas: &Schemas, names: &Names) -> Vec<ScoreModel> {
    ctx.unique("score", "name");
    let mut models = Vec::new();
    for at in ctx.many("score") {
        let Some(name) = at.value.text("name") else { continue };
        let attributes = at.value.tables("add");
        let add = attributes.iter().filter_map(|rule| {
            let when = rule.value.text_at("when");
            let when = when.and_then(|when| ctx.expr(&when, &schemas.profile, Expected::Bool))?;
            Some(AttributeRule { points: rule.value.int("points")?, when })
        });
        let add = add.collect();
        if let Some(from) = at.value.text_at("from") {
            ctx.defined(SOURCE, &from, &names.sources);
        }
        check_range(ctx, &at.value);
        let touches = at
            .value
            .tables("touches")
            .iter()
            .filter_map(|rule| touch_rule(ctx, rule.value, &schemas.touched))
            .collect();
        let mut model = ScoreModel {
            name: name.to_owned(),
            version: 0,
            range: range_of(&at.value),
            half_life: at.value.duration("half_life").filter(|length| length.0 > 0),
            cap_per_day: at.value.int("cap_per_day"),
            add,
            touches,
            from: at.value.text("from").map(str::to_owned),
        };
        model.version = model.version_of();
        models.push(model);
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

/// The least and the most points of a model.
#[must_use]
pub fn range_of(table: &Table) -> (i64, i64) {
    match table.get("range").map(|at| &at.value) {
        None => (i64::MIN / 4_000_000, i64::MAX / 4_000_000),
        Some(written) => read_range(written).unwrap_or((0, 100)),
    }
}

fn read_range(written: &Tree) -> Option<(i64, i64)> {
    let Tree::List(list) = written else { return None };
    match list.as_slice() {
        [At { value: Tree::Int(least), .. }, At { value: Tree::Int(most), .. }] if least <= most => {
            Some((*least, *most))
        }
        _ => None,
    }
}

fn check_range(ctx: &mut Context<'_>, table: &Table) {
    let Some(at) = table.get("range").filter(|at| read_range(&at.value).is_none()) else { return };
    ctx.problems.push(
        Problem::error(
            "LL2022",
            &at.span,
            Words::new("a range is the least and the most, in this order", "range 依次为下限与上限"),
            Words::new("not a range", "不是范围"),
        )
        .help("for example `[0, 100]`", "例如 `[0, 100]`"),
    );
}

/// The MQL definitions, in order. Several must be told apart by their names.
pub fn mql(ctx: &mut Context<'_>, schemas: &Schemas) -> Vec<MqlPolicy> {
    ctx.unique("mql", "name");
    let tables = ctx.many("mql");
    let mut definitions = Vec::new();
    for at in &tables {
        let name = at.value.text("name").map(str::to_owned);
        if name.is_none() && tables.len() > 1 {
            ctx.problems.push(
                Problem::error(
                    "LL2113",
                    &at.span,
                    Words::new("one of several MQL definitions has no name", "多个 MQL 定义中有一个没有名称"),
                    Words::new("no `name`", "缺少 `name`"),
                )
                .help(
                    "give each its name, such as its product line: name = \"机器人\"",
                    "请为每个定义命名，例如产品线：name = \"机器人\"",
                ),
            );
        }
        let when = at.value.text_at("when").and_then(|when| ctx.expr(&when, &schemas.lead, Expected::Bool));
        let also = at.value.texts_at("also");
        let also =
            also.iter().filter_map(|also| ctx.expr(also, &schemas.lead_touched, Expected::Bool)).collect();
        let leave =
            at.value.text_at("leave").and_then(|leave| ctx.expr(&leave, &schemas.lead, Expected::Bool));
        let cool_down = at.value.duration("cool_down").filter(|length| length.0 > 0);
        let Some(when) = when else { continue };
        definitions.push(MqlPolicy { name, when, also, leave, cool_down });
    }
    definitions
}

/// Transfer rules, in order. Whether each can fire and the last always does is seen in `crate::whole`.
pub fn transfer(ctx: &mut Context<'_>, schema: &Schema, names: &Names) -> Vec<TransferRule> {
    ctx.unique("transfer", "name");
    let mut rules = Vec::new();
    for at in &ctx.many("transfer") {
        let (Some(name), Some(when)) = (at.value.text("name"), at.value.text_at("when")) else { continue };
        let when = ctx.expr(&when, schema, Expected::Bool);
        let does = at.value.table("do").and_then(|does| action(ctx, at, does, names));
        let (Some(when), Some(does)) = (when, does) else { continue };
        rules.push(TransferRule { name: name.to_owned(), when, does });
    }
    rules
}

fn action(ctx: &mut Context<'_>, at: &At<Table>, does: &Table, names: &Names) -> Option<RuleAction> {
    let mut deeds = Vec::new();
    if let Some(object) = does.text("create") {
        deeds.push(Deed::Create(object.to_owned()));
    }
    if let Some(who) = does.text("update").and_then(who) {
        deeds.push(Deed::Update(who));
    }
    if let Some(hold) = does.table("hold") {
        if let Some(team) = hold.text_at("team") {
            ctx.defined(TEAM, &team, &names.teams);
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
                match deeds.len() {
                    0 => Words::new("does nothing", "没有动作"),
                    many => Words::new(format!("does {many} things"), format!("有 {many} 个动作")),
                },
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
    names: &Names,
) -> Option<Assign> {
    let mut targets = Vec::new();
    if let Some(route) = table.text_at("route") {
        ctx.defined(ROUTE, &route, &names.routes);
        targets.push(Assign::Route(route.value.to_owned()));
    }
    if let Some(team) = table.text_at("team") {
        ctx.defined(TEAM, &team, &names.teams);
        targets.push(Assign::Team(team.value.to_owned()));
    }
    if let Some(person) = table.text_at("person") {
        ctx.person(&person, names);
        targets.push(Assign::Person(PersonKey::from(person.value)));
    }
    if let Some(who) = table.text("owner_of").and_then(who) {
        targets.push(Assign::OwnerOf(who));
    }
    if table.flag("poster") == Some(true) {
        targets.push(Assign::Poster);
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
                match targets.len() {
                    0 => Words::new("no target", "没有去向"),
                    many => Words::new(format!("{many} targets"), format!("{many} 个去向")),
                },
            )
            .help(
                "write exactly one of `route`, `team`, `person`, `owner_of`, `poster`, `public_pool`",
                "请在 `route`、`team`、`person`、`owner_of`、`poster`、`public_pool` 中恰好写一个",
            ),
        );
        return None;
    }
    targets.pop()
}

/// Response times, in order.
pub fn slas(ctx: &mut Context<'_>, schema: &Schema, names: &Names) -> Vec<SlaRule> {
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
pub fn tracks(ctx: &mut Context<'_>, schema: &Schema, names: &Names) -> BTreeMap<String, Track> {
    ctx.unique("track", "name");
    let mut tracks = BTreeMap::new();
    for at in ctx.many("track") {
        let (Some(name), Some(ma)) = (at.value.text("name"), at.value.text_at("ma")) else { continue };
        ctx.defined(MA, &ma, &names.mas);
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
