//! The sample data of the demo against the truth about it: what the live platform and the MA tell, in JSON.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::Record;
use leadloop_sync_core::capture::{DedupKey, RawLead};
use leadloop_sync_core::policy::SourcePolicy;
use serde_json::Value as Json;

use crate::rules;
use crate::world::World;

const LIVE: &str = include_str!("../../../samples/webhook.jsonl");
const MA: &str = include_str!("../../../samples/ma_contacts.jsonl");
const TRUTH: &str = include_str!("../../../samples/truth.json");

fn live_fields() -> Vec<(String, String)> {
    [
        ("viewer.profile.nickname", "name"),
        ("viewer.profile.mobile", "phone"),
        ("viewer.profile.mail", "email"),
        ("viewer.profile.company.name", "company"),
        ("viewer.profile.position", "title"),
        ("viewer.region.province", "province"),
        ("viewer.profile.company.size", "company.employees"),
        ("question", "requirement"),
        ("viewer.agreements.contact", "consent.transfer"),
        ("watch.minutes", "touch.minutes"),
        ("event_id", "touch.event_id"),
    ]
    .map(|(from, to)| (from.to_owned(), to.to_owned()))
    .to_vec()
}

/// Sends every line; how many were taken, quarantined, told twice.
fn send(world: &mut World, source: &str, lines: &str) -> (usize, usize, usize) {
    let (mut taken, mut quarantined, mut twice) = (0, 0, 0);
    let mut keys: BTreeSet<DedupKey> = BTreeSet::new();
    for line in lines.lines() {
        let json: Json = serde_json::from_str(line).expect("JSON");
        let fields = Record::flatten(&json, 200, 8).expect("a flat record");
        match world.read(source, &RawLead { fields, ..RawLead::default() }) {
            Ok(captured) => {
                let captured = captured.expect("kept");
                if keys.insert(captured.key.clone()) {
                    taken += 1;
                    world.take(&captured);
                } else {
                    twice += 1;
                }
            }
            Err(refused) => {
                assert_eq!(refused.code, "LL4001");
                quarantined += 1;
            }
        }
    }
    (taken, quarantined, twice)
}

#[test]
fn samples_give_the_people_that_the_truth_knows() {
    let truth: Json = serde_json::from_str(TRUTH).expect("JSON");
    let mut policy = rules::standard();
    let demand = vec![vec!["phone".to_owned(), "email".to_owned()]];
    for source in ["live", "nurturing"] {
        let known: &mut SourcePolicy = policy.sources.get_mut(source).expect("a source");
        known.require = demand.clone();
    }
    policy.sources.get_mut("live").expect("a source").fields = live_fields();
    let mut world = World::new(policy);

    let of = |source: &str, what: &str| {
        let count = truth["sources"][source][what].as_u64().expect("a count");
        usize::try_from(count).expect("small")
    };
    let (taken, quarantined, twice) = send(&mut world, "live", LIVE);
    assert_eq!((taken, twice), (of("live", "taken"), of("live", "duplicates")));
    assert_eq!(taken + quarantined + twice, of("live", "records"));
    assert_eq!(world.people().len(), of("live", "people"));
    let (taken, ..) = send(&mut world, "nurturing", MA);
    assert_eq!(taken, of("nurturing", "taken"));

    // Everybody who came through one of the two, once, with phone, address and consent as they are.
    let people = truth["people"].as_array().expect("people");
    let through = |person: &&Json| {
        person["sources"].as_array().expect("sources").iter().any(|s| s == "live" || s == "nurturing")
    };
    let expected: Vec<&Json> = people.iter().filter(through).collect();
    assert_eq!(world.people().len(), expected.len());
    let by_name: BTreeMap<&str, &Json> =
        expected.iter().map(|person| (person["name"].as_str().expect("a name"), *person)).collect();
    for lead in world.people() {
        let name = lead.text("name").expect("a name");
        let person = by_name.get(name).unwrap_or_else(|| panic!("nobody is called {name}"));
        for field in ["phone", "email"] {
            if let Some(known) = lead.text(field) {
                assert_eq!(Some(known), person[field].as_str(), "{field} of {name}");
            }
        }
        if person["consent"] == "refused" {
            assert!(lead.consent.get("transfer").is_none_or(|consent| !consent.given), "{name}");
        }
    }
    assert_eq!(world.suspects, [], "nobody is doubted");
}
