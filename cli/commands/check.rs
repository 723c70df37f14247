//! `leadloop check`: every mistake of the config, all at once, without any network; the rule tests too.

use leadloop_config::Beside;
use leadloop_config::live::lock::LockFile;
use leadloop_config::render::terminal::{self, Look};
use leadloop_config::render::{counts, json};
use serde_json::json;

use crate::args::General;
use crate::commands::doctor::lock_of;
use crate::failure::{Exit, Failure};
use crate::plan;
use crate::screen::{Screen, Style};

/// Columns of an excerpt where the terminal does not say.
const WIDTH: usize = 120;

/// Checks the config.
///
/// # Errors
/// With exit code 1 where there is an error in it.
pub fn run(screen: &mut Screen, general: &General) -> Result<(), Failure> {
    if !general.config.exists() {
        return plan::plan(screen, general).map(|_| ());
    }
    let lock = std::fs::read_to_string(lock_of(&general.config)).ok();
    let lock = lock.as_deref().map_or(LockFile::Missing, LockFile::Text);
    let mut loaded = plan::read_beside(&general.config, &Beside { lock, live: None });
    let trials = loaded.try_rules();
    let (errors, warnings) = counts(&loaded.problems);
    if let Some(plan) = &loaded.plan {
        screen.prefer(plan.policy.language);
    }
    if screen.is_json() {
        let files: Vec<&str> = loaded.texts.files.iter().map(|(name, _)| name.as_str()).collect();
        screen.json(&json!({
            "ok": errors == 0,
            "errors": errors,
            "warnings": warnings,
            "files": files,
            "tests": { "run": trials.len(), "failed": trials.iter().filter(|trial| !trial.passed()).count() },
            "problems": json::render(&loaded.problems, &loaded.texts),
        }))?;
    } else {
        let look = Look { language: screen.language(), colour: screen.has_colour(), width: WIDTH };
        for problem in &loaded.problems {
            screen.line(&terminal::render(problem, &loaded.texts, look))?;
            screen.line("")?;
        }
        let style = match (errors, warnings) {
            (0, 0) => Style::Good,
            (0, _) => Style::Warn,
            _ => Style::Bad,
        };
        let summary = terminal::summary(&loaded.problems, screen.language());
        let name = general.config.display();
        let colon = screen.words(": ", "：");
        screen.line(&format!("{name}{colon}{}", screen.paint(style, &summary)))?;
        if let (Some(plan), 0) = (&loaded.plan, errors) {
            screen.line(&inventory(screen, plan, trials.len()))?;
        }
    }
    if errors > 0 { Err(Failure::said(Exit::Input)) } else { Ok(()) }
}

/// What a sound config sets up, in one line.
fn inventory(screen: &Screen, plan: &leadloop_config::plan::Plan, tests: usize) -> String {
    let policy = &plan.policy;
    let (sources, crms, mas) = (policy.sources.len(), policy.crms.len(), policy.mas.len());
    let (rules, people) = (policy.transfer.len(), policy.people.len());
    match screen.language() {
        leadloop_sync_core::because::Language::En => format!(
            "sources {sources}, CRMs {crms}, MAs {mas}, transfer rules {rules}, salespeople {people}, rule tests passed {tests}; config {}",
            plan.hash
        ),
        leadloop_sync_core::because::Language::Zh => format!(
            "来源 {sources} 个，CRM {crms} 个，MA {mas} 个，转出规则 {rules} 条，销售人员 {people} 人，规则测试通过 {tests} 个；配置 {}",
            plan.hash
        ),
    }
}
