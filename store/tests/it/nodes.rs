//! Several workers at once, on SQLite within one process, on PostgreSQL as two nodes: one person stays one lead, and
//! nothing is counted twice or lost.

use std::collections::BTreeSet;

use leadloop_store::{Store, StoreError, StoreSettings, WriteLane};
use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::capture::{CaptureEnd, Captured};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::Lane;

use crate::samples::{at, binding, delivery, event, lead, phone, push, put, reaction, stamp};

const CAPTURES: u64 = 300;
const PEOPLE: u64 = 30;

fn absorb(book: &Book, captured: &Captured, moment: &mut Moment) -> Reaction {
    let mut next = book.lead_of(&captured.who[0]).cloned().unwrap_or_else(|| {
        let mut new = lead(0, 0);
        new.id = moment.id();
        new.touches = 0;
        new
    });
    next.version += 1;
    next.touches += 1;
    let mut bound = binding(0, captured.who[0].clone());
    bound.lead = next.id;
    let mut told = delivery(0, &format!("lead/{}", next.id), Lane::Hot);
    told.id = moment.id();
    told.lead = Some(next.id);
    let end = CaptureEnd::Touched(next.id);
    reaction(vec![
        put(next),
        Effect::Bind(bound),
        Effect::Enqueue(Box::new(told)),
        Effect::FinishCapture { id: captured.id, end },
    ])
}

/// Absorbs until nothing is due; what is stale is decided anew.
async fn work(store: Store, seed: u64, turns: bool) {
    let mut moment = Moment::new(at(0), seed);
    loop {
        let mut tx = store.begin(WriteLane::Hot).await.unwrap();
        let captures = tx.claim_captures(7, &BTreeSet::new()).await.unwrap();
        if captures.is_empty() {
            tx.undo().await.unwrap();
            return;
        }
        let who: BTreeSet<_> = captures.iter().flat_map(|captured| captured.who.clone()).collect();
        let keys = who.iter().filter(|_| turns).map(|who| who.value.clone()).collect();
        let loaded = match tx.take_turns(&keys).await {
            Ok(()) => tx.load(&Needs { identifiers: who, ..Needs::default() }).await,
            Err(error) => Err(error),
        };
        let mut book = match loaded {
            Ok(book) => book,
            Err(error) => {
                assert!(matches!(error, StoreError::Stale { .. }), "{error}");
                continue;
            }
        };
        let mut reactions = Vec::new();
        for captured in &captures {
            let made = absorb(&book, captured, &mut moment);
            book.apply(&made);
            reactions.push(made);
        }
        match tx.commit(&stamp("absorb"), &reactions).await {
            Ok(_) => {} // what was stale is still due
            Err(error) => assert!(matches!(error, StoreError::Stale { .. }), "{error}"),
        }
    }
}

async fn check(stores: &[Store], turns: bool) {
    let captures = (0..CAPTURES).map(|n| {
        let mut captured = event(n);
        captured.who = vec![phone(n * 7 % PEOPLE)];
        captured
    });
    stores[0].keep(&[push(1, captures.collect())]).await.unwrap();
    let workers: Vec<_> = (1..=4)
        .map(|seed| {
            tokio::spawn(work(stores[usize::try_from(seed).unwrap() % stores.len()].clone(), seed, turns))
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let needs = Needs { identifiers: (0..PEOPLE).map(phone).collect(), ..Needs::default() };
    let book = stores[0].look(&needs).await.unwrap();
    let people: BTreeSet<LeadId> = book.leads.keys().copied().collect();
    assert_eq!(people.len(), usize::try_from(PEOPLE).unwrap());
    assert_eq!(
        stores[0].linked_leads(None, 1_000).await.unwrap().len(),
        people.len(),
        "no lead without a phone"
    );
    for lead in book.leads.values() {
        assert_eq!((lead.touches, lead.version), (10, 10), "{}", lead.id);
        let story = stores[0].story(lead.id, 1).await.unwrap().unwrap();
        assert_eq!(story.deliveries.len(), 10);
        assert!(story.deliveries.is_sorted_by_key(|told| told.delivery.seq));
    }
    let queue = &stores[0].status(at(0)).await.unwrap().links[0];
    assert_eq!((queue.due, queue.waiting), (30, 270), "of each lead the first is due");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_stays_one_lead_under_several_workers_of_a_file() {
    let store = Store::open(&StoreSettings::new("sqlite::temporary:")).await.unwrap();
    check(std::slice::from_ref(&store), true).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_stays_one_lead_under_two_nodes() {
    // Turns keep the nodes from deciding for nothing. That nothing goes wrong does not depend on them.
    for turns in [true, false] {
        let database = leadloop_testing::fresh_database("nodes");
        let settings = StoreSettings::new(database.url());
        let stores = [Store::open(&settings).await.unwrap(), Store::open(&settings).await.unwrap()];
        check(&stores, turns).await;
        for store in stores {
            store.close().await;
        }
    }
}
