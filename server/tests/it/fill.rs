//! Records that wait to be made without a hand-over while their leads turn out to be one person: the CRM is down, and gets one
//! when it is back; so does a hand-over whose record waits. On both engines.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leadloop_connector_api::{Answer, Body, Method, Request};
use leadloop_server::fill::Order as Fill;
use leadloop_server::orders::{Order, carry_out};
use leadloop_server::people;
use leadloop_server::persons::{self, Said};
use leadloop_server::wire::{BoxFuture, Wire, WireError};
use leadloop_server::{Running, fill};
use leadloop_store::Store;
use leadloop_sync_core::book::Needs;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::fill::Run;
use leadloop_sync_core::handoff::HandoffState;
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::outbox::{DeliveryState, Purpose};

use crate::outbox::{Played, mirrored, node_quiet, post, until};

const RUN: &str = "backfill-1";

/// A CRM that can be down, with how many records it was told to make.
#[derive(Default)]
struct Counted {
    crm: Played,
    made: AtomicUsize,
}

impl Wire for Counted {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, WireError>> {
        Box::pin(async move {
            let answer = self.crm.send(request, timeout).await?;
            let makes = ["/leads", "/leads/batch"].iter().any(|end| request.url.ends_with(end));
            if let (Method::Post, true, Body::Json(body)) = (&request.method, makes, &request.body)
                && body["operation"] != "update"
            {
                let records = body["records"].as_array().map_or(1, Vec::len);
                self.made.fetch_add(records, Ordering::SeqCst);
            }
            Ok(answer)
        })
    }
}

async fn lead(store: &Store, n: usize) -> Option<Lead> {
    let who = Identifier::new("phone", format!("+861390000{n:04}"));
    let needs = Needs { identifiers: [who.clone()].into(), ..Needs::default() };
    store.look(&needs).await.expect("the store answers").lead_of(&who).cloned()
}

async fn run(store: &Store) -> Run {
    fill::run(store, RUN).await.expect("the store answers").expect("it was ordered")
}

async fn ordered(running: &Running) {
    let order = Fill {
        link: "sales".into(),
        filter: None,
        run: RUN.to_owned(),
        config: running.node.plan().hash.clone(),
        at_once: true,
    };
    loop {
        let done = carry_out(&running.node, Order::Fill(order.clone())).await.expect("it is ordered");
        if done.fill.expect("a slice").run.decided {
            return;
        }
    }
}

async fn same(running: &Running, store: &Store, one: usize, other: usize) {
    assert!(try_same(running, store, one, other).await, "they are one");
}

async fn try_same(running: &Running, store: &Store, one: usize, other: usize) -> bool {
    let (one, other) =
        (lead(store, one).await.expect("somebody"), lead(store, other).await.expect("somebody"));
    let said = Said::Same { one: one.id, other: other.id };
    let order = people::Order::Persons(persons::Order { said, who: "test".to_owned() });
    carry_out(&running.node, Order::People(order)).await.is_ok()
}

async fn one_record(url: &str) {
    let crm = Arc::new(Counted::default());
    let wire: Arc<dyn Wire> = Arc::<Counted>::clone(&crm);
    let (running, store) = node_quiet(url, wire).await;
    mirrored(&store).await;
    post(&running, &[("测试甲", 1), ("测试乙", 2), ("测试丙", 3), ("测试丁", 4)]).await;
    until("they are in the pool", async || lead(&store, 4).await.is_some()).await;
    crm.crm.switch(false);
    ordered(&running).await;
    assert_eq!(run(&store).await.under_way(), 4);

    // Of the first two both records wait; the third is the person of the first by way of the second.
    same(&running, &store, 1, 2).await;
    same(&running, &store, 2, 3).await;
    let first = lead(&store, 1).await.expect("somebody").id;
    assert_eq!(lead(&store, 3).await.map(|lead| lead.id), Some(first));
    crm.crm.switch(true);
    until("the run came to its end", async || run(&store).await.under_way() == 0).await;
    let done = run(&store).await;
    assert_eq!((done.written, done.met, done.refused), (2, 2, 0), "{done:?}");
    assert_eq!(crm.made.load(Ordering::SeqCst), 2, "one record for the three, one for the fourth");
    let person = lead(&store, 2).await.expect("somebody");
    assert_eq!(person.remotes.len(), 1);
    let story = store.story(person.id, 50).await.expect("the store answers").expect("a lead");
    let fills =
        story.deliveries.iter().map(|told| &told.delivery).filter(|told| told.purpose == Purpose::Fill);
    let open = fills.filter(|told| told.state != DeliveryState::Settled);
    assert_eq!(open.count(), 0, "none of its records waits");
    handed_over_meanwhile(&crm, &running, &store).await;
    running.stop().await;
}

/// The record of a hand-over waits while its person turns out to be the one of the fourth record.
async fn handed_over_meanwhile(crm: &Counted, running: &Running, store: &Store) {
    crm.crm.switch(false);
    for name in ["测试戊", "测试己", "测试庚", "测试辛"] {
        post(running, &[(name, 5)]).await;
    }
    let of_fifth = async || {
        let id = lead(store, 5).await.expect("somebody").id;
        store.story(id, 50).await.expect("the store answers").expect("a lead").handoffs
    };
    until("its record waits", async || {
        lead(store, 5).await.is_some()
            && of_fifth().await.iter().any(|handoff| handoff.state == HandoffState::Telling)
    })
    .await;
    // Not while an attempt is under way.
    until("they are one", async || try_same(running, store, 4, 5).await).await;
    let made = crm.made.load(Ordering::SeqCst);
    crm.crm.switch(true);
    until("sales have it", async || {
        of_fifth().await.iter().any(|handoff| handoff.state == HandoffState::WithSales)
    })
    .await;
    assert_eq!(crm.made.load(Ordering::SeqCst), made, "with the record there was");
    let person = lead(store, 5).await.expect("somebody");
    assert_eq!(person.remotes.len(), 1);
    assert_eq!(of_fifth().await[0].remote.as_ref(), person.remotes.first());
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_that_become_one_get_one_record_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    one_record(&format!("sqlite:{}", folder.path().join("fill.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_that_become_one_get_one_record_on_postgres() {
    one_record(leadloop_testing::fresh_database("fill").url()).await;
}
