//! Beside the road: is a source that is silent ill, and does a source that speaks still say what it used to?
//!
//! What is usual is what the same hours of the same weekday brought in the four weeks before: a form that sleeps on Sundays is
//! not ill on a Sunday. Counting is for the store, saying it for the shell.

use crate::time::{Micros, Timestamp};

/// Weeks that are looked back on.
pub const WEEKS: i64 = 4;
/// Fewer weeks than this say nothing about what is usual.
const FEWEST_WEEKS: usize = 2;
/// So many would have to be missing on average before silence means anything: by chance that happens once in some thousand
/// times.
const MISSED: i64 = 8;
/// Refused records of a day below which nobody is woken.
const FEWEST_REFUSED: i64 = 10;

/// What a source brought in some span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// Pushes that arrived.
    pub pushes: i64,
    /// Records that were taken.
    pub taken: i64,
    /// Records that were set aside.
    pub refused: i64,
    /// Whether the source had been heard before that span.
    pub known: bool,
}

impl Brought {
    /// Signs of life: a push of page views brings no record and is one all the same.
    #[must_use]
    pub fn signs(&self) -> i64 {
        self.pushes.max(self.taken)
    }

    fn share_refused(&self) -> f64 {
        let all = self.taken.saturating_add(self.refused).max(1);
        #[expect(clippy::cast_precision_loss, reason = "counts of a day are far below 2^52")]
        let share = self.refused as f64 / all as f64;
        share
    }
}

/// What is known of a source when it is judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watched {
    /// The last sign of life.
    pub last: Option<Timestamp>,
    /// The span since then, in each of the weeks before; newest first.
    pub usual: Vec<Brought>,
    /// The last day.
    pub day: Brought,
    /// The same day of the week before.
    pub before: Brought,
}

/// What is wrong with a source.
#[derive(Clone, Debug, PartialEq)]
pub enum Wrong {
    /// Nothing came where `usual` used to.
    Silent {
        /// Since when.
        since: Timestamp,
        /// What the same hours brought in the weeks before, on average.
        usual: i64,
    },
    /// Far more of what comes is set aside than used to be.
    Refused {
        /// Of the last day, in percent.
        share: i64,
        /// Before, in percent.
        usual: i64,
    },
}

/// The spans that a source which was last heard at `last` is judged by: (begin, end), one week apart, newest first.
#[must_use]
pub fn spans(last: Timestamp, now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    // What was silent for a week is looked at by its last week: longer spans would only say the same.
    let begin = last.max(now - Micros::days(7));
    (1..=WEEKS).map(|week| (begin - Micros::days(7 * week), now - Micros::days(7 * week))).collect()
}

/// What is wrong with a source, the gravest first.
#[must_use]
pub fn judge(watched: &Watched) -> Option<Wrong> {
    // The first week of a new source is no custom.
    let known: Vec<i64> = watched.usual.iter().filter(|week| week.known).map(Brought::signs).collect();
    let usual = known.iter().sum::<i64>() / i64::try_from(known.len().max(1)).unwrap_or(1);
    let always = known.iter().all(|signs| *signs > 0);
    if known.len() >= FEWEST_WEEKS
        && always
        && usual >= MISSED
        && let Some(since) = watched.last
    {
        return Some(Wrong::Silent { since, usual });
    }
    let (share, before) = (watched.day.share_refused(), watched.before.share_refused());
    if watched.day.refused >= FEWEST_REFUSED && share >= 0.2 && share >= 3.0 * before {
        #[expect(clippy::cast_possible_truncation, reason = "a share is at most one")]
        let percent = |share: f64| (share * 100.0).round() as i64;
        return Some(Wrong::Refused { share: percent(share), usual: percent(before) });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brought(taken: i64, refused: i64) -> Brought {
        Brought { pushes: taken, taken, refused, known: true }
    }

    #[test]
    fn silence_counts_only_where_the_same_hours_used_to_be_busy() {
        let last = Timestamp(1_795_410_000_000_000);
        let silent = |weeks: &[i64]| {
            let usual = weeks.iter().map(|taken| brought(*taken, 0)).collect();
            judge(&Watched { last: Some(last), usual, ..Watched::default() })
        };
        assert_eq!(silent(&[9, 12, 8, 11]), Some(Wrong::Silent { since: last, usual: 10 }));
        assert_eq!(silent(&[0, 40, 40, 40]), None, "a week without anything was fine too");
        assert_eq!(silent(&[2, 3, 2, 1]), None, "so few are missing by chance");
        assert_eq!(silent(&[50]), None, "one week is no custom");
        assert_eq!(silent(&[]), None);
        let new = Brought { known: false, ..brought(50, 0) };
        assert_eq!(
            judge(&Watched { last: Some(last), usual: vec![brought(50, 0), new], ..Watched::default() }),
            None
        );
    }

    #[test]
    fn the_spans_are_the_same_hours_of_the_same_weekday() {
        let now = Timestamp(1_795_410_000_000_000);
        let last = now - Micros::hours(3);
        let spans = spans(last, now);
        assert_eq!(spans.len(), 4);
        assert_eq!(spans[0], (last - Micros::days(7), now - Micros::days(7)));
        assert_eq!(spans[3], (last - Micros::days(28), now - Micros::days(28)));
        let long = super::spans(now - Micros::days(90), now);
        assert_eq!(long[0].1.0 - long[0].0.0, Micros::days(7).0, "never longer than a week");
    }

    #[test]
    fn a_source_that_is_mostly_refused_all_at_once_is_ill() {
        let judged = |day: Brought, before: Brought| judge(&Watched { day, before, ..Watched::default() });
        assert_eq!(judged(brought(10, 30), brought(1_000, 10)), Some(Wrong::Refused { share: 75, usual: 1 }));
        assert_eq!(judged(brought(10, 5), brought(1_000, 10)), None, "five are nobody's night");
        assert_eq!(judged(brought(60, 40), brought(600, 400)), None, "it always was so");
        assert_eq!(judged(brought(0, 0), brought(0, 0)), None);
    }
}
