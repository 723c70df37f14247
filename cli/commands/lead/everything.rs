//! `leadloop lead export --all`: everything that is held of a person, as one JSON document or as a ZIP that people can read:
//! a page of contents, the document, the timeline as a table, the raw pushes as they came.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use leadloop_config::plan::Plan;
use leadloop_store::Store;
use leadloop_store::read::quarantine::StoredPush;
use leadloop_store::read::story::Story;
use leadloop_sync_core::ids::{LeadId, PushId};
use leadloop_sync_core::score;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::who;
use crate::args::General;
use crate::args::lead::LeadExport;
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::Screen;
use crate::sheet::{Cell, csv_of, put};
use crate::{plan, reveal, when};

/// A raw push: none where it holds other people too.
type Raw = (PushId, Option<StoredPush>);

/// Writes everything that is held of a person into a file.
///
/// # Errors
/// Where nobody fits, the reading cannot be noted, or the file cannot be written.
pub async fn run(screen: &mut Screen, general: &General, args: &LeadExport) -> Result<(), Failure> {
    let ending = args.out.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    let zipped = match ending.as_deref() {
        Some("zip") => true,
        Some("json") => false,
        _ => {
            return Err(Failure::input(
                format!("`{}` is neither .zip nor .json", args.out.display()),
                format!("`{}` 既不是 .zip 也不是 .json", args.out.display()),
            )
            .help("end the file's name with .zip or .json", "文件名请以 .zip 或 .json 结尾"));
        }
    };
    let plan = plan::plan(screen, general)?;
    let asked = args.who.join(" ");
    let store = plan::reading(&plan).await?;
    let found = who::one(&store, &plan, &asked).await?;
    let Some(story) = store.whole_story(found.lead.id).await? else {
        return Err(crate::commands::why::nobody(&asked).code("LL4406"));
    };
    let leads: BTreeSet<LeadId> =
        std::iter::once(story.lead.id).chain(story.merged.iter().map(|lead| lead.id)).collect();
    let raw = raw(&store, &leads).await?;
    let ids: Vec<LeadId> = leads.into_iter().collect();
    let seen = store.audited(&ids, None, u32::MAX).await?;
    store.close().await;
    let privacy = reveal::privacy(&plan, true, "export_data", &ids, "lead export").await?;
    let mut document = document(&story, &plan, privacy);
    document["who_saw_it"] = seen
        .iter()
        .map(|seen| json!({ "at": seen.at.to_string(), "who": seen.who, "what": seen.what, "detail": seen.detail }))
        .collect();
    document["raw_pushes"] = raw.iter().map(|push| push_json(push, zipped)).collect();
    let text = serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::outside(error.to_string(), error.to_string()))?;
    let bytes = if zipped { zip_of(&story, &plan, &text, &raw)? } else { text.into_bytes() };
    put(&args.out, &bytes, args.force)?;
    let path = args.out.display();
    let (touches, pushes) = (story.touches.len(), raw.len());
    if screen.is_json() {
        return Ok(screen.json(&json!({
            "file": path.to_string(), "bytes": bytes.len(), "touches": touches, "pushes": pushes,
        }))?);
    }
    Ok(screen.line(screen.words(
        &format!("everything that is held was written to {path} (touches: {touches}, raw pushes: {pushes})"),
        &format!("所持有的全部数据已写入 {path}（互动 {touches} 次，原始推送 {pushes} 条）"),
    ))?)
}

/// A push that holds others too is named only: its records of this person stand among the captures.
async fn raw(store: &Store, leads: &BTreeSet<LeadId>) -> Result<Vec<Raw>, Failure> {
    let mut raw = Vec::new();
    for (id, shared) in store.pushes_of(leads).await? {
        raw.push((id, if shared { None } else { store.push(id).await? }));
    }
    Ok(raw)
}

fn push_json((id, push): &Raw, zipped: bool) -> Value {
    let mut json = json!({ "id": id.to_string(), "holds_others": push.is_none() });
    if let Some(push) = push {
        json["arrived"] = push.arrived.to_string().into();
        if zipped {
            json["file"] = name_of(push).into();
        } else {
            json["body"] = String::from_utf8_lossy(&push.body).into_owned().into();
        }
    }
    json
}

fn document(story: &Story, plan: &Plan, privacy: Privacy) -> Value {
    let mut document = crate::commands::why::json::story(story, plan, privacy);
    document["captures"] = story.captures.iter().map(|kept| json!(kept.capture)).collect();
    document["bindings"] = json!(story.bindings);
    document["marks"] = json!(story.lead.marks);
    document["decisions_in_full"] = json!(story.decisions);
    document["deliveries_in_full"] = story
        .deliveries
        .iter()
        .map(|told| json!({ "delivery": told.delivery, "attempts": told.attempts }))
        .collect();
    document["crm_links"] = json!(story.links);
    document
}

fn zip_of(story: &Story, plan: &Plan, text: &str, raw: &[Raw]) -> Result<Vec<u8>, Failure> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().unix_permissions(0o600);
    let mut add = |name: &str, bytes: &[u8]| {
        zip.start_file(name, options).map_err(|error| failed(&error))?;
        zip.write_all(bytes).map_err(|error| failed(&error))
    };
    // The mark lets Windows read the Chinese half.
    add("README.txt", format!("\u{feff}{}", contents(story, plan, raw)).as_bytes())?;
    add("profile.json", text.as_bytes())?;
    add("timeline.csv", &timeline(story, plan)?)?;
    for push in raw.iter().filter_map(|(_, push)| push.as_ref()) {
        add(&name_of(push), &push.body)?;
    }
    Ok(zip.finish().map_err(|error| failed(&error))?.into_inner())
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::outside(format!("the ZIP cannot be made: {error}"), format!("无法生成 ZIP：{error}"))
}

/// The file of a raw push: its ending by what its sender said it is.
fn name_of(push: &StoredPush) -> String {
    let kind = push.headers.get("content-type").map_or("", String::as_str);
    let ending = ["json", "xml", "csv"].into_iter().find(|ending| kind.contains(ending));
    let text = kind.contains("form-urlencoded") || kind.starts_with("text/");
    let ending = ending.unwrap_or(if text { "txt" } else { "bin" });
    format!("pushes/{}.{ending}", push.id)
}

fn contents(story: &Story, plan: &Plan, raw: &[Raw]) -> String {
    let (now, zone) =
        (when::clock(when::now(), &plan.policy.zone), plan.policy.zone.iana_name().unwrap_or(""));
    let name = story.lead.text("name").unwrap_or("-");
    let (id, touches, pushes) = (story.lead.id, story.touches.len(), raw.len());
    let shared = raw.iter().filter(|(_, push)| push.is_none()).count();
    let mut text = format!(
        "Everything that is held of {name} ({id}), {now} {zone}\r\n\r\n\
         profile.json   all of it: fields with source and time, identifiers, consent, scores, tags, remarks, history,\r\n\
         \x20              decisions, what other systems were told, and who looked at it\r\n\
         timeline.csv   what happened, oldest first; opens in any spreadsheet (touches: {touches})\r\n\
         pushes/        what was sent to us, byte by byte (messages: {pushes})"
    );
    if shared > 0 {
        let _ = write!(
            text,
            "; with other people in them and left out: {shared},\r\n               their records of this person stand in profile.json"
        );
    }
    let _ = write!(
        text,
        "\r\n\r\n{name}（{id}）的全部个人数据，{now} {zone}\r\n\r\n\
         profile.json   全部内容：字段及其来源和时间、标识、授权、得分、标签、备注、历史、决策、告知其他系统的内容、查看记录\r\n\
         timeline.csv   发生过的事，按时间先后：{touches} 次互动；可用任意表格软件打开\r\n\
         pushes/        收到的原始消息，逐字节保存：{pushes} 条"
    );
    if shared > 0 {
        let _ = write!(text, "；其中 {shared} 条含他人数据，未附上，此人的记录见 profile.json");
    }
    text.push_str("\r\n");
    text
}

/// The touches as a table, oldest first.
fn timeline(story: &Story, plan: &Plan) -> Result<Vec<u8>, Failure> {
    let rows = story.touches.iter().rev().map(|touch| {
        let by =
            touch.by.as_ref().map_or(Cell::Empty, |by| Cell::from(format!("{} {}", by.kind.0, by.value)));
        let details = touch.fields.iter().map(|(name, value)| format!("{name}={}", value.to_display()));
        let points = touch.points.iter().map(|(model, points)| format!("{model} {}", score::shown(*points)));
        vec![
            Cell::from(when::clock(touch.at, &plan.policy.zone)),
            Cell::from(touch.kind.as_str()),
            Cell::from(touch.source.as_str()),
            Cell::from(touch.channel.as_str()),
            by,
            Cell::from(details.collect::<Vec<_>>().join("; ")),
            Cell::from(points.collect::<Vec<_>>().join("; ")),
        ]
    });
    csv_of(&["at", "what", "source", "channel", "by", "details", "points"], rows)
}
