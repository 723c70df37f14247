//! `leadloop funnel`: how many of a cohort ever reached each step.

mod events;
mod leads;
mod sources;
mod steps;

use std::sync::Arc;

use jiff::tz::TimeZone;
use leadloop_config::plan::Plan;
use leadloop_store::read::funnel::{FunnelBy, FunnelRow, FunnelSpan};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value, json};

use crate::args::{By, Funnel, General, Numbers, Step};
use crate::failure::Failure;
use crate::screen::{Rows, Screen};
use crate::{plan, pools};

/// Prints the funnel.
///
/// # Errors
/// Where config or store cannot be read.
pub async fn run(screen: &mut Screen, general: &General, args: &Funnel) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let zone = &plan.policy.zone;
    let span = FunnelSpan {
        from: args.from.and_then(|day| midnight(day, zone)),
        to: args.to.and_then(|day| midnight(day.tomorrow().ok()?, zone)),
        pools: pools::of(&plan, &args.pools)?,
    };
    let by = match args.by {
        By::Channel => FunnelBy::Channel,
        By::Source => FunnelBy::Source,
        By::Campaign => FunnelBy::Campaign,
        By::Pool => FunnelBy::Pool,
        By::Origin => FunnelBy::Origin,
        By::Owner => FunnelBy::Owner,
        By::Month => FunnelBy::Month(zone.clone()),
        By::Event => return of_events(screen, &plan, args, span).await,
    };
    if let Some(model) = args.attribution {
        return sources::run(screen, &plan, args, (model, &by), span).await;
    }
    if args.step.is_some_and(Step::of_events) {
        return Err(Failure::input("only events have this step", "只有活动有此步骤")
            .help("add `--by event`", "请加 `--by event`"));
    }
    if let Some(line) = &args.leads {
        return leads::run(screen, &plan, args, Some(&by), span, line).await;
    }
    match args.show {
        Numbers::Days => return steps::days(screen, &plan, args.by, &by, span).await,
        Numbers::Tags => return steps::tags(screen, &plan, args.by, &by, span).await,
        Numbers::Counts | Numbers::Rates => {}
    }
    let store = plan::reading(&plan).await?;
    let rows = store.funnel(&by, span).await?;
    store.close().await;
    let total = total(&rows);
    if screen.is_json() {
        let list: Vec<Value> = rows.iter().map(to_json).collect();
        return Ok(screen.json(&json!({
            "by": format!("{:?}", args.by).to_lowercase(),
            "from": args.from.map(|day| day.to_string()),
            "to": args.to.map(|day| day.to_string()),
            "rows": list,
            "total": to_json(&total),
        }))?);
    }
    if rows.is_empty() {
        return Ok(screen.line(screen.words("no leads in this span", "该时段没有线索"))?);
    }
    if args.show == Numbers::Rates {
        return steps::rates(screen, args.by, &rows, &total);
    }
    print(screen, args.by, &rows, &total)
}

/// Events are counted by their touches: they have their own numbers.
async fn of_events(
    screen: &Screen,
    plan: &Arc<Plan>,
    args: &Funnel,
    span: FunnelSpan,
) -> Result<(), Failure> {
    let own = [Step::Reactivated, Step::Accepted, Step::Opportunity, Step::Lost, Step::Resting];
    let odd = args.attribution.is_some() || args.show != Numbers::Counts;
    if odd || args.step.is_some_and(|step| own.contains(&step)) {
        return Err(Failure::input("events are not counted this way", "活动不支持这种统计").help(
            "events have views, registered, attended, people, new, MQL, SQL, won and amount; amounts are divided by channel, source or campaign",
            "活动有浏览、报名、到场、线索、新线索、MQL、SQL、赢单与金额；归因请按渠道、来源或活动代码",
        ));
    }
    match &args.leads {
        Some(line) => leads::run(screen, plan, args, None, span, line).await,
        None => events::run(screen, plan, span).await,
    }
}

/// The beginning of a day on the wall.
fn midnight(day: jiff::civil::Date, zone: &TimeZone) -> Option<Timestamp> {
    day.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp().into())
}

fn total(rows: &[FunnelRow]) -> FunnelRow {
    let mut sum = FunnelRow::default();
    for row in rows {
        sum.captured += row.captured;
        sum.people += row.people;
        sum.mql += row.mql;
        sum.handed_over += row.handed_over;
        sum.accepted += row.accepted;
        sum.opportunity += row.opportunity;
        sum.won += row.won;
        sum.lost += row.lost;
        sum.resting += row.resting;
        sum.cents += row.cents;
        sum.reactivated += row.reactivated;
    }
    sum
}

fn to_json(row: &FunnelRow) -> Value {
    json!({
        "name": row.name, "captured": row.captured, "people": row.people, "mql": row.mql,
        "handed_over": row.handed_over, "accepted": row.accepted, "opportunity": row.opportunity,
        "won": row.won, "lost": row.lost, "resting": row.resting, "amount_cents": row.cents,
        "mql_new": row.mql - row.reactivated, "mql_reactivated": row.reactivated,
    })
}

/// What a line stands for.
fn head(screen: &Screen, by: By) -> &'static str {
    match by {
        By::Channel => screen.words("channel", "渠道"),
        By::Source => screen.words("source", "来源"),
        By::Campaign => screen.words("campaign", "活动"),
        By::Pool => screen.words("pool", "线索池"),
        By::Origin => screen.words("origin", "由来"),
        By::Owner => screen.words("owner", "负责人"),
        By::Month => screen.words("month", "月份"),
        By::Event => screen.words("event", "活动"),
    }
}

fn print(screen: &Screen, by: By, rows: &[FunnelRow], total: &FunnelRow) -> Result<(), Failure> {
    let name = head(screen, by);
    let mut table = Rows::new(&[
        name,
        screen.words("#touches", "#互动"),
        screen.words("#people", "#人"),
        "#MQL",
        screen.words("#reactivated", "#重新激活"),
        screen.words("#SQL", "#SQL 已转出"),
        screen.words("#accepted", "#已接受"),
        screen.words("#opportunity", "#商机"),
        screen.words("#won", "#赢单"),
        screen.words("#lost", "#输单"),
        screen.words("#resting", "#休眠"),
        screen.words("#won/people", "#赢单率"),
        screen.words("#amount", "#金额"),
    ]);
    let none = screen.words("(none)", "（无）");
    let cells = |name: String, row: &FunnelRow| {
        let mut cells = vec![name];
        let steps = [row.captured, row.people, row.mql, row.reactivated, row.handed_over, row.accepted];
        let ends = [row.opportunity, row.won, row.lost, row.resting];
        cells.extend(steps.iter().chain(&ends).map(i64::to_string));
        cells.push(share(row.won, row.people));
        cells.push(money(row.cents));
        cells
    };
    for row in rows {
        let name = if row.name.is_empty() { none.to_owned() } else { row.name.clone() };
        table.push(cells(name, row));
    }
    table.push(cells(screen.words("total", "合计").to_owned(), total));
    Ok(screen.table(&table)?)
}

/// A share in percent with one decimal.
fn share(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return "–".to_owned();
    }
    let tenths = (part * 1_000 + whole / 2) / whole;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Cents as an amount in groups of three digits: `1,234.50`.
pub(crate) fn money(cents: i64) -> String {
    let digits = (cents.unsigned_abs() / 100).to_string();
    let mut grouped = String::from(if cents < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped}.{:02}", cents.unsigned_abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_amounts() {
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(0, 0), "–");
        assert_eq!((money(-5), money(123_456_740)), ("-0.05".to_owned(), "1,234,567.40".to_owned()));
        assert_eq!((money(-99_900), money(0)), ("-999.00".to_owned(), "0.00".to_owned()));
    }

    #[test]
    fn a_span_ends_with_the_day_named_last() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let day = jiff::civil::date(2026, 11, 23);
        let from = midnight(day, &zone).unwrap();
        let to = midnight(day.tomorrow().unwrap(), &zone).unwrap();
        assert_eq!((to - from).as_secs(), 86_400);
        assert_eq!(from.to_string(), "2026-11-22T16:00:00Z");
    }
}
