//! A running leadloop beside a sandbox CRM, as tests of the whole product play with it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use leadloop_testing::http;
use serde_json::Value;

use crate::command::{command, run};
use crate::kill::{SECRET, crm_leads};
use crate::node::Node;

/// A node, its CRM, and the folder of its config.
pub(crate) struct Place<'p> {
    pub(crate) folder: &'p Path,
    pub(crate) crm: SocketAddr,
    pub(crate) node: Node,
}

impl Place<'_> {
    pub(crate) fn leadloop(&self, args: &[&str]) -> Value {
        let mut command = command(self.folder, args);
        command.args(["--output", "json"]).env("SANDBOX_SECRET", SECRET);
        run(command).json()
    }

    /// Asks until it is so.
    pub(crate) fn until<T>(&self, what: &str, ask: impl Fn(&Self) -> Option<T>) -> T {
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

    pub(crate) fn form(&self, person: usize) {
        self.form_with(person, "first", &format!(r#""company":"示例机器人{person}有限公司""#));
    }

    /// The same person once more.
    pub(crate) fn form_again(&self, person: usize) {
        self.form_with(person, "again", &format!(r#""company":"示例机器人{person}有限公司""#));
    }

    /// A form of that person with other fields, for the first time under that name.
    pub(crate) fn form_with(&self, person: usize, time: &str, fields: &str) {
        let body = format!(
            r#"{{"name":"测试{person}","phone":"1390000{person:04}",{fields},"_submission_id":"{time}-{person}"}}"#
        );
        let answer = http::post_json(self.node.address, "/in/website", &body).expect("it is answered");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// The CRM's record of that person, once it is there.
    pub(crate) fn record(&self, person: usize) -> Value {
        let name = format!("测试{person}");
        self.until(&name, |place| crm_leads(place.crm).into_iter().find(|lead| lead["name"] == name.as_str()))
    }

    pub(crate) fn admin(&self, method: &str, path: &str, body: &str) {
        let headers = [("content-type", "application/json")];
        let answer = http::send(self.crm, method, path, &headers, body.as_bytes()).expect("it is answered");
        assert!(answer.status < 300, "{path}: {}", answer.body);
    }

    pub(crate) fn sales_say(&self, record: &Value, set: &str) {
        let id = record["id"].as_str().expect("an id");
        self.admin("POST", "/admin/sales", &format!(r#"{{"object":"leads","id":"{id}","set":{set}}}"#));
    }

    /// Waits until nothing is on its way to the CRM.
    pub(crate) fn quiet(&self) {
        self.until("something is always on its way", |place| {
            let status = place.leadloop(&["status"]);
            let link = status["links"].as_array()?.iter().find(|link| link["link"] == "sales")?.clone();
            ["due", "waiting", "claimed"].iter().all(|queue| link[queue] == 0).then_some(())
        });
    }

    /// Changes a user of the CRM and waits until the users were read again after it. Nothing is under way meanwhile: what is
    /// written for somebody who left in that moment is refused by the CRM, and rightly waits for a person.
    pub(crate) fn user(&self, id: &str, state: &str) {
        self.quiet();
        self.admin("PATCH", &format!("/admin/users/{id}"), &format!(r#"{{"state":"{state}"}}"#));
        self.read_again("user");
    }

    /// Waits until an object of the CRM was read once more.
    pub(crate) fn read_again(&self, object: &str) {
        let read = |place: &Self| {
            let status = place.leadloop(&["status"]);
            let mirrors = status["mirrors"].as_array().cloned().unwrap_or_default();
            mirrors.into_iter().find(|row| row["object"] == object).map(|row| row["at"].to_string())
        };
        // Twice: a page that was being read meanwhile may be of before.
        for _ in 0..2 {
            let before = read(self);
            self.until("it is read", |place| (read(place) != before).then_some(()));
        }
    }

    pub(crate) fn alarm(&self, code: &str) -> String {
        self.until(&format!("no alarm {code}"), |place| {
            let status = place.leadloop(&["status"]);
            let alarms = status["alarms"].as_array()?;
            alarms.iter().find(|alarm| alarm["code"] == code).map(Value::to_string)
        })
    }

    /// What `why` prints about a person.
    pub(crate) fn why(&self, person: usize) -> String {
        self.leadloop(&["why", &format!("1390000{person:04}")]).to_string()
    }

    /// Waits until the state of a hand-over of a person is that, and gives it.
    pub(crate) fn state(&self, person: usize, state: &str) -> Value {
        let name = format!("测试{person}");
        self.until(&format!("{name} is not {state}"), |place| {
            let all = place.leadloop(&["handoff", "list", "--state", state, "--reveal"]);
            let rows = all["handoffs"].as_array()?;
            rows.iter().find(|row| row.to_string().contains(&name) && row["state"] == state).cloned()
        })
    }
}
