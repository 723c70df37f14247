//! Problems of a config as people and programs read them. Pure: texts in, text out; who prints decides where to.

pub mod html;
pub mod json;
pub mod terminal;

use leadloop_sync_core::because::Language;

use crate::problem::{Problem, Severity, Words};

impl Words {
    /// The text in one language.
    #[must_use]
    pub fn say(&self, language: Language) -> &str {
        match language {
            Language::Zh => &self.zh,
            Language::En => &self.en,
        }
    }
}

/// How many errors and how many warnings.
#[must_use]
pub fn counts(problems: &[Problem]) -> (usize, usize) {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    (errors, problems.len() - errors)
}
