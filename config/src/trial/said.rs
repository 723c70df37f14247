//! A failing test as a problem of the config: at the expectation that was not met, with the rules that had to do with it.

use super::{Expect, Trial};
use crate::load::Rules;
use crate::problem::{Problem, Words};

/// The failing tests as problems.
#[must_use]
pub fn problems(rules: &Rules, trials: &[Trial]) -> Vec<Problem> {
    trials.iter().filter_map(|trial| problem(rules, trial)).collect()
}

fn problem(rules: &Rules, trial: &Trial) -> Option<Problem> {
    let (first, others) = trial.misses.split_first()?;
    let label = Words::new(format!("found {}", first.found.en), format!("实际为 {}", first.found.zh));
    let mut problem = Problem::error(
        "LL2060",
        &first.span,
        Words::new(
            format!("the test \"{}\" fails: `{}`", trial.name, first.key),
            format!("测试“{}”未通过：`{}`", trial.name, first.key),
        ),
        label,
    );
    for miss in others {
        problem =
            problem.also(&miss.span, format!("found {}", miss.found.en), format!("实际为 {}", miss.found.zh));
    }
    let decided = trial.seen.decision.as_ref().and_then(|decision| decision.rule.as_ref());
    if let Some(place) = decided.and_then(|rule| rules.places.get(rule)) {
        problem = problem.also(place, "this rule decided", "由此规则决定");
    }
    let wanted = rules.tests.iter().find(|test| test.name == trial.name).and_then(|test| {
        test.expect.iter().find_map(|expectation| match &expectation.what {
            Expect::Rule(rule) if Some(rule) != decided => rules.places.get(rule),
            _ => None,
        })
    });
    if let Some(place) = wanted {
        problem = problem.also(place, "this one was expected", "期望此规则");
    }
    let why = |say: fn(&Words) -> &String, empty: &str| {
        let mut said: Vec<&str> = Vec::new();
        for words in trial.misses.iter().flat_map(|miss| &miss.why) {
            if !said.contains(&say(words).as_str()) {
                said.push(say(words));
            }
        }
        if said.is_empty() { empty.to_owned() } else { said.join("\n") }
    };
    Some(problem.help(
        why(|words| &words.en, "mend the rules or the test; `leadloop test` shows every step"),
        why(|words| &words.zh, "请修正规则或测试；`leadloop test` 显示每一步"),
    ))
}
