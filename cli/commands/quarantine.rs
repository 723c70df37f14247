//! `leadloop quarantine`: records that could not be taken, pushes that could not be read, captures that were parked.

use leadloop_store::read::quarantine::{QuarantineAsk, QuarantinedRecord, StoredPush};
use leadloop_store::read::story::KeptCapture;
mod change;

use leadloop_server::orders::HeldId;
use leadloop_store::{PushState, Store};
use leadloop_sync_core::capture::CaptureEnd;
use leadloop_sync_core::ids::{PushId, SourceName};
use serde_json::{Value, json};

use crate::args::{General, Quarantine};
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style, one_line};
use crate::{plan, when};

/// Most characters of a body that are shown.
const SHOWN: usize = 4_000;

/// Lists, shows, mends, retries or drops.
///
/// # Errors
/// Where config or store cannot be used, or an id is none.
pub async fn run(screen: &mut Screen, general: &General, command: Quarantine) -> Result<(), Failure> {
    match command {
        Quarantine::List { source, code, limit, reveal } => {
            let ask =
                QuarantineAsk { source: source.as_deref().map(SourceName::from), code, after: None, limit };
            list(screen, general, &ask, reveal).await
        }
        Quarantine::Show { id, reveal } => show(screen, general, &id, reveal).await,
        Quarantine::Fix { id, fields } => change::fix(screen, general, &id, &fields).await,
        Quarantine::Retry { ids, source, code } => change::retry(screen, general, &ids, source, code).await,
        Quarantine::Drop { ids, yes } => change::give_up(screen, general, &ids, yes).await,
    }
}

/// A push, or a record of one by its place.
pub fn place(text: &str) -> Result<(PushId, Option<u32>), Failure> {
    let (push, position) = match text.split_once('/') {
        Some((push, position)) => (push, position.parse().ok().map(Some)),
        None => (text, Some(None)),
    };
    match (push.parse(), position) {
        (Ok(push), Some(position)) => Ok((push, position)),
        _ => Err(Failure::input(
            format!("`{text}` is neither a push nor a record of one"),
            format!("`{text}` 既非推送编号也非记录编号"),
        )
        .help("copy it from `leadloop quarantine list`", "请从 `leadloop quarantine list` 复制")),
    }
}

async fn list(
    screen: &mut Screen,
    general: &General,
    ask: &QuarantineAsk,
    reveal: bool,
) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let store = plan::reading(&plan).await?;
    let records = store.quarantine(ask).await?;
    let pushes = store.parked_pushes(ask).await?;
    let captures = captures(&store, ask).await?;
    store.close().await;
    let privacy = crate::reveal::privacy(&plan, reveal, "reveal", &[], "quarantine list").await?;
    if screen.is_json() {
        return Ok(screen.json(&json!({
            "records": records.iter().map(|record| record_json(record, privacy)).collect::<Vec<_>>(),
            "pushes": pushes.iter().map(|push| push_json(push, false)).collect::<Vec<_>>(),
            "captures": captures.iter().map(capture_json).collect::<Vec<_>>(),
        }))?);
    }
    if records.is_empty() && pushes.is_empty() && captures.is_empty() {
        return Ok(screen.line(screen.words("nothing is in quarantine", "隔离区为空"))?);
    }
    let zone = &plan.policy.zone;
    let mut table = Rows::new(&[
        screen.words("id", "编号"),
        screen.words("source", "来源"),
        screen.words("since", "时间"),
        screen.words("code", "代码"),
        screen.words("what is wrong", "原因"),
    ]);
    let mut row = |id: String, source: &SourceName, at, code: &str, detail: &str| {
        table.push(vec![id, source.to_string(), when::clock(at, zone), code.to_owned(), detail.to_owned()]);
    };
    for kept in &records {
        let id = format!("{}/{}", kept.push, kept.record.position);
        row(id, &kept.source, kept.at, &kept.record.code, &kept.record.detail);
    }
    for push in &pushes {
        if let PushState::Parked { code, detail } = &push.state {
            row(push.id.to_string(), &push.source, push.arrived, code, detail);
        }
    }
    for kept in &captures {
        if let Some(CaptureEnd::Parked { code, detail }) = &kept.end {
            row(kept.capture.id.to_string(), &kept.capture.source, kept.capture.arrived, code, detail);
        }
    }
    screen.table(&table)?;
    Ok(screen.line(&screen.paint(
        Style::Note,
        screen.words(
            "`leadloop quarantine show ID` for the content, `leadloop explain CODE` for what to do",
            "`leadloop quarantine show 编号` 查看内容，`leadloop explain 代码` 查看处理办法",
        ),
    ))?)
}

async fn captures(store: &Store, ask: &QuarantineAsk) -> Result<Vec<KeptCapture>, Failure> {
    let mut parked = store.parked_captures(None, ask.limit).await?;
    parked.retain(|kept| {
        let code = match &kept.end {
            Some(CaptureEnd::Parked { code, .. }) => code,
            _ => return false,
        };
        ask.source.as_ref().is_none_or(|source| *source == kept.capture.source)
            && ask.code.as_ref().is_none_or(|asked| asked == code)
    });
    Ok(parked)
}

async fn show(screen: &mut Screen, general: &General, id: &str, reveal: bool) -> Result<(), Failure> {
    let held = change::held(id)?;
    let plan = plan::plan(screen, general)?;
    let store = plan::reading(&plan).await?;
    let found = match held {
        HeldId::Record(push, position) => store.quarantined(push, position).await?.map(Shown::Record),
        HeldId::Push(push) => store.push(push).await?.map(Shown::Push),
        HeldId::Capture(capture) => {
            store.parked_capture(capture).await?.map(|kept| Shown::Capture(Box::new(kept)))
        }
    };
    store.close().await;
    let Some(found) = found else {
        return Err(Failure::unknown(
            format!("there is no `{id}` in quarantine"),
            format!("隔离区没有 `{id}`"),
        )
        .help("`leadloop quarantine list` shows what is there", "用 `leadloop quarantine list` 查看"));
    };
    let zone = &plan.policy.zone;
    let privacy =
        crate::reveal::privacy(&plan, reveal, "reveal", &[], &format!("quarantine show {id}")).await?;
    match found {
        Shown::Record(record) if screen.is_json() => Ok(screen.json(&record_json(&record, privacy))?),
        Shown::Push(push) if screen.is_json() => Ok(screen.json(&push_json(&push, true))?),
        Shown::Capture(kept) if screen.is_json() => {
            let mut shown = capture_json(&kept);
            if let Some(shown) = shown.as_object_mut() {
                let who = kept.capture.who.iter().map(|who| privacy.identifier(who)).collect::<Vec<_>>();
                shown.insert("who".to_owned(), json!(who));
                let fields =
                    fields_of(&kept, privacy).into_iter().map(|(name, text)| (name, Value::from(text)));
                shown.insert("fields".to_owned(), Value::Object(fields.collect()));
            }
            Ok(screen.json(&shown)?)
        }
        Shown::Record(kept) => {
            screen.line(&screen.paint(Style::Head, id))?;
            screen.line(&format!("{} · {}", kept.source, when::clock(kept.at, zone)))?;
            let code = screen.paint(Style::Bad, &kept.record.code);
            screen.line(&format!("{code} {}", one_line(&kept.record.detail)))?;
            let mut table = Rows::new(&["", ""]).indent(2);
            for (name, value) in kept.record.raw.fields.iter() {
                table.push(vec![name.to_owned(), privacy.foreign(name, value)]);
            }
            screen.line("")?;
            Ok(screen.table(&table)?)
        }
        Shown::Push(push) => show_push(screen, &push, privacy, zone),
        Shown::Capture(kept) => show_capture(screen, &kept, privacy, zone),
    }
}

enum Shown {
    Record(QuarantinedRecord),
    Push(StoredPush),
    Capture(Box<KeptCapture>),
}

/// What a capture says, by the pool's names; of an answer, what sales said and of which record.
fn fields_of(kept: &KeptCapture, privacy: Privacy) -> Vec<(String, String)> {
    let all = kept.capture.fields.iter();
    all.map(|(name, value)| (name.to_owned(), privacy.foreign(name, value))).collect()
}

fn show_capture(
    screen: &Screen,
    kept: &KeptCapture,
    privacy: Privacy,
    zone: &jiff::tz::TimeZone,
) -> Result<(), Failure> {
    let capture = &kept.capture;
    screen.line(&screen.paint(Style::Head, &capture.id.to_string()))?;
    let arrived = when::clock(capture.arrived, zone);
    screen.line(&format!("{} · {arrived} · {}", capture.source, one_line(&capture.touch)))?;
    if let Some(CaptureEnd::Parked { code, detail }) = &kept.end {
        screen.line(&format!("{} {}", screen.paint(Style::Bad, code), one_line(detail)))?;
    }
    let mut table = Rows::new(&["", ""]).indent(2);
    for who in &capture.who {
        table.push(vec![screen.words("who", "身份").to_owned(), privacy.identifier(who)]);
    }
    for (name, text) in fields_of(kept, privacy) {
        table.push(vec![name, text]);
    }
    screen.line("")?;
    Ok(screen.table(&table)?)
}

fn show_push(
    screen: &Screen,
    push: &StoredPush,
    privacy: Privacy,
    zone: &jiff::tz::TimeZone,
) -> Result<(), Failure> {
    screen.line(&screen.paint(Style::Head, &push.id.to_string()))?;
    let arrived = when::clock(push.arrived, zone);
    screen.line(&format!("{} · {arrived} · {} {}", push.source, push.method, one_line(&push.path)))?;
    if let PushState::Parked { code, detail } = &push.state {
        screen.line(&format!("{} {}", screen.paint(Style::Bad, code), one_line(detail)))?;
    }
    let bytes = push.body.len();
    if !privacy.is_open() {
        let text = screen.words("bytes; --reveal shows them", "字节；加 --reveal 显示");
        return Ok(screen.line(&format!("{bytes} {text}"))?);
    }
    screen.line("")?;
    let text = String::from_utf8_lossy(&push.body);
    let shown: String =
        text.chars().take(SHOWN).map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    Ok(screen.line(&shown)?)
}

fn record_json(kept: &QuarantinedRecord, privacy: Privacy) -> Value {
    let fields: serde_json::Map<String, Value> = kept
        .record
        .raw
        .fields
        .iter()
        .map(|(name, value)| (name.to_owned(), Value::from(privacy.foreign(name, value))))
        .collect();
    json!({
        "id": format!("{}/{}", kept.push, kept.record.position),
        "source": kept.source, "at": kept.at.to_string(), "code": kept.record.code,
        "detail": kept.record.detail, "fixed": kept.fixed, "fields": fields,
    })
}

/// A push without its body: that is shown to people who ask for it.
fn push_json(push: &StoredPush, headers: bool) -> Value {
    let (code, detail) = match &push.state {
        PushState::Read => (None, None),
        PushState::Parked { code, detail } => (Some(code), Some(detail)),
    };
    let mut shown = json!({
        "id": push.id.to_string(), "source": push.source, "at": push.arrived.to_string(), "method": push.method,
        "path": push.path, "bytes": push.body.len(), "code": code, "detail": detail,
    });
    if headers && let Some(shown) = shown.as_object_mut() {
        shown.insert("headers".to_owned(), json!(push.headers));
    }
    shown
}

fn capture_json(kept: &KeptCapture) -> Value {
    let (code, detail) = match &kept.end {
        Some(CaptureEnd::Parked { code, detail }) => (Some(code), Some(detail)),
        _ => (None, None),
    };
    json!({
        "id": kept.capture.id.to_string(), "source": kept.capture.source, "at": kept.capture.arrived.to_string(),
        "code": code, "detail": detail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_pushes_or_records() {
        let id = "P-019000000000700080000000000000aa";
        assert_eq!(place(&format!("{id}/3")).unwrap().1, Some(3));
        assert_eq!(place(id).unwrap().1, None);
        assert!(place("P-1/2").is_err() && place(&format!("{id}/x")).is_err());
    }
}
