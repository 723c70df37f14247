//! What the sandbox's objects look like, and the one field an API client may make there: the mark.

use leadloop_connector_api::answers::{odd, text_of};
use leadloop_connector_api::exchange::{Exchange, grouped, single};
use leadloop_connector_api::http::{Method, Request};
use leadloop_mapping::Value;
use leadloop_mapping::schema::{FieldKind, Length};
use leadloop_sync_core::describe::{MOST_CHOICES, MOST_FIELDS, RemoteField, RemoteObject};
use leadloop_sync_core::outbox::{Outcome, Reply};
use serde_json::{Value as Json, json};

use super::{Talk, theirs, unknown_object};

/// Most characters of the mark field.
const MARK_LENGTH: u32 = 64;

impl Talk {
    pub(super) fn describe(self, object: &str) -> Box<dyn Exchange> {
        let Some(path) = theirs(object) else { return grouped(vec![Some(unknown_object(object))], vec![]) };
        let object = object.to_owned();
        single(Request::get(format!("/api/v1/describe/{path}")), move |answer| {
            vec![match self.answers.json(&object, answer) {
                Ok(json) => described(&object, &json).map_or_else(
                    || odd("the description is not what a description looks like"),
                    |described| Outcome::Done(Reply::Described(Box::new(described))),
                ),
                Err(outcome) => outcome,
            }]
        })
    }

    pub(super) fn prepare(self, object: &str, field: &str) -> Box<dyn Exchange> {
        let Some(path) = theirs(object) else { return grouped(vec![Some(unknown_object(object))], vec![]) };
        let unique = self.link.text("mark_mode") != Some("plain");
        let body = json!({"name": field, "type": "text", "max": MARK_LENGTH, "unique": unique});
        let request = Request::json(Method::Post, format!("/api/v1/describe/{path}/fields"), body);
        let object = object.to_owned();
        single(request, move |answer| {
            vec![match self.answers.json(&object, answer) {
                Ok(json) if json.get("name").is_some_and(Json::is_string) => Outcome::Done(Reply::Told),
                Ok(_) => odd("the answer does not name the field it made"),
                Err(outcome) => outcome,
            }]
        })
    }
}

fn described(object: &str, json: &Json) -> Option<RemoteObject> {
    let writable = json.get("writable")?.as_bool()?;
    let mut described = RemoteObject::new(object, json.get("name")?.as_str()?).label(label(json));
    (described.creatable, described.updatable) = (writable, writable);
    for entry in json.get("fields")?.as_array()?.iter().take(MOST_FIELDS) {
        described = described.field(entry.get("name")?.as_str()?, field(entry)?);
    }
    Some(described)
}

fn field(json: &Json) -> Option<RemoteField> {
    let is = |name: &str| json.get(name).and_then(Json::as_bool);
    let kind = match json.get("type")?.as_str()? {
        "text" => FieldKind::Text,
        "int" => FieldKind::Int,
        "money" => FieldKind::Real,
        "bool" => FieldKind::Bool,
        "time" => FieldKind::Time,
        "choice" => FieldKind::Picklist,
        "list" => FieldKind::Picklists,
        "ref" => FieldKind::Ref,
        _ => FieldKind::Any,
    };
    let most = json.get("max").and_then(Json::as_u64).and_then(|most| usize::try_from(most).ok());
    let max = most.filter(|_| matches!(kind, FieldKind::Text | FieldKind::Picklists)).map(Length::chars);
    let mut field = RemoteField::of(kind)
        .label(label(json))
        .max(max)
        .required(is("required")?)
        .writable(is("writable")?)
        .unique(is("unique")?)
        .to(json.get("of").and_then(Json::as_str));
    for choice in json.get("values").and_then(Json::as_array).into_iter().flatten().take(MOST_CHOICES) {
        field = field.choice(Value::from_json(choice.get("value")?), label(choice));
    }
    Some(field)
}

/// What people call it, in both languages of the sandbox.
fn label(json: &Json) -> String {
    let word = |language: &str| json.pointer(&format!("/label/{language}")).and_then(text_of);
    [word("en"), word("zh")].into_iter().flatten().collect::<Vec<_>>().join(" / ")
}
