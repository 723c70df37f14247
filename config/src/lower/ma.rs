//! Marketing automations: links to tell, and sources that push.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_connector_api::manifest::SystemKind;
use leadloop_sync_core::ids::{LinkName, SourceName};
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::policy::MaPolicy;

use super::Context;
use super::get::Get;
use super::limits::{limits, reserve, retry};
use crate::plan::LinkPlan;
use crate::problem::{Problem, Words};
use crate::text::Table;

/// All marketing automations.
pub fn mas(ctx: &mut Context<'_>) -> (Vec<LinkPlan>, BTreeMap<LinkName, MaPolicy>) {
    ctx.unique("ma", "name");
    let (mut plans, mut policies) = (Vec::new(), BTreeMap::new());
    for at in ctx.many("ma") {
        let Some((connector, link)) = ctx.settings_of(&at, SystemKind::Ma) else { continue };
        let Some(manifest) = ctx.registry.get(&connector).map(|connector| connector.manifest()) else {
            continue;
        };
        let reserve = reserve(&at);
        let (limits, concurrent) = limits(ctx, &at, manifest);
        takes(ctx, &at.value);
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
        let kind = SystemKind::Ma;
        plans.push(LinkPlan { name: link.name.clone(), connector, kind, link, limits, concurrent, reserve });
    }
    (plans, policies)
}

/// What an MA sends is taken as a whole; a part of it would have to be told apart first.
fn takes(ctx: &mut Context<'_>, table: &Table) {
    let all = ["leads", "touches", "scores"];
    let Some(at) = table.get("takes") else { return };
    let given = table.texts("takes");
    let whole = all.iter().all(|part| given.iter().any(|given| given == part));
    let known = given.iter().all(|given| all.contains(&given.as_str()));
    if whole || !known {
        return;
    }
    ctx.problems.push(
        Problem::error(
            "LL2009",
            &at.span,
            Words::new(
                "taking only a part of what an MA sends is not built yet",
                "尚未支持只接收 MA 的部分数据",
            ),
            Words::new("not available yet", "尚不可用"),
        )
        .help(
            "take the key out: leads, touches and scores are taken",
            "请删除此键：线索、互动与得分都会接收",
        ),
    );
}
