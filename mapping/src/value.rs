//! Values and records: fields in one system's own words, flat and ordered.
//!
//! The smallest vocabulary of the product: what a source sent, what the pool holds and what a CRM answered are all
//! [`Record`]s. Nothing here knows what a field means; that is for [`crate::schema`] and for the core.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// One value of one field. NUL characters are removed when a text is made ([`Value::text`]): neither database keeps them.
#[derive(Clone, Debug, PartialEq, Serialize, Default)]
#[serde(untagged)]
pub enum Value {
    /// Nothing is known, or the field was blanked.
    #[default]
    Null,
    /// A yes or a no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; never NaN or infinite.
    Real(f64),
    /// Text, also dates and times (ISO 8601).
    Text(String),
    /// Several values (multi-select, tags).
    List(Vec<Value>),
}

impl Value {
    /// A text without NUL characters.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.contains('\0') {
            text.retain(|c| c != '\0');
        }
        Value::Text(text)
    }

    /// Whether the value says nothing: null, blank text or an empty list.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Text(text) => text.trim().is_empty(),
            Value::List(list) => list.iter().all(Value::is_blank),
            Value::Bool(_) | Value::Int(_) | Value::Real(_) => false,
        }
    }

    /// The text, where the value is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, also where it came as text or as a real without fraction.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            #[expect(clippy::cast_possible_truncation, reason = "guarded by the range check")]
            Value::Real(number) if number.fract() == 0.0 && number.abs() < 9.0e15 => Some(*number as i64),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Yes or no, also where it came as `1`, `true`, `yes`, `on`, `是` or their opposites.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(yes) => Some(*yes),
            Value::Int(number) => Some(*number != 0),
            Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "y" | "on" | "是" | "同意" => Some(true),
                "0" | "false" | "no" | "n" | "off" | "否" | "不同意" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value as a person would read it; lists are joined by `; `.
    #[must_use]
    pub fn to_display(&self) -> String {
        match self {
            Value::Null => String::new(),
            Value::Bool(yes) => yes.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            Value::List(list) => list.iter().map(Value::to_display).collect::<Vec<_>>().join("; "),
        }
    }

    /// Any JSON as a value. Objects become their compact JSON text, since a record is flat; use [`Record::flatten`]
    /// to keep their parts.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(yes) => Value::Bool(*yes),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Value::Int(whole),
                (None, Some(real)) if real.is_finite() => Value::Real(real),
                _ => Value::text(number.to_string()),
            },
            serde_json::Value::String(text) => Value::text(text.as_str()),
            serde_json::Value::Array(list) => Value::List(list.iter().map(Value::from_json).collect()),
            serde_json::Value::Object(_) => Value::text(json.to_string()),
        }
    }

    /// The value as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Bool(yes) => (*yes).into(),
            Value::Int(number) => (*number).into(),
            Value::Real(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(list) => list.iter().map(Value::to_json).collect(),
        }
    }
}

/// Read by hand: trying one variant after the other, as an untagged enum does, takes ten times as long, and records are
/// read for every lead.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing, yes or no, a number, a text or a list of these")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
    fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::Bool(yes))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "beyond 64 bits with a sign there is no exact kind")]
        let near = number as f64;
        Ok(i64::try_from(number).map_or(Value::Real(near), Value::Int))
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        if number.is_finite() { Ok(Value::Real(number)) } else { Err(E::custom("not a finite number")) }
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::text(text))
    }
    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::text(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        // A claimed length is no reason to reserve memory.
        let mut list = Vec::with_capacity(items.size_hint().unwrap_or(0).min(64));
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::text(text)
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::text(text)
    }
}
impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Value::Bool(yes)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

/// Fields and values in one system's own words, flat (dotted paths) and ordered by name.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Record(pub BTreeMap<String, Value>);

impl Record {
    /// An empty record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `field`, where it is there and not null.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !matches!(value, Value::Null))
    }

    /// The trimmed text of `field`, where there is any.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.get(field).and_then(Value::as_text).map(str::trim).filter(|text| !text.is_empty())
    }

    /// Sets `field`; the former value is lost.
    pub fn set(&mut self, field: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(field.into(), value.into());
    }

    /// Sets `field` and returns the record: for building one in an expression.
    #[must_use]
    pub fn with(mut self, field: impl Into<String>, value: impl Into<Value>) -> Self {
        self.set(field, value);
        self
    }

    /// The fields in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there is no field at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A JSON object as a record: nested objects become dotted paths (`lead.email`), arrays of scalars become lists,
    /// arrays with objects in them become indexed paths (`items.0.sku`). At most `max_fields` fields are taken and
    /// `max_depth` levels followed; `None` where the JSON has more (or is no object).
    #[must_use]
    pub fn flatten(json: &serde_json::Value, max_fields: usize, max_depth: usize) -> Option<Self> {
        fn walk(record: &mut Record, path: &str, json: &serde_json::Value, left: (usize, usize)) -> bool {
            let (max_fields, depth) = left;
            if depth == 0 || record.0.len() > max_fields {
                return false;
            }
            let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            match json {
                serde_json::Value::Object(map) => {
                    map.iter().all(|(name, inner)| walk(record, &join(name), inner, (max_fields, depth - 1)))
                }
                serde_json::Value::Array(list)
                    if list.iter().any(|item| item.is_object() || item.is_array()) =>
                {
                    list.iter().enumerate().all(|(at, inner)| {
                        walk(record, &join(&at.to_string()), inner, (max_fields, depth - 1))
                    })
                }
                scalar => {
                    record.0.insert(path.to_owned(), Value::from_json(scalar));
                    record.0.len() <= max_fields
                }
            }
        }
        let mut record = Record::new();
        (json.is_object() && walk(&mut record, "", json, (max_fields, max_depth + 1))).then_some(record)
    }

    /// The record as a JSON object with the flat names kept.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::Value::Object(
            self.0.iter().map(|(name, value)| (name.clone(), value.to_json())).collect(),
        )
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Record {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(fields: T) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}
