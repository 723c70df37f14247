//! `[[feedback]]`: what each answer of sales leads to, and how it is written in each CRM.

use std::collections::BTreeMap;

use leadloop_connector_api::manifest::Field;
use leadloop_mapping::Value;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::policy::{CrmPolicy, FeedbackRule, NextAction};

use super::Context;
use super::crm::{feedback_field, is_option, not_an_option};
use super::get::Get;
use super::names::{CRM, Names, TRACK};
use crate::problem::{Problem, Span, Words};
use crate::text::{At, Table};

/// Where each value of each CRM's answers was first given to a tag.
type Seen = BTreeMap<(String, String), Span>;

/// What each answer of sales leads to.
pub fn feedback(
    ctx: &mut Context<'_>,
    names: &Names,
    crms: &BTreeMap<LinkName, CrmPolicy>,
) -> BTreeMap<String, FeedbackRule> {
    ctx.unique("feedback", "tag");
    let mut rules = BTreeMap::new();
    let mut seen = BTreeMap::new();
    for at in ctx.many("feedback") {
        let Some(tag) = at.value.text("tag") else { continue };
        let Some(does) = at.value.table("do") else { continue };
        if let Some(track) = does.text_at("track") {
            ctx.defined(TRACK, &track, &names.tracks);
        }
        if does.entries.is_empty() {
            ctx.problems.push(
                Problem::error(
                    "LL2028",
                    &at.span,
                    Words::new(
                        format!("the answer `{tag}` has no next action"),
                        format!("反馈 `{tag}` 没有下一步动作"),
                    ),
                    Words::new("`do` is empty", "`do` 为空"),
                )
                .help("for example `do = { rest = \"30d\" }`", "例如 `do = { rest = \"30d\" }`"),
            );
        }
        let values = values(ctx, &at.value, names, crms, &mut seen);
        let word = |language: &str| {
            at.value.table("label").and_then(|label| label.text(language)).unwrap_or(tag).to_owned()
        };
        let ask = asked(ctx, &at.value);
        let next = NextAction {
            stage: does.text("stage").and_then(Stage::parse),
            rest: does.duration("rest"),
            track: does.text("track").map(str::to_owned),
            close: does.text("close").map(str::to_owned),
            mql_again: does.text("then") == Some("mql_again"),
            same_owner: does.text("to") == Some("same_owner"),
            cool_down_owner: does.flag("cool_down_owner").unwrap_or(false),
            lower_source: does.flag("lower_source").unwrap_or(false),
        };
        rules.insert(
            tag.to_owned(),
            FeedbackRule { tag: tag.to_owned(), label: (word("zh"), word("en")), crm: values, next, ask },
        );
    }
    rules
}

/// The extra questions of a tag: fields of the profile that can be asked for.
fn asked(ctx: &mut Context<'_>, table: &Table) -> Vec<String> {
    for field in table.texts_at("ask") {
        if field.value.contains('.') || field.value.trim().is_empty() {
            ctx.problems.push(
                Problem::error(
                    "LL2142",
                    &field.span,
                    Words::new(
                        format!("`{}` cannot be asked for", field.value),
                        format!("不能询问 `{}`", field.value),
                    ),
                    Words::new("no field of the profile", "不是档案字段"),
                )
                .help("name a field of the profile, such as `competitor`", "请写档案字段，例如 `competitor`"),
            );
        }
    }
    table.texts("ask")
}

/// The values of a tag by CRM: each one of the CRM's options, and no two tags alike.
fn values(
    ctx: &mut Context<'_>,
    table: &Table,
    names: &Names,
    crms: &BTreeMap<LinkName, CrmPolicy>,
    seen: &mut Seen,
) -> BTreeMap<LinkName, Value> {
    let mut values = BTreeMap::new();
    for (crm, at) in table.table("crm").map(|table| table.entries.as_slice()).unwrap_or_default() {
        let name = At { value: crm.value.as_str(), span: crm.span.clone() };
        if !ctx.defined(CRM, &name, &names.crms) {
            continue;
        }
        let Some(value) = at.value.to_value() else { continue };
        let written = value.to_display();
        if let Some(policy) = crms.get(crm.value.as_str()) {
            match (&policy.feedback, field_of(ctx, policy)) {
                (None, _) => ctx.problems.push(answers_nowhere(&crm.span, &crm.value)),
                (Some(_), Some(field)) if !is_option(&written, field) => {
                    ctx.problems.push(not_an_option(&at.span, &written, field));
                }
                _ => {}
            }
        }
        match seen.get(&(crm.value.clone(), written.clone())) {
            Some(first) => ctx.problems.push(same_value(&at.span, first, &written)),
            None => {
                seen.insert((crm.value.clone(), written), at.span.clone());
            }
        }
        values.insert(LinkName(crm.value.clone()), value);
    }
    values
}

/// The field of a CRM in which sales answer.
fn field_of(ctx: &Context<'_>, policy: &CrmPolicy) -> Option<&'static Field> {
    let tables = ctx.sections.get("crm")?;
    let table = tables.iter().find(|at| at.value.text("name") == Some(policy.link.as_str()))?;
    let manifest = ctx.connector_of(&table.value)?.manifest();
    feedback_field(&manifest.object, policy.feedback.as_ref()?)
}

fn answers_nowhere(span: &Span, crm: &str) -> Problem {
    Problem::error(
        "LL2053",
        span,
        Words::new(
            format!("[[crm]] `{crm}` does not say in which field sales answer"),
            format!("[[crm]] `{crm}` 没有写明销售反馈所在的字段"),
        ),
        Words::new("this value is read nowhere", "此值无处读取"),
    )
    .help(
        "add `feedback = { object = \"lead\", field = \"…\" }` to the [[crm]]",
        "请在 [[crm]] 中添加 `feedback = { object = \"lead\", field = \"…\" }`",
    )
}

fn same_value(span: &Span, first: &Span, written: &str) -> Problem {
    Problem::error(
        "LL2053",
        span,
        Words::new(
            format!("two answers have the value `{written}` in this CRM"),
            format!("两个反馈在此 CRM 中的值都是 `{written}`"),
        ),
        Words::new("the second one", "第二处"),
    )
    .also(first, "the first one", "第一处")
    .help("give each answer its own value", "请为每个反馈设置不同的值")
}
