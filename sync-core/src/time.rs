//! Points and lengths of time: microseconds UTC, handed in and never asked for.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A point in time: microseconds since 1970-01-01 UTC, as both databases keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A length of time in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(count: i64) -> Self {
        Self(count.saturating_mul(1_000_000))
    }
    /// So many milliseconds.
    #[must_use]
    pub const fn millis(count: i64) -> Self {
        Self(count.saturating_mul(1_000))
    }
    /// So many minutes.
    #[must_use]
    pub const fn minutes(count: i64) -> Self {
        Self::seconds(count.saturating_mul(60))
    }
    /// So many hours.
    #[must_use]
    pub const fn hours(count: i64) -> Self {
        Self::minutes(count.saturating_mul(60))
    }
    /// So many days of 24 hours.
    #[must_use]
    pub const fn days(count: i64) -> Self {
        Self::hours(count.saturating_mul(24))
    }
    /// The whole seconds.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0 / 1_000_000
    }
    /// The length as the standard library has it; negative becomes zero.
    #[must_use]
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_micros(u64::try_from(self.0).unwrap_or(0))
    }
}

impl Timestamp {
    /// Reads ISO 8601 with an offset or `Z`, or date (and time) without one in `zone`, or seconds or milliseconds
    /// since 1970 as digits. `None` where it is none of these.
    #[must_use]
    pub fn parse(text: &str, zone: &TimeZone) -> Option<Self> {
        let text = text.trim();
        if text.len() > 64 {
            return None;
        }
        if let Ok(exact) = jiff::Timestamp::from_str(text) {
            return Some(exact.into());
        }
        if text.len() >= 9 && text.bytes().all(|b| b.is_ascii_digit()) {
            let number: i64 = text.parse().ok()?;
            return Some(match text.len() {
                9..=10 => Self(number.checked_mul(1_000_000)?),
                11..=13 => Self(number.checked_mul(1_000)?),
                14..=16 => Self(number),
                _ => return None,
            });
        }
        let unified = text.replace(['/', '.', '年', '月'], "-").replace('日', "");
        let wall = jiff::civil::DateTime::from_str(&unified)
            .or_else(|_| jiff::civil::DateTime::from_str(text))
            .or_else(|_| jiff::civil::Date::strptime("%Y-%m-%d", &unified).map(|day| day.at(0, 0, 0, 0)))
            .or_else(|_| jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M", &unified))
            .ok()?;
        wall.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp().into())
    }

    /// The time on the wall in `zone`.
    #[must_use]
    pub fn in_zone(self, zone: &TimeZone) -> jiff::Zoned {
        jiff::Timestamp::from_microsecond(self.0)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_zoned(zone.clone())
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(time: jiff::Timestamp) -> Self {
        Self(time.as_microsecond())
    }
}
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}
impl Add<Micros> for Timestamp {
    type Output = Self;
    fn add(self, length: Micros) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}
impl Sub<Micros> for Timestamp {
    type Output = Self;
    fn sub(self, length: Micros) -> Self {
        Self(self.0.saturating_sub(length.0))
    }
}
impl Sub for Timestamp {
    type Output = Micros;
    fn sub(self, earlier: Self) -> Micros {
        Micros(self.0.saturating_sub(earlier.0))
    }
}
