//! The week as a page: tables and bars made of cells with a width, which mail programs draw without scripts or pictures.

use std::fmt::Write as _;

use leadloop_sync_core::because::Language;

use super::{CHANNELS, Column, EVENTS, FACTS, Week, change, money};

/// The colours of text, lines, bars and what is beside the point.
const INK: &str = "#1c2430";
const LINE: &str = "#c3cad4";
const BAR: &str = "#0b57c2";
const BEFORE: &str = "#9fb4d1";
const QUIET: &str = "#525d6b";
/// Pixels of the longest bar.
const LONGEST: i64 = 220;

/// The page.
pub(super) fn of(week: &Week, language: Language) -> String {
    let zh = language == Language::Zh;
    let pick = |cn: &'static str, en: &'static str| if zh { cn } else { en };
    let title = pick("线索周报", "Leads of the week");
    let lang = pick("zh-CN", "en");
    let mut out = format!(
        "<!DOCTYPE html><html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title></head>\
         <body style=\"font-family:sans-serif;font-size:14px;color:{INK};max-width:760px\">\
         <h1 style=\"font-size:20px\">{title}</h1><p style=\"color:{QUIET}\">{} – {}</p>",
        week.first, week.last
    );
    happened(&mut out, week, zh);
    let _ = write!(
        out,
        "<p>{}: <strong>{}</strong></p>",
        pick("本周赢单金额", "Amount won this week"),
        money(week.happened.cents)
    );
    if let Some(line) = week.share_line(zh) {
        let _ = write!(out, "<p>{}</p>", escaped(&line));
    }
    let heading = |out: &mut String, text: &str| {
        let _ = write!(out, "<h2 style=\"font-size:16px\">{text}</h2>");
    };
    heading(&mut out, pick("本周新线索，按渠道", "People who came this week, by channel"));
    let none = pick("本周没有新线索", "nobody came this week");
    table(
        &mut out,
        (pick("渠道", "channel"), none),
        &CHANNELS,
        &week.channels,
        |row| (&row.name, row.people),
        zh,
    );
    heading(&mut out, pick("本周活动", "Events of this week"));
    let none = pick("本周没有活动", "no events this week");
    table(&mut out, (pick("活动", "event"), none), &EVENTS, &week.events, |row| (&row.name, row.people), zh);
    out.push_str("</body></html>");
    out
}

/// One line per step: this week, the week before, a bar for each.
fn happened(out: &mut String, week: &Week, zh: bool) {
    let all = FACTS.iter().flat_map(|(.., number)| [number(&week.happened), number(&week.before)]);
    let most = all.max().unwrap_or(0).max(1);
    out.push_str("<table cellpadding=\"4\" cellspacing=\"0\" style=\"border-collapse:collapse\"><tr>");
    let heads = if zh {
        ["", "本周", "上周", "变化", ""]
    } else {
        ["", "this week", "week before", "change", ""]
    };
    for head in heads {
        let _ = write!(out, "<th style=\"text-align:right;border-bottom:1px solid {LINE}\">{head}</th>");
    }
    out.push_str("</tr>");
    for (cn, en, number) in FACTS {
        let (now, before) = (number(&week.happened), number(&week.before));
        let _ = write!(
            out,
            "<tr><td>{}</td><td style=\"text-align:right\"><strong>{now}</strong></td>\
             <td style=\"text-align:right;color:{QUIET}\">{before}</td><td style=\"text-align:right\">{}</td><td>{}{}</td></tr>",
            if zh { cn } else { en },
            change(now, before),
            bar(now, most, BAR),
            bar(before, most, BEFORE)
        );
    }
    out.push_str("</table>");
}

fn table<R>(
    out: &mut String,
    (first, none): (&str, &str),
    columns: &[Column<R>],
    rows: &[R],
    of: fn(&R) -> (&str, i64),
    zh: bool,
) {
    if rows.is_empty() {
        let _ = write!(out, "<p style=\"color:{QUIET}\">{none}</p>");
        return;
    }
    let most = rows.iter().map(|row| of(row).1).max().unwrap_or(0).max(1);
    let _ = write!(
        out,
        "<table cellpadding=\"4\" cellspacing=\"0\" style=\"border-collapse:collapse\"><tr>\
         <th style=\"text-align:left;border-bottom:1px solid {LINE}\">{first}</th>"
    );
    for (cn, en, _) in columns {
        let head = if zh { cn } else { en };
        let _ = write!(out, "<th style=\"text-align:right;border-bottom:1px solid {LINE}\">{head}</th>");
    }
    out.push_str("<th></th></tr>");
    for row in rows {
        let (name, size) = of(row);
        let name = if name.is_empty() { "–".to_owned() } else { escaped(name) };
        let _ = write!(out, "<tr><td>{name}</td>");
        for (.., number) in columns {
            let _ = write!(out, "<td style=\"text-align:right\">{}</td>", number(row));
        }
        let _ = write!(out, "<td>{}</td></tr>", bar(size, most, BAR));
    }
    out.push_str("</table>");
}

/// A bar; where there is something, at least a line.
fn bar(size: i64, most: i64, colour: &str) -> String {
    let width = (size.max(0) * LONGEST / most).max(i64::from(size > 0));
    format!(
        "<div style=\"background:{colour};height:8px;width:{width}px;margin:1px 0;font-size:1px;line-height:8px\"></div>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
