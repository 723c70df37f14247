use leadloop_connector_api::exchange::Step;
use leadloop_connector_api::http::{Answer, Method, Request};
use leadloop_connector_api::{Connector, Link, Refusal};
use leadloop_mapping::Value;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Cursor, Fetched, Operation, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::{Polyv, md5_of};
use crate::reading::testing::{link, push};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn source() -> Link {
    link(&Polyv, "app_id = \"appdemo01\"\nchannels = [\"1965681\"]", &[("app_secret", SECRET)])
}

fn reading(list: &str, cursor: &Cursor, now: i64, pages: &[Json]) -> (Vec<Request>, Fetched) {
    let operation = Operation::Changes { object: list.into(), cursor: cursor.clone() };
    let mut exchange = Polyv.exchange(&source(), &[operation], &mut Moment::new(Timestamp(now), 1)).unwrap();
    let mut asked = Vec::new();
    let mut step = exchange.advance(None);
    let mut pages = pages.iter();
    loop {
        match step {
            Step::Send(request) => asked.push(*request),
            Step::Done(outcomes) => match outcomes.into_iter().next() {
                Some(Outcome::Done(Reply::Leads(fetched))) => return (asked, *fetched),
                other => panic!("{other:?}"),
            },
        }
        let page = json!({"code": 200, "status": "success", "data": pages.next().unwrap()});
        step = exchange.advance(Some(&Answer::with_body(200, "application/json", page.to_string())));
    }
}

#[test]
fn signatures_are_those_of_the_vendor() {
    let plain = "appIdappdemo01currentDay2024-10-27page1pageSize100timestamp1730000000000";
    assert_eq!(md5_of(&[SECRET, plain, SECRET]).to_ascii_uppercase(), "612C6A8E67788CB28880B807AADB507A");
    assert_eq!(md5_of(&[SECRET, "1730000000000"]), "d4834bd1c8e20d78179f9a91907ede3d");
    let (asked, _) = reading(
        "viewlog/1965681",
        &Cursor::default(),
        1_730_000_000_000_000,
        &[json!({"contents": [], "totalPages": 0})],
    );
    let query = &asked[0].query;
    assert!(
        query.contains(&("currentDay".into(), "2024-10-20".into())),
        "the first reading looks back: {query:?}"
    );
    let text: String = query
        .iter()
        .filter(|(name, _)| name != "sign")
        .map(|(name, value)| format!("{name}{value}"))
        .collect();
    assert!(query.contains(&("sign".into(), md5_of(&[SECRET, &text, SECRET]).to_ascii_uppercase())));
}

#[test]
fn a_callback_hurries_the_reading_and_a_forged_one_nothing() {
    let call = |sign: &str, channel: &str| {
        let target = format!("/?channelId={channel}&status=end&timestamp=1730000000000&sign={sign}");
        Polyv.receive(&source(), &push(Method::Get, &target, &[], b""))
    };
    let received = call("D4834bd1c8e20d78179f9a91907ede3d", "1965681").unwrap();
    assert_eq!(received.hints, ["enroll/1965681", "viewlog/1965681"]);
    assert_eq!(call("d4834bd1c8e20d78179f9a91907ede3d", "7").unwrap().hints.len(), 0);
    assert!(matches!(call("00", "1965681"), Err(Refusal::Unsigned(_))));
}

#[test]
fn minutes_are_summed_and_days_read_in_turn() {
    let noon: i64 = 1_730_001_600_000; // 2024-10-27 12:00 in Shanghai
    let row = |seconds: i64, last: i64| {
        json!({"param1": "u1001", "param2": "测试甲", "param3": "live", "param5": "utm=wecom", "sessionId": "s1",
        "playDuration": seconds, "firstActiveTime": noon, "lastActiveTime": last})
    };
    let cursor = Cursor { since: None, after_id: None, token: Some("2024-10-27".into()) };
    let pages = [
        json!({"contents": [row(600, noon + 600_000)], "totalPages": 2}),
        json!({"contents": [row(700, noon + 1_400_000), {"param1": "", "playDuration": 5}], "totalPages": 2}),
    ];
    let (asked, still) = reading("viewlog/1965681", &cursor, (noon + 1_500_000) * 1_000, &pages);
    assert_eq!((asked.len(), still.leads.len(), still.more), (2, 0, false), "he may still be there");
    let (_, gone) = reading("viewlog/1965681", &cursor, (noon + 4 * 3_600_000) * 1_000, &pages);
    let [lead] = gone.leads.as_slice() else { panic!("{gone:?}") };
    assert_eq!(lead.fields.get("touch.minutes"), Some(&Value::Int(22)));
    assert_eq!(
        (lead.fields.text("uba_id"), lead.fields.text("touch.utm")),
        (Some("polyv/u1001"), Some("wecom"))
    );
    let (_, over) = reading("viewlog/1965681", &gone.next, (noon + 40 * 3_600_000) * 1_000, &pages);
    assert_eq!((over.next.token.as_deref(), over.more), (Some("2024-10-28"), true), "the day is closed");
    assert_eq!(over.leads[0].event_id, lead.event_id, "told twice it is one");
}

#[test]
fn a_registration_joins_viewer_and_phone() {
    let row = json!({"viewerId": "u1001", "mobile": "13900000001", "createTime": 1_729_990_000_000_i64, "promoteName": "海报A",
        "auditStatus": "P", "fields": [{"name": "公司", "value": "示例机器人有限公司"}]});
    let data = json!({"auditEnabled": "Y", "list": [row, {}]});
    let (_, fetched) = reading("enroll/1965681", &Cursor::default(), 1_730_000_000_000_000, &[data]);
    let lead = &fetched.leads[0];
    assert_eq!(
        (lead.fields.text("uba_id"), lead.fields.text("phone")),
        (Some("polyv/u1001"), Some("13900000001"))
    );
    assert_eq!((fetched.unreadable.len(), fetched.more), (1, false));
}
