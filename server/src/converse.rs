//! Drives an exchange over the wire: limits, login, bounds, and what a broken wire means for each operation.

use std::time::Duration;

use leadloop_connector_api::{Connector, Exchange, Link, Request, Step};
use leadloop_sync_core::outbox::{Operation, Outcome};
use leadloop_sync_core::time::{Micros, Timestamp};
use tokio::sync::Semaphore;

use crate::auth::{AuthError, Login, absolute};
use crate::clock::Clock;
use crate::limits::{Limits, UsedUp};
use crate::wire::{Wire, WireError};
use crate::{bounds, transcript};
use leadloop_connector_api::Answer;

/// One system, as the shell speaks to it.
pub struct Line {
    /// Its connector.
    pub connector: &'static dyn Connector,
    /// Its settings.
    pub link: Link,
    /// Where it is.
    pub base: String,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Its login.
    pub login: Login,
    /// Its windows.
    pub limits: Limits,
    /// Requests under way at once.
    pub slots: Semaphore,
}

impl Line {
    /// Carries out operations of one kind: one outcome for each, in their order. Nothing is sent that could still be
    /// under way at `until`, when the claim runs out.
    pub async fn carry_out(
        &self,
        operations: &[Operation],
        until: Timestamp,
        wire: &dyn Wire,
        clock: &dyn Clock,
    ) -> Vec<Outcome> {
        self.converse(operations, until, wire, clock).await.outcomes
    }

    /// The same, with what was said.
    pub async fn converse(
        &self,
        operations: &[Operation],
        until: Timestamp,
        wire: &dyn Wire,
        clock: &dyn Clock,
    ) -> Talked {
        let mut moment = clock.moment();
        let all = |outcome: Outcome| vec![outcome; operations.len()];
        let mut talked = Talked::default();
        let mut exchange = match self.connector.exchange(&self.link, operations, &mut moment) {
            Ok(exchange) => exchange,
            Err(refusal) => {
                let detail = refusal.to_string();
                let code = "not_spoken".to_owned();
                talked.outcomes = all(Outcome::Rejected { field: None, code, detail });
                return talked;
            }
        };
        let kind = operations.first().map_or("", Operation::kind);
        talked.whole = self.connector.manifest().atomic.iter().any(|atomic| atomic == kind);
        talked.outcomes = match self.talk(exchange.as_mut(), until, wire, clock, &mut talked).await {
            Ok(outcomes) if outcomes.len() == operations.len() => outcomes,
            Ok(outcomes) => all(Outcome::Unavailable {
                sent: true,
                detail: format!("{} outcomes for {} operations", outcomes.len(), operations.len()),
            }),
            Err(outcome) => all(outcome),
        };
        transcript::clean(&self.link, &talked.exchanged, &mut talked.outcomes);
        if talked.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Throttled { quota: false, .. })) {
            self.limits.throttled();
        }
        talked
    }

    async fn talk(
        &self,
        exchange: &mut dyn Exchange,
        until: Timestamp,
        wire: &dyn Wire,
        clock: &dyn Clock,
        talked: &mut Talked,
    ) -> Result<Vec<Outcome>, Outcome> {
        let mut written = false;
        for _ in 0..=bounds::REQUESTS_PER_EXCHANGE {
            let answer = talked.exchanged.last().and_then(|last| last.heard.as_ref().ok());
            match exchange.advance(answer) {
                Step::Done(outcomes) => return Ok(outcomes),
                Step::Send(request) => {
                    let repeatable = request.repeatable;
                    // Read by now: only its beginning is of interest any more.
                    talked.exchanged.iter_mut().for_each(Exchanged::shorten);
                    self.send(*request, until, wire, clock, &mut talked.exchanged).await.map_err(
                        |broken| match broken {
                            Broken::Login(error) => login_outcome(&error),
                            Broken::UsedUp(used) if !written => {
                                Outcome::Throttled { retry_after: Some(used.wait), quota: true }
                            }
                            Broken::UsedUp(_) => Outcome::Unavailable {
                                sent: true,
                                detail: "the quota was used up in the middle of an exchange".to_owned(),
                            },
                            // A repeatable request may have been applied, but saying it again does no harm; one that
                            // followed a write of the same exchange is as unknown as that write.
                            Broken::Wire(error) => Outcome::Unavailable {
                                sent: written || (error.sent && !repeatable),
                                detail: error.detail,
                            },
                        },
                    )?;
                    let status = talked.exchanged.last().and_then(Exchanged::status);
                    talked.whole |= status.is_some_and(|status| (400..500).contains(&status));
                    written |= !repeatable;
                }
            }
        }
        Err(Outcome::Unavailable {
            sent: written,
            detail: format!("the exchange wanted more than {} requests", bounds::REQUESTS_PER_EXCHANGE),
        })
    }

    /// Sends one request; what was said stands at the end of `exchanged` then.
    async fn send(
        &self,
        mut request: Request,
        until: Timestamp,
        wire: &dyn Wire,
        clock: &dyn Clock,
        exchanged: &mut Vec<Exchanged>,
    ) -> Result<(), Broken> {
        request.url = absolute(&self.base, &request.url);
        let mut renewed = false;
        loop {
            let own = (request.headers.len(), request.query.len());
            let mut signed = request.clone();
            self.login.inject(&mut signed, &self.link, wire, clock).await.map_err(Broken::Login)?;
            let (at, heard) = {
                // A closed semaphore means the shell is going down: the request simply was not sent.
                let _slot = self.slots.acquire().await.map_err(|_| {
                    Broken::Wire(WireError { sent: false, detail: "the link is going down".to_owned() })
                })?;
                self.limits.pass(clock.now()).await.map_err(Broken::UsedUp)?;
                let at = clock.now();
                if at + Micros(i64::try_from(self.timeout.as_micros()).unwrap_or(i64::MAX)) > until {
                    return Err(Broken::Wire(WireError {
                        sent: false,
                        detail: "no time left in its claim".to_owned(),
                    }));
                }
                (at, wire.send(&signed, self.timeout).await)
            };
            let broken = heard.as_ref().err().cloned();
            let bytes = heard.as_ref().map_or(0, |answer| answer.body.len());
            let heard = heard.map_err(|error| error.detail);
            let said = Exchanged { at, took: clock.now() - at, signed, own, heard, bytes };
            exchanged.push(said);
            let Some(Ok(answer)) = exchanged.last().map(|last| last.heard.as_ref()) else {
                return broken.map_or(Ok(()), |error| Err(Broken::Wire(error)));
            };
            for usage in
                self.connector.manifest().quota.iter().filter_map(|quota| quota.usage(&answer.headers))
            {
                self.limits.told(&usage, clock.now());
            }
            // An expired token was refused before anything was done, so the same request may go again, once.
            if !renewed && self.login.is_over(answer) {
                self.login.forget().await;
                renewed = true;
                continue;
            }
            return Ok(());
        }
    }
}

/// How an exchange went.
#[derive(Debug, Default)]
pub struct Talked {
    /// One for each operation, in their order.
    pub outcomes: Vec<Outcome>,
    /// Whether a refusal may be meant for the whole batch rather than for each of its records: the system refused a
    /// request, or takes batches of this kind whole or not at all.
    pub whole: bool,
    /// What was said, as far as anything was sent; logins are not in it.
    pub exchanged: Vec<Exchanged>,
}

/// One request that was sent, and what came back.
#[derive(Debug)]
pub struct Exchanged {
    /// When it was sent.
    pub at: Timestamp,
    /// How long the answer took.
    pub took: Micros,
    /// It, with what proves who we are.
    pub signed: Request,
    /// How many of its headers and query pairs are its own; those behind them prove who we are.
    pub own: (usize, usize),
    /// The answer, or how the wire broke.
    pub heard: Result<Answer, String>,
    /// Bytes of the answer's body when it came.
    pub bytes: usize,
}

impl Exchanged {
    fn status(&self) -> Option<u16> {
        self.heard.as_ref().ok().map(|answer| answer.status)
    }

    /// Lets go of what nobody reads any more.
    fn shorten(&mut self) {
        if let Ok(answer) = &mut self.heard {
            answer.body.truncate(bounds::SAID_BYTES * 2);
            answer.body.shrink_to_fit();
        }
    }
}

enum Broken {
    Login(AuthError),
    UsedUp(UsedUp),
    Wire(WireError),
}

fn login_outcome(error: &AuthError) -> Outcome {
    match error {
        AuthError::Refused { .. } | AuthError::Missing(_) => {
            Outcome::Unauthorized { detail: error.to_string() }
        }
        AuthError::Failed(_) => Outcome::Unavailable { sent: false, detail: error.to_string() },
    }
}
