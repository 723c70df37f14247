//! The file of records: what was answered is there after a restart, whatever happened to the process.

use crate::client::{Crm, person};
use leadloop_sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

fn keeping(path: &Path) -> Options {
    Options { file: Some(path.to_owned()), ..Options::default() }
}

async fn everything(crm: &Crm) -> Vec<Value> {
    let mut all = Vec::new();
    for object in ["users", "accounts", "contacts", "leads", "opportunities", "activities"] {
        all.extend(crm.all(object, 100).await);
    }
    all.extend(crm.get("/ma/api/v1/contacts").await.body["records"].as_array().unwrap().iter().cloned());
    all
}

#[tokio::test]
async fn every_record_is_there_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/sandbox.jsonl");
    let crm = Crm::with(keeping(&path)).await;
    for n in 0..20 {
        let mut body = person(n);
        body["leadloop_id"] = json!(format!("h-{n}"));
        body["tags"] = json!(["热"]);
        body["owner_id"] = json!("U1001");
        crm.lead(body).await;
    }
    crm.patch("/api/v1/leads/L1003", json!({"city": "上海"})).await.must(200);
    crm.delete("/api/v1/leads/L1004").await.must(204);
    crm.post("/api/v1/leads/merge", json!({"winner": "L1005", "losers": ["L1006"]})).await.must(200);
    crm.post("/admin/robot", json!({})).await.must(200);
    crm.put("/ma/api/v1/contacts/m-1", json!({"segments": ["a", "b"]})).await.must(201);
    crm.patch("/admin/users/U1001", json!({"state": "left"})).await.must(200);
    let before = everything(&crm).await;
    // Dropped, not shut down: nothing is written at the end.
    drop(crm);
    let crm = Crm::with(keeping(&path)).await;
    assert_eq!(everything(&crm).await, before);
    crm.get("/api/v1/leads/by-mark/h-2").await.must(200);
    let open = before.iter().find(|r| r["converted"] == false && r["deleted"] == false).unwrap();
    let double = json!({"name": "别名", "phone": open["phone"]});
    let answer = crm.post("/api/v1/leads", double).await.refused(409, "duplicate");
    assert_eq!(answer.body["error"]["existing_id"], open["id"]);
    assert_eq!(crm.lead(person(99)).await, "L1021");
    let last = before.iter().map(|r| r["modified_at"].as_i64().unwrap()).max().unwrap();
    assert!(crm.get("/api/v1/leads/L1021").await.body["modified_at"].as_i64().unwrap() > last);
}

#[tokio::test]
async fn a_torn_last_line_is_forgotten_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.jsonl");
    let crm = Crm::with(keeping(&path)).await;
    crm.lead(person(1)).await;
    drop(crm);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"o\":\"leads\",\"r\":{\"id\":\"L1002\",\"na").unwrap();
    drop(file);
    let crm = Crm::with(keeping(&path)).await;
    assert_eq!(crm.all("leads", 10).await.len(), 1);
    assert_eq!(crm.lead(person(2)).await, "L1002");
    drop(crm);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("not json\n{text}")).unwrap();
    let error = Sandbox::start(keeping(&path)).await.unwrap_err().to_string();
    assert!(error.starts_with("LL1902") && error.contains("line 1"), "{error}");
}

#[tokio::test]
async fn a_reset_empties_the_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.jsonl");
    let crm = Crm::with(keeping(&path)).await;
    crm.lead(person(1)).await;
    crm.post("/admin/reset", json!({})).await.must(204);
    drop(crm);
    let crm = Crm::with(keeping(&path)).await;
    assert!(crm.all("leads", 10).await.is_empty());
    assert_eq!(crm.all("users", 10).await.len(), 6);
}

#[tokio::test]
async fn the_clock_may_be_wrong_and_the_mark_hidden() {
    let options = Options { clock_skew_secs: 3_600, ..Options::default() };
    let crm = Crm::with(options).await;
    let server = crm.get("/api/v1/whoami").await.must(200).body["server_time"].as_i64().unwrap();
    let machine = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
    let ahead = (server - i64::try_from(machine).unwrap()) / 1_000_000;
    assert!((3_590..3_610).contains(&ahead), "{ahead}");
}

#[tokio::test]
async fn a_file_that_is_no_record_file_is_refused_whatever_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.jsonl");
    std::fs::write(&path, vec![0_u8; 3 << 20]).unwrap();
    let error = Sandbox::start(keeping(&path)).await.unwrap_err().to_string();
    assert!(error.starts_with("LL1902") && error.contains("line 1"), "{error}");
    let error = Sandbox::start(keeping(folder.path())).await.unwrap_err().to_string();
    assert!(error.starts_with("LL1902"), "{error}");
}
