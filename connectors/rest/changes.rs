//! What changed, page by page, in the way the description names.
//!
//! - `{cursor}`: the API's own cursor leads from page to page.
//! - `{after_id}`: the next page starts behind the last record, by (time, id).
//! - `{page}`, `{offset}`: the list is cut in pages. Sorted by time, a run does not count pages on but begins anew at the last time it
//!   has seen, so that records which move to the end meanwhile push none out of sight; only where a whole page has one and the same
//!   time it counts on.
//!
//! The next run starts where the API's clock stood when this one began, or at the latest change that was seen. How far to look
//! back behind that is the core's to say.

use leadloop_connector_api::Answer;
use leadloop_connector_api::answers::{at, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{Cursor, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Talk;
use super::call::names_in;
use super::description::{Call, ObjectCalls, Sorted};

/// Where a run of pages stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    /// Since when it reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// Pages behind the first.
    #[serde(skip_serializing_if = "is_none")]
    page: u32,
    /// The latest change that was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    latest: Option<i64>,
    /// The first time of which pages had to be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    counted: Option<i64>,
    /// It is the second run over such a time.
    #[serde(skip_serializing_if = "is_off")]
    again: bool,
}

/// A cursor with this id stands before a second run.
const AGAIN: &str = "again";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_none(page: &u32) -> bool {
    *page == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_off(on: &bool) -> bool {
    !on
}

impl Talk {
    pub(super) fn changes(&self, object: &str, cursor: &Cursor) -> Box<dyn Exchange> {
        let Some((calls, call)) =
            self.api.objects.get(object).and_then(|it| Some((it, it.changes.as_ref()?)))
        else {
            return self.unknown(object);
        };
        let within: Option<Place> =
            cursor.token.as_deref().and_then(|token| serde_json::from_str(token).ok());
        let started = within.as_ref().and(cursor.since);
        let place = within.unwrap_or_else(|| Place {
            since: cursor.since.filter(|since| since.0 > 0).map(|since| since.0),
            again: cursor.after_id.as_deref() == Some(AGAIN),
            ..Place::default()
        });
        let size = call.size.unwrap_or(100);
        let mut scope = self.scope(object).with("limit", size);
        // within other text there is no way to say nothing
        let whole = |name: &str| call.query.values().any(|text| text == name) || body_has(call, name);
        match place.since {
            Some(since) => scope.set("since", self.api.values.time(Timestamp(since))),
            None if whole("{since}") => {}
            None => scope.set("since", self.api.values.time(Timestamp(0))),
        }
        if let Some(cursor) = &place.cursor {
            scope.set("cursor", cursor.as_str());
        }
        match &place.after {
            Some(after) => scope.set("after_id", self.api.values.id(after)),
            None if whole("{after_id}") => {}
            None => scope.set("after_id", self.api.values.id("0")),
        }
        scope.set("page", place.page.saturating_add(call.first_page.unwrap_or(1)));
        scope.set("offset", place.page.saturating_mul(size));
        let request = scope.request(call, &self.api.headers).repeatable();
        let (talk, object, calls, call) = (self.clone(), object.to_owned(), calls.clone(), call.clone());
        single(request, move |answer| vec![talk.page(&object, &calls, &call, (place, started), answer)])
    }

    fn page(
        &self,
        object: &str,
        calls: &ObjectCalls,
        call: &Call,
        (place, started): (Place, Option<Timestamp>),
        answer: &Answer,
    ) -> Outcome {
        let json = match self.answers.json(object, answer) {
            Ok(json) => json,
            Err(Outcome::Gone { detail }) => return odd(&detail),
            Err(outcome) => return outcome,
        };
        let Some(list) = at(&json, call.list.as_deref().unwrap_or_default()).and_then(Json::as_array) else {
            return odd("the answer has no list where the description says");
        };
        let read: Option<Vec<RemoteRecord>> =
            list.iter().map(|json| calls.record.read(object, json)).collect();
        let Some(records) = read else { return odd("the page holds something that is no record") };
        let next = match turn(call, &place, &json, &records) {
            Ok(next) => next,
            Err(outcome) => return outcome,
        };
        let clock = call.clock.as_deref().and_then(|path| at(&json, path)).and_then(text_of);
        let clock = clock
            .and_then(|text| Timestamp::parse(&text, &jiff::tz::TimeZone::UTC))
            .or_else(|| answer.date());
        let latest =
            records.iter().filter_map(|record| record.modified_at).map(|at| at.0).max().max(place.latest);
        let since = started.or(clock).or(latest.map(Timestamp)).or(place.since.map(Timestamp));
        let Some(next) = next else {
            let back = place.counted.filter(|_| !place.again).map(Timestamp);
            let after_id = back.map(|_| AGAIN.to_owned());
            let next = Cursor { since: back.or(since), after_id, token: None };
            return Outcome::Done(Reply::Page { records, next, more: false, of: None });
        };
        let token = serde_json::to_string(&Place { latest, ..next }).ok();
        Outcome::Done(Reply::Page {
            records,
            next: Cursor { since, after_id: None, token },
            more: true,
            of: None,
        })
    }
}

/// The next page, where there is one.
fn turn(call: &Call, place: &Place, json: &Json, records: &[RemoteRecord]) -> Result<Option<Place>, Outcome> {
    if let Some(path) = call.next.as_deref() {
        let cursor = at(json, path).and_then(text_of).filter(|_| !records.is_empty());
        return Ok(cursor.map(|cursor| Place { cursor: Some(cursor), ..place.clone() }));
    }
    let full = records.len() >= call.size.unwrap_or(100) as usize;
    let Some(last) = records.last().filter(|_| full) else { return Ok(None) };
    let time = last.modified_at.map(|time| time.0);
    let keyset = uses(call, "after_id");
    if call.sorted.unwrap_or_default() == Sorted::Id {
        let after = keyset.then(|| last.id.clone());
        let page = if keyset { 0 } else { place.page.saturating_add(1) };
        return Ok(Some(Place { after, page, ..place.clone() }));
    }
    let Some(time) = time else {
        return Err(odd(
            "the last record of a page says no time of its change: `modified` of [record] is not there",
        ));
    };
    if keyset {
        return Ok(Some(Place { since: Some(time), after: Some(last.id.clone()), ..place.clone() }));
    }
    let moved = place.since.is_none_or(|since| time.div_euclid(1_000_000) > since.div_euclid(1_000_000));
    Ok(Some(if moved {
        Place { since: Some(time), page: 0, ..place.clone() }
    } else {
        Place { page: place.page.saturating_add(1), counted: place.counted.or(place.since), ..place.clone() }
    }))
}

fn uses(call: &Call, name: &str) -> bool {
    let in_text = |text: &String| names_in(text).any(|used| used.split('|').next() == Some(name));
    in_text(&call.path)
        || call.query.values().any(in_text)
        || call.body.as_ref().is_some_and(|body| body.to_string().contains(&format!("{{{name}")))
}

/// Whether an entry of the body is this text alone.
fn body_has(call: &Call, text: &str) -> bool {
    fn walk(json: &Json, text: &str) -> bool {
        match json {
            Json::String(it) => it == text,
            Json::Array(list) => list.iter().any(|item| walk(item, text)),
            Json::Object(map) => map.values().any(|item| walk(item, text)),
            _ => false,
        }
    }
    call.body.as_ref().is_some_and(|body| walk(body, text))
}
