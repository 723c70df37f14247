//! Steps, ready to run: each turns a value into another, or says why it cannot. What a step is called and takes is in
//! [`crate::step`]; which steps fit where is decided by [`crate::compile`](mod@crate::compile).

pub(crate) mod clock;
pub mod person;
pub mod phone;
pub(crate) mod template;
pub mod text;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::refusal::{Note, Why};
use crate::rule::Unknown;
use crate::schema::Length;
use crate::step::EpochUnit;
use crate::value::{Record, Value};
use template::Template;

/// A step with everything it needs looked up.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Trim,
    Collapse,
    Lower,
    Upper,
    HalfWidth,
    FullWidth,
    E164,
    CnMobile,
    FromCnMobile,
    NationalPhone,
    NameSplit,
    NameJoin,
    FamilyName,
    GivenName,
    WriteDate {
        format: String,
        zone: TimeZone,
    },
    ReadDate {
        format: String,
        zone: TimeZone,
        as_time: bool,
    },
    WriteTime {
        format: String,
        zone: TimeZone,
    },
    ReadTime {
        format: String,
        zone: TimeZone,
    },
    ToEpoch(EpochUnit),
    FromEpoch {
        unit: EpochUnit,
        as_date: bool,
    },
    Number(Option<u32>),
    Join(String),
    Split(String),
    First,
    Template(Template),
    Truncate(Length, String),
    Default(Value),
    BlankIf(Vec<String>),
    Choose(Choose),
    /// The way back of a step that needs none.
    Pass,
}

/// Value → value, by the text of the value.
#[derive(Clone, Debug)]
pub(crate) struct Choose {
    pub(crate) table: BTreeMap<String, Value>,
    pub(crate) otherwise: Option<Value>,
    pub(crate) unknown: Unknown,
    /// On the way back: the value that stood for everything not listed says nothing.
    pub(crate) stands_for_all: Option<Value>,
}

/// What became of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Flow {
    /// This value arrives.
    Value(Value),
    /// Nothing arrives: the target keeps what it has.
    Keep,
}

/// Runs `value` through `ops`; `record` is where it comes from.
pub(crate) fn run(ops: &[Op], value: Value, record: &Record, notes: &mut Vec<Note>) -> Result<Flow, Why> {
    let mut value = value;
    for op in ops {
        match op.apply(value, record, notes)? {
            Flow::Value(next) => value = next,
            Flow::Keep => return Ok(Flow::Keep),
        }
    }
    Ok(Flow::Value(value))
}

impl Op {
    fn apply(&self, value: Value, record: &Record, notes: &mut Vec<Note>) -> Result<Flow, Why> {
        let done = |value: Value| Ok(Flow::Value(value));
        match self {
            Op::Pass => return done(value),
            Op::Default(default) if value.is_blank() => return done(default.clone()),
            Op::Default(_) => return done(value),
            Op::Template(template) => return done(template.fill(&value, record)),
            // Two fields, one of them blank: still a name.
            Op::NameJoin => return join_name(&value).map(Flow::Value),
            _ if value.is_blank() => return done(Value::Null),
            Op::Choose(choose) => return choose.apply(value),
            Op::Join(between) => return done(join(&value, between)),
            Op::First => return done(first(value)),
            _ => {}
        }
        if let Value::List(items) = value {
            let each = items.into_iter().map(|item| match self.apply(item, record, notes)? {
                Flow::Value(value) => Ok(value),
                Flow::Keep => Ok(Value::Null),
            });
            return each.collect::<Result<Vec<_>, _>>().map(Value::List).map(Flow::Value);
        }
        self.one(value, notes).map(Flow::Value)
    }

    /// One value that is neither blank nor a list.
    fn one(&self, value: Value, notes: &mut Vec<Note>) -> Result<Value, Why> {
        if let Op::FromEpoch { unit, as_date } = self {
            return from_epoch(&value, *unit, *as_date).ok_or(Why::NotATime);
        }
        let text = match &value {
            Value::Text(text) => std::borrow::Cow::Borrowed(text.as_str()),
            other => std::borrow::Cow::Owned(other.to_display()),
        };
        let known = |found: Option<String>, why: Why| found.map(Value::Text).ok_or(why);
        match self {
            Op::Trim => Ok(Value::text(text.trim())),
            Op::Collapse => Ok(Value::Text(text::collapse(&text))),
            Op::Lower => Ok(Value::Text(text.to_lowercase())),
            Op::Upper => Ok(Value::Text(text.to_uppercase())),
            Op::HalfWidth => Ok(Value::Text(text::half_width(&text))),
            Op::FullWidth => Ok(Value::Text(text::full_width(&text))),
            Op::E164 => known(phone::e164(&text), Why::NotAPhone),
            Op::CnMobile => known(phone::cn_mobile(&text), Why::NotACnMobile),
            Op::FromCnMobile => known(phone::from_cn_mobile(&text), Why::NotAPhone),
            Op::NationalPhone => known(phone::national(&text), Why::NotAPhone),
            Op::NameSplit => {
                let (family, given) = person::split(&text);
                Ok(Value::List(vec![Value::Text(family), Value::Text(given)]))
            }
            Op::FamilyName => Ok(Value::Text(person::split(&text).0)),
            Op::GivenName => Ok(Value::Text(person::split(&text).1)),
            Op::Number(decimals) => number(&value, &text, *decimals).ok_or(Why::NotANumber),
            Op::Split(at) => Ok(split(&text, at)),
            Op::Truncate(length, mark) => Ok(truncate(&text, *length, mark, notes)),
            Op::BlankIf(blanks) => {
                let nothing = blanks.iter().any(|blank| blank.trim() == text.trim());
                Ok(if nothing { Value::Null } else { value.clone() })
            }
            _ => self.moment(&text),
        }
    }

    /// Steps about days and times.
    fn moment(&self, text: &str) -> Result<Value, Why> {
        let found = match self {
            Op::WriteDate { format, zone } => {
                clock::day_in(text, zone).and_then(|day| clock::write_date(day, format)).map(Value::Text)
            }
            Op::ReadDate { format, zone, as_time: false } => {
                let day = clock::read_date_by(text, format).or_else(|| clock::day_in(text, zone));
                day.map(|day| Value::Text(day.to_string()))
            }
            Op::ReadDate { format, zone, as_time: true } => {
                let day = clock::read_date_by(text, format).or_else(|| clock::day_in(text, zone));
                day.and_then(|day| clock::start_of(day, zone)).map(|time| Value::Text(clock::show_time(time)))
            }
            Op::WriteTime { format, zone } => clock::read_time(text, zone)
                .and_then(|time| clock::write(time, zone, format))
                .map(Value::Text),
            Op::ReadTime { format, zone } => {
                let time = clock::read(text, zone, format).or_else(|| clock::read_time(text, zone));
                time.map(|time| Value::Text(clock::show_time(time)))
            }
            Op::ToEpoch(unit) => clock::read_time(text, &TimeZone::UTC)
                .map(|time| Value::Int(time.as_microsecond().div_euclid(unit.micros()))),
            _ => None,
        };
        found.ok_or(Why::NotATime)
    }

    /// The step that undoes this one; `None` where nothing can. `date` says that what comes back is a day.
    pub(crate) fn inverse(&self, date: bool) -> Option<Op> {
        Some(match self {
            Op::Trim | Op::Collapse | Op::Lower | Op::Upper | Op::HalfWidth | Op::E164 | Op::BlankIf(_) => {
                self.clone()
            }
            Op::FullWidth => Op::HalfWidth,
            Op::CnMobile => Op::FromCnMobile,
            Op::NationalPhone => Op::E164,
            Op::NameSplit => Op::NameJoin,
            Op::WriteDate { format, zone } => {
                Op::ReadDate { format: format.clone(), zone: zone.clone(), as_time: !date }
            }
            Op::WriteTime { format, zone } => Op::ReadTime { format: format.clone(), zone: zone.clone() },
            Op::ToEpoch(unit) => Op::FromEpoch { unit: *unit, as_date: date },
            Op::Join(between) if !between.trim().is_empty() => Op::Split(between.trim().to_owned()),
            Op::Join(between) if !between.is_empty() => Op::Split(between.clone()),
            Op::Split(at) => Op::Join(at.clone()),
            Op::Number(_) => Op::Number(None),
            Op::Truncate(..) | Op::Default(_) => Op::Pass,
            Op::Choose(choose) => Op::Choose(choose.inverse()?),
            _ => return None,
        })
    }
}

impl Choose {
    fn apply(&self, value: Value) -> Result<Flow, Why> {
        if let Value::List(items) = value {
            let mut chosen = Vec::new();
            for item in items.into_iter().filter(|item| !item.is_blank()) {
                match self.apply(item)? {
                    Flow::Value(value) => chosen.push(value),
                    Flow::Keep => return Ok(Flow::Keep),
                }
            }
            return Ok(Flow::Value(Value::List(chosen)));
        }
        let shown = value.to_display();
        if let Some(chosen) = self.table.get(shown.trim()) {
            return Ok(Flow::Value(chosen.clone()));
        }
        if self.stands_for_all.as_ref().is_some_and(|all| all.to_display() == shown.trim()) {
            return Ok(Flow::Keep);
        }
        match (&self.otherwise, self.unknown) {
            (Some(otherwise), _) => Ok(Flow::Value(otherwise.clone())),
            (None, Unknown::Ask) => Err(Why::NotListed),
            (None, Unknown::Keep) => Ok(Flow::Keep),
            (None, Unknown::Blank) => Ok(Flow::Value(Value::Null)),
            (None, Unknown::Pass) => Ok(Flow::Value(value)),
        }
    }

    /// The table read backwards; `None` where two values become one.
    fn inverse(&self) -> Option<Self> {
        let mut table = BTreeMap::new();
        for (key, value) in &self.table {
            if table.insert(value.to_display().trim().to_owned(), Value::text(key.as_str())).is_some() {
                return None;
            }
        }
        Some(Self { table, otherwise: None, unknown: self.unknown, stands_for_all: self.otherwise.clone() })
    }
}

fn join_name(value: &Value) -> Result<Value, Why> {
    let name = match value {
        Value::List(parts) => {
            let part = |at: usize| parts.get(at).map(Value::to_display).unwrap_or_default();
            person::join(&part(0), &part(1))
        }
        other => other.to_display(),
    };
    Ok(if name.trim().is_empty() { Value::Null } else { Value::text(name) })
}

fn join(value: &Value, between: &str) -> Value {
    match value {
        Value::List(items) => {
            let shown: Vec<String> =
                items.iter().filter(|item| !item.is_blank()).map(Value::to_display).collect();
            Value::text(shown.join(between))
        }
        other => other.clone(),
    }
}

fn split(text: &str, at: &str) -> Value {
    let parts = text.split(at).map(str::trim).filter(|part| !part.is_empty());
    Value::List(parts.map(Value::text).collect())
}

fn first(value: Value) -> Value {
    match value {
        Value::List(items) => items.into_iter().find(|item| !item.is_blank()).unwrap_or_default(),
        other => other,
    }
}

fn number(value: &Value, text: &str, decimals: Option<u32>) -> Option<Value> {
    if let (Value::Int(_), _) | (Value::Real(_), None) = (value, decimals) {
        return Some(value.clone());
    }
    text::number_value(text::read_number(text)?, decimals)
}

fn truncate(text: &str, length: Length, mark: &str, notes: &mut Vec<Note>) -> Value {
    let cut = length.cut(text, mark);
    if let std::borrow::Cow::Owned(_) = &cut {
        notes.push(Note::Cut { from: length.of(text), to: length });
    }
    Value::text(cut)
}

fn from_epoch(value: &Value, unit: EpochUnit, as_date: bool) -> Option<Value> {
    let Some(count) = value.as_int() else {
        // Some systems answer in ISO 8601 although they are told in counts.
        let time = clock::read_time(value.as_text()?, &TimeZone::UTC)?;
        return Some(Value::Text(shown(time, as_date)));
    };
    let time = Timestamp::from_microsecond(count.checked_mul(unit.micros())?).ok()?;
    Some(Value::Text(shown(time, as_date)))
}

fn shown(time: Timestamp, as_date: bool) -> String {
    if as_date { TimeZone::UTC.to_datetime(time).date().to_string() } else { clock::show_time(time) }
}
