//! Answers, rests and response times that contradict each other.

use leadloop_sync_core::calendar::Calendar;
use leadloop_sync_core::policy::{FeedbackRule, Length, Policy, SlaRule};
use leadloop_sync_core::time::{Micros, Timestamp};

use super::place;
use crate::lower::Context;
use crate::lower::get::Get;
use crate::problem::{Problem, Words};
use crate::text::{At, Table};

/// A rest below this is none: the lead is back before anybody looked.
const SHORTEST_REST: Micros = Micros::hours(1);
/// A Monday morning from which lengths are compared.
const MONDAY: Timestamp = Timestamp(1_767_574_800_000_000);

pub(super) fn check(ctx: &mut Context<'_>, policy: &Policy) {
    for at in ctx.many("feedback") {
        if let Some(rule) = at.value.text("tag").and_then(|tag| policy.feedback.get(tag)) {
            answer(ctx, &at, rule);
        }
    }
    // Holidays would make one length longer than another by chance.
    let calendar = Calendar { special: std::collections::BTreeMap::new(), ..policy.calendar.clone() };
    for at in ctx.many("sla") {
        if let Some(rule) = policy.sla.iter().find(|rule| at.value.text("name") == Some(rule.name.as_str())) {
            response(ctx, &at, rule, &calendar);
            against_rests(ctx, &at, rule, policy, &calendar);
        }
    }
}

fn contradiction(at: &At<Table>, en: String, zh: String) -> Problem {
    Problem::error("LL2045", &place(at, "do"), Words::new(en, zh), Words::new("this answer", "此反馈"))
}

/// One answer of sales.
fn answer(ctx: &mut Context<'_>, at: &At<Table>, rule: &FeedbackRule) {
    let (tag, next) = (&rule.tag, &rule.next);
    if next.close.is_some() && (next.rest.is_some() || next.track.is_some() || next.stage.is_some()) {
        ctx.problems.push(
            contradiction(
                at,
                format!("`{tag}` closes the lead and keeps it too"),
                format!("`{tag}` 既关闭线索又保留线索"),
            )
            .help(
                "write either `close`, or `rest`, `track` and `stage`",
                "`close` 与 `rest`、`track`、`stage` 只能写一类",
            ),
        );
    }
    let comes_back = next.mql_again || next.same_owner;
    if comes_back && next.rest.is_none() {
        ctx.problems.push(
            contradiction(
                at,
                format!("`{tag}` says what happens after the rest, but has no `rest`"),
                format!("`{tag}` 写了休眠后的动作，但没有 `rest`"),
            )
            .help("add `rest = \"30d\"`", "请添加 `rest = \"30d\"`"),
        );
    }
    if next.same_owner && next.cool_down_owner {
        ctx.problems.push(
            contradiction(
                at,
                format!("`{tag}` sends the lead to the same owner and keeps it from them"),
                format!("`{tag}` 既回到原负责人，又要求原负责人冷却"),
            )
            .help(
                "keep `to = \"same_owner\"` or `cool_down_owner`",
                "`to = \"same_owner\"` 与 `cool_down_owner` 只保留一个",
            ),
        );
    }
    if comes_back && next.rest.is_some_and(|rest| rest < SHORTEST_REST) {
        ctx.problems.push(
            Problem::warning(
                "LL2045",
                &place(at, "do"),
                Words::new(
                    format!("after `{tag}` the lead comes back almost at once"),
                    format!("反馈 `{tag}` 后线索几乎立即返回"),
                ),
                Words::new("a circle between sales and the pool", "在销售与线索池之间循环"),
            )
            .help("give it a longer `rest`", "请加长 `rest`"),
        );
    }
}

fn micros(length: Length, calendar: &Calendar) -> Micros {
    length.after(calendar, MONDAY) - MONDAY
}

/// One response time by itself.
fn response(ctx: &mut Context<'_>, at: &At<Table>, rule: &SlaRule, calendar: &Calendar) {
    if let (Some(accept), Some(result)) = (rule.accept_within, rule.result_within)
        && micros(accept, calendar) > micros(result, calendar)
    {
        ctx.problems.push(
            Problem::error(
                "LL2046",
                &place(at, "result_within"),
                Words::new("a result is due before it is accepted", "结果时限早于接受时限"),
                Words::new("shorter than `accept_within`", "短于 `accept_within`"),
            )
            .also(&place(at, "accept_within"), "this is longer", "此项更长")
            .help("accept_within ≤ result_within must hold", "须满足 accept_within ≤ result_within"),
        );
    }
    let tables = at.value.tables("steps");
    for (step, table) in rule.steps.iter().zip(&tables) {
        let earlier = rule.steps.iter().zip(&tables).find(|(other, _)| {
            other.does == "take_back"
                && other.clock == step.clock
                && *other != step
                && micros(other.after, calendar) <= micros(step.after, calendar)
        });
        if let Some((_, first)) = earlier {
            ctx.problems.push(
                Problem::warning(
                    "LL2046",
                    &table.span,
                    Words::new("this step is never reached", "此步骤永远不会执行"),
                    Words::new("the lead was taken back before", "线索此前已被收回"),
                )
                .also(&first.span, "it is taken back here", "在此收回")
                .help("let it happen earlier, or take it out", "请提前执行，或删除"),
            );
        }
    }
}

/// A response time that is longer than the rest after which the lead comes again.
fn against_rests(
    ctx: &mut Context<'_>,
    at: &At<Table>,
    rule: &SlaRule,
    policy: &Policy,
    calendar: &Calendar,
) {
    let limits = [rule.accept_within, rule.result_within].into_iter().flatten();
    let Some(longest) = limits.map(|length| micros(length, calendar)).max() else { return };
    let shortest = policy
        .feedback
        .values()
        .filter(|answer| answer.next.mql_again || answer.next.same_owner)
        .filter_map(|answer| Some((answer.next.rest?, answer)))
        .min_by_key(|(rest, _)| *rest);
    if let Some((_, answer)) = shortest.filter(|(rest, _)| *rest < longest) {
        ctx.problems.push(
            Problem::warning(
                "LL2046",
                &place(at, "name"),
                Words::new(
                    format!("sales have longer to answer than a lead rests after `{}`", answer.tag),
                    format!("跟进时效长于反馈 `{}` 之后的休眠时长", answer.tag),
                ),
                Words::new("it may come again before the last answer", "可能在上次反馈之前再次转出"),
            )
            .help("lengthen that `rest`, or shorten the response time", "请加长该 `rest`，或缩短时效"),
        );
    }
}
