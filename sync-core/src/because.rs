//! Why: the reasons that every reaction carries, as codes with what was seen, readable in Chinese and English.
//!
//! A [`Reason`] is data; [`Reason::say`] renders it. Codes are stable: tests and the console rely on them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{CaptureId, DeliveryId, HandoffId, LeadId};

/// A language of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

/// One reason: a stable code and what was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable code such as `person_known`; see [`Reason::say`] for the words.
    pub code: String,
    /// What was seen, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, String>,
}

impl Reason {
    /// A reason without anything seen.
    #[must_use]
    pub fn new(code: &str) -> Self {
        Self { code: code.to_owned(), args: BTreeMap::new() }
    }

    /// Adds something seen.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.args.insert(name.to_owned(), value.to_string());
        self
    }
}

/// Why a reaction is what it is, and what it is about.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Because {
    /// The lead it is about.
    pub lead: Option<LeadId>,
    /// The hand-over it is about.
    pub handoff: Option<HandoffId>,
    /// The capture that asked for it.
    pub capture: Option<CaptureId>,
    /// The delivery whose end asked for it.
    pub delivery: Option<DeliveryId>,
    /// The reasons, in the order they were found.
    pub reasons: Vec<Reason>,
}

impl Because {
    /// Adds a reason.
    pub fn push(&mut self, reason: Reason) {
        self.reasons.push(reason);
    }
}
