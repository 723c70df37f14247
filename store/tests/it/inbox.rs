//! Keeping: durable, once, and nothing lost beside a duplicate.

use std::collections::BTreeSet;

use leadloop_mapping::Record;
use leadloop_store::read::quarantine::QuarantineAsk;
use leadloop_store::{KeeperSettings, Kept, PushState, Store, Topic, WriteLane};
use leadloop_sync_core::capture::{CaptureEnd, Captured, DedupKey};
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::time::Micros;

use crate::on_both;
use crate::samples::{at, capture, event, id, push, quarantined, reaction, stamp};

async fn due(store: &Store) -> Vec<Captured> {
    let mut tx = store.begin(WriteLane::Hot).await.unwrap();
    let captures = tx.claim_captures(1_000, &BTreeSet::new()).await.unwrap();
    tx.undo().await.unwrap();
    captures
}

#[tokio::test]
async fn what_is_kept_is_due_as_it_was_in_the_order_of_keeping() {
    on_both("kept", |store| async move {
        let kept = store.keep(&[push(1, vec![event(3), event(2)]), push(2, vec![event(1)])]).await.unwrap();
        assert_eq!(kept, vec![Kept { kept: 2, ..Kept::default() }, Kept { kept: 1, ..Kept::default() }]);
        assert_eq!(due(&store).await, vec![event(3), event(2), event(1)]);
        let stored = store.push(id(1)).await.unwrap().unwrap();
        let given = push(1, Vec::new());
        assert_eq!((stored.body, stored.headers, stored.path), (given.body, given.headers, given.path));
    })
    .await;
}

#[tokio::test]
async fn an_event_is_kept_once_for_ever_within_a_batch_and_across() {
    on_both("event", |store| async move {
        let twice = |n, other: u64| {
            let mut capture = event(n);
            capture.id = id(other);
            capture
        };
        let kept = store.keep(&[push(1, vec![event(1), twice(1, 50)]), push(2, vec![twice(1, 51)])]).await;
        let kept = kept.unwrap();
        assert_eq!((kept[0].kept, kept[0].duplicates.as_slice()), (1, [1].as_slice()));
        assert_eq!((kept[1].kept, kept[1].duplicates.as_slice()), (0, [1].as_slice()));
        let mut late = twice(1, 52);
        late.arrived = at(10_000_000);
        assert_eq!(store.keep(&[push(3, vec![late])]).await.unwrap()[0].kept, 0);
        // The same id at another source is another event.
        let mut elsewhere = twice(1, 53);
        elsewhere.source = SourceName::from("fair");
        assert_eq!(store.keep(&[push(4, vec![elsewhere])]).await.unwrap()[0].kept, 1);
        assert_eq!(due(&store).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn equal_content_is_a_duplicate_within_its_window_only() {
    on_both("content", |store| async move {
        let content = |n, seconds| {
            let mut capture = capture(n, DedupKey::Content("5d41".into()));
            capture.arrived = at(seconds);
            push(n, vec![capture])
        };
        assert_eq!(store.keep(&[content(1, 0)]).await.unwrap()[0].kept, 1);
        assert_eq!(store.keep(&[content(2, 599)]).await.unwrap()[0].kept, 0);
        // A duplicate does not make the window longer.
        assert_eq!(store.keep(&[content(3, 600)]).await.unwrap()[0].kept, 1);
        assert_eq!(store.keep(&[content(4, 601)]).await.unwrap()[0].kept, 0);
        let mut without = content(5, 601);
        without.duplicate_within = Micros(0);
        let again = content(6, 601);
        let kept = store.keep(&[without.clone(), again]).await.unwrap();
        assert_eq!((kept[0].kept, kept[1].kept), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_key_of_any_length_fits() {
    on_both("long", |store| async move {
        let long = |n, end: &str| capture(n, DedupKey::Event(format!("{}{end}", "很".repeat(4_000))));
        let kept = store.keep(&[push(1, vec![long(1, "a"), long(2, "b"), long(3, "a")])]).await.unwrap();
        assert_eq!((kept[0].kept, kept[0].duplicates.as_slice()), (2, [3].as_slice()));
    })
    .await;
}

#[tokio::test]
async fn an_unreadable_push_is_kept_raw_and_taken_up_again() {
    on_both("parked", |store| async move {
        let mut broken = push(1, Vec::new());
        broken.body = vec![0, 159, 146, 150, b'"', 0];
        broken.state = PushState::Parked { code: "LL4000".into(), detail: "not JSON".into() };
        store.keep(&[broken.clone()]).await.unwrap();
        let parked =
            store.parked_pushes(&QuarantineAsk { limit: 10, ..QuarantineAsk::default() }).await.unwrap();
        assert_eq!(parked.len(), 1);
        assert_eq!((&parked[0].body, &parked[0].state), (&broken.body, &broken.state));

        let mut again = push(1, vec![event(1)]);
        again.body = Vec::new();
        again.config = "config-2".into();
        assert_eq!(store.keep(&[again]).await.unwrap()[0].kept, 1);
        let stored = store.push(id(1)).await.unwrap().unwrap();
        assert_eq!((stored.body, stored.state), (broken.body, PushState::Read), "the body stays as it came");
        assert_eq!(stored.config, "config-2");
    })
    .await;
}

#[tokio::test]
async fn a_record_in_quarantine_is_listed_fixed_and_taken_up_again() {
    on_both("quarantine", |store| async move {
        let mut mixed = push(1, vec![event(1)]);
        mixed.quarantined = vec![quarantined(2), quarantined(3)];
        let kept = store.keep(&[mixed]).await.unwrap();
        assert_eq!((kept[0].kept, kept[0].quarantined), (1, 2));

        let ask = |code: Option<&str>| QuarantineAsk {
            source: Some(SourceName::from("website")),
            code: code.map(str::to_owned),
            after: None,
            limit: 10,
        };
        let listed = store.quarantine(&ask(Some("LL4000"))).await.unwrap();
        assert_eq!(listed.iter().map(|found| found.record.position).collect::<Vec<_>>(), vec![2, 3]);
        assert_eq!(listed[0].record, quarantined(2));
        assert!(store.quarantine(&ask(Some("LL4999"))).await.unwrap().is_empty());
        let next = QuarantineAsk { after: Some((id(1), 2)), ..ask(None) };
        assert_eq!(store.quarantine(&next).await.unwrap().len(), 1);

        let fields = Record::new().with("mobile", "139 0000 0001");
        assert!(store.fix_record(id(1), 2, &fields).await.unwrap());
        assert!(!store.fix_record(id(1), 9, &fields).await.unwrap());
        let fixed = store.quarantined(id(1), 2).await.unwrap().unwrap();
        assert!(fixed.fixed);
        assert_eq!(fixed.record.raw.fields.text("mobile"), Some("139 0000 0001"));

        let mut again = push(1, vec![event(2)]);
        again.resolves = vec![2];
        assert_eq!(store.keep(&[again]).await.unwrap()[0].kept, 1);
        assert!(store.quarantined(id(1), 2).await.unwrap().is_none());
        assert!(store.drop_record(id(1), 3).await.unwrap());
        assert!(store.quarantine(&ask(None)).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_kept_whole_or_not_at_all() {
    on_both("whole", |store| async move {
        let mut wrong = push(2, vec![event(2)]);
        wrong.path = "nul \0 inside".into(); // neither engine may keep half of a batch when it refuses this
        let kept = store.keep(&[push(1, vec![event(1)]), wrong]).await;
        match kept {
            Ok(_) => assert_eq!(due(&store).await.len(), 2),
            Err(error) => {
                assert!(error.blames_a_reaction(), "{error}");
                assert!(due(&store).await.is_empty());
                assert!(store.push(id(1)).await.unwrap().is_none());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_keeper_gathers_and_answers_each_its_own() {
    on_both("keeper", |store| async move {
        let keeper = store.keeper(KeeperSettings { batch_rows: 20, ..KeeperSettings::default() });
        let mut inbox = store.wakes().on(Topic::Inbox);
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let keeper = keeper.clone();
                // Every other one tells what the one before told.
                let mut told = event(n / 2);
                told.id = id(n);
                told.position = u32::try_from(n).unwrap();
                tokio::spawn(async move { keeper.keep(push(n, vec![told])).await.unwrap() })
            })
            .collect();
        let mut kept = 0;
        for (n, task) in tasks.into_iter().enumerate() {
            let answer = task.await.unwrap();
            assert_eq!(answer.kept + u32::try_from(answer.duplicates.len()).unwrap(), 1);
            assert!(answer.duplicates.iter().all(|place| *place == u32::try_from(n).unwrap()));
            kept += answer.kept;
        }
        assert_eq!(kept, 50);
        assert_eq!(due(&store).await.len(), 50);
        tokio::time::timeout(std::time::Duration::from_secs(5), inbox.wait()).await.expect("somebody rang");
    })
    .await;
}

#[tokio::test]
async fn large_pushes_wait_for_room_and_come_through() {
    on_both("room", |store| async move {
        let keeper = store.keeper(KeeperSettings { queue_bytes: 16 << 10, ..KeeperSettings::default() });
        let tasks: Vec<_> = (0..12)
            .map(|n| {
                let keeper = keeper.clone();
                let mut large = push(n, vec![event(n)]);
                large.body = vec![b'x'; 6 << 10 << (n % 3)]; // 6, 12 and 24 KiB, which is more than the room
                tokio::spawn(async move { keeper.keep(large).await.unwrap().kept })
            })
            .collect();
        let mut kept = 0;
        for task in tasks {
            kept += task.await.unwrap();
        }
        assert_eq!(kept, 12);
        assert_eq!(store.push(id(11)).await.unwrap().unwrap().body.len(), 24 << 10);
    })
    .await;
}

#[tokio::test]
async fn a_push_to_blame_does_not_harm_its_company() {
    on_both("blame", |store| async move {
        let keeper = store.keeper(KeeperSettings::default());
        let tasks: Vec<_> = (0..40)
            .map(|n| {
                let keeper = keeper.clone();
                let mut given = push(n, vec![event(n)]);
                if n == 7 {
                    given.source = SourceName("nul \0".into());
                }
                tokio::spawn(async move { keeper.keep(given).await })
            })
            .collect();
        let mut failed = 0;
        for task in tasks {
            failed += usize::from(task.await.unwrap().is_err());
        }
        // SQLite keeps a NUL, PostgreSQL refuses it.
        assert_eq!(failed, usize::from(store.engine() == "postgres"));
        assert_eq!(due(&store).await.len(), 40 - failed);
    })
    .await;
}

#[tokio::test]
async fn captures_come_by_shard_and_leave_when_they_end() {
    on_both("shards", |store| async move {
        store.keep(&[push(1, (1..=200).map(event).collect())]).await.unwrap();
        let mut found = 0;
        for shard in 0..leadloop_store::SHARDS {
            let mut tx = store.begin(WriteLane::Hot).await.unwrap();
            found += tx.claim_captures(1_000, &BTreeSet::from([shard])).await.unwrap().len();
            tx.undo().await.unwrap();
        }
        assert_eq!(found, 200);

        let ends = [
            CaptureEnd::Touched(id(9)),
            CaptureEnd::Answered { lead: id(9), handoff: Some(id(4)) },
            CaptureEnd::Nothing,
            CaptureEnd::Parked { code: "LL4000".into(), detail: "a mystery".into() },
        ];
        let finish = ends.iter().enumerate().map(|(n, end)| {
            let id = id(u64::try_from(n).unwrap() + 1);
            reaction(vec![Effect::FinishCapture { id, end: end.clone() }])
        });
        let tx = store.begin(WriteLane::Hot).await.unwrap();
        tx.commit(&stamp("absorb"), &finish.collect::<Vec<_>>()).await.unwrap();
        assert_eq!(due(&store).await.len(), 196);
        let parked = store.parked_captures(None, 10).await.unwrap();
        assert_eq!(parked.len(), 1);
        assert_eq!(parked[0].end.as_ref(), ends.last());
        assert_eq!(store.retry_captures(&[id(1)]).await.unwrap(), 0, "this one is not parked");
        assert_eq!(store.retry_captures(&[]).await.unwrap(), 1);
        assert_eq!(due(&store).await.len(), 197);
    })
    .await;
}
