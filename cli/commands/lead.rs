//! `leadloop lead list`: leads of the pool, newest touch first.

use leadloop_store::read::pages::LeadAsk;
use leadloop_sync_core::lead::{Lead, Stage};
use serde_json::{Value, json};

use crate::args::{General, LeadList};
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen};
use crate::{plan, when, words};

/// Prints a page of leads.
///
/// # Errors
/// Where config or store cannot be read, or a stage is not known.
pub async fn list(screen: &mut Screen, general: &General, args: &LeadList) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let stage = args.stage.as_deref().map(stage_named).transpose()?;
    let ask = LeadAsk {
        stage,
        source: args.source.clone(),
        channel: args.channel.clone(),
        owner: args.owner.clone(),
        text: args.text.clone(),
        after: None,
        limit: args.limit,
    };
    let store = plan::reading(&plan).await?;
    let leads = store.leads(&ask).await?;
    store.close().await;
    let privacy = Privacy::new(args.reveal);
    if screen.is_json() {
        let list: Vec<Value> = leads.iter().map(|lead| to_json(lead, privacy)).collect();
        return Ok(screen.json(&json!({ "leads": list }))?);
    }
    if leads.is_empty() {
        return Ok(screen.line(screen.words("no such leads", "没有符合条件的线索"))?);
    }
    let mut table = Rows::new(&[
        screen.words("lead", "线索"),
        screen.words("name", "姓名"),
        screen.words("company", "公司"),
        screen.words("stage", "阶段"),
        screen.words("channel", "渠道"),
        screen.words("owner", "负责人"),
        screen.words("#touches", "#互动"),
        screen.words("last touch", "最近互动"),
    ]);
    for lead in &leads {
        table.push(vec![
            lead.id.to_string(),
            privacy.text("name", lead.text("name").unwrap_or("")),
            lead.text("company").unwrap_or("").to_owned(),
            words::stage(lead.stage, screen.language()).to_owned(),
            lead.origin.channel.clone(),
            lead.owner.as_ref().map_or_else(String::new, words::owner),
            lead.touches.to_string(),
            when::clock(lead.last_touch_at, &plan.policy.zone),
        ]);
    }
    Ok(screen.table(&table)?)
}

fn stage_named(name: &str) -> Result<Stage, Failure> {
    Stage::parse(name).ok_or_else(|| {
        let known = Stage::ALL.map(Stage::as_str).join(", ");
        Failure::input(format!("there is no stage `{name}`"), format!("没有阶段 `{name}`"))
            .help(format!("one of: {known}"), format!("可选：{known}"))
    })
}

fn to_json(lead: &Lead, privacy: Privacy) -> Value {
    json!({
        "id": lead.id.to_string(),
        "name": lead.text("name").map(|name| privacy.text("name", name)),
        "company": lead.text("company"),
        "stage": lead.stage.as_str(),
        "stage_since": lead.stage_since.to_string(),
        "mql": lead.mql,
        "channel": lead.origin.channel,
        "source": lead.origin.source,
        "campaign": lead.origin.campaign,
        "owner": lead.owner.as_ref().map(words::owner),
        "feedback": lead.feedback,
        "touches": lead.touches,
        "last_touch_at": lead.last_touch_at.to_string(),
    })
}
