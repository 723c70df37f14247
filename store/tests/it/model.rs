//! Random batches, written to the store and to a [`Book`] that holds everything: whatever is asked for, both know the
//! same. A failing seed is printed; `SEED=… cargo test -p leadloop-store model` repeats it.

use std::collections::BTreeSet;

use leadloop_mapping::{Record, Value};
use leadloop_store::{Store, WriteLane};
use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::companies::{self, CompanyVerdict};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::handoff::{Handoff, HandoffState};
use leadloop_sync_core::ids::{LeadId, LinkName};
use leadloop_sync_core::mirror::MirrorKey;
use leadloop_sync_core::moment::Moment;

use crate::on_both;
use crate::samples::{
    at, binding, handoff, id, lead, mirror_row, phone, put, reaction, remote, remote_link, stamp, touch,
};

/// Few of each kind, so that batches meet.
const LEADS: u64 = 12;
const PHONES: u64 = 16;
const RECORDS: u64 = 8;
const COMPANIES: u64 = 8;
const BATCHES: usize = 30;
const SEEDS: u64 = 3;

struct Dice(Moment);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0.throw() % end
    }
    fn odds(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

#[tokio::test]
async fn the_store_and_a_book_of_everything_know_the_same() {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=SEEDS).collect(),
    };
    for seed in seeds {
        println!("SEED={seed}");
        on_both("model", |store| live(store, seed)).await;
    }
}

async fn live(store: Store, seed: u64) {
    let mut dice = Dice(Moment::new(at(0), seed));
    let mut all = Book::default();
    for round in 0..BATCHES {
        let mut decided = all.clone();
        let mut batch = Vec::new();
        for _ in 0..=dice.below(6) {
            let made = random_reaction(&mut dice, &decided, round);
            decided.apply(&made);
            batch.push(made);
        }
        let mut tx = store.begin(WriteLane::Hot).await.unwrap();
        // Whoever decides has read: here the identifiers, whose owners a commit compares.
        let read = Needs { identifiers: (0..PHONES).map(phone).collect(), ..Needs::default() };
        tx.load(&read).await.unwrap();
        let spoilt = dice.odds(5).then(|| spoil(&mut dice, &mut batch)).flatten();
        let done = tx.commit(&stamp("absorb"), &batch).await.unwrap();
        assert_eq!(done.stale.is_empty(), spoilt.is_none(), "{done:?}");
        assert!(spoilt.is_none_or(|at| done.stale.contains(&at)), "{spoilt:?} {done:?}");
        for (at, reaction) in batch.iter().enumerate() {
            if !done.stale.contains(&at) {
                all.apply(reaction);
            }
        }
        for _ in 0..4 {
            let needs = random_needs(&mut dice);
            let loaded = store.look(&needs).await.unwrap();
            assert_eq!(loaded, all.view(&needs), "seed {seed}, round {round}, {needs:?}");
        }
    }
}

/// Makes one reaction read its lead at a version that never was.
fn spoil(dice: &mut Dice, batch: &mut [Reaction]) -> Option<usize> {
    let place = usize::try_from(dice.below(batch.len() as u64)).unwrap();
    let mut spoilt = lead(900, 5);
    spoilt.recycled = 1;
    batch[place].effects.push(put(spoilt));
    Some(place)
}

fn random_reaction(dice: &mut Dice, book: &Book, round: usize) -> Reaction {
    // A reaction may see what an earlier one of its batch did, and its own earlier effects.
    let mut seen = book.clone();
    let mut effects = Vec::new();
    for _ in 0..=dice.below(4) {
        let effect = match dice.below(11) {
            0 | 1 => Some(random_lead(dice, &seen)),
            2 => {
                let of = dice.below(LEADS);
                let bound = Effect::Bind(binding(of, phone(dice.below(PHONES))));
                seen.leads.contains_key(&id(of)).then_some(bound)
            }
            3 => Some(Effect::Unbind(phone(dice.below(PHONES)))),
            4 => random_handoff(dice, &seen, round),
            5 => {
                let mut link = remote_link(dice.below(RECORDS), dice.below(LEADS));
                #[expect(clippy::cast_precision_loss, reason = "any number will do")]
                link.agreed.set("amount", Value::Real(dice.below(1 << 53) as f64 / 1.7e9));
                Some(Effect::LinkRemote(Box::new(link)))
            }
            6 => Some(random_mirror(dice)),
            7 => {
                let (of, when) = (dice.below(LEADS), i64::try_from(dice.below(999)).unwrap());
                let made = touch(10_000 + dice.below(1 << 40), of, when);
                seen.leads.contains_key(&id(of)).then(|| Effect::Touch(Box::new(made)))
            }
            8 => Some(Effect::SetCounter {
                key: format!("route/{}", dice.below(4)),
                value: serde_json::json!({ "turn": dice.below(9), "text": "轮到 \"谁\"\u{1}" }),
            }),
            9 => Some(Effect::CompanyVerdict(CompanyVerdict {
                one: company(dice.below(COMPANIES)),
                other: company(dice.below(COMPANIES)),
                same: dice.odds(2),
                who: "tester".into(),
                at: at(i64::try_from(dice.below(999)).unwrap()),
            })),
            _ => Some(Effect::MirrorSeen {
                link: LinkName::from("sales"),
                object: if dice.odds(2) { "lead".into() } else { "user".into() },
                at: at(i64::try_from(dice.below(999)).unwrap()),
            }),
        };
        if let Some(effect) = effect {
            seen.apply(&reaction(vec![effect.clone()]));
            effects.push(effect);
        }
    }
    reaction(effects)
}

/// A name of a company; of some there are two spellings, and some stand in the mirror.
fn company(n: u64) -> String {
    if n.is_multiple_of(2) { format!("示例{n}有限公司") } else { format!("示例{}（）", n - 1) }
}

fn random_lead(dice: &mut Dice, book: &Book) -> Effect {
    let n = dice.below(LEADS);
    let before = book.leads.get(&id(n));
    let mut next = lead(n, before.map_or(0, |lead| lead.version) + 1);
    next.recycled = u32::try_from(dice.below(99)).unwrap();
    next.won_amount = dice.odds(3).then_some(0.1 + 0.2);
    next.merged_into = before.and_then(|lead| lead.merged_into);
    if let Some(before) = before
        && dice.odds(3)
    {
        let into: LeadId = id(dice.below(LEADS));
        // Into a lead that stands for itself and not for this one: chains, but no circles.
        let stands = book.leads.get(&into).is_some_and(|lead| lead.merged_into.is_none());
        next.merged_into = (stands && into != before.id && !leads_to(book, into, before.id)).then_some(into);
    }
    put(next)
}

fn leads_to(book: &Book, from: LeadId, to: LeadId) -> bool {
    let mut at = Some(from);
    while let Some(id) = at {
        if id == to {
            return true;
        }
        at = book.leads.get(&id).and_then(|lead| lead.merged_into);
    }
    false
}

fn random_handoff(dice: &mut Dice, book: &Book, round: usize) -> Option<Effect> {
    let states = [
        HandoffState::Asking,
        HandoffState::Telling,
        HandoffState::Accepted,
        HandoffState::Returned,
        HandoffState::TakenBack,
        HandoffState::Parked,
    ];
    let mut state = states[usize::try_from(dice.below(6)).unwrap()];
    let n = 100 + dice.below(20);
    let before = book.handoffs.get(&id(n));
    let of = before.map_or_else(|| dice.below(LEADS), |before| before.lead.uuid().as_u64_pair().1 & 0xFFFF);
    let other_open = |h: &&Handoff| h.lead == id(of) && h.id != id(n) && h.state.is_open();
    if state.is_open() && book.handoffs.values().find(other_open).is_some() {
        state = HandoffState::Superseded;
    }
    let mut next = handoff(n, of, before.map_or(0, |before| before.version) + 1, state);
    next.state_since = at(i64::try_from(round).unwrap() * 1_000 + i64::try_from(dice.below(1_000)).unwrap());
    Some(Effect::PutHandoff(Box::new(next)))
}

fn random_mirror(dice: &mut Dice) -> Effect {
    let object =
        ["lead", "contact", "account", "user", "opportunity"][usize::try_from(dice.below(5)).unwrap()];
    let mut row = mirror_row(object, dice.below(RECORDS));
    row.facts.phones = (0..dice.below(3)).map(|_| phone(dice.below(PHONES)).value).collect();
    row.facts.company = (object == "lead").then(|| company(dice.below(COMPANIES)));
    row.facts.owner = dice.odds(2).then(|| dice.below(RECORDS).to_string());
    row.facts.account = (object != "account" && dice.odds(2)).then(|| dice.below(RECORDS).to_string());
    if object == "opportunity" {
        row.facts.people = vec![remote(if dice.odds(2) { "lead" } else { "contact" }, dice.below(RECORDS))];
    }
    row.facts.converted = if object == "lead" && dice.odds(4) { vec![remote("contact", 1)] } else { vec![] };
    row.modified_at = dice.odds(3).then(|| at(i64::try_from(dice.below(99)).unwrap()));
    row.deleted = dice.odds(6);
    Effect::PutMirror(Box::new(row))
}

fn random_needs(dice: &mut Dice) -> Needs {
    let mut needs = Needs::default();
    let sales = LinkName::from("sales");
    for _ in 0..=dice.below(3) {
        match dice.below(12) {
            0 => needs.identifiers.extend([phone(dice.below(PHONES)), Identifier::new("cookie", "none")]),
            1 => needs.leads.extend([id(dice.below(LEADS))]),
            2 => needs.handoffs.extend([id(100 + dice.below(20))]),
            3 => needs.remotes.extend([remote("lead", dice.below(RECORDS))]),
            4 => needs.keys.extend([key("phone", phone(dice.below(PHONES)).value)]),
            5 => needs.companies.extend([format!("company-{}", dice.below(4))]),
            6 => needs.counters.extend([format!("route/{}", dice.below(4))]),
            7 => needs.keys.extend([key("account", dice.below(RECORDS).to_string())]),
            8 => needs
                .rows
                .extend([remote("lead", dice.below(RECORDS)), remote("contact", dice.below(RECORDS))]),
            9 => {
                let lead = id(dice.below(LEADS));
                needs.leads.insert(lead);
                needs.touches_of.insert(lead);
            }
            10 => {
                needs.judged.extend(companies::key(&company(dice.below(COMPANIES))));
                needs.users_of.insert(sales.clone());
            }
            _ => {
                needs.users_of.insert(sales.clone());
                needs.fresh.insert(sales.clone());
                needs.load_of.insert(sales.clone());
            }
        }
    }
    needs
}

fn key(kind: &str, value: String) -> MirrorKey {
    MirrorKey { link: LinkName::from("sales"), kind: kind.into(), value }
}

#[tokio::test]
async fn numbers_come_back_to_the_last_bit() {
    on_both("bits", |store| async move {
        let mut dice = Dice(Moment::new(at(0), 7));
        let mut fields = Record::new();
        for n in 0..200 {
            let real = f64::from_bits(dice.0.throw());
            if real.is_finite() {
                fields.set(format!("n{n}"), Value::Real(real));
            }
        }
        let mut link = remote_link(1, 1);
        link.agreed = fields.clone();
        crate::write_path::written(&store, vec![Effect::LinkRemote(Box::new(link))]).await;
        let needs = Needs { remotes: BTreeSet::from([remote("lead", 1)]), ..Needs::default() };
        let book = store.look(&needs).await.unwrap();
        assert_eq!(book.links[&remote("lead", 1)].agreed, fields);
    })
    .await;
}
