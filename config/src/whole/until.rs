//! Data that runs out: holidays are announced year by year.

use jiff::civil::Date;
use leadloop_sync_core::policy::Policy;

use super::place;
use crate::lower::Context;
use crate::lower::get::Get;
use crate::problem::{Problem, Words};

/// How far ahead holidays have to be known: what sales are told today may fall due then.
const DAYS_AHEAD: i64 = 31;

pub(super) fn check(ctx: &mut Context<'_>, policy: &Policy, today: Date) {
    let Some(at) = ctx.many("leadloop").into_iter().next() else { return };
    let Some(calendar) = at.value.table("calendar") else { return };
    let Some(holidays) = calendar.text_at("holidays") else { return };
    let ahead = today.checked_add(jiff::Span::new().days(DAYS_AHEAD)).unwrap_or(today);
    let known = |year: i16| policy.calendar.special.keys().any(|day| day.year() == year);
    let Some(year) = [today.year(), ahead.year()].into_iter().find(|year| !known(*year)) else { return };
    let help = if holidays.value == "cn" {
        (
            "update leadloop, or give your own table: `holidays = \"holidays.csv\"`",
            "请升级 leadloop，或提供自己的表：`holidays = \"holidays.csv\"`",
        )
    } else {
        ("add the year to the table", "请在表中补充该年份")
    };
    let span = at.value.get("calendar").map_or_else(|| place(&at, "calendar"), |_| holidays.span.clone());
    ctx.problems.push(
        Problem::warning(
            "LL2050",
            &span,
            Words::new(
                format!("the holidays of {year} are not known"),
                format!("没有 {year} 年的节假日数据"),
            ),
            Words::new("deadlines would count them as working days", "时限会把节假日计为工作日"),
        )
        .help(help.0, help.1),
    );
}
