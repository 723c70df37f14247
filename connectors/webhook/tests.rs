use std::collections::BTreeMap;

use leadloop_connector_api::http::Method;
use leadloop_connector_api::settings::check;
use leadloop_connector_api::signature::{self, Algorithm, Encoding};
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal};
use leadloop_sync_core::time::Timestamp;
use secrecy::SecretString;
use serde_json::{Value as Json, json};

use super::Webhook;

const NOW: i64 = 1_795_410_000;

fn link(settings: &str, secret: Option<&str>) -> Link {
    let mut given: toml::Table = settings.parse().unwrap();
    if secret.is_some() {
        given.insert("secret".into(), toml::Value::Table("env = \"X\"".parse().unwrap()));
    }
    let (settings, problems) = check(&Webhook, &given);
    assert_eq!(problems, [], "{given}");
    let secrets = secret.map(|secret| ("secret".to_owned(), SecretString::from(secret.to_owned())));
    settings.into_link("hook".into(), BTreeMap::from_iter(secrets))
}

fn push(headers: &[(&str, &str)], body: &str) -> Push {
    Push {
        method: Method::Post,
        path: String::new(),
        query: String::new(),
        headers: headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), (*v).to_owned())).collect(),
        body: body.into(),
        at: Timestamp(NOW * 1_000_000),
        peer: None,
    }
}

fn unsigned(result: &Result<Received, Refusal>) -> bool {
    matches!(result, Err(Refusal::Unsigned(_)))
}

#[test]
fn real_vendors_signatures_are_built_from_settings() {
    let vectors: Json = serde_json::from_str(include_str!("../api/tests/webhook-vectors.json")).unwrap();
    let schemes = [
        ("typeform", "header = \"Typeform-Signature\"\nprefix = \"sha256=\"\nwritten_as = \"base64\""),
        ("tally", "header = \"Tally-Signature\"\nwritten_as = \"base64\""),
        ("meta", "header = \"X-Hub-Signature-256\"\nprefix = \"sha256=\""),
        ("linkedin", "header = \"X-LI-Signature\"\nsigned = \"hmacsha256={body}\""),
        (
            "zoom",
            "header = \"x-zm-signature\"\nprefix = \"v0=\"\nsigned = \"v0:{timestamp}:{body}\"\ntimestamp_header = \"x-zm-request-timestamp\"",
        ),
        (
            "customerio",
            "header = \"X-CIO-Signature\"\nsigned = \"v0:{timestamp}:{body}\"\ntimestamp_header = \"X-CIO-Timestamp\"",
        ),
        ("mautic", "header = \"Webhook-Signature\"\nwritten_as = \"base64\""),
        ("segment", "header = \"X-Signature\"\nalgorithm = \"sha1\""),
    ];
    for (system, scheme) in schemes {
        let vector =
            vectors["vectors"].as_array().unwrap().iter().find(|vector| vector["system"] == system).unwrap();
        let headers: Vec<(&str, &str)> = vector["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str().unwrap()))
            .collect();
        let link = link(&format!("signature = \"hmac\"\n{scheme}"), vector["secret"].as_str());
        let mut push = push(&headers, vector["body"].as_str().unwrap());
        if let Some((_, time)) =
            headers.iter().find(|(name, _)| name.to_ascii_lowercase().ends_with("timestamp"))
        {
            push.at = Timestamp(time.parse::<i64>().unwrap() * 1_000_000);
        }
        assert!(Webhook.receive(&link, &push).is_ok(), "{system}: {:?}", Webhook.receive(&link, &push));
        let mut changed = push.clone();
        changed.body.push(b'\n');
        assert!(unsigned(&Webhook.receive(&link, &changed)), "{system}");
        let mut bare = push.clone();
        bare.headers.clear();
        assert!(unsigned(&Webhook.receive(&link, &bare)), "{system}");
        if scheme.contains("timestamp") {
            push.at = Timestamp(push.at.0 + 600_000_000);
            assert!(unsigned(&Webhook.receive(&link, &push)), "{system}: a replay");
        }
    }
}

#[test]
fn standard_webhooks_give_the_event_id() {
    let secret = "whsec_Zml4dHVyZS1zZWNyZXQtMDAwMS0wMDAwMDAwMA==";
    let link = link("signature = \"standard_webhooks\"\nrecords = \"data\"", Some(secret));
    let body = r#"{"type":"lead.created","data":[{"email":"a@shili.example"},{"email":"b@shili.example"}]}"#;
    let time = NOW.to_string();
    let key = signature::webhook_key(secret).unwrap();
    let mac = signature::hmac(Algorithm::Sha256, &key, &[b"msg_1.", time.as_bytes(), b".", body.as_bytes()]);
    let given = format!("v1,{}", signature::encode(Encoding::Base64, &mac));
    let headers = [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", time.as_str()),
        ("webhook-signature", given.as_str()),
    ];
    let received = Webhook.receive(&link, &push(&headers, body)).unwrap();
    let ids: Vec<_> = received.leads.iter().map(|lead| lead.event_id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["msg_1#0", "msg_1#1"]);
    assert!(unsigned(&Webhook.receive(&link, &push(&[], body))));
}

#[test]
fn shared_secrets_stand_in_a_header_or_in_the_query() {
    let header = link("signature = \"header\"\nheader = \"X-Token\"", Some("fixture-old fixture-new"));
    let body = r#"{"email":"a@shili.example"}"#;
    for (token, ok) in
        [("fixture-old", true), ("fixture-new", true), ("fixture-old fixture-new", false), ("", false)]
    {
        assert_eq!(Webhook.receive(&header, &push(&[("X-Token", token)], body)).is_ok(), ok, "{token}");
    }
    let query = link("signature = \"query\"\nparameter = \"k\"", Some("fixture-a&b"));
    let with = |text: &str| Push { query: text.into(), ..push(&[], body) };
    assert!(Webhook.receive(&query, &with("x=1&k=fixture-a%26b")).is_ok());
    assert!(unsigned(&Webhook.receive(&query, &with("k=fixture-a"))));
    assert!(unsigned(&Webhook.receive(&query, &with(""))));
    let unset = Link { secrets: BTreeMap::new(), ..query };
    assert!(unsigned(&Webhook.receive(&unset, &with("k="))), "no secret set lets nobody in");
}

#[test]
fn records_ids_times_and_kinds_are_found_by_path() {
    let settings = r#"signature = "none"
        records = "data.items"
        event_id = "id"
        at = "meta.created"
        kind = "event"
        kinds = { SUBMIT = "form_submitted" }
        also = ["form.name"]"#;
    let body = json!({"event": "SUBMIT", "form": {"name": "演示"}, "data": {"items": [
        {"id": 7, "meta": {"created": "2026-11-23 13:00"}, "person": {"email": "a@shili.example"}},
        {"id": 8, "meta": {"created": 1795410000000_i64}, "event": "VIEW"},
        {"id": 9, "meta": {"created": "soon"}, "x": 1},
        "text", {}
    ]}});
    let received = Webhook.receive(&link(settings, None), &push(&[], &body.to_string())).unwrap();
    let first = &received.leads[0];
    assert_eq!(first.event_id.as_deref(), Some("7"));
    assert_eq!(first.at, Some(Timestamp(1_795_410_000_000_000)));
    assert_eq!(first.touch.as_deref(), Some("form_submitted"));
    assert_eq!(first.fields.text("person.email"), Some("a@shili.example"));
    assert_eq!(first.fields.text("form.name"), Some("演示"));
    assert_eq!(received.leads[1].touch.as_deref(), Some("VIEW"));
    assert_eq!(received.leads[1].at, Some(Timestamp(1_795_410_000_000_000)));
    let codes: Vec<(u32, &str)> = received.unreadable.iter().map(|r| (r.position, r.code.as_str())).collect();
    assert_eq!(codes, [(2, "LL4108"), (3, "LL4105")]);
    assert_eq!(received.leads.len(), 3, "a record with only what goes with all is one");
}

#[test]
fn forms_with_json_in_a_field_and_plain_forms_are_read() {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let plain = link("signature = \"none\"", None);
    let read = |body: &str| Webhook.receive(&plain, &push(&form, body)).unwrap().leads.remove(0).fields;
    assert_eq!(
        read("payload=%7B%22email%22%3A%22a%40shili.example%22%7D").text("email"),
        Some("a@shili.example")
    );
    let fields = read("lead[email]=a@shili.example&tag=x&tag=y&tag=z");
    assert_eq!(fields.text("lead.email"), Some("a@shili.example"));
    assert_eq!(fields.get("tag").unwrap().to_display(), "x; y; z");
}

#[test]
fn an_unproven_sender_cannot_use_our_own_names() {
    let body = r#"{"email":"a@shili.example","score":{"fit":99},"crm_id":"L1"}"#;
    let names = |settings: &str, secret: Option<&str>, headers: &[(&str, &str)]| {
        let lead = Webhook.receive(&link(settings, secret), &push(headers, body)).unwrap().leads.remove(0);
        lead.fields.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("signature = \"none\"", None, &[]), ["email", "sent.crm_id", "sent.score.fit"]);
    let proven = names("signature = \"header\"\nheader = \"t\"", Some("fixture-t"), &[("t", "fixture-t")]);
    assert_eq!(proven, ["crm_id", "email", "score.fit"]);
}

#[test]
fn handshakes_are_echoed_and_nothing_is_kept() {
    let echo = link("signature = \"none\"\necho = \"challenge\"", None);
    let get = |query: &str| {
        Webhook.receive(&echo, &Push { method: Method::Get, query: query.into(), ..push(&[], "") })
    };
    let Err(Refusal::Handshake(answer)) = get("a=1&challenge=%3Cb%3E42") else { panic!() };
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"<b>42"[..]));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    let Err(Refusal::Handshake(answer)) = get("") else { panic!() };
    assert_eq!(answer.status, 405);
    let Err(Refusal::Handshake(answer)) = Webhook.receive(&echo, &push(&[], r#"{"challenge":"c1"}"#)) else {
        panic!()
    };
    assert_eq!(answer.json().unwrap(), json!({"challenge": "c1"}));
}

#[test]
fn contradictions_in_the_settings_are_found() {
    let problems = |settings: &str| check(&Webhook, &settings.parse().unwrap()).1;
    for (settings, count) in [
        ("", 1),
        ("signature = \"hmac\"", 2),
        ("signature = \"hmac\"\nheader = \"x\"\nsecret = { env = \"A\" }\nsigned = \"{timestamp}{id}\"", 3),
        ("signature = \"none\"\nsecret = { env = \"A\" }", 1),
        ("signature = \"header\"\nsecret = { env = \"A\" }", 1),
        ("signature = \"md5\"", 1),
        ("signature = \"none\"\ntimezone = \"Nowhere\"", 1),
        ("signature = \"none\"", 0),
    ] {
        assert_eq!(problems(settings).len(), count, "{settings}: {:?}", problems(settings));
    }
}

#[test]
fn bodies_without_records_say_where_they_were_looked_for() {
    let settings = link("signature = \"none\"\nrecords = \"data.items\"", None);
    let refused = |body: &str| match Webhook.receive(&settings, &push(&[], body)) {
        Err(Refusal::Unreadable { code, detail }) => (code, detail),
        other => panic!("{other:?}"),
    };
    let (code, detail) = refused(r#"{"payload":{},"type":"x"}"#);
    assert_eq!(code, "LL3105");
    assert!(detail.contains("payload, type"), "{detail}");
    assert_eq!(refused(r#"{"data":{"items":5}}"#).0, "LL3105");
    assert_eq!(refused("{").0, "LL3101");
    assert_eq!(refused(&json!({"data": {"items": vec![1; 1_001]}}).to_string()).0, "LL3106");
    assert_eq!(refused(&" ".repeat(5 << 20)).0, "LL3102");
}
