//! A test from a past decision: written only where the rules of today decide it as they did then.

use std::io::Write;
use std::path::Path;

use leadloop_config::Loaded;
use leadloop_config::plan::Plan;
use leadloop_config::trial::{self, Trial, Wish};
use leadloop_sync_core::handoff::DecisionRecord;
use serde_json::json;

use crate::args::{General, Test};
use crate::commands::lead::who;
use crate::failure::{Exit, Failure};
use crate::screen::{Screen, Style};
use crate::{plan, reveal};

/// Writes a test from the last decision on a lead.
///
/// # Errors
/// Where nobody fits, nothing was decided, or today's rules decide otherwise.
pub async fn run(screen: &mut Screen, general: &General, args: &Test, asked: &str) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let store = plan::reading(&plan).await?;
    let found = who::one(&store, &plan, asked).await;
    let story = match &found {
        Ok(found) => store.story(found.lead.id, 1).await,
        Err(_) => Ok(None),
    };
    store.close().await;
    let lead = found?.lead.id;
    let decision = story?.and_then(|story| story.decisions.into_iter().next_back());
    let Some(decision) = decision else { return Err(undecided(asked)) };
    reveal::privacy(&plan, args.reveal, "record a test", &[lead], "test --record").await?;
    let (text, mut loaded, trial) = best(general, &plan, args, &decision)?;
    if !trial.passed() {
        return Err(otherwise(screen, &mut loaded, &text, &trial));
    }
    match &args.to {
        None if screen.is_json() => Ok(screen.json(&json!({ "test": text, "name": trial.name }))?),
        None => Ok(screen.line(text.trim_end())?),
        Some(file) => {
            append(file, &text).map_err(|error| {
                let name = file.display();
                Failure::outside(format!("`{name}`: {error}"), format!("`{name}`：{error}"))
            })?;
            said(screen, file, &trial.name)
        }
    }
}

/// The simplest test that decides as it was decided; else the last one tried.
fn best(
    general: &General,
    plan: &Plan,
    args: &Test,
    decision: &DecisionRecord,
) -> Result<(String, Loaded, Trial), Failure> {
    let mut last = None;
    for was_mql in [false, true] {
        let wish = Wish { name: args.name.clone(), real: args.reveal, was_mql };
        let text = trial::record(&plan.policy, decision, &wish);
        let loaded = plan::read_with(&general.config, &text);
        let trial = loaded
            .rules
            .as_ref()
            .and_then(|rules| rules.tests.last().map(|test| trial::run(&rules.policy, test)));
        let Some(trial) = trial else { return Err(unreadable(&loaded, &text)) };
        let passed = trial.passed();
        last = Some((text, loaded, trial));
        if passed {
            break;
        }
    }
    last.ok_or_else(|| Failure::said(Exit::Input))
}

fn undecided(asked: &str) -> Failure {
    Failure::input(format!("nothing was ever decided on `{asked}`"), format!("`{asked}` 还没有过决策"))
        .code("LL1121")
        .help(
            "`leadloop why` shows why not; `leadloop lead list --stage with_sales` shows leads that were handed over",
            "`leadloop why` 显示原因；`leadloop lead list --stage with_sales` 列出已转出的线索",
        )
}

/// The test cannot be read back: its name stands in the config already, or a name in it is gone.
fn unreadable(loaded: &Loaded, text: &str) -> Failure {
    let first = loaded.problems.iter().find(|problem| problem.code != "LL2014");
    let (en, zh) =
        first.map_or(("", ""), |problem| (problem.message.en.as_str(), problem.message.zh.as_str()));
    let name = text.lines().nth(1).unwrap_or_default();
    Failure::input(
        format!("the test would not fit the config ({name}): {en}"),
        format!("该测试与配置不符（{name}）：{zh}"),
    )
    .code("LL1122")
    .help("give it another name: `--name \"…\"`", "请换个名称：`--name \"…\"`")
}

/// Today's rules decide otherwise: what they would do is shown, and nothing is written.
fn otherwise(screen: &Screen, loaded: &mut Loaded, text: &str, trial: &Trial) -> Failure {
    if !screen.is_json() {
        screen.aside(text.trim_end());
        for miss in &trial.misses {
            screen.aside(&format!(
                "{}: {} {}, {} {}",
                miss.key,
                screen.words("then", "当时"),
                screen.say(&miss.wanted),
                screen.words("today", "现在"),
                screen.say(&miss.found),
            ));
            for why in &miss.why {
                screen.aside(&screen.paint_aside(Style::Note, &format!("  → {}", screen.say(why))));
            }
        }
    }
    loaded.rules = None;
    Failure::input(
        "today's rules decide this otherwise than then; nothing was written",
        "按现在的规则，结果与当时不同；未写入",
    )
    .code("LL1122")
    .help(
        "the config has changed since, or a rule reads what was made up: `--reveal` keeps the real values",
        "配置此后有改动，或规则用到了被替换的个人信息：加 `--reveal` 保留原值",
    )
}

fn append(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    let mut open = options.append(true).create(true).open(file)?;
    let gap = if open.metadata()?.len() > 0 { "\n" } else { "" };
    open.write_all(format!("{gap}{text}").as_bytes())
}

fn said(screen: &Screen, file: &Path, name: &str) -> Result<(), Failure> {
    if screen.is_json() {
        return Ok(screen.json(&json!({ "file": file.display().to_string(), "name": name }))?);
    }
    let file = file.display();
    let text = match screen.words("en", "zh") {
        "en" => format!(
            "added \"{name}\" to {file}; `include = [\"tests/*.toml\"]` in the config takes such files in"
        ),
        _ => format!("已将“{name}”写入 {file}；在配置中写 `include = [\"tests/*.toml\"]` 即可包含此类文件"),
    };
    Ok(screen.line(&text)?)
}
