//! `leadloop explain LLnnnn`: the page of a code, in one language. The pages are part of the binary.

use leadloop_sync_core::because::Language;
use serde_json::json;

use crate::args::Explain;
use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style};

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Prints a page, or all codes with their titles.
///
/// # Errors
/// Where there is no such code.
pub fn run(screen: &Screen, args: &Explain) -> Result<(), Failure> {
    match &args.code {
        None => list(screen),
        Some(code) => page(screen, code),
    }
}

fn list(screen: &Screen) -> Result<(), Failure> {
    let titles = PAGES.iter().map(|(code, page)| (*code, title(part(page, screen.language()))));
    if screen.is_json() {
        let pages: Vec<_> = titles.map(|(code, title)| json!({ "code": code, "title": title })).collect();
        return Ok(screen.json(&json!({ "codes": pages }))?);
    }
    let mut rows = Rows::new(&["", ""]);
    for (code, title) in titles {
        rows.push(vec![code.to_owned(), title.to_owned()]);
    }
    Ok(screen.table(&rows)?)
}

fn page(screen: &Screen, asked: &str) -> Result<(), Failure> {
    let code = asked.trim().to_uppercase();
    let code = if code.starts_with("LL") { code } else { format!("LL{code}") };
    let Some((code, page)) = PAGES.iter().find(|(known, _)| *known == code) else {
        return Err(Failure::unknown(
            format!("there is no error code `{asked}`"),
            format!("没有错误码 `{asked}`"),
        )
        .help("`leadloop explain` lists them all", "`leadloop explain` 列出全部错误码"));
    };
    let text = part(page, screen.language());
    if screen.is_json() {
        return Ok(screen.json(&json!({ "code": code, "title": title(text), "text": text.trim() }))?);
    }
    for line in text.trim().lines() {
        match line.trim_start_matches('#') {
            heading if heading.len() < line.len() => {
                screen.line(&screen.paint(Style::Head, heading.trim()))?
            }
            _ => screen.line(line)?,
        }
    }
    Ok(())
}

/// A page holds its English text, then its Chinese one; each begins with a heading of the first level.
fn part(page: &str, language: Language) -> &str {
    let second = page.match_indices("\n# ").map(|(at, _)| at + 1).next().unwrap_or(page.len());
    let (english, chinese) = page.split_at_checked(second).unwrap_or((page, ""));
    match language {
        Language::Zh if !chinese.is_empty() => chinese,
        _ => english,
    }
}

/// The heading without `#` and the code.
fn title(text: &str) -> &str {
    let heading = text.trim_start().lines().next().unwrap_or("").trim_start_matches('#').trim_start();
    heading.split_once(char::is_whitespace).map_or(heading, |(_, title)| title.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_by_language() {
        let page = "# LL1020 The port is taken\n\n## Why\nx\n\n# LL1020 端口被占用\n\n## 为什么\n甲\n";
        assert_eq!(title(part(page, Language::En)), "The port is taken");
        assert_eq!(title(part(page, Language::Zh)), "端口被占用");
        assert!(part(page, Language::En).contains("## Why") && !part(page, Language::En).contains("甲"));
    }

    #[test]
    fn every_page_has_both_parts() {
        for (code, page) in PAGES {
            for language in [Language::En, Language::Zh] {
                assert!(!title(part(page, language)).is_empty(), "{code}");
            }
            assert_ne!(part(page, Language::En), part(page, Language::Zh), "{code}");
        }
    }
}
