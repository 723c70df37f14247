//! Encryption at rest: nothing personal stands in the database in clear, whatever form it was told in; and a store is
//! opened as it was made, or not at all.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::Record;
use leadloop_store::people::Audited;
use leadloop_store::read::find::Question;
use leadloop_store::read::pages::LeadAsk;
use leadloop_store::read::quarantine::QuarantineAsk;
use leadloop_store::{ClaimAsk, PushState, Store, StoreSettings, WriteLane};
use leadloop_sync_core::book::Needs;
use leadloop_sync_core::capture::{CaptureEnd, DedupKey, Identifier};
use leadloop_sync_core::effect::{Alarm, AttemptNote, Effect, Feedback, Suspect};
use leadloop_sync_core::handoff::{Action, DecisionRecord, HandoffState};
use leadloop_sync_core::ids::{LinkName, SourceName};
use leadloop_sync_core::lead::Fact;
use leadloop_sync_core::mirror::MirrorKey;
use leadloop_sync_core::outbox::{DeliveryState, Lane, Operation};
use leadloop_sync_core::visit::{Counted, QUIET};
use leadloop_testing::{file_bytes, traces};

use crate::conversations::spoken;
use crate::samples::{
    at, because, binding, capture, delivery, handoff, id, lead, mirror_row, phone, push, put, quarantined,
    reaction, remote_link, stamp, touch, version,
};
use crate::under;
use crate::write_path::{commit, written};

const PHONE: &str = "13900000042";
const MAIL: &str = "zhang.san42@kehu.example";
const UNION: &str = "oWx7SecretUnion42";
const NAME: &str = "测试四十二";
const TEXTS: [&str; 4] = [PHONE, MAIL, UNION, NAME];

/// Where the data of people stands, when it stands in clear.
const TABLES: [&str; 22] = [
    "alarm",
    "attempt",
    "audit",
    "capture",
    "conversation",
    "counter",
    "decision",
    "dedup",
    "delivery",
    "erasure",
    "feedback",
    "handoff",
    "identifier",
    "lead",
    "mirror",
    "mirror_key",
    "push",
    "quarantine",
    "reason",
    "remote_link",
    "suspect",
    "touch",
];

fn said() -> String {
    format!("{NAME} said: call {PHONE} or write to {MAIL}, I am {UNION}")
}

fn record() -> Record {
    Record::new().with("name", NAME).with("mobile", PHONE).with("mail", MAIL).with("unionid", UNION)
}

fn mail() -> Identifier {
    Identifier::new("email", MAIL)
}

fn union_id() -> Identifier {
    Identifier::new("unionid", UNION)
}

fn audited(what: &str) -> Audited {
    Audited {
        seq: 0,
        at: at(0),
        who: "tester".into(),
        what: what.into(),
        lead: None,
        count: 1,
        detail: said(),
    }
}

/// What is pushed: read, unreadable, waiting, in quarantine, counted.
async fn arrive(store: &Store) {
    let mut told = capture(42, DedupKey::Event(format!("{PHONE}/{MAIL}")));
    told.who = vec![phone(42), mail(), union_id()];
    told.fields = record();
    let mut waiting = capture(43, DedupKey::Content(format!("{UNION}/{NAME}")));
    waiting.who = vec![phone(42)];
    waiting.fields = record();
    let mut read = push(1, vec![told, waiting]);
    read.path = format!("/in/website?tel={PHONE}&mail={}", MAIL.replace('@', "%40"));
    read.headers = BTreeMap::from([("x-visitor".into(), UNION.into())]);
    read.body = said().into_bytes();
    let mut bad = quarantined(7);
    bad.detail = said();
    bad.raw.fields = record();
    read.quarantined = vec![bad];
    read.counted = vec![Counted {
        source: SourceName::from("analytics"),
        who: Identifier::new("uba_id", MAIL),
        event: "$pageview".into(),
        at: at(0),
        told: Some(at(0)),
        arrived: at(0),
        key: DedupKey::Event("view-1".into()),
    }];
    let mut unread = push(2, vec![]);
    unread.state = PushState::Parked { code: "LL4001".into(), detail: said() };
    store.keep(&[read, unread]).await.unwrap();
    let parked = CaptureEnd::Parked { code: "LL4000".into(), detail: said() };
    written(store, vec![Effect::FinishCapture { id: id(43), end: parked }]).await;
}

fn effects() -> Vec<Effect> {
    let mut one = lead(42, 1);
    let fact = |value: &str| Fact { value: value.into(), source: SourceName::from("website"), at: at(0) };
    for (field, value) in [("name", NAME), ("email", MAIL), ("remark", PHONE)] {
        one.profile.insert(field.into(), fact(value));
    }
    one.identifiers = BTreeSet::from([phone(42), mail(), union_id()]);
    let mut touched = touch(50, 42, 1);
    touched.fields = record();
    let mut passed = handoff(10, 42, 1, HandoffState::Telling);
    passed.agreed = record();
    passed.remark = Some(said());
    let decided = DecisionRecord {
        id: id(30),
        handoff: id(10),
        lead: id(42),
        at: at(3),
        config: "config-1".into(),
        facts: serde_json::json!({ "lead": { "name": NAME, "phone": PHONE, "email": MAIL, "union": UNION } }),
        mirror_age: BTreeMap::new(),
        tried: Vec::new(),
        rule: None,
        action: Action::Decline { reason: "示例".into() },
        considered: Vec::new(),
    };
    let mut link = remote_link(5, 42);
    link.agreed = record();
    let mut mirrored = mirror_row("contact", 5);
    mirrored.fields = record();
    mirrored.facts.phones = vec![phone(42).value];
    mirrored.facts.emails = vec![MAIL.into()];
    let mut told = delivery(20, "lead/42", Lane::Hot);
    told.lead = Some(id(42));
    told.operation = Operation::Create { object: "lead".into(), record: record(), mark: "H-1".into() };
    vec![
        put(one),
        put(lead(44, 1)),
        put(lead(45, 1)),
        Effect::Bind(binding(45, phone(45))),
        Effect::Bind(binding(42, phone(42))),
        Effect::Bind(binding(42, mail())),
        Effect::Bind(binding(42, union_id())),
        Effect::Suspect(Suspect {
            lead: id(42),
            other: id(44),
            by: mail(),
            reason: "different_phone".into(),
            at: at(1),
        }),
        Effect::Touch(Box::new(touched)),
        Effect::PutHandoff(Box::new(passed)),
        Effect::Decide(Box::new(decided)),
        Effect::LinkRemote(Box::new(link)),
        Effect::PutMirror(Box::new(mirrored)),
        Effect::SetCounter { key: "dealings/42".into(), value: said().into() },
        Effect::Alarm(Alarm {
            key: "a".into(),
            code: "LL4206".into(),
            detail: said(),
            raised: true,
            at: at(1),
        }),
        Effect::Enqueue(Box::new(told)),
        Effect::FinishCapture { id: id(42), end: CaptureEnd::Touched(id(42)) },
    ]
}

/// A person in every place that a store has for them.
async fn a_person(store: &Store) {
    store.activate(&version("config-1"), at(0)).await.unwrap();
    arrive(store).await;
    let mut first = reaction(effects());
    first.because = because(42, &said());
    assert!(commit(store, &[first]).await.stale.is_empty());
    let ask = ClaimAsk::new(LinkName::from("sales"), 5, at(1), at(60));
    assert_eq!(store.claim(&ask).await.unwrap().len(), 1);
    let refused = Effect::MoveDelivery {
        id: id(20),
        attempt: 1,
        to: DeliveryState::Parked { code: "LL4201".into(), detail: said() },
        due_at: at(5),
        probe: None,
        operation: None,
        reset: false,
        note: AttemptNote { at: at(5), class: "refused".into(), detail: said() },
    };
    let answer = Effect::KeepFeedback(Box::new(Feedback {
        capture: id(42),
        handoff: id(10),
        lead: id(42),
        at: at(6),
        tag: "later".into(),
        remark: Some(said()),
        by: Some(MAIL.into()),
        next: "ask again".into(),
        next_at: None,
    }));
    let tx = store.begin(WriteLane::Hot).await.unwrap().spoken(vec![spoken(1, &[(20, 1)], &said())]);
    tx.commit(&stamp("settle"), &[reaction(vec![refused, answer])]).await.unwrap();
    store.audit(&audited("export"), &[id(42)]).await.unwrap();
}

/// Somebody else is forgotten, for a reason in words of who did it.
async fn forget_another(store: &Store) {
    let leads = BTreeSet::from([id(45)]);
    let forget = leadloop_store::erase::Forget {
        leads: &leads,
        identifiers: &BTreeSet::from([phone(45)]),
        records: &BTreeSet::new(),
        who: "tester",
        reason: Some(&said()),
    };
    let tx = store.begin(WriteLane::Hot).await.unwrap();
    tx.forget(&forget, &stamp("erase"), &reaction(vec![])).await.unwrap().unwrap();
}

/// All of it is found and read as it was written.
async fn still_there(store: &Store) {
    let book = store
        .look(&Needs {
            identifiers: BTreeSet::from([mail()]),
            keys: BTreeSet::from([MirrorKey {
                link: LinkName::from("sales"),
                kind: "phone".into(),
                value: phone(42).value,
            }]),
            ..Needs::default()
        })
        .await
        .unwrap();
    assert_eq!(book.lead_of(&phone(42)).unwrap().text("email"), Some(MAIL));
    assert_eq!(book.mirror.len(), 1, "by its phone");
    let story = store.story(id(42), 10).await.unwrap().unwrap();
    assert_eq!(story.feedback[0].remark, Some(said()));
    assert_eq!(story.deliveries[0].attempts[0].detail, said());
    let told = store.conversations(&[story.deliveries[0].said[0].unwrap()]).await.unwrap();
    assert_eq!(told[&id(1)].turns[0].body.text, said());
    for text in [UNION, NAME, "四十"] {
        let question = Question { identifiers: vec![], text: text.into() };
        let found = store.find(&question, 5).await.unwrap();
        assert_eq!(found.iter().map(|found| found.lead.id).collect::<Vec<_>>(), [id(42)], "{text}");
    }
    for text in ["san42", "四十二", "0000042"] {
        let ask = LeadAsk { text: Some(text.into()), limit: 5, ..LeadAsk::default() };
        let found = store.leads(&ask).await.unwrap();
        assert_eq!(found.iter().map(|lead| lead.id).collect::<Vec<_>>(), [id(42)], "{text}");
    }
    let pushed = store.push(id(1)).await.unwrap().unwrap();
    assert_eq!((pushed.body, pushed.headers["x-visitor"].as_str()), (said().into_bytes(), UNION));
    assert!(pushed.path.contains(PHONE));
    let ask = QuarantineAsk { limit: 5, ..QuarantineAsk::default() };
    assert_eq!(store.quarantine(&ask).await.unwrap()[0].record.detail, said());
    let parked = leadloop_store::read::parked::ParkedAsk { limit: 5, ..Default::default() };
    assert_eq!(store.parked_causes(&parked).await.unwrap()[0].detail, said());
    assert_eq!(store.audited(&[id(42)], None, 5).await.unwrap()[0].detail, said());
    assert_eq!(store.untold_alarms(5).await.unwrap()[0].detail, said());
    let mut tx = store.begin(WriteLane::Background).await.unwrap();
    assert_eq!(tx.due_visits(at(0) + QUIET, 5).await.unwrap()[0].who.value, MAIL);
    tx.undo().await.unwrap();
}

async fn everything(store: &Store) {
    a_person(store).await;
    still_there(store).await;
    forget_another(store).await;
}

#[tokio::test]
async fn nothing_personal_stands_in_an_encrypted_file() {
    for encrypted in [true, false] {
        let folder = leadloop_testing::temp_dir();
        let file = folder.path().join("store.db");
        let clear = StoreSettings::new(format!("sqlite:{}", file.display()));
        let settings = if encrypted { under(&clear, 7, &[]) } else { clear };
        let store = Store::open(&settings).await.unwrap();
        everything(&store).await;
        let open = file_bytes(&file);
        let copy = folder.path().join("copy.db");
        store.backup(&copy).await.unwrap();
        store.close().await;
        for (what, bytes) in [("open", open), ("closed", file_bytes(&file)), ("copy", file_bytes(&copy))] {
            let found = traces(&bytes, &TEXTS);
            assert_eq!(found.is_empty(), encrypted, "{what}: {found:?}");
            // What a search for nothing would find: the file was looked into.
            assert!(!traces(&bytes, &["form_submitted"]).is_empty(), "{what}");
        }
    }
}

#[tokio::test]
async fn nothing_personal_stands_in_an_encrypted_database() {
    for encrypted in [true, false] {
        let database = leadloop_testing::fresh_database("sealed");
        let clear = StoreSettings::new(database.url());
        let settings = if encrypted { under(&clear, 7, &[]) } else { clear };
        let store = Store::open(&settings).await.unwrap();
        everything(&store).await;
        let shown: BTreeMap<String, Vec<String>> = database
            .dump()
            .into_iter()
            .map(|(table, rows)| (table, traces(rows.as_bytes(), &TEXTS)))
            .filter(|(_, found)| !found.is_empty())
            .collect();
        let tables: BTreeSet<&str> = shown.keys().map(String::as_str).collect();
        let expected: BTreeSet<&str> =
            if encrypted { BTreeSet::new() } else { TABLES.into_iter().chain(["visit"]).collect() };
        assert_eq!(tables, expected, "{shown:?}");
        store.close().await;
    }
}

/// The keys a store is opened with, the current one and those before it; and the code with which it is refused.
type Step<'a> = (Option<(u8, &'a [u8])>, Option<&'a str>);

/// Opens a store on each engine, with what it is made with first and what is asked of it then.
async fn opened(hint: &str, steps: &[Step<'_>]) {
    let folder = leadloop_testing::temp_dir();
    let database = leadloop_testing::fresh_database(hint);
    let file = format!("sqlite:{}", folder.path().join("store.db").display());
    for url in [file.as_str(), database.url()] {
        for (number, (keys, refused)) in steps.iter().enumerate() {
            let clear = StoreSettings::new(url);
            let settings = match keys {
                Some((current, old)) => under(&clear, *current, old),
                None => clear,
            };
            for settings in [settings.clone().read_only(), settings] {
                let opened = Store::open(&settings).await;
                if let Some(code) = refused {
                    let error = opened.unwrap_err();
                    assert_eq!(error.code(), Some(*code), "{url} {number}: {error}");
                    assert!(!error.is_passing() && !error.to_string().contains("0707"), "{error}");
                    continue;
                }
                let Ok(store) = opened else {
                    assert!(number == 0, "{url} {number}: {opened:?}");
                    continue; // there is nothing to read yet
                };
                assert_eq!(store.encrypted(), keys.is_some(), "{url} {number}");
                if number == 0 {
                    store.activate(&version("config-1"), at(0)).await.unwrap();
                    store.keep(&[push(1, vec![])]).await.unwrap();
                }
                let kept = store.push(id(1)).await.unwrap().unwrap();
                assert_eq!(kept.body, push(1, vec![]).body);
                store.close().await;
            }
        }
    }
}

#[tokio::test]
async fn an_encrypted_store_opens_with_its_key_only() {
    opened(
        "keys",
        &[
            (Some((7, &[])), None),
            (Some((8, &[])), Some("LL4645")),
            (Some((8, &[9])), Some("LL4645")),
            (None, Some("LL4646")),
            (Some((7, &[])), None),
            // A new key beside the old one: from then on the old one is not needed.
            (Some((8, &[7])), None),
            (Some((8, &[])), None),
            (Some((7, &[])), Some("LL4645")),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_store_begun_in_clear_stays_so() {
    opened("clear", &[(None, None), (Some((7, &[])), Some("LL4647")), (None, None)]).await;
}

#[tokio::test]
async fn an_empty_store_becomes_encrypted_and_two_nodes_agree() {
    let database = leadloop_testing::fresh_database("empty");
    let clear = StoreSettings::new(database.url());
    let store = Store::open(&clear).await.unwrap();
    store.activate(&version("config-1"), at(0)).await.unwrap();
    store.close().await;
    let settings = under(&clear, 7, &[]);
    let (one, two) = tokio::join!(Store::open(&settings), Store::open(&settings));
    let (one, two) = (one.unwrap(), two.unwrap());
    one.keep(&[push(1, vec![])]).await.unwrap();
    assert_eq!(two.push(id(1)).await.unwrap().unwrap().body, push(1, vec![]).body);
    one.close().await;
    two.close().await;
}
