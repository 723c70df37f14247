//! Records of ours that sales delete in a sandbox CRM, against a running leadloop: nothing is made again by itself, a person
//! can have it made again, and more deletions than allowed wait. On both databases.

use leadloop_sandbox::{Options, Sandbox};
use serde_json::Value;

use crate::kill::{SECRET, crm_leads};
use crate::node::{Node, config};
use crate::place::Place;

/// The standard config with these lines in its `[[crm]]`.
fn with(base: &str, lines: &str) -> String {
    base.replace("connector = \"sandbox\"\n", &format!("connector = \"sandbox\"\n{lines}\n"))
}

fn delete(place: &Place<'_>, person: usize) {
    let record = place.record(person);
    let id = record["id"].as_str().expect("an id");
    place.admin("POST", "/admin/sales", &format!(r#"{{"object":"leads","id":"{id}","delete":true}}"#));
}

fn is_in_crm(place: &Place<'_>, person: usize) -> bool {
    let name = format!("测试{person}");
    crm_leads(place.crm).iter().any(|lead| lead["name"] == name.as_str())
}

fn made_again(place: &Place<'_>, handoff: &Value, person: usize) {
    let id = handoff["id"].as_str().expect("an id");
    let done = place.leadloop(&["handoff", "again", id, "--yes"]);
    assert_eq!(done["changed"], 1, "{done}");
    place.record(person);
    place.state(person, "with_sales");
}

/// What waits is listed, and each of it is shown: what sales said, and of which record.
fn held_answers(place: &Place<'_>, person: usize) {
    let captures = place.until("two answers wait", |place| {
        let listed = place.leadloop(&["quarantine", "list", "--code", "LL4820"]);
        listed["captures"].as_array().filter(|held| held.len() >= 2).cloned()
    });
    let shown: Vec<Value> = captures
        .iter()
        .map(|held| place.leadloop(&["quarantine", "show", held["id"].as_str().expect("an id")]))
        .collect();
    for (held, shown) in captures.iter().zip(&shown) {
        assert_eq!((&shown["id"], &shown["code"]), (&held["id"], &"LL4820".into()), "{shown:#}");
        assert_eq!(shown["source"], "crm:sales");
    }
    let state = place.state(person, "with_sales");
    let record = state["remote"]["id"].as_str().unwrap_or_default();
    let of_person = |shown: &&Value| {
        let who =
            shown["who"].as_array().is_some_and(|who| who.iter().any(|who| who.to_string().contains(record)));
        who && shown["fields"]["answer.deleted"] == "true"
    };
    assert!(!record.is_empty() && shown.iter().any(|shown| of_person(&shown)), "{record} of {shown:#?}");
}

fn deleted(store: &str) {
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
    let base = config(store, sandbox.addr(), "127.0.0.1:0");
    write("leadloop.toml", &with(&base, "fuse = { deletes_per_hour = 1 }"));
    write("people.csv", "key,name,crm_user\nli.na,Li Na,U1001\nwang.wei,Wang Wei,U1002\n");
    let node = Node::start(dir.path(), SECRET);
    let place = Place { folder: dir.path(), crm: sandbox.addr(), node };
    for person in 1..=4 {
        place.form(person);
        place.record(person);
        place.state(person, "with_sales");
    }

    // Four deletions, one allowed an hour: two are held even where an hour ends just now.
    delete(&place, 1);
    let parked = place.state(1, "parked");
    for person in 2..=4 {
        delete(&place, person);
    }
    assert!(place.alarm("LL4820").contains("more than 1"), "it says how many are allowed");
    let held = |place: &Place<'_>| {
        let all = place.leadloop(&["handoff", "list", "--state", "with_sales", "--reveal"]);
        (2..=4).filter(|person| all.to_string().contains(&format!("测试{person}"))).collect::<Vec<_>>()
    };
    let person = *held(&place).last().expect("somebody waits");
    assert!(!is_in_crm(&place, person), "the CRM is left as it is");
    held_answers(&place, person);
    made_again(&place, &parked, 1);

    // From here on a hand-over ends with its record.
    let Place { folder, crm, node } = place;
    node.kill();
    write("leadloop.toml", &with(&base, "deleted = \"detach\"\nfuse = { deletes_per_hour = 100 }"));
    let place = Place { folder, crm, node: Node::start(folder, SECRET) };
    place.leadloop(&["quarantine", "retry", "--code", "LL4820"]);
    let ended = place.state(person, "taken_back");
    place.until("the alarm ends", |place| {
        let status = place.leadloop(&["status"]);
        let alarms = status["alarms"].as_array()?;
        alarms.iter().all(|alarm| alarm["code"] != "LL4820").then_some(())
    });
    place.form_again(person);
    let said = place.until("new interest is taken in", |place| {
        Some(place.why(person)).filter(|why| why.contains("deleted_there"))
    });
    assert!(!is_in_crm(&place, person), "nothing is made again by itself: {said}");
    made_again(&place, &ended, person);
}

#[test]
fn what_sales_deleted_is_made_again_by_hand_only_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    deleted(&format!("sqlite:{}", folder.path().join("deleted.db").display()));
}

#[test]
fn what_sales_deleted_is_made_again_by_hand_only_on_postgres() {
    let database = leadloop_testing::fresh_database("deleted");
    let folder = leadloop_testing::temp_dir();
    let url = folder.path().join("store_url");
    std::fs::write(&url, database.url()).expect("it is written");
    deleted(&format!("file:{}", url.display()));
}
