//! Faults on demand: which requests they hit and what they do. Carried out in `serve`.

use crate::dice::Dice;
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 500, nothing done.
    Error500,
    /// 503, nothing done.
    Unavailable503,
    /// 429 with `Retry-After`, nothing done.
    Throttle,
    /// Connection reset, nothing done.
    Reset,
    /// No answer, nothing done.
    Hang,
    /// 200 with a login page, nothing done.
    Html,
    /// 502 with a page, nothing done.
    BadGateway,
    /// 200 with nothing in it, nothing done.
    Empty,
    /// The token is gone.
    ExpireToken,
    /// Records are locked by somebody else.
    RecordLocked,
    /// The right answer, late.
    Slow,
    /// Done, connection closed without an answer.
    LostAnswer,
    /// Done, no answer.
    HangAfter,
    /// Done, half of the answer.
    Truncated,
    /// Done, answered 500.
    ErrorAfter,
}

impl FaultKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Error500 => "error500",
            Self::Unavailable503 => "unavailable503",
            Self::Throttle => "throttle",
            Self::Reset => "reset",
            Self::Hang => "hang",
            Self::Html => "html",
            Self::BadGateway => "bad_gateway",
            Self::Empty => "empty",
            Self::ExpireToken => "expire_token",
            Self::RecordLocked => "record_locked",
            Self::Slow => "slow",
            Self::LostAnswer => "lost_answer",
            Self::HangAfter => "hang_after",
            Self::Truncated => "truncated",
            Self::ErrorAfter => "error_after",
        }
    }
}

/// A fault with the requests it is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Only paths that start with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Let the first n matching requests pass.
    #[serde(default)]
    pub skip: u64,
    /// Be gone after n hits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// How likely a matching request is hit, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// Duration of `hang`, `hang_after`, `slow` in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// Seconds of `Retry-After` for `throttle` and `unavailable503`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

fn always() -> f64 {
    1.0
}

impl FaultSpec {
    /// A fault of this kind for every request.
    #[must_use]
    pub fn every(kind: FaultKind) -> Self {
        Self {
            kind,
            path: None,
            method: None,
            skip: 0,
            next: None,
            probability: 1.0,
            ms: None,
            retry_after: None,
        }
    }

    fn fits(&self, request: &Asked<'_>) -> bool {
        if self.kind == FaultKind::ExpireToken
            && (!request.has_token || (self.path.is_none() && !request.has_cursor))
        {
            return false;
        }
        self.path.as_ref().is_none_or(|prefix| request.path.starts_with(prefix.as_str()))
            && self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(request.method))
    }
}

/// What a fault may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) has_cursor: bool,
    pub(crate) has_token: bool,
}

/// The fault that hits one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) kind: FaultKind,
    pub(crate) ms: Option<u64>,
    pub(crate) retry_after: Option<u64>,
}

/// All active faults and their dice.
#[derive(Debug)]
pub(crate) struct Faults {
    active: Vec<Active>,
    given: u64,
    dice: Dice,
}

#[derive(Debug, Serialize)]
pub(crate) struct Active {
    id: String,
    #[serde(flatten)]
    spec: FaultSpec,
    seen: u64,
    hits: u64,
}

/// More rules than this are a mistake.
const MOST_RULES: usize = 100;

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { active: Vec::new(), given: 0, dice: Dice::new(seed) }
    }

    /// Add a fault; its id.
    pub(crate) fn add(&mut self, spec: FaultSpec) -> Result<String, Refusal> {
        if !(0.0..=1.0).contains(&spec.probability) {
            return Err(Refusal::bad_request("probability must be from 0 to 1"));
        }
        if spec.next == Some(0) {
            return Err(Refusal::bad_request("next must be at least 1"));
        }
        if spec.ms.is_some_and(|ms| ms > 600_000) {
            return Err(Refusal::bad_request("ms must be at most 600000"));
        }
        if self.active.len() >= MOST_RULES {
            return Err(Refusal::bad_request(format!("at most {MOST_RULES} faults at a time")));
        }
        self.given += 1;
        let id = format!("F{}", self.given);
        self.active.push(Active { id: id.clone(), spec, seen: 0, hits: 0 });
        Ok(id)
    }

    pub(crate) fn list(&self) -> &[Active] {
        &self.active
    }

    pub(crate) fn clear(&mut self) {
        self.active.clear();
    }

    /// Whether there was such a fault.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let before = self.active.len();
        self.active.retain(|fault| fault.id != id);
        self.active.len() < before
    }

    /// The first fault that hits this request.
    pub(crate) fn strike(&mut self, request: &Asked<'_>) -> Option<Hit> {
        if self.active.is_empty() {
            return None;
        }
        let dice = &mut self.dice;
        let struck = self.active.iter_mut().position(|fault| {
            if !fault.spec.fits(request) {
                return false;
            }
            fault.seen += 1;
            fault.seen > fault.spec.skip && dice.hits(fault.spec.probability)
        })?;
        let fault = &mut self.active[struck];
        fault.hits += 1;
        let hit = Hit { kind: fault.spec.kind, ms: fault.spec.ms, retry_after: fault.spec.retry_after };
        if fault.spec.next.is_some_and(|next| fault.hits >= next) {
            self.active.remove(struck);
        }
        Some(hit)
    }
}
