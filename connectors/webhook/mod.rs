//! Any system that posts JSON: where its records are and what proves that it is the sender stand in the settings.
//!
//! `proof` checks the sender over the raw bytes, `paths` finds the records; here they become raw leads under dotted names.
//! Who sends unsigned has to be told so: `signature = "none"`.

mod paths;
mod proof;

use leadloop_connector_api::canary::Canary;
use leadloop_connector_api::http::{Answer, Method};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, Settings};
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::Value;
use serde_json::Value as Json;

use crate::reading::{BROKEN, MOST_BODY, TOO_LARGE, form, json, multipart, unreadable};

/// The connector of webhooks.
pub(crate) struct Webhook;

inventory::submit! { Registered(&Webhook) }

/// Most bytes of a body; systems post whole batches.
const MOST_BYTES: usize = MOST_BODY * 16;
/// Most characters of a challenge that is echoed.
const LONGEST_ECHO: usize = 500;

impl Connector for Webhook {
    fn manifest(&self) -> &'static Manifest {
        manifest!("manifest.toml")
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        let mut problems = proof::check(settings);
        problems.extend(crate::reading::check_zone(settings));
        problems
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        if push.method != Method::Post {
            return Err(challenge_in_query(link, push));
        }
        let event_id = proof::check_push(link, push)?;
        if push.body.len() > MOST_BYTES {
            let (found, most) = (push.body.len() / 1024, MOST_BYTES / 1024);
            return Err(unreadable(
                TOO_LARGE,
                format!("the body has {found} kB; at most {most} kB are taken"),
            ));
        }
        let body = read_body(link, push)?;
        if let Some(text) = link.text("echo").and_then(|name| body.get(name)).and_then(Json::as_str) {
            let text = crate::reading::cut(text, LONGEST_ECHO);
            let echo = serde_json::json!({ link.text("echo").unwrap_or_default(): text });
            return Err(Refusal::Handshake(Box::new(Answer::with_body(
                200,
                "application/json",
                echo.to_string(),
            ))));
        }
        paths::records(link, &body, event_id)
    }

    fn canary(&self, link: &Link, canary: &Canary) -> Option<Push> {
        Some(proof::sign(link, canary, canary.post("", &paths::body_of(link, canary))))
    }
}

/// A GET is the handshake of systems that test an address before they use it.
fn challenge_in_query(link: &Link, push: &Push) -> Refusal {
    let wanted = link.text("echo");
    let value = url::form_urlencoded::parse(push.query.as_bytes())
        .find(|(name, _)| Some(name.as_ref()) == wanted)
        .map(|(_, value)| crate::reading::cut(&value, LONGEST_ECHO).to_owned());
    let answer = match value {
        Some(value) => {
            let mut answer = Answer::with_body(200, "text/plain; charset=utf-8", value);
            answer.headers.push(("x-content-type-options".to_owned(), "nosniff".to_owned()));
            answer
        }
        None => {
            let mut answer = Answer::with_body(405, "text/plain; charset=utf-8", "Post events here.\n");
            answer.headers.push(("allow".to_owned(), "POST".to_owned()));
            answer
        }
    };
    Refusal::Handshake(Box::new(answer))
}

/// The JSON of a body; some systems wrap it into a form field, some send plain form fields.
fn read_body(link: &Link, push: &Push) -> Result<Json, Refusal> {
    let content_type = push.header("content-type").unwrap_or_default();
    let charset = multipart::parameter(content_type, "charset");
    let form =
        content_type.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded");
    let looks_like_json =
        push.body.trim_ascii_start().starts_with(b"{") || push.body.trim_ascii_start().starts_with(b"[");
    if !form || looks_like_json {
        return json::parse(&push.body, charset.as_deref());
    }
    let pairs = form::parse(&push.body, charset.as_deref())
        .map_err(|detail| unreadable(BROKEN, format!("the form: {detail}")))?;
    let payload = link.text("payload_field").unwrap_or("payload");
    if let Some((_, text)) = pairs.iter().find(|(name, _)| name == payload) {
        return json::parse(text.as_bytes(), None);
    }
    let mut object = serde_json::Map::new();
    for (name, value) in pairs {
        let (name, _) = form::flat_name(&name);
        let value = Value::text(value).to_json();
        match object.get_mut(&name) {
            Some(Json::Array(list)) => list.push(value),
            Some(one) => *one = Json::Array(vec![one.take(), value]),
            None => {
                object.insert(name, value);
            }
        }
    }
    Ok(Json::Object(object))
}

#[cfg(test)]
mod tests;
