//! The field that carries our mark: the proof of exactly once. It is there, writable, long enough, and as unique as the
//! config takes for granted.

use leadloop_connector_api::manifest::Manifest;
use leadloop_sync_core::describe::RemoteField;
use leadloop_sync_core::policy::{CrmPolicy, Policy};

use super::{LiveLink, called, marked, place};
use crate::lower::Context;
use crate::problem::{Problem, Span, Words};
use crate::text::{At, Table};

/// Most characters of a mark: an id with what stands before it.
const MARK_LENGTH: usize = 40;

pub(super) fn check(
    ctx: &mut Context<'_>,
    at: &At<Table>,
    policy: &Policy,
    crm: &CrmPolicy,
    manifest: &Manifest,
    link: &LiveLink,
) {
    let span = place(at, "mark");
    for (object, field) in marked(policy, crm, manifest) {
        let Some(Ok(described)) = link.objects.get(&object) else { continue };
        let Some(found) = described.fields.get(&field) else {
            ctx.problems.push(missing(&span, crm, manifest, &object, &field));
            continue;
        };
        let shown = called(&field, &found.label);
        if let Some((en, zh)) = unfit(found) {
            ctx.problems.push(bad(&span, &object, &shown, en, zh));
        } else if crm.mark_unique && object == "lead" && !(found.unique || found.external_id) {
            ctx.problems.push(not_unique(&span, &object, &shown));
        }
    }
}

fn missing(span: &Span, crm: &CrmPolicy, manifest: &Manifest, object: &str, field: &str) -> Problem {
    let problem = Problem::error(
        "LL2085",
        span,
        Words::new(
            format!("`{object}` of `{}` has no field `{field}` for our mark", crm.link),
            format!("`{}` 的 `{object}` 没有存放标记的字段 `{field}`", crm.link),
        ),
        Words::new("without it a hand-over could be doubled", "缺少它则无法保证只转出一次"),
    );
    if manifest.speaks.iter().any(|operation| operation == "prepare") {
        return problem
            .help("`leadloop doctor --prepare` makes it", "运行 `leadloop doctor --prepare` 可自动创建");
    }
    problem.help(
        format!(
            "make it in the CRM's settings: a text of {MARK_LENGTH} characters or more, unique if the CRM can, visible and writable for our user"
        ),
        format!("请在 CRM 后台创建：文本，至少 {MARK_LENGTH} 个字符，尽量设为唯一，并对接口用户可见可写"),
    )
}

/// Why a field cannot carry a mark.
fn unfit(field: &RemoteField) -> Option<(&'static str, &'static str)> {
    if !field.schema.writable {
        return Some(("we may not write it", "没有写入权限"));
    }
    if field.schema.max.is_some_and(|max| max.most < MARK_LENGTH) {
        return Some(("it is too short for a mark", "长度不足"));
    }
    (!field.schema.options.is_empty()).then_some(("it takes only certain values", "只接受固定取值"))
}

fn bad(span: &Span, object: &str, field: &str, en: &str, zh: &str) -> Problem {
    Problem::error(
        "LL2085",
        span,
        Words::new(
            format!("{field} of `{object}` cannot hold our mark: {en}"),
            format!("`{object}` 的 {field} 无法存放标记：{zh}"),
        ),
        Words::new("the mark does not fit", "标记无法写入"),
    )
    .help(
        format!("it needs to be a writable text of {MARK_LENGTH} characters or more"),
        format!("须为可写文本，至少 {MARK_LENGTH} 个字符"),
    )
}

fn not_unique(span: &Span, object: &str, field: &str) -> Problem {
    Problem::error(
        "LL2086",
        span,
        Words::new(
            format!("{field} of `{object}` is not unique, but this config counts on it"),
            format!("`{object}` 的 {field} 不唯一，而此配置依赖其唯一性"),
        ),
        Words::new("a repeated create would make a double", "重复创建会产生重复记录"),
    )
    .help(
        "make the field unique in the CRM (`leadloop doctor --prepare` where it can), or set the connector's mark mode to plain",
        "请在 CRM 中将其设为唯一（可用时运行 `leadloop doctor --prepare`），或把连接器的标记模式改为 plain",
    )
}
