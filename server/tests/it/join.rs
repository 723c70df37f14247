//! A CRM that is down while a lead changes again and again: one update when it is back, in which every change is settled.
//! Where the system refuses what was said together, only whoever is to blame waits. On both engines.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leadloop_connector_api::{Answer, Body, Method, Request};
use leadloop_mapping::{Record, Value};
use leadloop_server::Running;
use leadloop_server::wire::{BoxFuture, Wire, WireError};
use leadloop_store::read::before::BeforeAsk;
use leadloop_store::read::parked::ParkedAsk;
use leadloop_store::read::story::ToldDelivery;
use leadloop_store::{Stamp, Store, WriteLane};
use leadloop_sync_core::book::Needs;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::ids::DeliveryId;
use leadloop_sync_core::lead::{Lead, RemoteRef};
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Lane, Operation, Purpose};
use serde_json::{Value as Json, json};

use crate::outbox::{Played, mirrored, node_with, post, until};

/// A CRM that keeps the record of one lead and counts its updates.
#[derive(Default)]
struct Kept {
    crm: Played,
    down: AtomicBool,
    record: Mutex<Json>,
    updates: Mutex<Vec<Json>>,
}

impl Kept {
    fn updates(&self) -> Vec<Json> {
        self.updates.lock().expect("nobody panics with it").clone()
    }

    fn answer(&self, request: &Request) -> Option<Answer> {
        let Body::Json(body) = &request.body else { return None };
        let mut record = self.record.lock().expect("nobody panics with it");
        let answer =
            |status, json: Json| Some(Answer::with_body(status, "application/json", json.to_string()));
        if request.method == Method::Post && request.url.ends_with("/leads/get") {
            let mut whole = json!({
                "id": "L1", "version": 1, "created_at": 1, "modified_at": 1_795_473_554_151_357_i64,
                "modified_by": "leadloop", "deleted": false, "merged_into": null,
            });
            merge(&mut whole, &record);
            return answer(200, json!({ "results": [{ "id": "L1", "record": whole }] }));
        }
        if request.method == Method::Patch && request.url.ends_with("/leads/L1") {
            if body.to_string().contains("毒") {
                let fields = json!([{ "field": "comment", "code": "invalid", "message": "not this one" }]);
                let error = json!({ "code": "validation", "message": "refused", "fields": fields });
                return answer(422, json!({ "error": error }));
            }
            self.updates.lock().expect("nobody panics with it").push(body.clone());
            merge(&mut record, body);
            return answer(200, json!({ "id": "L1", "version": 2 }));
        }
        if request.method == Method::Post && request.url.ends_with("/leads") {
            *record = body.clone();
        }
        None
    }
}

fn merge(into: &mut Json, from: &Json) {
    if let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) {
        into.extend(from.clone());
    }
}

impl Wire for Kept {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, WireError>> {
        if self.down.load(Ordering::SeqCst) {
            let refused = WireError { sent: false, detail: "connection refused".to_owned() };
            return Box::pin(std::future::ready(Err(refused)));
        }
        match self.answer(request) {
            Some(answer) => Box::pin(std::future::ready(Ok(answer))),
            None => self.crm.send(request, timeout),
        }
    }
}

fn remote() -> RemoteRef {
    RemoteRef { link: "sales".into(), object: "lead".to_owned(), id: "L1".to_owned() }
}

async fn lead(store: &Store) -> Option<Lead> {
    let who = Identifier::new("phone", "+8613900000001");
    let needs = Needs { identifiers: [who.clone()].into(), ..Needs::default() };
    store.look(&needs).await.expect("the store answers").lead_of(&who).cloned()
}

async fn told(store: &Store, id: DeliveryId) -> ToldDelivery {
    store.told_delivery(id).await.expect("the store answers").expect("it is there")
}

async fn is_done(store: &Store, id: DeliveryId) -> bool {
    told(store, id).await.settled_at.is_some()
}

/// Lets these be written to the record, one behind the other.
async fn written_later(running: &Running, store: &Store, records: Vec<Record>) -> Vec<DeliveryId> {
    let whose = lead(store).await.expect("it is there").id;
    let mut moment = running.node.clock.moment();
    let (mut ids, mut effects) = (Vec::new(), Vec::new());
    for record in records {
        let id: DeliveryId = moment.id();
        ids.push(id);
        effects.push(Effect::Enqueue(Box::new(Delivery {
            id,
            seq: 0,
            link: "sales".into(),
            stream: format!("lead/{}", whose.uuid().simple()),
            lane: Lane::Hot,
            purpose: Purpose::Status,
            operation: Operation::Update { remote: remote(), record },
            lead: Some(whose),
            handoff: None,
            state: DeliveryState::Due,
            due_at: moment.now,
            attempt: 0,
            probe: None,
            created_at: moment.now,
            joined: None,
            standing: None,
            run: None,
        })));
    }
    let tx = store.begin(WriteLane::Hot).await.expect("the store answers");
    let stamp = Stamp { verb: "test", config: running.node.plan().hash.clone(), now: moment.now };
    tx.commit(&stamp, &[Reaction { effects, ..Reaction::default() }]).await.expect("it is kept");
    ids
}

async fn start(url: &str) -> (Arc<Kept>, Running, Store) {
    let crm = Arc::new(Kept::default());
    let wire: Arc<dyn Wire> = Arc::<Kept>::clone(&crm);
    let (running, store) = node_with(url, wire).await;
    mirrored(&store).await;
    post(&running, &[("测试", 1)]).await;
    until("its record is there", async || {
        lead(&store).await.is_some_and(|lead| lead.remotes.contains(&remote()))
    })
    .await;
    (crm, running, store)
}

async fn one_update_for_all(url: &str) {
    let (crm, running, store) = start(url).await;
    crm.down.store(true, Ordering::SeqCst);
    // What a form says anew is read against the record first: one look waits, however often it changes.
    for n in 0..20 {
        post(&running, &[(&format!("测试{n}"), 1)]).await;
    }
    until("the last name is known", async || {
        lead(&store).await.is_some_and(|lead| lead.text("name") == Some("测试19"))
    })
    .await;
    crm.down.store(false, Ordering::SeqCst);
    until("it was updated", async || !crm.updates().is_empty()).await;

    crm.down.store(true, Ordering::SeqCst);
    let records =
        (0..20).map(|n| Record::new().with("comment", format!("step {n}")).with(format!("f{}", n % 4), n));
    let ids = written_later(&running, &store, records.collect()).await;
    until("the first was tried in vain", async || !told(&store, ids[0]).await.attempts.is_empty()).await;
    crm.down.store(false, Ordering::SeqCst);
    for id in &ids {
        until("each is settled", async || is_done(&store, *id).await).await;
    }
    let latest = json!({ "comment": "step 19", "f0": 16, "f1": 17, "f2": 18, "f3": 19 });
    assert_eq!(crm.updates(), [json!({ "name": "测试19" }), latest], "one update each");

    let first = told(&store, ids[0]).await;
    assert_eq!(first.attempts.last().map(|note| note.class.as_str()), Some("done"));
    for id in &ids[1..] {
        let joined = told(&store, *id).await;
        let notes: Vec<_> =
            joined.attempts.iter().map(|note| (note.class.as_str(), note.detail.clone())).collect();
        assert_eq!(notes, [("joined", ids[0].to_string())]);
        assert_eq!(joined.said.last(), first.said.last(), "one conversation for all");
    }
    let needs = Needs { remotes: [remote()].into(), ..Needs::default() };
    let book = store.look(&needs).await.expect("the store answers");
    let agreed = &book.links[&remote()].agreed;
    assert_eq!((agreed.text("comment"), agreed.get("f3")), (Some("step 19"), Some(&Value::Int(19))));
    let ask = BeforeAsk { deliveries: vec![ids[19], ids[0]], limit: 5, ..BeforeAsk::default() };
    let images = store.before_images(&ask).await.expect("the store answers");
    let comments: Vec<_> = images
        .iter()
        .map(|image| &image.fields["comment"])
        .map(|change| (change.before.as_ref().map(Value::to_display), change.ours.to_display()))
        .collect();
    let before = |text: &str| Some(text.to_owned());
    assert!(comments.contains(&(before("step 18"), "step 19".to_owned())), "{comments:?}");
    assert_eq!(comments.len(), 2, "each can be taken back");
    running.stop().await;
}

async fn only_who_is_to_blame_waits(url: &str) {
    let (crm, running, store) = start(url).await;
    let records = [("comment", "good"), ("title", "毒"), ("city", "late")]
        .map(|(field, text)| Record::new().with(field, text));
    let ids = written_later(&running, &store, records.to_vec()).await;
    until("the bad one waits for a person", async || {
        matches!(told(&store, ids[1]).await.delivery.state, DeliveryState::Parked { .. })
    })
    .await;
    assert_eq!(crm.updates(), [json!({ "comment": "good" })]);
    assert!(is_done(&store, ids[0]).await && !is_done(&store, ids[2]).await);
    let bad = ParkedAsk { ids: vec![ids[1]], ..ParkedAsk::default() };
    store.drop_deliveries(&bad, running.node.clock.now()).await.expect("it is dropped");
    until("what waited behind it goes on", async || is_done(&store, ids[2]).await).await;
    assert_eq!(crm.updates(), [json!({ "comment": "good" }), json!({ "city": "late" })]);

    // A value that a later one takes the place of is never said.
    let records = ["毒", "right"].map(|text| Record::new().with("comment", text));
    let ids = written_later(&running, &store, records.to_vec()).await;
    until("both are settled", async || is_done(&store, ids[1]).await).await;
    assert_eq!(crm.updates().last(), Some(&json!({ "comment": "right" })));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_changes_are_one_update_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    one_update_for_all(&format!("sqlite:{}", folder.path().join("join.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_changes_are_one_update_on_postgres() {
    one_update_for_all(leadloop_testing::fresh_database("join").url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_together_is_parted_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    only_who_is_to_blame_waits(&format!("sqlite:{}", folder.path().join("part.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_together_is_parted_on_postgres() {
    only_who_is_to_blame_waits(leadloop_testing::fresh_database("part").url()).await;
}
