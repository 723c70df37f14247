//! Calls for whoever runs the sandbox: counts, tuning, faults, salespeople. Loading many records is in `seed`.

use crate::api::{Answer, App, converted, object, receipt};
use crate::faults::FaultSpec;
use crate::options::{MarkMode, Tuning};
use crate::record::Author;
use crate::refusal::Refusal;
use crate::schema::Kind;
use crate::shared::Shared;
use crate::start::{StartError, people};
use crate::take::{JsonObject, json_value, number, query, typed};
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(crate) async fn stats(State(shared): App) -> Response {
    let now = shared.clock.now();
    let (mut counted, used_today) = {
        let gate = shared.gate();
        (gate.counts.json(), gate.windows.used_today(now))
    };
    let (records, deleted, writes) = shared.read(|world| {
        let by_object = |pick: fn((usize, usize)) -> usize| -> Map<String, Value> {
            Kind::ALL
                .into_iter()
                .map(|kind| (kind.schema().name.to_owned(), pick(world.counts(kind)).into()))
                .collect()
        };
        (by_object(|counts| counts.0), by_object(|counts| counts.1), world.writes)
    });
    counted["seed"] = shared.options.seed.into();
    counted["server_time"] = now.into();
    counted["used_today"] = used_today.into();
    counted["records"] = records.into();
    counted["deleted"] = deleted.into();
    counted["writes"] = writes.into();
    counted["webhooks"] = shared.hooks.totals();
    json_value(StatusCode::OK, &counted)
}

pub(crate) async fn reset_stats(State(shared): App) -> Response {
    shared.gate().counts = crate::counts::Counts::default();
    StatusCode::NO_CONTENT.into_response()
}

pub(crate) async fn requests(State(shared): App, RawQuery(raw): RawQuery) -> Answer {
    let query = query(raw.as_deref(), &["limit"])?;
    let limit = number(&query, "limit", 100, 1..=1_000)?;
    let last = shared.gate().counts.last(usize::try_from(limit).unwrap_or(1));
    Ok(json_value(StatusCode::OK, &json!({"requests": last})))
}

pub(crate) async fn tuning(State(shared): App) -> Response {
    let tuning = shared.read(|world| world.tuning.clone());
    json_value(StatusCode::OK, &json!(tuning))
}

/// A member that is given replaces the old one whole.
pub(crate) async fn tune(State(shared): App, JsonObject(change): JsonObject) -> Answer {
    let mut wanted = json!(shared.read(|world| world.tuning.clone()));
    if let Some(members) = wanted.as_object_mut() {
        members.extend(change);
    }
    let tuning: Tuning =
        serde_json::from_value(wanted.clone()).map_err(|error| Refusal::bad_request(error.to_string()))?;
    if let Some(fault) = tuning.fault() {
        return Err(Refusal::bad_request(fault));
    }
    let for_gate = tuning.clone();
    shared.write(|world| {
        if tuning.mark == MarkMode::Unique && world.tuning.mark != MarkMode::Unique {
            world.check_marks_differ()?;
        }
        world.tuning = tuning;
        Ok::<_, Refusal>(())
    })??;
    shared.gate().tune(&for_gate);
    Ok(json_value(StatusCode::OK, &wanted))
}

pub(crate) async fn expire_tokens(State(shared): App) -> Response {
    shared.gate().expire_tokens();
    StatusCode::NO_CONTENT.into_response()
}

pub(crate) async fn add_fault(State(shared): App, JsonObject(map): JsonObject) -> Answer {
    let spec: FaultSpec = typed(map)?;
    let id = shared.gate().faults.add(spec)?;
    Ok(json_value(StatusCode::CREATED, &json!({"id": id})))
}

pub(crate) async fn list_faults(State(shared): App) -> Response {
    let listed = json!({"faults": shared.gate().faults.list(), "seed": shared.options.seed});
    json_value(StatusCode::OK, &listed)
}

pub(crate) async fn clear_faults(State(shared): App) -> Response {
    shared.gate().faults.clear();
    StatusCode::NO_CONTENT.into_response()
}

pub(crate) async fn remove_fault(State(shared): App, Path(id): Path<String>) -> Answer {
    if shared.gate().faults.remove(&id) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(Refusal::not_found("there is no such fault; it may have done its work"))
}

/// Change a salesperson.
pub(crate) async fn patch_user(
    State(shared): App,
    Path(id): Path<String>,
    JsonObject(map): JsonObject,
) -> Answer {
    receipt(&shared, |world| world.update(Kind::Users, &id, &map, Author::Admin))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SalesWrite {
    object: String,
    id: Option<String>,
    create: Option<Map<String, Value>>,
    set: Option<Map<String, Value>>,
    #[serde(default)]
    delete: bool,
    merge_into: Option<String>,
    convert: Option<Map<String, Value>>,
}

/// One write as a salesperson would make it in the CRM.
pub(crate) async fn sales(State(shared): App, JsonObject(map): JsonObject) -> Answer {
    let wanted: SalesWrite = typed(map)?;
    let kind = object(&wanted.object)?;
    if let Some(map) = wanted.create {
        return receipt(&shared, |world| world.create(kind, &map, Author::Sales));
    }
    let id = wanted.id.ok_or_else(|| Refusal::bad_request("id is needed"))?;
    match (wanted.set, wanted.delete, wanted.merge_into, wanted.convert) {
        (Some(map), false, None, None) => {
            receipt(&shared, |world| world.update(kind, &id, &map, Author::Sales))
        }
        (None, true, None, None) => {
            shared.write(|world| world.delete(kind, &id, Author::Sales))??;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        (None, false, Some(winner), None) => {
            receipt(&shared, |world| world.merge(kind, &winner, &[id.as_str()], Author::Sales))
        }
        (None, false, None, Some(map)) if kind == Kind::Leads => converted(&shared, &id, map, Author::Sales),
        _ => {
            Err(Refusal::bad_request("name exactly one of create, set, delete, merge_into, convert (leads)"))
        }
    }
}

pub(crate) async fn reset(State(shared): App) -> Answer {
    shared.gate().reset(shared.options.seed);
    forget(&shared)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// An empty store with the salespeople of the start.
fn forget(shared: &Shared) -> Result<(), Refusal> {
    shared.write(|world| {
        world.forget_all()?;
        let broken = |error: StartError| Refusal::new(500, "internal", error.to_string());
        people(world, &shared.options).map_err(broken)
    })?
}
