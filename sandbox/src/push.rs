//! What the MA pushes: leads, mail clicks and points, as signed webhooks, when an admin call or a file says so.

use crate::api::{Answer, App};
use crate::clock::rfc3339;
use crate::dice::stable_hash;
use crate::options::Target;
use crate::post::{Message, RETRIES, Receiver};
use crate::record::Author;
use crate::refusal::Refusal;
use crate::schema::Kind;
use crate::shared::Shared;
use crate::take::{JsonObject, json_value, typed};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Most contacts of one call.
const CONTACTS: usize = 5_000;
/// Most clicks or points changes of one contact.
const EVENTS: i64 = 100;
/// Most events of one request.
const PER_REQUEST: usize = 500;
/// Posts under way at the same time.
const WORKERS: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PushCall {
    contacts: Vec<Pushed>,
    #[serde(default = "yes")]
    wait: bool,
    per_second: Option<u32>,
    #[serde(default = "one")]
    per_request: usize,
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

/// A contact with what it did.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pushed {
    ma_id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    company: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    points: i64,
    #[serde(default)]
    segments: Vec<String>,
    /// Further members of the `lead.created` event.
    #[serde(default)]
    more: Map<String, Value>,
    /// Push `lead.created`.
    #[serde(default = "yes")]
    announce: bool,
    /// When it became a lead, microseconds.
    #[serde(default)]
    at: Option<i64>,
    /// So many mail clicks, made up, after those of `mail_clicks`.
    #[serde(default)]
    clicks: u32,
    #[serde(default)]
    mail_clicks: Vec<Click>,
    #[serde(default)]
    points_changes: Vec<PointsChange>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Click {
    campaign: String,
    url: String,
    #[serde(default)]
    at: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PointsChange {
    delta: i64,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    at: Option<i64>,
}

/// How a push went.
#[derive(Clone, Debug, Default)]
struct Outcome {
    delivered: u64,
    failed: u64,
    last_error: Option<String>,
}

impl Pushed {
    fn points_after(&self) -> i64 {
        self.points_changes.iter().fold(self.points, |sum, change| sum.saturating_add(change.delta))
    }

    /// What the MA keeps of it.
    fn stored(&self) -> Map<String, Value> {
        let mut map = Map::new();
        let texts = [
            ("name", &self.name),
            ("phone", &self.phone),
            ("email", &self.email),
            ("company", &self.company),
            ("title", &self.title),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                map.insert(name.to_owned(), value.clone().into());
            }
        }
        map.insert("points".to_owned(), self.points_after().into());
        if !self.segments.is_empty() {
            map.insert("segments".to_owned(), self.segments.clone().into());
        }
        map
    }

    /// Its events in order: the lead, then clicks, then points.
    fn events(&self, now: i64) -> Vec<Value> {
        let mut events = Vec::with_capacity(1 + self.mail_clicks.len() + self.points_changes.len());
        if self.announce {
            let mut data = json!({
                "ma_id": self.ma_id, "name": self.name, "phone": self.phone, "email": self.email,
                "company": self.company, "title": self.title, "points": self.points, "segments": self.segments,
            });
            if let Some(members) = data.as_object_mut() {
                members.extend(self.more.clone());
            }
            events.push(event("lead.created", data, self.at, now));
        }
        for click in &self.mail_clicks {
            events.push(self.clicked(&click.campaign, &click.url, click.at, now));
        }
        for number in 1..=self.clicks {
            let url = format!("https://www.shili.example/newsletter/{number}");
            events.push(self.clicked("newsletter", &url, None, now));
        }
        let mut points = self.points;
        for change in &self.points_changes {
            points = points.saturating_add(change.delta);
            let data = json!({"ma_id": self.ma_id, "points": points, "delta": change.delta, "reason": change.reason});
            events.push(event("points.changed", data, change.at, now));
        }
        events
    }

    fn clicked(&self, campaign: &str, url: &str, at: Option<i64>, now: i64) -> Value {
        let data = json!({"ma_id": self.ma_id, "email": self.email, "campaign": campaign, "url": url});
        event("mail.clicked", data, at, now)
    }

    fn all_clicks(&self) -> i64 {
        i64::from(self.clicks) + i64::try_from(self.mail_clicks.len()).unwrap_or(0)
    }
}

/// The id follows from the content and the time given for it, so that the same event pushed twice has the same id.
fn event(kind: &str, mut data: Value, at: Option<i64>, now: i64) -> Value {
    let given = at.map(|at| at.to_string()).unwrap_or_default();
    let id = format!("ev_{:016x}", stable_hash(0, &[kind, &data.to_string(), &given]));
    let at = at.unwrap_or(now);
    data["at"] = at.into();
    data["event_id"] = id.into();
    json!({"type": kind, "timestamp": rfc3339(at), "data": data})
}

fn message(events: &[Value]) -> Message {
    let ids: Vec<&str> = events.iter().filter_map(|event| event["data"]["event_id"].as_str()).collect();
    let (id, body) = match events {
        [single] => (ids.concat(), single.to_string()),
        many => (format!("{:016x}", stable_hash(1, &ids)), Value::from(many.to_vec()).to_string()),
    };
    Message { id: format!("msg_{id}"), body }
}

pub(crate) async fn set_target(State(shared): App, JsonObject(map): JsonObject) -> Answer {
    let target: Target = typed(map)?;
    shared.ma_target.set(Receiver::new(&target)?);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Where the MA pushes to now.
#[derive(Debug, Default)]
pub(crate) struct MaTarget(Mutex<Option<Arc<Receiver>>>);

impl MaTarget {
    pub(crate) fn set(&self, receiver: Receiver) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(receiver));
    }

    fn get(&self) -> Result<Arc<Receiver>, Refusal> {
        let target = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        target.ok_or_else(|| Refusal::bad_request("no target: POST /admin/ma/target first"))
    }
}

pub(crate) async fn push(State(shared): App, JsonObject(map): JsonObject) -> Answer {
    let call: PushCall = typed(map)?;
    if call.contacts.len() > CONTACTS {
        return Err(Refusal::bad_request(format!("at most {CONTACTS} contacts a call")));
    }
    if !(1..=PER_REQUEST).contains(&call.per_request) || call.per_second == Some(0) {
        return Err(Refusal::bad_request(format!(
            "per_request is 1 to {PER_REQUEST}, per_second at least 1"
        )));
    }
    let receiver = shared.ma_target.get()?;
    keep(&shared, &call.contacts)?;
    let units = units(&call.contacts, call.per_request, shared.clock.now());
    let (contacts, events) = (call.contacts.len(), count(&units));
    let work = post_all(Arc::clone(&shared), receiver, units, call.per_second, RETRIES.to_vec());
    if !call.wait {
        tokio::spawn(work);
        return Ok(json_value(StatusCode::ACCEPTED, &json!({"contacts": contacts, "events": events})));
    }
    let outcome = work.await;
    Ok(pushed(contacts, events, &outcome))
}

fn pushed(contacts: usize, events: usize, outcome: &Outcome) -> Response {
    json_value(
        StatusCode::OK,
        &json!({"contacts": contacts, "events": events, "delivered": outcome.delivered, "failed": outcome.failed,
                "last_error": outcome.last_error}),
    )
}

/// Store the contacts before anything is said about them.
fn keep(shared: &Shared, contacts: &[Pushed]) -> Result<(), Refusal> {
    shared.write(|world| {
        for (number, contact) in contacts.iter().enumerate() {
            if contact.all_clicks() > EVENTS || contact.points_changes.len() as i64 > EVENTS {
                return Err(Refusal::bad_request(format!(
                    "contact {number}: at most {EVENTS} clicks and changes"
                )));
            }
            let kept = world.upsert(Kind::MaContacts, &contact.ma_id, &contact.stored(), Author::Admin);
            let written = kept.map_err(|refusal| refusal.with("record", number))?;
            world.add_clicks(written.row, contact.all_clicks());
        }
        Ok(())
    })?
}

/// What is posted one after the other; different units go side by side.
type Unit = Vec<(Message, u64)>;

fn units(contacts: &[Pushed], per_request: usize, now: i64) -> VecDeque<Unit> {
    if per_request == 1 {
        let posts = |contact: &Pushed| {
            contact.events(now).iter().map(|event| (message(std::slice::from_ref(event)), 1)).collect()
        };
        return contacts.iter().map(posts).collect();
    }
    let events: Vec<Value> = contacts.iter().flat_map(|contact| contact.events(now)).collect();
    events.chunks(per_request).map(|chunk| vec![(message(chunk), chunk.len() as u64)]).collect()
}

fn count(units: &VecDeque<Unit>) -> usize {
    let events: u64 = units.iter().flatten().map(|(_, events)| events).sum();
    usize::try_from(events).unwrap_or(usize::MAX)
}

async fn post_all(
    shared: Arc<Shared>,
    receiver: Arc<Receiver>,
    units: VecDeque<Unit>,
    per_second: Option<u32>,
    pauses: Vec<Duration>,
) -> Outcome {
    let todo = Arc::new(Mutex::new(units));
    let outcome = Arc::new(Mutex::new(Outcome::default()));
    let pace = per_second.map(|rate| {
        Arc::new(tokio::sync::Mutex::new(tokio::time::interval(Duration::from_secs(1) / rate.max(1))))
    });
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        let (shared, receiver, todo) = (Arc::clone(&shared), Arc::clone(&receiver), Arc::clone(&todo));
        let (outcome, pace, pauses) = (Arc::clone(&outcome), pace.clone(), pauses.clone());
        workers.spawn(async move {
            let next = || todo.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            while let Some(unit) = next() {
                for (message, events) in unit {
                    if let Some(pace) = &pace {
                        pace.lock().await.tick().await;
                    }
                    let sent = shared.sender.insist(&receiver, &message, &pauses).await;
                    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
                    match sent {
                        Ok(()) => outcome.delivered += events,
                        Err(error) => {
                            outcome.failed += events;
                            outcome.last_error = Some(error);
                        }
                    }
                }
            }
        });
    }
    let stop = shared.stop.clone();
    tokio::select! {
        () = stop.cancelled() => workers.abort_all(),
        () = async { while workers.join_next().await.is_some() {} } => {}
    }
    let outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    outcome.clone()
}

/// Contacts of a file of JSON lines.
#[derive(Debug)]
pub(crate) struct FromFile(Vec<Pushed>);

/// Read the file of the option `ma_file`.
pub(crate) fn read_file(path: &std::path::Path) -> Result<FromFile, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut contacts = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let contact = serde_json::from_str(line)
            .map_err(|error| format!("{}, line {}: {error}", path.display(), number + 1))?;
        contacts.push(contact);
    }
    Ok(FromFile(contacts))
}

/// Push what was read; the receiver may not be up yet, so this is patient.
pub(crate) async fn push_file(shared: Arc<Shared>, file: FromFile) {
    let pauses: Vec<Duration> = [1, 2, 5, 10, 20, 30].map(Duration::from_secs).to_vec();
    let Ok(receiver) = shared.ma_target.get() else {
        tracing::warn!("the sandbox has MA contacts but no ma_target to push them to");
        return;
    };
    if let Err(refusal) = keep(&shared, &file.0) {
        tracing::warn!(reason = %refusal.error(), "the sandbox cannot keep the MA contacts of its file");
        return;
    }
    let units = units(&file.0, 1, shared.clock.now());
    let outcome = post_all(shared, receiver, units, None, pauses).await;
    tracing::info!(
        delivered = outcome.delivered,
        failed = outcome.failed,
        "the sandbox MA has pushed its file"
    );
}
