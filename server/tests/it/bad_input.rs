//! Input that nobody should send, against a running node: bounded, clear, nothing lost. On both engines.

use std::fmt::Write as _;

use leadloop_connectors as _;
use leadloop_server::Running;
use leadloop_server::bounds::BODY_BYTES;
use leadloop_store::Store;
use leadloop_store::read::find::Question;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::time::Timestamp;
use leadloop_testing::http::Answer;
use serde_json::json;

use crate::inbox::{people, post};
use crate::set_up::Folder;

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"

[[source]]
name = "website"
connector = "web_form"
touch = "form_submitted"
require = ["phone or email"]
rate_limit = "100000 per minute per address"
fields = [{ from = "when", to = "touch.at" }]

[[score]]
name = "interest"
range = [0, 100]
touches = [{ touch = "form_submitted", points = 30, at_most = 60 }]

[mql]
when = 'score.interest >= 90'

[[transfer]]
name = "everyone"
when = 'true'
do = { decline = "no sales yet" }
"#;

async fn node(url: &str) -> (Running, Store) {
    Folder::new(CONFIG).secret("secret").start(url).await
}

async fn send(running: &Running, body: impl AsRef<[u8]>) -> Answer {
    post(running, "/in/website", "application/json", body.as_ref()).await
}

async fn lead_of(store: &Store, kind: &str, value: &str) -> Lead {
    let question = Question { identifiers: vec![Identifier::new(kind, value)], text: value.to_owned() };
    let found = store.find(&question, 5).await.expect("an answer");
    found.into_iter().next().unwrap_or_else(|| panic!("nobody has {value}")).lead
}

/// What waits for a person: (what, code) with how many.
async fn waiting(store: &Store, what: &str, code: &str) -> i64 {
    let status = store.status(Timestamp(0)).await.expect("the store answers");
    let found = status.parked.iter().filter(|parked| parked.what == what && parked.code == code);
    found.map(|parked| parked.count).sum()
}

async fn bad_input(url: &str) {
    let (running, store) = node(url).await;
    too_much(&running, &store).await;
    nobody(&running, &store).await;
    no_text(&running, &store).await;
    odd_but_good(&running, &store).await;
    running.stop().await;
}

/// Ten megabytes of identifiers: in a body too large to be taken, in one record, and in more records than one push holds.
async fn too_much(running: &Running, store: &Store) {
    let digits = |most: usize| {
        let mut list = String::with_capacity(most + 32);
        while list.len() < most {
            let _ = write!(list, "1390000{:04},", list.len() % 10_000);
        }
        list
    };
    let large = send(running, format!(r#"{{"name":"大","phone":"{}"}}"#, digits(10 << 20))).await;
    assert_eq!(large.status, 413, "{}", large.body);
    assert!(large.body.contains("LL3005"), "{}", large.body);

    let one = send(running, format!(r#"{{"name":"长","phone":"{}"}}"#, digits(BODY_BYTES - 100))).await;
    assert!(one.status == 400 && one.body.contains("LL3102"), "{} {}", one.status, one.body);

    let wide: serde_json::Map<String, serde_json::Value> =
        (0..200_000).map(|n| (format!("phone{n}"), json!(format!("139{n:08}")))).collect();
    let wide = send(running, serde_json::to_vec(&wide).expect("JSON")).await;
    assert!(wide.status == 400 && wide.body.contains("LL3102"), "{} {}", wide.status, wide.body);

    let many: Vec<_> = (0..60_000).map(|n| json!({ "name": "多", "phone": format!("137{n:08}") })).collect();
    let many = send(running, serde_json::to_vec(&many).expect("JSON")).await;
    assert!(many.status == 400 && many.body.contains("LL3102"), "{} {}", many.status, many.body);
    assert_eq!(waiting(store, "push", "LL3102").await, 3, "what was not taken is kept for a person");
    // The door stands open all the while.
    let fine = send(running, r#"{"name":"测试甲","phone":"13800001111"}"#).await;
    assert!(fine.body.contains("\"accepted\":1"), "{}", fine.body);
    assert!(people(store, 1).await >= 1);
}

/// Records that say nothing of who it was.
async fn nobody(running: &Running, store: &Store) {
    let before = waiting(store, "record", "LL4001").await;
    for fields in [
        r#"{"name":"空","phone":"","email":"   "}"#,
        r#"{"name":"空","phone":null,"email":[]}"#,
        "{\"name\":\"空\",\"phone\":\"\u{3000}\u{200b}\",\"email\":\"-\"}",
        r#"{}"#,
    ] {
        let answer = send(running, fields).await;
        assert_eq!(answer.status, 200, "{fields}: {}", answer.body);
        assert!(answer.body.contains("\"accepted\":0"), "{fields}: {}", answer.body);
        assert!(answer.body.contains("\"code\":\"LL4"), "{fields}: {}", answer.body);
    }
    assert!(waiting(store, "record", "LL4001").await >= before + 3);
}

/// Bytes that are no UTF-8: what can be read is taken, and the bytes are kept as they came.
async fn no_text(running: &Running, store: &Store) {
    let mut broken = br#"{"phone":"13800002222","name":""#.to_vec();
    broken.extend([0xff, 0xfe, 0xc0, 0x80]);
    broken.extend(br#""}"#);
    let answer = send(running, &broken).await;
    assert!(
        answer.status == 200 && answer.body.contains("\"accepted\":1"),
        "{} {}",
        answer.status,
        answer.body
    );
    assert_eq!(people(store, 2).await, 2);
    let lead = lead_of(store, "phone", "+8613800002222").await;
    let story = store.story(lead.id, 5).await.expect("an answer").expect("a story");
    let push = story.captures.first().and_then(|kept| kept.capture.push).expect("it came with a push");
    let push = store.push(push).await.expect("an answer").expect("it is kept");
    assert_eq!(push.body, broken);
}

/// Input that looks odd and is right.
async fn odd_but_good(running: &Running, store: &Store) {
    let name = "👩‍👩‍👧‍👦 测试👍🏽 Zoë";
    let told = json!({ "name": name, "email": "emoji@shili.example", "company": "🚀示例机器人有限公司" });
    let answer = send(running, told.to_string()).await;
    assert!(answer.body.contains("\"accepted\":1"), "{}", answer.body);
    for (phone, when) in [("13800003333", "1900-01-01T00:00:00Z"), ("13800004444", "2100-12-31T23:59:59Z")] {
        let told = json!({ "name": "测试乙", "phone": phone, "when": when });
        let answer = send(running, told.to_string()).await;
        assert!(answer.body.contains("\"accepted\":1"), "{when}: {}", answer.body);
    }
    assert_eq!(people(store, 5).await, 5);
    let emoji = lead_of(store, "email", "emoji@shili.example").await;
    assert_eq!(emoji.text("name"), Some(name));
    // Nothing happened in 1900 or will have in 2100: the time of arrival counts, and the touch says so.
    for (phone, note) in [("+8613800003333", "too_early"), ("+8613800004444", "in_the_future")] {
        let lead = lead_of(store, "phone", phone).await;
        let story = store.story(lead.id, 5).await.expect("an answer").expect("a story");
        let [touch] = story.touches.as_slice() else { panic!("one touch: {:?}", story.touches) };
        assert!((Timestamp(1_700_000_000_000_000)..Timestamp(4_000_000_000_000_000)).contains(&touch.at));
        assert!(format!("{:?}", touch.fields).contains(note), "{:?}", touch.fields);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    bad_input(&format!("sqlite:{}", folder.path().join("bad.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_on_postgres() {
    let database = leadloop_testing::fresh_database("bad");
    bad_input(database.url()).await;
}
