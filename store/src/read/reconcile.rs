//! What a comparison of pool and CRM reads: records of ours and open hand-overs page by page, and what is still to be said.

use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::effect::RemoteLink;
use leadloop_sync_core::handoff::Handoff;
use leadloop_sync_core::ids::{HandoffId, LeadId, LinkName};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::reconcile::Unsettled;
use uuid::Uuid;

use crate::Store;
use crate::cell::{Rows, args};
use crate::error::StoreError;
use crate::load::load_into;
use crate::outbox::delivery_of;
use crate::statement::{DELIVERY_UNSETTLED, HANDOFF_PAGE, LINK_PAGE};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// The next records of ours in a CRM behind `after`, by object and id.
    ///
    /// # Errors
    /// Where the database does not answer or a record cannot be read.
    pub async fn links_of(
        &self,
        link: &LinkName,
        after: Option<&RemoteRef>,
        limit: u32,
    ) -> Result<Vec<RemoteLink>> {
        let (object, id) = after.map_or(("", ""), |after| (after.object.as_str(), after.id.as_str()));
        let mut work = self.pools().read().await?;
        let rows = work.rows(&LINK_PAGE, args![link, object, id, limit]).await?;
        work.undo().await?;
        rows.iter().map(|row| row.doc(0)).collect()
    }

    /// The next open hand-overs to a CRM behind `after`, by id.
    ///
    /// # Errors
    /// Where the database does not answer or a hand-over cannot be read.
    pub async fn open_handoffs(
        &self,
        link: &LinkName,
        after: Option<HandoffId>,
        limit: u32,
    ) -> Result<Vec<Handoff>> {
        let after = after.map_or_else(Uuid::nil, |after| after.uuid());
        let mut work = self.pools().read().await?;
        let rows = work.rows(&HANDOFF_PAGE, args![link, after, limit]).await?;
        work.undo().await?;
        rows.iter().map(|row| row.doc(0)).collect()
    }

    /// What is needed, and what is still to be said about the leads of it and about these, in one look.
    ///
    /// # Errors
    /// Where the database does not answer or a row cannot be read.
    pub async fn look_unsettled(&self, needs: &Needs, leads: &[LeadId]) -> Result<(Book, Unsettled)> {
        let mut work = self.pools().read().await?;
        let mut book = Book::default();
        load_into(&mut work, &mut book, needs).await?;
        let mut ids = Rows::of(&DELIVERY_UNSETTLED, 1);
        for id in book.leads.keys().chain(leads.iter().filter(|id| !book.leads.contains_key(id))) {
            ids.add(*id);
        }
        let rows = work.rows(&DELIVERY_UNSETTLED, args![ids]).await?;
        work.undo().await?;
        let mut unsettled = Unsettled::new();
        for row in &rows {
            let delivery = delivery_of(row)?;
            if let Some(lead) = delivery.lead {
                unsettled.entry(lead).or_default().push(delivery);
            }
        }
        Ok((book, unsettled))
    }
}
