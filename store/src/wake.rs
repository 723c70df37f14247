//! Wake-ups: a loop sleeps until something for it was committed, here or on another node.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use leadloop_sync_core::ids::LinkName;
use tokio::sync::watch;

/// What a loop may wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// A capture is due.
    Inbox,
    /// A delivery of this link is due.
    Outbox(LinkName),
    /// A deadline was set or cleared.
    Deadlines,
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
