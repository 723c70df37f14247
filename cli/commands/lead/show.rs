//! `leadloop lead show`: one lead as the pool knows it. Its history is `leadloop why`.

use leadloop_config::plan::Plan;
use leadloop_store::Store;
use leadloop_store::read::story::Story;
use leadloop_sync_core::because::word;
use leadloop_sync_core::feedback::crm_id;
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::matching::{self, Match, Question, Subject};
use leadloop_sync_core::score;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value, json};

use super::{list, scores, who};
use crate::args::General;
use crate::args::lead::LeadShow;
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, reveal, when, words};

/// Prints a lead.
///
/// # Errors
/// Where config or store cannot be read, or nobody fits.
pub async fn run(screen: &mut Screen, general: &General, args: &LeadShow) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let asked = args.who.join(" ");
    let store = plan::reading(&plan).await?;
    let found = who::one(&store, &plan, &asked).await?;
    let story = store.story(found.lead.id, if args.scores { scores::MOST } else { 1 }).await?;
    let company = in_crm(&store, &plan, &found.lead).await?;
    store.close().await;
    let Some(story) = story else {
        return Err(Failure::input(format!("no lead fits `{asked}`"), format!("没有符合 `{asked}` 的线索"))
            .code("LL4406"));
    };
    let privacy = reveal::privacy(&plan, args.reveal, "reveal", &[story.lead.id], "lead show").await?;
    if screen.is_json() {
        let mut json = to_json(&story, &plan, privacy);
        json["company_in_crm"] = company.as_ref().map_or(Value::Null, company_json);
        if args.scores {
            json["receipts"] = scores::to_json(&plan, &story);
        }
        return Ok(screen.json(&json)?);
    }
    print(screen, &plan, &story, privacy)?;
    if let Some(company) = &company {
        print_company(screen, company)?;
    }
    more(screen, &plan, &story)?;
    if args.scores { scores::print(screen, &plan, &story) } else { Ok(()) }
}

fn print(screen: &Screen, plan: &Plan, story: &Story, privacy: Privacy) -> Result<(), Failure> {
    let lead = &story.lead;
    let zone = &plan.policy.zone;
    let name = privacy.text("name", lead.text("name").unwrap_or(screen.words("(unnamed)", "（未命名）")));
    screen.line(
        &screen.paint(Style::Head, &format!("{name}  {}  {}", lead.text("company").unwrap_or(""), lead.id)),
    )?;
    let stage = words::stage(lead.stage, screen.language());
    let owner = lead.owner.as_ref().map_or_else(String::new, |owner| format!("  {}", words::owner(owner)));
    let pool = lead.pool.as_ref().map_or_else(String::new, |pool| format!("  {}", pool));
    screen.line(&format!("{stage}  {}{owner}{pool}", when::clock(lead.stage_since, zone)))?;
    if !lead.tags.is_empty() {
        screen.line(&lead.tags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>().join("  "))?;
    }
    marks(screen, lead, zone)?;

    screen.head(screen.words("Fields", "字段"))?;
    let mut table = Rows::new(&["", "", "", ""]).indent(2);
    for (field, fact) in &lead.profile {
        let label = plan.policy.pool.fields.get(field).map(|own| screen.words(&own.label.1, &own.label.0));
        table.push(vec![
            label.unwrap_or(field).to_owned(),
            privacy.field(field, &fact.value),
            fact.source.to_string(),
            when::clock(fact.at, zone),
        ]);
    }
    screen.table(&table)?;

    screen.head(screen.words("Identifiers (first seen, last seen)", "标识（首次、最近出现）"))?;
    let mut table = Rows::new(&["", "", "", ""]).indent(2);
    for binding in &story.bindings {
        table.push(vec![
            privacy.identifier(&binding.identifier),
            binding.source.to_string(),
            when::clock(binding.at, zone),
            when::clock(binding.last_at, zone),
        ]);
    }
    Ok(screen.table(&table)?)
}

/// What people wrote on it, with who did and when.
fn marks(screen: &Screen, lead: &Lead, zone: &jiff::tz::TimeZone) -> Result<(), Failure> {
    if !lead.marks.tagged.is_empty() {
        screen.head(screen.words("Tagged by", "标签由谁添加"))?;
        let mut table = Rows::new(&["", "", ""]).indent(2);
        for (tag, given) in &lead.marks.tagged {
            table.push(vec![format!("#{tag}"), given.who.clone(), when::clock(given.at, zone)]);
        }
        screen.table(&table)?;
    }
    if !lead.marks.remarks.is_empty() {
        screen.head(screen.words("Remarks", "备注"))?;
        for remark in lead.marks.remarks.iter().rev() {
            screen.line(&format!("  {}  {}  {}", when::clock(remark.at, zone), remark.who, remark.text))?;
        }
    }
    Ok(())
}

/// Whether the company is with sales, as the mirror has it now.
async fn in_crm(store: &Store, plan: &Plan, lead: &Lead) -> Result<Option<Match>, Failure> {
    let Some(link) = &plan.policy.handoff.link else { return Ok(None) };
    let book = store.look(&matching::needs(&[Subject::of(lead)], &plan.policy)).await?;
    let now = when::now();
    let (policy, read) = (&*plan.policy, &[][..]);
    let question = Question { book: &book, policy, link, lead, handoff: None, read, now };
    let company = matching::find(&question).company;
    Ok(Some(company).filter(|company| company.found || company.maybe))
}

/// The company in the CRM, and why it is it.
fn print_company(screen: &Screen, company: &Match) -> Result<(), Failure> {
    screen.head(screen.words("Company in the CRM", "CRM 中的公司"))?;
    let by: Vec<&str> = company.by.iter().map(|code| word(code, screen.language())).collect();
    let sure = if company.found {
        screen.words("the same company", "同一家公司")
    } else {
        screen.words("in doubt, see `leadloop company suspects`", "存疑，见 `leadloop company suspects`")
    };
    let record = company.remote.as_ref().map(crm_id).unwrap_or_default();
    let owner = company.owner.person.as_ref().map(|person| person.as_str());
    let owner = owner.or(company.owner.crm_user.as_deref()).unwrap_or_default();
    let mut table = Rows::new(&["", "", ""]).indent(2);
    table.push(vec![company.name.clone().unwrap_or_default(), record, owner.to_owned()]);
    screen.table(&table)?;
    Ok(screen.line(&format!("  {sure}: {}", by.join(", ")))?)
}

fn company_json(company: &Match) -> Value {
    json!({
        "found": company.found,
        "maybe": company.maybe,
        "by": company.by,
        "record": company.remote.as_ref().map(crm_id),
        "name": company.name,
        "owner": company.owner.crm_user,
    })
}

/// Consent, scores and who else it may be.
fn more(screen: &Screen, plan: &Plan, story: &Story) -> Result<(), Failure> {
    let (lead, zone) = (&story.lead, &plan.policy.zone);
    if !lead.consent.is_empty() {
        screen.head(screen.words("Consent", "授权"))?;
        let mut table = Rows::new(&["", "", "", ""]).indent(2);
        for (purpose, consent) in &lead.consent {
            let given = if consent.given {
                screen.words("given", "已同意")
            } else {
                screen.words("refused", "已拒绝")
            };
            let version = consent.text_version.clone().unwrap_or_default();
            table.push(vec![
                format!("{purpose}: {given}"),
                consent.source.to_string(),
                when::clock(consent.at, zone),
                version,
            ]);
        }
        screen.table(&table)?;
    }
    let points = score::all(lead, &plan.policy, when::now());
    if !points.is_empty() {
        screen.head(screen.words("Scores", "得分"))?;
        let mut table = Rows::new(&["", "#"]).indent(2);
        for (model, points) in &points {
            table.push(vec![model.clone(), points.to_string()]);
        }
        screen.table(&table)?;
    }
    if !story.merged.is_empty() {
        screen.head(screen.words("Merged into it", "已并入"))?;
        for member in &story.merged {
            let edge = member.bonds.merged.as_ref();
            let by = edge.and_then(|edge| {
                edge.who.clone().or_else(|| edge.by.as_ref().map(leadloop_sync_core::identity::masked))
            });
            let at = edge.map(|edge| when::clock(edge.at, zone)).unwrap_or_default();
            screen.line(&format!("  {}  {at}  {}", member.id, by.unwrap_or_default()))?;
        }
    }
    if !lead.bonds.former.is_empty() {
        screen.head(screen.words("Had once", "曾用标识"))?;
        for former in &lead.bonds.former {
            let why = leadloop_sync_core::because::word(&former.why, screen.language());
            let shown = leadloop_sync_core::identity::masked(&former.identifier);
            screen.line(&format!("  {shown}  {}  {why}", when::clock(former.until, zone)))?;
        }
    }
    if !story.suspects.is_empty() {
        screen.head(screen.words("May be the same person", "疑似同一人"))?;
        for suspect in &story.suspects {
            let other = if suspect.lead == lead.id { suspect.other } else { suspect.lead };
            let why = leadloop_sync_core::because::word(&suspect.reason, screen.language());
            screen.line(&format!("  {other}  {why}"))?;
        }
    }
    let note = screen.words("`leadloop why` shows what happened to it", "`leadloop why` 显示它的来龙去脉");
    Ok(screen.line(&format!("\n{}", screen.paint(Style::Note, note)))?)
}

fn to_json(story: &Story, plan: &Plan, privacy: Privacy) -> Value {
    let lead = &story.lead;
    let time = |at: Timestamp| at.to_string();
    let mut json = list::to_json(lead, privacy);
    json["fields"] = lead
        .profile
        .iter()
        .map(|(field, fact)| {
            let value = privacy.field(field, &fact.value);
            (field.clone(), json!({ "value": value, "source": fact.source, "at": time(fact.at) }))
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    json["identifiers"] = story
        .bindings
        .iter()
        .map(|binding| {
            json!({
                "kind": binding.identifier.kind.0,
                "value": privacy.identifier(&binding.identifier).split_once(' ').map(|(_, value)| value),
                "lead": binding.lead.to_string(),
                "source": binding.source,
                "first_seen": time(binding.at),
                "last_seen": time(binding.last_at),
            })
        })
        .collect();
    json["consent"] = json!(lead.consent);
    json["scores"] = json!(score::all(lead, &plan.policy, when::now()));
    json["tags"] = json!(lead.tags);
    json["tagged"] = lead
        .marks
        .tagged
        .iter()
        .map(|(tag, given)| (tag.clone(), json!({ "who": given.who, "at": time(given.at) })))
        .collect::<serde_json::Map<_, _>>()
        .into();
    json["remarks"] = lead
        .marks
        .remarks
        .iter()
        .map(|remark| json!({ "at": time(remark.at), "who": remark.who, "text": remark.text }))
        .collect();
    json["merged"] = story.merged.iter().map(|lead| Value::from(lead.id.to_string())).collect();
    json["suspects"] = story
        .suspects
        .iter()
        .map(|suspect| json!({ "lead": suspect.lead.to_string(), "other": suspect.other.to_string(), "reason": suspect.reason }))
        .collect();
    json["remotes"] = json!(lead.remotes);
    json
}
