//! What becomes of leads: conversion, merging, salespeople and the sales robot, seeds.

use crate::client::{Crm, Inbox, person};
use leadloop_sandbox::{Mix, Options, Robot, Tuning};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn a_lead_is_converted_once() {
    let crm = Crm::start().await;
    let mut body = person(1);
    body["owner_id"] = json!("U1001");
    body["province"] = json!("上海");
    let id = crm.lead(body).await;
    let wish = json!({"opportunity": {"name": "示例询价", "amount": 12_000_000}});
    let made = crm.post(&format!("/api/v1/leads/{id}/convert"), wish.clone()).await.must(200).body;
    assert_eq!(
        made,
        json!({"lead_id": "L1001", "account_id": "A1001", "contact_id": "C1001", "opportunity_id": "O1001"})
    );
    let lead = crm.get("/api/v1/leads/L1001").await.body;
    assert_eq!(
        (&lead["converted"], &lead["status"], &lead["contact_id"]),
        (&json!(true), &json!(4), &json!("C1001"))
    );
    let contact = crm.get("/api/v1/contacts/C1001").await.body;
    assert_eq!(
        (&contact["phone"], &contact["account_id"], &contact["lead_id"]),
        (&json!("13900000001"), &json!("A1001"), &json!("L1001"))
    );
    let deal = crm.get("/api/v1/opportunities/O1001").await.body;
    assert_eq!(
        (&deal["amount"], &deal["stage"], &deal["owner_id"], &deal["lead_id"]),
        (&json!(12_000_000), &json!(1), &json!("U1001"), &json!("L1001"))
    );
    let answer = crm.patch("/api/v1/leads/L1001", json!({"score": 1})).await.refused(409, "converted");
    assert_eq!(answer.body["error"]["contact_id"], "C1001");
    crm.post("/api/v1/leads/L1001/convert", wish).await.refused(409, "converted");
    // A converted lead is no duplicate; a second one of the same company goes to the same account.
    let mut second = person(1);
    second["email"] = Value::Null;
    let id = crm.lead(second).await;
    let made =
        crm.post(&format!("/api/v1/leads/{id}/convert"), json!({"opportunity": false})).await.must(200).body;
    assert_eq!((&made["account_id"], &made["opportunity_id"]), (&json!("A1001"), &Value::Null));
    crm.patch("/api/v1/opportunities/O1001", json!({"stage": 4})).await.must(200);
    assert!(crm.get("/api/v1/opportunities/O1001").await.body["closed_at"].is_i64());
    crm.patch("/api/v1/opportunities/O1001", json!({"stage": 2})).await.must(200);
    assert_eq!(crm.get("/api/v1/opportunities/O1001").await.body["closed_at"], Value::Null);
    crm.post("/api/v1/accounts/A1001/convert", json!({})).await.refused(404, "not_found");
    crm.post("/api/v1/leads/L9999/convert", json!({})).await.refused(404, "not_found");
}

#[tokio::test]
async fn merged_records_point_to_the_winner() {
    let crm = Crm::start().await;
    let mut winner = person(1);
    winner["leadloop_id"] = json!("h-1");
    winner["company"] = Value::Null;
    crm.lead(winner).await;
    let mut loser = person(2);
    loser["leadloop_id"] = json!("h-2");
    loser["title"] = json!("经理");
    loser["status"] = json!(3);
    crm.lead(loser).await;
    crm.post("/api/v1/activities", json!({"kind": "note", "subject": "备注", "lead_id": "L1002"}))
        .await
        .must(201);
    let merge = json!({"winner": "L1001", "losers": ["L1002"]});
    crm.post("/api/v1/leads/merge", merge.clone()).await.must(200);
    let lead = crm.get("/api/v1/leads/L1001").await.body;
    assert_eq!(
        (&lead["company"], &lead["title"], &lead["status"], &lead["leadloop_id"]),
        (&json!("示例2有限公司"), &json!("经理"), &json!(1), &json!("h-1"))
    );
    let answer = crm.get("/api/v1/leads/L1002").await.refused(410, "merged");
    assert_eq!(answer.body["error"]["merged_into"], "L1001");
    crm.patch("/api/v1/leads/L1002", json!({"score": 1})).await.refused(410, "merged");
    assert_eq!(crm.get("/api/v1/activities/T1001").await.body["lead_id"], "L1001");
    crm.get("/api/v1/leads/by-mark/h-2").await.refused(404, "not_found");
    let tombstone = crm.all("leads", 10).await.into_iter().find(|r| r["id"] == "L1002").unwrap();
    assert_eq!((&tombstone["deleted"], &tombstone["merged_into"]), (&json!(true), &json!("L1001")));
    crm.post("/api/v1/leads/merge", merge).await.refused(410, "merged");
    crm.post("/api/v1/leads/merge", json!({"winner": "L1001", "losers": ["L1001"]}))
        .await
        .refused(400, "bad_request");
    crm.post("/api/v1/opportunities/merge", json!({"winner": "O1001", "losers": ["O1002"]}))
        .await
        .refused(400, "bad_request");
    crm.delete("/api/v1/leads/L1001").await.must(204);
    crm.get("/api/v1/leads/L1001").await.refused(410, "deleted");
}

#[tokio::test]
async fn salespeople_write_as_themselves() {
    let crm = Crm::start().await;
    let mut body = person(1);
    body["owner_id"] = json!("U1002");
    let id = crm.lead(body).await;
    crm.lead(person(2)).await;
    let sales = async |body: Value| crm.post("/admin/sales", body).await;
    let back = json!({"status": 5, "feedback": 3, "feedback_remark": "需求不清", "owner_id": null});
    sales(json!({"object": "leads", "id": id, "set": back})).await.must(200);
    let lead = crm.get(&format!("/api/v1/leads/{id}")).await.body;
    assert_eq!(
        (&lead["modified_by"], &lead["feedback"], &lead["owner_id"]),
        (&json!("sales"), &json!(3), &Value::Null)
    );
    sales(json!({"object": "leads", "id": id, "set": {"feedback": 99}})).await.refused(422, "validation");
    sales(json!({"object": "leads", "create": person(3)})).await.must(201);
    sales(json!({"object": "leads", "id": "L1002", "merge_into": id})).await.must(200);
    sales(json!({"object": "leads", "id": "L1003", "convert": {}})).await.must(200);
    sales(json!({"object": "leads", "id": id, "delete": true})).await.must(204);
    sales(json!({"object": "leads", "id": "L1003"})).await.refused(400, "bad_request");
    crm.patch("/admin/users/U1002", json!({"state": "left"})).await.must(200);
    assert_eq!(crm.get("/api/v1/users/U1002").await.body["state"], "left");
    crm.patch("/admin/users/U1002", json!({"state": "asleep"})).await.refused(422, "validation");
}

/// Outcome by phone, without ids and times.
async fn outcomes(crm: &Crm) -> Vec<String> {
    let mut lines: Vec<String> = crm
        .all("leads", 200)
        .await
        .iter()
        .map(|l| format!("{} {} {} {}", l["phone"], l["status"], l["feedback"], l["feedback_remark"]))
        .collect();
    lines.extend(
        crm.all("opportunities", 200)
            .await
            .iter()
            .map(|o| format!("{} {} {}", o["name"], o["stage"], o["amount"])),
    );
    lines.sort();
    lines
}

async fn with_leads(options: Options, order: impl Iterator<Item = u32>) -> Crm {
    let crm = Crm::with(options).await;
    for n in order {
        let mut body = person(n);
        body["owner_id"] = json!(format!("U{}", 1001 + n % 4));
        body["status"] = json!(2);
        crm.lead(body).await;
    }
    crm
}

#[tokio::test]
async fn the_robot_answers_the_same_leads_the_same_way() {
    let crm = with_leads(Options::default(), 0..100).await;
    let done = crm.post("/admin/robot", json!({})).await.must(200).body;
    let number = |name: &str| done[name].as_u64().unwrap();
    assert_eq!(number("accepted") + number("returned") + number("ignored"), 100);
    assert!(
        ["accepted", "returned", "converted", "won", "lost", "ignored"].iter().all(|name| number(name) > 0),
        "{done}"
    );
    assert_eq!(
        number("steps"),
        100 - number("ignored") + number("converted") + number("won") + number("lost")
    );
    let first = outcomes(&crm).await;
    let again = crm.post("/admin/robot", json!({})).await.must(200).body;
    assert_eq!((&again["steps"], &again["ignored"]), (&json!(0), &done["ignored"]));
    // Other order, other ids: the same answers. Other seed: others.
    let other = with_leads(Options::default(), (0..100).rev()).await;
    other.post("/admin/robot", json!({})).await.must(200);
    assert_eq!(outcomes(&other).await, first);
    let other = with_leads(Options { seed: 8, ..Options::default() }, 0..100).await;
    other.post("/admin/robot", json!({})).await.must(200);
    assert_ne!(outcomes(&other).await, first);
    let returned = crm.all("leads", 200).await.into_iter().find(|l| l["status"] == 5).unwrap();
    assert_eq!(returned["owner_id"], Value::Null);
    assert!(returned["feedback"].as_i64().unwrap() >= 2 && returned["release_reason"].is_string());
}

#[tokio::test]
async fn nobody_works_on_leads_without_an_active_owner() {
    let crm = Crm::start().await;
    crm.lead(person(1)).await;
    let mut on_leave = person(2);
    on_leave["owner_id"] = json!("U1005");
    crm.lead(on_leave).await;
    let mix = json!({"ignore": 0, "return": 1, "accept": 0, "open": 0, "win": 0, "lose": 0});
    let done = crm.post("/admin/robot", json!({"mix": mix})).await.must(200).body;
    assert_eq!((&done["steps"], &done["ignored"]), (&json!(0), &json!(0)));
    crm.patch("/api/v1/leads/L1001", json!({"owner_id": "U1001"})).await.must(200);
    let done = crm.post("/admin/robot", json!({"mix": mix, "at_most": 1})).await.must(200).body;
    assert_eq!(done["returned"], 1);
}

#[tokio::test]
async fn the_robot_works_by_itself_step_by_step() {
    let mix = Mix { ignore: 0, give_back: 0, accept: 0, open: 0, win: 1, lose: 0 };
    let tuning = Tuning { robot: Robot { on: true, delay_ms: 300, mix }, ..Tuning::default() };
    let crm = with_leads(Options { tuning, ..Options::default() }, 1..2).await;
    let mut seen = Vec::new();
    for _ in 0..150 {
        let status = crm.get("/api/v1/leads/L1001").await.body["status"].as_i64().unwrap();
        if seen.last() != Some(&status) {
            seen.push(status);
        }
        let deal = crm.get("/api/v1/opportunities/O1001").await;
        if deal.body["stage"] == 4 {
            assert_eq!(seen, [2, 3, 4]);
            assert_eq!(deal.body["modified_by"], "sales");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not won in time: {seen:?}");
}

#[tokio::test]
async fn seeds_pass_the_rules_and_refer_to_each_other() {
    let crm = Crm::start().await;
    let seed = json!({
        "users": [{"ref": "li.na", "name": "测试庚", "login": "li.na", "region": "华东"}],
        "accounts": [{"ref": "a", "name": "示例机器人有限公司", "owner_id": "@li.na", "last_activity_at": 1_795_000_000_000_000_i64}],
        "contacts": [{"name": "测试丙", "phone": "13900000003", "account_id": "@a", "owner_id": "U1006", "created_at": 1_790_000_000_000_000_i64}],
        "leads": [{"ref": "l", "name": "甲", "phone": "13900000009"}, {"name": "乙", "phone": "13900000009"}],
        "activities": [{"kind": "call", "subject": "电话", "lead_id": "@l"}],
        "ma_contacts": [{"ma_id": "m-1", "clicks": 4}],
    });
    let made = crm.post("/admin/seed", seed).await.must(200).body;
    assert_eq!(made["users"], json!(["U1007"]));
    assert_eq!(made["leads"], json!(["L1001", "L1002"]));
    let account = crm.get("/api/v1/accounts/A1001").await.body;
    assert_eq!(
        (&account["owner_id"], &account["last_activity_at"], &account["modified_by"]),
        (&json!("U1007"), &json!(1_795_000_000_000_000_i64), &json!("admin"))
    );
    let contact = crm.get("/api/v1/contacts/C1001").await.body;
    assert_eq!(
        (&contact["owner_id"], &contact["created_at"]),
        (&json!("U1006"), &json!(1_790_000_000_000_000_i64))
    );
    // One bad record: nothing of the call stays, and the same numbers come again.
    let bad = json!({"accounts": [{"name": "另一家"}, {"name": ""}]});
    let answer = crm.post("/admin/seed", bad).await.refused(422, "validation");
    assert_eq!(
        (&answer.body["error"]["object"], &answer.body["error"]["record"]),
        (&json!("accounts"), &json!(1))
    );
    assert_eq!(crm.get("/api/v1/accounts/count").await.body["count"], 1);
    let nobody = json!({"contacts": [{"name": "x", "account_id": "@nobody"}]});
    crm.post("/admin/seed", nobody).await.refused(422, "validation");
    assert_eq!(crm.post("/api/v1/accounts", json!({"name": "另一家"})).await.must(201).id(), "A1002");
    let found = crm.get("/api/v1/accounts/search?field=name&value=另一家").await.body;
    assert_eq!(found["records"].as_array().unwrap().len(), 1);
    assert_eq!(crm.all("accounts", 10).await.len(), 2);
}

#[tokio::test]
async fn the_seed_of_the_samples_fits() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/crm_seed.json");
    let seed: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let crm = Crm::with(Options { seed_file: Some(path), ..Options::default() }).await;
    for (object, records) in seed.as_object().unwrap() {
        let count = crm.get(&format!("/api/v1/{object}/count")).await.body["count"].as_u64().unwrap();
        assert_eq!(count, records.as_array().unwrap().len() as u64, "{object}");
        let (first, path) = (&records[0], format!("/api/v1/{object}/{}", records[0]["id"].as_str().unwrap()));
        assert_eq!(crm.get(&path).await.must(200).body["name"], first["name"]);
    }
    let account = crm.get("/api/v1/accounts/A1001").await.body;
    let idle = seed["accounts"][0]["idle_days"].as_i64().unwrap() * 86_400_000_000;
    let server = crm.get("/api/v1/whoami").await.body["server_time"].as_i64().unwrap();
    let ago = server - account["last_activity_at"].as_i64().unwrap();
    assert!((idle..idle + 60_000_000).contains(&ago), "{ago}");
    assert_eq!(account["created_at"], account["last_activity_at"]);
    // The same again over the admin call, after forgetting everything.
    let inbox = Inbox::open(&[]).await;
    crm.post("/api/v1/webhooks", json!({"url": inbox.url})).await.must(201);
    crm.post("/admin/seed?fresh=true", seed.clone()).await.must(200);
    crm.post("/api/v1/accounts", json!({"name": "示例公司"})).await.must(201);
    // Webhooks hear of the account that came after the seed, and of nothing in it.
    assert_eq!(inbox.wait_for(1).await[0].body["data"]["record"], Value::Null);
    assert_eq!(inbox.got()[0].body["data"]["modified_by"], "api");
    assert_eq!(crm.get("/api/v1/users/count").await.body["count"], seed["users"].as_array().unwrap().len());
    let answer = crm.post("/admin/seed", seed).await.refused(422, "validation");
    assert_eq!(answer.fields(), ["id:wrong_id"]);
}
