//! How many writes one order takes back, whoever sends it. On both engines.

use std::collections::BTreeMap;

use leadloop_server::orders::{Order, carry_out};
use leadloop_server::undo::{self, MOST, SLICE};
use leadloop_store::{Stamp, WriteLane};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::ids::DeliveryId;
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::undo::BeforeImage;

use crate::person::{found, import, node};

async fn bounded(url: &str) {
    let node = node(url, 10).await;
    import(&node, &[("测试甲", "13800001111")], "2026-11-20T08:00:00Z").await;
    let lead = found(&node, "+8613800001111").await.expect("somebody").id;
    let mut moment = node.clock.moment();
    let image = |record: &str, delivery| {
        Effect::KeepBefore(Box::new(BeforeImage {
            delivery,
            remote: RemoteRef { link: "sales".into(), object: "lead".to_owned(), id: record.to_owned() },
            lead,
            handoff: None,
            run: None,
            at: node.clock.now(),
            made_at: node.clock.now(),
            created: false,
            fields: BTreeMap::new(),
        }))
    };
    let of_one: Vec<DeliveryId> = (0..=SLICE).map(|_| moment.id()).collect();
    let another: DeliveryId = moment.id();
    let mut effects: Vec<Effect> = of_one.iter().map(|delivery| image("L1", *delivery)).collect();
    effects.push(image("L2", another));
    let stamp = Stamp { verb: "test", config: node.plan().hash.clone(), now: node.clock.now() };
    let tx = node.store.begin(WriteLane::Hot).await.expect("a transaction");
    tx.commit(&stamp, &[Reaction { effects, ..Reaction::default() }]).await.expect("it is committed");

    let order = |deliveries: Vec<DeliveryId>| {
        Order::Undo(undo::Order { deliveries, run: "undo-test".to_owned(), who: "tester".to_owned() })
    };
    let several = of_one.iter().copied().chain([another]).collect();
    let refused = carry_out(&node, order(several)).await.expect_err("too many of several records");
    assert_eq!(refused.code.as_deref(), Some("LL4801"), "{refused}");
    carry_out(&node, order(of_one)).await.expect("all writes of one record stand in one order");
    let many = (0..=MOST).map(|_| moment.id()).collect();
    let refused = carry_out(&node, order(many)).await.expect_err("too many of anything");
    assert_eq!(refused.code.as_deref(), Some("LL4801"), "{refused}");
    node.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_takes_back_so_many_writes_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    bounded(&format!("sqlite:{}", folder.path().join("undo.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_takes_back_so_many_writes_on_postgres() {
    let database = leadloop_testing::fresh_database("undo_bound");
    bounded(database.url()).await;
}
