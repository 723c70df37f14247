//! Writing records of other systems: which are ours, and what a CRM holds.

use leadloop_sync_core::mirror_read::keys_of;

use crate::cell::{Rows, args};
use crate::doc::text;
use crate::error::StoreError;
use crate::statement::{
    BEFORE_PUT, MIRROR_KEY_DROP, MIRROR_KEY_PUT, MIRROR_PUT, MIRROR_SEEN_PUT, REMOTE_LINK_PUT,
};
use crate::tx::Stamp;

use super::gather::Changes;
use super::queue::Queue;

type Result<T> = std::result::Result<T, StoreError>;

pub(super) async fn put(queue: &Queue, stamp: &Stamp, changes: &Changes<'_>) -> Result<()> {
    put_befores(queue, stamp, changes).await?;
    if !changes.links.is_empty() {
        let mut list = Rows::of(&REMOTE_LINK_PUT, 1);
        for (remote, link) in &changes.links {
            list.add(&remote.link).add(&remote.object).add(&remote.id);
            list.add(link.lead).add(link.handoff).add(link.at);
            list.add(i64::try_from(link.in_step.asks.len()).unwrap_or(i64::MAX));
            list.add(i64::try_from(link.in_step.withheld.len()).unwrap_or(i64::MAX)).add(text(link)?);
        }
        queue.run(&REMOTE_LINK_PUT, args![list]).await?;
    }
    put_mirror(queue, changes).await?;
    if !changes.mirror_seen.is_empty() {
        let mut list = Rows::of(&MIRROR_SEEN_PUT, 1);
        for ((link, object), at) in &changes.mirror_seen {
            list.add(*link).add(*object).add(*at);
        }
        queue.run(&MIRROR_SEEN_PUT, args![list]).await?;
    }
    Ok(())
}

async fn put_befores(queue: &Queue, stamp: &Stamp, changes: &Changes<'_>) -> Result<()> {
    if changes.befores.is_empty() {
        return Ok(());
    }
    let mut list = Rows::of(&BEFORE_PUT, 1);
    for image in &changes.befores {
        list.add(image.delivery).add(&image.remote.link).add(&image.remote.object).add(&image.remote.id);
        list.add(image.lead).add(image.run.as_ref()).add(image.at).add(image.made_at);
        list.add(i64::from(image.created)).add(text(image)?);
    }
    queue.run(&BEFORE_PUT, args![list, &stamp.config]).await
}

async fn put_mirror(queue: &Queue, changes: &Changes<'_>) -> Result<()> {
    if changes.mirror.is_empty() {
        return Ok(());
    }
    let mut list = Rows::of(&MIRROR_PUT, 1);
    let mut ids = Rows::of(&MIRROR_KEY_DROP, 1);
    let mut kept = Rows::of(&MIRROR_KEY_DROP, 2);
    let mut keys = Rows::of(&MIRROR_KEY_PUT, 1);
    for (remote, row) in &changes.mirror {
        list.add(&remote.link).add(&remote.object).add(&remote.id);
        list.add(row.facts.owner.as_ref()).add(row.facts.account.as_ref());
        list.add(row.facts.open).add(row.deleted).add(row.modified_at).add(row.seen_at);
        list.add(row.facts.won == Some(true)).add(row.facts.amount).add(row.facts.received).add(text(row)?);
        ids.add(&remote.link).add(&remote.object).add(&remote.id);
        for key in keys_of(row) {
            for rows in [&mut kept, &mut keys] {
                rows.add(&key.link).add(&key.kind).add(&key.value).add(&remote.object).add(&remote.id);
            }
        }
    }
    queue.run(&MIRROR_PUT, args![list]).await?;
    queue.run(&MIRROR_KEY_DROP, args![ids, kept]).await?;
    if !keys.is_empty() {
        queue.run(&MIRROR_KEY_PUT, args![keys]).await?;
    }
    Ok(())
}
