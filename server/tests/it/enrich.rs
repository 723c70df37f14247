//! Company data from a registry: ten leads and one call, a day's cap, a registry that is down. On both engines.

use std::collections::BTreeSet;
use std::time::Duration;

use leadloop_connectors as _;
use leadloop_server::Running;
use leadloop_server::clock::{Clock, SystemClock};
use leadloop_store::{Store, Topic, bare};
use leadloop_sync_core::book::Needs;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::lead::{Lead, Stage};
use leadloop_sync_core::time::Timestamp;
use leadloop_testing::http;
use serde_json::{Value as Json, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::outbox::until;
use crate::set_up::Folder;

fn config(vendor: &str, wait: &str, per_day: u32) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"

[[source]]
name = "website"
connector = "web_form"
settings = {{ origin_optional = true }}
touch = "form_submitted"
rate_limit = "1000 per minute per address"

[[enrich]]
name = "registry"
connector = "qichacha"
settings = {{ url = "{vendor}", key = {{ env = "K" }}, secret = {{ env = "S" }} }}
fills = ["company.industry", "company.employees", "company.province", "company.credit_code"]
wait = "{wait}"
limits = {{ per_day = {per_day} }}
retry = {{ first = "200ms", at_most = "400ms", give_up = "1h" }}

[fill]
"lead.province" = ["form", "registry"]

[[score]]
name = "fit"
range = [0, 100]
add = [
  {{ points = 30, when = 'company.industry in ["制造业"]' }},
  {{ points = 20, when = '(company.employees ?? 0) >= 200' }},
]

[mql]
when = 'score.fit >= 50'
also = ['touch.kind == "form_submitted" and lead.title == "总经理"']

[[transfer]]
name = "everyone"
when = 'true'
do = {{ decline = "no sales yet" }}
"#
    )
}

/// The registry: it knows whatever company it is asked for.
struct Knows;
impl Respond for Knows {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let asked = request.url.query_pairs().find(|(name, _)| name == "searchKey");
        let name = asked.map(|(_, name)| name.into_owned()).unwrap_or_default();
        let data = json!({
            "KeyNo": "k1", "Name": name, "CreditCode": "91350100M000100Y43", "Province": "福建",
            "Industry": { "Industry": "制造业" }, "InsuredCount": "320",
        });
        let result = json!({ "VerifyResult": 1, "Data": data });
        ResponseTemplate::new(200)
            .set_delay(Duration::from_millis(200))
            .set_body_json(json!({ "Status": "200", "Message": "查询成功", "Result": result }))
    }
}

async fn node(config: String, url: &str) -> (Running, Store) {
    Folder::new(config).secret("secret").start(url).await
}

async fn post(running: &Running, leads: Vec<Json>) {
    let (to, body) = (running.address, json!(leads).to_string());
    let answer = tokio::task::spawn_blocking(move || {
        http::send(to, "POST", "/in/website", &[("content-type", "application/json")], body.as_bytes())
    });
    let answer = answer.await.expect("the sender does not panic").expect("every push is answered");
    assert!(answer.body.contains("\"quarantined\":0"), "{}", answer.body);
}

fn person(n: usize, company: &str, title: &str) -> Json {
    json!({ "name": "测试", "phone": format!("1390000{n:04}"), "company": company, "title": title })
}

async fn lead(store: &Store, n: usize) -> Option<Lead> {
    let phone = Identifier { kind: "phone".into(), value: format!("+861390000{n:04}") };
    let needs = Needs { identifiers: BTreeSet::from([phone.clone()]), ..Needs::default() };
    let book = store.look(&needs).await.expect("the store answers");
    book.lead_of(&phone).cloned()
}

async fn is_marketing(store: &Store, n: usize) -> bool {
    lead(store, n).await.is_some_and(|lead| lead.stage == Stage::Marketing)
}

async fn alarmed(store: &Store, code: &str) -> bool {
    let status = store.status(Timestamp(0)).await.expect("the store answers");
    status.alarms.iter().any(|raised| raised.alarm.code == code)
}

async fn calls(vendor: &MockServer) -> usize {
    vendor.received_requests().await.expect("requests are kept").len()
}

async fn one_call_and_a_cap(url: &str) {
    let vendor = MockServer::start().await;
    Mock::given(method("GET")).and(path("/EnterpriseInfo/Verify")).respond_with(Knows).mount(&vendor).await;
    let (running, store) = node(config(&vendor.uri(), "30s", 4), url).await;
    post(&running, (0..10).map(|n| person(n, "示例机器人有限公司", "工程师")).collect()).await;
    for n in 0..10 {
        until("each of the ten is filled and scored", async || is_marketing(&store, n).await).await;
    }
    let known = lead(&store, 7).await.expect("it is there");
    let said = |field: &str| {
        known.profile.get(field).map(|fact| (fact.value.to_display(), fact.source.as_str().to_owned()))
    };
    let from_registry = |value: &str| Some((value.to_owned(), "registry".to_owned()));
    assert_eq!(said("company.industry"), from_registry("制造业"));
    assert_eq!(said("company.employees"), from_registry("320"));
    assert_eq!(said("company.credit_code"), from_registry("91350100M000100Y43"));
    assert_eq!(said("province"), from_registry("福建"), "[fill] names the registry for it");
    assert_eq!(calls(&vendor).await, 1, "one look-up for ten leads");
    post(&running, vec![person(10, "示例机器人有限公司", "工程师")]).await;
    until("who comes later is filled at once", async || is_marketing(&store, 10).await).await;
    assert_eq!(calls(&vendor).await, 1, "what is kept is not asked again");
    running.stop().await;

    let (running, store) = node(config(&vendor.uri(), "1s", 4), url).await;
    let many =
        ["甲样机械有限公司", "乙样机械有限公司", "丙样机械有限公司", "丁样机械有限公司", "戊样机械有限公司"];
    post(&running, many.iter().enumerate().map(|(n, name)| person(20 + n, name, "总经理")).collect()).await;
    for n in 20..25 {
        until("each is decided, with data or without", async || is_marketing(&store, n).await).await;
    }
    until("the cap is said", async || alarmed(&store, "LL3211").await).await;
    assert!(calls(&vendor).await <= 4, "the day's cap holds, over a restart too");
    let mut filled = 0;
    for n in 20..25 {
        let known = lead(&store, n).await.expect("it is there");
        filled += usize::from(known.profile.contains_key("company.industry"));
    }
    assert!(filled < 5, "nobody is filled from nowhere");
    running.stop().await;
}

async fn a_registry_that_is_down(url: &str) {
    let vendor = MockServer::start().await;
    let ill = Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_raw("<html>maintenance</html>", "text/html"));
    let ill = ill.mount_as_scoped(&vendor).await;
    let (running, store) = node(config(&vendor.uri(), "1s", 500), url).await;
    let company = "示例机器人有限公司";
    post(&running, vec![person(1, company, "总经理"), person(2, company, "工程师")]).await;
    until("it is decided without the registry", async || is_marketing(&store, 1).await).await;
    let known = lead(&store, 1).await.expect("it is there");
    assert!(!known.profile.contains_key("company.industry"));
    drop(ill);
    Mock::given(method("GET")).and(path("/EnterpriseInfo/Verify")).respond_with(Knows).mount(&vendor).await;
    until("a late answer is filled in and decided on", async || is_marketing(&store, 2).await).await;
    until("for everybody of the company", async || {
        lead(&store, 1).await.is_some_and(|lead| lead.profile.contains_key("company.industry"))
    })
    .await;
    running.stop().await;
}

/// A restored store does not know what the registry was asked since the backup: it pays for nothing until somebody says
/// that it may go on.
async fn a_restored_store_pays_for_nothing(url: &str) {
    let vendor = MockServer::start().await;
    let ill =
        Mock::given(method("GET")).respond_with(ResponseTemplate::new(503)).mount_as_scoped(&vendor).await;
    let (running, store) = node(config(&vendor.uri(), "1s", 500), url).await;
    post(&running, vec![person(1, "示例机器人有限公司", "总经理")]).await;
    until("it is decided without the registry", async || is_marketing(&store, 1).await).await;
    until("it was asked", async || calls(&vendor).await > 0).await;
    running.stop().await;
    drop(ill);
    vendor.reset().await;
    Mock::given(method("GET")).and(path("/EnterpriseInfo/Verify")).respond_with(Knows).mount(&vendor).await;
    let restored = "INSERT INTO meta (key, value) VALUES ('restored', 'yes') RETURNING CAST(1 AS BIGINT)";
    assert_eq!(bare::number(url, restored).await.expect("it is marked"), 1);

    let (running, store) = node(config(&vendor.uri(), "1s", 500), url).await;
    assert!(running.node.is_paused());
    post(&running, vec![person(2, "乙样机械有限公司", "工程师")]).await;
    let link = LinkName::from("registry");
    until("the look-up is due", async || {
        let due = store.next_due(std::slice::from_ref(&link)).await.expect("the store answers");
        due.get(&link).is_some_and(|at| *at <= SystemClock.now())
    })
    .await;
    for _ in 0..20 {
        store.wakes().ring(&Topic::Outbox(link.clone()));
        http::get(running.address, "/healthz").expect("the node answers");
    }
    assert_eq!(calls(&vendor).await, 0, "nobody said that it may go on");
    store.set_live().await.expect("it may go on");
    until("what waited is asked and filled in", async || {
        lead(&store, 1).await.is_some_and(|lead| lead.profile.contains_key("company.industry"))
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enriching_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    one_call_and_a_cap(&format!("sqlite:{}", folder.path().join("one.db").display())).await;
    a_registry_that_is_down(&format!("sqlite:{}", folder.path().join("two.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_store_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    a_restored_store_pays_for_nothing(&format!("sqlite:{}", folder.path().join("restored.db").display()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_store_on_postgres() {
    let database = leadloop_testing::fresh_database("enrich_restored");
    a_restored_store_pays_for_nothing(database.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enriching_on_postgres() {
    let database = leadloop_testing::fresh_database("enrich");
    one_call_and_a_cap(database.url()).await;
    let database = leadloop_testing::fresh_database("enrich_down");
    a_registry_that_is_down(database.url()).await;
}
