//! Tryton 7.0 with sale_opportunity.

use base64::Engine as _;
use serde_json::{Value as Json, json};

use crate::many::many;
use crate::rig::Rig;
use crate::world::{World, fresh, mirrored, until};

/// What people do in Tryton.
struct Office<'a> {
    rig: &'a Rig,
    /// As after a login: with the password in each call Tryton would take most of its time to check it.
    session: String,
}

impl<'a> Office<'a> {
    /// With a company, made once.
    fn open(rig: &'a Rig) -> Self {
        let login =
            json!({"id": 7, "method": "common.db.login", "params": ["admin", {"password": rig.key}, "en"]});
        let said = rig.post(&format!("/{}/", rig.database), &[], &login);
        let (user, token) = (&said["result"][0], said["result"][1].as_str().expect("a session"));
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("admin:{user}:{token}"));
        let office = Self { rig, session: format!("Session {pair}") };
        if office.call("company.company", "search", json!([[], 0, 1, null])) == json!([]) {
            let party = office.make("party.party", json!({"name": "示例公司"}));
            let currency = office.call("currency.currency", "search", json!([[], 0, 1, null]));
            let currency = match currency[0].as_i64() {
                Some(there) => there,
                None => {
                    office.make("currency.currency", json!({"name": "Yuan", "code": "CNY", "symbol": "¥"}))
                }
            };
            let company = office.make("company.company", json!({"party": party, "currency": currency}));
            office.call(
                "res.user",
                "write",
                json!([[1], {"companies": [["add", [company]]], "company": company}]),
            );
        }
        office
    }

    fn call(&self, model: &str, method: &str, mut params: Json) -> Json {
        let context = json!({"company": 1, "companies": [1], "language": "en", "active_test": false});
        params.as_array_mut().expect("a list").push(context);
        let body = json!({"id": 7, "method": format!("model.{model}.{method}"), "params": params});
        let answer =
            self.rig.post(&format!("/{}/", self.rig.database), &[("authorization", &self.session)], &body);
        assert!(answer.get("error").is_none(), "{model}.{method}: {answer}");
        answer["result"].clone()
    }

    fn make(&self, model: &str, values: Json) -> i64 {
        self.call(model, "create", json!([[values]]))[0].as_i64().expect("an id")
    }

    fn employee(&self, name: &str) -> i64 {
        let party = self.make("party.party", json!({"name": name}));
        self.make("company.employee", json!({"party": party, "company": 1}))
    }

    fn write(&self, lead: i64, values: Json) {
        self.call("sale.opportunity", "write", json!([[lead], values]));
    }

    fn press(&self, lead: i64, button: &str) {
        self.call("sale.opportunity", button, json!([[lead]]));
    }

    fn leads(&self, phone: &str) -> Vec<Json> {
        let domain = json!([["party.contact_mechanisms.value", "ilike", format!("%{phone}")]]);
        let fields =
            json!(["id", "reference", "description", "comment", "state", "employee", "party", "party.name"]);
        let found = self.call("sale.opportunity", "search_read", json!([domain, 0, 10, null, fields]));
        found.as_array().cloned().expect("a list")
    }

    /// The one lead of somebody, once it is there.
    fn lead(&self, phone: &str) -> Json {
        until(
            &format!("one lead of {phone} in Tryton"),
            || self.leads(phone).pop().filter(|_| self.leads(phone).len() == 1),
            || json!(self.leads(phone)),
        )
    }
}

fn crm(rig: &Rig, more: &str) -> String {
    let (address, database) = (rig.address, &rig.database);
    format!(
        r#"
[[crm]]
name = "sales"
connector = "tryton"
settings = {{ url = "http://{address}", database = "{database}", login = "admin", password = {{ file = "key" }} }}
mirror = {{ every_busy = "1s", every_idle = "2s", decide_within = "1h" }}
retry = {{ first = "200ms", at_most = "2s", give_up = "1h" }}
feedback = {{ object = "lead", field = "lost_reason" }}

[[mapping]]
crm = "sales"
object = "lead"
fields = [
  {{ pool = "name", crm = "contact_name" }},
  {{ pool = "phone", crm = "phone" }},
  {{ pool = "email", crm = "email" }},
  {{ pool = "company", crm = "party_name", way = "both", wins = "newest" }},
  {{ pool = "requirement", crm = "comment" }},
  {more}
]

[[status]]
crm = "sales"
object = "lead"
field = "state"
write = {{ with_sales = "lead" }}
read = {{ lead = "with_sales", opportunity = "opportunity", converted = "opportunity", won = "won", lost = "lost", cancelled = "lost" }}

[[status]]
crm = "sales"
object = "opportunity"
field = "state"
read = {{ opportunity = "opportunity", converted = "opportunity", won = "won", lost = "lost", "*" = "opportunity" }}
amount = "amount"

[[feedback]]
tag = "went_elsewhere"
label = {{ zh = "选择竞品", en = "Went elsewhere" }}
crm = {{ sales = "went elsewhere" }}
do = {{ close = "lost" }}
"#
    )
}

impl crate::many::Desk for Office<'_> {
    fn made(&self, texts: &[String]) -> Vec<i64> {
        let domain = json!([["comment", "in", texts]]);
        let found =
            self.call("sale.opportunity", "search_read", json!([domain, 0, null, null, ["id", "comment"]]));
        let found = found.as_array().cloned().expect("a list");
        let id = |text: &String| found.iter().find(|lead| lead["comment"] == text.as_str())?["id"].as_i64();
        texts.iter().filter_map(id).collect()
    }

    fn edit(&self, record: i64, value: &str) {
        let party = self.call("sale.opportunity", "read", json!([[record], ["party"]]))[0]["party"].clone();
        self.call("party.party", "write", json!([[party], { "name": value }]));
    }

    fn destroy(&self, record: i64) {
        self.call("sale.opportunity", "delete", json!([[record]]));
    }
}

/// Many leads and as many edits are the same on both sides.
fn many_leads(rig: &Rig) {
    let office = Office::open(rig);
    let run = fresh();
    let li = office.employee("li.na").to_string();
    let world = World::start(&crm(rig, ""), &rig.key, &[("li.na", li.as_str())]);
    crate::many::play(&world, &office, run, many(20), false, true);
}

/// What sales write comes to the pool, and what the pool learns goes to sales.
fn both_ways(office: &Office<'_>, world: &World, party: i64, phone: &str, run: u64) {
    office.call("party.party", "write", json!([[party], {"name": "示例机器人集团"}]));
    world.until_lead(phone, "the company sales wrote down", |lead| {
        lead.to_string().contains("示例机器人集团")
    });
    world.form(&format!(r#"{{"name":"测试1","phone":"{phone}","email":"jia{run}@shili.example","_submission_id":"{run}-1-again"}}"#));
    let reach = || {
        office.call(
            "party.contact_mechanism",
            "search_read",
            json!([[["party", "=", party]], 0, 10, null, ["type", "value"]]),
        )
    };
    until(
        "the address in Tryton",
        || Some(reach()).filter(|reach| reach.to_string().contains(&format!("jia{run}@shili.example"))),
        reach,
    );
}

/// What Tryton says of its own fields: what we use of them stands, and nothing that is written breaks.
fn described(world: &World) {
    let read = || world.command(&["crm", "schema", "--crm", "sales"])["crms"][0].clone();
    world.command(&["crm", "schema", "--crm", "sales", "--read"]);
    let all_read = |crm: &Json| {
        let objects = crm["objects"].as_array().cloned().unwrap_or_default();
        objects.len() == 5 && objects.iter().all(|object| object["read_at"].is_string())
    };
    let crm = until("all objects described", || Some(read()).filter(all_read), read);
    assert_eq!(crm["describes"], true);
    let objects = crm["objects"].as_array().expect("objects");
    for object in objects {
        assert_eq!((&object["broken"], &object["unseen"]), (&json!([]), &Json::Null), "{object:#}");
    }
    let of = |object: &str, field: &str| {
        let object = objects.iter().find(|one| one["object"] == object).expect("it is described");
        object["fields"][field].clone()
    };
    for (object, field, kind, writable) in [
        ("lead", "comment", "text", true),
        ("lead", "phone", "phone", true),
        ("lead", "state", "picklist", true),
        ("lead", "number", "text", false),
        ("lead", "amount", "real", true),
        ("lead", "start_date", "date", true),
        ("lead", "employee", "ref", true),
        ("account", "name", "text", false),
        ("user", "rec_name", "text", false),
        ("activity", "message", "text", true),
    ] {
        let told = of(object, field);
        assert_eq!(
            (&told["kind"], &told["writable"]),
            (&json!(kind), &json!(writable)),
            "{object}.{field}: {told}"
        );
    }
    let state = of("lead", "state");
    for value in ["lead", "opportunity", "won", "lost"] {
        assert!(state["options"].as_array().is_some_and(|all| all.contains(&json!(value))), "{state}");
    }
}

/// The server ends in the middle: all arrive, once each.
fn ends_in_the_middle(rig: &Rig, office: &Office<'_>, world: &World, people: &[(u32, String)], run: u64) {
    rig.halt();
    for (n, phone) in people {
        world.form(&format!(
            r#"{{"name":"测试{n}","phone":"{phone}","company":"示例机器人{n}","_submission_id":"{run}-{n}"}}"#
        ));
    }
    rig.again();
    for (_, phone) in people {
        office.lead(phone);
        world.until_lead(phone, "with sales", |lead| lead["stage"] == "with_sales");
    }
    for (_, phone) in people {
        assert_eq!(office.leads(phone).len(), 1, "{phone}");
    }
}

#[test]
fn the_road_to_tryton_and_back() {
    let Some(rig) = Rig::start("tryton") else { return };
    let office = Office::open(&rig);
    let run = fresh();
    let (li, wang) = (office.employee("li.na"), office.employee("wang.wei"));
    let (li_id, wang_id) = (li.to_string(), wang.to_string());
    let users = [("li.na", li_id.as_str()), ("wang.wei", wang_id.as_str())];
    let world = World::start(&crm(&rig, ""), &rig.key, &users);
    let phone = |n: u32| format!("139{n}{run:07}");
    let submit = |n: u32| {
        let phone = phone(n);
        world.form(&format!(r#"{{"name":"测试{n}","phone":"{phone}","company":"示例机器人{n}","requirement":"想看演示","_submission_id":"{run}-{n}"}}"#));
        phone
    };

    // hand-over with owner and note
    let first = submit(1);
    let made = office.lead(&first);
    let lead = made["id"].as_i64().expect("an id");
    assert_eq!(made["party."]["name"], "示例机器人1", "{made}");
    assert_eq!(made["employee"], li, "{made}");
    assert_eq!(made["comment"], "想看演示");
    assert!(made["reference"].as_str().is_some_and(|mark| mark.starts_with("H-")), "{made}");
    let notes = || {
        office.call(
            "ir.note",
            "search_read",
            json!([[["resource", "=", format!("sale.opportunity,{lead}")]], 0, 10, null, ["message"]]),
        )
    };
    until("a note beside the lead", || Some(notes()).filter(|notes| notes[0]["message"].is_string()), notes);
    world.until_lead(&first, "with sales", |lead| lead["stage"] == "with_sales");
    described(&world);

    // the owner changes; sales take it on, and it becomes an order
    office.write(lead, json!({"employee": wang}));
    world.until_lead(&first, "of wang.wei", |lead| lead["owner"].to_string().contains("wang.wei"));
    let party = made["party"].as_i64().expect("a party");
    both_ways(&office, &world, party, &first, run);
    office.write(lead, json!({"amount": {"__class__": "Decimal", "decimal": "120000"}}));
    office.press(lead, "opportunity");
    world.until_lead(&first, "an opportunity", |lead| lead["stage"] == "opportunity");
    office.press(lead, "convert");
    world.until_lead(&first, "still an opportunity", |lead| lead["stage"] == "opportunity");
    // won follows from the order; this series lets its state be written
    office.write(lead, json!({"state": "won"}));
    world.until_lead(&first, "won", |lead| lead["stage"] == "won");

    // lost, with the reason as the answer
    let second = submit(2);
    let lost = office.lead(&second)["id"].as_i64().expect("an id");
    world.until_lead(&second, "with sales", |lead| lead["stage"] == "with_sales");
    office.write(lost, json!({"lost_reason": "went elsewhere"}));
    office.press(lost, "lost");
    // the list of opportunities may bring the stage before that of leads brings the reason
    world.until_lead(&second, "lost", |lead| lead["stage"] == "lost" || lead["stage"] == "closed");
    world.until_why(&second, "went_elsewhere");

    // somebody whom sales know already: their record is filled, none is made
    let known = phone(3);
    let before = mirrored(&world.status());
    let party = office.make("party.party", json!({"name": "示例机器人3", "contact_mechanisms": [["create", [{"type": "mobile", "value": format!("+86 {known}")}]]]}));
    let date = json!({"__class__": "date", "year": 2026, "month": 11, "day": 22});
    let kept = office.make("sale.opportunity", json!({"party": party, "company": 1, "description": "from the fair", "start_date": date, "employee": wang}));
    world.until_status("the record of the fair in the mirror", |status| mirrored(status) > before);
    submit(3);
    let filled = until(
        "the requirement on the record of the fair",
        || Some(office.lead(&known)).filter(|lead| lead["comment"] == "想看演示"),
        || json!(office.leads(&known)),
    );
    assert_eq!((filled["id"].as_i64(), &filled["employee"]), (Some(kept), &json!(wang)));

    ends_in_the_middle(&rig, &office, &world, &(4..8).map(|n| (n, phone(n))).collect::<Vec<_>>(), run);
    drop(world);
    refused(&rig, &users);
    many_leads(&rig);
}

/// A field that is not there is said with Tryton's words; a wrong password raises an alarm and loses nothing.
fn refused(rig: &Rig, users: &[(&str, &str)]) {
    let run = fresh();
    let form =
        |n: u32| format!(r#"{{"name":"测试{n}","phone":"138{n}{run:07}","_submission_id":"{run}-r{n}"}}"#);
    let world = World::start(&crm(rig, r#"{ pool = "name", crm = "x_nope" },"#), &rig.key, users);
    world.form(&form(1));
    world.until_status("an alarm about the list", |status| status.to_string().contains("LL3202"));
    drop(world);

    let world = World::start(&crm(rig, ""), "no-such-password", users);
    world.form(&form(2));
    world.until_status("an alarm about the password", |status| status.to_string().contains("LL3201"));
    assert_eq!(Office::open(rig).leads(&format!("1382{run:07}")).len(), 0);
}
