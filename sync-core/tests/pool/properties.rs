//! What holds whatever comes in whatever order.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_sync_core::capture::{CaptureEnd, Captured, Identifier, RawLead};
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::lead::Consent;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::pool;
use leadloop_sync_core::time::{Micros, Timestamp};
use proptest::prelude::*;

use crate::rules;
use crate::world::World;

/// A record that tells some of what identifies a person: (person, which of the identifiers, device).
type Told = (u8, u8, u8);

/// The fields of a record: people have a phone, an address and a WeChat id of their own; devices are anybody's.
fn fields(told: Told) -> Vec<(&'static str, String)> {
    let (person, which, device) = told;
    let mut fields = Vec::new();
    if which & 1 != 0 {
        fields.push(("phone", format!("1390000{:04}", 1000 + u32::from(person))));
    }
    if which & 2 != 0 {
        fields.push(("email", format!("test{person}@shili.example")));
    }
    if which & 4 != 0 {
        fields.push(("unionid", format!("oTEST{person:04}")));
    }
    if which & 8 != 0 || fields.is_empty() {
        fields.push(("cookie", format!("device-{device}")));
    }
    fields
}

fn capture(world: &mut World, told: Told, at: Timestamp) -> Captured {
    let fields = fields(told);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let raw = RawLead { at: Some(at), fields: crate::world::record(&fields), ..RawLead::default() };
    world.read("live", &raw).expect("taken").expect("kept")
}

/// All told in this order, each at the time of its place in `list`.
fn play(list: &[Told], order: &[usize]) -> World {
    let mut world = World::new(rules::standard());
    let start = world.now;
    world.now = start + Micros::days(30);
    for place in order {
        let minutes = i64::try_from(*place).expect("small");
        let captured = capture(&mut world, list[*place], start + Micros::minutes(minutes));
        world.take(&captured);
    }
    world
}

fn shuffled(length: usize, seed: u64) -> Vec<usize> {
    let mut dice = Moment::new(Timestamp(0), seed);
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_by_cached_key(|_| dice.throw());
    order
}

/// Who is together: people's identifiers (not devices), by lead.
fn together(world: &World) -> BTreeSet<BTreeSet<Identifier>> {
    let mut leads: BTreeMap<_, BTreeSet<Identifier>> = BTreeMap::new();
    for identifier in world.book.identifiers.keys().filter(|identifier| identifier.kind.0 != "cookie") {
        let lead = world.book.lead_of(identifier).expect("it resolves");
        leads.entry(lead.id).or_default().insert(identifier.clone());
    }
    leads.into_values().collect()
}

/// Nothing lost, nothing twice, every id resolves, every lead's sums are its own.
fn check(world: &World, captures: usize) {
    assert_eq!(world.touches.len(), captures, "one touch for each capture");
    assert_eq!(world.ends.len(), captures);
    assert!(world.ends.iter().all(|end| matches!(end, CaptureEnd::Touched(_))));
    let of: BTreeSet<_> = world.touches.iter().map(|touch| touch.capture).collect();
    assert_eq!(of.len(), captures, "no capture became two touches");
    for id in world.book.leads.keys() {
        assert!(world.book.resolve(*id).is_some_and(|lead| lead.merged_into.is_none()), "{id} resolves");
    }
    for lead in world.people() {
        assert_eq!(world.timeline(lead).len(), usize::try_from(lead.touches).expect("small"));
        for identifier in &lead.identifiers {
            assert_eq!(world.book.lead_of(identifier).map(|found| found.id), Some(lead.id), "{identifier:?}");
        }
    }
    let phones =
        |identifiers: &BTreeSet<Identifier>| identifiers.iter().filter(|id| id.kind.0 == "phone").count();
    for lead in world.people() {
        assert!(phones(&lead.identifiers) <= 1, "{:?}", lead.identifiers);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    #[test]
    fn three_shared_devices_never_join_people_with_different_phones(
        list in proptest::collection::vec((0_u8..6, 1_u8..16, 0_u8..3), 1..60),
    ) {
        let order: Vec<usize> = (0..list.len()).collect();
        let world = play(&list, &order);
        check(&world, list.len());
        for group in together(&world) {
            let people: BTreeSet<String> = group
                .iter()
                .map(|identifier| identifier.value.chars().filter(char::is_ascii_digit).collect::<String>())
                .map(|digits| digits.trim_start_matches("8613900001").trim_start_matches('0').to_owned())
                .collect();
            prop_assert_eq!(people.len(), 1, "{:?}", group);
        }
    }

    #[test]
    fn the_order_of_captures_does_not_change_who_is_one_person(
        list in proptest::collection::vec((0_u8..3, 1_u8..16, 0_u8..3), 1..25),
        seed in any::<u64>(),
    ) {
        let straight: Vec<usize> = (0..list.len()).collect();
        let (one, other) = (play(&list, &straight), play(&list, &shuffled(list.len(), seed)));
        check(&one, list.len());
        check(&other, list.len());
        prop_assert_eq!(together(&one), together(&other));
    }

    #[test]
    fn with_phone_and_address_everything_about_a_person_is_the_same_in_any_order(
        list in proptest::collection::vec((0_u8..2, 1_u8..4, 0_u8..1), 2..12),
        seed in any::<u64>(),
    ) {
        let straight: Vec<usize> = (0..list.len()).collect();
        let (one, other) = (play(&list, &straight), play(&list, &shuffled(list.len(), seed)));
        let shown = |world: &World| -> BTreeSet<String> {
            world
                .people()
                .iter()
                .map(|lead| {
                    let points = leadloop_sync_core::score::all(lead, &world.policy, world.now);
                    format!(
                        "{:?} {:?} {:?} {:?} {} {} {points:?}",
                        lead.identifiers, lead.profile, lead.origin, lead.last_touch_at, lead.touches, lead.mql
                    )
                })
                .collect()
        };
        prop_assert_eq!(shown(&one), shown(&other));
    }

    #[test]
    fn consent_does_not_depend_on_the_order_it_is_told(
        list in proptest::collection::vec((any::<bool>(), 0_i64..6, any::<bool>(), any::<bool>()), 1..7),
        seed in any::<u64>(),
    ) {
        let consents: Vec<Consent> = list
            .iter()
            .map(|(given, at, proven, assumed)| Consent {
                given: *given,
                at: Timestamp(*at),
                source: "live".into(),
                text_version: (*proven && !*assumed).then(|| "1".to_owned()),
                assumed: *assumed,
            })
            .collect();
        let fold = |order: Vec<usize>| {
            let mut all = order.into_iter().map(|place| &consents[place]);
            let first = all.next().expect("at least one");
            let last = all.fold(first, |stands, next| pool::stronger(stands, next));
            (last.given, last.at, last.assumed)
        };
        let straight = fold((0..list.len()).collect());
        prop_assert_eq!(straight, fold(shuffled(list.len(), seed)));
        let refused = consents.iter().any(|consent| !consent.given && !consent.assumed);
        let proven = consents.iter().any(|consent| consent.given && consent.text_version.is_some());
        prop_assert!(!refused || proven || !straight.0, "a no without a proven yes stands");
    }

    #[test]
    fn anything_at_all_is_taken_or_refused_with_a_reason(
        fields in proptest::collection::btree_map("\\PC{0,20}", "\\PC{0,60}", 0..20),
        at in proptest::option::of(any::<i64>()),
        source in 0_usize..8,
    ) {
        let mut world = World::new(rules::standard());
        let name = world.policy.sources.keys().nth(source).expect("there are eight").0.clone();
        let raw = RawLead {
            at: at.map(Timestamp),
            fields: fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            ..RawLead::default()
        };
        match world.read(&name, &raw) {
            Ok(Some(captured)) => {
                prop_assert!(captured.at <= captured.arrived);
                prop_assert!(!captured.who.is_empty());
                if captured.kind == leadloop_sync_core::capture::CaptureKind::Touch {
                    let reaction = world.take(&captured);
                    let finished = reaction.effects.iter().any(|effect| matches!(effect, Effect::FinishCapture { .. }));
                    prop_assert!(finished);
                }
            }
            Ok(None) => {}
            Err(refused) => {
                prop_assert!(["LL4001", "LL4002", "LL4003"].contains(&refused.code.as_str()));
                prop_assert!(!refused.detail.is_empty());
                prop_assert_eq!(refused.raw, raw);
            }
        }
    }
}
