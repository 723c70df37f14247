//! Leads one after the other with their whole histories: for counting scores anew.

use std::collections::BTreeSet;

use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::Lead;
use uuid::Uuid;

use crate::Store;
use crate::cell::args;
use crate::error::StoreError;
use crate::load::{load_into, load_touches};
use crate::statement::LEAD_WALK;

type Result<T> = std::result::Result<T, StoreError>;

/// The most touches of a person that are read; of a longer history the latest.
pub const MOST_TOUCHES: u32 = 20_000;

/// Some leads with what they are made of.
#[derive(Clone, Debug, Default)]
pub struct Walked {
    /// The people, by id.
    pub people: Vec<LeadId>,
    /// Their leads, with those that were merged into them, and their touches.
    pub book: Book,
}

impl Store {
    /// The next people behind `after`, by id, with all their touches.
    ///
    /// # Errors
    /// Where the database does not answer or a row cannot be read.
    pub async fn walk(&self, after: Option<LeadId>, limit: u32) -> Result<Walked> {
        let mut work = self.pools().read().await?;
        let after = after.map_or_else(Uuid::nil, |after| after.uuid());
        let rows = work.rows(&LEAD_WALK, args![after, limit]).await?;
        work.undo().await?;
        let leads = rows.iter().map(|row| row.doc::<Lead>(0)).collect::<Result<Vec<_>>>()?;
        self.histories(leads.iter().map(|lead| lead.id).collect()).await
    }

    /// These people with all their touches; those that were merged into another are left out.
    ///
    /// # Errors
    /// Where the database does not answer or a row cannot be read.
    pub async fn histories(&self, people: Vec<LeadId>) -> Result<Walked> {
        let mut walked = Walked::default();
        let asked: BTreeSet<LeadId> = people.into_iter().collect();
        if asked.is_empty() {
            return Ok(walked);
        }
        let mut work = self.pools().read().await?;
        let needs = Needs { leads: asked.clone(), ..Needs::default() };
        load_into(&mut work, &mut walked.book, &needs).await?;
        load_touches(&mut work, &mut walked.book, &asked, MOST_TOUCHES + 1).await?;
        work.undo().await?;
        let stands = |id: &LeadId| walked.book.leads.get(id).is_some_and(|lead| lead.merged_into.is_none());
        walked.people = asked.into_iter().filter(stands).collect();
        Ok(walked)
    }
}
