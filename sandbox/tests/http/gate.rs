//! Tokens, request windows, the daily quota, the admin key and the counts.

use crate::client::{Crm, person};
use leadloop_sandbox::{Options, Sandbox, Tuning};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn tokens_are_asked_for_and_expire() {
    let crm = Crm::start().await;
    let bare = crm.client.get(crm.url("/api/v1/leads"));
    crm.send(bare).await.unwrap().refused(401, "token_missing");
    let made_up = crm.client.get(crm.url("/api/v1/leads")).bearer_auth("sbx_made_up");
    crm.send(made_up).await.unwrap().refused(401, "token_invalid");
    crm.get("/api/v1/leads").await.must(200);
    crm.post("/admin/tokens/expire", json!({})).await.must(204);
    crm.get("/api/v1/leads").await.refused(401, "token_expired");
    let fresh = crm.fetch_token().await;
    let again = crm.client.get(crm.url("/api/v1/leads")).bearer_auth(&fresh);
    crm.send(again).await.unwrap().must(200);
    // Windows and counts have not seen what the token kept out.
    crm.tune(json!({"token_ttl_secs": 1})).await;
    let short = crm.fetch_token().await;
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    let late = crm.client.get(crm.url("/api/v1/leads")).bearer_auth(&short);
    crm.send(late).await.unwrap().refused(401, "token_expired");
}

#[tokio::test]
async fn the_token_endpoint_speaks_oauth() {
    let crm = Crm::start().await;
    let ask = async |form: &[(&str, &str)]| {
        let request = crm.client.post(crm.url("/oauth/token")).form(form);
        let answer = crm.send(request).await.unwrap();
        (answer.status, answer.body["error"].as_str().unwrap_or_default().to_owned())
    };
    let grant = ("grant_type", "client_credentials");
    let id = ("client_id", "sandbox");
    assert_eq!(ask(&[grant, id, ("client_secret", "wrong")]).await, (401, "invalid_client".to_owned()));
    assert_eq!(ask(&[grant, id]).await, (401, "invalid_client".to_owned()));
    assert_eq!(ask(&[id]).await, (400, "invalid_request".to_owned()));
    assert_eq!(ask(&[("grant_type", "password"), id]).await, (400, "unsupported_grant_type".to_owned()));
    let basic =
        crm.client.post(crm.url("/oauth/token")).basic_auth("sandbox", Some("sandbox-secret")).form(&[grant]);
    let answer = crm.send(basic).await.unwrap().must(200).body;
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(3600)));
}

#[tokio::test]
async fn a_full_second_is_429_with_the_time_to_wait() {
    let crm = Crm::start().await;
    crm.tune(json!({"limits": {"per_second": 3}})).await;
    for left in [2, 1, 0] {
        let answer = crm.get("/api/v1/whoami").await.must(200);
        assert_eq!(answer.header("x-ratelimit-limit"), Some(3));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left));
    }
    let answer = crm.get("/api/v1/whoami").await.refused(429, "rate_limited");
    assert_eq!(answer.body["error"]["window"], "second");
    assert_eq!(answer.header("retry-after"), Some(1));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some(0));
    tokio::time::sleep(Duration::from_millis(1_010)).await;
    crm.get("/api/v1/whoami").await.must(200);
    let stats = crm.get("/admin/stats").await.body;
    assert_eq!(stats["window_refusals"], json!({"second": 1, "minute": 0, "concurrent": 0, "day": 0}));
    assert_eq!(stats["by_status"]["429"], 1);
    assert_eq!(stats["by_code"]["rate_limited"], 1);
}

#[tokio::test]
async fn the_daily_quota_is_its_own_refusal() {
    let crm = Crm::start().await;
    crm.tune(json!({"limits": {"per_day": 2}})).await;
    let answer = crm.get("/api/v1/whoami").await.must(200);
    assert_eq!((answer.header("x-quota-limit"), answer.header("x-quota-remaining")), (Some(2), Some(1)));
    crm.get("/api/v1/whoami").await.must(200);
    let answer = crm.get("/api/v1/whoami").await.refused(403, "daily_quota");
    assert!(answer.header("retry-after").unwrap() <= 86_400);
    crm.tune(json!({"quota_status": 429})).await;
    crm.get("/api/v1/whoami").await.refused(429, "daily_quota");
    assert_eq!(crm.get("/admin/stats").await.body["used_today"], 2);
    // A batch is one request.
    crm.tune(json!({"limits": {"per_day": 3}})).await;
    let records: Vec<Value> = (0..200).map(person).collect();
    crm.post("/api/v1/leads/batch", json!({"operation": "create", "records": records})).await.must(200);
    crm.get("/api/v1/whoami").await.refused(429, "daily_quota");
}

#[tokio::test]
async fn too_many_at_the_same_time_are_refused() {
    let crm = Crm::start().await;
    crm.tune(json!({"limits": {"concurrent": 1}})).await;
    crm.fault(json!({"kind": "slow", "next": 1, "ms": 400})).await;
    let slow = tokio::spawn(crm.request(Method::GET, "/api/v1/whoami").send());
    tokio::time::sleep(Duration::from_millis(150)).await;
    let answer = crm.get("/api/v1/whoami").await.refused(429, "rate_limited");
    assert_eq!(answer.body["error"]["window"], "concurrent");
    assert_eq!(slow.await.unwrap().unwrap().status(), 200);
    crm.get("/api/v1/whoami").await.must(200);
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_place_back() {
    let crm = Crm::start().await;
    crm.tune(json!({"limits": {"concurrent": 1}})).await;
    crm.fault(json!({"kind": "hang", "next": 1})).await;
    let request = crm.request(Method::GET, "/api/v1/whoami").timeout(Duration::from_millis(150));
    assert!(request.send().await.unwrap_err().is_timeout());
    tokio::time::sleep(Duration::from_millis(100)).await;
    crm.get("/api/v1/whoami").await.must(200);
    let stats = crm.get("/admin/stats").await.body;
    assert_eq!((&stats["without_answer"], &stats["faults"]["hang"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn what_was_answered_can_be_read_and_zeroed() {
    let crm = Crm::start().await;
    crm.lead(person(1)).await;
    crm.get("/api/v1/leads/L1001").await.must(200);
    crm.get("/api/v1/leads/L1002").await.refused(404, "not_found");
    let stats = crm.get("/admin/stats").await.body;
    assert_eq!(stats["by_route"]["GET /api/v1/leads/{id}"], 2);
    assert_eq!(stats["by_route"]["POST /api/v1/leads"], 1);
    assert_eq!(stats["by_status"], json!({"200": 2, "201": 1, "404": 1}));
    assert_eq!((&stats["records"]["leads"], &stats["seed"]), (&json!(1), &json!(7)));
    let last = crm.get("/admin/requests?limit=2").await.body;
    assert_eq!(last["requests"][0]["path"], "/api/v1/leads/L1002");
    assert_eq!(last["requests"][0]["code"], "not_found");
    assert_eq!(last["requests"][1]["status"], 200);
    crm.post("/admin/stats/reset", json!({})).await.must(204);
    assert_eq!(crm.get("/admin/stats").await.body["requests"], 0);
    crm.post("/admin/reset", json!({})).await.must(204);
    assert_eq!(crm.get("/admin/stats").await.body["records"]["leads"], 0);
    assert_eq!(crm.get("/admin/stats").await.body["records"]["users"], 6);
    crm.get("/api/v1/leads").await.refused(401, "token_invalid");
}

#[tokio::test]
async fn tuning_is_checked() {
    let crm = Crm::start().await;
    for bad in [
        json!({"search_lag": 3}),
        json!({"mark": "maybe"}),
        json!({"quota_status": 500}),
        json!({"required": ["leads.colour"]}),
        json!({"hidden": ["leads.colour"]}),
        json!({"limits": {"per_second": 2_000_000}}),
        json!({"webhook_modified_by": ["me"]}),
    ] {
        crm.patch("/admin/tuning", bad).await.refused(400, "bad_request");
    }
    assert_eq!(crm.get("/admin/tuning").await.body["mark"], "unique");
}

#[tokio::test]
async fn an_admin_key_guards_admin_and_page() {
    let options = Options { admin_key: Some("open sesame".to_owned()), ..Options::default() };
    let crm = Crm::with(options).await;
    crm.get("/admin/stats").await.refused(401, "admin_key");
    let wrong = crm.request(Method::GET, "/admin/stats").header("x-admin-key", "open barley");
    crm.send(wrong).await.unwrap().refused(401, "admin_key");
    let right = crm.request(Method::GET, "/admin/stats").header("x-admin-key", "open sesame");
    crm.send(right).await.unwrap().must(200);
    let page = crm.client.get(crm.url("/"));
    let answer = crm.send(page).await.unwrap().must(401);
    assert!(answer.headers.contains_key("www-authenticate"));
    let page = crm.client.get(crm.url("/")).basic_auth("admin", Some("open sesame"));
    crm.send(page).await.unwrap().must(200);
    crm.get("/api/v1/leads").await.must(200);
}

#[tokio::test]
async fn options_that_make_no_sense_do_not_start() {
    let open = Options { listen: "0.0.0.0:0".parse().unwrap(), ..Options::default() };
    let error = Sandbox::start(open).await.unwrap_err().to_string();
    assert!(error.starts_with("LL1903") && error.contains("admin_key"), "{error}");
    let tuning = Tuning { quota_status: 200, ..Tuning::default() };
    let error = Sandbox::start(Options { tuning, ..Options::default() }).await.unwrap_err().to_string();
    assert!(error.starts_with("LL1903"), "{error}");
    let first = Sandbox::start(Options::default()).await.unwrap();
    let taken = Options { listen: first.addr(), ..Options::default() };
    let error = Sandbox::start(taken).await.unwrap_err().to_string();
    assert!(error.starts_with("LL1901"), "{error}");
    let address = first.addr();
    first.shutdown().await;
    let again = Sandbox::start(Options { listen: address, ..Options::default() }).await;
    assert_eq!(again.unwrap().addr(), address);
}

#[tokio::test]
async fn no_web_page_of_somebody_else_reaches_the_admin() {
    let crm = Crm::start().await;
    for (name, value) in
        [("origin", "https://evil.example"), ("host", "evil.example"), ("host", "evil.example:80")]
    {
        let request = crm.request(Method::POST, "/admin/reset").header(name, value);
        crm.send(request).await.unwrap().refused(403, "foreign_page");
        let page = crm.request(Method::GET, "/").header(name, value);
        crm.send(page).await.unwrap().refused(403, "foreign_page");
    }
    for host in ["localhost", "localhost:8090", "127.0.0.1", "[::1]:8090"] {
        let request = crm.request(Method::GET, "/admin/stats").header("host", host);
        crm.send(request).await.unwrap().must(200);
    }
}
