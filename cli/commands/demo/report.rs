//! What happened, step by step, and where to look next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use leadloop_store::read::story::Story;
use leadloop_sync_core::because::Language;
use leadloop_sync_core::handoff::{Clocks, Handoff};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::time::{Micros, Timestamp};
use serde_json::{Map, Value, json};

use super::books::{Books, reached};
use super::compare::Verdict;
use super::send::Sent;
use super::stage::Stage;
use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style};
use crate::{when, words};

/// Most differences that are printed.
const SHOWN: usize = 30;

/// All that happened.
pub struct Course {
    /// What was sent.
    pub sent: Sent,
    /// What the salespeople did.
    pub answers: Map<String, Value>,
    /// The pool at the end.
    pub books: Books,
    /// The comparison.
    pub verdict: Verdict,
    /// The rules.
    pub policy: Arc<Policy>,
}

/// Prints it.
///
/// # Errors
/// Where the output cannot be written.
pub fn print(screen: &Screen, stage: &Stage, course: &Course, took: Duration) -> Result<(), Failure> {
    if screen.is_json() {
        return Ok(screen.json(&as_json(stage, course, took))?);
    }
    captured(screen, course)?;
    pool(screen, course)?;
    decisions(screen, course)?;
    answers(screen, course)?;
    clocks(screen, course)?;
    verdict(screen, &course.verdict)?;
    next(screen, stage, course)?;
    let seconds = format!("{:.1}", took.as_secs_f64());
    let text = match screen.language() {
        Language::En => format!("\nThe whole road took {seconds} s."),
        Language::Zh => format!("\n全程用时 {seconds} 秒。"),
    };
    Ok(screen.line(&screen.paint(Style::Note, &text))?)
}

fn captured(screen: &Screen, course: &Course) -> Result<(), Failure> {
    screen.head(screen.words("1. Captured", "1. 采集"))?;
    let mut table = Rows::new(&[
        screen.words("source", "来源"),
        screen.words("#requests", "#请求"),
        screen.words("#accepted", "#接收"),
        screen.words("#duplicates", "#重复"),
        screen.words("#quarantined", "#隔离"),
        screen.words("#unreadable", "#无法读取"),
    ])
    .indent(2);
    for (source, one) in &course.sent.sources {
        let numbers = [one.requests, one.accepted, one.duplicates, one.quarantined, one.unreadable];
        let mut row = vec![source.clone()];
        row.extend(numbers.iter().map(u64::to_string));
        table.push(row);
    }
    Ok(screen.table(&table)?)
}

fn pool(screen: &Screen, course: &Course) -> Result<(), Failure> {
    screen.head(screen.words("2. One person each, scored, qualified", "2. 一人一档、打分、合格判定"))?;
    let stories = &course.books.stories;
    let touches: i64 = stories.iter().map(|story| story.touches_total).sum();
    let several = stories.iter().filter(|story| sources(story) > 1).count();
    let mql = stories.iter().filter(|story| story.lead.mql_at.is_some()).count();
    let mut table = Rows::new(&["", "#"]).indent(2);
    let mut row =
        |en: &str, zh: &str, count: String| table.push(vec![screen.words(en, zh).to_owned(), count]);
    row("touches", "互动", touches.to_string());
    row("people", "人", stories.len().to_string());
    row("of them through several sources", "其中来自多个来源", several.to_string());
    row("marketing-qualified (MQL)", "市场合格线索（MQL）", mql.to_string());
    Ok(screen.table(&table)?)
}

fn sources(story: &Story) -> usize {
    story.touches.iter().map(|touch| touch.source.as_str()).collect::<std::collections::BTreeSet<_>>().len()
}

fn decisions(screen: &Screen, course: &Course) -> Result<(), Failure> {
    screen.head(screen.words("3. Decided, and handed to the CRM", "3. 决策并转出到 CRM"))?;
    let by_rule = by_rule(course);
    let mut table = Rows::new(&[screen.words("rule", "规则"), screen.words("#decisions", "#决策")]).indent(2);
    for rule in &course.policy.transfer {
        let count = by_rule.get(rule.name.as_str()).copied().unwrap_or(0);
        table.push(vec![rule.name.clone(), count.to_string()]);
    }
    screen.table(&table)?;
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, handoff) in course.books.handoffs() {
        *states.entry(words::handoff(handoff.state, screen.language())).or_default() += 1;
    }
    let states: Vec<String> = states.iter().map(|(state, count)| format!("{state} {count}")).collect();
    let text = match screen.language() {
        Language::En => format!("  hand-overs: {}", states.join(", ")),
        Language::Zh => format!("  转出：{}", states.join("，")),
    };
    screen.line(&text)?;
    let text = match screen.language() {
        Language::En => format!("  CRM records that leadloop made: {}", course.verdict.marks),
        Language::Zh => format!("  leadloop 在 CRM 新建的记录：{}", course.verdict.marks),
    };
    Ok(screen.line(&text)?)
}

fn by_rule(course: &Course) -> BTreeMap<&str, usize> {
    let mut by_rule: BTreeMap<&str, usize> = BTreeMap::new();
    for decision in course.books.stories.iter().flat_map(|story| &story.decisions) {
        if let Some(rule) = &decision.rule {
            *by_rule.entry(rule.as_str()).or_default() += 1;
        }
    }
    by_rule
}

fn answers(screen: &Screen, course: &Course) -> Result<(), Failure> {
    screen.head(screen.words("4. What sales answered, and what followed", "4. 销售反馈与后续"))?;
    let mut tags: BTreeMap<&str, usize> = BTreeMap::new();
    for answer in course.books.stories.iter().flat_map(|story| &story.feedback) {
        *tags.entry(answer.tag.as_str()).or_default() += 1;
    }
    let mut table = Rows::new(&["", "#", ""]).indent(2);
    for (tag, count) in tags {
        let rule = course.policy.feedback.get(tag);
        let label = rule.map_or(tag, |rule| screen.words(&rule.label.1, &rule.label.0));
        let next = rule.map(|rule| follows(screen, &rule.next)).unwrap_or_default();
        table.push(vec![label.to_owned(), count.to_string(), next]);
    }
    screen.table(&table)?;
    let mut stages: BTreeMap<_, usize> = BTreeMap::new();
    for story in &course.books.stories {
        *stages.entry(story.lead.stage).or_default() += 1;
    }
    let stages: Vec<String> = stages
        .iter()
        .map(|(stage, count)| format!("{} {count}", words::stage(*stage, screen.language())))
        .collect();
    let text = match screen.language() {
        Language::En => format!("  people now: {}", stages.join(", ")),
        Language::Zh => format!("  目前各阶段人数：{}", stages.join("，")),
    };
    Ok(screen.line(&text)?)
}

fn follows(screen: &Screen, next: &leadloop_sync_core::policy::NextAction) -> String {
    let mut parts = Vec::new();
    if let Some(rest) = next.rest {
        let days = rest.as_secs() / 86_400;
        parts.push(match screen.language() {
            Language::En => format!("rests {days} days"),
            Language::Zh => format!("休眠 {days} 天"),
        });
    }
    parts.extend(next.track.clone().map(|track| format!("{} {track}", screen.words("track", "培育路径"))));
    parts.extend(next.close.clone().map(|why| format!("{} {why}", screen.words("closed:", "关闭："))));
    parts.extend(next.stage.map(|stage| words::stage(stage, screen.language()).to_owned()));
    let arrow = if parts.is_empty() { "" } else { "→ " };
    format!("{arrow}{}", parts.join(", "))
}

/// The length of a clock of a hand-over.
type Span = fn(&Clocks) -> Option<Micros>;

fn between(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<Micros> {
    Some(Micros((to? - from?).0.max(0)))
}

const CLOCKS: [(&str, &str, Span); 4] = [
    ("noticed", "发现", |clocks| between(clocks.happened, clocks.noticed)),
    ("decided", "决策", |clocks| between(clocks.noticed, clocks.decided)),
    ("delivered", "投递", |clocks| between(clocks.decided, clocks.delivered)),
    ("answered", "应答", |clocks| between(clocks.delivered, clocks.answered)),
];

fn spans(course: &Course, span: Span) -> Vec<Micros> {
    let mut spans: Vec<Micros> = course
        .books
        .handoffs()
        .filter(|(_, handoff)| reached(handoff))
        .filter_map(|(_, handoff)| span(&handoff.clocks))
        .collect();
    spans.sort_unstable();
    spans
}

fn share(spans: &[Micros], percent: usize) -> Option<Micros> {
    spans.get((spans.len().saturating_sub(1)) * percent / 100).copied()
}

fn clocks(screen: &Screen, course: &Course) -> Result<(), Failure> {
    screen.head(screen.words("5. Four clocks of a hand-over", "5. 转出的四个时钟"))?;
    let mut table = Rows::new(&[
        "",
        screen.words("#half within", "#中位数"),
        screen.words("#95 % within", "#95 % 以内"),
        screen.words("#all within", "#最慢"),
    ])
    .indent(2);
    for (en, zh, span) in CLOCKS {
        let spans = spans(course, span);
        let mut row = vec![screen.words(en, zh).to_owned()];
        for percent in [50, 95, 100] {
            let text = share(&spans, percent).map(|span| when::length(span, screen.language()));
            row.push(text.unwrap_or_else(|| "–".to_owned()));
        }
        table.push(row);
    }
    Ok(screen.table(&table)?)
}

fn verdict(screen: &Screen, verdict: &Verdict) -> Result<(), Failure> {
    screen.head(screen.words("6. Pool and CRM, record by record", "6. 线索池与 CRM 逐条核对"))?;
    let text = match screen.language() {
        Language::En => format!(
            "  {} hand-overs held against their CRM records, {} marks in the CRM against the pool,\n  {} people who refused looked for in the CRM, {} counts against the samples",
            verdict.compared, verdict.marks, verdict.refused, verdict.counts
        ),
        Language::Zh => format!(
            "  核对 {} 个转出与其 CRM 记录、CRM 中 {} 个标记与线索池、\n  {} 名拒绝授权者不在 CRM 中、{} 个计数与样例数据",
            verdict.compared, verdict.marks, verdict.refused, verdict.counts
        ),
    };
    screen.line(&text)?;
    if !verdict.differs() {
        let text = screen.words("  no difference", "  完全一致");
        return Ok(screen.line(&screen.paint(Style::Good, text))?);
    }
    for difference in verdict.differences.iter().take(SHOWN) {
        screen.line(&format!("  {} {difference}", screen.paint(Style::Bad, "≠")))?;
    }
    let text = match screen.language() {
        Language::En => format!("  {} differences", verdict.differences.len()),
        Language::Zh => format!("  共 {} 处不一致", verdict.differences.len()),
    };
    Ok(screen.line(&screen.paint(Style::Bad, &text))?)
}

/// People worth a look: (what to type, why it is worth it).
fn examples(course: &Course) -> Vec<(String, &'static str, &'static str)> {
    // What identifies the person: a hotline that many share does not.
    let phone = |story: &Story| {
        let of = |kind: &str| {
            let mut known = story.lead.identifiers.iter().filter(|identifier| identifier.kind.0 == kind);
            known
                .find(|identifier| !identifier.value.contains(';'))
                .map(|identifier| identifier.value.clone())
        };
        of("phone").or_else(|| of("email"))
    };
    let find = |fits: &dyn Fn(&Story) -> bool| {
        course.books.stories.iter().filter(|story| fits(story)).find_map(phone)
    };
    let won = find(&|story| story.lead.stage == leadloop_sync_core::lead::Stage::Won && sources(story) > 1);
    let back = find(&|story| !story.feedback.is_empty() && story.lead.rest_until.is_some());
    let known = find(&|story| {
        let existing = |handoff: &Handoff| {
            handoff.remote.is_some()
                && handoff
                    .rule
                    .as_deref()
                    .is_some_and(|rule| rule.contains("person") || rule.contains("company"))
        };
        story.handoffs.iter().any(existing)
    });
    let refused = find(&|story| story.lead.consent.get("transfer").is_some_and(|consent| !consent.given));
    [
        (won, "several sources, one person, won", "多来源合一，赢单"),
        (back, "sales gave it back; it rests", "销售退回，休眠中"),
        (known, "the CRM knew person or company", "CRM 中已有此人或公司"),
        (refused, "refused: never reaches the CRM", "拒绝授权，不会进入 CRM"),
    ]
    .into_iter()
    .filter_map(|(what, en, zh)| Some((what?, en, zh)))
    .collect()
}

fn next(screen: &Screen, stage: &Stage, course: &Course) -> Result<(), Failure> {
    screen.head(screen.words("Where to look next", "接下来看什么"))?;
    let program = std::env::args().next().unwrap_or_else(|| "leadloop".to_owned());
    let config = stage.config();
    let config = config.display();
    let mut table = Rows::new(&["", ""]).indent(2);
    for (what, en, zh) in examples(course) {
        table.push(vec![
            format!("{program} why {what} --config {config}"),
            format!("# {}", screen.words(en, zh)),
        ]);
    }
    let more = [
        ("funnel --by channel", "who came from where, and how far", "各渠道漏斗"),
        ("quarantine list", "records of nobody, with reasons", "隔离的记录与原因"),
        ("status", "how everything is doing", "运行状况"),
    ];
    for (command, en, zh) in more {
        table.push(vec![
            format!("{program} {command} --config {config}"),
            format!("# {}", screen.words(en, zh)),
        ]);
    }
    screen.table(&table)?;
    let text = match screen.language() {
        Language::En => format!("  database and files: {}", stage.folder.display()),
        Language::Zh => format!("  数据库与文件：{}", stage.folder.display()),
    };
    Ok(screen.line(&screen.paint(Style::Note, &text))?)
}

fn as_json(stage: &Stage, course: &Course, took: Duration) -> Value {
    let sources: Map<String, Value> = course
        .sent
        .sources
        .iter()
        .map(|(source, one)| {
            let counts = json!({
                "requests": one.requests, "accepted": one.accepted, "duplicates": one.duplicates,
                "quarantined": one.quarantined, "unreadable": one.unreadable,
            });
            (source.clone(), counts)
        })
        .collect();
    let clocks: Map<String, Value> = CLOCKS
        .iter()
        .map(|(name, _, span)| {
            let spans = spans(course, *span);
            let at = |percent| share(&spans, percent).map(|span| span.0);
            ((*name).to_owned(), json!({ "p50_us": at(50), "p95_us": at(95), "max_us": at(100) }))
        })
        .collect();
    let mut stages: BTreeMap<&str, usize> = BTreeMap::new();
    for story in &course.books.stories {
        *stages.entry(story.lead.stage.as_str()).or_default() += 1;
    }
    let mut handoffs: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, handoff) in course.books.handoffs() {
        *handoffs.entry(handoff.state.as_str()).or_default() += 1;
    }
    json!({
        "sources": sources, "people": course.books.people(),
        "mql": course.books.stories.iter().filter(|story| story.lead.mql_at.is_some()).count(),
        "decisions": by_rule(course), "handoffs": handoffs, "crm_records": course.verdict.marks,
        "sales": course.answers, "stages": stages, "clocks": clocks,
        "compared": course.verdict.compared, "differences": course.verdict.differences,
        "why": examples(course).iter().map(|(what, ..)| what).collect::<Vec<_>>(),
        "folder": stage.folder.display().to_string(), "seconds": took.as_secs_f64(),
    })
}
