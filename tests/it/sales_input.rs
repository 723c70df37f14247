//! What goes wrong on the side of sales, against a running leadloop and a sandbox CRM: a user that left, a value of a picklist
//! that nobody explained, a salesperson without a mail address, a team of which nobody is left, a tag taken out of the config
//! while it is in use. Each is said, and nothing is stuck. On both databases.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use leadloop_sandbox::{Options, Sandbox};
use leadloop_testing::http;
use serde_json::Value;

use crate::command::{command, run};
use crate::kill::{SECRET, crm_leads};
use crate::node::{Node, config};

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

/// A node, its CRM, and the folder of its config.
struct Place<'p> {
    folder: &'p Path,
    crm: SocketAddr,
    node: Node,
}

impl Place<'_> {
    fn leadloop(&self, args: &[&str]) -> Value {
        let mut command = command(self.folder, args);
        command.args(["--output", "json"]).env("SANDBOX_SECRET", SECRET);
        run(command).json()
    }

    /// Asks until it is so.
    fn until<T>(&self, what: &str, ask: impl Fn(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = ask(self) {
                return found;
            }
            if begun.elapsed() > Duration::from_secs(60) {
                panic!(
                    "{what}: {:#}\n{:#}\n{:#?}",
                    self.leadloop(&["status"])["alarms"],
                    self.leadloop(&["handoff", "list"]),
                    crm_leads(self.crm)
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn form(&self, person: usize) {
        let body = format!(
            r#"{{"name":"测试{person}","phone":"1390000{person:04}","company":"示例机器人{person}有限公司","_submission_id":"{person}"}}"#
        );
        let answer = http::post_json(self.node.address, "/in/website", &body).expect("it is answered");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// The CRM's record of that person, once it is there.
    fn record(&self, person: usize) -> Value {
        let name = format!("测试{person}");
        self.until(&name, |place| crm_leads(place.crm).into_iter().find(|lead| lead["name"] == name.as_str()))
    }

    fn admin(&self, method: &str, path: &str, body: &str) {
        let headers = [("content-type", "application/json")];
        let answer = http::send(self.crm, method, path, &headers, body.as_bytes()).expect("it is answered");
        assert!(answer.status < 300, "{path}: {}", answer.body);
    }

    fn sales_say(&self, record: &Value, set: &str) {
        let id = record["id"].as_str().expect("an id");
        self.admin("POST", "/admin/sales", &format!(r#"{{"object":"leads","id":"{id}","set":{set}}}"#));
    }

    /// Waits until nothing is on its way to the CRM.
    fn quiet(&self) {
        self.until("something is always on its way", |place| {
            let status = place.leadloop(&["status"]);
            let link = status["links"].as_array()?.iter().find(|link| link["link"] == "sales")?.clone();
            ["due", "waiting", "claimed"].iter().all(|queue| link[queue] == 0).then_some(())
        });
    }

    /// Changes a user of the CRM and waits until the users were read again after it. Nothing is under way meanwhile: what is
    /// written for somebody who left in that moment is refused by the CRM, and rightly waits for a person.
    fn user(&self, id: &str, state: &str) {
        self.quiet();
        self.admin("PATCH", &format!("/admin/users/{id}"), &format!(r#"{{"state":"{state}"}}"#));
        let read = |place: &Self| {
            let status = place.leadloop(&["status"]);
            let mirrors = status["mirrors"].as_array().cloned().unwrap_or_default();
            mirrors.into_iter().find(|row| row["object"] == "user").map(|row| row["at"].to_string())
        };
        // Twice: a page that was being read meanwhile may be of before.
        for _ in 0..2 {
            let before = read(self);
            self.until("users are read", |place| (read(place) != before).then_some(()));
        }
    }

    fn alarm(&self, code: &str) -> String {
        self.until(&format!("no alarm {code}"), |place| {
            let status = place.leadloop(&["status"]);
            let alarms = status["alarms"].as_array()?;
            alarms.iter().find(|alarm| alarm["code"] == code).map(Value::to_string)
        })
    }

    /// What `why` prints about a person.
    fn why(&self, person: usize) -> String {
        self.leadloop(&["why", &format!("1390000{person:04}")]).to_string()
    }

    /// Waits until the state of a person's newest hand-over is that.
    fn state(&self, person: usize, state: &str) {
        let name = format!("测试{person}");
        self.until(&format!("{name} is not {state}"), |place| {
            let all = place.leadloop(&["handoff", "list", "--state", state, "--reveal"]);
            let rows = all["handoffs"].as_array()?;
            rows.iter().find(|row| row.to_string().contains(&name) && row["state"] == state).map(|_| ())
        });
    }
}

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
