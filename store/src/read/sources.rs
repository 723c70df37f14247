//! What sources brought: counted span by span, and what was refused by its reason.

use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::time::Timestamp;
use leadloop_sync_core::vigil::Brought;

use crate::Store;
use crate::cell::{Rows, args};
use crate::error::StoreError;
use crate::statement::{SOURCE_REFUSALS, SOURCE_SPANS};

/// A span of time of a source: begin included, end not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which source.
    pub source: SourceName,
    /// Its first moment.
    pub begins: Timestamp,
    /// The moment after its last.
    pub ends: Timestamp,
}

/// Records or pushes that were set aside for one reason.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Refusals {
    /// `record` or `push`.
    pub what: String,
    /// The error's code.
    pub code: String,
    /// How many.
    pub count: i64,
    /// When the last one arrived.
    pub last: Timestamp,
}

impl Store {
    /// What sources brought in each of these spans, in the order given.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn source_spans(&self, spans: &[Span]) -> Result<Vec<Brought>, StoreError> {
        let mut brought = vec![Brought::default(); spans.len()];
        if spans.is_empty() {
            return Ok(brought);
        }
        let mut rows = Rows::of(&SOURCE_SPANS, 1);
        for (place, span) in (0_i64..).zip(spans) {
            rows.add(span.source.as_str()).add(place).add(span.begins).add(span.ends);
        }
        let mut work = self.pools().read().await?;
        let counted = work.rows(&SOURCE_SPANS, args![rows]).await;
        work.undo().await?;
        for row in counted? {
            let place: i64 = row.get(0)?;
            let Some((slot, span)) =
                usize::try_from(place).ok().and_then(|place| brought.get_mut(place).zip(spans.get(place)))
            else {
                continue;
            };
            let (pushed, captured): (Option<Timestamp>, Option<Timestamp>) = (row.get(4)?, row.get(5)?);
            let known = pushed.into_iter().chain(captured).any(|first| first < span.begins);
            *slot = Brought { pushes: row.get(1)?, taken: row.get(2)?, refused: row.get(3)?, known };
        }
        Ok(brought)
    }

    /// What of a source was set aside since then, by reason.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn source_refusals(
        &self,
        source: &SourceName,
        since: Timestamp,
    ) -> Result<Vec<Refusals>, StoreError> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&SOURCE_REFUSALS, args![source.as_str(), since]).await;
        work.undo().await?;
        rows?
            .iter()
            .map(|row| {
                Ok(Refusals { what: row.get(0)?, code: row.get(1)?, count: row.get(2)?, last: row.get(3)? })
            })
            .collect()
    }
}
