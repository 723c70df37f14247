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
        push: None,
        who: Identifier::new("uba_id", who),
        event: event.into(),
        at: at(n),
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
