use leadloop_connector_api::http::Method;
use leadloop_connector_api::{Claim, Connector, Link, Refusal};
use leadloop_sync_core::capture::Identifier;
use serde_json::{Value as Json, json};

use super::Segment;
use crate::reading::testing::{link, push, recorded};

/// The key of the recorded traffic.
const KEY: &str = "RIGWRITEKEY";

fn rig() -> Link {
    link(&Segment, "", &[("write_key", KEY)])
}

const RECORDINGS: [&str; 5] = [
    include_str!("fixtures/recorded/rudder-sdk-python.gzip.json"),
    include_str!("fixtures/recorded/rudder-sdk-python.track-page-identify-alias-group.json"),
    include_str!("fixtures/recorded/segment-analytics-node.track-page-identify-alias-group.json"),
    include_str!("fixtures/recorded/segment-analytics-python.gzip.json"),
    include_str!("fixtures/recorded/segment-analytics-python.track-page-identify-alias-group.json"),
];

#[test]
fn traffic_of_the_real_sdks_is_taken_event_by_event() {
    let mut kinds = std::collections::BTreeSet::new();
    for text in RECORDINGS {
        for (push, decoded) in recorded(text) {
            assert_eq!(Segment.claims(&rig(), &push), Some(Claim::Mine));
            let received = Segment.receive(&rig(), &push).unwrap();
            let events = decoded["batch"].as_array().unwrap();
            assert_eq!((received.leads.len(), received.unreadable.len()), (events.len(), 0), "{decoded}");
            let answer = received.answer.unwrap();
            assert_eq!((answer.status, answer.json()), (200, Some(json!({"success": true}))));
            for (lead, event) in received.leads.iter().zip(events) {
                kinds.insert(event["type"].as_str().unwrap().to_owned());
                assert_eq!(lead.event_id.as_deref(), event["messageId"].as_str());
                let at = lead.at.unwrap().in_zone(&jiff::tz::TimeZone::UTC).timestamp();
                let sent: jiff::Timestamp = event["timestamp"].as_str().unwrap().parse().unwrap();
                // They wait on our side for a while in this test, so their clocks look slow by that much.
                assert!(at.duration_since(sent).as_secs().abs() < 3_600, "{at} {sent}");
                if let Some(before) = event["previousId"].as_str() {
                    let now = Identifier::new("login_id", event["userId"].as_str().unwrap());
                    assert_eq!(lead.ties.link, [(Identifier::new("uba_id", before), now)]);
                }
                for (theirs, ours) in [("userId", "login_id"), ("anonymousId", "uba_id")] {
                    if let Some(id) = event[theirs].as_str() {
                        assert_eq!(lead.fields.text(ours), Some(id), "{event}");
                    }
                }
                for traits in [&event["traits"], &event["context"]["traits"]] {
                    if event["type"] == "identify" && traits["email"].is_string() {
                        assert_eq!(lead.fields.text("email"), traits["email"].as_str());
                        assert_eq!(lead.fields.text("company"), traits["company"]["name"].as_str());
                    }
                }
            }
        }
    }
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    assert_eq!(kinds, ["alias", "group", "identify", "page", "screen", "track"]);
}

#[test]
fn the_path_alone_says_that_it_may_be_meant() {
    let at = |method, target: &str| Segment.claims(&rig(), &push(method, target, &[], b""));
    assert_eq!(at(Method::Post, "/v1/batch"), Some(Claim::Maybe));
    assert_eq!(at(Method::Get, "/v1/projects/RIGWRITEKEY/settings"), Some(Claim::Mine));
    assert_eq!(at(Method::Post, "/v1/other"), None);
    assert_eq!(at(Method::Get, "/v1/batch"), None);
}

fn answered(body: &[u8], headers: &[(&str, &str)]) -> (u16, Json) {
    let heard = Segment.receive(&rig(), &push(Method::Post, "/v1/batch", headers, body));
    let answer = match heard {
        Ok(received) => received.answer.unwrap(),
        Err(Refusal::Answered { answer, .. }) => *answer,
        Err(other) => panic!("{other:?}"),
    };
    (answer.status, answer.json().unwrap())
}

#[test]
fn every_answer_is_one_after_which_the_sdks_do_the_right_thing() {
    let batch = |events: Json| json!({"writeKey": KEY, "batch": events}).to_string().into_bytes();
    let event = json!({"type": "track", "event": "A", "anonymousId": "a"});
    assert_eq!(answered(&batch(json!([event])), &[]).0, 200);
    assert_eq!(answered(&batch(json!([event, 7, {"type": "track"}])), &[]), (200, json!({"success": true})));
    assert_eq!(answered(&batch(json!(vec![event.clone(); 10_000])), &[]).0, 200);
    let (status, body) = answered(&batch(json!(vec![event.clone(); 10_001])), &[]);
    assert_eq!((status, &body["code"]), (413, &json!("too_large")), "and not sent again");
    let (status, body) = answered(b"{\"batch\":", &[("authorization", "Basic UklHV1JJVEVLRVk6")]);
    assert_eq!((status, &body["code"]), (400, &json!("invalid_request")));
    let other = json!({"writeKey": "other", "batch": [event]}).to_string().into_bytes();
    assert_eq!(answered(&other, &[]).0, 401);
    // The header counts before the body; without its colon it is taken too.
    assert_eq!(answered(&other, &[("authorization", "Basic UklHV1JJVEVLRVk=")]).0, 200);
    assert_eq!(answered(&batch(json!([event])), &[("authorization", "Basic b3RoZXI6")]).0, 401);
}

#[test]
fn a_list_that_is_forwarded_is_signed_by_its_first_element() {
    let source = link(&Segment, "", &[("write_key", KEY), ("webhook_secret", "shared-secret")]);
    let first = r#"{"type":"track","event":"Demo Requested","messageId":"m-1","userId":"u-1"}"#;
    let signature = "9f5087940f547c1a3d34cbf7d41cc2a944f76b5e";
    let list = format!("[{first} , {{\"type\":\"track\",\"event\":\"B\",\"userId\":\"u-2\"}}]");
    let heard = |body: &str, signature: &str| {
        Segment.receive(&source, &push(Method::Post, "/", &[("x-signature", signature)], body.as_bytes()))
    };
    assert_eq!(heard(first, signature).unwrap().leads.len(), 1);
    assert_eq!(heard(&list, signature).unwrap().leads.len(), 2);
    for (body, signature) in
        [(first.replace("Demo", "demo"), signature), (first.to_owned(), "00"), ("[]".to_owned(), signature)]
    {
        let Err(Refusal::Answered { refusal, answer }) = heard(&body, signature) else { panic!("{body}") };
        assert!(matches!(*refusal, Refusal::Unsigned(_)) && answer.status == 401);
    }
}

#[test]
fn what_the_page_is_called_and_what_is_of_the_person_are_told_apart() {
    let body = json!({"writeKey": KEY, "batch": [
        {"type": "track", "event": "Form Submitted", "anonymousId": "a",
         "properties": {"email": "jia@shili.example", "title": "Servo guide", "event": "x"},
         "context": {"traits": {"phone": "+8613900000001"}, "page": {"title": "Home"}, "campaign": {"name": "q4"}}},
        {"type": "group", "userId": "u", "groupId": 7, "traits": {"name": "Shili", "website": "https://shili.example"}},
    ]});
    let received =
        Segment.receive(&rig(), &push(Method::Post, "/v1/batch", &[], body.to_string().as_bytes())).unwrap();
    let names = |at: usize| -> Vec<String> {
        received.leads[at].fields.iter().map(|(name, _)| name.to_owned()).collect()
    };
    assert_eq!(
        names(0),
        [
            "email",
            "phone",
            "touch.event",
            "touch.page_title",
            "touch.property_event",
            "touch.title",
            "touch.utm_campaign",
            "uba_id"
        ]
    );
    assert_eq!(received.leads[0].fields.text("touch.event"), Some("Form Submitted"));
    assert_eq!(names(1), ["company", "company.website", "login_id", "touch.group_id"]);
}
