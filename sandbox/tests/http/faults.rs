//! Every fault does what the manual says, and only that.

use crate::client::{Answer, Crm, person};
use leadloop_sandbox::{FaultKind, FaultSpec, Options};
use reqwest::Method;
use serde_json::{Value, json};
use std::error::Error as _;
use std::time::{Duration, Instant};

async fn count(crm: &Crm) -> i64 {
    crm.get("/admin/stats").await.body["records"]["leads"].as_i64().unwrap()
}

/// Create a lead under one fault.
async fn create(crm: &Crm, n: u32, fault: Value) -> Result<Answer, reqwest::Error> {
    crm.fault(fault).await;
    crm.send(crm.request(Method::POST, "/api/v1/leads").json(&person(n))).await
}

#[tokio::test]
async fn refusals_before_anything_is_done() {
    let crm = Crm::start().await;
    for (kind, status, code) in [
        ("error500", 500, "internal"),
        ("unavailable503", 503, "unavailable"),
        ("throttle", 429, "rate_limited"),
        ("record_locked", 423, "record_locked"),
        ("expire_token", 401, "token_expired"),
    ] {
        let fault = json!({"kind": kind, "next": 1, "retry_after": 7, "path": "/api/v1/leads"});
        let answer = create(&crm, 1, fault).await.unwrap().refused(status, code);
        let waits = matches!(kind, "unavailable503" | "throttle").then_some(7);
        assert_eq!(answer.header("retry-after"), waits, "{kind}");
    }
    assert_eq!(count(&crm).await, 0);
    // The old token is gone for good; a new one works.
    crm.get("/api/v1/leads").await.refused(401, "token_expired");
    let fresh = crm.fetch_token().await;
    let request = crm.client.get(crm.url("/api/v1/leads")).bearer_auth(fresh);
    crm.send(request).await.unwrap().must(200);
}

#[tokio::test]
async fn pages_and_silence_instead_of_json() {
    let crm = Crm::start().await;
    for (kind, status, content) in [("html", 200, true), ("bad_gateway", 502, true), ("empty", 200, false)] {
        let answer = create(&crm, 1, json!({"kind": kind, "next": 1})).await.unwrap().must(status);
        assert_eq!(answer.body, Value::Null, "{kind}");
        let html =
            answer.headers.get("content-type").is_some_and(|v| v.to_str().unwrap().starts_with("text/html"));
        assert_eq!(html, content, "{kind}");
    }
    assert_eq!(count(&crm).await, 0);
}

#[tokio::test]
async fn a_reset_does_nothing_and_looks_like_a_reset() {
    let crm = Crm::start().await;
    let error = create(&crm, 1, json!({"kind": "reset", "next": 1})).await.unwrap_err();
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = error.source();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    assert!(text.contains("reset"), "{text}");
    assert_eq!(count(&crm).await, 0);
    crm.lead(person(1)).await;
}

#[tokio::test]
async fn an_answer_lost_after_the_write_leaves_the_record() {
    let crm = Crm::start().await;
    for (n, kind) in [(1, "lost_answer"), (2, "hang_after"), (3, "truncated")] {
        let error = create(&crm, n, json!({"kind": kind, "next": 1, "ms": 50})).await.unwrap_err();
        assert!(!error.is_timeout() && !error.is_connect(), "{kind}: {error}");
        assert_eq!(count(&crm).await, i64::from(n), "{kind}");
    }
    create(&crm, 4, json!({"kind": "error_after", "next": 1})).await.unwrap().refused(500, "internal");
    assert_eq!(count(&crm).await, 4);
    let stats = crm.get("/admin/stats").await.body;
    assert_eq!(stats["faults"], json!({"error_after": 1, "hang_after": 1, "lost_answer": 1, "truncated": 1}));
    // A repeat tells where the record is.
    let again = crm.post("/api/v1/leads", person(1)).await.refused(409, "duplicate");
    assert_eq!(again.body["error"]["existing_id"], "L1001");
}

#[tokio::test]
async fn a_truncated_answer_shows_status_and_half_of_the_body() {
    let crm = Crm::start().await;
    crm.lead(person(1)).await;
    crm.fault(json!({"kind": "truncated", "next": 1})).await;
    let mut answer = crm.request(Method::GET, "/api/v1/leads").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let promised = answer.content_length().unwrap();
    let mut got = 0;
    let cut = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => got += chunk.len() as u64,
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(cut && got == promised / 2, "{got} of {promised}");
}

#[tokio::test]
async fn hang_and_slow_take_their_time() {
    let crm = Crm::start().await;
    let began = Instant::now();
    assert!(create(&crm, 1, json!({"kind": "hang", "next": 1, "ms": 200})).await.is_err());
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!(count(&crm).await, 0);
    let began = Instant::now();
    create(&crm, 1, json!({"kind": "slow", "next": 1, "ms": 200})).await.unwrap().must(201);
    assert!(began.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_token_may_expire_in_the_middle_of_paging() {
    let crm = Crm::start().await;
    for n in 0..5 {
        crm.lead(person(n)).await;
    }
    crm.fault(json!({"kind": "expire_token", "next": 1})).await;
    let page = crm.get("/api/v1/leads?limit=2").await.must(200).body;
    let path = format!("/api/v1/leads?limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    crm.get(&path).await.refused(401, "token_expired");
    let fresh = crm.fetch_token().await;
    let request = crm.client.get(crm.url(&path)).bearer_auth(fresh);
    let rest = crm.send(request).await.unwrap().must(200).body;
    assert_eq!(rest["records"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn locked_records_of_a_batch_fail_alone() {
    let crm = Crm::start().await;
    crm.fault(json!({"kind": "record_locked", "next": 1})).await;
    let records: Vec<Value> = (0..4).map(person).collect();
    let answer = crm.post("/api/v1/leads/batch", json!({"operation": "create", "records": records})).await;
    let statuses: Vec<i64> = answer.must(200).body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["status"].as_i64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 423, 201, 423]);
    assert_eq!(count(&crm).await, 2);
}

#[tokio::test]
async fn faults_hit_what_they_are_meant_for() {
    let crm = Crm::start().await;
    crm.fault(json!({"kind": "error500", "path": "/api/v1/leads", "method": "POST", "skip": 1, "next": 2}))
        .await;
    let mut statuses = Vec::new();
    for n in 0..5 {
        crm.get("/api/v1/leads").await.must(200);
        crm.post("/api/v1/accounts", json!({"name": format!("示例{n}")})).await.must(201);
        statuses.push(crm.post("/api/v1/leads", person(n)).await.status);
    }
    assert_eq!(statuses, [201, 500, 500, 201, 201]);
    assert_eq!(crm.get("/admin/faults").await.body["faults"], json!([]));
    let id = crm.fault(json!({"kind": "error500"})).await;
    crm.get("/api/v1/leads").await.refused(500, "internal");
    // Faults never keep the admin out.
    let listed = crm.get("/admin/faults").await.must(200).body;
    assert_eq!((&listed["faults"][0]["hits"], &listed["faults"][0]["kind"]), (&json!(1), &json!("error500")));
    crm.delete(&format!("/admin/faults/{id}")).await.must(204);
    crm.delete(&format!("/admin/faults/{id}")).await.refused(404, "not_found");
    crm.get("/api/v1/leads").await.must(200);
    crm.fault(json!({"kind": "unavailable503", "path": "/oauth"})).await;
    let form = [("grant_type", "client_credentials")];
    let request = crm.client.post(crm.url("/oauth/token")).form(&form);
    crm.send(request).await.unwrap().refused(503, "unavailable");
    crm.delete("/admin/faults").await.must(204);
    crm.fetch_token().await;
}

#[tokio::test]
async fn chance_is_seeded() {
    let run = async |seed: u64| {
        let mut fault = FaultSpec::every(FaultKind::Error500);
        fault.probability = 0.5;
        fault.path = Some("/api/v1/whoami".to_owned());
        let crm = Crm::with(Options { seed, faults: vec![fault], ..Options::default() }).await;
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(crm.get("/api/v1/whoami").await.status);
        }
        assert_eq!(crm.get("/admin/stats").await.body["seed"], seed);
        statuses
    };
    let first = run(1).await;
    assert_eq!(first, run(1).await);
    assert_ne!(first, run(2).await);
    let failed = first.iter().filter(|status| **status == 500).count();
    assert!((10..=30).contains(&failed), "{failed} of 40");
}

#[tokio::test]
async fn faults_that_make_no_sense_are_refused() {
    let crm = Crm::start().await;
    for bad in [
        json!({"kind": "meteor"}),
        json!({"kind": "slow", "probability": 1.5}),
        json!({"kind": "slow", "next": 0}),
        json!({"kind": "slow", "ms": 600_001}),
        json!({"kind": "slow", "sometimes": true}),
    ] {
        crm.post("/admin/faults", bad).await.refused(400, "bad_request");
    }
}
