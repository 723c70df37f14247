//! The CRM's calls on single records, lists and search. Batches are in `batch`, the MA's calls in `ma`.

use crate::options::MarkMode;
use crate::record::{Author, write_text};
use crate::refusal::Refusal;
use crate::schema::{Kind, describe};
use crate::shared::Shared;
use crate::take::{BATCH, JsonObject, json_bytes, json_value, number, query};
use crate::world::{Opportunity, Page, World, Written};
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(crate) type Answer = Result<Response, Refusal>;
pub(crate) type App = State<Arc<Shared>>;

/// Most records of one page.
pub(crate) const PAGE: i64 = 500;

/// An object of the CRM by its path segment.
pub(crate) fn object(name: &str) -> Result<Kind, Refusal> {
    Kind::named(name).filter(|kind| *kind != Kind::MaContacts).ok_or_else(|| {
        Refusal::not_found(format!("there is no object {:?}", name.chars().take(40).collect::<String>()))
    })
}

/// An object that the API may write.
pub(crate) fn writable(name: &str) -> Result<Kind, Refusal> {
    let kind = object(name)?;
    if kind.schema().api_writable {
        return Ok(kind);
    }
    Err(Refusal::new(403, "read_only_object", format!("{} cannot be written by the API", kind.schema().name)))
}

pub(crate) async fn whoami(State(shared): App) -> Response {
    let tuning = shared.read(|world| world.tuning.clone());
    json_value(
        StatusCode::OK,
        &json!({
            "product": "leadloop-sandbox", "version": env!("CARGO_PKG_VERSION"),
            "client_id": shared.options.client_id, "server_time": shared.clock.now(), "mark": tuning.mark,
            "duplicate_rule": tuning.duplicate_rule, "search_lag_ms": tuning.search_lag_ms, "batch_max": BATCH,
            "page_max": PAGE, "limits": tuning.limits,
        }),
    )
}

pub(crate) fn described(world: &World, kind: Kind) -> Value {
    let unique = world.tuning.mark == MarkMode::Unique;
    describe(kind, world.shows_mark(), unique, &world.tuning.required, &world.tuning.hidden)
}

pub(crate) async fn describe_all(State(shared): App) -> Response {
    let crm = Kind::ALL.into_iter().filter(|kind| *kind != Kind::MaContacts);
    let objects: Vec<Value> = shared.read(|world| crm.map(|kind| described(world, kind)).collect());
    json_value(StatusCode::OK, &json!({"objects": objects}))
}

pub(crate) async fn describe_one(State(shared): App, Path(name): Path<String>) -> Answer {
    let kind = object(&name)?;
    Ok(json_value(StatusCode::OK, &shared.read(|world| described(world, kind))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewField {
    name: String,
    #[serde(rename = "type")]
    sort: String,
    max: Option<u32>,
    #[serde(default)]
    unique: bool,
}

/// The one field an API client may make is the mark.
pub(crate) async fn make_field(
    State(shared): App,
    Path(name): Path<String>,
    JsonObject(map): JsonObject,
) -> Answer {
    let kind = writable(&name)?;
    let field: NewField = crate::take::typed(map)?;
    let fits = field.name == "leadloop_id" && field.sort == "text" && field.max.is_none_or(|max| max <= 64);
    if !fits || kind.schema().mark.is_none() {
        let message = "only leadloop_id, a text of at most 64 characters, can be made";
        return Err(Refusal::new(403, "field_not_allowed", message));
    }
    let wanted = if field.unique { MarkMode::Unique } else { MarkMode::Plain };
    let changed = shared.write(|world| match (world.tuning.mark, wanted) {
        (MarkMode::Unique, _) | (MarkMode::Plain, MarkMode::Plain) => Ok(false),
        _ => {
            if wanted == MarkMode::Unique {
                world.check_marks_differ()?;
            }
            world.tuning.mark = wanted;
            Ok::<_, Refusal>(true)
        }
    })??;
    let unique = shared.read(|world| world.tuning.mark == MarkMode::Unique);
    let status = if changed { StatusCode::CREATED } else { StatusCode::OK };
    Ok(json_value(status, &json!({"name": "leadloop_id", "unique": unique})))
}

pub(crate) async fn get(State(shared): App, Path((name, id)): Path<(String, String)>) -> Answer {
    let kind = object(&name)?;
    record(&shared, kind, |world| world.existing_row(kind, &id))
}

pub(crate) async fn get_by_mark(State(shared): App, Path((name, mark)): Path<(String, String)>) -> Answer {
    let kind = object(&name)?;
    record(&shared, kind, |world| world.by_mark(kind, &mark))
}

/// 200 with one record.
pub(crate) fn record(
    shared: &Shared,
    kind: Kind,
    find: impl FnOnce(&World) -> Result<u32, Refusal>,
) -> Answer {
    let mut out = Vec::with_capacity(1024);
    shared.read(|world| find(world).map(|row| world.write_record(&mut out, kind, row)))?;
    Ok(json_bytes(StatusCode::OK, out))
}

pub(crate) async fn create(
    State(shared): App,
    Path(name): Path<String>,
    JsonObject(map): JsonObject,
) -> Answer {
    let kind = writable(&name)?;
    receipt(&shared, |world| world.create(kind, &map, Author::Api))
}

pub(crate) async fn update(
    State(shared): App,
    Path((name, id)): Path<(String, String)>,
    JsonObject(map): JsonObject,
) -> Answer {
    let kind = writable(&name)?;
    receipt(&shared, |world| world.update(kind, &id, &map, Author::Api))
}

pub(crate) async fn upsert(
    State(shared): App,
    Path((name, mark)): Path<(String, String)>,
    JsonObject(map): JsonObject,
) -> Answer {
    let kind = writable(&name)?;
    receipt(&shared, |world| world.upsert(kind, &mark, &map, Author::Api))
}

/// Carry out one write and answer with its receipt.
pub(crate) fn receipt(
    shared: &Shared,
    change: impl FnOnce(&mut World) -> Result<Written, Refusal>,
) -> Answer {
    let mut out = Vec::with_capacity(160);
    out.push(b'{');
    let created = shared.write(|world| {
        let written = change(world)?;
        world.write_receipt(&mut out, written);
        Ok::<_, Refusal>(written.created)
    })??;
    out.push(b'}');
    Ok(json_bytes(if created { StatusCode::CREATED } else { StatusCode::OK }, out))
}

pub(crate) async fn delete(State(shared): App, Path((name, id)): Path<(String, String)>) -> Answer {
    let kind = writable(&name)?;
    shared.write(|world| world.delete(kind, &id, Author::Api))??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn count(State(shared): App, Path(name): Path<String>) -> Answer {
    let kind = object(&name)?;
    let (count, deleted) = shared.read(|world| world.counts(kind));
    Ok(json_value(StatusCode::OK, &json!({"count": count, "deleted": deleted})))
}

pub(crate) async fn list(State(shared): App, Path(name): Path<String>, RawQuery(raw): RawQuery) -> Answer {
    listed(&shared, object(&name)?, raw.as_deref())
}

/// One page of what changed.
pub(crate) fn listed(shared: &Shared, kind: Kind, raw: Option<&str>) -> Answer {
    let query = query(raw, &["modified_since", "cursor", "limit"])?;
    let limit = number(&query, "limit", 100, 1..=PAGE)?;
    let after = query.get("cursor").map(|text| cursor(text)).transpose()?;
    let page = Page {
        since: number(&query, "modified_since", 0, 0..=i64::MAX)?,
        after,
        limit: usize::try_from(limit).unwrap_or(1),
    };
    let mut out = Vec::with_capacity(64 * 1024);
    out.extend_from_slice(b"{\"records\":[");
    shared.read(|world| {
        let (rows, more) = world.changed(kind, page);
        for (i, row) in rows.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            world.write_record(&mut out, kind, *row);
        }
        out.extend_from_slice(b"],\"next_cursor\":");
        match rows.last().filter(|_| more) {
            Some(last) => write_text(&mut out, &world.cursor(kind, *last)),
            None => out.extend_from_slice(b"null"),
        }
        if page.after.is_none() {
            out.extend_from_slice(format!(",\"total\":{}", world.changed_since(kind, page.since)).as_bytes());
        }
    });
    out.extend_from_slice(format!(",\"server_time\":{}}}", shared.clock.now()).as_bytes());
    Ok(json_bytes(StatusCode::OK, out))
}

fn cursor(text: &str) -> Result<(i64, u32), Refusal> {
    text.split_once('.')
        .and_then(|(at, row)| Some((at.parse().ok()?, row.parse().ok()?)))
        .ok_or_else(|| Refusal::bad_request("this cursor was not given here"))
}

pub(crate) async fn search(State(shared): App, Path(name): Path<String>, RawQuery(raw): RawQuery) -> Answer {
    searched(&shared, object(&name)?, raw.as_deref())
}

/// Search for one value of a field.
pub(crate) fn searched(shared: &Shared, kind: Kind, raw: Option<&str>) -> Answer {
    let query = query(raw, &["field", "value"])?;
    let (Some(field), Some(value)) = (query.get("field"), query.get("value")) else {
        return Err(Refusal::bad_request("field and value are needed"));
    };
    let mut out = Vec::with_capacity(1024);
    out.push(b'{');
    shared.read(|world| {
        let position = world.searchable(kind, field)?;
        write_found(&mut out, world, kind, &world.search(kind, position, value));
        Ok::<_, Refusal>(())
    })?;
    out.push(b'}');
    Ok(json_bytes(StatusCode::OK, out))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchMany {
    field: String,
    values: Vec<String>,
}

pub(crate) async fn search_many(
    State(shared): App,
    Path(name): Path<String>,
    JsonObject(map): JsonObject,
) -> Answer {
    searched_many(&shared, object(&name)?, map)
}

/// Search for many values of a field.
pub(crate) fn searched_many(shared: &Shared, kind: Kind, map: Map<String, Value>) -> Answer {
    let SearchMany { field, values } = crate::take::typed(map)?;
    at_most_batch(values.len())?;
    let mut out = Vec::with_capacity(16 * 1024);
    out.extend_from_slice(b"{\"results\":[");
    shared.read(|world| {
        let position = world.searchable(kind, &field)?;
        for (i, value) in values.iter().enumerate() {
            out.extend_from_slice(if i > 0 { b",{\"value\":" } else { b"{\"value\":" });
            write_text(&mut out, value);
            out.push(b',');
            write_found(&mut out, world, kind, &world.search(kind, position, value));
            out.push(b'}');
        }
        Ok::<_, Refusal>(())
    })?;
    out.extend_from_slice(b"]}");
    Ok(json_bytes(StatusCode::OK, out))
}

fn write_found(out: &mut Vec<u8>, world: &World, kind: Kind, rows: &[u32]) {
    out.extend_from_slice(b"\"records\":[");
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        world.write_record(out, kind, *row);
    }
    out.push(b']');
}

/// Refuse more than a batch may hold.
pub(crate) fn at_most_batch(many: usize) -> Result<(), Refusal> {
    if many <= BATCH {
        return Ok(());
    }
    Err(Refusal::bad_request(format!("{many} at once, at most {BATCH} are allowed")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Conversion {
    account_id: Option<String>,
    contact_id: Option<String>,
    opportunity: Option<Value>,
}

pub(crate) async fn convert(
    State(shared): App,
    Path((name, id)): Path<(String, String)>,
    JsonObject(map): JsonObject,
) -> Answer {
    if name != "leads" {
        return Err(Refusal::not_found("only leads can be converted"));
    }
    converted(&shared, &id, map, Author::Api)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedOpportunity {
    name: Option<String>,
    amount: Option<i64>,
}

/// Convert a lead and say what became of it.
pub(crate) fn converted(shared: &Shared, id: &str, map: Map<String, Value>, by: Author) -> Answer {
    let conversion: Conversion = crate::take::typed(map)?;
    let opportunity = match conversion.opportunity {
        Some(Value::Bool(false)) => None,
        None | Some(Value::Null | Value::Bool(true)) => Some(Opportunity::default()),
        Some(Value::Object(map)) => {
            let wanted: WantedOpportunity = crate::take::typed(map)?;
            Some(Opportunity { name: wanted.name, amount: wanted.amount })
        }
        Some(_) => return Err(Refusal::bad_request("opportunity must be an object or false")),
    };
    let done = shared.write(|world| {
        world.convert(id, conversion.account_id.as_deref(), conversion.contact_id.as_deref(), opportunity, by)
    })??;
    Ok(json_value(
        StatusCode::OK,
        &json!({
            "lead_id": Kind::Leads.id(done.lead),
            "account_id": done.account.map(|row| Kind::Accounts.id(row)),
            "contact_id": Kind::Contacts.id(done.contact),
            "opportunity_id": done.opportunity.map(|row| Kind::Opportunities.id(row)),
        }),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merging {
    winner: String,
    losers: Vec<String>,
}

pub(crate) async fn merge(
    State(shared): App,
    Path(name): Path<String>,
    JsonObject(map): JsonObject,
) -> Answer {
    let kind = writable(&name)?;
    let Merging { winner, losers } = crate::take::typed(map)?;
    if losers.is_empty() || losers.len() > 10 {
        return Err(Refusal::bad_request("name 1 to 10 losers"));
    }
    let losers: Vec<&str> = losers.iter().map(String::as_str).collect();
    receipt(&shared, |world| world.merge(kind, &winner, &losers, Author::Api))
}
