//! What a touch does to a lead at each stage, and merges of leads that sales hold.

use leadloop_mapping::Record;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::handoff::{Clocks, Handoff, HandoffState};
use leadloop_sync_core::ids::{HandoffId, LeadId, LinkName};
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::origin;
use leadloop_sync_core::time::Micros;

use crate::rules;
use crate::world::World;

const PHONE: &str = "13900001111";

/// A lead that fits, at a stage since now, last seen ten days ago.
fn at(stage: Stage) -> World {
    let mut world = World::new(rules::standard());
    world.tell("fair", &[("phone", PHONE), ("title", "总经理"), ("行业", "汽车")]);
    world.now = world.now + Micros::days(10);
    set(&mut world, stage);
    world
}

fn set(world: &mut World, stage: Stage) {
    let id = world.lead("phone", "+8613900001111").id;
    let lead = world.book.leads.get_mut(&id).expect("there");
    lead.stage = stage;
    lead.stage_since = world.now;
    lead.rest_until = (stage == Stage::Resting).then_some(world.now + Micros::days(200));
}

fn stage(world: &World) -> (Stage, bool) {
    let lead = world.lead("phone", "+8613900001111");
    (lead.stage, lead.mql)
}

#[test]
fn a_resting_or_lost_lead_wakes_when_it_asks_for_sales() {
    for rest in [Stage::Resting, Stage::Lost] {
        let mut world = at(rest);
        world.now = world.now + Micros::days(1);
        world.tell("website", &[("mobile", PHONE)]);
        assert_eq!(stage(&world), (Stage::Marketing, true));
        assert_eq!(world.lead("phone", "+8613900001111").rest_until, None);
        assert!(world.reasons.iter().any(|reason| reason.code == "woken"));
    }
}

#[test]
fn it_wakes_when_new_behaviour_lifts_it_over_the_definition() {
    let mut world = at(Stage::Resting);
    world.now = world.now + Micros::days(1);
    world.tell("live", &[("phone", PHONE)]);
    assert_eq!(stage(&world), (Stage::Resting, false), "twenty points are not enough");
    world.tell("live", &[("phone", PHONE), ("watch.minutes", "45")]);
    assert_eq!(stage(&world), (Stage::Marketing, true));
}

#[test]
fn it_rests_on_where_the_definition_held_before() {
    let mut world = at(Stage::Raw);
    world.tell("live", &[("phone", PHONE), ("watch.minutes", "45")]);
    assert_eq!(stage(&world), (Stage::Marketing, true));
    set(&mut world, Stage::Resting);
    let id = world.lead("phone", "+8613900001111").id;
    world.book.leads.get_mut(&id).expect("there").mql = false;
    world.now = world.now + Micros::hours(1);
    world.tell("nurturing", &[("phone", PHONE)]);
    assert_eq!(stage(&world), (Stage::Resting, false), "a click in a mailing wakes nobody");
}

#[test]
fn what_happened_before_the_rest_wakes_nobody_however_late_it_comes() {
    let mut world = at(Stage::Resting);
    let raw = leadloop_sync_core::capture::RawLead {
        at: Some(world.now - Micros::days(2)),
        fields: crate::world::record(&[("mobile", PHONE)]),
        ..Default::default()
    };
    world.now = world.now + Micros::days(1);
    let captured = world.read("website", &raw).expect("taken").expect("kept");
    world.take(&captured);
    assert_eq!(stage(&world).0, Stage::Resting);
}

#[test]
fn closed_leads_stay_closed_and_sales_keep_theirs() {
    for kept in [Stage::Closed, Stage::WithSales, Stage::Accepted, Stage::Opportunity] {
        let mut world = at(kept);
        world.tell("live", &[("phone", PHONE), ("watch.minutes", "45")]);
        assert_eq!(stage(&world).0, kept);
    }
}

#[test]
fn a_customer_that_asks_is_one_for_sales_again_and_else_stays_a_customer() {
    let mut world = at(Stage::Won);
    world.tell("live", &[("phone", PHONE), ("watch.minutes", "45")]);
    assert_eq!(stage(&world).0, Stage::Won);
    let id = world.lead("phone", "+8613900001111").id;
    world.book.leads.get_mut(&id).expect("there").won_amount = Some(1_000.25);
    world.tell("website", &[("mobile", PHONE)]);
    assert_eq!(stage(&world).0, Stage::Marketing);
    let lead = world.lead("phone", "+8613900001111");
    assert_eq!(
        (lead.text("origin_kind"), lead.text("origin_lead")),
        (Some("repeat"), Some(id.to_string().as_str()))
    );
    assert!((origin::won_in_all(lead, 500.5) - 1_500.75).abs() < 1e-9, "what was won before counts on");
}

#[test]
fn somebody_new_who_was_referred_carries_by_whom() {
    let mut world = at(Stage::Won);
    let by = world.lead("phone", "+8613900001111").id;
    let told = [("phone", "13900002222"), ("touch.referred_by", "139-0000-1111")];
    world.tell("website", &told);
    let lead = world.lead("phone", "+8613900002222");
    let of = |lead: &leadloop_sync_core::lead::Lead| {
        (lead.text("origin_kind").map(str::to_owned), lead.text("origin_lead").map(str::to_owned))
    };
    assert_eq!(of(lead), (Some("referral".to_owned()), Some(by.to_string())));
    world.tell("website", &[("phone", "13900003333"), ("touch.referred_by", by.to_string().as_str())]);
    assert_eq!(of(world.lead("phone", "+8613900003333")).1, Some(by.to_string()));
    for nobody in ["13900009999", "13900004444", "friend"] {
        world.tell("website", &[("phone", "13900004444"), ("touch.referred_by", nobody)]);
        assert_eq!(of(world.lead("phone", "+8613900004444")), (None, None), "{nobody}");
    }
    world.tell("website", &[("phone", "13900004444"), ("touch.referred_by", "13900001111")]);
    assert_eq!(of(world.lead("phone", "+8613900004444")), (None, None), "who is known was not referred");
}

fn handoff(lead: LeadId, moment: &mut Moment) -> Handoff {
    let id: HandoffId = moment.id();
    Handoff {
        id,
        version: 1,
        lead,
        link: LinkName::from("sales"),
        state: HandoffState::WithSales,
        state_since: moment.now,
        opened_at: moment.now,
        decision: None,
        rule: None,
        action: None,
        owner: None,
        remote: None,
        company_key: None,
        agreed: Record::new(),
        feedback: None,
        remark: None,
        due: None,
        clocks: Clocks::default(),
        parked: None,
        rules_tried: 0,
        by: None,
        desk: None,
    }
}

/// Two leads, by phone and by address; those named are with sales.
fn two(with_sales: &[(&str, &str)]) -> World {
    let mut world = World::new(rules::standard());
    world.tell("fair", &[("phone", PHONE)]);
    world.now = world.now + Micros::days(1);
    world.tell("fair", &[("email", "jia@shili.example")]);
    let mut moment = Moment::new(world.now, 99);
    for (kind, value) in with_sales {
        let id = world.lead(kind, value).id;
        let opened = handoff(id, &mut moment);
        world.book.handoffs.insert(opened.id, opened);
        world.book.leads.get_mut(&id).expect("there").stage = Stage::WithSales;
    }
    world
}

#[test]
fn a_hand_over_follows_the_person_through_a_merge_and_none_is_opened_beside_it() {
    let mut world = two(&[("email", "jia@shili.example")]);
    world.tell("website", &[("mobile", PHONE), ("email", "jia@shili.example")]);
    let lead = world.lead("phone", "+8613900001111");
    assert_eq!(lead.stage, Stage::WithSales);
    assert_eq!(world.people().len(), 1);
    let running = world.book.open_handoff(lead.id).expect("it is found through the merge");
    assert_eq!(world.book.handoffs.len(), 1);
    assert_ne!(running.lead, lead.id, "it stays with the lead it was opened for");
}

#[test]
fn two_running_hand_overs_are_not_merged_into_one_person() {
    let mut world = two(&[("phone", "+8613900001111"), ("email", "jia@shili.example")]);
    world.tell("website", &[("mobile", PHONE), ("email", "jia@shili.example")]);
    assert_eq!(world.people().len(), 2);
    let [suspect] = world.suspects.as_slice() else { panic!("{:?}", world.suspects) };
    assert_eq!(suspect.reason, "both_with_sales");
    assert_eq!(suspect.by, Identifier::new("email", "jia@shili.example"));
}
