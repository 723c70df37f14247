//! `leadloop undo`: puts back what stood in a CRM before it was written. Shows it first; what it does is for
//! [`leadloop_sync_core::undo`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadloop_config::plan::Plan;
use leadloop_server::orders::Order;
use leadloop_server::undo::{self as orders, SLICE};
use leadloop_store::Store;
use leadloop_store::read::before::{BeforeAsk, WriteRun};
use leadloop_sync_core::feedback::crm_id;
use leadloop_sync_core::ids::{DeliveryId, LinkName};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_sync_core::undo::{self, BeforeImage, Fate, Item};
use serde_json::{Value, json};

use crate::args::{General, Undo};
use crate::failure::Failure;
use crate::orders::Desk;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, question, reveal, when};

/// Images that are read at once.
const PAGE: u32 = 500;
/// Most writes that are taken back at once.
const MOST: usize = 200_000;
/// How far back the list looks.
const LISTED: Micros = Micros::days(30);
/// Most runs that are listed.
const RUNS: u32 = 50;
/// A version of the config is known by so many characters of its name.
const SHORTEST: usize = 6;

/// Lists what can be taken back, shows what taking it back would do, or does it.
///
/// # Errors
/// Where config or store cannot be used, or nothing that was named was written.
pub async fn run(screen: &mut Screen, general: &General, args: &Undo) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let link = args.crm.as_deref().map(|name| super::map::which(&plan, Some(name))).transpose()?;
    let store = plan::reading(&plan).await?;
    if args.run.is_none() && args.since.is_none() && args.until.is_none() {
        let runs = store.write_runs(when::now() - LISTED, RUNS).await?;
        store.close().await;
        return list(screen, &plan, &runs);
    }
    let ask = ask(&store, args, link, &plan).await?;
    let images = images(&store, ask).await?;
    if images.is_empty() {
        store.close().await;
        let name = args.run.clone().unwrap_or_default();
        return Err(Failure::input(
            format!("nothing that was written fits `{name}`"),
            format!("没有符合 `{name}` 的写入"),
        )
        .code("LL4800")
        .help("`leadloop undo` lists what can be taken back", "`leadloop undo` 列出可撤销的写入"));
    }
    let found = planned(&store, &plan, &images).await?;
    store.close().await;
    let leads: BTreeSet<_> = found.items.iter().map(|item| item.lead).collect();
    let privacy =
        reveal::privacy(&plan, args.reveal, "reveal", &leads.into_iter().collect::<Vec<_>>(), "undo").await?;
    let back = || found.items.iter().filter(|item| item.fate == Fate::Back);
    let records: BTreeSet<&RemoteRef> = back().map(|item| &item.remote).collect();
    let written: BTreeSet<&RemoteRef> = back().flat_map(|item| &item.wrote_to).collect();
    if !screen.is_json() {
        print(screen, privacy, &found, usize::try_from(args.limit).unwrap_or(usize::MAX))?;
    }
    let wanted = args.apply && !records.is_empty();
    let ordered = if wanted && (args.yes || sure(screen, records.len())?) {
        Some(carry_out(&plan, &images, &written).await?)
    } else {
        None
    };
    if screen.is_json() {
        return Ok(screen.json(&to_json(privacy, &found, ordered.as_ref()))?);
    }
    end(screen, args, records.len(), ordered.as_ref())
}

fn time(text: &str, plan: &Plan) -> Result<Timestamp, Failure> {
    when::since(text, &plan.policy.zone).ok_or_else(|| {
        Failure::input(format!("`{text}` is neither a time nor a length"), format!("`{text}` 不是时间或时长"))
            .help(
                "write `2026-11-26`, `2026-11-26 08:00` or `3d`",
                "请写 `2026-11-26`、`2026-11-26 08:00` 或 `3d`",
            )
    })
}

/// Which writes are meant.
async fn ask(store: &Store, args: &Undo, link: Option<LinkName>, plan: &Plan) -> Result<BeforeAsk, Failure> {
    let mut ask = BeforeAsk {
        link,
        since: args.since.as_deref().map(|text| time(text, plan)).transpose()?,
        until: args.until.as_deref().map(|text| time(text, plan)).transpose()?,
        limit: PAGE,
        ..BeforeAsk::default()
    };
    let Some(name) = &args.run else { return Ok(ask) };
    if let Ok(delivery) = name.parse::<DeliveryId>() {
        ask.deliveries = vec![delivery];
        return Ok(ask);
    }
    let runs = store.write_runs(Timestamp(0), u32::MAX >> 1).await?;
    let versions: BTreeSet<&String> = runs
        .iter()
        .filter(|run| run.kind == "config" && name.len() >= SHORTEST && run.name.starts_with(name.as_str()))
        .map(|run| &run.name)
        .collect();
    match versions.first() {
        Some(version) if versions.len() == 1 => ask.config = Some((*version).clone()),
        _ => ask.run = Some(name.clone()),
    }
    Ok(ask)
}

async fn images(store: &Store, mut ask: BeforeAsk) -> Result<Vec<BeforeImage>, Failure> {
    let mut images: Vec<BeforeImage> = Vec::new();
    loop {
        let page = store.before_images(&ask).await?;
        let Some(last) = page.last() else { return Ok(images) };
        ask.after = Some((last.at, last.delivery));
        images.extend(page);
        if images.len() > MOST {
            return Err(Failure::input(
                format!("these are more than {MOST} writes"),
                format!("写入超过 {MOST} 条"),
            )
            .code("LL4801")
            .help(
                "name a shorter time with --since and --until, or one CRM",
                "请用 --since、--until 缩短时间，或指定一个 CRM",
            ));
        }
    }
}

/// Writes by record, in slices that hold all writes of a record.
fn slices(images: &[BeforeImage]) -> Vec<Vec<BeforeImage>> {
    let mut by_record: BTreeMap<&RemoteRef, Vec<&BeforeImage>> = BTreeMap::new();
    for image in images {
        by_record.entry(&image.remote).or_default().push(image);
    }
    let mut slices: Vec<Vec<BeforeImage>> = Vec::new();
    for images in by_record.into_values() {
        match slices.last_mut().filter(|slice| slice.len() + images.len() <= SLICE) {
            Some(slice) => slice.extend(images.into_iter().cloned()),
            None => slices.push(images.into_iter().cloned().collect()),
        }
    }
    slices
}

async fn planned(store: &Store, plan: &Plan, images: &[BeforeImage]) -> Result<undo::Plan, Failure> {
    let mut found = undo::Plan::default();
    for slice in slices(images) {
        let mut needs = undo::needs(&slice, &plan.policy);
        let book = store.look(&needs).await?;
        let more = undo::needs_more(&book, &slice);
        let book = if more.remotes.is_empty() {
            book
        } else {
            needs.extend(more);
            store.look(&needs).await?
        };
        let part = undo::plan(&book, &slice, &plan.policy);
        found.items.extend(part.items);
        found.made.extend(part.made);
    }
    Ok(found)
}

fn sure(screen: &Screen, count: usize) -> Result<bool, Failure> {
    if !screen.is_attended() {
        screen.aside(screen.words(
            "nothing was taken back; --yes does it without asking",
            "未撤销任何内容；加 --yes 直接执行",
        ));
        return Ok(false);
    }
    let text = match screen.words("en", "zh") {
        "en" => format!("put {count} records back as shown?"),
        _ => format!("按上述结果恢复 {count} 条记录？"),
    };
    question::confirmed(screen, &text)
}

/// Orders what was written to these records; the name of the run, and how many records it is.
async fn carry_out(
    plan: &Arc<Plan>,
    images: &[BeforeImage],
    written: &BTreeSet<&RemoteRef>,
) -> Result<(String, u64), Failure> {
    let run = name("undo", plan);
    let meant: Vec<BeforeImage> =
        images.iter().filter(|image| written.contains(&image.remote)).cloned().collect();
    let desk = Desk::open(plan).await?;
    let mut ordered = 0;
    for slice in slices(&meant) {
        let deliveries = slice.iter().map(|image| image.delivery).collect();
        let order = orders::Order { deliveries, run: run.clone(), who: reveal::who() };
        match desk.carry_out(Order::Undo(order)).await {
            Ok(done) => ordered += done.changed,
            Err(failure) => {
                desk.close().await?;
                return Err(failure);
            }
        }
    }
    desk.close().await?;
    Ok((run, ordered))
}

/// The name of a command that writes, by which it can be taken back: `repair-20261127-081502`.
pub fn name(kind: &str, plan: &Plan) -> String {
    format!("{kind}-{}", when::now().in_zone(&plan.policy.zone).strftime("%Y%m%d-%H%M%S"))
}

fn list(screen: &mut Screen, plan: &Plan, runs: &[WriteRun]) -> Result<(), Failure> {
    if screen.is_json() {
        let list: Vec<Value> = runs
            .iter()
            .map(|run| {
                json!({
                    "kind": run.kind, "name": run.name, "crm": run.link, "writes": run.writes, "made": run.made,
                    "first": run.first.to_string(), "last": run.last.to_string(),
                })
            })
            .collect();
        return Ok(screen.json(&json!({ "runs": list }))?);
    }
    if runs.is_empty() {
        return Ok(screen.line(
            screen.words("nothing was written to a CRM in the last 30 days", "最近 30 天没有写入 CRM"),
        )?);
    }
    let mut table = Rows::new(&[
        screen.words("run", "批次"),
        screen.words("is", "类型"),
        "CRM",
        screen.words("#writes", "#写入"),
        screen.words("#made", "#新建"),
        screen.words("first", "最早"),
        screen.words("last", "最晚"),
    ]);
    for run in runs {
        let (kind, name) = match run.kind.as_str() {
            "run" => (screen.words("a command", "命令"), run.name.clone()),
            _ => (screen.words("a version of the config", "配置版本"), run.name.chars().take(12).collect()),
        };
        let zone = &plan.policy.zone;
        table.push(vec![
            name,
            kind.to_owned(),
            run.link.to_string(),
            run.writes.to_string(),
            run.made.to_string(),
            when::clock(run.first, zone),
            when::clock(run.last, zone),
        ]);
    }
    screen.table(&table)?;
    let next = screen.words(
        "`leadloop undo RUN` or `leadloop undo --since 2h` shows what would be put back",
        "`leadloop undo 批次` 或 `leadloop undo --since 2h` 显示将恢复的内容",
    );
    Ok(screen.line(&screen.paint(Style::Note, next))?)
}

fn words(fate: Fate) -> (&'static str, &'static str) {
    match fate {
        Fate::Back => ("put back", "恢复"),
        Fate::Changed => ("changed since, left alone", "之后已改动，不动"),
        Fate::There => ("holds it already", "已是原值"),
        Fate::Unknown => ("what stood there is not known, left alone", "原值未知，不动"),
        Fate::Converted => (
            "the record was converted, what it became has no such field",
            "记录已转换，转换后的记录没有此字段",
        ),
        Fate::Gone => ("the record is gone or not ours any more", "记录已不存在或不再关联"),
    }
}

/// The record, with the one that we wrote to where it was converted since.
fn place(item: &Item) -> String {
    let others: Vec<String> = item.wrote_to.iter().filter(|one| **one != item.remote).map(crm_id).collect();
    if others.is_empty() {
        crm_id(&item.remote)
    } else {
        format!("{} → {}", others.join(", "), crm_id(&item.remote))
    }
}

fn print(screen: &Screen, privacy: Privacy, found: &undo::Plan, most: usize) -> Result<(), Failure> {
    let said = |fate: Fate| {
        let (en, zh) = words(fate);
        screen.words(en, zh)
    };
    let mut counts: BTreeMap<Fate, usize> = BTreeMap::new();
    for item in &found.items {
        *counts.entry(item.fate).or_default() += 1;
    }
    for (fate, count) in counts {
        let style = if fate == Fate::Back { Style::Good } else { Style::Note };
        screen.line(&screen.paint(style, &format!("{count}  {}", said(fate))))?;
    }
    if !found.made.is_empty() {
        let text = screen.words(
            "records that were made; they stay, delete them in the CRM where you must:",
            "条为新建的记录，不会删除；如需删除请在 CRM 中操作：",
        );
        screen.line(&screen.paint(Style::Note, &format!("{}  {text}", found.made.len())))?;
        let names: Vec<String> = found.made.iter().take(most).map(|made| crm_id(&made.remote)).collect();
        screen.line(&format!("   {}", names.join(", ")))?;
    }
    if most == 0 || found.items.is_empty() {
        return Ok(());
    }
    screen.line("")?;
    let mut table = Rows::new(&[
        screen.words("record", "记录"),
        screen.words("field", "字段"),
        screen.words("we wrote", "写入值"),
        screen.words("holds now", "当前值"),
        screen.words("put back", "原值"),
        screen.words("what happens", "处理"),
    ]);
    let shown = |item: &Item, value: Option<&leadloop_mapping::Value>| {
        value.map(|value| privacy.foreign(&item.field, value)).unwrap_or_default()
    };
    let mut items: Vec<&Item> = found.items.iter().collect();
    items.sort_by_key(|item| item.fate);
    for item in items.iter().take(most) {
        table.push(vec![
            place(item),
            item.field.clone(),
            shown(item, Some(&item.ours)),
            shown(item, item.now.as_ref()),
            shown(item, item.before.as_ref()),
            said(item.fate).to_owned(),
        ]);
    }
    screen.table(&table)?;
    let left = items.len().saturating_sub(most);
    if left > 0 {
        let text = match screen.words("en", "zh") {
            "en" => format!("{left} more; --limit shows them, --output json all"),
            _ => format!("另有 {left} 项；用 --limit 或 --output json 查看"),
        };
        screen.line(&screen.paint(Style::Note, &text))?;
    }
    Ok(())
}

fn end(screen: &Screen, args: &Undo, records: usize, ordered: Option<&(String, u64)>) -> Result<(), Failure> {
    let en = screen.words("en", "zh") == "en";
    let text = match ordered {
        Some((run, count)) if en => format!(
            "{count} records are read once more and put back by the outbox, within the CRM's limits; this run is `{run}`"
        ),
        Some((run, count)) => format!("{count} 条记录将由待发队列重新读取后恢复；本批次为 `{run}`"),
        None if args.apply => return Ok(()),
        None if records == 0 && en => "nothing is to be put back".to_owned(),
        None if records == 0 => "没有可恢复的内容".to_owned(),
        None if en => format!("{records} records would be put back; nothing was. --apply does it"),
        None => format!("将恢复 {records} 条记录；未执行。加 --apply 执行"),
    };
    Ok(screen.line(&format!("\n{text}"))?)
}

fn to_json(privacy: Privacy, found: &undo::Plan, ordered: Option<&(String, u64)>) -> Value {
    let shown = |item: &Item, value: Option<&leadloop_mapping::Value>| {
        value.map(|value| privacy.foreign(&item.field, value))
    };
    let items: Vec<Value> = found
        .items
        .iter()
        .map(|item| {
            json!({
                "record": crm_id(&item.remote),
                "wrote_to": item.wrote_to.iter().map(crm_id).collect::<Vec<_>>(), "lead": item.lead.to_string(), "field": item.field,
                "ours": shown(item, Some(&item.ours)), "now": shown(item, item.now.as_ref()),
                "before": shown(item, item.before.as_ref()), "fate": item.fate.as_str(),
            })
        })
        .collect();
    let made: Vec<Value> = found
        .made
        .iter()
        .map(|made| json!({ "record": crm_id(&made.remote), "lead": made.lead.to_string(), "at": made.at.to_string() }))
        .collect();
    json!({
        "fields": items, "made": made,
        "run": ordered.map(|(run, _)| run), "ordered": ordered.map(|(_, count)| count),
    })
}
