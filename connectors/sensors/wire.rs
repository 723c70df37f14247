//! What a client sent, unpacked to JSON: a form (whatever its content type says), base64, gzip.

use std::borrow::Cow;

use leadloop_connector_api::signature::from_base64;
use leadloop_connector_api::{Push, Refusal};
use url::form_urlencoded;

use crate::reading::json::text_of;
use crate::reading::lean::{self, Json};
use crate::reading::uba::MOST_EVENTS;
use crate::reading::{BROKEN, NO_RECORD, TOO_MANY, UNKNOWN_KIND, gzip, unreadable};

/// The JSON of a push.
pub(super) struct Unpacked<'p> {
    text: Cow<'p, str>,
    /// Whether a client packed it; copies that somebody forwards come as plain JSON.
    packed: bool,
}

/// Unpacks a push; nothing where it brings nothing.
pub(super) fn unpacked(push: &Push) -> Result<Option<Unpacked<'_>>, Refusal> {
    let body = gzip::unpacked(&push.body)?;
    let trimmed = body.trim_ascii_start();
    if trimmed.starts_with(b"{") || trimmed.starts_with(b"[") {
        return Ok(Some(Unpacked { text: text_of(body)?, packed: false }));
    }
    match packed(push, &body)? {
        Some(data) => Ok(Some(Unpacked { text: unpack(&data)?, packed: true })),
        None if body.trim_ascii().is_empty() => Ok(None),
        None => Err(unreadable(NO_RECORD, "there is neither `data` nor `data_list` in it")),
    }
}

/// The events of what was unpacked.
pub(super) fn events<'u>(unpacked: &'u Unpacked<'_>) -> Result<Vec<Json<'u>>, Refusal> {
    let whole = lean::parse(&unpacked.text)?;
    if unpacked.packed && is_sealed(&whole) {
        return Err(encrypted());
    }
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
    let mut pairs = form_urlencoded::parse(push.query.as_bytes());
    pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// `data_list` or `data`, from the body, else from the address.
fn packed<'p>(push: &'p Push, body: &'p [u8]) -> Result<Option<Cow<'p, str>>, Refusal> {
    // Gone through once: the data is long.
    let [mut flag, mut list, mut data] = [None, None, None];
    for pairs in [body, push.query.as_bytes()] {
        let mut here = [None, None, None];
        for (name, value) in form_urlencoded::parse(pairs) {
            let place = ["gzip", "data_list", "data"].iter().position(|known| *known == name);
            if let Some(place) = place.and_then(|place| here.get_mut(place)) {
                place.get_or_insert(value);
            }
        }
        let [its_flag, its_list, its_data] = here;
        (flag, list, data) = (flag.or(its_flag), list.or(its_list), data.or(its_data));
    }
    if flag.as_deref() == Some("9") {
        return Err(encrypted());
    }
    Ok(list.or(data))
}

fn unpack(data: &str) -> Result<Cow<'static, str>, Refusal> {
    let trimmed = data.trim();
    let bytes = if trimmed.starts_with('{') || trimmed.starts_with('[') {
        data.as_bytes().to_vec()
    } else {
        // Some clients forget to write `+` as `%2B`.
        let text = if trimmed.contains(' ') { Cow::Owned(trimmed.replace(' ', "+")) } else { trimmed.into() };
        from_base64(&text).ok_or_else(|| unreadable(BROKEN, "`data` is no base64"))?
    };
    let plain = match gzip::unpacked(&bytes)? {
        Cow::Owned(plain) => plain,
        Cow::Borrowed(_) => bytes,
    };
    text_of(Cow::Owned(plain)).map(|text| Cow::Owned(text.into_owned()))
}

/// Whether the SDK encrypted it.
fn is_sealed(whole: &Json<'_>) -> bool {
    let first = whole.as_array().and_then(<[_]>::first).unwrap_or(whole);
    first.get("payload").is_some() && first.get("ekey").is_some()
        || first.get("key_hash").is_some()
        || first.get("payloads").is_some()
}

fn encrypted() -> Refusal {
    unreadable(
        UNKNOWN_KIND,
        "the events are encrypted by the SDK's own plug-in, which only its vendor's server can read: switch the \
         plug-in off for this address",
    )
}
