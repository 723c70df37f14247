//! Carries one statement to a database of others: the part of the wire that speaks SQL. The store does it; what comes back is
//! JSON under a status, so that a connector reads it like any other answer.

use std::time::Duration;

use leadloop_connector_api::{Answer, Request, Sql};
use leadloop_store::foreign::{self, Ask};

use crate::bounds;
use crate::wire::WireError;

/// Carries out a statement and waits at most `timeout`.
pub(crate) async fn carry_out(request: &Request, sql: &Sql, timeout: Duration) -> Result<Answer, WireError> {
    let ask = Ask {
        url: &request.url,
        text: &sql.text,
        values: &sql.values,
        writes: sql.writes,
        most_bytes: bounds::ANSWER_BYTES,
    };
    match foreign::carry_out(&ask, timeout).await {
        Ok(said) => Ok(Answer::with_body(said.status, "application/json", said.body.to_string())),
        Err(foreign::NoAnswer { sent, detail }) => Err(WireError { sent, detail }),
    }
}
