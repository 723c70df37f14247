//! `leadloop status`: what waits, what failed, what to do about it.

mod gates;

use leadloop_config::plan::Plan;
use leadloop_store::read::status::Status;
use leadloop_sync_core::handoff::HandoffState;
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value, json};

use crate::args::General;
use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, when, words};

/// Prints how the product is doing.
///
/// # Errors
/// Where config or store cannot be read.
pub async fn run(screen: &mut Screen, general: &General) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let store = plan::reading(&plan).await?;
    let now = when::now();
    let status = store.status(now).await?;
    let gates = gates::of(&store, &plan).await?;
    let engine = store.engine();
    store.close().await;
    if screen.is_json() {
        let mut told = to_json(&status, engine);
        if let Some(told) = told.as_object_mut() {
            told.insert("gates".to_owned(), gates::to_json(&gates));
        }
        return Ok(screen.json(&told)?);
    }
    inbox(screen, &status, now)?;
    sources(screen, &status, now)?;
    links(screen, &status, now)?;
    gates::print(screen, &gates, now)?;
    pool(screen, &status)?;
    troubles(screen, &plan, &status, now)
}

fn inbox(screen: &Screen, status: &Status, now: Timestamp) -> Result<(), Failure> {
    screen.line(&screen.paint(Style::Head, screen.words("Inbox", "收件箱")))?;
    let waiting = status.captures_due;
    let oldest = status.oldest_capture.map(|at| when::ago(at, now, screen.language()));
    let text = match (waiting, oldest, screen.words("en", "zh")) {
        (0, _, "en") => "  nothing waits".to_owned(),
        (0, _, _) => "  无积压".to_owned(),
        (_, oldest, "en") => {
            format!("  {waiting} captures wait, the oldest arrived {}", oldest.unwrap_or_default())
        }
        (_, oldest, _) => format!("  {waiting} 条待处理，最早到达于 {}", oldest.unwrap_or_default()),
    };
    Ok(screen.line(&text)?)
}

fn sources(screen: &Screen, status: &Status, now: Timestamp) -> Result<(), Failure> {
    if status.sources.is_empty() {
        return Ok(());
    }
    screen.head(screen.words("Sources", "来源"))?;
    let mut table = Rows::new(&[
        screen.words("source", "来源"),
        screen.words("last push", "最近推送"),
        screen.words("#last hour", "#近一小时"),
        screen.words("#last day", "#近一天"),
    ])
    .indent(2);
    for source in &status.sources {
        let last = source.last_push.or(source.last_capture);
        table.push(vec![
            source.source.to_string(),
            last.map_or_else(|| "–".to_owned(), |at| when::ago(at, now, screen.language())),
            source.captures_hour.to_string(),
            source.captures_day.to_string(),
        ]);
    }
    Ok(screen.table(&table)?)
}

fn links(screen: &Screen, status: &Status, now: Timestamp) -> Result<(), Failure> {
    if !status.links.is_empty() {
        screen.head(screen.words("Outbox", "发件箱"))?;
        let mut table = Rows::new(&[
            screen.words("system", "系统"),
            screen.words("#due", "#待发"),
            screen.words("#in line", "#排队"),
            screen.words("#under way", "#进行中"),
            screen.words("#needs a person", "#待人工"),
            screen.words("oldest due", "最早到期"),
        ])
        .indent(2);
        for link in &status.links {
            let oldest = link.oldest_due.filter(|at| *at <= now);
            table.push(vec![
                link.link.to_string(),
                link.due.to_string(),
                link.waiting.to_string(),
                link.claimed.to_string(),
                link.parked.to_string(),
                oldest.map_or_else(|| "–".to_owned(), |at| when::ago(at, now, screen.language())),
            ]);
        }
        screen.table(&table)?;
    }
    if status.mirrors.is_empty() {
        return Ok(());
    }
    screen.head(screen.words("CRM mirror", "CRM 镜像"))?;
    let mut table = Rows::new(&["", screen.words("#rows", "#行"), screen.words("as of", "截至")]).indent(2);
    for mirror in &status.mirrors {
        table.push(vec![
            format!("{} {}", mirror.link, mirror.object),
            mirror.rows.to_string(),
            when::ago(mirror.at, now, screen.language()),
        ]);
    }
    Ok(screen.table(&table)?)
}

fn pool(screen: &Screen, status: &Status) -> Result<(), Failure> {
    let language = screen.language();
    screen.head(screen.words("Pool", "线索池"))?;
    if status.stages.is_empty() {
        screen.line(&format!("  {}", screen.words("nobody yet", "暂无线索")))?;
    }
    let mut table = Rows::new(&["", "#"]).indent(2);
    for (name, count) in &status.stages {
        let name = Stage::parse(name).map_or(name.as_str(), |stage| words::stage(stage, language));
        table.push(vec![name.to_owned(), count.to_string()]);
    }
    screen.table(&table)?;
    if status.handoffs.is_empty() {
        return Ok(());
    }
    screen.head(screen.words("Hand-overs", "转出"))?;
    let mut table = Rows::new(&["", "#"]).indent(2);
    for (name, count) in &status.handoffs {
        let name = HandoffState::parse(name).map_or(name.as_str(), |state| words::handoff(state, language));
        table.push(vec![name.to_owned(), count.to_string()]);
    }
    Ok(screen.table(&table)?)
}

/// What needs a person, with the command that shows it.
fn troubles(screen: &Screen, plan: &Plan, status: &Status, now: Timestamp) -> Result<(), Failure> {
    screen.head(screen.words("Needs a person", "需要处理"))?;
    let mut table = Rows::new(&["", "#", "", ""]).indent(2);
    for parked in &status.parked {
        let (what, command) = match parked.what.as_str() {
            "push" => (screen.words("unreadable pushes", "无法读取的推送"), "leadloop quarantine list"),
            "record" => (screen.words("records in quarantine", "隔离的记录"), "leadloop quarantine list"),
            "capture" => (screen.words("captures", "未能处理的线索事件"), "leadloop quarantine list"),
            "delivery" => (screen.words("deliveries", "投递"), "leadloop outbox list"),
            "handoff" => (screen.words("hand-overs", "转出"), "leadloop lead list --stage marketing"),
            other => (other, ""),
        };
        let what = format!("{what} · {}", parked.whose);
        table.push(vec![what, parked.count.to_string(), parked.code.clone(), command.to_owned()]);
    }
    for raised in &status.alarms {
        let since = when::ago(raised.since, now, screen.language());
        let what = format!("{} ({since})", raised.alarm.detail);
        table.push(vec![what, raised.count.to_string(), raised.alarm.code.clone(), String::new()]);
    }
    if status.deadlines_late > 0 {
        let what = screen.words("deadlines that passed", "已过期限");
        table.push(vec![what.to_owned(), status.deadlines_late.to_string(), String::new(), String::new()]);
    }
    if let Some((hash, _)) = status.config.as_ref().filter(|(hash, _)| *hash != plan.hash) {
        let what = screen.words("another config is active", "生效的是另一份配置");
        table.push(vec![what.to_owned(), String::new(), String::new(), hash.clone()]);
    }
    if table.is_empty() {
        return Ok(screen.line(&format!("  {}", screen.paint(Style::Good, screen.words("nothing", "无"))))?);
    }
    Ok(screen.table(&table)?)
}

fn to_json(status: &Status, engine: &str) -> Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "engine": engine,
        "captures_due": status.captures_due,
        "oldest_capture": time(status.oldest_capture),
        "sources": status.sources.iter().map(|source| json!({
            "source": source.source, "last_push": time(source.last_push), "last_capture": time(source.last_capture),
            "captures_hour": source.captures_hour, "captures_day": source.captures_day,
        })).collect::<Vec<_>>(),
        "links": status.links.iter().map(|link| json!({
            "link": link.link, "due": link.due, "waiting": link.waiting, "claimed": link.claimed,
            "parked": link.parked, "oldest_due": time(link.oldest_due),
        })).collect::<Vec<_>>(),
        "parked": status.parked.iter().map(|parked| json!({
            "what": parked.what, "whose": parked.whose, "code": parked.code, "count": parked.count,
        })).collect::<Vec<_>>(),
        "alarms": status.alarms.iter().map(|raised| json!({
            "key": raised.alarm.key, "code": raised.alarm.code, "detail": raised.alarm.detail,
            "since": raised.since.to_string(), "count": raised.count,
        })).collect::<Vec<_>>(),
        "mirrors": status.mirrors.iter().map(|mirror| json!({
            "link": mirror.link, "object": mirror.object, "at": mirror.at.to_string(), "rows": mirror.rows,
        })).collect::<Vec<_>>(),
        "stages": status.stages.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "handoffs": status.handoffs.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "deadlines_late": status.deadlines_late,
        "config": status.config.as_ref().map(|(hash, epoch)| json!({ "hash": hash, "epoch": epoch })),
    })
}
