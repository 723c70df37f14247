//! The quota of a day, read from the CRM's own headers: the sandbox itself, over HTTP, of whose day another program uses a
//! part. Nobody wrote the quota into the config.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use leadloop_sandbox::{Limits, Options, Sandbox};
use leadloop_sync_core::time::Micros;
use leadloop_testing::http::{self, Answer};
use serde_json::{Value, json};

use super::outbox::{SECRET, node_at, until};
use super::set_up::Ahead;

/// Requests a day, and those of another program.
const DAY: u32 = 60;
const OTHERS: usize = 20;

async fn send(
    to: SocketAddr,
    method: &'static str,
    path: &'static str,
    header: (&str, &str),
    body: String,
) -> Answer {
    let header = (header.0.to_owned(), header.1.to_owned());
    let sending = tokio::task::spawn_blocking(move || {
        http::send(to, method, path, &[(&header.0, &header.1)], body.as_bytes())
    });
    sending.await.expect("the sender does not panic").expect("the sandbox answers")
}

async fn stats(crm: SocketAddr) -> Value {
    let answer = send(crm, "GET", "/admin/stats", ("accept", "application/json"), String::new()).await;
    serde_json::from_str(&answer.body).expect("it is JSON")
}

/// Another program with the same account.
async fn others(crm: SocketAddr) {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    form.append_pair("client_id", "sandbox").append_pair("client_secret", SECRET);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let token = send(crm, "POST", "/oauth/token", kind, form.finish()).await;
    let token: Value = serde_json::from_str(&token.body).expect("it is JSON");
    let bearer = format!("Bearer {}", token["access_token"].as_str().expect("a token"));
    for _ in 0..OTHERS {
        let answer = send(crm, "GET", "/api/v1/leads", ("authorization", &bearer), String::new()).await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_ends_where_the_crm_says_that_it_does() {
    let mut options =
        Options { client_id: "sandbox".to_owned(), client_secret: SECRET.to_owned(), ..Options::default() };
    options.tuning.limits = Limits { per_day: Some(DAY), ..Limits::default() };
    let crm = Sandbox::start(options).await.expect("the sandbox starts");
    others(crm.addr()).await;
    let (folder, clock) = (leadloop_testing::temp_dir(), Ahead::default());
    let url = format!("sqlite:{}", folder.path().join("quota.db").display());
    let (running, _store) = node_at(&crm.url(), &url, Arc::new(clock.clone())).await;

    let used = async || stats(crm.addr()).await["used_today"].as_u64().expect("a number");
    until("the node uses what is left", async || used().await >= 55).await;
    tokio::time::sleep(Duration::from_secs(4)).await; // four rounds of polls that would be six requests each
    let now = stats(crm.addr()).await;
    assert_eq!(now["window_refusals"]["day"], 0, "nothing was refused: {now}");
    assert!(used().await <= 57, "95 % of the day, the part of the other program in it: {now}");

    // The account gets more. One request finds out.
    let more = json!({ "limits": { "per_day": 10_000 } }).to_string();
    let tuned = send(crm.addr(), "PATCH", "/admin/tuning", ("content-type", "application/json"), more).await;
    assert!((200..300).contains(&tuned.status), "{}", tuned.body);
    clock.add(Micros::minutes(16));
    until("it goes on", async || used().await >= 80).await;
    assert_eq!(stats(crm.addr()).await["window_refusals"]["day"], 0);
    running.stop().await;
    crm.shutdown().await;
}
