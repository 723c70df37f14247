//! Writing what each attempt brought and what was said in it: one row for each attempt, one for each conversation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use leadloop_sync_core::ids::{ConversationId, DeliveryId};

use crate::cell::{Rows, args};
use crate::doc::text;
use crate::engine::Work;
use crate::error::StoreError;
use crate::statement::{ATTEMPT_PUT, CONVERSATION_PUT};
use crate::tx::Spoken;

use super::check::Standing;
use super::gather::Changes;

type Result<T> = std::result::Result<T, StoreError>;

/// Writes them; returns the conversations that are in the store once this is committed.
pub(super) async fn put(
    work: &mut Work,
    changes: &Changes<'_>,
    standing: &BTreeMap<DeliveryId, Standing>,
    spoken: &[Arc<Spoken>],
) -> Result<Vec<Arc<Spoken>>> {
    let mut said: BTreeMap<(DeliveryId, u32), ConversationId> = BTreeMap::new();
    for spoken in spoken {
        let conversation = &spoken.conversation;
        said.extend(conversation.of.iter().map(|attempt| (*attempt, conversation.id)));
    }
    let mut notes = Rows::of(&ATTEMPT_PUT, 1);
    let mut used: BTreeSet<ConversationId> = BTreeSet::new();
    for (id, change) in &changes.moves {
        // A poll that works leaves no note: it would leave one every minute for ever.
        let polls = standing.get(id).is_some_and(|delivery| delivery.standing);
        if polls && change.note.class == "done" {
            continue;
        }
        let conversation = said.get(&(*id, change.attempt)).copied();
        used.extend(conversation);
        notes.add(*id).add(change.attempt).add(change.note.at);
        notes.add(&change.note.class).add(&change.note.detail).add(conversation);
    }
    if !notes.is_empty() {
        work.run(&ATTEMPT_PUT, args![notes]).await?;
    }
    let fresh: Vec<Arc<Spoken>> = spoken
        .iter()
        .filter(|spoken| used.contains(&spoken.conversation.id) && !spoken.written.load(Ordering::Relaxed))
        .map(Arc::clone)
        .collect();
    if !fresh.is_empty() {
        let mut rows = Rows::of(&CONVERSATION_PUT, 1);
        for spoken in &fresh {
            let conversation = &spoken.conversation;
            rows.add(conversation.id).add(&conversation.link).add(i64::from(conversation.loose));
            rows.add(text(conversation)?);
        }
        work.run(&CONVERSATION_PUT, args![rows]).await?;
    }
    Ok(fresh)
}
