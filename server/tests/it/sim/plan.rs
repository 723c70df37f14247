//! The config of the simulated nodes: two sources, the sandbox as the CRM, two rules, clocks and feedback.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use leadloop_config::plan::Plan;
use leadloop_connectors as _;

use crate::set_up::Folder;

/// The client secret of the CRM.
pub(super) const SECRET: &str = "sandbox-secret-of-the-test";
/// Requests that the CRM allows in a second and in a minute.
pub(super) const ALLOWED: [(u32, u32); 2] = [(4, 1), (150, 60)];

const PEOPLE: &str = "key,name,crm_user\njia,测试甲,U1001\nyi,测试乙,U1002\n";

const CONFIG: &str = r#"
[leadloop]
timezone = "Asia/Shanghai"
language = "en"

[server]
listen = "127.0.0.1:0"

[store]
url = "sqlite::temporary:"

[[source]]
name = "website"
connector = "web_form"
settings = { origin_optional = true }
touch = "form_submitted"
require = ["phone or email"]
consent = "given"
rate_limit = "10000 per minute per address"

[[source]]
name = "booth"
connector = "web_form"
settings = { origin_optional = true }
touch = "event_signed_in"
require = ["phone or email"]
consent = "given"
rate_limit = "10000 per minute per address"

[[score]]
name = "interest"
range = [0, 100]
touches = [{ touch = "form_submitted", points = 30 }, { touch = "event_signed_in", points = 30 }]

[mql]
when = 'score.interest >= 30'

[[crm]]
name = "sales"
connector = "sandbox"
settings = { url = "http://crm.example", client_secret = { env = "CRM" }, mark_mode = "{mark}" }
mirror = { objects = ["user", "lead"], every_busy = "10s", every_idle = "45s", look_back = "30s", decide_within = "10m" }
limits = { per_second = {second}, per_minute = {minute}, concurrent = 6 }
retry = { first = "1s", at_most = "20s", give_up = "2h" }
mark = "leadloop_id"
feedback = { object = "lead", field = "feedback", remark = "feedback_remark" }

[[mapping]]
crm = "sales"
object = "lead"
fields = [
  { pool = "name", crm = "name", way = "to_crm" },
  { pool = "phone", crm = "phone", way = "to_crm" },
  { pool = "email", crm = "email", way = "to_crm" },
  { pool = "company", crm = "company", way = "to_crm" },
  { pool = "requirement", crm = "comment", way = "to_crm" },
  { pool = "title", crm = "title", way = "from_crm" },
]

[[status]]
crm = "sales"
object = "lead"
field = "status"
write = { with_sales = 2, resting = 6 }
read = { 2 = "with_sales", 3 = "accepted", 4 = "opportunity", 5 = "returned", 6 = "resting" }

[[transfer]]
name = "someone follows this person"
when = 'crm.person.found and crm.person.owner.state in ["active", "on_leave"]'
do = { update = "person" }

[[transfer]]
name = "everyone else"
when = 'true'
do = { create = "lead", assign = { team = "east" } }

[people]
table = "people.csv"

[[team]]
name = "east"
members = [{ person = "jia" }, { person = "yi" }]

[handoff]
create = "at_once"
brief = ["requirement", "scores", "last 20 touches", "why"]
one_open_per = "person"

[[sla]]
name = "all"
when = 'true'
accept_within = "40s"
result_within = "3h"
steps = [
  { clock = "accept", after = "40s", do = { remind = "owner" } },
  { clock = "result", after = "3h", do = { tell = "manager" } },
]

[[feedback]]
tag = "accepted"
crm = { sales = 1 }
do = { stage = "accepted" }

[[feedback]]
tag = "need_unclear"
crm = { sales = 3 }
do = { rest = "30d" }
"#;

/// The plan for a CRM whose mark is unique or not; `faster`: as many times as it may be asked.
pub(super) fn plan(unique: bool, faster: u32) -> Arc<Plan> {
    static READ: Mutex<BTreeMap<(bool, u32), Arc<Plan>>> = Mutex::new(BTreeMap::new());
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(read.entry((unique, faster)).or_insert_with(|| load(unique, faster)))
}

fn load(unique: bool, faster: u32) -> Arc<Plan> {
    let [(second, _), (minute, _)] = ALLOWED;
    let text = CONFIG
        .replace("{mark}", if unique { "unique" } else { "plain" })
        .replace("{second}", &(second * faster).to_string())
        .replace("{minute}", &(minute * faster).to_string());
    Folder::new(text).with("people.csv", PEOPLE).secret(SECRET).plan()
}
