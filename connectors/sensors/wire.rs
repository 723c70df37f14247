//! What a client sent, unpacked to JSON: a form (whatever its content type says), base64, gzip.

use leadloop_connector_api::signature::from_base64;
use leadloop_connector_api::{Push, Refusal};
use serde_json::Value as Json;

use crate::reading::uba::MOST_EVENTS;
use crate::reading::{BROKEN, NO_RECORD, TOO_MANY, UNKNOWN_KIND, gzip, json, unreadable};

/// The events of a push.
pub(super) fn events(push: &Push) -> Result<Vec<Json>, Refusal> {
    let body = gzip::unpacked(&push.body)?;
    let trimmed = body.trim_ascii_start();
    let whole = if trimmed.starts_with(b"{") || trimmed.starts_with(b"[") {
        json::parse(&body, None)? // forwarded copies come as plain JSON
    } else {
        match packed(push, &body)? {
            Some(data) => unpack(&data)?,
            None if body.trim_ascii().is_empty() => return Ok(vec![]),
            None => return Err(unreadable(NO_RECORD, "there is neither `data` nor `data_list` in it")),
        }
    };
    let events = match whole {
        Json::Array(list) => list,
        one @ Json::Object(_) => vec![one],
        _ => return Err(unreadable(NO_RECORD, "what was packed is neither an event nor a list of events")),
    };
    if events.len() > MOST_EVENTS {
        let found = events.len();
        return Err(unreadable(
            TOO_MANY,
            format!("{found} events in one body; at most {MOST_EVENTS} are taken"),
        ));
    }
    Ok(events)
}

/// The parameter of that name in the address.
pub(super) fn in_query(push: &Push, name: &str) -> Option<String> {
    find(push.query.as_bytes(), name)
}

fn find(pairs: &[u8], wanted: &str) -> Option<String> {
    url::form_urlencoded::parse(pairs).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

/// `data_list` or `data`, from the body, else from the address.
fn packed(push: &Push, body: &[u8]) -> Result<Option<String>, Refusal> {
    let one = |name: &str| find(body, name).or_else(|| in_query(push, name));
    if one("gzip").as_deref() == Some("9") {
        return Err(encrypted());
    }
    Ok(one("data_list").or_else(|| one("data")))
}

fn unpack(data: &str) -> Result<Json, Refusal> {
    // Some clients forget to write `+` as `%2B`.
    let text: String = data.trim().chars().map(|c| if c == ' ' { '+' } else { c }).collect();
    let bytes = if text.starts_with('{') || text.starts_with('[') {
        data.as_bytes().to_vec()
    } else {
        from_base64(&text).ok_or_else(|| unreadable(BROKEN, "`data` is no base64"))?
    };
    let whole = json::parse(&gzip::unpacked(&bytes)?, None)?;
    let sealed = |json: &Json| {
        json.get("payload").is_some() && json.get("ekey").is_some()
            || json.get("key_hash").is_some()
            || json.get("payloads").is_some()
    };
    let first = whole.get(0).unwrap_or(&whole);
    if sealed(first) { Err(encrypted()) } else { Ok(whole) }
}

fn encrypted() -> Refusal {
    unreadable(
        UNKNOWN_KIND,
        "the events are encrypted by the SDK's own plug-in, which only its vendor's server can read: switch the \
         plug-in off for this address",
    )
}
