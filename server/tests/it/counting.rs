//! Events that are judged by a part of them come out as if all of them had been read: the same are counted, for the same
//! visitors and under the same keys, and the others are the same records.

use leadloop_config::plan::Plan;
use leadloop_connector_api::{Connector, Method, Push, Received, Registry};
use leadloop_connectors as _;
use leadloop_sync_core::capture::{Captured, Quarantined};
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::intake::{Counting, Taken, intake};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::Timestamp;
use leadloop_sync_core::visit::Counted;
use serde_json::{Value as Json, json};

use crate::set_up::Folder;

/// Each keeps by something else, and calls its fields by other names.
const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"

[identity]
blocked = ["blocked-1"]

[[source]]
name = "by_name"
connector = "CONNECTOR"
settings = SETTINGS
keep = 'touch.event in ["PricingViewed", "DemoRequested"] or startsWith(touch.event, "Doc")'

[[source]]
name = "by_property"
connector = "CONNECTOR"
settings = SETTINGS
keep = 'touch.title == "AI" or touch.nested.a.b != null or touch.kind == "made_up"'

[[source]]
name = "renamed"
connector = "CONNECTOR"
settings = SETTINGS
fields = [{ from = "title", to = "touch.event" }, { from = "touch.kind", to = "customer_no" }]
identifiers = { customer_no = "customer_no" }
keep = 'touch.event == "AI"'

[[source]]
name = "well_known"
connector = "CONNECTOR"
settings = SETTINGS
keep = 'touch.phone != null or touch.property_event == "x" or touch.campaign == "q4"'

[[source]]
name = "by_person"
connector = "CONNECTOR"
settings = SETTINGS
keep = 'lead.email != null and touch.event == "A"'

[[source]]
name = "shared"
connector = "CONNECTOR"
settings = SETTINGS
shared_device = true
keep = 'touch.value != null'

[[transfer]]
name = "everyone"
when = 'true'
do = { decline = "no sales yet" }
"#;

const ARRIVED: Timestamp = Timestamp(1_795_410_000_000_000);

/// Dice that fall the same way in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn one<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }
}

fn value(dice: &mut Dice) -> Json {
    let long = "y".repeat(*dice.one(&[9_999, 10_000, 10_001, 30_000]));
    let values = [
        json!("AI"),
        json!("x"),
        json!("q4"),
        json!("PricingViewed"),
        json!(" Doc "),
        json!("13900000001"),
        json!("yi@shili.example"),
        json!("blocked-1"),
        json!(""),
        json!("取值异常"),
        json!("a\u{0}b"),
        json!(null),
        json!(7),
        json!(2.5),
        json!(true),
        json!(["AI", 2, null]),
        json!([{"a": 1}]),
        json!({"a": {"b": 1}, "title": "AI"}),
        json!(vec![1; 250]),
    ];
    if dice.below(60) == 0 { json!(long) } else { dice.one(&values).clone() }
}

/// Some properties, mostly few and now and then too many.
fn properties(dice: &mut Dice) -> Json {
    const NAMES: [&str; 34] = [
        "title",
        "$title",
        "kind",
        "touch.kind",
        "event",
        "event_id",
        "at",
        "notes",
        "source",
        "phone",
        "mobile",
        "手机号",
        "email",
        "company",
        "nested",
        "nested.a.b",
        "value",
        "campaign",
        "utm_campaign",
        "pk_campaign",
        "url",
        "$url",
        "$lib",
        "$latest_referrer",
        "userId",
        "cookie",
        "unionid",
        "customer_no",
        "lead.email",
        "a\u{0}b",
        " spaced name ",
        "$utm_source",
        "$is_login_id",
        "stay_seconds",
    ];
    let mut map = serde_json::Map::new();
    for _ in 0..dice.below(6) {
        map.insert((*dice.one(&NAMES)).to_owned(), value(dice));
    }
    if dice.below(40) == 0 {
        (0..dice.below(260)).for_each(|n| drop(map.insert(format!("f{n}"), json!(n))));
    }
    if dice.below(40) == 0 {
        map.insert("n".repeat(60 + dice.below(80)), json!("x"));
    }
    Json::Object(map)
}

fn event(dice: &mut Dice, number: usize) -> Json {
    const KINDS: [&str; 12] = [
        "track",
        "track",
        "track",
        "track",
        "page",
        "screen",
        "identify",
        "group",
        "track_signup",
        "profile_set",
        "item_set",
        "made_up",
    ];
    const EVENTS: [&str; 9] =
        ["$pageview", "PricingViewed", "DocOpened", "Doc", "A", "AI", "", " PricingViewed ", "VideoPlayed"];
    let ids = [
        json!("anon-1"),
        json!("u_1"),
        json!(42),
        json!(""),
        json!(null),
        json!("null"),
        json!("blocked-1"),
        json!(true),
        json!("$identity_mobile+13900000001"),
        json!("x".repeat(400)),
        json!({"a": 1}),
        json!("crm+77"),
    ];
    let times = [
        json!(1_795_410_000_000_i64),
        json!("2026-11-23T05:00:00Z"),
        json!(1),
        json!("soon"),
        json!(null),
        json!(1_795_310_000_000_i64),
        json!(1_895_410_000_000_i64),
    ];
    let mut event =
        json!({"type": dice.one(&KINDS), "event": dice.one(&EVENTS), "properties": properties(dice)});
    let map = event.as_object_mut().unwrap();
    for name in ["distinct_id", "userId", "anonymousId", "original_id", "login_id", "anonymous_id"] {
        if dice.below(3) > 0 {
            map.insert(name.to_owned(), dice.one(&ids).clone());
        }
    }
    for name in ["time", "timestamp", "originalTimestamp", "sentAt", "_flush_time"] {
        if dice.below(2) == 0 {
            map.insert(name.to_owned(), dice.one(&times).clone());
        }
    }
    if dice.below(4) > 0 {
        map.insert("_track_id".to_owned(), json!(number));
        map.insert("messageId".to_owned(), json!(format!("m{number}")));
    }
    if dice.below(8) == 0 {
        let context = json!({"traits": {"email": "jia@shili.example", "phone": "13900000002"}, "campaign": {"name": "q4"},
                             "page": {"url": "https://www.shili.example/", "title": "AI"}, "referrer": {"id": "r1", "type": "t"}});
        map.insert("context".to_owned(), context);
    }
    if dice.below(10) == 0 {
        map.insert("identities".to_owned(), json!({"$identity_email": "jia@shili.example", "crm": "9"}));
    }
    match dice.below(60) {
        0 => json!("nothing"),
        1 => json!({"properties": {}}),
        _ => event,
    }
}

/// What became of a push, in the order of its events.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    counted: Vec<Counted>,
    captures: Vec<Captured>,
    quarantined: Vec<Quarantined>,
    ignored: u32,
    unwanted: usize,
}

fn taken(plan: &Plan, source: &SourceName, received: Received, outcome: &mut Outcome) {
    let policy = &plan.policy.sources[source];
    outcome.ignored = received.ignored.values().sum();
    outcome.quarantined.extend(received.unreadable);
    for raw in &received.leads {
        let mut moment = Moment::new(ARRIVED, u64::from(raw.position));
        match intake(raw, policy, &plan.policy, ARRIVED, None, &mut moment) {
            Ok(Taken::Counted(event)) => outcome.counted.push(*event),
            Ok(Taken::Captured(captured)) => outcome.captures.push(*captured),
            Ok(Taken::Unwanted) => outcome.unwanted += 1,
            Err(record) => outcome.quarantined.push(*record),
        }
    }
    outcome.quarantined.sort_by_key(|record| record.position);
    // They come in two runs, those told by a part of them first.
    outcome.counted.sort_by_key(|event| format!("{event:?}"));
}

fn compared(connector: &str, settings: &str, path: &str, body: impl Fn(&[Json]) -> Json, least: usize) {
    let folder =
        Folder::new(CONFIG.replace("CONNECTOR", connector).replace("SETTINGS", settings)).secret("key");
    let plan = folder.plan();
    let connector: &dyn Connector = Registry::all().get(connector).unwrap();
    let (mut dice, mut in_part, mut whole_only) = (Dice(7), 0, 0);
    for round in 0..40 {
        let events: Vec<Json> = (0..60).map(|n| event(&mut dice, round * 60 + n)).collect();
        let push = Push {
            method: Method::Post,
            path: path.to_owned(),
            query: "project=production".to_owned(),
            headers: vec![("authorization".to_owned(), "Basic a2V5Og==".to_owned())],
            body: body(&events).to_string().into_bytes(),
            at: ARRIVED,
            peer: None,
        };
        for source in &plan.sources {
            let mut whole = Outcome::default();
            let received = connector.receive(&source.link, &push).unwrap();
            taken(&plan, &source.name, received, &mut whole);
            let policy = &plan.policy.sources[&source.name];
            let Some(mut counting) = Counting::of(policy, &plan.policy, ARRIVED) else {
                assert_eq!(source.name.as_str(), "by_person");
                continue;
            };
            let received = connector.receive_judged(&source.link, &push, &mut counting).unwrap();
            let mut judged = Outcome { counted: counting.counted(), ..Outcome::default() };
            in_part += judged.counted.len();
            let early = judged.counted.len();
            taken(&plan, &source.name, received, &mut judged);
            whole_only += judged.counted.len() - early;
            assert_eq!(judged, whole, "{}: {events:#?}", source.name);
        }
    }
    assert!(in_part > least && whole_only < in_part / 2, "{in_part} and {whole_only}");
}

#[test]
fn events_of_sensors_are_counted_by_a_part_of_them_as_by_all() {
    compared("sensors", "{ project = \"production\" }", "sa", |events| json!(events), 1_000);
}

#[test]
fn events_of_segment_are_counted_by_a_part_of_them_as_by_all() {
    let body = |events: &[Json]| json!({"batch": events, "context": {"campaign": {"source": "wechat"}}});
    compared("segment", "{ write_key = { env = \"KEY\" } }", "v1/batch", body, 1_000);
}
