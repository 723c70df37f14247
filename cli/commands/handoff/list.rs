//! `leadloop handoff list`: who has what, and since when it is due.

use leadloop_config::plan::Plan;
use leadloop_store::read::handoffs::HandoffAsk;
use leadloop_sync_core::handoff::{Handoff, HandoffState};
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::Lead;
use serde_json::{Value, json};

use crate::args::General;
use crate::args::handoff::HandoffList;
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, reveal, when, words};

/// Prints them.
///
/// # Errors
/// Where config or store cannot be read, or a state is not known.
pub async fn run(screen: &mut Screen, general: &General, args: &HandoffList) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    if let Some(state) = args.state.as_deref().filter(|state| HandoffState::parse(state).is_none()) {
        return Err(Failure::unknown(
            format!("`{state}` is no state of a hand-over"),
            format!("`{state}` 不是转出状态"),
        )
        .help(
            "states: at_desk, asking, telling, with_sales, accepted, parked, returned, answered, declined, taken_back, superseded",
            "可用状态：at_desk, asking, telling, with_sales, accepted, parked, returned, answered, declined, taken_back, superseded",
        ));
    }
    let store = plan::reading(&plan).await?;
    let ask = HandoffAsk {
        due_before: args.overdue.then(when::now),
        state: args.state.clone(),
        owner: args.owner.clone(),
        limit: args.limit,
    };
    let found = store.handoffs(&ask).await;
    store.close().await;
    let found = found?;
    let ids: Vec<LeadId> = found.iter().map(|(_, lead)| lead.id).collect();
    let privacy = reveal::privacy(&plan, args.reveal, "reveal", &ids, "handoff list").await?;
    table(screen, &plan, &found, privacy)
}

/// Prints hand-overs with their leads.
///
/// # Errors
/// Where nothing can be printed.
pub fn table(
    screen: &Screen,
    plan: &Plan,
    found: &[(Handoff, Lead)],
    privacy: Privacy,
) -> Result<(), Failure> {
    let (zone, now) = (&plan.policy.zone, when::now());
    if screen.is_json() {
        let list: Vec<Value> = found.iter().map(|entry| to_json(entry, privacy)).collect();
        return Ok(screen.json(&json!({ "handoffs": list }))?);
    }
    if found.is_empty() {
        return Ok(screen.line(screen.words("no hand-overs", "没有转出"))?);
    }
    let mut rows = Rows::new(&[
        screen.words("hand-over", "转出"),
        screen.words("state", "状态"),
        screen.words("owner", "负责人"),
        screen.words("company", "公司"),
        screen.words("name", "姓名"),
        screen.words("since", "始于"),
        screen.words("due", "截止"),
    ]);
    for (handoff, lead) in found {
        let due = handoff.due.map_or(String::new(), |due| {
            format!("{} ({})", when::clock(due, zone), when::ago(due, now, screen.language()))
        });
        let text = |name: &str| privacy.text(name, lead.text(name).unwrap_or_default());
        let row = vec![
            handoff.id.to_string(),
            words::handoff(handoff.state, screen.language()).to_owned(),
            who(handoff),
            lead.text("company").unwrap_or_default().to_owned(),
            text("name"),
            when::clock(handoff.state_since, zone),
            due,
        ];
        if handoff.due.is_some_and(|due| due < now) {
            rows.push_marked(Style::Bad, row);
        } else {
            rows.push(row);
        }
    }
    Ok(screen.table(&rows)?)
}

/// Who has it: the desk before sales, or the owner.
pub fn who(handoff: &Handoff) -> String {
    match (&handoff.desk, handoff.state) {
        (Some(person), HandoffState::AtDesk) => person.0.clone(),
        _ => handoff.owner.as_ref().map_or(String::new(), words::owner),
    }
}

/// One hand-over as JSON.
pub fn to_json((handoff, lead): &(Handoff, Lead), privacy: Privacy) -> Value {
    json!({
        "id": handoff.id.to_string(),
        "state": handoff.state.as_str(),
        "owner": who(handoff),
        "lead": lead.id.to_string(),
        "company": lead.text("company"),
        "name": privacy.text("name", lead.text("name").unwrap_or_default()),
        "rule": handoff.rule,
        "since": handoff.state_since.to_string(),
        "opened": handoff.opened_at.to_string(),
        "due": handoff.due.map(|due| due.to_string()),
        "tag": handoff.feedback,
        "remote": handoff.remote,
    })
}
