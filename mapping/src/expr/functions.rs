//! The functions an expression may call. Everything of ZEN that is not listed here is refused, with the reason.

use std::ops::Range;

use zen_expression::functions::{ClosureFunction, FunctionKind, InternalFunction as Zen};

use super::problem::{ExprProblem, ExprProblemKind as Kind, nearest};
use super::types::Type;

/// What a function wants at one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wants {
    /// Yes or no.
    Bool,
    Text,
    Number,
    /// A text written in the expression itself.
    Pattern,
    /// Text or a list.
    TextOrList,
    /// A list of anything.
    List,
    /// A list of numbers.
    Numbers,
    /// Text, number, or yes or no.
    Scalar,
    /// Anything at all.
    Anything,
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Gives {
    Bool,
    Number,
    Text,
    Texts,
    /// The list it was given, one level flatter.
    Flatter,
}

/// A function without a body to repeat.
pub(super) struct Signature {
    pub(super) wants: &'static [Wants],
    /// How many of `wants` must be there.
    pub(super) least: usize,
    pub(super) gives: Gives,
}

impl Gives {
    pub(super) fn ty(self) -> Type {
        match self {
            Gives::Bool => Type::bool(),
            Gives::Number => Type::number(),
            Gives::Text => Type::text(),
            Gives::Texts => Type::list(Type::text()),
            Gives::Flatter => Type::list(Type::any()),
        }
    }
}

/// The signature of `kind`; `None` where it is refused or repeats a body (see [`closure`]).
pub(super) fn signature(kind: &FunctionKind) -> Option<Signature> {
    use Wants::{Anything, List, Number, Numbers, Pattern, Scalar, Text, TextOrList};
    let FunctionKind::Internal(function) = kind else { return None };
    let (wants, least, gives): (&'static [Wants], usize, Gives) = match function {
        Zen::Len => (&[TextOrList], 1, Gives::Number),
        Zen::Contains => (&[TextOrList, Scalar], 2, Gives::Bool),
        Zen::Flatten => (&[List], 1, Gives::Flatter),
        Zen::Upper | Zen::Lower | Zen::Trim => (&[Text], 1, Gives::Text),
        Zen::StartsWith | Zen::EndsWith => (&[Text, Text], 2, Gives::Bool),
        Zen::Matches => (&[Text, Pattern], 2, Gives::Bool),
        Zen::Extract => (&[Text, Pattern], 2, Gives::Texts),
        Zen::FuzzyMatch => (&[Text, Text], 2, Gives::Number),
        Zen::Split => (&[Text, Text], 2, Gives::Texts),
        Zen::Abs | Zen::Floor | Zen::Ceil => (&[Number], 1, Gives::Number),
        Zen::Round | Zen::Trunc => (&[Number, Number], 1, Gives::Number),
        Zen::Sum | Zen::Avg | Zen::Min | Zen::Max => (&[Numbers], 1, Gives::Number),
        Zen::IsNumeric => (&[Anything], 1, Gives::Bool),
        Zen::String | Zen::Number => {
            (&[Scalar], 1, if *function == Zen::String { Gives::Text } else { Gives::Number })
        }
        Zen::Merge | Zen::MergeDeep | Zen::Rand | Zen::Median | Zen::Mode | Zen::Bool | Zen::Type => {
            return None;
        }
        Zen::Keys | Zen::Values | Zen::Date => return None,
    };
    Some(Signature { wants, least, gives })
}

/// The function that repeats a body over a list, where `kind` is one.
pub(super) fn closure(kind: &FunctionKind) -> Option<ClosureFunction> {
    match kind {
        FunctionKind::Closure(function) => Some(*function),
        _ => None,
    }
}

/// Every function that may be called, for suggestions and editor help.
pub const FUNCTIONS: [&str; 32] = [
    "abs",
    "all",
    "avg",
    "ceil",
    "contains",
    "count",
    "endsWith",
    "extract",
    "filter",
    "flatMap",
    "flatten",
    "floor",
    "fuzzyMatch",
    "isNumeric",
    "len",
    "lower",
    "map",
    "matches",
    "max",
    "min",
    "none",
    "number",
    "one",
    "round",
    "some",
    "split",
    "startsWith",
    "string",
    "sum",
    "trim",
    "trunc",
    "upper",
];

/// A function that does not exist.
pub(super) fn unknown(name: &str, range: Range<usize>) -> ExprProblem {
    let problem = ExprProblem::new(
        Kind::UnknownFunction,
        range,
        format!("there is no function `{name}`"),
        format!("没有名为 `{name}` 的函数"),
    );
    let meant = match name.to_lowercase().as_str() {
        "tolower" | "lowercase" | "lcase" => Some("lower"),
        "toupper" | "uppercase" | "ucase" => Some("upper"),
        "length" | "size" | "strlen" => Some("len"),
        "starts_with" | "beginswith" | "hasprefix" => Some("startsWith"),
        "ends_with" | "hassuffix" => Some("endsWith"),
        "includes" | "has" | "in" => Some("contains"),
        "regex" | "regexp" | "match" => Some("matches"),
        "any" | "exists" => Some("some"),
        "every" => Some("all"),
        lower => nearest(lower, FUNCTIONS),
    };
    match meant {
        Some(meant) => problem.suggest(meant),
        None => problem,
    }
}

/// A function of ZEN that is refused here.
pub(super) fn refused(kind: &FunctionKind, range: Range<usize>) -> ExprProblem {
    let problem = ExprProblem::new(
        Kind::Forbidden,
        range,
        format!("`{kind}` may not be used in a rule"),
        format!("规则中不能使用 `{kind}`"),
    );
    match kind {
        FunctionKind::Deprecated(_) | FunctionKind::Internal(Zen::Date) => problem.help(
            "a rule has no clock, so that it decides the same again; use a field that holds an age, such as `lead.days_since_last_touch`",
            "规则中没有时钟，这样重算结果才会一致；请使用表示天数的字段，例如 `lead.days_since_last_touch`",
        ),
        FunctionKind::Internal(Zen::Rand) => problem.help(
            "a rule decides the same for the same lead; let a route spread leads (`pick = \"round_robin\"`)",
            "同一条线索的判断结果必须一致；请用路由分配（`pick = \"round_robin\"`）",
        ),
        FunctionKind::Internal(Zen::Keys | Zen::Values | Zen::Merge | Zen::MergeDeep) => {
            problem.help("name the fields you need", "请直接写出需要的字段")
        }
        FunctionKind::Internal(Zen::Bool) => problem.help(
            "its answer for text surprises (\"\" is yes); compare instead: `touch.vip == \"yes\"`",
            "它对文本的结果容易误解（空文本为真）；请直接比较：`touch.vip == \"yes\"`",
        ),
        _ => problem.help("write the condition with comparisons", "请用比较来写条件"),
    }
}
