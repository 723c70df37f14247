//! What `leadloop doctor` found, for people and for programs.

use std::collections::BTreeMap;
use std::path::Path;

use leadloop_config::Loaded;
use leadloop_config::live::Reach;
use leadloop_config::render::terminal::{self, Look};
use leadloop_config::render::{counts, json};
use leadloop_mapping::Value;
use leadloop_server::doctor::Asked;
use leadloop_sync_core::because::Language;
use leadloop_sync_core::ids::LinkName;
use serde_json::json;

use super::Locked;
use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style};

/// Columns of an excerpt where the terminal does not say.
const WIDTH: usize = 120;

/// Prints connections, problems, and what became of the lock file.
pub(super) fn print(
    screen: &Screen,
    asked: &BTreeMap<LinkName, Asked>,
    checked: &Loaded,
    place: &Path,
    locked: &Locked,
) -> Result<(), Failure> {
    let (errors, warnings) = counts(&checked.problems);
    if screen.is_json() {
        let (written, error) = match locked {
            Locked::Written => (true, None),
            Locked::AsBefore => (false, None),
            Locked::Failed(why) => (false, Some(why)),
        };
        screen.json(&json!({
            "ok": errors == 0,
            "errors": errors,
            "warnings": warnings,
            "connections": asked.iter().map(|(name, asked)| connection(name, asked)).collect::<Vec<_>>(),
            "problems": json::render(&checked.problems, &checked.texts),
            "lock": { "file": place, "written": written, "error": error },
        }))?;
        return Ok(());
    }
    screen.line(&screen.paint(Style::Head, screen.words("Connections", "连接")))?;
    screen.table(&table(screen, asked))?;
    prepared(screen, asked)?;
    screen.line("")?;
    let look = Look { language: screen.language(), colour: screen.has_colour(), width: WIDTH };
    for problem in &checked.problems {
        screen.line(&terminal::render(problem, &checked.texts, look))?;
        screen.line("")?;
    }
    let style = match (errors, warnings) {
        (0, 0) => Style::Good,
        (0, _) => Style::Warn,
        _ => Style::Bad,
    };
    screen.line(&screen.paint(style, &terminal::summary(&checked.problems, screen.language())))?;
    let name = place.display();
    match locked {
        Locked::Written => {
            screen.line(&format!(
                "{} {name}",
                screen.words("what was checked is written to", "核对结果已写入")
            ))?;
        }
        Locked::Failed(why) => {
            screen.aside(&format!(
                "{} {name}: {why}",
                screen.words("the lock file cannot be written:", "无法写入锁文件：")
            ));
        }
        Locked::AsBefore => {}
    }
    Ok(())
}

/// One connection a line.
fn table(screen: &Screen, asked: &BTreeMap<LinkName, Asked>) -> Rows {
    let heads = match screen.language() {
        Language::En => ["", "name", "address", "as", "#ms", "#quota left", "#objects", "#users"],
        Language::Zh => ["", "名称", "地址", "身份", "#毫秒", "#剩余配额", "#对象", "#用户"],
    };
    let mut rows = Rows::new(&heads).indent(2);
    for (name, asked) in asked {
        let said = &asked.said;
        let (style, sign) = match &said.reach {
            Reach::Answered(_) => (Style::Good, "✓"),
            Reach::NotAsked => (Style::Note, "–"),
            Reach::Failed(..) => (Style::Bad, "✗"),
        };
        let told = |key: &str| match &said.reach {
            Reach::Answered(record) => record.get(key).map(Value::to_display).unwrap_or_default(),
            _ => String::new(),
        };
        let described = said.objects.values().filter(|object| object.is_ok()).count();
        let users = said.users.values().filter(|user| user.is_some()).count();
        let of = |found: usize, all: usize| if all == 0 { String::new() } else { format!("{found}/{all}") };
        rows.push_marked(
            style,
            vec![
                sign.to_owned(),
                name.0.clone(),
                asked.base.clone(),
                told("user"),
                asked.took.map(|took| took.as_millis().to_string()).unwrap_or_default(),
                told("quota_left"),
                of(described, said.objects.len()),
                of(users, said.users.len()),
            ],
        );
    }
    rows
}

fn prepared(screen: &Screen, asked: &BTreeMap<LinkName, Asked>) -> std::io::Result<()> {
    for (name, asked) in asked {
        for (object, field, why_not) in &asked.prepared {
            let what = format!("{name}: {object}.{field}");
            let (style, text) = match why_not {
                None => (Style::Good, format!("  {what} {}", screen.words("was made", "已创建"))),
                Some(why) => {
                    (Style::Bad, format!("  {what} {}: {why}", screen.words("could not be made", "无法创建")))
                }
            };
            screen.line(&screen.paint(style, &text))?;
        }
    }
    Ok(())
}

fn connection(name: &LinkName, asked: &Asked) -> serde_json::Value {
    let said = &asked.said;
    let told = match &said.reach {
        Reach::Answered(record) => record.to_json(),
        _ => json!({}),
    };
    let objects: BTreeMap<&String, Option<usize>> = said
        .objects
        .iter()
        .map(|(object, described)| (object, described.as_ref().map(|described| described.fields.len()).ok()))
        .collect();
    let users: BTreeMap<&String, bool> = said.users.iter().map(|(id, user)| (id, user.is_some())).collect();
    let prepared: Vec<serde_json::Value> = asked
        .prepared
        .iter()
        .map(|(object, field, why_not)| {
            json!({ "object": object, "field": field, "made": why_not.is_none(), "why_not": why_not })
        })
        .collect();
    json!({
        "name": name,
        "address": asked.base,
        "reached": matches!(said.reach, Reach::Answered(_)),
        "asked": !matches!(said.reach, Reach::NotAsked),
        "took_ms": asked.took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        "clock_ahead_ms": said.ahead.map(|ahead| ahead.0 / 1_000),
        "says": told,
        "objects": objects,
        "users": users,
        "prepared": prepared,
    })
}
