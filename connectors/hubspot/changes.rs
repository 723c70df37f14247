//! What changed, page by page, through the search: sorted by the time of the change, from the last time that was seen. Only where a
//! whole page has one and the same time it counts pages on; so HubSpot's end of a search at 10,000 is never met.
//!
//! Deals do not say in their properties whom they are about: their contacts and companies are read beside each page. Owners
//! have no time of change and are few: they are read whole, those that left among them.

use leadloop_connector_api::answers::{at, odd, text_of};
use leadloop_connector_api::chain::Next;
use leadloop_connector_api::http::{Method, Request};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{Cursor, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::words::{modified_field, record};
use super::{Talk, is_own_word, theirs};
use crate::crm::{Keyset, counted, unknown_object};

/// Records of a page.
const PAGE: usize = 200;
/// Owners of a page.
const OWNERS: &str = "500";
/// Before the pages of those who left.
const ARCHIVED: &str = "archived:";

impl Talk {
    pub(super) fn changes(self, object: String, cursor: &Cursor) -> Next {
        let Some(path) = theirs(&object) else { return Next::end(unknown_object("HubSpot", &object)) };
        if object == "user" {
            return self.owners(cursor.clone());
        }
        let place = Keyset::of(cursor);
        let since = place.since.map_or(0, |since| since.0.div_euclid(1_000));
        let modified = modified_field(&object);
        let after = usize::try_from(place.repeat).unwrap_or(usize::MAX).saturating_mul(PAGE);
        let body = json!({
            "filterGroups": [{ "filters": [{ "propertyName": modified, "operator": "GTE", "value": since.to_string() }] }],
            "sorts": [modified],
            "properties": self.properties(&object), "limit": PAGE, "after": after.to_string(),
        });
        let request = Request::json(Method::Post, format!("/crm/v3/objects/{path}/search"), body);
        Next::ask(request.repeatable(), move |answer| {
            let json = match self.answers.json(&object, answer) {
                Ok(json) => json,
                Err(Outcome::Gone { detail }) => return Next::end(odd(&detail)),
                Err(outcome) => return Next::end(outcome),
            };
            let Some(list) = json.get("results").and_then(Json::as_array) else {
                return Next::end(odd("the answer is no list of results"));
            };
            let records: Option<Vec<RemoteRecord>> = list.iter().map(|json| record(&object, json)).collect();
            let Some(records) = records else {
                return Next::end(odd("the page holds something that is no record"));
            };
            let full = at(&json, "paging.next.after").is_some();
            // within the pages of one and the same time the count begins before them
            let read = u64::try_from(after).unwrap_or(u64::MAX);
            let of = json.get("total").and_then(Json::as_u64).map(|total| total.saturating_sub(read));
            let page = Page { place, records, full, of, clock: answer.date() };
            if object == "opportunity" && !page.records.is_empty() {
                return self.beside(page, vec![("companies", "company_id"), ("contacts", "contact_id")]);
            }
            Next::end(page.turn())
        })
    }

    /// Reads whom the deals of a page are about.
    fn beside(self, mut page: Page, mut waiting: Vec<(&'static str, &'static str)>) -> Next {
        let Some((to, field)) = waiting.pop() else { return Next::end(page.turn()) };
        let inputs: Vec<Json> = page.records.iter().map(|record| json!({ "id": record.id })).collect();
        let path = format!("/crm/v4/associations/deals/{to}/batch/read");
        let request = Request::json(Method::Post, path, json!({ "inputs": inputs }));
        Next::ask(request.repeatable(), move |answer| {
            let json = match self.answers.json("opportunity", answer) {
                Ok(json) => json,
                // none of them has any
                Err(Outcome::Gone { .. }) if is_own_word(answer) => json!({ "results": [] }),
                Err(outcome) => return Next::end(outcome),
            };
            let Some(results) = json.get("results").and_then(Json::as_array) else {
                return Next::end(odd("the associations are no list of results"));
            };
            for result in results {
                let (from, to) = (
                    at(result, "from.id").and_then(text_of),
                    at(result, "to.0.toObjectId").and_then(text_of),
                );
                let found = page.records.iter_mut().find(|record| Some(&record.id) == from.as_ref());
                if let (Some(record), Some(to)) = (found, to) {
                    record.fields.set(field, to);
                }
            }
            self.beside(page, waiting)
        })
    }

    fn owners(self, cursor: Cursor) -> Next {
        let archived = cursor.token.as_deref().is_some_and(|token| token.starts_with(ARCHIVED));
        let after =
            cursor.token.as_deref().map(|token| token.trim_start_matches(ARCHIVED)).unwrap_or_default();
        let mut request = Request::get("/crm/v3/owners").with_query("limit", OWNERS);
        request = request.with_query("archived", if archived { "true" } else { "false" });
        if !after.is_empty() {
            request = request.with_query("after", after);
        }
        Next::ask(request, move |answer| {
            let json = match self.answers.json("user", answer) {
                Ok(json) => json,
                Err(Outcome::Gone { detail }) => return Next::end(odd(&detail)),
                Err(outcome) => return Next::end(outcome),
            };
            let list = json.get("results").and_then(Json::as_array);
            let records = list
                .and_then(|list| list.iter().map(|json| record("user", json)).collect::<Option<Vec<_>>>());
            let Some(records) = records else { return Next::end(odd("the answer is no list of owners")) };
            let prefix = if archived { ARCHIVED } else { "" };
            let next =
                at(&json, "paging.next.after").and_then(text_of).map(|after| format!("{prefix}{after}"));
            let token = next.or_else(|| (!archived).then(|| ARCHIVED.to_owned()));
            let since =
                cursor.since.filter(|_| cursor.token.is_some()).or_else(|| answer.date()).or(cursor.since);
            let more = token.is_some();
            Next::end(Outcome::Done(Reply::Page {
                records,
                next: Cursor { since, after_id: None, token },
                more,
                of: None,
            }))
        })
    }
}

/// A page that was read.
struct Page {
    place: Keyset,
    records: Vec<RemoteRecord>,
    full: bool,
    of: Option<u64>,
    clock: Option<Timestamp>,
}

impl Page {
    fn turn(self) -> Outcome {
        counted(self.place.turn(self.records, self.full, self.clock), self.of)
    }
}
