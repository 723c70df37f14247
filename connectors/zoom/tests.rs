use leadloop_connector_api::exchange::Step;
use leadloop_connector_api::http::{Answer, Method};
use leadloop_connector_api::{Connector, Refusal};
use leadloop_mapping::Value;
use leadloop_sync_core::capture::RawLead;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Cursor, Operation, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::Zoom;
use crate::reading::testing::{link, push};

#[test]
fn the_vendors_vectors_fit_and_old_ones_do_not() {
    let vectors: Json = serde_json::from_str(include_str!("../api/tests/webhook-vectors.json")).unwrap();
    let all = vectors["vectors"].as_array().unwrap();
    let of =
        |desc: &str| all.iter().find(|vector| vector["system"] == "zoom" && vector["desc"] == desc).unwrap();
    let event = of("event");
    let headers: Vec<(&str, &str)> = event["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let source = link(&Zoom, "", &[("webhook_secret", event["secret"].as_str().unwrap())]);
    let mut request = push(Method::Post, "/", &headers, event["body"].as_str().unwrap().as_bytes());
    request.at = Timestamp(1_767_225_601_000_000);
    let received = Zoom.receive(&source, &request).unwrap();
    let fields = &received.leads[0].fields;
    assert_eq!(fields.text("company"), Some("Acme Robotics GmbH"));
    assert_eq!(fields.text("Budget?"), Some("100k"));
    assert_eq!(received.leads[0].touch.as_deref(), Some("live_registered"));
    request.at = Timestamp(1_767_225_601_000_000 + 301_000_000);
    assert!(
        matches!(Zoom.receive(&source, &request), Err(Refusal::Unsigned(_))),
        "replayed after five minutes"
    );
    let challenge = of("endpoint.url_validation");
    let signed = super::challenge(
        challenge["secret"].as_str().unwrap(),
        &json!({"payload": {"plainToken": challenge["body"]}}),
    );
    let Refusal::Handshake(answer) = signed else { panic!() };
    assert_eq!(answer.json().unwrap()["encryptedToken"], challenge["expect"]);
}

fn reading(cursor: &Cursor, pages: &[Json]) -> (Vec<RawLead>, Cursor) {
    let source = link(
        &Zoom,
        "webinars = [\"123\"]\naccount_id = \"a\"\nclient_id = \"c\"",
        &[("webhook_secret", "fixture"), ("client_secret", "fixture")],
    );
    let operation = Operation::Changes { object: "report/123".into(), cursor: cursor.clone() };
    let mut moment = Moment::new(Timestamp(1_795_410_000_000_000), 1);
    let mut exchange = Zoom.exchange(&source, &[operation], &mut moment).unwrap();
    let mut step = exchange.advance(None);
    for page in pages {
        let Step::Send(_) = step else { panic!("{step:?}") };
        let status = if page.get("code").is_some() { 404 } else { 200 };
        step = exchange.advance(Some(&Answer::with_body(status, "application/json", page.to_string())));
    }
    let Step::Done(outcomes) = step else { panic!("more pages than wanted") };
    match outcomes.into_iter().next() {
        Some(Outcome::Done(Reply::Leads(fetched))) => (fetched.leads, fetched.next),
        other => panic!("{other:?}"),
    }
}

#[test]
fn minutes_of_all_joins_are_told_once_when_two_readings_agree() {
    let row = |id: &str, seconds: i64| {
        json!({"registrant_id": id, "name": "Anna Li", "user_email": "Anna@acme.example",
        "join_time": "2026-01-10T09:01:05Z", "leave_time": "2026-01-10T09:44:10Z", "duration": seconds})
    };
    let nobody = json!({"registrant_id": "", "name": "Guest", "user_email": "", "duration": 60});
    let early = json!({"participants": [row("U1", 600)], "next_page_token": ""});
    let first = json!({"participants": [row("U1", 600), nobody], "next_page_token": "t2"});
    let second = json!({"participants": [row("U1", 1_000)], "next_page_token": ""});
    let (leads, cursor) = reading(&Cursor::default(), &[json!({"code": 3001, "message": "does not exist"})]);
    assert_eq!((leads.len(), &cursor), (0, &Cursor::default()), "no report before the end");
    let (leads, cursor) = reading(&cursor, &[early]);
    assert_eq!(leads.len(), 0, "it may still grow");
    let (leads, cursor) = reading(&cursor, &[first.clone(), second.clone()]);
    assert_eq!(leads.len(), 0, "it did");
    let (leads, cursor) = reading(&cursor, &[first.clone(), second.clone()]);
    let [lead] = leads.as_slice() else { panic!("{leads:?}") };
    assert_eq!(lead.fields.get("touch.minutes"), Some(&Value::Int(27)));
    assert_eq!(lead.fields.text("email"), Some("anna@acme.example"));
    assert_eq!(reading(&cursor, &[first, second]).0.len(), 0, "told once");
}
