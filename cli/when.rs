//! Times and lengths as people read them.

use jiff::tz::TimeZone;
use leadloop_sync_core::because::Language;
use leadloop_sync_core::time::{Micros, Timestamp};

/// The time it is.
pub fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

/// `2026-11-23 10:02:07`, on the wall in `zone`.
pub fn clock(at: Timestamp, zone: &TimeZone) -> String {
    at.in_zone(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A length with its two largest units: `3 d 4 h`, `1 min 5 s`, `0.8 s`.
pub fn length(length: Micros, language: Language) -> String {
    let [day, hour, minute, second] = match language {
        Language::En => ["d", "h", "min", "s"],
        Language::Zh => ["天", "小时", "分", "秒"],
    };
    let micros = length.0.max(0);
    let seconds = micros / 1_000_000;
    let pair = |first: i64, name: &str, second: i64, other: &str| {
        if second == 0 { format!("{first} {name}") } else { format!("{first} {name} {second} {other}") }
    };
    match seconds {
        0..10 => {
            let tenths = (micros + 50_000) / 100_000;
            format!("{}.{} {second}", tenths / 10, tenths % 10)
        }
        10..60 => format!("{seconds} {second}"),
        60..3_600 => pair(seconds / 60, minute, seconds % 60, second),
        3_600..86_400 => pair(seconds / 3_600, hour, seconds % 3_600 / 60, minute),
        _ => pair(seconds / 86_400, day, seconds % 86_400 / 3_600, hour),
    }
}

/// `3 d ago`, or `in 2 h`.
pub fn ago(at: Timestamp, now: Timestamp, language: Language) -> String {
    match (at <= now, language) {
        (true, Language::En) => format!("{} ago", length(now - at, language)),
        (true, Language::Zh) => format!("{}前", length(now - at, language)),
        (false, Language::En) => format!("in {}", length(at - now, language)),
        (false, Language::Zh) => format!("{}后", length(at - now, language)),
    }
}

/// A point in time as people type it: how long ago (`2h`, `3d`), or a date or time, in `zone` where it names none.
pub fn since(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    leadloop_config::units::duration(text)
        .map(|length| now() - length)
        .or_else(|| Timestamp::parse(text, zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_units() {
        let say = |micros: i64| length(Micros(micros), Language::En);
        assert_eq!(say(-5), "0.0 s");
        assert_eq!(say(840_000), "0.8 s");
        assert_eq!(say(42_000_000), "42 s");
        assert_eq!(say(65_000_000), "1 min 5 s");
        assert_eq!(say(7_200_000_000), "2 h");
        assert_eq!(length(Micros::hours(76), Language::Zh), "3 天 4 小时");
        assert_eq!(ago(Timestamp(0), Timestamp(90_000_000), Language::Zh), "1 分 30 秒前");
        assert_eq!(ago(Timestamp(90_000_000), Timestamp(0), Language::En), "in 1 min 30 s");
    }

    #[test]
    fn clocks_stand_in_the_zone() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        assert_eq!(clock(Timestamp(0), &zone), "1970-01-01 08:00:00");
    }
}
