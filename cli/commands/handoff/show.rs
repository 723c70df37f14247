//! `leadloop handoff show`: where one hand-over stands, its four clocks, and which of them was the slowest.

use leadloop_sync_core::handoff::Handoff;
use serde_json::json;

use super::{find, list};
use crate::args::General;
use crate::failure::Failure;
use crate::screen::{Rows, Screen};
use crate::{plan, reveal, when, words};
use leadloop_sync_core::book::Needs;

/// Prints it.
///
/// # Errors
/// Where config or store cannot be read, or there is no such hand-over.
pub async fn run(screen: &mut Screen, general: &General, id: &str, open: bool) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let store = plan::reading(&plan).await?;
    let handoff = find(&store, id).await?;
    let mut needs = Needs::default();
    needs.handoffs.insert(handoff.id);
    let book = store.look(&needs).await?;
    store.close().await;
    let lead = book.resolve(handoff.lead).cloned();
    let ids: Vec<_> = lead.iter().map(|lead| lead.id).collect();
    let privacy = reveal::privacy(&plan, open, "reveal", &ids, "handoff show").await?;
    let (zone, language) = (&plan.policy.zone, screen.language());
    let slowest = handoff.clocks.slowest();
    if screen.is_json() {
        let mut shown = lead.map_or(json!({}), |lead| list::to_json(&(handoff.clone(), lead), privacy));
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("clocks".to_owned(), json!(handoff.clocks));
            shown.insert(
                "slowest".to_owned(),
                json!(slowest.map(|(name, length)| json!({ "clock": name, "seconds": length.as_secs() }))),
            );
            shown.insert("parked".to_owned(), json!(handoff.parked));
            shown.insert("remark".to_owned(), json!(handoff.remark.as_ref().filter(|_| privacy.is_open())));
        }
        return Ok(screen.json(&shown)?);
    }
    screen.head(&handoff.id.to_string())?;
    let mut rows = Rows::new(&["", ""]).indent(2);
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            rows.push(vec![name.to_owned(), value]);
        }
    };
    add(screen.words("state", "状态"), words::handoff(handoff.state, language).to_owned());
    add(screen.words("owner", "负责人"), list::who(&handoff));
    if let Some(lead) = &lead {
        add(screen.words("company", "公司"), lead.text("company").unwrap_or_default().to_owned());
        add(screen.words("name", "姓名"), privacy.text("name", lead.text("name").unwrap_or_default()));
        add(screen.words("phone", "电话"), privacy.text("phone", lead.text("phone").unwrap_or_default()));
    }
    add(screen.words("rule", "规则"), handoff.rule.clone().unwrap_or_default());
    add(screen.words("due", "截止"), handoff.due.map_or(String::new(), |due| when::clock(due, zone)));
    add(screen.words("answer", "反馈"), handoff.feedback.clone().unwrap_or_default());
    if let Some((code, detail)) = &handoff.parked {
        add(screen.words("waits for a person", "待人工处理"), format!("{code} {detail}"));
    }
    screen.table(&rows)?;
    screen.head(screen.words("Clocks", "时钟"))?;
    screen.table(&clocks(screen, &handoff, zone))?;
    if let Some((name, length)) = slowest {
        let said = screen.words("slowest: {name}, {length}", "最慢：{name}，{length}");
        let name = words::clock(name, language);
        screen.line(&said.replace("{name}", name).replace("{length}", &when::length(length, language)))?;
    }
    Ok(())
}

/// The clocks, each with the time it took.
fn clocks(screen: &Screen, handoff: &Handoff, zone: &jiff::tz::TimeZone) -> Rows {
    let mut rows = Rows::new(&["", "", ""]).indent(2);
    for (name, at, took) in handoff.clocks.steps() {
        rows.push(vec![
            words::clock(name, screen.language()).to_owned(),
            at.map_or("–".to_owned(), |at| when::clock(at, zone)),
            took.map_or(String::new(), |took| when::length(took, screen.language())),
        ]);
    }
    rows
}
