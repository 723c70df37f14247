//! What a field accepts: the pool's own fields and those of a remote object, in one vocabulary.
//!
//! A connector's manifest or the CRM's own description fills it; [`crate::compile`](mod@crate::compile) checks rules against it and
//! [`FieldSchema::accept`] fits the last value of a rule to it. Comparing goes by [`FieldSchema::same`], because systems
//! give one value in many dresses (`1`, `"1"`, `1.0`; null and blank text; times with any offset).

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

use crate::transform::clock;
use crate::value::Value;

/// What kind of value a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Not known; anything is passed on as it is.
    Any,
    /// Text; too long a text may be cut.
    #[default]
    Text,
    /// A telephone number; never cut.
    Phone,
    /// An e-mail address; never cut.
    Email,
    /// A web address; never cut.
    Url,
    /// A whole number.
    Int,
    /// Any number.
    Real,
    /// Yes or no.
    Bool,
    /// A day: `2026-11-23`.
    Date,
    /// A point in time: ISO 8601, in our own records always UTC with `Z`.
    Time,
    /// One of several values.
    Picklist,
    /// Several of several values.
    Picklists,
    /// The id of another record.
    Ref,
}

impl FieldKind {
    /// All kinds.
    pub const ALL: [FieldKind; 13] = [
        FieldKind::Any,
        FieldKind::Text,
        FieldKind::Phone,
        FieldKind::Email,
        FieldKind::Url,
        FieldKind::Int,
        FieldKind::Real,
        FieldKind::Bool,
        FieldKind::Date,
        FieldKind::Time,
        FieldKind::Picklist,
        FieldKind::Picklists,
        FieldKind::Ref,
    ];

    /// The stable name, as manifests write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            FieldKind::Any => "any",
            FieldKind::Text => "text",
            FieldKind::Phone => "phone",
            FieldKind::Email => "email",
            FieldKind::Url => "url",
            FieldKind::Int => "int",
            FieldKind::Real => "real",
            FieldKind::Bool => "bool",
            FieldKind::Date => "date",
            FieldKind::Time => "time",
            FieldKind::Picklist => "picklist",
            FieldKind::Picklists => "picklists",
            FieldKind::Ref => "ref",
        }
    }

    /// The kind of that stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What a length is counted in. Systems differ, and a Chinese character is one, three or one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Unit {
    /// Characters.
    #[default]
    Chars,
    /// Bytes of UTF-8.
    Bytes,
    /// Units of UTF-16: an emoji counts two (.NET, Java and JavaScript systems).
    Utf16,
}

/// The most a text may have. Written as a number of characters, or as `{ bytes = 2048 }`, `{ utf16 = 255 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// How many; never zero.
    pub most: usize,
    /// Of what.
    pub unit: Unit,
}

impl Unit {
    /// The name in the config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Unit::Chars => "chars",
            Unit::Bytes => "bytes",
            Unit::Utf16 => "utf16",
        }
    }
}

impl Length {
    /// A length as it is written; other names in the table are left to the caller. `None` where it is none.
    #[must_use]
    pub fn read(json: &Json) -> Option<Self> {
        let most = |json: &Json| {
            let most = json.as_u64().and_then(|most| usize::try_from(most).ok());
            most.filter(|most| *most > 0)
        };
        let Some(table) = json.as_object() else { return most(json).map(Self::chars) };
        let mut found = [Unit::Chars, Unit::Bytes, Unit::Utf16]
            .into_iter()
            .filter_map(|unit| table.get(unit.as_str()).map(|json| (json, unit)));
        match (found.next(), found.next()) {
            (Some((json, unit)), None) => Some(Self { most: most(json)?, unit }),
            _ => None,
        }
    }

    /// So many characters.
    #[must_use]
    pub const fn chars(most: usize) -> Self {
        Self { most, unit: Unit::Chars }
    }

    /// So many bytes of UTF-8.
    #[must_use]
    pub const fn bytes(most: usize) -> Self {
        Self { most, unit: Unit::Bytes }
    }

    /// How long `text` is, in this unit.
    #[must_use]
    pub fn of(&self, text: &str) -> usize {
        match self.unit {
            Unit::Chars => text.chars().count(),
            Unit::Bytes => text.len(),
            Unit::Utf16 => text.chars().map(char::len_utf16).sum(),
        }
    }

    /// `text` where it fits, else its beginning followed by `mark`, cut between characters.
    #[must_use]
    pub fn cut<'t>(&self, text: &'t str, mark: &str) -> std::borrow::Cow<'t, str> {
        // No unit counts more than bytes, so most texts are settled by their length.
        if text.len() <= self.most || self.of(text) <= self.most {
            return text.into();
        }
        let mark = if self.of(mark) < self.most { mark } else { "" };
        let room = self.most - self.of(mark);
        let (mut used, mut end) = (0, 0);
        for (at, c) in text.char_indices() {
            used += self.of(c.encode_utf8(&mut [0; 4]));
            if used > room {
                break;
            }
            end = at + c.len_utf8();
        }
        let kept = text.get(..end).unwrap_or_default().trim_end();
        format!("{kept}{mark}").into()
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.unit {
            Unit::Chars => self.most.serialize(serializer),
            unit => BTreeMap::from([(unit.as_str(), self.most)]).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        Self::read(&json)
            .ok_or_else(|| D::Error::custom("a length is a number of characters, or { bytes = … }"))
    }
}

/// One field of an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldSchema {
    /// What it holds.
    #[serde(default)]
    pub kind: FieldKind,
    /// The most it takes, for texts.
    #[serde(default)]
    pub max: Option<Length>,
    /// The values it can have, for picklists; empty where they are not known.
    #[serde(default)]
    pub options: Vec<Value>,
    /// Whether a record cannot be made without it.
    #[serde(default)]
    pub required: bool,
    /// Whether we may write it.
    #[serde(default = "yes")]
    pub writable: bool,
}

fn yes() -> bool {
    true
}

impl Default for FieldSchema {
    fn default() -> Self {
        Self::of(FieldKind::default())
    }
}

/// Why a value does not fit a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is not of the field's kind.
    Kind(FieldKind),
    /// It is none of the field's options.
    Option,
    /// It is longer than the field takes and must not be cut: (its length, the most).
    Length(usize, Length),
}

/// A value that fits, and whether it was cut for that: (its former length, the most).
pub type Fitted = (Value, Option<(usize, Length)>);

impl FieldSchema {
    /// A writable field of `kind` that takes any such value.
    #[must_use]
    pub const fn of(kind: FieldKind) -> Self {
        Self { kind, max: None, options: Vec::new(), required: false, writable: true }
    }

    /// The same with a greatest length in characters.
    #[must_use]
    pub const fn max(mut self, chars: usize) -> Self {
        self.max = Some(Length::chars(chars));
        self
    }

    /// The same with its options.
    #[must_use]
    pub fn options<V: Into<Value>>(mut self, options: impl IntoIterator<Item = V>) -> Self {
        self.options = options.into_iter().map(Into::into).collect();
        self
    }

    /// The same, and required.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same, and not for us to write.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.writable = false;
        self
    }

    /// `value` as this field takes it. Blank becomes null.
    ///
    /// # Errors
    /// Where it does not fit; plain text is cut instead.
    pub fn accept(&self, value: Value) -> Result<Fitted, Misfit> {
        if value.is_blank() {
            return Ok((Value::Null, None));
        }
        let wrong = || Misfit::Kind(self.kind);
        let fitted = match self.kind {
            FieldKind::Any => value,
            FieldKind::Int => Value::Int(value.as_int().ok_or_else(wrong)?),
            FieldKind::Real => real(&value).ok_or_else(wrong)?,
            FieldKind::Bool => Value::Bool(value.as_bool().ok_or_else(wrong)?),
            FieldKind::Date => Value::Text(date(&value).ok_or_else(wrong)?),
            FieldKind::Time => Value::Text(time(&value).ok_or_else(wrong)?),
            FieldKind::Picklist => return self.option(&value).map(|option| (option, None)),
            FieldKind::Picklists => return self.several(value).map(|several| (several, None)),
            FieldKind::Text | FieldKind::Phone | FieldKind::Email | FieldKind::Url | FieldKind::Ref => {
                return self.fit_text(value);
            }
        };
        Ok((fitted, None))
    }

    fn fit_text(&self, value: Value) -> Result<Fitted, Misfit> {
        let text = match value {
            Value::Text(text) => text,
            // An id may be a number there: it is passed on as it came.
            Value::Int(_) if self.kind == FieldKind::Ref => return Ok((value, None)),
            Value::List(_) => return Err(Misfit::Kind(self.kind)),
            other => other.to_display(),
        };
        let Some(max) = self.max else { return Ok((Value::Text(text), None)) };
        let cut = match max.cut(&text, "") {
            std::borrow::Cow::Borrowed(_) => None,
            std::borrow::Cow::Owned(cut) => Some(cut),
        };
        match cut {
            None => Ok((Value::Text(text), None)),
            Some(cut) if self.kind == FieldKind::Text => Ok((Value::Text(cut), Some((max.of(&text), max)))),
            Some(_) => Err(Misfit::Length(max.of(&text), max)),
        }
    }

    fn option(&self, value: &Value) -> Result<Value, Misfit> {
        if let Value::List(_) = value {
            return Err(Misfit::Kind(self.kind));
        }
        if self.options.is_empty() || self.options.contains(value) {
            return Ok(value.clone());
        }
        let shown = value.to_display();
        let shown = shown.trim();
        let found = self.options.iter().find(|option| option.to_display() == shown);
        found.cloned().ok_or(Misfit::Option)
    }

    fn several(&self, value: Value) -> Result<Value, Misfit> {
        let items = match value {
            Value::List(items) => items,
            one => vec![one],
        };
        let items = items.iter().filter(|item| !item.is_blank());
        items.map(|item| self.option(item)).collect::<Result<Vec<_>, _>>().map(Value::List)
    }

    /// Whether two values say the same, as far as this field goes.
    #[must_use]
    pub fn same(&self, a: &Value, b: &Value) -> bool {
        if a == b {
            return true;
        }
        match (a.is_blank(), b.is_blank()) {
            (true, true) => return true,
            (true, false) | (false, true) => return false,
            (false, false) => {}
        }
        match self.kind {
            FieldKind::Int | FieldKind::Real => match (real(a), real(b)) {
                (Some(a), Some(b)) => a == b,
                _ => shown(a) == shown(b),
            },
            FieldKind::Bool => match (a.as_bool(), b.as_bool()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
            FieldKind::Date => match (date(a), date(b)) {
                (Some(a), Some(b)) => a == b,
                _ => shown(a) == shown(b),
            },
            FieldKind::Time => match (time(a), time(b)) {
                (Some(a), Some(b)) => a == b,
                _ => shown(a) == shown(b),
            },
            FieldKind::Picklists => set(a) == set(b),
            _ => shown(a) == shown(b),
        }
    }
}

/// A number as the one value it has: whole numbers are [`Value::Int`].
fn real(value: &Value) -> Option<Value> {
    if let Some(whole) = value.as_int() {
        return Some(Value::Int(whole));
    }
    match value {
        Value::Real(number) => Some(Value::Real(*number)),
        Value::Text(text) => {
            let number: f64 = text.trim().parse().ok()?;
            number
                .is_finite()
                .then_some(Value::Real(number))
                .map(|real| real.as_int().map_or(real, Value::Int))
        }
        _ => None,
    }
}

fn date(value: &Value) -> Option<String> {
    clock::read_date(value.as_text()?).map(|date| date.to_string())
}

fn time(value: &Value) -> Option<String> {
    clock::read_time(value.as_text()?, &jiff::tz::TimeZone::UTC).map(clock::show_time)
}

/// A value as text, without what systems change on their own: outer space and the kind of line ends.
fn shown(value: &Value) -> String {
    let text = value.to_display();
    let trimmed = text.trim();
    if trimmed.contains('\r') { trimmed.replace("\r\n", "\n") } else { trimmed.to_owned() }
}

/// The members of a multi-select, whatever their order; some systems join them by semicolons.
fn set(value: &Value) -> Vec<String> {
    let mut members: Vec<String> = match value {
        Value::List(items) => items.iter().map(shown).collect(),
        other => shown(other).split(';').map(|part| part.trim().to_owned()).collect(),
    };
    members.retain(|member| !member.is_empty());
    members.sort();
    members.dedup();
    members
}

/// The fields of one object.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct ObjectSchema {
    /// The object's name (`lead`; the pool's is `pool`).
    pub name: String,
    /// Its fields by name.
    pub fields: BTreeMap<String, FieldSchema>,
    /// Whether there may be more fields than are listed (the system was not asked yet, or lets anyone add some).
    #[serde(default)]
    pub open: bool,
}

impl ObjectSchema {
    /// An object without fields.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same with one more field.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, field: FieldSchema) -> Self {
        self.fields.insert(name.into(), field);
        self
    }

    /// The same, and further fields may exist.
    #[must_use]
    pub fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// The field `name`: as listed, of unknown kind where the object is open, `None` where it does not exist.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<FieldSchema> {
        self.fields.get(name).cloned().or_else(|| self.open.then(|| FieldSchema::of(FieldKind::Any)))
    }
}
