use leadloop_connector_api::http::Method;
use leadloop_connector_api::{Connector, Link, Refusal};
use leadloop_mapping::Value;
use serde_json::{Value as Json, json};

use super::{SiteScript, packed};
use crate::reading::testing::{RECORDED, link, push};

fn site() -> Link {
    link(&SiteScript, "allowed_origins = [\"https://www.shili.example\"]\nconsent_text = \"2026-10\"", &[])
}

fn told(event: Json) -> leadloop_connector_api::Received {
    let body = json!({ "sent": RECORDED.0 / 1_000, "events": [event] }).to_string();
    let origin = [("Origin", "https://www.shili.example"), ("Content-Type", "text/plain")];
    SiteScript.receive(&site(), &push(Method::Post, "", &origin, body.as_bytes())).unwrap()
}

#[test]
fn the_script_is_small_and_asks_nobody_else() {
    let packed = packed().len();
    assert!(packed < 5_000, "{packed} bytes");
    let addresses = super::SCRIPT.matches("://").count() + super::SCRIPT.matches("\"//").count();
    assert_eq!(addresses, 0, "it knows no address but the one it came from");
    let get = push(Method::Get, "leadloop.js", &[("Accept-Encoding", "gzip, br")], b"");
    let Err(Refusal::Handshake(answer)) = SiteScript.receive(&site(), &get) else { panic!() };
    assert_eq!((answer.status, answer.body.len()), (200, packed));
}

#[test]
fn a_form_says_who_and_where_from_and_what_was_agreed() {
    let received = told(json!({
        "id": "f-1", "kind": "form", "form": "demo", "at": RECORDED.0 / 1_000, "visitor": "v-1",
        "url": "https://www.shili.example/demo", "title": "预约演示", "referrer": "https://www.shili.example/",
        "landing": "https://www.shili.example/?utm_source=baidu&utm_medium=cpc", "landing_referrer": "https://www.baidu.example/s",
        "fields": { "name": "测试甲", "mobile": "13900000001", "score.fit": "99", "consent.mail": "true" },
        "consent": { "transfer": true, "world": true },
    }));
    let fields = &received.leads[0].fields;
    let text = |name: &str| fields.text(name).map(str::to_owned);
    assert_eq!(received.leads[0].touch.as_deref(), Some("form_submitted"));
    assert_eq!(fields.get("consent.transfer"), Some(&Value::from(true)));
    assert_eq!(text("consent.text_version").as_deref(), Some("2026-10"));
    assert_eq!(
        (fields.get("consent.mail"), fields.get("consent.world"), fields.get("score.fit")),
        (None, None, None)
    );
    assert_eq!(text("touch.utm_source").as_deref(), Some("baidu"));
    assert_eq!(text("touch.referrer").as_deref(), Some("https://www.baidu.example/s"));
    assert_eq!((text("cookie").as_deref(), text("touch.form").as_deref()), (Some("v-1"), Some("demo")));
    assert!(received.report && received.answer.unwrap().status == 200);
}

#[test]
fn an_event_of_a_page_names_no_other_person_s_ids() {
    let event = json!({ "id": "e-1", "kind": "event", "name": "PriceAsked", "url": "https://www.shili.example/p",
                        "fields": { "crm_id": "7", "at": "x", "email": "yi@shili.example" } });
    let fields = told(event).leads.remove(0).fields;
    assert_eq!(
        (fields.text("touch.event"), fields.text("email")),
        (Some("PriceAsked"), Some("yi@shili.example"))
    );
    assert_eq!(fields.get("crm_id"), None);
    let person =
        json!({ "id": "p-1", "kind": "person", "fields": { "email": "yi@shili.example", "crm_id": "7" } });
    assert_eq!(told(person).leads[0].fields.get("crm_id"), None);
}

#[test]
fn what_no_script_sends_is_refused_or_set_aside() {
    assert_eq!(told(json!({ "kind": "spy" })).unreadable[0].code, "LL4105");
    assert_eq!(told(json!(7)).unreadable[0].code, "LL4105");
    let status = |origin: &str, body: &str| {
        let heard =
            SiteScript.receive(&site(), &push(Method::Post, "", &[("Origin", origin)], body.as_bytes()));
        match heard {
            Err(Refusal::Answered { answer, .. }) => answer.status,
            Err(Refusal::Forbidden(_)) => 403,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(status("https://www.shili.example", "{}"), 400);
    assert_eq!(status("https://www.shili.example", "not json"), 400);
    assert_eq!(status("https://evil.example", "{\"events\":[]}"), 403);
    let many = json!({ "events": vec![json!({ "kind": "page" }); 201] }).to_string();
    assert_eq!(status("https://www.shili.example", &many), 400);
}
