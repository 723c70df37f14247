//! Won amounts divided among the touches before them, with what each line cost.

use std::collections::BTreeMap;
use std::path::Path;

use leadloop_config::plan::Plan;
use leadloop_store::read::funnel::{FunnelSpan, WonLead};
use leadloop_sync_core::attribution::{HALF_LIFE, Model, divide};
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value, json};

use super::{head, share};
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
    plan: &Plan,
    args: &Funnel,
    model: Attribution,
    span: FunnelSpan,
) -> Result<(), Failure> {
    if !matches!(args.by, By::Channel | By::Source) {
        return Err(Failure::input(
            "touches have a channel and a source; amounts are divided by one of the two",
            "互动只有渠道和来源，金额只能按二者之一归因",
        )
        .help("add `--by channel` or `--by source`", "请写 `--by channel` 或 `--by source`"));
    }
    let model = match model {
        Attribution::First => Model::First,
        Attribution::Last => Model::Last,
        Attribution::Linear => Model::Linear,
        Attribution::TimeDecay => Model::TimeDecay(HALF_LIFE),
        Attribution::PositionBased => Model::PositionBased,
    };
    let costs = args.cost.as_deref().map(costs).transpose()?.unwrap_or_default();
    let mut lines = Lines::new();
    let store = plan::reading(plan).await?;
    let mut after: Option<LeadId> = None;
    loop {
        let page = store.won_touches(args.by == By::Source, &span, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.lead);
        for won in page {
            owe(&mut lines, model, won);
        }
    }
    store.close().await;
    for (name, cost) in costs {
        lines.entry(name).or_default().cost = Some(cost);
    }
    show(screen, args, &lines)
}

/// Divides what one person brought. Who has no touch before the win owes it to the first that is known.
fn owe(lines: &mut Lines, model: Model, won: WonLead) {
    let touches = if won.touches.is_empty() { vec![won.first] } else { won.touches };
    let times: Vec<Timestamp> = touches.iter().map(|(at, _)| *at).collect();
    let parts = divide(model, &times, won.won_at, cents(won.amount));
    let mut owed: BTreeMap<&str, i64> = BTreeMap::new();
    for ((_, name), part) in touches.iter().zip(parts) {
        *owed.entry(name).or_default() += part;
    }
    for (name, part) in owed {
        let line = lines.entry(name.to_owned()).or_default();
        line.leads += 1;
        line.cents += part;
    }
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

fn show(screen: &Screen, args: &Funnel, lines: &Lines) -> Result<(), Failure> {
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
    let with_cost = args.cost.is_some();
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
        table.push(cells(name.clone(), line.leads.to_string(), line));
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

/// Cents as an amount: `1234.50`.
fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_returns() {
        assert_eq!((cents(12.345), cents(0.1 + 0.2)), (1_235, 30));
        assert_eq!((money(-5), money(123_450)), ("-0.05".to_owned(), "1234.50".to_owned()));
        let line = |cents, cost| percent(&Owed { leads: 1, cents, cost });
        assert_eq!(line(30_000, Some(10_000)), Some(200));
        assert_eq!(line(0, Some(10_000)), Some(-100));
        assert_eq!((line(1, Some(0)), line(1, None)), (None, None));
    }
}
