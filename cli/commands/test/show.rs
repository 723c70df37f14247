//! What came out of the tests, for people and as JSON.

use leadloop_config::Rules;
use leadloop_config::problem::Words;
use leadloop_config::text::Texts;
use leadloop_config::trial::{Miss, Trial};
use leadloop_sync_core::because::Language;
use leadloop_sync_core::handoff::{Action, DecisionRecord};
use serde_json::{Value as Json, json};

use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style, one_line};
use crate::words;

/// The tests that were run.
pub struct Report<'a> {
    /// The rules.
    pub rules: &'a Rules,
    /// What came out.
    pub trials: &'a [Trial],
    /// Rules that decided in no test.
    pub untried: &'a [&'a str],
    /// The config's texts, for places.
    pub texts: &'a Texts,
    /// Whether every test shows its reasons.
    pub reasons: bool,
    /// Warnings of the config.
    pub warnings: usize,
}

impl Report<'_> {
    /// Prints it.
    ///
    /// # Errors
    /// Where the output cannot be written.
    pub fn print(&self, screen: &Screen) -> Result<(), Failure> {
        if screen.is_json() {
            return Ok(screen.json(&self.json())?);
        }
        for trial in self.trials {
            self.one(screen, trial)?;
        }
        self.summary(screen)
    }

    fn failed(&self) -> usize {
        self.trials.iter().filter(|trial| !trial.passed()).count()
    }

    fn one(&self, screen: &Screen, trial: &Trial) -> Result<(), Failure> {
        let (mark, style) = if trial.passed() { ("✓", Style::Good) } else { ("✗", Style::Bad) };
        let (line, column) = self.texts.place(trial.span.file, trial.span.range.start);
        let file = self.texts.files.get(trial.span.file).map_or("", |(name, _)| name.as_str());
        let place = if trial.passed() {
            String::new()
        } else {
            screen.paint(Style::Note, &format!("  {file}:{line}:{column}"))
        };
        screen.line(&format!("{} {}{place}", screen.paint(style, mark), one_line(&trial.name)))?;
        screen.line(&screen.paint(Style::Note, &format!("    {}", outcome(trial, screen.language()))))?;
        if !trial.passed() {
            self.misses(screen, trial)?;
        }
        if !trial.passed() || self.reasons {
            self.steps(screen, trial)?;
        }
        Ok(())
    }

    /// What was expected and what was found, one under the other.
    fn misses(&self, screen: &Screen, trial: &Trial) -> Result<(), Failure> {
        let mut table = Rows::new(&["", "", ""]).indent(4);
        for miss in &trial.misses {
            let (wanted, found) = (screen.words("expected", "期望"), screen.words("found", "实际"));
            table.push(vec![miss.key.to_owned(), wanted.to_owned(), screen.say(&miss.wanted).to_owned()]);
            table.push_marked(
                Style::Bad,
                vec![String::new(), found.to_owned(), screen.say(&miss.found).to_owned()],
            );
        }
        screen.table(&table)?;
        for why in whys(&trial.misses) {
            screen.line(&format!("    → {}", one_line(screen.say(why))))?;
        }
        Ok(())
    }

    /// The rules that were tried, and every reason.
    fn steps(&self, screen: &Screen, trial: &Trial) -> Result<(), Failure> {
        if let Some(decision) = &trial.seen.decision {
            screen.line(&format!("    {}", screen.words("rules tried:", "依次判断的规则：")))?;
            let mut table = Rows::new(&["", "", ""]).indent(6);
            for tried in &decision.tried {
                let decided = decision.rule.as_ref() == Some(&tried.rule);
                let mark = if tried.held { "✓" } else { "✗" };
                let style = if decided { Style::Good } else { Style::Note };
                table.push_marked(style, vec![mark.to_owned(), tried.rule.clone(), saw(tried)]);
            }
            screen.table(&table)?;
        }
        screen.line(&format!("    {}", screen.words("what happened:", "经过：")))?;
        for reason in &trial.seen.reasons {
            screen.line(
                &screen.paint(Style::Note, &format!("      {}", one_line(&reason.say(screen.language())))),
            )?;
        }
        Ok(())
    }

    fn summary(&self, screen: &Screen) -> Result<(), Failure> {
        let (all, failed) = (self.trials.len(), self.failed());
        let rules = self.rules.policy.transfer.len();
        let text = match screen.language() {
            Language::En => format!("{} passed, {failed} failed", all - failed),
            Language::Zh => format!("通过 {} 个，失败 {failed} 个", all - failed),
        };
        screen.line("")?;
        screen.line(&screen.paint(if failed == 0 { Style::Good } else { Style::Bad }, &text))?;
        if !self.untried.is_empty() {
            let names: Vec<String> =
                self.untried.iter().map(|name| format!("`{}`", one_line(name))).collect();
            let (names, count) = (names.join(", "), self.untried.len());
            let text = match screen.language() {
                Language::En => format!("{count} of {rules} transfer rules decide in no test: {names}"),
                Language::Zh => format!("{rules} 条转出规则中有 {count} 条未被任何测试覆盖：{names}"),
            };
            screen.line(&screen.paint(Style::Warn, &text))?;
        }
        if self.warnings > 0 {
            let text = match screen.language() {
                Language::En => {
                    format!("{} warnings of the config: `leadloop check` shows them", self.warnings)
                }
                Language::Zh => format!("配置有 {} 个警告：用 `leadloop check` 查看", self.warnings),
            };
            screen.line(&screen.paint(Style::Note, &text))?;
        }
        Ok(())
    }

    fn json(&self) -> Json {
        let failed = self.failed();
        let tests: Vec<Json> = self.trials.iter().map(|trial| self.trial_json(trial)).collect();
        json!({
            "ok": failed == 0,
            "passed": self.trials.len() - failed,
            "failed": failed,
            "tests": tests,
            "untried_rules": self.untried,
        })
    }

    fn trial_json(&self, trial: &Trial) -> Json {
        let (line, column) = self.texts.place(trial.span.file, trial.span.range.start);
        let lead = trial.seen.lead.as_ref();
        let reasons: Vec<Json> = trial
            .seen
            .reasons
            .iter()
            .map(|reason| json!({ "code": reason.code, "en": reason.say(Language::En), "zh": reason.say(Language::Zh) }))
            .collect();
        let misses: Vec<Json> = trial
            .misses
            .iter()
            .map(|miss| {
                let (line, column) = self.texts.place(miss.span.file, miss.span.range.start);
                json!({
                    "key": miss.key, "line": line, "column": column,
                    "expected": miss.wanted, "found": miss.found, "why": miss.why,
                })
            })
            .collect();
        json!({
            "name": trial.name,
            "passed": trial.passed(),
            "file": self.texts.files.get(trial.span.file).map(|(name, _)| name),
            "line": line,
            "column": column,
            "mql": lead.map(|lead| lead.mql),
            "stage": lead.map(|lead| lead.stage.as_str()),
            "track": lead.and_then(|lead| lead.track.as_ref()),
            "scores": trial.seen.scores,
            "decision": trial.seen.decision.as_ref().map(decision_json),
            "owner": trial.seen.owner.as_ref().map(|(person, user)| json!({ "person": person, "user": user })),
            "quarantined": trial.seen.quarantined.as_ref().map(|(code, _)| code),
            "reasons": reasons,
            "notes": trial.seen.notes,
            "misses": misses,
        })
    }
}

fn decision_json(decision: &DecisionRecord) -> Json {
    let tried: Vec<Json> = decision
        .tried
        .iter()
        .map(|tried| {
            let saw: serde_json::Map<String, Json> =
                tried.saw.iter().map(|(name, value)| (name.clone(), value.to_json())).collect();
            json!({ "rule": tried.rule, "held": tried.held, "saw": saw, "near": tried.near })
        })
        .collect();
    json!({
        "rule": decision.rule,
        "action": decision.action,
        "tried": tried,
        "considered": decision.considered,
    })
}

fn whys(misses: &[Miss]) -> Vec<&Words> {
    let mut found: Vec<&Words> = Vec::new();
    for why in misses.iter().flat_map(|miss| &miss.why) {
        if !found.contains(&why) {
            found.push(why);
        }
    }
    found
}

fn saw(tried: &leadloop_sync_core::handoff::Tried) -> String {
    let saw: Vec<String> =
        tried.saw.iter().map(|(name, value)| format!("{name} = {}", value.to_json())).collect();
    saw.join(", ")
}

/// What came out, in one line.
fn outcome(trial: &Trial, language: Language) -> String {
    let say = |en: &str, zh: &str| match language {
        Language::En => en.to_owned(),
        Language::Zh => zh.to_owned(),
    };
    let mut parts = Vec::new();
    if let Some(decision) = &trial.seen.decision {
        if let Some(rule) = &decision.rule {
            parts.push(format!("{} `{}`", say("rule", "规则"), one_line(rule)));
        }
        let owner = trial.seen.owner.as_ref();
        let owner = owner
            .map(|(person, user)| person.as_ref().map_or_else(|| user.clone(), |person| person.0.clone()));
        parts.push(match &decision.action {
            Action::Create { object, .. } => format!("{} {object}", say("new", "新建")),
            Action::Update { remote, .. } => format!("{} {}", say("update", "更新"), remote.object),
            Action::Hold { team, .. } => {
                format!("{} {}", say("held for", "等待"), team.as_deref().unwrap_or_default())
            }
            Action::Decline { reason } => format!("{}: {}", say("declined", "拒绝"), one_line(reason)),
        });
        if matches!(decision.action, Action::Create { .. } | Action::Update { .. }) {
            parts.push(format!("→ {}", owner.unwrap_or_else(|| say("public pool", "公海"))));
        }
    }
    match &trial.seen.lead {
        Some(lead) => parts.push(words::stage(lead.stage, language).to_owned()),
        None => parts.push(say("nothing was taken in", "没有记录进入")),
    }
    let points: Vec<String> =
        trial.seen.scores.iter().map(|(name, points)| format!("{name} {points}")).collect();
    if !points.is_empty() {
        parts.push(points.join(", "));
    }
    parts.join(match language {
        Language::En => "; ",
        Language::Zh => "；",
    })
}
