//! By which path something came, what it is therefore, and whether its sender knows the write key.

use leadloop_connector_api::http::{Answer, Method};
use leadloop_connector_api::signature::{Algorithm, Encoding, from_base64, hmac_fits, rotated, secret_fits};
use leadloop_connector_api::{Link, Push, Refusal};
use secrecy::SecretString;
use serde_json::json;
use serde_json::value::RawValue;

use crate::reading::lean::Json;

/// What a path says was sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sent {
    /// A batch; each event says its type.
    Batch,
    /// One event of that type.
    One(&'static str),
    /// A browser asks for the settings of that key.
    Settings(String),
}

/// The types of events, by their whole name and by the letter the browser SDK uses.
const TYPES: [(&str, &str); 6] =
    [("identify", "i"), ("track", "t"), ("page", "p"), ("screen", "s"), ("group", "g"), ("alias", "a")];

/// What a push is by its path: `v1/batch`, `v1/t`, with or without anything before it.
pub(super) fn sent(push: &Push) -> Option<Sent> {
    let parts: Vec<&str> = push.path.split('/').filter(|part| !part.is_empty()).collect();
    if push.method == Method::Get {
        return match parts.as_slice() {
            [.., "projects", key, "settings"] => Some(Sent::Settings((*key).to_owned())),
            _ => None,
        };
    }
    match parts.last() {
        None => Some(Sent::Batch), // a webhook destination posts to the bare address
        Some(last) if matches!(*last, "batch" | "b" | "import") => Some(Sent::Batch),
        Some(last) => {
            let named = TYPES.iter().find(|(name, letter)| last == name || last == letter)?;
            Some(Sent::One(named.0))
        }
    }
}

/// The write key that stands in the header or the address.
pub(super) fn key_beside(push: &Push) -> Option<String> {
    let basic = push.header("authorization").and_then(|header| {
        let (scheme, rest) = header.trim().split_once(' ')?;
        let plain = scheme.eq_ignore_ascii_case("basic").then(|| from_base64(rest)).flatten()?;
        let plain = String::from_utf8(plain).ok()?;
        Some(plain.split(':').next().unwrap_or_default().to_owned())
    });
    let query = || {
        url::form_urlencoded::parse(push.query.as_bytes())
            .find(|(name, _)| name == "writeKey")
            .map(|(_, key)| key.into_owned())
    };
    basic.or_else(query).filter(|key| !key.is_empty())
}

/// The write key that stands in the body.
pub(super) fn key_within<'b>(body: &'b Json<'_>) -> Option<&'b str> {
    body.get("writeKey").and_then(Json::as_str)
}

/// Whether it is the source's write key.
pub(super) fn is_key(link: &Link, given: &str) -> bool {
    let Some(secret) = link.secret("write_key") else { return false };
    rotated(secret).any(|key| secret_fits(given, &SecretString::from(key.to_owned())))
}

/// The write key that a client of this source has.
pub(super) fn a_key(link: &Link) -> Option<&str> {
    rotated(link.secret("write_key")?).next()
}

pub(super) fn wrong_key() -> Refusal {
    Refusal::Unsigned("the write key is not the one of this source".to_owned())
}

/// A forwarded event: its signature covers the body, of a list only its first element.
pub(super) fn check_signature(link: &Link, push: &Push, given: &str) -> Result<(), Refusal> {
    let unsigned = |why: &str| Refusal::Unsigned(why.to_owned());
    let secret = link.secret("webhook_secret").ok_or_else(|| {
        unsigned("this source has no `webhook_secret`, so nobody can prove to forward events")
    })?;
    let body = push.body.as_slice();
    let first = if body.trim_ascii_start().starts_with(b"[") {
        let list: Vec<&RawValue> =
            serde_json::from_slice(body).map_err(|_| unsigned("the signed list is no JSON"))?;
        list.first().map(|first| first.get().as_bytes())
    } else {
        Some(body)
    };
    let fits = first.is_some_and(|signed| {
        rotated(secret).any(|key| hmac_fits(Algorithm::Sha1, Encoding::Hex, key.as_bytes(), &[signed], given))
    });
    if fits { Ok(()) } else { Err(unsigned("the signature does not fit: the shared secret differs")) }
}

/// What the browser SDK asks for before it sends: where to, and nothing else.
pub(super) fn settings(link: &Link, push: &Push, key: &str) -> Refusal {
    if !is_key(link, key) {
        let body = json!({ "code": "not_found", "message": "there is no such write key" });
        return Refusal::Handshake(Box::new(super::said(404, &body)));
    }
    let host = push.header("x-forwarded-host").or_else(|| push.header("host")).unwrap_or_default();
    let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || ".:-[]".contains(*c)).collect();
    let protocol = match push.header("x-forwarded-proto") {
        Some("http") => "http",
        None if push.header("x-forwarded-host").is_none() => "http",
        _ => "https",
    };
    let api = json!({ "apiKey": key, "unbundledIntegrations": [], "addBundledMetadata": false,
                      "apiHost": format!("{host}/in/{}/v1", link.name), "protocol": protocol });
    let plan = json!({ "track": { "__default": { "enabled": true, "integrations": {} } } });
    let body = json!({ "integrations": { "Segment.io": api }, "plan": plan, "edgeFunction": {}, "remotePlugins": [] });
    let answer: Answer = super::said(200, &body);
    Refusal::Handshake(Box::new(answer))
}
