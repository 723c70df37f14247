//! Objects and mappings: everything the config names is there, takes what we write, and says what we read.

use std::collections::BTreeMap;

use leadloop_connector_api::manifest::Manifest;
use leadloop_mapping::compile::{MapProblem, MapProblemKind};
use leadloop_mapping::rule::Way;
use leadloop_mapping::schema::{FieldKind, Length};
use leadloop_sync_core::describe::{RemoteField, RemoteObject};
use leadloop_sync_core::policy::CrmPolicy;

use super::{LiveLink, Unsaid, called, place, values};
use crate::lower::Context;
use crate::lower::get::Get;
use crate::lower::mapping::{Line, lines, remote_schema};
use crate::problem::{Problem, Severity, Span, Words};
use crate::text::{At, Table};

pub(super) fn check(
    ctx: &mut Context<'_>,
    at: &At<Table>,
    crm: &CrmPolicy,
    manifest: &Manifest,
    link: &LiveLink,
) {
    let mapped: BTreeMap<String, At<Table>> = of(ctx, "mapping", crm);
    let statuses: BTreeMap<String, At<Table>> = of(ctx, "status", crm);
    for (object, described) in &link.objects {
        let named = mapped.get(object).or_else(|| statuses.get(object));
        let described = match described {
            Err(Unsaid::NoAnswer) => continue,
            Err(Unsaid::Refused(why)) => {
                ctx.problems.push(unseen(at, named, crm, object, why));
                continue;
            }
            Ok(described) => described,
        };
        permissions(ctx, at, mapped.get(object), crm, described);
        if let Some(table) = mapped.get(object) {
            mapping(ctx, table, crm, manifest, described);
        }
        let roles = crm.roles.get(object);
        if let (Some(table), Some(policy)) =
            (statuses.get(object), crm.status.iter().find(|status| status.object == *object))
        {
            values::status(ctx, table, policy, roles, described);
        }
        if let Some(roles) = roles.filter(|_| crm.mirrored.contains(object)) {
            values::roles(ctx, at, crm, roles, described);
        }
    }
    values::feedback(ctx, at, crm, link);
}

/// The tables of a section that are about this CRM, by object.
fn of(ctx: &Context<'_>, section: &str, crm: &CrmPolicy) -> BTreeMap<String, At<Table>> {
    let tables = ctx.many(section).into_iter();
    let tables = tables.filter(|at| at.value.text("crm") == Some(crm.link.as_str()));
    tables.filter_map(|at| Some((at.value.text("object")?.to_owned(), at))).collect()
}

fn unseen(at: &At<Table>, named: Option<&At<Table>>, crm: &CrmPolicy, object: &str, why: &str) -> Problem {
    let span = named.map_or_else(|| place(at, "name"), |table| place(table, "object"));
    let message = super::quoted(
        &format!("`{}` does not show us its `{object}`", crm.link),
        &format!("`{}` 不允许我们查看 `{object}`", crm.link),
        why,
    );
    let problem = Problem::error("LL2088", &span, message, Words::new("not to be seen", "不可见")).help(
        "give our user the permission to read it, or take the object out of the config",
        "请为接口用户开放读取权限，或从配置中移除此对象",
    );
    if named.is_some() { problem } else { Problem { severity: Severity::Warning, ..problem } }
}

/// May we make and change what we make and change?
fn permissions(
    ctx: &mut Context<'_>,
    at: &At<Table>,
    mapped: Option<&At<Table>>,
    crm: &CrmPolicy,
    described: &RemoteObject,
) {
    let writes = mapped.is_some() || described.name == "lead";
    if !writes || (described.creatable && described.updatable) {
        return;
    }
    let span = mapped.map_or_else(|| place(at, "name"), |table| place(table, "object"));
    let (en, zh) = if described.creatable { ("change", "修改") } else { ("make", "新建") };
    ctx.problems.push(
        Problem::error(
            "LL2088",
            &span,
            Words::new(
                format!("we may not {en} a `{}` in `{}`", described.name, crm.link),
                format!("没有权限在 `{}` 中{zh} `{}`", crm.link, described.name),
            ),
            Words::new("permission is missing", "缺少权限"),
        )
        .help("give our user the permission in the CRM", "请在 CRM 中为接口用户开放权限"),
    );
}

fn mapping(
    ctx: &mut Context<'_>,
    table: &At<Table>,
    crm: &CrmPolicy,
    manifest: &Manifest,
    described: &RemoteObject,
) {
    let Some(object) = manifest.object(&described.name) else { return };
    let (lines, problems) = lines(ctx, table, object, crm, &described.schema());
    ctx.problems.extend(problems.into_iter().filter_map(|(problem, span)| told(problem, &span, described)));
    let known = remote_schema(object);
    for Line { rule, span } in lines.iter().filter(|line| line.rule.way != Way::ToPool) {
        for name in rule.crm.list() {
            let Some(field) = described.fields.get(name) else { continue };
            let shown = called(name, &field.label);
            if field.create_only && !rule.once && rule.fixed.is_none() {
                ctx.problems.push(once_only(span, &shown));
            }
            let cuts = [rule.max, known.get(name).and_then(|field| field.max)].into_iter().flatten();
            let cuts = cuts.map(|length| length.most).min();
            let free = rule.choose.is_empty() && rule.fixed.is_none();
            if let Some(most) = too_long(field, cuts).filter(|_| free) {
                ctx.problems.push(longer(span, &shown, most.most));
            }
        }
    }
}

fn once_only(span: &Span, field: &str) -> Problem {
    Problem::warning(
        "LL2081",
        span,
        Words::new(
            format!("{field} can be set when a record is made, and never again"),
            format!("{field} 只能在新建时写入"),
        ),
        Words::new("later changes are refused", "之后的修改会被拒绝"),
    )
    .help("add `once = true`", "请添加 `once = true`")
}

/// The most a text field takes, where we would send more.
fn too_long(field: &RemoteField, cuts: Option<usize>) -> Option<Length> {
    let most = field.schema.max.filter(|_| matches!(field.schema.kind, FieldKind::Text | FieldKind::Any))?;
    cuts.is_none_or(|cuts| cuts > most.most).then_some(most)
}

fn longer(span: &Span, field: &str, most: usize) -> Problem {
    Problem::warning(
        "LL2083",
        span,
        Words::new(
            format!("{field} takes {most} characters; longer texts would be refused"),
            format!("{field} 最多 {most} 个字符，更长的文本会被拒绝"),
        ),
        Words::new("may be longer", "可能超长"),
    )
    .help(
        format!("add `max = {most}`: the rest stays in the pool"),
        format!("请添加 `max = {most}`，全文保留在线索池中"),
    )
}

/// What compiling against the living fields found. What no field can change was said without them.
fn told(problem: MapProblem, span: &Span, described: &RemoteObject) -> Option<Problem> {
    let (code, label) = match problem.kind {
        MapProblemKind::UnknownCrmField => ("LL2080", Words::new("not there", "不存在")),
        MapProblemKind::ReadOnly => ("LL2081", Words::new("not writable there", "不可写")),
        MapProblemKind::NotAnOption | MapProblemKind::NotCovered => {
            ("LL2082", Words::new("not one of its values", "不在可选值中"))
        }
        MapProblemKind::WrongType | MapProblemKind::TooLong | MapProblemKind::Step => {
            ("LL2083", Words::new("does not fit there", "不匹配"))
        }
        MapProblemKind::RequiredUnmapped => ("LL2084", Words::new("in this mapping", "此映射")),
        _ => return None,
    };
    let mut message = Words::new(problem.message.en.clone(), problem.message.zh.clone());
    if let Some(field) = described.fields.get(&problem.name).filter(|field| !field.label.is_empty()) {
        message = Words::new(
            format!("{} ({})", message.en, field.label),
            format!("{}（{}）", message.zh, field.label),
        );
    }
    let said = Problem::error(code, span, message, label);
    Some(match (&problem.help, &problem.suggestion) {
        (Some(help), _) => said.help(help.en.clone(), help.zh.clone()),
        (None, Some(name)) => said.help(format!("write `{name}`"), format!("请写 `{name}`")),
        (None, None) if problem.kind == MapProblemKind::UnknownCrmField => said.help(
            "make the field in the CRM, give our user the permission to see it, or mend its name",
            "请在 CRM 中创建该字段、开放可见权限，或修正字段名",
        ),
        (None, None) => {
            said.help("mend the rule, or the field in the CRM", "请修改规则，或修改 CRM 中的字段")
        }
    })
}
