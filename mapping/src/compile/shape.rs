//! What kind of value stands between two steps, and which steps and fields take it.

use crate::expr::Words;
use crate::schema::FieldKind;
use crate::transform::Op;

/// The kind of value at one place of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Any,
    Text,
    Number,
    Bool,
    Date,
    Time,
    List,
}

impl Shape {
    pub(super) fn of(kind: FieldKind) -> Self {
        match kind {
            // Options and ids may be numbers or texts.
            FieldKind::Any | FieldKind::Picklist | FieldKind::Ref => Shape::Any,
            FieldKind::Text | FieldKind::Phone | FieldKind::Email | FieldKind::Url => Shape::Text,
            FieldKind::Int | FieldKind::Real => Shape::Number,
            FieldKind::Bool => Shape::Bool,
            FieldKind::Date => Shape::Date,
            FieldKind::Time => Shape::Time,
            FieldKind::Picklists => Shape::List,
        }
    }

    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Shape::Any => ("any value", "任意值"),
            Shape::Text => ("text", "文本"),
            Shape::Number => ("a number", "数字"),
            Shape::Bool => ("yes or no", "是/否"),
            Shape::Date => ("a date", "日期"),
            Shape::Time => ("a point in time", "时间"),
            Shape::List => ("a list", "列表"),
        }
    }

    /// What comes out of `op` where this goes in; `None` where it cannot.
    pub(super) fn after(self, op: &Op) -> Option<Self> {
        let textual = matches!(self, Shape::Any | Shape::Text);
        let dated = textual || matches!(self, Shape::Date | Shape::Time);
        match op {
            Op::Trim | Op::Collapse | Op::Lower | Op::Upper | Op::HalfWidth | Op::FullWidth => {
                (textual || self == Shape::List).then_some(self)
            }
            Op::BlankIf(_) => Some(self),
            Op::E164
            | Op::CnMobile
            | Op::FromCnMobile
            | Op::NationalPhone
            | Op::FamilyName
            | Op::GivenName => textual.then_some(Shape::Text),
            Op::Truncate(..) => {
                (textual || matches!(self, Shape::Date | Shape::Time | Shape::Number)).then_some(Shape::Text)
            }
            Op::NameSplit => textual.then_some(Shape::List),
            Op::NameJoin => matches!(self, Shape::List | Shape::Any | Shape::Text).then_some(Shape::Text),
            Op::WriteDate { .. } => dated.then_some(Shape::Date),
            Op::WriteTime { .. } => dated.then_some(Shape::Time),
            Op::ReadDate { as_time, .. } => dated.then_some(if *as_time { Shape::Time } else { Shape::Date }),
            Op::ReadTime { .. } => dated.then_some(Shape::Time),
            // The field may be one for times that counts them: that is what the step is for.
            Op::ToEpoch(_) => dated.then_some(Shape::Any),
            Op::FromEpoch { as_date, .. } => Some(if *as_date { Shape::Date } else { Shape::Time }),
            Op::Number(_) => (textual || self == Shape::Number).then_some(Shape::Number),
            Op::Join(_) => matches!(self, Shape::List | Shape::Any).then_some(Shape::Text),
            Op::Split(_) => textual.then_some(Shape::List),
            Op::First => matches!(self, Shape::List | Shape::Any).then_some(Shape::Any),
            Op::Template(_) => Some(Shape::Text),
            Op::Default(_) | Op::Pass => Some(self),
            // Its values are looked at one by one.
            Op::Choose(_) => Some(Shape::Any),
        }
    }

    /// Why a field of `kind` does not take this; `None` where it does.
    pub(super) fn misfit(self, kind: FieldKind) -> Option<Words> {
        let add =
            |step: &str| Some(Words::new(format!("add the step `{step}`"), format!("请加步骤 `{step}`")));
        let nothing = || Some(Words::new("no step makes one of the other", "没有步骤可以转换"));
        match (self, kind) {
            (Shape::Any, _) | (_, FieldKind::Any) => None,
            (Shape::List, FieldKind::Picklists) => None,
            (Shape::List, FieldKind::Picklist | FieldKind::Ref) => add("first"),
            (Shape::List, FieldKind::Text | FieldKind::Phone | FieldKind::Email | FieldKind::Url) => {
                add("join")
            }
            (Shape::List, _) => nothing(),
            (_, FieldKind::Text | FieldKind::Picklist | FieldKind::Picklists | FieldKind::Ref) => None,
            (Shape::Text, FieldKind::Phone | FieldKind::Email | FieldKind::Url | FieldKind::Bool) => None,
            (Shape::Number | Shape::Bool, FieldKind::Bool) => None,
            (Shape::Number, FieldKind::Int | FieldKind::Real | FieldKind::Phone) => None,
            (Shape::Text, FieldKind::Int | FieldKind::Real) => add("number"),
            (Shape::Date, FieldKind::Date) | (Shape::Time, FieldKind::Time) => None,
            (Shape::Text | Shape::Time, FieldKind::Date) => add("date"),
            (Shape::Text | Shape::Date, FieldKind::Time) => add("time"),
            (Shape::Date | Shape::Time, FieldKind::Int | FieldKind::Real) => add("epoch"),
            _ => nothing(),
        }
    }
}
