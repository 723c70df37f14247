//! A source that spoke every week at this hour and is silent now raises an alarm; its next word clears it; so does one whose records
//! lack a field they used to have, or have a new one. The alarm that too many records were made ends. On both engines.

use std::sync::Arc;

use leadloop_server::clock::Clock;
use leadloop_server::wire::Wire;
use leadloop_server::{Running, vigil};
use leadloop_store::Store;
use leadloop_sync_core::time::{Micros, Timestamp};
use serde_json::json;

use super::events::{people, send, start};
use super::outbox::{Played, mirrored, node_with_fuse, post, until};
use super::set_up::Ahead;

/// Ten people do something, one push each.
async fn a_busy_hour(running: &Running, clock: &Ahead, week: i64) {
    for n in 0..10 {
        let event = json!([{"type": "track", "event": "DocOpened", "distinct_id": format!("w{week}-{n}"),
                            "time": clock.now().0 / 1_000, "_track_id": n, "properties": {}}]);
        let answer = send(running, "POST", "/sa?project=production", &[], &event.to_string()).await;
        assert_eq!(answer.status, 200);
    }
}

/// Codes of alarms that stand.
async fn alarms(store: &Store) -> Vec<String> {
    let status = store.status(Timestamp(0)).await.expect("the store answers");
    status.alarms.iter().filter(|one| one.alarm.raised).map(|one| one.alarm.code.clone()).collect()
}

async fn silence(url: &str) {
    let (running, store, clock) = start(url).await;
    // Three weeks, the same hours each: a word before, then the busy hour.
    for week in 0..3 {
        clock.set(Micros::days(7 * week));
        a_busy_hour(&running, &clock, week * 2).await;
        clock.set(Micros::hours(7 * 24 * week + 3));
        a_busy_hour(&running, &clock, week * 2 + 1).await;
        people(&store).await;
        vigil::look(&running.node).await.expect("the store answers");
        assert_eq!(alarms(&store).await, Vec::<String>::new(), "week {week}");
    }
    // The fourth week begins as always; then it falls silent where it used to be busy.
    clock.set(Micros::days(21));
    a_busy_hour(&running, &clock, 9).await;
    people(&store).await;
    clock.set(Micros::hours(21 * 24 + 2));
    vigil::look(&running.node).await.expect("the store answers");
    assert_eq!(alarms(&store).await, Vec::<String>::new(), "these two hours were always quiet");
    clock.set(Micros::hours(21 * 24 + 4));
    for _ in 0..2 {
        vigil::look(&running.node).await.expect("the store answers");
        assert_eq!(alarms(&store).await, ["LL4780"]);
    }
    a_busy_hour(&running, &clock, 10).await;
    people(&store).await;
    vigil::look(&running.node).await.expect("the store answers");
    assert_eq!(alarms(&store).await, Vec::<String>::new(), "it speaks again");
    running.stop().await;
}

/// So many people do something, with these properties.
async fn some_do(running: &Running, clock: &Ahead, count: i64, properties: &serde_json::Value) {
    let at = clock.now().0 / 1_000;
    let one = |n: i64| {
        json!({"type": "track", "event": "DocOpened", "distinct_id": format!("s{at}-{n}"), "time": at,
               "_track_id": n, "properties": properties})
    };
    let events: Vec<_> = (0..count).map(one).collect();
    let body = serde_json::Value::from(events).to_string();
    assert_eq!(send(running, "POST", "/sa?project=production", &[], &body).await.status, 200);
}

/// The alarms of fields that stand.
async fn odd_fields(store: &Store) -> Vec<String> {
    let mut codes = alarms(store).await;
    codes.retain(|code| code.starts_with("LL488"));
    codes.sort();
    codes
}

async fn shapes(url: &str) {
    let (running, store, clock) = start(url).await;
    let (usual, renamed) =
        (json!({ "plan": "pro", "page": "/" }), json!({ "plan_name": "pro", "page": "/" }));
    let look = async |wanted: &[&str], what: &str| {
        people(&store).await;
        vigil::look(&running.node).await.expect("the store answers");
        assert_eq!(odd_fields(&store).await, wanted, "{what}");
    };
    for day in 0..10 {
        clock.set(Micros::days(day));
        some_do(&running, &clock, 12, &usual).await;
        look(&[], "every day the same").await;
    }
    clock.set(Micros::days(10));
    some_do(&running, &clock, 3, &renamed).await;
    look(&[], "three are a slow morning").await;
    clock.set(Micros::hours(10 * 24 + 12));
    some_do(&running, &clock, 40, &renamed).await;
    look(&["LL4884", "LL4885"], "a property was renamed").await;
    look(&["LL4884", "LL4885"], "said once").await;
    let standing = store.status(Timestamp(0)).await.expect("the store answers").alarms;
    let gone = standing.iter().find(|one| one.alarm.code == "LL4884").expect("it stands");
    let detail = &gone.alarm.detail;
    assert!(
        detail.contains("source analytics: `touch.plan` stands in 0 % of the last 40 web_event"),
        "{detail}"
    );
    assert!(detail.contains("% are usual") && detail.contains("; one of them is capture C-"), "{detail}");
    clock.set(Micros::days(11));
    some_do(&running, &clock, 40, &usual).await;
    look(&[], "it was put right").await;
    running.stop().await;
}

async fn fuse(url: &str) {
    let (clock, crm) = (Ahead::default(), Arc::new(Played::default()));
    // The same hour begins to the minute wherever the test runs.
    let into = clock.now().0.rem_euclid(Micros::hours(1).0);
    clock.set(Micros(Micros::hours(1).0 - into + Micros::minutes(1).0));
    let wire: Arc<dyn Wire> = Arc::<Played>::clone(&crm);
    let (running, store) = node_with_fuse(2, url, Arc::new(clock.clone()), wire).await;
    mirrored(&store).await;
    post(&running, &[("测试甲", 1), ("测试乙", 2), ("测试丙", 3)]).await;
    let stands = async || alarms(&store).await.contains(&"LL4201".to_owned());
    until("the third waits", stands).await;
    until("two are made", async || crm.written() == 2).await;
    clock.add(Micros::hours(1));
    // Something new wakes whoever waits for the time that was.
    post(&running, &[("测试丁", 4)]).await;
    until("the next hour takes what waited", async || crm.written() == 4).await;
    vigil::look(&running.node).await.expect("the store answers");
    assert!(stands().await, "no hour has passed below the limit");
    clock.add(Micros::hours(1));
    vigil::look(&running.node).await.expect("the store answers");
    assert!(!stands().await, "it is over, and nothing further was made");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fuse_of_new_records_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    fuse(&format!("sqlite:{}", folder.path().join("fuse.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fuse_of_new_records_on_postgres() {
    fuse(leadloop_testing::fresh_database("fuse").url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shapes_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    shapes(&format!("sqlite:{}", folder.path().join("shapes.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shapes_on_postgres() {
    let database = leadloop_testing::fresh_database("shapes");
    shapes(database.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    silence(&format!("sqlite:{}", folder.path().join("silence.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_on_postgres() {
    let database = leadloop_testing::fresh_database("silence");
    silence(database.url()).await;
}
