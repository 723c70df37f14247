//! The funnel of each webinar, live stream and fair.

use leadloop_config::plan::Plan;
use leadloop_store::read::activities::ActivityRow;
use leadloop_store::read::funnel::FunnelSpan;
use serde_json::{Value, json};

use super::{money, share};
use crate::failure::Failure;
use crate::screen::{Rows, Screen};
use crate::{plan, when};

/// Prints one line per activity.
///
/// # Errors
/// Where the store cannot be read.
pub async fn run(screen: &Screen, plan: &Plan, span: FunnelSpan) -> Result<(), Failure> {
    let store = plan::reading(plan).await?;
    let rows = store.activities(&plan.policy.campaign.activity, &span).await;
    store.close().await;
    let rows = rows?;
    // A code of the campaigns table is shown by its name there.
    let title = |code: &str| plan.policy.campaign.table.get(code).map(|campaign| campaign.name.clone());
    if screen.is_json() {
        let line = |row: &ActivityRow| {
            json!({
                "name": row.name, "title": title(&row.name), "first": row.first.map(|at| at.to_string()),
                "views": row.views, "registered": row.registered, "attended": row.attended,
                "registered_and_attended": row.came, "people": row.people, "new": row.fresh, "mql": row.mql,
                "handed_over": row.handed_over, "won": row.won, "amount_cents": row.cents,
            })
        };
        return Ok(
            screen.json(&json!({ "by": "event", "rows": rows.iter().map(line).collect::<Vec<Value>>() }))?
        );
    }
    if rows.is_empty() {
        return Ok(screen.line(screen.words("no events in this span", "该时段没有活动"))?);
    }
    let mut table = Rows::new(&[
        screen.words("event", "活动"),
        screen.words("first", "首次互动"),
        screen.words("#views", "#浏览"),
        screen.words("#registered", "#报名"),
        screen.words("#attended", "#到场"),
        screen.words("#came/registered", "#到场率"),
        screen.words("#leads", "#线索"),
        screen.words("#new", "#新线索"),
        "#MQL",
        screen.words("#SQL", "#SQL 已转出"),
        screen.words("#won", "#赢单"),
        screen.words("#amount", "#金额"),
    ]);
    for row in &rows {
        let name = match title(&row.name) {
            Some(title) if title != row.name => format!("{title} ({})", row.name),
            _ => row.name.clone(),
        };
        let mut cells =
            vec![name, row.first.map_or_else(String::new, |at| when::clock(at, &plan.policy.zone))];
        cells.extend([row.views, row.registered, row.attended].iter().map(i64::to_string));
        cells.push(share(row.came, row.registered));
        let ends = [row.people, row.fresh, row.mql, row.handed_over, row.won];
        cells.extend(ends.iter().map(i64::to_string));
        cells.push(money(row.cents));
        table.push(cells);
    }
    Ok(screen.table(&table)?)
}
