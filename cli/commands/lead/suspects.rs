//! `leadloop lead suspects`: pairs that may be one person, and what somebody said about them.

use leadloop_store::Store;
use leadloop_sync_core::because::word;
use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::effect::{Suspect, Verdict};
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::Lead;
use serde_json::{Value, json};

use crate::args::General;
use crate::args::lead::LeadSuspects;
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, reveal, when};

/// Pairs of one read.
const PAGE: u32 = 200;

type Pair = (Suspect, Option<Verdict>);

/// Lists pairs.
///
/// # Errors
/// Where config or store cannot be read, or a reveal cannot be noted.
pub async fn run(screen: &mut Screen, general: &General, args: &LeadSuspects) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let store = plan::reading(&plan).await?;
    let found = pairs(&store, args).await;
    store.close().await;
    let (pairs, book, more) = found?;
    let ids: Vec<LeadId> = pairs.iter().flat_map(|(suspect, _)| [suspect.lead, suspect.other]).collect();
    let privacy = reveal::privacy(&plan, args.reveal, "reveal", &ids, "lead suspects").await?;
    if screen.is_json() {
        let list: Vec<Value> = pairs.iter().map(|pair| to_json(pair, privacy)).collect();
        return Ok(screen.json(&json!({ "suspects": list, "more": more }))?);
    }
    if pairs.is_empty() {
        return Ok(screen.line(screen.words("no pair waits for a word", "没有待确认的疑似同一人"))?);
    }
    let zone = &plan.policy.zone;
    for (suspect, verdict) in &pairs {
        let reason = word(&suspect.reason, screen.language());
        let shared =
            if suspect.by.kind.0.is_empty() { String::new() } else { privacy.identifier(&suspect.by) };
        let said = verdict.as_ref().map_or_else(String::new, |verdict| {
            let word = if verdict.same {
                screen.words("same", "同一人")
            } else {
                screen.words("different", "不同的人")
            };
            format!("  → {word}, {} {}", verdict.who, when::clock(verdict.at, zone))
        });
        screen.line(&format!("{}  {shared}{said}", screen.paint(Style::Head, reason)))?;
        let mut table = Rows::new(&["", "", "", ""]).indent(2);
        for id in [suspect.lead, suspect.other] {
            let lead = book.resolve(id);
            let text = |field: &str| {
                lead.and_then(|lead| lead.text(field))
                    .map(|text| privacy.text(field, text))
                    .unwrap_or_default()
            };
            let last = lead.map(|lead| when::clock(lead.last_touch_at, zone)).unwrap_or_default();
            table.push(vec![id.to_string(), text("name"), text("company"), last]);
        }
        screen.table(&table)?;
    }
    let note = screen.words(
        "one person: `leadloop lead merge ID ID`; two: `leadloop lead apart ID ID`. Neither is asked about again.",
        "同一人：`leadloop lead merge 编号 编号`；不同的人：`leadloop lead apart 编号 编号`。之后不再询问。",
    );
    screen.line(&format!("\n{}", screen.paint(Style::Note, note)))?;
    if more {
        screen.line(screen.words("there are more: --limit", "还有更多：使用 --limit"))?;
    }
    Ok(())
}

/// The pairs that are wanted, with their leads. What became one person since by a rule is no question any more.
async fn pairs(store: &Store, args: &LeadSuspects) -> Result<(Vec<Pair>, Book, bool), Failure> {
    let (mut pairs, mut book, mut after) = (Vec::new(), Book::default(), None);
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    loop {
        let page = store.suspects(after, args.all, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok((pairs, book, false)) };
        after = Some((last.lead, last.other));
        let leads = page.iter().flat_map(|(suspect, _)| [suspect.lead, suspect.other]).collect();
        let seen = store.look(&Needs { leads, ..Needs::default() }).await?;
        for (suspect, verdict) in page {
            let (one, other) = (person(&seen, suspect.lead), person(&seen, suspect.other));
            if one.is_some() && other.is_some() && (args.all || one != other) {
                if pairs.len() >= limit {
                    return Ok((pairs, book, true));
                }
                pairs.push((suspect, verdict));
            }
        }
        book.leads.extend(seen.leads);
    }
}

fn person(book: &Book, id: LeadId) -> Option<LeadId> {
    book.resolve(id).map(|lead: &Lead| lead.id)
}

fn to_json((suspect, verdict): &Pair, privacy: Privacy) -> Value {
    json!({
        "lead": suspect.lead.to_string(),
        "other": suspect.other.to_string(),
        "reason": suspect.reason,
        "shares": if suspect.by.kind.0.is_empty() { Value::Null } else { privacy.identifier(&suspect.by).into() },
        "at": suspect.at.to_string(),
        "verdict": verdict.as_ref().map(|verdict| json!({
            "same": verdict.same,
            "who": verdict.who,
            "at": verdict.at.to_string(),
        })),
    })
}
