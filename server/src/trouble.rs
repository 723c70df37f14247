//! A database that takes no writes: its disk is full, its connections are used up, it is away.
//!
//! Sources are answered 503 all the while and send again ([`crate::ingress`]); here it is kept that this is so, for
//! [`crate::health`], and told as an alarm as soon as it can be written down, since it could not be before. Nothing is lost:
//! what was acknowledged is durable, and what was not was refused.

use std::sync::{Mutex, PoisonError};

use leadloop_store::StoreError;
use leadloop_sync_core::effect::Alarm;
use leadloop_sync_core::time::Timestamp;

use crate::bounds;
use crate::node::Node;
use crate::reload::say;

/// The code of its alarm, which sources see too.
pub(crate) const NOT_STORED: &str = "LL1010";
/// There is one for all nodes: they share the database.
const KEY: &str = "store/unwritable";

/// What this node saw of it.
#[derive(Debug, Default)]
pub struct Trouble(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    /// Nothing since it started; an alarm of the process before may stand.
    #[default]
    Unknown,
    /// Writes fail.
    Failing { since: Timestamp, refused: u64, detail: String },
    /// It was told; the alarm ends after a while without another.
    Told { at: Timestamp },
    /// All is well, and no alarm stands.
    Well,
}

impl Trouble {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // A state is replaced whole, so that a panic elsewhere leaves a good one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A write failed; `pushes` sources were told so. Errors that blame what was written are none of the database's.
    pub(crate) fn note(&self, error: &StoreError, pushes: u64, now: Timestamp) {
        if !matches!(error, StoreError::Unavailable { .. }) {
            return;
        }
        let mut state = self.state();
        match &mut *state {
            State::Failing { refused, detail, .. } => {
                *refused += pushes;
                *detail = error.to_string();
            }
            _ => *state = State::Failing { since: now, refused: pushes, detail: error.to_string() },
        }
    }

    /// Why writes fail; nothing where they do not.
    pub(crate) fn detail(&self) -> Option<String> {
        match &*self.state() {
            State::Failing { detail, .. } => Some(detail.clone()),
            _ => None,
        }
    }
}

/// Tells the alarm where writes failed, which shows at once whether they still do, and ends it after a quiet while.
pub(crate) async fn look(node: &Node) {
    let now = node.clock.now();
    let alarm = |raised: bool, detail: String| Alarm {
        key: KEY.to_owned(),
        code: NOT_STORED.to_owned(),
        detail,
        raised,
        at: now,
    };
    let failing = match &*node.trouble.state() {
        State::Failing { since, refused, detail } => Some((*since, *refused, detail.clone())),
        _ => None,
    };
    if let Some((since, refused, detail)) = failing {
        let until = node.clock.now();
        let detail = format!(
            "from {since} to {until} the database took no writes ({detail}); {refused} pushes were answered 503, their sources send them again"
        );
        match say(node, node.plan().hash.clone(), alarm(true, detail)).await {
            Ok(()) => {
                tracing::info!(code = NOT_STORED, %since, refused, "the database takes writes again");
                settle(node, refused, now);
            }
            Err(error) => tracing::warn!(code = NOT_STORED, %error, "the database still takes no writes"),
        }
        return;
    }
    if node.trouble.is_over(now) {
        match end(node, alarm(false, String::new())).await {
            Ok(()) => node.trouble.end(),
            Err(error) => tracing::warn!(%error, "the all-clear of the database could not be kept"),
        }
    }
}

/// The alarm stands. Where more was refused while it was written, it is told once more, with all of it.
fn settle(node: &Node, told: u64, now: Timestamp) {
    let mut state = node.trouble.state();
    let more = matches!(&*state, State::Failing { refused, .. } if *refused > told);
    if !more {
        *state = State::Told { at: now };
    }
}

impl Trouble {
    fn is_over(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        match &*state {
            State::Told { at } => now < *at || now - *at > bounds::TROUBLE_FOR,
            State::Unknown => {
                *state = State::Told { at: now };
                false
            }
            _ => false,
        }
    }

    fn end(&self) {
        let mut state = self.state();
        if matches!(*state, State::Told { .. }) {
            *state = State::Well;
        }
    }
}

/// Ends the alarm where it stands: it may be one of the process before.
async fn end(node: &Node, alarm: Alarm) -> Result<(), StoreError> {
    let status = node.store.status(node.clock.now()).await?;
    if status.alarms.iter().any(|raised| raised.alarm.key == KEY) {
        say(node, node.plan().hash.clone(), alarm).await?;
    }
    Ok(())
}
