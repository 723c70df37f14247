//! The funnel in rates, in days, and by what sales answered.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_config::plan::Plan;
use leadloop_store::read::funnel::{FunnelBy, FunnelRow, FunnelSpan};
use leadloop_sync_core::because::{Language, word};
use serde_json::{Map, Value, json};

use super::{head, share};
use crate::args::By;
use crate::failure::Failure;
use crate::plan;
use crate::screen::{Rows, Screen};

/// Rates from each step to the next.
///
/// # Errors
/// Where nothing can be printed.
pub fn rates(screen: &Screen, by: By, rows: &[FunnelRow], total: &FunnelRow) -> Result<(), Failure> {
    let mut table = Rows::new(&[
        head(screen, by),
        screen.words("#people", "#人"),
        screen.words("#MQL/people", "#MQL/人"),
        screen.words("#SQL/MQL", "#SQL/MQL"),
        screen.words("#accepted/SQL", "#接受/SQL"),
        screen.words("#opportunity/accepted", "#商机/接受"),
        screen.words("#won/opportunity", "#赢单/商机"),
    ]);
    let total = FunnelRow { name: screen.words("total", "合计").to_owned(), ..total.clone() };
    for row in rows.iter().chain([&total]) {
        table.push(vec![
            named(screen, &row.name),
            row.people.to_string(),
            share(row.mql, row.people),
            share(row.handed_over, row.mql),
            share(row.accepted, row.handed_over),
            share(row.opportunity, row.accepted),
            share(row.won, row.opportunity),
        ]);
    }
    Ok(screen.table(&table)?)
}

/// A name, or that there is none.
pub fn named(screen: &Screen, name: &str) -> String {
    if name.is_empty() { screen.words("(none)", "（无）").to_owned() } else { name.to_owned() }
}

/// Days of each step on average.
///
/// # Errors
/// Where the store cannot be read.
pub async fn days(
    screen: &Screen,
    plan: &Plan,
    by: By,
    of: &FunnelBy,
    span: FunnelSpan,
) -> Result<(), Failure> {
    let store = plan::reading(plan).await?;
    let rows = store.funnel_days(of, span).await;
    store.close().await;
    let rows = rows?;
    if screen.is_json() {
        let names = ["to_mql", "to_sales", "to_accepted", "to_opportunity", "to_won"];
        let line = |name: &str, days: [Option<f64>; 5]| {
            let mut line: Map<String, Value> = Map::new();
            line.insert("name".to_owned(), json!(name));
            line.extend(names.iter().zip(days).map(|(name, days)| ((*name).to_owned(), json!(days))));
            Value::Object(line)
        };
        let list: Vec<Value> = rows.iter().map(|row| line(&row.name, row.days)).collect();
        return Ok(screen.json(&json!({ "days": list }))?);
    }
    let mut table = Rows::new(&[
        head(screen, by),
        screen.words("#to MQL", "#至 MQL"),
        screen.words("#to SQL", "#至 SQL"),
        screen.words("#to acceptance", "#至接受"),
        screen.words("#to opportunity", "#至商机"),
        screen.words("#to win", "#至赢单"),
    ]);
    for row in &rows {
        let mut cells = vec![named(screen, &row.name)];
        cells.extend(row.days.iter().map(|days| days.map_or("–".to_owned(), |days| format!("{days:.1}"))));
        table.push(cells);
    }
    Ok(screen.table(&table)?)
}

/// What sales answered how often.
///
/// # Errors
/// Where the store cannot be read.
pub async fn tags(
    screen: &Screen,
    plan: &Plan,
    by: By,
    of: &FunnelBy,
    span: FunnelSpan,
) -> Result<(), Failure> {
    let store = plan::reading(plan).await?;
    let rows = store.funnel_tags(of, span).await;
    store.close().await;
    let rows = rows?;
    if screen.is_json() {
        let line =
            |(name, tag, count): &(String, String, i64)| json!({ "name": name, "tag": tag, "count": count });
        return Ok(screen.json(&json!({ "tags": rows.iter().map(line).collect::<Vec<_>>() }))?);
    }
    let language = screen.language();
    let label = |tag: &str| match (plan.policy.feedback.get(tag), language) {
        (Some(rule), Language::Zh) => rule.label.0.clone(),
        (Some(rule), Language::En) => rule.label.1.clone(),
        (None, _) => word(tag, language).to_owned(),
    };
    let seen: BTreeSet<&str> = rows.iter().map(|(_, tag, _)| tag.as_str()).collect();
    let mut by_name: BTreeMap<&str, BTreeMap<&str, i64>> = BTreeMap::new();
    for (name, tag, count) in &rows {
        by_name.entry(name).or_default().insert(tag, *count);
    }
    let labels: Vec<String> = seen.iter().map(|tag| format!("#{}", label(tag))).collect();
    let heads: Vec<&str> =
        std::iter::once(head(screen, by)).chain(labels.iter().map(String::as_str)).collect();
    let mut table = Rows::new(&heads);
    for (name, counts) in by_name {
        let mut cells = vec![named(screen, name)];
        cells.extend(seen.iter().map(|tag| counts.get(tag).map_or("–".to_owned(), i64::to_string)));
        table.push(cells);
    }
    Ok(screen.table(&table)?)
}
