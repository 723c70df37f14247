//! What changed, page by page.
//!
//! A run of pages goes by the sandbox's own cursor. Where the next run starts is fixed at the first page of a run, by the
//! sandbox's clock: what changes while we page may be seen twice, never missed. How far to look back behind that is the
//! core's to say.

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_connector_api::http::Request;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{Cursor, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

use super::{Talk, record, theirs, unknown_object};

/// Records of a page; the most the sandbox gives.
const PAGE: &str = "500";

impl Talk {
    pub(super) fn changes(self, object: &str, cursor: &Cursor) -> Box<dyn Exchange> {
        let Some(path) = theirs(object) else {
            return leadloop_connector_api::exchange::grouped(vec![Some(unknown_object(object))], vec![]);
        };
        let mut request = Request::get(format!("/api/v1/{path}"));
        request = match &cursor.token {
            Some(token) => request.with_query("cursor", token.as_str()),
            None => {
                let since = cursor.since.map_or(0, |since| since.0.max(0));
                request.with_query("modified_since", since.to_string())
            }
        };
        let request = request.with_query("limit", PAGE);
        let (object, cursor) = (object.to_owned(), cursor.clone());
        single(request, move |answer| {
            vec![match self.answers.json(&object, answer) {
                Ok(json) => page(&object, &cursor, &json)
                    .unwrap_or_else(|| odd("the page is not what a page looks like")),
                Err(outcome) => outcome,
            }]
        })
    }
}

fn page(object: &str, cursor: &Cursor, json: &Json) -> Option<Outcome> {
    let records: Vec<RemoteRecord> =
        json.get("records")?.as_array()?.iter().map(|json| record(object, json)).collect::<Option<_>>()?;
    let server_time = json.get("server_time")?.as_i64().map(Timestamp)?;
    let token = match json.get("next_cursor")? {
        Json::Null => None,
        Json::String(token) => Some(token.clone()),
        _ => return None,
    };
    // within a run the start of the next one stays what the first page made it
    let since = if cursor.token.is_some() { cursor.since } else { None };
    let next = Cursor { since: Some(since.unwrap_or(server_time)), after_id: None, token };
    let more = next.token.is_some();
    let of = json.get("total").and_then(Json::as_u64);
    Some(Outcome::Done(Reply::Page { records, next, more, of }))
}
