//! Ways to be wrong: the product stays as it is, and what it says or keeps is changed behind its back, so that each check
//! has something to find.

use std::path::Path;
use std::time::Duration;

use leadloop_connector_api::{Body, Method, Request};
use serde_json::{Value, json};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::wire::path_of;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// 1: what a capture became is forgotten.
    LosesCaptures,
    /// 2: a person is given to two of sales.
    GivesToTwo,
    /// 3: a record is made twice.
    SendsTwice,
    /// 4: what waits for what is before it does not wait, and every second one dawdles.
    AnyOrder,
    /// 5: the CRM is asked more often than it allows.
    AsksTooOften,
    /// 6: the clocks of hand-overs are forgotten.
    ForgetsClocks,
    /// 7: what is the CRM's is written over.
    OverwritesTheirs,
    /// 8: what was under way when a node stopped counts as done.
    ForgetsClaims,
    /// 9: dice that are not the seed's.
    LooksAtTheWorld,
}

impl Broken {
    /// What is said instead of a request, and besides it.
    pub(super) fn meddle(self, request: &mut Request) -> Vec<Request> {
        let path = path_of(&request.url);
        let Body::Json(body) = &mut request.body else { return Vec::new() };
        let creates = request.method == Method::Post
            && (path == "/api/v1/leads" || body["operation"] == "create" && path == "/api/v1/leads/batch");
        let updates = path.starts_with("/api/v1/leads")
            && (request.method == Method::Patch || body["operation"] == "update");
        match self {
            Broken::SendsTwice if creates => vec![request.clone()],
            Broken::GivesToTwo if creates => {
                let mut other = request.clone();
                if let Body::Json(body) = &mut other.body {
                    each(body, |record| {
                        let mark = format!("{}-2", record["leadloop_id"].as_str().unwrap_or_default());
                        let first = record["owner_id"] == "U1001";
                        record["leadloop_id"] = mark.into();
                        record["owner_id"] = if first { "U1002" } else { "U1001" }.into();
                    });
                }
                vec![other]
            }
            Broken::OverwritesTheirs if updates => {
                each(body, |record| record["title"] = json!("的"));
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// What is changed in the database: now and then, or where `stopped` when a node stopped.
    pub(super) fn tampers(self, stopped: bool) -> Option<&'static str> {
        match self {
            Broken::LosesCaptures => Some("DELETE FROM touch WHERE id = (SELECT min(id) FROM touch)"),
            Broken::AnyOrder => Some(
                "CREATE TRIGGER IF NOT EXISTS born AFTER INSERT ON delivery WHEN NEW.standing IS NULL \
                 BEGIN UPDATE delivery SET due_at = due_at + NEW.seq % 2 * 20000000, \
                    state = CASE state WHEN 'waiting' THEN 'due' ELSE state END WHERE seq = NEW.seq; END; \
                 CREATE TRIGGER IF NOT EXISTS told AFTER UPDATE OF state ON delivery WHEN NEW.state = 'waiting' \
                 BEGIN UPDATE delivery SET state = 'due' WHERE seq = NEW.seq; END",
            ),
            Broken::ForgetsClocks => Some("DELETE FROM deadline"),
            Broken::ForgetsClaims if stopped => Some(
                "UPDATE delivery SET state = 'settled', settled_at = 0 WHERE state = 'claimed' AND standing IS NULL",
            ),
            _ => None,
        }
    }
}

fn each(body: &mut Value, change: impl Fn(&mut Value)) {
    match body.get_mut("records").and_then(Value::as_array_mut) {
        Some(records) => records.iter_mut().for_each(change),
        None => change(body),
    }
}

/// The database itself, past the store.
pub(super) async fn open(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::ZERO);
    SqliteConnection::connect_with(&options).await.expect("the file is there")
}

/// Changes the database; not while a node has the writer.
pub(super) async fn change(file: &Path, statement: &'static str) -> bool {
    let mut database = open(file).await;
    let changed = sqlx::raw_sql(statement).execute(&mut database).await;
    database.close().await.expect("it closes");
    match changed {
        Ok(_) => true,
        Err(sqlx::Error::Database(error)) if error.message().contains("locked") => false,
        Err(error) => panic!("{statement}: {error}"),
    }
}
