//! Taking writes back by the command, against a running leadloop and a sandbox CRM: only what still holds our value becomes
//! what it was. And an edit storm on both sides: beyond the limit fields wait behind the review list. On both databases.

use std::collections::BTreeSet;

use leadloop_sandbox::{Options, Sandbox};
use serde_json::Value;

use crate::kill::{SECRET, crm_leads};
use crate::node::{Node, config};
use crate::place::Place;

fn with_place(store: &str, edit: impl Fn(String) -> String, play: impl Fn(&Place<'_>)) {
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
    write("leadloop.toml", &edit(config(store, sandbox.addr(), "127.0.0.1:0")));
    write("people.csv", "key,name,crm_user\nli.na,Li Na,U1001\nwang.wei,Wang Wei,U1002\n");
    let node = Node::start(dir.path(), SECRET);
    play(&Place { folder: dir.path(), crm: sandbox.addr(), node });
}

fn company(place: &Place<'_>, person: usize) -> String {
    place.record(person)["company"].as_str().unwrap_or_default().to_owned()
}

fn holds(place: &Place<'_>, person: usize, wanted: &str) {
    place
        .until(&format!("{person} holds {wanted}"), |place| (company(place, person) == wanted).then_some(()));
}

/// The fields of an undo with what happens to them: (person's record, field, fate).
fn fates(place: &Place<'_>, shown: &Value) -> BTreeSet<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let names: Vec<(String, String)> = crm_leads(place.crm)
        .iter()
        .map(|lead| (format!("sales/lead/{}", text(&lead["id"])), text(&lead["name"])))
        .collect();
    let name = |record: &Value| {
        let found = names.iter().find(|(id, _)| *id == text(record));
        found.map(|(_, name)| name.clone()).unwrap_or_default()
    };
    let fields = shown["fields"].as_array().cloned().unwrap_or_default();
    let companies = fields.iter().filter(|item| item["field"] == "company");
    companies.map(|item| (name(&item["record"]), text(&item["field"]), text(&item["fate"]))).collect()
}

fn take_back(place: &Place<'_>) {
    for person in 1..=3 {
        place.form(person);
        place.state(person, "with_sales");
    }
    let first: Vec<String> = (1..=3).map(|person| company(place, person)).collect();
    place.quiet();
    for person in 1..=3 {
        place.form_with(person, "moved", &format!(r#""company":"搬迁{person}有限公司""#));
        holds(place, person, &format!("搬迁{person}有限公司"));
    }
    place.sales_say(&place.record(2), r#"{"company":"销售改过的公司"}"#);
    holds(place, 2, "销售改过的公司");
    // What sales changed is known once it was read.
    let read = |place: &Place<'_>| place.leadloop(&["undo", "--since", "1h"]);
    let shown = place.until("the mirror knows what sales changed", |place| {
        let shown = read(place);
        let changed = fates(place, &shown).iter().any(|(_, _, fate)| fate == "changed");
        changed.then_some(shown)
    });
    let wanted: BTreeSet<_> = [("测试1", "back"), ("测试2", "changed"), ("测试3", "back")]
        .into_iter()
        .map(|(name, fate)| (name.to_owned(), "company".to_owned(), fate.to_owned()))
        .collect();
    assert_eq!(fates(place, &shown), wanted, "{shown:#}");
    let made = shown["made"].as_array().cloned().unwrap_or_default();
    let leads = made.iter().filter(|made| made["record"].to_string().contains("/lead/")).count();
    assert_eq!(leads, 3, "what was made stays: {shown:#}");
    for person in [1, 3] {
        assert_eq!(company(place, person), format!("搬迁{person}有限公司"), "a look changes nothing");
    }

    let done = place.leadloop(&["undo", "--since", "1h", "--apply", "--yes"]);
    assert_eq!(done["ordered"], 2, "{done:#}");
    holds(place, 1, &first[0]);
    holds(place, 3, &first[2]);
    place.quiet();
    // Another reading later all of it stands, and nothing goes out again by itself.
    place.read_again("lead");
    place.quiet();
    let stands: Vec<String> = (1..=3).map(|person| company(place, person)).collect();
    assert_eq!(stands, [first[0].as_str(), "销售改过的公司", first[2].as_str()]);
    let run = done["run"].as_str().expect("a name").to_owned();
    let listed = place.leadloop(&["undo"]);
    let listed = listed["runs"].as_array().cloned().unwrap_or_default();
    assert!(listed.iter().any(|of| of["name"] == run.as_str() && of["writes"] == 2), "{listed:#?}");
}

fn storm(place: &Place<'_>) {
    for person in 1..=3 {
        place.form(person);
        place.state(person, "with_sales");
    }
    place.quiet();
    place.read_again("lead");
    // Nothing is read meanwhile, so that both sides change what they agreed on.
    place.leadloop(&["outbox", "pause", "sales"]);
    for person in 1..=3 {
        place.sales_say(&place.record(person), &format!(r#"{{"company":"销售{person}有限公司"}}"#));
        place.form_with(person, "moved", &format!(r#""company":"搬迁{person}有限公司""#));
    }
    place.leadloop(&["outbox", "resume", "sales"]);
    let list = |place: &Place<'_>| {
        let list = place.leadloop(&["conflicts", "list"]);
        let asks = list["conflicts"].as_array().map_or(0, Vec::len);
        (asks, list["records_held"].as_u64().unwrap_or(0))
    };
    let (asks, held) = place.until("all of them differ", |place| {
        Some(list(place)).filter(|(asks, held)| *asks as u64 + held == 3)
    });
    // One an hour, and an hour may have ended just now.
    assert!(asks <= 2 && held >= 1, "{asks} ask, {held} are held");
    place.alarm("LL4822");
    let released = place.leadloop(&["conflicts", "release", "--crm", "sales"]);
    assert_eq!(released["released"].as_u64(), Some(held), "{released}");
    assert_eq!(list(place), (3, 0));
    let status = place.leadloop(&["status"]);
    let alarms = status["alarms"].as_array().cloned().unwrap_or_default();
    assert!(alarms.iter().all(|alarm| alarm["code"] != "LL4822"), "the alarm ends: {alarms:#?}");
    for person in 1..=3 {
        assert_eq!(company(place, person), format!("销售{person}有限公司"), "nothing was sent");
    }
    place.leadloop(&["conflicts", "take-pool", "--all"]);
    for person in 1..=3 {
        holds(place, person, &format!("搬迁{person}有限公司"));
    }
    assert_eq!(list(place), (0, 0));
}

fn asking(config: String) -> String {
    config
        .replace("connector = \"sandbox\"\n", "connector = \"sandbox\"\nfuse = { asks_per_hour = 1 }\n")
        .replace(r#"crm = "company" }"#, r#"crm = "company", way = "both", wins = "ask" }"#)
}

fn on_sqlite(name: &str, play: impl Fn(&str)) {
    let folder = leadloop_testing::temp_dir();
    play(&format!("sqlite:{}", folder.path().join(name).display()));
}

fn on_postgres(name: &str, play: impl Fn(&str)) {
    let database = leadloop_testing::fresh_database(name);
    let folder = leadloop_testing::temp_dir();
    let url = folder.path().join("store_url");
    std::fs::write(&url, database.url()).expect("it is written");
    play(&format!("file:{}", url.display()));
}

#[test]
fn what_still_holds_our_value_goes_back_on_sqlite() {
    on_sqlite("undo.db", |store| with_place(store, |config| config, take_back));
}

#[test]
fn what_still_holds_our_value_goes_back_on_postgres() {
    on_postgres("undo", |store| with_place(store, |config| config, take_back));
}

#[test]
fn a_storm_of_conflicts_is_held_on_sqlite() {
    on_sqlite("storm.db", |store| with_place(store, asking, storm));
}

#[test]
fn a_storm_of_conflicts_is_held_on_postgres() {
    on_postgres("storm", |store| with_place(store, asking, storm));
}
