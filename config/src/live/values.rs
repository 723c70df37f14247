//! Status, answers and roles: their fields are there, and the values written and read are the CRM's own.

use std::collections::BTreeSet;

use leadloop_mapping::Value;
use leadloop_sync_core::describe::{RemoteField, RemoteObject};
use leadloop_sync_core::mirror::Roles;
use leadloop_sync_core::policy::{CrmPolicy, StatusPolicy};

use super::{LiveLink, called, place};
use crate::lower::Context;
use crate::lower::get::Get;
use crate::lower::names::with_names;
use crate::problem::{Problem, Severity, Span, Words};
use crate::text::{At, Table};

/// Most values listed in one message.
const MOST_LISTED: usize = 30;

fn absent(ctx: &mut Context<'_>, at: &At<&str>, described: &RemoteObject) {
    let problem = Problem::error(
        "LL2080",
        &at.span,
        Words::new(
            format!("`{}` is not a field of `{}` in the CRM", at.value, described.name),
            format!("CRM 的 `{}` 没有字段 `{}`", described.name, at.value),
        ),
        Words::new("not there", "不存在"),
    );
    ctx.problems.push(with_names(problem, at.value, described.fields.keys().map(String::as_str)));
}

pub(super) fn status(
    ctx: &mut Context<'_>,
    table: &At<Table>,
    policy: &StatusPolicy,
    roles: Option<&Roles>,
    described: &RemoteObject,
) {
    for key in ["field", "amount", "received"] {
        let Some(at) = table.value.text_at(key) else { continue };
        if !described.fields.contains_key(at.value) {
            absent(ctx, &at, described);
        }
    }
    let Some(field) = described.fields.get(&policy.field) else { return };
    let shown = called(&policy.field, &field.label);
    if !policy.write.is_empty() && !field.schema.writable {
        ctx.problems.push(
            Problem::error(
                "LL2081",
                &place(table, "write"),
                Words::new(format!("we may not write {shown}"), format!("没有权限写入 {shown}")),
                Words::new("not writable there", "不可写"),
            )
            .help(
                "give our user the permission, or leave `write` out: then the CRM alone sets its status",
                "请开放写入权限，或删除 `write`，状态仅由 CRM 维护",
            ),
        );
    }
    let entries = |key: &str| table.value.table(key).map(|table| table.entries.clone()).unwrap_or_default();
    for (_, at) in entries("write") {
        if let Some(value) = at.value.to_value() {
            option(ctx, &at.span, &value.to_display(), &shown, field, Severity::Error);
        }
    }
    let read = entries("read");
    for (key, _) in read.iter().filter(|(key, _)| key.value != "*") {
        option(ctx, &key.span, &key.value, &shown, field, Severity::Warning);
    }
    if !read.iter().any(|(key, _)| key.value == "*") {
        // Of some values the connector knows that a record is open, won or lost: they need no word here.
        let known =
            roles.into_iter().flat_map(|roles| roles.open.iter().chain(&roles.won).chain(&roles.lost));
        let covered: BTreeSet<&str> =
            read.iter().map(|(key, _)| key.value.as_str()).chain(known.map(String::as_str)).collect();
        uncovered(ctx, &place(table, "read"), &shown, field, &covered);
    }
}

pub(super) fn feedback(ctx: &mut Context<'_>, at: &At<Table>, crm: &CrmPolicy, link: &LiveLink) {
    let Some(fields) = &crm.feedback else { return };
    let Some(Ok(described)) = link.objects.get(&fields.object) else { return };
    let Some(table) = at.value.table("feedback").cloned() else { return };
    for key in ["field", "remark", "released"] {
        let Some(named) = table.text_at(key) else { continue };
        if !described.fields.contains_key(named.value) {
            absent(ctx, &named, described);
        }
    }
    let Some(field) = described.fields.get(&fields.field) else { return };
    let shown = called(&fields.field, &field.label);
    let mut covered = BTreeSet::new();
    for tag in ctx.many("feedback") {
        let Some(At { value, span }) =
            tag.value.table("crm").and_then(|values| values.get(crm.link.as_str()))
        else {
            continue;
        };
        let Some(value) = value.to_value() else { continue };
        option(ctx, span, &value.to_display(), &shown, field, Severity::Error);
        covered.insert(value.to_display());
    }
    let covered: BTreeSet<&str> = covered.iter().map(String::as_str).collect();
    let span = table.text_at("field").map_or_else(|| place(at, "feedback"), |at| at.span);
    uncovered(ctx, &span, &shown, field, &covered);
}

/// A value that is none of the field's.
fn option(
    ctx: &mut Context<'_>,
    span: &Span,
    written: &str,
    shown: &str,
    field: &RemoteField,
    severity: Severity,
) {
    let options: Vec<String> = field.schema.options.iter().map(Value::to_display).collect();
    if options.is_empty() || options.iter().any(|option| option == written.trim()) {
        return;
    }
    let listed: Vec<String> =
        options.iter().take(MOST_LISTED).map(|option| labelled(option, field)).collect();
    let list = listed.join(", ");
    let problem = Problem::error(
        "LL2082",
        span,
        Words::new(
            format!("`{written}` is not a value of {shown}"),
            format!("`{written}` 不是 {shown} 的可选值"),
        ),
        Words::new("not one of its values", "不在可选值中"),
    );
    let problem = problem.help(format!("its values: {list}"), format!("可选值：{list}"));
    ctx.problems.push(Problem { severity, ..problem });
}

/// `3 (Accepted)`.
fn labelled(option: &str, field: &RemoteField) -> String {
    match field.choices.get(option).filter(|label| *label != option) {
        Some(label) => format!("{option} ({label})"),
        None => option.to_owned(),
    }
}

/// Values that may come and mean nothing to us.
fn uncovered(ctx: &mut Context<'_>, span: &Span, shown: &str, field: &RemoteField, covered: &BTreeSet<&str>) {
    let options = field.schema.options.iter().map(Value::to_display);
    let left = options.filter(|option| !covered.contains(option.as_str()));
    let left: Vec<String> = left.take(MOST_LISTED).map(|option| labelled(&option, field)).collect();
    if left.is_empty() {
        return;
    }
    let list = left.join(", ");
    ctx.problems.push(
        Problem::warning(
            "LL2089",
            span,
            Words::new(
                format!("values of {shown} that mean nothing yet: {list}"),
                format!("{shown} 尚未定义含义的取值：{list}"),
            ),
            Words::new("not all values are covered", "未覆盖全部取值"),
        )
        .help(
            "say what each means; until then such a value changes nothing",
            "请写明含义；在此之前这些取值不起作用",
        ),
    );
}

/// Fields the mirror reads by their role; a hidden one makes matching blind.
pub(super) fn roles(
    ctx: &mut Context<'_>,
    at: &At<Table>,
    crm: &CrmPolicy,
    roles: &Roles,
    described: &RemoteObject,
) {
    let one = [&roles.name, &roles.company, &roles.credit_code, &roles.website, &roles.account, &roles.owner];
    let more = [&roles.status, &roles.amount, &roles.received, &roles.last_activity, &roles.user_state];
    let one = one.into_iter().chain(more).flatten();
    let named = one.chain(&roles.phones).chain(&roles.emails).chain(roles.converted.values());
    let gone: BTreeSet<&str> =
        named.map(String::as_str).filter(|name| !described.fields.contains_key(*name)).collect();
    if gone.is_empty() {
        return;
    }
    let list = gone.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    ctx.problems.push(
        Problem::warning(
            "LL2080",
            &place(at, "connector"),
            Words::new(
                format!(
                    "the mirror of `{}` reads fields of `{}` that are not there: {list}",
                    crm.link, described.name
                ),
                format!("`{}` 的镜像需要读取 `{}` 的字段，但不存在：{list}", crm.link, described.name),
            ),
            Words::new("people and companies may not be recognised", "可能无法识别人员与公司"),
        )
        .help("give our user the permission to see them", "请为接口用户开放这些字段的可见权限"),
    );
}
