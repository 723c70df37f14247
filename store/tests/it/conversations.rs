//! What was said in attempts: stored once for a batch, found from each of its attempts, gone with its time and with any of
//! its people, and never written again then.

use std::collections::BTreeSet;
use std::sync::Arc;

use leadloop_store::erase::Forget;
use leadloop_store::{ClaimAsk, Retention, Spoken, Store, WriteLane};
use leadloop_sync_core::conversation::{Conversation, Heard, Turn, Words};
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::ids::{ConversationId, LinkName};
use leadloop_sync_core::outbox::{DeliveryState, Lane};
use leadloop_sync_core::time::Micros;

use crate::on_both;
use crate::samples::{at, binding, delivery, id, lead, note, phone, put, reaction, stamp, version};
use crate::write_path::written;

/// A conversation of these attempts in which `text` was said.
pub(crate) fn spoken(n: u64, of: &[(u64, u32)], text: &str) -> Arc<Spoken> {
    let words = |text: &str| Words { text: text.to_owned(), bytes: 7, cut: true };
    let turn = Turn {
        at: at(3),
        took: Micros::millis(40),
        method: "POST".into(),
        url: "https://crm.example/leads".into(),
        headers: vec![("accept".into(), "application/json".into())],
        body: words(text),
        answer: Some(Heard { status: 422, headers: vec![], body: words("no") }),
        broken: None,
    };
    Arc::new(Spoken::new(Conversation {
        id: id(n),
        link: LinkName::from("sales"),
        of: of.iter().map(|(n, attempt)| (id(*n), *attempt)).collect(),
        loose: of.iter().any(|(n, _)| *n >= 90),
        turns: vec![turn],
    }))
}

/// Leads 1 to 3 with a claimed delivery each (11 to 13), and one about nobody (90).
async fn under_way(store: &Store) {
    store.activate(&version("config-1"), at(0)).await.unwrap();
    let mut effects = Vec::new();
    for n in 1..=3 {
        let mut told = delivery(10 + n, &format!("lead/{n}"), Lane::Hot);
        told.lead = Some(id(n));
        effects.extend([put(lead(n, 1)), Effect::Bind(binding(n, phone(n)))]);
        effects.push(Effect::Enqueue(Box::new(told)));
    }
    effects.push(Effect::Enqueue(Box::new(delivery(90, "poll", Lane::Normal))));
    written(store, effects).await;
    let ask = ClaimAsk::new(LinkName::from("sales"), 10, at(5), at(60));
    assert_eq!(store.claim(&ask).await.unwrap().len(), 4);
}

async fn settled(store: &Store, deliveries: &[u64], spoken: &[Arc<Spoken>]) {
    let moved = |n: &u64| Effect::MoveDelivery {
        id: id(*n),
        attempt: 1,
        to: DeliveryState::Parked { code: "LL4201".into(), detail: "no".into() },
        due_at: at(6),
        probe: None,
        operation: None,
        reset: false,
        note: note("data"),
    };
    let tx = store.begin(WriteLane::Hot).await.unwrap().spoken(spoken.to_vec());
    let done = tx.commit(&stamp("settle"), &[reaction(deliveries.iter().map(moved).collect())]).await;
    assert!(done.unwrap().stale.is_empty());
}

async fn kept(store: &Store, ids: &[u64]) -> Vec<ConversationId> {
    let ids: Vec<ConversationId> = ids.iter().map(|n| id(*n)).collect();
    store.conversations(&ids).await.unwrap().into_keys().collect()
}

async fn forgotten(store: &Store, n: u64) -> u64 {
    let (leads, identifiers) = (BTreeSet::from([id(n)]), BTreeSet::from([phone(n)]));
    let records = BTreeSet::new();
    let forget =
        Forget { leads: &leads, identifiers: &identifiers, records: &records, who: "tester", reason: None };
    let tx = store.begin(WriteLane::Hot).await.unwrap();
    let receipt = tx.forget(&forget, &stamp("erase"), &reaction(vec![])).await.unwrap();
    receipt.unwrap().gone["conversation"]
}

#[tokio::test]
async fn a_batch_shares_one_and_its_time_ends_it() {
    on_both("said", async |store| {
        under_way(&store).await;
        let said = spoken(1, &[(11, 1), (12, 1), (13, 1)], "{\"name\":\"测试\"}");
        // What was stale the first time is settled by itself; the conversation is there by then.
        settled(&store, &[11, 12], &[Arc::clone(&said)]).await;
        settled(&store, &[13], &[said, spoken(2, &[(77, 1)], "of nobody here")]).await;
        settled(&store, &[90], &[]).await;
        for n in [11, 12, 13] {
            let told = store.told_delivery(id(n)).await.unwrap().unwrap();
            assert_eq!(told.said, [Some(id(1))]);
        }
        assert_eq!(store.told_delivery(id(90)).await.unwrap().unwrap().said, [None]);
        assert!(store.told_delivery(id(99)).await.unwrap().is_none());
        let conversations = store.conversations(&[id(1)]).await.unwrap();
        assert_eq!(conversations[&id(1)].turns[0].body.text, "{\"name\":\"测试\"}");
        assert_eq!(conversations[&id(1)].of.len(), 3);
        assert_eq!(kept(&store, &[1, 2]).await, [id(1)], "what no attempt here was about is not kept");
        let before = |seconds: i64| Retention { conversations: Some(at(seconds)), ..Retention::default() };
        // Ids of these tests begin before any time.
        assert_eq!(store.retain(&before(1), 10).await.unwrap(), 1);
        assert!(kept(&store, &[1]).await.is_empty());
        assert_eq!(store.told_delivery(id(11)).await.unwrap().unwrap().attempts.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn it_goes_with_any_of_its_people_and_does_not_come_back() {
    on_both("unsaid", async |store| {
        under_way(&store).await;
        let together = spoken(1, &[(11, 1), (12, 1)], "both");
        settled(&store, &[11], &[Arc::clone(&together)]).await;
        let alone = spoken(2, &[(13, 1)], "the third");
        let of_nobody = spoken(3, &[(90, 1)], &format!("a page with {}", phone(1).value));
        settled(&store, &[13, 90], &[alone, of_nobody]).await;
        assert_eq!(kept(&store, &[1, 2, 3]).await, [id(1), id(2), id(3)]);
        assert_eq!(store.held(&BTreeSet::from([id(1)])).await.unwrap()["conversation"], 1);
        assert_eq!(forgotten(&store, 1).await, 2, "theirs, and the page that holds their number");
        // The other half of the batch is settled only now.
        settled(&store, &[12], &[together]).await;
        assert_eq!(kept(&store, &[1, 2, 3]).await, [id(2)]);
        assert_eq!(forgotten(&store, 3).await, 1);
    })
    .await;
}
