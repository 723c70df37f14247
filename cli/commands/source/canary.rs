//! `leadloop source canary`: one made lead through the running node, as the vendor would send it, and how far it came.

use std::time::{Duration, Instant};

use leadloop_config::plan::{Plan, SourcePlan};
use leadloop_connector_api::Push;
use leadloop_server::answer::keys_of;
use leadloop_server::canary::{self, FELL, Report, Seen, Stage, Unheard};
use leadloop_server::clock::{Clock, SystemClock};
use leadloop_server::wire::HttpWire;
use leadloop_sync_core::ids::PushId;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::screen::{Screen, Style};
use crate::{plan, when};

/// How long the node may take.
const ANSWER: Duration = Duration::from_secs(30);

/// Sends a canary and says what became of it.
///
/// # Errors
/// Where the source cannot be tried so, the node does not answer, or the canary falls.
pub async fn run(
    screen: &mut Screen,
    plan: &Plan,
    source: &SourcePlan,
    url: Option<&str>,
) -> Result<(), Failure> {
    let mut moment = SystemClock.moment();
    let id: PushId = moment.id();
    let registry = leadloop_connectors::registry();
    let Some(push) = canary::push(plan, &registry, source, &id.to_string(), moment.now) else {
        return Err(cannot(plan, source).await);
    };
    let store = plan::reading(plan).await?;
    let keys = keys_of(plan, &store).await;
    store.close().await;
    let token = keys?.and_then(|keys| keys.canary(source.name.as_str(), moment.now + canary::HOLDS));
    let Some(token) = token else {
        return Err(unreached("no node has run on this store yet", "该数据库上尚未运行过节点"));
    };
    let base = url.map_or_else(
        || format!("http://{}", canary::local(plan.listen)),
        |url| url.trim_end_matches('/').to_owned(),
    );
    let begun = Instant::now();
    let report = send(&base, source, push, token).await?;
    let took = begun.elapsed();
    if screen.is_json() {
        screen.json(&json!({ "url": base, "micros": u64::try_from(took.as_micros()).unwrap_or(u64::MAX), "report": report }))?;
    } else {
        say(screen, &base, took, &report)?;
    }
    match report.fell {
        None => Ok(()),
        Some(_) if screen.is_json() => Err(Failure::said(Exit::Input)),
        Some(fall) => Err(Failure::input(
            format!("the canary fell at: {} ({})", stage(fall.at).0, fall.code),
            format!("探测线索止于：{}（{}）", stage(fall.at).1, fall.code),
        )
        .code(FELL)
        .help(
            format!("`leadloop explain {}` says what to do", fall.code),
            format!("`leadloop explain {}` 说明如何处理", fall.code),
        )),
    }
}

/// What can be looked at instead.
async fn cannot(plan: &Plan, source: &SourcePlan) -> Failure {
    let name = &source.name;
    let failure = Failure::input(
        format!("`{}` is a source that no made lead can be sent to", source.connector),
        format!("`{}` 类型的来源无法发送探测线索", source.connector),
    )
    .code("LL4881");
    let policy = plan.policy.sources.get(name);
    if policy.is_some_and(|policy| policy.polls.is_some()) {
        let last = last_heard(plan, source).await;
        let said = |none: &str| last.clone().unwrap_or_else(|| none.to_owned());
        return failure.help(
            format!(
                "it is read, not pushed to: last record {}; `leadloop doctor` logs in to it and reads",
                said("never")
            ),
            format!("该来源由 leadloop 主动读取：最近记录 {}；`leadloop doctor` 会登录并试读", said("无")),
        );
    }
    if let Some(folder) = &source.folder {
        return failure.help(
            format!("it reads the folder {}: put a file with one line there, or `leadloop import FILE --source {name}`", folder.display()),
            format!("该来源读取文件夹 {}：放入只有一行的文件，或 `leadloop import 文件 --source {name}`", folder.display()),
        );
    }
    failure.help(
        format!("have the vendor's own test button send one; `leadloop source show {name}` says when it was heard last"),
        format!("请用对方系统的“测试”按钮发送；`leadloop source show {name}` 显示最近收到的时间"),
    )
}

async fn last_heard(plan: &Plan, source: &SourcePlan) -> Option<String> {
    let now = when::now();
    let store = plan::reading(plan).await.ok()?;
    let watched = leadloop_server::vigil::watched(&store, std::slice::from_ref(&source.name), now).await;
    store.close().await;
    watched.ok()?.first()?.last.map(|at| when::clock(at, &plan.policy.zone))
}

fn unreached(en: &str, zh: &str) -> Failure {
    Failure::outside(format!("the canary did not reach a node: {en}"), format!("探测线索未到达节点：{zh}"))
        .code("LL4880")
        .help(
            "start it (`leadloop run`), or say where it is reached: --url https://…",
            "请启动节点（`leadloop run`），或用 --url https://… 指定地址",
        )
}

async fn send(base: &str, source: &SourcePlan, push: Push, token: String) -> Result<Report, Failure> {
    let wire = HttpWire::new().map_err(|error| unreached(&error.to_string(), &error.to_string()))?;
    canary::send((&wire, base, ANSWER), &source.name, push, token).await.map_err(|unheard| match unheard {
        Unheard::Nobody(why) => unreached(&why, &why),
        Unheard::Stranger(status) => unreached(
            &format!("{base} answered {status}, and not as leadloop does"),
            &format!("{base} 返回 {status}，不是 leadloop 的应答"),
        ),
        Unheard::Refused { status, code, detail } => Failure::outside(
            format!("the node answered {status}: {detail}"),
            format!("节点返回 {status}：{detail}"),
        )
        .code(&code),
    })
}

/// A stage in English and Chinese.
fn stage(stage: Stage) -> (&'static str, &'static str) {
    match stage {
        Stage::Read => ("signature and form read", "验签与解析"),
        Stage::Taken => ("taken by the source's rules", "来源规则（映射、必填）"),
        Stage::Kept => ("written to the inbox", "写入收件箱"),
        Stage::Decided => ("person, scores, decision", "身份、打分、决策"),
    }
}

fn say(screen: &Screen, base: &str, took: Duration, report: &Report) -> Result<(), Failure> {
    let words = |(en, zh): (&'static str, &'static str)| screen.words(en, zh);
    screen.line(&format!(
        "{}  {base}  {:.1} ms",
        screen.paint(Style::Head, &report.source),
        took.as_secs_f64() * 1e3
    ))?;
    let good = screen.paint(Style::Good, "✓");
    for (name, micros) in &report.stages {
        #[expect(clippy::cast_precision_loss, reason = "microseconds of some seconds")]
        let millis = *micros as f64 / 1e3;
        screen.line(&format!("  {good} {}  {millis:.1} ms", words(stage(*name))))?;
    }
    if let Some(fall) = &report.fell {
        let bad = screen.paint(Style::Bad, "✗");
        return Ok(screen.line(&format!(
            "  {bad} {}  {}: {}",
            words(stage(fall.at)),
            fall.code,
            fall.detail
        ))?);
    }
    if report.counted {
        screen.line(screen.words(
            "  what it tells is counted or passed over by `keep`, and does not reach the pool",
            "  其内容按 `keep` 仅计数或忽略，不进入线索池",
        ))?;
    }
    if let Some(seen) = &report.seen {
        would(screen, seen)?;
    }
    if report.waiting > 0 {
        let text = match screen.words("en", "zh") {
            "en" => format!("{} captures wait to be absorbed before a real one would be", report.waiting),
            _ => format!("真实线索前还有 {} 条待处理", report.waiting),
        };
        screen.line(&format!("  {}", screen.paint(Style::Warn, &text)))?;
    }
    let end = screen.words(
        "nothing of it was kept, counted or told to anybody",
        "该探测线索未保留、未计数，也未通知任何人",
    );
    Ok(screen.line(&screen.paint(Style::Note, end))?)
}

/// What would have become of it.
fn would(screen: &Screen, seen: &Seen) -> Result<(), Failure> {
    screen.head(screen.words("What a real one like it would do", "同样的真实线索会怎样"))?;
    let line = |en: &'static str, zh: &'static str, what: String| {
        screen.line(&format!("  {}: {what}", screen.words(en, zh)))
    };
    line("touch", "互动", seen.touch.clone())?;
    line("fields", "字段", seen.fields.join(", "))?;
    line("known by", "标识", seen.who.join(", "))?;
    let scores: Vec<String> = seen.scores.iter().map(|(name, points)| format!("{name} {points}")).collect();
    line("scores", "得分", scores.join(", "))?;
    let yes = screen.words("yes", "是");
    line("MQL", "市场合格（MQL）", if seen.mql { yes } else { screen.words("no", "否") }.to_owned())?;
    if let Some((rule, action)) = &seen.decided {
        let rule = rule.clone().unwrap_or_else(|| "–".to_owned());
        let what = action.as_object().and_then(|map| map.keys().next().cloned()).unwrap_or_default();
        line("rule", "规则", format!("{rule} → {what}"))?;
    }
    if !seen.told.is_empty() {
        let told: Vec<String> = seen.told.iter().map(|(link, kind)| format!("{link}: {kind}")).collect();
        line("would be told", "将发送", told.join(", "))?;
    }
    for reason in &seen.reasons {
        screen.line(&format!("    {}", reason.say(screen.language())))?;
    }
    Ok(())
}
