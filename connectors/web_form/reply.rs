//! What the browser or the script gets back. A robot gets the same as a person.

use leadloop_connector_api::http::Answer;
use leadloop_connector_api::{Link, Push, origins};
use serde_json::json;

use super::lead::Wishes;
use crate::reading::pages;

/// The answer to a post that was taken: a redirect or a page for a browser, a small JSON body for a script.
pub(super) fn thanks(link: &Link, push: &Push, wishes: &Wishes, count: usize) -> Answer {
    let answer = if wants_html(push) {
        match redirect(link, wishes) {
            Some(url) => Answer { status: 303, headers: vec![("location".to_owned(), url)], body: vec![] },
            None => Answer::with_body(200, "text/html; charset=utf-8", page(link, push)),
        }
    } else {
        let mut body = json!({ "ok": true, "received": count });
        if let Some(id) = &wishes.submission_id {
            body["submission_id"] = id.as_str().into();
        }
        Answer::with_body(200, "application/json", body.to_string())
    };
    pages::open(link, push, answer)
}

/// Whether a browser shows the answer to a person.
pub(super) fn wants_html(push: &Push) -> bool {
    push.header("accept").is_some_and(|accept| accept.to_ascii_lowercase().contains("text/html"))
}

/// The address a browser is sent to: the form's own wish where its origin is allowed (else anybody could use us to lead
/// people astray), else the source's page.
fn redirect(link: &Link, wishes: &Wishes) -> Option<String> {
    let allowed = |origin: &str| {
        let mut redirects = link.list("redirects").peekable();
        if redirects.peek().is_some() {
            origins::is_allowed(origin, redirects)
        } else {
            origins::is_allowed(origin, link.list("allowed_origins"))
        }
    };
    let wished = wishes.redirect.as_deref().filter(|url| {
        url.len() <= 2_000
            && !url.chars().any(char::is_control)
            && origins::of_page(url).is_some_and(|origin| allowed(&origin))
    });
    wished
        .and_then(|url| url::Url::parse(url).ok().map(String::from))
        .or_else(|| link.text("thanks_url").map(str::to_owned))
}

fn page(link: &Link, push: &Push) -> String {
    let chinese =
        push.header("accept-language").is_none_or(|language| language.trim_start().starts_with("zh"));
    let (language, default) = if chinese {
        ("zh", "已收到，谢谢！我们会尽快与您联系。")
    } else {
        ("en", "Thank you. We will be in touch.")
    };
    let text = escape(link.text("thanks").unwrap_or(default));
    format!(
        "<!doctype html><html lang=\"{language}\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{text}</title>\
         <p style=\"font:1.2rem system-ui;max-width:36rem;margin:20vh auto;text-align:center\">{text}</p></html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
