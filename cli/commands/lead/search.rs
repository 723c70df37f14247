//! `leadloop lead search`: leads by whatever somebody has at hand.

use leadloop_store::read::find::{Found, FoundBy};
use leadloop_sync_core::ids::LeadId;
use serde_json::{Value, json};

use super::list;
use crate::args::General;
use crate::args::lead::LeadSearch;
use crate::commands::why::{ask, nobody};
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen};
use crate::{plan, reveal, words};

/// Prints the leads that fit, best first.
///
/// # Errors
/// Where config or store cannot be read, or nobody fits.
pub async fn run(screen: &mut Screen, general: &General, args: &LeadSearch) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let asked = args.what.join(" ");
    let store = plan::reading(&plan).await?;
    let found = store.find(&ask::question(&asked, &plan.policy), args.limit).await?;
    store.close().await;
    if found.is_empty() {
        return Err(nobody(&asked).code("LL4406"));
    }
    let ids: Vec<LeadId> = found.iter().map(|found| found.lead.id).collect();
    let privacy =
        reveal::privacy(&plan, args.reveal, "reveal", &ids, &format!("lead search {asked}")).await?;
    if screen.is_json() {
        let list: Vec<Value> = found.iter().map(|found| to_json(found, privacy)).collect();
        return Ok(screen.json(&json!({ "leads": list }))?);
    }
    let mut table = Rows::new(&[
        screen.words("lead", "线索"),
        screen.words("name", "姓名"),
        screen.words("company", "公司"),
        screen.words("phone", "电话"),
        screen.words("stage", "阶段"),
        screen.words("found by", "匹配方式"),
    ]);
    for found in &found {
        let lead = &found.lead;
        table.push(vec![
            lead.id.to_string(),
            privacy.text("name", lead.text("name").unwrap_or("")),
            lead.text("company").unwrap_or("").to_owned(),
            privacy.text("phone", lead.text("phone").unwrap_or("")),
            words::stage(lead.stage, screen.language()).to_owned(),
            by(screen, found),
        ]);
    }
    Ok(screen.table(&table)?)
}

fn by(screen: &Screen, found: &Found) -> String {
    let (en, zh) = match found.by {
        FoundBy::LeadId => ("lead id", "线索编号"),
        FoundBy::HandoffId => ("hand-over", "转出编号"),
        FoundBy::Identifier => ("identifier", "标识"),
        FoundBy::Remote => ("CRM record", "CRM 记录"),
        FoundBy::Company => ("company", "公司"),
        FoundBy::Name => ("name", "姓名"),
    };
    let by = screen.words(en, zh);
    match found.through {
        Some(through) => format!("{by} ({} {through})", screen.words("merged from", "合并自")),
        None => by.to_owned(),
    }
}

fn to_json(found: &Found, privacy: Privacy) -> Value {
    let mut json = list::to_json(&found.lead, privacy);
    json["found_by"] = match found.by {
        FoundBy::LeadId => "lead_id",
        FoundBy::HandoffId => "handoff_id",
        FoundBy::Identifier => "identifier",
        FoundBy::Remote => "remote",
        FoundBy::Company => "company",
        FoundBy::Name => "name",
    }
    .into();
    json["merged_from"] = found.through.map_or(Value::Null, |id| id.to_string().into());
    json
}
