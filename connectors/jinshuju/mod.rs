//! Jinshuju 金数据: entries of a form, pushed as they come and read by serial number after an outage.
//!
//! Its pushes carry no signature: the address ends with a secret. After six failures it stops pushing and never sends the
//! missed entries, so the standing poll reads on behind the last serial number it saw.

use leadloop_connector_api::answers::{Answers, at, odd};
use leadloop_connector_api::canary::{Canary, put};
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_connector_api::http::Request;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, ProblemKind, Settings};
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::Value;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Cursor, Fetched, Operation, Outcome, Reply};
use leadloop_sync_core::time::{Micros, Timestamp};
use serde_json::Value as Json;

use crate::reading::{
    self, DEEPEST, FOREIGN, NO_OBJECT, NO_RECORD, OUT_OF_BOUNDS, json, quarantined, uba, unreadable,
};

/// The connector of Jinshuju.
struct Jinshuju;

inventory::submit! { Registered(&Jinshuju) }

/// An entry that changed later than this after it was made was edited by somebody.
const EDITED: Micros = Micros::seconds(5);

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Jinshuju {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        let mut problems: Vec<Problem> = reading::check_zone(settings).into_iter().collect();
        let (key, secret) =
            (settings.secrets.contains_key("api_key"), settings.secrets.contains_key("api_secret"));
        if key != secret {
            let (there, missing) = if key { ("api_key", "api_secret") } else { ("api_secret", "api_key") };
            problems.push(
                Problem::new(there, ProblemKind::Contradiction, format!("`{there}` needs `{missing}`"))
                    .zh(format!("`{there}` 需要同时设置 `{missing}`")),
            );
        }
        problems
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        reading::path_secret(link, push)?;
        reading::only_post(push)?;
        let body = json::parse(&push.body, None)?;
        let mut received = Received::default();
        let Some(entry) = body.get("entry").filter(|entry| entry.is_object()) else {
            return Err(unreadable(NO_RECORD, "there is no `entry` in it"));
        };
        if body.get("form").and_then(Json::as_str) != link.text("form") {
            received.ignore(FOREIGN);
            return Ok(received);
        }
        match lead(link, entry, body.get("form_name"), 0) {
            Ok((lead, edit)) => received.leads.push(edit.unwrap_or(lead)),
            Err(record) => received.unreadable.push(*record),
        }
        Ok(received)
    }

    fn canary(&self, link: &Link, canary: &Canary) -> Option<Push> {
        use secrecy::ExposeSecret as _;
        let mut entry = canary.json();
        // No form ever counted so far: a number that was never told.
        put(&mut entry, "serial_number", canary.at.0.into());
        put(&mut entry, "created_at", canary.time().into());
        let body =
            serde_json::json!({ "form": link.text("form"), "form_name": "leadloop canary", "entry": entry });
        Some(canary.post(link.secret("path_secret")?.expose_secret(), &body))
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let Some(Operation::Changes { object, cursor }) = operations.first() else {
            return Err(Refusal::NotSpoken(operations.first().map_or("nothing", Operation::kind)));
        };
        let answers = Answers::of(description(), link, moment.now);
        let form = link.text("form").unwrap_or_default();
        let mut request = Request::get(format!("/forms/{}/entries", reading::in_path(form)));
        if let Some(next) = &cursor.after_id {
            request = request.with_query("next", next.as_str());
        }
        let (object, link, cursor) = (object.clone(), link.clone(), cursor.clone());
        Ok(single(request, move |answer| {
            vec![match answers.json(&object, answer) {
                Ok(json) => page(&link, &cursor, &json)
                    .unwrap_or_else(|| odd("the page is not what a page looks like")),
                Err(outcome) => outcome,
            }]
        }))
    }
}

fn page(link: &Link, cursor: &Cursor, json: &Json) -> Option<Outcome> {
    let entries = json.get("data")?.as_array()?;
    let mut page = Fetched::default();
    let mut last: i64 = cursor.after_id.as_deref().and_then(|next| next.parse::<i64>().ok()).unwrap_or(1) - 1;
    for (place, entry) in entries.iter().enumerate() {
        last = last.max(entry.get("serial_number")?.as_i64()?);
        match lead(link, entry, None, u32::try_from(place).unwrap_or(u32::MAX)) {
            Ok((lead, edit)) => page.leads.extend(std::iter::once(lead).chain(edit)),
            Err(record) => page.unreadable.push(*record),
        }
    }
    let more = json.get("next").is_some_and(|next| !next.is_null()) && !entries.is_empty();
    page.next = Cursor { since: None, after_id: Some((last + 1).to_string()), token: None };
    page.more = more;
    Some(Outcome::Done(Reply::Leads(Box::new(page))))
}

/// An entry as a record, and once more where it was edited since. The same entry pushed, pushed again and read later has
/// one key, each edit one of its own.
fn lead(
    link: &Link,
    entry: &Json,
    form_name: Option<&Json>,
    position: u32,
) -> Result<(RawLead, Option<RawLead>), Box<Quarantined>> {
    let Some((object, serial)) = entry.as_object().zip(uba::id(entry.get("serial_number"))) else {
        return Err(quarantined(NO_OBJECT, "the entry has no serial number", uba::torso(entry, position)));
    };
    let mut fields = reading::Bounded::default();
    for (name, value) in object {
        match name.as_str() {
            "serial_number" | "created_at" | "updated_at" | "gen_code" | "info_remote_ip" => {}
            name if name.starts_with("info_") || name.starts_with("x_field_") || name == "creator_name" => {
                uba::add(&mut fields, &format!("touch.{name}"), value, DEEPEST);
            }
            name => uba::add(&mut fields, name, value, DEEPEST),
        }
    }
    let form = link.text("form").unwrap_or_default();
    fields.add("touch.form", Value::text(form));
    if let Some(name) = form_name.and_then(Json::as_str) {
        fields.add("touch.form_name", Value::text(name));
    }
    let time = |name: &str| {
        at(entry, name).and_then(Json::as_str).and_then(|text| Timestamp::parse(text, &reading::zone(link)))
    };
    let (made, changed) = (time("created_at"), time("updated_at"));
    let edited =
        made.zip(changed).filter(|(made, changed)| *changed - *made > EDITED).map(|(_, changed)| changed);
    let raw = RawLead {
        event_id: Some(format!("{form}/{serial}")),
        at: made,
        touch: None,
        fields: fields.record,
        position,
        ..RawLead::default()
    };
    if let Some(beyond) = fields.beyond {
        return Err(quarantined(OUT_OF_BOUNDS, beyond, raw));
    }
    let edit = edited.map(|changed| RawLead {
        event_id: Some(format!("{form}/{serial}/{}", changed.0)),
        at: Some(changed),
        touch: Some("form_edited".to_owned()),
        ..raw.clone()
    });
    Ok((raw, edit))
}
