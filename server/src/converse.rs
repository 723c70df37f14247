//! Drives an exchange over the wire: limits, login, bounds, and what a broken wire means for each operation.

use std::time::Duration;

use leadloop_connector_api::{Connector, Exchange, Link, Request, Step};
use leadloop_sync_core::outbox::{Operation, Outcome};
use leadloop_sync_core::time::{Micros, Timestamp};
use tokio::sync::Semaphore;

use crate::auth::{AuthError, Login, absolute};
use crate::bounds;
use crate::clock::Clock;
use crate::limits::{Limits, UsedUp};
use crate::wire::{Wire, WireError};
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
        self.converse(operations, until, wire, clock).await.0
    }

    /// The same, and whether a refusal may be meant for the whole batch rather than for each of its records: the system
    /// refused a request, or takes batches of this kind whole or not at all.
    pub async fn converse(
        &self,
        operations: &[Operation],
        until: Timestamp,
        wire: &dyn Wire,
        clock: &dyn Clock,
    ) -> (Vec<Outcome>, bool) {
        let mut moment = clock.moment();
        let all = |outcome: Outcome| vec![outcome; operations.len()];
        let mut exchange = match self.connector.exchange(&self.link, operations, &mut moment) {
            Ok(exchange) => exchange,
            Err(refusal) => {
                let detail = refusal.to_string();
                let code = "not_spoken".to_owned();
                return (all(Outcome::Rejected { field: None, code, detail }), false);
            }
        };
        let kind = operations.first().map_or("", Operation::kind);
        let mut whole = self.connector.manifest().atomic.iter().any(|atomic| atomic == kind);
        let outcomes = match self.talk(exchange.as_mut(), until, wire, clock, &mut whole).await {
            Ok(outcomes) if outcomes.len() == operations.len() => outcomes,
            Ok(outcomes) => all(Outcome::Unavailable {
                sent: true,
                detail: format!("{} outcomes for {} operations", outcomes.len(), operations.len()),
            }),
            Err(outcome) => all(outcome),
        };
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Throttled { quota: false, .. })) {
            self.limits.throttled();
        }
        (outcomes, whole)
    }

    async fn talk(
        &self,
        exchange: &mut dyn Exchange,
        until: Timestamp,
        wire: &dyn Wire,
        clock: &dyn Clock,
        refused: &mut bool,
    ) -> Result<Vec<Outcome>, Outcome> {
        let mut answer: Option<Answer> = None;
        let mut written = false;
        for _ in 0..=bounds::REQUESTS_PER_EXCHANGE {
            match exchange.advance(answer.as_ref()) {
                Step::Done(outcomes) => return Ok(outcomes),
                Step::Send(request) => {
                    let repeatable = request.repeatable;
                    let heard =
                        self.send(*request, until, wire, clock).await.map_err(|broken| match broken {
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
                        })?;
                    *refused |= (400..500).contains(&heard.status);
                    answer = Some(heard);
                    written |= !repeatable;
                }
            }
        }
        Err(Outcome::Unavailable {
            sent: written,
            detail: format!("the exchange wanted more than {} requests", bounds::REQUESTS_PER_EXCHANGE),
        })
    }

    async fn send(
        &self,
        request: Request,
        until: Timestamp,
        wire: &dyn Wire,
        clock: &dyn Clock,
    ) -> Result<Answer, Broken> {
        let mut request = request;
        request.url = absolute(&self.base, &request.url);
        let mut renewed = false;
        loop {
            let mut signed = request.clone();
            self.login.inject(&mut signed, &self.link, wire, clock).await.map_err(Broken::Login)?;
            let answer = {
                // A closed semaphore means the shell is going down: the request simply was not sent.
                let _slot = self.slots.acquire().await.map_err(|_| {
                    Broken::Wire(WireError { sent: false, detail: "the link is going down".to_owned() })
                })?;
                self.limits.pass(clock.now()).await.map_err(Broken::UsedUp)?;
                if clock.now() + Micros(i64::try_from(self.timeout.as_micros()).unwrap_or(i64::MAX)) > until {
                    return Err(Broken::Wire(WireError {
                        sent: false,
                        detail: "no time left in its claim".to_owned(),
                    }));
                }
                wire.send(&signed, self.timeout).await.map_err(Broken::Wire)?
            };
            for usage in
                self.connector.manifest().quota.iter().filter_map(|quota| quota.usage(&answer.headers))
            {
                self.limits.told(&usage, clock.now());
            }
            // An expired token was refused before anything was done, so the same request may go again, once.
            if !renewed && self.login.is_over(&answer) {
                self.login.forget().await;
                renewed = true;
                continue;
            }
            return Ok(answer);
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
