//! Salespeople: each is a user of the CRM, and works there.

use leadloop_sync_core::mirror::OwnerState;
use leadloop_sync_core::policy::CrmPolicy;

use super::LiveLink;
use crate::lower::Context;
use crate::lower::get::Get;
use crate::problem::{Problem, Span, Words};

pub(super) fn check(ctx: &mut Context<'_>, crm: &CrmPolicy, link: &LiveLink) {
    if link.users.is_empty() {
        return;
    }
    let Some(section) = ctx.many("people").into_iter().next() else { return };
    let Some(table) = section.value.text_at("table") else { return };
    let known = ctx.problems.len();
    let rows = ctx.rows(&table, &["key", "name"]);
    // What is wrong with the table itself was said when it was read first.
    ctx.problems.truncate(known);
    let own = format!("crm_user.{}", crm.link);
    for row in rows {
        let Some(cell) = row.cell(&own).or_else(|| row.cell("crm_user")) else { continue };
        let Some(found) = link.users.get(cell.value) else { continue };
        let person = row.get("name").unwrap_or_default();
        let problem = match found {
            None => stranger(crm, person, cell.value, &cell.span),
            Some(user) => match user.state {
                OwnerState::Left => left(crm, person, &cell.span, user.name.as_deref()),
                OwnerState::OnLeave => away(crm, person, &cell.span),
                OwnerState::Active | OwnerState::None => continue,
            },
        };
        ctx.problems.push(problem);
    }
}

fn stranger(crm: &CrmPolicy, person: &str, id: &str, span: &Span) -> Problem {
    Problem::error(
        "LL2087",
        span,
        Words::new(
            format!("`{}` has no user `{id}` ({person})", crm.link),
            format!("`{}` 中没有用户 `{id}`（{person}）", crm.link),
        ),
        Words::new("no such user", "没有此用户"),
    )
    .help(
        "write the id the CRM gives this person; leads for them would be refused",
        "请填写 CRM 中此人的用户编号；否则转给此人的线索会被拒绝",
    )
}

fn away(crm: &CrmPolicy, person: &str, span: &Span) -> Problem {
    Problem::warning(
        "LL2087",
        span,
        Words::new(
            format!("{person} is on leave in `{}`", crm.link),
            format!("{person} 在 `{}` 中处于休假状态", crm.link),
        ),
        Words::new("on leave there", "休假"),
    )
    .help(
        "nothing is taken away; write the absence into the leave table so that a deputy gets new leads",
        "现有线索不受影响；请在休假表中登记，新线索会转给代理人",
    )
}

fn left(crm: &CrmPolicy, person: &str, span: &Span, name: Option<&str>) -> Problem {
    let there = name.filter(|name| *name != person).map(|name| format!(" ({name})")).unwrap_or_default();
    Problem::error(
        "LL2087",
        span,
        Words::new(
            format!("{person}{there} is not active in `{}`", crm.link),
            format!("{person}{there} 在 `{}` 中已停用", crm.link),
        ),
        Words::new("left, or disabled", "已离职或停用"),
    )
    .help(
        "take them out of the people's table and the teams, or have the user enabled",
        "请从人员表与团队中移除，或在 CRM 中启用该用户",
    )
}
