//! What was to be written to a CRM, as it was put: to hold it against what the CRM takes today.

use leadloop_mapping::Record;
use leadloop_sync_core::ids::{LeadId, LinkName};
use leadloop_sync_core::outbox::Operation;
use leadloop_sync_core::time::Timestamp;

use crate::Store;
use crate::cell::args;
use crate::error::StoreError;
use crate::statement::DELIVERY_SENT;

/// A record that was to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// Its place: the next page begins behind it.
    pub seq: i64,
    /// Whose record it is.
    pub lead: LeadId,
    /// Whether it was to be made, or changed.
    pub made: bool,
    /// Its fields in the CRM's words.
    pub record: Record,
}

impl Store {
    /// Records of an object that were to be written since a time, in order, behind `after`; at most `limit`.
    ///
    /// # Errors
    /// Where the database does not answer or a delivery cannot be read.
    pub async fn sent(
        &self,
        link: &LinkName,
        object: &str,
        since: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Sent>, StoreError> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&DELIVERY_SENT, args![link, object, since, after, limit]).await?;
        work.undo().await?;
        let mut sent = Vec::with_capacity(rows.len());
        for row in &rows {
            let (made, record) = match row.doc(3)? {
                Operation::Create { record, .. } => (true, record),
                Operation::Update { record, .. } => (false, record),
                _ => continue,
            };
            sent.push(Sent { seq: row.get(0)?, lead: row.get(1)?, made, record });
        }
        Ok(sent)
    }
}
