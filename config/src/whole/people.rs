//! Teams in which nobody can take a lead, and people a CRM does not know.

use jiff::civil::Date;
use leadloop_sync_core::policy::{Policy, Team};
use leadloop_sync_core::time::Timestamp;

use super::{named, place};
use crate::lower::Context;
use crate::problem::{Problem, Words};

pub(super) fn check(ctx: &mut Context<'_>, policy: &Policy, today: Option<Date>) {
    let tables = ctx.many("team");
    let from = today
        .and_then(|day| day.to_zoned(policy.zone.clone()).ok())
        .map(|zoned| Timestamp::from(zoned.timestamp()));
    for (name, team) in &policy.teams {
        let Some(at) = named(&tables, name) else { continue };
        if let Some((start, end)) = all_away(team, policy, from) {
            let day = |at: Timestamp| at.in_zone(&policy.zone).date();
            let (first, last) = (day(start), day(end).yesterday().unwrap_or_else(|_| day(end)));
            ctx.problems.push(
                Problem::warning(
                    "LL2043",
                    &place(at, "members"),
                    Words::new(
                        format!("nobody of the team `{name}` is there from {first} to {last}"),
                        format!("团队 `{name}` 在 {first} 至 {last} 期间无人在岗"),
                    ),
                    Words::new("all members are on leave", "全部成员休假"),
                )
                .help("add a member, or a `fallback` to its routes", "请增加成员，或为其路由设置 `fallback`"),
            );
        }
        without_user(ctx, policy, at, name, team);
    }
}

/// Members whom the CRM of the hand-overs does not know.
fn without_user(
    ctx: &mut Context<'_>,
    policy: &Policy,
    at: &crate::text::At<crate::text::Table>,
    name: &str,
    team: &Team,
) {
    let Some(link) = &policy.handoff.link else { return };
    let unknown: Vec<&str> = team
        .members
        .iter()
        .map(|member| &member.person)
        .filter(|key| policy.people.get(*key).is_some_and(|person| !person.crm_user.contains_key(link)))
        .map(|key| key.as_str())
        .collect();
    if unknown.is_empty() {
        return;
    }
    let list = unknown.join(", ");
    ctx.problems.push(
        Problem::warning(
            "LL2054",
            &place(at, "members"),
            Words::new(
                format!("in the team `{name}` {list} cannot get leads: no user of `{link}`"),
                format!("团队 `{name}` 中 {list} 无法接收线索：没有 `{link}` 的用户编号"),
            ),
            Words::new("passed over", "会被跳过"),
        )
        .help(
            format!("fill the column `crm_user` (or `crm_user.{link}`) of the people's table"),
            format!("请填写人员表的 `crm_user` 列（或 `crm_user.{link}`）"),
        ),
    );
}

/// The first time in which every member is away.
fn all_away(team: &Team, policy: &Policy, from: Option<Timestamp>) -> Option<(Timestamp, Timestamp)> {
    let mut common: Vec<(Timestamp, Timestamp)> =
        vec![(from.unwrap_or(Timestamp(i64::MIN)), Timestamp(i64::MAX))];
    for member in &team.members {
        let away = policy.leave.iter().filter(|leave| leave.person == member.person);
        let mut spans: Vec<(Timestamp, Timestamp)> = away.map(|leave| (leave.from, leave.to)).collect();
        spans.sort();
        let joined = spans.into_iter().fold(Vec::<(Timestamp, Timestamp)>::new(), |mut joined, span| {
            match joined.last_mut().filter(|last| span.0 <= last.1) {
                Some(last) => last.1 = last.1.max(span.1),
                None => joined.push(span),
            }
            joined
        });
        common = common
            .iter()
            .flat_map(|(a, b)| joined.iter().map(move |(c, d)| (*a.max(c), *b.min(d))))
            .filter(|(start, end)| start < end)
            .collect();
        if common.is_empty() {
            return None;
        }
    }
    common.into_iter().min().filter(|_| !team.members.is_empty())
}
