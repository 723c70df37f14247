//! Events of analytics SDKs, from their own addresses to the timeline: what is kept becomes touches, what is not is counted
//! and told by visit, whoever looks around without being known stays out of the pool. On both engines.

use std::sync::Arc;
use std::time::Duration;

use leadloop_connectors as _;
use leadloop_server::clock::Clock;
use leadloop_server::{Running, visits};
use leadloop_store::Store;
use leadloop_store::read::find::Question;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_testing::http::{self, Answer};
use serde_json::json;

use crate::set_up::{Ahead, Folder, by_wire};

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"

[[source]]
name = "analytics"
connector = "sensors"
settings = { project = "production" }
keep = 'touch.event in ["PricingViewed", "DemoRequested"] or startsWith(touch.event, "Doc")'

[[source]]
name = "product"
connector = "segment"
settings = { write_key = { env = "KEY" } }

[[score]]
name = "interest"
range = [0, 100]
touches = [{ touch = "web_event", points = 5 }]

[mql]
when = 'score.interest >= 90'

[[transfer]]
name = "everyone"
when = 'true'
do = { decline = "no sales yet" }
"#;

pub(crate) async fn send(
    running: &Running,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let (to, method, path, body) =
        (running.address, method.to_owned(), path.to_owned(), body.as_bytes().to_vec());
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    tokio::task::spawn_blocking(move || {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        http::send(to, &method, &path, &headers, &body)
    })
    .await
    .expect("the sender does not panic")
    .expect("every push is answered")
}

/// Waits until all captures are absorbed; the number of people then.
pub(crate) async fn people(store: &Store) -> i64 {
    for _ in 0..1_000 {
        let status = store.status(Timestamp(0)).await.expect("the store answers");
        if status.captures_due == 0 {
            return status.stages.iter().map(|(_, count)| count).sum();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("captures are left over");
}

async fn kinds(store: &Store, who: Identifier) -> Vec<String> {
    let question = Question { text: who.value.clone(), identifiers: vec![who] };
    let found = store.find(&question, 5).await.expect("the store answers");
    let lead = found.first().expect("somebody is found").lead.id;
    let story = store.story(lead, 100).await.expect("the store answers").expect("there is a story");
    let mut kinds: Vec<String> = story.touches.iter().map(|touch| touch.kind.clone()).collect();
    kinds.sort();
    kinds
}

/// The kinds of touches of whom this identifier leads to.
pub(crate) async fn touches(store: &Store, kind: &str, value: &str) -> Vec<String> {
    kinds(store, Identifier::new(kind, value)).await
}

/// A node with these sources on a store of its own, and its clock.
pub(crate) async fn start(url: &str) -> (Running, Store, Ahead) {
    start_with(url, CONFIG).await
}

async fn start_with(url: &str, config: &str) -> (Running, Store, Ahead) {
    let clock = Ahead::default();
    let folder = Folder::new(config).secret("test-write-key");
    let (running, store) = folder.start_with(url, Arc::new(clock.clone()), by_wire()).await;
    (running, store, clock)
}

fn event(name: &str, n: i64, now: i64) -> serde_json::Value {
    json!({"type": "track", "event": name, "distinct_id": "visitor-1", "time": now - n, "_track_id": n, "properties": {}})
}

async fn the_events(url: &str) {
    let (running, store, clock) = start(url).await;
    let now = clock.now().0 / 1_000;
    let views: Vec<_> = (1..=60).map(|n| event("$pageview", n, now)).collect();
    let body = json!(views).to_string();
    for _ in 0..2 {
        let answer = send(&running, "POST", "/sa?project=production", &[], &body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "the SDK sees success, twice");
    }
    assert_eq!(people(&store).await, 0, "who only looks around is nobody yet");
    let foreign = send(&running, "POST", "/sa?project=other", &[], &body).await;
    assert_eq!(foreign.status, 200, "another project's client does not send it for ever");
    let preflight = [("origin", "https://www.shili.example"), ("access-control-request-method", "POST")];
    let allowed = send(&running, "OPTIONS", "/sa?project=production", &preflight, "").await;
    assert!(allowed.status == 204 && allowed.head.contains("access-control-allow-origin: https://www.shili"));
    assert_eq!(send(&running, "POST", "/nothing/here", &[], "").await.status, 404);

    let known = json!([
        event("PricingViewed", 61, now),
        {"type": "track_signup", "event": "$SignUp", "distinct_id": "u-1", "original_id": "visitor-1", "time": now, "_track_id": 62,
         "properties": {}},
        {"type": "profile_set", "distinct_id": "u-1", "time": now, "_track_id": 63,
         "properties": {"phone": "13900000001", "company": "示例机器人有限公司", "$is_login_id": true}},
    ]);
    let answer = send(&running, "POST", "/in/analytics/sa?project=production", &[], &known.to_string()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(people(&store).await, 1);

    // the visit is over: what was looked at before he was known stands on his timeline, once
    clock.set(Micros::minutes(31));
    while visits::round(&running.node).await.expect("the store answers") > 0 {}
    assert_eq!(people(&store).await, 1);
    let touches = kinds(&store, Identifier::new("phone", "+8613900000001")).await;
    assert!(touches.contains(&"web_visit".to_owned()), "{touches:?}");
    assert_eq!(touches.iter().filter(|kind| *kind == "web_visit").count(), 1, "{touches:?}");
    assert!(touches.contains(&"web_event".to_owned()) && touches.len() <= 5, "{touches:?}");

    the_segment(&running, &store).await;
    running.stop().await;
}

async fn the_segment(running: &Running, store: &Store) {
    let batch = json!({"batch": [
        {"type": "identify", "userId": "s-1", "anonymousId": "anon-9", "messageId": "m1",
         "traits": {"email": "yi@shili.example", "name": "测试乙"}},
        {"type": "page", "anonymousId": "anon-9", "messageId": "m2", "name": "Pricing"},
        {"type": "track", "userId": "s-1", "messageId": "m3", "event": "Demo Requested"},
        "nothing",
    ]})
    .to_string();
    let key = [("authorization", "Basic dGVzdC13cml0ZS1rZXk6"), ("content-type", "application/json")];
    for path in ["/v1/batch", "/in/product/v1/batch"] {
        let answer = send(running, "POST", path, &key, &batch).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "{\"success\":true}"), "{path}");
    }
    let wrong = send(running, "POST", "/v1/batch", &[("authorization", "Basic b3RoZXI6")], &batch).await;
    assert!(wrong.status == 401 && wrong.body.contains("invalid_write_key"), "{wrong:?}");
    let broken = send(running, "POST", "/in/product/v1/track", &key, "{\"event\":").await;
    assert!(broken.status == 400 && broken.body.contains("invalid_request"), "{broken:?}");
    assert_eq!(people(store).await, 2);
    assert_eq!(
        kinds(store, Identifier::new("email", "yi@shili.example")).await,
        ["profile_updated", "web_event"],
        "told twice, kept once"
    );
    assert_eq!(kinds(store, Identifier::new("uba_id", "anon-9")).await.len(), 2, "the browser is his");
}

/// Ten events, of which half are told again when the other half is kept.
async fn another_keep(url: &str) {
    let (running, store, clock) = start(url).await;
    let now = clock.now().0 / 1_000;
    let events = |names: [&str; 2]| {
        let one = |n: i64| event(names[usize::from(n % 2 == 0)], n, now);
        json!((1..=10).map(one).collect::<Vec<_>>()).to_string()
    };
    let body = events(["PricingViewed", "$pageview"]);
    send(&running, "POST", "/sa?project=production", &[], &body).await;
    assert_eq!(people(&store).await, 1, "five are kept, five are counted");
    running.stop().await;
    store.close().await;

    let other = CONFIG.replace("\"PricingViewed\", \"DemoRequested\"", "\"$pageview\"");
    let (running, store, clock) = start_with(url, &other).await;
    send(&running, "POST", "/sa?project=production", &[], &body).await;
    let known = json!([{"type": "track_signup", "event": "$SignUp", "distinct_id": "u-1", "original_id": "visitor-1",
                        "time": now, "_track_id": 62, "properties": {}}]);
    send(&running, "POST", "/sa?project=production", &[], &known.to_string()).await;
    assert_eq!(people(&store).await, 1);
    clock.set(Micros::minutes(31));
    while visits::round(&running.node).await.expect("the store answers") > 0 {}
    assert_eq!(people(&store).await, 1);
    let touches = touches(&store, "uba_id", "visitor-1").await;
    let of = |kind: &str| touches.iter().filter(|found| *found == kind).count();
    assert_eq!((of("web_event"), of("web_visit")), (5, 1), "{touches:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_keep_neither_counts_what_was_kept_nor_keeps_what_was_counted() {
    let folder = leadloop_testing::temp_dir();
    another_keep(&format!("sqlite:{}", folder.path().join("events.db").display())).await;
    let database = leadloop_testing::fresh_database("another_keep");
    another_keep(database.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    the_events(&format!("sqlite:{}", folder.path().join("events.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_on_postgres() {
    let database = leadloop_testing::fresh_database("events");
    the_events(database.url()).await;
}
