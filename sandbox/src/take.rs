//! Reading requests: bodies and queries, with the sandbox's own refusals.

use crate::refusal::Refusal;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Largest body of an API call.
const BODY: usize = 4 << 20;
/// Largest body of an admin call (seeds).
const ADMIN_BODY: usize = 64 << 20;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most records of a batch, values of a search, ids of a get.
pub(crate) const BATCH: usize = 200;

/// A body that is a JSON object.
pub(crate) struct JsonObject(pub(crate) Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let admin = request.uri().path().starts_with("/admin/");
        let most = if admin { ADMIN_BODY } else { BODY };
        let announced = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > most) {
            return Err(too_large(most));
        }
        let reading = tokio::time::timeout(PATIENCE, to_bytes(request.into_body(), most)).await;
        let bytes = match reading {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) if is_too_long(&error) => return Err(too_large(most)),
            _ => return Err(Refusal::new(400, "bad_json", "the body did not come to its end")),
        };
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Refusal::new(400, "bad_json", format!("the body is not a JSON object: {error}")))
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|inner| inner.is::<http_body_util::LengthLimitError>())
}

fn too_large(most: usize) -> Refusal {
    Refusal::new(413, "too_large", format!("the body is larger than {most} bytes"))
}

/// A member of a body as a type of ours.
pub(crate) fn typed<T: DeserializeOwned>(map: Map<String, Value>) -> Result<T, Refusal> {
    serde_json::from_value(Value::Object(map)).map_err(|error| Refusal::bad_request(error.to_string()))
}

/// The query parameters; unknown ones are refused, so that a typo does not read everything.
pub(crate) fn query(raw: Option<&str>, known: &[&str]) -> Result<BTreeMap<String, String>, Refusal> {
    let mut found = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
        if !known.contains(&name.as_ref()) {
            let short: String = name.chars().take(40).collect();
            return Err(Refusal::bad_request(format!(
                "unknown query parameter {short:?}; known: {}",
                known.join(", ")
            )));
        }
        found.insert(name.into_owned(), value.into_owned());
    }
    Ok(found)
}

/// A number of the query within bounds.
pub(crate) fn number(
    query: &BTreeMap<String, String>,
    name: &str,
    default: i64,
    bounds: std::ops::RangeInclusive<i64>,
) -> Result<i64, Refusal> {
    let Some(text) = query.get(name) else { return Ok(default) };
    text.parse().ok().filter(|number| bounds.contains(number)).ok_or_else(|| {
        Refusal::bad_request(format!("{name} must be from {} to {}", bounds.start(), bounds.end()))
    })
}

/// A JSON answer from bytes.
pub(crate) fn json_bytes(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A JSON answer from a value.
pub(crate) fn json_value(status: StatusCode, body: &Value) -> Response {
    json_bytes(status, body.to_string().into_bytes())
}
