//! The one write path: reactions of a batch, turned into set-based statements.
//!
//! Three steps: [`check`] locks the rows that carry a version and finds the reactions that are stale, [`gather`] folds the
//! others into the last state of each row, and the `put_*` functions write one statement per kind of row. The order of
//! statements is always the same, and rows are sorted by key, so that two commits do not wait for each other in a ring.

mod check;
mod conversations;
mod gather;
mod handoffs;
mod leads;
mod mirror;
mod outbox;
mod queue;
mod upkeep;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use leadloop_sync_core::effect::Reaction;

use crate::cell::args;
use crate::engine::Work;
use crate::error::StoreError;
use crate::inbox::{Fate, Waiting, keep_captures};
use crate::statement::CONFIG_ACTIVE;
use crate::tx::{Committed, Spoken, Stamp, Tx};
use crate::wake::Topic;

use gather::Changes;
pub(crate) use queue::Queue;

type Result<T> = std::result::Result<T, StoreError>;

pub(crate) async fn commit(mut tx: Tx, stamp: &Stamp, reactions: &[Reaction]) -> Result<Committed> {
    let done = write(&mut tx, stamp, reactions).await?;
    tx.topics = done.topics;
    finish(tx).await?;
    done.spoken.iter().for_each(|spoken| spoken.written.store(true, Ordering::Relaxed));
    Ok(done.committed)
}

/// Writes one of several parts, all of which are kept or none.
pub(crate) async fn write_part(tx: &mut Tx, stamp: &Stamp, reactions: &[Reaction]) -> Result<()> {
    let done = write(tx, stamp, reactions).await?;
    tx.topics.extend(done.topics);
    if done.committed.stale.is_empty() {
        Ok(())
    } else {
        Err(StoreError::Stale { rows: done.committed.rows })
    }
}

pub(crate) async fn finish(tx: Tx) -> Result<()> {
    let Tx { work, bell, soon, topics, .. } = tx;
    if soon {
        work.commit_soon().await?;
    } else {
        work.commit().await?;
    }
    bell.ring(topics);
    Ok(())
}

/// Writes all of it, and undoes it.
pub(crate) async fn rehearse(mut tx: Tx, stamp: &Stamp, reactions: &[Reaction]) -> Result<()> {
    let done = write(&mut tx, stamp, reactions).await?;
    tx.work.undo().await?;
    if done.committed.stale.is_empty() {
        Ok(())
    } else {
        Err(StoreError::Stale { rows: done.committed.rows })
    }
}

/// What is written and not committed yet.
struct Done {
    committed: Committed,
    topics: Vec<Topic>,
    spoken: Vec<Arc<Spoken>>,
}

async fn write(tx: &mut Tx, stamp: &Stamp, reactions: &[Reaction]) -> Result<Done> {
    let Tx { work, seen, spoken, .. } = tx;
    check_config(work, stamp).await?;
    let checked = check::check(work, seen, reactions).await?;
    let kept = reactions.iter().enumerate().filter(|(at, _)| !checked.stale.contains(at));
    let changes = Changes::gather(kept.map(|(_, reaction)| reaction));
    let mut topics = Vec::new();

    let (changed, there, rung) = (&changes, &checked, &mut topics);
    queue::run(work, |queue| async move {
        leads::put(&queue, changed, there).await?;
        handoffs::put(&queue, changed).await?;
        mirror::put(&queue, stamp, changed).await?;
        upkeep::put(&queue, stamp, changed, rung).await
    })
    .await?;
    let waiting: Vec<Waiting<'_>> =
        changes.keeps.iter().map(|capture| Waiting { capture, within: None }).collect();
    if keep_captures(work, &waiting).await?.contains(&Fate::New) {
        topics.push(Topic::Inbox);
    }
    let written = conversations::put(work, &changes, &checked.deliveries, spoken).await?;
    let claimed = outbox::put(work, &changes, &checked.deliveries, &mut topics).await?;

    let committed = Committed { stale: checked.stale, rows: checked.rows, claimed };
    Ok(Done { committed, topics, spoken: written })
}

/// A commit that was decided under another config than the active one is stale as a whole.
async fn check_config(work: &mut Work, stamp: &Stamp) -> Result<()> {
    for row in work.rows(&CONFIG_ACTIVE, args![]).await? {
        let active: String = row.get(0)?;
        if active != stamp.config {
            return Err(StoreError::Stale { rows: vec![format!("config {active}")] });
        }
    }
    Ok(())
}
