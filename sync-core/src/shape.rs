//! Beside the road: does a source still say what it used to say of each lead?
//!
//! A form whose phone field was renamed goes on bringing leads: none is refused, and sales wait for numbers that do not come. So
//! for each kind of touch of a source it is counted how many had each field, and the last ones are held against those of
//! the weeks before. Counting is for the store, saying it for the shell.

use std::collections::{BTreeMap, BTreeSet};

use crate::aliases;
use crate::capture::Captured;
use crate::time::{Micros, Timestamp};

/// Counts are kept by spans of this length.
pub const SPAN: Micros = Micros::hours(6);
/// How far back what is usual is counted: what stays away for longer than half of it is the new custom.
pub const USUAL: Micros = Micros::days(21);
/// How far back the last ones may reach.
pub const LATELY: Micros = Micros::days(3);
/// Most fields of a kind of touch that are counted, and most kinds of a source.
pub const MOST_FIELDS: usize = 80;
/// See [`MOST_FIELDS`].
pub const MOST_KINDS: usize = 12;

/// Fewer captures than this say nothing about what is said lately.
const FEWEST: i64 = 20;
/// Fewer captures than this say nothing about what is usual.
const FEWEST_USUAL: i64 = 50;
/// So many would have to be missing before absence means anything: by chance that happens once in some thousand times.
const MISSED: i64 = 15;
/// A new field is worth a word when so many of a hundred have it.
const MOST_HAVE: i64 = 50;
/// A field that so few of a hundred had is new.
const HARDLY_ANY: i64 = 2;

/// How many captures of one kind came in a span, and how many had a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The kind of touch.
    pub touch: String,
    /// The field; empty: all captures of that kind.
    pub field: String,
    /// Where the span begins.
    pub span: Timestamp,
    /// How many.
    pub count: i64,
    /// One of them, for people to look at; with the count of all only.
    pub sample: Option<String>,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Those that had it.
    pub with: i64,
    /// All.
    pub of: i64,
}

impl Share {
    /// Of a hundred, so many.
    #[must_use]
    pub fn percent(self) -> i64 {
        self.with.saturating_mul(100).checked_div(self.of).unwrap_or(0)
    }
}

/// A field of a kind of touch: how usual it is, and how it was lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The kind of touch.
    pub touch: String,
    /// The field.
    pub field: String,
    /// In the weeks before.
    pub usual: Share,
    /// Lately.
    pub lately: Share,
    /// One of the last captures.
    pub sample: Option<String>,
}

/// What is odd about a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// It used to be there.
    Gone,
    /// It never was there, most have it now, and the pool does not know it.
    New,
}

impl Held {
    /// What is odd about it.
    #[must_use]
    pub fn odd(&self) -> Option<Odd> {
        let (usual, lately) = (self.usual, self.lately);
        if usual.of < FEWEST_USUAL || lately.of < FEWEST {
            return None;
        }
        let expected = usual.with.saturating_mul(lately.of) / usual.of;
        if expected >= MISSED && lately.with.saturating_mul(5) <= expected {
            return Some(Odd::Gone);
        }
        let new = usual.percent() <= HARDLY_ANY && lately.percent() >= MOST_HAVE;
        (new && is_unknown(&self.field)).then_some(Odd::New)
    }
}

/// Whether the pool has no name for a field: it only describes the touch, and is no campaign parameter either.
fn is_unknown(field: &str) -> bool {
    let Some(name) = field.strip_prefix("touch.") else { return false };
    name != "notes" && aliases::attribution(name).is_none()
}

/// The span a time lies in.
#[must_use]
pub const fn span_of(at: Timestamp) -> Timestamp {
    Timestamp(at.0.div_euclid(SPAN.0) * SPAN.0)
}

/// Holds what came lately against what is usual, field by field: those that are odd first, then by kind and name.
#[must_use]
pub fn held(counts: &[Count], now: Timestamp) -> Vec<Held> {
    let mut kinds: BTreeMap<&str, Vec<&Count>> = BTreeMap::new();
    for count in counts {
        kinds.entry(&count.touch).or_default().push(count);
    }
    let mut all = Vec::new();
    for (touch, counts) in kinds {
        let begins = lately(&counts, now);
        let earliest = now - USUAL;
        let sum = |field: &str, late: bool| -> i64 {
            let of = counts.iter().filter(|count| count.field == field && count.span >= earliest);
            of.filter(|count| (count.span >= begins) == late).map(|count| count.count).sum()
        };
        let (of_usual, of_lately) = (sum("", false), sum("", true));
        let newest = counts.iter().filter(|count| count.sample.is_some()).max_by_key(|count| count.span);
        let sample = newest.and_then(|count| count.sample.clone());
        let fields: BTreeSet<&str> =
            counts.iter().map(|count| count.field.as_str()).filter(|field| !field.is_empty()).collect();
        all.extend(fields.into_iter().map(|field| Held {
            touch: touch.to_owned(),
            field: field.to_owned(),
            usual: Share { with: sum(field, false), of: of_usual },
            lately: Share { with: sum(field, true), of: of_lately },
            sample: sample.clone(),
        }));
    }
    all.sort_by_key(|held| held.odd().is_none());
    all
}

/// Where the last ones begin: as many spans as bring enough of them, but no further back than [`LATELY`].
fn lately(counts: &[&Count], now: Timestamp) -> Timestamp {
    let mut spans: Vec<(Timestamp, i64)> = counts
        .iter()
        .filter(|count| count.field.is_empty() && count.span > now - LATELY)
        .map(|count| (count.span, count.count))
        .collect();
    spans.sort_by_key(|(span, _)| std::cmp::Reverse(*span));
    let (mut begins, mut seen) = (span_of(now), 0);
    for (span, count) in spans {
        if seen >= FEWEST {
            break;
        }
        begins = begins.min(span);
        seen += count;
    }
    begins
}

/// Of one span: captures, those with each field, and the last one seen.
type Counted = (i64, BTreeMap<String, i64>, Option<String>);

/// Counts that were made and not stored yet: of one kind of touch of one source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Names of fields that are counted; the first ones that were told.
    fields: BTreeSet<String>,
    spans: BTreeMap<Timestamp, Counted>,
}

impl Tally {
    /// Counts a capture. Beyond [`MOST_FIELDS`] names of fields no further ones are counted.
    pub fn see(&mut self, captured: &Captured) {
        let (all, fields, sample) = self.spans.entry(span_of(captured.arrived)).or_default();
        *all += 1;
        *sample = Some(captured.id.to_string());
        for (name, value) in captured.fields.iter() {
            if value.is_blank() || !self.fields.contains(name) && self.fields.len() >= MOST_FIELDS {
                continue;
            }
            self.fields.insert(name.to_owned());
            *fields.entry(name.to_owned()).or_default() += 1;
        }
    }

    /// Gives what was counted since the last time; the names of fields stay known.
    pub fn take(&mut self, touch: &str) -> Vec<Count> {
        let mut counts = Vec::new();
        for (span, (all, fields, sample)) in std::mem::take(&mut self.spans) {
            let count =
                |field: String, count, sample| Count { touch: touch.to_owned(), field, span, count, sample };
            counts.push(count(String::new(), all, sample));
            counts.extend(fields.into_iter().map(|(field, with)| count(field, with, None)));
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_410_000_000_000);

    fn count(field: &str, ago: Micros, count: i64) -> Count {
        let sample = field.is_empty().then(|| format!("sample-{count}"));
        Count { touch: "form_submitted".into(), field: field.into(), span: span_of(NOW - ago), count, sample }
    }

    /// `with` of `of` in each of twenty days; then lately.
    fn odd(field: &str, (with, of): (i64, i64), (late_with, late_of): (i64, i64)) -> Option<Odd> {
        let mut counts = vec![count("", Micros(0), late_of), count(field, Micros(0), late_with)];
        for day in 1..=20 {
            counts.push(count("", Micros::days(day), of));
            counts.push(count(field, Micros::days(day), with));
        }
        held(&counts, NOW).first().and_then(Held::odd)
    }

    #[test]
    fn a_field_that_used_to_be_there_is_missed() {
        assert_eq!(odd("phone", (10, 10), (0, 30)), Some(Odd::Gone));
        assert_eq!(odd("phone", (10, 10), (5, 30)), Some(Odd::Gone), "old tabs of the form still send it");
        assert_eq!(odd("phone", (10, 10), (20, 30)), None, "a third without is a bad day, not another form");
        assert_eq!(odd("title", (2, 10), (0, 30)), None, "six are missing: that happens");
        assert_eq!(odd("title", (2, 10), (0, 80)), Some(Odd::Gone));
    }

    #[test]
    fn a_slow_source_does_not_alarm_on_three_leads() {
        assert_eq!(odd("phone", (10, 10), (0, 3)), None);
        assert_eq!(odd("phone", (1, 1), (0, 19)), None, "nineteen are not enough");
        assert_eq!(odd("phone", (2, 2), (0, 30)), None, "forty are no custom yet");
        assert_eq!(odd("phone", (3, 3), (0, 30)), Some(Odd::Gone));
    }

    #[test]
    fn a_new_field_that_most_have_is_told_where_the_pool_does_not_know_it() {
        assert_eq!(odd("touch.mobile_no", (0, 10), (25, 30)), Some(Odd::New));
        assert_eq!(odd("touch.mobile_no", (0, 10), (10, 30)), None, "some have it");
        assert_eq!(odd("touch.mobile_no", (1, 10), (30, 30)), None, "it was there before");
        assert_eq!(odd("company", (0, 10), (30, 30)), None, "the pool knows it: all the better");
        assert_eq!(odd("touch.utm_term", (0, 10), (30, 30)), None, "a new campaign");
        assert_eq!(odd("touch.notes", (0, 10), (30, 30)), None, "these are our own");
    }

    #[test]
    fn the_last_ones_are_as_many_spans_as_it_takes() {
        // Eight a day: twenty came within three days.
        let mut counts = vec![count("phone", Micros(0), 0)];
        for day in 0..3 {
            counts.push(count("", Micros::days(day), 8));
        }
        for day in 3..20 {
            counts.push(count("", Micros::days(day), 8));
            counts.push(count("phone", Micros::days(day), 8));
        }
        let held = held(&counts, NOW);
        assert_eq!((held[0].lately, held[0].odd()), (Share { with: 0, of: 24 }, Some(Odd::Gone)));
        assert_eq!((held[0].usual.percent(), held[0].sample.as_deref()), (100, Some("sample-8")));
    }

    #[test]
    fn what_stays_away_becomes_the_custom() {
        let gone_for = |days: i64| {
            let mut counts = vec![];
            for day in 0..21 {
                counts.push(count("", Micros::days(day), 30));
                counts.push(count("phone", Micros::days(day), if day < days { 0 } else { 30 }));
            }
            held(&counts, NOW)[0].odd()
        };
        assert_eq!((gone_for(1), gone_for(9), gone_for(20)), (Some(Odd::Gone), Some(Odd::Gone), None));
    }

    #[test]
    fn a_tally_counts_a_bounded_number_of_fields_and_begins_anew() {
        use crate::capture::{CaptureKind, DedupKey, Ties};
        use leadloop_mapping::{Record, Value};
        let mut tally = Tally::default();
        let capture = |names: std::ops::Range<usize>| {
            let mut fields = Record::new().with("phone", "1").with("blank", "");
            names.for_each(|name| fields.set(format!("touch.f{name:03}"), Value::Int(1)));
            Captured {
                id: crate::moment::Moment::new(NOW, 1).id(),
                push: None,
                position: 0,
                source: "web".into(),
                key: DedupKey::Event("1".into()),
                at: NOW,
                arrived: NOW,
                kind: CaptureKind::Touch,
                touch: "form_submitted".into(),
                who: vec![],
                fields,
                ties: Ties::default(),
            }
        };
        tally.see(&capture(0..200));
        tally.see(&capture(200..300));
        let counts = tally.take("form_submitted");
        assert_eq!(counts.len(), 1 + MOST_FIELDS);
        let of = |field: &str| counts.iter().find(|count| count.field == field).map(|count| count.count);
        assert_eq!(
            (of(""), of("phone"), of("touch.f000"), of("touch.f250"), of("blank")),
            (Some(2), Some(2), Some(1), None, None)
        );
        assert_eq!(counts[0].sample, Some(capture(0..0).id.to_string()));
        assert_eq!(tally.take("form_submitted"), [], "nothing is counted twice");
    }
}
