//! Systems we speak to: CRMs and marketing automations, their limits, retries, roles and status values.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_connector_api::manifest::{Limit, Manifest, SystemKind};
use leadloop_mapping::Value;
use leadloop_sync_core::ids::{LinkName, SourceName};
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::outbox::RetryPolicy;
use leadloop_sync_core::policy::{CrmPolicy, FeedbackFields, MaPolicy, StatusMeaning, StatusPolicy};
use leadloop_sync_core::time::Micros;

use super::Context;
use super::get::Get;
use crate::plan::LinkPlan;
use crate::problem::{Problem, Words};
use crate::text::{At, Table, Tree};

/// Requests under way at once, where the config does not say.
const CONCURRENT: u32 = 8;

/// All CRMs.
pub fn crms(ctx: &mut Context<'_>) -> (Vec<LinkPlan>, BTreeMap<LinkName, CrmPolicy>) {
    ctx.unique("crm", "name");
    let (mut plans, mut policies) = (Vec::new(), BTreeMap::new());
    for at in ctx.many("crm") {
        let Some((connector, link)) = ctx.settings_of(&at, SystemKind::Crm) else { continue };
        let Some(manifest) = ctx.registry.get(&connector).map(|connector| connector.manifest()) else {
            continue;
        };
        let (limits, concurrent) = limits(ctx, &at, manifest);
        let mut policy = crm(ctx, &at, link.name.clone(), manifest);
        policy.mark_unique = manifest.mark_rule(&link.settings).is_some_and(|rule| rule.unique);
        policies.insert(link.name.clone(), policy);
        plans.push(LinkPlan {
            name: link.name.clone(),
            connector,
            kind: SystemKind::Crm,
            link,
            limits,
            concurrent,
        });
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
            let known = manifest.object.iter().map(|object| object.name.as_str());
            ctx.defined(("object of this CRM", "该 CRM 的对象"), &object, known, "see the connector's page");
        }
        let wanted = mirror.texts("objects");
        // Users come first whatever is written: matching needs their state.
        mirrored.retain(|object| wanted.contains(object) || object == "user");
    }
    let mark = at.value.text_at("mark");
    if let Some(mark) = &mark
        && let Some(lead) = manifest.object("lead")
        && !lead.fields.is_empty()
    {
        let fields = lead.fields.iter().map(|field| field.name.as_str());
        ctx.defined(("field of `lead`", "`lead` 的字段"), mark, fields, "leadloop doctor --prepare");
    }
    let default_mark = manifest.object("lead").and_then(|lead| lead.roles.mark.clone());
    let find = manifest.find_by_mark;
    CrmPolicy {
        mapping: BTreeMap::new(),
        status: statuses(ctx, &link, manifest),
        mark: mark.map(|at| at.value.to_owned()).or(default_mark).unwrap_or_else(|| "leadloop_id".to_owned()),
        feedback: feedback_fields(ctx, &at.value, manifest),
        roles: manifest.object.iter().map(|object| (object.name.clone(), object.roles.clone())).collect(),
        mirrored,
        every_busy: mirror.duration("every_busy").unwrap_or(Micros::seconds(60)),
        every_idle: mirror.duration("every_idle").unwrap_or(Micros::minutes(20)),
        look_back: mirror.duration("look_back").unwrap_or(Micros::minutes(5)),
        decide_within: mirror.duration("decide_within").unwrap_or(Micros::minutes(15)),
        retry: retry(ctx, &at.value),
        find_lag: Micros::seconds(i64::from(find.map_or(60, |find| find.lag_secs))),
        find_late: Micros::seconds(i64::from(find.map_or(600, |find| find.late_secs))),
        mark_unique: find.is_some_and(|find| find.unique),
        creates_per_hour: at
            .value
            .table("fuse")
            .and_then(|fuse| fuse.int("creates_per_hour"))
            .and_then(|most| u32::try_from(most).ok()),
        link,
    }
}

fn feedback_fields(ctx: &mut Context<'_>, table: &Table, manifest: &Manifest) -> Option<FeedbackFields> {
    let feedback = table.table("feedback")?;
    let object = feedback.text_at("object")?;
    if !ctx.defined(
        ("object of this CRM", "该 CRM 的对象"),
        &object,
        manifest.object.iter().map(|object| object.name.as_str()),
        "see the connector's page",
    ) {
        return None;
    }
    let fields: Vec<&str> =
        manifest.object(object.value)?.fields.iter().map(|field| field.name.as_str()).collect();
    for key in ["field", "remark", "released"] {
        if let Some(field) = feedback.text_at(key).filter(|_| !fields.is_empty()) {
            ctx.defined(
                ("field of this object", "该对象的字段"),
                &field,
                fields.iter().copied(),
                "see the connector's page",
            );
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
    let mut statuses = Vec::new();
    for at in ctx.many("status") {
        if at.value.text("crm") != Some(link.as_str()) {
            continue;
        }
        let (Some(object), Some(field)) = (at.value.text_at("object"), at.value.text_at("field")) else {
            continue;
        };
        let known = manifest.object.iter().map(|object| object.name.as_str());
        if !ctx.defined(("object of this CRM", "该 CRM 的对象"), &object, known, "see the connector's page")
        {
            continue;
        }
        let described =
            manifest.object(object.value).map(|object| object.fields.as_slice()).unwrap_or_default();
        if !described.is_empty() {
            let fields = described.iter().map(|field| field.name.as_str());
            ctx.defined(("field of this object", "该对象的字段"), &field, fields, "see the connector's page");
        }
        statuses.push(StatusPolicy {
            object: object.value.to_owned(),
            field: field.value.to_owned(),
            write: written(ctx, &at.value),
            read: meanings(ctx, &at.value),
            amount: at.value.text("amount").map(str::to_owned),
        });
    }
    statuses
}

fn written(ctx: &mut Context<'_>, table: &Table) -> BTreeMap<Stage, Value> {
    let mut written = BTreeMap::new();
    for (key, at) in table.table("write").map(|table| table.entries.as_slice()).unwrap_or_default() {
        let name = At { value: key.value.as_str(), span: key.span.clone() };
        let stages = Stage::ALL.iter().map(|stage| stage.as_str());
        if ctx.defined(("stage", "阶段"), &name, stages, "see the words of the reference")
            && let (Some(stage), Some(value)) = (Stage::parse(&key.value), at.value.to_value())
        {
            written.insert(stage, value);
        }
    }
    written
}

fn meanings(ctx: &mut Context<'_>, table: &Table) -> BTreeMap<String, StatusMeaning> {
    let mut meanings = BTreeMap::new();
    for (key, at) in table.table("read").map(|table| table.entries.as_slice()).unwrap_or_default() {
        let Tree::Text(word) = &at.value else { continue };
        let name = At { value: word.as_str(), span: at.span.clone() };
        let known = Stage::ALL.iter().map(|stage| stage.as_str()).chain(["returned"]);
        if ctx.defined(("stage", "阶段"), &name, known, "see the words of the reference") {
            let meaning = Stage::parse(word).map_or(StatusMeaning::Returned, StatusMeaning::Stage);
            meanings.insert(key.value.clone(), meaning);
        }
    }
    meanings
}

/// Windows of a link: the vendor's, and the config's, which may only be tighter.
fn limits(ctx: &mut Context<'_>, at: &At<Table>, manifest: &Manifest) -> (Vec<Limit>, u32) {
    let mut windows = manifest.limit.clone();
    let Some(table) = at.value.table("limits") else { return (windows, CONCURRENT) };
    for (key, per_secs) in [("per_second", 1), ("per_minute", 60), ("per_day", 86_400)] {
        let Some(requests) = table.int(key).and_then(|number| u32::try_from(number).ok()) else { continue };
        let vendor = windows.iter().find(|window| window.per_secs == per_secs).map(|window| window.requests);
        if let Some(most) = vendor.filter(|most| requests > *most)
            && let Some(value) = table.get(key)
        {
            ctx.problems.push(
                Problem::error(
                    "LL2020",
                    &value.span,
                    Words::new(
                        format!("`{key} = {requests}` is above what {} allows: {most}", manifest.title.en),
                        format!("`{key} = {requests}` 高于 {} 允许的 {most}", manifest.title.zh),
                    ),
                    Words::new("too high", "过高"),
                )
                .help(format!("write at most {most}"), format!("最多写 {most}")),
            );
        }
        windows.retain(|window| window.per_secs != per_secs);
        windows.push(Limit { requests: vendor.map_or(requests, |most| most.min(requests)), per_secs });
    }
    let concurrent =
        table.int("concurrent").and_then(|number| u32::try_from(number).ok()).unwrap_or(CONCURRENT);
    (windows, concurrent)
}

fn retry(ctx: &mut Context<'_>, table: &Table) -> RetryPolicy {
    let default = RetryPolicy::default();
    let Some(table) = table.table("retry") else { return default };
    let policy = RetryPolicy {
        first: table.duration("first").unwrap_or(default.first),
        at_most: table.duration("at_most").unwrap_or(default.at_most),
        give_up: table.duration("give_up").unwrap_or(default.give_up),
    };
    if (policy.first > policy.at_most || policy.at_most > policy.give_up)
        && let Some((key, _)) = table.entries.first()
    {
        ctx.problems.push(
            Problem::error(
                "LL2021",
                &key.span,
                Words::new("the waits of `retry` contradict each other", "`retry` 的等待时间自相矛盾"),
                Words::new("first ≤ at_most ≤ give_up must hold", "须满足 first ≤ at_most ≤ give_up"),
            )
            .help(
                "for example `{ first = \"2s\", at_most = \"15m\", give_up = \"72h\" }`",
                "例如 `{ first = \"2s\", at_most = \"15m\", give_up = \"72h\" }`",
            ),
        );
    }
    policy
}

/// All marketing automations: links to tell, and sources that push.
pub fn mas(ctx: &mut Context<'_>) -> (Vec<LinkPlan>, BTreeMap<LinkName, MaPolicy>) {
    ctx.unique("ma", "name");
    let (mut plans, mut policies) = (Vec::new(), BTreeMap::new());
    for at in ctx.many("ma") {
        let Some((connector, link)) = ctx.settings_of(&at, SystemKind::Ma) else { continue };
        let Some(manifest) = ctx.registry.get(&connector).map(|connector| connector.manifest()) else {
            continue;
        };
        let (limits, concurrent) = limits(ctx, &at, manifest);
        let quiet: BTreeSet<Stage> =
            at.value.texts("quiet_while").iter().filter_map(|name| Stage::parse(name)).collect();
        policies.insert(
            link.name.clone(),
            MaPolicy {
                link: link.name.clone(),
                source: SourceName(link.name.0.clone()),
                gives: at.value.texts("gives").into_iter().collect(),
                quiet_while: quiet,
                retry: retry(ctx, &at.value),
            },
        );
        plans.push(LinkPlan {
            name: link.name.clone(),
            connector,
            kind: SystemKind::Ma,
            link,
            limits,
            concurrent,
        });
    }
    (plans, policies)
}
