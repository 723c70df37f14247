//! Loading many records at once, past the rules: `POST /admin/seed`.

use crate::api::{Answer, App};
use crate::draft::{Draft, Purpose, read};
use crate::record::{Author, Cell};
use crate::refusal::{FieldFault, Refusal};
use crate::schema::{Kind, Sort};
use crate::take::{JsonObject, json_value, query};
use crate::world::World;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most records of one call.
const MOST: usize = 50_000;

/// Owners and parents come before what belongs to them.
const ORDER: [Kind; 7] = [
    Kind::Users,
    Kind::Accounts,
    Kind::Leads,
    Kind::Contacts,
    Kind::Opportunities,
    Kind::Activities,
    Kind::MaContacts,
];

pub(crate) async fn seed(State(shared): App, RawQuery(raw): RawQuery, JsonObject(map): JsonObject) -> Answer {
    let query = query(raw.as_deref(), &["fresh"])?;
    let fresh = match query.get("fresh").map(String::as_str) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Refusal::bad_request("fresh is true or false")),
    };
    let lists = lists(map)?;
    let made = shared.write(|world| {
        if fresh {
            world.forget_all()?;
        }
        load(world, lists)
    })??;
    Ok(json_value(StatusCode::OK, &Value::Object(made)))
}

/// Records by object, as a seed names them.
pub(crate) type Lists = BTreeMap<Kind, Vec<Value>>;

/// Take a seed apart.
pub(crate) fn lists(map: Map<String, Value>) -> Result<Lists, Refusal> {
    let mut lists = BTreeMap::new();
    let mut total = 0;
    for (name, value) in map {
        let kind = Kind::named(&name);
        let (Some(kind), Value::Array(records)) = (kind, value) else {
            return Err(Refusal::bad_request(format!(
                "{name}: a list of records of a known object is needed"
            )));
        };
        total += records.len();
        lists.insert(kind, records);
    }
    if total > MOST {
        return Err(Refusal::bad_request(format!("{total} records, at most {MOST} are allowed in one call")));
    }
    Ok(lists)
}

/// Load all or nothing: what was loaded before a bad record is taken out again.
pub(crate) fn load(world: &mut World, lists: Lists) -> Result<Map<String, Value>, Refusal> {
    let before = world.mark_place();
    for kind in Kind::ALL {
        world.planned[kind as usize] = before[kind as usize] + lists.get(&kind).map_or(0, Vec::len);
    }
    let told = world.news.len();
    let made = load_all(world, lists);
    // What is loaded was there before anybody listened.
    world.news.truncate(told);
    world.planned = [0; Kind::ALL.len()];
    if made.is_err() {
        world.back_to(&before);
    }
    made
}

fn load_all(world: &mut World, mut lists: Lists) -> Result<Map<String, Value>, Refusal> {
    let mut refs: BTreeMap<String, (Kind, u32)> = BTreeMap::new();
    let mut made = Map::new();
    for kind in ORDER {
        let Some(records) = lists.remove(&kind) else { continue };
        let mut ids = Vec::with_capacity(records.len());
        for (number, record) in records.into_iter().enumerate() {
            let row = one(world, kind, record, &mut refs)
                .map_err(|refusal| refusal.with("object", kind.schema().name).with("record", number))?;
            ids.push(Value::from(kind.id(row)));
        }
        made.insert(kind.schema().name.to_owned(), Value::Array(ids));
    }
    Ok(made)
}

fn one(
    world: &mut World,
    kind: Kind,
    record: Value,
    refs: &mut BTreeMap<String, (Kind, u32)>,
) -> Result<u32, Refusal> {
    let Value::Object(mut map) = record else {
        return Err(Refusal::bad_request("a record is a JSON object"));
    };
    let name = map.shift_remove("ref").and_then(|name| name.as_str().map(str::to_owned));
    let idle = map.shift_remove("idle_days");
    resolve(kind, &mut map, refs)?;
    let mut draft: Draft = read(world, kind, &map, Purpose::Seed)?;
    if let Some(idle) = idle {
        count_back(world, kind, &mut draft, &idle)?;
    }
    let row = world.add(kind, draft, Author::Admin)?;
    let wanted = map.get("id").and_then(Value::as_str);
    if let Some(wanted) = wanted.filter(|wanted| *wanted != kind.id(row)) {
        let message = format!("this record is {}, not {wanted}", kind.id(row));
        return Err(Refusal::fields(vec![FieldFault::new("id", "wrong_id", message)]));
    }
    if let Some(name) = name {
        refs.insert(name, (kind, row));
    }
    Ok(row)
}

/// `idle_days`: the last activity was that many days ago, and the record is at least as old.
fn count_back(world: &World, kind: Kind, draft: &mut Draft, idle: &Value) -> Result<(), Refusal> {
    let position = kind.schema().position("last_activity_at");
    let days = idle.as_i64().filter(|days| (0..=36_500).contains(days));
    let (Some(position), Some(days)) = (position, days) else {
        let message = "days from 0 to 36500, for objects with a last activity";
        return Err(Refusal::fields(vec![FieldFault::new("idle_days", "out_of_range", message)]));
    };
    let at = world.clock.now() - days * 86_400_000_000;
    if draft.cell(position).is_none() {
        draft.cells.push((position, Cell::Int(at)));
    }
    draft.created_at = draft.created_at.or(Some(at));
    Ok(())
}

/// Load a seed file into a new store.
pub(crate) fn load_file(world: &mut World, path: &std::path::Path) -> Result<(), String> {
    let wrong = |why: String| format!("{}: {why}", path.display());
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let map: Map<String, Value> = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    let refused = |refusal: Refusal| wrong(refusal.error().to_string());
    load(world, lists(map).map_err(refused)?).map(drop).map_err(refused)
}

/// Put ids in place of `@name`.
fn resolve(
    kind: Kind,
    map: &mut Map<String, Value>,
    refs: &BTreeMap<String, (Kind, u32)>,
) -> Result<(), Refusal> {
    for field in kind.schema().fields {
        if !matches!(field.sort, Sort::Ref(_)) {
            continue;
        }
        let Some(value) = map.get_mut(field.name) else { continue };
        let Some(name) = value.as_str().and_then(|text| text.strip_prefix('@')) else { continue };
        let Some((of, row)) = refs.get(name) else {
            let message = format!("nothing before it has the ref {name:?}");
            return Err(Refusal::fields(vec![FieldFault::new(field.name, "unknown_reference", message)]));
        };
        *value = of.id(*row).into();
    }
    Ok(())
}
