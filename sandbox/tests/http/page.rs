//! The page for people.

use crate::client::{Crm, person};
use serde_json::{Value, json};

async fn read(crm: &Crm, path: &str) -> String {
    let answer = crm.client.get(crm.url(path)).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    answer.text().await.unwrap()
}

#[tokio::test]
async fn records_are_shown_page_by_page_in_two_languages() {
    let crm = Crm::start().await;
    let records: Vec<Value> = (0..120).map(person).collect();
    crm.post("/api/v1/leads/batch", json!({"operation": "create", "records": records})).await.must(200);
    let first = read(&crm, "/?lang=en").await;
    assert!(first.contains("L1120") && !first.contains("L1070<") && first.contains("1 / 3"), "{first}");
    assert!(first.contains("Status") && !first.contains("状态"));
    let last = read(&crm, "/?lang=zh&page=3").await;
    assert!(
        last.contains("L1001")
            && last.contains("状态")
            && last.contains("1 新线索")
            && last.contains("3 / 3")
    );
    let beyond = read(&crm, "/?lang=en&page=999999999999").await;
    assert!(beyond.contains("Nothing here"));
    for object in ["users", "accounts", "contacts", "opportunities", "activities", "ma_contacts"] {
        assert!(read(&crm, &format!("/?object={object}")).await.contains("<nav>"));
    }
    let found = read(&crm, "/?q=13900000007&lang=en").await;
    assert!(found.contains("L1008") && !found.contains("L1009"));
    assert!(read(&crm, "/?q=L1009").await.contains("L1009"));
    crm.get("/?object=wishes").await.refused(404, "not_found");
}

#[tokio::test]
async fn nothing_a_lead_says_becomes_markup() {
    let crm = Crm::start().await;
    let evil = "<script>alert('x')</script>\"><img src=x>";
    let mut body = person(1);
    body["name"] = json!(evil);
    body["comment"] = json!(evil);
    body["tags"] = json!([evil]);
    body["owner_id"] = json!("U1001");
    let id = crm.lead(body).await;
    let note = json!({"kind": "note", "subject": evil, "lead_id": id});
    crm.post("/api/v1/activities", note).await.must(201);
    for path in
        ["/", "/records/leads/L1001", "/?object=activities", "/?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E"]
    {
        let page = read(&crm, path).await;
        assert!(!page.contains("<script") && !page.contains("<img"), "{path}: {page}");
    }
    let page = read(&crm, "/records/leads/L1001?lang=zh").await;
    assert!(page.contains("&lt;script&gt;") && page.contains("测试甲") && page.contains("活动"));
    crm.get("/records/leads/L1002").await.refused(404, "not_found");
    crm.get("/records/leads/x").await.refused(404, "not_found");
}
