//! Look-ups and changes: both are queries. A run of changes goes by (SystemModstamp, Id), so that pages cannot shift; deleted records
//! are among them (`queryAll`), those merged into another with its id.

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_connector_api::http::Request;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{Cursor, FindBy, Operation, Outcome};
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

use super::words::{fields_of, record};
use super::{Talk, description, theirs};
use crate::crm::{Keyset, Lookups, answers_to, spellings, unknown_object};

/// Records of a page of changes: what one answer of a query holds.
const PAGE: usize = 2_000;
/// Records of a look-up.
const MOST: usize = 500;

impl Talk {
    pub(super) fn find(self, operations: &[Operation]) -> Next {
        let has = |object: &str, by: &FindBy| !self.conditions(object, by).is_empty();
        let lookups = Lookups::of(description(), operations, has);
        self.find_next(lookups)
    }

    fn find_next(self, mut lookups: Lookups) -> Next {
        let Some((object, wanted)) = lookups.next() else { return lookups.done() };
        let any: Vec<String> = wanted.iter().flat_map(|(_, by)| self.conditions(&object, by)).collect();
        let fields = self.fields(&object).join(",");
        let query = format!(
            "SELECT {fields} FROM {} WHERE {} LIMIT {MOST}",
            theirs(&object).unwrap_or_default(),
            any.join(" OR ")
        );
        // by id, a deleted record is found as such
        let call =
            if wanted.iter().any(|(_, by)| matches!(by, FindBy::Id(_))) { "/queryAll" } else { "/query" };
        self.query(call, query, object, move |talk, object, found, _| {
            let mark = talk.link.mark_field(description(), &object).map(str::to_owned);
            let fits = |record: &RemoteRecord, by: &FindBy| match by {
                FindBy::Id(id) => same_id(&record.id, id),
                by => answers_to(description(), record, by, mark.as_deref()),
            };
            lookups.settle(wanted, &found, fits);
            talk.find_next(lookups)
        })
    }

    /// The conditions of a look-up, any of which may hold; none where the object has no such field.
    fn conditions(&self, object: &str, by: &FindBy) -> Vec<String> {
        let Some(roles) = description().object(object).map(|object| &object.roles) else { return vec![] };
        let one_of = |field: &str, values: &[String]| {
            let values: Vec<String> = values.iter().map(|value| literal(value)).collect();
            format!("{field} IN ({})", values.join(","))
        };
        match by {
            FindBy::Id(id) if id.chars().all(|c| c.is_ascii_alphanumeric()) => {
                vec![format!("Id = {}", literal(id))]
            }
            FindBy::Id(_) => vec![],
            FindBy::Mark(mark) => {
                let field = self.link.mark_field(description(), object);
                field.map(|field| format!("{field} = {}", literal(mark))).into_iter().collect()
            }
            FindBy::Keys(keys) => {
                let of = |wanted: &'static str| {
                    keys.iter()
                        .filter(move |(kind, _)| kind == wanted)
                        .map(|(_, value)| value.clone())
                        .take(8)
                };
                let phones: Vec<String> = of("phone").flat_map(|phone| spellings(&phone)).collect();
                let emails: Vec<String> = of("email").collect();
                let by_phone =
                    roles.phones.iter().filter(|_| !phones.is_empty()).map(|field| one_of(field, &phones));
                let by_email =
                    roles.emails.iter().filter(|_| !emails.is_empty()).map(|field| one_of(field, &emails));
                by_phone.chain(by_email).collect()
            }
        }
    }

    pub(super) fn changes(self, object: String, cursor: &Cursor) -> Next {
        let Some(name) = theirs(&object) else { return Next::end(unknown_object("Salesforce", &object)) };
        let place = Keyset::of(cursor);
        let since = stamp(place.since.unwrap_or(Timestamp(0)));
        let from = match &place.after {
            Some(id) => {
                format!("(SystemModstamp > {since} OR (SystemModstamp = {since} AND Id > {}))", literal(id))
            }
            None => format!("SystemModstamp >= {since}"),
        };
        let fields = self.fields(&object).join(",");
        let query =
            format!("SELECT {fields} FROM {name} WHERE {from} ORDER BY SystemModstamp, Id LIMIT {PAGE}");
        self.query("/queryAll", query, object, move |_, _, found, clock| {
            Next::end(match found {
                Err(outcome) => outcome,
                Ok(records) => {
                    let full = records.len() >= PAGE;
                    place.turn(records, full, clock)
                }
            })
        })
    }

    /// Asks a query and goes on with its records; an answer in parts is read to its end, within reason.
    fn query(
        self,
        call: &str,
        query: String,
        object: String,
        then: impl FnOnce(Talk, String, Result<Vec<RemoteRecord>, Outcome>, Option<Timestamp>) -> Next
        + Send
        + 'static,
    ) -> Next {
        let request = self.named(Request::get(call).with_query("q", query));
        Next::ask(request, move |answer| {
            let read = self.answers.json(&object, answer).and_then(|json| records(&object, &json));
            let read = match read {
                Err(Outcome::Gone { detail }) => Err(odd(&detail)),
                read => read,
            };
            then(self, object, read, answer.date())
        })
    }

    /// The fields that are asked for.
    pub(super) fn fields(&self, object: &str) -> Vec<String> {
        let mut fields = fields_of(object);
        fields.extend(
            self.link.wants.fields.get(object).into_iter().flatten().filter(|field| is_name(field)).cloned(),
        );
        fields.extend(self.link.mark_field(description(), object).map(str::to_owned));
        fields.retain(|field| !matches!(field.as_str(), "lead_id" | "contact_id"));
        fields.sort();
        fields.dedup();
        fields
    }
}

fn records(object: &str, json: &Json) -> Result<Vec<RemoteRecord>, Outcome> {
    let list = json
        .get("records")
        .and_then(Json::as_array)
        .ok_or_else(|| odd("the answer is no list of records"))?;
    if json.get("done").and_then(Json::as_bool) != Some(true) && json.get("nextRecordsUrl").is_none() {
        return Err(odd("the answer does not say whether it is whole"));
    }
    let records: Option<Vec<RemoteRecord>> = list.iter().map(|json| record(object, json)).collect();
    records.ok_or_else(|| odd("what was found is no record"))
}

/// Names come from the config into a query: nothing else may.
fn is_name(field: &str) -> bool {
    !field.is_empty() && field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

/// Ids of 15 and of 18 characters name the same record.
fn same_id(one: &str, other: &str) -> bool {
    one == other || (one.len().min(other.len()) == 15 && one.get(..15) == other.get(..15))
}

/// A text as a literal of SOQL; the backslash first.
fn literal(text: &str) -> String {
    let mut literal = String::from("'");
    for c in text.chars() {
        match c {
            '\\' => literal.push_str("\\\\"),
            '\'' => literal.push_str("\\'"),
            '"' => literal.push_str("\\\""),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            c if c.is_control() => {}
            c => literal.push(c),
        }
    }
    literal.push('\'');
    literal
}

/// A time as a literal of SOQL, to the millisecond.
fn stamp(time: Timestamp) -> String {
    let exact = jiff::Timestamp::from_microsecond(time.0).unwrap_or_default();
    exact.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_literal() {
        assert_eq!(literal(r"O'Brien 50%_a\b"), r"'O\'Brien 50%_a\\b'");
        assert_eq!(literal(r"a\' OR Name != '"), r"'a\\\' OR Name != \''");
        assert_eq!(stamp(Timestamp(1_767_600_753_120_000)), "2026-01-05T08:12:33.120Z");
        assert!(
            same_id("00Q5g00000AbCdE", "00Q5g00000AbCdEFGH")
                && !same_id("00Q5g00000AbCdEFGH", "00Q5g00000AbCdEFGX")
        );
        assert!(is_name("Owner.Name") && is_name("X__c") && !is_name("Id FROM User--"));
    }
}
