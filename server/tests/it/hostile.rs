//! Events as nobody should send them, over HTTP: each is answered as its vendor's client needs it, counted or set aside,
//! and nothing of it costs a genuine event. Then everything comes again and changes nothing. On both engines.

use std::io::Write as _;

use leadloop_server::Running;
use leadloop_server::clock::Clock;
use leadloop_store::Store;
use leadloop_sync_core::time::Timestamp;
use leadloop_testing::http::{self, Answer};
use serde_json::{Value as Json, json};

use super::events::{people, start};

/// `Basic` of the write key that every secret of these tests is.
const KEY: &str = "Basic dGVzdC13cml0ZS1rZXk6";

async fn post(running: &Running, path: &str, kind: &str, body: Vec<u8>) -> Answer {
    let (to, path, kind) = (running.address, path.to_owned(), kind.to_owned());
    let headers = move |body: &[u8]| {
        let headers = [("content-type", kind.as_str()), ("authorization", KEY)];
        http::send(to, "POST", &path, &headers, body)
    };
    let sent = tokio::task::spawn_blocking(move || headers(&body)).await.expect("the sender does not panic");
    sent.expect("every push is answered")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
    packer.write_all(bytes).expect("memory takes it");
    packer.finish().expect("memory takes it")
}

/// One event of the Sensors SDK.
fn sensors(id: &str, number: usize, now: i64) -> Json {
    json!({"type": "track", "event": "DocOpened", "distinct_id": id, "time": now, "_track_id": number, "properties": {}})
}

fn segment(events: &[Json]) -> Vec<u8> {
    json!({ "batch": events }).to_string().into_bytes()
}

/// What is sent: (what it is, path, content type, body, the answer its client needs).
fn storm(now: i64) -> Vec<(&'static str, &'static str, &'static str, Vec<u8>, u16)> {
    const SA: &str = "/sa?project=production";
    const BATCH: &str = "/v1/batch";
    const JSON: &str = "application/json";
    let views = |count: usize| -> Vec<Json> {
        (0..count)
            .map(|n| json!({"type": "page", "anonymousId": format!("a-{}", n % 50), "messageId": format!("p{n}"), "name": "Pricing"}))
            .collect()
    };
    let days = 5 * 86_400_000_i64;
    let skewed = json!([
        {"type": "track", "event": "DocOpened", "distinct_id": "late", "time": now - days, "_flush_time": now - days + 1_000,
         "_track_id": 1, "properties": {}},
        {"type": "track", "event": "DocOpened", "distinct_id": "early", "time": now + days, "_track_id": 2, "properties": {}},
    ]);
    let mut gbk = br#"{"batch":[{"type":"track","userId":"g-1","messageId":"g1","event":""#.to_vec();
    gbk.extend(b"\xbc\xdb\xb8\xf1"); // 价格, in GBK
    gbk.extend(br#""}]}"#);
    vec![
        ("a gzip bomb", BATCH, JSON, gzip(&vec![b' '; 64 << 20]), 413),
        (
            "a body that claims to be packed and is cut",
            BATCH,
            JSON,
            gzip(&segment(&views(5)))[..20].to_vec(),
            400,
        ),
        ("ten thousand events at once", BATCH, JSON, gzip(&segment(&views(10_000))), 200),
        ("one more than that", BATCH, JSON, gzip(&segment(&views(10_001))), 413),
        ("nested JSON", BATCH, JSON, [vec![b'['; 100_000], vec![b']'; 100_000]].concat(), 400),
        ("nested JSON to a client that repeats itself", SA, JSON, vec![b'['; 100_000], 200),
        (
            "another project",
            "/sa?project=other",
            JSON,
            json!([sensors("x", 1, now)]).to_string().into_bytes(),
            200,
        ),
        ("clocks that are days off", SA, JSON, skewed.to_string().into_bytes(), 200),
        (
            "ids of ten kilobytes",
            SA,
            JSON,
            json!([sensors(&"x".repeat(10_000), 3, now)]).to_string().into_bytes(),
            200,
        ),
        ("an event in another encoding", BATCH, JSON, gbk, 200),
        ("bytes that are no text at all", SA, JSON, (0..=255).cycle().take(5_000).collect(), 200),
        (
            "what is true, among it",
            SA,
            JSON,
            json!([7, sensors("good", 4, now), {"type": "spell"}]).to_string().into_bytes(),
            200,
        ),
    ]
}

/// People, kept touches, rows that wait for a person.
async fn state(store: &Store) -> (i64, Vec<(String, i64)>) {
    let people = people(store).await;
    let status = store.status(Timestamp(0)).await.expect("the store answers");
    let mut parked: Vec<(String, i64)> = status
        .parked
        .iter()
        .map(|row| (format!("{} {} {}", row.what, row.whose, row.code), row.count))
        .collect();
    parked.sort();
    (people, parked)
}

async fn a_storm(url: &str) {
    let (running, store, clock) = start(url).await;
    let now = clock.now().0 / 1_000;
    for (what, path, kind, body, wanted) in storm(now) {
        let answer = post(&running, path, kind, body).await;
        assert_eq!(answer.status, wanted, "{what}: {}", answer.body);
    }
    let (people, parked) = state(&store).await;
    // Clocks that are off by days are still somebody's: late, early, good, and who told his event in GBK.
    assert_eq!(people, 4, "{parked:?}");
    let records: i64 =
        parked.iter().filter(|(what, _)| what.starts_with("record")).map(|(_, count)| count).sum();
    assert!(records >= 2, "what is no event waits for a person: {parked:?}");

    for (what, path, kind, body, wanted) in storm(now) {
        assert_eq!(post(&running, path, kind, body).await.status, wanted, "{what}, again");
    }
    assert_eq!(state(&store).await.0, people, "a replay makes nobody");
    for who in ["good", "late", "early"] {
        assert_eq!(
            super::events::touches(&store, "uba_id", who).await,
            ["web_event"],
            "{who}: told twice, kept once"
        );
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    a_storm(&format!("sqlite:{}", folder.path().join("storm.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_on_postgres() {
    let database = leadloop_testing::fresh_database("storm");
    a_storm(database.url()).await;
}
