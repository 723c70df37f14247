//! Which touches a won amount is owed to: five models, in whole cents, so that the parts always add up to the whole.

use serde::{Deserialize, Serialize};

use crate::time::{Micros, Timestamp};

/// Time in which the weight of a touch halves, where nothing else is said.
pub const HALF_LIFE: Micros = Micros::days(7);
/// The weight of a touch at the very end.
const ONE: i128 = 1 << 40;

/// How a won amount is divided among the touches before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// All to the first touch.
    First,
    /// All to the last touch.
    Last,
    /// The same to each.
    Linear,
    /// The nearer to the end the more: half of it for every half-life before.
    TimeDecay(Micros),
    /// Two fifths each to the first and the last, the rest to those between.
    PositionBased,
}

/// What each touch is owed of `cents`; the parts add up to it exactly. Touches are given by their times, oldest first.
#[must_use]
pub fn divide(model: Model, touches: &[Timestamp], won_at: Timestamp, cents: i64) -> Vec<i64> {
    let weights: Vec<i128> = weights(model, touches, won_at);
    let total: i128 = weights.iter().sum();
    if total == 0 {
        return vec![0; touches.len()];
    }
    let whole = i128::from(cents);
    let mut parts: Vec<(i64, i128)> = weights
        .iter()
        .map(|weight| {
            let share = whole * weight;
            (i64::try_from(share.div_euclid(total)).unwrap_or(0), share.rem_euclid(total))
        })
        .collect();
    // What rounding left goes to those who lost most by it; of equals to the earlier touch.
    let mut left = whole - parts.iter().map(|(part, _)| i128::from(*part)).sum::<i128>();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(parts.get(*at).map_or(0, |(_, rest)| *rest)), *at));
    for at in order {
        if left <= 0 {
            break;
        }
        if let Some((part, _)) = parts.get_mut(at) {
            *part += 1;
            left -= 1;
        }
    }
    parts.into_iter().map(|(part, _)| part).collect()
}

fn weights(model: Model, touches: &[Timestamp], won_at: Timestamp) -> Vec<i128> {
    let count = touches.len();
    let only = |wanted: usize| (0..count).map(|at| i128::from(at == wanted)).collect();
    match model {
        Model::First => only(0),
        Model::Last => only(count.saturating_sub(1)),
        Model::Linear => vec![1; count],
        Model::TimeDecay(half_life) => {
            touches.iter().map(|at| decayed((won_at - *at).0.max(0), half_life.0.max(1))).collect()
        }
        Model::PositionBased => match count {
            0..=2 => vec![1; count],
            // 40 : 20/(n-2) … : 40, in whole numbers.
            _ => {
                let between = i128::try_from(count - 2).unwrap_or(1);
                (0..count).map(|at| if at == 0 || at + 1 == count { 2 * between } else { 1 }).collect()
            }
        },
    }
}

/// The weight of a touch so long before the end: halved for every half-life, straight between. Never nothing, so that even an old
/// single touch gets what there is.
fn decayed(age: i64, half_life: i64) -> i128 {
    let halves = u32::try_from(age / half_life).unwrap_or(u32::MAX).min(39);
    let weight = ONE >> halves;
    let within = i128::from(age % half_life);
    (weight - weight / 2 * within / i128::from(half_life)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Moment;

    const MODELS: [Model; 5] =
        [Model::First, Model::Last, Model::Linear, Model::TimeDecay(HALF_LIFE), Model::PositionBased];

    fn day(day: i64) -> Timestamp {
        Timestamp(0) + Micros::days(day)
    }

    #[test]
    fn each_model_divides_as_it_says() {
        let touches = [day(0), day(7), day(14)];
        let divided = |model| divide(model, &touches, day(14), 10_000);
        assert_eq!(divided(Model::First), [10_000, 0, 0]);
        assert_eq!(divided(Model::Last), [0, 0, 10_000]);
        assert_eq!(divided(Model::Linear), [3_334, 3_333, 3_333]);
        assert_eq!(divided(Model::TimeDecay(HALF_LIFE)), [1_429, 2_857, 5_714]);
        assert_eq!(divided(Model::PositionBased), [4_000, 2_000, 4_000]);
        assert_eq!(divide(Model::PositionBased, &[day(0), day(1)], day(2), 5), [3, 2]);
        assert_eq!(divide(Model::TimeDecay(HALF_LIFE), &[day(0)], day(4_000), 7), [7]);
        assert_eq!(divide(Model::Linear, &[], day(1), 7), Vec::<i64>::new());
    }

    #[test]
    fn the_parts_add_up_to_the_whole_whatever_happens() {
        let mut dice = Moment::new(Timestamp(0), 5);
        for round in 0..5_000 {
            let count = 1 + dice.throw() % 40;
            let mut touches: Vec<Timestamp> =
                (0..count).map(|_| Timestamp(i64::try_from(dice.throw() % (1 << 50)).unwrap())).collect();
            touches.sort();
            let won_at = Timestamp(i64::try_from(dice.throw() % (1 << 50)).unwrap());
            let cents = i64::try_from(dice.throw() % 10_000_000_000).unwrap() - 100;
            for model in MODELS {
                let parts = divide(model, &touches, won_at, cents);
                assert_eq!(parts.len(), touches.len());
                assert_eq!(parts.iter().sum::<i64>(), cents, "round {round} {model:?}");
                if cents >= 0 {
                    assert!(parts.iter().all(|part| *part >= 0), "round {round} {model:?} {parts:?}");
                }
            }
        }
    }
}
