//! Runs `cases/pool/absorb.toml`: what several records make of the people they are about. And what no table says well.

use std::collections::BTreeMap;

use leadloop_sync_core::because::Language;
use leadloop_sync_core::capture::{CaptureEnd, Identifier};
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::lead::{Lead, Stage};
use leadloop_sync_core::outbox::Operation;
use leadloop_sync_core::policy::Person;
use leadloop_sync_core::score;
use leadloop_sync_core::time::Micros;
use toml::{Table, Value as Toml};

use crate::read::{lead_of, raw, value};
use crate::rules;
use crate::world::{World, time};

fn play(case: &Table) -> World {
    let mut world = World::new(rules::standard());
    for step in case["when"].as_array().expect("a list of steps") {
        let step = step.as_table().expect("a table");
        let text = |key: &str| step.get(key).and_then(Toml::as_str);
        if let Some(now) = text("now") {
            world.pass(time(now));
        }
        if !["fields", "link", "unlink"].iter().any(|key| step.contains_key(*key)) {
            continue;
        }
        let source = text("source").unwrap_or("website");
        let captured = world
            .read(source, &raw(step))
            .unwrap_or_else(|refused| panic!("{}: {}", refused.code, refused.detail))
            .expect("kept");
        world.take(&captured);
    }
    world
}

fn differences(world: &World, expect: &Table) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut same = |what: &str, seen: Toml, expected: &Toml| {
        if seen != *expected {
            wrong.push(format!("{what}: {seen} instead of {expected}"));
        }
    };
    for (key, expected) in expect {
        match key.as_str() {
            "people" => same(key, count(world.people().len()), expected),
            "suspects" => {
                let whys = world.suspects.iter().map(|suspect| Toml::String(suspect.reason.clone()));
                same(key, Toml::Array(whys.collect()), expected);
            }
            "reasons" => {
                for code in expected.as_array().expect("codes").iter().filter_map(Toml::as_str) {
                    let there = world.reasons.iter().any(|reason| reason.code == code);
                    same(code, Toml::Boolean(there), &Toml::Boolean(true));
                }
            }
            who => {
                let lead = lead_of(world, who);
                for (what, expected) in expected.as_table().expect("what is expected of a lead") {
                    same(&format!("{who}: {what}"), of_lead(world, lead, what, expected), expected);
                }
            }
        }
    }
    wrong
}

fn count(number: usize) -> Toml {
    Toml::Integer(i64::try_from(number).expect("small"))
}

/// What is asked of a lead, in the form of the expectation.
fn of_lead(world: &World, lead: &Lead, what: &str, expected: &Toml) -> Toml {
    let text = |text: Option<&str>| Toml::String(text.unwrap_or("").to_owned());
    let table = |name: &dyn Fn(&str) -> Toml| {
        let asked = expected.as_table().expect("a table").keys();
        Toml::Table(asked.map(|key| (key.clone(), name(key))).collect())
    };
    match what {
        "same_as" => {
            let other = lead_of(world, expected.as_str().expect("who"));
            if other.id == lead.id { expected.clone() } else { Toml::Boolean(false) }
        }
        "other_than" => {
            let other = lead_of(world, expected.as_str().expect("who"));
            if other.id == lead.id { Toml::Boolean(false) } else { expected.clone() }
        }
        "stage" => Toml::String(lead.stage.as_str().to_owned()),
        "mql" => Toml::Boolean(lead.mql),
        "touches" => {
            assert_eq!(world.timeline(lead).len(), usize::try_from(lead.touches).expect("small"));
            count(world.timeline(lead).len())
        }
        "channel" => text(Some(&lead.origin.channel)),
        "campaign" => text(lead.origin.campaign.as_deref()),
        "track" => text(lead.track.as_deref()),
        "tags" => Toml::Array(lead.tags.iter().cloned().map(Toml::String).collect()),
        "identifiers" => count(lead.identifiers.len()),
        "fields" => table(&|name| {
            let asked = expected.get(name).expect("asked for");
            if lead.field(name).cloned().unwrap_or_default() == value(asked) {
                asked.clone()
            } else {
                Toml::String(format!("{:?}", lead.field(name)))
            }
        }),
        "score" => table(&|name| {
            Toml::Integer(*score::all(lead, &world.policy, world.now).get(name).expect("a model"))
        }),
        "consent" => table(&|purpose| {
            text(Some(match lead.consent.get(purpose) {
                Some(consent) if consent.given => "given",
                Some(_) => "refused",
                None => "unknown",
            }))
        }),
        other => panic!("nothing of a lead is called `{other}`"),
    }
}

#[test]
fn people_are_as_the_cases_say() {
    let file: Table = include_str!("../cases/pool/absorb.toml").parse().expect("the file is TOML");
    let cases = file["case"].as_array().expect("a list of cases");
    assert!(cases.len() >= 30, "only {} cases were read", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let case = case.as_table().expect("a table");
        let name = case["name"].as_str().expect("a name");
        let world = play(case);
        let expect = case["then"].as_table().expect("an expectation");
        wrong.extend(differences(&world, expect).iter().map(|text| format!("{name}: {text}")));
        for reason in &world.reasons {
            assert!(!reason.say(Language::En).contains('–'), "{name}: {}", reason.say(Language::En));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_merge_moves_nothing_and_old_ids_resolve() {
    let mut world = World::new(rules::standard());
    world.tell("live", &[("phone", "13900001111")]);
    world.now = world.now + Micros::days(1);
    world.tell("live", &[("email", "jia@shili.example")]);
    let (old, young) =
        (world.lead("phone", "+8613900001111").id, world.lead("email", "jia@shili.example").id);
    assert_ne!(old, young);
    let reaction = world.tell("live", &[("phone", "13900001111"), ("email", "jia@shili.example")]);
    let edges: Vec<_> = reaction
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::PutLead(lead) if lead.merged_into.is_some() => Some((lead.id, lead.merged_into)),
            _ => None,
        })
        .collect();
    assert_eq!(edges, [(young, Some(old))]);
    assert_eq!(world.book.resolve(young).expect("it resolves").id, old);
    // The touch and the binding stay with the lead they were born to.
    let born: Vec<_> = world.touches.iter().map(|touch| touch.lead).collect();
    assert_eq!(born, [old, young, old]);
    let binding = &world.book.identifiers[&Identifier::new("email", "jia@shili.example")];
    assert_eq!(binding.lead, young);
    assert_eq!(world.lead("email", "jia@shili.example").touches, 3);
}

#[test]
fn bindings_keep_their_first_evidence() {
    let mut world = World::new(rules::standard());
    let first = world.now;
    world.tell("live", &[("phone", "13900001111")]);
    world.now = world.now + Micros::days(3);
    world.tell("fair", &[("phone", "13900001111")]);
    let binding = &world.book.identifiers[&Identifier::new("phone", "+8613900001111")];
    assert_eq!((binding.at, binding.last_at), (first, world.now));
    assert_eq!(binding.source.as_str(), "live");
}

#[test]
fn the_ma_hears_what_changed_in_order_and_is_quiet_while_sales_talk() {
    let mut world = World::new(rules::standard());
    world.tell("nurturing", &[("ma_id", "ma-1"), ("email", "jia@shili.example")]);
    assert!(world.told.is_empty(), "a raw lead is no news: {:?}", world.told);
    world.tell("website", &[("email", "jia@shili.example"), ("mobile", "13900001111"), ("tags", "MES")]);
    let Operation::Tell { id, record } = &world.told[0].operation else { panic!("not told") };
    assert_eq!(id, "ma-1");
    assert_eq!(record.text("stage"), Some("marketing"));
    assert!(record.get("quiet").is_none() && record.get("owner").is_none(), "{record:?}");
    let lead = world.lead("email", "jia@shili.example").clone();
    let mut moment = leadloop_sync_core::moment::Moment::new(world.now, 1);
    let mut with_sales = lead.clone();
    with_sales.stage = Stage::WithSales;
    with_sales.owner = Some(leadloop_sync_core::lead::Owner { person: None, crm_user: "U1001".to_owned() });
    let told = leadloop_sync_core::inform::changes(Some(&lead), &with_sales, &world.policy, &mut moment);
    let [Effect::Enqueue(delivery)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(delivery.stream, world.told[0].stream);
    let Operation::Tell { record, .. } = &delivery.operation else { panic!("not told") };
    assert_eq!(record.to_json(), serde_json::json!({"owner": "U1001", "quiet": true, "stage": "with_sales"}));
    // And back: what was taken away is told as nothing, not left out.
    let told = leadloop_sync_core::inform::changes(Some(&with_sales), &lead, &world.policy, &mut moment);
    let [Effect::Enqueue(delivery)] = told.as_slice() else { panic!("{told:?}") };
    let Operation::Tell { record, .. } = &delivery.operation else { panic!("not told") };
    assert_eq!(record.to_json(), serde_json::json!({"owner": null, "quiet": false, "stage": "marketing"}));
    assert!(leadloop_sync_core::inform::changes(Some(&lead), &lead, &world.policy, &mut moment).is_empty());
}

#[test]
fn tracks_come_with_the_days_without_a_nightly_run() {
    let mut world = World::new(rules::standard());
    let start = world.now;
    world.tell("fair", &[("phone", "13900001111")]);
    assert_eq!(world.deadlines.len(), 1, "one look ahead, however many rules there are");
    assert_eq!(world.deadlines[0].at, start + Micros::days(7));
    world.pass(start + Micros::days(6));
    assert_eq!(world.lead("phone", "+8613900001111").track, None);
    world.pass(start + Micros::days(8));
    assert_eq!(world.lead("phone", "+8613900001111").track.as_deref(), Some("nurture"));
    // The rules stand in order of their names: the first that holds is the one.
    world.pass(start + Micros::days(400));
    assert_eq!(world.lead("phone", "+8613900001111").track.as_deref(), Some("nurture"));
}

#[test]
fn a_capture_of_nobody_is_parked_and_changes_nothing() {
    let mut world = World::new(rules::standard());
    let raw = leadloop_sync_core::capture::RawLead {
        fields: crate::world::record(&[("phone", "13900001111")]),
        ..Default::default()
    };
    let mut captured = world.read("live", &raw).expect("taken").expect("kept");
    captured.who.clear();
    let reaction = world.take(&captured);
    assert!(matches!(&world.ends[..], [CaptureEnd::Parked { code, .. }] if code == "LL4003"));
    assert_eq!(reaction.effects.len(), 1);
}

#[test]
fn thousands_of_touches_keep_the_lead_small() {
    let mut world = World::new(rules::standard());
    world.tell("website", &[("mobile", "13900001111")]);
    let mut size = 0;
    for i in 0..2_000_i64 {
        world.now = world.now + Micros::hours(5);
        let text = i.to_string();
        world.tell(
            "live",
            &[("phone", "13900001111"), ("watch.minutes", &text), ("cookie", &format!("c-{i}"))],
        );
        if i == 1_499 {
            size = serde_json::to_string(world.lead("phone", "+8613900001111")).expect("JSON").len();
        }
    }
    let lead = world.lead("phone", "+8613900001111");
    assert_eq!(lead.touches, 2_001);
    let grown = serde_json::to_string(lead).expect("JSON").len();
    assert!(grown < 12_000, "{grown} bytes");
    assert!(grown < size + 200, "from {size} to {grown} bytes");
}

#[test]
fn whose_poster_brought_somebody_is_kept_where_it_is_one_of_our_people() {
    let mut policy = rules::standard();
    for key in ["li.na", "wang.wei"] {
        let person = Person {
            key: key.into(),
            name: key.to_owned(),
            crm_user: BTreeMap::new(),
            manager: None,
            deputy: None,
            addresses: BTreeMap::new(),
        };
        policy.people.insert(key.into(), person);
    }
    let mut world = World::new(policy);
    let told = |world: &mut World, fields: &[(&str, &str)]| {
        world.tell("fair", fields);
        world.lead("phone", "+8613900001111").text("poster").map(str::to_owned)
    };
    let poster =
        |world: &mut World, name: &str, key: &str| told(world, &[("phone", "13900001111"), (name, key)]);
    assert_eq!(poster(&mut world, "touch.by", "nobody.here"), None);
    assert_eq!(poster(&mut world, "touch.poster", "海报A"), None, "a name of a poster is nobody");
    assert_eq!(poster(&mut world, "touch.by", "li.na").as_deref(), Some("li.na"));
    world.now = world.now + Micros::days(1);
    assert_eq!(
        poster(&mut world, "touch.poster", " wang.wei ").as_deref(),
        Some("wang.wei"),
        "the latest counts"
    );
    assert_eq!(poster(&mut world, "touch.by", "nobody.here").as_deref(), Some("wang.wei"));
}
