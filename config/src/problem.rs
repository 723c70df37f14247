//! A mistake in the config: one struct, whatever shows it (terminal, JSON, HTML).

use std::ops::Range;

use serde::Serialize;

/// A text in both languages of the product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Words {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Words {
    /// A text in both languages.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }
}

/// A place in one of the config's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Index of the file in [`crate::text::Texts`].
    pub file: usize,
    /// Bytes of its text.
    pub range: Range<usize>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The config is not used.
    Error,
    /// The config is used; this deserves a look.
    Warning,
}

/// A mistake, with its place and a way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable code; `leadloop explain CODE` shows its page.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub span: Span,
    /// What is wrong.
    pub message: Words,
    /// A few words right at the place.
    pub label: Words,
    /// What to write instead.
    pub help: Option<Words>,
    /// Other places that belong to it.
    pub related: Vec<(Span, Words)>,
}

impl Problem {
    /// An error at a place.
    pub fn error(code: &'static str, span: &Span, message: Words, label: Words) -> Self {
        Self {
            code,
            severity: Severity::Error,
            span: span.clone(),
            message,
            label,
            help: None,
            related: Vec::new(),
        }
    }

    /// A warning at a place.
    pub fn warning(code: &'static str, span: &Span, message: Words, label: Words) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message, label) }
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, en: impl Into<String>, zh: impl Into<String>) -> Self {
        self.help = Some(Words::new(en, zh));
        self
    }

    /// Points to another place.
    #[must_use]
    pub fn also(mut self, span: &Span, en: impl Into<String>, zh: impl Into<String>) -> Self {
        self.related.push((span.clone(), Words::new(en, zh)));
        self
    }
}
