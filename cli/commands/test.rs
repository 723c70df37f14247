//! `leadloop test`: the rule tests of the config, without any network; and a test written from a past decision.

mod record;
mod show;

use leadloop_config::render::counts;
use leadloop_config::trial::{self, Trial};

use crate::args::{General, Test};
use crate::failure::{Exit, Failure};
use crate::plan;
use crate::screen::Screen;

/// Runs the tests, or records one.
///
/// # Errors
/// With exit code 1 where a test fails, the config has errors, or nothing was there to run.
pub async fn run(screen: &mut Screen, general: &General, args: &Test) -> Result<(), Failure> {
    match &args.record {
        Some(lead) => record::run(screen, general, args, lead).await,
        None => try_all(screen, general, args),
    }
}

fn try_all(screen: &mut Screen, general: &General, args: &Test) -> Result<(), Failure> {
    if !general.config.exists() {
        return plan::plan(screen, general).map(|_| ());
    }
    let loaded = plan::read(&general.config);
    if let Some(rules) = &loaded.rules {
        screen.prefer(rules.policy.language);
    }
    let Some(rules) = &loaded.rules else {
        plan::say(screen, &loaded);
        return Err(Failure::said(Exit::Input));
    };
    let wanted = |name: &str| args.names.is_empty() || args.names.iter().any(|part| name.contains(part));
    let trials: Vec<Trial> = rules
        .tests
        .iter()
        .filter(|test| wanted(&test.name))
        .map(|test| trial::run(&rules.policy, test))
        .collect();
    if trials.is_empty() {
        return Err(nothing_to_run(&args.names, rules.tests.is_empty()));
    }
    // What a part of the tests leaves out says nothing about the rules.
    let untried = if args.names.is_empty() { trial::untried(rules, &trials) } else { Vec::new() };
    let report = show::Report {
        rules,
        trials: &trials,
        untried: &untried,
        texts: &loaded.texts,
        reasons: args.reasons,
        warnings: counts(&loaded.problems).1,
    };
    report.print(screen)?;
    let failed = trials.iter().any(|trial| !trial.passed());
    if failed || (args.cover && !untried.is_empty()) { Err(Failure::said(Exit::Input)) } else { Ok(()) }
}

fn nothing_to_run(names: &[String], none: bool) -> Failure {
    let failure = if none {
        Failure::input("the config has no [[test]]", "配置中没有 [[test]]")
    } else {
        let names = names.join(" ");
        Failure::input(format!("no test is called `{names}`"), format!("没有名称包含 `{names}` 的测试"))
    };
    failure.code("LL1120").help(
        "docs/guide/config.md shows how tests are written; `leadloop test --record LEAD` writes one from a past decision",
        "写法见 docs/guide/config.zh-CN.md；`leadloop test --record 线索` 从以往决策生成测试",
    )
}
