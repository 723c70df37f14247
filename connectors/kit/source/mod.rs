//! Kit System: leads pushed as they come, with a signature over the body, and read again after an outage.
//!
//! A system that cannot be read needs no `exchange`, `page` and `Changes`, and no `speaks`, `lists`, `auth`, `limit` and `http`
//! in its manifest; one that pushes nothing needs no `receive` and no `hears`.

use leadloop_connector_api::answers::{Answers, odd};
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_connector_api::http::Request;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::signature::{Algorithm, Encoding, hmac_fits, rotated};
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Cursor, Fetched, Operation, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

use crate::reading::{
    self, DEEPEST, NO_OBJECT, NO_RECORD, OUT_OF_BOUNDS, json, quarantined, uba, unreadable,
};

/// The connector of Kit System.
struct KitName;

inventory::submit! { Registered(&KitName) }

// FACT? Where a record says which one it is, so that one that comes twice is one: write the name of that field here.
const ID: &str = "id";
// FACT? Where a record says when it was made, and in which form: write the name here, see `Timestamp::parse` for the forms.
const MADE: &str = "created_at";
// FACT? How a push is signed: write the header here, and algorithm, encoding and the bytes that are signed into `check`.
const SIGNATURE: &str = "x-signature";
// FACT? How many records a page of the list has at most: write the number here.
const PAGE: usize = 100;

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for KitName {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        reading::only_post(push)?;
        check(link, push)?;
        let body = json::parse(&push.body, None)?;
        // FACT? Where in a push the record stands, and whether one push may bring several: write it here.
        let Some(record) = body.get("lead").filter(|record| record.is_object()) else {
            return Err(unreadable(NO_RECORD, "there is no `lead` in it"));
        };
        let mut received = Received::default();
        match lead(record, 0) {
            Ok(lead) => received.leads.push(lead),
            Err(record) => received.unreadable.push(*record),
        }
        // FACT? What the vendor wants to be answered (status, body, how fast): set `received.answer`, or leave 200.
        Ok(received)
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
        // FACT? Path and parameters of the list, oldest first, and what is behind the last record that was read: write them here.
        let mut request = Request::get("/leads").with_query("limit", PAGE.to_string());
        if let Some(after) = &cursor.after_id {
            request = request.with_query("after", after.as_str());
        }
        let (object, cursor) = (object.clone(), cursor.clone());
        Ok(single(request, move |answer| {
            vec![match answers.json(&object, answer) {
                Ok(json) => {
                    page(&cursor, &json).unwrap_or_else(|| odd("the page is not what a page looks like"))
                }
                Err(outcome) => outcome,
            }]
        }))
    }
}

/// Whoever does not know the secret is refused.
fn check(link: &Link, push: &Push) -> Result<(), Refusal> {
    let unsigned = |why: String| Refusal::Unsigned(why);
    let secret = link.secret("secret").ok_or_else(|| unsigned("this source has no `secret`".to_owned()))?;
    let given =
        push.header(SIGNATURE).ok_or_else(|| unsigned(format!("the header `{SIGNATURE}` is missing")))?;
    let fits =
        |key: &str| hmac_fits(Algorithm::Sha256, Encoding::Hex, key.as_bytes(), &[&push.body], given.trim());
    if rotated(secret).any(fits) {
        return Ok(());
    }
    Err(unsigned("the signature does not fit the body: the secret differs".to_owned()))
}

/// A page of the list.
fn page(cursor: &Cursor, json: &Json) -> Option<Outcome> {
    let records = json.get("leads")?.as_array()?;
    let mut page = Fetched::default();
    let mut last = cursor.after_id.clone();
    for (place, record) in records.iter().enumerate() {
        last = Some(uba::id(record.get(ID))?);
        match lead(record, u32::try_from(place).unwrap_or(u32::MAX)) {
            Ok(lead) => page.leads.push(lead),
            Err(record) => page.unreadable.push(*record),
        }
    }
    page.next = Cursor { since: None, after_id: last, token: None };
    page.more = records.len() >= PAGE;
    Some(Outcome::Done(Reply::Leads(Box::new(page))))
}

/// A record: the same one has the same `event_id`, pushed or read.
fn lead(record: &Json, position: u32) -> Result<RawLead, Box<Quarantined>> {
    let Some((object, id)) = record.as_object().zip(uba::id(record.get(ID))) else {
        return Err(quarantined(NO_OBJECT, "the record has no id", uba::torso(record, position)));
    };
    let mut fields = reading::Bounded::default();
    for (name, value) in object.iter().filter(|(name, _)| ![ID, MADE].contains(&name.as_str())) {
        uba::add(&mut fields, name, value, DEEPEST);
    }
    let made = record.get(MADE).and_then(Json::as_str);
    let raw = RawLead {
        event_id: Some(id),
        at: made.and_then(|text| Timestamp::parse(text, &jiff::tz::TimeZone::UTC)),
        fields: fields.record,
        position,
        ..RawLead::default()
    };
    match fields.beyond {
        Some(beyond) => Err(quarantined(OUT_OF_BOUNDS, beyond, raw)),
        None => Ok(raw),
    }
}
