//! Visits: events that are counted by visitor and not kept one by one. Counted in the transaction that keeps their push;
//! what becomes of a visit is decided by [`leadloop_sync_core::visit`].

use std::collections::{BTreeMap, HashMap};

use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::time::Timestamp;
use leadloop_sync_core::visit::{Counted, LONGEST_EVENT, QUIET, Seen, Visit};

use crate::cell::{Rows, args};
use crate::commit::Queue;
use crate::engine::Work;
use crate::error::StoreError;
use crate::statement::{VISIT_COUNT, VISIT_DROP, VISIT_DUE, VISIT_LATER};
use crate::tx::Tx;

type Result<T> = std::result::Result<T, StoreError>;

/// Events of one name and visitor within a batch.
struct Row<'a> {
    count: i64,
    first: &'a Counted,
    last: &'a Counted,
    newest: &'a Counted,
}

/// Adds events to what was counted; each must be new.
pub(crate) async fn count(work: &mut Work, events: &[&Counted]) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    // In one statement a row may be written once only.
    let mut rows: HashMap<(&str, &Identifier, &str), Row<'_>> = HashMap::new();
    for event in events {
        let name = &event.event;
        let name = name.get(..name.floor_char_boundary(LONGEST_EVENT)).unwrap_or_default();
        let row = rows.entry((event.source.as_str(), &event.who, name)).or_insert(Row {
            count: 0,
            first: event,
            last: event,
            newest: event,
        });
        row.count += 1;
        row.first = if event.at < row.first.at { event } else { row.first };
        row.last = if event.at > row.last.at { event } else { row.last };
        row.newest = if event.arrived > row.newest.arrived { event } else { row.newest };
    }
    // In one order everywhere: two nodes with the same visitors must not wait for each other.
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_unstable_by_key(|(key, _)| *key);
    let mut list = Rows::of(&VISIT_COUNT, 1);
    for ((source, who, name), row) in rows {
        list.add(source).add(&who.kind.0).add(&who.value).add(name);
        list.add(row.count).add(row.first.at).add(row.last.at).add(row.newest.arrived);
    }
    work.run(&VISIT_COUNT, args![list, QUIET.0]).await.map(drop)
}

/// Visits that were told or are looked at later.
pub(crate) async fn end(
    queue: &Queue,
    visits: &BTreeMap<(&SourceName, &Identifier), Option<Timestamp>>,
) -> Result<()> {
    let (mut later, mut gone) = (Rows::of(&VISIT_LATER, 1), Rows::of(&VISIT_DROP, 1));
    for ((source, who), until) in visits {
        match until {
            Some(until) => later.add(*source).add(&who.kind.0).add(&who.value).add(*until),
            None => gone.add(*source).add(&who.kind.0).add(&who.value),
        };
    }
    if !later.is_empty() {
        queue.run(&VISIT_LATER, args![later]).await?;
    }
    if !gone.is_empty() {
        queue.run(&VISIT_DROP, args![gone]).await?;
    }
    Ok(())
}

impl Tx {
    /// Visits that may be over, at most `limit` of them: of some something was seen since it was last asked.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn due_visits(&mut self, now: Timestamp, limit: u32) -> Result<Vec<Visit>> {
        let mut visits: Vec<Visit> = Vec::new();
        for row in self.work.rows(&VISIT_DUE, args![now, limit]).await? {
            let source: SourceName = row.get(0)?;
            let (kind, value): (String, String) = (row.get(1)?, row.opened(2)?);
            let who = Identifier::new(&kind, value);
            let seen = Seen { event: row.get(3)?, count: row.get(4)?, first: row.get(5)?, last: row.get(6)? };
            let (since, newest, known): (Timestamp, Timestamp, bool) =
                (row.get(7)?, row.get(8)?, row.get(9)?);
            let over = newest + QUIET;
            match visits.last_mut().filter(|visit| visit.source == source && visit.who == who) {
                Some(visit) => {
                    visit.events.push(seen);
                    visit.since = visit.since.min(since);
                    visit.over = visit.over.max(over);
                }
                None => visits.push(Visit { source, who, known, events: vec![seen], since, over }),
            }
        }
        if self.work.vault().is_some() {
            // The order of sealed values says nothing.
            visits.sort_by(|one, other| (&one.source, &one.who).cmp(&(&other.source, &other.who)));
        }
        Ok(visits)
    }
}
