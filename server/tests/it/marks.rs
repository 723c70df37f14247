//! What people of the house write on a lead: tags, remarks, the requirement. On both engines.

use leadloop_mapping::expr::Expr;
use leadloop_server::node::Node;
use leadloop_server::orders::{Done, Order, OrderError, carry_out};
use leadloop_server::{people, persons};
use leadloop_store::Wanted;
use leadloop_store::read::pages::LeadAsk;
use leadloop_sync_core::facts;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::person::mark::Mark;
use leadloop_sync_core::time::Timestamp;

use crate::person::{found, import, node_of};

const CONFIG: &str = r#"
[[source]]
name = "list"
connector = "table_file"
touch = "form_submitted"

[[score]]
name = "fit"
range = [0, 100]
add = [{ when = 'contains(lead.tags, "vip")', points = 50 }]

[mql]
when = 'score.fit >= 50'

[[transfer]]
name = "everyone"
when = 'true'
do = { decline = "no sales yet" }
"#;

async fn say(node: &Node, said: persons::Said) -> Result<Done, OrderError> {
    let order = persons::Order { said, who: "wang.min".to_owned() };
    carry_out(node, Order::People(people::Order::Persons(order))).await
}

async fn write(node: &Node, lead: LeadId, mark: Mark) -> Result<Done, OrderError> {
    say(node, persons::Said::Mark { lead, mark }).await
}

fn tags(tags: &[&str]) -> Vec<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

async fn refused(node: &Node, lead: LeadId, mark: Mark) -> String {
    write(node, lead, mark).await.expect_err("it is refused").code.expect("with a code")
}

async fn marks(url: &str) {
    let node = node_of(url, CONFIG).await;
    let rows = [("测试甲", "13800001111"), ("测试乙", "13800002222")];
    import(&node, &rows, "2026-11-20T08:00:00Z").await;
    let one = found(&node, "+8613800001111").await.expect("somebody");
    let other = found(&node, "+8613800002222").await.expect("somebody");
    assert_eq!(one.stage, Stage::Raw);
    write(&node, one.id, Mark::Add(tags(&["vip", "#展会2026"]))).await.expect("it is done");
    write(&node, one.id, Mark::Remark("  wants an offer before May ".to_owned())).await.expect("it is done");
    write(&node, one.id, Mark::Requirement("MES for two plants".to_owned())).await.expect("it is done");
    let lead = found(&node, "+8613800001111").await.expect("somebody");
    assert_eq!(lead.tags.iter().map(String::as_str).collect::<Vec<_>>(), ["vip", "展会2026"]);
    assert_eq!(lead.marks.tagged["vip"].who, "wang.min");
    let [remark] = lead.marks.remarks.as_slice() else { panic!("one: {:?}", lead.marks) };
    assert_eq!((remark.who.as_str(), remark.text.as_str()), ("wang.min", "wants an offer before May"));
    assert!(remark.at > Timestamp(0));
    assert_eq!(lead.text("remark"), Some("wants an offer before May"));
    assert_eq!(lead.text("requirement"), Some("MES for two plants"));
    assert_eq!((lead.stage, lead.touches), (Stage::Marketing, 1), "a rule read the tag; nobody touched us");
    let story = node.store.story(one.id, 5).await.expect("an answer").expect("a story");
    let told: Vec<&str> =
        story.reasons.iter().flat_map(|kept| &kept.reasons).map(|reason| reason.code.as_str()).collect();
    assert!(["tagged", "remarked", "required"].iter().all(|code| told.contains(code)), "{told:?}");
    let noted = node.store.audited(&[one.id], None, 10).await.expect("the audit");
    let noted: Vec<&str> = noted.iter().map(|noted| noted.what.as_str()).collect();
    assert_eq!(noted, ["note", "note", "tag"]);
    filtered(&node, one.id).await;

    // Whoever is merged brings their marks; a tag is taken from all of them; parted, each has its own.
    write(&node, other.id, Mark::Add(tags(&["partner"]))).await.expect("it is done");
    write(&node, other.id, Mark::Remark("met in Suzhou".to_owned())).await.expect("it is done");
    let survivor =
        say(&node, persons::Said::Same { one: one.id, other: other.id }).await.expect("done").leads[0];
    let gone = if survivor == one.id { other.id } else { one.id };
    let lead = found(&node, "+8613800001111").await.expect("somebody");
    assert_eq!((lead.tags.len(), lead.marks.remarks.len()), (3, 2));
    write(&node, survivor, Mark::Remove(tags(&["vip", "partner"]))).await.expect("it is done");
    import(&node, &rows, "2026-11-21T08:00:00Z").await;
    let lead = found(&node, "+8613800002222").await.expect("somebody");
    assert_eq!(
        lead.tags.iter().collect::<Vec<_>>(),
        ["展会2026"],
        "they do not come back with the next touch"
    );
    say(&node, persons::Said::Unmerge { lead: gone }).await.expect("it is done");
    let remarks = async |phone| {
        let lead = found(&node, phone).await.expect("somebody");
        lead.marks.remarks.iter().map(|remark| remark.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(remarks("+8613800001111").await, ["wants an offer before May"]);
    assert_eq!(remarks("+8613800002222").await, ["met in Suzhou"]);

    assert_eq!(refused(&node, one.id, Mark::Add(tags(&[" # "]))).await, "LL4630");
    assert_eq!(refused(&node, one.id, Mark::Add((0..300).map(|n| n.to_string()).collect())).await, "LL4631");
    assert_eq!(refused(&node, one.id, Mark::Remove(tags(&["vip"]))).await, "LL4632");
    assert_eq!(refused(&node, one.id, Mark::Remark(" \n".to_owned())).await, "LL4633");
    assert_eq!(refused(&node, one.id, Mark::Remark("长".repeat(2_001))).await, "LL4633");
    node.store.close().await;
}

async fn filtered(node: &Node, lead: LeadId) {
    let plan = node.plan();
    for filter in [r#"contains(lead.tags, "vip")"#, r#"contains(lead.remark, "May")"#, "lead.remark != null"]
    {
        let filter = Expr::filter(filter, &facts::filter_schema(&plan.policy)).expect("a filter");
        let ask = LeadAsk { limit: 10, ..LeadAsk::default() };
        let wanted = Wanted { ask: &ask, filter: &filter, policy: &plan.policy, now: node.clock.now() };
        let found = node.store.leads_where(wanted).await.expect("an answer").leads;
        assert_eq!(found.iter().map(|lead| lead.id).collect::<Vec<_>>(), [lead]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    marks(&format!("sqlite:{}", folder.path().join("marks.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_on_postgres() {
    let database = leadloop_testing::fresh_database("marks");
    marks(database.url()).await;
}
