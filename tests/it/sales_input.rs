//! What goes wrong on the side of sales, against a running leadloop and a sandbox CRM: a user that left, a value of a picklist
//! that nobody explained, a salesperson without a mail address, a team of which nobody is left, a tag taken out of the config
//! while it is in use. Each is said, and nothing is stuck. On both databases.

use leadloop_sandbox::{Options, Sandbox};
use serde_json::Value;

use crate::kill::{SECRET, crm_leads};
use crate::node::{Node, config};
use crate::place::Place;

const SALES: &str = r#"
[[sla]]
name = "all"
when = 'true'
accept_within = "1 working day"

[[feedback]]
tag = "accepted"
crm = { sales = 1 }
do = { stage = "accepted" }

[[notify]]
name = "mail"
connector = "mail"
settings = { smtp = "smtp://127.0.0.1:9", from = "leads@shili.example" }
send = [{ on = ["handed_over"], to = "owner" }]
"#;

const UNCLEAR: &str = r#"
[[feedback]]
tag = "need_unclear"
crm = { sales = 3 }
do = { rest = "30d" }
"#;

fn sales_input(store: &str) {
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
    let base = config(store, sandbox.addr(), "127.0.0.1:0") + SALES;
    write("leadloop.toml", &format!("{base}{UNCLEAR}"));
    write(
        "people.csv",
        "key,name,crm_user,mail\nli.na,Li Na,U1001,li.na@shili.example\nwang.wei,Wang Wei,U1002,\n",
    );
    let node = Node::start(dir.path(), SECRET);
    let mut place = Place { folder: dir.path(), crm: sandbox.addr(), node };

    // Two of three go to li.na, who has an address; wang.wei has none: that is said, and the lead is hers all the same.
    for person in 1..=3 {
        place.form(person);
    }
    let owners: Vec<String> = (1..=3).map(|person| place.record(person)["owner_id"].to_string()).collect();
    assert!(owners.iter().any(|owner| owner.contains("U1002")), "{owners:?}");
    assert!(place.alarm("LL4600").contains("wang.wei has no `mail`"));
    nobody_explained(&place);
    somebody_left(&place);
    place = taken_out(place, &base);
    let parked = place.leadloop(&["status"])["parked"].to_string();
    assert!(!parked.contains("delivery"), "nothing is stuck: {parked}");
}

/// A value that stands in no `[[feedback]]`: the hand-over waits for an answer that means something, and gets it.
fn nobody_explained(place: &Place<'_>) {
    let record = place.record(1);
    place.sales_say(&record, r#"{"feedback":8}"#);
    let said = place.alarm("LL4301");
    assert!(said.contains('8'), "{said}");
    place.state(1, "with_sales");
    place.sales_say(&record, r#"{"feedback":3,"feedback_remark":"call again"}"#);
    place.state(1, "returned");
}

/// The user of one salesperson leaves: new leads go to the other one, and what they had can be given on. Then nobody is left.
fn somebody_left(place: &Place<'_>) {
    place.user("U1001", "left");
    for person in 4..=6 {
        place.form(person);
        assert_eq!(place.record(person)["owner_id"], "U1002", "never to somebody who left");
    }
    let moved = place.leadloop(&["handoff", "reassign", "--from", "li.na", "--to", "wang.wei", "--yes"]);
    assert!(moved["changed"].as_u64().is_some_and(|changed| changed >= 1), "{moved}");
    place.until("records of somebody who left are given on", |place| {
        let open: Vec<Value> =
            crm_leads(place.crm).into_iter().filter(|lead| lead["feedback"].is_null()).collect();
        open.iter().all(|lead| lead["owner_id"] == "U1002").then_some(())
    });
    place.user("U1002", "left");
    place.form(7);
    let why = place.until("it is decided", |place| Some(place.why(7)).filter(|why| why.contains("decided")));
    assert!(why.contains("nobody_can_take_it"), "no owner, and the reason: {why}");
    place.user("U1001", "active");
    place.user("U1002", "active");
}

/// A tag goes out of the config while records of the CRM hold it: what was answered stays, the next such answer is asked about,
/// and everything else goes on.
fn taken_out<'p>(place: Place<'p>, base: &str) -> Place<'p> {
    let Place { folder, crm, node } = place;
    node.kill();
    std::fs::write(folder.join("leadloop.toml"), base).expect("it is written");
    let place = Place { folder, crm, node: Node::start(folder, SECRET) };
    place.state(1, "returned");
    let record = place.record(4);
    place.sales_say(&record, r#"{"feedback":3}"#);
    // Each value nobody explained waits by itself: 8 did before, now 3 does.
    place.until("the next answer with it waits", |place| {
        let status = place.leadloop(&["status"]);
        let parked = status["parked"].as_array()?;
        let waits = |row: &&Value| row["code"] == "LL4301" && row["count"].as_u64() >= Some(2);
        parked.iter().find(waits).map(|_| ())
    });
    place.state(4, "with_sales");
    place.form(8);
    place.record(8);
    place.sales_say(&record, r#"{"feedback":1}"#);
    place.state(4, "accepted");
    place
}

#[test]
fn what_goes_wrong_with_sales_is_said_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    sales_input(&format!("sqlite:{}", folder.path().join("sales.db").display()));
}

#[test]
fn what_goes_wrong_with_sales_is_said_on_postgres() {
    let database = leadloop_testing::fresh_database("sales_input");
    let folder = leadloop_testing::temp_dir();
    let url = folder.path().join("store_url");
    std::fs::write(&url, database.url()).expect("it is written");
    sales_input(&format!("file:{}", url.display()));
}
