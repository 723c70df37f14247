//! What the browser gets: the page, its thanks, the sheet of QR codes, a code as a picture, and the worker that keeps the
//! page there without a network.

use leadloop_connector_api::http::Answer;
use leadloop_connector_api::{Link, Push};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde_json::{Value as Json, json};

use super::entry::HONEYPOT;
use super::{asked, salesperson};
use crate::reading::in_query;

const PAGE: &str = include_str!("page.html");
const SHEET: &str = include_str!("sheet.html");
const WORKER: &str = include_str!("worker.js");
/// What a page of ours may do: nothing but what stands in it, and to post home.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
    worker-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Words of the page: (place, Chinese, English).
const WORDS: &[(&str, &str, &str)] = &[
    ("lang", "zh-CN", "en"),
    ("other", "en", "zh"),
    ("other_name", "English", "中文"),
    ("send", "签到", "Sign in"),
    ("must", "必填", "required"),
    ("thanks", "签到成功，谢谢！", "You are signed in. Thank you!"),
    (
        "kept",
        "网络不通：已存在本机，联网后自动提交。",
        "No connection: kept on this device, sent once there is one.",
    ),
    ("waiting", "条签到等待提交", "sign-ins wait to be sent"),
    ("next", "下一位", "Next person"),
    ("sheet", "签到二维码", "Sign-in codes"),
    ("whole", "活动签到", "The event"),
    ("tablet", "平板共用签到", "Shared tablet"),
    ("print", "打印", "Print"),
];

/// Labels of fields: (field, Chinese, English, kind of input, what browsers may fill in).
const LABELS: &[(&str, &str, &str, &str, &str)] = &[
    ("name", "姓名", "Name", "text", "name"),
    ("phone", "手机号", "Mobile", "tel", "tel"),
    ("email", "邮箱", "E-mail", "email", "email"),
    ("company", "公司", "Company", "text", "organization"),
    ("title", "职务", "Job title", "text", "organization-title"),
    ("province", "省份", "Province", "text", "address-level1"),
    ("requirement", "您的需求", "What you need", "text", "off"),
];

/// What stands at a path below the page.
pub(super) fn show(link: &Link, push: &Push) -> Answer {
    match push.path.trim_matches('/') {
        "" => html(page(link, push)),
        "codes" => html(sheet(link, push)),
        "qr.svg" => match code(&target(link, push, in_query(push, "by").as_deref())) {
            Some(svg) => asset("image/svg+xml; charset=utf-8", svg),
            None => Answer::with_body(
                400,
                "text/plain; charset=utf-8",
                "The address is too long for a QR code.\n",
            ),
        },
        "worker.js" => {
            let mut answer = asset("text/javascript; charset=utf-8", WORKER.to_owned());
            answer.headers.push(("service-worker-allowed".to_owned(), format!("/in/{}", link.name)));
            answer
        }
        _ => Answer::with_body(404, "text/plain; charset=utf-8", "There is no such page.\n"),
    }
}

/// The page after a post without scripts.
pub(super) fn thanks(link: &Link, push: &Push) -> Answer {
    let words = words(link, push);
    let body = format!(
        "<!doctype html><html lang=\"{}\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{}</title><p>{}</p></html>",
        words("lang"),
        escape(title(link)),
        words("thanks")
    );
    html(body)
}

/// Whether a browser shows the answer to a person.
pub(super) fn wants_html(push: &Push) -> bool {
    push.header("accept").is_some_and(|accept| accept.to_ascii_lowercase().contains("text/html"))
}

fn html(body: String) -> Answer {
    let mut answer = asset("text/html; charset=utf-8", body);
    answer.headers.push(("content-security-policy".to_owned(), POLICY.to_owned()));
    answer.headers.push(("referrer-policy".to_owned(), "no-referrer".to_owned()));
    answer
}

fn asset(kind: &str, body: String) -> Answer {
    let mut answer = Answer::with_body(200, kind, body);
    answer.headers.push(("cache-control".to_owned(), "no-cache".to_owned()));
    answer.headers.push(("x-content-type-options".to_owned(), "nosniff".to_owned()));
    answer
}

fn title(link: &Link) -> &str {
    link.text("title").or_else(|| link.text("event")).unwrap_or_default()
}

fn is_chinese(link: &Link, push: &Push) -> bool {
    let wished = in_query(push, "lang");
    let first = push.header("accept-language").and_then(|list| list.split([',', ';', '-']).next());
    match wished.as_deref().or(first).map(str::trim) {
        Some("zh") => true,
        Some("en") => false,
        _ => link.text("language") != Some("en"),
    }
}

fn words(link: &Link, push: &Push) -> impl Fn(&str) -> &'static str {
    let chinese = is_chinese(link, push);
    move |place| {
        let found = WORDS.iter().find(|(known, ..)| *known == place);
        found.map_or("", |(_, zh, en)| if chinese { zh } else { en })
    }
}

fn page(link: &Link, push: &Push) -> String {
    let words = words(link, push);
    let chinese = is_chinese(link, push);
    let mut fields = String::new();
    for (field, must) in asked(link) {
        let Some((_, zh, en, kind, fill)) = LABELS.iter().find(|(known, ..)| *known == field) else {
            continue;
        };
        let label = if chinese { zh } else { en };
        let (star, required) = if must { (" <i aria-hidden=\"true\">*</i>", " required") } else { ("", "") };
        fields.push_str(&format!(
            "<label for=\"{field}\">{label}{star}</label><input id=\"{field}\" name=\"{field}\" type=\"{kind}\" \
             autocomplete=\"{fill}\" maxlength=\"500\"{required}>\n"
        ));
    }
    if let Some(text) = link.text("consent_text") {
        fields.push_str(&format!(
            "<label class=\"box\"><input name=\"consent\" type=\"checkbox\"><span>{}</span></label>\n",
            escape(text)
        ));
    }
    let said: Json = ["thanks", "kept", "waiting", "next"]
        .iter()
        .map(|name| (*name, words(name)))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|(name, text)| (name.to_owned(), Json::from(text)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    fill(
        PAGE,
        &[
            ("LANG", words("lang").to_owned()),
            ("TITLE", escape(title(link))),
            ("OTHER", words("other").to_owned()),
            ("OTHER_NAME", words("other_name").to_owned()),
            ("SEND", words("send").to_owned()),
            ("FIELDS", fields),
            ("HONEYPOT", HONEYPOT.to_owned()),
            ("WORDS", in_script(&said)),
            ("SOURCE", in_script(&json!(link.name.as_str()))),
        ],
    )
}

fn sheet(link: &Link, push: &Push) -> String {
    let words = words(link, push);
    let mut codes = String::new();
    let mut add = |name: &str, target: String| {
        let picture = code(&target).unwrap_or_default();
        codes.push_str(&format!(
            "<figure>{picture}<figcaption><b>{}</b><span>{}</span></figcaption></figure>\n",
            escape(name),
            escape(&target)
        ));
    };
    add(words("whole"), target(link, push, None));
    for (key, name) in link.table("salespeople") {
        add(name.as_text().unwrap_or(key), target(link, push, Some(key)));
    }
    let tablet = format!("{}?tablet", base(link, push));
    let tablet = format!("<a href=\"{}\">{}</a>", escape(&tablet), words("tablet"));
    fill(
        SHEET,
        &[
            ("LANG", words("lang").to_owned()),
            ("TITLE", escape(&format!("{} · {}", title(link), words("sheet")))),
            ("PRINT", words("print").to_owned()),
            ("TABLET", tablet),
            ("CODES", codes),
        ],
    )
}

/// The page's own address, as others reach it.
fn base(link: &Link, push: &Push) -> String {
    if let Some(address) = link.text("address") {
        return address.trim_end_matches('/').to_owned();
    }
    let host = push.header("x-forwarded-host").or_else(|| push.header("host")).unwrap_or("localhost");
    let near = ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| host.starts_with(name));
    let scheme = push.header("x-forwarded-proto").unwrap_or(if near { "http" } else { "https" });
    format!("{scheme}://{host}/in/{}", link.name)
}

/// Where a code leads: the page, for somebody's poster with his key.
fn target(link: &Link, push: &Push, by: Option<&str>) -> String {
    let base = base(link, push);
    match by.and_then(|by| salesperson(link, by)) {
        Some((key, _)) => {
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("by", key).finish();
            format!("{base}?{query}")
        }
        None => base,
    }
}

fn code(target: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(target, EcLevel::M).ok()?;
    let picture = code.render::<svg::Color<'_>>().min_dimensions(240, 240).quiet_zone(true).build();
    // In a page the picture stands without the head of a file of its own.
    Some(picture.split_once("?>").map_or(picture.clone(), |(_, rest)| rest.to_owned()))
}

/// A template with its places filled; what fills one is never looked through for others.
fn fill(template: &str, places: &[(&str, String)]) -> String {
    let mut parts = template.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (place, rest) = part.split_once("}}").unwrap_or(("", part));
        if let Some((_, text)) = places.iter().find(|(known, _)| *known == place) {
            filled.push_str(text);
        }
        filled.push_str(rest);
    }
    filled
}

fn in_script(json: &Json) -> String {
    json.to_string().replace('<', "\\u003c")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
