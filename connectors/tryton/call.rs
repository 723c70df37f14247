//! One call of a method of a model, and what its answer says. Errors come with status 200 and a name; statuses are the
//! server's own troubles.

use leadloop_connector_api::answers::{Answers, odd};
use leadloop_connector_api::chain::Next;
use leadloop_connector_api::http::{Method, Request};
use leadloop_connector_api::{Answer, Link};
use leadloop_sync_core::outbox::Outcome;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value as Json, json};

/// What every conversation with one link needs.
#[derive(Clone)]
pub(super) struct Talk {
    answers: Answers,
    pub(super) link: Link,
    pub(super) now: Timestamp,
    /// What Tryton's clock showed at the first answer.
    pub(super) clock: Option<Timestamp>,
}

impl Talk {
    pub(super) fn new(answers: Answers, link: Link, now: Timestamp) -> Self {
        Self { answers, link, now, clock: None }
    }

    /// A call that only reads, or whose repetition does no harm.
    pub(super) fn ask(
        self,
        (model, method): (&str, &str),
        arguments: Vec<Json>,
        object: &str,
        then: impl FnOnce(Talk, Result<Json, Outcome>) -> Next + Send + 'static,
    ) -> Next {
        let request = self.request(model, method, arguments).repeatable();
        self.send(request, object, then)
    }

    /// A call that must not be repeated unasked.
    pub(super) fn ask_once(
        self,
        (model, method): (&str, &str),
        arguments: Vec<Json>,
        object: &str,
        then: impl FnOnce(Talk, Result<Json, Outcome>) -> Next + Send + 'static,
    ) -> Next {
        let request = self.request(model, method, arguments);
        self.send(request, object, then)
    }

    fn send(
        self,
        request: Request,
        object: &str,
        then: impl FnOnce(Talk, Result<Json, Outcome>) -> Next + Send + 'static,
    ) -> Next {
        let object = object.to_owned();
        Next::ask(request, move |answer| {
            let clock = self.clock.or(answer.date());
            let said = self.result(&object, answer);
            then(Talk { clock, ..self }, said)
        })
    }

    fn request(&self, model: &str, method: &str, mut arguments: Vec<Json>) -> Request {
        arguments.push(self.context());
        let database = self.link.text("database").unwrap_or_default();
        let path = format!("/{database}{}", self.link.text("path").unwrap_or("/"));
        let body = json!({ "id": 1, "method": format!("model.{model}.{method}"), "params": arguments });
        Request::json(Method::Post, path, body)
    }

    /// Inactive records are seen, words come in English, new records belong to the company.
    fn context(&self) -> Json {
        let company = self.company();
        json!({ "active_test": false, "language": "en", "company": company, "companies": [company] })
    }

    pub(super) fn company(&self) -> i64 {
        self.link.int("company").unwrap_or(1)
    }

    /// Whether it is of series 8 or later: its calls go to another path.
    pub(super) fn is_series_8(&self) -> bool {
        self.link.text("path") == Some("/rpc/")
    }

    fn result(&self, object: &str, answer: &Answer) -> Result<Json, Outcome> {
        let json = self.answers.json(object, answer)?;
        if json.get("id").and_then(Json::as_i64) != Some(1) {
            return Err(odd("the answer is none to our call"));
        }
        if let Some(error) = json.get("error") {
            return Err(refused(error));
        }
        json.get("result").cloned().ok_or_else(|| odd("the answer has neither a result nor an error"))
    }
}

/// What an error says: its name, and words that may stand in a list.
fn refused(error: &Json) -> Outcome {
    let name = error.get(0).and_then(Json::as_str).unwrap_or_default();
    let words =
        error.get(1).and_then(|words| words.as_str().or_else(|| words.get(0)?.as_str())).unwrap_or_default();
    let rejected = |field: Option<String>, code: &str| Outcome::Rejected {
        field,
        code: code.to_owned(),
        detail: words.chars().take(500).collect(),
    };
    match name {
        "UserError" if words.contains("that don't exist") => Outcome::Gone { detail: words.to_owned() },
        "UserError" => rejected(quoted(words, "field \""), "user_error"),
        "UserWarning" => rejected(None, "user_warning"),
        "ConcurrencyException" => Outcome::Unavailable { sent: false, detail: words.to_owned() },
        "LoginException" => {
            Outcome::Unauthorized { detail: "more than login and password is asked for".to_owned() }
        }
        // a field or model that is not there: the bare text of a failed look-up
        name if name.len() > 2 && name.starts_with('\'') && name.ends_with('\'') => {
            let field = name.trim_matches('\'').to_owned();
            let detail = format!("{field} is no field or model there");
            Outcome::Rejected { field: Some(field), code: "unknown_name".to_owned(), detail }
        }
        name => odd(&format!("{name} {words}")),
    }
}

fn quoted(words: &str, before: &str) -> Option<String> {
    Some(words.split_once(before)?.1.split_once('"')?.0.to_owned())
}
