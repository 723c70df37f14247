//! A conversation that carries out operations of one kind: requests and answers in turn, until every operation has its
//! outcome. A single call is a batch of one.

use std::collections::VecDeque;

use leadloop_sync_core::outbox::{Outcome, Reply};

use crate::http::{Answer, Request};

/// What a conversation wants next.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Send this and come back with the answer.
    Send(Box<Request>),
    /// Done: one outcome for each operation, in their order.
    Done(Vec<Outcome>),
}

/// One conversation. Life: `advance(None)` begins; each later call brings the answer to the request last returned; the
/// first [`Step::Done`] ends it. A conversation whose request failed on the wire is dropped by the shell, which knows
/// whether anything may have been applied.
pub trait Exchange: Send {
    /// The next step.
    fn advance(&mut self, answer: Option<&Answer>) -> Step;
}

/// Most requests of one conversation; the shell cuts off whoever asks for more.
pub const MOST_REQUESTS: usize = 8;

/// How one answer is read into the outcomes of the operations it is about.
pub type ReadAnswer = Box<dyn FnOnce(&Answer) -> Vec<Outcome> + Send>;

/// One request, one reading.
pub struct Single {
    request: Option<Box<Request>>,
    read: Option<ReadAnswer>,
}

/// A conversation of one request whose answer `read` turns into the outcomes.
#[must_use]
pub fn single(
    request: Request,
    read: impl FnOnce(&Answer) -> Vec<Outcome> + Send + 'static,
) -> Box<dyn Exchange> {
    Box::new(Single { request: Some(Box::new(request)), read: Some(Box::new(read)) })
}

impl Exchange for Single {
    fn advance(&mut self, answer: Option<&Answer>) -> Step {
        if let Some(request) = self.request.take() {
            return Step::Send(request);
        }
        match (answer, self.read.take()) {
            (Some(answer), Some(read)) => Step::Done(read(answer)),
            _ => Step::Done(vec![]),
        }
    }
}

/// One request of a [`grouped`] conversation and the operations it is about.
pub struct Group {
    /// What is sent.
    pub request: Request,
    /// Places of the operations in the conversation. One operation may be in several groups (a look-up by phone and by
    /// e-mail): what they find is put together, and one failure is the operation's failure.
    pub members: Vec<usize>,
    /// Reads the answer into one outcome for each member.
    pub read: ReadAnswer,
}

/// A conversation that serves several operations by one request for each group of them, in order. After an answer that
/// says "not now" (too fast, ill, credentials) nothing more is sent: the operations of later groups end as not sent.
/// `preset` holds the outcomes of operations that need no request.
#[must_use]
pub fn grouped(preset: Vec<Option<Outcome>>, groups: Vec<Group>) -> Box<dyn Exchange> {
    Box::new(Grouped { outcomes: preset, waiting: groups.into(), asked: None, sent: 0 })
}

struct Grouped {
    outcomes: Vec<Option<Outcome>>,
    waiting: VecDeque<Group>,
    asked: Option<(Vec<usize>, ReadAnswer)>,
    sent: usize,
}

impl Grouped {
    fn hear(&mut self, answer: &Answer) {
        let Some((members, read)) = self.asked.take() else {
            return;
        };
        let mut outcomes = read(answer);
        outcomes.resize_with(members.len(), || {
            crate::answers::odd("the answer has fewer results than were asked for")
        });
        if let Some(halt) = outcomes.iter().find_map(not_now) {
            for group in self.waiting.drain(..) {
                for member in group.members {
                    put(&mut self.outcomes, member, halt.clone());
                }
            }
        }
        for (member, outcome) in members.into_iter().zip(outcomes) {
            put(&mut self.outcomes, member, outcome);
        }
    }
}

impl Exchange for Grouped {
    fn advance(&mut self, answer: Option<&Answer>) -> Step {
        if let Some(answer) = answer {
            self.hear(answer);
        }
        if self.sent < MOST_REQUESTS
            && let Some(group) = self.waiting.pop_front()
        {
            self.sent += 1;
            self.asked = Some((group.members, group.read));
            return Step::Send(Box::new(group.request));
        }
        let unsent = || Outcome::Unavailable {
            sent: false,
            detail: "not sent yet: left for the next call".to_owned(),
        };
        let outcomes = std::mem::take(&mut self.outcomes);
        let left: Vec<usize> = self.waiting.drain(..).flat_map(|group| group.members).collect();
        let ended = outcomes.into_iter().enumerate();
        Step::Done(
            ended
                .map(
                    |(at, outcome)| {
                        if left.contains(&at) { unsent() } else { outcome.unwrap_or_else(unsent) }
                    },
                )
                .collect(),
        )
    }
}

/// What an outcome means for whoever was not asked yet: nothing of theirs was sent.
fn not_now(outcome: &Outcome) -> Option<Outcome> {
    match outcome {
        Outcome::Throttled { .. } | Outcome::Unauthorized { .. } => Some(outcome.clone()),
        Outcome::Unavailable { sent: true, detail } => {
            Some(Outcome::Unavailable { sent: false, detail: detail.clone() })
        }
        _ => None,
    }
}

/// Adds an outcome of one more group to an operation.
fn put(outcomes: &mut [Option<Outcome>], at: usize, outcome: Outcome) {
    let Some(slot) = outcomes.get_mut(at) else {
        return;
    };
    *slot = Some(match (slot.take(), outcome) {
        (Some(Outcome::Done(Reply::Found(mut found))), Outcome::Done(Reply::Found(more))) => {
            for record in more {
                if !found.iter().any(|known| known.object == record.object && known.id == record.id) {
                    found.push(record);
                }
            }
            Outcome::Done(Reply::Found(found))
        }
        (None | Some(Outcome::Done(_)), outcome) => outcome,
        (Some(failed), _) => failed,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadloop_sync_core::time::Micros;

    fn group(name: &str, members: &[usize], outcomes: Vec<Outcome>) -> Group {
        Group { request: Request::get(name), members: members.to_vec(), read: Box::new(move |_| outcomes) }
    }

    fn run(mut exchange: Box<dyn Exchange>) -> (Vec<String>, Vec<Outcome>) {
        let answer = Answer::with_body(200, "application/json", "{}");
        let mut asked = Vec::new();
        let mut step = exchange.advance(None);
        loop {
            match step {
                Step::Send(request) => asked.push(request.url),
                Step::Done(outcomes) => return (asked, outcomes),
            }
            step = exchange.advance(Some(&answer));
        }
    }

    fn told() -> Outcome {
        Outcome::Done(Reply::Told)
    }

    #[test]
    fn each_operation_gets_its_own_outcome() {
        let gone = Outcome::Gone { detail: "x".into() };
        let groups = vec![group("a", &[2, 0], vec![gone.clone(), told()]), group("b", &[1], vec![told()])];
        let (asked, outcomes) = run(grouped(vec![None, None, None, Some(gone.clone())], groups));
        assert_eq!(asked, ["a", "b"]);
        assert_eq!(outcomes, [told(), told(), gone.clone(), gone]);
    }

    #[test]
    fn nothing_is_sent_after_not_now() {
        let throttled = Outcome::Throttled { retry_after: Some(Micros::seconds(3)), quota: false };
        let groups = vec![group("a", &[0], vec![throttled.clone()]), group("b", &[1], vec![told()])];
        let (asked, outcomes) = run(grouped(vec![None, None], groups));
        assert_eq!(asked, ["a"]);
        assert_eq!(outcomes, [throttled.clone(), throttled]);
        let ill = |sent| Outcome::Unavailable { sent, detail: "ill".into() };
        let groups = vec![group("a", &[0], vec![ill(true)]), group("b", &[1], vec![told()])];
        assert_eq!(run(grouped(vec![None, None], groups)).1, [ill(true), ill(false)]);
    }

    #[test]
    fn one_failure_of_a_look_up_in_two_ways_is_its_failure() {
        let found = Outcome::Done(Reply::Found(vec![]));
        let gone = Outcome::Gone { detail: "x".into() };
        for (first, second, whole) in [
            (found.clone(), found.clone(), found.clone()),
            (gone.clone(), found.clone(), gone.clone()),
            (found, gone.clone(), gone),
        ] {
            let groups = vec![group("a", &[0], vec![first]), group("b", &[0], vec![second])];
            assert_eq!(run(grouped(vec![None], groups)).1, [whole]);
        }
    }

    #[test]
    fn too_few_results_and_too_many_requests_are_no_success() {
        let (_, outcomes) = run(grouped(vec![None, None], vec![group("a", &[0, 1], vec![told()])]));
        assert!(matches!(outcomes[1], Outcome::Unavailable { sent: true, .. }));
        let groups = (0..10).map(|at| group("a", &[at], vec![told()])).collect();
        let (asked, outcomes) = run(grouped(vec![None; 10], groups));
        assert_eq!(asked.len(), MOST_REQUESTS);
        assert!(matches!(outcomes[9], Outcome::Unavailable { sent: false, .. }));
    }
}
