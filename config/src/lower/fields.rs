//! Fields of the pool: the well-known ones and those this config declares by filling them.

use std::collections::BTreeSet;

use leadloop_mapping::schema::FieldKind;
use leadloop_mapping::{FieldSchema, ObjectSchema, Value};
use leadloop_sync_core::facts;
use leadloop_sync_core::policy::Holds;

use super::Context;
use super::get::Get;
use super::pool::{kind_of, own_fields};
use crate::problem::{Problem, Words};
use crate::suggest::nearest;
use crate::text::At;

/// Fields that records may fill beside those of person and company: identifiers, consent, answers.
const OTHERS: [&str; 21] = [
    "crm_id",
    "ma_id",
    "wecom_id",
    "unionid",
    "openid",
    "login_id",
    "uba_id",
    "cookie",
    "consent.transfer",
    "consent.mail",
    "consent.sms",
    "consent.phone",
    "consent.text_version",
    "answer.stage",
    "answer.tag",
    "answer.owner",
    "answer.amount",
    "answer.remark",
    "answer.id",
    "answer.object",
    "first_channel",
];
/// What a mapping may read beside the profile.
const BESIDE: [&str; 4] = ["first_channel", "first_source", "first_campaign", "brief"];
/// What a mapping of the CRM's activities may read.
const BRIEF: [&str; 2] = ["brief.subject", "brief.body"];

/// The fields that this config declares, and those that its sources and MAs fill.
#[must_use]
pub fn declared_fields(ctx: &Context<'_>) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for section in ["source", "ma"] {
        for at in ctx.sections.get(section).map(Vec::as_slice).unwrap_or_default() {
            let named = at.value.tables("fields");
            fields.extend(named.iter().filter_map(|field| field.value.text("to").map(str::to_owned)));
            fields.extend(at.value.map("fixed").into_keys());
            fields.extend(at.value.map("identifiers").into_keys());
        }
    }
    fields.extend(own_fields(ctx).into_keys());
    fields
}

/// Whether a field is one the product knows by itself.
#[must_use]
pub fn is_known(field: &str) -> bool {
    facts::is_pool_field(field)
        || OTHERS.contains(&field)
        || ["touch.", "score."].iter().any(|group| field.starts_with(group))
}

/// All fields the product knows by itself.
fn known() -> Vec<String> {
    let company = facts::COMPANY_TEXTS.iter().chain(&facts::COMPANY_NUMBERS);
    let company = company.map(|field| format!("company.{field}"));
    let own = facts::LEAD_TEXTS.iter().chain(&["company", "tags"]).chain(&OTHERS);
    own.map(|field| (*field).to_owned()).chain(company).collect()
}

/// The pool as a mapping to `object` sees it.
#[must_use]
pub fn pool_schema(ctx: &Context<'_>, object: &str) -> ObjectSchema {
    let text = || FieldSchema::of(FieldKind::Text);
    let mut schema = ObjectSchema::new("pool");
    for field in declared_fields(ctx) {
        schema = schema.field(field, FieldSchema::of(FieldKind::Any));
    }
    for (name, field) in own_fields(ctx) {
        let values = match &field.holds {
            Holds::Choice(values) => values.iter().map(|value| Value::text(value.as_str())).collect(),
            _ => Vec::new(),
        };
        schema = schema.field(name, FieldSchema { options: values, ..FieldSchema::of(kind_of(&field)) });
    }
    for field in facts::LEAD_TEXTS {
        let kind = match field {
            "phone" => FieldKind::Phone,
            "email" => FieldKind::Email,
            _ => FieldKind::Text,
        };
        schema = schema.field(field, FieldSchema::of(kind));
    }
    schema = schema.field("company", text()).field("tags", FieldSchema::of(FieldKind::Picklists));
    for field in BESIDE {
        schema = schema.field(field, text());
    }
    // Company fields also go by their short name, where no field of the person has it.
    for (field, kind) in company_fields() {
        let full = format!("company.{field}");
        if !facts::LEAD_TEXTS.contains(&field) {
            schema = schema.field(field, FieldSchema::of(kind));
        }
        schema = schema.field(full, FieldSchema::of(kind));
    }
    for at in ctx.sections.get("score").map(Vec::as_slice).unwrap_or_default() {
        if let Some(name) = at.value.text("name") {
            schema = schema.field(format!("score.{name}"), FieldSchema::of(FieldKind::Int));
        }
    }
    if object == "activity" {
        for field in BRIEF {
            schema = schema.field(field, text());
        }
    }
    schema
}

fn company_fields() -> impl Iterator<Item = (&'static str, FieldKind)> {
    let texts = facts::COMPANY_TEXTS.into_iter().map(|field| (field, FieldKind::Text));
    texts.chain(facts::COMPANY_NUMBERS.into_iter().map(|field| (field, FieldKind::Int)))
}

impl Context<'_> {
    /// A field that a source fills: a new name that is almost a well-known one is most likely that one.
    pub fn filled(&mut self, at: &At<&str>) {
        if is_known(at.value) || own_fields(self).contains_key(at.value) {
            return;
        }
        let known = known();
        if let Some(near) = nearest(at.value, known.iter().map(String::as_str)) {
            let problem = Problem::warning(
                "LL2052",
                &at.span,
                Words::new(
                    format!("`{}` is a new field of the pool", at.value),
                    format!("`{}` 是线索池的新字段", at.value),
                ),
                Words::new("not a well-known one", "不是常见字段"),
            )
            .help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？"));
            self.problems.push(problem);
        }
    }

    /// A field that must be filled by somebody before it can be asked for.
    pub fn asked_for(&mut self, at: &At<&str>, declared: &BTreeSet<String>) {
        if is_known(at.value) || declared.contains(at.value) {
            return;
        }
        let said = Problem::error(
            "LL2007",
            &at.span,
            Words::new(
                format!("`{}` is not a field of the pool", at.value),
                format!("线索池没有字段 `{}`", at.value),
            ),
            Words::new("nobody fills it", "没有来源填写它"),
        );
        let (known, declared) = (known(), declared.iter().map(String::as_str));
        self.problems.push(super::names::with_names(
            said,
            at.value,
            known.iter().map(String::as_str).chain(declared),
        ));
    }
}
