use std::collections::BTreeSet;
use std::io::Write as _;

use base64::Engine as _;
use leadloop_connector_api::http::Method;
use leadloop_connector_api::{Claim, Connector, Link, Push, Received, Refusal};
use leadloop_sync_core::capture::{Identifier, RawLead};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::Sensors;
use crate::reading::testing::{RECORDED, link, push, recorded};

fn rig() -> Link {
    link(&Sensors, "project = \"rig\"", &[])
}

/// What the SDK's own way of packing makes of `events`.
fn packed(events: &Json, gzip: bool) -> String {
    let mut bytes = events.to_string().into_bytes();
    if gzip {
        let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
        packer.write_all(&bytes).unwrap();
        bytes = packer.finish().unwrap();
    }
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn form(name: &str, data: &str) -> Vec<u8> {
    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, data).finish().into_bytes()
}

fn sent(events: &Json) -> Push {
    push(Method::Post, "/sa?project=rig", &[], &form("data_list", &packed(events, true)))
}

fn status(result: &Result<Received, Refusal>) -> u16 {
    match result {
        Ok(received) => received.answer.as_ref().map_or(200, |answer| answer.status),
        Err(Refusal::Answered { answer, .. } | Refusal::Handshake(answer)) => answer.status,
        Err(other) => panic!("{other:?}"),
    }
}

const RECORDINGS: [&str; 14] = [
    include_str!("fixtures/recorded/sa-sdk-javascript.browser-ajax.json"),
    include_str!("fixtures/recorded/sa-sdk-javascript.browser-batch-beacon.json"),
    include_str!("fixtures/recorded/sa-sdk-javascript.browser-batch.json"),
    include_str!("fixtures/recorded/sa-sdk-javascript.browser-beacon.json"),
    include_str!("fixtures/recorded/sa-sdk-javascript.browser-image.json"),
    include_str!("fixtures/recorded/sa-sdk-node.batch-no-gzip.json"),
    include_str!("fixtures/recorded/sa-sdk-node.track-signup-profile.json"),
    include_str!("fixtures/recorded/sensorsanalytics-python.async-batch.json"),
    include_str!("fixtures/recorded/sensorsanalytics-python.batch.json"),
    include_str!("fixtures/recorded/sensorsanalytics-python.debug-mode.json"),
    include_str!("fixtures/recorded/sensorsanalytics-python.identity3-bind-unbind.json"),
    include_str!("fixtures/recorded/sensorsanalytics-python.items-and-profile-delete.json"),
    include_str!("fixtures/recorded/sensorsanalytics-python.track-anonymous-single.json"),
    include_str!("fixtures/recorded/sensorsanalytics-python.track-signup-and-profile.json"),
];

#[test]
fn traffic_of_the_real_sdks_is_taken_event_by_event() {
    let mut seen = 0;
    for text in RECORDINGS {
        for (push, decoded) in recorded(text) {
            let heard = Sensors.receive(&rig(), &push);
            if push.path == "debug" {
                assert_eq!(status(&heard), 200, "a dry run keeps nothing");
                assert!(matches!(heard, Err(Refusal::Handshake(_))));
                continue;
            }
            let received = heard.unwrap();
            let events = match &decoded {
                Json::Array(list) => list.clone(),
                one => vec![one.clone()],
            };
            assert_eq!(received.unreadable, [], "{decoded}");
            let ignored: u32 = received.ignored.values().sum();
            assert_eq!(received.leads.len() + ignored as usize, events.len(), "{decoded}");
            let mut leads = received.leads.iter();
            for event in events.iter().filter(|event| !event["type"].as_str().unwrap().starts_with("item_")) {
                let lead = leads.next().unwrap();
                seen += 1;
                let off = (lead.at.unwrap().0 - event["time"].as_i64().unwrap() * 1_000).abs();
                let late = RECORDED.0 - event["_flush_time"].as_i64().unwrap_or_default() * 1_000;
                assert!(off == 0 || off == late.abs(), "{off} {event}");
                let ids: BTreeSet<String> = ["login_id", "uba_id", "phone", "unionid"]
                    .iter()
                    .filter_map(|kind| lead.fields.get(kind))
                    .flat_map(|value| match value {
                        leadloop_mapping::Value::List(list) => list.iter().map(|v| v.to_display()).collect(),
                        one => vec![one.to_display()],
                    })
                    .chain(lead.ties.named().map(|identifier| identifier.value.clone()))
                    .collect();
                assert_eq!(lead.ties.unlink.is_empty(), event["type"] != "track_id_unbind");
                assert_eq!(
                    lead.ties.link.is_empty(),
                    !matches!(event["type"].as_str(), Some("track_signup" | "track_id_bind"))
                );
                for part in ["distinct_id", "original_id"] {
                    if let Some(id) = event[part].as_str() {
                        let id = id.rsplit('+').next().unwrap();
                        assert!(ids.contains(id), "{id} in {ids:?}");
                    }
                }
                for id in event["identities"].as_object().into_iter().flat_map(|map| map.values()) {
                    assert!(ids.contains(id.as_str().unwrap()), "{id} in {ids:?}");
                }
            }
        }
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn the_kind_of_an_id_is_kept() {
    let texts = |events: Json, kind: &str| -> Vec<Option<String>> {
        let received = Sensors.receive(&rig(), &sent(&events)).unwrap();
        received.leads.iter().map(|lead| lead.fields.text(kind).map(str::to_owned)).collect()
    };
    let event = |more: Json| {
        let mut event =
            json!({"type": "track", "event": "A", "time": 1_795_326_374_733_i64, "properties": {}});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let list = json!([
        event(json!({"distinct_id": "anon-1"})),
        event(json!({"distinct_id": "u_1", "properties": {"$is_login_id": true}})),
        event(
            json!({"distinct_id": "$identity_mobile+13900000001", "identities": {"$identity_mobile": "13900000001"}})
        ),
        event(json!({"distinct_id": "crm+77", "identities": {"crm": "77"}, "login_id": "u_2"})),
        event(json!({"distinct_id": 42})),
    ]);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(texts(list.clone(), "uba_id"), [some("anon-1"), None, None, some("crm+77"), some("42")]);
    assert_eq!(texts(list.clone(), "login_id"), [None, some("u_1"), None, some("u_2"), None]);
    assert_eq!(texts(list.clone(), "phone"), [None, None, some("13900000001"), None, None]);
    let told = link(&Sensors, "project = \"rig\"\nidentities = { crm = \"wecom_id\" }", &[]);
    let lead = &Sensors.receive(&told, &sent(&list)).unwrap().leads[3];
    assert_eq!(lead.fields.text("wecom_id"), Some("77"));
}

#[test]
fn a_login_told_by_a_client_that_flags_none_binds_what_it_tells_later() {
    let login = |more: Json| {
        let mut event = json!({"type": "track_signup", "event": "$SignUp", "distinct_id": "u_1", "original_id": "anon-1",
                               "time": 1_795_326_374_733_i64, "properties": {}});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Sensors.receive(&rig(), &sent(&json!([event]))).unwrap().leads.remove(0)
    };
    let linked = |lead: &RawLead| -> Vec<String> {
        let text = |id: &Identifier| format!("{} {}", id.kind.0, id.value);
        lead.ties.link.iter().map(|(other, first)| format!("{} = {}", text(other), text(first))).collect()
    };
    let silent = login(json!({}));
    assert_eq!(linked(&silent), ["uba_id anon-1 = login_id u_1", "uba_id u_1 = login_id u_1"]);
    for told in [json!({"properties": {"$is_login_id": true}}), json!({"login_id": "u_1"})] {
        assert_eq!(linked(&login(told)), ["uba_id anon-1 = login_id u_1"]);
    }
}

#[test]
fn page_titles_are_no_job_titles_and_profiles_are() {
    let list = json!([
        {"type": "track", "event": "$pageview", "distinct_id": "a", "time": 1_795_326_374_733_i64,
         "properties": {"$title": "Pricing", "title": "AI", "kind": "x", "phone": "13900000001",
                        "$latest_referrer": "取值异常", "$utm_source": "wechat", "$screen_width": 3, "nested": {"a": {"b": 1}}}},
        {"type": "profile_set", "distinct_id": "a", "time": 1_795_326_374_733_i64,
         "properties": {"$name": "测试甲", "company": "示例机器人有限公司", "title": "采购经理"}},
    ]);
    let received = Sensors.receive(&rig(), &sent(&list)).unwrap();
    let [event, profile] = received.leads.as_slice() else { panic!() };
    let names: Vec<&str> = event.fields.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "phone",
            "touch.event",
            "touch.nested.a.b",
            "touch.property_kind",
            "touch.title",
            "touch.utm_source",
            "uba_id"
        ]
    );
    assert_eq!((event.touch.as_deref(), profile.touch.as_deref()), (None, Some("profile_updated")));
    assert_eq!(profile.fields.text("title"), Some("采购经理"));
    assert_eq!(profile.fields.text("name"), Some("测试甲"));
}

#[test]
fn a_replay_has_the_same_keys_and_the_same_moment_twice_does_not() {
    let event = |n: i64, flush: i64| {
        json!({"type": "track", "event": "A", "distinct_id": "a", "time": 1_795_326_374_733_i64,
                                            "properties": {"n": n}, "_flush_time": flush})
    };
    let keys = |events: &Json| -> Vec<Option<String>> {
        Sensors.receive(&rig(), &sent(events)).unwrap().leads.into_iter().map(|lead| lead.event_id).collect()
    };
    let now = RECORDED.0 / 1_000;
    assert_eq!(keys(&json!([event(1, now)])), keys(&json!([event(1, now + 9_000)])));
    assert_ne!(keys(&json!([event(1, now)])), keys(&json!([event(2, now)])));
}

#[test]
fn other_projects_and_wrong_tokens_are_counted_and_answered_as_always() {
    let own = json!({"type": "track", "event": "A", "distinct_id": "a", "time": 1, "properties": {}});
    let foreign = json!({"type": "track", "event": "A", "distinct_id": "a", "time": 1, "properties": {}, "project": "other"});
    let heard = Sensors.receive(&rig(), &sent(&json!([own, foreign])));
    assert_eq!(status(&heard), 200);
    let received = heard.unwrap();
    assert_eq!((received.leads.len(), received.ignored.get("LL4700")), (1, Some(&1)));
    let locked = link(&Sensors, "project = \"rig\"", &[("token", "fixture-token")]);
    assert_eq!(Sensors.receive(&locked, &sent(&json!([own]))).unwrap().ignored.get("LL4700"), Some(&1));
    let data = form("data_list", &packed(&json!([own]), false));
    let open = push(Method::Post, "/sa?project=rig&token=fixture-token", &[], &data);
    assert_eq!(Sensors.receive(&locked, &open).unwrap().leads.len(), 1);
}

#[test]
fn an_address_of_their_own_finds_the_source_by_its_project() {
    let at = |target: &str| Sensors.claims(&rig(), &push(Method::Post, target, &[], b""));
    assert_eq!(at("/sa?project=rig"), Some(Claim::Mine));
    assert_eq!(at("/sa.gif?project=rig"), Some(Claim::Mine));
    assert_eq!(at("/debug"), Some(Claim::Maybe));
    assert_eq!(at("/other?project=rig"), None);
}

#[test]
fn what_cannot_be_read_is_answered_so_that_nobody_sends_it_for_ever() {
    let body = |data: &str| form("data", data);
    for (what, body, wanted) in [
        ("no base64", body("***"), 200),
        ("no JSON", body(&base64::engine::general_purpose::STANDARD.encode("{oops")), 200),
        ("cut gzip", body("H4sIAAAAAAACAzVOOw"), 200),
        ("nothing in it", b"other=1".to_vec(), 200),
        ("encrypted", b"data_list=%5B%5D&gzip=9".to_vec(), 200),
        ("sealed", body(&packed(&json!([{"key_hash": "x", "payload": "y"}]), false)), 200),
        ("too many", sent(&json!(vec![json!({}); 10_001])).body, 200),
        ("a bomb", body(&packed(&json!(" ".repeat(11 << 20)), true)), 413),
    ] {
        let heard = Sensors.receive(&rig(), &push(Method::Post, "/sa?project=rig", &[], &body));
        let Err(Refusal::Answered { refusal, answer }) = heard else { panic!("{what}: {heard:?}") };
        assert!(matches!(*refusal, Refusal::Unreadable { .. }), "{what}");
        assert_eq!(answer.status, wanted, "{what}");
        let debug = Sensors.receive(&rig(), &push(Method::Post, "/debug?project=rig", &[], &body));
        assert!(status(&debug) >= 400, "{what}: a developer is told");
    }
}

#[test]
fn ten_thousand_events_strange_ids_and_clocks_are_bounded() {
    let events: Vec<Json> = (0..10_000)
        .map(|n| {
            json!({"type": "track", "event": "A", "distinct_id": format!("a{}", n % 100), "time": 1_795_326_374_733_i64 + n,
                   "_track_id": n, "properties": {}})
        })
        .collect();
    assert_eq!(Sensors.receive(&rig(), &sent(&json!(events))).unwrap().leads.len(), 10_000);
    let days = 3 * 86_400_000_i64;
    let now = RECORDED.0 / 1_000;
    let list = json!([
        {"type": "track", "event": "A", "distinct_id": "x".repeat(10_000), "time": now, "properties": {}},
        {"type": "track", "event": "A", "distinct_id": "a", "time": now - days, "_flush_time": now - days + 5_000, "properties": {}},
        {"type": "track", "event": "A", "distinct_id": "a", "time": now + days, "properties": {}},
        {"type": "track", "event": "A", "distinct_id": "a", "time": "soon", "properties": {"a": "y".repeat(20_000)}},
        {"type": "made_up", "distinct_id": "a"},
        7,
    ]);
    let received = Sensors.receive(&rig(), &sent(&list)).unwrap();
    assert_eq!((received.leads.len(), received.unreadable.len()), (3, 3));
    assert_eq!(received.leads[0].fields.get("uba_id"), None, "an id of 10 kB is nobody's");
    assert_eq!(
        received.leads[1].at,
        Some(Timestamp(RECORDED.0 - 5_000_000)),
        "set right by the time of sending"
    );
    assert_eq!(received.leads[2].at, None, "a time to come is no time");
}
