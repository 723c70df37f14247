//! The JSON Schema: committed as it is made, true to the check: what the check takes, the schema takes; a key that the
//! check does not know, the schema does not know.

use std::path::Path;

use leadloop_config::json_schema;
use leadloop_config::problem::Severity;
use serde_json::{Value as Json, json};

use crate::ground::{Ground, is_update, registry, tests_dir};

/// A validator of the keywords that the schema uses; another keyword is a failure of its own.
struct Validator<'a> {
    root: &'a Json,
}

const SILENT: [&str; 7] = ["$schema", "$defs", "title", "description", "examples", "default", "$id"];

impl Validator<'_> {
    fn fits(&self, schema: &Json, value: &Json) -> Result<(), String> {
        let Json::Object(keywords) = schema else {
            return if *schema == json!(true) {
                Ok(())
            } else {
                Err(format!("nothing may stand here: {value}"))
            };
        };
        for (keyword, wanted) in keywords {
            self.keyword(keyword, wanted, keywords, value)?;
        }
        Ok(())
    }

    fn keyword(
        &self,
        keyword: &str,
        wanted: &Json,
        schema: &serde_json::Map<String, Json>,
        value: &Json,
    ) -> Result<(), String> {
        let fail = |holds: bool| if holds { Ok(()) } else { Err(format!("{keyword} {wanted}: {value}")) };
        let list = || wanted.as_array().expect("a list");
        let number = || wanted.as_f64().expect("a number");
        match keyword {
            _ if SILENT.contains(&keyword) => Ok(()),
            "$ref" => {
                let path =
                    wanted.as_str().and_then(|path| path.strip_prefix('#')).expect("a local reference");
                self.fits(self.root.pointer(path).expect("it leads somewhere"), value)
            }
            "type" => {
                let kinds: Vec<&str> = match wanted {
                    Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).collect(),
                    one => one.as_str().into_iter().collect(),
                };
                fail(kinds.iter().any(|kind| is(kind, value)))
            }
            "enum" => fail(list().contains(value)),
            "const" => fail(wanted == value),
            "minimum" => fail(value.as_f64().is_none_or(|value| value >= number())),
            "maximum" => fail(value.as_f64().is_none_or(|value| value <= number())),
            "minLength" => fail(value.as_str().is_none_or(|text| text.chars().count() as f64 >= number())),
            "maxLength" => fail(value.as_str().is_none_or(|text| text.chars().count() as f64 <= number())),
            "minProperties" => fail(value.as_object().is_none_or(|table| table.len() as f64 >= number())),
            "maxProperties" => fail(value.as_object().is_none_or(|table| table.len() as f64 <= number())),
            "pattern" => {
                let pattern = regex::Regex::new(wanted.as_str().expect("a pattern")).expect("it can be read");
                fail(value.as_str().is_none_or(|text| pattern.is_match(text)))
            }
            "required" => fail(value.as_object().is_none_or(|table| {
                list().iter().all(|key| table.contains_key(key.as_str().expect("a key")))
            })),
            "items" => value.as_array().into_iter().flatten().try_for_each(|item| self.fits(wanted, item)),
            "properties" => value.as_object().into_iter().flatten().try_for_each(|(key, value)| {
                wanted
                    .get(key)
                    .map_or(Ok(()), |schema| self.fits(schema, value).map_err(|why| format!("{key}: {why}")))
            }),
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Json::as_object);
                let further = value.as_object().into_iter().flatten();
                further.filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key))).try_for_each(
                    |(key, value)| self.fits(wanted, value).map_err(|why| format!("{key}: {why}")),
                )
            }
            "anyOf" => {
                let all: Vec<_> = list().iter().map(|schema| self.fits(schema, value)).collect();
                if all.iter().any(Result::is_ok) {
                    Ok(())
                } else {
                    all.into_iter().next().expect("one at least")
                }
            }
            "allOf" => list().iter().try_for_each(|schema| self.fits(schema, value)),
            "if" => match (self.fits(wanted, value).is_ok(), schema.get("then")) {
                (true, Some(then)) => self.fits(then, value),
                _ => Ok(()),
            },
            "then" => Ok(()),
            other => panic!("the validator of this test does not know `{other}`"),
        }
    }
}

fn is(kind: &str, value: &Json) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        other => panic!("`{other}` is no type the schema uses"),
    }
}

/// A TOML text as JSON, times as texts, as editors see it.
fn as_json(text: &str) -> Option<Json> {
    fn of(value: &toml::Value) -> Json {
        match value {
            toml::Value::String(text) => json!(text),
            toml::Value::Integer(number) => json!(number),
            toml::Value::Float(number) => json!(number),
            toml::Value::Boolean(yes) => json!(yes),
            toml::Value::Datetime(time) => json!(time.to_string()),
            toml::Value::Array(items) => Json::Array(items.iter().map(of).collect()),
            toml::Value::Table(table) => {
                Json::Object(table.iter().map(|(k, v)| (k.clone(), of(v))).collect())
            }
        }
    }
    text.parse::<toml::Table>().ok().map(|table| of(&toml::Value::Table(table)))
}

fn verdict(text: &str) -> Option<Result<(), String>> {
    let (registry, value) = (registry(), as_json(text)?);
    let schema = json_schema::schema(Some(&registry));
    Some(Validator { root: &schema }.fits(&schema, &value))
}

#[test]
fn the_committed_schema_is_what_the_spec_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.json");
    let text = json_schema::text(None);
    if is_update() {
        std::fs::write(&path, &text).expect("it can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "config/schema.json is behind the spec; UPDATE=1 cargo test -p leadloop-config writes it"
    );
}

#[test]
fn what_the_check_takes_the_schema_takes() {
    let whole = std::fs::read_to_string(tests_dir().join("valid/whole.toml")).expect("it is there");
    assert_eq!(verdict(&whole), Some(Ok(())));
    let mut tried = 0;
    for entry in std::fs::read_dir(tests_dir().join("broken")).expect("the corpus is there") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("it is UTF-8");
        let config = text
            .lines()
            .take_while(|line| !line.starts_with("#@ file"))
            .fold(String::new(), |all, line| all + line + "\n");
        let loaded = Ground::new().load_text(&config);
        // Of these the shape is right: the schema must not refuse what only the rest of the check refuses.
        let shaped = |code: &str| {
            !matches!(
                code,
                "LL2001"
                    | "LL2002"
                    | "LL2003"
                    | "LL2004"
                    | "LL2005"
                    | "LL2006"
                    | "LL2008"
                    | "LL2009"
                    | "LL2019"
                    | "LL2013"
            )
        };
        if loaded.problems.iter().all(|problem| shaped(problem.code)) {
            assert_eq!(verdict(&config), Some(Ok(())), "{}", path.display());
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
}

#[test]
fn what_the_shape_check_refuses_the_schema_refuses() {
    let mut tried = 0;
    for entry in std::fs::read_dir(tests_dir().join("broken")).expect("the corpus is there") {
        let path = entry.expect("it can be read").path();
        let text = std::fs::read_to_string(&path).expect("it is UTF-8");
        if path.extension().is_none_or(|ending| ending != "toml") || text.contains("#@") {
            continue;
        }
        let loaded = Ground::new().load_text(&text);
        let refused = |code: &str| matches!(code, "LL2002" | "LL2003");
        let errors = loaded.problems.iter().filter(|problem| problem.severity == Severity::Error);
        if errors.clone().count() > 0 && errors.clone().all(|problem| refused(problem.code)) {
            match verdict(&text) {
                None => {} // cannot be read as TOML at all
                Some(verdict) => {
                    assert!(verdict.is_err(), "{}", path.display());
                    tried += 1;
                }
            }
        }
    }
    assert!(tried >= 10, "{tried}");
}

#[test]
fn everything_is_described_in_both_languages() {
    fn walk(schema: &Json, path: &str) {
        if let Some(properties) = schema.get("properties").and_then(Json::as_object) {
            for (name, schema) in properties {
                let path = format!("{path}.{name}");
                if schema.get("$ref").is_none() && schema.get("const").is_none() && name != "settings" {
                    let text = schema.get("description").and_then(Json::as_str).unwrap_or_default();
                    assert!(text.contains("\n\n") && !text.is_ascii(), "{path}: {text}");
                }
                walk(schema, &path);
            }
        }
        for keyword in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get(keyword) {
                walk(inner, path);
            }
        }
        for inner in schema.get("anyOf").and_then(Json::as_array).into_iter().flatten() {
            walk(inner, path);
        }
    }
    let schema = json_schema::schema(Some(&registry()));
    walk(&schema, "");
    for (name, section) in schema["$defs"].as_object().expect("there are some") {
        walk(section, name);
    }
}
