//! The MA's calls: contacts keyed by `ma_id`, and segments. What it pushes is in `push`.

use crate::api::{Answer, App, described, listed, receipt, record, searched};
use crate::batch::{Operation, carry_out};
use crate::draft::Purpose;
use crate::record::{Author, Cell};
use crate::refusal::Refusal;
use crate::schema::{Kind, pos};
use crate::serve::Locked;
use crate::take::{JsonObject, json_value, typed};
use crate::world::{Event, World};
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const KIND: Kind = Kind::MaContacts;

pub(crate) async fn describe(State(shared): App) -> Response {
    let object = shared.read(|world| described(world, KIND));
    json_value(StatusCode::OK, &json!({"objects": [object]}))
}

pub(crate) async fn list(State(shared): App, RawQuery(raw): RawQuery) -> Answer {
    listed(&shared, KIND, raw.as_deref())
}

pub(crate) async fn search(State(shared): App, RawQuery(raw): RawQuery) -> Answer {
    searched(&shared, KIND, raw.as_deref())
}

pub(crate) async fn get(State(shared): App, Path(ma_id): Path<String>) -> Answer {
    record(&shared, KIND, |world| world.by_mark(KIND, &ma_id))
}

pub(crate) async fn upsert(
    State(shared): App,
    Path(ma_id): Path<String>,
    JsonObject(map): JsonObject,
) -> Answer {
    receipt(&shared, |world| world.upsert(KIND, &ma_id, &map, Author::Api))
}

pub(crate) async fn delete(State(shared): App, Path(ma_id): Path<String>) -> Answer {
    shared.write(|world| {
        let row = world.by_mark(KIND, &ma_id)?;
        world.bury(KIND, row, None, Author::Api);
        Ok::<_, Refusal>(())
    })??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contacts {
    records: Vec<Value>,
}

pub(crate) async fn batch(
    State(shared): App,
    held: Option<Extension<Locked>>,
    JsonObject(map): JsonObject,
) -> Answer {
    let Contacts { records } = typed(map)?;
    carry_out(&shared, KIND, Operation::Upsert, records, held.is_some())
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Members {
    add: Vec<String>,
    remove: Vec<String>,
}

pub(crate) async fn change_members(
    State(shared): App,
    Path(segment): Path<String>,
    JsonObject(map): JsonObject,
) -> Answer {
    let Members { add, remove } = typed(map)?;
    crate::api::at_most_batch(add.len() + remove.len())?;
    let mut unknown = Vec::new();
    let (mut added, mut removed) = (0_u32, 0_u32);
    shared.write(|world| {
        for (ma_id, member) in add.iter().map(|id| (id, true)).chain(remove.iter().map(|id| (id, false))) {
            match world.by_mark(KIND, ma_id) {
                Ok(row) => {
                    let changed = u32::from(set_member(world, row, &segment, member)?);
                    if member { added += changed } else { removed += changed }
                }
                Err(_) => unknown.push(ma_id.clone()),
            }
        }
        Ok::<_, Refusal>(())
    })??;
    Ok(json_value(StatusCode::OK, &json!({"added": added, "removed": removed, "unknown": unknown})))
}

/// Whether membership changed.
fn set_member(world: &mut World, row: u32, segment: &str, member: bool) -> Result<bool, Refusal> {
    let mut segments = segments_of(world, row);
    if segments.iter().any(|name| name == segment) == member {
        return Ok(false);
    }
    if member {
        segments.push(segment.to_owned());
    } else {
        segments.retain(|name| name != segment);
    }
    let map = json!({"segments": segments});
    let Value::Object(map) = map else { return Ok(false) };
    let draft = crate::draft::read(world, KIND, &map, Purpose::Update)?;
    world.modify(KIND, row, draft.cells, Author::Api, Event::Updated);
    Ok(true)
}

fn segments_of(world: &World, row: u32) -> Vec<String> {
    match world.alive(KIND, row).map(|contact| contact.cell(pos::ma::SEGMENTS)) {
        Some(Cell::List(items)) => items.iter().map(|item| item.to_string()).collect(),
        _ => Vec::new(),
    }
}

pub(crate) async fn segments(State(shared): App) -> Response {
    let counted = shared.read(|world| {
        let mut counted: BTreeMap<String, u64> = BTreeMap::new();
        for (_, contact) in world.live_rows(KIND) {
            if let Cell::List(items) = contact.cell(pos::ma::SEGMENTS) {
                for item in items {
                    *counted.entry(item.to_string()).or_default() += 1;
                }
            }
        }
        counted
    });
    let list: Vec<Value> =
        counted.iter().map(|(name, members)| json!({"name": name, "members": members})).collect();
    json_value(StatusCode::OK, &json!({"segments": list}))
}
