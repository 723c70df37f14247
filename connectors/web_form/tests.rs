use std::collections::BTreeMap;

use leadloop_connector_api::http::{Answer, Method};
use leadloop_connector_api::settings::check;
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal};
use leadloop_mapping::Value;
use leadloop_sync_core::time::Timestamp;

use super::WebForm;

fn link(settings: &str) -> Link {
    let (settings, problems) = check(&WebForm, &settings.parse().unwrap());
    assert_eq!(problems, []);
    settings.into_link("website".into(), BTreeMap::new())
}

fn push(kind: &str, body: impl Into<Vec<u8>>) -> Push {
    Push {
        method: Method::Post,
        path: String::new(),
        query: String::new(),
        headers: vec![("content-type".into(), kind.into())],
        body: body.into(),
        at: Timestamp(1_795_410_000_000_000),
        peer: Some("203.0.113.7".into()),
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn with(mut push: Push, headers: &[(&str, &str)]) -> Push {
    push.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    push
}

fn receive(settings: &str, push: &Push) -> Result<Received, Refusal> {
    WebForm.receive(&link(settings), push)
}

fn taken(push: &Push) -> Received {
    receive("", push).unwrap()
}

fn code(result: Result<Received, Refusal>) -> &'static str {
    match result {
        Err(Refusal::Unreadable { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

fn answer(settings: &str, push: &Push) -> Answer {
    receive(settings, push).unwrap().answer.unwrap()
}

#[test]
fn all_kinds_of_bodies_bring_the_same_lead() {
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\njia@shili.example\r\n--b\r\n\
        Content-Disposition: form-data; name=\"name\"\r\n\r\n测试甲\r\n--b--\r\n";
    let (gb, _, _) = encoding_rs::GB18030.encode("name=测试甲&email=jia@shili.example");
    for push in [
        push(FORM, "email=jia%40shili.example&name=%E6%B5%8B%E8%AF%95%E7%94%B2"),
        push(FORM, gb.into_owned()),
        push("multipart/form-data; boundary=b", multipart),
        push(JSON, r#"{"email":"jia@shili.example","name":"测试甲"}"#),
        push("application/json; charset=utf-8", r#"[{"email":"jia@shili.example","name":"测试甲"}]"#),
        push("text/plain;charset=UTF-8", r#"{"leads":[{"email":"jia@shili.example","name":"测试甲"}]}"#),
        push(FORM, "leads[0][email]=jia@shili.example&leads[0][name]=测试甲"),
        push("", r#" {"email":"jia@shili.example","name":"测试甲"}"#),
    ] {
        let received = taken(&push);
        assert_eq!(received.leads.len(), 1, "{push:?}");
        let fields = &received.leads[0].fields;
        assert_eq!(fields.text("email"), Some("jia@shili.example"), "{push:?}");
        assert_eq!(fields.text("name"), Some("测试甲"), "{push:?}");
        assert_eq!(fields.0.len(), 2, "{push:?}");
    }
}

#[test]
fn several_leads_share_what_stands_around_them() {
    let body = r#"{"leads":[{"email":"jia@shili.example"},7,{"email":"yi@shili.example","campaign":"own"}],
        "campaign":"autumn","_submission_id":"s-1","_page_url":"https://www.shili.example/?utm_source=baidu"}"#;
    let received = taken(&push(JSON, body));
    assert_eq!(received.leads.len(), 2);
    assert_eq!(received.leads[0].event_id.as_deref(), Some("s-1#0"));
    assert_eq!(received.leads[1].event_id.as_deref(), Some("s-1#2"));
    assert_eq!(received.leads[0].fields.text("campaign"), Some("autumn"));
    assert_eq!(received.leads[1].fields.text("campaign"), Some("own"));
    assert_eq!(received.leads[1].fields.text("utm_source"), Some("baidu"));
    assert_eq!((received.unreadable[0].position, received.unreadable[0].code.as_str()), (1, "LL4105"));
}

#[test]
fn event_ids_come_from_the_form_or_its_caller() {
    let id = |push: &Push| taken(push).leads[0].event_id.clone();
    assert_eq!(id(&push(FORM, "email=a@shili.example&_submission_id=u-1")).as_deref(), Some("u-1"));
    let caller = |value: &str| with(push(FORM, "email=a@shili.example"), &[("idempotency-key", value)]);
    assert_eq!(id(&caller("\"8e03978e\"")).as_deref(), Some("8e03978e"));
    assert_eq!(id(&caller("8e03978e")).as_deref(), Some("8e03978e"));
    assert_eq!(id(&caller(&"x".repeat(201))), None);
    assert_eq!(id(&push(FORM, "email=a@shili.example")), None);
}

#[test]
fn campaign_parameters_are_lifted_from_page_and_referrer() {
    let body = "email=a@shili.example&utm_source=wechat&gclid=__GCLID__\
        &page=https%3A%2F%2Fwww.shili.example%2Fdemo%3Futm_source%3Dbaidu%26utm_medium%3Dcpc%26bd_vid%3Dv1";
    let body = body.replace("&page=", "&_page_url=");
    let referer =
        "https://www.shili.example/demo?utm_campaign=autumn&utm_medium=x&utm_term=%7Bkeyword%7D&secret=1";
    let lead = taken(&with(push(FORM, body), &[("referer", referer)])).leads.remove(0);
    for (name, value) in
        [("utm_source", "wechat"), ("utm_medium", "cpc"), ("bd_vid", "v1"), ("utm_campaign", "autumn")]
    {
        assert_eq!(lead.fields.text(name), Some(value), "{name}");
    }
    for name in ["gclid", "utm_term", "secret", "_page_url"] {
        assert_eq!(lead.fields.get(name), None, "{name}");
    }
    assert!(lead.fields.text("page_url").unwrap().starts_with("https://www.shili.example/demo?"));
}

#[test]
fn a_robot_is_answered_like_a_person_and_set_aside() {
    let robot = push(FORM, "email=a@shili.example&_hp_url=http://spam.example&_submission_id=1");
    let person = push(FORM, "email=a@shili.example&_hp_url=&_submission_id=1");
    let caught = taken(&robot);
    assert_eq!((caught.leads.len(), caught.unreadable[0].code.as_str()), (0, "LL4102"));
    assert_eq!(caught.unreadable[0].raw.fields.text("email"), Some("a@shili.example"));
    assert_eq!(caught.answer, taken(&person).answer);
    let own = receive("honeypot = \"fax\"", &push(FORM, "email=a@shili.example&fax=1")).unwrap();
    assert_eq!(own.unreadable.len(), 1);
}

#[test]
fn a_box_that_was_not_ticked_is_a_no() {
    let settings = "consent = { transfer = \"agree\", mail = \"news\" }\nconsent_text = \"2026-10\"";
    let consent = |body: &str, purpose: &str| {
        let lead = receive(settings, &push(FORM, body)).unwrap().leads.remove(0);
        assert_eq!(lead.fields.text("consent.text_version"), Some("2026-10"));
        assert_eq!(lead.fields.text("touch.ip"), Some("203.0.113.7"));
        assert_eq!(lead.fields.get("agree"), None);
        lead.fields.get(&format!("consent.{purpose}")).and_then(Value::as_bool).unwrap()
    };
    assert!(consent("email=a@shili.example&agree=on", "transfer"));
    assert!(!consent("email=a@shili.example&agree=on", "mail"));
    assert!(!consent("email=a@shili.example&agree=maybe", "transfer"), "only words that mean yes are one");
    assert!(consent("email=a@shili.example&agree=0&agree=1", "transfer"), "hidden 0 before the box");
    let forged = receive(settings, &push(FORM, "email=a@shili.example&consent.transfer=1")).unwrap();
    assert_eq!(forged.leads[0].fields.get("consent.transfer"), Some(&Value::Bool(false)));
}

#[test]
fn names_that_are_ours_cannot_be_filled_in() {
    let body =
        "email=a@shili.example&score.fit=100&touch.kind=x&crm_id=L1&lead[email]=b@shili.example&MA-ID=m";
    let lead = taken(&push(FORM, body)).leads.remove(0);
    let names: Vec<&str> = lead.fields.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["email", "lead.email", "sent.MA-ID", "sent.crm_id", "sent.score.fit", "sent.touch.kind"]
    );
}

#[test]
fn only_allowed_pages_may_post() {
    let settings = "allowed_origins = [\"https://www.shili.example\"]";
    let post =
        |headers: &[(&str, &str)]| receive(settings, &with(push(FORM, "email=a@shili.example"), headers));
    assert!(post(&[("origin", "https://www.shili.example")]).is_ok());
    assert!(post(&[("origin", "null"), ("referer", "https://www.shili.example/demo?x=1")]).is_ok());
    assert!(matches!(post(&[("origin", "https://evil.example")]), Err(Refusal::Forbidden(_))));
    assert!(matches!(
        post(&[("origin", "https://evil.example"), ("referer", "https://www.shili.example/")]),
        Err(Refusal::Forbidden(_))
    ));
    assert!(matches!(post(&[]), Err(Refusal::Forbidden(_))));
    let optional = format!("{settings}\norigin_optional = true");
    assert!(receive(&optional, &push(FORM, "email=a@shili.example")).is_ok());
    let headers =
        answer(settings, &with(push(FORM, "a=1"), &[("origin", "https://www.shili.example")])).headers;
    assert!(
        headers.iter().any(|(n, v)| n == "access-control-allow-origin" && v == "https://www.shili.example")
    );
    for wrong in [
        "allowed_origins = [\"www.shili.example\"]",
        "redirects = [\"*\"]",
        "consent = { sale = \"x\" }",
        "timezone = \"Mars\"",
    ] {
        assert_eq!(check(&WebForm, &wrong.parse().unwrap()).1.len(), 1, "{wrong}");
    }
}

#[test]
fn browsers_are_led_on_and_scripts_get_json() {
    let settings = "allowed_origins = [\"https://*.shili.example\"]\norigin_optional = true";
    let html = |settings: &str, redirect: &str| {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("email", "a@shili.example")
            .append_pair("_redirect", redirect)
            .finish();
        answer(settings, &with(push(FORM, body), &[("accept", "text/html,*/*"), ("accept-language", "en")]))
    };
    let led = html(settings, "https://www.shili.example/thanks?x=1");
    assert_eq!((led.status, led.header("location")), (303, Some("https://www.shili.example/thanks?x=1")));
    for evil in [
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
        "https://www.shili.example@evil.example/",
        "https://www.shili.example\r\nx: y",
    ] {
        let stays = html(settings, evil);
        assert_eq!((stays.status, stays.header("location")), (200, None), "{evil}");
        assert!(String::from_utf8(stays.body).unwrap().contains("Thank you"));
    }
    assert_eq!(
        html("thanks_url = \"https://www.shili.example/danke\"", "x").header("location"),
        Some("https://www.shili.example/danke")
    );
    let own = String::from_utf8(html("thanks = \"<b>Danke & mehr</b>\"", "").body).unwrap();
    assert!(own.contains("&lt;b&gt;Danke &amp; mehr&lt;/b&gt;") && !own.contains("<b>"));
    let json = answer("", &push(JSON, r#"{"email":"a@shili.example","_submission_id":"s"}"#));
    assert_eq!(json.json().unwrap(), serde_json::json!({"ok": true, "received": 1, "submission_id": "s"}));
    let Err(Refusal::Handshake(answer)) = receive("", &Push { method: Method::Get, ..push("", "") }) else {
        panic!()
    };
    assert_eq!(answer.status, 405);
}

#[test]
fn a_record_beyond_the_bounds_is_set_aside_and_the_others_go_on() {
    let body = serde_json::json!({"leads": [{"email": "a@shili.example"}, {"note": "x".repeat(10_001)}, {"a".repeat(101): 1}, {}]});
    let received = taken(&push(JSON, body.to_string()));
    assert_eq!(received.leads.len(), 1);
    let codes: Vec<&str> = received.unreadable.iter().map(|record| record.code.as_str()).collect();
    assert_eq!(codes, ["LL4101", "LL4101", "LL4105"]);
}

#[test]
fn what_holds_no_record_says_why() {
    for (kind, body, expected) in [
        (JSON, b"{\"a\":".to_vec(), "LL3101"),
        (FORM, vec![b'a'; 256 * 1024 + 1], "LL3102"),
        (FORM, b"a=%FF%FF%FF".to_vec(), "LL3101"),
        (JSON, b"\xff\xff\xff".to_vec(), "LL3103"),
        ("application/pdf", b"%PDF".to_vec(), "LL3104"),
        (JSON, b"7".to_vec(), "LL3105"),
        (JSON, b"[]".to_vec(), "LL3105"),
        (FORM, b"".to_vec(), "LL3105"),
        (JSON, format!("[{}1]", "1,".repeat(1_000)).into_bytes(), "LL3106"),
        ("multipart/form-data", b"x".to_vec(), "LL3101"),
        ("multipart/form-data; boundary=b", b"--b--".to_vec(), "LL3105"),
        ("text/csv", b"\x00\x01".to_vec(), "LL3107"),
        ("text/csv", b"1,2\n3,4\n".to_vec(), "LL3109"),
    ] {
        assert_eq!(code(receive("", &push(kind, body.clone()))), expected, "{kind} {:?}", body.get(..20));
    }
}

#[test]
fn an_uploaded_table_brings_its_rows_and_other_files_their_names() {
    let form = |file: &str, content: &[u8]| {
        let mut body = b"--b\r\nContent-Disposition: form-data; name=\"campaign\"\r\n\r\nfair\r\n".to_vec();
        body.extend(
            format!("--b\r\nContent-Disposition: form-data; name=\"list\"; filename=\"{file}\"\r\n\r\n")
                .bytes(),
        );
        body.extend(content);
        body.extend(b"\r\n--b--\r\n");
        push("multipart/form-data; boundary=b", body)
    };
    let (gb, _, _) =
        encoding_rs::GB18030.encode("姓名,手机\n测试甲,13900000001\n测试乙\n测试丙,13900000003\n");
    let received = taken(&form("名单.CSV", &gb));
    assert_eq!(received.leads.len(), 2);
    assert_eq!(received.leads[1].position, 3);
    assert_eq!(received.leads[1].fields.text("campaign"), Some("fair"));
    assert_eq!(received.unreadable[0].code, "LL4103");
    let named = taken(&form("cv.pdf", b"%PDF-1.7"));
    assert_eq!(named.leads[0].fields.text("list"), Some("cv.pdf"));
    let off = receive("file_upload = false", &form("a.csv", b"name\nx\n")).unwrap();
    assert_eq!(off.leads[0].fields.text("list"), Some("a.csv"));
    let none = taken(&form("", b""));
    assert_eq!((none.leads.len(), none.leads[0].fields.get("list")), (1, None));
}
