//! What Tryton's models look like there. What may depend on the record (`states`) is left to Tryton.

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_connector_api::manifest::Object;
use leadloop_mapping::schema::{FieldKind, Length};
use leadloop_sync_core::describe::{MOST_CHOICES, MOST_FIELDS, RemoteField, RemoteObject};
use leadloop_sync_core::outbox::{Outcome, Reply};
use serde_json::{Map, Value as Json, json};

use super::call::Talk;
use super::{description, is_opportunity, theirs, unknown_object};

impl Talk {
    pub(super) fn describe(self, object: String) -> Next {
        let Some(model) = theirs(&object) else { return Next::end(unknown_object(&object)) };
        let mut arguments = vec![Json::Null];
        if self.is_series_8() {
            // how deep fields of fields are described
            arguments.push(json!(0));
        }
        let asked = object.clone();
        self.ask((model, "fields_get"), arguments, &asked, move |_, said| {
            let whole = said.and_then(|json| match json {
                Json::Object(fields) if fields.contains_key("id") => Ok(described(&object, model, &fields)),
                _ => Err(odd("the answer does not say which fields there are")),
            });
            Next::end(whole.unwrap_or_else(|no| no))
        })
    }
}

fn described(object: &str, model: &str, fields: &Map<String, Json>) -> Outcome {
    let mut whole = RemoteObject::new(object, model);
    let known = description().object(object);
    for (name, field) in fields.iter().take(MOST_FIELDS) {
        if let Some(read) = one(known, object, name, field) {
            whole = whole.field(name.as_str(), read);
        }
    }
    // What we make of the party and of other fields.
    for field in known.map(|known| known.fields.as_slice()).unwrap_or_default() {
        if is_made(object, &field.name) {
            let kind = FieldKind::parse(&field.kind).unwrap_or(FieldKind::Any);
            let made = RemoteField::of(kind).writable(field.writable);
            let options = field.options.iter().filter_map(|option| option.as_str());
            let made = options.fold(made, |made, option| made.choice(option, ""));
            whole = whole.field(field.name.as_str(), made);
        }
    }
    Outcome::Done(Reply::Described(Box::new(whole)))
}

/// Whether a field is put together by us.
fn is_made(object: &str, name: &str) -> bool {
    match object {
        "lead" | "opportunity" => {
            ["contact_name", "party_name", "phone", "email", "website", "opportunity_id", "lead_id"]
                .contains(&name)
        }
        "account" => ["phone", "email", "website", "contact_name"].contains(&name),
        "user" => name == "state",
        _ => ["subject", "lead_id", "opportunity_id", "account_id", "mark"].contains(&name),
    }
}

/// A field; nothing for lists of other records and files.
fn one(known: Option<&Object>, object: &str, name: &str, field: &Json) -> Option<RemoteField> {
    let text = |key: &str| field.get(key).and_then(Json::as_str).unwrap_or_default();
    // SQLite gives 0 and 1
    let says = |key: &str| field.get(key).is_some_and(|said| said == &Json::Bool(true) || said == &json!(1));
    let kind = match text("type") {
        "char" | "text" | "fulltext" => FieldKind::Text,
        "integer" | "bigint" | "biginteger" => FieldKind::Int,
        "float" | "numeric" => FieldKind::Real,
        "boolean" => FieldKind::Bool,
        "date" => FieldKind::Date,
        "datetime" | "timestamp" => FieldKind::Time,
        "selection" => FieldKind::Picklist,
        "multiselection" => FieldKind::Picklists,
        "many2one" | "one2one" => FieldKind::Ref,
        "one2many" | "many2many" | "binary" | "" => return None,
        _ => FieldKind::Any,
    };
    let said = known.and_then(|known| known.fields.iter().find(|field| field.name == name));
    // The state is set by buttons, whatever is said of the field.
    let by_button = is_opportunity(object) && name == "state";
    let writable = by_button || (!says("readonly") && said.is_none_or(|said| said.writable));
    // What Tryton itself demands it fills, or we do; what a customer's field demands nobody else knows.
    let required = says("required") && writable && name.starts_with("x_");
    let mut read =
        RemoteField::of(kind).label(text("string")).max(size(field)).required(required).writable(writable);
    if kind == FieldKind::Ref {
        read = read.to([text("relation")]);
    }
    // A list that depends on the record is the name of a method.
    let choices = field.get("selection").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    for choice in choices.iter().take(MOST_CHOICES) {
        if let Some(value) = choice.get(0).and_then(Json::as_str).filter(|value| !value.is_empty()) {
            read = read.choice(value, choice.get(1).and_then(Json::as_str).unwrap_or_default());
        }
    }
    Some(read)
}

/// The greatest length, where it is a number: it comes as an expression.
fn size(field: &Json) -> Option<Length> {
    let size = field.get("size")?;
    let size = size.as_u64().or_else(|| size.as_str()?.parse().ok())?;
    usize::try_from(size).ok().filter(|size| *size > 0).map(Length::chars)
}
