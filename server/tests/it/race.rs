//! Eight writers, two nodes, the same two hundred people with identifiers that overlap: what they end as is what one writer
//! and one node make of the same records. On both engines, through the inbox and the real loops.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadloop_config::plan::Plan;
use leadloop_connectors as _;
use leadloop_mapping::Record;
use leadloop_server::absorb;
use leadloop_server::bounds::ABSORB_BATCH;
use leadloop_server::node::Node;
use leadloop_server::run::quiet;
use leadloop_store::{KeptPush, PushState, Store, StoreError, StoreSettings};
use leadloop_sync_core::capture::{CaptureKind, Captured, DedupKey, Identifier};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::score;
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::inbox::folder;

const PEOPLE: u64 = 200;
const RECORDS: u64 = 1_600;
const WRITERS: u64 = 8;
const START: Timestamp = Timestamp(1_790_000_000_000_000);

/// What is told, in the order it happened: each record names some of what identifies one person, and the device it came
/// from, which many share.
fn records() -> Vec<Captured> {
    let mut dice = Moment::new(START, 4);
    let mut told = Vec::new();
    for n in 0..RECORDS {
        // One record of each person tells all there is; without it some would stay two.
        let (person, which) =
            if n < PEOPLE { (n, 15) } else { (dice.throw() % PEOPLE, 1 + dice.throw() % 15) };
        let known = [
            Identifier::new("phone", format!("+8613900{person:06}")),
            Identifier::new("email", format!("test{person}@shili.example")),
            Identifier::new("unionid", format!("oTEST{person:04}")),
            Identifier::new("login_id", format!("u_{person:04}")),
            Identifier::new("cookie", format!("device-{}", dice.throw() % 3)),
        ];
        let chosen = known.into_iter().enumerate().filter(|(bit, _)| *bit == 4 || which >> bit & 1 == 1);
        told.push(Captured {
            id: dice.id(),
            push: None,
            position: 0,
            source: "website".into(),
            key: DedupKey::Event(format!("event-{n}")),
            at: START + Micros::minutes(i64::try_from(n).expect("few")),
            arrived: START + Micros::days(30),
            kind: CaptureKind::Touch,
            touch: "form_submitted".into(),
            who: chosen.map(|(_, identifier)| identifier).collect(),
            fields: Record::new().with("city", format!("城市{n}")).with("name", format!("测试{person}")),
            ties: Default::default(),
        });
    }
    told
}

fn push(number: u64, captures: Vec<Captured>) -> KeptPush {
    let mut moment = Moment::new(START, 1_000 + number);
    let id = moment.id();
    let mine = |captured: Captured| Captured { push: Some(id), ..captured };
    KeptPush {
        id,
        source: "website".into(),
        arrived: START,
        method: "POST".into(),
        path: "/in/website".into(),
        headers: BTreeMap::new(),
        body: b"{}".to_vec(),
        config: "test".into(),
        state: PushState::Read,
        duplicate_within: Micros::minutes(10),
        captures: captures.into_iter().map(mine).collect(),
        countable: BTreeMap::new(),
        counted: Vec::new(),
        quarantined: Vec::new(),
        resolves: Vec::new(),
    }
}

/// Takes in what is due until nothing is left, beside others that do the same.
async fn work(node: Arc<Node>) {
    let mut idle = 0;
    while idle < 3 {
        match absorb::round(&node, ABSORB_BATCH).await {
            Ok(0) => {
                let left = node.store.status(START).await.expect("it answers").captures_due;
                idle = if left == 0 { idle + 1 } else { 0 };
                tokio::task::yield_now().await;
            }
            Ok(_) | Err(StoreError::Stale { .. }) => idle = 0,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A person, whatever the ids: what identifies them (not the devices, which are whoever's came first), what is known, how
/// often they were heard of, how warm they are.
type Shown = (BTreeSet<String>, BTreeMap<String, String>, u32, Timestamp, Timestamp, BTreeMap<String, i64>);

async fn shown(store: &Store, plan: &Plan) -> BTreeSet<Shown> {
    let mut all = BTreeSet::new();
    let leads = store.linked_leads(None, 10_000).await.expect("it answers");
    for lead in leads.into_iter().map(|linked| linked.lead).filter(|lead| lead.merged_into.is_none()) {
        let who = lead.identifiers.iter().filter(|known| known.kind.0 != "cookie");
        let facts = lead.profile.iter().map(|(name, fact)| (name.clone(), fact.value.to_display()));
        all.insert((
            who.map(|known| format!("{} {}", known.kind.0, known.value)).collect(),
            facts.collect(),
            lead.touches,
            lead.origin.at,
            lead.last_touch_at,
            score::all(&lead, &plan.policy, START + Micros::days(2)),
        ));
    }
    all
}

async fn serial(plan: &Arc<Plan>) -> BTreeSet<Shown> {
    let store = Store::open(&StoreSettings::new("sqlite::temporary:")).await.expect("it opens");
    let node = quiet(Arc::clone(plan), store.clone()).expect("a node");
    for (number, captured) in (0..).zip(records()) {
        store.keep(&[push(number, vec![captured])]).await.expect("it is kept");
        assert_eq!(absorb::round(&node, ABSORB_BATCH).await.expect("it is absorbed"), 1);
    }
    let end = shown(&store, plan).await;
    store.close().await;
    end
}

/// Nobody tells in the order in which things happened.
fn shuffled() -> Vec<Captured> {
    let mut all = records();
    let mut dice = Moment::new(START, 99);
    all.sort_by_cached_key(|_| dice.throw());
    all
}

/// All of it in one batch, which is written in parts.
async fn at_once(store: Store, plan: &Arc<Plan>) -> BTreeSet<Shown> {
    let node = quiet(Arc::clone(plan), store.clone()).expect("a node");
    for (number, some) in (0..).zip(shuffled().chunks(200)) {
        store.keep(&[push(number, some.to_vec())]).await.expect("it is kept");
    }
    let limit = u32::try_from(RECORDS).expect("few");
    let taken = absorb::round(&node, limit).await.expect("it is absorbed");
    assert_eq!(taken as u64, RECORDS, "nothing of it was stale");
    let end = shown(&store, plan).await;
    store.close().await;
    end
}

async fn raced(stores: [Store; 2], plan: &Arc<Plan>) -> BTreeSet<Shown> {
    let nodes: Vec<Arc<Node>> =
        stores.iter().map(|store| quiet(Arc::clone(plan), store.clone()).expect("a node")).collect();
    let all = shuffled();
    let writers = (0..WRITERS).map(|writer| {
        let own: Vec<Captured> =
            all.iter().skip(usize::try_from(writer).expect("few")).step_by(8).cloned().collect();
        let store = stores[usize::try_from(writer % 2).expect("few")].clone();
        tokio::spawn(async move {
            for (number, some) in (0..).zip(own.chunks(10)) {
                store.keep(&[push(10_000 * (writer + 1) + number, some.to_vec())]).await.expect("it is kept");
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let workers: Vec<_> = (0..4).map(|n| tokio::spawn(work(Arc::clone(&nodes[n % 2])))).collect();
    for writer in writers {
        writer.await.expect("it wrote");
    }
    for worker in workers {
        worker.await.expect("it worked");
    }
    for node in &nodes {
        work(Arc::clone(node)).await;
    }
    let status = stores[0].status(START).await.expect("it answers");
    assert_eq!((status.captures_due, status.parked.len()), (0, 0), "all was taken in: {status:?}");
    shown(&stores[0], plan).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_writers_and_two_nodes_end_where_one_does() {
    let plan = folder().plan();
    let expected = serial(&plan).await;
    assert_eq!(expected.len(), usize::try_from(PEOPLE).expect("few"), "everybody is one person");
    assert_eq!(expected.iter().map(|person| u64::from(person.2)).sum::<u64>(), RECORDS);

    let sqlite = Store::open(&StoreSettings::new("sqlite::temporary:")).await.expect("it opens");
    let same = raced([sqlite.clone(), sqlite.clone()], &plan).await;
    sqlite.close().await;
    assert_eq!(same.symmetric_difference(&expected).next(), None, "SQLite");

    let database = leadloop_testing::fresh_database("race");
    let settings = StoreSettings::new(database.url());
    let stores =
        [Store::open(&settings).await.expect("it opens"), Store::open(&settings).await.expect("it opens")];
    let same = raced(stores.clone(), &plan).await;
    for store in stores {
        store.close().await;
    }
    assert_eq!(same.symmetric_difference(&expected).next(), None, "PostgreSQL");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_batch_ends_where_small_ones_do() {
    let plan = folder().plan();
    let expected = serial(&plan).await;
    let store = Store::open(&StoreSettings::new("sqlite::temporary:")).await.expect("it opens");
    let same = at_once(store, &plan).await;
    assert_eq!(same.symmetric_difference(&expected).next(), None, "SQLite");
    let database = leadloop_testing::fresh_database("parts");
    let store = Store::open(&StoreSettings::new(database.url())).await.expect("it opens");
    let same = at_once(store, &plan).await;
    assert_eq!(same.symmetric_difference(&expected).next(), None, "PostgreSQL");
}
