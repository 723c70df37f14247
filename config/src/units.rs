//! How lengths, shares, limits and rates are written in the config.

use leadloop_sync_core::policy::Length;
use leadloop_sync_core::time::Micros;

/// `30s`, `5m`, `2h`, `14d`, `1.5h`, also `250ms`; at most ten years.
#[must_use]
pub fn duration(text: &str) -> Option<Micros> {
    let text = text.trim();
    let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at_checked(at)?;
    let micros = match unit.trim() {
        "ms" | "毫秒" => 1_000,
        "s" | "sec" | "second" | "seconds" | "秒" => 1_000_000,
        "m" | "min" | "minute" | "minutes" | "分钟" => 60_000_000,
        "h" | "hour" | "hours" | "小时" => 3_600_000_000,
        "d" | "day" | "days" | "天" => 86_400_000_000_i64,
        _ => return None,
    };
    let most = 3_650 * 86_400_000_000_i64;
    let length = match number.split_once('.') {
        None => number.parse::<i64>().ok()?.checked_mul(micros)?,
        Some((whole, part)) => {
            let scale = 10_i64.checked_pow(u32::try_from(part.len()).ok()?)?;
            let whole = whole.parse::<i64>().ok()?.checked_mul(micros)?;
            whole.checked_add(part.parse::<i64>().ok()?.checked_mul(micros)?.checked_div(scale)?)?
        }
    };
    (0..=most).contains(&length).then_some(Micros(length))
}

/// `4 working hours`, `1 working day`, `30 working minutes`, or a [`duration`].
#[must_use]
pub fn length(text: &str) -> Option<Length> {
    let text = text.trim();
    let Some((number, rest)) = text.split_once(char::is_whitespace) else {
        return duration(text).map(Length::Clock);
    };
    let Some(unit) = rest.trim().strip_prefix("working") else {
        return duration(&text.replace(' ', "")).map(Length::Clock);
    };
    let count: u32 = number.parse().ok().filter(|count| *count <= 10_000)?;
    match unit.trim() {
        "day" | "days" => Some(Length::WorkingDays(count)),
        "hour" | "hours" => Some(Length::Working(Micros::hours(i64::from(count)))),
        "minute" | "minutes" => Some(Length::Working(Micros::minutes(i64::from(count)))),
        _ => None,
    }
}

/// `daily 03:00` as the minute of the day; `never` is none.
#[must_use]
pub fn daily(text: &str) -> Option<Option<u16>> {
    let text = text.trim();
    if text == "never" {
        return Some(None);
    }
    let time: jiff::civil::Time = text.strip_prefix("daily")?.trim().parse().ok()?;
    let (hour, minute) = (u16::try_from(time.hour()).ok()?, u16::try_from(time.minute()).ok()?);
    Some(Some(hour * 60 + minute))
}

/// A date (ten in the morning is meant) or a date with a time, on the wall.
#[must_use]
pub fn wall(text: &str) -> Option<jiff::civil::DateTime> {
    let text = text.trim();
    match text.parse::<jiff::civil::Date>() {
        // A date with a time parses as a date too.
        Ok(day) if !text.contains([':', 'T', 't', ' ']) => Some(day.at(10, 0, 0, 0)),
        _ => text.parse().ok().filter(|_| !text.ends_with(['Z', 'z']) && !text.contains('+')),
    }
}

/// `20%` as a number of percent.
#[must_use]
pub fn percent(text: &str) -> Option<u32> {
    text.trim().strip_suffix('%')?.trim().parse().ok().filter(|percent| *percent <= 100)
}

/// `3`, or `5 in 7d`.
#[must_use]
pub fn limit_in(text: &str) -> Option<(u32, Option<Micros>)> {
    match text.split_once(" in ") {
        None => Some((text.trim().parse().ok()?, None)),
        Some((count, window)) => Some((count.trim().parse().ok()?, Some(duration(window)?))),
    }
}

/// `20 per minute per address`: how many in which length.
#[must_use]
pub fn rate(text: &str) -> Option<(u32, Micros)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [count, "per", unit, rest @ ..] = words.as_slice() else { return None };
    if !matches!(rest, [] | ["per", "address"]) {
        return None;
    }
    let within = match *unit {
        "second" => Micros::seconds(1),
        "minute" => Micros::minutes(1),
        "hour" => Micros::hours(1),
        "day" => Micros::days(1),
        _ => return None,
    };
    count.parse().ok().filter(|count| *count > 0).map(|count| (count, within))
}

/// `09:00-18:00`.
#[must_use]
pub fn hours(text: &str) -> Option<(jiff::civil::Time, jiff::civil::Time)> {
    let (from, to) = text.split_once(['-', '–', '~'])?;
    let read = |text: &str| {
        let (hour, minute) = text.trim().split_once([':', '：'])?;
        match (hour.parse::<i8>().ok()?, minute.parse::<i8>().ok()?) {
            // The end of the day is its last moment: a civil time knows no 24:00.
            (24, 0) => Some(jiff::civil::time(23, 59, 59, 999_999_000)),
            (hour, minute) => jiff::civil::Time::new(hour, minute, 0, 0).ok(),
        }
    };
    let (from, to) = (read(from)?, read(to)?);
    (from < to).then_some((from, to))
}

/// `mon-fri`, `mon,wed,fri`, `mon-sat`: Monday is 1.
#[must_use]
pub fn weekdays(text: &str) -> Option<std::collections::BTreeSet<i8>> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let day = |name: &str| {
        let at = NAMES.iter().position(|known| *known == name.trim().to_lowercase())?;
        i8::try_from(at + 1).ok()
    };
    let mut days = std::collections::BTreeSet::new();
    for part in text.split(',') {
        match part.split_once('-') {
            None => {
                days.insert(day(part)?);
            }
            Some((from, to)) => {
                let (from, to) = (day(from)?, day(to)?);
                if from > to {
                    return None;
                }
                days.extend(from..=to);
            }
        }
    }
    (!days.is_empty()).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_day_are_read() {
        assert_eq!(daily("daily 03:30"), Some(Some(210)));
        assert_eq!(daily(" never "), Some(None));
        for wrong in ["03:00", "daily", "daily 25:00", "weekly 03:00", ""] {
            assert_eq!(daily(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn lengths_are_read_as_people_write_them() {
        assert_eq!(duration("1.5h"), Some(Micros::minutes(90)));
        assert_eq!(duration("14d"), Some(Micros::days(14)));
        assert_eq!(duration("99999999d"), None);
        assert_eq!(duration("5 parsecs"), None);
        assert_eq!(length("1 working day"), Some(Length::WorkingDays(1)));
        assert_eq!(length("4 working hours"), Some(Length::Working(Micros::hours(4))));
        assert_eq!(length("30m"), Some(Length::Clock(Micros::minutes(30))));
        assert_eq!(limit_in("5 in 7d"), Some((5, Some(Micros::days(7)))));
        assert_eq!(rate("20 per minute per address"), Some((20, Micros::minutes(1))));
        assert_eq!(rate("20 per fortnight"), None);
        assert_eq!(percent("120%"), None);
        assert_eq!(wall("2026-12-01").map(|at| at.to_string()).as_deref(), Some("2026-12-01T10:00:00"));
        assert_eq!(wall("2026-12-01 18:30").map(|at| at.hour()), Some(18));
        assert_eq!((wall("tomorrow"), wall("2026-12-01T10:00:00Z"), wall("2026-13-01")), (None, None, None));
        assert!(hours("18:00-09:00").is_none() && hours("09:00-24:00").is_some());
        assert_eq!(weekdays("mon-fri").map(|days| days.len()), Some(5));
        assert_eq!(weekdays("fri-mon"), None);
    }
}
