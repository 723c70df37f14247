//! One play: nodes over one SQLite file, the CRM, sources that send until they are heard, and sales; driven event by event.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use leadloop_config::plan::Plan;
use leadloop_sandbox::{DuplicateRule, FaultKind, FaultSpec, Inside, MarkMode, Options};
use leadloop_server::clock::Clock;
use leadloop_server::node::Node;
use leadloop_server::run::{self, Loops};
use leadloop_server::wire::Wire;
use leadloop_store::{Store, StoreSettings};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::{Micros, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use super::broken::{self, Broken};
use super::plan::{SECRET, plan};
use super::play::{ACTION, Event, Told, play, said};
use super::stage::{Life, START, Stage, Turns, aside};
use super::wire::{Crm, NodeClock, Way, Weather};

/// How long it may take to come to rest when nothing goes wrong any more.
const REST: Micros = Micros::seconds(400);

/// What sort of play it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sort {
    pub(super) seed: u64,
    /// Whether anything goes wrong.
    pub(super) faults: bool,
    /// Whether sales act.
    pub(super) sales: bool,
    /// Whether people say who is one person.
    pub(super) merges: bool,
    /// The node dies after so many turns.
    pub(super) stop: Option<u64>,
    pub(super) broken: Option<Broken>,
}

type Started = JoinHandle<(Arc<Node>, Loops)>;

/// The nodes that answer just now, for those who send.
type Doors = Arc<Mutex<Vec<Option<Arc<Node>>>>>;

/// A play.
pub(super) struct World {
    pub(super) stage: Arc<Stage>,
    pub(super) crm: Arc<Crm>,
    pub(super) database: PathBuf,
    pub(super) sort: Sort,
    /// Submissions that were acknowledged.
    pub(super) acknowledged: Arc<Mutex<BTreeSet<String>>>,
    /// Records that sales made or changed.
    pub(super) human: BTreeSet<String>,
    /// Owners that sales chose, as long as nobody of sales chose another.
    pub(super) chosen: std::collections::BTreeMap<String, String>,
    /// Leads that were named where people said who is one person.
    pub(super) named: BTreeSet<String>,
    /// What never came to its end.
    pub(super) restless: Option<String>,
    store: Store,
    plan: Arc<Plan>,
    shared: bool,
    lives: Vec<(Life, Option<Started>)>,
    ahead: Vec<Arc<AtomicI64>>,
    pub(super) doors: Doors,
    dice: Moment,
    pub(super) senders: Vec<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

/// A folder in memory where there is one: nothing here has to survive a power cut.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| leadloop_testing::temp_dir())
}

fn crm(dice: &mut Moment, sort: Sort, unique: bool) -> Crm {
    let mut options = Options { client_secret: SECRET.to_owned(), seed: dice.throw(), ..Options::default() };
    options.tuning.mark = if unique { MarkMode::Unique } else { MarkMode::Plain };
    options.tuning.duplicate_rule = match (sort.broken, dice.throw() % 4) {
        (Some(_), _) | (None, 0) => DuplicateRule::Off,
        (None, 1) => DuplicateRule::Lagging,
        _ => DuplicateRule::On,
    };
    if sort.faults {
        options.tuning.search_lag_ms = u32::try_from(dice.throw() % 1_500).unwrap_or(0);
        for kind in [
            FaultKind::LostAnswer,
            FaultKind::Error500,
            FaultKind::ErrorAfter,
            FaultKind::Throttle,
            FaultKind::Truncated,
            FaultKind::Reset,
            FaultKind::Html,
            FaultKind::Empty,
            FaultKind::RecordLocked,
            FaultKind::ExpireToken,
            FaultKind::HangAfter,
            FaultKind::Unavailable503,
        ] {
            let most = match kind {
                FaultKind::LostAnswer => 12,
                FaultKind::ExpireToken => 8,
                FaultKind::HangAfter => 2,
                _ => 4,
            };
            let probability = (dice.throw() % most) as f64 / 100.0;
            // A login locks no record.
            let path = (kind == FaultKind::RecordLocked).then(|| "/api".to_owned());
            options.faults.push(FaultSpec { probability, path, ms: Some(30_000), ..FaultSpec::every(kind) });
        }
    }
    let weather = if sort.faults {
        Weather { refused: dice.throw() % 4, slow: [20, 200, 900][(dice.throw() % 3) as usize] }
    } else {
        Weather { refused: 0, slow: 20 }
    };
    Crm {
        inside: Inside::new(options, START.0).expect("the sandbox is furnished"),
        weather: Mutex::new(weather),
        sent: Mutex::default(),
        written: Mutex::default(),
        broken: sort.broken,
    }
}

async fn open(database: &std::path::Path) -> Store {
    let mut settings = StoreSettings::new(format!("sqlite:{}", database.display()));
    // Each transaction that reads has one while it waits for its turn.
    settings.connections = 48;
    aside(Store::open(&settings)).await.expect("the store opens")
}

impl World {
    pub(super) async fn new(sort: Sort) -> Self {
        let mut seed = sort.seed;
        if sort.broken == Some(Broken::LooksAtTheWorld) {
            seed ^= u64::from(std::process::id()) << 32 ^ super::thrown_elsewhere();
        }
        let mut dice = Moment::new(START, seed);
        let shared = sort.faults && dice.throw().is_multiple_of(2);
        // A node that was frozen too long may say again what it had half said: then only a unique mark keeps it from a double.
        let unique = sort.broken.is_none() && (shared || !dice.throw().is_multiple_of(3));
        let folder = folder();
        let database = folder.path().join("leadloop.db");
        std::fs::write(&database, super::template()).expect("the folder can be written");
        let store = open(&database).await;
        let stage = Stage::new(dice.throw());
        let crm = Arc::new(crm(&mut dice, sort, unique));
        let nodes = if shared { 2 } else { 1 };
        let faster = if sort.broken == Some(Broken::AsksTooOften) { 40 } else { 1 };
        let lives = (0..nodes).map(|node| (Life { node, number: 0 }, None)).collect();
        Self {
            stage,
            crm,
            database,
            sort,
            acknowledged: Arc::default(),
            human: BTreeSet::new(),
            chosen: Default::default(),
            named: BTreeSet::new(),
            restless: None,
            store,
            plan: plan(unique, faster),
            shared,
            lives,
            ahead: (0..nodes).map(|_| Arc::default()).collect(),
            doors: Arc::new(Mutex::new(vec![None; nodes])),
            dice,
            senders: Vec::new(),
            _folder: folder,
        }
    }

    /// Plays it to its rest.
    pub(super) async fn lived(sort: Sort) -> Self {
        let mut world = Self::new(sort).await;
        let mut events = play(&mut world.dice, world.lives.len(), sort.faults);
        if !sort.sales {
            events.retain(|(_, event)| !matches!(event, Event::Sell(_)));
        }
        if sort.merges {
            events.extend(said(sort.seed));
            events.sort_by_key(|(at, _)| *at);
        }
        if sort.broken.is_some() {
            events.extend((1..40).map(|n| (START + Micros::seconds(n * 2), Event::Tamper)));
            events.sort_by_key(|(at, _)| *at);
        }
        (0..world.lives.len()).for_each(|node| world.start(node));
        world.until(START + ACTION, &mut events).await;
        world.calm().await;
        world.rest(&mut events).await;
        world.write_down().await;
        world
    }

    /// How it stands in the end, for whoever reads the trace.
    async fn write_down(&self) {
        for lead in self.crm.records("leads").await {
            let of = ["id", "email", "phone", "owner_id", "status", "leadloop_id", "modified_by"]
                .map(|name| lead[name].to_string());
            self.stage.write(&format!("in the CRM: {}", of.join(" ")));
        }
        let handoffs = "SELECT id || ' of ' || lead || ' ' || state || ' ' || coalesce(owner_user, '') || ' ' || coalesce(code, '') \
            FROM handoff ORDER BY id";
        for handoff in self.texts(handoffs).await {
            self.stage.write(&format!("hand-over {handoff}"));
        }
        for lead in self.texts("SELECT id || ' ' || stage || ' ' || coalesce(merged_into, '') || substr(body, 1, 400) FROM lead").await {
            self.stage.write(&format!("in the pool: {lead}"));
        }
    }

    /// Plays until a time with all that happens until then, and lets the node die where it is to.
    async fn until(&mut self, end: Timestamp, events: &mut Vec<(Timestamp, Event)>) {
        loop {
            let next = events.first().map_or(end, |(at, _)| end.min(*at));
            self.stage.play(next, self.sort.stop.unwrap_or(u64::MAX)).await;
            if self.sort.stop.take_if(|stop| self.stage.turns() >= *stop).is_some() {
                events.insert(0, (self.stage.now(), Event::Die { node: 0, down: Micros::seconds(1) }));
            }
            if events.first().is_none_or(|(at, _)| *at > end) {
                return;
            }
            let (at, event) = events.remove(0);
            self.stage.write(&format!("{event:?}"));
            self.happens(event, at, events).await;
        }
    }

    async fn happens(&mut self, event: Event, at: Timestamp, events: &mut Vec<(Timestamp, Event)>) {
        match event {
            Event::Tell(told) => self.tell(told),
            Event::Sell(throw) => self.sell(throw).await,
            Event::Say(throw) => self.say(throw).await,
            Event::Die { node, down } => {
                self.die(node).await;
                events.push((at + down, Event::Start(node)));
                events.sort_by_key(|(at, _)| *at);
            }
            Event::Start(node) => self.start(node),
            Event::Freeze(node) => self.stage.freeze(node),
            Event::Thaw(node) => self.stage.thaw(node),
            Event::SetClock { node, by } => drop(self.ahead[node].fetch_add(by.0, Ordering::SeqCst)),
            Event::Storm(next) => {
                let storm = json!({ "kind": "throttle", "path": "/api", "next": next, "retry_after": 2 });
                self.crm.by_hand("POST", "/admin/faults", &storm).await;
            }
            Event::Expire => drop(self.crm.by_hand("POST", "/admin/tokens/expire", &Value::Null).await),
            Event::Stale => self.change("UPDATE config SET hash = 'x' || hash").await,
            Event::Fresh => self.change("UPDATE config SET hash = ltrim(hash, 'x')").await,
            Event::Tamper => {
                if let Some(statement) = self.sort.broken.and_then(|broken| broken.tampers(false)) {
                    self.change(statement).await;
                }
            }
        }
    }

    /// Changes the database as soon as no node has the writer.
    async fn change(&mut self, statement: &'static str) {
        while !aside(broken::change(&self.database, statement)).await {
            self.stage.play(self.stage.now(), self.stage.turns() + 1).await;
            if self.stage.now() > START + ACTION + REST {
                panic!("seed {}: the writer is never free", self.sort.seed);
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn start(&mut self, node: usize) {
        let (life, up) = &mut self.lives[node];
        if up.is_some() {
            return;
        }
        life.number += 1;
        let life = *life;
        let turns = Turns { stage: Arc::clone(&self.stage), life, shared: self.shared };
        let clock: Arc<dyn Clock> = Arc::new(NodeClock {
            stage: Arc::clone(&self.stage),
            ahead: Arc::clone(&self.ahead[node]),
            dice: Mutex::new(Moment::new(START, self.dice.throw())),
        });
        let wire: Arc<dyn Wire> =
            Arc::new(Way { stage: Arc::clone(&self.stage), crm: Arc::clone(&self.crm), life });
        let (plan, store) = (Arc::clone(&self.plan), self.store.stepped(Arc::new(turns)));
        let (doors, stage) = (Arc::clone(&self.doors), Arc::clone(&self.stage));
        *up = Some(tokio::spawn(async move {
            let begin =
                || run::begin(Arc::clone(&plan), store.clone(), Arc::clone(&clock), Arc::clone(&wire));
            // Whoever starts a process does so again when it could not start.
            let (node, loops) = loop {
                match begin().await {
                    Ok(begun) => break begun,
                    Err(error) => stage.write(&format!("node {}: {error:?}", life.node)),
                }
                sleep(Duration::from_secs(1)).await;
            };
            doors.lock().unwrap_or_else(PoisonError::into_inner)[life.node] = Some(Arc::clone(&node));
            (node, loops)
        }));
    }

    /// A node stops at once; where it was the only one, the file is opened anew.
    async fn die(&mut self, node: usize) {
        self.stage.settle().await;
        let (life, up) = &mut self.lives[node];
        let (life, up) = (*life, up.take());
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)[node] = None;
        self.stage.end(life);
        self.stage.thaw(node);
        match up {
            Some(started) if started.is_finished() => {
                let (node, loops) = started.await.expect("starting does not panic");
                loops.die(&node);
            }
            Some(starting) => starting.abort(),
            None => return,
        }
        self.stage.settle().await;
        if !self.shared {
            aside(self.store.close()).await;
            self.store = open(&self.database).await;
        }
        if let Some(statement) = self.sort.broken.and_then(|broken| broken.tampers(true)) {
            self.change(statement).await;
        }
    }

    /// A source sends until somebody says that it was kept; sometimes it does not hear that.
    fn tell(&mut self, told: Told) {
        let (stage, doors) = (Arc::clone(&self.stage), Arc::clone(&self.doors));
        let acknowledged = Arc::clone(&self.acknowledged);
        let deaf = if self.sort.faults { 15 } else { 0 };
        self.senders.push(tokio::spawn(async move {
            let id = told.body["_submission_id"].as_str().unwrap_or_default().to_owned();
            loop {
                let up: Vec<Arc<Node>> =
                    doors.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten().cloned().collect();
                if let Some(node) = up.get(stage.throw(up.len().max(1) as u64) as usize) {
                    let answered = timeout(Duration::from_secs(5), push(node, &told)).await;
                    stage.write(&format!("{} {id}: {answered:?}", told.source));
                    assert!(matches!(answered, Err(_) | Ok(200 | 503)), "{id}: {answered:?}");
                    if answered == Ok(200) && !stage.comes(deaf) {
                        acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
                        return;
                    }
                }
                drop(up);
                sleep(Duration::from_millis(500 + stage.throw(1_000))).await;
            }
        }));
    }

    /// Sales do something to a record, or make one of their own.
    async fn sell(&mut self, throw: u64) {
        let leads = self.crm.records("leads").await;
        let live: Vec<&Value> = leads.iter().filter(|lead| lead["converted"] != true).collect();
        let Some(lead) = live.get((throw % live.len().max(1) as u64) as usize) else { return };
        let id = lead["id"].as_str().unwrap_or_default().to_owned();
        let owner = if lead["owner_id"] == "U1001" { "U1002" } else { "U1001" };
        let set = match (throw / 64) % 7 {
            0 => json!({ "status": 3, "feedback": 1 }),
            1 => json!({ "status": 5, "feedback": 3, "feedback_remark": "测试备注" }),
            2 | 3 => json!({ "owner_id": owner }),
            4 => json!({ "title": "经理" }),
            5 => json!({ "comment": "销售写的" }),
            _ => Value::Null,
        };
        self.human.insert(id.clone());
        // What sales gave back is no longer theirs to keep: it goes to the public pool.
        let given_back = lead["status"] == 5 || lead["status"] == 6;
        if set["owner_id"] == owner && !given_back {
            self.chosen.insert(id.clone(), owner.to_owned());
        } else if set.is_null() || set["status"] == 5 {
            self.chosen.remove(&id);
        }
        let act = if set.is_null() {
            json!({ "object": "leads", "id": id, "convert": {} })
        } else {
            json!({ "object": "leads", "id": id, "set": set })
        };
        let done = self.crm.by_hand("POST", "/admin/sales", &act).await;
        self.stage.write(&format!("sales: {act} → {done}"));
    }

    /// Nothing goes wrong any more.
    async fn calm(&mut self) {
        self.stage.write("calm");
        self.crm.by_hand("DELETE", "/admin/faults", &Value::Null).await;
        *self.crm.weather.lock().unwrap_or_else(PoisonError::into_inner) = Weather { refused: 0, slow: 20 };
        for node in 0..self.lives.len() {
            self.stage.thaw(node);
            self.start(node);
        }
    }

    /// Plays until nothing is on its way.
    async fn rest(&mut self, events: &mut Vec<(Timestamp, Event)>) {
        // Claims of whoever died, and what was put off while the CRM was ill, come first.
        let mut until = self.stage.now() + Micros::seconds(60);
        loop {
            self.until(until, events).await;
            if self.is_at_rest().await {
                return;
            }
            if until > START + ACTION + REST {
                self.restless = Some(self.open().await);
                return;
            }
            until = until + Micros::seconds(20);
        }
    }

    async fn is_at_rest(&self) -> bool {
        self.senders.iter().all(JoinHandle::is_finished) && self.open().await == "[]"
    }

    /// What is still to be done.
    async fn open(&self) -> String {
        let open = "SELECT 'capture ' || id FROM capture WHERE state = 'due' UNION ALL \
            SELECT 'delivery ' || purpose || ' ' || op || ' ' || state || ' in ' || ((due_at - (SELECT max(at) FROM reason)) / 1000000) || ' s ' || coalesce(detail, '') FROM delivery \
            WHERE state <> 'settled' AND state <> 'parked' AND standing IS NULL";
        format!("{:?}", self.texts(open).await)
    }

    /// A column of texts.
    pub(super) async fn texts(&self, statement: &'static str) -> Vec<String> {
        aside(async {
            let mut database = broken::open(&self.database).await;
            let rows = sqlx::query_scalar(statement).fetch_all(&mut database).await;
            sqlx::Connection::close(database).await.expect("it closes");
            rows.expect("the database answers")
        })
        .await
    }
}

async fn push(node: &Arc<Node>, told: &Told) -> u16 {
    let peer: SocketAddr = ([192, 0, 2, 1], 443).into();
    let mut request = Request::post(format!("/in/{}", told.source))
        .header("content-type", "application/json")
        .body(Body::from(told.body.to_string()))
        .expect("a request");
    request.extensions_mut().insert(ConnectInfo(peer));
    let answered = run::router(node).oneshot(request).await.expect("it never fails");
    answered.status().as_u16()
}
