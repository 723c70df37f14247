//! A person whose last record was deleted in a CRM that says `deleted = "erase"`: forgotten an hour later, and only where
//! the record is still gone then. On both engines.

use leadloop_server::node::Node;
use leadloop_server::tick;
use leadloop_store::{Stamp, WriteLane};
use leadloop_sync_core::deleted::ERASE;
use leadloop_sync_core::effect::{Deadline, Effect, Reaction};
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::{RemoteRef, Stage};
use leadloop_sync_core::mirror::{MirrorFacts, MirrorRow};

use crate::person::{found, import, node_of};

const CONFIG: &str = r#"
[[source]]
name = "list"
connector = "table_file"
touch = "form_submitted"

[[score]]
name = "interest"
range = [0, 100]
touches = [{ touch = "form_submitted", points = 10 }]

[mql]
when = 'score.interest >= 90'

[[crm]]
name = "sales"
connector = "sandbox"
settings = { url = "http://crm.example", client_secret = { env = "CRM" } }
deleted = "erase"

[[transfer]]
name = "everyone"
when = 'true'
do = { decline = "no sales yet" }
"#;

async fn commit(node: &Node, effects: Vec<Effect>) {
    let stamp = Stamp { verb: "test", config: node.plan().hash.clone(), now: node.clock.now() };
    let tx = node.store.begin(WriteLane::Hot).await.expect("a transaction");
    let reaction = Reaction { effects, ..Reaction::default() };
    tx.commit(&stamp, &[reaction]).await.expect("it is committed");
}

fn row(remote: &RemoteRef, node: &Node, deleted: bool) -> Effect {
    let now = node.clock.now();
    Effect::PutMirror(Box::new(MirrorRow {
        remote: remote.clone(),
        facts: MirrorFacts::default(),
        fields: Default::default(),
        modified_at: Some(now),
        seen_at: now,
        deleted,
    }))
}

/// The hour is over: the deadline that the deletion set has come.
async fn an_hour_later(node: &Node, lead: LeadId, remote: &RemoteRef) {
    let deadline = Deadline {
        key: format!("{ERASE}/{}/{}/{}", remote.link, remote.object, remote.id),
        at: node.clock.now(),
        kind: ERASE.to_owned(),
        step: 0,
        lead,
        handoff: None,
    };
    commit(node, vec![Effect::SetDeadline(deadline)]).await;
    tick::due(node).await.expect("deadlines are worked off");
    let left = node.store.next_deadline().await.expect("an answer");
    assert!(left.is_none_or(|at| at > node.clock.now()), "it stands no more");
}

async fn forgotten(url: &str) {
    let node = node_of(url, CONFIG).await;
    import(&node, &[("测试甲", "13800001111")], "2026-11-20T08:00:00Z").await;
    let lead = found(&node, "+8613800001111").await.expect("somebody").id;
    let remote = RemoteRef { link: "sales".into(), object: "lead".to_owned(), id: "L1".to_owned() };

    commit(&node, vec![row(&remote, &node, false)]).await;
    an_hour_later(&node, lead, &remote).await;
    assert!(found(&node, "+8613800001111").await.is_some(), "the record is there again");
    let story = node.store.story(lead, 10).await.expect("an answer").expect("a lead");
    assert_ne!(story.lead.stage, Stage::Closed);

    commit(&node, vec![row(&remote, &node, true)]).await;
    an_hour_later(&node, lead, &remote).await;
    assert!(found(&node, "+8613800001111").await.is_none());
    let receipts = node.store.erasures(Some(lead), 5).await.expect("receipts");
    let [receipt] = receipts.as_slice() else { panic!("one receipt, but {receipts:?}") };
    assert_eq!(receipt.who, "crm:sales");
    assert!(receipt.reason.as_deref().is_some_and(|reason| reason.contains("deleted in the CRM")));
    node.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_deleted_in_the_crm_is_forgotten_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    forgotten(&format!("sqlite:{}", folder.path().join("deleted.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_deleted_in_the_crm_is_forgotten_on_postgres() {
    let database = leadloop_testing::fresh_database("deleted");
    forgotten(database.url()).await;
}
