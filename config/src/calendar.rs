//! Working time from the config: weekdays, hours, and the holidays of a country or of the admin's own file.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use leadloop_sync_core::calendar::Calendar;

use crate::lower::Context;
use crate::lower::get::Get;
use crate::lower::rows::bad_row;
use crate::problem::{Problem, Words};
use crate::text::{At, Table};
use crate::units;

/// Holidays and make-up working days of mainland China, for the years announced; its first line names the source.
const CHINA: &str = include_str!("../data/holidays-cn.csv");

/// The calendar of `[leadloop]`.
pub fn calendar(ctx: &mut Context<'_>, table: Option<&Table>, zone: &TimeZone) -> Calendar {
    let mut calendar = Calendar::weekdays(zone.clone());
    let Some(table) = table else { return calendar };
    if let Some(days) = table.text_at("work_days") {
        match units::weekdays(days.value) {
            Some(days) => calendar.days = days,
            None => ctx.problems.push(
                Problem::error(
                    "LL2004",
                    &days.span,
                    Words::new(
                        format!("`{}` names no weekdays", days.value),
                        format!("`{}` 不是星期范围", days.value),
                    ),
                    Words::new("not weekdays", "不是星期"),
                )
                .help("for example `mon-fri` or `mon,wed,fri`", "例如 `mon-fri` 或 `mon,wed,fri`"),
            ),
        }
    }
    let written = table.texts_at("hours");
    let mut hours = Vec::new();
    for at in &written {
        match units::hours(at.value) {
            Some(span) => hours.push(span),
            None => ctx.problems.push(
                Problem::error(
                    "LL2004",
                    &at.span,
                    Words::new(
                        format!("`{}` are no hours of a day", at.value),
                        format!("`{}` 不是时间段", at.value),
                    ),
                    Words::new("not hours", "不是时间段"),
                )
                .help("for example `09:00-18:00`", "例如 `09:00-18:00`"),
            ),
        }
    }
    if !hours.is_empty() {
        hours.sort();
        calendar.hours = hours;
    }
    if let Some(holidays) = table.text_at("holidays") {
        calendar.special = holidays_of(ctx, &holidays);
    }
    calendar
}

/// Days that differ from the week: of a country, or from the admin's own table.
fn holidays_of(ctx: &mut Context<'_>, at: &At<&str>) -> BTreeMap<Date, bool> {
    if at.value == "cn" {
        return china();
    }
    let mut days = BTreeMap::new();
    for row in ctx.rows(at, &["date", "kind"]) {
        let (Some(date), Some(kind)) = (row.get("date"), row.get("kind")) else { continue };
        match (date.parse::<Date>(), works(kind)) {
            (Ok(day), Some(works)) => {
                days.insert(day, works);
            }
            (Err(_), _) => ctx.problems.push(
                bad_row(row.at("date"), format!("`{date}` is no date"), format!("`{date}` 不是日期"))
                    .help("write it like 2026-10-01", "请写成 2026-10-01"),
            ),
            (_, None) => ctx.problems.push(
                bad_row(
                    row.at("kind"),
                    format!("`{kind}` is neither `off` nor `work`"),
                    format!("`{kind}` 既不是 `off` 也不是 `work`"),
                )
                .help("`off` is a holiday, `work` a make-up working day", "`off` 为放假，`work` 为调休上班"),
            ),
        }
    }
    days
}

fn works(kind: &str) -> Option<bool> {
    match kind {
        "work" | "班" => Some(true),
        "off" | "休" => Some(false),
        _ => None,
    }
}

/// Holidays and make-up working days of mainland China, for the years announced.
#[must_use]
pub fn china() -> BTreeMap<Date, bool> {
    let lines = CHINA.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut cells = line.split(',');
            let day = cells.next()?.parse().ok()?;
            Some((day, works(cells.next()?)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holidays_that_come_with_the_product_can_be_read() {
        let days = china();
        assert_eq!(days.get(&jiff::civil::date(2026, 10, 1)), Some(&false));
        assert_eq!(days.get(&jiff::civil::date(2026, 10, 10)), Some(&true));
        let lines = CHINA.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(days.len() + 1, lines, "every line but the names of the columns is a day");
    }
}
