//! The fields of a sandbox CRM change under a running leadloop: what breaks is told with how many leads it concerns, and the
//! alarm ends when it is mended. On both databases.

use leadloop_sandbox::{Options, Sandbox};
use serde_json::Value;

use crate::kill::SECRET;
use crate::node::{Node, config};
use crate::place::Place;

fn tune(place: &Place<'_>, tuning: &str) {
    place.admin("PATCH", "/admin/tuning", tuning);
}

/// The CRM's leads as they were last described.
fn leads(place: &Place<'_>) -> Value {
    let shown = place.leadloop(&["crm", "schema", "--crm", "sales", "--object", "lead"]);
    assert_eq!(shown["crms"][0]["describes"], true, "{shown:#}");
    shown["crms"][0]["objects"][0].clone()
}

/// Has the descriptions read, and waits for it.
fn read(place: &Place<'_>) -> Value {
    let before = leads(place)["read_at"].clone();
    let asked = place.leadloop(&["crm", "schema", "--crm", "sales", "--read"]);
    assert!(asked["asked"].as_u64() > Some(1), "{asked}");
    place.until("the description is read", |place| {
        Some(leads(place)).filter(|leads| leads["read_at"] != before)
    })
}

fn ends(place: &Place<'_>, code: &str) {
    place.until(&format!("{code} ends"), |place| {
        let status = place.leadloop(&["status"]);
        let alarms = status["alarms"].as_array()?;
        alarms.iter().all(|alarm| alarm["code"] != code).then_some(())
    });
}

fn broken(leads: &Value) -> Vec<(String, String, u64, u64)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let list = leads["broken"].as_array().cloned().unwrap_or_default();
    let told = list
        .iter()
        .map(|it| (text(&it["field"]), text(&it["code"]), number(&it["leads_failed"]), number(&it["leads"])));
    told.collect()
}

fn watched(store: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let options =
        Options { client_id: "leadloop".to_owned(), client_secret: SECRET.to_owned(), ..Options::default() };
    let sandbox = runtime.block_on(Sandbox::start(options)).expect("the sandbox starts");
    let dir = leadloop_testing::temp_dir();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("it is written");
    write("leadloop.toml", &config(store, sandbox.addr(), "127.0.0.1:0"));
    write("people.csv", "key,name,crm_user\nli.na,Li Na,U1001\nwang.wei,Wang Wei,U1002\n");
    let node = Node::start(dir.path(), SECRET);
    let place = Place { folder: dir.path(), crm: sandbox.addr(), node };
    place.form(1);
    place.state(1, "with_sales");

    // A field is taken away; the next write is refused, and with that the description is read by itself.
    tune(&place, r#"{"hidden":["leads.company"]}"#);
    place.form(2);
    place.state(2, "parked");
    let said = place.alarm("LL4830");
    assert!(said.contains("company → company breaks"), "the mapping is named: {said}");
    let gone = leads(&place);
    assert_eq!(broken(&gone), [("company".to_owned(), "LL4830".to_owned(), 2, 2)], "{gone:#}");

    // It is there again: the alarm ends, and what waited goes out.
    tune(&place, r#"{"hidden":[]}"#);
    let mended = read(&place);
    assert_eq!(broken(&mended), []);
    let changes = mended["changes"].to_string();
    assert!(changes.contains(r#""change":"new""#) && changes.contains("company"), "{changes}");
    ends(&place, "LL4830");
    place.leadloop(&["outbox", "retry", "--code", "LL4203"]);
    place.state(2, "with_sales");

    // A field is needed from now on, and nothing fills it.
    tune(&place, r#"{"required":["leads.title"]}"#);
    let needed = read(&place);
    assert_eq!(broken(&needed), [("title".to_owned(), "LL4832".to_owned(), 2, 2)], "{needed:#}");
    place.alarm("LL4832");
    tune(&place, r#"{"required":[]}"#);
    assert_eq!(broken(&read(&place)), []);
    ends(&place, "LL4832");
}

#[test]
fn what_a_changed_crm_breaks_is_told_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    watched(&format!("sqlite:{}", folder.path().join("schema.db").display()));
}

#[test]
fn what_a_changed_crm_breaks_is_told_on_postgres() {
    let database = leadloop_testing::fresh_database("schema_watch");
    let folder = leadloop_testing::temp_dir();
    let url = folder.path().join("store_url");
    std::fs::write(&url, database.url()).expect("it is written");
    watched(&format!("file:{}", url.display()));
}
