//! Stage 1, capture: events that a source's `keep` does not want one by one. They are counted by visitor as they come, and
//! told as one touch when the visit is over: a million page views are some thousand visits.
//!
//! A visitor nobody knows yet is no lead. His visits wait until he is known (he left his phone, he logged in) and stand on
//! his timeline then; after [`FORGET_AFTER`] they go. Counting is for the store, whose lead it is for [`crate::absorb`].

use leadloop_mapping::{Record, Value};
use serde::{Deserialize, Serialize};

use crate::because::{Because, Reason};
use crate::capture::{CaptureKind, Captured, DedupKey, Identifier, Ties};
use crate::effect::{Effect, Reaction};
use crate::ids::SourceName;
use crate::moment::Moment;
use crate::time::{Micros, Timestamp};

/// The kind of touch that a visit is.
pub const TOUCH: &str = "web_visit";
/// A visit is over when nothing was seen for so long.
pub const QUIET: Micros = Micros::minutes(30);
/// A visit that does not end is told in parts of this length.
pub const LONGEST: Micros = Micros::hours(24);
/// Visits of visitors who stay unknown are forgotten after this time.
pub const FORGET_AFTER: Micros = Micros::days(90);
/// How long the key of a counted event is remembered: clients repeat themselves within days.
pub const KEY_FOR: Micros = Micros::days(7);
/// Most bytes of an event's name.
pub const LONGEST_EVENT: usize = 100;
/// Most names of events that a visit tells; the rest is a number.
const MOST_EVENTS: usize = 20;

/// One event that is counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// Which source told it.
    pub source: SourceName,
    /// The strongest of what says whose it was.
    pub who: Identifier,
    /// The event's name.
    pub event: String,
    /// When it happened.
    pub at: Timestamp,
    /// When it happened by the teller's own clock, as it was written down: the same in each telling.
    pub told: Option<Timestamp>,
    /// When it reached us.
    pub arrived: Timestamp,
    /// The same event told twice has the same key.
    pub key: DedupKey,
}

/// How often one kind of event was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The event's name.
    pub event: String,
    /// How often.
    pub count: i64,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

/// What was counted of one visitor.
#[derive(Clone, Debug, PartialEq)]
pub struct Visit {
    /// Which source saw it.
    pub source: SourceName,
    /// Who.
    pub who: Identifier,
    /// Whether that is somebody of the pool.
    pub known: bool,
    /// What was seen.
    pub events: Vec<Seen>,
    /// When the first of it reached us.
    pub since: Timestamp,
    /// When it is over, as far as is known now.
    pub over: Timestamp,
}

/// What becomes of a visit that was looked at now.
#[must_use]
pub fn look(visit: &Visit, moment: &mut Moment) -> Reaction {
    let now = moment.now;
    let (source, who) = (visit.source.clone(), visit.who.clone());
    let until =
        |at: Timestamp| Effect::EndVisit { source: source.clone(), who: who.clone(), until: Some(at) };
    let over = visit.over <= now || now - visit.since >= LONGEST;
    if !over {
        return Reaction { effects: vec![until(visit.over)], ..Reaction::default() };
    }
    if !visit.known && now - visit.since < FORGET_AFTER {
        // The longer nobody knew him, the less often it is worth asking.
        let wait = Micros(((now - visit.since).0 / 4).clamp(QUIET.0 / 6, Micros::hours(12).0));
        return Reaction { effects: vec![until(now + wait)], ..Reaction::default() };
    }
    let mut effects = Vec::new();
    let mut because = Because::default();
    if visit.known {
        let captured = told(visit, moment);
        because.capture = Some(captured.id);
        because.push(Reason::new("visit_over").with("source", &visit.source));
        effects.push(Effect::Keep(Box::new(captured)));
    }
    effects.push(Effect::EndVisit { source: source.clone(), who: who.clone(), until: None });
    Reaction { effects, because }
}

/// A visit as one touch: how much was seen, of what, from when to when.
fn told(visit: &Visit, moment: &mut Moment) -> Captured {
    let mut events = visit.events.clone();
    events.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.event.cmp(&b.event)));
    let first = events.iter().map(|seen| seen.first).min().unwrap_or(visit.since);
    let last = events.iter().map(|seen| seen.last).max().unwrap_or(visit.since);
    let all: i64 = events.iter().map(|seen| seen.count).sum();
    let mut names: Vec<Value> = Vec::new();
    for seen in events.iter().take(MOST_EVENTS) {
        names.push(Value::text(format!("{} ×{}", seen.event, seen.count)));
    }
    if events.len() > MOST_EVENTS {
        names.push(Value::text(format!("+{}", events.len() - MOST_EVENTS)));
    }
    let minutes = (last - first).0.max(0) / Micros::minutes(1).0;
    let fields = Record::new()
        .with("touch.count", Value::Int(all))
        .with("touch.events", Value::List(names))
        .with("touch.minutes", Value::Int(minutes));
    let (kind, value) = (&visit.who.kind.0, &visit.who.value);
    Captured {
        id: moment.id(),
        push: None,
        position: 0,
        source: visit.source.clone(),
        key: DedupKey::Event(format!("visit/{kind}/{value}/{}", visit.since.0)),
        at: last.min(moment.now),
        arrived: moment.now,
        kind: CaptureKind::Touch,
        touch: TOUCH.to_owned(),
        who: vec![visit.who.clone()],
        fields,
        ties: Ties::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_410_000_000_000);

    fn visit(known: bool, since: Micros, over: Timestamp) -> Visit {
        let seen = |event: &str, count, ago: i64| Seen {
            event: event.into(),
            count,
            first: NOW - Micros::minutes(ago),
            last: NOW - Micros::minutes(40),
        };
        Visit {
            source: SourceName::from("analytics"),
            who: Identifier::new("uba_id", "a1"),
            known,
            events: vec![seen("$WebClick", 2, 50), seen("$pageview", 37, 55)],
            since: NOW - since,
            over,
        }
    }

    fn looked(visit: &Visit) -> (Option<Captured>, Option<Option<Timestamp>>) {
        let mut kept = None;
        let mut ended = None;
        for effect in look(visit, &mut Moment::new(NOW, 1)).effects {
            match effect {
                Effect::Keep(captured) => kept = Some(*captured),
                Effect::EndVisit { until, .. } => ended = Some(until),
                other => panic!("{other:?}"),
            }
        }
        (kept, ended)
    }

    #[test]
    fn a_visit_that_is_over_is_one_touch_of_whom_we_know() {
        let (kept, ended) = looked(&visit(true, Micros::hours(1), NOW - Micros::seconds(1)));
        let kept = kept.unwrap();
        assert_eq!((kept.touch.as_str(), kept.at, ended), (TOUCH, NOW - Micros::minutes(40), Some(None)));
        assert_eq!(kept.fields.get("touch.count"), Some(&Value::Int(39)));
        assert_eq!(kept.fields.get("touch.minutes"), Some(&Value::Int(15)));
        let events = Value::List(vec!["$pageview ×37".into(), "$WebClick ×2".into()]);
        assert_eq!(kept.fields.get("touch.events"), Some(&events));
    }

    #[test]
    fn who_still_looks_around_is_waited_for_but_not_for_ever() {
        let later = NOW + Micros::minutes(10);
        assert_eq!(looked(&visit(true, Micros::hours(1), later)), (None, Some(Some(later))));
        assert!(looked(&visit(true, Micros::hours(25), later)).0.is_some(), "told in parts");
    }

    #[test]
    fn whom_nobody_knows_is_asked_about_ever_less_and_then_forgotten() {
        let mut before = Micros(0);
        for days in [0, 1, 2, 30, 89] {
            let (kept, ended) = looked(&visit(false, Micros::days(days), NOW));
            let wait = ended.unwrap().unwrap() - NOW;
            assert!(kept.is_none() && wait >= before && wait <= Micros::hours(12), "{days}");
            before = wait;
        }
        assert_eq!(looked(&visit(false, FORGET_AFTER, NOW)), (None, Some(None)));
    }
}
