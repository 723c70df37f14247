//! Why: the reasons that every reaction carries, as codes with what was seen, readable in Chinese and English.
//!
//! A [`Reason`] is data; [`Reason::say`] renders it. Codes are stable: tests and the console rely on them.

mod catalogue;

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

    /// The reason in words. A code that is not in the catalogue is shown as it is, with what was seen.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        self.say_as(language, |_, _| None)
    }

    /// The reason in words; `better` gives the words for what was seen (name, value), where it has better ones: a person's
    /// name beside their key, a time on the wall.
    #[must_use]
    pub fn say_as(&self, language: Language, better: impl Fn(&str, &str) -> Option<String>) -> String {
        let shown =
            |name: &str, value: &str| better(name, value).unwrap_or_else(|| word(value, language).to_owned());
        let Some((_, zh, en)) = catalogue::REASONS.iter().find(|(code, ..)| *code == self.code) else {
            let seen = self.args.iter().map(|(name, value)| format!(" {name}={}", shown(name, value)));
            return format!("{}{}", self.code, seen.collect::<String>());
        };
        let mut said = String::new();
        let mut rest = match language {
            Language::Zh => *zh,
            Language::En => *en,
        };
        while let Some((before, behind)) = rest.split_once('{') {
            let Some((name, after)) = behind.split_once('}') else { break };
            said.push_str(before);
            let seen = self.args.get(name).map(String::as_str).filter(|seen| !seen.is_empty());
            match seen {
                Some(seen) => said.push_str(&shown(name, seen)),
                None => said.push('–'),
            }
            rest = after;
        }
        said.push_str(rest);
        said
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

/// A stable word (`with_sales`, `different_phone`) as people say it; anything else as it is.
#[must_use]
pub fn word(word: &str, language: Language) -> &str {
    match (catalogue::WORDS.iter().find(|(known, ..)| *known == word), language) {
        (Some((_, zh, _)), Language::Zh) => zh,
        (Some((.., en)), Language::En) => en,
        (None, _) => word,
    }
}

/// All reasons with their words: (code, Chinese, English). For reference pages and tests.
#[must_use]
pub const fn catalogue() -> &'static [(&'static str, &'static str, &'static str)] {
    catalogue::REASONS
}
