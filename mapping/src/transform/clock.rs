//! Days and points in time, between our ISO 8601 and the ways other systems write them. Zones come from the bundled
//! database only, so that every machine reads the same.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

/// The zone of that IANA name.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// A point in time as our records keep it: UTC with `Z`, microseconds at most.
pub(crate) fn show_time(time: Timestamp) -> String {
    let micros = Timestamp::from_microsecond(time.as_microsecond());
    micros.unwrap_or(time).to_string()
}

/// Reads ISO 8601 with an offset, or without one as a time in `zone`; a day alone is its midnight there.
pub(crate) fn read_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    // Salesforce writes `+0000`, which ISO 8601 allows only in its basic form.
    let colon = basic_offset(text);
    let text = colon.as_deref().unwrap_or(text);
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let civil = text.parse::<DateTime>().ok().or_else(|| text.parse::<Date>().ok().map(midnight))?;
    zone.to_timestamp(civil).ok()
}

/// The day in a text that starts with one (`2026-11-23`, `2026-11-23T08:00:00Z`), as it is written.
pub(crate) fn read_date(text: &str) -> Option<Date> {
    let text = text.trim();
    if text.len() == 10 {
        return text.parse().ok();
    }
    let separated = matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' '));
    separated.then(|| text.get(..10)).flatten()?.parse().ok()
}

/// The day `text` falls on in `zone`: a day stays what it is, a time is looked at from there.
pub(crate) fn day_in(text: &str, zone: &TimeZone) -> Option<Date> {
    let text = text.trim();
    if text.len() == 10 {
        return text.parse().ok();
    }
    Some(zone.to_datetime(read_time(text, zone)?).date())
}

/// `time` written by `format` (strftime) as the clocks in `zone` show it.
pub(crate) fn write(time: Timestamp, zone: &TimeZone, format: &str) -> Option<String> {
    strtime::format(format, &time.to_zoned(zone.clone())).ok()
}

/// `date` written by `format`.
pub(crate) fn write_date(date: Date, format: &str) -> Option<String> {
    strtime::format(format, date).ok()
}

/// Reads what [`write`] wrote; where the format has no offset, as a time in `zone`.
pub(crate) fn read(text: &str, zone: &TimeZone, format: &str) -> Option<Timestamp> {
    let parts = strtime::parse(format, text.trim()).ok()?;
    if let Ok(time) = parts.to_timestamp() {
        return Some(time);
    }
    let civil = parts.to_datetime().ok().or_else(|| parts.to_date().ok().map(midnight))?;
    zone.to_timestamp(civil).ok()
}

/// Reads a day by `format`.
pub(crate) fn read_date_by(text: &str, format: &str) -> Option<Date> {
    strtime::parse(format, text.trim()).ok()?.to_date().ok()
}

/// Midnight of `date` in `zone`.
pub(crate) fn start_of(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_timestamp(midnight(date)).ok()
}

/// Whether `format` is one that can be written and read.
pub(crate) fn is_format(format: &str, needs_time: bool) -> bool {
    let Ok(sample) = Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_secs(1_000_000_000)) else {
        return false;
    };
    let Some(written) = write(sample, &TimeZone::UTC, format) else { return false };
    if needs_time {
        // To the minute is enough; what is read back must be the same day at least.
        return read(&written, &TimeZone::UTC, format)
            .is_some_and(|read| (sample.as_second() - read.as_second()).abs() < 86_400);
    }
    read_date_by(&written, format) == Some(TimeZone::UTC.to_datetime(sample).date())
}

fn midnight(date: Date) -> DateTime {
    date.at(0, 0, 0, 0)
}

/// `2026-11-23T08:00:00.000+0000` with the colon that readers want.
fn basic_offset(text: &str) -> Option<String> {
    let split = text.len().checked_sub(5)?;
    let (head, offset) = (text.get(..split)?, text.get(split..)?);
    let digits = offset.get(1..)?;
    let signed = offset.starts_with(['+', '-']) && digits.bytes().all(|b| b.is_ascii_digit());
    (signed && head.contains(':')).then(|| {
        format!("{head}{}:{}", &offset.get(..3).unwrap_or_default(), &offset.get(3..).unwrap_or_default())
    })
}
