//! One person of several leads: whatever is linked, merged, parted, moved to a new phone and said apart, in any order,
//! nothing is lost and nothing told twice, and what was merged comes apart as it was.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_sync_core::book::Book;
use leadloop_sync_core::capture::{CaptureEnd, Captured, Identifier, RawLead, Ties};
use leadloop_sync_core::effect::Reaction;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::{Bonds, Lead};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::person::mark::{self, Mark};
use leadloop_sync_core::person::{self, merge, part, phone};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::time::{Micros, Timestamp};
use proptest::prelude::*;

use crate::rules;
use crate::world::{World, record};

/// An order, as it is decided.
type Made<'m> = dyn Fn(&Book, &Policy, &mut Moment) -> Result<Vec<Reaction>, person::Refusal> + 'm;

/// Something that happens.
#[derive(Clone, Debug)]
enum Op {
    /// A record of a person: which of their identifiers it tells, on which device, how many minutes late.
    Tell(u8, u8, u8, u8),
    /// A source links a person's account to another's, or to a device.
    Link(u8, u8),
    /// A source unlinks an identifier of a person.
    Unlink(u8, u8),
    /// Somebody merges two leads, by their place among all.
    Merge(u8, u8),
    /// Somebody takes a merge back.
    Part(u8),
    /// Somebody says that two are different people.
    Apart(u8, u8),
    /// A person gets a new phone.
    Phone(u8, u8),
    /// Somebody adds a tag to a lead, removes it, or writes a remark.
    Mark(u8, u8),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0_u8..5, 1_u8..32, 0_u8..3, 0_u8..90).prop_map(|(who, which, device, late)| Op::Tell(who, which, device, late)),
        1 => (0_u8..5, 0_u8..8).prop_map(|(one, other)| Op::Link(one, other)),
        1 => (0_u8..5, 0_u8..4).prop_map(|(who, which)| Op::Unlink(who, which)),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(one, other)| Op::Merge(one, other)),
        2 => any::<u8>().prop_map(Op::Part),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(one, other)| Op::Apart(one, other)),
        1 => (any::<u8>(), 0_u8..6).prop_map(|(who, number)| Op::Phone(who, number)),
        1 => (any::<u8>(), 0_u8..7).prop_map(|(who, what)| Op::Mark(who, what)),
    ]
}

fn number(person: u8) -> String {
    format!("1390000{:04}", 1000 + u32::from(person))
}

fn own(person: u8, which: u8) -> Identifier {
    match which {
        0 => Identifier::new("phone", format!("+86{}", number(person))),
        1 => Identifier::new("email", format!("test{person}@shili.example")),
        2 => Identifier::new("unionid", format!("oTEST{person:04}")),
        3 => Identifier::new("login_id", format!("u_{person:04}")),
        device => Identifier::new("cookie", format!("device-{device}")),
    }
}

fn captured(world: &mut World, (person, which, device): (u8, u8, u8), ties: Ties, at: Timestamp) -> Captured {
    let mut fields: Vec<(String, String)> = (0..4)
        .filter(|bit| which >> bit & 1 == 1)
        .map(|bit| own(person, bit))
        .map(|one| (one.kind.0, one.value.replace("+86", "")))
        .collect();
    if which & 16 != 0 || fields.is_empty() {
        fields.push(("cookie".into(), format!("device-{device}")));
    }
    fields.push(("city".into(), format!("城市{person}{which}")));
    if which % 3 == 0 {
        fields.push(("name".into(), format!("测试{}", ["甲", "乙", "丙", "丁", "戊"][usize::from(person)])));
    }
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let raw = RawLead { at: Some(at), fields: record(&fields), ties, ..RawLead::default() };
    world.read("live", &raw).expect("taken").expect("kept")
}

fn nth(world: &World, place: u8) -> Option<LeadId> {
    let all: Vec<LeadId> = world.book.leads.keys().copied().collect();
    all.get(usize::from(place).checked_rem(all.len())?).copied()
}

/// Plays what happens; how many captures were taken in.
fn play(world: &mut World, ops: &[Op]) -> usize {
    let mut told = 0;
    for op in ops {
        world.now = world.now + Micros::minutes(1);
        let now = world.now;
        let ties = |link: Vec<(Identifier, Identifier)>, unlink: Vec<Identifier>| Ties { link, unlink };
        match op {
            Op::Tell(person, which, device, late) => {
                let at = now - Micros::minutes(i64::from(*late));
                let capture = captured(world, (*person, *which, *device), Ties::default(), at);
                world.take(&capture);
                told += 1;
            }
            Op::Link(one, other) => {
                let pair = (own(*one, 3), if *other < 5 { own(*other, 3) } else { own(0, *other) });
                if pair.0 != pair.1 {
                    let capture = captured(world, (*one, 8, 0), ties(vec![pair], vec![]), now);
                    world.take(&capture);
                    told += 1;
                }
            }
            Op::Unlink(person, which) => {
                let capture = captured(world, (*person, 8, 0), ties(vec![], vec![own(*person, *which)]), now);
                world.take(&capture);
                told += 1;
            }
            Op::Merge(one, other) => {
                if let (Some(one), Some(other)) = (nth(world, *one), nth(world, *other)) {
                    let _ = world.order(|book, policy, moment| {
                        merge::merge(book, (one, other), &[], "tester", policy, moment).map(|made| vec![made])
                    });
                }
            }
            Op::Part(who) => {
                if let Some(who) = nth(world, *who) {
                    let _ =
                        world.order(|book, policy, moment| part::part(book, who, "tester", policy, moment));
                }
            }
            Op::Apart(one, other) => {
                if let (Some(one), Some(other)) = (nth(world, *one), nth(world, *other)) {
                    let _ = world.order(|book, _, moment| {
                        merge::apart(book, (one, other), "tester", moment).map(|made| vec![made])
                    });
                }
            }
            Op::Phone(who, to) => {
                if let Some(who) = nth(world, *who) {
                    let to = number(100 + to);
                    let _ = world.order(|book, policy, moment| {
                        phone::change(book, (who, &to), "tester", policy, moment).map(|made| vec![made])
                    });
                }
            }
            Op::Mark(who, what) => {
                if let Some(who) = nth(world, *who) {
                    let tag = vec![format!("tag {}", what % 3)];
                    let said = match what {
                        0..=2 => Mark::Add(tag),
                        3..=4 => Mark::Remove(tag),
                        _ => Mark::Remark(format!("remark {what}")),
                    };
                    let _ = world.order(|book, policy, moment| {
                        mark::mark(book, (who, &said), "tester", policy, moment).map(|made| vec![made])
                    });
                }
            }
        }
    }
    told
}

/// What must hold whatever happened.
fn check(world: &World, told: usize) {
    let captures: BTreeSet<_> = world.touches.iter().map(|touch| touch.capture).collect();
    assert_eq!((world.touches.len(), captures.len()), (told, told), "one touch for each capture");
    let born: Vec<CaptureEnd> = world.touches.iter().map(|touch| CaptureEnd::Touched(touch.lead)).collect();
    assert_eq!(world.ends, born, "a capture stays with the lead of its touch");
    for id in world.book.leads.keys() {
        assert!(world.book.resolve(*id).is_some_and(|lead| lead.merged_into.is_none()), "{id} resolves");
    }
    let mut counted = 0;
    for lead in world.people() {
        assert_eq!(
            world.timeline(lead).len(),
            usize::try_from(lead.touches).expect("few"),
            "touches of {}",
            lead.id
        );
        counted += usize::try_from(lead.touches).expect("few");
        for identifier in &lead.identifiers {
            let of = world.book.lead_of(identifier).map(|found| found.id);
            assert_eq!(of, Some(lead.id), "{identifier:?}");
        }
        assert!(lead.marks.remarks.is_sorted(), "remarks stand as they were written: {:?}", lead.marks);
        assert_eq!(lead.bonds.own.is_some(), person::members(&world.book, lead.id).len() > 1, "{}", lead.id);
    }
    assert_eq!(counted, told, "what all people did is all that was told");
    for identifier in world.book.identifiers.keys() {
        let lead = world.book.lead_of(identifier).expect("it leads to somebody");
        assert!(lead.identifiers.contains(identifier), "{identifier:?} of {}", lead.id);
    }
}

/// A lead without what only counts writings.
fn bare(lead: &Lead) -> Lead {
    let mut lead = lead.clone();
    lead.version = 0;
    lead.bonds.apart.clear();
    if let Some(own) = &mut lead.bonds.own {
        own.bonds.apart.clear();
    }
    lead
}

/// All that the book knows, line by line.
fn shown(book: &Book) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    for lead in book.leads.values() {
        lines_of(&lead.id.to_string(), &serde_json::json!(bare(lead)), &mut lines);
    }
    for binding in book.identifiers.values() {
        lines.insert(format!("{:?}", binding.identifier), format!("{binding:?}"));
    }
    lines
}

fn lines_of(path: &str, json: &serde_json::Value, lines: &mut BTreeMap<String, String>) {
    match json.as_object() {
        Some(fields) => {
            fields.iter().for_each(|(name, value)| lines_of(&format!("{path}.{name}"), value, lines))
        }
        None => drop(lines.insert(path.to_owned(), json.to_string())),
    }
}

/// What differs between the two.
fn changes(was: &BTreeMap<String, String>, is: &BTreeMap<String, String>) -> Vec<String> {
    let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let differing = keys.into_iter().filter(|key| was.get(*key) != is.get(*key));
    differing.map(|key| format!("{key}: {:?} -> {:?}", was.get(key), is.get(key))).collect()
}

/// What a person is, whatever edges it hangs together by.
fn whole(lead: &Lead) -> Lead {
    Lead {
        bonds: Bonds { former: lead.bonds.former.clone(), ..Bonds::default() },
        version: 0,
        ..lead.clone()
    }
}

/// As many people as there are seeds, each with records of their own.
fn strangers(seeds: &[(u8, u8)]) -> World {
    let mut world = World::new(rules::standard());
    for (place, (which, late)) in seeds.iter().enumerate() {
        let person = u8::try_from(place).expect("few");
        let marks = [Op::Mark(person, which % 3), Op::Mark(person, 5)];
        play(&mut world, &[Op::Tell(person, which | 1, 0, *late), Op::Tell(person, 3, 0, 0)]);
        play(&mut world, &marks);
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_or_doubled_by_any_sequence(ops in proptest::collection::vec(op(), 1..40)) {
        let mut world = World::new(rules::standard());
        let mut told = 0;
        for op in &ops {
            told += play(&mut world, std::slice::from_ref(op));
            check(&world, told);
        }
    }

    #[test]
    fn the_order_of_merges_does_not_change_who_somebody_is(
        seeds in proptest::collection::vec((0_u8..16, 0_u8..90), 2..5),
        orders in (any::<u64>(), any::<u64>()),
    ) {
        let merged = |seed: u64| {
            let mut world = strangers(&seeds);
            let ids: Vec<LeadId> = world.book.leads.keys().copied().collect();
            world.now = world.now + Micros::minutes(1);
            let mut dice = Moment::new(Timestamp(0), seed);
            while world.people().len() > 1 {
                let mut pick = || ids[usize::try_from(dice.throw() % ids.len() as u64).expect("small")];
                let (one, other) = (pick(), pick());
                let _ = world.order(|book, policy, moment| {
                    merge::merge(book, (one, other), &[], "tester", policy, moment).map(|made| vec![made])
                });
            }
            check(&world, seeds.len() * 2);
            whole(world.people()[0])
        };
        prop_assert_eq!(merged(orders.0), merged(orders.1));
    }

    #[test]
    fn a_merge_that_is_taken_back_leaves_no_trace(
        before in proptest::collection::vec(op(), 1..25),
        pick in (any::<u8>(), any::<u8>()),
    ) {
        let mut world = World::new(rules::standard());
        play(&mut world, &before);
        world.now = world.now + Micros::minutes(1);
        let (Some(one), Some(other)) = (nth(&world, pick.0), nth(&world, pick.1)) else { return Ok(()) };
        let (one, other) = (world.book.resolve(one).expect("there").id, world.book.resolve(other).expect("there").id);
        prop_assume!(one != other);
        let was = shown(&world.book);
        world.order(|book, policy, moment| {
            merge::merge(book, (one, other), &[], "tester", policy, moment).map(|made| vec![made])
        }).expect("two people");
        let gone = if world.book.leads[&one].merged_into.is_some() { one } else { other };
        world.order(|book, policy, moment| part::part(book, gone, "tester", policy, moment)).expect("merged");
        prop_assert_eq!(changes(&was, &shown(&world.book)), Vec::<String>::new());
    }

    #[test]
    fn what_came_meanwhile_goes_to_whom_it_belongs(
        seeds in proptest::collection::vec((0_u8..16, 0_u8..90), 2..3),
        meanwhile in proptest::collection::vec((0_u8..2, 1_u8..16, 0_u8..90), 0..8),
    ) {
        let after = |merge_first: bool| {
            let mut world = strangers(&seeds);
            let ids: Vec<LeadId> = world.book.leads.keys().copied().collect();
            if merge_first {
                world.order(|book, policy, moment| {
                    merge::merge(book, (ids[0], ids[1]), &[], "tester", policy, moment).map(|made| vec![made])
                }).expect("two people");
            }
            for (person, which, late) in &meanwhile {
                // Always with something that is known to be theirs.
                play(&mut world, &[Op::Tell(*person, which | 1, 0, *late)]);
            }
            if merge_first {
                let gone = ids.iter().find(|id| world.book.leads[id].merged_into.is_some()).copied().expect("merged");
                world.order(|book, policy, moment| part::part(book, gone, "tester", policy, moment)).expect("merged");
            }
            check(&world, (seeds.len() * 2) + meanwhile.len());
            let people: Vec<_> = world.people().into_iter().map(|lead| {
                (lead.profile.clone(), lead.identifiers.clone(), lead.touches, lead.last_touch_at, lead.origin.clone(), lead.scores.clone())
            }).collect();
            people
        };
        prop_assert_eq!(after(true), after(false));
    }
}

#[test]
fn who_was_said_to_be_different_is_never_joined_by_a_rule() {
    let mut world = World::new(rules::standard());
    world.tell("live", &[("email", "jia@shili.example")]);
    world.tell("live", &[("phone", "13900001111")]);
    let ids: Vec<LeadId> = world.book.leads.keys().copied().collect();
    world
        .order(|book, _, moment| {
            merge::apart(book, (ids[0], ids[1]), "tester", moment).map(|made| vec![made])
        })
        .expect("two people");
    world.tell("live", &[("email", "jia@shili.example"), ("phone", "13900001111")]);
    assert_eq!(world.people().len(), 2);
    assert!(world.suspects.is_empty(), "nobody is asked again");
    // Somebody may change their mind.
    world
        .order(|book, policy, moment| {
            merge::merge(book, (ids[0], ids[1]), &[], "tester", policy, moment).map(|made| vec![made])
        })
        .expect("two people");
    world.tell("live", &[("email", "jia@shili.example"), ("phone", "13900001111")]);
    assert_eq!(world.people().len(), 1);
    check(&world, 4);
}

#[test]
fn orders_that_make_no_sense_are_refused_with_their_code() {
    let mut world = World::new(rules::standard());
    world.tell("live", &[("phone", "13900001111")]);
    world.now = world.now + Micros::minutes(1);
    world.tell("live", &[("phone", "13900002222")]);
    let ids = [world.lead("phone", "+8613900001111").id, world.lead("phone", "+8613900002222").id];
    let nobody = LeadId::new(uuid::Uuid::from_u128(7));
    let mut code = |made: &Made<'_>| world.order(made).map_or_else(|refusal| refusal.code, |()| "done");
    let merge = |one, other| {
        move |book: &Book, policy: &_, moment: &mut _| {
            merge::merge(book, (one, other), &[], "tester", policy, moment).map(|made| vec![made])
        }
    };
    let change = |lead, number: &'static str| {
        move |book: &Book, policy: &_, moment: &mut _| {
            phone::change(book, (lead, number), "tester", policy, moment).map(|made| vec![made])
        }
    };
    assert_eq!(code(&merge(ids[0], nobody)), "LL4500");
    assert_eq!(code(&merge(ids[0], ids[0])), "LL4502");
    assert_eq!(code(&|book, policy, moment| part::part(book, ids[0], "tester", policy, moment)), "LL4503");
    assert_eq!(code(&change(ids[0], "no number")), "LL4504");
    assert_eq!(code(&change(ids[0], "400-820-8820")), "LL4504");
    assert_eq!(code(&change(ids[0], "13800000000")), "LL4504");
    assert_eq!(code(&change(ids[0], "13900002222")), "LL4505");
    assert_eq!(code(&merge(ids[0], ids[1])), "done");
    assert_eq!(
        code(&|book, _, moment| merge::apart(book, (ids[0], ids[1]), "tester", moment).map(|made| vec![made])),
        "LL4502"
    );
    assert_eq!(code(&|book, policy, moment| part::part(book, ids[0], "tester", policy, moment)), "LL4503");
    assert_eq!(code(&|book, policy, moment| part::part(book, ids[1], "tester", policy, moment)), "done");
}
