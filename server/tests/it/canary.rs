//! A made lead goes the whole road of a source and leaves nothing: no row, no number, no delivery; and what stops a real
//! one stops it too, and says so. On both engines.

use leadloop_connector_api::{Push, Registry};
use leadloop_connectors as _;
use leadloop_server::Running;
use leadloop_server::answer::keys_of;
use leadloop_server::canary::{self, HEADER, HOLDS, Report, Stage};
use leadloop_server::clock::{Clock, SystemClock};
use leadloop_store::{Store, bare};
use leadloop_testing::http::Answer;
use serde_json::json;

use super::events::{people, send, touches};
use super::set_up::Folder;

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
