//! What changed, page by page.
//!
//! A run reads all records changed since a time in the order of their ids: a record that changes while we read keeps its
//! place, so that pages cannot shift; it is read again by the next run, which starts at the time of Odoo's clock when this
//! one began. How far to look back behind that is the core's to say.

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{Cursor, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::call::{Call, Talk};
use super::read::record;
use super::words::{domain, when};
use super::{theirs, unknown_object};
use crate::crm::counted;

/// Records of a page.
const PAGE: u32 = 500;

impl Talk {
    pub(super) fn changes(self, object: String, cursor: Cursor) -> Next {
        let Some(model) = theirs(&object) else { return Next::end(unknown_object(&object)) };
        // within a run: the id behind which it goes on, and since when it reads
        let within = cursor.token.as_deref().and_then(|token| {
            let (id, since) = token.split_once('@')?;
            Some((id.parse::<i64>().ok()?, since.parse::<i64>().ok().map(Timestamp)?))
        });
        let since = within.map_or(cursor.since, |(_, since)| Some(since)).filter(|since| since.0 > 0);
        let mut filter = domain(&object);
        if let Some(since) = since {
            filter.push(json!(["write_date", ">=", when(since)]));
        }
        if let Some((id, _)) = within {
            filter.push(json!(["id", ">", id]));
        }
        let fields = self.fields(&object);
        let started = within.and(cursor.since);
        let (asked, first) = (object.clone(), since.is_none() && within.is_none());
        let all = Json::Array(filter.clone());
        self.search(model, (Json::Array(filter), "id asc", PAGE), (&asked, &fields), move |talk, said| {
            let page = said.and_then(|list| {
                let records: Option<Vec<RemoteRecord>> =
                    list.iter().map(|json| record(&talk, &object, json)).collect();
                records.ok_or_else(|| odd("the page holds something that is no record"))
            });
            let full = page.as_ref().is_ok_and(|records| records.len() >= PAGE as usize);
            let page = page.map_or_else(|no| no, |records| turned(records, since, started, talk.clock));
            if !(first && full) {
                return Next::end(page);
            }
            // Everything is read: how much that is, is worth one call.
            let count = Call::of(model, "search_count").with("domain", all);
            talk.ask(count, &object, move |_, said| {
                Next::end(counted(page, said.ok().and_then(|count| count.as_u64())))
            })
        })
    }
}

/// A page and where to go on. The next run starts where Odoo's clock stood when this run began; where its answers carry no
/// date, at the latest change that was seen.
fn turned(
    records: Vec<RemoteRecord>,
    since: Option<Timestamp>,
    started: Option<Timestamp>,
    clock: Option<Timestamp>,
) -> Outcome {
    let more = records.len() >= PAGE as usize;
    let latest = records.iter().filter_map(|record| record.modified_at).max();
    let next = started.or(clock).or(latest).or(since);
    let token = records
        .last()
        .filter(|_| more)
        .map(|last| format!("{}@{}", last.id, since.map_or(0, |since| since.0)));
    Outcome::Done(Reply::Page {
        records,
        next: Cursor { since: next, after_id: None, token },
        more,
        of: None,
    })
}
