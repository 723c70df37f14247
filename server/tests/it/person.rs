//! Forgetting a person and counting everybody anew, as commands order it, on both engines.

use std::sync::Arc;

use leadloop_config::plan::Plan;
use leadloop_connectors as _;
use leadloop_server::node::Node;
use leadloop_server::orders::{Done, Order, Rows, carry_out};
use leadloop_server::people;
use leadloop_server::recount::{self, Slice};
use leadloop_server::run::absorb_all;
use leadloop_store::read::find::Question;
use leadloop_sync_core::capture::{Identifier, RawLead};
use leadloop_sync_core::lead::{Lead, Stage};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::Timestamp;

use crate::set_up::Folder;

/// The rules, with so many points for a form.
fn config(points: u32) -> String {
    format!(
        r#"
[[source]]
name = "list"
connector = "table_file"
touch = "form_submitted"

[[score]]
name = "interest"
range = [0, 100]
cap_per_day = 60
touches = [{{ touch = "form_submitted", points = {points} }}]

[mql]
when = 'score.interest >= 40'
leave = 'score.interest < 20'

[[transfer]]
name = "everyone"
when = 'true'
do = {{ decline = "no sales yet" }}
"#
    )
}

pub(crate) async fn node(url: &str, points: u32) -> Arc<Node> {
    node_of(url, &config(points)).await
}

pub(crate) async fn node_of(url: &str, config: &str) -> Arc<Node> {
    let node = Folder::new(config).secret("secret").quiet(url).await;
    leadloop_server::run::put_in_force(&node).await.expect("it is in force");
    node
}

/// Rows of a file: (name, phone).
pub(crate) async fn import(node: &Node, rows: &[(&str, &str)], at: &str) -> Done {
    let zone = jiff::tz::TimeZone::UTC;
    let raw = |(place, (name, phone)): (usize, &(&str, &str))| RawLead {
        position: u32::try_from(place + 1).expect("small"),
        at: Timestamp::parse(at, &zone),
        fields: [("name", *name), ("phone", *phone)].into_iter().collect(),
        ..RawLead::default()
    };
    let rows = Rows {
        source: "list".into(),
        file: "list.csv".to_owned(),
        rows: rows.iter().enumerate().map(raw).collect(),
        unreadable: vec![],
    };
    let done = carry_out(node, Order::Rows(rows)).await.expect("the rows are taken");
    absorb_all(node).await.expect("they are absorbed");
    done
}

pub(crate) async fn found(node: &Node, phone: &str) -> Option<Lead> {
    let identifiers = vec![Identifier::new("phone", phone)];
    let found =
        node.store.find(&Question { identifiers, text: phone.to_owned() }, 5).await.expect("an answer");
    found.into_iter().next().map(|found| found.lead)
}

async fn forgotten(url: &str) {
    let node = node(url, 30).await;
    import(&node, &[("测试甲", "13800001111"), ("测试乙", "13800002222")], "2026-11-20T08:00:00Z").await;
    import(&node, &[("测试甲", "13800001111")], "2026-11-21T08:00:00Z").await;
    let lead = found(&node, "+8613800001111").await.expect("somebody");
    assert_eq!((lead.stage, lead.touches), (Stage::Marketing, 2));
    let leads = [lead.id].into();
    assert_eq!(node.store.held(&leads).await.expect("counts")["touch"], 2);

    let erase =
        |lead| people::Order::Erase { lead, who: "tester".to_owned(), reason: Some("asked".to_owned()) };
    let done = carry_out(&node, Order::People(erase(lead.id))).await.expect("it is done");
    let receipt = done.erasure.expect("a receipt");
    assert_eq!((receipt.gone["touch"], receipt.gone["capture"], receipt.gone["push"]), (2, 2, 1));
    assert_eq!(receipt.shared_pushes.len(), 1, "the first file held somebody else too");
    assert_eq!(receipt.marks["phone"], 1);
    assert!(found(&node, "+8613800001111").await.is_none());
    assert!(found(&node, "+8613800002222").await.is_some(), "nobody else is touched");
    let held = node.store.held(&leads).await.expect("counts");
    let left: Vec<&str> =
        held.iter().filter(|(_, count)| **count > 0).map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(left, ["lead", "reason"], "a skeleton, and that it was erased");
    let story = node.store.story(lead.id, 10).await.expect("an answer").expect("a skeleton");
    assert_eq!((story.lead.stage, story.lead.touches), (Stage::Closed, 2));
    assert!(story.lead.profile.is_empty() && story.lead.identifiers.is_empty());
    let kept = node.store.erasures(Some(lead.id), 5).await.expect("receipts");
    assert_eq!(kept, [receipt]);
    let noted = node.store.audited(&[lead.id], None, 5).await.expect("the audit");
    assert_eq!((noted[0].what.as_str(), noted[0].who.as_str()), ("erase", "tester"));

    let again =
        import(&node, &[("测试甲", "138-0000-1111"), ("测试丙", "13800003333")], "2026-11-22T08:00:00Z")
            .await;
    assert_eq!((again.erased, again.changed), (1, 1));
    assert!(found(&node, "+8613800001111").await.is_none(), "not taken in again");
    assert!(found(&node, "+8613800003333").await.is_some());
    let readmit = people::Order::Readmit {
        identifiers: vec![Identifier::new("phone", "+8613800001111")],
        who: "tester".to_owned(),
    };
    let done = carry_out(&node, Order::People(readmit)).await.expect("it is done");
    assert_eq!(done.changed, 1);
    import(&node, &[("测试甲", "13800001111")], "2026-11-23T08:00:00Z").await;
    assert!(found(&node, "+8613800001111").await.is_some(), "they wanted to be known again");
    node.store.close().await;
}

/// All slices of a recount, compared and then applied.
async fn counted(node: &Node, plan: &Plan) -> (Slice, Slice) {
    let mut moment = Moment::new(node.clock.now(), 7);
    let compared = recount::compare(&node.store, plan, None, &mut moment).await.expect("compared");
    let order = recount::Order { after: None, config: plan.hash.clone() };
    let applied = carry_out(node, Order::Recount(order)).await.expect("applied").recount.expect("a slice");
    (compared, applied)
}

async fn recounted(url: &str) {
    let first = node(url, 20).await;
    let day = |day: u32| format!("2026-11-{day:02}T08:00:00Z");
    for at in [20, 21, 19] {
        import(&first, &[("测试甲", "13800001111")], &day(at)).await;
    }
    import(&first, &[("测试乙", "13800002222")], &day(20)).await;
    let before = found(&first, "+8613800001111").await.expect("somebody");
    assert!(before.mql && before.stage == Stage::Marketing);
    let (compared, applied) = counted(&first, &first.plan()).await;
    assert_eq!(
        (compared.people, compared.changed, applied.changed),
        (2, 0, 0),
        "the same version changes nothing"
    );
    let same = found(&first, "+8613800001111").await.expect("somebody");
    assert_eq!((same.version, &same.scores), (before.version, &before.scores));
    first.store.close().await;

    let second = node(url, 5).await;
    let other = recount::Order { after: None, config: "another".to_owned() };
    let refused = carry_out(&second, Order::Recount(other)).await.expect_err("not compared");
    assert_eq!(refused.code.as_deref(), Some("LL4521"));
    let (compared, applied) = counted(&second, &second.plan()).await;
    assert_eq!(compared.lost_mqls, [before.id]);
    assert_eq!(compared.new_mqls, []);
    assert_eq!(
        (compared.changed, compared.models["interest"].before, compared.models["interest"].after),
        (2, 80, 20)
    );
    assert_eq!((applied.changed, &applied.lost_mqls), (2, &compared.lost_mqls));
    let after = found(&second, "+8613800001111").await.expect("somebody");
    assert!(!after.mql && after.stage == Stage::Raw);
    let story = second.store.story(after.id, 10).await.expect("an answer").expect("a story");
    let receipts: i64 = story.touches.iter().filter_map(|touch| touch.points.get("interest")).sum();
    assert_eq!((receipts, after.scores["interest"].micro), (15_000_000, 15_000_000));
    let (compared, applied) = counted(&second, &second.plan()).await;
    assert_eq!((compared.changed, applied.changed), (0, 0), "done is done");
    assert_eq!(recount::reached(&second.store, &second.plan()).await.expect("a place"), applied.last);
    second.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_forgotten_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    forgotten(&format!("sqlite:{}", folder.path().join("person.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_forgotten_on_postgres() {
    let database = leadloop_testing::fresh_database("person");
    forgotten(database.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_counted_anew_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    recounted(&format!("sqlite:{}", folder.path().join("recount.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_counted_anew_on_postgres() {
    let database = leadloop_testing::fresh_database("recount");
    recounted(database.url()).await;
}
