//! A conversation that carries out operations of one kind: requests and answers in turn, until every operation has its
//! outcome. A single call is a batch of one.

use leadloop_sync_core::outbox::Outcome;

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

/// How one answer is read into the outcomes of a conversation.
type ReadAnswer = Box<dyn FnOnce(&Answer) -> Vec<Outcome> + Send>;

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
