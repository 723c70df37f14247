//! What nobody reaches: tracks nobody enters, names nobody uses, points for touches nobody makes, sources that bring
//! nobody.

use std::collections::BTreeSet;

use leadloop_sync_core::policy::{Assign, Brings, Deed, Policy};

use super::{named, place};
use crate::lower::Context;
use crate::lower::get::Get;
use crate::problem::{Problem, Span, Words};
use crate::suggest::nearest;

/// Fields that say who somebody is.
const IDENTIFIERS: [&str; 10] =
    ["phone", "email", "crm_id", "ma_id", "wecom_id", "unionid", "openid", "login_id", "uba_id", "cookie"];

pub(super) fn check(ctx: &mut Context<'_>, policy: &Policy) {
    tracks(ctx, policy);
    touches(ctx, policy);
    sources(ctx, policy);
    unused(ctx, policy);
    handovers(ctx, policy);
}

/// A track is entered by its rule or by an answer.
fn tracks(ctx: &mut Context<'_>, policy: &Policy) {
    let tables = ctx.many("track");
    let named_by_answers: BTreeSet<&str> =
        policy.feedback.values().filter_map(|answer| answer.next.track.as_deref()).collect();
    for track in policy.tracks.values().filter(|track| track.when.is_none()) {
        if named_by_answers.contains(track.name.as_str()) {
            continue;
        }
        let Some(at) = named(&tables, &track.name) else { continue };
        ctx.problems.push(
            Problem::warning(
                "LL2049",
                &place(at, "name"),
                Words::new(
                    format!("nobody enters the track `{}`", track.name),
                    format!("没有线索会进入培育路径 `{}`", track.name),
                ),
                Words::new("no rule and no answer leads here", "没有规则或反馈指向它"),
            )
            .help(
                "add `when = '…'`, or name it in a [[feedback]]: `do = { rest = \"90d\", track = \"…\" }`",
                "请添加 `when = '…'`，或在 [[feedback]] 中引用：`do = { rest = \"90d\", track = \"…\" }`",
            ),
        );
    }
}

/// Points for a kind of touch that is almost a known one; kinds may also come with the records, so an unlike name is fine.
fn touches(ctx: &mut Context<'_>, policy: &Policy) {
    let mut known: BTreeSet<&str> = policy.sources.values().map(|source| source.touch.as_str()).collect();
    for section in ["source", "ma"] {
        for at in ctx.many(section) {
            let connector = at.value.text("connector").and_then(|name| ctx.registry.get(name));
            known.extend(connector.and_then(|connector| connector.manifest().touch.as_deref()));
        }
    }
    for model in ctx.many("score") {
        for rule in model.value.tables("touches") {
            let Some(touch) = rule.value.text_at("touch") else { continue };
            if known.contains(touch.value) {
                continue;
            }
            let Some(near) = nearest(touch.value, known.iter().copied()) else { continue };
            ctx.problems.push(
                Problem::warning(
                    "LL2047",
                    &touch.span,
                    Words::new(
                        format!("no source is said to bring `{}`", touch.value),
                        format!("没有来源带来 `{}` 类型的互动", touch.value),
                    ),
                    Words::new("these points may never be given", "此分值可能永远不会计入"),
                )
                .help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？")),
            );
        }
    }
}

/// A source that maps fields, but none that says who it is.
fn sources(ctx: &mut Context<'_>, policy: &Policy) {
    for at in ctx.many("source") {
        let Some(source) = at.value.text("name").and_then(|name| policy.sources.get(name)) else { continue };
        let identifies = |field: &str| IDENTIFIERS.contains(&field) || source.identifiers.contains_key(field);
        let mapped = source.fields.iter().any(|(_, to)| identifies(to));
        let demanded = source.require.iter().flatten().any(|field| identifies(field));
        let own = source.identifiers.keys().next().is_some();
        if source.fields.is_empty() || mapped || demanded || own || source.brings == Brings::Answers {
            continue;
        }
        ctx.problems.push(
            Problem::warning(
                "LL2044",
                &place(&at, "fields"),
                Words::new(
                    format!("no field of `{}` is said to identify anybody", source.name),
                    format!("来源 `{}` 没有说明哪个字段用于识别人", source.name),
                ),
                Words::new("only well-known names would", "只有常见字段名能自动识别"),
            )
            .help(
                "map one: `{ from = \"…\", to = \"phone\" }`; or demand one: `require = [\"phone or email\"]`",
                "请映射：`{ from = \"…\", to = \"phone\" }`；或要求：`require = [\"phone or email\"]`",
            ),
        );
    }
}

/// Teams and routes that nothing leads to. Said only where leads are handed over at all.
fn unused(ctx: &mut Context<'_>, policy: &Policy) {
    if policy.transfer.is_empty() {
        return;
    }
    let mut used: (BTreeSet<&str>, BTreeSet<&str>) = Default::default();
    let assigned = policy.transfer.iter().filter_map(|rule| rule.does.assign.as_ref());
    let taken_back = policy.sla.iter().flat_map(|rule| &rule.steps).filter_map(|step| step.assign.as_ref());
    for assign in assigned.chain(taken_back) {
        match assign {
            Assign::Route(name) => used.0.insert(name),
            Assign::Team(name) => used.1.insert(name),
            Assign::OwnerOf(_) | Assign::Person(_) | Assign::Poster | Assign::PublicPool => false,
        };
    }
    for rule in &policy.transfer {
        if let Deed::Hold { team: Some(team), .. } = &rule.does.deed {
            used.1.insert(team);
        }
    }
    used.1.extend(policy.desk.as_ref().map(|desk| desk.team.as_str()));
    for route in policy.routes.values() {
        used.1.extend(route.table.values().chain(&route.fallback).map(String::as_str));
    }
    let (routes, teams) = used;
    for (section, known, zh) in [("route", routes, "路由"), ("team", teams, "团队")] {
        for at in ctx.many(section) {
            if let Some(name) = at.value.text_at("name").filter(|name| !known.contains(name.value)) {
                ctx.problems.push(nobody_uses(section, zh, name.value, &name.span));
            }
        }
    }
}

fn nobody_uses(section: &str, zh: &str, name: &str, span: &Span) -> Problem {
    Problem::warning(
        "LL2051",
        span,
        Words::new(format!("nothing leads to the {section} `{name}`"), format!("没有规则用到{zh} `{name}`")),
        Words::new("not used", "未使用"),
    )
    .help("name it in a rule, or take it out", "请在规则中引用，或删除")
}

/// A CRM, but nothing that makes leads go there.
fn handovers(ctx: &mut Context<'_>, policy: &Policy) {
    let Some(at) = ctx.many("crm").into_iter().next() else { return };
    let missing = match (!policy.mql.is_empty(), policy.transfer.is_empty()) {
        (true, true) => {
            ("[[transfer]]", "a lead that qualifies goes to the public pool", "合格线索只会进入公海")
        }
        (false, false) => ("[mql]", "no lead ever qualifies", "没有线索会被判定合格"),
        _ => return,
    };
    ctx.problems.push(
        Problem::warning(
            "LL2055",
            &place(&at, "name"),
            Words::new(
                format!("there is no {}: {}", missing.0, missing.1),
                format!("没有 {}：{}", missing.0, missing.2),
            ),
            Words::new("nothing is handed over by rule", "不会按规则转出"),
        )
        .help(format!("add {}", missing.0), format!("请添加 {}", missing.0)),
    );
}
