//! The daily reading of a whole CRM while leads come: it goes behind everything live, page by page, and where more than one
//! exchange goes at a time it never takes the last. The CRM is played at the wire and holds a page back for as long as a test
//! wants; on both engines.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leadloop_connector_api::{Answer, Method, Request};
use leadloop_server::Running;
use leadloop_server::clock::{Clock, SystemClock};
use leadloop_server::wire::{BoxFuture, Wire, WireError};
use leadloop_store::Store;
use leadloop_sync_core::time::{Micros, Timestamp};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::outbox::{Played, mirrored, node_of, post, until};
use crate::set_up::Ahead;

/// Where the second page of the daily reading of leads begins.
const SECOND: &str = "7";
/// Leads that come while its first page is on its way.
const LEADS: usize = 5;

/// A CRM whose leads have two pages in the daily reading, the first of which is held back.
struct Slow {
    crm: Played,
    /// The next page from the beginning is one of the daily reading.
    armed: AtomicBool,
    held: AtomicBool,
    let_go: Semaphore,
    /// For each page of the daily reading that was asked for, how many leads had been written by then.
    pages: Mutex<Vec<usize>>,
}

impl Slow {
    fn pages(&self) -> Vec<usize> {
        self.pages.lock().expect("nobody panics with it").clone()
    }

    fn is_held(&self) -> bool {
        self.held.load(Ordering::SeqCst)
    }
}

impl Wire for Slow {
    fn send<'a>(&'a self, request: &'a Request, time: Duration) -> BoxFuture<'a, Result<Answer, WireError>> {
        Box::pin(async move {
            let has = |name: &str, wanted: &str| {
                request.query.iter().any(|(known, value)| known == name && value == wanted)
            };
            let first = has("modified_since", "0") && self.armed.load(Ordering::SeqCst);
            if request.method == Method::Get && (first || has("cursor", SECOND)) {
                self.pages.lock().expect("nobody panics with it").push(self.crm.written());
                if first && request.url.ends_with("/leads") {
                    self.held.store(true, Ordering::SeqCst);
                    self.let_go.acquire().await.expect("it is never closed").forget();
                    self.held.store(false, Ordering::SeqCst);
                    let now = SystemClock.now().0;
                    let page = json!({ "records": [], "next_cursor": SECOND, "server_time": now });
                    return Ok(Answer::with_body(200, "application/json", page.to_string()));
                }
            }
            self.crm.send(request, time).await
        })
    }
}

/// A node whose daily reading waits for the first page of leads, and leads that were decided about since.
async fn while_it_is_read(url: &str, concurrent: u32) -> (Running, Arc<Slow>) {
    let crm = Arc::new(Slow {
        crm: Played::default(),
        armed: AtomicBool::new(false),
        held: AtomicBool::new(false),
        let_go: Semaphore::new(0),
        pages: Mutex::default(),
    });
    let (clock, wire): (Ahead, Arc<dyn Wire>) = (Ahead::default(), Arc::<Slow>::clone(&crm));
    let limits = format!("limits = {{ per_second = 200, concurrent = {concurrent} }}");
    let (running, store) = node_of(&limits, url, Arc::new(clock.clone()), wire).await;
    mirrored(&store).await;
    crm.armed.store(true, Ordering::SeqCst);
    clock.add(Micros::hours(25));
    until("the first page of leads is asked for", async || {
        running.node.hint("sales", "user");
        crm.is_held()
    })
    .await;
    let names: Vec<(&str, usize)> = (0..LEADS).map(|n| ("测试", n)).collect();
    post(&running, &names).await;
    until("they are decided about", async || decided(&store).await == LEADS).await;
    (running, crm)
}

async fn decided(store: &Store) -> usize {
    let status = store.status(Timestamp(i64::MAX)).await.expect("the store answers");
    let count: i64 = status.handoffs.iter().map(|(_, count)| count).sum();
    usize::try_from(count).expect("a small number")
}

async fn one_at_a_time(url: &str) {
    let (running, crm) = while_it_is_read(url, 1).await;
    let before = crm.pages().len();
    assert!(crm.is_held() && crm.crm.written() == 0, "one exchange at a time");
    crm.let_go.add_permits(1);
    until("the reading goes on", async || crm.pages().len() > before).await;
    assert_eq!(crm.pages().get(before), Some(&LEADS), "whoever is live goes before its next page");
    running.stop().await;
}

async fn two_at_a_time(url: &str) {
    let (running, crm) = while_it_is_read(url, 2).await;
    let before = crm.pages().len();
    until("they are in the CRM", async || crm.crm.written() == LEADS).await;
    assert!(crm.is_held(), "they did not wait for its page");
    assert_eq!(crm.pages().len(), before, "and no other page took what was free");
    crm.let_go.add_permits(1);
    until("the reading goes on", async || crm.pages().len() > before).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_work_goes_before_the_next_page_of_the_daily_reading_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    one_at_a_time(&format!("sqlite:{}", folder.path().join("sweep.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_work_goes_before_the_next_page_of_the_daily_reading_on_postgres() {
    one_at_a_time(leadloop_testing::fresh_database("sweep").url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_work_does_not_wait_for_a_page_of_the_daily_reading_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    two_at_a_time(&format!("sqlite:{}", folder.path().join("sweep.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_work_does_not_wait_for_a_page_of_the_daily_reading_on_postgres() {
    two_at_a_time(leadloop_testing::fresh_database("sweep").url()).await;
}
