//! Stage 3, pool: scores. Several models over one timeline, each a few integers per lead, decayed when read.
//!
//! Points are micro-points (1 point = 1,000,000) and decay is a table of integers, so two runs agree to the bit. Nothing
//! has to run at night: a score is read at any time from the last state. Every touch carries its receipts; [`explain`]
//! lists what a score is made of. An event that comes late is counted where it belongs by [`replay`]. Which points make an
//! MQL is for [`crate::funnel`].

mod receipts;
pub mod replay;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use leadloop_mapping::expr::Facts;
use leadloop_mapping::{Record, Value};

use crate::because::Reason;
use crate::ids::SourceName;
use crate::lead::{Counted, Lead, ScoreState, Touch};
use crate::policy::{Policy, ScoreModel, TouchRule};
use crate::time::{Micros, Timestamp};

pub use receipts::{Part, Receipt, explain};

/// Micro-points of one point.
pub const MICRO: i64 = 1_000_000;
/// What rounding may have taken from a sum of many touches, in micro-points: half a point stays half a point.
const ROUNDING: i64 = 500;
/// Days whose sums are remembered for `cap_per_day`; events of days before count against the oldest of them.
const MOST_DAYS: usize = 60;

/// 2^62 · 2^(-1/2), 2^(-1/4), …, 2^(-1/2^32), rounded: what is left after a part of a half-life is a product of some.
const ROOTS: [u64; 32] = [
    3_260_954_456_333_195_553,
    3_877_950_241_171_266_237,
    4_228_934_724_888_366_668,
    4_416_165_660_797_809_419,
    4_512_867_096_753_504_463,
    4_562_008_997_483_360_349,
    4_586_780_255_215_411_731,
    4_599_216_278_082_138_665,
    4_605_446_927_862_164_404,
    4_608_565_417_332_308_035,
    4_610_125_453_837_388_245,
    4_610_905_670_110_601_999,
    4_611_295_827_762_151_833,
    4_611_490_918_967_884_501,
    4_611_588_467_665_893_036,
    4_611_637_242_788_701_951,
    4_611_661_630_543_559_956,
    4_611_673_824_469_352_645,
    4_611_679_921_444_339_948,
    4_611_682_969_934_856_344,
    4_611_684_494_180_870_228,
    4_611_685_256_304_066_092,
    4_611_685_637_365_711_255,
    4_611_685_827_896_545_643,
    4_611_685_923_161_965_790,
    4_611_685_970_794_676_601,
    4_611_685_994_611_032_191,
    4_611_686_006_519_210_032,
    4_611_686_012_473_298_964,
    4_611_686_015_450_343_433,
    4_611_686_016_938_865_668,
    4_611_686_017_683_126_786,
];

/// What is left of `micro` after `age`, when it halves every `half_life`. Ages below zero count as none. Never grows with
/// age, keeps its sign, and is zero after 63 half-lives.
#[must_use]
pub fn decayed(micro: i64, age: Micros, half_life: Option<Micros>) -> i64 {
    let Some(half_life) = half_life.filter(|length| length.0 > 0) else { return micro };
    let (age, half_life) = (age.0.max(0).unsigned_abs(), half_life.0.unsigned_abs());
    let (halvings, rest) = (age / half_life, age % half_life);
    if halvings >= 63 {
        return 0;
    }
    let part = (u128::from(rest) << 32) / u128::from(half_life);
    let mut factor: u128 = 1 << 62;
    for (bit, root) in ROOTS.iter().enumerate() {
        if part >> (31 - bit) & 1 == 1 {
            factor = (factor * u128::from(*root)) >> 62;
        }
    }
    let left = (u128::from(micro.unsigned_abs()) * factor) >> (62 + halvings);
    let left = i64::try_from(left).unwrap_or(i64::MAX);
    if micro < 0 { -left } else { left }
}

/// The whole points of a model now: attributes and what is left of touches, to the nearest point, within the range.
#[must_use]
pub fn points(model: &ScoreModel, state: &ScoreState, now: Timestamp) -> i64 {
    let touches = decayed(state.micro, now - state.as_of, model.half_life);
    let sum = state.attributes.saturating_mul(MICRO).saturating_add(touches);
    let whole = sum.saturating_add(MICRO / 2 + ROUNDING).div_euclid(MICRO);
    whole.clamp(model.range.0, model.range.1)
}

/// The points of all models now, by name.
#[must_use]
pub fn all(lead: &Lead, policy: &Policy, now: Timestamp) -> BTreeMap<String, i64> {
    let none = ScoreState::default();
    let of = |model: &ScoreModel| points(model, lead.scores.get(&model.name).unwrap_or(&none), now);
    policy.scores.iter().map(|model| (model.name.clone(), of(model))).collect()
}

/// Counts what the profile says, for every model that adds points for it. A condition that cannot be decided does not
/// hold.
pub fn attributes(lead: &mut Lead, facts: &Facts, policy: &Policy) {
    for model in policy.scores.iter().filter(|model| !model.add.is_empty()) {
        let held = model.add.iter().filter(|rule| rule.when.eval_bool(facts).unwrap_or(false));
        let sum = held.fold(0_i64, |sum, rule| sum.saturating_add(rule.points));
        if sum != 0 || lead.scores.contains_key(&model.name) {
            state_of(lead, model).attributes = sum;
        }
    }
}

/// Counts a touch, for every model: its receipts stand on the touch afterwards. `facts` are those of the lead at this
/// touch.
pub fn count(lead: &mut Lead, touch: &mut Touch, facts: &Facts, policy: &Policy) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for model in policy.scores.iter().filter(|model| model.from.is_none()) {
        let worths = worths(model, touch, facts);
        if worths.is_empty() && !model.looks_beyond() {
            continue;
        }
        let state = state_of(lead, model);
        for (rule, worth) in &worths {
            let given = give(model, state, (*rule, *worth), touch, &policy.zone);
            let said = |code: &str| {
                Reason::new(code)
                    .with("score", &model.name)
                    .with("touch", &touch.kind)
                    .with("points", shown(given))
            };
            if given != *worth {
                reasons.push(said("points_capped").with("of", shown(*worth)));
            } else if given != 0 {
                reasons.push(said("points"));
            }
        }
        if model.looks_beyond() {
            let counted = Counted { version: model.version, worths };
            touch.counted.insert(model.name.clone(), counted);
        }
    }
    reasons
}

/// The state of a model for a lead. One that begins with the lead counts its whole history.
fn state_of<'l>(lead: &'l mut Lead, model: &ScoreModel) -> &'l mut ScoreState {
    let version = if lead.touches <= 1 { model.version } else { 0 };
    let state = lead.scores.entry(model.name.clone());
    state.or_insert_with(|| ScoreState { version, ..ScoreState::default() })
}

/// What each rule of a model that speaks of this touch gives for it before any cap: by the rule's key.
fn worths(model: &ScoreModel, touch: &Touch, facts: &Facts) -> Vec<(u32, i64)> {
    let rules = model.touches.iter().filter(|rule| rule.touch == touch.kind);
    rules.filter_map(|rule| Some((rule.key(), worth(rule, facts)?))).collect()
}

/// Gives a touch what is left of a rule's worth under the caps; the receipt stands on the touch afterwards.
fn give(
    model: &ScoreModel,
    state: &mut ScoreState,
    (rule, worth): (u32, i64),
    touch: &mut Touch,
    zone: &TimeZone,
) -> i64 {
    let given = capped(model, rule, state, worth, day_of(touch.at, zone));
    if given != 0 {
        add(model, state, given, touch.at);
        *touch.points.entry(model.name.clone()).or_default() += given;
    }
    given
}

/// What a rule gives for a touch before any cap; `None` where it does not hold.
fn worth(rule: &TouchRule, facts: &Facts) -> Option<i64> {
    if rule.when.as_ref().is_some_and(|when| !when.eval_bool(facts).unwrap_or(false)) {
        return None;
    }
    let plus = rule.plus.as_ref().and_then(|plus| plus.eval_scaled(facts, 1_000_000).ok()).unwrap_or(0);
    Some(rule.points.saturating_mul(MICRO).saturating_add(plus))
}

/// What is left of a worth under the rule's and the day's caps, which hold for points given, not for points taken.
fn capped(model: &ScoreModel, rule: u32, state: &mut ScoreState, worth: i64, day: i32) -> i64 {
    let mut given = worth;
    if given <= 0 {
        return given;
    }
    let at_most = model.touches.iter().find(|known| known.key() == rule).and_then(|rule| rule.at_most);
    let so_far = state.by_rule.get(&rule).copied().unwrap_or(0);
    if let Some(most) = at_most {
        given = given.min(most.saturating_mul(MICRO).saturating_sub(so_far).max(0));
    }
    if let Some(most) = model.cap_per_day {
        let day = day_kept(state, day);
        let so_far = state.by_day.get(&day).copied().unwrap_or(0);
        given = given.min(most.saturating_mul(MICRO).saturating_sub(so_far).max(0));
        state.by_day.insert(day, so_far.saturating_add(given));
        while state.by_day.len() > MOST_DAYS {
            state.by_day.pop_first();
        }
    }
    if at_most.is_some() {
        state.by_rule.insert(rule, so_far.saturating_add(given));
    }
    given
}

/// The day whose sum counts: days before the oldest remembered one share its sum, so that late events have no free cap.
fn day_kept(state: &ScoreState, day: i32) -> i32 {
    match state.by_day.first_key_value() {
        Some((oldest, _)) if state.by_day.len() >= MOST_DAYS => day.max(*oldest),
        _ => day,
    }
}

fn day_of(at: Timestamp, zone: &TimeZone) -> i32 {
    let day = at.in_zone(zone).date();
    jiff::civil::date(1970, 1, 1).until(day).map_or(0, |span| span.get_days())
}

/// Adds micro-points of a time. An event that comes late counts as if it had come in time, for decay is linear.
fn add(model: &ScoreModel, state: &mut ScoreState, micro: i64, at: Timestamp) {
    if state.micro == 0 || at >= state.as_of {
        let before = decayed(state.micro, at - state.as_of, model.half_life);
        state.micro = before.saturating_add(micro);
        state.as_of = at;
    } else {
        state.micro = state.micro.saturating_add(decayed(micro, state.as_of - at, model.half_life));
    }
}

/// Takes the points that an outside MA sent (`score.NAME`) for the models it feeds. An older number than the last is
/// ignored.
pub fn take(
    lead: &mut Lead,
    source: &SourceName,
    fields: &Record,
    at: Timestamp,
    policy: &Policy,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (name, value) in fields.iter() {
        let Some(name) = name.strip_prefix("score.") else { continue };
        let fed = policy.scores.iter().find(|model| model.name == name && fed_by(model, source));
        let (Some(model), Some(micro)) = (fed, micro_of(value)) else {
            reasons.push(Reason::new("score_not_fed").with("score", name).with("source", source));
            continue;
        };
        let state = lead.scores.entry(model.name.clone()).or_default();
        if (at, micro) >= (state.as_of, state.micro) {
            state.micro = micro;
            state.as_of = at;
            reasons.push(
                Reason::new("points_sent")
                    .with("score", name)
                    .with("source", source)
                    .with("points", shown(micro)),
            );
        }
    }
    reasons
}

fn fed_by(model: &ScoreModel, source: &SourceName) -> bool {
    model.from.as_deref() == Some(source.as_str())
}

fn micro_of(value: &Value) -> Option<i64> {
    match value {
        Value::Int(points) => points.checked_mul(MICRO),
        #[expect(clippy::cast_possible_truncation, reason = "guarded by the range check")]
        Value::Real(points) if points.abs() < 9.0e12 => Some((points * 1.0e6).round() as i64),
        _ => None,
    }
}

/// Micro-points as a person reads them, with at most two digits behind the point.
#[must_use]
pub fn shown(micro: i64) -> String {
    let hundredths = (i128::from(micro) * 100 + i128::from(micro.signum() * MICRO / 2)) / i128::from(MICRO);
    let (sign, rest) = (if hundredths < 0 { "-" } else { "" }, hundredths.unsigned_abs());
    match (rest / 100, rest % 100) {
        (whole, 0) => format!("{sign}{whole}"),
        (whole, part) if part % 10 == 0 => format!("{sign}{whole}.{}", part / 10),
        (whole, part) => format!("{sign}{whole}.{part:02}"),
    }
}

/// The state of one model for a person that was two leads: the sum of both, as of the later, with what both together got
/// beyond the caps taken away again; a number that was sent is the later one. Attributes are counted anew by the caller.
#[must_use]
pub fn joined(model: &ScoreModel, one: &ScoreState, other: &ScoreState, zone: &TimeZone) -> ScoreState {
    let (later, earlier) = if one.as_of >= other.as_of { (one, other) } else { (other, one) };
    let mut joined = later.clone();
    if model.from.is_some() {
        return joined;
    }
    joined.version = if one.version == other.version { one.version } else { 0 };
    let as_of = later.as_of;
    let before = decayed(earlier.micro, as_of - earlier.as_of, model.half_life);
    joined.micro = later.micro.saturating_add(before);
    for (rule, given) in &earlier.by_rule {
        let most = model.touches.iter().find(|known| known.key() == *rule).and_then(|rule| rule.at_most);
        let sum = joined.by_rule.entry(*rule).or_default();
        let beyond = add_capped(sum, *given, most);
        // Which of the touches were too many is not kept; the older lead's are.
        let left = decayed(beyond, as_of - earlier.as_of, model.half_life);
        joined.micro = joined.micro.saturating_sub(left);
    }
    for (day, given) in &earlier.by_day {
        let sum = joined.by_day.entry(*day).or_default();
        let beyond = add_capped(sum, *given, model.cap_per_day);
        let left = decayed(beyond, as_of - noon_of(*day, zone).unwrap_or(as_of), model.half_life);
        joined.micro = joined.micro.saturating_sub(left);
    }
    while joined.by_day.len() > MOST_DAYS {
        joined.by_day.pop_first();
    }
    joined
}

/// Adds to a sum under a cap of so many points; what was beyond it.
fn add_capped(sum: &mut i64, given: i64, most: Option<i64>) -> i64 {
    let all = sum.saturating_add(given);
    *sum = most.map_or(all, |most| all.min(most.saturating_mul(MICRO)));
    all - *sum
}

fn noon_of(day: i32, zone: &TimeZone) -> Option<Timestamp> {
    let day = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(day)).ok()?;
    day.at(12, 0, 0, 0).to_zoned(zone.clone()).ok().map(|noon| noon.timestamp().into())
}
