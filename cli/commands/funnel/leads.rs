//! The leads behind one number.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadloop_config::plan::Plan;
use leadloop_store::read::funnel::{FunnelBy, FunnelSpan};
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::Lead;
use serde_json::{Value, json};

use super::money;
use crate::args::{Funnel, Step};
use crate::commands::lead::to_json;
use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, reveal, when, words};

/// Prints the people of the line `--leads` that reached `--step`.
///
/// # Errors
/// Where the store cannot be read.
pub async fn run(
    screen: &Screen,
    plan: &Arc<Plan>,
    args: &Funnel,
    by: Option<&FunnelBy>,
    span: FunnelSpan,
    line: &str,
) -> Result<(), Failure> {
    let step = args.step.unwrap_or(Step::People).as_str();
    let store = plan::reading(plan).await?;
    let leads = match by {
        Some(by) => store.funnel_leads(by, span, line, step, args.limit).await,
        None => store.activity_leads(&plan.policy.campaign.activity, &span, line, step, args.limit).await,
    };
    store.close().await;
    show(screen, plan, args, &leads?, &BTreeMap::new()).await
}

/// Prints leads; `owed` is what a line is owed of each, in cents.
///
/// # Errors
/// Where it cannot be noted who looked, or nothing can be printed.
pub async fn show(
    screen: &Screen,
    plan: &Arc<Plan>,
    args: &Funnel,
    leads: &[Lead],
    owed: &BTreeMap<LeadId, i64>,
) -> Result<(), Failure> {
    let ids: Vec<LeadId> = leads.iter().map(|lead| lead.id).collect();
    let privacy = reveal::privacy(plan, args.reveal, "reveal", &ids, "funnel --leads").await?;
    let more = u32::try_from(leads.len()).is_ok_and(|count| count >= args.limit);
    if screen.is_json() {
        let line = |lead: &Lead| {
            let mut line = to_json(lead, privacy);
            line["won_amount"] = json!(lead.won_amount);
            if let Some(cents) = owed.get(&lead.id) {
                line["amount_cents"] = json!(cents);
            }
            line
        };
        let list: Vec<Value> = leads.iter().map(line).collect();
        return Ok(screen.json(&json!({ "leads": list, "more": more }))?);
    }
    if leads.is_empty() {
        return Ok(screen.line(screen.words("no such leads", "没有符合条件的线索"))?);
    }
    let mut heads = vec![
        screen.words("lead", "线索"),
        screen.words("name", "姓名"),
        screen.words("company", "公司"),
        screen.words("stage", "阶段"),
        screen.words("channel", "渠道"),
        screen.words("owner", "负责人"),
        screen.words("first touch", "首次互动"),
        screen.words("#won amount", "#赢单金额"),
    ];
    if !owed.is_empty() {
        heads.push(screen.words("#its part", "#归因金额"));
    }
    let mut table = Rows::new(&heads);
    for lead in leads {
        let mut cells = vec![
            lead.id.to_string(),
            privacy.text("name", lead.text("name").unwrap_or("")),
            lead.text("company").unwrap_or("").to_owned(),
            words::stage(lead.stage, screen.language()).to_owned(),
            lead.origin.channel.clone(),
            lead.owner.as_ref().map_or_else(String::new, words::owner),
            when::clock(lead.origin.at, &plan.policy.zone),
            lead.won_amount.map_or("–".to_owned(), |amount| format!("{amount:.2}")),
        ];
        cells.extend(owed.get(&lead.id).map(|cents| money(*cents)));
        table.push(cells);
    }
    screen.table(&table)?;
    if more {
        let note = screen.words("there may be more: raise --limit", "可能还有更多：可调大 --limit");
        screen.line(&screen.paint(Style::Note, note))?;
    }
    Ok(())
}
