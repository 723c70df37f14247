//! What a registry knows of a company: asked once for all its leads, kept as long as the rule says, filled in where nobody
//! who comes first said something else, and never waited for longer than allowed.

use std::collections::BTreeSet;

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::enrich::{self, Known};
use leadloop_sync_core::ids::{LinkName, SourceName};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Lane, Outcome, Purpose, Reply, RetryPolicy};
use leadloop_sync_core::policy::{EnrichPolicy, Filler};
use leadloop_sync_core::time::Micros;

use crate::rules;
use crate::world::World;

const COMPANY: &str = "示例机器人有限公司";
const LINK: &str = "registry";

fn rule() -> EnrichPolicy {
    let fills = ["company.industry", "company.employees", "company.credit_code"];
    EnrichPolicy {
        link: LinkName::from(LINK),
        source: SourceName::from(LINK),
        fills: fills.map(str::to_owned).into(),
        wait: Micros::seconds(30),
        keep: Micros::days(90),
        keep_misses: Micros::days(7),
        retry: RetryPolicy { give_up: Micros::hours(1), ..RetryPolicy::default() },
    }
}

fn world() -> World {
    let mut policy = rules::standard();
    policy.enrich = vec![rule()];
    World::new(policy)
}

fn tell(world: &mut World, n: usize, company: &str) -> Reaction {
    let phone = format!("1390000{n:04}");
    world.tell("website", &[("name", "测试"), ("phone", &phone), ("company", company)])
}

fn asked(world: &World) -> Vec<Delivery> {
    world.told.iter().filter(|delivery| delivery.purpose == Purpose::Enrich).cloned().collect()
}

fn known(world: &World, company: &str) -> Known {
    let key = enrich::key(&LinkName::from(LINK), Some(company), None).expect("it is a company");
    Known::of(&world.book, &key)
}

/// What is known of a lead's field, and who said so.
fn said(world: &World, n: usize, field: &str) -> Option<(String, String)> {
    let lead = world.lead("phone", &format!("+861390000{n:04}"));
    let fact = lead.profile.get(field)?;
    Some((fact.value.to_display(), fact.source.as_str().to_owned()))
}

fn of_registry(value: &str) -> Option<(String, String)> {
    Some((value.to_owned(), LINK.to_owned()))
}

fn found(fields: &[(&str, &str)]) -> Outcome {
    let fields: Record = fields.iter().map(|(name, value)| (*name, Value::text(*value))).collect();
    let record = RemoteRecord {
        object: "company".to_owned(),
        id: "k1".to_owned(),
        fields,
        modified_at: None,
        deleted: false,
    };
    Outcome::Done(Reply::Found(vec![record]))
}

fn alarms(reaction: &Reaction) -> Vec<(&str, bool)> {
    let alarm = |effect: &'_ Effect| match effect {
        Effect::Alarm(alarm) => Some((alarm.code.clone(), alarm.raised)),
        _ => None,
    };
    let codes: BTreeSet<(String, bool)> = reaction.effects.iter().filter_map(alarm).collect();
    ["LL3201", "LL4840", "LL4841"]
        .into_iter()
        .flat_map(|code| [true, false].map(|raised| (code, raised)))
        .filter(|(code, raised)| codes.contains(&((*code).to_owned(), *raised)))
        .collect()
}

fn states(reaction: &Reaction) -> Vec<DeliveryState> {
    let state = |effect: &Effect| match effect {
        Effect::MoveDelivery { to, .. } => Some(to.clone()),
        _ => None,
    };
    reaction.effects.iter().filter_map(state).collect()
}

#[test]
fn ten_leads_of_a_company_are_one_look_up_and_all_are_filled_by_its_answer() {
    let mut world = world();
    for n in 0..10 {
        tell(&mut world, n, if n % 2 == 0 { COMPANY } else { "示例机器人有限责任公司" });
    }
    let [look_up] = asked(&world).try_into().unwrap_or_else(|many: Vec<_>| panic!("{} look-ups", many.len()));
    assert_eq!((look_up.lane, look_up.lead), (Lane::Hot, None), "somebody waits for it; it is nobody's own");
    assert_eq!(known(&world, COMPANY).waiting.len(), 10);
    let reaction = world.settle(&look_up, &found(&[("industry", "制造业"), ("employees", "320")]));
    assert_eq!(
        (states(&reaction), alarms(&reaction)),
        (vec![DeliveryState::Settled], vec![("LL3201", false), ("LL4840", false)])
    );
    world.come();
    for n in 0..10 {
        assert_eq!(said(&world, n, "company.industry"), of_registry("制造业"), "{n}");
    }
    tell(&mut world, 10, COMPANY);
    world.come();
    assert_eq!(said(&world, 10, "company.industry"), of_registry("制造业"), "who comes later has it too");
    assert_eq!(asked(&world).len(), 1, "what is kept is not paid for again");
    world.now = world.now + rule().keep + Micros::days(1);
    tell(&mut world, 11, COMPANY);
    assert_eq!(asked(&world).len(), 2, "until it is old");
}

#[test]
fn a_company_that_nobody_knows_is_not_asked_about_again_for_a_while() {
    let mut world = world();
    tell(&mut world, 1, COMPANY);
    let look_up = asked(&world).remove(0);
    world.settle(&look_up, &Outcome::Done(Reply::Found(vec![])));
    world.come();
    assert_eq!(said(&world, 1, "company.industry"), None);
    world.now = world.now + rule().keep_misses - Micros::seconds(1);
    tell(&mut world, 2, COMPANY);
    assert_eq!(asked(&world).len(), 1);
    world.now = world.now + Micros::seconds(1);
    tell(&mut world, 3, COMPANY);
    assert_eq!(asked(&world).len(), 2);
}

#[test]
fn a_registry_that_refuses_or_is_down_too_long_is_an_alarm_and_lets_the_leads_go_on() {
    let mut world = world();
    tell(&mut world, 1, COMPANY);
    let look_up = asked(&world).remove(0);
    let ill = Outcome::Unavailable { sent: true, detail: "maintenance".to_owned() };
    let reaction = world.settle(&look_up, &ill);
    assert_eq!(
        (states(&reaction), alarms(&reaction)),
        (vec![DeliveryState::Due], vec![]),
        "it is tried again"
    );
    assert!(known(&world, COMPANY).asked.is_some());
    world.now = world.now + Micros::hours(1) + Micros::seconds(1);
    let reaction = world.settle(&look_up, &ill);
    assert_eq!(
        (states(&reaction), alarms(&reaction)),
        (vec![DeliveryState::Settled], vec![("LL4841", true)])
    );
    assert_eq!(known(&world, COMPANY).waiting, [], "nobody waits any more");
    tell(&mut world, 2, COMPANY);
    assert_eq!(asked(&world).len(), 1, "not at once again");

    world.now = world.now + Micros::days(1);
    tell(&mut world, 3, COMPANY);
    let look_up = asked(&world).remove(1);
    let refusal = Outcome::Rejected { field: None, code: "101".to_owned(), detail: "no such key".to_owned() };
    assert_eq!(alarms(&world.settle(&look_up, &refusal)), [("LL4840", true)]);
    let locked = Outcome::Unauthorized { detail: "expired".to_owned() };
    assert_eq!(alarms(&world.settle(&look_up, &locked)), [("LL3201", true)]);
    world.settle(&look_up, &found(&[("industry", "制造业")]));
    world.come();
    assert_eq!(said(&world, 3, "company.industry"), of_registry("制造业"));
}

#[test]
fn a_decision_waits_no_longer_than_allowed() {
    let mut world = world();
    let reaction = tell(&mut world, 1, COMPANY);
    let waits =
        |reaction: &Reaction| reaction.because.reasons.iter().any(|reason| reason.code == "enrich_waits");
    assert!(waits(&reaction));
    let until = world.deadlines.iter().find(|deadline| deadline.kind == enrich::DEADLINE).map(|one| one.at);
    assert_eq!(until, Some(world.now + rule().wait));
    world.now = world.now + rule().wait;
    let codes: Vec<String> =
        world.come().into_iter().flat_map(|one| one.because.reasons).map(|one| one.code).collect();
    assert!(codes.iter().any(|code| code == "enrich_in_vain"), "{codes:?}");
    assert!(!waits(&tell(&mut world, 2, COMPANY)), "what is asked for so long already is not waited for");
}

#[test]
fn what_somebody_said_stays_unless_the_rules_put_the_registry_first() {
    let told =
        [("industry", "软件"), ("employees", "40"), ("credit_code", "91350100M000100Y44"), ("city", "福州")];
    let answer = found(&[
        ("industry", "制造业"),
        ("employees", "320"),
        ("credit_code", "91350100M000100Y43"),
        ("city", "福州"),
    ]);
    let mut policy = rules::standard();
    policy.enrich = vec![rule()];
    let first = vec![Filler::Sources([SourceName::from(LINK)].into()), Filler::Others];
    policy.pool.fill.insert("company.employees".to_owned(), first);
    let mut world = World::new(policy);
    let fields = [("name", "测试"), ("phone", "13900000001"), ("company", COMPANY), told[0], told[1]];
    world.tell("website", &fields);
    let look_up = asked(&world).remove(0);
    world.settle(&look_up, &answer);
    world.come();
    assert_eq!(said(&world, 1, "company.industry"), Some(("软件".to_owned(), "website".to_owned())));
    assert_eq!(said(&world, 1, "company.employees"), of_registry("320"), "`[fill]` names it first");
    assert_eq!(said(&world, 1, "company.credit_code"), of_registry("91350100M000100Y43"));
    assert_eq!(said(&world, 1, "company.city"), None, "it is not to fill that");

    let mut world = self::world();
    tell(&mut world, 1, COMPANY);
    let look_up = asked(&world).remove(0);
    world.settle(&look_up, &found(&[told[2]]));
    world.come();
    assert_eq!(said(&world, 1, "company.credit_code"), None, "its check character is wrong");
}

#[test]
fn a_company_has_one_key_that_gives_nothing_away() {
    let link = LinkName::from(LINK);
    let key = |name, code| enrich::key(&link, name, code);
    let of_name = key(Some(COMPANY), None).expect("it is a company");
    assert_eq!(Some(&of_name), key(Some(" 示例机器人 有限公司 "), Some("91350100M000100Y43")).as_ref());
    assert!(of_name.starts_with("registry/registry/") && !of_name.contains("示例"));
    let of_code = key(None, Some("91350100M000100Y43"));
    assert!(of_code.is_some() && of_code != Some(of_name));
    assert_eq!(key(Some("@shili.example"), None), None, "a mail domain is no name");
    assert_eq!((key(None, None), key(None, Some("91350100M000100Y44"))), (None, None));
}
