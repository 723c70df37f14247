//! Webhooks: signed, repeated, filtered, and never in the way of the write.

use crate::client::{Crm, Inbox, person, signature};
use leadloop_sandbox::{NewWebhook, Options};
use serde_json::{Value, json};
use std::time::Duration;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::test]
async fn every_change_is_told_and_signed() {
    let inbox = Inbox::open(&[]).await;
    let webhook = NewWebhook {
        url: inbox.url.clone(),
        secret: Some(SECRET.to_owned()),
        with_record: true,
        ..NewWebhook::default()
    };
    let crm = Crm::with(Options { webhooks: vec![webhook], ..Options::default() }).await;
    let id = crm.lead(person(1)).await;
    let path = format!("/api/v1/leads/{id}");
    crm.patch(&path, json!({"score": 3})).await.must(200);
    crm.patch(&path, json!({"score": 3})).await.must(200);
    crm.post("/admin/sales", json!({"object": "leads", "id": id, "set": {"status": 3}})).await.must(200);
    crm.delete(&path).await.must(204);
    let got = inbox.wait_for(4).await;
    let types: Vec<&str> = got.iter().map(|g| g.body["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["lead.created", "lead.updated", "lead.updated", "lead.deleted"]);
    for post in &got {
        assert_eq!(post.signature, signature(SECRET, post));
        assert_eq!(post.body["data"]["id"], id.as_str());
        assert!(post.body["timestamp"].as_str().unwrap().ends_with('Z'));
    }
    assert_eq!(got[1].body["data"]["record"]["score"], 3);
    assert_eq!(
        (&got[1].body["data"]["modified_by"], &got[2].body["data"]["modified_by"]),
        (&json!("api"), &json!("sales"))
    );
    assert_eq!(
        (&got[3].body["data"]["deleted"], &got[3].body["data"]["record"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(got.iter().map(|g| g.id.as_str()).collect::<std::collections::BTreeSet<_>>().len(), 4);
}

#[tokio::test]
async fn failed_posts_are_repeated_with_the_same_id() {
    let inbox = Inbox::open(&[500, 503]).await;
    let crm = Crm::start().await;
    let answer = crm.post("/api/v1/webhooks", json!({"url": inbox.url})).await.must(201);
    assert!(answer.body["secret"].as_str().unwrap().starts_with("whsec_"));
    crm.lead(person(1)).await;
    let got = inbox.wait_for(3).await;
    assert!(got.iter().all(|post| post.id == got[0].id));
    assert_eq!(got[0].body["data"].get("record"), None);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let hook = crm.get("/admin/webhooks").await.body["webhooks"][0].clone();
    assert_eq!((&hook["delivered"], &hook["failed"], &hook["waiting"]), (&json!(1), &json!(0), &json!(0)));
}

#[tokio::test]
async fn objects_authors_and_endings_are_respected() {
    let inbox = Inbox::open(&[]).await;
    let crm = Crm::start().await;
    let hook =
        crm.post("/api/v1/webhooks", json!({"url": inbox.url, "objects": ["accounts"]})).await.must(201).id();
    crm.lead(person(1)).await;
    crm.post("/api/v1/accounts", json!({"name": "示例公司"})).await.must(201);
    crm.tune(json!({"webhook_modified_by": ["sales"]})).await;
    crm.patch("/api/v1/accounts/A1001", json!({"city": "上海"})).await.must(200);
    let quiet = json!({"object": "accounts", "id": "A1001", "set": {"city": "北京"}});
    crm.post("/admin/sales", quiet).await.must(200);
    let got = inbox.wait_for(2).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(inbox.got().len(), 2);
    assert_eq!(
        (&got[0].body["type"], &got[1].body["data"]["modified_by"]),
        (&json!("account.created"), &json!("sales"))
    );
    crm.delete(&format!("/api/v1/webhooks/{hook}")).await.must(204);
    crm.delete(&format!("/api/v1/webhooks/{hook}")).await.refused(404, "not_found");
    crm.post("/admin/sales", json!({"object": "accounts", "id": "A1001", "set": {"city": "天津"}}))
        .await
        .must(200);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(inbox.got().len(), 2);
}

#[tokio::test]
async fn gone_means_never_again() {
    let inbox = Inbox::open(&[410]).await;
    let crm = Crm::start().await;
    crm.post("/api/v1/webhooks", json!({"url": inbox.url})).await.must(201);
    crm.lead(person(1)).await;
    inbox.wait_for(1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    crm.lead(person(2)).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(inbox.got().len(), 1);
    assert_eq!(crm.get("/admin/webhooks").await.body["webhooks"][0]["disabled"], true);
}

#[tokio::test]
async fn a_dead_receiver_does_not_hold_up_writes() {
    let crm = Crm::start().await;
    // Reserved by the system, so nobody listens there.
    crm.post("/api/v1/webhooks", json!({"url": "http://127.0.0.1:1/"})).await.must(201);
    for n in 0..50 {
        crm.lead(person(n)).await;
    }
    for bad in [
        json!({"url": "ftp://x.example"}),
        json!({"url": "x"}),
        json!({"url": "http://x.example", "secret": "s"}),
        json!({"url": "http://x.example", "objects": ["wishes"]}),
    ] {
        crm.post("/api/v1/webhooks", bad).await.refused(400, "bad_request");
    }
}
