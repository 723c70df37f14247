//! What changed, page by page: all records changed since a time in the order of their ids, so that pages cannot shift while
//! they are read. What changes meanwhile is read by the next run, which starts at the time of Tryton's clock when this one began.
//!
//! A lead has changed too when its party has, or a way to reach that party.

use leadloop_connector_api::chain::Next;
use leadloop_sync_core::outbox::{Cursor, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::call::Talk;
use super::values::moment;
use super::{is_opportunity, theirs, unknown_object};

/// Records of a page.
const PAGE: u32 = 500;

impl Talk {
    pub(super) fn changes(self, object: String, cursor: Cursor) -> Next {
        if theirs(&object).is_none() {
            return Next::end(unknown_object(&object));
        }
        // within a run: the id behind which it goes on, and since when it reads
        let within = cursor.token.as_deref().and_then(|token| {
            let (id, since) = token.split_once('@')?;
            Some((id.parse::<i64>().ok()?, since.parse::<i64>().ok().map(Timestamp)?))
        });
        let since = within.map_or(cursor.since, |(_, since)| Some(since)).filter(|since| since.0 > 0);
        let mut domain: Vec<Json> = since.map(|since| since_then(&object, since)).into_iter().collect();
        if object == "opportunity" {
            domain.push(json!(["state", "in", ["opportunity", "converted", "won", "lost"]]));
        }
        if object == "activity" {
            domain.push(json!(["resource", "like", "sale.opportunity,%"]));
        }
        if let Some((id, _)) = within {
            domain.push(json!(["id", ">", id]));
        }
        let started = within.and(cursor.since);
        self.records(object, Json::Array(domain), PAGE, move |talk, read| {
            Next::end(read.map_or_else(
                |no| no,
                |records| {
                    let more = records.len() >= PAGE as usize;
                    let latest = records.iter().filter_map(|record| record.modified_at).max();
                    let next = started.or(talk.clock).or(latest).or(since);
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
                },
            ))
        })
    }
}

fn since_then(object: &str, since: Timestamp) -> Json {
    let since = moment(since);
    let mut any = vec![json!("OR")];
    let prefixes: &[&str] = match object {
        object if is_opportunity(object) => &["", "party.", "party.contact_mechanisms."],
        "account" => &["", "contact_mechanisms."],
        _ => &[""],
    };
    for prefix in prefixes {
        for field in ["write_date", "create_date"] {
            any.push(json!([format!("{prefix}{field}"), ">=", since]));
        }
    }
    Json::Array(any)
}
