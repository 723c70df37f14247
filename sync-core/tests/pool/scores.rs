//! Scores: decay to the bit, late events, receipts that add up.

use leadloop_sync_core::facts::{self, Scene};
use leadloop_sync_core::score::{self, MICRO, Part};
use leadloop_sync_core::time::Micros;
use proptest::prelude::*;

use crate::rules;
use crate::world::World;

const HALF: Option<Micros> = Some(Micros::days(14));

#[test]
fn points_halve_in_their_half_life() {
    assert_eq!(score::decayed(30 * MICRO, Micros::days(14), HALF), 15 * MICRO);
    assert_eq!(score::decayed(30 * MICRO, Micros::days(28), HALF), 7_500_000);
    assert_eq!(score::decayed(-30 * MICRO, Micros::days(14), HALF), -15 * MICRO);
    assert_eq!(score::decayed(30 * MICRO, Micros::days(-5), HALF), 30 * MICRO);
    assert_eq!(score::decayed(30 * MICRO, Micros(i64::MAX), HALF), 0);
    assert_eq!(score::decayed(30 * MICRO, Micros::days(5_000), None), 30 * MICRO);
    // To the bit: these very numbers, on every machine.
    assert_eq!(score::decayed(30 * MICRO, Micros::days(1), HALF), 28_550_854);
    assert_eq!(score::decayed(100 * MICRO, Micros::hours(37), HALF), 92_651_160);
}

proptest! {
    #[test]
    fn decay_is_what_mathematics_says(micro in -1_000_000_000_000_i64..1_000_000_000_000, minutes in 0_i64..200_000) {
        let ours = score::decayed(micro, Micros::minutes(minutes), HALF);
        #[expect(clippy::cast_precision_loss, reason = "compared with a margin")]
        let exact = micro as f64 * 0.5_f64.powf(minutes as f64 / (14.0 * 24.0 * 60.0));
        #[expect(clippy::cast_precision_loss, reason = "compared with a margin")]
        let off = (ours as f64 - exact).abs();
        prop_assert!(off <= 2.0 + exact.abs() * 1.0e-9, "{ours} instead of {exact}");
        let later = score::decayed(micro, Micros::minutes(minutes + 1), HALF);
        prop_assert!(later.abs() <= ours.abs() + 1, "grows from {ours} to {later}");
    }

    #[test]
    fn late_events_count_as_if_they_had_come_in_time(days in proptest::collection::vec(0_i64..60, 1..8), order in any::<u64>()) {
        let points = |shuffled: bool| {
            let mut world = World::new(rules::standard());
            world.policy.scores[1].cap_per_day = None;
            let start = world.now;
            world.now = start + Micros::days(60);
            let mut list = days.clone();
            if shuffled {
                let mut dice = leadloop_sync_core::moment::Moment::new(start, order);
                list.sort_by_cached_key(|_| dice.throw());
            }
            for day in list {
                let raw = leadloop_sync_core::capture::RawLead {
                    at: Some(start + Micros::days(day)),
                    fields: crate::world::record(&[("phone", "13900001111")]),
                    ..Default::default()
                };
                let captured = world.read("live", &raw).expect("taken").expect("kept");
                world.take(&captured);
            }
            let lead = world.lead("phone", "+8613900001111");
            let state = &lead.scores["interest"];
            score::decayed(state.micro, world.now - state.as_of, HALF)
        };
        // Rounding to a micro-point at each step is all that the order may change.
        prop_assert!((points(false) - points(true)).abs() <= 32);
    }
}

#[test]
fn the_receipts_add_up_to_the_score() {
    let mut world = World::new(rules::standard());
    for day in 0..40 {
        world.now = world.now + Micros::days(1);
        let minutes = (day * 7 % 50).to_string();
        world.tell("live", &[("phone", "13900001111"), ("watch.minutes", &minutes), ("title", "经理")]);
    }
    world.now = world.now + Micros::hours(9);
    let lead = world.lead("phone", "+8613900001111");
    let facts = facts::of(&Scene { lead, touch: None, policy: &world.policy, now: world.now });
    for model in &world.policy.scores {
        let receipts = score::explain(model, lead, &world.touches, &facts, world.now);
        let sum: i64 = receipts.iter().map(|receipt| receipt.left).sum();
        let points = score::all(lead, &world.policy, world.now)[&model.name];
        assert!((sum - points * MICRO).abs() <= MICRO / 2 + 1_000, "{}: {sum} for {points}", model.name);
    }
    let interest = &world.policy.scores[1];
    let all = score::explain(interest, lead, &world.touches, &facts, world.now);
    assert_eq!(all.iter().filter(|receipt| matches!(receipt.part, Part::Touch { .. })).count(), 40);
    assert!(all.iter().any(|receipt| receipt.part == Part::Range), "the sum is beyond 100 points");
    let some = score::explain(interest, lead, &world.touches[30..], &facts, world.now);
    assert!(some.iter().any(|receipt| receipt.part == Part::Others), "the rest is one line");
    let newest: Vec<_> = all
        .iter()
        .filter_map(|receipt| match &receipt.part {
            Part::Touch { at, .. } => Some(*at),
            _ => None,
        })
        .collect();
    assert!(newest.is_sorted_by(|one, next| one >= next));
}

#[test]
fn what_stands_on_the_touches_is_what_the_lead_has() {
    let mut world = World::new(rules::standard());
    world.policy.scores[1].half_life = None;
    for i in 0..200 {
        world.now = world.now + Micros::hours(7);
        let minutes = (i * 13 % 60).to_string();
        let kind = ["live_attended", "content_downloaded", "form_submitted", "unsubscribed"][i % 4];
        world.tell("live", &[("phone", "13900001111"), ("watch.minutes", &minutes), ("touch.kind", kind)]);
    }
    let lead = world.lead("phone", "+8613900001111");
    let given: i64 = world.touches.iter().filter_map(|touch| touch.points.get("interest")).sum();
    assert_eq!(lead.scores["interest"].micro, given);
}

/// A story of one person: (hours after the start, which kind, minutes), told in some order.
fn told(story: &[(i64, usize, i64)], order: &[usize]) -> World {
    let mut world = World::new(rules::standard());
    for model in &mut world.policy.scores {
        model.version = model.version_of();
    }
    let start = world.now;
    world.now = start + Micros::days(40);
    for place in order {
        let (hours, kind, minutes) = story[*place];
        let kind = ["live_attended", "content_downloaded", "form_submitted", "unsubscribed"][kind];
        let (minutes, second) = (minutes.to_string(), i64::try_from(*place).expect("small"));
        let raw = leadloop_sync_core::capture::RawLead {
            at: Some(start + Micros::hours(hours) + Micros::seconds(second)),
            fields: crate::world::record(&[
                ("phone", "13900001111"),
                ("watch.minutes", &minutes),
                ("touch.kind", kind),
            ]),
            ..Default::default()
        };
        let captured = world.read("live", &raw).expect("taken").expect("kept");
        world.take(&captured);
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_arrival_changes_neither_scores_nor_receipts(
        story in proptest::collection::vec((0_i64..200, 0_usize..4, 0_i64..60), 1..40),
        seed in any::<u64>(),
    ) {
        let straight: Vec<usize> = {
            let mut order: Vec<usize> = (0..story.len()).collect();
            order.sort_by_key(|place| (story[*place].0, *place));
            order
        };
        let mut shuffled = straight.clone();
        let mut dice = leadloop_sync_core::moment::Moment::new(leadloop_sync_core::time::Timestamp(0), seed);
        shuffled.sort_by_cached_key(|_| dice.throw());
        let (one, other) = (told(&story, &straight), told(&story, &shuffled));
        let receipts = |world: &World| {
            let mut list: Vec<_> = world.touches.iter().map(|touch| (touch.at, touch.points.clone())).collect();
            list.sort();
            list
        };
        prop_assert_eq!(receipts(&one), receipts(&other));
        let states = |world: &World| {
            let mut states = world.lead("phone", "+8613900001111").scores.clone();
            states.values_mut().for_each(|state| state.version = 0);
            states
        };
        prop_assert_eq!(states(&one), states(&other), "to the bit");
    }

    #[test]
    fn points_are_the_sum_of_receipts_and_counting_anew_changes_nothing(
        story in proptest::collection::vec((0_i64..200, 0_usize..4, 0_i64..60), 1..40),
        seed in any::<u64>(),
    ) {
        let mut order: Vec<usize> = (0..story.len()).collect();
        let mut dice = leadloop_sync_core::moment::Moment::new(leadloop_sync_core::time::Timestamp(0), seed);
        order.sort_by_cached_key(|_| dice.throw());
        let world = told(&story, &order);
        let lead = world.lead("phone", "+8613900001111");
        let replayed = score::replay::replay(lead, world.touches.clone(), &world.policy);
        prop_assert!(replayed.changed.is_empty(), "{:?}", replayed.changed);
        prop_assert_eq!(&replayed.scores["interest"].micro, &lead.scores["interest"].micro);
        prop_assert_eq!(&replayed.scores["interest"].by_day, &lead.scores["interest"].by_day);
        let model = &world.policy.scores[1];
        let left: i64 = world
            .touches
            .iter()
            .filter_map(|touch| Some(score::decayed(*touch.points.get("interest")?, world.now - touch.at, model.half_life)))
            .sum();
        let state = &lead.scores["interest"];
        let total = score::decayed(state.micro, world.now - state.as_of, model.half_life);
        prop_assert!((left - total).abs() <= 100, "{left} and {total}");
    }
}

#[test]
fn points_are_shown_short() {
    for (micro, text) in [
        (30 * MICRO, "30"),
        (7_500_000, "7.5"),
        (-1_250_000, "-1.25"),
        (4_999, "0"),
        (5_000, "0.01"),
        (-5_000, "-0.01"),
        (999_999, "1"),
    ] {
        assert_eq!(score::shown(micro), text);
    }
}
