//! Every request of the fixtures of `hubspot` against what HubSpot publishes: the path is there, the query is known, the body fits. The
//! published files are read where they lie, never copied.

use std::collections::BTreeMap;
use std::path::Path;

use leadloop_connector_api::testkit::fixture::sections;
use serde_json::{Map, Value as Json};

/// Paths that are published elsewhere.
const ELSEWHERE: [&str; 1] = ["/account-info/v3/api-usage/daily/private-apps"];
/// Keywords that say nothing about a value.
const SILENT: [&str; 5] = ["description", "example", "format", "default", "title"];

struct Api(Json);

impl Api {
    fn fits(&self, schema: &Json, value: &Json, place: &str) -> Result<(), String> {
        let Json::Object(keywords) = schema else { return Err(format!("{place}: a schema that is none")) };
        if let Some(Json::String(reference)) = keywords.get("$ref") {
            let target = self
                .0
                .pointer(reference.trim_start_matches('#'))
                .ok_or(format!("{reference} is not there"))?;
            return self.fits(target, value, place);
        }
        for (keyword, wanted) in keywords {
            self.keyword((keyword, wanted), keywords, value, place)?;
        }
        Ok(())
    }

    fn keyword(
        &self,
        (keyword, wanted): (&str, &Json),
        all: &Map<String, Json>,
        value: &Json,
        place: &str,
    ) -> Result<(), String> {
        let no = |what: &str| Err(format!("{place}: {what} in {value}"));
        match keyword {
            "type" => match wanted.as_str().unwrap() {
                "object" if !value.is_object() => no("no object"),
                "array" if !value.is_array() => no("no list"),
                "string" if !value.is_string() => no("no text"),
                "integer" if !value.is_i64() => no("no whole number"),
                "number" if !value.is_number() => no("no number"),
                "boolean" if !value.is_boolean() => no("no yes or no"),
                _ => Ok(()),
            },
            "required" => {
                let missing = wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|name| value.get(name.as_str().unwrap()).is_none());
                missing.map_or(Ok(()), |name| no(&format!("{name} is missing")))
            }
            "enum" if !wanted.as_array().unwrap().contains(value) => no("none of the values"),
            "enum" => Ok(()),
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.fits(wanted, item, &format!("{place}/{at}"))?;
                }
                Ok(())
            }
            "properties" => {
                for (name, item) in value.as_object().into_iter().flatten() {
                    match wanted.get(name) {
                        Some(schema) => self.fits(schema, item, &format!("{place}/{name}"))?,
                        // stricter than the schema: what HubSpot does not know, it drops without a word
                        None if all.get("additionalProperties").is_none() => {
                            return no(&format!("{name} is not known"));
                        }
                        None => {}
                    }
                }
                Ok(())
            }
            "additionalProperties" => {
                let known = all.get("properties");
                for (name, item) in value.as_object().into_iter().flatten() {
                    if known.and_then(|known| known.get(name)).is_none() {
                        self.fits(wanted, item, &format!("{place}/{name}"))?;
                    }
                }
                Ok(())
            }
            silent if SILENT.contains(&silent) || silent.starts_with("x-") => Ok(()),
            other => Err(format!("{place}: this test does not know the keyword {other}")),
        }
    }

    /// Checks a request; `None` where this file does not have its path.
    fn request(&self, method: &str, target: &str, body: &Json) -> Option<Result<(), String>> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let paths = self.0["paths"].as_object().unwrap();
        let (_, item) =
            paths.iter().find(|(known, item)| same_path(known, path) && item.get(method).is_some())?;
        let call = &item[method];
        let known: Vec<&str> = call["parameters"]
            .as_array()
            .map_or(&[][..], Vec::as_slice)
            .iter()
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Some(Err(format!("{target}: {name} is no parameter")));
            }
        }
        Some(match call.pointer("/requestBody/content/application~1json/schema") {
            Some(schema) => self.fits(schema, body, path),
            None if body.is_null() => Ok(()),
            None => Err(format!("{path}: it takes no body")),
        })
    }
}

fn same_path(known: &str, path: &str) -> bool {
    let (known, path): (Vec<&str>, Vec<&str>) = (known.split('/').collect(), path.split('/').collect());
    known.len() == path.len()
        && known.iter().zip(&path).all(|(known, part)| known.starts_with('{') || known == part)
}

/// Method, target and body of every request of the fixtures.
fn requests(folder: &Path) -> Vec<(String, String, String, Json)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for section in sections(&text).unwrap().into_iter().filter(|section| section.word == "request") {
            let (method, target) = section.lines[0].split_once(' ').unwrap();
            let body = section.lines.get(1).map_or(Json::Null, |line| serde_json::from_str(line).unwrap());
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            all.push((name, method.to_lowercase(), target.to_owned(), body));
        }
    }
    all
}

#[test]
fn every_request_to_hubspot_fits_what_it_publishes() {
    let Some(shared) = leadloop_testing::shared_dir() else {
        println!("the published API is not beside the checkout: requests were not held against it");
        return;
    };
    let files = ["crm-objects-v3", "crm-associations-v4", "crm-owners-v3", "crm-properties-v3"];
    let apis: BTreeMap<&str, Api> = files
        .into_iter()
        .map(|name| {
            let text = std::fs::read_to_string(shared.join(format!("openapi/hubspot/{name}.json"))).unwrap();
            (name, Api(serde_json::from_str(&text).unwrap()))
        })
        .collect();
    let all = requests(&leadloop_testing::root().join("connectors/hubspot/fixtures"));
    assert!(all.len() > 40, "{} requests", all.len());
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (fixture, method, target, body) in &all {
        if ELSEWHERE.contains(&target.as_str()) {
            continue;
        }
        let checked = apis.iter().find_map(|(name, api)| Some((name, api.request(method, target, body)?)));
        let (name, fits) =
            checked.unwrap_or_else(|| panic!("{fixture}: {method} {target} is published nowhere"));
        fits.unwrap_or_else(|wrong| panic!("{fixture}: {wrong}"));
        *seen.entry(name).or_default() += 1;
    }
    assert_eq!(seen.len(), files.len(), "each part of the API is used: {seen:?}");
    // the check itself finds what is wrong
    let objects = &apis["crm-objects-v3"];
    let wrong = serde_json::json!({"inputs": [{"idProperty": "leadloop_id", "properties": {"n": 5}}]});
    let upsert = "/crm/v3/objects/contacts/batch/upsert";
    assert!(objects.request("post", upsert, &wrong).unwrap().is_err());
}
