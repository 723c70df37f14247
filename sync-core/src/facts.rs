//! What expressions can ask about a lead: the names `lead.*`, `company.*`, `score.*`, `touch.*`, their types, their values.
//!
//! One table ([`NAMES`]) makes both the [`schema`] that the config checks expressions against and the values that rules
//! see, so the two cannot drift apart. `crm.*` and `handoff.*` are declared by [`crate::matching`] and [`crate::sla`].
//! There is no clock in expressions: ages come from here, as whole days.

mod reads;

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::expr::{Facts, Schema, SchemaBuilder, Type};
use leadloop_mapping::{Record, Value};
use serde_json::Value as Json;

use crate::identity;
use crate::ids::SourceName;
use crate::lead::{Lead, Stage, Touch};
use crate::normal::domain;
use crate::policy::{Policy, ScoreModel};
use crate::score;
use crate::time::{Micros, Timestamp};

pub use reads::{judged, judging};

/// Pool fields of a person that hold text.
pub const LEAD_TEXTS: [&str; 22] = [
    "name",
    "first_name",
    "last_name",
    "phone",
    "phone_ext",
    "phone_raw",
    "email",
    "email_raw",
    "other_phones",
    "title",
    "department",
    "requirement",
    "remark",
    "poster",
    "origin_kind",
    "origin_lead",
    "country",
    "province",
    "city",
    "address",
    "postal_code",
    "wechat",
];
/// Pool fields of the company that hold text, without their `company.`; the name itself is the pool field `company`.
pub const COMPANY_TEXTS: [&str; 8] =
    ["industry", "website", "credit_code", "country", "province", "city", "address", "size"];
/// Pool fields of the company that hold whole numbers.
pub const COMPANY_NUMBERS: [&str; 1] = ["employees"];
/// Purposes that consent is asked for.
pub const PURPOSES: [&str; 4] = ["transfer", "mail", "sms", "phone"];

/// Whether a pool field is one of the well-known ones of person or company.
#[must_use]
pub fn is_pool_field(field: &str) -> bool {
    match field.strip_prefix("company.") {
        Some(part) => COMPANY_TEXTS.contains(&part) || COMPANY_NUMBERS.contains(&part),
        None => field == "company" || field == "tags" || LEAD_TEXTS.contains(&field),
    }
}

/// What a config declares beyond the well-known names.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Declared {
    /// Pool fields that sources fill (`to` of a field, fixed fields), as `segment` or `company.revenue`.
    pub fields: BTreeSet<String>,
    /// Score models with their ranges.
    pub scores: BTreeMap<String, (i64, i64)>,
    /// Sources, MAs that push included.
    pub sources: BTreeSet<String>,
    /// Nurture tracks.
    pub tracks: BTreeSet<String>,
    /// Feedback tags.
    pub tags: BTreeSet<String>,
    /// Types of the fields that the config declares, by pool field.
    pub types: BTreeMap<String, Type>,
    /// Parts of the pool.
    pub pools: BTreeSet<String>,
}

/// Whose facts, at which touch, when.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The lead.
    pub lead: &'a Lead,
    /// The touch at hand, where there is one.
    pub touch: Option<&'a Touch>,
    /// The rules (for scores).
    pub policy: &'a Policy,
    /// The time it is.
    pub now: Timestamp,
}

/// One name: its path, its type, its value.
struct Name {
    path: &'static str,
    ty: fn(&Declared) -> Type,
    value: fn(&Scene<'_>) -> Value,
}

/// The names that are more than a field of the profile. Tests hold them against [`schema`].
const NAMES: &[Name] = &[
    Name { path: "lead.stage", ty: |_| stages(), value: |s| s.lead.stage.as_str().into() },
    Name {
        path: "lead.days_in_stage",
        ty: |_| Type::at_least(0),
        value: |s| days(s.now - s.lead.stage_since),
    },
    Name {
        path: "lead.days_since_first_touch",
        ty: |_| Type::at_least(0),
        value: |s| days(s.now - s.lead.origin.at),
    },
    Name {
        path: "lead.days_since_last_touch",
        ty: |_| Type::at_least(0),
        value: |s| days(s.now - s.lead.last_touch_at),
    },
    Name {
        path: "lead.touches",
        ty: |_| Type::at_least(0),
        value: |s| Value::Int(i64::from(s.lead.touches)),
    },
    Name {
        path: "lead.tags",
        ty: |_| Type::list(Type::text()),
        value: |s| Value::List(s.lead.tags.iter().map(|tag| Value::text(tag.as_str())).collect()),
    },
    Name { path: "lead.pool", ty: |d| one_of(&d.pools).nullable(), value: |s| text(s.lead.pool.as_deref()) },
    Name {
        // By which definition it is or was one, where there are several.
        path: "lead.mql_of",
        ty: |_| Type::text().nullable(),
        value: |s| text(s.lead.mql_of.as_deref()),
    },
    Name { path: "lead.mql", ty: |_| Type::bool(), value: |s| s.lead.mql.into() },
    Name { path: "lead.known", ty: |_| Type::bool(), value: |s| identity::is_known(s.lead).into() },
    Name {
        path: "lead.recycled",
        ty: |_| Type::at_least(0),
        value: |s| Value::Int(i64::from(s.lead.recycled)),
    },
    Name { path: "lead.source", ty: |d| one_of(&d.sources), value: |s| s.lead.origin.source.as_str().into() },
    Name { path: "lead.id", ty: |_| Type::text(), value: |s| Value::text(s.lead.id.to_string()) },
    Name { path: "lead.channel", ty: |_| Type::text(), value: |s| s.lead.origin.channel.as_str().into() },
    Name {
        // What somebody filled in, else what we saw first.
        path: "lead.first_channel",
        ty: |_| Type::text(),
        value: |s| s.lead.text("first_channel").unwrap_or(&s.lead.origin.channel).into(),
    },
    Name {
        path: "lead.campaign",
        ty: |_| Type::text().nullable(),
        value: |s| text(s.lead.origin.campaign.as_deref()),
    },
    Name {
        path: "lead.owner",
        ty: |_| Type::text().nullable(),
        value: |s| {
            let owner = s.lead.owner.as_ref();
            text(owner.map(|owner| owner.person.as_ref().map_or(owner.crm_user.as_str(), |key| key.as_str())))
        },
    },
    Name {
        path: "lead.feedback",
        ty: |d| one_of(&d.tags).nullable(),
        value: |s| text(s.lead.feedback.as_deref()),
    },
    Name {
        path: "lead.track",
        ty: |d| one_of(&d.tracks).nullable(),
        value: |s| text(s.lead.track.as_deref()),
    },
    Name {
        path: "lead.email_domain",
        ty: |_| Type::text().nullable(),
        value: |s| text(email_domain(s.lead)),
    },
    Name {
        path: "lead.free_mail",
        ty: |_| Type::bool(),
        value: |s| email_domain(s.lead).is_some_and(domain::is_free_mail).into(),
    },
    Name { path: "lead.company", ty: |_| Type::text().nullable(), value: |s| field_text(s.lead, "company") },
    Name { path: "company.name", ty: |_| Type::text().nullable(), value: |s| field_text(s.lead, "company") },
    Name { path: "lead.consent.transfer", ty: |_| consents(), value: |s| consent(s.lead, "transfer") },
    Name { path: "lead.consent.mail", ty: |_| consents(), value: |s| consent(s.lead, "mail") },
    Name { path: "lead.consent.sms", ty: |_| consents(), value: |s| consent(s.lead, "sms") },
    Name { path: "lead.consent.phone", ty: |_| consents(), value: |s| consent(s.lead, "phone") },
    Name {
        path: "touch.kind",
        ty: |_| Type::text().nullable(),
        value: |s| text(s.touch.map(|touch| touch.kind.as_str())),
    },
    Name {
        path: "touch.source",
        ty: |d| one_of(&d.sources).nullable(),
        value: |s| text(s.touch.map(|touch| touch.source.as_str())),
    },
    Name {
        path: "touch.channel",
        ty: |_| Type::text().nullable(),
        value: |s| text(s.touch.map(|touch| touch.channel.as_str())),
    },
    Name {
        path: "touch.days_ago",
        ty: |_| Type::at_least(0).nullable(),
        value: |s| s.touch.map_or(Value::Null, |touch| days(s.now - touch.at)),
    },
];

fn stages() -> Type {
    Type::picklist(Stage::ALL.map(Stage::as_str))
}
fn consents() -> Type {
    Type::picklist(["given", "refused", "unknown"])
}
fn one_of(values: &BTreeSet<String>) -> Type {
    if values.is_empty() { Type::text() } else { Type::picklist(values.iter().cloned()) }
}
fn days(length: Micros) -> Value {
    Value::Int(length.0.div_euclid(Micros::days(1).0).max(0))
}
fn text(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::from)
}
fn field_text(lead: &Lead, name: &str) -> Value {
    lead.field(name).map_or(Value::Null, |value| Value::text(value.to_display()))
}
fn email_domain(lead: &Lead) -> Option<&str> {
    lead.text("email").and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain)
}
fn consent(lead: &Lead, purpose: &str) -> Value {
    match lead.consent.get(purpose) {
        Some(consent) if consent.given => "given",
        Some(_) => "refused",
        None => "unknown",
    }
    .into()
}

/// A group of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// `lead.*`: profile and state.
    Lead,
    /// `company.*`.
    Company,
    /// `score.*`.
    Score,
    /// `touch.*`: the touch at hand.
    Touch,
}

impl Group {
    /// All groups.
    pub const ALL: [Group; 4] = [Group::Lead, Group::Company, Group::Score, Group::Touch];

    const fn prefix(self) -> &'static str {
        match self {
            Group::Lead => "lead.",
            Group::Company => "company.",
            Group::Score => "score.",
            Group::Touch => "touch.",
        }
    }
}

/// Declares `lead.*`, `company.*`, `score.*` and `touch.*`.
#[must_use]
pub fn schema(builder: SchemaBuilder, declared: &Declared) -> SchemaBuilder {
    schema_of(builder, declared, &Group::ALL)
}

/// Declares the names of some groups: of those that have a value where the expression is evaluated.
#[must_use]
pub fn schema_of(mut builder: SchemaBuilder, declared: &Declared, groups: &[Group]) -> SchemaBuilder {
    let wanted = |path: &str| groups.iter().any(|group| path.starts_with(group.prefix()));
    for (path, ty) in fields(declared).into_iter().filter(|(path, _)| wanted(path)) {
        builder = builder.field(&path, ty);
    }
    for (name, (least, most)) in declared.scores.iter().filter(|_| groups.contains(&Group::Score)) {
        builder = builder.field(&format!("score.{name}"), Type::between(*least, *most));
    }
    if groups.contains(&Group::Touch) {
        builder = builder.open("touch");
    }
    let names = NAMES.iter().filter(|name| wanted(name.path));
    names.fold(builder, |builder, name| builder.field(name.path, (name.ty)(declared)))
}

/// Whether `lead.NAME` or `company.NAME` is more than a field of the profile, so that no field can have this name.
#[must_use]
pub fn is_lead_name(name: &str) -> bool {
    let of = |group: &str| NAMES.iter().any(|known| known.path.strip_prefix(group) == Some(name));
    of("lead.") || of("company.")
}

/// What a lead says of itself whatever the time is: for conditions that hold until something is told. Where it stands
/// and in which pool it is are no part of it, for both follow from such conditions.
#[must_use]
pub fn still_schema(declared: &Declared) -> Schema {
    let moves =
        ["lead.stage", "lead.pool", "lead.mql", "lead.mql_of", "lead.owner", "lead.track", "lead.feedback"];
    let mut builder = Schema::builder();
    for (path, ty) in fields(declared) {
        builder = builder.field(&path, ty);
    }
    let still = NAMES.iter().filter(|name| {
        let aged = name.path.contains(".days_") || moves.contains(&name.path);
        !aged && !name.path.starts_with("touch.")
    });
    still.fold(builder, |builder, name| builder.field(name.path, (name.ty)(declared))).build()
}

/// Pool fields beyond the well-known ones that the config declares or the sources of a policy fill.
#[must_use]
pub fn own_fields(policy: &Policy) -> BTreeSet<String> {
    let filled = policy.sources.values().flat_map(|source| {
        let named = source.fields.iter().map(|(_, to)| to);
        named.chain(source.fixed.iter().map(|(to, _)| to)).chain(source.identifiers.keys())
    });
    let group = |field: &str| {
        let groups = ["touch.", "score.", "consent.", "answer."];
        groups.iter().any(|group| field.starts_with(group))
    };
    let filled = filled.filter(|field| !is_pool_field(field) && !group(field));
    filled.chain(policy.pool.fields.keys()).cloned().collect()
}

/// What can be asked about a lead without a touch at hand: for lists and exports. Sources, tracks and tags may be those of
/// an earlier config, so any text will do.
#[must_use]
pub fn filter_schema(policy: &Policy) -> Schema {
    let declared = Declared {
        fields: own_fields(policy),
        types: policy.pool.fields.iter().map(|(name, field)| (name.clone(), field.holds.type_of())).collect(),
        scores: policy.scores.iter().map(|model| (model.name.clone(), model.range)).collect(),
        ..Declared::default()
    };
    schema_of(Schema::builder(), &declared, &[Group::Lead, Group::Company, Group::Score]).build()
}

/// Declares what a record has that is no lead yet ([`of_record`]): its fields and the touch it describes.
#[must_use]
pub fn record_schema(mut builder: SchemaBuilder, declared: &Declared) -> SchemaBuilder {
    for (path, ty) in fields(declared) {
        builder = builder.field(&path, ty);
    }
    for path in ["lead.company", "company.name"] {
        builder = builder.field(path, Type::text().nullable());
    }
    for purpose in PURPOSES {
        builder = builder.field(&format!("lead.consent.{purpose}"), Type::any().nullable());
    }
    schema_of(builder, declared, &[Group::Touch])
}

/// The fields of person and company with their types; a well-known name keeps its type whatever a source fills into it.
fn fields(declared: &Declared) -> Vec<(String, Type)> {
    let own = declared.fields.iter().map(|field| {
        let ty = declared.types.get(field).cloned();
        (path_of(field), ty.unwrap_or_else(|| Type::any().nullable()))
    });
    let lead = LEAD_TEXTS.iter().map(|field| (path_of(field), Type::text().nullable()));
    let company = COMPANY_TEXTS.iter().map(|field| (format!("company.{field}"), Type::text().nullable()));
    let numbers = COMPANY_NUMBERS.iter().map(|field| (format!("company.{field}"), Type::number().nullable()));
    own.chain(lead).chain(company).chain(numbers).collect()
}

/// A pool field as expressions name it: `phone` is `lead.phone`, `company.industry` stays.
#[must_use]
pub fn path_of(field: &str) -> String {
    if field.starts_with("company.") { field.to_owned() } else { format!("lead.{field}") }
}

/// Calls `set` for every name that has a value, in an order in which later ones may replace groups of the same name.
fn each(scene: &Scene<'_>, set: &mut dyn FnMut(&str, Value)) {
    if let Some(touch) = scene.touch {
        for (name, value) in touch.fields.iter() {
            set(&format!("touch.{name}"), value.clone());
        }
    }
    for (field, fact) in &scene.lead.profile {
        // The company's name is no group of fields; it has names of its own below.
        if field != "company" && !fact.value.is_blank() {
            set(&path_of(field), typed(field, &fact.value));
        }
    }
    for model in &scene.policy.scores {
        set(&format!("score.{}", model.name), points_of(scene, model));
    }
    for name in NAMES {
        let value = (name.value)(scene);
        if value != Value::Null || name.path.starts_with("touch.") {
            set(name.path, value);
        }
    }
}

fn points_of(scene: &Scene<'_>, model: &ScoreModel) -> Value {
    let none = crate::lead::ScoreState::default();
    let state = scene.lead.scores.get(&model.name).unwrap_or(&none);
    Value::Int(score::points(model, state, scene.now))
}

/// A value of a well-known field in the type its name promises.
fn typed(field: &str, value: &Value) -> Value {
    match field.strip_prefix("company.") {
        Some(part) if COMPANY_NUMBERS.contains(&part) => value.as_int().map_or(Value::Null, Value::Int),
        Some(part) if COMPANY_TEXTS.contains(&part) => Value::text(value.to_display()),
        None if LEAD_TEXTS.contains(&field) => Value::text(value.to_display()),
        _ => value.clone(),
    }
}

/// The facts as expressions read them.
#[must_use]
pub fn of(scene: &Scene<'_>) -> Facts {
    let mut facts = Facts::new();
    each(scene, &mut |path, value| facts.set(path, &value));
    facts
}

/// The facts as a JSON object of the groups `lead`, `company`, `score` and `touch`: what a decision keeps.
#[must_use]
pub fn json(scene: &Scene<'_>) -> Json {
    let mut root = Json::Object(serde_json::Map::new());
    for group in ["lead", "company", "score", "touch"] {
        root[group] = Json::Object(serde_json::Map::new());
    }
    each(scene, &mut |path, value| put(&mut root, path, value.to_json()));
    root
}

fn put(group: &mut Json, path: &str, value: Json) {
    let Json::Object(fields) = group else { return };
    match path.split_once('.') {
        None => {
            fields.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            let inner = fields.entry(head.to_owned()).or_insert(Json::Null);
            if !inner.is_object() {
                *inner = Json::Object(serde_json::Map::new());
            }
            put(inner, rest, value);
        }
    }
}

/// The facts of a record that is no lead yet: for a source's `keep`. Knows `lead.*` and `company.*` fields and `touch.*`.
#[must_use]
pub fn of_record(fields: &Record, kind: &str, source: &SourceName) -> Facts {
    let mut facts = Facts::new();
    for (name, value) in fields.iter() {
        if name.starts_with("touch.") || name.starts_with("company.") {
            facts.set(name, &typed(name, value));
        } else if name == "company" {
            facts.set("lead.company", value);
            facts.set("company.name", value);
        } else if name.starts_with("consent.") {
            let word = value.as_bool().map_or("unknown", |given| if given { "given" } else { "refused" });
            facts.set(&path_of(name), &word.into());
        } else if !name.starts_with("score.") && !name.starts_with("answer.") {
            facts.set(&path_of(name), &typed(name, value));
        }
    }
    facts.set("touch.kind", &kind.into());
    facts.set("touch.source", &source.as_str().into());
    facts
}

/// The facts of a touch that is no part of a lead's history yet: for the rules that name its channel.
#[must_use]
pub(crate) fn of_touch(touch: &Touch) -> Facts {
    let mut facts = Facts::new();
    facts.set_record("touch", &touch.fields);
    facts.set("touch.kind", &touch.kind.as_str().into());
    facts.set("touch.source", &touch.source.as_str().into());
    facts.set("touch.channel", &touch.channel.as_str().into());
    facts
}
