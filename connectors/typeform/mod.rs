//! Typeform: responses of a form, pushed with a signature over the raw bytes and read again after an outage.
//!
//! Answers are named by the `ref` an author gave the question, never by its words. A response has one token wherever it
//! comes from.

use leadloop_connector_api::answers::{Answers, odd, text_of};
use leadloop_connector_api::canary::Canary;
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_connector_api::http::Request;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::signature::{Algorithm, Encoding, encode, hmac, hmac_fits, rotated};
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::Value;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Cursor, Fetched, Operation, Outcome, Reply};
use leadloop_sync_core::time::{Micros, Timestamp};
use serde_json::{Map, Value as Json, json};

use crate::reading::{
    self, DEEPEST, FOREIGN, NO_OBJECT, NO_RECORD, OUT_OF_BOUNDS, quarantined, uba, unreadable,
};

/// The connector of Typeform.
struct Typeform;

inventory::submit! { Registered(&Typeform) }

/// Responses of a page; the most there is.
const PAGE: usize = 1_000;
/// New responses may be listed late, so each reading begins this much earlier.
const LATE: Micros = Micros::hours(1);

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Typeform {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        reading::only_post(push)?;
        check(link, push)?;
        let body = reading::json::parse(&push.body, None)?;
        let Some(response) = body.get("form_response") else {
            return Err(unreadable(NO_RECORD, "there is no `form_response` in it"));
        };
        let mut received = Received::default();
        if response.get("form_id").and_then(Json::as_str) != link.text("form") {
            received.ignore(FOREIGN);
            return Ok(received);
        }
        match lead(response, 0) {
            Ok(lead) => received.leads.push(lead),
            Err(record) => received.unreadable.push(*record),
        }
        Ok(received)
    }

    fn canary(&self, link: &Link, canary: &Canary) -> Option<Push> {
        let answer = |(name, value): (&str, &Value)| json!({ "type": "text", "text": value.to_display(), "field": { "ref": name } });
        let answers: Vec<Json> = canary.fields.iter().map(answer).collect();
        let response = json!({ "form_id": link.text("form"), "token": canary.id, "submitted_at": canary.time(), "answers": answers });
        let mut push = canary.post(
            "",
            &json!({ "event_id": canary.id, "event_type": "form_response", "form_response": response }),
        );
        let key = rotated(link.secret("secret")?).next()?;
        let signature = encode(Encoding::Base64, &hmac(Algorithm::Sha256, key.as_bytes(), &[&push.body]));
        push.headers.push(("typeform-signature".to_owned(), format!("sha256={signature}")));
        Some(push)
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
        let form = reading::in_path(link.text("form").unwrap_or_default());
        let mut request = Request::get(format!("/forms/{form}/responses"))
            .with_query("page_size", PAGE.to_string())
            .with_query("sort", "submitted_at,asc");
        if let Some(since) = cursor.since {
            request = request.with_query("since", reading::utc_seconds(since));
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

fn check(link: &Link, push: &Push) -> Result<(), Refusal> {
    let unsigned = |why: &str| Refusal::Unsigned(why.to_owned());
    let secret = link.secret("secret").ok_or_else(|| unsigned("this source has no `secret`"))?;
    let given = push.header("typeform-signature").ok_or_else(|| {
        unsigned("the header `Typeform-Signature` is missing: set a secret for the webhook in Typeform")
    })?;
    let fits = given.trim().strip_prefix("sha256=").is_some_and(|given| {
        rotated(secret)
            .any(|key| hmac_fits(Algorithm::Sha256, Encoding::Base64, key.as_bytes(), &[&push.body], given))
    });
    if fits { Ok(()) } else { Err(unsigned("the signature does not fit the body: the secret differs")) }
}

fn page(cursor: &Cursor, json: &Json) -> Option<Outcome> {
    let items = json.get("items")?.as_array()?;
    let mut fetched = Fetched::default();
    let mut newest = cursor.since;
    for (place, item) in items.iter().enumerate() {
        newest = newest.max(time(item, "submitted_at"));
        match lead(item, u32::try_from(place).unwrap_or(u32::MAX)) {
            Ok(lead) => fetched.leads.push(lead),
            Err(record) => fetched.unreadable.push(*record),
        }
    }
    // A full page goes on from its last response; where that is where it began, the clock moves on by a second.
    let full = items.len() >= PAGE;
    let stuck = full && newest <= cursor.since;
    let since = match (full, newest) {
        (true, newest) => newest.map(|at| if stuck { at + Micros::seconds(1) } else { at }),
        (false, Some(newest)) => Some((newest - LATE).max(cursor.since.unwrap_or(newest - LATE))),
        (false, None) => None,
    };
    fetched.next = Cursor { since, after_id: None, token: None };
    fetched.more = full;
    Some(Outcome::Done(Reply::Leads(Box::new(fetched))))
}

fn time(response: &Json, name: &str) -> Option<Timestamp> {
    Timestamp::parse(response.get(name)?.as_str()?, &jiff::tz::TimeZone::UTC)
}

fn lead(response: &Json, position: u32) -> Result<RawLead, Box<Quarantined>> {
    let no = |detail: &str| quarantined(NO_OBJECT, detail, uba::torso(response, position));
    let token = uba::id(response.get("token").or_else(|| response.get("response_id")));
    let (Some(token), Some(_)) = (token, response.as_object()) else {
        return Err(no("the response has no `token`"));
    };
    let mut fields = reading::Bounded::default();
    let empty = Map::new();
    let map = |name: &str| response.get(name).and_then(Json::as_object).unwrap_or(&empty);
    for answer in response.get("answers").and_then(Json::as_array).into_iter().flatten() {
        let field = answer.get("field");
        let part = |name: &str| field.and_then(|field| uba::id(field.get(name)));
        let Some(name) = part("ref").or_else(|| part("id")) else { continue };
        if let Some(value) = value_of(answer) {
            fields.add(&name, value);
        }
    }
    for (name, value) in map("hidden") {
        uba::add(&mut fields, &format!("touch.{name}"), value, DEEPEST);
    }
    for (name, value) in map("calculated") {
        uba::add(&mut fields, &format!("touch.calculated_{name}"), value, DEEPEST);
    }
    for variable in response.get("variables").and_then(Json::as_array).into_iter().flatten() {
        let value = variable.get("number").or_else(|| variable.get("text"));
        if let (Some(name), Some(value)) = (uba::id(variable.get("key")), value) {
            uba::add(&mut fields, &format!("touch.variable_{name}"), value, 0);
        }
    }
    if let Some(title) = response.pointer("/definition/title").and_then(Json::as_str) {
        fields.add("touch.form_name", Value::text(title));
    }
    let raw = RawLead {
        event_id: Some(token),
        at: time(response, "submitted_at"),
        touch: None,
        fields: fields.record,
        position,
        ..RawLead::default()
    };
    match fields.beyond {
        Some(beyond) => Err(quarantined(OUT_OF_BOUNDS, beyond, raw)),
        None => Ok(raw),
    }
}

/// What was answered: the value stands under the name of its type.
fn value_of(answer: &Json) -> Option<Value> {
    let kind = answer.get("type")?.as_str()?;
    let value = answer.get(kind)?;
    let label = |choice: &Json| choice.get("label").or_else(|| choice.get("other")).and_then(text_of);
    match kind {
        "choice" => label(value).map(Value::text),
        "choices" => {
            let labels = value.get("labels").and_then(Json::as_array).into_iter().flatten();
            let other = value.get("other");
            Some(Value::List(labels.chain(other).filter_map(text_of).map(Value::text).collect()))
        }
        "payment" => value.get("amount").and_then(text_of).map(Value::text),
        _ => Some(Value::from_json(value)),
    }
}
