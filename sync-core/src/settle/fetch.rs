//! What reading a source brought: records become captures as if they had been pushed, and the place where the next reading
//! begins moves with them, in one step. So an outage, of theirs or ours, leaves no gap.
//!
//! What is read twice is known by its key. A record that cannot be taken waits in quarantine, once, however often it is
//! read.

use super::poll::{after_failure, refused_key};
use super::{auth_key, note};
use crate::because::{Because, Reason};
use crate::capture::{Quarantined, RawLead};
use crate::effect::{Alarm, Effect, Held, Reaction};
use crate::ids::PushId;
use crate::intake::{self, Taken};
use crate::moment::Moment;
use crate::outbox::{Delivery, DeliveryState, Fetched, Operation, Outcome, Reply};
use crate::policy::{Policy, Polling, SourcePolicy};
use crate::time::Timestamp;

/// What follows from the end of a reading.
pub(super) fn settle(
    delivery: &Delivery,
    outcome: &Outcome,
    (source, polling): (&SourcePolicy, &Polling),
    policy: &Policy,
    moment: &mut Moment,
) -> Reaction {
    let mut reading = Reading {
        delivery,
        policy,
        now: moment.now,
        reaction: Reaction {
            because: Because { delivery: Some(delivery.id), ..Because::default() },
            ..Reaction::default()
        },
    };
    let list = delivery.operation.object();
    match outcome {
        _ if !polling.lists.iter().any(|known| known == list) => reading.retire(),
        Outcome::Done(Reply::Leads(fetched)) => {
            let taken = reading.take(source, fetched, moment);
            let due = if fetched.more { moment.now } else { moment.now + polling.every };
            reading.done(fetched, taken, due);
        }
        other => reading.failed(other),
    }
    reading.reaction
}

struct Reading<'a> {
    delivery: &'a Delivery,
    policy: &'a Policy,
    now: Timestamp,
    reaction: Reaction,
}

impl Reading<'_> {
    /// Keeps what was read; how many records became captures.
    fn take(&mut self, source: &SourcePolicy, fetched: &Fetched, moment: &mut Moment) -> usize {
        let mut refused: Vec<Quarantined> = fetched.unreadable.clone();
        let mut taken = 0;
        for raw in &fetched.leads {
            match intake::intake(raw, source, self.policy, self.now, None, moment) {
                Ok(Taken::Captured(captured)) => {
                    taken += 1;
                    self.reaction.effects.push(Effect::Keep(captured));
                }
                Ok(Taken::Counted(_) | Taken::Unwanted) => {}
                Err(record) => refused.push(*record),
            }
        }
        for record in refused {
            let held = Held {
                push: push_of(source, &record.raw, self.now),
                source: source.name.clone(),
                at: self.now,
                list: self.delivery.operation.object().to_owned(),
                record,
            };
            self.reaction.effects.push(Effect::Hold(Box::new(held)));
        }
        taken
    }

    fn done(&mut self, fetched: &Fetched, taken: usize, due_at: Timestamp) {
        if self.delivery.attempt > 1 {
            self.alarm(auth_key(&self.delivery.link), "LL3201", String::new(), false);
            self.alarm(refused_key(self.delivery), "LL3202", String::new(), false);
        }
        let object = self.delivery.operation.object().to_owned();
        self.reaction.because.push(Reason::new("source_read").with("list", &object).with("records", taken));
        self.reaction.effects.push(Effect::MoveDelivery {
            id: self.delivery.id,
            attempt: self.delivery.attempt,
            to: DeliveryState::Due,
            due_at,
            probe: None,
            operation: Some(Box::new(Operation::Changes { object, cursor: fetched.next.clone() })),
            reset: true,
            note: note(&Outcome::Done(Reply::Told), self.now),
        });
    }

    /// A reading is never given up: it waits and says so.
    fn failed(&mut self, outcome: &Outcome) {
        let (due, alarm) = after_failure(self.policy, self.delivery, outcome, self.now);
        if let Some((key, code, detail)) = alarm {
            self.alarm(key, code, detail, true);
        }
        let object = self.delivery.operation.object();
        self.reaction.because.push(Reason::new("poll_failed").with("object", object));
        self.moved(DeliveryState::Due, due, outcome);
    }

    /// The list left the config.
    fn retire(&mut self) {
        self.moved(DeliveryState::Settled, self.now, &Outcome::Done(Reply::Told));
    }

    fn moved(&mut self, to: DeliveryState, due_at: Timestamp, outcome: &Outcome) {
        self.reaction.effects.push(Effect::MoveDelivery {
            id: self.delivery.id,
            attempt: self.delivery.attempt,
            to,
            due_at,
            probe: None,
            operation: None,
            reset: false,
            note: note(outcome, self.now),
        });
    }

    fn alarm(&mut self, key: String, code: &str, detail: String, raised: bool) {
        let alarm = Alarm { key, code: code.to_owned(), detail, raised, at: self.now };
        self.reaction.effects.push(Effect::Alarm(alarm));
    }
}

/// The id under which a record that was read is held: the same whenever the same record is read.
fn push_of(source: &SourcePolicy, raw: &RawLead, now: Timestamp) -> PushId {
    let key = raw.event_id.clone().unwrap_or_else(|| raw.fields.to_json().to_string());
    let digest = intake::digest(&[source.name.as_str(), &key]);
    let seed = u64::from_str_radix(digest.get(..16).unwrap_or_default(), 16).unwrap_or_default();
    // Ids sort by time, and retention goes by them; a record's own time does not change between two readings.
    Moment::new(raw.at.map_or(now, |at| at.min(now)), seed).id()
}
