//! What is kept of what was said: readable, bounded, by the config's choice, and never a secret. On both engines.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use leadloop_connector_api::{Answer, Body, Request};
use leadloop_server::wire::{BoxFuture, Wire, WireError};
use leadloop_store::Store;
use leadloop_store::read::parked::ParkedAsk;
use leadloop_store::read::story::ToldDelivery;
use leadloop_sync_core::book::Needs;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::conversation::{Conversation, Turn};
use leadloop_sync_core::outbox::Purpose;
use leadloop_testing::{Database, file_bytes, traces};
use serde_json::json;

use crate::outbox::{Played, SECRET, TOKEN, mirrored, node_also, post, until};

/// A CRM that refuses leads, tells everything it was told, and goes on for long.
#[derive(Default)]
struct Tells {
    crm: Played,
    refuses: AtomicBool,
}

impl Wire for Tells {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, WireError>> {
        let written = request.url.contains("/leads") && matches!(request.body, Body::Json(_));
        if !written || !self.refuses.load(Ordering::SeqCst) {
            return self.crm.send(request, timeout);
        }
        let heard = format!("{:?} {SECRET}", request.headers);
        let error = json!({
            "error": { "code": "validation", "message": heard, "fields": [] },
            "secret": SECRET, "session_id": "e4d909c2",
            "more": "x".repeat(20_000),
        });
        let mut answer = Answer::with_body(422, "application/json", error.to_string());
        answer.headers.push(("set-cookie".into(), format!("session={SECRET}")));
        answer.headers.push(("x-request-id".into(), "r-7".into()));
        Box::pin(std::future::ready(Ok(answer)))
    }
}

/// Where everything stands.
enum Place {
    File(PathBuf),
    Database(Database),
}

impl Place {
    fn url(&self) -> String {
        match self {
            Place::File(file) => format!("sqlite:{}", file.display()),
            Place::Database(database) => database.url().to_owned(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Place::File(file) => file_bytes(file),
            Place::Database(database) => {
                database.dump().into_values().collect::<Vec<_>>().concat().into_bytes()
            }
        }
    }
}

async fn parked(store: &Store) -> Vec<ToldDelivery> {
    store
        .parked_deliveries(&ParkedAsk { limit: 10, ..ParkedAsk::default() })
        .await
        .expect("the store answers")
}

async fn said(store: &Store, told: &ToldDelivery) -> Vec<Conversation> {
    let ids: Vec<_> = told.said.iter().copied().flatten().collect();
    store.conversations(&ids).await.expect("the store answers").into_values().collect()
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn is_readable_and_bounded(turn: &Turn) {
    assert_eq!((turn.method.as_str(), turn.broken.as_deref()), ("POST", None));
    assert!(turn.url.starts_with("http://crm.example/") && turn.url.contains("/leads"), "{}", turn.url);
    assert!(turn.body.text.contains("13900000001") && !turn.body.cut, "{:?}", turn.body);
    assert_eq!(turn.body.bytes, u64::try_from(turn.body.text.len()).expect("small"));
    assert_eq!(header(&turn.headers, "authorization"), Some("•••"), "{:?}", turn.headers);
    let answer = turn.answer.as_ref().expect("it answered");
    assert_eq!((answer.status, header(&answer.headers, "x-request-id")), (422, Some("r-7")));
    assert_eq!(header(&answer.headers, "set-cookie"), None);
    assert!(answer.body.text.contains("validation"), "{:?}", answer.body);
    assert!(answer.body.cut && answer.body.bytes > 20_000 && answer.body.text.len() <= 8 * 1024 + 64);
    assert!(answer.body.text.contains("Bearer •••"), "{:?}", answer.body);
}

/// What the lead of this number was told, once it is done.
async fn done(store: &Store, phone: &str) -> Option<ToldDelivery> {
    let who = Identifier::new("phone", phone);
    let needs = Needs { identifiers: [who.clone()].into(), ..Needs::default() };
    let book = store.look(&needs).await.expect("the store answers");
    let story = store.story(book.lead_of(&who)?.id, 10).await.expect("the store answers")?;
    story
        .deliveries
        .into_iter()
        .find(|told| told.delivery.purpose == Purpose::Handover && told.settled_at.is_some())
}

async fn all_is_kept(place: &Place) {
    let crm = Arc::new(Tells::default());
    crm.refuses.store(true, Ordering::SeqCst);
    let wire: Arc<dyn Wire> = Arc::<Tells>::clone(&crm);
    let (running, store) = node_also("", &place.url(), wire).await;
    mirrored(&store).await;
    post(&running, &[("测试", 1)]).await;
    until("it is refused", async || parked(&store).await.len() == 1).await;
    let refused = parked(&store).await.remove(0);
    let talks = said(&store, &refused).await;
    let last = talks.last().and_then(|talk| talk.turns.last()).expect("it was kept");
    is_readable_and_bounded(last);
    assert!(talks.iter().all(|talk| talk.of == [(refused.delivery.id, 1)] && !talk.loose), "{talks:?}");

    crm.refuses.store(false, Ordering::SeqCst);
    post(&running, &[("测试", 2)]).await;
    until("it is written", async || done(&store, "+8613900000002").await.is_some()).await;
    let written = done(&store, "+8613900000002").await.expect("it is there");
    let talks = said(&store, &written).await;
    let statuses: Vec<u16> =
        talks[0].turns.iter().filter_map(|turn| turn.answer.as_ref()).map(|answer| answer.status).collect();
    assert_eq!(statuses.last(), Some(&201), "a write that worked is kept too");

    let bytes = place.bytes();
    assert!(!traces(&bytes, &["13900000001"]).is_empty(), "the search finds what stands there");
    assert_eq!(traces(&bytes, &[SECRET, TOKEN, "e4d909c2"]), Vec::<String>::new());
    running.stop().await;
}

async fn only_what_failed_is_kept(place: &Place, more: &'static str, kept: usize) {
    let crm = Arc::new(Tells::default());
    let wire: Arc<dyn Wire> = Arc::<Tells>::clone(&crm);
    let (running, store) = node_also(more, &place.url(), wire).await;
    mirrored(&store).await;
    post(&running, &[("测试", 1)]).await;
    until("it is written", async || done(&store, "+8613900000001").await.is_some()).await;
    let written = done(&store, "+8613900000001").await.expect("it is there");
    assert_eq!(written.said, [None]);
    crm.refuses.store(true, Ordering::SeqCst);
    post(&running, &[("测试", 2)]).await;
    until("it is refused", async || parked(&store).await.len() == 1).await;
    assert_eq!(said(&store, &parked(&store).await[0]).await.len(), kept);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_kept_without_secrets_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    all_is_kept(&Place::File(folder.path().join("said.db"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_kept_without_secrets_on_postgres() {
    all_is_kept(&Place::Database(leadloop_testing::fresh_database("said"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_config_says_what_is_kept() {
    let folder = leadloop_testing::temp_dir();
    let failed = "[retention]\nconversations = \"failed\"\n";
    only_what_failed_is_kept(&Place::File(folder.path().join("failed.db")), failed, 1).await;
    let off = "[retention]\nconversations = \"off\"\n";
    only_what_failed_is_kept(&Place::File(folder.path().join("off.db")), off, 0).await;
}
