//! Why a value did not get across, in words a person can act on. Never the value itself: it may be personal.

use crate::expr::Words;
use crate::schema::{FieldKind, Length, Misfit};

/// Why a value could not be carried over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Not a telephone number.
    NotAPhone,
    /// Not a mobile number of mainland China.
    NotACnMobile,
    /// Not a day or time as expected.
    NotATime,
    /// Not a number.
    NotANumber,
    /// `choose` does not list it, and nothing says what to do then.
    NotListed,
    /// The field there takes another kind of value.
    NotOfKind(FieldKind),
    /// The field there has no such option.
    NotAnOption,
    /// Too long, and not to be cut: (its length, the most).
    TooLong(usize, Length),
    /// Several values for one field, or the other way round: (fields, values).
    WrongCount(usize, usize),
    /// The field is required and would be blank.
    Missing,
}

impl Why {
    /// The reason in words.
    #[must_use]
    pub fn words(&self) -> Words {
        match self {
            Why::NotAPhone => Words::new("the value is not a telephone number", "该值不是电话号码"),
            Why::NotACnMobile => {
                Words::new("the value is not a mobile number of mainland China", "该值不是中国大陆手机号")
            }
            Why::NotATime => {
                Words::new("the value is not a date or time in this format", "该值不是此格式的日期或时间")
            }
            Why::NotANumber => Words::new("the value is not a number", "该值不是数字"),
            Why::NotListed => Words::new(
                "`choose` does not list the value; add it, or say `otherwise`",
                "`choose` 未列出该值；请补充，或写明 `otherwise`",
            ),
            Why::NotOfKind(kind) => Words::new(
                format!("the field takes another kind of value ({})", kind.as_str()),
                format!("该字段需要其他类型的值（{}）", kind.as_str()),
            ),
            Why::NotAnOption => Words::new("the field has no such option", "该字段没有此选项"),
            Why::TooLong(length, most) => Words::new(
                format!("the value is too long ({length} {}, at most {})", most.unit.as_str(), most.most),
                format!("该值过长（{length}，上限 {}，单位 {}）", most.most, most.unit.as_str()),
            ),
            Why::WrongCount(fields, values) => Words::new(
                format!("{values} values for {fields} fields"),
                format!("{values} 个值对应 {fields} 个字段"),
            ),
            Why::Missing => Words::new("the field is required and there is no value", "该字段必填但没有值"),
        }
    }
}

impl From<Misfit> for Why {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Kind(kind) => Why::NotOfKind(kind),
            Misfit::Option => Why::NotAnOption,
            Misfit::Length(length, most) => Why::TooLong(length, most),
        }
    }
}

/// A value that was not carried over, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule's place in the mapping; `None` where no rule fills a required field.
    pub rule: Option<usize>,
    /// The rule as it is called (`industry → industryId`), or the field.
    pub name: String,
    /// Why.
    pub why: Why,
}

/// Something worth telling about a value that was carried over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// It was cut.
    Cut {
        /// Its former length.
        from: usize,
        /// What it was cut to.
        to: Length,
    },
}
