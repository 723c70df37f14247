//! Opening, locking, copying, several nodes: what stands around the rows.

use std::collections::BTreeMap;
use std::time::Duration;

use leadloop_store::{Retention, Store, StoreError, StoreSettings, Topic, WriteLane};
use leadloop_sync_core::capture::CaptureEnd;
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::on_both;
use crate::samples::{at, event, id, lead, push, put, reaction, stamp};
use crate::write_path::{commit, written};

fn file_in(folder: &tempfile::TempDir, name: &str) -> StoreSettings {
    StoreSettings::new(format!("sqlite:{}", folder.path().join(name).display()))
}

#[tokio::test]
async fn a_file_belongs_to_one_and_the_next_is_told_to_whom() {
    let folder = leadloop_testing::temp_dir();
    let settings = file_in(&folder, "deep/er/store.db");
    let store = Store::open(&settings).await.unwrap();
    let refused = Store::open(&settings).await.unwrap_err();
    assert_eq!(refused.code(), Some("LL1102"));
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");

    // Who only reads works beside the owner, sees what is committed, and cannot write.
    let reader = Store::open(&settings.clone().read_only()).await.unwrap();
    written(&store, vec![put(lead(1, 1))]).await;
    assert!(reader.story(id(1), 1).await.unwrap().is_some());
    let tx = reader.begin(WriteLane::Hot).await;
    let failed = match tx {
        Ok(tx) => tx.commit(&stamp("absorb"), &[reaction(vec![put(lead(2, 1))])]).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(failed.code(), Some("LL1103"), "{failed}");
    reader.close().await;

    store.close().await;
    assert!(matches!(store.keep(&[push(1, vec![event(1)])]).await, Err(StoreError::Unavailable { .. })));
    let again = Store::open(&settings).await.unwrap();
    assert!(again.story(id(1), 1).await.unwrap().is_some());
    again.close().await;
}

#[tokio::test]
async fn who_only_reads_postgres_cannot_write() {
    let database = leadloop_testing::fresh_database("reader");
    let settings = StoreSettings::new(database.url());
    let store = Store::open(&settings).await.unwrap();
    written(&store, vec![put(lead(1, 1))]).await;
    let reader = Store::open(&settings.read_only()).await.unwrap();
    assert!(reader.story(id(1), 1).await.unwrap().is_some());
    let refused = reader.keep(&[push(1, vec![event(1)])]).await.unwrap_err();
    assert_eq!(refused.code(), Some("LL1103"), "{refused}");
    reader.close().await;
    store.close().await;
}

#[tokio::test]
async fn a_copy_that_cannot_be_written_is_named() {
    let store = Store::open(&StoreSettings::new("sqlite::temporary:")).await.unwrap();
    let copy = leadloop_testing::temp_dir();
    let refused = store.backup(&copy.path().join("no/such/folder.db")).await.unwrap_err();
    assert_eq!(refused.code(), Some("LL1109"), "{refused}");
    store.close().await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_named() {
    let folder = leadloop_testing::temp_dir();
    let absent = Store::open(&file_in(&folder, "absent.db").read_only()).await.unwrap_err();
    assert!(absent.to_string().contains("absent.db"), "{absent}");
    std::fs::write(
        folder.path().join("junk.db"),
        "this is no database, but a text of some length".repeat(99),
    )
    .unwrap();
    let junk = Store::open(&file_in(&folder, "junk.db")).await.unwrap_err();
    assert_eq!(junk.code(), Some("LL1104"), "{junk}");
    let nobody = StoreSettings::new("postgres://nobody:secret@127.0.0.1:1/none");
    let unreachable = Store::open(&nobody).await.unwrap_err();
    assert_eq!(unreachable.code(), Some("LL1101"), "{unreachable}");
    assert!(!unreachable.to_string().contains("secret"), "{unreachable}");
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_left_alone() {
    let database = leadloop_testing::fresh_database("newer");
    let settings = StoreSettings::new(database.url());
    let empty = StoreSettings { migrate: false, ..settings.clone() };
    assert_eq!(Store::open(&empty).await.unwrap_err().code(), Some("LL1106"));
    Store::open(&settings).await.unwrap().close().await;
    Store::open(&empty).await.unwrap().close().await;
    database.psql("INSERT INTO _sqlx_migrations SELECT 999, description, installed_on, success, checksum, execution_time FROM _sqlx_migrations LIMIT 1");
    let newer = Store::open(&settings).await.unwrap_err();
    assert!(matches!(newer, StoreError::Migration { .. }), "{newer}");
    assert!(newer.to_string().contains("999"), "{newer}");
}

#[tokio::test]
async fn a_backup_is_whole_and_knows_what_it_is() {
    let folder = leadloop_testing::temp_dir();
    let store = Store::open(&file_in(&folder, "store.db")).await.unwrap();
    written(&store, vec![put(lead(1, 1))]).await;
    assert!(!store.restored().await.unwrap());
    let copy = folder.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    let refused = store.backup(&copy).await.unwrap_err();
    assert_eq!(refused.code(), Some("LL1109"), "{refused}");
    written(&store, vec![put(lead(2, 1))]).await;
    store.close().await;

    let restored = Store::open(&file_in(&folder, "copy.db")).await.unwrap();
    assert!(restored.restored().await.unwrap());
    assert!(restored.story(id(1), 1).await.unwrap().is_some());
    assert!(restored.story(id(2), 1).await.unwrap().is_none());
    restored.set_live().await.unwrap();
    restored.close().await;
    let again = Store::open(&file_in(&folder, "copy.db")).await.unwrap();
    assert!(!again.restored().await.unwrap());
    again.close().await;
}

#[tokio::test]
async fn a_dump_in_another_database_is_noticed() {
    let database = leadloop_testing::fresh_database("dump");
    let settings = StoreSettings::new(database.url());
    let store = Store::open(&settings).await.unwrap();
    assert!(!store.restored().await.unwrap());
    let copy = std::path::Path::new("never.db");
    assert_eq!(store.backup(copy).await.unwrap_err().code(), Some("LL1109"));
    store.close().await;
    // What a dump brings into a new database: all rows, also the number of the old one.
    database.psql("UPDATE meta SET value = '1' WHERE key = 'database'");
    let store = Store::open(&settings).await.unwrap();
    assert!(store.restored().await.unwrap());
    store.close().await;
    let store = Store::open(&settings).await.unwrap();
    assert!(store.restored().await.unwrap(), "until somebody says that it may send");
    store.set_live().await.unwrap();
    assert!(!store.restored().await.unwrap());
    store.close().await;
}

#[tokio::test]
async fn nodes_wake_each_other() {
    let database = leadloop_testing::fresh_database("wake");
    let one = Store::open(&StoreSettings::new(database.url())).await.unwrap();
    let two = Store::open(&StoreSettings::new(database.url())).await.unwrap();
    let mut wake = two.wakes().on(Topic::Inbox);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    // The other node may still be on its way to listening; what it misses then it finds by looking.
    for n in 1.. {
        one.keep(&[push(n, vec![event(n)])]).await.unwrap();
        if tokio::time::timeout(Duration::from_millis(200), wake.wait()).await.is_ok() {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "nobody was woken");
    }
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn a_lease_has_one_holder_and_passes_on_with_its_note() {
    on_both("lease", |store| async move {
        let names = ["link/sales".to_owned(), "shard/7".to_owned()];
        let held = |leases: Vec<leadloop_store::Lease>| -> Vec<String> {
            leases.into_iter().map(|lease| lease.name).collect()
        };
        let minute = Micros::minutes(1);
        let taken = store.lease(&names, "one", minute).await.unwrap();
        let clock = store.clock().await.unwrap();
        assert!(taken[0].until > clock && taken[0].until <= clock + minute, "{taken:?} {clock:?}");
        assert!(taken[0].note.is_null());
        assert_eq!(held(taken), names);
        assert!(store.lease(&names, "two", minute).await.unwrap().is_empty());
        assert_eq!(held(store.lease(&names[..1], "one", minute).await.unwrap()), &names[..1]);

        let note = BTreeMap::from([(names[0].clone(), serde_json::json!({ "day": 4_000 }))]);
        store.note_leases("two", &note, true).await.unwrap();
        assert!(store.lease(&names, "two", minute).await.unwrap().is_empty(), "not theirs to give");
        store.note_leases("one", &note, true).await.unwrap();
        let taken = store.lease(&names, "two", Micros(0)).await.unwrap();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].note["day"], 4_000);
        // A lease of no length is over at once, for whoever comes next.
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(held(store.lease(&names[..1], "one", minute).await.unwrap()), &names[..1]);
    })
    .await;
}

#[tokio::test]
async fn what_is_old_goes_in_slices_and_what_is_open_stays() {
    on_both("retain", |store| async move {
        let old = Timestamp(1_700_000_000_000_000);
        let mut moment = Moment::new(old, 1);
        let mut ids = Vec::new();
        for n in 1..=10 {
            let mut captured = event(n);
            captured.id = moment.id();
            ids.push(captured.id);
            let mut given = push(n, vec![captured]);
            given.id = moment.id();
            if n == 1 {
                given.quarantined = vec![crate::samples::quarantined(1)];
            }
            store.keep(&[given]).await.unwrap();
        }
        let end = |id| Effect::FinishCapture { id, end: CaptureEnd::Nothing };
        let mut done = reaction(ids.iter().take(9).map(|id| end(*id)).collect());
        done.because = crate::samples::because(1, "nothing_new");
        commit(&store, &[done]).await;
        let retention = Retention {
            pushes: Some(old + Micros::seconds(1)),
            captures: Some(old + Micros::seconds(1)),
            reasons: Some(at(0)), // the reason was given at that very time
            deliveries: Some(at(0)),
            attempts: Some(at(0)),
            conversations: Some(at(0)),
            decisions: Some(at(0)),
            keys: Some(at(0)),
        };
        let mut slices = Vec::new();
        loop {
            match store.retain(&retention, 4).await.unwrap() {
                0 => break,
                gone => slices.push(gone),
            }
        }
        assert_eq!(slices, vec![8, 8, 2], "pushes 9 of 10, captures 9 of 10, four at a time");
        let mut tx = store.begin(WriteLane::Hot).await.unwrap();
        assert_eq!(tx.claim_captures(100, &Default::default()).await.unwrap().len(), 1);
        tx.undo().await.unwrap();
        let mut again = event(1);
        again.id = id(500);
        let kept = store.keep(&[push(500, vec![again])]).await.unwrap();
        assert_eq!(kept[0].kept, 0, "an event's key is taken for ever");
    })
    .await;
}
