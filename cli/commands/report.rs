//! `leadloop report`: the week in numbers, as the mail says it.

use std::path::Path;

use leadloop_server::report;
use serde_json::json;

use crate::args::{General, Report};
use crate::failure::Failure;
use crate::screen::{Screen, Style};
use crate::{plan, when};

/// Prints the report, or writes it to files.
///
/// # Errors
/// Where config or store cannot be read or a file cannot be written.
pub async fn run(screen: &mut Screen, general: &General, args: &Report) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let monday = match args.week {
        // The week that holds the day.
        Some(day) => report::monday_of(day).checked_add(jiff::Span::new().days(7)).unwrap_or(day),
        None => report::monday_of(when::now().in_zone(&plan.policy.zone).date()),
    };
    let store = plan::reading(&plan).await?;
    let week = report::read(&store, &plan.policy, monday).await;
    store.close().await;
    let (week, language) = (week?, screen.language());
    for (file, content) in [(&args.html, week.html(language)), (&args.csv, week.csv(language))] {
        if let Some(file) = file {
            write(file, &content)?;
        }
    }
    if screen.is_json() {
        let (happened, share) = (week.happened, week.share);
        return Ok(screen.json(&json!({
            "first": week.first.to_string(), "last": week.last.to_string(),
            "new_leads": happened.people, "mql_new": happened.mql_new,
            "mql_reactivated": happened.mql_reactivated, "handed_over": happened.handed_over,
            "accepted": happened.accepted, "opportunity": happened.opportunity, "won": happened.won,
            "lost": happened.lost, "won_cents": happened.cents,
            "crm": {
                "won": share.deals, "won_cents": share.cents, "won_of_leads": share.deals_of_leads,
                "won_cents_of_leads": share.cents_of_leads,
            },
        }))?);
    }
    screen.line(week.text(language).trim_end())?;
    for file in [&args.html, &args.csv].into_iter().flatten() {
        let said = format!("{} {}", screen.words("written:", "已写入："), file.display());
        screen.line(&screen.paint(Style::Good, &said))?;
    }
    Ok(())
}

fn write(file: &Path, content: &str) -> Result<(), Failure> {
    std::fs::write(file, content).map_err(|error| {
        let name = file.display();
        Failure::input(format!("`{name}` cannot be written: {error}"), format!("无法写入 `{name}`：{error}"))
            .code("LL4660")
    })
}
