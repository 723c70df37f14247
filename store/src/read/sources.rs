//! What sources brought: counted span by span, and what was refused by its reason.

use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::shape::Count;
use leadloop_sync_core::time::Timestamp;
use leadloop_sync_core::vigil::Brought;

use crate::Store;
use crate::cell::{Row, Rows, args};
use crate::error::StoreError;
use crate::lanes::WriteLane;
use crate::statement::{SHAPE_ADD, SHAPE_DROP, SHAPE_LIST, SOURCE_REFUSALS, SOURCE_SPANS};

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

    /// Adds to the counts of fields, and takes those of spans before `old` away.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn add_shapes(&self, counts: &[(SourceName, Count)], old: Timestamp) -> Result<(), StoreError> {
        let mut rows = Rows::of(&SHAPE_ADD, 1);
        for (source, one) in counts {
            rows.add(source.as_str()).add(&one.touch).add(&one.field).add(one.span).add(one.count);
            rows.add(one.sample.as_deref());
        }
        let mut work = self.pools().write(WriteLane::Background).await?;
        if !counts.is_empty() {
            work.run(&SHAPE_ADD, args![rows]).await?;
        }
        work.run(&SHAPE_DROP, args![old]).await?;
        work.commit().await
    }

    /// The counts of a source's fields since then.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn shapes(&self, source: &SourceName, since: Timestamp) -> Result<Vec<Count>, StoreError> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&SHAPE_LIST, args![source.as_str(), since]).await;
        work.undo().await?;
        let count = |row: &Row| {
            Ok(Count {
                touch: row.get(0)?,
                field: row.get(1)?,
                span: row.get(2)?,
                count: row.get(3)?,
                sample: row.get(4)?,
            })
        };
        rows?.iter().map(count).collect()
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
