//! Stage 6, outbox: whether a system may be spoken to just now.
//!
//! One [`Gates`] per link, driven by the node that holds the link. A system that is ill, throttles, has used up its quota or
//! does not let us in is left alone for a while instead of being asked by every delivery anew; then one delivery tries, and
//! its outcome opens the gate or shuts it for longer. Meanwhile nothing is lost: deliveries stay due and cost no attempt.
//! What an outcome means for its own delivery is decided by [`crate::settle`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::effect::Alarm;
use crate::ids::LinkName;
use crate::outbox::Outcome;
use crate::time::{Micros, Timestamp};

/// Exchanges of one kind that fail one after the other before its gate shuts.
pub const TRIP_AFTER: u32 = 5;
/// The shortest and the longest time a gate is shut, by what shut it.
const ILL: (Micros, Micros) = (Micros::seconds(1), Micros::seconds(30));
/// A system that cannot be reached at all is tried this often: a connection that is refused costs it nothing, and what
/// waits goes out at once when it is back.
const AWAY: (Micros, Micros) = (Micros::seconds(1), Micros::seconds(2));
const THROTTLED: (Micros, Micros) = (Micros::seconds(1), Micros::minutes(1));
const QUOTA: (Micros, Micros) = (Micros::minutes(15), Micros::hours(1));
const AUTH: (Micros, Micros) = (Micros::seconds(30), Micros::minutes(15));
/// A system's own hint is believed up to this long.
const LONGEST_HINT: Micros = Micros::hours(25);

/// Why and how long a gate is shut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shut {
    /// Since when, through all tries.
    pub since: Timestamp,
    /// Then one delivery tries.
    pub until: Timestamp,
    /// `unavailable`, `throttled`, `quota` or `auth`.
    pub class: String,
    /// The system's words, or what was seen.
    pub detail: String,
    /// How often it was shut again after a try.
    pub again: u32,
}

/// Failures in a row, and what came of them.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gate {
    /// Exchanges that failed one after the other.
    pub failures: u32,
    /// Set while it is shut.
    pub shut: Option<Shut>,
}

/// What a person decided about a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hand", rename_all = "snake_case")]
pub enum Hand {
    /// Nothing is sent; what is under way comes home.
    Paused {
        /// Since when.
        at: Timestamp,
        /// Who.
        by: String,
    },
    /// What stood in the outbox then is still sent, nothing that was made later.
    Draining {
        /// Since when.
        at: Timestamp,
        /// Who.
        by: String,
        /// The last delivery that is still sent, by its order of making.
        upto: i64,
    },
}

/// Whether something may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// As much as there is.
    Open,
    /// One delivery, to see.
    Try,
    /// Nothing before that time.
    Shut(Timestamp),
}

/// The gates of one link: one for the whole link (credentials, throttling, quota), one per kind of operation (a system may
/// be well but for its search).
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gates {
    /// For everything.
    pub link: Gate,
    /// By kind of operation ([`crate::outbox::Operation::kind`]).
    pub kinds: BTreeMap<String, Gate>,
}

/// The counter under which the gates of a link are kept.
#[must_use]
pub fn gates_key(link: &LinkName) -> String {
    format!("gates/{link}")
}

/// The counter under which a person's decision about a link is kept; `null` where there is none.
#[must_use]
pub fn hand_key(link: &LinkName) -> String {
    format!("hand/{link}")
}

impl Gate {
    fn passage(&self, now: Timestamp) -> Passage {
        match &self.shut {
            None => Passage::Open,
            Some(shut) if shut.until <= now => Passage::Try,
            Some(shut) => Passage::Shut(shut.until),
        }
    }

    /// Shuts it, for twice as long as the last time, or as long as the system asks for.
    fn shut(
        &mut self,
        class: &str,
        detail: &str,
        bounds: (Micros, Micros),
        hint: Option<Micros>,
        now: Timestamp,
    ) {
        if let Some(shut) = &self.shut
            && shut.until > now
            && shut.class == class
        {
            // Others that were under way at the same time: they tell nothing new, unless they were told to wait longer.
            let until = hint.map_or(shut.until, |hint| shut.until.max(now + hint.min(LONGEST_HINT)));
            self.shut = Some(Shut { until, ..shut.clone() });
            return;
        }
        // A refused login after some throttling is the first refused login: only the same trouble is waited for longer.
        let again = |shut: &Shut| if shut.class == class { shut.again.saturating_add(1) } else { 0 };
        let (since, again) = self.shut.as_ref().map_or((now, 0), |shut| (shut.since, again(shut)));
        let doubled = Micros(bounds.0.0.saturating_mul(1_i64 << again.min(20))).min(bounds.1);
        let wait = hint.map_or(doubled, |hint| hint.max(bounds.0).min(LONGEST_HINT));
        self.shut = Some(Shut {
            since,
            until: now + wait,
            class: class.to_owned(),
            detail: crate::case::short(detail, 300),
            again,
        });
    }
}

impl Gates {
    /// Whether operations of a kind may be sent: the narrower of the link's gate and the kind's.
    #[must_use]
    pub fn passage(&self, kind: &str, now: Timestamp) -> Passage {
        let of_kind = self.kinds.get(kind).map_or(Passage::Open, |gate| gate.passage(now));
        match (self.link.passage(now), of_kind) {
            (Passage::Shut(one), Passage::Shut(other)) => Passage::Shut(one.max(other)),
            (Passage::Shut(until), _) | (_, Passage::Shut(until)) => Passage::Shut(until),
            (Passage::Try, _) | (_, Passage::Try) => Passage::Try,
            (Passage::Open, Passage::Open) => Passage::Open,
        }
    }

    /// Whether every gate is open.
    #[must_use]
    pub fn all_open(&self) -> bool {
        self.shut().next().is_none()
    }

    /// Gates that are shut, with the kind they are for; `None` for the whole link.
    pub fn shut(&self) -> impl Iterator<Item = (Option<&str>, &Shut)> {
        let link = self.link.shut.iter().map(|shut| (None, shut));
        link.chain(
            self.kinds.iter().filter_map(|(kind, gate)| Some((Some(kind.as_str()), gate.shut.as_ref()?))),
        )
    }

    /// What an exchange of a kind brought. Whether it changed what may be sent.
    pub fn hear(&mut self, kind: &str, outcomes: &[Outcome], now: Timestamp) -> bool {
        let before: Vec<(Option<String>, Shut)> = self.owned();
        for outcome in outcomes {
            match outcome {
                Outcome::Unauthorized { detail } => self.link.shut("auth", detail, AUTH, None, now),
                Outcome::Throttled { retry_after, quota: true } => {
                    self.link.shut("quota", "", QUOTA, *retry_after, now);
                }
                Outcome::Throttled { retry_after, quota: false } => {
                    self.link.shut("throttled", "", THROTTLED, *retry_after, now);
                }
                _ => {}
            }
        }
        let not_now =
            |outcome: &Outcome| matches!(outcome, Outcome::Throttled { .. } | Outcome::Unauthorized { .. });
        let ill = |outcome: &Outcome| matches!(outcome, Outcome::Unavailable { .. });
        if outcomes.iter().any(|outcome| !not_now(outcome) && !ill(outcome)) {
            // The system answered: it is there and lets us in.
            self.kinds.remove(kind);
            if !outcomes.iter().any(not_now) {
                self.link = Gate::default();
            }
        } else if let Some(Outcome::Unavailable { detail, sent }) =
            outcomes.iter().find(|outcome| ill(outcome))
        {
            let gate = self.kinds.entry(kind.to_owned()).or_default();
            gate.failures = gate.failures.saturating_add(1);
            if gate.failures >= TRIP_AFTER || gate.shut.is_some() {
                gate.shut("unavailable", detail, if *sent { ILL } else { AWAY }, None, now);
            }
        }
        before != self.owned()
    }

    fn owned(&self) -> Vec<(Option<String>, Shut)> {
        self.shut().map(|(kind, shut)| (kind.map(str::to_owned), shut.clone())).collect()
    }

    /// The alarms that follow from a change: what is shut now and was open before, and the other way round. Throttling is
    /// everyday business; refused credentials have an alarm of their own.
    #[must_use]
    pub fn alarms(&self, before: &Self, link: &LinkName, now: Timestamp) -> Vec<Alarm> {
        let worth = |gates: &Self| -> BTreeMap<String, (String, String)> {
            gates
                .shut()
                .filter_map(|(kind, shut)| {
                    let of = kind.unwrap_or("all");
                    let told = match shut.class.as_str() {
                        "unavailable" => (
                            "LL3210",
                            format!(
                                "`{link}` does not answer ({of}): {}; one delivery tries from time to time",
                                shut.detail
                            ),
                        ),
                        "quota" => {
                            ("LL3211", format!("`{link}` says that its quota is used up; what is due waits"))
                        }
                        _ => return None,
                    };
                    Some((format!("gate/{link}/{of}"), (told.0.to_owned(), told.1)))
                })
                .collect()
        };
        let (was, is) = (worth(before), worth(self));
        let raised =
            is.iter().filter(|(key, _)| !was.contains_key(*key)).map(|(key, told)| (key, told, true));
        let cleared =
            was.iter().filter(|(key, _)| !is.contains_key(*key)).map(|(key, told)| (key, told, false));
        raised
            .chain(cleared)
            .map(|(key, (code, detail), raised)| Alarm {
                key: key.clone(),
                code: code.clone(),
                detail: if raised { detail.clone() } else { String::new() },
                raised,
                at: now,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Reply;

    const NOW: Timestamp = Timestamp(1_795_399_200_000_000);

    fn ill() -> Outcome {
        Outcome::Unavailable { sent: true, detail: "502".to_owned() }
    }

    fn at(secs: i64) -> Timestamp {
        NOW + Micros::seconds(secs)
    }

    #[test]
    fn a_kind_that_fails_in_a_row_is_shut_and_tried_ever_more_seldom() {
        let mut gates = Gates::default();
        for _ in 1..TRIP_AFTER {
            assert!(!gates.hear("create", &[ill()], NOW));
            assert_eq!(gates.passage("create", NOW), Passage::Open);
        }
        assert!(gates.hear("create", &[ill()], NOW));
        assert_eq!(gates.passage("create", NOW), Passage::Shut(at(1)));
        assert_eq!(gates.passage("find", NOW), Passage::Open);
        assert_eq!(gates.passage("create", at(1)), Passage::Try);
        gates.hear("create", &[ill()], at(1));
        assert_eq!(gates.passage("create", at(2)), Passage::Shut(at(3)));
        let mut now = at(3);
        for _ in 0..20 {
            gates.hear("create", &[ill()], now);
            let Passage::Shut(until) = gates.passage("create", now) else { panic!("it is shut") };
            assert!(until - now <= Micros::seconds(30));
            now = until;
        }
        assert!(gates.hear("create", &[Outcome::Done(Reply::Told)], now));
        assert!(gates.all_open());
    }

    #[test]
    fn successes_between_failures_keep_it_open() {
        let mut gates = Gates::default();
        for _ in 0..50 {
            gates.hear("update", &[ill()], NOW);
            gates.hear("update", &[ill()], NOW);
            gates.hear("update", &[Outcome::Gone { detail: String::new() }], NOW);
        }
        assert!(gates.all_open());
    }

    #[test]
    fn a_hint_of_the_system_wins_and_holds_for_all_kinds() {
        let mut gates = Gates::default();
        let wait = |secs| Outcome::Throttled { retry_after: Some(Micros::seconds(secs)), quota: false };
        assert!(gates.hear("find", &[wait(30)], NOW));
        assert_eq!(gates.passage("create", NOW), Passage::Shut(at(30)));
        gates.hear("find", &[wait(10)], at(1));
        assert_eq!(gates.passage("create", at(1)), Passage::Shut(at(30)));
        gates.hear("find", &[wait(60)], at(2));
        assert_eq!(gates.passage("create", at(2)), Passage::Shut(at(62)));
        gates.hear("create", &[Outcome::Done(Reply::Told)], at(62));
        assert!(gates.all_open());
    }

    #[test]
    fn quota_and_refused_credentials_stop_the_link_at_once() {
        for outcome in [
            Outcome::Throttled { retry_after: None, quota: true },
            Outcome::Unauthorized { detail: "no".to_owned() },
        ] {
            let mut gates = Gates::default();
            assert!(gates.hear("create", std::slice::from_ref(&outcome), NOW));
            assert!(matches!(gates.passage("changes", NOW), Passage::Shut(_)));
        }
    }

    #[test]
    fn another_trouble_is_waited_for_as_for_the_first_time() {
        let mut gates = Gates::default();
        let (mut now, throttled) = (NOW, Outcome::Throttled { retry_after: None, quota: false });
        for _ in 0..6 {
            assert!(gates.hear("create", std::slice::from_ref(&throttled), now));
            let Passage::Shut(until) = gates.passage("create", now) else { panic!("{gates:?}") };
            now = until;
        }
        gates.hear("create", &[Outcome::Unauthorized { detail: "no".to_owned() }], now);
        assert_eq!(gates.passage("create", now), Passage::Shut(now + AUTH.0));
    }

    #[test]
    fn an_alarm_is_raised_once_and_cleared_once() {
        let link = LinkName::from("sales");
        let mut gates = Gates::default();
        let mut alarms = Vec::new();
        let mut told = |gates: &mut Gates, outcome: Outcome, now| {
            let before = gates.clone();
            gates.hear("create", &[outcome], now);
            alarms.extend(
                gates.alarms(&before, &link, now).into_iter().map(|alarm| (alarm.code, alarm.raised)),
            );
        };
        for _ in 0..8 {
            told(&mut gates, ill(), NOW);
        }
        told(&mut gates, ill(), at(5));
        told(&mut gates, Outcome::Done(Reply::Told), at(20));
        told(&mut gates, Outcome::Done(Reply::Told), at(21));
        assert_eq!(alarms, [("LL3210".to_owned(), true), ("LL3210".to_owned(), false)]);
    }
}
