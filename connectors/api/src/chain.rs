//! A conversation whose next request depends on the last answer, written as one function after the other.

use crate::exchange::{Exchange, MOST_REQUESTS, Step};
use crate::http::{Answer, Request};
use leadloop_sync_core::outbox::Outcome;

/// What follows from an answer.
pub type Then = Box<dyn FnOnce(&Answer) -> Next + Send>;

/// What a [`chain`] does next.
pub enum Next {
    /// Send this, and go on with the answer.
    Ask(Box<Request>, Then),
    /// Done: one outcome for each operation, in their order.
    Done(Vec<Outcome>),
}

impl Next {
    /// Asks `request` and goes on with `then`.
    #[must_use]
    pub fn ask(request: Request, then: impl FnOnce(&Answer) -> Next + Send + 'static) -> Self {
        Next::Ask(Box::new(request), Box::new(then))
    }

    /// The end of a conversation about a single operation.
    #[must_use]
    pub fn end(outcome: Outcome) -> Self {
        Next::Done(vec![outcome])
    }
}

/// A conversation that begins with `first`. One that would ask more than [`MOST_REQUESTS`] times is cut off by the shell
/// and by the conformance list alike.
#[must_use]
pub fn chain(first: Next) -> Box<dyn Exchange> {
    Box::new(Chain { next: Some(first), then: None, asked: 0 })
}

struct Chain {
    next: Option<Next>,
    then: Option<Then>,
    asked: usize,
}

impl Exchange for Chain {
    fn advance(&mut self, answer: Option<&Answer>) -> Step {
        let next = match (answer, self.then.take()) {
            (Some(answer), Some(then)) => Some(then(answer)),
            _ => self.next.take(),
        };
        match next {
            Some(Next::Ask(request, then)) if self.asked < MOST_REQUESTS => {
                self.asked += 1;
                self.then = Some(then);
                Step::Send(request)
            }
            Some(Next::Done(outcomes)) => Step::Done(outcomes),
            Some(Next::Ask(..)) | None => Step::Done(vec![]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadloop_sync_core::outbox::Reply;

    #[test]
    fn each_answer_chooses_the_next_request() {
        let answer = |body: &str| Answer::with_body(200, "application/json", body);
        let mut talk = chain(Next::ask(Request::get("/login"), |answer| {
            let path = format!("/as/{}", String::from_utf8_lossy(&answer.body));
            Next::ask(Request::get(path), |_| Next::end(Outcome::Done(Reply::Told)))
        }));
        let url = |step: Step| match step {
            Step::Send(request) => request.url,
            Step::Done(outcomes) => format!("{outcomes:?}"),
        };
        assert_eq!(url(talk.advance(None)), "/login");
        assert_eq!(url(talk.advance(Some(&answer("7")))), "/as/7");
        assert_eq!(url(talk.advance(Some(&answer("")))), "[Done(Told)]");
    }

    #[test]
    fn a_conversation_without_end_is_cut_off() {
        fn again(_: &Answer) -> Next {
            Next::ask(Request::get("/more"), again)
        }
        let mut talk = chain(Next::ask(Request::get("/more"), again));
        let answer = Answer::with_body(200, "application/json", "{}");
        let mut step = talk.advance(None);
        let mut asked = 0;
        while let Step::Send(_) = step {
            asked += 1;
            step = talk.advance(Some(&answer));
        }
        assert_eq!((asked, step), (MOST_REQUESTS, Step::Done(vec![])));
    }
}
