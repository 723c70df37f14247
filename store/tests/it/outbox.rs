//! The outbox: order within a stream, lanes, fences, and nothing that gets stuck.

use std::collections::BTreeSet;

use leadloop_store::read::parked::ParkedAsk;
use leadloop_store::{ClaimAsk, Store, Topic, WriteLane};
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::ids::{DeliveryId, LinkName};
use leadloop_sync_core::outbox::{Cursor, Delivery, DeliveryState, FindBy, Lane, Operation};
use leadloop_sync_core::time::Timestamp;

use crate::on_both;
use crate::samples::{at, delivery, id, note, reaction, stamp};
use crate::write_path::{commit, written};

fn sales() -> LinkName {
    LinkName::from("sales")
}

fn enqueue(delivery: Delivery) -> Effect {
    Effect::Enqueue(Box::new(delivery))
}

fn moved(id: DeliveryId, attempt: u32, to: DeliveryState, due_at: Timestamp) -> Effect {
    let class = if to == DeliveryState::Settled { "done" } else { "unavailable" };
    let note = note(class);
    Effect::MoveDelivery { id, attempt, to, due_at, probe: None, operation: None, reset: false, note }
}

async fn claim(store: &Store, limit: u32, now: i64) -> Vec<Delivery> {
    store.claim(&ClaimAsk::new(sales(), limit, at(now), at(now + 60))).await.unwrap()
}

fn ids(deliveries: &[Delivery]) -> Vec<DeliveryId> {
    deliveries.iter().map(|delivery| delivery.id).collect()
}

#[tokio::test]
async fn a_stream_is_said_in_order_and_hot_goes_first() {
    on_both("order", |store| async move {
        let mut wake = store.wakes().on(Topic::Outbox(sales()));
        written(
            &store,
            vec![
                enqueue(delivery(1, "one", Lane::Normal)),
                enqueue(delivery(2, "one", Lane::Normal)),
                enqueue(delivery(3, "two", Lane::Backfill)),
                enqueue(delivery(4, "three", Lane::Hot)),
            ],
        )
        .await;
        wake.wait().await;
        assert_eq!(store.next_due(&[sales(), "ma".into()]).await.unwrap(), [(sales(), at(0))].into());
        assert!(claim(&store, 10, -1).await.is_empty());
        let claimed = claim(&store, 2, 0).await;
        assert_eq!(ids(&claimed), vec![id(4), id(1)]);
        let mut expected = delivery(4, "three", Lane::Hot);
        expected.attempt = 1;
        expected.seq = claimed[0].seq;
        expected.state = DeliveryState::Claimed { until: at(60) };
        assert_eq!(claimed[0], expected);
        assert_eq!(ids(&claim(&store, 10, 0).await), vec![id(3)]);
        assert!(claim(&store, 10, 0).await.is_empty());
        // The next of a stream is due when the one before is settled, and no sooner.
        written(&store, vec![moved(id(1), 1, DeliveryState::Due, at(30))]).await;
        assert!(claim(&store, 10, 29).await.is_empty());
        assert_eq!(ids(&claim(&store, 10, 30).await), vec![id(1)]);
        written(&store, vec![moved(id(1), 2, DeliveryState::Settled, at(30))]).await;
        assert_eq!(ids(&claim(&store, 10, 30).await), vec![id(2)]);
    })
    .await;
}

#[tokio::test]
async fn what_stands_before_something_hot_in_its_stream_goes_as_soon() {
    on_both("promote", |store| async move {
        written(
            &store,
            vec![
                enqueue(delivery(1, "one", Lane::Normal)),
                enqueue(delivery(2, "two", Lane::Backfill)),
                enqueue(delivery(3, "three", Lane::Backfill)),
            ],
        )
        .await;
        written(
            &store,
            vec![enqueue(delivery(4, "three", Lane::Hot)), enqueue(delivery(5, "one", Lane::Backfill))],
        )
        .await;
        // The backfill of "three" comes before the normal one of "one"; what a later backfill stands behind stays.
        let first = claim(&store, 1, 0).await;
        assert_eq!((ids(&first), first[0].lane), (vec![id(3)], Lane::Hot));
        assert_eq!(ids(&claim(&store, 10, 0).await), vec![id(1), id(2)]);
        written(&store, vec![moved(id(3), 1, DeliveryState::Settled, at(0))]).await;
        assert_eq!(ids(&claim(&store, 10, 0).await), vec![id(4)]);
    })
    .await;
}

#[tokio::test]
async fn a_claim_takes_only_the_lanes_and_kinds_it_asked_for() {
    on_both("kinds", |store| async move {
        let mut poll = delivery(1, "poll", Lane::Normal);
        poll.operation = Operation::Changes { object: "lead".into(), cursor: Cursor::default() };
        written(&store, vec![enqueue(poll), enqueue(delivery(2, "a", Lane::Hot))]).await;
        let ask = |lanes: &[Lane], kinds: &[&str]| ClaimAsk {
            lanes: lanes.to_vec(),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            ..ClaimAsk::new(sales(), 10, at(0), at(60))
        };
        assert!(store.claim(&ask(&[Lane::Hot], &["changes"])).await.unwrap().is_empty());
        assert_eq!(ids(&store.claim(&ask(&[], &["changes", "find"])).await.unwrap()), vec![id(1)]);
        assert_eq!(ids(&store.claim(&ask(&[Lane::Hot], &[])).await.unwrap()), vec![id(2)]);
        assert!(store.claim(&ClaimAsk::new("ma".into(), 10, at(0), at(60))).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_link_that_is_drained_takes_nothing_that_came_later() {
    on_both("drained", |store| async move {
        written(&store, vec![enqueue(delivery(1, "a", Lane::Normal))]).await;
        let upto = store.last_delivery().await.unwrap();
        written(&store, vec![enqueue(delivery(2, "b", Lane::Hot))]).await;
        let ask = ClaimAsk { upto, ..ClaimAsk::new(sales(), 10, at(0), at(60)) };
        assert_eq!(ids(&store.claim(&ask).await.unwrap()), vec![id(1)]);
        assert_eq!(ids(&claim(&store, 10, 0).await), vec![id(2)]);
    })
    .await;
}

#[tokio::test]
async fn a_settlement_under_an_old_number_is_stale_for_its_reaction_only() {
    on_both("fence", |store| async move {
        let both = (1..=2).map(|n| enqueue(delivery(n, &n.to_string(), Lane::Normal))).collect();
        written(&store, both).await;
        claim(&store, 10, 0).await;
        written(&store, vec![moved(id(1), 1, DeliveryState::Due, at(0))]).await;
        assert_eq!(claim(&store, 10, 0).await[0].attempt, 2);
        let late = [
            reaction(vec![moved(id(1), 1, DeliveryState::Settled, at(0))]),
            reaction(vec![moved(id(2), 1, DeliveryState::Settled, at(0))]),
        ];
        assert_eq!(commit(&store, &late).await.stale, BTreeSet::from([0]));
        // Settled once is settled.
        assert_eq!(commit(&store, &late[1..]).await.stale, BTreeSet::from([0]));
        let unknown = [reaction(vec![moved(id(99), 1, DeliveryState::Settled, at(0))])];
        assert_eq!(commit(&store, &unknown).await.stale, BTreeSet::from([0]));
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_ran_out_is_found_once_and_can_be_settled() {
    on_both("expired", |store| async move {
        written(&store, vec![enqueue(delivery(1, "one", Lane::Normal))]).await;
        claim(&store, 10, 0).await; // until 60
        assert!(store.expired_claims(None, at(60), at(90), 10).await.unwrap().is_empty());
        let expired = store.expired_claims(None, at(61), at(90), 10).await.unwrap();
        assert_eq!((ids(&expired), expired[0].attempt), (vec![id(1)], 1));
        assert!(store.expired_claims(None, at(61), at(90), 10).await.unwrap().is_empty());
        let probe = Effect::MoveDelivery {
            id: id(1),
            attempt: 1,
            to: DeliveryState::Due,
            due_at: at(70),
            probe: Some(0),
            operation: None,
            reset: false,
            note: note("unknown"),
        };
        written(&store, vec![probe]).await;
        let again = claim(&store, 10, 70).await;
        assert_eq!((again[0].probe, again[0].attempt), (Some(0), 2));
    })
    .await;
}

fn poll(n: u64, object: &str) -> Delivery {
    let mut poll = delivery(n, &format!("poll/{object}"), Lane::Normal);
    poll.operation = Operation::Changes { object: object.into(), cursor: Cursor::default() };
    poll.standing = Some(format!("poll/sales/{object}"));
    poll.lead = None;
    poll
}

fn polled(n: u64, attempt: u32, due_at: i64, after: &str) -> Effect {
    let cursor = Cursor { since: Some(at(1)), after_id: Some(after.into()), token: None };
    Effect::MoveDelivery {
        id: id(n),
        attempt,
        to: DeliveryState::Due,
        due_at: at(due_at),
        probe: None,
        operation: Some(Box::new(Operation::Changes { object: "lead".into(), cursor })),
        reset: true,
        note: note("done"),
    }
}

#[tokio::test]
async fn a_standing_delivery_is_made_once_and_goes_on_from_its_cursor() {
    on_both("standing", |store| async move {
        written(&store, vec![enqueue(poll(1, "lead"))]).await;
        written(&store, vec![enqueue(poll(2, "lead"))]).await;
        assert_eq!(ids(&claim(&store, 10, 0).await), vec![id(1)]);
        written(&store, vec![polled(1, 1, 60, "42")]).await;
        let again = claim(&store, 10, 60).await;
        assert_eq!(again[0].attempt, 1, "counted anew after success");
        let Operation::Changes { cursor, .. } = &again[0].operation else { panic!("not a poll") };
        assert_eq!(cursor.after_id.as_deref(), Some("42"));
    })
    .await;
}

#[tokio::test]
async fn a_hint_hurries_a_poll_that_rests_or_runs_but_not_one_that_fails() {
    on_both("hurry", |store| async move {
        let hurry = |object: Option<&str>, seconds| Effect::Hurry {
            link: sales(),
            object: object.map(str::to_owned),
            due_at: at(seconds),
        };
        let mut rests = poll(1, "lead");
        rests.due_at = at(600);
        let mut other = poll(2, "account");
        other.due_at = at(600);
        written(&store, vec![enqueue(rests), enqueue(other)]).await;
        written(&store, vec![hurry(Some("lead"), 10)]).await;
        assert_eq!(ids(&claim(&store, 10, 10).await), vec![id(1)]);
        // Told while it runs: runs again at once.
        written(&store, vec![hurry(None, 11)]).await;
        written(&store, vec![polled(1, 1, 600, "42")]).await;
        assert_eq!(ids(&claim(&store, 10, 11).await), vec![id(1), id(2)]);
        // One that waits for a retry keeps its wait.
        written(&store, vec![moved(id(1), 1, DeliveryState::Due, at(900))]).await;
        written(&store, vec![hurry(None, 12)]).await;
        assert!(claim(&store, 10, 899).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_is_made_already_claimed_is_so_only_where_it_is_the_first() {
    on_both("taken", |store| async move {
        let claimed = |n: u64, stream: &str| {
            let mut delivery = delivery(n, stream, Lane::Hot);
            delivery.state = DeliveryState::Claimed { until: at(60) };
            delivery.attempt = 1;
            enqueue(delivery)
        };
        written(&store, vec![enqueue(delivery(1, "one", Lane::Normal))]).await;
        let done = commit(&store, &[reaction(vec![claimed(2, "one"), claimed(3, "two")])]).await;
        assert_eq!(done.claimed, BTreeSet::from([id(3)]));
        assert_eq!(ids(&claim(&store, 10, 0).await), vec![id(1)]);
        written(&store, vec![moved(id(3), 1, DeliveryState::Settled, at(0))]).await;
        written(&store, vec![moved(id(1), 1, DeliveryState::Settled, at(0))]).await;
        let next = claim(&store, 10, 0).await;
        assert_eq!((ids(&next), next[0].attempt), (vec![id(2)], 1));
    })
    .await;
}

#[tokio::test]
async fn parked_deliveries_are_listed_retried_and_dropped() {
    on_both("parked_deliveries", |store| async move {
        let effects = (1..=2_500).map(|n| enqueue(delivery(n, &format!("s{n}"), Lane::Normal)));
        written(&store, effects.chain([enqueue(delivery(9_000, "s7", Lane::Normal))]).collect()).await;
        let claimed = claim(&store, 5_000, 0).await;
        assert_eq!(claimed.len(), 2_500);
        let parked = |code: &str| DeliveryState::Parked { code: code.into(), detail: "no such field".into() };
        let park = claimed.iter().enumerate().map(|(n, delivery)| {
            let code = if n < 10 { "LL4001" } else { "LL4002" };
            moved(delivery.id, 1, parked(code), at(0))
        });
        written(&store, park.collect()).await;
        let ask = |code: Option<&str>, limit| ParkedAsk {
            link: Some(sales()),
            code: code.map(str::to_owned),
            limit,
            ..ParkedAsk::default()
        };
        let listed = store.parked_deliveries(&ask(Some("LL4001"), 4)).await.unwrap();
        assert_eq!(listed.len(), 4);
        assert_eq!(listed[0].delivery.state, parked("LL4001"));
        assert_eq!(listed[0].attempts, vec![note("unavailable")]);
        let next = ParkedAsk { after: Some(listed[3].delivery.seq), ..ask(Some("LL4001"), 100) };
        assert_eq!(store.parked_deliveries(&next).await.unwrap().len(), 6);
        let counts = store.status(at(0)).await.unwrap().parked;
        assert_eq!(counts.iter().map(|parked| parked.count).sum::<i64>(), 2_500);
        let causes = store.parked_causes(&ask(None, 10)).await.unwrap();
        let told: Vec<_> =
            causes.iter().map(|cause| (cause.code.as_str(), cause.count, cause.kind.as_str())).collect();
        assert_eq!(told, [("LL4002", 2_490, "create"), ("LL4001", 10, "create")]);
        let later = ParkedAsk { since: Some(at(1)), ..ask(None, 10) };
        assert!(store.parked_causes(&later).await.unwrap().is_empty());
        assert_eq!(store.retry_deliveries(&ParkedAsk { limit: 0, ..later }, None, at(2)).await.unwrap(), 0);

        // A parked delivery holds its stream up until somebody decides.
        assert!(claim(&store, 10, 0).await.is_empty());
        let one = ParkedAsk { ids: vec![id(7)], ..ask(None, 1) };
        assert_eq!(store.drop_deliveries(&one, at(1)).await.unwrap(), 1);
        assert_eq!(ids(&claim(&store, 10, 1).await), vec![id(9_000)]);
        assert_eq!(store.retry_deliveries(&ask(Some("LL4002"), 0), None, at(2)).await.unwrap(), 2_490);
        assert_eq!(store.retry_deliveries(&ask(None, 0), None, at(2)).await.unwrap(), 9);
        assert_eq!(claim(&store, 5_000, 2).await.len(), 2_499);

        // Mended by a person: sent with its new content, and the note says who.
        written(&store, vec![moved(id(8), 2, parked("LL4001"), at(2))]).await;
        let mended = Operation::Find { object: "lead".into(), by: FindBy::Mark("mended".into()) };
        assert!(store.fix_delivery(id(8), &mended, "somebody", at(3)).await.unwrap());
        assert!(!store.fix_delivery(id(8), &mended, "somebody", at(3)).await.unwrap());
        let claimed = claim(&store, 10, 3).await;
        assert_eq!(claimed.iter().map(|delivery| &delivery.operation).collect::<Vec<_>>(), [&mended]);
    })
    .await;
}

#[tokio::test]
async fn a_delivery_added_while_the_one_before_it_settles_does_not_wait_for_ever() {
    on_both("race", |store| async move {
        for round in 0..20 {
            let (first, second) = (round * 2 + 1, round * 2 + 2);
            written(&store, vec![enqueue(delivery(first, "one", Lane::Normal))]).await;
            claim(&store, 10, 0).await;
            let settle = [reaction(vec![moved(id(first), 1, DeliveryState::Settled, at(0))])];
            let add = [reaction(vec![enqueue(delivery(second, "one", Lane::Normal))])];
            let stamp = stamp("settle");
            let (one, two) = tokio::join!(
                async {
                    let tx = store.begin(WriteLane::Hot).await.unwrap();
                    tx.commit(&stamp, &settle).await.unwrap()
                },
                async {
                    let tx = store.begin(WriteLane::Hot).await.unwrap();
                    tx.commit(&stamp, &add).await.unwrap()
                },
            );
            assert!(one.stale.is_empty() && two.stale.is_empty());
            assert_eq!(ids(&claim(&store, 10, 0).await), vec![id(second)], "round {round}");
            written(&store, vec![moved(id(second), 1, DeliveryState::Settled, at(0))]).await;
        }
    })
    .await;
}
