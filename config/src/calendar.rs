//! Working time from the config: weekdays, hours, and the holidays of a country or of the admin's own file.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use leadloop_sync_core::calendar::Calendar;

use crate::lower::Context;
use crate::lower::get::Get;
use crate::problem::{Problem, Words};
use crate::text::Table;
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
        let text = if holidays.value == "cn" {
            Some(CHINA.to_owned())
        } else {
            ctx.text_of(holidays.value, Some(&holidays.span))
        };
        match text.as_deref().map(special) {
            Some(Ok(days)) => calendar.special = days,
            Some(Err(why)) => ctx.bad_table(&holidays, &why),
            None => {}
        }
    }
    calendar
}

/// Days that differ, from a CSV of `date,off|work[,name]`; lines with `#` are remarks.
fn special(text: &str) -> Result<BTreeMap<Date, bool>, String> {
    let mut days = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("date") {
            continue;
        }
        let mut cells = line.split(',').map(str::trim);
        let (date, kind) = (cells.next().unwrap_or(""), cells.next().unwrap_or(""));
        let day: Date = date.parse().map_err(|_| format!("line {}: `{date}` is no date", number + 1))?;
        let works = match kind {
            "work" | "班" => true,
            "off" | "休" => false,
            other => return Err(format!("line {}: `{other}` is neither `off` nor `work`", number + 1)),
        };
        days.insert(day, works);
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holidays_that_come_with_the_product_can_be_read() {
        let days = special(CHINA).expect("the file is ours");
        assert_eq!(days.get(&jiff::civil::date(2026, 10, 1)), Some(&false));
        assert_eq!(days.get(&jiff::civil::date(2026, 10, 10)), Some(&true));
    }
}
