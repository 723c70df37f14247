//! Working time: which days and hours sales work, in which zone, and how far a length of working time reaches.
//!
//! Days come from the plan (weekdays, holidays, make-up working days); nothing here knows a country.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use crate::time::{Micros, Timestamp};

/// Most days one reckoning looks ahead: a calendar without working days must not hang anything.
const MOST_DAYS: u32 = 3_660;

/// Working time of a business.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// The zone its hours are in.
    pub zone: TimeZone,
    /// Working weekdays, Monday is 1.
    pub days: BTreeSet<i8>,
    /// Working hours of a day: from and to on the wall, in order, not overlapping.
    pub hours: Vec<(Time, Time)>,
    /// Days that differ: `true` is a make-up working day, `false` a holiday.
    pub special: BTreeMap<Date, bool>,
}

impl Calendar {
    /// Monday to Friday, 09:00–18:00, no holidays.
    #[must_use]
    pub fn weekdays(zone: TimeZone) -> Self {
        Self {
            zone,
            days: (1..=5).collect(),
            hours: vec![(Time::constant(9, 0, 0, 0), Time::constant(18, 0, 0, 0))],
            special: BTreeMap::new(),
        }
    }

    /// Whether people work on that day.
    #[must_use]
    pub fn works_on(&self, day: Date) -> bool {
        self.special.get(&day).copied().unwrap_or_else(|| {
            let number = match day.weekday() {
                Weekday::Monday => 1,
                Weekday::Tuesday => 2,
                Weekday::Wednesday => 3,
                Weekday::Thursday => 4,
                Weekday::Friday => 5,
                Weekday::Saturday => 6,
                Weekday::Sunday => 7,
            };
            self.days.contains(&number)
        })
    }

    /// The time at which so much working time has passed since `from`; `None` where the calendar has too few
    /// working days ahead.
    #[must_use]
    pub fn after_working(&self, from: Timestamp, length: Micros) -> Option<Timestamp> {
        let mut left = length.0.max(0);
        let start = from.in_zone(&self.zone);
        let mut day = start.date();
        for _ in 0..MOST_DAYS {
            if self.works_on(day) {
                for (open, close) in &self.hours {
                    let (open, close) = (self.at(day, *open)?, self.at(day, *close)?);
                    let begin = open.max(from);
                    if begin >= close {
                        continue;
                    }
                    let room = (close - begin).0;
                    if left <= room {
                        return Some(begin + Micros(left));
                    }
                    left -= room;
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// The same time of day, so many working days later; a time outside working hours counts from the next opening.
    #[must_use]
    pub fn after_working_days(&self, from: Timestamp, days: u32) -> Option<Timestamp> {
        let begin = self.after_working(from, Micros(0))?;
        let wall = begin.in_zone(&self.zone);
        let (mut day, time) = (wall.date(), wall.time());
        let mut left = days;
        for _ in 0..MOST_DAYS {
            if left == 0 {
                return self.at(day, time);
            }
            day = day.tomorrow().ok()?;
            if self.works_on(day) {
                left -= 1;
            }
        }
        None
    }

    fn at(&self, day: Date, time: Time) -> Option<Timestamp> {
        day.to_datetime(time).to_zoned(self.zone.clone()).ok().map(|zoned| zoned.timestamp().into())
    }
}
