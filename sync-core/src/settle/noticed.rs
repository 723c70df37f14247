//! A message to our own people came to an end: told, tried again, or told through the channel that stands in.

use super::{Ending, auth_key, class, note, retry_of};
use crate::because::{Because, Reason};
use crate::book::Book;
use crate::case::short;
use crate::effect::{Alarm, Effect, Reaction};
use crate::moment::Moment;
use crate::notice;
use crate::outbox::{Delivery, DeliveryState, Outcome, delay};
use crate::policy::Policy;
use crate::time::Timestamp;

/// A message that no channel could bring.
const UNTOLD: &str = "LL4601";

/// What follows.
pub(super) fn settle(
    book: &Book,
    delivery: &Delivery,
    outcome: &Outcome,
    policy: &Policy,
    moment: &mut Moment,
) -> Reaction {
    let end = Ending { delivery, outcome };
    let because = Because {
        lead: delivery.lead,
        handoff: delivery.handoff,
        delivery: Some(delivery.id),
        ..Because::default()
    };
    let mut reaction = Reaction { effects: Vec::new(), because };
    let say = |reaction: &mut Reaction, reason: Reason| reaction.because.push(reason);
    say(
        &mut reaction,
        Reason::new("delivery_ended").with("purpose", "notice").with("outcome", class(outcome)),
    );
    let now = moment.now;
    match outcome {
        Outcome::Done(_) => {
            reaction.effects.push(end.moved(DeliveryState::Settled, now, None, now));
            reaction.effects.push(alarm(auth_key(&delivery.link), "LL3201", String::new(), false, now));
            reaction.effects.extend(delivered(book, delivery, now));
        }
        // Nobody knows whether it was read, and the other side could not tell it from a second one: rather once too
        // few than twice. The response time reminds of what went unread.
        Outcome::Unavailable { sent: true, .. } if !repeatable(policy, delivery) => {
            say(&mut reaction, Reason::new("notice_unknown").with("channel", &delivery.link));
            reaction.effects.push(end.moved(DeliveryState::Settled, now, None, now));
        }
        Outcome::Throttled { .. } | Outcome::Unavailable { .. } => {
            later(&end, policy, moment, &mut reaction);
        }
        Outcome::Unauthorized { detail } => {
            let words = format!("`{}` refuses our credentials: {}", delivery.link, short(detail, 200));
            reaction.effects.push(alarm(auth_key(&delivery.link), "LL3201", words, true, now));
            // Waiting for new credentials helps nobody who should know now.
            if policy.notices.channel(&delivery.link).is_some_and(|channel| channel.fallback.is_some()) {
                instead(&end, policy, moment, &mut reaction, detail);
            } else {
                later(&end, policy, moment, &mut reaction);
            }
        }
        Outcome::Rejected { detail, .. } | Outcome::Gone { detail } => {
            instead(&end, policy, moment, &mut reaction, detail);
        }
        Outcome::Conflict { .. } => {
            reaction.effects.push(end.moved(DeliveryState::Settled, now, None, now));
        }
    }
    reaction
}

fn repeatable(policy: &Policy, delivery: &Delivery) -> bool {
    policy.notices.channel(&delivery.link).is_some_and(|channel| channel.repeatable)
}

/// It is tried again later, unless it is too old for that.
fn later(end: &Ending<'_>, policy: &Policy, moment: &mut Moment, reaction: &mut Reaction) {
    let retry = retry_of(policy, &end.delivery.link);
    let now = moment.now;
    if now - end.delivery.created_at > retry.give_up {
        let last = note(end.outcome, now).detail;
        return instead(end, policy, moment, reaction, &last);
    }
    let hint = match end.outcome {
        Outcome::Throttled { retry_after, .. } => *retry_after,
        _ => None,
    };
    let due = now + delay(&retry, end.delivery.id, end.delivery.attempt, hint);
    reaction.because.push(Reason::new("tried_again").with("at", due));
    reaction.effects.push(end.moved(DeliveryState::Due, due, None, now));
}

/// Through the channel that stands in; where there is none it waits for a person.
fn instead(end: &Ending<'_>, policy: &Policy, moment: &mut Moment, reaction: &mut Reaction, detail: &str) {
    let now = moment.now;
    if let Some(other) = notice::in_place_of(end.delivery, policy, moment) {
        reaction
            .because
            .push(Reason::new("told_instead").with("channel", &end.delivery.link).with("by", &other.link));
        reaction.effects.push(end.moved(DeliveryState::Settled, now, None, now));
        reaction.effects.push(Effect::Enqueue(Box::new(other)));
        return;
    }
    let words = format!("`{}` could not tell somebody: {}", end.delivery.link, short(detail, 300));
    reaction.because.push(Reason::new("delivery_parked").with("code", UNTOLD));
    let to = DeliveryState::Parked { code: UNTOLD.to_owned(), detail: words.clone() };
    reaction.effects.push(end.moved(to, now, None, now));
    reaction.effects.push(alarm(format!("untold/{}", end.delivery.link), UNTOLD, words, true, now));
}

/// A hand-over that lives on the answer page is delivered once somebody was told.
fn delivered(book: &Book, delivery: &Delivery, now: Timestamp) -> Option<Effect> {
    let mut handoff = book.handoffs.get(&delivery.handoff?)?.clone();
    if !handoff.state.is_open() || handoff.clocks.delivered.is_some() || handoff.clocks.decided.is_none() {
        return None;
    }
    handoff.clocks.delivered = Some(now);
    handoff.version += 1;
    Some(Effect::PutHandoff(Box::new(handoff)))
}

fn alarm(key: String, code: &str, detail: String, raised: bool, at: Timestamp) -> Effect {
    Effect::Alarm(Alarm { key, code: code.to_owned(), detail, raised, at })
}
