//! What Salesforce's objects look like there.

use leadloop_connector_api::answers::{odd, text_of};
use leadloop_connector_api::chain::Next;
use leadloop_connector_api::http::Request;
use leadloop_mapping::Value;
use leadloop_mapping::schema::{FieldKind, Length};
use leadloop_sync_core::describe::{MOST_CHOICES, MOST_FIELDS, RemoteField, RemoteObject};
use leadloop_sync_core::outbox::{Outcome, Reply};
use serde_json::Value as Json;

use super::{Talk, theirs};
use crate::crm::unknown_object;

impl Talk {
    pub(super) fn describe(self, object: String) -> Next {
        let Some(name) = theirs(&object) else { return Next::end(unknown_object("Salesforce", &object)) };
        let request = self.named(Request::get(format!("/sobjects/{name}/describe")));
        Next::ask(request, move |answer| {
            Next::end(match self.answers.json(&object, answer) {
                Err(outcome) => outcome,
                Ok(json) => described(&object, name, &json).map_or_else(
                    || odd("the description is not what a description looks like"),
                    |described| Outcome::Done(Reply::Described(Box::new(described))),
                ),
            })
        })
    }
}

fn described(object: &str, name: &str, json: &Json) -> Option<RemoteObject> {
    let mut described =
        RemoteObject::new(object, name).label(json.get("label").and_then(text_of).unwrap_or_default());
    described.creatable = json.get("createable")?.as_bool()?;
    described.updatable = json.get("updateable")?.as_bool()?;
    for entry in json.get("fields")?.as_array()?.iter().take(MOST_FIELDS) {
        described = described.field(entry.get("name")?.as_str()?, field(entry)?);
    }
    if object == "activity" {
        // both stand in one field there
        for made in ["lead_id", "contact_id"] {
            described = described.field(made, RemoteField::of(FieldKind::Ref));
        }
    } else if let Some(whole) =
        described.fields.get_mut("Name").filter(|_| matches!(object, "lead" | "contact"))
    {
        // made of its parts there, and so writable through us
        whole.schema.writable = true;
    }
    Some(described)
}

fn field(json: &Json) -> Option<RemoteField> {
    let is = |name: &str| json.get(name).and_then(Json::as_bool).unwrap_or(false);
    let kind = match json.get("type")?.as_str()? {
        "string" | "textarea" | "encryptedstring" => FieldKind::Text,
        "phone" => FieldKind::Phone,
        "email" => FieldKind::Email,
        "url" => FieldKind::Url,
        "int" => FieldKind::Int,
        "double" | "currency" | "percent" => FieldKind::Real,
        "boolean" => FieldKind::Bool,
        "date" => FieldKind::Date,
        "datetime" => FieldKind::Time,
        "picklist" if is("restrictedPicklist") => FieldKind::Picklist,
        "multipicklist" if is("restrictedPicklist") => FieldKind::Picklists,
        "reference" | "id" => FieldKind::Ref,
        _ => FieldKind::Any,
    };
    let length = json.get("length").and_then(Json::as_u64).and_then(|most| usize::try_from(most).ok());
    let has_length = matches!(kind, FieldKind::Text | FieldKind::Phone | FieldKind::Email | FieldKind::Url);
    let to = json.get("referenceTo").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let label = |json: &Json| json.get("label").and_then(text_of).unwrap_or_default();
    let mut field = RemoteField::of(kind)
        .label(label(json))
        .max(length.filter(|most| has_length && *most > 0).map(Length::chars))
        .required(is("createable") && !is("nillable") && !is("defaultedOnCreate"))
        .writable(is("createable") || is("updateable"))
        .unique(is("unique"))
        .to(to.iter().filter_map(Json::as_str));
    field.create_only = is("createable") && !is("updateable");
    field.external_id = is("externalId");
    if matches!(kind, FieldKind::Picklist | FieldKind::Picklists) {
        let values = json.get("picklistValues").and_then(Json::as_array);
        for value in values
            .into_iter()
            .flatten()
            .filter(|value| value.get("active") != Some(&Json::Bool(false)))
            .take(MOST_CHOICES)
        {
            field = field.choice(Value::from_json(value.get("value")?), label(value));
        }
    }
    Some(field)
}
