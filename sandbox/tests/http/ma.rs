//! The small MA: what it pushes and what it takes back.

use crate::client::{Crm, Inbox, signature};
use leadloop_sandbox::{Options, Target};
use serde_json::{Value, json};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn contact(n: u32) -> Value {
    json!({"ma_id": format!("m-{n}"), "name": format!("测试{n}"), "phone": format!("139{n:08}"), "email": format!("p{n}@shili.example"),
           "company": "示例机器人有限公司", "points": 10, "at": 1_795_478_400_000_000_i64, "more": {"consent": "given"},
           "mail_clicks": [{"campaign": "2026-秋季", "url": "https://www.shili.example/whitepaper", "at": 1_795_478_401_000_000_i64}],
           "points_changes": [{"delta": 15, "reason": "whitepaper", "at": 1_795_478_402_000_000_i64}]})
}

async fn with_target(inbox: &Inbox) -> Crm {
    let target = Target { url: inbox.url.clone(), secret: SECRET.to_owned() };
    Crm::with(Options { ma_target: Some(target), ..Options::default() }).await
}

#[tokio::test]
async fn a_pushed_contact_is_kept_and_told_in_order() {
    let inbox = Inbox::open(&[]).await;
    let crm = with_target(&inbox).await;
    let answer = crm.post("/admin/ma/push", json!({"contacts": [contact(1)]})).await.must(200).body;
    assert_eq!(answer, json!({"contacts": 1, "events": 3, "delivered": 3, "failed": 0, "last_error": null}));
    let got = inbox.got();
    let types: Vec<&str> = got.iter().map(|g| g.body["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["lead.created", "mail.clicked", "points.changed"]);
    for post in &got {
        assert_eq!(post.signature, signature(SECRET, post));
        assert_eq!(post.id, format!("msg_{}", post.body["data"]["event_id"].as_str().unwrap()));
        assert_eq!(post.body["data"]["ma_id"], "m-1");
    }
    assert_eq!(got[0].body["timestamp"], "2026-11-24T00:00:00Z");
    assert_eq!(
        (&got[0].body["data"]["consent"], &got[0].body["data"]["points"]),
        (&json!("given"), &json!(10))
    );
    assert_eq!((&got[2].body["data"]["points"], &got[2].body["data"]["delta"]), (&json!(25), &json!(15)));
    let kept = crm.get("/ma/api/v1/contacts/m-1").await.must(200).body;
    assert_eq!((&kept["points"], &kept["clicks"], &kept["id"]), (&json!(25), &json!(1), &json!("M1001")));
    // The same events again carry the same ids.
    crm.post("/admin/ma/push", json!({"contacts": [contact(1)]})).await.must(200);
    let again = inbox.got();
    assert_eq!(again[3].id, again[0].id);
    assert_eq!(crm.get("/ma/api/v1/contacts").await.body["records"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn events_can_come_together_and_failures_are_counted() {
    let inbox = Inbox::open(&[]).await;
    let crm = with_target(&inbox).await;
    let contacts: Vec<Value> = (0..10).map(contact).collect();
    let body = json!({"contacts": contacts, "per_request": 20});
    let answer = crm.post("/admin/ma/push", body).await.must(200).body;
    assert_eq!((&answer["events"], &answer["delivered"]), (&json!(30), &json!(30)));
    let mut sizes: Vec<usize> = inbox.got().iter().map(|g| g.body.as_array().unwrap().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [10, 20]);
    let refusing = Inbox::open(&[401; 3]).await;
    let target = json!({"url": refusing.url, "secret": SECRET});
    crm.post("/admin/ma/target", target).await.must(204);
    let answer = crm.post("/admin/ma/push", json!({"contacts": [contact(1)]})).await.must(200).body;
    assert_eq!((&answer["delivered"], &answer["failed"]), (&json!(0), &json!(3)));
    assert!(answer["last_error"].as_str().unwrap().contains("401"));
}

#[tokio::test]
async fn pushes_that_make_no_sense_are_refused() {
    let crm = Crm::start().await;
    crm.post("/admin/ma/push", json!({"contacts": []})).await.refused(400, "bad_request");
    let inbox = Inbox::open(&[]).await;
    let crm = with_target(&inbox).await;
    let long = json!({"contacts": [contact(1), {"ma_id": "m-2", "name": "字".repeat(81)}]});
    let answer = crm.post("/admin/ma/push", long).await.refused(422, "validation");
    assert_eq!(answer.body["error"]["record"], 1);
    for bad in [
        json!({"contacts": [], "per_request": 0}),
        json!({"contacts": [{"name": "x"}]}),
        json!({"contacts": [], "per_second": 0}),
    ] {
        crm.post("/admin/ma/push", bad).await.refused(400, "bad_request");
    }
    assert!(inbox.got().is_empty());
}

#[tokio::test]
async fn the_ma_takes_back_stage_owner_feedback_and_segment() {
    let crm = Crm::start().await;
    let path = "/ma/api/v1/contacts/m-1";
    crm.get(path).await.refused(404, "not_found");
    let body = json!({"stage": "with_sales", "owner": "测试乙", "phone": "13900000001", "quiet": true});
    let answer = crm.put(path, body).await.must(201).body;
    assert_eq!((&answer["ma_id"], &answer["created"]), (&json!("m-1"), &json!(true)));
    crm.put(path, json!({"stage": "resting", "feedback": "需求不明确"})).await.must(200);
    crm.put(path, json!({"stag": "x"})).await.refused(422, "validation");
    let records =
        json!({"records": [{"ma_id": "m-1", "track": "long_nurture"}, {"ma_id": "m-2"}, {"name": "x"}]});
    let answer = crm.post("/ma/api/v1/contacts/batch", records).await.must(200).body;
    let statuses: Vec<i64> =
        answer["results"].as_array().unwrap().iter().map(|r| r["status"].as_i64().unwrap()).collect();
    assert_eq!(statuses, [200, 201, 400]);
    let change = json!({"add": ["m-1", "m-2", "m-9"], "remove": []});
    let answer = crm.post("/ma/api/v1/segments/nurture-general/members", change).await.must(200).body;
    assert_eq!(answer, json!({"added": 2, "removed": 0, "unknown": ["m-9"]}));
    let change = json!({"add": ["m-1"], "remove": ["m-2"]});
    let answer = crm.post("/ma/api/v1/segments/nurture-general/members", change).await.must(200).body;
    assert_eq!(answer, json!({"added": 0, "removed": 1, "unknown": []}));
    assert_eq!(
        crm.get("/ma/api/v1/segments").await.body,
        json!({"segments": [{"name": "nurture-general", "members": 1}]})
    );
    let kept = crm.get(path).await.must(200).body;
    assert_eq!(
        (&kept["stage"], &kept["owner"], &kept["track"], &kept["segments"]),
        (&json!("resting"), &json!("测试乙"), &json!("long_nurture"), &json!(["nurture-general"]))
    );
    let found = crm.get("/ma/api/v1/contacts/search?field=phone&value=8613900000001").await.must(200).body;
    assert_eq!(found["records"].as_array().unwrap().len(), 1);
    crm.delete(path).await.must(204);
    crm.get(path).await.refused(404, "not_found");
    let listed = crm.get("/ma/api/v1/contacts?limit=1").await.must(200).body;
    assert!(listed["next_cursor"].is_string());
    let bare = crm.client.get(crm.url("/ma/api/v1/contacts"));
    crm.send(bare).await.unwrap().refused(401, "token_missing");
    crm.fault(json!({"kind": "error500", "path": "/ma/api", "next": 1})).await;
    crm.get("/ma/api/v1/contacts").await.refused(500, "internal");
}

#[tokio::test]
async fn the_contacts_of_the_samples_are_pushed_at_the_start() {
    let inbox = Inbox::open(&[503]).await;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/ma_contacts.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let contacts: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let clicks: u64 = contacts.iter().map(|contact| contact["clicks"].as_u64().unwrap()).sum();
    let target = Target { url: inbox.url.clone(), secret: SECRET.to_owned() };
    let crm = Crm::with(Options { ma_target: Some(target), ma_file: Some(path), ..Options::default() }).await;
    // The first answer was 503, so one post came twice.
    let posts = contacts.len() + usize::try_from(clicks).unwrap() + 1;
    let got = inbox.wait_for(posts).await;
    let ids: std::collections::BTreeSet<&str> = got.iter().map(|post| post.id.as_str()).collect();
    assert_eq!(ids.len(), posts - 1);
    let kept = crm.get("/ma/api/v1/contacts?limit=500").await.must(200).body;
    assert_eq!(kept["records"].as_array().unwrap().len(), contacts.len());
    let raw = contacts.iter().find(|contact| contact["ma_id"] == "ma-05004").unwrap();
    let told = got
        .iter()
        .find(|post| post.body["type"] == "lead.created" && post.body["data"]["ma_id"] == "ma-05004")
        .unwrap();
    assert_eq!(told.body["data"]["email"], raw["email"], "the MA passes on what people typed");
}
