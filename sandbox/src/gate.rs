//! Who may come in: tokens, request windows, faults, in this order. What is behind the gate is in `api`, `ma`, `admin`.

use crate::clock::Clock;
use crate::counts::{Counts, Logged};
use crate::faults::{Asked, FaultKind, Faults, Hit};
use crate::options::{Limits, Options, Tuning, WindowKind};
use crate::refusal::Refusal;
use crate::windows::{Full, State, Windows};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand;
use std::collections::HashMap;

/// Tokens kept at most; the oldest go first.
const TOKENS: usize = 10_000;

/// The state of the gate.
#[derive(Debug)]
pub(crate) struct Gate {
    clock: Clock,
    client_id: String,
    client_secret: String,
    /// Token → when it expires (microseconds).
    tokens: HashMap<String, i64>,
    token_ttl_secs: u32,
    limits: Limits,
    window_kind: WindowKind,
    quota_status: u16,
    pub(crate) windows: Windows,
    pub(crate) faults: Faults,
    pub(crate) counts: Counts,
}

/// What the gate says to one request.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) verdict: Result<Option<Hit>, Refusal>,
    pub(crate) windows: State,
    /// The request counts as running and must `leave`.
    pub(crate) entered: bool,
}

/// The request as the gate sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visitor<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    /// The value of `Authorization`.
    pub(crate) authorization: Option<&'a str>,
}

impl Visitor<'_> {
    fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.authorization?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }

    fn wants_token(&self) -> bool {
        self.path != "/oauth/token"
    }
}

impl Gate {
    pub(crate) fn new(options: &Options, clock: Clock) -> Self {
        let mut gate = Self {
            clock,
            client_id: options.client_id.clone(),
            client_secret: options.client_secret.clone(),
            tokens: HashMap::new(),
            token_ttl_secs: 0,
            limits: Limits::default(),
            window_kind: WindowKind::default(),
            quota_status: 403,
            windows: Windows::default(),
            faults: Faults::new(options.seed),
            counts: Counts::default(),
        };
        gate.tune(&options.tuning);
        gate
    }

    /// Take over what concerns the gate.
    pub(crate) fn tune(&mut self, tuning: &Tuning) {
        if self.window_kind != tuning.windows {
            self.windows.forget();
        }
        self.token_ttl_secs = tuning.token_ttl_secs;
        self.limits = tuning.limits;
        self.window_kind = tuning.windows;
        self.quota_status = tuning.quota_status;
    }

    /// Decide on a request.
    pub(crate) fn admit(&mut self, visitor: &Visitor<'_>, now: i64) -> Admission {
        let mut admission = Admission { verdict: Ok(None), windows: State::default(), entered: false };
        self.counts.arrive(now, self.windows.in_flight().saturating_add(1));
        if visitor.wants_token() {
            if let Err(refusal) = self.check_token(visitor, now) {
                admission.verdict = Err(refusal);
                return admission;
            }
            match self.windows.enter(self.limits, self.window_kind, now) {
                Ok(state) => {
                    admission.windows = state;
                    admission.entered = true;
                }
                Err((full, secs, state)) => {
                    self.counts.window_full(full.name());
                    admission.windows = state;
                    admission.verdict = Err(self.full(full, secs));
                    return admission;
                }
            }
        }
        let asked = Asked {
            method: visitor.method,
            path: visitor.path,
            has_cursor: visitor.query.is_some_and(|query| query.contains("cursor=")),
            has_token: visitor.wants_token(),
        };
        let hit = self.faults.strike(&asked);
        if hit.is_some_and(|hit| hit.kind == FaultKind::ExpireToken)
            && let Some(token) = visitor.bearer()
        {
            self.tokens.insert(token.to_owned(), 0);
        }
        admission.verdict = Ok(hit);
        admission
    }

    fn check_token(&self, visitor: &Visitor<'_>, now: i64) -> Result<(), Refusal> {
        let Some(token) = visitor.bearer() else {
            return Err(Refusal::new(
                401,
                "token_missing",
                "send Authorization: Bearer and a token of /oauth/token",
            ));
        };
        match self.tokens.get(token) {
            Some(expires) if *expires > now => Ok(()),
            Some(_) => Err(token_expired()),
            None => Err(Refusal::new(401, "token_invalid", "this token was not given here")),
        }
    }

    fn full(&self, full: Full, secs: u64) -> Refusal {
        if full == Full::Day {
            let message = "the daily quota is used up";
            return Refusal::new(self.quota_status, "daily_quota", message).with("retry_after", secs);
        }
        let message = format!("too many requests: window {} is full", full.name());
        Refusal::new(429, "rate_limited", message).with("window", full.name()).with("retry_after", secs)
    }

    /// A fresh token and its life in seconds, if id and secret are right.
    pub(crate) fn give_token(&mut self, id: &str, secret: &str) -> Option<(String, u32)> {
        let same = |a: &str, b: &str| verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok();
        if !(same(id, &self.client_id) & same(secret, &self.client_secret)) {
            return None;
        }
        let mut bytes = [0_u8; 24];
        rand::fill(&mut bytes).ok()?;
        let token = format!("sbx_{}", hex::encode(bytes));
        let now = self.clock.now();
        if self.tokens.len() >= TOKENS {
            self.tokens.retain(|_, expires| *expires > now);
            if self.tokens.len() >= TOKENS {
                self.tokens.clear();
            }
        }
        self.tokens.insert(token.clone(), now + i64::from(self.token_ttl_secs) * 1_000_000);
        self.counts.tokens_given += 1;
        Some((token, self.token_ttl_secs))
    }

    /// Every token given so far is expired.
    pub(crate) fn expire_tokens(&mut self) {
        self.tokens.values_mut().for_each(|expires| *expires = 0);
    }

    /// A request is over.
    pub(crate) fn finish(&mut self, entered: bool, logged: Logged) {
        if entered {
            self.windows.leave();
        }
        self.counts.finish(logged);
    }

    /// Forget tokens, faults, counts and what the windows hold.
    pub(crate) fn reset(&mut self, seed: u64) {
        self.tokens.clear();
        self.windows.forget();
        self.faults = Faults::new(seed);
        self.counts = Counts::default();
    }
}

/// The answer to an expired token.
pub(crate) fn token_expired() -> Refusal {
    Refusal::new(401, "token_expired", "the token has expired; fetch a new one")
}
