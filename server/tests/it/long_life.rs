//! A person with fifty thousand touches: taken in, read, judged, merged and parted in bounds, and nothing is lost. On both
//! engines.

use std::time::{Duration, Instant};

use leadloop_server::node::Node;
use leadloop_server::orders::{Order, Rows, carry_out};
use leadloop_server::recount::compare;
use leadloop_server::run::absorb_all;
use leadloop_server::{people, persons};
use leadloop_sync_core::capture::RawLead;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::score;
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::person::{found, node};

const TOUCHES: u32 = 50_000;
/// Rows of one order.
const AT_ONCE: u32 = 10_000;
/// Far more than reading, merging or parting it takes, far less than a look at every touch for each of them.
const SOON: Duration = Duration::from_secs(20);

async fn long_life(url: &str) {
    let node = node(url, 7).await;
    for first in (0..TOUCHES).step_by(AT_ONCE as usize) {
        tell(&node, "13800001111", first..first + AT_ONCE).await;
    }
    tell(&node, "13800002222", 0..300).await;
    let (long, short) = (person(&node, "+8613800001111").await, person(&node, "+8613800002222").await);
    assert_eq!((long.touches, short.touches), (TOUCHES, 300));
    let held = node.store.held(&[long.id].into()).await.expect("counts");
    assert_eq!((held["touch"], held["capture"]), (i64::from(TOUCHES), i64::from(TOUCHES)), "nothing is lost");
    assert_eq!(long.last_touch_at, at(TOUCHES - 1));
    let points = |lead: &Lead| score::all(lead, &node.plan().policy, at(TOUCHES))["interest"];
    assert_eq!((points(&long), long.mql), (100, true), "the range ends the points, late touches or not");

    let began = Instant::now();
    let story = node.store.story(long.id, 20).await.expect("an answer").expect("a story");
    assert_eq!((story.touches.len(), story.touches_total), (20, i64::from(TOUCHES)));
    let latest: Vec<Timestamp> = story.touches.iter().map(|touch| touch.at).collect();
    assert_eq!(latest, (TOUCHES - 20..TOUCHES).rev().map(at).collect::<Vec<_>>(), "by when it happened");
    assert!(!story.reasons.is_empty(), "why it stands where it stands");
    let slice = compare(&node.store, &node.plan(), None, &mut node.clock.moment()).await.expect("an answer");
    assert_eq!((slice.people, slice.too_long), (2, 1), "too long to be counted anew, and it says so");

    let survivor = say(&node, persons::Said::Same { one: long.id, other: short.id }).await;
    assert_eq!(survivor, [long.id], "the older one stays");
    let both = person(&node, "+8613800002222").await;
    assert_eq!((both.id, both.touches, points(&both)), (long.id, TOUCHES + 300, 100));
    tell(&node, "13800002222", 300..310).await;
    assert_eq!(person(&node, "+8613800001111").await.touches, TOUCHES + 310);
    say(&node, persons::Said::Unmerge { lead: short.id }).await;
    let (again, parted) = (person(&node, "+8613800001111").await, person(&node, "+8613800002222").await);
    assert_eq!((again.touches, parted.id, parted.touches), (TOUCHES, short.id, 310));
    assert_eq!((&again.profile, &again.scores), (&long.profile, &long.scores), "as if they had never met");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    node.store.close().await;
}

/// When the touch of that number happened: one a minute.
fn at(number: u32) -> Timestamp {
    Timestamp(1_760_000_000_000_000) + Micros::minutes(i64::from(number))
}

/// Touches of a person in a file; of every ten the last comes first, so that the others are late.
async fn tell(node: &Node, phone: &str, numbers: std::ops::Range<u32>) {
    let rows = numbers.clone().map(|number| RawLead {
        position: number + 1,
        at: Some(at(number / 10 * 10 + 9 - number % 10)),
        fields: [("name", "测试甲"), ("phone", phone), ("touch.page", &format!("/{number}"))]
            .into_iter()
            .collect(),
        ..RawLead::default()
    });
    let file = format!("{phone}-{}.csv", numbers.start);
    let rows = Rows { source: "list".into(), file, rows: rows.collect(), unreadable: vec![] };
    let wanted = u64::from(numbers.end - numbers.start);
    assert_eq!(carry_out(node, Order::Rows(rows)).await.expect("they are taken").changed, wanted);
    absorb_all(node).await.expect("they are absorbed");
}

async fn person(node: &Node, phone: &str) -> Lead {
    found(node, phone).await.unwrap_or_else(|| panic!("nobody has {phone}"))
}

async fn say(node: &Node, said: persons::Said) -> Vec<LeadId> {
    let order = persons::Order { said, who: "tester".to_owned() };
    carry_out(node, Order::People(people::Order::Persons(order))).await.expect("it is done").leads
}

#[tokio::test(flavor = "multi_thread")]
async fn long_life_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    long_life(&format!("sqlite:{}", folder.path().join("long.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_life_on_postgres() {
    let database = leadloop_testing::fresh_database("long_life");
    long_life(database.url()).await;
}
