//! The example of the guide, taken out of it and run against the CRM it describes; and what is said of descriptions that are wrong.
#![expect(clippy::disallowed_methods, reason = "the test reads the guide")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test without its guide has to fail"
)]

mod harbour;

use std::collections::{BTreeMap, BTreeSet};

use leadloop_connector_api::http::Push;
use leadloop_connector_api::signature::{Algorithm, Encoding, encode, hmac};
use leadloop_connector_api::{Answer, Link, Method, Refusal, Request, Step, Told, Wants};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Cursor, FindBy, Operation, Outcome, Reply};
use leadloop_sync_core::time::{Micros, Timestamp};
use secrecy::SecretString;
use serde_json::json;

use harbour::Harbour;

/// The text of an example of a page of the guide.
fn example(page: &str) -> String {
    let text = std::fs::read_to_string(leadloop_testing::root().join("docs/guide").join(page)).unwrap();
    let behind = text.split_once("<!-- example: harbour.crm.toml -->").expect("the guide has its example").1;
    let begun = behind.split_once("```toml\n").unwrap().1;
    begun.split_once("\n```").unwrap().0.to_owned() + "\n"
}

fn told(text: &str) -> Told {
    let rest = leadloop_connectors::registry().get("rest").unwrap();
    rest.told(text).unwrap_or_else(|flaws| panic!("{flaws:#?}"))
}

fn link(told: Told) -> Link {
    let secret = |text: &str| SecretString::from(text.to_owned());
    Link {
        name: "sales".into(),
        settings: [("url", "https://api.harbour.example")]
            .map(|(name, v)| (name.to_owned(), Value::from(v)))
            .into(),
        secrets: BTreeMap::from([
            ("api_key".to_owned(), secret("fixture-key")),
            ("webhook_secret".to_owned(), secret("fixture-seal")),
        ]),
        wants: Wants::default(),
        told: Some(told),
    }
}

/// Carries out operations; `server` is the other side.
fn talk(told: Told, operations: &[Operation], mut server: impl FnMut(&Request) -> Answer) -> Vec<Outcome> {
    let mut exchange = told.0.exchange(&link(told), operations, &mut Moment::new(Timestamp(0), 1)).unwrap();
    let mut step = exchange.advance(None);
    loop {
        match step {
            Step::Done(outcomes) => return outcomes,
            Step::Send(request) => step = exchange.advance(Some(&server(&request))),
        }
    }
}

struct World {
    told: Told,
    crm: Harbour,
}

impl World {
    fn new() -> Self {
        Self { told: told(&example("rest.md")), crm: Harbour::at(1_795_410_000) }
    }

    fn ask(&mut self, operation: Operation) -> Outcome {
        let crm = &mut self.crm;
        talk(self.told, &[operation], |request| crm.answer(request)).remove(0)
    }

    fn create(&mut self, number: u32) -> Outcome {
        let record = Record::new()
            .with("full_name", format!("测试{number}"))
            .with("reach.mobile", format!("139{number:08}"))
            .with("stage", "with_sales")
            .with("keeper", "3");
        self.ask(Operation::Create { object: "lead".into(), record, mark: format!("h-{number}") })
    }

    fn find(&mut self, by: FindBy) -> Vec<RemoteRecord> {
        match self.ask(Operation::Find { object: "lead".into(), by }) {
            Outcome::Done(Reply::Found(records)) => records,
            other => panic!("{other:?}"),
        }
    }

    fn page(&mut self, cursor: &Cursor) -> (Vec<RemoteRecord>, Cursor, bool) {
        match self.ask(Operation::Changes { object: "lead".into(), cursor: cursor.clone() }) {
            Outcome::Done(Reply::Page { records, next, more, .. }) => (records, next, more),
            other => panic!("{other:?}"),
        }
    }
}

fn lead(id: &str) -> RemoteRef {
    RemoteRef { link: "sales".into(), object: "lead".into(), id: id.into() }
}

fn update(id: &str, record: Record) -> Operation {
    Operation::Update { remote: lead(id), record }
}

#[test]
fn both_languages_have_the_same_example() {
    assert_eq!(example("rest.md"), example("rest.zh-CN.md"));
}

#[test]
fn the_example_of_the_guide_works() {
    let mut world = World::new();
    let Outcome::Done(Reply::Checked(who)) = world.ask(Operation::Check) else { panic!("no check") };
    assert_eq!(who.text("user"), Some("leadloop"));
    assert_eq!(world.create(1), Outcome::Done(Reply::Written(lead("101"))));
    assert_eq!(
        world.crm.card(101),
        json!({"full_name": "测试1", "reach": {"mobile": "13900000001"}, "stage": "with_sales", "keeper": 3, "tag": "h-1"})
    );
    // the answer was lost: it is found by its mark, and made no second time
    let found = world.find(FindBy::Mark("h-1".into()));
    assert_eq!((found.len(), found[0].id.as_str()), (1, "101"));
    assert_eq!(found[0].fields.text("reach.mobile"), Some("13900000001"));
    assert_eq!(found[0].modified_at, Some(Timestamp(world.crm.now * 1_000_000)));
    assert_eq!(world.create(1), Outcome::Conflict { remote: lead("101"), same_mark: true });
    assert_eq!(world.crm.count("prospect"), 1);
    let keys = vec![
        ("phone".to_owned(), "+8613900000001".to_owned()),
        ("email".to_owned(), "a@shili.example".into()),
    ];
    assert_eq!(world.find(FindBy::Keys(keys)).len(), 1);
    assert_eq!(world.find(FindBy::Id("101".into())).len(), 1);
    assert!(world.find(FindBy::Id("999".into())).is_empty());

    let taken = update("101", Record::new().with("stage", "taken").with("keeper", Value::Null));
    assert_eq!(world.ask(taken.clone()), Outcome::Done(Reply::Written(lead("101"))));
    assert_eq!(world.crm.card(101)["stage"], "taken");
    assert!(world.crm.card(101)["keeper"].is_null(), "a blank owner empties the field");
    world.crm.remove(101);
    assert!(matches!(world.ask(taken), Outcome::Gone { .. }));
    let (records, ..) = world.page(&Cursor::default());
    assert!(records[0].deleted, "{records:?}");
}

#[test]
fn its_errors_mean_what_the_description_says() {
    let mut world = World::new();
    world.crm.put("prospect", 7, 1, json!({"full_name": "测试", "reach": {"mobile": "13900000005"}}));
    for (fault, expected) in [
        ("E42", Outcome::Throttled { retry_after: Some(Micros::seconds(2)), quota: false }),
        ("E40", Outcome::Unauthorized { detail: "no".into() }),
        ("E99", Outcome::Rejected { field: None, code: "E99".into(), detail: "no".into() }),
    ] {
        world.crm.fault = Some(fault);
        assert_eq!(world.create(9), expected, "{fault}");
    }
    world.crm.fault = Some("html");
    assert!(matches!(world.create(9), Outcome::Unavailable { sent: true, .. }));
    let Outcome::Conflict { remote, same_mark } = world.create(5) else { panic!("the phone is known") };
    assert_eq!((remote, same_mark), (lead("7"), false));
    let nobody = Operation::Create { object: "lead".into(), record: Record::new(), mark: "h-0".into() };
    assert!(matches!(world.ask(nobody), Outcome::Rejected { code, .. } if code == "E17"));
}

#[test]
fn pages_that_shift_while_they_are_read_lose_nothing() {
    let mut world = World::new();
    let start = world.crm.now;
    // 120 cards of which 70 have one and the same time: more than a page of 50
    for n in 0..120_i64 {
        let changed = start
            + if n < 20 {
                n
            } else if n < 90 {
                20
            } else {
                n
            };
        world.crm.put("prospect", 1_000 + n, changed, json!({"full_name": format!("测试{n}")}));
    }
    world.crm.now = start + 500;
    let (mut cursor, mut seen, mut pages) = (Cursor::default(), BTreeSet::new(), 0);
    loop {
        let (records, next, more) = world.page(&cursor);
        seen.extend(records.iter().map(|record| record.id.clone()));
        pages += 1;
        // somebody changes records that were read already: they move to the end of the list
        for n in 0..10_i64 {
            let reference = 1_000 + pages * 10 + n;
            world.crm.put("prospect", reference, start + 600 + pages, json!({"full_name": "moved"}));
        }
        assert!(pages < 40, "it does not end");
        cursor = next;
        if !more {
            break;
        }
    }
    // of the 70 of one time, those that left hid others: the next run begins there once more
    loop {
        let (records, next, more) = world.page(&cursor);
        seen.extend(records.into_iter().map(|record| record.id));
        cursor = next;
        if !more {
            break;
        }
    }
    assert_eq!(seen.len(), 120, "after {pages} pages and the second run");
    assert!(cursor.token.is_none() && cursor.after_id.is_none() && cursor.since.is_some());
}

#[test]
fn its_webhooks_are_hints_and_forged_ones_are_not() {
    let world = World::new();
    let body =
        br#"{"news":[{"kind":"prospect","ref":1},{"kind":"deal"},{"kind":"invoice"},{"kind":"prospect"}]}"#
            .to_vec();
    let seal = encode(Encoding::Base64, &hmac(Algorithm::Sha256, b"fixture-seal", &[&body]));
    let push = Push {
        method: Method::Post,
        path: String::new(),
        query: String::new(),
        headers: vec![("x-harbour-seal".into(), seal)],
        body,
        at: Timestamp(0),
        peer: None,
    };
    assert_eq!(world.told.0.receive(&link(world.told), &push).unwrap().hints, ["lead", "opportunity"]);
    let mut forged = push.clone();
    forged.body.push(b' ');
    assert!(matches!(world.told.0.receive(&link(world.told), &forged), Err(Refusal::Unsigned(_))));
    let bare = Push { headers: vec![], ..push };
    assert!(matches!(world.told.0.receive(&link(world.told), &bare), Err(Refusal::Unsigned(_))));
}

#[test]
fn a_wrong_description_is_told_what_is_wrong_and_where() {
    let good = example("rest.md");
    let rest = leadloop_connectors::registry().get("rest").unwrap();
    for (old, new, said, at) in [
        ("times = \"seconds\"", "time = \"seconds\"", "unknown field `time`", "time"),
        ("\"{value}\"", "\"{vaule}\"", "{vaule} is not known there", "{vaule}"),
        (
            "{ from = \"{since}\", page = \"{page}\", per = \"{limit}\" }",
            "{ from = \"{since}\" }",
            "no way to the next page",
            "",
        ),
        ("mark = \"tag\" }\nfields", "}\nfields", "the role `mark` of lead is not named", ""),
        ("user = \"me.login\"", "", "names no `user`", ""),
        ("path = \"/me\"", "path = \"https://evil.example/me\"", "whole address", "https://evil.example/me"),
        ("form = \"{api_key}\"", "form = \"{apikey}\"", "{apikey} is no setting", "{apikey}"),
        ("list = \"hits\"", "list = \"hits\"\nnext = \"more\"", "`next` says nothing there", ""),
        ("first_page = 0", "first_page = 0\nnext = \"more\"", "together", "next"),
        ("type = \"phone\"", "type = \"fone\"", "unknown type", ""),
        ("name = \"lead\"", "name = \"prospect\"", "is no object of the product", ""),
        ("size = 50", "size = 0", "size of a page", ""),
    ] {
        assert!(good.contains(old), "{old}");
        let Err(flaws) = rest.told(&good.replacen(old, new, 1)) else { panic!("{new}: nothing is wrong") };
        let flaw = flaws
            .iter()
            .find(|flaw| flaw.detail.contains(said))
            .unwrap_or_else(|| panic!("{new}: {flaws:?}"));
        if !at.is_empty() {
            let text = good.replacen(old, new, 1);
            assert_eq!(text.get(flaw.range.clone().expect("it has a place")), Some(at), "{flaw:?}");
        }
    }
}
