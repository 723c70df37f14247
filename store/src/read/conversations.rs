//! What was said to systems, beside the attempts it was said in.

use std::collections::BTreeMap;

use leadloop_sync_core::conversation::Conversation;
use leadloop_sync_core::ids::ConversationId;

use crate::Store;
use crate::cell::{Rows, args};
use crate::error::StoreError;
use crate::statement::CONVERSATION_GET;

/// Most that are read at once: each may have some ten thousand characters.
const MOST: u32 = 100;

impl Store {
    /// These conversations, by their ids; those that are no longer kept are left out.
    ///
    /// # Errors
    /// Where the database does not answer or one cannot be read.
    pub async fn conversations(
        &self,
        ids: &[ConversationId],
    ) -> Result<BTreeMap<ConversationId, Conversation>, StoreError> {
        let mut list = Rows::of(&CONVERSATION_GET, 1);
        for id in ids {
            list.add(*id);
        }
        if list.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut work = self.pools().read().await?;
        let rows = work.rows(&CONVERSATION_GET, args![list, MOST]).await?;
        work.undo().await?;
        rows.iter().map(|row| Ok((row.get(0)?, row.doc(1)?))).collect()
    }
}
