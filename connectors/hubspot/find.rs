//! Looking records up: by id and by our mark past the search index, by phone and e-mail through it; many in one call.

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_connector_api::http::{Method, Request};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{FindBy, Operation, Outcome};
use serde_json::{Value as Json, json};

use super::words::record;
use super::{Talk, description, is_own_word, theirs};
use crate::crm::{Lookups, Wanted, answers_to, escaped, spellings};

/// Most groups of filters in one search.
const MOST_GROUPS: usize = 5;

impl Talk {
    pub(super) fn find(self, operations: &[Operation]) -> Next {
        let has = |object: &str, by: &FindBy| match by {
            FindBy::Mark(_) => object != "user",
            FindBy::Id(_) => true,
            FindBy::Keys(keys) if object == "user" => keys.iter().any(|(kind, _)| kind == "email"),
            FindBy::Keys(_) => !groups(object, by).is_empty(),
        };
        self.find_next(Lookups::of(description(), operations, has))
    }

    fn find_next(self, mut lookups: Lookups) -> Next {
        let Some((object, wanted)) = lookups.next() else { return lookups.done() };
        let mut waiting = Vec::new();
        if object == "user" {
            waiting = wanted.into_iter().map(|one| vec![one]).collect();
        } else {
            let (ids, rest): (Wanted, Wanted) =
                wanted.into_iter().partition(|(_, by)| matches!(by, FindBy::Id(_)));
            let (marks, keys): (Wanted, Wanted) =
                rest.into_iter().partition(|(_, by)| matches!(by, FindBy::Mark(_)));
            waiting.extend([ids, marks].into_iter().filter(|part| !part.is_empty()));
            waiting.extend(keys.into_iter().map(|one| vec![one]));
        }
        self.find_parts(object, waiting, lookups)
    }

    /// Asks for one part after the other, then goes on with the next object.
    fn find_parts(self, object: String, mut waiting: Vec<Wanted>, mut lookups: Lookups) -> Next {
        let Some(wanted) = waiting.pop() else { return self.find_next(lookups) };
        let request = self.find_request(&object, &wanted);
        Next::ask(request.repeatable(), move |answer| {
            let found = match self.answers.json(&object, answer) {
                Ok(json) => self.found(&object, &json),
                // an owner that is not there; anything else with this word was asked at a wrong address
                Err(Outcome::Gone { .. }) if object == "user" && is_own_word(answer) => Ok(vec![]),
                Err(Outcome::Gone { detail }) => Err(odd(&detail)),
                Err(outcome) => Err(outcome),
            };
            let mark = self.link.mark_field(description(), &object).map(str::to_owned);
            lookups
                .settle(wanted, &found, |record, by| answers_to(description(), record, by, mark.as_deref()));
            self.find_parts(object, waiting, lookups)
        })
    }

    fn found(&self, object: &str, json: &Json) -> Result<Vec<RemoteRecord>, Outcome> {
        let one = std::slice::from_ref(json);
        let list = match json.get("results") {
            Some(results) => results.as_array().map(Vec::as_slice),
            None if object == "user" => Some(one),
            None => None,
        };
        let list = list.ok_or_else(|| odd("the answer is no list of results"))?;
        // of a partial answer only "there is none" may be missing
        let errors = json.get("errors").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        for error in errors {
            match self.answers.part(object, 400, Some(error), None) {
                Err(Outcome::Gone { .. }) => {}
                Err(outcome) => return Err(outcome),
                Ok(()) => return Err(odd("an error that says it worked")),
            }
        }
        let records: Option<Vec<RemoteRecord>> = list.iter().map(|json| record(object, json)).collect();
        records.ok_or_else(|| odd("what was found is no record"))
    }

    fn find_request(&self, object: &str, wanted: &Wanted) -> Request {
        let path = format!("/crm/v3/objects/{}", theirs(object).unwrap_or_default());
        let properties = self.properties(object);
        match wanted.first().map(|(_, by)| by) {
            Some(FindBy::Id(id)) if object == "user" => {
                Request::get(format!("/crm/v3/owners/{}", escaped(id)))
            }
            Some(FindBy::Keys(keys)) if object == "user" => {
                let email = keys.iter().find(|(kind, _)| kind == "email").map(|(_, value)| value.as_str());
                Request::get("/crm/v3/owners").with_query("email", email.unwrap_or_default())
            }
            Some(by @ FindBy::Keys(_)) => {
                let body = json!({
                    "filterGroups": groups(object, by), "sorts": [], "properties": properties, "limit": 100, "after": "0",
                });
                Request::json(Method::Post, format!("{path}/search"), body)
            }
            _ => {
                let id = |by: &FindBy| match by {
                    FindBy::Id(id) | FindBy::Mark(id) => json!({ "id": id }),
                    FindBy::Keys(_) => Json::Null,
                };
                let inputs: Vec<Json> = wanted.iter().map(|(_, by)| id(by)).collect();
                let mut body =
                    json!({ "inputs": inputs, "properties": properties, "propertiesWithHistory": [] });
                if wanted.iter().any(|(_, by)| matches!(by, FindBy::Mark(_))) {
                    body["idProperty"] = self.link.mark_field(description(), object).into();
                }
                Request::json(Method::Post, format!("{path}/batch/read"), body)
            }
        }
    }
}

/// The groups of filters of a look-up, any of which may hold.
fn groups(object: &str, by: &FindBy) -> Vec<Json> {
    let (Some(object), FindBy::Keys(keys)) = (description().object(object), by) else { return vec![] };
    let of =
        |wanted: &'static str| keys.iter().filter(move |(kind, _)| kind == wanted).map(|(_, value)| value);
    let phones: Vec<String> = of("phone").flat_map(|phone| spellings(phone)).take(12).collect();
    let emails: Vec<String> = of("email").map(|email| email.to_lowercase()).take(12).collect();
    let group = |field: &str, values: &[String]| json!({ "filters": [{ "propertyName": field, "operator": "IN", "values": values }] });
    let mut groups = Vec::new();
    for field in object.roles.emails.iter().filter(|_| !emails.is_empty()) {
        if field == "email" {
            groups.push(group(field, &emails));
        } else if let Some(first) = emails.first() {
            let filter = json!({ "propertyName": field, "operator": "CONTAINS_TOKEN", "value": first });
            groups.push(json!({ "filters": [filter] }));
        }
    }
    groups
        .extend(object.roles.phones.iter().filter(|_| !phones.is_empty()).map(|field| group(field, &phones)));
    groups.truncate(MOST_GROUPS);
    groups
}
