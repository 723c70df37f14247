//! Visits: events are counted once, by visitor, and told when they are over.

use leadloop_store::WriteLane;
use leadloop_sync_core::capture::{DedupKey, Identifier};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::time::Micros;
use leadloop_sync_core::visit::{Counted, QUIET, Seen};

use crate::on_both;
use crate::samples::{at, push, stamp};

fn counted(n: i64, who: &str, event: &str) -> Counted {
    Counted {
        source: SourceName::from("analytics"),
        who: Identifier::new("uba_id", who),
        event: event.into(),
        at: at(n),
        told: Some(at(n)),
        arrived: at(n),
        key: DedupKey::Event(format!("{who}/{event}/{n}")),
    }
}

#[tokio::test]
async fn a_page_view_told_twice_is_counted_once() {
    on_both("visits", |store| async move {
        let mut first = push(1, vec![]);
        first.counted = vec![
            counted(1, "a", "$pageview"),
            counted(2, "a", "$pageview"),
            counted(2, "a", "$WebClick"),
            counted(3, "b", "$pageview"),
        ];
        let mut again = push(2, vec![]);
        again.counted = first.counted.clone();
        again.counted.push(counted(9, "a", "$pageview"));
        let kept = store.keep(&[first, again.clone()]).await.unwrap();
        assert_eq!(kept.iter().map(|kept| kept.counted).collect::<Vec<_>>(), [4, 1]);
        assert_eq!(store.keep(&[again]).await.unwrap()[0].counted, 0);

        let mut tx = store.begin(WriteLane::Background).await.unwrap();
        assert_eq!(tx.due_visits(at(3) + QUIET - Micros(1), 10).await.unwrap(), [], "nobody is through");
        let due = tx.due_visits(at(9) + QUIET, 10).await.unwrap();
        let [a, b] = due.as_slice() else { panic!("{due:?}") };
        assert_eq!((a.who.value.as_str(), b.who.value.as_str()), ("a", "b"));
        let seen = |event: &str, count, first, last| Seen {
            event: event.into(),
            count,
            first: at(first),
            last: at(last),
        };
        let mut events = a.events.clone();
        events.sort_by(|one, two| one.event.cmp(&two.event));
        assert_eq!(events, [seen("$WebClick", 1, 2, 2), seen("$pageview", 3, 1, 9)]);
        assert_eq!((a.known, a.over), (false, at(9) + QUIET), "the last of a visitor counts for all of it");

        let end = |who: &str, until| Effect::EndVisit {
            source: SourceName::from("analytics"),
            who: Identifier::new("uba_id", who),
            until,
        };
        let later = at(9) + Micros::days(1);
        let reaction =
            Reaction { effects: vec![end("a", None), end("b", Some(later))], ..Reaction::default() };
        tx.commit(&stamp("visit"), &[reaction]).await.unwrap();
        let mut tx = store.begin(WriteLane::Background).await.unwrap();
        assert_eq!(tx.due_visits(later - Micros(1), 10).await.unwrap(), []);
        let due = tx.due_visits(later, 10).await.unwrap();
        assert_eq!(due.iter().map(|visit| visit.who.value.as_str()).collect::<Vec<_>>(), ["b"]);
        tx.undo().await.unwrap();
    })
    .await;
}

/// The counts of these events, each told in a push of its own or together.
async fn told(store: &leadloop_store::Store, number: u64, events: &[Counted]) -> u32 {
    let mut push = push(number, vec![]);
    push.counted = events.to_vec();
    store.keep(&[push]).await.unwrap()[0].counted
}

#[tokio::test]
async fn events_are_known_again_whenever_and_with_whatever_they_come() {
    on_both("event_keys", |store| async move {
        let hours = |n: i64| Micros::hours(n);
        let arrives =
            |event: &Counted, later: Micros| Counted { arrived: event.arrived + later, ..event.clone() };
        let fresh = counted(100, "a", "$pageview");
        let mut timeless = counted(101, "a", "$pageview");
        timeless.told = None;
        let mut old = counted(102, "a", "$pageview");
        old.told = Some(old.arrived - Micros::days(400));
        let mut ahead = counted(103, "a", "$pageview");
        ahead.told = Some(ahead.arrived + Micros::days(400));
        let mut nearly = counted(104, "a", "$pageview");
        nearly.told = Some(nearly.arrived - hours(23));
        let all = [fresh, timeless, old, ahead, nearly];
        assert_eq!(told(&store, 1, &all).await, 5);
        for later in [Micros(1), hours(2), Micros::days(6)] {
            let again: Vec<Counted> = all.iter().map(|event| arrives(event, later)).collect();
            assert_eq!(told(&store, 2, &again).await, 0, "{later:?}");
            let mut mixed: Vec<Counted> = again.into_iter().rev().step_by(2).collect();
            mixed.insert(1, counted(later.0, "b", "$pageview"));
            assert_eq!(told(&store, 3, &mixed).await, 1, "with other neighbours");
        }
        let mut elsewhere = all[0].clone();
        elsewhere.source = SourceName::from("product");
        assert_eq!(told(&store, 4, &[elsewhere.clone(), elsewhere]).await, 1, "ids are a source's own");

        let tidied = |now| leadloop_store::Retention { keys: Some(now), ..Default::default() };
        assert_eq!(store.retain(&tidied(at(104) + Micros::days(6)), 100).await.unwrap(), 0);
        assert!(store.retain(&tidied(at(104) + Micros::days(420)), 100).await.unwrap() > 0);
        assert_eq!(told(&store, 5, &[arrives(&all[0], Micros::days(420))]).await, 1, "nobody repeats that");
    })
    .await;
}
