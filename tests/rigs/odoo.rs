//! Odoo 19, over JSON-2 and over JSON-RPC.

use serde_json::{Value as Json, json};

use crate::many::many;
use crate::rig::Rig;
use crate::world::{World, fresh, mirrored, until};

/// What people do in Odoo.
struct Office<'a> {
    rig: &'a Rig,
    bearer: String,
}

impl<'a> Office<'a> {
    fn open(rig: &'a Rig) -> Self {
        let office = Self { rig, bearer: format!("bearer {}", rig.key) };
        let there = office.call(
            "ir.model.fields",
            "search",
            json!({"domain": [["model", "=", "crm.lead"], ["name", "=", "x_leadloop_id"]]}),
        );
        if there == json!([]) {
            let model = office.call("ir.model", "search", json!({"domain": [["model", "=", "crm.lead"]]}));
            let field = json!({"model_id": model[0], "name": "x_leadloop_id", "ttype": "char", "field_description": "leadloop", "copied": false});
            office.call("ir.model.fields", "create", json!({"vals_list": [field]}));
        }
        office
    }

    fn call(&self, model: &str, method: &str, mut body: Json) -> Json {
        body["context"] = json!({"active_test": false});
        let headers =
            [("authorization", self.bearer.as_str()), ("x-odoo-database", self.rig.database.as_str())];
        self.rig.post(&format!("/json/2/{model}/{method}"), &headers, &body)
    }

    fn make(&self, model: &str, values: Json) -> i64 {
        self.call(model, "create", json!({"vals_list": [values]}))[0].as_i64().expect("an id")
    }

    fn write(&self, lead: i64, values: Json) {
        self.call("crm.lead", "write", json!({"ids": [lead], "vals": values}));
    }

    fn leads(&self, phone: &str) -> Vec<Json> {
        let fields = [
            "id",
            "name",
            "type",
            "contact_name",
            "partner_name",
            "email_from",
            "function",
            "phone",
            "user_id",
            "stage_id",
            "x_leadloop_id",
            "description",
        ];
        let body = json!({"domain": [["phone", "ilike", phone]], "fields": fields});
        self.call("crm.lead", "search_read", body).as_array().cloned().expect("a list")
    }

    /// The one lead of somebody, once it is there.
    fn lead(&self, phone: &str) -> Json {
        until(
            &format!("one lead of {phone} in Odoo"),
            || self.leads(phone).pop().filter(|_| self.leads(phone).len() == 1),
            || json!(self.leads(phone)),
        )
    }
}

fn crm(rig: &Rig, api: &str, more: &str, reason: i64) -> String {
    let (address, database) = (rig.address, &rig.database);
    format!(
        r#"
[[crm]]
name = "sales"
connector = "odoo"
settings = {{ url = "http://{address}", database = "{database}", api = "{api}", login = "admin", api_key = {{ file = "key" }} }}
mirror = {{ every_busy = "1s", every_idle = "2s", decide_within = "1h" }}
retry = {{ first = "200ms", at_most = "2s", give_up = "1h" }}
feedback = {{ object = "lead", field = "lost_reason_id" }}

[[mapping]]
crm = "sales"
object = "lead"
fields = [
  {{ pool = "name", crm = "contact_name" }},
  {{ pool = "phone", crm = "phone" }},
  {{ pool = "email", crm = "email_from", way = "both", wins = "newest" }},
  {{ pool = "title", crm = "function", way = "both", wins = "crm" }},
  {{ pool = "company", crm = "partner_name", way = "both", wins = "crm unless blank" }},
  {{ pool = "requirement", crm = "description" }},
  {more}
]

[[status]]
crm = "sales"
object = "lead"
field = "state"
write = {{ with_sales = "1" }}
read = {{ "1" = "with_sales", "2" = "accepted", "3" = "accepted", won = "won", lost = "lost" }}

[[status]]
crm = "sales"
object = "opportunity"
field = "state"
read = {{ won = "won", lost = "lost", "*" = "opportunity" }}
amount = "expected_revenue"

[[feedback]]
tag = "went_elsewhere"
label = {{ zh = "选择竞品", en = "Went elsewhere" }}
crm = {{ sales = {reason} }}
do = {{ close = "lost" }}
"#
    )
}

fn road(rig: &Rig, api: &str) {
    let office = Office::open(rig);
    let run = fresh();
    let seller = |name: &str| {
        office.make("res.users", json!({"name": name, "login": format!("{name}.{run}.{api}@shili.example")}))
    };
    let (li, wang) = (seller("li.na"), seller("wang.wei"));
    let reason = office.make("crm.lost.reason", json!({"name": format!("Went elsewhere {run}")}));
    let (li_id, wang_id) = (li.to_string(), wang.to_string());
    let users = [("li.na", li_id.as_str()), ("wang.wei", wang_id.as_str())];
    let world = World::start(&crm(rig, api, "", reason), &rig.key, &users);
    let phone = |n: u32| format!("139{n}{:07}", run + if api == "json2" { 0 } else { 3_000_000 });
    let submit = |n: u32| {
        let phone = phone(n);
        world.form(&format!(r#"{{"name":"测试{n}","phone":"{phone}","company":"示例机器人{n}","requirement":"想看 <演示>\n预算 20 万","_submission_id":"{run}-{n}-{api}"}}"#));
        phone
    };

    // hand-over with owner, stage and note
    let first = submit(1);
    let made = office.lead(&first);
    let lead = made["id"].as_i64().expect("an id");
    assert_eq!(made["contact_name"], "测试1");
    assert_eq!(made["partner_name"], "示例机器人1");
    assert_eq!(made["user_id"][0], li, "{made}");
    assert_eq!(made["stage_id"][0], 1, "{made}");
    assert!(made["x_leadloop_id"].as_str().is_some_and(|mark| mark.starts_with("H-")), "{made}");
    assert!(made["description"].as_str().is_some_and(|text| text.contains("&lt;演示&gt;")), "{made}");
    let notes = || {
        office.call("mail.message", "search_read", json!({"domain": [["model", "=", "crm.lead"], ["res_id", "=", lead], ["message_id", "like", "@leadloop>"]], "fields": ["body"]}))
    };
    until("a note beside the lead", || Some(notes()).filter(|notes| notes[0]["body"].is_string()), notes);
    world.until_lead(&first, "with sales", |lead| lead["stage"] == "with_sales");

    // the owner changes, sales accept: both are heard
    office.write(lead, json!({"user_id": wang, "stage_id": 2}));
    world.until_lead(&first, "accepted, of wang.wei", |lead| {
        lead["stage"] == "accepted" && lead["owner"].to_string().contains("wang.wei")
    });

    both_ways(&office, &world, lead, &first, &format!("{run}-1-{api}-again"));

    // converted: the same record, now an opportunity; then won
    office.call("crm.lead", "convert_opportunity", json!({"ids": [lead], "partner": null}));
    world.until_lead(&first, "an opportunity", |lead| lead["stage"] == "opportunity");
    office.write(lead, json!({"expected_revenue": 120_000}));
    office.call("crm.lead", "action_set_won", json!({"ids": [lead]}));
    world.until_lead(&first, "won", |lead| lead["stage"] == "won");

    // lost, with the reason as the answer
    let second = submit(2);
    let lost = office.lead(&second)["id"].as_i64().expect("an id");
    world.until_lead(&second, "with sales", |lead| lead["stage"] == "with_sales");
    office.call("crm.lead", "action_set_lost", json!({"ids": [lost], "lost_reason_id": reason}));
    world.until_lead(&second, "lost", |lead| lead["stage"] == "lost" || lead["stage"] == "closed");
    world.until_why(&second, "went_elsewhere");

    // somebody whom sales know already: their record is filled, none is made
    let known = phone(3);
    let before = mirrored(&world.status());
    let kept = office.make("crm.lead", json!({"name": "from the fair", "type": "lead", "contact_name": "测试3", "phone": known, "user_id": wang}));
    world.until_status("the record of the fair in the mirror", |status| mirrored(status) > before);
    submit(3);
    let filled = until(
        "the company on the record of the fair",
        || Some(office.lead(&known)).filter(|lead| lead["partner_name"] == "示例机器人3"),
        || json!(office.leads(&known)),
    );
    assert_eq!((filled["id"].as_i64(), &filled["user_id"][0]), (Some(kept), &json!(wang)));

    // the server ends in the middle: all arrive, once each
    rig.halt();
    let waiting: Vec<String> = (4..8).map(submit).collect();
    rig.again();
    for phone in &waiting {
        office.lead(phone);
        world.until_lead(phone, "with sales", |lead| lead["stage"] == "with_sales");
    }
    for phone in &waiting {
        assert_eq!(office.leads(phone).len(), 1, "{phone}");
    }
}

/// What sales write comes to the pool; what the pool learns goes to sales, and nothing else does.
fn both_ways(office: &Office<'_>, world: &World, lead: i64, phone: &str, event: &str) {
    let address = format!("jia{lead}@shili.example");
    office.write(lead, json!({ "email_from": address }));
    world.until_lead(phone, "the address sales wrote down", |told| told.to_string().contains(&address));
    world.form(&format!(
        r#"{{"name":"测试1","phone":"{phone}","title":"采购总监","_submission_id":"{event}"}}"#
    ));
    let told = until(
        "the title in Odoo",
        || Some(office.lead(phone)).filter(|lead| lead["function"] == "采购总监"),
        || office.lead(phone),
    );
    assert_eq!(told["email_from"], address);
    assert_eq!(told["partner_name"], "示例机器人1");
}

#[test]
fn the_road_to_odoo_and_back() {
    let Some(rig) = Rig::start("odoo") else { return };
    road(&rig, "json2");
    road(&rig, "jsonrpc");
    refused(&rig);
    many_leads(&rig);
}

impl crate::many::Desk for Office<'_> {
    fn made(&self, texts: &[String]) -> Vec<i64> {
        let body = json!({"domain": [["partner_name", "in", texts]], "fields": ["id", "partner_name"]});
        let found = self.call("crm.lead", "search_read", body).as_array().cloned().expect("a list");
        let id =
            |text: &String| found.iter().find(|lead| lead["partner_name"] == text.as_str())?["id"].as_i64();
        texts.iter().filter_map(id).collect()
    }

    fn edit(&self, record: i64, value: &str) {
        self.write(record, json!({ "function": value }));
    }

    fn destroy(&self, record: i64) {
        self.call("crm.lead", "unlink", json!({ "ids": [record] }));
    }
}

/// Many leads and as many edits are the same on both sides.
fn many_leads(rig: &Rig) {
    let office = Office::open(rig);
    let run = fresh();
    let li = office
        .make("res.users", json!({"name": "li.na", "login": format!("li.na.{run}.many@shili.example")}));
    let world = World::start(&crm(rig, "json2", "", 1), &rig.key, &[("li.na", li.to_string().as_str())]);
    crate::many::play(&world, &office, run, many(20), true, false);
}

/// A field that is not there parks the hand-over with Odoo's words; a wrong key raises an alarm and loses nothing.
fn refused(rig: &Rig) {
    let run = fresh();
    let users = [("li.na", "2")];
    let form =
        |n: u32| format!(r#"{{"name":"测试{n}","phone":"138{n}{run:07}","_submission_id":"{run}-r{n}"}}"#);
    let world =
        World::start(&crm(rig, "json2", r#"{ pool = "name", crm = "x_nope" },"#, 1), &rig.key, &users);
    world.form(&form(1));
    world.until_status("an alarm about the list", |status| status.to_string().contains("LL3202"));
    drop(world);

    let world = World::start(&crm(rig, "json2", "", 1), "no-such-key", &users);
    world.form(&form(2));
    world.until_status("an alarm about the key", |status| status.to_string().contains("LL3201"));
    assert_eq!(Office::open(rig).leads(&format!("1382{run:07}")).len(), 0);
}
