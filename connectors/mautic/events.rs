//! What Mautic pushes: a map of event types, each with one payload or a list of them.

use leadloop_connector_api::answers::text_of;
use leadloop_connector_api::{Link, Received, Refusal};
use leadloop_mapping::Value;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use serde_json::{Map, Value as Json};

use crate::reading::{
    self, Bounded, DEEPEST, MOST_RECORDS, NO_OBJECT, NO_RECORD, NOBODY, OUT_OF_BOUNDS, TOO_MANY, quarantined,
    uba, unreadable,
};

/// Aliases of Mautic's own contact fields and what each is here; others keep their alias.
const FIELDS: [(&str, &str); 14] = [
    ("firstname", "first_name"),
    ("lastname", "last_name"),
    ("email", "email"),
    ("mobile", "phone"),
    ("phone", "phone"),
    ("company", "company"),
    ("position", "title"),
    ("city", "city"),
    ("state", "province"),
    ("country", "country"),
    ("zipcode", "postal_code"),
    ("address1", "address"),
    ("companyindustry", "company.industry"),
    ("companynumber_of_employees", "company.employees"),
];

/// The records of a body.
pub(super) fn read(link: &Link, body: &Json) -> Result<Received, Refusal> {
    let Json::Object(types) = body else {
        return Err(unreadable(NO_RECORD, "the body is no map of events"));
    };
    let mut received = Received::default();
    let mut position = 0;
    for (kind, payloads) in types.iter().filter(|(kind, _)| kind.starts_with("mautic.")) {
        let one = std::slice::from_ref(payloads);
        for payload in payloads.as_array().map_or(one, Vec::as_slice) {
            match event(link, kind, payload, position) {
                Ok(Some(lead)) => received.leads.push(lead),
                Ok(None) => received.ignore(NOBODY),
                Err(record) => received.unreadable.push(*record),
            }
            position += 1;
            if position as usize > MOST_RECORDS {
                return Err(unreadable(TOO_MANY, format!("more than {MOST_RECORDS} events in one body")));
            }
        }
    }
    if position == 0 {
        return Err(unreadable(NO_RECORD, "there is no event of Mautic in it"));
    }
    Ok(received)
}

fn event(
    link: &Link,
    kind: &str,
    payload: &Json,
    position: u32,
) -> Result<Option<RawLead>, Box<Quarantined>> {
    let what = kind.trim_start_matches("mautic.");
    let Some(object) = payload.as_object() else {
        return Err(quarantined(
            NO_OBJECT,
            format!("event {position} is no object"),
            uba::torso(payload, position),
        ));
    };
    // an event about something that somebody did stands in a part of its own, beside the contact or around it
    let part = |name: &str| object.get(name).and_then(Json::as_object);
    let (touch, told) = match what {
        "lead_post_save_new" => ("ma_lead", None),
        "lead_post_save_update" | "lead_post_save" => ("profile_updated", None),
        "lead_points_change" => ("points_changed", part("points")),
        "lead_channel_subscription_changed" => ("subscription_changed", None),
        "form_on_submit" => ("form_submitted", part("submission")),
        "page_on_hit" => ("page_hit", part("hit")),
        "email_on_open" => ("mail_opened", part("stat")),
        _ => return Ok(None), // sent mails, segments, companies: nothing that a person did
    };
    let contact =
        part("contact").or_else(|| part("lead")).or_else(|| told?.get("lead").and_then(Json::as_object));
    let Some((contact, id)) = contact.and_then(|contact| Some((contact, uba::id(contact.get("id"))?))) else {
        return Ok(None);
    };
    // Visitors that Mautic does not know are no leads; their hits come again with the contact they become.
    if contact.contains_key("dateIdentified") && contact.get("dateIdentified").is_some_and(Json::is_null) {
        return Ok(None);
    }
    let mut fields = Bounded::default();
    fields.add("ma_id", Value::text(id.as_str()));
    fields.add("touch.event", Value::text(what));
    of_contact(link, &mut fields, contact);
    match what {
        "lead_points_change" => points(link, &mut fields, told),
        "form_on_submit" => submission(&mut fields, told),
        "page_on_hit" => {
            pick(&mut fields, told, &[("url", "url"), ("urlTitle", "title"), ("referer", "referrer")])
        }
        "email_on_open" => {
            pick(
                &mut fields,
                told.and_then(|stat| stat.get("email")?.as_object()),
                &[("name", "mail"), ("subject", "subject")],
            );
        }
        "lead_channel_subscription_changed" => subscription(&mut fields, object),
        _ => {}
    }
    let moments = ["dateSubmitted", "dateHit", "dateRead"];
    let at = moments
        .iter()
        .find_map(|name| told?.get(*name))
        .or_else(|| object.get("timestamp"))
        .and_then(uba::time);
    let own = told.and_then(|told| uba::id(told.get("id"))).map(|own| format!("{what}/{own}"));
    let raw = RawLead {
        event_id: Some(own.unwrap_or_else(|| uba::key_of(&serde_json::json!([kind, payload]), &[]))),
        at,
        touch: Some(touch.to_owned()),
        fields: fields.record,
        position,
        ..RawLead::default()
    };
    match fields.beyond {
        Some(beyond) => Err(quarantined(OUT_OF_BOUNDS, beyond, raw)),
        None => Ok(Some(raw)),
    }
}

/// The contact's fields, all groups of them; what we wrote there ourselves says nothing new.
fn of_contact(link: &Link, fields: &mut Bounded, contact: &Map<String, Json>) {
    let ours = link.text("prefix").unwrap_or("leadloop_");
    let groups = contact.get("fields").and_then(Json::as_object);
    for (_, group) in groups.into_iter().flatten().filter(|(name, _)| *name != "all") {
        for (alias, field) in group.as_object().into_iter().flatten() {
            let value = field.get("value").unwrap_or(field);
            let blank = value.is_null() || value.as_str().is_some_and(str::is_empty) || value.is_object();
            if blank || alias.starts_with(ours) {
                continue;
            }
            match FIELDS.iter().find(|(theirs, _)| theirs == alias) {
                Some((_, name)) => reading::uba::add(fields, name, value, 0),
                None => reading::uba::add(fields, alias, value, DEEPEST),
            }
        }
    }
    let tags = contact.get("tags").and_then(Json::as_array).into_iter().flatten();
    let tags: Vec<Value> =
        tags.filter_map(|tag| text_of(tag.get("tag").unwrap_or(tag))).map(Value::text).collect();
    if !tags.is_empty() {
        fields.add("tags", Value::List(tags));
    }
    if let Some(points) = contact.get("points").and_then(Json::as_i64) {
        fields.add(&score_of(link), Value::Int(points));
    }
}

fn score_of(link: &Link) -> String {
    format!("score.{}", link.text("score").unwrap_or(link.name.as_str()))
}

fn points(link: &Link, fields: &mut Bounded, points: Option<&Map<String, Json>>) {
    let number = |name: &str| points.and_then(|points| points.get(name)).and_then(Json::as_i64);
    if let Some(now) = number("new_points") {
        fields.record.0.insert(score_of(link), Value::Int(now));
        if let Some(before) = number("old_points") {
            fields.add("touch.delta", Value::Int(now - before));
        }
    }
}

fn submission(fields: &mut Bounded, submission: Option<&Map<String, Json>>) {
    let part = |name: &str| submission.and_then(|submission| submission.get(name));
    for (name, value) in part("results").and_then(Json::as_object).into_iter().flatten() {
        // the contact may hold it already, in the words of the field it was mapped to
        if fields.record.get(name).is_none() {
            uba::add(fields, name, value, DEEPEST);
        }
    }
    if let Some(form) = part("form").and_then(Json::as_object) {
        pick(fields, Some(form), &[("id", "form"), ("name", "form_name")]);
    }
    pick(fields, submission, &[("referer", "referrer")]);
}

/// An unsubscribed, bounced or blocked channel is a refusal; one that may be used again is not yet a yes.
fn subscription(fields: &mut Bounded, object: &Map<String, Json>) {
    let text = |name: &str| object.get(name).and_then(Json::as_str).unwrap_or_default();
    let purpose = match text("channel") {
        "email" => "consent.mail",
        "sms" => "consent.sms",
        _ => return,
    };
    let status = text("new_status");
    fields.add("touch.status", Value::text(status));
    if !status.is_empty() && status != "contactable" {
        fields.add(purpose, Value::Bool(false));
    }
}

fn pick(fields: &mut Bounded, from: Option<&Map<String, Json>>, names: &[(&str, &str)]) {
    for (theirs, ours) in names {
        if let Some(value) = from.and_then(|from| from.get(*theirs)).filter(|value| !value.is_null()) {
            uba::add(fields, &format!("touch.{ours}"), value, 0);
        }
    }
}
