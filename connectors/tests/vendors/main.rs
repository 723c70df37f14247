//! Vendors' errors, row by row as their sheets list them, and every request to HubSpot against its published OpenAPI.
#![expect(clippy::disallowed_methods, reason = "the test reads fixtures and the published API")]
#![expect(clippy::unwrap_used, reason = "a test without its files has to fail")]

mod openapi;

use std::collections::BTreeMap;

use leadloop_connector_api::{Answer, Link, Step};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome};
use leadloop_sync_core::time::{Micros, Timestamp};
use secrecy::SecretString;
use serde_json::{Value as Json, json};

/// One row: what is answered, and what that means.
struct Row(u16, Json, &'static str);

fn link(settings: &[(&str, &str)]) -> Link {
    Link {
        name: "sales".into(),
        settings: settings.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect(),
        secrets: BTreeMap::from([("token".to_owned(), SecretString::from("fixture"))]),
        wants: leadloop_connector_api::Wants::default(),
        told: None,
    }
}

fn create() -> Operation {
    let record = Record::new().with("name", "测试甲").with("Name", "Test").with("companyName", "示例");
    Operation::Create { object: "lead".into(), record, mark: "h-1".into() }
}

fn update(id: &str) -> Operation {
    let remote = RemoteRef { link: "sales".into(), object: "lead".into(), id: id.into() };
    Operation::Update { remote, record: Record::new().with("status", 3) }
}

/// What comes of an operation whose every request is answered so.
fn outcome(connector: &str, operation: &Operation, row: &Row) -> Outcome {
    let connector = leadloop_connectors::registry().get(connector).unwrap();
    let moment = &mut Moment::new(Timestamp(1_795_410_000_000_000), 1);
    let mut exchange = connector.exchange(&link(&[]), std::slice::from_ref(operation), moment).unwrap();
    let mut answer = Answer::with_body(row.0, "application/json", row.1.to_string());
    if row.0 == 477 {
        answer.headers.push(("retry-after".into(), "86400".into()));
    }
    let mut step = exchange.advance(None);
    loop {
        match step {
            Step::Done(mut outcomes) => return outcomes.remove(0),
            Step::Send(_) => step = exchange.advance(Some(&answer)),
        }
    }
}

fn meaning(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Throttled { quota: true, .. } => "quota",
        Outcome::Throttled { .. } => "throttled",
        Outcome::Unavailable { sent: true, .. } => "unavailable",
        Outcome::Unavailable { .. } => "busy",
        Outcome::Unauthorized { .. } => "unauthorized",
        Outcome::Conflict { same_mark: true, .. } => "same mark",
        Outcome::Conflict { .. } => "conflict",
        Outcome::Gone { .. } => "gone",
        Outcome::Rejected { .. } => "rejected",
    }
}

#[track_caller]
fn check(connector: &str, operation: &Operation, rows: &[Row]) {
    for row in rows {
        let outcome = outcome(connector, operation, row);
        assert_eq!(meaning(&outcome), row.2, "{connector}: {} {}: {outcome:?}", row.0, row.1);
    }
}

#[test]
fn errors_of_hubspot() {
    let said = |category: &str, message: &str| json!({"status": "error", "message": message, "correlationId": "c033cdaa", "category": category});
    let limit = |policy: &str| json!({"status": "error", "message": "limit", "errorType": "RATE_LIMIT", "correlationId": "c", "policyName": policy});
    check(
        "hubspot",
        &create(),
        &[
            Row(400, said("VALIDATION_ERROR", "Property values were not valid"), "rejected"),
            Row(400, said("VALIDATION_ERROR", "Duplicate IDs found in batch input"), "rejected"),
            Row(401, said("INVALID_AUTHENTICATION", "not found"), "unauthorized"),
            Row(401, said("EXPIRED_AUTHENTICATION", "expired"), "unauthorized"),
            Row(403, said("MISSING_SCOPES", "scopes"), "unauthorized"),
            Row(403, said("BANNED", "banned"), "unauthorized"),
            Row(409, said("CONFLICT", "Contact already exists. Existing ID: 1246965"), "conflict"),
            Row(409, said("CONFLICT", "Contact already exists."), "rejected"),
            Row(413, said("PAYLOAD_TOO_LARGE", "too large"), "rejected"),
            Row(414, said("URI_TOO_LONG", "too long"), "rejected"),
            Row(423, said("LOCKED", "locked"), "busy"),
            Row(429, limit("TEN_SECONDLY_ROLLING"), "throttled"),
            Row(429, limit("SECONDLY"), "throttled"),
            Row(429, limit("DAILY"), "quota"),
            Row(477, said("MIGRATION_IN_PROGRESS", "moving"), "throttled"),
            Row(500, json!({}), "unavailable"),
            Row(502, json!({}), "unavailable"),
            Row(503, json!({}), "unavailable"),
            Row(504, json!({}), "unavailable"),
            Row(521, json!({}), "unavailable"),
            Row(524, json!({}), "unavailable"),
        ],
    );
    check("hubspot", &update("7"), &[Row(404, said("OBJECT_NOT_FOUND", "resource not found"), "gone")]);
    let moving = outcome("hubspot", &create(), &Row(477, json!({}), ""));
    assert_eq!(
        moving,
        Outcome::Throttled { retry_after: Some(Micros::days(1)), quota: false },
        "as the header says"
    );
}

#[test]
fn errors_of_salesforce() {
    let top = |code: &str, message: &str| json!([{"errorCode": code, "message": message}]);
    check(
        "salesforce",
        &create(),
        &[
            Row(
                300,
                json!(["/services/data/v60.0/sobjects/Lead/00Q1", "/services/data/v60.0/sobjects/Lead/00Q2"]),
                "rejected",
            ),
            Row(401, top("INVALID_SESSION_ID", "Session expired or invalid"), "unauthorized"),
            Row(403, top("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), "quota"),
            Row(
                403,
                top("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
                "throttled",
            ),
            Row(403, top("API_DISABLED_FOR_ORG", "off"), "unauthorized"),
            Row(403, top("API_CURRENTLY_DISABLED", "off"), "unauthorized"),
            Row(403, top("INSUFFICIENT_ACCESS", "no"), "unauthorized"),
            Row(403, top("FUNCTIONALITY_NOT_ENABLED", "no"), "unauthorized"),
            Row(400, top("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"), "busy"),
            Row(400, top("JSON_PARSER_ERROR", "bad"), "rejected"),
            Row(405, top("METHOD_NOT_ALLOWED", "no"), "rejected"),
            Row(410, top("UNSUPPORTED_API_VERSION", "retired"), "rejected"),
            Row(412, top("PRECONDITION_FAILED", "changed"), "rejected"),
            Row(415, top("UNSUPPORTED_MEDIA_TYPE", "no"), "rejected"),
            Row(414, json!({}), "rejected"),
            Row(431, json!({}), "rejected"),
            Row(500, top("UNKNOWN_EXCEPTION", "?"), "unavailable"),
            Row(503, top("SERVER_UNAVAILABLE", "?"), "unavailable"),
        ],
    );
}

/// A result of a batch that was refused.
fn item(code: &str, message: &str) -> Row {
    let error = json!({"statusCode": code, "message": message, "fields": ["Email"]});
    Row(200, json!([{"success": false, "errors": [error]}]), "")
}

#[test]
fn errors_of_single_records_of_salesforce() {
    for code in [
        "REQUIRED_FIELD_MISSING",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "INVALID_FIELD",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "INVALID_EMAIL_ADDRESS",
        "STRING_TOO_LONG",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "MALFORMED_ID",
        "INVALID_CROSS_REFERENCE_KEY",
        "INACTIVE_OWNER_OR_USER",
        "OPERATION_WITH_INACTIVE_USER",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "APEX_ERROR",
        "CANNOT_EXECUTE_FLOW_TRIGGER",
    ] {
        let refused = outcome("salesforce", &create(), &item(code, "no"));
        let expected =
            Outcome::Rejected { field: Some("Email".into()), code: code.into(), detail: "no".into() };
        assert_eq!(refused, expected);
    }
    let locked = item(
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "trigger: UNABLE_TO_LOCK_ROW: unable to obtain exclusive access",
    );
    assert_eq!(meaning(&outcome("salesforce", &create(), &locked)), "busy");
    for (message, expected) in [
        (
            "duplicate value found: Leadloop_Id__c duplicates value on record with id: 00Q5g00000Same1",
            "same mark",
        ),
        ("duplicate value found: Tax__c duplicates value on record with id: 00Q5g00000Same1", "conflict"),
    ] {
        assert_eq!(meaning(&outcome("salesforce", &create(), &item("DUPLICATE_VALUE", message))), expected);
    }
    for spelled in ["duplicateResult", "duplicateResut"] {
        let found = json!({"matchResults": [{"matchRecords": [{"record": {"Id": "00Q5g00000Dup01"}}]}]});
        let mut error = json!({"statusCode": "DUPLICATES_DETECTED", "message": "Use one of these records?"});
        error[spelled] = found;
        let row = Row(200, json!([{"success": false, "errors": [error]}]), "");
        let remote = RemoteRef { link: "sales".into(), object: "lead".into(), id: "00Q5g00000Dup01".into() };
        assert_eq!(
            outcome("salesforce", &create(), &row),
            Outcome::Conflict { remote, same_mark: false },
            "{spelled}"
        );
    }
    for code in ["ENTITY_IS_DELETED", "CANNOT_UPDATE_CONVERTED_LEAD"] {
        assert_eq!(
            meaning(&outcome("salesforce", &update("00Q5g00000AbCdEFGH"), &item(code, "no"))),
            "gone",
            "{code}"
        );
    }
}

#[test]
fn nobody_owns_a_record_of_salesforce_only_where_a_queue_is_the_pool() {
    let record = Record::new().with("Name", "Test").with("OwnerId", Value::Null);
    let operation = Operation::Create { object: "lead".into(), record, mark: "h-1".into() };
    let refused = outcome("salesforce", &operation, &Row(200, json!([]), ""));
    assert!(matches!(refused, Outcome::Rejected { code, .. } if code == "no_pool_queue"), "nothing is sent");
}

#[test]
fn errors_of_neocrm() {
    let said = |code: Json, message: &str| json!({"code": code, "msg": message, "ext": [], "data": null});
    check(
        "neocrm",
        &update("3098765432101234"),
        &[
            Row(200, said("1020025".into(), "user frequency limit"), "throttled"),
            Row(200, said(1_020_025.into(), "user frequency limit"), "throttled"),
            Row(200, said("5000047".into(), "field data type mismatch"), "rejected"),
            Row(200, json!({"error_code": 20_000_002, "message": "token invalid"}), "unauthorized"),
            Row(401, json!({"error": "invalid_token"}), "unauthorized"),
            Row(429, json!({}), "throttled"),
            Row(500, json!({}), "unavailable"),
            Row(200, json!({"msg": "no code at all"}), "unavailable"),
            Row(404, json!({"error": "no such path"}), "unavailable"),
        ],
    );
}
