//! `leadloop why`: the whole life of one lead on one screen, with the reasons.

pub mod ask;
mod decision;
pub mod json;
mod story;

use leadloop_store::read::find::{Found, FoundBy};
use leadloop_sync_core::ids::LeadId;

use crate::args::{General, Why};
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, reveal, words};

/// Most leads that are listed where several fit.
const MOST: u32 = 50;

/// Prints the story of the lead that was asked for, or the leads to choose from.
///
/// # Errors
/// Where config or store cannot be read, or nobody fits.
pub async fn run(screen: &mut Screen, general: &General, args: &Why) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let asked = args.what.join(" ");
    let store = plan::reading(&plan).await?;
    let found = store.find(&ask::question(&asked, &plan.policy), MOST).await?;
    let chosen = chosen(&found);
    let story = match chosen {
        Some(found) => store.story(found.lead.id, args.touches).await,
        None => Ok(None),
    };
    store.close().await;
    if found.is_empty() {
        return Err(nobody(&asked));
    }
    let shown: Vec<LeadId> = match chosen {
        Some(found) => vec![found.lead.id],
        None => found.iter().map(|found| found.lead.id).collect(),
    };
    let what = format!("why {asked}");
    let privacy = reveal::privacy(&plan, args.reveal, "reveal", &shown, &what).await?;
    match (story?, chosen) {
        (Some(story), _) if screen.is_json() => Ok(screen.json(&json::story(&story, &plan, privacy))?),
        (Some(story), _) => story::print(screen, &plan, &story, privacy),
        (None, Some(found)) => Err(nobody(&found.lead.id.to_string())),
        (None, None) => several(screen, &asked, &found, privacy),
    }
}

/// The one lead that is meant: the only one, or the only one found in the best way.
pub fn chosen(found: &[Found]) -> Option<&Found> {
    let best = found.first()?;
    let alone = found.iter().filter(|other| other.by == best.by).count() == 1;
    // Names say little: where another fits at all, people choose.
    let sure = !matches!(best.by, FoundBy::Company | FoundBy::Name) || found.len() == 1;
    (alone && sure).then_some(best)
}

pub fn nobody(asked: &str) -> Failure {
    Failure::unknown(format!("no lead fits `{asked}`"), format!("没有符合 `{asked}` 的线索")).help(
        "try a phone, mail address, company, CRM record id or lead id; `leadloop lead list` shows what is there",
        "可用电话、邮箱、公司、CRM 记录编号或线索编号查询；`leadloop lead list` 列出线索",
    )
}

fn several(screen: &Screen, asked: &str, found: &[Found], privacy: Privacy) -> Result<(), Failure> {
    if screen.is_json() {
        let list: Vec<_> = found
            .iter()
            .map(|found| {
                serde_json::json!({
                    "id": found.lead.id.to_string(),
                    "name": found.lead.text("name").map(|name| privacy.text("name", name)),
                    "company": found.lead.text("company"),
                    "stage": found.lead.stage.as_str(),
                })
            })
            .collect();
        return Ok(screen.json(&serde_json::json!({ "found": list }))?);
    }
    let head = match screen.words("en", "zh") {
        "en" => format!("{} leads fit `{asked}`:", found.len()),
        _ => format!("有 {} 条线索符合 `{asked}`：", found.len()),
    };
    screen.line(&head)?;
    let mut table = Rows::new(&[
        screen.words("lead", "线索"),
        screen.words("name", "姓名"),
        screen.words("company", "公司"),
        screen.words("stage", "阶段"),
        screen.words("owner", "负责人"),
    ])
    .indent(2);
    for found in found {
        let lead = &found.lead;
        table.push(vec![
            lead.id.to_string(),
            privacy.text("name", lead.text("name").unwrap_or("")),
            lead.text("company").unwrap_or("").to_owned(),
            words::stage(lead.stage, screen.language()).to_owned(),
            lead.owner.as_ref().map_or_else(String::new, words::owner),
        ]);
    }
    screen.table(&table)?;
    let note =
        screen.words("`leadloop why LEAD` shows one of them", "用 `leadloop why 线索编号` 查看其中一条");
    Ok(screen.line(&screen.paint(Style::Note, note))?)
}
