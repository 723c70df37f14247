//! What became of the rows of a file.

use std::path::Path;

use leadloop_server::import::{Outcome, Tally};
use leadloop_sync_core::because::Language;
use serde_json::json;

use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style};

/// Most rows that are listed on a screen; all stand in the JSON up to `KEPT`.
const SHOWN: usize = 20;
/// Prints the counts, the refused rows, and what to do about them.
///
/// # Errors
/// Where the output cannot be written.
pub fn print(screen: &Screen, file: &Path, dry: bool, tally: &Tally) -> Result<(), Failure> {
    if screen.is_json() {
        return Ok(screen.json(&json!({
            "file": file.display().to_string(), "dry_run": dry, "rows": tally.rows, "accepted": tally.accepted,
            "duplicates": tally.duplicates, "quarantined": tally.refused, "unwanted": tally.unwanted, "erased": tally.erased,
            "codes": tally.codes, "outcomes": tally.lines,
            "rejected_file": tally.rejected.as_ref().map(|path| path.display().to_string()),
        }))?);
    }
    let head = match (dry, screen.language()) {
        (false, Language::En) => format!("{}: {} rows read", file.display(), tally.rows),
        (false, Language::Zh) => format!("{}：共读取 {} 行", file.display(), tally.rows),
        (true, Language::En) => {
            format!("{}: {} rows read, nothing kept (dry run)", file.display(), tally.rows)
        }
        (true, Language::Zh) => format!("{}：共读取 {} 行，未保存（试运行）", file.display(), tally.rows),
    };
    screen.line(&screen.paint(Style::Head, &head))?;
    let mut table = Rows::new(&["", "#", ""]).indent(2);
    let mut row = |en: &str, zh: &str, count: u64, note: String| {
        table.push(vec![screen.words(en, zh).to_owned(), count.to_string(), note]);
    };
    row("accepted", "已接收", tally.accepted, String::new());
    row("duplicates", "重复", tally.duplicates, screen.words("told before", "此前已有").to_owned());
    let codes: Vec<String> = tally.codes.iter().map(|(code, count)| format!("{code} × {count}")).collect();
    row("in quarantine", "隔离", tally.refused, codes.join(", "));
    if tally.erased > 0 {
        let why = screen.words("LL4522: `lead readmit` lifts it", "LL4522：`lead readmit` 可解除");
        row("erased before", "曾被删除", tally.erased, why.to_owned());
    }
    if tally.unwanted > 0 {
        row("not wanted", "不需要", tally.unwanted, screen.words("by `keep`", "按 keep 条件").to_owned());
    }
    screen.table(&table)?;
    rows(screen, tally)?;
    advice(screen, dry, tally)
}

fn rows(screen: &Screen, tally: &Tally) -> Result<(), Failure> {
    let refused = || tally.lines.iter().filter(|line| line.outcome == Outcome::Quarantined);
    if refused().next().is_none() {
        return Ok(());
    }
    let mut table = Rows::new(&[
        screen.words("#row", "#行"),
        screen.words("code", "代码"),
        screen.words("what is wrong", "原因"),
    ])
    .indent(2);
    for line in refused().take(SHOWN) {
        table.push(vec![
            line.row.to_string(),
            line.code.clone().unwrap_or_default(),
            line.detail.clone().unwrap_or_default(),
        ]);
    }
    screen.line("")?;
    screen.table(&table)?;
    let more = tally.refused.saturating_sub(u64::try_from(SHOWN).unwrap_or(0));
    if more > 0 {
        let text = match screen.language() {
            Language::En => format!("  … and {more} more"),
            Language::Zh => format!("  ……另有 {more} 行"),
        };
        screen.line(&text)?;
    }
    Ok(())
}

fn advice(screen: &Screen, dry: bool, tally: &Tally) -> Result<(), Failure> {
    if let Some(path) = &tally.rejected {
        let text = match screen.language() {
            Language::En => {
                format!("refused rows: {} — mend them there and import that file", path.display())
            }
            Language::Zh => format!("被拒行已写入 {}，改好后导入该文件即可", path.display()),
        };
        screen.line(&format!("\n{text}"))?;
    }
    if !dry && !tally.running && tally.accepted > 0 {
        let text = screen.words(
            "the rows are in the pool; hand-overs go out when `leadloop run` runs",
            "这些行已进入线索池；运行 `leadloop run` 后开始转出",
        );
        screen.line(&screen.paint(Style::Note, text))?;
    }
    Ok(())
}
