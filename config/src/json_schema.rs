//! The JSON Schema of `leadloop.toml` (draft 2020-12), made from [`crate::spec`] and the connectors' manifests: editors
//! complete and explain by it. It takes whatever the check takes; what only the check can see (names, expressions, the
//! CRM's own fields) it leaves alone.

use leadloop_connector_api::Registry;
use leadloop_connector_api::manifest::{Manifest, Setting, SystemKind};
use serde_json::{Map, Value as Json, json};

use crate::spec::{Key, Section, Shape, sections};

/// The dialect.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// The key that stands for any name.
const ANY_NAME: &str = "*";
/// A length on the clock, as [`crate::units::duration`] reads it.
const DURATION: &str =
    r"^\s*[0-9]+(\.[0-9]+)?\s*(ms|毫秒|s|sec|seconds?|秒|m|min|minutes?|分钟|h|hours?|小时|d|days?|天)\s*$";
/// A length in working time.
const WORKING: &str = r"^\s*[0-9]+\s+working\s+(days?|hours?|minutes?)\s*$";
/// A date with or without a time.
const TIME: &str = r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?\s*$";

/// The schema. With a registry it knows the connectors and their settings; without one, any connector will do.
#[must_use]
pub fn schema(registry: Option<&Registry>) -> Json {
    let mut defs = Map::new();
    defs.insert("secret".to_owned(), secret());
    let mut properties = Map::new();
    properties.insert("include".to_owned(), include());
    for section in sections::all().filter(|section| section.later().is_none()) {
        let reference = json!({ "$ref": format!("#/$defs/{}", section.name) });
        let list = json!({ "type": "array", "items": reference, "description": described(section.doc) });
        let shown = match (section.many, section.may_repeat()) {
            (true, _) => list,
            (false, true) => json!({ "anyOf": [reference, list], "description": described(section.doc) }),
            (false, false) => reference,
        };
        properties.insert(section.name.to_owned(), shown);
        defs.insert(section.name.to_owned(), whole_section(section, registry));
    }
    json!({
        "$schema": DIALECT,
        "title": "leadloop.toml",
        "description": described(("The config of leadloop.", "leadloop 的配置文件。")),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": defs,
    })
}

/// The schema as it stands in a file.
#[must_use]
pub fn text(registry: Option<&Registry>) -> String {
    let mut text = serde_json::to_string_pretty(&ordered(schema(registry))).unwrap_or_default();
    text.push('\n');
    text
}

/// The same with all keys in the order of their names, however the JSON library was built.
fn ordered(json: Json) -> Json {
    match json {
        Json::Object(fields) => {
            let mut fields: Vec<(String, Json)> = fields.into_iter().collect();
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            Json::Object(fields.into_iter().map(|(key, value)| (key, ordered(value))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(ordered).collect()),
        other => other,
    }
}

fn described((en, zh): (&str, &str)) -> String {
    format!("{en}\n\n{zh}")
}

fn include() -> Json {
    json!({
        "description": described((
            "Further files of the config; `*` stands for any part of a name.",
            "配置的其他文件；`*` 代表文件名的任意部分。",
        )),
        "examples": [["routes/*.toml"]],
        "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
    })
}

fn secret() -> Json {
    json!({
        "description": described((
            "Where the secret comes from: an environment variable, a file, or a credential of systemd.",
            "密钥来源：环境变量、文件或 systemd 凭据。",
        )),
        "type": "object",
        "properties": {
            "env": { "type": "string", "description": described(("An environment variable.", "环境变量。")) },
            "file": { "type": "string", "description": described(("A file.", "文件。")) },
            "credential": {
                "type": "string",
                "description": described(("A credential of systemd.", "systemd 凭据。")),
            },
        },
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
        "examples": [{ "env": "NAME" }],
    })
}

fn whole_section(section: &Section, registry: Option<&Registry>) -> Json {
    let mut schema = table(section.keys, None);
    schema["description"] = described(section.doc).into();
    if let (Some(registry), Some(kind)) = (registry, kind_of(section)) {
        with_connectors(&mut schema, registry, kind);
    }
    schema
}

/// The kind of connector that a section with `connector` takes.
fn kind_of(section: &Section) -> Option<SystemKind> {
    section.keys.iter().find(|key| key.name == "connector")?;
    Some(match section.name {
        "source" => SystemKind::Source,
        "crm" => SystemKind::Crm,
        "ma" => SystemKind::Ma,
        "notify" => SystemKind::Notify,
        "enrich" => SystemKind::Enrich,
        _ => return None,
    })
}

/// Names the connectors, and says which settings go with which.
fn with_connectors(schema: &mut Json, registry: &Registry, kind: SystemKind) {
    let manifests: Vec<&Manifest> = registry
        .names()
        .filter_map(|name| registry.get(name))
        .map(leadloop_connector_api::Connector::manifest)
        .filter(|manifest| manifest.kinds.contains(&kind))
        .collect();
    let names: Vec<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    let titles: Vec<String> = manifests
        .iter()
        .map(|manifest| format!("- `{}`: {} {}", manifest.name, manifest.title.en, manifest.title.zh))
        .collect();
    let connector = &mut schema["properties"]["connector"];
    connector["enum"] = json!(names);
    let said = connector["description"].as_str().unwrap_or_default().to_owned();
    connector["description"] = format!("{said}\n\n{}", titles.join("\n")).into();
    // All settings stand here too: editors that do not follow conditions complete them all the same.
    let mut all = Map::new();
    for setting in manifests.iter().flat_map(|manifest| &manifest.setting) {
        let described = setting_schema(setting)["description"].clone();
        all.entry(setting.name.clone()).or_insert_with(|| json!({ "description": described }));
    }
    schema["properties"]["settings"]["properties"] = Json::Object(all);
    let conditions: Vec<Json> = manifests.iter().map(|manifest| condition(manifest)).collect();
    schema["allOf"] = json!(conditions);
}

fn condition(manifest: &Manifest) -> Json {
    let mut properties = Map::new();
    for setting in &manifest.setting {
        properties.insert(setting.name.clone(), setting_schema(setting));
    }
    // Some settings may stand in the section itself, so that none is demanded here: the check does.
    json!({
        "if": { "properties": { "connector": { "const": manifest.name } }, "required": ["connector"] },
        "then": {
            "properties": {
                "settings": { "type": "object", "properties": properties, "additionalProperties": false },
            },
        },
    })
}

fn setting_schema(setting: &Setting) -> Json {
    let text = json!({ "type": "string" });
    let mut schema = if setting.secret {
        json!({ "$ref": "#/$defs/secret" })
    } else if setting.options.is_empty() {
        match setting.kind.as_str() {
            "bool" => json!({ "type": "boolean" }),
            "int" => json!({ "type": "integer" }),
            "list" => json!({ "anyOf": [text, { "type": "array", "items": { "type": "string" } }] }),
            "table" => json!({ "type": "object" }),
            "name_or_number" => json!({ "type": ["string", "integer"] }),
            "duration" => json!({ "type": ["string", "integer"] }),
            "text" | "url" => text,
            _ => json!({}),
        }
    } else {
        json!({ "enum": setting.options })
    };
    let needed = if setting.required { (" Required.", "必填。") } else { ("", "") };
    schema["description"] = described((
        &format!("{}{}", setting.label.en, needed.0),
        &format!("{}{}", setting.label.zh, needed.1),
    ))
    .into();
    schema
}

/// A table with these keys, and further ones of a shape where they may be.
fn table(keys: &[Key], further: Option<&Shape>) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut free = None;
    for key in keys {
        let Some(mut schema) = shape(&key.shape) else { continue };
        schema["description"] = described(key.doc).into();
        if let Some(example) = example(key) {
            schema["examples"] = json!([example]);
        }
        if key.name == ANY_NAME {
            free = Some(schema);
            continue;
        }
        properties.insert(key.name.to_owned(), schema);
        if key.required {
            required.push(key.name);
        }
    }
    let further = free.or_else(|| further.and_then(shape)).unwrap_or(Json::Bool(false));
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": further });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// The example of a key as JSON.
fn example(key: &Key) -> Option<Json> {
    let parsed: toml::Table = format!("value = {}", key.example).parse().ok()?;
    to_json(parsed.get("value")?)
}

fn to_json(value: &toml::Value) -> Option<Json> {
    Some(match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(yes) => (*yes).into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => Json::Array(items.iter().map(to_json).collect::<Option<_>>()?),
        toml::Value::Table(table) => Json::Object(
            table
                .iter()
                .map(|(key, value)| Some((key.clone(), to_json(value)?)))
                .collect::<Option<Map<String, Json>>>()?,
        ),
    })
}

/// A shape as a schema; none for what this version does not have.
fn shape(of: &Shape) -> Option<Json> {
    let pattern = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    Some(match of {
        Shape::Later(_, _) => return None,
        Shape::Text | Shape::Expr => json!({ "type": "string" }),
        Shape::Name => json!({ "type": "string", "minLength": 1, "maxLength": 128 }),
        Shape::Int(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Duration => pattern(DURATION),
        Shape::Length => json!({ "anyOf": [pattern(WORKING), pattern(DURATION)] }),
        Shape::Percent => pattern(r"^\s*[0-9]{1,3}\s*%\s*$"),
        Shape::Date => pattern(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
        Shape::Time => pattern(TIME),
        Shape::Secret => json!({ "$ref": "#/$defs/secret" }),
        Shape::TextOrSecret => json!({ "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/secret" }] }),
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::List(inner) => {
            let inner = shape(inner)?;
            json!({ "anyOf": [{ "type": "array", "items": inner }, inner] })
        }
        Shape::Table(keys) => table(keys, None),
        Shape::Open(keys, further) => table(keys, Some(further)),
        Shape::Map(inner) => json!({ "type": "object", "additionalProperties": shape(inner)? }),
        Shape::Scalar => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Step => json!({ "type": ["string", "object"] }),
        Shape::Settings => json!({ "type": "object" }),
        Shape::LimitIn => json!({
            "anyOf": [{ "type": "integer", "minimum": 1 }, pattern(r"^\s*[0-9]+( in .+)?\s*$")],
        }),
        Shape::Rate => pattern(r"^\s*[0-9]+ per \S.*$"),
        Shape::OneOf(shapes) => {
            let mut fitting: Vec<Json> = shapes.iter().filter_map(shape).collect();
            if fitting.len() == 1 { fitting.pop()? } else { json!({ "anyOf": fitting }) }
        }
    })
}
