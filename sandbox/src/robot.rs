//! Played salespeople: they accept, return, convert, win and lose.
//!
//! What becomes of a lead is drawn from its own content and the seed, never from the order of events, so that two runs
//! with the same leads give the same answers.

use crate::api::{Answer, App};
use crate::dice::{Dice, stable_hash};
use crate::options::Mix;
use crate::record::{Author, Cell, Record, phone_digits};
use crate::refusal::Refusal;
use crate::schema::{Kind, pos};
use crate::shared::Shared;
use crate::take::{JsonObject, json_value, typed};
use crate::world::{Event, Opportunity, Page, World};
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Leads worked on under one lock.
const SLICE: usize = 500;
/// How often the robot looks around.
const LOOK: Duration = Duration::from_millis(100);

/// What becomes of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Ignore,
    GiveBack,
    Accept,
    Open,
    Win,
    Lose,
}

/// One step of a salesperson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Accepted,
    Returned,
    Converted,
    Won,
    Lost,
}

/// Feedback value, remark, reason of the return.
const ANSWERS: &[(i64, &str, &str)] = &[
    (2, "客户说明年预算批下来再采购，先保持联系。", "暂无采购计划"),
    (3, "电话里说不清具体需求，需要市场再了解。", "需求不明确"),
    (4, "已与其他供应商签约。", "已选竞品"),
    (5, "号码不是本人，联系不上。", "联系人无效"),
    (6, "有兴趣，但今年没有预算。", "无预算"),
    (7, "已经是我们的老客户，由原销售跟进。", "已是客户"),
    (8, "学生做课题，不采购。", "非目标客户"),
];
const RIVALS: &[&str] = &["示例竞品甲公司", "示例竞品乙公司", "示例竞品丙公司"];

/// Draw the fate of a lead and the dice for its details.
fn fate(seed: u64, lead: &Record, round: u64, mix: Mix) -> (Fate, Dice) {
    let phone = phone_digits(lead.text(pos::lead::PHONE));
    let email = lead.text(pos::lead::EMAIL).to_lowercase();
    let parts = [
        phone.as_str(),
        email.as_str(),
        lead.text(pos::lead::NAME),
        lead.text(pos::lead::COMPANY),
        &round.to_string(),
    ];
    let mut dice = Dice::new(stable_hash(seed, &parts));
    let weights = [
        (Fate::Ignore, mix.ignore),
        (Fate::GiveBack, mix.give_back),
        (Fate::Accept, mix.accept),
        (Fate::Open, mix.open),
        (Fate::Win, mix.win),
        (Fate::Lose, mix.lose),
    ];
    let total: u64 = weights.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut throw = dice.below(total);
    for (fate, weight) in weights {
        let weight = u64::from(weight);
        if throw < weight {
            return (fate, dice);
        }
        throw -= weight;
    }
    (Fate::Ignore, dice)
}

/// Which step comes next on a lead, if any.
fn next_step(world: &World, row: u32, fate: Fate) -> Option<Step> {
    let lead = world.alive(Kind::Leads, row)?;
    if !world.is_open_lead(row) {
        let opportunity = world.alive(Kind::Opportunities, lead.cell(pos::lead::OPPORTUNITY).as_row()?)?;
        let open = opportunity.cell(pos::opportunity::STAGE).as_int().is_some_and(|stage| stage < 4);
        let works = world.is_active(opportunity.cell(pos::opportunity::OWNER).as_row()?);
        return match fate {
            Fate::Win if open && works => Some(Step::Won),
            Fate::Lose if open && works => Some(Step::Lost),
            _ => None,
        };
    }
    if !world.is_active(lead.cell(pos::lead::OWNER).as_row()?) {
        return None;
    }
    match (lead.cell(pos::lead::STATUS).as_int()?, fate) {
        (1 | 2, Fate::Ignore) => None,
        (1 | 2, Fate::GiveBack) => Some(Step::Returned),
        (1 | 2, _) => Some(Step::Accepted),
        (3, Fate::Open | Fate::Win | Fate::Lose) => Some(Step::Converted),
        _ => None,
    }
}

/// Do the next step on a lead.
fn work_on(world: &mut World, seed: u64, row: u32, mix: Mix) -> Option<Step> {
    let round = world.rounds.get(&row).copied().unwrap_or(0);
    let lead = world.alive(Kind::Leads, row)?;
    let (fate, mut dice) = fate(seed, lead, round, mix);
    let step = next_step(world, row, fate)?;
    let lead = world.alive(Kind::Leads, row)?;
    let owner = lead.cell(pos::lead::OWNER).clone();
    let deal = lead.cell(pos::lead::OPPORTUNITY).as_row();
    match step {
        Step::Accepted => accept(world, row, owner),
        Step::Returned => give_back(world, row, &mut dice),
        Step::Converted => {
            // 20,000 to 500,000 yuan in steps of a hundred, in fen.
            let amount = (200 + i64::try_from(dice.below(4_801)).unwrap_or(0)) * 10_000;
            let wanted = Opportunity { name: None, amount: Some(amount) };
            world.convert(&Kind::Leads.id(row), None, None, Some(wanted), Author::Sales).ok()?;
        }
        Step::Won => close(world, deal?, vec![(pos::opportunity::STAGE, Cell::Int(4))]),
        Step::Lost => {
            let reason = 1 + i64::try_from(dice.below(4)).unwrap_or(0);
            let rival = pick(RIVALS, &mut dice).copied().filter(|_| reason == 2).unwrap_or_default();
            let cells = vec![
                (pos::opportunity::STAGE, Cell::Int(5)),
                (pos::opportunity::LOST_REASON, Cell::Int(reason)),
                (pos::opportunity::COMPETITOR, Cell::text(rival)),
            ];
            close(world, deal?, cells);
        }
    }
    Some(step)
}

fn pick<'a, T>(list: &'a [T], dice: &mut Dice) -> Option<&'a T> {
    let at = usize::try_from(dice.below(list.len() as u64)).ok()?;
    list.get(at)
}

fn accept(world: &mut World, row: u32, owner: Cell) {
    let mut call = crate::record::blank(Kind::Activities.schema());
    call[pos::activity::KIND] = Cell::text("call");
    call[pos::activity::SUBJECT] = Cell::text("首次电话沟通");
    call[pos::activity::LEAD] = Cell::Ref(row);
    call[pos::activity::OWNER] = owner;
    call[pos::activity::DONE] = Cell::Bool(true);
    world.insert(Kind::Activities, call, Author::Sales, None);
    let now = world.clock.now();
    let cells = vec![
        (pos::lead::STATUS, Cell::Int(3)),
        (pos::lead::FEEDBACK, Cell::Int(1)),
        (pos::lead::LAST_ACTIVITY, Cell::Int(now)),
    ];
    world.modify(Kind::Leads, row, cells, Author::Sales, Event::Updated);
}

fn give_back(world: &mut World, row: u32, dice: &mut Dice) {
    let Some((feedback, remark, reason)) = pick(ANSWERS, dice) else { return };
    let cells = vec![
        (pos::lead::STATUS, Cell::Int(5)),
        (pos::lead::FEEDBACK, Cell::Int(*feedback)),
        (pos::lead::FEEDBACK_REMARK, Cell::text(remark)),
        (pos::lead::RELEASE_REASON, Cell::text(reason)),
        (pos::lead::OWNER, Cell::Empty),
    ];
    world.modify(Kind::Leads, row, cells, Author::Sales, Event::Updated);
    *world.rounds.entry(row).or_default() += 1;
}

fn close(world: &mut World, deal: u32, mut cells: Vec<(usize, Cell)>) {
    cells.push((pos::opportunity::CLOSED_AT, Cell::Int(world.clock.now())));
    world.modify(Kind::Opportunities, deal, cells, Author::Sales, Event::Updated);
}

/// What the robot did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Done {
    steps: u64,
    accepted: u64,
    returned: u64,
    converted: u64,
    won: u64,
    lost: u64,
    ignored: u64,
}

impl Done {
    fn add(&mut self, step: Step) {
        self.steps += 1;
        *match step {
            Step::Accepted => &mut self.accepted,
            Step::Returned => &mut self.returned,
            Step::Converted => &mut self.converted,
            Step::Won => &mut self.won,
            Step::Lost => &mut self.lost,
        } += 1;
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RobotCall {
    #[serde(default = "all")]
    at_most: usize,
    mix: Option<Mix>,
}

fn all() -> usize {
    usize::MAX
}

/// Take every step that is open, at once.
pub(crate) async fn run(State(shared): App, JsonObject(map): JsonObject) -> Answer {
    let call: RobotCall = typed(map)?;
    let mix = call.mix.unwrap_or_else(|| shared.read(|world| world.tuning.robot.mix));
    let seed = shared.options.seed;
    let rows: Vec<u32> =
        shared.read(|world| world.live_rows(Kind::Leads).map(|(row, _)| row).take(call.at_most).collect());
    let mut done = Done::default();
    for slice in rows.chunks(SLICE) {
        shared.write(|world| {
            for row in slice {
                work_through(world, seed, *row, mix, &mut done);
            }
        })?;
        tokio::task::yield_now().await;
    }
    Ok(json_value(StatusCode::OK, &json!(done)))
}

fn work_through(world: &mut World, seed: u64, row: u32, mix: Mix, done: &mut Done) {
    let before = done.steps;
    // A lead has at most accept, convert, close; a returned one has no owner and rests.
    for _ in 0..4 {
        match work_on(world, seed, row, mix) {
            Some(step) => done.add(step),
            None => break,
        }
    }
    let waiting = world.alive(Kind::Leads, row).is_some_and(|lead| {
        matches!(lead.cell(pos::lead::STATUS).as_int(), Some(1 | 2))
            && lead.cell(pos::lead::OWNER).as_row().is_some_and(|owner| world.is_active(owner))
    });
    if done.steps == before && waiting {
        done.ignored += 1;
    }
}

/// The robot that works by itself while `robot.on`.
pub(crate) async fn live(shared: Arc<Shared>) {
    let mut watch = Watch::default();
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let robot = shared.read(|world| world.tuning.robot);
        if !robot.on {
            continue;
        }
        let delay = i64::from(robot.delay_ms) * 1_000;
        while let Ok(true) = watch.round(&shared, delay, robot.mix) {
            tokio::task::yield_now().await;
        }
    }
}

/// What the robot has seen and when it will look at which lead.
#[derive(Debug, Default)]
struct Watch {
    leads: Option<(i64, u32)>,
    deals: Option<(i64, u32)>,
    due: BTreeSet<(i64, u32)>,
}

impl Watch {
    /// Look at what changed, do what is due; true when there may be more at once.
    fn round(&mut self, shared: &Shared, delay: i64, mix: Mix) -> Result<bool, Refusal> {
        let seed = shared.options.seed;
        shared.write(|world| {
            let more = self.look(world, delay);
            let now = world.clock.now();
            for _ in 0..SLICE {
                let Some((at, row)) = self.due.first().copied().filter(|(at, _)| *at <= now) else {
                    return more;
                };
                self.due.remove(&(at, row));
                if rested(world, row, delay, now) {
                    work_on(world, seed, row, mix);
                }
            }
            true
        })
    }

    /// Put changed leads, and leads of changed opportunities, on the list.
    fn look(&mut self, world: &World, delay: i64) -> bool {
        let page = |after| Page { since: 0, after, limit: SLICE };
        let (leads, more_leads) = world.changed_now(Kind::Leads, page(self.leads));
        let (deals, more_deals) = world.changed_now(Kind::Opportunities, page(self.deals));
        for row in leads {
            let Some(lead) = world.record(Kind::Leads, row) else { continue };
            self.leads = Some((lead.modified_at, row));
            self.due.insert((lead.modified_at + delay, row));
        }
        for row in deals {
            let Some(deal) = world.record(Kind::Opportunities, row) else { continue };
            self.deals = Some((deal.modified_at, row));
            if let Some(lead) = deal.cell(pos::opportunity::LEAD).as_row() {
                self.due.insert((deal.modified_at + delay, lead));
            }
        }
        more_leads || more_deals
    }
}

/// Whether neither the lead nor its opportunity changed within the delay.
fn rested(world: &World, row: u32, delay: i64, now: i64) -> bool {
    let Some(lead) = world.alive(Kind::Leads, row) else { return false };
    let deal =
        lead.cell(pos::lead::OPPORTUNITY).as_row().and_then(|deal| world.alive(Kind::Opportunities, deal));
    let last = deal.map_or(lead.modified_at, |deal| deal.modified_at.max(lead.modified_at));
    last + delay <= now
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::blank;

    fn lead(n: u32) -> Record {
        let mut cells = blank(Kind::Leads.schema());
        cells[pos::lead::NAME] = Cell::text(&format!("测试{n}"));
        cells[pos::lead::PHONE] = Cell::text(&format!("139{n:08}"));
        Record {
            created_at: i64::from(n),
            modified_at: 0,
            version: 1,
            by: Author::Api,
            deleted: false,
            merged_into: None,
            cells,
        }
    }

    #[test]
    fn the_mix_is_kept_and_the_seed_decides() {
        let fates = |seed: u64, mix: Mix| -> Vec<Fate> {
            (0..2_000).map(|n| fate(seed, &lead(n), 0, mix).0).collect()
        };
        let mix = Mix::default();
        assert_eq!(fates(7, mix), fates(7, mix));
        assert_ne!(fates(7, mix), fates(8, mix));
        let won = fates(7, mix).iter().filter(|fate| **fate == Fate::Win).count();
        assert!((300..420).contains(&won), "{won} of 2000 at 18 %");
        let only = Mix { ignore: 0, give_back: 0, accept: 0, open: 0, win: 1, lose: 0 };
        assert!(fates(7, only).iter().all(|fate| *fate == Fate::Win));
        let none = Mix { win: 0, ..only };
        assert!(fates(7, none).iter().all(|fate| *fate == Fate::Ignore));
    }
}
