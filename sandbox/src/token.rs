//! `/oauth/token`: client credentials, as RFC 6749 has them.

use crate::api::App;
use crate::refusal::{AnsweredCode, Refusal};
use crate::shared::Shared;
use crate::take::json_value;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::IpAddr;

pub(crate) async fn token(State(shared): App, headers: HeaderMap, body: Body) -> Response {
    let Ok(bytes) = to_bytes(body, 16 << 10).await else { return refuse(400, "invalid_request") };
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&bytes).into_owned().collect();
    let Some(grant) = form.get("grant_type") else { return refuse(400, "invalid_request") };
    if grant != "client_credentials" {
        return refuse(400, "unsupported_grant_type");
    }
    let in_body = form.get("client_id").cloned().zip(form.get("client_secret").cloned());
    let Some((id, secret)) = in_body.or_else(|| basic(&headers)) else {
        return refuse(401, "invalid_client");
    };
    let given = shared.gate().give_token(&id, &secret);
    match given {
        Some((token, ttl)) => json_value(
            StatusCode::OK,
            &json!({"access_token": token, "token_type": "Bearer", "expires_in": ttl}),
        ),
        None => refuse(401, "invalid_client"),
    }
}

/// User and password of HTTP Basic.
pub(crate) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, coded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(coded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Whether admin calls and the page are open to this request.
pub(crate) fn may_administer(shared: &Shared, path: &str, headers: &HeaderMap) -> Result<(), Box<Response>> {
    let Some(key) = shared.options.admin_key.as_deref().filter(|key| !key.is_empty()) else {
        return if is_local(headers) { Ok(()) } else { Err(Box::new(foreign().into_response())) };
    };
    let same = |given: &str| verify_slices_are_equal(given.as_bytes(), key.as_bytes()).is_ok();
    let by_header = headers.get("x-admin-key").and_then(|value| value.to_str().ok()).is_some_and(same);
    if by_header || basic(headers).is_some_and(|(_, password)| same(&password)) {
        return Ok(());
    }
    let mut response =
        Refusal::new(401, "admin_key", "this call needs the admin key (X-Admin-Key)").into_response();
    if !path.starts_with("/admin/") {
        let challenge = HeaderValue::from_static("Basic realm=\"leadloop sandbox\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    Err(Box::new(response))
}

fn foreign() -> Refusal {
    Refusal::new(403, "foreign_page", "without an admin key only this machine may call, and no web page")
}

/// Without a key the loopback address is the guard. A web page of somebody else, open in a browser on this machine,
/// could pass it: such requests carry an origin, or a host name that merely resolves to loopback.
fn is_local(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("localhost");
    let name =
        host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let loopback = bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    (loopback || name.eq_ignore_ascii_case("localhost")) && !headers.contains_key(header::ORIGIN)
}

fn refuse(status: u16, code: &'static str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = json_value(status, &json!({"error": code}));
    response.extensions_mut().insert(AnsweredCode(code));
    response
}
