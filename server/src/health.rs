//! Is it alive, and how is it: for load balancers and for people.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::node::Node;
use crate::trouble::NOT_STORED;

/// `GET /healthz`: 200 while the store answers and takes writes.
pub async fn healthz(State(node): State<Arc<Node>>) -> Response {
    if node.trouble.detail().is_some() {
        let said = json!({ "ok": false, "code": NOT_STORED });
        return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(said)).into_response();
    }
    match node.store.clock().await {
        Ok(_) => axum::Json(json!({ "ok": true })).into_response(),
        Err(error) => {
            tracing::warn!(%error, "the health check failed");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                axum::Json(json!({ "ok": false, "code": error.code().unwrap_or("LL1010") })),
            )
                .into_response()
        }
    }
}

/// `GET /status`: queues, parked work, alarms and freshness; numbers only, no personal data.
pub async fn status(State(node): State<Arc<Node>>) -> Response {
    match node.store.status(node.clock.now()).await {
        Ok(status) => axum::Json(status).into_response(),
        Err(error) => {
            (StatusCode::SERVICE_UNAVAILABLE, axum::Json(json!({ "code": error.code().unwrap_or("LL1010") })))
                .into_response()
        }
    }
}
