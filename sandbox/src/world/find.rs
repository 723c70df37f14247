//! Reading: lists of what changed, the slow search, counts.

use super::World;
use crate::refusal::Refusal;
use crate::schema::Kind;
use std::ops::Bound;

/// Most records one value may return.
pub(crate) const MOST_FOUND: usize = 50;

/// Where a list starts and how long it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Inclusive, microseconds.
    pub(crate) since: i64,
    /// Exclusive place after which to go on.
    pub(crate) after: Option<(i64, u32)>,
    pub(crate) limit: usize,
}

impl World {
    /// Rows ordered by (modified_at, id), and whether there are more; behind by `list_lag_ms`.
    pub(crate) fn changed(&self, kind: Kind, page: Page) -> (Vec<u32>, bool) {
        let lag = i64::from(self.tuning.list_lag_ms) * 1_000;
        self.changed_until(kind, page, if lag == 0 { i64::MAX } else { self.clock.now() - lag })
    }

    /// The same without a lag, for those who work in the CRM.
    pub(crate) fn changed_now(&self, kind: Kind, page: Page) -> (Vec<u32>, bool) {
        self.changed_until(kind, page, i64::MAX)
    }

    fn changed_until(&self, kind: Kind, page: Page, until: i64) -> (Vec<u32>, bool) {
        let lower = match page.after {
            Some(place) => Bound::Excluded(place),
            None => Bound::Included((page.since, 0)),
        };
        if page.after.map_or(page.since, |(at, _)| at) > until {
            return (Vec::new(), false);
        }
        let mut rows: Vec<u32> = self
            .table(kind)
            .changed
            .range((lower, Bound::Included((until, u32::MAX))))
            .take(page.limit + 1)
            .map(|(_, row)| *row)
            .collect();
        let more = rows.len() > page.limit;
        rows.truncate(page.limit);
        (rows, more)
    }

    /// How many there are behind a time, without a lag.
    pub(crate) fn changed_since(&self, kind: Kind, since: i64) -> usize {
        let changed = &self.table(kind).changed;
        if since <= 0 { changed.len() } else { changed.range((since, 0)..).count() }
    }

    /// The newest changes first, for the page: rows, skipping some.
    pub(crate) fn newest(&self, kind: Kind, skip: usize, take: usize) -> Vec<u32> {
        self.table(kind).changed.iter().rev().skip(skip).take(take).map(|(_, row)| *row).collect()
    }

    /// What search finds now for one value of a field.
    pub(crate) fn search(&self, kind: Kind, position: usize, value: &str) -> Vec<u32> {
        let mut rows = self.matching(kind, position, value, Some(self.clock.now()));
        rows.truncate(MOST_FOUND);
        rows
    }

    /// Position of a field that search knows.
    pub(crate) fn searchable(&self, kind: Kind, field: &str) -> Result<usize, Refusal> {
        let schema = kind.schema();
        schema
            .position(field)
            .filter(|at| schema.fields[*at].search.is_some() && self.field_exists(kind, *at))
            .ok_or_else(|| Refusal::bad_request(format!("{} cannot be searched by this field", schema.name)))
    }

    /// Append a record as the API shows it.
    pub(crate) fn write_record(&self, out: &mut Vec<u8>, kind: Kind, row: u32) {
        if let Some(record) = self.record(kind, row) {
            record.write_json(out, kind, row, self.shows_mark());
        }
    }

    /// The cursor that goes on after a row.
    pub(crate) fn cursor(&self, kind: Kind, row: u32) -> String {
        let at = self.record(kind, row).map_or(0, |record| record.modified_at);
        format!("{at}.{row}")
    }
}
