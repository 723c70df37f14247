//! Single records: what is accepted, what is refused and how it is said.

use crate::client::{Crm, person};
use leadloop_sandbox::{MarkMode, Options, Tuning};
use serde_json::{Value, json};

fn with(tuning: Tuning) -> Options {
    Options { tuning, ..Options::default() }
}

#[tokio::test]
async fn a_lead_comes_back_as_it_was_written() {
    let crm = Crm::start().await;
    let body = json!({"name": "测试甲", "phone": "+86 139 0000 0001", "email": "jia@shili.example", "company": "示例机器人有限公司",
        "title": "采购经理", "industry": 1, "province": "上海", "city": "上海", "source": 3, "comment": "想看演示\n\"引号\"",
        "status": 2, "owner_id": "U1001", "score": 72, "tags": ["热", "展会"], "leadloop_id": "h-1", "campaign": ""});
    let receipt = crm.post("/api/v1/leads", body.clone()).await.must(201).body;
    assert_eq!(receipt["id"], "L1001");
    assert_eq!((&receipt["version"], &receipt["created"]), (&json!(1), &json!(true)));
    let lead = crm.get("/api/v1/leads/L1001").await.must(200).body;
    for (name, value) in body.as_object().unwrap() {
        let expected = if name == "campaign" { &Value::Null } else { value };
        assert_eq!(&lead[name], expected, "{name}");
    }
    assert_eq!(lead["modified_at"], receipt["modified_at"]);
    assert_eq!(lead["modified_by"], "api");
    assert_eq!(lead["converted"], false);
    let again = crm.patch("/api/v1/leads/L1001", json!({"city": null, "score": 80})).await.must(200).body;
    assert_eq!((&again["version"], &again["created"]), (&json!(2), &json!(false)));
    assert!(again["modified_at"].as_i64() > receipt["modified_at"].as_i64());
    let lead = crm.get("/api/v1/leads/L1001").await.must(200).body;
    assert_eq!(
        (&lead["city"], &lead["score"], &lead["province"]),
        (&Value::Null, &json!(80), &json!("上海"))
    );
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let crm = Crm::start().await;
    let body = json!({"name": " ", "phone": "1".repeat(41), "email": "nobody", "industry": 77, "status": "2", "comment": "字".repeat(2001),
        "owner_id": "U9999", "account_id": "L1001", "score": 3.5, "tags": "x", "colour": "red", "version": 3, "converted": true});
    let answer = crm.post("/api/v1/leads", body).await.refused(422, "validation");
    let mut fields = answer.fields();
    fields.sort();
    assert_eq!(
        fields,
        [
            "account_id:unknown_reference",
            "colour:unknown_field",
            "comment:too_long",
            "converted:read_only",
            "email:bad_format",
            "industry:not_in_list",
            "name:required",
            "owner_id:unknown_reference",
            "phone:too_long",
            "score:wrong_type",
            "status:wrong_type",
            "tags:wrong_type",
            "version:read_only"
        ]
    );
    let list = answer.body["error"]["fields"].as_array().unwrap();
    let of = |field: &str| list.iter().find(|f| f["field"] == field).unwrap();
    assert_eq!(of("comment")["max"], 2000);
    assert_eq!(of("industry")["allowed"], json!([1, 2, 3, 4, 5, 6, 7, 8, 9]));
    assert_eq!(crm.get("/api/v1/leads/count").await.body, json!({"count": 0, "deleted": 0}));
    // Lengths are characters, not bytes.
    let body = json!({"name": "字".repeat(80), "phone": "13900000001", "comment": "字".repeat(2000)});
    crm.post("/api/v1/leads", body).await.must(201);
}

#[tokio::test]
async fn a_lead_needs_a_way_to_reach_it_and_what_the_admin_demands() {
    let crm = Crm::start().await;
    let answer = crm.post("/api/v1/leads", json!({"name": "测试甲"})).await.refused(422, "validation");
    assert_eq!(answer.fields(), ["phone:required"]);
    let id = crm.lead(json!({"name": "测试甲", "email": "jia@shili.example"})).await;
    crm.patch(&format!("/api/v1/leads/{id}"), json!({"email": null})).await.refused(422, "validation");
    crm.patch(&format!("/api/v1/leads/{id}"), json!({"name": null})).await.refused(422, "validation");
    crm.tune(json!({"lead_needs_phone_or_email": false, "required": ["leads.company"]})).await;
    let answer = crm.post("/api/v1/leads", json!({"name": "测试乙"})).await.refused(422, "validation");
    assert_eq!(answer.fields(), ["company:required"]);
    crm.lead(json!({"name": "测试乙", "company": "示例公司"})).await;
    let described = crm.get("/api/v1/describe/leads").await.body;
    let fields = described["fields"].as_array().unwrap();
    assert_eq!(fields.iter().find(|f| f["name"] == "company").unwrap()["required"], true);
    crm.tune(json!({"required": [], "hidden": ["leads.company"]})).await;
    let answer = crm.post("/api/v1/leads", json!({"name": "测试丙", "company": "示例公司"})).await;
    let answer = answer.refused(422, "validation");
    assert_eq!(answer.fields(), ["company:unknown_field"]);
    let described = crm.get("/api/v1/describe/leads").await.body;
    assert!(described["fields"].as_array().unwrap().iter().all(|f| f["name"] != "company"));
}

#[tokio::test]
async fn duplicates_are_refused_with_the_existing_id() {
    let crm = Crm::start().await;
    let first =
        crm.lead(json!({"name": "测试甲", "phone": "13900000001", "email": "Jia@Shili.example"})).await;
    let same_phone = json!({"name": "别名", "phone": "+86 139-0000-0001"});
    let answer = crm.post("/api/v1/leads", same_phone.clone()).await.refused(409, "duplicate");
    assert_eq!(answer.body["error"]["existing_id"], first.as_str());
    assert_eq!(answer.body["error"]["field"], "phone");
    let same_mail = json!({"name": "别名", "email": "jia@shili.example"});
    let answer = crm.post("/api/v1/leads", same_mail).await.refused(409, "duplicate");
    assert_eq!(answer.body["error"]["field"], "email");
    let second = crm.lead(person(2)).await;
    let path = format!("/api/v1/leads/{second}");
    crm.patch(&path, json!({"phone": "13900000001"})).await.refused(409, "duplicate");
    crm.patch(&format!("/api/v1/leads/{first}"), json!({"phone": "139 0000 0001"})).await.must(200);
    crm.tune(json!({"duplicate_rule": "off"})).await;
    crm.post("/api/v1/leads", same_phone).await.must(201);
}

#[tokio::test]
async fn the_lagging_duplicate_rule_misses_fresh_records() {
    let tuning: Tuning =
        serde_json::from_value(json!({"duplicate_rule": "lagging", "search_lag_ms": 60_000})).unwrap();
    let crm = Crm::with(with(tuning)).await;
    crm.lead(person(1)).await;
    crm.lead(person(1)).await;
    crm.tune(json!({"search_lag_ms": 0})).await;
    crm.lead(person(2)).await;
    crm.post("/api/v1/leads", person(2)).await.refused(409, "duplicate");
}

#[tokio::test]
async fn one_record_for_one_mark() {
    let crm = Crm::start().await;
    let mut body = person(1);
    body["leadloop_id"] = json!("h-1");
    let first = crm.lead(body.clone()).await;
    // The mark is named even though phone and e-mail are the same too.
    let answer = crm.post("/api/v1/leads", body).await.refused(409, "duplicate_mark");
    assert_eq!(answer.body["error"]["existing_id"], first.as_str());
    assert_eq!(crm.get("/api/v1/leads/by-mark/h-1").await.must(200).id(), first);
    crm.get("/api/v1/leads/by-mark/h-2").await.refused(404, "not_found");
    let answer = crm.put("/api/v1/leads/by-mark/h-1", json!({"name": "改名"})).await.must(200);
    assert_eq!((answer.id(), answer.body["created"].clone()), (first.clone(), json!(false)));
    let answer = crm.put("/api/v1/leads/by-mark/h-2", person(2)).await.must(201);
    assert_eq!(answer.body["created"], true);
    assert_eq!(crm.get(&format!("/api/v1/leads/{}", answer.id())).await.body["leadloop_id"], "h-2");
    crm.delete(&format!("/api/v1/leads/{first}")).await.must(204);
    crm.get("/api/v1/leads/by-mark/h-1").await.refused(404, "not_found");
    crm.put("/api/v1/leads/by-mark/h-1", person(3)).await.must(201);
}

#[tokio::test]
async fn without_a_unique_mark_doubles_are_possible_and_visible() {
    let tuning = Tuning {
        mark: MarkMode::Plain,
        duplicate_rule: leadloop_sandbox::DuplicateRule::Off,
        ..Tuning::default()
    };
    let crm = Crm::with(with(tuning)).await;
    let mut body = person(1);
    body["leadloop_id"] = json!("h-1");
    crm.lead(body.clone()).await;
    crm.lead(body).await;
    let found = crm.get("/api/v1/leads/search?field=leadloop_id&value=h-1").await.must(200).body;
    assert_eq!(found["records"].as_array().unwrap().len(), 2);
    crm.get("/api/v1/leads/by-mark/h-1").await.refused(400, "mark_not_unique");
    crm.put("/api/v1/leads/by-mark/h-1", person(3)).await.refused(400, "mark_not_unique");
    let unique = json!({"name": "leadloop_id", "type": "text", "max": 64, "unique": true});
    crm.post("/api/v1/describe/leads/fields", unique.clone()).await.refused(409, "duplicate_mark");
    crm.patch("/admin/tuning", json!({"mark": "unique"})).await.refused(409, "duplicate_mark");
    crm.delete("/api/v1/leads/L1002").await.must(204);
    crm.post("/api/v1/describe/leads/fields", unique).await.must(201);
    crm.get("/api/v1/leads/by-mark/h-1").await.must(200);
}

#[tokio::test]
async fn an_absent_mark_can_be_made() {
    let crm = Crm::with(with(Tuning { mark: MarkMode::Absent, ..Tuning::default() })).await;
    let mut body = person(1);
    body["leadloop_id"] = json!("h-1");
    let answer = crm.post("/api/v1/leads", body.clone()).await.refused(422, "validation");
    assert_eq!(answer.fields(), ["leadloop_id:unknown_field"]);
    let names = |described: Value| -> Vec<String> {
        described["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(!names(crm.get("/api/v1/describe/leads").await.body).contains(&"leadloop_id".to_owned()));
    let other = json!({"name": "colour", "type": "text"});
    crm.post("/api/v1/describe/leads/fields", other).await.refused(403, "field_not_allowed");
    let field = json!({"name": "leadloop_id", "type": "text", "max": 64, "unique": true});
    crm.post("/api/v1/describe/leads/fields", field.clone()).await.must(201);
    crm.post("/api/v1/describe/leads/fields", field).await.must(200);
    assert!(names(crm.get("/api/v1/describe/leads").await.body).contains(&"leadloop_id".to_owned()));
    crm.lead(body).await;
}

#[tokio::test]
async fn versions_guard_against_lost_updates_and_nothing_changes_for_nothing() {
    let crm = Crm::start().await;
    let id = crm.lead(person(1)).await;
    let path = format!("/api/v1/leads/{id}");
    let before = crm.get(&path).await.body;
    let same = crm.patch(&path, json!({"name": "测试1", "phone": "13900000001"})).await.must(200).body;
    assert_eq!((&same["version"], &same["modified_at"]), (&json!(1), &before["modified_at"]));
    crm.patch(&path, json!({"score": 1, "if_version": 1})).await.must(200);
    let answer =
        crm.patch(&path, json!({"score": 2, "if_version": 1})).await.refused(409, "version_mismatch");
    assert_eq!(answer.body["error"]["version"], 2);
    assert_eq!(crm.get(&path).await.body["score"], 1);
}

#[tokio::test]
async fn owners_are_checked_and_users_are_read_only() {
    let crm = Crm::start().await;
    let users = crm.get("/api/v1/users").await.must(200).body;
    let states: Vec<&str> =
        users["records"].as_array().unwrap().iter().map(|u| u["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["active", "active", "active", "active", "on_leave", "left"]);
    assert_eq!(users["records"][1]["manager_id"], "U1001");
    crm.post("/api/v1/users", json!({"name": "新人"})).await.refused(403, "read_only_object");
    crm.patch("/api/v1/users/U1001", json!({"state": "left"})).await.refused(403, "read_only_object");
    let mut body = person(1);
    body["owner_id"] = json!("U1006");
    let answer = crm.post("/api/v1/leads", body.clone()).await.refused(422, "validation");
    assert_eq!(answer.fields(), ["owner_id:inactive_owner"]);
    body["owner_id"] = json!("U1005");
    let id = crm.lead(body).await;
    let path = format!("/api/v1/leads/{id}");
    let answer = crm.patch(&path, json!({"owner_id": "U1006"})).await.refused(422, "validation");
    assert_eq!(answer.fields(), ["owner_id:inactive_owner"]);
    crm.patch(&path, json!({"owner_id": null})).await.must(200);
    assert_eq!(crm.get(&path).await.body["owner_id"], Value::Null);
}

#[tokio::test]
async fn activities_belong_to_a_record_and_are_a_sign_of_life() {
    let crm = Crm::start().await;
    let lead = crm.lead(person(1)).await;
    let alone = json!({"kind": "call", "subject": "电话沟通"});
    let answer = crm.post("/api/v1/activities", alone).await.refused(422, "validation");
    assert_eq!(answer.fields(), ["lead_id:required"]);
    let wrong = json!({"kind": "fax", "subject": "传真", "lead_id": lead});
    let answer = crm.post("/api/v1/activities", wrong).await.refused(422, "validation");
    assert_eq!(answer.fields(), ["kind:not_in_list"]);
    let call =
        json!({"kind": "call", "subject": "电话沟通", "lead_id": lead, "owner_id": "U1001", "done": true});
    crm.post("/api/v1/activities", call).await.must(201);
    let record = crm.get(&format!("/api/v1/leads/{lead}")).await.body;
    assert!(record["last_activity_at"].as_i64().unwrap() >= record["created_at"].as_i64().unwrap());
    assert_eq!(record["version"], 2);
}

#[tokio::test]
async fn bad_requests_are_told_apart() {
    let crm = Crm::start().await;
    let raw = |body: &'static str| crm.request(reqwest::Method::POST, "/api/v1/leads").body(body);
    for body in ["", "{", "[]", "\"x\"", "{\"name\":\"x\"} trailing"] {
        crm.send(raw(body)).await.unwrap().refused(400, "bad_json");
    }
    let large = crm.request(reqwest::Method::POST, "/api/v1/leads").body(vec![b' '; (4 << 20) + 1]);
    crm.send(large).await.unwrap().refused(413, "too_large");
    crm.get("/api/v1/wishes").await.refused(404, "not_found");
    crm.get("/api/v1/ma_contacts").await.refused(404, "not_found");
    crm.get("/api/v1/leads/L1001").await.refused(404, "not_found");
    crm.get("/api/v1/leads/A1001").await.refused(404, "not_found");
    crm.get("/nowhere").await.refused(404, "not_found");
    crm.delete("/api/v1/leads").await.refused(405, "method_not_allowed");
    crm.get("/api/v1/leads?limit=501").await.refused(400, "bad_request");
    crm.get("/api/v1/leads?cursor=x").await.refused(400, "bad_request");
    crm.get("/api/v1/leads?modified_sinc=3").await.refused(400, "bad_request");
    crm.get("/api/v1/leads/search?field=city&value=x").await.refused(400, "bad_request");
    crm.get("/api/v1/leads/search?field=phone").await.refused(400, "bad_request");
}
