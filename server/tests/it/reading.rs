//! A source that is read: an outage, pages, a record that cannot be taken, a restart; nothing is lost and nothing doubled.
//! On both engines.

use std::time::Duration;

use leadloop_connectors as _;
use leadloop_server::Running;
use leadloop_store::Store;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value as Json, json};
use wiremock::matchers::{method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::set_up::Folder;

fn config(vendor: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"

[[source]]
name = "whitepaper"
connector = "jinshuju"
settings = {{ url = "{vendor}", form = "Ab3xYz", path_secret = {{ env = "A" }}, api_key = {{ env = "B" }}, api_secret = {{ env = "C" }} }}
every = "5m"
require = ["phone"]
fields = [{{ from = "field_1", to = "name" }}, {{ from = "field_2", to = "phone" }}]

[[score]]
name = "interest"
range = [0, 100]
touches = [{{ touch = "form_submitted", points = 1 }}]

[mql]
when = 'score.interest >= 90'

[[transfer]]
name = "everyone"
when = 'true'
do = {{ decline = "no sales yet" }}
"#
    )
}

fn entry(serial: i64, phone: Option<String>) -> Json {
    let at = "2026-11-23T03:33:20.539Z";
    json!({"serial_number": serial, "field_1": "测试甲", "field_2": phone, "created_at": at, "updated_at": at})
}

fn page(entries: &[Json], next: Option<i64>) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({"total": 4, "count": entries.len(), "data": entries, "next": next}))
}

async fn node(vendor: &MockServer, url: &str) -> (Running, Store) {
    Folder::new(config(&vendor.uri())).secret("test-secret").start(url).await
}

/// Waits until so many people are in the pool.
async fn people(store: &Store, wanted: i64) -> i64 {
    let mut seen = -1;
    for _ in 0..1_000 {
        let status = store.status(Timestamp(0)).await.expect("the store answers");
        seen = status.stages.iter().map(|(_, count)| count).sum();
        if status.captures_due == 0 && seen >= wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    seen
}

async fn asked(vendor: &MockServer, next: &str) -> usize {
    let requests = vendor.received_requests().await.expect("requests are kept");
    let wanted = format!("next={next}");
    requests.iter().filter(|request| request.url.query() == Some(wanted.as_str())).count()
}

async fn held(store: &Store) -> i64 {
    let status = store.status(Timestamp(0)).await.expect("the store answers");
    status.parked.iter().filter(|parked| parked.code == "LL4001").map(|parked| parked.count).sum()
}

async fn the_reading(url: &str) {
    let vendor = MockServer::start().await;
    let list = || Mock::given(method("GET")).and(path("/forms/Ab3xYz/entries"));
    let phone = |n: i64| Some(format!("1390000000{n}"));
    // ill at first; then two pages, of which one record names no phone
    list().respond_with(ResponseTemplate::new(503)).up_to_n_times(1).mount(&vendor).await;
    list()
        .and(query_param_is_missing("next"))
        .respond_with(page(&[entry(1, phone(1)), entry(2, None)], Some(3)))
        .mount(&vendor)
        .await;
    list().and(query_param("next", "3")).respond_with(page(&[entry(3, phone(3))], None)).mount(&vendor).await;
    list().and(query_param("next", "4")).respond_with(page(&[entry(4, phone(4))], None)).mount(&vendor).await;
    list().and(query_param("next", "5")).respond_with(page(&[], None)).mount(&vendor).await;

    let (running, store) = node(&vendor, url).await;
    assert_eq!(people(&store, 2).await, 2, "both pages, after the outage");
    assert_eq!(held(&store).await, 1, "who names no phone waits");
    running.stop().await;

    let (running, store) = node(&vendor, url).await;
    for _ in 0..1_000 {
        running.node.hint("whitepaper", "entries");
        if asked(&vendor, "5").await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(people(&store, 3).await, 3, "reading went on where it stopped");
    assert_eq!(asked(&vendor, "3").await, 1, "what was read is not read again");
    assert_eq!(held(&store).await, 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    the_reading(&format!("sqlite:{}", folder.path().join("reading.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_on_postgres() {
    let database = leadloop_testing::fresh_database("reading");
    the_reading(database.url()).await;
}
