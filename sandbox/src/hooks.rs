//! Webhooks: who wants to hear of which changes, and how that went. Sending is in `post`.

use crate::api::{Answer, App};
use crate::clock::rfc3339;
use crate::options::{NewWebhook, Target};
use crate::post::{Attempt, Message, RETRIES, Receiver, Sender};
use crate::refusal::Refusal;
use crate::schema::Kind;
use crate::shared::Shared;
use crate::sign::{fresh_id, fresh_secret};
use crate::take::{JsonObject, json_value, typed};
use crate::world::{Listening, News};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Most webhooks.
const HOOKS: usize = 16;
/// Messages waiting for one webhook; more are dropped and counted.
const WAITING: usize = 10_000;
/// Messages of one webhook that are being repeated.
const REPEATING: usize = 256;

/// All webhooks.
#[derive(Debug)]
pub(crate) struct Hooks {
    sender: Arc<Sender>,
    list: Mutex<Vec<Hook>>,
    given: AtomicU64,
}

#[derive(Debug)]
struct Hook {
    id: String,
    url: String,
    /// Empty: all of the CRM.
    objects: Vec<Kind>,
    with_record: bool,
    queue: mpsc::Sender<Message>,
    state: Arc<HookState>,
    gone: CancellationToken,
}

/// How a webhook is doing.
#[derive(Debug, Default)]
struct HookState {
    waiting: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    /// The receiver said 410.
    disabled: AtomicBool,
}

impl Hook {
    fn wants(&self, kind: Kind) -> bool {
        if self.objects.is_empty() { kind != Kind::MaContacts } else { self.objects.contains(&kind) }
    }

    fn json(&self) -> Value {
        let objects: Vec<&str> = self.objects.iter().map(|kind| kind.schema().name).collect();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        json!({
            "id": self.id, "url": self.url, "objects": objects, "with_record": self.with_record,
            "disabled": self.state.disabled.load(Ordering::Relaxed), "waiting": read(&self.state.waiting),
            "delivered": read(&self.state.delivered), "failed": read(&self.state.failed),
            "dropped": read(&self.state.dropped),
        })
    }
}

impl Hooks {
    pub(crate) fn new(sender: Arc<Sender>) -> Self {
        Self { sender, list: Mutex::default(), given: AtomicU64::new(0) }
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Hook>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Register a webhook; its id and its secret.
    pub(crate) fn add(
        &self,
        wanted: NewWebhook,
        stop: &CancellationToken,
    ) -> Result<(String, String), Refusal> {
        let objects = wanted
            .objects
            .iter()
            .map(|name| Kind::named(name).ok_or_else(|| Refusal::bad_request(format!("no object {name:?}"))))
            .collect::<Result<Vec<Kind>, Refusal>>()?;
        let secret = match wanted.secret.filter(|secret| !secret.is_empty()) {
            Some(secret) => secret,
            None => {
                fresh_secret().ok_or_else(|| Refusal::new(500, "internal", "no randomness for a secret"))?
            }
        };
        let receiver = Receiver::new(&Target { url: wanted.url.clone(), secret: secret.clone() })?;
        let mut list = self.list();
        if list.len() >= HOOKS {
            return Err(Refusal::bad_request(format!("at most {HOOKS} webhooks")));
        }
        let id = format!("W{}", self.given.fetch_add(1, Ordering::Relaxed) + 1);
        let (queue, messages) = mpsc::channel(WAITING);
        let state = Arc::new(HookState::default());
        let gone = stop.child_token();
        let work = deliver(Arc::clone(&self.sender), Arc::new(receiver), messages, Arc::clone(&state));
        let ended = gone.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = work => {}
            }
        });
        list.push(Hook {
            id: id.clone(),
            url: wanted.url,
            objects,
            with_record: wanted.with_record,
            queue,
            state,
            gone,
        });
        Ok((id, secret))
    }

    fn remove(&self, id: &str) -> bool {
        let mut list = self.list();
        let before = list.len();
        list.retain(|hook| {
            if hook.id == id {
                hook.gone.cancel();
            }
            hook.id != id
        });
        list.len() < before
    }

    /// What the world must collect for them.
    pub(crate) fn listening(&self) -> Listening {
        let list = self.list();
        Listening { any: !list.is_empty(), with_record: list.iter().any(|hook| hook.with_record) }
    }

    /// Tell everybody who wants to hear.
    pub(crate) fn tell(&self, news: Vec<News>) {
        let list = self.list();
        for item in news {
            let id = fresh_id();
            for hook in list.iter().filter(|hook| hook.wants(item.kind)) {
                if hook.state.disabled.load(Ordering::Relaxed) {
                    continue;
                }
                let message = Message { id: id.clone(), body: body(&item, hook.with_record) };
                hook.state.waiting.fetch_add(1, Ordering::Relaxed);
                if hook.queue.try_send(message).is_err() {
                    hook.state.waiting.fetch_sub(1, Ordering::Relaxed);
                    hook.state.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    pub(crate) fn json(&self) -> Vec<Value> {
        self.list().iter().map(Hook::json).collect()
    }

    /// Totals for the stats.
    pub(crate) fn totals(&self) -> Value {
        let mut totals = [0_u64; 4];
        for hook in self.list().iter() {
            let state = &hook.state;
            for (total, count) in
                totals.iter_mut().zip([&state.waiting, &state.delivered, &state.failed, &state.dropped])
            {
                *total += count.load(Ordering::Relaxed);
            }
        }
        let [waiting, delivered, failed, dropped] = totals;
        json!({"queued": waiting, "delivered": delivered, "failed": failed, "dropped": dropped})
    }
}

fn body(news: &News, with_record: bool) -> String {
    let mut data = json!({
        "object": news.kind.schema().name, "id": news.kind.id(news.row), "version": news.version,
        "modified_at": news.modified_at, "modified_by": news.by.name(), "deleted": news.deleted,
    });
    if with_record && let Some(record) = &news.record {
        data["record"] = record.clone();
    }
    let kind = format!("{}.{}", news.kind.schema().singular, news.event.name());
    json!({"type": kind, "timestamp": rfc3339(news.modified_at), "data": data}).to_string()
}

/// First attempts one after the other; repeats apart, so that one sick message does not hold the others.
async fn deliver(
    sender: Arc<Sender>,
    receiver: Arc<Receiver>,
    mut messages: mpsc::Receiver<Message>,
    state: Arc<HookState>,
) {
    let repeating = Arc::new(Semaphore::new(REPEATING));
    while let Some(message) = messages.recv().await {
        let attempt = sender.send(&receiver, &message).await;
        match attempt {
            Attempt::Again(_, wait) => {
                let Ok(permit) = Arc::clone(&repeating).acquire_owned().await else { return };
                let (sender, receiver, state) =
                    (Arc::clone(&sender), Arc::clone(&receiver), Arc::clone(&state));
                tokio::spawn(async move {
                    tokio::time::sleep(wait.unwrap_or(RETRIES[0]).max(RETRIES[0])).await;
                    let outcome = sender.insist(&receiver, &message, &RETRIES[1..]).await;
                    settle(&state, outcome.is_ok());
                    drop(permit);
                });
            }
            Attempt::Gone => {
                state.disabled.store(true, Ordering::Relaxed);
                settle(&state, false);
            }
            Attempt::Done => settle(&state, true),
            Attempt::Refused(_) => settle(&state, false),
        }
    }
}

fn settle(state: &HookState, delivered: bool) {
    state.waiting.fetch_sub(1, Ordering::Relaxed);
    let count = if delivered { &state.delivered } else { &state.failed };
    count.fetch_add(1, Ordering::Relaxed);
}

pub(crate) async fn list(State(shared): App) -> Response {
    json_value(StatusCode::OK, &json!({"webhooks": shared.hooks.json()}))
}

pub(crate) async fn add(State(shared): App, JsonObject(map): JsonObject) -> Answer {
    let (id, secret) = register(&shared, typed(map)?)?;
    Ok(json_value(StatusCode::CREATED, &json!({"id": id, "secret": secret})))
}

/// Register a webhook and make the world collect what it wants.
pub(crate) fn register(shared: &Shared, wanted: NewWebhook) -> Result<(String, String), Refusal> {
    let added = shared.hooks.add(wanted, &shared.stop)?;
    shared.write(|world| world.listening = shared.hooks.listening())?;
    Ok(added)
}

pub(crate) async fn remove(State(shared): App, Path(id): Path<String>) -> Answer {
    if !shared.hooks.remove(&id) {
        return Err(Refusal::not_found("there is no such webhook"));
    }
    shared.write(|world| world.listening = shared.hooks.listening())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
