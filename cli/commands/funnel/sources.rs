//! Won amounts divided among the touches before them, with what each line cost.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use leadloop_config::plan::Plan;
use leadloop_store::Store;
use leadloop_store::read::funnel::{FunnelBy, FunnelSpan, WonLead};
use leadloop_sync_core::attribution::{HALF_LIFE, Model, divide};
use leadloop_sync_core::book::Needs;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value, json};

use super::{head, leads, money, share, steps};
use crate::args::{Attribution, By, Funnel};
use crate::failure::Failure;
use crate::plan;
use crate::screen::{Rows, Screen};

/// Won people read in one go.
const PAGE: u32 = 1_000;

/// What one line is owed.
#[derive(Default)]
struct Owed {
    /// Won people with a touch of this line.
    leads: u64,
    cents: i64,
    cost: Option<i64>,
}

type Lines = BTreeMap<String, Owed>;

/// Prints them.
///
/// # Errors
/// Where the store or the costs cannot be read.
pub async fn run(
    screen: &Screen,
    plan: &Arc<Plan>,
    args: &Funnel,
    (model, by): (Attribution, &FunnelBy),
    span: FunnelSpan,
) -> Result<(), Failure> {
    if !matches!(args.by, By::Channel | By::Source | By::Campaign) {
        return Err(Failure::input(
            "touches have a channel, a source and a campaign; amounts are divided by one of them",
            "互动有渠道、来源和活动代码，金额只能按其中之一归因",
        )
        .help(
            "add `--by channel`, `--by source` or `--by campaign`",
            "请写 `--by channel`、`--by source` 或 `--by campaign`",
        ));
    }
    let model = match model {
        Attribution::First => Model::First,
        Attribution::Last => Model::Last,
        Attribution::Linear => Model::Linear,
        Attribution::TimeDecay => Model::TimeDecay(HALF_LIFE),
        Attribution::PositionBased => Model::PositionBased,
    };
    let costs = match &args.cost {
        Some(file) => costs(file)?,
        None if args.by == By::Campaign => planned(plan),
        None => BTreeMap::new(),
    };
    let (mut lines, mut behind) = (Lines::new(), BTreeMap::new());
    let store = plan::reading(plan).await?;
    let mut after: Option<LeadId> = None;
    loop {
        let page = store.won_touches(by, &span, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.lead);
        for won in page {
            let lead = won.lead;
            for (name, cents) in owe(&mut lines, model, won) {
                if args.leads.as_ref() == Some(&name) {
                    behind.insert(lead, cents);
                }
            }
        }
    }
    if args.leads.is_some() {
        let found = of_ids(&store, &behind, args.limit).await;
        store.close().await;
        return leads::show(screen, plan, args, &found?, &behind).await;
    }
    store.close().await;
    let with_cost = !costs.is_empty();
    for (name, cost) in costs {
        lines.entry(name).or_default().cost = Some(cost);
    }
    // A campaign that cost nothing yet and brought nothing is no line.
    lines.retain(|_, line| line.leads > 0 || line.cost.is_some_and(|cost| cost > 0));
    show(screen, args, &lines, with_cost)
}

/// What marketing wrote into the table of campaigns.
fn planned(plan: &Plan) -> BTreeMap<String, i64> {
    let table = plan.policy.campaign.table.iter();
    table.filter_map(|(code, campaign)| Some((code.clone(), cents(campaign.cost?)))).collect()
}

/// The leads that were owed most, so many.
async fn of_ids(store: &Store, behind: &BTreeMap<LeadId, i64>, limit: u32) -> Result<Vec<Lead>, Failure> {
    let mut ids: Vec<(LeadId, i64)> = behind.iter().map(|(lead, cents)| (*lead, *cents)).collect();
    ids.sort_by_key(|(lead, cents)| (std::cmp::Reverse(*cents), *lead));
    ids.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let needs = Needs { leads: ids.iter().map(|(lead, _)| *lead).collect(), ..Needs::default() };
    let mut book = store.look(&needs).await?;
    Ok(ids.iter().filter_map(|(lead, _)| book.leads.remove(lead)).collect())
}

/// Divides what one person brought. Who has no touch before the win owes it to the first that is known.
fn owe(lines: &mut Lines, model: Model, won: WonLead) -> BTreeMap<String, i64> {
    let touches = if won.touches.is_empty() { vec![won.first] } else { won.touches };
    let times: Vec<Timestamp> = touches.iter().map(|(at, _)| *at).collect();
    let parts = divide(model, &times, won.won_at, won.cents);
    let mut owed: BTreeMap<String, i64> = BTreeMap::new();
    for ((_, name), part) in touches.into_iter().zip(parts) {
        *owed.entry(name).or_default() += part;
    }
    for (name, part) in &owed {
        let line = lines.entry(name.clone()).or_default();
        line.leads += 1;
        line.cents += part;
    }
    owed
}

/// An amount in whole cents.
#[expect(
    clippy::cast_possible_truncation,
    reason = "an amount beyond the range of cents is no amount; the cast saturates"
)]
fn cents(amount: f64) -> i64 {
    (amount * 100.0).round() as i64
}

/// Name → cost in cents.
fn costs(file: &Path) -> Result<BTreeMap<String, i64>, Failure> {
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::input(format!("`{shown}` cannot be read: {error}"), format!("无法读取 `{shown}`：{error}"))
    })?;
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let mut found = BTreeMap::new();
    for (number, row) in reader.deserialize::<BTreeMap<String, String>>().enumerate() {
        let wrong = |why: &str, zh: &str| {
            let place = number + 2;
            Failure::input(format!("`{shown}`, row {place}: {why}"), format!("`{shown}` 第 {place} 行：{zh}"))
                .help("columns: name,cost; a cost like 12000.50", "列：name,cost；费用写成 12000.50")
        };
        let row = row.map_err(|error| wrong(&error.to_string(), "无法解析"))?;
        let (Some(name), Some(cost)) = (row.get("name"), row.get("cost")) else {
            return Err(wrong("`name` or `cost` is missing", "缺少 `name` 或 `cost`"));
        };
        let cost = cost.replace(',', "").trim().parse::<f64>();
        let cost = cost.ok().filter(|cost| cost.is_finite() && *cost >= 0.0);
        let cost = cost.ok_or_else(|| wrong("the cost is no amount", "费用不是有效金额"))?;
        *found.entry(name.trim().to_owned()).or_default() += cents(cost);
    }
    Ok(found)
}

fn show(screen: &Screen, args: &Funnel, lines: &Lines, with_cost: bool) -> Result<(), Failure> {
    let total: i64 = lines.values().map(|line| line.cents).sum();
    if screen.is_json() {
        let line = |(name, line): (&String, &Owed)| {
            json!({
                "name": name, "won_leads": line.leads, "amount_cents": line.cents,
                "cost_cents": line.cost, "return_percent": percent(line),
            })
        };
        let list: Vec<Value> = lines.iter().map(line).collect();
        return Ok(screen.json(&json!({ "rows": list, "total_cents": total }))?);
    }
    if lines.is_empty() {
        return Ok(screen.line(screen.words("nothing was won in this span", "该时段没有赢单"))?);
    }
    let mut heads = vec![
        head(screen, args.by),
        screen.words("#won people touched", "#触达的赢单"),
        screen.words("#amount", "#金额"),
        screen.words("#share", "#占比"),
    ];
    if with_cost {
        heads.extend([screen.words("#cost", "#费用"), screen.words("#return", "#回报率")]);
    }
    let mut table = Rows::new(&heads);
    let cells = |name: String, leads: String, line: &Owed| {
        let mut cells = vec![name, leads, money(line.cents), share(line.cents, total)];
        if with_cost {
            cells.push(line.cost.map_or("–".to_owned(), money));
            cells.push(percent(line).map_or("–".to_owned(), |percent| format!("{percent} %")));
        }
        cells
    };
    let mut sorted: Vec<_> = lines.iter().collect();
    sorted.sort_by_key(|(name, line)| (std::cmp::Reverse(line.cents), (*name).clone()));
    for (name, line) in sorted {
        table.push(cells(steps::named(screen, name), line.leads.to_string(), line));
    }
    let cost = lines.values().filter_map(|line| line.cost).sum();
    let whole = Owed { leads: 0, cents: total, cost: Some(cost) };
    table.push(cells(screen.words("total", "合计").to_owned(), String::new(), &whole));
    Ok(screen.table(&table)?)
}

/// What came back beyond what was spent, in whole percent of it.
fn percent(line: &Owed) -> Option<i64> {
    let cost = line.cost.filter(|cost| *cost > 0)?;
    i64::try_from((i128::from(line.cents) - i128::from(cost)) * 100 / i128::from(cost)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_returns() {
        assert_eq!((cents(12.345), cents(0.1 + 0.2)), (1_235, 30));
        let line = |cents, cost| percent(&Owed { leads: 1, cents, cost });
        assert_eq!(line(30_000, Some(10_000)), Some(200));
        assert_eq!(line(0, Some(10_000)), Some(-100));
        assert_eq!((line(1, Some(0)), line(1, None)), (None, None));
    }
}
