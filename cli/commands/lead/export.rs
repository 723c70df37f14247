//! `leadloop lead list --export`: leads as a table, in the pool's own field names, so that it can be read in again.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use leadloop_config::plan::Plan;
use leadloop_mapping::Value;
use leadloop_store::Store;
use leadloop_sync_core::facts::{COMPANY_NUMBERS, COMPANY_TEXTS, LEAD_TEXTS, PURPOSES, own_fields};
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::score;
use leadloop_sync_core::time::Timestamp;
use serde_json::json;

use super::list::Which;
use crate::args::lead::LeadList;
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::Screen;
use crate::sheet::{Cell, Sheet};
use crate::{plan, reveal, when, words};

/// Leads of one read.
const PAGE: u32 = 1_000;
/// What is known of a lead beside its profile.
const KNOWN: [&str; 18] = [
    "pool",
    "stage",
    "stage_since",
    "mql",
    "mql_of",
    "mql_at",
    "source",
    "channel",
    "campaign",
    "owner",
    "feedback",
    "track",
    "tags",
    "touches",
    "first_touch",
    "last_touch",
    "recycled",
    "won_amount",
];

/// Writes all leads that are asked for.
///
/// # Errors
/// Where the store cannot be read, the file cannot be written, or a reveal cannot be noted: then there is no file.
pub async fn run(
    screen: &Screen,
    plan: &Arc<Plan>,
    which: &Which,
    args: &LeadList,
    file: &Path,
) -> Result<(), Failure> {
    let columns = Columns::of(plan);
    let mut sheet = Sheet::begin(file, args.force, &columns.heads())?;
    let privacy = if args.reveal { Privacy::open() } else { Privacy::masked() };
    let store = plan::reading(plan).await?;
    let limit = args.limit.unwrap_or(u32::MAX);
    let written = fill(&mut sheet, &columns, plan, which, (&store, privacy, limit)).await;
    store.close().await;
    // What is shown is noted before the file gets its name.
    let noted = match &written {
        Ok(ids) => {
            let detail = format!("{} --export", which.words);
            reveal::privacy(plan, args.reveal, "export", ids, &detail).await.map(drop)
        }
        Err(_) => Ok(()),
    };
    if let Err(failure) = written.map(drop).and(noted) {
        sheet.give_up();
        return Err(failure);
    }
    let rows = sheet.finish()?;
    let path = file.display();
    if screen.is_json() {
        return Ok(screen.json(&json!({ "file": path.to_string(), "leads": rows, "revealed": args.reveal }))?);
    }
    let masked =
        if args.reveal { "" } else { screen.words("; personal data is masked", "；个人信息已脱敏") };
    let text = match screen.words("en", "zh") {
        "en" => format!("{rows} leads written to {path}{masked}"),
        _ => format!("已将 {rows} 条线索写入 {path}{masked}"),
    };
    Ok(screen.line(&text)?)
}

async fn fill(
    sheet: &mut Sheet,
    columns: &Columns,
    plan: &Plan,
    which: &Which,
    (store, privacy, limit): (&Store, Privacy, u32),
) -> Result<Vec<LeadId>, Failure> {
    let now = when::now();
    let mut ids: Vec<LeadId> = Vec::new();
    loop {
        let left = limit - u32::try_from(ids.len()).unwrap_or(u32::MAX).min(limit);
        let page = which.page(store, plan, ids.last().copied(), left.min(PAGE)).await?;
        for lead in &page.leads {
            sheet.row(&columns.cells(lead, plan, privacy, now))?;
            ids.push(lead.id);
        }
        if !page.more || page.leads.is_empty() || u32::try_from(ids.len()).unwrap_or(u32::MAX) >= limit {
            return Ok(ids);
        }
    }
}

/// The columns of an export.
struct Columns {
    fields: Vec<String>,
    scores: Vec<String>,
}

impl Columns {
    fn of(plan: &Plan) -> Self {
        let well_known = LEAD_TEXTS.iter().map(|field| (*field).to_owned());
        let company = COMPANY_TEXTS.iter().chain(&COMPANY_NUMBERS).map(|field| format!("company.{field}"));
        let mut fields: Vec<String> = well_known.chain(["company".to_owned()]).chain(company).collect();
        let own: BTreeSet<String> = own_fields(&plan.policy);
        fields.extend(own.into_iter().filter(|field| !KNOWN.contains(&field.as_str())));
        Self { fields, scores: plan.policy.scores.iter().map(|model| model.name.clone()).collect() }
    }

    fn heads(&self) -> Vec<String> {
        let consent = PURPOSES.iter().map(|purpose| format!("consent.{purpose}"));
        let scores = self.scores.iter().map(|name| format!("score.{name}"));
        let known = KNOWN.iter().map(|name| (*name).to_owned());
        ["id".to_owned()]
            .into_iter()
            .chain(self.fields.iter().cloned())
            .chain(known)
            .chain(consent)
            .chain(scores)
            .collect()
    }

    fn cells(&self, lead: &Lead, plan: &Plan, privacy: Privacy, now: Timestamp) -> Vec<Cell> {
        let mut cells = vec![Cell::from(lead.id.to_string())];
        for field in &self.fields {
            cells.push(match lead.field(field) {
                None => Cell::Empty,
                Some(Value::Int(number)) => Cell::Number(*number),
                Some(Value::Real(number)) => Cell::Real(*number),
                Some(value) => Cell::from(privacy.field(field, value)),
            });
        }
        cells.extend(known(lead, plan));
        for purpose in PURPOSES {
            let consent = lead.consent.get(purpose);
            cells.push(
                consent
                    .map_or(Cell::Empty, |consent| Cell::from(if consent.given { "true" } else { "false" })),
            );
        }
        let points = score::all(lead, &plan.policy, now);
        cells.extend(
            self.scores
                .iter()
                .map(|name| points.get(name).map_or(Cell::Empty, |points| Cell::Number(*points))),
        );
        cells
    }
}

/// The cells of [`KNOWN`].
fn known(lead: &Lead, plan: &Plan) -> Vec<Cell> {
    let text = |text: Option<&str>| text.map_or(Cell::Empty, Cell::from);
    let time =
        |at: Option<Timestamp>| at.map_or(Cell::Empty, |at| Cell::from(when::clock(at, &plan.policy.zone)));
    vec![
        text(lead.pool.as_deref()),
        Cell::from(lead.stage.as_str()),
        time(Some(lead.stage_since)),
        Cell::from(if lead.mql { "true" } else { "false" }),
        text(lead.mql_of.as_deref()),
        time(lead.mql_at),
        Cell::from(lead.origin.source.as_str()),
        Cell::from(lead.origin.channel.as_str()),
        text(lead.origin.campaign.as_deref()),
        lead.owner.as_ref().map_or(Cell::Empty, |owner| Cell::from(words::owner(owner))),
        text(lead.feedback.as_deref()),
        text(lead.track.as_deref()),
        Cell::from(lead.tags.iter().cloned().collect::<Vec<_>>().join("; ")),
        Cell::Number(i64::from(lead.touches)),
        time(Some(lead.origin.at)),
        time(Some(lead.last_touch_at)),
        Cell::Number(i64::from(lead.recycled)),
        lead.won_amount.map_or(Cell::Empty, Cell::Real),
    ]
}
