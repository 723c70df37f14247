//! What can be wrong with a mapping before any lead meets it.

use crate::expr::Words;

/// Which part of a rule a problem is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The rule as a whole.
    Rule,
    /// A name under `pool` (its place in the list).
    Pool(usize),
    /// A name under `crm` (its place in the list).
    Crm(usize),
    /// `way`.
    Way,
    /// `wins`.
    Wins,
    /// A step (its place).
    Step(usize),
    /// A line of `choose`, by its key.
    Choose(String),
    /// `otherwise`.
    Otherwise,
    /// `max`.
    Max,
    /// `fixed`.
    Fixed,
    /// `once`.
    Once,
}

/// The kinds of problems; their names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapProblemKind {
    /// The rule says too little, or two things that exclude each other.
    Shape,
    /// The pool has no such field.
    UnknownPoolField,
    /// The CRM's object has no such field.
    UnknownCrmField,
    /// The CRM does not let us write the field.
    ReadOnly,
    /// Two rules fill one field.
    FilledTwice,
    /// A step that cannot take what comes to it, or does not know what it names.
    Step,
    /// A step that cannot be run backwards, in a rule that goes both ways.
    OneWayStep,
    /// What arrives is not what the field takes.
    WrongType,
    /// A value that is none of the field's options.
    NotAnOption,
    /// The field takes only certain values, and not all that may come are covered.
    NotCovered,
    /// Two values become one, in a rule that goes both ways.
    Ambiguous,
    /// `max` is more than the field takes.
    TooLong,
    /// A required field that no rule fills.
    RequiredUnmapped,
}

impl MapProblemKind {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::UnknownPoolField => "unknown_pool_field",
            Self::UnknownCrmField => "unknown_crm_field",
            Self::ReadOnly => "read_only",
            Self::FilledTwice => "filled_twice",
            Self::Step => "step",
            Self::OneWayStep => "one_way_step",
            Self::WrongType => "wrong_type",
            Self::NotAnOption => "not_an_option",
            Self::NotCovered => "not_covered",
            Self::Ambiguous => "ambiguous",
            Self::TooLong => "too_long",
            Self::RequiredUnmapped => "required_unmapped",
        }
    }
}

/// One problem of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapProblem {
    /// The rule's place; `None` where a rule is missing.
    pub rule: Option<usize>,
    /// The rule as it is called, or the field that misses one.
    pub name: String,
    /// Which part of the rule.
    pub part: Part,
    /// What kind.
    pub kind: MapProblemKind,
    /// What is wrong.
    pub message: Words,
    /// What to do, where that can be said.
    pub help: Option<Words>,
    /// What to write instead of the part, where that can be said.
    pub suggestion: Option<String>,
}

impl MapProblem {
    pub(super) fn help(mut self, en: impl Into<String>, zh: impl Into<String>) -> Self {
        self.help = Some(Words::new(en, zh));
        self
    }

    pub(super) fn suggest(mut self, text: Option<&str>) -> Self {
        if let Some(text) = text {
            if self.help.is_none() {
                self.help =
                    Some(Words::new(format!("did you mean `{text}`?"), format!("是否想写 `{text}`？")));
            }
            self.suggestion = Some(text.to_owned());
        }
        self
    }
}
