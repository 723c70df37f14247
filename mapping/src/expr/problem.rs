//! What can be wrong with an expression, where, and what to write instead.

use std::ops::Range;

/// A sentence in the two languages of the product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Words {
    /// Both wordings.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }
}

/// The kinds of problems; their names ([`ExprProblemKind::name`]) are stable and may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExprProblemKind {
    /// Not written as the language demands.
    Syntax,
    /// A name the schema does not have.
    UnknownName,
    /// A function that does not exist.
    UnknownFunction,
    /// A value of one type where another is needed.
    WrongType,
    /// A value that may be empty is computed with.
    MayBeEmpty,
    /// A comparison that no value can fulfil.
    NeverTrue,
    /// The whole expression gives something else than what is asked for (a condition must be yes or no).
    WrongResult,
    /// A part of the language that is refused here: clock, dice, order of keys, bytes of text.
    Forbidden,
    /// The pattern of `matches` or `extract` is not written as plain text.
    PatternNotLiteral,
    /// The pattern of `matches` or `extract` cannot be understood or is too large.
    BadPattern,
    /// Longer than [`super::MAX_BYTES`].
    TooLong,
    /// Nested too deep or made of too many parts.
    TooDeep,
}

impl ExprProblemKind {
    /// The stable name, for JSON and tests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::UnknownName => "unknown_name",
            Self::UnknownFunction => "unknown_function",
            Self::WrongType => "wrong_type",
            Self::MayBeEmpty => "may_be_empty",
            Self::NeverTrue => "never_true",
            Self::WrongResult => "wrong_result",
            Self::Forbidden => "forbidden",
            Self::PatternNotLiteral => "pattern_not_literal",
            Self::BadPattern => "bad_pattern",
            Self::TooLong => "too_long",
            Self::TooDeep => "too_deep",
        }
    }
}

/// One problem of one expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprProblem {
    /// What kind of problem.
    pub kind: ExprProblemKind,
    /// The bytes of the expression it is about, on character boundaries; empty at the end where something is missing.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: Words,
    /// What to do, where that can be said.
    pub help: Option<Words>,
    /// What to write in place of `range`, where that can be said.
    pub suggestion: Option<String>,
}

impl ExprProblem {
    pub(super) fn new(kind: ExprProblemKind, range: Range<usize>, en: String, zh: String) -> Self {
        Self { kind, range, message: Words::new(en, zh), help: None, suggestion: None }
    }

    pub(super) fn help(mut self, en: impl Into<String>, zh: impl Into<String>) -> Self {
        self.help = Some(Words::new(en, zh));
        self
    }

    /// Proposes `text` in place of the range, and says so where no other help is given.
    pub(super) fn suggest(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        if self.help.is_none() {
            self.help = Some(Words::new(format!("did you mean `{text}`?"), format!("是否想写 `{text}`？")));
        }
        self.suggestion = Some(text);
        self
    }
}

/// The candidate nearest to `word`, where one is near enough to be a slip of the hand.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            let length = candidate.chars().count().max(word.chars().count());
            *distance <= 1.max(length / 3) && *distance < length
        })
        .min_by_key(|(distance, candidate)| (*distance, *candidate))
        .map(|(_, candidate)| candidate)
}
