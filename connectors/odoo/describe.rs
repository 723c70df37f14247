//! What Odoo's objects look like there, and the field of our mark, which Odoo lets an administrator's key make.

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_mapping::schema::{FieldKind, Length};
use leadloop_sync_core::describe::{MOST_CHOICES, MOST_FIELDS, RemoteField, RemoteObject};
use leadloop_sync_core::outbox::{Outcome, Reply};
use serde_json::{Map, Value as Json, json};

use super::call::{Call, Talk};
use super::read::is_theirs;
use super::{description, theirs, unknown_object};

impl Talk {
    pub(super) fn describe(self, object: String) -> Next {
        let Some(model) = theirs(&object) else { return Next::end(unknown_object(&object)) };
        let attributes = json!(["string", "type", "required", "readonly", "selection", "relation", "size"]);
        let asked = object.clone();
        self.ask(Call::of(model, "fields_get").with("attributes", attributes), &asked, move |_, said| {
            let whole = said.and_then(|json| match json {
                Json::Object(fields) if fields.contains_key("id") => Ok(described(&object, model, &fields)),
                _ => Err(odd("the answer does not say which fields there are")),
            });
            Next::end(whole.unwrap_or_else(|no| no))
        })
    }

    /// Makes the field of our mark, unless it is there.
    pub(super) fn prepare(self, object: String, field: String) -> Next {
        let Some(model) = theirs(&object) else { return Next::end(unknown_object(&object)) };
        if !field.starts_with("x_") {
            return Next::end(Outcome::Rejected {
                field: Some(field),
                code: "no_custom_field".to_owned(),
                detail: "fields that are made in Odoo have names that start with x_".to_owned(),
            });
        }
        let there = json!([["model", "=", model], ["name", "=", field]]);
        let asked = object.clone();
        self.search(
            "ir.model.fields",
            (there, "id asc", 1),
            (&asked, &["id".to_owned()]),
            move |talk, said| match said {
                Err(outcome) => Next::end(outcome),
                Ok(found) if !found.is_empty() => Next::end(Outcome::Done(Reply::Told)),
                Ok(_) => talk.make_field(object, model, field),
            },
        )
    }

    fn make_field(self, object: String, model: &'static str, field: String) -> Next {
        let asked = object.clone();
        let id = ["id".to_owned()];
        self.search(
            "ir.model",
            (json!([["model", "=", model]]), "id asc", 1),
            (&asked, &id),
            move |talk, said| {
                let model = match said {
                    Err(outcome) => return Next::end(outcome),
                    Ok(found) => found.first().and_then(|model| model.get("id")?.as_i64()),
                };
                let Some(model) = model else {
                    return Next::end(odd("the table of leads is not in Odoo's list of tables"));
                };
                let values = json!({
                    "model_id": model, "name": field, "ttype": "char", "field_description": "leadloop",
                    "index": true, "copied": false,
                });
                let call = Call::of("ir.model.fields", "create").writing("vals_list", json!([values])).once();
                talk.ask(call, &object, |_, said| {
                    Next::end(match said {
                        Ok(json)
                            if json
                                .as_array()
                                .is_some_and(|made| made.len() == 1 && made.iter().all(Json::is_i64)) =>
                        {
                            Outcome::Done(Reply::Told)
                        }
                        Ok(_) => odd("the answer to a create names no record"),
                        Err(outcome) => outcome,
                    })
                })
            },
        )
    }
}

fn described(object: &str, model: &str, fields: &Map<String, Json>) -> Outcome {
    let mut whole = RemoteObject::new(object, model);
    for (name, field) in fields.iter().take(MOST_FIELDS) {
        let Some(read) = one(object, name, field) else { continue };
        // What Odoo itself demands it fills, or we do; what a customer's field demands nobody else knows.
        let required = read.schema.required && read.schema.writable && name.starts_with("x_");
        whole = whole.field(name.as_str(), read.required(required));
    }
    // What we make of several of Odoo's fields, and the names that references are shown under.
    let known = description().object(object).map(|object| object.fields.as_slice()).unwrap_or_default();
    for field in known.iter().filter(|field| !is_theirs(object, &field.name)) {
        let kind = FieldKind::parse(&field.kind).unwrap_or(FieldKind::Any);
        whole = whole.field(field.name.as_str(), RemoteField::of(kind).writable(field.writable));
    }
    Outcome::Done(Reply::Described(Box::new(whole)))
}

/// A field; nothing for lists of other records and files.
fn one(object: &str, name: &str, field: &Json) -> Option<RemoteField> {
    let text = |key: &str| field.get(key).and_then(Json::as_str).unwrap_or_default();
    let says = |key: &str| field.get(key) == Some(&Json::Bool(true));
    let roles = description().object(object).map(|object| &object.roles);
    let plays = |of: fn(&leadloop_sync_core::mirror::Roles) -> &Vec<String>| {
        roles.is_some_and(|roles| of(roles).iter().any(|field| field == name))
    };
    let kind = match text("type") {
        "char" if plays(|roles| &roles.phones) => FieldKind::Phone,
        "char" if plays(|roles| &roles.emails) => FieldKind::Email,
        "char" | "text" | "html" => FieldKind::Text,
        "integer" => FieldKind::Int,
        "float" | "monetary" => FieldKind::Real,
        "boolean" => FieldKind::Bool,
        "date" => FieldKind::Date,
        "datetime" => FieldKind::Time,
        "selection" => FieldKind::Picklist,
        "many2one" => FieldKind::Ref,
        "many2many" => FieldKind::Picklists,
        "one2many" | "binary" | "" => return None,
        _ => FieldKind::Any,
    };
    let size = field.get("size").and_then(Json::as_u64).and_then(|size| usize::try_from(size).ok());
    let mut read = RemoteField::of(kind)
        .label(text("string"))
        .max(size.filter(|size| *size > 0).map(Length::chars))
        .required(says("required"))
        .writable(!says("readonly"));
    if kind == FieldKind::Ref {
        read = read.to([text("relation")]);
    }
    let choices = field.get("selection").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    for choice in choices.iter().take(MOST_CHOICES) {
        if let Some(value) = choice.get(0).and_then(Json::as_str) {
            read = read.choice(value, choice.get(1).and_then(Json::as_str).unwrap_or_default());
        }
    }
    Some(read)
}
