//! One call of a method of a model, in either protocol, and what its answer says.
//!
//! JSON-2 has a path for each method, real statuses and a bare value; JSON-RPC has one path, always 200, an envelope, and
//! wants database, user number and key in each body. Errors carry the same parts in both, so the manifest's rules read both.

use leadloop_connector_api::answers::{Answers, at, odd};
use leadloop_connector_api::chain::Next;
use leadloop_connector_api::http::{Method, Request};
use leadloop_connector_api::{Answer, Link};
use leadloop_sync_core::outbox::Outcome;
use leadloop_sync_core::time::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Map, Value as Json, json};

/// What every conversation with one link needs.
#[derive(Clone)]
pub(super) struct Talk {
    pub(super) answers: Answers,
    pub(super) link: Link,
    /// Whether JSON-2 is spoken.
    pub(super) newer: bool,
    /// The number of our user there, where known.
    pub(super) uid: Option<i64>,
    /// What Odoo's clock showed at the last answer.
    pub(super) clock: Option<Timestamp>,
}

/// A method call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    model: String,
    method: &'static str,
    ids: Option<Vec<i64>>,
    /// What JSON-RPC takes by its place: with it alone a create reads its own result there.
    values: Option<(&'static str, Json)>,
    arguments: Map<String, Json>,
    repeatable: bool,
}

impl Call {
    /// A call that only reads.
    pub(super) fn of(model: &str, method: &'static str) -> Self {
        Self {
            model: model.to_owned(),
            method,
            ids: None,
            values: None,
            arguments: Map::new(),
            repeatable: true,
        }
    }

    pub(super) fn with(mut self, name: &str, value: Json) -> Self {
        self.arguments.insert(name.to_owned(), value);
        self
    }

    /// The values to write.
    pub(super) fn writing(mut self, name: &'static str, values: Json) -> Self {
        self.values = Some((name, values));
        self
    }

    pub(super) fn on(mut self, id: i64) -> Self {
        self.ids = Some(vec![id]);
        self
    }

    /// It must not be repeated unasked.
    pub(super) fn once(mut self) -> Self {
        self.repeatable = false;
        self
    }
}

impl Talk {
    pub(super) fn new(answers: Answers, link: Link) -> Self {
        let newer = link.text("api") != Some("jsonrpc");
        let uid = link.int("user_id").filter(|_| !newer);
        Self { answers, link, newer, uid, clock: None }
    }

    /// Goes on once we are somebody: JSON-2 needs no step for that, JSON-RPC asks for our number unless it is set.
    pub(super) fn login(self, count: usize, then: impl FnOnce(Talk) -> Next + Send + 'static) -> Next {
        if self.newer || self.uid.is_some() {
            return then(self);
        }
        let arguments = json!([self.database(), self.link.text("login"), self.key(), {}]);
        let request = rpc("common", "authenticate", &arguments).repeatable();
        Next::ask(request, move |answer| {
            let no = |outcome: Outcome| Next::Done(vec![outcome; count]);
            match self.rpc_result("user", answer) {
                Err(outcome) => no(outcome),
                Ok(Json::Bool(false)) => {
                    no(Outcome::Unauthorized { detail: "login, key or database is wrong".to_owned() })
                }
                Ok(json) => match json.as_i64() {
                    Some(uid) => then(Talk { uid: Some(uid), ..self }),
                    None => no(odd("the login answers with no user number")),
                },
            }
        })
    }

    /// Makes a call and goes on with its value.
    pub(super) fn ask(
        self,
        call: Call,
        object: &str,
        then: impl FnOnce(Talk, Result<Json, Outcome>) -> Next + Send + 'static,
    ) -> Next {
        let object = object.to_owned();
        Next::ask(self.request(call), move |answer| {
            let talk = Talk { clock: answer.date(), ..self };
            let said = if talk.newer {
                talk.json2_result(&object, answer)
            } else {
                talk.rpc_result(&object, answer)
            };
            then(talk, said)
        })
    }

    /// Records of a model, as a list whatever the protocol calls it.
    pub(super) fn search(
        self,
        model: &str,
        (domain, order, limit): (Json, &str, u32),
        (object, fields): (&str, &[String]),
        then: impl FnOnce(Talk, Result<Vec<Json>, Outcome>) -> Next + Send + 'static,
    ) -> Next {
        let call = if self.newer {
            // its answer has a frame, so that nothing else can be taken for an empty list
            let named = |field: &String| {
                let shown = super::read::is_reference(object, field);
                (field.clone(), if shown { json!({ "fields": { "display_name": {} } }) } else { json!({}) })
            };
            Call::of(model, "web_search_read")
                .with("specification", Json::Object(fields.iter().map(named).collect()))
        } else {
            Call::of(model, "search_read").with("fields", json!(fields))
        };
        let call = call.with("domain", domain).with("order", order.into()).with("limit", limit.into());
        let newer = self.newer;
        self.ask(call, object, move |talk, said| {
            let list = said.and_then(|json| {
                let list =
                    if newer { json.get("length").and_then(|_| json.get("records")) } else { Some(&json) };
                list.and_then(Json::as_array).cloned().ok_or_else(|| odd("the answer is no list of records"))
            });
            then(talk, list)
        })
    }

    fn request(&self, call: Call) -> Request {
        let Call { model, method, ids, values, mut arguments, repeatable } = call;
        arguments.insert("context".to_owned(), self.context());
        let request = if self.newer {
            if let Some(ids) = ids {
                arguments.insert("ids".to_owned(), json!(ids));
            }
            if let Some((name, values)) = values {
                arguments.insert(name.to_owned(), values);
            }
            let body = Json::Object(arguments);
            let mut request = Request::json(Method::Post, format!("/json/2/{model}/{method}"), body);
            if let Some(database) = self.database() {
                request.headers.push(("x-odoo-database".to_owned(), database.to_owned()));
            }
            request
        } else {
            let mut by_place: Vec<Json> = ids.map(|ids| json!(ids)).into_iter().collect();
            by_place.extend(values.map(|(_, values)| values));
            let all = json!([self.database(), self.uid, self.key(), model, method, by_place, arguments]);
            rpc("object", "execute_kw", &all)
        };
        if repeatable { request.repeatable() } else { request }
    }

    /// Archived records are seen (lost leads are), texts come in one language, we follow nothing.
    fn context(&self) -> Json {
        let mut context = json!({ "active_test": false, "lang": "en_US", "mail_create_nosubscribe": true });
        if let Some(company) = self.link.int("company") {
            context["allowed_company_ids"] = json!([company]);
        }
        context
    }

    fn database(&self) -> Option<&str> {
        self.link.text("database")
    }

    fn key(&self) -> &str {
        self.link.secret("api_key").map_or("", |key| key.expose_secret())
    }

    fn json2_result(&self, object: &str, answer: &Answer) -> Result<Json, Outcome> {
        let said = self.answers.json(object, answer);
        said.map_err(|outcome| told(outcome, answer.json().as_ref()))
    }

    fn rpc_result(&self, object: &str, answer: &Answer) -> Result<Json, Outcome> {
        let json = self.answers.json(object, answer)?;
        if let Some(error) = json.get("error") {
            let parts = error.get("data").unwrap_or(error);
            // 500: what no rule of the manifest knows is the system's illness
            return match self.answers.part(object, 500, Some(parts), None) {
                Err(outcome) => Err(told(outcome, Some(parts))),
                Ok(()) => Err(odd("an error that says it worked")),
            };
        }
        if json.get("jsonrpc").and_then(Json::as_str) != Some("2.0")
            || json.get("id").and_then(Json::as_i64) != Some(1)
        {
            return Err(odd("the answer is none to our call"));
        }
        // a method that returns nothing leaves the result out
        Ok(json.get("result").cloned().unwrap_or(Json::Null))
    }
}

fn rpc(service: &str, method: &str, arguments: &Json) -> Request {
    let params = json!({ "service": service, "method": method, "args": arguments });
    let body = json!({ "jsonrpc": "2.0", "method": "call", "id": 1, "params": params });
    Request::json(Method::Post, "/jsonrpc", body)
}

/// An outcome with what Odoo's words say beyond its codes: which field was refused, and that a 404 of anybody else is
/// no word about a record.
fn told(outcome: Outcome, parts: Option<&Json>) -> Outcome {
    match outcome {
        Outcome::Gone { detail }
            if parts.and_then(|parts| at(parts, "name")).and_then(Json::as_str)
                != Some("odoo.exceptions.MissingError") =>
        {
            odd(&detail)
        }
        Outcome::Rejected { field: None, code, detail } => {
            Outcome::Rejected { field: refused_field(&detail), code, detail: detail.trim().to_owned() }
        }
        other => other,
    }
}

/// The field of a refusal, as Odoo words it: `Invalid field 'x' in …`, `… for the field 'Label' (x).`, `Wrong value for
/// crm.lead.x: …`.
fn refused_field(detail: &str) -> Option<String> {
    let between = |start: &str, end: &str| {
        let rest = detail.split_once(start)?.1;
        Some(rest.split_once(end)?.0.to_owned())
    };
    between("Invalid field '", "'")
        .or_else(|| {
            between("required value for the field '", ")")
                .and_then(|it| Some(it.rsplit_once('(')?.1.to_owned()))
        })
        .or_else(|| between("Wrong value for ", ":").and_then(|it| Some(it.rsplit_once('.')?.1.to_owned())))
        .filter(|field| !field.is_empty() && field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::refused_field;

    #[test]
    fn the_refused_field_is_named() {
        for (detail, field) in [
            ("Invalid field 'nope' in 'crm.lead'", Some("nope")),
            (
                "The operation cannot be completed: Missing required value for the field 'Opportunity' (name).\nModel: 'Lead'",
                Some("name"),
            ),
            ("Wrong value for crm.lead.type: 'zzz'", Some("type")),
            ("A lead in a Won stage cannot be lost.", None),
            ("Invalid field '", None),
            ("Wrong value for ", None),
        ] {
            assert_eq!(refused_field(detail).as_deref(), field, "{detail}");
        }
    }
}
