//! `leadloop outbox show`: one delivery, what it says, its attempts, and what was said in each of them.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use leadloop_store::Store;
use leadloop_store::read::story::ToldDelivery;
use leadloop_sync_core::conversation::{Conversation, Turn, Words};
use leadloop_sync_core::effect::AttemptNote;
use leadloop_sync_core::ids::{ConversationId, LeadId};
use leadloop_sync_core::outbox::{DeliveryState, Operation};
use serde_json::{Value, json};

use super::{delivery_id, parked};
use crate::args::General;
use crate::failure::Failure;
use crate::privacy::{Privacy, running};
use crate::screen::{Rows, Screen, Style, one_line};
use crate::{plan, said, when, words};

type Said = BTreeMap<ConversationId, Conversation>;

/// Shows one delivery.
///
/// # Errors
/// Where there is none, or config or store cannot be used.
pub(super) async fn run(
    screen: &mut Screen,
    general: &General,
    id: &str,
    reveal: bool,
) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let id = delivery_id(id)?;
    let store = plan::reading(&plan).await?;
    let found = store.told_delivery(id).await?;
    let said = match &found {
        Some(told) => conversations(&store, told).await?,
        None => Said::new(),
    };
    store.close().await;
    let Some(told) = found else {
        let text = (format!("there is no delivery `{id}`"), format!("没有投递 `{id}`"));
        return Err(Failure::unknown(text.0, text.1).help(
            "`leadloop why LEAD --output json` has the ids of all deliveries of a lead",
            "`leadloop why 线索 --output json` 列出该线索全部投递的编号",
        ));
    };
    let whose: Vec<LeadId> = told.delivery.lead.into_iter().collect();
    let what = format!("outbox show {id}");
    let privacy = crate::reveal::privacy(&plan, reveal, "reveal", &whose, &what).await?;
    if screen.is_json() {
        let mut document = to_json(&told, privacy);
        document["attempts"] =
            attempts(&told, &said).map(|(note, talk)| attempt_json(note, talk, privacy)).collect();
        return Ok(screen.json(&document)?);
    }
    let zone = &plan.policy.zone;
    head(screen, &told, zone)?;
    let mut fields = Rows::new(&["", ""]).indent(2);
    for (name, value) in content(&told.delivery.operation, privacy) {
        fields.push(vec![name, value]);
    }
    if !fields.is_empty() {
        screen.head(screen.words("What it says", "内容"))?;
        screen.table(&fields)?;
    }
    screen.head(screen.words("Attempts", "尝试"))?;
    let mut table = Rows::new(&["", "", ""]).indent(2);
    for note in &told.attempts {
        table.push(vec![when::clock(note.at, zone), note.class.clone(), note.detail.clone()]);
    }
    screen.table(&table)?;
    for (note, talk) in attempts(&told, &said) {
        if let Some(talk) = talk {
            conversation(screen, note, talk, (zone, privacy))?;
        }
    }
    Ok(())
}

async fn conversations(store: &Store, told: &ToldDelivery) -> Result<Said, Failure> {
    let ids: Vec<ConversationId> = told.said.iter().copied().flatten().collect();
    Ok(store.conversations(&ids).await?)
}

/// Attempts with what was said in them, where it is still kept.
fn attempts<'a>(
    told: &'a ToldDelivery,
    said: &'a Said,
) -> impl Iterator<Item = (&'a AttemptNote, Option<&'a Conversation>)> {
    told.attempts.iter().zip(&told.said).map(|(note, id)| (note, id.and_then(|id| said.get(&id))))
}

fn head(screen: &Screen, told: &ToldDelivery, zone: &TimeZone) -> Result<(), Failure> {
    let delivery = &told.delivery;
    let purpose = words::purpose(delivery.purpose, screen.language());
    screen.line(&screen.paint(Style::Head, &delivery.id.to_string()))?;
    screen.line(&format!("{} · {purpose} · {}", delivery.link, words::operation(&delivery.operation)))?;
    let state = match &delivery.state {
        DeliveryState::Parked { code, detail } => {
            format!("{} {}", screen.paint(Style::Bad, code), one_line(detail))
        }
        DeliveryState::Settled => {
            let at = told.settled_at.map_or(String::new(), |at| when::clock(at, zone));
            format!("{} {at}", super::state(screen, &delivery.state))
        }
        DeliveryState::Claimed { .. } => super::state(screen, &delivery.state).to_owned(),
        DeliveryState::Due => {
            format!("{} {}", super::state(screen, &delivery.state), when::clock(delivery.due_at, zone))
        }
    };
    Ok(screen.line(&state)?)
}

fn conversation(
    screen: &Screen,
    note: &AttemptNote,
    talk: &Conversation,
    (zone, privacy): (&TimeZone, Privacy),
) -> Result<(), Failure> {
    let head = format!("{} {}", screen.words("Said", "通信"), when::clock(note.at, zone));
    screen.head(&head)?;
    if talk.of.len() > 1 {
        let (en, zh) = (
            format!("  with {} other deliveries in one batch", talk.of.len() - 1),
            format!("  与另外 {} 条投递同批", talk.of.len() - 1),
        );
        screen.line(&screen.paint(Style::Note, screen.words(&en, &zh)))?;
    }
    for turn in &talk.turns {
        let line = format!("{} {}", turn.method, one_line(&said::url(&turn.url, privacy)));
        screen.line(&format!("  → {}", screen.paint(Style::Head, &line)))?;
        side(screen, &turn.headers, &turn.body, privacy)?;
        let took = when::length(turn.took, screen.language());
        match (&turn.answer, &turn.broken) {
            (Some(answer), _) => {
                let style = if answer.status < 400 { Style::Good } else { Style::Bad };
                let status = screen.paint(style, &answer.status.to_string());
                screen.line(&format!("  ← {status}  {took}"))?;
                side(screen, &answer.headers, &answer.body, privacy)?;
            }
            (None, broken) => {
                let broken = shown_line(broken.as_deref().unwrap_or_default(), privacy);
                screen.line(&format!("  ← {}  {took}", screen.paint(Style::Bad, &broken)))?;
            }
        }
    }
    Ok(())
}

/// Headers and body of one side.
fn side(
    screen: &Screen,
    headers: &[(String, String)],
    body: &Words,
    privacy: Privacy,
) -> Result<(), Failure> {
    for (name, value) in headers {
        let line = format!("    {name}: {}", shown_line(value, privacy));
        screen.line(&screen.paint(Style::Note, &line))?;
    }
    let text = said::body(&body.text, privacy);
    // Whole JSON is laid out; what was cut stays as it came.
    let laid = serde_json::from_str::<Value>(&text).ok().filter(|json| json.is_object() || json.is_array());
    let text = laid.and_then(|json| serde_json::to_string_pretty(&json).ok()).unwrap_or(text);
    for line in text.lines() {
        screen.line(&format!("    {}", one_line(line)))?;
    }
    if body.cut {
        let of = if body.bytes == 0 { String::new() } else { format!(" / {} bytes", body.bytes) };
        let (en, zh) = (
            format!("    … cut after {} bytes{of}", body.text.len()),
            format!("    …… 仅保留前 {} 字节{of}", body.text.len()),
        );
        screen.line(&screen.paint(Style::Note, screen.words(&en, &zh)))?;
    }
    Ok(())
}

fn shown_line(text: &str, privacy: Privacy) -> String {
    if privacy.is_open() { one_line(text) } else { running(&one_line(text)) }
}

/// The fields a delivery carries, in the other system's words.
fn content(operation: &Operation, privacy: Privacy) -> Vec<(String, String)> {
    let record = match operation {
        Operation::Create { record, .. }
        | Operation::Update { record, .. }
        | Operation::Tell { record, .. } => record,
        _ => return Vec::new(),
    };
    record.iter().map(|(name, value)| (name.to_owned(), privacy.foreign(name, value))).collect()
}

/// A delivery as a document, its attempts without what was said.
pub(super) fn to_json(told: &ToldDelivery, privacy: Privacy) -> Value {
    let delivery = &told.delivery;
    let (code, detail) = parked(told);
    let fields: serde_json::Map<String, Value> = content(&delivery.operation, privacy)
        .into_iter()
        .map(|(name, value)| (name, Value::from(value)))
        .collect();
    let state = match &delivery.state {
        DeliveryState::Due => "due",
        DeliveryState::Claimed { .. } => "claimed",
        DeliveryState::Settled => "settled",
        DeliveryState::Parked { .. } => "parked",
    };
    json!({
        "id": delivery.id.to_string(),
        "link": delivery.link,
        "purpose": delivery.purpose,
        "operation": words::operation(&delivery.operation),
        "lead": delivery.lead.map(|lead| lead.to_string()),
        "handoff": delivery.handoff.map(|handoff| handoff.to_string()),
        "state": state,
        "run": delivery.run,
        "attempt": delivery.attempt,
        "created_at": delivery.created_at.to_string(),
        "settled_at": told.settled_at.map(|at| at.to_string()),
        "code": code,
        "detail": detail,
        "fields": fields,
        "attempts": told.attempts.iter().map(note_json).collect::<Vec<_>>(),
    })
}

fn note_json(note: &AttemptNote) -> Value {
    json!({ "at": note.at.to_string(), "class": note.class, "detail": note.detail })
}

fn attempt_json(note: &AttemptNote, talk: Option<&Conversation>, privacy: Privacy) -> Value {
    let mut json = note_json(note);
    if let Some(talk) = talk {
        json["conversation"] = json!({
            "id": talk.id.to_string(),
            "deliveries": talk.of.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>(),
            "turns": talk.turns.iter().map(|turn| turn_json(turn, privacy)).collect::<Vec<_>>(),
        });
    }
    json
}

fn turn_json(turn: &Turn, privacy: Privacy) -> Value {
    let headers = |headers: &[(String, String)]| -> Value {
        headers.iter().map(|(name, value)| json!([name, shown_line(value, privacy)])).collect()
    };
    let body = |words: &Words| json!({ "text": said::body(&words.text, privacy), "bytes": words.bytes, "cut": words.cut });
    json!({
        "at": turn.at.to_string(),
        "took_ms": turn.took.0 / 1_000,
        "method": turn.method,
        "url": said::url(&turn.url, privacy),
        "headers": headers(&turn.headers),
        "body": body(&turn.body),
        "answer": turn.answer.as_ref().map(|answer| json!({
            "status": answer.status, "headers": headers(&answer.headers), "body": body(&answer.body),
        })),
        "broken": turn.broken.as_deref().map(|broken| shown_line(broken, privacy)),
    })
}
