//! Records whose fields wait for a person to say which side is right.

use leadloop_sync_core::effect::RemoteLink;
use leadloop_sync_core::ids::LinkName;

use crate::Store;
use crate::cell::args;
use crate::error::StoreError;
use crate::statement::{CONFLICTS_WAITING, CONFLICTS_WITHHELD};

impl Store {
    /// Records with conflicts that wait, oldest first.
    ///
    /// # Errors
    /// Where the database does not answer or a record cannot be read.
    pub async fn conflicts(&self, limit: u32) -> Result<Vec<RemoteLink>, StoreError> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&CONFLICTS_WAITING, args![limit]).await?;
        work.undo().await?;
        rows.iter().map(|row| row.doc(0)).collect()
    }

    /// Records with conflicts that the fuse keeps from the review list, oldest first; of one CRM, or of all.
    ///
    /// # Errors
    /// Where the database does not answer or a record cannot be read.
    pub async fn withheld(&self, link: Option<&LinkName>, limit: u32) -> Result<Vec<RemoteLink>, StoreError> {
        let mut work = self.pools().read().await?;
        let of = link.map_or("", LinkName::as_str);
        let rows = work.rows(&CONFLICTS_WITHHELD, args![of, link.is_none(), limit]).await?;
        work.undo().await?;
        rows.iter().map(|row| row.doc(0)).collect()
    }
}
