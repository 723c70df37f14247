//! Matches as the facts that transfer rules read: `crm.person.*`, `crm.company.*`, `crm.in_flight.*`, and their types.

use leadloop_mapping::expr::{SchemaBuilder, Type};
use serde_json::{Value as Json, json};

use super::{Follower, InFlight, Match, Matches};
use crate::ids::{LinkName, PersonKey};
use crate::lead::{RemoteRef, Stage};
use crate::mirror::OwnerState;

/// Declares the names below `crm.` with their types. What only a match has is present where `found` (for a company
/// also where `maybe`) is true.
#[must_use]
pub fn crm_schema(builder: SchemaBuilder) -> SchemaBuilder {
    let mut builder = builder;
    for group in ["crm.person", "crm.company"] {
        let at = |name: &str| format!("{group}.{name}");
        builder = builder
            .field(&at("found"), Type::bool())
            .field(&at("by"), Type::list(Type::text()))
            .field(&at("records"), Type::at_least(0))
            .field(&at("object"), Type::text().nullable())
            .field(&at("id"), Type::text().nullable())
            .field(&at("name"), Type::text().nullable())
            .field(&at("status"), Type::text().nullable())
            .field(&at("idle_days"), Type::at_least(0).nullable())
            .field(&at("open_opportunity"), Type::bool())
            .field(&at("customer"), Type::bool())
            .present_when(&at("idle_days"), &at("found"));
        builder = owner(builder, &at("owner"));
    }
    builder = builder
        .field("crm.person.stage", Type::picklist(Stage::ALL.map(Stage::as_str)).nullable())
        .present_when("crm.person.object", "crm.person.found")
        .present_when("crm.person.id", "crm.person.found")
        .field("crm.company.maybe", Type::bool())
        .field("crm.in_flight.count", Type::at_least(0));
    owner(builder, "crm.in_flight.owner")
}

fn owner(builder: SchemaBuilder, path: &str) -> SchemaBuilder {
    builder
        .field(&format!("{path}.state"), Type::picklist(["active", "on_leave", "left", "none"]))
        .field(&format!("{path}.person"), Type::text().nullable())
        .field(&format!("{path}.user"), Type::text().nullable())
}

/// The group `crm` as JSON: what the rules see and what a decision record keeps.
#[must_use]
pub fn to_json(matches: &Matches) -> Json {
    let mut person = known(&matches.person);
    person["stage"] = matches.person.stage.map(Stage::as_str).into();
    let mut company = known(&matches.company);
    company["maybe"] = matches.company.maybe.into();
    json!({ "person": person, "company": company, "in_flight": in_flight(&matches.in_flight) })
}

fn known(found: &Match) -> Json {
    json!({
        "found": found.found,
        "by": found.by,
        "records": found.records,
        "object": found.remote.as_ref().map(|remote| remote.object.as_str()),
        "id": found.remote.as_ref().map(|remote| remote.id.as_str()),
        "name": found.name,
        "status": found.status,
        "idle_days": found.idle_days,
        "open_opportunity": found.open_opportunity,
        "customer": found.customer,
        "owner": follower(&found.owner),
    })
}

fn in_flight(found: &InFlight) -> Json {
    json!({ "count": found.count, "owner": follower(&found.owner) })
}

fn follower(found: &Follower) -> Json {
    json!({
        "state": found.state.as_str(),
        "person": found.person.as_ref().map(|person| person.as_str()),
        "user": found.crm_user,
    })
}

/// The matches a decision saw, from the facts it kept ([`to_json`]): what rules and routes go by.
#[must_use]
pub fn from_json(link: &LinkName, crm: &Json) -> Matches {
    let mut person = read(link, &crm["person"]);
    person.stage = crm["person"]["stage"].as_str().and_then(Stage::parse);
    let mut company = read(link, &crm["company"]);
    company.maybe = crm["company"]["maybe"].as_bool().unwrap_or(false);
    let flight = &crm["in_flight"];
    let count = flight["count"].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    let in_flight = InFlight { count, owner: read_owner(&flight["owner"]) };
    Matches { person, company, in_flight, mirror_age: Default::default() }
}

fn read(link: &LinkName, found: &Json) -> Match {
    let text = |name: &str| found[name].as_str().map(str::to_owned);
    let remote = text("object").zip(text("id"));
    Match {
        found: found["found"].as_bool().unwrap_or(false),
        by: found["by"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|by| by.as_str().map(str::to_owned))
            .collect(),
        remote: remote.map(|(object, id)| RemoteRef { link: link.clone(), object, id }),
        name: text("name"),
        owner: read_owner(&found["owner"]),
        idle_days: found["idle_days"].as_i64(),
        open_opportunity: found["open_opportunity"].as_bool().unwrap_or(false),
        customer: found["customer"].as_bool().unwrap_or(false),
        status: text("status"),
        records: found["records"].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(0),
        ..Match::default()
    }
}

fn read_owner(owner: &Json) -> Follower {
    let text = |name: &str| owner[name].as_str().map(str::to_owned);
    let states = [OwnerState::Active, OwnerState::OnLeave, OwnerState::Left, OwnerState::None];
    let state = states.into_iter().find(|state| Some(state.as_str()) == owner["state"].as_str());
    Follower {
        state: state.unwrap_or(OwnerState::None),
        person: text("person").map(PersonKey),
        crm_user: text("user"),
    }
}
