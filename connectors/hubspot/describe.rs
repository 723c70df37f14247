//! What HubSpot's objects look like there, and the property of our mark, which an app with the right scope can make.

use leadloop_connector_api::answers::{odd, text_of};
use leadloop_connector_api::chain::Next;
use leadloop_connector_api::http::{Method, Request};
use leadloop_mapping::Value;
use leadloop_mapping::schema::FieldKind;
use leadloop_sync_core::describe::{MOST_CHOICES, MOST_FIELDS, RemoteField, RemoteObject};
use leadloop_sync_core::outbox::{Outcome, Reply};
use serde_json::{Value as Json, json};

use super::{Talk, is_own_word, theirs};
use crate::crm::unknown_object;

impl Talk {
    pub(super) fn describe(self, object: String) -> Next {
        let Some(path) = theirs(&object) else { return Next::end(unknown_object("HubSpot", &object)) };
        if object == "user" {
            return Next::end(Outcome::Done(Reply::Described(Box::new(owners()))));
        }
        Next::ask(Request::get(format!("/crm/v3/properties/{path}")), move |answer| {
            Next::end(match self.answers.json(&object, answer) {
                Err(outcome) => outcome,
                Ok(json) => described(&object, path, &json).map_or_else(
                    || odd("the description is not what a description looks like"),
                    |described| Outcome::Done(Reply::Described(Box::new(described))),
                ),
            })
        })
    }

    pub(super) fn prepare(self, object: &str, field: &str) -> Next {
        let Some(path) = theirs(object) else { return Next::end(unknown_object("HubSpot", object)) };
        let group = match object {
            "lead" => "contactinformation",
            "account" => "companyinformation",
            "opportunity" => "dealinformation",
            _ => "note",
        };
        let body = json!({
            "groupName": group, "name": field, "label": "leadloop", "type": "string", "fieldType": "text",
            "hasUniqueValue": true, "description": "The hand-over of leadloop that made this record. Do not edit.",
        });
        let request = Request::json(Method::Post, format!("/crm/v3/properties/{path}"), body).repeatable();
        let (object, field) = (object.to_owned(), field.to_owned());
        Next::ask(request, move |answer| match self.answers.json(&object, answer) {
            Ok(json) if json.get("name").and_then(Json::as_str) == Some(field.as_str()) => {
                Next::end(Outcome::Done(Reply::Told))
            }
            Ok(_) => Next::end(odd("the answer does not name the property it made")),
            // it is there already: is it unique?
            Err(Outcome::Rejected { .. } | Outcome::Conflict { .. })
                if answer.status == 409 && is_own_word(answer) =>
            {
                self.ask_whether_unique(path, object, field)
            }
            Err(outcome) => Next::end(outcome),
        })
    }

    fn ask_whether_unique(self, path: &str, object: String, field: String) -> Next {
        Next::ask(Request::get(format!("/crm/v3/properties/{path}/{field}")), move |answer| {
            Next::end(match self.answers.json(&object, answer) {
                Err(outcome) => outcome,
                Ok(json) => match json.get("hasUniqueValue").and_then(Json::as_bool) {
                    Some(true) => Outcome::Done(Reply::Told),
                    Some(false) => Outcome::Rejected {
                        field: Some(field),
                        code: "not_unique".to_owned(),
                        detail: "the property is there, but does not have unique values: HubSpot cannot change that; name another one as `mark`".to_owned(),
                    },
                    None => odd("the answer does not say whether the property is unique"),
                },
            })
        })
    }
}

/// Owners have no properties to read: HubSpot's API has them in one fixed form.
fn owners() -> RemoteObject {
    let mut owners = RemoteObject::new("user", "owners");
    (owners.creatable, owners.updatable) = (false, false);
    for name in ["email", "firstName", "lastName", "userId", "archived"] {
        owners = owners.field(name, RemoteField::of(FieldKind::Any).writable(false));
    }
    owners
}

fn described(object: &str, path: &str, json: &Json) -> Option<RemoteObject> {
    let mut described = RemoteObject::new(object, path);
    for entry in json.get("results")?.as_array()?.iter().take(MOST_FIELDS) {
        described = described.field(entry.get("name")?.as_str()?, field(entry)?);
    }
    // a whole name is split over two properties
    if object == "lead" {
        described = described.field("name", RemoteField::of(FieldKind::Text));
    }
    Some(described)
}

fn field(json: &Json) -> Option<RemoteField> {
    let is = |path: &str| json.pointer(path).and_then(Json::as_bool).unwrap_or(false);
    let several = json.get("fieldType").and_then(Json::as_str) == Some("checkbox");
    let kind = match json.get("type")?.as_str()? {
        "string" | "phone_number" => FieldKind::Text,
        "number" => FieldKind::Real,
        "bool" => FieldKind::Bool,
        "date" => FieldKind::Date,
        "datetime" => FieldKind::Time,
        "enumeration" if is("/externalOptions") => FieldKind::Any,
        "enumeration" if several => FieldKind::Picklists,
        "enumeration" => FieldKind::Picklist,
        _ => FieldKind::Any,
    };
    let label = |json: &Json| json.get("label").and_then(text_of).unwrap_or_default();
    let mut field = RemoteField::of(kind)
        .label(label(json))
        .writable(!is("/calculated") && !is("/modificationMetadata/readOnlyValue"))
        .unique(is("/hasUniqueValue"));
    if matches!(kind, FieldKind::Picklist | FieldKind::Picklists) {
        let options = json.get("options").and_then(Json::as_array);
        for option in options
            .into_iter()
            .flatten()
            .filter(|option| !option.get("hidden").and_then(Json::as_bool).unwrap_or(false))
            .take(MOST_CHOICES)
        {
            field = field.choice(Value::from_json(option.get("value")?), label(option));
        }
    }
    Some(field)
}
