//! `leadloop conflicts`: fields that pool and CRM both changed, and whose rule asks a person.

use leadloop_mapping::Value as FieldValue;
use leadloop_server::fields::{Right, Settled};
use leadloop_server::orders::Order;
use leadloop_sync_core::effect::RemoteLink;
use leadloop_sync_core::feedback::crm_id;
use serde_json::{Value, json};

use crate::args::General;
use crate::args::conflicts::{Conflicts, Meant};
use crate::failure::Failure;
use crate::orders::Desk;
use crate::screen::{Rows, Screen};
use crate::{plan, reveal, when};

/// Most records that are settled at once.
const MOST: u32 = 10_000;

/// Lists, or settles.
///
/// # Errors
/// Where config or store cannot be used, or nothing that was named waits.
pub async fn run(screen: &mut Screen, general: &General, command: Conflicts) -> Result<(), Failure> {
    match command {
        Conflicts::List { limit, reveal } => list(screen, general, limit, reveal).await,
        Conflicts::Release { crm } => release(screen, general, crm.as_deref()).await,
        Conflicts::TakeCrm(meant) => settle(screen, general, &meant, Right::Crm).await,
        Conflicts::TakePool(meant) => settle(screen, general, &meant, Right::Pool).await,
    }
}

async fn list(screen: &mut Screen, general: &General, limit: u32, reveal: bool) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let store = plan::reading(&plan).await?;
    let links = store.conflicts(limit).await?;
    let held = store.withheld(None, MOST).await?.len();
    store.close().await;
    let leads: Vec<_> = links.iter().map(|link| link.lead).collect();
    let privacy = reveal::privacy(&plan, reveal, "reveal", &leads, "conflicts list").await?;
    let zone = &plan.policy.zone;
    let waiting =
        links.iter().flat_map(|link| link.in_step.asks.iter().map(move |(field, ask)| (link, field, ask)));
    let shown = |field: &str, text: &str| privacy.foreign(field, &FieldValue::text(text));
    if screen.is_json() {
        let list: Vec<Value> = waiting
            .map(|(link, field, ask)| {
                json!({
                    "record": crm_id(&link.remote), "lead": link.lead.to_string(), "field": field,
                    "pool": shown(field, &ask.ours), "crm": shown(field, &ask.theirs), "since": ask.at.to_string(),
                })
            })
            .collect();
        return Ok(screen.json(&json!({ "conflicts": list, "records_held": held }))?);
    }
    let mut table = Rows::new(&[
        screen.words("record", "记录"),
        screen.words("field", "字段"),
        screen.words("pool", "线索池"),
        screen.words("CRM", "CRM"),
        screen.words("since", "起始"),
    ]);
    for (link, field, ask) in waiting {
        let (pool, crm) = (shown(field, &ask.ours), shown(field, &ask.theirs));
        table.push(vec![crm_id(&link.remote), field.clone(), pool, crm, when::clock(ask.at, zone)]);
    }
    if held > 0 {
        let said = screen.words(
            "{n} records with further conflicts are held by the fuse; `leadloop conflicts release` lists them here (LL4822)",
            "另有 {n} 条记录的冲突被保险丝暂留；`leadloop conflicts release` 将其列入此处（LL4822）",
        );
        screen.line(&said.replace("{n}", &held.to_string()))?;
    }
    if table.is_empty() && held > 0 {
        return Ok(());
    }
    if table.is_empty() {
        return Ok(screen.line(screen.words("pool and CRM agree", "线索池与 CRM 没有待裁定的冲突"))?);
    }
    screen.table(&table)?;
    let next = screen.words(
        "`leadloop conflicts take-crm RECORD FIELD` or `take-pool` settles one",
        "用 `leadloop conflicts take-crm 记录 字段` 或 `take-pool` 裁定",
    );
    Ok(screen.line(next)?)
}

async fn release(screen: &mut Screen, general: &General, crm: Option<&str>) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let link = crm.map(|name| super::map::which(&plan, Some(name))).transpose()?;
    let desk = Desk::open(&plan).await?;
    let done = desk.carry_out(Order::Release { link }).await;
    desk.close().await?;
    let changed = done?.changed;
    if screen.is_json() {
        return Ok(screen.json(&json!({ "released": changed }))?);
    }
    let said = screen.words("{n} records were put into the list", "已将 {n} 条记录列入待裁定");
    Ok(screen.line(&said.replace("{n}", &changed.to_string()))?)
}

async fn settle(screen: &mut Screen, general: &General, meant: &Meant, right: Right) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let store = plan::reading(&plan).await?;
    let links = store.conflicts(MOST).await?;
    store.close().await;
    let answers: Vec<Settled> = links.iter().flat_map(|link| answers(link, meant, right)).collect();
    if answers.is_empty() && !meant.all {
        let record = meant.record.as_deref().unwrap_or_default();
        let field = meant.field.as_deref().unwrap_or_default();
        let what = format!("{record} {field}");
        let what = what.trim();
        return Err(Failure::input(
            format!("no conflict waits for `{what}`"),
            format!("`{what}` 没有待裁定的冲突"),
        )
        .code("LL4650")
        .help(
            "copy record and field from `leadloop conflicts list`",
            "请从 `leadloop conflicts list` 复制",
        ));
    }
    let count = answers.len();
    let desk = Desk::open(&plan).await?;
    let done =
        if answers.is_empty() { Ok(()) } else { desk.carry_out(Order::Settle { answers }).await.map(|_| ()) };
    desk.close().await?;
    done?;
    if screen.is_json() {
        return Ok(screen.json(&json!({ "settled": count }))?);
    }
    let text = match count {
        0 => screen.words("no conflict waits", "没有待裁定的冲突").to_owned(),
        count => format!("{} {count}", screen.words("settled:", "已裁定：")),
    };
    Ok(screen.line(&text)?)
}

fn answers(link: &RemoteLink, meant: &Meant, right: Right) -> Vec<Settled> {
    let record = meant.record.as_deref().is_none_or(|record| record == crm_id(&link.remote));
    let fields =
        link.in_step.asks.keys().filter(|field| meant.field.as_ref().is_none_or(|wanted| wanted == *field));
    let settled = |field: &String| Settled { remote: link.remote.clone(), field: field.clone(), right };
    if record { fields.map(settled).collect() } else { Vec::new() }
}
