//! JSON that borrows from its text: for bodies with thousands of events, of which most are only counted. Reads as
//! `serde_json` does, and writes the same text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use leadloop_connector_api::Refusal;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Number;

use super::json::broken;

/// A value of JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Map<'a>),
}

/// An object of JSON, in the order written; of a name that comes again the last value stands in the first one's place.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Map<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

/// Reads a JSON text.
///
/// # Errors
/// A refusal that says where it is broken.
pub(crate) fn parse(text: &str) -> Result<Json<'_>, Refusal> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = serde_json::Deserializer::from_str(text);
    Reader
        .deserialize(&mut reader)
        .and_then(|json| reader.end().map(|()| json))
        .map_err(|error| broken(&error))
}

impl<'a> Json<'a> {
    /// The value under a name, where it is an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.as_object()?.get(name)
    }

    pub(crate) fn as_object(&self) -> Option<&Map<'a>> {
        match self {
            Json::Object(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Json<'a>]> {
        match self {
            Json::Array(list) => Some(list),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) const fn as_bool(&self) -> Option<bool> {
        match self {
            Json::Bool(yes) => Some(*yes),
            _ => None,
        }
    }
}

impl<'a> Map<'a> {
    /// The value under a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Takes the value under a name out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Json<'a>> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(place).1)
    }

    /// Names and values, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Of pairs as they were written.
    fn of(mut pairs: Vec<(Cow<'a, str>, Json<'a>)>) -> Self {
        // A few are compared with each other; of many an attacker would make hours of work.
        const FEW: usize = 24;
        let twice = if pairs.len() <= FEW {
            pairs
                .iter()
                .enumerate()
                .any(|(at, (name, _))| pairs.iter().skip(at + 1).any(|(other, _)| other == name))
        } else {
            true
        };
        if twice {
            let mut places: BTreeMap<Cow<'a, str>, usize> = BTreeMap::new();
            let mut kept: Vec<(Cow<'a, str>, Json<'a>)> = Vec::with_capacity(pairs.len());
            for (name, value) in pairs {
                match places.get(&name).and_then(|place| kept.get_mut(*place)) {
                    Some((_, known)) => *known = value,
                    None => {
                        places.insert(name.clone(), kept.len());
                        kept.push((name, value));
                    }
                }
            }
            pairs = kept;
        }
        Self(pairs)
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(yes) => serializer.serialize_bool(*yes),
            Json::Number(number) => number.serialize(serializer),
            Json::String(text) => serializer.serialize_str(text),
            Json::Array(list) => serializer.collect_seq(list),
            Json::Object(map) => {
                let mut written = serializer.serialize_map(Some(map.len()))?;
                for (name, value) in map.iter() {
                    written.serialize_entry(name, value)?;
                }
                written.end()
            }
        }
    }
}

/// Its text, without blanks.
impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).unwrap_or_default())
    }
}

/// Reads a value.
struct Reader;

impl<'a> DeserializeSeed<'a> for Reader {
    type Value = Json<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Json<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Reader {
    type Value = Json<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }
    fn visit_unit<E>(self) -> Result<Json<'a>, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, yes: bool) -> Result<Json<'a>, E> {
        Ok(Json::Bool(yes))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Json<'a>, E> {
        Ok(Json::Number(number.into()))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Json<'a>, E> {
        Ok(Json::Number(number.into()))
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Json<'a>, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Json<'a>, E> {
        Ok(Json::String(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Json<'a>, E> {
        Ok(Json::String(Cow::Owned(text.to_owned())))
    }
    fn visit_string<E>(self, text: String) -> Result<Json<'a>, E> {
        Ok(Json::String(Cow::Owned(text)))
    }
    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Json<'a>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Reader)? {
            list.push(item);
        }
        Ok(Json::Array(list))
    }
    fn visit_map<A: MapAccess<'a>>(self, mut entries: A) -> Result<Json<'a>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(name) = entries.next_key_seed(Name)? {
            if pairs.is_empty() {
                pairs.reserve(12);
            }
            pairs.push((name, entries.next_value_seed(Reader)?));
        }
        Ok(Json::Object(Map::of(pairs)))
    }
}

/// Reads a name.
struct Name;

impl<'a> DeserializeSeed<'a> for Name {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Cow<'a, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Name {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(text))
    }
    fn visit_str<E>(self, text: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
    fn visit_string<E>(self, text: String) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_as_serde_json_does() {
        let many: Vec<String> = (0..200).map(|n| format!("\"f{}\":{n}", n % 150)).collect();
        let many = format!("{{{}}}", many.join(","));
        for text in [
            "null",
            " [1, -2, 3.50, 1e3, 18446744073709551615, 1e-400, true, {}] ",
            r#"{"b": "x\n\u4e2d", "a": {"b": [], "": null}, "b": "last", "\u0061": 7}"#,
            "\u{feff}\"中文\"",
            many.as_str(),
        ] {
            let theirs: serde_json::Value =
                serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
            assert_eq!(parse(text).unwrap().to_string(), theirs.to_string());
        }
        for text in ["", "{", "[1,]", "{'a':1}", "1 2", "[1e999]", &"[".repeat(100_000), r#"{"a" 1}"#] {
            let theirs = serde_json::from_str::<serde_json::Value>(text).unwrap_err();
            assert_eq!(parse(text).unwrap_err(), broken(&theirs), "{text:.20}");
        }
    }

    #[test]
    fn texts_are_borrowed_where_they_stand_as_they_are() {
        let Json::Array(list) = parse(r#"["plain", "esc\"aped"]"#).unwrap() else { panic!() };
        assert!(matches!(
            list.as_slice(),
            [Json::String(Cow::Borrowed("plain")), Json::String(Cow::Owned(_))]
        ));
    }
}
