//! `leadloop plan`: what a new config would change against the one in force.

use std::fmt::Write as _;
use std::path::Path;

use leadloop_config::compare::{Change, ChangeKind, ValueChange, compare};
use leadloop_store::{ActiveVersion, Store};
use leadloop_sync_core::because::Language;
use serde_json::{Value as Json, json};

use crate::args::{General, Planned};
use crate::failure::Failure;
use crate::plan;
use crate::screen::{Screen, Style, one_line};

/// Most things shown of one section.
const MOST: usize = 50;
/// Most characters shown of one value.
const LONGEST: usize = 160;

/// Shows the changes.
///
/// # Errors
/// Where one of the configs is not sound, or the database does not answer.
pub async fn run(screen: &mut Screen, general: &General, args: &Planned) -> Result<(), Failure> {
    let file = args.new.as_ref().unwrap_or(&general.config);
    let new = plan::plan_of(screen, file)?;
    let active = match plan::database(&new).is_some_and(|file| !file.exists()) {
        true => None,
        false => {
            let store = Store::open(&plan::store_settings(&new).read_only()).await?;
            let active = store.active_version().await;
            store.close().await;
            active?
        }
    };
    let known = active.as_ref().and_then(|active| active.outline.as_ref());
    let changes = compare(known.unwrap_or(&Json::Null), &new.outline);
    if screen.is_json() {
        let active = active.as_ref().map(
            |active| json!({ "hash": active.hash, "epoch": active.epoch, "since": active.at.to_string() }),
        );
        screen.json(&json!({
            "active": active,
            "compared": known.is_some(),
            "new": { "file": file, "hash": new.hash },
            "changes": changes,
        }))?;
        return Ok(());
    }
    headline(screen, active.as_ref(), &new.hash, file, changes.is_empty())?;
    show(screen, &changes)
}

fn headline(
    screen: &Screen,
    active: Option<&ActiveVersion>,
    hash: &str,
    file: &Path,
    nothing: bool,
) -> Result<(), Failure> {
    let Some(active) = active else {
        return Ok(screen.line(screen.words(
            "No config was ever in force here: everything is new.",
            "此处尚未有配置生效：全部为新增。",
        ))?);
    };
    let short = active.hash.get(..12).unwrap_or(&active.hash);
    let (at, file) = (active.at, file.display());
    let first = match screen.language() {
        Language::En => format!("In force: {short}, since {at}. Compared with it is {file}."),
        Language::Zh => format!("当前生效：{short}（自 {at}）；与之比较的是 {file}。"),
    };
    screen.line(&first)?;
    if active.outline.is_none() {
        return Ok(screen.line(&screen.paint(
            Style::Warn,
            screen.words(
                "What the config in force says was not kept: everything is shown as new.",
                "当前生效配置的内容未被保存：全部显示为新增。",
            ),
        ))?);
    }
    if active.hash == hash {
        screen.line(screen.words("It is the config in force.", "与当前生效的配置相同。"))?;
    } else if nothing {
        screen.line(screen.words("Nothing changes but remarks and layout.", "仅注释或排版有变化。"))?;
    }
    Ok(())
}

fn show(screen: &Screen, changes: &[Change]) -> Result<(), Failure> {
    let mut section = "";
    let mut shown = 0;
    for change in changes {
        if change.section != section {
            section = &change.section;
            shown = 0;
            let title = if section.contains('.') { section.to_owned() } else { format!("[{section}]") };
            screen.head(&title)?;
        }
        shown += 1;
        if shown == MOST + 1 {
            let all = changes.iter().filter(|other| other.section == section).count();
            screen.line(&format!("  … {} {}", all - MOST, screen.words("more", "项未显示")))?;
        }
        if shown <= MOST {
            one(screen, change)?;
        }
    }
    Ok(())
}

fn one(screen: &Screen, change: &Change) -> Result<(), Failure> {
    let (style, sign) = match change.kind {
        ChangeKind::Added => (Style::Good, "+"),
        ChangeKind::Removed => (Style::Bad, "-"),
        ChangeKind::Changed => (Style::Warn, "~"),
        ChangeKind::Moved => (Style::Warn, "↕"),
    };
    let name = one_line(change.name.as_deref().unwrap_or(&change.section));
    let place = place(screen.language(), change);
    screen.line(&format!("  {}{place}", screen.paint(style, &format!("{sign} {name}"))))?;
    if change.kind == ChangeKind::Changed {
        for value in &change.values {
            screen.line(&format!("      {}", line(value)))?;
        }
    }
    Ok(())
}

fn place(language: Language, change: &Change) -> String {
    match (change.kind, change.place, language) {
        (ChangeKind::Moved, (Some(from), Some(to)), Language::En) => format!("  from place {from} to {to}"),
        (ChangeKind::Moved, (Some(from), Some(to)), Language::Zh) => {
            format!("  由第 {from} 位移到第 {to} 位")
        }
        (ChangeKind::Added, (_, Some(at)), Language::En) => format!("  at place {at}"),
        (ChangeKind::Added, (_, Some(at)), Language::Zh) => format!("  位于第 {at} 位"),
        (ChangeKind::Removed, (Some(at), _), Language::En) => format!("  was at place {at}"),
        (ChangeKind::Removed, (Some(at), _), Language::Zh) => format!("  原位于第 {at} 位"),
        _ => String::new(),
    }
}

/// `limits.per_second: 5 → 9`.
fn line(change: &ValueChange) -> String {
    let mut line = format!("{}: ", one_line(&change.key));
    // Writing into a text cannot fail.
    let _ = match (&change.before, &change.after) {
        (Some(before), Some(after)) => write!(line, "{} → {}", shown(before), shown(after)),
        (None, Some(after)) => write!(line, "+ {}", shown(after)),
        (Some(before), None) => write!(line, "- {}", shown(before)),
        (None, None) => Ok(()),
    };
    line
}

/// A value on one line, not too long.
fn shown(json: &Json) -> String {
    let text = one_line(&written(json));
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain(['…']).collect() }
}

/// A value as it could stand in the config.
fn written(json: &Json) -> String {
    match json {
        Json::Object(map) => {
            let parts: Vec<String> =
                map.iter().map(|(key, inner)| format!("{key} = {}", written(inner))).collect();
            format!("{{ {} }}", parts.join(", "))
        }
        Json::Array(list) => format!("[{}]", list.iter().map(written).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
