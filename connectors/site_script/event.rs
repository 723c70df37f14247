//! From what the script tells to a record: whose it is, what it was, where the visitor came from.

use leadloop_connector_api::{Link, Push};
use leadloop_mapping::Value;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Map, Value as Json};

use crate::reading::{
    Bounded, DEEPEST, NO_OBJECT, OUT_OF_BOUNDS, campaign_of, cut, pages, quarantined, reserve, uba,
};

/// One event as a record; `sent` is the browser's own time of sending.
///
/// # Errors
/// The record, where it is of a kind that the script does not tell or beyond the bounds.
pub(super) fn read(
    link: &Link,
    push: &Push,
    event: &Json,
    sent: Option<Timestamp>,
    position: u32,
) -> Result<RawLead, Box<Quarantined>> {
    let text =
        |name: &str| event.get(name).and_then(Json::as_str).map(str::trim).filter(|text| !text.is_empty());
    let none = Map::new();
    let told = event.get("fields").and_then(Json::as_object).unwrap_or(&none);
    let mut fields = Bounded::default();
    let touch = match text("kind") {
        Some("page") => {
            fields.add("touch.event", "page_viewed".into());
            None
        }
        Some("event") => {
            fields.add("touch.event", Value::text(text("name").unwrap_or("event")));
            told.iter().for_each(|(name, value)| uba::add_property(&mut fields, name, value));
            None
        }
        Some("person") => {
            told.iter().for_each(|(name, value)| uba::add(&mut fields, name, value, DEEPEST));
            reserve(&mut fields.record);
            Some("identified")
        }
        Some("form") => {
            told.iter().for_each(|(name, value)| uba::add(&mut fields, name, value, DEEPEST));
            reserve(&mut fields.record);
            consent(link, push, event, &mut fields);
            fields.add("touch.form", Value::text(text("form").unwrap_or("form")));
            Some("form_submitted")
        }
        kind => {
            let detail = format!("event {position} is of a kind that the script does not tell: {kind:?}");
            return Err(quarantined(NO_OBJECT, detail, uba::torso(event, position)));
        }
    };
    if let Some(visitor) = uba::id(event.get("visitor")) {
        fields.record.0.remove("cookie");
        fields.add("cookie", Value::text(visitor));
    }
    place(event, &mut fields);
    let raw = RawLead {
        event_id: Some(
            uba::id(event.get("id")).filter(|id| id.len() <= 200).unwrap_or_else(|| uba::key_of(event, &[])),
        ),
        at: uba::happened(event.get("at").and_then(uba::time), sent, push.at, false),
        told: event.get("at").and_then(uba::time),
        touch: touch.map(str::to_owned),
        fields: fields.record,
        position,
        ..RawLead::default()
    };
    match fields.beyond {
        Some(beyond) => Err(quarantined(OUT_OF_BOUNDS, beyond, raw)),
        None => Ok(raw),
    }
}

/// Where the visitor is and where he came from: what the address of this page says about the campaign counts before what
/// the one he landed on says.
fn place(event: &Json, fields: &mut Bounded) {
    let text = |name: &str| event.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    for (name, field) in
        [("url", "touch.page_url"), ("title", "touch.page_title"), ("landing", "touch.landing_url")]
    {
        if let Some(value) = text(name) {
            fields.add(field, Value::text(cut(value, 2_000)));
        }
    }
    // Where somebody came from is another site; a page of this one is where he was.
    let site = text("url").and_then(leadloop_connector_api::origins::of_page);
    let foreign = |page: &&str| leadloop_connector_api::origins::of_page(page) != site;
    if let Some(referrer) = text("landing_referrer").or_else(|| text("referrer")).filter(foreign) {
        fields.add("touch.referrer", Value::text(cut(referrer, 2_000)));
    }
    for address in [text("url"), text("landing")].into_iter().flatten() {
        campaign_of(fields, address);
    }
}

/// What the marked checkboxes of a form say; which text stood beside them.
fn consent(link: &Link, push: &Push, event: &Json, fields: &mut Bounded) {
    let Some(boxes) = event.get("consent").and_then(Json::as_object) else { return };
    let told: Vec<(&str, bool)> = pages::PURPOSES
        .into_iter()
        .filter_map(|purpose| Some((purpose, boxes.get(purpose)?.as_bool()?)))
        .collect();
    if told.is_empty() {
        return;
    }
    for (purpose, given) in told {
        fields.add(&format!("consent.{purpose}"), given.into());
    }
    let version = event.get("text").and_then(Json::as_str).or_else(|| link.text("consent_text"));
    if let Some(version) = version {
        fields.add("consent.text_version", Value::text(cut(version, 255)));
    }
    if let Some(peer) = &push.peer {
        fields.add("touch.ip", Value::text(peer.as_str()));
    }
}
