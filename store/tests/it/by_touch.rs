//! Captures and reasons that are found by their touch: nothing of a lead is missing in its story, its export and its erasure,
//! whether it was written before the index of leads left them out or since.

use std::collections::BTreeSet;

use leadloop_store::erase::Forget;
use leadloop_store::read::story::Story;
use leadloop_store::{Store, StoreSettings, WriteLane, bare};
use leadloop_sync_core::because::Because;
use leadloop_sync_core::book::Needs;
use leadloop_sync_core::capture::{CaptureEnd, Captured};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::erase;
use leadloop_sync_core::ids::{LeadId, LeadKind};
use leadloop_sync_core::moment::Moment;
use sqlx::Connection as _;

use crate::filter::policy;
use crate::samples::{at, because, binding, event, id, lead, phone, push, put, stamp, touch};
use crate::write_path::commit;

/// What migration 91 did, undone: the rows are then as the program before it wrote them.
const BEFORE: &str = "
    DELETE FROM _sqlx_migrations WHERE version = 91;
    DROP INDEX reason_capture;
    DROP INDEX reason_lead;
    DROP INDEX capture_lead;
    ALTER TABLE capture DROP COLUMN by_touch;
    ALTER TABLE reason DROP COLUMN by_touch;
    CREATE INDEX capture_lead ON capture (lead, seq) WHERE lead IS NOT NULL;
    CREATE INDEX reason_lead ON reason (lead, seq) WHERE lead IS NOT NULL;";

async fn script(url: &str, text: &'static str) {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut line = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(text).execute(&mut line).await.unwrap();
        line.close().await.unwrap();
    } else {
        let mut line = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(text).execute(&mut line).await.unwrap();
        line.close().await.unwrap();
    }
}

/// Keeps captures that came in one push.
async fn keep(store: &Store, within: u64, captures: std::ops::RangeInclusive<u64>) {
    let captures = captures.map(|n| Captured { push: Some(id(within)), ..event(n) }).collect();
    store.keep(&[push(within, captures)]).await.unwrap();
}

/// A touch of `born` by capture `n`, whose reasons are about `about`.
fn touched(n: u64, born: u64, about: u64) -> Reaction {
    let seconds = i64::try_from(n).unwrap();
    Reaction {
        effects: vec![
            Effect::Touch(Box::new(touch(n, born, seconds))),
            Effect::FinishCapture { id: id(n), end: CaptureEnd::Touched(id(born)) },
        ],
        because: Because { capture: Some(id(n)), ..because(about, "touched") },
    }
}

/// Lead `n + 1`, into which `n + 2` was merged, and `n + 3`, who is somebody else.
async fn lives(store: &Store, n: u64) {
    keep(store, n + 1, n + 1..=n + 5).await;
    let mut merged = lead(n + 2, 1);
    merged.merged_into = Some(id(n + 1));
    let mut people = Reaction {
        effects: vec![put(lead(n + 1, 1)), put(merged), put(lead(n + 3, 1))],
        ..Reaction::default()
    };
    people.effects.extend((1..=3).map(|place| Effect::Bind(binding(n + place, phone(n + place)))));
    let answer = CaptureEnd::Answered { lead: id(n + 1), handoff: None };
    let answered = Reaction {
        effects: vec![Effect::FinishCapture { id: id(n + 4), end: answer }],
        because: Because { capture: Some(id(n + 4)), ..because(n + 1, "answered") },
    };
    let batch = [
        people,
        touched(n + 1, n + 1, n + 1),
        touched(n + 2, n + 1, n + 1),
        // Born to the lead that was merged, decided about the one that stands for it.
        touched(n + 3, n + 2, n + 1),
        answered,
        touched(n + 5, n + 3, n + 3),
    ];
    assert!(commit(store, &batch).await.stale.is_empty());
}

/// Which captures and how many touches and reasons stand in a story.
fn told(story: Option<Story>) -> (Vec<u64>, usize, usize) {
    let story = story.unwrap();
    let number = |n: &leadloop_sync_core::ids::CaptureId| n.uuid().as_u64_pair().1 & 0xFFFF_FFFF;
    let captures = story.captures.iter().map(|kept| number(&kept.capture.id)).collect();
    (captures, story.touches.len(), story.reasons.len())
}

/// How many rows of a table are of these leads, whatever the indexes say.
async fn rows(url: &str, table: &str, of: &[u64]) -> i64 {
    let ids: Vec<String> = of.iter().map(|n| format!("'{}'", id::<LeadKind>(*n).uuid())).collect();
    let sql = format!("SELECT count(*) FROM {table} WHERE CAST(lead AS TEXT) IN ({})", ids.join(", "));
    bare::number(url, &sql).await.unwrap()
}

async fn forget(store: &Store, of: u64, leads: &BTreeSet<LeadId>) -> leadloop_store::erase::Erasure {
    let mut tx = store.begin(WriteLane::Hot).await.unwrap();
    let book = tx.load(&Needs { leads: [id(of)].into(), ..Needs::default() }).await.unwrap();
    let reaction = erase::erase(&book, id(of), &policy(), &mut Moment::new(at(9), 1)).unwrap();
    let identifiers = [phone(of)].into();
    let asked =
        Forget { leads, identifiers: &identifiers, records: &BTreeSet::new(), who: "tester", reason: None };
    tx.forget(&asked, &stamp("erase"), &reaction).await.unwrap().unwrap()
}

async fn whole_before_and_after(url: &str) {
    let settings = StoreSettings::new(url);
    let store = Store::open(&settings).await.unwrap();
    lives(&store, 0).await;
    store.close().await;
    script(url, BEFORE).await;

    let store = Store::open(&settings).await.unwrap();
    lives(&store, 100).await;
    // Somebody known from before comes again.
    keep(&store, 50, 50..=50).await;
    assert!(commit(&store, &[touched(50, 1, 1)]).await.stale.is_empty());
    assert!(bare::number(url, "SELECT count(*) FROM capture WHERE by_touch").await.unwrap() > 0);
    assert!(bare::number(url, "SELECT count(*) FROM reason WHERE by_touch").await.unwrap() > 0);

    assert_eq!(told(store.whole_story(id(1)).await.unwrap()), (vec![50, 4, 3, 2, 1], 4, 5));
    assert_eq!(told(store.story(id(2), 2).await.unwrap()), (vec![50, 4], 2, 5), "the newest");
    assert_eq!(told(store.whole_story(id(101)).await.unwrap()), (vec![104, 103, 102, 101], 3, 4));
    assert_eq!(told(store.whole_story(id(103)).await.unwrap()), (vec![105], 1, 1));

    for of in [1, 101] {
        let leads: BTreeSet<LeadId> = [id(of), id(of + 1)].into();
        let held = store.held(&leads).await.unwrap();
        for (kind, table) in [("capture", "capture"), ("reason", "reason"), ("touch", "touch")] {
            assert_eq!(held[kind], rows(url, table, &[of, of + 1]).await, "{kind} of {of}");
        }
        let pushes = store.pushes_of(&leads).await.unwrap();
        assert!(pushes.contains(&(id(of), true)), "beside somebody else: {pushes:?}");
        let receipt = forget(&store, of, &leads).await;
        for kind in ["capture", "reason", "touch"] {
            assert_eq!(receipt.gone.get(kind).copied(), u64::try_from(held[kind]).ok(), "{kind} of {of}");
            let left = i64::from(kind == "reason"); // that they were erased
            assert_eq!(rows(url, kind, &[of, of + 1]).await, left, "{kind} of {of}");
            assert_eq!(rows(url, kind, &[of + 2]).await, 1, "somebody else keeps {kind}");
        }
    }
    store.close().await;
}

#[tokio::test]
async fn a_lead_is_whole_whether_it_was_written_before_or_since() {
    let folder = leadloop_testing::temp_dir();
    whole_before_and_after(&format!("sqlite:{}", folder.path().join("store.db").display())).await;
    let database = leadloop_testing::fresh_database("by_touch");
    whole_before_and_after(database.url()).await;
}
