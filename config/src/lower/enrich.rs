//! Registries that are asked for companies: links, and what each fills.

use std::collections::BTreeSet;

use leadloop_connector_api::manifest::SystemKind;
use leadloop_sync_core::facts;
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::policy::EnrichPolicy;
use leadloop_sync_core::time::Micros;

use super::Context;
use super::get::Get;
use super::limits::{limits, reserve, retry};
use super::names::with_names;
use crate::plan::LinkPlan;
use crate::problem::{Problem, Words};
use crate::text::{At, Table};

/// How long a decision waits where the config does not say, and at most.
const WAIT: (Micros, Micros) = (Micros::seconds(30), Micros::hours(1));
/// How long answers are kept where the config does not say: what was found, what was not.
const KEEP: (Micros, Micros) = (Micros::days(90), Micros::days(7));

/// All registries.
pub fn registries(ctx: &mut Context<'_>) -> (Vec<LinkPlan>, Vec<EnrichPolicy>) {
    ctx.unique("enrich", "name");
    let (mut plans, mut policies) = (Vec::new(), Vec::new());
    for at in ctx.many("enrich") {
        let Some((connector, link)) = ctx.settings_of(&at, SystemKind::Enrich) else { continue };
        let Some(manifest) = ctx.registry.get(&connector).map(|connector| connector.manifest()) else {
            continue;
        };
        let reserve = reserve(&at);
        let (limits, concurrent) = limits(ctx, &at, manifest);
        policies.push(EnrichPolicy {
            link: link.name.clone(),
            source: SourceName(link.name.0.clone()),
            fills: fills(ctx, &at.value),
            wait: wait(ctx, &at),
            keep: at.value.duration("keep").unwrap_or(KEEP.0),
            keep_misses: at.value.duration("keep_misses").unwrap_or(KEEP.1),
            retry: retry(ctx, &at.value),
        });
        let kind = SystemKind::Enrich;
        plans.push(LinkPlan { name: link.name.clone(), connector, kind, link, limits, concurrent, reserve });
    }
    (plans, policies)
}

/// The fields it fills: the well-known ones of a company.
fn fills(ctx: &mut Context<'_>, table: &Table) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for field in table.texts_at("fills") {
        if field.value.starts_with("company.") && facts::is_pool_field(field.value) {
            fields.insert(field.value.to_owned());
            continue;
        }
        let known = facts::COMPANY_TEXTS.iter().chain(&facts::COMPANY_NUMBERS);
        let known: Vec<String> = known.map(|name| format!("company.{name}")).collect();
        let said = Problem::error(
            "LL2180",
            &field.span,
            Words::new(
                format!("a registry does not fill `{}`", field.value),
                format!("企业数据不能补全 `{}`", field.value),
            ),
            Words::new("no field of the company", "不是企业字段"),
        );
        ctx.problems.push(with_names(said, field.value, known.iter().map(String::as_str)));
    }
    fields
}

fn wait(ctx: &mut Context<'_>, at: &At<Table>) -> Micros {
    let wait = at.value.duration("wait").unwrap_or(WAIT.0);
    if wait > WAIT.1
        && let Some(written) = at.value.get("wait")
    {
        ctx.problems.push(
            Problem::error(
                "LL2181",
                &written.span,
                Words::new(
                    "every lead of a new company would wait longer than an hour",
                    "新企业的每条线索都将等待一小时以上",
                ),
                Words::new("too long", "过长"),
            )
            .help("at most 1h; 30s is usual", "最长 1h，通常为 30s"),
        );
    }
    wait.min(WAIT.1)
}
