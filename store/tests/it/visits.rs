//! Visits: events are counted once, by visitor, and told when they are over.

use leadloop_store::WriteLane;
use leadloop_sync_core::capture::{Captured, DedupKey, Identifier};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::Micros;
use leadloop_sync_core::visit::{Counted, QUIET, Seen, look};

use crate::on_both;
use crate::samples::{at, capture, push, stamp};

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
        assert_eq!(tx.due_visits(at(2) + QUIET - Micros(1), 10).await.unwrap(), [], "nobody is through");
        let looked = tx.due_visits(at(2) + QUIET, 10).await.unwrap();
        let [a] = looked.as_slice() else { panic!("{looked:?}") };
        assert_eq!(
            (a.who.value.as_str(), a.over),
            ("a", at(9) + QUIET),
            "he went on, and is asked about later"
        );
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

#[tokio::test]
async fn who_goes_on_is_asked_about_again_when_he_may_be_through() {
    on_both("visits_later", |store| async move {
        assert_eq!(told(&store, 1, &[counted(1, "a", "$pageview")]).await, 1);
        assert_eq!(
            told(&store, 2, &[counted(1_000, "a", "$pageview"), counted(1_100, "a", "$WebClick")]).await,
            2
        );
        let mut now = at(1) + QUIET;
        let mut tx = store.begin(WriteLane::Background).await.unwrap();
        let due = tx.due_visits(now, 10).await.unwrap();
        let reactions: Vec<Reaction> =
            due.iter().map(|visit| look(visit, &mut Moment::new(now, 1))).collect();
        tx.commit(&stamp("visit"), &reactions).await.unwrap();
        let mut tx = store.begin(WriteLane::Background).await.unwrap();
        now = at(1_100) + QUIET;
        assert_eq!(tx.due_visits(now - Micros(1), 10).await.unwrap(), [], "not before");
        let due = tx.due_visits(now, 10).await.unwrap();
        let [a] = due.as_slice() else { panic!("{due:?}") };
        assert_eq!((a.events.len(), a.over, a.since), (2, now, at(1)));
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

#[tokio::test]
async fn an_event_is_counted_or_kept_whatever_is_kept_by_then() {
    on_both("counted_or_kept", |store| async move {
        let event = |n: i64| counted(n, "a", "$pageview");
        let kept = |n: i64| Captured {
            source: SourceName::from("analytics"),
            arrived: at(n),
            ..capture(u64::try_from(n).unwrap(), event(n).key)
        };
        // What is told, as counted and as kept events; of the latter with the time that their teller wrote down.
        let tell = async |number: u64, counted: &[i64], captured: &[i64]| {
            let mut push = push(number, captured.iter().map(|n| kept(*n)).collect());
            push.counted = counted.iter().map(|n| event(*n)).collect();
            push.countable = captured.iter().enumerate().map(|(place, n)| (place, Some(at(*n)))).collect();
            let kept = store.keep(&[push]).await.unwrap().remove(0);
            (kept.counted, kept.kept, kept.duplicates.len())
        };
        assert_eq!(tell(1, &[1, 2, 3], &[4, 5]).await, (3, 2, 0));
        assert_eq!(tell(2, &[], &[1, 2, 3, 6]).await, (0, 1, 3), "counted before they were wanted");
        assert_eq!(tell(3, &[4, 5, 6, 7], &[]).await, (1, 0, 0), "kept before they were not wanted any more");
        assert_eq!(
            tell(4, &[8, 9], &[8, 7, 10]).await,
            (2, 1, 2),
            "in one push the one that is counted counts"
        );
        assert_eq!(tell(5, &[4, 8, 11], &[5, 9, 12]).await, (1, 1, 2), "whatever else comes with them");
        // What can never be counted has no such key.
        let mut push = push(6, vec![kept(13)]);
        assert_eq!(store.keep(&[push.clone()]).await.unwrap()[0].kept, 1);
        push.counted = vec![event(13)];
        let again = store.keep(&[push]).await.unwrap().remove(0);
        assert_eq!((again.counted, again.kept), (1, 0));
    })
    .await;
}
