//! Two nodes on one PostgreSQL: a link is driven by one of them at a time, and passes on when that one goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leadloop_connector_api::{Answer, Request};
use leadloop_server::Running;
use leadloop_server::leases::lease_name;
use leadloop_server::wire::{BoxFuture, Wire, WireError};
use leadloop_store::{ClaimAsk, Store};
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::outbox::{Played, mirrored, node_with, post, until};

/// The CRM, as one node reaches it.
struct Counted {
    crm: Arc<Played>,
    asked: AtomicUsize,
}

impl Wire for Counted {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, WireError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.crm.send(request, timeout)
    }
}

impl Counted {
    fn new(crm: &Arc<Played>) -> Arc<Self> {
        Arc::new(Self { crm: Arc::clone(crm), asked: AtomicUsize::new(0) })
    }
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn start(url: &str, wire: &Arc<Counted>) -> (Running, Store) {
    let wire: Arc<dyn Wire> = Arc::<Counted>::clone(wire);
    node_with(url, wire).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_driven_by_one_node_and_passes_on_when_it_goes() {
    let database = leadloop_testing::fresh_database("nodes");
    let crm = Arc::new(Played::default());
    let (by_one, by_two) = (Counted::new(&crm), Counted::new(&crm));
    let (one, store) = start(database.url(), &by_one).await;
    mirrored(&store).await;
    let (two, _) = start(database.url(), &by_two).await;
    let link = LinkName::from("sales");
    assert!(one.node.leases.holds(&link, one.node.clock.now()));
    assert!(!two.node.leases.holds(&link, two.node.clock.now()));

    let names: Vec<(&str, usize)> = (0..40).map(|n| ("测试", n)).collect();
    for (place, some) in names.chunks(4).enumerate() {
        post(if place % 2 == 0 { &one } else { &two }, some).await;
    }
    until("all are written", async || crm.written() == 40).await;
    assert_eq!(by_two.asked(), 0, "the second node sends nothing for a link that the first one drives");

    one.stop().await;
    until("the second node drives it", async || two.node.leases.holds(&link, two.node.clock.now())).await;
    let sent_by_one = by_one.asked();
    let later: Vec<(&str, usize)> = (100..120).map(|n| ("测试", n)).collect();
    post(&two, &later).await;
    until("the rest is written", async || crm.written() == 60).await;
    assert_eq!(by_one.asked(), sent_by_one);
    assert!(by_two.asked() > 0);
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_lease_was_taken_sends_nothing_more() {
    let database = leadloop_testing::fresh_database("fenced");
    let crm = Arc::new(Played::default());
    let by_one = Counted::new(&crm);
    let (one, store) = start(database.url(), &by_one).await;
    mirrored(&store).await;
    let link = LinkName::from("sales");
    // As after a freeze: the lease ran out and somebody else has it, while the node still believes in its own.
    let taken = [lease_name(&link)];
    let holder = one.node.id.clone();
    store
        .note_leases(&holder, &[(taken[0].clone(), serde_json::Value::Null)].into(), true)
        .await
        .expect("it is kept");
    let hour = Micros::hours(1);
    assert_eq!(store.lease(&taken, "somebody else", hour).await.expect("it is free").len(), 1);
    let (now, far) = (one.node.clock.now(), Timestamp(i64::MAX));
    let ask = ClaimAsk { holder: Some(holder), ..ClaimAsk::new(link.clone(), 10, far, far) };
    assert!(store.claim(&ask).await.expect("the store answers").is_empty(), "no claim without the lease");
    assert!(now < one.node.clock.now());

    until("it noticed", async || !one.node.leases.holds(&link, one.node.clock.now())).await;
    let asked = by_one.asked();
    post(&one, &[("测试", 1), ("测试", 2)]).await;
    until("both hand-overs are decided", async || {
        let status = store.status(Timestamp(i64::MAX)).await.expect("the store answers");
        status.handoffs.iter().map(|(_, count)| count).sum::<i64>() == 2
    })
    .await;
    assert_eq!((by_one.asked(), crm.written()), (asked, 0), "whoever has the lease sends them");
    store
        .note_leases("somebody else", &[(taken[0].clone(), serde_json::json!({}))].into(), true)
        .await
        .expect("it is kept");
    until("it drives the link again and sends them", async || crm.written() == 2).await;
    one.stop().await;
}
