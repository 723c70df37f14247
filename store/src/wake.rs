//! Wake-ups: a loop sleeps until something for it was committed, here or on another node.
//!
//! Within a process by watch channels. Between the nodes of a PostgreSQL store by LISTEN and NOTIFY, sent after the
//! commit and gathered, because a NOTIFY within it makes all commits queue up behind each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use leadloop_sync_core::ids::LinkName;
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::sync::{Notify, watch};

use crate::cell::{Rows, args};
use crate::engine::Work;
use crate::error::{StoreError, of_driver};
use crate::statement::WAKE_SEND;

/// The channel of NOTIFY; it is the database's own.
const CHANNEL: &str = "leadloop";
/// Wake-ups for other nodes are gathered for so long.
const GATHER: Duration = Duration::from_millis(5);
/// Wait before listening again after the connection was lost.
const AGAIN: Duration = Duration::from_secs(1);

/// What a loop may wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// A capture is due.
    Inbox,
    /// A delivery of this link may be due.
    Outbox(LinkName),
    /// A deadline was set.
    Deadlines,
}

impl Topic {
    fn text(&self) -> String {
        match self {
            Topic::Inbox => "inbox".into(),
            Topic::Deadlines => "deadlines".into(),
            Topic::Outbox(link) => format!("outbox:{link}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "inbox" => Some(Topic::Inbox),
            None if text == "deadlines" => Some(Topic::Deadlines),
            Some(("outbox", link)) => Some(Topic::Outbox(LinkName::from(link))),
            _ => None,
        }
    }
}

/// Where wake-ups come from. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Wakes {
    topics: Arc<Mutex<BTreeMap<Topic, watch::Sender<u64>>>>,
}

impl Wakes {
    /// A wake-up for `topic`. What is committed after this call is not missed.
    #[must_use]
    pub fn on(&self, topic: Topic) -> Wake {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = topics.entry(topic).or_insert_with(|| watch::Sender::new(0));
        Wake { seen: sender.subscribe(), _all: self.clone() }
    }

    /// Wakes whoever waits for `topic` in this process.
    pub fn ring(&self, topic: &Topic) {
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = topics.get(topic) {
            sender.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Wakes everybody: what was missed is not known.
    fn ring_all(&self) {
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in topics.values() {
            sender.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

/// A wake-up for one topic.
#[derive(Debug)]
pub struct Wake {
    seen: watch::Receiver<u64>,
    _all: Wakes, // keeps the sender alive, so that waiting never ends for its lack
}

impl Wake {
    /// Waits until something of the topic was committed since the last call (or since the wake-up was made). Loops
    /// should wait with a timeout all the same: a wake-up of another node may be lost with its connection.
    pub async fn wait(&mut self) {
        let _ = self.seen.changed().await;
    }
}

/// Rings in this process and, where there may be other nodes, there.
#[derive(Clone, Debug)]
pub(crate) struct Bell {
    pub(crate) wakes: Wakes,
    afar: Option<Arc<Afar>>,
}

/// What other nodes are to hear.
#[derive(Debug, Default)]
struct Afar {
    topics: Mutex<BTreeSet<Topic>>,
    some: Notify,
}

impl Bell {
    pub(crate) fn new(afar: bool) -> Self {
        Self { wakes: Wakes::default(), afar: afar.then(Arc::default) }
    }

    /// To be called after a commit.
    pub(crate) fn ring(&self, topics: Vec<Topic>) {
        if topics.is_empty() {
            return;
        }
        for topic in &topics {
            self.wakes.ring(topic);
        }
        if let Some(afar) = &self.afar {
            afar.topics.lock().unwrap_or_else(PoisonError::into_inner).extend(topics);
            afar.some.notify_one();
        }
    }

    /// Tells other nodes, for ever. `node` goes with each word, so that nobody wakes up by their own.
    pub(crate) async fn tell(self, pool: PgPool, node: String) {
        let Some(afar) = self.afar else { return };
        loop {
            afar.some.notified().await;
            let topics = std::mem::take(&mut *afar.topics.lock().unwrap_or_else(PoisonError::into_inner));
            let mut list = Rows::of(&WAKE_SEND, 1);
            for topic in &topics {
                list.add(format!("{node} {}", topic.text()));
            }
            if let Err(error) = send(&pool, list).await {
                tracing::debug!(%error, "other nodes were not woken; they look by themselves");
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    /// Hears other nodes, for ever.
    pub(crate) async fn hear(self, pool: PgPool, node: String) {
        loop {
            if let Err(error) = self.hear_once(&pool, &node).await {
                tracing::debug!(%error, "wake-ups of other nodes are not heard; listening again");
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn hear_once(&self, pool: &PgPool, node: &str) -> Result<(), StoreError> {
        let lost = |error: sqlx::Error| of_driver("listen", &error);
        // A pool of its own: it keeps its connection for ever, which the others need.
        let own = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let own = own.connect_lazy_with(pool.connect_options().as_ref().clone());
        let mut listener = PgListener::connect_with(&own).await.map_err(lost)?;
        listener.listen(CHANNEL).await.map_err(lost)?;
        loop {
            match listener.try_recv().await.map_err(lost)? {
                Some(heard) => {
                    let Some((from, topic)) = heard.payload().split_once(' ') else { continue };
                    if from != node
                        && let Some(topic) = Topic::parse(topic)
                    {
                        self.wakes.ring(&topic);
                    }
                }
                None => self.wakes.ring_all(), // connected anew: what was said meanwhile is lost
            }
        }
    }
}

async fn send(pool: &PgPool, list: Rows) -> Result<(), StoreError> {
    let tx = pool.begin().await.map_err(|error| of_driver("begin", &error))?;
    let mut work = Work::bare(tx);
    work.rows(&WAKE_SEND, args![list]).await?;
    work.commit().await
}
