//! How the sandbox says no: one body for every refusal, with a stable code.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// A refused request or record.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Members beside `code` and `message`.
    pub(crate) more: Vec<(&'static str, Value)>,
}

/// The code of a refusal, left in the response for the counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnsweredCode(pub(crate) &'static str);

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), more: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "bad_request", message)
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(404, "not_found", what)
    }

    /// 422 with all fields that are not acceptable.
    pub(crate) fn fields(fields: Vec<FieldFault>) -> Self {
        let many = fields.len();
        let noun = if many == 1 { "1 field is not acceptable" } else { "fields are not acceptable" };
        let message = if many == 1 { noun.to_owned() } else { format!("{many} {noun}") };
        let list: Vec<Value> = fields.into_iter().map(FieldFault::into_json).collect();
        Self::new(422, "validation", message).with("fields", list)
    }

    /// The `error` object.
    pub(crate) fn error(&self) -> Value {
        let mut error = Map::new();
        error.insert("code".to_owned(), self.code.into());
        error.insert("message".to_owned(), self.message.clone().into());
        for (name, value) in &self.more {
            error.insert((*name).to_owned(), value.clone());
        }
        Value::Object(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": self.error()}).to_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let retry = self.more.iter().find(|(name, _)| *name == "retry_after").and_then(|(_, v)| v.as_u64());
        if let Some(secs) = retry {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response.extensions_mut().insert(AnsweredCode(self.code));
        response
    }
}

/// One field that is not acceptable.
#[derive(Clone, Debug)]
pub(crate) struct FieldFault {
    field: String,
    code: &'static str,
    message: String,
    more: Vec<(&'static str, Value)>,
}

impl FieldFault {
    pub(crate) fn new(field: &str, code: &'static str, message: impl Into<String>) -> Self {
        // A field name comes from the client: keep what is echoed short.
        Self { field: field.chars().take(80).collect(), code, message: message.into(), more: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    pub(crate) fn names(&self, field: &str) -> bool {
        self.field == field
    }

    fn into_json(self) -> Value {
        let mut fault = json!({"field": self.field, "code": self.code, "message": self.message});
        if let Some(members) = fault.as_object_mut() {
            members.extend(self.more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        fault
    }
}
