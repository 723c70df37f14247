//! CRMs: what is mirrored, which field plays which role, status values and answers, held against the CRM's own fields.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_connector_api::Wants;
use leadloop_connector_api::manifest::{Field, Manifest, Object, SystemKind};
use leadloop_mapping::Value;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::policy::{CrmPolicy, Deleted, FeedbackFields, StatusMeaning, StatusPolicy};
use leadloop_sync_core::time::Micros;

use super::get::Get;
use super::limits::{limits, reserve, retry};
use super::names::{CRM, Names, STAGE};
use super::{Context, mapping};
use crate::plan::LinkPlan;
use crate::problem::{Problem, Span, Words};
use crate::text::{At, Table, Tree};
use crate::units;

/// Everything is read at three in the morning where nothing else is said.
const FULL_CHECK: u16 = 3 * 60;
/// So many deletions an hour forget people where nothing else is said.
const ERASED_AN_HOUR: u32 = 20;

/// All CRMs.
pub fn crms(
    ctx: &mut Context<'_>,
    names: &Names,
    zone: &str,
) -> (Vec<LinkPlan>, BTreeMap<LinkName, CrmPolicy>) {
    ctx.unique("crm", "name");
    for section in ["status", "mapping"] {
        for at in ctx.many(section) {
            if let Some(crm) = at.value.text_at("crm") {
                ctx.defined(CRM, &crm, &names.crms);
            }
        }
    }
    let (mut plans, mut policies) = (Vec::new(), BTreeMap::new());
    for at in ctx.many("crm") {
        let Some((connector, mut link)) = ctx.settings_of(&at, SystemKind::Crm) else { continue };
        let Some(manifest) = ctx.connector_of(&at.value).map(|connector| connector.manifest()) else {
            continue;
        };
        let reserve = reserve(&at);
        let (limits, concurrent) = limits(ctx, &at, manifest);
        let mut policy = crm(ctx, &at, link.name.clone(), manifest);
        policy.mark_unique = manifest.mark_rule(&link.settings).is_some_and(|rule| rule.unique);
        policy.mapping = mapping::mappings(ctx, &policy, manifest, zone);
        policy.described = described(&policy, manifest);
        link.wants = wants(ctx, &at.value, &policy);
        policies.insert(link.name.clone(), policy);
        let kind = SystemKind::Crm;
        plans.push(LinkPlan { name: link.name.clone(), connector, kind, link, limits, concurrent, reserve });
    }
    (plans, policies)
}

fn crm(ctx: &mut Context<'_>, at: &At<Table>, link: LinkName, manifest: &Manifest) -> CrmPolicy {
    let empty = Table::default();
    let mirror = at.value.table("mirror").unwrap_or(&empty);
    let mut mirrored: Vec<String> =
        manifest.object.iter().filter(|object| object.mirrored).map(|object| object.name.clone()).collect();
    if mirror.get("objects").is_some() {
        for object in mirror.texts_at("objects") {
            ctx.object(&object, &manifest.name, &manifest.object);
        }
        let wanted = mirror.texts("objects");
        // Users come first whatever is written: matching needs their state.
        mirrored.retain(|object| wanted.contains(object) || object == "user");
    }
    let mark = at.value.text_at("mark");
    if let (Some(mark), Some(lead)) = (&mark, manifest.object("lead")) {
        ctx.field(mark, lead);
    }
    let default_mark = manifest.object("lead").and_then(|lead| lead.roles.mark.clone());
    let find = manifest.find_by_mark;
    let deleted = match at.value.text("deleted") {
        Some("detach") => Deleted::Detach,
        Some("erase") => Deleted::Erase,
        _ => Deleted::Hold,
    };
    CrmPolicy {
        mapping: BTreeMap::new(),
        status: statuses(ctx, &link, manifest),
        mark: mark.map(|at| at.value.to_owned()).or(default_mark).unwrap_or_else(|| "leadloop_id".to_owned()),
        feedback: feedback_fields(ctx, &at.value, manifest),
        roles: manifest.object.iter().map(|object| (object.name.clone(), object.roles.clone())).collect(),
        mirrored,
        described: Vec::new(),
        every_busy: mirror.duration("every_busy").unwrap_or(Micros::seconds(60)),
        every_idle: mirror.duration("every_idle").unwrap_or(Micros::minutes(20)),
        look_back: mirror.duration("look_back").unwrap_or(Micros::minutes(5)),
        decide_within: mirror.duration("decide_within").unwrap_or(Micros::minutes(15)),
        full_check: full_check(ctx, mirror),
        retry: retry(ctx, &at.value),
        find_lag: Micros::seconds(i64::from(find.map_or(60, |find| find.lag_secs))),
        find_late: Micros::seconds(i64::from(find.map_or(600, |find| find.late_secs))),
        mark_unique: find.is_some_and(|find| find.unique),
        creates_per_hour: fuse(&at.value, "creates_per_hour"),
        owner_changes_per_hour: fuse(&at.value, "owner_changes_per_hour"),
        deletes_per_hour: fuse(&at.value, "deletes_per_hour")
            .or_else(|| (deleted == Deleted::Erase).then_some(ERASED_AN_HOUR)),
        asks_per_hour: fuse(&at.value, "asks_per_hour"),
        deleted,
        link,
    }
}

/// Objects that the config or the mirror has to do with, of a CRM that describes itself.
fn described(crm: &CrmPolicy, manifest: &Manifest) -> Vec<String> {
    let speaks = manifest.speaks.iter().any(|spoken| spoken == "describe");
    let statuses = crm.status.iter().map(|status| &status.object);
    let feedback = crm.feedback.iter().map(|feedback| &feedback.object);
    let named: BTreeSet<&String> =
        crm.mapping.keys().chain(statuses).chain(feedback).chain(&crm.mirrored).collect();
    named.into_iter().filter(|object| speaks && manifest.object(object).is_some()).cloned().collect()
}

fn fuse(crm: &Table, key: &str) -> Option<u32> {
    crm.table("fuse").and_then(|fuse| fuse.int(key)).and_then(|most| u32::try_from(most).ok())
}

/// `daily 03:00`, or `never`.
fn full_check(ctx: &mut Context<'_>, mirror: &Table) -> Option<u16> {
    let Some(at) = mirror.text_at("full_check") else { return Some(FULL_CHECK) };
    match units::daily(at.value) {
        Some(minute) => minute,
        None => {
            let said = Problem::error(
                "LL2230",
                &at.span,
                Words::new(
                    format!("`{}` is no time of the day", at.value),
                    format!("`{}` 不是每天的时间", at.value),
                ),
                Words::new("not a time", "不是时间"),
            );
            ctx.problems
                .push(said.help("write \"daily 03:00\", or \"never\"", "请写 \"daily 03:00\"，或 \"never\""));
            None
        }
    }
}

/// What the config reads and writes there beyond what the manifest names.
fn wants(ctx: &Context<'_>, crm: &Table, policy: &CrmPolicy) -> Wants {
    let mut wants = Wants { mark: crm.text("mark").map(str::to_owned), ..Wants::default() };
    let mut want = |object: &str, field: &str| {
        wants.fields.entry(object.to_owned()).or_default().insert(field.to_owned());
    };
    for at in ctx.many("mapping") {
        if at.value.text("crm") != Some(policy.link.as_str()) {
            continue;
        }
        for table in at.value.tables("fields") {
            for field in table.value.texts("crm") {
                want(at.value.text("object").unwrap_or_default(), &field);
            }
        }
    }
    for status in &policy.status {
        want(&status.object, &status.field);
        for field in status.amount.iter().chain(&status.received) {
            want(&status.object, field);
        }
    }
    if let Some(feedback) = &policy.feedback {
        for field in [Some(&feedback.field), feedback.remark.as_ref(), feedback.released.as_ref()] {
            for field in field.into_iter() {
                want(&feedback.object, field);
            }
        }
    }
    wants
}

fn feedback_fields(ctx: &mut Context<'_>, table: &Table, manifest: &Manifest) -> Option<FeedbackFields> {
    let feedback = table.table("feedback")?;
    let object = feedback.text_at("object")?;
    let described = ctx.object(&object, &manifest.name, &manifest.object)?;
    for key in ["field", "remark", "released"] {
        if let Some(field) = feedback.text_at(key) {
            ctx.field(&field, described);
        }
    }
    Some(FeedbackFields {
        object: object.value.to_owned(),
        field: feedback.text("field")?.to_owned(),
        remark: feedback.text("remark").map(str::to_owned),
        released: feedback.text("released").map(str::to_owned),
    })
}

fn statuses(ctx: &mut Context<'_>, link: &LinkName, manifest: &Manifest) -> Vec<StatusPolicy> {
    let mut statuses: Vec<StatusPolicy> = Vec::new();
    let mut places: BTreeMap<String, Span> = BTreeMap::new();
    for at in ctx.many("status") {
        if at.value.text("crm") != Some(link.as_str()) {
            continue;
        }
        let (Some(object), Some(field)) = (at.value.text_at("object"), at.value.text_at("field")) else {
            continue;
        };
        let Some(described) = ctx.object(&object, &manifest.name, &manifest.object) else { continue };
        let known = ctx.field(&field, described);
        let options = described.fields.iter().find(|known| known.name == field.value);
        for amount in ["amount", "received"].into_iter().filter_map(|key| at.value.text_at(key)) {
            ctx.field(&amount, described);
        }
        if let Some(first) = places.get(object.value) {
            ctx.problems.push(twice(&object, first));
            continue;
        }
        places.insert(object.value.to_owned(), object.span.clone());
        let field_schema = options.filter(|_| known);
        statuses.push(StatusPolicy {
            object: object.value.to_owned(),
            field: field.value.to_owned(),
            write: written(ctx, &at.value, field_schema),
            read: meanings(ctx, &at.value, field_schema),
            amount: at.value.text("amount").map(str::to_owned),
            received: at.value.text("received").map(str::to_owned),
        });
    }
    statuses
}

fn twice(object: &At<&str>, first: &Span) -> Problem {
    Problem::error(
        "LL2015",
        &object.span,
        Words::new(
            format!("the status of `{}` is described twice", object.value),
            format!("`{}` 的状态重复描述", object.value),
        ),
        Words::new("the second one", "第二处"),
    )
    .also(first, "the first one", "第一处")
    .help("one [[status]] for each object of a CRM", "每个 CRM 的每个对象只写一个 [[status]]")
}

/// A value that is none of the field's options.
pub(super) fn not_an_option(span: &Span, written: &str, field: &Field) -> Problem {
    let said = Problem::error(
        "LL2036",
        span,
        Words::new(
            format!("`{written}` is not a value of `{}`", field.name),
            format!("`{written}` 不是 `{}` 的可选值", field.name),
        ),
        Words::new("no such option in the CRM", "CRM 中没有此选项"),
    );
    let options: Vec<String> = options(field).iter().map(Value::to_display).collect();
    super::names::with_names(said, written, options.iter().map(String::as_str))
}

/// The options of a field as values.
pub(super) fn options(field: &Field) -> Vec<Value> {
    let value = |option: &toml::Value| match option {
        toml::Value::String(text) => Value::text(text.as_str()),
        toml::Value::Integer(number) => Value::Int(*number),
        toml::Value::Float(number) => Value::Real(*number),
        toml::Value::Boolean(yes) => Value::Bool(*yes),
        other => Value::text(other.to_string()),
    };
    field.options.iter().map(value).collect()
}

/// Whether a value, as text, is one of a field's options; so is any value where they are not known.
pub(super) fn is_option(written: &str, field: &Field) -> bool {
    field.options.is_empty() || options(field).iter().any(|option| option.to_display() == written.trim())
}

fn written(ctx: &mut Context<'_>, table: &Table, field: Option<&Field>) -> BTreeMap<Stage, Value> {
    let stages = Stage::ALL.iter().map(|stage| stage.as_str().to_owned()).collect();
    let mut written = BTreeMap::new();
    for (key, at) in table.table("write").map(|table| table.entries.as_slice()).unwrap_or_default() {
        let name = At { value: key.value.as_str(), span: key.span.clone() };
        if !ctx.defined(STAGE, &name, &stages) {
            continue;
        }
        let (Some(stage), Some(value)) = (Stage::parse(&key.value), at.value.to_value()) else { continue };
        if let Some(field) = field.filter(|field| !is_option(&value.to_display(), field)) {
            ctx.problems.push(not_an_option(&at.span, &value.to_display(), field));
        }
        written.insert(stage, value);
    }
    written
}

fn meanings(ctx: &mut Context<'_>, table: &Table, field: Option<&Field>) -> BTreeMap<String, StatusMeaning> {
    let known =
        Stage::ALL.iter().map(|stage| stage.as_str()).chain(["returned"]).map(str::to_owned).collect();
    let mut meanings = BTreeMap::new();
    for (key, at) in table.table("read").map(|table| table.entries.as_slice()).unwrap_or_default() {
        if let Some(field) = field.filter(|field| key.value != "*" && !is_option(&key.value, field)) {
            ctx.problems.push(not_an_option(&key.span, &key.value, field));
        }
        let Tree::Text(word) = &at.value else { continue };
        let name = At { value: word.as_str(), span: at.span.clone() };
        if ctx.defined(STAGE, &name, &known) {
            let meaning = Stage::parse(word).map_or(StatusMeaning::Returned, StatusMeaning::Stage);
            meanings.insert(key.value.clone(), meaning);
        }
    }
    meanings
}

/// The field of a CRM in which sales answer, where it is described.
#[must_use]
pub fn feedback_field<'m>(objects: &'m [Object], fields: &FeedbackFields) -> Option<&'m Field> {
    let object = objects.iter().find(|object| object.name == fields.object)?;
    object.fields.iter().find(|field| field.name == fields.field)
}
