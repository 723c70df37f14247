//! Many records in one call, each with its own outcome.

use crate::api::{Answer, App, at_most_batch, object, writable};
use crate::record::{Author, write_text};
use crate::refusal::Refusal;
use crate::schema::Kind;
use crate::serve::{Locked, locked};
use crate::shared::Shared;
use crate::take::{JsonObject, json_bytes, typed};
use crate::world::{World, Written};
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    Create,
    Update,
    Upsert,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    operation: Operation,
    records: Vec<Value>,
}

pub(crate) async fn batch(
    State(shared): App,
    Path(name): Path<String>,
    held: Option<Extension<Locked>>,
    JsonObject(map): JsonObject,
) -> Answer {
    let kind = writable(&name)?;
    let Batch { operation, records } = typed(map)?;
    carry_out(&shared, kind, operation, records, held.is_some())
}

/// Carry out all records of a batch in order under one lock.
pub(crate) fn carry_out(
    shared: &Shared,
    kind: Kind,
    operation: Operation,
    records: Vec<Value>,
    some_locked: bool,
) -> Answer {
    at_most_batch(records.len())?;
    let mut out = Vec::with_capacity(64 + records.len() * 160);
    out.extend_from_slice(b"{\"results\":[");
    shared.write(|world| {
        if operation == Operation::Upsert {
            world.unique_mark(kind)?;
        }
        for (i, record) in records.into_iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            let mark = mark_of(kind, &record);
            let outcome = match record {
                _ if some_locked && i % 2 == 1 => Err(locked()),
                Value::Object(map) => one(world, kind, operation, map),
                _ => Err(Refusal::new(400, "bad_json", "a record is a JSON object")),
            };
            write_outcome(&mut out, world, outcome, mark.as_deref());
        }
        Ok::<_, Refusal>(())
    })??;
    out.extend_from_slice(b"]}");
    Ok(json_bytes(StatusCode::OK, out))
}

fn mark_of(kind: Kind, record: &Value) -> Option<String> {
    let field = kind.schema().fields[kind.schema().mark?].name;
    Some(record.get(field)?.as_str()?.chars().take(64).collect())
}

fn one(
    world: &mut World,
    kind: Kind,
    operation: Operation,
    mut map: Map<String, Value>,
) -> Result<Written, Refusal> {
    match operation {
        Operation::Create => world.create(kind, &map, Author::Api),
        Operation::Update => {
            let id = map.shift_remove("id");
            let id = id.as_ref().and_then(Value::as_str);
            world.update(
                kind,
                id.ok_or_else(|| Refusal::bad_request("a record of an update needs its id"))?,
                &map,
                Author::Api,
            )
        }
        Operation::Upsert => {
            let field = kind.schema().fields[world.unique_mark(kind)?].name;
            let mark = map.get(field).and_then(Value::as_str).filter(|mark| !mark.is_empty());
            let mark =
                mark.ok_or_else(|| Refusal::bad_request(format!("a record of an upsert needs {field}")))?;
            world.upsert(kind, mark, &map, Author::Api)
        }
    }
}

fn write_outcome(out: &mut Vec<u8>, world: &World, outcome: Result<Written, Refusal>, mark: Option<&str>) {
    match outcome {
        Ok(written) => {
            out.extend_from_slice(if written.created { b"{\"status\":201," } else { b"{\"status\":200," });
            world.write_receipt(out, written);
        }
        Err(refusal) => {
            out.extend_from_slice(
                format!("{{\"status\":{},\"error\":{}", refusal.status, refusal.error()).as_bytes(),
            );
            if let Some(mark) = mark {
                out.extend_from_slice(b",\"mark\":");
                write_text(out, mark);
            }
        }
    }
    out.push(b'}');
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GetMany {
    ids: Vec<String>,
}

pub(crate) async fn get_many(
    State(shared): App,
    Path(name): Path<String>,
    JsonObject(map): JsonObject,
) -> Answer {
    let kind = object(&name)?;
    let GetMany { ids } = typed(map)?;
    at_most_batch(ids.len())?;
    let mut out = Vec::with_capacity(64 + ids.len() * 768);
    out.extend_from_slice(b"{\"results\":[");
    shared.read(|world| {
        for (i, id) in ids.iter().enumerate() {
            out.extend_from_slice(if i > 0 { b",{\"id\":" } else { b"{\"id\":" });
            write_text(&mut out, id);
            match world.existing_row(kind, id) {
                Ok(row) => {
                    out.extend_from_slice(b",\"record\":");
                    world.write_record(&mut out, kind, row);
                }
                Err(refusal) => {
                    out.extend_from_slice(b",\"error\":");
                    out.extend_from_slice(refusal.error().to_string().as_bytes());
                }
            }
            out.push(b'}');
        }
    });
    out.extend_from_slice(b"]}");
    Ok(json_bytes(StatusCode::OK, out))
}
