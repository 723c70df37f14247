//! A made lead that tries the road of a source: what it says of itself, and how a push of it is put together. How a vendor
//! sends it, signature included, is for the connector ([`crate::Connector::canary`]).

use leadloop_mapping::Record;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Map, Value as Json};

use crate::http::{Method, Push};

/// What the made lead says.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// Unique: nothing was ever told under it.
    pub id: String,
    /// When it is sent.
    pub at: Timestamp,
    /// Its fields, in the source's words.
    pub fields: Record,
}

impl Canary {
    /// Its fields as one JSON object; dotted names become objects within objects.
    #[must_use]
    pub fn json(&self) -> Json {
        let mut json = Json::Object(Map::new());
        for (name, value) in self.fields.iter() {
            put(&mut json, name, value.to_json());
        }
        json
    }

    /// Its time as ISO 8601.
    #[must_use]
    pub fn time(&self) -> String {
        self.at.to_string()
    }

    /// A POST of JSON to that path behind the source's own address.
    #[must_use]
    pub fn post(&self, path: &str, body: &Json) -> Push {
        Push {
            method: Method::Post,
            path: path.to_owned(),
            query: String::new(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
            at: self.at,
            peer: None,
        }
    }
}

/// Puts a value at a dotted path; what stands in the way and is no object is replaced.
pub fn put(json: &mut Json, path: &str, value: Json) {
    let mut place = json;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        if !place.is_object() {
            *place = Json::Object(Map::new());
        }
        let Json::Object(map) = place else { return };
        place = map.entry(part).or_insert(Json::Null);
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dotted_names_become_objects() {
        let mut json = json!({ "a": 1 });
        put(&mut json, "data.lead.name", json!("x"));
        put(&mut json, "data.lead.phone", json!("1"));
        put(&mut json, "a.b", json!(2));
        assert_eq!(json, json!({ "a": { "b": 2 }, "data": { "lead": { "name": "x", "phone": "1" } } }));
        put(&mut json, "", json!([1]));
        assert_eq!(json, json!([1]), "no path is the whole");
    }
}
