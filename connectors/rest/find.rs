//! Looking records up: by id, by our mark, by phone and e-mail. One call for each field and value, or for each field where the
//! API takes several values at once.

use leadloop_connector_api::Answer;
use leadloop_connector_api::answers::{at, odd};
use leadloop_connector_api::exchange::{Exchange, Group, MOST_REQUESTS, grouped};
use leadloop_mapping::Value;
use leadloop_sync_core::mirror::{RemoteRecord, Roles};
use leadloop_sync_core::outbox::{FindBy, Operation, Outcome, Reply};
use serde_json::Value as Json;

use super::Talk;
use super::call::names_in;
use super::description::{Call, ObjectCalls};

impl Talk {
    pub(super) fn find(&self, operation: &Operation) -> Box<dyn Exchange> {
        let Operation::Find { object, by } = operation else { return grouped(vec![], vec![]) };
        let Some(calls) = self.api.objects.get(object) else { return self.unknown(object) };
        let groups = match by {
            FindBy::Id(id) => self.by_id(object, calls, id),
            FindBy::Mark(mark) => {
                let field = self.link.mark_field(self.api.manifest, object).map(str::to_owned);
                let field = field.into_iter().map(|field| (field, vec![mark.clone()]));
                self.by_fields(object, calls, field.collect(), Some(mark))
            }
            FindBy::Keys(keys) => {
                let roles = self.api.manifest.object(object).map(|object| object.roles.clone());
                self.by_fields(object, calls, self.wanted(&roles.unwrap_or_default(), keys), None)
            }
        };
        // nothing to look for that this object has: nothing found
        let preset = groups.is_empty().then(|| Outcome::Done(Reply::Found(vec![])));
        grouped(vec![preset], groups)
    }

    /// The fields that are looked through, each with the values that are looked for.
    fn wanted(&self, roles: &Roles, keys: &[(String, String)]) -> Vec<(String, Vec<String>)> {
        let of = |kind: &'static str| -> Vec<String> {
            keys.iter().filter(|(known, _)| known == kind).map(|(_, value)| value.clone()).collect()
        };
        let phones: Vec<String> =
            of("phone").iter().flat_map(|phone| self.api.values.phones(phone)).collect();
        let (emails, codes) = (of("email"), of("credit_code"));
        let every = roles.phones.iter().map(|field| (field, &phones));
        let every = every.chain(roles.emails.iter().map(|field| (field, &emails)));
        let every = every.chain(roles.credit_code.iter().map(|field| (field, &codes)));
        every
            .filter(|(_, values)| !values.is_empty())
            .map(|(field, values)| (field.clone(), values.clone()))
            .collect()
    }

    fn by_id(&self, object: &str, calls: &ObjectCalls, id: &str) -> Vec<Group> {
        let Some(get) = &calls.get else {
            return self.by_fields(
                object,
                calls,
                vec![(calls.record.id().to_owned(), vec![id.to_owned()])],
                None,
            );
        };
        let request = self.scope(object).with("id", self.api.values.id(id)).request(get, &self.api.headers);
        let (talk, object, id) = (self.clone(), object.to_owned(), id.to_owned());
        let (shape, one) = (calls.record.clone(), get.one.clone().unwrap_or_default());
        let read = move |answer: &Answer| {
            vec![match talk.answers.json(&object, answer) {
                Ok(json) => match at(&json, &one).and_then(|json| shape.read(&object, json)) {
                    Some(record) if record.id == id => Outcome::Done(Reply::Found(vec![record])),
                    // some systems answer with the record that another was merged into
                    Some(record) => {
                        Outcome::Done(Reply::Found(vec![merged(&object, &id, record, &talk.roles(&object))]))
                    }
                    None => odd("what was found is no record"),
                },
                // only the system's own word counts as "there is none", not a 404 of whatever stands in between
                Err(Outcome::Gone { .. }) if talk.is_own_word(answer) => Outcome::Done(Reply::Found(vec![])),
                Err(Outcome::Gone { detail }) => odd(&detail),
                Err(outcome) => outcome,
            }]
        };
        vec![Group { request: request.repeatable(), members: vec![0], read: Box::new(read) }]
    }

    fn by_fields(
        &self,
        object: &str,
        calls: &ObjectCalls,
        wanted: Vec<(String, Vec<String>)>,
        mark: Option<&String>,
    ) -> Vec<Group> {
        let Some(find) = &calls.find else { return vec![] };
        let at_once = takes_several(find);
        let asked = wanted.into_iter().flat_map(|(field, values)| {
            let parts: Vec<Vec<String>> =
                if at_once { vec![values] } else { values.into_iter().map(|value| vec![value]).collect() };
            parts.into_iter().map(move |values| (field.clone(), values))
        });
        let groups = asked.map(|(field, values)| {
            let first = values.first().cloned().unwrap_or_default();
            let values: Vec<Json> = values.into_iter().map(Json::from).collect();
            let scope =
                self.scope(object).with("field", field.as_str()).with("value", first).with("values", values);
            let request = scope.request(find, &self.api.headers).repeatable();
            let (talk, object, calls) = (self.clone(), object.to_owned(), calls.clone());
            let marked = mark.map(|mark| (field, mark.clone()));
            let read = move |answer: &Answer| vec![talk.found(&object, &calls, marked.as_ref(), answer)];
            Group { request, members: vec![0], read: Box::new(read) as _ }
        });
        groups.take(MOST_REQUESTS).collect()
    }

    fn found(
        &self,
        object: &str,
        calls: &ObjectCalls,
        marked: Option<&(String, String)>,
        answer: &Answer,
    ) -> Outcome {
        let json = match self.answers.json(object, answer) {
            Ok(json) => json,
            // the path itself is not there: no record was looked for
            Err(Outcome::Gone { detail }) if !self.is_own_word(answer) => return odd(&detail),
            Err(Outcome::Gone { .. }) => return Outcome::Done(Reply::Found(vec![])),
            Err(outcome) => return outcome,
        };
        let path = calls.find.as_ref().and_then(|find| find.list.as_deref()).unwrap_or_default();
        let Some(list) = at(&json, path).and_then(Json::as_array) else {
            return odd("the answer has no list where the description says");
        };
        let records: Option<Vec<RemoteRecord>> =
            list.iter().map(|json| calls.record.read(object, json)).collect();
        let Some(mut records) = records else { return odd("what was found is no record") };
        if let Some((field, mark)) = marked {
            // a search that is not exact finds others too
            records.retain(|record| record.fields.get(field).map(Value::to_display).as_ref() == Some(mark));
        }
        Outcome::Done(Reply::Found(records))
    }
}

/// Whether a look-up takes several values at once.
fn takes_several(find: &Call) -> bool {
    let in_query = find.query.values().any(|text| names_in(text).any(|name| name.starts_with("values")));
    in_query || find.body.as_ref().is_some_and(|body| body.to_string().contains("{values"))
}

/// The tombstone of a record whose id is answered by another.
fn merged(object: &str, id: &str, winner: RemoteRecord, roles: &Roles) -> RemoteRecord {
    let mut fields = leadloop_mapping::Record::new();
    if let Some(field) = &roles.merged_into {
        fields.set(field.as_str(), winner.id);
    }
    RemoteRecord {
        object: object.to_owned(),
        id: id.to_owned(),
        fields,
        modified_at: winner.modified_at,
        deleted: true,
    }
}
