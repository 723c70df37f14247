//! The way out when things go wrong: one bad record in a batch, a CRM that is down, a link that is paused by hand. The
//! CRM is played at the wire, in the words of the sandbox; on both engines.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leadloop_connector_api::{Answer, Body, Method, Request};
use leadloop_connectors as _;
use leadloop_server::Running;
use leadloop_server::clock::{Clock, SystemClock};
use leadloop_server::gates::{Wish, by_hand};
use leadloop_server::wire::{BoxFuture, Wire, WireError};
use leadloop_store::Store;
use leadloop_sync_core::gate::{Gates, gates_key};
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_testing::http;
use serde_json::{Value, json};

use crate::set_up::Folder;

/// The client secret of the CRM.
pub(crate) const SECRET: &str = "open s\"esame/7f3a";
/// The token that the CRM gives.
pub(crate) const TOKEN: &str = "sbx_0f9e8d7c6b5a";

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"

[[source]]
name = "website"
connector = "web_form"
settings = { origin_optional = true }
touch = "form_submitted"
rate_limit = "1000 per minute per address"
fields = [{ from = "consent", to = "consent.transfer" }]

[consent]
transfer = "given"

[[score]]
name = "interest"
range = [0, 100]
touches = [{ touch = "form_submitted", points = 30 }]

[mql]
when = 'score.interest >= 30'

[[crm]]
name = "sales"
connector = "sandbox"
settings = { url = "http://crm.example", client_secret = { env = "CRM" } }
limits = { per_second = 200 }
mark = "leadloop_id"

[[mapping]]
crm = "sales"
object = "lead"
fields = [{ pool = "name", crm = "name", way = "to_crm" }, { pool = "phone", crm = "phone", way = "to_crm" }]

[[transfer]]
name = "everyone"
when = 'true'
do = { create = "lead", assign = { team = "desk" } }

[people]
table = "people.csv"

[[team]]
name = "desk"
members = [{ person = "jia" }]
"#;

const PEOPLE: &str = "key,name,crm_user\njia,测试甲,U1\n";

/// What a person decided is looked up every two seconds.
const PAUSE_SEEN: Micros = Micros::seconds(3);

/// As [`node_with`], and nobody is an MQL by three forms.
pub(crate) async fn node_quiet(url: &str, wire: Arc<dyn Wire>) -> (Running, Store) {
    let config = CONFIG.replace("score.interest >= 30", "score.interest >= 100");
    let folder = Folder::new(config).with("people.csv", PEOPLE).secret(SECRET);
    folder.start_with(url, Arc::new(SystemClock), wire).await
}

/// The config of a CRM that gets so many new records an hour, at `clock`.
pub(crate) async fn node_with_fuse(
    creates: u32,
    url: &str,
    clock: Arc<dyn Clock>,
    wire: Arc<dyn Wire>,
) -> (Running, Store) {
    let limits = "limits = { per_second = 200 }";
    let config = CONFIG.replace(limits, &format!("{limits}\nfuse = {{ creates_per_hour = {creates} }}"));
    Folder::new(config).with("people.csv", PEOPLE).secret(SECRET).start_with(url, clock, wire).await
}

/// The config of a CRM with these limits.
pub(crate) async fn node_of(
    limits: &str,
    url: &str,
    clock: Arc<dyn Clock>,
    wire: Arc<dyn Wire>,
) -> (Running, Store) {
    let config = CONFIG.replace("limits = { per_second = 200 }", limits);
    Folder::new(config).with("people.csv", PEOPLE).secret(SECRET).start_with(url, clock, wire).await
}

/// The config of a CRM at `address` that is asked for news every second, by two requests at once.
pub(crate) async fn node_at(address: &str, url: &str, clock: Arc<dyn Clock>) -> (Running, Store) {
    let limits = "limits = { per_second = 200 }";
    let often = "limits = { per_second = 200, concurrent = 2 }\nmirror = { every_busy = \"1s\", every_idle = \"1s\" }";
    let config = CONFIG.replace("http://crm.example", address).replace(limits, often);
    let folder = Folder::new(config).with("people.csv", PEOPLE).secret(SECRET);
    folder.start_with(url, clock, crate::set_up::by_wire()).await
}

/// A CRM that refuses any batch with a poisoned record in it as a whole, and can be switched off.
#[derive(Default)]
pub(crate) struct Played {
    down: AtomicBool,
    asked: AtomicUsize,
    poisoned: AtomicUsize,
    names: Mutex<Vec<String>>,
}

impl Played {
    fn answer(&self, request: &Request) -> Answer {
        let ok = |json: &Value| Answer::with_body(200, "application/json", json.to_string());
        let url = request.url.as_str();
        if url.ends_with("/oauth/token") {
            return ok(&json!({ "access_token": TOKEN, "expires_in": 3600 }));
        }
        let Body::Json(body) = &request.body else {
            let user = json!({
                "id": "U1", "version": 1, "created_at": 1, "modified_at": 1_795_473_554_151_357_i64,
                "modified_by": "admin", "deleted": false, "merged_into": null, "name": "测试甲", "state": "active",
            });
            let users = if url.contains("/users") { vec![user] } else { vec![] };
            return ok(&json!({ "records": users, "next_cursor": null, "server_time": SystemClock.now().0 }));
        };
        if let Some(values) = body.get("values").and_then(Value::as_array) {
            let none = values.iter().map(|value| json!({ "value": value, "records": [] }));
            return ok(&json!({ "results": none.collect::<Vec<_>>() }));
        }
        let records = body.get("records").and_then(Value::as_array).cloned();
        let records = records.unwrap_or_else(|| vec![body.clone()]);
        if url.contains("/leads") && records.iter().any(|record| record["name"] == "毒") {
            self.poisoned.fetch_add(1, Ordering::SeqCst);
            let fields = json!([{ "field": "name", "code": "invalid", "message": "not this one" }]);
            let error = json!({ "error": { "code": "validation", "message": "refused", "fields": fields } });
            return Answer::with_body(422, "application/json", error.to_string());
        }
        let mut names = self.names.lock().expect("nobody panics with it");
        let made: Vec<Value> = records
            .iter()
            .map(|record| {
                if url.contains("/leads") {
                    names.push(record["name"].as_str().unwrap_or_default().to_owned());
                }
                let changed = record.get("id").and_then(Value::as_str).or_else(|| changed_by(request));
                let id = changed.map_or_else(|| format!("L{}", names.len()), ToOwned::to_owned);
                json!({ "status": 201, "id": id, "version": 1 })
            })
            .collect();
        if url.ends_with("/batch") {
            return ok(&json!({ "results": made }));
        }
        Answer::with_body(201, "application/json", made[0].to_string())
    }

    /// Whether it is up.
    pub(crate) fn switch(&self, up: bool) {
        self.down.store(!up, Ordering::SeqCst);
    }

    pub(crate) fn written(&self) -> usize {
        self.names.lock().expect("nobody panics with it").len()
    }
}

/// The record that a request changes.
fn changed_by(request: &Request) -> Option<&str> {
    let path = request.url.split('?').next()?;
    path.rsplit('/').next().filter(|_| request.method == Method::Patch)
}

impl Wire for Played {
    fn send<'a>(&'a self, request: &'a Request, _: Duration) -> BoxFuture<'a, Result<Answer, WireError>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.down.load(Ordering::SeqCst) {
                return Err(WireError { sent: false, detail: "connection refused".to_owned() });
            }
            Ok(self.answer(request))
        })
    }
}

async fn node(url: &str, crm: &Arc<Played>) -> (Running, Store) {
    let wire: Arc<dyn Wire> = Arc::<Played>::clone(crm);
    node_with(url, wire).await
}

pub(crate) async fn node_with(url: &str, wire: Arc<dyn Wire>) -> (Running, Store) {
    node_also("", url, wire).await
}

/// As [`node_with`], on a store that is open.
pub(crate) async fn node_on(store: Store, wire: Arc<dyn Wire>) -> Running {
    let plan = Folder::new(CONFIG).with("people.csv", PEOPLE).secret(SECRET).plan();
    let started = leadloop_server::run::start_with(plan, store, Arc::new(SystemClock), wire);
    started.await.expect("the node starts")
}

/// As [`node_with`], with more in its config.
pub(crate) async fn node_also(more: &'static str, url: &str, wire: Arc<dyn Wire>) -> (Running, Store) {
    let folder = Folder::new([CONFIG, more].concat()).with("people.csv", PEOPLE).secret(SECRET);
    folder.start_with(url, Arc::new(SystemClock), wire).await
}

pub(crate) async fn post(running: &Running, names: &[(&str, usize)]) {
    let leads: Vec<Value> = names
        .iter()
        .map(|(name, n)| json!({ "name": name, "phone": format!("1390000{n:04}"), "consent": "given" }))
        .collect();
    let (to, body) = (running.address, json!(leads).to_string());
    let answer = tokio::task::spawn_blocking(move || {
        http::send(to, "POST", "/in/website", &[("content-type", "application/json")], body.as_bytes())
    });
    let answer = answer.await.expect("the sender does not panic").expect("every push is answered");
    assert!(answer.body.contains("\"quarantined\":0"), "{}", answer.body);
}

pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..3_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came: {what}");
}

/// All six objects were read to their end.
pub(crate) async fn mirrored(store: &Store) {
    until("the mirror is read", async || {
        store.status(Timestamp(0)).await.expect("the store answers").mirrors.len() == 6
    })
    .await;
}

async fn gates(store: &Store) -> Gates {
    let key = gates_key(&LinkName::from("sales"));
    let mut known = store.counters(std::slice::from_ref(&key)).await.expect("the store answers");
    known
        .remove(&key)
        .map(|kept| serde_json::from_value(kept).expect("it is what was kept"))
        .unwrap_or_default()
}

async fn parked(store: &Store) -> i64 {
    let status = store.status(Timestamp(0)).await.expect("the store answers");
    status.parked.iter().filter(|parked| parked.what == "delivery").map(|parked| parked.count).sum()
}

async fn one_bad_record(url: &str) {
    let crm = Arc::new(Played::default());
    let (running, store) = node(url, &crm).await;
    mirrored(&store).await;
    by_hand(&running.node, &"sales".into(), Wish::Pause, "test".into()).await.expect("it is kept");
    let look = store.clock().await.expect("the store answers") + PAUSE_SEEN;
    until("the pause is seen", async || store.clock().await.expect("the store answers") > look).await;
    let names: Vec<(&str, usize)> = (0..32).map(|n| (if n == 13 { "毒" } else { "测试" }, n)).collect();
    post(&running, &names).await;
    until("all hand-overs are decided", async || {
        let status = store.status(Timestamp(i64::MAX)).await.expect("the store answers");
        status.handoffs.iter().map(|(_, count)| count).sum::<i64>() == 32
    })
    .await;
    assert_eq!(crm.written(), 0, "a paused link is not sent to");
    by_hand(&running.node, &"sales".into(), Wish::Resume, "test".into()).await.expect("it is kept");
    until("the good ones are written", async || crm.written() == 31).await;
    until("the bad one waits for a person", async || parked(&store).await == 1).await;
    assert_eq!(crm.written(), 31, "none was written twice");
    assert!(crm.poisoned.load(Ordering::SeqCst) <= 7, "halving finds one of 32 in six requests");
    running.stop().await;
}

async fn a_crm_that_is_down(url: &str) {
    let crm = Arc::new(Played::default());
    let (running, store) = node(url, &crm).await;
    mirrored(&store).await;
    crm.down.store(true, Ordering::SeqCst);
    let names: Vec<(&str, usize)> = (0..40).map(|n| ("测试", 100 + n)).collect();
    for some in names.chunks(4) {
        post(&running, some).await;
    }
    until("its gate is shut", async || gates(&store).await.shut().any(|(kind, _)| kind == Some("create")))
        .await;
    let alarms = store.status(Timestamp(i64::MAX)).await.expect("the store answers").alarms;
    assert!(alarms.iter().any(|raised| raised.alarm.code == "LL3210"), "{alarms:?}");
    assert_eq!(crm.written(), 0);
    crm.down.store(false, Ordering::SeqCst);
    until("all are written", async || crm.written() == 40).await;
    until("its gate is open", async || gates(&store).await.all_open()).await;
    assert_eq!(parked(&store).await, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_record_is_refused_alone_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    one_bad_record(&format!("sqlite:{}", folder.path().join("bad.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_record_is_refused_alone_on_postgres() {
    one_bad_record(leadloop_testing::fresh_database("bad").url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_a_crm_goes_out_when_it_is_back_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    a_crm_that_is_down(&format!("sqlite:{}", folder.path().join("down.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_a_crm_goes_out_when_it_is_back_on_postgres() {
    a_crm_that_is_down(leadloop_testing::fresh_database("down").url()).await;
}
