//! What happens in a play and when, all of it drawn from the seed before it begins: who tells us what, what sales do, and
//! what goes wrong with nodes, clocks and the CRM.

use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::{Micros, Timestamp};
use serde_json::{Value, json};

use super::stage::START;

/// People that are told of.
pub(super) const PEOPLE: u64 = 4;
/// How long things happen.
pub(super) const ACTION: Micros = Micros::seconds(60);

/// What one source tells of one person.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) source: &'static str,
    pub(super) body: Value,
}

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A source pushes.
    Tell(Told),
    /// Somebody of sales does something to some record.
    Sell(u64),
    /// Somebody says that two leads are one person, or that they are not after all.
    Say(u64),
    /// A node dies; it is started again after a while.
    Die { node: usize, down: Micros },
    /// It is started.
    Start(usize),
    /// A node stands still.
    Freeze(usize),
    /// It goes on.
    Thaw(usize),
    /// Somebody sets the clock of a node.
    SetClock { node: usize, by: Micros },
    /// The next requests are throttled.
    Storm(u64),
    /// All tokens are gone.
    Expire,
    /// Another config is in force for a moment: what is decided just now is stale.
    Stale,
    /// It is over.
    Fresh,
    /// What is broken on purpose.
    Tamper,
}

fn below(dice: &mut Moment, most: u64) -> u64 {
    dice.throw() % most
}

fn some_time(dice: &mut Moment) -> Timestamp {
    START + Micros(i64::try_from(below(dice, ACTION.0.unsigned_abs())).unwrap_or(0))
}

fn span(dice: &mut Moment, least: i64, most: i64) -> Micros {
    Micros::millis(least + i64::try_from(below(dice, (most - least).unsigned_abs())).unwrap_or(0))
}

/// A phone as one of two sources writes it. The first two people share one; the third gets another in the middle.
fn phone(person: u64, source: usize, later: bool) -> String {
    let number = match person {
        1 => 0,
        2 if later => 90,
        _ => person,
    };
    if source == 0 {
        format!("+86 1390000{:04}", 1_000 + number)
    } else {
        format!("1390000{:04}", 1_000 + number)
    }
}

fn told(dice: &mut Moment, person: u64, source: usize, number: u64) -> Told {
    let name = ["website", "booth"][source];
    let mut body = json!({
        "name": format!("测试{person}"),
        "phone": phone(person, source, number > 0),
        "email": format!("test{person}@shili.example"),
        "company": format!("示例公司{person}"),
        "_submission_id": format!("{source}-{person}-{number}"),
    });
    if below(dice, 2) == 0 {
        body["requirement"] = format!("需求{person}").into();
    }
    Told { source: name, body }
}

/// Everything that happens, in order. `nodes`: how many there are; `faults`: whether anything goes wrong.
pub(super) fn play(dice: &mut Moment, nodes: usize, faults: bool) -> Vec<(Timestamp, Event)> {
    let mut events = Vec::new();
    for person in 0..PEOPLE {
        for source in 0..2 {
            for number in 0..1 + below(dice, 2) {
                let told = told(dice, person, source, number);
                for _ in 0..1 + below(dice, 2) {
                    events.push((some_time(dice), Event::Tell(told.clone())));
                }
            }
        }
    }
    for _ in 0..6 {
        events.push((some_time(dice), Event::Sell(dice.throw())));
    }
    if faults {
        wrong(dice, nodes, &mut events);
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

/// What people say of who is one person; with dice of its own, so that the rest of a seed stays as it is.
pub(super) fn said(seed: u64) -> Vec<(Timestamp, Event)> {
    let mut dice = Moment::new(START, seed ^ 0x6d65_7267);
    (0..6).map(|_| (some_time(&mut dice), Event::Say(dice.throw()))).collect()
}

fn wrong(dice: &mut Moment, nodes: usize, events: &mut Vec<(Timestamp, Event)>) {
    for _ in 0..1 + below(dice, 3) {
        let node = usize::try_from(below(dice, nodes as u64)).unwrap_or(0);
        events.push((some_time(dice), Event::Die { node, down: span(dice, 100, 9_000) }));
    }
    for _ in 0..below(dice, 3) {
        let node = usize::try_from(below(dice, nodes as u64)).unwrap_or(0);
        let (at, long) = (some_time(dice), span(dice, 200, 15_000));
        events.extend([(at, Event::Freeze(node)), (at + long, Event::Thaw(node))]);
    }
    for _ in 0..below(dice, 3) {
        let node = usize::try_from(below(dice, nodes as u64)).unwrap_or(0);
        events.push((some_time(dice), Event::SetClock { node, by: span(dice, -20_000, 5_000) }));
    }
    for _ in 0..below(dice, 3) {
        events.push((some_time(dice), Event::Storm(3 + below(dice, 20))));
    }
    for _ in 0..below(dice, 3) {
        events.push((some_time(dice), Event::Expire));
    }
    for _ in 0..below(dice, 3) {
        let at = some_time(dice);
        events.extend([(at, Event::Stale), (at + span(dice, 10, 150), Event::Fresh)]);
    }
}
