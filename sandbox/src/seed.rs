//! Loading many records at once, past the rules: `POST /admin/seed`.

use crate::api::{Answer, App};
use crate::draft::{Draft, Purpose, read};
use crate::record::Author;
use crate::refusal::{FieldFault, Refusal};
use crate::schema::{Kind, Sort};
use crate::take::{JsonObject, json_value};
use crate::world::World;
use axum::extract::State;
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

pub(crate) async fn seed(State(shared): App, JsonObject(map): JsonObject) -> Answer {
    let lists = lists(map)?;
    let made = shared.write(|world| load(world, lists))??;
    Ok(json_value(StatusCode::OK, &Value::Object(made)))
}

fn lists(map: Map<String, Value>) -> Result<BTreeMap<Kind, Vec<Value>>, Refusal> {
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
fn load(world: &mut World, mut lists: BTreeMap<Kind, Vec<Value>>) -> Result<Map<String, Value>, Refusal> {
    let before = world.mark_place();
    let mut refs: BTreeMap<String, (Kind, u32)> = BTreeMap::new();
    let mut made = Map::new();
    for kind in ORDER {
        let Some(records) = lists.remove(&kind) else { continue };
        let mut ids = Vec::with_capacity(records.len());
        for (number, record) in records.into_iter().enumerate() {
            match one(world, kind, record, &mut refs) {
                Ok(row) => ids.push(Value::from(kind.id(row))),
                Err(refusal) => {
                    world.back_to(&before);
                    return Err(refusal.with("object", kind.schema().name).with("record", number));
                }
            }
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
    resolve(kind, &mut map, refs)?;
    let draft: Draft = read(world, kind, &map, Purpose::Seed)?;
    let row = world.add(kind, draft, Author::Admin)?;
    if let Some(name) = name {
        refs.insert(name, (kind, row));
    }
    Ok(row)
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
