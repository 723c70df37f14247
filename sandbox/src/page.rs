//! The page for people: records and counts, readable on a phone, in Chinese and English, without scripts.

use crate::api::{App, object};
use crate::clock::rfc3339;
use crate::record::{Cell, Record};
use crate::refusal::Refusal;
use crate::schema::{Field, Kind, Label, Sort, pos};
use crate::take::query;
use crate::world::World;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use std::fmt::Write;

/// Records of one page.
const ROWS: usize = 50;

/// The language of a page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tongue {
    En,
    Zh,
}

impl Tongue {
    fn of(asked: Option<&str>, headers: &HeaderMap) -> Self {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        match asked.or(accepted) {
            Some(text) if text.starts_with("zh") => Self::Zh,
            _ => Self::En,
        }
    }

    fn say(self, label: Label) -> &'static str {
        match self {
            Self::En => label.en,
            Self::Zh => label.zh,
        }
    }

    fn words(self, en: &'static str, zh: &'static str) -> &'static str {
        self.say(Label { en, zh })
    }

    fn code(self) -> &'static str {
        self.words("en", "zh")
    }
}

/// Text that came from outside, made harmless.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

/// `GET /`: the newest records of an object.
pub(crate) async fn records(
    State(shared): App,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Refusal> {
    let query = query(raw.as_deref(), &["object", "page", "q", "lang"])?;
    let tongue = Tongue::of(query.get("lang").map(String::as_str), &headers);
    let kind = match query.get("object") {
        Some(name) => Kind::named(name).ok_or_else(|| Refusal::not_found("there is no such object"))?,
        None => Kind::Leads,
    };
    let page = query.get("page").and_then(|text| text.parse::<usize>().ok()).unwrap_or(1).clamp(1, 1_000_000);
    let wanted = query.get("q").map(|text| text.trim()).filter(|text| !text.is_empty());
    let faults = shared.gate().faults.list().len();
    let main = shared.read(|world| {
        let mut main = tabs(world, kind, tongue);
        main.push_str(&search_box(kind, wanted.unwrap_or_default(), tongue));
        let (alive, deleted) = world.counts(kind);
        let rows = match wanted {
            Some(text) => found(world, kind, text),
            None => world.newest(kind, (page - 1) * ROWS, ROWS),
        };
        main.push_str(&table(world, kind, &rows, tongue));
        if wanted.is_none() {
            main.push_str(&pager(kind, page, alive + deleted, tongue));
        }
        main
    });
    let foot = format!(
        "<footer>{} {} · {} {faults} · {}</footer>",
        tongue.words("seed", "随机种子"),
        shared.options.seed,
        tongue.words("active faults:", "生效故障："),
        escape(&rfc3339(shared.clock.now())),
    );
    Ok(frame(tongue, &format!("{main}{foot}")))
}

/// `GET /records/{object}/{id}`: all fields of one record and its activities.
pub(crate) async fn record(
    State(shared): App,
    headers: HeaderMap,
    Path((name, id)): Path<(String, String)>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Refusal> {
    let query = query(raw.as_deref(), &["lang"])?;
    let tongue = Tongue::of(query.get("lang").map(String::as_str), &headers);
    let kind = if name == "ma_contacts" { Kind::MaContacts } else { object(&name)? };
    let main = shared.read(|world| {
        let row = kind.row(&id).filter(|row| world.record(kind, *row).is_some());
        let row = row.ok_or_else(|| Refusal::not_found("there is no such record"))?;
        Ok::<_, Refusal>(one(world, kind, row, tongue))
    })?;
    Ok(frame(tongue, &main))
}

fn tabs(world: &World, current: Kind, tongue: Tongue) -> String {
    let mut out = String::from("<nav>");
    for kind in Kind::ALL {
        let here = if kind == current { " aria-current=\"page\"" } else { "" };
        let _ = write!(
            out,
            "<a href=\"/?object={}&amp;lang={}\"{here}>{} <b>{}</b></a>",
            kind.schema().name,
            tongue.code(),
            tongue.say(kind.schema().label),
            world.counts(kind).0,
        );
    }
    out.push_str("</nav>");
    out
}

fn search_box(kind: Kind, text: &str, tongue: Tongue) -> String {
    format!(
        "<form action=\"/\"><input type=\"hidden\" name=\"object\" value=\"{}\"><input type=\"hidden\" name=\"lang\" value=\"{}\">\
         <label>{} <input name=\"q\" value=\"{}\"></label> <button>{}</button></form>",
        kind.schema().name,
        tongue.code(),
        tongue.words("Id, phone, e-mail, name, mark", "编号、电话、邮箱、名称、标记"),
        escape(text),
        tongue.words("Find", "查找"),
    )
}

/// By id or any searchable field, without the lag of the index.
fn found(world: &World, kind: Kind, text: &str) -> Vec<u32> {
    let mut rows: Vec<u32> =
        kind.row(text).filter(|row| world.record(kind, *row).is_some()).into_iter().collect();
    for position in 0..kind.schema().fields.len() {
        rows.extend(world.matching(kind, position, text, None));
    }
    rows.sort_unstable();
    rows.dedup();
    rows.truncate(ROWS);
    rows
}

/// The fields worth a column, for each object.
fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Users => &["name", "login", "region", "state"],
        Kind::Accounts => &["name", "industry", "province", "owner_id"],
        Kind::Contacts => &["name", "phone", "email", "account_id", "owner_id"],
        Kind::Leads => &["name", "company", "phone", "email", "status", "owner_id", "feedback"],
        Kind::Opportunities => &["name", "account_id", "stage", "amount", "owner_id"],
        Kind::Activities => &["kind", "subject", "lead_id", "owner_id"],
        Kind::MaContacts => &["ma_id", "name", "email", "points", "stage", "owner", "segments"],
    }
}

fn table(world: &World, kind: Kind, rows: &[u32], tongue: Tongue) -> String {
    if rows.is_empty() {
        return format!("<p>{}</p>", tongue.words("Nothing here.", "没有记录。"));
    }
    let fields: Vec<(usize, &Field)> = columns(kind)
        .iter()
        .filter_map(|name| kind.schema().position(name))
        .map(|position| (position, &kind.schema().fields[position]))
        .collect();
    let mut out = String::from("<table><thead><tr><th>Id</th>");
    for (_, field) in &fields {
        let _ = write!(out, "<th>{}</th>", tongue.say(field.label));
    }
    let _ = write!(out, "<th>{}</th></tr></thead><tbody>", tongue.words("Modified", "修改时间"));
    for row in rows {
        let Some(record) = world.record(kind, *row) else { continue };
        let gone = if record.deleted { " class=\"gone\"" } else { "" };
        let _ = write!(out, "<tr{gone}><td data-k=\"Id\">{}</td>", link(kind, *row, tongue));
        for (position, field) in &fields {
            let shown = shown(world, field, record.cell(*position), tongue);
            let _ = write!(out, "<td data-k=\"{}\">{shown}</td>", tongue.say(field.label));
        }
        let _ = write!(
            out,
            "<td data-k=\"{}\">{}</td></tr>",
            tongue.words("Modified", "修改时间"),
            rfc3339(record.modified_at)
        );
    }
    out.push_str("</tbody></table>");
    out
}

fn link(kind: Kind, row: u32, tongue: Tongue) -> String {
    let id = kind.id(row);
    format!("<a href=\"/records/{}/{id}?lang={}\">{id}</a>", kind.schema().name, tongue.code())
}

/// A value for people, as HTML.
fn shown(world: &World, field: &Field, cell: &Cell, tongue: Tongue) -> String {
    match (cell, field.sort) {
        (Cell::Empty, _) => "–".to_owned(),
        (Cell::Text(text), Sort::Word(values)) => {
            let label = values.iter().find(|(word, _)| *word == &**text).map(|(_, label)| *label);
            label.map_or_else(|| escape(text), |label| tongue.say(label).to_owned())
        }
        (Cell::Text(text), _) => escape(text),
        (Cell::Int(int), Sort::Choice(values)) => {
            let label = values.iter().find(|(value, _)| value == int).map(|(_, label)| *label);
            label.map_or_else(|| int.to_string(), |label| format!("{int} {}", tongue.say(label)))
        }
        (Cell::Int(int), Sort::Money) => format!("{}.{:02}", int / 100, (int % 100).abs()),
        (Cell::Int(int), Sort::Time) => rfc3339(*int),
        (Cell::Int(int), _) => int.to_string(),
        (Cell::Bool(yes), _) => if *yes { "✓" } else { "–" }.to_owned(),
        (Cell::Ref(row), Sort::Ref(of)) => {
            let name = world.record(of, *row).map(|record| name_of(of, record)).unwrap_or_default();
            format!("{} {}", link(of, *row, tongue), escape(&name))
        }
        (Cell::Ref(_), _) => String::new(),
        (Cell::List(items), _) => {
            items.iter().map(|item| format!("<i>{}</i>", escape(item))).collect::<Vec<_>>().join(" ")
        }
    }
}

fn name_of(kind: Kind, record: &Record) -> String {
    let position = kind.schema().position("name").or_else(|| kind.schema().position("subject"));
    position.map(|position| record.text(position).to_owned()).unwrap_or_default()
}

fn pager(kind: Kind, page: usize, total: usize, tongue: Tongue) -> String {
    let pages = total.div_ceil(ROWS).max(1);
    let to = |target: usize, text: &str| {
        format!(
            "<a href=\"/?object={}&amp;page={target}&amp;lang={}\">{text}</a>",
            kind.schema().name,
            tongue.code()
        )
    };
    let mut out = String::from("<p class=\"pager\">");
    if page > 1 {
        out.push_str(&to(page - 1, tongue.words("← newer", "← 较新")));
    }
    let _ = write!(out, " {page} / {pages} ");
    if page < pages {
        out.push_str(&to(page + 1, tongue.words("older →", "较旧 →")));
    }
    out.push_str("</p>");
    out
}

fn one(world: &World, kind: Kind, row: u32, tongue: Tongue) -> String {
    let Some(record) = world.record(kind, row) else { return String::new() };
    let mut out = tabs(world, kind, tongue);
    let _ = write!(
        out,
        "<h2>{} {} {}</h2><dl><dt>{}</dt><dd>{}</dd><dt>{}</dt><dd>{}</dd><dt>{}</dt><dd>{} · {}</dd>",
        tongue.say(kind.schema().label),
        kind.id(row),
        escape(&name_of(kind, record)),
        tongue.words("Version", "版本"),
        record.version,
        tongue.words("Created", "创建时间"),
        rfc3339(record.created_at),
        tongue.words("Modified", "修改"),
        rfc3339(record.modified_at),
        record.by.name(),
    );
    if record.deleted {
        let _ = write!(out, "<dt>{}</dt><dd>✓ ", tongue.words("Deleted", "已删除"));
        if let Some(winner) = record.merged_into {
            let _ = write!(out, "→ {}", link(kind, winner, tongue));
        }
        out.push_str("</dd>");
    } else {
        for (field, cell) in kind.schema().fields.iter().zip(&record.cells) {
            let _ = write!(
                out,
                "<dt>{}</dt><dd>{}</dd>",
                tongue.say(field.label),
                shown(world, field, cell, tongue)
            );
        }
    }
    out.push_str("</dl>");
    out.push_str(&history(world, kind, row, tongue));
    out
}

/// The activities of a record, newest first.
fn history(world: &World, kind: Kind, row: u32, tongue: Tongue) -> String {
    let position = match kind {
        Kind::Leads => pos::activity::LEAD,
        Kind::Contacts => pos::activity::CONTACT,
        Kind::Accounts => pos::activity::ACCOUNT,
        Kind::Opportunities => pos::activity::OPPORTUNITY,
        _ => return String::new(),
    };
    let belongs = |record: &Record| record.cell(position) == &Cell::Ref(row);
    let mut rows: Vec<u32> =
        world.live_rows(Kind::Activities).filter(|(_, record)| belongs(record)).map(|(row, _)| row).collect();
    rows.reverse();
    rows.truncate(ROWS);
    format!(
        "<h3>{}</h3>{}",
        tongue.words("Activities", "活动"),
        table(world, Kind::Activities, &rows, tongue)
    )
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:0 1rem;color:#1c2733;background:#fff}\
    h1{font-size:1.25rem}nav{display:flex;flex-wrap:wrap;gap:.25rem .75rem;margin:.5rem 0}a{color:#0b5394}\
    nav a{padding:.4rem .2rem;text-decoration:none}nav a[aria-current]{border-bottom:3px solid #0b5394}\
    input,button{font:inherit;padding:.35rem .5rem;max-width:100%}table{border-collapse:collapse;width:100%;margin:1rem 0}\
    th,td{text-align:left;padding:.35rem .5rem;border-bottom:1px solid #d5dbe1;overflow-wrap:anywhere;vertical-align:top}\
    i{font-style:normal;background:#eef2f6;padding:0 .3rem;border-radius:.2rem}.gone{color:#6b7680;text-decoration:line-through}\
    dl{display:grid;grid-template-columns:minmax(7rem,14rem) 1fr;gap:.2rem 1rem}dt{color:#52606d}dd{margin:0;overflow-wrap:anywhere}\
    footer{color:#52606d;margin:2rem 0 1rem}@media(max-width:44rem){thead{display:none}tr{display:block;border-bottom:2px solid #d5dbe1;padding:.4rem 0}\
    td{display:grid;grid-template-columns:7rem 1fr;border:0;padding:.1rem 0}td::before{content:attr(data-k);color:#52606d}}";

fn frame(tongue: Tongue, main: &str) -> Response {
    let title = tongue.words("Practice CRM (sandbox)", "练习用 CRM（沙箱）");
    let (other, name) = if tongue == Tongue::En { ("zh", "中文") } else { ("en", "English") };
    let html = format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1>{title} <small><a href=\"/?lang={other}\">{name}</a></small></h1>\
         <main>{main}</main></body></html>\n",
        tongue.code(),
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, html).into_response()
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        assert_eq!(escape("<b a='1'>&\"字\""), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;字&quot;");
    }
}
