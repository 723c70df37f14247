//! The closed set of steps a value may take on its way, as written in the config: a word (`"trim"`), or a word with
//! what it needs (`{ truncate = 100 }`, `{ time = { zone = "Asia/Shanghai" } }`).

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

use crate::expr::Words;
use crate::schema::Length;
use crate::value::Value;

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Takes away space before and behind.
    Trim,
    /// Makes runs of space one space, and trims.
    Collapse,
    /// Small letters.
    Lower,
    /// Capital letters.
    Upper,
    /// Full-width letters, digits and signs become half-width (`Ａ１` → `A1`).
    HalfWidth,
    /// Half-width letters, digits and signs become full-width.
    FullWidth,
    /// A telephone number as `+8613912345678`.
    E164,
    /// A mobile number of mainland China as eleven digits.
    CnMobile,
    /// A telephone number as people of its country write it.
    NationalPhone,
    /// A name as family name and given name, for a rule with two target fields.
    NameParts,
    /// The family name of a name.
    FamilyName,
    /// The given name of a name.
    GivenName,
    /// A day, as a system writes it.
    Date(TimeStyle),
    /// A point in time, as a system writes it.
    Time(TimeStyle),
    /// A point in time (or a day) counted since 1970-01-01 UTC.
    Epoch(EpochUnit),
    /// A number, read from text like `1,200`, `￥3.5万`; rounded to so many decimals where said.
    Number {
        /// Digits behind the point; `None` keeps them all.
        decimals: Option<u32>,
    },
    /// A list as one text, with this between the items.
    Join(String),
    /// A text as a list, cut at this.
    Split(String),
    /// The first item of a list that is not blank.
    First,
    /// A text with fields of the same record in it: `{name} ({company})`; `{}` is the value itself.
    Template(String),
    /// Cuts a text to so much.
    Truncate {
        /// The most.
        length: Length,
        /// What stands at the end of a text that was cut, within the length.
        mark: String,
    },
    /// A value to take where there is none.
    Default(Value),
    /// Values that mean nothing was said (`无`, `N/A`).
    BlankIf(Vec<String>),
}

/// How a day or a time is written.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeStyle {
    /// The pattern (strftime: `%Y/%m/%d`); ISO-like where not said.
    pub format: Option<String>,
    /// The time zone the system's clocks show; the product's own where not said.
    pub zone: Option<String>,
}

/// Unit of a count since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpochUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
}

impl EpochUnit {
    /// Microseconds in one.
    pub(crate) const fn micros(self) -> i64 {
        match self {
            EpochUnit::Seconds => 1_000_000,
            EpochUnit::Millis => 1_000,
            EpochUnit::Micros => 1,
        }
    }
    const fn as_str(self) -> &'static str {
        match self {
            EpochUnit::Seconds => "seconds",
            EpochUnit::Millis => "millis",
            EpochUnit::Micros => "micros",
        }
    }
}

/// Why a step cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", message.en)]
pub struct StepError {
    /// What is wrong.
    pub message: Words,
    /// The step that was meant.
    pub suggestion: Option<String>,
}

impl StepError {
    fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { message: Words::new(en, zh), suggestion: None }
    }
}

impl Step {
    /// The names of all steps.
    pub const NAMES: [&str; 23] = [
        "trim",
        "collapse",
        "lower",
        "upper",
        "half_width",
        "full_width",
        "e164",
        "cn_mobile",
        "national_phone",
        "name_parts",
        "family_name",
        "given_name",
        "date",
        "time",
        "epoch",
        "number",
        "join",
        "split",
        "first",
        "template",
        "truncate",
        "default",
        "blank_if",
    ];

    /// The step `name` with `args`, where it takes any.
    ///
    /// # Errors
    /// Where there is no such step, or it needs something else.
    pub fn read(name: &str, args: Option<&Json>) -> Result<Self, StepError> {
        let bare = |step: Step| match args {
            None => Ok(step),
            Some(_) => Err(StepError::new(
                format!("`{name}` takes nothing: write \"{name}\""),
                format!("`{name}` 不带参数：请写 \"{name}\""),
            )),
        };
        match name {
            "trim" => bare(Step::Trim),
            "collapse" => bare(Step::Collapse),
            "lower" => bare(Step::Lower),
            "upper" => bare(Step::Upper),
            "half_width" => bare(Step::HalfWidth),
            "full_width" => bare(Step::FullWidth),
            "e164" => bare(Step::E164),
            "cn_mobile" => bare(Step::CnMobile),
            "national_phone" => bare(Step::NationalPhone),
            "name_parts" => bare(Step::NameParts),
            "family_name" => bare(Step::FamilyName),
            "given_name" => bare(Step::GivenName),
            "first" => bare(Step::First),
            "date" => style(name, args).map(Step::Date),
            "time" => style(name, args).map(Step::Time),
            "epoch" => epoch(args),
            "number" => number(args),
            "join" => text(name, args, "; ").map(Step::Join),
            "split" => separator(args),
            "template" => text(name, args, "").map(Step::Template),
            "truncate" => truncate(args),
            "default" => one_value(args),
            "blank_if" => blank_if(args),
            _ => Err(unknown(name)),
        }
    }

    /// The name in the config.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Step::Trim => "trim",
            Step::Collapse => "collapse",
            Step::Lower => "lower",
            Step::Upper => "upper",
            Step::HalfWidth => "half_width",
            Step::FullWidth => "full_width",
            Step::E164 => "e164",
            Step::CnMobile => "cn_mobile",
            Step::NationalPhone => "national_phone",
            Step::NameParts => "name_parts",
            Step::FamilyName => "family_name",
            Step::GivenName => "given_name",
            Step::Date(_) => "date",
            Step::Time(_) => "time",
            Step::Epoch(_) => "epoch",
            Step::Number { .. } => "number",
            Step::Join(_) => "join",
            Step::Split(_) => "split",
            Step::First => "first",
            Step::Template(_) => "template",
            Step::Truncate { .. } => "truncate",
            Step::Default(_) => "default",
            Step::BlankIf(_) => "blank_if",
        }
    }

    /// What it takes, as it is written; `None` for a bare word.
    fn args(&self) -> Option<Json> {
        match self {
            Step::Date(style) | Step::Time(style) if *style != TimeStyle::default() => {
                let mut args = Map::new();
                args.extend(style.format.as_ref().map(|format| ("format".to_owned(), json!(format))));
                args.extend(style.zone.as_ref().map(|zone| ("zone".to_owned(), json!(zone))));
                Some(Json::Object(args))
            }
            Step::Epoch(unit) => Some(json!(unit.as_str())),
            Step::Number { decimals: Some(decimals) } => Some(json!({ "decimals": decimals })),
            Step::Join(between) | Step::Split(between) => Some(json!(between)),
            Step::Template(text) => Some(json!(text)),
            Step::Truncate { length, mark } => {
                Some(json!({ length.unit.as_str(): length.most, "mark": mark }))
            }
            Step::Default(value) => Some(value.to_json()),
            Step::BlankIf(values) => Some(json!(values)),
            _ => None,
        }
    }
}

/// A length as it is written: a number of characters, or `{ bytes = 2048 }`.
///
/// # Errors
/// Where it is neither.
pub fn read_length(args: &Json) -> Result<Length, StepError> {
    Length::read(args).ok_or_else(|| {
        StepError::new(
            "a length is a number of characters, or { bytes = … } or { utf16 = … }",
            "长度写字符数，或 { bytes = … }、{ utf16 = … }",
        )
    })
}

fn unknown(name: &str) -> StepError {
    let mut error = StepError::new(format!("there is no step `{name}`"), format!("没有名为 `{name}` 的步骤"));
    let meant = match name {
        "lowercase" | "downcase" => Some("lower"),
        "uppercase" | "upcase" => Some("upper"),
        "halfwidth" => Some("half_width"),
        "phone" | "mobile" => Some("cn_mobile"),
        "cut" | "max" | "limit" => Some("truncate"),
        "datetime" => Some("time"),
        "timestamp" => Some("epoch"),
        "concat" | "format" => Some("template"),
        _ => crate::expr::nearest(name, Step::NAMES),
    };
    error.suggestion = meant.map(str::to_owned);
    error
}

fn style(name: &str, args: Option<&Json>) -> Result<TimeStyle, StepError> {
    match args {
        None => Ok(TimeStyle::default()),
        Some(Json::String(format)) => Ok(TimeStyle { format: Some(format.clone()), zone: None }),
        Some(json) => serde_json::from_value(json.clone()).map_err(|_| {
            StepError::new(
                format!("`{name}` takes a format and a zone: {{ {name} = {{ format = \"%Y/%m/%d\", zone = \"UTC\" }} }}"),
                format!("`{name}` 可带格式与时区：{{ {name} = {{ format = \"%Y/%m/%d\", zone = \"UTC\" }} }}"),
            )
        }),
    }
}

fn epoch(args: Option<&Json>) -> Result<Step, StepError> {
    let units = [EpochUnit::Seconds, EpochUnit::Millis, EpochUnit::Micros];
    let unit =
        args.and_then(Json::as_str).and_then(|name| units.into_iter().find(|unit| unit.as_str() == name));
    unit.map(Step::Epoch).ok_or_else(|| {
        StepError::new(
            "`epoch` needs its unit: { epoch = \"seconds\" }, \"millis\" or \"micros\"",
            "`epoch` 需要单位：{ epoch = \"seconds\" }、\"millis\" 或 \"micros\"",
        )
    })
}

fn number(args: Option<&Json>) -> Result<Step, StepError> {
    let decimals = match args {
        None => None,
        Some(json) => {
            let decimals = json.get("decimals").unwrap_or(json).as_u64().filter(|decimals| *decimals <= 12);
            let decimals = decimals.and_then(|decimals| u32::try_from(decimals).ok());
            Some(decimals.ok_or_else(|| {
                StepError::new(
                    "`number` takes how many decimals to keep, 0 to 12: { number = { decimals = 2 } }",
                    "`number` 可写保留的小数位数（0 到 12）：{ number = { decimals = 2 } }",
                )
            })?)
        }
    };
    Ok(Step::Number { decimals })
}

fn text(name: &str, args: Option<&Json>, default: &str) -> Result<String, StepError> {
    match args {
        None if !default.is_empty() => Ok(default.to_owned()),
        Some(Json::String(text)) => Ok(text.clone()),
        _ => Err(StepError::new(
            format!("`{name}` needs a text: {{ {name} = \"…\" }}"),
            format!("`{name}` 需要文本：{{ {name} = \"…\" }}"),
        )),
    }
}

fn separator(args: Option<&Json>) -> Result<Step, StepError> {
    let between = text("split", args, ";")?;
    if between.is_empty() {
        return Err(StepError::new("`split` needs something to cut at", "`split` 需要分隔符"));
    }
    Ok(Step::Split(between))
}

fn truncate(args: Option<&Json>) -> Result<Step, StepError> {
    let args = args.unwrap_or(&Json::Null);
    let length = read_length(args)?;
    let mark = args.get("mark").and_then(Json::as_str).unwrap_or_default().to_owned();
    Ok(Step::Truncate { length, mark })
}

fn one_value(args: Option<&Json>) -> Result<Step, StepError> {
    match args.map(Value::from_json) {
        Some(value) if !value.is_blank() => Ok(Step::Default(value)),
        _ => Err(StepError::new(
            "`default` needs a value: { default = \"…\" }",
            "`default` 需要取值：{ default = \"…\" }",
        )),
    }
}

fn blank_if(args: Option<&Json>) -> Result<Step, StepError> {
    let values: Option<Vec<String>> = match args {
        Some(Json::String(one)) => Some(vec![one.clone()]),
        Some(Json::Array(list)) => list.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    values.filter(|values| !values.is_empty()).map(Step::BlankIf).ok_or_else(|| {
        StepError::new(
            "`blank_if` needs texts: { blank_if = [\"无\", \"N/A\"] }",
            "`blank_if` 需要文本列表：{ blank_if = [\"无\", \"N/A\"] }",
        )
    })
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)? {
            Json::String(name) => Step::read(&name, None).map_err(D::Error::custom),
            Json::Object(table) if table.len() == 1 => {
                let (name, args) =
                    table.iter().next().ok_or_else(|| D::Error::custom("a step needs a name"))?;
                Step::read(name, Some(args)).map_err(D::Error::custom)
            }
            _ => Err(D::Error::custom(
                "a step is a word, or a table with one word in it: \"trim\", { truncate = 100 }",
            )),
        }
    }
}

/// The step as people read it: `trim`, `truncate 80 chars`, `join ", "`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Step::Truncate { length, .. } = self {
            return write!(f, "truncate {} {}", length.most, length.unit.as_str());
        }
        match serde_json::to_value(self) {
            Ok(Json::Object(written)) => match written.iter().next() {
                Some((name, with)) => write!(f, "{name} {with}"),
                None => f.write_str(self.name()),
            },
            _ => f.write_str(self.name()),
        }
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.args() {
            None => self.name().serialize(serializer),
            Some(args) => json!({ self.name(): args }).serialize(serializer),
        }
    }
}
