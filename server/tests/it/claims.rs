//! A store that takes in what is pushed and gives no delivery out: that is "cannot be stored" too, and said.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use leadloop_server::clock::{Clock, SystemClock};
use leadloop_store::{Go, Steps};
use leadloop_sync_core::time::Timestamp;
use leadloop_testing::http;

use super::outbox::{Played, mirrored, node_on, post, until};
use super::set_up::store;

/// Claims of such a store fail while it is shut.
#[derive(Debug, Default)]
struct Shut(AtomicBool);

impl Steps for Shut {
    fn before(&self, statement: &'static str) -> Pin<Box<dyn Future<Output = Go> + Send + '_>> {
        let fails = statement == "delivery_claim" && self.0.load(Ordering::SeqCst);
        let go: Go = (!fails).then(|| Box::new(()) as Box<dyn std::any::Any + Send>);
        Box::pin(ready(go))
    }

    fn clock(&self) -> Timestamp {
        SystemClock.now()
    }

    fn shared(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_claimed_is_told_as_what_cannot_be_stored() {
    let folder = leadloop_testing::temp_dir();
    let opened = store(&format!("sqlite:{}", folder.path().join("claims.db").display())).await;
    let (shut, crm) = (Arc::new(Shut::default()), Arc::new(Played::default()));
    let steps: Arc<dyn Steps> = Arc::<Shut>::clone(&shut);
    let wire: Arc<dyn leadloop_server::wire::Wire> = Arc::<Played>::clone(&crm);
    let running = node_on(opened.stepped(steps), wire).await;
    mirrored(&opened).await;
    let healthz = async || {
        let to = running.address;
        let asked = tokio::task::spawn_blocking(move || http::get(to, "/healthz"));
        let answer = asked.await.expect("the sender does not panic").expect("it is answered");
        (answer.status, answer.body)
    };
    assert_eq!(healthz().await.0, 200);

    shut.0.store(true, Ordering::SeqCst);
    post(&running, &[("测试", 1)]).await;
    until("/healthz says it", async || {
        let (status, body) = healthz().await;
        status == 503 && body.contains("LL1010")
    })
    .await;
    until("an alarm says it", async || {
        let status = opened.status(Timestamp(0)).await.expect("the store answers");
        status.alarms.iter().any(|raised| raised.alarm.raised && raised.alarm.code == "LL1010")
    })
    .await;
    assert_eq!(crm.written(), 0);

    shut.0.store(false, Ordering::SeqCst);
    until("it is written", async || crm.written() == 1).await;
    until("all is well", async || healthz().await.0 == 200).await;
    running.stop().await;
}
