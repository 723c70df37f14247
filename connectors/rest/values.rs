//! Values in the API's words, and its records in ours.

use leadloop_connector_api::answers::{at, text_of};
use leadloop_connector_api::manifest::{AnswerBody, Manifest};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Map, Value as Json};

use super::description::{PhoneForm, Shape, Times, Values};

/// Most fields of a record that are read.
const MOST_FIELDS: usize = 1_000;

impl Values {
    /// A time as the API writes it.
    pub(super) fn time(&self, time: Timestamp) -> Json {
        let exact = jiff::Timestamp::from_microsecond(time.0).unwrap_or_default();
        match self.times {
            Times::Iso => exact.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into(),
            Times::Plain => exact.strftime("%Y-%m-%d %H:%M:%S").to_string().into(),
            Times::Seconds => time.0.div_euclid(1_000_000).into(),
            Times::Millis => time.0.div_euclid(1_000).into(),
            Times::Micros => time.0.into(),
        }
    }

    /// An id or a reference.
    pub(super) fn id(&self, id: &str) -> Json {
        match id.parse::<i64>() {
            Ok(number) if self.ids_are_numbers => number.into(),
            _ => id.into(),
        }
    }

    /// The fields of a record; dotted names are what stands within.
    pub(super) fn record(&self, manifest: &Manifest, object: &str, record: &Record) -> Json {
        let fields = manifest.object(object).map_or(&[][..], |object| &object.fields);
        let mut made = Map::new();
        for (name, value) in record.iter() {
            let kind = fields.iter().find(|field| field.name == name).map_or("", |field| field.kind.as_str());
            put(&mut made, name, self.value(kind, value));
        }
        Json::Object(made)
    }

    fn value(&self, kind: &str, value: &Value) -> Json {
        if value.is_blank() {
            return self.empty.as_ref().map_or(Json::Null, |empty| empty.as_str().into());
        }
        let json = match (kind, value, &self.lists) {
            ("time", value, _) => {
                let read = Timestamp::parse(&value.to_display(), &jiff::tz::TimeZone::UTC);
                read.map_or_else(|| value.to_json(), |time| self.time(time))
            }
            ("ref", value, _) => self.id(&value.to_display()),
            (_, Value::List(list), Some(between)) => {
                list.iter().map(Value::to_display).collect::<Vec<_>>().join(between).into()
            }
            ("list", value, None) if !matches!(value, Value::List(_)) => Json::Array(vec![value.to_json()]),
            (_, value, _) => value.to_json(),
        };
        match json {
            Json::Number(_) | Json::Bool(_) if self.texts => text_of(&json).unwrap_or_default().into(),
            json => json,
        }
    }

    /// The spellings in which a phone is looked for.
    pub(super) fn phones(&self, e164: &str) -> Vec<String> {
        let e164 = e164.split(';').next().unwrap_or(e164);
        let forms = if self.phones.is_empty() { &[PhoneForm::E164][..] } else { &self.phones };
        let spelled = |form: &PhoneForm| match form {
            PhoneForm::E164 => e164.to_owned(),
            PhoneForm::Digits => e164.trim_start_matches('+').to_owned(),
            PhoneForm::National => national(e164),
        };
        forms.iter().map(spelled).collect()
    }
}

/// A phone without its country code, where that is China's or North America's; others have no one national form.
fn national(e164: &str) -> String {
    let rest = e164.strip_prefix("+86").or_else(|| e164.strip_prefix("+1"));
    rest.unwrap_or_else(|| e164.trim_start_matches('+')).to_owned()
}

fn put(made: &mut Map<String, Json>, name: &str, value: Json) {
    match name.split_once('.') {
        None => {
            made.insert(name.to_owned(), value);
        }
        Some((outer, inner)) => {
            let entry = made.entry(outer.to_owned()).or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(within) = entry {
                put(within, inner, value);
            }
        }
    }
}

/// Whether a place of an answer holds one of some values.
pub(super) fn holds(json: &Json, wanted: &AnswerBody) -> bool {
    at(json, &wanted.path).and_then(text_of).is_some_and(|found| wanted.any.contains(&found))
}

impl Shape {
    /// A record of an answer; `None` where it has no id or is none.
    pub(super) fn read(&self, object: &str, json: &Json) -> Option<RemoteRecord> {
        let id = at(json, self.id()).and_then(text_of)?;
        let modified = self.modified.as_deref().and_then(|path| at(json, path)).and_then(text_of);
        let modified_at = modified.and_then(|text| Timestamp::parse(&text, &jiff::tz::TimeZone::UTC));
        let deleted = self.deleted.as_ref().is_some_and(|deleted| holds(json, deleted));
        let beside = self.fields.as_deref().filter(|path| !path.is_empty());
        let mut fields = match beside {
            None => Record::flatten(json, MOST_FIELDS, 4)?,
            Some(path) => {
                at(json, path).map_or(Some(Record::new()), |it| Record::flatten(it, MOST_FIELDS, 4))?
            }
        };
        fields.0.retain(|_, value| *value != Value::Null); // a field that is not set says nothing
        Some(RemoteRecord { object: object.to_owned(), id, fields, modified_at, deleted })
    }
}
