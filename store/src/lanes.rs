//! Who goes first at the one writer of an SQLite file.
//!
//! A queue in front of the writer connection: what somebody outside waits for first, but never twice in a row while
//! hot work waits, and background work at the latest after [`PATIENCE`] others. PostgreSQL needs none of this.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Who goes first at the writer of an SQLite file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WriteLane {
    /// What somebody outside waits for.
    Ingress,
    /// Absorbing and settling.
    Hot,
    /// Everything that can wait: retention, backfills. Keep its transactions under 5 ms.
    Background,
}

/// So many others may go before background work that waits.
const PATIENCE: u32 = 16;

#[derive(Debug, Default)]
struct Queues {
    busy: bool,
    ingress_was_last: bool,
    background_waited: u32,
    ingress: VecDeque<oneshot::Sender<Turn>>,
    hot: VecDeque<oneshot::Sender<Turn>>,
    background: VecDeque<oneshot::Sender<Turn>>,
}

/// The queue in front of the writer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lanes {
    queues: Arc<Mutex<Queues>>,
}

/// The right to write, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    lanes: Option<Lanes>,
}

impl Lanes {
    fn locked(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the writer.
    pub(crate) async fn enter(&self, lane: WriteLane) -> Turn {
        loop {
            let waiting = {
                let mut queues = self.locked();
                if !queues.busy {
                    queues.busy = true;
                    queues.ingress_was_last = lane == WriteLane::Ingress;
                    return Turn { lanes: Some(self.clone()) };
                }
                let (sender, waiting) = oneshot::channel();
                match lane {
                    WriteLane::Ingress => queues.ingress.push_back(sender),
                    WriteLane::Hot => queues.hot.push_back(sender),
                    WriteLane::Background => queues.background.push_back(sender),
                }
                waiting
            };
            if let Ok(turn) = waiting.await {
                return turn;
            }
        }
    }

    /// Hands the writer to the next who waits.
    fn pass_on(&self) {
        loop {
            let mut queues = self.locked();
            let Some(next) = queues.next() else {
                queues.busy = false;
                return;
            };
            drop(queues);
            // Somebody who gave up waiting is passed over. The turn in their hands must not come back here by itself.
            match next.send(Turn { lanes: Some(self.clone()) }) {
                Ok(()) => return,
                Err(mut unwanted) => unwanted.lanes = None,
            }
        }
    }
}

impl Queues {
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let background_first = self.background_waited >= PATIENCE;
        let hot_first = self.ingress_was_last && !self.hot.is_empty();
        let order = match (background_first, hot_first) {
            (true, _) => [WriteLane::Background, WriteLane::Ingress, WriteLane::Hot],
            (false, true) => [WriteLane::Hot, WriteLane::Ingress, WriteLane::Background],
            (false, false) => [WriteLane::Ingress, WriteLane::Hot, WriteLane::Background],
        };
        for lane in order {
            let queue = match lane {
                WriteLane::Ingress => &mut self.ingress,
                WriteLane::Hot => &mut self.hot,
                WriteLane::Background => &mut self.background,
            };
            if let Some(next) = queue.pop_front() {
                self.ingress_was_last = lane == WriteLane::Ingress;
                let waits = lane != WriteLane::Background && !self.background.is_empty();
                self.background_waited = if waits { self.background_waited + 1 } else { 0 };
                return Some(next);
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(lanes) = self.lanes.take() {
            lanes.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets `lanes` queue behind a held writer and returns the order in which they got it.
    async fn order_of(wanted: Vec<WriteLane>) -> Vec<WriteLane> {
        let lanes = Lanes::default();
        let held = lanes.enter(WriteLane::Hot).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for lane in wanted {
            let (lanes, order) = (lanes.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                let _turn = lanes.enter(lane).await;
                order.lock().unwrap().push(lane);
            }));
            tokio::task::yield_now().await; // each queues before the next
        }
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        Arc::into_inner(order).unwrap().into_inner().unwrap()
    }

    #[tokio::test]
    async fn ingress_goes_first_but_not_twice_while_hot_work_waits() {
        use WriteLane::{Background as B, Hot as H, Ingress as I};
        assert_eq!(order_of(vec![B, H, H, I, I, I]).await, vec![I, H, I, H, I, B]);
    }

    #[tokio::test]
    async fn background_work_is_never_forgotten() {
        use WriteLane::{Background as B, Hot as H};
        let mut wanted = vec![B];
        wanted.extend(std::iter::repeat_n(H, 40));
        let order = order_of(wanted).await;
        let place = order.iter().position(|lane| *lane == B).unwrap();
        assert_eq!(place, usize::try_from(PATIENCE).unwrap());
    }

    #[tokio::test]
    async fn who_gives_up_waiting_blocks_nobody() {
        let lanes = Lanes::default();
        let held = lanes.enter(WriteLane::Hot).await;
        let gone = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.enter(WriteLane::Ingress).await }
        });
        tokio::task::yield_now().await;
        gone.abort();
        let _ = gone.await;
        drop(held);
        let _turn = lanes.enter(WriteLane::Background).await;
    }
}
