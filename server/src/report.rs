//! The week in numbers: as text, as HTML with bars, and as CSV.

use std::fmt::Write as _;

use jiff::civil::Date;
use leadloop_store::StoreError;
use leadloop_store::read::funnel::{FunnelBy, FunnelRow, FunnelSpan};
use leadloop_sync_core::because::Language;
use leadloop_sync_core::notice::{Announcement, Attachment};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::time::Timestamp;
use serde_json::json;

use crate::node::Node;

/// Days of a report.
const DAYS: i32 = 7;

/// A column: heading in Chinese and English, and the number of a row.
type Column = (&'static str, &'static str, fn(&FunnelRow) -> i64);

const COLUMNS: [Column; 7] = [
    ("线索", "leads", |row| row.people),
    ("MQL", "MQL", |row| row.mql),
    ("已转出", "handed over", |row| row.handed_over),
    ("已接受", "accepted", |row| row.accepted),
    ("商机", "opportunity", |row| row.opportunity),
    ("赢单", "won", |row| row.won),
    ("输单", "lost", |row| row.lost),
];

/// The report of the week before `monday`.
///
/// # Errors
/// When the store cannot be reached.
pub async fn weekly(node: &Node, policy: &Policy, monday: Date) -> Result<Announcement, StoreError> {
    let first = monday.checked_sub(jiff::Span::new().days(DAYS)).unwrap_or(monday);
    let start =
        |day: Date| day.to_zoned(policy.zone.clone()).ok().map(|zoned| Timestamp::from(zoned.timestamp()));
    let span = FunnelSpan { from: start(first), to: start(monday), pools: None };
    let rows = node.store.funnel(&FunnelBy::Channel, span).await?;
    let last = monday.yesterday().unwrap_or(monday);
    Ok(of(&rows, first, last, policy.language))
}

/// A report of these rows.
#[must_use]
pub fn of(rows: &[FunnelRow], first: Date, last: Date, language: Language) -> Announcement {
    let zh = language == Language::Zh;
    let total = |number: fn(&FunnelRow) -> i64| rows.iter().map(number).sum::<i64>();
    let mut text = format!("{first} – {last}\n");
    for (name_zh, name_en, number) in COLUMNS {
        let _ = writeln!(text, "{}: {}", if zh { name_zh } else { name_en }, total(number));
    }
    let people = total(|row| row.people);
    Announcement {
        thing: first.to_string(),
        facts: json!({ "report": text, "count": people }),
        html: Some(html(rows, first, last, zh)),
        files: vec![Attachment {
            name: format!("leadloop-{first}.csv"),
            kind: "text/csv; charset=utf-8".to_owned(),
            content: csv(rows, zh),
        }],
        ..Announcement::default()
    }
}

fn heads(zh: bool) -> Vec<&'static str> {
    let first = if zh { "渠道" } else { "channel" };
    std::iter::once(first).chain(COLUMNS.iter().map(|(cn, en, _)| if zh { *cn } else { *en })).collect()
}

/// Spreadsheets know UTF-8 by its mark, and take nothing for a formula.
fn csv(rows: &[FunnelRow], zh: bool) -> String {
    let cell = |text: &str| {
        let guarded =
            if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.to_owned() };
        if guarded.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", guarded.replace('"', "\"\""))
        } else {
            guarded
        }
    };
    let mut out = format!("\u{feff}{}\r\n", heads(zh).join(","));
    for row in rows {
        let mut cells = vec![cell(&row.name)];
        cells.extend(COLUMNS.iter().map(|(.., number)| number(row).to_string()));
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
}

/// A table with bars that every mail program draws.
fn html(rows: &[FunnelRow], first: Date, last: Date, zh: bool) -> String {
    let most = rows.iter().map(|row| row.people).max().unwrap_or(0).max(1);
    let title = if zh { "线索周报" } else { "Leads of the week" };
    let lang = if zh { "zh-CN" } else { "en" };
    let mut out = format!(
        "<!DOCTYPE html><html lang=\"{lang}\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body style=\"font-family:sans-serif;color:#1c2430\"><h1 style=\"font-size:18px\">{title}</h1>\
         <p>{first} – {last}</p><table cellpadding=\"6\" cellspacing=\"0\" style=\"border-collapse:collapse\"><tr>"
    );
    for head in heads(zh) {
        let _ = write!(out, "<th style=\"text-align:left;border-bottom:1px solid #c3cad4\">{head}</th>");
    }
    out.push_str("<th></th></tr>");
    for row in rows {
        let name = if row.name.is_empty() { "–".to_owned() } else { escaped(&row.name) };
        let _ = write!(out, "<tr><td>{name}</td>");
        for (.., number) in COLUMNS {
            let _ = write!(out, "<td style=\"text-align:right\">{}</td>", number(row));
        }
        let width = row.people * 160 / most;
        let _ =
            write!(out, "<td><div style=\"background:#0b57c2;height:10px;width:{width}px\"></div></td></tr>");
    }
    out.push_str("</table></body></html>");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_add_up_and_no_name_is_markup_or_a_formula() {
        let row = |name: &str, people, won| FunnelRow {
            name: name.to_owned(),
            people,
            won,
            ..FunnelRow::default()
        };
        let rows = [row("官网", 7, 2), row("<b>&\"=SUM(A1)", 3, 0), row("=1+1", 0, 1)];
        let day = |d| jiff::civil::date(2026, 11, d);
        let said = of(&rows, day(16), day(22), Language::En);
        assert!(said.facts["report"].as_str().unwrap().contains("leads: 10\n"), "{}", said.facts);
        assert_eq!(said.facts["count"], 10);
        let html = said.html.unwrap();
        assert!(html.contains("&lt;b&gt;&amp;&quot;") && !html.contains("<b>"), "{html}");
        let csv = &said.files[0].content;
        assert!(csv.starts_with("\u{feff}channel,leads,MQL"), "{csv}");
        assert!(csv.contains("\r\n'=1+1,0,") && csv.contains("\"<b>&\"\"=SUM(A1)\",3,"), "{csv}");
    }
}
