//! What an API client may learn about the objects: the describe answers.

use super::{Field, Kind, Label, Schema, Sort};
use serde_json::{Value, json};

impl Label {
    fn json(self) -> Value {
        json!({"en": self.en, "zh": self.zh})
    }
}

/// The describe answer of one object. `mark_exists` and `mark_unique` follow the mark mode of the store; `required` and
/// `hidden` name fields.
pub(crate) fn describe(
    kind: Kind,
    mark_exists: bool,
    mark_unique: bool,
    required: &[String],
    hidden: &[String],
) -> Value {
    let schema = kind.schema();
    let mut fields: Vec<Value> = system_fields();
    for (position, field) in schema.fields.iter().enumerate() {
        let is_mark = schema.is_mark(position);
        if is_mark && !mark_exists && !schema.mark_always_unique {
            continue;
        }
        if hidden.iter().any(|name| is_named(name, schema.name, field.name)) {
            continue;
        }
        let unique = is_mark && (mark_unique || schema.mark_always_unique);
        fields.push(describe_field(schema, field, unique, required));
    }
    json!({
        "name": schema.name, "id_prefix": schema.prefix, "label": schema.label.json(),
        "writable": schema.api_writable,
        "mark": schema.mark.filter(|_| mark_exists || schema.mark_always_unique).map(|i| schema.fields[i].name),
        "fields": fields,
    })
}

fn describe_field(schema: &Schema, field: &Field, unique: bool, required: &[String]) -> Value {
    let must = field.required || required.iter().any(|r| is_named(r, schema.name, field.name));
    let (sort, mut more) = match field.sort {
        Sort::Text(max) => ("text", json!({"max": max})),
        Sort::Int(min, max) => ("int", json!({"min": min, "max": max})),
        Sort::Money => ("money", json!({})),
        Sort::Bool => ("bool", json!({})),
        Sort::Time => ("time", json!({})),
        Sort::Choice(values) => ("choice", json!({"values": labelled(values)})),
        Sort::Word(values) => ("choice", json!({"values": labelled(values)})),
        Sort::Ref(of) => ("ref", json!({"of": of.schema().name})),
        Sort::List(max) => ("list", json!({"max": max})),
    };
    let mut described = json!({
        "name": field.name, "type": sort, "label": field.label.json(), "required": must,
        "writable": field.writable && schema.api_writable, "searchable": field.search.is_some(), "unique": unique,
    });
    if let (Some(described), Some(more)) = (described.as_object_mut(), more.as_object_mut()) {
        described.append(more);
    }
    described
}

fn labelled<T: Copy + Into<Value>>(values: &[(T, Label)]) -> Vec<Value> {
    values
        .iter()
        .map(|(value, label)| {
            let value: Value = (*value).into();
            json!({"value": value, "label": label.json()})
        })
        .collect()
}

/// `leads.company` names field `company` of `leads`.
pub(crate) fn is_named(dotted: &str, object: &str, field: &str) -> bool {
    dotted.split_once('.') == Some((object, field))
}

fn system_fields() -> Vec<Value> {
    let one = |name: &str, sort: &str, en: &str, zh: &str| {
        json!({"name": name, "type": sort, "label": {"en": en, "zh": zh}, "required": false, "writable": false,
               "searchable": false, "unique": name == "id"})
    };
    vec![
        one("id", "text", "Id", "编号"),
        one("version", "int", "Version", "版本"),
        one("created_at", "time", "Created at", "创建时间"),
        one("modified_at", "time", "Modified at", "修改时间"),
        one("modified_by", "text", "Modified by", "修改者"),
        one("deleted", "bool", "Deleted", "已删除"),
        one("merged_into", "text", "Merged into", "合并到"),
    ]
}
