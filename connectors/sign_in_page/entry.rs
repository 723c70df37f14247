//! From what was entered to a record: the fields of the page and no others, the event, whose poster it was, what was agreed.

use leadloop_connector_api::{Link, Push, Received, Refusal};
use leadloop_mapping::Value;
use leadloop_sync_core::capture::RawLead;
use serde_json::Value as Json;

use super::{asked, salesperson};
use crate::reading::{Bounded, NO_OBJECT, OUT_OF_BOUNDS, cut, in_query, object_of, quarantined, uba};

/// A post whose hidden field is filled.
const ROBOT: &str = "LL4102";
/// The field that people leave empty and robots fill.
pub(super) const HONEYPOT: &str = "website_url";

/// The one record of a post.
///
/// # Errors
/// A body that is neither a JSON object nor a form.
pub(super) fn read(link: &Link, push: &Push) -> Result<Received, Refusal> {
    let told = object_of(push)?;
    let text =
        |name: &str| told.get(name).and_then(Json::as_str).map(str::trim).filter(|text| !text.is_empty());
    let mut fields = Bounded::default();
    for (name, _) in asked(link) {
        if let Some(value) = text(name) {
            fields.add(name, Value::text(value));
        }
    }
    let filled = !fields.record.0.is_empty();
    fields.add("touch.event", Value::text(link.text("event").unwrap_or_default()));
    let by = text("by").map(str::to_owned).or_else(|| in_query(push, "by"));
    if let Some(by) = by {
        match salesperson(link, &by) {
            Some((key, _)) => fields.add("touch.by", Value::text(key)),
            None => fields.add("sent.by", Value::text(cut(&by, 100))),
        }
    }
    if told.get("tablet").is_some_and(|tablet| matches!(tablet, Json::Bool(true)) || tablet == "true") {
        fields.add("touch.tablet", true.into());
    }
    if link.text("consent_text").is_some() {
        let given = told.get("consent").is_some_and(|box_| matches!(box_, Json::Bool(true)) || box_ == "on");
        fields.add("consent.transfer", given.into());
        if let Some(version) = link.text("consent_version") {
            fields.add("consent.text_version", Value::text(version));
        }
    }
    let sent = told.get("sent").and_then(uba::time);
    let raw = RawLead {
        event_id: uba::id(told.get("id")).filter(|id| id.len() <= 200),
        at: uba::happened(told.get("at").and_then(uba::time), sent, push.at, false),
        fields: fields.record,
        ..RawLead::default()
    };
    let problem = if text(HONEYPOT).is_some() {
        Some((
            ROBOT,
            "the hidden field is filled: most likely a robot; inject it again if it is a person".to_owned(),
        ))
    } else if let Some(beyond) = fields.beyond {
        Some((OUT_OF_BOUNDS, beyond))
    } else if !filled {
        Some((NO_OBJECT, "no field of the page is filled".to_owned()))
    } else {
        None
    };
    let mut received = Received::default();
    match problem {
        Some((code, detail)) => received.unreadable.push(*quarantined(code, detail, raw)),
        None => received.leads.push(raw),
    }
    Ok(received)
}
