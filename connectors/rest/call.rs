//! From a described call to a request: names in braces are filled in.
//!
//! `{name}` alone takes the value as it is (a number, a list, a record), within other text its text. A name that has nothing to say
//! takes the query pair or the entry of the body with it that is only that name. `"*" = "{record}"` puts the fields of a record
//! beside the other entries. `{name|filter}` writes the value in another way.

use std::collections::BTreeMap;

use leadloop_connector_api::Link;
use leadloop_connector_api::answers::text_of;
use leadloop_connector_api::http::{Body, Method, Request};
use serde_json::{Map, Value as Json};

use super::description::{Call, Verb};
use crate::crm::escaped;

/// Ways to write a value.
pub(super) const FILTERS: [&str; 4] = ["number", "sql", "backslash", "lower"];
/// The entry of a body that stands for all fields of a record.
const SPLICE: &str = "*";

/// What is filled in.
#[derive(Clone, Default)]
pub(super) struct Scope(BTreeMap<&'static str, Json>);

impl Scope {
    /// With the settings of a link that are no secret.
    pub(super) fn of(link: &Link) -> Self {
        let mut scope = Self::default();
        for name in ["url", "user", "client_id", "tenant"] {
            if let Some(text) = link.text(name) {
                scope.set(name, text);
            }
        }
        scope
    }

    pub(super) fn set(&mut self, name: &'static str, value: impl Into<Json>) {
        self.0.insert(name, value.into());
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<Json>) -> Self {
        self.set(name, value);
        self
    }

    /// The value of `name` or `name|filter`.
    fn value(&self, name: &str) -> Option<Json> {
        let (name, filter) = name.split_once('|').unwrap_or((name, ""));
        let value = self.0.get(name).filter(|value| !value.is_null())?;
        let text = || text_of(value).unwrap_or_default();
        Some(match filter {
            "number" => text().parse::<i64>().map_or_else(|_| value.clone(), Json::from),
            "sql" => text().replace('\'', "''").into(),
            "backslash" => text().replace('\\', "\\\\").replace('\'', "\\'").replace('"', "\\\"").into(),
            "lower" => text().to_lowercase().into(),
            _ => value.clone(),
        })
    }

    /// A text with its names filled in; `None` where it is one name that has nothing to say.
    fn text(&self, template: &str, coded: fn(&str) -> String) -> Option<String> {
        if let Some(name) = only_name(template) {
            return self.value(name).map(|value| coded(&plain(&value)));
        }
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, name, after)) = next_name(rest) {
            text.push_str(before);
            text.push_str(&self.value(name).map(|value| coded(&plain(&value))).unwrap_or_default());
            rest = after;
        }
        text.push_str(rest);
        Some(text)
    }

    /// A template of a body; `None` where it is one name that has nothing to say.
    pub(super) fn json(&self, template: &Json) -> Option<Json> {
        Some(match template {
            Json::String(text) => match only_name(text) {
                Some(name) => self.value(name)?,
                None => self.text(text, str::to_owned)?.into(),
            },
            Json::Array(list) => list.iter().filter_map(|item| self.json(item)).collect(),
            Json::Object(entries) => {
                let mut made = Map::new();
                for (name, item) in entries {
                    match self.json(item) {
                        Some(Json::Object(fields)) if name == SPLICE => made.extend(fields),
                        Some(value) => {
                            made.insert(name.clone(), value);
                        }
                        None => {}
                    }
                }
                Json::Object(made)
            }
            other => other.clone(),
        })
    }

    /// The request of a call.
    pub(super) fn request(&self, call: &Call, headers: &BTreeMap<String, String>) -> Request {
        let as_it_is = str::to_owned;
        let method = match call.method.unwrap_or(if call.body.is_some() { Verb::Post } else { Verb::Get }) {
            Verb::Get => Method::Get,
            Verb::Post => Method::Post,
            Verb::Put => Method::Put,
            Verb::Patch => Method::Patch,
        };
        let body = match call.body.as_ref().and_then(|body| self.json(body)) {
            None => Body::Empty,
            Some(Json::Object(entries)) if call.form => {
                Body::Form(entries.into_iter().map(|(name, value)| (name, plain(&value))).collect())
            }
            Some(json) => Body::Json(json),
        };
        let pairs = |from: &BTreeMap<String, String>| -> Vec<(String, String)> {
            from.iter().filter_map(|(name, text)| Some((name.clone(), self.text(text, as_it_is)?))).collect()
        };
        let mut all = pairs(headers);
        all.extend(pairs(&call.headers));
        Request {
            method,
            url: self.text(&call.path, escaped).unwrap_or_default(),
            query: pairs(&call.query),
            headers: all,
            body,
            repeatable: false,
        }
    }
}

/// A value within text: a list is joined by commas.
fn plain(value: &Json) -> String {
    match value {
        Json::Array(list) => list.iter().filter_map(text_of).collect::<Vec<_>>().join(","),
        Json::Object(_) => value.to_string(),
        scalar => text_of(scalar).unwrap_or_default(),
    }
}

/// The text up to a name in braces, the name, and what follows.
fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find('{')?;
        let rest = text.get(open + 1..)?;
        let close = rest.find('}')?;
        let name = rest.get(..close)?;
        if !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_|".contains(&b))
        {
            return Some((text.get(..open)?, name, rest.get(close + 1..)?));
        }
        from = open + 1;
    }
}

fn only_name(text: &str) -> Option<&str> {
    next_name(text)
        .filter(|(before, _, after)| before.is_empty() && after.is_empty())
        .map(|(_, name, _)| name)
}

/// Every name in braces of a text.
pub(super) fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, name, after) = next_name(rest)?;
        rest = after;
        Some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_filled_in() {
        let scope = Scope::default()
            .with("id", "7/a b")
            .with("n", 5)
            .with("record", json!({"name": "测试甲", "tags": ["a"]}))
            .with("quote", "O'Brien \\");
        let call = Call {
            path: "/leads/{id}".to_owned(),
            query: [("q", "n={n}"), ("none", "{since}"), ("all", "{values}x")]
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .into(),
            body: Some(
                json!({"data": {"*": "{record}", "n": "{n}", "s": "{n}!", "gone": "{since}"}, "q": "{quote|sql}", "b": "{quote|backslash}"}),
            ),
            ..Call::default()
        };
        let request = scope.request(&call, &BTreeMap::new());
        assert_eq!((request.method, request.url.as_str()), (Method::Post, "/leads/7%2Fa%20b"));
        assert_eq!(request.query, [("all".to_owned(), "x".to_owned()), ("q".to_owned(), "n=5".to_owned())]);
        assert_eq!(
            request.body,
            Body::Json(json!({
                "data": {"name": "测试甲", "tags": ["a"], "n": 5, "s": "5!"}, "q": "O''Brien \\", "b": "O\\'Brien \\\\",
            }))
        );
        assert_eq!(scope.json(&json!("{\"id\": {n}}")), Some(json!("{\"id\": 5}")), "braces of its own stay");
        assert_eq!(names_in("a{b}{c|sql} {\"d\"} {").collect::<Vec<_>>(), ["b", "c|sql"]);
    }
}
