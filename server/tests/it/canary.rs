//! A made lead goes the whole road of a source and leaves nothing: no row, no number, no delivery; and what stops a real
//! one stops it too, and says so. On both engines.

use std::sync::Arc;

use leadloop_connector_api::{Push, Registry};
use leadloop_connectors as _;
use leadloop_server::answer::keys_of;
use leadloop_server::canary::{self, HEADER, HOLDS, Report, Stage};
use leadloop_server::clock::{Clock, SystemClock};
use leadloop_server::node::Node;
use leadloop_server::probe::{self, Due, LOST};
use leadloop_server::run::{Loops, begin, router};
use leadloop_server::{Running, serve};
use leadloop_store::{Store, bare};
use leadloop_sync_core::time::Micros;
use leadloop_testing::http::Answer;
use serde_json::json;
use tokio::net::TcpListener;

use super::events::{people, send, touches};
use super::set_up::{Ahead, Folder, by_wire, store};

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"

[[source]]
name = "website"
connector = "webhook"
settings = { signature = "hmac", header = "x-signature", secret = { env = "KEY" }, event_id = "id" }
touch = "form_submitted"
require = ["phone or email", "requirement"]
fields = [{ from = "data.mobile", to = "phone" }]
consent = "given"

[[source]]
name = "product"
connector = "segment"
settings = { write_key = { env = "KEY" } }

[[score]]
name = "interest"
range = [0, 100]
touches = [{ touch = "form_submitted", points = 40 }]

[mql]
when = 'score.interest >= 30'

[[crm]]
name = "sales"
connector = "sandbox"
settings = { url = "http://127.0.0.1:9", client_id = "sandbox", client_secret = { env = "KEY" } }

[[mapping]]
crm = "sales"
object = "lead"
fields = [{ pool = "name", crm = "name" }, { pool = "phone", crm = "phone" }]

[[transfer]]
name = "everyone"
when = 'true'
do = { create = "lead", assign = { public_pool = true } }
"#;

/// What real leads leave, table by table.
async fn rows(url: &str) -> Vec<(&'static str, i64)> {
    const TABLES: [&str; 13] = [
        "push",
        "capture",
        "dedup",
        "quarantine",
        "visit",
        "lead",
        "identifier",
        "touch",
        "milestone",
        "handoff",
        "decision",
        "deadline",
        "suspect",
    ];
    let mut rows = Vec::new();
    for table in TABLES {
        let count = bare::number(url, &format!("SELECT COUNT(*) FROM {table}")).await.expect("it is a table");
        rows.push((table, count));
    }
    // The CRM that does not answer has standing polls and reasons of its own.
    for table in ["delivery", "reason"] {
        let about = format!("SELECT COUNT(*) FROM {table} WHERE lead IS NOT NULL");
        rows.push((table, bare::number(url, &about).await.expect("it is a table")));
    }
    rows
}

fn made(running: &Running, source: &str) -> Push {
    let plan = running.node.plan();
    let source = plan.source(source).expect("the config has it");
    let at = SystemClock.now();
    canary::push(&plan, &Registry::all(), source, "0190-test", at).expect("it can be tried")
}

async fn post(running: &Running, source: &str, push: &Push, token: &str) -> Answer {
    let mut headers: Vec<(&str, &str)> =
        push.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    headers.push((HEADER, token));
    let path = format!("/in/{source}/{}", push.path);
    let body = String::from_utf8(push.body.clone()).expect("it is a text");
    send(running, "POST", path.trim_end_matches('/'), &headers, &body).await
}

async fn token(running: &Running, store: &Store, source: &str) -> String {
    let keys =
        keys_of(&running.node.plan(), store).await.expect("the store answers").expect("a node made some");
    keys.canary(source, SystemClock.now() + HOLDS).expect("there is a key")
}

fn report(answer: &Answer) -> Report {
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{}", answer.body))
}

async fn canaries(url: &str) {
    let (running, store) = Folder::new(CONFIG).secret("test-write-key").start(url).await;
    let before = rows(url).await;

    // The whole road, twice the same: nothing is known of the first when the second comes.
    let push = made(&running, "website");
    let pass = token(&running, &store, "website").await;
    for _ in 0..2 {
        let report = report(&post(&running, "website", &push, &pass).await);
        assert_eq!(report.fell, None);
        let stages: Vec<Stage> = report.stages.iter().map(|(stage, _)| *stage).collect();
        assert_eq!(stages, [Stage::Read, Stage::Taken, Stage::Kept, Stage::Decided]);
        let seen = report.seen.expect("it was decided");
        assert!(
            seen.who.contains(&"phone".to_owned()) && seen.fields.contains(&"requirement".to_owned()),
            "{seen:?}"
        );
        assert_eq!((seen.scores.get("interest"), seen.mql), (Some(&40), true), "{seen:?}");
        assert!(seen.told.iter().any(|(link, _)| link == "sales"), "{seen:?}");
        assert!(!seen.reasons.is_empty());
    }
    let product = made(&running, "product");
    let other = token(&running, &store, "product").await;
    assert_eq!(report(&post(&running, "product", &product, &other).await).fell, None);
    assert_eq!(rows(url).await, before, "nothing of them is kept");

    falls(&running, &push, &pass, &other).await;
    assert_eq!(rows(url).await, before, "nor of those that fell");

    // Somebody real has the same number: he is met, and not touched.
    let real: serde_json::Value = serde_json::from_slice(&push.body).expect("it is JSON");
    let real = json!({ "type": "identify", "userId": "u1", "messageId": "m1",
                       "traits": { "phone": real["data"]["mobile"], "name": "Li" } });
    let key = [("authorization", "Basic dGVzdC13cml0ZS1rZXk6"), ("content-type", "application/json")];
    assert_eq!(send(&running, "POST", "/v1/identify", &key, &real.to_string()).await.status, 200);
    assert_eq!(people(&store).await, 1);
    let before = (rows(url).await, touches(&store, "login_id", "u1").await);
    let met = report(&post(&running, "website", &push, &pass).await);
    assert_eq!(met.fell, None);
    assert_eq!((rows(url).await, touches(&store, "login_id", "u1").await), before, "he is as he was");
    running.stop().await;
}

/// What stops a real one stops it, and a token is good for its own source and time only.
async fn falls(running: &Running, push: &Push, pass: &str, other: &str) {
    let changed = |from: &str, to: &str| {
        let body = String::from_utf8(push.body.clone()).expect("it is a text").replace(from, to);
        Push { body: body.into_bytes(), ..push.clone() }
    };
    let fell = report(&post(running, "website", &changed("leadloop", "leadbody"), pass).await).fell;
    let fell = fell.expect("its signature does not fit");
    assert_eq!((fell.at, fell.code.as_str()), (Stage::Read, "LL3003"));
    let product = made(running, "product");
    let body = String::from_utf8(product.body.clone()).expect("it is a text");
    let wordless = body.replace(r#""type":"identify""#, r#""type":"shout""#);
    let wordless = Push { body: wordless.into_bytes(), ..product };
    let fell = report(&post(running, "product", &wordless, other).await).fell.expect("nobody knows its type");
    assert_eq!(fell.at, Stage::Taken);
    let late = (SystemClock.now() - HOLDS).0 / 1_000_000;
    let old = format!("{late}.{}", pass.split_once('.').expect("it has two parts").1);
    for token in [other, "1.x", "", old.as_str()] {
        let answer = post(running, "website", push, token).await;
        assert!(answer.status == 403 && answer.body.contains("LL4883"), "{token}: {}", answer.body);
    }
}

/// A node that listens and sends no canary by itself.
struct Still {
    node: Arc<Node>,
    loops: Loops,
    base: String,
}

impl Still {
    async fn begin(folder: &Folder, url: &str, clock: &Ahead) -> Self {
        let (plan, store) = (folder.plan(), store(url).await);
        let (node, loops) = begin(plan, store, Arc::new(clock.clone()), by_wire()).await.expect("it begins");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let base = format!("http://{}", listener.local_addr().expect("it has an address"));
        tokio::spawn(serve::run(Arc::clone(&node), listener, router(&node)));
        Self { node, loops, base }
    }

    /// Which sources are tried, at the node that listens there.
    async fn tried(&self, base: &str, due: &mut Due) -> Vec<String> {
        let tried = probe::round(&self.node, base, due).await.expect("the store answers");
        tried.into_iter().map(|source| source.0).collect()
    }

    async fn is_alarmed(&self) -> bool {
        let status = self.node.store.status(SystemClock.now()).await.expect("the store answers");
        status.alarms.iter().any(|raised| raised.alarm.code == LOST && raised.alarm.raised)
    }

    async fn stop(self) {
        self.loops.stop(&self.node).await;
        self.node.store.close().await;
    }
}

/// By themselves: as often as the config says, by one of several nodes, with an alarm while none comes through.
async fn on_schedule(url: &str) {
    let tried = Folder::new(CONFIG.replace("name = \"website\"", "name = \"website\"\ncanary = \"1h\""));
    let (tried, clock, mut due) = (tried.secret("test-write-key"), Ahead::default(), Due::default());
    let first = Still::begin(&tried, url, &clock).await;
    let (base, before) = (first.base.as_str(), rows(url).await);
    assert_eq!(first.tried(base, &mut due).await, ["website"]);
    assert!(first.tried(base, &mut due).await.is_empty(), "nothing is due");
    clock.set(Micros::minutes(61));
    assert_eq!(first.tried(base, &mut due).await, ["website"], "an hour later");
    assert!(!first.is_alarmed().await);

    let (nowhere, strange) = ("http://127.0.0.1:1", format!("{base}/healthz?"));
    for elsewhere in [nowhere, nowhere, &strange] {
        assert_eq!(first.tried(elsewhere, &mut Due::default()).await, ["website"]);
        assert!(first.is_alarmed().await, "{elsewhere}");
    }
    assert_eq!(first.tried(base, &mut Due::default()).await, ["website"]);
    assert!(!first.is_alarmed().await, "it came through");
    assert_eq!(rows(url).await, before, "nothing of them is kept");
    if first.node.store.is_shared() {
        let second = Still::begin(&tried, url, &Ahead::default()).await;
        let base = second.base.as_str();
        assert!(second.tried(base, &mut Due::default()).await.is_empty(), "it is the first one's turn");
        let over = "UPDATE lease SET until = 0 WHERE name = 'canary/website' RETURNING CAST(1 AS BIGINT)";
        assert_eq!(bare::number(url, over).await.expect("the lease is there"), 1);
        assert_eq!(second.tried(base, &mut Due::default()).await, ["website"]);
        assert!(first.tried(base, &mut Due::default()).await.is_empty(), "it is the second one's turn");
        assert_eq!(second.tried(nowhere, &mut Due::default()).await, ["website"]);
        second.stop().await;
    } else {
        assert_eq!(first.tried(nowhere, &mut Due::default()).await, ["website"]);
    }
    assert!(first.is_alarmed().await);
    first.stop().await;

    let untried = Folder::new(CONFIG).secret("test-write-key");
    let node = Still::begin(&untried, url, &clock).await;
    assert!(node.tried(&node.base, &mut Due::default()).await.is_empty());
    assert!(!node.is_alarmed().await, "the alarm of a source that is no longer tried ends");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_schedule_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    on_schedule(&format!("sqlite:{}", folder.path().join("schedule.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_schedule_on_postgres() {
    let database = leadloop_testing::fresh_database("schedule");
    on_schedule(database.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn canaries_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    canaries(&format!("sqlite:{}", folder.path().join("canary.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn canaries_on_postgres() {
    let database = leadloop_testing::fresh_database("canary");
    canaries(database.url()).await;
}
