//! The pool as it stands: every person with hand-overs, decisions and answers.

use leadloop_store::Store;
use leadloop_store::read::story::Story;
use leadloop_sync_core::handoff::{Handoff, HandoffState};

use crate::failure::Failure;

/// Leads of a page.
const PAGE: u32 = 200;
/// Touches of a story: the demo counts them by the total.
const TOUCHES: u32 = 20;

/// All stories of the pool, merged leads within their survivors.
pub struct Books {
    /// One for each person.
    pub stories: Vec<Story>,
}

impl Books {
    /// Reads all of it.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn read(store: &Store) -> Result<Self, Failure> {
        let mut stories = Vec::new();
        let mut after = None;
        loop {
            let page = store.linked_leads(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(Self { stories }) };
            after = Some(last.lead.id);
            for linked in page.iter().filter(|linked| linked.lead.merged_into.is_none()) {
                stories.extend(store.story(linked.lead.id, TOUCHES).await?);
            }
        }
    }

    /// How many people.
    pub fn people(&self) -> usize {
        self.stories.len()
    }

    /// All hand-overs with their stories.
    pub fn handoffs(&self) -> impl Iterator<Item = (&Story, &Handoff)> {
        self.stories.iter().flat_map(|story| story.handoffs.iter().map(move |handoff| (story, handoff)))
    }

    /// Hand-overs that reached the CRM.
    pub fn delivered(&self) -> usize {
        self.handoffs().filter(|(_, handoff)| reached(handoff)).count()
    }
}

/// Whether the CRM has, or had, a hand-over.
pub fn reached(handoff: &Handoff) -> bool {
    handoff.clocks.delivered.is_some() && handoff.state != HandoffState::Telling
}
