//! Hand-overs as people look at them: what a page shows, what is overdue, what past decisions saw.

use leadloop_sync_core::handoff::{DecisionRecord, Handoff};
use leadloop_sync_core::ids::{DecisionId, HandoffId};
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::time::Timestamp;
use uuid::Uuid;

use crate::Store;
use crate::cell::{Rows, args};
use crate::error::StoreError;
use crate::lanes::WriteLane;
use crate::statement::{ALARM_TOLD, ALARM_UNTOLD, DECISION_PAGE, HANDOFF_LIST};

type Result<T> = std::result::Result<T, StoreError>;

/// Which hand-overs to list, the most urgent first.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct HandoffAsk {
    /// Only those whose answer was due before this.
    pub due_before: Option<Timestamp>,
    /// Only in this state; all open ones where none is said.
    pub state: Option<String>,
    /// Only of this person (our key, or the CRM's user id).
    pub owner: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// An alarm whose state people were not told of yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntoldAlarm {
    /// Its key.
    pub key: String,
    /// The error's code.
    pub code: String,
    /// What is wrong.
    pub detail: String,
    /// Raised, or clear again.
    pub raised: bool,
    /// Since when it was raised.
    pub since: Timestamp,
}

impl Store {
    /// Open hand-overs with their leads, soonest due first.
    ///
    /// # Errors
    /// Where the database does not answer or something cannot be read.
    pub async fn handoffs(&self, ask: &HandoffAsk) -> Result<Vec<(Handoff, Lead)>> {
        let args = args![ask.due_before, ask.state.as_ref(), ask.owner.as_ref(), ask.limit];
        let mut work = self.pools().read().await?;
        let rows = work.rows(&HANDOFF_LIST, args).await?;
        work.undo().await?;
        rows.iter().map(|row| Ok((row.doc(0)?, row.doc(1)?))).collect()
    }

    /// Hand-overs whose id begins like this (32 hex digits without dashes), at most two.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn handoffs_like(&self, first: HandoffId, last: HandoffId) -> Result<Vec<Handoff>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&crate::statement::HANDOFF_RANGE, args![first.uuid(), last.uuid()]).await?;
        work.undo().await?;
        rows.iter().map(|row| row.doc(0)).collect()
    }

    /// Alarms whose state people were not told of yet.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn untold_alarms(&self, limit: u32) -> Result<Vec<UntoldAlarm>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&ALARM_UNTOLD, args![limit]).await?;
        work.undo().await?;
        rows.iter()
            .map(|row| {
                Ok(UntoldAlarm {
                    key: row.get(0)?,
                    code: row.get(1)?,
                    detail: row.opened(2)?,
                    raised: row.get(3)?,
                    since: row.get(4)?,
                })
            })
            .collect()
    }

    /// People know of these now. An alarm that changed meanwhile is told again.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn alarms_told(&self, alarms: &[UntoldAlarm]) -> Result<()> {
        let mut list = Rows::of(&ALARM_TOLD, 1);
        for alarm in alarms {
            list.add(&alarm.key).add(alarm.since).add(alarm.raised);
        }
        let mut work = self.pools().write(WriteLane::Background).await?;
        work.run(&ALARM_TOLD, args![list]).await?;
        work.commit().await
    }

    /// A page of decisions in the order they were made, from a time on (`after`: the last of the page before).
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn decisions(
        &self,
        since: Timestamp,
        after: Option<(Timestamp, DecisionId)>,
        limit: u32,
    ) -> Result<Vec<DecisionRecord>> {
        let (at, id) = after.map_or((since, Uuid::nil()), |(at, id)| (at, id.uuid()));
        let mut work = self.pools().read().await?;
        let rows = work.rows(&DECISION_PAGE, args![at, id, limit]).await?;
        work.undo().await?;
        rows.iter().map(|row| row.doc(0)).collect()
    }
}
