//! What expressions are checked against is what they see.

use std::collections::BTreeSet;

use leadloop_mapping::expr::{Expected, Expr, Schema};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::facts::{self, Declared, Scene};
use leadloop_sync_core::lead::Lead;

use crate::rules;
use crate::world::World;

fn paths(json: &serde_json::Value, at: &str, found: &mut BTreeSet<String>) {
    match json {
        serde_json::Value::Object(map) => {
            for (name, inner) in map {
                paths(inner, &if at.is_empty() { name.clone() } else { format!("{at}.{name}") }, found);
            }
        }
        _ => {
            found.insert(at.to_owned());
        }
    }
}

/// A lead with everything there is to know.
fn world() -> World {
    let mut world = World::new(rules::standard());
    let every: Vec<String> = facts::LEAD_TEXTS
        .iter()
        .map(|field| (*field).to_owned())
        .chain(facts::COMPANY_TEXTS.iter().map(|field| format!("company.{field}")))
        .chain(["company".to_owned()])
        .collect();
    let mut fields: Record = every.iter().map(|field| (field.clone(), Value::text("some text"))).collect();
    fields.set("phone", "13900001111");
    fields.set("email", "jia@shili.example");
    fields.set("company.employees", 250_i64);
    fields.set("company.credit_code", "91350100M000100Y43");
    fields.set("utm_campaign", "spring");
    fields.set("segment", "a");
    fields.set("tags", "MES");
    fields.set("consent", "given");
    fields.set("minutes", 30_i64);
    let raw = leadloop_sync_core::capture::RawLead { fields, ..Default::default() };
    let captured = world.read("website", &raw).expect("taken").expect("kept");
    world.take(&captured);
    world
}

/// The lead of that world, with what only time brings.
fn everything(world: &World) -> Lead {
    let mut lead = world.lead("phone", "+8613900001111").clone();
    lead.owner = Some(leadloop_sync_core::lead::Owner { person: None, crm_user: "U1001".to_owned() });
    lead.feedback = Some("need_unclear".to_owned());
    lead.track = Some("nurture".to_owned());
    (lead.pool, lead.mql_of) = (Some("east".to_owned()), Some("robots".to_owned()));
    lead.profile.insert("segment".to_owned(), lead.profile["name"].clone());
    lead.profile.insert("olist_id".to_owned(), lead.profile["name"].clone());
    for raw in ["phone_raw", "email_raw", "other_phones", "phone_ext"] {
        lead.profile.insert(raw.to_owned(), lead.profile["name"].clone());
    }
    lead
}

#[test]
fn every_name_has_a_value_of_its_type_and_every_value_a_name() {
    let world = world();
    let lead = everything(&world);
    let touch = world.touches.last().expect("a touch").clone();
    let scene = Scene { lead: &lead, touch: Some(&touch), policy: &world.policy, now: world.now };
    let json = facts::json(&scene);
    let schema = facts::schema(Schema::builder(), &rules::declared()).build();
    let mut seen = BTreeSet::new();
    paths(&json, "", &mut seen);
    let named: BTreeSet<String> = schema.names().into_iter().map(|(name, _)| name).collect();
    let missing: Vec<_> = named.difference(&seen).collect();
    assert!(missing.is_empty(), "declared, but without a value: {missing:?}");
    let unknown: Vec<_> =
        seen.iter().filter(|path| !path.starts_with("touch.") && schema.get(path).is_none()).collect();
    assert!(unknown.is_empty(), "seen, but not declared: {unknown:?}");
    let evaluated = facts::of(&scene);
    for path in &named {
        let from_json =
            Value::from_json(json.pointer(&format!("/{}", path.replace('.', "/"))).expect("there"));
        assert_eq!(evaluated.get(path), from_json, "{path}");
    }
}

#[test]
fn what_an_expression_reads_is_what_it_would_read_of_everything() {
    let mut world = world();
    let lead = everything(&world);
    let touch = world.touches.last().expect("a touch").clone();
    let schema = facts::schema(Schema::builder(), &rules::declared()).build();
    let names: Vec<String> = schema.names().into_iter().map(|(name, _)| name).collect();
    for model in &mut world.policy.scores {
        model.add.clear();
        model.touches.clear();
    }
    let own = ["touch.utm_campaign", "touch.minutes", "touch.nothing.of.this"].map(str::to_owned);
    let mut texts: Vec<String> = names.iter().cloned().chain(own).collect();
    texts.extend(names.windows(3).map(|some| format!("[{}]", some.join(", "))));
    for text in &texts {
        let read = Expr::compile(text, &schema, Expected::Any).expect("it can be read");
        world.policy.mql[0].when = read.clone();
        (world.policy.mql[0].also, world.policy.mql[0].leave) = (Vec::new(), None);
        world.policy.judging = facts::judging(&world.policy);
        for touch in [None, Some(&touch)] {
            let scene = Scene { lead: &lead, touch, policy: &world.policy, now: world.now };
            let (some, all) = (facts::judged(&scene), facts::of(&scene));
            assert_eq!(read.eval_value(&some), read.eval_value(&all), "{text}");
            for name in read.reads() {
                assert_eq!(some.get(name), all.get(name), "{name}");
            }
        }
        let scene = Scene { lead: &lead, touch: Some(&touch), policy: &world.policy, now: world.now };
        let unread = names.iter().find(|name| !read.reads().contains(*name)).expect("another");
        assert_eq!(facts::judged(&scene).get(unread), Value::Null, "{unread} is not gathered for {text}");
    }
}

#[test]
fn values_keep_to_the_declared_types() {
    let world = world();
    let lead = world.lead("phone", "+8613900001111");
    let scene = Scene { lead, touch: None, policy: &world.policy, now: world.now };
    let facts = facts::of(&scene);
    assert_eq!(facts.get("company.employees"), Value::Int(250));
    assert_eq!(facts.get("lead.company"), Value::text("some text"));
    assert_eq!(facts.get("company.name"), Value::text("some text"));
    assert_eq!(facts.get("company.industry"), Value::text("some text"));
    assert_eq!(facts.get("touch.kind"), Value::Null);
    assert_eq!(facts.get("lead.consent.transfer"), Value::text("given"));
    assert_eq!(facts.get("lead.consent.mail"), Value::text("unknown"));
    assert_eq!(facts.get("lead.email_domain"), Value::text("shili.example"));
    assert_eq!(facts.get("lead.days_since_first_touch"), Value::Int(0));
}

#[test]
fn a_field_called_like_a_fact_does_not_replace_it() {
    let declared = Declared { fields: BTreeSet::from(["stage".to_owned()]), ..Declared::default() };
    let schema = facts::schema(Schema::builder(), &declared).build();
    assert!(
        leadloop_mapping::expr::check(
            r#"lead.stage == "nowhere""#,
            &schema,
            leadloop_mapping::expr::Expected::Bool
        )
        .len()
            == 1,
        "the stage is still one of the stages"
    );
    let mut world = world();
    let captured = {
        let raw = leadloop_sync_core::capture::RawLead {
            fields: crate::world::record(&[
                ("phone", "13900001111"),
                ("touch.kind", "x"),
                ("touch.source.id", "9"),
            ]),
            ..Default::default()
        };
        world.read("website", &raw).expect("taken").expect("kept")
    };
    world.take(&captured);
    let touch = world.touches.last().expect("a touch");
    let lead = world.lead("phone", "+8613900001111");
    let facts = facts::of(&Scene { lead, touch: Some(touch), policy: &world.policy, now: world.now });
    assert_eq!(facts.get("touch.source"), Value::text("website"));
    assert_eq!(facts.get("touch.kind"), Value::text("x"));
}
